/*
 * What is narrow, seen through a relay: a client, a vat between that hands out a service's object
 * behind a membrane, as an instance's worker does, and the service, which looks at nothing. The
 * client lets go, is early, and has the object handed out again in every way that a service could
 * do that by accident; it may be the service's own object that it gets, but never more methods.
 */
#include "test-rpc-hand.h"

enum { NOTE, FORBIDDEN, SELF, LATER, MAKE, ECHO, TELL };

static struct {
        struct rig near, far; /* client and relay; relay and service */
        capnp_membrane *wall;
        capnp_cap *desk;         /* of the relay's: hands out the object */
        capnp_cap *object;       /* the service's */
        capnp_promise *later;    /* what LATER has given */
        capnp_promise *becoming; /* the service's own object, if it is a promise first */
        capnp_cap *told;         /* the client has been given */
        unsigned forbidden, asked, bootstraps;
        uint64_t order; /* a digit for each NOTE */
        bool narrow;
} t;

static int object_tell(capnp_answer *a)
{
        capnp_question_detach(ask(t.far.b.vat, asked_cap(a), NOTE, 0, t.object));
        return reply(a, 0, NULL);
}

static int object_serve(void *self, capnp_answer *a)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *made = NULL;

        switch (capnp_answer_method(a)) {
        case FORBIDDEN:
                t.forbidden++;
                return reply(a, 0, NULL);
        case NOTE:
                t.order = t.order * 10 + asked_word(a);
                return reply(a, 0, NULL);
        case SELF:
                return reply(a, 0, t.object);
        case LATER:
                CHECK_OK(capnp_promise_new(t.far.b.vat, &t.later, &made));
                return reply(a, 0, made);
        case MAKE:
                CHECK_OK(capnp_cap_new_dispatch(t.far.b.vat, object_serve, NULL, self, &made));
                return reply(a, 0, made);
        case ECHO:
                return reply(a, 0, asked_cap(a));
        default:
                return object_tell(a);
        }
}

/* Of a listener of the client's. */
static int told_serve(void *self, capnp_answer *a)
{
        (void)self;
        t.told = capnp_cap_ref(asked_cap(a));
        return reply(a, 0, NULL);
}

static int has(void *self, uint64_t iface, uint16_t method, uint64_t bytes, capnp_exception *why)
{
        (void)self, (void)iface, (void)bytes;
        t.asked++;
        *why = (capnp_exception){CAPNP_FAILED, "it has not this method"};
        return method == FORBIDDEN;
}

/* What the service says is marked as that; what the membrane says is not. */
static void reason(void *self, capnp_exception why, char *out)
{
        (void)self;
        (void)snprintf(out, 512, "service: %s", why.reason);
}

static const struct capnp_membrane_ops policy = {.has = has, .reason = reason};

static int desk_serve(void *self, capnp_answer *a)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *root = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *wrapped = capnp_membrane_narrow(t.wall);

        (void)self;
        if (!wrapped) {
                t.bootstraps++;
                CHECK_OK(capnp_rpc_bootstrap(t.far.a.rpc, &root));
                wrapped = t.narrow ? capnp_membrane_wrap_narrow(t.wall, root)
                                   : capnp_membrane_wrap(t.wall, root);
        }
        return reply(a, 0, wrapped);
}

static void start_as(bool narrow, bool promised)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *desk = NULL, *root = NULL;

        memset(&t, 0, sizeof(t));
        t.narrow = narrow;
        CHECK_OK(capnp_vat_new_bare(&t.near.a.vat));
        CHECK_OK(capnp_vat_new_bare(&t.near.b.vat));
        CHECK_OK(capnp_vat_new_bare(&t.far.b.vat));
        t.far.a.vat = t.near.b.vat;
        CHECK_OK(capnp_cap_new_dispatch(t.far.b.vat, object_serve, NULL, NULL, &t.object));
        if (promised)
                CHECK_OK(capnp_promise_new(t.far.b.vat, &t.becoming, &root));
        CHECK_OK(capnp_rpc_new(t.far.a.vat, NULL, NULL, &t.far.a.rpc));
        CHECK_OK(capnp_rpc_new(t.far.b.vat, NULL, promised ? root : t.object, &t.far.b.rpc));
        CHECK_OK(capnp_membrane_new(t.near.b.vat, &policy, NULL, &t.wall));
        CHECK_OK(capnp_cap_new_dispatch(t.near.b.vat, desk_serve, NULL, NULL, &desk));
        CHECK_OK(capnp_rpc_new(t.near.a.vat, NULL, NULL, &t.near.a.rpc));
        CHECK_OK(capnp_rpc_new(t.near.b.vat, NULL, desk, &t.near.b.rpc));
        CHECK_OK(capnp_rpc_bootstrap(t.near.a.rpc, &t.desk));
}

