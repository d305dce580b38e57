/*
 * The messages we send (rpc.capnp, Message).
 *
 * Call and Return carry a payload that was built behind room for their envelope; the rest are a few
 * words each. Memory that runs out here leaves the peer's tables and ours in disagreement, so it
 * ends the connection, except where the message answers a call: then that call fails.
 */
#include "rpc-internal.h"

#include <errno.h>
#include <stdlib.h>

#include "rpc-proto.h"

static void send_broken(capnp_rpc *r)
{
        capnp_i_rpc_starve(r, false);
}

/* ---- small messages ------------------------------------------------------------------------- */

/* Begins a message; *ret_body is its body struct. NULL: no memory. */
static struct frame *message_new(enum message_tag tag, uint16_t words, uint16_t ptrs,
                                 capnp_builder *ret_body)
{
        struct frame *f = capnp_i_frame_new_plain();
        capnp_builder m;

        if (!f)
                return NULL;

        m = capnp_abuilder_init_struct(capnp_msg_build(&f->msg), 1, 1);
        capnp_builder_set_u16(m, 0, (uint16_t)tag, 0);
        *ret_body = capnp_abuilder_init_struct(capnp_builder_any(m, 0), words, ptrs);
        return f;
}

/* fds: taken. */
static void message_send_fds(capnp_rpc *r, struct frame *f, struct fds *fds)
{
        if (!f || capnp_msg_check(&f->msg) || capnp_i_out_frame(r, f, true, fds)) {
                capnp_i_fds_close(fds);
                send_broken(r);
        }
        capnp_i_frame_unref(f);
}

static void message_send(capnp_rpc *r, struct frame *f)
{
        struct fds none = {0};

        message_send_fds(r, f, &none);
}

static void message_set_exception(capnp_abuilder slot, capnp_exception why, const struct more *more)
{
        capnp_builder b = capnp_abuilder_init_struct(slot, 1, 3);

        capnp_builder_set_u16(b, EXCEPTION_TYPE_AT, (uint16_t)why.kind, 0);
        capnp_builder_set_text(b, 0, why.reason);
        capnp_i_more_write(more, b);
}

void capnp_i_send_bootstrap(capnp_rpc *r, uint32_t id)
{
        capnp_builder b;
        struct frame *f = message_new(MESSAGE_BOOTSTRAP, 1, 1, &b);

        if (f)
                capnp_builder_set_u32(b, ID_AT, id, 0);
        message_send(r, f);
}

static void send_word(capnp_rpc *r, enum message_tag tag, uint64_t body)
{
        if (!r->closed && capnp_i_out_word(r, (uint16_t)tag, body))
                send_broken(r);
}

/* The defaults of both flags are true, and are stored as 0. */
void capnp_i_send_finish(capnp_rpc *r, uint32_t id, bool release, bool workaround)
{
        send_word(r, MESSAGE_FINISH,
                  id | (uint64_t)!release << FINISH_RELEASE_BIT |
                          (uint64_t)!workaround << FINISH_WORKAROUND_BIT);
}

void capnp_i_send_release(capnp_rpc *r, uint32_t id, uint32_t count)
{
        send_word(r, MESSAGE_RELEASE, id | (uint64_t)count << (RELEASE_COUNT_AT * 8));
}

void capnp_i_send_abort(capnp_rpc *r, enum capnp_kind kind, const char *reason)
{
        struct frame *f = capnp_i_frame_new_plain();
        capnp_builder m;

        if (!f)
                return;

        m = capnp_abuilder_init_struct(capnp_msg_build(&f->msg), 1, 1);
        capnp_builder_set_u16(m, 0, MESSAGE_ABORT, 0);
        message_set_exception(capnp_builder_any(m, 0), (capnp_exception){kind, reason}, NULL);
        if (!capnp_msg_check(&f->msg))
                (void)!capnp_i_out_frame(r, f, true, NULL);
        capnp_i_frame_unref(f);
}

void capnp_i_send_unimplemented(capnp_rpc *r, capnp_reader message)
{
        struct frame *f = capnp_i_frame_new_plain();
        capnp_builder m;

        if (f) {
                m = capnp_abuilder_init_struct(capnp_msg_build(&f->msg), 1, 1);
                capnp_builder_set_u16(m, 0, MESSAGE_UNIMPLEMENTED, 0);
                capnp_abuilder_set_struct(capnp_builder_any(m, 0), message);
        }
        if (capnp_msg_check(message.m)) { /* copying it is the first time it was read to its end */
                (void)capnp_i_rpc_violation(r, "a message is malformed");
                capnp_i_frame_unref(f);
                return;
        }
        message_send(r, f);
}

