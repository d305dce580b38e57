/*
 * The flows of a connection: which there are, what may be asked of each, and what a claim is.
 *
 * A connection has few places, one of them for itself and the others shared with all, and a flow
 * that can come to nothing any more gives up its own. What becomes of one is in flow.c, which knows
 * nothing of this.
 */
#include "flows.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "daemon-text.h"
#include "methods.h"
#include "raise.h"
#include "session.h"
#include "sessiond.h"

/* ---- life
 * ---------------------------------------------------------------------------------------- */

void flows_init(struct flows *fs, const struct origin *o, const struct flow_ops *ops, void *arg)
{
        *fs = (struct flows){.origin = o, .ops = ops, .arg = arg};
        for (unsigned i = 0; i < FLOWS; i++)
                flow_init(&fs->all[i], fs);
        flow_init(&fs->renewal, fs);
}

void flows_end(struct flows *fs)
{
        for (unsigned i = 0; i < FLOWS; i++)
                flow_abandon(&fs->all[i]);
        flow_abandon(&fs->renewal);
}

static void abandon_one(struct flow *f, uint32_t kinds)
{
        if (f->kind < CAPOS_AUTH_KINDS && kinds >> f->kind & 1)
                flow_abandon(f);
}

void flows_abandon(struct flows *fs, uint32_t kinds)
{
        for (unsigned i = 0; i < FLOWS; i++)
                abandon_one(&fs->all[i], kinds);
        abandon_one(&fs->renewal, kinds);
}

static struct flow *flow_find(struct flows *fs, uint32_t number)
{
        for (unsigned i = 0; number && i < FLOWS; i++)
                if (fs->all[i].state != FLOW_FREE && fs->all[i].number == number)
                        return &fs->all[i];

        return NULL;
}

void flows_bound(struct flows *fs)
{
        for (unsigned i = 0; i < FLOWS; i++) {
                struct flow *f = &fs->all[i];

                if (f->state == FLOW_WAITING)
                        flow_refuse(f, CAPOS_DENIED_ALREADY_BOUND, NULL, NULL);
                else
                        flow_hurry(f); /* its client may find out */
                ledger_give(&f->place);
        }
}

/* ---- start
 * --------------------------------------------------------------------------------------- */

static void claim_set_account(struct claim *c, capnp_text name)
{
        size_t len = name.len < sizeof(c->claimed) - 1 ? name.len : sizeof(c->claimed) - 1;

        for (size_t i = 0; i < len; i++)
                c->claimed[i] = name.p[i] ? name.p[i] : '?';
        c->claimed[len] = 0;
        if (store_name_ok(c->claimed, len))
                memcpy(c->account, c->claimed, len + 1);
}

/* 0, or the denial: what is asked for cannot be, and *ret_why may say more. */
static enum capos_denial claim_fill(struct claim *c, remote_auth_start_reader q,
                                    const struct session *renewed, const char **ret_why)
{
        capnp_text account = login_selector_account(remote_auth_start_selector(q));
        capnp_text profile = remote_auth_start_requested_profile(q);
        capnp_data nonce = remote_auth_start_client_nonce(q);
        capnp_text issuer = login_selector_issuer(remote_auth_start_selector(q));

        if (!origin_binding(c->origin, remote_auth_start_binding(q), &c->binding)) {
                *ret_why = "there is no such binding without TLS";
                return CAPOS_DENIED_FLOW;
        }
        if (renewed && !account.len)
                account = (capnp_text){renewed->account, (uint32_t)strlen(renewed->account)};
        claim_set_account(c, account);
        if (profile.len >= sizeof(c->profile) || !text_is_plain(profile))
                return CAPOS_DENIED_PROFILE;
        if (nonce.len > sizeof(c->client_nonce)) {
                *ret_why = "clientNonce has 64 bytes at most";
                return CAPOS_DENIED_FLOW;
        }

        if (issuer.len >= sizeof(c->issuer) || !text_is_plain(issuer)) {
                *ret_why = "there is no such identity provider";
                return CAPOS_DENIED_FLOW;
        }

        snprintf(c->issuer, sizeof(c->issuer), "%s", issuer.p);
        snprintf(c->profile, sizeof(c->profile), "%s", profile.p);
        if (nonce.len)
                memcpy(c->client_nonce, nonce.p, nonce.len);
        c->client_nonce_len = nonce.len;
        if (renewed && strcmp(c->account, renewed->account) != 0)
                return CAPOS_DENIED_CREDENTIALS;
        return CAPOS_DENIED_NONE;
}

