/*
 * Offers: what the client has lent to services for composing panes, a host or one surface each.
 *
 * What is lent is wrapped in a membrane of the offer's own, so that it can be taken back alone, and
 * goes to the service as the argument of UiComposer.compose, or draw, through the membrane of the
 * capability that the session has. That one call is the composition: whatever ends it ends the
 * offer, and what ends the offer cancels it. So revocation, logout and the death of either end need
 * no case of their own: the call fails.
 *
 * An offer ends once, in one function, which lets go of everything at once. The struct stays until
 * its membrane is gone and nobody holds the RemoteUiOffer any more, to say why it has ended.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon-text.h"
#include "remote_ui.capnp-c.h"
#include "worker-composer.h"
#include "worker-grant.h"
#include "worker-offer-policy.h"
#include "worker-offer.h"
#include "worker-schema.h"
#include "worker-tally.h"

enum {
        OFFER_SURFACE = 9, /* of RemoteSession's methods */
        REPORTS = 20,      /* of a session in a second, that are recorded */
};

/* Somebody wants to know when it has ended. */
struct waiter {
        struct capnp_i_list link; /* offer.waiters */
        capnp_answer *a;
};

struct offer {
        struct capnp_i_list link; /* worker.offers, until it has ended */
        struct worker *w;
        struct offer_policy policy;
        capnp_membrane *membrane; /* NULL: it has ended */
        capnp_question *compose;  /* the composition */
        struct capnp_i_list waiters;
        unsigned refs; /* its membrane, and its RemoteUiOffer */
        enum ui_end end;
        char reason[CAPOS_REFUSAL_BYTES];
        char service[NAME_BYTES + 1];
};

/* ---- what is recorded ----------------------------------------------------------------------- */

/* Something that was decided: that it begins, that it ends, what a person has said. */
static void offer_tell(const struct offer *o, const char *event, const char *detail)
{
        worker_report(o->w, (struct worker_event){.name = event,
                                                  .capability = o->service,
                                                  .detail = detail,
                                                  .decided = true});
}

/* ---- the end -------------------------------------------------------------------------------- */

static void offer_unref(struct offer *o)
{
        if (!--o->refs)
                free(o);
}

static int ended_return(struct offer *o, capnp_answer *a)
{
        remote_ui_offer_ended_results_set_reason(a, o->reason);
        remote_ui_offer_ended_results_set_end(a, o->end);
        return capnp_answer_return(a);
}

/* What has ended it, by the code of its reason. A service's own words are marked as such. */
static enum ui_end end_of(const char *reason)
{
        enum capos_denial d = capos_denial_of_text(reason);

        if (d == CAPOS_DENIED_STALE_SESSION)
                return UI_END_SESSION_ENDED;
        return d ? UI_END_REVOKED : UI_END_FAILED;
}

/* The service has nothing of the host's when this returns. Who waits for the end is told first, so
 * that a host knows why its panes are let go when they are. */
static void offer_end(struct offer *o, enum ui_end end, const char *reason)
{
        char text[CAPOS_REFUSAL_BYTES];
        struct capnp_i_list *l;

        if (!o->membrane)
                return;

        o->end = end;
        (void)snprintf(o->reason, sizeof(o->reason), "%s", reason);
        while ((l = capnp_i_list_pop(&o->waiters))) {
                struct waiter *x = CAPNP_I_OF(l, struct waiter, link);

                (void)ended_return(o, x->a);
                free(x);
        }
        offer_tell(o, "ui.end", reason);
        capnp_i_list_remove(&o->link);
        capos_i_refusal(text, capos_denial_code(CAPOS_DENIED_WITHDRAWN), reason);
        capnp_membrane_revoke(o->membrane, (capnp_exception){CAPNP_FAILED, text});
        o->membrane = capnp_membrane_unref(o->membrane);
        o->policy.membrane = NULL;
        capnp_i_quota_give(&o->w->noffers, 1);
        o->compose = capnp_question_free(o->compose);
}

