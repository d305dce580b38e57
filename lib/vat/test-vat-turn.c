/*
 * Fairness: calls of many connections that wait for one vat are served in turn, however many one of
 * them has sent. The order is counted; nothing is timed.
 */
#include "test-vat.h"

#include "io-loop.h"

enum { POLITE = 50, EACH = 20, FLOOD = 400, CALL_WORDS = 15, ALL = POLITE * EACH + FLOOD };

struct service {
        capnp_vat *vat;
        unsigned served, who[ALL]; /* 0: the flooder */
};

struct object {
        struct service *s;
        unsigned who;
};

static int serve(void *self, capnp_answer *a)
{
        struct object *o = self;

        CHECK(o->s->served < ALL);
        o->s->who[o->s->served++] = o->who;
        return capnp_answer_return(a);
}

static uint64_t sp(uint32_t off, uint16_t words, uint16_t ptrs)
{
        return (uint64_t)off << 2 | (uint64_t)words << 32 | (uint64_t)ptrs << 48;
}

/* Writes a Bootstrap and n calls of what it gives, all at once. */
static void write_calls(int fd, unsigned n)
{
        static uint64_t b[6 + CALL_WORDS * FLOOD];
        uint64_t *w = b;
        ssize_t len;

        memcpy(w, (uint64_t[]){(uint64_t)5 << 32, sp(0, 1, 1), 8, sp(0, 1, 1), 9999, 0},
               6 * sizeof(*w));
        w += 6;
        for (unsigned i = 0; i < n; i++, w += CALL_WORDS)
                memcpy(w,
                       (uint64_t[]){(uint64_t)14 << 32, sp(0, 1, 1), 2, sp(0, 3, 3), i, 7, 0,
                                    sp(2, 1, 1), sp(3, 0, 2), 0, 0, 0, sp(1, 1, 0), 0, 0},
                       CALL_WORDS * sizeof(*w));
        len = (ssize_t)((size_t)(w - b) * sizeof(*w));
        CHECK_EQ(write(fd, b, (size_t)len), len);
}

static void service_run(struct service *s, const struct capnp_limits *l)
{
        capnp_conn *conns[POLITE + 1];
        struct object objects[POLITE + 1];
        int ends[POLITE + 1][2];

        CHECK_OK(capnp_vat_new(&s->vat));
        for (unsigned i = 0; i <= POLITE; i++) {
                capnp_cap *root;

                objects[i] = (struct object){s, i};
                CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                                    ends[i]));
                write_calls(ends[i][1], i ? EACH : FLOOD);
                CHECK_OK(capnp_cap_new_dispatch(s->vat, serve, NULL, &objects[i], &root));
                CHECK_OK(capnp_conn_new(s->vat, ends[i][0], l, root, &conns[i]));
                capnp_cap_unref(root);
        }
        for (int i = 0; i < 100000 && s->served < ALL; i++)
                CHECK_OK(capnp_vat_process(s->vat));
        CHECK_EQ(s->served, ALL);
        for (unsigned i = 0; i <= POLITE; i++) {
                capnp_conn_unref(conns[i]);
                (void)close(ends[i][1]);
        }
        capnp_vat_free(s->vat);
}

/* The most calls of the flooder before the next of one of the others, all of whose wait. */
static unsigned most_between(const struct service *s)
{
        unsigned most = 0;

        for (unsigned p = 1; p <= POLITE; p++) {
                unsigned between = 0, seen = 0;

                for (unsigned i = 0; i < s->served && seen < EACH; i++) {
                        between += !s->who[i];
                        if (between > most)
                                most = between;
                        if (s->who[i] != p)
                                continue;
                        seen++;
                        between = 0;
                }
        }
        return most;
}

TEST_T(one_that_floods_gets_its_turn_and_no_more, 120)
{
        static struct service s;

        service_run(&s, &(struct capnp_limits){.turn = 1});
        CHECK(most_between(&s) <= 2);
}

TEST_T(without_turns_it_goes_first, 120)
{
        static struct service s;

        service_run(&s, &(struct capnp_limits){0});
        CHECK_EQ(s.who[FLOOD - 1], 0);
        CHECK_EQ(most_between(&s), FLOOD);
}

/* By a clock that only runs longer: at a rate of 20, 20 calls at once, and 21 take a second more.
 */
TEST_T(calls_beyond_a_rate_wait_and_none_is_refused, 120)
{
        static struct service s;
        uint64_t began_ms = capos_io_now_ms();
        struct object o = {&s, 0};
        capnp_cap *root;
        capnp_conn *c;
        int ends[2];

        CHECK_OK(capnp_vat_new(&s.vat));
        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends));
        write_calls(ends[1], 41);
        CHECK_OK(capnp_cap_new_dispatch(s.vat, serve, NULL, &o, &root));
        CHECK_OK(capnp_conn_new(s.vat, ends[0], &(struct capnp_limits){.rate = 20}, root, &c));
        capnp_cap_unref(root);
        while (s.served < 41) {
                struct pollfd p = {.fd = capnp_vat_fd(s.vat), .events = POLLIN};

                (void)poll(&p, 1, capnp_vat_timeout_ms(s.vat));
                CHECK_OK(capnp_vat_process(s.vat));
        }
        CHECK(capos_io_now_ms() - began_ms >= 1000);
        capnp_conn_unref(c);
        (void)close(ends[1]);
        capnp_vat_free(s.vat);
}

static void on_closed(capnp_conn *c, void *arg)
{
        (void)c;
        *(bool *)arg = true;
}

/* Whoever has gone is not waited for: what he had sent too fast is dropped with him. */
TEST_T(one_who_goes_while_his_calls_wait_is_let_go, 60)
{
        static struct service s;
        struct object o = {&s, 0};
        bool closed = false;
        capnp_cap *root;
        capnp_conn *c;
        int ends[2];

        CHECK_OK(capnp_vat_new(&s.vat));
        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends));
        write_calls(ends[1], FLOOD);
        CHECK_OK(capnp_cap_new_dispatch(s.vat, serve, NULL, &o, &root));
        CHECK_OK(capnp_conn_new(s.vat, ends[0], &(struct capnp_limits){.rate = 10}, root, &c));
        capnp_cap_unref(root);
        capnp_conn_on_close(c, on_closed, &closed);
        while (s.served < 10)
                CHECK_OK(capnp_vat_process(s.vat));
        (void)close(ends[1]);
        run_until(s.vat, &closed);
        CHECK(s.served < FLOOD);
        capnp_conn_unref(c);
        capnp_vat_free(s.vat);
}
