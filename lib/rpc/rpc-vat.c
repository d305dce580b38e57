/*
 * The vat: one queue of events, and the only function that runs any of them.
 *
 * Application code runs from capnp_rpc_step() and from nowhere else (but for policies of membranes,
 * see rpc-membrane.c), so no API call can re-enter its caller, and no destructor runs in the middle
 * of anything. An event is a list node inside the object it is about; queueing it cannot fail.
 * Order in the queue is order of cause, which is half of E-order: two calls on one object of ours
 * are two events.
 *
 * The struct outlives capnp_vat_free() for as long as references point to it, so that dropping one
 * late is harmless.
 */
#include "rpc-internal.h"

#include <errno.h>
#include <stdlib.h>

int capnp_vat_new_bare(capnp_vat **ret_v)
{
        capnp_vat *v = calloc(1, sizeof(*v));

        if (!v)
                return -ENOMEM;

        v->refs = 1;
        capnp_i_list_init(&v->events);
        capnp_i_list_init(&v->rpcs);
        capnp_i_list_init(&v->doomed);
        capnp_i_list_init(&v->settled);
        capnp_i_list_init(&v->sent);
        capnp_i_list_init(&v->stale);
        capnp_i_event_init(&v->freshen, capnp_i_cap_freshen);
        capnp_i_envelopes_init(&v->envelopes);
        for (unsigned i = 0; i < POOL_COUNT; i++)
                capnp_i_recycle_init(&v->pools[i]);
        v->bad_index = capnp_cap_new_broken(
                v, (capnp_exception){CAPNP_FAILED, "the message has no such capability"});
        if (!v->bad_index) {
                free(v);
                return -ENOMEM;
        }

        v->refs--; /* its own reference to the vat would keep both for ever */
        *ret_v = v;
        return 0;
}

void capnp_i_vat_last(capnp_vat *v)
{
        capnp_cap *bad = v->bad_index;

        if (!bad) {
                for (unsigned i = 0; i < POOL_COUNT; i++)
                        capnp_i_recycle_clear(&v->pools[i]);
                free(v);
                return;
        }

        /* The reference that was not counted above: somebody may hold that capability still. */
        v->bad_index = NULL;
        v->refs++;
        capnp_cap_unref(bad);
}

void capnp_i_vat_set_loop(capnp_vat *v, const struct capnp_i_loop *loop, void *self)
{
        v->loop = loop;
        v->loop_self = self;
}

void *capnp_i_vat_loop(const capnp_vat *v)
{
        return v->loop_self;
}

void capnp_vat_end(capnp_vat *v)
{
        capnp_exception gone = {CAPNP_DISCONNECTED, "the vat is gone"};
        struct capnp_i_list *l, *next;

        if (v->loop)
                v->loop->free(v);
        v->loop = NULL;

        for (l = v->rpcs.next; l != &v->rpcs; l = next) {
                next = l->next;
                capnp_rpc_close(CAPNP_I_OF(l, capnp_rpc, link), gone);
        }

        while (capnp_rpc_step(v))
                ;
}

uint32_t capnp_vat_count(const capnp_vat *v, struct capnp_rpc_counts *ret_n)
{
        const struct capnp_i_list *l;

        *ret_n = (struct capnp_rpc_counts){0};
        for (l = v->rpcs.next; l != &v->rpcs; l = l->next) {
                struct capnp_rpc_counts n;

                capnp_rpc_count(CAPNP_I_OF(l, capnp_rpc, link), &n);
                ret_n->questions += n.questions;
                ret_n->answers += n.answers;
                ret_n->exports += n.exports;
                ret_n->imports += n.imports;
                ret_n->embargoes += n.embargoes;
                ret_n->held_bytes += n.held_bytes;
                ret_n->out_bytes += n.out_bytes;
                ret_n->rate += n.rate;
                ret_n->calls_in += n.calls_in;
                ret_n->calls_out += n.calls_out;
        }
        return v->refs - 1;
}

capnp_vat *capnp_vat_free(capnp_vat *v)
{
        if (!v)
                return NULL;

        capnp_vat_end(v);
        v->dead = true;
        /* What is kept for those who wrote a stream to it points to the vat, as nothing of it may.
         */
        capnp_i_flow_free(v->bad_index->flow);
        v->bad_index->flow = NULL;
        capnp_i_vat_unref(v);
        return NULL;
}

uint64_t capnp_vat_held_bytes(const capnp_vat *v)
{
        const struct capnp_i_list *l;
        uint64_t bytes = 0;

        for (l = v->rpcs.next; l != &v->rpcs; l = l->next)
                bytes += CAPNP_I_OF(l, capnp_rpc, link)->held;
        return bytes;
}

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
