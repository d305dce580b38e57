/*
 * The messages we send (rpc.capnp, Message).
 *
 * Call and Return carry a payload that was built behind room for their envelope; the rest are a few
 * words each. Memory that runs out here leaves the peer's tables and ours in disagreement, so it
 * ends the connection, except where the message answers a call: then that call fails.
 */
#include "rpc-membrane.h"
#include "rpc-message.h"

#include <errno.h>
#include <stdlib.h>

/* ---- small messages ------------------------------------------------------------------------- */

/* Begins a message. NULL: no memory, and what is written to *ret_m goes nowhere. */
static struct frame *message_new(capnp_rpc *r, rpc_message_builder *ret_m)
{
        struct frame *f = capnp_i_frame_new_plain(r->vat);

        *ret_m = f ? rpc_message_build(&f->msg) : (rpc_message_builder){0};
        return f;
}

/* f: as message_new() gave it. false: it could not be sent, and the connection has ended. */
static bool message_send(capnp_rpc *r, struct frame *f, const struct fds *fds)
{
        bool sent = f && !capnp_msg_check(&f->msg) && !capnp_i_out_frame(r, f, true, fds);

        if (!sent)
                capnp_i_rpc_starve(r, false);
        capnp_i_frame_unref(f);
        return sent;
}

static void message_set_exception(rpc_exception_builder b, capnp_exception why,
                                  const struct more *more)
{
        rpc_exception_set_type(b, (enum rpc_exception_type)why.kind);
        rpc_exception_set_reason(b, why.reason);
        capnp_i_more_write(more, b);
}

void capnp_i_send_bootstrap(capnp_rpc *r, struct question_id id)
{
        rpc_message_builder m;
        struct frame *f = message_new(r, &m);

        rpc_bootstrap_set_question_id(rpc_message_init_bootstrap(m), id.n);
        message_send(r, f, NULL);
}

void capnp_i_send_unimplemented(capnp_rpc *r, rpc_message_reader message)
{
        rpc_message_builder m;
        struct frame *f = message_new(r, &m);

        rpc_message_set_unimplemented(m, message);
        if (capnp_msg_check(
                    message.r.m)) { /* copying it is the first time it was read to its end */
                (void)capnp_i_rpc_violation(r, "a message is malformed");
                capnp_i_frame_unref(f);
                return;
        }
        message_send(r, f, NULL);
}

static struct frame *resolve_new(struct export *e, capnp_cap *to, struct wire_ids *ids,
                                 struct fds *fds)
{
        static const capnp_exception FULL = {CAPNP_OVERLOADED,
                                             "over-quota.references: too many references"};
        struct broken *broken = to && to->kind == CAP_BROKEN ? capnp_i_cap_broken(to) : NULL;
        rpc_cap_descriptor_builder d;
        rpc_message_builder m;
        struct frame *f = message_new(e->rpc, &m);
        rpc_resolve_builder b = rpc_message_init_resolve(m);

        rpc_resolve_set_promise_id(b, e->id.n);
        if (broken) {
                capnp_i_charge(&e->charge, e->rpc, capnp_i_broken_bytes(broken), FOR_ANYTHING);
                message_set_exception(rpc_resolve_init_exception(b),
                                      (capnp_exception){broken->kind, broken->reason},
                                      broken->more);
                return f;
        }

        d = rpc_resolve_init_cap(b);
        if (capnp_i_desc_write_one(e->rpc, to, d, ids))
                message_set_exception(rpc_resolve_init_exception(b), FULL, NULL);
        else if (ids->n)
                capnp_i_desc_write_fd(e->rpc, to, d, fds);
        return f;
}

void capnp_i_send_resolve(struct export *e, capnp_cap *to)
{
        capnp_rpc *r = e->rpc;
        struct wire_ids ids = {0};
        struct fds fds = {0};
        struct frame *f;

        e->resolved = true;
        if (r->closed)
                return;

        f = resolve_new(e, to, &ids, &fds);

        e->reflects = to && capnp_i_cap_is_on(to, r);
        e->reflects_import = e->reflects && to->kind == CAP_IMPORT ? capnp_i_cap_import(to)->wire.id
                                                                   : (struct import_id){0};
        if (!message_send(r, f, &fds))
                capnp_i_fds_close(&fds);
        capnp_i_wire_ids_clear(&ids);
}

