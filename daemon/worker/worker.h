/* What all parts of a worker know: the connection's state, its session, and whom to ask. */
#ifndef CAPOS_WORKER_H
#define CAPOS_WORKER_H

#include <capos/capnp.h>

#include "admission.capnp-c.h"
#include "base-list.h"
#include "base-quota.h"
#include "session-names.h"

enum {
        NAME_BYTES = 64,       /* of a capability: the manifest takes no longer ones */
        MESSAGE_SEGMENTS = 64, /* of one message; no profile has a reason for another bound … */
        MESSAGE_NESTING = 64,  /* … than what every implementation of Cap'n Proto has, … */
        MESSAGE_TRAVERSAL = 8, /* … or for more of this: times the longest message */
        ADMISSION_BYTES = 64 * 1024, /* the session manager takes no longer messages … */
        ADMISSION_ENVELOPE = 1024,   /* … with what is around the parameters */
};

enum { TALLY_ROWS = 64, WATCHERS = 4 };

/* Calls of one method, one call, or what was refused for one reason. */
struct tally_row {
        const char *name, *outcome;   /* of the capability; what became of them */
        uint64_t iface, calls, bytes; /* iface 0: of several methods */
        uint16_t method;
};

/* What the session manager has not been told yet (worker-tally.c). */
struct tally {
        bool each; /* every call that goes through has a row */
        unsigned n;
        struct tally_row rows[TALLY_ROWS], others; /* those that have found no room */
        uint32_t unsaid;                           /* reports that were left out */
        capnp_timer *timer;                        /* NULL: nothing to tell */
        struct tally_row *alone;                   /* each: of one call; NULL: none yet */
        unsigned nalone, told; /* those; of them, from the first, that it is being told of */
        capnp_question *telling;
        capnp_timer *soon;  /* NULL: none of them is to be told of */
        uint32_t room;      /* each: so many calls more, … */
        uint64_t filled_ms; /* … as of then; 0: none yet */
};

struct trace;

/* What was taken of something that there is so much of in a second; empties by the time. */
struct offer_rate {
        uint64_t used_m; /* in thousandths */
        uint64_t at_ms;
};

enum worker_state {
        WORKER_FRESH, /* nobody has logged in: no authority at all */
        WORKER_BOUND, /* a session, for good */
        WORKER_ENDED, /* it is over: holds nothing, says why to whoever asks */
        WORKER_STATES,
};

struct worker {
        capnp_vat *vat;                    /* borrowed */
        capnp_conn *client;                /* the peer */
        capnp_conn *sessiond;              /* the session manager; NULL once it is over */
        capnp_cap *admission;              /* … and what it lets us ask; likewise */
        enum worker_state state;           /* worker_move() */
        char ended[CAPOS_REFUSAL_BYTES];   /* what every call fails with once it is over */
        char refusal[CAPOS_REFUSAL_BYTES]; /* the text of one, while it is passed on */
        capnp_msg *bound;                  /* the session as sessiond described it */
        uint32_t generation;               /* which RemoteSession reference is the current one */
        struct capnp_i_list pending;       /* struct pending */
        struct capnp_i_list grants;        /* struct grant */
        struct capnp_i_list revoked;       /* struct revoked: what the bundle has lost */
        bool user_revoked;                 /* … `session` among them */
        uint64_t changes;                  /* of the bundle: never 0 */
        capnp_answer *watchers[WATCHERS];  /* who waits for the next one; NULL: nobody */
        struct capnp_i_quota calls, bytes; /* in flight across membranes, both ways */
        struct tally tally;
        struct trace *trace;        /* NULL: nobody wants to know of each call */
        struct capnp_i_list offers; /* struct offer: those that have not ended */
        struct capnp_i_quota noffers;
        struct offer_rate reports;  /* of the client's hosts, that are recorded */
        bool composing;             /* we call a service as a composer, and not the client */
        uint64_t (*clock_ms)(void); /* of a steady clock */
        capnp_timer *linger;
        /* Whether a reference is one of the objects that the worker serves to its client. */
        bool (*owns)(const capnp_cap *c);
};

/* An empty one, in a vat that outlives it. */
void worker_init(struct worker *w, capnp_vat *vat);
/* Changes the state, against the table of what may follow what. */
void worker_move(struct worker *w, enum worker_state to);

/* What the client may use now, before it has become somebody and after. */
struct capnp_limits worker_limits(const struct worker *w);
/* Takes over what sessiond says the session is. 0 or -ENOMEM. */
int worker_bind(struct worker *w, bound_reader b) CAPNP_MUST_USE;
/* It is otherwise than it was, and the client's references to it are good all the same. Likewise.
 */
int worker_rebind(struct worker *w, bound_reader b) CAPNP_MUST_USE;
/* The session; before there is one, an empty struct. */
bound_reader worker_bound(const struct worker *w);
/* What services may do with what the client has lent them, by the profile as it is now. */
session_ui_quota_reader worker_ui_quota(const struct worker *w);
/* What the session has of this name; else an empty struct. */
bundle_entry_reader worker_entry(const struct worker *w, const char *name);
/* Whom to ask; not once it is over. */
admission_client worker_ask(const struct worker *w);

/* Something about a capability of the session. */
struct worker_event {
        const char *name, *capability, *detail;
        bool decided; /* a record of its own, and not counted */
};

/* Has it recorded, as our word. Not without a session. */
void worker_report(struct worker *w, struct worker_event e);

/* Whether a call must fail because the session is over: it has then. */
bool worker_refuses_ended(struct worker *w, capnp_answer *a);
/* Whether a call must fail because there is no session, or none any more: it has then. */
bool worker_refuses_unbound(struct worker *w, capnp_answer *a);

#endif
