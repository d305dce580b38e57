/*
 * Flows: from a claim to a proof to a principal.
 *
 * Nothing here knows a method, and nothing looks into a key or a signature; that is the prover's.
 * What is looked up here is which account the claim is about. An account that does not exist goes
 * to a prover as well, with something that cannot succeed, so that it costs and looks the same.
 *
 * A nonce belongs to one flow and goes with it: whatever the verdict, the flow is over. What a good
 * proof is for is not known here, either: that is flow_ops.proved.
 */
#include "flow.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "daemon-log.h"
#include "daemon-text.h"
#include "prove.h"
#include "sessiond.h"

/*
 * A proof under way. It outlives the flow that began it: what a proof turns out to be counts
 * against its source, whether or not somebody stays to hear it.
 */
struct attempt {
        struct capnp_i_list link; /* sessiond.attempts */
        struct sessiond *s;
        struct flow *f; /* NULL: given up */
        struct prove_job *job;
        char account[129], source[TURNS_KEY];
        enum throttle_kind kind;
        bool shared;
};

static void flow_on_verdict(struct flow *f, enum prove_end end, const struct proof_verdict *v);

/* ---- what counts ---------------------------------------------------------------------------- */

/* Under which name its failures count. account: as it was claimed. Where somebody else says who it
 * is, a claim can be any name, and a new one each time. */
static const char *flow_name(const struct flow *f, const char *account)
{
        return f->method->elsewhere ? "" : account;
}

/* Whose failures its own are. */
static struct throttle_who flow_who(const struct flow *f, const char *account)
{
        const struct origin *o = f->claim.origin;

        return (struct throttle_who){f->method->throttle, flow_name(f, account), o->source,
                                     o->shared};
}

static void flow_count(struct flow *f, const char *account, bool good)
{
        const struct throttle_who who = flow_who(f, account);

        f->costs = false;
        throttle_verdict(&f->claim.origin->s->throttle, &who, good, clock_boot_ms());
}

void flow_cost(struct flow *f)
{
        f->costs = true;
}

/* ---- life ----------------------------------------------------------------------------------- */

void flow_move(struct flow *f, enum flow_state to)
{
        static const uint8_t may[] = {
                [FLOW_FREE] = 1 << FLOW_STARTED | 1 << FLOW_OVER,
                [FLOW_STARTED] = 1 << FLOW_WAITING | 1 << FLOW_PROVING | 1 << FLOW_FREE,
                [FLOW_WAITING] = 1 << FLOW_STARTED | 1 << FLOW_FREE,
                [FLOW_PROVING] =
                        1 << FLOW_STARTED | 1 << FLOW_WAITING | 1 << FLOW_PROVED | 1 << FLOW_FREE,
                [FLOW_PROVED] = 1 << FLOW_FREE,
                [FLOW_OVER] = 1 << FLOW_FREE,
        };

        assert(may[f->state] & 1 << to);
        f->state = to;
}

/* In memory that is zero. */
void flow_init(struct flow *f, struct flows *fs)
{
        f->of = fs;
        f->claim.origin = fs->origin;
        patience_init(&f->patient);
}

/* No person is waited for any more. */
void flow_hurry(struct flow *f)
{
        patience_remove(&f->patient);
        f->timer = capnp_timer_free(f->timer);
}

/* Also while a prover works: nobody hears its verdict then. */
void flow_end(struct flow *f)
{
        struct flows *fs = f->of;

        if (f->state != FLOW_FREE)
                flow_move(f, FLOW_FREE);
        if (f->attempt) {
                f->attempt->f = NULL;
                prover_give_up(f->attempt->job);
        }
        if (f->method && f->method->end)
                f->method->end(&f->claim);
        if (f->costs)
                flow_count(f, f->claim.claimed, false);
        flow_hurry(f);
        ledger_give(&f->place);
        if (f->waits)
                fs->ops->waited(fs->arg);
        sodium_memzero(f, sizeof(*f));
        flow_init(f, fs);
}

/* Ends a flow whose call is still open, as a stranger to its outcome. */
void flow_abandon(struct flow *f)
{
        capnp_answer *a = f->answer;

        if (f->state == FLOW_FREE)
                return;

        flow_end(f);
        if (a)
                (void)capos_i_deny(a, CAPOS_DENIED_FLOW, NULL);
}

