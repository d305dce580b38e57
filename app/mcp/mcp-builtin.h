/* The tools of our own, `capos__…`: about the session and what is held. */
#ifndef CAPOS_MCP_BUILTIN_H
#define CAPOS_MCP_BUILTIN_H

#include "mcp-state.h"

/* Whether a tool is one of these, and not `capos__call`. */
bool mcp_builtin_is(const char *tool);
/* Runs one. Ends the request, now or later. */
void mcp_builtin_begin(struct mcp *m, struct mcp_request *r);
/* How many are listed, `capos__call` left out. */
unsigned mcp_builtin_count(void);
/* All tools as a list has them, sorted: of our own, and the session's. NULL: no memory. */
json_t *mcp_builtin_list(const struct mcp *m);

#endif
