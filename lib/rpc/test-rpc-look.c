/*
 * A policy that looks into calls: their parameters, whether one like it is under way on the same
 * object, by whatever reference; and how many references are held through a membrane.
 */
#include "test-rpc-rig.h"

enum { NOTE, ECHO, MAKE, HOLD, HELD = 8 };

static struct {
        struct rig rig;
        capnp_membrane *wall;
        capnp_cap *wrapped; /* at vat b, which serves it */
        capnp_promise *later;
        capnp_answer *held[HELD];
        unsigned nheld, ended;
        struct capnp_membrane_call seen; /* the last */
        uint64_t first;                  /* word of its parameters */
        uint32_t most;                   /* references */
        bool refuses;
} t;

static void canceled(capnp_answer *a, void *arg)
{
        (void)arg;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static int serve(void *self, capnp_answer *a)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *made = NULL;

        if (capnp_answer_method(a) == HOLD) {
                t.held[t.nheld++] = a;
                return capnp_answer_keep(a, canceled, NULL);
        }
        if (capnp_answer_method(a) == MAKE)
                CHECK_OK(capnp_cap_new_dispatch(t.rig.b.vat, serve, NULL, self, &made));
        return reply(a, 0, made);
}

static int look(void *self, const struct capnp_membrane_call *c, capnp_exception *why)
{
        (void)self;
        t.seen = *c;
        t.first = capnp_reader_u64(c->params, 0, 0);
        *why = (capnp_exception){CAPNP_FAILED, "seen"};
        return t.refuses;
}

static int pass(void *self, bool inward, uint64_t iface, uint16_t method, uint64_t bytes,
                capnp_exception *why)
{
        (void)self, (void)inward, (void)iface, (void)method, (void)bytes, (void)why;
        return 0;
}

static void end(void *self, uint64_t bytes)
{
        (void)self, (void)bytes;
        t.ended++;
}

static int transfer(void *self, bool inward, capnp_cap *c, capnp_exception *why)
{
        (void)self;
        *why = (capnp_exception){CAPNP_OVERLOADED, "too many"};
        return !inward && capnp_membrane_held(t.wall, c) >= t.most;
}

static const struct capnp_membrane_ops policy = {
        .pass = pass, .look = look, .end = end, .transfer = transfer};

/* b serves an object, and a has a connection to it. wait: it is a promise first. */
static void start(bool wait)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *inside = NULL;

        memset(&t, 0, sizeof(t));
        t.most = UINT32_MAX;
        CHECK_OK(capnp_vat_new_bare(&t.rig.a.vat));
        CHECK_OK(capnp_vat_new_bare(&t.rig.b.vat));
        CHECK_OK(capnp_membrane_new(t.rig.b.vat, &policy, NULL, &t.wall));
        if (wait)
                CHECK_OK(capnp_promise_new(t.rig.b.vat, &t.later, &inside));
        else
                CHECK_OK(capnp_cap_new_dispatch(t.rig.b.vat, serve, NULL, NULL, &inside));
        t.wrapped = capnp_membrane_wrap(t.wall, inside);
        CHECK(t.wrapped);
        CHECK_OK(capnp_rpc_new(t.rig.a.vat, NULL, NULL, &t.rig.a.rpc));
        CHECK_OK(capnp_rpc_new(t.rig.b.vat, NULL, t.wrapped, &t.rig.b.rpc));
}

static void finish(void)
{
        rig_run(&t.rig);
        rig_empty(t.rig.a.rpc);
        rig_empty(t.rig.b.rpc);
        capnp_cap_unref(t.wrapped);
        capnp_membrane_unref(t.wall);
        rig_close(&t.rig);
}

static capnp_question *send(capnp_cap *c, uint16_t method, uint64_t word)
{
        capnp_question *q = ask(t.rig.a.vat, c, method, word, NULL);

        capnp_question_send(q, NULL, NULL);
        rig_run(&t.rig);
        return q;
}

static capnp_cap *bootstrap(void)
{
        capnp_cap *c = NULL;

        CHECK_OK(capnp_rpc_bootstrap(t.rig.a.rpc, &c));
        return c;
}

static void refused(capnp_question *q, const char *why)
{
        CHECK(capnp_question_result(q));
        CHECK_STR(capnp_question_exception(q).reason, why);
        capnp_question_free(q);
}

