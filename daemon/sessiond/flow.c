/*
 * Flows: from a claim to a proof to a session.
 *
 * Nothing here looks into a key or a signature; that is the prover's. What is looked up here is
 * which verifier or key the claim is about. An account that does not exist, one without a password
 * and a key that is nobody's all go to a prover as well, with something that cannot succeed, so
 * that they cost and look the same.
 *
 * A nonce belongs to one flow and goes with it: whatever the verdict, the flow is over.
 */
#include "flow.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admit.h"
#include "clock.h"
#include "daemon-log.h"
#include "daemon-text.h"
#include "places.h"
#include "prove.h"
#include "session.h"
#include "sessiond.h"
#include "throttle.h"

enum { PASSWORD_BYTES = 1024, SIGNATURE_BYTES = 16 * 1024, SSHSIG_KEY_AT = 14 };

/*
 * A proof under way. It outlives the flow that began it: what a proof turns out to be counts
 * against its source, whether or not somebody stays to hear it.
 */
struct attempt {
        struct sessiond *s;
        struct flow *f; /* NULL: given up */
        struct prove_job *job;
        char account[129], source[TURNS_KEY];
        enum throttle_kind kind;
        bool shared;
};

static void flow_on_verdict(struct flow *f, enum prove_end end, const struct proof_verdict *v);

/* ---- life ----------------------------------------------------------------------------------- */

/* Also while a prover works: nobody hears its verdict then. */
static void flow_end(struct flow *f)
{
        struct admission *ad = f->ad;

        if (f->attempt) {
                f->attempt->f = NULL;
                prover_give_up(f->attempt->job);
        }
        sodium_memzero(f, sizeof(*f));
        f->ad = ad;
}

/* Ends a flow whose call is still open, as a stranger to its outcome. */
static void flow_abandon(struct flow *f)
{
        capnp_answer *a = f->answer;

        flow_end(f);
        if (a)
                (void)capnp_answer_fail(a, CAPNP_FAILED, "%s",
                                        capos_denial_code(CAPOS_DENIED_FLOW));
}

void flows_end(struct admission *ad)
{
        for (unsigned i = 0; i < ADMISSION_FLOWS; i++)
                flow_abandon(&ad->flows[i]);
        flow_abandon(&ad->renewal);
}

static void flow_spoil(struct flow *f, const char *account)
{
        if (f->state == FLOW_PROVING && !strcmp(f->account, account))
                f->stale = true;
}

void flows_spoil(struct sessiond *s, const char *account)
{
        for (struct capnp_i_list *l = s->admissions.next; l != &s->admissions; l = l->next) {
                struct admission *ad = CAPNP_I_OF(l, struct admission, link);

                for (unsigned i = 0; i < ADMISSION_FLOWS; i++)
                        flow_spoil(&ad->flows[i], account);
                flow_spoil(&ad->renewal, account);
        }
}

/* One line, in a form that is documented (doc/design/instance.md, The log): programs read it. */
static void flow_log_refused(struct flow *f, const char *outcome)
{
        struct admission *ad = f->ad;

        if (!daemon_log_may(&ad->s->refused, clock_boot_ms()))
                return;

        if (!strncmp(outcome, "denied.", 7))
                outcome += 7;
        daemon_log(LOG_NOTICE, "%s of \"%s\" from %s refused: %s (%s)",
                   f->renewal ? "renewal" : "login",
                   daemon_log_text(f->claimed, strlen(f->claimed)).s, ad->source, outcome,
                   capos_auth_name(f->kind));
}

static void flow_audit(struct flow *f, const char *outcome)
{
        struct capos_audit_record r = admission_record(f->ad, "attempt", outcome);

        r.account = f->claimed;
        r.profile = f->profile[0] ? f->profile : NULL;
        r.kind = capos_auth_name(f->kind);
        r.detail = f->renewal ? "renewal" : NULL;
        r.claim = f->ad->claim[0] ? f->ad->claim : NULL;
        if (!strcmp(outcome, "ok")) {
                audit_add(&f->ad->s->audit, r);
                return;
        }

        audit_add_counted(&f->ad->s->audit, r);
        flow_log_refused(f, outcome);
}

/* A denial that is recorded, and that ends the flow. */
static int flow_deny(struct flow *f, capnp_answer *a, enum capos_denial d, const char *detail)
{
        struct admission *ad = f->ad;

        flow_audit(f, capos_denial_code(d));
        flow_end(f);
        (void)admission_deny(ad, a, d, detail);
        admission_refused(ad);
        return 0;
}

