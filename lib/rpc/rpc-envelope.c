/*
 * The envelopes that calls, their results and the smallest messages are sent in.
 *
 * Parameters and results are built in place behind room for their envelope, so what surrounds them
 * has to lie where it always does. Where fields are in it is the protocol's to say
 * (schema/capnp/rpc.capnp): each envelope is built once for a vat, by the accessors that are made
 * of that, and copied from then on. So no pointer and no offset of a message is written by hand.
 */
#include "rpc-frame.h"

#include <assert.h>

static void envelope_begin(capnp_msg *m, uint64_t *words, uint32_t n)
{
        capnp_i_msg_init_building(m, words, n, 0);
}

/* It has come out as long as it was to be, with its body and its payload where they belong. */
static void envelope_end(capnp_msg *m, const uint64_t *words, capnp_builder body,
                         const uint64_t *at, const uint8_t *payload)
{
        assert(body.d == (const uint8_t *)&words[BODY_WORD]);
        assert(payload == (const uint8_t *)at);
        assert(!capnp_msg_check(m) && m->nsegs == 1 && m->segs[0].words == m->segs[0].room);
        capnp_i_msg_deinit(m);
}

static void envelope_of_call(uint64_t words[ENVELOPE_WORDS])
{
        rpc_message_target_builder target;
        rpc_payload_builder params;
        rpc_call_builder call;
        capnp_msg m;

        envelope_begin(&m, words, ENVELOPE_WORDS);
        call = rpc_message_init_call(rpc_message_build(&m));
        target = rpc_call_init_target(call);
        params = rpc_call_init_params(call);
        assert(target.b.d == (uint8_t *)&words[TARGET_WORD]);
        envelope_end(&m, words, call.b, &words[CONTENT_WORD], params.b.d);
}

static void envelope_of_call_on(uint64_t words[ON_WORDS])
{
        rpc_promised_answer_op_list_builder ops;
        rpc_promised_answer_builder promised;
        rpc_payload_builder params;
        rpc_call_builder call;
        capnp_msg m;

        envelope_begin(&m, words, ON_WORDS);
        call = rpc_message_init_call(rpc_message_build(&m));
        promised = rpc_message_target_init_promised_answer(rpc_call_init_target(call));
        ops = rpc_promised_answer_init_transform(promised, 1);
        rpc_promised_answer_op_set_get_pointer_field(
                rpc_promised_answer_op_list_builder_get(ops, 0), 0);
        params = rpc_call_init_params(call);
        assert(promised.b.d == (uint8_t *)&words[PROMISED_WORD]);
        assert(ops.l.d == (uint8_t *)&words[OP_WORD]);
        envelope_end(&m, words, call.b, &words[ON_WORDS - RPC_PAYLOAD_PTRS], params.b.d);
}

/* It is the shorter one: for results that are built in place words of nothing are between. */
static void envelope_of_return(uint64_t words[ENVELOPE_WORDS])
{
        rpc_payload_builder results;
        rpc_return_builder ret;
        uint32_t seg;
        capnp_msg m;

        envelope_begin(&m, words, ENVELOPE_WORDS);
        ret = rpc_message_init_return(rpc_message_build(&m));
        rpc_return_set_release_param_caps(ret, false);
        (void)capnp_i_msg_alloc(&m, CONTENT_WORD - m.segs[0].words, &seg);
        results = rpc_return_init_results(ret);
        envelope_end(&m, words, ret.b, &words[CONTENT_WORD], results.b.d);
}

static void envelope_of_last(uint64_t words[ENVELOPE_WORDS])
{
        rpc_payload_builder results;
        rpc_return_builder ret;
        capnp_msg m;

        envelope_begin(&m, words, LAST_WORDS);
        ret = rpc_message_init_return(rpc_message_build(&m));
        rpc_return_set_release_param_caps(ret, false);
        rpc_return_set_no_finish_needed(ret, true);
        results = rpc_return_init_results(ret);
        envelope_end(&m, words, ret.b, &words[LAST_WORDS - RPC_PAYLOAD_PTRS], results.b.d);
}

void capnp_i_envelopes_init(struct envelopes *e)
{
        capnp_msg m;

        envelope_of_call(e->call);
        envelope_of_call_on(e->on);
        envelope_of_return(e->ret);
        envelope_of_last(e->last);
        envelope_begin(&m, e->finish, SMALL_WORDS);
        envelope_end(&m, e->finish, rpc_message_init_finish(rpc_message_build(&m)).b, NULL, NULL);
        envelope_begin(&m, e->release, SMALL_WORDS);
        envelope_end(&m, e->release, rpc_message_init_release(rpc_message_build(&m)).b, NULL, NULL);
}
