/*
 * The ledger: what a peer makes us keep is charged for as long as it is kept, and no longer. A core
 * is fed messages by hand, and its handlers do what is asked.
 */
#include "test-rpc-rig.h"

#include <stdlib.h>

enum { BIG = 0, FAIL, KEEP, STREAM, BIG_BYTES = 100000, REASON = 1000, TRACE = 9000 };

static void canceled(capnp_answer *a, void *arg)
{
        (void)arg;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

/* … with a reason and a trace. */
static int fail_at_length(capnp_answer *a)
{
        char reason[REASON + 1], trace[TRACE + 1];

        memset(reason, 'y', REASON);
        reason[REASON] = '\0';
        memset(trace, 'z', TRACE);
        trace[TRACE] = '\0';
        return capnp_answer_fail_more(a, (capnp_exception){CAPNP_FAILED, reason},
                                      &(struct capnp_exception_more){.trace = trace});
}

static int serve(void *self, capnp_answer *a)
{
        char text[REASON + 1];
        capnp_builder b;

        (void)self;
        switch (capnp_answer_method(a)) {
        case BIG:
                b = capnp_abuilder_init_struct(capnp_answer_results_any(a), 0, 1);
                (void)capnp_abuilder_init_data(capnp_builder_any(b, 0), BIG_BYTES);
                return capnp_answer_return(a);
        case FAIL:
                memset(text, 'y', REASON);
                text[REASON] = '\0';
                return capnp_answer_fail(a, CAPNP_FAILED, "%s", text);
        case STREAM:
                CHECK_OK(capnp_answer_stream(a));
                return fail_at_length(a);
        default:
                return capnp_answer_keep(a, canceled, NULL);
        }
}

/* ---- messages by hand ----------------------------------------------------------------------- */

struct core {
        capnp_vat *vat;
        capnp_rpc *rpc;
};

static uint64_t held(const struct core *c)
{
        struct capnp_rpc_counts n;

        CHECK_EQ(capnp_rpc_check(c->rpc), 0);
        capnp_rpc_count(c->rpc, &n);
        return n.held_bytes;
}

static uint64_t sp(uint32_t off, uint16_t words, uint16_t ptrs)
{
        return (uint64_t)off << 2 | (uint64_t)words << 32 | (uint64_t)ptrs << 48;
}

/* Feeds one message, runs what it causes, and reads what is said. */
static void feed(struct core *c, const uint64_t *words, uint32_t n)
{
        uint64_t b[64] = {(uint64_t)n << 32};
        struct iovec v;

        CHECK(n < 64);
        memcpy(b + 1, words, n * sizeof(*b));
        CHECK_EQ(capnp_rpc_feed(c->rpc, b, (n + 1) * sizeof(*b), NULL, 0), 0);
        while (capnp_rpc_step(c->vat))
                ;
        while (capnp_rpc_out_peek(c->rpc, &v, 1, NULL, NULL) > 0)
                capnp_rpc_out_sent(c->rpc, v.iov_len);
}

/* A call of the root, export 0; yourself: its results are to be kept. */
static void call(struct core *c, uint32_t id, uint16_t method, bool yourself)
{
        feed(c,
             (uint64_t[]){sp(0, 1, 1), 2, sp(0, 3, 3),
                          id | (uint64_t)method << 32 | (uint64_t)yourself << 48, 7, 0, sp(2, 1, 1),
                          sp(3, 0, 2), 0, 0, 0, sp(1, 1, 0), 0, 0},
             14);
}

/* A call of a result of another one, by a path of one step. */
static void call_on(struct core *c, uint32_t id, uint32_t base, uint16_t field)
{
        feed(c,
             (uint64_t[]){sp(0, 1, 1), 2, sp(0, 3, 3), id | (uint64_t)KEEP << 32, 7, 0, sp(2, 1, 1),
                          sp(7, 0, 2), 0, (uint64_t)1 << 32, sp(0, 1, 1), base,
                          1 | (uint64_t)7 << 32 | (uint64_t)1 << 35, (uint64_t)1 << 2 | 1ull << 32,
                          1 | (uint64_t)field << 16, 0, 0},
             17);
}

/* … at once, also when the call has not been delivered. */
static void finish(struct core *c, uint32_t id)
{
        feed(c, (uint64_t[]){sp(0, 1, 1), 4, sp(0, 1, 0), id | (uint64_t)1 << 33}, 4);
}

static void core_open(struct core *c)
{
        capnp_cap *root;

        CHECK_OK(capnp_vat_new_bare(&c->vat));
        CHECK_OK(capnp_cap_new_dispatch(c->vat, serve, NULL, NULL, &root));
        CHECK_OK(capnp_rpc_new(c->vat, NULL, root, &c->rpc));
        capnp_cap_unref(root);
        feed(c, (uint64_t[]){sp(0, 1, 1), 8, sp(0, 1, 1), 1, 0}, 5);
}

static void core_close(struct core *c)
{
        capnp_rpc_free(c->rpc);
        capnp_vat_free(c->vat);
}

TEST(results_kept_for_the_caller_are_charged)
{
        struct core c;
        uint64_t before;

        core_open(&c);
        before = held(&c);
        call(&c, 5, BIG, true);
        CHECK(held(&c) >= before + BIG_BYTES);
        call(&c, 6, FAIL, true);
        CHECK(held(&c) >= before + BIG_BYTES + REASON);
        finish(&c, 5);
        CHECK(held(&c) < before + BIG_BYTES && held(&c) >= before + REASON);
        finish(&c, 6);
        CHECK_EQ(held(&c), before);
        core_close(&c);
}

/* What the next ones fail with is kept when the call is over, until the peer lets go. */
TEST(what_a_stream_failed_with_is_charged)
{
        struct core c;
        uint64_t before;

        core_open(&c);
        before = held(&c);
        call(&c, 5, STREAM, false);
        finish(&c, 5);
        CHECK(held(&c) >= before + REASON + TRACE);
        call(&c, 6, STREAM, false);
        finish(&c, 6);
        CHECK(held(&c) < before + 2 * REASON + TRACE);
        finish(&c, 1); /* and with it the root */
        CHECK_EQ(held(&c), 0);
        core_close(&c);
}

TEST(failed_calls_and_open_ones_are_charged)
{
        struct core c;
        uint64_t before;

        core_open(&c);
        before = held(&c);
        call(&c, 5, FAIL, false);
        CHECK(held(&c) >= before + REASON);
        call(&c, 6, KEEP, false);
        CHECK(held(&c) >= before + REASON + sizeof(struct call));
        finish(&c, 5);
        finish(&c, 6);
        CHECK_EQ(held(&c), before);
        core_close(&c);
}

/* Each path that is named makes a promise, once. */
TEST(results_named_by_path_are_charged)
{
        uint64_t before, one, two;
        struct core c;

        core_open(&c);
        call(&c, 5, KEEP, false);
        before = held(&c);
        call_on(&c, 6, 5, 1);
        one = held(&c) - before;
        call_on(&c, 7, 5, 1);
        two = held(&c) - before - one;
        CHECK(one >= two + COST_PROMISE);
        call_on(&c, 8, 5, 2);
        CHECK_EQ(held(&c), before + one + two + one);
        for (uint32_t id = 6; id <= 8; id++)
                finish(&c, id);
        CHECK_EQ(held(&c), before);
        finish(&c, 5);
        CHECK(held(&c) < before);
        core_close(&c);
}

/* The connection ends with everything open: the ledger is as empty as the tables. */
TEST(nothing_is_charged_after_the_end)
{
        struct core c;

        core_open(&c);
        call(&c, 5, KEEP, false);
        call_on(&c, 6, 5, 1);
        call(&c, 7, BIG, true);
        capnp_rpc_close(c.rpc, (capnp_exception){CAPNP_DISCONNECTED, "the end"});
        while (capnp_rpc_step(c.vat))
                ;
        CHECK_EQ(held(&c), 0);
        CHECK_EQ(c.rpc->charges, 0);
        core_close(&c);
}

/* A call of the root whose parameters are promises of the peer's, exports 1 to n. */
static void call_with_promises(struct core *c, uint32_t n)
{
        uint64_t w[63] = {sp(0, 1, 1),
                          2,
                          sp(0, 3, 3),
                          5 | (uint64_t)KEEP << 32,
                          7,
                          0,
                          sp(2, 1, 1),
                          sp(3, 0, 2),
                          0,
                          0,
                          0,
                          sp(1, 0, 1),
                          1 | 1ull << 2 | 7ull << 32 | (uint64_t)n << 36,
                          3,
                          (uint64_t)n << 2 | 1ull << 32 | 1ull << 48};
        uint32_t i;

        CHECK(15 + 2 * n <= 63);
        for (i = 0; i < n; i++)
                w[15 + 2 * i] = 2 | (uint64_t)(i + 1) << 32;
        feed(c, w, 15 + 2 * n);
}

TEST(what_a_promise_is_broken_with_is_charged)
{
        const uint64_t resolve[] = {sp(0, 1, 1),
                                    5,
                                    sp(0, 1, 1),
                                    1 | 1ull << 32,
                                    sp(0, 1, 1),
                                    0,
                                    1 | 2ull << 32 | 9ull << 35,
                                    0x6867666564636261ull,
                                    0};
        struct core c;
        uint64_t before;

        core_open(&c);
        call_with_promises(&c, 1);
        before = held(&c);
        feed(&c, resolve, 9);
        CHECK_EQ(held(&c), before + strlen("abcdefgh"));
        core_close(&c);
}

/* Nothing of it can be refused, so the connection ends before it is more than twice the limit. */
TEST(what_promises_become_has_an_end)
{
        enum { LIMIT = 4096, PROMISES = 2 * LIMIT / COST_PROMISE };
        uint64_t resolve[] = {7ull << 32, sp(0, 1, 1), 5, sp(0, 1, 1), 0, sp(0, 1, 1), 1, 0};
        struct core c;
        uint32_t i;
        int r = 0;

        core_open(&c);
        capnp_rpc_set_limits(c.rpc, &(struct capnp_limits){.held_bytes = LIMIT});
        call_with_promises(&c, PROMISES - 2);
        for (i = 1; !r && i <= PROMISES - 2; i++) {
                resolve[4] = i;
                resolve[6] = 1 | (uint64_t)(i + 100) << 32;
                r = capnp_rpc_feed(c.rpc, resolve, sizeof(resolve), NULL, 0);
        }

        CHECK_EQ(r, CAPNP_E_PROTOCOL);
        CHECK_EQ(i - 1, 1 + (2 * LIMIT - (PROMISES - 2) * COST_PROMISE) / COST_IMPORT);
        core_close(&c);
}
