/*
 * From a principal to a session: what a good proof is for, and the ways in without one.
 *
 * A proof is good for what the connection is when it turns out to be good, not for what it was when
 * it was asked for: it may have got a session meanwhile, or lost it.
 */
#include "login.h"

#include <stdio.h>
#include <string.h>

#include "admit.h"
#include "broker.h"
#include "clock.h"
#include "credential.h"
#include "daemon-log.h"
#include "daemon-text.h"
#include "methods.h"
#include "oidc.h"
#include "places.h"
#include "raise.h"
#include "reconnect.h"
#include "session.h"
#include "sessiond.h"

/* ---- what a proof was for ------------------------------------------------------------------- */

static struct broker_case login_case(const struct flow *f, const struct principal *who,
                                     const char *wanted)
{
        return (struct broker_case){.policy = &f->claim.origin->s->policy,
                                    .method = f->method,
                                    .only = who->profile,
                                    .wanted = wanted,
                                    .proof = flow_strength(f, who),
                                    .back = f->enrolment != 0,
                                    .local = origin_is_local(f->claim.origin),
                                    .host = f->claim.origin->host};
}

/* NULL: none, and that is a denial, too. */
static const struct policy_profile *login_profile(struct sessiond *s, const struct flow *f,
                                                  const struct principal *who, const char *wanted)
{
        struct broker_case c = login_case(f, who, wanted);
        struct store_account acc = {0};
        const struct policy_profile *p;

        if (!who->newcomer.issuer) {
                if (store_load(&s->store, who->account, &acc))
                        return NULL;
                c.account = &acc;
        }
        p = broker_profile(&c, NULL);
        store_account_deinit(&acc);
        return p;
}

/* Whether a profile takes what was proved; false: the flow is over, and a too. */
static bool login_is_enough(struct flow *f, const struct principal *who,
                            const struct policy_profile *p, capnp_answer *a)
{
        const struct broker_case c = login_case(f, who, "");
        char text[STRENGTH_TEXT], detail[CAPOS_AUDIT_TEXT_BYTES];
        const char *why = broker_weak(&c, p, text);

        if (!why)
                return true;

        (void)snprintf(detail, sizeof(detail), "%.90s%s%s", who->detail, who->detail[0] ? ": " : "",
                       why);
        flow_describe(f, detail);
        (void)flow_deny(f, a, CAPOS_DENIED_PROFILE, why);
        return false;
}

/*
 * Uses up what is good once: last, when nothing else is left that could refuse it, so that it is
 * still good after a mistake. What cannot be remembered is not taken. false: the flow is over, and
 * a too.
 */
static bool login_use_up(struct sessiond *s, struct flow *f, const struct principal *p,
                         capnp_answer *a)
{
        char detail[CAPOS_AUDIT_TEXT_BYTES];
        int r;

        if (!p->once)
                return true;
        r = store_use_once(&s->store, p->once_hash, (int64_t)(p->until_ms / 1000),
                           (int64_t)(clock_wall_ms() / 1000));
        if (!r)
                return true;

        (void)snprintf(detail, sizeof(detail), "%.90s: %s", p->detail,
                       r == STORE_E_OVER ? "over, by a clock that was ahead" : "a second time");
        flow_describe(f, detail);
        (void)flow_deny(f, a, CAPOS_DENIED_CREDENTIALS,
                        r == STORE_E_OVER ? "it has expired"
                                          : "an access token is good for one login");
        return false;
}

/* Only of what has come to something; whoever comes back has logged in before. What the store fails
 * at is no reason to refuse anybody: the audit log has it. */
static void login_note(const struct flow *f, const char *account)
{
        const struct origin *o = f->claim.origin;
        struct store_login l = {.at_ms = clock_wall_ms()};

        if (f->enrolment)
                return;
        (void)snprintf(l.kind, sizeof(l.kind), "%s", capos_auth_name(f->kind));
        origin_host(o, l.from, sizeof(l.from));
        if (!l.from[0])
                (void)snprintf(l.from, sizeof(l.from), "%.63s", o->source);
        if (store_note_login(&o->s->store, account, f->credential, &l, f->renewal))
                daemon_log(LOG_ERR, "the last login of %s is not noted", account);
}

/* When what was proved is over, or the key that has proved it is. */
static uint64_t login_until(const struct principal *p)
{
        if (!p->until_ms || (p->credential_ms && p->credential_ms < p->until_ms))
                return p->credential_ms;

        return p->until_ms;
}

