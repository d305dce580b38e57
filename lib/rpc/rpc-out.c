/*
 * The queue of bytes toward the peer.
 *
 * Small messages are copied one behind the other into blocks, so that whoever writes them needs one
 * entry and one system call for a whole turn; a large message that nobody else needs is queued as
 * it is. Messages with descriptors stand alone, because a descriptor belongs to the message it came
 * with and the kernel only knows bytes.
 *
 * Returns are counted apart, and so is what is neither a Return nor a call of ours: both can be a
 * reason to stop reading (doc/design/limits.md). If our own calls were one, two vats with much to
 * say to each other would both stop, and neither would ever read again.
 */
#include "rpc-conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "wire.h"

/* A message of at most OUT_ONE words in one segment is written at once, one longer than OUT_SMALL
 * is queued as it is; the rest are rooms of blocks. */
enum { OUT_ONE = 64, OUT_FIRST = 896, OUT_SMALL = 4096, OUT_BLOCK = 65536 - 256 };

/* The segment table of a message of one segment. */
enum { TABLE_BYTES = 8 };

void capnp_i_fds_close(struct fds *f)
{
        while (f->n)
                if (f->v[--f->n] >= 0)
                        close(f->v[f->n]);
}

static void out_free(capnp_rpc *r, struct out *o)
{
        bool eased = o->notes && r->out_notes > r->limits.out_bytes;

        assert(r->out_replies >= o->replies && r->out_notes >= o->notes);
        r->out_replies -= o->replies;
        r->out_notes -= o->notes;
        capnp_i_list_remove(&o->link);
        if (o->fds.n)
                capnp_i_fds_close(&o->fds);
        capnp_i_frame_unref(o->frame);
        if (o->secret && o->room)
                explicit_bzero(o->bytes, o->room < o->len ? o->room : o->len);
        if (o->pooled)
                capnp_i_recycle_free(&r->vat->pools[POOL_OUT], o);
        else
                free(o);
        if (eased)
                capnp_i_rpc_eased(r);
}

static struct out *out_new(capnp_rpc *r, uint32_t room)
{
        struct recycle *pool = &r->vat->pools[POOL_OUT];
        bool pooled = room <= OUT_FIRST;
        struct out *o = pooled ? capnp_i_recycle_take(pool, sizeof(*o) + OUT_FIRST)
                               : malloc(sizeof(*o) + room);

        if (!o)
                return NULL;

        o->frame = NULL;
        o->len = o->sent = o->replies = o->notes = 0;
        o->room = room;
        o->secret = false;
        o->pooled = pooled;
        o->fds.n = 0;
        capnp_i_list_append(&r->outq, &o->link);
        return o;
}

/* Room in a new block, by what waits. A single message is the rule: with the header, a first block
 * is of a size that malloc() keeps at hand. */
static uint32_t out_room(const capnp_rpc *r)
{
        if (!r->out_bytes)
                return OUT_FIRST;

        return r->out_bytes < OUT_SMALL ? OUT_SMALL : OUT_BLOCK;
}

/* Room for a whole message behind what is queued. */
static inline struct out *out_block(capnp_rpc *r, uint32_t bytes)
{
        struct capnp_i_list *l = r->outq.prev;
        struct out *o;
        uint32_t room;

        if (l != &r->outq) {
                o = CAPNP_I_OF(l, struct out, link);
                if (!o->frame && !o->fds.n && o->room - o->len >= bytes)
                        return o;
        }

        room = out_room(r);
        return out_new(r, bytes > room ? bytes : room);
}

/* Queues the frame itself; its segment table goes into the block's own bytes. */
static int out_give(capnp_rpc *r, struct frame *f, uint32_t bytes)
{
        uint32_t sizes[CAPNP_I_MAX_SEGMENTS], i;
        struct out *o;

        for (i = 0; i < f->msg.nsegs; i++)
                sizes[i] = f->msg.segs[i].words;

        o = out_new(r, (uint32_t)capnp_i_frame_header(f->msg.nsegs));
        if (!o)
                return -ENOMEM;

        capnp_i_frame_table(o->bytes, sizes, f->msg.nsegs);
        o->frame = capnp_i_frame_ref(f);
        o->len = bytes;
        return 0;
}

static int out_copy(capnp_rpc *r, struct frame *f, uint32_t bytes, const struct fds *fds)
{
        struct out *o = fds ? out_new(r, bytes) : out_block(r, bytes);

        if (!o)
                return -ENOMEM;

        if (f->msg.nsegs == 1) { /* as nearly all are */
                capnp_i_frame_table_one(o->bytes + o->len, f->msg.segs[0].words);
                memcpy(o->bytes + o->len + TABLE_BYTES, f->msg.segs[0].base, bytes - TABLE_BYTES);
        } else {
                capnp_i_msg_write(&f->msg, o->bytes + o->len);
        }
        o->len += bytes;
        o->secret |= f->secret;
        if (fds)
                o->fds = *fds;
        return 0;
}

/* Parameters or results may be too long; what has no payload is none too long to be sent. Counted
 * as in what comes: all segments, and not the table before them. */
