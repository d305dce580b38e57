/*
 * The gate: what is decided about a call by the policy, by quotas, by what was approved and by who
 * is asked, over time; and that nothing but a clear yes is one (R52).
 */
#include "mcp-gate.h"

#include "harness.h"

#include <capos/capnp-msg.h>

#include <string.h>

struct rig {
        struct mcp_policy policy;
        struct mcp_gate gate;
        struct mcp_verdict v;
        uint64_t now_ms;
        unsigned calls;
};

static void on_fault(void *arg, const char *line)
{
        (void)arg;
        test_fail(__FILE__, __LINE__, "%s", line);
}

static void rig_begin(struct rig *r, const char *policy)
{
        *r = (struct rig){.now_ms = 1000000, .calls = 1};
        CHECK_OK(mcp_policy_parse(&r->policy, capnp_text_of(policy), "p", on_fault, NULL));
        CHECK_OK(mcp_gate_init(&r->gate, &r->policy));
}

static void rig_end(struct rig *r)
{
        mcp_gate_deinit(&r->gate);
        mcp_policy_deinit(&r->policy);
}

/* A call of a tool with an argument, a second after the last one. */
static enum mcp_verdict_what judge(struct rig *r, const char *tool, enum command_effect effect,
                                   int argument, bool can_ask, enum mcp_answer answer)
{
        json_t *a = json_pack("{s:i}", "a", argument);
        uint8_t digest[MCP_DIGEST];
        struct mcp_case c = {.tool = tool,
                             .effect = effect,
                             .arguments = a,
                             .digest = digest,
                             .can_ask = can_ask,
                             .answer = answer,
                             .calls = r->calls,
                             .now_ms = r->now_ms};

        CHECK(mcp_digest(tool, a, digest));
        mcp_gate_judge(&r->gate, &c, &r->v);
        json_decref(a);
        r->now_ms += 1000;
        return r->v.what;
}

static enum mcp_verdict_what own(struct rig *r, int argument, enum mcp_answer answer)
{
        return judge(r, "t", COMMAND_EFFECT_OWN, argument, true, answer);
}

TEST(an_approval_in_band_is_for_what_it_says)
{
        struct rig r;

        rig_begin(&r, "()");
        CHECK_EQ(judge(&r, "t", COMMAND_EFFECT_READS, 1, true, MCP_UNASKED), MCP_RUN);
        CHECK_STR(r.v.by, "policy");
        CHECK_EQ(own(&r, 1, MCP_UNASKED), MCP_ASK);
        CHECK_EQ(own(&r, 1, MCP_NO), MCP_REFUSE);
        CHECK_STR(r.v.code, "refused.person");
        CHECK_EQ(own(&r, 1, MCP_LATE), MCP_REFUSE);
        CHECK_STR(r.v.code, "refused.late");
        CHECK_EQ(own(&r, 1, MCP_ONCE), MCP_RUN); /* this very call, once */
        CHECK_STR(r.v.by, "client");
        CHECK(r.v.grant != 0);
        CHECK_EQ(own(&r, 1, MCP_UNASKED), MCP_ASK);
        CHECK_EQ(own(&r, 1, MCP_MINUTES), MCP_RUN); /* the tool, for ten minutes */
        CHECK_EQ(own(&r, 2, MCP_UNASKED), MCP_RUN);
        CHECK_EQ(judge(&r, "other", COMMAND_EFFECT_OWN, 1, true, MCP_UNASKED), MCP_ASK);
        r.now_ms += MCP_MINUTES_MS;
        CHECK_EQ(own(&r, 2, MCP_UNASKED), MCP_ASK);
        CHECK_EQ(own(&r, 2, MCP_SESSION), MCP_RUN); /* until the session ends */
        r.now_ms += 24 * 3600 * 1000;
        CHECK_EQ(own(&r, 3, MCP_UNASKED), MCP_RUN);
        mcp_gate_clear(&r.gate);
        CHECK_EQ(own(&r, 3, MCP_UNASKED), MCP_ASK);
        rig_end(&r);
}

TEST(what_lasts_is_not_the_clients_to_approve)
{
        struct rig r;
        uint32_t number;

        rig_begin(&r, "()");
        CHECK_EQ(judge(&r, "t", COMMAND_EFFECT_LASTING, 1, true, MCP_SESSION), MCP_WAIT);
        number = r.v.waiting;
        CHECK_EQ(judge(&r, "t", COMMAND_EFFECT_LASTING, 1, true, MCP_ONCE), MCP_WAIT);
        CHECK_EQ(r.v.waiting, number);
        CHECK_EQ(judge(&r, "t", COMMAND_EFFECT_LASTING, 2, true, MCP_UNASKED), MCP_WAIT);
        CHECK(r.v.waiting != number);
        CHECK(mcp_gate_answer(&r.gate, number, MCP_ONCE, "terminal", r.now_ms));
        CHECK(!mcp_gate_answer(&r.gate, number, MCP_ONCE, "terminal", r.now_ms));
        CHECK_EQ(judge(&r, "t", COMMAND_EFFECT_LASTING, 2, true, MCP_UNASKED), MCP_WAIT);
        CHECK_EQ(judge(&r, "t", COMMAND_EFFECT_LASTING, 1, true, MCP_UNASKED), MCP_RUN);
        CHECK_STR(r.v.by, "terminal");
        CHECK_EQ(judge(&r, "t", COMMAND_EFFECT_LASTING, 1, true, MCP_UNASKED), MCP_WAIT);
        rig_end(&r);
}

