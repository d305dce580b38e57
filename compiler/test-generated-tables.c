/*
 * Generated tables: where handlers lie, what methods are called, and the schema nodes that a
 * program carries. Also the primitive fields, whose goldens use the names of other tests.
 */
#include "harness.h"

#include "annotations.capnp-c.h"
#include "imports.capnp-c.h"
#include "interfaces.capnp-c.h"
#include "keywords.capnp-c.h"
#include "primitives.capnp-c.h"

#include "test-generated.h"

#include <math.h>

/* ---- interfaces ---- */

/* The handler at an interface's place in an operations struct, found as the library finds it. */
static capnp_handler *handler(const struct capnp_interface *in, const void *ops,
                              const struct capnp_interface *iface, uint16_t method)
{
        for (uint16_t i = 0; i < in->nparts; i++) {
                capnp_handler *h;

                if (in->parts[i].iface != iface)
                        continue;

                memcpy(&h, (const char *)ops + in->parts[i].offset + method * sizeof(h), sizeof(h));
                return h;
        }

        return NULL;
}

static int serve(intptr_t self, capnp_answer *a)
{
        return (int)self + (a ? 1 : 0);
}

static int serve_name(void *self, capnp_answer *a)
{
        return serve((intptr_t)self + 1, a);
}

static int serve_list(void *self, capnp_answer *a)
{
        return serve((intptr_t)self + 2, a);
}

static int serve_put(void *self, capnp_answer *a)
{
        return serve((intptr_t)self + 3, a);
}

static int serve_format(void *self, capnp_answer *a)
{
        return serve((intptr_t)self + 4, a);
}

TEST(handlers_lie_where_the_parts_say)
{
        static const struct only_ops ops = {
                .disk = {.format = serve_format,
                         .folder = {.list = serve_list, .node = {.name = serve_name}},
                         .file = {.put = serve_put}},
        };

        CHECK_EQ(only_interface.nparts, 6);
        CHECK(only_interface.parts[0].iface == &only_interface);
        CHECK(handler(&only_interface, &ops, &disk_interface, 0) == serve_format);
        CHECK(handler(&only_interface, &ops, &folder_interface, 0) == serve_list);
        CHECK(handler(&only_interface, &ops, &node_interface, 0) == serve_name);
        CHECK(handler(&only_interface, &ops, &file_interface, 2) == serve_put);
        CHECK(!handler(&only_interface, &ops, &file_interface, 0));
        CHECK(handler(&disk_interface, &ops.disk, &file_interface, 2) == serve_put);
        CHECK_EQ(serve_name(NULL, NULL), 1);
}

TEST(handlers_of_another_files_interface)
{
        static const struct savings_ops ops = {.deposit = serve_put,
                                               .account = {.balance = serve_list}};

        CHECK(handler(&savings_interface, &ops, &savings_interface, 0) == serve_put);
        CHECK(handler(&savings_interface, &ops, &account_interface, 0) == serve_list);
        CHECK(savings_interface.methods[0].params_words == MONEY_WORDS);
}

TEST(words_of_c_are_members_with_an_underscore)
{
        static const struct operator_ops ops = {
                .delete_ = serve_put, .new_ = serve_list, .unix_ = serve_name};
        static const struct union_ops more = {.struct_ = serve_format,
                                              .operator_ = {.new_ = serve_list}};

        CHECK(handler(&operator_interface, &ops, &operator_interface, 2) == serve_name);
        CHECK(handler(&union_interface, &more, &operator_interface, 1) == serve_list);
        CHECK_STR(union_interface.parts[1].iface->methods[0].name, "delete");
        CHECK_EQ(ENUM_AUTO, 0);
        CHECK_EQ(LONG, 1);
        CHECK_EQ(NULL_, 2);
        CHECK_STR(enum_name(ENUM_TRUE), "true");
}

TEST(methods_have_the_sizes_of_their_structs)
{
        const struct capnp_method *m = folder_interface.methods;

        CHECK_EQ(folder_interface.id, FOLDER_ID);
        CHECK_STR(folder_interface.name, "Folder");
        CHECK_EQ(folder_interface.nmethods, 4);
        CHECK_STR(m[0].name, "list");
        CHECK_EQ(m[0].params_words, 1);
        CHECK_EQ(m[0].params_ptrs, 1);
        CHECK_EQ(m[0].results_words, 1);
        CHECK_EQ(m[0].results_ptrs, 1);
        CHECK(!m[0].stream);
        CHECK(file_interface.methods[0].stream);
        CHECK_EQ(file_interface.methods[2].params_words, SIZE_WORDS);
        CHECK_EQ(file_interface.methods[2].results_ptrs, INFO_PTRS);
        CHECK_EQ(empty_interface.nmethods, 0);
        CHECK(!empty_interface.methods);
}

