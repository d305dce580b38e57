/*
 * What stands between the page and the session: it makes the line that the page asks for, has
 * frames.c look at all that goes by, shows what that says in the frame, and asks what is to be
 * asked there.
 *
 * The session is another process (capos-web), which this one knows by two sockets: one by which a
 * line comes to it, and one by which a browser may. It is started with the first line, and with the
 * next one when it has ended.
 */
#include "window.h"

#include "chrome.h"
#include "helper.h"
#include "io-packet.h"
#include "line.h"
#include "packets.h"
#include "sheet.h"
#include "view.h"

#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

enum {
        WIDE = 1280,
        TALL = 860,
        LEAST_WIDE = 640,
        LEAST_TALL = 420,
        LOST = 1006,
        PART_OF_DIM = 2,
        FILLS_MS = 300,
};

struct window {
        GtkWidget *top;
        struct chrome *chrome;
        struct view *view;
        struct frames *frames;
        struct line *line;
        unsigned number; /* of the page's line */
        int helper;
        bool has_opener;
        int sockets, starts; /* to the session; -1: there is none */
        int life;            /* closed when a browser's front has ended; -1: there is none */
        guint life_watch;
        struct sheet *asked[FRAMES_QUESTIONS]; /* what is asked, and not answered */
        struct sheet *link;
        struct sheet *shown;
        bool asks; /* one of them is shown: nothing else can be used */
        char *url; /* of link */
        char instance[STANDING_TEXT];
        uint64_t ends_ms;  /* of the session; 0: there is none */
        bool in_page;      /* the keyboard goes to the page */
        guint tab;         /* the key that moves it just now, or 0 … */
        guint32 tabbed_ms; /* … and when it was pressed, in the page */
        guint fills;       /* a timer: it is as large as the screen */
};

/* ---- what is asked -------------------------------------------------------------------------- */

/* Shows what matters most of what is asked; the page can be used when nothing is. */
static void ask_next(struct window *w)
{
        struct sheet *next = NULL, *was = w->shown;

        for (unsigned q = 0; q < FRAMES_QUESTIONS && !next; q++)
                next = w->asked[q];
        if (!next)
                next = w->link;
        if (next ? next == w->shown : !w->asks)
                return;
        w->shown = next;
        w->asks = next;
        if (was)
                sheet_hide(was);
        gtk_widget_set_sensitive(view_widget(w->view), !next);
        gtk_widget_set_opacity(view_widget(w->view), next ? 1.0 / PART_OF_DIM : 1);
        chrome_asks(w->chrome, next);
        if (next)
                sheet_show(next, chrome_room(w->chrome), SHEET_DEAF_MS);
        else
                gtk_widget_grab_focus(view_widget(w->view));
}

static void ask_end(struct window *w, struct sheet **s)
{
        if (*s && *s == w->shown)
                w->shown = NULL;
        *s = sheet_free(*s);
}

static void ask_put(struct window *w, enum frames_question q, struct sheet *s)
{
        ask_end(w, &w->asked[q]);
        w->asked[q] = s;
        ask_next(w);
}

static void on_prompted(void *arg, bool yes, const char *text)
{
        struct window *w = arg;

        (void)text;
        frames_confirm(w->frames, yes);
        ask_put(w, FRAMES_PROMPT, NULL);
}

static void on_trusted(void *arg, bool yes, const char *text)
{
        struct window *w = arg;

        (void)text;
        frames_trust(w->frames, yes);
        ask_put(w, FRAMES_KEY, NULL);
}

static void on_typed(void *arg, bool yes, const char *text)
{
        struct window *w = arg;

        frames_secret(w->frames, yes ? text : NULL);
        ask_put(w, FRAMES_SECRET, NULL);
}

static void on_granted(void *arg, bool yes, const char *text)
{
        struct window *w = arg;

        (void)text;
        frames_grant(w->frames, yes);
        ask_put(w, FRAMES_ACT, NULL);
}

