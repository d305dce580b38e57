/*
 * Texts at the edges of both languages, beside the reference, which is run on each: where the two
 * do not agree, the row says how, and so somebody has thought about it.
 */
#include "test-dynamic.h"

enum verdict {
        SAME,     /* both read it as the same, or both refuse it */
        MORE,     /* only we take it */
        LESS,     /* only the reference takes it */
        OTHERWISE /* both take it, and the reference is wrong */
};

struct edge {
        enum verdict verdict;
        const char *text;
};

static const struct edge json[] = {
        {SAME, "{}"},
        {SAME, "{\"f\":1}"},
        {SAME, "{\"f\":\"NaN\"}"},
        {SAME, "{\"f\":\"nan\"}"},
        {SAME, "{\"f\":\"Infinity\"}"},
        {SAME, "{\"f\":\"-Infinity\"}"},
        {SAME, "{\"f\":\"inf\"}"},
        {SAME, "{\"f\":NaN}"},
        {LESS, "{\"f\":1e999}"},
        {LESS, "{\"f\":\"1e999\"}"},
        {LESS, "{\"g\":1e39}"},
        {SAME, "{\"f\":\"1.5\"}"},
        {SAME, "{\"f\":\"x\"}"},
        {SAME, "{\"f\":null}"},
        {SAME, "{\"f\":true}"},
        {SAME, "{\"i\":\"9223372036854775807\"}"},
        {MORE, "{\"i\":9223372036854775807}"},
        {SAME, "{\"i\":\"9223372036854775808\"}"},
        {SAME, "{\"i\":-1}"},
        {SAME, "{\"u\":-1}"},
        {SAME, "{\"u\":\"18446744073709551615\"}"},
        {MORE, "{\"u\":18446744073709551615}"},
        {SAME, "{\"u\":1e3}"},
        {SAME, "{\"i8\":1.0}"},
        {SAME, "{\"i8\":1e2}"},
        {SAME, "{\"i8\":1.5}"},
        {MORE, "{\"i8\":\"1.0\"}"},
        {MORE, "{\"i8\":\"1e2\"}"},
        {SAME, "{\"i8\":128}"},
        {SAME, "{\"i8\":\"12\"}"},
        {SAME, "{\"i8\":\"128\"}"},
        {SAME, "{\"i8\":null}"},
        {SAME, "{\"e\":\"green\"}"},
        {SAME, "{\"e\":1}"},
        {SAME, "{\"e\":700}"},
        {SAME, "{\"e\":\"zz\"}"},
        {SAME, "{\"e\":null}"},
        {SAME, "{\"e\":\"1\"}"},
        {SAME, "{\"e\":1.0}"},
        {MORE, "{\"t\":null}"},
        {SAME, "{\"t\":\"\\u0000\"}"},
        {OTHERWISE, "{\"t\":\"\\ud83d\\ude00\"}"},
        {LESS, "{\"t\":\"\\ud83d\"}"},
        {SAME, "{\"t\":\"\303\251\"}"},
        {LESS, "{\"t\":\"a\tb\"}"},
        {OTHERWISE, "{\"t\":\"\\u00e9\"}"},
        {OTHERWISE, "{\"t\":\"\\u00E9\"}"},
        {SAME, "{\"t\":5}"},
        {MORE, "{\"d\":\"YWJj\"}"},
        {SAME, "{\"d\":[97,98,99]}"},
        {SAME, "{\"d\":[256]}"},
        {SAME, "{\"d\":[-1]}"},
        {SAME, "{\"d\":[1.0]}"},
        {OTHERWISE, "{\"d\":[\"1\"]}"},
        {SAME, "{\"d\":[]}"},
        {SAME, "{\"d\":\"YWJ\"}"},
        {SAME, "{\"d\":\"YW Jj\"}"},
        {SAME, "{\"d\":\"-_==\"}"},
        {SAME, "{\"b\":true}"},
        {SAME, "{\"b\":1}"},
        {SAME, "{\"b\":\"true\"}"},
        {SAME, "{\"b\":null}"},
        {SAME, "{\"v\":null}"},
        {LESS, "{\"v\":5}"},
        {LESS, "{\"v\":\"x\"}"},
        {LESS, "{\"v\":{}}"},
        {SAME, "{\"nope\":1}"},
        {SAME, "{\"nope\":{\"a\":[1,\"x\"]}}"},
        {LESS, "{\"t\":\"a\",\"t\":\"b\"}"},
        {SAME, "{\"l\":[\"YQ==\"]}"},
        {MORE, "{\"l\":[null]}"},
        {MORE, "{\"l\":null}"},
        {SAME, "{\"l\":{}}"},
        {SAME, " {\"t\" : \"x\" } "},
        {SAME, "{\"t\":\"x\"} x"},
        {SAME, "[]"},
        {SAME, "null"},
        {SAME, "{\"t\":\"x\",}"},
        {SAME, "{\"T\":\"x\"}"},
        {SAME, "{\"i\":0x10}"},
        {SAME, "{\"i\":01}"},
        {SAME, "{\"i\":+1}"},
        {SAME, "{\"f\":.5}"},
        {LESS, "{\"f\":5.}"},
        {MORE, "{\"c\":null}"},
        {MORE, "{\"p\":null}"},
        {LESS, "{\"i\":\"0x10\"}"},
        {LESS, "{\"i\":\" 5\"}"},
        {SAME, "{\"i\":\"\"}"},
        {MORE, "{\"i\":\"5.0\"}"},
        {SAME, "{\"i\":5.0}"},
        {SAME, "{\"f\":-0}"},
        {SAME, "{\"f\":1e-400}"},
        {SAME, "{\"t\":\"/\\/\"}"},
        {SAME, "{\"t\":\"\\x41\"}"},
        {SAME, "// c\n{}"},
        {SAME, "\357\273\277{}"},
        {SAME, "{\"f\":123456789012345678901234567890}"},
        {MORE, "{\"s\":null}"},
        {SAME, "{\"s\":{\"s\":{\"i8\":3}}}"},
        {SAME, "{\"w\":[{},{\"i8\":1}]}"},
        {SAME, "{\"w\":[null]}"},
        {SAME, "{\"s\":[]}"},
        {MORE, "{\"ds\":[[1],null,[]]}"},
        {SAME, "{\"es\":[\"red\",1,700]}"},
        {SAME, "{\"i\":true}"},
        {SAME, "{\"i\":1e19}"},
        {SAME, "{\"i\":-9223372036854775808}"},
        {SAME, "{\"i\":9223372036854775808}"},
        {SAME, "{\"u\":1e19}"},
        {SAME, "{\"u\":18446744073709551616}"},
        {SAME, "{\"i8\":-0}"},
        {SAME, "{\"u16\":\"65535\"}"},
        {SAME, "{\"u16\":65536}"},
        {OTHERWISE, "{\"i\":9007199254740993}"},
        {SAME, "{\"i\":1.5}"},
        {SAME, "{\"t\":[\"a\"]}"},
};

