/*
 * Bytes in: a stream cut into messages, and which descriptors belong to which of them.
 *
 * Frames may be cut anywhere on their way in. What has come of an incomplete one is kept where it
 * will stay, when it is long: in the block of its frame. That block has room for more, which is
 * where whoever reads may put the next bytes (capnp_rpc_feed_place()): then nobody copies them. The
 * room grows with what has come, not with what was announced, and a page of it that nothing has
 * come to is not touched. Of a message that is too long only the front is kept (rpc-skip.c).
 *
 * The kernel hands out descriptors with the first byte of the message they were sent with, and ends
 * the read there. So those that one feed brings belong to the message that is incomplete when its
 * bytes are used up, or else to the last one in it, and they are bound to that message at once: a
 * message of many reads keeps its own while those that follow get theirs.
 *
 * Feeding stops behind the last call of a turn (rpc-turn.c). What is left is kept as it came.
 */
#include "rpc-message.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire.h"

/* What is kept of a message that is too long, its segment table among it; an Abort that is. */
enum { HEAD_KEEP = 16 * 1024, ABORT_BYTES = 64 * 1024 };

/* The room for a long message: so much at first, a payload of 64 KiB above all; and once it is
 * known to be no Abort, so many times what has come. */
enum { ROOM_FIRST = 68 * 1024, ROOM_TIMES = 16 };

/* The segment table of a frame of one segment, and a length of which no kind is too long. */
enum { ONE_HEADER = 8, SMALL_WORDS_IN = 1024 };

/* What is left of the bytes of one feed, and the descriptors nobody has got yet. */
struct input {
        const uint8_t *b;
        size_t len;
        const int *fds;
        unsigned nfds;
};

/* What is known of the frame at the front of the stream. */
struct measure {
        size_t header;  /* bytes of its segment table, as far as that is known */
        uint64_t total; /* bytes of all of it; 0: the table is not complete */
        bool is_long;   /* more than the limits allow */
};

/* ---- descriptors ---------------------------------------------------------------------------- */

static void feed_close_fds(struct input *in)
{
        while (in->nfds)
                close(in->fds[--in->nfds]);
}

/* To f goes what has come with its bytes. More than a message may have is closed. */
static void feed_take_fds(struct input *in, struct fds *f, unsigned most)
{
        for (unsigned i = 0; i < in->nfds; i++) {
                if (f->n < most)
                        f->v[f->n++] = in->fds[i];
                else
                        close(in->fds[i]);
        }
        in->nfds = 0;
}

/* To the message that the last byte belongs to. */
static void feed_bind_fds(capnp_rpc *r, struct input *in)
{
        if (!in->len && in->nfds)
                feed_take_fds(in, &r->fds_open, capnp_i_rpc_fds_in(r));
}

/* ---- frames --------------------------------------------------------------------------------- */

/* A message is complete, of so many bytes, and what it brought is bound to it. */
static inline int feed_take(capnp_rpc *r, struct frame *f, size_t bytes)
{
        int k;

        if (bytes > r->longest)
                r->longest = bytes;
        if (r->trace)
                r->trace(r->trace_arg, true, &f->msg);
        if (r->fds_open.n) {
                r->fds_now = r->fds_open;
                r->fds_open.n = 0;
        }
        k = capnp_i_in_message(r, f);
        if (r->fds_now.n)
                capnp_i_fds_close(&r->fds_now);
        capnp_i_frame_unref(f);
        return k ? k : r->closed;
}

static int feed_frame(capnp_rpc *r, const uint8_t *b, size_t len)
{
        struct frame *f;
        int k;

        f = capnp_i_frame_new_received(r->vat, b, len, &r->limits, &k);
        if (!f)
                return k == -ENOMEM ? capnp_i_rpc_starve(r, true)
                                    : capnp_i_rpc_violation(r, "a message is malformed");

        return feed_take(r, f, len - capnp_i_frame_header(f->msg.nsegs));
}

/* Whether it is an Abort, as far as every implementation writes one. */
static bool feed_is_abort(const uint8_t *b, size_t len, size_t header)
{
        uint64_t root, off;

        if (len < header + 8)
                return false;

        memcpy(&root, b + header, 8);
        off = header + 8 + (uint64_t)((uint32_t)root >> 2) * 8;
        return !(root & 3) && off + 8 <= len &&
               rpc_message_which((rpc_message_reader){
                       capnp_i_at_word(b + off, RPC_MESSAGE_WORDS)}) == RPC_MESSAGE_ABORT;
}

/* How every TLS client begins; as the table of a frame that is more segments than there may be. */
static bool feed_is_tls(const uint8_t *b, size_t len)
{
        return len >= 2 && b[0] == 0x16 && b[1] == 3;
}

