/*
 * What is lost on the way: a call that goes while it is delivered, and one for whose target or
 * result there is no memory.
 */
#include "test-rpc-rig.h"

enum { COUNT, LATER, REFUSED };

struct server {
        capnp_answer *kept;
        unsigned counted, canceled;
};

static void server_canceled(capnp_answer *a, void *arg)
{
        (void)a;
        ((struct server *)arg)->canceled++;
}

static int server_serve(void *self, capnp_answer *a)
{
        struct server *s = self;

        if (capnp_answer_method(a) == COUNT) {
                s->counted++;
                return reply(a, s->counted, NULL);
        }

        s->kept = a;
        return capnp_answer_keep(a, server_canceled, s);
}

/* ---- a call that goes while it crosses ------------------------------------------------------- */

static unsigned wall_refused, wall_passed, wall_ended;

static int wall_pass(void *self, bool inward, uint64_t iface, uint16_t method, uint64_t bytes,
                     capnp_exception *why)
{
        (void)self, (void)inward, (void)iface, (void)bytes;
        if (method == REFUSED) {
                wall_refused++;
                *why = (capnp_exception){CAPNP_FAILED, "refused"};
                return 1;
        }

        wall_passed++;
        return 0;
}

static void wall_end(void *self, uint64_t bytes)
{
        (void)self, (void)bytes;
        wall_ended++;
}

static const struct capnp_membrane_ops WALL = {.pass = wall_pass, .end = wall_end};

static void run(capnp_vat *v)
{
        while (capnp_rpc_step(v))
                ;
}

/*
 * A call waits behind a stream call, and all that wants it is a call on its result. As it crosses
 * the membrane, that one follows and is refused: now nobody wants the first, in the middle of its
 * delivery.
 */
TEST(unwanted_while_it_crosses)
{
        struct server s = {0};
        capnp_vat *vat;
        capnp_membrane *wall;
        capnp_cap *object, *outside;
        capnp_question *q;

        wall_refused = wall_passed = wall_ended = 0;
        CHECK_OK(capnp_vat_new_bare(&vat));
        CHECK_OK(capnp_membrane_new(vat, &WALL, NULL, &wall));
        CHECK_OK(capnp_cap_new_dispatch(vat, server_serve, NULL, &s, &object));
        outside = capnp_membrane_wrap(wall, object);
        CHECK_OK(capnp_question_stream(ask(vat, outside, LATER, 0, NULL), NULL, NULL));
        run(vat);
        CHECK(s.kept);

        q = ask(vat, outside, COUNT, 0, NULL);
        capnp_question_send(q, NULL, NULL);
        capnp_question_detach(ask(vat, result_cap(q), REFUSED, 0, NULL));
        capnp_question_free(q);
        run(vat);
        CHECK_EQ(wall_refused, 0);

        CHECK_OK(reply(s.kept, 0, NULL));
        run(vat);
        CHECK_EQ(wall_refused, 1);
        CHECK_EQ(s.counted, 0); /* it had been taken back */
        CHECK_EQ(wall_passed, wall_ended);

        capnp_cap_unref(outside);
        capnp_cap_unref(object);
        capnp_membrane_unref(wall);
        capnp_vat_free(vat);
}

/* ---- no memory for what a call is made on ---------------------------------------------------- */

/* A call on the result of another arrives, and its n-th allocation fails. Whether it had so many.
 */
static bool starved_at(uint64_t n)
{
        struct server s = {0};
        struct rig g;
        capnp_cap *root;
        capnp_question *first, *second;
        bool reached;

        CHECK_OK(rig_open(&g, server_serve, &s));
        CHECK_OK(capnp_rpc_bootstrap(g.a.rpc, &root));
        first = ask(g.a.vat, root, LATER, 0, NULL);
        capnp_question_send(first, NULL, NULL);
        rig_run(&g);
        second = ask(g.a.vat, result_cap(first), COUNT, 0, NULL);
        capnp_question_send(second, NULL, NULL);

        test_fail_alloc_at(n);
        CHECK(rig_move_one(g.a.rpc, g.b.rpc));
        reached = test_alloc_failed();
        test_fail_alloc_at(0);

        CHECK_OK(reply(s.kept, 0, g.b.rpc->bootstrap));
        rig_run(&g);
        CHECK(capnp_question_is_done(second));
        if (capnp_rpc_is_closed(g.b.rpc, NULL)) {
                CHECK_EQ(capnp_question_exception(second).kind, CAPNP_DISCONNECTED);
        } else {
                CHECK_OK(capnp_question_result(second));
                CHECK_EQ(s.counted, 1);
        }

        capnp_question_free(second);
        capnp_question_free(first);
        capnp_cap_unref(root);
        rig_run(&g);
        rig_close(&g);
        return reached;
}

/* The peer is told, one way or another; never that the result it named is null. */
TEST(no_memory_is_not_null)
{
        uint64_t n = 1;

        while (starved_at(n))
                n++;
        CHECK(n > 1); /* how many there are depends on blocks that are used again */
}

/* A result is asked for before it is there, and the n-th allocation fails. */
static bool peeked_at(uint64_t n)
{
        struct server s = {0};
        struct rig g;
        capnp_cap *root;
        capnp_question *q;
        bool reached;

        CHECK_OK(rig_open(&g, server_serve, &s));
        CHECK_OK(capnp_rpc_bootstrap(g.a.rpc, &root));
        q = ask(g.a.vat, root, LATER, 0, NULL);
        capnp_question_send(q, NULL, NULL);
        rig_run(&g);

        test_fail_alloc_at(n);
        (void)result_cap(q);
        reached = test_alloc_failed();
        test_fail_alloc_at(0);

        CHECK(result_cap(q)); /* there is memory again */
        CHECK_OK(reply(s.kept, 0, g.b.rpc->bootstrap));
        rig_run(&g);
        CHECK(result_cap(q));

        capnp_question_free(q);
        capnp_cap_unref(root);
        rig_run(&g);
        rig_close(&g);
        return reached;
}

TEST(no_memory_is_not_remembered)
{
        uint64_t n = 1;

        while (peeked_at(n))
                n++;
        CHECK(n > 1);
}