static const struct edge text[] = {
        {SAME, "()"},
        {SAME, ""},
        {SAME, "(f=1)"},
        {SAME, "f = 1"},
        {SAME, "(f=inf)"},
        {MORE, "(f=-inf)"},
        {SAME, "(f=nan)"},
        {SAME, "(f=1e5)"},
        {SAME, "(f=1e+5)"},
        {SAME, "(f=0x10)"},
        {SAME, "(i=0x10)"},
        {SAME, "(i=010)"},
        {MORE, "(i=-0x10)"},
        {SAME, "(i=0b11)"},
        {SAME, "(t=\"a\" \"b\")"},
        {SAME, "(t=\"\\x41\\101\\n\")"},
        {SAME, "(t=`x)"},
        {SAME, "(t=\"a\nb\")"},
        {SAME, "(d=0x\"61 62\")"},
        {SAME, "(d=\"abc\")"},
        {SAME, "(d=0x\"6162\")"},
        {SAME, "(d=0x\"616\")"},
        {SAME, "(e=green)"},
        {SAME, "(e=1)"},
        {MORE, "(e=(1))"},
        {MORE, "(e=(700))"},
        {MORE, "(e=( 700 ))"},
        {SAME, "(e=(65536))"},
        {SAME, "(e=(-1))"},
        {MORE, "(es=[red,(700),(1)])"},
        {SAME, "(i=(5))"},
        {SAME, "(l=[\"a\",\"b\",])"},
        {SAME, "(t=\"x\",)"},
        {SAME, "(,t=\"x\")"},
        {SAME, "(t=\"x\"; i=1)"},
        {SAME, "(t=\"x\" i=1)"},
        {SAME, "# c\n(t=\"x\")"},
        {SAME, "(t=\"x\") # c"},
        {LESS, "(t=\"x\")(t=\"y\")"},
        {SAME, "(v=void)"},
        {SAME, "(v)"},
        {SAME, "(c=null)"},
        {SAME, "(p=void)"},
        {SAME, "(p=(x=1))"},
        {SAME, "(nope=1)"},
        {LESS, "(t=\"a\",t=\"b\")"},
        {SAME, "(b=true)"},
        {SAME, "(b=1)"},
        {SAME, "(i8=128)"},
        {MORE, "(i8=-128)"},
        {SAME, "(u=-1)"},
        {SAME, "(u=18446744073709551615)"},
        {LESS, "(u=18446744073709551616)"},
        {MORE, "(i=-9223372036854775808)"},
        {SAME, "(i=9223372036854775808)"},
        {MORE, "(f=-1.5e-3)"},
        {SAME, "(f=- 1)"},
        {LESS, "(f=5.)"},
        {SAME, "(f=.5)"},
        {LESS, "(g=1e39)"},
        {LESS, "(f=1e999)"},
        {SAME, "(t=\"\\u00e9\")"},
        {SAME, "(t=\"\\?\")"},
        {SAME, "(t=\"\\0\")"},
        {LESS, "(t=\"\\400\")"},
        {SAME, "(t=\"\303\251\")"},
        {SAME, "(f=true)"},
        {SAME, "(i=1.0)"},
        {SAME, "(l=[0x\"ff\", \"x\"])"},
        {SAME, "(t=1)"},
        {SAME, "(t=.foo)"},
        {OTHERWISE, "(t = \"\\xff\")"},
        {OTHERWISE, "(t = \"\\377\")"},
        {OTHERWISE, "(t = \"\\377\\303\\251\")"},
        {SAME, "(d = \"\\xff\")"},
        {SAME, "(f = 1_000)"},
        {SAME, "(f=infinity)"},
        {SAME, "(i=1 )"},
        {SAME, "(b = True)"},
        {OTHERWISE, "(l=[\"\\377\"])"},
        {SAME, "(i=5.0)"},
        {SAME, "(f=5)"},
        {MORE, "(f=-0)"},
        {SAME, "(f=0)"},
        {SAME, "(s=(s=(i8=3)))"},
        {SAME, "(w=[(),(i8=1)])"},
        {SAME, "(ds=[\"a\",\"\\377\"])"},
};

