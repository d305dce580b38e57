/* The loop: watches and timers that end each other and themselves, tasks, sleeping. */
#include "harness.h"
#include "io-loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

struct pair {
        struct capos_io_watch watch;
        struct pair *other;
        int fds[2];
        unsigned calls;
};

static void pair_init(struct pair *p)
{
        *p = (struct pair){.fds = {-1, -1}};
        CHECK_OK(pipe(p->fds));
}

static void pair_deinit(struct pair *p)
{
        capos_io_watch_deinit(&p->watch);
        close(p->fds[0]);
        close(p->fds[1]);
}

static void on_end_both(struct capos_io_watch *w, uint32_t events)
{
        struct pair *p = CAPNP_I_OF(w, struct pair, watch);

        CHECK(events & EPOLLIN);
        p->calls++;
        capos_io_watch_deinit(&p->other->watch);
        capos_io_watch_deinit(&p->watch);
}

TEST(watch_ends_itself_and_another_of_the_batch)
{
        struct capos_io_loop l;
        struct pair a, b;

        CHECK_OK(capos_io_loop_init(&l));
        pair_init(&a);
        pair_init(&b);
        a.other = &b;
        b.other = &a;
        CHECK_OK(capos_io_watch_init(&a.watch, &l, a.fds[0], EPOLLIN, on_end_both));
        CHECK_OK(capos_io_watch_init(&b.watch, &l, b.fds[0], EPOLLIN, on_end_both));
        CHECK_EQ(l.nwatches, 2);
        CHECK_EQ(write(a.fds[1], "x", 1), 1);
        CHECK_EQ(write(b.fds[1], "x", 1), 1);
        CHECK_OK(capos_io_loop_turn(&l, -1));
        CHECK_EQ(a.calls + b.calls, 1);
        CHECK_EQ(l.nwatches, 0);
        CHECK_OK(capos_io_loop_turn(&l, 0));
        CHECK_EQ(a.calls + b.calls, 1);
        pair_deinit(&a);
        pair_deinit(&b);
        capos_io_loop_deinit(&l);
}

static void on_count(struct capos_io_watch *w, uint32_t events)
{
        struct pair *p = CAPNP_I_OF(w, struct pair, watch);

        (void)events;
        p->calls++;
}

TEST(watch_is_level_triggered_and_can_be_muted)
{
        struct capos_io_loop l;
        struct pair a;

        CHECK_OK(capos_io_loop_init(&l));
        pair_init(&a);
        CHECK_OK(capos_io_watch_init(&a.watch, &l, a.fds[0], EPOLLIN, on_count));
        CHECK_EQ(write(a.fds[1], "x", 1), 1);
        CHECK_OK(capos_io_loop_turn(&l, -1));
        CHECK_OK(capos_io_loop_turn(&l, -1));
        CHECK_EQ(a.calls, 2);
        CHECK_OK(capos_io_watch_set(&a.watch, 0));
        CHECK_OK(capos_io_loop_turn(&l, 0));
        CHECK_EQ(a.calls, 2);
        CHECK_OK(capos_io_watch_set(&a.watch, EPOLLIN));
        CHECK_OK(capos_io_loop_turn(&l, 0));
        CHECK_EQ(a.calls, 3);
        pair_deinit(&a);
        capos_io_loop_deinit(&l);
}

TEST(watch_refuses_a_plain_file)
{
        struct capos_io_watch w = {0};
        struct capos_io_loop l;
        FILE *f = tmpfile();

        CHECK(f);
        CHECK_OK(capos_io_loop_init(&l));
        CHECK_EQ(capos_io_watch_init(&w, &l, fileno(f), EPOLLIN, on_count), -EPERM);
        capos_io_watch_deinit(&w);
        capos_io_loop_deinit(&l);
        fclose(f);
}

struct clock {
        struct capos_io_timer timer;
        struct clock *other;
        unsigned *order, fired;
};

static void on_fire(struct capos_io_timer *t)
{
        struct clock *c = CAPNP_I_OF(t, struct clock, timer);

        c->fired = ++*c->order;
}

static void on_fire_again(struct capos_io_timer *t)
{
        on_fire(t);
        capos_io_timer_start(t, 0);
}

static void on_fire_end_both(struct capos_io_timer *t)
{
        struct clock *c = CAPNP_I_OF(t, struct clock, timer);

        on_fire(t);
        capos_io_timer_deinit(&c->other->timer);
        capos_io_timer_deinit(t);
}

TEST(timers_fire_in_order_and_sleep_long_enough)
{
        unsigned order = 0;
        struct clock a = {.order = &order}, b = a, c = a;
        struct capos_io_loop l;
        uint64_t begin_ms;
        bool b_is_first;
        int ms;

        CHECK_OK(capos_io_loop_init(&l));
        CHECK_EQ(capos_io_loop_timeout_ms(&l), -1);
        CHECK_OK(capos_io_timer_init(&a.timer, &l, on_fire));
        CHECK_OK(capos_io_timer_init(&b.timer, &l, on_fire));
        CHECK_OK(capos_io_timer_init(&c.timer, &l, on_fire));
        begin_ms = capos_io_now_ms();
        capos_io_timer_start(&a.timer, 40);
        ms = capos_io_loop_timeout_ms(&l);
        CHECK(ms <= 40 && (uint64_t)ms + (capos_io_now_ms() - begin_ms) >= 40);
        capos_io_timer_start(&b.timer, 20);
        b_is_first = b.timer.deadline_ms < a.timer.deadline_ms; /* unless this was held up */
        capos_io_timer_start(&c.timer, 5);
        capos_io_timer_stop(&c.timer);
        while (!a.fired || !b.fired)
                CHECK_OK(capos_io_loop_turn(&l, -1));
        CHECK(capos_io_now_ms() - begin_ms >= 40);
        CHECK_EQ(b.fired, b_is_first ? 1 : 2);
        CHECK_EQ(a.fired, b_is_first ? 2 : 1);
        CHECK_EQ(c.fired, 0);
        capos_io_timer_deinit(&a.timer);
        capos_io_timer_deinit(&b.timer);
        capos_io_timer_deinit(&c.timer);
        capos_io_loop_deinit(&l);
}

