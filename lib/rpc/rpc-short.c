/*
 * Results with a few references, written where they leave from.
 *
 * As they are built they lie in one piece behind room for an envelope. If all of it is short, it is
 * not completed there, but copied behind an envelope that is as long as it has to be, with its
 * capability table behind it: the frame stays what it was, and what is kept of it is no longer than
 * the results. What does not fit the general way sends (rpc-send.c).
 */
#include "rpc-internal.h"

enum { SHORT_CAPS = 4, DESC_WORDS = RPC_CAP_DESCRIPTOR_WORDS + RPC_CAP_DESCRIPTOR_PTRS };

/* In one piece, with few references, and nobody else's. */
static bool short_is(const struct frame *f)
{
        const capnp_msg *m = &f->msg;

        return m->ncaps && m->ncaps <= SHORT_CAPS && !m->error && !f->received && m->nsegs == 1 &&
               m->segs[0].base == f->words;
}

/* Descriptors of a word each. false: there is one that takes more, or a descriptor that goes along
 * with it, or no room in a table. */
static bool short_describe(capnp_rpc *r, const capnp_msg *m, struct wire_ids *ids, uint64_t *table)
{
        for (uint32_t i = 0; i < m->ncaps; i++) {
                const rpc_cap_descriptor_builder d = {{.d = (uint8_t *)&table[i * DESC_WORDS],
                                                       .bytes = RPC_CAP_DESCRIPTOR_WORDS * 8}};

                if (r->limits.fds && capnp_cap_fd_peek(m->caps[i]) >= 0)
                        return false;
                if (capnp_i_desc_write_one(r, m->caps[i], d, ids))
                        return false;
                if (rpc_cap_descriptor_which((rpc_cap_descriptor_reader){
                            capnp_i_at_word(&table[i * DESC_WORDS], RPC_CAP_DESCRIPTOR_WORDS)}) ==
                    RPC_CAP_DESCRIPTOR_RECEIVER_ANSWER)
                        return false;
        }
        return true;
}

static bool short_send(capnp_rpc *r, struct call *c, const uint64_t *table)
{
        struct frame *f = c->results;
        uint32_t n = f->msg.segs[0].words - ENVELOPE_WORDS, ncaps = f->msg.ncaps;
        uint32_t all = LAST_WORDS + n + 1 + ncaps * DESC_WORDS;
        uint64_t *words = all * 8 > r->limits.message_bytes ? NULL : capnp_i_out_begin(r, all);
        rpc_return_builder b;

        if (!words)
                return false;

        memcpy(words, c->vat->envelopes.last, LAST_WORDS * 8);
        b.b = (capnp_builder){.d = (uint8_t *)&words[BODY_WORD], .bytes = RPC_RETURN_WORDS * 8};
        rpc_return_set_answer_id(b, c->peer_id.n);
        rpc_return_set_no_finish_needed(b, false);
        words[LAST_WORDS - 2] = f->words[CONTENT_WORD];
        words[LAST_WORDS - 1] = capnp_i_msg_structs_at(ncaps * DESC_WORDS, n);
        memcpy(&words[LAST_WORDS], &f->words[ENVELOPE_WORDS], n * 8);
        words[LAST_WORDS + n] =
                capnp_i_msg_struct_at(RPC_CAP_DESCRIPTOR_WORDS, RPC_CAP_DESCRIPTOR_PTRS, ncaps);
        memcpy(&words[LAST_WORDS + n + 1], table, ncaps * DESC_WORDS * 8);
        f->secret |= r->limits.wipe;
        capnp_i_out_end(r, RPC_MESSAGE_RETURN, words, all, f->secret);
        return true;
}

bool capnp_i_short_return(capnp_rpc *r, struct call *c)
{
        uint64_t table[SHORT_CAPS * DESC_WORDS] = {0};

        _Static_assert(RPC_PAYLOAD_PTRS == 2, "the content, and what is in it");
        if (!short_is(c->results))
                return false;

        if (short_describe(r, &c->results->msg, &c->result_ids, table) && short_send(r, c, table))
                return true;

        capnp_i_wire_ids_release(r, &c->result_ids);
        return false;
}
