/*
 * The protocol's state machine without I/O: both revisions in one process, by tables of lines in
 * and messages out (R52). What is expected is a part of what comes: {"a": 1} is met by {"a": 1,
 * "b": 2}.
 */
#include "mcp-serve.h"

#include "harness.h"

#include <capos/capnp-msg.h>

#include <stdlib.h>
#include <string.h>

#define META_OF(caps)                                                            \
        "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"," \
        "\"io.modelcontextprotocol/clientCapabilities\":" caps "}"
#define META        META_OF("{\"elicitation\":{}}")
#define META_SILENT META_OF("{}")
#define INITIALIZE                                                                             \
        "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{"                 \
        "\"protocolVersion\":\"2025-11-25\",\"capabilities\":{\"elicitation\":{\"form\":{}}}," \
        "\"clientInfo\":{\"name\":\"t\",\"version\":\"1\"}}}"
#define INITIALIZED "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}"

enum { OUT_BYTES = 64 * 1024, OUTS = 64 };

/* A server, what it sent, and an owner whose tools do what they are called. */
struct play {
        struct mcp_serve s;
        json_t *sent; /* what was sent and not looked at yet */
        bool ready;
        unsigned readied, called, cancelled;
        struct mcp_request *kept; /* of the tool `wait` */
        enum mcp_answer answer;
        char client[100];
};

static void on_send(void *arg, json_t *message)
{
        struct play *p = arg;

        (void)json_array_append(p->sent, message);
}

static bool on_ready(void *arg)
{
        struct play *p = arg;

        p->readied++;
        return p->ready;
}

static json_t *on_tools(void *arg)
{
        (void)arg;
        return json_pack("[{s:s}]", "name", "echo");
}

static void on_call(void *arg, struct mcp_request *r, enum mcp_answer a)
{
        struct play *p = arg;

        p->called++;
        p->answer = a;
        if (!strcmp(r->tool, "echo")) {
                mcp_request_result(r, json_incref(r->arguments));
        } else if (!strcmp(r->tool, "wait")) {
                p->kept = r;
        } else if (!strcmp(r->tool, "ask") && a == MCP_UNASKED && r->can_ask) {
                mcp_request_ask(r, "may it?", true);
        } else if (!strcmp(r->tool, "ask")) {
                mcp_request_fail(r,
                                 a == MCP_LATE                     ? "late"
                                 : a == MCP_NO || a == MCP_UNASKED ? "no"
                                                                   : "yes",
                                 "answered");
        } else {
                mcp_request_wrong(r, "there is no such tool");
        }
}

static void on_cancel(void *arg, struct mcp_request *r)
{
        struct play *p = arg;

        (void)r;
        p->cancelled++;
}

static void on_client(void *arg, const char *name, const char *version)
{
        struct play *p = arg;

        (void)snprintf(p->client, sizeof(p->client), "%s %s", name, version);
}

static const struct mcp_serve_ops ops = {.send = on_send,
                                         .ready = on_ready,
                                         .tools = on_tools,
                                         .call = on_call,
                                         .cancel = on_cancel,
                                         .client = on_client};

static void play_begin(struct play *p)
{
        *p = (struct play){.ready = true, .sent = json_array()};
        CHECK(mcp_serve_init(&p->s, &ops, p, "9.9"));
}

static void play_end(struct play *p)
{
        mcp_serve_deinit(&p->s);
        json_decref(p->sent);
}

static bool is_part_of(const json_t *part, const json_t *whole)
{
        const char *key;
        json_t *v;
        size_t i;

        if (json_is_object(part)) {
                json_object_foreach(
                        (json_t *)(uintptr_t)part, key,
                        v) if (!is_part_of(v, json_object_get(whole, key))) return false;
                return json_is_object(whole);
        }
        if (json_is_array(part) && json_array_size(part) == json_array_size(whole)) {
                json_array_foreach(part, i,
                                   v) if (!is_part_of(v, json_array_get(whole, i))) return false;
                return true;
        }
        return json_equal(part, whole);
}

/* The next message that was sent is, or has, this; NULL: there is none. */
static void expect(struct play *p, const char *part)
{
        json_t *got = json_array_get(p->sent, 0), *wanted = part ? json_loads(part, 0, NULL) : NULL;
        char *text = got ? json_dumps(got, JSON_COMPACT) : NULL;

        CHECK(!part || wanted);
        if (part ? !got || !is_part_of(wanted, got) : got != NULL)
                test_fail(__FILE__, __LINE__, "sent: %s, expected: %s", text ? text : "nothing",
                          part ? part : "nothing");
        free(text);
        json_decref(wanted);
        if (got)
                (void)json_array_remove(p->sent, 0);
}

