/*
 * The vat: how it begins, and how it ends with all of its connections.
 *
 * The struct outlives capnp_vat_free() for as long as references point to it, so that dropping one
 * late is harmless.
 */
#include "rpc-conn.h"

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
        capnp_i_cap_drop_flow(v->bad_index);
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
