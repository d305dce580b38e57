/* Builders: arenas, segments, setters, clearing, and what comes out on a stream. */
#include "test-msg.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <errno.h>
#include <stdlib.h>

/* Serializes and parses; the caller frees both. */
static void *reparse(const capnp_msg *m, capnp_msg **ret_m)
{
        size_t n = capnp_msg_size(m);
        void *b = malloc(n);

        CHECK_OK(capnp_msg_write(m, b, n));
        CHECK_OK(capnp_msg_parse(b, n, NULL, ret_m));
        return b;
}

/* Words of a message that are not zero, all segments. */
static uint64_t words_set(const capnp_msg *m)
{
        uint64_t n = 0;

        for (uint32_t s = 0; s < m->nsegs; s++)
                for (uint32_t i = 0; i < m->segs[s].words; i++)
                        n += m->segs[s].base[i] != 0;

        return n;
}

TEST(an_empty_message_is_a_null_root)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL, *again = NULL;
        void *b;

        CHECK_OK(capnp_msg_new(&m));
        CHECK_EQ(capnp_any_what(capnp_msg_root(m)), CAPNP_WHAT_NULL);
        CHECK_EQ(capnp_msg_size(m), 16);
        b = reparse(m, &again);
        CHECK_EQ(capnp_any_what(capnp_msg_root(again)), CAPNP_WHAT_NULL);
        CHECK_EQ(capnp_msg_write(m, b, 15), CAPNP_E_LIMIT);
        free(b);
}

TEST(setters_and_getters_of_every_width)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        capnp_builder b;
        capnp_reader r;

        CHECK_OK(capnp_msg_new(&m));
        b = capnp_abuilder_init_struct(capnp_msg_build(m), 5, 0);
        r = capnp_builder_reader(b);
        capnp_builder_set_u8(b, 0, 200, 0);
        capnp_builder_set_i8(b, 1, -3, 5);
        capnp_builder_set_u16(b, 2, 60000, 1);
        capnp_builder_set_i32(b, 4, -5, -6);
        capnp_builder_set_i64(b, 8, INT64_MIN, 3);
        capnp_builder_set_f32(b, 16, 1.5f, 2.5f);
        capnp_builder_set_f64(b, 24, -2.25, 1e9);
        capnp_builder_set_bool(b, 160, true, false);
        capnp_builder_set_bool(b, 161, false, true);
        capnp_builder_set_u64(b, 36, 1, 0);
        capnp_builder_set_u8(b, 40, 1, 0);
        CHECK_EQ(capnp_reader_u8(r, 0, 0), 200);
        CHECK_EQ(capnp_reader_i8(r, 1, 5), -3);
        CHECK_EQ(capnp_reader_u16(r, 2, 1), 60000);
        CHECK_EQ(capnp_reader_i32(r, 4, -6), -5);
        CHECK_EQ(capnp_reader_i64(r, 8, 3), INT64_MIN);
        CHECK(capnp_reader_f32(r, 16, 2.5f) == 1.5f);
        CHECK(capnp_reader_f64(r, 24, 1e9) == -2.25);
        CHECK(capnp_reader_bool(r, 160, false) && !capnp_reader_bool(r, 161, true));
        CHECK_EQ(capnp_reader_u64(r, 36, 0), 0);
        CHECK_OK(capnp_msg_check(m));
}

TEST(a_tree_comes_back)
{
        for (uint32_t n = 1; n < 5000; n *= 3) {
                CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL, *again = NULL;
                uint32_t caps;
                void *b;

                CHECK_OK(capnp_msg_new(&m));
                test_tree(capnp_msg_build(m), NULL, n);
                CHECK_OK(capnp_msg_check(m));
                b = reparse(m, &again);
                CHECK(test_same(capnp_msg_root(m), capnp_msg_root(again)));
                CHECK_EQ(capnp_any_words(capnp_msg_root(m), &caps),
                         capnp_any_words(capnp_msg_root(again), NULL));
                CHECK_EQ(caps, 0);
                CHECK_OK(capnp_msg_check(again));
                free(b);
        }
}

