/*
 * JSON: against the reference where it has the same conventions, and by tables where it has not.
 */
#include "test-dynamic.h"

#include <errno.h>
#include <stdio.h>

#include "dynamic-buf.h"

/* ---- against the reference ---------------------------------------------------------------- */

/* JSON that both take. */
static const char *const good[] = {
        "{}",
        "{\"flag\": false, \"i8\": -128, \"i64\": \"-9223372036854775808\", \"u64\": \"5\"}",
        "{\"f32\": 0.5, \"f64\": 1e300, \"text\": \"\xc3\xa9 \\\"\\\\\\/\\n\"}",
        "{\"color\": \"blue\", \"point\": {\"x\": 1}, \"hello\": \"\"}",
        "{\"voids\": [null, null], \"flags\": [true, false], \"u64s\": [\"1\"], \"i32s\": []}",
        "{\"f64s\": [\"NaN\", \"Infinity\", \"-Infinity\", 1], \"texts\": [\"a\", \"\"]}",
        "{\"points\": [{\"x\": 1}, {}], \"grid\": [[[1, -1], []], []], \"colors\": [\"red\"]}",
        "{\"self\": {\"selves\": [{\"two\": \"x\"}, {\"three\": {\"x\": 1}}]}}",
        "{\"where\": {\"city\": \"Bern\"}, \"shape\": {\"box\": {\"height\": 9}}}",
        "{\"data\": [0, 255, 34], \"datas\": [[], [65], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]]}",
        "{\"two\": \"x\", \"map\": {\"entries\": [{\"key\": \"a\"}]}, \"nothing\": null}",
        "{\"map\": {\"entries\": [{\"key\": \"k\", \"value\": [{\"x\": 8}]}]}}",
};

/* Both layouts, as the reference prints the message. */
static void check_prints(const capnp_schema *s, capnp_msg *m, bool pretty)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1 << 20};
        struct capnp_dynamic_opts o = {.pretty = pretty};
        static struct bytes binary, theirs;

        binary.len = capnp_msg_size(m);
        CHECK_OK(capnp_msg_write(m, binary.p, sizeof(binary.p)));
        CHECK_EQ(tool(pretty ? "convert binary:json" : "convert --short binary:json", "All",
                      binary.p, binary.len, &theirs),
                 0);
        while (theirs.len && theirs.p[theirs.len - 1] == '\n')
                theirs.p[--theirs.len] = 0;
        CHECK_OK(capnp_json_print(s, type_id(s, "All"), root_of(m), &o, &b));
        CHECK_STR(b.p, theirs.p);
}

TEST_T(reference_and_we_read_and_write_the_same, 120)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        static struct bytes theirs;

        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1 << 20};
                CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
                struct capnp_fault f;

                CHECK_OK(capnp_msg_new(&m));
                CHECK_OK(capnp_json_parse(s, type_id(s, "All"), text_of(good[i]), NULL,
                                          capnp_msg_build(m), &f));
                check_prints(s, m, true);
                check_prints(s, m, false);
                CHECK_EQ(
                        tool("convert --short json:text", "All", good[i], strlen(good[i]), &theirs),
                        0);
                while (theirs.len && theirs.p[theirs.len - 1] == '\n')
                        theirs.p[--theirs.len] = 0;
                CHECK_OK(capnp_text_print(s, type_id(s, "All"), root_of(m), NULL, &b));
                CHECK_STR(b.p, theirs.p);
        }
}

/* ---- our own conventions ------------------------------------------------------------------ */

static int print(const capnp_schema *s, const char *type, const char *in, struct capnp_buf *b)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        struct capnp_fault f;
        int r;

        CHECK_OK(capnp_msg_new(&m));
        r = capnp_json_parse(s, type_id(s, type), text_of(in), NULL, capnp_msg_build(m), &f);
        if (r)
                return r;

        b->len = 0;
        return capnp_json_print(s, type_id(s, type), root_of(m), NULL, b);
}

