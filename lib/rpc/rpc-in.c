/*
 * The messages we receive (rpc.capnp, Message), one function each.
 *
 * Every handler decodes and checks first, reserves, and then acts. What breaks the protocol ends
 * the connection with an abort that says why; what merely asks for too much is refused and takes no
 * entry in any table. A peer can therefore cause positive results only, and a negative one means
 * that our own memory ran out in the middle, which ends the connection too.
 */
#include "rpc-internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "rpc-proto.h"

/* The largest unknown message that is sent back; results queued before calls are refused; a Return
 * that is about as long as the refusal that would take its place. */
enum { ECHO_BYTES = 64 * 1024, OUT_SLACK = 1 << 20, RETURN_SMALL = 512 };

static int in_no_memory(capnp_rpc *r)
{
        capnp_i_rpc_starve(r, true);
        return -ENOMEM;
}

static capnp_reader in_body(capnp_reader m)
{
        return capnp_any_struct(capnp_reader_any(m, 0), NULL);
}

/* A payload and its capability table. */
struct payload {
        capnp_reader body;
        capnp_list table;
};

static struct payload in_payload_of(capnp_reader body)
{
        return (struct payload){
                body, capnp_any_list(capnp_reader_any(body, 1), CAPNP_SIZE_COMPOSITE, NULL)};
}

/* More references than a peer may have in all, or than we may keep of its. */
static bool in_payload_is_wide(const capnp_rpc *r, const struct payload *p)
{
        if (!p->table.len)
                return false;

        if (p->table.len > r->limits.refs)
                return true;

        return !capnp_i_ledger_has_room(r, (uint64_t)p->table.len * COST_PROMISE) &&
               !capnp_i_ledger_has_room(r, capnp_i_desc_cost(p->table));
}

/* limits.data_only: whoever may send none has said so before, and means something by it. */
static int in_capability(capnp_rpc *r)
{
        return capnp_i_rpc_violation(r, "a capability where none is taken");
}

/* Reads a payload's capability table into its own message. As capnp_i_desc_read(). */
static int in_payload(capnp_rpc *r, struct frame *f, const struct payload *p)
{
        f->content = capnp_reader_any(p->body, 0);
        return capnp_i_desc_read(r, p->table, &f->msg);
}

/* Why the peer may not ask for more; NULL: it may. */
static const char *in_quota(const capnp_rpc *r)
{
        if (r->answers.used >= r->limits.answers)
                return "over-quota.calls: too many calls at once";
        if (capnp_i_ledger_is_full(r))
                return "over-quota.bytes: calls and references keep too many bytes";
        if (r->out_replies > r->limits.out_bytes + OUT_SLACK && capnp_i_rpc_would_read(r))
                return "over-quota.bytes: too many results wait to be read";

        return NULL;
}

/* A call or bootstrap of the peer's, in the table of answers. NULL: no memory. */
static struct call *in_answer_new(capnp_rpc *r, uint32_t id)
{
        struct call *c;

        if (capnp_i_map_reserve(&r->answers))
                return NULL;

        c = capnp_i_call_new(r->vat);
        if (!c)
                return NULL;

        c->peer = capnp_i_rpc_ref(r);
        c->peer_id = id;
        capnp_i_charge(&c->charge, r, sizeof(*c), FOR_ANYTHING);
        capnp_i_map_put(&r->answers, id, c);
        return c;
}

static int in_bootstrap(capnp_rpc *r, capnp_reader b)
{
        uint32_t id = capnp_reader_u32(b, ID_AT, 0);
        const char *quota = in_quota(r);
        struct call *c;

        if (capnp_i_map_get(&r->answers, id))
                return capnp_i_rpc_violation(r, "question id %u is in use", id);

        if (quota) {
                capnp_i_send_refusal(r, id, quota, true);
                return 0;
        }

        c = in_answer_new(r, id);
        if (!c)
                return in_no_memory(r);

        if (!r->bootstrap) {
                capnp_i_call_fail(c, CAPNP_FAILED, "there is no bootstrap object here");
                return 0;
        }

        c->results = capnp_i_frame_new();
        if (!c->results)
                return in_no_memory(r);

        capnp_abuilder_set_cap(capnp_i_msg_slot(&c->results->msg, CONTENT_WORD), r->bootstrap);
        capnp_i_call_return(c);
        return 0;
}

