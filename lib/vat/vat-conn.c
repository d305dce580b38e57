/*
 * A connection: a socket, the core behind it, and how both end.
 *
 * The core tells from inside any API call that something has changed; all that is done then is to
 * put the connection's task on the loop's list. The task, conn_settle(), runs at the end of the
 * round and is the one place where state follows from what the core says: it sends, starts and
 * stops reading, closes, tells, frees.
 *
 * The end. Whoever ends a connection (we, the peer, a lost socket), the core empties its tables at
 * once. If the socket still works, what is queued is sent, an abort above all; then our side is
 * shut, and the peer's input is read and thrown away until it ends its side as well: closing a TCP
 * socket that has unread input resets it, and the peer could lose the abort. All of this together
 * has one second. Then the socket is closed, the program is told, and the memory goes when the
 * program has dropped its reference, too.
 *
 * A connection that nobody can use any more ends by itself: the program holds no reference to it,
 * it has no bootstrap object that the peer might still ask for, and all four tables are empty.
 */
#include "vat-filter.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

enum { END_WRITES = 64 };

static void conn_settle(struct capos_io_task *t);
static void conn_on_timer(struct capos_io_timer *t);
static void conn_on_event(struct capos_io_watch *w, uint32_t events);

/* ---- life --------------------------------------------------------------------------------- */

static void conn_on_dirty(void *self)
{
        capnp_i_conn_note(self);
}

static void conn_on_idle(void *self)
{
        capnp_conn *c = self;

        c->maybe_idle = true;
        capnp_i_conn_note(c);
}

static const struct capnp_i_owner conn_owner = {.dirty = conn_on_dirty, .idle = conn_on_idle};

int capnp_i_conn_make(struct vat_io *io, int fd, const struct capnp_limits *l, capnp_cap *bootstrap,
                      capnp_conn **ret_c)
{
        capnp_conn *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;

        r = capos_io_timer_init(&c->timer, &io->loop, conn_on_timer);
        if (!r)
                r = capnp_rpc_new(io->vat, l, bootstrap, &c->rpc);
        if (r) {
                capos_io_timer_deinit(&c->timer);
                free(c);
                return r;
        }

        c->io = io;
        c->fd = fd;
        c->number = ++io->last_number;
        capos_io_task_init(&c->settle, conn_settle);
        capnp_i_list_init(&c->link);
        capnp_i_list_append(&io->conns, &c->link);
        capnp_i_rpc_set_owner(c->rpc, &conn_owner, c);
        if (io->tracing)
                capnp_i_trace_start(c);
        *ret_c = c;
        return 0;
}

static void conn_close_socket(capnp_conn *c)
{
        capos_io_watch_deinit(&c->watch);
        if (c->fd >= 0)
                (void)close(c->fd);
        c->fd = -1;
}

static void conn_forget_attempt(capnp_conn *c)
{
        free(c->attempt);
        c->attempt = NULL;
}

/* Everything but the struct itself. */
static void conn_deinit(capnp_conn *c)
{
        conn_close_socket(c);
        conn_forget_attempt(c);
        capnp_i_filter_free(c);
        capos_io_timer_deinit(&c->timer);
        capos_io_task_deinit(&c->settle);
        capnp_i_list_remove(&c->link);
        capnp_i_rpc_set_owner(c->rpc, NULL, NULL);
        c->rpc = capnp_rpc_free(c->rpc);
        c->io = NULL;
}

void capnp_i_conn_discard(capnp_conn *c)
{
        conn_deinit(c);
        free(c);
}

int capnp_i_conn_watch(capnp_conn *c, uint32_t events)
{
        return capos_io_watch_init(&c->watch, &c->io->loop, c->fd, events, conn_on_event);
}

/* ---- state -------------------------------------------------------------------------------- */