/* After the message itself: Resolve for what was broken from the start. */
static void send_resolve_broken(capnp_rpc *r, const struct wire_ids *ids)
{
        uint32_t i;

        for (i = 0; i < ids->n; i++) {
                struct export *e = capnp_i_table_export(r, ids->v[i]);

                if (e && e->promise && !e->resolved && e->cap->kind == CAP_BROKEN)
                        capnp_i_send_resolve(e, e->cap);
        }
}

void capnp_i_send_disembargo(capnp_rpc *r, struct promise *target, struct embargo_id id)
{
        rpc_message_builder m;
        struct frame *f = message_new(r, &m);
        rpc_disembargo_builder b = rpc_message_init_disembargo(m);

        rpc_disembargo_context_set_sender_loopback(rpc_disembargo_build_context(b), id.n);
        capnp_i_desc_write_target(&target->cap, rpc_disembargo_init_target(b));
        message_send(r, f, NULL);
}

struct disembargo *capnp_i_disembargo_new(capnp_rpc *r, struct peer_embargo_id id,
                                          struct import_id import)
{
        struct disembargo *d = malloc(sizeof(*d));

        if (!d)
                return NULL;

        *d = (struct disembargo){.rpc = capnp_i_rpc_ref(r), .id = id, .import = import};
        capnp_i_list_init(&d->waiter.link);
        capnp_i_charge(&d->charge, r, sizeof(*d), FOR_ANYTHING);
        r->disembargos++;
        return d;
}

/* It has its answer. target: where the promise led; if that is not on d->rpc any more, the answer
 * names what Resolve named. */
static void disembargo_end(struct disembargo *d, capnp_cap *target)
{
        rpc_message_target_builder t;
        rpc_disembargo_builder b;
        rpc_message_builder m;
        struct frame *f;

        if (!d->rpc->closed) {
                f = message_new(d->rpc, &m);
                b = rpc_message_init_disembargo(m);
                rpc_disembargo_context_set_receiver_loopback(rpc_disembargo_build_context(b),
                                                             d->id.n);
                t = rpc_disembargo_init_target(b);
                if (capnp_i_cap_is_on(target, d->rpc))
                        capnp_i_desc_write_target(target, t);
                else
                        rpc_message_target_set_imported_cap(t, d->import.n);
                message_send(d->rpc, f, NULL);
        }
        d->rpc->disembargos--;
        capnp_i_uncharge(&d->charge);
        capnp_i_rpc_unref(d->rpc);
        free(d);
}

/*
 * A Disembargo follows the calls before it from queue to queue, and is answered where they leave
 * for the peer it came from (rpc.capnp, Disembargo).
 */
void capnp_i_disembargo_deliver(struct disembargo *d, capnp_cap *target)
{
        struct promise *p;

        target = capnp_i_cap_final(target);
        p = capnp_i_cap_pending(target);
        if (p && !capnp_i_cap_is_on(target, d->rpc))
                capnp_i_list_append(&p->fifo, &d->waiter.link);
        else
                disembargo_end(d, target);
}

/* ---- Call ----------------------------------------------------------------------------------- */

const char *capnp_i_send_why(int k)
{
        switch (k) {
        case CAPNP_E_LIMIT:
                return "over-quota.bytes: the message is too long, or too deep";
        case -EDQUOT:
                return "over-quota.references: too many references";
        case -EBUSY:
                return "over-quota.calls: too many calls that were given up have not returned";
        case -ENOMEM:
                return "out of memory";
        case CAPNP_E_POISON:
                return "the message is malformed";
        default:
                return "the results can not be sent";
        }
}

/* A frame of ours that can be sent: what was received, or is shared, is copied, or, if it is long,
 * goes on as it is behind a new envelope. most: bytes that such a message may have; 0: not this. */
static struct frame *envelope_frame(struct call *c, struct frame *f, uint64_t most, int *ret_r)
{
        struct frame *g;

        *ret_r = 0;
        if (f && !f->received && f->refs == 1)
                return capnp_i_frame_ref(f);

        g = f && most ? capnp_i_relay_new(c->vat, f, most) : NULL;
        return g ? g : capnp_i_frame_copy(c->vat, f, ret_r);
}

static void call_fields(struct call *c, rpc_call_builder b)
{
        rpc_call_set_question_id(b, c->out_id.n);
        rpc_call_set_interface_id(b, c->iface);
        rpc_call_set_method_id(b, c->method);
        rpc_call_set_no_promise_pipelining(b, c->unpiped);
        rpc_call_set_only_promise_pipeline(b, c->silent && !c->peer);
        /* A peer that wants us to keep the results says nothing about who gives them to us. */
        if (c->yourself && !c->peer)
                rpc_call_send_results_to_set_yourself(rpc_call_build_send_results_to(b));
}

