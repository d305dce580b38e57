/*
 * Waiting for what a reference will be.
 *
 * Whoever waits stands at the promise that the reference waits for by now, through membranes too.
 * When that is settled it looks again, by an event: there may be another one behind. An embargo is
 * part of it, because a promise is settled only when the last call before has arrived; and that
 * event comes behind those of the calls that waited.
 */
#include "rpc-promise.h"

#include <errno.h>
#include <stdlib.h>

struct capnp_wait {
        struct capnp_i_list link; /* promise.waits */
        struct event event;
        capnp_cap *cap;
        void (*fn)(void *arg); /* NULL: has been called */
        void *arg;
};

static void wait_run(struct event *e)
{
        capnp_wait *w = CAPNP_I_OF(e, capnp_wait, event);
        struct promise *p = capnp_i_cap_pending(capnp_i_cap_final(w->cap));
        void (*fn)(void *arg) = w->fn;

        if (p) {
                capnp_i_list_append(&p->waits, &w->link);
                return;
        }

        w->fn = NULL;
        fn(w->arg);
}

void capnp_i_waits_end(capnp_vat *v, struct capnp_i_list *waits)
{
        struct capnp_i_list *l;

        while ((l = capnp_i_list_pop(waits)))
                capnp_i_event_queue(v, &CAPNP_I_OF(l, capnp_wait, link)->event);
}

int capnp_wait_new(capnp_cap *c, void (*fn)(void *arg), void *arg, capnp_wait **ret_w)
{
        capnp_wait *w = malloc(sizeof(*w));

        if (!w)
                return -ENOMEM;

        *w = (capnp_wait){.cap = capnp_cap_ref(c), .fn = fn, .arg = arg};
        capnp_i_list_init(&w->link);
        capnp_i_event_init(&w->event, wait_run);
        capnp_i_event_queue(c->vat, &w->event);
        *ret_w = w;
        return 0;
}

capnp_wait *capnp_wait_free(capnp_wait *w)
{
        if (!w)
                return NULL;

        capnp_i_list_remove(&w->link);
        capnp_i_list_remove(&w->event.link);
        capnp_cap_unref(w->cap);
        free(w);
        return NULL;
}
