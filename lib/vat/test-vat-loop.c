/* The loop of a vat without any connection: timers, watches, stopping, waiting in vain. */
#include "test-vat.h"

#include <stdio.h>
#include <sys/epoll.h>

struct beat {
        capnp_vat *vat;
        capnp_timer *timer;
        capnp_watch *watch;
        unsigned beats;
        int fd, r;
};

static void on_beat(void *arg)
{
        struct beat *b = arg;

        b->beats++;
        capnp_vat_stop(b->vat);
}

static void on_beat_free(void *arg)
{
        struct beat *b = arg;

        b->timer = capnp_timer_free(b->timer);
        on_beat(b);
}

static void on_beat_again(void *arg)
{
        struct beat *b = arg;

        b->beats++;
        if (b->beats < 5)
                CHECK_OK(capnp_timer_new(b->vat, 1, on_beat_again, b, NULL));
        else
                capnp_vat_stop(b->vat);
}

TEST(timer_fires_and_is_freed_in_its_own_callback)
{
        struct beat b = {0};

        CHECK_OK(capnp_vat_new(&b.vat));
        CHECK_OK(capnp_timer_new(b.vat, 3, on_beat_free, &b, &b.timer));
        CHECK_OK(capnp_vat_run(b.vat));
        CHECK_EQ(b.beats, 1);
        CHECK(!b.timer);
        capnp_vat_free(b.vat);
}

TEST(timer_starts_another_from_its_callback)
{
        struct beat b = {0};

        CHECK_OK(capnp_vat_new(&b.vat));
        CHECK_OK(capnp_timer_new(b.vat, 0, on_beat_again, &b, NULL));
        CHECK_OK(capnp_vat_run(b.vat));
        CHECK_EQ(b.beats, 5);
        capnp_vat_free(b.vat);
}

TEST(timer_stopped_does_not_fire_and_others_end_with_the_vat)
{
        struct beat b = {0};

        CHECK_OK(capnp_vat_new(&b.vat));
        CHECK_EQ(capnp_vat_timeout_ms(b.vat), -1);
        CHECK_OK(capnp_timer_new(b.vat, 1, on_beat, &b, &b.timer));
        CHECK(capnp_vat_timeout_ms(b.vat) >= 0);
        CHECK(!capnp_timer_free(b.timer));
        CHECK_EQ(capnp_vat_timeout_ms(b.vat), -1);
        CHECK_OK(capnp_timer_new(b.vat, 1000000, on_beat, &b, NULL));
        run_for_ms(b.vat, 5);
        CHECK_EQ(b.beats, 0);
        CHECK(!capnp_timer_free(NULL));
        capnp_vat_free(b.vat);
}

static void on_ready(void *arg, uint32_t events)
{
        struct beat *b = arg;
        char c;

        CHECK(events & EPOLLIN);
        CHECK_EQ(read(b->fd, &c, 1), 1);
        b->beats++;
        if (c == 'f')
                b->watch = capnp_watch_free(b->watch);
        capnp_vat_stop(b->vat);
}

TEST(watch_is_freed_in_its_own_callback)
{
        struct beat b = {0};
        int p[2];

        CHECK_OK(capnp_vat_new(&b.vat));
        CHECK_OK(pipe2(p, O_CLOEXEC));
        b.fd = p[0];
        CHECK_OK(capnp_watch_new(b.vat, p[0], EPOLLIN, on_ready, &b, &b.watch));
        CHECK_EQ(write(p[1], "xf", 2), 2);
        CHECK_OK(capnp_vat_run(b.vat));
        CHECK_OK(capnp_vat_run(b.vat));
        CHECK_EQ(b.beats, 2);
        CHECK(!b.watch);
        CHECK_EQ(write(p[1], "x", 1), 1);
        run_for_ms(b.vat, 3);
        CHECK_EQ(b.beats, 2);
        close(p[0]);
        close(p[1]);
        capnp_vat_free(b.vat);
}

TEST(watch_may_be_freed_after_its_vat)
{
        struct beat b = {0};
        int p[2];

        CHECK_OK(capnp_vat_new(&b.vat));
        CHECK_OK(pipe2(p, O_CLOEXEC));
        CHECK_OK(capnp_watch_new(b.vat, p[0], EPOLLIN, on_ready, &b, &b.watch));
        capnp_vat_free(b.vat);
        capnp_watch_free(b.watch);
        close(p[0]);
        close(p[1]);
}

TEST(watch_refuses_what_cannot_be_polled)
{
        struct beat b = {0};
        FILE *f = tmpfile();

        CHECK(f);
        CHECK_OK(capnp_vat_new(&b.vat));
        CHECK_EQ(capnp_watch_new(b.vat, fileno(f), EPOLLIN, on_ready, &b, &b.watch), -EPERM);
        capnp_vat_free(b.vat);
        fclose(f);
}

TEST(stop_before_run_is_not_lost)
{
        capnp_vat *v;

        CHECK_OK(capnp_vat_new(&v));
        capnp_vat_stop(v);
        CHECK_OK(capnp_vat_run(v));
        capnp_vat_free(v);
}

TEST(bare_vat_has_no_loop)
{
        struct beat b = {0};

        CHECK_OK(capnp_vat_new_bare(&b.vat));
        CHECK_EQ(capnp_vat_fd(b.vat), -1);
        CHECK_EQ(capnp_vat_timeout_ms(b.vat), -1);
        CHECK_OK(capnp_vat_process(b.vat));
        CHECK_EQ(capnp_vat_run(b.vat), -EOPNOTSUPP);
        CHECK_EQ(capnp_timer_new(b.vat, 1, on_beat, &b, &b.timer), -EOPNOTSUPP);
        capnp_vat_free(b.vat);
}

static void on_process(void *arg)
{
        struct beat *b = arg;

        b->r = capnp_vat_process(b->vat);
        capnp_vat_stop(b->vat);
}

TEST(round_inside_a_round_is_refused)
{
        struct beat b = {0};

        CHECK_OK(capnp_vat_new(&b.vat));
        CHECK_OK(capnp_timer_new(b.vat, 0, on_process, &b, NULL));
        CHECK_OK(capnp_vat_run(b.vat));
        CHECK_EQ(b.r, -EDEADLK);
        capnp_vat_free(b.vat);
}

TORTURE(vat_is_made_or_not)
{
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *v = NULL;
        struct beat b = {0};

        TORTURE_OK(capnp_vat_new(&v));
        TORTURE_OK(capnp_timer_new(v, 1, on_beat, &b, NULL));
        TORTURE_OK(capnp_timer_new(v, 2, on_beat, &b, NULL));
}