void offers_end_all(struct worker *w, const char *reason)
{
        struct capnp_i_list *l, *next;

        for (l = w->offers.next; l != &w->offers; l = next) {
                next = l->next;
                offer_end(CAPNP_I_OF(l, struct offer, link), end_of(reason), reason);
        }
}

static void offer_on_gone(void *self)
{
        offer_unref(CAPNP_I_OF((struct offer_policy *)self, struct offer, policy));
}

static const struct capnp_membrane_ops offer_membrane = {
        .pass = offer_policy_pass,
        .look = offer_policy_look,
        .reason = offer_policy_reason,
        .transfer = offer_policy_transfer,
        .gone = offer_on_gone,
};

/* compose has returned, or cannot go on. */
static void offer_on_composed(capnp_question *q, int r, void *arg)
{
        const char *why = capnp_question_exception(q).reason;

        if (r)
                offer_end(arg, end_of(why), why);
        else
                offer_end(arg, UI_END_FINISHED, "the service has finished");
}

/* ---- RemoteUiOffer -------------------------------------------------------------------------- */

static int offer_withdraw(void *self, capnp_answer *a)
{
        offer_end(self, UI_END_WITHDRAWN, "the host has withdrawn it");
        return capnp_answer_return(a);
}

static void ended_canceled(capnp_answer *a, void *arg)
{
        struct waiter *x = arg;

        capnp_i_list_remove(&x->link);
        free(x);
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static int offer_ended(void *self, capnp_answer *a)
{
        struct offer *o = self;
        struct waiter *x;

        if (!o->membrane)
                return ended_return(o, a);

        x = malloc(sizeof(*x));
        if (!x)
                return capos_i_refuse_no_memory(a);

        x->a = a;
        capnp_i_list_init(&x->link);
        capnp_i_list_append(&o->waiters, &x->link);
        return capnp_answer_keep(a, ended_canceled, x);
}

/* What was decided, and about what; of names so much that a record's 128 bytes hold all of it. */
static void report_say(ui_report_reader r, char *ret, size_t bytes)
{
        static const char *const effects[] = {"reads", "own", "shared", "lasting"};
        const char *answer = ui_report_unanswered(r) ? "unanswered"
                             : ui_report_allowed(r)  ? "allowed"
                                                     : "refused";
        const char *command = ui_report_command(r).p;
        unsigned effect = ui_report_effect(r), what = ui_report_what(r);

        if (what > UI_REPORT_WHAT_PANES) /* nothing was asked for */
                (void)snprintf(ret, bytes, "the client says: %.64s", command);
        else if (what > UI_REPORT_WHAT_PROMPT)
                (void)snprintf(ret, bytes, "the client says %s%s%.64s", answer,
                               *command ? ": " : "", command);
        else
                (void)snprintf(
                        ret, bytes, "the client says %s, %s, %s: %.28s on %.28s 0x%" PRIx64 ".%u",
                        answer,
                        effect < sizeof(effects) / sizeof(*effects) ? effects[effect] : "unknown",
                        what == UI_REPORT_WHAT_PROMPT ? "asked" : "unasked", command,
                        ui_report_capability(r).p, ui_report_interface_id(r),
                        ui_report_method_id(r));
}

/* The client's word, of what a person or the host has decided about a service. */
static int report_take(struct worker *w, capnp_answer *a, const char *service, ui_report_reader r)
{
        static const char *const whats[] = {"ui.command", "ui.prompt", "ui.persist", "ui.theme",
                                            "ui.reset",   "ui.panes",  "ui.consent", "ui.pin",
                                            "ui.move",    "ui.closed"};
        static const struct offer_pace pace = {.per_second = REPORTS, .at_once = REPORTS};
        char detail[CAPOS_REFUSAL_BYTES];

        if (capnp_answer_check(a) || ui_report_what(r) >= sizeof(whats) / sizeof(whats[0]))
                return capnp_answer_fail(a, CAPNP_FAILED, "no report");
        if (!offer_rate_take(&w->reports, pace, 1, w->clock_ms())) {
                tally_unsaid(w);
                return capnp_answer_return(a);
        }

        report_say(r, detail, sizeof(detail));
        worker_report(w, (struct worker_event){.name = whats[ui_report_what(r)],
                                               .capability = service,
                                               .detail = detail,
                                               .decided = true});
        return capnp_answer_return(a);
}

/* Also when it has ended: a question may have been open then. */
static int offer_report(void *self, capnp_answer *a)
{
        struct offer *o = self;

        return report_take(o->w, a, o->service, remote_ui_offer_report_param_report(a));
}

int offer_report_none(struct worker *w, capnp_answer *a)
{
        capnp_text name = remote_session_report_ui_param_service(a);

        if (!text_is_plain(name) || !bundle_entry_name(worker_entry(w, name.p)).len)
                return capos_i_deny(a, CAPOS_DENIED_UNKNOWN_NAME, NULL);
        return report_take(w, a, name.p, remote_session_report_ui_param_report(a));
}

static void offer_dropped(void *self)
{
        offer_end(self, UI_END_WITHDRAWN, "the host has dropped it");
        offer_unref(self);
}

static const struct remote_ui_offer_ops offer_ops = {
        .gone = offer_dropped,
        .withdraw = offer_withdraw,
        .ended = offer_ended,
        .report = offer_report,
};

bool offer_owns(const capnp_cap *c)
{
        return capnp_cap_self_peek(c, &offer_ops) != NULL;
}

/* ---- the beginning -------------------------------------------------------------------------- */

static bool asks_for_surface(capnp_answer *a)
{
        return capnp_answer_method(a) == OFFER_SURFACE;
}

static capnp_cap *asked_to_lend(capnp_answer *a)
{
        return asks_for_surface(a) ? remote_session_offer_surface_param_surface(a).c
                                   : remote_session_offer_ui_param_host(a).c;
}

/* As many as the profile allows now; more that were there before go on. */
static bool offers_full(struct worker *w)
{
        w->noffers.limit = session_ui_quota_offers(worker_ui_quota(w));
        return !capnp_i_quota_has(&w->noffers, 1);
}

static struct offer *offer_new(struct worker *w, const char *service, bool surface)
{
        struct offer *o = calloc(1, sizeof(*o));

        if (!o)
                return NULL;

        o->w = w;
        o->refs = 1;
        (void)snprintf(o->service, sizeof(o->service), "%s", service);
        offer_policy_init(&o->policy, w, o->service, surface);
        if (capnp_membrane_new(w->vat, &offer_membrane, &o->policy, &o->membrane)) {
                free(o);
                return NULL;
        }

        o->policy.membrane = o->membrane;
        capnp_i_quota_take(&w->noffers, 1);
        capnp_i_list_init(&o->waiters);
        capnp_i_list_init(&o->link);
        capnp_i_list_append(&w->offers, &o->link);
        return o;
}

/* Its end ends the offer, also if it has ended by now. */
static void offer_compose(struct offer *o, capnp_cap *service, capnp_cap *lent)
{
        ui_composer_client c = {service};

        if (o->policy.surface) {
                o->compose = ui_composer_draw(c);
                ui_composer_draw_set_surface(o->compose, (remote_ui_surface_client){lent});
        } else {
                o->compose = ui_composer_compose(c);
                ui_composer_compose_set_host(o->compose, (remote_ui_host_client){lent});
        }
        o->w->composing = true;
        capnp_question_send(o->compose, offer_on_composed, o);
        o->w->composing = false;
}

static void offer_return(struct pending *p, capnp_cap *offer)
{
        if (asks_for_surface(p->a))
                remote_session_offer_surface_results_set_offer(p->a,
                                                               (remote_ui_offer_client){offer});
        else
                remote_session_offer_ui_results_set_offer(p->a, (remote_ui_offer_client){offer});
        (void)capnp_answer_return(p->a);
}

/* grant_give: the service can be called. */
static void offer_begin(struct pending *p, capnp_cap *service)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *lent = NULL, *out = NULL;
        struct worker *w = p->w;
        struct offer *o;

        if (offers_full(w)) {
                (void)capos_i_over_quota(p->a, CAPOS_I_QUOTA_UI_OFFERS, "withdraw one first");
                return;
        }

        o = offer_new(w, p->name, asks_for_surface(p->a));
        if (o)
                lent = capnp_membrane_wrap(o->membrane, asked_to_lend(p->a));
        if (!lent || remote_ui_offer_serve(w->vat, &offer_ops, o, &out)) {
                if (o)
                        offer_end(o, UI_END_FAILED, "no memory");
                (void)capos_i_refuse_no_memory(p->a);
                return;
        }

        o->refs++;
        offer_tell(o, "ui.offer", o->policy.surface ? "one surface" : "");
        offer_return(p, out);
        offer_compose(o, service, lent);
}

