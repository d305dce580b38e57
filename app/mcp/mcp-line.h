/* Lines of a stream, whatever pieces it comes in. */
#ifndef CAPOS_MCP_LINE_H
#define CAPOS_MCP_LINE_H

#include <capos/capnp-base.h>

#include <stdbool.h>
#include <stddef.h>

enum { MCP_LINE_BYTES = 1024 * 1024 }; /* of one line, without its end */

/* Zeroed: nothing has come. */
struct mcp_line {
        char *p;
        size_t len, room;
        bool lost; /* it is too long, and let go as it comes */
};

enum mcp_line_end {
        MCP_LINE_NONE, /* all was taken, and no line has ended */
        MCP_LINE_ONE,  /* ret_line is one, with a NUL behind it; until the next call */
        MCP_LINE_LOST, /* one has ended that was longer than MCP_LINE_BYTES, or than memory is */
};

/* Takes from bytes until a line ends. *at is moved behind what was taken. */
enum mcp_line_end mcp_line_take(struct mcp_line *l, const char *p, size_t len, size_t *at,
                                capnp_text *ret_line) CAPNP_MUST_USE;
void mcp_line_deinit(struct mcp_line *l);

#endif
