/*
 * Cases of conf-driver: time and load: cancellation, connections that end with calls open, streams,
 * calls that overlap, and thousands in flight. What an abandoned call leaves behind is asked
 * through a second connection, since that is where a server's leak hurts.
 */
#include "conf-driver.h"

/* ---- cancellation --------------------------------------------------------------------------- */

CASE(cancel_of_a_hanging_call)
{
        conf_client conf = env_connect(e);
        uint32_t before = canceled(e, conf);
        capnp_question *q = SEND(conf_hang(conf));

        null_call(e, conf);
        CHECK_EQ(canceled(e, conf), before);
        env_drop(e, q);
        EVENTUALLY(canceled(e, conf), before + 1);
}

static void hang_100(struct env *e, conf_client conf, struct batch *b, size_t n)
{
        size_t i;

        for (i = 0; i < n; i++)
                BATCH_ADD(b, conf_hang(conf));
        null_call(e, conf);
}

CASE(cancel_of_100_hanging_calls)
{
        conf_client conf = env_connect(e);
        uint32_t before = canceled(e, conf);
        struct batch b = {0};
        size_t i;

        hang_100(e, conf, &b, 100);
        for (i = 0; i < 100; i++)
                env_drop(e, b.q[i]);
        EVENTUALLY(canceled(e, conf), before + 100);
        batch_free(&b);
}

CASE(cancel_leaves_the_other_calls_alone)
{
        conf_client conf = env_connect(e);
        uint32_t before = canceled(e, conf);
        capnp_question *keep = SEND(conf_hang(conf)), *gone;
        capnp_question *sum = SEND(delayed_add_question(conf, 1, 2, 150));

        gone = SEND(conf_hang(conf));
        null_call(e, conf);
        env_drop(e, gone);
        EVENTUALLY(canceled(e, conf), before + 1);
        CHECK_EQ(conf_delayed_add_sum(WAIT(sum)), 3);
        CHECK_EQ(canceled(e, conf), before + 1);
        CHECK(!capnp_question_is_done(keep));
}

CASE(cancel_of_a_delayed_call)
{
        conf_client conf = env_connect(e);
        int i;

        for (i = 0; i < 50; i++)
                env_drop(e, SEND(delayed_add_question(conf, 1, 2, 20)));
        env_sleep(e, 60);
        null_call(e, conf);
}

CASE(cancel_races_with_the_return)
{
        conf_client conf = env_connect(e);
        uint32_t before = live_settled(e, conf);
        int i;

        for (i = 0; i < 300; i++) {
                capnp_question *q = SEND(conf_make_counter(conf));
                capnp_question *piped = SEND(inc_question(conf_make_counter_c(q), 1));

                if (i % 3 == 0)
                        env_sleep(e, 0);
                if (i % 7 == 0)
                        null_call(e, conf);
                env_drop(e, i % 2 ? q : piped);
                env_drop(e, i % 2 ? piped : q);
        }
        EVENTUALLY(live(e, conf), before);
}

CASE(cancel_of_the_base_of_a_pipelined_call)
{
        conf_client conf = env_connect(e);
        counter_client c = make_counter(e, conf, 1);
        capnp_question *base = SEND(echo_cap_later_question(conf, c, 50));
        capnp_question *value = SEND(inc_question(conf_echo_cap_later_cap(base), 1));

        null_call(e, conf);
        env_drop(e, base); /* the call that was sent along still wants the result */
        CHECK_EQ(counter_inc_value(WAIT(value)), 2);
}

CASE(detached_calls_are_not_cancelled)
{
        conf_client conf = env_connect(e);
        uint32_t before = canceled(e, conf);
        counter_client c = make_counter(e, conf, 0);
        int i;

        for (i = 0; i < 20; i++)
                capnp_question_detach(inc_question(c, 1));
        CHECK_EQ(GET(c), 20);
        CHECK_EQ(canceled(e, conf), before);
}

/* ---- the end of a connection ---------------------------------------------------------------- */

CASE(disconnect_with_a_call_open)
{
        conf_client watcher = env_connect(e);
        uint32_t before = canceled(e, watcher);
        struct link l = link_open(e);
        capnp_question *q = SEND(conf_hang(l.conf));

        null_call(e, l.conf);
        link_close(e, &l);
        EVENTUALLY(canceled(e, watcher), before + 1);
        FAILS(q, CAPNP_DISCONNECTED, "closed by the case");
        FAILS(KEEP(conf_null(l.conf)), CAPNP_DISCONNECTED, "closed by the case");
}

