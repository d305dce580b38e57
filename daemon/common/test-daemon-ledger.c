/* A ledger: taken exactly, one past refused, given back on every path; and without memory. */
#include "daemon-ledger.h"
#include "harness.h"

#include <errno.h>

static struct ledger_ask ask(const char *pool, const char *owner)
{
        return (struct ledger_ask){.group = "",
                                   .pool = pool,
                                   .owner = owner,
                                   .n = 1,
                                   .all = UINT64_MAX,
                                   .limit = UINT64_MAX,
                                   .of_one = UINT64_MAX};
}

TEST(an_owner_has_as_many_as_one_may)
{
        struct ledger_hold h[3] = {{0}}, other = {0};
        struct ledger_ask q = ask("", "a");
        struct ledger l;

        ledger_init(&l);
        q.of_one = 2;
        CHECK_OK(ledger_take(&l, &q, &h[0]));
        CHECK_OK(ledger_take(&l, &q, &h[1]));
        CHECK_EQ(ledger_take(&l, &q, &h[2]), LEDGER_FULL_OWNER);
        CHECK(!h[2].owner);
        q.owner = "b";
        CHECK_OK(ledger_take(&l, &q, &other));
        CHECK_EQ(l.used, 3);
        ledger_give(&h[0]);
        ledger_give(&h[0]); /* it holds nothing any more */
        CHECK_EQ(l.used, 2);
        q.owner = "a";
        CHECK_OK(ledger_take(&l, &q, &h[0]));
        CHECK_EQ(ledger_take(&l, &q, &h[2]), LEDGER_FULL_OWNER);
        ledger_give(&h[0]);
        ledger_give(&h[1]);
        ledger_give(&other);
        CHECK(ledger_is_empty(&l));
        CHECK(capnp_i_list_empty(&l.pools));
        CHECK_EQ(l.most, 3);
}

TEST(a_pool_and_all_of_them)
{
        struct ledger_hold h[4] = {{0}};
        struct ledger_ask a = ask("x", "a"), b = ask("y", "a");
        struct ledger l;

        ledger_init(&l);
        a.limit = 2;
        a.all = b.all = 3;
        CHECK_OK(ledger_take(&l, &a, &h[0]));
        CHECK_OK(ledger_take(&l, &a, &h[1]));
        CHECK_EQ(ledger_take(&l, &a, &h[2]), LEDGER_FULL_POOL);
        CHECK_OK(ledger_take(&l, &b, &h[2]));
        CHECK_EQ(ledger_take(&l, &b, &h[3]), LEDGER_FULL_ALL);
        CHECK_EQ(ledger_used(&l, "", "x"), 2);
        CHECK_EQ(ledger_used(&l, "", "y"), 1);
        CHECK_EQ(ledger_used(&l, "", "z"), 0);
        a.limit = 0; /* less than there is: no room, and nothing else */
        CHECK_EQ(ledger_take(&l, &a, &h[3]), LEDGER_FULL_POOL);
        for (unsigned i = 0; i < 3; i++)
                ledger_give(&h[i]);
        CHECK(ledger_is_empty(&l));
}

/* As many as it may, and a part of those is to go for the new one. */
TEST(what_is_replaced_does_not_count)
{
        struct ledger_hold h[2] = {{0}}, other = {0}, again = {0};
        struct ledger_ask q = ask("", "a"), n;
        struct ledger l;

        ledger_init(&l);
        q.of_one = q.limit = q.all = 2;
        CHECK_OK(ledger_take(&l, &q, &h[0]));
        CHECK_OK(ledger_take(&l, &q, &h[1]));
        CHECK_EQ(ledger_take(&l, &q, &again), LEDGER_FULL_OWNER);
        n = q;
        ledger_replace(&n, &l, &other); /* of nobody */
        CHECK_EQ(ledger_take(&l, &n, &again), LEDGER_FULL_OWNER);
        ledger_replace(&n, &l, &h[1]);
        CHECK_OK(ledger_take(&l, &n, &again));
        CHECK_EQ(l.used, 3); /* for a moment, */
        CHECK_EQ(l.most, 2); /* which does not count */
        ledger_give(&h[1]);
        CHECK_EQ(l.used, 2);
        ledger_give(&h[0]);
        ledger_give(&again);
        CHECK(ledger_is_empty(&l));
}

/* What is full is one group, and what others have of it is known by that. */
TEST(groups_have_bounds_of_their_own)
{
        struct ledger_hold h[4] = {{0}};
        struct ledger_ask a = ask("x", "a"), b = ask("y", "a"), other = ask("x", "a");
        struct ledger l;

        ledger_init(&l);
        a.all = b.all = 2;
        other.group = "other";
        CHECK_OK(ledger_take(&l, &a, &h[0]));
        CHECK_OK(ledger_take(&l, &b, &h[1]));
        CHECK_EQ(ledger_judge(&l, &a), LEDGER_FULL_ALL);
        CHECK_OK(ledger_judge(&l, &other));
        CHECK_OK(ledger_take(&l, &other, &h[2]));
        CHECK_EQ(ledger_used(&l, "", "x"), 1);
        CHECK_EQ(ledger_used(&l, "other", "x"), 1);
        CHECK(ledger_is_of(&h[0], &b) && !ledger_is_of(&h[2], &a) && !ledger_is_of(&h[3], &a));
        ledger_replace(&a, &l, &h[2]);
        CHECK_EQ(ledger_judge(&l, &a), LEDGER_FULL_ALL);
        ledger_replace(&a, &l, &h[1]);
        CHECK_OK(ledger_judge(&l, &a));
        CHECK_EQ(l.used, 3); /* nothing was taken */
        for (unsigned i = 0; i < 3; i++)
                ledger_give(&h[i]);
        CHECK(ledger_is_empty(&l));
}

