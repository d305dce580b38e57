/*
 * The core between two vats: calls, pipelining, promises and their order, tail calls, cancellation,
 * membranes, and that nothing is left in any table afterwards.
 */
#include "test-rpc-rig.h"

#include <stdio.h>

enum { ADD_ONE, MAKE, ECHO, HANG, FAIL, LATER, TAIL, CALL_IT, SILENT, PIPED };

struct host {
        capnp_vat *vat;
        capnp_answer *kept;
        capnp_promise *promise;
        unsigned canceled, made, gone, served;
        uint64_t log[256];
};

static int host_serve(void *self, capnp_answer *a);

static void host_gone(void *self)
{
        ((struct host *)self)->gone++;
}

static void host_canceled(capnp_answer *a, void *arg)
{
        struct host *h = arg;

        h->canceled++;
        h->kept = NULL;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static int host_make(struct host *h, capnp_answer *a)
{
        capnp_cap *c = NULL;
        int r = capnp_cap_new_dispatch(h->vat, host_serve, host_gone, h, &c);

        if (r)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "no memory");

        h->made++;
        r = reply(a, 0, c);
        capnp_cap_unref(c);
        return r;
}

/* An object at once, and a word later. */
static int host_piped(struct host *h, capnp_answer *a)
{
        capnp_builder b = capnp_abuilder_init_struct(capnp_answer_results_any(a), 1, 2);
        capnp_cap *c = NULL;

        CHECK_OK(capnp_cap_new_dispatch(h->vat, host_serve, host_gone, h, &c));
        h->made++;
        capnp_abuilder_set_cap(capnp_builder_any(b, 0), c);
        capnp_cap_unref(c);
        capnp_answer_pipeline(a);
        h->kept = a;
        return capnp_answer_keep(a, host_canceled, h);
}

static int host_later(struct host *h, capnp_answer *a)
{
        capnp_cap *c = NULL;
        int r = capnp_promise_new(h->vat, &h->promise, &c);

        if (r)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "no memory");

        r = reply(a, 0, c);
        capnp_cap_unref(c);
        return r;
}

static int host_serve(void *self, capnp_answer *a)
{
        struct host *h = self;
        capnp_question *q;

        if (h->served < 256)
                h->log[h->served] = asked_word(a);
        h->served++;
        switch (capnp_answer_method(a)) {
        case ADD_ONE:
                return reply(a, asked_word(a) + 1, NULL);
        case MAKE:
                return host_make(h, a);
        case ECHO:
                return reply(a, 0, asked_cap(a));
        case HANG:
                h->kept = a;
                return capnp_answer_keep(a, host_canceled, h);
        case FAIL:
                return capnp_answer_fail(a, (enum capnp_kind)asked_word(a), "reason %d", 7);
        case LATER:
                return host_later(h, a);
        case PIPED:
                return host_piped(h, a);
        case TAIL:
                q = ask(h->vat, asked_cap(a), (uint16_t)asked_word(a), 41, NULL);
                return capnp_answer_tail(a, q);
        default:
                return capnp_answer_fail(a, CAPNP_UNIMPLEMENTED, "no such method");
        }
}

static struct rig g;
static struct host ha, hb; /* what vat a and vat b serve with */
static capnp_cap *root;    /* b's bootstrap object, as a has it */

static int start(void)
{
        int r;

        ha = hb = (struct host){0};
        root = NULL;
        r = rig_open(&g, host_serve, &hb);
        ha.vat = g.a.vat;
        hb.vat = g.b.vat;
        if (!r)
                r = capnp_rpc_bootstrap(g.a.rpc, &root);
        return r;
}

/* Everything dropped: nothing may be left but what a connection always has. */
static void finish(void)
{
        root = capnp_cap_unref(root);
        rig_run(&g);
        rig_empty(g.a.rpc);
        rig_empty(g.b.rpc);
        CHECK_EQ(hb.made, hb.gone);
        CHECK_EQ(ha.made, ha.gone);
        rig_close(&g);
}

