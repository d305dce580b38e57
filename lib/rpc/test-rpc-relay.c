/*
 * Long payloads that pass through a vat as they came: what is sent says what was received, with no
 * id of the envelope that it came in, whatever is in it; also when it was written to break us (R14,
 * R20).
 */
#include "test-rpc-relay.h"

enum { SEEDS = 200, FLIPPED = 1500, TANGLED = 4000 };

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