static int login_make(struct admission *ad, struct flow *f, const struct principal *p,
                      capnp_answer *a)
{
        struct sessiond *s = ad->origin.s;
        const struct strength_of proof = flow_strength(f, p);
        struct session_who who = {
                .account = p->account,
                .credential = f->credential,
                .authority = p->authority,
                .dates = {.made_ms = login_until(p), .account_ms = p->door.expires_ms},
                .before = p->door.last,
                .certified = f->kind == CAPOS_AUTH_PUBLIC_KEY && p->until_ms,
                .kind = (enum capos_auth)f->kind,
                .binding = f->claim.binding,
                .strength = strength_made(&proof),
                .unbound = f->method->unbound || p->unbound,
                .alone = f->alone,
                .profile = login_profile(s, f, p, f->claim.profile)};
        const char *why = NULL;
        struct enrolment *n = NULL;
        enum capos_denial d;
        struct session *e, *before;
        CAPNP_AUTO(session_freep) struct session *made = NULL;
        CAPNP_AUTO(place_give) struct place place = {0};
        struct places_full full;

        if (f->enrolment) {
                d = reconnect_check(ad, f, who.profile, &why, &n);
                if (d)
                        return flow_deny(f, a, d, why);
        }
        if (!who.profile)
                return flow_deny(f, a, CAPOS_DENIED_PROFILE, NULL);
        if (!login_is_enough(f, p, who.profile, a))
                return 0;
        before = n ? n->session : NULL;
        if (n)
                reconnect_fill(n, &who);
        if (places_take(&ad->origin, &who, &place, &full))
                return flow_over_quota(f, a, full.quota, full.why);
        if (session_new(&ad->origin, &who, &made))
                return flow_over_quota(f, a, CAPOS_I_QUOTA_MEMORY, NULL);
        if (p->newcomer.issuer && oidc_make(s, p))
                return flow_deny(f, a, CAPOS_DENIED_CREDENTIALS,
                                 "an account cannot be made for this identity");
        if (!login_use_up(s, f, p, a))
                return 0;

        flow_passed(f);
        e = made;
        made = NULL;
        session_begin(e, &who, &place);
        login_note(f, p->account);
        /* Only now: who does not get the new one still has what he had, and so have all others. */
        places_settle(s);
        if (before)
                reconnect_done(before);
        if (who.alone)
                sessions_end_others(e, "ended by a newer login of the account");
        flow_end(f);
        admission_bind(ad, e);
        admission_next_results_set_done(a, true);
        session_fill(e, admission_next_results_init_bound(a));
        return who.alone ? admissions_return(s, a) : audit_return(&s->audit, a);
}

/* Whether a session may have a profile by what was proved, its own or another; false: the flow is
 * over, and a too. */
static bool login_may_renew(const struct session *e, struct flow *f, const struct principal *p,
                            const struct policy_profile *to, capnp_answer *a)
{
        const struct strength_of proof = flow_strength(f, p);
        const char *rests_on = e->raised[0] ? e->raised : e->credential, *why = NULL;
        enum capos_denial d = CAPOS_DENIED_CREDENTIALS;
        bool raises = to && to != e->profile;

        if (f->direct && memcmp(f->claim.nonce, e->challenge, sizeof(f->claim.nonce)) != 0) {
                why = "the challenge was used";
        } else if (!f->enrolment && !strcmp(p->account, e->account)) {
                why = raises ? raise_refuses(e, to) : NULL;
                d = to && !why ? CAPOS_DENIED_NONE : CAPOS_DENIED_PROFILE;
        }
        if (!d && ((f->method->same && !raises) || p->unbound) &&
            strcmp(f->credential, rests_on) != 0) {
                d = CAPOS_DENIED_CREDENTIALS;
                why = "the session was made by something else";
        }
        if (!d && !login_is_enough(f, p, to, a))
                return false;
        if (!d && !strength_renews(&proof, e->by, e->strength)) {
                d = CAPOS_DENIED_WEAK_PROOF;
                why = "nobody has touched a security key";
        }
        if (d)
                (void)flow_deny(f, a, d, why);
        return !d;
}

