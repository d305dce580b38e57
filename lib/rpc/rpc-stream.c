/*
 * Streams: calls that return nothing but the permission to send more.
 *
 * The window is a number of bytes in flight per target. A call that does not fit is sent all the
 * same and its caller told to wait, so the window is overrun by one call at most. A failure is kept
 * and told to the next one who writes to the same reference; calls of other kinds are not touched.
 */
#include "rpc-internal.h"

#include <errno.h>
#include <stdlib.h>

struct flow {
        struct event event;
        capnp_cap *cap; /* whose we are; it owns us */
        uint64_t in_flight, window;
        bool failed, waiting;
        enum capnp_kind kind;
        void (*ready)(void *arg);
        void *arg;
};

enum { WINDOW_BYTES = 64 * 1024 };

static void flow_ready(struct event *e)
{
        struct flow *f = CAPNP_I_OF(e, struct flow, event);
        void (*ready)(void *arg) = f->ready;
        capnp_cap *cap = f->cap;
        void *arg = f->arg;

        f->ready = NULL;
        if (ready)
                ready(arg);
        capnp_cap_unref(cap);
}

static struct flow *flow_of(capnp_cap *c)
{
        struct flow *f = c->flow;

        if (f)
                return f;

        f = calloc(1, sizeof(*f));
        if (!f)
                return NULL;

        capnp_i_event_init(&f->event, flow_ready);
        f->cap = c;
        f->window = WINDOW_BYTES;
        if (c->kind == CAP_IMPORT)
                f->window = capnp_i_cap_import(c)->wire.rpc->limits.window_bytes;
        c->flow = f;
        return f;
}

void capnp_i_flow_free(struct flow *f)
{
        free(f);
}

void capnp_i_flow_returned(struct call *c)
{
        capnp_cap *cap = c->flow_cap;
        struct flow *f;

        if (!c->stream || !cap)
                return;

        f = cap->flow;
        c->flow_cap = NULL;
        f->in_flight -= c->window;
        if (c->failed && !f->failed) {
                f->failed = true;
                f->kind = c->kind;
        }

        if (f->ready && f->in_flight < f->window && !capnp_i_event_queued(&f->event)) {
                capnp_cap_ref(cap);
                capnp_i_event_queue(cap->vat, &f->event);
        }

        capnp_cap_unref(cap);
}

int capnp_question_stream(capnp_question *q, void (*ready)(void *arg), void *arg)
{
        struct call *c = (struct call *)(void *)q;
        capnp_cap *target;
        struct flow *f;
        int r = 0;

        if (!c)
                return -ENOMEM;

        target = c->target;
        f = target ? flow_of(target) : NULL;
        if (!f || f->failed) {
                r = !target || f ? CAPNP_E_EXCEPTION : -ENOMEM;
                if (f)
                        f->failed = false; /* told once */
                capnp_question_free(q);
                return r;
        }

        c->stream = true;
        c->window = c->params ? capnp_msg_size(&c->params->msg) : 0;
        c->flow_cap = capnp_cap_ref(target);
        f->in_flight += c->window;
        if (f->in_flight >= f->window) {
                f->ready = ready;
                f->arg = arg;
                r = CAPNP_E_LIMIT;
        }

        capnp_question_detach(q);
        return r;
}
