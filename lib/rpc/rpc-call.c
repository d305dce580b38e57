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
 * This file is the object alone. Who is on its two sides it knows as tables (struct caller, struct
 * cap_ops), which rpc-route.c uses; what becomes of its results is in rpc-result.c.
 */
#include "rpc-conn.h"

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

void capnp_i_call_drop_early(struct call *c)
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

void capnp_i_wire_ids_clear(struct wire_ids *ids)
{
        if (ids->v != &ids->one)
                free(ids->v);
        *ids = (struct wire_ids){0};
}

__attribute__((noinline)) static void call_free_rest(struct call *c)
{
        assert(!capnp_i_event_queued(&c->event) && capnp_i_list_empty(&c->waiter.link));
        assert(!c->pipes.n);
        capnp_i_call_drop_early(c);
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
        if (c->failed || c->done) {
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

capnp_rpc *capnp_i_call_payer(const struct call *c)
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

void capnp_i_call_set_target(struct call *c, capnp_cap *target)
{
        capnp_cap *old = c->target;

        c->target = capnp_cap_ref(target);
        capnp_cap_unref(old);
}

/* ---- events --------------------------------------------------------------------------------- */

static void call_run_one(struct call *c, uint8_t what)
{
        if (what == DUE_RUN && c->state == CALL_HOSTED && !c->started) {
                capnp_i_cap_ops(c->target)->run(c);
        } else if (what == DUE_CANCEL && c->state == CALL_HOSTED && c->on_cancel) {
                void (*fn)(capnp_answer *, void *) = c->on_cancel;

                c->on_cancel = NULL;
                fn((capnp_answer *)(void *)c, c->cancel_arg);
        } else if (what == DUE_DONE && c->on_done) {
                void (*fn)(capnp_question *, int, void *) = c->on_done;

                c->on_done = NULL;
                fn((capnp_question *)(void *)c, c->result, c->done_arg);
        } else if (what == DUE_SEND) {
                c->caller->send(c);
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
        capnp_i_cap_ops(c->target)->run(c);
        capnp_i_call_unref(c);
}
