/*
 * Any bytes as the beginning of a stream: what the framer says must be the same however the bytes
 * are cut, and a table that was read must be written again as it was.
 */
#include <stdlib.h>
#include <string.h>

#include "wire.h"

/* A macro, so that the stack of a crash names the line. */
#define check(ok) ((ok) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_SEGMENTS = 40, MOST_BYTES = 1 << 20 };

static void check_table(const uint8_t *b, size_t header, uint64_t total)
{
        uint32_t n = capnp_i_frame_segments(b), sizes[MOST_SEGMENTS];
        uint8_t again[4 * MOST_SEGMENTS + 8];
        uint64_t words = 0;

        check(n >= 1 && n <= MOST_SEGMENTS);
        capnp_i_frame_sizes(b, n, sizes);
        for (uint32_t i = 0; i < n; i++) {
                check(sizes[i] == capnp_i_frame_words(b, i));
                words += sizes[i];
        }
        check(words * 8 <= MOST_BYTES && total == header + words * 8);
        check(capnp_i_frame_table(NULL, sizes, n) == header);
        check(capnp_i_frame_table(again, sizes, n) == header);
        check(memcmp(again, b, 4 + 4 * (size_t)n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        size_t header, cut_header, most = size < 256 ? size : 256;
        uint64_t total, cut_total;
        int r, cut;

        r = capnp_i_frame_size(data, size, MOST_SEGMENTS, MOST_BYTES, &header, &total);
        for (size_t n = 0; n < most; n++) {
                /* Exactly n bytes, so that the sanitizer sees a read beyond them. */
                uint8_t *b = malloc(n ? n : 1);

                check(b);
                memcpy(b, data, n);
                cut = capnp_i_frame_size(b, n, MOST_SEGMENTS, MOST_BYTES, &cut_header, &cut_total);
                check(cut == CAPNP_E_SHORT ? n < cut_header && cut_total == 0 : cut == r);
                check(cut != 0 || (cut_total == total && cut_header == header));
                free(b);
        }

        if (r == 0)
                check_table(data, header, total);

        return 0;
}
