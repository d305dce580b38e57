/*
 * One signature for one connection. See signer.c for the plot.
 */
#ifndef CAPOS_SIGNER_H
#define CAPOS_SIGNER_H

#include "base-list.h"
#include "daemon-link.h"
#include "daemon-log.h"
#include "keys.h"

enum {
        SIGNER_EVENTS = 8192,     /* open at once; beyond it the oldest gives way */
        SIGNER_EVENT_MS = 10000,  /* from when a worker has the connection */
        SIGNER_BEFORE_MS = 10000, /* how long the key before is kept */
};

/* A connection whose worker may ask for its signature. */
struct event {
        struct capnp_i_list link; /* signer.waiting, .open, or .held when it has its answer */
        struct signer *signer;
        int fd;                      /* owned */
        struct capos_io_watch watch; /* for its request; not while it is held */
        bool begun;                  /* a worker has the connection, since then */
        uint64_t number, since_ms;
        struct sign_reply reply; /* held: goes out when its record has */
};

struct signer {
        struct capos_io_loop loop;
        struct daemon_link caposd, sessiond;
        struct capnp_i_list waiting, open, held; /* struct event, oldest first */
        uint32_t nevents;                        /* of all */
        struct capos_io_timer late;              /* the oldest event of .open has had its time */
        struct capos_io_timer release;           /* looks whether records have gone out */
        struct capos_io_timer before;            /* the key before has had its time */
        struct keys keys;
        struct daemon_log_rate rate;
        uint32_t introduction; /* caposd's number for our link to the session manager */
        bool done;             /* caposd has gone */
};

/* Takes over the keys, and the link to caposd (its descriptor). 0, or -errno: nothing was taken. */
int signer_init(struct signer *s, int link, struct keys *keys) CAPNP_MUST_USE;
/* Until caposd goes. 0, or -errno. */
int signer_run(struct signer *s) CAPNP_MUST_USE;
void signer_deinit(struct signer *s);

#endif
