/*
 * A WebSocket by libwslay, which does no I/O: bytes go in and out by callbacks.
 *
 * Its bounds: a frame, a message, frames in a second (of any kind, so that a flood of fragments or
 * pings counts too), bytes that wait to go out, how long none of them moves, and whether anybody
 * answers a ping (while bytes wait, it would stand behind them). Whoever goes beyond one is closed;
 * the process has others to serve. Who reads, however slowly, is not.
 *
 * A tab ends at the end of a turn, never in the middle of what it calls: it is marked, and a timer
 * of no length takes it away.
 */
#include "tab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <wslay/wslay.h>

enum {
        FRAMES_PER_S = 200,
        FRAMES_AT_ONCE = 400,
        PING_MS = 20 * 1000,
        PINGS_MISSED = 2,
        STALL_MS = 10 * 1000,
        CLOSE_MS = 2000,
        KERNEL_BYTES = 64 * 1024, /* what the kernel may keep for who does not read: a third of
                                     what it makes of that has to be read before more may go out */
        TICK_MS = 1000,
};

struct tab {
        capnp_vat *vat;
        int fd;
        const struct tab_ops *ops;
        void *arg;
        struct packet_socket came;
        uint32_t early_at;
        wslay_event_context_ptr ws;
        capnp_watch *watch;
        uint32_t watched;
        capnp_timer *tick, *soon;
        uint64_t frames_ms, moved_ms, pinged_ms, closing_ms;
        unsigned frames_left, pings;
        bool hearing;  /* wslay is at work: what is queued goes out when it is done */
        bool closing;  /* nothing is heard any more */
        bool draining; /* … nor said: what still comes is read, so that the last words arrive */
        bool over;
};

