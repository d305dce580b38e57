/*
 * Generated accessors, at run time and against the reference: what they build, `capnp decode` must
 * print as expected; what `capnp encode` makes of the same text, they must read.
 *
 * The schemas are the generator's goldens.
 */
#include "harness.h"

#include "anys.capnp-c.h"
#include "consts.capnp-c.h"
#include "enums.capnp-c.h"
#include "generics.capnp-c.h"
#include "imports.capnp-c.h"
#include "lists.capnp-c.h"
#include "nested.capnp-c.h"
#include "pointers.capnp-c.h"
#include "unions.capnp-c.h"

#include "test-generated.h"

#include <math.h>

/* ---- fields ---- */

TEST(pointer_fields_are_read_and_built)
{
        static const char text[] =
                "(text = \"hello\", data = \"\\000\\377\", leaf = (n = 7, name = \"x\"), "
                "leaves = [(n = -1), (n = 7, name = \"b\")], numbers = [1, 65535], empty = ())";
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL, *read = NULL;
        leaf_list_builder leaves;
        pointers_builder b;
        pointers_reader r;
        capnp_lbuilder l;

        CHECK_OK(capnp_msg_new(&m));
        b = pointers_build(m);
        pointers_set_text(b, "hello");
        memcpy(pointers_init_data(b, 2), "\0\377", 2);
        leaf_set_name(pointers_init_leaf(b), "x");
        leaves = pointers_init_leaves(b, 2);
        leaf_set_n(leaf_list_builder_get(leaves, 0), -1);
        leaf_set_name_n(leaf_list_builder_get(leaves, 1), (capnp_text){"bb", 1});
        l = pointers_init_numbers(b, 2);
        pointers_set_numbers_at(l, 0, 1);
        pointers_set_numbers_at(l, 1, 65535);
        (void)pointers_init_empty(b);
        CHECK_OK(capnp_msg_check(m));
        check_decodes("pointers.capnp", "Pointers", m, text);

        read = encoded("pointers.capnp", "Pointers", text);
        r = pointers_root(read);
        CHECK_STR(pointers_text(r).p, "hello");
        CHECK_EQ(pointers_data(r).len, 2);
        CHECK_EQ(leaf_n(pointers_leaf(r)), 7);
        CHECK_EQ(leaf_list_len(pointers_leaves(r)), 2);
        CHECK_EQ(leaf_n(leaf_list_get(pointers_leaves(r), 0)), -1);
        CHECK_STR(leaf_name(leaf_list_get(pointers_leaves(r), 1)).p, "b");
        CHECK_EQ(pointers_numbers_at(pointers_numbers(r), 1), 65535);
        CHECK_EQ(pointers_numbers_at(pointers_numbers(r), 2), 0);
        CHECK(pointers_has_empty(r));
        CHECK_OK(capnp_msg_check(read));
}

/* Everything that the schema gives as a default, in pointers.capnp. */
static void check_pointer_defaults(pointer_defaults_reader r)
{
        CHECK_STR(pointer_defaults_text(r).p, "say \"hi\"?\?/\n\ttoo");
        CHECK_EQ(pointer_defaults_text(r).len, 16);
        CHECK_EQ(pointer_defaults_data(r).len, 7);
        CHECK_MEM(pointer_defaults_data(r).p, "\0\377\"\\?\?A", 7);
        CHECK_EQ(leaf_n(pointer_defaults_leaf(r)), 5);
        CHECK_STR(leaf_name(pointer_defaults_leaf(r)).p, "five");
        CHECK_EQ(leaf_list_len(pointer_defaults_leaves(r)), 3);
        CHECK_EQ(leaf_n(leaf_list_get(pointer_defaults_leaves(r), 1)), 2);
        CHECK_EQ(leaf_n(leaf_list_get(pointer_defaults_leaves(r), 2)), 7);
        CHECK_STR(leaf_name(leaf_list_get(pointer_defaults_leaves(r), 2)).p, "seven");
        CHECK_EQ(pointer_defaults_numbers_at(pointer_defaults_numbers(r), 2), 65535);
        CHECK_EQ(pointer_defaults_bits(r).len, 9);
        CHECK(pointer_defaults_bits_at(pointer_defaults_bits(r), 8));
        CHECK(!pointer_defaults_bits_at(pointer_defaults_bits(r), 1));
        CHECK_STR(pointer_defaults_words_at(pointer_defaults_words(r), 1).p, "");
        CHECK_STR(pointer_defaults_words_at(pointer_defaults_words(r), 2).p, "three");
        CHECK_EQ(capnp_list_i8(pointer_defaults_grid_at(pointer_defaults_grid(r), 0), 1), -1);
        CHECK_EQ(pointer_defaults_grid_at(pointer_defaults_grid(r), 1).len, 0);
}

