/*
 * The process that accepts connections and reads none.
 *
 * A connection comes in and gets a number, its event. Two things are needed before it can be given
 * away: an admission socket, which the session manager sends for the event, and an idle worker,
 * which caposd sends. When both are there the worker gets the two sockets, and what remains here is
 * a line in a table: who it is and whether it has a session.
 *
 * Neighbours die. A new session manager is told of every connection that still waits; what an old
 * one has sent for those is void, for nobody is behind it. Connections that were handed over are
 * caposd's affair then: it kills their workers and says so, one by one. When this process dies,
 * caposd tells the next one which workers are connected to whom. Events go on where the clock is,
 * so the numbers of two gateways of one instance never meet.
 *
 * caposd is told of a hand-over before the worker gets it: a worker it knows nothing of could not
 * be killed.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon-log.h"
#include "gateway.h"

enum { PAUSE_MS = 100, LOG_MS = 1000, USER_TIMEOUT_MS = 90 * 1000, ACCEPTS = 64 };

/* ---- a connection --------------------------------------------------------------------------- */

/* Once a second: whoever floods us must not flood the log, too. */
static void gateway_log_drop(struct gateway *g, const struct conn *c)
{
        uint64_t now = capos_io_now_ms();

        g->dropped++;
        if (g->dropped > 1 && now - g->logged_ms < LOG_MS)
                return;

        daemon_log(LOG_WARNING, "too many connections: dropped %s (%u so far)", c->address,
                   g->dropped);
        g->logged_ms = now;
}

static void gateway_drop(struct gateway *g, struct conn *c)
{
        struct packet p = {.type = PACKET_KILL, .worker = c->worker, .event = c->event};

        gateway_log_drop(g, c);
        if (c->state != CONN_WAITING)
                daemon_link_send(&g->caposd, &p, NULL);
        conns_remove(&g->conns, c);
}

static void gateway_announce(struct gateway *g, const struct conn *c)
{
        struct packet p = {.type = PACKET_EVENT,
                           .event = c->event,
                           .transport = TRANSPORT_PLAIN,
                           .source = c->source};

        memcpy(p.address, c->address, sizeof(p.address));
        if (daemon_link_is_open(&g->sessiond))
                daemon_link_send(&g->sessiond, &p, NULL);
}

/* Gives one connection to one worker. Whether that worker took it. */
static bool gateway_hand(struct gateway *g, struct conn *c, const struct idle *i)
{
        struct packet p = {.type = PACKET_WORKER_USED, .worker = i->worker, .event = c->event};
        const int fds[] = {c->client, c->admission};
        int r;

        memcpy(p.address, c->address, sizeof(p.address));
        daemon_link_send(&g->caposd, &p, NULL);
        p = (struct packet){
                .type = PACKET_HANDOFF, .event = c->event, .transport = TRANSPORT_PLAIN};
        r = capos_io_packet_send(i->fd, &p, sizeof(p), fds, 2);
        if (r)
                return false;

        conns_hand(&g->conns, c, i->worker);
        return true;
}

static void idle_free(struct idle *i)
{
        capnp_i_list_remove(&i->link);
        (void)close(i->fd);
        free(i);
}

/* Brings connections that are admitted and workers that are idle together. */
static void gateway_match(struct gateway *g)
{
        struct capnp_i_list *l, *next;

        for (l = g->conns.waiting.next; l != &g->conns.waiting; l = next) {
                struct conn *c = CAPNP_I_OF(l, struct conn, link);
                bool handed = c->admission < 0;

                next = l->next;
                while (!handed && !capnp_i_list_empty(&g->idle)) {
                        struct idle *i = CAPNP_I_OF(g->idle.next, struct idle, link);

                        handed = gateway_hand(g, c, i);
                        idle_free(i);
                }
        }
}

/* ---- accepting ------------------------------------------------------------------------------ */

/* Numbers that grow, also from one gateway to the next: nobody accepts one each nanosecond. */
static uint64_t gateway_event(struct gateway *g)
{
        struct timespec t;
        uint64_t now;

        (void)clock_gettime(CLOCK_BOOTTIME, &t);
        now = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
        g->last_event = now > g->last_event ? now : g->last_event + 1;
        return g->last_event;
}