/* 0: *ret_c is the target (NULL: a null capability). */
static int in_target(capnp_rpc *r, capnp_reader t, capnp_cap **ret_c)
{
        struct export *e;
        int k;

        *ret_c = NULL;
        switch (capnp_reader_u16(t, TARGET_TAG_AT, 0)) {
        case TARGET_IMPORT:
                e = capnp_i_table_export(r, capnp_reader_u32(t, ID_AT, 0));
                if (!e)
                        return capnp_i_rpc_violation(r,
                                                     "a message to an object that is not exported");
                *ret_c = capnp_cap_ref(e->cap);
                return 0;
        case TARGET_PROMISED:
                k = capnp_i_desc_read_promised(r, capnp_any_struct(capnp_reader_any(t, 0), NULL),
                                               ret_c);
                if (k == CAPNP_E_LIMIT)
                        return capnp_i_rpc_violation(r, "over-quota.references: too many results");
                return k ? in_no_memory(r) : 0;
        default:
                return capnp_i_rpc_violation(r, "an unknown kind of message target");
        }
}

/* What the parameters keep, beside imports and results, which are charged by themselves. */
static uint64_t in_params_cost(const struct frame *f)
{
        uint64_t bytes = capnp_i_frame_bytes(f);
        uint32_t i;

        for (i = 0; i < f->msg.ncaps; i++)
                if (f->msg.caps[i] && f->msg.caps[i]->kind == CAP_BROKEN)
                        bytes += COST_BROKEN;

        return bytes;
}

static int in_call_accept(capnp_rpc *r, struct frame *f, capnp_reader b, capnp_cap *target)
{
        struct call *c = in_answer_new(r, capnp_reader_u32(b, ID_AT, 0));

        if (!c)
                return in_no_memory(r);

        capnp_i_charge(&c->params_charge, r, in_params_cost(f), FOR_PARAMS);
        c->iface = capnp_reader_u64(b, CALL_INTERFACE_AT, 0);
        c->method = capnp_reader_u16(b, CALL_METHOD_AT, 0);
        c->unpiped = capnp_reader_bool(b, CALL_NO_PIPELINING_BIT, false);
        c->silent = capnp_reader_bool(b, CALL_ONLY_PIPELINE_BIT, false);
        c->yourself = capnp_reader_u16(b, CALL_TO_AT, 0) == CALL_TO_YOURSELF;
        c->params = capnp_i_frame_ref(f);
        capnp_i_call_deliver(c, target);
        return 0;
}

static int in_unknown(capnp_rpc *r, capnp_reader m)
{
        if (capnp_msg_size(m.m) > ECHO_BYTES)
                return capnp_i_rpc_violation(r, "an unknown message is too large");

        capnp_i_send_unimplemented(r, m);
        return 0;
}

/*
 * A Call whose results are for a third party (level 3). It is sent back if that is not much: what
 * we queue has a bound, and the peer decides how long its messages are.
 */
static void in_call_unknown(capnp_rpc *r, capnp_reader m, uint32_t id)
{
        size_t bytes = capnp_msg_size(m.m);

        if (bytes <= ECHO_BYTES && r->out_notes + bytes <= r->limits.out_bytes)
                capnp_i_send_unimplemented(r, m);
        else
                capnp_i_send_declined(r, id);
}