TEST(a_no_elsewhere_is_remembered_for_that_call)
{
        struct rig r;

        rig_begin(&r, "()");
        CHECK_EQ(judge(&r, "t", COMMAND_EFFECT_OWN, 1, false, MCP_UNASKED), MCP_WAIT);
        CHECK(mcp_gate_answer(&r.gate, r.v.waiting, MCP_NO, "page", r.now_ms));
        CHECK_EQ(judge(&r, "t", COMMAND_EFFECT_OWN, 1, false, MCP_UNASKED), MCP_REFUSE);
        CHECK_STR(r.v.code, "refused.person");
        CHECK_EQ(judge(&r, "t", COMMAND_EFFECT_OWN, 2, false, MCP_UNASKED), MCP_WAIT);
        r.now_ms += MCP_WAITING_MS;
        CHECK_EQ(judge(&r, "t", COMMAND_EFFECT_OWN, 1, false, MCP_UNASKED), MCP_WAIT);
        rig_end(&r);
}

TEST(what_was_approved_meanwhile_waits_no_more)
{
        struct rig r;
        uint32_t one, two;

        rig_begin(&r, "()");
        CHECK_EQ(judge(&r, "t", COMMAND_EFFECT_LASTING, 1, true, MCP_UNASKED), MCP_WAIT);
        one = r.v.waiting;
        CHECK_EQ(judge(&r, "t", COMMAND_EFFECT_LASTING, 2, true, MCP_UNASKED), MCP_WAIT);
        two = r.v.waiting;
        CHECK(mcp_gate_answer(&r.gate, one, MCP_MINUTES, "terminal", r.now_ms));
        CHECK(!mcp_gate_waiting(&r.gate, one) && mcp_gate_waiting(&r.gate, two));
        CHECK_EQ(judge(&r, "t", COMMAND_EFFECT_LASTING, 2, true, MCP_UNASKED), MCP_RUN);
        CHECK(!mcp_gate_waiting(&r.gate, two));
        rig_end(&r);
}

TEST(nobody_is_asked_for_too_many)
{
        struct rig r;

        rig_begin(&r, "()");
        for (int i = 0; i < MCP_WAITING; i++)
                CHECK_EQ(judge(&r, "t", COMMAND_EFFECT_LASTING, i, true, MCP_UNASKED), MCP_WAIT);
        CHECK_EQ(judge(&r, "t", COMMAND_EFFECT_LASTING, 99, true, MCP_UNASKED), MCP_REFUSE);
        CHECK_STR(r.v.code, "over-quota.approvals");
        CHECK_EQ(judge(&r, "t", COMMAND_EFFECT_LASTING, 3, true, MCP_UNASKED), MCP_WAIT);
        rig_end(&r);
}

TEST(a_rule_bounds_what_is_approved)
{
        struct rig r;

        rig_begin(&r, "(rules = [(tools = \"t\", decide = ask, uses = 2, lasts = \"1m\"), "
                      "(tools = \"n\"), (tools = \"h\", decide = allow, callsPerHour = 2)])");
        CHECK_EQ(own(&r, 1, MCP_SESSION), MCP_RUN);
        CHECK_EQ(own(&r, 2, MCP_UNASKED), MCP_RUN);
        CHECK_EQ(own(&r, 3, MCP_UNASKED), MCP_ASK);
        CHECK_EQ(own(&r, 3, MCP_SESSION), MCP_RUN);
        r.now_ms += 60000;
        CHECK_EQ(own(&r, 3, MCP_UNASKED), MCP_ASK);
        CHECK_EQ(judge(&r, "n", COMMAND_EFFECT_READS, 1, true, MCP_SESSION), MCP_REFUSE);
        CHECK_STR(r.v.code, "refused.policy");
        CHECK_EQ(judge(&r, "h", COMMAND_EFFECT_LASTING, 1, true, MCP_UNASKED), MCP_RUN);
        CHECK_EQ(judge(&r, "h", COMMAND_EFFECT_LASTING, 1, true, MCP_UNASKED), MCP_RUN);
        CHECK_EQ(judge(&r, "h", COMMAND_EFFECT_LASTING, 1, true, MCP_UNASKED), MCP_REFUSE);
        CHECK_STR(r.v.code, "over-quota.tool");
        r.now_ms += MCP_HOUR_MS;
        CHECK_EQ(judge(&r, "h", COMMAND_EFFECT_LASTING, 1, true, MCP_UNASKED), MCP_RUN);
        rig_end(&r);
}

