/* Deep copies: between messages, within one, of hostile ones, with capabilities; and growing. */
#include "test-msg.h"

#include <stdlib.h>

#define STRUCT(off, words, ptrs)                                                \
        ((uint64_t)(uint32_t)((uint32_t)(off) << 2) | (uint64_t)(words) << 32 | \
         (uint64_t)(ptrs) << 48)
#define LIST(off, size, n)                                                         \
        ((uint64_t)(uint32_t)((uint32_t)(off) << 2) | 1 | (uint64_t)(size) << 32 | \
         (uint64_t)(n) << 35)

static capnp_msg *msg_new(void)
{
        capnp_msg *m;

        CHECK_OK(capnp_msg_new(&m));
        return m;
}

static capnp_text msg_text(capnp_abuilder a)
{
        return capnp_any_text(capnp_abuilder_any(a), (capnp_text){0});
}

TEST(copies_are_the_same)
{
        for (uint32_t n = 1; n < 5000; n *= 4) {
                struct test_cap cap = test_cap_make();
                capnp_msg *from = msg_new(), *to = msg_new();

                test_tree(capnp_msg_build(from), test_cap_of(&cap), n);
                capnp_abuilder_set(capnp_msg_build(to), capnp_msg_root(from));
                CHECK(test_same(capnp_msg_root(from), capnp_msg_root(to)));
                CHECK_EQ(cap.refs, 3);
                CHECK_OK(capnp_msg_check(to));
                from = capnp_msg_free(from);
                CHECK_EQ(cap.refs, 2);
                CHECK_EQ(capnp_any_words(capnp_msg_root(to), NULL) > 10, true);
                to = capnp_msg_free(to);
                CHECK_EQ(cap.refs, 1);
        }
}

TEST(structs_and_lists_are_copied_from_views)
{
        capnp_msg *from = msg_new(), *to = msg_new();
        capnp_builder b;
        capnp_reader r;

        test_tree(capnp_msg_build(from), NULL, 30);
        r = capnp_any_struct(capnp_msg_root(from), NULL);
        b = capnp_abuilder_init_struct(capnp_msg_build(to), 0, 4);
        capnp_abuilder_set_struct(capnp_builder_any(b, 0), r);
        capnp_abuilder_set_list(capnp_builder_any(b, 1),
                                capnp_any_list(capnp_reader_any(r, 6), CAPNP_SIZE_COMPOSITE, NULL));
        capnp_abuilder_set_list(capnp_builder_any(b, 2),
                                capnp_any_list(capnp_reader_any(r, 4), CAPNP_SIZE_BIT, NULL));
        CHECK(test_same(capnp_abuilder_any(capnp_builder_any(b, 0)), capnp_msg_root(from)));
        CHECK(test_same(capnp_abuilder_any(capnp_builder_any(b, 1)), capnp_reader_any(r, 6)));
        CHECK(test_same(capnp_abuilder_any(capnp_builder_any(b, 2)), capnp_reader_any(r, 4)));

        /* An element of a list of shorts, as a struct, has two bytes of data; a copy has a word. */
        capnp_abuilder_set_struct(
                capnp_builder_any(b, 3),
                capnp_list_struct(capnp_any_list(capnp_reader_any(r, 3), CAPNP_SIZE_TWO, NULL), 2));
        r = capnp_any_struct(capnp_abuilder_any(capnp_builder_any(b, 3)), NULL);
        CHECK_EQ(r.bytes, 8);
        CHECK_EQ(capnp_reader_u64(r, 0, 0), 6);

        /* All defaults is a struct; an empty view of a list is none. */
        capnp_abuilder_set_struct(capnp_builder_any(b, 3), (capnp_reader){0});
        CHECK_EQ(capnp_any_what(capnp_abuilder_any(capnp_builder_any(b, 3))), CAPNP_WHAT_STRUCT);
        capnp_abuilder_set_list(capnp_builder_any(b, 3), (capnp_list){0});
        CHECK_EQ(capnp_any_what(capnp_abuilder_any(capnp_builder_any(b, 3))), CAPNP_WHAT_NULL);
        CHECK_OK(capnp_msg_check(to));
        capnp_msg_free(from);
        capnp_msg_free(to);
}

