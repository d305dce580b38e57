/*
 * Two vats in one process, joined by a connection whose bytes move when a test says so. Objects are
 * dispatchers that note what they were asked.
 */
#ifndef TEST_RPC_RIG_H
#define TEST_RPC_RIG_H

#include <capos/capnp-rpc.h>

#include <errno.h>
#include <stdio.h>
#include <sys/uio.h>

#include "harness.h"
#include "rpc-internal.h"

/* One end of a connection. */
struct end {
        capnp_vat *vat;
        capnp_rpc *rpc;
};

struct rig {
        struct end a, b;
};

static inline bool rig_move_one(capnp_rpc *from, capnp_rpc *to)
{
        struct iovec v[4];
        int n = capnp_rpc_out_peek(from, v, 4, NULL, NULL), i;
        size_t sum = 0;

        for (i = 0; i < n; i++) {
                (void)!capnp_rpc_feed(to, v[i].iov_base, v[i].iov_len, NULL, 0);
                sum += v[i].iov_len;
        }
        if (sum)
                capnp_rpc_out_sent(from, sum);
        else if (capnp_rpc_is_closed(from, NULL) && !capnp_rpc_is_closed(to, NULL))
                return capnp_rpc_feed(to, NULL, 0, NULL, 0) != 0;
        return sum > 0;
}

/*
 * Runs and moves everything until nothing is left to do; the tables are checked all the while.
 * Whether there was anything.
 */
static inline bool rig_run(struct rig *g)
{
        bool more = true, any = false;

        for (; more; any |= more) {
                more = false;
                more |= capnp_rpc_step(g->a.vat);
                more |= capnp_rpc_step(g->b.vat);
                if (!more)
                        more |= rig_move_one(g->a.rpc, g->b.rpc);
                if (!more)
                        more |= rig_move_one(g->b.rpc, g->a.rpc);
                CHECK_EQ(capnp_rpc_check(g->a.rpc), 0);
                CHECK_EQ(capnp_rpc_check(g->b.rpc), 0);
        }
        return any;
}

static inline int rig_open(struct rig *g, capnp_handler *serve, void *self)
{
        capnp_cap *root = NULL;
        int r;

        *g = (struct rig){0};
        r = capnp_vat_new_bare(&g->a.vat);
        if (!r)
                r = capnp_vat_new_bare(&g->b.vat);
        if (!r)
                r = capnp_cap_new_dispatch(g->b.vat, serve, NULL, self, &root);
        if (!r)
                r = capnp_rpc_new(g->a.vat, NULL, NULL, &g->a.rpc);
        if (!r)
                r = capnp_rpc_new(g->b.vat, NULL, root, &g->b.rpc);
        capnp_cap_unref(root);
        return r;
}

static inline void rig_empty(const capnp_rpc *r)
{
        struct capnp_rpc_counts n;

        capnp_rpc_count(r, &n);
        if (n.questions || n.answers || n.exports || n.imports || n.embargoes || n.held_bytes)
                capnp_rpc_dump(r, stderr);
        CHECK_EQ(n.questions + n.answers + n.exports + n.imports + n.embargoes, 0);
        CHECK_EQ(n.held_bytes, 0);
}

/* Also that nothing is left of it: the test has dropped all that it held. */
static inline void rig_vat_free(capnp_vat *v)
{
        struct capnp_rpc_counts n;

        if (!v)
                return;

        capnp_vat_end(v);
        CHECK_EQ(capnp_vat_count(v, &n), 0);
        capnp_vat_free(v);
}

static inline void rig_close(struct rig *g)
{
        if (g->a.rpc)
                capnp_rpc_free(g->a.rpc);
        if (g->b.rpc)
                capnp_rpc_free(g->b.rpc);
        rig_vat_free(g->a.vat);
        rig_vat_free(g->b.vat);
}

/* A question with one word of data and one pointer. */
static inline capnp_question *ask(capnp_vat *v, capnp_cap *c, uint16_t method, uint64_t x,
                                  capnp_cap *arg)
{
        capnp_question *q = capnp_question_new_any(v, c, 7, method);
        capnp_builder b = capnp_abuilder_init_struct(capnp_question_params_any(q), 1, 1);

        capnp_builder_set_u64(b, 0, x, 0);
        capnp_abuilder_set_cap(capnp_builder_any(b, 0), arg);
        return q;
}

/* Results with one word of data and one pointer. */
static inline int reply(capnp_answer *a, uint64_t x, capnp_cap *c)
{
        capnp_builder b = capnp_abuilder_init_struct(capnp_answer_results_any(a), 1, 1);

        capnp_builder_set_u64(b, 0, x, 0);
        capnp_abuilder_set_cap(capnp_builder_any(b, 0), c);
        return capnp_answer_return(a);
}

static inline uint64_t asked_word(capnp_answer *a)
{
        return capnp_reader_u64(capnp_answer_params(a), 0, 0);
}

static inline capnp_cap *asked_cap(capnp_answer *a)
{
        return capnp_any_cap_peek(capnp_reader_any(capnp_answer_params(a), 0));
}

static inline capnp_cap *result_cap(capnp_question *q)
{
        static const uint16_t path[] = {0};

        return capnp_question_cap_peek(q, path, 1);
}

#endif