/* A foreign loop sleeps on the descriptor alone: it must become readable for a timer, too. */
TEST(loop_descriptor_is_readable_when_a_timer_is_due)
{
        unsigned order = 0;
        struct clock a = {.order = &order};
        struct capos_io_loop l;
        struct pollfd p;

        CHECK_OK(capos_io_loop_init(&l));
        CHECK_OK(capos_io_timer_init(&a.timer, &l, on_fire));
        for (unsigned i = 1; i <= 3; i++) {
                capos_io_timer_start(&a.timer, 10);
                CHECK_OK(capos_io_loop_turn(&l, 0));
                p = (struct pollfd){.fd = l.epoll_fd, .events = POLLIN};
                CHECK_EQ(poll(&p, 1, 60000), 1);
                CHECK_OK(capos_io_loop_turn(&l, 0));
                CHECK_EQ(a.fired, i);
                CHECK_EQ(poll(&p, 1, 0), 0);
        }
        capos_io_timer_deinit(&a.timer);
        capos_io_loop_deinit(&l);
}

TEST(timer_that_starts_itself_does_not_hold_the_turn)
{
        unsigned order = 0;
        struct clock a = {.order = &order};
        struct capos_io_loop l;

        CHECK_OK(capos_io_loop_init(&l));
        CHECK_OK(capos_io_timer_init(&a.timer, &l, on_fire_again));
        capos_io_timer_start(&a.timer, 0);
        for (unsigned i = 1; i <= 3; i++) {
                CHECK_OK(capos_io_loop_turn(&l, -1));
                CHECK_EQ(a.fired, i);
        }
        capos_io_timer_deinit(&a.timer);
        capos_io_loop_deinit(&l);
}

TEST(timer_ends_itself_and_another_due_one)
{
        unsigned order = 0;
        struct clock a = {.order = &order}, b = a;
        struct capos_io_loop l;

        CHECK_OK(capos_io_loop_init(&l));
        a.other = &b;
        b.other = &a;
        CHECK_OK(capos_io_timer_init(&a.timer, &l, on_fire_end_both));
        CHECK_OK(capos_io_timer_init(&b.timer, &l, on_fire_end_both));
        capos_io_timer_start(&a.timer, 0);
        capos_io_timer_start(&b.timer, 0);
        CHECK_OK(capos_io_loop_turn(&l, -1));
        CHECK_EQ(order, 1);
        CHECK_EQ(l.timers.reserved, 0);
        CHECK_EQ(capos_io_loop_timeout_ms(&l), -1);
        capos_io_loop_deinit(&l);
}

static void on_alarm(int s)
{
        (void)s;
}

/* It comes again and again: the first may be there before anybody sleeps. */
TEST(signal_interrupts_the_sleep_and_nothing_else)
{
        struct sigaction a = {.sa_handler = on_alarm};
        struct itimerval soon = {.it_value.tv_usec = 20 * 1000, .it_interval.tv_usec = 20 * 1000};
        struct capos_io_loop l;

        CHECK_OK(capos_io_loop_init(&l));
        CHECK_OK(sigaction(SIGALRM, &a, NULL));
        CHECK_OK(setitimer(ITIMER_REAL, &soon, NULL));
        CHECK_OK(capos_io_loop_turn(&l, -1));
        capos_io_loop_deinit(&l);
}

struct job {
        struct capos_io_task task;
        struct capos_io_loop *loop;
        unsigned runs, more;
};

static void on_run(struct capos_io_task *t)
{
        struct job *j = CAPNP_I_OF(t, struct job, task);

        j->runs++;
        if (j->more-- > 0)
                capos_io_task_add(t, j->loop);
}

TEST(task_runs_once_a_turn)
{
        struct capos_io_loop l;
        struct job j = {.loop = &l, .more = 2};

        CHECK_OK(capos_io_loop_init(&l));
        capos_io_task_init(&j.task, on_run);
        capos_io_task_add(&j.task, &l);
        capos_io_task_add(&j.task, &l);
        CHECK_EQ(capos_io_loop_timeout_ms(&l), 0);
        CHECK_OK(capos_io_loop_turn(&l, -1));
        CHECK_EQ(j.runs, 1);
        CHECK_OK(capos_io_loop_turn(&l, -1));
        CHECK_OK(capos_io_loop_turn(&l, -1));
        CHECK_EQ(j.runs, 3);
        CHECK_EQ(capos_io_loop_timeout_ms(&l), -1);
        capos_io_task_add(&j.task, &l);
        capos_io_task_deinit(&j.task);
        CHECK_OK(capos_io_loop_turn(&l, 0));
        CHECK_EQ(j.runs, 3);
        capos_io_loop_deinit(&l);
}