TEST(values_take_more_than_one_form)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 10000};

        CHECK_OK(print(s, "All", "{\"i64\":-7,\"u64\":18446744073709551615}", &b));
        CHECK(strstr(b.p, "\"i64\":\"-7\"") && strstr(b.p, "\"u64\":\"18446744073709551615\""));
        CHECK_OK(print(s, "All", "{\"data\":\"AP8i\",\"datas\":[\"\",\"QQ==\",\"QQ\"]}", &b));
        CHECK(strstr(b.p, "\"data\":[0,255,34]") && strstr(b.p, "[[],[65],[65]]"));
        CHECK_OK(print(s, "All", "{\"color\":2,\"colors\":[7,\"red\"]}", &b));
        CHECK(strstr(b.p, "\"color\":\"blue\"") && strstr(b.p, "[7,\"red\"]"));
        CHECK_OK(print(s, "All", "{\"text\":\"\\u00e9\\ud83d\\ude00\\u0000\\/\"}", &b));
        CHECK(strstr(b.p, "\"text\":\"\xc3\xa9\xf0\x9f\x98\x80\\u0000/\""));
        CHECK_OK(print(s, "All", "{\"te\\u0078t\":\"x\",\"f32\":\"NaN\",\"f64\":0.1}", &b));
        CHECK(strstr(b.p, "\"text\":\"x\"") && strstr(b.p, "\"f64\":0.1"));
        CHECK(strstr(b.p, "\"f32\":\"NaN\""));
        CHECK_OK(print(s, "Point", "{\"label\":null}", &b));
        CHECK_STR(b.p, "{\"x\":0,\"y\":-7}");
        CHECK_OK(print(s, "Point", " {\t\"x\" : 1\r\n, \"y\":0 } ", &b));
        CHECK_STR(b.p, "{\"x\":1,\"y\":0}");
}

TEST(any_pointers_keep_their_bytes)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 10000};
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf again = {.max = 10000};
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *copy = NULL;
        capnp_builder any;

        CHECK_OK(capnp_msg_new(&m));
        CHECK_OK(capnp_msg_new(&copy));
        any = capnp_abuilder_init_struct(capnp_msg_build(m), 0, 4);
        capnp_builder_set_text(any, 0, "inside");
        CHECK_OK(capnp_json_print(s, type_id(s, "Caps"), root_of(m), NULL, &b));
        CHECK_STR(b.p, "{\"any\":{\"$any\":\"AAAAAAIAAAABAAAAOgAAAGluc2lkZQAA\"}}");
        CHECK_OK(capnp_json_parse(s, type_id(s, "Caps"), (capnp_text){b.p, (uint32_t)b.len}, NULL,
                                  capnp_msg_build(copy), NULL));
        CHECK_STR(capnp_reader_text(root_of(copy), 0).p, "inside");
        CHECK_EQ(print(s, "Caps", "{\"any\":{\"$any\":\"AAAAAAIAAAABAAAAOgAAAGluc2lkZQ==\"}}",
                       &again),
                 CAPNP_E_SYNTAX);
        /* A pointer that leads out of its message. */
        CHECK_EQ(print(s, "Caps", "{\"any\":{\"$any\":\"AAAAAAEAAAAAAAAA/wAAAA==\"}}", &again),
                 CAPNP_E_SYNTAX);
}

/* ---- faults ------------------------------------------------------------------------------- */

