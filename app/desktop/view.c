/*
 * WebKit, told as little as possible. The page's files come from this program, by a scheme of its
 * own; frames go up as messages of its script, and down as calls of it. There is nothing else: no
 * other address is gone to or fetched, no window is opened, nothing is stored, loaded down, asked
 * for or shown over the page. WebKit's web process is in its sandbox (bubblewrap), and none of its
 * processes can reach a network (confine.h), whatever all of that is worth.
 */
#include "view.h"

#include "page.h"

#include <stdlib.h>
#include <string.h>
#include <webkit2/webkit2.h>

enum {
        HELD = 1 << 20,  /* bytes that the page has not taken yet: then nothing more is read */
        AGAIN_MS = 2000, /* a page that breaks down sooner is not begun again at once */
        ZOOM_STEPS = 10,
};

#define PAGE "capos://page"

struct view {
        WebKitWebView *web;
        WebKitWebContext *context;
        const struct view_ops *ops;
        void *arg;
        GCancellable *told; /* what the page is being told */
        size_t held;
        bool holds;
        int zoom;
        guint again;
};

/* ---- its files ------------------------------------------------------------------------------ */

static void file_answer(WebKitURISchemeRequest *q, const struct page_file *f)
{
        static const char *const headers[][2] = {
                {"Content-Security-Policy", PAGE_POLICY("'none'")},
                {"X-Content-Type-Options", "nosniff"},
                {"Referrer-Policy", "no-referrer"},
                {"Cross-Origin-Opener-Policy", "same-origin"},
                {"Cross-Origin-Resource-Policy", "same-origin"},
        };
        GInputStream *bytes = g_memory_input_stream_new_from_data(f->bytes, (gssize)f->len, NULL);
        SoupMessageHeaders *to = soup_message_headers_new(SOUP_MESSAGE_HEADERS_RESPONSE);
        WebKitURISchemeResponse *r;

        if (f->packed) {
                GConverter *gzip =
                        G_CONVERTER(g_zlib_decompressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP));
                GInputStream *packed = bytes;

                bytes = g_converter_input_stream_new(packed, gzip);
                g_object_unref(packed);
                g_object_unref(gzip);
        }
        r = webkit_uri_scheme_response_new(bytes, f->packed ? -1 : (gint64)f->len);
        webkit_uri_scheme_response_set_status(r, 200, NULL);
        webkit_uri_scheme_response_set_content_type(r, f->type);
        for (unsigned i = 0; i < G_N_ELEMENTS(headers); i++)
                soup_message_headers_append(to, headers[i][0], headers[i][1]);
        soup_message_headers_append(to, "Content-Type", f->type); /* which nosniff goes by */
        webkit_uri_scheme_response_set_http_headers(r, to);       /* which takes them */
        webkit_uri_scheme_request_finish_with_response(q, r);
        g_object_unref(r);
        g_object_unref(bytes);
}

static void on_request(WebKitURISchemeRequest *q, gpointer arg)
{
        const char *uri = webkit_uri_scheme_request_get_uri(q);
        const struct page_file *f = page_files;
        GError *e;

        (void)arg;
        while (f->path &&
               (strncmp(uri, PAGE, strlen(PAGE)) != 0 || strcmp(uri + strlen(PAGE), f->path) != 0))
                f++;
        if (f->path) {
                file_answer(q, f);
                return;
        }
        e = g_error_new_literal(G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "there is no such file");
        webkit_uri_scheme_request_finish_error(q, e);
        g_error_free(e);
}

/* ---- what the page says --------------------------------------------------------------------- */

static void on_message(WebKitUserContentManager *m, WebKitJavascriptResult *r, gpointer arg)
{
        JSCValue *value = webkit_javascript_result_get_js_value(r);
        struct view *v = arg;
        char *text = jsc_value_is_string(value) ? jsc_value_to_string(value) : NULL;

        (void)m;
        if (!text)
                return;
        if (*text == '{')
                v->ops->frame(v->arg, text, strlen(text));
        else if (g_str_has_prefix(text, "open "))
                v->ops->open(v->arg, (unsigned)strtoul(text + strlen("open "), NULL, 10));
        else if (g_str_has_prefix(text, "close "))
                v->ops->close(v->arg, (unsigned)strtoul(text + strlen("close "), NULL, 10));
        g_free(text);
}

/* ---- what it is told ------------------------------------------------------------------------ */

struct telling {
        struct view *v; /* NULL: its window is gone, or the page was begun anew */
        GCancellable *c;
        size_t len;
};

