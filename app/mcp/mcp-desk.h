/* Where somebody approves calls, on a path that no client is on: a socket of the user's own. */
#ifndef CAPOS_MCP_DESK_H
#define CAPOS_MCP_DESK_H

#include "mcp-state.h"

#include <capos/capnp-vat.h>

struct mcp_desk {
        struct mcp *m;
        capnp_cap *root;
        capnp_listener *listener;
        char path[108];
};

/* Listens at a path, in a folder that only its user can enter. 0; -errno. */
int mcp_desk_begin(struct mcp_desk *d, struct mcp *m, const char *path) CAPNP_MUST_USE;
/* Zeroed, or begun. */
void mcp_desk_end(struct mcp_desk *d);

#endif
