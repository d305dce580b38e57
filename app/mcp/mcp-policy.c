/*
 * The policy file is parsed by its schema and checked as a manifest is: what is wrong is said with
 * its place, all of it, and nothing of such a file counts.
 *
 * It is the person's word about what somebody else, a model, may do. So it has to be a file that
 * nobody else can write.
 */
#include "mcp-policy.h"

#include "daemon-quantity.h"
#include "mcp-seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MATCHES = 8, CALLS_MOST = 16, SECOND_MOST = 100, HOUR_MOST = 100000, PATH_BYTES = 96 };

/* ---- checking -------------------------------------------------------------------------------- */

struct checking {
        const char *name;
        mcp_policy_complain *complain;
        void *arg;
        unsigned faults;
};

static void fault(struct checking *c, const char *path, const char *what)
{
        char line[MCP_POLICY_FAULT];

        (void)snprintf(line, sizeof(line), "%.400s: %s: %s", c->name, path, what);
        c->complain(c->arg, line);
        c->faults++;
}

static void fault_of_rule(struct checking *c, uint32_t i, const char *field, const char *what)
{
        char path[PATH_BYTES];

        (void)snprintf(path, sizeof(path), "rules[%u].%s", i, field);
        fault(c, path, what);
}

static bool pattern_is_good(capnp_text t)
{
        static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                   "_-*";

        return t.len > 0 && t.len <= 64 && strlen(t.p) == t.len && strspn(t.p, good) == t.len;
}

static void check_rule(struct checking *c, uint32_t i, rule_reader r)
{
        uint64_t ms;

        if (!pattern_is_good(rule_tools(r)))
                fault_of_rule(c, i, "tools",
                              "must be a name of tools: letters, digits, _, - and * for any "
                              "characters, 64 at most");
        if (!decision_name(rule_decide(r)))
                fault_of_rule(c, i, "decide", "unknown");
        if (rule_lasts(r).len && (!daemon_duration_read(rule_lasts(r), &ms) || !ms))
                fault_of_rule(c, i, "lasts", "is no duration: numbers with h, m or s, as \"10m\"");
        if ((rule_uses(r) || rule_lasts(r).len) && rule_decide(r) != DECISION_ASK &&
            rule_decide(r) != DECISION_ASK_ELSEWHERE)
                fault_of_rule(c, i, rule_uses(r) ? "uses" : "lasts",
                              "is about approvals, and nobody is asked by this rule");
        if (match_list_len(rule_where(r)) > MATCHES)
                fault_of_rule(c, i, "where", "has more than 8 arguments");
        for (uint32_t k = 0; k < match_list_len(rule_where(r)) && k < MATCHES; k++)
                if (!match_argument(match_list_get(rule_where(r), k)).len)
                        fault_of_rule(c, i, "where", "an `argument` has no name");
}

static void check_number(struct checking *c, const char *path, uint32_t n, uint32_t most)
{
        char what[64];

        (void)snprintf(what, sizeof(what), "must be 1 to %u", most);
        if (!n || n > most)
                fault(c, path, what);
}

static void policy_check(struct checking *c, agent_policy_reader r)
{
        const enum decision by_effect[] = {agent_policy_reads(r), agent_policy_own(r),
                                           agent_policy_shared(r), agent_policy_lasting(r)};
        static const char *const names[] = {"reads", "own", "shared", "lasting"};
        rule_list rules = agent_policy_rules(r);
        capnp_text within = agent_policy_answer_within(r);
        uint64_t ms;

        if (rule_list_len(rules) > MCP_POLICY_RULES)
                fault(c, "rules", "there are more than 256");
        for (uint32_t i = 0; i < rule_list_len(rules) && i < MCP_POLICY_RULES; i++)
                check_rule(c, i, rule_list_get(rules, i));
        for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (!decision_name(by_effect[i]))
                        fault(c, names[i], "unknown");
        check_number(c, "calls", agent_policy_calls(r), CALLS_MOST);
        check_number(c, "callsPerSecond", agent_policy_calls_per_second(r), SECOND_MOST);
        check_number(c, "callsPerHour", agent_policy_calls_per_hour(r), HOUR_MOST);
        if (within.len && (!daemon_duration_read(within, &ms) || !ms || ms > MCP_SEAL_MS))
                fault(c, "answerWithin", "must be a duration of 2m at most, as \"30s\"");
}

