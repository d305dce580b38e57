/*
 * Events, and the vat as what everything points to.
 *
 * Application code runs from capnp_rpc_step() and from nowhere else (but for policies of membranes,
 * see rpc-membrane.c), so no API call can re-enter its caller, and no destructor runs in the middle
 * of anything. An event is a list node inside the object it is about; queueing it cannot fail.
 * Order in the queue is order of cause, which is half of E-order: two calls on one object of ours
 * are two events.
 */
#include "rpc-cap.h"

#include <stdlib.h>

void capnp_i_event_init(struct event *e, void (*run)(struct event *e))
{
        capnp_i_list_init(&e->link);
        e->run = run;
}

bool capnp_rpc_step(capnp_vat *v)
{
        struct capnp_i_list *l = capnp_i_list_pop(&v->events);
        bool outer = v->running;

        capnp_i_vat_acts(v);
        if (!l)
                return false;

        v->running = true;
        CAPNP_I_OF(l, struct event, link)->run(CAPNP_I_OF(l, struct event, link));
        v->running = outer;
        return true;
}

bool capnp_rpc_pending(const capnp_vat *v)
{
        return !capnp_i_list_empty(&v->events);
}

void capnp_i_vat_last(capnp_vat *v)
{
        capnp_cap *bad = v->bad_index;

        if (!bad) {
                for (unsigned i = 0; i < POOL_COUNT; i++)
                        for (void *b; (b = capnp_i_recycle_get(&v->pools[i]));)
                                free(b);
                free(v);
                return;
        }

        /* The reference that was not counted above: somebody may hold that capability still. */
        v->bad_index = NULL;
        v->refs++;
        if (capnp_i_refs_drop(&bad->refs))
                capnp_i_cap_gone(bad);
}
