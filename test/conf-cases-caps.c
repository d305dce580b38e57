/*
 * Cases of conf-driver: references: their life, pipelining, promises of the server's, and order
 * across a resolution. Calls made on one reference arrive in the order they were made, whatever it
 * turns out to be in the middle; a client that forgets an embargo passes everything else and fails
 * here.
 */
#include "conf-driver.h"

/* ---- the life of an object ------------------------------------------------------------------ */

CASE(make_counter_inc_get)
{
        conf_client conf = env_connect(e);
        counter_client c = make_counter(e, conf, 10);

        CHECK_EQ(INC(c, 5), 15);
        CHECK_EQ(GET(c), 15);
        CHECK_EQ(GET(make_counter(e, conf, UINT64_C(0xfffffffffffffff0))),
                 UINT64_C(0xfffffffffffffff0));
}

CASE(counters_are_independent)
{
        conf_client conf = env_connect(e);
        counter_client a = make_counter(e, conf, 1), b = make_counter(e, conf, 100);

        INC(a, 1);
        CHECK_EQ(GET(a), 2);
        CHECK_EQ(GET(b), 100);
}

CASE(release_reaches_zero)
{
        conf_client conf = env_connect(e);
        uint32_t before = live_settled(e, conf);
        counter_client all[20];
        int i;

        for (i = 0; i < 20; i++)
                all[i] = make_counter(e, conf, (uint64_t)i);
        CHECK_EQ(live(e, conf), before + 20);
        while (i > 5)
                env_drop_cap(e, all[--i].c);
        EVENTUALLY(live(e, conf), before + 5);
        while (i > 0)
                env_drop_cap(e, all[--i].c);
        EVENTUALLY(live(e, conf), before);
}

CASE(release_by_disconnect)
{
        conf_client watcher = env_connect(e);
        uint32_t before = live_settled(e, watcher);
        struct link l = link_open(e);

        make_counter(e, l.conf, 0);
        make_counter(e, l.conf, 0);
        CHECK_EQ(live(e, watcher), before + 2);
        link_close(e, &l);
        EVENTUALLY(live(e, watcher), before);
}

CASE(release_of_the_last_reference_ends_the_connection)
{
        conf_client watcher = env_connect(e), conf = env_connect(e);
        uint32_t before = live_settled(e, watcher);
        counter_client c = make_counter(e, conf, 3);

        env_drop_cap(e, conf.c);
        CHECK_EQ(INC(c, 1), 4); /* the connection lives on for it */
        CHECK_EQ(live(e, watcher), before + 1);
        env_drop_cap(e, c.c);
        EVENTUALLY(live(e, watcher), before);
}

CASE(release_of_an_unread_result)
{
        conf_client conf = env_connect(e);
        uint32_t before = live_settled(e, conf);

        env_drop(e, OK(conf_make_counter(conf)));
        EVENTUALLY(live(e, conf), before);
}

CASE(release_of_an_abandoned_call)
{
        conf_client conf = env_connect(e);
        uint32_t before = live_settled(e, conf);
        int i;

        for (i = 0; i < 50; i++)
                env_drop(e, SEND(conf_make_counter(conf)));
        null_call(e, conf);
        EVENTUALLY(live(e, conf), before);
}

CASE(release_after_many_copies_of_one_reference)
{
        conf_client conf = env_connect(e);
        uint32_t before = live_settled(e, conf);
        counter_client c = make_counter(e, conf, 3);
        struct batch b = {0};
        size_t i;

        for (i = 0; i < 50; i++)
                batch_add(&b, OK(echo_cap_question(conf, c)));
        INC(conf_echo_cap_cap(b.q[49]), 1);
        CHECK_EQ(GET(c), 4);
        CHECK_EQ(live(e, conf), before + 1);
        for (i = 0; i < 50; i++)
                env_drop(e, b.q[i]);
        env_drop_cap(e, c.c);
        EVENTUALLY(live(e, conf), before);
        batch_free(&b);
}

