/* Turns: who is next, and who gives way. A job is known by the number of its maker. */
#include "harness.h"

#include "turns.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct entry {
        struct turns_job job;
        unsigned party, source, conn;
};

static const struct turns_bounds bounds = {40, 20, 10, 4};

static struct turns_path path_of(unsigned party, unsigned source, unsigned conn)
{
        struct turns_path p = {0};

        snprintf(p.key[0], TURNS_KEY, "p%u", party);
        snprintf(p.key[1], TURNS_KEY, "s%u", source);
        snprintf(p.key[2], TURNS_KEY, "c%u", conn);
        return p;
}

/* What turns_add() says; who gives way is freed, and its numbers are in *ret_out. */
static int add(struct turns *t, unsigned party, unsigned source, unsigned conn,
               struct entry *ret_out)
{
        struct entry *e = calloc(1, sizeof(*e)), *o;
        struct turns_path p = path_of(party, source, conn);
        struct turns_job *out = NULL;
        int r;

        if (!e)
                return -ENOMEM;
        e->party = party;
        e->source = source;
        e->conn = conn;
        r = turns_add(t, &p, &e->job, &out);
        if (out) {
                o = CAPNP_I_OF(out, struct entry, job);
                CHECK(!out->of);
                if (ret_out)
                        *ret_out = *o;
                free(o);
        }
        if (r)
                free(e);
        return r;
}

static struct entry take(struct turns *t)
{
        struct turns_job *j = turns_take(t);
        struct entry e = {.party = 999};

        if (!j)
                return e;
        e = *CAPNP_I_OF(j, struct entry, job);
        free(CAPNP_I_OF(j, struct entry, job));
        return e;
}

static void finish(struct turns *t)
{
        while (turns_count(t))
                (void)take(t);
        turns_deinit(t);
}

TEST(turns_go_round_at_each_level)
{
        struct turns t;
        static const unsigned order[][3] = {{1, 1, 1}, {2, 1, 1}, {1, 2, 1},
                                            {1, 1, 2}, {1, 1, 1}, {1, 1, 1}};

        turns_init(&t, bounds);
        CHECK_OK(add(&t, 1, 1, 1, NULL));
        CHECK_OK(add(&t, 1, 1, 1, NULL));
        CHECK_OK(add(&t, 1, 1, 1, NULL));
        CHECK_OK(add(&t, 1, 1, 2, NULL));
        CHECK_OK(add(&t, 1, 2, 1, NULL));
        CHECK_OK(add(&t, 2, 1, 1, NULL));
        for (unsigned i = 0; i < 6; i++) {
                struct entry e = take(&t);

                CHECK_EQ(e.party * 100 + e.source * 10 + e.conn,
                         order[i][0] * 100 + order[i][1] * 10 + order[i][2]);
        }
        CHECK(!turns_take(&t));
        finish(&t);
}

TEST(each_level_has_its_bound)
{
        struct turns t;
        unsigned n = 0;

        turns_init(&t, bounds);
        while (!add(&t, 1, 1, 1, NULL))
                n++;
        CHECK_EQ(n, 4);
        CHECK_EQ(add(&t, 1, 1, 1, NULL), CAPNP_E_LIMIT);
        for (unsigned c = 2; c <= 7; c++)
                CHECK_OK(add(&t, 1, 1, c, NULL));
        CHECK_EQ(turns_count(&t), 10);
        finish(&t);
}

TEST(who_has_most_gives_way)
{
        struct entry out = {0};
        struct turns t;

        turns_init(&t, bounds);
        for (unsigned i = 0; i < 10; i++)
                CHECK_OK(add(&t, 1, 1, i < 4 ? 1 : i < 8 ? 2 : 3, NULL));
        /* The source is full: of its connections the first has most. */
        CHECK_OK(add(&t, 1, 1, 9, &out));
        CHECK_EQ(out.conn, 1);
        CHECK_EQ(turns_count(&t), 10);
        /* Each has about as many: the newcomer would be one of those who have most. */
        for (unsigned i = 0; i < 20; i++)
                (void)add(&t, 1, 1, 20 + i, NULL);
        CHECK_EQ(turns_count(&t), 10);
        CHECK_EQ(add(&t, 1, 1, 99, NULL), CAPNP_E_LIMIT);
        finish(&t);
}

/* However many sources a party has, another one gets its turn, and room. */
TEST(a_party_of_many_sources_is_one)
{
        struct entry out = {0}, e;
        struct turns t;
        unsigned n = 0;

        turns_init(&t, bounds);
        for (unsigned i = 0; i < 100; i++) {
                (void)add(&t, 1, i, i, NULL);
                (void)add(&t, 2, i, i, NULL);
        }
        CHECK_EQ(turns_count(&t), 40);
        CHECK_OK(add(&t, 3, 1, 1, &out));
        CHECK(out.party == 1 || out.party == 2);
        do {
                e = take(&t);
                n++;
        } while (e.party != 3);
        CHECK(n <= 3);
        finish(&t);
}

TEST(a_job_leaves_out_of_turn)
{
        struct entry *e = calloc(1, sizeof(*e));
        struct turns_path p = path_of(1, 2, 3);
        struct turns_job *out;
        struct turns t;

        CHECK(e);
        turns_init(&t, bounds);
        CHECK_OK(turns_add(&t, &p, &e->job, &out));
        CHECK(!out && turns_count(&t) == 1);
        turns_remove(&t, &e->job);
        turns_remove(&t, &e->job);
        CHECK_EQ(turns_count(&t), 0);
        turns_deinit(&t);
        free(e);
}

/* Nor does anybody give way then. */
TORTURE(who_has_most_keeps_it_without_memory)
{
        struct entry out = {0};
        struct turns t;
        int r = 0;

        turns_init(&t, bounds);
        for (unsigned i = 0; !r && i < 10; i++)
                r = add(&t, 1, 1, i < 4 ? 1 : i < 8 ? 2 : 3, NULL);
        if (!r) {
                r = add(&t, 1, 1, 9, &out);
                CHECK_EQ(turns_count(&t), 10);
                CHECK_EQ(out.conn, r ? 0 : 1);
        }
        CHECK(!r || r == -ENOMEM);
        finish(&t);
        TORTURE_OK(r);
}

TORTURE(adding_may_fail_for_memory)
{
        struct turns t;
        int r;

        turns_init(&t, bounds);
        r = add(&t, 1, 1, 1, NULL);
        if (!r)
                r = add(&t, 1, 2, 1, NULL);
        CHECK(!r || r == -ENOMEM);
        finish(&t);
        TORTURE_OK(r);
}