TEST(objects_outside_the_first_segment)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        capnp_builder b;

        CHECK_OK(capnp_msg_new(&m));
        b = capnp_abuilder_init_struct(capnp_msg_build(m), 0, 2);
        CHECK(capnp_abuilder_init_data(capnp_builder_any(b, 0), CAPNP_I_FIRST_WORDS * 8));
        CHECK_EQ(m->nsegs, 2);
        /* A small one still finds room beside its pointer. */
        capnp_builder_set_text(b, 1, "near");
        CHECK_EQ(m->nsegs, 2);
        CHECK_EQ(*capnp_builder_any(b, 0).p & 7, 2);
        CHECK_EQ(*capnp_builder_any(b, 1).p & 3, 1);
        CHECK_EQ(capnp_any_data(capnp_abuilder_any(capnp_builder_any(b, 0)), (capnp_data){0}).len,
                 CAPNP_I_FIRST_WORDS * 8);
}

TEST(the_first_segment_may_be_the_callers)
{
        uint64_t words[8];
        capnp_abuilder a;
        capnp_msg m;

        /* The envelope is the caller's, with a content pointer in its second word. */
        memset(words, 0xff, sizeof(words));
        words[0] = words[1] = 0;
        capnp_i_msg_init_building(&m, words, 8, 2);
        a = capnp_i_msg_slot(&m, 1);
        CHECK(!capnp_i_msg_slot(&m, 2).m);
        (void)capnp_abuilder_init_struct(a, 2, 1);
        CHECK_EQ(m.nsegs, 1);
        CHECK_EQ(words[2] | words[3] | words[4], 0);
        CHECK_EQ(words[5], UINT64_MAX);
        (void)capnp_abuilder_init_list(a, CAPNP_SIZE_EIGHT, 4);
        CHECK_EQ(m.nsegs, 2);
        CHECK_OK(capnp_msg_check(&m));
        capnp_i_msg_deinit(&m);

        for (int i = 0; i < 2; i++) {
                capnp_i_msg_init_building(&m, i ? words : NULL, 0, 0);
                CHECK(!capnp_i_msg_slot(&m, 0).m);
                capnp_builder_set_text(capnp_abuilder_init_struct(capnp_msg_build(&m), 0, 1), 0,
                                       "x");
                CHECK_EQ(m.nsegs, 1);
                CHECK_OK(capnp_msg_check(&m));
                capnp_i_msg_deinit(&m);
        }
}

TEST(clearing_leaves_zeros)
{
        for (uint32_t n = 1; n < 5000; n *= 5) {
                struct test_cap cap = test_cap_make();
                CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
                capnp_abuilder a;

                CHECK_OK(capnp_msg_new(&m));
                a = capnp_msg_build(m);
                test_tree(a, test_cap_of(&cap), n);
                CHECK_EQ(cap.refs, 2);
                capnp_abuilder_clear(a);
                CHECK_EQ(words_set(m), 0);
                CHECK_EQ(cap.refs, 1);
                CHECK_EQ(m->ncaps, 0);
                CHECK_OK(capnp_msg_check(m));

                /* A new value wipes the old one too. */
                test_tree(a, test_cap_of(&cap), n);
                capnp_abuilder_set_text(a, (capnp_text){"x", 1});
                CHECK_EQ(words_set(m), m->nsegs == 1 || (*a.p & 3) != 2 ? 2 : 3);
                CHECK_EQ(cap.refs, 1);
        }
}

TEST(a_text_may_be_made_from_the_one_it_replaces)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        capnp_abuilder a;
        capnp_text t;

        CHECK_OK(capnp_msg_new(&m));
        a = capnp_msg_build(m);
        capnp_abuilder_set_text(a, (capnp_text){"one two", 7});
        t = capnp_any_text(capnp_msg_root(m), (capnp_text){0});
        capnp_abuilder_set_text(a, (capnp_text){t.p + 4, 3});
        CHECK_STR(capnp_any_text(capnp_msg_root(m), (capnp_text){0}).p, "two");
        capnp_abuilder_set_text(a, (capnp_text){0});
        CHECK_EQ(capnp_any_what(capnp_msg_root(m)), CAPNP_WHAT_NULL);
}

TEST(a_cleared_message_is_built_in_again)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        uint64_t *block;
        capnp_builder b;

        CHECK_OK(capnp_msg_new(&m));
        capnp_msg_clear(m); /* nothing in it yet */
        for (int i = 0; i < 3; i++) {
                b = capnp_abuilder_init_struct(capnp_msg_build(m), 1, 1);
                CHECK(b.d);
                CHECK_EQ(capnp_reader_u64(capnp_builder_reader(b), 0, 0), 0);
                capnp_builder_set_u64(b, 0, UINT64_MAX, 0);
                CHECK(capnp_abuilder_init_data(capnp_builder_any(b, 0), 5000));
                CHECK_OK(capnp_msg_check(m));
                CHECK_EQ(m->nsegs, i ? 1 : 2);
                block = m->segs[m->nsegs - 1].base;
                capnp_i_msg_mark(m, CAPNP_E_LIMIT);
                capnp_msg_clear(m);
                CHECK_OK(capnp_msg_check(m));
                CHECK_EQ(capnp_any_what(capnp_msg_root(m)), CAPNP_WHAT_NULL);
                CHECK(m->segs[0].base == block);
        }
}