static void say(struct play *p, const char *line, uint64_t now_ms)
{
        mcp_serve_line(&p->s, capnp_text_of(line), now_ms);
}

struct step {
        const char *line, *out; /* out NULL: nothing is sent */
};

static void play_steps(const struct step *steps, size_t n)
{
        struct play p;

        play_begin(&p);
        for (size_t i = 0; i < n; i++) {
                say(&p, steps[i].line, 1000);
                expect(&p, steps[i].out);
                expect(&p, NULL);
        }
        play_end(&p);
}

#define PLAY(...)                                                       \
        do {                                                            \
                static const struct step steps_[] = {__VA_ARGS__};      \
                                                                        \
                play_steps(steps_, sizeof(steps_) / sizeof(steps_[0])); \
        } while (0)

/* ---- what is no message ---------------------------------------------------------------------- */

TEST(garbage_is_answered_and_passed_over)
{
        PLAY({"", "{\"id\":null,\"error\":{\"code\":-32700}}"},
             {"garbage", "{\"id\":null,\"error\":{\"code\":-32700}}"},
             {"{", "{\"id\":null,\"error\":{\"code\":-32700}}"},
             {"{\"a\":1,\"a\":2}", "{\"id\":null,\"error\":{\"code\":-32700}}"},
             {"[]", "{\"id\":null,\"error\":{\"code\":-32600}}"},
             {"7", "{\"id\":null,\"error\":{\"code\":-32700}}"},
             {"{}", "{\"id\":null,\"error\":{\"code\":-32600}}"},
             {"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}",
              "{\"id\":1,\"error\":{\"code\":-32600}}"},
             {"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}",
              "{\"id\":null,\"error\":{\"code\":-32600}}"},
             {"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}",
              "{\"id\":null,\"error\":{\"code\":-32600}}"},
             {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":[]}",
              "{\"id\":1,\"error\":{\"code\":-32602}}"},
             {"{\"jsonrpc\":\"2.0\",\"id\":18446744073709551616,\"method\":\"ping\"}",
              "{\"id\":null,\"error\":{\"code\":-32700}}"},
             {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":null}",
              "{\"id\":1,\"result\":{}}"},
             {"{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}", "{\"id\":2,\"result\":{}}"});
}

TEST(what_is_no_request_is_not_answered)
{
        PLAY({"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", NULL},
             {"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"\"}}",
              NULL},
             {"{\"jsonrpc\":\"2.0\",\"id\":\"approve-1\",\"result\":{\"action\":\"accept\"}}",
              NULL},
             {"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/unheard\"}", NULL},
             {"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\"}", NULL},
             {"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":"
              "{\"requestId\":7}}",
              NULL});
}

TEST(depth_has_a_bound)
{
        char line[400] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"a\":";
        size_t len = strlen(line);
        struct play p;

        play_begin(&p);
        for (unsigned deep = MCP_JSON_DEPTH - 2; deep <= MCP_JSON_DEPTH - 1; deep++) {
                memset(line + len, '[', deep);
                memset(line + len + deep, ']', deep);
                memcpy(line + len + 2 * deep, "}}", 3);
                say(&p, line, 1);
                expect(&p, deep == MCP_JSON_DEPTH - 2 ? "{\"id\":1,\"result\":{}}"
                                                      : "{\"error\":{\"code\":-32700}}");
        }
        say(&p,
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"a\":"
            "\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[[\"}}",
            1);
        expect(&p, "{\"id\":1,\"result\":{}}");
        play_end(&p);
}

TEST(an_id_comes_back_as_it_was)
{
        PLAY({"{\"jsonrpc\":\"2.0\",\"id\":\"a\\u2028\",\"method\":\"ping\"}",
              "{\"id\":\"a\\u2028\"}"},
             {"{\"jsonrpc\":\"2.0\",\"id\":-9223372036854775808,\"method\":\"ping\"}",
              "{\"id\":-9223372036854775808}"},
             {"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}", "{\"id\":1.5}"},
             {"{\"jsonrpc\":\"2.0\",\"id\":\"\\u0000\",\"method\":\"ping\"}",
              "{\"id\":null,\"error\":{\"code\":-32700}}"},
             {"{\"jsonrpc\":\"2.0\",\"id\":\"\",\"method\":\"nothing\"}",
              "{\"id\":\"\",\"error\":{\"code\":-32601}}"});
}