static int run(capnp_question *q)
{
        if (q && !capnp_question_is_done(q))
                capnp_question_send(q, NULL, NULL);
        rig_run(&g);
        return capnp_question_result(q);
}

static uint64_t word(capnp_question *q)
{
        return capnp_reader_u64(capnp_question_response(q), 0, 0);
}

TEST(call_and_return)
{
        capnp_question *q;

        CHECK_OK(start());
        q = ask(g.a.vat, root, ADD_ONE, 41, NULL);
        CHECK_OK(run(q));
        CHECK_EQ(word(q), 42);
        capnp_question_free(q);
        finish();
}

TEST(pipeline_hundred_deep)
{
        capnp_question *q[100];
        capnp_cap *at;
        int i;

        CHECK_OK(start());
        at = root;
        for (i = 0; i < 100; i++) {
                q[i] = ask(g.a.vat, at, MAKE, (uint64_t)i, NULL);
                at = result_cap(q[i]);
        }
        CHECK_OK(run(q[99]));
        for (i = 0; i < 100; i++) {
                CHECK_EQ(hb.log[i], (uint64_t)i);
                capnp_question_free(q[i]);
        }
        finish();
        CHECK_EQ(hb.gone, 100);
}

TEST(exceptions_keep_kind_and_reason)
{
        uint64_t k;

        CHECK_OK(start());
        for (k = 0; k < 4; k++) {
                capnp_question *q = ask(g.a.vat, root, FAIL, k, NULL);
                capnp_question *p = ask(g.a.vat, result_cap(q), ADD_ONE, 0, NULL);

                CHECK(run(p) > 0);
                CHECK_EQ(capnp_question_exception(q).kind, k);
                CHECK_STR(capnp_question_exception(q).reason, "reason 7");
                CHECK_STR(capnp_question_exception(p).reason, "reason 7");
                capnp_question_free(q);
                capnp_question_free(p);
        }
        finish();
}

TEST(own_object_comes_home)
{
        capnp_cap *mine = NULL;
        capnp_question *q;

        CHECK_OK(start());
        CHECK_OK(capnp_cap_new_dispatch(g.a.vat, host_serve, host_gone, &ha, &mine));
        ha.made++;
        q = ask(g.a.vat, root, ECHO, 0, mine);
        CHECK_OK(run(q));
        CHECK_EQ((uintptr_t)capnp_cap_self_peek(result_cap(q), (void *)(uintptr_t)host_serve),
                 (uintptr_t)&ha);
        capnp_question_free(q);
        capnp_cap_unref(mine);
        finish();
}

/* A peer's object is that connection's, also as a promise and when it has been there and back. */
TEST(connection_owns_what_its_calls_go_out_on)
{
        capnp_cap *mine = NULL;
        capnp_question *theirs, *ours;

        CHECK_OK(start());
        CHECK(capnp_rpc_owns(g.a.rpc, root));
        CHECK_OK(capnp_cap_new_dispatch(g.a.vat, host_serve, host_gone, &ha, &mine));
        ha.made++;
        theirs = ask(g.a.vat, root, ECHO, 0, root);
        ours = ask(g.a.vat, root, ECHO, 0, mine);
        CHECK_OK(run(theirs));
        CHECK_OK(run(ours));
        CHECK(capnp_rpc_owns(g.a.rpc, root));
        CHECK(!capnp_rpc_owns(g.b.rpc, root));
        CHECK(capnp_rpc_owns(g.a.rpc, result_cap(theirs)));
        CHECK(!capnp_rpc_owns(g.a.rpc, result_cap(ours)));
        CHECK(!capnp_rpc_owns(g.a.rpc, mine));
        CHECK(!capnp_rpc_owns(g.a.rpc, NULL));
        capnp_question_free(theirs);
        capnp_question_free(ours);
        capnp_cap_unref(mine);
        finish();
}

