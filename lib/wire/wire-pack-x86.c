/*
 * Packing on x86-64, with one shuffle for each word (SSSE3, which is asked for at run time).
 *
 * A shuffle takes eight numbers, each saying which input byte goes to that place, or 0x80 for a
 * zero. They follow from the tag, and are put together from its two halves by tables of 16.
 *
 * Each round writes up to PACK_MOST bytes and reads as many, whatever it needs of them; so both
 * loops end a little before the input or the output does.
 */
#include "wire-pack.h"

#include <tmmintrin.h>

/* Set bits of a half tag. */
static const uint8_t pack_count[16] = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};

/* Their positions, lowest first, one in each byte. */
static const uint32_t pack_gather[16] = {
        0x00000000, 0x00000000, 0x00000001, 0x00000100, 0x00000002, 0x00000200,
        0x00000201, 0x00020100, 0x00000003, 0x00000300, 0x00000301, 0x00030100,
        0x00000302, 0x00030200, 0x00030201, 0x03020100,
};

/* For each bit its rank among the set ones, or 0x80. */
static const uint32_t pack_scatter[16] = {
        0x80808080, 0x80808000, 0x80800080, 0x80800100, 0x80008080, 0x80018000,
        0x80010080, 0x80020100, 0x00808080, 0x01808000, 0x01800080, 0x02800100,
        0x01008080, 0x02018000, 0x02010080, 0x03020100,
};

static inline unsigned pack_bits(unsigned tag)
{
        return pack_count[tag & 15] + (unsigned)pack_count[tag >> 4];
}

__attribute__((target("ssse3"))) static inline uint64_t pack_shuffle(uint64_t w, uint64_t how)
{
        return (uint64_t)_mm_cvtsi128_si64(
                _mm_shuffle_epi8(_mm_cvtsi64_si128((int64_t)w), _mm_cvtsi64_si128((int64_t)how)));
}

static inline unsigned pack_tag(uint64_t w)
{
        __m128i zero = _mm_cmpeq_epi8(_mm_cvtsi64_si128((int64_t)w), _mm_setzero_si128());

        return ~(unsigned)_mm_movemask_epi8(zero) & 0xff;
}

static inline void pack_store(uint8_t *p, uint64_t w)
{
        memcpy(p, &w, sizeof(w));
}

/* The bytes of w that tag names, moved together. */
__attribute__((target("ssse3"))) static inline uint64_t pack_together(uint64_t w, unsigned tag)
{
        uint64_t high = pack_gather[tag >> 4] + UINT64_C(0x04040404);

        return pack_shuffle(w, pack_gather[tag & 15] | high << (8 * pack_count[tag & 15]));
}

/* The other way: the bytes of w to where tag says. */
__attribute__((target("ssse3"))) static inline uint64_t pack_apart(uint64_t w, unsigned tag)
{
        uint32_t high = pack_scatter[tag >> 4] + pack_count[tag & 15] * UINT32_C(0x01010101);

        return pack_shuffle(w, pack_scatter[tag & 15] | (uint64_t)high << 32);
}

/* The cursor is kept in locals: a store of bytes could change anything else, for all C knows. */
__attribute__((target("ssse3"))) static void pack_words(struct pack_cursor *c)
{
        const uint8_t *in = c->in, *end = c->in_end;
        uint8_t *out = c->out, *out_end = c->out_end;

        while (end - in >= PACK_WORD && out_end - out >= PACK_MOST) {
                uint64_t w = pack_load(in);
                unsigned tag = pack_tag(w);
                size_t run;

                out[0] = (uint8_t)tag;
                if (tag == 0) {
                        run = pack_zeros(in + PACK_WORD, end);
                        out[1] = (uint8_t)run;
                        out += 2;
                        in += PACK_WORD * (run + 1);
                } else if (tag == 0xff) {
                        run = pack_plains(in + PACK_WORD, end);
                        if ((size_t)(out_end - out) < PACK_MOST + run * PACK_WORD)
                                break;
                        pack_store(out + 1, w);
                        out[9] = (uint8_t)run;
                        if (run)
                                memcpy(out + PACK_MOST, in + PACK_WORD, run * PACK_WORD);
                        out += PACK_MOST + run * PACK_WORD;
                        in += PACK_WORD * (run + 1);
                } else {
                        pack_store(out + 1, pack_together(w, tag));
                        out += 1 + pack_bits(tag);
                        in += PACK_WORD;
                }
        }

        c->in = in;
        c->out = out;
}

__attribute__((target("ssse3"))) static void unpack_words(struct pack_cursor *c)
{
        const uint8_t *in = c->in, *end = c->in_end;
        uint8_t *out = c->out, *out_end = c->out_end;

        while (end - in >= PACK_MOST && out_end - out >= PACK_WORD) {
                uint64_t w = pack_load(in + 1);
                size_t bytes, room = (size_t)(out_end - out) - PACK_WORD;
                unsigned tag = in[0];

                if (tag == 0) {
                        bytes = in[1] * (size_t)PACK_WORD;
                        if (bytes > room)
                                break;
                        pack_store(out, 0);
                        if (bytes)
                                memset(out + PACK_WORD, 0, bytes);
                        in += 2;
                        out += PACK_WORD + bytes;
                } else if (tag == 0xff) {
                        bytes = in[9] * (size_t)PACK_WORD;
                        if (bytes > room || bytes > (size_t)(end - in) - PACK_MOST)
                                break;
                        pack_store(out, w);
                        if (bytes)
                                memcpy(out + PACK_WORD, in + PACK_MOST, bytes);
                        in += PACK_MOST + bytes;
                        out += PACK_WORD + bytes;
                } else {
                        pack_store(out, pack_apart(w, tag));
                        in += 1 + pack_bits(tag);
                        out += PACK_WORD;
                }
        }

        c->in = in;
        c->out = out;
}

void capnp_i_pack_fast(struct pack_cursor *c)
{
        if (__builtin_cpu_supports("ssse3"))
                pack_words(c);
}

void capnp_i_unpack_fast(struct pack_cursor *c)
{
        if (__builtin_cpu_supports("ssse3"))
                unpack_words(c);
}
