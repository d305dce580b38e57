/* `capos__events`: what has come to a mailbox, waited for. */
#ifndef CAPOS_MCP_EVENTS_H
#define CAPOS_MCP_EVENTS_H

#include "mcp-state.h"

/* Begins to answer a request. Ends it, now or later. */
void mcp_events_begin(struct mcp *m, struct mcp_request *r);
/* Nobody waits any more. */
void mcp_events_cancel(struct mcp *m, const struct mcp_request *r);
/* Time has passed, or something has happened to a mailbox: who has waited long enough for it is
 * answered. Returns whether somebody still waits. */
bool mcp_events_look(struct mcp *m, uint64_t now_ms);

#endif
