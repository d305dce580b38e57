/*
 * Turns and rates: how many calls are let in, in which order, at what time. Time is what the tests
 * say it is.
 */
#include "test-rpc-rig.h"

#include <stdlib.h>

enum { CALL_BYTES = 15 * 8, MOST = 64 };

struct core {
        capnp_vat *vat;
        capnp_rpc *rpc;
        unsigned served;
        uint16_t order[MOST]; /* methods, as they were served */
};

static int serve(void *self, capnp_answer *a)
{
        struct core *c = self;

        CHECK(c->served < MOST);
        c->order[c->served++] = capnp_answer_method(a);
        return capnp_answer_return(a);
}

static void core_open(struct core *c, struct capnp_limits l)
{
        capnp_cap *root;

        *c = (struct core){0};
        CHECK_OK(capnp_vat_new_bare(&c->vat));
        CHECK_OK(capnp_cap_new_dispatch(c->vat, serve, NULL, c, &root));
        CHECK_OK(capnp_rpc_new(c->vat, &l, root, &c->rpc));
        capnp_cap_unref(root);
}

static void core_close(struct core *c)
{
        capnp_rpc_free(c->rpc);
        capnp_vat_free(c->vat);
}

static void run(struct core *c)
{
        struct iovec v;

        CHECK_EQ(capnp_rpc_check(c->rpc), 0);
        while (capnp_rpc_step(c->vat))
                ;
        while (capnp_rpc_out_peek(c->rpc, &v, 1, NULL, NULL) > 0)
                capnp_rpc_out_sent(c->rpc, v.iov_len);
}

static uint64_t sp(uint32_t off, uint16_t words, uint16_t ptrs)
{
        return (uint64_t)off << 2 | (uint64_t)words << 32 | (uint64_t)ptrs << 48;
}

/* A stream: the bootstrap object is asked for, then called n times, each by a method of its own. */
static size_t stream(uint64_t *words, unsigned n)
{
        uint64_t *w = words;

        memcpy(w, (uint64_t[]){(uint64_t)5 << 32, sp(0, 1, 1), 8, sp(0, 1, 1), 9999, 0},
               6 * sizeof(*w));
        w += 6;
        for (unsigned i = 0; i < n; i++, w += 15)
                memcpy(w,
                       (uint64_t[]){(uint64_t)14 << 32, sp(0, 1, 1), 2, sp(0, 3, 3),
                                    i | (uint64_t)i << 32, 7, 0, sp(2, 1, 1), sp(3, 0, 2), 0, 0, 0,
                                    sp(1, 1, 0), 0, 0},
                       CALL_BYTES);
        return (size_t)(w - words) * sizeof(*w);
}

static void turn(struct core *c, uint64_t now_ms, unsigned served)
{
        CHECK_EQ(capnp_i_rpc_turn(c->rpc, now_ms), 0);
        run(c);
        CHECK_EQ(c->served, served);
}

static void check_order(const struct core *c)
{
        for (unsigned i = 0; i < c->served; i++)
                CHECK_EQ(c->order[i], i);
}

TEST(a_turn_lets_so_many_calls_in)
{
        uint64_t b[6 + 15 * 5];
        size_t len = stream(b, 5);
        struct core c;

        core_open(&c, (struct capnp_limits){.turn = 2});
        turn(&c, 0, 0);
        CHECK_OK(capnp_rpc_feed(c.rpc, b, len, NULL, 0));
        run(&c);
        CHECK_EQ(c.served, 2);
        CHECK(!capnp_rpc_wants_input(c.rpc));
        CHECK_EQ(capnp_i_rpc_stall(c.rpc), CAPNP_I_HAS_TURN);
        turn(&c, 0, 4);
        turn(&c, 0, 5);
        CHECK(capnp_rpc_wants_input(c.rpc));
        CHECK_EQ(capnp_i_rpc_stall(c.rpc), CAPNP_I_GOES_ON);
        check_order(&c);
        core_close(&c);
}