static void on_prompt(void *arg, web_down_prompt_reader p)
{
        ask_put(arg, FRAMES_PROMPT, sheet_of_prompt(p, on_prompted, arg));
}

static void on_key(void *arg, web_down_key_reader k)
{
        ask_put(arg, FRAMES_KEY, sheet_of_key(k, on_trusted, arg));
}

static void on_secret(void *arg, web_down_step_reader s)
{
        struct window *w = arg;

        ask_put(w, FRAMES_SECRET, sheet_of_step(s, w->instance, on_typed, w));
}

static void on_gone(void *arg, enum frames_question q)
{
        ask_put(arg, q, NULL);
}

static struct sheet *sheet_of_act(enum frames_act act, sheet_answer *done, void *arg)
{
        bool out = act == FRAMES_LOGOUT;
        struct sheet *s = sheet_new(out ? "Log out?" : "Reset the layout?",
                                    out ? "Stay" : "Keep it", out ? "Log out" : "Reset", done, arg);

        sheet_say(s,
                  out ? "Every reference of this session is dead then, and its panes are closed. "
                        "What you see stays until you leave it."
                      : "Every wish, look, pin, move and closed mark of this session is forgotten.",
                  false);
        return s;
}

/* ---- a browser beside it -------------------------------------------------------------------- */

static void browser_end(struct window *w)
{
        if (w->life < 0)
                return;
        (void)g_source_remove(w->life_watch);
        (void)close(w->life);
        w->life = -1;
        chrome_away(w->chrome, false);
        helper_browser_end(w->helper);
}

static gboolean on_life(gint fd, GIOCondition c, gpointer arg)
{
        (void)fd;
        (void)c;
        browser_end(arg);
        return G_SOURCE_CONTINUE; /* it is gone already */
}

/* Whether one begins. */
static bool browser_begin(struct window *w)
{
        int life[2];

        browser_end(w);
        if (!w->has_opener || w->starts < 0 || !g_unix_open_pipe(life, FD_CLOEXEC, NULL))
                return false;
        if (helper_browser(w->helper, w->starts, life[1])) {
                (void)close(life[0]);
        } else {
                w->life = life[0];
                w->life_watch = g_unix_fd_add(w->life, G_IO_HUP | G_IO_IN, on_life, w);
                chrome_away(w->chrome, true);
        }
        (void)close(life[1]);
        return w->life >= 0;
}

/* ---- what the frames say -------------------------------------------------------------------- */

static void on_to_page(void *arg, const char *text, size_t len)
{
        struct window *w = arg;

        view_frame(w->view, w->number, text, len);
}

static void on_to_session(void *arg, const char *text, size_t len)
{
        struct window *w = arg;

        if (w->line)
                line_send(w->line, text, len);
}

static void on_standing(void *arg, const struct standing *s)
{
        struct window *w = arg;
        char *title = s->is_in ? g_strdup_printf("%s on %s - capOS", s->account, s->instance)
                               : g_strdup("capOS");

        if (s->is_in && s->ends_ms != w->ends_ms) /* what a browser went on for is done */
                browser_end(w);
        w->ends_ms = s->ends_ms;
        (void)g_strlcpy(w->instance, s->instance, sizeof(w->instance));
        chrome_standing(w->chrome, s);
        gtk_window_set_title(GTK_WINDOW(w->top), title);
        g_free(title);
}

static void on_asked(void *arg, enum frames_act act)
{
        struct window *w = arg;

        if (act != FRAMES_BROWSER) {
                ask_put(w, FRAMES_ACT, sheet_of_act(act, on_granted, w));
                return;
        }
        frames_grant(w->frames, browser_begin(w));
}

/* A file that somebody says where to save. */
struct saving {
        GtkFileChooserNative *where;
        char *text;
        gsize len;
};

static void on_where(GtkNativeDialog *d, gint answer, gpointer arg)
{
        struct saving *s = arg;
        char *path = answer == GTK_RESPONSE_ACCEPT
                             ? gtk_file_chooser_get_filename(GTK_FILE_CHOOSER(d))
                             : NULL;
        GError *e = NULL;

        if (path && !g_file_set_contents(path, s->text, (gssize)s->len, &e)) {
                g_printerr("capos: %s\n", e->message);
                g_error_free(e);
        }
        g_object_unref(s->where);
        g_free(path);
        g_free(s->text);
        g_free(s);
}