static void call_envelope(struct call *c, struct frame *f, capnp_cap *target)
{
        rpc_message_target_builder t = {capnp_i_frame_at(f, TARGET_WORD, RPC_MESSAGE_TARGET_WORDS,
                                                         RPC_MESSAGE_TARGET_PTRS)};

        memcpy(f->words, c->vat->envelopes.call, CONTENT_WORD * 8);
        call_fields(c, (rpc_call_builder){
                               capnp_i_frame_at(f, BODY_WORD, RPC_CALL_WORDS, RPC_CALL_PTRS)});
        capnp_i_desc_write_target(target, t);
}

/* ---- short payloads ------------------------------------------------------------------------- */

static capnp_builder body_at(uint64_t *words, uint32_t at, uint32_t n)
{
        return (capnp_builder){.d = (uint8_t *)&words[at], .bytes = n * 8};
}

/* Short parameters, wherever they are. false: they are something else. */
static bool call_body(struct call *c, struct body *ret_b)
{
        if (!c->own_bytes && !c->bare)
                return capnp_i_frame_body(c->params, ret_b);

        *ret_b = c->own_bytes ? capnp_i_own_body(c) : capnp_i_bare_body(c);
        return true;
}

static void call_body_end(capnp_rpc *r, struct call *c, const uint64_t *words, uint32_t n)
{
        bool secret = r->limits.wipe | c->own_secret;

        if (c->own_bytes)
                c->own_secret = secret;
        else if (c->params)
                secret |= c->params->secret |= secret;
        capnp_i_out_end(r, RPC_MESSAGE_CALL, words, n, secret);
}

/* The promise that a call of a result of another call is for, one pointer deep; NULL: it is not. */
static const struct promise *call_on(capnp_cap *target)
{
        const struct promise *p = target->kind == CAP_PROMISE ? capnp_i_cap_promise(target) : NULL;

        return p && !p->wire.rpc && p->npath == 1 ? p : NULL;
}

static void call_write_on(uint64_t *words, const struct promise *p)
{
        rpc_promised_answer_set_question_id(
                (rpc_promised_answer_builder){
                        body_at(words, PROMISED_WORD, RPC_PROMISED_ANSWER_WORDS)},
                p->source->out_id.n);
        rpc_promised_answer_op_set_get_pointer_field(
                (rpc_promised_answer_op_builder){
                        body_at(words, OP_WORD, RPC_PROMISED_ANSWER_OP_WORDS)},
                p->path[0]);
}

/* A call of an import, or of a result. 0; 1: the general way knows better; or why it can not be
 * sent. */
static int send_call_body(capnp_rpc *r, struct call *c, capnp_cap *target)
{
        const struct promise *on = call_on(target);
        struct body b;
        uint64_t *words;
        int k;

        if ((target->kind != CAP_IMPORT && !on) || !call_body(c, &b))
                return 1;

        k = capnp_i_table_question_new(r, c, &c->out_id);
        if (k)
                return k;

        words = capnp_i_out_call(r, on, &b);
        if (!words) {
                capnp_i_table_question_drop(r, c->out_id);
                return 1;
        }

        call_fields(c, (rpc_call_builder){body_at(words, BODY_WORD, RPC_CALL_WORDS)});
        if (on)
                call_write_on(words, on);
        else
                rpc_message_target_set_imported_cap(
                        (rpc_message_target_builder){
                                body_at(words, TARGET_WORD, RPC_MESSAGE_TARGET_WORDS)},
                        capnp_i_cap_import(target)->wire.id.n);
        call_body_end(r, c, words, (on ? (uint32_t)ON_WORDS : ENVELOPE_WORDS) + b.n);
        return 0;
}

/* Whether a policy has: then what arrives is what it has seen, wherever that lay. */
static bool call_is_looked_into(const struct call *c)
{
        const struct crossing *x = c->crossings;

        while (x && !x->membrane->looks)
                x = x->outer;
        return x;
}