/* Whatever the limits, a table larger than any implementation's is no message. */
static int feed_measure(capnp_rpc *r, const uint8_t *b, size_t len, struct measure *ret_m)
{
        int k = capnp_i_frame_size(b, len, CAPNP_I_MAX_SEGMENTS, UINT64_MAX, &ret_m->header,
                                   &ret_m->total);

        ret_m->is_long = false;
        if (k == CAPNP_E_LIMIT)
                return capnp_i_rpc_violation(r, feed_is_tls(b, len)
                                                        ? "this port speaks plain Cap'n Proto RPC, "
                                                          "and not TLS"
                                                        : "a message has too many segments");

        if (k)
                return 0;

        if (ret_m->total - ret_m->header > r->limits.message_bytes)
                ret_m->is_long = true;
        else if (ret_m->header > 8) /* more than one segment */
                ret_m->is_long = capnp_i_frame_segments(b) > r->limits.segments;
        if (ret_m->total > ABORT_BYTES && len >= HEAD_KEEP)
                ret_m->is_long |= feed_is_abort(b, len, ret_m->header);
        return 0;
}

static void rest_drop(capnp_rpc *r)
{
        if (r->rest.b && r->limits.wipe)
                explicit_bzero(r->rest.b, r->rest.len);
        free(r->rest.b);
        capnp_i_fds_close(&r->rest.fds);
        r->rest = (struct rest){0};
}

/* The buffer goes, wiped where the program asks for that. */
static void feed_free(capnp_rpc *r)
{
        if (r->in && r->limits.wipe)
                explicit_bzero(r->in, r->in_room);
        capnp_i_frame_bytes_free(r->in);
        r->in = NULL;
        r->in_room = 0;
}

void capnp_i_feed_deinit(capnp_rpc *r)
{
        rest_drop(r);
        feed_free(r);
}

/* Room for so many bytes of a message that has so many in all, as far as that is known. */
static bool feed_grow(capnp_rpc *r, size_t need, uint64_t total)
{
        uint64_t room = need > HEAD_KEEP ? (uint64_t)need * ROOM_TIMES : ROOM_FIRST;
        uint8_t *in;

        if (room > total)
                room = total > need ? total : need;
        if (room < IN_KEEP)
                room = IN_KEEP;

        if (!r->in_len)
                feed_free(r);
        in = capnp_i_frame_bytes_grow(r->limits.wipe ? NULL : r->in, (size_t)room);
        if (!in)
                return false;

        if (r->limits.wipe) { /* realloc() would leave behind what it has copied */
                if (r->in_len)
                        memcpy(in, r->in, r->in_len);
                feed_free(r);
        }
        r->in = in;
        r->in_room = (size_t)room;
        return true;
}

static int feed_room(capnp_rpc *r, size_t need, uint64_t total)
{
        return need <= r->in_room || feed_grow(r, need, total) ? 0 : capnp_i_rpc_starve(r, true);
}

static void feed_empty(capnp_rpc *r)
{
        if (r->limits.wipe)
                explicit_bzero(r->in, r->in_len);
        r->in_len = 0;
        if (r->in_room > IN_KEEP)
                feed_free(r);
}

/* A long frame is where it will stay. */
static int feed_adopt(capnp_rpc *r)
{
        size_t len = r->in_len;
        struct frame *f = capnp_i_frame_new_around(r->vat, r->in, len, &r->limits);

        if (!f)
                return capnp_i_rpc_starve(r, true);

        r->in = NULL;
        r->in_len = r->in_room = 0;
        return feed_take(r, f, len - capnp_i_frame_header(f->msg.nsegs));
}

/* The incomplete frame is complete. */
static int feed_complete(capnp_rpc *r, struct input *in)
{
        int k;

        feed_bind_fds(r, in);
        if (r->in_len > IN_KEEP)
                return feed_adopt(r);

        k = feed_frame(r, r->in, r->in_len);
        feed_empty(r);
        return k;
}

/* How much of an incomplete frame is taken before it is looked at again. */
static uint64_t feed_wants(const capnp_rpc *r, const struct measure *m)
{
        if (m->total > ABORT_BYTES && r->in_len < HEAD_KEEP)
                return HEAD_KEEP;

        return m->total ? m->total : m->header;
}

/* Takes the next bytes of an incomplete frame, as many as it wants. They may be there already. */
static int feed_store(capnp_rpc *r, struct input *in, const struct measure *m)
{
        uint64_t want = feed_wants(r, m);
        size_t n = want > r->in_len ? (size_t)(want - r->in_len) : 0;
        int k;

        n = n < in->len ? n : in->len;
        k = feed_room(r, r->in_len + n, m->total ? m->total : m->header);
        if (k)
                return k;

        if (in->b != r->in + r->in_len)
                memcpy(r->in + r->in_len, in->b, n);
        r->in_len += n;
        in->b += n;
        in->len -= n;
        return 0;
}

