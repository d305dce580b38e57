/*
 * The process that accepts connections and reads none.
 *
 * A connection comes in and gets a number, its event. Two things are needed before it can be given
 * away: an admission socket, which the session manager sends for the event, and an idle worker,
 * which caposd sends. When both are there the worker gets the two sockets, and what remains here is
 * a line in a table: who it is and what its session is (conns.c).
 *
 * Who comes over TLS while there is no signer waits for one: the session manager says so, and when
 * it is to be told again. When a signer has died since, that is noticed when its socket is used,
 * and the connection is as one that has just come; but a signer that is there and takes it three
 * times not will not take it at all, and it is dropped. What has a worker by then fails.
 *
 * Neighbours die, and links break. A new session manager is told of every connection that still
 * waits; what an old one has sent for those is void, for nobody is behind it. When only the link
 * has broken, caposd is told and makes another. Connections that were handed over are caposd's
 * affair then: it kills their workers and says so, one by one. When this process dies, caposd tells
 * the next one which workers are connected to whom. Events go on where the clock is, so the numbers
 * of two gateways of one instance never meet.
 *
 * caposd is told of a hand-over before the worker gets it: a worker it knows nothing of could not
 * be killed.
 *
 * Whatever is short, no connection waits here for ever: it is dropped when its client goes, and
 * when it has waited as long as a connection may be without a session. And no more of them are
 * announced at once than a session manager can answer, so that one which is slow finds no flood of
 * old news when it comes to.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon-log.h"
#include "gateway.h"

enum {
        PAUSE_MS = 100,
        LOG_MS = 10 * 1000,
        SHORT_LOG_MS = 60 * 1000,
        ACCEPTS = 64,
        ANNOUNCED_MAX = 256, /* connections that the session manager has not answered */
        SIGNER_TRIES = 3,    /* of one connection, by a signer that the session manager has */
};

/* ---- a connection --------------------------------------------------------------------------- */

/* Now and then: whoever floods us must not flood the log, too. */
static void gateway_log_drop(struct gateway *g, const struct conn *c, const char *why)
{
        uint64_t now = capos_io_now_ms();
        char source[SOURCE_TEXT];

        g->dropped++;
        if (g->dropped > 1 && now - g->logged_ms < LOG_MS)
                return;

        source_print(&c->origin->source, source);
        daemon_log(LOG_WARNING, "%s: dropped one from %s (%u dropped so far)", why, source,
                   g->dropped);
        g->logged_ms = now;
}

static void gateway_drop(struct gateway *g, struct conn *c, const char *why)
{
        struct packet p = {.type = PACKET_KILL, .worker = c->worker, .event = c->event};

        gateway_log_drop(g, c, why);
        if (c->handed)
                daemon_link_send(&g->caposd, &p, NULL);
        conns_remove(&g->conns, c);
}

/* Has those go who have no place any more. */
static void gateway_make_room(struct gateway *g)
{
        struct conn *excess;

        while ((excess = conns_excess(&g->conns)))
                gateway_drop(g, excess, "too many connections");
}

static void conn_describe(const struct conn *c, struct packet *p)
{
        p->event = c->event;
        p->transport = c->transport;
        p->source = c->origin->source;
        snprintf(p->address, sizeof(p->address), "%.*s", (int)sizeof(p->address) - 1, c->address);
}

/* Tells the session manager of connections that it does not know. */
static void gateway_announce(struct gateway *g)
{
        struct capnp_i_list *w = &g->conns.waiting;

        for (struct capnp_i_list *l = w->next; l != w && g->announced < ANNOUNCED_MAX;
             l = l->next) {
                struct conn *c = CAPNP_I_OF(l, struct conn, link);
                struct packet p = {.type = PACKET_EVENT};

                if (c->announced || c->later || !daemon_link_is_open(&g->sessiond))
                        continue;
                c->announced = true;
                g->announced++;
                conn_describe(c, &p);
                daemon_link_send(&g->sessiond, &p, NULL);
        }
}

/* Has the time run in which its worker may ask for a signature; before that worker can ask. False:
 * nobody would answer. */
static bool conn_begin(struct conn *c)
{
        const struct sign_begin b = {0};

        if (c->signer >= 0 && !c->begun)
                c->begun = !capos_io_packet_send(c->signer, &b, sizeof(b), NULL, 0);
        return c->signer < 0 || c->begun;
}

/*
 * Gives one connection to one worker; caposd has to know before that one can die of it. 0; -EAGAIN:
 * later, to this very one; -ENOTCONN: not to anybody, for its signer has gone; another value: it
 * did not take it.
 */
