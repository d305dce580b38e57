/*
 * The registry: what it finds, what it tells, what it gives away; and what it refuses, by requests
 * that are built wrong in one place each.
 */
#include "test-dynamic.h"

#include "dynamic-buf.h"
#include "dynamic-schema.h"

#include <stdio.h>

/* ---- finding ------------------------------------------------------------------------------ */

TEST(declarations_are_found_by_id_and_name)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        const capnp_decl *d = capnp_schema_find_name(s, "test-dynamic.capnp:Map.Entry");

        CHECK(d);
        CHECK_STR(capnp_decl_short_name(d), "Entry");
        CHECK(capnp_schema_find_name(s, "Map.Entry") == d);
        CHECK(capnp_schema_find_name(s, "Entry") == d);
        CHECK(capnp_schema_find(s, capnp_decl_id(d)) == d);
        CHECK(!capnp_schema_find_name(s, "Map.entry"));
        CHECK(!capnp_schema_find(s, 1));
        /* Two methods have parameters that are called so. */
        CHECK(!capnp_schema_find_name(s, "add$Params"));
        CHECK(capnp_schema_find_name(s, "Other.add$Params"));
        d = capnp_schema_find_name(s, "test-dynamic.capnp");
        CHECK(d && capnp_decl_kind(d) == CAPNP_DECL_FILE);
        CHECK_STR(capnp_decl_short_name(d), "test-dynamic.capnp");
}

TEST(declarations_are_walked_in_order)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        uint64_t last = 0;
        uint32_t i;

        for (i = 0; capnp_schema_at(s, i); i++) {
                CHECK(capnp_decl_id(capnp_schema_at(s, i)) > last);
                last = capnp_decl_id(capnp_schema_at(s, i));
        }
        CHECK(i > 20);
}

TEST(members_are_told)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        const capnp_decl *d = capnp_schema_find_name(s, "All");
        struct capnp_field_info f;

        CHECK_OK(capnp_decl_field(d, 30, &f));
        CHECK_STR(f.name, "grid");
        CHECK_EQ(f.lists, 3);
        CHECK_EQ(f.base_type, TYPE_INT8);
        CHECK_OK(capnp_decl_field(d, 15, &f));
        CHECK_EQ(f.type, type_id(s, "Point"));
        CHECK(!f.in_union && !f.is_group);
        CHECK_EQ(capnp_decl_field(d, capnp_decl_count(d), &f), CAPNP_E_UNKNOWN);
        d = capnp_schema_find_name(s, "Color");
        CHECK_EQ(capnp_decl_count(d), 3);
        CHECK_STR(capnp_decl_enumerant(d, 2), "blue");
        CHECK(!capnp_decl_enumerant(d, 3));
        CHECK_EQ(capnp_decl_field(d, 0, &f), CAPNP_E_UNKNOWN);
}

TEST(methods_are_found_through_what_is_extended)
{
        static const char *const usages[] = {
                "add(left :Int64, right :Int64) -> (sum :Int64)",
                "child(of :Node, name :Text) -> (node :Node, any :Capability)",
                "put(chunk :Data) -> stream",
                "move Point -> Point",
                "name() -> (name :Text)",
        };
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1000};
        uint64_t leaf = type_id(s, "Leaf");
        struct capnp_method_info m;
        uint32_t i;

        for (i = 0; !capnp_schema_method(s, leaf, i, &m); i++) {
                CHECK(i < 5);
                b.len = 0;
                CHECK_OK(capnp_schema_usage(s, &m, &b));
                CHECK_STR(b.p, usages[i]);
        }
        CHECK_EQ(i, 5);
        CHECK_OK(capnp_schema_find_method(s, leaf, "child", &m));
        CHECK_EQ(m.interface, type_id(s, "Node"));
        CHECK_EQ(m.ordinal, 1);
        CHECK_OK(capnp_schema_find_method(s, leaf, "put", &m));
        CHECK(m.stream);
        CHECK_EQ(capnp_schema_find_method(s, leaf, "only", &m), CAPNP_E_UNKNOWN);
        CHECK_OK(capnp_schema_find_method(s, 0, "only", &m));
        CHECK_EQ(m.interface, type_id(s, "Other"));
        CHECK_EQ(capnp_schema_find_method(s, 0, "add", &m), CAPNP_E_UNKNOWN);
        CHECK_EQ(capnp_schema_find_method(s, type_id(s, "All"), "add", &m), CAPNP_E_UNKNOWN);
}

