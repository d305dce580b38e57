/* Backing off, with a clock of the test's own: the rules of doc/protocol/admission.md. */
#include "harness.h"

#include "throttle.h"

#include <sodium.h>
#include <stdio.h>

static struct throttle t;

static void begin(void)
{
        CHECK(sodium_init() >= 0);
        throttle_init(&t);
}

static struct throttle_who by_password(const char *account, const char *source)
{
        return (struct throttle_who){THROTTLE_PASSWORD, account, source,
                                     source[0] == '1' && source[1] == '2'};
}

static uint32_t wait_of(const char *account, const char *source, uint64_t now)
{
        struct throttle_who w = by_password(account, source);

        return throttle_wait(&t, &w, now);
}

static void fail(const char *account, const char *source, uint64_t now)
{
        struct throttle_who w = by_password(account, source);

        throttle_verdict(&t, &w, false, now);
}

static void succeed(const char *account, const char *source, uint64_t now)
{
        struct throttle_who w = by_password(account, source);

        throttle_verdict(&t, &w, true, now);
}

TEST(an_account_from_a_source_waits_longer_each_time)
{
        static const uint32_t waits[] = {0, 0, 1, 2, 4, 8, 16, 32, 60, 60};
        uint64_t now = 1000000;

        begin();
        for (unsigned i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
                fail("alice", "192.0.2.1", now);
                CHECK_EQ(wait_of("alice", "192.0.2.1", now + 1), waits[i]);
                now += 1000 * waits[i] + 1;
        }
        CHECK_EQ(wait_of("alice", "127.0.0.1", now), 0);
        CHECK_EQ(wait_of("bob", "192.0.2.1", now), 0);
}

TEST(success_and_time_make_forget)
{
        uint64_t now = 1000000;

        begin();
        fail("alice", "a", now);
        fail("alice", "a", now);
        succeed("alice", "a", now);
        fail("alice", "a", now + 10000);
        fail("alice", "a", now + 10000);
        CHECK_EQ(wait_of("alice", "a", now + 11001), 0);
        fail("bob", "b", now);
        fail("bob", "b", now);
        fail("bob", "b", now);
        CHECK_EQ(wait_of("bob", "b", now), 1);
        fail("bob", "b", now + THROTTLE_FORGET_MS + 1);
        fail("bob", "b", now + THROTTLE_FORGET_MS + 1);
        CHECK_EQ(wait_of("bob", "b", now + THROTTLE_FORGET_MS + 2), 0);
}

/* Whatever strangers do, an owner who waits as long as he is told gets in at his second try. */
TEST(strangers_cost_an_owner_one_second)
{
        uint64_t now = 1000000, told = 0;
        unsigned refused = 0, in = 0;
        char source[32];

        begin();
        for (unsigned i = 0; i < 6000; i++, now += 10) {
                uint32_t wait;

                snprintf(source, sizeof(source), "10.0.%u.%u", i % 40, i % 7);
                if (!wait_of("bob", source, now))
                        fail("bob", source, now);
                if (now < told)
                        continue;
                wait = wait_of("bob", "192.0.2.9", now);
                CHECK(wait <= 1);
                if (wait && told)
                        CHECK(in > 0); /* never twice in a row */
                refused += wait > 0;
                in = wait ? 0 : in + 1;
                told = wait ? now + 1000 * wait : 0;
        }
        CHECK(refused > 5);
}

TEST(a_password_never_delays_a_key)
{
        struct throttle_who key = {THROTTLE_KEY, "carol", "127.0.0.1", true};
        uint64_t now = 1000000;

        begin();
        for (unsigned i = 0; i < 30; i++)
                fail("carol", "127.0.0.1", now);
        CHECK(wait_of("carol", "127.0.0.1", now) == THROTTLE_MOST_S);
        CHECK_EQ(throttle_wait(&t, &key, now), 0);
        for (unsigned i = 1; i < THROTTLE_KEY_FREE; i++)
                throttle_verdict(&t, &key, false, now);
        CHECK_EQ(throttle_wait(&t, &key, now), 0);
        throttle_verdict(&t, &key, false, now);
        CHECK_EQ(throttle_wait(&t, &key, now), 1);
        /* Nor do keys of strangers delay anybody's. */
        key.source = "192.0.2.4";
        CHECK_EQ(throttle_wait(&t, &key, now), 0);
}

TEST(a_source_is_counted_unless_it_is_the_machine_itself)
{
        char name[16];

        begin();
        for (unsigned i = 0; i < THROTTLE_SOURCE_FREE; i++) {
                snprintf(name, sizeof(name), "user%u", i);
                fail(name, "192.0.2.1", 1000000);
                fail(name, "127.0.0.1", 1000000);
        }
        CHECK_EQ(wait_of("new", "192.0.2.1", 1000000), 1);
        CHECK_EQ(wait_of("new", "127.0.0.1", 1000000), 0);
}

TEST(what_was_wasted_costs_its_source)
{
        struct throttle_who w = by_password("alice", "192.0.2.1");

        begin();
        throttle_wasted(&t, &w, 1000000); /* makes no row */
        fail("alice", "192.0.2.1", 1000000);
        for (unsigned i = 1; i < THROTTLE_SOURCE_FREE; i++)
                throttle_wasted(&t, &w, 1000000);
        CHECK_EQ(wait_of("bob", "192.0.2.1", 1000000), 1);
        CHECK_EQ(wait_of("alice", "192.0.2.2", 1000000), 0);
}

TEST(what_no_prover_has_judged_costs_who_tried)
{
        struct throttle_who w = by_password("alice", "192.0.2.1");
        struct throttle_who key = w;
        char name[16];

        begin();
        for (unsigned i = 0; i < THROTTLE_FREE; i++) {
                CHECK_EQ(wait_of("alice", "192.0.2.1", 1000000), 0);
                throttle_unjudged(&t, &w, 1000000);
        }
        CHECK_EQ(wait_of("alice", "192.0.2.1", 1000000), 1);
        CHECK_EQ(wait_of("alice", "192.0.2.2", 1000000), 0);
        CHECK_EQ(wait_of("bob", "192.0.2.1", 1000000), 0);
        key.kind = THROTTLE_KEY;
        CHECK_EQ(throttle_wait(&t, &key, 1000000), 0);

        begin();
        for (unsigned i = 0; i < THROTTLE_SOURCE_FREE; i++) {
                snprintf(name, sizeof(name), "user%u", i);
                w = by_password(name, "192.0.2.1");
                throttle_unjudged(&t, &w, 1000000);
        }
        CHECK_EQ(wait_of("new", "192.0.2.1", 1000000), 1);
}

/* Asking makes no row, and names that nobody has push nobody out. */
TEST(made_up_names_do_not_make_forget)
{
        uint64_t now = 1000000;
        char name[16];

        begin();
        for (unsigned i = 0; i < 8; i++)
                fail("alice", "127.0.0.1", now);
        for (unsigned i = 0; i < 100000; i++) {
                snprintf(name, sizeof(name), "u%u", i);
                (void)wait_of(name, "127.0.0.1", now);
                fail(name, "127.0.0.1", now);
        }
        CHECK_EQ(wait_of("alice", "127.0.0.1", now), 32);
        CHECK_EQ(wait_of("alice", "127.0.0.1", now + 31000), 1);
}
