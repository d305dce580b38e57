/*
 * Plain calls, which nearly all calls are: to what the peer names by its export, with no references
 * in the parameters or the results, and, when they end, with nothing that hangs on them.
 *
 * One function takes such a call in, one its results, one ends it, if an object of ours has served
 * it. Each does at once what the general way does for any call step by step (rpc-in.c, rpc-call.c,
 * rpc-send.c), is entered by one test, and when that says no it has done nothing. What is peculiar
 * about a call makes it no plain one, so everything that is decided about calls is decided in the
 * general way alone.
 *
 * Nothing of the protocol is written down here either. When the general way has taken in a call
 * that could have been plain, it is remembered where in its message the envelope was, and what was
 * in the words of it that have no ids in them: the pointers, the kind of message, no capability
 * table (struct shape). If those words are the same in another message, then its envelope lies in
 * the same places, in bounds, and costs as much of the traversal budget. A client makes all its
 * calls in one way or in a few.
 */
#include "rpc-internal.h"

#include <stdlib.h>

/* Words that stay as they are: so many at most, of which so many are looked at in one go. */
enum { SHAPE_FIXED = 16, SHAPE_GO = 8 };

struct shape {
        uint32_t extent; /* words that a message has at least */
        uint32_t cost;   /* of the budget, for its envelope */
        uint16_t body, body_words, target, target_words, content; /* where, in words */
        uint16_t depth;                                           /* of the content */
        uint16_t n;
        uint16_t at[SHAPE_FIXED];
        uint64_t fixed[SHAPE_FIXED];
};

void capnp_i_plain_forget(capnp_rpc *r)
{
        for (unsigned i = 0; i < SHAPES; i++) {
                free(r->shapes[i]);
                r->shapes[i] = NULL;
        }
}

/* ---- what is remembered --------------------------------------------------------------------- */

/* Words [from, to) of f stay as they are. false: those are too many. */
static bool shape_fix(struct shape *s, const struct frame *f, uint32_t from, uint32_t to)
{
        if (to > s->extent)
                s->extent = to;
        for (; from < to; from++) {
                if (from == s->content)
                        continue;
                if (s->n == SHAPE_FIXED || from > UINT16_MAX)
                        return false;
                s->at[s->n] = (uint16_t)from;
                s->fixed[s->n++] = f->words[from];
        }

        return true;
}

static uint32_t shape_at(const struct frame *f, const void *p)
{
        return (uint32_t)((const uint64_t *)p - f->words);
}

/* A struct whose data are ids: its pointers stay as they are. One that is not there is no matter.
 */
static bool shape_fix_pointers(struct shape *s, const struct frame *f, capnp_reader r)
{
        uint32_t end;

        if (!r.d)
                return true;

        end = shape_at(f, r.d) + r.bytes / 8;
        return shape_fix(s, f, end, end + r.ptrs);
}

static bool shape_fix_all(struct shape *s, const struct frame *f, capnp_reader r)
{
        uint32_t at = shape_at(f, r.d);

        return shape_fix(s, f, at, at + r.bytes / 8 + r.ptrs);
}

/* All its pointers are in the one segment, and there are no references. */
static bool shape_is_one(const struct frame *f, const struct plain *p)
{
        return f->msg.nsegs == 1 && f->msg.segs[0].base == f->words && !f->msg.ncaps && p->body.d &&
               p->payload.d && f->content.p;
}

/* To follow the pointer to it. */
static uint32_t shape_cost(capnp_reader r)
{
        return r.bytes / 8 + r.ptrs;
}

void capnp_i_plain_learn(capnp_rpc *r, enum shape_of what, const struct frame *f,
                         const struct plain *p)
{
        struct shape s = {.depth = f->content.depth};

        if (!shape_is_one(f, p))
                return;

        s.cost = shape_cost(p->message) + shape_cost(p->body) + shape_cost(p->target) +
                 shape_cost(p->payload);
        s.content = (uint16_t)shape_at(f, f->content.p);
        s.body = (uint16_t)shape_at(f, p->body.d);
        s.body_words = (uint16_t)(p->body.bytes / 8);
        s.target = p->target.d ? (uint16_t)shape_at(f, p->target.d) : 0;
        s.target_words = (uint16_t)(p->target.bytes / 8);
        if (f->msg.segs[0].words > UINT16_MAX || !shape_fix(&s, f, 0, 1) ||
            !shape_fix_all(&s, f, p->message) || !shape_fix_pointers(&s, f, p->body) ||
            !shape_fix_pointers(&s, f, p->target) || !shape_fix_all(&s, f, p->payload))
                return;

        for (uint32_t i = s.n; i % SHAPE_GO; i++) { /* a word more than once does no harm */
                s.at[i] = s.at[0];
                s.fixed[i] = s.fixed[0];
        }
        if (!r->shapes[what])
                r->shapes[what] = malloc(sizeof(s));
        if (r->shapes[what])
                *r->shapes[what] = s;
}

