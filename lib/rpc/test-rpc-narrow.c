/*
 * Narrow wrappers: a membrane's policy says which methods one object has, on whatever way a call
 * comes to it. Others that cross the same membrane are not asked about.
 */
#include "test-rpc-rig.h"

enum { NOTE, ECHO, FORBIDDEN, MAKE };

static struct {
        struct rig rig;
        capnp_membrane *wall;
        capnp_cap *wrapped; /* at vat b, which serves it */
        capnp_promise *later;
        unsigned served, forbidden, asked, passed;
} t;

static int serve(void *self, capnp_answer *a)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *made = NULL;

        t.served++;
        t.forbidden += capnp_answer_method(a) == FORBIDDEN;
        if (capnp_answer_method(a) == MAKE) {
                CHECK_OK(capnp_cap_new_dispatch(t.rig.b.vat, serve, NULL, self, &made));
                return reply(a, 0, made);
        }
        return reply(a, 0, capnp_answer_method(a) == ECHO ? asked_cap(a) : NULL);
}

static int has(void *self, uint64_t iface, uint16_t method, uint64_t bytes, capnp_exception *why)
{
        (void)self, (void)bytes;
        CHECK_EQ(iface, 7);
        t.asked++;
        *why = (capnp_exception){CAPNP_FAILED, "it has not this method"};
        return method == FORBIDDEN;
}

static int pass(void *self, bool inward, uint64_t iface, uint16_t method, uint64_t bytes,
                capnp_exception *why)
{
        (void)self, (void)inward, (void)iface, (void)method, (void)bytes, (void)why;
        t.passed++;
        return 0;
}

static const struct capnp_membrane_ops policy = {.has = has, .pass = pass};

/* b serves an object that is narrow, and a has a connection to it. wait: it is a promise first. */
static void start(bool wait)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *inside = NULL;

        memset(&t, 0, sizeof(t));
        CHECK_OK(capnp_vat_new_bare(&t.rig.a.vat));
        CHECK_OK(capnp_vat_new_bare(&t.rig.b.vat));
        CHECK_OK(capnp_membrane_new(t.rig.b.vat, &policy, NULL, &t.wall));
        if (wait)
                CHECK_OK(capnp_promise_new(t.rig.b.vat, &t.later, &inside));
        else
                CHECK_OK(capnp_cap_new_dispatch(t.rig.b.vat, serve, NULL, NULL, &inside));
        t.wrapped = capnp_membrane_wrap_narrow(t.wall, inside);
        CHECK(t.wrapped);
        CHECK_OK(capnp_rpc_new(t.rig.a.vat, NULL, NULL, &t.rig.a.rpc));
        CHECK_OK(capnp_rpc_new(t.rig.b.vat, NULL, t.wrapped, &t.rig.b.rpc));
}

static void finish(void)
{
        rig_run(&t.rig);
        rig_empty(t.rig.a.rpc);
        rig_empty(t.rig.b.rpc);
        CHECK_EQ(t.forbidden, 0);
        capnp_cap_unref(t.wrapped);
        capnp_membrane_unref(t.wall);
        rig_close(&t.rig);
}

/* What a call came to, once everything has moved: NULL, or the reason. */
static const char *came_to(capnp_question *q)
{
        rig_run(&t.rig);
        return capnp_question_result(q) ? capnp_question_exception(q).reason : NULL;
}

static void refused(capnp_question *q)
{
        CHECK_STR(came_to(q), "it has not this method");
        capnp_question_free(q);
}

static void good(capnp_question *q)
{
        CHECK(!came_to(q));
        capnp_question_free(q);
}

static capnp_question *send(capnp_cap *c, uint16_t method, capnp_cap *arg)
{
        capnp_question *q = ask(t.rig.a.vat, c, method, 0, arg);

        capnp_question_send(q, NULL, NULL);
        return q;
}

static capnp_cap *bootstrap(void)
{
        capnp_cap *c = NULL;

        CHECK_OK(capnp_rpc_bootstrap(t.rig.a.rpc, &c));
        return c;
}

TEST(a_narrow_object_has_some_methods)
{
        capnp_cap *root;

        start(false);
        root = bootstrap();
        good(send(root, NOTE, NULL));
        CHECK_EQ(t.passed, 1);
        refused(send(root, FORBIDDEN, NULL));
        CHECK_EQ(t.asked, 2);
        CHECK_EQ(t.passed, 1); /* nothing is charged for what it has not */
        capnp_cap_unref(root);
        finish();
}

TEST(also_before_it_is_there)
{
        capnp_question *q;
        capnp_cap *root;

        start(false);
        root = bootstrap();
        q = send(root, FORBIDDEN, NULL);
        good(send(root, NOTE, NULL));
        refused(q);
        capnp_cap_unref(root);
        finish();
}

TEST(what_it_hands_out_is_not_asked_about)
{
        capnp_question *made;
        capnp_cap *root;

        start(false);
        root = bootstrap();
        made = send(root, MAKE, NULL);
        good(send(result_cap(made), NOTE, NULL));
        CHECK_EQ(t.asked, 1);
        CHECK_EQ(t.passed, 2);
        good(send(result_cap(made), FORBIDDEN, NULL));
        t.forbidden--;
        capnp_question_free(made);
        capnp_cap_unref(root);
        finish();
}

