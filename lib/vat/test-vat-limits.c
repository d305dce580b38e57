/*
 * When a vat stops reading from a peer, when it refuses instead, and that neither is a deadlock: a
 * server that answers late, one that never does, vats that ask each other, and relays.
 */
#include "test-vat.h"

enum { MIB = 1 << 20, MOST_VATS = 4, MOST_KEPT = 64 };

/* Methods of a late server: all keep the call; what becomes of it differs. */
enum { LATE = 0, NEVER, ASK_BACK, BIG };

struct late {
        capnp_vat *vat;
        capnp_cap *peer; /* whom to ask before answering */
        capnp_answer *kept[MOST_KEPT];
        unsigned nkept, canceled, served;
};

struct world {
        capnp_vat *vats[MOST_VATS];
        unsigned n;
};

/* One round of every vat. */
static void world_turn(struct world *w)
{
        struct pollfd p[MOST_VATS];

        for (unsigned i = 0; i < w->n; i++)
                p[i] = (struct pollfd){.fd = capnp_vat_fd(w->vats[i]), .events = POLLIN};
        (void)poll(p, w->n, 1);
        for (unsigned i = 0; i < w->n; i++)
                CHECK_OK(capnp_vat_process(w->vats[i]));
}

/* Until all are done. Deadlocks end by the test's deadline. */
static void world_run(struct world *w, capnp_question **q, unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                while (!capnp_question_is_done(q[i]))
                        world_turn(w);
}

static void late_on_cancel(capnp_answer *a, void *arg)
{
        struct late *l = arg;

        l->canceled++;
        for (unsigned i = 0; i < l->nkept; i++)
                if (l->kept[i] == a)
                        l->kept[i] = l->kept[--l->nkept];
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static void late_asked(capnp_question *q, int r, void *arg)
{
        capnp_answer *a = arg;

        (void)r;
        capnp_question_free(q);
        (void)capnp_answer_return(a);
}

static int late_ask_back(struct late *l, capnp_answer *a)
{
        capnp_question *q = ask(l->vat, l->peer, LATE, "?", 1);

        (void)capnp_abuilder_init_struct(capnp_answer_results_any(a), 0, 1);
        (void)capnp_answer_keep(a, NULL, NULL);
        capnp_question_send(q, late_asked, a);
        return 0;
}

static int late_big(capnp_answer *a)
{
        capnp_builder r = capnp_abuilder_init_struct(capnp_answer_results_any(a), 0, 1);

        (void)capnp_abuilder_init_data(capnp_builder_any(r, 0), MIB);
        return capnp_answer_return(a);
}

static int late_serve(void *self, capnp_answer *a)
{
        struct late *l = self;

        l->served++;
        switch (capnp_answer_method(a)) {
        case ASK_BACK:
                return late_ask_back(l, a);
        case BIG:
                return late_big(a);
        default:
                CHECK(l->nkept < MOST_KEPT);
                l->kept[l->nkept++] = a;
                return capnp_answer_keep(a, late_on_cancel, l);
        }
}

/* Answers what has been asked so far. */
static void late_answer(struct late *l)
{
        while (l->nkept) {
                capnp_answer *a = l->kept[--l->nkept];

                (void)capnp_abuilder_init_struct(capnp_answer_results_any(a), 0, 1);
                (void)capnp_answer_return(a);
        }
}

/* A connection from a to b. *ret_has: what b serves, as a has it. */
static void join(capnp_vat *a, capnp_cap *of_a, capnp_vat *b, capnp_cap *of_b, capnp_conn **conns,
                 capnp_cap **ret_has)
{
        int ends[2];

        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends));
        CHECK_OK(capnp_conn_new(a, ends[0], NULL, of_a, &conns[0]));
        CHECK_OK(capnp_conn_new(b, ends[1], NULL, of_b, &conns[1]));
        CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(conns[0]), ret_has));
}

struct duo {
        struct world w;
        struct late a, b;
        capnp_cap *of_a, *of_b, *a_has, *b_has;
        capnp_conn *conns[2];
};

/* Vat a with what b serves; with `both` the other way, too. */
static void duo_open(struct duo *d, bool both)
{
        *d = (struct duo){.w.n = 2};
        for (unsigned i = 0; i < 2; i++)
                CHECK_OK(capnp_vat_new(&d->w.vats[i]));
        d->a.vat = d->w.vats[0];
        d->b.vat = d->w.vats[1];
        CHECK_OK(capnp_cap_new_dispatch(d->a.vat, late_serve, NULL, &d->a, &d->of_a));
        CHECK_OK(capnp_cap_new_dispatch(d->b.vat, late_serve, NULL, &d->b, &d->of_b));
        join(d->a.vat, both ? d->of_a : NULL, d->b.vat, d->of_b, d->conns, &d->a_has);
        if (both)
                CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(d->conns[1]), &d->b_has));
        d->a.peer = d->a_has;
        d->b.peer = d->b_has;
}

static void duo_close(struct duo *d)
{
        capnp_cap_unref(d->a_has);
        capnp_cap_unref(d->b_has);
        capnp_cap_unref(d->of_a);
        capnp_cap_unref(d->of_b);
        for (unsigned i = 0; i < 2; i++)
                capnp_conn_unref(d->conns[i]);
        late_answer(&d->a);
        late_answer(&d->b);
        for (unsigned i = 0; i < 2; i++)
                capnp_vat_free(d->w.vats[i]);
}

