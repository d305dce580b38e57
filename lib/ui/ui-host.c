/*
 * Offers. Each service that is asked to compose gets a host object of its own, so the object says
 * who speaks, and nothing in a message has to. What a session is asked is one call, offerUi() or
 * offerSurface(); what it gives back is held for as long as the offer lasts, and asked when that is
 * over.
 *
 * However it ends (withdrawn, refused, returned, revoked, the connection gone, the workspace
 * freed), it ends in ui_offer_end(): panes off the screen first, then questions, then the rest. The
 * host waits for nobody.
 */
#include "ui-workspace.h"

#include "remote_session.capnp-c.h"
#include "ui-text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void ui_offer_end(capos_ui_offer *o, enum capos_ui_close_reason how, const char *why)
{
        capos_ui *ui = o->ui;
        struct capnp_i_list *l;

        if (!ui)
                return;

        l = ui->surfaces.next;
        while (l != &ui->surfaces) {
                capos_ui_surface *s = CAPNP_I_OF(l, capos_ui_surface, link);

                l = l->next;
                if (s->offer == o)
                        ui_surface_close(s, how);
        }
        ui_unask(ui, o, NULL);
        if (ui->theme_by == o->number) {
                ui->theme = (struct capos_ui_theme){0};
                ui->theme_until_ms = 0;
        }
        capnp_i_list_remove(&o->link);
        ui->noffers--;
        ui_restyle(ui);
        UI_TELL(ui, ended, o, how, why);
        o->asking = capnp_question_free(o->asking);
        o->ending = capnp_question_free(o->ending);
        o->offer = capnp_cap_unref(o->offer);
        o->ui = NULL;
        ui_offer_unref(o);
}

/* ---- what a service calls -------------------------------------------------------------------- */

static int serve_over(capnp_answer *a)
{
        return capnp_answer_fail(a, CAPNP_FAILED, "refused.closed: the offer is over");
}

static int serve_open(void *self, capnp_answer *a)
{
        capos_ui_offer *o = self;
        remote_ui_host_open_in_reader in = {capnp_answer_params(a)};
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;
        struct ui_refused why;
        capos_ui_surface *s;
        int r;

        if (!o->ui)
                return serve_over(a);

        r = ui_surface_new(o, remote_ui_host_open_in_spec(in), &s, &c, &why);
        if (r == CAPNP_E_EXCEPTION)
                return ui_answer_refuse(a, &why);
        if (r)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "no memory");

        remote_ui_host_open_out_set_surface(
                (remote_ui_host_open_out_builder){capnp_answer_results(a)},
                (remote_ui_surface_client){c});
        r = capnp_answer_return(a); /* if that fails, the object goes, and the pane with it */
        UI_TELL(o->ui, opened, s);
        ui_relayout(o->ui);
        ui_rewake(o->ui);
        return r;
}

static int serve_describe(void *self, capnp_answer *a)
{
        capos_ui_offer *o = self;

        if (!o->ui)
                return serve_over(a);

        ui_info_write(o->ui, o,
                      remote_ui_host_describe_out_init_info(
                              (remote_ui_host_describe_out_builder){capnp_answer_results(a)}));
        return capnp_answer_return(a);
}

/* A wish for the whole workspace, which waits for a person's answer. */
struct wish {
        capos_ui_offer *o;    /* counted */
        capnp_answer *answer; /* NULL: its caller has given up */
        struct capos_ui_theme theme;
        uint64_t until_ms;
};

static void wish_answered(void *arg, bool yes, bool is_over)
{
        const struct ui_said said = {
                .what = UI_REPORT_WHAT_THEME,
                .allowed = yes,
                .unanswered = is_over,
                .command = "workspace",
        };
        struct wish *w = arg;
        capos_ui *ui = w->o->ui;

        if (w->answer && yes)
                (void)capnp_answer_return(w->answer);
        else if (w->answer)
                (void)capnp_answer_fail(w->answer, CAPNP_FAILED, "refused.person: %s",
                                        is_over ? "nobody answered" : "a person said no");
        ui_report(ui, w->o->name, &said);
        if (yes) {
                ui->theme = w->theme;
                ui->theme_by = w->o->number;
                ui->theme_until_ms = w->until_ms;
                ui_restyle(ui);
                ui_rewake(ui);
        }
        ui_offer_unref(w->o);
        free(w);
}

