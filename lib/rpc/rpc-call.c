/*
 * Calls. One object is a call from its first parameter to its last trace, whoever makes it and
 * whoever serves it; capnp_question and capnp_answer are its two faces.
 *
 *      caller's side                                   callee's side
 *      a question of ours (on_done)        ┐           ┌ CALL_QUEUED  in the FIFO of a promise
 *      a peer's question (peer, peer_id)   ├── call ───┤ CALL_HOSTED  an object of ours
 *      another call (parent)               │           │ CALL_REMOTE  a peer (out, out_id)
 *      references to its results (pipes)   ┘           └ CALL_TAILED  another call (tail)
 *
 * So a relay is nothing special: it is a call with a peer on either side. Question is matched to
 * question and Finish to Finish because there is one object, and a payload that passes through is a
 * pointer that moves.
 *
 * Two lives end apart. `done` says that the caller's side has its outcome; CALL_ENDED that nobody
 * serves the call any more. They coincide in the ordinary case. A revoked call is done while its
 * handler still runs; a canceled one has no callers left and is neither done nor ended until its
 * handler ends it, because cancellation is a notice, never a destruction.
 *
 * `callers` counts who still wants the result. The last one to go cancels. Pipelined references are
 * callers: what was sent along keeps alive what it hangs on.
 *
 * A call that is canceled while it waits in a FIFO is taken out of it, unless its Finish says that
 * it must be delivered first (rpc.capnp, requireEarlyCancellationWorkaround): peers older than 1.0
 * never say otherwise, and their programs drop what they have sent. Such a call waits on, is
 * delivered in its turn, and only then is whoever serves it told.
 */
#include "rpc-internal.h"

#include <errno.h>
#include <stdlib.h>

enum { CALL_REST = offsetof(struct call, event) };

static void call_run(struct event *e);

/* The second half, in which there is nothing yet. */
static void call_init_rest(struct call *c)
{
        capnp_i_zero((char *)c + CALL_REST, offsetof(struct call, own) - CALL_REST);
        c->waiter.is_call = true;
        capnp_i_event_init(&c->event, call_run);
        capnp_i_list_init(&c->waiter.link);
        capnp_i_pipes_init(&c->pipes);
}

struct call *capnp_i_call_make(void)
{
        struct call *c = malloc(sizeof(*c));

        if (c)
                call_init_rest(c);
        return c;
}

static void call_drop_early(struct call *c)
{
        struct pipes *early = c->early;
        struct capnp_i_list *l;

        if (!early)
                return;

        c->early = NULL;
        while ((l = early->list.next) != &early->list) {
                struct promise *p = CAPNP_I_OF(l, struct promise, source_link);

                capnp_i_pipes_remove(p);
                capnp_cap_unref(&p->cap);
        }
        free(early);
}

__attribute__((noinline)) static void call_free_rest(struct call *c)
{
        assert(!capnp_i_event_queued(&c->event) && capnp_i_list_empty(&c->waiter.link));
        assert(!c->pipes.n);
        call_drop_early(c);
        if (c->state != CALL_ENDED)
                capnp_i_call_drop_params(c);
        capnp_i_frame_unref(c->results);
        if (c->param_ids.n | c->result_ids.n) {
                capnp_i_wire_ids_clear(&c->param_ids);
                capnp_i_wire_ids_clear(&c->result_ids);
        }
        if (c->failed) {
                capnp_cap_unref(c->broken);
                free(c->reason);
                capnp_i_more_unref(c->more);
        }
        if (c->flow_cap)
                capnp_cap_unref(c->flow_cap);
        if (c->out)
                capnp_i_rpc_unref(c->out);
        call_init_rest(c);
}

void capnp_i_call_last(struct call *c)
{
        capnp_vat *v = c->vat;

        if (!c->light)
                call_free_rest(c);
        capnp_i_uncharge(&c->charge.kept);
        if (c->peer)
                capnp_i_rpc_unref(c->peer);
        capnp_i_recycle_free(&v->pools[POOL_CALLS], c);
        capnp_i_vat_unref(v);
}

void capnp_i_call_due(struct call *c, uint8_t what)
{
        if (c->vat->dead)
                return;

        if (!c->due)
                capnp_i_call_ref(c);
        c->due |= what;
        capnp_i_event_queue(c->vat, &c->event);
}

