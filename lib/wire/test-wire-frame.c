/* Segment tables: complete, cut at every byte, too large, and written again. */
#include "harness.h"
#include "wire.h"

#include <string.h>

static int frame_size(const void *b, size_t len, size_t *ret_header, uint64_t *ret_total)
{
        return capnp_i_frame_size(b, len, CAPNP_I_MAX_SEGMENTS, UINT64_C(64) << 20, ret_header,
                                  ret_total);
}

TEST(sizes_of_complete_tables)
{
        static const struct {
                uint32_t table[4];
                size_t header;
                uint64_t total;
        } rows[] = {
                {{0, 0, 0, 0}, 8, 8},
                {{0, 1, 0, 0}, 8, 16},
                {{1, 1, 2, 0}, 16, 40},
                {{2, 1, 2, 3}, 16, 64},
                {{0, (8 << 20), 0, 0}, 8, 8 + (UINT64_C(64) << 20)},
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                size_t header;
                uint64_t total;

                CHECK_OK(frame_size(rows[i].table, sizeof(rows[i].table), &header, &total));
                CHECK_EQ(header, rows[i].header);
                CHECK_EQ(total, rows[i].total);
        }
}

TEST(short_tables_say_how_much_is_needed)
{
        static const uint32_t table[4] = {2, 1, 2, 3};
        size_t header;
        uint64_t total;

        for (size_t len = 0; len < 16; len++) {
                CHECK_EQ(frame_size(table, len, &header, &total), CAPNP_E_SHORT);
                CHECK_EQ(header, len < 4 ? 8 : 16);
                CHECK_EQ(total, 0);
        }
}

TEST(hostile_tables_are_refused_early)
{
        static const struct {
                uint32_t table[4];
                size_t len;
        } rows[] = {
                {{UINT32_MAX, 0, 0, 0}, 4}, /* 2^32 segments, said in four bytes */
                {{511, 0, 0, 0}, 4},
                {{0, (8 << 20) + 1, 0, 0}, 8},
                {{0, UINT32_MAX, 0, 0}, 8},
                {{1, UINT32_MAX, UINT32_MAX, 0}, 16},
                {{2, 4 << 20, 4 << 20, 1}, 16},
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                size_t header;
                uint64_t total;

                CHECK_EQ(frame_size(rows[i].table, rows[i].len, &header, &total), CAPNP_E_LIMIT);
        }
}

TEST(tables_come_back_as_written)
{
        uint32_t sizes[5] = {7, 0, 9, 1, UINT32_MAX}, again[5];
        uint8_t b[40];

        for (uint32_t n = 1; n <= 5; n++) {
                size_t len = capnp_i_frame_table(NULL, sizes, n);

                memset(b, 0xee, sizeof(b));
                CHECK_EQ(len % 8, 0);
                CHECK_EQ(capnp_i_frame_table(b, sizes, n), len);
                CHECK_EQ(b[len], 0xee);
                CHECK_EQ(capnp_i_frame_segments(b), n);
                capnp_i_frame_sizes(b, n, again);
                CHECK_MEM(again, sizes, n * sizeof(*sizes));
                CHECK_EQ(capnp_i_frame_words(b, n - 1), sizes[n - 1]);
                if (n % 2 == 0)
                        CHECK_MEM(b + len - 4, "\0\0\0", 4);
        }
}
