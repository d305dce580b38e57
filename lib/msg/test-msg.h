/* What the tests of lib/msg share: a counted capability, a walk that compares, a tree to build. */
#ifndef TEST_MSG_H
#define TEST_MSG_H

#include "harness.h"
#include "msg-internal.h"

/* A capability that counts its references. */
struct test_cap {
        struct capnp_i_cap_head head;
        int refs;
};

static inline capnp_cap *test_cap_ref(capnp_cap *c)
{
        ((struct test_cap *)(void *)c)->refs++;
        return c;
}

static inline capnp_cap *test_cap_unref(capnp_cap *c)
{
        ((struct test_cap *)(void *)c)->refs--;
        return NULL;
}

static inline struct test_cap test_cap_make(void)
{
        static const struct capnp_i_cap_class class = {test_cap_ref, test_cap_unref};

        return (struct test_cap){{&class}, 1};
}

static inline capnp_cap *test_cap_of(struct test_cap *c)
{
        return (capnp_cap *)(void *)c;
}

static inline bool test_same(capnp_any a, capnp_any b);

static inline bool test_same_struct(capnp_reader a, capnp_reader b)
{
        if (a.bytes != b.bytes || a.ptrs != b.ptrs || memcmp(a.d, b.d, a.bytes))
                return false;

        for (uint16_t i = 0; i < a.ptrs; i++)
                if (!test_same(capnp_reader_any(a, i), capnp_reader_any(b, i)))
                        return false;

        return true;
}

static inline bool test_same_list(capnp_list a, capnp_list b)
{
        if (a.len != b.len || a.size != b.size || a.bytes != b.bytes || a.ptrs != b.ptrs)
                return false;

        if (a.size == CAPNP_SIZE_BIT)
                return memcmp(a.d, b.d, (a.len + 7) / 8) == 0;

        for (uint32_t i = 0; i < a.len && a.step; i++)
                if (!test_same_struct(capnp_list_struct(a, i), capnp_list_struct(b, i)))
                        return false;

        return true;
}

/* Do two slots hold the same tree, in the same encoded sizes? */
static inline bool test_same(capnp_any a, capnp_any b)
{
        enum capnp_what what = capnp_any_what(a);

        if (capnp_any_what(b) != what)
                return false;

        switch (what) {
        case CAPNP_WHAT_STRUCT:
                return test_same_struct(capnp_any_struct(a, NULL), capnp_any_struct(b, NULL));
        case CAPNP_WHAT_LIST:
                return test_same_list(capnp_any_list(a, CAPNP_SIZE_VOID, NULL),
                                      capnp_any_list(b, CAPNP_SIZE_VOID, NULL));
        case CAPNP_WHAT_CAP:
                return capnp_any_cap_peek(a) == capnp_any_cap_peek(b);
        case CAPNP_WHAT_NULL:
                return true;
        case CAPNP_WHAT_BAD:
                break;
        }

        return false;
}

/* A tree with every kind of object, spilling into other segments when n is large. */
static inline void test_tree(capnp_abuilder a, capnp_cap *cap, uint32_t n)
{
        capnp_builder b = capnp_abuilder_init_struct(a, 2, 10);
        capnp_lbuilder l;

        capnp_builder_set_u64(b, 0, UINT64_C(0x0123456789abcdef), 0);
        capnp_builder_set_bool(b, 64, true, false);
        capnp_builder_set_text(b, 0, "a text of this message");
        capnp_abuilder_set_data(capnp_builder_any(b, 1), (capnp_data){(const uint8_t *)"\0\1", 2});
        capnp_abuilder_set_cap(capnp_builder_any(b, 2), cap);
        l = capnp_abuilder_init_list(capnp_builder_any(b, 3), CAPNP_SIZE_TWO, n);
        for (uint32_t i = 0; i < n; i++)
                capnp_lbuilder_set_u16(l, i, (uint16_t)(i * 3));
        l = capnp_abuilder_init_list(capnp_builder_any(b, 4), CAPNP_SIZE_BIT, n);
        for (uint32_t i = 0; i < n; i += 3)
                capnp_lbuilder_set_bool(l, i, true);
        l = capnp_abuilder_init_list(capnp_builder_any(b, 5), CAPNP_SIZE_POINTER, n);
        for (uint32_t i = 0; i < n; i++)
                capnp_abuilder_set_text(capnp_lbuilder_any(l, i), (capnp_text){"element", 7});
        l = capnp_abuilder_init_structs(capnp_builder_any(b, 6), n, 1, 2);
        for (uint32_t i = 0; i < n; i++) {
                capnp_builder e = capnp_lbuilder_struct(l, i);

                capnp_builder_set_u32(e, 4, i, 7);
                capnp_builder_set_text(e, 1, "in a struct");
        }
        (void)capnp_abuilder_init_struct(capnp_builder_any(b, 7), 0, 0);
        (void)capnp_abuilder_init_list(capnp_builder_any(b, 8), CAPNP_SIZE_VOID, n);
}

#endif
