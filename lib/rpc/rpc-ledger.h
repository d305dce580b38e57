/* The ledger's sums, and what each call adds to them, in place: see rpc-ledger.c. */
#ifndef CAPNP_RPC_LEDGER_H
#define CAPNP_RPC_LEDGER_H

#include "rpc-internal.h"

static inline void capnp_i_ledger_hold(capnp_rpc *r, uint64_t bytes)
{
        r->held += bytes;
        if (r->held > r->most_held)
                r->most_held = r->held;
}

/* What waits to be answered becomes less: reading may go on. */
static inline void capnp_i_ledger_less_params(capnp_rpc *r, uint64_t bytes)
{
        uint64_t was = r->held_for[FOR_PARAMS];

        r->held_for[FOR_PARAMS] = was - bytes;
        r->progress++;
        if (was > r->limits.held_bytes)
                capnp_i_rpc_eased(r);
}

/* A call of r's peer: so many bytes for as long as it is kept, and so many of parameters. */
__attribute__((always_inline)) static inline void capnp_i_charge_call(struct call_charge *g,
                                                                      capnp_rpc *r, uint64_t bytes,
                                                                      uint64_t params)
{
        assert(!g->kept.rpc && !g->params);
        g->kept = (struct charge){capnp_i_rpc_ref(r), bytes, FOR_ANYTHING};
        g->params = params;
        r->charges += params ? 2 : 1;
        r->held_for[FOR_ANYTHING] += bytes;
        r->held_for[FOR_PARAMS] += params;
        capnp_i_ledger_hold(r, bytes + params);
}

/* A call or bootstrap of the peer's, in the table of answers; so many bytes of parameters come with
 * it. NULL: there is one with this id, or no memory. */
__attribute__((always_inline)) static inline struct call *capnp_i_peer_call_new(capnp_rpc *r,
                                                                                struct answer_id id,
                                                                                uint64_t params)
{
        struct call *c = capnp_i_call_new(r->vat, &capnp_i_peer_caller);

        if (!c || (!capnp_i_ids_claim(&r->answers, id.n, c) && !capnp_i_peer_add(r, id, c)))
                return NULL;

        c->peer = capnp_i_rpc_ref(r);
        c->peer_id = id;
        capnp_i_charge_call(&c->charge, r, sizeof(*c), params);
        return c;
}

/* Both at once, when that one pays for all of it. */
static inline void capnp_i_charge_end_call(struct call_charge *g)
{
        const uint64_t bytes = g->kept.bytes, params = g->params;
        capnp_rpc *r = g->kept.rpc;
        uint64_t *kept = &r->held_for[g->kept.what];

        assert(r->held >= bytes + params && *kept >= bytes && r->held_for[FOR_PARAMS] >= params);
        r->held -= bytes + params;
        *kept -= bytes;
        r->charges -= params ? 2 : 1;
        if (params)
                capnp_i_ledger_less_params(r, params);
        g->kept = (struct charge){0};
        g->params = 0;
        capnp_i_rpc_unref(r);
}

#endif