/* A peer as text, and a socket that notices when it is gone. */
static int client_init(int fd, char address[static CAPOS_IO_ADDRESS_TEXT], struct source *ret_s)
{
        struct capos_io_address a = {.len = sizeof(a.u)};
        const unsigned timeout_ms = USER_TIMEOUT_MS;

        if (getpeername(fd, &a.u.any, &a.len) < 0)
                return -errno;
        if (setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms)) < 0)
                return -errno;

        capos_io_address_format(&a, address);
        *ret_s = source_of_address(&a);
        return 0;
}

/* Takes a client's socket in any case. */
static void gateway_admit(struct gateway *g, int fd)
{
        char address[CAPOS_IO_ADDRESS_TEXT];
        struct conn *c = NULL, *excess;
        uint64_t event = gateway_event(g);
        struct source source;

        if (client_init(fd, address, &source) || conns_add(&g->conns, address, &c)) {
                (void)close(fd); /* it has gone already, or there is no memory for it */
                return;
        }

        c->client = fd;
        c->event = event;
        c->source = source;
        while ((excess = conns_excess(&g->conns)))
                gateway_drop(g, excess);
        c = conns_find(&g->conns, event);
        if (c)
                gateway_announce(g, c);
}

static void gateway_again(struct capos_io_timer *t)
{
        struct gateway *g = CAPNP_I_OF(t, struct gateway, again);

        if (capos_io_watch_set(&g->listener, EPOLLIN))
                capos_io_timer_start(t, PAUSE_MS);
}

static void gateway_accept(struct capos_io_watch *w, uint32_t events)
{
        struct gateway *g = CAPNP_I_OF(w, struct gateway, listener);
        int r = 0, fd;

        (void)events;
        for (unsigned i = 0; !r && i < ACCEPTS; i++) {
                r = capos_io_socket_accept(w->fd, &fd);
                if (!r)
                        gateway_admit(g, fd);
        }
        if (r == CAPOS_IO_E_BUSY) {
                daemon_log(LOG_WARNING, "no descriptor left for a new connection");
                r = capos_io_watch_set(w, 0);
                capos_io_timer_start(&g->again, PAUSE_MS);
        }
        if (r < 0) {
                daemon_log(LOG_ERR, "the listener is broken: %s", capnp_strerror(r));
                g->done = true;
        }
}

/* ---- the session manager -------------------------------------------------------------------- */

static void sessiond_got(struct daemon_link *l, const struct packet *p, const int *fds)
{
        struct gateway *g = CAPNP_I_OF(l, struct gateway, sessiond);
        struct packet bound = {.type = PACKET_WORKER_BOUND, .event = p->event};
        struct conn *c = conns_find(&g->conns, p->event);

        if (p->type == PACKET_ADMISSION && c && c->state == CONN_WAITING && c->admission < 0) {
                c->admission = fds[0];
                gateway_match(g);
                return;
        }

        capos_io_fds_close(fds, packet_fds(p->type));
        if (p->type != PACKET_BOUND || !c || c->state != CONN_HANDED)
                return; /* of a connection that has gone meanwhile */

        conns_bind(&g->conns, c);
        bound.worker = c->worker;
        daemon_link_send(&g->caposd, &bound, NULL);
}

/* caposd will say when there is a new one. */
static void sessiond_closed(struct daemon_link *l)
{
        struct gateway *g = CAPNP_I_OF(l, struct gateway, sessiond);
        struct capnp_i_list *w = &g->conns.waiting;

        for (struct capnp_i_list *i = w->next; i != w; i = i->next) {
                struct conn *c = CAPNP_I_OF(i, struct conn, link);

                if (c->admission >= 0)
                        (void)close(c->admission);
                c->admission = -1;
        }
}

static const struct daemon_link_ops SESSIOND_OPS = {sessiond_got, sessiond_closed};

