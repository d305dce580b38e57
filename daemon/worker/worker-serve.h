/* One connection, from its first byte to its last. See worker-serve.c for the plot. */
#ifndef CAPOS_WORKER_SERVE_H
#define CAPOS_WORKER_SERVE_H

#include "worker.h"

struct worker_tls;

/* What a worker is given: a connection. */
struct worker_start {
        int client_fd, sessiond_fd; /* taken */
        struct worker_tls *tls;     /* it speaks TLS; NULL: it does not */
        const uint8_t *nonce;       /* … then: the event's */
};

/* Serves one client until it has gone. The process's exit code. */
int worker_serve(const struct worker_start *s);

/*
 * The same in steps, for who has a vat. First: begins to serve; takes both sockets. When the
 * connection is done, capnp_vat_stop() is called. 0, or an error; worker_finish() is to be called
 * all the same.
 */
int worker_open(struct worker *w, capnp_vat *vat, const struct worker_start *s) CAPNP_MUST_USE;
/* Then: lets go of everything, and ends the vat, which can only be freed from then on. false: not
 * all has been given back, of a quota or of what connections hold. Nothing else of the vat's may be
 * held any more, or it counts. */
bool worker_finish(struct worker *w) CAPNP_MUST_USE;

#endif
