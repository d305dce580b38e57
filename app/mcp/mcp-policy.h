/* The policy file: what a model may do with which tool. */
#ifndef CAPOS_MCP_POLICY_H
#define CAPOS_MCP_POLICY_H

#include "agent_policy.capnp-c.h"
#include "command.capnp-c.h"

#include <capos/capnp-dynamic.h>

#include <jansson.h>

struct mcp_policy {
        capnp_msg *m;
        agent_policy_reader r;
};

enum {
        MCP_POLICY_BYTES = 64 * 1024, /* of a file */
        MCP_POLICY_RULES = 256,
        MCP_POLICY_FAULT = 1024,
};

/* Told what is wrong, a line each. */
typedef void mcp_policy_complain(void *arg, const char *line);

/* The policy of who has none. 0; -ENOMEM. */
int mcp_policy_init(struct mcp_policy *p) CAPNP_MUST_USE;
/* Parses and checks a text; name: of its file, for faults. 0; -EINVAL: it was told what is wrong;
 * -ENOMEM. */
int mcp_policy_parse(struct mcp_policy *p, capnp_text text, const char *name,
                     mcp_policy_complain *complain, void *arg) CAPNP_MUST_USE;
/* Reads a file, which must be one's own or root's and writable by nobody else. Likewise. */
int mcp_policy_load(struct mcp_policy *p, const char *path, mcp_policy_complain *complain,
                    void *arg) CAPNP_MUST_USE;
void mcp_policy_deinit(struct mcp_policy *p);

/* What was decided about a call. */
struct mcp_decision {
        enum decision what;
        uint32_t rule;           /* which; MCP_POLICY_RULES: none, its effect has decided */
        uint32_t uses;           /* of an approval; 0: any */
        uint64_t lasts_ms;       /* likewise */
        uint32_t calls_per_hour; /* likewise */
};

void mcp_policy_decide(const struct mcp_policy *p, const char *tool, enum command_effect effect,
                       const json_t *arguments, struct mcp_decision *ret);
/* How long a question to the client's person stands. */
uint64_t mcp_policy_answer_ms(const struct mcp_policy *p);
/* Whether some call of a tool could go through, so that it is listed. */
bool mcp_policy_lists(const struct mcp_policy *p, const char *tool, enum command_effect effect);
/* Whether a name fits a pattern, in which * stands for any number of characters. */
bool mcp_pattern_fits(const char *pattern, const char *name);

#endif
