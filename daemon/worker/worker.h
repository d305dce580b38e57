/*
 * One connection, from its first byte to its last. See worker-serve.c for the plot.
 */
#ifndef CAPOS_WORKER_H
#define CAPOS_WORKER_H

#include <capos/capnp.h>

#include "admission.capnp-c.h"
#include "base-list.h"
#include "session-names.h"

enum {
        NAME_BYTES = 64,             /* of a capability: the manifest takes no longer ones */
        ADMISSION_BYTES = 64 * 1024, /* the session manager takes no longer messages … */
        ADMISSION_ENVELOPE = 1024,   /* … with what is around the parameters */
};

enum worker_state {
        WORKER_FRESH, /* nobody has logged in: no authority at all */
        WORKER_BOUND, /* a session, for good */
        WORKER_ENDED, /* it is over: holds nothing, says why to whoever asks */
};

struct worker {
        capnp_vat *vat;
        capnp_conn *client;   /* the peer */
        capnp_conn *sessiond; /* the session manager */
        capnp_cap *admission; /* … and what it lets us ask */
        enum worker_state state;
        char ended[CAPOS_REFUSAL_BYTES];   /* what every call fails with once it is over */
        char refusal[CAPOS_REFUSAL_BYTES]; /* the text of one, while it is passed on */
        capnp_msg *bound;                  /* the session as sessiond described it */
        uint32_t generation;               /* which RemoteSession reference is the current one */
        struct capnp_i_list pending;       /* struct pending */
        struct capnp_i_list grants;        /* struct grant */
        struct capnp_i_list revoked;       /* struct revoked: what the bundle has lost */
        uint32_t calls, max_calls;         /* in flight across membranes */
        uint64_t bytes, max_bytes;
        capnp_timer *linger;
};

/* A capability of the bundle that has been asked for. */
struct grant {
        struct capnp_i_list link; /* worker.grants */
        struct worker *w;
        bool services; /* may be passed to other services of the session */
        bool revoked;
        capnp_membrane *membrane;
        capnp_conn *conn; /* to the service, borrowed: it lives as long as it is used; NULL: none */
        char name[];
};

/* A capability that was taken back, and when; no more of them than the bundle had. */
struct revoked {
        struct capnp_i_list link; /* worker.revoked */
        uint64_t at_ms;           /* since 1970 */
        char name[];
};

/* A call of the client's that waits for the session manager. */
struct pending {
        struct capnp_i_list link;
        struct worker *w;
        capnp_answer *a;
        capnp_question *q;
        void (*done)(struct pending *p); /* ends p->a */
        bool canceled;
        bool renewal;
        bool again;     /* asked for the second time */
        uint32_t *flow; /* where a started flow's number goes */
        uint64_t interface;
        char name[NAME_BYTES + 1];
};

/* ---- worker-serve.c */

/* Serves one client until it has gone. Takes both sockets. The process's exit code. */
int worker_serve(int client_fd, int sessiond_fd);
/* Fails all open calls with that reason, and lets go of all grants. */
void worker_cut(struct worker *w, const char *reason);
/* The session is over: everything that came from it is dead when this returns. */
void worker_end(struct worker *w, const char *reason);
/* Takes over what sessiond says the session is. 0 or -ENOMEM. */
int worker_bind(struct worker *w, bound_reader b) CAPNP_MUST_USE;
bound_reader worker_bound(const struct worker *w);

/* ---- worker-pending.c */

/*
 * Keeps a until q has returned: then done ends it, or it fails as q did. Takes both. What a handler
 * returns. ret_p (may be NULL): for what done needs to know; NULL there: it has failed already.
 */
int pending_send(struct worker *w, capnp_answer *a, capnp_question *q,
                 void (*done)(struct pending *p), struct pending **ret_p);
/* Fails everything that waits. */
void pending_fail_all(struct worker *w, const char *reason);

/* ---- worker-gateway.c */

int gateway_new(struct worker *w, capnp_cap **ret_c) CAPNP_MUST_USE;
int flow_new(struct worker *w, uint32_t **ret_number, bool renewal,
             capnp_cap **ret_c) CAPNP_MUST_USE;
/* Whether a reference is one of the worker's own objects: those never go to a service. */
bool gateway_owns(const capnp_cap *c);

/* ---- worker-session.c */

int session_new(struct worker *w, capnp_cap **ret_c) CAPNP_MUST_USE;
bool session_owns(const capnp_cap *c);
int user_session_new(struct worker *w, capnp_cap **ret_c) CAPNP_MUST_USE;

/* ---- worker-grant.c */

/* Answers RemoteCapSet.get. */
int grant_get(struct worker *w, capnp_answer *a);
void grant_revoke(struct worker *w, capnp_text name);
/* When that was done to a name of the bundle, in ms since 1970; 0: it was not. */
uint64_t grant_revoked_ms(const struct worker *w, capnp_text name);
/* Cuts and frees all of them. */
void grant_end_all(struct worker *w);

#endif