static inline bool shape_fits(const struct shape *s, const struct frame *f)
{
        if (!s || f->msg.nsegs != 1 || f->msg.segs[0].words < s->extent || f->msg.budget < s->cost)
                return false;

        for (uint32_t i = 0; i < s->n; i += SHAPE_GO)
#pragma GCC unroll 8
                for (uint32_t j = i; j < i + SHAPE_GO; j++)
                        if (f->words[s->at[j]] != s->fixed[j])
                                return false;

        return true;
}

/* f has this shape: its content may be read from now on. */
static inline void shape_take(const struct shape *s, struct frame *f)
{
        f->msg.budget -= s->cost;
        f->content = (capnp_any){&f->msg, &f->words[s->content], 0, s->depth};
}

/* ---- in ------------------------------------------------------------------------------------- */

/* What it is for, by its export; NULL: the general way finds out. */
static inline capnp_cap *plain_target(const capnp_rpc *r, rpc_message_target_reader t)
{
        struct export *e;

        if (rpc_message_target_which(t) != RPC_MESSAGE_TARGET_IMPORTED_CAP)
                return NULL;

        e = capnp_i_table_export(r, rpc_message_target_imported_cap(t));
        return e ? e->cap : NULL;
}

/* An object of ours serves it, and nothing is between. */
static void plain_host(struct call *c, capnp_cap *target)
{
        c->target = capnp_cap_ref(target);
        capnp_i_call_ref(c); /* the callee's */
        capnp_i_call_move(c, CALL_QUEUED);
        capnp_i_call_move(c, CALL_HOSTED);
        capnp_i_call_due(c, DUE_RUN);
}

/* Through a membrane to what a peer serves. Crossing may drop the last reference to the results. */
static void plain_relay(struct call *c, struct wrap *w)
{
        capnp_i_call_ref(c); /* the callee's */
        capnp_i_call_ref(c);
        capnp_i_call_move(c, CALL_QUEUED);
        if (capnp_i_wrap_pass(w, c))
                capnp_i_promise_send_call(c, capnp_i_cap_import(w->inner)->wire.rpc, w->inner);
        capnp_i_call_unref(c);
}

/* To whatever it is. */
static void plain_deliver(struct call *c, capnp_cap *target)
{
        struct wrap *w = target->kind == CAP_WRAP ? capnp_i_cap_wrap(target) : NULL;

        capnp_cap_ref(target);
        if (w && !w->settled && w->inner->kind == CAP_IMPORT)
                plain_relay(c, w);
        else
                capnp_i_call_deliver(c, target);
        capnp_cap_unref(target);
}

/* So much that it might be refused. */
static inline bool plain_is_much(const capnp_rpc *r)
{
        return r->answers.used >= r->limits.answers || r->held > r->limits.held_bytes ||
               r->out_replies > r->limits.out_bytes;
}

/* NULL: there is one with this id, or no memory. */
static inline struct call *plain_new(capnp_rpc *r, uint32_t id, const struct frame *f)
{
        struct call *c = capnp_i_call_new(r->vat, &capnp_i_peer_caller);

        if (!c)
                return NULL;

        if (!capnp_i_ids_claim(&r->answers, id, c)) {
                if (capnp_i_ids_get(&r->answers, id) || capnp_i_ids_reserve(&r->answers, id)) {
                        capnp_i_call_unref(c);
                        return NULL;
                }
                capnp_i_ids_add(&r->answers, id, c);
        }

        c->peer = capnp_i_rpc_ref(r);
        c->peer_id = id;
        capnp_i_charge_call(&c->charge, r, sizeof(*c), f->bytes);
        return c;
}

bool capnp_i_plain_call(capnp_rpc *r, struct frame *f)
{
        const struct shape *s = r->shapes[SHAPE_CALL];
        rpc_message_target_reader t;
        rpc_call_reader b;
        capnp_cap *target;
        struct call *c;

        if (!shape_fits(s, f))
                return false;

        b.r = capnp_i_at_word(&f->words[s->body], s->body_words);
        t.r = capnp_i_at_word(&f->words[s->target], s->target_words);
        target = plain_target(r, t);
        if (!target || r->vat->dead || plain_is_much(r) ||
            rpc_call_send_results_to_which(rpc_call_send_results_to(b)) !=
                    RPC_CALL_SEND_RESULTS_TO_CALLER)
                return false;

        c = plain_new(r, rpc_call_question_id(b), f);
        if (!c)
                return false;

        r->calls_in++;
        shape_take(s, f);
        c->iface = rpc_call_interface_id(b);
        c->method = rpc_call_method_id(b);
        c->unpiped = rpc_call_no_promise_pipelining(b);
        c->silent = rpc_call_only_promise_pipeline(b);
        c->params = capnp_i_frame_ref(f);
        if (target->kind == CAP_HOSTED)
                plain_host(c, target);
        else
                plain_deliver(c, target);
        return true;
}

