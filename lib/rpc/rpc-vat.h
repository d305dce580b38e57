/* Events, and the vat, to which everything points. See rpc-event.c and rpc-vat.c. */
#ifndef CAPNP_RPC_VAT_H
#define CAPNP_RPC_VAT_H

#include <assert.h>
#include <capos/capnp-rpc.h>

#include "base-list.h"
#include "base-refs.h"
#include "rpc-frame.h"
#include "rpc-loop.h"
#include "rpc-recycle.h"

/* Something to be run by capnp_rpc_step(): queueing it cannot fail. */
struct event {
        struct capnp_i_list link;
        void (*run)(struct event *e);
};

struct capnp_vat {
        struct capnp_i_list events;
        struct capnp_i_list rpcs;    /* every connection's core */
        struct capnp_i_list doomed;  /* references at zero, waiting to be taken apart */
        struct capnp_i_list settled; /* struct promise.source_link: their FIFOs are to be emptied */
        struct capnp_i_list sent;    /* struct call.waiter: … and those of their results */
        struct capnp_i_list stale;   /* capnp_cap.doomed: a reference to each is to be dropped */
        struct event freshen;        /* … now */
        bool dooming, flushing, running, dead;
        uint32_t asking;      /* policies of membranes that are being asked */
        capnp_cap *bad_index; /* lent to messages: what an index outside the table reads as */
        uint32_t refs;        /* the owner's, and one for each object that points here */
        uint64_t steps;       /* along lists that a peer can lengthen: for tests */
        struct recycle pools[POOL_COUNT];
        struct envelopes envelopes;
        const struct capnp_i_loop *loop;
        void *loop_self;
};

/* The last reference has gone: see capnp_i_vat_unref() below. */
void capnp_i_vat_last(capnp_vat *v);
static inline capnp_vat *capnp_i_vat_ref(capnp_vat *v)
{
        capnp_i_refs_take(&v->refs);
        return v;
}

static inline void capnp_i_vat_unref(capnp_vat *v)
{
        if (capnp_i_refs_drop(&v->refs))
                capnp_i_vat_last(v);
}

void capnp_i_event_init(struct event *e, void (*run)(struct event *e));
static inline bool capnp_i_event_queued(const struct event *e)
{
        return !capnp_i_list_empty(&e->link);
}

static inline void capnp_i_event_queue(capnp_vat *v, struct event *e)
{
        if (!capnp_i_event_queued(e))
                capnp_i_list_append(&v->events, &e->link);
}

/* Functions that act begin with this: a policy may look, and no more (struct capnp_membrane_ops).
 */
static inline void capnp_i_vat_acts(const capnp_vat *v)
{
        assert(!v->asking);
        (void)v;
}

#endif
