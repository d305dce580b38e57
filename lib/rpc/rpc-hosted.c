/*
 * Objects of ours: how calls on one are served, and how it ends.
 *
 * A call that has come here is an event. What that runs is found by the generated table of the
 * interface, unless the program has one function for all (dispatch). When the last reference goes,
 * `gone` is an event too: no code of the application runs in the middle of something else.
 */
#include "rpc-stream.h"

#include <errno.h>
#include <stdlib.h>

static void hosted_tell(struct event *e)
{
        struct hosted *h = CAPNP_I_OF(e, struct hosted, event);

        h->gone(h->self);
        capnp_i_cap_end(&h->cap, NULL);
}

static void hosted_gone(capnp_cap *c)
{
        struct hosted *h = capnp_i_cap_hosted(c);

        capnp_i_gates_free(h);
        if (!h->gone)
                capnp_i_cap_end(c, NULL);
        else if (c->vat->dead) /* no queue will ever run again: now or never */
                hosted_tell(&h->event);
        else
                capnp_i_event_queue(c->vat, &h->event);
}

static capnp_cap *hosted_deliver(struct call *c, capnp_cap *to)
{
        capnp_i_call_move(c, CALL_HOSTED);
        capnp_i_call_set_target(c, to);
        capnp_i_call_due(c, DUE_RUN);
        return NULL;
}

/* ---- serving -------------------------------------------------------------------------------- */

/* Whether c is served now; if not, it waits behind a stream call or has failed. */
__attribute__((noinline)) static bool hosted_admits(struct call *c, struct hosted *h)
{
        capnp_cap *broken;
        enum gate_says says = capnp_i_gate_admits(c, h, &broken);

        if (says == GATE_FAILS)
                capnp_i_call_fail_as(c, broken);
        return says == GATE_OPEN;
}

static const struct capnp_interface_part *hosted_part(const struct hosted *h, uint64_t iface)
{
        uint16_t i;

        for (i = 0; i < h->iface->nparts; i++)
                if (h->iface->parts[i].iface->id == iface)
                        return &h->iface->parts[i];

        return NULL;
}

__attribute__((always_inline)) static inline void hosted_serve(struct call *c, struct hosted *h)
{
        const struct capnp_interface_part *part;
        capnp_handler *fn = NULL;

        c->started = true;
        if (h->dispatch) {
                (void)h->dispatch(h->self, (capnp_answer *)(void *)c);
                return;
        }

        part = hosted_part(h, c->iface);
        if (!part) {
                capnp_i_call_fail(c, CAPNP_UNIMPLEMENTED,
                                  "the object does not have this interface");
                return;
        }

        if (c->method < part->iface->nmethods) {
                c->m = &part->iface->methods[c->method];
                memcpy(&fn, (const char *)h->ops + part->offset + c->method * sizeof(fn),
                       sizeof(fn));
        }

        if (!fn) {
                capnp_i_call_fail(c, CAPNP_UNIMPLEMENTED, "the object does not have this method");
                return;
        }

        if (c->m->stream && capnp_i_gate_shut(c, h))
                capnp_i_call_fail(c, CAPNP_OVERLOADED, "out of memory");
        else
                (void)fn(h->self, (capnp_answer *)(void *)c);
}

static void hosted_run(struct call *c)
{
        struct hosted *h = capnp_i_cap_hosted(c->target);

        if ((!c->gate && capnp_i_list_empty(&h->gates)) || hosted_admits(c, h))
                hosted_serve(c, h);
        if (c->gate)
                capnp_i_call_leave_gate(c, false);
}

/* ---- making one ----------------------------------------------------------------------------- */

static const struct cap_ops hosted_ops = {
        .class = CAP_CLASS,
        .gone = hosted_gone,
        .deliver = hosted_deliver,
        .run = hosted_run,
};

int capnp_cap_new(capnp_vat *v, const struct capnp_interface *i, const void *ops, void *self,
                  capnp_cap **ret_c)
{
        struct hosted *h = calloc(1, sizeof(*h));

        if (!h)
                return -ENOMEM;

        capnp_i_cap_init(&h->cap, v, CAP_HOSTED, &hosted_ops);
        h->iface = i;
        h->ops = ops;
        memcpy(&h->gone, ops, sizeof(h->gone));
        h->self = self;
        capnp_i_event_init(&h->event, hosted_tell);
        capnp_i_list_init(&h->gates);
        *ret_c = &h->cap;
        return 0;
}

int capnp_cap_new_dispatch(capnp_vat *v, capnp_handler *dispatch, void (*gone)(void *self),
                           void *self, capnp_cap **ret_c)
{
        struct hosted *h = calloc(1, sizeof(*h));

        if (!h)
                return -ENOMEM;

        capnp_i_cap_init(&h->cap, v, CAP_HOSTED, &hosted_ops);
        h->dispatch = dispatch;
        h->gone = gone;
        h->self = self;
        capnp_i_event_init(&h->event, hosted_tell);
        capnp_i_list_init(&h->gates);
        *ret_c = &h->cap;
        return 0;
}