CASE(parameters_are_released_after_the_call)
{
        capnp_question *q = KEEP(conf_is_null(env_connect(e)));
        static struct watch w;
        counter_client own = local_counter(e, &w);

        conf_is_null_set_cap(q, own);
        env_drop_cap(e, own.c);
        CHECK(!conf_is_null_null(WAIT(q)));
        EVENTUALLY(w.gone, 1);
}

CASE(parameters_are_released_when_the_call_is_cancelled)
{
        conf_client conf = env_connect(e);
        static struct watch w;
        counter_client own = local_counter(e, &w);
        capnp_question *q = SEND(echo_cap_later_question(conf, own, 300));

        env_drop_cap(e, own.c);
        null_call(e, conf);
        env_drop(e, q);
        EVENTUALLY(w.gone, 1);
}

/* ---- pipelining ----------------------------------------------------------------------------- */

CASE(pipeline_on_a_result)
{
        capnp_question *q = KEEP(make_counter_question(env_connect(e), 7));

        CHECK_EQ(INC(conf_make_counter_c(q), 1), 8);
}

CASE(pipeline_100_calls_in_order)
{
        counter_client c = conf_make_counter_c(SEND(conf_make_counter(env_connect(e))));
        struct batch b = {0};
        size_t i;

        for (i = 0; i < 100; i++)
                BATCH_ADD(&b, inc_question(c, 1));
        BATCH_WAIT(&b);
        for (i = 0; i < 100; i++)
                CHECK_EQ(counter_inc_value(b.q[i]), i + 1);
        batch_free(&b);
}

CASE(pipeline_100_deep)
{
        conf_client at = env_connect(e);
        int i;

        for (i = 0; i < 100; i++)
                at = conf_get_self_cap(KEEP(conf_get_self(at)));
        CHECK_EQ(INC(conf_make_counter_c(KEEP(make_counter_question(at, 5))), 1), 6);
}

CASE(pipelined_capability_as_a_parameter)
{
        conf_client conf = env_connect(e);
        counter_client c = conf_make_counter_c(SEND(make_counter_question(conf, 50)));
        counter_client back = conf_echo_cap_cap(SEND(echo_cap_question(conf, c)));
        capnp_question *first = SEND(inc_question(back, 1)), *second = SEND(inc_question(c, 1));

        CHECK_EQ(counter_inc_value(WAIT(first)) + counter_inc_value(WAIT(second)), 103);
        CHECK_EQ(GET(back), 52);
}

CASE(pipelined_result_outlives_its_question)
{
        capnp_question *q = SEND(conf_make_counter(env_connect(e)));
        counter_client c = {env_hold(e, conf_make_counter_c(q).c)};

        env_drop(e, q);
        CHECK_EQ(INC(c, 1), 1);
        CHECK_EQ(INC(c, 1), 2);
}

/* ---- pipelining without a Return ------------------------------------------------------------ */

/* A counter that is called before anybody knows of it, and nothing else. */
static counter_client piped_counter(struct env *e, conf_client conf, uint64_t start)
{
        capnp_question *q = make_counter_question(conf, start);
        counter_client c = {env_hold(e, conf_make_counter_c(q).c)};

        capnp_question_pipeline(q);
        return c;
}

/* More than once: a server that does not know of this returns the first, and is asked otherwise. */
CASE(pipeline_without_a_return)
{
        conf_client conf = env_connect(e);
        uint32_t before = live_settled(e, conf);

        for (int i = 0; i < 20; i++) {
                counter_client c = piped_counter(e, conf, 7);

                CHECK_EQ(INC(c, 1), 8);
                CHECK_EQ(GET(c), 8);
                CHECK_EQ(live(e, conf), before + 1);
                env_drop_cap(e, c.c);
                EVENTUALLY(live(e, conf), before);
        }
}

CASE(pipeline_without_a_return_100_deep)
{
        conf_client at = env_connect(e);

        for (int i = 0; i < 100; i++) {
                capnp_question *q = conf_get_self(at);

                at = (conf_client){env_hold(e, conf_get_self_cap(q).c)};
                capnp_question_pipeline(q);
        }
        CHECK_EQ(INC(piped_counter(e, at, 5), 1), 6);
}

