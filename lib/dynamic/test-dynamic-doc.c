/*
 * Comments, annotations and defaults: as the compiler of schemas gives them, through a dump and
 * back, and as nobody would who means well.
 */
#include "test-dynamic.h"

#include "dynamic-buf.h"
#include "dynamic-schema.h"

enum { KIND = 1, LABEL, SIZE, FLAG, MANY };
#define ANNOTATION(n) (UINT64_C(0xd0a1b2c3d4e5f600) + (n))

static capnp_schema *docs_open(void)
{
        return schema_open_file("test-dynamic-doc.capnp");
}

static const capnp_decl *named(const capnp_schema *s, const char *name)
{
        const capnp_decl *d = capnp_schema_find_name(s, name);

        CHECK(d);
        return d;
}

static void docs_check(const capnp_schema *s)
{
        const capnp_decl *d = named(s, "Form");
        struct capnp_method_info m;
        struct capnp_field_info f;

        CHECK_STR(capnp_decl_doc(d), "A form.\nIn two lines.\n");
        CHECK_OK(capnp_decl_field(d, 0, &f));
        CHECK_STR(f.doc, "Whose it is.\n");
        CHECK(f.has_default);
        CHECK_OK(capnp_decl_field(d, 6, &f));
        CHECK_STR(f.doc, "");
        CHECK(!f.has_default);
        CHECK_STR(capnp_decl_member_doc(d, 8), "Of the group.\n");
        CHECK_STR(capnp_decl_member_doc(d, 9), "");
        CHECK_STR(capnp_decl_member_doc(named(s, "Form.more"), 0), "Of ratio.\n");
        CHECK_STR(capnp_decl_member_doc(named(s, "Kind"), 1), "The other one.\n");
        CHECK_STR(capnp_decl_doc(named(s, "Point")), "");
        CHECK_STR(capnp_decl_member_doc(named(s, "Point"), 0), "");
        CHECK_OK(capnp_schema_find_method(s, type_id(s, "Remaker"), "make", &m));
        CHECK_STR(capnp_method_doc(s, &m), "Makes one.\n");
        CHECK_OK(capnp_schema_find_method(s, type_id(s, "Remaker"), "remake", &m));
        CHECK_STR(capnp_method_doc(s, &m), "Makes again.\n");
        m.interface = 1;
        CHECK_STR(capnp_method_doc(s, &m), "");
}

TEST(comments_are_told)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = docs_open();

        docs_check(s);
        CHECK_STR(capnp_decl_doc(named(s, "test-dynamic-doc.capnp")),
                  "What an author writes beside the types, for the tests of lib/dynamic.\n");
}

TEST(comments_come_along_in_a_dump)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = docs_open();
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *again = NULL;
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1 << 20};

        CHECK_OK(capnp_schema_dump(s, type_id(s, "Remaker"), &b));
        CHECK_OK(capnp_schema_new(&again));
        CHECK_OK(capnp_schema_add_request(again, b.p, b.len, NULL));
        docs_check(again);
}

TEST(who_is_known_keeps_its_comment)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = docs_open();
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        static struct bytes b;
        node_source_info_builder info;
        code_generator_request_builder r;
        node_builder n;

        CHECK_OK(capnp_msg_new(&m));
        r = code_generator_request_build(m);
        n = node_list_builder_get(code_generator_request_init_nodes(r, 1), 0);
        node_set_id(n, type_id(s, "Form"));
        node_set_display_name(n, "mine");
        (void)node_init_struct(n);
        info = node_source_info_list_builder_get(code_generator_request_init_source_info(r, 1), 0);
        node_source_info_set_id(info, type_id(s, "Form"));
        node_source_info_set_doc_comment(info, "Mine.");
        b.len = capnp_msg_size(m);
        CHECK_OK(capnp_msg_write(m, b.p, sizeof(b.p)));
        CHECK_OK(capnp_schema_add_request(s, b.p, b.len, NULL));
        docs_check(s);
}

