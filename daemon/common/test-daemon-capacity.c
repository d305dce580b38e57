/*
 * How much fits into how many descriptors.
 */
#include <stdlib.h>

#include "daemon-capacity.h"
#include "harness.h"

/* A manifest with these limits and two services, and what there is room for. connect: of one. */
static struct daemon_capacity find_with(uint32_t connections, uint32_t unauthenticated,
                                        uint64_t fds, const char *connect)
{
        service_list_builder services;
        struct daemon_capacity c;
        manifest_builder m;
        limits_builder l;
        capnp_msg *msg = NULL;

        CHECK_EQ(capnp_msg_new(&msg), 0);
        m = manifest_build(msg);
        services = manifest_init_services(m, 2);
        service_set_connect(service_list_builder_get(services, 1), connect);
        l = manifest_init_limits(m);
        limits_set_connections(l, connections);
        limits_set_unauthenticated(l, unauthenticated);
        daemon_capacity_find(manifest_root(msg), fds, &c);
        capnp_msg_free(msg);
        return c;
}

static struct daemon_capacity find(uint32_t connections, uint32_t unauthenticated, uint64_t fds)
{
        return find_with(connections, unauthenticated, fds, "");
}

TEST(enough_descriptors_are_no_bound)
{
        struct daemon_capacity c = find(1024, 128, 20000);

        CHECK_EQ(c.connections, 1024);
        CHECK_EQ(c.unauthenticated, 128);
        CHECK_EQ(c.unauthenticated_of_one, 112);
        CHECK(c.wanted_fds <= c.fds);
}

TEST(the_largest_manifest_fits_into_what_roles_may_have)
{
        struct daemon_capacity c = find(4096, 4096, 65536);

        CHECK_EQ(c.connections, 4096);
        CHECK_EQ(c.unauthenticated, 4096);
        CHECK(c.gateway_fds > 3 * 4096);
        CHECK(c.gateway_fds <= 16384);
        CHECK(c.wanted_fds <= 65536);
}

TEST(few_descriptors_are_shared_out)
{
        static const uint64_t limits[] = {64, 128, 160, 256, 1024, 4096};

        for (unsigned i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
                struct daemon_capacity c = find(4096, 4096, limits[i]);

                CHECK(c.wanted_fds > limits[i]);
                CHECK(c.connections >= 3);
                CHECK(c.unauthenticated >= 3);
                CHECK(c.connections + c.unauthenticated < limits[i]);
                CHECK(c.gateway_fds <= limits[i]);
                CHECK(c.sessiond_fds <= limits[i]);
        }
}

/* Callers have them started: that must not be at the cost of connections. */
TEST(programs_need_descriptors_too)
{
        uint64_t wanted = find(4096, 16, 65536).wanted_fds;

        CHECK_EQ(find_with(4096, 16, 65536, "unix:/x").wanted_fds, wanted);
        CHECK_EQ(find_with(1, 1, 65536, "stdio").wanted_fds - find(1, 1, 65536).wanted_fds,
                 2 * DAEMON_PROGRAMS + 2);
        CHECK_EQ(find_with(4096, 4096, 128, "stdio").connections, 0);
}

TEST(with_nearly_none_there_is_no_room)
{
        for (uint64_t fds = 0; fds <= 44; fds++)
                CHECK_EQ(find(4096, 4096, fds).connections, 0);
}

TEST(a_source_may_have_nearly_all)
{
        CHECK_EQ(daemon_capacity_of_one(128, 0), 112);
        CHECK_EQ(daemon_capacity_of_one(4, 0), 4);
        CHECK_EQ(daemon_capacity_of_one(1, 0), 1);
        CHECK_EQ(daemon_capacity_of_one(128, 10), 10);
        CHECK_EQ(daemon_capacity_of_one(4, 10), 4);
}
