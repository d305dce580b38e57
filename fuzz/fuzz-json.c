/*
 * Any bytes as JSON, by a schema that has everything and one that has annotations: what is taken is
 * printed, read again, and must print the same; the text form of it must mean the same, too.
 * AnyPointers bring bytes of their own.
 */
#include <capos/capnp-dynamic.h>

#include <stdlib.h>

#include "test-dynamic-edges.capnp-c.h"
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
                check(capnp_schema_add_file(s, &test_dynamic_edges_capnp_schema) == 0);
        }

        return s;
}

static capnp_reader root(capnp_msg *m)
{
        return capnp_any_struct(capnp_msg_root(m), NULL);
}

/* The JSON of a message, by way of the text form. */
static void check_text(uint64_t type, capnp_msg *m, const struct capnp_buf *json)
{
        struct capnp_buf text = {.max = OUT_MAX}, again = {.max = OUT_MAX};
        capnp_msg *copy = NULL;

        check(capnp_msg_new(&copy) == 0);
        if (capnp_text_print(schema(), type, root(m), NULL, &text) == 0) {
                capnp_text t = {text.p, (uint32_t)text.len};

                int r = capnp_text_parse(schema(), type, t, NULL, capnp_msg_build(copy), NULL);

                /* References have no text form; everything else is read back. */
                check(r == 0 || type == CAPS_ID);
                if (!r) {
                        check(capnp_json_print(schema(), type, root(copy), NULL, &again) == 0);
                        /* Behind a tag JSON has no null where text has an empty one. */
                        check(type == TOLD_ID ||
                              (again.len == json->len && !memcmp(again.p, json->p, json->len)));
                }
        }

        capnp_msg_free(copy);
        capnp_buf_deinit(&text);
        capnp_buf_deinit(&again);
}

static void run(uint64_t type, capnp_text text)
{
        struct capnp_dynamic_opts pretty = {.pretty = true};
        struct capnp_buf one = {.max = OUT_MAX}, two = {.max = OUT_MAX};
        capnp_msg *m = NULL, *copy = NULL;
        struct capnp_fault f;
        int r;

        check(capnp_msg_new(&m) == 0 && capnp_msg_new(&copy) == 0);
        r = capnp_json_parse(schema(), type, text, NULL, capnp_msg_build(m), &f);
        check(r >= 0);
        if (r) {
                check(f.line && f.column && f.what[0]);
                check(capnp_fault_print(&f, "x", &one) == 0);
        } else if (capnp_json_print(schema(), type, root(m), NULL, &one) == 0) {
                text = (capnp_text){one.p, (uint32_t)one.len};
                r = capnp_json_parse(schema(), type, text, NULL, capnp_msg_build(copy), NULL);
                check(r == 0);
                check(capnp_json_print(schema(), type, root(copy), NULL, &two) == 0);
                check(one.len == two.len && !memcmp(one.p, two.p, one.len));
                check_text(type, m, &one);
                two.len = 0;
                (void)!capnp_json_print(schema(), type, root(m), &pretty, &two);
        }

        capnp_msg_free(m);
        capnp_msg_free(copy);
        capnp_buf_deinit(&one);
        capnp_buf_deinit(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        capnp_text text = {(const char *)data, (uint32_t)size};

        run(ALL_ID, text);
        run(CAPS_ID, text);
        run(TOLD_ID, text);
        return 0;
}
