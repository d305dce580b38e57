/*
 * A sheet is a part of the frame, above the stripe, where nothing of the page's is ever drawn. Each
 * text goes into a label as a text, never as markup, and is one run of its own for the direction of
 * writing.
 */
#include "sheet.h"

#include <string.h>

enum { WIDE = 640, LETTERS = 84, FACT = 52, TALL = 260, TEXT = 8192, SPACE = 6 };

struct sheet {
        GtkWidget *box, *body, *facts, *no, *yes, *entry, *title;
        int nfacts;
        guint deaf;
        sheet_answer *done;
        void *arg;
};

static GtkWidget *label_new(const char *text, const char *class)
{
        GtkWidget *l = gtk_label_new(text);

        gtk_label_set_xalign(GTK_LABEL(l), 0);
        gtk_label_set_line_wrap(GTK_LABEL(l), TRUE);
        gtk_label_set_max_width_chars(GTK_LABEL(l), LETTERS);
        gtk_label_set_line_wrap_mode(GTK_LABEL(l), PANGO_WRAP_WORD_CHAR);
        if (class)
                gtk_style_context_add_class(gtk_widget_get_style_context(l), class);
        return l;
}

static const char *text_of(capnp_text t, char to[TEXT])
{
        (void)g_snprintf(to, TEXT, "%.*s", (int)MIN(t.len, TEXT - 1), t.p ? t.p : "");
        return to;
}

/* ---- answers -------------------------------------------------------------------------------- */

/* Whoever is told frees it. */
static void sheet_end(struct sheet *s, bool yes)
{
        sheet_answer *done = s->done;

        if (!done || s->deaf)
                return;
        s->done = NULL;
        done(s->arg, yes, yes && s->entry ? gtk_entry_get_text(GTK_ENTRY(s->entry)) : NULL);
}

static void on_no(GtkButton *b, gpointer arg)
{
        (void)b;
        sheet_end(arg, false);
}

static void on_yes(GtkButton *b, gpointer arg)
{
        (void)b;
        sheet_end(arg, true);
}

static void on_enter(GtkEntry *e, gpointer arg)
{
        (void)e;
        sheet_end(arg, true);
}

static gboolean on_key(GtkWidget *w, GdkEventKey *e, gpointer arg)
{
        (void)w;
        if (e->keyval != GDK_KEY_Escape)
                return FALSE;
        sheet_end(arg, false);
        return TRUE;
}

/* ---- what it consists of -------------------------------------------------------------------- */

struct sheet *sheet_new(const char *title, const char *no, const char *yes, sheet_answer *done,
                        void *arg)
{
        struct sheet *s = g_new0(struct sheet, 1);
        GtkWidget *answers = gtk_button_box_new(GTK_ORIENTATION_HORIZONTAL);
        GtkWidget *in = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2 * SPACE);

        s->done = done;
        s->arg = arg;
        s->box = g_object_ref_sink(gtk_box_new(GTK_ORIENTATION_VERTICAL, 0));
        gtk_style_context_add_class(gtk_widget_get_style_context(s->box), "sheet");
        atk_object_set_role(gtk_widget_get_accessible(s->box), ATK_ROLE_DIALOG);
        atk_object_set_name(gtk_widget_get_accessible(s->box), title);
        s->title = label_new(title, "title");
        s->body = gtk_box_new(GTK_ORIENTATION_VERTICAL, SPACE);
        gtk_button_box_set_layout(GTK_BUTTON_BOX(answers), GTK_BUTTONBOX_END);
        gtk_box_set_spacing(GTK_BOX(answers), SPACE);
        s->no = gtk_button_new_with_label(no);
        gtk_container_add(GTK_CONTAINER(answers), s->no);
        g_signal_connect(s->no, "clicked", G_CALLBACK(on_no), s);
        if (yes) {
                s->yes = gtk_button_new_with_label(yes);
                gtk_container_add(GTK_CONTAINER(answers), s->yes);
                g_signal_connect(s->yes, "clicked", G_CALLBACK(on_yes), s);
        }
        gtk_widget_set_size_request(in, WIDE, -1);
        gtk_widget_set_halign(in, GTK_ALIGN_CENTER);
        gtk_container_add(GTK_CONTAINER(s->box), in);
        gtk_container_add(GTK_CONTAINER(in), s->title);
        gtk_container_add(GTK_CONTAINER(in), s->body);
        gtk_container_add(GTK_CONTAINER(in), answers);
        g_signal_connect(s->box, "key-press-event", G_CALLBACK(on_key), s);
        return s;
}