TEST(a_smaller_structs_pointers_are_not_set)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        pointers_builder b = {{0}};

        pointers_set_text(b, "there was no memory");
        CHECK_OK(capnp_msg_new(&m));
        b.b = capnp_abuilder_init_struct(capnp_msg_build(m), 0, 1);
        pointers_set_text(b, "a text");
        pointers_set_data(b, (capnp_data){(const uint8_t *)"data", 4});
        CHECK(!pointers_init_numbers(b, 3).m);
        CHECK(!pointers_init_leaf(b).b.m);
        CHECK_EQ(capnp_any_what(capnp_reader_any(capnp_builder_reader(b.b), 0)), CAPNP_WHAT_NULL);
        CHECK_EQ(capnp_msg_size(m), 24);
        CHECK_OK(capnp_msg_check(m));
}

TEST(null_pointers_read_as_their_defaults)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        pointer_defaults_reader zero = {{0}};

        check_pointer_defaults(zero);
        m = encoded("pointers.capnp", "PointerDefaults", "()");
        check_pointer_defaults(pointer_defaults_root(m));
        CHECK(!pointer_defaults_has_leaf(pointer_defaults_root(m)));
        CHECK_OK(capnp_msg_check(m));
}

TEST(a_default_is_copied_to_be_changed)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        pointer_defaults_builder b;

        CHECK_OK(capnp_msg_new(&m));
        b = pointer_defaults_build(m);
        leaf_set_n(pointer_defaults_build_leaf(b), 6);
        leaf_set_n(leaf_list_builder_get(pointer_defaults_build_leaves(b), 0), 8);
        pointer_defaults_set_numbers_at(pointer_defaults_build_numbers(b), 1, 3);
        CHECK_OK(capnp_msg_check(m));
        check_decodes("pointers.capnp", "PointerDefaults", m,
                      "(leaf = (n = 6, name = \"five\"), "
                      "leaves = [(n = 8), (n = 2, name = \"two\"), (n = 7, name = \"seven\")], "
                      "numbers = [1, 3, 65535])");
        CHECK_STR(leaf_name(pointer_defaults_leaf(pointer_defaults_root(m))).p, "five");
}

/* ---- lists ---- */

static const char lists_text[] =
        "(voids = [void, void], bools = [true, false, true], int8s = [-128, 127], "
        "int16s = [-32768], "
        "int32s = [-2147483648, 1], int64s = [-9223372036854775808], uint8s = [255], "
        "uint16s = [65535], "
        "uint32s = [4294967295], uint64s = [18446744073709551615], float32s = [0.5, -1.5], "
        "float64s = [1e300], "
        "texts = [\"a\", \"\", \"ccc\"], datas = [\"\\001\", \"\"], colors = [green, red, blue], "
        "points = [(x = 1, y = 2, label = \"p\"), (x = 0, y = -3)], numberLists = [[1, 2], [], "
        "[3]], "
        "textLists = [[\"x\", \"y\"], [\"z\"]], colorLists = [[blue], [red, green]], "
        "pointLists = [[(x = 1, y = 0), (x = 0, y = 2)], []], cubes = [[[1, 2], [3]], [[4]]])";