/* Who has nothing any more is no user: what goes is judged as if it had gone. */
TEST(who_gives_way_shares_with_nobody)
{
        static const char *const names[] = {"b", "c", "d"};
        struct ledger_hold h[11] = {{0}};
        struct ledger_ask q = ask("", "a");
        struct ledger l;

        ledger_init(&l);
        q.of_one = LEDGER_SHARES;
        q.limit = 16;
        for (unsigned i = 0; i < 11; i++) {
                q.owner = i < 8 ? "a" : names[i - 8];
                CHECK_OK(ledger_take(&l, &q, &h[i]));
        }
        q.owner = "b";
        CHECK_EQ(ledger_judge(&l, &q), LEDGER_FULL_OWNER); /* 2 × 5 - 1, and 5 are left */
        ledger_replace(&q, &l, &h[9]);
        CHECK_EQ(ledger_judge(&l, &q), LEDGER_FULL_OWNER); /* 2 × 4 - 1, and 6 */
        ledger_replace(&q, &l, &h[10]);
        CHECK_OK(ledger_judge(&l, &q)); /* 2 × 3 - 1, and 7 */
        for (unsigned i = 0; i < 11; i++)
                ledger_give(&h[i]);
        CHECK(ledger_is_empty(&l));
}

/* The owners are counted, and the asker is one of them. */
TEST(shares)
{
        static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};
        static const unsigned finds[] = {8, 2, 1, 1, 1, 1, 1, 1, 0};
        struct ledger_hold h[16] = {{0}};
        struct ledger_ask q = ask("", "");
        struct ledger l;
        unsigned n = 0;

        ledger_init(&l);
        q.limit = 16;
        q.of_one = LEDGER_SHARES;
        for (unsigned i = 0; i < 9; i++) {
                unsigned k = 0;

                q.owner = names[i];
                while (n < 16 && !ledger_take(&l, &q, &h[n])) {
                        n++;
                        k++;
                }
                CHECK_EQ(k, finds[i]);
                CHECK(n == 16 || ledger_take(&l, &q, &h[n]) == LEDGER_FULL_OWNER);
        }
        for (unsigned i = 8; i < 16; i++)
                ledger_give(&h[i]); /* all but the first's: it is alone again */
        q.owner = "a";
        CHECK_EQ(ledger_take(&l, &q, &h[8]), LEDGER_FULL_OWNER);
        ledger_give(&h[7]);
        CHECK_OK(ledger_take(&l, &q, &h[7]));
        for (unsigned i = 0; i < 8; i++)
                ledger_give(&h[i]);
        CHECK(ledger_is_empty(&l));
}

/* A reload: more or less than there may be, and no less is given back for it. */
TEST(what_is_held_may_become_another)
{
        struct ledger_hold h = {0}, none = {0};
        struct ledger_ask q = ask("", "a");
        struct ledger l;

        ledger_init(&l);
        q.n = 10;
        q.limit = 15;
        CHECK_OK(ledger_take(&l, &q, &h));
        ledger_set(&h, 20);
        ledger_set(&none, 20);
        CHECK_EQ(l.used, 20);
        q.n = 1;
        CHECK_EQ(ledger_take(&l, &q, &none), LEDGER_FULL_POOL);
        ledger_set(&h, 0);
        CHECK_EQ(l.used, 0);
        ledger_set(&h, 5);
        ledger_give(&h);
        CHECK(ledger_is_empty(&l));
        CHECK(capnp_i_list_empty(&l.pools));
        q.n = 0;
        CHECK_OK(ledger_take(&l, &q, &h));
        CHECK(!h.owner && capnp_i_list_empty(&l.pools));
}

TORTURE(nothing_is_kept_without_memory)
{
        struct ledger_hold h[3] = {{0}};
        struct ledger_ask q = ask("x", "a");
        struct ledger l;
        int r;

        ledger_init(&l);
        r = ledger_take(&l, &q, &h[0]);
        q.owner = "b";
        if (!r)
                r = ledger_take(&l, &q, &h[1]);
        q.pool = "y";
        if (!r)
                r = ledger_take(&l, &q, &h[2]);
        for (unsigned i = 0; i < 3; i++)
                ledger_give(&h[i]);
        CHECK(ledger_is_empty(&l) && capnp_i_list_empty(&l.pools));
        TORTURE_OK(r);
}