/* `capnp convert FROM:TO` of a text; false: refused. The tool warns and goes on: no value. */
static bool reference(const char *how, const char *type, const char *in, struct bytes *ret)
{
        const char *dir = getenv("CAPOS_SRCDIR");
        char line[1024];
        int r;

        (void)snprintf(line, sizeof(line),
                       "capnp convert --quiet %s -I/usr/include "
                       "%s/lib/dynamic/test-dynamic-edges.capnp %s 2>/dev/null",
                       how, dir ? dir : ".", type);
        r = tool_run(line, in, strlen(in), ret);
        while (ret->len && ret->p[ret->len - 1] == '\n')
                ret->p[--ret->len] = 0;
        return !r && ret->len;
}

static bool ours(const capnp_schema *s, bool is_json, const char *in, struct capnp_buf *b)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;

        CHECK_OK(capnp_msg_new(&m));
        if ((is_json ? capnp_json_parse : capnp_text_parse)(s, type_id(s, "Edge"), text_of(in),
                                                            NULL, capnp_msg_build(m), NULL))
                return false;

        CHECK_OK(capnp_text_print(s, type_id(s, "Edge"), root_of(m), NULL, b));
        return true;
}

static bool edge_holds(const capnp_schema *s, bool is_json, const struct edge *e)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 10000};
        bool we = ours(s, is_json, e->text, &b), they;
        enum verdict found = SAME;
        static struct bytes out;

        they = reference(is_json ? "--short json:text" : "--short text:text", "Edge", e->text,
                         &out);
        if (we != they)
                found = we ? MORE : LESS;
        else if (we && strcmp(b.p, out.p) != 0)
                found = OTHERWISE;
        if (found != e->verdict)
                fprintf(stderr, "%s: %d and not %d\n  ours    %s\n  theirs  %s\n", e->text, found,
                        e->verdict, we ? b.p : "refused", they ? out.p : "refused");
        return found == e->verdict;
}

TEST_T(json_at_its_edges, 300)
{
        CAPNP_AUTO(capnp_schema_freep)
        capnp_schema *s = schema_open_file("test-dynamic-edges.capnp");
        unsigned wrong = 0;

        for (size_t i = 0; i < sizeof(json) / sizeof(json[0]); i++)
                wrong += !edge_holds(s, true, &json[i]);
        CHECK_EQ(wrong, 0);
}