static int gateway_hand(struct gateway *g, struct conn *c, struct idle *i)
{
        struct packet p = {.type = PACKET_WORKER_USED, .worker = i->worker};
        const int fds[] = {c->client, c->admission, c->signer};
        int r;

        if (i->event && i->event != c->event) /* which has gone, and this one is known as its */
                return -ESRCH;
        if (!conn_begin(c))
                return -ENOTCONN;

        conn_describe(c, &p);
        if (!i->event)
                daemon_link_send(&g->caposd, &p, NULL);
        i->event = c->event;
        p = (struct packet){.type = c->signer < 0 ? PACKET_HANDOFF : PACKET_HANDOFF_TLS,
                            .event = c->event,
                            .transport = c->transport};
        memcpy(p.nonce, c->nonce, sizeof(p.nonce));
        r = capos_io_packet_send(i->fd, &p, sizeof(p), fds, packet_fds(p.type));
        if (r == -ETOOMANYREFS) {
                capos_io_timer_start(&g->refs, CAPOS_IO_REFS_MS);
                return -EAGAIN;
        }
        if (!r)
                conns_hand(&g->conns, c, i->worker);
        return r;
}

static void idle_free(struct idle *i)
{
        capnp_i_list_remove(&i->link);
        (void)close(i->fd);
        free(i);
}

/* A worker that was promised to a connection which has gone since is nobody's: it ends. */
static void gateway_match_promised(struct gateway *g)
{
        struct capnp_i_list *l, *next;

        for (l = g->idle.next; l != &g->idle; l = next) {
                struct idle *i = CAPNP_I_OF(l, struct idle, link);

                next = l->next;
                if (i->event && !conns_find(&g->conns, i->event))
                        idle_free(i);
        }
}

/* As if it had just come. */
static void conn_anew(struct conn *c)
{
        conn_unadmit(c);
        c->announced = c->later = false;
}

/* Brings connections that are admitted and workers that are idle together. */
static void gateway_match(struct gateway *g)
{
        struct capnp_i_list *l, *next;

        gateway_match_promised(g);
        for (l = g->conns.waiting.next; l != &g->conns.waiting; l = next) {
                struct conn *c = CAPNP_I_OF(l, struct conn, link);
                int r = c->admission < 0 ? 0 : -ENOENT;

                next = l->next;
                while (r && r != -ENOTCONN && !g->refs.place && !capnp_i_list_empty(&g->idle)) {
                        struct idle *i = CAPNP_I_OF(g->idle.next, struct idle, link);

                        r = gateway_hand(g, c, i);
                        if (r != -EAGAIN && r != -ENOTCONN)
                                idle_free(i);
                }
                if (r != -ENOTCONN)
                        continue;
                if (++c->tries < SIGNER_TRIES)
                        conn_anew(c);
                else
                        gateway_drop(g, c, "the signer does not take a connection");
        }
        gateway_announce(g);
}

static void gateway_hand_again(struct capos_io_timer *t)
{
        gateway_match(CAPNP_I_OF(t, struct gateway, refs));
}

/* ---- waiting -------------------------------------------------------------------------------- */

static struct conn *gateway_longest(struct gateway *g)
{
        struct capnp_i_list *w = &g->conns.waiting;

        return capnp_i_list_empty(w) ? NULL : CAPNP_I_OF(w->next, struct conn, link);
}

/* Has the timer look again when the longest waiting connection has waited long enough. */
static void gateway_set_patience(struct gateway *g)
{
        const struct conn *c = gateway_longest(g);
        uint64_t now = capos_io_now_ms(), end;

        if (!c)
                return;

        end = c->since_ms + g->patience_ms;
        capos_io_timer_start(&g->late, end > now ? end - now : 0);
}

static void gateway_late(struct capos_io_timer *t)
{
        struct gateway *g = CAPNP_I_OF(t, struct gateway, late);
        uint64_t now = capos_io_now_ms();
        struct conn *c;

        while ((c = gateway_longest(g)) && now - c->since_ms >= g->patience_ms)
                gateway_drop(g, c, "nobody could take a connection in time");
        gateway_set_patience(g);
}