/* Calls made on a promise that leads back here must arrive before calls made on what it became. */
TEST(embargo_keeps_order)
{
        capnp_cap *mine = NULL, *echoed;
        capnp_question *q, *c[20];
        int i;

        CHECK_OK(start());
        CHECK_OK(capnp_cap_new_dispatch(g.a.vat, host_serve, host_gone, &ha, &mine));
        ha.made++;
        q = ask(g.a.vat, root, ECHO, 0, mine);
        echoed = result_cap(q);
        for (i = 0; i < 10; i++) {
                c[i] = ask(g.a.vat, echoed, ADD_ONE, (uint64_t)i, NULL);
                capnp_question_send(c[i], NULL, NULL);
        }
        while (!capnp_question_is_done(q)) {
                while (capnp_rpc_step(g.a.vat) || capnp_rpc_step(g.b.vat))
                        ;
                if (!rig_move_one(g.a.rpc, g.b.rpc))
                        CHECK(rig_move_one(g.b.rpc, g.a.rpc));
        }
        for (; i < 20; i++) {
                c[i] = ask(g.a.vat, result_cap(q), ADD_ONE, (uint64_t)i, NULL);
                capnp_question_send(c[i], NULL, NULL);
        }
        rig_run(&g);
        CHECK_EQ(ha.served, 20);
        for (i = 0; i < 20; i++) {
                CHECK_EQ(ha.log[i], (uint64_t)i);
                CHECK_EQ(word(c[i]), (uint64_t)i + 1);
                capnp_question_free(c[i]);
        }
        capnp_question_free(q);
        capnp_cap_unref(mine);
        finish();
}

static void note_end(void *arg)
{
        *(unsigned *)arg = ha.served;
}

/* An object of ours that is under embargo is not ours yet: looking through it would overtake. */
TEST(embargoed_object_is_not_looked_at)
{
        void *serve = (void *)(uintptr_t)host_serve;
        capnp_cap *mine = NULL, *held;
        capnp_question *q, *c;

        CHECK_OK(start());
        CHECK_OK(capnp_cap_new_dispatch(g.a.vat, host_serve, host_gone, &ha, &mine));
        ha.made++;
        q = ask(g.a.vat, root, ECHO, 0, mine);
        held = capnp_cap_ref(result_cap(q));
        c = ask(g.a.vat, held, ADD_ONE, 1, NULL);
        capnp_question_send(c, NULL, NULL);
        while (!capnp_question_is_done(q)) {
                while (capnp_rpc_step(g.a.vat) || capnp_rpc_step(g.b.vat))
                        ;
                if (!rig_move_one(g.a.rpc, g.b.rpc))
                        CHECK(rig_move_one(g.b.rpc, g.a.rpc));
        }
        CHECK(!capnp_cap_self_peek(held, serve));
        CHECK(!capnp_cap_self_peek(result_cap(q), serve));
        CHECK(!capnp_cap_is_broken(held, NULL));
        CHECK_EQ(ha.served, 0);
        rig_run(&g);
        CHECK_EQ(ha.served, 1);
        CHECK_EQ((uintptr_t)capnp_cap_self_peek(held, serve), (uintptr_t)&ha);
        CHECK_EQ((uintptr_t)capnp_cap_self_peek(result_cap(q), serve), (uintptr_t)&ha);
        capnp_question_free(c);
        capnp_question_free(q);
        capnp_cap_unref(held);
        capnp_cap_unref(mine);
        finish();
}

