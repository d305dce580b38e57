/*
 * Streams: many writers, what waits behind them, and where a failure goes; as who writes sees it,
 * and as who serves does.
 */
#include "test-rpc-hand.h"

enum { WRITE, CLOSE, METHODS };

/* What one side serves with: a method that streams, and one that does not. */
struct sink {
        capnp_vat *vat;
        bool keep;     /* answers are kept, and ended one by one */
        bool declared; /* the schema says what streams */
        capnp_answer *kept[64];
        unsigned nkept, served, canceled;
        uint64_t log[64];
};

static void sink_canceled(capnp_answer *a, void *arg)
{
        struct sink *s = arg;

        s->canceled++;
        for (unsigned i = 0; i < s->nkept; i++)
                if (s->kept[i] == a)
                        s->kept[i] = NULL;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static int sink_serve(void *self, capnp_answer *a)
{
        struct sink *s = self;
        uint64_t x = asked_word(a);

        s->log[s->served++ % 64] = x;
        if (!s->declared && capnp_answer_method(a) == WRITE && capnp_answer_stream(a))
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "out of memory");
        if (s->keep && capnp_answer_method(a) == WRITE) {
                s->kept[s->nkept++ % 64] = a;
                return capnp_answer_keep(a, sink_canceled, s);
        }
        if (x == 13)
                return capnp_answer_fail(a, CAPNP_FAILED, "disk full");
        return reply(a, x, NULL);
}

/* The same, by a schema: interface 7. */
struct sink_ops {
        void (*gone)(void *self);
        capnp_handler *handlers[METHODS];
};

static const struct capnp_method sink_methods[METHODS] = {
        [WRITE] = {"write", 1, 1, 0, 0, true},
        [CLOSE] = {"close", 1, 1, 1, 1, false},
};
static const struct capnp_interface sink_interface;
static const struct capnp_interface_part sink_parts[] = {
        {&sink_interface, offsetof(struct sink_ops, handlers)},
};
static const struct capnp_interface sink_interface = {
        7, "Sink", sink_methods, sink_parts, METHODS, 1,
};
static const struct sink_ops sink_ops = {NULL, {sink_serve, sink_serve}};

static capnp_cap *sink_new(struct sink *s, capnp_vat *v, bool declared)
{
        capnp_cap *c = NULL;

        *s = (struct sink){.vat = v, .declared = declared};
        if (declared)
                CHECK_OK(capnp_cap_new(v, &sink_interface, &sink_ops, s, &c));
        else
                CHECK_OK(capnp_cap_new_dispatch(v, sink_serve, NULL, s, &c));
        return c;
}

static void sink_end(struct sink *s, unsigned i)
{
        capnp_answer *a = s->kept[i];

        s->kept[i] = NULL;
        (void)capnp_answer_return(a);
}

/* ---- who writes ----------------------------------------------------------------------------- */

static struct rig g;
static struct sink far;
static capnp_cap *to; /* far, as vat a has it */

static void open_rig(void)
{
        CHECK_OK(rig_open(&g, sink_serve, &far));
        far = (struct sink){.vat = g.b.vat};
        CHECK_OK(capnp_rpc_bootstrap(g.a.rpc, &to));
        rig_run(&g);
}

static void close_rig(void)
{
        to = capnp_cap_unref(to);
        rig_run(&g);
        rig_empty(g.a.rpc);
        rig_empty(g.b.rpc);
        rig_close(&g);
}

static void count(void *arg)
{
        ++*(unsigned *)arg;
}

/* A stream call of so many bytes. */
static int write_bytes(uint64_t x, uint32_t bytes, unsigned *called)
{
        capnp_question *q = capnp_question_new_any(g.a.vat, to, 7, WRITE);
        capnp_builder b = capnp_abuilder_init_struct(capnp_question_params_any(q), 1, 1);

        capnp_builder_set_u64(b, 0, x, 0);
        (void)capnp_abuilder_init_data(capnp_builder_any(b, 0), bytes);
        return capnp_question_stream(q, called ? count : NULL, called);
}

static capnp_question *close_stream(uint64_t x)
{
        capnp_question *q = ask(g.a.vat, to, CLOSE, x, NULL);

        capnp_question_send(q, NULL, NULL);
        return q;
}

TEST(every_writer_is_called_back)
{
        unsigned called[5] = {0}, i;

        open_rig();
        CHECK_OK(write_bytes(1, 40000, &called[0]));
        for (i = 1; i < 5; i++)
                CHECK_EQ(write_bytes(1, 40000, &called[i]), CAPNP_E_LIMIT);
        rig_run(&g);
        CHECK_EQ(called[0], 0); /* was not told to wait */
        for (i = 1; i < 5; i++)
                CHECK_EQ(called[i], 1);
        CHECK_EQ(far.served, 5);
        close_rig();
}

