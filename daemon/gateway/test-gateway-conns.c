/*
 * The table of connections: who takes a place, and whose connection gives way.
 */
#include <string.h>

#include "gateway.h"
#include "harness.h"

struct table {
        struct conns conns;
        uint64_t last;
};

static void table_init(struct table *t, uint32_t max, uint32_t max_of_one)
{
        conns_init(&t->conns, max, max_of_one);
        t->last = 0;
}

static struct source user_at(uid_t uid, const char *where)
{
        struct capos_io_addresses a;

        CHECK_EQ(capos_io_address_parse(where, true, &a), 0);
        return source_of_uid(uid, &a.a[0]);
}

static struct source from(const char *where)
{
        struct capos_io_addresses a;

        CHECK_EQ(capos_io_address_parse(where, true, &a), 0);
        return source_of_address(&a.a[0]);
}

/* A connection of a class that a worker has; its event. */
static uint64_t add(struct table *t, struct source s, enum conn_class conn_class)
{
        struct conn *c = NULL;

        CHECK_EQ(conns_add(&t->conns, &s, ++t->last, &c), 0);
        conns_hand(&t->conns, c, (uint32_t)t->last);
        if (conn_class != CLASS_FRESH)
                conns_class(&t->conns, c, CLASS_ACCOUNT);
        if (conn_class != CLASS_FRESH)
                conns_class(&t->conns, c, conn_class);
        return t->last;
}

/* Drops one; its event. 0: nobody has to go. */
static uint64_t drop(struct table *t)
{
        struct conn *c = conns_excess(&t->conns);
        uint64_t event = c ? c->event : 0;

        if (c)
                conns_remove(&t->conns, c);
        return event;
}

static void end(struct table *t)
{
        CHECK(conns_deinit(&t->conns));
        CHECK_EQ(t->conns.places, 0);
        CHECK(capnp_i_list_empty(&t->conns.parties));
}

TEST(the_oldest_of_the_busiest_source_goes)
{
        struct table t;
        uint64_t good, first;

        table_init(&t, 4, 4);
        good = add(&t, from("192.0.2.1:1"), CLASS_FRESH);
        first = add(&t, from("192.0.2.2:1"), CLASS_FRESH);
        for (unsigned i = 0; i < 2; i++)
                add(&t, from("192.0.2.2:2"), CLASS_FRESH);
        CHECK_EQ(drop(&t), 0);
        add(&t, from("192.0.2.2:3"), CLASS_FRESH);
        CHECK_EQ(drop(&t), first);
        CHECK_EQ(drop(&t), 0);
        CHECK(conns_find(&t.conns, good) != NULL);
        end(&t);
}

TEST(the_newcomer_never_pays)
{
        struct table t;
        uint64_t oldest = 0;
        char where[32];

        table_init(&t, 8, 8);
        /* The newcomer's source is the first of the table, by a session that takes no place. */
        add(&t, from("192.0.2.99:1"), CLASS_ACCOUNT);
        for (unsigned i = 0; i < 8; i++) {
                snprintf(where, sizeof(where), "192.0.2.%u:1", i + 1);
                add(&t, from(where), CLASS_FRESH);
                if (!oldest)
                        oldest = t.last;
        }
        CHECK_EQ(drop(&t), 0);
        add(&t, from("192.0.2.99:2"), CLASS_FRESH);
        CHECK_EQ(drop(&t), oldest);
        CHECK_EQ(drop(&t), 0);
        end(&t);
}

TEST(a_session_takes_no_place_and_is_never_dropped)
{
        static const enum conn_class classes[] = {CLASS_ANONYMOUS, CLASS_GUEST, CLASS_ACCOUNT};
        struct table t;

        table_init(&t, 2, 2);
        for (unsigned i = 0; i < 60; i++)
                add(&t, from("192.0.2.1:1"), classes[i % 3]);
        CHECK_EQ(t.conns.places, 0);
        CHECK_EQ(drop(&t), 0);
        add(&t, from("192.0.2.1:2"), CLASS_FRESH);
        CHECK_EQ(drop(&t), 0);
        end(&t);
}

