/*
 * Packing: words with their zero bytes taken out (encoding specification, "packing").
 *
 * Each word becomes a tag byte, bit i of it saying whether byte i of the word is not zero, and
 * then those bytes. Two tags have a count behind them: after 0x00 comes how many more zero words
 * follow; after 0xff (and its eight bytes) how many words follow as they are. How long such a run
 * of plain words is the packer may choose; this one ends it before the first word with two or more
 * zero bytes, as the reference does, so that both write the same bytes.
 *
 * Both directions go forward once over the input and write only what was checked to fit. A NULL
 * output measures: the same code counts and does not write. What is here handles everything; most
 * words never come here where wire-pack-x86.c is built in.
 */
#include "wire-pack.h"

#include <capos/capnp-msg.h>

/* Bit i: byte i of the word is not zero. */
static unsigned pack_tag(uint64_t w)
{
        /* The multiplication moves bit 8i to bit 56 + i; no two products meet below that. */
        return (unsigned)((pack_set(w) * UINT64_C(0x0102040810204080)) >> 56);
}

/* The tag and the bytes of one word, without a count. b has room for PACK_MOST. */
static size_t pack_word(uint8_t *b, uint64_t w, unsigned tag)
{
        size_t n = 1;

        b[0] = (uint8_t)tag;
        for (unsigned i = 0; i < 8; i++) {
                b[n] = (uint8_t)(w >> (8 * i));
                n += (tag >> i) & 1;
        }

        return n;
}

/* One word with the run behind it. o NULL: measures. 0; CAPNP_E_LIMIT. */
static int pack_step(const uint8_t **p, const uint8_t *end, uint8_t *o, size_t room,
                     size_t *ret_len)
{
        uint64_t w = pack_load(*p);
        unsigned tag = pack_tag(w);
        uint8_t b[PACK_MOST];
        size_t n = pack_word(b, w, tag), run = 0, plain = 0;

        *p += PACK_WORD;
        if (tag == 0)
                run = pack_zeros(*p, end);
        if (tag == 0xff)
                run = pack_plains(*p, end);
        if (tag == 0 || tag == 0xff)
                b[n++] = (uint8_t)run;
        if (tag == 0xff)
                plain = run * PACK_WORD;

        if (o && n + plain > room)
                return CAPNP_E_LIMIT;

        if (o)
                memcpy(o, b, n);
        if (o && plain)
                memcpy(o + n, *p, plain);
        *p += run * PACK_WORD;
        *ret_len = n + plain;
        return 0;
}

int capnp_pack(const void *in, size_t len, void *out, size_t room, size_t *ret_len)
{
        const uint8_t *p = in, *end = len ? p + len : p;
        uint8_t *o = out;
        size_t used = 0, n;
        int r;

        if (len % PACK_WORD)
                return CAPNP_E_POISON;

        if (o && len && room) {
                struct pack_cursor c = {p, end, o, o + room};

                capnp_i_pack_fast(&c);
                p = c.in;
                used = (size_t)(c.out - o);
        }

        while (p < end) {
                r = pack_step(&p, end, o ? o + used : NULL, room - used, &n);
                if (r)
                        return r;

                used += n;
        }

        *ret_len = used;
        return 0;
}

/* One word from its tag and the bytes at in; at least eight of them are readable. */
static uint64_t unpack_word(const uint8_t *in, unsigned tag)
{
        uint64_t w = 0;

        for (unsigned i = 0; i < 8; i++) {
                unsigned bit = (tag >> i) & 1;

                w |= (uint64_t)(*in & (0u - bit)) << (8 * i);
                in += bit;
        }

        return w;
}

/* Set bits of a tag. */
static size_t unpack_count(unsigned tag)
{
        static const uint8_t count[16] = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};

        return count[tag & 15] + (size_t)count[tag >> 4];
}

/*
 * One tag with its bytes: *p moves on, w is its word. 0xff and 0x00 also have *run more words.
 * 0; CAPNP_E_SHORT.
 */
static int unpack_tag(const uint8_t **p, const uint8_t *end, uint64_t *ret_w, size_t *ret_run)
{
        uint8_t spill[8] = {0};
        const uint8_t *bytes = *p + 1;
        unsigned tag = **p;
        size_t left = (size_t)(end - bytes), n = unpack_count(tag);
        bool counted = tag == 0 || tag == 0xff;

        if (n + counted > left)
                return CAPNP_E_SHORT;

        if (left < sizeof(spill)) {
                memcpy(spill, bytes, n);
                *ret_w = unpack_word(spill, tag);
        } else {
                *ret_w = unpack_word(bytes, tag);
        }

        *ret_run = counted ? bytes[n] : 0;
        *p = bytes + n + counted;
        return tag == 0xff && *ret_run * PACK_WORD > left - n - 1 ? CAPNP_E_SHORT : 0;
}

int capnp_unpack(const void *in, size_t len, void *out, size_t room, size_t *ret_len)
{
        const uint8_t *p = in, *end = len ? p + len : p;
        uint8_t *o = out;
        size_t used = 0;

        if (o && len && room) {
                struct pack_cursor c = {p, end, o, o + room};

                capnp_i_unpack_fast(&c);
                p = c.in;
                used = (size_t)(c.out - o);
        }

        while (p < end) {
                bool plain = *p == 0xff;
                size_t run, bytes;
                uint64_t w;
                int r;

                r = unpack_tag(&p, end, &w, &run);
                if (r)
                        return r;

                bytes = run * PACK_WORD;
                if ((o || room) && bytes + PACK_WORD > room - used)
                        return CAPNP_E_LIMIT;

                if (o) {
                        memcpy(o + used, &w, sizeof(w));
                        if (plain)
                                memcpy(o + used + PACK_WORD, p, bytes);
                        else
                                memset(o + used + PACK_WORD, 0, bytes);
                }
                used += PACK_WORD + bytes;
                p += plain ? bytes : 0;
        }

        *ret_len = used;
        return 0;
}
