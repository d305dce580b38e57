/*
 * What the policy of a membrane may do, and that it can do no more; and messages that are none.
 */
#include "test-rpc-hand.h"

#include <sys/wait.h>
#include <unistd.h>

enum { NOTE, ECHO };

static struct {
        capnp_vat *vat;
        capnp_cap *log; /* what policies report to, behind the same membrane */
        capnp_membrane *wall;
        capnp_promise *promise;
        capnp_answer *kept;
        capnp_question *question;
        void (*act)(void);
        unsigned served, reported, asked;
        bool deep;
} t;

static int serve(void *self, capnp_answer *a)
{
        (void)self;
        t.served++;
        return capnp_answer_method(a) == ECHO ? reply(a, 0, asked_cap(a)) : reply(a, 0, NULL);
}

static int serve_log(void *self, capnp_answer *a)
{
        (void)self;
        t.reported++;
        return reply(a, 0, NULL);
}

static void report(void)
{
        capnp_question_detach(ask(t.vat, t.log, NOTE, 0, NULL));
}

static void report_and_free(void)
{
        capnp_question *q = ask(t.vat, t.log, NOTE, 0, NULL);

        capnp_question_send(q, NULL, NULL);
        capnp_question_free(q);
}

static int pass(void *self, bool inward, uint64_t iface, uint16_t method, uint64_t bytes,
                capnp_exception *why)
{
        (void)self, (void)inward, (void)iface, (void)bytes, (void)why;
        t.asked++;
        CHECK(!t.deep);
        t.deep = true;
        if (method == ECHO && t.act)
                t.act();
        t.deep = false;
        return 0;
}

static int transfer(void *self, bool inward, capnp_cap *c, capnp_exception *why)
{
        (void)self, (void)inward, (void)why;
        (void)capnp_cap_is_broken(c, NULL);
        if (t.act)
                t.act();
        return 0;
}

static const struct capnp_membrane_ops policy = {.pass = pass, .transfer = transfer};

/* A call across the membrane, whose policy does something on the way. */
static void play(void (*act)(void))
{
        capnp_cap *object, *inside, *wrapped;
        capnp_question *q;

        memset(&t, 0, sizeof(t));
        CHECK_OK(capnp_vat_new_bare(&t.vat));
        CHECK_OK(capnp_membrane_new(t.vat, &policy, NULL, &t.wall));
        CHECK_OK(capnp_cap_new_dispatch(t.vat, serve_log, NULL, NULL, &inside));
        t.log = capnp_membrane_wrap(t.wall, inside);
        capnp_cap_unref(inside);
        CHECK_OK(capnp_cap_new_dispatch(t.vat, serve, NULL, NULL, &object));
        wrapped = capnp_membrane_wrap(t.wall, object);
        t.act = act;
        q = ask(t.vat, wrapped, ECHO, 0, object);
        CHECK_OK(capnp_question_wait(q));
        t.act = NULL;
        capnp_question_free(q);
        while (capnp_rpc_step(t.vat))
                ;
        capnp_cap_unref(wrapped);
        capnp_cap_unref(object);
        capnp_cap_unref(t.log);
        capnp_membrane_unref(t.wall);
        capnp_vat_free(t.vat);
}

TEST(what_a_policy_sends_leaves_later)
{
        play(report);
        CHECK_EQ(t.served, 1);
        CHECK(t.reported >= 2);
        CHECK_EQ(t.asked, 1 + t.reported); /* the reports crossed, each after what it is about */
}

TEST(what_a_policy_sends_and_gives_up_does_not)
{
        play(report_and_free);
        CHECK_EQ(t.served, 1);
        CHECK_EQ(t.reported, 0);
}

static void act_step(void)
{
        (void)capnp_rpc_step(t.vat);
}

static void act_revoke(void)
{
        capnp_membrane_revoke(t.wall, (capnp_exception){CAPNP_FAILED, "revoked"});
}

static void act_promise(void)
{
        capnp_promise *p;
        capnp_cap *c;

        CHECK_OK(capnp_promise_new(t.vat, &p, &c));
        capnp_cap_unref(c);
        capnp_promise_resolve(p, NULL);
}