/* Who waits is told when the last call before has been served, and then finds the object. */
TEST(own_object_is_found_after_its_embargo)
{
        void *serve = (void *)(uintptr_t)host_serve;
        capnp_cap *mine = NULL, *held;
        unsigned served = 0;
        capnp_wait *w;
        capnp_question *q, *c;

        CHECK_OK(start());
        CHECK_OK(capnp_cap_new_dispatch(g.a.vat, host_serve, host_gone, &ha, &mine));
        ha.made++;
        q = ask(g.a.vat, root, ECHO, 0, mine);
        held = capnp_cap_ref(result_cap(q));
        CHECK_OK(capnp_wait_new(held, note_end, &served, &w));
        c = ask(g.a.vat, held, ADD_ONE, 1, NULL);
        capnp_question_send(c, NULL, NULL);
        rig_run(&g);
        CHECK_EQ(ha.served, 1);
        CHECK_EQ(served, 1);
        CHECK_EQ((uintptr_t)capnp_cap_self_peek(held, serve), (uintptr_t)&ha);
        capnp_wait_free(w);
        capnp_question_free(c);
        capnp_question_free(q);
        capnp_cap_unref(held);
        capnp_cap_unref(mine);
        finish();
}

/* One that ends its wait when it is told. */
struct told {
        capnp_wait *w;
        unsigned n;
};

static void note_told(void *arg)
{
        struct told *t = arg;

        t->n++;
        t->w = capnp_wait_free(t->w);
}

static void wait_for(capnp_cap *c, struct told *t)
{
        *t = (struct told){.n = 0};
        CHECK_OK(capnp_wait_new(c, note_told, t, &t->w));
}

TEST(waits_end_when_all_is_known)
{
        capnp_cap *first = NULL, *second = NULL;
        capnp_promise *p1, *p2;
        struct told one, other, gone, now;

        CHECK_OK(start());
        CHECK_OK(capnp_promise_new(g.a.vat, &p1, &first));
        CHECK_OK(capnp_promise_new(g.a.vat, &p2, &second));
        wait_for(first, &one);
        wait_for(first, &other);
        wait_for(first, &gone);
        CHECK(!capnp_wait_free(NULL));
        rig_run(&g);
        gone.w = capnp_wait_free(gone.w);
        capnp_promise_resolve(p1, second);
        rig_run(&g);
        CHECK_EQ(one.n + other.n, 0);
        other.w = capnp_wait_free(other.w);
        wait_for(first, &other);
        capnp_promise_break(p2, (capnp_exception){CAPNP_FAILED, "never"});
        wait_for(second, &now);
        CHECK_EQ(one.n + other.n + now.n, 0); /* nothing is called from here */
        rig_run(&g);
        CHECK_EQ(one.n, 1);
        CHECK_EQ(other.n, 1);
        CHECK_EQ(now.n, 1);
        CHECK_EQ(gone.n, 0);
        capnp_cap_unref(first);
        capnp_cap_unref(second);
        finish();
}

/* What is behind a membrane is waited for, until that is cut: others go on waiting. */
TEST(waits_behind_a_membrane)
{
        static const struct capnp_membrane_ops ops;
        capnp_cap *inside = NULL, *outside;
        struct told in, out, twice;
        capnp_membrane *m;
        capnp_promise *p;

        CHECK_OK(start());
        CHECK_OK(capnp_membrane_new(g.a.vat, &ops, NULL, &m));
        CHECK_OK(capnp_promise_new(g.a.vat, &p, &inside));
        outside = capnp_membrane_wrap(m, inside);
        wait_for(inside, &in);
        wait_for(outside, &out);
        rig_run(&g);
        capnp_membrane_revoke(m, (capnp_exception){CAPNP_FAILED, "cut"});
        rig_run(&g);
        CHECK_EQ(in.n, 0);
        CHECK_EQ(out.n, 1);
        capnp_promise_resolve(p, root);
        rig_run(&g);
        CHECK_EQ(in.n, 1);
        CHECK_EQ(out.n, 1);
        wait_for(outside, &twice);
        rig_run(&g);
        CHECK_EQ(twice.n, 1);
        capnp_cap_unref(inside);
        capnp_cap_unref(outside);
        capnp_membrane_unref(m);
        finish();
}