TEST(callback_is_taken_back)
{
        unsigned called[3] = {0};

        open_rig();
        CHECK_OK(write_bytes(1, 10, NULL));
        CHECK_EQ(write_bytes(1, 80000, &called[0]), CAPNP_E_LIMIT);
        CHECK_EQ(write_bytes(1, 10, &called[1]), CAPNP_E_LIMIT);
        CHECK_EQ(capnp_cap_stream_finish(to, count, &called[2]), CAPNP_E_LIMIT);
        capnp_cap_stream_forget(to, count, &called[0]);
        capnp_cap_stream_forget(to, count, &called[2]);
        rig_run(&g);
        CHECK_EQ(called[0], 0);
        CHECK_EQ(called[1], 1);
        CHECK_EQ(called[2], 0);
        close_rig();
}

TEST(failure_is_kept_for_the_reference)
{
        capnp_question *last[2];
        capnp_exception why = {CAPNP_FAILED, ""};
        unsigned i;

        open_rig();
        CHECK_OK(write_bytes(1, 10, NULL));
        CHECK_OK(write_bytes(13, 10, NULL));
        CHECK_OK(write_bytes(2, 10, NULL));
        last[0] = close_stream(99);
        rig_run(&g);
        CHECK_EQ(capnp_question_result(last[0]), CAPNP_E_EXCEPTION);
        CHECK_STR(capnp_question_exception(last[0]).reason, "disk full");
        CHECK_EQ(far.served, 2); /* neither the third nor the last got there */
        for (i = 0; i < 3; i++) {
                CHECK_EQ(write_bytes(3, 10, NULL), CAPNP_E_EXCEPTION);
                CHECK_EQ(capnp_cap_stream_check(to, &why), CAPNP_E_EXCEPTION);
                CHECK_STR(why.reason, "disk full");
        }
        last[1] = close_stream(98);
        rig_run(&g);
        CHECK_STR(capnp_question_exception(last[1]).reason, "disk full");
        CHECK_EQ(far.served, 2);
        capnp_question_free(last[0]);
        capnp_question_free(last[1]);
        close_rig();
}

/* What hangs on a call that never gets there fails with it, whenever the two were sent. */
TEST(failure_reaches_what_hangs_on_a_call)
{
        capnp_question *q[2];

        open_rig();
        q[0] = ask(g.a.vat, to, CLOSE, 1, NULL);
        q[1] = ask(g.a.vat, result_cap(q[0]), CLOSE, 1, NULL);
        CHECK_OK(write_bytes(13, 10, NULL));
        rig_run(&g);
        capnp_question_send(q[1], NULL, NULL);
        rig_run(&g);
        CHECK_STR(capnp_question_exception(q[0]).reason, "disk full");
        CHECK_STR(capnp_question_exception(q[1]).reason, "disk full");
        capnp_question_free(q[1]);
        capnp_question_free(q[0]);
        close_rig();
}

TEST(other_references_go_on)
{
        capnp_question *q;

        open_rig();
        CHECK_OK(write_bytes(13, 10, NULL));
        rig_run(&g);
        CHECK_EQ(capnp_cap_stream_check(to, NULL), CAPNP_E_EXCEPTION);
        to = capnp_cap_unref(to);
        rig_run(&g);
        CHECK_OK(capnp_rpc_bootstrap(g.a.rpc, &to));
        CHECK_OK(capnp_cap_stream_check(to, NULL));
        CHECK_OK(write_bytes(1, 10, NULL));
        q = close_stream(5);
        rig_run(&g);
        CHECK_OK(capnp_question_result(q));
        CHECK_EQ(far.served, 3);
        capnp_question_free(q);
        close_rig();
}

TEST(plain_call_waits_behind_the_stream)
{
        capnp_question *q, *dropped;
        unsigned called = 0;

        open_rig();
        far.keep = true;
        CHECK_OK(write_bytes(1, 10, NULL));
        CHECK_OK(write_bytes(2, 10, NULL));
        dropped = close_stream(3);
        q = close_stream(4);
        CHECK_OK(write_bytes(5, 10, NULL));
        CHECK_EQ(capnp_cap_stream_finish(to, count, &called), CAPNP_E_LIMIT);
        capnp_question_free(dropped);
        rig_run(&g);
        CHECK_EQ(far.served, 1);
        sink_end(&far, 0);
        rig_run(&g);
        CHECK_EQ(far.served, 2);
        CHECK_EQ(capnp_question_result(q), -EAGAIN);
        sink_end(&far, 1);
        rig_run(&g);
        CHECK_OK(capnp_question_result(q));
        CHECK_EQ(far.served, 4);
        CHECK_EQ(far.log[2], 4);
        CHECK_EQ(far.log[3], 5);
        CHECK_EQ(called, 0);
        sink_end(&far, 2);
        rig_run(&g);
        CHECK_EQ(called, 1);
        CHECK_OK(capnp_cap_stream_finish(to, count, &called));
        capnp_question_free(q);
        close_rig();
}