static int flow_refuse_busy(struct flow *f, capnp_answer *a, const char *quota)
{
        struct admission *ad = f->ad;

        flow_audit(f, quota);
        flow_end(f);
        (void)admission_over_quota(ad, a, quota, "try again later");
        admission_refused(ad);
        return 0;
}

static struct flow *flow_find(struct admission *ad, uint32_t number)
{
        for (unsigned i = 0; number && i < ADMISSION_FLOWS; i++)
                if (ad->flows[i].state != FLOW_FREE && ad->flows[i].number == number)
                        return &ad->flows[i];

        return NULL;
}

/* ---- start ---------------------------------------------------------------------------------- */

static bool flow_kind_enabled(const struct sessiond *s, unsigned kind)
{
        return (kind == CAPOS_AUTH_PASSWORD && s->policy.password) ||
               (kind == CAPOS_AUTH_PUBLIC_KEY && s->policy.public_key);
}

static void flow_set_account(struct flow *f, capnp_text name)
{
        size_t len = name.len < sizeof(f->claimed) - 1 ? name.len : sizeof(f->claimed) - 1;

        for (size_t i = 0; i < len; i++)
                f->claimed[i] = name.p[i] ? name.p[i] : '?';
        f->claimed[len] = 0;
        if (store_name_ok(f->claimed, len))
                memcpy(f->account, f->claimed, len + 1);
}

/* 0, or the denial: what is asked for cannot be, and *ret_why may say more. */
static enum capos_denial flow_fill(struct flow *f, remote_auth_start_reader q, const char **ret_why)
{
        capnp_text account = login_selector_account(remote_auth_start_selector(q));
        capnp_text profile = remote_auth_start_requested_profile(q);
        capnp_data nonce = remote_auth_start_client_nonce(q);
        struct session *e = f->ad->session;

        flow_set_account(f, account);
        if (f->renewal && !account.len)
                flow_set_account(f, (capnp_text){e->account, (uint32_t)strlen(e->account)});
        if (profile.len >= sizeof(f->profile) || !text_is_plain(profile))
                return CAPOS_DENIED_PROFILE;
        if (nonce.len > sizeof(f->client_nonce)) {
                *ret_why = "clientNonce has 64 bytes at most";
                return CAPOS_DENIED_FLOW;
        }

        snprintf(f->profile, sizeof(f->profile), "%s", profile.p);
        if (nonce.len)
                memcpy(f->client_nonce, nonce.p, nonce.len);
        f->client_nonce_len = nonce.len;
        if (f->renewal && strcmp(f->account, e->account) != 0)
                return CAPOS_DENIED_CREDENTIALS;
        if (f->renewal && profile.len && strcmp(f->profile, e->profile->name) != 0)
                return CAPOS_DENIED_PROFILE;

        return CAPOS_DENIED_NONE;
}

static int flow_begin(struct flow *f, capnp_answer *a, remote_auth_start_reader q)
{
        const char *why = NULL;
        enum capos_denial d = flow_fill(f, q, &why);

        if (d)
                return flow_deny(f, a, d, why);
        if (!flow_kind_enabled(f->ad->s, f->kind))
                return flow_deny(f, a, CAPOS_DENIED_METHOD_DISABLED, capos_auth_name(f->kind));

        randombytes_buf(f->nonce, sizeof(f->nonce));
        f->number = ++f->ad->last_flow;
        f->state = FLOW_STARTED;
        admission_start_results_set_flow(a, f->number);
        return capnp_answer_return(a);
}

int flow_start(struct admission *ad, capnp_answer *a)
{
        remote_auth_start_reader q = admission_start_param_request(a);
        bool renewal = admission_start_param_renewal(a);
        struct flow *f = NULL;

        admission_claim(ad, remote_auth_start_source(q));
        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "the request cannot be read");
        if (renewal ? ad->state != ADMISSION_BOUND || !ad->session->account[0]
                    : ad->state != ADMISSION_FRESH)
                return admission_deny(
                        ad, a, renewal ? CAPOS_DENIED_METHOD_DISABLED : CAPOS_DENIED_ALREADY_BOUND,
                        NULL);

        for (unsigned i = 0; i < ADMISSION_FLOWS && !f; i++)
                if (ad->flows[i].state == FLOW_FREE)
                        f = &ad->flows[i];
        if (!f)
                return admission_over_quota(ad, a, "over-quota.flows", "too many at once");

        f->ad = ad;
        f->renewal = renewal;
        f->kind = (enum capos_auth)remote_auth_start_kind(q);
        f->alone = !renewal && remote_auth_start_end_others(q);
        return flow_begin(f, a, q);
}

