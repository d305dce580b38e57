/*
 * What is deep, what is long, and what is small and claims to be much.
 */
#include "test-dynamic.h"

#include <stdlib.h>

/* `Petal`s one in the other, so many. */
static capnp_msg *chain_new(uint32_t levels)
{
        capnp_msg *m;
        capnp_abuilder a;
        capnp_builder b;

        CHECK_OK(capnp_msg_new(&m));
        a = capnp_msg_build(m);
        for (uint32_t i = 0; i < levels; i++) {
                b = capnp_abuilder_init_struct(a, 1, 2);
                a = capnp_builder_any(b, 1);
        }
        capnp_builder_set_text(b, 0, "end");
        CHECK_OK(capnp_msg_check(m));
        return m;
}

/* The same, received. bytes: to be freed after it. */
static capnp_msg *chain_receive(uint32_t levels, uint32_t depth, void **ret_bytes)
{
        struct capnp_limits l = {.depth = depth};
        capnp_msg *m = chain_new(levels), *in;
        size_t n = capnp_msg_size(m);

        *ret_bytes = malloc(n);
        CHECK(*ret_bytes);
        CHECK_OK(capnp_msg_write(m, *ret_bytes, n));
        capnp_msg_free(m);
        CHECK_OK(capnp_msg_parse(*ret_bytes, n, &l, &in));
        return in;
}

static uint32_t count(const char *text, char c)
{
        uint32_t n = 0;

        for (; *text; text++)
                n += *text == c;
        return n;
}

TEST_T(our_own_messages_are_printed_at_any_depth, 120)
{
        CAPNP_AUTO(capnp_schema_freep)
        capnp_schema *s = schema_open_file("test-dynamic-edges.capnp");
        uint64_t id = type_id(s, "Petal");

        for (uint32_t levels = 10; levels <= 100000; levels *= 10) {
                CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 64 << 20};
                CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = chain_new(levels);
                struct capnp_dynamic_opts pretty = {.pretty = true}, some = {.depth = levels};

                CHECK_OK(capnp_text_print(s, id, root_of(m), NULL, &b));
                CHECK_EQ(count(b.p, '('), levels);
                CHECK_EQ(count(b.p, ')'), levels);
                CHECK(strstr(b.p, "c = \"end\""));
                b.len = 0;
                CHECK_OK(capnp_json_print(s, id, root_of(m), &some, &b));
                CHECK_EQ(count(b.p, '{'), levels);
                b.len = 0;
                some.depth--;
                CHECK_EQ(capnp_json_print(s, id, root_of(m), &some, &b), CAPNP_E_LIMIT);
                /* Each level is indented by two more. */
                CHECK_EQ(capnp_json_print(s, id, root_of(m), &pretty, &b),
                         levels > 1000 ? CAPNP_E_LIMIT : 0);
                b.len = 0;
                CHECK_EQ(capnp_text_print(s, id, root_of(m), &pretty, &b),
                         levels > 1000 ? CAPNP_E_LIMIT : 0);
        }
}

TEST(received_messages_are_printed_to_their_limit)
{
        CAPNP_AUTO(capnp_schema_freep)
        capnp_schema *s = schema_open_file("test-dynamic-edges.capnp");
        static const struct {
                uint32_t levels, depth;
                int r;
        } rows[] = {
                {64, 0, 0},    {65, 0, CAPNP_E_LIMIT},    {65, 65, 0},
                {512, 512, 0}, {513, 512, CAPNP_E_LIMIT}, {9, 9, 0},
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                for (int json = 0; json < 2; json++) {
                        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1 << 20};
                        void *bytes;
                        capnp_msg *m = chain_receive(rows[i].levels, rows[i].depth, &bytes);

                        CHECK_EQ((json ? capnp_json_print : capnp_text_print)(
                                         s, type_id(s, "Petal"), root_of(m), NULL, &b),
                                 rows[i].r);
                        CHECK_EQ(b.len > 0, !rows[i].r);
                        capnp_msg_free(m);
                        free(bytes);
                }
}

/* Pretty, and deeper than the reference's own reader would read: what it would write. */
TEST(deep_layout_is_the_references)
{
        CAPNP_AUTO(capnp_schema_freep)
        capnp_schema *s = schema_open_file("test-dynamic-edges.capnp");
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1 << 20};
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = chain_new(60);
        struct capnp_dynamic_opts pretty = {.pretty = true};
        const char *dir = getenv("CAPOS_SRCDIR");
        static struct bytes in, out;
        char line[1024];

        in.len = capnp_msg_size(m);
        CHECK_OK(capnp_msg_write(m, in.p, sizeof(in.p)));
        (void)snprintf(line, sizeof(line),
                       "capnp decode -I/usr/include "
                       "%s/lib/dynamic/test-dynamic-edges.capnp Petal",
                       dir ? dir : ".");
        CHECK_EQ(tool_run(line, in.p, in.len, &out), 0);
        CHECK_OK(capnp_text_print(s, type_id(s, "Petal"), root_of(m), &pretty, &b));
        out.p[out.len - 1] = 0;
        CHECK_STR(b.p, out.p);
}