/* ---- reading --------------------------------------------------------------------------------- */

int mcp_policy_init(struct mcp_policy *p)
{
        int r;

        *p = (struct mcp_policy){0};
        r = capnp_msg_new(&p->m);
        if (r)
                return r;
        (void)agent_policy_build(p->m);
        p->r = agent_policy_root(p->m);
        return capnp_msg_check(p->m);
}

static int policy_schema(capnp_schema **ret_s)
{
        int r = capnp_schema_new(ret_s);

        return r ? r : capnp_schema_add_file(*ret_s, &agent_policy_capnp_schema);
}

static void fault_in_text(struct checking *c, const struct capnp_fault *f)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf line = {.max = MCP_POLICY_FAULT};

        c->faults++;
        c->complain(c->arg, capnp_fault_print(f, c->name, &line) ? "the policy is wrong" : line.p);
}

int mcp_policy_parse(struct mcp_policy *p, capnp_text text, const char *name,
                     mcp_policy_complain *complain, void *arg)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;
        struct checking c = {.name = name, .complain = complain, .arg = arg};
        struct capnp_fault f = {0};
        int r;

        *p = (struct mcp_policy){0};
        r = capnp_msg_new(&p->m);
        if (!r)
                r = policy_schema(&s);
        if (!r)
                r = capnp_text_parse(s, AGENT_POLICY_ID, text, NULL, capnp_msg_build(p->m), &f);
        if (r > 0)
                fault_in_text(&c, &f);
        if (!r)
                r = capnp_msg_check(p->m);
        if (!r) {
                p->r = agent_policy_root(p->m);
                policy_check(&c, p->r);
        }
        if (r < 0)
                return r;
        return c.faults ? -EINVAL : 0;
}

/* Whether nobody but its owner, who is us or root, can have written it. */
static const char *file_wrong(int fd)
{
        struct stat st;

        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return "is no file";
        if (st.st_uid != geteuid() && st.st_uid != 0)
                return "belongs to another user";
        if (st.st_mode & 022)
                return "others can write it: chmod go-w";
        return NULL;
}

static int file_read(int fd, char *to, size_t room, size_t *ret_len)
{
        ssize_t n = 1;

        *ret_len = 0;
        while (n > 0 && *ret_len < room) {
                n = read(fd, to + *ret_len, room - *ret_len);
                if (n > 0)
                        *ret_len += (size_t)n;
                else if (n < 0 && errno == EINTR)
                        n = 1;
        }
        return n < 0 ? -errno : 0;
}

int mcp_policy_load(struct mcp_policy *p, const char *path, mcp_policy_complain *complain,
                    void *arg)
{
        struct checking c = {.name = path, .complain = complain, .arg = arg};
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), r;
        const char *wrong = fd < 0 ? strerror(errno) : file_wrong(fd);
        char *text;
        size_t len;

        *p = (struct mcp_policy){0};
        text = wrong ? NULL : malloc(MCP_POLICY_BYTES + 1);
        r = text ? file_read(fd, text, MCP_POLICY_BYTES + 1, &len) : wrong ? -EINVAL : -ENOMEM;
        if (!r && len > MCP_POLICY_BYTES)
                wrong = "is longer than 64 KiB";
        if (r < 0 && !wrong && r != -ENOMEM)
                wrong = strerror(-r);
        if (fd >= 0)
                (void)close(fd);
        if (wrong)
                fault(&c, "policy", wrong);
        else if (!r)
                r = mcp_policy_parse(p, (capnp_text){text, (uint32_t)len}, path, complain, arg);
        free(text);
        return wrong ? -EINVAL : r;
}

