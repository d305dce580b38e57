/*
 * Readers against words written by hand: each kind of pointer as it should be, and in each way it
 * can be wrong. A row is a message of at most two segments; its words are copied to a block of
 * exactly their size, so that the sanitizer sees a read beyond them.
 */
#include "harness.h"
#include "msg-internal.h"

#include <errno.h>
#include <stdlib.h>

/* The pointers of the encoding specification. */
#define STRUCT(off, words, ptrs)                                                \
        ((uint64_t)(uint32_t)((uint32_t)(off) << 2) | (uint64_t)(words) << 32 | \
         (uint64_t)(ptrs) << 48)
#define LIST(off, size, n)                                                         \
        ((uint64_t)(uint32_t)((uint32_t)(off) << 2) | 1 | (uint64_t)(size) << 32 | \
         (uint64_t)(n) << 35)
#define FAR(seg, at)  ((uint64_t)2 | (uint64_t)(at) << 3 | (uint64_t)(seg) << 32)
#define FAR2(seg, at) (FAR(seg, at) | 4)
#define CAP(i)        ((uint64_t)3 | (uint64_t)(i) << 32)
#define TAG(n, w, p)  STRUCT(n, w, p)
#define TEXT5         UINT64_C(0x006f6c6c6568) /* "hello", NUL */
#define MAX29         ((1u << 29) - 1)

struct message {
        uint64_t *words;
        capnp_msg m;
};

static void message_make(struct message *x, const uint64_t *w, uint32_t n0, uint32_t n1,
                         const struct capnp_limits *l)
{
        size_t bytes = (n0 + n1) * sizeof(*w);
        uint32_t sizes[2] = {n0, n1};

        x->words = malloc(bytes ? bytes : 1);
        memcpy(x->words, w, bytes);
        CHECK_OK(capnp_i_msg_init_received(&x->m, x->words, sizes, n1 ? 2 : 1, l));
}

static void message_end(struct message *x)
{
        capnp_i_msg_deinit(&x->m);
        free(x->words);
}

enum as { AS_STRUCT, AS_TEXT, AS_DATA, AS_CAP, AS_WHAT, AS_LIST };

struct row {
        const char *name;
        uint64_t w[8];
        uint32_t n0, n1;
        enum as as;
        enum capnp_size size; /* AS_LIST */
        int64_t value;        /* AS_STRUCT: first u32, -1 defaults; texts and lists: length */
        int error;
};

static int64_t row_read(const struct row *t, capnp_any a)
{
        capnp_reader r;

        switch (t->as) {
        case AS_STRUCT:
                r = capnp_any_struct(a, NULL);
                return r.d ? (int64_t)capnp_reader_u32(r, 0, 0) : -1;
        case AS_TEXT:
                return capnp_any_text(a, (capnp_text){0}).len;
        case AS_DATA:
                return capnp_any_data(a, (capnp_data){0}).len;
        case AS_CAP:
                return capnp_any_cap_peek(a) != NULL;
        case AS_WHAT:
                return capnp_any_what(a);
        case AS_LIST:
                return capnp_any_list(a, t->size, NULL).len;
        }

        return -2;
}

static void rows_check(const struct row *rows, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                struct message x;
                int64_t v;

                message_make(&x, rows[i].w, rows[i].n0, rows[i].n1, NULL);
                v = row_read(&rows[i], capnp_msg_root(&x.m));
                if (v != rows[i].value || capnp_msg_check(&x.m) != rows[i].error)
                        test_fail(__FILE__, __LINE__, "%s: value %lld, %s", rows[i].name,
                                  (long long)v, capnp_strerror(capnp_msg_check(&x.m)));
                message_end(&x);
        }
}

#define ROWS(rows) rows_check(rows, sizeof(rows) / sizeof(rows[0]))