static void start(void)
{
        start_as(true, false);
}

static void run(void)
{
        bool more = true;

        while (more) {
                more = rig_run(&t.near);
                more |= rig_run(&t.far);
        }
}

/* How much is narrow. */
static unsigned narrowed(void)
{
        struct capnp_i_list *l;
        unsigned n = 0;

        for (l = t.wall->narrow.next; l != &t.wall->narrow; l = l->next)
                n++;
        return n;
}

/* Everybody lets go: nothing is left of anything, and nothing is narrow any more. */
static void finish(void)
{
        capnp_cap_unref(t.told);
        capnp_cap_unref(t.desk);
        run();
        CHECK_EQ(narrowed(), 0);
        rig_empty(t.near.a.rpc);
        rig_empty(t.far.a.rpc);
        rig_empty(t.far.b.rpc);
        capnp_membrane_unref(t.wall);
        capnp_cap_unref(t.object);
        capnp_rpc_free(t.far.a.rpc);
        capnp_rpc_free(t.far.b.rpc);
        rig_vat_free(t.far.b.vat);
        rig_close(&t.near);
        CHECK_EQ(t.forbidden, 0);
}

static capnp_question *send(capnp_cap *c, uint16_t method, uint64_t x, capnp_cap *arg)
{
        capnp_question *q = ask(t.near.a.vat, c, method, x, arg);

        capnp_question_send(q, NULL, NULL);
        return q;
}

/* What a call came to, once everything has moved. */
static void refused(capnp_question *q)
{
        run();
        CHECK(capnp_question_result(q));
        CHECK_STR(capnp_question_exception(q).reason, "it has not this method");
        capnp_question_free(q);
}

static void good(capnp_question *q)
{
        run();
        CHECK_OK(capnp_question_result(q));
        capnp_question_free(q);
}

/* The reference that a call has come to; the call is finished. */
static capnp_cap *given(capnp_question *q)
{
        capnp_cap *c = capnp_cap_ref(result_cap(q));

        good(q);
        return c;
}

static void is_narrow(capnp_cap *c)
{
        unsigned was = t.forbidden;

        refused(send(c, FORBIDDEN, 0, NULL));
        good(send(c, NOTE, 0, NULL));
        CHECK_EQ(t.forbidden, was);
}

TEST(let_go_of_and_had_again)
{
        capnp_cap *root, *self;
        capnp_question *q;

        start();
        root = given(send(t.desk, NOTE, 0, NULL));
        is_narrow(root);
        q = send(root, SELF, 0, NULL);
        capnp_cap_unref(root); /* its Release comes before the answer */
        self = given(q);
        is_narrow(self);
        capnp_cap_unref(self);
        finish();
}

/* ---- a client of its own making: it lets go of a question's results, not of what it holds ---- */

static capnp_cap *hand_start(struct hand *h)
{
        capnp_cap *desk = NULL;

        start();
        CHECK_OK(capnp_cap_new_dispatch(t.near.b.vat, desk_serve, NULL, NULL, &desk));
        hand_open(h, t.near.b.vat, desk);
        CHECK_OK(hand_bootstrap(h, 0));
        return desk;
}

static void hand_finished(struct hand *h, capnp_cap *desk)
{
        hand_close(h);
        capnp_cap_unref(desk);
        finish();
}

/* The Return of question id; the others are passed over. */
static capnp_reader hand_returned(struct hand *h, uint32_t id)
{
        capnp_reader b = {0};

        run();
        do {
                hand_next(h);
                CHECK_EQ(hand_read(h, &b) == NO_MESSAGE, false);
        } while (capnp_reader_u16(capnp_any_struct(capnp_msg_root(h->last), NULL), 0, 0) !=
                         MESSAGE_RETURN ||
                 capnp_reader_u32(b, ID_AT, 0) != id);
        return b;
}

static void hand_refused(struct hand *h, uint32_t id)
{
        CHECK_EQ(capnp_reader_u16(hand_returned(h, id), RETURN_TAG_AT, 0), RETURN_EXCEPTION);
        CHECK_EQ(t.forbidden, 0);
}

/* The object is asked for itself, and let go of before it has answered. when: 0: in one breath;
 * 1: the object was there; 2: … and the question about itself is on its way. */
static void hand_lets_go(unsigned when)
{
        capnp_cap *desk;
        struct hand h;

        desk = hand_start(&h);
        CHECK_OK(hand_call(&h, 1, to_bootstrap(0), NOTE));
        if (when > 0)
                run();
        CHECK_OK(hand_call(&h, 2, to_answer(1), SELF));
        while (when > 1 && capnp_rpc_step(t.near.b.vat))
                ;
        CHECK_OK(hand_finish(&h, 1, false));
        run();
        CHECK_OK(hand_call(&h, 3, to_answer(2), FORBIDDEN));
        hand_refused(&h, 3);
        CHECK_OK(hand_call(&h, 4, to_answer(2), NOTE));
        CHECK_EQ(capnp_reader_u16(hand_returned(&h, 4), RETURN_TAG_AT, 0), RETURN_RESULTS);
        hand_finished(&h, desk);
}

