/* Proofs, checked elsewhere: two queues of jobs, and two provers at once for each. */
#ifndef SESSIOND_PROVE_H
#define SESSIOND_PROVE_H

#include "base-list.h"
#include "daemon-packets.h"
#include "turns.h"

#include <capos/capnp.h>

enum {
        PROVE_AT_ONCE = 2,    /* of a lane */
        PROVE_WAITING = 256,  /* of a lane; beyond it whoever has most gives way */
        PROVE_OF_PARTY = 128, /* … likewise */
        PROVE_OF_SOURCE = 16,
        PROVE_OF_CONNECTION = 5, /* its flows, and a renewal */
        PROVE_MS = 10000,        /* a prover that takes longer has failed */
};

struct prove_job;
struct sessiond;

/* Passwords cost twenty times what signatures do, and never make them wait. */
enum prove_lane { LANE_PASSWORD, LANE_KEY, LANES };

struct prover {
        struct sessiond *s;
        struct {
                struct turns waiting;
                struct capnp_i_list running;
        } lanes[LANES];
        uint32_t last_request;
};

/* How a job has ended. */
enum prove_end {
        PROVE_VERDICT, /* a prover has judged */
        PROVE_FAILED,  /* a prover should have, and did not */
        PROVE_UNTRIED, /* it was given up, or had to give way, or no memory was there for it */
};

/* verdict: NULL unless there is one. Called once for every job, from the loop or by
 * prover_deinit(). */
typedef void prove_done(void *arg, enum prove_end end, const struct proof_verdict *verdict);

/* What is to be proved, and for whom. */
struct prove_what {
        enum proof_kind kind;
        capnp_data parts[3]; /* copied, and wiped when the job ends */
        struct turns_path path;
        prove_done *done;
        void *arg;
};

void prover_init(struct prover *p, struct sessiond *s);
/* Ends all jobs; nothing may be started any more. */
void prover_deinit(struct prover *p);

/*
 * Has something proved. 0: done will be called, and not before this returns; CAPNP_E_LIMIT: too
 * many are waiting of those it is for, or the parts are too large; -ENOMEM.
 */
int prover_start(struct prover *p, const struct prove_what *w,
                 struct prove_job **ret_job) CAPNP_MUST_USE;
/* Nobody wants to know any more. What waits keeps its place and is not tried; what is being tried
 * is, to its end. done is called all the same. */
void prover_give_up(struct prove_job *j);
/* caposd's answer to a request; fd is taken. */
void prover_arrived(struct prover *p, uint32_t request, int fd);

#endif
