/*
 * The policy file: what is wrong is said with its place, and what is right decides by the first
 * rule that fits, then by what the method does (R52).
 */
#include "mcp-policy.h"

#include "harness.h"

#include <capos/capnp-msg.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SAID = 4096 };

static void on_fault(void *arg, const char *line)
{
        char *said = arg;

        (void)snprintf(said + strlen(said), SAID - strlen(said), "%s\n", line);
}

static int parse(struct mcp_policy *p, const char *text, char said[SAID])
{
        *said = 0;
        return mcp_policy_parse(p, capnp_text_of(text), "p", on_fault, said);
}

TEST(what_is_wrong_is_said_with_its_place)
{
        static const struct {
                const char *text, *said;
        } cases[] = {
                {"(", "p:1:2: the text ends too early"},
                {"(rules = [(tool = \"x\")])", "p:1:12: rules[0]"},
                {"(rules = [()])", "p: rules[0].tools: must be a name"},
                {"(rules = [(tools = \"a b\")])", "p: rules[0].tools: must be a name"},
                {"(rules = [(tools = \"a\"), (tools = \"\")])",
                 "p: rules[1].tools: must be a name"},
                {"(rules = [(tools = \"a\", decide = maybe)])", "p:1:34: rules[0].decide: "},
                {"(rules = [(tools = \"a\", decide = ask, lasts = \"soon\")])",
                 "p: rules[0].lasts: is no duration"},
                {"(rules = [(tools = \"a\", decide = allow, uses = 3)])",
                 "p: rules[0].uses: is about approvals"},
                {"(rules = [(tools = \"a\", decide = deny, lasts = \"5m\")])",
                 "p: rules[0].lasts: is about approvals"},
                {"(rules = [(tools = \"a\", where = [(is = \"x\")])])",
                 "p: rules[0].where: an `argument` has no name"},
                {"(calls = 0)", "p: calls: must be 1 to 16"},
                {"(calls = 17)", "p: calls: must be 1 to 16"},
                {"(callsPerSecond = 101)", "p: callsPerSecond: must be 1 to 100"},
                {"(callsPerHour = 0)", "p: callsPerHour: must be 1 to 100000"},
                {"(answerWithin = \"3m\")",
                 "p: answerWithin: must be a duration of 2m at most, as \"30s\""},
                {"(answerWithin = \"soon\")",
                 "p: answerWithin: must be a duration of 2m at most, as \"30s\""},
        };
        struct mcp_policy p;
        char said[SAID];

        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                CHECK_EQ(parse(&p, cases[i].text, said), -EINVAL);
                if (strncmp(said, cases[i].said, strlen(cases[i].said)) != 0)
                        test_fail(__FILE__, __LINE__, "%s: %s", cases[i].text, said);
                mcp_policy_deinit(&p);
        }
}

TEST(all_faults_are_said)
{
        struct mcp_policy p;
        char said[SAID];

        CHECK_EQ(parse(&p, "(calls = 0, callsPerHour = 0, rules = [()])", said), -EINVAL);
        CHECK(strstr(said, "calls: ") && strstr(said, "callsPerHour: ") &&
              strstr(said, "rules[0]"));
        mcp_policy_deinit(&p);
}

static enum decision decide(const struct mcp_policy *p, const char *tool,
                            enum command_effect effect, const char *arguments)
{
        json_t *a = json_loads(arguments, 0, NULL);
        struct mcp_decision d;

        CHECK(a != NULL);
        mcp_policy_decide(p, tool, effect, a, &d);
        json_decref(a);
        return d.what;
}

TEST(without_a_rule_the_effect_decides)
{
        struct mcp_policy p;

        CHECK_OK(mcp_policy_init(&p));
        CHECK_EQ(decide(&p, "a__b", COMMAND_EFFECT_READS, "{}"), DECISION_ALLOW);
        CHECK_EQ(decide(&p, "a__b", COMMAND_EFFECT_OWN, "{}"), DECISION_ASK);
        CHECK_EQ(decide(&p, "a__b", COMMAND_EFFECT_SHARED, "{}"), DECISION_ASK);
        CHECK_EQ(decide(&p, "a__b", COMMAND_EFFECT_LASTING, "{}"), DECISION_ASK_ELSEWHERE);
        CHECK_EQ(decide(&p, "a__b", (enum command_effect)99, "{}"), DECISION_ASK_ELSEWHERE);
        CHECK(mcp_policy_lists(&p, "a__b", COMMAND_EFFECT_LASTING));
        mcp_policy_deinit(&p);
}

