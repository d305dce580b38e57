/* Packing: the specification's examples, what the reference writes, hostile input, round trips. */
#include "harness.h"

#include <capos/capnp-msg.h>

#include <stdlib.h>
#include <string.h>

struct row {
        const char *plain;
        size_t plain_len;
        const char *packed;
        size_t packed_len;
};

#define ROW(plain, packed)                                           \
        {                                                            \
                plain, sizeof(plain) - 1, packed, sizeof(packed) - 1 \
        }
#define Z8 "\0\0\0\0\0\0\0\0"
#define F8 "\1\2\3\4\5\6\7\10"

/* The first rows are the examples of the encoding specification. */
static const struct row rows[] = {
        ROW("\x08\0\0\0\x03\0\x02\0"
            "\x19\0\0\0\xaa\x01\0\0",
            "\x51\x08\x03\x02\x31\x19\xaa\x01"),
        ROW(Z8 Z8 Z8 Z8, "\0\3"),
        ROW("\x8a\x8a\x8a\x8a\x8a\x8a\x8a\x8a" F8 F8 F8,
            "\xff\x8a\x8a\x8a\x8a\x8a\x8a\x8a\x8a\3" F8 F8 F8),
        ROW("", ""),
        ROW(Z8, "\0\0"),
        ROW(F8, "\xff" F8 "\0"),
        ROW(F8 "\1\2\3\0\5\6\7\10" F8, "\xff" F8 "\2\1\2\3\0\5\6\7\10" F8),
        ROW(F8 "\1\2\3\0\0\6\7\10", "\xff" F8 "\0\xe7\1\2\3\6\7\10"),
        ROW(Z8 "\0\0\0\0\0\0\0\1" Z8, "\0\0\x80\1\0\0"),
};

TEST(table_both_ways)
{
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const struct row *w = &rows[i];
                uint8_t b[128];
                size_t n;

                CHECK_OK(capnp_pack(w->plain, w->plain_len, NULL, 0, &n));
                CHECK_EQ(n, w->packed_len);
                CHECK_OK(capnp_pack(w->plain, w->plain_len, b, sizeof(b), &n));
                CHECK_EQ(n, w->packed_len);
                CHECK_MEM(b, w->packed, n);
                CHECK_OK(capnp_pack(w->plain, w->plain_len, b, n, &n));
                CHECK_OK(capnp_unpack(w->packed, w->packed_len, NULL, 0, &n));
                CHECK_EQ(n, w->plain_len);
                CHECK_OK(capnp_unpack(w->packed, w->packed_len, b, n, &n));
                CHECK_EQ(n, w->plain_len);
                CHECK_MEM(b, w->plain, n);
        }
}

TEST(every_cut_and_every_small_room_is_noticed)
{
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const struct row *w = &rows[i];

                for (size_t room = 0; room < w->packed_len; room++) {
                        uint8_t *b = malloc(room ? room : 1);
                        size_t n;

                        CHECK_EQ(capnp_pack(w->plain, w->plain_len, b, room, &n), CAPNP_E_LIMIT);
                        free(b);
                }

                for (size_t room = 0; room < w->plain_len; room++) {
                        uint8_t *b = malloc(room ? room : 1);
                        size_t n;

                        CHECK_EQ(capnp_unpack(w->packed, w->packed_len, b, room, &n),
                                 CAPNP_E_LIMIT);
                        free(b);
                }
        }
}

TEST(hostile_packed_bytes)
{
        static const struct row bad[] = {
                {NULL, 0, "\0", 1},
                {NULL, 0, "\1", 1},
                {NULL, 0, "\xff" F8, 9},
                {NULL, 0, "\xff" F8 "\1", 10},
                {NULL, 0, "\xff" F8 "\1\1\2\3\4\5\6\7", 17},
                {NULL, 0, "\xff\1\2", 3},
                {NULL, 0, "\0\1\xff", 3},
                {NULL, 0, "\x51\x08\x03", 3},
        };

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                /* On the heap and exact, so that the sanitizer sees a read too far. */
                uint8_t *in = malloc(bad[i].packed_len), b[4096];
                size_t n;

                memcpy(in, bad[i].packed, bad[i].packed_len);
                CHECK_EQ(capnp_unpack(in, bad[i].packed_len, NULL, 0, &n), CAPNP_E_SHORT);
                CHECK_EQ(capnp_unpack(in, bad[i].packed_len, b, sizeof(b), &n), CAPNP_E_SHORT);
                free(in);
        }
}

/* Two bytes stand for 256 words: who measures may say how much is too much. */
TEST(measuring_has_a_bound)
{
        uint8_t in[200];
        size_t n;

        for (size_t i = 0; i < sizeof(in); i += 2)
                memcpy(in + i, "\0\xff", 2);
        CHECK_OK(capnp_unpack(in, sizeof(in), NULL, 0, &n));
        CHECK_EQ(n, sizeof(in) * 1024);
        CHECK_OK(capnp_unpack(in, sizeof(in), NULL, n, &n));
        CHECK_EQ(capnp_unpack(in, sizeof(in), NULL, n - 1, &n), CAPNP_E_LIMIT);
        CHECK_EQ(capnp_unpack(in, sizeof(in), NULL, 8, &n), CAPNP_E_LIMIT);
}

TEST(half_words_are_not_packed)
{
        size_t n;

        CHECK_EQ(capnp_pack(F8, 7, NULL, 0, &n), CAPNP_E_POISON);
}

/* A cheap generator of words with many zero bytes, many full ones, and runs of both. */
static uint64_t random_word(uint64_t *seed, int mode)
{
        uint64_t w;

        *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        w = *seed ^ *seed >> 29;
        switch (mode) {
        case 0:
                return 0;
        case 1:
                return w | UINT64_C(0x0101010101010101);
        case 2:
                return w & (w << 8) & UINT64_C(0x00ff0000ff0000ff);
        default:
                return w >> (w % 64);
        }
}

TEST(random_words_come_back)
{
        static uint64_t in[3000], back[3000];
        static uint8_t packed[sizeof(in) + sizeof(in) / 4];
        uint64_t seed = 1;

        for (int round = 0; round < 200; round++) {
                size_t n, m, words = (size_t)(round * 15);

                for (size_t i = 0; i < words;) {
                        size_t run = (size_t)(random_word(&seed, 1) >> 20) % 600;
                        int mode = (int)((seed >> 40) % 4);

                        for (; run-- && i < words; i++)
                                in[i] = random_word(&seed, mode);
                }

                CHECK_OK(capnp_pack(in, words * 8, packed, sizeof(packed), &n));
                CHECK_OK(capnp_pack(in, words * 8, NULL, 0, &m));
                CHECK_EQ(n, m);
                CHECK_OK(capnp_unpack(packed, n, back, words * 8, &m));
                CHECK_EQ(m, words * 8);
                CHECK_MEM(back, in, m);
        }
}
