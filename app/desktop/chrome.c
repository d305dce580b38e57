/*
 * Above the stripe everything is the window's own, drawn from what the session says; below it is
 * the page, which shows what services say. Nothing crosses it: no pane of a service's can be drawn
 * here, and what looks like this is below the stripe. Its colours come from the hash of the
 * instance's key, as everywhere (app/web/page/frame.ts), so that a person learns to know it.
 */
#include "chrome.h"

#include <string.h>
#include <time.h>

enum { STRIPES = 24, STRIPE_HEIGHT = 4, SPACE = 8, COLOURS = 8 };

struct chrome {
        void (*act)(void *arg, enum chrome_act act);
        void *arg;
        GtkWidget *box, *bar, *who, *account, *as, *instance, *key, *room, *stripe, *lease, *acts,
                *away, *first;
        struct standing now;
        bool asks, is_away;
        guint tick;
};

/* The reserved colours of tokens.css; above what a theme, or a user's own style, says. */
static const char style[] =
        ".capos-frame, .capos-frame headerbar { background: #1d2730; color: #f3f1ec;"
        " border: none; box-shadow: none; border-radius: 0; text-shadow: none; }"
        ".capos-frame headerbar { padding: 0 8px; min-height: 44px; }"
        ".capos-frame label { color: #f3f1ec; text-shadow: none; }"
        ".capos-frame .muted { color: #b3bcc4; }"
        ".capos-frame .strong { font-weight: bold; }"
        ".capos-frame .mono { font-family: monospace; font-size: 92%; }"
        ".capos-frame .warns { color: #f0c674; }"
        ".capos-frame .over { color: #ffab9f; }"
        ".capos-frame button { background: none; color: #f3f1ec; border: 1px solid #55626d;"
        " border-radius: 6px; box-shadow: none; text-shadow: none; min-height: 24px;"
        " padding: 2px 10px; outline-color: #8fd8d2; -gtk-icon-shadow: none; }"
        ".capos-frame button:hover { background: #33404b; }"
        ".capos-frame button:focus { box-shadow: 0 0 0 2px #8fd8d2; }"
        ".capos-frame button:disabled label { color: #7d8890; }"
        ".capos-frame button.titlebutton { border: none; }"
        ".capos-frame .sheet { padding: 14px 24px 16px 24px; border-top: 1px solid #55626d; }"
        ".capos-frame .sheet .title { font-size: 125%; font-weight: bold; padding: 0; }"
        ".capos-frame .lease { margin: 0 8px; }"
        ".capos-frame entry { background: #0b0f13; color: #f3f1ec; border: 1px solid #8fd8d2;"
        " border-radius: 6px; box-shadow: none; caret-color: #f3f1ec; min-height: 32px; }";

/* ---- the stripe ----------------------------------------------------------------------------- */

static uint32_t stripe_hash(const char *text, uint32_t n)
{
        uint32_t x = 2166136261U ^ n;

        for (; *text; text++)
                x = (x ^ (unsigned char)*text) * 16777619U;
        return x ^ (x >> 13);
}

static gboolean on_draw(GtkWidget *w, cairo_t *to, gpointer arg)
{
        static const uint32_t colours[COLOURS] = {0xc2703d, 0xd9a441, 0x5e9c55, 0x3f9fa0,
                                                  0x4f7fc4, 0x8a6cc2, 0xc25f8e, 0x9aa4ad};
        const struct chrome *c = arg;
        const char *key = c->now.fingerprint;
        int wide = gtk_widget_get_allocated_width(w);

        for (int i = 0; i < STRIPES; i++) {
                uint32_t rgb = *key ? colours[stripe_hash(key, (uint32_t)i) % COLOURS] : 0x55626d;
                int from = wide * i / STRIPES;

                cairo_set_source_rgb(to, (rgb >> 16) / 255.0, (rgb >> 8 & 255) / 255.0,
                                     (rgb & 255) / 255.0);
                cairo_rectangle(to, from, 0, wide * (i + 1) / STRIPES - from, STRIPE_HEIGHT);
                cairo_fill(to);
        }
        return TRUE;
}

/* ---- what it says --------------------------------------------------------------------------- */