/* ---- names given by hand ---- */

TEST(annotations_rename)
{
        bank_account_reader r = {{0}};
        bank_short_reader s = {{0}};

        CHECK_EQ(bank_account_number(r), 0);
        CHECK(!bank_account_number_is_set(r));
        CHECK_STR(bank_account_holder_name(bank_account_holder(r)).p, "");
        CHECK_EQ(BANK_ACCOUNT_KIND_SAVINGS, 1);
        CHECK_STR(bank_account_kind_name(BANK_ACCOUNT_KIND_SAVINGS), "kind2");
        CHECK(!bank_short_inner_x(bank_short_inner(s)));
        CHECK_EQ(BANK_MOST, 3);
        CHECK_STR(bank_teller_interface.methods[1].name, "close");
}

/* ---- schema nodes ---- */

/* schema.capnp, Node: id and displayName, by position. */
static void check_node(const struct capnp_schema_node *n)
{
        capnp_reader r = capnp_any_struct((capnp_any){0}, n->words);

        CHECK(capnp_reader_u64(r, 0, 0) == n->id);
        CHECK(capnp_reader_text(r, 0).len > 0);
        CHECK(n->nwords > 1);
}

TEST(the_schema_is_there)
{
        const struct capnp_schema_file *f = &interfaces_capnp_schema;
        capnp_reader r;

        CHECK_STR(f->name, "interfaces.capnp");
        CHECK_EQ(f->nimports, 0);
        CHECK(f->nodes[0].id == f->id);
        for (uint32_t i = 0; i < f->nnodes; i++)
                check_node(&f->nodes[i]);
        r = capnp_any_struct((capnp_any){0}, f->nodes[1].words);
        CHECK_STR(capnp_reader_text(r, 0).p, "interfaces.capnp:Node");

        CHECK_EQ(imports_capnp_schema.nimports, 1);
        CHECK(imports_capnp_schema.imports[0] == &base_capnp_schema);
}

/* ---- primitive fields ---- */

static const char primitives_text[] =
        "(bool = true, int8 = -128, int16 = -32768, int32 = -2147483648, "
        "int64 = -9223372036854775808, "
        "uint8 = 255, uint16 = 65535, uint32 = 4294967295, uint64 = 18446744073709551615, "
        "float32 = 1.5, "
        "float64 = -1e300, nothing = void)";

TEST(primitives_are_built)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        primitives_builder b;

        CHECK_OK(capnp_msg_new(&m));
        b = primitives_build(m);
        primitives_set_bool(b, true);
        primitives_set_int8(b, -128);
        primitives_set_int16(b, -32768);
        primitives_set_int32(b, INT32_MIN);
        primitives_set_int64(b, INT64_MIN);
        primitives_set_uint8(b, 255);
        primitives_set_uint16(b, 65535);
        primitives_set_uint32(b, UINT32_MAX);
        primitives_set_uint64(b, UINT64_MAX);
        primitives_set_float32(b, 1.5f);
        primitives_set_float64(b, -1e300);
        CHECK_OK(capnp_msg_check(m));
        check_decodes("primitives.capnp", "Primitives", m, primitives_text);
}

TEST(primitives_are_read)
{
        CAPNP_AUTO(capnp_msg_freep)
        capnp_msg *m = encoded("primitives.capnp", "Primitives", primitives_text);
        primitives_reader r = primitives_root(m);

        CHECK(primitives_bool(r));
        CHECK_EQ(primitives_int8(r), -128);
        CHECK_EQ(primitives_int16(r), -32768);
        CHECK_EQ(primitives_int32(r), INT32_MIN);
        CHECK(primitives_int64(r) == INT64_MIN);
        CHECK_EQ(primitives_uint8(r), 255);
        CHECK_EQ(primitives_uint16(r), 65535);
        CHECK_EQ(primitives_uint32(r), UINT32_MAX);
        CHECK(primitives_uint64(r) == UINT64_MAX);
        CHECK(primitives_float32(r) == 1.5f);
        CHECK(primitives_float64(r) == -1e300);
        CHECK_OK(capnp_msg_check(m));
}

