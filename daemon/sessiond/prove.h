/* Proofs, checked elsewhere: a queue of jobs, two provers at once. */
#ifndef SESSIOND_PROVE_H
#define SESSIOND_PROVE_H

#include "base-list.h"
#include "daemon-packets.h"

#include <capos/capnp.h>

enum {
        PROVE_AT_ONCE = 2,
        PROVE_WAITING = 32, /* beyond it: try later */
        PROVE_MS = 10000,   /* a prover that takes longer has failed */
};

struct prove_job;
struct sessiond;

struct prover {
        struct sessiond *s;
        struct capnp_i_list waiting, running;
        unsigned nwaiting, nrunning;
        uint32_t last_request;
};

/* verdict: NULL when there is none, because the prover failed. Called once, from the loop. */
typedef void prove_done(void *arg, const struct proof_verdict *verdict);

void prover_init(struct prover *p, struct sessiond *s);
void prover_deinit(struct prover *p);

/*
 * Has something proved; parts are copied, and wiped when the job ends.
 * 0; CAPNP_E_LIMIT: too many are waiting, or the parts too large; -ENOMEM.
 */
int prover_start(struct prover *p, enum proof_kind kind, const capnp_data parts[3],
                 prove_done *done, void *arg, struct prove_job **ret_job) CAPNP_MUST_USE;
/* done will not be called. Returns NULL. */
struct prove_job *prover_forget(struct prove_job *j);
/* caposd's answer to a request; fd is taken. */
void prover_arrived(struct prover *p, uint32_t request, int fd);

#endif
