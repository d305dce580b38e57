/*
 * Any bytes as what a peer sends to a vat whose object does a bit of everything. Whatever they are,
 * the tables stay sound, our own side never fails, and nothing remains at the end.
 *
 * A second core is told the same and takes all calls the general way (rpc-plain.c): both say and
 * hold the same.
 *
 * The first word says how small the limits are, when they become smaller still, how the bytes are
 * cut, whether they go to where the core has a place for them, and what descriptors come with them;
 * the rest is the stream.
 * The corpus has whole conversations, made by record-rpc-feed.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "feed-target.h"
#include "rpc-internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OPTIONS = 8, MOST = 1 << 16 };

static const struct capnp_limits SMALL = {
        .message_bytes = 4096,
        .out_bytes = 4096,
        .held_bytes = 8192,
        .answers = 6,
        .refs = 6,
        .depth = 8,
        .segments = 4,
        .window_bytes = 256,
        .fds = 2,
};

/* What most messages are too long for. */
static const struct capnp_limits TINY = {
        .message_bytes = 128,
        .held_bytes = 4096,
        .segments = 1,
        .fds = 1,
};

/* The bytes of the frame at b, or all that there are when it is cut or senseless. */
static size_t frame_bytes(const uint8_t *b, size_t len)
{
        uint32_t n, words;
        uint64_t bytes;

        if (len < 8)
                return len;

        memcpy(&n, b, 4);
        if (n > 64 || len < ((uint64_t)n + 1) / 2 * 8 + 8)
                return len;

        bytes = ((uint64_t)n + 1) / 2 * 8 + 8;
        for (uint32_t i = 0; i <= n; i++) {
                memcpy(&words, b + 4 + 4 * (size_t)i, 4);
                bytes += (uint64_t)words * 8;
        }

        return bytes > len ? len : (size_t)bytes;
}

/* Takes out what is to be sent, as a peer that reads everything would; a sum of it. */
static uint64_t take_out(capnp_rpc *r)
{
        struct iovec v[4];
        uint64_t sum = 0;
        int n;

        while ((n = capnp_rpc_out_peek(r, v, 4, NULL, NULL)) > 0) {
                size_t sent = 0;

                for (int i = 0; i < n; i++) {
                        const uint8_t *b = v[i].iov_base;

                        for (size_t k = 0; k < v[i].iov_len; k++)
                                sum = (sum ^ b[k]) * UINT64_C(0x100000001b3);
                        sent += v[i].iov_len;
                }
                capnp_rpc_out_sent(r, sent);
        }

        return sum;
}

/* How small the limits are, when they become smaller, how the bytes are cut, what comes with them.
 */
struct options {
        bool small, unread, placed;
        uint8_t cut, tiny_at, fds;
};

/* A core that is fed; what it has said so far. */
struct fed {
        struct feed_target t;
        uint64_t said;
        int r;
};

/* place: where the core wants them, or NULL. */
static void feed_piece(struct fed *f, const struct options *o, uint8_t *place, const uint8_t *b,
                       size_t len)
{
        uint8_t *exact = place ? NULL : malloc(len); /* a sanitizer sees what lies behind it */

        if (!place && !exact)
                abort();
        memcpy(place ? place : exact, b, len);
        f->r = feed_target_feed(&f->t, place ? place : exact, len, o->fds);
        free(exact);
        if (!o->unread)
                f->said = f->said * 31 + take_out(f->t.r);
}

/* Two that have been told the same have said the same, and hold the same. */
static void compare(const struct fed *a, const struct fed *b)
{
        struct capnp_rpc_counts n, m;

        if (a->r != b->r)
                abort();
        if (a->r)
                return; /* in which order the tables of a closed one are emptied is nobody's affair
                         */

        capnp_rpc_count(a->t.r, &n);
        capnp_rpc_count(b->t.r, &m);
        if (a->said != b->said || n.questions != m.questions || n.answers != m.answers ||
            n.exports != m.exports || n.imports != m.imports || n.held_bytes != m.held_bytes ||
            n.out_bytes != m.out_bytes || n.calls_in != m.calls_in)
                abort();
}

/* twin: another core that takes every call the general way (rpc-plain.c), and bytes from anywhere;
 * or NULL. */
static void play(struct fed *f, struct fed *twin, const struct options *o, const uint8_t *data,
                 size_t size)
{
        unsigned pieces = 0;
        uint8_t *place;
        size_t room;

        for (size_t at = 0, len; at < size && !f->r; at += len) {
                len = o->cut ? o->cut : frame_bytes(data + at, size - at);
                if (len > size - at)
                        len = size - at;
                place = o->placed ? capnp_rpc_feed_place(f->t.r, &room) : NULL;
                if (place && len > room)
                        len = room;
                if (o->tiny_at && ++pieces == o->tiny_at) {
                        capnp_rpc_set_limits(f->t.r, &TINY);
                        if (twin)
                                capnp_rpc_set_limits(twin->t.r, &TINY);
                }
                feed_piece(f, o, place, data + at, len);
                if (!twin)
                        continue;
                capnp_i_plain_forget(twin->t.r);
                feed_piece(twin, o, NULL, data + at, len);
                compare(f, twin);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct fed f = {.r = 0}, twin = {.r = 0};
        struct options o;

        if (size < OPTIONS || size > MOST)
                return 0;

        o = (struct options){.small = data[0] & 1,
                             .unread = data[0] & 2,
                             .placed = data[0] & 4,
                             .cut = data[1],
                             .tiny_at = data[2],
                             .fds = data[3] & 3};
        feed_target_init(&f.t, o.small ? &SMALL : NULL);
        if (!o.fds) /* which each would have a number of its own of */
                feed_target_init(&twin.t, o.small ? &SMALL : NULL);
        play(&f, o.fds ? NULL : &twin, &o, data + OPTIONS, size - OPTIONS);
        if (!o.fds)
                feed_target_deinit(&twin.t);
        feed_target_deinit(&f.t);
        return 0;
}
