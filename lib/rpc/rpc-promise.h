/* References that change, and what waits for that. See rpc-promise.c. */
#ifndef CAPNP_RPC_PROMISE_H
#define CAPNP_RPC_PROMISE_H

#include "base-map.h"
#include "rpc-cap.h"

enum { PATH_SHORT = 4 }; /* of most paths */

enum promise_state { PROMISE_PENDING, PROMISE_EMBARGOED, PROMISE_SETTLED };

/* The only reference that changes, and it does so once. */
struct promise {
        capnp_cap cap;
        uint8_t state;
        bool called;                  /* calls went to the peer through it */
        capnp_cap *to;                /* when embargoed or settled; may be NULL */
        struct capnp_i_list fifo;     /* struct waiter: pending locally, or embargoed */
        struct capnp_i_list watchers; /* struct export: Resolve is owed */
        struct capnp_i_list waits;    /* struct capnp_wait (rpc-wait.c) */
        struct wire wire;             /* an import that is a promise */
        struct call *source;          /* a result that is not there yet */
        struct capnp_i_list source_link;
        struct pipes *in;     /* the set that source_link is in */
        struct promise *same; /* another one there, with the same hash */
        uint16_t *path;       /* short_path, or a block of its own */
        uint16_t npath;
        uint16_t short_path[PATH_SHORT];
        struct charge charge;      /* for being a result that a peer has named */
        struct embargo_id embargo; /* when embargoed */
        capnp_rpc *embargo_rpc;
};

struct capnp_promise {
        struct promise *p;
};

/* Something that waits in a promise's FIFO. */
struct waiter {
        struct capnp_i_list link;
        bool is_call; /* else a struct disembargo */
};

struct disembargo {
        struct waiter waiter;
        capnp_rpc *rpc;
        struct peer_embargo_id id;
        /* Where the promise led when Resolve was sent; what we answer if it broke. */
        struct import_id import;
        struct charge charge;
};

/* References to results of one call, by path (rpc-pipe.c). */
struct pipes {
        struct capnp_i_list list; /* struct promise.source_link */
        struct capnp_i_map index; /* hash of the path -> struct promise; empty while they are few */
        uint32_t n;
};

void capnp_i_pipes_init(struct pipes *s);
struct promise *capnp_i_pipes_find(struct pipes *s, const uint16_t *path, uint16_t n);
/* p has its path, and is in no set. 0 or -ENOMEM. */
int capnp_i_pipes_add(struct pipes *s, struct promise *p) CAPNP_MUST_USE;
/* Also right for one that is in none. */
void capnp_i_pipes_remove(struct promise *p);
/* Moves all to a list, which does not know where they are. */
void capnp_i_pipes_take_all(struct pipes *s, struct capnp_i_list *to);

/* The one place where the state of a promise changes. */
static inline void capnp_i_promise_move(struct promise *p, enum promise_state to)
{
        static const uint8_t may[] = {
                [PROMISE_PENDING] = 1 << PROMISE_EMBARGOED | 1 << PROMISE_SETTLED,
                [PROMISE_EMBARGOED] = 1 << PROMISE_SETTLED,
                [PROMISE_SETTLED] = 0,
        };

        assert(may[p->state] >> to & 1);
        p->state = (uint8_t)to;
}

static inline struct promise *capnp_i_cap_promise(capnp_cap *c)
{
        return CAPNP_I_OF(c, struct promise, cap);
}

struct promise *capnp_i_promise_make(capnp_vat *v);
/* What a promise turned out to be: may set an embargo first. Takes no reference. ours: its peer has
 * said that it is something on our side, whatever that is by now. */
void capnp_i_promise_settle(struct promise *p, capnp_cap *to, bool ours);
void capnp_i_promise_settle_broken(struct promise *p, enum capnp_kind kind, const char *reason);
/* The peer that p is of has said what it is. */
void capnp_i_promise_resolved(struct promise *p, capnp_cap *to, bool ours);
/* The peer has confirmed that nothing is under way any more. */
void capnp_i_promise_lift(struct promise *p);
/* Tells the peers that hold p, or others that hang on it, what it has become for them. */
void capnp_i_promise_tell(struct promise *p);

/* Those who waited for a promise that is settled look again. */
void capnp_i_waits_end(capnp_vat *v, struct capnp_i_list *waits);

/* ---- what would wait for itself (rpc-ring.c) ------------------------------------------------ */

/* Whether p, which is to become `to`, is what that waits for. */
bool capnp_i_ring_of_promise(struct promise *p, capnp_cap *to);
/* Whether c, which is to wait for p, is what p waits for. */
bool capnp_i_ring_of_call(struct call *c, struct promise *p);

#endif