TEST(a_slot_may_be_set_from_itself_and_around)
{
        capnp_msg *m = msg_new();
        capnp_abuilder root = capnp_msg_build(m);
        capnp_builder b = capnp_abuilder_init_struct(root, 1, 2);

        capnp_builder_set_u64(b, 0, 5, 0);
        capnp_builder_set_text(b, 0, "inner");
        capnp_abuilder_set(root, capnp_msg_root(m));
        CHECK_STR(msg_text(capnp_builder_any(b, 0)).p, "inner");

        /* The whole into one of its own slots, then that slot's content in place of the whole. */
        capnp_abuilder_set(capnp_builder_any(b, 1), capnp_msg_root(m));
        b = capnp_abuilder_struct(capnp_builder_any(b, 1), 0, 0, NULL);
        CHECK_STR(msg_text(capnp_builder_any(b, 0)).p, "inner");
        CHECK_EQ(capnp_any_what(capnp_abuilder_any(capnp_builder_any(b, 1))), CAPNP_WHAT_NULL);
        capnp_builder_set_u64(b, 0, 6, 0);
        capnp_abuilder_set(root, capnp_abuilder_any(capnp_builder_any(
                                         capnp_abuilder_struct(root, 0, 0, NULL), 1)));
        b = capnp_abuilder_struct(root, 0, 0, NULL);
        CHECK_EQ(capnp_reader_u64(capnp_builder_reader(b), 0, 0), 6);
        CHECK_STR(msg_text(capnp_builder_any(b, 0)).p, "inner");
        CHECK_OK(capnp_msg_check(m));
        capnp_msg_free(m);
}

TEST(copying_over_a_struct_keeps_its_size)
{
        capnp_msg *m = msg_new();
        capnp_builder b = capnp_abuilder_init_struct(capnp_msg_build(m), 0, 3), from, to;

        from = capnp_abuilder_init_struct(capnp_builder_any(b, 0), 2, 2);
        capnp_builder_set_u64(from, 0, 1, 0);
        capnp_builder_set_u64(from, 8, 2, 0);
        capnp_builder_set_text(from, 0, "kept");
        capnp_builder_set_text(from, 1, "left out");
        to = capnp_abuilder_init_struct(capnp_builder_any(b, 1), 1, 1);
        capnp_builder_copy(to, capnp_builder_reader(from));
        CHECK_EQ(capnp_reader_u64(capnp_builder_reader(to), 0, 0), 1);
        CHECK_STR(msg_text(capnp_builder_any(to, 0)).p, "kept");

        to = capnp_abuilder_init_struct(capnp_builder_any(b, 2), 3, 3);
        capnp_builder_set_u64(to, 16, 9, 0);
        capnp_builder_set_text(to, 2, "goes");
        capnp_builder_copy(to, capnp_builder_reader(from));
        capnp_builder_copy(to, capnp_builder_reader(to));
        CHECK_EQ(capnp_reader_u64(capnp_builder_reader(to), 8, 0), 2);
        CHECK_EQ(capnp_reader_u64(capnp_builder_reader(to), 16, 0), 0);
        CHECK_STR(msg_text(capnp_builder_any(to, 1)).p, "left out");
        CHECK_EQ(msg_text(capnp_builder_any(to, 2)).len, 0);
        CHECK_OK(capnp_msg_check(m));
        capnp_msg_free(m);
}

