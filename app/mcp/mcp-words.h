/* How references are written and read in JSON: by handles and mailboxes. */
#ifndef CAPOS_MCP_WORDS_H
#define CAPOS_MCP_WORDS_H

#include "mcp-state.h"

enum { MCP_MADE = 8 }; /* mailboxes of one call */

/* What one call, or one event, writes and reads. */
struct mcp_words {
        struct mcp *m;
        char root[MCP_ROOT];                 /* where what comes back comes from */
        char handles[MCP_HANDLES][MCP_WORD]; /* that were made */
        char boxes[MCP_MADE][MCP_WORD];      /* likewise, in the order of their making */
        uint64_t box_interfaces[MCP_MADE];
        capnp_cap *given[MCP_HANDLES]; /* of the bundle, while it is read */
        unsigned nhandles, nboxes, ngiven;
};

void mcp_words_init(struct mcp_words *w, struct mcp *m, const char *root);
/* For capnp_dynamic_call() and its like; w lives as long. */
struct capnp_dynamic_opts mcp_words_opts(struct mcp_words *w);
/* What was taken for the time of reading is let go. */
void mcp_words_read(struct mcp_words *w);
/* Takes back what was made: nobody was told of it. */
void mcp_words_undo(struct mcp_words *w);

#endif