void flows_spoil(struct sessiond *s, const char *account)
{
        for (struct capnp_i_list *l = s->attempts.next; l != &s->attempts; l = l->next) {
                struct flow *f = CAPNP_I_OF(l, struct attempt, link)->f;

                if (f && !strcmp(f->claim.account, account))
                        f->stale = true;
        }
}

void flows_spoil_kind(struct sessiond *s, enum capos_auth kind)
{
        for (struct capnp_i_list *l = s->attempts.next; l != &s->attempts; l = l->next) {
                struct flow *f = CAPNP_I_OF(l, struct attempt, link)->f;

                if (f && f->kind == kind)
                        f->stale = true;
        }
}

void flows_judge_again(struct sessiond *s, enum capos_auth kind)
{
        for (struct capnp_i_list *l = s->attempts.next; l != &s->attempts; l = l->next) {
                struct flow *f = CAPNP_I_OF(l, struct attempt, link)->f;

                if (f && f->kind == kind)
                        f->outdated = true;
        }
}

/* ---- what is recorded ----------------------------------------------------------------------- */

/* What a proof is bound to. */
static enum binding flow_binding(const struct flow *f)
{
        return f->method->binds ? f->claim.binding : f->method->binding;
}

static const char *flow_detail(const struct flow *f)
{
        if (f->detail[0])
                return f->detail;
        if (f->enrolment)
                return f->renewal ? "renewal by an enrolled key" : "reconnect";

        return f->renewal ? "renewal" : NULL;
}

static struct capos_audit_record flow_record(struct flow *f, const char *outcome)
{
        struct capos_audit_record r = origin_record(f->claim.origin, "attempt", outcome);

        r.account = f->claim.claimed;
        r.profile = f->claim.profile[0] ? f->claim.profile : NULL;
        r.kind = capos_auth_name(f->kind);
        r.detail = flow_detail(f);
        if (f->method)
                r.binding = binding_name(f->unbound ? BINDING_NONE : flow_binding(f));
        r.claim = f->claim.origin->claim[0] ? f->claim.origin->claim : NULL;
        return r;
}

void flow_describe(struct flow *f, const char *text)
{
        static const char renewal[] = "renewal: ";

        if (text && *text)
                snprintf(f->detail, sizeof(f->detail), "%s%.*s", f->renewal ? renewal : "",
                         text_fit(text, sizeof(f->detail) - sizeof(renewal)), text);
}

/* A refused attempt: a record, and one line in a form that is documented (doc/design/instance.md,
 * The log): programs read it. why: the code, or the last part of a denial's. */
static void flow_refused(struct flow *f, const char *code, const char *why)
{
        struct sessiond *s = f->claim.origin->s;

        audit_add_counted(&s->audit, flow_record(f, code));
        if (daemon_log_may(&s->refused, clock_boot_ms()))
                daemon_log(LOG_NOTICE, "%s of \"%s\" from %s refused: %s (%s)",
                           f->renewal ? "renewal" : "login",
                           daemon_log_text(f->claim.claimed, strlen(f->claim.claimed)).s,
                           f->claim.origin->source, why, capos_auth_name(f->kind));
}

/* Only what has got what it was for makes failures be forgotten: a good proof can be another
 * account's, or for a profile that it does not have. */
void flow_passed(struct flow *f)
{
        audit_add(&f->claim.origin->s->audit, flow_record(f, "ok"));
        flow_count(f, f->tried, true);
}

int flow_deny(struct flow *f, capnp_answer *a, enum capos_denial d, const char *detail)
{
        struct flows *fs = f->of;
        const char *code = capos_denial_code(d);
        int broken = f->judged ? store_failure(&fs->origin->s->store) : 0;

        if (broken) {
                flow_describe(f, "the store has failed");
                return flow_over_quota(
                        f, a, broken == -ENOMEM ? CAPOS_I_QUOTA_MEMORY : CAPOS_I_QUOTA_DISK, NULL);
        }

        flow_refused(f, code, code + strlen(CAPOS_I_DENIED));
        flow_end(f);
        (void)origin_deny(fs->origin, a, d, detail);
        fs->ops->refused(fs->arg);
        return 0;
}