static void conn_move(capnp_conn *c, enum conn_state to)
{
        static const uint8_t may[] = {
                [CONN_CONNECTING] = 1 << CONN_OPEN | 1 << CONN_CLOSED,
                [CONN_OPEN] = 1 << CONN_CLOSING | 1 << CONN_CLOSED,
                [CONN_CLOSING] = 1 << CONN_LINGERING | 1 << CONN_CLOSED,
                [CONN_LINGERING] = 1 << CONN_CLOSED,
                [CONN_CLOSED] = 0,
        };

        assert(may[c->state] & 1 << to);
        c->state = to;
}

void capnp_i_conn_set_open(capnp_conn *c)
{
        conn_forget_attempt(c);
        conn_move(c, CONN_OPEN);
        capnp_i_conn_note(c);
}

static void conn_set_closed(capnp_conn *c)
{
        conn_close_socket(c);
        conn_forget_attempt(c);
        capos_io_timer_stop(&c->timer);
        if (c->state != CONN_CLOSED)
                conn_move(c, CONN_CLOSED);
        capnp_i_conn_note(c);
}

void capnp_i_conn_break(capnp_conn *c, const char *what, int error)
{
        char reason[256];

        snprintf(reason, sizeof(reason), "%s: %s", what, capnp_strerror(error));
        capnp_i_rpc_lost(c->rpc, reason);
        conn_set_closed(c);
}

static void conn_set_closing(capnp_conn *c)
{
        if (c->state == CONN_CONNECTING) {
                conn_set_closed(c);
                return;
        }
        conn_move(c, CONN_CLOSING);
        capos_io_timer_start(&c->timer, CLOSE_MS);
}

static bool conn_is_unused(capnp_conn *c)
{
        struct capnp_rpc_counts n;

        if (!c->maybe_idle)
                return false;

        c->maybe_idle = false;
        if (c->held || !c->ends_idle || c->left)
                return false;

        capnp_rpc_count(c->rpc, &n);
        return n.questions + n.answers + n.exports + n.imports + n.embargoes == 0;
}

/* Whether the socket is to be read. What a filter has is first, and it is read by conn_read_on().
 */
static bool conn_wants_input(const capnp_conn *c)
{
        return capnp_rpc_wants_input(c->rpc) && !(c->filter && capnp_i_filter_is_full(c));
}

/* What is watched for follows from the state alone. */
static uint32_t conn_events(const capnp_conn *c)
{
        uint32_t out = c->short_refs ? 0 : EPOLLOUT;

        switch (c->state) {
        case CONN_CONNECTING:
                return EPOLLOUT;
        case CONN_OPEN:
                return (conn_wants_input(c) ? EPOLLIN : 0) | (c->blocked ? out : 0);
        case CONN_CLOSING:
                return out;
        case CONN_LINGERING:
                return EPOLLIN;
        case CONN_CLOSED:
                return 0;
        }
        return 0;
}

/* ---- the end of a round ------------------------------------------------------------------- */

/* As nearly every one is whenever it is looked at: bytes come and go, and that is all. */
static inline bool conn_flows(const capnp_conn *c)
{
        return c->state == CONN_OPEN && !c->filter && !c->blocked && !c->left && !c->paused &&
               !c->maybe_idle && capnp_i_rpc_flows(c->rpc);
}

static void conn_has_read(capnp_conn *c, int r)
{
        if (r)
                capnp_i_conn_break(c, "read", r);
}

static void conn_read(capnp_conn *c)
{
        conn_has_read(c, capnp_i_stream_read(c));
}

/* It could not be written to. */
static void conn_send_failed(capnp_conn *c, int r)
{
        /* What the peer sent before it went may say why. */
        if (c->state == CONN_OPEN) {
                conn_read(c);
                c->blocked = !capnp_i_stream_end_counts(c);
                if (c->blocked)
                        return;
        }
        if (c->state != CONN_CLOSED)
                capnp_i_conn_break(c, "write", r);
}

static void conn_send(capnp_conn *c)
{
        int r = capnp_i_stream_write(c);

        if (r)
                conn_send_failed(c, r);
}

