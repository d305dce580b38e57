/*
 * Cap'n Proto text against the reference: what `capnp encode` reads is read here to the same value,
 * and what is printed here is what `capnp decode` prints, byte for byte. Then a table of texts that
 * are wrong, with the place that each must be told.
 */
#include "test-dynamic.h"

#include <stdio.h>

/* Texts that both take. */
static const char *const good[] = {
        "()",
        "(flag = false, i8 = -128, i16 = 32767, i32 = -2147483648, i64 = -9223372036854775808)",
        "(u8 = 0xff, u16 = 0177777, u32 = 4294967295, u64 = 18446744073709551615)",
        "(f32 = -1.25e-3, f64 = 1.7976931348623157e308)",
        "(f32 = 1e10, f64 = 0.1)",
        "(f32 = 3, f64 = 123456789012)",
        "(text = \"grüezi \\\"all\\\" 'x' \\t\\n\\x7f?\", data = 0x\"00 ff 41\")",
        "(text = \"a\" # in pieces\n \"b\", data = \"\\0\\377\\a\\b\\f\\v\\\\\")",
        "(color = blue, point = (x = 1), given = (y = 2), hello = \"\")",
        "(voids = [void, void], flags = [true, false, true], i8s = [-1, 0, 1,], i32s = [])",
        "(f32s = [inf, -inf, nan, 0.1], f64s = [1, 2.5, 1e100, 1e-7])",
        "(texts = [\"a\", \"\", \"long enough that it is not printed inline\"])",
        "(datas = [0x\"01\", \"ab\", \"\"], colors = [red, green, blue])",
        "(points = [(x = 1, label = \"p\"), ()], grid = [[[1, -1], []], [], [[5]]])",
        "(self = (self = (two = \"inner\"), selves = [(one = 3), (four = void)]))",
        "(where = (city = \"Bern\"), shape = (box = (height = 9)), three = (label = \"third\"))",
        "(where = (), shape = (box = ()), two = \"\")",
        "(shape = (circle = 2), one = 0)",
        "(map = (entries = [(key = \"k\", value = [(x = 8)]), (key = \"l\")]))",
        "# before\n( # inside\n i8 = 1, # between\n )# behind",
};

static void check_prints(const capnp_schema *s, capnp_msg *m, const struct bytes *binary,
                         bool pretty)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1 << 20};
        struct capnp_dynamic_opts o = {.pretty = pretty};
        static struct bytes reference;

        CHECK_EQ(tool(pretty ? "decode" : "decode --short", "All", binary->p, binary->len,
                      &reference),
                 0);
        reference.p[--reference.len] = 0; /* the newline */
        CHECK_OK(capnp_text_print(s, type_id(s, "All"), root_of(m), &o, &b));
        CHECK_STR(b.p, reference.p);
}

TEST_T(reference_and_we_read_and_write_the_same, 120)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        static struct bytes binary;

        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
                CAPNP_AUTO(capnp_msg_freep) capnp_msg *theirs = NULL;
                struct capnp_fault f;

                CHECK_OK(capnp_msg_new(&m));
                CHECK_OK(capnp_text_parse(s, type_id(s, "All"), text_of(good[i]), NULL,
                                          capnp_msg_build(m), &f));
                CHECK_EQ(tool("encode", "All", good[i], strlen(good[i]), &binary), 0);
                CHECK_OK(capnp_msg_parse(binary.p, binary.len, NULL, &theirs));
                check_prints(s, theirs, &binary, true);
                check_prints(s, m, &binary, true);
                check_prints(s, m, &binary, false);
        }
}

