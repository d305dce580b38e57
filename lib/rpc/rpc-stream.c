/*
 * Streams, seen by who writes: calls that return nothing but the permission to send more.
 *
 * The window is a number of bytes in flight per reference. A call that does not fit is sent all the
 * same and its caller told to wait, so the window is overrun by one call per writer at most. Every
 * writer that waits is called back, in the order in which they came.
 *
 * What is not a stream call waits behind the stream calls before it, and what comes behind that
 * waits with it: so a last, plain call says whether everything has arrived. A failure is kept for
 * the reference, whoever asks and however often: all that waits, and all that comes, fails with the
 * exception of the first stream call that failed. Other references to the same object go on.
 */
#include "rpc-stream.h"
#include "rpc-conn.h"

#include <errno.h>
#include <stdlib.h>

enum { WINDOW_BYTES = 64 * 1024 };

static capnp_exception flow_exception(const struct flow *f)
{
        capnp_exception why = {CAPNP_OVERLOADED, "out of memory"};

        (void)capnp_cap_is_broken(f->broken, &why);
        return why;
}

static void flow_run(struct event *e);

static struct flow *flow_of(capnp_cap *c)
{
        struct flow *f = c->flow;

        if (f)
                return f;

        f = calloc(1, sizeof(*f));
        if (!f)
                return NULL;

        capnp_i_event_init(&f->event, flow_run);
        capnp_i_list_init(&f->held);
        capnp_i_list_init(&f->writers);
        f->cap = c;
        f->window = WINDOW_BYTES;
        if (c->kind == CAP_IMPORT)
                f->window = capnp_i_cap_import(c)->wire.rpc->limits.window_bytes;
        c->flow = f;
        return f;
}

/* The event holds the reference, and with it the flow. */
static void flow_wake(struct flow *f)
{
        if (capnp_i_event_queued(&f->event))
                return;

        capnp_cap_ref(f->cap);
        capnp_i_event_queue(f->cap->vat, &f->event);
}

/* The first writer whose wait is over. */
static struct writer *flow_ready(struct flow *f)
{
        struct capnp_i_list *l;

        for (l = f->writers.next; l != &f->writers; l = l->next) {
                struct writer *w = CAPNP_I_OF(l, struct writer, link);

                if (w->end ? !f->unended : f->failed || f->in_flight < f->window)
                        return w;
        }

        return NULL;
}

/* ---- what is held --------------------------------------------------------------------------- */

static bool flow_may_send(const struct flow *f, const struct call *c)
{
        return f->failed || c->stream || !f->sent;
}

static void flow_send(struct flow *f, struct call *c)
{
        capnp_cap *target;

        if (f->failed) {
                capnp_i_call_fail_as(c, f->broken);
                return;
        }

        if (c->stream) {
                c->flowing = true;
                f->sent++;
        }
        target = capnp_cap_ref(c->target);
        capnp_i_call_deliver(c, target);
        capnp_cap_unref(target);
}

static void flow_release(struct flow *f)
{
        while (!capnp_i_list_empty(&f->held)) {
                struct waiter *w = CAPNP_I_OF(f->held.next, struct waiter, link);
                struct call *c = CAPNP_I_OF(w, struct call, waiter);

                if (!flow_may_send(f, c))
                        return;

                capnp_i_list_remove(&w->link);
                c->held = false;
                flow_send(f, c);
        }
}

bool capnp_i_flow_takes(struct call *c)
{
        struct flow *f = c->target ? c->target->flow : NULL;

        if (!f || c->ahead)
                return false;

        if (f->failed || !capnp_i_list_empty(&f->held) || !flow_may_send(f, c)) {
                capnp_i_call_ref(c); /* as delivering would */
                capnp_i_call_move(c, CALL_QUEUED);
                c->held = true;
                capnp_i_list_append(&f->held, &c->waiter.link);
                if (f->failed) /* said by the event, like all that comes of a call */
                        flow_wake(f);
                return true;
        }

        if (c->stream) {
                c->flowing = true;
                f->sent++;
        }
        return false;
}