static void build_primitive_lists(lists_builder b)
{
        capnp_lbuilder l;

        (void)lists_init_voids(b, 2);
        l = lists_init_bools(b, 3);
        lists_set_bools_at(l, 0, true);
        lists_set_bools_at(l, 2, true);
        l = lists_init_int8s(b, 2);
        lists_set_int8s_at(l, 0, -128);
        lists_set_int8s_at(l, 1, 127);
        lists_set_int16s_at(lists_init_int16s(b, 1), 0, -32768);
        l = lists_init_int32s(b, 2);
        lists_set_int32s_at(l, 0, INT32_MIN);
        lists_set_int32s_at(l, 1, 1);
        lists_set_int64s_at(lists_init_int64s(b, 1), 0, INT64_MIN);
        lists_set_uint8s_at(lists_init_uint8s(b, 1), 0, 255);
        lists_set_uint16s_at(lists_init_uint16s(b, 1), 0, 65535);
        lists_set_uint32s_at(lists_init_uint32s(b, 1), 0, UINT32_MAX);
        lists_set_uint64s_at(lists_init_uint64s(b, 1), 0, UINT64_MAX);
        l = lists_init_float32s(b, 2);
        lists_set_float32s_at(l, 0, 0.5f);
        lists_set_float32s_at(l, 1, -1.5f);
        lists_set_float64s_at(lists_init_float64s(b, 1), 0, 1e300);
}

static void build_pointer_lists(lists_builder b)
{
        lists_color_list_builder colors;
        lists_point_list_builder points;
        capnp_lbuilder l;

        l = lists_init_texts(b, 3);
        lists_set_texts_at(l, 0, "a");
        lists_set_texts_at(l, 1, "");
        lists_set_texts_at(l, 2, "ccc");
        l = lists_init_datas(b, 2);
        lists_set_datas_at(l, 0, (capnp_data){(const uint8_t *)"\1", 1});
        lists_set_datas_at(l, 1, (capnp_data){(const uint8_t *)"", 0});
        colors = lists_init_colors(b, 3);
        lists_color_list_builder_set(colors, 0, LISTS_COLOR_GREEN);
        lists_color_list_builder_set(colors, 2, LISTS_COLOR_BLUE);
        points = lists_init_points(b, 2);
        lists_point_set_x(lists_point_list_builder_get(points, 0), 1);
        lists_point_set_y(lists_point_list_builder_get(points, 0), 2);
        lists_point_set_label(lists_point_list_builder_get(points, 0), "p");
        lists_point_set_y(lists_point_list_builder_get(points, 1), -3);
}

static void build_lists_of_lists(lists_builder b)
{
        lists_color_list_builder colors;
        lists_point_list_builder points;
        capnp_lbuilder l, inner;

        l = lists_init_number_lists(b, 3);
        inner = lists_init_number_lists_at(l, 0, 2);
        capnp_lbuilder_set_u32(inner, 0, 1);
        capnp_lbuilder_set_u32(inner, 1, 2);
        (void)lists_init_number_lists_at(l, 1, 0);
        capnp_lbuilder_set_u32(lists_init_number_lists_at(l, 2, 1), 0, 3);
        l = lists_init_text_lists(b, 2);
        inner = lists_init_text_lists_at(l, 0, 2);
        capnp_abuilder_set_text(capnp_lbuilder_any(inner, 0), (capnp_text){"x", 1});
        capnp_abuilder_set_text(capnp_lbuilder_any(inner, 1), (capnp_text){"y", 1});
        inner = lists_init_text_lists_at(l, 1, 1);
        capnp_abuilder_set_text(capnp_lbuilder_any(inner, 0), (capnp_text){"z", 1});
        l = lists_init_color_lists(b, 2);
        lists_color_list_builder_set(lists_init_color_lists_at(l, 0, 1), 0, LISTS_COLOR_BLUE);
        colors = lists_init_color_lists_at(l, 1, 2);
        lists_color_list_builder_set(colors, 1, LISTS_COLOR_GREEN);
        l = lists_init_point_lists(b, 2);
        points = lists_init_point_lists_at(l, 0, 2);
        lists_point_set_x(lists_point_list_builder_get(points, 0), 1);
        lists_point_set_y(lists_point_list_builder_get(points, 1), 2);
        (void)lists_init_point_lists_at(l, 1, 0);
        l = lists_init_cubes(b, 2);
        inner = lists_init_cubes_at(l, 0, 2);
        capnp_lbuilder_set_f64(
                capnp_abuilder_init_list(capnp_lbuilder_any(inner, 1), CAPNP_SIZE_EIGHT, 1), 0, 3);
        inner = capnp_abuilder_init_list(capnp_lbuilder_any(inner, 0), CAPNP_SIZE_EIGHT, 2);
        capnp_lbuilder_set_f64(inner, 0, 1);
        capnp_lbuilder_set_f64(inner, 1, 2);
        inner = lists_init_cubes_at(l, 1, 1);
        capnp_lbuilder_set_f64(
                capnp_abuilder_init_list(capnp_lbuilder_any(inner, 0), CAPNP_SIZE_EIGHT, 1), 0, 4);
}