void capnp_i_send_resolve(struct export *e, capnp_cap *to)
{
        capnp_rpc *r = e->rpc;
        struct wire_ids ids = {0};
        struct fds fds = {0};
        capnp_builder b, d;
        struct frame *f;

        e->resolved = true;
        if (r->closed)
                return;

        f = message_new(MESSAGE_RESOLVE, 1, 1, &b);
        if (f) {
                capnp_builder_set_u32(b, ID_AT, e->id, 0);
                if (to && to->kind == CAP_BROKEN) {
                        capnp_i_charge(&e->charge, r, capnp_i_broken_bytes(capnp_i_cap_broken(to)),
                                       FOR_ANYTHING);
                        capnp_builder_set_u16(b, RESOLVE_TAG_AT, RESOLVE_EXCEPTION, 0);
                        message_set_exception(capnp_builder_any(b, 0),
                                              (capnp_exception){capnp_i_cap_broken(to)->kind,
                                                                capnp_i_cap_broken(to)->reason},
                                              capnp_i_cap_broken(to)->more);
                } else if (d = capnp_abuilder_init_struct(capnp_builder_any(b, 0), 1, 1),
                           capnp_i_desc_write_one(r, to, d, &ids)) {
                        capnp_builder_set_u16(b, RESOLVE_TAG_AT, RESOLVE_EXCEPTION, 0);
                        message_set_exception(
                                capnp_builder_any(b, 0),
                                (capnp_exception){CAPNP_OVERLOADED,
                                                  "over-quota.references: too many references"},
                                NULL);
                } else if (ids.n) {
                        capnp_i_desc_write_fd(r, to, d, &fds);
                }
        }

        e->reflects = to && capnp_i_cap_is_on(to, r);
        e->reflects_import =
                e->reflects && to->kind == CAP_IMPORT ? capnp_i_cap_import(to)->wire.id : 0;
        message_send_fds(r, f, &fds);
        capnp_i_wire_ids_clear(&ids);
}

void capnp_i_send_disembargo(capnp_rpc *r, struct promise *target, uint32_t id)
{
        capnp_builder b;
        struct frame *f = message_new(MESSAGE_DISEMBARGO, 1, 2, &b);

        if (f) {
                capnp_builder_set_u32(b, ID_AT, id, 0);
                capnp_builder_set_u16(b, DISEMBARGO_TAG_AT, DISEMBARGO_SENDER, 0);
                capnp_i_desc_write_target(
                        &target->cap, capnp_abuilder_init_struct(capnp_builder_any(b, 0), 1, 1));
        }
        message_send(r, f);
}

/* target: where the promise led, when that is still on r; NULL: what Resolve named. */
void capnp_i_send_disembargo_reply(capnp_rpc *r, capnp_cap *target, uint32_t import, uint32_t id)
{
        capnp_builder b, t;
        struct frame *f;

        if (r->closed)
                return;

        f = message_new(MESSAGE_DISEMBARGO, 1, 2, &b);
        if (f) {
                capnp_builder_set_u32(b, ID_AT, id, 0);
                capnp_builder_set_u16(b, DISEMBARGO_TAG_AT, DISEMBARGO_RECEIVER, 0);
                t = capnp_abuilder_init_struct(capnp_builder_any(b, 0), 1, 1);
                if (target)
                        capnp_i_desc_write_target(target, t);
                else
                        capnp_builder_set_u32(t, ID_AT, import, 0);
        }
        message_send(r, f);
}

struct disembargo *capnp_i_disembargo_new(capnp_rpc *r, uint32_t id, uint32_t import)
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

static void disembargo_free(struct disembargo *d)
{
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
        if (p && !capnp_i_cap_is_on(target, d->rpc)) {
                capnp_i_list_append(&p->fifo, &d->waiter.link);
                return;
        }

        capnp_i_send_disembargo_reply(d->rpc, capnp_i_cap_is_on(target, d->rpc) ? target : NULL,
                                      d->import, d->id);
        disembargo_free(d);
}

/* ---- Call ----------------------------------------------------------------------------------- */

