/*
 * The line reader: messages are lines, and who writes them is believed nothing.
 *
 * A line ends with a newline; a carriage return before it is no part of it. What stands before the
 * end of the input without a newline was cut off, and is no message. A line that is too long costs
 * its bound and no more: the rest is let go as it comes, and said once. The memory for a line grows
 * with it, and what a long one took is given back with the next.
 */
#include "mcp-line.h"

#include <stdlib.h>
#include <string.h>

enum { LINE_KEPT = 64 * 1024, LINE_FIRST = 4096 };

/* Room for so many bytes and a NUL. */
static bool line_grow(struct mcp_line *l, size_t len)
{
        size_t room = l->room ? l->room : LINE_FIRST;
        char *p;

        if (len < l->room)
                return true;
        while (room <= len)
                room *= 2;
        p = realloc(l->p, room);
        if (!p)
                return false;
        l->p = p;
        l->room = room;
        return true;
}

static void line_add(struct mcp_line *l, const char *p, size_t len)
{
        /* One more, for the carriage return of a line that is just as long as it may be. */
        l->lost = l->lost || len > MCP_LINE_BYTES + 1 - l->len || !line_grow(l, l->len + len);
        if (l->lost)
                return;
        if (len)
                memcpy(l->p + l->len, p, len);
        l->len += len;
}

static void line_begin(struct mcp_line *l)
{
        if (l->len || l->lost || l->room <= LINE_KEPT)
                return;
        free(l->p);
        l->p = NULL;
        l->room = 0;
}

static enum mcp_line_end line_end(struct mcp_line *l, capnp_text *ret_line)
{
        bool lost = l->lost;

        if (!lost && l->len && l->p[l->len - 1] == '\r')
                l->len--;
        lost = lost || l->len > MCP_LINE_BYTES;
        if (!lost) {
                l->p[l->len] = 0;
                *ret_line = (capnp_text){l->p, (uint32_t)l->len};
        }
        l->len = 0;
        l->lost = false;
        return lost ? MCP_LINE_LOST : MCP_LINE_ONE;
}

enum mcp_line_end mcp_line_take(struct mcp_line *l, const char *p, size_t len, size_t *at,
                                capnp_text *ret_line)
{
        const char *end = memchr(p + *at, '\n', len - *at);
        size_t n = end ? (size_t)(end - p) - *at : len - *at;

        line_begin(l);
        line_add(l, p + *at, n);
        *at += n + (end ? 1 : 0);
        return end ? line_end(l, ret_line) : MCP_LINE_NONE;
}

void mcp_line_deinit(struct mcp_line *l)
{
        free(l->p);
        *l = (struct mcp_line){0};
}