TEST(structs)
{
        static const struct row rows[] = {
                {"null", {0}, 1, 0, AS_STRUCT, 0, -1, 0},
                {"no word at all", {0}, 0, 0, AS_STRUCT, 0, -1, 0},
                {"plain", {STRUCT(0, 1, 0), 7}, 2, 0, AS_STRUCT, 0, 7, 0},
                {"gap", {STRUCT(1, 1, 0), 0, 7}, 3, 0, AS_STRUCT, 0, 7, 0},
                {"empty at -1", {STRUCT(-1, 0, 0)}, 1, 0, AS_STRUCT, 0, 0, 0},
                {"empty at the end", {STRUCT(1, 0, 0), 0}, 2, 0, AS_STRUCT, 0, 0, 0},
                {"pointers only", {STRUCT(0, 0, 1), 0}, 2, 0, AS_STRUCT, 0, 0, 0},
                {"to itself", {STRUCT(-1, 1, 0)}, 1, 0, AS_STRUCT, 0, -4 & 0xffffffff, 0},
                {"one word too far", {STRUCT(1, 1, 0), 7}, 2, 0, AS_STRUCT, 0, -1, CAPNP_E_POISON},
                {"empty beyond", {STRUCT(2, 0, 0), 0}, 2, 0, AS_STRUCT, 0, -1, CAPNP_E_POISON},
                {"before", {STRUCT(-2, 1, 0), 7}, 2, 0, AS_STRUCT, 0, -1, CAPNP_E_POISON},
                {"far before", {STRUCT(-(1 << 29), 1, 0)}, 1, 0, AS_STRUCT, 0, -1, CAPNP_E_POISON},
                {"far behind", {STRUCT(MAX29, 1, 0)}, 1, 0, AS_STRUCT, 0, -1, CAPNP_E_POISON},
                {"huge", {STRUCT(0, 65535, 65535), 0}, 2, 0, AS_STRUCT, 0, -1, CAPNP_E_POISON},
                {"a list", {LIST(0, 2, 1), 7}, 2, 0, AS_STRUCT, 0, -1, CAPNP_E_POISON},
                {"a capability", {CAP(0)}, 1, 0, AS_STRUCT, 0, -1, CAPNP_E_POISON},
                {"other", {7}, 1, 0, AS_STRUCT, 0, -1, CAPNP_E_POISON},
        };

        ROWS(rows);
}

TEST(far_pointers)
{
        static const struct row rows[] = {
                {"far", {FAR(1, 0), STRUCT(0, 1, 0), 7}, 1, 2, AS_STRUCT, 0, 7, 0},
                {"far backwards", {FAR(1, 1), 7, STRUCT(-2, 1, 0)}, 1, 2, AS_STRUCT, 0, 7, 0},
                {"far within", {FAR(0, 1), STRUCT(0, 1, 0), 7}, 3, 0, AS_STRUCT, 0, 7, 0},
                {"double", {FAR2(1, 0), 7, FAR(0, 1), STRUCT(0, 1, 0)}, 2, 2, AS_STRUCT, 0, 7, 0},
                {"double, offset ignored",
                 {FAR2(1, 0), 7, FAR(0, 1), STRUCT(99, 1, 0)},
                 2,
                 2,
                 AS_STRUCT,
                 0,
                 7,
                 0},
                {"text", {FAR(1, 0), LIST(0, 2, 6), TEXT5}, 1, 2, AS_TEXT, 0, 5, 0},
                {"no such segment", {FAR(2, 0), 0}, 1, 1, AS_STRUCT, 0, -1, CAPNP_E_POISON},
                {"last segment", {FAR(UINT32_MAX, 0)}, 1, 0, AS_STRUCT, 0, -1, CAPNP_E_POISON},
                {"pad beyond", {FAR(1, 1), 0}, 1, 1, AS_STRUCT, 0, -1, CAPNP_E_POISON},
                {"pad far beyond", {FAR(1, MAX29), 0}, 1, 1, AS_STRUCT, 0, -1, CAPNP_E_POISON},
                {"half a pad", {FAR2(1, 1), 0, FAR(0, 0)}, 1, 2, AS_STRUCT, 0, -1, CAPNP_E_POISON},
                {"far to far", {FAR(0, 0)}, 1, 0, AS_STRUCT, 0, -1, CAPNP_E_POISON},
                {"far to a capability", {FAR(1, 0), CAP(0)}, 1, 1, AS_CAP, 0, 0, CAPNP_E_POISON},
                {"double to no far",
                 {FAR2(1, 0), 7, STRUCT(0, 1, 0), STRUCT(0, 1, 0)},
                 2,
                 2,
                 AS_STRUCT,
                 0,
                 -1,
                 CAPNP_E_POISON},
                {"double to double",
                 {FAR2(1, 0), 7, FAR2(0, 1), STRUCT(0, 1, 0)},
                 2,
                 2,
                 AS_STRUCT,
                 0,
                 -1,
                 CAPNP_E_POISON},
                {"double, tag is far",
                 {FAR2(1, 0), 7, FAR(0, 1), FAR(0, 1)},
                 2,
                 2,
                 AS_STRUCT,
                 0,
                 -1,
                 CAPNP_E_POISON},
                {"double, object beyond",
                 {FAR2(1, 0), 7, FAR(0, 2), STRUCT(0, 1, 0)},
                 2,
                 2,
                 AS_STRUCT,
                 0,
                 -1,
                 CAPNP_E_POISON},
                {"double, no such segment",
                 {FAR2(1, 0), 7, FAR(9, 1), STRUCT(0, 1, 0)},
                 2,
                 2,
                 AS_STRUCT,
                 0,
                 -1,
                 CAPNP_E_POISON},
        };

        ROWS(rows);
}