static int in_call(capnp_rpc *r, struct frame *f, capnp_reader m, capnp_reader b)
{
        uint32_t id = capnp_reader_u32(b, ID_AT, 0);
        struct payload params =
                in_payload_of(capnp_any_struct(capnp_reader_any(b, CALL_PARAMS_PTR), NULL));
        const char *quota = in_quota(r);
        capnp_cap *target;
        int k, loaded;

        r->calls_in++;
        if (r->limits.data_only && params.table.len)
                return in_capability(r);

        if (capnp_i_map_get(&r->answers, id))
                return capnp_i_rpc_violation(r, "question id %u is in use", id);

        if (capnp_reader_u16(b, CALL_TO_AT, 0) > CALL_TO_YOURSELF) {
                in_call_unknown(r, m, id);
                return 0;
        }

        /* Refused first: nothing is looked up or taken up that would have to be given back. */
        if (!quota && in_payload_is_wide(r, &params))
                quota = "over-quota.references: too many references in one message";
        if (quota) {
                capnp_i_send_refusal(r, id, quota, true);
                return 0;
        }

        k = in_target(r, capnp_any_struct(capnp_reader_any(b, CALL_TARGET_PTR), NULL), &target);
        if (k)
                return k;

        loaded = in_payload(r, f, &params);
        if (loaded < 0)
                k = in_no_memory(r);
        else if (capnp_msg_check(&f->msg))
                k = capnp_i_rpc_violation(r, "a Call is malformed");
        else if (loaded)
                capnp_i_send_refusal(r, id, "over-quota.references: too many references at once",
                                     false);
        else
                k = in_call_accept(r, f, b, target);

        capnp_cap_unref(target);
        return k;
}

static capnp_exception in_exception(capnp_reader e)
{
        uint16_t type = capnp_reader_u16(e, EXCEPTION_TYPE_AT, 0);

        return (capnp_exception){type > CAPNP_UNIMPLEMENTED ? CAPNP_FAILED : (enum capnp_kind)type,
                                 capnp_reader_text(e, 0).p};
}

/* The results that we were asked to keep for this question (rpc.capnp, Return). */
static int in_return_take(capnp_rpc *r, struct call *c, uint32_t other)
{
        struct call *t = capnp_i_map_get(&r->answers, other);
        bool tell = !c->finish_sent;

        if (!t || !t->yourself || t->taken)
                return capnp_i_rpc_violation(r, "there are no results to take from question %u",
                                             other);

        t->taken = true;
        capnp_i_call_ref(c);
        c->finish_sent = true;
        capnp_i_call_follow(c, t);
        capnp_i_send_taken(t);
        if (tell)
                capnp_i_send_finish(r, c->out_id, true, false);
        capnp_i_table_question_drop(r, c->out_id);
        capnp_i_call_unref(c);
        return 0;
}

/* What in_return_outcome() says beside an error: Finish follows or not, and gives back what is not
 * taken up or not. */
enum outcome { OUTCOME_TAKEN, OUTCOME_LEFT, OUTCOME_OPEN };

/*
 * Whether what a Return brings would make us hold too much for the peer that gets it: it is kept
 * for that one, or queued for it and not read. Calls are refused before it comes to that, but those
 * that were taken already may be as many as they like, and nobody knows what they will bring. Who
 * sends it to himself gets less room than one who may be an honest, slow reader. What is no longer
 * than an exception is passed on all the same.
 */
static bool in_return_is_too_much(const capnp_rpc *r, const struct call *c, const capnp_msg *m)
{
        const capnp_rpc *to;
        uint64_t most;

        while (c->parent)
                c = c->parent;
        to = c->peer;
        if (!to || c->finished)
                return false;

        if (c->yourself || c->answered || c->silent)
                return to->held - to->held_for[FOR_PARAMS] > to->limits.held_bytes;

        most = (to == r ? 1 : 2) * to->limits.out_bytes + OUT_SLACK;
        return to->out_replies > most && capnp_msg_size(m) > RETURN_SMALL;
}