/* ---- opening --------------------------------------------------------------------------------- */

TEST(a_request_of_2026_says_itself_what_it_is)
{
        PLAY({"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"server/discover\",\"params\":{" META "}}",
              "{\"id\":1,\"result\":{\"resultType\":\"complete\","
              "\"supportedVersions\":[\"2026-07-28\","
              "\"2025-11-25\",\"2025-06-18\"],\"capabilities\":{\"tools\":{\"listChanged\":true}},"
              "\"ttlMs\":0,\"cacheScope\":\"private\",\"_meta\":{\"io.modelcontextprotocol/"
              "serverInfo\":{\"name\":\"capos\",\"version\":\"9.9\"}}}}"},
             {"{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/list\",\"params\":{" META "}}",
              "{\"id\":2,\"result\":{\"resultType\":\"complete\",\"tools\":[{\"name\":\"echo\"}],"
              "\"ttlMs\":0,\"cacheScope\":\"private\"}}"},
             {"{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/list\",\"params\":{\"_meta\":{"
              "\"io.modelcontextprotocol/protocolVersion\":\"2027-01-01\"}}}",
              "{\"id\":3,\"error\":{\"code\":-32022,\"data\":{\"requested\":\"2027-01-01\","
              "\"supported\":[\"2026-07-28\",\"2025-11-25\",\"2025-06-18\"]}}}"},
             {"{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"tools/list\",\"params\":{\"_meta\":{"
              "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"}}}",
              "{\"id\":4,\"error\":{\"code\":-32602}}"},
             {"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/list\"}",
              "{\"id\":5,\"error\":{\"code\":-32602}}"},
             {"{\"jsonrpc\":\"2.0\",\"id\":6,\"method\":\"server/discover\"}",
              "{\"id\":6,\"error\":{\"code\":-32602}}"});
}

TEST(until_2025_initialize_opens)
{
        PLAY({INITIALIZE,
              "{\"id\":0,\"result\":{\"protocolVersion\":\"2025-11-25\",\"serverInfo\":{"
              "\"name\":\"capos\"},\"capabilities\":{\"tools\":{\"listChanged\":true}}}}"},
             {INITIALIZED, NULL}, {INITIALIZE, "{\"id\":0,\"error\":{\"code\":-32600}}"},
             {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}",
              "{\"id\":1,\"result\":{\"tools\":[{\"name\":\"echo\"}]}}"},
             {"{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/list\","
              "\"params\":{\"cursor\":\"x\"}}",
              "{\"id\":2,\"error\":{\"code\":-32602}}"},
             {"{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"subscriptions/listen\"}",
              "{\"id\":3,\"error\":{\"code\":-32602}}"},
             {"{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"tools/list\",\"params\":{" META "}}",
              "{\"id\":4,\"result\":{\"resultType\":\"complete\"}}"});
}

TEST(an_older_revision_is_spoken_and_an_unknown_one_is_not)
{
        PLAY({"{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{"
              "\"protocolVersion\":\"2025-06-18\"}}",
              "{\"result\":{\"protocolVersion\":\"2025-06-18\"}}"});
        PLAY({"{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{"
              "\"protocolVersion\":\"1999-01-01\"}}",
              "{\"result\":{\"protocolVersion\":\"2025-11-25\"}}"});
        PLAY({"{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{}}",
              "{\"error\":{\"code\":-32602}}"});
}

TEST(nothing_but_tools_wants_a_session)
{
        struct play p;

        play_begin(&p);
        p.ready = false;
        say(&p,
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"server/discover\",\"params\":{" META "}}",
            1);
        say(&p, INITIALIZE, 1);
        say(&p, INITIALIZED, 1);
        say(&p, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}", 1);
        CHECK_EQ(p.readied, 0);
        CHECK_EQ(json_array_size(p.sent), 3);
        CHECK_STR(p.client, "t 1");
        json_array_clear(p.sent);

        say(&p, "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/list\"}", 1);
        say(&p,
            "{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"tools/call\",\"params\":{\"name\":"
            "\"echo\",\"arguments\":{\"a\":1}}}",
            1);
        CHECK_EQ(p.readied, 2);
        expect(&p, NULL);
        say(&p, "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"ping\"}", 1);
        expect(&p, "{\"id\":5,\"result\":{}}");
        p.ready = true;
        mcp_serve_ready(&p.s);
        expect(&p, "{\"id\":3,\"result\":{\"tools\":[{\"name\":\"echo\"}]}}");
        expect(&p, "{\"id\":4,\"result\":{\"structuredContent\":{\"a\":1},\"isError\":false}}");
        mcp_serve_ready(&p.s);
        expect(&p, NULL);
        play_end(&p);
}