/* Wherever the stream is cut, and whatever comes while something is left. */
TEST(what_is_left_of_a_turn_stays_in_order)
{
        uint64_t b[6 + 15 * 3];
        size_t len = stream(b, 3);

        for (size_t at = 1; at < len; at++) {
                struct core c;

                core_open(&c, (struct capnp_limits){.turn = 1, .wipe = true});
                turn(&c, 0, 0);
                CHECK_OK(capnp_rpc_feed(c.rpc, b, at, NULL, 0));
                CHECK_OK(capnp_rpc_feed(c.rpc, (uint8_t *)b + at, len - at, NULL, 0));
                run(&c);
                CHECK_EQ(c.served, 1);
                turn(&c, 0, 2);
                turn(&c, 0, 3);
                check_order(&c);
                core_close(&c);
        }
}

TEST(the_end_waits_for_what_is_left)
{
        uint64_t b[6 + 15 * 3];
        size_t len = stream(b, 3);
        struct core c;

        core_open(&c, (struct capnp_limits){.turn = 1});
        turn(&c, 0, 0);
        CHECK_OK(capnp_rpc_feed(c.rpc, b, len, NULL, 0));
        CHECK_OK(capnp_rpc_feed(c.rpc, NULL, 0, NULL, 0));
        run(&c);
        turn(&c, 0, 2);
        CHECK(!capnp_rpc_is_closed(c.rpc, NULL));
        /* The last one has nothing behind it but the end. */
        CHECK_EQ(capnp_i_rpc_turn(c.rpc, 0), CAPNP_E_DISCONNECTED);
        CHECK(capnp_rpc_is_closed(c.rpc, NULL));
        core_close(&c);
}

/* Ten at once, then one for each tenth of a second. */
TEST(a_rate_lets_calls_in_as_time_passes)
{
        static const struct {
                uint64_t at_ms;
                unsigned served, counted;
        } table[] = {{1000, 10, 10}, {1099, 10, 10}, {1100, 11, 10}, {1199, 11, 10}, {2099, 20, 10},
                     {2100, 21, 10}, {2499, 24, 10}, {2500, 25, 10}, {2900, 25, 6},  {9999, 25, 0}};
        uint64_t b[6 + 15 * 25];
        size_t len = stream(b, 25);
        struct capnp_rpc_counts n;
        struct core c;

        core_open(&c, (struct capnp_limits){.rate = 10});
        turn(&c, 1000, 0);
        CHECK_OK(capnp_rpc_feed(c.rpc, b, len, NULL, 0));
        run(&c);
        for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                turn(&c, table[i].at_ms, table[i].served);
                capnp_rpc_count(c.rpc, &n);
                CHECK_EQ(n.rate, table[i].counted);
                CHECK_EQ(capnp_i_rpc_stall(c.rpc), c.served < 25 ? CAPNP_I_WAITS : CAPNP_I_GOES_ON);
        }
        capnp_rpc_count_most(c.rpc, &n);
        CHECK_EQ(n.rate, 10);
        check_order(&c);
        core_close(&c);
}

/* A session begins, ends, or its policy changes: what waits does not wait for ever. */
TEST(a_rate_can_be_changed_while_calls_wait)
{
        uint64_t b[6 + 15 * 20];
        size_t len = stream(b, 20);
        struct core c;

        core_open(&c, (struct capnp_limits){.rate = 10});
        turn(&c, 0, 0);
        CHECK_OK(capnp_rpc_feed(c.rpc, b, len, NULL, 0));
        run(&c);
        capnp_rpc_set_limits(c.rpc, &(struct capnp_limits){.rate = 12});
        turn(&c, 0, 12);
        capnp_rpc_set_limits(c.rpc, &(struct capnp_limits){0});
        CHECK(capnp_i_rpc_takes_turns(c.rpc));
        turn(&c, 0, 20);
        CHECK(!capnp_i_rpc_takes_turns(c.rpc));
        CHECK(capnp_rpc_wants_input(c.rpc));
        check_order(&c);
        core_close(&c);
}

/* What is left has to be kept somewhere. */
TEST(without_memory_for_it_the_connection_ends)
{
        uint64_t b[6 + 15 * 3];
        size_t len = stream(b, 3);
        bool failed = true;

        for (uint64_t n = 1; failed; n++) {
                struct core c;
                int r;

                core_open(&c, (struct capnp_limits){.turn = 1});
                turn(&c, 0, 0);
                test_fail_alloc_at(n);
                r = capnp_rpc_feed(c.rpc, b, len, NULL, 0);
                failed = test_alloc_failed();
                test_fail_alloc_at(0);
                CHECK(!r || failed); /* of one that only makes something smaller nobody hears */
                core_close(&c);
        }
}
