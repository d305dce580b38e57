/*
 * Who is connected, and from where. See gateway.c for the plot.
 */
#ifndef CAPOS_GATEWAY_H
#define CAPOS_GATEWAY_H

#include "base-list.h"
#include "daemon-link.h"
#include "daemon-source.h"

/* Where connections come from: an address without its port, an IPv6 one by its first 64 bits. */
struct origin {
        struct capnp_i_list link;  /* sources.list */
        struct capnp_i_list fresh; /* struct conn without a session, oldest first */
        uint8_t key[16];
        uint32_t conns, nfresh;
};

enum conn_state {
        CONN_WAITING, /* here: its socket, and nobody has it yet */
        CONN_HANDED,  /* with a worker */
        CONN_BOUND,   /* … that has a session */
};

struct conn {
        struct capnp_i_list link;  /* conns.waiting or conns.handed */
        struct capnp_i_list fresh; /* source.fresh, unless bound */
        struct origin *origin;
        struct source source;
        enum conn_state state;
        uint64_t event;
        uint32_t worker; /* once handed */
        int client;      /* while waiting */
        int admission;   /* while waiting, once it has come; -1 */
        char address[64];
};

/* All connections. */
struct conns {
        struct capnp_i_list waiting, handed; /* struct conn, oldest first */
        struct capnp_i_list sources;
        uint32_t n, nfresh; /* all; those without a session */
        uint32_t max, max_fresh;
};

/* A worker that waits for a connection. */
struct idle {
        struct capnp_i_list link; /* gateway.idle */
        uint32_t worker;
        int fd; /* owned */
};

struct gateway {
        struct capos_io_loop loop;
        struct daemon_link caposd, sessiond;
        struct capos_io_watch listener;
        struct capos_io_timer again; /* accepts again after descriptors have run out */
        struct conns conns;
        struct capnp_i_list idle; /* longest first */
        uint64_t last_event;
        uint64_t logged_ms; /* when a drop was last logged */
        uint32_t dropped;
        bool done; /* caposd has gone */
};

/* ---- conns.c */

void conns_init(struct conns *t, uint32_t max, uint32_t max_fresh);
void conns_deinit(struct conns *t);
/* Adds one, without a session and waiting. address: `127.0.0.1:4711`. 0, or -ENOMEM. */
int conns_add(struct conns *t, const char *address, struct conn **ret_c) CAPNP_MUST_USE;
/* Takes it out and frees it, closing what it holds. */
void conns_remove(struct conns *t, struct conn *c);
/* It is with a worker now: its sockets are closed here. */
void conns_hand(struct conns *t, struct conn *c, uint32_t worker);
/* It has a session. */
void conns_bind(struct conns *t, struct conn *c);
/* The one of an event, waiting or handed; NULL: there is none. */
struct conn *conns_find(struct conns *t, uint64_t event);
/* While there are more than there may be: whom to drop. NULL: all is well. */
struct conn *conns_excess(struct conns *t);

/* ---- gateway.c */

/* Takes over from the previous gateway, or begins. 0, or -errno. */
int gateway_init(struct gateway *g, int listener, uint32_t max, uint32_t max_fresh) CAPNP_MUST_USE;
/* Until caposd goes. 0, or -errno. */
int gateway_run(struct gateway *g) CAPNP_MUST_USE;
void gateway_deinit(struct gateway *g);

#endif