CASE(pipeline_without_a_return_dropped_at_any_moment)
{
        conf_client conf = env_connect(e);
        uint32_t before = live_settled(e, conf);

        for (int i = 0; i < 300; i++) {
                counter_client c = piped_counter(e, conf, 7);
                capnp_question *inc = i % 5 ? SEND(inc_question(c, 1)) : NULL;

                if (i % 3 == 0)
                        env_sleep(e, 0);
                if (i % 7 == 0)
                        null_call(e, conf);
                if (inc && i % 2)
                        env_drop(e, inc);
                env_drop_cap(e, c.c);
                if (inc && i % 2 == 0)
                        CHECK_EQ(counter_inc_value(WAIT(inc)), 8);
        }
        EVENTUALLY(live(e, conf), before);
}

CASE(pipeline_without_a_return_on_a_base_that_fails)
{
        conf_client conf = env_connect(e);
        counter_client c = make_counter(e, conf, 1), none;

        none = piped_counter(e, (conf_client){c.c}, 2); /* it makes none */
        FAILS(KEEP(inc_question(none, 1)), CAPNP_UNIMPLEMENTED, "");
        FAILS(KEEP(inc_question(none, 1)), CAPNP_UNIMPLEMENTED, "");
        CHECK_EQ(INC(c, 1), 2);
}

CASE(pipeline_without_a_return_as_a_parameter)
{
        conf_client conf = env_connect(e);
        uint32_t before = live_settled(e, conf);
        counter_client c = piped_counter(e, conf, 50), back;

        hold(e, conf, c);
        CHECK_EQ(INC(c, 1), 51);
        env_drop_cap(e, c.c);
        back = held(e, conf);
        CHECK_EQ(GET(back), 51);
        env_drop_cap(e, back.c);
        drop_held(e, conf);
        EVENTUALLY(live(e, conf), before);
}

CASE(pipeline_without_a_return_is_cancelled)
{
        static const uint16_t path[] = {0};
        conf_client conf = env_connect(e);
        uint32_t before = canceled(e, conf);

        for (uint32_t i = 1; i <= 10; i++) {
                capnp_question *q = conf_hang(conf);
                capnp_cap *c = env_hold(e, capnp_question_cap_peek(q, path, 1));

                capnp_question_pipeline(q);
                null_call(e, conf);
                CHECK_EQ(canceled(e, conf), before + i - 1);
                env_drop_cap(e, c);
                EVENTUALLY(canceled(e, conf), before + i);
        }
}

/* ---- promises of the server's --------------------------------------------------------------- */

static capnp_question *promise_question(conf_client conf, uint32_t ms)
{
        capnp_question *q = conf_get_promise_cap(conf);

        conf_get_promise_cap_set_delay_ms(q, ms);
        return q;
}

static counter_client promise_cap(struct env *e, conf_client conf, uint32_t ms)
{
        return conf_get_promise_cap_c(OK(promise_question(conf, ms)));
}

CASE(promise_cap_returns_at_once)
{
        conf_client conf = env_connect(e);
        counter_client c = promise_cap(e, conf, 2000);
        capnp_question *get = SEND(counter_get(c)); /* waits for what c becomes */

        null_call(e, conf);
        CHECK(!capnp_question_is_done(get));
        CHECK_EQ(counter_get_value(WAIT(get)), 100);
}

CASE(promise_cap_keeps_order_across_its_resolution)
{
        counter_client c = promise_cap(e, env_connect(e), 100);
        struct batch b = {0};
        size_t i;

        for (i = 0; i < 50; i++)
                BATCH_ADD(&b, inc_question(c, 1));
        for (i = 0; i < 50; i++) {
                env_sleep(e, 4);
                BATCH_ADD(&b, inc_question(c, 1));
        }
        for (i = 0; i < 20; i++)
                BATCH_ADD(&b, inc_question(c, 1));
        BATCH_WAIT(&b);
        for (i = 0; i < 120; i++)
                CHECK_EQ(counter_inc_value(b.q[i]), 101 + i);
        batch_free(&b);
}

CASE(promise_cap_pipelined_before_its_return)
{
        counter_client c = conf_get_promise_cap_c(SEND(promise_question(env_connect(e), 50)));
        capnp_question *first = SEND(inc_question(c, 1)), *second = SEND(inc_question(c, 1));

        CHECK_EQ(counter_inc_value(WAIT(first)), 101);
        CHECK_EQ(counter_inc_value(WAIT(second)), 102);
}