static void on_told(GObject *web, GAsyncResult *r, gpointer arg)
{
        struct telling *t = arg;
        JSCValue *value = webkit_web_view_call_async_javascript_function_finish(
                WEBKIT_WEB_VIEW(web), r, NULL);
        struct view *v = g_cancellable_is_cancelled(t->c) ? NULL : t->v;

        if (value)
                g_object_unref(value);
        if (v) {
                v->held -= MIN(t->len, v->held);
                if (v->holds && v->held < HELD / 2) {
                        v->holds = false;
                        v->ops->hold(v->arg, false);
                }
        }
        g_object_unref(t->c);
        g_free(t);
}

static void page_call(struct view *v, const char *body, GVariant *args, size_t len)
{
        struct telling *t = g_new0(struct telling, 1);

        *t = (struct telling){.v = v, .c = g_object_ref(v->told), .len = len};
        v->held += len;
        webkit_web_view_call_async_javascript_function(v->web, body, -1, args, NULL, NULL, v->told,
                                                       on_told, t);
        if (!v->holds && v->held > HELD) {
                v->holds = true;
                v->ops->hold(v->arg, true);
        }
}

/* With its number, and what else there is. */
static GVariant *args_of(unsigned line, GVariant *text, unsigned code)
{
        GVariantDict d;

        g_variant_dict_init(&d, NULL);
        g_variant_dict_insert(&d, "line", "u", line);
        g_variant_dict_insert(&d, "code", "u", code);
        if (text)
                g_variant_dict_insert_value(&d, "text", text);
        return g_variant_dict_end(&d);
}

void view_opened(struct view *v, unsigned line)
{
        page_call(v, "capos.opened(line)", args_of(line, NULL, 0), 0);
}

void view_frame(struct view *v, unsigned line, const char *text, size_t len)
{
        char *copy = g_strndup(text, len);

        page_call(v, "capos.frame(line, text)", args_of(line, g_variant_new_take_string(copy), 0),
                  len);
}

void view_closed(struct view *v, unsigned line, unsigned code)
{
        page_call(v, "capos.closed(line, code)", args_of(line, NULL, code), 0);
}

void view_press(struct view *v, const char *id)
{
        page_call(v, "document.getElementById(text)?.click()",
                  args_of(0, g_variant_new_string(id), 0), 0);
}

void view_enter(struct view *v, bool last)
{
        page_call(v, "capos.enter(code)", args_of(0, NULL, last), 0);
}

void view_zoom(struct view *v, int step)
{
        v->zoom = step ? CLAMP(v->zoom + step, -ZOOM_STEPS / 2, ZOOM_STEPS) : 0;
        webkit_web_view_set_zoom_level(v->web, 1 + v->zoom / (double)ZOOM_STEPS);
}

/* ---- what is refused ------------------------------------------------------------------------ */

static bool is_page(const char *uri)
{
        static const char root[] = PAGE "/";
        size_t n = strlen(root);

        return !strncmp(uri, root, n) && (!uri[n] || uri[n] == '#');
}

static gboolean on_policy(WebKitWebView *web, WebKitPolicyDecision *d,
                          WebKitPolicyDecisionType type, gpointer arg)
{
        struct view *v = arg;
        WebKitNavigationAction *a;
        const char *uri;

        (void)web;
        if (type == WEBKIT_POLICY_DECISION_TYPE_RESPONSE)
                return FALSE; /* of what was let through */
        a = webkit_navigation_policy_decision_get_navigation_action(
                WEBKIT_NAVIGATION_POLICY_DECISION(d));
        uri = webkit_uri_request_get_uri(webkit_navigation_action_get_request(a));
        if (type == WEBKIT_POLICY_DECISION_TYPE_NAVIGATION_ACTION && is_page(uri))
                return FALSE;
        webkit_policy_decision_ignore(d);
        if (webkit_navigation_action_is_user_gesture(a) &&
            (g_str_has_prefix(uri, "https://") || g_str_has_prefix(uri, "http://")))
                v->ops->link(v->arg, uri);
        return TRUE;
}

static GtkWidget *on_create(WebKitWebView *web, WebKitNavigationAction *a, gpointer arg)
{
        (void)web;
        (void)a;
        (void)arg;
        return NULL;
}

static gboolean on_permission(WebKitWebView *web, WebKitPermissionRequest *q, gpointer arg)
{
        (void)web;
        (void)arg;
        webkit_permission_request_deny(q);
        return TRUE;
}

static void on_download(WebKitWebContext *c, WebKitDownload *d, gpointer arg)
{
        (void)c;
        (void)arg;
        webkit_download_cancel(d);
}

/* Context menus, dialogs of scripts, pickers of files, printing, the whole screen. */
static gboolean on_refused(void)
{
        return TRUE;
}

