/*
 * Calls of a peer's and Returns for ours, whichever way their messages are read (rpc-in.c,
 * rpc-plain.c).
 */
#include "rpc-ledger.h"

/* Results queued before calls are refused; a Return that is about as long as the refusal that would
 * take its place. */
enum { OUT_SLACK = 1 << 20, RETURN_SMALL = 512 };

const char *capnp_i_peer_quota(const capnp_rpc *r)
{
        if (r->answers.used >= r->limits.answers)
                return "over-quota.calls: too many calls at once";
        if (capnp_i_ledger_is_full(r))
                return "over-quota.bytes: calls and references keep too many bytes";
        if (r->out_replies > r->limits.out_bytes + OUT_SLACK && capnp_i_rpc_would_read(r))
                return "over-quota.bytes: too many results wait to be read";

        return NULL;
}

static void peer_returned(struct call *c)
{
        capnp_i_result_settle(c);
        capnp_i_send_return(c);
        capnp_i_result_hand_up(c);
}

const struct caller capnp_i_peer_caller = {.returned = peer_returned};

bool capnp_i_peer_add(capnp_rpc *r, struct answer_id id, struct call *c)
{
        if (capnp_i_table_answer(r, id) || capnp_i_ids_reserve(&r->answers, id.n)) {
                capnp_i_call_unref(c);
                return false;
        }

        capnp_i_ids_add(&r->answers, id.n, c);
        return true;
}

/*
 * Whether what a Return brings would make us hold too much for the peer that gets it: it is kept
 * for that one, or queued for it and not read. Calls are refused before it comes to that, but those
 * that were taken already may be as many as they like, and nobody knows what they will bring. Who
 * sends it to himself gets less room than one who may be an honest, slow reader. What is no longer
 * than an exception is passed on all the same.
 */
bool capnp_i_peer_brings_too_much(const capnp_rpc *r, const struct call *c, uint64_t bytes)
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
        return to->out_replies > most && bytes > RETURN_SMALL;
}

void capnp_i_peer_return_finish(capnp_rpc *r, struct call *c, bool no_finish, bool release)
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

void capnp_i_peer_return_params(capnp_rpc *r, struct call *c, rpc_return_reader b)
{
        if (c->param_ids.n && rpc_return_release_param_caps(b))
                capnp_i_wire_ids_release(r, &c->param_ids);
        else if (c->param_ids.n)
                capnp_i_wire_ids_clear(&c->param_ids);
}

void capnp_i_peer_return_ends(capnp_rpc *r, struct call *c, rpc_return_reader b, bool release)
{
        c->returned = true;
        capnp_i_peer_return_params(r, c, b);
        capnp_i_peer_return_finish(r, c, rpc_return_no_finish_needed(b), release);
}

int capnp_i_peer_finish(capnp_rpc *r, rpc_finish_reader b)
{
        struct answer_id id = {rpc_finish_question_id(b)};
        struct call *c = capnp_i_table_answer(r, id);

        if (!c || c->finished) /* its Return said that no Finish was needed */
                return 0;

        capnp_i_call_ref(c);
        c->finished = true;
        c->workaround = rpc_finish_require_early_cancellation_workaround(b);
        if (c->result_ids.n && rpc_finish_release_result_caps(b))
                capnp_i_wire_ids_release(r, &c->result_ids);
        else if (c->result_ids.n)
                capnp_i_wire_ids_clear(&c->result_ids);
        capnp_i_call_drop_caller(c);
        if (c->answered)
                capnp_i_call_forget(c);
        capnp_i_call_unref(c);
        return 0;
}

int capnp_i_peer_release(capnp_rpc *r, rpc_release_reader b)
{
        struct export_id id = {rpc_release_id(b)};

        if (!capnp_i_table_release(r, id, rpc_release_reference_count(b)))
                return capnp_i_rpc_violation(r, "a Release of more than there is of export %u",
                                             id.n);

        return 0;
}
