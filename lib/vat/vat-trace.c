/*
 * CAPNP_TRACE=1: one line on stderr for each message, both ways.
 *
 *     capnp 3 -> call 12 on import 0: @0xb2e1c5f3a7d40918 method 2, 1 cap, 96 bytes
 *
 * A line with `--` says what has become of the connection itself, as far as its filter knows more
 * than the messages tell.
 *
 * The first number counts the connections of the vat. Only the envelope is read, never the content:
 * a trace may be pasted into a bug report, and walking the content would use up the message's
 * traversal budget.
 *
 * The environment is asked once, when the vat is made, and never in a program that runs with more
 * rights than its caller.
 */
#include "vat-internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rpc.capnp-c.h"

struct line {
        char text[512];
        size_t len;
};

static void CAPNP_PRINTF(2, 3) line_add(struct line *l, const char *fmt, ...)
{
        size_t room = sizeof(l->text) - l->len;
        va_list args;
        int n;

        va_start(args, fmt);
        n = vsnprintf(l->text + l->len, room, fmt, args);
        va_end(args);
        if (n > 0)
                l->len += (size_t)n < room ? (size_t)n : room - 1;
}

/* The text of a peer goes to a terminal: nothing but printable ASCII. */
static void line_add_foreign(struct line *l, capnp_text t)
{
        for (uint32_t i = 0; i < t.len && i < 200; i++)
                line_add(l, "%c", t.p[i] >= ' ' && t.p[i] <= '~' ? t.p[i] : '?');
}

static void line_add_promised(struct line *l, rpc_promised_answer_reader p)
{
        rpc_promised_answer_op_list ops = rpc_promised_answer_transform(p);

        line_add(l, "answer %u", rpc_promised_answer_question_id(p));
        for (uint32_t i = 0; i < ops.l.len && i < 8; i++) {
                rpc_promised_answer_op_reader op = rpc_promised_answer_op_list_get(ops, i);

                if (rpc_promised_answer_op_which(op) == RPC_PROMISED_ANSWER_OP_GET_POINTER_FIELD)
                        line_add(l, ".%u", rpc_promised_answer_op_get_pointer_field(op));
        }
}

static void line_add_target(struct line *l, rpc_message_target_reader t)
{
        if (rpc_message_target_which(t) == RPC_MESSAGE_TARGET_PROMISED_ANSWER)
                line_add_promised(l, rpc_message_target_promised_answer(t));
        else
                line_add(l, "object %u", rpc_message_target_imported_cap(t));
}

static void line_add_cap(struct line *l, rpc_cap_descriptor_reader d)
{
        rpc_third_party_cap_descriptor_reader third;

        switch (rpc_cap_descriptor_which(d)) {
        case RPC_CAP_DESCRIPTOR_NONE:
                line_add(l, "none");
                return;
        case RPC_CAP_DESCRIPTOR_SENDER_HOSTED:
                line_add(l, "sender's %u", rpc_cap_descriptor_sender_hosted(d));
                return;
        case RPC_CAP_DESCRIPTOR_SENDER_PROMISE:
                line_add(l, "sender's promise %u", rpc_cap_descriptor_sender_promise(d));
                return;
        case RPC_CAP_DESCRIPTOR_RECEIVER_HOSTED:
                line_add(l, "receiver's %u", rpc_cap_descriptor_receiver_hosted(d));
                return;
        case RPC_CAP_DESCRIPTOR_RECEIVER_ANSWER:
                line_add(l, "receiver's ");
                line_add_promised(l, rpc_cap_descriptor_receiver_answer(d));
                return;
        case RPC_CAP_DESCRIPTOR_THIRD_PARTY_HOSTED:
                third = rpc_cap_descriptor_third_party_hosted(d);
                line_add(l, "third party's, by way of %u",
                         rpc_third_party_cap_descriptor_vine_id(third));
                return;
        default:
                line_add(l, "kind %u", (unsigned)rpc_cap_descriptor_which(d));
        }
}

static void line_add_payload(struct line *l, rpc_payload_reader p)
{
        rpc_cap_descriptor_list caps = rpc_payload_cap_table(p);

        if (caps.l.len)
                line_add(l, ", %u cap%s", caps.l.len, caps.l.len == 1 ? "" : "s");
}

static void line_add_exception(struct line *l, rpc_exception_reader e)
{
        const char *kind = rpc_exception_type_name(rpc_exception_type(e));

        line_add(l, "%s \"", kind ? kind : "exception");
        line_add_foreign(l, rpc_exception_reason(e));
        line_add(l, "\"");
}

/* ---- one function for each kind of message that has something to tell ----------------------- */

static void trace_call(struct line *l, rpc_call_reader c)
{
        rpc_call_send_results_to_reader to = rpc_call_send_results_to(c);

        line_add(l, "call %u on ", rpc_call_question_id(c));
        line_add_target(l, rpc_call_target(c));
        line_add(l, ": @0x%016llx method %u", (unsigned long long)rpc_call_interface_id(c),
                 rpc_call_method_id(c));
        if (rpc_call_send_results_to_which(to) == RPC_CALL_SEND_RESULTS_TO_YOURSELF)
                line_add(l, ", results to yourself");
        else if (rpc_call_send_results_to_which(to) != RPC_CALL_SEND_RESULTS_TO_CALLER)
                line_add(l, ", results to a third party");
        line_add_payload(l, rpc_call_params(c));
}