static void offer_on_schema(struct pending *p, capnp_data schema)
{
        capnp_answer *a = p->a;

        if (!composer_extends(schema, p->interface, UI_COMPOSER_ID)) {
                (void)capnp_answer_fail(a, CAPNP_UNIMPLEMENTED,
                                        "%s proposes no panes: its interface does not extend "
                                        "UiComposer",
                                        p->name);
                return;
        }

        p->a = NULL;
        (void)grant_open(p->w, a, p->name, p->interface, offer_begin);
}

static int offer_deny(struct worker *w, capnp_answer *a, enum capos_denial d, const char *service,
                      const char *detail)
{
        char name[NAME_BYTES + 1];

        (void)snprintf(name, sizeof(name), "%s", service);
        worker_report(w, (struct worker_event){.name = "ui.refused-offer",
                                               .capability = name,
                                               .detail = capos_denial_code(d)});
        return capos_i_deny(a, d, detail);
}

static int offer_ask(struct worker *w, capnp_answer *a, capnp_text name)
{
        bundle_entry_reader e = worker_entry(w, name.p);

        if (!bundle_entry_name(e).len || !text_is_plain(name))
                return offer_deny(w, a, CAPOS_DENIED_UNKNOWN_NAME, name.p, NULL);
        if (!bundle_entry_ui(e))
                return offer_deny(w, a, CAPOS_DENIED_UI, name.p,
                                  "the profile does not let this service propose panes");
        if (!asked_to_lend(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "there is nothing to lend");
        if (!grant_may_pass(w, asked_to_lend(a)))
                return offer_deny(w, a, CAPOS_DENIED_TRANSFER, name.p,
                                  "this may not be lent to a service");
        if (offers_full(w))
                return capos_i_over_quota(a, CAPOS_I_QUOTA_UI_OFFERS, "withdraw one first");

        return schema_ask(w, a, name.p, bundle_entry_interface_id(e), offer_on_schema);
}

int offer_host(struct worker *w, capnp_answer *a)
{
        return offer_ask(w, a, remote_session_offer_ui_param_service(a));
}

int offer_surface(struct worker *w, capnp_answer *a)
{
        return offer_ask(w, a, remote_session_offer_surface_param_service(a));
}

void offers_revoke(struct worker *w, capnp_text service, capnp_text why)
{
        const char *code = capos_denial_code(CAPOS_DENIED_REVOKED_LEASE);
        struct capnp_i_list *l, *next;

        for (l = w->offers.next; l != &w->offers; l = next) {
                struct offer *o = CAPNP_I_OF(l, struct offer, link);

                next = l->next;
                if (text_is(service, o->service))
                        offer_end(o, UI_END_REVOKED, capos_i_refusal(w->refusal, code, why.p));
        }
}

void offers_follow(struct worker *w)
{
        struct capnp_i_list *l, *next;

        for (l = w->offers.next; l != &w->offers; l = next) {
                struct offer *o = CAPNP_I_OF(l, struct offer, link);

                next = l->next;
                if (!bundle_entry_ui(worker_entry(w, o->service)))
                        offer_end(o, UI_END_REVOKED, "denied.ui: policy");
        }
}
