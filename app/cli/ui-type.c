/*
 * What is typed at `capos ui`: commands of panes, answers to questions, and what the frame itself
 * can do, which begins with a slash, as no command of a service's can.
 *
 * Whether something was a person's act is no claim of the service's, nor of a script's: a command
 * that is not only shown is run for lines that were typed at a terminal, and for no others. A
 * question is answered by a line that was begun after it stood there; an empty one is the default,
 * and so is Ctrl-C: no.
 *
 * A script does not see when a pane is there. So a line of it waits until what it names is.
 */
#include "ui-screen.h"

#include "cap-schema.h"
#include "cli-near.h"
#include "command.capnp-c.h"
#include "remote_ui.capnp-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 256 };

typedef const char *const *words_list;

static bool is_typed(const struct screen *s)
{
        return shell_input_is_typed(s->lines.input);
}

/* The pane that a word numbers, `2` or `[2]`; NULL. */
static capos_ui_surface *pane_of(const struct screen *s, const char *word)
{
        char *end;
        unsigned long n = strtoul(word + (*word == '['), &end, 10);

        return end == word || (*end && *end != ']') ? NULL : screen_pane(s, n);
}

static bool pane_has(const capos_ui_surface *pane, const char *command)
{
        struct capos_ui_pane p;

        capos_ui_surface_info(pane, &p);
        for (uint32_t i = 0; i < p.commands; i++) {
                command_reader k = {capos_ui_command_at(pane, i)};

                if (!strcmp(command_id(k).p, command))
                        return true;
        }
        return false;
}

/* The pane whose command it is: the only one, if no number says which. */
static capos_ui_surface *pane_with(const struct screen *s, const char *command)
{
        capos_ui_surface *pane, *found = NULL;

        for (uint32_t i = 0; (pane = capos_ui_surface_at(s->ui, i)); i++) {
                if (!pane_has(pane, command))
                        continue;
                if (found) {
                        (void)cli_fail(s->c, EXIT_USAGE, "usage",
                                       "%s: several panes have it; put the number of one in front: "
                                       "%u %s",
                                       command, ui_show_number(found), command);
                        return NULL;
                }
                found = pane;
        }
        if (!found)
                (void)cli_fail(s->c, EXIT_USAGE, "unknown-command",
                               "%s: no pane has such a command (`/panes` shows them, `/help` what "
                               "else there is)",
                               command);
        return found;
}

/* `COMMAND FIELD=VALUE…` */
static void command_type(struct screen *s, capos_ui_surface *pane, words_list words, unsigned n)
{
        struct capos_ui_value values[CLI_WORDS];
        char paths[CLI_WORDS][PATH_BYTES];
        struct capos_ui_act act = {.command = words[0], .values = values, .trusted = is_typed(s)};

        for (unsigned i = 1; i < n; i++) {
                size_t len = strcspn(words[i], "=");

                if (!words[i][len]) {
                        (void)cli_fail(s->c, EXIT_USAGE, "usage",
                                       "%s: what is given to a command is FIELD=VALUE", words[i]);
                        return;
                }
                if (len >= sizeof(paths[0])) {
                        (void)cli_fail(s->c, EXIT_USAGE, "usage",
                                       "%.60s...: the name of a field has at most %d bytes",
                                       words[i], PATH_BYTES - 1);
                        return;
                }
                (void)snprintf(paths[i], sizeof(paths[i]), "%.*s", (int)len, words[i]);
                values[act.nvalues++] = (struct capos_ui_value){
                        .path = paths[i], .text = capnp_text_of(words[i] + len + 1), .typed = true};
        }
        screen_activate(s, pane, &act);
}

/* ---- what the frame can do ------------------------------------------------------------------- */

static void type_panes(struct screen *s, words_list words, unsigned n)
{
        capos_ui_surface *pane;

        (void)words;
        (void)n;
        for (uint32_t i = 0; (pane = capos_ui_surface_at(s->ui, i)); i++)
                ui_show_pane(&s->view, pane);
        if (s->asked)
                ui_show_prompt(&s->view, s->asked);
}

static void type_layout(struct screen *s, words_list words, unsigned n)
{
        (void)words;
        (void)n;
        ui_show_layout(&s->view, s->ui);
}

static void type_close(struct screen *s, words_list words, unsigned n)
{
        (void)n;
        capos_ui_close(pane_of(s, words[1]));
}

