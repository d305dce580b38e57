/*
 * Who gives way when too many wait for a person: a table of who has come, and who goes.
 */
#include "harness.h"

#include "patience.h"

#include <stdio.h>
#include <string.h>

enum { MOST = 4 * PATIENCE_PLACES };

static struct capnp_i_list all;
static struct {
        struct patient p;
        char party[16], source[16];
        bool there;
} who[MOST];
static unsigned n, gone;

static void begin(void)
{
        memset(who, 0, sizeof(who));
        n = gone = 0;
        capnp_i_list_init(&all);
}

/* One more comes, and whoever has to goes. */
static void come(const char *party, const char *source)
{
        struct patient *out;

        CHECK(n < MOST);
        snprintf(who[n].party, sizeof(who[n].party), "%s", party);
        snprintf(who[n].source, sizeof(who[n].source), "%s", source);
        patience_init(&who[n].p);
        patience_add(&all, &who[n].p, who[n].party, who[n].source);
        who[n++].there = true;
        while ((out = patience_excess(&all))) {
                for (unsigned i = 0; i < n; i++)
                        if (&who[i].p == out)
                                who[i].there = false;
                patience_remove(out);
                gone++;
        }
        CHECK(who[n - 1].there); /* a newcomer is never the one */
}

/* count of them, of a party or of one party each. */
static void come_many(const char *party, const char *source, unsigned count)
{
        char name[16], from[16];

        for (unsigned i = 0; i < count; i++) {
                snprintf(name, sizeof(name), "p%u", i);
                snprintf(from, sizeof(from), "s%u", i);
                come(*party ? party : name, *source ? source : from);
        }
}

TEST(who_gives_way)
{
        /* party "": each is one of its own; source likewise. Then one more comes. */
        static const struct {
                const char *name;
                struct {
                        const char *party, *source;
                        unsigned count;
                } come[3];
                const char *party, *source; /* of the one more */
                int goes;                   /* -1: nobody */
        } rows[] = {
                {"there is room", {{"a", "1", 7}}, "a", "1", -1},
                {"a party has too many: its oldest", {{"a", "1", 8}}, "a", "1", 0},
                {"... of its busiest source", {{"a", "1", 1}, {"a", "2", 7}}, "a", "1", 1},
                {"... also where another came first", {{"b", "1", 1}, {"a", "1", 8}}, "a", "1", 1},
                {"no place is left: of the busiest party",
                 {{"", "1", 56}, {"a", "1", 8}},
                 "b",
                 "1",
                 56},
                {"... whose turn it is by age, between equals", {{"", "1", 64}}, "b", "1", 0},
                {"... not of who has one, while others have more",
                 {{"", "1", 62}, {"a", "1", 2}},
                 "b",
                 "1",
                 62},
                {"sources of one party are one party", {{"a", "", 8}}, "b", "1", -1},
                {"sources of one party are one party, when it has too many",
                 {{"a", "", 8}},
                 "a",
                 "x",
                 0},
        };

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                begin();
                for (unsigned k = 0; k < 3 && rows[i].come[k].count; k++)
                        come_many(rows[i].come[k].party, rows[i].come[k].source,
                                  rows[i].come[k].count);
                if (gone)
                        test_fail(__FILE__, __LINE__, "%s: somebody went at once", rows[i].name);
                come(rows[i].party, rows[i].source);
                for (unsigned k = 0; k < n; k++)
                        if (who[k].there == ((int)k == rows[i].goes))
                                test_fail(__FILE__, __LINE__, "%s: number %u", rows[i].name, k);
        }
}

TEST(one_party_never_costs_another_its_place)
{
        begin();
        come("good", "1");
        come_many("bad", "", 100);
        CHECK(who[0].there);
        CHECK_EQ(gone, 92);
}

TEST(a_place_is_given_back)
{
        begin();
        come_many("a", "1", 8);
        patience_remove(&who[0].p);
        patience_remove(&who[0].p); /* has none: nothing happens */
        come("a", "1");
        CHECK_EQ(gone, 0);
}
