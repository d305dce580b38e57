/*
 * Calls without a Return (Call.onlyPromisePipeline): made by our own program for what is called on
 * their results, to a peer of ours, to one that knows of them, and to one that does not; and asked
 * of us.
 */
#include "test-rpc-hand.h"

enum { GIVE, ECHO, KEEP, FAIL, PASS, TAKE };

struct server {
        capnp_vat *vat;
        capnp_cap *root, *next;
        capnp_answer *kept;
        unsigned echoed, canceled;
        uint64_t last;
};

static void server_canceled(capnp_answer *a, void *arg)
{
        struct server *s = arg;

        s->canceled++;
        s->kept = NULL;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static int server_serve(void *self, capnp_answer *a)
{
        struct server *s = self;
        uint64_t x = asked_word(a);

        switch (capnp_answer_method(a)) {
        case GIVE:
                return reply(a, x, s->root);
        case ECHO:
                s->echoed++;
                s->last = x;
                return reply(a, x + 1, NULL);
        case KEEP:
                s->kept = a;
                return capnp_answer_keep(a, server_canceled, s);
        case PASS:
                return capnp_answer_tail(a, ask(capnp_answer_vat(a), s->next, GIVE, x, NULL));
        case TAKE:
                s->echoed += capnp_cap_self_peek(asked_cap(a), (const void *)server_serve) == s;
                return reply(a, x, NULL);
        default:
                return capnp_answer_fail(a, CAPNP_UNIMPLEMENTED, "not here");
        }
}

static void server_init(struct server *s, capnp_vat *v)
{
        *s = (struct server){.vat = v};
        CHECK_OK(capnp_cap_new_dispatch(v, server_serve, NULL, s, &s->root));
}

/* A reference to a result of a call of that method, which is asked for nothing else. */
static capnp_cap *pipeline(capnp_vat *v, capnp_cap *on, uint16_t method, capnp_cap *arg)
{
        capnp_question *q = ask(v, on, method, 0, arg);
        capnp_cap *c = capnp_cap_ref(result_cap(q));

        capnp_question_pipeline(q);
        return c;
}

static capnp_question *echo(capnp_vat *v, capnp_cap *c, uint64_t x)
{
        capnp_question *q = ask(v, c, ECHO, x, NULL);

        capnp_question_send(q, NULL, NULL);
        return q;
}

static void echoed(capnp_question *q, uint64_t x)
{
        CHECK_EQ(capnp_question_result(q), 0);
        CHECK_EQ(capnp_reader_u64(capnp_question_response(q), 0, 0), x + 1);
        capnp_question_free(q);
}

static void failed(capnp_question *q, enum capnp_kind kind, const char *reason)
{
        CHECK(capnp_question_is_done(q) && capnp_question_result(q));
        CHECK_EQ(capnp_question_exception(q).kind, kind);
        CHECK_STR(capnp_question_exception(q).reason, reason);
        capnp_question_free(q);
}

/* ---- both ends are ours --------------------------------------------------------------------- */

struct pair {
        struct rig g;
        struct server s;
        capnp_cap *root;  /* a's reference to it */
        unsigned returns; /* that a has got */
};

static void pair_trace(void *arg, bool in, capnp_msg *m)
{
        struct pair *p = arg;

        if (in)
                p->returns += capnp_reader_u16(capnp_any_struct(capnp_msg_root(m), NULL), 0, 0) ==
                              MESSAGE_RETURN;
}

static void pair_run(struct pair *p)
{
        while (rig_run(&p->g))
                ;
}

static void pair_open(struct pair *p)
{
        *p = (struct pair){0};
        CHECK_OK(capnp_vat_new_bare(&p->g.a.vat));
        CHECK_OK(capnp_vat_new_bare(&p->g.b.vat));
        server_init(&p->s, p->g.b.vat);
        CHECK_OK(capnp_rpc_new(p->g.a.vat, NULL, NULL, &p->g.a.rpc));
        CHECK_OK(capnp_rpc_new(p->g.b.vat, NULL, p->s.root, &p->g.b.rpc));
        CHECK_OK(capnp_rpc_bootstrap(p->g.a.rpc, &p->root));
        pair_run(p);
        capnp_rpc_set_trace(p->g.a.rpc, pair_trace, p);
}

static void pair_close(struct pair *p)
{
        capnp_cap_unref(p->root);
        pair_run(p);
        rig_empty(p->g.a.rpc);
        rig_empty(p->g.b.rpc);
        capnp_cap_unref(p->s.root);
        rig_close(&p->g);
}

static uint32_t questions(const capnp_rpc *r)
{
        struct capnp_rpc_counts n;

        capnp_rpc_count(r, &n);
        return n.questions;
}

TEST(results_are_called_and_nothing_returns)
{
        struct pair p;
        capnp_question *q;
        capnp_cap *c;

        pair_open(&p);
        c = pipeline(p.g.a.vat, p.root, GIVE, NULL);
        q = echo(p.g.a.vat, c, 7);
        pair_run(&p);
        echoed(q, 7);
        CHECK_EQ(p.returns, 1); /* of the other call */
        CHECK_EQ(questions(p.g.a.rpc), 1);
        CHECK_EQ(p.g.b.rpc->answers.used, 1);

        q = echo(p.g.a.vat, c, 8);
        pair_run(&p);
        echoed(q, 8);
        capnp_cap_unref(c);
        pair_run(&p);
        CHECK_EQ(questions(p.g.a.rpc), 0);
        CHECK_EQ(p.g.b.rpc->answers.used, 0);
        CHECK_EQ(p.returns, 2);
        pair_close(&p);
}

/* A question that was begun on a result keeps it, too, and so does one on a result of that. */
TEST(unsent_questions_keep_it)
{
        capnp_question *q, *r, *s;
        struct pair p;

        pair_open(&p);
        q = ask(p.g.a.vat, p.root, GIVE, 0, NULL);
        r = ask(p.g.a.vat, result_cap(q), GIVE, 0, NULL);
        s = ask(p.g.a.vat, result_cap(r), ECHO, 5, NULL);
        capnp_question_pipeline(q);
        capnp_question_pipeline(r);
        CHECK_EQ(questions(p.g.a.rpc), 2);
        capnp_question_send(s, NULL, NULL);
        pair_run(&p);
        CHECK_EQ(p.returns, 1);
        CHECK_EQ(questions(p.g.a.rpc), 0);
        echoed(s, 5);
        pair_close(&p);
}

TEST(without_a_use_nothing_is_sent)
{
        struct pair p;
        capnp_question *q;

        pair_open(&p);
        capnp_question_pipeline(NULL);
        q = ask(p.g.a.vat, p.root, ECHO, 0, NULL);
        CHECK(result_cap(q)); /* lent, and not taken */
        capnp_question_pipeline(q);
        CHECK_EQ(questions(p.g.a.rpc), 0);
        pair_run(&p);
        CHECK_EQ(p.s.echoed, 0);
        pair_close(&p);
}

TEST(letting_go_cancels)
{
        struct pair p;
        capnp_question *q;
        capnp_cap *c;

        pair_open(&p);
        c = pipeline(p.g.a.vat, p.root, KEEP, NULL);
        q = echo(p.g.a.vat, c, 1);
        pair_run(&p);
        CHECK(p.s.kept && !p.s.canceled);
        capnp_cap_unref(c);
        pair_run(&p);
        CHECK(p.s.kept); /* the other call waits for it */
        capnp_question_free(q);
        pair_run(&p);
        CHECK_EQ(p.s.canceled, 1);
        CHECK_EQ(p.returns, 1); /* of the canceled one */
        pair_close(&p);
}

TEST(failure_is_that_of_calls_on_it)
{
        struct pair p;
        capnp_question *q;
        capnp_cap *c;

        pair_open(&p);
        c = pipeline(p.g.a.vat, p.root, FAIL, NULL);
        q = echo(p.g.a.vat, c, 1);
        pair_run(&p);
        failed(q, CAPNP_UNIMPLEMENTED, "not here");
        CHECK_EQ(p.returns, 1);
        capnp_cap_unref(c);
        pair_close(&p);
}

TEST(result_is_an_argument)
{
        struct pair p;
        capnp_question *q;
        capnp_cap *c;

        pair_open(&p);
        c = pipeline(p.g.a.vat, p.root, GIVE, NULL);
        q = ask(p.g.a.vat, p.root, TAKE, 3, c);
        capnp_question_send(q, NULL, NULL);
        pair_run(&p);
        CHECK_EQ(p.s.echoed, 1);
        capnp_question_free(q);
        capnp_cap_unref(c);
        pair_close(&p);
}

/* On an object of ours it is a call like others. */
TEST(object_of_ours_returns)
{
        struct pair p;
        capnp_question *q;
        capnp_cap *c;

        pair_open(&p);
        c = pipeline(p.g.b.vat, p.s.root, GIVE, NULL);
        q = echo(p.g.b.vat, c, 4);
        pair_run(&p);
        echoed(q, 4);
        CHECK(capnp_cap_self_peek(c, (const void *)server_serve) == &p.s);
        capnp_cap_unref(c);
        pair_close(&p);
}

/* What a Return might say more about is asked for as ever: here, what was passed on. */
TEST(references_and_membranes_ask_for_a_return)
{
        static const struct capnp_membrane_ops open = {0};
        capnp_membrane *m;
        struct pair p;
        capnp_cap *c, *w, *mine;

        pair_open(&p);
        CHECK_OK(capnp_cap_new_dispatch(p.g.a.vat, server_serve, NULL, &p.s, &mine));
        c = pipeline(p.g.a.vat, p.root, GIVE, mine);
        pair_run(&p);
        CHECK_EQ(p.returns, 1);
        CHECK_EQ(c->refs, 1);
        capnp_cap_unref(c);
        capnp_cap_unref(mine);

        CHECK_OK(capnp_membrane_new(p.g.a.vat, &open, NULL, &m));
        w = capnp_membrane_wrap(m, p.root);
        c = pipeline(p.g.a.vat, w, GIVE, NULL);
        pair_run(&p);
        CHECK_EQ(p.returns, 2);
        capnp_cap_unref(c);
        capnp_cap_unref(w);
        capnp_membrane_unref(m);
        pair_close(&p);
}

static void note(void *arg)
{
        ++*(unsigned *)arg;
}

/* What it is will not be said: who waits for that goes on, and a membrane takes it for narrow. */
TEST(nobody_waits_to_hear_more)
{
        static const struct capnp_membrane_ops open = {0};
        capnp_membrane *m;
        capnp_question *q;
        capnp_wait *wait;
        unsigned told = 0;
        struct pair p;
        capnp_cap *c, *w, *mine, *narrow;

        pair_open(&p);
        c = pipeline(p.g.a.vat, p.root, GIVE, NULL);
        CHECK_OK(capnp_wait_new(c, note, &told, &wait));
        CHECK_OK(capnp_membrane_new(p.g.a.vat, &open, NULL, &m));
        CHECK_OK(capnp_cap_new_dispatch(p.g.a.vat, server_serve, NULL, &p.s, &mine));
        narrow = capnp_membrane_wrap_narrow(m, mine);
        w = capnp_membrane_wrap(m, c);
        q = echo(p.g.a.vat, w, 6);
        pair_run(&p);
        CHECK_EQ(told, 1);
        echoed(q, 6);
        capnp_wait_free(wait);
        capnp_cap_unref(narrow);
        capnp_cap_unref(mine);
        capnp_cap_unref(w);
        capnp_cap_unref(c);
        capnp_membrane_unref(m);
        pair_close(&p);
}

/* run: the server has begun to serve them. */
static void cut(bool run)
{
        struct pair p;
        capnp_question *q;
        capnp_cap *c[3];

        pair_open(&p);
        c[0] = pipeline(p.g.a.vat, p.root, KEEP, NULL);
        c[1] = pipeline(p.g.a.vat, c[0], GIVE, NULL);
        c[2] = pipeline(p.g.a.vat, c[1], GIVE, NULL);
        q = echo(p.g.a.vat, c[2], 1);
        c[1] = capnp_cap_unref(c[1]);
        if (run)
                pair_run(&p);
        capnp_rpc_close(p.g.a.rpc, (capnp_exception){CAPNP_FAILED, "enough"});
        pair_run(&p);
        failed(q, CAPNP_DISCONNECTED, "enough");
        CHECK(capnp_cap_is_broken(c[0], NULL) && capnp_cap_is_broken(c[2], NULL));
        CHECK_EQ(p.s.canceled, 1);
        capnp_cap_unref(c[0]);
        capnp_cap_unref(c[2]);
        pair_close(&p);
}

TEST(ends_with_its_connection)
{
        cut(false);
        cut(true);
}

/* The server passes it on to a third: the results stay where they are until the Finish. */
TEST(passed_on)
{
        struct rig far = {0};
        struct server third;
        capnp_question *q;
        struct pair p;
        capnp_cap *c;
        bool more = true;

        pair_open(&p);
        far.a.vat = p.g.b.vat;
        CHECK_OK(capnp_vat_new_bare(&far.b.vat));
        server_init(&third, far.b.vat);
        CHECK_OK(capnp_rpc_new(far.a.vat, NULL, NULL, &far.a.rpc));
        CHECK_OK(capnp_rpc_new(far.b.vat, NULL, third.root, &far.b.rpc));
        CHECK_OK(capnp_rpc_bootstrap(far.a.rpc, &p.s.next));

        c = pipeline(p.g.a.vat, p.root, PASS, NULL);
        q = echo(p.g.a.vat, c, 9);
        while (more) {
                more = rig_run(&p.g);
                more |= rig_run(&far);
        }
        echoed(q, 9);
        CHECK_EQ(third.echoed, 1);
        CHECK_EQ(p.returns, 1);
        capnp_cap_unref(c);
        capnp_cap_unref(p.s.next);
        for (more = true; more;) {
                more = rig_run(&p.g);
                more |= rig_run(&far);
        }
        rig_empty(far.a.rpc);
        rig_empty(far.b.rpc);
        capnp_rpc_free(far.a.rpc);
        capnp_rpc_free(far.b.rpc);
        capnp_cap_unref(third.root);
        rig_vat_free(far.b.vat);
        pair_close(&p);
}

/* ---- a peer played by hand ------------------------------------------------------------------ */

enum { FIRST = 0x80000000 };

struct asker {
        struct hand h;
        capnp_vat *vat;
        capnp_cap *peer; /* its export 5 */
};

static void asker_open(struct asker *a)
{
        CHECK_OK(capnp_vat_new_bare(&a->vat));
        hand_open(&a->h, a->vat, NULL);
        CHECK_OK(capnp_rpc_bootstrap(a->h.rpc, &a->peer));
        CHECK_OK(hand_return_bootstrap(&a->h, 0, 5));
        hand_expect(&a->h, MESSAGE_BOOTSTRAP, 0);
        hand_expect(&a->h, MESSAGE_FINISH, 0);
        hand_expect_nothing(&a->h);
}

static void asker_close(struct asker *a)
{
        capnp_cap_unref(a->peer);
        rig_empty(a->h.rpc);
        hand_close(&a->h);
        rig_vat_free(a->vat);
}

/* The core must have called so, and said whether it wants a Return. */
static void expect_call(struct asker *a, uint32_t id, bool silent, bool promised)
{
        capnp_reader b = hand_expect(&a->h, MESSAGE_CALL, id);
        capnp_reader t = capnp_any_struct(capnp_reader_any(b, CALL_TARGET_PTR), NULL);

        CHECK_EQ(capnp_reader_bool(b, CALL_ONLY_PIPELINE_BIT, false), silent);
        CHECK_EQ(capnp_reader_bool(b, CALL_NO_PIPELINING_BIT, false), false);
        CHECK_EQ(capnp_reader_u16(t, TARGET_TAG_AT, 0), promised);
}

static void expect_finish(struct asker *a, uint32_t id)
{
        capnp_reader b = hand_expect(&a->h, MESSAGE_FINISH, id);

        CHECK(capnp_reader_bool(b, FINISH_RELEASE_BIT, true));
        hand_expect_nothing(&a->h);
}

/* A Return of some kind without a payload. */
static int hand_return_of(struct hand *h, uint32_t id, uint16_t tag, uint32_t take, bool no_finish)
{
        capnp_builder b;
        capnp_msg *m = hand_message(MESSAGE_RETURN, 2, 1, &b);

        capnp_builder_set_u32(b, ID_AT, id, 0);
        capnp_builder_set_u16(b, RETURN_TAG_AT, tag, 0);
        capnp_builder_set_u32(b, RETURN_TAKE_AT, take, 0);
        capnp_builder_set_bool(b, RETURN_NO_FINISH_BIT, no_finish, false);
        if (tag == RETURN_EXCEPTION) {
                b = capnp_abuilder_init_struct(capnp_builder_any(b, 0), 1, 1);
                capnp_builder_set_text(b, 0, "by hand");
        }
        return hand_feed(h, m);
}

TEST(each_has_an_id_of_its_own)
{
        struct asker a;
        capnp_cap *c;

        asker_open(&a);
        for (uint32_t i = 0; i < 5; i++) {
                c = pipeline(a.vat, a.peer, GIVE, NULL);
                expect_call(&a, FIRST + i, true, false);
                capnp_question_free(echo(a.vat, c, 1));
                expect_call(&a, 0, false, true);
                hand_expect(&a.h, MESSAGE_FINISH, 0);
                capnp_cap_unref(c);
                hand_expect_nothing(&a.h); /* the other call may still be on its way to it */
                CHECK_OK(hand_return_of(&a.h, 0, RETURN_CANCELED, 0, true));
                expect_finish(&a, FIRST + i);
        }
        asker_close(&a);
}

/* From then on the peer is asked as ever. */
static void expect_loud(struct asker *a)
{
        capnp_cap *c = pipeline(a->vat, a->peer, GIVE, NULL);

        expect_call(a, 0, false, false);
        CHECK_OK(hand_return_of(&a->h, 0, RETURN_CANCELED, 0, true));
        hand_expect_nothing(&a->h);
        capnp_cap_unref(c);
        asker_close(a);
}

TEST(results_that_come_are_thrown_away)
{
        struct asker a;
        capnp_question *q;
        capnp_cap *c;

        asker_open(&a);
        c = pipeline(a.vat, a.peer, GIVE, NULL);
        expect_call(&a, FIRST, true, false);
        CHECK_OK(hand_return(&a.h, FIRST, 1, DESC_SENDER_HOSTED, 77));
        hand_expect_nothing(&a.h);
        CHECK_EQ(a.h.rpc->imports.used, 1); /* the bootstrap object */

        q = echo(a.vat, c, 2); /* there, as before */
        expect_call(&a, 0, false, true);
        CHECK_OK(hand_return(&a.h, 0, 3, DESC_NONE, 0));
        hand_expect(&a.h, MESSAGE_FINISH, 0);
        echoed(q, 2);
        capnp_cap_unref(c);
        expect_finish(&a, FIRST);
        expect_loud(&a);
}

TEST(results_that_come_late_are_thrown_away)
{
        struct asker a;

        asker_open(&a);
        capnp_cap_unref(pipeline(a.vat, a.peer, GIVE, NULL));
        expect_call(&a, FIRST, true, false);
        expect_finish(&a, FIRST);
        CHECK_OK(hand_return(&a.h, FIRST, 1, DESC_SENDER_HOSTED, 77));
        CHECK_OK(hand_return_of(&a.h, FIRST, RETURN_CANCELED, 0, false));
        hand_expect_nothing(&a.h);
        CHECK_EQ(a.h.rpc->imports.used, 1);
        expect_loud(&a);
}

static void returns(uint16_t tag, bool no_finish, const char *reason)
{
        struct asker a;
        capnp_question *q;
        capnp_cap *c;

        asker_open(&a);
        c = pipeline(a.vat, a.peer, GIVE, NULL);
        expect_call(&a, FIRST, true, false);
        q = echo(a.vat, c, 1);
        expect_call(&a, 0, false, true);
        CHECK_OK(hand_return_of(&a.h, FIRST, tag, 0, no_finish));
        if (!no_finish)
                hand_expect(&a.h, MESSAGE_FINISH, FIRST);
        hand_expect_nothing(&a.h);
        CHECK_OK(hand_return_of(&a.h, 0, RETURN_EXCEPTION, 0, true));
        failed(q, CAPNP_FAILED, "by hand");
        q = echo(a.vat, c, 1); /* which is known by now */
        hand_expect_nothing(&a.h);
        failed(q, CAPNP_FAILED, reason);
        capnp_cap_unref(c);
        hand_expect_nothing(&a.h);
        expect_loud(&a);
}

TEST(an_end_that_comes_is_one)
{
        returns(RETURN_EXCEPTION, false, "by hand");
        returns(RETURN_EXCEPTION, true, "by hand");
        returns(RETURN_CANCELED, false, "canceled");
        returns(RETURN_RESULTS, true, "called a null capability");
}

TEST(taking_other_results_changes_nothing)
{
        struct asker a;
        capnp_cap *c;

        asker_open(&a);
        c = pipeline(a.vat, a.peer, GIVE, NULL);
        expect_call(&a, FIRST, true, false);
        CHECK_OK(hand_return_of(&a.h, FIRST, RETURN_TAKE, 9, false));
        capnp_question_free(echo(a.vat, c, 1));
        expect_call(&a, 0, false, true);
        hand_expect(&a.h, MESSAGE_FINISH, 0);
        CHECK_OK(hand_return_of(&a.h, 0, RETURN_CANCELED, 0, true));
        capnp_cap_unref(c);
        expect_finish(&a, FIRST);
        expect_loud(&a);
}

TEST(a_second_return_breaks_the_protocol)
{
        struct asker a;
        capnp_cap *c;

        asker_open(&a);
        c = pipeline(a.vat, a.peer, GIVE, NULL);
        CHECK_OK(hand_return(&a.h, FIRST, 1, DESC_NONE, 0));
        CHECK_EQ(hand_return(&a.h, FIRST, 1, DESC_NONE, 0), CAPNP_E_PROTOCOL);
        hand_run(&a.h);
        capnp_cap_unref(c);
        asker_close(&a);

        asker_open(&a); /* nor has there been one with this id */
        CHECK_EQ(hand_return(&a.h, FIRST, 1, DESC_NONE, 0), CAPNP_E_PROTOCOL);
        hand_run(&a.h);
        asker_close(&a);
}

/* One that declines the call says so. */
TEST(unimplemented_fails_it)
{
        capnp_builder b, call;
        struct asker a;
        capnp_msg *m;
        capnp_cap *c;

        asker_open(&a);
        c = pipeline(a.vat, a.peer, GIVE, NULL);
        m = hand_message(MESSAGE_UNIMPLEMENTED, 1, 1, &b); /* a Message in a Message */
        capnp_builder_set_u16(b, 0, MESSAGE_CALL, 0);
        call = capnp_abuilder_init_struct(capnp_builder_any(b, 0), 3, 3);
        capnp_builder_set_u32(call, ID_AT, FIRST, 0);
        CHECK_OK(hand_feed(&a.h, m));
        failed(echo(a.vat, c, 1), CAPNP_UNIMPLEMENTED, "the peer does not implement this");
        capnp_cap_unref(c);
        CHECK_EQ(a.h.rpc->silent.used, 0);
        asker_close(&a);
}

/* Another peer gets it as an object, for it will not be told more; its calls go on as they come. */
TEST(held_by_another_peer)
{
        struct asker a;
        capnp_cap *c;
        struct hand h;

        asker_open(&a);
        c = pipeline(a.vat, a.peer, GIVE, NULL);
        expect_call(&a, FIRST, true, false);
        hand_open(&h, a.vat, c);
        CHECK_OK(hand_bootstrap(&h, 0));
        hand_expect(&h, MESSAGE_RETURN, 0);
        capnp_cap_unref(c);
        CHECK_OK(hand_call(&h, 1, to_export(0), ECHO));
        expect_call(&a, 0, false, true);
        CHECK_OK(hand_return(&a.h, 0, 3, DESC_NONE, 0));
        hand_expect(&a.h, MESSAGE_FINISH, 0);
        hand_expect_nothing(&a.h);
        CHECK_EQ(capnp_reader_u16(hand_expect(&h, MESSAGE_RETURN, 1), RETURN_TAG_AT, 0),
                 RETURN_RESULTS);
        hand_close(&h);
        expect_finish(&a, FIRST);
        asker_close(&a);
}

/* It waits behind a stream call, and meanwhile somebody is promised to be told what its result is.
 */
TEST(what_is_awaited_returns)
{
        struct asker a;
        capnp_cap *c;
        struct hand h;

        asker_open(&a);
        CHECK_EQ(capnp_question_stream(ask(a.vat, a.peer, ECHO, 0, NULL), NULL, NULL), 0);
        expect_call(&a, 0, false, false);
        c = pipeline(a.vat, a.peer, GIVE, NULL);
        hand_expect_nothing(&a.h);
        hand_open(&h, a.vat, c);
        capnp_cap_unref(c);
        CHECK_OK(hand_bootstrap(&h, 0));
        hand_expect(&h, MESSAGE_RETURN, 0); /* a promise */
        hand_next(&h);

        CHECK_OK(hand_return(&a.h, 0, 0, DESC_NONE, 0));
        hand_run(&a.h);
        hand_expect(&a.h, MESSAGE_FINISH, 0);
        expect_call(&a, 0, false, false);
        CHECK_OK(hand_return(&a.h, 0, 0, DESC_SENDER_HOSTED, 77));
        hand_expect(&a.h, MESSAGE_FINISH, 0);
        hand_expect_nothing(&a.h);
        hand_expect(&h, MESSAGE_RESOLVE, 0);
        hand_expect_nothing(&h);
        hand_close(&h);
        hand_expect(&a.h, MESSAGE_RELEASE, 77);
        asker_close(&a);
}

/* ---- asked of us ---------------------------------------------------------------------------- */

/* Who wants the results kept is told when they are there, whatever else it says. */
TEST(kept_results_are_told_of)
{
        capnp_builder b, to;
        struct server s;
        capnp_vat *v;
        struct hand h;
        capnp_msg *m;

        CHECK_OK(capnp_vat_new_bare(&v));
        server_init(&s, v);
        hand_open(&h, v, s.root);
        CHECK_OK(hand_bootstrap(&h, 0));
        hand_expect(&h, MESSAGE_RETURN, 0);
        m = hand_message(MESSAGE_CALL, 3, 3, &b);
        capnp_builder_set_u32(b, ID_AT, 1, 0);
        capnp_builder_set_u16(b, CALL_METHOD_AT, GIVE, 0);
        capnp_builder_set_u16(b, CALL_TO_AT, CALL_TO_YOURSELF, 0);
        capnp_builder_set_bool(b, CALL_ONLY_PIPELINE_BIT, true, false);
        to = capnp_abuilder_init_struct(capnp_builder_any(b, CALL_TARGET_PTR), 1, 1);
        capnp_builder_set_u32(to, ID_AT, 0, 0);
        CHECK_OK(hand_feed(&h, m));
        hand_run(&h);
        CHECK_EQ(capnp_reader_u16(hand_expect(&h, MESSAGE_RETURN, 1), RETURN_TAG_AT, 0),
                 RETURN_ELSEWHERE);
        CHECK_OK(hand_finish(&h, 1, false));
        CHECK_OK(hand_finish(&h, 0, false));
        hand_expect_nothing(&h);
        CHECK_EQ(h.rpc->answers.used, 0);
        hand_close(&h);
        capnp_cap_unref(s.root);
        rig_vat_free(v);
}

/* ---- without memory ------------------------------------------------------------------------- */

TORTURE(without_memory)
{
        capnp_vat *v = NULL;
        capnp_rpc *rpc = NULL;
        capnp_cap *peer = NULL, *c = NULL;
        capnp_question *q = NULL;
        int r;

        r = capnp_vat_new_bare(&v);
        if (!r)
                r = capnp_rpc_new(v, NULL, NULL, &rpc);
        if (!r)
                r = capnp_rpc_bootstrap(rpc, &peer);
        if (!r) {
                q = ask(v, peer, GIVE, 0, NULL);
                c = capnp_cap_ref(result_cap(q));
                r = c ? 0 : -ENOMEM;
                capnp_question_pipeline(q);
        }
        if (!r) {
                q = ask(v, c, ECHO, 0, NULL);
                capnp_question_send(q, NULL, NULL);
                r = !q || rpc->closed || capnp_question_is_done(q) ? -ENOMEM : 0;
                if (!r) {
                        CHECK_EQ(capnp_rpc_check(rpc), 0);
                        CHECK_EQ(rpc->silent.used, 1);
                }
                capnp_question_free(q);
        }
        capnp_cap_unref(c);
        capnp_cap_unref(peer);
        capnp_rpc_free(rpc);
        rig_vat_free(v);
        TORTURE_OK(r);
}