TEST(what_lingers_goes_before_what_is_fresh)
{
        struct table t;
        uint64_t fresh, lingering;

        table_init(&t, 3, 3);
        fresh = add(&t, from("192.0.2.1:1"), CLASS_FRESH);
        lingering = add(&t, from("192.0.2.1:2"), CLASS_LINGERING);
        add(&t, from("192.0.2.1:3"), CLASS_FRESH);
        add(&t, from("192.0.2.1:4"), CLASS_FRESH);
        CHECK_EQ(drop(&t), lingering);
        add(&t, from("192.0.2.1:5"), CLASS_FRESH);
        CHECK_EQ(drop(&t), fresh);
        CHECK_EQ(drop(&t), 0);
        end(&t);
}

/* Anonymous, logged out, and the connection kept: a thousand times over. */
TEST(ended_sessions_keep_nobody_out)
{
        struct table t;
        uint64_t good;
        unsigned dropped = 0;

        table_init(&t, 128, 112);
        for (unsigned i = 0; i < 1200; i++) {
                add(&t, from("192.0.2.1:1"), CLASS_LINGERING);
                while (drop(&t))
                        dropped++;
        }
        CHECK_EQ(dropped, 1200 - 112);
        good = add(&t, from("192.0.2.2:1"), CLASS_FRESH);
        CHECK_EQ(drop(&t), 0);
        CHECK(conns_find(&t.conns, good) != NULL);
        end(&t);
}

TEST(a_source_has_a_bound_of_its_own)
{
        struct table t;
        uint64_t first;

        table_init(&t, 100, 3);
        add(&t, from("192.0.2.9:1"), CLASS_FRESH);
        first = add(&t, from("192.0.2.1:1"), CLASS_FRESH);
        for (unsigned i = 0; i < 3; i++)
                add(&t, from("192.0.2.1:2"), CLASS_FRESH);
        CHECK_EQ(drop(&t), first);
        CHECK_EQ(drop(&t), 0);
        end(&t);
}

TEST(many_addresses_of_one_user_are_one_party)
{
        struct table t;
        uint64_t good, first = 0;
        char where[32];

        table_init(&t, 16, 16);
        good = add(&t, user_at(1000, "127.0.0.1:1"), CLASS_FRESH);
        for (unsigned i = 0; i < 15; i++) {
                snprintf(where, sizeof(where), "127.0.1.%u:1", i + 1);
                add(&t, user_at(1001, where), CLASS_FRESH);
                if (!first)
                        first = t.last;
        }
        /* One more of the good one: two of one source, but of a party that has far less. */
        add(&t, user_at(1000, "127.0.0.1:2"), CLASS_FRESH);
        CHECK_EQ(drop(&t), first);
        CHECK(conns_find(&t.conns, good) != NULL);
        end(&t);
}

TEST(programs_of_one_user_are_told_apart_by_address)
{
        struct table t;
        uint64_t good, first;

        table_init(&t, 4, 4);
        good = add(&t, user_at(0, "127.0.0.1:1"), CLASS_FRESH);
        first = add(&t, user_at(0, "127.0.0.5:1"), CLASS_FRESH);
        for (unsigned i = 0; i < 3; i++)
                add(&t, user_at(0, "127.0.0.5:2"), CLASS_FRESH);
        CHECK_EQ(drop(&t), first);
        CHECK(conns_find(&t.conns, good) != NULL);
        end(&t);
}

TEST(what_waits_is_found_and_closed)
{
        struct source s = from("192.0.2.1:1");
        struct conn *c = NULL;
        struct table t;

        table_init(&t, 4, 4);
        CHECK_EQ(conns_add(&t.conns, &s, 7, &c), 0);
        CHECK(conns_find(&t.conns, 7) == c);
        CHECK(!conns_find(&t.conns, 8));
        conns_hand(&t.conns, c, 3);
        CHECK(conns_find(&t.conns, 7) == c);
        conns_remove(&t.conns, c);
        CHECK(!conns_find(&t.conns, 7));
        end(&t);
}

TORTURE(memory_can_end)
{
        struct source s = from("192.0.2.1:1");
        struct conn *c = NULL;
        struct table t;
        int r;

        table_init(&t, 4, 4);
        r = conns_add(&t.conns, &s, 1, &c);
        if (!r)
                conns_class(&t.conns, c, CLASS_LINGERING);
        end(&t);
        TORTURE_OK(r);
}
