/* Calls that wait for the session manager. */
#ifndef CAPOS_WORKER_PENDING_H
#define CAPOS_WORKER_PENDING_H

#include "worker.h"

struct pending;

/* Makes the reference that a client gets when the session manager has bound a session. b: which.
 * 0; -1: there is none, and p->a has been ended. */
typedef int pending_bound(struct pending *p, bound_reader b, capnp_cap **ret_c);

/* Gets what a capability of the bundle is, borrowed, and ends p->a. */
typedef void grant_give(struct pending *p, capnp_cap *c);

/* A call of the client's that waits for the session manager. */
struct pending {
        struct capnp_i_list link; /* worker.pending */
        struct worker *w;
        capnp_answer *a;
        capnp_question *q;
        void (*done)(struct pending *p);    /* ends p->a */
        void (*gave_up)(struct pending *p); /* when it is canceled; may be NULL */
        bool canceled;
        bool again;           /* asked for the second time */
        pending_bound *bound; /* of a flow that may be done */
        uint32_t flow;
        grant_give *give;
        void *parts;   /* of a schema, freed with this */
        uint32_t most; /* bytes of a part of one */
        uint64_t interface;
        char name[NAME_BYTES + 1];
};

/*
 * Keeps a until q has returned: then done ends it, or it fails as q did. Takes both. What a handler
 * returns. ret_p (may be NULL): for what done needs to know; NULL there: it has failed already.
 */
int pending_send(struct worker *w, capnp_answer *a, capnp_question *q,
                 void (*done)(struct pending *p), struct pending **ret_p);
/* Fails everything that waits. */
void pending_fail_all(struct worker *w, const char *reason);

#endif