TEST(lists_are_built)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        lists_builder b;

        CHECK_OK(capnp_msg_new(&m));
        b = lists_build(m);
        build_primitive_lists(b);
        build_pointer_lists(b);
        build_lists_of_lists(b);
        CHECK_OK(capnp_msg_check(m));
        check_decodes("lists.capnp", "Lists", m, lists_text);
}

TEST(lists_are_read)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = encoded("lists.capnp", "Lists", lists_text);
        lists_reader r = lists_root(m);
        lists_point_reader p = lists_point_list_get(lists_points(r), 0);

        CHECK_EQ(lists_voids(r).len, 2);
        CHECK(lists_bools_at(lists_bools(r), 2));
        CHECK(!lists_bools_at(lists_bools(r), 1));
        CHECK_EQ(lists_int8s_at(lists_int8s(r), 0), -128);
        CHECK_EQ(lists_int16s_at(lists_int16s(r), 0), -32768);
        CHECK_EQ(lists_int32s_at(lists_int32s(r), 0), INT32_MIN);
        CHECK(lists_int64s_at(lists_int64s(r), 0) == INT64_MIN);
        CHECK_EQ(lists_uint8s_at(lists_uint8s(r), 0), 255);
        CHECK_EQ(lists_uint16s_at(lists_uint16s(r), 0), 65535);
        CHECK_EQ(lists_uint32s_at(lists_uint32s(r), 0), UINT32_MAX);
        CHECK(lists_uint64s_at(lists_uint64s(r), 0) == UINT64_MAX);
        CHECK(lists_float32s_at(lists_float32s(r), 1) == -1.5f);
        CHECK(lists_float64s_at(lists_float64s(r), 0) == 1e300);
        CHECK_STR(lists_texts_at(lists_texts(r), 2).p, "ccc");
        CHECK_EQ(lists_datas_at(lists_datas(r), 0).p[0], 1);
        CHECK_EQ(lists_color_list_len(lists_colors(r)), 3);
        CHECK_EQ(lists_color_list_get(lists_colors(r), 2), LISTS_COLOR_BLUE);
        CHECK_EQ(lists_point_y(p), 2);
        CHECK_STR(lists_point_label(p).p, "p");
        CHECK_EQ(capnp_list_u32(lists_number_lists_at(lists_number_lists(r), 0), 1), 2);
        CHECK_EQ(lists_color_list_get(lists_color_lists_at(lists_color_lists(r), 1), 1),
                 LISTS_COLOR_GREEN);
        CHECK_EQ(lists_point_list_len(lists_point_lists_at(lists_point_lists(r), 0)), 2);
        CHECK_EQ(lists_cubes_at(lists_cubes(r), 0).len, 2);
        CHECK_OK(capnp_msg_check(m));
}

/* ---- unions and groups ---- */

static const char *const shapes[] = {
        [SHAPE_CIRCLE] = "(area = 0, circle = 2.5)",
        [SHAPE_SQUARE] = "(area = 0, square = -1)",
        [SHAPE_NONE] = "(area = 0, none = void)",
        [SHAPE_LABEL] = "(area = 0, label = \"L\")",
        [SHAPE_NOTE] = "(area = 0, note = (text = \"N\"))",
        [SHAPE_NOTES] = "(area = 0, notes = [(text = \"1\"), (text = \"2\")])",
        [SHAPE_RAW] = "(area = 0, raw = \"\\376\")",
        [SHAPE_SOLID] = "(area = 0, solid = (width = 10, depth = 4, name = \"S\"))",
};