static void wish_canceled(capnp_answer *a, void *arg)
{
        struct wish *w = arg;

        w->answer = NULL;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
        ui_unask(w->o->ui, w->o, NULL);
}

static int theme_ask(capos_ui_offer *o, capnp_answer *a, struct capos_ui_theme theme,
                     uint64_t until_ms)
{
        const struct ui_prompt_draft d = {
                .kind = CAPOS_UI_PROMPT_THEME,
                .service = o->name,
                .title = o->title,
                .account = o->ui->account,
                .what = "",
                .capability = "",
                .method = "",
        };
        struct wish *w = calloc(1, sizeof(*w));
        struct ui_refused why;
        int r = w ? 0 : -ENOMEM;

        if (w) {
                *w = (struct wish){.o = o, .answer = a, .theme = theme, .until_ms = until_ms};
                o->refs++;
                r = ui_ask(o->ui, o, &d, wish_answered, w, &why);
        }
        if (!r)
                return capnp_answer_keep(a, wish_canceled, w);

        if (w)
                ui_offer_unref(o);
        free(w);
        return r == CAPNP_E_EXCEPTION ? ui_answer_refuse(a, &why)
                                      : capnp_answer_fail(a, CAPNP_OVERLOADED, "no memory");
}

static int serve_theme(void *self, capnp_answer *a)
{
        capos_ui_offer *o = self;
        remote_ui_host_theme_in_reader in = {capnp_answer_params(a)};
        ui_theme_hint_reader hints = remote_ui_host_theme_in_hints(in);
        enum ui_theme_scope scope = remote_ui_host_theme_in_scope(in);
        uint64_t until = ui_theme_hint_expires_at_ms(hints), now;
        struct ui_refused why;
        int r;

        if (!o->ui)
                return serve_over(a);

        now = ui_now(o->ui);
        r = ui_theme_hint_check(hints, &why);
        if (!r && capnp_answer_check(a))
                r = ui_refuse(&why, UI_REFUSAL_THEME, "not readable");
        if (!r && (unsigned)scope > UI_THEME_SCOPE_WORKSPACE)
                r = ui_refuse(&why, UI_REFUSAL_THEME, "an unknown scope");
        if (!r && until && until <= now)
                r = ui_refuse(&why, UI_REFUSAL_EXPIRED, "its time is over");
        if (!r)
                r = ui_wish_may(o, &why);
        if (r)
                return ui_answer_refuse(a, &why);

        o->theme_at_ms = now;
        if (scope == UI_THEME_SCOPE_WORKSPACE)
                return theme_ask(o, a, ui_theme_of(hints), until);

        o->theme = ui_theme_of(hints);
        o->theme_until_ms = until;
        ui_restyle(o->ui);
        ui_rewake(o->ui);
        return capnp_answer_return(a);
}

static void host_gone(void *self)
{
        ui_offer_unref(self);
}

static const struct remote_ui_host_ops host_ops = {
        .gone = host_gone,
        .open = serve_open,
        .theme = serve_theme,
        .describe = serve_describe,
};

/* ---- asking the session ---------------------------------------------------------------------- */

/* What an instance's refusal says, by the code that it begins with. */
static enum capos_ui_close_reason refusal_how(const char *why)
{
        if (!strncmp(why, "denied.stale-session", 20))
                return CAPOS_UI_CLOSED_SESSION;
        if (!strncmp(why, "denied.", 7) || !strncmp(why, "over-quota.", 11))
                return CAPOS_UI_CLOSED_BY_INSTANCE;
        return CAPOS_UI_CLOSED_LOST;
}