TEST(let_go_of_by_hand)
{
        for (unsigned when = 0; when < 3; when++)
                hand_lets_go(when);
}

/* Nobody waits for anything. */
TEST(in_a_burst_by_hand)
{
        capnp_cap *desk;
        struct hand h;

        desk = hand_start(&h);
        CHECK_OK(hand_call(&h, 1, to_bootstrap(0), NOTE));
        CHECK_OK(hand_call(&h, 2, to_answer(1), SELF));
        CHECK_OK(hand_call(&h, 3, to_answer(2), SELF));
        CHECK_OK(hand_call(&h, 4, to_answer(3), FORBIDDEN));
        for (uint32_t id = 0; id < 4; id++)
                CHECK_OK(hand_finish(&h, id, false));
        hand_refused(&h, 4);
        hand_finished(&h, desk);
}

/* ---- a client that is a program ------------------------------------------------------------- */

/* All in one breath: the object, itself once more, and nobody wants the first. */
TEST(in_a_burst)
{
        capnp_question *get, *self;
        capnp_cap *c;

        start();
        get = send(t.desk, NOTE, 0, NULL);
        self = send(result_cap(get), SELF, 0, NULL);
        capnp_question_free(get);
        c = given(self);
        is_narrow(c);
        capnp_cap_unref(c);
        finish();
}

/* Before anybody can say what it is on. */
TEST(on_what_will_be_itself)
{
        capnp_question *get, *self, *early, *fine;

        start();
        get = send(t.desk, NOTE, 0, NULL);
        self = send(result_cap(get), SELF, 0, NULL);
        early = send(result_cap(self), FORBIDDEN, 0, NULL);
        fine = send(result_cap(self), NOTE, 1, NULL);
        refused(early);
        good(fine);
        capnp_question_free(self);
        capnp_question_free(get);
        CHECK_EQ(t.order, 1);
        finish();
}

/* A result of a result of a result, each of which is the object. */
TEST(deeper)
{
        capnp_question *q[6];

        start();
        q[0] = send(t.desk, NOTE, 0, NULL);
        for (unsigned i = 1; i < 5; i++)
                q[i] = send(result_cap(q[i - 1]), SELF, 0, NULL);
        q[5] = send(result_cap(q[4]), FORBIDDEN, 0, NULL);
        for (unsigned i = 0; i < 5; i++)
                capnp_question_free(q[i]);
        refused(q[5]);
        finish();
}

/* The service hands out a promise, which it makes itself later. */
TEST(on_a_promise_of_the_service)
{
        capnp_question *early, *fine;
        capnp_cap *root, *c;

        start();
        root = given(send(t.desk, NOTE, 0, NULL));
        c = given(send(root, LATER, 0, NULL));
        early = send(c, FORBIDDEN, 0, NULL);
        fine = send(c, NOTE, 3, NULL);
        capnp_cap_unref(root);
        run();
        CHECK_EQ(t.order, 0); /* nobody knows */
        capnp_promise_resolve(t.later, t.object);
        refused(early);
        good(fine);
        CHECK_EQ(t.order, 3);
        is_narrow(c);
        capnp_cap_unref(c);
        finish();
}

/* What is something else is called as it would be, in the order in which it was. */
TEST(another_object_is_not_asked_about)
{
        capnp_question *made, *q[4];
        capnp_cap *root, *c;

        start();
        root = given(send(t.desk, NOTE, 0, NULL));
        made = send(root, MAKE, 0, NULL);
        for (unsigned i = 0; i < 4; i++)
                q[i] = send(result_cap(made), i == 2 ? FORBIDDEN : NOTE, i + 1, NULL);
        c = capnp_cap_ref(result_cap(made));
        good(made);
        for (unsigned i = 0; i < 4; i++)
                good(q[i]);
        CHECK_EQ(t.order, 124);
        CHECK_EQ(t.forbidden--, 1);
        good(send(c, NOTE, 5, NULL));
        CHECK_EQ(t.asked, 1);
        capnp_cap_unref(c);
        capnp_cap_unref(root);
        finish();
}

/* In parameters to the service and back, and from the service to the client by a call. */
TEST(handed_around)
{
        capnp_cap *listener, *root, *c;

        start();
        CHECK_OK(capnp_cap_new_dispatch(t.near.a.vat, told_serve, NULL, NULL, &listener));
        root = given(send(t.desk, NOTE, 0, NULL));
        c = given(send(root, ECHO, 0, root));
        is_narrow(c);
        capnp_cap_unref(c);
        good(send(root, TELL, 0, listener));
        capnp_cap_unref(listener);
        capnp_cap_unref(root);
        run();
        CHECK(t.told);
        is_narrow(t.told);
        finish();
}