/* Stream calls on a promise of one's own object: when they have ended, all have been served. */
TEST(stream_then_unwrap)
{
        void *serve = (void *)(uintptr_t)host_serve;
        capnp_cap *mine = NULL, *held;
        unsigned served = 0, i;
        capnp_question *q;

        CHECK_OK(start());
        CHECK_OK(capnp_cap_new_dispatch(g.a.vat, host_serve, host_gone, &ha, &mine));
        ha.made++;
        q = ask(g.a.vat, root, ECHO, 0, mine);
        held = capnp_cap_ref(result_cap(q));
        for (i = 0; i < 10; i++)
                CHECK_OK(capnp_question_stream(ask(g.a.vat, held, ADD_ONE, i, NULL), NULL, NULL));
        CHECK_EQ(capnp_cap_stream_finish(held, note_end, &served), CAPNP_E_LIMIT);
        capnp_question_send(q, NULL, NULL);
        CHECK(!capnp_cap_self_peek(held, serve));
        rig_run(&g);
        CHECK_EQ(served, 10);
        CHECK_EQ((uintptr_t)capnp_cap_self_peek(held, serve), (uintptr_t)&ha);
        capnp_question_free(q);
        capnp_cap_unref(held);
        capnp_cap_unref(mine);
        finish();
}

/* What is called on results that are known is served, before the answer and in order. */
static void pipe_early(capnp_vat *v, capnp_cap *to, bool fails)
{
        static const uint16_t none[] = {1};
        capnp_question *q, *c[3], *null;
        struct host *h = &hb;

        hb.served = 0;
        q = ask(v, to, PIPED, 0, NULL);
        c[0] = ask(v, result_cap(q), ADD_ONE, 1, NULL);
        null = ask(v, capnp_question_cap_peek(q, none, 1), ADD_ONE, 9, NULL);
        CHECK_OK(run(c[0]));
        CHECK_EQ(word(c[0]), 2);
        c[1] = ask(v, result_cap(q), ADD_ONE, 2, NULL);
        CHECK_OK(run(c[1]));
        CHECK(!capnp_question_is_done(q));
        CHECK_EQ(run(null), CAPNP_E_EXCEPTION);
        CHECK(!strcmp(capnp_question_exception(null).reason, "called a null capability"));
        if (fails) {
                CHECK_OK(capnp_answer_fail(h->kept, CAPNP_FAILED, "after all"));
        } else {
                capnp_builder_set_u64(capnp_answer_results(h->kept), 0, 0, 0);
                CHECK_OK(capnp_answer_return(h->kept));
        }
        CHECK_EQ(run(q), fails ? CAPNP_E_EXCEPTION : 0);
        c[2] = ask(v, result_cap(q), ADD_ONE, 3, NULL);
        CHECK_EQ(run(c[2]), fails ? CAPNP_E_EXCEPTION : 0);
        CHECK_EQ(h->served, fails ? 3 : 4);
        for (int i = 0; i < 3; i++)
                capnp_question_free(c[i]);
        capnp_question_free(null);
        capnp_question_free(q);
}

TEST(results_are_called_before_they_return)
{
        capnp_cap *here = NULL;

        CHECK_OK(start());
        pipe_early(g.a.vat, root, false);
        pipe_early(g.a.vat, root, true);
        CHECK_OK(capnp_cap_new_dispatch(g.b.vat, host_serve, host_gone, &hb, &here));
        hb.made++;
        pipe_early(g.b.vat, here, false);
        capnp_cap_unref(here);
        finish();
}

/* … and who has nothing but a call on them has the call canceled when that is over. */
TEST(called_early_and_canceled)
{
        capnp_question *q, *c;

        CHECK_OK(start());
        q = ask(g.a.vat, root, PIPED, 0, NULL);
        c = ask(g.a.vat, result_cap(q), ADD_ONE, 1, NULL);
        CHECK_OK(run(c));
        capnp_question_free(c);
        capnp_question_free(q);
        rig_run(&g);
        CHECK_EQ(hb.canceled, 1);
        finish();
}