TEST(what_lasts_is_approved_in_band_once_at_most)
{
        struct rig r;

        rig_begin(&r, "(lasting = ask)");
        CHECK_EQ(judge(&r, "t", COMMAND_EFFECT_LASTING, 1, true, MCP_UNASKED), MCP_ASK);
        CHECK_EQ(judge(&r, "t", COMMAND_EFFECT_LASTING, 1, true, MCP_SESSION), MCP_RUN);
        CHECK_EQ(judge(&r, "t", COMMAND_EFFECT_LASTING, 1, true, MCP_UNASKED), MCP_ASK);
        rig_end(&r);
}

TEST(an_approval_is_taken_back)
{
        struct rig r;

        rig_begin(&r, "()");
        CHECK_EQ(own(&r, 1, MCP_SESSION), MCP_RUN);
        CHECK_EQ(judge(&r, "u", COMMAND_EFFECT_OWN, 1, true, MCP_SESSION), MCP_RUN);
        CHECK_EQ(mcp_grants_end(&r.gate.grants, "t*"), 1);
        CHECK_EQ(own(&r, 1, MCP_UNASKED), MCP_ASK);
        CHECK_EQ(judge(&r, "u", COMMAND_EFFECT_OWN, 1, true, MCP_UNASKED), MCP_RUN);
        CHECK_EQ(mcp_grants_end(&r.gate.grants, "*"), 1);
        CHECK_EQ(mcp_grants_end(&r.gate.grants, "*"), 0);
        rig_end(&r);
}

TEST(quotas_hold_exactly)
{
        struct rig r;

        rig_begin(&r, "(callsPerSecond = 3, callsPerHour = 5, calls = 2)");
        for (unsigned i = 0; i < 3; i++) {
                CHECK_EQ(judge(&r, "t", COMMAND_EFFECT_READS, 1, true, MCP_UNASKED), MCP_RUN);
                r.now_ms -= 1000;
        }
        r.now_ms += 999;
        CHECK_EQ(judge(&r, "t", COMMAND_EFFECT_READS, 1, true, MCP_UNASKED), MCP_REFUSE);
        CHECK_STR(r.v.code, "over-quota.rate");
        CHECK_EQ(judge(&r, "t", COMMAND_EFFECT_READS, 1, true, MCP_UNASKED), MCP_RUN);
        CHECK_EQ(judge(&r, "t", COMMAND_EFFECT_READS, 1, true, MCP_UNASKED), MCP_RUN);
        CHECK_EQ(judge(&r, "t", COMMAND_EFFECT_READS, 1, true, MCP_UNASKED), MCP_REFUSE);
        CHECK_STR(r.v.code, "over-quota.hour");
        r.now_ms += MCP_HOUR_MS;
        r.calls = 3;
        CHECK_EQ(judge(&r, "t", COMMAND_EFFECT_READS, 1, true, MCP_UNASKED), MCP_REFUSE);
        CHECK_STR(r.v.code, "over-quota.calls");
        r.calls = 2;
        CHECK_EQ(judge(&r, "t", COMMAND_EFFECT_READS, 1, true, MCP_UNASKED), MCP_RUN);
        rig_end(&r);
}

TEST(approvals_have_a_bound_and_the_oldest_gives_way)
{
        struct rig r;
        char tool[16];

        rig_begin(&r, "(callsPerSecond = 100, callsPerHour = 100000)");
        for (unsigned i = 0; i <= MCP_GRANTS; i++) {
                (void)snprintf(tool, sizeof(tool), "t%u", i);
                CHECK_EQ(judge(&r, tool, COMMAND_EFFECT_OWN, 1, true, MCP_SESSION), MCP_RUN);
        }
        CHECK_EQ(judge(&r, "t0", COMMAND_EFFECT_OWN, 1, true, MCP_UNASKED), MCP_ASK);
        CHECK_EQ(judge(&r, "t1", COMMAND_EFFECT_OWN, 1, true, MCP_UNASKED), MCP_RUN);
        rig_end(&r);
}

TEST(digests_tell_calls_apart)
{
        static const char *const same[] = {"{\"a\":1,\"b\":[1,2]}", "{ \"b\" : [1,2], \"a\":1 }"};
        static const char *const others[] = {"{\"a\":1,\"b\":[2,1]}", "{\"a\":1.0,\"b\":[1,2]}",
                                             "{\"a\":\"1\",\"b\":[1,2]}", "{}"};
        uint8_t one[MCP_DIGEST], two[MCP_DIGEST];
        json_t *j = json_loads(same[0], 0, NULL);

        CHECK(mcp_digest("t", j, one));
        CHECK(mcp_digest("u", j, two));
        CHECK(memcmp(one, two, MCP_DIGEST) != 0);
        json_decref(j);
        j = json_loads(same[1], 0, NULL);
        CHECK(mcp_digest("t", j, two));
        CHECK_MEM(one, two, MCP_DIGEST);
        json_decref(j);
        for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
                j = json_loads(others[i], 0, NULL);
                CHECK(mcp_digest("t", j, two));
                CHECK(memcmp(one, two, MCP_DIGEST) != 0);
                json_decref(j);
        }
}
