/*
 * A long payload that passes through is not copied: what came goes on as it is, behind a new
 * envelope.
 *
 * The new envelope is a segment of its own, the last one, so that every pointer within the payload
 * still says what it said. The first word of the message, which was the root, becomes a far pointer
 * to the new root; the pointer to the content, in the new envelope, is a far one as well, over two
 * words behind it. Of what was received nothing else is written but zeros over the old envelope:
 * its ids are between us and who sent it.
 *
 * Whoever gets the message checks it, as we would if we looked at it; to copy it, we had to. Our
 * own limits are about what we look at. A payload may point into its envelope, so what a policy has
 * looked into is copied, with what it has seen there.
 */
#include "rpc-frame.h"

/* A payload is long from so many bytes on; and of so many segments at most, so that one more is
 * none too many for anybody. */
enum { RELAY_BYTES = 4096, RELAY_SEGMENTS = CAPNP_I_SEGMENTS - 1, PAD_WORDS = 2 };

/* What is long enough, and becomes none too long by an envelope more. */
static bool relay_fits(const struct frame *f, uint64_t most)
{
        size_t bytes = capnp_msg_size(&f->msg);

        return bytes >= RELAY_BYTES && bytes + (ENVELOPE_WORDS + PAD_WORDS) * 8 <= most;
}

struct frame *capnp_i_relay_new(capnp_vat *v, struct frame *f, uint64_t most)
{
        uint32_t last = f->msg.nsegs, seg;
        uint64_t pad[PAD_WORDS], content, *at;
        struct frame *g;

        if (!f->received || f->spent || f->msg.ncaps || f->msg.error || !f->content.p ||
            last > RELAY_SEGMENTS || !relay_fits(f, most) ||
            !capnp_i_msg_lead(f->content, pad, last, ENVELOPE_WORDS, &content))
                return NULL;

        g = capnp_i_frame_new(v);
        at = g ? capnp_i_msg_grab(&g->msg, PAD_WORDS, &seg) : NULL;
        if (!at)
                return capnp_i_frame_unref(g);

        memcpy(at, pad, sizeof(pad));
        g->words[CONTENT_WORD] = content;
        g->secret = f->secret;
        g->before = capnp_i_frame_ref(f);
        return g;
}

/* Zeros over what was read as the struct r, but for the root, and for the pointer to the content:
 * who still reads that finds it there. */
static void relay_blank(struct frame *f, capnp_reader r)
{
        uint64_t *p = (uint64_t *)(uintptr_t)r.d, *root = f->msg.segs[0].base;

        for (uint32_t n = r.bytes / 8 + r.ptrs; n--; p++)
                if (p != f->content.p && p != root)
                        *p = 0;
}

static void relay_blank_target(struct frame *f, rpc_message_target_reader t)
{
        rpc_promised_answer_reader promised;
        rpc_promised_answer_op_list ops;

        if (rpc_message_target_which(t) == RPC_MESSAGE_TARGET_PROMISED_ANSWER) {
                promised = rpc_message_target_promised_answer(t);
                ops = rpc_promised_answer_transform(promised);
                for (uint32_t i = 0; i < ops.l.len; i++)
                        relay_blank(f, rpc_promised_answer_op_list_get(ops, i).r);
                relay_blank(f, promised.r);
        }
        relay_blank(f, t.r);
}

/* It has been read before, within the budget. Its parts may lie in each other: none is blanked
 * before all are found. */
static void relay_blank_envelope(struct frame *f)
{
        rpc_message_reader m;
        rpc_call_reader call;
        rpc_payload_reader params;
        rpc_return_reader ret;
        uint64_t budget = f->msg.budget;

        f->msg.budget = UINT64_MAX;
        m = rpc_message_root(&f->msg);
        if (rpc_message_which(m) == RPC_MESSAGE_CALL) {
                call = rpc_message_call(m);
                params = rpc_call_params(call);
                relay_blank_target(f, rpc_call_target(call));
                relay_blank(f, params.r);
                relay_blank(f, call.r);
        } else {
                ret = rpc_message_return(m);
                relay_blank(f, rpc_return_results(ret).r);
                relay_blank(f, ret.r);
        }
        relay_blank(f, m.r);
        f->msg.budget = budget;
}

void capnp_i_relay_seal(struct frame *g)
{
        struct frame *f = g->before;
        uint32_t last;

        if (!f)
                return;

        assert(g->msg.nsegs == 1 && !f->spent);
        last = f->msg.nsegs;
        relay_blank_envelope(f);
        f->spent = true;
        f->msg.segs[0].base[0] = capnp_i_msg_far_to(last, 0);
        g->msg.segs[last] = g->msg.segs[0];
        memcpy(g->msg.segs, f->msg.segs, last * sizeof(*g->msg.segs));
        g->msg.nsegs = g->msg.borrowed = last + 1;
}
