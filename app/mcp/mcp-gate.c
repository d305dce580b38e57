/*
 * The gate. In this order: quotas, the policy, what was approved, what is answered now. Whatever is
 * not clearly allowed is not done.
 *
 * What the client says of its person is the client's word: programs answer such questions by
 * themselves. So what lasts is approved in a terminal (`capos approve`), by default, and what a
 * client cannot ask, too. Such a call waits here, under a number; the same call again waits under
 * the same. What was said no to there is remembered as long as it would have waited, so that a
 * model that tries again asks nobody again.
 */
#include "mcp-gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void waiting_free(struct mcp_waiting *w)
{
        free(w->question);
        *w = (struct mcp_waiting){0};
}

int mcp_gate_init(struct mcp_gate *g, const struct mcp_policy *policy)
{
        rule_list rules = agent_policy_rules(policy->r);
        int r;

        *g = (struct mcp_gate){.policy = policy};
        r = mcp_rate_init(&g->second, agent_policy_calls_per_second(policy->r), MCP_SECOND_MS);
        if (!r)
                r = mcp_rate_init(&g->hour, agent_policy_calls_per_hour(policy->r), MCP_HOUR_MS);
        for (uint32_t i = 0; !r && i < rule_list_len(rules) && i < MCP_POLICY_RULES; i++)
                r = mcp_rate_init(&g->rules[i], rule_calls_per_hour(rule_list_get(rules, i)),
                                  MCP_HOUR_MS);
        return r;
}

void mcp_gate_clear(struct mcp_gate *g)
{
        for (unsigned i = 0; i < MCP_WAITING; i++)
                waiting_free(&g->waiting[i]);
        memset(g->grants.all, 0, sizeof(g->grants.all));
}

void mcp_gate_deinit(struct mcp_gate *g)
{
        mcp_gate_clear(g);
        mcp_rate_deinit(&g->second);
        mcp_rate_deinit(&g->hour);
        for (unsigned i = 0; i < MCP_POLICY_RULES; i++)
                mcp_rate_deinit(&g->rules[i]);
}

static void refuse(struct mcp_verdict *v, const char *by, const char *code, const char *text)
{
        *v = (struct mcp_verdict){.what = MCP_REFUSE, .by = by, .code = code, .text = text};
}

/* ---- quotas ---------------------------------------------------------------------------------- */

bool mcp_gate_count(struct mcp_gate *g, const struct mcp_case *c, struct mcp_verdict *v)
{
        if (c->is_counted)
                return true;
        if (c->calls > agent_policy_calls(g->policy->r)) {
                refuse(v, "quota", "over-quota.calls",
                       "too many calls are under way: wait for one to end");
                return false;
        }
        if (!mcp_rate_has_room(&g->second, c->now_ms)) {
                refuse(v, "quota", "over-quota.rate", "too many calls in a second: wait a little");
                return false;
        }
        if (!mcp_rate_has_room(&g->hour, c->now_ms)) {
                refuse(v, "quota", "over-quota.hour",
                       "as many calls were made in the last hour as the policy allows");
                return false;
        }
        mcp_rate_count(&g->second, c->now_ms);
        mcp_rate_count(&g->hour, c->now_ms);
        return true;
}

/* It goes through, unless the rule's own number of calls is reached. */
static void run(struct mcp_gate *g, const struct mcp_case *c, const struct mcp_decision *d,
                struct mcp_verdict *v)
{
        struct mcp_rate *rate = d->rule < MCP_POLICY_RULES ? &g->rules[d->rule] : NULL;

        if (rate && !mcp_rate_has_room(rate, c->now_ms)) {
                refuse(v, "policy", "over-quota.tool",
                       "as many calls of this tool were made in the last hour as the policy "
                       "allows");
                return;
        }
        if (rate)
                mcp_rate_count(rate, c->now_ms);
        v->what = MCP_RUN;
}

/* ---- approvals ------------------------------------------------------------------------------- */

/* what: the tool, the digest, and who has said so. */
static void approve(struct mcp_gate *g, const struct mcp_grant *what, enum mcp_answer a,
                    const struct mcp_decision *d, uint64_t now_ms)
{
        struct mcp_grant k = *what;

        k.is_exact = a == MCP_ONCE;
        k.left = d->uses;
        if (a == MCP_ONCE)
                k.left = 1;
        if (a == MCP_ONCE || a == MCP_MINUTES)
                k.until_ms = now_ms + MCP_MINUTES_MS;
        if (d->lasts_ms && (!k.until_ms || k.until_ms > now_ms + d->lasts_ms))
                k.until_ms = now_ms + d->lasts_ms;
        (void)mcp_grants_add(&g->grants, &k);
}

static bool is_yes(enum mcp_answer a)
{
        return a == MCP_ONCE || a == MCP_MINUTES || a == MCP_SESSION;
}

static struct mcp_waiting *waiting_find(struct mcp_gate *g, const uint8_t *digest)
{
        for (unsigned i = 0; i < MCP_WAITING; i++)
                if (g->waiting[i].number && !memcmp(g->waiting[i].digest, digest, MCP_DIGEST))
                        return &g->waiting[i];
        return NULL;
}