TEST(texts_and_data)
{
        static const struct row rows[] = {
                {"text", {LIST(0, 2, 6), TEXT5}, 2, 0, AS_TEXT, 0, 5, 0},
                {"empty text", {LIST(0, 2, 1), 0}, 2, 0, AS_TEXT, 0, 0, 0},
                {"null text", {0}, 1, 0, AS_TEXT, 0, 0, 0},
                {"no NUL", {LIST(0, 2, 5), TEXT5}, 2, 0, AS_TEXT, 0, 0, CAPNP_E_POISON},
                {"no byte", {LIST(0, 2, 0), TEXT5}, 2, 0, AS_TEXT, 0, 0, CAPNP_E_POISON},
                {"too long", {LIST(0, 2, 9), TEXT5}, 2, 0, AS_TEXT, 0, 0, CAPNP_E_POISON},
                {"longest", {LIST(0, 2, MAX29), TEXT5}, 2, 0, AS_TEXT, 0, 0, CAPNP_E_POISON},
                {"wider elements", {LIST(0, 3, 4), TEXT5}, 2, 0, AS_TEXT, 0, 0, CAPNP_E_POISON},
                {"a struct", {STRUCT(0, 1, 0), TEXT5}, 2, 0, AS_TEXT, 0, 0, CAPNP_E_POISON},
                {"structs",
                 {LIST(0, 7, 1), TAG(1, 1, 0), TEXT5},
                 3,
                 0,
                 AS_TEXT,
                 0,
                 0,
                 CAPNP_E_POISON},
                {"data", {LIST(0, 2, 5), TEXT5}, 2, 0, AS_DATA, 0, 5, 0},
                {"no data", {LIST(0, 2, 0)}, 1, 0, AS_DATA, 0, 0, 0},
                {"null data", {0}, 1, 0, AS_DATA, 0, 0, 0},
                {"data beyond", {LIST(1, 2, 1), 0}, 2, 0, AS_DATA, 0, 0, CAPNP_E_POISON},
                {"data of bits", {LIST(0, 1, 8), 0}, 2, 0, AS_DATA, 0, 0, CAPNP_E_POISON},
        };

        ROWS(rows);
}

TEST(what_slots_hold)
{
        static const struct row rows[] = {
                {"null", {0}, 1, 0, AS_WHAT, 0, CAPNP_WHAT_NULL, 0},
                {"struct", {STRUCT(0, 1, 0), 7}, 2, 0, AS_WHAT, 0, CAPNP_WHAT_STRUCT, 0},
                {"list", {LIST(0, 2, 6), TEXT5}, 2, 0, AS_WHAT, 0, CAPNP_WHAT_LIST, 0},
                {"cap", {CAP(9)}, 1, 0, AS_WHAT, 0, CAPNP_WHAT_CAP, 0},
                {"far", {FAR(1, 0), LIST(0, 0, 0)}, 1, 1, AS_WHAT, 0, CAPNP_WHAT_LIST, 0},
                {"other", {7 | 1 << 4}, 1, 0, AS_WHAT, 0, CAPNP_WHAT_BAD, CAPNP_E_POISON},
                {"lost", {FAR(7, 0)}, 1, 0, AS_WHAT, 0, CAPNP_WHAT_BAD, CAPNP_E_POISON},
                {"null as cap", {0}, 1, 0, AS_CAP, 0, 0, 0},
                {"index outside", {CAP(9)}, 1, 0, AS_CAP, 0, 0, 0},
                {"struct as cap", {STRUCT(0, 1, 0), 7}, 2, 0, AS_CAP, 0, 0, CAPNP_E_POISON},
        };

        ROWS(rows);
}

