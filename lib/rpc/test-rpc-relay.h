/*
 * A vat between two peers that are played by hand: the near one calls an object of the far one's,
 * with payloads that are long enough to go on as they came. For what must arrive of them.
 */
#ifndef TEST_RPC_RELAY_H
#define TEST_RPC_RELAY_H

#include "test-rpc-hand.h"

#include "wire.h"

enum { BLOB = 5000, TREE = 5 };
enum { OBJECT = 5, SECRET = 0x5eadbeef, ASKED = 0x51de };
/* What hand_message() and relay_call() write before the payload's content. */
enum { ENVELOPE_END = 13, CALL_CONTENT_SLOT = 11 };

struct relay {
        capnp_vat *vat;
        capnp_cap *service;   /* the far one's object */
        capnp_membrane *wall; /* the near one has it behind this; NULL: there is none */
        struct hand near, far;
        uint32_t object, id; /* the near one's name for it; its next question */
        uint32_t passed;     /* messages that went on as they came */
};

static inline uint32_t draw(uint64_t *state, uint32_t n)
{
        *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
        return (uint32_t)(*state >> 33) % n;
}

/* ---- payloads ------------------------------------------------------------------------------- */

static inline void fill(capnp_builder b, uint64_t *seed, unsigned depth);

static inline void fill_pointer(capnp_abuilder a, uint64_t *seed, unsigned depth)
{
        capnp_lbuilder l;

        switch (draw(seed, depth ? 4 : 2)) {
        case 0:
                capnp_abuilder_set_text(a, capnp_text_of("some text"));
                break;
        case 1:
                l = capnp_abuilder_init_list(a, CAPNP_SIZE_EIGHT, 1 + draw(seed, 9));
                for (uint32_t i = 0; i < l.len; i++)
                        capnp_lbuilder_set_u64(l, i, draw(seed, 1000));
                break;
        case 2:
                fill(capnp_abuilder_init_struct(a, (uint16_t)draw(seed, 3),
                                                (uint16_t)draw(seed, 4)),
                     seed, depth - 1);
                break;
        default:
                l = capnp_abuilder_init_structs(a, 1 + draw(seed, 3), 1, 1);
                for (uint32_t i = 0; i < l.len; i++)
                        fill(capnp_lbuilder_struct(l, i), seed, depth - 1);
                break;
        }
}

static inline void fill(capnp_builder b, uint64_t *seed, unsigned depth)
{
        for (uint32_t i = 0; i < b.bytes / 8; i++)
                capnp_builder_set_u64(b, i * 8, draw(seed, 1 << 20), 0);
        for (uint16_t i = 0; i < b.ptrs; i++)
                if (draw(seed, 8))
                        fill_pointer(capnp_builder_any(b, i), seed, depth);
}

static inline void fill_content(capnp_abuilder slot, uint64_t seed)
{
        static uint8_t blob[BLOB];
        capnp_builder b = capnp_abuilder_init_struct(slot, 2, 6);

        fill(b, &seed, TREE);
        if (seed & 1)
                capnp_abuilder_set_data(capnp_builder_any(b, 0), (capnp_data){blob, BLOB});
        else
                capnp_abuilder_set_data(capnp_builder_any(b, 5), (capnp_data){blob, BLOB});
}

/* The same as bytes, however it lay. NULL: something is wrong with it; *ret_len: with what. */
static inline uint8_t *flatten(capnp_any a, size_t *ret_len)
{
        capnp_msg *m = NULL;
        uint8_t *b = NULL;
        int r;

        CHECK_OK(capnp_msg_new(&m));
        capnp_abuilder_set(capnp_msg_build(m), a);
        r = a.m ? capnp_msg_check(a.m) : 0;
        if (!r)
                r = capnp_msg_check(m);
        *ret_len = (size_t)r;
        if (!r) {
                *ret_len = capnp_msg_size(m);
                b = malloc(*ret_len);
                CHECK(b);
                CHECK_OK(capnp_msg_write(m, b, *ret_len));
        }
        capnp_msg_free(m);
        return b;
}

static inline void check_same(capnp_any found, capnp_any wanted)
{
        size_t nf, nw;
        uint8_t *f = flatten(found, &nf), *w = flatten(wanted, &nw);

        if (!f != !w) /* only how much may be read may differ: one message is longer */
                CHECK((int)(f ? nw : nf) == CAPNP_E_LIMIT);
        else if (f)
                CHECK(nf == nw && !memcmp(f, w, nf));
        free(f);
        free(w);
}

static inline void check_content(capnp_any found, uint64_t seed)
{
        capnp_msg *m = NULL;

        CHECK_OK(capnp_msg_new(&m));
        fill_content(capnp_msg_build(m), seed);
        check_same(found, capnp_msg_root(m));
        capnp_msg_free(m);
}

/* ---- the relay ------------------------------------------------------------------------------ */