TEST(the_first_rule_that_fits_decides)
{
        static const char text[] =
                "(reads = deny, rules = ["
                "(tools = \"chat__say\", where = [(argument = \"channel\", is = \"#bots\")], "
                "decide = allow, callsPerHour = 7),"
                "(tools = \"chat__say\", where = [(argument = \"a.b\", is = \"7\"), (argument = "
                "\"on\", is = \"true\")], decide = askElsewhere),"
                "(tools = \"chat__*\", decide = ask, uses = 20, lasts = \"10m\"),"
                "(tools = \"*\", where = [(argument = \"x\", is = \"y\")]),"
                "(tools = \"*__make\", decide = allow),"
                "(tools = \"secret__*\")])";
        static const struct {
                const char *tool, *arguments;
                enum decision what;
        } cases[] = {
                {"chat__say", "{\"channel\":\"#bots\"}", DECISION_ALLOW},
                {"chat__say", "{\"channel\":\"#bots2\"}", DECISION_ASK},
                {"chat__say", "{\"channel\":7}", DECISION_ASK},
                {"chat__say", "{\"channel\":[\"#bots\"]}", DECISION_ASK},
                {"chat__say", "{\"a\":{\"b\":7},\"on\":true}", DECISION_ASK_ELSEWHERE},
                {"chat__say", "{\"a\":{\"b\":7},\"on\":false}", DECISION_ASK},
                {"chat__say", "{\"a\":7,\"on\":true}", DECISION_ASK},
                {"chat__", "{}", DECISION_ASK},
                {"chat", "{}", DECISION_DENY},
                {"paperclips__make", "{}", DECISION_ALLOW},
                {"paperclips__make", "{\"x\":\"y\"}", DECISION_DENY},
                {"secret__look", "{}", DECISION_DENY},
        };
        struct mcp_policy p;
        struct mcp_decision d;
        char said[SAID];

        CHECK_OK(parse(&p, text, said));
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                if (decide(&p, cases[i].tool, COMMAND_EFFECT_READS, cases[i].arguments) !=
                    cases[i].what)
                        test_fail(__FILE__, __LINE__, "%s %s", cases[i].tool, cases[i].arguments);
        mcp_policy_decide(&p, "chat__leave", COMMAND_EFFECT_READS, NULL, &d);
        CHECK_EQ(d.uses, 20);
        CHECK_EQ(d.lasts_ms, 600000);
        CHECK_EQ(d.rule, 2);
        CHECK(mcp_policy_lists(&p, "chat__say", COMMAND_EFFECT_READS));
        CHECK(!mcp_policy_lists(&p, "secret__look", COMMAND_EFFECT_OWN));
        CHECK(!mcp_policy_lists(&p, "other__look", COMMAND_EFFECT_READS));
        CHECK(mcp_policy_lists(&p, "other__look", COMMAND_EFFECT_OWN));
        mcp_policy_deinit(&p);
}

TEST(patterns)
{
        static const struct {
                const char *pattern, *name;
                bool fits;
        } cases[] = {{"", "", true},        {"", "a", false},        {"a", "a", true},
                     {"a", "ab", false},    {"*", "", true},         {"*", "abc", true},
                     {"a*", "a", true},     {"a*c", "abbc", true},   {"a*c", "abcb", false},
                     {"*a*", "bab", true},  {"a**b", "ab", true},    {"*ab", "aab", true},
                     {"*ab", "aba", false}, {"a*b*c", "abbcc", true}};

        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                if (mcp_pattern_fits(cases[i].pattern, cases[i].name) != cases[i].fits)
                        test_fail(__FILE__, __LINE__, "%s %s", cases[i].pattern, cases[i].name);
}

static int load(const char *path, char said[SAID])
{
        struct mcp_policy p;
        int r;

        *said = 0;
        r = mcp_policy_load(&p, path, on_fault, said);
        mcp_policy_deinit(&p);
        return r;
}

TEST(a_file_is_nobody_elses_to_write)
{
        char folder[] = "/tmp/test-mcp-policy-XXXXXX", path[64], said[SAID];
        int fd;

        CHECK(mkdtemp(folder) != NULL);
        (void)snprintf(path, sizeof(path), "%s/p", folder);
        CHECK_EQ(load(path, said), -EINVAL);
        CHECK(strstr(said, "No such file") != NULL);
        CHECK_EQ(load(folder, said), -EINVAL);
        CHECK(strstr(said, "is no file") != NULL);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        CHECK_EQ(write(fd, "()", 2), 2);
        CHECK_OK(load(path, said));
        CHECK_OK(fchmod(fd, 0620));
        CHECK_EQ(load(path, said), -EINVAL);
        CHECK(strstr(said, "others can write it") != NULL);
        CHECK_OK(fchmod(fd, 0600));
        CHECK_OK(ftruncate(fd, MCP_POLICY_BYTES + 1));
        CHECK_EQ(load(path, said), -EINVAL);
        CHECK(strstr(said, "longer than 64 KiB") != NULL);
        CHECK_OK(close(fd));
        CHECK_OK(unlink(path));
        CHECK_OK(rmdir(folder));
}
