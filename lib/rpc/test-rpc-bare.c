/*
 * Questions that nobody has filled in have no frame (rpc-params.c): whoever serves them finds a
 * struct of defaults, here and over there, of a result, behind a membrane, and so does a policy.
 */
#include "test-rpc-rig.h"

enum { SMALL, NONE, LONG, SELF, METHODS };

static const struct capnp_method METHOD[METHODS] = {
        [SMALL] = {"small", 2, 1, 0, 0, false},
        [NONE] = {"none", 0, 0, 0, 0, false},
        [LONG] = {"long", 90, 30, 0, 0, false}, /* more than is written where it leaves from */
        [SELF] = {"self", 1, 0, 0, 1, false},
};
static const struct capnp_interface IFACE = {7, "iface", METHOD, NULL, METHODS, 0};

static struct {
        struct rig g;
        capnp_cap *root, *here, *there;
        unsigned served;
        uint64_t bytes; /* that the last call passed with */
} t;

static int serve(void *self, capnp_answer *a)
{
        const struct capnp_method *m = &METHOD[capnp_answer_method(a)];
        capnp_reader p = capnp_answer_params(a);

        CHECK_EQ(p.bytes, m->params_words * 8u);
        CHECK_EQ(p.ptrs, m->params_ptrs);
        for (uint32_t i = 0; i < p.bytes; i += 8)
                CHECK_EQ(capnp_reader_u64(p, i, 0), 0);
        for (uint16_t i = 0; i < p.ptrs; i++)
                CHECK_EQ(capnp_any_what(capnp_reader_any(p, i)), CAPNP_WHAT_NULL);
        CHECK_OK(capnp_answer_check(a));
        t.served++;
        return capnp_answer_method(a) == SELF ? reply(a, 0, *(capnp_cap **)self) /* t.there */
                                              : capnp_answer_return(a);
}

static int pass(void *self, bool outward, uint64_t iface, uint16_t method, uint64_t bytes,
                capnp_exception *why)
{
        (void)self, (void)outward, (void)iface, (void)method, (void)why;
        t.bytes = bytes;
        return 0;
}

static int look(void *self, const struct capnp_membrane_call *c, capnp_exception *why)
{
        (void)self, (void)why;
        CHECK_EQ(c->params.bytes, METHOD[c->method].params_words * 8u);
        return 0;
}

static void start(void)
{
        memset(&t, 0, sizeof(t));
        CHECK_OK(rig_open(&t.g, serve, &t.there));
        CHECK_OK(capnp_cap_new_dispatch(t.g.b.vat, serve, NULL, NULL, &t.there));
        CHECK_OK(capnp_cap_new_dispatch(t.g.a.vat, serve, NULL, NULL, &t.here));
        CHECK_OK(capnp_rpc_bootstrap(t.g.a.rpc, &t.root));
        (void)rig_run(&t.g);
}

static void end(void)
{
        capnp_cap_unref(t.root);
        capnp_cap_unref(t.here);
        capnp_cap_unref(t.there);
        (void)rig_run(&t.g);
        rig_empty(t.g.a.rpc);
        rig_empty(t.g.b.rpc);
        rig_close(&t.g);
}

static void check_call(capnp_cap *c, uint16_t method)
{
        capnp_question *q = capnp_question_new(c, &IFACE, method);
        unsigned before = t.served;

        capnp_question_send(q, NULL, NULL);
        (void)rig_run(&t.g);
        CHECK_OK(capnp_question_result(q));
        CHECK_EQ(t.served, before + 1);
        capnp_question_free(q);
        (void)rig_run(&t.g);
}

TEST(here_and_there)
{
        start();
        for (uint16_t i = 0; i < SELF; i++) {
                check_call(t.here, i);
                check_call(t.root, i);
        }
        end();
}

/* Of a result, before it has returned. */
TEST(of_results)
{
        capnp_question *self, *q;

        start();
        for (uint16_t i = 0; i < SELF; i++) {
                self = capnp_question_new(t.root, &IFACE, SELF);
                q = capnp_question_new(result_cap(self), &IFACE, i);
                capnp_question_send(q, NULL, NULL);
                (void)rig_run(&t.g);
                CHECK_OK(capnp_question_result(q));
                CHECK_EQ(t.served, 2 * (i + 1u));
                capnp_question_free(q);
                capnp_question_free(self);
                (void)rig_run(&t.g);
        }
        end();
}

/* A membrane counts what would be sent, and looks at it. */
TEST(through_a_membrane)
{
        const struct capnp_membrane_ops plain = {.pass = pass},
                                        curious = {.pass = pass, .look = look};
        const struct capnp_membrane_ops *ops[] = {&plain, &curious};

        start();
        for (unsigned k = 0; k < 2; k++) {
                CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *near = NULL, *far = NULL;
                capnp_membrane *m;

                CHECK_OK(capnp_membrane_new(t.g.a.vat, ops[k], NULL, &m));
                near = capnp_membrane_wrap(m, t.here);
                far = capnp_membrane_wrap(m, t.root);
                for (uint16_t i = 0; i < SELF; i++) {
                        check_call(near, i);
                        if (i != LONG) /* which has a segment more */
                                CHECK_EQ(t.bytes, 8u + (ENVELOPE_WORDS + METHOD[i].params_words +
                                                        METHOD[i].params_ptrs) *
                                                                  8u);
                        check_call(far, i);
                }
                capnp_membrane_unref(m);
        }
        end();
}

/* What is asked for is there, and one that was never sent goes. */
TEST(filled_in_later_or_never)
{
        capnp_question *q;

        start();
        q = capnp_question_new(t.root, &IFACE, SMALL);
        CHECK_EQ(capnp_question_params(q).bytes, 16);
        CHECK_EQ(capnp_question_params(q).ptrs, 1);
        capnp_question_send(q, NULL, NULL);
        CHECK(!capnp_question_params(q).d);
        (void)rig_run(&t.g);
        CHECK_OK(capnp_question_result(q));
        capnp_question_free(q);
        capnp_question_free(capnp_question_new(t.root, &IFACE, SMALL));
        end();
}