TEST(what_is_in_a_call_is_seen)
{
        capnp_question *q;
        capnp_cap *root;

        start(false);
        root = bootstrap();
        q = send(root, NOTE, 4711);
        CHECK_OK(capnp_question_result(q));
        capnp_question_free(q);
        CHECK(t.seen.inward);
        CHECK_EQ(t.seen.iface, 7);
        CHECK_EQ(t.seen.method, NOTE);
        CHECK_EQ(t.first, 4711);
        rig_run(&t.rig);
        CHECK_EQ(t.ended, 1);
        t.refuses = true;
        refused(send(root, NOTE, 0), "seen");
        CHECK_EQ(t.ended, 2); /* what pass has allowed ends */
        capnp_cap_unref(root);
        finish();
}

TEST(one_like_it_is_under_way_until_it_returns_or_is_given_up)
{
        capnp_question *first, *second, *made;
        capnp_cap *root, *other;

        start(false);
        root = bootstrap();
        made = send(root, MAKE, 0);
        other = result_cap(made);
        first = send(root, HOLD, 0);
        CHECK_EQ(t.seen.open, 0);
        second = send(root, HOLD, 0);
        CHECK_EQ(t.seen.open, 1);
        capnp_question_free(send(root, NOTE, 0));
        CHECK_EQ(t.seen.open, 0);
        capnp_question_free(send(other, HOLD, 0));
        CHECK_EQ(t.seen.open, 0);
        capnp_question_free(second);
        rig_run(&t.rig);
        second = send(root, HOLD, 0);
        CHECK_EQ(t.seen.open, 1);
        CHECK_OK(capnp_answer_return(t.held[0]));
        rig_run(&t.rig);
        CHECK_OK(capnp_question_result(first));
        capnp_question_free(first);
        first = send(root, HOLD, 0);
        CHECK_EQ(t.seen.open, 1);
        capnp_question_free(first);
        capnp_question_free(second);
        capnp_question_free(made);
        capnp_cap_unref(root);
        finish();
}

/* By the promise of what was made, by what that has become, and by another wrapper. */
TEST(it_is_the_same_by_whatever_reference)
{
        capnp_question *made, *first;
        capnp_cap *root, *object, *again;

        start(true);
        root = bootstrap();
        made = ask(t.rig.a.vat, root, MAKE, 0, NULL);
        capnp_question_send(made, NULL, NULL);
        first = send(result_cap(made), HOLD, 0);
        CHECK_OK(capnp_cap_new_dispatch(t.rig.b.vat, serve, NULL, NULL, &object));
        capnp_promise_resolve(t.later, object);
        rig_run(&t.rig);
        CHECK_EQ(t.nheld, 1);
        capnp_question_free(send(result_cap(made), HOLD, 0));
        CHECK_EQ(t.seen.open, 1);
        capnp_question_free(first);
        rig_run(&t.rig);
        first = send(root, HOLD, 0);
        CHECK_EQ(t.seen.open, 0);
        again = capnp_membrane_wrap(t.wall, object);
        capnp_question_free(send(root, HOLD, 0));
        CHECK_EQ(t.seen.open, 1);
        capnp_cap_unref(again);
        capnp_cap_unref(object);
        capnp_question_free(first);
        capnp_question_free(made);
        capnp_cap_unref(root);
        finish();
}

/* A call that its object does not answer holds nothing of it any more. */
TEST(a_revocation_lets_go_of_what_was_called)
{
        capnp_question *q;
        capnp_cap *root;

        start(false);
        root = bootstrap();
        q = send(root, HOLD, 0);
        capnp_membrane_revoke(t.wall, (capnp_exception){CAPNP_FAILED, "revoked"});
        rig_run(&t.rig);
        refused(q, "revoked");
        capnp_cap_unref(root);
        finish();
}

TEST(references_are_counted_while_they_are_held)
{
        capnp_question *made[3];
        capnp_cap *root;

        start(false);
        root = bootstrap();
        CHECK_EQ(capnp_membrane_held(t.wall, NULL), 1);
        CHECK_EQ(capnp_membrane_held(t.wall, t.wrapped), 1);
        t.most = 4;
        for (unsigned i = 0; i < 3; i++)
                made[i] = send(root, MAKE, 0);
        CHECK_EQ(capnp_membrane_held(t.wall, NULL), 4);
        CHECK_OK(capnp_question_result(made[2]));
        refused(send(root, MAKE, 0), "too many");
        capnp_question_free(made[0]);
        rig_run(&t.rig);
        made[0] = send(root, MAKE, 0);
        CHECK_OK(capnp_question_result(made[0]));
        refused(send(root, MAKE, 0), "too many");
        for (unsigned i = 0; i < 3; i++)
                capnp_question_free(made[i]);
        capnp_cap_unref(root);
        finish();
}