/* The service's own object may be a promise for a while: nothing goes to it that could come back as
 * something else before it is known. */
TEST(a_root_that_is_a_promise)
{
        capnp_question *self, *early, *fine;
        capnp_cap *root;

        start_as(true, true);
        root = given(send(t.desk, NOTE, 0, NULL));
        refused(send(root, FORBIDDEN, 0, NULL));
        self = send(root, SELF, 0, NULL);
        early = send(result_cap(self), FORBIDDEN, 0, NULL);
        fine = send(root, NOTE, 4, NULL);
        run();
        CHECK_EQ(t.order, 0);
        capnp_promise_resolve(t.becoming, t.object);
        refused(early);
        good(self);
        good(fine);
        CHECK_EQ(t.order, 4);
        capnp_cap_unref(root);
        finish();
}

/* It is asked for once, and remembered once, and not for longer than it can be had. */
TEST(however_often_it_is_asked_for)
{
        capnp_cap *root, *c;

        start();
        root = given(send(t.desk, NOTE, 0, NULL));
        for (unsigned i = 0; i < 1000; i++) {
                c = given(send(t.desk, NOTE, 0, NULL));
                CHECK(c == root || capnp_i_cap_final(c) == capnp_i_cap_final(root));
                capnp_cap_unref(c);
        }
        CHECK_EQ(t.bootstraps, 1);
        CHECK_EQ(narrowed(), 1);
        capnp_cap_unref(root);
        run();
        CHECK_EQ(narrowed(), 0);
        rig_empty(t.far.a.rpc);
        root = given(send(t.desk, NOTE, 0, NULL));
        CHECK_EQ(t.bootstraps, 2);
        is_narrow(root);
        capnp_cap_unref(root);
        finish();
}

/* What waits fails as what it waits for does. */
TEST(cut_while_calls_wait)
{
        capnp_question *early;
        capnp_cap *root, *c;

        start();
        root = given(send(t.desk, NOTE, 0, NULL));
        c = given(send(root, LATER, 0, NULL));
        early = send(c, NOTE, 1, NULL);
        run();
        capnp_membrane_revoke(t.wall, (capnp_exception){CAPNP_FAILED, "enough"});
        run();
        CHECK_STR(capnp_question_exception(early).reason, "enough");
        capnp_question_free(early);
        CHECK_EQ(narrowed(), 0);
        capnp_promise_resolve(t.later, t.object);
        capnp_cap_unref(c);
        capnp_cap_unref(root);
        finish();
        CHECK_EQ(t.order, 0);
}

TEST(given_up_while_it_waits)
{
        capnp_question *early;
        capnp_cap *root, *c;

        start();
        root = given(send(t.desk, NOTE, 0, NULL));
        c = given(send(root, LATER, 0, NULL));
        early = send(c, NOTE, 1, NULL);
        run();
        capnp_question_free(early);
        capnp_cap_unref(c);
        capnp_cap_unref(root);
        run();
        capnp_promise_resolve(t.later, t.object);
        finish();
        CHECK_EQ(t.order, 0);
}

TEST(the_service_goes_while_calls_wait)
{
        capnp_question *early;
        capnp_cap *root, *c;

        start();
        root = given(send(t.desk, NOTE, 0, NULL));
        c = given(send(root, LATER, 0, NULL));
        early = send(c, NOTE, 1, NULL);
        run();
        capnp_rpc_close(t.far.b.rpc, (capnp_exception){CAPNP_DISCONNECTED, "gone"});
        run();
        CHECK_EQ(capnp_question_result(early), CAPNP_E_DISCONNECTED);
        capnp_question_free(early);
        capnp_promise_resolve(t.later, t.object);
        capnp_cap_unref(c);
        capnp_cap_unref(root);
        finish();
}

/* Where nothing is narrow nothing waits: a call goes to the service behind the one it hangs on. */
TEST(what_has_all_does_not_wait)
{
        capnp_question *get, *early;
        capnp_cap *root, *c;

        start_as(false, false);
        get = send(t.desk, NOTE, 0, NULL);
        root = given(get);
        c = given(send(root, LATER, 0, NULL));
        early = send(c, FORBIDDEN, 0, NULL);
        run();
        capnp_promise_resolve(t.later, t.object);
        good(early);
        CHECK_EQ(t.forbidden--, 1);
        CHECK_EQ(t.asked, 0);
        capnp_cap_unref(c);
        capnp_cap_unref(root);
        finish();
}