static uint64_t envelope_struct(uint32_t offset, uint64_t words, uint64_t ptrs)
{
        return (uint64_t)offset << 2 | words << 32 | ptrs << 48;
}

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

/* A frame of ours that can be sent: what was received, or is shared, is copied. */
static struct frame *envelope_frame(struct frame *f, int *ret_r)
{
        *ret_r = 0;
        if (f && !f->received && f->refs == 1)
                return capnp_i_frame_ref(f);

        return capnp_i_frame_copy(f, ret_r);
}

static void call_envelope(struct call *c, struct frame *f, capnp_cap *target)
{
        /* A peer that wants us to keep the results says nothing about who gives them to us. */
        bool keep = c->yourself && !c->peer;
        capnp_builder t = {&f->msg, (uint8_t *)&f->words[9], 0, 8, 1};
        uint64_t *w = f->words;

        w[0] = envelope_struct(0, 1, 1);
        w[1] = MESSAGE_CALL;
        w[2] = envelope_struct(0, 3, 3);
        w[3] = (uint64_t)c->out_id | (uint64_t)c->method << 32 |
               (uint64_t)(keep ? CALL_TO_YOURSELF : CALL_TO_CALLER) << 48;
        w[4] = c->iface;
        w[5] = c->unpiped ? 1u << (CALL_NO_PIPELINING_BIT - 128) : 0;
        w[6] = envelope_struct(2, 1, 1);
        w[7] = envelope_struct(3, 0, 2);
        w[8] = 0;
        capnp_i_desc_write_target(target, t);
}