/* The results, or why they can not be taken. */
static int in_return_results(capnp_rpc *r, struct frame *f, struct call *c, capnp_reader body)
{
        struct payload payload = in_payload_of(body);
        bool wide = in_payload_is_wide(r, &payload);
        int k = wide ? CAPNP_E_LIMIT : in_payload(r, f, &payload);

        if (k < 0)
                return in_no_memory(r);

        if (capnp_msg_check(&f->msg))
                return capnp_i_rpc_violation(r, "a Return is malformed");

        if (k)
                capnp_i_call_refuse(c, "over-quota.references: too many references");
        else
                c->results = capnp_i_frame_ref(f);
        return wide ? OUTCOME_LEFT : OUTCOME_TAKEN;
}

/* Sets the outcome. enum outcome; negative or CAPNP_E_PROTOCOL: the end. */
static int in_return_outcome(capnp_rpc *r, struct frame *f, struct call *c, capnp_reader b)
{
        uint16_t tag = capnp_reader_u16(b, RETURN_TAG_AT, 0);

        if ((tag == RETURN_RESULTS || tag == RETURN_EXCEPTION) && !c->finish_sent &&
            in_return_is_too_much(r, c, &f->msg)) {
                capnp_i_call_refuse(c, "over-quota.bytes: results that nobody reads are too many");
                return OUTCOME_LEFT;
        }

        switch (tag) {
        case RETURN_RESULTS:
                if (r->limits.data_only && in_payload_of(in_body(b)).table.len)
                        return in_capability(r);
                /* A Finish that has been sent said that the peer keeps the references. */
                return c->finish_sent ? OUTCOME_TAKEN : in_return_results(r, f, c, in_body(b));
        case RETURN_EXCEPTION:
                capnp_i_call_set_exception_more(c, in_exception(in_body(b)),
                                                capnp_i_more_read(in_body(b)));
                return OUTCOME_TAKEN;
        case RETURN_CANCELED:
                capnp_i_call_set_exception(c, CAPNP_FAILED, "canceled");
                return OUTCOME_TAKEN;
        case RETURN_ELSEWHERE:
                if (!c->yourself || c->peer)
                        return capnp_i_rpc_violation(r, "results were sent elsewhere unasked");
                return c->finish_sent ? OUTCOME_TAKEN : OUTCOME_OPEN;
        default:
                capnp_i_call_set_exception(c, CAPNP_UNIMPLEMENTED, "an unknown kind of Return");
                return OUTCOME_TAKEN;
        }
}

/* release: the peer keeps no reference for results that we have not taken up. */
static void in_return_finish(capnp_rpc *r, struct call *c, bool no_finish, bool release)
{
        bool tell = !c->finish_sent && !no_finish;

        capnp_i_call_ref(c);
        c->finish_sent = true;
        capnp_i_call_return(c); /* a Disembargo it causes must precede the Finish */
        if (tell)
                capnp_i_send_finish(r, c->out_id, release, false);
        capnp_i_table_question_drop(r, c->out_id);
        capnp_i_call_unref(c);
}

/* A Return may give back the references among the parameters. */
static void in_return_params(capnp_rpc *r, struct call *c, capnp_reader b)
{
        if (capnp_reader_bool(b, RETURN_RELEASE_BIT, true))
                capnp_i_wire_ids_release(r, &c->param_ids);
        else
                capnp_i_wire_ids_clear(&c->param_ids);
}

static int in_return(capnp_rpc *r, struct frame *f, capnp_reader b)
{
        struct call *c = capnp_i_table_question(r, capnp_reader_u32(b, ID_AT, 0));
        int k;

        if (!c || c->returned)
                return capnp_i_rpc_violation(r, "a Return for no question");

        if (capnp_reader_u16(b, RETURN_TAG_AT, 0) == RETURN_TAKE) {
                c->returned = true;
                in_return_params(r, c, b);
                return in_return_take(r, c, capnp_reader_u32(b, RETURN_TAKE_AT, 0));
        }

        k = in_return_outcome(r, f, c, b);
        if (k < 0 || k == CAPNP_E_PROTOCOL)
                return k;

        c->returned = true;
        in_return_params(r, c, b);
        if (k != OUTCOME_OPEN)
                in_return_finish(r, c, capnp_reader_bool(b, RETURN_NO_FINISH_BIT, false),
                                 k == OUTCOME_LEFT);
        return 0;
}