void mcp_policy_deinit(struct mcp_policy *p)
{
        p->m = capnp_msg_free(p->m);
}

/* ---- deciding -------------------------------------------------------------------------------- */

bool mcp_pattern_fits(const char *pattern, const char *name)
{
        const char *star = NULL, *from = NULL;

        while (*name) {
                if (*pattern == '*') {
                        star = pattern++;
                        from = name;
                } else if (*pattern == *name) {
                        pattern++;
                        name++;
                } else if (star) {
                        pattern = star + 1;
                        name = ++from;
                } else {
                        return false;
                }
        }
        while (*pattern == '*')
                pattern++;
        return !*pattern;
}

/* The argument with a name, `target.name`. NULL: there is none. */
static const json_t *argument_find(const json_t *o, const char *path)
{
        char name[PATH_BYTES];

        while (o && *path) {
                size_t len = strcspn(path, ".");

                if (len >= sizeof(name))
                        return NULL;
                memcpy(name, path, len);
                name[len] = 0;
                o = json_object_get(o, name);
                path += len + (path[len] == '.');
        }
        return o;
}

static bool match_fits(match_reader m, const json_t *arguments)
{
        const json_t *v = argument_find(arguments, match_argument(m).p);
        char *text;
        bool fits;

        if (json_is_string(v))
                return !strcmp(json_string_value(v), match_is(m).p) &&
                       json_string_length(v) == match_is(m).len;
        text = v ? json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) : NULL;
        fits = text && !strcmp(text, match_is(m).p);
        free(text);
        return fits;
}

static bool rule_fits(rule_reader r, const char *tool, const json_t *arguments)
{
        match_list l = rule_where(r);

        if (!mcp_pattern_fits(rule_tools(r).p, tool))
                return false;
        for (uint32_t i = 0; i < match_list_len(l); i++)
                if (!match_fits(match_list_get(l, i), arguments))
                        return false;
        return true;
}

static enum decision by_effect(const struct mcp_policy *p, enum command_effect effect)
{
        switch (effect) {
        case COMMAND_EFFECT_READS:
                return agent_policy_reads(p->r);
        case COMMAND_EFFECT_OWN:
                return agent_policy_own(p->r);
        case COMMAND_EFFECT_SHARED:
                return agent_policy_shared(p->r);
        case COMMAND_EFFECT_LASTING:
                break;
        }
        return agent_policy_lasting(p->r);
}

void mcp_policy_decide(const struct mcp_policy *p, const char *tool, enum command_effect effect,
                       const json_t *arguments, struct mcp_decision *ret)
{
        rule_list rules = agent_policy_rules(p->r);

        for (uint32_t i = 0; i < rule_list_len(rules); i++) {
                rule_reader r = rule_list_get(rules, i);

                if (!rule_fits(r, tool, arguments))
                        continue;
                *ret = (struct mcp_decision){.what = rule_decide(r),
                                             .rule = i,
                                             .uses = rule_uses(r),
                                             .lasts_ms = daemon_duration(rule_lasts(r)),
                                             .calls_per_hour = rule_calls_per_hour(r)};
                return;
        }
        *ret = (struct mcp_decision){.what = by_effect(p, effect), .rule = MCP_POLICY_RULES};
}

uint64_t mcp_policy_answer_ms(const struct mcp_policy *p)
{
        uint64_t ms = daemon_duration(agent_policy_answer_within(p->r));

        return ms ? ms : MCP_SEAL_MS;
}

bool mcp_policy_lists(const struct mcp_policy *p, const char *tool, enum command_effect effect)
{
        rule_list rules = agent_policy_rules(p->r);

        for (uint32_t i = 0; i < rule_list_len(rules); i++) {
                rule_reader r = rule_list_get(rules, i);

                if (!mcp_pattern_fits(rule_tools(r).p, tool))
                        continue;
                if (rule_decide(r) != DECISION_DENY)
                        return true;
                if (!match_list_len(rule_where(r)))
                        return false;
        }
        return by_effect(p, effect) != DECISION_DENY;
}
