/*
 * Plain messages, which nearly all messages are, read where they came.
 *
 * Plain are calls of what the peer names by its export or as a result of another call of its, with
 * no references in the parameters; results, with few references or none; and whatever ends a call
 * or gives a reference back. A call that is served by an object of ours, with nothing that hangs on
 * it when it ends, returns in one go as well.
 *
 * Each kind has a function that does at once what the general way does for it step by step
 * (rpc-in.c, rpc-call.c, rpc-send.c). It is entered by one test, and when that says no it has done
 * nothing. What is peculiar about a message makes it no plain one, so everything that is decided
 * about messages is decided in the general way alone.
 *
 * Nothing of the protocol is written down here either. When the general way has taken in a message
 * that could have been plain, it is remembered where in it the envelope was, and what was in the
 * words of it that have no ids in them: the pointers, the kind of message, the kind of target
 * (struct shape). If those words are the same in another message, then its envelope lies in the
 * same places, in bounds, and costs as much of the traversal budget. A client makes all its calls
 * in one way or in a few. The smallest messages are compared with ours, which everybody's are like.
 */
#include "rpc-ledger.h"

#include <errno.h>
#include <stdlib.h>

/* Words that stay as they are: so many at most, of which the first are looked at in one go. So many
 * references in a Return. */
enum { SHAPE_FIXED = 16, SHAPE_GO = 8, SHAPE_CAPS = 4 };
/* With a budget as small as this it is counted in the general way; it is more than what is in one
 * message can cost that is pointed to as often as it is here. */
enum { BUDGET_LEAST = 8 * UINT16_MAX };

struct shape {
        uint32_t extent;                /* words that a message has at least */
        uint32_t cost;                  /* of the budget, for its envelope */
        uint16_t body, target, content; /* where, in words, if it is there */
        uint16_t promised;              /* a PromisedAnswer, and the first word of what leads on */
        uint16_t ops, nops;
        uint16_t table, ncaps; /* the first CapDescriptor */
        uint16_t depth;        /* of the content */
        /* What the pointer to the content was, if it was flat, else null; and where that leads. */
        uint16_t usual_at, usual_n;
        uint64_t usual, usual_content;
        uint16_t n;
        uint16_t at[SHAPE_FIXED];
        uint64_t fixed[SHAPE_FIXED];
};

/* A message of one segment as it came: where its words are, at any address. */
struct came {
        const uint8_t *b;
        uint32_t n;
};

static inline uint64_t came_word(const struct came *m, uint32_t i)
{
        uint64_t w;

        memcpy(&w, m->b + (size_t)i * 8, sizeof(w));
        return w;
}

/* What a pointer at a word leads to, if that is nothing, or one struct without pointers, in bounds.
 */
static bool came_flat(const struct came *m, uint64_t p, uint32_t word, struct body *ret_b)
{
        int64_t at = (int64_t)word + 1 + ((int32_t)(uint32_t)p >> 2);
        uint32_t n = (uint16_t)(p >> 32);

        *ret_b = (struct body){0, m->b, 0};
        if (!p)
                return true;
        if (!capnp_i_msg_is_flat(p) || at < 0 || (uint64_t)at + n > m->n)
                return false;

        *ret_b = (struct body){capnp_i_msg_struct_at((uint16_t)n, 0, RPC_PAYLOAD_PTRS - 1),
                               m->b + at * 8, n};
        return true;
}

void capnp_i_plain_forget(capnp_rpc *r)
{
        for (unsigned i = 0; i < SHAPES; i++) {
                free(r->shapes[i]);
                r->shapes[i] = NULL;
        }
        r->known = 0;
}

/* ---- what is remembered --------------------------------------------------------------------- */

/* Words [from, to) of f stay as they are. false: those are too many. */
static bool shape_fix(struct shape *s, const struct frame *f, uint32_t from, uint32_t to)
{
        if (to > s->extent)
                s->extent = to;
        for (; from < to; from++) {
                if (s->n == SHAPE_FIXED || from > UINT16_MAX)
                        return false;
                s->at[s->n] = (uint16_t)from;
                s->fixed[s->n++] = f->words[from];
        }

        return true;
}

/* Where something is; 0: it is not there. */
static uint32_t shape_at(const struct frame *f, const void *p)
{
        return p ? (uint32_t)((const uint64_t *)p - f->words) : 0;
}

