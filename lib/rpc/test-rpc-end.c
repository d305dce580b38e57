/*
 * How a connection ends, and whose doing it was; and a peer that may send data only.
 */
#include "test-rpc-hand.h"

static struct site {
        capnp_vat *vat;
        capnp_cap *root;
        unsigned served;
} t;

static int serve(void *self, capnp_answer *a)
{
        (void)self;
        t.served++;
        return reply(a, 0, NULL);
}

static void open_with(struct hand *h, const struct capnp_limits *limits)
{
        memset(&t, 0, sizeof(t));
        CHECK_OK(capnp_vat_new_bare(&t.vat));
        CHECK_OK(capnp_cap_new_dispatch(t.vat, serve, NULL, NULL, &t.root));
        hand_open_limits(h, t.vat, t.root, limits);
        CHECK_EQ(capnp_rpc_end(h->rpc), CAPNP_END_NONE);
        CHECK_OK(hand_bootstrap(h, 1));
        (void)hand_expect(h, MESSAGE_RETURN, 1);
}

static void close_as(struct hand *h, enum capnp_end end)
{
        CHECK_EQ(capnp_rpc_end(h->rpc), end);
        CHECK_EQ(capnp_rpc_is_closed(h->rpc, NULL), end != CAPNP_END_NONE);
        /* The first cause counts. */
        capnp_rpc_close(h->rpc, (capnp_exception){CAPNP_FAILED, "later"});
        CHECK_EQ(capnp_rpc_end(h->rpc), end == CAPNP_END_NONE ? CAPNP_END_OURS : end);
        hand_close(h);
        capnp_cap_unref(t.root);
        rig_vat_free(t.vat);
}

/* What is held of a connection that has ended counts, until it is let go. */
TEST(what_is_left_of_it_is_counted)
{
        struct capnp_rpc_counts n;
        capnp_cap *root;
        struct hand h;

        open_with(&h, NULL);
        CHECK_OK(capnp_rpc_bootstrap(h.rpc, &root));
        CHECK(capnp_vat_count(t.vat, &n) > 0);
        CHECK_EQ(n.questions, 1);
        CHECK_EQ(n.answers, 1);
        CHECK_OK(hand_return_bootstrap(&h, 0, 5));
        hand_run(&h);
        CHECK(capnp_vat_count(t.vat, &n) > 0);
        CHECK_EQ(n.imports, 1);
        hand_close(&h);
        capnp_cap_unref(t.root);
        capnp_vat_end(t.vat);
        CHECK(capnp_vat_count(t.vat, &n) > 0);
        CHECK_EQ(n.imports, 0);
        CHECK(n.held_bytes > 0);
        capnp_cap_unref(root);
        CHECK_EQ(capnp_vat_count(t.vat, &n), 0);
        CHECK_EQ(n.held_bytes, 0);
        capnp_vat_free(t.vat);
}

/* ---- whose doing ---------------------------------------------------------------------------- */

TEST(nobody_has_ended_it)
{
        struct hand h;

        open_with(&h, NULL);
        close_as(&h, CAPNP_END_NONE);
}

TEST(the_peer_closes_between_messages)
{
        struct hand h;

        open_with(&h, NULL);
        CHECK_EQ(capnp_rpc_feed(h.rpc, NULL, 0, NULL, 0), CAPNP_E_DISCONNECTED);
        close_as(&h, CAPNP_END_CLOSED);
}

TEST(the_peer_is_cut_off_inside_a_message)
{
        struct hand h;

        open_with(&h, NULL);
        CHECK_OK(capnp_rpc_feed(h.rpc, "\0\0\0", 4, NULL, 0));
        CHECK_EQ(capnp_rpc_feed(h.rpc, NULL, 0, NULL, 0), CAPNP_E_DISCONNECTED);
        close_as(&h, CAPNP_END_LOST);
}

TEST(the_transport_breaks)
{
        struct hand h;

        open_with(&h, NULL);
        capnp_i_rpc_lost(h.rpc, "read: no cable");
        close_as(&h, CAPNP_END_LOST);
}

TEST(the_peer_aborts)
{
        capnp_builder b;
        struct hand h;
        capnp_msg *m;

        open_with(&h, NULL);
        m = hand_message(MESSAGE_ABORT, 1, 2, &b);
        capnp_builder_set_text(b, 0, "enough");
        CHECK_EQ(hand_feed(&h, m), CAPNP_E_DISCONNECTED);
        close_as(&h, CAPNP_END_ABORTED);
}

TEST(the_peer_breaks_the_protocol)
{
        struct hand h;

        open_with(&h, NULL);
        CHECK_EQ(hand_call(&h, 2, to_export(99), 0), CAPNP_E_PROTOCOL);
        close_as(&h, CAPNP_END_BROKEN);
}

TEST(we_close)
{
        struct hand h;

        open_with(&h, NULL);
        capnp_rpc_close(h.rpc, (capnp_exception){CAPNP_DISCONNECTED, "done"});
        close_as(&h, CAPNP_END_OURS);
}

struct hearer {
        capnp_rpc *other; /* whose object the peer holds */
        bool heard, before;
};

static void hear(capnp_question *q, int r, void *arg)
{
        struct hearer *e = arg;
        struct iovec v;

        CHECK_EQ(r, CAPNP_E_DISCONNECTED);
        e->heard = true;
        e->before = capnp_rpc_out_peek(e->other, &v, 1, NULL, NULL) == 0;
        capnp_question_free(q);
}