/* Handed to its own service, which hands it back: it is no wider by that, nor while it is on its
 * way. */
TEST(it_comes_back_as_narrow)
{
        capnp_question *echo, *early;
        capnp_cap *root;

        start(false);
        root = bootstrap();
        good(send(root, NOTE, NULL));
        echo = send(root, ECHO, root);
        early = send(result_cap(echo), FORBIDDEN, NULL);
        CHECK(!came_to(echo));
        refused(early);
        refused(send(result_cap(echo), FORBIDDEN, NULL));
        good(send(result_cap(echo), NOTE, NULL));
        capnp_question_free(echo);
        capnp_cap_unref(root);
        finish();
}

/* The promise was narrow, and so is what it becomes, by whatever way it is reached. */
TEST(a_promise_is_as_narrow_as_what_it_becomes)
{
        capnp_cap *object = NULL, *again, *root;
        capnp_question *waits, *q;

        start(true);
        root = bootstrap();
        waits = send(root, NOTE, NULL);
        q = send(root, FORBIDDEN, NULL);
        refused(q); /* at once */
        CHECK_OK(capnp_cap_new_dispatch(t.rig.b.vat, serve, NULL, NULL, &object));
        capnp_promise_resolve(t.later, object);
        good(waits);
        refused(send(root, FORBIDDEN, NULL));
        again = capnp_membrane_wrap(t.wall, object);
        q = ask(t.rig.b.vat, again, FORBIDDEN, 0, NULL);
        capnp_question_send(q, NULL, NULL);
        refused(q);
        capnp_cap_unref(again);
        capnp_cap_unref(object);
        capnp_cap_unref(root);
        finish();
}

/* Whoever looks at it: many membranes may have narrowed the same thing, each for a caller of its
 * own, and each forgets it with what its caller holds. */
TEST(narrow_for_each_of_many)
{
        enum { MANY = 100 };
        capnp_membrane *wall[MANY];
        capnp_cap *object, *c[MANY], *plain;
        capnp_question *q;

        start(false);
        CHECK_OK(capnp_cap_new_dispatch(t.rig.b.vat, serve, NULL, NULL, &object));
        for (unsigned i = 0; i < MANY; i++) {
                CHECK_OK(capnp_membrane_new(t.rig.b.vat, &policy, NULL, &wall[i]));
                c[i] = i == 50 ? capnp_membrane_wrap(wall[i], object)
                               : capnp_membrane_wrap_narrow(wall[i], object);
        }
        for (unsigned i = 0; i < MANY; i += 7)
                c[i] = capnp_cap_unref(c[i]);
        for (unsigned i = 0; i < MANY; i++) {
                if (!c[i])
                        continue;
                q = ask(t.rig.b.vat, c[i], FORBIDDEN, 0, NULL);
                capnp_question_send(q, NULL, NULL);
                CHECK_EQ(came_to(q) == NULL, i == 50);
                capnp_question_free(q);
        }
        CHECK_EQ(t.forbidden--, 1);
        plain = capnp_membrane_wrap(wall[3], object);
        CHECK(plain == c[3]);
        capnp_cap_unref(plain);
        for (unsigned i = 0; i < MANY; i++) {
                capnp_cap_unref(c[i]);
                capnp_membrane_unref(wall[i]);
        }
        CHECK(!object->narrow);
        capnp_cap_unref(object);
        finish();
}

/* What holds its own listeners goes when nobody calls it any more, and they with it. */
struct holder {
        capnp_cap *listener; /* seen from inside */
        unsigned gone;
};

static int holder_serve(void *self, capnp_answer *a)
{
        struct holder *h = self;

        h->listener = capnp_cap_ref(asked_cap(a));
        return reply(a, 0, NULL);
}

static void holder_gone(void *self)
{
        struct holder *h = self;

        h->listener = capnp_cap_unref(h->listener);
        h->gone++;
}

TEST(an_object_is_not_kept_by_being_narrow)
{
        struct holder h = {0};
        capnp_cap *object, *wrapped, *mine;
        capnp_question *q;

        start(false);
        CHECK_OK(capnp_cap_new_dispatch(t.rig.b.vat, holder_serve, holder_gone, &h, &object));
        wrapped = capnp_membrane_wrap_narrow(t.wall, object);
        capnp_cap_unref(object);
        CHECK_OK(capnp_cap_new_dispatch(t.rig.b.vat, serve, NULL, NULL, &mine));
        q = ask(t.rig.b.vat, wrapped, NOTE, 0, mine);
        capnp_question_send(q, NULL, NULL);
        good(q);
        CHECK(h.listener);
        CHECK(h.listener != mine);
        capnp_cap_unref(wrapped);
        rig_run(&t.rig);
        CHECK_EQ(h.gone, 1);
        capnp_cap_unref(mine);
        finish();
}