/* What text is parsed at the depth that it was printed at. */
TEST(deep_texts_are_parsed_to_the_limit)
{
        CAPNP_AUTO(capnp_schema_freep)
        capnp_schema *s = schema_open_file("test-dynamic-edges.capnp");
        static const struct {
                uint32_t levels, depth;
                int r;
        } rows[] = {
                {64, 0, 0},     {65, 0, CAPNP_E_LIMIT},     {512, 512, 0},
                {512, 9999, 0}, {513, 9999, CAPNP_E_LIMIT}, {30, 20, CAPNP_E_LIMIT},
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                for (int json = 0; json < 2; json++) {
                        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1 << 20};
                        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = chain_new(rows[i].levels);
                        CAPNP_AUTO(capnp_msg_freep) capnp_msg *back = NULL;
                        struct capnp_dynamic_opts o = {.depth = rows[i].depth};
                        uint64_t id = type_id(s, "Petal");

                        CHECK_OK((json ? capnp_json_print : capnp_text_print)(s, id, root_of(m),
                                                                              NULL, &b));
                        CHECK_OK(capnp_msg_new(&back));
                        CHECK_EQ((json ? capnp_json_parse : capnp_text_parse)(
                                         s, id, (capnp_text){b.p, (uint32_t)b.len}, &o,
                                         capnp_msg_build(back), NULL),
                                 rows[i].r);
                        if (!rows[i].r)
                                CHECK_EQ(capnp_any_words(capnp_msg_root(back), NULL),
                                         capnp_any_words(capnp_msg_root(m), NULL));
                }
}

/* Millions of values in one text: there is no bound but the text's. */
TEST_T(long_lists_are_parsed, 120)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 16 << 20};
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL, *back = NULL;
        uint32_t n = 4000000;
        uint64_t id = type_id(s, "All");
        capnp_lbuilder l;
        capnp_list found;

        CHECK_OK(capnp_msg_new(&m));
        CHECK_OK(capnp_msg_new(&back));
        l = capnp_abuilder_init_list(
                capnp_builder_any(capnp_abuilder_init_struct(capnp_msg_build(m), 0, 10), 9),
                CAPNP_SIZE_FOUR, n);
        for (uint32_t i = 0; i < n; i++)
                capnp_lbuilder_set_i32(l, i, (int32_t)(i % 10));
        CHECK_OK(capnp_json_print(s, id, root_of(m), NULL, &b));
        CHECK(b.len > 8000000);
        CHECK_OK(capnp_json_parse(s, id, (capnp_text){b.p, (uint32_t)b.len}, NULL,
                                  capnp_msg_build(back), NULL));
        found = capnp_any_list(capnp_reader_any(root_of(back), 9), CAPNP_SIZE_FOUR, NULL);
        CHECK_EQ(found.len, n);
        CHECK_EQ(capnp_list_i32(found, n - 1), (int32_t)((n - 1) % 10));
}

/* Structs, each twice in the one before, and a list of bytes in the last: 2^60 ways there. What is
 * printed is bounded by the message's budget, and what that costs by what is printed, also when it
 * lies deep. */
TEST_T(a_graph_costs_what_it_prints, 60)
{
        enum { LEVELS = 60, BYTES = 4096, WORDS = 1 + 3 * LEVELS + BYTES / 8 };
        CAPNP_AUTO(capnp_schema_freep)
        capnp_schema *s = schema_open_file("test-dynamic-edges.capnp");
        uint64_t id = type_id(s, "Two"), w[1 + WORDS] = {(uint64_t)WORDS << 32, UINT64_C(3) << 48};
        uint64_t *at = w + 2;

        for (uint64_t i = 1; i < LEVELS; i++, at += 3) {
                at[0] = UINT64_C(3) << 48 | 2 << 2;
                at[1] = UINT64_C(3) << 48 | 1 << 2;
        }
        at[2] = (uint64_t)BYTES << 35 | UINT64_C(2) << 32 | 1;
        for (int json = 0; json < 2; json++) {
                CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 256 << 20};
                struct capnp_dynamic_opts o = {.pretty = true};
                /* Less than the default, or it takes its time under sanitizers. */
                struct capnp_limits l = {.traversal = json ? 2 << 20 : 4 << 20};
                capnp_msg *m;

                CHECK_OK(capnp_msg_parse(w, sizeof(w), &l, &m));
                CHECK_EQ((json ? capnp_json_print : capnp_text_print)(s, id, root_of(m), &o, &b),
                         CAPNP_E_LIMIT);
                CHECK_EQ(b.len, 0);
                capnp_msg_free(m);
        }
}