static bool shape_fix_data(struct shape *s, const struct frame *f, capnp_reader r)
{
        uint32_t at = shape_at(f, r.d);

        return shape_fix(s, f, at, at + r.bytes / 8);
}

/* A struct whose data are ids: its pointers stay as they are. One that is not there is no matter.
 */
static bool shape_fix_pointers(struct shape *s, const struct frame *f, capnp_reader r)
{
        uint32_t end = r.d ? shape_at(f, r.d) + r.bytes / 8 : 0;

        return shape_fix(s, f, end, end + r.ptrs);
}

/* But for the pointer to the content. */
static bool shape_fix_payload(struct shape *s, const struct frame *f, capnp_reader r)
{
        uint32_t at = shape_at(f, r.d);

        return shape_fix(s, f, at, s->content) &&
               shape_fix(s, f, s->content + 1u, at + r.bytes / 8 + r.ptrs);
}

/* A list of structs of a word and maybe a pointer each: its tag and their pointers stay as they
 * are. */
static bool shape_fix_list(struct shape *s, const struct frame *f, const capnp_list *l,
                           uint16_t most, uint16_t ptrs)
{
        uint32_t at, words = 1u + ptrs;

        if (!l->d || (!l->len && l->size != CAPNP_SIZE_COMPOSITE))
                return true;
        if (l->len > most || l->size != CAPNP_SIZE_COMPOSITE ||
            (l->len && (l->bytes != 8 || l->ptrs != ptrs)))
                return false;

        at = shape_at(f, l->d);
        if (!shape_fix(s, f, at - 1, at))
                return false;

        for (uint32_t i = 0; i < l->len; i++, at += words) {
                if (!shape_fix(s, f, at + 1, at + words))
                        return false;
                if (at + words > s->extent)
                        s->extent = at + words;
        }
        return true;
}

/* All is there that we know of, and in the one segment. */
static bool shape_is_one(enum shape_of what, const struct frame *f, const struct plain *p)
{
        bool call = what == SHAPE_CALL || what == SHAPE_CALL_ON;
        uint32_t words = call ? RPC_CALL_WORDS : RPC_RETURN_WORDS;

        if (p->body.bytes < words * 8 || (call && p->target.bytes < RPC_MESSAGE_TARGET_WORDS * 8) ||
            (what == SHAPE_CALL_ON && p->promised.bytes < RPC_PROMISED_ANSWER_WORDS * 8))
                return false;

        return f->msg.nsegs == 1 && f->msg.segs[0].base == f->words &&
               f->msg.segs[0].words <= UINT16_MAX && p->payload.d && f->content.p;
}

/* To follow the pointer to it. */
static uint32_t shape_cost(capnp_reader r)
{
        return r.bytes / 8 + r.ptrs;
}

static uint32_t shape_cost_of_list(const capnp_list *l)
{
        return l->len ? 1 + l->len * (l->step / 64) : 0;
}

/* Where all of it is. false: it is peculiar. */
static bool shape_read(struct shape *s, enum shape_of what, const struct frame *f,
                       const struct plain *p)
{
        s->depth = f->content.depth;
        s->cost = shape_cost(p->message) + shape_cost(p->body) + shape_cost(p->target) +
                  shape_cost(p->payload) + shape_cost(p->promised) + shape_cost_of_list(&p->ops) +
                  shape_cost_of_list(&p->table);
        s->content = (uint16_t)shape_at(f, f->content.p);
        s->body = (uint16_t)shape_at(f, p->body.d);
        s->target = (uint16_t)shape_at(f, p->target.d);
        s->promised = (uint16_t)shape_at(f, p->promised.d);
        s->ops = (uint16_t)shape_at(f, p->ops.d);
        s->nops = (uint16_t)p->ops.len;
        s->table = (uint16_t)shape_at(f, p->table.d);
        s->ncaps = (uint16_t)p->table.len;
        /* First the pointer to what a call is for, which may be said by an id; and to references.
         */
        if (!shape_fix_pointers(s, f, p->target) || !shape_fix_payload(s, f, p->payload) ||
            !shape_fix(s, f, 0, 1) || !shape_fix_data(s, f, p->message) ||
            !shape_fix_pointers(s, f, p->message) || !shape_fix_pointers(s, f, p->body))
                return false;

        /* Of a call's references there are none, also where there is a list of none. */
        if (what <= SHAPE_CALL_ON && !shape_fix_list(s, f, &p->table, 0, RPC_CAP_DESCRIPTOR_PTRS))
                return false;
        if (what == SHAPE_CALL)
                return true;
        if (what == SHAPE_CALL_ON)
                return shape_fix_data(s, f, p->target) && shape_fix_pointers(s, f, p->promised) &&
                       shape_fix_list(s, f, &p->ops, PATH_SHORT, RPC_PROMISED_ANSWER_OP_PTRS);

        return shape_fix_list(s, f, &p->table, SHAPE_CAPS, RPC_CAP_DESCRIPTOR_PTRS);
}