TEST(foreign_bytes_are_escaped)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1000};
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        capnp_builder p;

        CHECK_OK(capnp_msg_new(&m));
        p = capnp_abuilder_init_struct(capnp_msg_build(m), 1, 1);
        capnp_builder_set_text(p, 0, "\xff\x1b[2J\xc3\xa9\xed\xa0\x80");
        CHECK_OK(capnp_text_print(s, type_id(s, "Point"), root_of(m), NULL, &b));
        CHECK_STR(b.p, "(x = 0, y = -7, label = \"\\377\\033[2J\xc3\xa9\\355\\240\\200\")");
        b.len = 0;
        CHECK_OK(capnp_json_print(s, type_id(s, "Point"), root_of(m), NULL, &b));
        CHECK_STR(b.p, "{\"x\":0,\"y\":-7,\"label\":"
                       "\"\\ufffd\\u001b[2J\xc3\xa9\\ufffd\\ufffd\\ufffd\"}");
}

/* ---- faults ------------------------------------------------------------------------------- */

static const struct {
        const char *text;
        int r;
        const char *fault;
} bad[] = {
        {"", CAPNP_E_SYNTAX, "f:1:1: the text ends too early"},
        {"(", CAPNP_E_SYNTAX, "f:1:2: the text ends too early: the ( of 1:1 is not closed"},
        {"(i8 = 1,\n i8s = [1,\n", CAPNP_E_SYNTAX,
         "f:3:1: i8s[1]: the text ends too early: the [ of 2:8 is not closed"},
        {"(i8s = [1], \n", CAPNP_E_SYNTAX,
         "f:2:1: the text ends too early: the ( of 1:1 is not closed"},
        {"{\"i8\": 1}", CAPNP_E_SYNTAX, "f:1:1: expected a struct in parentheses"},
        {"i8: 1", CAPNP_E_SYNTAX, "f:1:1: expected a struct in parentheses"},
        {"i8 = 1", CAPNP_E_SYNTAX, "f:1:1: expected a struct in parentheses"},
        {"()x", CAPNP_E_SYNTAX, "f:1:3: something follows the value"},
        {"[]", CAPNP_E_SYNTAX, "f:1:1: expected a struct in parentheses"},
        {"(i8)", CAPNP_E_SYNTAX, "f:1:4: i8: expected ="},
        {"(i8 = )", CAPNP_E_SYNTAX, "f:1:7: i8: expected a value"},
        {"(i8 = 1 i16 = 2)", CAPNP_E_SYNTAX, "f:1:9: expected , or )"},
        {"(,)", CAPNP_E_SYNTAX, "f:1:2: expected a field name"},
        {"(5)", CAPNP_E_SYNTAX, "f:1:2: expected a struct in parentheses"},
        {"(5", CAPNP_E_SYNTAX, "f:1:3: the text ends too early"},
        {"(color = (65536))", CAPNP_E_SYNTAX, "f:1:11: color: out of the range of UInt16"},
        {"(i8s = [,])", CAPNP_E_SYNTAX, "f:1:9: i8s[0]: expected a value"},
        {"(i8s = [1 2])", CAPNP_E_SYNTAX, "f:1:11: i8s: expected , or ]"},
        {"(i8 = 128)", CAPNP_E_SYNTAX, "f:1:7: i8: out of the range of Int8"},
        {"(i8 = -129)", CAPNP_E_SYNTAX, "f:1:7: i8: out of the range of Int8"},
        {"(u8 = -1)", CAPNP_E_SYNTAX, "f:1:7: u8: out of the range of UInt8"},
        {"(u64 = 18446744073709551616)", CAPNP_E_SYNTAX, "f:1:8: u64: out of the range of UInt64"},
        {"(i64 = -9223372036854775809)", CAPNP_E_SYNTAX, "f:1:8: i64: out of the range of Int64"},
        {"(u8 = 1.5)", CAPNP_E_SYNTAX, "f:1:7: u8: expected an integer"},
        {"(u8 = \"1\")", CAPNP_E_SYNTAX, "f:1:7: u8: expected an integer"},
        {"(u8 = 08)", CAPNP_E_SYNTAX, "f:1:8: u8: not an octal number, as which 0 begins one"},
        {"(u8 = 0x)", CAPNP_E_SYNTAX, "f:1:9: u8: not a number"},
        {"(u8 = 1x)", CAPNP_E_SYNTAX, "f:1:8: u8: not a number"},
        {"(f32 = 1e39)", CAPNP_E_SYNTAX, "f:1:8: f32: out of the range of Float32"},
        {"(f64 = 1e400)", CAPNP_E_SYNTAX, "f:1:8: f64: out of the range of Float64"},
        {"(f64 = 1.)", CAPNP_E_SYNTAX, "f:1:10: f64: no digit behind the point"},
        {"(flag = 1)", CAPNP_E_SYNTAX, "f:1:9: flag: expected true or false"},
        {"(nothing = null)", CAPNP_E_SYNTAX, "f:1:12: nothing: expected void"},
        {"(text = hello)", CAPNP_E_SYNTAX, "f:1:9: text: expected a text"},
        {"(text = \"a\n\")", CAPNP_E_SYNTAX, "f:1:11: text: the text is not closed in its line"},
        {"(text = \"\\q\")", CAPNP_E_SYNTAX, "f:1:10: text: no such escape sequence"},
        {"(text = \"\xff\")", CAPNP_E_SYNTAX, "f:1:10: not UTF-8"},
        {"(text = 0x\"41\")", CAPNP_E_SYNTAX, "f:1:9: text: expected a text"},
        {"(data = 0x\"4\")", CAPNP_E_SYNTAX, "f:1:12: data: expected pairs of hexadecimal digits"},
        {"(color = gren)", CAPNP_E_UNKNOWN,
         "f:1:10: color: Color has no `gren`; did you mean `green`?"},
        {"(color = 1)", CAPNP_E_SYNTAX, "f:1:10: color: expected a name of Color"},
        {"(point = [1])", CAPNP_E_SYNTAX, "f:1:10: point: expected a struct in parentheses"},
        {"(points = [(x = 1),\n  (x = 2),\n  (lable = \"x\")])", CAPNP_E_UNKNOWN,
         "f:3:4: points[2]: Point has no `lable`; did you mean `label`?"},
        {"(self = (selves = [(), (where = (zip = true))]))", CAPNP_E_SYNTAX,
         "f:1:40: self.selves[1].where.zip: expected an integer"},
        {"(qqqqqqqqq = 1)", CAPNP_E_UNKNOWN,
         "f:1:2: All has no `qqqqqqqqq`; it has: nothing, flag, i8, i16, i32, i64, u8, u16, u32, "
         "u64, f32, f64, text, data, color, point, given, hello, …"},
        {"(i8 = 1, i8 = 2)", CAPNP_E_SYNTAX, "f:1:10: i8: given twice"},
        {"(one = 1, two = \"\")", CAPNP_E_SYNTAX,
         "f:1:11: two: in one union with `one`, which is given, too"},
        {"(shape = (none = void, circle = 1))", CAPNP_E_SYNTAX,
         "f:1:24: shape.circle: in one union with `none`, which is given, too"},
        {"(grid = [[[1, [2]]]])", CAPNP_E_SYNTAX, "f:1:15: grid[0][0][1]: expected an integer"},
        {"(map = (entries = [(key = 5)]))", CAPNP_E_SYNTAX,
         "f:1:27: map.entries[0].key: expected a text"},
        {"(text = \"\xc3\xa9\xc3\xa9\", i8 = x)", CAPNP_E_SYNTAX,
         "f:1:20: i8: expected an integer"},
};

