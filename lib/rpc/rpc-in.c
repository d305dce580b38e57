/*
 * The messages we receive (rpc.capnp, Message), one function each.
 *
 * Every handler decodes and checks first, reserves, and then acts. What breaks the protocol ends
 * the connection with an abort that says why; what merely asks for too much is refused and takes no
 * entry in any table. A peer can therefore cause positive results only, and a negative one means
 * that our own memory ran out in the middle, which ends the connection too.
 */
#include "rpc-ledger.h"

#include <errno.h>
#include <stdio.h>

/* The largest unknown message that is sent back. */
enum { ECHO_BYTES = 64 * 1024 };

static int in_malformed(capnp_rpc *r)
{
        return capnp_i_rpc_violation(r, "a message is malformed");
}

/* More references than a peer may have in all, or than we may keep of its. */
static bool in_table_is_wide(const capnp_rpc *r, rpc_cap_descriptor_list table)
{
        return table.l.len > r->limits.refs ||
               (table.l.len && !capnp_i_ledger_has_room(r, capnp_i_desc_cost(table)));
}

/* limits.data_only: whoever may send none has said so before, and means something by it. */
static int in_capability(capnp_rpc *r)
{
        return capnp_i_rpc_violation(r, "a capability where none is taken");
}

/* Reads a payload's capability table into its own message. As capnp_i_desc_read(). */
static int in_payload(capnp_rpc *r, struct frame *f, rpc_payload_reader p,
                      rpc_cap_descriptor_list table)
{
        f->content = rpc_payload_content(p);
        return capnp_i_desc_read(r, table, f);
}

static int in_bootstrap(capnp_rpc *r, rpc_bootstrap_reader b)
{
        struct answer_id id = {rpc_bootstrap_question_id(b)};
        const char *quota = capnp_i_peer_quota(r);
        struct call *c;

        if (capnp_msg_check(b.r.m))
                return in_malformed(r);

        if (capnp_i_table_answer(r, id))
                return capnp_i_rpc_violation(r, "question id %u is in use", id.n);

        if (quota) {
                capnp_i_send_refusal(r, id, CAPNP_OVERLOADED, quota, true);
                return 0;
        }

        c = capnp_i_peer_call_new(r, id, 0);
        if (!c)
                return capnp_i_rpc_starve(r, true);

        if (!r->bootstrap) {
                capnp_i_call_fail(c, CAPNP_FAILED, "there is no bootstrap object here");
                return 0;
        }

        c->results = capnp_i_frame_new(r->vat);
        if (!c->results)
                return capnp_i_rpc_starve(r, true);

        capnp_abuilder_set_cap(capnp_i_frame_content(c->results), r->bootstrap);
        capnp_i_call_return(c);
        return 0;
}