/* Its segment table says that it is too long, be it because the limits have become smaller. */
static int feed_skip_begin(capnp_rpc *r, const struct input *in, const struct measure *m)
{
        size_t keep = m->total < HEAD_KEEP ? (size_t)m->total : HEAD_KEEP;
        int k;

        /* What comes lies there, where the limits were others when its place was asked for. */
        if (r->in && in->b == r->in + r->in_len && keep > r->in_room)
                keep = r->in_room;
        k = feed_room(r, keep, keep);
        return k ? k : capnp_i_skip_begin(r, m->total, keep);
}

/* Goes on with an incomplete frame. Its segment table may be all there is. */
static int feed_fill(capnp_rpc *r, struct input *in)
{
        struct measure m;
        int k;

        do {
                k = feed_measure(r, r->in, r->in_len, &m);
                if (k)
                        return k;

                if (m.is_long)
                        return feed_skip_begin(r, in, &m);

                k = feed_store(r, in, &m);
        } while (!k && !m.total && r->in_len == m.header);
        return !k && m.total && r->in_len == m.total ? feed_complete(r, in) : k;
}

/* The next message is all here and small enough: it is read from where it lies. */
static int feed_whole(capnp_rpc *r, struct input *in, const struct measure *m)
{
        const uint8_t *b = in->b;

        in->b += m->total;
        in->len -= (size_t)m->total;
        feed_bind_fds(r, in);
        return feed_frame(r, b, (size_t)m->total);
}

static int feed_skip(capnp_rpc *r, struct input *in)
{
        size_t used = 0;
        int k = capnp_i_skip_feed(r, in->b, in->len, &used);

        in->b += used;
        in->len -= used;
        if (k || r->skip.total)
                return k;

        feed_bind_fds(r, in);
        capnp_i_fds_close(&r->fds_open);
        feed_empty(r);
        return 0;
}

/* Of a frame of one short segment that is all here, as nearly every one is: its words. 0: it is
 * none, or there are descriptors to be bound. */
static inline uint32_t feed_small(const capnp_rpc *r, const struct input *in)
{
        uint32_t words;

        if (in->len <= ONE_HEADER || capnp_i_frame_segments(in->b) != 1 || in->nfds)
                return 0;

        words = capnp_i_frame_words(in->b, 0);
        return words <= SMALL_WORDS_IN && ONE_HEADER + words * 8u <= in->len &&
                               words * 8u <= r->limits.message_bytes
                       ? words
                       : 0;
}

static inline int feed_one(capnp_rpc *r, struct input *in, uint32_t words)
{
        const uint8_t *b = in->b + ONE_HEADER;
        struct frame *f;

        in->b += ONE_HEADER + words * 8;
        in->len -= ONE_HEADER + words * 8;
        if (!r->trace && capnp_i_plain_message(r, b, words))
                return r->closed;

        f = capnp_i_frame_new_one(r->vat, b, words, &r->limits);
        return f ? feed_take(r, f, words * 8) : capnp_i_rpc_starve(r, true);
}

__attribute__((noinline)) static int feed_any(capnp_rpc *r, struct input *in)
{
        struct measure m;
        int k;

        if (r->skip.total)
                return feed_skip(r, in);

        if (r->in_len)
                return feed_fill(r, in);

        k = feed_measure(r, in->b, in->len, &m);
        if (k)
                return k;

        if (m.total && !m.is_long && m.total <= in->len)
                return feed_whole(r, in, &m);

        /* The first of it goes into the block that is long enough for more. */
        if (m.total > IN_KEEP && !m.is_long && feed_room(r, IN_KEEP + 1, m.total))
                return -ENOMEM;

        return feed_fill(r, in);
}

static inline int feed_next(capnp_rpc *r, struct input *in)
{
        uint32_t words = r->skip.total || r->in_len ? 0 : feed_small(r, in);

        return words ? feed_one(r, in, words) : feed_any(r, in);
}

/* The peer has closed its side. */
static void feed_end(capnp_rpc *r)
{
        if (r->in_len || r->skip.total)
                capnp_i_rpc_lost(r, "the peer closed the connection inside a message");
        else
                capnp_i_rpc_break(
                        r, CAPNP_END_CLOSED, CAPNP_E_DISCONNECTED,
                        (capnp_exception){CAPNP_DISCONNECTED, "the peer closed the connection"},
                        false);
}

