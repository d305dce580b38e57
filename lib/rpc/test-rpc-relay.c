/*
 * Long payloads that pass through a vat as they came: what is sent says what was received, with no
 * id of the envelope that it came in, whatever is in it; also when it was written to break us (R14,
 * R20).
 */
#include "test-rpc-hand.h"

#include "wire.h"

enum { BLOB = 5000, TREE = 5, SEEDS = 200, FLIPPED = 1500, TANGLED = 4000 };
enum { OBJECT = 5, SECRET = 0x5eadbeef };
/* What hand_message() and relay_call() write before the payload's content. */
enum { ENVELOPE_END = 13, CALL_CONTENT_SLOT = 11 };

struct relay {
        capnp_vat *vat;
        capnp_cap *service; /* the far one's object */
        struct hand near, far;
        uint32_t object, id; /* the near one's name for it; its next question */
        uint32_t passed;     /* messages that went on as they came */
};

static uint32_t draw(uint64_t *state, uint32_t n)
{
        *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
        return (uint32_t)(*state >> 33) % n;
}

/* ---- payloads ------------------------------------------------------------------------------- */

static void fill(capnp_builder b, uint64_t *seed, unsigned depth);

static void fill_pointer(capnp_abuilder a, uint64_t *seed, unsigned depth)
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

static void fill(capnp_builder b, uint64_t *seed, unsigned depth)
{
        for (uint32_t i = 0; i < b.bytes / 8; i++)
                capnp_builder_set_u64(b, i * 8, draw(seed, 1 << 20), 0);
        for (uint16_t i = 0; i < b.ptrs; i++)
                if (draw(seed, 8))
                        fill_pointer(capnp_builder_any(b, i), seed, depth);
}

static void fill_content(capnp_abuilder slot, uint64_t seed)
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
static uint8_t *flatten(capnp_any a, size_t *ret_len)
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

static void check_same(capnp_any found, capnp_any wanted)
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

static void check_content(capnp_any found, uint64_t seed)
{
        capnp_msg *m = NULL;

        CHECK_OK(capnp_msg_new(&m));
        fill_content(capnp_msg_build(m), seed);
        check_same(found, capnp_msg_root(m));
        capnp_msg_free(m);
}

/* ---- the relay ------------------------------------------------------------------------------ */

static void near_open(struct relay *y)
{
        capnp_reader b;

        hand_open(&y->near, y->vat, y->service);
        CHECK_OK(hand_bootstrap(&y->near, 0));
        hand_run(&y->near);
        b = hand_expect(&y->near, MESSAGE_RETURN, 0);
        (void)b;
        y->object = 0; /* its first export */
        y->id = 1;
}

static void relay_open(struct relay *y)
{
        *y = (struct relay){.vat = NULL};
        CHECK_OK(capnp_vat_new_bare(&y->vat));
        hand_open(&y->far, y->vat, NULL);
        CHECK_OK(capnp_rpc_bootstrap(y->far.rpc, &y->service));
        (void)hand_expect(&y->far, MESSAGE_BOOTSTRAP, 0);
        CHECK_OK(hand_return_bootstrap(&y->far, 0, OBJECT));
        hand_run(&y->far);
        (void)hand_expect(&y->far, MESSAGE_FINISH, 0);
        near_open(y);
}

static void relay_close(struct relay *y)
{
        y->service = capnp_cap_unref(y->service);
        hand_close(&y->near);
        hand_close(&y->far);
        y->vat = capnp_vat_free(y->vat);
}

static capnp_msg *relay_call(struct relay *y, uint32_t id, uint64_t seed)
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

static capnp_msg *relay_return(uint32_t id, uint64_t seed)
{
        capnp_builder b, p;
        capnp_msg *m = hand_message(MESSAGE_RETURN, 2, 1, &b);

        capnp_builder_set_u32(b, ID_AT, id, 0);
        p = capnp_abuilder_init_struct(capnp_builder_any(b, 0), 0, 2);
        fill_content(capnp_builder_any(p, 0), seed);
        return m;
}

static void check_no_secret(const struct hand *h)
{
        for (uint32_t i = 0; i < h->last->nsegs; i++)
                for (uint32_t j = 0; j < h->last->segs[i].words; j++) {
                        uint64_t w = h->last->segs[i].base[j];

                        CHECK((uint32_t)w != SECRET && w >> 32 != SECRET);
                }
}

static capnp_any payload_content(capnp_reader body, uint16_t at)
{
        return capnp_reader_any(capnp_any_struct(capnp_reader_any(body, at), NULL), 0);
}

/* All that it has said. */
static void forget(struct hand *h)
{
        hand_next(h);
        hand_listen(h);
        h->nsaid = 0;
}

