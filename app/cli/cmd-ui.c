/*
 * `capos ui`: the panes that services compose, as lines on a terminal or in a pipe.
 *
 * The command lends a service a host, and everything that is decided about what comes is decided
 * in lib/ui; here it is printed (ui-show.c), and lines that are typed become what a person does
 * (ui-type.c). Without a name, each service that may show panes is offered a host, if the person
 * agrees. `--once` ends as soon as nothing more has come for a moment; else it goes on until all
 * compositions are over, the login is, or nobody reads any more.
 *
 * When the line to the instance drops and comes back (back.c), the panes are asked for anew: a host
 * is lent again to who was lent one. What a person has arranged is in the settings, if the session
 * has any. Nothing is run again, and what is typed without panes is not run at all, nor what was
 * begun before they were there again: numbers go on, so none means another pane than it did. What
 * happens when a service dies is in ui-lend.c.
 */
#include "remote_ui.capnp-c.h"
#include "ui-screen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GATHER_MS = 50, QUIET_MS = 400, FIRST_MS = 15 * 1000, PAGE_ROWS = 60, SAVE_MS = 2000 };

static void screen_stop(struct screen *s)
{
        capnp_vat_stop(s->c->vat);
}

/* ---- printing -------------------------------------------------------------------------------- */

static void print_noted(struct screen *s);

static void later_is_due(void *arg)
{
        struct screen *s = arg;

        s->later = NULL;
        print_noted(s);
        if (s->waits)
                capnp_vat_stop(s->c->vat);
}

static bool screen_is_typed(const struct screen *s)
{
        return s->lines.input && shell_input_is_typed(s->lines.input);
}

/* Whether somebody is asked who answers. Nothing of a service's is printed then: it could have the
 * question out of sight at once, and words of the service's own in front of who answers. */
static bool screen_asks(const struct screen *s)
{
        return s->prompt && screen_is_typed(s);
}

/* Prints what has changed, if it may be. */
static void print_noted(struct screen *s)
{
        uint32_t wait_ms;

        if (!s->c->follow || s->later || screen_asks(s))
                return;
        screen_clear(s);
        wait_ms = ui_view_print(&s->view, screen_now());
        screen_show(s);
        if (wait_ms)
                (void)!capnp_timer_new(s->c->vat, wait_ms, later_is_due, s, &s->later);
}

/* Soon: what a service says in one breath is printed as one. A program reads every change. */
static void print_soon(struct screen *s)
{
        if (s->waits)
                capnp_vat_stop(s->c->vat);
        if (s->c->json) {
                print_noted(s);
                return;
        }
        if (s->c->follow && !s->later && !screen_asks(s))
                (void)!capnp_timer_new(s->c->vat, GATHER_MS, later_is_due, s, &s->later);
}

/* Nobody reads any more. */
static void reader_is_gone(void *arg, uint32_t events)
{
        struct screen *s = arg;

        (void)events;
        s->reader = capnp_watch_free(s->reader);
        s->over = s->lines.ending = true;
        if (!s->result)
                s->result = EXIT_FAILED;
        screen_stop(s);
}

static void screen_on_size(void *arg)
{
        struct screen *s = arg;

        if (s->ui && ui_view_measure(&s->view))
                capos_ui_resize(s->ui, (uint16_t)s->view.columns, PAGE_ROWS);
}

/* ---- settings -------------------------------------------------------------------------------- */

static void settings_on_lost(void *arg, capnp_question *why)
{
        struct screen *s = arg;

        screen_hide(s);
        (void)cli_fail_question(s->c, why, "settings: nothing more is kept");
        screen_show(s);
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
        settings_close(&s->settings);
}

/* ---- what lib/ui tells ----------------------------------------------------------------------- */