void capnp_i_call_drop_params(struct call *c)
{
        capnp_cap *target = c->target;

        if (c->charge.params)
                capnp_i_charge_end_params(&c->charge, c->peer);
        c->params = capnp_i_frame_unref(c->params);
        capnp_i_own_drop(c);
        c->bare = false;
        c->params_root = (capnp_builder){0};
        c->target = NULL;
        capnp_cap_unref(target);
}

void capnp_i_call_set_exception_more(struct call *c, capnp_exception why, struct more *more)
{
        if (c->failed) {
                capnp_i_more_unref(more);
                return;
        }

        c->failed = true;
        c->kind = (uint8_t)why.kind;
        c->result = why.kind == CAPNP_DISCONNECTED ? CAPNP_E_DISCONNECTED : CAPNP_E_EXCEPTION;
        c->reason = strndup(why.reason, strnlen(why.reason, REASON_BYTES - 1));
        c->more = more;
}

void capnp_i_call_set_exception(struct call *c, enum capnp_kind kind, const char *reason)
{
        capnp_i_call_set_exception_more(c, (capnp_exception){kind, reason}, NULL);
}

void capnp_i_call_fail_as(struct call *c, capnp_cap *broken)
{
        struct broken *b = broken ? capnp_i_cap_broken(broken) : NULL;

        if (!b) {
                capnp_i_call_fail(c, CAPNP_OVERLOADED, "out of memory");
                return;
        }

        if (!c->done)
                capnp_i_call_set_exception_more(c, (capnp_exception){b->kind, b->reason},
                                                capnp_i_more_ref(b->more));
        capnp_i_call_return(c);
}

void capnp_i_call_refuse(struct call *c, const char *reason)
{
        c->refused = !c->failed;
        capnp_i_call_set_exception(c, CAPNP_OVERLOADED, reason);
}

capnp_exception capnp_i_call_exception(const struct call *c)
{
        if (!c->failed)
                return (capnp_exception){CAPNP_FAILED, ""};

        return (capnp_exception){c->kind, c->reason ? c->reason : "out of memory"};
}

/* ---- the result's references ---------------------------------------------------------------- */

capnp_cap *capnp_i_call_result_cap(struct call *c, const uint16_t *path, uint16_t n)
{
        uint32_t i;

        if (c->failed || !c->results)
                return NULL;

        i = capnp_i_frame_cap_index(c->results, path, n);
        return i == NO_ID ? NULL : capnp_msg_cap_peek(&c->results->msg, i);
}

/* Whose peer wanted c: what is made for its results is kept for that one. NULL: our own program. */
static capnp_rpc *call_payer(const struct call *c)
{
        while (!c->peer && c->parent)
                c = c->parent;

        return c->peer;
}

capnp_cap *capnp_i_call_broken(struct call *c)
{
        if (!c->broken)
                c->broken = capnp_cap_new_broken(c->vat, capnp_i_call_exception(c));
        if (c->broken && !capnp_i_cap_broken(c->broken)->more)
                capnp_i_cap_broken(c->broken)->more = capnp_i_more_ref(c->more);

        return c->broken;
}