/* Whether none of the pointers that lead to its parts is a far one: what is where that leads says
 * what the next one is about, and is not remembered. */
__attribute__((noinline)) static bool shape_is_near(const struct shape *s, const struct frame *f,
                                                    const struct plain *p)
{
        const capnp_reader parts[] = {p->message, p->body, p->target, p->payload, p->promised};
        bool far = (f->words[0] & 3) == 2;

        for (uint32_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
                uint32_t at = parts[i].d ? shape_at(f, parts[i].d) + parts[i].bytes / 8 : 0;

                for (uint32_t end = at + parts[i].ptrs; at < end; at++)
                        far |= at != s->content && (f->words[at] & 3) == 2;
        }
        return !far;
}

/* What is flat this time is where it is next time, as a rule. */
static void shape_note_content(struct shape *s, const struct frame *f)
{
        const struct came m = {(const uint8_t *)f->words, f->msg.segs[0].words};
        struct body b;

        if (!s->depth || !came_flat(&m, *f->content.p, s->content, &b))
                return;

        s->usual = *f->content.p;
        s->usual_content = b.content;
        s->usual_at = (uint16_t)((const uint64_t *)b.words - f->words);
        s->usual_n = (uint16_t)b.n;
        if (s->usual_at + b.n > s->extent)
                s->extent = s->usual_at + b.n;
}

void capnp_i_plain_learn(capnp_rpc *r, enum shape_of what, const struct frame *f,
                         const struct plain *p)
{
        struct shape s = {0};

        if (capnp_i_msg_budget(0, &r->limits) < BUDGET_LEAST || !shape_is_one(what, f, p) ||
            !shape_read(&s, what, f, p) || !shape_is_near(&s, f, p))
                return;

        shape_note_content(&s, f);
        for (uint32_t i = s.n; i < SHAPE_GO; i++) { /* a word more than once does no harm */
                s.at[i] = s.at[0];
                s.fixed[i] = s.fixed[0];
        }
        if (!r->shapes[what])
                r->shapes[what] = malloc(sizeof(s));
        if (r->shapes[what])
                *r->shapes[what] = s;
}

static inline bool shape_fits(const struct shape *s, const struct came *m)
{
        uint64_t other = 0;

        /* The first is what sets kinds of one message apart. */
        if (!s || m->n < s->extent || came_word(m, s->at[0]) != s->fixed[0])
                return false;

#pragma GCC unroll 8
        for (uint32_t i = 1; i < SHAPE_GO; i++)
                other |= came_word(m, s->at[i]) ^ s->fixed[i];
        for (uint32_t i = SHAPE_GO; i < s->n; i++)
                other |= came_word(m, s->at[i]) ^ s->fixed[i];
        return !other;
}

/* The data of its body, of which there are so many words at least. */
static inline capnp_reader shape_body(const struct shape *s, const struct came *m, uint32_t words)
{
        return capnp_i_at_word(m->b + s->body * 8u, words);
}

/* Its content, if that is nothing, or one struct without pointers. */
static inline bool shape_content(const struct shape *s, const struct came *m, struct body *ret_b)
{
        uint64_t p = came_word(m, s->content);

        if (p == s->usual) {
                *ret_b = (struct body){s->usual_content, m->b + s->usual_at * 8u, s->usual_n};
                return true;
        }

        return came_flat(m, p, s->content, ret_b) && s->depth;
}

static inline rpc_cap_descriptor_reader shape_descriptor(const struct shape *s,
                                                         const struct came *m, uint32_t i)
{
        uint32_t at = s->table + i * (RPC_CAP_DESCRIPTOR_WORDS + RPC_CAP_DESCRIPTOR_PTRS);

        return (rpc_cap_descriptor_reader){
                capnp_i_at_word(m->b + (size_t)at * 8, RPC_CAP_DESCRIPTOR_WORDS)};
}