/* A child over its parent and a parent over its child: nothing is lost on the way. */
TEST(copying_over_a_struct_from_below_and_above)
{
        for (int up = 0; up < 2; up++) {
                capnp_msg *m = msg_new();
                capnp_builder outer = capnp_abuilder_init_struct(capnp_msg_build(m), 1, 3), inner;

                inner = capnp_abuilder_init_struct(capnp_builder_any(outer, 0), 1, 3);
                capnp_builder_set_u64(outer, 0, 1, 0);
                capnp_builder_set_u64(inner, 0, 2, 0);
                capnp_builder_set_text(outer, 2, "outer");
                capnp_builder_set_text(inner, 1, "inner one");
                capnp_builder_set_text(inner, 2, "inner");
                if (up)
                        capnp_builder_copy(inner, capnp_builder_reader(outer));
                else
                        capnp_builder_copy(outer, capnp_builder_reader(inner));
                CHECK_EQ(capnp_reader_u64(capnp_builder_reader(outer), 0, 0), up ? 1 : 2);
                CHECK_STR(msg_text(capnp_builder_any(outer, 2)).p, up ? "outer" : "inner");
                CHECK_STR(msg_text(capnp_builder_any(outer, 1)).p, up ? "" : "inner one");
                if (up) {
                        capnp_reader r = capnp_builder_reader(inner);

                        CHECK_EQ(capnp_reader_u64(r, 0, 0), 1);
                        CHECK_STR(capnp_reader_text(r, 2).p, "outer");
                        r = capnp_any_struct(capnp_reader_any(r, 0), NULL);
                        CHECK_EQ(capnp_reader_u64(r, 0, 0), 2);
                        CHECK_STR(capnp_reader_text(r, 1).p, "inner one");
                }
                CHECK_OK(capnp_msg_check(m));
                capnp_msg_free(m);
        }
}

/* What was bad in the source: its whole, a text in it, a list. Each way of copying marks. */
TEST(a_mark_travels_with_the_copy)
{
        for (int way = 0; way < 6; way++) {
                uint64_t w[] = {STRUCT(0, 0, 2), STRUCT(99, 1, 0), LIST(99, 2, 1)};
                uint32_t n = 3;
                capnp_msg *to = msg_new(), from;
                capnp_abuilder a =
                        capnp_builder_any(capnp_abuilder_init_struct(capnp_msg_build(to), 0, 2), 0);
                capnp_reader r;

                CHECK_OK(capnp_i_msg_init_received(&from, w, &n, 1, NULL));
                r = capnp_any_struct(capnp_msg_root(&from), NULL);
                CHECK_OK(capnp_msg_check(&from));
                if (way == 0)
                        capnp_abuilder_set_struct(a,
                                                  capnp_any_struct(capnp_reader_any(r, 0), NULL));
                if (way == 1)
                        capnp_abuilder_set_list(
                                a, capnp_any_list(capnp_reader_any(r, 1), CAPNP_SIZE_BYTE, NULL));
                if (way == 2)
                        capnp_abuilder_set(a, capnp_reader_any(r, 0));
                if (way == 3)
                        capnp_builder_copy(capnp_abuilder_init_struct(a, 1, 2), r);
                if (way == 4)
                        capnp_builder_copy(capnp_abuilder_init_struct(a, 1, 2),
                                           capnp_any_struct(capnp_reader_any(r, 1), NULL));
                if (way == 5)
                        capnp_abuilder_set_struct(
                                a, capnp_list_struct(capnp_any_list(capnp_reader_any(r, 1),
                                                                    CAPNP_SIZE_COMPOSITE, NULL),
                                                     0));
                CHECK_EQ(capnp_msg_check(to), CAPNP_E_POISON);
                capnp_i_msg_deinit(&from);
                capnp_msg_free(to);
        }
}

/* At the nesting limit a text is read, measured and copied, near or far; a level more is refused.
 */