static void send_large(capnp_question **q, unsigned n, capnp_vat *v, capnp_cap *to, uint16_t method)
{
        static uint8_t block[3 * MIB];

        for (unsigned i = 0; i < n; i++) {
                q[i] = ask(v, to, method, block, sizeof(block));
                capnp_question_send(q[i], NULL, NULL);
        }
}

/* Ended well, or refused by name; how many were refused. */
static unsigned end_all(capnp_question **q, unsigned n)
{
        unsigned refused = 0;

        for (unsigned i = 0; i < n; i++) {
                capnp_exception why = capnp_question_exception(q[i]);

                if (capnp_question_result(q[i])) {
                        refused++;
                        CHECK_EQ(why.kind, CAPNP_OVERLOADED);
                        CHECK(!strncmp(why.reason, "over-quota.bytes: ", 18));
                }
                capnp_question_free(q[i]);
        }
        return refused;
}

/* More than it may hold comes at once, and it answers late: it reads on when it has answered. */
TEST_T(server_that_answers_late_refuses_nothing, 60)
{
        capnp_question *q[8];
        struct duo d;

        duo_open(&d, false);
        send_large(q, 8, d.a.vat, d.a_has, LATE);
        for (unsigned i = 0; i < 8; i++)
                while (!capnp_question_is_done(q[i])) {
                        for (unsigned k = 0; k < 60; k++)
                                world_turn(&d.w);
                        CHECK(d.b.nkept < 8);
                        late_answer(&d.b);
                }
        CHECK_EQ(end_all(q, 8), 0);
        CHECK_EQ(d.b.served, 8);
        duo_close(&d);
}

/* It never answers: after a while the rest is refused, and what was sent behind it is read. */
TEST_T(server_that_never_answers_refuses_and_reads_on, 60)
{
        capnp_question *q[8];
        struct duo d;
        unsigned open;

        duo_open(&d, false);
        send_large(q, 8, d.a.vat, d.a_has, NEVER);
        while (!capnp_question_is_done(q[7]))
                world_turn(&d.w);
        open = d.b.served;
        CHECK(open >= 2 && open <= 4);
        for (unsigned i = 0; i < open; i++) {
                CHECK(!capnp_question_is_done(q[i]));
                capnp_question_free(q[i]);
        }
        CHECK_EQ(end_all(q + open, 8 - open), 8 - open);
        while (d.b.canceled < open)
                world_turn(&d.w);
        duo_close(&d);
}

/* A server with a question open reads on, or it would wait for an answer it does not read. */
TEST_T(server_that_asks_back_reads_on, 60)
{
        capnp_question *q[12];
        struct duo d;

        duo_open(&d, true);
        send_large(q, 12, d.a.vat, d.a_has, ASK_BACK);
        for (unsigned i = 0; i < 12; i++)
                while (!capnp_question_is_done(q[i])) {
                        world_turn(&d.w);
                        late_answer(&d.a);
                }
        CHECK(end_all(q, 12) < 12);
        duo_close(&d);
}

/* Both have much to ask and much to answer. */
TEST_T(vats_that_ask_each_other_for_much, 60)
{
        capnp_question *q[80];
        struct duo d;

        duo_open(&d, true);
        for (unsigned i = 0; i < 80; i++) {
                q[i] = ask(i < 40 ? d.a.vat : d.b.vat, i < 40 ? d.a_has : d.b_has, BIG, "!", 1);
                capnp_question_send(q[i], NULL, NULL);
        }
        world_run(&d.w, q, 80);
        CHECK_EQ(end_all(q, 80), 0);
        send_large(q, 12, d.a.vat, d.a_has, ASK_BACK);
        send_large(q + 12, 12, d.b.vat, d.b_has, ASK_BACK);
        for (unsigned i = 0; i < 24; i++)
                while (!capnp_question_is_done(q[i])) {
                        world_turn(&d.w);
                        late_answer(&d.a);
                        late_answer(&d.b);
                }
        (void)end_all(q, 24);
        duo_close(&d);
}

/* Through two relays with default limits: what one server can take, a chain can. */
TEST_T(relays_wait_as_their_server_does, 60)
{
        capnp_cap *has[4] = {NULL}, *root;
        struct world w = {.n = 4};
        struct late l = {0};
        capnp_conn *conns[6];
        capnp_question *q[6];

        for (unsigned i = 0; i < 4; i++)
                CHECK_OK(capnp_vat_new(&w.vats[i]));
        l.vat = w.vats[0];
        CHECK_OK(capnp_cap_new_dispatch(l.vat, late_serve, NULL, &l, &root));
        has[0] = root;
        for (unsigned i = 0; i < 3; i++)
                join(w.vats[i + 1], NULL, w.vats[i], has[i], &conns[2 * i], &has[i + 1]);
        send_large(q, 6, w.vats[3], has[3], LATE);
        for (unsigned i = 0; i < 6; i++)
                while (!capnp_question_is_done(q[i])) {
                        for (unsigned k = 0; k < 60; k++)
                                world_turn(&w);
                        late_answer(&l);
                }
        CHECK_EQ(end_all(q, 6), 0);
        for (unsigned i = 0; i < 4; i++)
                capnp_cap_unref(has[i]);
        for (unsigned i = 0; i < 6; i++)
                capnp_conn_unref(conns[i]);
        for (unsigned i = 0; i < 4; i++)
                capnp_vat_free(w.vats[i]);
}
