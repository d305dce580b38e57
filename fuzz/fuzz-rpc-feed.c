/*
 * Any bytes as what a peer sends to a vat whose object does a bit of everything. Whatever they are,
 * the tables stay sound, our own side never fails, and nothing remains at the end.
 *
 * The first word says how small the limits are, when they become smaller still, how the bytes are
 * cut and what descriptors come with them; the rest is the stream.
 * The corpus has whole conversations, made by record-rpc-feed.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "feed-target.h"

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

/* Takes out what is to be sent, as a peer that reads everything would. */
static void take_out(capnp_rpc *r)
{
        struct iovec v[4];
        int n;

        while ((n = capnp_rpc_out_peek(r, v, 4, NULL, NULL)) > 0) {
                size_t sent = 0;

                for (int i = 0; i < n; i++)
                        sent += v[i].iov_len;
                capnp_rpc_out_sent(r, sent);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct feed_target t;
        unsigned pieces = 0;
        size_t cut;
        int r = 0;

        if (size < OPTIONS || size > MOST)
                return 0;

        cut = data[1];
        feed_target_init(&t, data[0] & 1 ? &SMALL : NULL);
        for (size_t at = OPTIONS; at < size && !r;) {
                size_t len = cut ? cut : frame_bytes(data + at, size - at);
                uint8_t *exact;

                if (len > size - at)
                        len = size - at;
                exact = malloc(len); /* so that a sanitizer sees what lies behind it */
                if (!exact)
                        abort();
                memcpy(exact, data + at, len);
                if (data[2] && ++pieces == data[2])
                        capnp_rpc_set_limits(t.r, &TINY);
                r = feed_target_feed(&t, exact, len, data[3] & 3);
                free(exact);
                at += len;
                if (!(data[0] & 2))
                        take_out(t.r);
        }

        feed_target_deinit(&t);
        return 0;
}