TEST(promise_resolves_later)
{
        capnp_question *q, *c[6];
        capnp_cap *target = NULL;
        int i;

        CHECK_OK(start());
        q = ask(g.a.vat, root, LATER, 0, NULL);
        CHECK_OK(run(q));
        for (i = 0; i < 3; i++) {
                c[i] = ask(g.a.vat, result_cap(q), ADD_ONE, (uint64_t)i, NULL);
                CHECK_EQ(run(c[i]), -EAGAIN);
        }
        CHECK_OK(capnp_cap_new_dispatch(g.b.vat, host_serve, host_gone, &hb, &target));
        hb.made++;
        capnp_promise_resolve(hb.promise, target);
        capnp_cap_unref(target);
        for (; i < 6; i++) {
                c[i] = ask(g.a.vat, result_cap(q), ADD_ONE, (uint64_t)i, NULL);
                capnp_question_send(c[i], NULL, NULL);
        }
        rig_run(&g);
        for (i = 0; i < 6; i++) {
                CHECK_EQ(hb.log[1 + i], (uint64_t)i);
                CHECK_EQ(word(c[i]), (uint64_t)i + 1);
                capnp_question_free(c[i]);
        }
        capnp_question_free(q);
        finish();
}

TEST(promise_breaks)
{
        capnp_question *q, *c;

        CHECK_OK(start());
        q = ask(g.a.vat, root, LATER, 0, NULL);
        c = ask(g.a.vat, result_cap(q), ADD_ONE, 1, NULL);
        CHECK_EQ(run(c), -EAGAIN);
        capnp_promise_break(hb.promise, (capnp_exception){CAPNP_OVERLOADED, "broken so"});
        rig_run(&g);
        CHECK_EQ(capnp_question_result(c), CAPNP_E_EXCEPTION);
        CHECK_EQ(capnp_question_exception(c).kind, CAPNP_OVERLOADED);
        CHECK_STR(capnp_question_exception(c).reason, "broken so");
        capnp_question_free(c);
        c = ask(g.a.vat, result_cap(q), ADD_ONE, 1, NULL);
        CHECK_EQ(run(c), CAPNP_E_EXCEPTION);
        CHECK_STR(capnp_question_exception(c).reason, "broken so");
        capnp_question_free(c);
        capnp_question_free(q);
        finish();
}

TEST(tail_call_to_caller)
{
        capnp_cap *mine = NULL;
        capnp_question *q, *p;

        CHECK_OK(start());
        CHECK_OK(capnp_cap_new_dispatch(g.a.vat, host_serve, host_gone, &ha, &mine));
        ha.made++;
        q = ask(g.a.vat, root, TAIL, ADD_ONE, mine);
        CHECK_OK(run(q));
        CHECK_EQ(word(q), 42);
        capnp_question_free(q);
        q = ask(g.a.vat, root, TAIL, MAKE, mine);
        p = ask(g.a.vat, result_cap(q), ADD_ONE, 5, NULL);
        CHECK_OK(run(p));
        CHECK_EQ(word(p), 6);
        capnp_question_free(p);
        capnp_question_free(q);
        capnp_cap_unref(mine);
        finish();
}

TEST(tail_call_here)
{
        capnp_question *q, *p;

        CHECK_OK(start());
        q = ask(g.a.vat, root, MAKE, 0, NULL);
        p = ask(g.a.vat, root, TAIL, ADD_ONE, result_cap(q));
        CHECK_OK(run(p));
        CHECK_EQ(word(p), 42);
        capnp_question_free(q);
        capnp_question_free(p);
        finish();
}

TEST(cancel_reaches_the_handler)
{
        capnp_question *q;

        CHECK_OK(start());
        q = ask(g.a.vat, root, HANG, 0, NULL);
        CHECK_EQ(run(q), -EAGAIN);
        capnp_question_free(q);
        rig_run(&g);
        CHECK_EQ(hb.canceled, 1);
        finish();
}

