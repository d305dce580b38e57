/*
 * A link: packets of one struct over SOCK_SEQPACKET.
 *
 * Sending never blocks and never fails. What the socket does not take waits in order here, with its
 * descriptors, up to a number no healthy peer reaches; a peer beyond it, or one that sends anything
 * but a struct packet with the descriptors its type has, is no peer any more: the link closes.
 *
 * closed() is always called from the loop, never from within send(): a broken socket is shut down,
 * and the loop finds that out.
 *
 * A descriptor that comes when this process may open no more is gone, and its packet looks like a
 * foreign one. So nothing that may bring some is read without as many descriptors in reserve, which
 * make room for them; until there are, packets wait in the socket, and the reserve is tried for
 * again.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon-link.h"
#include "daemon-log.h"

enum {
        TURN = 64,      /* packets handled before others get their turn */
        PAUSE_MS = 100, /* between two tries to have a descriptor in reserve */
};

struct link_packet {
        struct link_packet *next;
        struct packet p;
        int fds[LINK_FDS];
};

unsigned packet_fds(uint32_t type)
{
        switch (type) {
        case PACKET_HANDOFF_TLS:
        case PACKET_NEXT:
                return 3;
        case PACKET_HANDOFF:
        case PACKET_ADMISSION_TLS:
        case PACKET_RELOAD:
                return 2;
        case PACKET_GATEWAY:
        case PACKET_SERVICE:
        case PACKET_PROVER:
        case PACKET_FETCHER:
        case PACKET_PROVIDERS:
        case PACKET_SESSIOND:
        case PACKET_SIGNER:
        case PACKET_SIGN:
        case PACKET_WORKER_READY:
        case PACKET_ADMISSION:
        case PACKET_FORK:
        case PACKET_CONTROL:
        case PACKET_STREAM:
        case PACKET_RULES:
        case PACKET_CHANGED:
        case PACKET_NEXT_SERVICE:
                return 1;
        default:
                return 0;
        }
}

/* ---- in ------------------------------------------------------------------------------------- */

/* The reserve is copies of the link's own descriptor: there is nothing else that is surely there.
 */
static bool link_has_spare(struct daemon_link *l)
{
        for (unsigned i = 0; i < LINK_FDS; i++) {
                if (l->spare[i] < 0)
                        l->spare[i] = fcntl(l->fd, F_DUPFD_CLOEXEC, 0);
                if (l->spare[i] < 0)
                        return false;
        }
        return true;
}

static void link_close_spare(struct daemon_link *l)
{
        for (unsigned i = 0; i < LINK_FDS; i++) {
                if (l->spare[i] >= 0)
                        (void)close(l->spare[i]);
                l->spare[i] = -1;
        }
}

static int link_watch(struct daemon_link *l)
{
        return capos_io_watch_set(&l->watch, (l->paused ? 0u : EPOLLIN) |
                                                     (l->first && !l->short_refs ? EPOLLOUT : 0u));
}

static void link_shut(struct daemon_link *l)
{
        (void)shutdown(l->fd, SHUT_RDWR);
}

static void link_pause(struct daemon_link *l)
{
        if (!l->paused)
                daemon_log(LOG_WARNING, "no descriptor is left (see `ulimit -n`): %s",
                           "what other processes of the instance send has to wait");
        l->paused = true;
        if (link_watch(l))
                link_shut(l);
        capos_io_timer_start(&l->again, PAUSE_MS);
}

int daemon_packet_recv(int fd, struct packet *p, int fds[LINK_FDS + 1])
{
        char extra;
        const struct iovec v[2] = {{p, sizeof(*p)}, {&extra, 1}};
        unsigned got = 0;
        ssize_t n = capos_io_stream_read_fds(fd, v, 2, fds, LINK_FDS + 1, &got);

        if (n == -EAGAIN)
                return CAPOS_IO_E_AGAIN;
        if (n == (ssize_t)sizeof(*p) && got == packet_fds(p->type))
                return 0;

        capos_io_fds_close(fds, got);
        return n <= 0 ? CAPOS_IO_E_CLOSED : CAPOS_IO_E_SIZE;
}

/* Reads with room for the most descriptors a packet has, which is the reserve's. */
static int link_receive_fds(struct daemon_link *l, struct packet *p, int fds[LINK_FDS + 1])
{
        int r;

        if (!link_has_spare(l)) {
                link_pause(l);
                return CAPOS_IO_E_AGAIN;
        }

        link_close_spare(l);
        r = daemon_packet_recv(l->fd, p, fds);
        (void)link_has_spare(l); /* or it is tried for when the next one comes */
        return r;
}

/* One packet. 0: there was one; CAPOS_IO_E_AGAIN; another value: the link is over. */
static int link_receive(struct daemon_link *l, struct packet *p, int fds[LINK_FDS + 1])
{
        int r;

        if (l->takes_fds)
                return link_receive_fds(l, p, fds);

        r = capos_io_packet_recv(l->fd, p, sizeof(*p), NULL, 0);
        return !r && packet_fds(p->type) ? CAPOS_IO_E_SIZE : r;
}