#define AS(size) AS_LIST, CAPNP_SIZE_##size

TEST(lists_in_and_out_of_bounds)
{
        static const struct row rows[] = {
                {"null", {0}, 1, 0, AS(FOUR), 0, 0},
                {"voids", {LIST(0, 0, 1000)}, 1, 0, AS(VOID), 1000, 0},
                {"bits", {LIST(0, 1, 64), 0}, 2, 0, AS(BIT), 64, 0},
                {"one bit too many", {LIST(0, 1, 65), 0}, 2, 0, AS(BIT), 0, CAPNP_E_POISON},
                {"words", {LIST(0, 5, 2), 0, 0}, 3, 0, AS(EIGHT), 2, 0},
                {"too many words", {LIST(0, 5, 3), 0, 0}, 3, 0, AS(EIGHT), 0, CAPNP_E_POISON},
                {"most words", {LIST(0, 5, MAX29), 0}, 2, 0, AS(EIGHT), 0, CAPNP_E_POISON},
                {"pointers", {LIST(0, 6, 1), 0}, 2, 0, AS(POINTER), 1, 0},
                {"structs", {LIST(0, 7, 2), TAG(1, 1, 1), 0, 0}, 4, 0, AS(COMPOSITE), 1, 0},
                {"slack", {LIST(0, 7, 3), TAG(1, 1, 1), 0, 0, 0}, 5, 0, AS(COMPOSITE), 1, 0},
                {"no structs", {LIST(0, 7, 0), TAG(0, 1, 1)}, 2, 0, AS(COMPOSITE), 0, 0},
                {"no tag", {LIST(0, 7, 0)}, 1, 0, AS(COMPOSITE), 0, CAPNP_E_POISON},
                {"overrun",
                 {LIST(0, 7, 2), TAG(2, 1, 1), 0, 0},
                 4,
                 0,
                 AS(COMPOSITE),
                 0,
                 CAPNP_E_POISON},
                {"most elements",
                 {LIST(0, 7, 2), TAG(-1, 1, 1), 0, 0},
                 4,
                 0,
                 AS(COMPOSITE),
                 0,
                 CAPNP_E_POISON},
                {"largest elements",
                 {LIST(0, 7, 2), TAG(-1, 65535, 65535), 0, 0},
                 4,
                 0,
                 AS(COMPOSITE),
                 0,
                 CAPNP_E_POISON},
                {"tag is no struct",
                 {LIST(0, 7, 1), LIST(1, 0, 1), 0},
                 3,
                 0,
                 AS(COMPOSITE),
                 0,
                 CAPNP_E_POISON},
                {"struct", {STRUCT(0, 1, 0), 7}, 2, 0, AS(FOUR), 0, CAPNP_E_POISON},
        };

        ROWS(rows);
}

/* What may be read as what; encoding specification and the rules of evolution. */
TEST(lists_as_other_lists)
{
        /* Columns: void bit byte two four eight pointer composite. */
        static const char *const fits[] = {
                "y......y",                                                 /* void, as it is */
                "yy......",                                                 /* bits */
                "y.y....y", "y.yy...y", "y.yyy..y", "y.yyyy.y", "y.....yy", /* pointers */
                "y.yyyy.y",                                                 /* structs with data */
                "y.....yy", /* structs with a pointer */
        };
        static const uint64_t words[][3] = {
                {LIST(0, 0, 1)},
                {LIST(0, 1, 1)},
                {LIST(0, 2, 1)},
                {LIST(0, 3, 1)},
                {LIST(0, 4, 1)},
                {LIST(0, 5, 1)},
                {LIST(0, 6, 1)},
                {LIST(0, 7, 1), TAG(1, 1, 0)},
                {LIST(0, 7, 1), TAG(1, 0, 1)},
        };

        for (int row = 0; row < 9; row++)
                for (int size = 0; size < 8; size++) {
                        bool fit = fits[row][size] == 'y';
                        struct message x;
                        capnp_list l;

                        message_make(&x, words[row], 3, 0, NULL);
                        l = capnp_any_list(capnp_msg_root(&x.m), (enum capnp_size)size, NULL);
                        if (l.len != fit || (capnp_msg_check(&x.m) == 0) != fit)
                                test_fail(__FILE__, __LINE__, "row %d, size %d", row, size);
                        message_end(&x);
                }
}

