/*
 * `capos ui`: the panes that a service composes, as lines on a terminal or in a pipe.
 *
 * The command lends the service a host, and everything that is decided about what comes is decided
 * in lib/ui; here it is printed (ui-show.c), and lines that are typed become what a person does.
 * `--once` ends as soon as the service has nothing more to say for a moment; else it goes on, with
 * each accepted change in the order it came, until the composition ends.
 *
 * Whether something was a person's act is no claim of the service's, nor of a script's: a command
 * that is not only shown is run for lines that were typed at a terminal, and for no others.
 *
 * Where the session has `settings`, what is kept of the account is loaded first, and what a person
 * changes is saved there.
 */
#include "shell.h"
#include "ui-settings.h"
#include "ui-show.h"

#include "command.capnp-c.h"
#include "remote_ui.capnp-c.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { QUIET_MS = 400, FIRST_MS = 15 * 1000, SAVE_MS = 2000 };

struct screen {
        struct shell lines; /* what is typed, and the signals */
        struct cli *c;
        capos_ui *ui;
        capos_ui_offer *offer;
        unsigned columns;
        capnp_timer *wake, *quiet;
        bool over, any;
        int result;
        uint64_t prompt; /* the one that is open; 0: none */
        struct ui_settings settings;
};

static void screen_stop(struct screen *s)
{
        capnp_vat_stop(s->c->vat);
}

static void show_begin(struct screen *s)
{
        if (s->lines.input)
                shell_input_hide(s->lines.input);
}

static void show_end(struct screen *s)
{
        if (s->lines.input)
                shell_input_show(s->lines.input);
        (void)cli_finish(s->c, EXIT_OK);
}

/* ---- settings -------------------------------------------------------------------------------- */

static void settings_on_lost(void *arg, capnp_question *why)
{
        struct screen *s = arg;

        show_begin(s);
        (void)cli_fail_question(s->c, why, "settings: nothing more is kept");
        show_end(s);
}

static void settings_on_idle(void *arg)
{
        struct screen *s = arg;

        if (s->over)
                screen_stop(s);
}

static void settings_are_late(void *arg)
{
        struct screen *s = arg;

        s->quiet = NULL;
        screen_stop(s);
}

/* What was changed last is on its way: a moment for it. */
static void settings_finish(struct screen *s)
{
        if (s->settings.q && !capnp_timer_new(s->c->vat, SAVE_MS, settings_are_late, s, &s->quiet))
                while (s->settings.q && s->quiet)
                        if (capnp_vat_run(s->c->vat))
                                break;
        s->quiet = capnp_timer_free(s->quiet);
        ui_settings_close(&s->settings);
}

/* ---- what lib/ui tells ----------------------------------------------------------------------- */

static uint64_t on_now(void *arg)
{
        (void)arg;
        return cli_now_ms();
}

static capnp_cap *on_capability(void *arg, const char *name, uint64_t interface)
{
        struct screen *s = arg;

        return capos_client_get(s->c->client, name, interface);
}

static void wake_is_due(void *arg)
{
        struct screen *s = arg;

        s->wake = NULL;
        capos_ui_tick(s->ui);
}

static void on_wake(void *arg, uint64_t at_ms)
{
        struct screen *s = arg;
        uint64_t now = cli_now_ms(), ms = at_ms > now ? at_ms - now : 0;

        s->wake = capnp_timer_free(s->wake);
        (void)!capnp_timer_new(s->c->vat, ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms, wake_is_due,
                               s, &s->wake);
}

static void quiet_is_over(void *arg)
{
        struct screen *s = arg;

        s->quiet = NULL;
        s->over = true;
        screen_stop(s);
}

/* With --once: something has come, so a little more is waited for. */
static void quiet_begin(struct screen *s)
{
        if (s->c->follow)
                return;
        s->quiet = capnp_timer_free(s->quiet);
        (void)!capnp_timer_new(s->c->vat, s->any ? QUIET_MS : FIRST_MS, quiet_is_over, s,
                               &s->quiet);
}

static void on_opened(void *arg, capos_ui_surface *pane)
{
        struct screen *s = arg;

        s->any = true;
        quiet_begin(s);
        if (!s->c->follow)
                return;
        show_begin(s);
        ui_show_pane(s->c, pane, s->columns);
        show_end(s);
}

static void on_changed(void *arg, capos_ui_surface *pane, const struct capos_ui_change *change)
{
        struct screen *s = arg;

        quiet_begin(s);
        if (!s->c->follow)
                return;
        show_begin(s);
        ui_show_change(s->c, pane, change, s->columns);
        show_end(s);
}

