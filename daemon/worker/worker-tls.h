/* TLS of a worker: its certificate, which is the zygote's, and the handshake of its one connection.
 */
#ifndef CAPOS_WORKER_TLS_H
#define CAPOS_WORKER_TLS_H

#include "tls.h"
#include "worker.h"

/* What a zygote and its copies have; without a context there is no TLS. */
struct worker_tls {
        struct capos_i_tls_context *context;
        uint8_t key_hash[CAPOS_I_TLS_HASH]; /* of the certificate's key: whom the signer is asked
                                               for */
        int signer; /* of the connection: good for one signature. Owned; -1 */
};

/*
 * In the zygote: reads the certificate that the file has. rules_fd: a file with rules for client
 * certificates, by which clients are asked for one, and told whose; -1: there are none. Both are
 * taken. 0; -errno; the value of an enum tls_identity_err.
 */
int worker_tls_init(struct worker_tls *t, int certificate_fd, int rules_fd) CAPNP_MUST_USE;
/* Frees what the zygote has of it. */
void worker_tls_deinit(struct worker_tls *t);
/*
 * The client's connection speaks TLS; the session manager is told what it has to know of it before
 * the client's first message is read. nonce: the event's. 0; -errno.
 */
int worker_tls_accept(struct worker_tls *t, struct worker *w,
                      const uint8_t nonce[CAPOS_I_TLS_HASH]) CAPNP_MUST_USE;

#endif
