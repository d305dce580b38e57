/*
 * As the session is spoken to by a browser's WebSocket, so it is by this one: what bounds those
 * bounds this. Bytes go in and out by libwslay's callbacks, when GLib says that they may.
 */
#include "line.h"

#include <errno.h>
#include <glib-unix.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wslay/wslay.h>

enum { MESSAGE = 8 << 20, LOST = 1006 };

struct line {
        int fd;
        const struct line_ops *ops;
        void *arg;
        wslay_event_context_ptr ws;
        guint watch; /* of GLib; 0: none */
        GIOCondition watched;
        unsigned code;
        bool holds, hearing, over;
};

static ssize_t ws_recv(wslay_event_context_ptr ws, uint8_t *to, size_t len, int flags, void *arg)
{
        struct line *l = arg;
        ssize_t n = recv(l->fd, to, len, MSG_DONTWAIT);

        (void)flags;
        if (n > 0 && !l->over)
                return n;
        wslay_event_set_error(ws, n < 0 && (errno == EAGAIN || errno == EINTR)
                                          ? WSLAY_ERR_WOULDBLOCK
                                          : WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
}

static ssize_t ws_send(wslay_event_context_ptr ws, const uint8_t *bytes, size_t len, int flags,
                       void *arg)
{
        struct line *l = arg;
        ssize_t n = send(l->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);

        (void)flags;
        if (n >= 0)
                return n;
        wslay_event_set_error(ws, errno == EAGAIN || errno == EINTR ? WSLAY_ERR_WOULDBLOCK
                                                                    : WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
}

static int ws_mask(wslay_event_context_ptr ws, uint8_t *to, size_t len, void *arg)
{
        (void)ws;
        (void)arg;
        return getrandom(to, len, 0) == (ssize_t)len ? 0 : -1;
}

static void ws_message(wslay_event_context_ptr ws, const struct wslay_event_on_msg_recv_arg *a,
                       void *arg)
{
        struct line *l = arg;

        (void)ws;
        if (a->opcode == WSLAY_CONNECTION_CLOSE)
                l->code = a->status_code ? a->status_code : LOST;
        else if (a->opcode == WSLAY_TEXT_FRAME)
                l->ops->message(l->arg, (const char *)a->msg, a->msg_length);
}

static const struct wslay_event_callbacks callbacks = {.recv_callback = ws_recv,
                                                       .send_callback = ws_send,
                                                       .genmask_callback = ws_mask,
                                                       .on_msg_recv_callback = ws_message};

/* ---- the loop ------------------------------------------------------------------------------- */

static gboolean line_on_ready(gint fd, GIOCondition c, gpointer arg);

static void line_watch(struct line *l)
{
        GIOCondition want = G_IO_HUP | G_IO_ERR;

        if (!l->holds)
                want |= G_IO_IN;
        if (wslay_event_want_write(l->ws))
                want |= G_IO_OUT;
        if (l->over)
                want = 0;
        if (want == l->watched)
                return;
        if (l->watch)
                (void)g_source_remove(l->watch);
        l->watched = want;
        l->watch = want ? g_unix_fd_add(l->fd, want, line_on_ready, l) : 0;
}

/* Goes on with what there is; a line that is over says so, once, and may be freed by whom it tells.
 */
static void line_go_on(struct line *l, bool hears)
{
        bool bad = false;

        l->hearing = true;
        if (hears)
                bad = wslay_event_recv(l->ws) != 0;
        if (!bad && !l->over)
                bad = wslay_event_send(l->ws) != 0;
        l->hearing = false;
        if (l->over) { /* freed by what it said */
                (void)line_free(l);
                return;
        }
        if (!bad && (wslay_event_want_read(l->ws) || wslay_event_want_write(l->ws))) {
                line_watch(l);
                return;
        }
        l->over = true;
        line_watch(l);
        l->ops->closed(l->arg, l->code);
}

static gboolean line_on_ready(gint fd, GIOCondition c, gpointer arg)
{
        struct line *l = arg;

        (void)fd;
        line_go_on(l, (c & ~(unsigned)G_IO_OUT) != 0);
        return G_SOURCE_CONTINUE;
}

/* ---- life ----------------------------------------------------------------------------------- */

struct line *line_new(int fd, const struct line_ops *ops, void *arg)
{
        struct line *l = calloc(1, sizeof(*l));

        if (!l) {
                (void)close(fd);
                return NULL;
        }
        *l = (struct line){.fd = fd, .ops = ops, .arg = arg, .code = LOST};
        if (wslay_event_context_client_init(&l->ws, &callbacks, l)) {
                l->ws = NULL;
                return line_free(l);
        }
        wslay_event_config_set_max_recv_msg_length(l->ws, MESSAGE);
        line_watch(l);
        return l;
}

void line_send(struct line *l, const char *text, size_t len)
{
        struct wslay_event_msg m = {
                .opcode = WSLAY_TEXT_FRAME, .msg = (const uint8_t *)text, .msg_length = len};

        if (l->over || wslay_event_queue_msg(l->ws, &m))
                return;
        if (!l->hearing)
                line_watch(l);
}

void line_hold(struct line *l, bool holds)
{
        l->holds = holds;
        if (!l->hearing)
                line_watch(l);
}

struct line *line_free(struct line *l)
{
        if (!l)
                return NULL;
        if (l->hearing) { /* when it is done */
                l->over = true;
                return NULL;
        }
        if (l->watch)
                (void)g_source_remove(l->watch);
        if (l->ws)
                wslay_event_context_free(l->ws);
        (void)close(l->fd);
        free(l);
        return NULL;
}