static void conn_linger(capnp_conn *c)
{
        struct iovec v;

        if (c->blocked || capnp_rpc_out_peek(c->rpc, &v, 1, NULL, NULL) > 0 ||
            !capnp_i_filter_is_drained(c))
                return;
        if (c->peer_ended || shutdown(c->fd, SHUT_WR) < 0) {
                conn_set_closed(c);
                return;
        }
        conn_move(c, CONN_LINGERING);
}

/* No event tells of bytes that have been read already. While the kernel takes no output a filter
 * may be unable to go on, and there will be an event when it can. */
static void conn_read_on(capnp_conn *c)
{
        if (c->left && c->state == CONN_OPEN)
                capnp_i_stream_turn(c);
        if (c->filter && c->state == CONN_OPEN && !c->blocked && capnp_i_filter_is_full(c) &&
            capnp_rpc_wants_input(c->rpc))
                conn_read(c);
}

/* A pause that nothing but time would end is ended by time. */
static void conn_pause(capnp_conn *c)
{
        bool paused = c->state == CONN_OPEN && capnp_i_rpc_is_paused(c->rpc);

        if (paused && !c->paused) {
                c->progress = capnp_i_rpc_progress(c->rpc);
                capos_io_timer_start(&c->timer, READ_PAUSE_MS);
        } else if (!paused && c->paused && c->state == CONN_OPEN) {
                capos_io_timer_stop(&c->timer);
        }
        c->paused = paused;
}

/* The program may drop its reference when it is told. */
static void conn_tell(capnp_conn *c)
{
        if (!c->closed || c->told)
                return;

        c->told = true;
        c->closed(c, c->closed_arg);
}

static void conn_settle_any(capnp_conn *c)
{
        if (c->state <= CONN_OPEN && conn_is_unused(c))
                capnp_rpc_close(c->rpc, (capnp_exception){CAPNP_DISCONNECTED,
                                                          "nobody uses the connection"});
        if (c->state <= CONN_OPEN && capnp_rpc_is_closed(c->rpc, NULL))
                conn_set_closing(c);
        if (c->state == CONN_OPEN || c->state == CONN_CLOSING)
                conn_send(c);
        if (c->state == CONN_CLOSING)
                conn_linger(c);
        if (c->filter || c->left)
                conn_read_on(c);
        conn_pause(c);
        if (c->watch.loop && capos_io_watch_set(&c->watch, conn_events(c)))
                capnp_i_conn_break(c, "epoll", -ENOMEM);
        if (c->state != CONN_CLOSED)
                return;

        conn_tell(c);
        if (!c->held)
                capnp_i_conn_discard(c);
}

/* To send changes nothing else, if all could be sent. */
static void conn_settle(struct capos_io_task *t)
{
        capnp_conn *c = CAPNP_I_OF(t, capnp_conn, settle);
        int r;

        if (!conn_flows(c)) {
                conn_settle_any(c);
                return;
        }
        r = capnp_i_stream_write_plain(c);
        if (r)
                conn_send_failed(c, r);
        if (r || c->blocked || c->watch.events != EPOLLIN)
                conn_settle_any(c);
}

void capnp_i_conn_end(capnp_conn *c)
{
        bool sends = c->state == CONN_OPEN || c->state == CONN_CLOSING;

        for (unsigned i = 0; sends && !c->blocked && i < END_WRITES; i++)
                sends = capnp_i_stream_write(c) == 0;
        conn_set_closed(c);
        conn_tell(c);
        conn_deinit(c);
        if (!c->held)
                free(c);
}

/* ---- events ------------------------------------------------------------------------------- */

/* The peer has gone while its input was not wanted: writing says so. */
static void conn_hang_up(capnp_conn *c)
{
        c->blocked = c->short_refs = false;
        conn_send(c);
        if (c->state == CONN_OPEN && (c->blocked || c->waits))
                capnp_i_conn_break(c, "write", -EPIPE);
}

