/*
 * The event loop: epoll, one timerfd, a list of tasks.
 *
 * Events are level-triggered: whoever reads less than there is will be called again, so no reader
 * has to read until EAGAIN, which would cost a system call a message.
 *
 * Any callback may end any watch, its own and those later in the batch. The kernel has then handed
 * out an event with a pointer to it already; capos_io_watch_deinit() blanks what is left of the
 * batch. The loop does not touch a watch, timer or task after its function was called, so that
 * function may free what it is embedded in.
 *
 * Deadlines are on CLOCK_BOOTTIME, but the timeout of epoll_wait() stands still while the machine
 * sleeps; a lease that ran out during the night would be noticed as late as the night was long. So
 * one timerfd is set to the earliest deadline. It is set only when a deadline comes up that is
 * earlier than what it is set to: timers that are started and stopped for every call cost nothing,
 * and a stopped one at most one wake-up for nothing. It is edge-triggered and never read.
 */
#include "io-loop.h"

#include <errno.h>
#include <limits.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

uint64_t capos_io_now_ms(void)
{
        struct timespec t;

        /* Cannot fail for a clock that every kernel since 2.6.39 has. */
        (void)clock_gettime(CLOCK_BOOTTIME, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- watches ------------------------------------------------------------------------------ */

int capos_io_watch_init(struct capos_io_watch *w, struct capos_io_loop *l, int fd, uint32_t events,
                        void (*fn)(struct capos_io_watch *w, uint32_t events))
{
        struct epoll_event e = {.events = events, .data.ptr = w};

        *w = (struct capos_io_watch){.fd = fd, .events = events, .fn = fn};
        if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0)
                return -errno;

        w->loop = l;
        l->nwatches++;
        return 0;
}

int capos_io_watch_change(struct capos_io_watch *w, uint32_t events)
{
        struct epoll_event e = {.events = events, .data.ptr = w};

        if (epoll_ctl(w->loop->epoll_fd, EPOLL_CTL_MOD, w->fd, &e) < 0)
                return -errno;

        w->events = events;
        return 0;
}

void capos_io_watch_deinit(struct capos_io_watch *w)
{
        struct capos_io_loop *l = w->loop;

        if (!l)
                return;

        (void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
        for (uint32_t i = l->batch_at; i < l->batch_len; i++)
                if (l->batch[i].data.ptr == w)
                        l->batch[i].data.ptr = NULL;
        l->nwatches--;
        w->loop = NULL;
}

/* ---- timers ------------------------------------------------------------------------------- */

int capos_io_timer_init(struct capos_io_timer *t, struct capos_io_loop *l,
                        void (*fn)(struct capos_io_timer *t))
{
        int r;

        *t = (struct capos_io_timer){.fn = fn};
        r = capos_io_timers_reserve(&l->timers);
        if (r)
                return r;

        t->loop = l;
        return 0;
}

void capos_io_timer_start(struct capos_io_timer *t, uint64_t delay_ms)
{
        capos_io_timers_start(&t->loop->timers, t, capos_io_now_ms() + delay_ms);
}

void capos_io_timer_stop(struct capos_io_timer *t)
{
        if (t->loop)
                capos_io_timers_stop(&t->loop->timers, t);
}

void capos_io_timer_deinit(struct capos_io_timer *t)
{
        if (!t->loop)
                return;

        capos_io_timer_stop(t);
        capos_io_timers_unreserve(&t->loop->timers);
        t->loop = NULL;
}

static void loop_on_timer_fd(struct capos_io_watch *w, uint32_t events)
{
        (void)events;
        w->loop->armed_ms = 0;
}

static int loop_arm(struct capos_io_loop *l, const struct capos_io_timer *first)
{
        struct itimerspec when = {0};

        if (l->armed_ms && l->armed_ms <= first->deadline_ms)
                return 0;

        when.it_value.tv_sec = (time_t)(first->deadline_ms / 1000);
        when.it_value.tv_nsec = (long)(first->deadline_ms % 1000) * 1000000;
        if (timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) < 0)
                return -errno;

        l->armed_ms = first->deadline_ms;
        return 0;
}

/* Timers started by these functions wait for the next turn, even with a delay of 0. */
static void loop_run_timers(struct capos_io_loop *l)
{
        uint64_t now_ms, last_number = l->timers.last_number;
        struct capos_io_timer *t;

        now_ms = capos_io_now_ms();
        for (;;) {
                t = capos_io_timers_peek(&l->timers);
                if (!t || t->deadline_ms > now_ms || t->number > last_number)
                        return;

                capos_io_timers_stop(&l->timers, t);
                t->fn(t);
        }
}

/* ---- tasks -------------------------------------------------------------------------------- */

void capos_io_task_init(struct capos_io_task *t, void (*fn)(struct capos_io_task *t))
{
        capnp_i_list_init(&t->link);
        t->fn = fn;
}

void capos_io_task_deinit(struct capos_io_task *t)
{
        if (t->link.next)
                capnp_i_list_remove(&t->link);
}

void capos_io_loop_run_all(struct capos_io_loop *l)
{
        struct capnp_i_list now;

        capnp_i_list_init(&now);
        capnp_i_list_splice(&now, &l->tasks);
        while (!capnp_i_list_empty(&now)) {
                struct capos_io_task *t = CAPNP_I_OF(now.next, struct capos_io_task, link);

                capnp_i_list_remove(&t->link);
                t->fn(t);
        }
}

/* ---- the loop ----------------------------------------------------------------------------- */

int capos_io_loop_init(struct capos_io_loop *l)
{
        int r;

        *l = (struct capos_io_loop){.epoll_fd = -1, .timer_fd = -1};
        capnp_i_list_init(&l->tasks);
        l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (l->epoll_fd < 0) {
                r = -errno;
                capos_io_loop_deinit(l);
                return r;
        }
        l->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
        if (l->timer_fd < 0) {
                r = -errno;
                capos_io_loop_deinit(l);
                return r;
        }
        r = capos_io_watch_init(&l->timer_watch, l, l->timer_fd, EPOLLIN | EPOLLET,
                                loop_on_timer_fd);
        if (r) {
                capos_io_loop_deinit(l);
                return r;
        }

        l->nwatches = 0;
        return 0;
}

void capos_io_loop_deinit(struct capos_io_loop *l)
{
        if (l->timer_fd >= 0)
                (void)close(l->timer_fd);
        if (l->epoll_fd >= 0)
                (void)close(l->epoll_fd);
        capos_io_timers_deinit(&l->timers);
        *l = (struct capos_io_loop){.epoll_fd = -1, .timer_fd = -1};
        capnp_i_list_init(&l->tasks);
}

int capos_io_loop_timeout_ms(const struct capos_io_loop *l)
{
        const struct capos_io_timer *first;
        uint64_t now_ms;

        if (!capnp_i_list_empty(&l->tasks))
                return 0;

        first = capos_io_timers_peek(&l->timers);
        if (!first)
                return -1;

        now_ms = capos_io_now_ms();
        if (first->deadline_ms <= now_ms)
                return 0;
        if (first->deadline_ms - now_ms > INT_MAX)
                return INT_MAX;

        return (int)(first->deadline_ms - now_ms);
}

int capos_io_loop_wait(struct capos_io_loop *l, int timeout_ms)
{
        const struct capos_io_timer *first = capos_io_timers_peek(&l->timers);
        int n, r;

        r = first ? loop_arm(l, first) : 0;
        if (r)
                return r;

        n = epoll_wait(l->epoll_fd, l->batch, CAPOS_IO_BATCH, timeout_ms);
        if (n < 0 && errno != EINTR)
                return -errno;

        l->batch_len = n > 0 ? (uint32_t)n : 0;
        for (l->batch_at = 0; l->batch_at < l->batch_len;) {
                const struct epoll_event *e = &l->batch[l->batch_at++];
                struct capos_io_watch *w = e->data.ptr;

                if (w)
                        w->fn(w, e->events);
        }
        l->batch_len = 0;
        /* While there is input the clock is read once a round, for how long to wait: what is due by
         * then has the next round wait for nothing, and is run in that. */
        if (l->timers.len && (n <= 0 || !timeout_ms))
                loop_run_timers(l);
        return 0;
}

int capos_io_loop_turn(struct capos_io_loop *l, int timeout_ms)
{
        int r, own_ms = capos_io_loop_timeout_ms(l);

        if (own_ms >= 0 && (timeout_ms < 0 || own_ms < timeout_ms))
                timeout_ms = own_ms;
        r = capos_io_loop_wait(l, timeout_ms);
        if (r)
                return r;

        capos_io_loop_run_tasks(l);
        return 0;
}
