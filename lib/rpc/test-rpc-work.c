/*
 * What a message costs does not grow with what came before it. Work along lists that a peer can
 * lengthen is counted in steps by the vat (struct capnp_vat.steps); time is never looked at.
 */
#include "test-rpc-rig.h"

#include <stdio.h>

static void end_one(capnp_answer *a, void *arg)
{
        (void)arg;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

/* Answers nothing before it is canceled. */
static int keep_all(void *self, capnp_answer *a)
{
        (void)self;
        return capnp_answer_keep(a, end_one, NULL);
}

/* As rig_run(), without looking at the tables each time. */
static void run(struct rig *g)
{
        bool more = true;

        while (more) {
                more = false;
                while (capnp_rpc_step(g->a.vat) || capnp_rpc_step(g->b.vat))
                        more = true;
                more |= rig_move_one(g->a.rpc, g->b.rpc);
                more |= rig_move_one(g->b.rpc, g->a.rpc);
        }
}

static void path_of(uint32_t i, uint16_t path[2])
{
        path[0] = (uint16_t)(i & 0xff);
        path[1] = (uint16_t)(i >> 8);
}

/* n calls, each on a result of one unanswered call by a path of its own. Steps of both vats. */
static uint64_t steps_of_calls(uint32_t n, bool descriptors)
{
        const struct capnp_limits wide = {.held_bytes = UINT64_C(1) << 32};
        capnp_cap *root = NULL;
        capnp_question *base, *q;
        uint64_t steps;
        struct rig g;

        CHECK_OK(rig_open(&g, keep_all, NULL));
        capnp_rpc_set_limits(g.b.rpc, &wide);
        CHECK_OK(capnp_rpc_bootstrap(g.a.rpc, &root));
        base = ask(g.a.vat, root, 0, 0, NULL);
        capnp_question_send(base, NULL, NULL);
        for (uint32_t i = 0; i < n; i++) {
                CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;
                uint16_t path[2];

                path_of(i, path);
                c = capnp_i_call_pipe_outer((struct call *)(void *)base, path, 2);
                q = descriptors ? ask(g.a.vat, root, 1, i, c) : ask(g.a.vat, c, 1, i, NULL);
                capnp_question_detach(q);
        }
        run(&g);
        capnp_question_free(base);
        capnp_cap_unref(root);
        steps = g.a.vat->steps + g.b.vat->steps;
        rig_close(&g);
        return steps;
}

TEST_T(calls_on_many_results_cost_alike, 120)
{
        for (int descriptors = 0; descriptors < 2; descriptors++) {
                uint64_t few = steps_of_calls(500, descriptors);
                uint64_t many = steps_of_calls(8000, descriptors);

                printf("%s: %llu steps for 500, %llu for 8000\n",
                       descriptors ? "as parameters" : "as targets", (unsigned long long)few,
                       (unsigned long long)many);
                CHECK(many <= 16 * few + 1000);
                CHECK(many <= 8000 * 16);
        }
}

/* A call over the limit is refused before anybody looks for its target: not even a step. */
TEST(refused_calls_are_not_looked_at)
{
        const struct capnp_limits narrow = {.answers = 1};
        capnp_cap *root = NULL;
        capnp_question *base, *q[100];
        struct capnp_rpc_counts n;
        uint64_t steps;
        struct rig g;

        CHECK_OK(rig_open(&g, keep_all, NULL));
        CHECK_OK(capnp_rpc_bootstrap(g.a.rpc, &root));
        run(&g);
        capnp_rpc_set_limits(g.b.rpc, &narrow);
        base = ask(g.a.vat, root, 0, 0, NULL);
        capnp_question_send(base, NULL, NULL);
        run(&g);
        capnp_rpc_count(g.b.rpc, &n);
        steps = g.b.vat->steps;
        for (uint32_t i = 0; i < 100; i++) {
                CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;
                uint16_t path[2];

                path_of(i, path);
                c = capnp_i_call_pipe_outer((struct call *)(void *)base, path, 2);
                q[i] = ask(g.a.vat, c, 1, i, NULL);
                capnp_question_send(q[i], NULL, NULL);
        }
        run(&g);
        CHECK_EQ(g.b.vat->steps, steps);
        for (uint32_t i = 0; i < 100; i++) {
                struct capnp_rpc_counts now;

                CHECK_EQ(capnp_question_exception(q[i]).kind, CAPNP_OVERLOADED);
                CHECK_STR(capnp_question_exception(q[i]).reason,
                          "over-quota.calls: too many calls at once");
                capnp_question_free(q[i]);
                capnp_rpc_count(g.b.rpc, &now);
                CHECK_EQ(now.held_bytes, n.held_bytes);
        }
        capnp_question_free(base);
        capnp_cap_unref(root);
        rig_close(&g);
}

enum { WAITERS = 500, LINKS = 500 };

static int give_self(void *self, capnp_answer *a)
{
        return reply(a, 4711, *(capnp_cap **)self);
}

/* A promise that b hands out, and the chain that it is resolved to, link by link. */
struct links {
        capnp_promise *p[LINKS];
        capnp_cap *c[LINKS];
};

static void links_make(struct links *k, capnp_vat *v)
{
        for (unsigned i = 0; i < LINKS; i++)
                CHECK_OK(capnp_promise_new(v, &k->p[i], &k->c[i]));
}

static void links_resolve(struct links *k)
{
        for (unsigned i = 0; i < LINKS; i++) {
                capnp_promise_resolve(k->p[i], i + 1 < LINKS ? k->c[i + 1] : NULL);
                capnp_cap_unref(k->c[i]);
        }
}

/* Calls that wait at one end of a chain of promises are not moved by each of its links. */
TEST(calls_that_wait_are_moved_together)
{
        capnp_cap *root = NULL, *mine = NULL;
        capnp_question *q, *w[WAITERS];
        static struct links k;
        uint64_t steps;
        struct rig g;

        CHECK_OK(rig_open(&g, give_self, &mine));
        links_make(&k, g.b.vat);
        mine = k.c[0];
        CHECK_OK(capnp_rpc_bootstrap(g.a.rpc, &root));
        q = ask(g.a.vat, root, 0, 0, NULL);
        for (unsigned i = 0; i < WAITERS; i++) {
                w[i] = ask(g.a.vat, result_cap(q), 0, i, NULL);
                capnp_question_send(w[i], NULL, NULL);
        }
        run(&g);
        steps = g.b.vat->steps;
        links_resolve(&k);
        run(&g);
        CHECK(g.b.vat->steps - steps <= 3 * WAITERS + 3 * LINKS);
        for (unsigned i = 0; i < WAITERS; i++) {
                CHECK(capnp_question_is_done(w[i]));
                capnp_question_free(w[i]);
        }
        capnp_question_free(q);
        capnp_cap_unref(root);
        run(&g);
        rig_close(&g);
}

/* Nor are the exports of promises that all lead to it. */
TEST(exports_that_wait_are_moved_together)
{
        capnp_cap *root = NULL, *mine = NULL;
        capnp_question *q[WAITERS];
        static struct links k;
        uint64_t steps;
        struct rig g;

        CHECK_OK(rig_open(&g, give_self, &mine));
        links_make(&k, g.b.vat);
        CHECK_OK(capnp_rpc_bootstrap(g.a.rpc, &root));
        run(&g);
        for (unsigned i = 0; i < WAITERS; i++) {
                capnp_promise *p;

                CHECK_OK(capnp_promise_new(g.b.vat, &p, &mine));
                q[i] = ask(g.a.vat, root, 0, 0, NULL);
                capnp_question_send(q[i], NULL, NULL);
                run(&g);
                capnp_cap_unref(mine);
                capnp_promise_resolve(p, k.c[0]);
        }
        steps = g.b.vat->steps;
        links_resolve(&k);
        run(&g);
        CHECK(g.b.vat->steps - steps <= 3 * WAITERS + 3 * LINKS);
        for (unsigned i = 0; i < WAITERS; i++)
                capnp_question_free(q[i]);
        capnp_cap_unref(root);
        run(&g);
        rig_close(&g);
}

/* A program may ask for a reference in a response as often as it likes. */
TEST(looking_for_a_reference_uses_no_budget)
{
        const struct capnp_limits narrow = {.traversal = 200};
        capnp_cap *root = NULL, *mine = NULL;
        capnp_question *q;
        struct rig g;

        CHECK_OK(rig_open(&g, give_self, &mine));
        CHECK_OK(capnp_cap_new_dispatch(g.b.vat, keep_all, NULL, NULL, &mine));
        capnp_rpc_set_limits(g.a.rpc, &narrow);
        CHECK_OK(capnp_rpc_bootstrap(g.a.rpc, &root));
        q = ask(g.a.vat, root, 0, 0, NULL);
        capnp_question_send(q, NULL, NULL);
        run(&g);
        for (unsigned i = 0; i < 1000; i++)
                CHECK(result_cap(q));
        CHECK_EQ(capnp_reader_u64(capnp_question_response(q), 0, 0), 4711);
        CHECK_EQ(capnp_question_result(q), 0);
        capnp_question_free(q);
        capnp_cap_unref(root);
        capnp_cap_unref(mine);
        run(&g);
        rig_close(&g);
}

/* Results by more paths than are looked through one by one, a failing call, and what refers to it,
 * while memory runs out anywhere. */
TORTURE_T(many_results_without_memory, 60)
{
        capnp_cap *root = NULL;
        capnp_question *base = NULL, *q[20] = {NULL};
        struct rig g;
        int r;

        r = rig_open(&g, keep_all, NULL);
        if (!r)
                r = capnp_rpc_bootstrap(g.a.rpc, &root);
        if (!r) {
                base = ask(g.a.vat, root, 0, 0, NULL);
                capnp_question_send(base, NULL, NULL);
        }
        for (uint32_t i = 0; !r && i < 20; i++) {
                CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;
                uint16_t path[2];

                path_of(i * 300, path);
                if (base)
                        c = capnp_i_call_pipe_outer((struct call *)(void *)base, path, 2);
                q[i] = ask(g.a.vat, i & 1 ? c : root, 1, i, c);
                capnp_question_send(q[i], NULL, NULL);
        }
        if (g.b.rpc)
                run(&g);
        capnp_question_free(base);
        for (uint32_t i = 0; i < 20; i++)
                capnp_question_free(q[i]);
        capnp_cap_unref(root);
        if (g.b.rpc)
                run(&g);
        rig_close(&g);
        TORTURE_OK(r);
}