static int send_call_frame(capnp_rpc *r, struct call *c, capnp_cap *target)
{
        struct fds fds = {0};
        struct frame *f;
        int k;

        f = envelope_frame(c->params, &k);
        if (!f)
                return k;

        k = capnp_i_desc_write(r, &f->msg, &c->param_ids, &fds);
        if (!k)
                k = capnp_i_table_question_new(r, c, &c->out_id);
        if (!k) {
                call_envelope(c, f, target);
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

void capnp_i_send_call(capnp_rpc *r, struct call *c, capnp_cap *target)
{
        struct frame *params;
        int k;

        if (r->closed) {
                capnp_i_call_fail(c, r->why->kind, r->why->reason);
                return;
        }

        k = send_call_frame(r, c, target);
        if (k) {
                if (k < 0 || k == CAPNP_E_LIMIT)
                        capnp_i_call_refuse(c, capnp_i_send_why(k));
                capnp_i_call_fail_error(c, k);
                return;
        }

        r->calls_out++;
        c->out = capnp_i_rpc_ref(r);
        c->state = CALL_REMOTE;
        params = c->params;
        c->params = NULL;
        c->params_root = (capnp_builder){0};
        capnp_i_frame_unref(params);
        capnp_i_desc_resolve_broken(r, &c->param_ids);
        capnp_i_promise_flush_results(c);
}

/* ---- Return --------------------------------------------------------------------------------- */

/* A Return without a payload; tag says which. */
static struct frame *return_new(uint32_t id, uint16_t tag, bool no_finish, capnp_builder *ret_b)
{
        struct frame *f = message_new(MESSAGE_RETURN, 2, 1, ret_b);

        if (!f)
                return NULL;

        capnp_builder_set_u32(*ret_b, ID_AT, id, 0);
        capnp_builder_set_bool(*ret_b, RETURN_RELEASE_BIT, false, true);
        capnp_builder_set_bool(*ret_b, RETURN_NO_FINISH_BIT, no_finish, false);
        capnp_builder_set_u16(*ret_b, RETURN_TAG_AT, tag, 0);
        return f;
}

static void send_return_tag(capnp_rpc *r, uint32_t id, uint16_t tag, bool no_finish)
{
        capnp_builder b;

        message_send(r, return_new(id, tag, no_finish, &b));
}

/* Answers c with an exception. last: nothing is kept of it, so there is no need of a Finish. */
static void send_return_exception(struct call *c, capnp_exception why, struct more *more, bool last)
{
        capnp_builder b;
        struct frame *f = return_new(c->peer_id, RETURN_EXCEPTION, last, &b);

        if (f)
                message_set_exception(capnp_builder_any(b, 0), why, more);
        message_send(c->peer, f);
}

static void send_refusal(capnp_rpc *r, uint32_t id, capnp_exception why, bool release)
{
        capnp_builder b;
        struct frame *f = return_new(id, RETURN_EXCEPTION, true, &b);

        if (f) {
                f->refusal = true;
                capnp_builder_set_bool(b, RETURN_RELEASE_BIT, release, true);
                message_set_exception(capnp_builder_any(b, 0), why, NULL);
        }
        message_send(r, f);
}

void capnp_i_send_refusal(capnp_rpc *r, uint32_t id, const char *reason, bool release)
{
        send_refusal(r, id, (capnp_exception){CAPNP_OVERLOADED, reason}, release);
}

void capnp_i_send_declined(capnp_rpc *r, uint32_t id)
{
        send_refusal(r, id,
                     (capnp_exception){CAPNP_UNIMPLEMENTED, "results for a third party (level 3)"},
                     true);
}

void capnp_i_send_take_from(struct call *c, const struct call *q)
{
        capnp_builder b;
        struct frame *f = return_new(c->peer_id, RETURN_TAKE, false, &b);

        if (f)
                capnp_builder_set_u32(b, RETURN_TAKE_AT, q->out_id, 0);
        message_send(c->peer, f);
        c->answered = true;
}

/* The peer need not wait for t any more: only then does it pass on that nobody wants it. */
void capnp_i_send_taken(struct call *t)
{
        if (t->answered || t->finished)
                return;

        t->answered = true;
        send_return_tag(t->peer, t->peer_id, RETURN_ELSEWHERE, false);
}

static void return_envelope(struct call *c, struct frame *f, bool no_finish)
{
        uint64_t *w = f->words;

        w[0] = envelope_struct(0, 1, 1);
        w[1] = MESSAGE_RETURN;
        w[2] = envelope_struct(0, 2, 1);
        w[3] = (uint64_t)c->peer_id | UINT64_C(1) << RETURN_RELEASE_BIT |
               (uint64_t)no_finish << RETURN_NO_FINISH_BIT;
        w[4] = 0;
        w[5] = envelope_struct(CONTENT_WORD - 6, 0, 2);
}

/* Sends c->results. ret_caps: whether there were any references in it. */
static int send_results(capnp_rpc *r, struct call *c, bool *ret_caps)
{
        struct fds fds = {0};
        struct frame *f;
        int k;

        f = envelope_frame(c->results, &k);
        if (!f)
                return k;

        *ret_caps = f->msg.ncaps > 0;
        k = capnp_i_desc_write(r, &f->msg, &c->result_ids, &fds);
        c->reflects = c->result_ids.n < f->msg.ncaps; /* or there is a null: no harm in that */
        if (k) {
                capnp_i_frame_unref(f);
                return k;
        }

        return_envelope(c, f, !*ret_caps);
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
        capnp_i_charge(&c->charge, r, bytes, FOR_ANYTHING);
}

/* What has been sent is kept small: a result of ten words does not need the room of a message. */
static void return_keep_sent(capnp_rpc *r, struct call *c)
{
        c->results_root = (capnp_builder){0};
        if (c->results)
                c->results = capnp_i_frame_shrink(c->results);
        return_keep(r, c);
        capnp_i_desc_resolve_broken(r, &c->result_ids);
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
                capnp_i_call_forget(c);
        } else if (caps) {
                return_keep_sent(r, c);
        } else {
                capnp_i_call_forget(c);
        }
}

/* The outcome of a call that a peer made. Failures stay until Finish, for what builds upon them. */
void capnp_i_send_return(struct call *c)
{
        capnp_rpc *r = c->peer;

        if (r->closed)
                return;

        if (c->finished) {
                if (!c->answered && !c->silent)
                        send_return_tag(r, c->peer_id, RETURN_CANCELED, true);
                c->answered = true;
                capnp_i_call_forget(c);
        } else if (c->answered) { /* passed on: see capnp_answer_tail() */
                return_keep(r, c);
        } else if (c->silent) {
                return_keep_sent(r, c);
        } else if (c->yourself) {
                return_keep(r, c);
                send_return_tag(r, c->peer_id, RETURN_ELSEWHERE, false);
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

        if (capnp_i_map_get(&r->answers, c->peer_id) != c)
                return;

        (void)capnp_i_map_take(&r->answers, c->peer_id);
        if (!c->finished) {
                c->finished = true;
                c->callers--; /* it is done: nothing to cancel */
        }
        capnp_i_call_unref(c);
        capnp_i_rpc_check_idle(r);
}