static int login_renewed(struct admission *ad, struct flow *f, const struct principal *p,
                         capnp_answer *a)
{
        struct session *e = ad->session;
        const struct strength_of proof = flow_strength(f, p);
        bool direct = f->direct, same = direct || !f->claim.profile[0];
        const struct raise raise = {
                .to = login_profile(ad->origin.s, f, p, same ? e->profile->name : f->claim.profile),
                .credential = f->credential,
                .authority = p->authority,
                .kind = proof.kind,
                .strength = strength_made(&proof),
                .unbound = f->method->unbound || p->unbound,
                .certified = f->kind == CAPOS_AUTH_PUBLIC_KEY && p->until_ms};
        const struct session_renewal by = {.credential = f->credential,
                                           .authority = p->authority,
                                           .duration_ms = f->duration_ms,
                                           .until_ms = login_until(p),
                                           .replaces = p->unbound,
                                           .raises = raise.to != e->profile};
        CAPNP_AUTO(session_lease_deinit) struct session_lease lease = {0};
        CAPNP_AUTO(place_give) struct place place = {0};
        struct places_full full;

        if (!login_may_renew(e, f, p, raise.to, a))
                return 0;
        if (by.raises && places_change(e, raise.to, &place, &full))
                return flow_over_quota(f, a, full.quota, full.why);
        if (session_lease_new(e, &by, raise.to, &lease))
                return flow_over_quota(f, a, CAPOS_I_QUOTA_MEMORY, NULL);
        if (!login_use_up(ad->origin.s, f, p, a))
                return 0;
        if (by.raises && raise_session(e, &raise, &place))
                return flow_over_quota(f, a, CAPOS_I_QUOTA_MEMORY, NULL);

        if (by.raises) {
                places_settle(ad->origin.s);
                tally_begin(&ad->tallied, e);
        }
        flow_passed(f);
        session_renew(e, &by, &lease);
        login_note(f, p->account);
        flow_end(f);
        if (direct) {
                session_fill(e, admission_renew_results_init_bound(a));
        } else {
                admission_next_results_set_done(a, true);
                session_fill(e, admission_next_results_init_bound(a));
        }
        return audit_return(&ad->origin.s->audit, a);
}

/* Why the account is of no use to its owner, or what he has proved it by; NULL: both are. Fills in
 * what p has of both. 0; -errno. */
static int login_closed(struct sessiond *s, const struct flow *f, struct principal *p,
                        const char **ret_why)
{
        int r = store_door(&s->store, p->account, &p->door);

        *ret_why = NULL;
        if (r)
                return r < 0 ? r : 0;
        *ret_why = broker_shut(&p->door, clock_wall_ms());
        if (*ret_why)
                return 0;
        if (f->enrolment)
                r = credential_judge_enrolled(f->claim.origin, f->enrolment, p, ret_why);
        else
                r = credential_judge(f->claim.origin, f->credential, p, ret_why);
        return r;
}

/*
 * Whether the account is locked, or has expired, or its key may not be used: then a good proof is
 * what a bad one is to who has made it, in its code, in what it costs and in what counts, whatever
 * else there would be to say. true: the flow is over, and a too.
 */
static bool login_shut(struct sessiond *s, struct flow *f, struct principal *p, capnp_answer *a)
{
        char why[CAPOS_AUDIT_TEXT_BYTES];
        const char *shut;

        if (login_closed(s, f, p, &shut)) {
                (void)flow_deny(f, a, CAPOS_DENIED_CREDENTIALS, NULL);
                return true;
        }
        if (!shut)
                return false;

        (void)snprintf(why, sizeof(why), "%s%s%.100s", shut, p->detail[0] ? ": " : "", p->detail);
        (void)flow_deny_good(f, a, why);
        return true;
}

static void login_on_proved(void *arg, struct flow *f, struct principal *p, capnp_answer *a)
{
        struct admission *ad = arg;

        if (login_shut(ad->origin.s, f, p, a))
                return;
        if (!method_takes_proofs(&ad->origin, f->kind)) { /* any more: the manifest is another */
                (void)flow_deny(f, a, CAPOS_DENIED_METHOD_DISABLED, NULL);
                return;
        }
        if (f->renewal && ad->state == ADMISSION_BOUND)
                (void)login_renewed(ad, f, p, a);
        else if (f->renewal)
                (void)flow_deny(f, a, CAPOS_DENIED_STALE_SESSION, ad->ended_reason);
        else if (ad->state != ADMISSION_FRESH)
                (void)flow_deny(f, a, CAPOS_DENIED_ALREADY_BOUND, NULL);
        else
                (void)login_make(ad, f, p, a);
}

static void login_on_refused(void *arg)
{
        admission_refused(arg);
}

static uint32_t login_on_waits(void *arg, uint32_t ms)
{
        return admission_stand_still(arg, ms);
}

static void login_on_waited(void *arg)
{
        admission_go_on(arg);
}