TEST(elements_of_upgraded_lists)
{
        struct message x;
        capnp_list l;

        /* Structs of a word and a pointer, read as numbers and as pointers. */
        message_make(&x, (uint64_t[]){LIST(0, 7, 4), TAG(2, 1, 1), 11, CAP(1), 22, CAP(2)}, 6, 0,
                     NULL);
        l = capnp_any_list(capnp_msg_root(&x.m), CAPNP_SIZE_TWO, NULL);
        CHECK_EQ(capnp_list_u16(l, 0), 11);
        CHECK_EQ(capnp_list_u16(l, 1), 22);
        CHECK_EQ(capnp_list_u16(l, 2), 0);
        l = capnp_any_list(capnp_msg_root(&x.m), CAPNP_SIZE_POINTER, NULL);
        CHECK_EQ(*capnp_list_any(l, 1).p, CAP(2));
        CHECK_EQ(capnp_any_what(capnp_list_any(l, 2)), CAPNP_WHAT_NULL);
        CHECK_OK(capnp_msg_check(&x.m));
        message_end(&x);

        /* Numbers of two bytes, read as structs. */
        message_make(&x, (uint64_t[]){LIST(0, 3, 3), UINT64_C(0x000300020001)}, 2, 0, NULL);
        l = capnp_any_list(capnp_msg_root(&x.m), CAPNP_SIZE_COMPOSITE, NULL);
        for (uint32_t i = 0; i < 3; i++) {
                capnp_reader r = capnp_list_struct(l, i);

                CHECK_EQ(capnp_reader_u16(r, 0, 0), i + 1);
                CHECK_EQ(capnp_reader_u16(r, 2, 99), 99);
                CHECK_EQ(capnp_reader_u32(r, 0, 5), 5);
                CHECK_EQ(capnp_reader_any(r, 0).p == NULL, true);
        }
        message_end(&x);

        /* Pointers, read as structs. */
        message_make(&x, (uint64_t[]){LIST(0, 6, 2), CAP(1), CAP(2)}, 3, 0, NULL);
        l = capnp_any_list(capnp_msg_root(&x.m), CAPNP_SIZE_COMPOSITE, NULL);
        CHECK_EQ(*capnp_reader_any(capnp_list_struct(l, 1), 0).p, CAP(2));
        CHECK_EQ(capnp_reader_u8(capnp_list_struct(l, 1), 0, 3), 3);
        message_end(&x);

        /* Bits, and bits in wider elements. */
        message_make(&x, (uint64_t[]){LIST(0, 1, 10), 0x205}, 2, 0, NULL);
        l = capnp_any_list(capnp_msg_root(&x.m), CAPNP_SIZE_BIT, NULL);
        CHECK(capnp_list_bool(l, 0) && !capnp_list_bool(l, 1) && capnp_list_bool(l, 2));
        CHECK(capnp_list_bool(l, 9) && !capnp_list_bool(l, 10));
        message_end(&x);
}

TEST(structs_of_other_versions)
{
        struct message x;
        capnp_reader r;

        message_make(&x, (uint64_t[]){STRUCT(0, 1, 1), 0x1234, LIST(0, 2, 6), TEXT5}, 4, 0, NULL);
        r = capnp_any_struct(capnp_msg_root(&x.m), NULL);
        CHECK_EQ(capnp_reader_u16(r, 0, 1), 0x1235);
        CHECK_EQ(capnp_reader_u64(r, 8, 77), 77);
        CHECK_EQ(capnp_reader_u64(r, UINT32_MAX, 77), 77);
        CHECK_EQ(capnp_reader_bool(r, 2, false), true);
        CHECK_EQ(capnp_reader_bool(r, 64, true), true);
        CHECK_STR(capnp_reader_text(r, 0).p, "hello");
        CHECK_STR(capnp_reader_text(r, 1).p, "");
        CHECK_OK(capnp_msg_check(&x.m));
        message_end(&x);
}