TEST(dropping_the_reference_loses_nothing)
{
        unsigned i;

        open_rig();
        for (i = 0; i < 20; i++)
                (void)!write_bytes(i + 20, 10000, NULL);
        to = capnp_cap_unref(to);
        rig_run(&g);
        CHECK_EQ(far.served, 20);
        for (i = 0; i < 20; i++)
                CHECK_EQ(far.log[i], i + 20);
        close_rig();
}

TEST(connection_ends_with_a_stream)
{
        unsigned called[2] = {0};
        capnp_question *q;

        open_rig();
        far.keep = true;
        CHECK_OK(write_bytes(1, 10, NULL));
        CHECK_EQ(write_bytes(2, 70000, &called[0]), CAPNP_E_LIMIT);
        CHECK_EQ(capnp_cap_stream_finish(to, count, &called[1]), CAPNP_E_LIMIT);
        q = close_stream(3);
        rig_run(&g);
        capnp_rpc_close(g.b.rpc, (capnp_exception){CAPNP_FAILED, "enough"});
        rig_run(&g);
        CHECK_EQ(called[0], 1);
        CHECK_EQ(called[1], 1);
        CHECK_EQ(capnp_question_result(q), CAPNP_E_DISCONNECTED);
        CHECK_EQ(capnp_cap_stream_check(to, NULL), CAPNP_E_DISCONNECTED);
        capnp_question_free(q);
        close_rig();
}

/* ---- who serves ----------------------------------------------------------------------------- */

/* Two peers at one object. */
struct two {
        capnp_vat *vat;
        capnp_cap *root;
        struct hand a, b;
        struct sink s;
};

static void two_open(struct two *t, bool declared)
{
        CHECK_OK(capnp_vat_new_bare(&t->vat));
        t->root = sink_new(&t->s, t->vat, declared);
        t->s.keep = true;
        hand_open(&t->a, t->vat, t->root);
        hand_open(&t->b, t->vat, t->root);
        CHECK_OK(hand_bootstrap(&t->a, 0));
        CHECK_OK(hand_bootstrap(&t->b, 0));
        hand_run(&t->a);
        (void)hand_expect(&t->a, MESSAGE_RETURN, 0);
        (void)hand_expect(&t->b, MESSAGE_RETURN, 0);
}

static void two_close(struct two *t)
{
        capnp_cap_unref(t->root);
        hand_close(&t->a);
        hand_close(&t->b);
        capnp_vat_free(t->vat);
}

static void two_call(struct two *t, struct hand *h, uint32_t id, uint16_t method)
{
        CHECK_OK(hand_call(h, id, to_bootstrap(0), method));
        hand_run(&t->a);
}

static void expect_failed(struct hand *h, uint32_t id)
{
        capnp_reader r = hand_expect(h, MESSAGE_RETURN, id);

        CHECK_EQ(capnp_reader_u16(r, RETURN_TAG_AT, 0), RETURN_EXCEPTION);
        CHECK_STR(capnp_reader_text(capnp_any_struct(capnp_reader_any(r, 0), NULL), 0).p,
                  "disk full");
}

static void expect_done(struct hand *h, uint32_t id)
{
        CHECK_EQ(capnp_reader_u16(hand_expect(h, MESSAGE_RETURN, id), RETURN_TAG_AT, 0),
                 RETURN_RESULTS);
}

static void served_one_by_one(bool declared)
{
        struct two t;

        two_open(&t, declared);
        two_call(&t, &t.a, 1, WRITE);
        two_call(&t, &t.a, 2, WRITE);
        two_call(&t, &t.a, 3, CLOSE);
        CHECK_EQ(t.s.served, 1);
        two_call(&t, &t.b, 1, CLOSE); /* somebody else does not wait */
        CHECK_EQ(t.s.served, 2);
        sink_end(&t.s, 0);
        hand_run(&t.a);
        CHECK_EQ(t.s.served, 3);
        expect_done(&t.a, 1);
        sink_end(&t.s, 1);
        hand_run(&t.a);
        CHECK_EQ(t.s.served, 4);
        expect_done(&t.a, 2);
        expect_done(&t.a, 3);
        two_close(&t);
}