static void question_end(capos_ui_offer *o, capnp_question *q, int r)
{
        const char *why = capnp_question_exception(q).reason;
        char plain[CAPOS_UI_WORDS];

        ui_words_plain(why[0] ? why : capnp_strerror(r), plain, sizeof(plain));
        ui_offer_end(o, refusal_how(why), plain);
}

static enum capos_ui_close_reason end_how(enum ui_end end, const char *why)
{
        switch (end) {
        case UI_END_FINISHED:
                return CAPOS_UI_CLOSED_BY_SERVICE;
        case UI_END_WITHDRAWN:
                return CAPOS_UI_CLOSED_BY_HOST;
        case UI_END_REVOKED:
                return CAPOS_UI_CLOSED_BY_INSTANCE;
        case UI_END_SESSION_ENDED:
                return CAPOS_UI_CLOSED_SESSION;
        case UI_END_FAILED:
                return CAPOS_UI_CLOSED_LOST;
        case UI_END_UNSAID:
                break;
        }
        return refusal_how(why);
}

static void ending_done(capnp_question *q, int r, void *arg)
{
        capos_ui_offer *o = arg;
        remote_ui_offer_ended_out_reader out = remote_ui_offer_ended_results(q);
        capnp_text why = remote_ui_offer_ended_out_reason(out);
        char plain[CAPOS_UI_WORDS];

        if (r) {
                question_end(o, q, r);
                return;
        }
        ui_words_plain(why.len ? why.p : "the composition is over", plain, sizeof(plain));
        ui_offer_end(o, end_how(remote_ui_offer_ended_out_end(out), why.p), plain);
}

static void asking_done(capnp_question *q, int r, void *arg)
{
        static const uint16_t offer[] = {0};
        capos_ui_offer *o = arg;

        if (!r && !capnp_question_cap_peek(q, offer, 1))
                r = CAPNP_E_EXCEPTION;
        if (r) {
                question_end(o, q, r);
                return;
        }

        o->offer = capnp_cap_ref(capnp_question_cap_peek(q, offer, 1));
        o->asking = capnp_question_free(o->asking);
}

/* Lends it. With `object`: what is lent, whose reference is taken. When it is over is asked along
 * with it: the answer comes before anything that a service does at its end, however soon that is.
 */
static int offer_begin(capos_ui_offer *o, capnp_cap *object)
{
        remote_session_client session = {o->ui->session};
        struct ui_saved_service *known = ui_saved_find(&o->ui->saved, o->name);
        remote_ui_offer_client offer;

        if (known)
                known->lent_ms = ui_now(o->ui);

        if (o->lent) {
                o->asking = remote_session_offer_surface(session);
                remote_session_offer_surface_set_surface(o->asking,
                                                         (remote_ui_surface_client){object});
                remote_session_offer_surface_set_service(o->asking, o->name);
        } else {
                o->asking = remote_session_offer_ui(session);
                remote_session_offer_ui_set_host(o->asking, (remote_ui_host_client){object});
                remote_session_offer_ui_set_service(o->asking, o->name);
        }
        capnp_cap_unref(object);
        if (!o->asking)
                return -ENOMEM;

        capnp_question_send(o->asking, asking_done, o);
        offer = o->lent ? remote_session_offer_surface_offer(o->asking)
                        : remote_session_offer_ui_offer(o->asking);
        o->ending = remote_ui_offer_ended(offer);
        if (!o->ending) {
                o->asking = capnp_question_free(o->asking);
                return -ENOMEM;
        }
        capnp_question_send(o->ending, ending_done, o);
        o->is_running = true;
        return 0;
}

/* An offer that waits for a person's yes, and what is to be lent then. */
struct consent {
        capos_ui_offer *o; /* counted */
        capnp_cap *object;
};