/* ---- what is too long to be kept ------------------------------------------------------------ */

static int in_long_call(capnp_rpc *r, uint32_t id)
{
        r->calls_in++;
        if (capnp_i_map_get(&r->answers, id))
                return capnp_i_rpc_violation(r, "question id %u is in use", id);

        capnp_i_send_refusal(r, id, "over-quota.bytes: the call is too long", true);
        return 0;
}

static int in_long_return(capnp_rpc *r, uint64_t word)
{
        struct call *c = capnp_i_table_question(r, (uint32_t)word);

        if (!c || c->returned)
                return capnp_i_rpc_violation(r, "a Return for no question");

        c->returned = true;
        if (word >> RETURN_RELEASE_BIT & 1) /* the default is true, and stored as 0 */
                capnp_i_wire_ids_clear(&c->param_ids);
        else
                capnp_i_wire_ids_release(r, &c->param_ids);
        if (!c->done)
                capnp_i_call_refuse(c, "over-quota.bytes: the results are too long");
        in_return_finish(r, c, word >> RETURN_NO_FINISH_BIT & 1, true);
        return 0;
}

int capnp_i_in_long_message(capnp_rpc *r, uint16_t tag, uint64_t word)
{
        return tag == MESSAGE_CALL ? in_long_call(r, (uint32_t)word) : in_long_return(r, word);
}

/* ---- what ends calls and changes references ------------------------------------------------- */

static int in_finish(capnp_rpc *r, capnp_reader b)
{
        struct call *c = capnp_i_map_get(&r->answers, capnp_reader_u32(b, ID_AT, 0));

        if (!c || c->finished) /* its Return said that no Finish was needed */
                return 0;

        capnp_i_call_ref(c);
        c->finished = true;
        c->workaround = capnp_reader_bool(b, FINISH_WORKAROUND_BIT, true);
        if (capnp_reader_bool(b, FINISH_RELEASE_BIT, true))
                capnp_i_wire_ids_release(r, &c->result_ids);
        else
                capnp_i_wire_ids_clear(&c->result_ids);
        capnp_i_call_drop_caller(c);
        if (c->answered)
                capnp_i_call_forget(c);
        capnp_i_call_unref(c);
        return 0;
}

/* What it is broken with is kept as long as the promise may be. */
static int in_resolve_broken(capnp_rpc *r, struct promise *p, capnp_reader e)
{
        capnp_cap *c = capnp_cap_new_broken(r->vat, in_exception(e));
        struct broken *b;

        if (!c)
                return in_no_memory(r);

        b = capnp_i_cap_broken(c);
        b->more = capnp_i_more_read(e);
        capnp_i_table_import_more(&p->wire, capnp_i_broken_bytes(b));
        capnp_i_promise_settle(p, c);
        capnp_cap_unref(c);
        return 0;
}

/* A Resolve can not be refused: what too many of them bring ends the connection. */
static int in_resolve_enough(capnp_rpc *r)
{
        if (capnp_i_ledger_has_room(r, 0))
                return 0;

        return capnp_i_rpc_violation(r, "over-quota.bytes: promises and what they became");
}