CASE(disconnect_with_50_calls_open)
{
        conf_client watcher = env_connect(e);
        uint32_t before = canceled(e, watcher);
        struct link l = link_open(e);
        struct batch b = {0};

        hang_100(e, l.conf, &b, 50);
        link_close(e, &l);
        EVENTUALLY(canceled(e, watcher), before + 50);
        batch_free(&b);
}

static int never_call(void *self, capnp_answer *a)
{
        ++*(uint32_t *)self;
        return capnp_answer_keep(a, NULL, NULL);
}

static void end_canceled(capnp_answer *a, void *arg)
{
        (void)arg;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static int until_canceled_call(void *self, capnp_answer *a)
{
        (void)never_call(self, a);
        return capnp_answer_keep(a, end_canceled, NULL);
}

CASE(disconnect_while_the_server_calls_back)
{
        static const struct callback_ops ops = {.call = until_canceled_call};
        conf_client watcher = env_connect(e);
        struct link l = link_open(e);
        capnp_question *q = KEEP(conf_call_back(l.conf));
        capnp_cap *cb = NULL;
        static uint32_t seen;

        CHECK(!callback_serve(e->vat, &ops, &seen, &cb));
        conf_call_back_set_cb(q, (callback_client){env_own(e, cb)});
        conf_call_back_set_n(q, 10);
        capnp_question_send(q, NULL, NULL);
        EVENTUALLY(null_call(e, l.conf) + (seen > 0), 1);
        link_close(e, &l);
        null_call(e, watcher);
}

CASE(disconnect_while_a_large_answer_is_on_its_way)
{
        conf_client watcher = env_connect(e);
        int i;

        for (i = 0; i < 5; i++) {
                struct link l = link_open(e);
                capnp_question *q = conf_echo(l.conf);

                (void)conf_echo_init_x(q, 3 << 20);
                SEND(q);
                env_sleep(e, 5);
                link_close(e, &l);
                null_call(e, watcher);
        }
}

CASE(disconnect_breaks_the_references)
{
        struct link l = link_open(e);
        counter_client c = make_counter(e, l.conf, 1);

        CHECK(!capnp_cap_is_broken(c.c, NULL));
        link_close(e, &l);
        EVENTUALLY(capnp_cap_is_broken(c.c, NULL), 1);
        FAILS(KEEP(counter_get(c)), CAPNP_DISCONNECTED, "closed by the case");
}

CASE(connect_to_nobody)
{
        capnp_cap *c = NULL;

        if (capnp_vat_connect(e->vat, "unix:/nonexistent/socket", NULL, &c) == 0)
                FAILS(KEEP(conf_null((conf_client){env_own(e, c)})), CAPNP_DISCONNECTED, "");
        CHECK_EQ(capnp_vat_connect(e->vat, "no address at all", NULL, &c), CAPNP_E_ADDRESS);
}

CASE(connect_100_times)
{
        int i;

        for (i = 0; i < 100; i++) {
                conf_client conf = env_connect(e);

                null_call(e, conf);
                env_drop_cap(e, conf.c);
        }
}

CASE(connect_50_at_once)
{
        conf_client all[50];
        int i;

        for (i = 0; i < 50; i++)
                all[i] = env_connect(e);
        for (i = 0; i < 50; i++)
                null_call(e, all[i]);
        for (i = 0; i < 50; i++)
                CHECK_EQ(GET(make_counter(e, all[i], 5)), 5);
}

CASE(connect_and_say_nothing)
{
        int i;

        for (i = 0; i < 10; i++)
                env_connect(e);
        null_call(e, env_connect(e));
}

/* ---- streams -------------------------------------------------------------------------------- */

static void write_ready(void *arg)
{
        capnp_vat_stop(arg);
}

/* Writes a chunk; waits when the window is full. CAPNP_E_EXCEPTION: an earlier chunk failed. */
static int write_chunk(struct env *e, conf_client conf, uint32_t size, uint8_t first)
{
        capnp_question *q = conf_write(conf);
        uint8_t *chunk = conf_write_init_chunk(q, size);
        int r;

        if (size)
                chunk[0] = first;
        r = capnp_question_stream(q, write_ready, e->vat);
        if (r != CAPNP_E_LIMIT)
                return r;

        case_step(__LINE__, "the window");
        env_run(e);
        return 0;
}

static void write_chunks(struct env *e, conf_client conf, int n, uint32_t size)
{
        int i, r;

        for (i = 0; i < n; i++) {
                r = write_chunk(e, conf, size, 1);
                CHECK_EQ(r, 0);
        }
}

static void finish_is(struct env *e, conf_client conf, uint64_t bytes, uint32_t calls)
{
        capnp_question *q = OK(conf_finish_stream(conf));

        CHECK_EQ(conf_finish_stream_bytes(q), bytes);
        CHECK_EQ(conf_finish_stream_calls(q), calls);
}

CASE(stream_write_and_finish)
{
        conf_client conf = fresh(e, env_connect(e));

        write_chunks(e, conf, 1, 100);
        write_chunks(e, conf, 1, 0);
        write_chunks(e, conf, 1, 1000);
        finish_is(e, conf, 1100, 3);
}

CASE(stream_on_the_bootstrap)
{
        conf_client conf = env_connect(e);

        OK(conf_finish_stream(conf));
        write_chunks(e, conf, 10, 10);
        finish_is(e, conf, 100, 10);
}

CASE(stream_of_nothing)
{
        finish_is(e, fresh(e, env_connect(e)), 0, 0);
}

CASE(stream_1665_writes_in_flight)
{
        conf_client conf = fresh(e, env_connect(e));
        struct batch b = {0};
        int i;

        for (i = 0; i < 1665; i++) {
                capnp_question *q = conf_write(conf);

                memset(conf_write_init_chunk(q, 100), 1, 100);
                BATCH_ADD(&b, q);
        }
        BATCH_WAIT(&b);
        finish_is(e, conf, 166500, 1665);
        batch_free(&b);
}

CASE(stream_8_mb_in_64_kb_chunks)
{
        conf_client conf = fresh(e, env_connect(e));

        write_chunks(e, conf, 128, 64 << 10);
        finish_is(e, conf, 8 << 20, 128);
}

CASE(stream_pipelined_on_fresh)
{
        conf_client conf = conf_fresh_c(SEND(conf_fresh(env_connect(e))));

        write_chunks(e, conf, 20, 50);
        finish_is(e, conf, 1000, 20);
}

CASE(stream_of_two_connections)
{
        conf_client one = fresh(e, env_connect(e)), two = fresh(e, env_connect(e));
        int i;

        for (i = 0; i < 50; i++) {
                write_chunks(e, one, 1, 10);
                write_chunks(e, two, 1, 20);
        }
        finish_is(e, one, 500, 50);
        finish_is(e, two, 1000, 50);
}

CASE(stream_window_holds_back)
{
        conf_client conf = fresh(e, env_connect(e));
        int i, r = 0;

        /* The default window is 64 KB: without a turn of the loop it must fill up. */
        for (i = 0; i < 100 && !r; i++) {
                capnp_question *q = conf_write(conf);

                memset(conf_write_init_chunk(q, 4096), 1, 4096);
                r = capnp_question_stream(q, write_ready, e->vat);
        }
        CHECK_EQ(r, CAPNP_E_LIMIT);
        CHECK(i >= 8 && i <= 32);
        case_step(__LINE__, "the window");
        env_run(e);
        finish_is(e, conf, 4096 * (uint64_t)i, (uint32_t)i);
}

/* True if the failure of a poison chunk is seen by one of many later writes or by the end. */
static bool poison_is_seen(struct env *e, conf_client conf)
{
        int i, r;

        write_chunks(e, conf, 1, 10);
        r = write_chunk(e, conf, 10, 0xff);
        for (i = 0; i < 20 && !r; i++) {
                env_sleep(e, 5);
                r = write_chunk(e, conf, 10, 1);
        }
        return r == CAPNP_E_EXCEPTION ||
               capnp_question_wait(KEEP(conf_finish_stream(conf))) == CAPNP_E_EXCEPTION;
}

CASE(stream_poison_is_seen)
{
        CHECK(poison_is_seen(e, fresh(e, env_connect(e))));
}

CASE(stream_poison_leaves_other_objects_alone)
{
        conf_client conf = env_connect(e), bad = fresh(e, conf), good = fresh(e, conf);

        write_chunks(e, good, 1, 10);
        CHECK(poison_is_seen(e, bad));
        write_chunks(e, good, 1, 10);
        finish_is(e, good, 20, 2);
        null_call(e, conf);
}

CASE(fresh_is_independent)
{
        conf_client conf = env_connect(e), one = fresh(e, conf), two = fresh(e, conf);

        write_chunks(e, one, 1, 10);
        finish_is(e, two, 0, 0);
        finish_is(e, one, 10, 1);
        hold(e, one, make_counter(e, conf, 1));
        null_call(e, one);
        null_call(e, two);
        drop_held(e, one);
}

/* ---- overlap and load ----------------------------------------------------------------------- */

CASE(delayed_add_takes_its_time)
{
        capnp_question *q = KEEP(delayed_add_question(env_connect(e), -5, 2, 200));
        uint64_t start = now_ms();

        CHECK_EQ(conf_delayed_add_sum(WAIT(q)), -3);
        CHECK(now_ms() - start > 180);
}

CASE(delayed_adds_overlap)
{
        conf_client conf = env_connect(e);
        capnp_question *slow = SEND(delayed_add_question(conf, 1, 2, 2000));
        capnp_question *quick = SEND(delayed_add_question(conf, 3, 4, 200));

        CHECK_EQ(conf_delayed_add_sum(WAIT(quick)), 7);
        CHECK(!capnp_question_is_done(slow));
        CHECK_EQ(conf_delayed_add_sum(WAIT(slow)), 3);
}

CASE(delayed_add_does_not_hold_up_others)
{
        conf_client conf = env_connect(e);
        capnp_question *slow = SEND(delayed_add_question(conf, 1, 2, 2000));

        null_call(e, conf);
        CHECK(!capnp_question_is_done(slow));
        CHECK_EQ(conf_delayed_add_sum(WAIT(slow)), 3);
}

CASE(answers_come_in_any_order)
{
        conf_client conf = env_connect(e);
        struct batch b = {0};
        int i;

        for (i = 0; i < 100; i++)
                BATCH_ADD(&b, delayed_add_question(conf, i, 1, (uint32_t)(100 - i) * 3));
        BATCH_WAIT(&b);
        for (i = 0; i < 100; i++)
                CHECK_EQ(conf_delayed_add_sum(b.q[i]), i + 1);
        batch_free(&b);
}

CASE(null_5000_in_flight)
{
        conf_client conf = env_connect(e);
        struct batch b = {0};
        int i;

        for (i = 0; i < 5000; i++)
                BATCH_ADD(&b, conf_null(conf));
        BATCH_WAIT(&b);
        batch_free(&b);
}

CASE(delayed_5000_in_flight)
{
        conf_client conf = env_connect(e);
        struct batch b = {0};
        int i;

        for (i = 0; i < 5000; i++)
                BATCH_ADD(&b, delayed_add_question(conf, i, i, 100));
        BATCH_WAIT(&b);
        for (i = 0; i < 5000; i++)
                CHECK_EQ(conf_delayed_add_sum(b.q[i]), 2 * i);
        batch_free(&b);
}

CASE(echo_1665_in_flight)
{
        conf_client conf = env_connect(e);
        struct batch b = {0};
        int i;

        for (i = 0; i < 1665; i++) {
                capnp_question *q = conf_echo(conf);

                memset(conf_echo_init_x(q, 1000), i & 0xff, 1000);
                BATCH_ADD(&b, q);
        }
        BATCH_WAIT(&b);
        for (i = 0; i < 1665; i++) {
                capnp_data x = conf_echo_x(b.q[i]);

                CHECK(x.len == 1000 && x.p[999] == (i & 0xff));
        }
        batch_free(&b);
}

CASE(counters_5000_and_gone)
{
        conf_client conf = env_connect(e);
        uint32_t before = live_settled(e, conf);
        struct batch b = {0};
        size_t i;

        for (i = 0; i < 5000; i++)
                BATCH_ADD(&b, conf_make_counter(conf));
        CHECK_EQ(live(e, conf), before + 5000);
        CHECK_EQ(INC(conf_make_counter_c(b.q[4999]), 1), 1);
        for (i = 5000; i-- > 0;)
                env_drop(e, b.q[i]);
        EVENTUALLY(live(e, conf), before);
        batch_free(&b);
}

CASE(two_connections_do_not_mix)
{
        conf_client one = env_connect(e), two = env_connect(e);
        struct batch b = {0};
        int i;

        for (i = 0; i < 200; i++) {
                BATCH_ADD(&b, delayed_add_question(one, i, 0, 5));
                BATCH_ADD(&b, delayed_add_question(two, -i, 0, 5));
        }
        BATCH_WAIT(&b);
        for (i = 0; i < 200; i++) {
                CHECK_EQ(conf_delayed_add_sum(b.q[2 * i]), i);
                CHECK_EQ(conf_delayed_add_sum(b.q[2 * i + 1]), -i);
        }
        batch_free(&b);
}