static uint64_t on_now(void *arg)
{
        (void)arg;
        return screen_now();
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
        uint64_t now = screen_now(), ms = at_ms > now ? at_ms - now : 0;

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

/* With --once: something has come, so a little more is waited for, but not for ever. */
static void quiet_begin(struct screen *s)
{
        uint64_t passed = screen_now() - s->begun_ms,
                 left = passed < FIRST_MS ? FIRST_MS - passed : 1;

        if (s->c->follow)
                return;
        s->quiet = capnp_timer_free(s->quiet);
        (void)!capnp_timer_new(s->c->vat, (uint32_t)(s->any && left > QUIET_MS ? QUIET_MS : left),
                               quiet_is_over, s, &s->quiet);
}

static void on_opened(void *arg, capos_ui_surface *pane)
{
        struct screen *s = arg;

        s->any = true;
        s->numbered = ui_show_number(pane);
        quiet_begin(s);
        ui_view_opened(&s->view, pane);
        screen_seen(s);
        print_soon(s);
}

static void on_changed(void *arg, capos_ui_surface *pane, const struct capos_ui_change *change)
{
        struct screen *s = arg;

        quiet_begin(s);
        ui_view_changed(&s->view, pane, change);
        print_soon(s);
}

static void on_closed(void *arg, capos_ui_surface *pane, enum capos_ui_close_reason why)
{
        struct screen *s = arg;

        if (s->over)
                return;
        screen_clear(s);
        if (!s->c->follow) { /* that is what was to be seen */
                ui_show_pane(&s->view, pane);
                s->shown = true;
        }
        ui_view_closed(&s->view, pane, why);
        screen_show(s);
}

static void on_theme(void *arg, capos_ui_offer *o, const struct capos_ui_theme *t)
{
        struct screen *s = arg;

        if (!s->c->follow || s->over)
                return;
        screen_hide(s);
        ui_show_theme(&s->view, o ? capos_ui_offer_name(o) : "", t);
        screen_show(s);
}

static void on_prompt(void *arg, const struct capos_ui_prompt *p)
{
        struct screen *s = arg;

        s->prompt = p->id;
        s->asked = p;
        s->prompt_kind = p->kind;
        (void)snprintf(s->prompt_service, sizeof(s->prompt_service), "%s", p->service);
        screen_hide(s);
        ui_show_prompt(&s->view, p);
        screen_show(s);
        if (s->lines.input) /* it stands there by now */
                shell_input_mark(s->lines.input, SHELL_MARK_ASKED);
        if (screen_asks(s))
                ui_view_hold(&s->view);
}

static void on_prompt_gone(void *arg, uint64_t id)
{
        struct screen *s = arg;

        if (s->prompt != id)
                return;
        s->prompt = 0;
        s->asked = NULL;
        if (s->over)
                return;
        if (s->prompt_kind == CAPOS_UI_PROMPT_OFFER)
                screen_said(s, s->prompt_service, s->answer);
        screen_hide(s);
        ui_show_answer(&s->view, s->answer ? s->answer : "nobody has answered, and it is over");
        ui_view_release(&s->view);
        screen_show(s);
        print_noted(s);
}

static void on_ran(void *arg, const struct capos_ui_ran *r)
{
        struct screen *s = arg;

        screen_hide(s);
        ui_show_ran(&s->view, r);
        screen_show(s);
}

/* How the end of one is told, and what the exit code is. */
static int end_tell(struct screen *s, const char *service, enum capos_ui_close_reason how,
                    const char *why)
{
        enum capos_denial d = capos_denial_of_text(why);

        if (how == CAPOS_UI_CLOSED_SESSION)
                return cli_fail(s->c, EXIT_NO_CONNECTION,
                                capos_denial_code(CAPOS_DENIED_STALE_SESSION),
                                "%s: the session has ended", service);
        if (how == CAPOS_UI_CLOSED_BY_INSTANCE && d)
                return cli_fail(s->c, EXIT_DENIED, capos_denial_code(d), "%s: %s", service, why);
        if (!s->c->follow && !s->any)
                return cli_fail(s->c, EXIT_FAILED, "no-panes", "%s has composed no panes: %s",
                                service, why);
        if (how == CAPOS_UI_CLOSED_BY_SERVICE || how == CAPOS_UI_CLOSED_BY_PERSON) {
                if (s->c->follow)
                        ui_show_ended(&s->view, service, why);
                return EXIT_OK;
        }
        return cli_fail(s->c, EXIT_FAILED, "ended", "%s has ended: %s", service, why);
}

static void offer_ended(struct screen *s, const char *service, enum capos_ui_close_reason how,
                        const char *why)
{
        bool lost = capnp_rpc_is_closed(capnp_conn_rpc(s->c->conn), NULL);
        int r = EXIT_OK;

        screen_hide(s);
        /* Without a login, that is what is told. */
        if (!lost && (how != CAPOS_UI_CLOSED_LOST || !screen_lends_again(s, service, why))) {
                screen_not_again(s, service);
                r = end_tell(s, service, how, why);
        }
        s->result = s->result ? s->result : r;
        screen_rest(s);
        screen_show(s);
        if (s->over)
                screen_stop(s);
}

/* The line may have dropped, of which nobody has told us yet. */
static bool end_is_doubtful(const struct screen *s, enum capos_ui_close_reason how)
{
        return s->back.watch && s->ndoubts < UI_DOUBTS && how == CAPOS_UI_CLOSED_LOST;
}

/* It has not. */
static void doubts_end(void *arg)
{
        struct screen *s = arg;

        while (!s->over && s->ndoubts > 0) {
                const struct ui_doubt *d = &s->doubts[--s->ndoubts];

                offer_ended(s, d->service, CAPOS_UI_CLOSED_LOST, d->why);
        }
}

static void on_ended(void *arg, capos_ui_offer *o, enum capos_ui_close_reason how, const char *why)
{
        struct screen *s = arg;

        screen_offer_over(s, o);
        if (s->over || s->turns)
                return;
        if (end_is_doubtful(s, how)) {
                struct ui_doubt *d = &s->doubts[s->ndoubts++];

                (void)snprintf(d->service, sizeof(d->service), "%s", capos_ui_offer_name(o));
                (void)snprintf(d->why, sizeof(d->why), "%s", why);
                back_ask(&s->back, doubts_end);
                return;
        }
        offer_ended(s, capos_ui_offer_name(o), how, why);
}

static void on_saved(void *arg)
{
        struct screen *s = arg;

        settings_changed(&s->settings);
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

/* The login is over, and everything with it. */
static void screen_on_end(capnp_conn *conn, void *arg)
{
        struct screen *s = arg;

        (void)conn;
        s->lost = true;
        s->over = s->lines.ending = true;
        screen_stop(s);
}

static void screen_on_drop(void *arg)
{
        struct screen *s = arg;

        screen_hide(s);
        back_say_dropped(s->c);
        s->dropped = s->over = true;
        s->lines.ending |= !screen_is_typed(s);
        screen_show(s);
        screen_stop(s);
}

/* ---- the command ----------------------------------------------------------------------------- */

static int screen_open(struct screen *s)
{
        struct capos_session_info info;
        struct capos_ui_config config = {.vat = s->c->vat,
                                         .session = capos_client_session_peek(s->c->client),
                                         .schema = capos_client_schema_peek(s->c->client),
                                         .columns = (uint16_t)s->view.columns,
                                         .rows = PAGE_ROWS,
                                         .panes = s->numbered,
                                         .ops = &ops,
                                         .arg = s,
                                         .arranged = s->arranged};
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        int r;

        (void)capos_client_info(s->c->client, &info);
        config.account = info.account;
        r = capos_ui_new(&config, &s->ui);
        if (r)
                return cli_fail_code(s->c, r, NULL);
        s->settings = (struct settings){
                .ui = s->ui, .lost = settings_on_lost, .idle = settings_on_idle, .arg = s};
        q = settings_load(&s->settings, s->c->client);
        if (q) {
                r = cli_wait(s->c, q, CLI_ANSWER_MS);
                settings_take(&s->settings, q, r);
        }
        if (s->arranged) /* it may have been on its way there when the line dropped */
                settings_changed(&s->settings);
        s->arranged = NULL;
        if (s->c->follow && !s->reader)
                (void)!capnp_watch_new(s->c->vat, STDOUT_FILENO, 0, reader_is_gone, s, &s->reader);
        capnp_conn_on_close(s->c->conn, screen_on_end, s);
        return EXIT_OK;
}

static int screen_begin(struct screen *s)
{
        struct capos_cap_entry e;

        if (!s->c->nwords)
                return screen_offer_all(s);
        if (!capos_client_find(s->c->client, s->c->words[0], &e))
                return cli_fail(s->c, EXIT_DENIED, "denied.unknown-name",
                                "%s: the session has no such capability (`capos caps` lists what "
                                "it has)",
                                s->c->words[0]);
        return screen_offer(s, &e, true);
}

static void screen_close(struct screen *s)
{
        s->over = true;
        capnp_conn_on_close(s->c->conn, NULL, NULL);
        s->quiet = capnp_timer_free(s->quiet);
        s->later = capnp_timer_free(s->later);
        s->reader = capnp_watch_free(s->reader);
        settings_finish(s);
        screen_lend_end(s);
        /* What a person has arranged is there again when the line is. */
        if (s->dropped && s->ui)
                s->arranged = capos_ui_end(s->ui);
        else
                capos_ui_free(s->ui);
        s->ui = NULL;
        s->wake = capnp_timer_free(s->wake);
        filling_end(s);
        ui_view_end(&s->view);
}

/* All panes, when nothing more has come for a moment. */
static int screen_once(struct screen *s)
{
        const char *who = s->c->nwords ? s->c->words[0] : "nobody";
        capos_ui_surface *pane;

        s->begun_ms = screen_now();
        quiet_begin(s);
        while (!s->over)
                if (capnp_vat_run(s->c->vat))
                        break;
        for (uint32_t i = 0; (pane = capos_ui_surface_at(s->ui, i)); i++, s->shown = true)
                ui_show_pane(&s->view, pane);
        if (!s->shown && !s->result && !s->lost)
                s->result =
                        cli_fail(s->c, EXIT_FAILED, "no-panes", "%s %s%s", who,
                                 s->any ? "has shown nothing that stayed" : "has composed no panes",
                                 s->c->nwords && capos_ui_closed(s->ui, who)
                                         ? ": you have closed them (/open in `capos ui --follow`)"
                                         : "");
        return s->result;
}

/* Lends hosts, from the beginning. An exit code. */
static int screen_start(struct screen *s)
{
        int r;

        s->over = s->dropped = s->away = s->lines.ending = false;
        s->offers = s->ndoubts = 0;
        s->prompt = 0;
        s->asked = NULL;
        ui_view_begin(&s->view, s->c);
        r = screen_open(s);
        return r ? r : screen_begin(s);
}

/* Where lines are typed, that goes on over a line to the instance that drops: the panes go, and
 * when it is there again they are asked for again. Both waits, so it is done between turns of the
 * loop. */
static void screen_turn(void *arg)
{
        struct screen *s = arg;
        int r;

        if (!screen_is_typed(s) || s->lines.ending)
                return;
        if (s->dropped && !s->away) {
                screen_close(s);
                s->away = true;
        }
        if (!s->away || (s->back.down && s->back.watch))
                return;
        s->lost = s->back.down;
        s->lines.ending = s->lost;
        if (s->lost)
                return;
        screen_hide(s);
        back_say_back(s->c);
        r = screen_start(s);
        screen_show(s);
        shell_input_mark(s->lines.input, SHELL_MARK_THERE);
        if (!r || s->dropped)
                return;
        s->result = r;
        s->lines.ending = true;
}

static void screen_follow(struct screen *s)
{
        const char *line;

        while (screen_is_typed(s)) {
                screen_turn(s);
                line = s->lines.ending ? NULL : shell_input_line(s->lines.input);
                if (!line)
                        return;
                screen_line(s, line);
        }
        while (!s->over && !s->lines.ending && (line = shell_input_line(s->lines.input)))
                screen_script_line(s, line);
        /* Without more input the panes are still looked at. */
        while (!s->over && !s->lines.ending && !s->lines.interrupted)
                if (capnp_vat_run(s->c->vat))
                        break;
        s->later = capnp_timer_free(s->later);
        if (!s->over)
                print_noted(s);
        if (s->lines.interrupted)
                s->result = EXIT_INTERRUPTED;
}

/* From the offers to their end. An exit code, which is not s->result. */
static int screen_run(struct screen *s)
{
        int r = screen_start(s);

        if (!r && s->c->follow && !s->lines.input)
                r = shell_input_new(&s->lines, "ui> ", &s->lines.input);
        if (!r && s->c->follow)
                screen_follow(s);
        else if (!r)
                screen_once(s);
        if (!r && s->lost)
                s->result = cli_fail(s->c, EXIT_NO_CONNECTION, "no-session", "the login %s is over",
                                     s->c->login);
        if (!s->away)
                screen_close(s);
        return r;
}

/* Waits until the line is there again, where nobody types. false: it is over, with s->result. */
static bool screen_comes_back(struct screen *s)
{
        struct shell *l = &s->lines;

        if (!s->dropped || screen_is_typed(s))
                return false;
        l->ending = false;
        if (l->input && !shell_input_is_over(l->input)) {
                s->result = cli_fail(s->c, EXIT_NO_CONNECTION, "disconnected",
                                     "a script ends with the line");
                return false;
        }
        while (s->back.down && s->back.watch && !l->interrupted && !l->ending)
                if (capnp_vat_run(s->c->vat))
                        break;
        if (s->back.down) {
                s->result = l->interrupted || l->ending
                                    ? EXIT_INTERRUPTED
                                    : cli_fail(s->c, EXIT_NO_CONNECTION, "no-session",
                                               "the login %s is over", s->c->login);
                return false;
        }
        back_say_back(s->c);
        return true;
}

int cmd_ui(struct cli *c)
{
        struct screen s = {.lines = {.c = c, .plain = true}, .c = c};
        int r = cli_open_and_fetch(c);

        if (r)
                return r;
        if (c->once && c->follow)
                return cli_fail(c, EXIT_USAGE, "usage", "--once or --follow?");
        if (!c->once && !c->follow)
                c->follow = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
        c->stays = c->follow;
        s.lines.on_size = screen_on_size;
        s.lines.on_turn = screen_turn;
        s.lines.on_arg = &s;
        s.back = (struct back){.c = c, .on_lost = screen_on_drop, .arg = &s};
        if (c->follow)
                back_begin(&s.back);
        do
                r = screen_run(&s);
        while ((!r || s.dropped) && screen_comes_back(&s));
        back_end(&s.back);
        s.arranged = capos_ui_arranged_free(s.arranged);
        s.lines.input = shell_input_free(s.lines.input);
        return r ? r : s.result;
}
