/*
 * Ids that somebody else chooses, against an array of all of them: low ones, high ones, ones that
 * are added before the array has grown to them, and all that a walk must find.
 */
#include "base-ids.h"
#include "harness.h"

#include <string.h>

enum { RANGE = 6000, ACTS = 200000 };

static int values[RANGE];

static uint32_t draw(uint64_t *state, uint32_t n)
{
        *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
        return (uint32_t)(*state >> 33) % n;
}

/* Every one that is there is found, once. */
static void check_walk(const struct capnp_i_ids *s, void *const *there)
{
        uint32_t pos = 0, found = 0, n = 0;
        uint64_t id;
        void *p;

        while ((p = capnp_i_ids_next(s, &pos, &id))) {
                CHECK(id < RANGE);
                CHECK(there[id] == p);
                found++;
        }
        for (uint32_t i = 0; i < RANGE; i++)
                n += there[i] != NULL;
        CHECK_EQ(found, n);
        CHECK_EQ(s->used, n);
}

/* Acts on ids below `range`: with few the array holds all, with many none. */
static void play(uint64_t seed, uint32_t range, uint32_t most)
{
        static void *there[RANGE];
        struct capnp_i_ids s = {0};

        memset(there, 0, sizeof(there));
        for (unsigned i = 0; i < ACTS; i++) {
                uint32_t id = draw(&seed, range);

                CHECK(capnp_i_ids_get(&s, id) == there[id]);
                if (there[id]) {
                        CHECK(capnp_i_ids_take(&s, id) == there[id]);
                        there[id] = NULL;
                } else if (s.used < most) {
                        CHECK_OK(capnp_i_ids_reserve(&s, id));
                        capnp_i_ids_add(&s, id, &values[id]);
                        there[id] = &values[id];
                }
                if (i % 1000 == 0)
                        check_walk(&s, there);
        }
        for (uint32_t i = 0; i < RANGE; i++)
                CHECK(capnp_i_ids_take(&s, i) == there[i]);
        CHECK_EQ(s.used, 0);
        CHECK(s.n <= 1024);
        CHECK(s.most <= most);
        capnp_i_ids_deinit(&s);
}

TEST(low_ids)
{
        play(1, 64, 64);
}

TEST(low_and_high_ids)
{
        play(2, 1000, 1000);
        play(3, RANGE, RANGE);
        play(4, RANGE, 20);
}

/* One that is empty gives back what it has grown to, when it is asked, and goes on from there. */
TEST(an_empty_one_is_small)
{
        struct capnp_i_ids s = {0};

        for (unsigned times = 0; times < 3; times++) {
                for (uint32_t i = 0; i < 1000; i++) {
                        CHECK_OK(capnp_i_ids_reserve(&s, i));
                        capnp_i_ids_add(&s, i, &values[i]);
                        capnp_i_ids_ease(&s);
                }
                for (uint32_t i = 0; i < 1000; i++) {
                        capnp_i_ids_ease(&s);
                        CHECK(capnp_i_ids_take(&s, i) == &values[i]);
                }
                CHECK(s.n >= 1000);
                capnp_i_ids_ease(&s);
                CHECK(s.n <= CAPNP_I_IDS_KEPT);
                for (uint32_t i = 0; i < 1000; i++)
                        CHECK(!capnp_i_ids_get(&s, i));
        }
        capnp_i_ids_deinit(&s);
}

/* Somebody who takes a high one first makes nobody pay for those below it. */
TEST(one_high_id_is_no_array)
{
        struct capnp_i_ids s = {0};

        CHECK_OK(capnp_i_ids_reserve(&s, 4000));
        capnp_i_ids_add(&s, 4000, &values[0]);
        CHECK_EQ(s.n, 0);
        CHECK_OK(capnp_i_ids_reserve(&s, UINT32_MAX));
        capnp_i_ids_add(&s, UINT32_MAX, &values[1]);
        CHECK(capnp_i_ids_get(&s, UINT32_MAX) == &values[1]);
        CHECK(!capnp_i_ids_get(&s, 0));
        capnp_i_ids_deinit(&s);
}

TORTURE(ids_without_memory)
{
        struct capnp_i_ids s = {0};

        for (uint32_t i = 0; i < 200; i++) {
                int r = capnp_i_ids_reserve(&s, i * 7);

                if (r)
                        capnp_i_ids_deinit(&s);
                TORTURE_OK(r);
                capnp_i_ids_add(&s, i * 7, &values[i]);
        }
        for (uint32_t i = 0; i < 200; i++)
                CHECK(capnp_i_ids_take(&s, i * 7) == &values[i]);
        capnp_i_ids_deinit(&s);
}
