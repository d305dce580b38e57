/*
 * The game of Paperclips (R41): its world is sound, and what is not is refused by name; a player
 * who knows no key of it gets through every phase in time, by every order of cards; nobody can get
 * stuck; whatever is done, numbers stay within bounds; and the same acts make the same game.
 */
#include "clips-solver.h"
#include "content.capnp-c.h"
#include "harness.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MINUTE = 60, SEEDS = 20 };

static struct clips_world w;

static void load(void)
{
        if (!clips_world_load(world(), &w))
                test_fail(__FILE__, __LINE__, "%s", w.fault);
}

/* ---- the world ------------------------------------------------------------------------------- */

/* A world that was changed is refused, and told by what. */
static void refused(capnp_msg *m, const char *why)
{
        static struct clips_world other;

        CHECK(!clips_world_load(world_root(m), &other));
        if (!strstr(other.fault, why))
                test_fail(__FILE__, __LINE__, "expected `%s`, got `%s`", why, other.fault);
}

static world_builder copy(capnp_msg **m)
{
        CHECK_OK(capnp_msg_new(m));
        capnp_abuilder_set_struct(capnp_msg_build(*m), world().r);
        return (world_builder){
                capnp_abuilder_struct(capnp_msg_build(*m), WORLD_WORDS, WORLD_PTRS, NULL)};
}

TEST(a_world_that_is_not_sound_is_refused)
{
        static const struct {
                const char *key, *why;
        } keys[] = {{"", "a key is"},
                    {"Wire", "a key is"},
                    {"a b", "a key is"},
                    {"strength", "strength twice"},
                    {"a-key-that-is-longer-than-there-is-room-for", "a key is"},
                    {"other", "nothing is called \"wire\""}};
        capnp_msg *m;

        load();
        for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
                world_builder b = copy(&m);

                world_stock_set_key(world_stock_list_builder_get(world_build_stocks(b), 1),
                                    keys[i].key);
                refused(m, keys[i].why);
                capnp_msg_free(m);
        }
        world_set_strength(copy(&m), "muscle");
        refused(m, "nothing is called \"muscle\"");
        capnp_msg_free(m);
        world_set_demand(copy(&m), NAN);
        refused(m, "demand");
        capnp_msg_free(m);
        (void)world_init_phases(copy(&m), 0);
        refused(m, "nothing is called");
        capnp_msg_free(m);
        (void)world_init_stocks(copy(&m), CLIPS_STOCKS + 1);
        refused(m, "stocks: 13, and there may be 12");
        capnp_msg_free(m);
        (void)world_machine_init_cost(
                world_machine_list_builder_get(world_build_machines(copy(&m)), 1), 0);
        refused(m, "spool: costs nothing");
        capnp_msg_free(m);
}

/* ---- the solver ------------------------------------------------------------------------------ */

/* Minutes within which each phase begins, whatever comes: for who acts each second, and for who
 * does so every third. */
static const struct {
        unsigned from, to, to_of_slow;
} bounds[] = {{0, 0, 0}, {1, 6, 9}, {5, 16, 22}, {9, 28, 36}, {14, 45, 60}};

static void play_through(uint64_t seed, unsigned pace)
{
        static struct clips_game g;
        unsigned reached = 0, second = 0;

        clips_game_init(&g, &w, seed);
        for (; second < 120 * MINUTE && reached < w.nphases - 1U; second++) {
                if (second % pace == 0)
                        clips_solver_play(&g);
                else
                        clips_game_tick(&g);
                for (; reached < g.phase; reached++) {
                        unsigned to =
                                pace > 1 ? bounds[reached + 1].to_of_slow : bounds[reached + 1].to;

                        if (second < bounds[reached + 1].from * MINUTE || second > to * MINUTE)
                                test_fail(__FILE__, __LINE__, "seed %u, pace %u: %s at %u:%02u",
                                          (unsigned)seed, pace, w.phases[reached + 1].key,
                                          second / MINUTE, second % MINUTE);
                }
        }
        CHECK_EQ(reached, w.nphases - 1U);
}

TEST_T(each_phase_is_reached_in_time, 120)
{
        load();
        CHECK_EQ(w.nphases, sizeof(bounds) / sizeof(bounds[0]));
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
                play_through(seed, 1);
                play_through(seed, 3);
        }
}

/* Two of every machine, and every project: there is nothing in the world that cannot be had. */
TEST_T(everything_can_be_had, 120)
{
        static struct clips_game g;
        struct clips_outcome o;

        load();
        clips_game_init(&g, &w, 1);
        for (unsigned second = 0; second < 120 * MINUTE; second++) {
                clips_solver_play(&g);
                for (unsigned i = 0; i < w.nmachines && g.phase == w.nphases - 1; i++)
                        if (g.open[i] && !w.machines[i].adds.n && g.owned[i] < 2)
                                clips_game_buy(&g, w.machines[i].key, 2, &o);
        }
        for (unsigned i = 0; i < w.nmachines; i++)
                if (!w.machines[i].pace && !w.machines[i].adds.n && g.owned[i] < 2)
                        test_fail(__FILE__, __LINE__, "nobody has a %s", w.machines[i].key);
        for (unsigned i = 0; i < w.nprojects; i++)
                if (!w.projects[i].stands && g.project[i].state != CLIPS_DONE)
                        test_fail(__FILE__, __LINE__, "%s is not done", w.projects[i].key);
        /* All cards have been, in one phase or another, and so have all orders. */
        for (uint64_t seed = 2; seed < 6; seed++) {
                static struct clips_game other;

                clips_game_init(&other, &w, seed);
                for (unsigned second = 0; second < 120 * MINUTE; second++) {
                        clips_solver_play(&other);
                        g.drawn |= other.drawn;
                }
        }
        CHECK_EQ(g.drawn, (UINT32_C(1) << w.ncards) - 1);
}

