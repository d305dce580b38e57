/* Finish and Release, of which there are as many as calls and references: a few words each. */
#include "rpc-message.h"

/* Begins one of a few words, that begins as this. NULL: there is nobody to send it to. */
static uint64_t *small_begin(capnp_rpc *r, const uint64_t envelope[SMALL_WORDS])
{
        uint64_t *words = r->closed ? NULL : capnp_i_out_begin(r, SMALL_WORDS);

        if (words)
                memcpy(words, envelope, SMALL_WORDS * 8);
        else if (!r->closed)
                capnp_i_rpc_starve(r, false);
        return words;
}

static void small_end(capnp_rpc *r, enum rpc_message_which tag, const uint64_t *words)
{
        capnp_i_out_end(r, tag, words, SMALL_WORDS, r->limits.wipe);
}

static capnp_builder small_body(uint64_t words[SMALL_WORDS])
{
        return (capnp_builder){.d = (uint8_t *)&words[BODY_WORD],
                               .bytes = (SMALL_WORDS - BODY_WORD) * 8};
}

void capnp_i_send_finish(capnp_rpc *r, struct question_id id, bool release, bool workaround)
{
        uint64_t *words = small_begin(r, r->vat->envelopes.finish);
        rpc_finish_builder b;

        if (!words)
                return;

        b.b = small_body(words);
        rpc_finish_set_question_id(b, id.n);
        rpc_finish_set_release_result_caps(b, release);
        rpc_finish_set_require_early_cancellation_workaround(b, workaround);
        small_end(r, RPC_MESSAGE_FINISH, words);
}

void capnp_i_send_release(capnp_rpc *r, struct import_id id, uint32_t count)
{
        uint64_t *words = small_begin(r, r->vat->envelopes.release);
        rpc_release_builder b;

        if (!words)
                return;

        b.b = small_body(words);
        rpc_release_set_id(b, id.n);
        rpc_release_set_reference_count(b, count);
        small_end(r, RPC_MESSAGE_RELEASE, words);
}