static int in_resolve(capnp_rpc *r, capnp_reader b)
{
        capnp_cap *c = capnp_i_map_get(&r->imports, capnp_reader_u32(b, ID_AT, 0)), *to = NULL;
        struct promise *p = c && c->kind == CAP_PROMISE ? capnp_i_cap_promise(c) : NULL;
        capnp_reader e = in_body(b);
        int k;

        if (r->limits.data_only)
                return in_capability(r);

        if (c && !p)
                return capnp_i_rpc_violation(r, "a Resolve for something that is no promise");

        if (capnp_reader_u16(b, RESOLVE_TAG_AT, 0) == RESOLVE_EXCEPTION) {
                k = p && p->state == PROMISE_PENDING ? in_resolve_broken(r, p, e) : 0;
                return k ? k : in_resolve_enough(r);
        }

        capnp_cap_ref(c);
        k = capnp_i_desc_read_one(r, e, &to);
        if (k < 0)
                k = in_no_memory(r);
        else if (k)
                k = capnp_i_rpc_violation(r, "over-quota.references: too many references");
        if (!k)
                capnp_i_desc_take_fd(r, e, to);
        if (!k && p)
                capnp_i_promise_resolved(p, to, capnp_i_desc_is_ours(e));
        capnp_cap_unref(to);
        capnp_cap_unref(c);
        return k;
}

static int in_release(capnp_rpc *r, capnp_reader b)
{
        uint32_t id = capnp_reader_u32(b, ID_AT, 0);

        if (!capnp_i_table_release(r, id, capnp_reader_u32(b, RELEASE_COUNT_AT, 0)))
                return capnp_i_rpc_violation(r, "a Release of more than there is of export %u", id);

        return 0;
}

/*
 * Whether a Disembargo may ask about this target: a promise of ours that we have said leads back to
 * the peer. That is what its Resolve or Return named, whatever has become of it since.
 */
static bool in_disembargo_allowed(capnp_rpc *r, capnp_reader t, capnp_cap *target,
                                  uint32_t *ret_import)
{
        struct export *e;
        struct call *c;

        *ret_import = 0;
        if (capnp_reader_u16(t, TARGET_TAG_AT, 0) == TARGET_IMPORT) {
                e = capnp_i_table_export(r, capnp_reader_u32(t, ID_AT, 0));
                *ret_import = e->reflects_import;
                return e->resolved && e->reflects;
        }

        c = capnp_i_map_get(
                &r->answers,
                capnp_reader_u32(capnp_any_struct(capnp_reader_any(t, 0), NULL), ID_AT, 0));
        if (c && c->reflects)
                return true;

        if (c && !c->answered) /* nothing has been said about it yet */
                return false;

        target = capnp_i_cap_final(target);
        return target && (capnp_i_cap_is_on(target, r) || capnp_i_cap_pending(target));
}

static int in_disembargo_sender(capnp_rpc *r, uint32_t id, capnp_reader t)
{
        struct disembargo *d;
        capnp_cap *target;
        uint32_t import;
        int k = in_target(r, t, &target);

        if (k)
                return k;

        if (!in_disembargo_allowed(r, t, target, &import)) {
                capnp_cap_unref(target);
                return capnp_i_rpc_violation(r,
                                             "a Disembargo of something that does not lead back");
        }

        /* None of them is a call that could be refused. An honest peer has one for a reference. */
        if (r->disembargos >= r->limits.refs) {
                capnp_cap_unref(target);
                return capnp_i_rpc_violation(r, "over-quota.references: too many Disembargos wait");
        }

        d = capnp_i_disembargo_new(r, id, import);
        if (d)
                capnp_i_disembargo_deliver(d, target);
        capnp_cap_unref(target);
        return d ? 0 : in_no_memory(r);
}

static int in_disembargo(capnp_rpc *r, capnp_reader m, capnp_reader b)
{
        uint32_t id = capnp_reader_u32(b, ID_AT, 0);
        struct promise *p;

        switch (capnp_reader_u16(b, DISEMBARGO_TAG_AT, 0)) {
        case DISEMBARGO_SENDER:
                return in_disembargo_sender(r, id, in_body(b));
        case DISEMBARGO_RECEIVER:
                if (!capnp_i_table_embargo_take(r, id, &p))
                        return capnp_i_rpc_violation(r, "no embargo has the id %u", id);
                if (p)
                        capnp_i_promise_lift(p);
                return 0;
        default:
                return in_unknown(r, m); /* level 3 */
        }
}

