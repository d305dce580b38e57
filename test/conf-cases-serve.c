/*
 * Cases of conf-driver in which the server calls objects of the client's: callbacks, references
 * that the server holds or passes to another connection, tail calls, and lists of references.
 */
#include "conf-driver.h"

/* ---- the server calls back ------------------------------------------------------------------ */

struct callback {
        capnp_vat *vat;
        conf_client conf;
        callback_client inner;
        uint32_t seen;
        bool gone;
};

static void callback_gone(void *self)
{
        ((struct callback *)self)->gone = true;
}

static int squares_call(void *self, capnp_answer *a)
{
        uint64_t i = callback_call_param_i(a);

        ((struct callback *)self)->seen++;
        callback_call_results_set_v(a, i * i);
        return capnp_answer_return(a);
}

static const struct callback_ops squares_ops = {.gone = callback_gone, .call = squares_call};

static callback_client serve(struct env *e, const struct callback_ops *ops, struct callback *c)
{
        capnp_cap *cap = NULL;

        c->vat = e->vat;
        if (callback_serve(e->vat, ops, c, &cap))
                case_fail(__LINE__, "out of memory");
        return (callback_client){env_own(e, cap)};
}

static capnp_question *call_back_question(conf_client conf, callback_client cb, uint32_t n)
{
        capnp_question *q = conf_call_back(conf);

        conf_call_back_set_cb(q, cb);
        conf_call_back_set_n(q, n);
        return q;
}

#define CALL_BACK(conf, cb, n) conf_call_back_sum(OK(call_back_question(conf, cb, n)))

CASE(call_back)
{
        conf_client conf = env_connect(e);
        static struct callback self;
        callback_client cb = serve(e, &squares_ops, &self);

        CHECK_EQ(CALL_BACK(conf, cb, 0), 0);
        CHECK_EQ(CALL_BACK(conf, cb, 1), 0);
        CHECK_EQ(CALL_BACK(conf, cb, 4), 14);
        CHECK_EQ(CALL_BACK(conf, cb, 100), 328350);
        CHECK_EQ(self.seen, 105);
}

CASE(call_back_concurrent)
{
        conf_client conf = env_connect(e);
        static struct callback self;
        callback_client cb = serve(e, &squares_ops, &self);
        struct batch b = {0};
        size_t i;

        for (i = 0; i < 20; i++)
                BATCH_ADD(&b, call_back_question(conf, cb, 100));
        BATCH_WAIT(&b);
        for (i = 0; i < 20; i++)
                CHECK_EQ(conf_call_back_sum(b.q[i]), 328350);
        batch_free(&b);
}

static void late_fire(void *arg)
{
        capnp_answer *a = arg;

        callback_call_results_set_v(a, 2);
        (void)capnp_answer_return(a);
}

static int late_call(void *self, capnp_answer *a)
{
        struct callback *c = self;

        if (capnp_timer_new(c->vat, 5, late_fire, a, NULL))
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "no timer");
        return capnp_answer_keep(a, NULL, NULL);
}

static const struct callback_ops late_ops = {.call = late_call};

CASE(call_back_answered_late)
{
        static struct callback self;

        CHECK_EQ(CALL_BACK(env_connect(e), serve(e, &late_ops, &self), 50), 100);
}

static void adding_done(capnp_question *q, int r, void *arg)
{
        capnp_answer *a = arg;

        if (r) {
                (void)capnp_answer_fail(a, CAPNP_FAILED, "%s", capnp_question_exception(q).reason);
        } else {
                callback_call_results_set_v(a, (uint64_t)conf_add_sum(q));
                (void)capnp_answer_return(a);
        }
        capnp_question_free(q);
}

static int adding_call(void *self, capnp_answer *a)
{
        struct callback *c = self;
        capnp_question *q = conf_add(c->conf);

        conf_add_set_a(q, (int32_t)callback_call_param_i(a));
        conf_add_set_b(q, 1);
        (void)capnp_answer_keep(a, NULL, NULL);
        capnp_question_send(q, adding_done, a);
        return 0;
}

