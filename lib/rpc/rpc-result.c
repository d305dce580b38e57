/*
 * The results of a call: references to what they will hold, and what those become.
 *
 * A reference that is handed out early is a promise in the set of its call (rpc-pipe.c). When the
 * call has returned it becomes what is in the results, or, when another call returns for it, that
 * one's reference of the same path. Crossings of membranes are undone on the way.
 */
#include "rpc-internal.h"

#include <stdlib.h>

capnp_cap *capnp_i_call_new_pipe(struct call *c, const uint16_t *path, uint16_t n)
{
        struct promise *p = capnp_i_promise_make(c->vat);
        capnp_rpc *payer = capnp_i_call_payer(c);

        if (!p)
                return NULL;

        p->path = n <= PATH_SHORT ? p->short_path : malloc(n * sizeof(*path));
        for (uint16_t i = 0; p->path && i < n; i++)
                p->path[i] = path[i];
        p->npath = n;
        if (!p->path || capnp_i_pipes_add(&c->pipes, p)) {
                capnp_cap_unref(&p->cap);
                return NULL;
        }

        if (payer)
                capnp_i_charge(&p->charge, payer, COST_PROMISE + n * sizeof(*path), FOR_ANYTHING);
        p->source = capnp_i_call_ref(c);
        c->callers++;
        return &p->cap;
}

/* It leaves again when its embargo is lifted: promise_detach(). */
static void call_keep_early(struct call *c, struct promise *p)
{
        if (!c->early) {
                c->early = malloc(sizeof(*c->early));
                if (c->early)
                        capnp_i_pipes_init(c->early);
        }
        if (!c->early || capnp_i_pipes_add(c->early, p)) {
                capnp_i_table_embargo_forget(p->embargo_rpc, p->embargo);
                capnp_i_promise_settle_broken(p, CAPNP_OVERLOADED, "out of memory");
                return;
        }

        capnp_cap_ref(&p->cap);
}

/* What c itself says about a result. */
static inline capnp_cap *call_pipe_here(struct call *c, const uint16_t *path, uint16_t n)
{
        struct promise *p;

        if (c->done && c->failed)
                return capnp_cap_ref(capnp_i_call_broken(c));

        if (c->done || c->piped)
                return capnp_cap_ref(capnp_i_call_result_cap(c, path, n));

        /* What it was before the peer said to take it from another call. While calls made on it
         * are under way it stands before what the other call gives. */
        p = c->early ? capnp_i_pipes_find(c->early, path, n) : NULL;
        if (p)
                return capnp_cap_ref(&p->cap);

        p = capnp_i_pipes_find(&c->pipes, path, n);
        return p ? capnp_cap_ref(&p->cap) : capnp_i_call_new_pipe(c, path, n);
}

/* What it is on the caller's side of the membranes that c has crossed. */
static inline capnp_cap *call_pipe_out(const struct call *c, capnp_cap *cap)
{
        struct crossing *x;

        if (c->done) /* results have been unwrapped already */
                return cap;

        for (x = c->crossings; x; x = x->outer) {
                capnp_cap *wrapped = capnp_i_membrane_cross(x->membrane, cap, !x->inward);

                capnp_cap_unref(cap);
                cap = wrapped;
        }

        return cap;
}

/* Down a chain of tails, which is as long as a peer likes, to who knows, and up again. */
__attribute__((noinline)) static capnp_cap *call_pipe_tail(struct call *c, const uint16_t *path,
                                                           uint16_t n)
{
        struct call *at = c;
        capnp_cap *cap;

        while (at->tail && !at->done && !at->piped &&
               !(at->early && capnp_i_pipes_find(at->early, path, n)))
                at = at->tail;
        cap = call_pipe_here(at, path, n);
        for (; at != c; at = at->parent)
                cap = call_pipe_out(at, cap);
        return cap;
}

capnp_cap *capnp_i_call_pipe(struct call *c, const uint16_t *path, uint16_t n)
{
        return c->tail ? call_pipe_tail(c, path, n) : call_pipe_here(c, path, n);
}

capnp_cap *capnp_i_call_pipe_outer(struct call *c, const uint16_t *path, uint16_t n)
{
        return call_pipe_out(c, capnp_i_call_pipe(c, path, n));
}

/* p takes the place of the result that it stands for, so that whoever reads that keeps the order as
 * well. */
static void call_put(struct call *c, struct promise *p, uint32_t i)
{
        capnp_cap *was;

        if (i >= c->results->msg.ncaps)
                return;

        was = c->results->msg.caps[i];
        c->results->msg.caps[i] = capnp_cap_ref(&p->cap);
        capnp_cap_unref(was);
}

