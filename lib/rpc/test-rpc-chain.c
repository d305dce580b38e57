/*
 * Chains of any length, and rings of any length: the first work, in time that grows with them and
 * not faster, and without stack; the second are found, broken and freed.
 */
#include "test-rpc-hand.h"

enum { ADD_ONE, ECHO, AGAIN, HANG, METHODS };
enum { LONG = 10000 };

struct host {
        capnp_vat *vat;
        capnp_cap *self;
        capnp_answer *kept;
        unsigned served, canceled;
};

static void host_canceled(capnp_answer *a, void *arg)
{
        ((struct host *)arg)->canceled++;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static int host_serve(void *self, capnp_answer *a)
{
        struct host *h = self;
        uint64_t x = asked_word(a);

        h->served++;
        switch (capnp_answer_method(a)) {
        case ADD_ONE:
                return reply(a, x + 1, NULL);
        case ECHO:
                return reply(a, x, asked_cap(a));
        case AGAIN:
                if (!x)
                        return reply(a, 7, NULL);
                return capnp_answer_tail(a, ask(h->vat, h->self, AGAIN, x - 1, NULL));
        default:
                h->kept = a;
                return capnp_answer_keep(a, host_canceled, h);
        }
}

static struct host host;

static void host_open(void)
{
        host = (struct host){0};
        CHECK_OK(capnp_vat_new_bare(&host.vat));
        CHECK_OK(capnp_cap_new_dispatch(host.vat, host_serve, NULL, &host, &host.self));
}

static void host_run(void)
{
        while (capnp_rpc_step(host.vat))
                ;
}

static void host_close(void)
{
        capnp_cap_unref(host.self);
        capnp_vat_free(host.vat);
}

static capnp_question *sent(capnp_cap *c, uint16_t method, uint64_t x)
{
        capnp_question *q = ask(host.vat, c, method, x, NULL);

        capnp_question_send(q, NULL, NULL);
        return q;
}

static void check_word(capnp_question *q, uint64_t x)
{
        CHECK_OK(capnp_question_result(q));
        CHECK_EQ(capnp_reader_u64(capnp_question_response(q), 0, 0), x);
        capnp_question_free(q);
}

/* Work since the last time, for n things. */
static void check_steps(uint64_t n, uint64_t each)
{
        CHECK(host.vat->steps <= n * each);
        host.vat->steps = 0;
}

/* ---- promises that become each other --------------------------------------------------------- */

struct chain {
        unsigned n;
        capnp_promise *p[LONG];
        capnp_cap *c[LONG];
};

static struct chain chain;

static void chain_open(unsigned n)
{
        host_open();
        chain.n = n;
        for (unsigned i = 0; i < n; i++)
                CHECK_OK(capnp_promise_new(host.vat, &chain.p[i], &chain.c[i]));
}

static void chain_link(unsigned i)
{
        capnp_promise_resolve(chain.p[i], i + 1 < chain.n ? chain.c[i + 1] : host.self);
}

static void chain_close(void)
{
        for (unsigned i = 0; i < chain.n; i++)
                capnp_cap_unref(chain.c[i]);
        host_run();
        host_close();
}

/* Calls made on the first before and after; each link moves them on, or finds them there. */
static void chain_of_promises(unsigned n, bool outermost_first, unsigned calls)
{
        capnp_question *q[64], *after;

        chain_open(n);
        for (unsigned i = 0; i < calls; i++)
                q[i] = sent(chain.c[0], ADD_ONE, i);
        for (unsigned i = 0; i < n; i++)
                chain_link(outermost_first ? i : n - 1 - i);
        host_run();
        for (unsigned i = 0; i < calls; i++)
                check_word(q[i], i + 1);
        for (unsigned i = 0; i < 64; i++) {
                after = sent(chain.c[i % 2 ? 0 : n / 2], ADD_ONE, 41);
                host_run();
                check_word(after, 42);
        }
        check_steps(n + calls + 64, 16);
        chain_close();
}

TEST(chain_of_promises)
{
        static const unsigned lengths[] = {1, 2, 60, 70, 1000, LONG};

        for (unsigned i = 0; i < 6; i++) {
                chain_of_promises(lengths[i], true, 64);
                chain_of_promises(lengths[i], false, 64);
        }
}

/* Those who are to be told what the first becomes are told once, whatever lies between. */
TEST(chain_that_peers_watch)
{
        enum { PEERS = 200 };
        static struct hand h[PEERS];
        capnp_reader r;

        chain_open(LONG);
        for (unsigned i = 0; i < PEERS; i++) {
                hand_open(&h[i], host.vat, chain.c[0]);
                CHECK_OK(hand_bootstrap(&h[i], 0));
                (void)hand_expect(&h[i], MESSAGE_RETURN, 0);
        }
        host.vat->steps = 0;
        for (unsigned i = 0; i < LONG; i++)
                chain_link(i);
        check_steps(LONG + PEERS, 16);
        for (unsigned i = 0; i < PEERS; i++) {
                r = hand_expect(&h[i], MESSAGE_RESOLVE, 0);
                CHECK_EQ(capnp_reader_u16(r, RESOLVE_TAG_AT, 0), RESOLVE_CAP);
                hand_expect_nothing(&h[i]);
                hand_close(&h[i]);
        }
        chain_close();
}

/* ---- calls on the results of calls ----------------------------------------------------------- */

static capnp_question *calls[LONG];

static void calls_on(capnp_cap *first)
{
        for (unsigned i = 0; i < LONG; i++) {
                calls[i] = ask(host.vat, i ? result_cap(calls[i - 1]) : first, ECHO, i, host.self);
                capnp_question_send(calls[i], NULL, NULL);
        }
}

TEST(chain_of_calls_is_served)
{
        capnp_promise *p;
        capnp_cap *c;

        host_open();
        CHECK_OK(capnp_promise_new(host.vat, &p, &c));
        calls_on(c);
        capnp_promise_resolve(p, host.self);
        host_run();
        check_steps(LONG, 16);
        for (unsigned i = 0; i < LONG; i++)
                check_word(calls[i], i);
        capnp_cap_unref(c);
        host_close();
}

TEST(chain_of_calls_fails)
{
        capnp_promise *p;
        capnp_cap *c;

        host_open();
        CHECK_OK(capnp_promise_new(host.vat, &p, &c));
        calls_on(c);
        capnp_promise_break(p, (capnp_exception){CAPNP_FAILED, "broken so"});
        host_run();
        check_steps(LONG, 16);
        for (unsigned i = 0; i < LONG; i++) {
                CHECK_STR(capnp_question_exception(calls[i]).reason, "broken so");
                capnp_question_free(calls[i]);
        }
        capnp_cap_unref(c);
        host_close();
}

TEST(chain_of_calls_is_canceled)
{
        capnp_promise *p;
        capnp_cap *c;

        host_open();
        CHECK_OK(capnp_promise_new(host.vat, &p, &c));
        calls_on(c);
        for (unsigned i = 0; i < LONG; i++)
                capnp_question_free(calls[i]);
        capnp_promise_resolve(p, host.self);
        host_run();
        CHECK_EQ(host.served, 0);
        capnp_cap_unref(c);
        host_close();
}

/* It goes out to a peer in one piece, and comes back with its connection. */
TEST(chain_of_calls_is_sent)
{
        struct capnp_rpc_counts n;
        capnp_vat *far;
        capnp_rpc *ra, *rb;
        capnp_promise *p;
        capnp_cap *c, *there;

        host_open();
        CHECK_OK(capnp_vat_new_bare(&far));
        CHECK_OK(capnp_rpc_new(host.vat, NULL, NULL, &ra));
        CHECK_OK(capnp_rpc_new(far, NULL, NULL, &rb));
        CHECK_OK(capnp_rpc_bootstrap(ra, &there));
        CHECK_OK(capnp_promise_new(host.vat, &p, &c));
        calls_on(c);
        capnp_promise_resolve(p, there);
        capnp_rpc_count(ra, &n);
        CHECK_EQ(n.questions, LONG + 1);
        check_steps(LONG, 16);
        capnp_rpc_free(ra);
        host_run();
        for (unsigned i = 0; i < LONG; i++) {
                CHECK_EQ(capnp_question_result(calls[i]), CAPNP_E_DISCONNECTED);
                capnp_question_free(calls[i]);
        }
        capnp_cap_unref(there);
        capnp_cap_unref(c);
        capnp_rpc_free(rb);
        capnp_vat_free(far);
        host_close();
}

TEST(chain_of_tail_calls)
{
        capnp_question *q;

        host_open();
        q = sent(host.self, AGAIN, LONG * 10);
        host_run();
        check_word(q, 7);
        host_close();
}

/* ---- rings ------------------------------------------------------------------------------------
 */

static void check_failed(capnp_question *q)
{
        CHECK_EQ(capnp_question_result(q), CAPNP_E_EXCEPTION);
        CHECK_EQ(capnp_question_exception(q).kind, CAPNP_FAILED);
        capnp_question_free(q);
}

/* A call's target becomes what the call returns. */
TEST(ring_of_a_call_and_its_result)
{
        capnp_promise *p;
        capnp_question *q;
        capnp_cap *c;

        host_open();
        CHECK_OK(capnp_promise_new(host.vat, &p, &c));
        q = sent(c, ECHO, 1);
        capnp_promise_resolve(p, result_cap(q));
        host_run();
        check_failed(q);
        CHECK(capnp_cap_is_broken(c, NULL));
        capnp_cap_unref(c);
        host_close();
}

/* The same, decided before the call is sent. */
TEST(ring_of_an_unsent_call)
{
        capnp_promise *p[2];
        capnp_question *q[2];
        capnp_cap *c[2];

        host_open();
        for (unsigned i = 0; i < 2; i++) {
                CHECK_OK(capnp_promise_new(host.vat, &p[i], &c[i]));
                q[i] = ask(host.vat, c[i], ECHO, 0, NULL);
        }
        for (unsigned i = 0; i < 2; i++)
                capnp_promise_resolve(p[i], result_cap(q[!i]));
        capnp_question_send(q[0], NULL, NULL);
        capnp_question_send(q[1], NULL, NULL);
        host_run();
        for (unsigned i = 0; i < 2; i++) {
                check_failed(q[i]);
                capnp_cap_unref(c[i]);
        }
        host_close();
}

TEST(ring_of_many_promises)
{
        capnp_question *q;

        chain_open(LONG);
        q = sent(chain.c[LONG / 2], ECHO, 1);
        for (unsigned i = 0; i + 1 < LONG; i++)
                chain_link(i);
        capnp_promise_resolve(chain.p[LONG - 1], chain.c[0]);
        host_run();
        check_failed(q);
        check_steps(LONG, 16);
        for (unsigned i = 0; i < LONG; i++)
                CHECK(capnp_cap_is_broken(chain.c[i], NULL));
        chain_close();
}

TEST(ring_of_many_calls)
{
        capnp_promise *p;
        capnp_cap *c;

        host_open();
        CHECK_OK(capnp_promise_new(host.vat, &p, &c));
        calls_on(c);
        host.vat->steps = 0;
        capnp_promise_resolve(p, result_cap(calls[LONG - 1]));
        host_run();
        check_steps(LONG, 16);
        for (unsigned i = 0; i < LONG; i++)
                check_failed(calls[i]);
        capnp_cap_unref(c);
        host_close();
}

/* Many small things are hung below a long chain: what each costs does not depend on the chain. */
TEST(no_ring_costs_little)
{
        static capnp_promise *p[LONG];
        static capnp_cap *c[LONG];
        capnp_promise *first;
        capnp_cap *root;

        host_open();
        CHECK_OK(capnp_promise_new(host.vat, &first, &root));
        calls_on(root);
        for (unsigned i = 0; i < LONG; i++)
                CHECK_OK(capnp_promise_new(host.vat, &p[i], &c[i]));
        host.vat->steps = 0;
        for (unsigned i = 0; i < LONG; i++)
                capnp_promise_resolve(p[i], result_cap(calls[LONG - 1]));
        check_steps(LONG, 16);
        capnp_promise_break(first, (capnp_exception){CAPNP_FAILED, "broken so"});
        host_run();
        for (unsigned i = 0; i < LONG; i++) {
                capnp_question_free(calls[i]);
                capnp_cap_unref(c[i]);
        }
        capnp_cap_unref(root);
        host_close();
}

/* Through a membrane it is the same ring. */
TEST(ring_through_a_membrane)
{
        static const struct capnp_membrane_ops allow;
        capnp_membrane *m;
        capnp_cap *c, *wrapped;
        capnp_question *q;
        capnp_promise *p;

        host_open();
        CHECK_OK(capnp_membrane_new(host.vat, &allow, NULL, &m));
        CHECK_OK(capnp_promise_new(host.vat, &p, &c));
        wrapped = capnp_membrane_wrap(m, c);
        q = sent(wrapped, ECHO, 1);
        capnp_promise_resolve(p, result_cap(q));
        host_run();
        check_failed(q);
        capnp_cap_unref(wrapped);
        capnp_cap_unref(c);
        capnp_membrane_unref(m);
        host_close();
}

/*
 * Two vats resolve a promise of each to that of the other: no vat can see that. The end of the
 * connection is the end of it.
 */
struct other {
        capnp_promise *p;
        capnp_cap *held, *c;
};

static int other_serve(void *self, capnp_answer *a)
{
        struct other *o = self;

        o->held = capnp_cap_ref(asked_cap(a));
        return reply(a, 0, o->c);
}

TEST(ring_of_two_vats)
{
        struct other o = {0};
        capnp_cap *mine, *root;
        capnp_question *q;
        capnp_promise *p;
        struct rig g;

        CHECK_OK(rig_open(&g, other_serve, &o));
        CHECK_OK(capnp_promise_new(g.b.vat, &o.p, &o.c));
        CHECK_OK(capnp_promise_new(g.a.vat, &p, &mine));
        CHECK_OK(capnp_rpc_bootstrap(g.a.rpc, &root));
        q = ask(g.a.vat, root, 0, 0, mine);
        capnp_question_send(q, NULL, NULL);
        rig_run(&g);
        capnp_promise_resolve(p, result_cap(q));
        capnp_promise_resolve(o.p, o.held);
        rig_run(&g);
        capnp_rpc_close(g.a.rpc, (capnp_exception){CAPNP_DISCONNECTED, "enough"});
        rig_run(&g);
        CHECK(capnp_cap_is_broken(mine, NULL));
        CHECK(capnp_cap_is_broken(o.c, NULL));
        capnp_question_free(q);
        capnp_cap_unref(mine);
        capnp_cap_unref(root);
        capnp_cap_unref(o.c);
        capnp_cap_unref(o.held);
        rig_run(&g);
        rig_empty(g.a.rpc);
        rig_empty(g.b.rpc);
        rig_close(&g);
}

/* Calls hold each other's results, or their own, in their parameters; then the connection goes. */
TEST(calls_that_want_each_other)
{
        struct hand h;

        host_open();
        hand_open(&h, host.vat, host.self);
        CHECK_OK(hand_bootstrap(&h, 0));
        CHECK_OK(
                hand_call_with(&h, 1, to_bootstrap(0), HANG, (struct arg){DESC_SENDER_PROMISE, 7}));
        CHECK_OK(hand_call_with(&h, 2, to_bootstrap(0), HANG,
                                (struct arg){DESC_RECEIVER_ANSWER, 1}));
        CHECK_OK(
                hand_call_with(&h, 3, to_bootstrap(0), HANG, (struct arg){DESC_SENDER_PROMISE, 8}));
        hand_run(&h);
        CHECK_OK(hand_resolve(&h, 7, DESC_RECEIVER_ANSWER, 2));
        CHECK_OK(hand_resolve(&h, 8, DESC_RECEIVER_ANSWER, 3));
        hand_run(&h);
        hand_close(&h);
        CHECK_EQ(host.canceled, 3);
        host_close();
}

/* Made by a peer out of its own promise and our answers: nothing stays when it goes. */
TEST(ring_that_a_peer_makes)
{
        struct capnp_rpc_counts n;
        struct hand h;

        host_open();
        hand_open(&h, host.vat, host.self);
        CHECK_OK(hand_bootstrap(&h, 0));
        CHECK_OK(hand_call(&h, 1, to_bootstrap(0), HANG));
        CHECK_OK(
                hand_call_with(&h, 5, to_bootstrap(0), ECHO, (struct arg){DESC_SENDER_PROMISE, 7}));
        hand_run(&h);
        CHECK_OK(hand_call(&h, 2, to_answer(1), ECHO));
        CHECK_OK(hand_resolve(&h, 7, DESC_RECEIVER_ANSWER, 2));
        /* The handler of 1 returns the peer's promise, which is the result of 2, which waits. */
        CHECK_OK(capnp_rpc_check(h.rpc));
        (void)hand_expect(&h, MESSAGE_RETURN, 0);
        (void)hand_expect(&h, MESSAGE_RETURN, 5);
        (void)hand_expect(&h, MESSAGE_RELEASE, 7);
        CHECK_OK(hand_call_with(&h, 6, to_bootstrap(0), HANG,
                                (struct arg){DESC_RECEIVER_ANSWER, 2}));
        {
                capnp_answer *one = host.kept;

                hand_run(&h);
                CHECK_OK(reply(one, 0, asked_cap(host.kept)));
        }
        hand_run(&h);
        CHECK_EQ(capnp_reader_u16(hand_expect(&h, MESSAGE_RETURN, 2), RETURN_TAG_AT, 0),
                 RETURN_EXCEPTION);
        (void)hand_expect(&h, MESSAGE_RETURN, 1);
        capnp_rpc_count(h.rpc, &n);
        CHECK_EQ(n.answers, 5);
        hand_close(&h);
        CHECK_EQ(host.canceled, 1);
        host_close();
}