static void act_wait(void)
{
        capnp_question *q = ask(t.vat, t.log, NOTE, 0, NULL);

        if (capnp_question_wait(q) == -EDEADLK)
                abort();
}

TEST(a_policy_that_acts_is_stopped)
{
        static void (*const acts[])(void) = {act_step, act_revoke, act_promise, act_wait};

        for (unsigned i = 0; i < 4; i++) {
                int status = 0;
                pid_t pid = fork();

                CHECK(pid >= 0);
                if (!pid) {
                        (void)!freopen("/dev/null", "w", stderr);
                        play(acts[i]);
                        _exit(0);
                }
                CHECK_EQ(waitpid(pid, &status, 0), pid);
                CHECK(WIFSIGNALED(status) || WEXITSTATUS(status));
        }
}

/* ---- messages that are none --------------------------------------------------------------------
 */

static void check_no_root(const uint64_t *b, size_t len)
{
        struct hand h;
        capnp_reader r = {0};
        capnp_vat *v;

        CHECK_OK(capnp_vat_new_bare(&v));
        hand_open(&h, v, NULL);
        CHECK_EQ(capnp_rpc_feed(h.rpc, b, len, NULL, 0), CAPNP_E_PROTOCOL);
        CHECK_EQ(hand_read(&h, &r), MESSAGE_ABORT);
        hand_close(&h);
        capnp_vat_free(v);
}

TEST(message_without_a_root)
{
        static const uint64_t null_root[] = {UINT64_C(1) << 32, 0};
        static const uint64_t empty[] = {0};
        static const uint64_t two_empty[] = {1, 0};
        static const uint64_t cap_root[] = {UINT64_C(1) << 32, 3};

        check_no_root(null_root, sizeof(null_root));
        check_no_root(empty, sizeof(empty));
        check_no_root(two_empty, sizeof(two_empty));
        check_no_root(cap_root, sizeof(cap_root));
}

/* A handler without a schema that fills nothing in returns null. */
static int serve_nothing(void *self, capnp_answer *a)
{
        (void)self;
        return capnp_answer_return(a);
}

TEST(nothing_is_a_result)
{
        capnp_question *q;
        capnp_cap *c;
        struct rig g;

        CHECK_OK(rig_open(&g, serve_nothing, NULL));
        CHECK_OK(capnp_rpc_bootstrap(g.a.rpc, &c));
        q = ask(g.a.vat, c, NOTE, 0, NULL);
        capnp_question_send(q, NULL, NULL);
        rig_run(&g);
        CHECK_OK(capnp_question_result(q));
        CHECK_EQ(capnp_any_what(capnp_question_response_any(q)), CAPNP_WHAT_NULL);
        capnp_question_free(q);
        capnp_cap_unref(c);
        rig_run(&g);
        rig_close(&g);
}

/* ---- a promise that has become somebody else's, which is a promise itself -------------------- */

static capnp_membrane *foreign;
static capnp_cap *kept;
static unsigned foreign_calls;

static int transfer_none_of_foreign(void *self, bool inward, capnp_cap *c, capnp_exception *why)
{
        (void)self;
        if (!inward || capnp_cap_membrane_peek(c) != foreign)
                return 0;

        *why = (capnp_exception){CAPNP_FAILED, "not to be passed on"};
        return -EPERM;
}

static int serve_keep(void *self, capnp_answer *a)
{
        (void)self;
        kept = capnp_cap_ref(capnp_any_cap_peek(capnp_reader_any(capnp_answer_params(a), 0)));
        return capnp_answer_return(a);
}

static int serve_foreign(void *self, capnp_answer *a)
{
        (void)self;
        foreign_calls++;
        return capnp_answer_return(a);
}

static void steps(capnp_vat *v)
{
        while (capnp_rpc_step(v))
                ;
}

