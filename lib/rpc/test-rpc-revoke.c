/*
 * What a revocation does: to references, to promises, to calls, to what lies inside and to what
 * lies outside, while everybody still holds what they have.
 */
#include "test-rpc-hand.h"

enum { ECHO, MAKE, LATER, HOLD, HANG };

/* The inside: objects that make objects, hold what they are given, and promise. */
struct inside {
        capnp_vat *vat;
        capnp_promise *promise[8];
        capnp_cap *held;
        unsigned npromised, made, gone, canceled;
};

static int inside_serve(void *self, capnp_answer *a);

static void inside_gone(void *self)
{
        ((struct inside *)self)->gone++;
}

static void inside_canceled(capnp_answer *a, void *arg)
{
        ((struct inside *)arg)->canceled++;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static int inside_give(struct inside *s, capnp_answer *a, bool later)
{
        capnp_cap *c = NULL;
        int r = later ? capnp_promise_new(s->vat, &s->promise[s->npromised], &c)
                      : capnp_cap_new_dispatch(s->vat, inside_serve, inside_gone, s, &c);

        if (r)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "no memory");

        s->npromised += later;
        s->made += !later;
        r = reply(a, 0, c);
        capnp_cap_unref(c);
        return r;
}

static int inside_serve(void *self, capnp_answer *a)
{
        struct inside *s = self;

        switch (capnp_answer_method(a)) {
        case ECHO:
                return reply(a, asked_word(a), asked_cap(a));
        case MAKE:
                return inside_give(s, a, false);
        case LATER:
                return inside_give(s, a, true);
        case HOLD:
                capnp_cap_unref(s->held);
                s->held = capnp_cap_ref(asked_cap(a));
                return reply(a, 0, NULL);
        default:
                return capnp_answer_keep(a, inside_canceled, s);
        }
}

static struct rig g;
static struct inside in;
static capnp_membrane *wall;
static capnp_cap *to;
static unsigned resolves;
static const struct capnp_membrane_ops allow;

static void count_resolves(void *arg, bool incoming, capnp_msg *m)
{
        capnp_reader root = capnp_any_struct(capnp_msg_root(m), NULL);
        capnp_reader b = capnp_any_struct(capnp_reader_any(root, 0), NULL);

        (void)arg;
        if (!incoming && capnp_reader_u16(root, 0, 0) == MESSAGE_RESOLVE) {
                CHECK_EQ(capnp_reader_u16(b, RESOLVE_TAG_AT, 0), RESOLVE_EXCEPTION);
                resolves++;
        }
}

/* Vat b serves an object behind a membrane; vat a has it. */
static int start(void)
{
        capnp_cap *object = NULL, *wrapped = NULL;
        int r;

        in = (struct inside){0};
        wall = NULL;
        to = NULL;
        resolves = 0;
        g = (struct rig){0};
        r = capnp_vat_new_bare(&g.a.vat);
        if (!r)
                r = capnp_vat_new_bare(&g.b.vat);
        in.vat = g.b.vat;
        if (!r)
                r = capnp_membrane_new(g.b.vat, &allow, NULL, &wall);
        if (!r)
                r = capnp_cap_new_dispatch(g.b.vat, inside_serve, inside_gone, &in, &object);
        in.made += object != NULL;
        wrapped = wall ? capnp_membrane_wrap(wall, object) : NULL;
        if (!r && !wrapped)
                r = -ENOMEM;
        capnp_cap_unref(object);
        if (!r)
                r = capnp_rpc_new(g.a.vat, NULL, NULL, &g.a.rpc);
        if (!r)
                r = capnp_rpc_new(g.b.vat, NULL, wrapped, &g.b.rpc);
        capnp_cap_unref(wrapped);
        if (!r)
                capnp_rpc_set_trace(g.b.rpc, count_resolves, NULL);
        return r ? r : capnp_rpc_bootstrap(g.a.rpc, &to);
}

static void finish(void)
{
        to = capnp_cap_unref(to);
        in.held = capnp_cap_unref(in.held);
        wall = capnp_membrane_unref(wall);
        rig_run(&g);
        rig_empty(g.a.rpc);
        rig_empty(g.b.rpc);
        rig_close(&g);
        CHECK_EQ(in.made, in.gone);
}

static void revoke(void)
{
        capnp_membrane_revoke(wall, (capnp_exception){CAPNP_OVERLOADED, "revoked so"});
        rig_run(&g);
}

static capnp_question *sent(capnp_cap *c, uint16_t method, capnp_cap *arg)
{
        capnp_question *q = ask(g.a.vat, c, method, 0, arg);

        capnp_question_send(q, NULL, NULL);
        rig_run(&g);
        return q;
}

static void check_broken(const capnp_cap *c)
{
        capnp_exception why = {CAPNP_FAILED, ""};

        CHECK(capnp_cap_is_broken(c, &why));
        CHECK_EQ(why.kind, CAPNP_OVERLOADED);
        CHECK_STR(why.reason, "revoked so");
}

static void check_failed(capnp_question *q)
{
        CHECK_EQ(capnp_question_result(q), CAPNP_E_EXCEPTION);
        CHECK_EQ(capnp_question_exception(q).kind, CAPNP_OVERLOADED);
        CHECK_STR(capnp_question_exception(q).reason, "revoked so");
        capnp_question_free(q);
}

