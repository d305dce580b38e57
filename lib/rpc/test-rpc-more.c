/*
 * What an exception carries beside its reason: set, sent, received, relayed, shared by what fails
 * with it, cut, charged, and kept from whom it is not for.
 */
#include "test-rpc-hand.h"

enum { FAIL, LATER, GIVE };

static const struct capnp_detail details[] = {
        {UINT64_C(0xfedcba9876543210), {(const uint8_t *)"one", 3}},
        {7, {NULL, 0}},
};
static const struct capnp_exception_more more = {"here, and there", details, 2};

struct host {
        capnp_vat *vat;
        capnp_promise *promise;
        const struct capnp_exception_more *more;
};

static int host_serve(void *self, capnp_answer *a)
{
        struct host *h = self;
        capnp_cap *c = NULL;
        int r;

        if (capnp_answer_method(a) == FAIL)
                return capnp_answer_fail_more(a, (capnp_exception){CAPNP_OVERLOADED, "so"},
                                              h->more);
        if (capnp_answer_method(a) == LATER)
                r = capnp_promise_new(h->vat, &h->promise, &c);
        else
                r = (c = capnp_cap_new_broken_more(
                             h->vat, (capnp_exception){CAPNP_OVERLOADED, "so"}, h->more))
                            ? 0
                            : -ENOMEM;
        if (r)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "no memory");

        r = reply(a, 0, c);
        capnp_cap_unref(c);
        return r;
}

static void check_more(struct capnp_exception_more m, bool there)
{
        CHECK_STR(m.trace, there ? "here, and there" : "");
        CHECK_EQ(m.ndetails, there ? 2 : 0);
        if (!there)
                return;

        CHECK_EQ(m.details[0].id, UINT64_C(0xfedcba9876543210));
        CHECK_EQ(m.details[0].data.len, 3);
        CHECK(!memcmp(m.details[0].data.p, "one", 3));
        CHECK_EQ(m.details[1].id, 7);
        CHECK_EQ(m.details[1].data.len, 0);
}

static void check_failed(capnp_question *q, bool there)
{
        CHECK_EQ(capnp_question_result(q), CAPNP_E_EXCEPTION);
        CHECK_EQ(capnp_question_exception(q).kind, CAPNP_OVERLOADED);
        check_more(capnp_question_exception_more(q), there);
        capnp_question_free(q);
}

/* ---- from the server to the client, with a relay between --------------------------------------
 */

static struct host host;
static capnp_vat *vats[3];
static capnp_rpc *links[4]; /* client to relay, relay to server */
static capnp_cap *to;
static capnp_membrane *wall;

static void play(void)
{
        bool moved = true;

        while (moved) {
                moved = false;
                for (unsigned i = 0; i < 3; i++)
                        while (capnp_rpc_step(vats[i]))
                                moved = true;
                for (unsigned i = 0; i < 4; i++) {
                        moved |= rig_move_one(links[i], links[i ^ 1]);
                        CHECK_OK(capnp_rpc_check(links[i]));
                }
        }
}

static void start(const struct capnp_membrane_ops *policy)
{
        capnp_cap *root, *there;

        host = (struct host){.more = &more};
        for (unsigned i = 0; i < 3; i++)
                CHECK_OK(capnp_vat_new_bare(&vats[i]));
        host.vat = vats[2];
        CHECK_OK(capnp_cap_new_dispatch(vats[2], host_serve, NULL, &host, &root));
        CHECK_OK(capnp_rpc_new(vats[2], NULL, root, &links[3]));
        CHECK_OK(capnp_rpc_new(vats[1], NULL, NULL, &links[2]));
        capnp_cap_unref(root);
        CHECK_OK(capnp_rpc_bootstrap(links[2], &there));
        CHECK_OK(capnp_membrane_new(vats[1], policy, NULL, &wall));
        root = capnp_membrane_wrap(wall, there);
        capnp_cap_unref(there);
        CHECK_OK(capnp_rpc_new(vats[1], NULL, root, &links[1]));
        CHECK_OK(capnp_rpc_new(vats[0], NULL, NULL, &links[0]));
        capnp_cap_unref(root);
        CHECK_OK(capnp_rpc_bootstrap(links[0], &to));
}

