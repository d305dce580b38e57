/*
 * A message that is longer than the limits allow, on its way past us.
 *
 * It must not be kept, but it need not be the end of the connection either: if it is a Call or a
 * Return, the first word of its body says which question it is about, and that one can be failed.
 * So the pointers that lead there (root, Message, its body) are followed while the bytes go by. All
 * that is kept is the front of the message, where every implementation puts its envelope, and the
 * segment table, which says where a word lies on the stream. Beyond the front a pointer can only be
 * followed forward; one that leads back, or nowhere, leaves nothing to answer, and that is a
 * violation of the protocol.
 *
 * An Abort has no id, and it is long much earlier than others (rpc-feed.c): nothing comes behind it
 * that could matter, so the connection ends with as much of its reason as there is.
 *
 * Three pointers of at most three words each, a tag and an id or the reason's pointer: the work is
 * bounded, whatever the message says.
 */
#include "rpc-message.h"

#include "wire.h"

/* skip.what: the word that is looked at. */
enum { SKIP_ROOT, SKIP_TAG, SKIP_BODY_PTR, SKIP_BODY, SKIP_REASON };
/* skip.hop: which word of a pointer. */
enum { HOP_POINTER, HOP_PAD, HOP_DOUBLE, HOP_DOUBLE_TAG };

static int skip_lost(capnp_rpc *r)
{
        return capnp_i_rpc_violation(r, "a message is too large");
}

/* Where the word wanted next begins in the frame. false: there is no such word. */
static bool skip_position(const capnp_rpc *r, uint64_t *ret_at)
{
        const struct skip *s = &r->skip;
        uint32_t n = capnp_i_frame_segments(r->in), i;
        uint64_t words = s->off;

        if (s->seg >= n || s->off >= capnp_i_frame_words(r->in, s->seg))
                return false;

        for (i = 0; i < s->seg; i++)
                words += capnp_i_frame_words(r->in, i);
        *ret_at = capnp_i_frame_header(n) + words * 8;
        return true;
}

/* The target of a struct pointer at the present word, if it has at least so much. */
static bool skip_enter(struct skip *s, uint64_t ptr, int64_t from)
{
        int64_t off = from + ((int32_t)(uint32_t)ptr >> 2);
        uint16_t words = (uint16_t)(ptr >> 32), ptrs = (uint16_t)(ptr >> 48);

        if ((ptr & 3) != 0 || off < 0 || off > INT32_MAX || !words ||
            ((s->what == SKIP_ROOT || s->tag == RPC_MESSAGE_ABORT) && !ptrs))
                return false;

        /* The pointer to the body lies behind the data of the Message; so does that to a reason. */
        s->off = (uint32_t)off;
        s->to_off = s->off + words;
        s->what = s->what == SKIP_ROOT ? SKIP_TAG : SKIP_BODY;
        s->hop = HOP_POINTER;
        return true;
}

static bool skip_pointer(struct skip *s, uint64_t w)
{
        switch (s->hop) {
        case HOP_POINTER:
                if ((w & 3) != 2)
                        return skip_enter(s, w, (int64_t)s->off + 1);
                s->hop = w & 4 ? HOP_DOUBLE : HOP_PAD;
                s->seg = (uint32_t)(w >> 32);
                s->off = (uint32_t)w >> 3;
                return true;
        case HOP_PAD:
                return skip_enter(s, w, (int64_t)s->off + 1);
        case HOP_DOUBLE:
                if ((w & 7) != 2)
                        return false;
                s->hop = HOP_DOUBLE_TAG;
                s->to_seg = (uint32_t)(w >> 32);
                s->to_off = (uint32_t)w >> 3;
                s->off++;
                return true;
        default:
                s->seg = s->to_seg;
                return skip_enter(s, w & ~UINT64_C(0xfffffffc), s->to_off);
        }
}

