/* Connections that have come in and wait for their admission. */
#ifndef SESSIOND_ARRIVALS_H
#define SESSIOND_ARRIVALS_H

#include "daemon-packets.h"

#include <capos/capnp.h>

struct sessiond;

enum { ARRIVALS_MAX = 256 }; /* as many as the gateway announces at once */

struct arrivals {
        struct packet queue[ARRIVALS_MAX]; /* a ring */
        unsigned first, n;
        capnp_timer *timer;
        uint64_t logged_ms; /* when it was last said that something is short */
};

/* A connection has come in: it gets its admission, now or when there is room. */
void arrivals_add(struct sessiond *s, const struct packet *p);
/* Those that wait are of a gateway, or of a link to it, that is no more. */
void arrivals_forget(struct sessiond *s);

#endif