/* 0: *ret_c is the target (NULL: a null capability). */
static int in_target(capnp_rpc *r, rpc_message_target_reader t, capnp_cap **ret_c)
{
        struct export *e;
        int k;

        *ret_c = NULL;
        switch (rpc_message_target_which(t)) {
        case RPC_MESSAGE_TARGET_IMPORTED_CAP:
                e = capnp_i_table_export(r, (struct export_id){rpc_message_target_imported_cap(t)});
                if (!e)
                        return capnp_i_rpc_violation(r,
                                                     "a message to an object that is not exported");
                *ret_c = capnp_cap_ref(e->cap);
                return 0;
        case RPC_MESSAGE_TARGET_PROMISED_ANSWER:
                k = capnp_i_desc_read_promised(r, rpc_message_target_promised_answer(t), ret_c);
                if (k == CAPNP_E_LIMIT)
                        return capnp_i_rpc_violation(r, "over-quota.references: too many results");
                return k ? capnp_i_rpc_starve(r, true) : 0;
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

static enum rpc_call_send_results_to_which in_call_to(rpc_call_reader b)
{
        return rpc_call_send_results_to_which(rpc_call_send_results_to(b));
}

static int in_call_accept(capnp_rpc *r, struct frame *f, rpc_call_reader b, capnp_cap *target)
{
        struct answer_id id = {rpc_call_question_id(b)};
        struct call *c = capnp_i_peer_call_new(r, id, in_params_cost(f));

        if (!c)
                return capnp_i_rpc_starve(r, true);

        c->iface = rpc_call_interface_id(b);
        c->method = rpc_call_method_id(b);
        c->unpiped = rpc_call_no_promise_pipelining(b);
        c->yourself = in_call_to(b) == RPC_CALL_SEND_RESULTS_TO_YOURSELF;
        c->silent = rpc_call_only_promise_pipeline(b) && !c->yourself; /* who keeps them is told */
        c->params = capnp_i_frame_ref(f);
        capnp_i_call_deliver(c, target);
        return 0;
}

/* Sends a message back that is not long. Nor is its copy, though it may point to one thing often.
 */
static void in_echo(capnp_rpc *r, rpc_message_reader m)
{
        if (m.r.m->budget > ECHO_BYTES / 8)
                m.r.m->budget = ECHO_BYTES / 8;
        capnp_i_send_unimplemented(r, m);
}

static int in_unknown(capnp_rpc *r, rpc_message_reader m)
{
        if (capnp_msg_size(m.r.m) > ECHO_BYTES)
                return capnp_i_rpc_violation(r, "an unknown message is too large");

        in_echo(r, m);
        return 0;
}

/*
 * A Call whose results are for a third party (level 3). It is sent back if that is not much: what
 * we queue has a bound, and the peer decides how long its messages are.
 */
static void in_call_unknown(capnp_rpc *r, rpc_message_reader m, struct answer_id id)
{
        size_t bytes = capnp_msg_size(m.r.m);

        if (bytes <= ECHO_BYTES && r->out_notes + bytes <= r->limits.out_bytes)
                in_echo(r, m);
        else
                capnp_i_send_refusal(r, id, CAPNP_UNIMPLEMENTED,
                                     "results for a third party (level 3)", true);
}

/* Others may look like it. */
static void in_call_learn(capnp_rpc *r, struct frame *f, rpc_message_target_reader t,
                          struct plain p)
{
        rpc_promised_answer_reader promised;

        if (rpc_message_target_which(t) == RPC_MESSAGE_TARGET_IMPORTED_CAP) {
                capnp_i_plain_learn(r, SHAPE_CALL, f, &p);
        } else {
                promised = rpc_message_target_promised_answer(t);
                p.promised = promised.r;
                p.ops = rpc_promised_answer_transform(promised).l;
                capnp_i_plain_learn(r, SHAPE_CALL_ON, f, &p);
        }
}

static int in_call(capnp_rpc *r, struct frame *f, rpc_message_reader m, rpc_call_reader b)
{
        struct answer_id id = {rpc_call_question_id(b)};
        rpc_payload_reader params = rpc_call_params(b);
        rpc_cap_descriptor_list table = rpc_payload_cap_table(params);
        rpc_message_target_reader t;
        const char *quota = capnp_i_peer_quota(r);
        capnp_cap *target;
        int k, loaded;

        if (capnp_msg_check(b.r.m))
                return in_malformed(r);

        r->calls_in++;
        if (r->limits.data_only && table.l.len)
                return in_capability(r);

        if (capnp_i_table_answer(r, id))
                return capnp_i_rpc_violation(r, "question id %u is in use", id.n);

        if (in_call_to(b) > RPC_CALL_SEND_RESULTS_TO_YOURSELF) {
                in_call_unknown(r, m, id);
                return 0;
        }

        /* Refused first: nothing is looked up or taken up that would have to be given back. */
        if (!quota && in_table_is_wide(r, table))
                quota = "over-quota.references: too many references in one message";
        if (quota) {
                capnp_i_send_refusal(r, id, CAPNP_OVERLOADED, quota, true);
                return 0;
        }

        t = rpc_call_target(b);
        k = in_target(r, t, &target);
        if (k)
                return k;

        loaded = in_payload(r, f, params, table);
        if (loaded < 0)
                k = capnp_i_rpc_starve(r, true);
        else if (capnp_msg_check(&f->msg))
                k = capnp_i_rpc_violation(r, "a Call is malformed");
        else if (loaded)
                capnp_i_send_refusal(r, id, CAPNP_OVERLOADED,
                                     "over-quota.references: too many references at once", false);
        else {
                if (!table.l.len)
                        in_call_learn(r, f, t,
                                      (struct plain){.message = m.r,
                                                     .body = b.r,
                                                     .payload = params.r,
                                                     .target = t.r,
                                                     .table = table.l});
                k = in_call_accept(r, f, b, target);
        }

        capnp_cap_unref(target);
        return k;
}

static capnp_exception in_exception(rpc_exception_reader e)
{
        enum rpc_exception_type type = rpc_exception_type(e);

        return (capnp_exception){type > RPC_EXCEPTION_TYPE_UNIMPLEMENTED ? CAPNP_FAILED
                                                                         : (enum capnp_kind)type,
                                 rpc_exception_reason(e).p};
}

/* Whether t gets its results from c, so that both would wait for each other. A step up from c and
 * one down from t in turn, for both ways may be long: the shorter one has the answer. */
static bool in_return_is_ring(const struct call *c, const struct call *t)
{
        const struct call *up = c, *down = t;

        for (; up && down; up = up->parent, down = down->tail)
                if (up == t || down == c)
                        return true;

        return false;
}

/* The results that we were asked to keep for this question (rpc.capnp, Return) are those of t. */
static void in_return_take(capnp_rpc *r, struct call *c, struct call *t)
{
        bool tell = !c->finish_sent;

        t->taken = true;
        capnp_i_call_ref(c);
        c->finish_sent = true;
        capnp_i_call_follow(c, t);
        capnp_i_send_taken(t);
        if (tell)
                capnp_i_send_finish(r, c->out_id, true, false);
        capnp_i_table_question_drop(r, c->out_id);
        capnp_i_call_unref(c);
}

/* What in_return_outcome() says beside an error: Finish follows or not, and gives back what is not
 * taken up or not. */
enum outcome { OUTCOME_TAKEN, OUTCOME_LEFT, OUTCOME_OPEN };

/* The results, or why they can not be taken. */
static int in_return_results(capnp_rpc *r, struct frame *f, struct call *c, struct plain *p)
{
        rpc_payload_reader payload = {p->payload};
        rpc_cap_descriptor_list table = rpc_payload_cap_table(payload);
        bool wide = in_table_is_wide(r, table);
        int k = wide ? CAPNP_E_LIMIT : in_payload(r, f, payload, table);

        if (k < 0)
                return capnp_i_rpc_starve(r, true);

        if (capnp_msg_check(&f->msg))
                return capnp_i_rpc_violation(r, "a Return is malformed");

        if (k) {
                capnp_i_call_refuse(c, "over-quota.references: too many references");
        } else {
                p->table = table.l;
                capnp_i_plain_learn(r, table.l.len ? SHAPE_RETURN_CAPS : SHAPE_RETURN, f, p);
                c->results = capnp_i_frame_ref(f);
        }
        return wide ? OUTCOME_LEFT : OUTCOME_TAKEN;
}

/* Sets the outcome. enum outcome; negative or CAPNP_E_PROTOCOL: the end. */
static int in_return_outcome(capnp_rpc *r, struct frame *f, struct call *c, rpc_message_reader m,
                             rpc_return_reader b)
{
        enum rpc_return_which tag = rpc_return_which(b);
        rpc_payload_reader results;
        rpc_exception_reader e;

        if ((tag == RPC_RETURN_RESULTS || tag == RPC_RETURN_EXCEPTION) && !c->finish_sent &&
            capnp_i_peer_brings_too_much(r, c, capnp_msg_size(&f->msg))) {
                capnp_i_call_refuse(c, "over-quota.bytes: results that nobody reads are too many");
                return OUTCOME_LEFT;
        }

        switch (tag) {
        case RPC_RETURN_RESULTS:
                results = rpc_return_results(b);
                if (r->limits.data_only && rpc_payload_cap_table(results).l.len)
                        return in_capability(r);
                /* A Finish that has been sent said that the peer keeps the references. */
                if (c->finish_sent)
                        return OUTCOME_TAKEN;
                return in_return_results(
                        r, f, c,
                        &(struct plain){.message = m.r, .body = b.r, .payload = results.r});
        case RPC_RETURN_EXCEPTION:
                e = rpc_return_exception(b);
                capnp_i_call_set_exception_more(c, in_exception(e), capnp_i_more_read(e));
                return OUTCOME_TAKEN;
        case RPC_RETURN_CANCELED:
                capnp_i_call_set_exception(c, CAPNP_FAILED, "canceled");
                return OUTCOME_TAKEN;
        case RPC_RETURN_RESULTS_SENT_ELSEWHERE:
                if (!c->yourself || c->peer)
                        return capnp_i_rpc_violation(r, "results were sent elsewhere unasked");
                return c->finish_sent ? OUTCOME_TAKEN : OUTCOME_OPEN;
        default:
                capnp_i_call_set_exception(c, CAPNP_UNIMPLEMENTED, "an unknown kind of Return");
                return OUTCOME_TAKEN;
        }
}

/* Whether what a Return says is the end of what can be called there. */
static bool in_return_is_last(rpc_return_reader b)
{
        enum rpc_return_which tag = rpc_return_which(b);

        return tag == RPC_RETURN_EXCEPTION || tag == RPC_RETURN_CANCELED ||
               rpc_return_no_finish_needed(b);
}

/*
 * A Return that was not wanted: its peer does not know that, and is not asked so again. Results are
 * called there as before, until a Finish gives back what is in them; nothing of them is taken up.
 * true: that was all.
 */
static bool in_return_unasked(capnp_rpc *r, rpc_return_reader b, struct call **ret_c)
{
        if (!capnp_i_table_silent(r, (struct question_id){rpc_return_answer_id(b)}, ret_c))
                return false;

        r->loud = true;
        if (*ret_c && ((*ret_c)->returned || in_return_is_last(b)))
                return false;

        if (*ret_c)
                (*ret_c)->returned = true;
        return true;
}

static int in_return(capnp_rpc *r, struct frame *f, rpc_message_reader m, rpc_return_reader b)
{
        struct call *c = capnp_i_table_question(r, (struct question_id){rpc_return_answer_id(b)});
        int k;

        if (capnp_msg_check(b.r.m))
                return in_malformed(r);

        if (!c && in_return_unasked(r, b, &c))
                return 0;

        if (!c || c->returned)
                return capnp_i_rpc_violation(r, "a Return for no question");

        if (rpc_return_which(b) == RPC_RETURN_TAKE_FROM_OTHER_QUESTION) {
                struct answer_id other = {rpc_return_take_from_other_question(b)};
                struct call *t = capnp_i_table_answer(r, other);

                if (!t || !t->yourself || t->taken || in_return_is_ring(c, t))
                        return capnp_i_rpc_violation(
                                r, "there are no results to take from question %u", other.n);

                c->returned = true;
                capnp_i_peer_return_params(r, c, b);
                in_return_take(r, c, t);
                return 0;
        }

        k = in_return_outcome(r, f, c, m, b);
        if (k < 0 || k == CAPNP_E_PROTOCOL)
                return k;

        c->returned = true;
        capnp_i_peer_return_params(r, c, b);
        if (k != OUTCOME_OPEN)
                capnp_i_peer_return_finish(r, c, rpc_return_no_finish_needed(b), k == OUTCOME_LEFT);
        return 0;
}

/* ---- what is too long to be kept ------------------------------------------------------------ */

static int in_long_return(capnp_rpc *r, rpc_return_reader b)
{
        struct call *c = capnp_i_table_question(r, (struct question_id){rpc_return_answer_id(b)});

        if (!c && in_return_unasked(r, b, &c))
                return 0;

        if (!c || c->returned)
                return capnp_i_rpc_violation(r, "a Return for no question");

        capnp_i_call_refuse(c, "over-quota.bytes: the results are too long");
        capnp_i_peer_return_ends(r, c, b, true);
        return 0;
}

int capnp_i_in_long_message(capnp_rpc *r, enum rpc_message_which tag, uint64_t word)
{
        capnp_reader b = capnp_i_at_word(&word, 1);
        struct answer_id id = {rpc_call_question_id((rpc_call_reader){b})};

        if (tag == RPC_MESSAGE_RETURN)
                return in_long_return(r, (rpc_return_reader){b});

        r->calls_in++;
        if (capnp_i_table_answer(r, id))
                return capnp_i_rpc_violation(r, "question id %u is in use", id.n);

        capnp_i_send_refusal(r, id, CAPNP_OVERLOADED, "over-quota.bytes: the call is too long",
                             true);
        return 0;
}

/* ---- what ends calls and changes references ------------------------------------------------- */

static int in_finish(capnp_rpc *r, rpc_finish_reader b)
{
        if (capnp_msg_check(b.r.m))
                return in_malformed(r);

        r->known |= KNOWN_FINISH;
        return capnp_i_peer_finish(r, b);
}

/* What it is broken with is kept as long as the promise may be. */
static int in_resolve_broken(capnp_rpc *r, struct promise *p, rpc_exception_reader e)
{
        capnp_cap *c = capnp_cap_new_broken(r->vat, in_exception(e));
        struct broken *b;

        if (!c)
                return capnp_i_rpc_starve(r, true);

        b = capnp_i_cap_broken(c);
        b->more = capnp_i_more_read(e);
        capnp_i_table_import_more(&p->wire, capnp_i_broken_bytes(b));
        capnp_i_promise_settle(p, c, false);
        capnp_cap_unref(c);
        return 0;
}

static int in_resolve(capnp_rpc *r, rpc_resolve_reader b)
{
        capnp_cap *c = capnp_i_map_get(&r->imports, rpc_resolve_promise_id(b)), *to = NULL;
        struct promise *p = c && c->kind == CAP_PROMISE ? capnp_i_cap_promise(c) : NULL;
        rpc_cap_descriptor_reader d;
        int k;

        if (capnp_msg_check(b.r.m))
                return in_malformed(r);

        if (r->limits.data_only)
                return in_capability(r);

        if (c && !p)
                return capnp_i_rpc_violation(r, "a Resolve for something that is no promise");

        if (rpc_resolve_which(b) == RPC_RESOLVE_EXCEPTION) {
                k = p && p->state == PROMISE_PENDING
                            ? in_resolve_broken(r, p, rpc_resolve_exception(b))
                            : 0;
                /* It can not be refused: what too many of them bring ends the connection. */
                if (!k && !capnp_i_ledger_has_room(r, 0))
                        k = capnp_i_rpc_violation(
                                r, "over-quota.bytes: promises and what they became");
                return k;
        }

        capnp_cap_ref(c);
        d = rpc_resolve_cap(b);
        k = capnp_i_desc_read_one(r, d, &to);
        if (k < 0)
                k = capnp_i_rpc_starve(r, true);
        else if (k)
                k = capnp_i_rpc_violation(r, "over-quota.references: too many references");
        if (!k)
                capnp_i_desc_take_fd(r, d, to);
        if (!k && p)
                capnp_i_promise_resolved(p, to, capnp_i_desc_is_ours(d));
        capnp_cap_unref(to);
        capnp_cap_unref(c);
        return k;
}

static int in_release(capnp_rpc *r, rpc_release_reader b)
{
        if (capnp_msg_check(b.r.m))
                return in_malformed(r);

        r->known |= KNOWN_RELEASE;
        return capnp_i_peer_release(r, b);
}

/*
 * Whether a Disembargo may ask about this target: a promise of ours that we have said leads back to
 * the peer. That is what its Resolve or Return named, whatever has become of it since.
 */
static bool in_disembargo_allowed(capnp_rpc *r, rpc_message_target_reader t, capnp_cap *target,
                                  struct import_id *ret_import)
{
        struct export *e;
        struct answer_id id;
        struct call *c;

        ret_import->n = 0;
        if (rpc_message_target_which(t) == RPC_MESSAGE_TARGET_IMPORTED_CAP) {
                e = capnp_i_table_export(r, (struct export_id){rpc_message_target_imported_cap(t)});
                *ret_import = e->reflects_import;
                return e->resolved && e->reflects;
        }

        id.n = rpc_promised_answer_question_id(rpc_message_target_promised_answer(t));
        c = capnp_i_table_answer(r, id);
        if (c && c->reflects)
                return true;

        if (c && !c->answered) /* nothing has been said about it yet */
                return false;

        target = capnp_i_cap_final(target);
        return target && (capnp_i_cap_is_on(target, r) || capnp_i_cap_pending(target));
}

static int in_disembargo_sender(capnp_rpc *r, struct peer_embargo_id id,
                                rpc_message_target_reader t)
{
        struct disembargo *d;
        capnp_cap *target;
        struct import_id import;
        int k = in_target(r, t, &target);

        if (k)
                return k;

        /* None of them is a call that could be refused. An honest peer has one for a reference. */
        if (!in_disembargo_allowed(r, t, target, &import))
                k = capnp_i_rpc_violation(r, "a Disembargo of something that does not lead back");
        else if (r->disembargos >= r->limits.refs)
                k = capnp_i_rpc_violation(r, "over-quota.references: too many Disembargos wait");
        else if ((d = capnp_i_disembargo_new(r, id, import)))
                capnp_i_disembargo_deliver(d, target);
        else
                k = capnp_i_rpc_starve(r, true);
        capnp_cap_unref(target);
        return k;
}

static int in_disembargo(capnp_rpc *r, rpc_message_reader m, rpc_disembargo_reader b)
{
        rpc_disembargo_context_reader context = rpc_disembargo_context(b);
        struct peer_embargo_id theirs;
        struct embargo_id ours;
        struct promise *p;

        if (capnp_msg_check(b.r.m))
                return in_malformed(r);

        switch (rpc_disembargo_context_which(context)) {
        case RPC_DISEMBARGO_CONTEXT_SENDER_LOOPBACK:
                theirs.n = rpc_disembargo_context_sender_loopback(context);
                return in_disembargo_sender(r, theirs, rpc_disembargo_target(b));
        case RPC_DISEMBARGO_CONTEXT_RECEIVER_LOOPBACK:
                ours.n = rpc_disembargo_context_receiver_loopback(context);
                if (!capnp_i_table_embargo_take(r, ours, &p))
                        return capnp_i_rpc_violation(r, "no embargo has the id %u", ours.n);
                if (p)
                        capnp_i_promise_lift(p);
                return 0;
        default:
                return in_unknown(r, m); /* level 3 */
        }
}

static int in_question_unimplemented(capnp_rpc *r, struct question_id id)
{
        struct call *c = capnp_i_table_question(r, id);

        if (!c)
                (void)capnp_i_table_silent(r, id, &c);
        if (!c || c->returned)
                return 0;

        c->returned = true;
        capnp_i_wire_ids_release(r, &c->param_ids);
        capnp_i_call_set_exception(c, CAPNP_UNIMPLEMENTED, "the peer does not implement this");
        capnp_i_peer_return_finish(r, c, true, false);
        return 0;
}

/* Nobody has taken up what it named. */
static int in_resolve_unimplemented(capnp_rpc *r, rpc_resolve_reader b)
{
        rpc_cap_descriptor_reader d = rpc_resolve_cap(b);
        struct export_id id;

        switch (rpc_cap_descriptor_which(d)) {
        case RPC_CAP_DESCRIPTOR_SENDER_HOSTED:
                id.n = rpc_cap_descriptor_sender_hosted(d);
                break;
        case RPC_CAP_DESCRIPTOR_SENDER_PROMISE:
                id.n = rpc_cap_descriptor_sender_promise(d);
                break;
        default:
                return 0;
        }
        (void)capnp_i_table_release(r, id, 1);
        return 0;
}

/* Something of ours came back: act as if the peer had declined it (rpc.capnp, unimplemented). */
static int in_unimplemented(capnp_rpc *r, rpc_message_reader m)
{
        rpc_disembargo_context_reader context;
        struct question_id question;
        struct promise *p;

        if (capnp_msg_check(m.r.m))
                return in_malformed(r);

        switch (rpc_message_which(m)) {
        case RPC_MESSAGE_CALL:
                question.n = rpc_call_question_id(rpc_message_call(m));
                return in_question_unimplemented(r, question);
        case RPC_MESSAGE_BOOTSTRAP:
                question.n = rpc_bootstrap_question_id(rpc_message_bootstrap(m));
                return in_question_unimplemented(r, question);
        case RPC_MESSAGE_RESOLVE:
                return in_resolve_unimplemented(r, rpc_message_resolve(m));
        case RPC_MESSAGE_DISEMBARGO: /* we ask for them by senderLoopback alone */
                context = rpc_disembargo_context(rpc_message_disembargo(m));
                if (rpc_disembargo_context_which(context) ==
                            RPC_DISEMBARGO_CONTEXT_SENDER_LOOPBACK &&
                    capnp_i_table_embargo_take(
                            r, (struct embargo_id){rpc_disembargo_context_sender_loopback(context)},
                            &p) &&
                    p)
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

static int in_abort(capnp_rpc *r, rpc_exception_reader why)
{
        capnp_text reason;

        if (capnp_msg_check(why.r.m))
                return in_malformed(r);

        reason = rpc_exception_reason(why);
        return capnp_i_in_abort(r, reason.p, reason.len);
}

/* The kind of a message decides what its body is; each begins by looking whether that is one. */
static int in_body(capnp_rpc *r, struct frame *f, rpc_message_reader m)
{
        switch (rpc_message_which(m)) {
        case RPC_MESSAGE_UNIMPLEMENTED: /* what a message without a root reads as, too */
                if (capnp_any_what(capnp_msg_root(&f->msg)) != CAPNP_WHAT_STRUCT)
                        return capnp_i_rpc_violation(r, "a message has no root");
                return in_unimplemented(r, rpc_message_unimplemented(m));
        case RPC_MESSAGE_ABORT:
                return in_abort(r, rpc_message_abort(m));
        case RPC_MESSAGE_BOOTSTRAP:
                return in_bootstrap(r, rpc_message_bootstrap(m));
        case RPC_MESSAGE_CALL:
                return in_call(r, f, m, rpc_message_call(m));
        case RPC_MESSAGE_RETURN:
                return in_return(r, f, m, rpc_message_return(m));
        case RPC_MESSAGE_FINISH:
                return in_finish(r, rpc_message_finish(m));
        case RPC_MESSAGE_RESOLVE:
                return in_resolve(r, rpc_message_resolve(m));
        case RPC_MESSAGE_RELEASE:
                return in_release(r, rpc_message_release(m));
        case RPC_MESSAGE_DISEMBARGO:
                return in_disembargo(r, m, rpc_message_disembargo(m));
        default:
                return in_unknown(r, m);
        }
}

int capnp_i_in_message(capnp_rpc *r, struct frame *f)
{
        rpc_message_reader m;

        /* Who watches has been shown a message; else it has been tried before there was one. */
        if (r->trace && f->msg.nsegs == 1 && f->msg.segs[0].base == f->words &&
            capnp_i_plain_message(r, f->words, f->msg.segs[0].words))
                return 0;

        m = rpc_message_root(&f->msg);
        if (capnp_msg_check(&f->msg))
                return in_malformed(r);

        return in_body(r, f, m);
}