static void link_close(struct daemon_link *l)
{
        daemon_link_deinit(l);
        l->ops->closed(l);
}

static void link_read(struct daemon_link *l, unsigned max)
{
        int fds[LINK_FDS + 1];
        struct packet p;
        int r;

        for (unsigned i = 0; i < max && daemon_link_is_open(l); i++) {
                r = link_receive(l, &p, fds);
                if (r == CAPOS_IO_E_AGAIN)
                        return;
                if (r) {
                        link_close(l);
                        return;
                }
                p.address[sizeof(p.address) - 1] = '\0';
                l->ops->got(l, &p, fds);
        }
}

void daemon_link_drain(struct daemon_link *l)
{
        link_read(l, UINT32_MAX);
}

/* ---- out ------------------------------------------------------------------------------------ */

static void link_forget(struct link_packet *q)
{
        capos_io_fds_close(q->fds, packet_fds(q->p.type));
        free(q);
}

static void link_write(struct daemon_link *l)
{
        struct link_packet *q;
        int r = 0;

        while (!l->short_refs && (q = l->first)) {
                r = capos_io_packet_send(l->fd, &q->p, sizeof(q->p), q->fds, packet_fds(q->p.type));
                if (r == CAPOS_IO_E_AGAIN || r == -ETOOMANYREFS)
                        break;
                if (r)
                        link_shut(l);
                l->first = q->next;
                l->waiting--;
                link_forget(q);
        }
        if (!l->first)
                l->last = NULL;
        if (r == -ETOOMANYREFS) {
                l->short_refs = true;
                if (!l->again.place)
                        capos_io_timer_start(&l->again, CAPOS_IO_REFS_MS);
        }
        if (link_watch(l))
                link_shut(l);
}

/* Something was short: descriptors of ours, or places for those that are on their way. */
static void link_again(struct capos_io_timer *t)
{
        struct daemon_link *l = CAPNP_I_OF(t, struct daemon_link, again);

        l->paused = l->paused && !link_has_spare(l);
        if (l->paused)
                capos_io_timer_start(t, PAUSE_MS);
        l->short_refs = false;
        link_write(l);
}

void daemon_link_send(struct daemon_link *l, const struct packet *p, const int *fds)
{
        unsigned n = packet_fds(p->type);
        struct link_packet *q = NULL;

        if (daemon_link_is_open(l) && l->waiting < LINK_WAITING)
                q = calloc(1, sizeof(*q));
        if (!q) {
                capos_io_fds_close(fds, n);
                if (daemon_link_is_open(l))
                        link_shut(l);
                return;
        }

        q->p = *p;
        if (n)
                memcpy(q->fds, fds, n * sizeof(*fds));
        if (l->last)
                l->last->next = q;
        else
                l->first = q;
        l->last = q;
        l->waiting++;
        link_write(l);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void link_ready(struct capos_io_watch *w, uint32_t events)
{
        struct daemon_link *l = CAPNP_I_OF(w, struct daemon_link, watch);

        if (events & EPOLLOUT)
                link_write(l);
        if (l->paused && (events & (EPOLLHUP | EPOLLERR)))
                link_close(l); /* what it has sent is for nobody any more */
        else if (events & ~(uint32_t)EPOLLOUT)
                link_read(l, TURN);
}

int daemon_link_init(struct daemon_link *l, struct capos_io_loop *loop, int fd, bool takes_fds,
                     const struct daemon_link_ops *ops)
{
        int r;

        *l = (struct daemon_link){.fd = -1, .takes_fds = takes_fds, .ops = ops};
        for (unsigned i = 0; i < LINK_FDS; i++)
                l->spare[i] = -1;
        r = capos_io_timer_init(&l->again, loop, link_again);
        if (r)
                return r;

        r = capos_io_watch_init(&l->watch, loop, fd, EPOLLIN, link_ready);
        if (r) {
                capos_io_timer_deinit(&l->again);
                return r;
        }

        l->fd = fd;
        if (takes_fds)
                (void)link_has_spare(l); /* as early as can be; or when the first packet comes */
        return 0;
}

void daemon_link_deinit(struct daemon_link *l)
{
        struct link_packet *q;

        if (!daemon_link_is_open(l))
                return;

        capos_io_watch_deinit(&l->watch);
        capos_io_timer_deinit(&l->again);
        link_close_spare(l);
        (void)close(l->fd);
        l->fd = -1;
        while ((q = l->first)) {
                l->first = q->next;
                link_forget(q);
        }
        l->last = NULL;
        l->waiting = 0;
}

bool daemon_link_is_open(const struct daemon_link *l)
{
        return l->watch.loop != NULL;
}

bool daemon_link_is_over(const struct daemon_link *l)
{
        struct pollfd p = {.fd = l->fd, .events = POLLRDHUP};

        return !daemon_link_is_open(l) || poll(&p, 1, 0) == 1;
}