TEST(a_promise_that_has_become_what_may_not_pass_is_refused_before_that_is_decided)
{
        static const struct capnp_membrane_ops ops = {.transfer = transfer_none_of_foreign};
        capnp_cap *keeper, *outside, *object, *first, *second, *wrapped;
        capnp_promise *becomes, *decides;
        capnp_membrane *m;
        capnp_question *q;
        capnp_vat *v;

        CHECK_OK(capnp_vat_new_bare(&v));
        CHECK_OK(capnp_membrane_new(v, &ops, NULL, &m));
        CHECK_OK(capnp_membrane_new(v, NULL, NULL, &foreign));
        CHECK_OK(capnp_cap_new_dispatch(v, serve_keep, NULL, NULL, &keeper));
        CHECK_OK(capnp_cap_new_dispatch(v, serve_foreign, NULL, NULL, &object));
        CHECK_OK(capnp_promise_new(v, &becomes, &first));
        CHECK_OK(capnp_promise_new(v, &decides, &second));
        wrapped = capnp_membrane_wrap(foreign, second);
        outside = capnp_membrane_wrap(m, keeper);

        q = capnp_question_new_any(v, outside, 1, 0);
        capnp_abuilder_set_cap(
                capnp_builder_any(capnp_abuilder_init_struct(capnp_question_params_any(q), 0, 1),
                                  0),
                first);
        capnp_question_send(q, NULL, NULL);
        steps(v);
        CHECK(kept != NULL);
        capnp_question_free(q);

        capnp_promise_resolve(becomes, wrapped);
        steps(v);
        q = capnp_question_new_any(v, kept, 1, 0);
        capnp_question_send(q, NULL, NULL);
        steps(v);
        CHECK(capnp_question_is_done(q));
        CHECK_STR(capnp_question_exception(q).reason, "not to be passed on");
        capnp_question_free(q);
        capnp_promise_resolve(decides, object);
        steps(v);
        CHECK_EQ(foreign_calls, 0);

        capnp_cap_unref(kept);
        capnp_cap_unref(outside);
        capnp_cap_unref(wrapped);
        capnp_cap_unref(first);
        capnp_cap_unref(second);
        capnp_cap_unref(keeper);
        capnp_cap_unref(object);
        capnp_membrane_unref(m);
        capnp_membrane_unref(foreign);
        capnp_vat_free(v);
}

/* ---- a policy that says else the next time ----------------------------------------------------
 */

static unsigned allowed; /* so often yet */

static int transfer_some(void *self, bool inward, capnp_cap *c, capnp_exception *why)
{
        (void)self, (void)inward, (void)c;
        *why = (capnp_exception){CAPNP_FAILED, "not any more"};
        return allowed ? allowed--, 0 : -1;
}

static int give(void *self, capnp_answer *a)
{
        capnp_cap **gives = self;

        return reply(a, 0, *gives);
}

/* A promise that has become another one crosses to a peer, and is settled in the end. */
static void cross_promises(unsigned times)
{
        static const struct capnp_membrane_ops some = {.transfer = transfer_some};
        capnp_cap *first, *second, *wrapped, *root;
        capnp_promise *becomes, *decides;
        capnp_membrane *m;
        struct hand h;
        capnp_vat *v;

        allowed = times;
        CHECK_OK(capnp_vat_new_bare(&v));
        CHECK_OK(capnp_membrane_new(v, &some, NULL, &m));
        CHECK_OK(capnp_promise_new(v, &becomes, &first));
        CHECK_OK(capnp_promise_new(v, &decides, &second));
        wrapped = capnp_membrane_wrap(m, first);
        CHECK_OK(capnp_cap_new_dispatch(v, give, NULL, &wrapped, &root));
        hand_open(&h, v, root);
        CHECK_OK(hand_bootstrap(&h, 0));
        capnp_promise_resolve(becomes, second);
        CHECK_OK(hand_call(&h, 1, to_export(0), 0));
        hand_run(&h);
        capnp_promise_resolve(decides, root);
        hand_run(&h);
        CHECK_OK(capnp_rpc_check(h.rpc));

        hand_close(&h);
        capnp_cap_unref(first);
        capnp_cap_unref(second);
        capnp_cap_unref(wrapped);
        capnp_cap_unref(root);
        capnp_membrane_unref(m);
        rig_vat_free(v);
}

TEST(a_policy_may_say_else_the_next_time)
{
        for (unsigned times = 0; times < 12; times++)
                cross_promises(times);
}