static uint64_t now_ms(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_BOOTTIME, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void tab_on_soon(void *arg)
{
        struct tab *t = arg;

        t->soon = NULL;
        t->ops->closed(t->arg, t);
        (void)tab_free(t);
}

static void tab_end(struct tab *t)
{
        if (t->over)
                return;
        t->over = t->closing = true;
        t->watch = capnp_watch_free(t->watch);
        if (capnp_timer_new(t->vat, 0, tab_on_soon, t, &t->soon))
                t->soon = NULL; /* the tick does it */
}

/* ---- what wslay asks for -------------------------------------------------------------------- */

static ssize_t ws_recv(wslay_event_context_ptr ws, uint8_t *to, size_t len, int flags, void *arg)
{
        struct tab *t = arg;
        size_t early = t->came.len - t->early_at;
        ssize_t n;

        (void)flags;
        if (early) {
                n = (ssize_t)(early < len ? early : len);
                memcpy(to, t->came.early + t->early_at, (size_t)n);
                t->early_at += (uint32_t)n;
                return n;
        }
        n = recv(t->fd, to, len, MSG_DONTWAIT);
        if (n > 0)
                return n;
        wslay_event_set_error(ws, n < 0 && (errno == EAGAIN || errno == EINTR)
                                          ? WSLAY_ERR_WOULDBLOCK
                                          : WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
}

static ssize_t ws_send(wslay_event_context_ptr ws, const uint8_t *bytes, size_t len, int flags,
                       void *arg)
{
        struct tab *t = arg;
        ssize_t n = send(t->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);

        (void)flags;
        if (n >= 0) {
                t->moved_ms = now_ms();
                return n;
        }
        wslay_event_set_error(ws, errno == EAGAIN || errno == EINTR ? WSLAY_ERR_WOULDBLOCK
                                                                    : WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
}

static bool tab_may_frame(struct tab *t)
{
        uint64_t now = now_ms(), more = (now - t->frames_ms) * FRAMES_PER_S / 1000;

        if (more) {
                t->frames_left = more > FRAMES_AT_ONCE - t->frames_left
                                         ? FRAMES_AT_ONCE
                                         : t->frames_left + (unsigned)more;
                t->frames_ms = now;
        }
        if (!t->frames_left)
                return false;
        t->frames_left--;
        return true;
}

static void ws_frame(wslay_event_context_ptr ws,
                     const struct wslay_event_on_frame_recv_start_arg *a, void *arg)
{
        struct tab *t = arg;

        (void)ws;
        if (a->payload_length > TAB_FRAME)
                tab_close(t, TAB_TOO_LARGE, "a frame is too large");
        else if (!tab_may_frame(t))
                tab_close(t, TAB_POLICY, "too many frames");
}

static void ws_message(wslay_event_context_ptr ws, const struct wslay_event_on_msg_recv_arg *a,
                       void *arg)
{
        struct tab *t = arg;

        (void)ws;
        if (a->opcode == WSLAY_PONG)
                t->pings = 0;
        else if (a->opcode == WSLAY_BINARY_FRAME)
                tab_close(t, TAB_POLICY, "text is spoken here");
        else if (a->opcode == WSLAY_TEXT_FRAME && !t->closing)
                t->ops->message(t->arg, t, (const char *)a->msg, a->msg_length);
}

static const struct wslay_event_callbacks callbacks = {.recv_callback = ws_recv,
                                                       .send_callback = ws_send,
                                                       .on_frame_recv_start_callback = ws_frame,
                                                       .on_msg_recv_callback = ws_message};

/* ---- the loop ------------------------------------------------------------------------------- */

static void tab_on_ready(void *arg, uint32_t events);

static void tab_drain(struct tab *t)
{
        char bytes[16 * 1024];
        ssize_t n = recv(t->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

        if (!n || (n < 0 && errno != EAGAIN && errno != EINTR))
                tab_end(t);
}

/* Sends what can be sent, and waits for what has to be waited for. */
static void tab_flush(struct tab *t)
{
        uint32_t events = EPOLLIN;

        if (t->over || t->hearing || t->draining)
                return;
        if (wslay_event_want_write(t->ws) && wslay_event_send(t->ws)) {
                tab_end(t);
                return;
        }
        if (wslay_event_get_queued_msg_length(t->ws) > TAB_QUEUE) {
                tab_end(t); /* 1013 would have to wait behind all of it */
                return;
        }
        if (!wslay_event_want_read(t->ws) && !wslay_event_want_write(t->ws)) {
                t->closing = t->draining = true;
                t->closing_ms = now_ms();
                (void)shutdown(t->fd, SHUT_WR);
        }
        if (!t->draining && wslay_event_want_write(t->ws))
                events |= EPOLLOUT;
        if (events == t->watched)
                return;
        t->watch = capnp_watch_free(t->watch);
        t->watched = events;
        if (capnp_watch_new(t->vat, t->fd, events, tab_on_ready, t, &t->watch))
                tab_end(t);
}

static void tab_hear(struct tab *t)
{
        int r;

        if (t->draining) {
                tab_drain(t);
                return;
        }
        t->hearing = true;
        r = wslay_event_recv(t->ws);
        t->hearing = false;
        if (r)
                tab_end(t);
}

static void tab_on_ready(void *arg, uint32_t events)
{
        struct tab *t = arg;

        if (!t->over && (events & ~(uint32_t)EPOLLOUT))
                tab_hear(t);
        tab_flush(t);
}

static void tab_on_tick(void *arg)
{
        static const struct wslay_event_msg ping = {.opcode = WSLAY_PING};
        uint64_t now = now_ms();
        struct tab *t = arg;

        t->tick = NULL;
        if (t->over) {
                if (!t->soon)
                        tab_on_soon(t);
                return;
        }
        if (t->early_at < t->came.len)
                tab_hear(t);
        if (!wslay_event_want_write(t->ws))
                t->moved_ms = now;
        if (now - t->moved_ms > STALL_MS || (t->closing && now - t->closing_ms > CLOSE_MS))
                tab_end(t);
        else if (!t->closing && now - t->pinged_ms > PING_MS && !wslay_event_want_write(t->ws)) {
                t->pinged_ms = now;
                if (t->pings++ == PINGS_MISSED || wslay_event_queue_msg(t->ws, &ping))
                        tab_end(t);
        }
        tab_flush(t);
        if (capnp_timer_new(t->vat, TICK_MS, tab_on_tick, t, &t->tick))
                tab_end(t);
}

/* ---- life ----------------------------------------------------------------------------------- */

int tab_new(capnp_vat *v, int fd, const struct packet_socket *p, const struct tab_ops *ops,
            void *arg, struct tab **ret_t)
{
        struct tab *t = calloc(1, sizeof(*t));
        int bytes = KERNEL_BYTES, r;

        if (!t) {
                (void)close(fd);
                return -ENOMEM;
        }
        *t = (struct tab){.vat = v, .fd = fd, .ops = ops, .arg = arg, .came = *p};
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
        t->frames_ms = t->moved_ms = t->pinged_ms = now_ms();
        t->frames_left = FRAMES_AT_ONCE;
        t->watched = EPOLLIN;
        r = wslay_event_context_server_init(&t->ws, &callbacks, t) ? -ENOMEM : 0;
        if (r)
                t->ws = NULL; /* wslay leaves one there that is freed */
        else {
                wslay_event_config_set_max_recv_msg_length(t->ws, TAB_MESSAGE);
                r = capnp_watch_new(v, fd, EPOLLIN, tab_on_ready, t, &t->watch);
        }
        if (!r)
                r = capnp_timer_new(v, TICK_MS, tab_on_tick, t, &t->tick);
        if (!r && p->len) { /* bytes that came with the handshake are heard in the next turn */
                t->tick = capnp_timer_free(t->tick);
                r = capnp_timer_new(v, 0, tab_on_tick, t, &t->tick);
        }
        if (r) {
                (void)tab_free(t);
                return r;
        }
        *ret_t = t;
        return 0;
}

struct tab *tab_free(struct tab *t)
{
        if (!t)
                return NULL;
        t->watch = capnp_watch_free(t->watch);
        t->tick = capnp_timer_free(t->tick);
        t->soon = capnp_timer_free(t->soon);
        if (t->ws)
                wslay_event_context_free(t->ws);
        (void)close(t->fd);
        explicit_bzero(t, sizeof(*t));
        free(t);
        return NULL;
}

void tab_send(struct tab *t, const char *text, size_t len)
{
        struct wslay_event_msg m = {
                .opcode = WSLAY_TEXT_FRAME, .msg = (const uint8_t *)text, .msg_length = len};

        if (t->closing)
                return;
        if (wslay_event_queue_msg(t->ws, &m))
                tab_end(t);
        else
                tab_flush(t);
}

size_t tab_queued(const struct tab *t)
{
        return wslay_event_get_queued_msg_length(t->ws);
}

void tab_close(struct tab *t, unsigned code, const char *why)
{
        if (t->closing)
                return;
        t->closing = true;
        t->closing_ms = now_ms();
        wslay_event_shutdown_read(t->ws);
        if (wslay_event_queue_close(t->ws, (uint16_t)code, (const uint8_t *)why, strlen(why)))
                tab_end(t);
        else
                tab_flush(t);
}

const uint8_t *tab_cookie(const struct tab *t)
{
        return t->came.cookie;
}
