/*
 * The ledger: what a peer makes us keep, in bytes.
 *
 * Every object that a peer can cause has a struct charge in it, which is charged when the object is
 * made or grows and given back when it is freed. There is no other way in or out, so that a thing
 * that is kept can not be forgotten, nor one that has gone be paid for ever.
 *
 * doc/design/limits.md says what happens when there is too much in it.
 */
#include "rpc-ledger.h"

#include <assert.h>

/* What the smallest calls weigh that fit into one read of the vat's. */
enum { ONE_READ = 1 << 20 };

void capnp_i_charge(struct charge *g, capnp_rpc *r, uint64_t bytes, enum charge_for what)
{
        assert(!g->rpc || (g->rpc == r && g->what == what));
        if (!g->rpc)
                r->charges++;
        if (!g->rpc)
                g->rpc = capnp_i_rpc_ref(r);
        g->what = (uint8_t)what;
        g->bytes += bytes;
        r->held_for[what] += bytes;
        capnp_i_ledger_hold(r, bytes);
}

void capnp_i_charge_end(struct charge *g)
{
        capnp_rpc *r = g->rpc;

        assert(r->held >= g->bytes && r->held_for[g->what] >= g->bytes);
        r->held -= g->bytes;
        r->held_for[g->what] -= g->bytes;
        r->charges--;
        *g = (struct charge){0};
        capnp_i_rpc_unref(r);
}

void capnp_i_charge_end_params(struct call_charge *g, capnp_rpc *r)
{
        assert(r->held >= g->params && r->held_for[FOR_PARAMS] >= g->params);
        r->held -= g->params;
        r->charges--;
        capnp_i_ledger_less_params(r, g->params);
        g->params = 0;
}

/* What one read had brought when reading stopped is taken all the same. */
bool capnp_i_ledger_is_full(const capnp_rpc *r)
{
        uint64_t most = r->limits.held_bytes;

        if (r->held <= most)
                return false;

        return !capnp_i_rpc_is_paused(r) || r->held - most > (most < ONE_READ ? most : ONE_READ);
}

/*
 * A message that was let in may bring as much again, and no more: references are the one thing of
 * which a few bytes make many.
 */
bool capnp_i_ledger_has_room(const capnp_rpc *r, uint64_t bytes)
{
        return r->held_for[FOR_IMPORT] + bytes <= 2 * r->limits.held_bytes;
}
