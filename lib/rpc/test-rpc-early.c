/*
 * Finish.requireEarlyCancellationWorkaround: a call that was not delivered yet is delivered before
 * it is canceled, here and through a relay; without the flag it is taken back.
 */
#include "test-rpc-hand.h"

enum { COUNT, LATER, HANG };

/* An object that counts, and gives itself when it is told to. */
struct server {
        capnp_vat *vat;
        capnp_cap *root;
        capnp_answer *kept;
        unsigned counted, canceled;
};

static void server_canceled(capnp_answer *a, void *arg)
{
        ((struct server *)arg)->canceled++;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static int server_serve(void *self, capnp_answer *a)
{
        struct server *s = self;

        switch (capnp_answer_method(a)) {
        case COUNT:
                s->counted++;
                return reply(a, s->counted, NULL);
        case LATER:
                s->kept = a;
                return capnp_answer_keep(a, NULL, NULL);
        default:
                s->counted++;
                return capnp_answer_keep(a, server_canceled, s);
        }
}

static void server_open(struct server *s)
{
        *s = (struct server){0};
        CHECK_OK(capnp_vat_new_bare(&s->vat));
        CHECK_OK(capnp_cap_new_dispatch(s->vat, server_serve, NULL, s, &s->root));
}

static void server_close(struct server *s)
{
        capnp_cap_unref(s->root);
        capnp_vat_free(s->vat);
}

static void server_decide(struct server *s)
{
        CHECK_OK(reply(s->kept, 0, s->root));
}

/* Two calls on the result of one that is not there yet, both finished at once. */
static void pipelined(struct hand *h, struct server *s, bool workaround, uint16_t method)
{
        server_open(s);
        hand_open(h, s->vat, s->root);
        CHECK_OK(hand_bootstrap(h, 0));
        CHECK_OK(hand_call(h, 1, to_bootstrap(0), LATER));
        CHECK_OK(hand_call(h, 2, to_answer(1), method));
        CHECK_OK(hand_call(h, 3, to_answer(1), method));
        hand_run(h);
        CHECK_OK(hand_finish(h, 2, workaround));
        CHECK_OK(hand_finish(h, 3, workaround));
        hand_run(h);
        CHECK_EQ(s->counted, 0);
}

static void ended(struct hand *h, struct server *s)
{
        CHECK_OK(hand_finish(h, 0, false));
        CHECK_OK(hand_finish(h, 1, false));
        hand_run(h);
        hand_close(h);
        server_close(s);
}

TEST(delivered_before_it_is_canceled)
{
        struct hand h;
        struct server s;
        struct capnp_rpc_counts n;

        pipelined(&h, &s, true, COUNT);
        server_decide(&s);
        hand_run(&h);
        CHECK_EQ(s.counted, 2);
        capnp_rpc_count(h.rpc, &n);
        CHECK_EQ(n.answers, 2); /* 0 and 1: 2 and 3 have ended */
        ended(&h, &s);
}

TEST(canceled_once_delivered)
{
        struct hand h;
        struct server s;

        pipelined(&h, &s, true, HANG);
        server_decide(&s);
        hand_run(&h);
        CHECK_EQ(s.counted, 2);
        CHECK_EQ(s.canceled, 2);
        ended(&h, &s);
}

TEST(taken_back_without_the_flag)
{
        struct hand h;
        struct server s;
        struct capnp_rpc_counts n;

        pipelined(&h, &s, false, COUNT);
        capnp_rpc_count(h.rpc, &n);
        CHECK_EQ(n.answers, 2);
        server_decide(&s);
        hand_run(&h);
        CHECK_EQ(s.counted, 0);
        ended(&h, &s);
}

/* What waits for an answer of a connection that has gone waits for nothing. */
TEST(given_up_with_the_connection)
{
        struct hand h;
        struct server s;

        pipelined(&h, &s, true, COUNT);
        hand_close(&h);
        server_decide(&s);
        while (capnp_rpc_step(s.vat))
                ;
        CHECK_EQ(s.counted, 0);
        server_close(&s);
}

/* ---- through a relay ------------------------------------------------------------------------ */

/* The client is played by hand, and so is the server behind the relay. */
static void relayed(bool workaround)
{
        struct hand client, server;
        capnp_cap *inside = NULL;
        capnp_vat *v;
        capnp_reader b;
        uint32_t asked;

        CHECK_OK(capnp_vat_new_bare(&v));
        hand_open(&server, v, NULL);
        CHECK_OK(capnp_rpc_bootstrap(server.rpc, &inside));
        (void)hand_expect(&server, MESSAGE_BOOTSTRAP, 0);
        CHECK_OK(hand_return_bootstrap(&server, 0, 40));
        hand_next(&server);
        CHECK_EQ(hand_read(&server, &b), MESSAGE_FINISH);
        hand_open(&client, v, inside);
        CHECK_OK(hand_bootstrap(&client, 0));
        CHECK_OK(hand_call(&client, 1, to_bootstrap(0), HANG));
        hand_run(&client);
        hand_next(&server);
        CHECK_EQ(hand_read(&server, &b), MESSAGE_CALL);
        asked = capnp_reader_u32(b, ID_AT, 0);
        CHECK_OK(hand_finish(&client, 1, workaround));
        b = hand_expect(&server, MESSAGE_FINISH, asked);
        CHECK_EQ(capnp_reader_bool(b, FINISH_WORKAROUND_BIT, true), workaround);
        capnp_cap_unref(inside);
        hand_close(&client);
        hand_close(&server);
        capnp_vat_free(v);
}

TEST(flag_goes_on_through_a_relay)
{
        relayed(true);
        relayed(false);
}

/* The relay itself waits: it delivers, and then says that nobody waits, and why it waited. */
TEST(relay_delivers_what_waited_in_it)
{
        struct hand client, server;
        capnp_cap *promised = NULL, *inside = NULL;
        capnp_promise *decide = NULL;
        capnp_vat *v;
        capnp_reader b;
        uint32_t asked;

        CHECK_OK(capnp_vat_new_bare(&v));
        CHECK_OK(capnp_promise_new(v, &decide, &promised));
        hand_open(&server, v, NULL);
        CHECK_OK(capnp_rpc_bootstrap(server.rpc, &inside));
        hand_open(&client, v, promised);
        (void)hand_expect(&server, MESSAGE_BOOTSTRAP, 0);
        CHECK_OK(hand_return_bootstrap(&server, 0, 40));
        hand_next(&server);
        CHECK_EQ(hand_read(&server, &b), MESSAGE_FINISH);
        CHECK_OK(hand_bootstrap(&client, 0));
        CHECK_OK(hand_call(&client, 1, to_bootstrap(0), HANG));
        CHECK_OK(hand_finish(&client, 1, true));
        hand_run(&client);
        hand_expect_nothing(&server);
        capnp_promise_resolve(decide, inside);
        hand_run(&client);
        hand_next(&server);
        CHECK_EQ(hand_read(&server, &b), MESSAGE_CALL);
        asked = capnp_reader_u32(b, ID_AT, 0);
        b = hand_expect(&server, MESSAGE_FINISH, asked);
        CHECK_EQ(capnp_reader_bool(b, FINISH_WORKAROUND_BIT, true), true);
        capnp_cap_unref(inside);
        capnp_cap_unref(promised);
        hand_close(&client);
        hand_close(&server);
        capnp_vat_free(v);
}
