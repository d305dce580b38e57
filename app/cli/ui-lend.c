/*
 * Who is lent a host by `capos ui`, and who is again.
 *
 * Without a name, each service that may show panes is: at once if it always may, or if it was said
 * so before the line dropped; the others a person is asked about, one after the other. What was
 * agreed to is shown before the next question stands there, below which nothing is.
 *
 * A service that dies is started again by the instance, and knows nothing of what it was lent. If
 * the person has said that it may always show panes, it is lent a host anew without a word, as
 * often as lib/ui says. A service that dies of what it is asked has its end then.
 *
 * What a person has closed stays closed, by whatever service it is tried again; so it is said how
 * many there are, and /open lets them be shown. A service does not try by itself to open what was
 * refused, so it is asked to compose anew then.
 */
#include "ui-screen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* How long a service has to show something before another one is asked about; how long somebody
 * looks at that, or types. */
enum { COMPOSES_MS = 5000, LOOKS_MS = 400 };

static struct ui_lent *lent_of(struct screen *s, const char *service)
{
        for (unsigned i = 0; i < UI_LENT; i++)
                if (!strcmp(s->lent[i].service, service))
                        return &s->lent[i];
        return NULL;
}

void screen_not_again(struct screen *s, const char *service)
{
        struct ui_lent *l = lent_of(s, service);

        if (l)
                l->said = UI_SAID_NO;
}

void screen_offer_over(struct screen *s, const capos_ui_offer *o)
{
        for (unsigned i = 0; i < UI_LENT; i++)
                if (s->lent[i].offer == o)
                        s->lent[i].offer = NULL;
        s->offers--;
}

void screen_rest(struct screen *s)
{
        bool waits = s->ndoubts || s->asks;

        for (unsigned i = 0; i < UI_LENT; i++)
                waits |= s->lent[i].wait != NULL;
        if (!s->offers && !waits)
                s->over = s->lines.ending = true;
}

void screen_lend_end(struct screen *s)
{
        s->next = capnp_timer_free(s->next);
        s->asks = false;
        for (unsigned i = 0; i < UI_LENT; i++) {
                s->lent[i].wait = capnp_timer_free(s->lent[i].wait);
                s->lent[i].offer = NULL;
        }
}

static void closed_tell(struct screen *s, const char *service)
{
        uint32_t n = capos_ui_closed(s->ui, service);
        char line[300];

        if (!n || !s->c->follow || s->c->json)
                return;
        (void)snprintf(line, sizeof(line), "%s: %u pane%s closed, by you: /open %s shows %s again",
                       service, n, n == 1 ? " stays" : "s stay", service, n == 1 ? "it" : "them");
        ui_view_happens(&s->view, line, "");
}

/* Whose interface is known. */
static int lend(struct screen *s, const struct capos_cap_entry *e, bool asked_for)
{
        struct capos_ui_offering what = {.name = e->name,
                                         .title = e->title,
                                         .interface = e->interface,
                                         .asked_for = asked_for};
        struct capos_ui_why why = {.text = ""};
        struct ui_lent *l = lent_of(s, e->name);
        capos_ui_offer *o;
        int r = capos_ui_offer_host(s->ui, &what, &o, &why);

        if (r == CAPNP_E_EXCEPTION)
                return cli_fail(s->c, EXIT_DENIED, "refused", "%s: %s", e->name, why.text);
        if (r)
                return cli_fail_code(s->c, r, e->name);
        s->offers++;
        l = l ? l : lent_of(s, "");
        if (l) {
                l->s = s;
                l->offer = o;
                (void)snprintf(l->service, sizeof(l->service), "%s", e->name);
                l->said = asked_for ? UI_SAID_YES : l->said;
        }
        closed_tell(s, e->name);
        return EXIT_OK;
}

/* An exit code. */
static int schema_fetch(struct screen *s, const struct capos_cap_entry *e)
{
        int r = capos_client_wait(
                s->c->client, capos_client_fetch_schema(s->c->client, e->interface, NULL, NULL));

        return r ? cli_fail_error(s->c, capos_client_error_peek(s->c->client), e->name) : EXIT_OK;
}

int screen_offer(struct screen *s, const struct capos_cap_entry *e, bool asked_for)
{
        int r = schema_fetch(s, e);

        return r ? r : lend(s, e, asked_for);
}

void screen_said(struct screen *s, const char *service, const char *answer)
{
        struct ui_lent *l = lent_of(s, service);
        bool yes = answer && (!strcmp(answer, "yes") || !strcmp(answer, "always"));

        if (l && answer)
                l->said = yes ? UI_SAID_YES : UI_SAID_NO;
        if (s->asks)
                screen_ask_in(s, yes ? COMPOSES_MS : 1);
}

/* ---- without a name -------------------------------------------------------------------------- */