static void build_shape(shape_builder b, enum shape_which which)
{
        shape_solid_builder solid;

        switch (which) {
        case SHAPE_CIRCLE:
                shape_set_circle(b, 2.5);
                break;
        case SHAPE_SQUARE:
                shape_set_square(b, -1);
                break;
        case SHAPE_NONE:
                shape_set_none(b);
                break;
        case SHAPE_LABEL:
                shape_set_label(b, "L");
                break;
        case SHAPE_NOTE:
                note_set_text(shape_build_note(b), "N");
                break;
        case SHAPE_NOTES:
                note_set_text(note_list_builder_get(shape_init_notes(b, 2), 0), "1");
                note_set_text(note_list_builder_get(shape_build_notes(b), 1), "2");
                break;
        case SHAPE_RAW:
                shape_init_raw(b, 1)[0] = 0xfe;
                break;
        case SHAPE_SOLID:
                solid = shape_build_solid(b);
                shape_solid_set_depth(solid, 4);
                shape_solid_set_name(shape_build_solid(b), "S");
                break;
        }
}

/* From each member to each other one: nothing of the first is left. */
TEST_T(a_union_goes_from_any_member_to_any_other, 120)
{
        for (unsigned from = SHAPE_CIRCLE; from <= SHAPE_SOLID; from++) {
                for (unsigned to = SHAPE_CIRCLE; to <= SHAPE_SOLID; to++) {
                        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
                        shape_builder b;

                        CHECK_OK(capnp_msg_new(&m));
                        b = shape_build(m);
                        build_shape(b, (enum shape_which)from);
                        build_shape(b, (enum shape_which)to);
                        CHECK_OK(capnp_msg_check(m));
                        CHECK_EQ(shape_which(shape_as_reader(b)), to);
                        check_decodes("unions.capnp", "Shape", m, shapes[to]);
                }
        }
}

TEST(an_inactive_member_reads_as_its_default)
{
        CAPNP_AUTO(capnp_msg_freep)
        capnp_msg *m = encoded("unions.capnp", "Shape", shapes[SHAPE_NOTES]);
        shape_reader r = shape_root(m);

        CHECK_EQ(shape_which(r), SHAPE_NOTES);
        CHECK_STR(note_text(note_list_get(shape_notes(r), 1)).p, "2");
        CHECK_STR(shape_label(r).p, "");
        CHECK(!shape_has_note(r));
        CHECK(!shape_has_label(r));
        CHECK_STR(note_text(shape_note(r)).p, "");
        CHECK_EQ(shape_raw(r).len, 0);
        CHECK_EQ(shape_solid_width(shape_solid(r)), 10);
        CHECK_STR(shape_solid_name(shape_solid(r)).p, "");
        CHECK_OK(capnp_msg_check(m));
}

TEST(groups_nest)
{
        static const char text[] = "(name = \"Ann\", address = (street = \"Way\", number = 5, "
                                   "place = (city = \"Bern\", country = \"ch\")), "
                                   "employment = (self = (since = 1999, what = (art = false))))";
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL, *read = NULL;
        employee_employment_self_builder self;
        employee_address_builder address;
        employee_builder b;
        employee_reader r;

        CHECK_OK(capnp_msg_new(&m));
        b = employee_build(m);
        employee_set_name(b, "Ann");
        address = employee_build_address(b);
        employee_address_set_street(address, "Way");
        employee_address_set_number(address, 5);
        employee_address_place_set_city(employee_address_build_place(address), "Bern");
        employee_address_place_set_country(employee_address_build_place(address), "ch");
        employee_employment_set_school(employee_build_employment(b), "gone");
        self = employee_employment_init_self(employee_build_employment(b));
        employee_employment_self_set_since(self, 1999);
        employee_employment_self_what_set_art(employee_employment_self_build_what(self), false);
        CHECK_OK(capnp_msg_check(m));
        check_decodes("unions.capnp", "Employee", m, text);

        read = encoded("unions.capnp", "Employee", text);
        r = employee_root(read);
        CHECK_STR(employee_address_place_city(employee_address_place(employee_address(r))).p,
                  "Bern");
        CHECK_EQ(employee_employment_which(employee_employment(r)), EMPLOYEE_EMPLOYMENT_SELF);
        CHECK_EQ(employee_employment_self_since(employee_employment_self(employee_employment(r))),
                 1999);
        CHECK(!employee_employment_self_what_art(
                employee_employment_self_what(employee_employment_self(employee_employment(r)))));
        CHECK_OK(capnp_msg_check(read));
}