static void on_closed(void *arg, capos_ui_surface *pane, enum capos_ui_close_reason why)
{
        struct screen *s = arg;

        if (!s->c->follow || s->over)
                return;
        show_begin(s);
        ui_show_closed(s->c, pane, why, s->columns);
        show_end(s);
}

static void on_theme(void *arg, capos_ui_offer *o, const struct capos_ui_theme *t)
{
        struct screen *s = arg;

        if (!s->c->follow)
                return;
        show_begin(s);
        ui_show_theme(s->c, o ? capos_ui_offer_name(o) : "", t, s->columns);
        show_end(s);
}

static void on_prompt(void *arg, const struct capos_ui_prompt *p)
{
        struct screen *s = arg;

        s->prompt = p->id;
        show_begin(s);
        ui_show_prompt(s->c, p, s->columns);
        show_end(s);
}

static void on_prompt_gone(void *arg, uint64_t id)
{
        struct screen *s = arg;

        if (s->prompt == id)
                s->prompt = 0;
}

static void on_ran(void *arg, const struct capos_ui_ran *r)
{
        struct screen *s = arg;

        show_begin(s);
        ui_show_ran(s->c, r, s->columns);
        show_end(s);
}

static void on_ended(void *arg, capos_ui_offer *o, const char *why)
{
        struct screen *s = arg;
        enum capos_denial d = capos_denial_of_text(why);

        (void)o;
        s->offer = NULL;
        if (s->over)
                return;
        s->over = s->lines.ending = true;
        show_begin(s);
        if (d)
                s->result = cli_fail(s->c, EXIT_DENIED, capos_denial_code(d), "%s: %s",
                                     s->c->words[0], why);
        else if (!s->any)
                s->result = cli_fail(s->c, EXIT_FAILED, "ended", "%s has composed no panes: %s",
                                     s->c->words[0], *why ? why : "it has finished");
        else if (s->c->follow && !s->c->json) {
                printf("%s has ended:\n", s->c->words[0]);
                ui_show_lines(*why ? why : "it has finished", s->columns);
        }
        show_end(s);
        screen_stop(s);
}

static void on_saved(void *arg)
{
        struct screen *s = arg;

        ui_settings_changed(&s->settings);
}

static const struct capos_ui_front_ops ops = {
        .now_ms = on_now,
        .capability = on_capability,
        .wake = on_wake,
        .opened = on_opened,
        .changed = on_changed,
        .closed = on_closed,
        .theme = on_theme,
        .prompt = on_prompt,
        .prompt_gone = on_prompt_gone,
        .ran = on_ran,
        .ended = on_ended,
        .saved = on_saved,
};

/* ---- what is typed --------------------------------------------------------------------------- */

/* The pane that a word numbers, `2` or `[2]`; NULL. */
static capos_ui_surface *pane_of(const struct screen *s, const char *word)
{
        capos_ui_surface *pane;
        char *end;
        unsigned long n = strtoul(word + (*word == '['), &end, 10);

        if (end == word || (*end && *end != ']'))
                return NULL;
        for (uint32_t i = 0; (pane = capos_ui_surface_at(s->ui, i)); i++)
                if (ui_show_number(pane) == n)
                        return pane;
        return NULL;
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

enum { UI_PATH_BYTES = 256 };

/* `COMMAND FIELD=VALUE…` */
static void command_type(struct screen *s, capos_ui_surface *pane, const char *const *words,
                         unsigned n)
{
        struct capos_ui_value values[CLI_WORDS];
        char paths[CLI_WORDS][UI_PATH_BYTES];
        struct capos_ui_act act = {.command = words[0],
                                   .values = values,
                                   .trusted = shell_input_is_typed(s->lines.input)};
        struct capos_ui_why why = {.text = ""};
        int r;

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
                                       words[i], UI_PATH_BYTES - 1);
                        return;
                }
                (void)snprintf(paths[i], sizeof(paths[i]), "%.*s", (int)len, words[i]);
                values[act.nvalues++] = (struct capos_ui_value){
                        .path = paths[i], .text = capnp_text_of(words[i] + len + 1), .typed = true};
        }
        r = capos_ui_activate(pane, &act, &why);
        if (r == CAPNP_E_EXCEPTION)
                (void)cli_fail(s->c, EXIT_DENIED, "refused", "%s%s%s%s", words[0],
                               *why.path ? " " : "", why.path, *why.text ? why.text : "");
        else if (r)
                (void)cli_fail_code(s->c, r, words[0]);
}