TEST_T(text_at_its_edges, 300)
{
        CAPNP_AUTO(capnp_schema_freep)
        capnp_schema *s = schema_open_file("test-dynamic-edges.capnp");
        unsigned wrong = 0;

        for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
                wrong += !edge_holds(s, false, &text[i]);
        CHECK_EQ(wrong, 0);
}

/* ---- annotations -------------------------------------------------------------------------- */

/* Values of Told, in text: as JSON they look as the reference says, and come back. */
static const char *const told[] = {
        "()",
        "(name = \"a\", word = other, words = [plain, other])",
        "(number = \"abc\", base = \"abc\", hex = \"\\000\\377z\", datas = [\"x\"])",
        "(kind = (int = 5))",
        "(kind = (text = \"t\"))",
        "(kind = (none = void))",
        "(kind = (inner = (x = 1, y = \"y\")))",
        "(flat = (one = 5))",
        "(flat = (two = (x = \"t\", y = 9)))",
        "(flat = (three = void))",
        "(flat = (four = (a = 1, c = \"in\")))",
        "(box = (width = 1, label = \"l\", deep = (size = 9)))",
        "(choice = (s = (a = 1, c = \"b\"), after = 3))",
        "(choice = (t = (a = 1, same = (a = 2))))",
        "(choice = (k = \"kk\"))",
        "(choices = [(z = void), (k = \"x\"), (s = (a = 2))])",
        "(leaf = (a = 3, c = \"leaf\", same = (c = \"below\")))",
        "(plain = (a = 3))",
        "(plain = (b = \"b\"))",
};

static void check_told(const capnp_schema *s, const char *value, bool pretty)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 10000}, again = {.max = 10000};
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL, *back = NULL;
        struct capnp_dynamic_opts o = {.pretty = pretty, .reject_unknown = true};
        uint64_t id = type_id(s, "Told");
        static struct bytes theirs;
        struct capnp_fault f = {0};

        CHECK_OK(capnp_msg_new(&m));
        CHECK_OK(capnp_msg_new(&back));
        CHECK_OK(capnp_text_parse(s, id, text_of(value), NULL, capnp_msg_build(m), NULL));
        CHECK_OK(capnp_json_print(s, id, root_of(m), &o, &b));
        CHECK(reference(pretty ? "text:json" : "--short text:json", "Told", value, &theirs));
        CHECK_STR(b.p, theirs.p);
        CHECK_OK(capnp_json_parse(s, id, text_of(theirs.p), &o, capnp_msg_build(back), &f));
        b.len = 0;
        CHECK_OK(capnp_text_print(s, id, root_of(m), NULL, &b));
        CHECK_OK(capnp_text_print(s, id, root_of(back), NULL, &again));
        CHECK_STR(again.p, b.p);
}

TEST_T(annotations_of_json_are_heeded, 300)
{
        CAPNP_AUTO(capnp_schema_freep)
        capnp_schema *s = schema_open_file("test-dynamic-edges.capnp");

        for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
                check_told(s, told[i], false);
                check_told(s, told[i], true);
        }
}