static void trace_return(struct line *l, rpc_return_reader r)
{
        line_add(l, "return %u: ", rpc_return_answer_id(r));
        switch (rpc_return_which(r)) {
        case RPC_RETURN_RESULTS:
                line_add(l, "results");
                line_add_payload(l, rpc_return_results(r));
                return;
        case RPC_RETURN_EXCEPTION:
                line_add(l, "exception ");
                line_add_exception(l, rpc_return_exception(r));
                return;
        case RPC_RETURN_CANCELED:
                line_add(l, "canceled");
                return;
        case RPC_RETURN_RESULTS_SENT_ELSEWHERE:
                line_add(l, "results sent elsewhere");
                return;
        case RPC_RETURN_TAKE_FROM_OTHER_QUESTION:
                line_add(l, "take from other question %u", rpc_return_take_from_other_question(r));
                return;
        case RPC_RETURN_AWAIT_FROM_THIRD_PARTY:
                line_add(l, "await from third party");
                return;
        default:
                line_add(l, "unknown");
        }
}

static void trace_resolve(struct line *l, rpc_resolve_reader r)
{
        line_add(l, "resolve %u to ", rpc_resolve_promise_id(r));
        if (rpc_resolve_which(r) == RPC_RESOLVE_EXCEPTION)
                line_add_exception(l, rpc_resolve_exception(r));
        else
                line_add_cap(l, rpc_resolve_cap(r));
}

static void trace_disembargo(struct line *l, rpc_disembargo_reader d)
{
        rpc_disembargo_context_reader context = rpc_disembargo_context(d);

        line_add(l, "disembargo ");
        line_add_target(l, rpc_disembargo_target(d));
        switch (rpc_disembargo_context_which(context)) {
        case RPC_DISEMBARGO_CONTEXT_SENDER_LOOPBACK:
                line_add(l, ", sender loopback %u",
                         rpc_disembargo_context_sender_loopback(context));
                return;
        case RPC_DISEMBARGO_CONTEXT_RECEIVER_LOOPBACK:
                line_add(l, ", receiver loopback %u",
                         rpc_disembargo_context_receiver_loopback(context));
                return;
        case RPC_DISEMBARGO_CONTEXT_ACCEPT:
                line_add(l, ", accept");
                return;
        default:
                line_add(l, ", unknown");
        }
}

/* Of level 3 and more only the kind. */
static void trace_rest(struct line *l, rpc_message_reader m)
{
        switch (rpc_message_which(m)) {
        case RPC_MESSAGE_UNIMPLEMENTED:
                line_add(l, "unimplemented");
                return;
        case RPC_MESSAGE_PROVIDE:
                line_add(l, "provide %u", rpc_provide_question_id(rpc_message_provide(m)));
                return;
        case RPC_MESSAGE_ACCEPT:
                line_add(l, "accept %u", rpc_accept_question_id(rpc_message_accept(m)));
                return;
        case RPC_MESSAGE_JOIN:
                line_add(l, "join %u", rpc_join_question_id(rpc_message_join(m)));
                return;
        default:
                line_add(l, "message of kind %u", (unsigned)rpc_message_which(m));
        }
}

static void line_add_message(struct line *l, rpc_message_reader m)
{
        switch (rpc_message_which(m)) {
        case RPC_MESSAGE_ABORT:
                line_add(l, "abort ");
                line_add_exception(l, rpc_message_abort(m));
                return;
        case RPC_MESSAGE_BOOTSTRAP:
                line_add(l, "bootstrap %u", rpc_bootstrap_question_id(rpc_message_bootstrap(m)));
                return;
        case RPC_MESSAGE_CALL:
                trace_call(l, rpc_message_call(m));
                return;
        case RPC_MESSAGE_RETURN:
                trace_return(l, rpc_message_return(m));
                return;
        case RPC_MESSAGE_FINISH:
                line_add(l, "finish %u", rpc_finish_question_id(rpc_message_finish(m)));
                if (rpc_finish_release_result_caps(rpc_message_finish(m)))
                        line_add(l, ", release result caps");
                return;
        case RPC_MESSAGE_RESOLVE:
                trace_resolve(l, rpc_message_resolve(m));
                return;
        case RPC_MESSAGE_RELEASE:
                line_add(l, "release %u by %u", rpc_release_id(rpc_message_release(m)),
                         rpc_release_reference_count(rpc_message_release(m)));
                return;
        case RPC_MESSAGE_DISEMBARGO:
                trace_disembargo(l, rpc_message_disembargo(m));
                return;
        default:
                trace_rest(l, m);
        }
}

/* One write a line: lines of several processes do not mix. */
static void line_write(struct line *l)
{
        if (l->len > sizeof(l->text) - 2)
                l->len = sizeof(l->text) - 2;
        l->text[l->len++] = '\n';
        if (write(STDERR_FILENO, l->text, l->len) < 0)
                return;
}

static void trace_message(void *arg, bool in, capnp_msg *m)
{
        const capnp_conn *c = arg;
        struct line l = {.len = 0};

        line_add(&l, "capnp %u %s ", c->number, in ? "<-" : "->");
        line_add_message(&l, rpc_message_root(m));
        line_add(&l, ", %zu bytes", capnp_msg_size(m));
        line_write(&l);
}

void capnp_i_trace_note(const capnp_conn *c, const char *what)
{
        struct line l = {.len = 0};

        if (!c->io->tracing)
                return;

        line_add(&l, "capnp %u -- %s", c->number, what);
        line_write(&l);
}

bool capnp_i_trace_is_wanted(void)
{
        const char *s = secure_getenv("CAPNP_TRACE");

        return s && !strcmp(s, "1");
}

void capnp_i_trace_start(capnp_conn *c)
{
        capnp_rpc_set_trace(c->rpc, trace_message, c);
}