static void type_panes(struct screen *s, const char *const *words, unsigned n)
{
        capos_ui_surface *pane;

        (void)words;
        (void)n;
        for (uint32_t i = 0; (pane = capos_ui_surface_at(s->ui, i)); i++)
                ui_show_pane(s->c, pane, s->columns);
}

static void type_help(struct screen *s, const char *const *words, unsigned n)
{
        (void)s;
        (void)words;
        (void)n;
        printf("  COMMAND FIELD=VALUE...   run a command of a pane; [N] in front says of which\n"
               "  /panes                   show all panes\n"
               "  /select N KEY...         select elements of a pane\n"
               "  /close N  /allow         close a pane; let closed ones be opened again\n"
               "  /pin N  /unpin N         fix a pane where it is\n"
               "  /reset                   forget all wishes about places and looks\n"
               "  /quit                    take everything back, and leave\n"
               "What capos asks is answered by yes or no.\n");
}

static void type_close(struct screen *s, const char *const *words, unsigned n)
{
        (void)s;
        (void)n;
        capos_ui_close(pane_of(s, words[1]));
}

static void type_pin(struct screen *s, const char *const *words, unsigned n)
{
        (void)n;
        capos_ui_pin(pane_of(s, words[1]), words[0][1] == 'p');
}

static void type_select(struct screen *s, const char *const *words, unsigned n)
{
        (void)!capos_ui_select(pane_of(s, words[1]), words + 2, n - 2);
}

static void type_allow(struct screen *s, const char *const *words, unsigned n)
{
        (void)words;
        (void)n;
        capos_ui_allow(s->ui, s->c->words[0], (capnp_data){0});
}

static void type_reset(struct screen *s, const char *const *words, unsigned n)
{
        (void)words;
        (void)n;
        capos_ui_reset(s->ui);
}

static void type_quit(struct screen *s, const char *const *words, unsigned n)
{
        (void)words;
        (void)n;
        s->lines.ending = true;
}

static const struct {
        const char *name;
        void (*run)(struct screen *s, const char *const *words, unsigned n);
        bool of_pane; /* the word behind it is the number of one */
} own[] = {
        {"/panes", type_panes, false}, {"/help", type_help, false},
        {"/close", type_close, true},  {"/pin", type_pin, true},
        {"/unpin", type_pin, true},    {"/select", type_select, true},
        {"/allow", type_allow, false}, {"/reset", type_reset, false},
        {"/quit", type_quit, false},
};

static void own_type(struct screen *s, const char *const *words, unsigned n)
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

/* These answer questions of ours, and are never a service's command. */
static bool word_answers(const char *word)
{
        return !strcmp(word, "yes") || !strcmp(word, "y") || !strcmp(word, "no") ||
               !strcmp(word, "n");
}

static void prompt_type(struct screen *s, const char *word)
{
        uint64_t id = s->prompt;
        bool yes = !strcmp(word, "yes") || !strcmp(word, "y");

        if (!id || !word_answers(word)) {
                (void)cli_fail(s->c, EXIT_USAGE, "usage",
                               id ? "yes or no? (/quit leaves)" : "capos has asked nothing");
                return;
        }
        if (yes && !shell_input_is_typed(s->lines.input))
                (void)cli_fail(s->c, EXIT_DENIED, "refused",
                               "a script cannot say yes: somebody has to type it");
        else if (!capos_ui_answer(s->ui, id, yes))
                (void)cli_fail(s->c, EXIT_USAGE, "usage", "that was too early: yes or no?");
}

static void line_type(struct screen *s, const char *line)
{
        char *store = malloc(strlen(line) + 1);
        const char *words[CLI_WORDS];
        capos_ui_surface *pane = NULL;
        unsigned n = 0, at = 0;

        if (!store || !shell_words(line, store, words, &n)) {
                (void)cli_fail(s->c, EXIT_USAGE, "usage", "a quote has no end");
        } else if (n && words[0][0] == '/') {
                own_type(s, words, n);
        } else if (n && (s->prompt || word_answers(words[0]))) {
                prompt_type(s, words[0]);
        } else if (n) {
                pane = pane_of(s, words[0]);
                at = pane ? 1 : 0;
                if (at == n)
                        ui_show_pane(s->c, pane, s->columns);
                else if (pane || (pane = pane_with(s, words[0])))
                        command_type(s, pane, words + at, n - at);
        }
        free(store);
        (void)cli_finish(s->c, EXIT_OK);
}