/* A call waits for what turns out to be narrow, and there is no memory to find out: it fails. */
TEST(what_cannot_be_asked_about_is_not_called)
{
        unsigned starved = 0;

        for (unsigned n = 1; n <= 8; n++) {
                capnp_cap *object, *inside, *early;
                capnp_promise *later;
                capnp_question *q;
                const char *why;

                start(false);
                CHECK_OK(capnp_cap_new_dispatch(t.rig.b.vat, serve, NULL, NULL, &object));
                capnp_cap_unref(capnp_membrane_wrap_narrow(t.wall, object));
                CHECK_OK(capnp_promise_new(t.rig.b.vat, &later, &inside));
                early = capnp_membrane_wrap(t.wall, inside);
                q = ask(t.rig.b.vat, early, FORBIDDEN, 0, NULL);
                capnp_question_send(q, NULL, NULL);
                rig_run(&t.rig);
                test_fail_alloc_at(n);
                capnp_promise_resolve(later, object);
                test_fail_alloc_at(0);
                why = came_to(q);
                CHECK(why);
                starved += !strcmp(why, "out of memory");
                capnp_question_free(q);
                capnp_cap_unref(early);
                capnp_cap_unref(inside);
                capnp_cap_unref(object);
                finish();
        }
        CHECK(starved > 0);
}

/* Passes a call on to its argument; or keeps that. */
static int relay_serve(void *self, capnp_answer *a)
{
        capnp_cap **kept = self;

        if (capnp_answer_method(a) == MAKE)
                return capnp_answer_tail(a, ask(t.rig.b.vat, asked_cap(a), MAKE, 0, NULL));

        *kept = capnp_cap_ref(asked_cap(a));
        return reply(a, 0, NULL);
}

static int home_serve(void *self, capnp_answer *a)
{
        capnp_cap **home = self;

        t.served++;
        t.forbidden += capnp_answer_method(a) == FORBIDDEN;
        return reply(a, 0, capnp_answer_method(a) == MAKE ? *home : NULL);
}

/* Calls the reference at vat b. */
static void call_inside(struct rig *g, capnp_cap *c, uint16_t method, const char *why)
{
        capnp_question *q = ask(g->b.vat, c, method, 0, NULL);

        capnp_question_send(q, NULL, NULL);
        rig_run(g);
        CHECK(capnp_question_is_done(q));
        CHECK_EQ(!capnp_question_result(q), !why);
        if (why)
                CHECK_STR(capnp_question_exception(q).reason, why);
        capnp_question_free(q);
}

/* A call was passed on to the peer that made it, and the results stay there: what they are is never
 * said, so calls neither wait for that nor go on unasked. */
TEST(what_a_peer_keeps_for_itself_is_taken_for_narrow)
{
        capnp_cap *relay = NULL, *home = NULL, *kept = NULL, *far = NULL, *c;
        capnp_question *made, *keep;
        struct rig g;

        start(false);
        g = t.rig;
        CHECK_OK(capnp_cap_new_dispatch(g.b.vat, relay_serve, NULL, &kept, &relay));
        CHECK_OK(capnp_cap_new_dispatch(g.a.vat, home_serve, NULL, &home, &home));
        CHECK_OK(capnp_rpc_new(g.a.vat, NULL, NULL, &g.a.rpc));
        CHECK_OK(capnp_rpc_new(g.b.vat, NULL, relay, &g.b.rpc));
        CHECK_OK(capnp_rpc_bootstrap(g.a.rpc, &far));
        made = send(far, MAKE, home);
        keep = send(far, NOTE, result_cap(made));
        rig_run(&g);
        CHECK(capnp_question_is_done(made) && capnp_question_is_done(keep) && kept);
        CHECK(capnp_i_cap_final(result_cap(made)) == home);

        c = capnp_membrane_wrap(t.wall, kept);
        call_inside(&g, c, FORBIDDEN, "it has not this method");
        CHECK_EQ(t.served, 1);
        call_inside(&g, c, NOTE, NULL);
        CHECK_EQ(t.served, 2);

        capnp_cap_unref(c);
        capnp_cap_unref(kept);
        capnp_question_free(made);
        capnp_question_free(keep);
        capnp_cap_unref(far);
        capnp_cap_unref(home);
        capnp_cap_unref(relay);
        rig_run(&g);
        rig_empty(g.a.rpc);
        rig_empty(g.b.rpc);
        capnp_rpc_free(g.a.rpc);
        capnp_rpc_free(g.b.rpc);
        finish();
}

TORTURE(narrowed_without_memory)
{
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *v = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *inside = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;
        capnp_membrane *m;

        TORTURE_OK(capnp_vat_new_bare(&v));
        TORTURE_OK(capnp_cap_new_dispatch(v, serve, NULL, NULL, &inside));
        TORTURE_OK(capnp_membrane_new(v, &policy, NULL, &m));
        c = capnp_membrane_wrap_narrow(m, inside);
        capnp_membrane_unref(m);
        TORTURE_OK(c ? 0 : -ENOMEM);
        CHECK(inside->narrow);
}