void sheet_warn(struct sheet *s)
{
        gtk_style_context_add_class(gtk_widget_get_style_context(s->title), "warns");
}

void sheet_say(struct sheet *s, const char *text, bool strong)
{
        if (*text)
                gtk_container_add(GTK_CONTAINER(s->body), label_new(text, strong ? "warns" : NULL));
}

void sheet_fact(struct sheet *s, const char *name, const char *value, const char *more)
{
        GtkWidget *l;

        if (!s->facts) {
                GtkWidget *scroll = gtk_scrolled_window_new(NULL, NULL);

                s->facts = gtk_grid_new();
                gtk_grid_set_column_spacing(GTK_GRID(s->facts), 2 * SPACE);
                gtk_grid_set_row_spacing(GTK_GRID(s->facts), SPACE / 2);
                gtk_scrolled_window_set_policy(GTK_SCROLLED_WINDOW(scroll), GTK_POLICY_NEVER,
                                               GTK_POLICY_AUTOMATIC);
                gtk_scrolled_window_set_max_content_height(GTK_SCROLLED_WINDOW(scroll), TALL);
                gtk_scrolled_window_set_propagate_natural_height(GTK_SCROLLED_WINDOW(scroll), TRUE);
                gtk_container_add(GTK_CONTAINER(scroll), s->facts);
                gtk_container_add(GTK_CONTAINER(s->body), scroll);
        }
        l = label_new(name, "muted");
        gtk_label_set_line_wrap(GTK_LABEL(l), FALSE);
        gtk_widget_set_valign(l, GTK_ALIGN_START);
        gtk_grid_attach(GTK_GRID(s->facts), l, 0, s->nfacts, 1, 1);
        l = label_new(value, "mono");
        gtk_label_set_width_chars(GTK_LABEL(l), FACT); /* as tall as it is at that, and no taller */
        gtk_widget_set_hexpand(l, TRUE);
        gtk_grid_attach(GTK_GRID(s->facts), l, 1, s->nfacts, 1, 1);
        if (more) {
                l = label_new(more, "muted");
                gtk_label_set_line_wrap(GTK_LABEL(l), FALSE);
                gtk_grid_attach(GTK_GRID(s->facts), l, 2, s->nfacts, 1, 1);
        }
        s->nfacts++;
}

void sheet_type(struct sheet *s, const char *label, bool secret)
{
        s->entry = gtk_entry_new();
        gtk_entry_set_visibility(GTK_ENTRY(s->entry), !secret);
        gtk_entry_set_input_purpose(GTK_ENTRY(s->entry), secret ? GTK_INPUT_PURPOSE_PASSWORD
                                                                : GTK_INPUT_PURPOSE_FREE_FORM);
        atk_object_set_name(gtk_widget_get_accessible(s->entry), label);
        g_signal_connect(s->entry, "activate", G_CALLBACK(on_enter), s);
        gtk_container_add(GTK_CONTAINER(s->body), s->entry);
}

/* ---- what the host asks --------------------------------------------------------------------- */

static void prompt_command(struct sheet *s, web_down_prompt_reader p, const char *who)
{
        static const char *const effects[] = {"It only reads.", "It changes what you alone see.",
                                              "Others will see it.",
                                              "It cannot be undone, or acts on the world outside."};
        web_down_prompt_argument_list l = web_down_prompt_arguments(p);
        enum command_effect effect = web_down_prompt_effect(p);
        char a[TEXT], b[TEXT];
        char *line =
                g_strdup_printf("%s wants to run: %s", who, text_of(web_down_prompt_what(p), a));

        sheet_say(s, line, false);
        g_free(line);
        line = g_strdup_printf("%s · %s", text_of(web_down_prompt_capability(p), a),
                               text_of(web_down_prompt_method(p), b));
        sheet_fact(s, "Calls", line, NULL);
        g_free(line);
        for (uint32_t i = 0; i < web_down_prompt_argument_list_len(l); i++) {
                web_down_prompt_argument_reader r = web_down_prompt_argument_list_get(l, i);

                sheet_fact(s, text_of(web_down_prompt_argument_path(r), a),
                           text_of(web_down_prompt_argument_value(r), b),
                           web_down_prompt_argument_constant(r) ? "set by the service" : NULL);
        }
        text_of(web_down_prompt_account(p), a);
        sheet_fact(s, "As", *a ? a : "nobody", NULL);
        sheet_say(s, effects[effect < G_N_ELEMENTS(effects) ? effect : G_N_ELEMENTS(effects) - 1],
                  effect >= COMMAND_EFFECT_LASTING);
}