/* Looks at the word. false: it leads nowhere. */
static bool skip_word(capnp_rpc *r, uint64_t w)
{
        struct skip *s = &r->skip;

        switch (s->what) {
        case SKIP_TAG:
                s->tag = rpc_message_which(
                        (rpc_message_reader){capnp_i_at_word(&w, RPC_MESSAGE_WORDS)});
                s->off = s->to_off;
                s->what = SKIP_BODY_PTR;
                return s->tag == RPC_MESSAGE_CALL || s->tag == RPC_MESSAGE_RETURN ||
                       s->tag == RPC_MESSAGE_ABORT;
        case SKIP_BODY:
                s->found = s->tag != RPC_MESSAGE_ABORT;
                s->off = s->to_off;
                s->what = SKIP_REASON;
                return true;
        case SKIP_REASON:
                s->found = true;
                return true;
        default:
                return skip_pointer(s, w);
        }
}

/* Copies of the word at `at` what b[len], which begins at `from`, has of it. */
static void skip_collect(struct skip *s, uint64_t at, const uint8_t *b, uint64_t from, size_t len)
{
        while (s->have < 8 && at + s->have >= from && at + s->have < from + len) {
                s->word[s->have] = b[at + s->have - from];
                s->have++;
        }
}

/* What is here of the reason that the word w points to. */
static int skip_abort(capnp_rpc *r, uint64_t w)
{
        struct skip *s = &r->skip;
        size_t len = w >> 35, here;
        uint64_t at;

        s->off += 1 + (uint32_t)((int32_t)(uint32_t)w >> 2);
        if ((w & 3) != 1 || !skip_position(r, &at) || at >= r->in_len)
                return capnp_i_in_abort(r, "", 0);

        here = r->in_len - (size_t)at;
        return capnp_i_in_abort(r, (const char *)r->in + at, len < here ? len : here);
}

/* Follows the pointers as far as r->in and b[len], which begins at `from` in the frame, go. */
static int skip_follow(capnp_rpc *r, const uint8_t *b, uint64_t from, size_t len)
{
        struct skip *s = &r->skip;
        uint64_t at, w;

        while (!s->found) {
                if (!skip_position(r, &at) || (at < s->lowest && at >= s->keep && !s->have))
                        return skip_lost(r);

                /* The text will be behind its pointer: all that is kept is waited for. */
                if (s->what == SKIP_REASON && at < s->keep && r->in_len < s->keep)
                        return 0;

                skip_collect(s, at, r->in, 0, r->in_len);
                skip_collect(s, at, b, from, len);
                if (s->have < 8)
                        return 0;

                memcpy(&w, s->word, 8);
                s->have = 0;
                if (at >= s->keep)
                        s->lowest = at;
                if (!skip_word(r, w))
                        return skip_lost(r);
                if (s->found)
                        return s->tag == RPC_MESSAGE_ABORT ? skip_abort(r, w)
                                                           : capnp_i_in_long_message(r, s->tag, w);
        }

        return 0;
}

int capnp_i_skip_begin(capnp_rpc *r, uint64_t total, size_t keep)
{
        keep = keep > r->in_len ? keep : r->in_len;
        r->skip = (struct skip){.total = total, .at = r->in_len, .keep = keep, .lowest = keep};
        return skip_follow(r, NULL, 0, 0);
}

int capnp_i_skip_feed(capnp_rpc *r, const uint8_t *b, size_t len, size_t *ret_used)
{
        struct skip *s = &r->skip;
        size_t n = s->total - s->at < len ? (size_t)(s->total - s->at) : len;
        size_t kept = s->keep - r->in_len < n ? s->keep - r->in_len : n;
        int k;

        if (kept)
                memmove(r->in + r->in_len, b, kept); /* it may lie there: capnp_rpc_feed_place() */
        r->in_len += kept;
        k = skip_follow(r, b, s->at, n);
        *ret_used = n;
        s->at += n;
        if (k || s->at < s->total)
                return k;

        s->total = 0;
        return s->found ? 0 : skip_lost(r);
}