static void flow_run(struct event *e)
{
        struct flow *f = CAPNP_I_OF(e, struct flow, event);
        capnp_cap *cap = f->cap;
        struct writer *w;

        flow_release(f);
        w = flow_ready(f);
        if (w) {
                struct writer now = *w;

                capnp_i_list_remove(&w->link);
                free(w);
                if (flow_ready(f))
                        flow_wake(f);
                now.fn(now.arg);
        }
        capnp_cap_unref(cap);
}

/* ---- what has ended ------------------------------------------------------------------------- */

void capnp_i_flow_returned(struct call *c)
{
        capnp_cap *cap = c->flow_cap;
        struct flow *f;

        if (!c->stream || !cap)
                return;

        f = cap->flow;
        c->flow_cap = NULL;
        f->in_flight -= c->window;
        f->unended--;
        if (c->flowing)
                f->sent--;
        if (c->failed && !f->failed) {
                f->failed = true;
                f->broken = capnp_cap_ref(capnp_i_call_broken(c));
        }

        if ((!capnp_i_list_empty(&f->held) && (f->failed || !f->sent)) || flow_ready(f))
                flow_wake(f);
        capnp_cap_unref(cap);
}

/* ---- for the program ------------------------------------------------------------------------ */

static int flow_wait(struct flow *f, bool end, void (*fn)(void *arg), void *arg)
{
        struct writer *w;

        if (!fn)
                return 0;

        w = malloc(sizeof(*w));
        if (!w)
                return -ENOMEM;

        *w = (struct writer){.end = end, .fn = fn, .arg = arg};
        capnp_i_list_append(&f->writers, &w->link);
        return 0;
}

int capnp_i_flow_enter(struct call *c, void (*ready)(void *arg), void *arg)
{
        struct flow *f = c->target ? flow_of(c->target) : NULL;
        struct frame *params;
        bool full;

        if (!c->target || (f && f->failed))
                return CAPNP_E_EXCEPTION;

        if (!f)
                return -ENOMEM;

        params = capnp_i_call_params(c);
        c->window = params ? capnp_msg_size(&params->msg) : 0;
        full = f->in_flight + c->window >= f->window;
        if (full && flow_wait(f, false, ready, arg))
                return -ENOMEM;

        c->stream = true;
        c->flow_cap = capnp_cap_ref(c->target);
        f->in_flight += c->window;
        f->unended++;
        return full ? CAPNP_E_LIMIT : 0;
}

int capnp_cap_stream_check(const capnp_cap *c, capnp_exception *ret_why)
{
        const struct flow *f = c ? c->flow : NULL;
        capnp_exception why;

        if (!f || !f->failed)
                return 0;

        why = flow_exception(f);
        if (ret_why)
                *ret_why = why;
        return why.kind == CAPNP_DISCONNECTED ? CAPNP_E_DISCONNECTED : CAPNP_E_EXCEPTION;
}

int capnp_cap_stream_finish(capnp_cap *c, void (*done)(void *arg), void *arg)
{
        struct flow *f = c ? c->flow : NULL;

        if (!f || !f->unended)
                return capnp_cap_stream_check(c, NULL);

        return flow_wait(f, true, done, arg) ? -ENOMEM : CAPNP_E_LIMIT;
}

void capnp_cap_stream_forget(capnp_cap *c, void (*fn)(void *arg), void *arg)
{
        struct flow *f = c ? c->flow : NULL;
        struct capnp_i_list *l, *next;

        if (!f)
                return;

        for (l = f->writers.next; l != &f->writers; l = next) {
                struct writer *w = CAPNP_I_OF(l, struct writer, link);

                next = l->next;
                if (w->fn != fn || w->arg != arg)
                        continue;

                capnp_i_list_remove(l);
                free(w);
        }
}