static inline void near_open(struct relay *y)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *wrapped = NULL;
        capnp_reader b;

        if (y->wall)
                wrapped = capnp_membrane_wrap(y->wall, y->service);
        hand_open(&y->near, y->vat, y->wall ? wrapped : y->service);
        CHECK_OK(hand_bootstrap(&y->near, ASKED));
        hand_run(&y->near);
        b = hand_expect(&y->near, MESSAGE_RETURN, ASKED);
        (void)b;
        y->object = 0; /* its first export */
        y->id = 1;
}

static inline void relay_connect(struct relay *y)
{
        hand_open(&y->far, y->vat, NULL);
        CHECK_OK(capnp_rpc_bootstrap(y->far.rpc, &y->service));
        (void)hand_expect(&y->far, MESSAGE_BOOTSTRAP, 0);
        CHECK_OK(hand_return_bootstrap(&y->far, 0, OBJECT));
        hand_run(&y->far);
        (void)hand_expect(&y->far, MESSAGE_FINISH, 0);
        near_open(y);
}

static inline void relay_open(struct relay *y)
{
        *y = (struct relay){.vat = NULL};
        CHECK_OK(capnp_vat_new_bare(&y->vat));
        relay_connect(y);
}

/* Nothing is left of either connection. */
static inline void relay_disconnect(struct relay *y)
{
        static const capnp_exception over = {CAPNP_DISCONNECTED, "the end"};

        y->service = capnp_cap_unref(y->service);
        capnp_rpc_close(y->near.rpc, over);
        capnp_rpc_close(y->far.rpc, over);
        hand_run(&y->near);
        rig_empty(y->near.rpc);
        rig_empty(y->far.rpc);
        hand_close(&y->near);
        hand_close(&y->far);
}

static inline void relay_close(struct relay *y)
{
        relay_disconnect(y);
        y->wall = capnp_membrane_unref(y->wall);
        rig_vat_free(y->vat);
}

static inline capnp_msg *relay_call(struct relay *y, uint32_t id, uint64_t seed)
{
        capnp_builder b, to, p;
        capnp_msg *m = hand_message(MESSAGE_CALL, 3, 3, &b);

        capnp_builder_set_u32(b, ID_AT, id, 0);
        to = capnp_abuilder_init_struct(capnp_builder_any(b, CALL_TARGET_PTR), 1, 1);
        capnp_builder_set_u32(to, ID_AT, y->object, 0);
        p = capnp_abuilder_init_struct(capnp_builder_any(b, CALL_PARAMS_PTR), 0, 2);
        fill_content(capnp_builder_any(p, 0), seed);
        return m;
}

static inline capnp_msg *relay_return(uint32_t id, uint64_t seed)
{
        capnp_builder b, p;
        capnp_msg *m = hand_message(MESSAGE_RETURN, 2, 1, &b);

        capnp_builder_set_u32(b, ID_AT, id, 0);
        p = capnp_abuilder_init_struct(capnp_builder_any(b, 0), 0, 2);
        fill_content(capnp_builder_any(p, 0), seed);
        return m;
}

/* Its last message has no such half of a word. */
static inline void check_no_id(const struct hand *h, uint32_t id)
{
        for (uint32_t i = 0; i < h->last->nsegs; i++)
                for (uint32_t j = 0; j < h->last->segs[i].words; j++) {
                        uint64_t w = h->last->segs[i].base[j];

                        CHECK((uint32_t)w != id && w >> 32 != id);
                }
}

static inline capnp_any payload_content(capnp_reader body, uint16_t at)
{
        return capnp_reader_any(capnp_any_struct(capnp_reader_any(body, at), NULL), 0);
}

/* All that it has said. */
static inline void forget(struct hand *h)
{
        hand_next(h);
        hand_listen(h);
        h->nsaid = 0;
}

/* The next message of h, whose payload is at this pointer of its body. */
static inline capnp_any relay_content(struct hand *h, uint16_t tag, uint16_t at, uint32_t *ret_id)
{
        capnp_reader b = {0};

        hand_next(h);
        CHECK_EQ(hand_read(h, &b), tag);
        *ret_id = capnp_reader_u32(b, ID_AT, 0);
        return payload_content(b, at);
}

/* A call and its Return, each with a payload of its own; the id says where it came from. */
static inline void relay_once(struct relay *y, uint64_t seed)
{
        capnp_msg *m = relay_call(y, SECRET, seed);
        uint32_t nsegs = m->nsegs, id, asked;

        CHECK_OK(hand_feed(&y->near, m));
        hand_run(&y->near);
        check_content(relay_content(&y->far, MESSAGE_CALL, CALL_PARAMS_PTR, &asked), seed);
        check_no_id(&y->far, SECRET);
        y->passed += y->far.last->nsegs == nsegs + 1;

        m = relay_return(asked, ~seed);
        nsegs = m->nsegs;
        CHECK_OK(hand_feed(&y->far, m));
        hand_run(&y->far);
        check_content(relay_content(&y->near, MESSAGE_RETURN, 0, &id), ~seed);
        CHECK_EQ(id, SECRET);
        y->passed += y->near.last->nsegs == nsegs + 1;
        (void)hand_expect(&y->far, MESSAGE_FINISH, asked);
}

#endif