static void conn_on_event(struct capos_io_watch *w, uint32_t events)
{
        capnp_conn *c = CAPNP_I_OF(w, capnp_conn, watch);

        if (events == EPOLLIN && conn_flows(c)) {
                conn_has_read(c, capnp_i_stream_read_plain(c));
                return;
        }
        if (c->state == CONN_CONNECTING) {
                c->attempt->on_event(c);
                return;
        }
        if (c->state == CONN_LINGERING) {
                if (!capnp_i_stream_discard(c))
                        conn_set_closed(c);
                return;
        }
        if (events & (EPOLLOUT | EPOLLERR)) {
                c->blocked = c->short_refs = false;
                capnp_i_conn_note(c);
        }
        if (c->state == CONN_OPEN && conn_wants_input(c)) {
                if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                        conn_read(c);
        } else if (events & (EPOLLHUP | EPOLLERR)) {
                conn_hang_up(c);
        }
}

static void conn_on_timer(struct capos_io_timer *t)
{
        capnp_conn *c = CAPNP_I_OF(t, capnp_conn, timer);

        if (c->state == CONN_CONNECTING) {
                c->attempt->on_timer(c);
        } else if (c->state == CONN_OPEN) {
                c->paused = false;
                if (capnp_i_rpc_progress(c->rpc) == c->progress)
                        capnp_i_rpc_read_on(c->rpc);
                capnp_i_conn_note(c);
        } else {
                conn_set_closed(c);
        }
}

/* ---- the program's side ------------------------------------------------------------------- */

int capnp_i_conn_adopt(struct vat_io *io, int fd, const struct capnp_limits *l,
                       capnp_cap *bootstrap, capnp_conn **ret_c)
{
        capnp_conn *c;
        int r;

        r = capos_io_socket_adopt(fd);
        if (r)
                return r;

        r = capnp_i_conn_make(io, fd, l, bootstrap, &c);
        if (r)
                return r;
        if (!capos_io_socket_is_unix(fd))
                capnp_i_rpc_forbid_fds(c->rpc);

        r = capnp_i_conn_watch(c, EPOLLIN);
        if (r) {
                c->fd = -1; /* is the caller's again */
                capnp_i_conn_discard(c);
                return r;
        }

        capnp_i_conn_set_open(c);
        *ret_c = c;
        return 0;
}

int capnp_conn_new(capnp_vat *v, int fd, const struct capnp_limits *l, capnp_cap *bootstrap,
                   capnp_conn **ret_c)
{
        struct vat_io *io;
        capnp_conn *c;
        int r;

        r = capnp_i_vat_io(v, &io);
        if (!r)
                r = capnp_i_conn_adopt(io, fd, l, bootstrap, &c);
        if (r) {
                (void)close(fd);
                return r;
        }

        c->held = true;
        c->ends_idle = !bootstrap;
        *ret_c = c;
        return 0;
}

capnp_conn *capnp_conn_unref(capnp_conn *c)
{
        if (!c)
                return NULL;

        c->held = false;
        if (!c->io) {
                free(c);
                return NULL;
        }
        c->maybe_idle = true;
        capnp_i_conn_note(c);
        return NULL;
}

capnp_rpc *capnp_conn_rpc(capnp_conn *c)
{
        return c->rpc;
}

void capnp_conn_on_close(capnp_conn *c, void (*closed)(capnp_conn *c, void *arg), void *arg)
{
        c->closed = closed;
        c->closed_arg = arg;
        /* It may have ended before anybody asked. */
        if (c->io)
                capnp_i_conn_note(c);
}

void capnp_conn_flush(capnp_conn *c)
{
        if (c->io && (c->state == CONN_OPEN || c->state == CONN_CLOSING))
                (void)!capnp_i_stream_write(c);
}

void capnp_conn_close(capnp_conn *c, capnp_exception why)
{
        if (c->rpc)
                capnp_rpc_close(c->rpc, why);
}