static void label_say(GtkWidget *l, const char *text)
{
        if (strcmp(gtk_label_get_text(GTK_LABEL(l)), text) != 0)
                gtk_label_set_text(GTK_LABEL(l), text);
        gtk_widget_set_visible(l, *text);
}

/* "sha256:X48E…DBPE", as the page has it. */
static void key_brief(const char *key, char to[64])
{
        size_t n = strlen(key);

        if (n > 24)
                (void)g_snprintf(to, 64, "%.11s…%s", key, key + n - 4);
        else
                (void)g_strlcpy(to, key, 64);
}

/* How long the lease lasts; minutes are enough, and do not change all the time. */
static void lease_say(struct chrome *c)
{
        GtkStyleContext *look = gtk_widget_get_style_context(c->lease);
        uint64_t now = (uint64_t)g_get_real_time() / 1000;
        uint64_t left = c->now.ends_ms > now ? (c->now.ends_ms - now) / 1000 : 0;
        bool warns = c->now.is_down || left < 60;
        char text[96] = "";

        if (!c->now.is_in)
                ;
        else if (c->now.is_over)
                (void)g_strlcpy(text, "ended", sizeof(text));
        else if (c->now.is_down)
                (void)g_strlcpy(text, "reconnecting", sizeof(text));
        else if (left >= 3600)
                (void)g_snprintf(text, sizeof(text), "Lease: %u h %u min", (unsigned)(left / 3600),
                                 (unsigned)(left / 60 % 60));
        else if (left >= 60)
                (void)g_snprintf(text, sizeof(text), "Lease: %u min", (unsigned)(left / 60));
        else
                (void)g_snprintf(text, sizeof(text), "Lease: %u s", (unsigned)left);
        (c->now.is_over ? gtk_style_context_add_class : gtk_style_context_remove_class)(look,
                                                                                        "over");
        (warns ? gtk_style_context_add_class : gtk_style_context_remove_class)(look, "warns");
        label_say(c->lease, text);
}

static gboolean on_tick(gpointer arg)
{
        lease_say(arg);
        return G_SOURCE_CONTINUE;
}

void chrome_standing(struct chrome *c, const struct standing *s)
{
        char brief[64], as[STANDING_NAME + 8];
        bool lives = s->is_in && !s->is_over;

        c->now = *s;
        key_brief(s->fingerprint, brief);
        (void)g_snprintf(as, sizeof(as), *s->profile ? "%s on" : "on", s->profile);
        label_say(c->account, s->is_in ? s->account : *s->instance ? "" : "capOS");
        label_say(c->as, s->is_in ? as : *s->instance ? "logging in to" : "");
        label_say(c->instance, s->instance);
        label_say(c->key, brief);
        gtk_widget_set_tooltip_text(c->key, s->fingerprint);
        lease_say(c);
        gtk_widget_set_visible(c->acts, s->is_in);
        gtk_widget_set_sensitive(c->acts, lives && !c->asks);
        gtk_widget_queue_draw(c->stripe);
}

void chrome_away(struct chrome *c, bool away)
{
        c->is_away = away;
        gtk_widget_set_visible(c->away, away);
}

void chrome_asks(struct chrome *c, bool asks)
{
        c->asks = asks;
        gtk_widget_set_visible(c->room, asks);
        gtk_widget_set_sensitive(c->acts, c->now.is_in && !c->now.is_over && !asks);
        gtk_widget_set_sensitive(c->first, !asks);
        gtk_widget_set_sensitive(c->away, !asks);
}

GtkBox *chrome_room(struct chrome *c)
{
        return GTK_BOX(c->room);
}

GtkWidget *chrome_first(struct chrome *c)
{
        return c->first;
}

/* ---- life ----------------------------------------------------------------------------------- */

static void on_button(GtkButton *b, gpointer arg)
{
        struct chrome *c = arg;

        c->act(c->arg,
               (enum chrome_act)GPOINTER_TO_INT(g_object_get_data(G_OBJECT(b), "capos-act")));
}

static GtkWidget *button_new(struct chrome *c, const char *text, enum chrome_act act)
{
        GtkWidget *b = gtk_button_new_with_label(text);

        gtk_widget_set_valign(b, GTK_ALIGN_CENTER);
        g_object_set_data(G_OBJECT(b), "capos-act", GINT_TO_POINTER(act));
        g_signal_connect(b, "clicked", G_CALLBACK(on_button), c);
        return b;
}