static void on_file(void *arg, web_down_file_reader f)
{
        struct window *w = arg;
        struct saving *s = g_new0(struct saving, 1);
        capnp_text name = web_down_file_name(f), text = web_down_file_text(f);
        char *base = g_strndup(name.p ? name.p : "", name.len);
        char *plain = g_path_get_basename(*base ? base : "transcript.json");

        s->len = text.len;
        s->text = g_strndup(text.p ? text.p : "", text.len);
        s->where = gtk_file_chooser_native_new("Save the transcript", GTK_WINDOW(w->top),
                                               GTK_FILE_CHOOSER_ACTION_SAVE, NULL, NULL);
        gtk_native_dialog_set_modal(GTK_NATIVE_DIALOG(s->where), TRUE);
        gtk_file_chooser_set_current_name(GTK_FILE_CHOOSER(s->where), plain);
        gtk_file_chooser_set_do_overwrite_confirmation(GTK_FILE_CHOOSER(s->where), TRUE);
        g_signal_connect(s->where, "response", G_CALLBACK(on_where), s);
        gtk_native_dialog_show(GTK_NATIVE_DIALOG(s->where));
        g_free(plain);
        g_free(base);
}

static void line_end(struct window *w, unsigned code);

static void on_fault(void *arg)
{
        line_end(arg, LOST);
}

static const struct frames_ops frames_ops = {.to_page = on_to_page,
                                             .to_session = on_to_session,
                                             .standing = on_standing,
                                             .prompt = on_prompt,
                                             .key = on_key,
                                             .secret = on_secret,
                                             .asked = on_asked,
                                             .gone = on_gone,
                                             .file = on_file,
                                             .fault = on_fault};

/* ---- the line ------------------------------------------------------------------------------- */

static void session_leave(struct window *w)
{
        browser_end(w);
        if (w->sockets >= 0)
                (void)close(w->sockets);
        if (w->starts >= 0)
                (void)close(w->starts);
        w->sockets = w->starts = -1;
}

/* Another session's process. 0, or -errno. */
static int session_begin(struct window *w)
{
        int sockets[2], starts[2], r = capos_io_packet_pair(sockets);

        if (r)
                return r;
        r = capos_io_packet_pair(starts);
        if (r) {
                (void)close(sockets[0]);
                (void)close(sockets[1]);
                return r;
        }
        r = helper_session(w->helper, sockets[1], starts[1]);
        w->sockets = sockets[0];
        w->starts = starts[0];
        if (r)
                session_leave(w);
        return r;
}

static void line_drop(struct window *w)
{
        w->line = line_free(w->line);
        frames_begin(w->frames);
}

static void line_end(struct window *w, unsigned code)
{
        if (!w->line)
                return;
        line_drop(w);
        view_closed(w->view, w->number, code);
}

static void on_line_message(void *arg, const char *text, size_t len)
{
        struct window *w = arg;

        frames_down(w->frames, text, len);
}

static void on_line_closed(void *arg, unsigned code)
{
        line_end(arg, code);
}

static const struct line_ops line_ops = {.message = on_line_message, .closed = on_line_closed};

/* A tab of the session's. 0, or -errno. */
static int line_begin(struct window *w)
{
        struct packet_socket p = {.len = 0};
        int fds[2], r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds);

        if (r)
                return -errno;
        r = capos_io_packet_send(w->sockets, &p, sizeof(p), &fds[1], 1);
        (void)close(fds[1]);
        if (r) {
                (void)close(fds[0]);
                return -EIO;
        }
        w->line = line_new(fds[0], &line_ops, w);
        return w->line ? 0 : -ENOMEM;
}

/* ---- what the page does --------------------------------------------------------------------- */