TEST(capabilities_belong_to_the_message)
{
        struct test_cap caps[9];
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        capnp_lbuilder l;

        CHECK_OK(capnp_msg_new(&m));
        l = capnp_abuilder_init_list(capnp_msg_build(m), CAPNP_SIZE_POINTER, 9);
        for (uint32_t i = 0; i < 9; i++) {
                caps[i] = test_cap_make();
                capnp_abuilder_set_cap(capnp_lbuilder_any(l, i), test_cap_of(&caps[i]));
        }

        for (uint32_t i = 0; i < 9; i++) {
                CHECK_EQ(caps[i].refs, 2);
                CHECK(capnp_msg_cap_peek(m, i) == test_cap_of(&caps[i]));
                CHECK(capnp_any_cap_peek(capnp_abuilder_any(capnp_lbuilder_any(l, i))) ==
                      test_cap_of(&caps[i]));
        }

        capnp_abuilder_set_cap(capnp_lbuilder_any(l, 3), NULL);
        CHECK_EQ(caps[3].refs, 1);
        CHECK(!capnp_msg_cap_peek(m, 3));
        CHECK(!capnp_msg_cap_peek(m, 9));
        m = capnp_msg_free(m);
        for (uint32_t i = 0; i < 9; i++)
                CHECK_EQ(caps[i].refs, 1);
}

TEST(what_is_too_large_marks)
{
        static const enum capnp_size sizes[] = {CAPNP_SIZE_VOID, CAPNP_SIZE_EIGHT,
                                                CAPNP_SIZE_COMPOSITE};

        for (int i = 0; i < 5; i++) {
                CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
                capnp_abuilder a;

                CHECK_OK(capnp_msg_new(&m));
                a = capnp_msg_build(m);
                if (i < 3)
                        CHECK(!capnp_abuilder_init_list(a, sizes[i], i < 2 ? 1u << 29 : 1).m);
                else if (i == 3)
                        CHECK(!capnp_abuilder_init_structs(a, 1 << 28, 1, 1).m);
                else
                        CHECK(!capnp_abuilder_init_data(a, 1u << 29));
                CHECK_EQ(capnp_msg_check(m), CAPNP_E_LIMIT);
                CHECK_EQ(capnp_any_what(capnp_msg_root(m)), CAPNP_WHAT_NULL);
        }
}

TEST(zeroed_builders_do_nothing)
{
        capnp_builder b = {0};
        capnp_lbuilder l = {0};
        capnp_abuilder a = {0};

        capnp_builder_set_u32(b, 0, 1, 0);
        capnp_builder_set_bool(b, 0, true, false);
        capnp_builder_set_text(b, 0, "x");
        capnp_builder_copy(b, (capnp_reader){0});
        capnp_lbuilder_set_u8(l, 0, 1);
        capnp_lbuilder_set_bool(l, 0, true);
        capnp_abuilder_clear(a);
        capnp_abuilder_set_data(a, (capnp_data){(const uint8_t *)"x", 1});
        capnp_abuilder_set_cap(a, NULL);
        capnp_abuilder_set(a, (capnp_any){0});
        capnp_abuilder_set_struct(a, (capnp_reader){0});
        capnp_abuilder_set_list(a, (capnp_list){0});
        CHECK(!capnp_abuilder_init_struct(a, 1, 1).m);
        CHECK(!capnp_abuilder_struct(a, 1, 1, NULL).m);
        CHECK(!capnp_abuilder_init_structs(a, 1, 1, 1).m);
        CHECK(!capnp_abuilder_init_list(a, CAPNP_SIZE_BYTE, 1).m);
        CHECK(!capnp_abuilder_list(a, CAPNP_SIZE_BYTE, 0, 0, NULL).m);
        CHECK(!capnp_abuilder_init_data(a, 1));
        CHECK(!capnp_builder_reader(b).d && !capnp_lbuilder_list(l).d && !capnp_abuilder_any(a).p);
        CHECK(!capnp_builder_any(b, 0).m && !capnp_lbuilder_struct(l, 0).m);
}

