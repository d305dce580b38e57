/*
 * Every message of a world as a line, when MODEL_VERBOSE is set: for reading a failing run.
 *
 * What is not needed to follow an order of calls is left out.
 */
#include <stdio.h>

#include "model.h"
#include "rpc.capnp-c.h"

static void trace_promised(rpc_promised_answer_reader p)
{
        rpc_promised_answer_op_list ops = rpc_promised_answer_transform(p);

        fprintf(stderr, "answer %u", rpc_promised_answer_question_id(p));
        for (uint32_t i = 0; i < ops.l.len; i++)
                fprintf(stderr, ".%u",
                        rpc_promised_answer_op_get_pointer_field(
                                rpc_promised_answer_op_list_get(ops, i)));
}

static void trace_target(rpc_message_target_reader t)
{
        fputs(" on ", stderr);
        if (rpc_message_target_which(t) == RPC_MESSAGE_TARGET_IMPORTED_CAP)
                fprintf(stderr, "export %u", rpc_message_target_imported_cap(t));
        else
                trace_promised(rpc_message_target_promised_answer(t));
}

static void trace_desc(rpc_cap_descriptor_reader d)
{
        switch (rpc_cap_descriptor_which(d)) {
        case RPC_CAP_DESCRIPTOR_SENDER_HOSTED:
                fprintf(stderr, " hosted:%u", rpc_cap_descriptor_sender_hosted(d));
                break;
        case RPC_CAP_DESCRIPTOR_SENDER_PROMISE:
                fprintf(stderr, " promise:%u", rpc_cap_descriptor_sender_promise(d));
                break;
        case RPC_CAP_DESCRIPTOR_RECEIVER_HOSTED:
                fprintf(stderr, " yours:%u", rpc_cap_descriptor_receiver_hosted(d));
                break;
        case RPC_CAP_DESCRIPTOR_RECEIVER_ANSWER:
                fputs(" your-", stderr);
                trace_promised(rpc_cap_descriptor_receiver_answer(d));
                break;
        default:
                fprintf(stderr, " kind:%u", (unsigned)rpc_cap_descriptor_which(d));
                break;
        }
}

static void trace_payload(rpc_payload_reader p)
{
        rpc_cap_descriptor_list caps = rpc_payload_cap_table(p);
        capnp_any content = rpc_payload_content(p);

        /* Those of the model begin with a number. */
        if (capnp_any_what(content) == CAPNP_WHAT_STRUCT)
                fprintf(stderr, " [%u]", capnp_reader_u32(capnp_any_struct(content, NULL), 0, 0));
        for (uint32_t i = 0; i < caps.l.len; i++)
                trace_desc(rpc_cap_descriptor_list_get(caps, i));
}

static void trace_return(rpc_return_reader r)
{
        fprintf(stderr, "return %u", rpc_return_answer_id(r));
        switch (rpc_return_which(r)) {
        case RPC_RETURN_RESULTS:
                fputs(" results", stderr);
                trace_payload(rpc_return_results(r));
                break;
        case RPC_RETURN_EXCEPTION:
                fputs(" exception", stderr);
                break;
        case RPC_RETURN_CANCELED:
                fputs(" canceled", stderr);
                break;
        case RPC_RETURN_RESULTS_SENT_ELSEWHERE:
                fputs(" elsewhere", stderr);
                break;
        case RPC_RETURN_TAKE_FROM_OTHER_QUESTION:
                fprintf(stderr, " take from %u", rpc_return_take_from_other_question(r));
                break;
        default:
                fputs(" ?", stderr);
                break;
        }
}

static void trace_call(rpc_call_reader c)
{
        fprintf(stderr, "call %u", rpc_call_question_id(c));
        trace_target(rpc_call_target(c));
        if (rpc_call_send_results_to_which(rpc_call_send_results_to(c)) !=
            RPC_CALL_SEND_RESULTS_TO_CALLER)
                fputs(" yourself", stderr);
        trace_payload(rpc_call_params(c));
}

static void trace_disembargo(rpc_disembargo_reader d)
{
        rpc_disembargo_context_reader c = rpc_disembargo_context(d);

        if (rpc_disembargo_context_which(c) == RPC_DISEMBARGO_CONTEXT_SENDER_LOOPBACK)
                fprintf(stderr, "disembargo %u there", rpc_disembargo_context_sender_loopback(c));
        else
                fprintf(stderr, "disembargo %u back", rpc_disembargo_context_receiver_loopback(c));
        trace_target(rpc_disembargo_target(d));
}

static void trace_resolve(rpc_resolve_reader r)
{
        fprintf(stderr, "resolve %u", rpc_resolve_promise_id(r));
        if (rpc_resolve_which(r) == RPC_RESOLVE_CAP)
                trace_desc(rpc_resolve_cap(r));
}

static void trace_message(rpc_message_reader m)
{
        switch (rpc_message_which(m)) {
        case RPC_MESSAGE_BOOTSTRAP:
                fprintf(stderr, "bootstrap %u",
                        rpc_bootstrap_question_id(rpc_message_bootstrap(m)));
                break;
        case RPC_MESSAGE_CALL:
                trace_call(rpc_message_call(m));
                break;
        case RPC_MESSAGE_RETURN:
                trace_return(rpc_message_return(m));
                break;
        case RPC_MESSAGE_FINISH:
                fprintf(stderr, "finish %u", rpc_finish_question_id(rpc_message_finish(m)));
                break;
        case RPC_MESSAGE_RESOLVE:
                trace_resolve(rpc_message_resolve(m));
                break;
        case RPC_MESSAGE_RELEASE:
                fprintf(stderr, "release %u by %u", rpc_release_id(rpc_message_release(m)),
                        rpc_release_reference_count(rpc_message_release(m)));
                break;
        case RPC_MESSAGE_DISEMBARGO:
                trace_disembargo(rpc_message_disembargo(m));
                break;
        default:
                fprintf(stderr, "message of kind %u", (unsigned)rpc_message_which(m));
                break;
        }
}

void model_trace(void *arg, bool in, capnp_msg *m)
{
        const struct trace_line *line = arg;

        fprintf(stderr, "    %u %s %u: ", line->vat, in ? "<-" : "->", line->peer);
        trace_message(rpc_message_root(m));
        fputc('\n', stderr);
}