CASE(promise_cap_resolves_for_one_who_waits)
{
        counter_client c = promise_cap(e, env_connect(e), 50);

        env_sleep(e, 150); /* Resolve is here before the first call */
        CHECK_EQ(GET(c), 100);
}

CASE(promise_cap_dropped_before_it_resolves)
{
        conf_client conf = env_connect(e);
        int i;

        for (i = 0; i < 20; i++)
                env_drop(e, OK(promise_question(conf, 50)));
        env_sleep(e, 150);
        null_call(e, conf);
}

CASE(promise_cap_passed_on_before_it_resolves)
{
        conf_client conf = env_connect(e);
        counter_client c = promise_cap(e, conf, 100);
        counter_client back = conf_echo_cap_cap(OK(echo_cap_question(conf, c)));

        WAIT(SEND(inc_question(c, 1)));
        CHECK_EQ(INC(back, 1), 102);
        CHECK_EQ(GET(c), 102);
}

CASE(promise_cap_disconnect_before_it_resolves)
{
        conf_client watcher = env_connect(e);
        int i;

        for (i = 0; i < 10; i++) {
                struct link l = link_open(e);

                SEND(inc_question(promise_cap(e, l.conf, 30), 1));
                null_call(e, l.conf);
                link_close(e, &l);
        }
        env_sleep(e, 100);
        null_call(e, watcher);
}

static capnp_question *broken_question(conf_client conf, uint32_t ms, const char *reason)
{
        capnp_question *q = conf_get_broken_promise(conf);

        conf_get_broken_promise_set_delay_ms(q, ms);
        conf_get_broken_promise_set_reason(q, reason);
        return q;
}

CASE(broken_promise_fails_the_calls_made_before)
{
        capnp_question *q = OK(broken_question(env_connect(e), 100, "it broke"));

        FAILS(SEND(inc_question(conf_get_broken_promise_c(q), 1)), CAPNP_FAILED, "it broke");
}

CASE(broken_promise_fails_the_calls_made_after)
{
        conf_client conf = env_connect(e);
        capnp_question *q = OK(broken_question(conf, 20, "it broke"));
        counter_client c = conf_get_broken_promise_c(q);

        EVENTUALLY(capnp_cap_is_broken(c.c, NULL), 1);
        FAILS(SEND(inc_question(c, 1)), CAPNP_FAILED, "it broke");
        null_call(e, conf);
}

CASE(broken_promise_pipelined_before_its_return)
{
        capnp_question *q = SEND(broken_question(env_connect(e), 0, "broke early"));

        FAILS(SEND(inc_question(conf_get_broken_promise_c(q), 1)), CAPNP_FAILED, "broke early");
}

CASE(broken_promise_as_a_parameter)
{
        conf_client conf = env_connect(e);
        capnp_question *broken = OK(broken_question(conf, 50, "it broke"));
        capnp_question *q = KEEP(conf_sum_all(conf));

        conf_sum_all_in_set_caps_at(conf_sum_all_init_caps(q, 1), 0,
                                    conf_get_broken_promise_c(broken));
        FAILS(q, CAPNP_FAILED, "it broke");
}

/* ---- objects of the client's own that come home --------------------------------------------- */

CASE(echo_cap_null)
{
        CHECK(!conf_echo_cap_has_cap(OK(conf_echo_cap(env_connect(e)))));
}

CASE(echo_cap_of_the_server)
{
        conf_client conf = env_connect(e);
        counter_client c = make_counter(e, conf, 1);
        counter_client back = conf_echo_cap_cap(OK(echo_cap_question(conf, c)));

        INC(c, 1);
        CHECK_EQ(INC(back, 1), 3);
}

CASE(echo_cap_own_comes_home)
{
        struct link l = link_open(e);
        static struct watch w;
        counter_client own = local_counter(e, &w);
        counter_client back = conf_echo_cap_cap(OK(echo_cap_question(l.conf, own)));

        CHECK_EQ(INC(back, 5), 5);
        CHECK(is_local(back, &w));
        link_close(e, &l); /* a direct reference needs no connection */
        CHECK_EQ(INC(back, 5), 10);
}