static bool out_is_long(const capnp_rpc *r, const struct frame *f, size_t bytes)
{
        return f->content.p && bytes - capnp_i_frame_header(f->msg.nsegs) > r->limits.message_bytes;
}

__attribute__((noinline)) static void out_is_much(capnp_rpc *r)
{
        if (!capnp_i_rpc_is_paused(r))
                capnp_i_rpc_shut(
                        r, CAPNP_END_BROKEN, CAPNP_E_DISCONNECTED,
                        (capnp_exception){CAPNP_OVERLOADED,
                                          "over-quota.bytes: the peer sends and does not read"});
}

/*
 * Counts a message. What is neither a Return nor our own initiative is a consequence of what the
 * peer sent; there is no bound to it but this one.
 */
static inline void out_count(capnp_rpc *r, enum rpc_message_which tag, bool refusal, uint32_t bytes)
{
        struct out *o = CAPNP_I_OF(r->outq.prev, struct out, link);

        r->out_bytes += bytes;
        if (tag == RPC_MESSAGE_CALL || tag == RPC_MESSAGE_BOOTSTRAP || tag == RPC_MESSAGE_ABORT)
                return;

        if (tag == RPC_MESSAGE_RETURN && !refusal) {
                r->out_replies += bytes;
                o->replies += bytes;
                return;
        }

        r->out_notes += bytes;
        o->notes += bytes;
        if (r->out_notes > r->limits.out_bytes + r->limits.out_bytes / 2)
                out_is_much(r);
}

/* Every message of ours begins with its Message struct behind the root pointer. */
static inline enum rpc_message_which out_tag(const uint64_t *words)
{
        return rpc_message_which(
                (rpc_message_reader){capnp_i_at_word(&words[MESSAGE_WORD], RPC_MESSAGE_WORDS)});
}

/* What goes on as it came is as long as it was: our envelope is the last of its segments. */
static uint32_t out_length(const struct frame *f, uint32_t bytes)
{
        uint32_t length = bytes - (uint32_t)capnp_i_frame_header(f->msg.nsegs);

        return f->before ? length - f->msg.segs[f->msg.nsegs - 1].words * 8 : length;
}

int capnp_i_out_frame(capnp_rpc *r, struct frame *f, bool give, const struct fds *fds)
{
        size_t bytes = capnp_msg_size(&f->msg);
        int k;

        if (bytes > UINT32_MAX / 2 || f->msg.nsegs > CAPNP_I_MAX_SEGMENTS ||
            out_is_long(r, f, bytes))
                return CAPNP_E_LIMIT;

        f->secret |= r->limits.wipe;
        if (f->before)
                f->before->secret |= f->secret;
        if (fds && !fds->n)
                fds = NULL;
        if (give && !fds && bytes > OUT_SMALL)
                k = out_give(r, f, (uint32_t)bytes);
        else
                k = out_copy(r, f, (uint32_t)bytes, fds);
        if (k)
                return k;

        out_count(r, out_tag(f->words), f->refusal, (uint32_t)bytes);
        if (out_length(f, (uint32_t)bytes) > r->longest)
                r->longest = out_length(f, (uint32_t)bytes);
        if (r->trace)
                r->trace(r->trace_arg, false, &f->msg);
        capnp_i_rpc_dirty(r);
        return 0;
}

__attribute__((noinline)) static void out_trace(capnp_rpc *r, const uint64_t *words, uint32_t n)
{
        uint64_t copy[OUT_ONE];
        capnp_msg m;

        memcpy(copy, words, n * sizeof(*words));
        if (!capnp_i_msg_init_received(&m, copy, &n, 1, &r->limits))
                r->trace(r->trace_arg, false, &m);
        capnp_i_msg_deinit(&m);
}

inline uint64_t *capnp_i_out_begin(capnp_rpc *r, uint32_t words)
{
        struct out *o;

        if (words > OUT_ONE)
                return NULL;

        o = out_block(r, TABLE_BYTES + words * 8);
        if (!o)
                return NULL;

        capnp_i_frame_table_one(o->bytes + o->len, words);
        return (uint64_t *)(void *)(o->bytes + o->len + TABLE_BYTES);
}

/* Begins one with a payload behind an envelope of so many words. NULL: no memory, or too long. */
static inline uint64_t *out_payload(capnp_rpc *r, const uint64_t *envelope, uint32_t words,
                                    const struct body *b)
{
        uint32_t all = words + b->n;
        uint64_t *at = all * 8 > r->limits.message_bytes ? NULL : capnp_i_out_begin(r, all);

        if (!at)
                return NULL;

        memcpy(at, envelope, words * 8);
        at[words - RPC_PAYLOAD_PTRS] = b->content;
        if (b->n && b->words)
                memcpy(&at[words], b->words, b->n * 8);
        else if (b->n)
                memset(&at[words], 0, b->n * 8);
        return at;
}