TEST(served_one_by_one)
{
        served_one_by_one(true);
        served_one_by_one(false);
}

/* It cascades to what follows on the reference, and to nothing else. */
TEST(served_failure_cascades)
{
        struct two t;

        two_open(&t, true);
        two_call(&t, &t.a, 1, WRITE);
        two_call(&t, &t.a, 2, CLOSE);
        (void)capnp_answer_fail(t.s.kept[0], CAPNP_FAILED, "disk full");
        hand_run(&t.a);
        expect_failed(&t.a, 1);
        expect_failed(&t.a, 2);
        two_call(&t, &t.a, 3, CLOSE);
        expect_failed(&t.a, 3);
        CHECK_EQ(t.s.served, 1);
        two_call(&t, &t.b, 1, CLOSE);
        expect_done(&t.b, 1);
        /* The peer lets go of the object and asks for it anew. */
        CHECK_OK(hand_finish(&t.a, 0, false));
        CHECK_OK(hand_bootstrap(&t.a, 4));
        (void)hand_expect(&t.a, MESSAGE_RETURN, 4);
        CHECK_OK(hand_call(&t.a, 5, to_bootstrap(4), CLOSE));
        hand_run(&t.a);
        expect_done(&t.a, 5);
        two_close(&t);
}

/* A stream call that is given up is no failure: what waits goes on. */
TEST(served_stream_is_canceled)
{
        struct two t;

        two_open(&t, true);
        two_call(&t, &t.a, 1, WRITE);
        two_call(&t, &t.a, 2, CLOSE);
        two_call(&t, &t.a, 3, CLOSE);
        CHECK_OK(hand_finish(&t.a, 3, false)); /* taken back: it was not delivered */
        CHECK_OK(hand_finish(&t.a, 1, false));
        hand_run(&t.a);
        CHECK_EQ(t.s.canceled, 1);
        CHECK_EQ(t.s.served, 2);
        two_close(&t);
}

/* The connection goes while calls wait behind a stream call that hangs. */
TEST(served_connection_ends)
{
        struct two t;

        two_open(&t, true);
        two_call(&t, &t.a, 1, WRITE);
        two_call(&t, &t.a, 2, WRITE);
        two_call(&t, &t.a, 3, CLOSE);
        CHECK_OK(hand_finish(&t.a, 3, true));
        hand_close(&t.a);
        CHECK_EQ(t.s.served, 1);
        CHECK_EQ(t.s.canceled, 1);
        hand_open(&t.a, t.vat, t.root);
        two_close(&t);
}

/* A stream call that is passed on as another call on the same reference waits for that, not it for
 * the stream call. */
static int pass_on(void *self, capnp_answer *a)
{
        struct two *t = self;
        uint64_t left = asked_word(a);

        if (capnp_answer_stream(a))
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "out of memory");
        if (!left)
                return reply(a, 0, NULL);

        t->s.served++;
        return capnp_answer_tail(a, ask(t->vat, t->root, WRITE, left - 1, NULL));
}

TEST(stream_call_is_passed_on_to_its_own_object)
{
        capnp_question *q;
        struct two t = {0};

        CHECK_OK(capnp_vat_new_bare(&t.vat));
        CHECK_OK(capnp_cap_new_dispatch(t.vat, pass_on, NULL, &t, &t.root));
        CHECK_OK(capnp_question_stream(ask(t.vat, t.root, WRITE, 3, NULL), NULL, NULL));
        q = ask(t.vat, t.root, CLOSE, 0, NULL);
        CHECK_OK(capnp_question_wait(q));
        CHECK_EQ(t.s.served, 3);
        capnp_question_free(q);
        capnp_cap_unref(t.root);
        capnp_vat_free(t.vat);
}

TORTURE(memory_runs_out_in_a_stream)
{
        capnp_question *q = NULL;
        unsigned called[2] = {0};
        int r;

        far = (struct sink){0};
        to = NULL;
        r = rig_open(&g, sink_serve, &far);
        if (!r)
                r = capnp_rpc_bootstrap(g.a.rpc, &to);
        if (!r) {
                (void)!write_bytes(1, 40000, &called[0]);
                (void)!write_bytes(1, 40000, &called[1]);
                (void)!write_bytes(13, 10, NULL);
                q = close_stream(4);
                rig_run(&g);
                r = capnp_question_result(q) > 0 ? -ENOMEM : capnp_question_result(q);
                if (!test_alloc_failed())
                        CHECK_STR(capnp_question_exception(q).reason, "disk full");
        }
        capnp_question_free(q);
        capnp_cap_unref(to);
        rig_close(&g);
        if (test_alloc_failed())
                TORTURE_OK(r);
}