static const struct callback_ops adding_ops = {.call = adding_call};

CASE(call_back_that_calls_the_server)
{
        static struct callback self;

        self.conf = env_connect(e);
        CHECK_EQ(CALL_BACK(self.conf, serve(e, &adding_ops, &self), 30), 465);
}

static void nesting_done(capnp_question *q, int r, void *arg)
{
        capnp_answer *a = arg;

        if (!r)
                callback_call_results_set_v(a, conf_call_back_sum(q));
        (void)capnp_answer_return(a);
        capnp_question_free(q);
}

static int nesting_call(void *self, capnp_answer *a)
{
        struct callback *c = self;

        (void)capnp_answer_keep(a, NULL, NULL);
        capnp_question_send(call_back_question(c->conf, c->inner, 4), nesting_done, a);
        return 0;
}

static const struct callback_ops nesting_ops = {.call = nesting_call};

CASE(call_back_that_nests)
{
        static struct callback inner, self;

        self.conf = env_connect(e);
        self.inner = serve(e, &squares_ops, &inner);
        CHECK_EQ(CALL_BACK(self.conf, serve(e, &nesting_ops, &self), 10), 140);
}

static int failing_call(void *self, capnp_answer *a)
{
        (void)self;
        if (callback_call_param_i(a) == 3)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "callback number %d", 3);

        callback_call_results_set_v(a, 1);
        return capnp_answer_return(a);
}

static const struct callback_ops failing_ops = {.call = failing_call};

CASE(call_back_that_fails)
{
        conf_client conf = env_connect(e);
        static struct callback self;
        callback_client cb = serve(e, &failing_ops, &self);

        FAILS(KEEP(call_back_question(conf, cb, 8)), CAPNP_OVERLOADED, "callback number 3");
        null_call(e, conf);
}

CASE(call_back_on_null)
{
        conf_client conf = env_connect(e);

        FAILS_SOMEHOW(KEEP(call_back_question(conf, (callback_client){NULL}, 1)));
        null_call(e, conf);
}

CASE(call_back_on_an_object_without_handlers)
{
        static const struct callback_ops no_ops = {.gone = NULL};
        conf_client conf = env_connect(e);
        static struct callback self;

        FAILS(KEEP(call_back_question(conf, serve(e, &no_ops, &self), 1)), CAPNP_UNIMPLEMENTED, "");
        null_call(e, conf);
}

CASE(call_back_releases_the_callback)
{
        conf_client conf = env_connect(e);
        static struct callback self;
        callback_client cb = serve(e, &squares_ops, &self);
        capnp_question *q = KEEP(call_back_question(conf, cb, 10));

        env_drop_cap(e, cb.c);
        WAIT(q);
        EVENTUALLY(self.gone, 1);
}

/* ---- hold ----------------------------------------------------------------------------------- */

/* Lets the server hold a counter that nobody else does. */
static void hold_local(struct env *e, conf_client conf, struct watch *w)
{
        counter_client own = local_counter(e, w);

        hold(e, conf, own);
        env_drop_cap(e, own.c);
}

CASE(hold_and_get_held)
{
        conf_client conf = env_connect(e);
        static struct watch w;
        counter_client back;

        hold_local(e, conf, &w);
        back = held(e, conf);
        CHECK_EQ(INC(back, 4), 4);
        CHECK(!w.gone);
        env_drop_cap(e, back.c);
        drop_held(e, conf);
        EVENTUALLY(w.gone, 1);
        CHECK(!conf_get_held_has_cap(OK(conf_get_held(conf))));
}

CASE(hold_keeps_a_counter_alive)
{
        conf_client conf = env_connect(e);
        uint32_t before = live_settled(e, conf);
        counter_client c = make_counter(e, conf, 8), back;

        hold(e, conf, c);
        env_drop_cap(e, c.c);
        null_call(e, conf);
        CHECK_EQ(live(e, conf), before + 1);
        back = held(e, conf);
        CHECK_EQ(GET(back), 8);
        env_drop_cap(e, back.c);
        drop_held(e, conf);
        EVENTUALLY(live(e, conf), before);
}