TEST(the_last_level_is_copied_as_it_is_read)
{
        for (uint32_t levels = 62; levels <= 66; levels++)
                for (int far = 0; far < 2; far++) {
                        capnp_msg *m = msg_new(), *to = msg_new(), *copy;
                        capnp_abuilder a = capnp_msg_build(m);
                        int error = levels > 64 ? CAPNP_E_LIMIT : 0;
                        uint64_t *b;
                        uint32_t seg;
                        capnp_any at;

                        for (uint32_t i = 0; i < levels; i++)
                                a = capnp_builder_any(capnp_abuilder_init_struct(a, 0, 1), 0);
                        if (far)
                                (void)capnp_i_msg_alloc(m, m->segs[0].room - m->segs[0].words,
                                                        &seg);
                        capnp_abuilder_set_text(a, capnp_text_of("hello"));
                        CHECK_EQ(m->nsegs, far + 1);
                        b = malloc(capnp_msg_size(m));
                        CHECK(b);
                        CHECK_OK(capnp_msg_write(m, b, capnp_msg_size(m)));
                        for (int way = 0; way < 3; way++) {
                                CHECK_OK(capnp_msg_parse(b, capnp_msg_size(m), NULL, &copy));
                                at = capnp_msg_root(copy);
                                for (uint32_t i = 0; i < levels && way == 0; i++)
                                        at = capnp_reader_any(capnp_any_struct(at, NULL), 0);
                                if (way == 0)
                                        CHECK_STR(capnp_any_text(at, (capnp_text){0}).p,
                                                  error ? "" : "hello");
                                if (way == 1)
                                        CHECK_EQ(capnp_any_words(at, NULL),
                                                 error ? 64 : levels + 1);
                                if (way == 2)
                                        capnp_abuilder_set(capnp_msg_build(to), at);
                                CHECK_EQ(capnp_msg_check(copy), error);
                                copy = capnp_msg_free(copy);
                        }
                        CHECK_EQ(capnp_msg_check(to), error);
                        free(b);
                        capnp_msg_free(m);
                        capnp_msg_free(to);
                }
}

TEST(a_hostile_source_is_marked_and_bounded)
{
        static const struct {
                uint64_t w[8];
                uint32_t n;
                int error;
        } rows[] = {
                {{STRUCT(0, 0, 1), STRUCT(-1, 0, 1)}, 2, CAPNP_E_LIMIT},
                {{STRUCT(0, 0, 2), STRUCT(-1, 0, 2), STRUCT(-2, 0, 2)}, 3, CAPNP_E_LIMIT},
                {{STRUCT(0, 0, 1), LIST(9, 2, 1)}, 2, CAPNP_E_POISON},
                {{LIST(0, 6, 2), 7, 0}, 3, CAPNP_E_POISON},
                {{LIST(0, 0, (1u << 29) - 1)}, 1, CAPNP_E_LIMIT},
                {{LIST(0, 7, 0), STRUCT(1 << 29, 0, 0)}, 2, CAPNP_E_LIMIT},
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                uint64_t w[8];
                capnp_msg *to = msg_new(), from;

                memcpy(w, rows[i].w, sizeof(w));
                CHECK_OK(capnp_i_msg_init_received(&from, w, &rows[i].n, 1, NULL));
                capnp_abuilder_set(capnp_msg_build(to), capnp_msg_root(&from));
                CHECK_EQ(capnp_msg_check(&from), rows[i].error);
                CHECK_EQ(capnp_msg_check(to), rows[i].error);
                CHECK(capnp_msg_size(to) <= UINT64_C(9) * (8 << 20) * 8);
                CHECK_MEM(w, rows[i].w, sizeof(w));
                capnp_i_msg_deinit(&from);
                capnp_msg_free(to);
        }
}

/* ---- growing ------------------------------------------------------------------------------ */

TEST(structs_grow)
{
        for (int far = 0; far < 2; far++) {
                capnp_msg *m = msg_new();
                capnp_abuilder a = capnp_msg_build(m);
                capnp_builder b;

                b = capnp_abuilder_struct(a, 1, 1, NULL);
                capnp_builder_set_u64(b, 0, 5, 0);
                capnp_builder_set_text(b, 0, "stays");
                /* With the first segment full, the moved struct is elsewhere, its text here. */
                if (far)
                        (void)capnp_i_msg_alloc(m, m->segs[0].room - m->segs[0].words, &b.seg);
                CHECK_EQ(capnp_abuilder_struct(a, 1, 0, NULL).bytes, 8);
                b = capnp_abuilder_struct(a, 2, 3, NULL);
                CHECK_EQ(b.bytes, 16);
                CHECK_EQ(b.ptrs, 3);
                CHECK_EQ(b.seg, far);
                CHECK_EQ(capnp_reader_u64(capnp_builder_reader(b), 0, 0), 5);
                CHECK_STR(msg_text(capnp_builder_any(b, 0)).p, "stays");
                /* No room beside the text for a landing pad: a double far pointer. */
                CHECK_EQ(*capnp_builder_any(b, 0).p & 7, far ? 6 : 1);
                CHECK_EQ(m->segs[0].base[1] | m->segs[0].base[2], 0);

                /* Again, from behind a far pointer; both of its pads are wiped. */
                b = capnp_abuilder_struct(a, 2, 9, NULL);
                CHECK_STR(msg_text(capnp_builder_any(b, 0)).p, "stays");
                capnp_abuilder_clear(a);
                CHECK_EQ(capnp_any_words(capnp_msg_root(m), NULL), 0);
                for (uint32_t s = 0; s < m->nsegs; s++)
                        for (uint32_t i = 0; i < m->segs[s].words; i++)
                                CHECK_EQ(m->segs[s].base[i], 0);
                CHECK_OK(capnp_msg_check(m));
                capnp_msg_free(m);
        }
}