CASE(echo_cap_later_own_comes_home)
{
        static struct watch w;
        capnp_question *q = SEND(echo_cap_later_question(env_connect(e), local_counter(e, &w), 50));
        counter_client back = conf_echo_cap_later_cap(q);
        capnp_question *first = SEND(inc_question(back, 0));

        WAIT(q);
        WAIT(first);
        EVENTUALLY(is_local(back, &w), 1);
}

/* One hundred calls through a reference that turns out, half-way, to be an object of ours. */
static void embargo_order(struct env *e, uint32_t ms, bool large)
{
        conf_client conf = env_connect(e);
        static struct watch w;
        capnp_question *q = SEND(echo_cap_later_question(conf, local_counter(e, &w), ms));
        counter_client back = conf_echo_cap_later_cap(q);
        struct batch b = {0};
        uint64_t i;

        for (i = 0; i < 50; i++)
                BATCH_ADD(&b, inc_question(back, i));
        if (large) {
                capnp_question *echo = conf_echo(conf);

                (void)conf_echo_init_x(echo, 1 << 20);
                BATCH_ADD(&b, echo);
        }
        WAIT(q);
        for (i = 50; i < 100; i++)
                BATCH_ADD(&b, inc_question(back, i));
        BATCH_WAIT(&b);
        CHECK_ORDER(&w, 100);
        batch_free(&b);
}

CASE(embargo_order_after_a_delay)
{
        embargo_order(e, 100, false);
}

CASE(embargo_order_without_delay)
{
        embargo_order(e, 0, false);
}

CASE(embargo_order_behind_a_large_answer)
{
        embargo_order(e, 20, true);
}

CASE(embargo_order_undelayed_echo_cap)
{
        static struct watch w;
        capnp_question *q = SEND(echo_cap_question(env_connect(e), local_counter(e, &w)));
        counter_client back = conf_echo_cap_cap(q);
        struct batch b = {0};
        uint64_t i;

        for (i = 0; i < 50; i++)
                BATCH_ADD(&b, inc_question(back, i));
        WAIT(q);
        for (i = 50; i < 100; i++)
                BATCH_ADD(&b, inc_question(back, i));
        BATCH_WAIT(&b);
        CHECK_ORDER(&w, 100);
        batch_free(&b);
}

CASE(embargo_order_of_the_references_in_results)
{
        static struct watch w;
        capnp_question *q = SEND(echo_cap_question(env_connect(e), local_counter(e, &w)));
        counter_client early = conf_echo_cap_cap(q), late;
        struct batch b = {0};
        uint64_t i;

        for (i = 0; i < 50; i++)
                BATCH_ADD(&b, inc_question(early, i));
        WAIT(q);
        late.c = capnp_any_cap_peek(capnp_reader_any(conf_echo_cap_results(q).r, 0));
        for (i = 50; i < 100; i++)
                BATCH_ADD(&b, inc_question(late, i));
        BATCH_WAIT(&b);
        CHECK_ORDER(&w, 100);
        batch_free(&b);
}

CASE(embargo_order_of_several_references_at_once)
{
        conf_client conf = env_connect(e);
        static struct watch w[8];
        struct batch calls = {0}, b = {0};
        uint64_t i;
        uint32_t k;

        for (k = 0; k < 8; k++)
                BATCH_ADD(&calls, echo_cap_later_question(conf, local_counter(e, &w[k]), 10 * k));
        for (i = 0; i < 30; i++)
                for (k = 0; k < 8; k++)
                        BATCH_ADD(&b, inc_question(conf_echo_cap_later_cap(calls.q[k]), i));
        BATCH_WAIT(&calls);
        for (i = 30; i < 60; i++)
                for (k = 0; k < 8; k++)
                        BATCH_ADD(&b, inc_question(conf_echo_cap_later_cap(calls.q[k]), i));
        BATCH_WAIT(&b);
        for (k = 0; k < 8; k++)
                CHECK_ORDER(&w[k], 60);
        batch_free(&calls);
        batch_free(&b);
}