/* Something of ours came back: act as if the peer had declined it (rpc.capnp, unimplemented). */
static int in_unimplemented(capnp_rpc *r, capnp_reader m)
{
        capnp_reader b = in_body(m), d;
        struct promise *p;
        struct call *c;

        switch (capnp_reader_u16(m, 0, 0)) {
        case MESSAGE_CALL:
        case MESSAGE_BOOTSTRAP:
                c = capnp_i_table_question(r, capnp_reader_u32(b, ID_AT, 0));
                if (!c || c->returned)
                        return 0;
                c->returned = true;
                capnp_i_wire_ids_release(r, &c->param_ids);
                capnp_i_call_set_exception(c, CAPNP_UNIMPLEMENTED,
                                           "the peer does not implement this");
                in_return_finish(r, c, true, false);
                return 0;
        case MESSAGE_RESOLVE:
                d = in_body(b);
                if (capnp_reader_u16(b, RESOLVE_TAG_AT, 0) == RESOLVE_CAP &&
                    (capnp_reader_u16(d, DESC_TAG_AT, 0) == DESC_SENDER_HOSTED ||
                     capnp_reader_u16(d, DESC_TAG_AT, 0) == DESC_SENDER_PROMISE))
                        (void)capnp_i_table_release(r, capnp_reader_u32(d, DESC_ID_AT, 0), 1);
                return 0;
        case MESSAGE_DISEMBARGO: /* we ask for them by senderLoopback alone */
                if (capnp_reader_u16(b, DISEMBARGO_TAG_AT, 0) == DISEMBARGO_SENDER &&
                    capnp_i_table_embargo_take(r, capnp_reader_u32(b, ID_AT, 0), &p) && p)
                        capnp_i_promise_lift(p);
                return 0;
        default:
                return 0;
        }
}

int capnp_i_in_abort(capnp_rpc *r, const char *reason, size_t len)
{
        char text[300];

        snprintf(text, sizeof(text), "the peer aborted: %.*s", (int)(len < 256 ? len : 256),
                 reason);
        capnp_i_rpc_break(r, CAPNP_END_ABORTED, CAPNP_E_DISCONNECTED,
                          (capnp_exception){CAPNP_DISCONNECTED, text}, false);
        return CAPNP_E_DISCONNECTED;
}

int capnp_i_in_message(capnp_rpc *r, struct frame *f)
{
        capnp_reader m = capnp_any_struct(capnp_msg_root(&f->msg), NULL), b = in_body(m);
        uint16_t tag = capnp_reader_u16(m, 0, 0);

        if (capnp_msg_check(&f->msg))
                return capnp_i_rpc_violation(r, "a message is malformed");

        switch (tag) {
        case MESSAGE_UNIMPLEMENTED: /* what a message without a root reads as, too */
                if (capnp_any_what(capnp_msg_root(&f->msg)) != CAPNP_WHAT_STRUCT)
                        return capnp_i_rpc_violation(r, "a message has no root");
                return in_unimplemented(r, b);
        case MESSAGE_ABORT:
                return capnp_i_in_abort(r, capnp_reader_text(b, 0).p, capnp_reader_text(b, 0).len);
        case MESSAGE_BOOTSTRAP:
                return in_bootstrap(r, b);
        case MESSAGE_CALL:
                return in_call(r, f, m, b);
        case MESSAGE_RETURN:
                return in_return(r, f, b);
        case MESSAGE_FINISH:
                return in_finish(r, b);
        case MESSAGE_RESOLVE:
                return in_resolve(r, b);
        case MESSAGE_RELEASE:
                return in_release(r, b);
        case MESSAGE_DISEMBARGO:
                return in_disembargo(r, m, b);
        default:
                return in_unknown(r, m);
        }
}
