/*
 * Framing: where one message ends on a stream and the next begins.
 *
 * A message on a stream is a table of 32-bit words (the number of segments less one, then the size
 * of each segment in 8-byte words, then four bytes of padding if that is needed to end on a
 * multiple of 8) and then the segments (encoding specification, "serialization over a stream").
 *
 * Nothing here keeps state and nothing is allocated: whoever owns the stream asks again when more
 * bytes have come. A number of segments beyond the limit is refused when its four bytes are there,
 * before anybody waits for a table of up to 16 GiB. Sums are in 64 bits: 2^32 segments of 2^32
 * words are 2^67 bytes, but never more segments are added up than the limit allows, and the sum is
 * compared after each.
 */
#include "wire.h"

#include <string.h>

int capnp_i_frame_size(const uint8_t *b, size_t len, uint32_t max_segments, uint64_t max_bytes,
                       size_t *ret_header, uint64_t *ret_total)
{
        uint64_t nsegs, words = 0;
        size_t header;

        *ret_header = 8;
        *ret_total = 0;
        if (len < 4)
                return CAPNP_E_SHORT;

        nsegs = UINT64_C(1) + capnp_i_frame_u32(b);
        if (nsegs > max_segments)
                return CAPNP_E_LIMIT;

        header = capnp_i_frame_header(nsegs);
        *ret_header = header;
        if (len < header)
                return CAPNP_E_SHORT;

        for (uint64_t i = 0; i < nsegs; i++) {
                words += capnp_i_frame_u32(b + 4 + 4 * i);
                if (words > max_bytes / 8)
                        return CAPNP_E_LIMIT;
        }

        *ret_total = header + words * 8;
        return 0;
}

void capnp_i_frame_sizes(const uint8_t *b, uint32_t nsegs, uint32_t *sizes)
{
        memcpy(sizes, b + 4, 4 * (size_t)nsegs);
}

void capnp_i_frame_begin(uint8_t *b, uint32_t nsegs)
{
        uint32_t last = nsegs - 1;

        /* The padding, if any, is in the table's last four bytes. */
        memset(b + capnp_i_frame_header(nsegs) - 4, 0, 4);
        memcpy(b, &last, sizeof(last));
}

void capnp_i_frame_set(uint8_t *b, uint32_t i, uint32_t words)
{
        memcpy(b + 4 + 4 * (size_t)i, &words, sizeof(words));
}

size_t capnp_i_frame_table(uint8_t *b, const uint32_t *sizes, uint32_t nsegs)
{
        if (b) {
                capnp_i_frame_begin(b, nsegs);
                memcpy(b + 4, sizes, 4 * (size_t)nsegs);
        }

        return capnp_i_frame_header(nsegs);
}