/* ---- a page that breaks down ---------------------------------------------------------------- */

static gboolean on_again(gpointer arg)
{
        struct view *v = arg;

        v->again = 0;
        webkit_web_view_load_uri(v->web, PAGE "/");
        return G_SOURCE_REMOVE;
}

static void on_terminated(WebKitWebView *web, WebKitWebProcessTerminationReason why, gpointer arg)
{
        struct view *v = arg;

        (void)web;
        (void)why;
        v->ops->close(v->arg, 0);
        g_cancellable_cancel(v->told);
        g_object_unref(v->told);
        v->told = g_cancellable_new();
        v->held = 0;
        v->holds = false;
        if (!v->again)
                v->again = g_timeout_add(AGAIN_MS, on_again, v);
}

/* ---- life ----------------------------------------------------------------------------------- */

static WebKitSettings *settings_new(void)
{
        static const char *const off[] = {
                "enable-back-forward-navigation-gestures",
                "enable-developer-extras",
                "enable-dns-prefetching",
                "enable-fullscreen",
                "enable-html5-database",
                "enable-html5-local-storage",
                "enable-media",
                "enable-media-capabilities",
                "enable-media-stream",
                "enable-mediasource",
                "enable-encrypted-media",
                "enable-page-cache",
                "enable-webaudio",
                "enable-webgl",
                "enable-webrtc",
                "enable-write-console-messages-to-stdout",
                "javascript-can-access-clipboard",
                "javascript-can-open-windows-automatically",
        };
        WebKitSettings *s = webkit_settings_new();

        for (unsigned i = 0; i < G_N_ELEMENTS(off); i++)
                if (g_object_class_find_property(G_OBJECT_GET_CLASS(s), off[i]))
                        g_object_set(s, off[i], FALSE, NULL);
        /* Nothing here is worth a driver of a graphics card in the process that draws it. */
        webkit_settings_set_hardware_acceleration_policy(s,
                                                         WEBKIT_HARDWARE_ACCELERATION_POLICY_NEVER);
        return s;
}

static WebKitWebContext *context_new(struct view *v)
{
        WebKitWebContext *c = webkit_web_context_new_ephemeral();
        WebKitSecurityManager *s = webkit_web_context_get_security_manager(c);

        webkit_web_context_set_sandbox_enabled(c, TRUE);
        webkit_web_context_set_spell_checking_enabled(c, FALSE);
        webkit_web_context_register_uri_scheme(c, "capos", on_request, v, NULL);
        webkit_security_manager_register_uri_scheme_as_secure(s, "capos");
        webkit_security_manager_register_uri_scheme_as_cors_enabled(s, "capos");
        g_signal_connect(c, "download-started", G_CALLBACK(on_download), v);
        return c;
}

struct view *view_new(const struct view_ops *ops, void *arg)
{
        static const char *const refused[] = {
                "context-menu",      "script-dialog",    "run-file-chooser", "print",
                "show-notification", "enter-fullscreen", "authenticate"};
        struct view *v = g_new0(struct view, 1);
        WebKitUserContentManager *m = webkit_user_content_manager_new();
        WebKitSettings *s = settings_new();

        v->ops = ops;
        v->arg = arg;
        v->told = g_cancellable_new();
        v->context = context_new(v);
        g_signal_connect(m, "script-message-received::capos", G_CALLBACK(on_message), v);
        (void)webkit_user_content_manager_register_script_message_handler(m, "capos");
        v->web = g_object_new(WEBKIT_TYPE_WEB_VIEW, "web-context", v->context,
                              "user-content-manager", m, "settings", s, NULL);
        g_object_unref(m);
        g_object_unref(s);
        g_signal_connect(v->web, "decide-policy", G_CALLBACK(on_policy), v);
        g_signal_connect(v->web, "create", G_CALLBACK(on_create), v);
        g_signal_connect(v->web, "permission-request", G_CALLBACK(on_permission), v);
        g_signal_connect(v->web, "web-process-terminated", G_CALLBACK(on_terminated), v);
        for (unsigned i = 0; i < G_N_ELEMENTS(refused); i++)
                g_signal_connect(v->web, refused[i], G_CALLBACK(on_refused), v);
        webkit_web_view_load_uri(v->web, PAGE "/");
        return v;
}

void view_free(struct view *v)
{
        if (v->again)
                (void)g_source_remove(v->again);
        g_cancellable_cancel(v->told);
        g_object_unref(v->told);
        g_object_unref(v->context);
        g_free(v);
}

GtkWidget *view_widget(struct view *v)
{
        return GTK_WIDGET(v->web);
}