/* What the peer held is let go after whoever had called it was told that it is over. Here that is
 * somebody else's object: nothing has been said to him by then. */
TEST(calls_end_before_what_the_peer_held)
{
        capnp_cap *root, *held;
        struct hearer e = {0};
        struct hand h, other;

        open_with(&h, NULL);
        hand_open(&other, t.vat, NULL);
        e.other = other.rpc;
        CHECK_OK(capnp_rpc_bootstrap(other.rpc, &held));
        CHECK_OK(hand_return_bootstrap(&other, 0, 6));
        CHECK_OK(capnp_rpc_bootstrap(h.rpc, &root));
        CHECK_OK(hand_return_bootstrap(&h, 0, 5));
        hand_run(&h);
        hand_listen(&other);
        capnp_question_send(ask(t.vat, root, 0, 0, held), hear, &e);
        capnp_cap_unref(held);
        hand_run(&h);
        CHECK(!e.heard);
        capnp_i_rpc_lost(h.rpc, "pulled out");
        hand_run(&h);
        CHECK(e.heard);
        CHECK(e.before);
        (void)hand_expect(&other, MESSAGE_BOOTSTRAP, 0);
        (void)hand_expect(&other, MESSAGE_FINISH, 0);
        (void)hand_expect(&other, MESSAGE_RELEASE, 6);
        capnp_cap_unref(root);
        hand_close(&other);
        close_as(&h, CAPNP_END_LOST);
}

/* ---- data only ------------------------------------------------------------------------------ */

static const struct capnp_limits data_only = {.data_only = true};

TEST(a_peer_of_data_calls_and_is_answered)
{
        struct hand h;

        open_with(&h, &data_only);
        CHECK_OK(hand_call(&h, 2, to_export(0), 0));
        hand_run(&h);
        CHECK_EQ(t.served, 1);
        (void)hand_expect(&h, MESSAGE_RETURN, 2);
        close_as(&h, CAPNP_END_NONE);
}

/* Whatever the entry is: also nothing at all, or what is ours. */
TEST(a_capability_in_a_call_ends_it)
{
        static const uint16_t tags[] = {DESC_SENDER_HOSTED,   DESC_SENDER_PROMISE,
                                        DESC_RECEIVER_HOSTED, DESC_RECEIVER_ANSWER,
                                        DESC_THIRD_PARTY,     77};

        for (unsigned i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
                struct capnp_rpc_counts n;
                struct hand h;

                open_with(&h, &data_only);
                CHECK_EQ(hand_call_with(&h, 2, to_export(0), 0, (struct arg){tags[i], 0}),
                         CAPNP_E_PROTOCOL);
                capnp_rpc_count(h.rpc, &n);
                CHECK_EQ(n.imports, 0);
                hand_run(&h);
                CHECK_EQ(t.served, 0);
                close_as(&h, CAPNP_END_BROKEN);
        }
}

TEST(a_capability_in_a_return_ends_it)
{
        capnp_question *q;
        capnp_cap *root;
        struct hand h;

        open_with(&h, &data_only);
        CHECK_OK(capnp_rpc_bootstrap(h.rpc, &root));
        q = ask(t.vat, root, 0, 0, NULL);
        capnp_question_send(q, NULL, NULL);
        CHECK_EQ(hand_return(&h, 1, 0, DESC_SENDER_HOSTED, 5), CAPNP_E_PROTOCOL);
        hand_run(&h);
        CHECK_EQ(capnp_question_result(q), CAPNP_E_DISCONNECTED);
        capnp_question_free(q);
        capnp_cap_unref(root);
        close_as(&h, CAPNP_END_BROKEN);
}

/* Also when nobody waits for the results any more. */
TEST(a_capability_in_a_late_return_ends_it)
{
        capnp_question *q;
        capnp_cap *root;
        struct hand h;

        open_with(&h, &data_only);
        CHECK_OK(capnp_rpc_bootstrap(h.rpc, &root));
        q = ask(t.vat, root, 0, 0, NULL);
        capnp_question_send(q, NULL, NULL);
        capnp_question_free(q);
        hand_run(&h);
        CHECK_EQ(hand_return(&h, 1, 0, DESC_SENDER_HOSTED, 5), CAPNP_E_PROTOCOL);
        capnp_cap_unref(root);
        close_as(&h, CAPNP_END_BROKEN);
}

TEST(a_resolve_ends_it)
{
        struct hand h;

        open_with(&h, &data_only);
        CHECK_EQ(hand_resolve(&h, 5, DESC_SENDER_HOSTED, 6), CAPNP_E_PROTOCOL);
        close_as(&h, CAPNP_END_BROKEN);
}

/* What one may do, the other may not forbid. */
TEST(without_the_limit_all_of_it_passes)
{
        struct hand h;

        open_with(&h, NULL);
        CHECK_OK(hand_call_with(&h, 2, to_export(0), 0, (struct arg){DESC_SENDER_HOSTED, 5}));
        CHECK_OK(hand_resolve(&h, 77, DESC_SENDER_HOSTED, 6));
        hand_run(&h);
        CHECK_EQ(t.served, 1);
        close_as(&h, CAPNP_END_NONE);
}