TEST(init_of_a_group_forgets)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        employee_builder b;

        CHECK_OK(capnp_msg_new(&m));
        b = employee_build(m);
        employee_address_set_street(employee_build_address(b), "Way");
        employee_address_place_set_city(employee_address_build_place(employee_build_address(b)),
                                        "Bern");
        (void)employee_init_address(b);
        CHECK(!employee_address_has_street(employee_address(employee_as_reader(b))));
        CHECK(!employee_address_place_has_city(
                employee_address_place(employee_address(employee_as_reader(b)))));
}

/* ---- enums, constants, generics, AnyPointer ---- */

TEST(enums_have_names_and_unknown_values)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        alarm_builder b;
        alarm_reader r;

        CHECK_EQ(LEVEL_VERY_HIGH, 2);
        CHECK_STR(level_name(LEVEL_VERY_HIGH), "veryHigh");
        CHECK_STR(level_name((enum level)7), NULL);
        CHECK_OK(capnp_msg_new(&m));
        b = alarm_build(m);
        r = alarm_as_reader(b);
        CHECK_EQ(alarm_level(r), LEVEL_MIDDLE);
        CHECK_EQ(alarm_kind_list_get(alarm_history(r), 1), ALARM_KIND_WATER);
        alarm_set_level(b, LEVEL_VERY_HIGH);
        level_list_builder_set(alarm_init_seen(b, 1), 0, LEVEL_MIDDLE);
        check_decodes("enums.capnp", "Alarm", m,
                      "(level = veryHigh, kind = fire, seen = [middle])");
        alarm_set_level(b, (enum level)500);
        CHECK_EQ((int)alarm_level(r), 500);
}

TEST(constants_are_what_the_schema_says)
{
        static const char initialiser[] = HELLO;

        CHECK(YES);
        CHECK_EQ(SMALLEST, -128);
        CHECK_EQ(LEAST, INT32_MIN);
        CHECK(DEEPEST == INT64_MIN);
        CHECK(MOST == UINT64_MAX);
        CHECK_EQ(LIMIT, UINT32_MAX);
        CHECK(HALF == 0.5f);
        CHECK(PI == 3.141592653589793);
        CHECK(isinf(ENDLESS));
        CHECK_STR(initialiser, "hello \"C\"\n");
        CHECK_MEM(bytes().p, "\xde\xad\xbe\xef\0", 5);
        CHECK_EQ(capnp_list_i16(numbers(), 1), -2);
        CHECK_STR(capnp_any_text(capnp_list_any(names(), 1), (capnp_text){0}).p, "b");
        CHECK_STR(pair_key(pair_list_get(pairs(), 1)).p, "two");
        CHECK_EQ(pair_value(pair_list_get(pairs(), 0)), 1);
        CHECK_EQ(pair_value(pair()), 42);
        CHECK_EQ(pair_color(pair()), COLOR_BLUE);
        CHECK_EQ(SHADE, COLOR_BLUE);
        CHECK_EQ(color_list_get(shades(), 1), COLOR_BLUE);
        CHECK_EQ(
                capnp_list_i8(capnp_any_list(capnp_list_any(table(), 1), CAPNP_SIZE_BYTE, NULL), 0),
                3);
        CHECK_EQ(PAIR_MAX_LENGTH, 64);
        CHECK_STR(pair_key(pair_origin()).p, "origin");
        CHECK_STR(pair_pair_of(pair()).p, HELLO);
}