TEST(promises_that_crossed_are_settled)
{
        capnp_question *q[3], *waiting;
        unsigned i;

        CHECK_OK(start());
        for (i = 0; i < 3; i++)
                q[i] = sent(to, LATER, NULL);
        waiting = sent(result_cap(q[0]), ECHO, NULL);
        CHECK(!capnp_cap_is_broken(result_cap(q[1]), NULL));
        revoke();
        CHECK_EQ(resolves, 3);
        for (i = 0; i < 3; i++)
                check_broken(result_cap(q[i]));
        check_failed(waiting);
        check_failed(sent(result_cap(q[2]), ECHO, NULL));
        /* What the inside decides now is nobody's business. */
        capnp_promise_resolve(in.promise[0], NULL);
        capnp_promise_break(in.promise[1], (capnp_exception){CAPNP_FAILED, "late"});
        capnp_promise_resolve(in.promise[2], NULL);
        rig_run(&g);
        CHECK_EQ(resolves, 3);
        for (i = 0; i < 3; i++) {
                check_broken(result_cap(q[i]));
                capnp_question_free(q[i]);
        }
        finish();
}

TEST(the_inside_is_let_go)
{
        capnp_question *q[2], *hanging;

        CHECK_OK(start());
        q[0] = sent(to, MAKE, NULL);
        q[1] = sent(result_cap(q[0]), MAKE, NULL);
        hanging = sent(result_cap(q[1]), HANG, NULL);
        CHECK_EQ(in.made, 3);
        revoke();
        CHECK_EQ(in.gone, 3); /* also the bootstrap object, whose wrapper the listener holds */
        CHECK_EQ(in.canceled, 1);
        check_failed(hanging);
        check_failed(sent(result_cap(q[1]), ECHO, NULL));
        check_failed(sent(to, ECHO, NULL));
        capnp_question_free(q[0]);
        capnp_question_free(q[1]);
        finish();
}

/* The other way: what the inside holds of the outside breaks, and goes. */
TEST(the_outside_is_let_go)
{
        struct inside mine = {.vat = g.a.vat};
        capnp_cap *object = NULL;
        capnp_question *q;

        CHECK_OK(start());
        mine.vat = g.a.vat;
        CHECK_OK(capnp_cap_new_dispatch(g.a.vat, inside_serve, inside_gone, &mine, &object));
        capnp_question_free(sent(to, HOLD, object));
        capnp_cap_unref(object);
        rig_run(&g);
        CHECK_EQ(mine.gone, 0);
        revoke();
        CHECK_EQ(mine.gone, 1);
        check_broken(in.held);
        q = ask(g.b.vat, in.held, ECHO, 0, NULL);
        capnp_question_send(q, NULL, NULL);
        rig_run(&g);
        check_failed(q);
        finish();
}

/* A promise of the inside's that has become the client's own object stays that. */
TEST(own_object_that_came_home_stays)
{
        struct inside mine = {0};
        capnp_cap *object = NULL;
        capnp_question *q, *held;

        CHECK_OK(start());
        mine.vat = g.a.vat;
        CHECK_OK(capnp_cap_new_dispatch(g.a.vat, inside_serve, inside_gone, &mine, &object));
        held = sent(to, HOLD, object);
        q = sent(to, LATER, NULL);
        capnp_rpc_set_trace(g.b.rpc, NULL, NULL);
        capnp_promise_resolve(in.promise[0], in.held);
        rig_run(&g);
        CHECK_EQ((uintptr_t)capnp_cap_self_peek(result_cap(q), (void *)(uintptr_t)inside_serve),
                 (uintptr_t)&mine);
        revoke();
        CHECK(!capnp_cap_is_broken(result_cap(q), NULL));
        capnp_question_free(q);
        capnp_question_free(held);
        capnp_cap_unref(object);
        finish();
}

TEST(nothing_is_wrapped_any_more)
{
        capnp_cap *object = NULL, *wrapped;

        CHECK_OK(start());
        rig_run(&g);
        revoke();
        CHECK_OK(capnp_cap_new_dispatch(g.b.vat, inside_serve, inside_gone, &in, &object));
        in.made++;
        wrapped = capnp_membrane_wrap(wall, object);
        check_broken(wrapped);
        capnp_cap_unref(wrapped);
        capnp_cap_unref(object);
        finish();
}

/* Two membranes, one in the other: whichever is revoked, both hops are told. */
static void revoke_one_of_two(bool outer)
{
        capnp_membrane *second = NULL;
        capnp_cap *wrapped, *promised = NULL, *inner;
        capnp_promise *decide = NULL;

        CHECK_OK(start());
        CHECK_OK(capnp_membrane_new(g.b.vat, &allow, NULL, &second));
        CHECK_OK(capnp_promise_new(g.b.vat, &decide, &promised));
        inner = capnp_membrane_wrap(second, promised);
        wrapped = capnp_membrane_wrap(wall, inner);
        capnp_membrane_revoke(outer ? wall : second,
                              (capnp_exception){CAPNP_OVERLOADED, "revoked so"});
        check_broken(wrapped);
        CHECK_EQ(capnp_cap_is_broken(inner, NULL), !outer);
        capnp_promise_resolve(decide, NULL);
        check_broken(wrapped);
        capnp_cap_unref(wrapped);
        capnp_cap_unref(inner);
        capnp_cap_unref(promised);
        capnp_membrane_unref(second);
        finish();
}

TEST(two_membranes)
{
        revoke_one_of_two(true);
        revoke_one_of_two(false);
}

TORTURE(memory_runs_out_in_a_revocation)
{
        capnp_question *q = NULL;
        int r = start();

        if (!r) {
                q = sent(to, LATER, NULL);
                revoke();
                if (in.npromised)
                        capnp_promise_resolve(in.promise[0], NULL);
                CHECK(!capnp_cap_self_peek(to, (void *)(uintptr_t)inside_serve));
                r = test_alloc_failed() ? -ENOMEM : capnp_question_result(q);
        }
        capnp_question_free(q);
        capnp_cap_unref(to);
        capnp_membrane_unref(wall);
        rig_close(&g);
        TORTURE_OK(r);
}