/* Whether the flow's kind is one of the instance's, and takes proofs. */
static bool flow_set_method(struct flow *f)
{
        if (!method_takes_proofs(f->claim.origin, f->kind))
                return false;

        f->method = method_of_kind(f->kind)->ops;
        return true;
}

/* Whether any proof of this kind could renew a session: who has none need not be asked for one. */
static bool flow_could_renew(const struct flow *f, const struct session *e)
{
        const struct principal best = {.touched = true};
        const struct strength_of p = flow_strength(f, &best);

        return strength_renews(&p, e->by, e->strength);
}

/* Why a session cannot be raised as is asked for, whatever is proved. 0: it can, or nothing of the
 * sort is asked for. */
static enum capos_denial flow_could_raise(const struct flow *f, const struct session *e,
                                          const char **ret_why)
{
        const char *name = f->claim.profile;
        const struct policy_profile *to;

        if (!name[0] || !strcmp(name, e->profile->name))
                return CAPOS_DENIED_NONE;

        *ret_why = raise_refuses_kind((enum capos_auth)f->kind);
        if (*ret_why)
                return CAPOS_DENIED_WEAK_PROOF;
        to = policy_profile(&e->s->policy, (capnp_text){name, (uint32_t)strlen(name)});
        *ret_why = to ? raise_refuses(e, to) : NULL;
        return to && !*ret_why ? CAPOS_DENIED_NONE : CAPOS_DENIED_PROFILE;
}

/* A connection without a session has no longer, either; one that has a session stays. */
static void flow_set_time(struct flow *f)
{
        f->until_ms = clock_boot_ms() + f->claim.origin->s->policy.admission_ms;
}

static int flow_begin(struct flow *f, capnp_answer *a, remote_auth_start_reader q,
                      const struct session *renewed)
{
        const char *why = NULL;
        enum capos_denial d = claim_fill(&f->claim, q, renewed, &why);

        if (d)
                return flow_deny(f, a, d, why);
        if (!flow_set_method(f))
                return flow_deny(f, a, CAPOS_DENIED_METHOD_DISABLED, capos_auth_name(f->kind));
        if (renewed && !flow_could_renew(f, renewed))
                return flow_deny(f, a, CAPOS_DENIED_WEAK_PROOF, NULL);
        d = renewed ? flow_could_raise(f, renewed, &why) : CAPOS_DENIED_NONE;
        if (d)
                return flow_deny(f, a, d, why);

        randombytes_buf(f->claim.nonce, sizeof(f->claim.nonce));
        f->number = ++f->of->last;
        flow_set_time(f);
        flow_move(f, FLOW_STARTED);
        admission_start_results_set_flow(a, f->number);
        return capnp_answer_return(a);
}

/* A place for another one: a free one, else that of one which is over, or can come to nothing any
 * more. NULL: there is none. */
static struct flow *flow_new(struct flows *fs)
{
        struct flow *over = NULL;

        for (unsigned i = 0; i < FLOWS; i++) {
                struct flow *f = &fs->all[i];

                if (f->state == FLOW_FREE)
                        return f;
                if (f->state == FLOW_OVER || (f->state == FLOW_STARTED && !flow_left_ms(f)))
                        over = f;
        }
        if (over)
                flow_end(over);
        return over;
}

uint64_t flows_limit(const struct policy *p)
{
        return (uint64_t)FLOWS * p->max_fresh;
}

/* Whether none of a connection's has the place that is its own. */
static bool flows_has_none(const struct flows *fs)
{
        for (unsigned i = 0; i < FLOWS; i++)
                if (fs->all[i].first)
                        return false;
        return true;
}

/*
 * Of all logins that are under way, one of each connection has a place that is the connection's: so
 * long as that is there nobody can leave it none, least of all who comes from the same address.
 * What it begins beside that one, sources share. A renewal has its session's place. NULL; or why
 * there is none, and *ret_quota.
 */
static const char *flow_take_place(struct flow *f, enum capos_i_quota *ret_quota)
{
        const struct origin *o = f->claim.origin;
        const bool first = flows_has_none(f->of);
        const uint64_t limit = first ? UINT64_MAX : (uint64_t)(FLOWS - 1) * o->s->policy.max_fresh;
        const struct ledger_ask q = {.group = "",
                                     .pool = first ? "first" : "more",
                                     .owner = o->source,
                                     .n = 1,
                                     .all = UINT64_MAX,
                                     .limit = limit,
                                     .of_one = first ? UINT64_MAX : LEDGER_SHARES};
        int r = ledger_take(&o->s->ledgers.of[LEDGER_FLOWS], &q, &f->place);

        f->first = first && !r;
        *ret_quota = r < 0 ? CAPOS_I_QUOTA_MEMORY : CAPOS_I_QUOTA_FLOWS;
        if (r < 0)
                return "try again later";
        if (r == LEDGER_FULL_OWNER)
                return "source: what is left is for others";
        return r ? "total: try again later" : NULL;
}