static enum ui_said said_of(struct screen *s, const struct capos_cap_entry *e)
{
        const struct ui_lent *l = lent_of(s, e->name);
        enum capos_ui_consent consent = capos_ui_consent_of(s->ui, e->name);

        if (!e->ui || consent == CAPOS_UI_NEVER)
                return UI_SAID_NO;
        return consent == CAPOS_UI_ALWAYS ? UI_SAID_YES : l ? l->said : UI_SAID_NOTHING;
}

/* Asks about the next one. An exit code. */
static int ask_next(struct screen *s)
{
        struct capos_cap_entry e;

        while (capos_client_entry(s->c->client, s->asks_at, &e)) {
                s->asks_at++;
                if (said_of(s, &e) == UI_SAID_NOTHING)
                        return lend(s, &e, false);
        }
        s->asks = false;
        return EXIT_OK;
}

/* Not while somebody is asked, or types. */
static void ask_is_due(void *arg)
{
        struct screen *s = arg;
        int r;

        s->next = NULL;
        if (s->over || !s->asks)
                return;
        if (s->prompt || s->filling.pane ||
            (s->lines.input && shell_input_has_begun(s->lines.input))) {
                screen_ask_in(s, LOOKS_MS);
                return;
        }
        screen_hide(s);
        r = ask_next(s);
        if (r) /* that is said, and there may be others */
                screen_ask_in(s, 1);
        s->result = s->result ? s->result : r;
        screen_rest(s);
        screen_show(s);
        if (s->over)
                capnp_vat_stop(s->c->vat);
}

void screen_ask_in(struct screen *s, uint32_t ms)
{
        s->next = capnp_timer_free(s->next);
        (void)!capnp_timer_new(s->c->vat, ms, ask_is_due, s, &s->next);
}

void screen_seen(struct screen *s)
{
        if (s->asks && s->next)
                screen_ask_in(s, LOOKS_MS);
}

int screen_offer_all(struct screen *s)
{
        bool may_ask = s->c->follow && isatty(STDIN_FILENO);
        struct capos_cap_entry e;
        int r = EXIT_OK;

        s->asks_at = 0;
        for (uint32_t i = 0; !r && capos_client_entry(s->c->client, i, &e); i++) {
                enum ui_said said = said_of(s, &e);

                if (said == UI_SAID_NO || (said == UI_SAID_NOTHING && !may_ask))
                        continue;
                r = schema_fetch(s, &e);
                if (!r && said == UI_SAID_YES)
                        r = lend(s, &e, capos_ui_consent_of(s->ui, e.name) != CAPOS_UI_ALWAYS);
                s->asks |= said == UI_SAID_NOTHING;
        }
        if (!r && s->asks)
                r = ask_next(s);
        if (!r && !s->offers)
                r = cli_fail(s->c, EXIT_FAILED, "no-panes",
                             "no service may show panes unasked: name one (`capos caps -l`)");
        return r;
}

/* ---- again ----------------------------------------------------------------------------------- */

static void lend_is_due(void *arg)
{
        struct ui_lent *l = arg;
        struct screen *s = l->s;
        struct capos_cap_entry e;
        int r = EXIT_OK;

        l->wait = NULL;
        if (s->over)
                return;
        screen_hide(s);
        if (!capos_client_find(s->c->client, l->service, &e))
                r = cli_fail(s->c, EXIT_DENIED, "denied.unknown-name",
                             "%s: the session has no such capability any more", l->service);
        else
                r = lend(s, &e, false);
        s->result = s->result ? s->result : r;
        screen_rest(s);
        screen_show(s);
        if (s->over)
                capnp_vat_stop(s->c->vat);
}

bool screen_lends_again(struct screen *s, const char *service, const char *why)
{
        struct ui_lent *l = lent_of(s, service);
        uint32_t ms = l && s->c->follow ? capos_ui_again_ms(s->ui, service) : 0;
        char line[200];

        if (!ms || capnp_timer_new(s->c->vat, ms, lend_is_due, l, &l->wait))
                return false;
        (void)snprintf(line, sizeof(line),
                       "%s: asked for its panes again, as you always let it show them", service);
        ui_show_ended(&s->view, service, why);
        if (!s->c->json)
                ui_view_happens(&s->view, line, "");
        return true;
}

void screen_open_again(struct screen *s, const struct capos_cap_entry *e)
{
        struct ui_lent *l = lent_of(s, e->name);

        if (l && l->offer && !capos_ui_closed(s->ui, e->name)) {
                ui_show_frame(&s->view, "%s: no pane of it is closed, by you", e->name);
                return;
        }
        capos_ui_allow(s->ui, e->name, (capnp_data){0});
        if (l)
                l->wait = capnp_timer_free(l->wait);
        s->turns = true;
        if (l && l->offer)
                capos_ui_withdraw(l->offer);
        s->turns = false;
        (void)screen_offer(s, e, true);
        screen_rest(s);
}