/* ---- giving away -------------------------------------------------------------------------- */

TEST(dump_is_complete_and_no_more)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *again = NULL;
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1 << 20};
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf c = {.max = 1 << 20};
        struct capnp_method_info m;

        CHECK_OK(capnp_schema_dump(s, type_id(s, "Other"), &b));
        CHECK_OK(capnp_schema_new(&again));
        CHECK_OK(capnp_schema_add_request(again, b.p, b.len, NULL));
        /* Leaf is reached by a type parameter alone, Base by what it extends. */
        CHECK(capnp_schema_find_name(again, "Leaf"));
        CHECK(capnp_schema_find_name(again, "Base"));
        CHECK(capnp_schema_find_name(again, "Map.Entry"));
        CHECK(capnp_schema_find_name(again, "test-dynamic.capnp"));
        CHECK(!capnp_schema_find_name(again, "All"));
        CHECK(!capnp_schema_find_name(again, "Color"));
        CHECK_OK(capnp_schema_find_method(again, type_id(again, "Leaf"), "name", &m));
        /* A dump of the dump is the same. */
        CHECK_OK(capnp_schema_dump(again, type_id(s, "Other"), &c));
        CHECK_EQ(c.len, b.len);
        CHECK_MEM(c.p, b.p, b.len);
}

TEST(dump_ends_at_the_limit)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 500};

        CHECK_EQ(capnp_schema_dump(s, 77, &b), CAPNP_E_UNKNOWN);
        CHECK_EQ(capnp_schema_dump(s, type_id(s, "Node"), &b), CAPNP_E_LIMIT);
        CHECK_EQ(b.len, 0);
}

TEST(reference_tool_reads_a_dump)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1 << 20};
        static struct bytes out;

        CHECK_OK(capnp_schema_dump(s, type_id(s, "Leaf"), &b));
        if (access("/usr/include/capnp/schema.capnp", R_OK))
                test_skip("the schema of schemas is not installed");
        CHECK_EQ(tool_run("capnp decode --short /usr/include/capnp/schema.capnp "
                          "CodeGeneratorRequest",
                          b.p, b.len, &out),
                 0);
        CHECK(strstr(out.p, "displayName = \"test-dynamic.capnp:Leaf\""));
}

/* ---- adding ------------------------------------------------------------------------------- */

TEST(what_is_known_stays)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        const struct bytes *b = schema_request();
        const capnp_decl *d = capnp_schema_find_name(s, "All");

        CHECK_OK(capnp_schema_add_request(s, b->p, b->len, NULL));
        CHECK(capnp_schema_find_name(s, "All") == d);
}

TEST(cut_and_flipped_requests_do_no_harm)
{
        const struct bytes *b = schema_request();
        static struct bytes broken;
        unsigned refused = 0;

        for (size_t i = 0; i < b->len; i += 5) {
                CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;

                CHECK_OK(capnp_schema_new(&s));
                CHECK(capnp_schema_add_request(s, b->p, i, NULL) != 0);
                memcpy(broken.p, b->p, b->len);
                broken.p[i] = (char)(broken.p[i] ^ (1 << i % 8));
                refused += capnp_schema_add_request(s, broken.p, b->len, NULL) != 0;
                CHECK(!refused || capnp_schema_at(s, 0) || refused);
        }
        CHECK(refused > 100);
}

/* A request with one struct, `S`, of one data word and one pointer, with one field `f`. What a test
 * changes makes it impossible. */
struct sample {
        capnp_msg *m;
        node_builder node;
        node_struct_builder s;
        field_list_builder fields;
        field_builder f;
        field_slot_builder slot;
};

static struct sample sample_new(uint32_t nfields)
{
        struct sample a = {0};
        node_list_builder nodes;