capnp_cap *capnp_i_call_new_pipe(struct call *c, const uint16_t *path, uint16_t n)
{
        struct promise *p = capnp_i_promise_make(c->vat);
        capnp_rpc *payer = call_payer(c);

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

/*
 * What a result was before the peer said to take it from another call. While calls made on it are
 * under way it stands before what the other call gives.
 */
static capnp_cap *call_find_early(struct call *c, const uint16_t *path, uint16_t n)
{
        struct promise *p = c->early ? capnp_i_pipes_find(c->early, path, n) : NULL;

        return p ? &p->cap : NULL;
}

static struct pipes *call_early(struct call *c)
{
        if (!c->early) {
                c->early = malloc(sizeof(*c->early));
                if (c->early)
                        capnp_i_pipes_init(c->early);
        }

        return c->early;
}

/* It leaves again when its embargo is lifted: promise_detach(). */
static void call_keep_early(struct call *c, struct promise *p)
{
        if (!call_early(c) || capnp_i_pipes_add(c->early, p)) {
                capnp_i_table_embargo_forget(p->embargo_rpc, p->embargo);
                capnp_i_promise_settle_broken(p, CAPNP_OVERLOADED, "out of memory");
                return;
        }

        capnp_cap_ref(&p->cap);
}

capnp_cap *capnp_i_call_pipe(struct call *c, const uint16_t *path, uint16_t n)
{
        struct promise *p;
        capnp_cap *early;

        if (c->done && c->failed)
                return capnp_cap_ref(capnp_i_call_broken(c));

        if (c->done || c->piped)
                return capnp_cap_ref(capnp_i_call_result_cap(c, path, n));

        early = call_find_early(c, path, n);
        if (early)
                return capnp_cap_ref(early);

        if (c->tail)
                return capnp_i_call_pipe_outer(c->tail, path, n);

        p = capnp_i_pipes_find(&c->pipes, path, n);
        return p ? capnp_cap_ref(&p->cap) : capnp_i_call_new_pipe(c, path, n);
}

capnp_cap *capnp_i_call_pipe_outer(struct call *c, const uint16_t *path, uint16_t n)
{
        capnp_cap *cap = capnp_i_call_pipe(c, path, n);
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

/* Whether the peer that serves c has said that this result is something of ours. */
static bool call_result_is_ours(const struct call *c, uint32_t i)
{
        return c->state == CALL_REMOTE && capnp_i_desc_result_is_ours(c->results, i);
}

/*
 * The references handed out early become what the results hold. One that has to be embargoed takes
 * the result's place, so that whoever reads the result keeps the order as well.
 */
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
                        capnp_i_promise_settle(p, capnp_i_call_broken(c));
                else if (i == NO_ID)
                        capnp_i_promise_settle(p, NULL);
                else
                        capnp_i_promise_settle_named(p, capnp_msg_cap_peek(&c->results->msg, i),
                                                     call_result_is_ours(c, i));

                if (p->state == PROMISE_EMBARGOED && i < c->results->msg.ncaps) {
                        capnp_cap_unref(c->results->msg.caps[i]);
                        c->results->msg.caps[i] = capnp_cap_ref(&p->cap);
                }
                capnp_cap_unref(&p->cap);
        }
}

/* ---- outcome -------------------------------------------------------------------------------- */

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

/* Whoever reads the results keeps the order as well. */
static void call_put_early(struct call *c)
{
        struct capnp_i_list *l;

        if (!c->early || !c->results || c->failed)
                return;

        for (l = c->early->list.next; l != &c->early->list; l = l->next) {
                struct promise *p = CAPNP_I_OF(l, struct promise, source_link);
                uint32_t i = capnp_i_frame_cap_index(c->results, p->path, p->npath);

                c->vat->steps++;
                if (i >= c->results->msg.ncaps)
                        continue;
                capnp_cap_unref(c->results->msg.caps[i]);
                c->results->msg.caps[i] = capnp_cap_ref(&p->cap);
        }
}

/* A parent gets what its tail has. */
static void call_hand_up(struct call *c, struct call *parent)
{
        parent->tail = NULL;
        if (parent->done)
                return;

        call_take_results(parent, c);
        call_put_early(parent);
}

/* The caller's side learns the outcome. The parent, if there is one, is to return next. */
static struct call *call_complete(struct call *c)
{
        struct call *parent = c->parent;

        assert(!c->done);
        capnp_i_call_ref(c);
        c->callers++; /* settling may drop all others, and it is too late to cancel */
        capnp_i_call_settle_pipes(c);
        if (c->crossings)
                capnp_i_membrane_return(c);
        c->done = true;
        if (c->stream)
                capnp_i_flow_returned(c);
        c->parent = NULL;
        if (c->peer)
                capnp_i_send_return(c);
        if (parent)
                call_hand_up(c, parent);
        if (c->on_done)
                capnp_i_call_due(c, DUE_DONE);
        c->callers--;
        capnp_i_call_unref(c);
        return parent;
}

/* Nobody serves the call any more: what was kept for that goes. */
static void call_end(struct call *c)
{
        bool was_served = c->state != CALL_NEW;
        struct crossing *x;

        if (c->state == CALL_ENDED)
                return;

        capnp_i_call_move(c, CALL_ENDED);
        capnp_i_list_remove(&c->waiter.link);
        while ((x = c->crossings)) {
                c->crossings = x->outer;
                capnp_i_crossing_free(x);
        }
        if (c->gate)
                capnp_i_gate_leave(c);
        capnp_i_call_drop_params(c);
        if (was_served)
                capnp_i_call_unref(c);
}

