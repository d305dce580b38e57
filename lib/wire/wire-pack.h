/* Packing, the parts that a processor may do faster. Private to lib/wire. */
#ifndef CAPNP_WIRE_PACK_H
#define CAPNP_WIRE_PACK_H

#include <capos/capnp-base.h>

#include <string.h>

enum { PACK_WORD = 8, PACK_RUN = 255, PACK_MOST = 10 }; /* PACK_MOST: tag, eight bytes, count */

/* Input and output, and where each ends. */
struct pack_cursor {
        const uint8_t *in, *in_end;
        uint8_t *out, *out_end;
};

/*
 * Pack or unpack as far as they like, in whole words or runs, and move the cursor; doing nothing is
 * allowed. What is near the end of input or output, and what is wrong, they leave to the caller.
 */
void capnp_i_pack_fast(struct pack_cursor *c);
void capnp_i_unpack_fast(struct pack_cursor *c);

static inline uint64_t pack_load(const uint8_t *p)
{
        uint64_t w;

        memcpy(&w, p, sizeof(w));
        return w;
}

#define PACK_LOW UINT64_C(0x0101010101010101)

/* A 1 in each byte that is not zero. */
static inline uint64_t pack_set(uint64_t w)
{
        uint64_t low7 = PACK_LOW * 0x7f;

        return ((((w & low7) + low7) | w) >> 7) & PACK_LOW;
}

/* How many words from in on are zero; at most 255. */
static inline size_t pack_zeros(const uint8_t *in, const uint8_t *end)
{
        size_t left = (size_t)(end - in) / PACK_WORD, n = 0;

        while (n < left && n < PACK_RUN && pack_load(in + n * PACK_WORD) == 0)
                n++;

        return n;
}

/* How many words from in on have less than two zero bytes; at most 255. */
static inline size_t pack_plains(const uint8_t *in, const uint8_t *end)
{
        size_t left = (size_t)(end - in) / PACK_WORD, n = 0;

        /* The multiplication adds all bytes up in the highest. */
        while (n < left && n < PACK_RUN &&
               (pack_set(pack_load(in + n * PACK_WORD)) * PACK_LOW) >> 56 >= 7)
                n++;

        return n;
}

#endif