        CHECK_OK(capnp_msg_new(&a.m));
        nodes = code_generator_request_init_nodes(code_generator_request_build(a.m), 2);
        a.node = node_list_builder_get(nodes, 1);
        node_set_id(a.node, 0x900);
        node_set_display_name(a.node, "x.capnp:E");
        (void)node_init_enum(a.node);
        a.node = node_list_builder_get(nodes, 0);
        node_set_id(a.node, 0x800);
        node_set_display_name(a.node, "x.capnp:S");
        node_set_display_name_prefix_length(a.node, 8);
        a.s = node_init_struct(a.node);
        node_struct_set_data_word_count(a.s, 1);
        node_struct_set_pointer_count(a.s, 1);
        a.fields = node_struct_init_fields(a.s, nfields);
        for (uint32_t i = nfields; i-- > 0;) {
                char name[2] = {(char)('f' + i), 0};

                a.f = field_list_builder_get(a.fields, i);
                field_set_name(a.f, name);
                a.slot = field_init_slot(a.f);
                type_set_uint32(field_slot_init_type(a.slot));
        }
        return a;
}

/* Adds the sample to a registry; frees it. */
static int sample_add(struct sample *a)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;
        static struct bytes b;
        int r;

        CHECK_OK(capnp_msg_check(a->m));
        b.len = capnp_msg_size(a->m);
        CHECK_OK(capnp_msg_write(a->m, b.p, sizeof(b.p)));
        a->m = capnp_msg_free(a->m);
        CHECK_OK(capnp_schema_new(&s));
        r = capnp_schema_add_request(s, b.p, b.len, NULL);
        CHECK(!r == !!capnp_schema_at(s, 0));
        return r;
}

TEST(sample_itself_is_sound)
{
        struct sample a = sample_new(1);

        CHECK_OK(sample_add(&a));
}

TEST(fields_outside_their_struct_are_refused)
{
        struct sample a = sample_new(1);

        field_slot_set_offset(a.slot, 2);
        CHECK_EQ(sample_add(&a), CAPNP_E_POISON);
        a = sample_new(1);
        field_slot_set_offset(a.slot, UINT32_MAX);
        CHECK_EQ(sample_add(&a), CAPNP_E_POISON);
        a = sample_new(1);
        type_set_text(field_slot_init_type(a.slot));
        field_slot_set_offset(a.slot, 1);
        CHECK_EQ(sample_add(&a), CAPNP_E_POISON);
        a = sample_new(1);
        type_set_bool(field_slot_init_type(a.slot));
        field_slot_set_offset(a.slot, 63);
        CHECK_OK(sample_add(&a));
        a = sample_new(1);
        type_set_bool(field_slot_init_type(a.slot));
        field_slot_set_offset(a.slot, 64);
        CHECK_EQ(sample_add(&a), CAPNP_E_POISON);
}

TEST(unions_are_numbered_without_a_gap)
{
        struct sample a = sample_new(2);

        node_struct_set_discriminant_count(a.s, 2);
        node_struct_set_discriminant_offset(a.s, 2);
        field_set_discriminant_value(field_list_builder_get(a.fields, 0), 0);
        field_set_discriminant_value(field_list_builder_get(a.fields, 1), 1);
        CHECK_OK(sample_add(&a));
        a = sample_new(2);
        node_struct_set_discriminant_count(a.s, 2);
        field_set_discriminant_value(field_list_builder_get(a.fields, 0), 0);
        field_set_discriminant_value(field_list_builder_get(a.fields, 1), 0);
        CHECK_EQ(sample_add(&a), CAPNP_E_POISON);
        a = sample_new(2);
        node_struct_set_discriminant_count(a.s, 2);
        field_set_discriminant_value(field_list_builder_get(a.fields, 0), 0);
        CHECK_EQ(sample_add(&a), CAPNP_E_POISON);
        a = sample_new(2);
        field_set_discriminant_value(field_list_builder_get(a.fields, 0), 0);
        CHECK_EQ(sample_add(&a), CAPNP_E_POISON);
        a = sample_new(2);
        node_struct_set_discriminant_count(a.s, 3);
        CHECK_EQ(sample_add(&a), CAPNP_E_POISON);
        a = sample_new(2);
        node_struct_set_discriminant_count(a.s, 2);
        node_struct_set_discriminant_offset(a.s, 4);
        CHECK_EQ(sample_add(&a), CAPNP_E_POISON);
}

