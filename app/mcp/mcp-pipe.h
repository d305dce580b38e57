/* Standard input and output: lines in, lines out. */
#ifndef CAPOS_MCP_PIPE_H
#define CAPOS_MCP_PIPE_H

#include "mcp-line.h"

#include <capos/capnp-vat.h>

struct mcp_pipe_ops {
        void (*line)(void *arg, capnp_text line);
        void (*lost)(void *arg);  /* a line was too long */
        void (*ended)(void *arg); /* there is nobody to speak to */
};

struct mcp_pipe {
        const struct mcp_pipe_ops *ops;
        void *arg;
        capnp_vat *vat;
        int in, out, parent;
        capnp_watch *on_in, *on_out, *on_parent;
        capnp_timer *again; /* in is a file, which is read a piece at a time */
        struct mcp_line line;
        char *queue;
        size_t at, len, room; /* of what waits to be written */
        bool is_over;
};

/* Begins to read. 0; -errno. */
int mcp_pipe_begin(struct mcp_pipe *p, capnp_vat *vat, const struct mcp_pipe_ops *ops,
                   void *arg) CAPNP_MUST_USE;
/* Sends a line, which has no newline. */
void mcp_pipe_send(struct mcp_pipe *p, const char *line);
/* Whether so much waits to be written that nothing should be added which nobody has asked for. */
bool mcp_pipe_is_full(const struct mcp_pipe *p);
void mcp_pipe_end(struct mcp_pipe *p);

#endif