/* The next message of h, whose payload is at this pointer of its body. */
static capnp_any relay_content(struct hand *h, uint16_t tag, uint16_t at, uint32_t *ret_id)
{
        capnp_reader b = {0};

        hand_next(h);
        CHECK_EQ(hand_read(h, &b), tag);
        *ret_id = capnp_reader_u32(b, ID_AT, 0);
        return payload_content(b, at);
}

/* A call and its Return, each with a payload of its own; the id says where it came from. */
static void relay_once(struct relay *y, uint64_t seed)
{
        capnp_msg *m = relay_call(y, SECRET, seed);
        uint32_t nsegs = m->nsegs, id;

        CHECK_OK(hand_feed(&y->near, m));
        hand_run(&y->near);
        check_content(relay_content(&y->far, MESSAGE_CALL, CALL_PARAMS_PTR, &id), seed);
        check_no_secret(&y->far);
        y->passed += y->far.last->nsegs == nsegs + 1;

        m = relay_return(id, ~seed);
        nsegs = m->nsegs;
        CHECK_OK(hand_feed(&y->far, m));
        hand_run(&y->far);
        check_content(relay_content(&y->near, MESSAGE_RETURN, 0, &id), ~seed);
        CHECK_EQ(id, SECRET);
        y->passed += y->near.last->nsegs == nsegs + 1;
        (void)hand_expect(&y->far, MESSAGE_FINISH, 0);
}

TEST(what_passes_is_what_came)
{
        struct relay y;

        relay_open(&y);
        for (uint64_t seed = 0; seed < SEEDS; seed++)
                relay_once(&y, seed);
        CHECK(y.passed > SEEDS); /* some of so many segments that they are copied */
        relay_close(&y);
}

/* One that would be too long with an envelope more is copied: what may come in may go out. */
TEST(what_is_as_long_as_may_be)
{
        struct capnp_limits l = {.message_bytes = 0};
        struct capnp_rpc_counts most;
        uint64_t bytes = 0;
        struct relay y;
        capnp_msg *m;
        uint32_t id;

        relay_open(&y);
        for (uint64_t more = 0; more <= 256; more += 8) {
                m = relay_call(&y, y.id++, 2);
                bytes = capnp_msg_size(m) - capnp_i_frame_header(m->nsegs);
                l.message_bytes = bytes + more;
                capnp_rpc_set_limits(y.far.rpc, &l);
                capnp_rpc_set_limits(y.near.rpc, &l);
                CHECK_OK(hand_feed(&y.near, m));
                hand_run(&y.near);
                check_content(relay_content(&y.far, MESSAGE_CALL, CALL_PARAMS_PTR, &id), 2);
                CHECK_OK(hand_feed(&y.far, relay_return(id, 2)));
                hand_run(&y.far);
                check_content(relay_content(&y.near, MESSAGE_RETURN, 0, &id), 2);
                forget(&y.near);
                forget(&y.far);
        }
        capnp_rpc_count_most(y.far.rpc, &most);
        CHECK_EQ(most.message_bytes, bytes); /* the last went on as they came: it is what came */
        relay_close(&y);
}

/* ---- broken on purpose ---------------------------------------------------------------------- */

/* What went on as it came: every word but the root, and there is nothing in the envelope but the
 * pointer to the content. */
static void check_untouched(const capnp_msg *sent, const capnp_msg *came)
{
        for (uint32_t i = 0; i < came->nsegs; i++) {
                CHECK_EQ(sent->segs[i].words, came->segs[i].words);
                for (uint32_t j = 0; j < came->segs[i].words; j++) {
                        bool blank = !i && j < ENVELOPE_END && j != CALL_CONTENT_SLOT;

                        if (i || j)
                                CHECK_EQ(sent->segs[i].base[j], blank ? 0 : came->segs[i].base[j]);
                }
        }
}

/* The far one has got a call, and came is how it was received. */
static void check_arrived(struct relay *y, capnp_reader body, capnp_msg *came)
{
        capnp_reader root = capnp_any_struct(capnp_msg_root(came), NULL);

        if (y->far.last->nsegs == came->nsegs + 1) {
                check_untouched(y->far.last, came);
                y->passed++;
        } else {
                check_same(payload_content(body, CALL_PARAMS_PTR),
                           payload_content(capnp_any_struct(capnp_reader_any(root, 0), NULL),
                                           CALL_PARAMS_PTR));
        }
}

