/*
 * The RPC core against its model (test/model): the bytes choose the acts. The first two say how
 * many vats there are and what may happen in their world.
 */
#include <stdio.h>
#include <stdlib.h>

#include "model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_ACTS = 600 };

static struct model_log *fuzz_log;

static void fuzz_on_fail(struct world *w, int line)
{
        (void)w;
        (void)line;
        model_print(fuzz_log, stderr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct model_run run = {.epoch = MOST_ACTS, .check_each = 1};
        struct source s = {.bytes = true};

        if (size < 2)
                return 0;

        if (!fuzz_log) {
                fuzz_log = calloc(1, sizeof(*fuzz_log) + MOST_ACTS * sizeof(fuzz_log->acts[0]));
                if (!fuzz_log)
                        abort();
                fuzz_log->room = MOST_ACTS;
                model_on_fail = fuzz_on_fail;
        }

        run.vats = 2 + data[0] % (MODEL_VATS - 1);
        run.mode = data[1] & MODE_BITS;
        s.b = data + 2;
        s.left = size - 2;
        model_epoch(&run, &s, fuzz_log);
        return 0;
}
