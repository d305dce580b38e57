/* References, and what an exception carries that one is broken with. See rpc-cap.c. */
#ifndef CAPNP_RPC_CAP_H
#define CAPNP_RPC_CAP_H

#include "rpc-charge.h"
#include "rpc-vat.h"

/* ---- what an exception carries beside its reason (rpc-more.c) ------------------------------- */

struct more; /* shared and counted; NULL: nothing */

/* A copy, cut to what we hold. NULL: there is nothing in it, or no memory. */
struct more *capnp_i_more_new(const struct capnp_exception_more *from);
struct more *capnp_i_more_ref(struct more *m);
struct more *capnp_i_more_unref(struct more *m);
/* The memory behind it, for the ledger. */
size_t capnp_i_more_bytes(const struct more *m);
struct capnp_exception_more capnp_i_more_peek(const struct more *m);
/* From and to the Exception of a message. */
struct more *capnp_i_more_read(rpc_exception_reader e);
void capnp_i_more_write(const struct more *m, rpc_exception_builder e);

/* ---- references (rpc-cap.c, and a file for each kind) --------------------------------------- */

enum cap_kind { CAP_HOSTED, CAP_IMPORT, CAP_PROMISE, CAP_WRAP, CAP_BROKEN };

struct call;
struct flow;   /* rpc-stream.h */
struct narrow; /* rpc-membrane.h */

/*
 * What differs between kinds of references, said by who makes one of a kind: nobody below knows
 * what there is above. Each member is called by the core alone, and does not block.
 */
struct cap_ops {
        struct capnp_i_cap_class class; /* first; CAP_CLASS */
        /* The last reference is gone, once: frees it, in the end by capnp_i_cap_end(). */
        void (*gone)(capnp_cap *c);
        /* What it stands for by now, or itself, as often as anybody asks. NULL: always itself. */
        capnp_cap *(*final)(capnp_cap *c);
        /* A call, QUEUED, takes a step toward its object. The next target; NULL: it is there, or
         * waits, or has failed. Once for each call. NULL: broken, and so are calls. */
        capnp_cap *(*deliver)(struct call *c, capnp_cap *to);
        /* The event of a call that has arrived here, once. NULL: none arrives. */
        void (*run)(struct call *c);
};

struct capnp_cap {
        const struct capnp_i_cap_class *class; /* first: what a message knows of us */
        capnp_vat *vat;
        uint32_t refs;
        uint8_t kind;
        int fd;
        struct flow *flow;
        struct narrow *narrow; /* for each membrane that has narrowed it */
        struct capnp_i_list doomed;
};

struct hosted {
        capnp_cap cap;
        const struct capnp_interface *iface; /* NULL: dispatch */
        const void *ops;
        capnp_handler *dispatch;
        void (*gone)(void *self);
        void *self;
        struct event event;
        struct capnp_i_list gates; /* struct gate: of those whose stream calls it serves */
};

struct broken {
        capnp_cap cap;
        enum capnp_kind kind;
        struct more *more; /* may be NULL */
        char reason[];
};

/* What it says, for the ledger. */
static inline uint64_t capnp_i_broken_bytes(const struct broken *b)
{
        return strlen(b->reason) + capnp_i_more_bytes(b->more);
}

/*
 * Ids, a kind each, so that the compiler refuses one for another. Who asks, exports or sets an
 * embargo chooses it: an answer's is its question's at the peer, an import's its export's there.
 */
struct question_id {
        uint32_t n;
};

struct answer_id {
        uint32_t n;
};

struct export_id {
        uint32_t n;
};

struct import_id {
        uint32_t n;
};

struct embargo_id {
        uint32_t n;
};

struct peer_embargo_id {
        uint32_t n;
};

/* A reference that came over a connection: what Release has to give back. */
struct wire {
        capnp_rpc *rpc; /* NULL: not from a connection */
        struct import_id id;
        uint32_t refs;
        bool awaited; /* a promise that the peer has not resolved */
        struct charge charge;
};

struct import {
        capnp_cap cap;
        struct wire wire;
};

#define CAP_CLASS                              \
        {                                      \
                capnp_cap_ref, capnp_cap_unref \
        }

/* Of one that somebody holds. */
static inline const struct cap_ops *capnp_i_cap_ops(const capnp_cap *c)
{
        assert(c->refs);
        return (const struct cap_ops *)(const void *)c->class;
}

static inline void capnp_i_cap_gone(capnp_cap *c)
{
        ((const struct cap_ops *)(const void *)c->class)->gone(c);
}

void capnp_i_cap_init(capnp_cap *c, capnp_vat *v, enum cap_kind kind, const struct cap_ops *ops);
/* Nothing of c is left but its memory, which goes to the pool, or, without one, to the heap. */
void capnp_i_cap_end(capnp_cap *c, struct recycle *pool);
/* What is kept for who writes streams to it goes. */
void capnp_i_cap_drop_flow(capnp_cap *c);
/* What is behind a reference of that kind. */
static inline struct hosted *capnp_i_cap_hosted(capnp_cap *c)
{
        return CAPNP_I_OF(c, struct hosted, cap);
}

static inline struct import *capnp_i_cap_import(capnp_cap *c)
{
        return CAPNP_I_OF(c, struct import, cap);
}

static inline struct broken *capnp_i_cap_broken(capnp_cap *c)
{
        return CAPNP_I_OF(c, struct broken, cap);
}

/* What a reference is by now: follows settled promises, also through membranes. Borrowed. */
capnp_cap *capnp_i_cap_final(capnp_cap *c);
/* Drops what shortening chains has left over. */
void capnp_i_cap_freshen(struct event *e);
/* The promise that a final reference still waits for; NULL: it is settled, or a peer's for good. */
struct promise *capnp_i_cap_pending(capnp_cap *c);
/* The same, also when it is a peer's for good: nothing more has been said about it. */
struct promise *capnp_i_cap_undecided(capnp_cap *c);
/* Whether calls on a final reference go to that connection at once and in order. */
bool capnp_i_cap_is_on(capnp_cap *c, const capnp_rpc *r);

#endif