TEST(lists_grow)
{
        capnp_msg *m = msg_new();
        capnp_abuilder a = capnp_msg_build(m);
        capnp_lbuilder l;

        l = capnp_abuilder_init_structs(a, 3, 1, 1);
        for (uint32_t i = 0; i < 3; i++) {
                capnp_builder_set_u64(capnp_lbuilder_struct(l, i), 0, i, 0);
                capnp_builder_set_text(capnp_lbuilder_struct(l, i), 0, "stays");
        }
        CHECK_EQ(capnp_abuilder_list(a, CAPNP_SIZE_COMPOSITE, 1, 1, NULL).d == l.d, true);
        l = capnp_abuilder_list(a, CAPNP_SIZE_COMPOSITE, 2, 2, NULL);
        CHECK_EQ(l.len, 3);
        CHECK_EQ(l.bytes, 16);
        for (uint32_t i = 0; i < 3; i++) {
                CHECK_EQ(capnp_reader_u64(capnp_builder_reader(capnp_lbuilder_struct(l, i)), 0, 0),
                         i);
                CHECK_STR(msg_text(capnp_lbuilder_any(l, i)).p, "stays");
        }
        /* Narrower expectations see the list as it is. */
        CHECK_EQ(capnp_abuilder_list(a, CAPNP_SIZE_POINTER, 0, 0, NULL).len, 3);
        CHECK_EQ(capnp_abuilder_list(a, CAPNP_SIZE_FOUR, 0, 0, NULL).bytes, 16);
        CHECK_OK(capnp_msg_check(m));
        capnp_msg_free(m);
}

TEST(primitive_lists_grow_to_structs)
{
        static const enum capnp_size sizes[] = {CAPNP_SIZE_VOID,  CAPNP_SIZE_BYTE,
                                                CAPNP_SIZE_TWO,   CAPNP_SIZE_FOUR,
                                                CAPNP_SIZE_EIGHT, CAPNP_SIZE_POINTER};

        for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
                capnp_msg *m = msg_new();
                capnp_abuilder a = capnp_msg_build(m);
                capnp_lbuilder l = capnp_abuilder_init_list(a, sizes[s], 9);

                for (uint32_t i = 0; i < 9; i++) {
                        capnp_lbuilder_set_u8(l, i, (uint8_t)(i + 100));
                        capnp_abuilder_set_text(capnp_lbuilder_any(l, i), (capnp_text){"p", 1});
                }
                l = capnp_abuilder_list(a, CAPNP_SIZE_COMPOSITE, 0, 1, NULL);
                CHECK_EQ(l.len, 9);
                CHECK_EQ(l.size, CAPNP_SIZE_COMPOSITE);
                CHECK_EQ(l.ptrs, 1);
                for (uint32_t i = 0; i < 9; i++) {
                        capnp_reader r = capnp_builder_reader(capnp_lbuilder_struct(l, i));

                        CHECK_EQ(capnp_reader_u8(r, 0, 0), l.bytes ? i + 100 : 0);
                        CHECK_STR(capnp_reader_text(r, 0).p,
                                  sizes[s] == CAPNP_SIZE_POINTER ? "p" : "");
                }
                CHECK_OK(capnp_msg_check(m));
                capnp_msg_free(m);
        }
}

