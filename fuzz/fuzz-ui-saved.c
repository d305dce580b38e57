/*
 * What was kept of an account, read back from who kept it: whatever comes in, what is written again
 * is sound and no longer than may be, and reading that gives the same.
 */
#include "ui-saved.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Loads, and writes into a new message. NULL: no memory. */
static capnp_msg *again(ui_saved_reader r)
{
        struct ui_saved s;
        capnp_msg *m = NULL;

        ui_saved_init(&s);
        if (!ui_saved_load(&s, r) && !capnp_msg_new(&m)) {
                ui_saved_store(&s, ui_saved_build(m));
                if (capnp_msg_check(m) || capnp_msg_size(m) > CAPOS_UI_SAVED_BYTES)
                        abort();
        }
        ui_saved_deinit(&s);
        return m;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *in = NULL, *once = NULL, *twice = NULL;
        static uint64_t a[CAPOS_UI_SAVED_BYTES / 8], b[CAPOS_UI_SAVED_BYTES / 8];
        uint64_t *copy = malloc(size + 8);
        size_t len;

        if (!copy)
                return 0;
        memcpy(copy, data, size);
        if (!capnp_msg_parse(copy, size, NULL, &in))
                once = again(ui_saved_root(in));
        if (once)
                twice = again(ui_saved_root(once));
        if (twice) {
                len = capnp_msg_size(once);
                if (len != capnp_msg_size(twice) || capnp_msg_write(once, a, sizeof(a)) ||
                    capnp_msg_write(twice, b, sizeof(b)) || memcmp(a, b, len) != 0)
                        abort();
        }
        in = capnp_msg_free(in);
        free(copy);
        return 0;
}