TEST(annotations_are_told)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = docs_open();
        const capnp_decl *form = named(s, "Form"), *kind = named(s, "Kind");
        struct capnp_method_info m;
        struct capnp_annotation a;

        CHECK_OK(capnp_decl_annotation(form, CAPNP_DECL_ITSELF, ANNOTATION(KIND), &a));
        CHECK_EQ(a.type, VALUE_ENUM);
        CHECK_EQ(a.bits, 1);
        CHECK(!a.text.p);
        CHECK_OK(capnp_decl_annotation(form, 0, ANNOTATION(LABEL), &a));
        CHECK_EQ(a.type, VALUE_TEXT);
        CHECK_STR(a.text.p, "Your name");
        CHECK_OK(capnp_decl_annotation(form, 0, ANNOTATION(SIZE), &a));
        CHECK_EQ(a.type, VALUE_INT16);
        CHECK_EQ(a.bits, 0xfffd);
        CHECK_EQ(capnp_decl_annotation(form, 1, ANNOTATION(LABEL), &a), CAPNP_E_UNKNOWN);
        CHECK_EQ(capnp_decl_annotation(form, 9, ANNOTATION(LABEL), &a), CAPNP_E_UNKNOWN);
        CHECK_OK(capnp_decl_annotation(kind, 1, ANNOTATION(SIZE), &a));
        CHECK_EQ(a.bits, 2);
        CHECK_OK(capnp_decl_annotation(kind, 1, ANNOTATION(LABEL), &a));
        CHECK_STR(a.text.p, "Très fancy");
        CHECK_OK(capnp_decl_annotation(named(s, "Maker"), CAPNP_DECL_ITSELF, ANNOTATION(FLAG), &a));
        CHECK_EQ(a.type, VALUE_VOID);
        CHECK_OK(capnp_schema_find_method(s, type_id(s, "Remaker"), "make", &m));
        CHECK_OK(capnp_method_annotation(s, &m, ANNOTATION(KIND), &a));
        CHECK_EQ(a.bits, 1);
        CHECK_EQ(capnp_method_annotation(s, &m, ANNOTATION(MANY), &a), CAPNP_E_UNKNOWN);
        CHECK_OK(capnp_schema_find_method(s, type_id(s, "Remaker"), "long", &m));
        CHECK_OK(capnp_method_annotation(s, &m, ANNOTATION(MANY), &a));
        CHECK_EQ(a.type, VALUE_LIST);
        CHECK_EQ(capnp_any_list(a.any, CAPNP_SIZE_POINTER, NULL).len, 1);
        m.interface = 1;
        CHECK_EQ(capnp_method_annotation(s, &m, ANNOTATION(MANY), &a), CAPNP_E_UNKNOWN);
}

TEST(defaults_are_printed)
{
        static const struct {
                const char *text, *json;
        } want[] = {
                {"\"some\\nbody\"", "\"some\\nbody\""},
                {"7", "7"},
                {"fancy", "\"fancy\""},
                {"(age = 7, kind = fancy, plain = 0, big = 18446744073709551615, "
                 "more = (ratio = -inf))",
                 NULL},
                {"[\"a\", \"b\"]", "[\"a\",\"b\"]"},
                {"(x = 3, y = -7)", "{\"x\":3,\"y\":-7}"},
                {"0", "0"},
                {"18446744073709551615", "\"18446744073709551615\""},
        };
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = docs_open();
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1000};
        const capnp_decl *d = named(s, "Form");

        for (uint32_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
                b.len = 0;
                CHECK_OK(capnp_text_print_default(s, d, i, NULL, &b));
                CHECK_STR(b.p, want[i].text);
                b.len = 0;
                CHECK_OK(capnp_json_print_default(s, d, i, NULL, &b));
                if (want[i].json)
                        CHECK_STR(b.p, want[i].json);
        }
        CHECK_EQ(capnp_text_print_default(s, d, 8, NULL, &b), CAPNP_E_UNKNOWN); /* a group */
        CHECK_EQ(capnp_text_print_default(s, d, 9, NULL, &b), CAPNP_E_UNKNOWN);
        CHECK_EQ(capnp_text_print_default(s, named(s, "Kind"), 0, NULL, &b), CAPNP_E_UNKNOWN);
        b.len = 0;
        b.max = 3;
        CHECK_EQ(capnp_text_print_default(s, d, 4, NULL, &b), CAPNP_E_LIMIT);
        CHECK_EQ(b.len, 0);
}