int flow_deny_good(struct flow *f, capnp_answer *a, const char *why)
{
        flow_describe(f, why);
        flow_count(f, f->tried, false);
        return flow_deny(f, a, CAPOS_DENIED_CREDENTIALS, NULL);
}

int flow_over_quota(struct flow *f, capnp_answer *a, enum capos_i_quota q, const char *why)
{
        struct flows *fs = f->of;

        flow_refused(f, capos_i_quota_code(q), capos_i_quota_code(q));
        flow_end(f);
        (void)origin_over_quota(fs->origin, a, q, why ? why : "try again later");
        fs->ops->refused(fs->arg);
        return 0;
}

struct strength_of flow_strength(const struct flow *f, const struct principal *p)
{
        return (struct strength_of){(enum capos_auth)f->kind, flow_binding(f), p->touched,
                                    p->unbound};
}

uint64_t flow_left_ms(const struct flow *f)
{
        uint64_t now = clock_boot_ms();

        return f->until_ms > now ? f->until_ms - now : 0;
}

/* ---- proving -------------------------------------------------------------------------------- */

static struct throttle_who attempt_who(const struct attempt *t)
{
        return (struct throttle_who){t->kind, t->account, t->source, t->shared};
}

static void attempt_free(struct attempt *t)
{
        capnp_i_list_remove(&t->link);
        sodium_memzero(t, sizeof(*t));
        free(t);
}

static void attempt_on_end(void *arg, enum prove_end end, const struct proof_verdict *v)
{
        struct attempt *t = arg;
        struct throttle *count = &t->s->throttle;
        struct throttle_who who = attempt_who(t);
        struct flow *f = t->f;

        if (end == PROVE_VERDICT && !f && v->good != 1)
                throttle_verdict(count, &who, false, clock_boot_ms());
        if (end == PROVE_FAILED)
                throttle_unjudged(count, &who, clock_boot_ms());
        if (end == PROVE_UNTRIED)
                throttle_wasted(count, &who, clock_boot_ms());
        attempt_free(t);
        if (!f)
                return;

        f->attempt = NULL;
        flow_on_verdict(f, end, v);
}

static struct attempt *attempt_new(struct flow *f)
{
        const struct origin *o = f->claim.origin;
        struct attempt *t = calloc(1, sizeof(*t));

        if (!t)
                return NULL;

        t->s = o->s;
        t->f = f;
        t->kind = f->method->throttle;
        t->shared = o->shared;
        (void)snprintf(t->account, sizeof(t->account), "%s", flow_name(f, f->claim.claimed));
        memcpy(t->source, o->source, sizeof(t->source));
        capnp_i_list_init(&t->link);
        capnp_i_list_append(&t->s->attempts, &t->link);
        return t;
}