static GtkWidget *who_label(struct chrome *c, const char *class)
{
        GtkWidget *l = gtk_label_new("");

        gtk_style_context_add_class(gtk_widget_get_style_context(l), class);
        gtk_label_set_ellipsize(GTK_LABEL(l), PANGO_ELLIPSIZE_END);
        gtk_widget_set_no_show_all(l, TRUE);
        gtk_container_add(GTK_CONTAINER(c->who), l);
        return l;
}

static void style_use(void)
{
        GtkCssProvider *p = gtk_css_provider_new();

        (void)gtk_css_provider_load_from_data(p, style, -1, NULL);
        gtk_style_context_add_provider_for_screen(gdk_screen_get_default(), GTK_STYLE_PROVIDER(p),
                                                  GTK_STYLE_PROVIDER_PRIORITY_USER + 1);
        g_object_unref(p);
}

static void bar_fill(struct chrome *c)
{
        GtkHeaderBar *bar = GTK_HEADER_BAR(c->bar);
        GtkWidget *none = gtk_label_new("");

        c->who = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, SPACE);
        c->account = who_label(c, "strong");
        c->as = who_label(c, "muted");
        c->instance = who_label(c, "strong");
        c->key = who_label(c, "mono");
        gtk_style_context_add_class(gtk_widget_get_style_context(c->key), "muted");
        c->first = button_new(c, "Find", CHROME_FIND);
        gtk_widget_set_tooltip_text(c->first, "Ctrl K");
        c->lease = gtk_label_new("");
        gtk_style_context_add_class(gtk_widget_get_style_context(c->lease), "lease");
        gtk_widget_set_no_show_all(c->lease, TRUE);
        c->acts = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, SPACE);
        gtk_container_add(GTK_CONTAINER(c->acts), button_new(c, "Renew", CHROME_RENEW));
        gtk_container_add(GTK_CONTAINER(c->acts), button_new(c, "Reset layout", CHROME_RESET));
        gtk_container_add(GTK_CONTAINER(c->acts), button_new(c, "Log out", CHROME_LOGOUT));
        gtk_widget_show_all(c->acts);
        gtk_widget_set_no_show_all(c->acts, TRUE);
        c->away = button_new(c, "In your browser: stop", CHROME_STOP);
        gtk_widget_set_no_show_all(c->away, TRUE);
        gtk_header_bar_set_show_close_button(bar, TRUE);
        gtk_header_bar_set_custom_title(bar, none); /* who one is, is said at the left */
        gtk_header_bar_pack_start(bar, c->who);
        gtk_header_bar_pack_end(bar, c->acts);
        gtk_header_bar_pack_end(bar, c->lease);
        gtk_header_bar_pack_end(bar, c->first);
        gtk_header_bar_pack_end(bar, c->away);
}

struct chrome *chrome_new(GtkWindow *w, void (*act)(void *arg, enum chrome_act act), void *arg)
{
        struct chrome *c = g_new0(struct chrome, 1);

        c->act = act;
        c->arg = arg;
        style_use();
        c->box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);
        gtk_style_context_add_class(gtk_widget_get_style_context(c->box), "capos-frame");
        atk_object_set_name(gtk_widget_get_accessible(c->box), "Frame");
        c->bar = gtk_header_bar_new();
        c->room = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);
        gtk_widget_set_no_show_all(c->room, TRUE);
        c->stripe = gtk_drawing_area_new();
        gtk_widget_set_size_request(c->stripe, -1, STRIPE_HEIGHT);
        g_signal_connect(c->stripe, "draw", G_CALLBACK(on_draw), c);
        bar_fill(c);
        gtk_container_add(GTK_CONTAINER(c->box), c->bar);
        gtk_container_add(GTK_CONTAINER(c->box), c->room);
        gtk_container_add(GTK_CONTAINER(c->box), c->stripe);
        gtk_window_set_titlebar(w, c->box);
        gtk_widget_show_all(c->box);
        chrome_standing(c, &(struct standing){.is_in = false});
        c->tick = g_timeout_add_seconds(1, on_tick, c);
        return c;
}

void chrome_free(struct chrome *c)
{
        (void)g_source_remove(c->tick);
        g_free(c);
}