/* The client of one that waits has gone. */
static void conn_gone(struct capos_io_watch *w, uint32_t events)
{
        struct conn *c = CAPNP_I_OF(w, struct conn, gone);

        (void)events;
        conns_remove(c->conns, c);
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

/* Takes a client's socket in any case. */
static void gateway_admit(struct gateway *g, int fd, bool tls)
{
        struct conn *c = NULL;
        struct peer peer;

        /* It has gone already, or there is no memory for it. */
        if (peer_look(&g->peers, fd, &peer) ||
            conns_add(&g->conns, &peer.source, gateway_event(g), &c)) {
                (void)close(fd);
                return;
        }

        c->client = fd;
        c->transport = tls ? TRANSPORT_TLS : peer.transport;
        c->since_ms = capos_io_now_ms();
        memcpy(c->address, peer.address, sizeof(c->address));
        if (capos_io_watch_init(&c->gone, &g->loop, fd, EPOLLRDHUP, conn_gone)) {
                conns_remove(&g->conns, c);
                return;
        }

        gateway_make_room(g);
        gateway_announce(g);
        if (!g->late.place)
                gateway_set_patience(g);
}

static void gateway_listen(struct gateway *g, uint32_t events)
{
        int r = 0;

        for (unsigned i = 0; !r && i < g->nlisteners; i++)
                r = capos_io_watch_set(&g->listeners[i].watch, events);
        if (r)
                capos_io_timer_start(&g->again, PAUSE_MS);
}

static void gateway_again(struct capos_io_timer *t)
{
        gateway_listen(CAPNP_I_OF(t, struct gateway, again), EPOLLIN);
}

/* What comes in waits in the kernel until there is room for it again. */
static void gateway_is_short(struct gateway *g)
{
        uint64_t now = capos_io_now_ms();

        if (!g->short_ms || now - g->short_ms >= SHORT_LOG_MS) {
                daemon_log(LOG_WARNING, "no descriptor or memory is left for a new connection: it "
                                        "has to wait; see `ulimit -n` and fs.file-max");
                g->short_ms = now;
        }
        gateway_listen(g, 0);
        capos_io_timer_start(&g->again, PAUSE_MS);
}

static void gateway_accept(struct capos_io_watch *w, uint32_t events)
{
        const struct listener *l = CAPNP_I_OF(w, struct listener, watch);
        struct gateway *g = l->gateway;
        int r = 0, fd;

        (void)events;
        for (unsigned i = 0; !r && i < ACCEPTS; i++) {
                r = capos_io_socket_accept(w->fd, &fd);
                if (!r)
                        gateway_admit(g, fd, l->tls);
        }
        if (r == CAPOS_IO_E_BUSY)
                gateway_is_short(g);
        if (r < 0) {
                daemon_log(LOG_ERR, "a listener is broken: %s", capnp_strerror(r));
                g->done = true;
        }
}

/* ---- the session manager -------------------------------------------------------------------- */

/* The session manager has dealt with an event, and may be told of another. */
static void gateway_answered(struct gateway *g)
{
        if (g->announced)
                g->announced--;
        gateway_announce(g);
}

/* Whether a connection waits for just this answer. */
static bool conn_takes(const struct conn *c, const struct packet *p)
{
        return c && !c->handed && c->admission < 0 &&
               (c->transport == TRANSPORT_TLS) == (p->type == PACKET_ADMISSION_TLS);
}

/* Its sockets are here: to the session manager, and of a TLS connection to the signer. */
static void gateway_admitted(struct gateway *g, struct conn *c, const struct packet *p,
                             const int *fds)
{
        if (!conn_takes(c, p)) {
                capos_io_fds_close(fds, packet_fds(p->type)); /* it has gone meanwhile */
                return;
        }

        c->admission = fds[0];
        if (p->type == PACKET_ADMISSION_TLS) {
                c->signer = fds[1];
                memcpy(c->nonce, p->nonce, sizeof(c->nonce));
        }
        gateway_match(g);
}

static void gateway_class(struct gateway *g, struct conn *c, enum conn_class conn_class)
{
        struct packet p = {.type = PACKET_WORKER_BOUND,
                           .worker = c->worker,
                           .event = c->event,
                           .conn_class = conn_class};

        conns_class(&g->conns, c, conn_class);
        daemon_link_send(&g->caposd, &p, NULL);
        gateway_make_room(g);
}

/* Those that wait for a signer wait no longer. */
static void gateway_signable(struct gateway *g)
{
        struct capnp_i_list *w = &g->conns.waiting;

        for (struct capnp_i_list *l = w->next; l != w; l = l->next)
                CAPNP_I_OF(l, struct conn, link)->later = false;
        gateway_announce(g);
}

static void sessiond_got(struct daemon_link *l, const struct packet *p, const int *fds)
{
        struct gateway *g = CAPNP_I_OF(l, struct gateway, sessiond);
        struct conn *c = conns_find(&g->conns, p->event);

        switch (p->type) {
        case PACKET_ADMISSION:
        case PACKET_ADMISSION_TLS:
                gateway_admitted(g, c, p, fds);
                gateway_answered(g);
                break;
        case PACKET_REFUSED:
                if (c && !c->handed)
                        gateway_drop(g, c, "the session manager does not take it");
                gateway_answered(g);
                break;
        case PACKET_LATER:
                if (c && !c->handed) {
                        c->announced = false;
                        c->later = true;
                        c->tries = 0; /* it was nobody's fault */
                }
                gateway_answered(g);
                break;
        case PACKET_SIGNABLE:
                gateway_signable(g);
                break;
        case PACKET_BOUND:
                if (c && c->handed && p->conn_class <= CLASS_ACCOUNT)
                        gateway_class(g, c, (enum conn_class)p->conn_class);
                break;
        case PACKET_UNBOUND:
                if (c && c->handed)
                        gateway_class(g, c, CLASS_LINGERING);
                break;
        default:
                capos_io_fds_close(fds, packet_fds(p->type));
                break;
        }
}

/* What it has sent for connections that wait is void, and they have to be told to the next one. */
static void gateway_forget(struct gateway *g)
{
        struct capnp_i_list *w = &g->conns.waiting;

        g->announced = 0;
        for (struct capnp_i_list *i = w->next; i != w; i = i->next)
                conn_anew(CAPNP_I_OF(i, struct conn, link));
}

/* Dead, or only its link: caposd knows, and makes us acquainted with whom there is. */
static void sessiond_closed(struct daemon_link *l)
{
        struct gateway *g = CAPNP_I_OF(l, struct gateway, sessiond);

        gateway_forget(g);
        daemon_link_send(&g->caposd,
                         &(struct packet){.type = PACKET_LOST, .index = g->introduction}, NULL);
}

static const struct daemon_link_ops SESSIOND_OPS = {sessiond_got, sessiond_closed};

static void gateway_meet(struct gateway *g, uint32_t introduction, int fd)
{
        daemon_link_deinit(&g->sessiond);
        gateway_forget(g);
        g->introduction = introduction;
        if (daemon_link_init(&g->sessiond, &g->loop, fd, true, &SESSIOND_OPS)) {
                (void)close(fd);
                g->done = true;
                return;
        }

        gateway_announce(g);
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
        if (c && c->handed && c->worker == p->worker)
                conns_remove(&g->conns, c);
}

static void gateway_worker_live(struct gateway *g, const struct packet *p)
{
        struct conn *c;

        if (conns_add(&g->conns, &p->source, p->event, &c)) {
                g->done = true;
                return;
        }

        conns_hand(&g->conns, c, p->worker);
        if (p->conn_class <= CLASS_ACCOUNT)
                conns_class(&g->conns, c, (enum conn_class)p->conn_class);
        gateway_make_room(g);
}

static void caposd_got(struct daemon_link *l, const struct packet *p, const int *fds)
{
        struct gateway *g = CAPNP_I_OF(l, struct gateway, caposd);

        switch (p->type) {
        case PACKET_SESSIOND:
                gateway_meet(g, p->index, fds[0]);
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
        case PACKET_OVER:
                g->done = g->over = true;
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

static int gateway_init_listeners(struct gateway *g, const struct gateway_start *s)
{
        int r = 0;

        for (unsigned i = 0; !r && i < s->nlisteners; i++) {
                g->listeners[i].gateway = g;
                g->listeners[i].tls = s->tls[i];
                r = capos_io_watch_init(&g->listeners[i].watch, &g->loop, LISTENER_FD + (int)i,
                                        EPOLLIN, gateway_accept);
                g->nlisteners += !r;
        }
        return r;
}

int gateway_init(struct gateway *g, const struct gateway_start *s)
{
        const struct packet ready = {.type = PACKET_READY};
        int r;

        *g = (struct gateway){.peers.diag = s->diag, .patience_ms = s->patience_ms};
        conns_init(&g->conns, s->places, s->places_of_one);
        capnp_i_list_init(&g->idle);
        r = capos_io_loop_init(&g->loop);
        if (r)
                return r;

        r = capos_io_timer_init(&g->again, &g->loop, gateway_again);
        if (!r)
                r = capos_io_timer_init(&g->refs, &g->loop, gateway_hand_again);
        if (!r)
                r = capos_io_timer_init(&g->late, &g->loop, gateway_late);
        if (!r)
                r = daemon_link_init(&g->caposd, &g->loop, LINK_FD, true, &CAPOSD_OPS);
        if (!r)
                r = gateway_init_listeners(g, s);
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

bool gateway_deinit(struct gateway *g)
{
        bool clean = !g->over || capnp_i_list_empty(&g->conns.handed);

        while (!capnp_i_list_empty(&g->idle))
                idle_free(CAPNP_I_OF(g->idle.next, struct idle, link));
        clean &= conns_deinit(&g->conns);
        for (unsigned i = 0; i < g->nlisteners; i++)
                capos_io_watch_deinit(&g->listeners[i].watch);
        daemon_link_deinit(&g->sessiond);
        daemon_link_deinit(&g->caposd);
        capos_io_timer_deinit(&g->again);
        capos_io_timer_deinit(&g->refs);
        capos_io_timer_deinit(&g->late);
        capos_io_loop_deinit(&g->loop);
        return clean;
}