static void type_pin(struct screen *s, words_list words, unsigned n)
{
        (void)n;
        capos_ui_pin(pane_of(s, words[1]), words[0][1] == 'p');
}

static void type_front(struct screen *s, words_list words, unsigned n)
{
        (void)n;
        capos_ui_show(pane_of(s, words[1]));
        ui_show_layout(&s->view, s->ui);
}

/* The key of an element; "": elements of this kind have none. */
static const char *key_of(const capos_ui_surface *pane, unsigned kind, uint32_t i)
{
        capnp_reader e = capos_ui_model_element(pane, i);

        switch (kind) {
        case UI_SURFACE_KIND_LIST:
                return ui_item_key((ui_item_reader){e}).p;
        case UI_SURFACE_KIND_TABLE:
                return ui_row_key((ui_row_reader){e}).p;
        case UI_SURFACE_KIND_TREE:
                return ui_node_key((ui_node_reader){e}).p;
        case UI_SURFACE_KIND_COUNTERS:
                return ui_counter_key((ui_counter_reader){e}).p;
        case UI_SURFACE_KIND_CHART:
                return ui_series_key((ui_series_reader){e}).p;
        case UI_SURFACE_KIND_PROGRESS:
                return ui_step_key((ui_step_reader){e}).p;
        case UI_SURFACE_KIND_MAP:
                return ui_marker_key((ui_marker_reader){e}).p;
        default:
                return "";
        }
}

static bool pane_has_key(const capos_ui_surface *pane, const char *key)
{
        struct capos_ui_pane p;

        capos_ui_surface_info(pane, &p);
        for (uint32_t i = 0; i < p.elements; i++)
                if (*key && !strcmp(key_of(pane, p.kind, i), key))
                        return true;
        return false;
}

/* Whether an element of a pane has this key; else it is said that none has. */
static bool key_is_there(struct screen *s, const capos_ui_surface *pane, const char *key)
{
        struct cli_near near = {.word = key};
        struct cap_names names = {.len = 0};
        struct capos_ui_pane p;
        char hint[128];

        if (pane_has_key(pane, key))
                return true;
        capos_ui_surface_info(pane, &p);
        for (uint32_t i = 0; i < p.elements; i++) {
                const char *has = key_of(pane, p.kind, i);

                if (*has) {
                        cli_near_try(&near, has);
                        cap_names_add(&names, has);
                }
        }
        (void)cli_fail(s->c, EXIT_USAGE, "usage", "%s: the pane has no such key%s%s%s", key,
                       cli_near_text(&near, hint, sizeof(hint)),
                       names.len ? "; there are: " : "; there are none", names.text);
        return false;
}

/* All of them, or none. */
static void type_select(struct screen *s, words_list words, unsigned n)
{
        capos_ui_surface *pane = pane_of(s, words[1]);
        int r;

        for (unsigned i = 2; i < n; i++)
                if (!key_is_there(s, pane, words[i]))
                        return;
        r = capos_ui_select(pane, words + 2, n - 2);
        if (r)
                (void)cli_fail_code(s->c, r, words[0]);
}

static void type_fill(struct screen *s, words_list words, unsigned n)
{
        (void)n;
        if (!is_typed(s))
                (void)cli_fail(s->c, EXIT_DENIED, "refused",
                               "a script fills in no form: somebody has to type it");
        else
                filling_begin(s, pane_of(s, words[1]));
}

/* The place that a word names; false: it is none. */
static bool move_place(const char *word, struct capos_ui_move *m)
{
        static const char *const places[] = {"any", "main", "side", "bottom"};

        for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++)
                if (!strcmp(word, places[i])) {
                        m->place = (enum capos_ui_place)i;
                        return true;
                }
        return false;
}

/* A number at the end of `weight=6`; false: it is none of that. */
static bool move_number(const char *word, const char *name, long least, long most, long *ret)
{
        size_t len = strlen(name);
        char *end;

        if (strncmp(word, name, len) != 0)
                return false;
        *ret = strtol(word + len, &end, 10);
        return !*end && end > word + len && *ret >= least && *ret <= most;
}

