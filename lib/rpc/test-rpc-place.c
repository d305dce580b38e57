/*
 * The place for what a long message lacks: bytes that are read to it stay there, wherever the
 * message was cut, and whatever is fed from elsewhere in between; how long the place is follows
 * from what has come (R14, R20, R23).
 */
#include "test-rpc-rig.h"

#include <stdlib.h>

#include "test-rpc-numbers.h"
#include "wire.h"

enum { SPLIT_BYTES = 5000, ROOM_FIRST = 68 * 1024, ROOM_TIMES = 16 };

/* A core with an object that adds up what it is given; and a call of it, as its peer sends that. */
struct place {
        capnp_vat *vat;
        capnp_rpc *rpc;
        unsigned served;
        const uint8_t *found; /* where the last call's bytes were */
        uint64_t sum;
        uint8_t *call;
        size_t len;
};

static uint8_t byte_at(uint32_t i)
{
        return (uint8_t)(i * 31 + (i >> 8));
}

static uint64_t sum_of(const uint8_t *b, size_t len)
{
        uint64_t sum = len;

        for (size_t i = 0; i < len; i++)
                sum = (sum ^ b[i]) * UINT64_C(0x100000001b3);
        return sum;
}

static int serve_sum(void *self, capnp_answer *a)
{
        struct place *x = self;
        capnp_data d = capnp_any_data(capnp_reader_any(capnp_answer_params(a), 0), (capnp_data){0});

        x->served++;
        x->found = d.p;
        x->sum = sum_of(d.p, d.len);
        return capnp_answer_return(a);
}

/* A call of so many bytes, in one segment or in several. */
static void place_write(struct place *x, uint32_t bytes, bool one)
{
        uint32_t room = bytes / 8 + 64;
        uint64_t *words = malloc(room * 8);
        capnp_builder b, p;
        capnp_lbuilder l;
        capnp_msg m;

        CHECK(words);
        capnp_i_msg_init_building(&m, words, one ? room : 32, 0);
        b = capnp_abuilder_init_struct(capnp_msg_build(&m), 1, 1);
        capnp_builder_set_u16(b, 0, MESSAGE_CALL, 0);
        b = capnp_abuilder_init_struct(capnp_builder_any(b, 0), 3, 3);
        capnp_builder_set_u32(b, ID_AT, 1, 0);
        capnp_abuilder_init_struct(capnp_builder_any(b, CALL_TARGET_PTR), 1, 1);
        p = capnp_abuilder_init_struct(capnp_builder_any(b, CALL_PARAMS_PTR), 0, 2);
        p = capnp_abuilder_init_struct(capnp_builder_any(p, 0), 0, 1);
        l = capnp_abuilder_init_list(capnp_builder_any(p, 0), CAPNP_SIZE_BYTE, bytes);
        for (uint32_t i = 0; i < bytes; i++)
                capnp_lbuilder_set_u8(l, i, byte_at(i));
        CHECK_OK(capnp_msg_check(&m));
        CHECK_EQ(m.nsegs, one ? 1 : 2);
        x->len = capnp_msg_size(&m);
        x->call = malloc(x->len);
        CHECK(x->call);
        CHECK_OK(capnp_msg_write(&m, x->call, x->len));
        capnp_i_msg_deinit(&m);
        free(words);
}

static void core_open(struct place *x, const struct capnp_limits *l)
{
        static const uint64_t bootstrap[] = {UINT64_C(5) << 32,
                                             UINT64_C(1) << 32 | UINT64_C(1) << 48,
                                             MESSAGE_BOOTSTRAP,
                                             UINT64_C(1) << 32 | UINT64_C(1) << 48,
                                             0,
                                             0};
        capnp_cap *root;

        CHECK_OK(capnp_vat_new_bare(&x->vat));
        CHECK_OK(capnp_cap_new_dispatch(x->vat, serve_sum, NULL, x, &root));
        CHECK_OK(capnp_rpc_new(x->vat, l, root, &x->rpc));
        capnp_cap_unref(root);
        CHECK_OK(capnp_rpc_feed(x->rpc, bootstrap, sizeof(bootstrap), NULL, 0));
        x->served = 0;
}

static void core_close(struct place *x)
{
        capnp_rpc_free(x->rpc);
        rig_vat_free(x->vat);
}

static void place_open(struct place *x, const struct capnp_limits *l, uint32_t bytes, bool one)
{
        *x = (struct place){0};
        core_open(x, l);
        place_write(x, bytes, one);
}

