/*
 * Any bytes as Cap'n Proto text, by a schema that has everything: what is taken is printed in both
 * layouts, read again, and must print the same.
 */
#include <capos/capnp-dynamic.h>

#include <stdlib.h>

#include "test-dynamic.capnp-c.h"

/* A macro, so that the stack of a crash names the line. */
#define check(ok) ((ok) ? (void)0 : abort())

enum { OUT_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static capnp_schema *schema(void)
{
        static capnp_schema *s;

        if (!s) {
                check(capnp_schema_new(&s) == 0);
                check(capnp_schema_add_file(s, &test_dynamic_capnp_schema) == 0);
        }

        return s;
}

static capnp_reader root(capnp_msg *m)
{
        return capnp_any_struct(capnp_msg_root(m), NULL);
}

/* A layout of m, read again, prints as one says. */
static void check_layout(capnp_msg *m, bool pretty, const struct capnp_buf *one)
{
        struct capnp_dynamic_opts o = {.pretty = pretty};
        struct capnp_buf laid = {.max = 8 * OUT_MAX}, two = {.max = OUT_MAX};
        capnp_msg *copy = NULL;
        capnp_text text;

        check(capnp_msg_new(&copy) == 0);
        check(capnp_text_print(schema(), ALL_ID, root(m), &o, &laid) == 0);
        text = (capnp_text){laid.p, (uint32_t)laid.len};
        check(capnp_text_parse(schema(), ALL_ID, text, NULL, capnp_msg_build(copy), NULL) == 0);
        check(capnp_text_print(schema(), ALL_ID, root(copy), NULL, &two) == 0);
        check(two.len == one->len && !memcmp(two.p, one->p, two.len));
        capnp_msg_free(copy);
        capnp_buf_deinit(&laid);
        capnp_buf_deinit(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        capnp_text text = {(const char *)data, (uint32_t)size};
        struct capnp_buf one = {.max = OUT_MAX};
        capnp_msg *m = NULL;
        struct capnp_fault f;
        int r;

        check(capnp_msg_new(&m) == 0);
        r = capnp_text_parse(schema(), ALL_ID, text, NULL, capnp_msg_build(m), &f);
        check(r >= 0);
        if (r) {
                check(f.line && f.column && f.what[0]);
        } else if (capnp_text_print(schema(), ALL_ID, root(m), NULL, &one) == 0) {
                check_layout(m, false, &one);
                check_layout(m, true, &one);
        }

        capnp_msg_free(m);
        capnp_buf_deinit(&one);
        return 0;
}
