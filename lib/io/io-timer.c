/*
 * Timers by deadline.
 *
 * A binary heap of pointers to embedded timers. Each timer knows its place, so stopping one costs
 * as little as starting it; most timers are stopped, not fired. Equal deadlines fire in the order
 * they were started: the number makes every key different.
 *
 * A timer has a reserved place from init to deinit. Back-off after running out of descriptors and
 * the deadline of a dying connection are started just when allocating might fail, so starting must
 * not need memory.
 */
#include "io-timer.h"

#include <errno.h>
#include <stdlib.h>

static bool timer_is_before(const struct capos_io_timer *a, const struct capos_io_timer *b)
{
        if (a->deadline_ms != b->deadline_ms)
                return a->deadline_ms < b->deadline_ms;

        return a->number < b->number;
}

static void timers_put(struct capos_io_timers *ts, uint32_t at, struct capos_io_timer *t)
{
        ts->heap[at] = t;
        t->place = at + 1;
}

static void timers_sift_up(struct capos_io_timers *ts, uint32_t at, struct capos_io_timer *t)
{
        while (at > 0 && timer_is_before(t, ts->heap[(at - 1) / 2])) {
                timers_put(ts, at, ts->heap[(at - 1) / 2]);
                at = (at - 1) / 2;
        }
        timers_put(ts, at, t);
}

static void timers_sift_down(struct capos_io_timers *ts, uint32_t at, struct capos_io_timer *t)
{
        for (;;) {
                uint32_t child = 2 * at + 1;

                if (child + 1 < ts->len && timer_is_before(ts->heap[child + 1], ts->heap[child]))
                        child++;
                if (child >= ts->len || !timer_is_before(ts->heap[child], t))
                        break;
                timers_put(ts, at, ts->heap[child]);
                at = child;
        }
        timers_put(ts, at, t);
}

int capos_io_timers_reserve(struct capos_io_timers *ts)
{
        struct capos_io_timer **heap;
        uint32_t room;

        if (ts->reserved < ts->room) {
                ts->reserved++;
                return 0;
        }
        if (ts->room > UINT32_MAX / 4)
                return -ENOMEM;

        room = ts->room ? 2 * ts->room : 16;
        heap = reallocarray(ts->heap, room, sizeof(*heap));
        if (!heap)
                return -ENOMEM;

        ts->heap = heap;
        ts->room = room;
        ts->reserved++;
        return 0;
}

void capos_io_timers_unreserve(struct capos_io_timers *ts)
{
        ts->reserved--;
}

void capos_io_timers_start(struct capos_io_timers *ts, struct capos_io_timer *t,
                           uint64_t deadline_ms)
{
        capos_io_timers_stop(ts, t);
        t->deadline_ms = deadline_ms;
        t->number = ++ts->last_number;
        ts->len++;
        timers_sift_up(ts, ts->len - 1, t);
}

void capos_io_timers_stop(struct capos_io_timers *ts, struct capos_io_timer *t)
{
        struct capos_io_timer *last;
        uint32_t at;

        if (!t->place)
                return;

        at = t->place - 1;
        t->place = 0;
        ts->len--;
        last = ts->heap[ts->len];
        if (last == t)
                return;

        /* The last one fills the gap. It may belong above it: the gap can be in another branch. */
        if (at > 0 && timer_is_before(last, ts->heap[(at - 1) / 2]))
                timers_sift_up(ts, at, last);
        else
                timers_sift_down(ts, at, last);
}

bool capos_io_timers_check(const struct capos_io_timers *ts)
{
        if (ts->len > ts->reserved || ts->reserved > ts->room)
                return false;

        for (uint32_t i = 0; i < ts->len; i++) {
                if (ts->heap[i]->place != i + 1)
                        return false;
                if (i > 0 && timer_is_before(ts->heap[i], ts->heap[(i - 1) / 2]))
                        return false;
        }
        return true;
}

void capos_io_timers_deinit(struct capos_io_timers *ts)
{
        free(ts->heap);
        *ts = (struct capos_io_timers){0};
}