static const struct {
        const char *text;
        int r;
        const char *fault;
} bad[] = {
        {"", CAPNP_E_SYNTAX, "1:1: the text ends too early"},
        {"{\"i8\":1", CAPNP_E_SYNTAX, "1:8: the text ends too early: the { of 1:1 is not closed"},
        {"{} {}", CAPNP_E_SYNTAX, "1:4: something follows the value"},
        {"[]", CAPNP_E_SYNTAX, "1:1: expected an object"},
        {"{\"i8\":1,}", CAPNP_E_SYNTAX, "1:9: expected a field name in quotes"},
        {"{i8:1}", CAPNP_E_SYNTAX, "1:2: expected a field name in quotes"},
        {"{\"i8\" 1}", CAPNP_E_SYNTAX, "1:7: i8: expected :"},
        {"{\"i8s\":[1,]}", CAPNP_E_SYNTAX, "1:11: i8s[1]: expected a value"},
        {"{\"i8s\":[1 2]}", CAPNP_E_SYNTAX, "1:11: i8s: expected , or ]"},
        {"{\"i8\":01}", CAPNP_E_SYNTAX, "1:7: i8: a number begins with 0"},
        {"{\"i8\":+1}", CAPNP_E_SYNTAX, "1:7: i8: expected a value"},
        {"{\"f64\":1.}", CAPNP_E_SYNTAX, "1:10: f64: no digit behind the point"},
        {"{\"f64\":1e}", CAPNP_E_SYNTAX, "1:10: f64: no digit in the exponent"},
        {"{\"f64\":-}", CAPNP_E_SYNTAX, "1:9: f64: not a number"},
        {"{\"f64\":1e999}", CAPNP_E_SYNTAX, "1:8: f64: out of the range of Float64"},
        {"{\"f64\":\"NAN\"}", CAPNP_E_SYNTAX, "1:8: f64: expected a number"},
        {"{\"f64\":nan}", CAPNP_E_SYNTAX, "1:8: f64: expected a value"},
        {"{\"u8\":256}", CAPNP_E_SYNTAX, "1:7: u8: out of the range of UInt8"},
        {"{\"u8\":\"256\"}", CAPNP_E_SYNTAX, "1:7: u8: out of the range of UInt8"},
        {"{\"u8\":1.5}", CAPNP_E_SYNTAX, "1:7: u8: expected an integer"},
        {"{\"u8\":15e-1}", CAPNP_E_SYNTAX, "1:7: u8: expected an integer"},
        {"{\"u8\":1e3}", CAPNP_E_SYNTAX, "1:7: u8: out of the range of UInt8"},
        {"{\"u64\":1e999999999999}", CAPNP_E_SYNTAX, "1:8: u64: out of the range of UInt64"},
        {"{\"u8\":null}", CAPNP_E_SYNTAX, "1:7: u8: expected an integer"},
        {"{\"u64\":\"0x1\"}", CAPNP_E_SYNTAX, "1:8: u64: expected an integer"},
        {"{\"u64\":\"\"}", CAPNP_E_SYNTAX, "1:8: u64: expected an integer"},
        {"{\"u64\":\"18446744073709551616\"}", CAPNP_E_SYNTAX,
         "1:8: u64: out of the range of UInt64"},
        {"{\"text\":5}", CAPNP_E_SYNTAX, "1:9: text: expected a text"},
        {"{\"text\":\"\\x\"}", CAPNP_E_SYNTAX, "1:10: text: no such escape sequence"},
        {"{\"text\":\"\\ud800\"}", CAPNP_E_SYNTAX, "1:10: text: no such escape sequence"},
        {"{\"text\":\"\\udc00\\ud800\"}", CAPNP_E_SYNTAX, "1:10: text: no such escape sequence"},
        {"{\"text\":\"\t\"}", CAPNP_E_SYNTAX, "1:10: text: a control character in a string"},
        {"{\"text\":\"\xc0\x80\"}", CAPNP_E_SYNTAX, "1:10: not UTF-8"},
        {"{\"data\":\"A\"}", CAPNP_E_SYNTAX, "1:9: data: not base64"},
        {"{\"data\":\"A===\"}", CAPNP_E_SYNTAX, "1:9: data: not base64"},
        {"{\"data\":[1,256]}", CAPNP_E_SYNTAX, "1:12: data[1]: out of the range of UInt8"},
        {"{\"data\":7}", CAPNP_E_SYNTAX,
         "1:9: data: expected a list of numbers, or a string of bytes"},
        {"{\"flag\":\"true\"}", CAPNP_E_SYNTAX, "1:9: flag: expected true or false"},
        {"{\"color\":\"blu\"}", CAPNP_E_UNKNOWN,
         "1:10: color: Color has no `blu`; did you mean `blue`?"},
        {"{\"color\":65536}", CAPNP_E_SYNTAX, "1:10: color: out of the range of UInt16"},
        {"{\"i8\":1,\n \"i8\":1}", CAPNP_E_SYNTAX, "2:3: i8: given twice"},
        {"{\"i8\":1,\"i\\u0038\":1}", CAPNP_E_SYNTAX, "1:10: i\\u0038: given twice"},
        {"{\"one\":1,\"four\":null}", CAPNP_E_SYNTAX,
         "1:11: four: in one union with `one`, which is given, too"},
        {"{\"self\":{\"selves\":[{},{\"where\":{\"zap\":1}}]}}", CAPNP_E_UNKNOWN,
         "1:34: self.selves[1].where: where has no `zap`; did you mean `zip`?"},
        {"{\"points\":[null]}", CAPNP_E_SYNTAX, "1:12: points[0]: expected an object"},
        {"{\"a\\nb\":1}", CAPNP_E_UNKNOWN,
         "1:3: All has no `a\\nb`; it has: nothing, flag, i8, i16, i32, i64, u8, u16, u32, "
         "u64, f32, f64, text, data, color, point, given, hello, …"},
};