/* ---- out, and through ----------------------------------------------------------------------- */

/* Only who asked wants it, and that one gets its results by a Return that needs no Finish. */
static inline bool plain_is_wanted(const struct call *c)
{
        return c->peer && !c->peer->closed && c->callers == 1 && !c->pipes.n && !c->parent &&
               !c->on_done && !c->finished && !c->silent && !c->yourself && !c->canceled &&
               !c->answered && !c->failed;
}

/* Nothing else has to hear of its end. */
static inline bool plain_ends_alone(const struct call *c)
{
        return !c->early && !c->flow_cap && !c->gate && !c->peeks;
}

/* What it returns. Where nothing was built: defaults, or null where no schema is known. */
static inline bool plain_body(struct call *c, struct body *ret_b)
{
        if (!capnp_i_frame_body(c->results, ret_b))
                return false;

        if (!c->results && c->m) {
                ret_b->n = (uint32_t)c->m->results_words + c->m->results_ptrs;
                ret_b->content = capnp_i_msg_struct_at(c->m->results_words, c->m->results_ptrs,
                                                       RPC_PAYLOAD_PTRS - 1);
        }
        return true;
}

/* It has been answered. What it had goes; only who runs it may know it still. */
static inline void plain_end(struct call *c)
{
        capnp_rpc *r = c->peer;
        capnp_cap *target = c->target;

        c->done = c->answered = c->finished = true;
        c->light = !c->kept;
        (void)capnp_i_refs_drop(&c->callers);
        capnp_i_ids_drop(&r->answers, c->peer_id);
        capnp_i_call_move(c, CALL_ENDED);
        capnp_i_charge_end_call(&c->charge);
        c->params = capnp_i_frame_unref(c->params);
        c->results = capnp_i_frame_unref(c->results);
        c->target = NULL;
        capnp_cap_unref(target);
        capnp_i_call_unref(c); /* the table's */
        if (!r->answers.used)
                capnp_i_rpc_check_idle(r);
        capnp_i_call_unref(c); /* the callee's */
}

bool capnp_i_plain_return(struct call *c)
{
        struct body b;

        if (!plain_is_wanted(c) || c->state != CALL_HOSTED || c->crossings ||
            !plain_ends_alone(c) || !plain_body(c, &b) || !capnp_i_send_body(c, &b, c->results))
                return false;

        plain_end(c);
        return true;
}

/* Results that only pass through. false: they do not, or the general way knows what to say. */
static bool plain_pass_on(capnp_rpc *r, struct call *c, struct frame *f, rpc_return_reader ret)
{
        struct crossing *x;
        struct body b;

        if (!plain_is_wanted(c) || !plain_ends_alone(c) || c->param_ids.n || !c->out ||
            !capnp_i_frame_body(f, &b) || !capnp_i_send_body(c, &b, f))
                return false;

        if (c->crossings)
                capnp_i_membrane_return(c);
        while ((x = c->crossings)) {
                c->crossings = x->outer;
                capnp_i_crossing_free(x);
        }
        if (!rpc_return_no_finish_needed(ret))
                capnp_i_send_finish(r, c->out_id, true, false);
        c->returned = c->finish_sent = true;
        capnp_i_table_question_drop(r, c->out_id);
        c->out = NULL;
        c->out_id = 0;
        plain_end(c);
        capnp_i_rpc_unref(r);
        return true;
}

bool capnp_i_plain_results(capnp_rpc *r, struct frame *f)
{
        const struct shape *s = r->shapes[SHAPE_RETURN];
        rpc_return_reader b;
        struct call *c;

        if (!shape_fits(s, f))
                return false;

        b.r = capnp_i_at_word(&f->words[s->body], s->body_words);
        c = capnp_i_table_question(r, rpc_return_answer_id(b));
        if (rpc_return_which(b) != RPC_RETURN_RESULTS || !c || c->returned || c->finish_sent ||
            capnp_i_peer_brings_too_much(r, c, &f->msg))
                return false;

        shape_take(s, f);
        if (plain_pass_on(r, c, f, b))
                return true;

        c->results = capnp_i_frame_ref(f);
        capnp_i_peer_return_ends(r, c, b, false);
        return true;
}