static void place_close(struct place *x)
{
        core_close(x);
        free(x->call);
}

/* Bytes from anywhere. */
static int place_feed(struct place *x, size_t at, size_t len)
{
        uint8_t *exact = malloc(len ? len : 1); /* so that a sanitizer sees what lies behind it */
        int r;

        CHECK(exact);
        memcpy(exact, x->call + at, len);
        r = len ? capnp_rpc_feed(x->rpc, exact, len, NULL, 0) : 0;
        free(exact);
        CHECK_EQ(capnp_rpc_check(x->rpc), 0);
        return r;
}

/* As many bytes as there is a place for, and no more than that many; 0: there is none. */
static size_t place_fill(struct place *x, size_t at, size_t most)
{
        size_t len;
        uint8_t *p = capnp_rpc_feed_place(x->rpc, &len);

        CHECK(!p == !len);
        CHECK(len <= x->len - at);
        if (!p)
                return 0;

        len = len < most ? len : most;
        memcpy(p, x->call + at, len);
        CHECK_OK(capnp_rpc_feed(x->rpc, p, len, NULL, 0));
        CHECK_EQ(capnp_rpc_check(x->rpc), 0);
        return len;
}

static void check_served(struct place *x, unsigned times, uint32_t bytes)
{
        uint8_t *all = malloc(bytes);
        uint64_t sum;

        CHECK(all);
        for (uint32_t i = 0; i < bytes; i++)
                all[i] = byte_at(i);
        sum = sum_of(all, bytes);
        free(all);
        while (capnp_rpc_step(x->vat))
                CHECK_EQ(capnp_rpc_check(x->rpc), 0);
        CHECK(!capnp_rpc_is_closed(x->rpc, NULL));
        CHECK_EQ(x->served, times);
        CHECK_EQ(x->sum, sum);
}

/* Also when it is to be wiped. */
TEST(what_was_read_to_its_place_stays_there)
{
        static const uint32_t sizes[] = {4200, 9000, 65536, 70000, 1 << 20};
        static const struct capnp_limits wiped = {.wipe = true};

        for (unsigned i = 0; i < 20; i++) {
                uint32_t bytes = sizes[i / 4];
                size_t at = 1000, n, last = 0;
                const uint8_t *p = NULL;
                struct place x;

                place_open(&x, i & 1 ? &wiped : NULL, bytes, i & 2);
                CHECK_OK(place_feed(&x, 0, at));
                while (at < x.len) {
                        p = capnp_rpc_feed_place(x.rpc, &last);
                        n = place_fill(&x, at, SIZE_MAX);
                        CHECK_EQ(n, last);
                        CHECK(n > 0);
                        at += n;
                }
                check_served(&x, 1, bytes);
                /* Its last byte is the last one that was read, but for what fills a word up. */
                CHECK(x.found + bytes <= p + last && x.found + bytes + 8 > p + last);
                place_close(&x);
        }
}

/* Wherever it is cut: all the rest to its place, or a part of it, and what is left from elsewhere.
 */
TEST(cut_anywhere)
{
        for (unsigned one = 0; one < 2; one++) {
                struct place x;

                place_open(&x, NULL, SPLIT_BYTES, one);
                for (size_t cut = 0, n; cut < x.len; cut++) {
                        CHECK_OK(place_feed(&x, 0, cut));
                        n = place_fill(&x, cut, cut % 7 ? SIZE_MAX : cut);
                        CHECK_EQ(n > 0, cut >= (one ? 8 : 16));
                        CHECK_OK(place_feed(&x, cut + n, x.len - cut - n));
                        check_served(&x, 1, SPLIT_BYTES);
                        core_close(&x);
                        core_open(&x, NULL);
                }
                place_close(&x);
        }
}

/* In small pieces, of which some are fed from elsewhere; one behind the other. */
TEST(places_and_others_in_turn)
{
        for (size_t step = 1; step < 3000; step = step * 3 + 1) {
                struct place x;

                place_open(&x, NULL, 20000, step & 1);
                for (size_t at = 0, n; at < x.len; at += n) {
                        n = at / step % 3 == 1 ? place_fill(&x, at, step) : 0;
                        if (!n) {
                                n = step < x.len - at ? step : x.len - at;
                                CHECK_OK(place_feed(&x, at, n));
                        }
                }
                check_served(&x, 1, 20000);
                place_close(&x);
        }
}

