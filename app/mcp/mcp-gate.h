/* Whether a call may happen: policy, quotas, what was approved, and what waits for somebody. */
#ifndef CAPOS_MCP_GATE_H
#define CAPOS_MCP_GATE_H

#include "mcp-grants.h"
#include "mcp-policy.h"
#include "mcp-rate.h"
#include "mcp-serve.h"

enum {
        MCP_WAITING = 16, /* calls that wait for somebody at once */
        MCP_WAITING_MS = 10 * 60 * 1000,
};

/* A call that somebody has to approve elsewhere. */
struct mcp_waiting {
        uint32_t number; /* 0: this place is free */
        char tool[MCP_TOOL_NAME];
        uint8_t digest[MCP_DIGEST];
        enum command_effect effect;
        char *question; /* capability, method and arguments, to be shown; NULL: not yet */
        uint64_t since_ms;
        const char *refused; /* where somebody has said no, which is remembered; NULL: nobody has */
        struct mcp_decision rule;
};

struct mcp_gate {
        const struct mcp_policy *policy;
        struct mcp_grants grants;
        struct mcp_waiting waiting[MCP_WAITING];
        uint32_t last;
        struct mcp_rate second, hour;
        struct mcp_rate rules[MCP_POLICY_RULES];
};

/* A call, as far as it is judged. */
struct mcp_case {
        const char *tool;
        enum command_effect effect;
        const json_t *arguments;
        const uint8_t *digest;
        bool can_ask;    /* the client can ask its person */
        bool is_counted; /* it was counted when somebody was asked about it */
        enum mcp_answer answer;
        unsigned calls; /* under way, this one among them */
        uint64_t now_ms;
};

enum mcp_verdict_what {
        MCP_RUN,    /* by: who or what has decided; grant: by which approval, 0: by none */
        MCP_ASK,    /* the client, `lasting` as of mcp_request_ask() */
        MCP_WAIT,   /* somebody elsewhere; waiting: his number */
        MCP_REFUSE, /* code and text say why */
};

struct mcp_verdict {
        enum mcp_verdict_what what;
        const char *by; /* "policy", "client", "terminal", "page", "quota" */
        uint32_t grant, waiting;
        const char *code, *text;
};

/* 0; -ENOMEM. policy is borrowed. */
int mcp_gate_init(struct mcp_gate *g, const struct mcp_policy *policy) CAPNP_MUST_USE;
void mcp_gate_deinit(struct mcp_gate *g);
/* Counts a call, of which `calls` and `now_ms` are looked at. false: there is no room for it. */
bool mcp_gate_count(struct mcp_gate *g, const struct mcp_case *c, struct mcp_verdict *ret);
/* Counts it, and judges it. */
void mcp_gate_judge(struct mcp_gate *g, const struct mcp_case *c, struct mcp_verdict *ret);
/* What waits, by its number; NULL: it does not. */
struct mcp_waiting *mcp_gate_waiting(struct mcp_gate *g, uint32_t number);
/* Somebody elsewhere has decided; by: where, a constant. false: that does not wait any more. */
bool mcp_gate_answer(struct mcp_gate *g, uint32_t number, enum mcp_answer a, const char *by,
                     uint64_t now_ms);
/* The session has ended: nothing is approved, and nothing waits. */
void mcp_gate_clear(struct mcp_gate *g);

#endif