TEST(faults_are_told_with_their_place)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1000};
                CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
                struct capnp_fault f;

                CHECK_OK(capnp_msg_new(&m));
                CHECK_EQ(capnp_text_parse(s, type_id(s, "All"), text_of(bad[i].text), NULL,
                                          capnp_msg_build(m), &f),
                         bad[i].r);
                CHECK_OK(capnp_fault_print(&f, "f", &b));
                CHECK_STR(b.p, bad[i].fault);
        }
}

TEST(references_have_no_text_form)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        struct capnp_fault f;

        CHECK_OK(capnp_msg_new(&m));
        CHECK_EQ(capnp_text_parse(s, type_id(s, "Caps"), text_of("(node = ())"), NULL,
                                  capnp_msg_build(m), &f),
                 CAPNP_E_SYNTAX);
        CHECK_STR(f.what, "a reference has no text form");
        CHECK_STR(f.path, "node");
        CHECK_EQ(capnp_text_parse(s, 77, text_of("()"), NULL, capnp_msg_build(m), &f),
                 CAPNP_E_UNKNOWN);
}

/* ---- limits ------------------------------------------------------------------------------- */

static int parse_nested(unsigned levels, struct capnp_fault *f)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        char text[2000] = "";
        size_t n = 0;

        for (unsigned i = 1; i < levels; i++)
                n += (size_t)snprintf(text + n, sizeof(text) - n, "(self=");
        n += (size_t)snprintf(text + n, sizeof(text) - n, "()");
        for (unsigned i = 1; i < levels; i++)
                n += (size_t)snprintf(text + n, sizeof(text) - n, ")");
        CHECK_OK(capnp_msg_new(&m));
        return capnp_text_parse(s, type_id(s, "All"), text_of(text), NULL, capnp_msg_build(m), f);
}