static void consent_answered(void *arg, bool yes, bool is_over)
{
        const struct ui_said said = {.what = UI_REPORT_WHAT_PANES, .unanswered = is_over};
        struct consent *c = arg;
        capos_ui_offer *o = c->o;

        if (!yes) {
                c->object = capnp_cap_unref(c->object);
                ui_report(o->ui, o->name, &said);
        }
        if (yes && offer_begin(o, c->object))
                ui_offer_end(o, CAPOS_UI_CLOSED_BY_HOST, capnp_strerror(-ENOMEM));
        else if (!yes && !is_over)
                ui_offer_end(o, CAPOS_UI_CLOSED_BY_PERSON, "refused.person: a person said no");
        ui_offer_unref(o);
        free(c);
}

static int consent_ask(capos_ui_offer *o, capnp_cap *object, struct ui_refused *why)
{
        const struct ui_prompt_draft d = {
                .kind = CAPOS_UI_PROMPT_OFFER,
                .service = o->name,
                .title = o->title,
                .account = o->ui->account,
                .what = "",
                .capability = "",
                .method = "",
        };
        struct consent *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;

        *c = (struct consent){.o = o, .object = object};
        o->refs++;
        r = ui_ask(o->ui, o, &d, consent_answered, c, why);
        if (r) {
                ui_offer_unref(o);
                free(c);
        }
        return r;
}

/* ---- making one ------------------------------------------------------------------------------ */

static int offer_may(const capos_ui *ui, const struct capos_ui_offering *what,
                     struct capos_ui_why *why)
{
        const capnp_text nowhere = {"", 0};

        if (!what->name[0] || ui_text_wrong(UI_TEXT_CAPABILITY, capnp_text_of(what->name)))
                return ui_why(why, nowhere, "refused.spec: not a capability's name");
        if (!what->asked_for && ui_saved_consent(&ui->saved, what->name) == CAPOS_UI_NEVER)
                return ui_why(why, nowhere, "refused.person: it may never show panes");
        if (ui->noffers >= UI_OFFERS)
                return ui_why(why, nowhere, "over-quota.ui-offers: more than %d", UI_OFFERS);
        for (struct capnp_i_list *l = ui->offers.next; l != &ui->offers; l = l->next)
                if (!strcmp(CAPNP_I_OF(l, capos_ui_offer, link)->name, what->name))
                        return ui_why(why, nowhere, "over-quota.ui-offers: it has one already");
        return 0;
}

static int offer_new(capos_ui *ui, const struct capos_ui_offering *what, capos_ui_offer **ret_o)
{
        capos_ui_offer *o = calloc(1, sizeof(*o));
        const char *title = what->title;
        struct ui_saved_service *known;

        if (!o)
                return -ENOMEM;
        if (!title || !title[0] || ui_text_wrong(UI_TEXT_TITLE, capnp_text_of(title)))
                title = what->name;

        o->refs = 1;
        o->name = ui_words_dup(what->name);
        o->title = ui_words_dup(title);
        if (!o->name || !o->title) {
                ui_offer_unref(o);
                return -ENOMEM;
        }
        o->ui = ui;
        o->interface = what->interface;
        o->number = ++ui->numbers;
        o->look = ui->look;
        o->meter = ui_saved_get(&ui->saved, o->name, &known) ? &o->own_meter : &known->meter;
        ui_ledger_init(&o->ledger, &ui->sum, NULL, ui_now(ui));
        capnp_i_list_append(&ui->offers, &o->link);
        ui->noffers++;
        *ret_o = o;
        return 0;
}

/* Undoes an offer that has not begun, without a word. */
static int offer_drop(capos_ui_offer *o, int r)
{
        if (o->lent)
                ui_surface_close(o->lent, CAPOS_UI_CLOSED_BY_HOST);
        capnp_i_list_remove(&o->link);
        o->ui->noffers--;
        o->ui = NULL;
        ui_offer_unref(o);
        return r;
}

/* Lends it, or asks a person first. Takes the object. */
static int offer_start(capos_ui_offer *o, const struct capos_ui_offering *what, capnp_cap *object,
                       struct capos_ui_why *why)
{
        struct ui_refused refused;
        int r;

        if (what->asked_for || ui_saved_consent(&o->ui->saved, o->name) == CAPOS_UI_ALWAYS)
                return offer_begin(o, object);