int flows_start(struct flows *fs, capnp_answer *a, const struct session *renewed)
{
        remote_auth_start_reader q = admission_start_param_request(a);
        struct flow *f = flow_new(fs);
        enum capos_i_quota quota = CAPOS_I_QUOTA_FLOWS;
        const char *why = "connection: too many at once";

        if (f)
                why = renewed ? NULL : flow_take_place(f, &quota);
        if (why) {
                origin_attempt(fs->origin, capos_auth_name(remote_auth_start_kind(q)),
                               capos_i_quota_code(quota));
                return origin_over_quota(fs->origin, a, quota, why);
        }

        f->renewal = renewed != NULL;
        f->kind = remote_auth_start_kind(q);
        f->alone = !renewed && remote_auth_start_end_others(q);
        return flow_begin(f, a, q, renewed);
}

/* ---- next
 * ---------------------------------------------------------------------------------------- */

int flows_next(struct flows *fs, capnp_answer *a, bool may_login)
{
        struct flow *f = flow_find(fs, admission_next_param_flow(a));
        capnp_data response = admission_next_param_response(a);

        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "the request cannot be read");
        if (f && f->state == FLOW_OVER) {
                enum flow_over why = f->over;

                flow_end(f);
                return flow_tell_over(fs->origin, a, why);
        }
        if (!f || f->state != FLOW_STARTED) {
                (void)origin_deny_attempt(fs->origin, a, NULL, CAPOS_DENIED_FLOW, NULL);
                fs->ops->refused(fs->arg);
                return 0;
        }
        if (!f->renewal && !may_login)
                return flow_deny(f, a, CAPOS_DENIED_ALREADY_BOUND, NULL);
        if (!flow_left_ms(f))
                return flow_deny(f, a, CAPOS_DENIED_FLOW, "too late");
        if (++f->steps > FLOW_STEPS)
                return flow_deny(f, a, CAPOS_DENIED_FLOW, "too many steps");

        switch (f->method->turn(&f->claim, response)) {
        case METHOD_STEP:
                return flow_step(f, a);
        case METHOD_PROOF:
                return flow_prove(f, a, response);
        case METHOD_WAIT:
                return flow_wait(f, a, response);
        case METHOD_REFUSED:
                break;
        }
        flow_describe(f, f->method->refused);
        return flow_deny(f, a, CAPOS_DENIED_CREDENTIALS, f->method->refused);
}

int flows_cancel(struct flows *fs, capnp_answer *a)
{
        struct flow *f = flow_find(fs, admission_cancel_param_flow(a));

        if (f)
                flow_abandon(f);
        return capnp_answer_return(a);
}

/* ---- renew
 * --------------------------------------------------------------------------------------- */

int flows_renew(struct flows *fs, capnp_answer *a, const struct session *e)
{
        capnp_data proof = admission_renew_param_proof(a);
        struct flow *f = &fs->renewal;

        if (f->state != FLOW_FREE) {
                origin_attempt(fs->origin, capos_auth_name(method_of_proof(proof)),
                               capos_i_quota_code(CAPOS_I_QUOTA_FLOWS));
                return origin_over_quota(fs->origin, a, CAPOS_I_QUOTA_FLOWS,
                                         "session: one renewal at once");
        }

        f->renewal = f->direct = true;
        f->duration_ms = admission_renew_param_duration_ms(a);
        f->kind = method_of_proof(proof);
        snprintf(f->claim.account, sizeof(f->claim.account), "%s", e->account);
        snprintf(f->claim.claimed, sizeof(f->claim.claimed), "%s", e->account);
        snprintf(f->claim.profile, sizeof(f->claim.profile), "%s", e->profile->name);
        memcpy(f->claim.nonce, e->challenge, sizeof(f->claim.nonce));
        f->claim.binding = e->binding;
        flow_set_time(f);
        if (!flow_set_method(f))
                return flow_deny(f, a, CAPOS_DENIED_METHOD_DISABLED, capos_auth_name(f->kind));
        if (!flow_could_renew(f, e))
                return flow_deny(f, a, CAPOS_DENIED_WEAK_PROOF, NULL);

        flow_move(f, FLOW_STARTED);
        return flow_prove(f, a, proof);
}