TEST(nesting_ends_at_the_limit)
{
        struct capnp_fault f;

        CHECK_OK(parse_nested(64, &f));
        CHECK_EQ(parse_nested(65, &f), CAPNP_E_LIMIT);
        CHECK_STR(f.what, "nested too deeply");
        CHECK(!strncmp(f.path, "...", 3));
}

TEST(texts_and_outputs_end_at_the_limit)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 100};
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        struct capnp_dynamic_opts o = {.text_bytes = 5};
        struct capnp_fault f;

        CHECK_OK(capnp_msg_new(&m));
        CHECK_EQ(capnp_text_parse(s, type_id(s, "All"), text_of("(    )"), &o, capnp_msg_build(m),
                                  &f),
                 CAPNP_E_LIMIT);
        CHECK_OK(capnp_text_parse(s, type_id(s, "All"), text_of("()"), &o, capnp_msg_build(m), &f));
        CHECK_EQ(capnp_text_print(s, type_id(s, "All"), root_of(m), NULL, &b), CAPNP_E_LIMIT);
        CHECK_EQ(b.len, 0);
}

/* 2^29 voids are one pointer on the wire. */
TEST(hostile_list_sizes_end_at_the_limit)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 10000};
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        struct capnp_dynamic_opts pretty = {.pretty = true};
        struct capnp_field_info f;
        capnp_builder all;

        CHECK_OK(capnp_decl_field(capnp_schema_find_name(s, "All"), 18, &f));
        CHECK_STR(f.name, "voids");
        CHECK_OK(capnp_msg_new(&m));
        all = capnp_abuilder_init_struct(capnp_msg_build(m), 12, 30);
        for (uint16_t i = 0; i < 30; i++)
                (void)capnp_abuilder_init_list(capnp_builder_any(all, i), CAPNP_SIZE_VOID,
                                               (1 << 29) - 1);
        CHECK_EQ(capnp_text_print(s, type_id(s, "All"), root_of(m), &pretty, &b), CAPNP_E_LIMIT);
        CHECK_EQ(capnp_json_print(s, type_id(s, "All"), root_of(m), &pretty, &b), CAPNP_E_LIMIT);
}

TORTURE(text_without_memory)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1 << 20};
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        const struct bytes *request = schema_request();
        struct capnp_fault f;

        TORTURE_OK(capnp_schema_new(&s));
        TORTURE_OK(capnp_schema_add_request(s, request->p, request->len, NULL));
        TORTURE_OK(capnp_msg_new(&m));
        TORTURE_OK(capnp_text_parse(s, type_id(s, "All"), text_of(good[13]), NULL,
                                    capnp_msg_build(m), &f));
        TORTURE_OK(capnp_text_print(s, type_id(s, "All"), root_of(m), NULL, &b));
}