/* Structs one in the other, and the last one's slot; data and branches around them if wanted. */
static capnp_abuilder chain_build(capnp_msg *m, uint32_t levels, bool branches)
{
        capnp_abuilder a = capnp_msg_build(m);

        for (uint32_t i = 0; i < levels; i++) {
                capnp_builder b = capnp_abuilder_init_struct(a, branches, branches ? 3 : 1);

                capnp_builder_set_u64(b, 0, i, 0);
                capnp_builder_set_text(b, 1, "on the way");
                a = capnp_builder_any(b, 0);
        }

        return a;
}

static bool msg_holds(capnp_msg *m, const char *text)
{
        size_t n = strlen(text);

        for (uint32_t s = 0; s < m->nsegs; s++)
                for (size_t i = 0; i + n <= m->segs[s].words * sizeof(uint64_t); i++)
                        if (!memcmp((const char *)m->segs[s].base + i, text, n))
                                return true;

        return false;
}

static bool msg_is_zero(const capnp_msg *m)
{
        for (uint32_t s = 0; s < m->nsegs; s++)
                for (uint32_t i = 0; i < m->segs[s].words; i++)
                        if (m->segs[s].base[i])
                                return false;

        return true;
}

/* No limit is for what we build: it is read, measured, copied and wiped to its end. */
TEST(our_own_messages_have_no_depth)
{
        static const uint32_t levels[] = {10, 63, 64, 65, 66, 130, 700, 66000, 1000000};

        for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
                for (int branches = 0; branches < 2; branches++) {
                        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL, *copy = NULL;
                        uint32_t found = 0;
                        capnp_any a;

                        CHECK_OK(capnp_msg_new(&m));
                        CHECK_OK(capnp_msg_new(&copy));
                        capnp_abuilder_set_text(chain_build(m, levels[i], branches),
                                                capnp_text_of("a secret"));
                        for (a = capnp_msg_root(m); capnp_any_what(a) == CAPNP_WHAT_STRUCT; found++)
                                a = capnp_reader_any(capnp_any_struct(a, NULL), 0);
                        CHECK_EQ(found, levels[i]);
                        CHECK_STR(capnp_any_text(a, (capnp_text){0}).p, "a secret");
                        capnp_abuilder_set(capnp_msg_build(copy), capnp_msg_root(m));
                        CHECK_EQ(capnp_any_words(capnp_msg_root(copy), NULL),
                                 levels[i] * (branches ? 6 : 1) + 2);
                        CHECK(msg_holds(copy, "a secret"));
                        CHECK_OK(capnp_msg_check(m));
                        CHECK_OK(capnp_msg_check(copy));
                        capnp_abuilder_clear(capnp_msg_build(m));
                        CHECK(msg_is_zero(m));
                        /* Replacing is clearing. */
                        capnp_abuilder_set_text(capnp_msg_build(copy), capnp_text_of("x"));
                        CHECK(!msg_holds(copy, "a secret"));
                        CHECK_OK(capnp_msg_check(m));
                }
}

TEST(lists_are_wiped_however_deep)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        capnp_abuilder a;
        capnp_lbuilder l;

        CHECK_OK(capnp_msg_new(&m));
        a = capnp_msg_build(m);
        for (int i = 0; i < 300; i++) {
                l = capnp_abuilder_init_list(a, CAPNP_SIZE_POINTER, 3);
                capnp_abuilder_set_text(capnp_lbuilder_any(l, 0), capnp_text_of("a secret"));
                a = capnp_lbuilder_any(l, 1);
                l = capnp_abuilder_init_structs(capnp_lbuilder_any(l, 2), 3, 1, 2);
                for (uint32_t k = 0; k < 3; k++) {
                        capnp_lbuilder_set_u64(l, k, UINT64_MAX);
                        capnp_builder_set_text(capnp_lbuilder_struct(l, k), 1, "a secret");
                }
                (void)capnp_abuilder_init_structs(capnp_builder_any(capnp_lbuilder_struct(l, 2), 0),
                                                  5, 0, 0);
        }
        capnp_abuilder_clear(capnp_msg_build(m));
        CHECK(msg_is_zero(m));
        CHECK_OK(capnp_msg_check(m));
}

