/* Timers by deadline: a binary heap that reads no clock. io-loop.h puts a clock to it. */
#ifndef CAPOS_IO_TIMER_H
#define CAPOS_IO_TIMER_H

#include <capos/capnp-base.h>

/* Embedded in what it belongs to. */
struct capos_io_timer {
        uint64_t deadline_ms;
        uint64_t number; /* of equal deadlines the lower number fires first */
        uint32_t place;  /* index in the heap + 1; 0: not running */
        struct capos_io_loop *loop;
        void (*fn)(struct capos_io_timer *t);
};

struct capos_io_timers {
        struct capos_io_timer **heap;
        uint32_t len, room;
        uint32_t reserved; /* timers that exist, running or not: never more than room */
        uint64_t last_number;
};

/* Makes room for one more timer, so that starting it cannot fail. 0, or -ENOMEM. */
int capos_io_timers_reserve(struct capos_io_timers *ts) CAPNP_MUST_USE;
/* Gives that room back; the timer must not be running. */
void capos_io_timers_unreserve(struct capos_io_timers *ts);
/* Starts a timer of reserved room, or moves a running one to a new deadline. */
void capos_io_timers_start(struct capos_io_timers *ts, struct capos_io_timer *t,
                           uint64_t deadline_ms);
/* Stops a timer. One that is not running is left alone. */
void capos_io_timers_stop(struct capos_io_timers *ts, struct capos_io_timer *t);
/* The timer that fires first; NULL when none is running. */
static inline struct capos_io_timer *capos_io_timers_peek(const struct capos_io_timers *ts)
{
        return ts->len ? ts->heap[0] : NULL;
}

/* Whether every parent fires before its children, and every place is right. For tests. */
bool capos_io_timers_check(const struct capos_io_timers *ts);
/* Frees the heap. Timers still in it are forgotten. */
void capos_io_timers_deinit(struct capos_io_timers *ts);

#endif