/* ---- calls ----------------------------------------------------------------------------------- */

#define CALL(id, name, more)              \
        "{\"jsonrpc\":\"2.0\",\"id\":" id \
        ",\"method\":\"tools/call\",\"params\":{\"name\":\"" name "\"" more "}}"

TEST(a_result_has_its_text_beside_it)
{
        PLAY({CALL("1", "echo", ",\"arguments\":{\"a\":\"\\u009b\"}," META),
              "{\"id\":1,\"result\":{\"resultType\":\"complete\",\"structuredContent\":{\"a\":"
              "\"\\u009b\"},\"content\":[{\"type\":\"text\","
              "\"text\":\"{\\\"a\\\":\\\"\\\\u009b\\\"}\"}]}}"},
             {CALL("2", "echo", "," META), "{\"id\":2,\"result\":{\"structuredContent\":{}}}"},
             {CALL("6", "echo", ",\"arguments\":null," META),
              "{\"id\":6,\"result\":{\"structuredContent\":{}}}"},
             {CALL("3", "echo", ",\"arguments\":[]," META),
              "{\"id\":3,\"error\":{\"code\":-32602}}"},
             {CALL("4", "none", "," META), "{\"id\":4,\"error\":{\"code\":-32602}}"},
             {"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/call\",\"params\":{" META "}}",
              "{\"id\":5,\"error\":{\"code\":-32602}}"});
}

TEST(an_id_that_is_under_way_is_refused)
{
        struct play p;

        play_begin(&p);
        say(&p, CALL("1", "wait", "," META), 1);
        expect(&p, NULL);
        say(&p, CALL("1", "echo", "," META), 1);
        expect(&p, "{\"id\":1,\"error\":{\"code\":-32600}}");
        mcp_request_result(p.kept, json_object());
        expect(&p, "{\"id\":1,\"result\":{\"structuredContent\":{}}}");
        say(&p, CALL("1", "echo", "," META), 1);
        expect(&p, "{\"id\":1,\"result\":{}}");
        play_end(&p);
}

TEST(what_was_cancelled_is_not_answered)
{
        struct play p;

        play_begin(&p);
        say(&p, CALL("\"x\"", "wait", "," META), 1);
        CHECK_EQ(mcp_serve_calls(&p.s), 1);
        say(&p,
            "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
            "\"requestId\":\"x\"}}",
            1);
        CHECK_EQ(p.cancelled, 1);
        CHECK_EQ(mcp_serve_calls(&p.s), 0);
        expect(&p, NULL);
        p.ready = false;
        say(&p, CALL("2", "echo", "," META), 1);
        say(&p,
            "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
            "\"requestId\":2}}",
            1);
        mcp_serve_ready(&p.s);
        expect(&p, NULL);
        CHECK_EQ(p.called, 1);
        play_end(&p);
}

TEST(requests_under_way_have_a_bound)
{
        struct play p;
        char line[400];

        play_begin(&p);
        for (unsigned i = 0; i <= MCP_REQUESTS; i++) {
                (void)snprintf(line, sizeof(line), CALL("%u", "wait", "," META), i);
                say(&p, line, 1);
        }
        expect(&p, "{\"error\":{\"code\":-32603}}");
        expect(&p, NULL);
        play_end(&p);
}