void capnp_i_call_return(struct call *c)
{
        struct call *parent = c;
        bool dropped;

        /* A chain of tails, each of which returns for the one before it, is as long as it likes. */
        for (; c; c = parent) {
                capnp_i_call_ref(c);
                parent = c->done ? NULL : call_complete(c);
                call_end(c);
                /* A canceled parent has given up its place among our callers already. */
                dropped = !parent || parent->canceled;
                if (!dropped)
                        capnp_i_call_drop_caller(c);
                capnp_i_call_unref(c);
        }
}

void capnp_i_call_fail(struct call *c, enum capnp_kind kind, const char *reason)
{
        if (!c->done)
                capnp_i_call_set_exception(c, kind, reason);
        capnp_i_call_return(c);
}

void capnp_i_call_fail_error(struct call *c, int r)
{
        bool known = c->failed;

        capnp_i_call_ref(c);
        capnp_i_call_set_exception(c, CAPNP_FAILED, capnp_strerror(r));
        if (!known)
                c->result = r;
        capnp_i_call_return(c);
        capnp_i_call_unref(c);
}

static bool call_waits_at_gate(const struct call *c)
{
        return c->state == CALL_HOSTED && c->gate && !c->started;
}

/*
 * A question that is given up stays until its Return, which may be never. If a peer has asked for
 * it, that one's call is open for as long, and the peer pays while it is here. What our own program
 * has asked for is paid for by who owes the Return.
 */
static void call_charge_return(struct call *c)
{
        capnp_rpc *payer = call_payer(c);

        if (payer && payer->closed)
                payer = NULL;
        if (payer && payer == c->peer)
                return;

        capnp_i_uncharge(&c->charge.kept);
        if (payer)
                capnp_i_charge(&c->charge.kept, payer, COST_RETURN, FOR_ANYTHING);
        else
                capnp_i_charge(&c->charge.kept, c->out, COST_RETURN, FOR_RETURN);
}

static void call_cancel_remote(struct call *c)
{
        if (!c->finish_sent) { /* on a closed connection, out of the table all the same */
                c->finish_sent = true;
                capnp_i_send_finish(c->out, c->out_id, true, c->workaround);
                if (c->returned)
                        capnp_i_table_question_drop(c->out, c->out_id);
                else
                        call_charge_return(c);
        }

        if (c->returned)
                capnp_i_call_return(c);
}

/* The tail has lost its caller, and what that wanted of its end is wanted of the tail's. */
static void call_cancel_tail(struct call *c)
{
        struct call *t = c->tail;

        if (!t)
                return;

        t->workaround |= c->workaround;
        capnp_i_call_drop_caller(t);
}

/* Tells whoever serves the call that nobody waits for it. */
static void call_cancel(struct call *c)
{
        if (c->canceled)
                return;

        c->canceled = true;
        call_drop_early(c);
        switch ((enum call_state)c->state) {
        case CALL_NEW:
        case CALL_ENDED:
                break;
        case CALL_QUEUED:
                if (!c->workaround)
                        capnp_i_call_fail(c, CAPNP_FAILED, "canceled");
                break;
        case CALL_HOSTED:
                if (c->kept)
                        capnp_i_call_due(c, DUE_CANCEL);
                else if (call_waits_at_gate(c) && !c->workaround)
                        capnp_i_call_fail(c, CAPNP_FAILED, "canceled");
                break;
        case CALL_REMOTE:
                call_cancel_remote(c);
                break;
        case CALL_TAILED:
                call_cancel_tail(c);
                break;
        }
}

void capnp_i_call_give_up(struct call *c)
{
        c->workaround = false;
        if (!c->done && c->callers == c->pipes.n) { /* its own results are all that wants it */
                if (c->state == CALL_REMOTE) /* a Disembargo for one must not follow its Finish */
                        capnp_i_call_abandon(c, CAPNP_FAILED, "canceled");
                else
                        call_cancel(c);
        }
        if (c->canceled && (c->state == CALL_QUEUED || call_waits_at_gate(c)))
                capnp_i_call_fail(c, CAPNP_FAILED, "canceled");

        while (c->tail)
                c = c->tail;
        if (c->state == CALL_REMOTE && c->finish_sent && !c->returned)
                call_charge_return(c);
}