/* JSON of Told, read: what comes out as text, or why not. */
static const struct {
        const char *json;
        int r;
        const char *text; /* that is in the text, or in the fault */
} reads[] = {
        {"{\"a name\":\"x\"}", 0, "name = \"x\""},
        {"{\"name\":\"x\"}", CAPNP_E_UNKNOWN, "Told has no `name`"},
        {"{\"\\u0061 name\":\"x\"}", 0, "name = \"x\""},
        {"{\"word\":\"other-word\"}", 0, "word = other"},
        {"{\"word\":\"other\"}", CAPNP_E_UNKNOWN, "Word has no `other`"},
        {"{\"hex\":\"00Ff\"}", 0, "hex = \"\\000\\377\""},
        {"{\"hex\":[0,255]}", 0, "hex = \"\\000\\377\""},
        {"{\"hex\":\"0g\"}", CAPNP_E_SYNTAX, "hex: not hexadecimal"},
        {"{\"hex\":\"0\"}", CAPNP_E_SYNTAX, "hex: not hexadecimal"},
        {"{\"base\":[1]}", 0, "base = \"\\001\""},
        /* The value may come before the tag that says what it is. */
        {"{\"kind\":{\"value\":\"t\",\"kind\":\"text\"}}", 0, "kind = (text = \"t\")"},
        {"{\"kind\":{\"kind\":\"none\"}}", 0, "kind = (none = void)"},
        {"{\"kind\":{\"value\":\"t\"}}", CAPNP_E_UNKNOWN, "kind has no `value`"},
        {"{\"kind\":{\"text\":\"t\"}}", CAPNP_E_UNKNOWN, "kind has no `text`"},
        {"{\"kind\":{\"kind\":\"txt\"}}", CAPNP_E_UNKNOWN, "did you mean `text`?"},
        {"{\"kind\":{\"kind\":5}}", CAPNP_E_SYNTAX, "kind.kind: expected the name of a member"},
        {"{\"two_y\":4,\"flat\":\"two\"}", 0, "flat = (two = (y = 4))"},
        {"{\"flat\":\"drei\"}", 0, "flat = (three = void)"},
        {"{\"flat\":\"three\"}", CAPNP_E_UNKNOWN, "flat has no `three`"},
        {"{\"flat\":\"one\",\"two_y\":4}", CAPNP_E_UNKNOWN, "Told has no `two_y`"},
        {"{\"flat\":\"four\",\"c\":\"in\"}", 0, "flat = (four = (a = 0, c = \"in\"))"},
        {"{\"one\":5}", 0, "flat = (one = 5)"},
        {"{\"box.deep.size\":3,\"box.width\":2}", 0, "box = (width = 2, deep = (size = 3))"},
        {"{\"box\":{\"width\":2}}", CAPNP_E_UNKNOWN, "Told has no `box`"},
        {"{\"box.width\":2,\"box.width\":3}", CAPNP_E_SYNTAX, "box.width: given twice"},
        {"{\"choice\":{\"t.c\":\"x\",\"type\":\"t\",\"after\":1}}", 0,
         "choice = (t = (a = 0, c = \"x\"), after = 1)"},
        {"{\"choice\":{\"type\":\"kay\",\"kay\":\"x\"}}", 0, "choice = (k = \"x\""},
        {"{\"leaf-same\":{\"a\":1}}", 0, "leaf = (a = 0, same = (a = 1))"},
        {"{\"leaf-\":1}", CAPNP_E_UNKNOWN, "Told has no `leaf-`"},
};

TEST(annotated_json_is_read)
{
        CAPNP_AUTO(capnp_schema_freep)
        capnp_schema *s = schema_open_file("test-dynamic-edges.capnp");

        for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
                CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 10000};
                CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
                struct capnp_dynamic_opts o = {.reject_unknown = true};
                uint64_t id = type_id(s, "Told");
                struct capnp_fault f = {0};
                int r;

                CHECK_OK(capnp_msg_new(&m));
                r = capnp_json_parse(s, id, text_of(reads[i].json), &o, capnp_msg_build(m), &f);
                if (r)
                        CHECK_OK(capnp_fault_print(&f, NULL, &b));
                else
                        CHECK_OK(capnp_text_print(s, id, root_of(m), NULL, &b));
                if (r != reads[i].r || !strstr(b.p, reads[i].text))
                        test_fail(__FILE__, __LINE__, "%s: %d, %s", reads[i].json, r, b.p);
                /* Without the option what is unknown is left out. */
                if (r == CAPNP_E_UNKNOWN && !strstr(reads[i].json, "word"))
                        CHECK_OK(capnp_json_parse(s, id, text_of(reads[i].json), NULL,
                                                  capnp_msg_build(m), NULL));
        }
}

/* What is flattened into itself ends: all of what is there is taken once, or it is too much. */
TEST(knots_end)
{
        static const struct {
                const char *json;
                int r;
        } rows[] = {
                {"{}", 0},
                {"{\"m\":1,\"aa\":2}", 0},
                {"{\"aaaaa\":1}", 0},
                {"{\"x\":1}", CAPNP_E_LIMIT},
                {"{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaax\":1}", CAPNP_E_LIMIT},
        };
        CAPNP_AUTO(capnp_schema_freep)
        capnp_schema *s = schema_open_file("test-dynamic-edges.capnp");
        uint64_t id = type_id(s, "Knot");

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 10000};
                CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;

                CHECK_OK(capnp_msg_new(&m));
                CHECK_EQ(capnp_json_parse(s, id, text_of(rows[i].json), NULL, capnp_msg_build(m),
                                          NULL),
                         rows[i].r);
                if (!rows[i].r)
                        CHECK_OK(capnp_json_print(s, id, root_of(m), NULL, &b));
        }
}
