/*
 * A link: packets of one struct over SOCK_SEQPACKET.
 *
 * Sending never blocks and never fails. What the socket does not take waits in order here, with its
 * descriptors, up to a number no healthy peer reaches; a peer beyond it, or one that sends anything
 * but a struct packet with the descriptors its type has, is no peer any more: the link closes.
 *
 * closed() is always called from the loop, never from within send(): a broken socket is shut down,
 * and the loop finds that out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon-link.h"

enum { TURN = 64 }; /* packets handled before others get their turn */

struct link_packet {
        struct link_packet *next;
        struct packet p;
        int fds[LINK_FDS];
};

unsigned packet_fds(uint32_t type)
{
        switch (type) {
        case PACKET_HANDOFF:
                return 2;
        case PACKET_GATEWAY:
        case PACKET_SERVICE:
        case PACKET_PROVER:
        case PACKET_SESSIOND:
        case PACKET_WORKER_READY:
        case PACKET_ADMISSION:
        case PACKET_FORK:
        case PACKET_CONTROL:
                return 1;
        default:
                return 0;
        }
}

/* ---- in ------------------------------------------------------------------------------------- */

/* One packet. 0: there was one; CAPOS_IO_E_AGAIN; another value: the link is over. */
static int link_receive(struct daemon_link *l, struct packet *p, int fds[LINK_FDS + 1])
{
        char extra;
        const struct iovec v[2] = {{p, sizeof(*p)}, {&extra, 1}};
        unsigned got = 0;
        ssize_t n;

        if (!l->takes_fds)
                return capos_io_packet_recv(l->fd, p, sizeof(*p), NULL, 0);

        n = capos_io_stream_read_fds(l->fd, v, 2, fds, LINK_FDS + 1, &got);
        if (n == -EAGAIN)
                return CAPOS_IO_E_AGAIN;
        if (n == (ssize_t)sizeof(*p) && got == packet_fds(p->type))
                return 0;

        capos_io_fds_close(fds, got);
        return n <= 0 ? CAPOS_IO_E_CLOSED : CAPOS_IO_E_SIZE;
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
                if (!r && !l->takes_fds && packet_fds(p.type))
                        r = CAPOS_IO_E_SIZE;
                if (r) {
                        daemon_link_deinit(l);
                        l->ops->closed(l);
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

static void link_shut(struct daemon_link *l)
{
        (void)shutdown(l->fd, SHUT_RDWR);
}

static void link_forget(struct link_packet *q)
{
        capos_io_fds_close(q->fds, packet_fds(q->p.type));
        free(q);
}

static void link_write(struct daemon_link *l)
{
        struct link_packet *q;
        int r;

        while ((q = l->first)) {
                r = capos_io_packet_send(l->fd, &q->p, sizeof(q->p), q->fds, packet_fds(q->p.type));
                if (r == CAPOS_IO_E_AGAIN)
                        break;
                if (r)
                        link_shut(l);
                l->first = q->next;
                l->waiting--;
                link_forget(q);
        }
        if (!l->first)
                l->last = NULL;
        if (capos_io_watch_set(&l->watch, EPOLLIN | (l->first ? EPOLLOUT : 0u)))
                link_shut(l);
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
        if (events & ~(uint32_t)EPOLLOUT)
                link_read(l, TURN);
}

int daemon_link_init(struct daemon_link *l, struct capos_io_loop *loop, int fd, bool takes_fds,
                     const struct daemon_link_ops *ops)
{
        int r;

        *l = (struct daemon_link){.fd = -1, .takes_fds = takes_fds, .ops = ops};
        r = capos_io_watch_init(&l->watch, loop, fd, EPOLLIN, link_ready);
        if (r)
                return r;

        l->fd = fd;
        return 0;
}

void daemon_link_deinit(struct daemon_link *l)
{
        struct link_packet *q;

        if (!daemon_link_is_open(l))
                return;

        capos_io_watch_deinit(&l->watch);
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