static void on_view_open(void *arg, unsigned number)
{
        struct window *w = arg;
        int r;

        line_drop(w);
        w->number = number;
        r = w->sockets < 0 ? session_begin(w) : 0;
        if (!r)
                r = line_begin(w);
        if (r == -EIO) { /* its process has ended */
                session_leave(w);
                r = session_begin(w);
                if (!r)
                        r = line_begin(w);
        }
        if (r)
                view_closed(w->view, number, LOST);
        else
                view_opened(w->view, number);
}

static void on_view_frame(void *arg, const char *text, size_t len)
{
        struct window *w = arg;

        if (w->line && len < LINE_FRAME)
                frames_up(w->frames, text, len);
        else
                line_end(w, LOST);
}

static void on_view_close(void *arg, unsigned number)
{
        struct window *w = arg;

        if (!number || number == w->number)
                line_drop(w);
}

static void on_linked(void *arg, bool yes, const char *text)
{
        struct window *w = arg;

        (void)text;
        if (yes)
                (void)!helper_link(w->helper, w->url);
        ask_end(w, &w->link);
        ask_next(w);
}

static void on_view_link(void *arg, const char *url)
{
        struct window *w = arg;

        if (w->link)
                return;
        g_free(w->url);
        w->url = g_strdup(url);
        w->link = sheet_new("Open this in your browser?", "No", "Open it", on_linked, w);
        sheet_fact(w->link, "Address", url, NULL);
        ask_next(w);
}

static void on_view_hold(void *arg, bool holds)
{
        struct window *w = arg;

        if (w->line)
                line_hold(w->line, holds);
}

static const struct view_ops view_ops = {.open = on_view_open,
                                         .frame = on_view_frame,
                                         .close = on_view_close,
                                         .link = on_view_link,
                                         .hold = on_view_hold};

/* ---- what a person does to the frame -------------------------------------------------------- */

static void on_act(void *arg, enum chrome_act act)
{
        struct window *w = arg;

        switch (act) {
        case CHROME_FIND:
        case CHROME_RENEW:
                gtk_widget_grab_focus(view_widget(w->view));
                view_press(w->view, act == CHROME_FIND ? "find" : "renew");
                break;
        case CHROME_LOGOUT:
        case CHROME_RESET:
                frames_ask(w->frames, act == CHROME_LOGOUT ? FRAMES_LOGOUT : FRAMES_RESET);
                break;
        case CHROME_STOP:
                browser_end(w);
                break;
        }
}

/* Who comes to the page by Tab comes to what is first in it, or last: not to a stop where nothing
 * has the focus. */
static void on_focus(GtkWindow *top, GtkWidget *now, gpointer arg)
{
        struct window *w = arg;
        bool page = now == view_widget(w->view);

        (void)top;
        if (!now)
                return; /* on its way to another */
        if (page && !w->in_page && w->tab)
                view_enter(w->view, w->tab == GDK_KEY_ISO_Left_Tab);
        w->in_page = page;
}

/* A Tab that leads out of the page comes twice: to the page, and, as that does not take it, again.
 * WebKit means that for its view, which else would pass on the next key in its stead; but the view
 * does not have the focus any more. Whether it is that. */
static bool tab_again(struct window *w, const GdkEventKey *e)
{
        bool is_tab = e->keyval == GDK_KEY_Tab || e->keyval == GDK_KEY_ISO_Left_Tab;
        bool again = is_tab && !w->in_page && e->time && e->time == w->tabbed_ms;

        w->tab = is_tab ? e->keyval : 0;
        if (is_tab && w->in_page)
                w->tabbed_ms = e->time;
        return again;
}