TEST(type_parameters_are_any_pointer)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        map_entry_builder e;
        capnp_lbuilder numbers;
        maybe_builder maybe;
        map_builder inner;
        uses_builder b;

        CHECK_OK(capnp_msg_new(&m));
        b = uses_build(m);
        e = map_entry_list_builder_get(map_init_entries(uses_init_texts(b), 1), 0);
        capnp_abuilder_set_text(map_entry_build_key(e), (capnp_text){"k", 1});
        capnp_abuilder_set_text(map_entry_build_value(e), (capnp_text){"v", 1});
        maybe = uses_init_maybe(b);
        inner = uses_init_nested(uses_init_any(maybe_build_some(maybe)));
        e = map_entry_list_builder_get(map_init_entries(inner, 1), 0);
        map_entry_set_key(e, map_entry_key(map_entry_list_get(
                                     map_entries(uses_texts(uses_as_reader(b))), 0)));
        numbers = capnp_abuilder_init_list(map_entry_build_value(e), CAPNP_SIZE_FOUR, 1);
        capnp_lbuilder_set_i32(numbers, 0, -1);
        CHECK_OK(capnp_msg_check(m));
        check_decodes("generics.capnp", "Uses", m,
                      "(texts = (entries = [(key = \"k\", value = \"v\")]), "
                      "maybe = (some = (nested = (entries = [(key = \"k\", "
                      "value = [-1])]))))");
}

TEST(any_pointers_hold_anything)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        anys_builder b;
        anys_reader r;

        CHECK_OK(capnp_msg_new(&m));
        b = anys_build(m);
        leaf_set_n(leaf_init_any(anys_build_any(b)), 3);
        anys_set_any_struct(b, anys_any(anys_as_reader(b)));
        (void)capnp_abuilder_init_list(anys_build_any_list(b), CAPNP_SIZE_BYTE, 5);
        capnp_abuilder_set_text(anys_build_one(b), (capnp_text){"one", 3});
        CHECK_OK(capnp_msg_check(m));

        r = anys_root(m);
        CHECK_EQ(leaf_n(leaf_of_any(anys_any(r))), 3);
        CHECK_EQ(leaf_n(leaf_of_any(anys_any_struct(r))), 3);
        CHECK_EQ(capnp_any_list(anys_any_list(r), CAPNP_SIZE_BYTE, NULL).len, 5);
        CHECK_EQ(anys_which(r), ANYS_ONE);
        CHECK_STR(capnp_any_text(anys_one(r), (capnp_text){0}).p, "one");
        CHECK(!anys_cap(r));
}

TEST(names_in_need_of_care)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        outer_inner_deep_builder deep;
        list2_builder l;
        outer_builder b;

        CHECK_OK(capnp_msg_new(&m));
        b = outer_build(m);
        outer_set_http_server2(b, "h");
        outer_set_get_url(b, "u");
        deep = outer_init_deep(b);
        outer_inner_deep_set_kind(deep, OUTER_INNER_DEEP_KIND_B_C);
        outer_set_x(outer_inner_deep_init_up(deep), -1);
        check_decodes(
                "nested.capnp", "Outer", m,
                "(deep = (up = (x = -1), kind = bC), httpServer2 = \"h\", getURL = \"u\", x = 0)");

        l = list2_build(m);
        list2_set_list__at(list2_init_list_(l, 1), 0, "t");
        list2_set_reader_(l, 1);
        list2_set_which_(l, 2);
        list2_set_id(l, 3);
        list2_set_ptrs(l, 4);
        CHECK_EQ(list2_which(list2_as_reader(l)), LIST2_PTRS_);
        check_decodes(
                "nested.capnp", "List2", m,
                "(list = [\"t\"], reader = 1, builder = 0, root = 0, which = 2, id = 3, ptrs = 4)");
}

TEST(types_of_another_file)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        invoice_builder b;

        CHECK_OK(capnp_msg_new(&m));
        b = invoice_build(m);
        money_set_cents(invoice_init_total(b), 100);
        money_set_currency(money_list_builder_get(invoice_init_items(b, 1), 0), CURRENCY_EUR);
        CHECK_EQ(invoice_in(invoice_as_reader(b)), CURRENCY_EUR);
        check_decodes(
                "imports.capnp", "Invoice", m,
                "(total = (cents = 100, currency = chf), items = [(cents = 0, currency = eur)], "
                "in = eur)");
}