/* ---- the command ----------------------------------------------------------------------------- */

static unsigned screen_columns(void)
{
        const char *said = getenv("COLUMNS");
        unsigned long columns = said ? strtoul(said, NULL, 10) : 80;
        struct winsize size;

        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
                columns = size.ws_col;
        return columns < 20 ? 20 : columns > 1000 ? 1000 : (unsigned)columns;
}

static int screen_open(struct screen *s, const struct capos_cap_entry *e)
{
        struct capos_ui_offering what = {
                .name = e->name, .title = e->title, .interface = e->interface, .asked_for = true};
        struct capos_ui_why why = {.text = ""};
        struct capos_session_info info;
        struct capos_ui_config config = {.vat = s->c->vat,
                                         .session = capos_client_session_peek(s->c->client),
                                         .schema = capos_client_schema_peek(s->c->client),
                                         .columns = (uint16_t)s->columns,
                                         .rows = 60,
                                         .ops = &ops,
                                         .arg = s};
        int r;

        (void)capos_client_info(s->c->client, &info);
        config.account = info.account;
        r = capos_ui_new(&config, &s->ui);
        if (r)
                return cli_fail_code(s->c, r, NULL);
        s->settings = (struct ui_settings){.c = s->c,
                                           .ui = s->ui,
                                           .lost = settings_on_lost,
                                           .idle = settings_on_idle,
                                           .arg = s};
        ui_settings_open(&s->settings);
        r = capos_ui_offer_host(s->ui, &what, &s->offer, &why);
        if (r == CAPNP_E_EXCEPTION)
                return cli_fail(s->c, EXIT_DENIED, "refused", "%s: %s", e->name, why.text);
        return r ? cli_fail_code(s->c, r, e->name) : EXIT_OK;
}

static void screen_close(struct screen *s)
{
        s->over = true;
        s->quiet = capnp_timer_free(s->quiet);
        settings_finish(s);
        s->ui = capos_ui_free(s->ui);
        s->wake = capnp_timer_free(s->wake);
        s->lines.input = shell_input_free(s->lines.input);
}

/* All panes, when nothing more has come for a moment. */
static int screen_once(struct screen *s)
{
        capos_ui_surface *pane;

        quiet_begin(s);
        while (!s->over)
                if (capnp_vat_run(s->c->vat))
                        break;
        for (uint32_t i = 0; (pane = capos_ui_surface_at(s->ui, i)); i++)
                ui_show_pane(s->c, pane, s->columns);
        if (!s->any && !s->result)
                s->result = cli_fail(s->c, EXIT_FAILED, "no-panes", "%s has composed no panes",
                                     s->c->words[0]);
        return s->result;
}

static int screen_follow(struct screen *s)
{
        const char *line;
        int r = shell_input_new(&s->lines, "ui> ", &s->lines.input);

        if (r)
                return r;
        while (!s->over && !s->lines.ending && (line = shell_input_line(s->lines.input)))
                line_type(s, line);
        /* Without more input the panes are still looked at. */
        while (!s->over && !s->lines.ending && !s->lines.interrupted &&
               !shell_input_is_typed(s->lines.input))
                if (capnp_vat_run(s->c->vat))
                        break;
        return s->result;
}

int cmd_ui(struct cli *c)
{
        struct screen s = {.lines = {.c = c, .plain = true}, .c = c, .columns = screen_columns()};
        struct capos_cap_entry e;
        int r = cli_open_and_fetch(c);

        if (r)
                return r;
        if (c->once && c->follow)
                return cli_fail(c, EXIT_USAGE, "usage", "--once or --follow?");
        if (!c->once && !c->follow)
                c->follow = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
        if (!capos_client_find(c->client, c->words[0], &e))
                return cli_fail(c, EXIT_DENIED, "denied.unknown-name",
                                "%s: the session has no such capability (`capos caps` lists what "
                                "it has)",
                                c->words[0]);
        r = capos_client_wait(c->client,
                              capos_client_fetch_schema(c->client, e.interface, NULL, NULL));
        if (r)
                return cli_fail_error(c, capos_client_error_peek(c->client), e.name);

        r = screen_open(&s, &e);
        if (!r)
                r = c->follow ? screen_follow(&s) : screen_once(&s);
        screen_close(&s);
        return r;
}