TEST(who_waits_is_told_once_a_second_that_he_does)
{
        struct play p;

        play_begin(&p);
        say(&p,
            CALL("1", "wait",
                 ",\"_meta\":{\"progressToken\":\"p\","
                 "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
                 "\"io.modelcontextprotocol/clientCapabilities\":{}}"),
            1000);
        say(&p, CALL("2", "wait", "," META), 1000);
        CHECK_EQ(mcp_serve_tick(&p.s, 1500), MCP_PROGRESS_MS);
        expect(&p, NULL);
        CHECK_EQ(mcp_serve_tick(&p.s, 2000), MCP_PROGRESS_MS);
        expect(&p, "{\"method\":\"notifications/progress\",\"params\":{\"progressToken\":\"p\","
                   "\"progress\":1}}");
        CHECK_EQ(mcp_serve_tick(&p.s, 2900), MCP_PROGRESS_MS);
        expect(&p, NULL);
        CHECK_EQ(mcp_serve_tick(&p.s, 3100), MCP_PROGRESS_MS);
        expect(&p, "{\"params\":{\"progress\":2}}");
        expect(&p, NULL);
        say(&p,
            "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
            "\"requestId\":1}}",
            3200);
        CHECK_EQ(mcp_serve_tick(&p.s, 9000), 0);
        expect(&p, NULL);
        play_end(&p);
}

/* ---- asking a person ------------------------------------------------------------------------- */

static const struct {
        const char *result, *code;
} answers[] = {
        {"{\"action\":\"accept\",\"content\":{\"allow\":\"once\"}}", "yes"},
        {"{\"action\":\"accept\",\"content\":{\"allow\":\"for 10 minutes\"}}", "yes"},
        {"{\"action\":\"accept\",\"content\":{\"allow\":\"until the session ends\"}}", "yes"},
        {"{\"action\":\"accept\",\"content\":{\"allow\":\"no\"}}", "no"},
        {"{\"action\":\"accept\",\"content\":{\"allow\":true}}", "no"},
        {"{\"action\":\"accept\",\"content\":{\"allow\":\"sure\"}}", "no"},
        {"{\"action\":\"accept\"}", "no"},
        {"{\"action\":\"decline\",\"content\":{\"allow\":\"once\"}}", "no"},
        {"{\"action\":\"cancel\"}", "no"},
        {"{}", "no"},
        {"7", "no"}};

static void expect_code(struct play *p, const char *code)
{
        char part[200];

        (void)snprintf(
                part, sizeof(part),
                "{\"result\":{\"isError\":true,\"content\":[{\"text\":\"{\\\"code\\\":\\\"%s\\\","
                "\\\"text\\\":\\\"answered\\\"}\"}]}}",
                code);
        expect(p, part);
}

TEST(until_2025_the_server_asks)
{
        char line[400];
        struct play p;

        play_begin(&p);
        say(&p, INITIALIZE, 1);
        json_array_clear(p.sent);
        for (unsigned i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
                say(&p, CALL("1", "ask", ""), 1);
                (void)snprintf(
                        line, sizeof(line),
                        "{\"id\":\"approve-%u\",\"method\":\"elicitation/create\",\"params\":{"
                        "\"message\":\"may it?\",\"mode\":\"form\"}}",
                        i + 1);
                expect(&p, line);
                expect(&p, NULL);
                (void)snprintf(line, sizeof(line),
                               "{\"jsonrpc\":\"2.0\",\"id\":\"approve-%u\",\"result\":%s}", i + 1,
                               answers[i].result);
                say(&p, line, 2);
                expect_code(&p, answers[i].code);
                say(&p, line, 2);
                expect(&p, NULL);
        }
        say(&p, CALL("1", "ask", ""), 1);
        (void)json_array_clear(p.sent);
        (void)snprintf(line, sizeof(line),
                       "{\"jsonrpc\":\"2.0\",\"id\":\"approve-%u\",\"error\":{\"code\":-1,"
                       "\"message\":\"\"}}",
                       (unsigned)(sizeof(answers) / sizeof(answers[0])) + 1);
        say(&p, line, 2);
        expect_code(&p, "no");
        play_end(&p);
}

/* By either way of asking, for as long as a policy says. */
TEST(a_question_stands_as_long_as_it_is_to)
{
        uint8_t digest[MCP_DIGEST] = {1};
        char state[MCP_SEAL_TEXT];
        struct play p;

        play_begin(&p);
        p.s.seals.life_ms = 5000;
        CHECK(mcp_seal_make(&p.s.seals, digest, 1000, state));
        CHECK(mcp_seal_open(&p.s.seals, state, digest, 5999));
        CHECK(mcp_seal_make(&p.s.seals, digest, 1000, state));
        CHECK(!mcp_seal_open(&p.s.seals, state, digest, 6001));
        say(&p, INITIALIZE, 1000);
        say(&p, CALL("1", "ask", ""), 1000);
        json_array_clear(p.sent);
        CHECK(mcp_serve_tick(&p.s, 5999));
        expect(&p, NULL);
        CHECK_EQ(mcp_serve_tick(&p.s, 6000), 0);
        expect(&p,
               "{\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":\"approve-1\"}}");
        expect_code(&p, "late");
        play_end(&p);
}