TEST(disconnect_fails_open_calls)
{
        capnp_question *q, *p;

        CHECK_OK(start());
        q = ask(g.a.vat, root, HANG, 0, NULL);
        p = ask(g.a.vat, result_cap(q), ADD_ONE, 0, NULL);
        CHECK_EQ(run(p), -EAGAIN);
        capnp_rpc_close(g.b.rpc, (capnp_exception){CAPNP_FAILED, "enough"});
        rig_run(&g);
        CHECK_EQ(capnp_question_result(q), CAPNP_E_DISCONNECTED);
        CHECK_EQ(capnp_question_result(p), CAPNP_E_DISCONNECTED);
        CHECK_EQ(hb.canceled, 1);
        CHECK(capnp_cap_is_broken(root, NULL));
        capnp_question_free(q);
        capnp_question_free(p);
        finish();
}

static int refuse(void *self, bool inward, uint64_t iface, uint16_t method, uint64_t bytes,
                  capnp_exception *why)
{
        (void)self, (void)inward, (void)iface, (void)bytes;
        *why = (capnp_exception){CAPNP_OVERLOADED, "not this one"};
        return method == FAIL;
}

static unsigned ends;

static void count_end(void *self, uint64_t bytes)
{
        (void)self, (void)bytes;
        ends++;
}

static const struct capnp_membrane_ops policy = {.pass = refuse, .end = count_end};

TEST(membrane_passes_refuses_and_breaks)
{
        capnp_membrane *m = NULL;
        capnp_cap *wrapped;
        capnp_question *q, *p, *h;

        ends = 0;
        CHECK_OK(start());
        CHECK_OK(capnp_membrane_new(g.a.vat, &policy, NULL, &m));
        wrapped = capnp_membrane_wrap(m, root);
        q = ask(g.a.vat, wrapped, MAKE, 0, NULL);
        p = ask(g.a.vat, result_cap(q), ADD_ONE, 1, NULL);
        CHECK_OK(run(p));
        CHECK_EQ(word(p), 2);
        CHECK_EQ(ends, 2);
        capnp_question_free(p);
        p = ask(g.a.vat, wrapped, FAIL, 0, NULL);
        CHECK_EQ(run(p), CAPNP_E_EXCEPTION);
        CHECK_STR(capnp_question_exception(p).reason, "not this one");
        capnp_question_free(p);
        h = ask(g.a.vat, result_cap(q), HANG, 0, NULL);
        CHECK_EQ(run(h), -EAGAIN);
        capnp_membrane_revoke(m, (capnp_exception){CAPNP_FAILED, "revoked"});
        rig_run(&g);
        CHECK_EQ(capnp_question_result(h), CAPNP_E_EXCEPTION);
        CHECK_STR(capnp_question_exception(h).reason, "revoked");
        CHECK_EQ(hb.canceled, 1);
        CHECK_EQ(ends, 3);
        p = ask(g.a.vat, result_cap(q), ADD_ONE, 1, NULL);
        CHECK_EQ(run(p), CAPNP_E_EXCEPTION);
        capnp_question_free(p);
        capnp_question_free(h);
        capnp_question_free(q);
        capnp_cap_unref(wrapped);
        capnp_membrane_unref(m);
        finish();
}

static int refuse_inward(void *self, bool inward, capnp_cap *c, capnp_exception *why)
{
        *why = (capnp_exception){CAPNP_FAILED, "may not pass"};
        return inward && capnp_cap_self_peek(c, (void *)(uintptr_t)host_serve) == self;
}

static const struct capnp_membrane_ops guard = {.transfer = refuse_inward};