/* Until all is used up, or the turn is over, or so many messages have been taken. */
static int feed_run(capnp_rpc *r, struct input *in, unsigned most)
{
        int k = 0;

        while (!k && in->len && r->calls_in < r->calls_stop && most-- > 0)
                k = feed_next(r, in);
        if (!k)
                feed_bind_fds(r, in);
        return k;
}

/* ---- whoever reads -------------------------------------------------------------------------- */

bool capnp_i_rpc_flows(const capnp_rpc *r)
{
        const struct capnp_limits *l = &r->limits;

        return !r->closed && !r->in_len && !r->rest.b && !l->turn && !l->rate && !l->wipe &&
               (!l->fds || l->fds_out_only) && r->out_replies <= l->out_bytes &&
               r->out_notes <= l->out_bytes && r->held_for[FOR_PARAMS] <= l->held_bytes;
}

/* ---- where the next bytes may go ------------------------------------------------------------ */

/* Where half of the room is used up there is more, if the message has more. */
__attribute__((noinline)) static struct capnp_i_place feed_place(capnp_rpc *r)
{
        struct capnp_i_place p = {0};
        uint64_t total, end;
        size_t header;

        if (r->skip.total || r->rest.b || r->closed ||
            capnp_i_frame_size(r->in, r->in_len, r->limits.segments, r->limits.message_bytes,
                               &header, &total) ||
            total <= IN_KEEP)
                return p;

        if (r->in_room < total && r->in_room / 2 <= r->in_len)
                (void)feed_grow(r, r->in_len + 1, total);

        end = total < r->in_room ? total : r->in_room;
        if (end > r->in_len)
                p = (struct capnp_i_place){r->in + r->in_len, (size_t)end - r->in_len, total,
                                           end == total};
        return p;
}

struct capnp_i_place capnp_i_rpc_place(capnp_rpc *r)
{
        return r->in_len ? feed_place(r) : (struct capnp_i_place){0};
}

void *capnp_rpc_feed_place(capnp_rpc *r, size_t *ret_len)
{
        struct capnp_i_place p = capnp_i_rpc_place(r);

        *ret_len = p.len;
        return p.b;
}

/* ---- what is left of a turn ----------------------------------------------------------------- */

/* Keeps all of it, behind what is there already. */
static int rest_keep(capnp_rpc *r, struct input *in)
{
        size_t left = r->rest.len - r->rest.at;
        uint8_t *b = malloc(left + in->len);
        struct fds fds = r->rest.fds;

        if (!b)
                return capnp_i_rpc_starve(r, true);

        if (left)
                memcpy(b, r->rest.b + r->rest.at, left);
        memcpy(b + left, in->b, in->len);
        feed_take_fds(in, &fds, capnp_i_rpc_fds_in(r));
        r->rest.fds.n = 0;
        rest_drop(r);
        r->rest = (struct rest){.b = b, .len = left + in->len, .fds = fds};
        in->len = 0;
        return 0;
}

int capnp_i_feed_rest(capnp_rpc *r)
{
        struct rest *t = &r->rest;
        struct fds fds = t->fds;
        struct input in = {t->b + t->at, t->len - t->at, fds.v, fds.n};
        bool ended;
        int k;

        capnp_i_rpc_ref(r);
        t->fds.n = 0;
        k = feed_run(r, &in, UINT_MAX);
        if (!k && in.len) {
                t->at = t->len - in.len;
                t->fds = fds;
        } else if (!k) {
                ended = t->ended;
                rest_drop(r);
                if (ended)
                        feed_end(r);
                k = r->closed;
        } else {
                feed_close_fds(&in);
                rest_drop(r);
        }
        capnp_i_rpc_unref(r);
        return k;
}

__attribute__((always_inline)) static inline int feed_input(capnp_rpc *r, struct input *in,
                                                            unsigned most)
{
        int k = r->closed;

        capnp_i_vat_acts(r->vat);
        capnp_i_rpc_ref(r);
        if (!k && !r->rest.b)
                k = feed_run(r, in, most);
        if (!k && in->len && (r->rest.b || r->calls_in >= r->calls_stop))
                k = rest_keep(r, in);
        feed_close_fds(in);
        capnp_i_rpc_unref(r);
        return k;
}

int capnp_rpc_feed(capnp_rpc *r, const void *b, size_t len, const int *fds, unsigned nfds)
{
        struct input in = {b, len, fds, nfds};

        if (!len && !r->closed && r->rest.b)
                r->rest.ended = true;
        else if (!len && !r->closed)
                feed_end(r);
        return feed_input(r, &in, UINT_MAX);
}

int capnp_i_rpc_feed_some(capnp_rpc *r, const void *b, size_t len, unsigned most, size_t *ret_left)
{
        struct input in = {.b = b, .len = len};
        int k = feed_input(r, &in, most);

        *ret_left = k ? 0 : in.len;
        return k;
}