static void type_move(struct screen *s, words_list words, unsigned n)
{
        struct capos_ui_move m = {.place = CAPOS_UI_ANY};
        long number;

        for (unsigned i = 2; i < n; i++) {
                if (move_number(words[i], "weight=", 1, 12, &number)) {
                        m.weight = (uint8_t)number;
                } else if (move_number(words[i], "order=", INT16_MIN, INT16_MAX, &number)) {
                        m.order = (int16_t)number;
                } else if (!strcmp(words[i], "title")) {
                        m.collapsed = true;
                } else if (!move_place(words[i], &m)) {
                        (void)cli_fail(s->c, EXIT_USAGE, "usage",
                                       "%s: where to? any, main, side or bottom; weight=1..12, "
                                       "order=N; title: nothing but that",
                                       words[i]);
                        return;
                }
        }
        capos_ui_move(pane_of(s, words[1]), &m);
        ui_show_layout(&s->view, s->ui);
}

static void type_allow(struct screen *s, words_list words, unsigned n)
{
        struct capos_cap_entry e;

        (void)words;
        (void)n;
        for (uint32_t i = 0; capos_client_entry(s->c->client, i, &e); i++)
                capos_ui_allow(s->ui, e.name, (capnp_data){0});
}

static void type_open(struct screen *s, words_list words, unsigned n)
{
        struct capos_cap_entry e;

        if (n != 2 || !capos_client_find(s->c->client, words[1], &e))
                (void)cli_fail(s->c, EXIT_USAGE, "usage",
                               "/open SERVICE: whose panes that you have closed are to be shown "
                               "again");
        else
                screen_open_again(s, &e);
}

static void type_consent(struct screen *s, words_list words, unsigned n)
{
        static const char *const answers[] = {"ask", "always", "never"};
        struct capos_cap_entry e;
        unsigned i = 0;

        while (n == 3 && i < 3 && strcmp(words[2], answers[i]) != 0)
                i++;
        if (n != 3 || i == 3 || !capos_client_find(s->c->client, words[1], &e)) {
                (void)cli_fail(s->c, EXIT_USAGE, "usage",
                               "/consent SERVICE ask, always or never: whether it may show panes "
                               "when `capos ui` is not asked for it by name");
                return;
        }
        if (capos_ui_set_consent(s->ui, e.name, (enum capos_ui_consent)i))
                (void)cli_fail(s->c, EXIT_FAILED, "failed", "%s: too many services", e.name);
        else
                ui_show_frame(&s->view, "%s: %s%s", e.name, answers[i],
                              s->settings.cap ? ""
                                              : ", until this ends (the session has no "
                                                "settings to keep it in)");
}

static void type_reset(struct screen *s, words_list words, unsigned n)
{
        (void)words;
        (void)n;
        capos_ui_reset(s->ui);
        ui_show_layout(&s->view, s->ui);
}

static void type_quit(struct screen *s, words_list words, unsigned n)
{
        (void)words;
        (void)n;
        s->lines.ending = true;
}

static void type_help(struct screen *s, words_list words, unsigned n);

static const struct {
        const char *name, *usage, *help;
        void (*run)(struct screen *s, words_list words, unsigned n);
        bool of_pane; /* the word behind it is the number of one */
} own[] = {
        {"/panes", "", "show all panes, and what is asked; N alone: one", type_panes, false},
        {"/layout", "", "where they are", type_layout, false},
        {"/fill", " N", "fill in a form, a line for each field", type_fill, true},
        {"/select", " N KEY...", "select elements of a pane", type_select, true},
        {"/move", " N PLACE...", "any, main, side, bottom; weight=1..12, order=N; title", type_move,
         true},
        {"/front", " N", "bring a pane before others in its place", type_front, true},
        {"/pin", " N", "fix a pane where it is", type_pin, true},
        {"/unpin", " N", "let it go", type_pin, true},
        {"/close", " N", "close a pane, which stays closed", type_close, true},
        {"/open", " SERVICE", "show again what you have closed; it composes anew", type_open,
         false},
        {"/allow", "", "let closed ones be opened again", type_allow, false},
        {"/consent", " SERVICE C", "may it show panes unasked? ask, always, never", type_consent,
         false},
        {"/reset", "", "forget places, looks and closed marks", type_reset, false},
        {"/help", "", "this", type_help, false},
        {"/quit", "", "take everything back, and leave", type_quit, false},
};