/* 0; CAPNP_E_LIMIT; -ENOMEM. */
static int attempt_start(struct flow *f, const struct method_proof *p)
{
        struct attempt *t = attempt_new(f);
        struct prove_what w = {.kind = p->kind,
                               .parts = {p->parts[0], p->parts[1], p->parts[2]},
                               .path = origin_path(f->claim.origin),
                               .done = attempt_on_end,
                               .arg = t};
        struct throttle_who who;
        int r;

        if (!t)
                return -ENOMEM;

        who = attempt_who(t);
        r = prover_start(&t->s->prover, &w, &t->job);
        if (!r) {
                f->attempt = t;
                return 0;
        }

        if (r == CAPNP_E_LIMIT)
                throttle_wasted(&t->s->throttle, &who, clock_boot_ms());
        attempt_free(t);
        return r;
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
static int flow_try(struct flow *f, capnp_data response)
{
        struct method_proof proof = {0};
        struct store_account acc = {0};
        const char *account = f->claim.account;
        int r = account[0] ? store_load(&f->claim.origin->s->store, account, &acc) : STORE_E_NONE;

        if (r < 0)
                return r;

        r = f->method->prove(&f->claim, &acc, response, &proof);
        if (!r) {
                memcpy(f->credential, proof.credential, sizeof(f->credential));
                f->enrolment = proof.enrolment;
                r = attempt_start(f, &proof);
        }
        store_account_deinit(&acc);
        return r;
}

/* Takes a, which may be kept already. */
static int flow_prove_kept(struct flow *f, capnp_answer *a, capnp_data response)
{
        int r = flow_try(f, response);

        if (r)
                return flow_over_quota(
                        f, a, r == CAPNP_E_LIMIT ? CAPOS_I_QUOTA_PROOFS : CAPOS_I_QUOTA_MEMORY,
                        NULL);

        flow_move(f, FLOW_PROVING);
        flow_hurry(f);
        f->answer = a;
        return 0;
}

/* Seconds that whoever does this has to wait for his failures. Not asked again once somebody was at
 * work for it: what a neighbour fails at meanwhile throws no login away. */
static uint32_t flow_has_to_wait(const struct flow *f)
{
        const struct throttle_who who = flow_who(f, f->claim.claimed);

        return throttle_wait(&f->claim.origin->s->throttle, &who, clock_boot_ms());
}

/* Once it is being proved, the call is kept. */
int flow_prove(struct flow *f, capnp_answer *a, capnp_data response)
{
        uint32_t wait = flow_has_to_wait(f);
        int r;

        if (response.len > f->method->response_bytes)
                return flow_deny(f, a, CAPOS_DENIED_CREDENTIALS, NULL);
        if (wait)
                return flow_backoff(f, a, wait);

        r = flow_prove_kept(f, a, response);
        return f->answer == a ? capnp_answer_keep(a, flow_on_cancel, f) : r;
}

/* The call that waits. */
static capnp_answer *flow_take_answer(struct flow *f)
{
        capnp_answer *a = f->answer;

        flow_move(f, FLOW_STARTED);
        f->answer = NULL;
        return a;
}

/* ---- waiting for a person ------------------------------------------------------------------- */

/* Says why one is over that was not refused for what its client did; it has been recorded. */
int flow_tell_over(const struct origin *o, capnp_answer *a, enum flow_over why)
{
        if (why == FLOW_DISPLACED)
                return origin_over_quota(o, a, CAPOS_I_QUOTA_FLOWS,
                                         "there are too many who wait for somebody: try again");

        return origin_deny(o, a, CAPOS_DENIED_FLOW, "nobody has come back in time");
}

/* Ends one that waits for a person. Its client is told now if it has a call open, or else with its
 * next one. */
static void flow_put_out(struct flow *f, enum flow_over why)
{
        const char *code = why == FLOW_DISPLACED ? capos_i_quota_code(CAPOS_I_QUOTA_FLOWS)
                                                 : capos_denial_code(CAPOS_DENIED_FLOW);
        const struct origin *o = f->claim.origin;
        uint32_t number = f->number;
        capnp_answer *a = f->answer;

        flow_refused(f, code, why == FLOW_DISPLACED ? "displaced" : "too late");
        flow_end(f);
        if (a) {
                (void)flow_tell_over(o, a, why);
                return;
        }

        f->number = number;
        f->over = why;
        flow_move(f, FLOW_OVER);
}

static void flow_on_late(void *arg)
{
        struct flow *f = arg;

        f->timer = NULL;
        flow_put_out(f, FLOW_LATE);
}

/*
 * Takes a place among those that wait for a person, and the time that goes with it; whoever has to
 * give way for it does. Not before there is something for that person to see: what a stranger only
 * begins costs nobody a place. 0; 1: the connection has had such time already; -ENOMEM.
 */
static int flow_be_patient(struct flow *f)
{
        const struct origin *o = f->claim.origin;
        struct capnp_i_list *all = &o->s->patient;
        struct flows *fs = f->of;
        struct patient *out;
        uint32_t ms;

        if (!f->waits) {
                ms = fs->ops->waits(fs->arg, o->s->policy.person_ms);
                f->waits = ms > 0;
                if (!ms)
                        return 1;

                f->until_ms = clock_boot_ms() + ms;
        }
        if (f->timer)
                return 0;
        if (capnp_timer_new(o->s->vat, (uint32_t)flow_left_ms(f), flow_on_late, f, &f->timer))
                return -ENOMEM;

        patience_add(all, &f->patient, o->party, o->source);
        while ((out = patience_excess(all))) {
                struct flow *victim = CAPNP_I_OF(out, struct flow, patient);

                /* What a provider was asked for in vain counts against who made it so. */
                f->costs = f->costs || victim->costs;
                victim->costs = false;
                flow_put_out(victim, FLOW_DISPLACED);
        }
        return 0;
}

/* ---- steps ---------------------------------------------------------------------------------- */

int flow_step(struct flow *f, capnp_answer *a)
{
        remote_auth_step_builder b;
        int r = f->method->patient ? flow_be_patient(f) : 0;

        if (r > 0)
                return flow_deny(f, a, CAPOS_DENIED_FLOW, "too late: connect anew");
        if (r)
                return flow_over_quota(f, a, CAPOS_I_QUOTA_MEMORY, NULL);

        b = admission_next_results_init_step(a);
        remote_auth_step_set_expires_at_ms(b, clock_wall_ms() + flow_left_ms(f));
        f->method->step(&f->claim, b);
        f->claim.asked = true;
        return capnp_answer_return(a);
}

int flow_wait(struct flow *f, capnp_answer *a, capnp_data response)
{
        uint32_t wait = f->claim.asked ? 0 : flow_has_to_wait(f);

        if (wait)
                return flow_backoff(f, a, wait);

        flow_move(f, FLOW_WAITING);
        f->answer = a;
        (void)capnp_answer_keep(a, flow_on_cancel, f);
        f->method->wait(&f->claim, f, response);
        return 0;
}

void flow_go_on(struct flow *f, enum method_turn turn)
{
        capnp_answer *a = flow_take_answer(f);

        assert(turn == METHOD_STEP || turn == METHOD_PROOF);
        if (turn == METHOD_STEP)
                (void)flow_step(f, a);
        else
                (void)flow_prove_kept(f, a, (capnp_data){0});
}

void flow_refuse(struct flow *f, enum capos_denial d, const char *why, const char *detail)
{
        capnp_answer *a = flow_take_answer(f);

        flow_describe(f, detail ? detail : why);
        (void)flow_deny(f, a, d, why);
}

void flow_full(struct flow *f)
{
        (void)flow_over_quota(f, flow_take_answer(f), CAPOS_I_QUOTA_PROOFS, NULL);
}

/* ---- the verdict ---------------------------------------------------------------------------- */

/* What it was judged by does not count any more. As long as there is time, for rules may change
 * again and again. */
static void flow_judge_again(struct flow *f)
{
        capnp_answer *a = flow_take_answer(f);

        f->outdated = false;
        if (flow_left_ms(f))
                (void)flow_prove_kept(f, a, (capnp_data){0});
        else
                (void)flow_deny(f, a, CAPOS_DENIED_FLOW, "too late");
}

static void flow_on_verdict(struct flow *f, enum prove_end end, const struct proof_verdict *v)
{
        struct flows *fs = f->of;
        capnp_answer *a = f->answer;
        struct principal who = {0};
        enum capos_denial d;

        if (end == PROVE_VERDICT && f->outdated && !f->stale) {
                flow_judge_again(f);
                return;
        }
        if (end == PROVE_VERDICT && v->good != 1 && !f->stale && f->method->again) {
                flow_move(f, FLOW_WAITING);
                if (f->method->again(&f->claim, f, v))
                        return;
        }

        f->answer = NULL;
        if (end != PROVE_VERDICT) {
                (void)flow_over_quota(f, a, CAPOS_I_QUOTA_PROOFS, NULL);
                return;
        }
        if (v->good != 1)
                flow_count(f, f->claim.claimed, false);

        f->judged = true;
        (void)store_failure(&fs->origin->s->store); /* what failed before */
        d = f->stale ? CAPOS_DENIED_CREDENTIALS : f->method->accept(&f->claim, v, &who);
        f->unbound = who.unbound;
        flow_describe(f, who.detail);
        if (d) {
                (void)flow_deny(f, a, d, who.why);
                return;
        }

        if (who.credential[0])
                memcpy(f->credential, who.credential, sizeof(f->credential));
        f->costs = false;
        memcpy(f->tried, f->claim.claimed, sizeof(f->tried));
        memcpy(f->claim.claimed, who.account, sizeof(who.account));

        flow_move(f, FLOW_PROVED);
        fs->ops->proved(fs->arg, f, &who, a);
}