static const struct flow_ops flow_ops = {.proved = login_on_proved,
                                         .refused = login_on_refused,
                                         .waits = login_on_waits,
                                         .waited = login_on_waited};

void login_init(struct admission *ad)
{
        flows_init(&ad->flows, &ad->origin, &flow_ops, ad);
}

/* ---- by proof ------------------------------------------------------------------------------- */

int login_methods(struct admission *ad, capnp_answer *a)
{
        return methods_tell(&ad->origin, a);
}

int login_start(struct admission *ad, capnp_answer *a)
{
        bool renewal = admission_start_param_renewal(a);
        remote_auth_start_reader q = admission_start_param_request(a);
        const char *kind = capos_auth_name(remote_auth_start_kind(q));

        origin_claim(&ad->origin, remote_auth_start_source(q));
        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "the request cannot be read");
        if (renewal && (!ad->session || !ad->session->account[0]))
                return origin_deny_attempt(&ad->origin, a, kind, CAPOS_DENIED_METHOD_DISABLED,
                                           NULL);
        if (!renewal && ad->session)
                return origin_deny_attempt(&ad->origin, a, kind, CAPOS_DENIED_ALREADY_BOUND, NULL);

        return flows_start(&ad->flows, a, renewal ? ad->session : NULL);
}

int login_next(struct admission *ad, capnp_answer *a)
{
        return flows_next(&ad->flows, a, ad->state == ADMISSION_FRESH);
}

int login_cancel(struct admission *ad, capnp_answer *a)
{
        return flows_cancel(&ad->flows, a);
}

int login_renew(struct admission *ad, capnp_answer *a)
{
        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "the request cannot be read");
        if (!ad->session->account[0])
                return origin_deny_attempt(&ad->origin, a, NULL, CAPOS_DENIED_METHOD_DISABLED,
                                           "this session cannot be renewed");

        return flows_renew(&ad->flows, a, ad->session);
}

/* The record is written; nobody who logs out need wait for the disk. */
int login_logout(struct admission *ad, capnp_answer *a)
{
        session_witness(ad->session, admission_logout_results_init_witness(a));
        session_end(ad->session, SESSION_LOGOUT, "logout");
        return capnp_answer_return(a);
}

/* ---- without one ---------------------------------------------------------------------------- */

static int enter_make(struct admission *ad, capnp_answer *a, const struct session_who *who)
{
        CAPNP_AUTO(place_give) struct place place = {0};
        struct places_full full = {CAPOS_I_QUOTA_MEMORY, "try again later"};
        struct session *e;

        if (places_take(&ad->origin, who, &place, &full) || session_new(&ad->origin, who, &e)) {
                origin_attempt(&ad->origin, capos_auth_name(who->kind),
                               capos_i_quota_code(full.quota));
                return origin_over_quota(&ad->origin, a, full.quota, full.why);
        }

        session_begin(e, who, &place);
        origin_attempt(&ad->origin, capos_auth_name(who->kind), "ok");
        places_settle(ad->origin.s);
        admission_bind(ad, e);
        session_fill(e, admission_enter_results_init_bound(a));
        return audit_return(&ad->origin.s->audit, a);
}

int login_enter(struct admission *ad, capnp_answer *a)
{
        unsigned kind = admission_enter_param_kind(a);
        const char *name = capos_auth_name(kind);
        const struct policy *p = &ad->origin.s->policy;
        const struct method *m = method_of_kind(kind);
        capnp_text wanted = admission_enter_param_requested_profile(a);
        struct session_who who = {.account = "", .credential = "", .kind = (enum capos_auth)kind};

        origin_claim(&ad->origin, admission_enter_param_source(a));
        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "the request cannot be read");
        if (ad->state != ADMISSION_FRESH)
                return origin_deny_attempt(&ad->origin, a, name, CAPOS_DENIED_ALREADY_BOUND, NULL);
        if (!m || !m->entry || !m->is_on(p))
                return origin_deny_attempt(&ad->origin, a, name, CAPOS_DENIED_METHOD_DISABLED,
                                           NULL);

        who.profile = m->entry(p)->profile;
        if (!method_entry_is_near(&ad->origin, m))
                return origin_deny_attempt(&ad->origin, a, name, CAPOS_DENIED_PROFILE, NULL);
        if (wanted.len && !text_is(wanted, who.profile->name))
                return origin_deny_attempt(&ad->origin, a, name, CAPOS_DENIED_PROFILE, NULL);

        return enter_make(ad, a, &who);
}
