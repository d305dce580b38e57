/*
 * References to a peer's objects: a table by the ids that the peer has chosen, and where calls on
 * one go.
 *
 * One that is a promise over there is a promise here (rpc-promise.c), with the same entry.
 */
#include "rpc-message.h"

#include <errno.h>

static void import_gone(capnp_cap *c)
{
        capnp_i_table_import_drop(&capnp_i_cap_import(c)->wire);
        capnp_i_cap_end(c, &c->vat->pools[POOL_IMPORTS]);
}

static capnp_cap *import_deliver(struct call *c, capnp_cap *to)
{
        capnp_i_promise_send_call(c, capnp_i_cap_import(to)->wire.rpc, to);
        return NULL;
}

static const struct cap_ops import_ops = {
        .class = CAP_CLASS,
        .gone = import_gone,
        .deliver = import_deliver,
};

static capnp_cap *import_new(capnp_rpc *r, bool promise)
{
        struct import *i;
        struct promise *p;

        if (promise) {
                p = capnp_i_promise_make(r->vat);
                return p ? &p->cap : NULL;
        }

        i = capnp_i_recycle_new(&r->vat->pools[POOL_IMPORTS], sizeof(*i));
        if (!i)
                return NULL;

        capnp_i_cap_init(&i->cap, r->vat, CAP_IMPORT, &import_ops);
        return &i->cap;
}

static uint32_t import_cost(bool promise)
{
        return promise ? COST_PROMISE : COST_IMPORT;
}

int capnp_i_table_import(capnp_rpc *r, struct import_id id, bool promise, capnp_cap **ret_c)
{
        capnp_cap *c = capnp_i_map_get(&r->imports, id.n);
        struct wire *w;

        if (c) {
                w = capnp_i_table_wire(c);
                if (w->refs == UINT32_MAX)
                        return -ENOMEM;
                capnp_i_refs_take(&w->refs);
                *ret_c = capnp_cap_ref(c);
                return 0;
        }

        if (r->imports.used >= r->limits.refs || !capnp_i_ledger_has_room(r, import_cost(promise)))
                return CAPNP_E_LIMIT;

        c = capnp_i_map_reserve(&r->imports) ? NULL : import_new(r, promise);
        if (!c)
                return -ENOMEM;

        w = capnp_i_table_wire(c);
        *w = (struct wire){.rpc = capnp_i_rpc_ref(r), .id = id, .refs = 1, .awaited = promise};
        r->awaited += promise;
        capnp_i_map_put(&r->imports, id.n, c);
        capnp_i_table_import_more(w, import_cost(promise));
        *ret_c = c;
        return 0;
}