TEST(no_place_for_what_is_short_too_long_or_over)
{
        static const struct capnp_limits kib = {.message_bytes = 1024};
        struct place x;
        size_t len = 1;

        place_open(&x, NULL, 3000, true);
        CHECK(!capnp_rpc_feed_place(x.rpc, &len));
        CHECK_EQ(len, 0);
        CHECK_OK(place_feed(&x, 0, 2000));
        CHECK(!capnp_rpc_feed_place(x.rpc, &len));
        CHECK_OK(place_feed(&x, 2000, x.len - 2000));
        CHECK(!capnp_rpc_feed_place(x.rpc, &len));
        check_served(&x, 1, 3000);
        place_close(&x);

        place_open(&x, &kib, 30000, true);
        for (size_t at = 0; at + 500 < x.len; at += 500) {
                CHECK_OK(place_feed(&x, at, 500));
                CHECK(!capnp_rpc_feed_place(x.rpc, &len));
        }
        place_close(&x);

        place_open(&x, NULL, 30000, true);
        CHECK_OK(place_feed(&x, 0, 2000));
        CHECK(capnp_rpc_feed_place(x.rpc, &len));
        capnp_rpc_close(x.rpc, (capnp_exception){CAPNP_FAILED, "enough"});
        CHECK(!capnp_rpc_feed_place(x.rpc, &len));
        place_close(&x);
}

/* The limit becomes smaller while bytes are on their way to the place. */
TEST(limit_lowered_while_there_is_a_place)
{
        static const struct capnp_limits kib = {.message_bytes = 1024};

        for (size_t first = 100; first < 60000; first += 3777) {
                struct place x;
                size_t len;
                uint8_t *p;

                place_open(&x, NULL, 60000, first & 8);
                CHECK_OK(place_feed(&x, 0, first));
                p = capnp_rpc_feed_place(x.rpc, &len);
                CHECK(p && len == x.len - first);
                memcpy(p, x.call + first, len);
                capnp_rpc_set_limits(x.rpc, &kib);
                CHECK_OK(capnp_rpc_feed(x.rpc, p, len / 2, NULL, 0));
                CHECK_OK(place_feed(&x, first + len / 2, len - len / 2));
                while (capnp_rpc_step(x.vat))
                        ;
                CHECK(!capnp_rpc_is_closed(x.rpc, NULL));
                CHECK_EQ(x.served, 0);
                CHECK_EQ(x.rpc->in_len, 0);
                place_close(&x);
        }
}

/* Who announces much has a little room, and more when much has come. */
TEST(room_follows_what_has_come)
{
        static const uint32_t table[2] = {0, 7 << 20};
        static const struct capnp_limits wide = {.message_bytes = 64 << 20};
        struct place x;
        size_t len, came = sizeof(table);
        uint8_t *p;

        place_open(&x, &wide, 8, true);
        CHECK_OK(capnp_rpc_feed(x.rpc, table, sizeof(table), NULL, 0));
        while (came < 16 << 20) {
                p = capnp_rpc_feed_place(x.rpc, &len);
                CHECK(p);
                CHECK(x.rpc->in_room <= ROOM_FIRST || x.rpc->in_room <= ROOM_TIMES * (came + 1));
                CHECK(x.rpc->in_room <= 8 + ((size_t)table[1] << 3));
                len = len < 3000 ? len : came < 100000 ? 3000 : len / 2;
                memset(p, 0, len);
                CHECK_OK(capnp_rpc_feed(x.rpc, p, len, NULL, 0));
                came += len;
        }
        place_close(&x);
}

/* Without memory for more room bytes go wherever there is some, or the connection ends. */
TEST(place_without_memory)
{
        for (uint64_t n = 1; n < 12; n++) {
                struct place x;
                size_t at = 1000, some;
                int r;

                place_open(&x, NULL, 300000, n & 1);
                test_fail_alloc_at(n);
                r = capnp_rpc_feed(x.rpc, x.call, at, NULL, 0);
                while (!r && at < x.len) {
                        uint8_t *p = capnp_rpc_feed_place(x.rpc, &some);

                        if (p)
                                memcpy(p, x.call + at, some);
                        else
                                some = x.len - at < 1000 ? x.len - at : 1000;
                        r = capnp_rpc_feed(x.rpc, p ? p : x.call + at, some, NULL, 0);
                        at += some;
                }
                CHECK(r == 0 || r == -ENOMEM);
                test_fail_alloc_at(0);
                CHECK_EQ(capnp_rpc_check(x.rpc), 0);
                if (!r)
                        check_served(&x, 1, 300000);
                place_close(&x);
        }
}