TEST(nobody_is_waited_for_longer_than_two_minutes)
{
        struct play p;

        play_begin(&p);
        say(&p, INITIALIZE, 1000);
        say(&p, CALL("1", "ask", ""), 1000);
        json_array_clear(p.sent);
        CHECK_EQ(mcp_serve_tick(&p.s, 1000 + MCP_SEAL_MS - 1), MCP_PROGRESS_MS);
        expect(&p, NULL);
        CHECK_EQ(mcp_serve_tick(&p.s, 1000 + MCP_SEAL_MS), 0);
        expect(&p,
               "{\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":\"approve-1\"}}");
        expect_code(&p, "late");
        say(&p,
            "{\"jsonrpc\":\"2.0\",\"id\":\"approve-1\",\"result\":{\"action\":\"accept\","
            "\"content\":{\"allow\":\"once\"}}}",
            1000 + MCP_SEAL_MS + 1);
        expect(&p, NULL);
        CHECK_EQ(p.called, 2);
        play_end(&p);
}

/* The state that came with a question, which has to be the only thing that came. */
static void state_take(struct play *p, char to[static MCP_SEAL_TEXT])
{
        json_t *m = json_array_get(p->sent, 0), *result = json_object_get(m, "result");
        const char *state = json_string_value(json_object_get(result, "requestState"));

        CHECK(state != NULL);
        CHECK_STR(json_string_value(json_object_get(result, "resultType")), "input_required");
        CHECK(json_object_get(json_object_get(json_object_get(result, "inputRequests"), "approve"),
                              "params") != NULL);
        (void)snprintf(to, MCP_SEAL_TEXT, "%s", state);
        json_array_clear(p->sent);
}

/* A call that brings an answer. */
static void say_answer(struct play *p, const char *arguments, const char *state, const char *answer,
                       uint64_t now_ms)
{
        char line[1000];

        (void)snprintf(line, sizeof(line),
                       CALL("1", "ask",
                            ",\"arguments\":%s,\"requestState\":\"%s\","
                            "\"inputResponses\":{\"approve\":%s}," META),
                       arguments, state, answer);
        say(p, line, now_ms);
}

TEST(in_2026_the_client_comes_back_with_the_answer)
{
        char state[MCP_SEAL_TEXT];
        struct play p;

        play_begin(&p);
        for (unsigned i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
                say(&p, CALL("1", "ask", "," META), 1000);
                state_take(&p, state);
                say_answer(&p, "{}", state, answers[i].result, 2000);
                expect_code(&p, answers[i].code);
        }
        play_end(&p);
}

TEST(a_state_is_good_once_for_one_call_and_for_two_minutes)
{
        static const char once[] = "{\"action\":\"accept\",\"content\":{\"allow\":\"once\"}}";
        char state[MCP_SEAL_TEXT], other[MCP_SEAL_TEXT];
        struct play p;

        play_begin(&p);
        say(&p, CALL("1", "ask", ",\"arguments\":{\"a\":1}," META), 1000);
        state_take(&p, state);
        say_answer(&p, "{\"a\":2}", state, once, 1001); /* other arguments */
        state_take(&p, other);
        say_answer(&p, "{\"a\":1}", other, once, 1001); /* the state of another call */
        state_take(&p, other);
        say_answer(&p, "{\"a\":1}", "forged", once, 1001);
        state_take(&p, other);
        (void)snprintf(other, sizeof(other), "%s", state);
        other[40] = other[40] == 'A' ? 'B' : 'A';
        say_answer(&p, "{\"a\":1}", other, once, 1001);
        state_take(&p, other);
        say_answer(&p, "{\"a\":1}", state, once, 1002);
        expect_code(&p, "yes");
        say_answer(&p, "{\"a\":1}", state, once, 1003); /* once more */
        state_take(&p, other);
        say_answer(&p, "{\"a\":1}", other, once, 1003 + MCP_SEAL_MS); /* too late */
        state_take(&p, state);
        say_answer(&p, "{ \"a\" : 1 }", state, once, 1004 + MCP_SEAL_MS);
        expect_code(&p, "yes");
        play_end(&p);
}