/* Whether it was approved before; then it goes through, or not. */
static bool judge_grant(struct mcp_gate *g, const struct mcp_case *c, const struct mcp_decision *d,
                        struct mcp_verdict *v)
{
        struct mcp_waiting *w = waiting_find(g, c->digest);
        struct mcp_grant k;

        if (!mcp_grants_use(&g->grants, c->tool, c->digest, c->now_ms, &k))
                return false;
        if (w)
                waiting_free(w);
        v->by = k.by;
        v->grant = k.number;
        run(g, c, d, v);
        return true;
}

/* ---- elsewhere ------------------------------------------------------------------------------- */

static void waiting_expire(struct mcp_gate *g, uint64_t now_ms)
{
        for (unsigned i = 0; i < MCP_WAITING; i++)
                if (g->waiting[i].number && now_ms - g->waiting[i].since_ms >= MCP_WAITING_MS)
                        waiting_free(&g->waiting[i]);
}

struct mcp_waiting *mcp_gate_waiting(struct mcp_gate *g, uint32_t number)
{
        for (unsigned i = 0; number && i < MCP_WAITING; i++)
                if (g->waiting[i].number == number)
                        return &g->waiting[i];
        return NULL;
}

static struct mcp_waiting *waiting_new(struct mcp_gate *g, const struct mcp_case *c,
                                       const struct mcp_decision *d)
{
        for (unsigned i = 0; i < MCP_WAITING; i++) {
                struct mcp_waiting *w = &g->waiting[i];

                if (w->number)
                        continue;
                *w = (struct mcp_waiting){.number = ++g->last,
                                          .effect = c->effect,
                                          .since_ms = c->now_ms,
                                          .rule = *d};
                (void)snprintf(w->tool, sizeof(w->tool), "%s", c->tool);
                memcpy(w->digest, c->digest, MCP_DIGEST);
                return w;
        }
        return NULL;
}

static void judge_elsewhere(struct mcp_gate *g, const struct mcp_case *c,
                            const struct mcp_decision *d, struct mcp_verdict *v)
{
        struct mcp_waiting *w;

        waiting_expire(g, c->now_ms);
        w = waiting_find(g, c->digest);
        if (!w)
                w = waiting_new(g, c, d);
        if (!w) {
                refuse(v, "quota", "over-quota.approvals", "too many calls wait for an approval");
        } else if (w->refused) {
                refuse(v, w->refused, "refused.person", "somebody has said no to this call");
        } else {
                v->what = MCP_WAIT;
                v->waiting = w->number;
        }
}

bool mcp_gate_answer(struct mcp_gate *g, uint32_t number, enum mcp_answer a, const char *by,
                     uint64_t now_ms)
{
        struct mcp_grant k = {.by = by};
        struct mcp_waiting *w;

        waiting_expire(g, now_ms);
        w = mcp_gate_waiting(g, number);
        if (!w || w->refused)
                return false;
        if (!is_yes(a)) {
                w->refused = by;
                return true;
        }
        (void)snprintf(k.tool, sizeof(k.tool), "%s", w->tool);
        memcpy(k.digest, w->digest, MCP_DIGEST);
        approve(g, &k, a, &w->rule, now_ms);
        waiting_free(w);
        return true;
}

/* ---- judging --------------------------------------------------------------------------------- */

static void judge_ask(struct mcp_gate *g, const struct mcp_case *c, const struct mcp_decision *d,
                      struct mcp_verdict *v)
{
        struct mcp_grant k = {.by = "client"};

        (void)snprintf(k.tool, sizeof(k.tool), "%s", c->tool);
        memcpy(k.digest, c->digest, MCP_DIGEST);
        if (is_yes(c->answer)) {
                /* More was not offered to a client for what lasts, whatever it says. */
                approve(g, &k, c->effect == COMMAND_EFFECT_LASTING ? MCP_ONCE : c->answer, d,
                        c->now_ms);
                (void)judge_grant(g, c, d, v);
        } else if (c->answer == MCP_NO) {
                refuse(v, "client", "refused.person", "the person has said no to this call");
        } else if (c->answer == MCP_LATE) {
                refuse(v, "client", "refused.late", "nobody has answered in time");
        } else if (c->can_ask) {
                v->what = MCP_ASK;
        } else {
                judge_elsewhere(g, c, d, v);
        }
}

void mcp_gate_judge(struct mcp_gate *g, const struct mcp_case *c, struct mcp_verdict *v)
{
        struct mcp_decision d;

        *v = (struct mcp_verdict){.what = MCP_REFUSE, .by = "policy"};
        if (!mcp_gate_count(g, c, v))
                return;
        mcp_policy_decide(g->policy, c->tool, c->effect, c->arguments, &d);
        switch (d.what) {
        case DECISION_ALLOW:
                run(g, c, &d, v);
                return;
        case DECISION_ASK:
                if (!judge_grant(g, c, &d, v))
                        judge_ask(g, c, &d, v);
                return;
        case DECISION_ASK_ELSEWHERE:
                if (!judge_grant(g, c, &d, v))
                        judge_elsewhere(g, c, &d, v);
                return;
        case DECISION_DENY:
                break;
        }
        refuse(v, "policy", "refused.policy", "the policy does not allow this call");
}
