/*
 * The caller's face of a call. A question keeps its first error (no memory at all is the NULL
 * question), so a program can begin five calls, fill them in and wait for the last, and check once.
 */
#include "rpc-stream.h"

#include <errno.h>
#include <stdlib.h>

static struct call *question_call(const capnp_question *q)
{
        return (struct call *)(uintptr_t)q;
}

capnp_question *capnp_question_new_any(capnp_vat *v, capnp_cap *target, uint64_t interface,
                                       uint16_t method)
{
        struct call *c = capnp_i_call_new(v, &capnp_i_question_caller);

        if (!c)
                return NULL;

        c->bare = true;
        c->target = capnp_cap_ref(target);
        c->iface = interface;
        c->method = method;
        return (capnp_question *)(void *)c;
}

capnp_question *capnp_question_new(capnp_cap *target, const struct capnp_interface *i,
                                   uint16_t method)
{
        capnp_question *q =
                target ? capnp_question_new_any(target->vat, target, i->id, method) : NULL;

        if (q && method < i->nmethods)
                question_call(q)->m = &i->methods[method];
        return q;
}

capnp_abuilder capnp_question_params_any(capnp_question *q)
{
        struct call *c = question_call(q);

        if (!c || c->state != CALL_NEW)
                return (capnp_abuilder){0};

        if (c->bare) {
                c->params = capnp_i_frame_new(c->vat);
                c->unfilled |= !c->params;
                c->bare = false;
        }
        if (!c->params)
                return (capnp_abuilder){0};

        return capnp_i_frame_content(c->params);
}

capnp_builder capnp_question_params(capnp_question *q)
{
        struct call *c = question_call(q);

        if (!c || c->state != CALL_NEW || !c->m)
                return (capnp_builder){0};

        if (!c->params_root.d)
                c->params_root = capnp_abuilder_init_struct(capnp_question_params_any(q),
                                                            c->m->params_words, c->m->params_ptrs);
        return c->params_root;
}

/* The unsent call that a reference is a result of; NULL: it hangs on nothing of ours. */
static struct call *question_unsent(capnp_cap *c)
{
        struct promise *p = capnp_i_cap_pending(capnp_i_cap_final(c));

        return p && p->source && p->source->state == CALL_NEW ? p->source : NULL;
}

/* The first unsent call that c hangs on, by its target or by a parameter. */
static struct call *question_base(struct call *c)
{
        struct call *base = question_unsent(c->target);
        uint32_t i;

        for (i = 0; !base && c->params && i < c->params->msg.ncaps; i++)
                base = question_unsent(c->params->msg.caps[i]);

        return base != c ? base : NULL;
}

static void question_send_one(struct call *c)
{
        capnp_cap *target;
        int r;

        if (c->m && c->params && !c->params_root.d)
                (void)capnp_question_params((capnp_question *)(void *)c);

        c->unpiped = c->m && !c->m->results_ptrs && capnp_i_list_empty(&c->pipes.list);
        r = c->params ? capnp_msg_check(&c->params->msg) : 0;
        if (!r && c->unfilled)
                r = -ENOMEM;
        if (r) {
                capnp_i_call_ref(c); /* as delivering would */
                capnp_i_call_move(c, CALL_QUEUED);
                capnp_i_call_fail_error(c, r);
                return;
        }

        if (c->target && c->target->flow && capnp_i_flow_takes(c))
                return;

        target = capnp_cap_ref(c->target);
        capnp_i_call_deliver(c, target);
        capnp_cap_unref(target);
}

/* The unsent call that c hangs on in the end. One that hangs on itself is found to, too. */
static struct call *question_deepest(struct call *c)
{
        struct call *mark = c, *base;
        unsigned steps = 0, mark_at = 1;

        while ((base = question_base(c)) && base != mark) {
                c = base;
                if (++steps == mark_at) {
                        mark = c;
                        mark_at *= 2;
                }
        }

        return c;
}

/* Sends everything unsent that c hangs on, the deepest first, then c. */
static void question_send_all(struct call *c)
{
        while (c->state == CALL_NEW && !c->done)
                question_send_one(question_deepest(c));
}

/* One that was sent from inside a policy, now that nothing can be re-entered any more. */
static void question_send_later(struct call *c)
{
        if (c->state != CALL_NEW || c->done)
                return;

        if (c->canceled)
                capnp_i_call_fail(c, CAPNP_FAILED, "the call was never sent");
        else
                question_send_all(c);
}

static void question_returned(struct call *c)
{
        capnp_i_result_settle(c);
        capnp_i_result_hand_up(c);
        if (c->on_done)
                capnp_i_call_due(c, DUE_DONE);
}

const struct caller capnp_i_question_caller = {question_returned, question_send_later};

void capnp_question_send(capnp_question *q, void (*done)(capnp_question *q, int r, void *arg),
                         void *arg)
{
        struct call *c = question_call(q);

        if (!c)
                return;

        c->on_done = done;
        c->done_arg = arg;
        if (c->state == CALL_NEW && !c->done && c->vat->asking)
                capnp_i_call_due(c, DUE_SEND);
        else if (c->state == CALL_NEW && !c->done)
                question_send_all(c);
        else if (c->done && done)
                capnp_i_call_due(c, DUE_DONE);
}