void capnp_i_call_drop_caller(struct call *c)
{
        if (!capnp_i_refs_drop(&c->callers))
                return;

        capnp_i_call_ref(c);
        if (!c->done || c->state != CALL_ENDED)
                call_cancel(c);
        capnp_i_call_unref(c);
}

void capnp_i_call_abandon(struct call *c, enum capnp_kind kind, const char *reason)
{
        struct call *parent = NULL;

        capnp_i_call_ref(c);
        if (!c->done) {
                capnp_i_call_set_exception(c, kind, reason);
                parent = call_complete(c);
        }
        if (parent && !parent->canceled)
                capnp_i_call_drop_caller(c);
        if (parent)
                capnp_i_call_return(parent);
        call_cancel(c);
        capnp_i_call_give_up(c);
        capnp_i_call_unref(c);
}

/* ---- where a call goes ---------------------------------------------------------------------- */

static void call_set_target(struct call *c, capnp_cap *target)
{
        capnp_cap *old = c->target;

        c->target = capnp_cap_ref(target);
        capnp_cap_unref(old);
}

static void call_queue(struct call *c, struct promise *p)
{
        if (capnp_i_ring_of_call(c, p)) {
                capnp_i_call_fail(c, CAPNP_FAILED, "the call waits for its own result");
                return;
        }

        call_set_target(c, &p->cap);
        capnp_i_list_append(&p->fifo, &c->waiter.link);
}

static void call_send(struct call *c, capnp_rpc *r, capnp_cap *target)
{
        capnp_i_call_ref(c);
        capnp_i_send_call(r, c, target);
        if (c->canceled && c->state == CALL_REMOTE) /* now that it has been delivered */
                call_cancel_remote(c);
        capnp_i_call_unref(c);
}

/* One step toward the object. The next target, or NULL when the call has arrived. */
static capnp_cap *call_step(struct call *c, capnp_cap *target)
{
        struct promise *p;
        struct wrap *w;

        switch ((enum cap_kind)target->kind) {
        case CAP_HOSTED:
                capnp_i_call_move(c, CALL_HOSTED);
                call_set_target(c, target);
                capnp_i_call_due(c, DUE_RUN);
                return NULL;
        case CAP_BROKEN:
                capnp_i_call_fail_as(c, target);
                return NULL;
        case CAP_IMPORT:
                call_send(c, capnp_i_cap_import(target)->wire.rpc, target);
                return NULL;
        case CAP_PROMISE:
                p = capnp_i_cap_promise(target);
                if (!capnp_i_promise_is_remote(p) || (p->source && p->source->unflushed) ||
                    (capnp_i_membrane_holds(c) && !capnp_i_promise_stays_there(p))) {
                        call_queue(c, p);
                        return NULL;
                }
                p->called = true;
                call_set_target(c, target); /* a relayed call may be all that holds p */
                call_send(c, p->wire.rpc ? p->wire.rpc : p->source->out, target);
                return NULL;
        case CAP_WRAP:
                w = capnp_i_cap_wrap(target);
                return capnp_i_membrane_pass(w, c) ? w->inner : NULL;
        }

        return NULL;
}

void capnp_i_call_deliver(struct call *c, capnp_cap *target)
{
        capnp_cap *held = capnp_cap_ref(target), *next;

        /* Crossing a membrane may drop the last reference to its results, and so to it. */
        capnp_i_call_ref(c);
        if (c->state == CALL_NEW) {
                capnp_i_call_ref(c); /* the callee's, until call_end() */
                capnp_i_call_move(c, CALL_QUEUED);
        }

        assert(c->state == CALL_QUEUED && capnp_i_list_empty(&c->waiter.link));
        while (c->state == CALL_QUEUED && capnp_i_list_empty(&c->waiter.link)) {
                next = capnp_i_cap_final(held);
                if (!next) {
                        capnp_i_call_fail(c, CAPNP_FAILED, "called a null capability");
                        break;
                }

                if (c->vat->dead) {
                        capnp_i_call_fail(c, CAPNP_DISCONNECTED, "the vat is gone");
                        break;
                }

                next = capnp_cap_ref(call_step(c, next));
                capnp_cap_unref(held);
                held = next;
                if (!next)
                        break;
        }

        capnp_cap_unref(held);
        capnp_i_call_unref(c);
}

