/* Calls of methods for a model, from their judgement to their end. */
#ifndef CAPOS_MCP_CALL_H
#define CAPOS_MCP_CALL_H

#include "mcp-state.h"

/* Begins a call of a request, or goes on with it. Ends the request, now or later. */
void mcp_call_begin(struct mcp *m, struct mcp_request *r, enum mcp_answer a);
/* Nobody waits for it any more: what runs at a service is cancelled. r->call may be NULL. */
void mcp_call_cancel(struct mcp *m, struct mcp_request *r);
/* Somebody elsewhere has decided: the call that waits under this number is judged anew, and with a
 * tool each that waits of that. */
void mcp_calls_answered(struct mcp *m, uint32_t waiting, const char *tool);
/* Those of tools that a pattern fits, and that run by an approval, end: it was taken back. How
 * many.
 */
unsigned mcp_calls_revoked(struct mcp *m, const char *pattern);
/* All of them end: the session has. */
void mcp_calls_end(struct mcp *m, const char *code, const char *text);
/* Time has passed: those that have waited for somebody long enough end. */
void mcp_calls_tick(struct mcp *m, uint64_t now_ms);

#endif