/* It was to be copied, and could not be. */
static void check_refused(capnp_msg *came)
{
        capnp_reader root = capnp_any_struct(capnp_msg_root(came), NULL);
        size_t n;

        CHECK(!flatten(
                payload_content(capnp_any_struct(capnp_reader_any(root, 0), NULL), CALL_PARAMS_PTR),
                &n));
}

static void flip(uint8_t *b, size_t len, uint64_t *seed)
{
        for (uint32_t n = 1 + draw(seed, 4); n--;)
                b[draw(seed, (uint32_t)len)] ^= (uint8_t)(1u << draw(seed, 8));
}

/* One of which some bits behind the envelope are others. */
static void relay_flipped(struct relay *y, uint64_t seed)
{
        capnp_msg *m = relay_call(y, y->id++, seed), *seen = NULL;
        size_t len = capnp_msg_size(m), header = capnp_i_frame_header(m->nsegs);
        size_t behind = header + ENVELOPE_END * 8;
        uint8_t *b = malloc(len);
        capnp_reader body;
        uint32_t id;

        CHECK(b);
        CHECK_OK(capnp_msg_write(m, b, len));
        capnp_msg_free(m);
        flip(b + behind, len - behind, &seed);
        CHECK_OK(capnp_rpc_feed(y->near.rpc, b, len, NULL, 0));
        hand_run(&y->near);
        CHECK_OK(capnp_msg_parse(b, len, NULL, &seen));
        hand_next(&y->far);
        if (hand_read(&y->far, &body) == MESSAGE_CALL) {
                id = capnp_reader_u32(body, ID_AT, 0);
                check_arrived(y, body, seen);
                CHECK_OK(hand_return(&y->far, id, 1, DESC_NONE, 0));
                hand_run(&y->far);
        } else {
                check_refused(seen);
        }
        capnp_msg_free(seen);
        free(b);
        forget(&y->far);
        forget(&y->near);
}

TEST(what_was_written_to_break_us)
{
        struct relay y;

        relay_open(&y);
        for (uint64_t seed = 0; seed < FLIPPED; seed++)
                relay_flipped(&y, seed);
        CHECK(y.passed > FLIPPED / 2);
        relay_close(&y);
}

/* A pointer to a struct near by, or a far one to somewhere in the envelope. */
static uint64_t tangle(uint64_t *seed)
{
        int32_t offset = (int32_t)draw(seed, 2 * ENVELOPE_END) - ENVELOPE_END;

        if (!draw(seed, 6))
                return 2 | draw(seed, 2) << 2 | draw(seed, ENVELOPE_END + 4) << 3;

        return (uint32_t)offset << 2 | (uint64_t)draw(seed, 5) << 32 |
               (uint64_t)draw(seed, 4) << 48;
}

/* Feeds a message of which some words at its front are others. */
static void feed_tangled(struct hand *h, capnp_msg *m, uint64_t *seed)
{
        size_t len = capnp_msg_size(m), header = capnp_i_frame_header(m->nsegs);
        uint8_t *b = malloc(len);

        CHECK(b);
        CHECK_OK(capnp_msg_write(m, b, len));
        capnp_msg_free(m);
        for (uint32_t n = 1 + draw(seed, 3); n--;) {
                uint64_t w = tangle(seed);

                memcpy(b + header + draw(seed, ENVELOPE_END) * 8, &w, 8);
        }
        (void)!capnp_rpc_feed(h->rpc, b, len, NULL, 0);
        free(b);
        hand_run(h);
}

/*
 * One whose parts lie in each other, in the root, or around what they name: zeros go over what was
 * its envelope, and it is still read here afterwards. Returns how many got through.
 */
static unsigned relay_tangled(uint64_t seed)
{
        unsigned passed = 0;
        capnp_reader body;
        struct relay y;

        relay_open(&y);
        if (seed & 1)
                feed_tangled(&y.near, relay_call(&y, 1, seed & 2), &seed);
        else
                CHECK_OK(hand_feed(&y.near, relay_call(&y, 1, seed & 2)));
        hand_run(&y.near);
        hand_next(&y.far);
        if (hand_read(&y.far, &body) == MESSAGE_CALL) {
                passed += y.far.last->nsegs > 1;
                feed_tangled(&y.far, relay_return(capnp_reader_u32(body, ID_AT, 0), seed & 2),
                             &seed);
                hand_next(&y.near);
                passed += hand_read(&y.near, &body) == MESSAGE_RETURN && y.near.last->nsegs > 1;
        }
        relay_close(&y);
        return passed;
}

TEST(parts_that_lie_in_each_other)
{
        unsigned passed = 0;

        for (uint64_t seed = 0; seed < TANGLED; seed++)
                passed += relay_tangled(seed * 2654435761);
        CHECK(passed > TANGLED / 2);
}