/* ---- proving -------------------------------------------------------------------------------- */

static struct throttle_who attempt_who(const struct attempt *t)
{
        return (struct throttle_who){t->kind, t->account, t->source, t->shared};
}

static void attempt_on_end(void *arg, enum prove_end end, const struct proof_verdict *v)
{
        struct attempt *t = arg;
        struct throttle *count = &t->s->throttle;
        struct throttle_who who = attempt_who(t);
        struct flow *f = t->f;

        if (end == PROVE_VERDICT && (f || v->good != 1))
                throttle_verdict(count, &who, v->good == 1, clock_boot_ms());
        if (end == PROVE_UNTRIED)
                throttle_wasted(count, &who, clock_boot_ms());
        sodium_memzero(t, sizeof(*t));
        free(t);
        if (!f)
                return;

        f->attempt = NULL;
        flow_on_verdict(f, end, v);
}

static struct attempt *attempt_new(struct flow *f)
{
        struct attempt *t = calloc(1, sizeof(*t));

        if (!t)
                return NULL;

        t->s = f->ad->s;
        t->f = f;
        t->kind = f->kind == CAPOS_AUTH_PASSWORD ? THROTTLE_PASSWORD : THROTTLE_KEY;
        t->shared = f->ad->shared;
        memcpy(t->account, f->claimed, sizeof(t->account));
        memcpy(t->source, f->ad->source, sizeof(t->source));
        return t;
}

/* Takes t in any case. 0; CAPNP_E_LIMIT; -ENOMEM. */
static int attempt_start(struct attempt *t, enum proof_kind kind, capnp_data a, capnp_data b,
                         capnp_data c)
{
        const struct prove_what w = {.kind = kind,
                                     .parts = {a, b, c},
                                     .path = admission_path(t->f->ad),
                                     .done = attempt_on_end,
                                     .arg = t};
        const struct throttle_who who = attempt_who(t);
        struct flow *f = t->f;
        int r = prover_start(&t->s->prover, &w, &t->job);

        if (!r) {
                f->attempt = t;
                return 0;
        }

        if (r == CAPNP_E_LIMIT)
                throttle_wasted(&t->s->throttle, &who, clock_boot_ms());
        free(t);
        return r;
}

static int flow_prove_password(struct flow *f, struct attempt *t, const struct store_account *acc,
                               capnp_data proof)
{
        const capnp_data none = {0};

        snprintf(f->credential, sizeof(f->credential), "password");
        if (!acc->verifier[0])
                return attempt_start(t, PROOF_DUMMY, proof, none, none);

        return attempt_start(
                t, PROOF_PASSWORD,
                (capnp_data){(const uint8_t *)acc->verifier, (uint32_t)strlen(acc->verifier)},
                proof, none);
}

/*
 * The account's key that a signature says it is by, or NULL. In an SSHSIG blob the key begins
 * behind magic, version and its own length, so no length in it has to be believed.
 */
static const struct store_key *flow_key(const struct store_account *acc, capnp_data sig)
{
        for (unsigned i = 0; i < acc->nkeys; i++) {
                const struct store_key *k = &acc->keys[i];

                if (sig.len >= SSHSIG_KEY_AT + k->len &&
                    !memcmp(sig.p + SSHSIG_KEY_AT, k->blob, k->len))
                        return k;
        }
        return NULL;
}

static int flow_prove_signature(struct flow *f, struct attempt *t, const struct store_account *acc,
                                capnp_data sig)
{
        const struct store_key *k = flow_key(acc, sig);
        const struct capos_proof proof = {
                .transport = admission_transport(f->ad),
                .nonce = {f->nonce, sizeof(f->nonce)},
                .client_nonce = {f->client_nonce, f->client_nonce_len},
                .account = {f->claimed, (uint32_t)strlen(f->claimed)},
                .profile = {f->profile, (uint32_t)strlen(f->profile)},
        };
        uint8_t transcript[CAPOS_PROOF_BYTES];
        size_t len;

        if (capos_proof_write(&proof, transcript, sizeof(transcript), &len)) {
                free(t);
                return -EINVAL;
        }

        snprintf(f->credential, sizeof(f->credential), "%s", k ? k->fingerprint : "unknown key");
        return attempt_start(t, k ? PROOF_SIGNATURE : PROOF_NOBODY,
                             k ? (capnp_data){k->blob, k->len} : (capnp_data){0}, sig,
                             (capnp_data){transcript, (uint32_t)len});
}