static void type_help(struct screen *s, words_list words, unsigned n)
{
        char left[64];

        (void)s;
        (void)words;
        (void)n;
        printf("  %-24s run a command of a pane; N in front says of which\n",
               "COMMAND FIELD=VALUE...");
        for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
                (void)snprintf(left, sizeof(left), "%s%s", own[i].name, own[i].usage);
                printf("  %-24s %s\n", left, own[i].help);
        }
        printf("What capos asks is answered by yes or no; nothing, and Ctrl-C, is no.\n");
}

static void own_type(struct screen *s, words_list words, unsigned n)
{
        for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
                if (strcmp(words[0], own[i].name) != 0)
                        continue;
                if (own[i].of_pane && (n < 2 || !pane_of(s, words[1])))
                        (void)cli_fail(s->c, EXIT_USAGE, "usage", "%s: which pane? (`/panes`)",
                                       words[0]);
                else
                        own[i].run(s, words, n);
                return;
        }
        (void)cli_fail(s->c, EXIT_USAGE, "usage", "%s: there is no such thing (`/help`)", words[0]);
}

/* ---- questions ------------------------------------------------------------------------------- */

enum answer { ANSWER_NONE, ANSWER_YES, ANSWER_NO, ANSWER_ALWAYS, ANSWER_NEVER };

/* These answer questions of ours, and are never a service's command. */
static enum answer answer_of(const char *word)
{
        static const struct {
                const char *word;
                enum answer answer;
        } answers[] = {{"", ANSWER_NO},        {"no", ANSWER_NO}, {"n", ANSWER_NO},
                       {"yes", ANSWER_YES},    {"y", ANSWER_YES}, {"always", ANSWER_ALWAYS},
                       {"never", ANSWER_NEVER}};