TEST(what_cannot_grow_marks)
{
        capnp_msg *m = msg_new();
        capnp_abuilder a = capnp_msg_build(m);

        (void)capnp_abuilder_init_list(a, CAPNP_SIZE_BIT, 3);
        CHECK(!capnp_abuilder_list(a, CAPNP_SIZE_COMPOSITE, 1, 0, NULL).m);
        CHECK_EQ(capnp_msg_check(m), CAPNP_E_POISON);
        capnp_msg_free(m);

        m = msg_new();
        a = capnp_msg_build(m);
        (void)capnp_abuilder_init_list(a, CAPNP_SIZE_VOID, 1 << 28);
        CHECK(!capnp_abuilder_list(a, CAPNP_SIZE_COMPOSITE, 2, 0, NULL).m);
        CHECK_EQ(capnp_msg_check(m), CAPNP_E_LIMIT);
        capnp_msg_free(m);

        m = msg_new();
        a = capnp_msg_build(m);
        (void)capnp_abuilder_init_struct(a, 1, 0);
        CHECK(!capnp_abuilder_list(a, CAPNP_SIZE_BYTE, 0, 0, NULL).m);
        CHECK_EQ(capnp_msg_check(m), CAPNP_E_POISON);
        capnp_msg_free(m);
}

TEST(defaults_are_copied_when_they_are_to_be_changed)
{
        static const uint64_t dflt[] = {STRUCT(0, 1, 1), 9, LIST(0, 2, 2), 'x'};
        static const uint64_t list[] = {LIST(0, 4, 2), UINT64_C(0x200000001)};
        capnp_msg *m = msg_new();
        capnp_builder b = capnp_abuilder_init_struct(capnp_msg_build(m), 0, 3);
        capnp_builder s = capnp_abuilder_struct(capnp_builder_any(b, 0), 2, 1, dflt);
        capnp_lbuilder l =
                capnp_abuilder_list(capnp_builder_any(b, 1), CAPNP_SIZE_FOUR, 0, 0, list);

        CHECK_EQ(s.bytes, 16);
        CHECK_EQ(capnp_reader_u64(capnp_builder_reader(s), 0, 0), 9);
        CHECK_STR(msg_text(capnp_builder_any(s, 0)).p, "x");
        CHECK_EQ(l.len, 2);
        capnp_lbuilder_set_u32(l, 0, 7);
        CHECK_EQ(capnp_list_u32(capnp_lbuilder_list(l), 0), 7);
        CHECK_EQ(list[1], UINT64_C(0x200000001));
        CHECK(!capnp_abuilder_list(capnp_builder_any(b, 2), CAPNP_SIZE_FOUR, 0, 0, NULL).m);
        CHECK_OK(capnp_msg_check(m));
        capnp_msg_free(m);
}

TORTURE(copying_and_growing)
{
        struct test_cap cap = test_cap_make();
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *from = NULL, *to = NULL;
        capnp_lbuilder l;

        TORTURE_OK(capnp_msg_new(&from));
        test_tree(capnp_msg_build(from), test_cap_of(&cap), 300);
        TORTURE_OK(capnp_msg_check(from));
        TORTURE_OK(capnp_msg_new(&to));
        for (int i = 0; i < 6; i++)
                capnp_abuilder_set(capnp_msg_build(to), capnp_msg_root(from));
        l = capnp_abuilder_init_structs(capnp_msg_build(to), 300, 1, 1);
        for (uint32_t i = 0; i < 300; i++)
                capnp_abuilder_set_cap(capnp_lbuilder_any(l, i), test_cap_of(&cap));
        (void)capnp_abuilder_list(capnp_msg_build(to), CAPNP_SIZE_COMPOSITE, 9, 9, NULL);
        TORTURE_OK(capnp_msg_check(to));
        to = capnp_msg_free(to);
        from = capnp_msg_free(from);
        CHECK_EQ(cap.refs, 1);
}
