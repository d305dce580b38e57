/*
 * What is lost on the way: a call that goes while it is delivered.
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
