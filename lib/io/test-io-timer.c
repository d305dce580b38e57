/* The heap of timers, without a clock: order, ties, stopping anywhere, memory. */
#include "harness.h"
#include "io-timer.h"

#include <stdlib.h>

enum { N = 500 };

static void heap_fill(struct capos_io_timers *ts, struct capos_io_timer *t, unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                CHECK_OK(capos_io_timers_reserve(ts));
        for (unsigned i = 0; i < n; i++) {
                capos_io_timers_start(ts, &t[i], (uint64_t)(rand() % 100));
                CHECK(capos_io_timers_check(ts));
        }
}

static unsigned heap_drain(struct capos_io_timers *ts)
{
        uint64_t deadline_ms = 0, number = 0;
        unsigned n = 0;

        for (;;) {
                struct capos_io_timer *t = capos_io_timers_peek(ts);

                if (!t)
                        return n;
                CHECK(t->deadline_ms >= deadline_ms);
                CHECK(t->deadline_ms > deadline_ms || t->number > number);
                deadline_ms = t->deadline_ms;
                number = t->number;
                capos_io_timers_stop(ts, t);
                CHECK(capos_io_timers_check(ts));
                n++;
        }
}

TEST(timers_fire_by_deadline_then_by_start)
{
        struct capos_io_timers ts = {0};
        struct capos_io_timer t[N] = {0};

        srand(1);
        heap_fill(&ts, t, N);
        CHECK_EQ(heap_drain(&ts), N);
        capos_io_timers_deinit(&ts);
}

TEST(timers_stop_anywhere)
{
        struct capos_io_timers ts = {0};
        struct capos_io_timer t[N] = {0};
        unsigned left = N;

        srand(2);
        heap_fill(&ts, t, N);
        for (unsigned i = 0; i < N; i += 3, left--) {
                capos_io_timers_stop(&ts, &t[(i * 7) % N]);
                capos_io_timers_stop(&ts, &t[(i * 7) % N]);
                CHECK(capos_io_timers_check(&ts));
        }
        CHECK_EQ(heap_drain(&ts), left);
        capos_io_timers_deinit(&ts);
}

TEST(timers_move_to_another_deadline)
{
        struct capos_io_timers ts = {0};
        struct capos_io_timer t[N] = {0};

        srand(3);
        heap_fill(&ts, t, N);
        for (unsigned i = 0; i < 2 * N; i++) {
                capos_io_timers_start(&ts, &t[rand() % N], (uint64_t)(rand() % 100));
                CHECK(capos_io_timers_check(&ts));
        }
        CHECK_EQ(heap_drain(&ts), N);
        capos_io_timers_deinit(&ts);
}

TORTURE(timers_reserve_before_start)
{
        struct capos_io_timers ts = {0};
        struct capos_io_timer t[40] = {0};
        int r = 0;

        for (unsigned i = 0; i < 40 && !r; i++) {
                r = capos_io_timers_reserve(&ts);
                if (!r)
                        capos_io_timers_start(&ts, &t[i], 100 - i);
                CHECK(capos_io_timers_check(&ts));
        }
        if (!r)
                CHECK(capos_io_timers_peek(&ts) == &t[39]);
        capos_io_timers_deinit(&ts);
        TORTURE_OK(r);
}