static int send_call_frame(capnp_rpc *r, struct call *c, capnp_cap *target)
{
        struct fds fds = {0};
        struct frame *f;
        int k;

        f = capnp_i_call_params(c);
        if (!f && (c->own_bytes || c->bare))
                return -ENOMEM;

        f = envelope_frame(
                c, f,
                target->kind == CAP_IMPORT && !call_is_looked_into(c) ? r->limits.message_bytes : 0,
                &k);
        if (!f)
                return k;

        k = capnp_i_desc_write(r, f, &c->param_ids, &fds);
        if (!k)
                k = capnp_i_table_question_new(r, c, &c->out_id);
        if (!k) {
                call_envelope(c, f, target);
                capnp_i_relay_seal(f);
                k = capnp_msg_check(&f->msg);
                if (!k)
                        k = capnp_i_out_frame(r, f, true, &fds);
                if (k)
                        capnp_i_table_question_drop(r, c->out_id);
        }

        if (k) {
                capnp_i_wire_ids_release(r, &c->param_ids);
                capnp_i_fds_close(&fds);
        }
        capnp_i_frame_unref(f);
        return k;
}

int capnp_i_send_call(capnp_rpc *r, struct call *c, capnp_cap *target)
{
        struct frame *params;
        int k = send_call_body(r, c, target);

        if (k > 0)
                k = send_call_frame(r, c, target);
        if (k)
                return k;

        r->calls_out++;
        c->out = capnp_i_rpc_ref(r);
        capnp_i_call_move(c, CALL_REMOTE);
        params = c->params;
        c->params = NULL;
        c->params_root = (capnp_builder){0};
        capnp_i_own_drop(c);
        c->bare = false;
        capnp_i_frame_unref(params);
        if (c->param_ids.n)
                send_resolve_broken(r, &c->param_ids);
        return 0;
}

/* ---- Return --------------------------------------------------------------------------------- */

/* A Return without a payload. */
static struct frame *return_new(capnp_rpc *r, struct answer_id id, bool no_finish,
                                rpc_return_builder *ret_b)
{
        rpc_message_builder m;
        struct frame *f = message_new(r, &m);

        *ret_b = rpc_message_init_return(m);
        rpc_return_set_answer_id(*ret_b, id.n);
        rpc_return_set_release_param_caps(*ret_b, false);
        rpc_return_set_no_finish_needed(*ret_b, no_finish);
        return f;
}

static void send_canceled(capnp_rpc *r, struct answer_id id)
{
        rpc_return_builder b;
        struct frame *f = return_new(r, id, true, &b);

        rpc_return_set_canceled(b);
        message_send(r, f, NULL);
}

static void send_elsewhere(capnp_rpc *r, struct answer_id id)
{
        rpc_return_builder b;
        struct frame *f = return_new(r, id, false, &b);

        rpc_return_set_results_sent_elsewhere(b);
        message_send(r, f, NULL);
}

/* Answers c with an exception. last: nothing is kept of it, so there is no need of a Finish. */
static void send_return_exception(struct call *c, capnp_exception why, struct more *more, bool last)
{
        rpc_return_builder b;
        struct frame *f = return_new(c->peer, c->peer_id, last, &b);

        message_set_exception(rpc_return_init_exception(b), why, more);
        message_send(c->peer, f, NULL);
}

void capnp_i_send_refusal(capnp_rpc *r, struct answer_id id, enum capnp_kind kind,
                          const char *reason, bool release)
{
        rpc_return_builder b;
        struct frame *f = return_new(r, id, true, &b);

        if (f)
                f->refusal = true;
        rpc_return_set_release_param_caps(b, release);
        message_set_exception(rpc_return_init_exception(b), (capnp_exception){kind, reason}, NULL);
        message_send(r, f, NULL);
}

void capnp_i_send_take_from(struct call *c, const struct call *q)
{
        rpc_return_builder b;
        struct frame *f = return_new(c->peer, c->peer_id, false, &b);

        rpc_return_set_take_from_other_question(b, q->out_id.n);
        message_send(c->peer, f, NULL);
        c->answered = true;
}

/* The peer need not wait for t any more: only then does it pass on that nobody wants it. */
void capnp_i_send_taken(struct call *t)
{
        if (t->answered || t->finished)
                return;

        t->answered = true;
        send_elsewhere(t->peer, t->peer_id);
}

static void return_envelope(struct call *c, struct frame *f, bool no_finish)
{
        rpc_return_builder b = {capnp_i_frame_at(f, BODY_WORD, RPC_RETURN_WORDS, RPC_RETURN_PTRS)};

        memcpy(f->words, c->vat->envelopes.ret, CONTENT_WORD * 8);
        rpc_return_set_answer_id(b, c->peer_id.n);
        rpc_return_set_no_finish_needed(b, no_finish);
}