/* Whoever has nothing left has strength, and finds wire on the beach. */
TEST(nobody_gets_stuck)
{
        static struct clips_game g;

        load();
        for (unsigned second = 0; second < 20 * MINUTE; second += 2 * MINUTE) {
                double coins;

                clips_game_init(&g, &w, 3);
                for (unsigned i = 0; i < second; i++)
                        clips_solver_play(&g);
                for (unsigned i = 0; i < w.nstocks; i++)
                        g.stock[i] = 0;
                coins = g.made[w.coins];
                for (unsigned i = 0; i < 5 * MINUTE; i++)
                        clips_solver_play(&g);
                CHECK(g.made[w.coins] > coins + 5);
        }
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

static void in_bounds(const struct clips_game *g)
{
        for (unsigned i = 0; i < w.nstocks; i++) {
                CHECK(isfinite(g->stock[i]) && g->stock[i] >= 0 && g->stock[i] <= 1e15);
                CHECK(isfinite(g->made[i]) && g->made[i] >= 0 && g->made[i] <= 1e15);
                CHECK(isfinite(g->rate[i]));
                CHECK(g->cap[i] <= 0 || g->stock[i] <= g->cap[i] + 1e-6);
        }
        CHECK(isfinite(clips_game_demand(g)) && isfinite(g->selling) && isfinite(g->sold));
        CHECK(g->phase < w.nphases && g->price_cents > 0);
}

static uint64_t next(uint64_t *random)
{
        *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407;
        return *random >> 33;
}

static void act(struct clips_game *g, uint64_t *random)
{
        uint32_t n = (uint32_t)(next(random) % 1200);
        struct clips_outcome o = {.said = ""};

        switch (next(random) % 6) {
        case 0:
                clips_game_make(g, n, &o);
                break;
        case 1:
                clips_game_buy(g, w.machines[next(random) % w.nmachines].key, n / 10, &o);
                break;
        case 2:
                clips_game_price(g, n * n / 100, &o);
                break;
        case 3:
                clips_game_begin(g, w.projects[next(random) % w.nprojects].key, &o);
                break;
        case 4:
                clips_game_buy(g, "nothing", n, &o);
                CHECK_EQ(o.result, CLIPS_UNKNOWN);
                break;
        default:
                clips_game_tick(g);
                return;
        }
        CHECK(o.said[0] != '\0');
}

TEST_T(whatever_is_done_numbers_stay_in_bounds, 120)
{
        static struct clips_game g, same;

        load();
        for (uint64_t seed = 1; seed <= 8; seed++) {
                uint64_t random = seed, again = seed;

                clips_game_init(&g, &w, seed);
                clips_game_init(&same, &w, seed);
                /* Some begin with more than anybody could have. */
                for (unsigned i = 0; seed > 4 && i < w.nstocks; i++)
                        if (g.cap[i] <= 0)
                                g.stock[i] = same.stock[i] = 1e15;
                for (unsigned i = 0; i < 30000; i++) {
                        act(&g, &random);
                        act(&same, &again);
                        if (i % 100 == 0)
                                in_bounds(&g);
                        if (i % 10000 == 9999)
                                clips_game_away(&g, next(&random) * 1000);
                        if (i % 10000 == 9999)
                                clips_game_away(&same, next(&again) * 1000);
                }
                in_bounds(&g);
                CHECK_MEM(same.stock, g.stock, sizeof(g.stock));
                CHECK_MEM(same.made, g.made, sizeof(g.made));
                CHECK_MEM(same.owned, g.owned, sizeof(g.owned));
                CHECK_MEM(same.project, g.project, sizeof(g.project));
                CHECK_EQ(same.random, g.random);
                CHECK_EQ(same.lines, g.lines);
        }
}

TEST(time_away_is_made_up_for)
{
        static struct clips_game g, there;

        load();
        clips_game_init(&g, &w, 1);
        for (unsigned i = 0; i < 9 * MINUTE; i++)
                clips_solver_play(&g);
        there = g;

        /* Ten minutes are as any others, but for the line that says so. */
        clips_game_away(&g, CLIPS_AWAY_LIVE - 1);
        for (unsigned i = 0; i < CLIPS_AWAY_LIVE - 1; i++)
                clips_game_tick(&there);
        CHECK(!memcmp(g.stock, there.stock, sizeof(g.stock)));
        CHECK_EQ(g.drawn, there.drawn);
        CHECK_EQ(g.lines, there.lines + 1);

        /* Longer ones come close, without cards, and are bounded. */
        there.deal = UINT32_MAX;
        clips_game_away(&g, 3600);
        for (unsigned i = 0; i < 3600; i++)
                clips_game_tick(&there);
        CHECK_EQ(g.tick, there.tick);
        CHECK(g.made[w.clips] > there.made[w.clips] * 0.9 &&
              g.made[w.clips] < there.made[w.clips] * 1.1);
        clips_game_away(&g, UINT64_MAX);
        CHECK_EQ(g.tick, there.tick + CLIPS_AWAY_MOST);
        in_bounds(&g);
        clips_game_away(&g, 0);
        CHECK_EQ(g.tick, there.tick + CLIPS_AWAY_MOST);
}

/* ---- acts ------------------------------------------------------------------------------------ */

TEST(acts_at_their_bounds)
{
        static struct clips_game g;
        struct clips_outcome o;

        load();
        clips_game_init(&g, &w, 1);
        clips_game_make(&g, 0, &o);
        CHECK_EQ(o.result, CLIPS_RANGE);
        clips_game_make(&g, CLIPS_MAKE_MOST + 1, &o);
        CHECK_EQ(o.result, CLIPS_RANGE);
        CHECK_EQ(g.acts, 0);
        clips_game_make(&g, CLIPS_MAKE_MOST, &o);
        CHECK_EQ(o.result, CLIPS_OK);
        CHECK_EQ((int)g.stock[w.clips], 30);
        CHECK_EQ((int)g.stock[w.wire], 30);
        clips_game_make(&g, 1, &o);
        CHECK_EQ(o.result, CLIPS_SHORT);
        CHECK_EQ(o.stock, w.strength);
        CHECK_EQ(g.acts, 1);

        clips_game_buy(&g, "spool", 1, &o);
        CHECK_EQ(o.result, CLIPS_SHORT);
        CHECK_EQ(o.stock, w.coins);
        g.stock[w.coins] = 20;
        clips_game_buy(&g, "spool", CLIPS_BUY_MOST, &o);
        CHECK_EQ(o.result, CLIPS_OK);
        CHECK_EQ((int)g.stock[w.wire], 330);
        CHECK_EQ((int)g.stock[w.coins], 2);
        clips_game_buy(&g, "spool", CLIPS_BUY_MOST + 1, &o);
        CHECK_EQ(o.result, CLIPS_RANGE);
        clips_game_buy(&g, "press", 1, &o);
        CHECK_EQ(o.result, CLIPS_LOCKED);
        clips_game_buy(&g, "you", 1, &o);
        CHECK_EQ(o.result, CLIPS_UNKNOWN);

        clips_game_price(&g, 0, &o);
        CHECK_EQ(o.result, CLIPS_RANGE);
        clips_game_price(&g, CLIPS_CENTS_MOST, &o);
        CHECK_EQ(o.result, CLIPS_OK);
        clips_game_price(&g, CLIPS_CENTS_MOST + 1, &o);
        CHECK_EQ(o.result, CLIPS_RANGE);

        clips_game_begin(&g, "nails", &o);
        CHECK_EQ(o.result, CLIPS_SHORT);
        CHECK_EQ(o.stock, w.craft);
        g.stock[w.craft] = 3;
        clips_game_begin(&g, "nails", &o);
        CHECK_EQ(o.result, CLIPS_OK);
        clips_game_begin(&g, "nails", &o);
        CHECK_EQ(o.result, CLIPS_LOCKED);
        clips_game_begin(&g, "charter", &o);
        CHECK_EQ(o.result, CLIPS_LOCKED);
        clips_game_begin(&g, "order-navy", &o);
        CHECK_EQ(o.result, CLIPS_LOCKED);
}

/* A machine works as much as what it uses allows, and says for want of what. */
TEST(machines_wait_for_what_they_use)
{
        static struct clips_game g;
        int jig;

        load();
        clips_game_init(&g, &w, 1);
        jig = clips_machine_find(&w, "jig");
        CHECK(jig >= 0);
        g.owned[jig] = 10;
        g.stock[w.wire] = 4;
        clips_game_tick(&g);
        CHECK(g.made[w.clips] > 3.99 && g.made[w.clips] < 4.01);
        CHECK_EQ(g.waits[jig], w.wire + 1);
        g.stock[w.wire] = 100;
        clips_game_tick(&g);
        CHECK_EQ(g.waits[jig], 0);
}

TEST(numbers_for_a_person)
{
        static const struct {
                double n;
                const char *text;
        } rows[] = {{0, "0"},          {0.5, "0.5"},        {9.96, "10.0"},  {12.4, "12"},
                    {999, "999"},      {1000, "1,000"},     {9999, "9,999"}, {10000, "10.0 k"},
                    {48230, "48.2 k"}, {1310000, "1.31 M"}, {2e9, "2.00 G"}, {3.5e13, "35.0 T"}};
        char to[24];

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                CHECK_STR(clips_number(rows[i].n, to), rows[i].text);
}