/* A message of this shape in a frame: its content may be read. NULL: no memory. */
static struct frame *shape_frame(capnp_rpc *r, const struct shape *s, const struct came *m)
{
        struct frame *f = capnp_i_frame_new_one(r->vat, m->b, m->n, &r->limits);

        if (!f)
                return NULL;

        f->msg.budget -= s->cost;
        f->content = (capnp_any){&f->msg, &f->words[s->content], 0, s->depth};
        return f;
}

/* It has been taken. */
static inline void plain_note(capnp_rpc *r, const struct came *m)
{
        if (m->n * 8 > r->longest)
                r->longest = m->n * 8;
}

/* ---- in ------------------------------------------------------------------------------------- */

/* What it is for, by its export; NULL: the general way finds out. */
static inline capnp_cap *plain_target(const capnp_rpc *r, rpc_message_target_reader t)
{
        struct export *e;

        if (rpc_message_target_which(t) != RPC_MESSAGE_TARGET_IMPORTED_CAP)
                return NULL;

        e = capnp_i_table_export(r, (struct export_id){rpc_message_target_imported_cap(t)});
        return e ? e->cap : NULL;
}

/* An object of ours serves it, and nothing is between. */
static inline void plain_host(struct call *c, capnp_cap *target)
{
        capnp_i_refs_take(&target->refs);
        c->target = target;
        capnp_i_refs_take_all(&c->refs, 2); /* the callee's, and the event's */
        capnp_i_call_move(c, CALL_QUEUED);
        capnp_i_call_move(c, CALL_HOSTED);
        assert(!c->due && !capnp_i_event_queued(&c->event));
        c->due = DUE_RUN;
        capnp_i_list_append(&c->vat->events, &c->event.link);
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

/* The membrane behind which a peer serves it, with nothing else between; NULL: it is otherwise. */
static inline struct wrap *plain_wrap(capnp_cap *target)
{
        struct wrap *w = target->kind == CAP_WRAP ? capnp_i_cap_wrap(target) : NULL;

        return w && !w->settled && w->inner->kind == CAP_IMPORT ? w : NULL;
}

/* To whatever it is. */
static void plain_deliver(struct call *c, capnp_cap *target)
{
        struct wrap *w = target ? plain_wrap(target) : NULL;

        capnp_cap_ref(target);
        if (w)
                plain_relay(c, w);
        else
                capnp_i_call_deliver(c, target);
        capnp_cap_unref(target);
}

/* NULL: there is one with this id, or no memory. */
__attribute__((always_inline)) static inline struct call *plain_new(capnp_rpc *r,
                                                                    const struct shape *s,
                                                                    const struct came *m)
{
        const rpc_call_reader b = {shape_body(s, m, RPC_CALL_WORDS)};
        struct answer_id id = {rpc_call_question_id(b)};
        struct call *c = capnp_i_peer_call_new(r, id, sizeof(struct frame) + m->n * 8);

        if (!c)
                return NULL;

        c->iface = rpc_call_interface_id(b);
        c->method = rpc_call_method_id(b);
        if (rpc_call_no_promise_pipelining(b))
                c->unpiped = true;
        r->calls_in++;
        plain_note(r, m);
        return c;
}

/* To what it is for. */
static inline void plain_send_on(struct call *c, capnp_cap *target)
{
        if (target && target->kind == CAP_HOSTED)
                plain_host(c, target);
        else
                plain_deliver(c, target);
}

/* Parameters that can not lie in the call. */
__attribute__((noinline)) static bool plain_call_frame(capnp_rpc *r, const struct shape *s,
                                                       struct came m, capnp_cap *target)
{
        struct frame *f = shape_frame(r, s, &m);
        struct call *c = f ? plain_new(r, s, &m) : NULL;

        if (!c) {
                capnp_i_frame_unref(f);
                return false;
        }

        c->params = f;
        plain_send_on(c, target);
        return true;
}

/* They lie in the call. */
__attribute__((always_inline)) static inline bool plain_call_short(capnp_rpc *r,
                                                                   const struct shape *s,
                                                                   const struct came *m,
                                                                   capnp_cap *target,
                                                                   struct body params)
{
        struct call *c = plain_new(r, s, m);

        if (!c)
                return false;

        c->own_bytes = 8 + m->n * 8;
        if (r->limits.wipe)
                c->own_secret = true;
        c->own_n = (uint8_t)params.n;
        c->own[0] = params.content ? capnp_i_msg_struct_at((uint16_t)params.n, 0, 0) : 0;
        if (params.n)
                memcpy(&c->own[1], params.words, params.n * 8);
        plain_send_on(c, target);
        return true;
}

/* Whatever parameters it has. */
__attribute__((always_inline)) static inline bool plain_call_to(capnp_rpc *r, const struct shape *s,
                                                                const struct came m,
                                                                capnp_cap *target)
{
        struct body params;

        if (shape_content(s, &m, &params) && params.n <= OWN_WORDS)
                return plain_call_short(r, s, &m, target, params);

        return plain_call_frame(r, s, m, target);
}

/* Nothing forbids it or may refuse it, and its results come back the way it came. */
static inline bool plain_may_call(const capnp_rpc *r, rpc_call_reader b)
{
        return !r->vat->dead && r->answers.used < r->limits.answers &&
               r->held <= r->limits.held_bytes && r->out_replies <= r->limits.out_bytes &&
               !rpc_call_only_promise_pipeline(b) &&
               rpc_call_send_results_to_which(rpc_call_send_results_to(b)) ==
                       RPC_CALL_SEND_RESULTS_TO_CALLER;
}

/* Where a result is. false: this is for the general way. */
static bool plain_path(const struct shape *s, const struct came *m, uint16_t path[PATH_SHORT],
                       uint16_t *ret_n)
{
        *ret_n = 0;
        for (uint32_t i = 0; i < s->nops; i++) {
                rpc_promised_answer_op_reader op = {
                        capnp_i_at_word(m->b + (s->ops + i) * 8, RPC_PROMISED_ANSWER_OP_WORDS)};

                if (rpc_promised_answer_op_which(op) != RPC_PROMISED_ANSWER_OP_GET_POINTER_FIELD)
                        return false;
                path[(*ret_n)++] = rpc_promised_answer_op_get_pointer_field(op);
        }
        return true;
}

/* A call of what another call returns. */
__attribute__((noinline)) static bool plain_call_on(capnp_rpc *r, const struct came m)
{
        const struct shape *s = r->shapes[SHAPE_CALL_ON];
        rpc_promised_answer_reader p;
        uint16_t path[PATH_SHORT], n;
        rpc_call_reader b;
        capnp_cap *target;
        struct call *c;
        bool taken;

        if (!shape_fits(s, &m))
                return false;

        b.r = shape_body(s, &m, RPC_CALL_WORDS);
        p.r = capnp_i_at_word(m.b + s->promised * 8u, RPC_PROMISED_ANSWER_WORDS);
        c = capnp_i_table_answer(r, (struct answer_id){rpc_promised_answer_question_id(p)});
        if (!c || c->finished || !plain_may_call(r, b) || !plain_path(s, &m, path, &n) ||
            capnp_i_table_answer(r, (struct answer_id){rpc_call_question_id(b)}))
                return false;

        target = capnp_i_call_pipe_outer(c, path, n);
        taken = !capnp_i_call_pipe_failed(c, target) && plain_call_to(r, s, m, target);
        capnp_cap_unref(target);
        return taken;
}

static bool plain_call(capnp_rpc *r, const struct came m)
{
        const struct shape *s = r->shapes[SHAPE_CALL];
        rpc_message_target_reader t;
        rpc_call_reader b;
        capnp_cap *target;

        if (!shape_fits(s, &m))
                return plain_call_on(r, m);

        b.r = shape_body(s, &m, RPC_CALL_WORDS);
        t.r = capnp_i_at_word(m.b + s->target * 8u, RPC_MESSAGE_TARGET_WORDS);
        target = plain_target(r, t);
        return target && plain_may_call(r, b) && plain_call_to(r, s, m, target);
}

/* ---- out, and through ----------------------------------------------------------------------- */

/* Only who asked wants it, and that one gets its results by a Return that needs no Finish. */
static inline bool plain_is_wanted(const struct call *c)
{
        return c->peer && !c->peer->closed && c->callers == 1 && !c->odd;
}

/* Nothing hangs on it, and nothing else has to hear of its end. */
static inline bool plain_ends_alone(const struct call *c)
{
        return !((uintptr_t)c->parent | (uintptr_t)c->on_done | (uintptr_t)c->early |
                 (uintptr_t)c->flow_cap | (uintptr_t)c->gate | (uintptr_t)c->peeks | c->pipes.n);
}

/* Others hold it, as a rule. */
static inline void plain_let_go(capnp_cap *target)
{
        if (target && target->refs > 1)
                target->refs--;
        else
                capnp_cap_unref(target);
}

/* It has been answered. What it had goes; only who runs it may know it still. */
__attribute__((always_inline)) static inline void plain_end(struct call *c)
{
        capnp_rpc *r = c->peer;
        capnp_cap *target = c->target;

        c->done = c->answered = c->finished = true;
        c->light = !c->kept;
        (void)capnp_i_refs_drop(&c->callers);
        capnp_i_ids_drop(&r->answers, c->peer_id.n);
        capnp_i_call_move(c, CALL_ENDED);
        capnp_i_charge_end_call(&c->charge);
        c->params = capnp_i_frame_unref(c->params);
        capnp_i_own_drop(c);
        c->results = capnp_i_frame_unref(c->results);
        c->target = NULL;
        plain_let_go(target);
        capnp_i_call_unref(c); /* the table's */
        if (!r->answers.used)
                capnp_i_rpc_check_idle(r);
        capnp_i_call_unref(c); /* the callee's */
}

/* Results that were filled in. */
__attribute__((noinline)) static bool plain_return_frame(const struct call *c)
{
        struct body b;

        if (!capnp_i_frame_body(c->results, &b) ||
            !capnp_i_out_return(c->peer, c->peer_id, b.content, b.words, b.n, c->results->secret))
                return false;

        c->results->secret |= c->peer->limits.wipe;
        return true;
}

/* Defaults, or null where no schema is known. */
static inline bool plain_return_nothing(const struct call *c)
{
        const struct capnp_method *m = c->m;
        uint64_t content = 0;
        uint32_t n = 0;

        if (m) {
                n = (uint32_t)m->results_words + m->results_ptrs;
                content = capnp_i_msg_struct_at(m->results_words, m->results_ptrs,
                                                RPC_PAYLOAD_PTRS - 1);
        }
        return capnp_i_out_return(c->peer, c->peer_id, content, NULL, n, false);
}

bool capnp_i_plain_return(struct call *c)
{
        if (!plain_is_wanted(c) || !plain_ends_alone(c) || c->state != CALL_HOSTED ||
            c->crossings || !(c->results ? plain_return_frame(c) : plain_return_nothing(c)))
                return false;

        plain_end(c);
        return true;
}

/* The question that a plain Return answers; NULL: this is for the general way. */
static inline struct call *plain_question(capnp_rpc *r, const struct shape *s, const struct came *m)
{
        rpc_return_reader b = {shape_body(s, m, RPC_RETURN_WORDS)};
        struct call *c = capnp_i_table_question(r, (struct question_id){rpc_return_answer_id(b)});

        if (rpc_return_which(b) != RPC_RETURN_RESULTS || !c || c->returned || c->finish_sent ||
            capnp_i_peer_brings_too_much(r, c, 8 + m->n * 8))
                return NULL;

        return c;
}

/* Results that only pass through. false: they do not, or the general way knows what to say. */
static bool plain_pass_on(capnp_rpc *r, struct call *c, const struct shape *s, const struct came *m)
{
        rpc_return_reader ret = {shape_body(s, m, RPC_RETURN_WORDS)};
        struct crossing *x;
        struct body b;

        if (!plain_is_wanted(c) || !plain_ends_alone(c) || c->param_ids.n || !c->out ||
            !shape_content(s, m, &b) ||
            !capnp_i_out_return(c->peer, c->peer_id, b.content, b.words, b.n, r->limits.wipe))
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
        c->out_id.n = 0;
        plain_end(c);
        capnp_i_rpc_unref(r);
        return true;
}

/* Whether references of ours and of the peer's are all that there are, and there is room for them.
 */
static bool plain_may_take(const capnp_rpc *r, const struct shape *s, const struct came *m)
{
        if (r->imports.used + s->ncaps > r->limits.refs ||
            !capnp_i_ledger_has_room(r, s->ncaps * COST_PROMISE))
                return false;

        for (uint32_t i = 0; i < s->ncaps; i++)
                switch (rpc_cap_descriptor_which(shape_descriptor(s, m, i))) {
                case RPC_CAP_DESCRIPTOR_NONE:
                case RPC_CAP_DESCRIPTOR_SENDER_HOSTED:
                case RPC_CAP_DESCRIPTOR_SENDER_PROMISE:
                case RPC_CAP_DESCRIPTOR_RECEIVER_HOSTED:
                        break;
                default:
                        return false;
                }

        return true;
}

/* The references among them. -ENOMEM. */
static int plain_take_caps(capnp_rpc *r, const struct shape *s, const struct came *m,
                           struct frame *f)
{
        capnp_cap *c;

        for (uint32_t i = 0; i < s->ncaps; i++) {
                rpc_cap_descriptor_reader d = shape_descriptor(s, m, i);

                if (capnp_i_desc_read_one(r, d, &c) ||
                    capnp_i_msg_add_cap(&f->msg, c) == UINT32_MAX)
                        return -ENOMEM;
                f->names_ours |= rpc_cap_descriptor_which(d) == RPC_CAP_DESCRIPTOR_RECEIVER_HOSTED;
        }
        return 0;
}

/* Results with references, for somebody here or behind us. */
__attribute__((noinline)) static bool plain_results_caps(capnp_rpc *r, const struct came m)
{
        const struct shape *s = r->shapes[SHAPE_RETURN_CAPS];
        struct frame *f;
        struct call *c;

        if (!shape_fits(s, &m) || !plain_may_take(r, s, &m))
                return false;

        c = plain_question(r, s, &m);
        f = c ? shape_frame(r, s, &m) : NULL;
        if (!f)
                return false;

        plain_note(r, &m);
        if (plain_take_caps(r, s, &m, f)) {
                capnp_i_frame_unref(f);
                capnp_i_rpc_starve(r, true);
                return true;
        }

        c->results = f;
        capnp_i_peer_return_ends(r, c, (rpc_return_reader){shape_body(s, &m, RPC_RETURN_WORDS)},
                                 false);
        return true;
}

static bool plain_results(capnp_rpc *r, const struct came m)
{
        const struct shape *s = r->shapes[SHAPE_RETURN];
        struct call *c;

        if (!shape_fits(s, &m))
                return plain_results_caps(r, m);

        c = plain_question(r, s, &m);
        if (!c)
                return false;

        if (plain_pass_on(r, c, s, &m)) {
                plain_note(r, &m);
                return true;
        }

        c->results = shape_frame(r, s, &m);
        if (!c->results)
                return false;

        plain_note(r, &m);
        capnp_i_peer_return_ends(r, c, (rpc_return_reader){shape_body(s, &m, RPC_RETURN_WORDS)},
                                 false);
        return true;
}

/* ---- the smallest --------------------------------------------------------------------------- */

/* Whether all but its last word is as in one of ours, as in nearly everybody's. */
static inline bool small_fits(const struct came *m, const uint64_t envelope[SMALL_WORDS])
{
        return m->n == SMALL_WORDS && !memcmp(m->b, envelope, BODY_WORD * 8);
}

static bool plain_finish(capnp_rpc *r, const struct came m)
{
        if (!(r->known & KNOWN_FINISH) || !small_fits(&m, r->vat->envelopes.finish))
                return false;

        plain_note(r, &m);
        (void)capnp_i_peer_finish(
                r, (rpc_finish_reader){capnp_i_at_word(m.b + BODY_WORD * 8, RPC_FINISH_WORDS)});
        return true;
}

static bool plain_release(capnp_rpc *r, const struct came m)
{
        if (!(r->known & KNOWN_RELEASE) || !small_fits(&m, r->vat->envelopes.release))
                return false;

        plain_note(r, &m);
        (void)capnp_i_peer_release(
                r, (rpc_release_reader){capnp_i_at_word(m.b + BODY_WORD * 8, RPC_RELEASE_WORDS)});
        return true;
}

bool capnp_i_plain_message(capnp_rpc *r, const void *b, uint32_t words)
{
        const struct came m = {b, words};

        /* What comes with descriptors may keep them. */
        if (words <= MESSAGE_WORD || r->fds_open.n || r->fds_now.n)
                return false;

        switch (rpc_message_which(
                (rpc_message_reader){capnp_i_at_word(m.b + MESSAGE_WORD * 8, RPC_MESSAGE_WORDS)})) {
        case RPC_MESSAGE_CALL:
                return plain_call(r, m);
        case RPC_MESSAGE_RETURN:
                return plain_results(r, m);
        case RPC_MESSAGE_FINISH:
                return plain_finish(r, m);
        case RPC_MESSAGE_RELEASE:
                return plain_release(r, m);
        default:
                return false;
        }
}