TEST(types_of_fields_are_written)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = docs_open();
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 100};
        const capnp_decl *d = named(s, "Form");

        CHECK_OK(capnp_decl_field_type(s, d, 4, &b));
        CHECK_STR(b.p, "List(Text)");
        b.len = 0;
        CHECK_OK(capnp_decl_field_type(s, d, 2, &b));
        CHECK_STR(b.p, "Kind");
        CHECK_EQ(capnp_decl_field_type(s, d, 9, &b), CAPNP_E_UNKNOWN);
        CHECK_EQ(capnp_decl_field_type(s, named(s, "Kind"), 0, &b), CAPNP_E_UNKNOWN);
}

TEST(usage_has_defaults)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = docs_open();
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1000};
        struct capnp_method_info m;

        CHECK_OK(capnp_schema_find_method(s, 0, "make", &m));
        CHECK_OK(capnp_schema_usage(s, &m, &b));
        CHECK_STR(b.p, "make(form :Form, count :UInt32 = 20, name :Text = \"x\") -> (n :UInt32)");
        b.len = 0;
        CHECK_OK(capnp_schema_find_method(s, 0, "long", &m));
        CHECK_OK(capnp_schema_usage(s, &m, &b));
        CHECK_STR(b.p, "long(text :Text = …) -> stream");
}

/* ---- from who means no good --------------------------------------------------------------- */

/* A request with an enum of two, and this many comments on it. */
struct sample {
        capnp_msg *m;
        node_builder node;
        enumerant_builder one;
        node_source_info_list_builder infos;
};

static struct sample sample_new(uint32_t ninfos)
{
        struct sample a = {0};
        code_generator_request_builder r;
        enumerant_list_builder list;

        CHECK_OK(capnp_msg_new(&a.m));
        r = code_generator_request_build(a.m);
        a.node = node_list_builder_get(code_generator_request_init_nodes(r, 1), 0);
        node_set_id(a.node, 0x900);
        node_set_display_name(a.node, "x.capnp:E");
        list = node_enum_init_enumerants(node_init_enum(a.node), 2);
        a.one = enumerant_list_builder_get(list, 0);
        enumerant_set_name(a.one, "a");
        enumerant_set_name(enumerant_list_builder_get(list, 1), "b");
        a.infos = code_generator_request_init_source_info(r, ninfos);
        for (uint32_t i = 0; i < ninfos; i++)
                node_source_info_set_id(node_source_info_list_builder_get(a.infos, i), 0x900);
        return a;
}

/* Adds the sample to a new registry; frees it. */
static int sample_add(struct sample *a, capnp_schema **ret_s)
{
        static struct bytes b;

        CHECK_OK(capnp_msg_check(a->m));
        b.len = capnp_msg_size(a->m);
        CHECK_OK(capnp_msg_write(a->m, b.p, sizeof(b.p)));
        a->m = capnp_msg_free(a->m);
        CHECK_OK(capnp_schema_new(ret_s));
        return capnp_schema_add_request(*ret_s, b.p, b.len, NULL);
}