static int flow_backoff(struct flow *f, capnp_answer *a, uint32_t seconds)
{
        char text[64];

        snprintf(text, sizeof(text), "try again in %u seconds", seconds);
        return flow_deny(f, a, CAPOS_DENIED_BACKOFF, text);
}

static void flow_on_cancel(capnp_answer *a, void *arg)
{
        struct flow *f = arg;

        (void)a;
        flow_abandon(f);
}

/* Hands the proof over. 0; CAPNP_E_LIMIT; -errno. */
static int flow_try(struct flow *f, capnp_data proof)
{
        struct attempt *t = attempt_new(f);
        struct store_account acc = {0};
        int r;

        if (!t)
                return -ENOMEM;

        r = f->account[0] ? store_load(&f->ad->s->store, f->account, &acc) : STORE_E_NONE;
        if (r < 0) {
                free(t);
                return r;
        }

        r = f->kind == CAPOS_AUTH_PASSWORD ? flow_prove_password(f, t, &acc, proof)
                                           : flow_prove_signature(f, t, &acc, proof);
        store_account_deinit(&acc);
        return r;
}

static int flow_prove(struct flow *f, capnp_answer *a, capnp_data proof)
{
        struct sessiond *s = f->ad->s;
        bool password = f->kind == CAPOS_AUTH_PASSWORD;
        const struct throttle_who who = {password ? THROTTLE_PASSWORD : THROTTLE_KEY, f->claimed,
                                         f->ad->source, f->ad->shared};
        uint32_t wait;
        int r;

        if (proof.len > (password ? PASSWORD_BYTES : SIGNATURE_BYTES))
                return flow_deny(f, a, CAPOS_DENIED_CREDENTIALS, NULL);

        wait = throttle_wait(&s->throttle, &who, clock_boot_ms());
        if (wait)
                return flow_backoff(f, a, wait);

        r = flow_try(f, proof);
        if (r)
                return flow_refuse_busy(
                        f, a, r == CAPNP_E_LIMIT ? "over-quota.proofs" : "over-quota.memory");

        f->state = FLOW_PROVING;
        f->answer = a;
        return capnp_answer_keep(a, flow_on_cancel, f);
}

/* ---- next ----------------------------------------------------------------------------------- */

static void flow_step(struct flow *f, capnp_answer *a)
{
        remote_auth_step_builder b = admission_next_results_init_step(a);

        remote_auth_step_set_expires_at_ms(b, clock_wall_ms() + f->ad->s->policy.admission_ms);
        if (f->kind == CAPOS_AUTH_PASSWORD) {
                remote_auth_step_set_prompt(b, "Password");
                remote_auth_step_set_redaction(b, true);
        } else {
                remote_auth_step_set_prompt(b, "Sign with your key");
                remote_auth_step_set_challenge(b, (capnp_data){f->nonce, sizeof(f->nonce)});
        }
}

int flow_next(struct admission *ad, capnp_answer *a)
{
        struct flow *f = flow_find(ad, admission_next_param_flow(a));
        capnp_data response = admission_next_param_response(a);

        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "the request cannot be read");
        if (!f || f->state == FLOW_PROVING)
                return admission_deny(ad, a, CAPOS_DENIED_FLOW, NULL);
        if (!f->renewal && ad->state != ADMISSION_FRESH)
                return admission_deny(ad, a, CAPOS_DENIED_ALREADY_BOUND, NULL);
        if (++f->steps > FLOW_STEPS)
                return flow_deny(f, a, CAPOS_DENIED_FLOW, "too many steps");

        if (response.len) {
                if (f->kind == CAPOS_AUTH_PUBLIC_KEY && f->state != FLOW_CHALLENGED)
                        return flow_deny(f, a, CAPOS_DENIED_CREDENTIALS, NULL);
                return flow_prove(f, a, response);
        }

        flow_step(f, a);
        f->state = FLOW_CHALLENGED;
        return capnp_answer_return(a);
}

int flow_cancel(struct admission *ad, capnp_answer *a)
{
        struct flow *f = flow_find(ad, admission_cancel_param_flow(a));

        if (f)
                flow_abandon(f);
        return capnp_answer_return(a);
}

/* ---- renew ---------------------------------------------------------------------------------- */