TEST(a_question_is_taken_back_with_its_call)
{
        PLAY({INITIALIZE, "{\"id\":0}"}, {CALL("1", "ask", ""), "{\"id\":\"approve-1\"}"},
             {"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
              "\"requestId\":1}}",
              "{\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":\"approve-1\"}}"},
             {"{\"jsonrpc\":\"2.0\",\"id\":\"approve-1\",\"result\":{\"action\":\"accept\","
              "\"content\":{\"allow\":\"once\"}}}",
              NULL});
}

TEST(who_cannot_ask_is_not_asked)
{
        PLAY({CALL("1", "ask", "," META_SILENT), "{\"result\":{\"isError\":true}}"},
             {CALL("2", "ask", "," META_OF("{\"elicitation\":{\"url\":{}}}")),
              "{\"result\":{\"isError\":true}}"},
             {CALL("3", "ask", "," META_OF("{\"elicitation\":{\"form\":{},\"url\":{}}}")),
              "{\"result\":{\"resultType\":\"input_required\"}}"},
             {"{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{"
              "\"protocolVersion\":\"2025-11-25\",\"capabilities\":{}}}",
              "{\"id\":0}"},
             {CALL("4", "ask", ""), "{\"id\":4,\"result\":{\"isError\":true}}"});
}

/* ---- what changes ---------------------------------------------------------------------------- */

TEST(changes_are_told_to_who_has_asked)
{
        static const char changed[] = "{\"method\":\"notifications/tools/list_changed\"}";
        struct play p;

        play_begin(&p);
        mcp_serve_changed(&p.s);
        say(&p, INITIALIZE, 1);
        json_array_clear(p.sent);
        mcp_serve_changed(&p.s);
        expect(&p, NULL);
        say(&p, INITIALIZED, 1);
        p.ready = false;
        say(&p, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}", 1);
        mcp_serve_changed(&p.s); /* to what they are at first, which nobody knows yet */
        expect(&p, NULL);
        p.ready = true;
        mcp_serve_ready(&p.s);
        expect(&p, "{\"id\":1,\"result\":{\"tools\":[{}]}}");
        expect(&p, NULL);
        mcp_serve_changed(&p.s);
        expect(&p, changed);
        expect(&p, NULL);
        say(&p,
            "{\"jsonrpc\":\"2.0\",\"id\":\"s\",\"method\":\"subscriptions/listen\",\"params\":{"
            "\"notifications\":{\"toolsListChanged\":true}," META "}}",
            1);
        expect(&p,
               "{\"method\":\"notifications/subscriptions/acknowledged\",\"params\":{\"_meta\":{"
               "\"io.modelcontextprotocol/subscriptionId\":\"s\"},\"notifications\":{"
               "\"toolsListChanged\":true}}}");
        mcp_serve_changed(&p.s);
        expect(&p, "{\"method\":\"notifications/tools/list_changed\",\"params\":{\"_meta\":{"
                   "\"io.modelcontextprotocol/subscriptionId\":\"s\"}}}");
        expect(&p, changed);
        expect(&p, NULL);
        say(&p,
            "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
            "\"requestId\":\"s\"}}",
            1);
        mcp_serve_changed(&p.s);
        expect(&p, changed);
        expect(&p, NULL);
        play_end(&p);
}

TEST(subscriptions_have_a_bound)
{
        struct play p;
        char line[400];

        play_begin(&p);
        for (unsigned i = 0; i <= MCP_SUBSCRIPTIONS; i++) {
                (void)snprintf(line, sizeof(line),
                               "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"subscriptions/listen\","
                               "\"params\":{" META "}}",
                               i);
                say(&p, line, 1);
        }
        for (unsigned i = 0; i < MCP_SUBSCRIPTIONS; i++)
                expect(&p, "{\"method\":\"notifications/subscriptions/acknowledged\"}");
        expect(&p, "{\"error\":{\"code\":-32603}}");
        play_end(&p);
}

TEST(a_line_that_was_too_long_is_said)
{
        struct play p;

        play_begin(&p);
        mcp_serve_lost(&p.s, 1);
        expect(&p, "{\"id\":null,\"error\":{\"code\":-32700}}");
        play_end(&p);
}
