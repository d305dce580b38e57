/*
 * The capability that stands for an index outside the table of a message: it belongs to the vat,
 * but whoever was given it may hold it for longer.
 */
#include "harness.h"

#include <capos/capnp-rpc.h>

struct got {
        capnp_vat *v;
        capnp_cap *held;
        bool stream;
};

static int got_dispatch(void *self, capnp_answer *a)
{
        struct got *g = self;

        g->held = capnp_cap_ref(capnp_any_cap_peek(capnp_reader_any(capnp_answer_params(a), 0)));
        if (g->stream)
                (void)!capnp_question_stream(capnp_question_new_any(g->v, g->held, 1, 0), NULL,
                                             NULL);
        return capnp_answer_fail(a, CAPNP_FAILED, "seen");
}

/* A message of rpc.capnp with an empty body; the body. */
static capnp_builder message(capnp_msg **ret_m, uint16_t tag, uint16_t words, uint16_t ptrs)
{
        capnp_builder m;

        CHECK_OK(capnp_msg_new(ret_m));
        m = capnp_abuilder_init_struct(capnp_msg_build(*ret_m), 1, 1);
        capnp_builder_set_u16(m, 0, tag, 0);
        return capnp_abuilder_init_struct(capnp_builder_any(m, 0), words, ptrs);
}

static void feed(capnp_rpc *r, capnp_msg *m)
{
        uint8_t b[512];

        CHECK_OK(capnp_msg_write(m, b, sizeof(b)));
        CHECK_OK(capnp_rpc_feed(r, b, capnp_msg_size(m), NULL, 0));
        capnp_msg_free(m);
}

/* Asks for the bootstrap object, and calls it with a pointer to capability 5 of none. */
static void call_with_bad_index(capnp_rpc *r)
{
        capnp_builder b, t, params;
        capnp_abuilder slot;
        capnp_msg *m;

        (void)message(&m, 8, 1, 1);
        feed(r, m);

        b = message(&m, 2, 3, 3);
        capnp_builder_set_u32(b, 0, 1, 0);
        t = capnp_abuilder_init_struct(capnp_builder_any(b, 0), 1, 1);
        capnp_builder_set_u32(t, 0, 0, 0);
        params = capnp_abuilder_init_struct(capnp_builder_any(b, 1), 0, 2);
        params = capnp_abuilder_init_struct(capnp_builder_any(params, 0), 0, 1);
        slot = capnp_builder_any(params, 0);
        *slot.p = 3 | UINT64_C(5) << 32;
        feed(r, m);
}

static void play(struct got *g)
{
        capnp_cap *root;
        capnp_rpc *r;

        CHECK_OK(capnp_vat_new_bare(&g->v));
        CHECK_OK(capnp_cap_new_dispatch(g->v, got_dispatch, NULL, g, &root));
        CHECK_OK(capnp_rpc_new(g->v, NULL, root, &r));
        capnp_cap_unref(root);
        call_with_bad_index(r);
        while (capnp_rpc_step(g->v))
                ;
        capnp_rpc_free(r);
        capnp_vat_free(g->v);
        CHECK(capnp_cap_is_broken(g->held, NULL));
        capnp_cap_unref(g->held);
}

TEST(outlives_the_vat)
{
        struct got g = {0};

        play(&g);
}

TEST(takes_a_stream_call)
{
        struct got g = {.stream = true};

        play(&g);
}