/* What a promise becomes may not pass: then no call that waited for it may either. */
TEST(membrane_asks_again_for_calls_that_waited)
{
        capnp_cap *promised = NULL, *mine = NULL, *wrapped;
        capnp_promise *decide = NULL;
        capnp_membrane *m = NULL;
        capnp_question *q, *p;

        CHECK_OK(start());
        CHECK_OK(capnp_membrane_new(g.a.vat, &guard, &ha, &m));
        CHECK_OK(capnp_promise_new(g.a.vat, &decide, &promised));
        CHECK_OK(capnp_cap_new_dispatch(g.a.vat, host_serve, host_gone, &ha, &mine));
        ha.made++;
        wrapped = capnp_membrane_wrap(m, root);
        q = ask(g.a.vat, wrapped, TAIL, ADD_ONE, promised); /* b calls what it is given */
        CHECK_EQ(run(q), -EAGAIN);
        capnp_promise_resolve(decide, mine);
        p = ask(g.a.vat, promised, ADD_ONE, 1, NULL);
        CHECK_OK(run(p));
        CHECK_EQ(capnp_question_result(q), CAPNP_E_EXCEPTION);
        CHECK_STR(capnp_question_exception(q).reason, "may not pass");
        CHECK_EQ(ha.served, 1);
        capnp_question_free(q);
        capnp_question_free(p);
        capnp_cap_unref(wrapped);
        capnp_cap_unref(promised);
        capnp_cap_unref(mine);
        capnp_membrane_unref(m);
        finish();
}

static void say_whose(void *self, capnp_exception why, char *out)
{
        (void)self;
        snprintf(out, 512, "inside: %s", why.reason);
}

static const struct capnp_membrane_ops mark = {.reason = say_whose};

static void check_reason(capnp_cap *c, const char *reason)
{
        capnp_question *q = ask(g.a.vat, c, ADD_ONE, 1, NULL);

        CHECK_EQ(run(q), CAPNP_E_EXCEPTION);
        CHECK_STR(capnp_question_exception(q).reason, reason);
        capnp_question_free(q);
}

/* An exception crosses in a broken promise as it does in a failed call. */
TEST(membrane_marks_what_a_promise_breaks_with)
{
        capnp_membrane *m = NULL;
        capnp_cap *wrapped;
        capnp_question *q, *c;

        CHECK_OK(start());
        CHECK_OK(capnp_membrane_new(g.a.vat, &mark, NULL, &m));
        wrapped = capnp_membrane_wrap(m, root);
        q = ask(g.a.vat, wrapped, LATER, 0, NULL);
        c = ask(g.a.vat, result_cap(q), ADD_ONE, 1, NULL);
        CHECK_EQ(run(c), -EAGAIN);
        capnp_promise_break(hb.promise, (capnp_exception){CAPNP_FAILED, "denied"});
        rig_run(&g);
        CHECK_STR(capnp_question_exception(c).reason, "inside: denied");
        check_reason(result_cap(q), "inside: denied");
        capnp_membrane_revoke(m, (capnp_exception){CAPNP_FAILED, "revoked"});
        check_reason(result_cap(q), "revoked");
        check_reason(wrapped, "revoked");
        capnp_question_free(c);
        capnp_question_free(q);
        capnp_cap_unref(wrapped);
        capnp_membrane_unref(m);
        finish();
}

TORTURE(memory_runs_out)
{
        capnp_question *q, *p;
        capnp_cap *mine = NULL;
        int r;

        r = start();
        if (!r)
                r = capnp_cap_new_dispatch(g.a.vat, host_serve, NULL, &ha, &mine);
        if (!r) {
                q = ask(g.a.vat, root, TAIL, MAKE, mine);
                p = ask(g.a.vat, result_cap(q), ECHO, 0, mine);
                r = run(p);
                capnp_question_free(p);
                capnp_question_free(q);
        }
        capnp_cap_unref(mine);
        capnp_cap_unref(root);
        rig_close(&g);
        if (r > 0)
                r = -ENOMEM; /* some peer was short of it */
        TORTURE_OK(r);
}