TEST(faults_are_told_with_their_place)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1000};
                CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
                struct capnp_dynamic_opts o = {.reject_unknown = true};
                struct capnp_fault f;

                CHECK_OK(capnp_msg_new(&m));
                CHECK_EQ(capnp_json_parse(s, type_id(s, "All"), text_of(bad[i].text), &o,
                                          capnp_msg_build(m), &f),
                         bad[i].r);
                CHECK_OK(capnp_fault_print(&f, NULL, &b));
                CHECK_STR(b.p, bad[i].fault);
        }
}

/* ---- limits ------------------------------------------------------------------------------- */

TEST(nesting_ends_at_the_limit)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        static char text[1 << 16];
        struct capnp_fault f;

        CHECK_OK(capnp_msg_new(&m));
        memset(text, '[', sizeof(text));
        CHECK_EQ(capnp_json_parse(s, type_id(s, "All"), (capnp_text){text, sizeof(text)}, NULL,
                                  capnp_msg_build(m), &f),
                 CAPNP_E_LIMIT);
        CHECK_EQ(f.column, 65);
}

TEST(bad_messages_are_not_printed)
{
        static _Alignas(8) const uint8_t broken[] = {
                0, 0, 0, 0, 2, 0, 0, 0,                            /* one segment, two words */
                0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0xff, 0, 0, 0, /* a text that is not there */
        };
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1000};
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;

        CHECK_OK(capnp_msg_parse(broken, sizeof(broken), NULL, &m));
        CHECK_EQ(capnp_json_print(s, type_id(s, "Point"), root_of(m), NULL, &b), CAPNP_E_POISON);
        CHECK_EQ(b.len, 0);
}

TEST(base64_both_ways)
{
        static const char *const pairs[][2] = {
                {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}};

        for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
                CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 100};
                struct dynamic_out o = {.b = &b};
                char plain[20];
                size_t n;

                dynamic_base64(&o, (const uint8_t *)pairs[i][0], strlen(pairs[i][0]));
                CHECK_STR(b.p, pairs[i][1]);
                (void)snprintf(plain, sizeof(plain), "%s", pairs[i][1]);
                CHECK(dynamic_unbase64(plain, strlen(plain), &n));
                CHECK_EQ(n, strlen(pairs[i][0]));
                CHECK_MEM(plain, pairs[i][0], n);
        }
}

TORTURE(json_without_memory)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1 << 20};
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        const struct bytes *request = schema_request();
        struct capnp_dynamic_opts pretty = {.pretty = true};
        struct capnp_fault f;

        TORTURE_OK(capnp_schema_new(&s));
        TORTURE_OK(capnp_schema_add_request(s, request->p, request->len, NULL));
        TORTURE_OK(capnp_msg_new(&m));
        TORTURE_OK(capnp_json_parse(
                s, type_id(s, "Caps"),
                text_of("{\"any\":{\"$any\":\"AAAAAAIAAAABAAAAOgAAAGluc2lkZQAA\"}}"), NULL,
                capnp_msg_build(m), &f));
        TORTURE_OK(capnp_json_print(s, type_id(s, "Caps"), root_of(m), &pretty, &b));
}