int capnp_question_wait(capnp_question *q)
{
        struct call *c = question_call(q);
        int r;

        if (!c)
                return -ENOMEM;

        if (c->vat->running || c->vat->asking)
                return -EDEADLK;

        question_send_all(c);
        while (!c->done) {
                if (capnp_rpc_step(c->vat))
                        continue;

                if (!c->vat->loop)
                        return -EDEADLK;

                r = c->vat->loop->turn(c->vat);
                if (r)
                        return r;
        }

        return c->result;
}

bool capnp_question_is_done(const capnp_question *q)
{
        return q && question_call(q)->done;
}

int capnp_question_result(const capnp_question *q)
{
        if (!q)
                return -ENOMEM;

        return question_call(q)->done ? question_call(q)->result : -EAGAIN;
}

capnp_exception capnp_question_exception(const capnp_question *q)
{
        if (!q)
                return (capnp_exception){CAPNP_FAILED, "out of memory, or a null capability"};

        return capnp_i_call_exception(question_call(q));
}

struct capnp_exception_more capnp_question_exception_more(const capnp_question *q)
{
        return capnp_i_more_peek(q ? question_call(q)->more : NULL);
}

capnp_any capnp_question_response_any(capnp_question *q)
{
        struct call *c = question_call(q);

        if (!c || !c->done || c->failed || !c->results)
                return (capnp_any){0};

        return c->results->content;
}

capnp_reader capnp_question_response(capnp_question *q)
{
        return capnp_any_struct(capnp_question_response_any(q), NULL);
}

int capnp_question_check(const capnp_question *q)
{
        const struct call *c = question_call(q);
        int r = capnp_question_result(q);

        if (r || !c->results)
                return r;

        return capnp_msg_check(&c->results->msg);
}

static struct peek *question_new_peek(struct call *c, unsigned n)
{
        struct recycle *pool = &c->vat->pools[POOL_PEEKS];
        struct peek *k =
                n <= PATH_SHORT
                        ? capnp_i_recycle_take(pool, sizeof(*k) + PATH_SHORT * sizeof(*k->path))
                        : malloc(sizeof(*k) + n * sizeof(*k->path));

        if (k)
                k->npath = (uint16_t)n;
        return k;
}

static void question_free_peek(struct call *c, struct peek *k)
{
        if (k->npath <= PATH_SHORT)
                capnp_i_recycle_free(&c->vat->pools[POOL_PEEKS], k);
        else
                free(k);
}

static struct peek *question_find_peek(struct call *c, const uint16_t *path, uint16_t n)
{
        struct peek *k;

        for (k = c->peeks; k; k = k->next)
                if (k->npath == n && (!n || !memcmp(k->path, path, n * sizeof(*path))))
                        return k;

        return NULL;
}

capnp_cap *capnp_question_cap_peek(capnp_question *q, const uint16_t *path, unsigned n)
{
        struct call *c = question_call(q);
        capnp_cap *returned;
        struct peek *k;

        if (!c)
                return NULL;

        k = question_find_peek(c, path, (uint16_t)n);
        if (c->done && !c->failed) {
                /* What was lent before keeps the order, unless it has become null. */
                returned = capnp_i_call_result_cap(c, path, (uint16_t)n);
                return returned && k ? k->cap : returned;
        }

        if (k)
                return k->cap;

        k = question_new_peek(c, n);
        if (!k)
                return NULL;

        k->cap = capnp_i_call_pipe_outer(c, path, (uint16_t)n);
        if (capnp_i_call_pipe_failed(c, k->cap)) {
                question_free_peek(c, k);
                return NULL;
        }

        if (n)
                memcpy(k->path, path, n * sizeof(*path));
        k->next = c->peeks;
        c->peeks = k;
        return k->cap;
}

void capnp_question_detach(capnp_question *q)
{
        struct call *c = question_call(q);

        if (!c)
                return;

        /* The callee's reference keeps it; nobody is left who could cancel. */
        c->callers++;
        capnp_question_send(q, NULL, NULL);
        capnp_question_free(q);
}

static void question_drop_peeks(struct call *c)
{
        struct peek *k;

        while ((k = c->peeks)) {
                c->peeks = k->next;
                capnp_cap_unref(k->cap);
                question_free_peek(c, k);
        }
}

void capnp_question_pipeline(capnp_question *q)
{
        struct call *c = question_call(q);

        if (!c)
                return;

        question_drop_peeks(c);
        if (c->state == CALL_NEW && c->callers > 1) {
                c->silent = true;
                capnp_question_send(q, NULL, NULL);
        }
        capnp_question_free(q);
}

capnp_question *capnp_question_free(capnp_question *q)
{
        struct call *c = question_call(q);

        if (!c)
                return NULL;

        c->on_done = NULL;
        question_drop_peeks(c);
        if (c->state == CALL_NEW && !c->done && !(c->due & DUE_SEND))
                capnp_i_call_fail(c, CAPNP_FAILED, "the call was never sent");
        capnp_i_call_drop_caller(c);
        capnp_i_call_unref(c);
        return NULL;
}

int capnp_question_stream(capnp_question *q, void (*ready)(void *arg), void *arg)
{
        int r = q ? capnp_i_flow_enter(question_call(q), ready, arg) : -ENOMEM;

        if (!r || r == CAPNP_E_LIMIT)
                capnp_question_detach(q);
        else
                capnp_question_free(q);
        return r;
}