CASE(hold_across_connections)
{
        conf_client a = env_connect(e), b = env_connect(e);
        static struct watch w;
        counter_client seen;

        hold_local(e, a, &w);
        seen = held(e, b);
        CHECK_EQ(INC(seen, 3), 3);
        CHECK_EQ(INC(seen, 3), 6);
        env_drop_cap(e, seen.c);
        drop_held(e, b);
        EVENTUALLY(w.gone, 1);
}

CASE(hold_across_connections_100_calls_in_order)
{
        conf_client a = env_connect(e), other = env_connect(e);
        static struct watch w;
        struct batch b = {0};
        counter_client seen;
        uint64_t i;

        hold_local(e, a, &w);
        seen = conf_get_held_cap(SEND(conf_get_held(other)));
        for (i = 0; i < 100; i++)
                BATCH_ADD(&b, inc_question(seen, i));
        BATCH_WAIT(&b);
        CHECK_ORDER(&w, 100);
        drop_held(e, a);
        batch_free(&b);
}

CASE(hold_outlived_by_another_reference)
{
        conf_client a = env_connect(e), b = env_connect(e);
        static struct watch w;
        counter_client seen;

        hold_local(e, a, &w);
        seen = held(e, b);
        drop_held(e, b);
        CHECK_EQ(INC(seen, 1), 1);
        CHECK(!w.gone);
        env_drop_cap(e, seen.c);
        EVENTUALLY(w.gone, 1);
}

CASE(hold_reference_of_the_other_dies_with_its_connection)
{
        conf_client a = env_connect(e);
        struct link b = link_open(e);
        static struct watch w;

        hold_local(e, a, &w);
        held(e, b.conf);
        drop_held(e, a);
        null_call(e, a);
        CHECK(!w.gone);
        link_close(e, &b);
        EVENTUALLY(w.gone, 1);
}

CASE(hold_whose_owner_disconnects)
{
        struct link a = link_open(e);
        conf_client b = env_connect(e);
        static struct watch w;
        counter_client seen;

        hold_local(e, a.conf, &w);
        seen = held(e, b);
        INC(seen, 1);
        link_close(e, &a);
        FAILS(SEND(inc_question(seen, 1)), CAPNP_DISCONNECTED, "");
        drop_held(e, b);
        null_call(e, b);
}

CASE(hold_replaces_what_was_held)
{
        conf_client conf = env_connect(e);
        static struct watch first, second;

        hold_local(e, conf, &first);
        hold_local(e, conf, &second);
        EVENTUALLY(first.gone, 1);
        CHECK(!second.gone);
        drop_held(e, conf);
        EVENTUALLY(second.gone, 1);
}

struct node {
        counter_client other; /* owned */
        bool gone;
};

static void node_gone(void *self)
{
        struct node *n = self;

        n->other.c = capnp_cap_unref(n->other.c);
        n->gone = true;
}

static int node_inc(void *self, capnp_answer *a)
{
        struct node *n = self;

        return capnp_answer_tail(a, inc_question(n->other, counter_inc_param_by(a)));
}

static const struct counter_ops node_ops = {.gone = node_gone, .inc = node_inc};

CASE(graph_with_a_cycle_is_freed)
{
        conf_client conf = env_connect(e);
        uint32_t before = live_settled(e, conf);
        counter_client inner = make_counter(e, conf, 60), back;
        static struct node n;
        capnp_cap *own = NULL;

        n.other.c = capnp_cap_ref(inner.c);
        env_drop_cap(e, inner.c);
        CHECK(!counter_serve(e->vat, &node_ops, &n, &own));
        hold(e, conf, (counter_client){own});
        capnp_cap_unref(own);
        CHECK_EQ(live(e, conf), before + 1);
        back = held(e, conf);
        CHECK_EQ(INC(back, 1), 61);
        env_drop_cap(e, back.c);
        drop_held(e, conf);
        EVENTUALLY(n.gone, 1);
        EVENTUALLY(live(e, conf), before);
}