TEST(comments_that_are_no_text_are_none)
{
        static const char *const bad[] = {"\xff", "ok\xc3", "\xed\xa0\x80", "\xf5\x80\x80\x80"};

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;
                struct sample a = sample_new(1);

                node_source_info_set_doc_comment(node_source_info_list_builder_get(a.infos, 0),
                                                 bad[i]);
                CHECK_OK(sample_add(&a, &s));
                CHECK_STR(capnp_decl_doc(named(s, "E")), "");
        }
}

TEST(comments_on_what_is_not_there_mean_nothing)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;
        struct sample a = sample_new(3);
        node_source_info_builder info = node_source_info_list_builder_get(a.infos, 0);
        node_source_info_member_list_builder list = node_source_info_init_members(info, 5000);

        for (uint32_t i = 0; i < 5000; i++)
                node_source_info_member_set_doc_comment(
                        node_source_info_member_list_builder_get(list, i), i ? "many" : "one");
        node_source_info_set_id(node_source_info_list_builder_get(a.infos, 1), 0x901);
        node_source_info_set_doc_comment(node_source_info_list_builder_get(a.infos, 1), "other");
        node_source_info_set_doc_comment(node_source_info_list_builder_get(a.infos, 2), "again");
        CHECK_OK(sample_add(&a, &s));
        CHECK_STR(capnp_decl_doc(named(s, "E")), "again");
        CHECK_STR(capnp_decl_member_doc(named(s, "E"), 0), "one");
        CHECK_STR(capnp_decl_member_doc(named(s, "E"), 1), "many");
        CHECK_STR(capnp_decl_member_doc(named(s, "E"), 2), "");
}

/* A comment that is a list of something else. */
TEST(comments_of_another_type_are_refused)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;
        struct sample a = sample_new(1);
        capnp_builder b = node_source_info_list_builder_get(a.infos, 0).b;

        (void)capnp_abuilder_init_list(capnp_builder_any(b, 0), CAPNP_SIZE_EIGHT, 4);
        CHECK_EQ(sample_add(&a, &s), CAPNP_E_POISON);
}

/* What would be found only when somebody asks would then spoil the dumps of everything. */
TEST(annotations_of_another_type_are_refused)
{
        for (unsigned member = 0; member < 2; member++) {
                CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;
                struct sample a = sample_new(0);
                annotation_builder n;
                value_builder v;

                n = annotation_list_builder_get(member ? enumerant_init_annotations(a.one, 1)
                                                       : node_init_annotations(a.node, 1),
                                                0);
                annotation_set_id(n, 7);
                v = annotation_init_value(n);
                value_set_text(v, "x");
                (void)capnp_abuilder_init_list(capnp_builder_any(v.b, 0), CAPNP_SIZE_EIGHT, 4);
                CHECK_EQ(sample_add(&a, &s), CAPNP_E_POISON);
        }
}

TEST(annotations_of_unknown_types_are_told)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;
        struct sample a = sample_new(0);
        struct capnp_annotation got = {.bits = 1};
        annotation_builder n = annotation_list_builder_get(node_init_annotations(a.node, 1), 0);

        annotation_set_id(n, 7);
        capnp_builder_set_u16(annotation_init_value(n).b, 0, 999, 0);
        CHECK_OK(sample_add(&a, &s));
        CHECK_OK(capnp_decl_annotation(named(s, "E"), CAPNP_DECL_ITSELF, 7, &got));
        CHECK(!got.bits && !got.text.p && got.type > VALUE_ANY_POINTER);
}

TORTURE(comments_without_memory)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1 << 20};
        static struct bytes request;
        struct capnp_method_info m;

        if (!request.len)
                schema_describe("test-dynamic-doc.capnp", &request);
        TORTURE_OK(capnp_schema_new(&s));
        TORTURE_OK(capnp_schema_add_request(s, request.p, request.len, NULL));
        CHECK_OK(capnp_schema_find_method(s, 0, "make", &m));
        TORTURE_OK(capnp_schema_usage(s, &m, &b));
        b.len = 0;
        TORTURE_OK(capnp_schema_dump(s, type_id(s, "Remaker"), &b));
}