        for (unsigned i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
                if (!strcmp(word, answers[i].word))
                        return answers[i].answer;
        return ANSWER_NONE;
}

/* Whether the line may answer at all; says why not. */
static bool prompt_may(struct screen *s, enum answer a)
{
        bool is_offer = s->prompt_kind == CAPOS_UI_PROMPT_OFFER;

        if (!s->prompt)
                (void)cli_fail(s->c, EXIT_USAGE, "usage", "nothing has been asked");
        else if (a == ANSWER_NONE || (a >= ANSWER_ALWAYS && !is_offer))
                (void)cli_fail(s->c, EXIT_USAGE, "usage",
                               "yes or no? (/panes shows the question, /quit leaves)");
        else if (a != ANSWER_NO && !is_typed(s))
                (void)cli_fail(s->c, EXIT_DENIED, "refused",
                               "a script cannot say yes: somebody has to type it");
        else if (shell_input_was_begun(s->lines.input, SHELL_MARK_ASKED))
                (void)cli_fail(s->c, EXIT_USAGE, "usage",
                               "that was begun too early, before the question: yes or no?");
        else
                return true;
        return false;
}

static void prompt_type(struct screen *s, const char *word)
{
        static const char *const words[] = {"", "yes", "no", "always", "never"};
        enum answer a = answer_of(word);
        char service[sizeof(s->prompt_service)];
        bool taken;

        if (!prompt_may(s, a))
                return;
        (void)snprintf(service, sizeof(service), "%s", s->prompt_service);
        s->answer = words[a];
        taken = capos_ui_answer(s->ui, s->prompt, a == ANSWER_YES || a == ANSWER_ALWAYS);
        s->answer = NULL;
        if (!taken)
                (void)cli_fail(s->c, EXIT_USAGE, "usage", "that was too early: yes or no?");
        else if (a >= ANSWER_ALWAYS)
                (void)!capos_ui_set_consent(s->ui, service,
                                            a == ANSWER_ALWAYS ? CAPOS_UI_ALWAYS : CAPOS_UI_NEVER);
}

/* ---- a line ---------------------------------------------------------------------------------- */

/* Whether there are panes, and were when the line was begun; else it is said that it is not done.
 */
static bool line_has_panes(struct screen *s, const char *line)
{
        bool was_begun = shell_input_was_begun(s->lines.input, SHELL_MARK_THERE);

        if (!*line || !strcmp(line, "/quit"))
                return !s->away || *line;
        if (s->away || s->dropped)
                (void)cli_fail(s->c, EXIT_NO_CONNECTION, "disconnected",
                               "%s: not done: the line to the instance has dropped, and is being "
                               "made again (/quit leaves)",
                               line);
        else if (was_begun)
                (void)cli_fail(s->c, EXIT_USAGE, "usage",
                               "%s: not done: that line was begun before the panes were there "
                               "again",
                               line);
        return !s->away && !s->dropped && !was_begun;
}

static void words_type(struct screen *s, words_list words, unsigned n)
{
        capos_ui_surface *pane;
        unsigned at;

        if (n && words[0][0] == '/') {
                own_type(s, words, n);
        } else if (s->prompt || (n && answer_of(words[0]))) {
                prompt_type(s, n ? words[0] : "");
        } else if (n) {
                pane = pane_of(s, words[0]);
                at = pane ? 1 : 0;
                if (at == n)
                        ui_show_pane(&s->view, pane);
                else if (pane || (pane = pane_with(s, words[0])))
                        command_type(s, pane, words + at, n - at);
        }
}

void screen_line(struct screen *s, const char *line)
{
        char *store = malloc(strlen(line) + 1);
        const char *words[CLI_WORDS];
        unsigned n = 0;

        ui_view_leave(&s->view);
        if (s->lines.given_up_empty && !s->prompt && !s->filling.pane) {
                s->lines.ending = true;
                s->result = EXIT_INTERRUPTED;
        } else if (!line_has_panes(s, line)) {
                filling_end(s);
        } else if (s->filling.pane && !s->prompt) {
                filling_line(s, line);
        } else if (!store || !shell_words(line, store, words, &n)) {
                (void)cli_fail(s->c, EXIT_USAGE, "usage", "a quote has no end");
        } else {
                words_type(s, words, n);
        }
        free(store);
        screen_show(s);
}

/* ---- a script -------------------------------------------------------------------------------- */

static bool word_is_number(const char *word)
{
        return strspn(word + (*word == '['), "0123456789") > 0;
}

/* A pane by its number, and what of it is selected. */
static bool pane_is_due(const struct screen *s, words_list words, unsigned n)
{
        const capos_ui_surface *pane = pane_of(s, words[1]);

        for (unsigned i = 2; pane && i < n && !strcmp(words[0], "/select"); i++)
                if (!pane_has_key(pane, words[i]))
                        return false;
        return pane;
}

/* Whether what a line names is there: a pane by its number or by its command; for what is about all
 * of them, one, with what its service said in the same breath. */
static bool line_is_due(const struct screen *s, words_list words, unsigned n)
{
        capos_ui_surface *pane;

        if (!n || answer_of(words[0]) || !strcmp(words[0], "/quit") || !strcmp(words[0], "/help") ||
            !strcmp(words[0], "/open"))
                return true;
        if (words[0][0] == '/' && n > 1 && word_is_number(words[1]))
                return pane_is_due(s, words, n);
        if (words[0][0] == '/')
                return capos_ui_surface_at(s->ui, 0) && !s->later;
        if (word_is_number(words[0]))
                return (pane = pane_of(s, words[0])) && (n == 1 || pane_has(pane, words[1]));
        for (uint32_t i = 0; (pane = capos_ui_surface_at(s->ui, i)); i++)
                if (pane_has(pane, words[0]))
                        return true;
        return false;
}

static void script_is_late(void *arg)
{
        struct screen *s = arg;

        s->late = true;
        capnp_vat_stop(s->c->vat);
}

void screen_script_line(struct screen *s, const char *line)
{
        char *store = malloc(strlen(line) + 1);
        const char *words[CLI_WORDS];
        capnp_timer *t = NULL;
        unsigned n = 0;

        s->late = false;
        s->waits = store && shell_words(line, store, words, &n) &&
                   !capnp_timer_new(s->c->vat, cli_timeout(s->c, CLI_ANSWER_MS), script_is_late, s,
                                    &t);
        while (s->waits && !s->late && !s->over && !s->lines.ending && !s->lines.interrupted &&
               !line_is_due(s, words, n))
                if (capnp_vat_run(s->c->vat))
                        break;
        if (s->waits && !s->late)
                capnp_timer_free(t);
        s->waits = false;
        if (s->late)
                s->result = EXIT_FAILED; /* and the line says what it lacks */
        free(store);
        if (!s->over && !s->lines.ending && !s->lines.interrupted)
                screen_line(s, line);
}