/*
 * A call that waited may fail at once, and with it go the last references to any of the pipes. So
 * each is taken from the front and put at the end: whatever goes, the list is whole.
 */
void capnp_i_call_flush_pipes(struct call *c)
{
        uint32_t n = c->pipes.n;

        while (n-- && !capnp_i_list_empty(&c->pipes.list)) {
                struct promise *p = CAPNP_I_OF(c->pipes.list.next, struct promise, source_link);

                c->vat->steps++;
                capnp_i_list_remove(&p->source_link);
                capnp_i_list_append(&c->pipes.list, &p->source_link);
                capnp_cap_ref(&p->cap);
                capnp_i_promise_flush_to_source(p);
                capnp_cap_unref(&p->cap);
        }
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
                        capnp_i_promise_settle_named(p, np, ours);
                if (p->state == PROMISE_EMBARGOED)
                        call_keep_early(c, p);
                capnp_cap_unref(np);
                capnp_cap_unref(&p->cap);
        }

        capnp_i_call_move(c, CALL_TAILED);
        c->tail = t;
        capnp_i_call_drop_params(c);
        if (c->canceled)
                call_cancel_tail(c);
        if (t->done) {
                dropped = c->canceled;
                call_hand_up(t, c);
                capnp_i_call_return(c);
                if (!dropped)
                        capnp_i_call_drop_caller(t);
        } else {
                t->parent = c;
        }
        capnp_i_call_drop_caller(c);
        capnp_i_call_unref(c);
}

/* ---- events --------------------------------------------------------------------------------- */

static const struct capnp_interface_part *call_part(const struct hosted *h, uint64_t iface)
{
        uint16_t i;

        for (i = 0; i < h->iface->nparts; i++)
                if (h->iface->parts[i].iface->id == iface)
                        return &h->iface->parts[i];

        return NULL;
}

__attribute__((always_inline)) static inline void call_serve(struct call *c)
{
        struct hosted *h = capnp_i_cap_hosted(c->target);
        const struct capnp_interface_part *part;
        capnp_handler *fn = NULL;

        if ((c->gate || !capnp_i_list_empty(&h->gates)) && !capnp_i_gate_admits(c, h))
                return;

        c->started = true;
        if (h->dispatch) {
                (void)h->dispatch(h->self, (capnp_answer *)(void *)c);
                return;
        }

        part = call_part(h, c->iface);
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

static void call_run_one(struct call *c, uint8_t what)
{
        if (what == DUE_RUN && c->state == CALL_HOSTED && !c->started) {
                call_serve(c);
                if (c->gate)
                        capnp_i_gate_ran(c);
        } else if (what == DUE_CANCEL && c->state == CALL_HOSTED && c->on_cancel) {
                void (*fn)(capnp_answer *, void *) = c->on_cancel;

                c->on_cancel = NULL;
                fn((capnp_answer *)(void *)c, c->cancel_arg);
        } else if (what == DUE_DONE && c->on_done) {
                void (*fn)(capnp_question *, int, void *) = c->on_done;

                c->on_done = NULL;
                fn((capnp_question *)(void *)c, c->result, c->done_arg);
        } else if (what == DUE_SEND) {
                capnp_i_question_send_later(c);
        }
}

/* Whatever it is that is due. */
__attribute__((noinline)) static void call_run_any(struct call *c)
{
        uint8_t what = (uint8_t)(c->due & -c->due);

        c->due ^= what;
        if (c->due) { /* the event's reference ends with its last reason to run */
                capnp_i_call_ref(c);
                capnp_i_event_queue(c->vat, &c->event);
        }

        call_run_one(c, what);
        capnp_i_call_unref(c);
}

static void call_run(struct event *e)
{
        struct call *c = CAPNP_I_OF(e, struct call, event);

        if (c->due != DUE_RUN || c->state != CALL_HOSTED || c->started || c->gate) {
                call_run_any(c);
                return;
        }

        c->due = 0;
        call_serve(c);
        if (c->gate)
                capnp_i_gate_ran(c);
        capnp_i_call_unref(c);
}