TEST(defaults)
{
        static const uint64_t text_struct[] = {STRUCT(0, 1, 1), 9, LIST(0, 2, 6), TEXT5};
        static const uint64_t list[] = {LIST(0, 4, 2), UINT64_C(0x200000001)};
        static const uint64_t null[] = {0};
        capnp_any a = {0};
        capnp_reader r = capnp_any_struct(a, text_struct);
        capnp_list l = capnp_any_list(a, CAPNP_SIZE_FOUR, list);

        CHECK_EQ(capnp_reader_u64(r, 0, 0), 9);
        CHECK_STR(capnp_reader_text(r, 0).p, "hello");
        CHECK_EQ(l.len, 2);
        CHECK_EQ(capnp_list_u32(l, 1), 2);
        CHECK(capnp_any_struct(a, null).d == NULL);
        CHECK_STR(capnp_any_text(a, (capnp_text){"dflt", 4}).p, "dflt");
        CHECK_EQ(capnp_any_data(a, (capnp_data){(const uint8_t *)"x", 1}).len, 1);
        CHECK(capnp_any_cap_peek(a) == NULL);
}

TEST(a_bad_pointer_does_not_read_as_its_default)
{
        static const uint64_t dflt[] = {STRUCT(0, 1, 0), 9};
        struct message x;

        message_make(&x, (uint64_t[]){STRUCT(1, 1, 0)}, 1, 0, NULL);
        CHECK_EQ(capnp_reader_u64(capnp_any_struct(capnp_msg_root(&x.m), dflt), 0, 0), 0);
        CHECK_EQ(capnp_msg_check(&x.m), CAPNP_E_POISON);
        message_end(&x);
}

/* ---- limits ------------------------------------------------------------------------------- */

TEST(nesting_ends_at_the_limit)
{
        struct message x;
        capnp_any a;
        int n = 0;

        /* A struct whose only pointer points to itself. */
        message_make(&x, (uint64_t[]){STRUCT(0, 0, 1), STRUCT(-1, 0, 1)}, 2, 0, NULL);
        a = capnp_msg_root(&x.m);
        for (; capnp_any_struct(a, NULL).d; n++)
                a = capnp_reader_any(capnp_any_struct(a, NULL), 0);
        CHECK_EQ(n, 64);
        CHECK_EQ(capnp_msg_check(&x.m), CAPNP_E_LIMIT);
        message_end(&x);

        /* The same with lists; the limit is the caller's, and never wider than ours. */
        for (uint32_t depth = 1; depth < 100000; depth *= 7) {
                uint32_t most = depth < CAPNP_I_MAX_DEPTH ? depth : CAPNP_I_MAX_DEPTH;

                message_make(&x, (uint64_t[]){LIST(0, 6, 1), LIST(-1, 6, 1)}, 2, 0,
                             &(struct capnp_limits){.depth = depth});
                a = capnp_msg_root(&x.m);
                for (n = 0; capnp_any_list(a, CAPNP_SIZE_POINTER, NULL).d; n++)
                        a = capnp_list_any(capnp_any_list(a, CAPNP_SIZE_POINTER, NULL), 0);
                CHECK_EQ(n, most);
                CHECK_EQ(capnp_msg_check(&x.m), CAPNP_E_LIMIT);
                message_end(&x);
        }
}

static int budget_runs(const uint64_t *w, uint32_t n, uint64_t budget, int times)
{
        struct message x;
        int r;

        message_make(&x, w, n, 0, &(struct capnp_limits){.traversal = budget});
        for (int i = 0; i < times; i++) {
                enum capnp_what what = capnp_any_what(capnp_msg_root(&x.m));

                if (what == CAPNP_WHAT_STRUCT)
                        (void)capnp_any_struct(capnp_msg_root(&x.m), NULL);
                else
                        (void)capnp_any_list(capnp_msg_root(&x.m), CAPNP_SIZE_VOID, NULL);
        }

        r = capnp_msg_check(&x.m);
        message_end(&x);
        return r;
}