/* Sends c->results. ret_caps: whether there were any references in it. */
static int send_results(capnp_rpc *r, struct call *c, bool *ret_caps)
{
        struct fds fds = {0};
        struct frame *f;
        struct body b;
        int k;

        if (c->results && capnp_i_frame_body(c->results, &b) &&
            capnp_i_out_return(r, c->peer_id, b.content, b.words, b.n, c->results->secret)) {
                c->results->secret |= r->limits.wipe;
                return 0;
        }

        if (c->results && capnp_i_short_return(r, c)) {
                *ret_caps = true;
                c->reflects = c->result_ids.n < c->results->msg.ncaps;
                return 0;
        }

        f = envelope_frame(c, c->results, r->limits.message_bytes, &k);
        if (!f)
                return k;

        *ret_caps = f->msg.ncaps > 0;
        k = capnp_i_desc_write(r, f, &c->result_ids, &fds);
        c->reflects = c->result_ids.n < f->msg.ncaps; /* or there is a null: no harm in that */
        if (k) {
                capnp_i_frame_unref(f);
                return k;
        }

        return_envelope(c, f, !*ret_caps);
        capnp_i_relay_seal(f);
        k = capnp_i_out_frame(r, f, !*ret_caps, &fds);
        if (k) {
                capnp_i_wire_ids_release(r, &c->result_ids);
                capnp_i_fds_close(&fds);
        }
        capnp_i_frame_unref(f);
        return k;
}

/* What stays until Finish stays for as long as the peer likes: it is charged. */
static void return_keep(capnp_rpc *r, struct call *c)
{
        uint64_t bytes = c->result_ids.n * sizeof(*c->result_ids.v);

        c->answered = true;
        if (c->results)
                bytes += capnp_i_frame_bytes(c->results);
        if (c->reason)
                bytes += strlen(c->reason);
        bytes += capnp_i_more_bytes(c->more);
        capnp_i_charge(&c->charge.kept, r, bytes, FOR_ANYTHING);
}

/* What has been sent is kept small: a result of ten words does not need the room of a message. */
static void return_keep_sent(capnp_rpc *r, struct call *c)
{
        c->results_root = (capnp_builder){0};
        if (c->results)
                c->results = capnp_i_frame_shrink(c->vat, c->results);
        return_keep(r, c);
        send_resolve_broken(r, &c->result_ids);
}

static void return_results(capnp_rpc *r, struct call *c)
{
        bool caps = false;
        int k = send_results(r, c, &caps);

        c->answered = true;
        if (k) {
                capnp_exception why = {k == CAPNP_E_POISON ? CAPNP_FAILED : CAPNP_OVERLOADED,
                                       capnp_i_send_why(k)};

                send_return_exception(c, why, NULL, true);
        }
        if (!k && caps)
                return_keep_sent(r, c);
        else
                capnp_i_call_forget(c);
}

/* The outcome of a call that a peer made. Failures stay until Finish, for what builds upon them. */
void capnp_i_send_return(struct call *c)
{
        capnp_rpc *r = c->peer;

        if (r->closed)
                return;

        if (c->finished) {
                if (!c->answered && !c->silent)
                        send_canceled(r, c->peer_id);
                c->answered = true;
                capnp_i_call_forget(c);
        } else if (c->answered) { /* passed on: see capnp_answer_tail() */
                return_keep(r, c);
        } else if (c->silent) {
                return_keep_sent(r, c);
        } else if (c->yourself) {
                return_keep(r, c);
                send_elsewhere(r, c->peer_id);
        } else if (c->failed) {
                return_keep(r, c);
                send_return_exception(c, capnp_i_call_exception(c), c->more, false);
        } else {
                return_results(r, c);
        }
}

void capnp_i_call_forget(struct call *c)
{
        capnp_rpc *r = c->peer;

        if (capnp_i_table_answer(r, c->peer_id) != c)
                return;

        (void)capnp_i_ids_take(&r->answers, c->peer_id.n);
        if (!c->finished) {
                c->finished = true;
                (void)capnp_i_refs_drop(&c->callers); /* it is done: nothing to cancel */
        }
        capnp_i_call_unref(c);
        capnp_i_rpc_check_idle(r);
}