TEST(names_are_identifiers_and_differ)
{
        static const char *const bad[] = {"", "a b", "1a", "a\"", "a\nb", "\xc3\xa9", "a.b"};

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct sample a = sample_new(1);

                field_set_name(a.f, bad[i]);
                CHECK_EQ(sample_add(&a), CAPNP_E_POISON);
        }

        struct sample a = sample_new(2);

        field_set_name(field_list_builder_get(a.fields, 1), "f");
        CHECK_EQ(sample_add(&a), CAPNP_E_POISON);
        a = sample_new(1);
        node_set_display_name(a.node, "x\x1b[2J");
        CHECK_EQ(sample_add(&a), CAPNP_E_POISON);
        a = sample_new(1);
        node_set_display_name_prefix_length(a.node, 10);
        CHECK_EQ(sample_add(&a), CAPNP_E_POISON);
}

TEST(ids_and_kinds_are_checked)
{
        struct sample a = sample_new(1);

        node_set_id(a.node, 0);
        CHECK_EQ(sample_add(&a), CAPNP_E_POISON);
        a = sample_new(1);
        node_set_id(a.node, 0x900);
        CHECK_EQ(sample_add(&a), CAPNP_E_POISON);
        a = sample_new(1);
        capnp_builder_set_u16(a.node.b, 12, 6, 0);
        CHECK_EQ(sample_add(&a), CAPNP_E_POISON);
        a = sample_new(1);
        capnp_builder_set_u16(a.f.b, 8, 2, 0);
        CHECK_EQ(sample_add(&a), CAPNP_E_POISON);
        a = sample_new(1);
        capnp_builder_set_u16(field_slot_build_type(a.slot).b, 0, 19, 0);
        CHECK_EQ(sample_add(&a), CAPNP_E_POISON);
}

TEST(defaults_are_of_their_type)
{
        struct sample a = sample_new(1);

        value_set_uint32(field_slot_init_default_value(a.slot), 7);
        CHECK_OK(sample_add(&a));
        a = sample_new(1);
        value_set_text(field_slot_init_default_value(a.slot), "7");
        CHECK_EQ(sample_add(&a), CAPNP_E_POISON);
}

TEST(types_nest_to_a_limit)
{
        struct sample a = sample_new(1);
        type_builder t = field_slot_init_type(a.slot);

        for (unsigned i = 0; i < 20; i++)
                t = type_list__init_element_type(type_init_list_(t));
        type_set_uint8(t);
        CHECK_OK(sample_add(&a));
        a = sample_new(1);
        t = field_slot_init_type(a.slot);
        for (unsigned i = 0; i < 100; i++)
                t = type_list__init_element_type(type_init_list_(t));
        type_set_uint8(t);
        /* The message is nested too deeply, before its types are. */
        CHECK_EQ(sample_add(&a), CAPNP_E_LIMIT);
}

/* ---- what declarations say about each other ----------------------------------------------- */

/* Two interfaces that extend each other, with a method each. */
static capnp_schema *circle_of_interfaces(void)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        static struct bytes b;
        capnp_schema *s = NULL;
        node_list_builder nodes;

        CHECK_OK(capnp_msg_new(&m));
        nodes = code_generator_request_init_nodes(code_generator_request_build(m), 2);
        for (uint32_t i = 0; i < 2; i++) {
                node_builder n = node_list_builder_get(nodes, i);
                node_interface_builder t;
                superclass_list_builder supers;

                node_set_id(n, 0x800 + i);
                node_set_display_name(n, i ? "x:A" : "x:B");
                node_set_display_name_prefix_length(n, 2);
                t = node_init_interface(n);
                method_set_name(method_list_builder_get(node_interface_init_methods(t, 1), 0),
                                i ? "one" : "two");
                supers = node_interface_init_superclasses(t, 3);
                superclass_set_id(superclass_list_builder_get(supers, 0), 0x801 - i);
                superclass_set_id(superclass_list_builder_get(supers, 1), 0x800 + i);
                superclass_set_id(superclass_list_builder_get(supers, 2), 0x999);
        }
        b.len = capnp_msg_size(m);
        CHECK_OK(capnp_msg_write(m, b.p, sizeof(b.p)));
        CHECK_OK(capnp_schema_new(&s));
        CHECK_OK(capnp_schema_add_request(s, b.p, b.len, NULL));
        return s;
}