/* ---- tail calls ----------------------------------------------------------------------------- */

CASE(tail_call)
{
        static struct callee_watch w;
        capnp_question *q = OK(tail_question(env_connect(e), local_callee(e, &w), 41));

        CHECK_EQ(conf_tail_i(q), 42);
        CHECK_EQ(w.calls, 1);
        CHECK_EQ(INC(conf_tail_self(q), 1), 42);
}

CASE(tail_call_pipelined)
{
        static struct callee_watch w;
        capnp_question *q = SEND(tail_question(env_connect(e), local_callee(e, &w), 10));
        capnp_question *first = SEND(inc_question(conf_tail_self(q), 1));
        capnp_question *second = SEND(inc_question(conf_tail_self(q), 2));

        CHECK_EQ(counter_inc_value(WAIT(first)), 11);
        CHECK_EQ(counter_inc_value(WAIT(second)), 13);
        CHECK_EQ(conf_tail_i(WAIT(q)), 11);
}

CASE(tail_call_pipelined_keeps_order)
{
        static struct callee_watch w;
        capnp_question *q = SEND(tail_question(env_connect(e), local_callee(e, &w), 0));
        counter_client self = conf_tail_self(q);
        struct batch b = {0};
        uint64_t i;

        for (i = 0; i < 50; i++)
                BATCH_ADD(&b, inc_question(self, i));
        WAIT(q);
        for (i = 50; i < 100; i++)
                BATCH_ADD(&b, inc_question(self, i));
        BATCH_WAIT(&b);
        CHECK_ORDER(&w.counter, 100);
        batch_free(&b);
}

CASE(tail_call_that_fails)
{
        conf_client conf = env_connect(e);
        static struct callee_watch w = {.fail = true};

        FAILS(KEEP(tail_question(conf, local_callee(e, &w), 1)), CAPNP_FAILED, "callee fails");
        null_call(e, conf);
}

CASE(tail_call_cancelled_reaches_the_callee)
{
        conf_client conf = env_connect(e);
        static struct callee_watch w = {.hang = true};
        capnp_question *q = SEND(tail_question(conf, local_callee(e, &w), 1));

        EVENTUALLY(null_call(e, conf) + w.calls, 1);
        env_drop(e, q);
        EVENTUALLY(null_call(e, conf) + w.canceled, 1);
}

CASE(tail_call_to_null)
{
        conf_client conf = env_connect(e);

        FAILS_SOMEHOW(KEEP(conf_tail(conf)));
        null_call(e, conf);
}

CASE(tail_call_across_connections)
{
        conf_client a = env_connect(e), b = env_connect(e);
        static struct callee_watch w;
        callee_client callee;
        capnp_question *q, *early;

        hold(e, b, (counter_client){local_callee(e, &w).c});
        callee.c = held(e, a).c;
        q = SEND(tail_question(a, callee, 5));
        early = SEND(inc_question(conf_tail_self(q), 1));
        CHECK_EQ(counter_inc_value(WAIT(early)), 6);
        CHECK_EQ(conf_tail_i(WAIT(q)), 6);
        drop_held(e, a);
}

CASE(tail_call_many_at_once)
{
        conf_client conf = env_connect(e);
        static struct callee_watch w;
        callee_client callee = local_callee(e, &w);
        struct batch b = {0};
        uint32_t i;

        for (i = 0; i < 100; i++)
                BATCH_ADD(&b, tail_question(conf, callee, i));
        BATCH_WAIT(&b);
        for (i = 0; i < 100; i++)
                CHECK_EQ(conf_tail_i(b.q[i]), i + 1);
        CHECK_EQ(w.calls, 100);
        batch_free(&b);
}

/* ---- several capabilities in one message ---------------------------------------------------- */