static void check_defaults(primitive_defaults_reader r)
{
        CHECK(primitive_defaults_bool(r));
        CHECK_EQ(primitive_defaults_int8(r), -128);
        CHECK_EQ(primitive_defaults_int32(r), INT32_MIN);
        CHECK(primitive_defaults_int64(r) == INT64_MIN);
        CHECK_EQ(primitive_defaults_uint8(r), 255);
        CHECK(primitive_defaults_uint64(r) == UINT64_MAX);
        CHECK(primitive_defaults_float32(r) == -0.1f);
        CHECK(primitive_defaults_float64(r) == 1.5e300);
        CHECK(isinf(primitive_defaults_infinite(r)) && primitive_defaults_infinite(r) > 0);
        CHECK(isinf(primitive_defaults_below(r)) && primitive_defaults_below(r) < 0);
        CHECK(isnan(primitive_defaults_unknown(r)));
        CHECK_EQ(primitive_defaults_color(r), PRIMITIVE_DEFAULTS_COLOR_BLUE);
        CHECK(primitive_defaults_whole(r) == 3);
}

TEST(primitive_defaults_are_read)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        primitive_defaults_reader zero = {{0}};

        check_defaults(zero);
        m = encoded("primitives.capnp", "PrimitiveDefaults", "()");
        check_defaults(primitive_defaults_root(m));
}

TEST(primitive_defaults_are_built)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        primitive_defaults_builder b;

        CHECK_OK(capnp_msg_new(&m));
        b = primitive_defaults_build(m);
        primitive_defaults_set_bool(b, false);
        primitive_defaults_set_int8(b, 0);
        primitive_defaults_set_int64(b, 1);
        primitive_defaults_set_uint32(b, 2);
        primitive_defaults_set_float64(b, 0.25);
        primitive_defaults_set_unknown(b, 2);
        primitive_defaults_set_below(b, 0);
        primitive_defaults_set_color(b, PRIMITIVE_DEFAULTS_COLOR_RED);
        check_decodes(
                "primitives.capnp", "PrimitiveDefaults", m,
                "(bool = false, int8 = 0, int16 = -32768, int32 = -2147483648, int64 = 1, "
                "uint8 = 255, "
                "uint16 = 65535, uint32 = 2, uint64 = 18446744073709551615, float32 = -0.1, "
                "float64 = 0.25, infinite = inf, below = 0, unknown = 2, color = red, whole = 3)");
}

/* What somebody with an older schema has made: fields that it has, and defaults for the rest. */
TEST(a_shorter_struct_is_read_field_by_field)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        primitive_defaults_reader d;
        primitives_reader r;
        capnp_builder b;

        CHECK_OK(capnp_msg_new(&m));
        b = capnp_abuilder_init_struct(capnp_msg_build(m), 1, 0);
        capnp_builder_set_u64(b, 0, UINT64_MAX, 0);
        r = primitives_root(m);
        CHECK(primitives_bool(r));
        CHECK_EQ(primitives_int8(r), -1);
        CHECK_EQ(primitives_int16(r), -1);
        CHECK_EQ(primitives_int32(r), -1);
        CHECK_EQ(primitives_int64(r), 0);
        CHECK_EQ(primitives_uint8(r), 0);
        CHECK(primitives_float64(r) == 0);
        d = primitive_defaults_root(m);
        CHECK(!primitive_defaults_bool(d));
        CHECK_EQ(primitive_defaults_int8(d), 127);
        CHECK_EQ(primitive_defaults_int32(d), INT32_MAX);
        CHECK(primitive_defaults_int64(d) == INT64_MIN);
        CHECK_EQ(primitive_defaults_color(d), PRIMITIVE_DEFAULTS_COLOR_BLUE);
        CHECK_OK(capnp_msg_check(m));
}

/* What is not there would be the next object's. */
TEST(a_smaller_struct_is_not_set)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        primitives_builder b;
        capnp_builder small;
        uint64_t words[3];

        CHECK_OK(capnp_msg_new(&m));
        small = capnp_abuilder_init_struct(capnp_msg_build(m), 1, 1);
        memcpy(words, small.d - 8, sizeof(words));
        b = (primitives_builder){small};
        primitives_set_bool(b, true);
        primitives_set_int8(b, 1);
        primitives_set_int64(b, 2);
        primitives_set_float64(b, 3);
        CHECK_MEM(small.d - 8, words, sizeof(words));
        primitives_set_bool((primitives_builder){{0}}, true); /* there was no memory */
        CHECK_OK(capnp_msg_check(m));
}