static void gateway_meet(struct gateway *g, int fd)
{
        struct capnp_i_list *w = &g->conns.waiting;

        if (daemon_link_is_open(&g->sessiond)) {
                daemon_link_deinit(&g->sessiond);
                sessiond_closed(&g->sessiond);
        }
        if (daemon_link_init(&g->sessiond, &g->loop, fd, true, &SESSIOND_OPS)) {
                (void)close(fd);
                g->done = true;
                return;
        }

        for (struct capnp_i_list *i = w->next; i != w; i = i->next)
                gateway_announce(g, CAPNP_I_OF(i, struct conn, link));
}

/* ---- caposd --------------------------------------------------------------------------------- */

static void gateway_worker_ready(struct gateway *g, uint32_t worker, int fd)
{
        struct idle *i = calloc(1, sizeof(*i));

        if (!i) {
                (void)close(fd); /* the worker sees that, and ends */
                return;
        }

        i->worker = worker;
        i->fd = fd;
        capnp_i_list_append(&g->idle, &i->link);
        gateway_match(g);
}

static void gateway_worker_gone(struct gateway *g, const struct packet *p)
{
        struct conn *c = conns_find(&g->conns, p->event);

        for (struct capnp_i_list *l = g->idle.next; l != &g->idle; l = l->next) {
                struct idle *i = CAPNP_I_OF(l, struct idle, link);

                if (i->worker == p->worker) {
                        idle_free(i);
                        break;
                }
        }
        if (c && c->state != CONN_WAITING && c->worker == p->worker)
                conns_remove(&g->conns, c);
}

static void gateway_worker_live(struct gateway *g, const struct packet *p)
{
        struct conn *c;

        if (conns_add(&g->conns, p->address, &c)) {
                g->done = true;
                return;
        }

        c->event = p->event;
        conns_hand(&g->conns, c, p->worker);
        if (p->bound)
                conns_bind(&g->conns, c);
}

static void caposd_got(struct daemon_link *l, const struct packet *p, const int *fds)
{
        struct gateway *g = CAPNP_I_OF(l, struct gateway, caposd);

        switch (p->type) {
        case PACKET_SESSIOND:
                gateway_meet(g, fds[0]);
                break;
        case PACKET_WORKER_READY:
                gateway_worker_ready(g, p->worker, fds[0]);
                break;
        case PACKET_WORKER_GONE:
                gateway_worker_gone(g, p);
                break;
        case PACKET_WORKER_LIVE:
                gateway_worker_live(g, p);
                break;
        default:
                capos_io_fds_close(fds, packet_fds(p->type));
                break;
        }
}

static void caposd_closed(struct daemon_link *l)
{
        CAPNP_I_OF(l, struct gateway, caposd)->done = true;
}

static const struct daemon_link_ops CAPOSD_OPS = {caposd_got, caposd_closed};

/* ---- life ----------------------------------------------------------------------------------- */

int gateway_init(struct gateway *g, int listener, uint32_t max, uint32_t max_fresh)
{
        const struct packet ready = {.type = PACKET_READY};
        int r;

        *g = (struct gateway){0};
        conns_init(&g->conns, max, max_fresh);
        capnp_i_list_init(&g->idle);
        r = capos_io_loop_init(&g->loop);
        if (r)
                return r;

        r = capos_io_timer_init(&g->again, &g->loop, gateway_again);
        if (!r)
                r = daemon_link_init(&g->caposd, &g->loop, LINK_FD, true, &CAPOSD_OPS);
        if (!r)
                r = capos_io_watch_init(&g->listener, &g->loop, listener, EPOLLIN, gateway_accept);
        if (r)
                return r;

        daemon_link_send(&g->caposd, &ready, NULL);
        return 0;
}

int gateway_run(struct gateway *g)
{
        int r = 0;

        while (!r && !g->done)
                r = capos_io_loop_turn(&g->loop, -1);
        return r;
}

void gateway_deinit(struct gateway *g)
{
        while (!capnp_i_list_empty(&g->idle))
                idle_free(CAPNP_I_OF(g->idle.next, struct idle, link));
        conns_deinit(&g->conns);
        capos_io_watch_deinit(&g->listener);
        daemon_link_deinit(&g->sessiond);
        daemon_link_deinit(&g->caposd);
        capos_io_timer_deinit(&g->again);
        capos_io_loop_deinit(&g->loop);
}
