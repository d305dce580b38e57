/* Framing: a stream of bytes cut into messages, and the segment table (encoding spec, streams). */
#ifndef CAPNP_WIRE_H
#define CAPNP_WIRE_H

#include <capos/capnp-base.h>
#include <string.h>

/* Hostile sizes are refused before memory is taken. */
enum { CAPNP_I_MAX_SEGMENTS = 511 };

/*
 * Looks at the front of a stream. It says how long the first frame is as soon as its segment table
 * is there.
 * b[len]: the stream so far. max_segments, max_bytes: limits; max_bytes counts the segments, not
 * the table.
 * ret_header: bytes of the segment table with padding. ret_total: bytes of the whole frame.
 * 0; CAPNP_E_SHORT: the table is not complete (ret_header says how many bytes are needed to go on,
 * ret_total is 0); CAPNP_E_LIMIT: too many segments or too large.
 */
int capnp_i_frame_size(const uint8_t *b, size_t len, uint32_t max_segments, uint64_t max_bytes,
                       size_t *ret_header, uint64_t *ret_total) CAPNP_MUST_USE;

/* Sizes are unaligned, and stored as this machine has them. */
static inline uint32_t capnp_i_frame_u32(const uint8_t *b)
{
        uint32_t n;

        memcpy(&n, b, sizeof(n));
        return n;
}

/* Number of segments, and each one's words, from a complete table. sizes has room for nsegs. */
static inline uint32_t capnp_i_frame_segments(const uint8_t *b)
{
        return capnp_i_frame_u32(b) + 1;
}

void capnp_i_frame_sizes(const uint8_t *b, uint32_t nsegs, uint32_t *sizes);

/* Words of segment i, from a complete table of more than i segments. */
static inline uint32_t capnp_i_frame_words(const uint8_t *b, uint32_t i)
{
        return capnp_i_frame_u32(b + 4 + 4 * (size_t)i);
}

/* Bytes of a table: a count, n sizes, padded to words. */
static inline size_t capnp_i_frame_header(uint64_t nsegs)
{
        return (size_t)((4 + 4 * nsegs + 7) & ~UINT64_C(7));
}

/* Writes a table for nsegs sizes; returns its bytes (multiple of 8). b may be NULL to measure. */
size_t capnp_i_frame_table(uint8_t *b, const uint32_t *sizes, uint32_t nsegs);

/* That of a frame of one segment: 8 bytes. */
static inline void capnp_i_frame_table_one(uint8_t *b, uint32_t words)
{
        uint64_t table = (uint64_t)words << 32;

        memcpy(b, &table, sizeof(table));
}

/* A table in steps: the count and the padding, then each size. */
void capnp_i_frame_begin(uint8_t *b, uint32_t nsegs);
void capnp_i_frame_set(uint8_t *b, uint32_t i, uint32_t words);

#endif