TEST(circles_of_interfaces_end)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = circle_of_interfaces();
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 10000};
        struct capnp_method_info m;

        CHECK_OK(capnp_schema_method(s, 0x800, 0, &m));
        CHECK_OK(capnp_schema_method(s, 0x800, 1, &m));
        CHECK_EQ(capnp_schema_method(s, 0x800, 2, &m), CAPNP_E_UNKNOWN);
        CHECK_OK(capnp_schema_find_method(s, 0x801, "two", &m));
        CHECK_OK(capnp_schema_usage(s, &m, &b));
        CHECK_STR(b.p, "two ? -> ?");
        b.len = 0;
        CHECK_OK(capnp_schema_dump(s, 0x800, &b));
}

/* A group that is its own group, and a struct that is no struct. */
TEST(printing_ends_where_a_schema_lies)
{
        for (unsigned which = 0; which < 3; which++) {
                CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;
                CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf out = {.max = 10000};
                CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
                struct sample a = sample_new(1);
                static struct bytes b;

                node_set_scope_id(a.node, 0x800);
                if (which == 0)
                        field_group_set_type_id(field_init_group(a.f), 0x800);
                if (which == 1)
                        type_struct_set_type_id(type_init_struct(field_slot_init_type(a.slot)),
                                                0x900);
                if (which == 2)
                        type_struct_set_type_id(type_init_struct(field_slot_init_type(a.slot)),
                                                0x123);
                b.len = capnp_msg_size(a.m);
                CHECK_OK(capnp_msg_write(a.m, b.p, sizeof(b.p)));
                a.m = capnp_msg_free(a.m);
                CHECK_OK(capnp_schema_new(&s));
                CHECK_OK(capnp_schema_add_request(s, b.p, b.len, NULL));
                CHECK_OK(capnp_msg_new(&m));
                (void)capnp_abuilder_init_struct(
                        capnp_builder_any(capnp_abuilder_init_struct(capnp_msg_build(m), 1, 1), 0),
                        0, 0);
                CHECK_EQ(capnp_json_print(s, 0x800, root_of(m), NULL, &out), CAPNP_E_UNKNOWN);
                CHECK_EQ(capnp_json_parse(s, 0x800, text_of("{\"f\": {}}"), NULL,
                                          capnp_msg_build(m), NULL),
                         CAPNP_E_UNKNOWN);
        }
}

/* A struct of nothing but null pointers, very often: little to print, much to look at. */
TEST(looking_ends_at_the_limit)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf out = {.max = 1 << 26};
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf request = {.max = 1 << 24};
        struct dynamic_out o = {.b = &request};
        struct sample a = sample_new(1);
        field_list_builder fields = node_struct_init_fields(a.s, 20000);
        size_t size;
        capnp_builder top;

        for (uint32_t i = 0; i < 20000; i++) {
                field_builder f = field_list_builder_get(fields, i);
                type_builder t = field_slot_init_type(field_init_slot(f));
                char name[16];

                (void)snprintf(name, sizeof(name), "f%u", i);
                field_set_name(f, name);
                t = i ? t : type_list__init_element_type(type_init_list_(t));
                type_struct_set_type_id(type_init_struct(t), 0x800);
        }
        CHECK_OK(capnp_schema_new(&s));
        size = capnp_msg_size(a.m);
        CHECK_OK(capnp_msg_write(a.m, dynamic_out_grow(&o, size), size));
        a.m = capnp_msg_free(a.m);
        CHECK_OK(capnp_schema_add_request(s, request.p, request.len, NULL));
        CHECK_OK(capnp_msg_new(&m));
        top = capnp_abuilder_init_struct(capnp_msg_build(m), 1, 1);
        (void)capnp_abuilder_init_structs(capnp_builder_any(top, 0), 100000, 0, 0);
        CHECK_EQ(capnp_json_print(s, 0x800, root_of(m), NULL, &out), CAPNP_E_LIMIT);
}

TORTURE(registry_without_memory)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1 << 20};
        const struct bytes *request = schema_request();

        TORTURE_OK(capnp_schema_new(&s));
        TORTURE_OK(capnp_schema_add_request(s, request->p, request->len, NULL));
        TORTURE_OK(capnp_schema_dump(s, type_id(s, "Other"), &b));
}