        r = consent_ask(o, object, &refused);
        if (r)
                capnp_cap_unref(object);
        if (r == CAPNP_E_EXCEPTION)
                return ui_why(why, (capnp_text){"", 0}, "%s", refused.text);
        return r;
}

int capos_ui_offer_host(capos_ui *ui, const struct capos_ui_offering *what, capos_ui_offer **ret_o,
                        struct capos_ui_why *ret_why)
{
        capos_ui_offer *o;
        capnp_cap *object;
        int r = offer_may(ui, what, ret_why);

        if (r)
                return r;
        r = offer_new(ui, what, &o);
        if (r)
                return r;
        r = remote_ui_host_serve(ui->vat, &host_ops, o, &object);
        if (r)
                return offer_drop(o, r);
        o->refs++;

        r = offer_start(o, what, object, ret_why);
        if (r)
                return offer_drop(o, r);
        ui_restyle(ui);
        *ret_o = o;
        return 0;
}

/* The pane of a host's own, as a message. */
static int lent_spec(const struct capos_ui_lent *pane, capnp_msg **ret_m)
{
        const struct ui_kind *kind = ui_kind_of((enum ui_surface_kind)pane->kind);
        ui_surface_spec_builder b;
        int r = capnp_msg_new(ret_m);

        if (r)
                return r;

        b = ui_surface_spec_build(*ret_m);
        ui_surface_spec_set_surface_id(b, pane->id);
        ui_surface_spec_set_title(b, pane->title);
        if (pane->summary)
                ui_surface_spec_set_summary(b, pane->summary);
        ui_surface_spec_set_kind(b, (enum ui_surface_kind)pane->kind);
        ui_surface_spec_set_safety_class(b, (enum ui_safety_class)pane->safety_class);
        if (kind)
                ui_surface_spec_set_model_schema(b, ui_kind_schema(kind));
        return capnp_msg_check(*ret_m);
}

int capos_ui_offer_surface(capos_ui *ui, const struct capos_ui_offering *what,
                           const struct capos_ui_lent *pane, capos_ui_offer **ret_o,
                           struct capos_ui_why *ret_why)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *spec = NULL;
        struct ui_refused refused;
        capos_ui_offer *o;
        capnp_cap *object;
        int r = offer_may(ui, what, ret_why);

        if (!r)
                r = lent_spec(pane, &spec);
        if (r)
                return r;
        r = offer_new(ui, what, &o);
        if (r)
                return r;
        r = ui_surface_new(o, ui_surface_spec_root(spec), &o->lent, &object, &refused);
        if (r) {
                if (r == CAPNP_E_EXCEPTION)
                        (void)ui_why(ret_why, (capnp_text){"", 0}, "%s", refused.text);
                return offer_drop(o, r);
        }

        UI_TELL(ui, opened, o->lent);
        r = offer_start(o, what, object, ret_why);
        if (r)
                return offer_drop(o, r);
        ui_relayout(ui);
        ui_restyle(ui);
        *ret_o = o;
        return 0;
}

void capos_ui_withdraw(capos_ui_offer *o)
{
        if (o->offer)
                capnp_question_detach(remote_ui_offer_withdraw((remote_ui_offer_client){o->offer}));
        ui_offer_end(o, CAPOS_UI_CLOSED_BY_HOST, "withdrawn");
}

uint32_t capos_ui_again_ms(capos_ui *ui, const char *service)
{
        static const uint16_t waits_ms[] = {500, 2000, 8000};
        struct ui_saved_service *of = ui_saved_find(&ui->saved, service);

        if (!of || of->consent != CAPOS_UI_ALWAYS)
                return 0;
        if (ui_now(ui) - of->lent_ms > UI_LASTING_MS)
                of->again = 0;
        if (of->again == sizeof(waits_ms) / sizeof(waits_ms[0]))
                return 0;
        return waits_ms[of->again++];
}

const char *capos_ui_offer_name(const capos_ui_offer *o)
{
        return o->name;
}