TEST(a_received_message_without_words_says_its_size)
{
        static const uint64_t stream[] = {0, UINT64_C(1) << 32, 0};
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        uint64_t out = 7;
        size_t n;

        CHECK_OK(capnp_msg_parse(stream, sizeof(stream), NULL, &m));
        CHECK_EQ(capnp_msg_size(m), 8);
        CHECK_OK(capnp_msg_write(m, &out, sizeof(out)));
        CHECK_EQ(out, 0);
        CHECK_OK(capnp_msg_measure(stream, sizeof(stream), NULL, &n));
        CHECK_EQ(n, 8);
        CHECK_OK(capnp_msg_measure((const uint8_t *)stream + 8, 8, NULL, &n));
        CHECK_EQ(n, 16);
        CHECK_EQ(capnp_msg_measure((const uint8_t *)stream + 8, 7, NULL, &n), CAPNP_E_SHORT);
        CHECK_EQ(n, 8);
        CHECK_EQ(capnp_msg_measure("\xff\xff\0\0", 4, NULL, &n), CAPNP_E_LIMIT);
        CHECK_EQ(capnp_msg_parse((const uint8_t *)stream + 4, 16, NULL, &m), -EINVAL);
}

/* One block of bytes, mapped again and again, is a text of more than 4 GiB. */
TEST_T(a_text_beyond_4_gib_is_not_cut, 300)
{
        size_t block = (size_t)1 << 21, total = ((size_t)1 << 32) + 2 * block;
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        int fd = memfd_create("text", MFD_CLOEXEC);
        char *p, *at;

        CHECK(fd >= 0);
        CHECK_OK(ftruncate(fd, (off_t)block));
        at = mmap(NULL, block, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        CHECK(at != MAP_FAILED);
        memset(at, 'x', block);
        CHECK_OK(munmap(at, block));
        p = mmap(NULL, total, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        CHECK(p != MAP_FAILED);
        for (size_t i = 0; i + block < total; i += block)
                CHECK(mmap(p + i, block, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == p + i);
        (void)close(fd);

        CHECK_OK(capnp_msg_new(&m));
        capnp_builder_set_text(capnp_abuilder_init_struct(capnp_msg_build(m), 0, 1), 0, p);
        CHECK_EQ(capnp_msg_check(m), CAPNP_E_LIMIT);
        CHECK_OK(munmap(p, total));
}

TORTURE(building)
{
        struct test_cap cap = test_cap_make();
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;

        TORTURE_OK(capnp_msg_new(&m));
        test_tree(capnp_msg_build(m), test_cap_of(&cap), 700);
        for (int i = 0; i < 6; i++)
                test_tree(capnp_msg_build(m), test_cap_of(&cap), 300);
        TORTURE_OK(capnp_msg_check(m));
        m = capnp_msg_free(m);
        CHECK_EQ(cap.refs, 1);
}

/* A wipe that finds no memory leaves a message that cannot be sent; it branches at every level. */
TORTURE(clearing_deep)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL, *copy = NULL;
        capnp_abuilder a;

        TORTURE_OK(capnp_msg_new(&m));
        TORTURE_OK(capnp_msg_new(&copy));
        a = capnp_msg_build(m);
        for (uint32_t i = 0; i < 300 && a.m; i++) {
                capnp_builder b = capnp_abuilder_init_struct(a, 1, 2);

                capnp_builder_set_text(b, 1, "later");
                a = capnp_builder_any(b, 0);
        }
        TORTURE_OK(capnp_msg_check(m));
        capnp_abuilder_set(capnp_msg_build(copy), capnp_msg_root(m));
        TORTURE_OK(capnp_msg_check(copy));
        capnp_builder_copy(capnp_abuilder_init_struct(capnp_msg_build(copy), 0, 40),
                           capnp_any_struct(capnp_msg_root(m), NULL));
        TORTURE_OK(capnp_msg_check(copy));
        TORTURE_OK(capnp_any_words(capnp_msg_root(m), NULL) == UINT64_MAX ? -ENOMEM : 0);
        capnp_abuilder_clear(capnp_msg_build(m));
        TORTURE_OK(capnp_msg_check(m));
        CHECK(msg_is_zero(m));
}

TORTURE(parsing)
{
        uint64_t frame[3 + 5] = {0};
        uint32_t table[6] = {4, 1, 1, 1, 1, 1};
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;

        memcpy(frame, table, sizeof(table));
        TORTURE_OK(capnp_msg_parse(frame, sizeof(frame), NULL, &m));
}