static gboolean on_press(GtkWidget *top, GdkEventKey *e, gpointer arg)
{
        struct window *w = arg;
        bool ctrl = e->state & GDK_CONTROL_MASK;
        GtkWidget *view = view_widget(w->view);

        if (tab_again(w, e)) {
                (void)gtk_widget_event(view, (GdkEvent *)e);
                return TRUE;
        }
        if (e->keyval == GDK_KEY_F6 && !w->shown)
                gtk_widget_grab_focus(gtk_widget_has_focus(view) ? chrome_first(w->chrome) : view);
        else if (ctrl && (e->keyval == GDK_KEY_plus || e->keyval == GDK_KEY_KP_Add))
                view_zoom(w->view, 1);
        else if (ctrl && (e->keyval == GDK_KEY_minus || e->keyval == GDK_KEY_KP_Subtract))
                view_zoom(w->view, -1);
        else if (ctrl && e->keyval == GDK_KEY_0)
                view_zoom(w->view, 0);
        else if (ctrl && e->keyval == GDK_KEY_q)
                gtk_window_close(GTK_WINDOW(top));
        else
                return FALSE;
        return TRUE;
}

/* A window that fills the screen has no title bar by GTK's rules: no frame, and no place where
 * something is asked. So it does not stay so, whoever has made it that. It is asked for again, for
 * a compositor that is in the midst of making it large does not always heed that. */
static gboolean on_fills(gpointer arg)
{
        struct window *w = arg;
        GdkWindow *top = gtk_widget_get_window(w->top);

        if (gdk_window_get_state(top) & GDK_WINDOW_STATE_FULLSCREEN) {
                gtk_window_unfullscreen(GTK_WINDOW(w->top));
                return G_SOURCE_CONTINUE;
        }
        w->fills = 0;
        return G_SOURCE_REMOVE;
}

static gboolean on_state(GtkWidget *top, GdkEventWindowState *e, gpointer arg)
{
        struct window *w = arg;

        (void)top;
        if (e->new_window_state & GDK_WINDOW_STATE_FULLSCREEN && !w->fills)
                w->fills = g_timeout_add(FILLS_MS, on_fills, w);
        return FALSE;
}

/* It goes when what stands on it has gone: window_free(). */
static gboolean on_delete(GtkWidget *top, GdkEvent *e, gpointer arg)
{
        (void)top;
        (void)e;
        (void)arg;
        gtk_main_quit();
        return TRUE;
}

/* ---- life ----------------------------------------------------------------------------------- */

struct window *window_new(int helper, bool has_opener)
{
        struct window *w = g_new0(struct window, 1);

        w->helper = helper;
        w->has_opener = has_opener;
        w->sockets = w->starts = w->life = -1;
        w->top = gtk_window_new(GTK_WINDOW_TOPLEVEL);
        gtk_window_set_default_size(GTK_WINDOW(w->top), WIDE, TALL);
        gtk_window_set_title(GTK_WINDOW(w->top), "capOS");
        gtk_window_set_icon_name(GTK_WINDOW(w->top), "capos");
        w->chrome = chrome_new(GTK_WINDOW(w->top), on_act, w);
        w->frames = frames_new(&frames_ops, w);
        w->view = view_new(&view_ops, w);
        gtk_widget_set_size_request(view_widget(w->view), LEAST_WIDE, LEAST_TALL);
        gtk_container_add(GTK_CONTAINER(w->top), view_widget(w->view));
        g_signal_connect(w->top, "delete-event", G_CALLBACK(on_delete), w);
        g_signal_connect(w->top, "window-state-event", G_CALLBACK(on_state), w);
        g_signal_connect(w->top, "set-focus", G_CALLBACK(on_focus), w);
        g_signal_connect(w->top, "key-press-event", G_CALLBACK(on_press), w);
        gtk_widget_show_all(w->top);
        gtk_widget_grab_focus(view_widget(w->view));
        return w;
}

void window_free(struct window *w)
{
        w->line = line_free(w->line);
        session_leave(w);
        if (w->fills)
                (void)g_source_remove(w->fills);
        for (unsigned q = 0; q < FRAMES_QUESTIONS; q++)
                w->asked[q] = sheet_free(w->asked[q]);
        w->link = sheet_free(w->link);
        gtk_widget_destroy(w->top);
        w->frames = frames_free(w->frames);
        view_free(w->view);
        chrome_free(w->chrome);
        g_free(w->url);
        g_free(w);
}
