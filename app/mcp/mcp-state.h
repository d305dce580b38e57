/* One `capos mcp`: what its files share. */
#ifndef CAPOS_MCP_STATE_H
#define CAPOS_MCP_STATE_H

#include "mcp-gate.h"
#include "mcp-handles.h"
#include "mcp-log.h"
#include "mcp-mailbox.h"
#include "mcp-tools.h"

/* A request that waits at a mailbox. */
struct mcp_waiter {
        struct mcp_request *r; /* NULL: this place is free */
        char word[MCP_WORD];
        uint64_t until_ms;
        json_int_t max;
};

struct mcp {
        capnp_vat *vat;
        capos_client *client; /* NULL: there is no session */
        char why_code[64];    /* why there is none, for a model: "no-session" */
        char why[600];
        bool has_desk; /* somebody can approve calls elsewhere */
        struct mcp_policy policy;
        struct mcp_gate gate;
        struct mcp_serve serve;
        struct mcp_tools tools;
        struct mcp_handles handles;
        struct mcp_mailboxes boxes;
        struct mcp_waiter waiters[MCP_REQUESTS];
        struct mcp_log log;
};

/* By a clock that does not go back, in milliseconds; never 0. */
uint64_t mcp_now_ms(void);
/* Notes a step of a request. */
void mcp_note(struct mcp *m, const char *event, const struct mcp_request *r, const char *tool,
              const char *by, const char *code);

#endif
