/*
 * The RPC core against the model, with fixed seeds: short runs, the tables checked after each act.
 */
#include "harness.h"
#include "model.h"

static void play(uint32_t vats, uint64_t seed, int mode)
{
        struct model_run run = {vats, seed, 60000, 0, 1, 10, mode};

        CHECK(model_run(&run) == 0);
}

TEST(two_vats)
{
        play(2, 1, MODE_PLAIN);
}

TEST(three_vats)
{
        play(3, 2, MODE_PLAIN);
        play(3, 3, MODE_PLAIN);
}

TEST(four_vats)
{
        play(4, 4, MODE_PLAIN);
}

TEST(five_vats)
{
        play(5, 9, MODE_PLAIN);
        play(5, 10, MODE_MEMBRANES | MODE_REVOKE);
}

TEST(membranes)
{
        play(3, 5, MODE_MEMBRANES);
}

TEST(membranes_that_are_revoked)
{
        play(3, 6, MODE_MEMBRANES | MODE_REVOKE);
}

TEST(connections_that_are_closed)
{
        play(3, 7, MODE_CLOSE);
}

/* The gates are looked at with two vats; with more, that calls are not lost behind them. */
TEST(streams_that_are_served)
{
        play(2, 11, MODE_STREAMS);
        play(3, 12, MODE_STREAMS | MODE_MEMBRANES);
        play(3, 13, MODE_STREAMS | MODE_CLOSE);
        /* Calls of a connection that is over are served, which leaked where leaks are seen. */
        play(2, 53, MODE_STREAMS | MODE_CLOSE);
}

TEST(writers_that_wait)
{
        play(2, 17, MODE_WRITERS);
        play(3, 18, MODE_WRITERS | MODE_STREAMS | MODE_CLOSE);
}

TEST(allocations_that_fail)
{
        play(3, 14, MODE_STARVE);
        play(3, 15, MODE_STARVE | MODE_CLOSE);
        play(5, 16, MODE_BITS);
}

TEST(everything_at_once)
{
        play(3, 8, MODE_MEMBRANES | MODE_REVOKE | MODE_CLOSE | MODE_STREAMS);
}