int flow_renew(struct admission *ad, capnp_answer *a)
{
        capnp_data proof = admission_renew_param_proof(a);
        struct session *e = ad->session;
        struct flow *f = &ad->renewal;
        uint64_t duration_ms = admission_renew_param_duration_ms(a);

        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "the request cannot be read");
        if (!e->account[0])
                return admission_deny(ad, a, CAPOS_DENIED_METHOD_DISABLED,
                                      "this session cannot be renewed");
        if (f->state != FLOW_FREE)
                return admission_over_quota(ad, a, "over-quota.flows", "one renewal at once");

        f->ad = ad;
        f->renewal = f->direct = true;
        f->state = FLOW_STARTED;
        f->duration_ms = duration_ms;
        f->kind = proof.len >= 6 && !memcmp(proof.p, "SSHSIG", 6) ? CAPOS_AUTH_PUBLIC_KEY
                                                                  : CAPOS_AUTH_PASSWORD;
        snprintf(f->account, sizeof(f->account), "%s", e->account);
        snprintf(f->claimed, sizeof(f->claimed), "%s", e->account);
        snprintf(f->profile, sizeof(f->profile), "%s", e->profile->name);
        memcpy(f->nonce, e->challenge, sizeof(f->nonce));
        if (!flow_kind_enabled(ad->s, f->kind))
                return flow_deny(f, a, CAPOS_DENIED_METHOD_DISABLED, capos_auth_name(f->kind));

        return flow_prove(f, a, proof);
}

/* ---- the verdict ---------------------------------------------------------------------------- */

/* The account's profile that was asked for, or its first; NULL: it has none such. */
static const struct policy_profile *flow_profile(struct flow *f)
{
        const struct policy_profile *p = NULL;
        struct store_account acc;

        if (store_load(&f->ad->s->store, f->account, &acc))
                return NULL;

        for (unsigned i = 0; i < acc.nprofiles && !p; i++)
                if (!f->profile[0] || !strcmp(acc.profiles[i], f->profile))
                        p = policy_profile(
                                &f->ad->s->policy,
                                (capnp_text){acc.profiles[i], (uint32_t)strlen(acc.profiles[i])});
        store_account_deinit(&acc);
        return p && p->accounts ? p : NULL;
}

static void flow_renewed(struct flow *f, capnp_answer *a)
{
        struct admission *ad = f->ad;
        struct session *e = ad->session;
        bool direct = f->direct;

        if (direct && memcmp(f->nonce, e->challenge, sizeof(f->nonce)) != 0) {
                (void)flow_deny(f, a, CAPOS_DENIED_CREDENTIALS, "the challenge was used");
                return;
        }
        if (session_renew(e, f->duration_ms)) {
                (void)flow_refuse_busy(f, a, "over-quota.memory");
                return;
        }

        flow_end(f);
        if (direct) {
                session_fill(e, admission_renew_results_init_bound(a));
        } else {
                admission_next_results_set_done(a, true);
                session_fill(e, admission_next_results_init_bound(a));
        }
        (void)audit_return(&ad->s->audit, a);
}

static void flow_login(struct flow *f, capnp_answer *a)
{
        struct admission *ad = f->ad;
        struct session_who who = {.account = f->account,
                                  .credential = f->credential,
                                  .kind = f->kind,
                                  .profile = flow_profile(f)};
        struct session *e;

        if (!who.profile) {
                (void)flow_deny(f, a, CAPOS_DENIED_PROFILE, NULL);
                return;
        }
        if (f->alone)
                sessions_end(ad->s, f->account, NULL, "ended by a newer login of the account");
        if (places_take(ad, &who) || session_new(ad, &who, &e)) {
                (void)flow_refuse_busy(f, a, "over-quota.sessions");
                return;
        }

        flow_end(f);
        admission_bind(ad, e);
        admission_next_results_set_done(a, true);
        session_fill(e, admission_next_results_init_bound(a));
        (void)audit_return(&ad->s->audit, a);
}

static void flow_on_verdict(struct flow *f, enum prove_end end, const struct proof_verdict *v)
{
        struct admission *ad = f->ad;
        capnp_answer *a = f->answer;

        f->answer = NULL;
        f->state = FLOW_CHALLENGED; /* nothing is under way any more */
        if (end != PROVE_VERDICT) {
                (void)flow_refuse_busy(f, a, "over-quota.proofs");
                return;
        }
        if (v->good != 1 || f->stale) {
                (void)flow_deny(f, a, CAPOS_DENIED_CREDENTIALS, NULL);
                return;
        }

        flow_audit(f, "ok");
        if (f->renewal && ad->state == ADMISSION_BOUND)
                flow_renewed(f, a);
        else if (f->renewal)
                (void)flow_deny(f, a, CAPOS_DENIED_STALE_SESSION, ad->ended_reason);
        else if (ad->state != ADMISSION_FRESH)
                (void)flow_deny(f, a, CAPOS_DENIED_ALREADY_BOUND, NULL);
        else
                flow_login(f, a);
}
