/* One end of a link between two processes: packets in order, some with descriptors. */
#ifndef CAPOS_DAEMON_LINK_H
#define CAPOS_DAEMON_LINK_H

#include "daemon-packets.h"
#include "io-loop.h"
#include "io-packet.h"

enum {
        LINK_FD = 3,  /* where a process finds its link to caposd */
        LINK_FDS = 3, /* the most descriptors a packet has */
        /* Packets that may wait for a slow reader; beyond it the link closes. Sessions cause a few
         * each, and there are no more of them than a manifest may ask for. */
        LINK_WAITING = 32768,
        /* How a process ends, or says that it would have, in which something was not given back
         * that a connection had taken: a fault of ours. It is in the log, also when the instance
         * ends. */
        EXIT_LEDGER = 13,
};

struct daemon_link;

struct daemon_link_ops {
        /* A packet has come. fds: as many as its type has, now the callee's. May deinit the link.
         */
        void (*got)(struct daemon_link *l, const struct packet *p, const int *fds);
        /* The other side has gone, or broken the rules; the link is deinited. Called once. */
        void (*closed)(struct daemon_link *l);
};

/* Embedded in what it belongs to; zeroed, it is a closed one. */
struct daemon_link {
        struct capos_io_watch watch;
        int fd; /* owned; meaningful while watch.loop is set */
        bool takes_fds;
        int spare[LINK_FDS];         /* kept for those that come; -1 */
        bool paused;                 /* nothing is read, for want of one of them */
        struct capos_io_timer again; /* … until then */
        bool short_refs;             /* nothing is sent before then: CAPOS_IO_REFS_MS */
        const struct daemon_link_ops *ops;
        struct link_packet *first, *last; /* waiting to go out */
        uint32_t waiting;
};

/* How many descriptors a packet of this type has. */
unsigned packet_fds(uint32_t type);
/* Reads one packet, with as many descriptors as its type has; room for one more is needed. 0;
 * CAPOS_IO_E_AGAIN; CAPOS_IO_E_CLOSED; CAPOS_IO_E_SIZE: it is none. */
int daemon_packet_recv(int fd, struct packet *p, int fds[LINK_FDS + 1]) CAPNP_MUST_USE;

/*
 * Opens a link on a packet socket, which is taken when this returns 0. takes_fds: whether the other
 * side may send descriptors; if not, it is read without a control buffer. 0, or -errno.
 */
int daemon_link_init(struct daemon_link *l, struct capos_io_loop *loop, int fd, bool takes_fds,
                     const struct daemon_link_ops *ops) CAPNP_MUST_USE;
/* Closes it; what waits is lost. closed() is not called. */
void daemon_link_deinit(struct daemon_link *l);
bool daemon_link_is_open(const struct daemon_link *l);
/* Whether its peer has gone, also when nobody has been told yet: it is not open, or about to end.
 */
bool daemon_link_is_over(const struct daemon_link *l);
/*
 * Sends a packet, with packet_fds(p->type) descriptors (fds NULL: none), which are taken in any
 * case. Cannot fail visibly: on a broken link it goes nowhere, and closed() is called soon.
 */
void daemon_link_send(struct daemon_link *l, const struct packet *p, const int *fds);
/* Handles what has come in already: before the process behind the link is declared dead. */
void daemon_link_drain(struct daemon_link *l);

#endif
