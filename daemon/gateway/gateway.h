/*
 * Who is connected, and from where. See gateway.c for the plot.
 */
#ifndef CAPOS_GATEWAY_H
#define CAPOS_GATEWAY_H

#include "base-list.h"
#include "daemon-link.h"
#include "daemon-source.h"

/* Who connects: one source or, of a user of this machine, several. */
struct party {
        struct capnp_i_list link;    /* conns.parties */
        struct capnp_i_list origins; /* struct origin */
        uint32_t places;             /* of all its origins */
};

/* A source that has connections. */
struct origin {
        struct capnp_i_list link; /* party.origins */
        struct party *party;
        struct source source;
        struct capnp_i_list fresh, lingering; /* struct conn, longest first */
        uint32_t conns, places;               /* all; those that are fresh or linger */
};

/* A connection: waiting here, and later a line about who has it. */
struct conn {
        struct conns *conns;
        struct capnp_i_list link;  /* conns.waiting or conns.handed */
        struct capnp_i_list place; /* origin.fresh or .lingering; unless it has a session */
        struct origin *origin;
        enum conn_class conn_class;
        bool handed; /* a worker has it */
        uint64_t event;
        uint32_t worker; /* once handed */
        /* While it waits: */
        int client, admission; /* its socket, and that to the session manager; -1 */
        int signer;            /* of a TLS connection: the one to the signer; -1 */
        bool begun;            /* the signer knows that a worker has it */
        unsigned tries;        /* signers that did not want to know, although there is one */
        uint8_t nonce[32];     /* … and the event's nonce */
        struct capos_io_watch gone;
        bool announced; /* to the session manager that there is now */
        bool later;     /* … which wants to be told again when there is a signer */
        uint64_t since_ms;
        uint32_t transport; /* enum packet_transport */
        char address[CAPOS_IO_ADDRESS_TEXT];
};

/* All connections. */
struct conns {
        struct capnp_i_list waiting, handed; /* struct conn, oldest first */
        struct capnp_i_list parties;
        uint32_t places;          /* fresh or lingering */
        uint32_t max, max_of_one; /* of places: in all, and of one source */
};

/* A worker that waits for a connection. */
struct idle {
        struct capnp_i_list link; /* gateway.idle */
        uint32_t worker;
        uint64_t event; /* the one that caposd knows it has, and that is not handed over yet; 0 */
        int fd;         /* owned */
};

/* Who has connected. */
struct peer {
        uint32_t transport; /* enum packet_transport */
        struct source source;
        char address[CAPOS_IO_ADDRESS_TEXT]; /* as in struct packet */
};

/* How peers are looked at. */
struct peers {
        int diag;  /* socket diagnostics; -1: there are none. Borrowed */
        bool told; /* the log knows that they fail */
};

struct listener {
        struct gateway *gateway;
        bool tls;
        struct capos_io_watch watch;
};

enum { DIAG_FD = 7, LISTENER_FD = 8, LISTENERS_MAX = 8 };

struct gateway {
        struct capos_io_loop loop;
        struct daemon_link caposd, sessiond;
        struct listener listeners[LISTENERS_MAX];
        unsigned nlisteners;
        struct peers peers;
        struct capos_io_timer again; /* accepts again after descriptors have run out */
        struct capos_io_timer refs;  /* hands over again: CAPOS_IO_REFS_MS */
        struct capos_io_timer late;  /* the longest waiting connection has waited long enough */
        struct conns conns;
        struct capnp_i_list idle; /* longest first */
        uint64_t patience_ms;     /* for connections that wait */
        uint32_t announced;       /* events that the session manager has not answered */
        uint32_t introduction;    /* caposd's number for our link to the session manager */
        uint64_t last_event;
        uint64_t short_ms;  /* when it was last logged that something is short */
        uint64_t logged_ms; /* when a drop was last logged */
        uint32_t dropped;
        bool done; /* caposd has gone, or … */
        bool over; /* … there is no worker any more, and will be none */
};

/* ---- conns.c */

/* max: how many may be fresh or linger; max_of_one: of one source. */
void conns_init(struct conns *t, uint32_t max, uint32_t max_of_one);
/* false: places were counted of connections that are not there. */
bool conns_deinit(struct conns *t);
/* Adds one, fresh and waiting. 0, or -ENOMEM. */
int conns_add(struct conns *t, const struct source *source, uint64_t event,
              struct conn **ret_c) CAPNP_MUST_USE;
/* Takes it out and frees it, closing what it holds. */
void conns_remove(struct conns *t, struct conn *c);
/* The session manager has gone that admitted it: closes what it has sent. */
void conn_unadmit(struct conn *c);
/* It is with a worker now: its sockets are closed here. */
void conns_hand(struct conns *t, struct conn *c, uint32_t worker);
/* It has a session of this class now, or none any more. */
void conns_class(struct conns *t, struct conn *c, enum conn_class conn_class);
/* The one of an event, waiting or handed; NULL: there is none. */
struct conn *conns_find(struct conns *t, uint64_t event);
/* While more places are taken than there are: who gives his up. NULL: all is well. */
struct conn *conns_excess(struct conns *t);

/* ---- peer.c */

/* Looks at who has connected. 0; -errno: it has gone. */
int peer_look(struct peers *p, int fd, struct peer *ret_p) CAPNP_MUST_USE;

/* ---- gateway.c */

/* What a gateway begins with. */
struct gateway_start {
        unsigned nlisteners;     /* at LISTENER_FD and after it */
        bool tls[LISTENERS_MAX]; /* which of them speak it */
        int diag;
        uint32_t places, places_of_one; /* of connections without a session */
        uint64_t patience_ms;
};

/* Takes over from the previous gateway, or begins. 0, or -errno. */
int gateway_init(struct gateway *g, const struct gateway_start *s) CAPNP_MUST_USE;
/* Until caposd goes. 0, or -errno. */
int gateway_run(struct gateway *g) CAPNP_MUST_USE;
/* false: not all of what connections have taken was given back; known when caposd had said OVER. */
bool gateway_deinit(struct gateway *g);

#endif
