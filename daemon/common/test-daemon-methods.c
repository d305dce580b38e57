/* Sets of methods: what is in them, whatever order they came in. */
#include "daemon-methods.h"
#include "harness.h"

#include <stdlib.h>

static struct daemon_methods of(const struct daemon_method *v, unsigned n)
{
        struct daemon_methods m = {.n = n, .v = calloc(n + 1, sizeof(*v))};

        CHECK(m.v);
        for (unsigned i = 0; i < n; i++)
                m.v[i] = v[i];
        daemon_methods_sort(&m);
        return m;
}

TEST(have_what_is_in_them)
{
        static const struct daemon_method some[] = {{9, 1}, {7, 65535}, {9, 0}, {7, 2}, {9, 1}};
        struct daemon_methods m = of(some, 5), none = {0};

        CHECK_EQ(m.n, 4); /* one came twice */
        for (unsigned i = 0; i < 5; i++)
                CHECK(daemon_methods_have(&m, some[i].interface_id, some[i].method));
        CHECK(!daemon_methods_have(&m, 7, 1));
        CHECK(!daemon_methods_have(&m, 8, 2));
        CHECK(!daemon_methods_have(&m, 9, 2));
        CHECK(!daemon_methods_have(&m, UINT64_MAX, 0));
        CHECK(!daemon_methods_have(&none, 9, 1));
        daemon_methods_deinit(&m);
        CHECK(!daemon_methods_have(&m, 9, 1));
}

TEST(are_equal_in_any_order)
{
        static const struct daemon_method one[] = {{9, 1}, {7, 2}},
                                          two[] = {{7, 2}, {9, 1}, {7, 2}},
                                          other[] = {{7, 2}, {9, 2}};
        struct daemon_methods a = of(one, 2), b = of(two, 3), c = of(other, 2), d = of(one, 1);

        CHECK(daemon_methods_equal(&a, &b));
        CHECK(!daemon_methods_equal(&a, &c));
        CHECK(!daemon_methods_equal(&a, &d));
        daemon_methods_deinit(&a);
        daemon_methods_deinit(&b);
        daemon_methods_deinit(&c);
        daemon_methods_deinit(&d);
}

static method_id_list_builder list(capnp_msg *m, unsigned n)
{
        return (method_id_list_builder){capnp_abuilder_init_structs(
                capnp_msg_build(m), n, METHOD_ID_WORDS, METHOD_ID_PTRS)};
}

static method_id_list list_read(capnp_msg *m)
{
        return (method_id_list){capnp_any_list(capnp_msg_root(m), CAPNP_SIZE_COMPOSITE, NULL)};
}

TEST(go_through_a_message)
{
        static const struct daemon_method some[] = {{UINT64_C(1) << 63, 3}, {9, 1}};
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *many = NULL;
        struct daemon_methods a = of(some, 2), b = {0};

        CHECK_OK(capnp_msg_new(&m));
        daemon_methods_write(&a, list(m, a.n));
        CHECK_OK(daemon_methods_read(list_read(m), &b));
        CHECK(daemon_methods_equal(&a, &b));
        daemon_methods_deinit(&b);
        daemon_methods_deinit(&a);
        CHECK_OK(capnp_msg_new(&many));
        (void)list(many, DAEMON_METHODS + 1);
        CHECK_EQ(daemon_methods_read(list_read(many), &b), CAPNP_E_LIMIT);
}