struct sheet *sheet_of_prompt(web_down_prompt_reader p, sheet_answer *done, void *arg)
{
        static const char *const titles[] = {"Run this?", "Keep this place?", "Keep this look?",
                                             "Change the look of everything?",
                                             "Let this service open panes?"};
        enum web_down_prompt_kind kind = web_down_prompt_kind(p);
        bool command = kind == WEB_DOWN_PROMPT_KIND_COMMAND;
        char who[TEXT], text[TEXT];
        struct sheet *s = sheet_new(kind < G_N_ELEMENTS(titles) ? titles[kind] : "Allow this?",
                                    "No", command ? "Run it" : "Allow", done, arg);

        text_of(web_down_prompt_service_title(p), who);
        if (!*who)
                text_of(web_down_prompt_service(p), who);
        if (command)
                prompt_command(s, p, who);
        else
                sheet_say(s, text_of(web_down_prompt_text(p), text), false);
        return s;
}

struct sheet *sheet_of_key(web_down_key_reader k, sheet_answer *done, void *arg)
{
        bool changed = web_down_key_known(k).len;
        struct sheet *s = sheet_new(changed ? "This instance has another key than it had"
                                            : "Is this the instance you mean?",
                                    changed ? "Leave it" : "No",
                                    changed ? "It is still it" : "It is the one", done, arg);
        char text[TEXT];

        if (changed)
                sheet_warn(s);
        sheet_say(s,
                  changed ? "Either its key was replaced, or somebody is between you and it. Ask "
                            "whoever runs it before you go on."
                          : "You have not met it before. Compare the fingerprint with what its "
                            "operator has told you.",
                  changed);
        sheet_fact(s, "Address", text_of(web_down_key_address(k), text), NULL);
        sheet_fact(s, "Fingerprint", text_of(web_down_key_fingerprint(k), text), NULL);
        if (*text_of(web_down_key_words(k), text))
                sheet_fact(s, "In words", text, NULL);
        if (changed)
                sheet_fact(s, "Known so far", text_of(web_down_key_known(k), text), NULL);
        return s;
}

struct sheet *sheet_of_step(web_down_step_reader r, const char *instance, sheet_answer *done,
                            void *arg)
{
        char text[TEXT];
        bool secret = web_down_step_redaction(r);
        char *title = g_strdup_printf(secret ? "To log in to %s" : "%s asks", instance);
        struct sheet *s = sheet_new(title, "Cancel", "Go on", done, arg);

        g_free(title);
        if (!*text_of(web_down_step_prompt(r), text))
                (void)g_strlcpy(text, secret ? "Secret" : "Answer", sizeof(text));
        sheet_say(s, text, false);
        sheet_type(s, text, secret);
        return s;
}

/* ---- life ----------------------------------------------------------------------------------- */

static gboolean on_heard(gpointer arg)
{
        struct sheet *s = arg;

        s->deaf = 0;
        gtk_widget_set_sensitive(s->no, TRUE);
        if (s->yes)
                gtk_widget_set_sensitive(s->yes, TRUE);
        gtk_widget_grab_focus(s->entry ? s->entry : s->no);
        return G_SOURCE_REMOVE;
}

void sheet_show(struct sheet *s, GtkBox *where, unsigned deaf_ms)
{
        gtk_container_add(GTK_CONTAINER(where), s->box);
        gtk_widget_show_all(GTK_WIDGET(s->box));
        gtk_widget_set_sensitive(s->no, FALSE);
        if (s->yes)
                gtk_widget_set_sensitive(s->yes, FALSE);
        s->deaf = g_timeout_add(deaf_ms, on_heard, s);
}

void sheet_hide(struct sheet *s)
{
        GtkWidget *parent = gtk_widget_get_parent(s->box);

        if (s->deaf)
                (void)g_source_remove(s->deaf);
        s->deaf = 0;
        if (parent)
                gtk_container_remove(GTK_CONTAINER(parent), s->box);
}

struct sheet *sheet_free(struct sheet *s)
{
        if (!s)
                return NULL;
        sheet_hide(s);
        s->done = NULL;
        if (s->entry)
                gtk_entry_set_text(GTK_ENTRY(s->entry), "");
        gtk_widget_destroy(s->box);
        g_object_unref(s->box);
        g_free(s);
        return NULL;
}