uint64_t *capnp_i_out_call(capnp_rpc *r, bool on, const struct body *b)
{
        const struct envelopes *e = &r->vat->envelopes;

        return on ? out_payload(r, e->on, ON_WORDS, b) : out_payload(r, e->call, ENVELOPE_WORDS, b);
}

inline void capnp_i_out_end(capnp_rpc *r, enum rpc_message_which tag, const uint64_t *words,
                            uint32_t n, bool secret)
{
        struct out *o = CAPNP_I_OF(r->outq.prev, struct out, link);
        uint32_t bytes = TABLE_BYTES + n * 8;

        assert((const uint8_t *)words == o->bytes + o->len + TABLE_BYTES);
        o->len += bytes;
        o->secret |= secret;
        out_count(r, tag, false, bytes);
        if (n * 8 > r->longest)
                r->longest = n * 8;
        if (r->trace)
                out_trace(r, words, n);
        if (r->out_bytes == bytes) /* whoever sends knows already of what was there before */
                capnp_i_rpc_dirty(r);
}

bool capnp_i_out_return(capnp_rpc *r, struct answer_id id, uint64_t content, const void *words,
                        uint32_t n, bool secret)
{
        const struct body b = {content, words, n};
        uint64_t *at = out_payload(r, r->vat->envelopes.last, LAST_WORDS, &b);

        if (!at)
                return false;

        rpc_return_set_answer_id((rpc_return_builder){{.d = (uint8_t *)&at[BODY_WORD],
                                                       .bytes = RPC_RETURN_WORDS * 8}},
                                 id.n);
        capnp_i_out_end(r, RPC_MESSAGE_RETURN, at, LAST_WORDS + n, r->limits.wipe | secret);
        return true;
}

void capnp_i_out_clear(capnp_rpc *r)
{
        while (!capnp_i_list_empty(&r->outq))
                out_free(r, CAPNP_I_OF(r->outq.next, struct out, link));
        r->out_bytes = 0;
}

/* The pieces of one block from `sent` on. */
static unsigned out_pieces(struct out *o, struct iovec *v, unsigned max)
{
        uint32_t skip = o->sent, i;
        unsigned n = 0;

        if (!o->frame) {
                v[0] = (struct iovec){o->bytes + skip, o->len - skip};
                return 1;
        }

        for (i = 0; i <= o->frame->msg.nsegs && n < max; i++) {
                struct capnp_i_segment *s = i ? &o->frame->msg.segs[i - 1] : NULL;
                uint8_t *p = s ? (uint8_t *)s->base : o->bytes;
                size_t len = s ? (size_t)s->words * 8 : o->room;

                if (skip >= len) {
                        skip -= (uint32_t)len;
                        continue;
                }

                v[n++] = (struct iovec){p + skip, len - skip};
                skip = 0;
        }

        return n;
}

int capnp_rpc_out_peek(capnp_rpc *r, struct iovec *ret_v, unsigned max, const int **ret_fds,
                       unsigned *ret_nfds)
{
        struct capnp_i_list *l = r->outq.next;
        struct out *first = l == &r->outq ? NULL : CAPNP_I_OF(l, struct out, link);
        bool alone = first && first->fds.n;
        unsigned n = 0;

        if (ret_fds)
                *ret_fds = alone ? first->fds.v : NULL;
        if (ret_nfds)
                *ret_nfds = alone ? first->fds.n : 0;

        for (; l != &r->outq && n < max; l = l->next) {
                struct out *o = CAPNP_I_OF(l, struct out, link);

                if (o != first && (alone || o->fds.n))
                        break;

                n += out_pieces(o, ret_v + n, max - n);
        }

        return (int)n;
}

size_t capnp_i_rpc_out_one(const capnp_rpc *r, const void **ret_b)
{
        const struct capnp_i_list *l = r->outq.next;
        const struct out *o = CAPNP_I_OF(l, struct out, link);

        if (l == &r->outq || l->next != &r->outq || o->frame || o->fds.n)
                return 0;

        *ret_b = o->bytes + o->sent;
        return o->len - o->sent;
}

bool capnp_i_rpc_has_out(const capnp_rpc *r)
{
        return !capnp_i_list_empty(&r->outq);
}

bool capnp_i_rpc_has_much_out(const capnp_rpc *r)
{
        return r->out_bytes > OUT_BLOCK;
}

void capnp_rpc_out_sent(capnp_rpc *r, size_t bytes)
{
        assert(bytes <= r->out_bytes);
        if (r->out_bytes > r->most_out)
                r->most_out = r->out_bytes;
        r->out_bytes -= bytes;
        r->progress++;
        while (bytes) {
                struct out *o = CAPNP_I_OF(r->outq.next, struct out, link);
                size_t n = bytes < o->len - o->sent ? bytes : o->len - o->sent;

                if (o->fds.n)
                        capnp_i_fds_close(&o->fds);
                o->sent += (uint32_t)n;
                bytes -= n;
                if (o->sent == o->len)
                        out_free(r, o);
        }
        if (!r->out_bytes) /* whoever wrote much at once has got its answers */
                capnp_i_ids_ease(&r->answers);
}