CASE(embargo_of_a_null_result)
{
        conf_client conf = env_connect(e);
        capnp_question *q = SEND(echo_cap_later_question(conf, (counter_client){NULL}, 30));
        counter_client back = conf_echo_cap_later_cap(q);
        capnp_question *before = SEND(inc_question(back, 1));

        WAIT(q);
        FAILS_SOMEHOW(before);
        FAILS_SOMEHOW(SEND(inc_question(back, 2)));
        null_call(e, conf);
}

/* ---- promises of the client's --------------------------------------------------------------- */

struct promised {
        capnp_promise *p;
        counter_client c;
};

static struct promised promise_new(struct env *e)
{
        struct promised n = {NULL, {NULL}};

        if (capnp_promise_new(e->vat, &n.p, &n.c.c))
                case_fail(__LINE__, "out of memory");
        env_own(e, n.c.c);
        return n;
}

static capnp_question *sum_of_one(conf_client conf, counter_client c)
{
        capnp_question *q = conf_sum_all(conf);

        conf_sum_all_in_set_caps_at(conf_sum_all_init_caps(q, 1), 0, c);
        return q;
}

CASE(client_promise_resolves_to_an_own_object)
{
        struct promised n = promise_new(e);
        capnp_question *sum = SEND(sum_of_one(env_connect(e), n.c));
        static struct watch w = {.value = 12};

        env_sleep(e, 50);
        capnp_promise_resolve(n.p, local_counter(e, &w).c);
        CHECK_EQ(conf_sum_all_sum(WAIT(sum)), 12);
}

CASE(client_promise_resolves_to_the_servers_object)
{
        conf_client conf = env_connect(e);
        struct promised n = promise_new(e);
        counter_client c = make_counter(e, conf, 31);
        capnp_question *sum = SEND(sum_of_one(conf, n.c));

        env_sleep(e, 30);
        capnp_promise_resolve(n.p, c.c);
        CHECK_EQ(conf_sum_all_sum(WAIT(sum)), 31);
}

CASE(client_promise_held_by_the_server_keeps_order)
{
        conf_client conf = env_connect(e), other = env_connect(e);
        struct promised n = promise_new(e);
        counter_client c = make_counter(e, conf, 0), back;
        struct batch b = {0};
        size_t i;

        hold(e, conf, n.c);
        back = held(e, other);
        for (i = 0; i < 30; i++)
                BATCH_ADD(&b, inc_question(back, 1));
        null_call(e, other);
        capnp_promise_resolve(n.p, c.c);
        for (i = 0; i < 30; i++) {
                env_sleep(e, 1);
                BATCH_ADD(&b, inc_question(back, 1));
        }
        BATCH_WAIT(&b);
        for (i = 0; i < 60; i++)
                CHECK_EQ(counter_inc_value(b.q[i]), i + 1);
        drop_held(e, conf);
        batch_free(&b);
}

CASE(client_promise_is_broken)
{
        conf_client conf = env_connect(e);
        struct promised n = promise_new(e);
        capnp_question *sum = SEND(sum_of_one(conf, n.c));

        env_sleep(e, 30);
        capnp_promise_break(n.p, (capnp_exception){CAPNP_FAILED, "client broke it"});
        FAILS(sum, CAPNP_FAILED, "client broke it");
        null_call(e, conf);
}

CASE(client_promise_echoed_before_it_resolves)
{
        struct promised n = promise_new(e);
        capnp_question *q = SEND(echo_cap_question(env_connect(e), n.c));
        counter_client back = conf_echo_cap_cap(q);
        static struct watch w;
        struct batch b = {0};
        uint64_t i;

        for (i = 0; i < 20; i++)
                BATCH_ADD(&b, inc_question(back, i));
        WAIT(q);
        for (i = 20; i < 40; i++)
                BATCH_ADD(&b, inc_question(back, i));
        capnp_promise_resolve(n.p, local_counter(e, &w).c);
        for (i = 40; i < 60; i++)
                BATCH_ADD(&b, inc_question(back, i));
        BATCH_WAIT(&b);
        CHECK_ORDER(&w, 60);
        batch_free(&b);
}
