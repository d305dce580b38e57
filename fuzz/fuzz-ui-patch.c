/*
 * Patches of panes (lib/ui). The first byte says how the others are meant: as a message that came,
 * or as chance from which a stream of patches is made (test/ui/random.c), against panes of all
 * kinds. After each, models are within their limits and the ledger is what a recount says.
 */
#include "random.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATCHES = 500 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct source s = {.p = data + 1, .left = size - 1, .bytes = true};
        struct random_count count;

        if (size < 2)
                return 0;

        if (data[0] & 1)
                random_message(data + 1, size - 1);
        else
                random_patches(&s, PATCHES, &count);
        return 0;
}