TEST(each_visit_is_charged)
{
        static const uint64_t s[] = {STRUCT(0, 2, 1), 0, 0, 0};
        static const uint64_t far[] = {FAR(0, 1), STRUCT(0, 1, 0), 0};
        static const uint64_t voids[] = {LIST(0, 0, MAX29)};
        static const uint64_t empties[] = {LIST(0, 7, 0), TAG((1u << 29), 0, 0)};

        CHECK_OK(budget_runs(s, 4, 9, 3));
        CHECK_EQ(budget_runs(s, 4, 8, 3), CAPNP_E_LIMIT);
        CHECK_OK(budget_runs(far, 3, 6, 3));
        CHECK_EQ(budget_runs(far, 3, 5, 3), CAPNP_E_LIMIT);
        /* Elements without bits are charged as words, or they would be endless work for free. */
        CHECK_OK(budget_runs(voids, 1, MAX29, 1));
        CHECK_EQ(budget_runs(voids, 1, MAX29 - 1, 1), CAPNP_E_LIMIT);
        CHECK_EQ(budget_runs(voids, 1, 0, 1), CAPNP_E_LIMIT);
        CHECK_EQ(budget_runs(empties, 2, 1 << 29, 1), CAPNP_E_LIMIT);
        CHECK_OK(budget_runs(empties, 2, (1 << 29) + 1, 1));
}

TEST(a_small_message_cannot_cause_much_work)
{
        /* A list of pointers to itself: 7^64 paths; the budget ends the walk. */
        uint64_t w[8] = {LIST(0, 6, 7)};
        struct message x;
        uint32_t caps;

        for (int i = 1; i < 8; i++)
                w[i] = LIST(-i, 6, 7);
        message_make(&x, w, 8, 0, NULL);
        CHECK(capnp_any_words(capnp_msg_root(&x.m), &caps) <= 8 << 20);
        CHECK_EQ(capnp_msg_check(&x.m), CAPNP_E_LIMIT);
        message_end(&x);
}

/* ---- frames ------------------------------------------------------------------------------- */

TEST(parsing_frames)
{
        static const uint32_t two[]
                __attribute__((aligned(8))) = {1, 1, 2, 0, 2, 1, 0, 0x00010000, 0, 0};
        uint32_t one[] __attribute__((aligned(8))) = {0, 2, 0, 1, 42, 0};
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;

        for (size_t len = 0; len < sizeof(one); len++)
                CHECK_EQ(capnp_msg_parse(one, len, NULL, &m), CAPNP_E_SHORT);
        CHECK_EQ(capnp_msg_parse(NULL, 0, NULL, &m), CAPNP_E_SHORT);
        CHECK_EQ(capnp_msg_parse((char *)one + 4, 16, NULL, &m), -EINVAL);
        CHECK_EQ(capnp_msg_parse(one, sizeof(one), &(struct capnp_limits){.message_bytes = 15}, &m),
                 CAPNP_E_LIMIT);
        CHECK_OK(capnp_msg_parse(one, sizeof(one), NULL, &m));
        CHECK_EQ(capnp_reader_u32(capnp_any_struct(capnp_msg_root(m), NULL), 0, 0), 42);
        CHECK_EQ(capnp_msg_size(m), sizeof(one));
        CHECK(!capnp_msg_build(m).m);
        m = capnp_msg_free(m);

        CHECK_EQ(capnp_msg_parse(two, sizeof(two), &(struct capnp_limits){.segments = 1}, &m),
                 CAPNP_E_LIMIT);
        CHECK_OK(capnp_msg_parse(two, sizeof(two), NULL, &m));
        CHECK_EQ(capnp_any_what(capnp_msg_root(m)), CAPNP_WHAT_STRUCT);
}

TEST(many_segments)
{
        uint64_t frame[256 + 511] = {0};
        uint32_t *table = (uint32_t *)(void *)frame;
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;

        /* 511 segments of one word; each but the last is a far pointer to the next one's pad. */
        table[0] = 510;
        for (int i = 1; i <= 511; i++)
                table[i] = 1;
        frame[256] = FAR(510, 0);
        frame[256 + 510] = STRUCT(-1, 1, 0);
        CHECK_OK(capnp_msg_parse(frame, sizeof(frame), NULL, &m));
        CHECK_EQ(capnp_any_struct(capnp_msg_root(m), NULL).seg, 510);
        CHECK_OK(capnp_msg_check(m));
}