/* The references handed out early become what the results hold, or are embargoed. */
void capnp_i_call_settle_pipes(struct call *c)
{
        struct capnp_i_list *l;

        while ((l = c->pipes.list.next) != &c->pipes.list) {
                struct promise *p = CAPNP_I_OF(l, struct promise, source_link);
                uint32_t i = c->failed || !c->results
                                     ? NO_ID
                                     : capnp_i_frame_cap_index(c->results, p->path, p->npath);

                c->vat->steps++;
                capnp_cap_ref(&p->cap);
                if (c->failed)
                        capnp_i_promise_settle(p, capnp_i_call_broken(c), false);
                else if (i == NO_ID)
                        capnp_i_promise_settle(p, NULL, false);
                else
                        capnp_i_promise_settle(p, capnp_msg_cap_peek(&c->results->msg, i),
                                               c->state == CALL_REMOTE &&
                                                       capnp_i_desc_result_is_ours(c->results, i));

                if (p->state == PROMISE_EMBARGOED)
                        call_put(c, p, i);
                capnp_cap_unref(&p->cap);
        }
}

/* ---- the outcome ---------------------------------------------------------------------------- */

static void call_take_results(struct call *c, struct call *t)
{
        int r = 0;

        if (t->failed) {
                capnp_i_call_set_exception_more(c, capnp_i_call_exception(t),
                                                capnp_i_more_ref(t->more));
                c->refused = t->refused;
                return;
        }

        capnp_i_frame_unref(c->results);
        c->results = NULL;
        if (!t->results)
                return;

        /* Both might rewrite the capability table: each needs its own. */
        c->results = (c->crossings || c->early) && t->yourself
                             ? capnp_i_frame_copy(c->vat, t->results, &r)
                             : capnp_i_frame_ref(t->results);
        if (r)
                capnp_i_call_set_exception(c, CAPNP_FAILED, "the results are malformed");
}

static void call_put_early(struct call *c)
{
        struct capnp_i_list *l;

        if (!c->early || !c->results || c->failed)
                return;

        for (l = c->early->list.next; l != &c->early->list; l = l->next) {
                struct promise *p = CAPNP_I_OF(l, struct promise, source_link);

                c->vat->steps++;
                call_put(c, p, capnp_i_frame_cap_index(c->results, p->path, p->npath));
        }
}

/* A parent gets what its tail has. */
static void call_hand_to(struct call *c, struct call *parent)
{
        parent->tail = NULL;
        if (parent->done)
                return;

        call_take_results(parent, c);
        call_put_early(parent);
}

void capnp_i_result_settle(struct call *c)
{
        capnp_i_call_settle_pipes(c);
        if (c->crossings)
                capnp_i_membrane_return(c);
        c->done = true;
        if (c->stream)
                capnp_i_flow_returned(c);
}

void capnp_i_result_hand_up(struct call *c)
{
        struct call *parent = c->parent;

        c->parent = NULL;
        if (parent)
                call_hand_to(c, parent);
}

void capnp_i_call_follow(struct call *c, struct call *t)
{
        bool ours = c->state == CALL_REMOTE; /* the peer has said so: takeFromOtherQuestion */
        bool dropped;
        struct capnp_i_list *l;

        capnp_i_call_ref(c);
        c->callers++; /* settling may drop all others, before it is known whom to tell */
        t->callers++;
        while ((l = c->pipes.list.next) != &c->pipes.list) {
                struct promise *p = CAPNP_I_OF(l, struct promise, source_link);
                capnp_cap *np = capnp_i_call_pipe_outer(t, p->path, p->npath);

                c->vat->steps++;
                capnp_cap_ref(&p->cap);
                if (capnp_i_call_pipe_failed(t, np))
                        capnp_i_promise_settle_broken(p, CAPNP_OVERLOADED, "out of memory");
                else
                        capnp_i_promise_settle(p, np, ours);
                if (p->state == PROMISE_EMBARGOED)
                        call_keep_early(c, p);
                capnp_cap_unref(np);
                capnp_cap_unref(&p->cap);
        }

        capnp_i_call_move(c, CALL_TAILED);
        c->tail = t;
        capnp_i_call_drop_params(c);
        if (c->canceled)
                capnp_i_call_cancel_tail(c);
        if (t->done) {
                dropped = c->canceled;
                call_hand_to(t, c);
                capnp_i_call_return(c);
                if (!dropped)
                        capnp_i_call_drop_caller(t);
        } else {
                t->parent = c;
        }
        capnp_i_call_drop_caller(c);
        capnp_i_call_unref(c);
}