static void finish(void)
{
        capnp_cap_unref(to);
        capnp_membrane_unref(wall);
        play();
        rig_empty(links[0]);
        for (unsigned i = 0; i < 4; i++)
                capnp_rpc_free(links[i]);
        for (unsigned i = 0; i < 3; i++)
                capnp_vat_free(vats[i]);
}

static capnp_question *sent(capnp_cap *c, uint16_t method)
{
        capnp_question *q = ask(vats[0], c, method, 0, NULL);

        capnp_question_send(q, NULL, NULL);
        play();
        return q;
}

static void relayed(const struct capnp_membrane_ops *policy, bool there)
{
        capnp_question *q[3];

        start(policy);
        check_failed(sent(to, FAIL), there);
        /* What hangs on a call that fails, before and after it has. */
        q[0] = ask(vats[0], to, FAIL, 0, NULL);
        q[1] = ask(vats[0], result_cap(q[0]), FAIL, 0, NULL);
        capnp_question_send(q[1], NULL, NULL);
        play();
        check_failed(q[1], there);
        check_failed(sent(result_cap(q[0]), FAIL), there);
        capnp_question_free(q[0]);
        /* A reference that is broken, and one that breaks. */
        q[0] = sent(to, GIVE);
        q[1] = sent(to, LATER);
        capnp_promise_resolve(host.promise, NULL);
        q[2] = sent(to, LATER);
        {
                capnp_cap *c = capnp_cap_new_broken_more(
                        vats[2], (capnp_exception){CAPNP_OVERLOADED, "so"}, &more);

                capnp_promise_resolve(host.promise, c);
                capnp_cap_unref(c);
        }
        play();
        for (unsigned i = 0; i < 3; i += 2) {
                check_more(capnp_cap_broken_more(result_cap(q[i])), there);
                check_failed(sent(result_cap(q[i]), FAIL), there);
        }
        for (unsigned i = 0; i < 3; i++)
                capnp_question_free(q[i]);
        finish();
}

static const struct capnp_membrane_ops allow;

static void say_whose(void *self, capnp_exception why, char *out)
{
        (void)self, (void)why;
        memcpy(out, "inside", 7);
}

static const struct capnp_membrane_ops mark = {.reason = say_whose};

TEST(relayed_as_it_was_sent)
{
        relayed(&allow, true);
}

/* A membrane that says whose words a reason is does not let the rest out. */
TEST(kept_inside_by_a_membrane_that_marks)
{
        relayed(&mark, false);
}

/* ---- bounds ------------------------------------------------------------------------------------
 */

TEST(what_is_too_much_is_left_out)
{
        static char trace[100000];
        struct capnp_detail many[20];
        struct capnp_exception_more big = {trace, many, 20};
        capnp_question *q;

        memset(trace, 'x', sizeof(trace) - 1);
        for (unsigned i = 0; i < 20; i++)
                many[i] = (struct capnp_detail){i, {(const uint8_t *)trace, 5000}};
        start(&allow);
        host.more = &big;
        q = sent(to, FAIL);
        CHECK_EQ(capnp_question_exception(q).kind, CAPNP_OVERLOADED);
        CHECK_EQ(strlen(capnp_question_exception_more(q).trace), 16 * 1024);
        CHECK_EQ(capnp_question_exception_more(q).ndetails, 3);
        capnp_question_free(q);
        finish();
}

/* A peer that makes calls which fail, and does not finish them, pays for what it makes us keep. */
TEST(what_is_kept_is_charged)
{
        static char trace[16000];
        struct capnp_exception_more big = {trace, NULL, 0};
        struct capnp_rpc_counts n;
        struct hand h;
        capnp_cap *root;

        memset(trace, 'x', sizeof(trace) - 1);
        host = (struct host){.more = &big};
        CHECK_OK(capnp_vat_new_bare(&host.vat));
        CHECK_OK(capnp_cap_new_dispatch(host.vat, host_serve, NULL, &host, &root));
        hand_open(&h, host.vat, root);
        CHECK_OK(hand_bootstrap(&h, 0));
        CHECK_OK(hand_call(&h, 1, to_bootstrap(0), FAIL));
        hand_run(&h);
        capnp_rpc_count(h.rpc, &n);
        CHECK(n.held_bytes >= 16000);
        CHECK_OK(hand_finish(&h, 1, false));
        capnp_rpc_count(h.rpc, &n);
        CHECK(n.held_bytes < 16000);
        hand_close(&h);
        capnp_cap_unref(root);
        capnp_vat_free(host.vat);
}
