/* Backing off, with a clock of the test's own: the rules of doc/protocol/admission.md. */
#include "harness.h"

#include "throttle.h"

#include <sodium.h>
#include <stdio.h>

static struct throttle t;

static void fail(const char *account, const char *source, uint64_t now)
{
        CHECK_EQ(throttle_begin(&t, account, source, now), 0);
        throttle_end(&t, account, source, THROTTLE_BAD, now);
}

TEST(an_account_from_a_source_waits_longer_each_time)
{
        static const uint32_t waits[] = {0, 0, 1, 2, 4, 8, 16, 32, 60, 60};
        uint64_t now = 1000000;

        CHECK(sodium_init() >= 0);
        throttle_init(&t);
        for (unsigned i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
                fail("alice", "192.0.2.1", now);
                CHECK_EQ(throttle_begin(&t, "alice", "192.0.2.1", now + 1), waits[i]);
                throttle_end(&t, "alice", "192.0.2.1", THROTTLE_NEITHER, now + 1);
                now += 1000 * waits[i] + 1;
        }
        /* Who comes from elsewhere waits a second at most. */
        now -= 60000;
        CHECK_EQ(throttle_begin(&t, "alice", "127.0.0.1", now), 1);
        CHECK_EQ(throttle_begin(&t, "alice", "127.0.0.1", now + 1000), 0);
        CHECK_EQ(throttle_begin(&t, "bob", "192.0.2.1", now), 0);
}

TEST(success_and_time_make_forget)
{
        uint64_t now = 1000000;

        CHECK(sodium_init() >= 0);
        throttle_init(&t);
        fail("alice", "a", now);
        fail("alice", "a", now);
        CHECK_EQ(throttle_begin(&t, "alice", "a", now), 0);
        throttle_end(&t, "alice", "a", THROTTLE_GOOD, now);
        fail("alice", "a", now + 1000);
        fail("alice", "a", now + 2000);
        fail("bob", "b", now);
        fail("bob", "b", now);
        fail("bob", "b", now);
        CHECK_EQ(throttle_begin(&t, "bob", "b", now), 1);
        fail("bob", "b", now + THROTTLE_FORGET_MS + 1);
        fail("bob", "b", now + THROTTLE_FORGET_MS + 1);
}

TEST(a_source_is_counted_unless_it_is_the_machine_itself)
{
        char name[16];

        CHECK(sodium_init() >= 0);
        throttle_init(&t);
        for (unsigned i = 0; i < THROTTLE_SOURCE_FREE; i++) {
                snprintf(name, sizeof(name), "user%u", i);
                fail(name, "192.0.2.1", 1000000);
                fail(name, "127.0.0.1", 1000000);
        }
        CHECK_EQ(throttle_begin(&t, "new", "192.0.2.1", 1000000), 1);
        CHECK_EQ(throttle_begin(&t, "new", "127.0.0.1", 1000000), 0);
}

TEST(guesses_at_once_are_bounded)
{
        unsigned n = 0;

        CHECK(sodium_init() >= 0);
        throttle_init(&t);
        while (!throttle_begin(&t, "alice", "a", 1000000))
                n++;
        CHECK_EQ(n, THROTTLE_PENDING);
}
