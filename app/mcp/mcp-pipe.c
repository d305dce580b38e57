/*
 * What is spoken to the host goes over standard input and output, and nothing else does: descriptor
 * 1 is put aside at the start, and standard error takes its place, so that a library that prints
 * cannot break a message.
 *
 * Nothing here waits. A host that does not read is not read from either, until it does: what
 * waits for it is bounded by that, and notifications that nobody has asked for are left out. It is
 * over when the input ends, when nobody reads, and when the process that has started this one ends
 * without having closed anything.
 */
#include "mcp-pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
        READ_BYTES = 64 * 1024,
        WRITE_BYTES = 4096, /* what a pipe or socket that can be written to always takes */
        QUEUE_FULL = 4 * 1024 * 1024,
        QUEUE_FIRST = 16 * 1024,
};

static void pipe_on_in(void *arg, uint32_t events);
static void pipe_on_out(void *arg, uint32_t events);

static void pipe_over(struct mcp_pipe *p)
{
        if (p->is_over)
                return;
        p->is_over = true;
        p->ops->ended(p->arg);
}

/* ---- in -------------------------------------------------------------------------------------- */

static void pipe_on_again(void *arg)
{
        struct mcp_pipe *p = arg;

        p->again = NULL;
        pipe_on_in(p, EPOLLIN);
}

/* Goes on to read. A file is always ready, and cannot be watched. */
static int pipe_listen(struct mcp_pipe *p)
{
        int r;

        if (p->on_in || p->again || p->is_over)
                return 0;
        r = capnp_watch_new(p->vat, p->in, EPOLLIN, pipe_on_in, p, &p->on_in);
        return r == -EPERM ? capnp_timer_new(p->vat, 1, pipe_on_again, p, &p->again) : r;
}

static void pipe_on_in(void *arg, uint32_t events)
{
        struct mcp_pipe *p = arg;
        char bytes[READ_BYTES];
        capnp_text line;
        size_t at = 0;
        ssize_t n = read(p->in, bytes, sizeof(bytes));

        (void)events;
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
                n = 0;
        else if (n <= 0)
                pipe_over(p);
        while (n > 0 && at < (size_t)n && !p->is_over)
                switch (mcp_line_take(&p->line, bytes, (size_t)n, &at, &line)) {
                case MCP_LINE_ONE:
                        p->ops->line(p->arg, line);
                        break;
                case MCP_LINE_LOST:
                        p->ops->lost(p->arg);
                        break;
                case MCP_LINE_NONE:
                        break;
                }
        if (mcp_pipe_is_full(p))
                p->on_in = capnp_watch_free(p->on_in);
        else if (pipe_listen(p))
                pipe_over(p);
}

/* ---- out ------------------------------------------------------------------------------------- */

bool mcp_pipe_is_full(const struct mcp_pipe *p)
{
        return p->len - p->at >= QUEUE_FULL;
}

/* Writes as much as is taken now. */
static void pipe_write(struct mcp_pipe *p)
{
        struct pollfd ready = {.fd = p->out, .events = POLLOUT};

        while (p->at < p->len && poll(&ready, 1, 0) > 0) {
                size_t len = p->len - p->at;
                ssize_t n = write(p->out, p->queue + p->at, len < WRITE_BYTES ? len : WRITE_BYTES);

                if (n < 0 && errno != EINTR && errno != EAGAIN) {
                        pipe_over(p);
                        return;
                }
                p->at += n > 0 ? (size_t)n : 0;
        }
        if (p->at == p->len)
                p->at = p->len = 0;
}

/* Has the rest written when there is room, or no more. */
static void pipe_flush(struct mcp_pipe *p)
{
        int r = 0;

        pipe_write(p);
        if (!p->len)
                p->on_out = capnp_watch_free(p->on_out);
        else if (!p->on_out && !p->is_over)
                r = capnp_watch_new(p->vat, p->out, EPOLLOUT, pipe_on_out, p, &p->on_out);
        if (r || (!mcp_pipe_is_full(p) && pipe_listen(p)))
                pipe_over(p);
}

static void pipe_on_out(void *arg, uint32_t events)
{
        (void)events;
        pipe_flush(arg);
}

static bool queue_grow(struct mcp_pipe *p, size_t more)
{
        size_t room = p->room ? p->room : QUEUE_FIRST;
        char *q;

        /* Moved when most of it was written, so each byte is moved once at most. */
        if (p->at > p->len - p->at) {
                memmove(p->queue, p->queue + p->at, p->len - p->at);
                p->len -= p->at;
                p->at = 0;
        }
        while (room < p->len + more)
                room *= 2;
        if (room == p->room)
                return true;
        q = realloc(p->queue, room);
        if (!q)
                return false;
        p->queue = q;
        p->room = room;
        return true;
}

void mcp_pipe_send(struct mcp_pipe *p, const char *line)
{
        size_t len = strlen(line);

        if (p->is_over)
                return;
        if (!queue_grow(p, len + 1)) {
                pipe_over(p);
                return;
        }
        memcpy(p->queue + p->len, line, len);
        p->queue[p->len + len] = '\n';
        p->len += len + 1;
        pipe_flush(p);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void pipe_on_parent(void *arg, uint32_t events)
{
        struct mcp_pipe *p = arg;

        (void)events;
        p->on_parent = capnp_watch_free(p->on_parent);
        pipe_over(p);
}

/* Its descriptor may be inherited by others, so the input may not end with it. */
static void pipe_watch_parent(struct mcp_pipe *p)
{
        p->parent = (int)syscall(SYS_pidfd_open, getppid(), 0);
        if (p->parent >= 0)
                (void)!capnp_watch_new(p->vat, p->parent, EPOLLIN, pipe_on_parent, p,
                                       &p->on_parent);
}

int mcp_pipe_begin(struct mcp_pipe *p, capnp_vat *vat, const struct mcp_pipe_ops *ops, void *arg)
{
        *p = (struct mcp_pipe){
                .ops = ops, .arg = arg, .vat = vat, .in = STDIN_FILENO, .out = -1, .parent = -1};
        p->out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        if (p->out < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
                return -errno;
        pipe_watch_parent(p);
        return pipe_listen(p);
}

void mcp_pipe_end(struct mcp_pipe *p)
{
        p->is_over = true;
        p->on_in = capnp_watch_free(p->on_in);
        p->on_out = capnp_watch_free(p->on_out);
        p->on_parent = capnp_watch_free(p->on_parent);
        p->again = capnp_timer_free(p->again);
        if (p->out >= 0)
                (void)close(p->out);
        if (p->parent >= 0)
                (void)close(p->parent);
        mcp_line_deinit(&p->line);
        free(p->queue);
        p->queue = NULL;
}
