/*
 * A game as bytes (R41): what was written is what is read, at any moment of a game; what was cut
 * short or changed in any byte is no game; what another world has written is read as far as it
 * goes.
 */
#include "clips-save.h"

#include "clips-solver.h"
#include "content.capnp-c.h"
#include "harness.h"
#include "save.capnp-c.h"

#include <errno.h>
#include <string.h>

static struct clips_world w;
static struct clips_game g, other;
static uint8_t bytes[CLIPS_SAVE_BYTES], again[CLIPS_SAVE_BYTES];

static void begin(uint64_t seed)
{
        CHECK(clips_world_load(world(), &w));
        clips_game_init(&g, &w, seed);
}

TEST_T(what_was_written_is_what_is_read, 60)
{
        uint64_t at_ms;
        size_t len, length;

        begin(7);
        for (unsigned second = 0; second < 40 * 60; second++) {
                clips_solver_play(&g);
                if (second % 97)
                        continue;
                CHECK_OK(clips_save_write(&g, 1000 + second, bytes, &len));
                clips_game_init(&other, &w, 1);
                CHECK_OK(clips_save_read(&other, bytes, len, &at_ms));
                CHECK_EQ(at_ms, 1000 + second);
                CHECK_OK(clips_save_write(&other, 1000 + second, again, &length));
                CHECK_EQ(length, len);
                CHECK_MEM(again, bytes, len);
        }
        CHECK_EQ(g.phase, w.nphases - 1);
}

TEST_T(what_is_not_whole_is_no_game, 60)
{
        static struct clips_game before;
        uint64_t at_ms;
        size_t len;

        begin(7);
        for (unsigned i = 0; i < 600; i++)
                clips_solver_play(&g);
        CHECK_OK(clips_save_write(&g, 1, bytes, &len));
        clips_game_init(&other, &w, 1);
        before = other;
        for (size_t n = 0; n < len; n++)
                CHECK_EQ(clips_save_read(&other, bytes, n, &at_ms), -EILSEQ);
        for (size_t i = 0; i < len; i++) {
                bytes[i] ^= (uint8_t)(1 + i % 255);
                CHECK_EQ(clips_save_read(&other, bytes, len, &at_ms), -EILSEQ);
                bytes[i] ^= (uint8_t)(1 + i % 255);
        }
        CHECK_MEM(&other, &before, sizeof(before));
        CHECK_OK(clips_save_read(&other, bytes, len, &at_ms));
}

TEST(what_goes_on_is_the_same)
{
        uint64_t at_ms;
        size_t len;

        begin(9);
        for (unsigned i = 0; i < 700; i++)
                clips_solver_play(&g);
        CHECK_OK(clips_save_write(&g, 1, bytes, &len));
        clips_game_init(&other, &w, 1);
        CHECK_OK(clips_save_read(&other, bytes, len, &at_ms));
        for (unsigned i = 0; i < 600; i++) {
                clips_game_tick(&g);
                clips_game_tick(&other);
        }
        CHECK_MEM(other.stock, g.stock, sizeof(g.stock));
        CHECK_MEM(other.project, g.project, sizeof(g.project));
        CHECK_EQ(other.random, g.random);
        CHECK_EQ(other.drawn, g.drawn);
}

/* Keys that are not known, and numbers that no game has: the rest is read. */
TEST(another_worlds_game)
{
        static struct clips_world small;
        uint64_t at_ms;
        size_t len;

        begin(5);
        for (unsigned i = 0; i < 900; i++)
                clips_solver_play(&g);
        CHECK_OK(clips_save_write(&g, 1, bytes, &len));
        small = w;
        small.nmachines -= 3;
        small.nprojects -= 4;
        small.ncards -= 2;
        small.stocks[w.clips].key = "pins";
        clips_game_init(&other, &small, 1);
        CHECK_OK(clips_save_read(&other, bytes, len, &at_ms));
        CHECK_EQ((int)other.stock[w.clips], 0);
        CHECK(other.stock[w.coins] >= g.stock[w.coins] && other.stock[w.coins] <= g.stock[w.coins]);
        CHECK_EQ(other.phase, g.phase);
        CHECK_EQ(other.owned[w.nmachines - 1], 0);
        for (unsigned i = 0; i < 100; i++)
                clips_game_tick(&other);
}