CASE(capability_in_both_directions_in_one_call)
{
        conf_client conf = env_connect(e);
        static struct watch w = {.value = 500};
        counter_client theirs = make_counter(e, conf, 600);
        capnp_question *q = KEEP(conf_echo_any(conf));
        payload_list_builder list;
        payload_list got;

        list.l = capnp_abuilder_init_structs(conf_echo_any_build_p(q), 2, PAYLOAD_WORDS,
                                             PAYLOAD_PTRS);
        payload_set_cap(payload_list_builder_get(list, 0), local_counter(e, &w));
        payload_set_cap(payload_list_builder_get(list, 1), theirs);
        got.l = capnp_any_list(conf_echo_any_p(WAIT(q)), CAPNP_SIZE_COMPOSITE, NULL);
        CHECK_EQ(INC(payload_cap(payload_list_get(got, 0)), 1), 501);
        CHECK_EQ(INC(payload_cap(payload_list_get(got, 1)), 1), 601);
}

CASE(echo_payload_with_own_capability)
{
        capnp_question *q = KEEP(conf_echo_payload(env_connect(e)));
        static struct watch w;

        payload_set_cap(conf_echo_payload_init_p(q), local_counter(e, &w));
        CHECK(is_local(payload_cap(conf_echo_payload_p(WAIT(q))), &w));
}

CASE(sum_all)
{
        conf_client conf = env_connect(e);
        static struct watch w = {.value = 1000};
        counter_client one = make_counter(e, conf, 1), own = local_counter(e, &w);
        capnp_question *late, *q;
        capnp_lbuilder caps;

        CHECK_EQ(conf_sum_all_sum(OK(conf_sum_all(conf))), 0);
        late = KEEP(conf_get_promise_cap(conf));
        conf_get_promise_cap_set_delay_ms(late, 30);
        WAIT(late);
        q = KEEP(conf_sum_all(conf));
        caps = conf_sum_all_init_caps(q, 6);
        conf_sum_all_in_set_caps_at(caps, 0, one);
        conf_sum_all_in_set_caps_at(caps, 2, own);
        conf_sum_all_in_set_caps_at(caps, 3,
                                    conf_make_counter_c(SEND(make_counter_question(conf, 10))));
        conf_sum_all_in_set_caps_at(caps, 5, conf_get_promise_cap_c(late));
        env_drop_cap(e, own.c);
        CHECK_EQ(conf_sum_all_sum(WAIT(q)), 1111); /* 1 and 4 are null */
        EVENTUALLY(w.gone, 1);
}

CASE(sum_all_of_500)
{
        conf_client conf = env_connect(e);
        uint32_t before = live_settled(e, conf), i;
        capnp_question *q = KEEP(conf_sum_all(conf));
        capnp_lbuilder caps = conf_sum_all_init_caps(q, 500);
        struct batch b = {0};

        for (i = 0; i < 500; i++) {
                BATCH_ADD(&b, make_counter_question(conf, i));
                conf_sum_all_in_set_caps_at(caps, i, conf_make_counter_c(b.q[i]));
        }
        CHECK_EQ(conf_sum_all_sum(WAIT(q)), 124750);
        for (i = 0; i < 500; i++)
                env_drop(e, b.q[i]);
        EVENTUALLY(live(e, conf), before);
        batch_free(&b);
}

CASE(sum_all_of_one_thing_many_times)
{
        conf_client conf = env_connect(e);
        static struct watch w = {.value = 2};
        counter_client own = local_counter(e, &w);
        capnp_question *q = KEEP(conf_sum_all(conf));
        capnp_lbuilder caps = conf_sum_all_init_caps(q, 100);
        uint32_t i;

        for (i = 0; i < 100; i++)
                conf_sum_all_in_set_caps_at(caps, i, own);
        env_drop_cap(e, own.c);
        CHECK_EQ(conf_sum_all_sum(WAIT(q)), 200);
        EVENTUALLY(w.gone, 1);
}
