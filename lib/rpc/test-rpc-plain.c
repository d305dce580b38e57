/*
 * Plain calls and the general way do the same: two cores are told the same, one of which has to
 * take every call the general way, and after each message they have said the same bytes, hold the
 * same, and their objects have seen the same.
 */
#include "test-rpc-hand.h"

enum { ECHO, FAIL, KEEP, GIVE, POISON, NMETHODS };
enum { PLAIN, GENERAL, SIDES };
enum { KEPT = 4 };

struct side {
        capnp_vat *vat;
        capnp_cap *root;
        struct hand h;
        capnp_answer *kept[KEPT];
        uint64_t seen; /* of all calls: interface, method, words */
        uint64_t served;
};

static uint64_t digest(capnp_reader params)
{
        uint64_t d = params.bytes + params.ptrs;

        for (uint32_t i = 0; i < params.bytes; i += 8)
                d = (d ^ capnp_reader_u64(params, i, 0)) * 0x9e3779b1;
        return d;
}

/* As they are, then as anything, which reads the same, and then once more. */
static uint64_t read_all(capnp_answer *a)
{
        capnp_reader first = capnp_answer_params(a);
        uint64_t d = digest(first);

        if (asked_word(a) & 1) {
                CHECK_EQ(digest(capnp_any_struct(capnp_answer_params_any(a), NULL)), d);
                CHECK_EQ(digest(capnp_answer_params(a)), d);
                CHECK_EQ(digest(first), d);
        }
        return d ^ (uint64_t)capnp_answer_check(a);
}

static int side_serve(void *self, capnp_answer *a)
{
        struct side *s = self;
        uint64_t x = asked_word(a), all = read_all(a);

        s->served++;
        s->seen = (s->seen ^ capnp_answer_interface(a) ^ capnp_answer_method(a) << 8 ^ all) *
                  0x9e3779b1;
        switch (capnp_answer_method(a)) {
        case ECHO:
                return reply(a, x + 1, NULL);
        case FAIL:
                return capnp_answer_fail(a, CAPNP_FAILED, "no");
        case GIVE:
                return reply(a, x, s->root);
        case KEEP:
                for (unsigned i = 0; i < KEPT; i++)
                        if (!s->kept[i]) {
                                s->kept[i] = a;
                                return capnp_answer_keep(a, NULL, NULL);
                        }
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "too many");
        default: /* nothing is filled in */
                return capnp_answer_return(a);
        }
}

static void side_open(struct side *s)
{
        *s = (struct side){0};
        CHECK_OK(capnp_vat_new_bare(&s->vat));
        CHECK_OK(capnp_cap_new_dispatch(s->vat, side_serve, NULL, s, &s->root));
        hand_open(&s->h, s->vat, s->root);
}

static void side_close(struct side *s)
{
        for (unsigned i = 0; i < KEPT; i++)
                if (s->kept[i])
                        (void)reply(s->kept[i], 0, NULL);
        hand_close(&s->h);
        capnp_cap_unref(s->root);
        capnp_vat_free(s->vat);
}

static void sides_open(struct side s[SIDES])
{
        side_open(&s[PLAIN]);
        side_open(&s[GENERAL]);
}

static void sides_close(struct side s[SIDES])
{
        side_close(&s[PLAIN]);
        side_close(&s[GENERAL]);
}

/* Both have come to the same. */
static void sides_compare(struct side s[SIDES])
{
        struct hand *p = &s[PLAIN].h, *g = &s[GENERAL].h;

        for (unsigned i = 0; i < SIDES; i++) {
                hand_run(&s[i].h);
                hand_listen(&s[i].h);
        }
        CHECK_EQ(p->fed, g->fed);
        CHECK_EQ(p->nsaid, g->nsaid);
        CHECK_MEM(p->said, g->said, g->nsaid);
        CHECK_EQ(p->rpc->closed, g->rpc->closed);
        CHECK_EQ(p->rpc->held, g->rpc->held);
        CHECK_EQ(p->rpc->charges, g->rpc->charges);
        CHECK_EQ(p->rpc->answers.used, g->rpc->answers.used);
        CHECK_EQ(p->rpc->exports.live, g->rpc->exports.live);
        CHECK_EQ(p->rpc->imports.used, g->rpc->imports.used);
        CHECK_EQ(p->rpc->questions.live, g->rpc->questions.live);
        CHECK_EQ(p->rpc->embargoes.live, g->rpc->embargoes.live);
        for (unsigned i = 0; i < SIDES; i++)
                CHECK_OK(capnp_rpc_check(s[i].h.rpc));
        CHECK_EQ(p->rpc->calls_in, g->rpc->calls_in);
        CHECK_EQ(s[PLAIN].served, s[GENERAL].served);
        CHECK_EQ(s[PLAIN].seen, s[GENERAL].seen);
        p->nsaid = g->nsaid = 0;
}

static void sides_feed(struct side s[SIDES], const uint8_t *b, size_t len)
{
        capnp_i_plain_forget(s[GENERAL].h.rpc);
        for (unsigned i = 0; i < SIDES; i++)
                s[i].h.fed = capnp_rpc_feed(s[i].h.rpc, b, len, NULL, 0);
        sides_compare(s);
}

/* Of parameters: words of data and pointers. Some lie in their call, some do not. */
struct form {
        uint16_t words, ptrs;
};
static const struct form FORMS[] = {{1, 1}, {2, 0}, {OWN_WORDS, 0}, {OWN_WORDS + 1, 0}, {0, 0}};
enum { NFORMS = sizeof(FORMS) / sizeof(*FORMS), POINTER = 0, DATA = 1, NOTHING = NFORMS };

/* A message as it is sent; it goes. */
static size_t bytes_of(capnp_msg *m, uint8_t *b, size_t room)
{
        size_t len = capnp_msg_size(m);

        CHECK(len <= room);
        CHECK_OK(capnp_msg_write(m, b, len));
        capnp_msg_free(m);
        return len;
}

/* The way to a result: so many operations, of which those whose bit is set do nothing. */
struct way {
        uint32_t id;
        uint16_t n, noops;
        uint16_t fields[PATH_SHORT + 1];
};

static void way_write(capnp_abuilder slot, const struct way *way)
{
        capnp_builder p = capnp_abuilder_init_struct(slot, 1, 1), op;
        capnp_lbuilder ops;

        capnp_builder_set_u32(p, ID_AT, way->id, 0);
        if (!way->n)
                return;

        ops = capnp_abuilder_init_structs(capnp_builder_any(p, 0), way->n, 1, 0);
        for (uint16_t i = 0; i < way->n; i++) {
                op = capnp_lbuilder_struct(ops, i);
                capnp_builder_set_u16(op, OP_TAG_AT, way->noops >> i & 1 ? 0 : OP_FIELD, 0);
                capnp_builder_set_u16(op, OP_FIELD_AT, way->fields[i], 0);
        }
}

enum { CALL_ROOM = 256 };

/* The message that the other side would be sent, as bytes; way NULL: to its export 0. */
static size_t call_bytes_on(uint8_t b[CALL_ROOM], uint32_t id, const struct way *way,
                            uint16_t method, uint64_t x, unsigned form)
{
        capnp_builder call, to, params;
        capnp_msg *m = hand_message(MESSAGE_CALL, 3, 3, &call);

        capnp_builder_set_u32(call, ID_AT, id, 0);
        capnp_builder_set_u16(call, CALL_METHOD_AT, method, 0);
        capnp_builder_set_u64(call, CALL_INTERFACE_AT, 7, 0);
        to = capnp_abuilder_init_struct(capnp_builder_any(call, CALL_TARGET_PTR), 1, 1);
        capnp_builder_set_u16(to, TARGET_TAG_AT, way != NULL, 0);
        if (way)
                way_write(capnp_builder_any(to, 0), way);
        params = capnp_abuilder_init_struct(capnp_builder_any(call, CALL_PARAMS_PTR), 0, 2);
        if (form != NOTHING)
                params = capnp_abuilder_init_struct(capnp_builder_any(params, 0), FORMS[form].words,
                                                    FORMS[form].ptrs);
        for (uint32_t i = 0; form != NOTHING && i < FORMS[form].words; i++)
                capnp_builder_set_u64(params, i * 8, x + i, 0);
        return bytes_of(m, b, CALL_ROOM);
}

static size_t call_bytes(uint8_t *b, size_t room, uint32_t id, uint16_t method, uint64_t x,
                         unsigned form)
{
        CHECK(room >= CALL_ROOM);
        return call_bytes_on(b, id, NULL, method, x, form);
}

static void sides_call_of(struct side s[SIDES], uint32_t id, uint16_t method, uint64_t x,
                          unsigned form)
{
        uint8_t b[256];

        sides_feed(s, b, call_bytes(b, sizeof(b), id, method, x, form));
}

static void sides_call(struct side s[SIDES], uint32_t id, uint16_t method, uint64_t x)
{
        sides_call_of(s, id, method, x, POINTER);
}

static void sides_begin(struct side s[SIDES])
{
        sides_open(s);
        for (unsigned i = 0; i < SIDES; i++)
                CHECK_OK(hand_bootstrap(&s[i].h, 0));
        sides_compare(s);
        sides_call(s, 1, ECHO, 1);
        CHECK(s[PLAIN].h.rpc->shapes[SHAPE_CALL]);
}

/* Of those that were kept. */
static void answer_one(struct side s[SIDES], uint32_t i, bool give)
{
        for (unsigned k = 0; k < SIDES; k++) {
                capnp_answer *a = s[k].kept[i];

                s[k].kept[i] = NULL;
                if (a)
                        s[k].seen ^= read_all(a);
                if (a)
                        (void)reply(a, i, give ? s[k].root : NULL);
        }
        sides_compare(s);
}

TEST(a_second_call_is_plain)
{
        struct side s[SIDES];

        sides_begin(s);
        for (uint32_t i = 1; i < 100; i++)
                sides_call(s, i, ECHO, i);
        CHECK_EQ(s[PLAIN].served, 100);
        sides_close(s);
}

/* Two calls, one behind the other, of which the first is the message; but its pointer at a word
 * leads over one more to what the second has there, or to its own. 0: that is no pointer. */
static size_t far_bytes(uint8_t b[2 * CALL_ROOM], uint32_t word, bool second)
{
        size_t bytes = call_bytes_on(b, 2, NULL, ECHO, 10, POINTER);
        uint8_t other[CALL_ROOM];
        uint32_t n = (uint32_t)bytes / 8 - 1, all = 2 * n + 1, to;
        uint64_t p, far;

        CHECK_EQ(call_bytes_on(other, 2, NULL, POISON, 20, POINTER), bytes);
        memcpy(b + bytes, other + 8, bytes - 8);
        memcpy(&p, b + 8 + word * 8, 8);
        if (p & 3 || !(p >> 32))
                return 0;

        to = (second ? n : 0) + word + 1 + (uint32_t)p / 4;
        p = (p & ~(uint64_t)UINT32_MAX) | (uint32_t)((to - all) * 4);
        memcpy(b + all * 8, &p, 8);
        far = capnp_i_msg_far_to(0, all - 1);
        memcpy(b + 8 + word * 8, &far, 8);
        memcpy(b + 4, &all, 4);
        return 8 + all * 8;
}

/* What a far pointer leads to may be something else the next time. */
TEST(far_pointers_come_to_the_same)
{
        uint8_t b[2 * CALL_ROOM];
        struct side s[SIDES];
        unsigned n = 0;
        size_t len;

        for (uint32_t word = 0; word < CALL_ROOM / 8 / 2; word++) {
                sides_begin(s);
                for (unsigned i = 0; i<4; i++, n += len> 0) {
                        len = far_bytes(b, word, i & 1);
                        if (len)
                                sides_feed(s, b, len);
                }
                sides_close(s);
        }
        CHECK(n >= 4 * 4);
}

/* A peer that has taken high ids makes nobody keep room for them. */
TEST(high_ids_leave_nothing_behind)
{
        struct side s[SIDES];

        sides_begin(s);
        sides_call(s, 1023, KEEP, 1);
        for (uint32_t i = 1; i < 100; i++)
                sides_call(s, 1000, ECHO, i);
        for (unsigned i = 0; i < SIDES; i++) {
                CHECK(s[i].h.rpc->answers.n >= 1024);
                CHECK_OK(hand_finish(&s[i].h, 0, false));
        }
        answer_one(s, 0, false);
        for (unsigned i = 0; i < SIDES; i++) {
                CHECK_EQ(s[i].h.rpc->answers.used, 0);
                CHECK(s[i].h.rpc->answers.n <= CAPNP_I_IDS_KEPT);
        }
        sides_close(s);
}

/* Read at once, when the answer comes late, and when the connection has gone. */
TEST(parameters_of_each_form_come_to_the_same)
{
        struct side s[SIDES];

        sides_begin(s);
        for (uint32_t i = 0; i < 8 * (NFORMS + 1); i++)
                sides_call_of(s, 2, i & 4 ? POISON : ECHO, i, i % (NFORMS + 1));
        for (uint32_t i = 0; i <= NFORMS; i++) {
                sides_call_of(s, 2, KEEP, i + 6, i);
                if (i & 1)
                        for (unsigned k = 0; k < SIDES; k++)
                                CHECK_OK(hand_finish(&s[k].h, 2, false));
                answer_one(s, 0, false);
        }
        for (uint32_t i = 0; i < KEPT; i++)
                sides_call_of(s, 2 + i, KEEP, i + 6, 1 + i);
        for (unsigned k = 0; k < SIDES; k++)
                capnp_rpc_close(s[k].h.rpc, (capnp_exception){CAPNP_FAILED, "enough"});
        sides_compare(s);
        for (uint32_t i = 0; i < KEPT; i++)
                answer_one(s, i, false);
        CHECK_EQ(s[PLAIN].served, 1 + 8 * (NFORMS + 1) + NFORMS + 1 + KEPT);
        sides_close(s);
}

TEST(what_is_to_be_wiped_comes_to_the_same)
{
        struct capnp_limits wipe = {.wipe = true};
        struct side s[SIDES];

        sides_begin(s);
        for (unsigned k = 0; k < SIDES; k++)
                capnp_rpc_set_limits(s[k].h.rpc, &wipe);
        for (uint32_t i = 0; i < 4 * (NFORMS + 1); i++)
                sides_call_of(s, 2, ECHO, i, i % (NFORMS + 1));
        sides_close(s);
}

static const uint64_t CHANGES[] = {1,
                                   2,
                                   4,
                                   1 << 8,
                                   1 << 16,
                                   UINT64_C(1) << 31,
                                   UINT64_C(1) << 32,
                                   UINT64_C(1) << 33,
                                   UINT64_C(1) << 47,
                                   UINT64_C(1) << 48,
                                   UINT64_C(1) << 49,
                                   UINT64_C(1) << 63,
                                   UINT64_MAX};
enum { NCHANGES = sizeof(CHANGES) / sizeof(*CHANGES) };

static void change(uint8_t *b, size_t at, uint64_t bits)
{
        uint64_t w;

        memcpy(&w, b + at, 8);
        w ^= bits;
        memcpy(b + at, &w, 8);
}

/* Each word of a call, changed in each of some ways: what is not as it was is no plain call, and
 * what it is the general way says. */
TEST(whatever_is_changed_comes_to_the_same)
{
        for (unsigned form = POINTER; form <= DATA; form++) {
                size_t len = 256;

                for (size_t n = NCHANGES; n < len / 8 * NCHANGES; n++) {
                        struct side s[SIDES];
                        uint8_t b[256];

                        sides_begin(s);
                        len = call_bytes(b, sizeof(b), 2, ECHO, 3, form);
                        change(b, n / NCHANGES * 8, CHANGES[n % NCHANGES]);
                        sides_feed(s, b, len);
                        if (!s[PLAIN].h.rpc->closed)
                                sides_call(s, 3, ECHO, 4);
                        sides_close(s);
                }
        }
}

/* One that is shorter than it says. */
TEST(what_is_cut_off_comes_to_the_same)
{
        for (uint32_t n = 2; n < 30; n++) {
                uint32_t words = n / 2;
                struct side s[SIDES];
                uint8_t b[256];

                sides_begin(s);
                (void)call_bytes(b, sizeof(b), 2, ECHO, 3, n & 1);
                memcpy(b + 4, &words, 4);
                sides_feed(s, b, 8 + (size_t)words * 8);
                sides_close(s);
        }
}

static void sides_limits(struct side s[SIDES], const struct capnp_limits *l)
{
        for (unsigned i = 0; i < SIDES; i++)
                capnp_rpc_set_limits(s[i].h.rpc, l);
}

TEST(limits_hold_for_plain_calls)
{
        struct side s[SIDES];

        sides_begin(s);
        sides_call(s, 2, KEEP, 0);
        sides_call(s, 3, KEEP, 0);
        sides_limits(s, &(struct capnp_limits){.answers = 2});
        sides_call(s, 4, ECHO, 0);
        sides_call(s, 5, ECHO, 0);
        sides_limits(s, &(struct capnp_limits){.held_bytes = 100});
        sides_call(s, 6, ECHO, 0);
        sides_call(s, 7, ECHO, 0);
        sides_limits(s, &(struct capnp_limits){.traversal = 64});
        sides_call(s, 8, ECHO, 0);
        sides_call(s, 9, ECHO, 0);
        sides_limits(s, &(struct capnp_limits){.depth = 3});
        sides_call(s, 10, ECHO, 0);
        sides_close(s);
}

/* ---- calls of results ----------------------------------------------------------------------- */

static void sides_call_on(struct side s[SIDES], uint32_t id, struct way way, uint16_t method,
                          uint64_t x, unsigned form)
{
        uint8_t b[256];

        sides_feed(s, b, call_bytes_on(b, id, &way, method, x, form));
}

/* Call 2 waits, call 3 has returned a reference; one has been called, and others will look like
 * that. */
static void sides_begin_on(struct side s[SIDES])
{
        sides_begin(s);
        sides_call(s, 2, KEEP, 0);
        sides_call(s, 3, GIVE, 0);
        sides_call_on(s, 4, (struct way){3, 1, 0, {0}}, ECHO, 1, DATA);
        CHECK(s[PLAIN].h.rpc->shapes[SHAPE_CALL_ON]);
}

TEST(calls_of_results_come_to_the_same)
{
        static const struct way WAYS[] = {
                {3, 1, 0, {0}},
                {2, 1, 0, {0}},
                {2, 1, 0, {1}},
                {3, 1, 0, {1}},
                {3, 0, 0, {0}},
                {2, 0, 0, {0}},
                {3, 2, 1, {7, 0}},
                {3, 2, 2, {0, 7}},
                {3, 2, 0, {0, 0}},
                {9, 1, 0, {0}},
                {4, 1, 0, {0}},
                {3, 4, 7, {1, 1, 1, 0}},
                {3, 5, 15, {1, 1, 1, 1, 0}},
        };
        struct side s[SIDES];
        uint32_t id = 5;

        sides_begin_on(s);
        for (unsigned k = 0; k < sizeof(WAYS) / sizeof(*WAYS); k++)
                for (unsigned form = 0; form <= NFORMS; form++) {
                        sides_call_on(s, id++, WAYS[k], ECHO, k, form);
                        sides_call_on(s, id++, WAYS[k], ECHO, k + 1, form);
                }
        sides_call_on(s, id - 1, WAYS[1], ECHO, 1, DATA); /* twice, if it waits yet */
        answer_one(s, 0, true);
        CHECK(s[PLAIN].served > 4 * (NFORMS + 1));
        sides_close(s);
}

TEST(changed_calls_of_results_come_to_the_same)
{
        for (uint32_t on = 2; on <= 3; on++) {
                size_t len = 256;

                for (size_t n = NCHANGES; n < len / 8 * NCHANGES; n++) {
                        struct side s[SIDES];
                        uint8_t b[256];

                        sides_begin_on(s);
                        len = call_bytes_on(b, 5, &(struct way){on, 1, 0, {0}}, ECHO, 3, DATA);
                        change(b, n / NCHANGES * 8, CHANGES[n % NCHANGES]);
                        sides_feed(s, b, len);
                        if (!s[PLAIN].h.rpc->closed)
                                answer_one(s, 0, true);
                        sides_close(s);
                }
        }
}

/* ---- the smallest --------------------------------------------------------------------------- */

static size_t finish_bytes(uint8_t *b, size_t room, uint32_t id, bool release, bool workaround)
{
        capnp_builder f;
        capnp_msg *m = hand_message(MESSAGE_FINISH, 1, 0, &f);

        capnp_builder_set_u32(f, ID_AT, id, 0);
        capnp_builder_set_bool(f, FINISH_RELEASE_BIT, release, true);
        capnp_builder_set_bool(f, FINISH_WORKAROUND_BIT, workaround, true);
        return bytes_of(m, b, room);
}

static size_t release_bytes(uint8_t *b, size_t room, uint32_t id, uint32_t count)
{
        capnp_builder f;
        capnp_msg *m = hand_message(MESSAGE_RELEASE, 1, 0, &f);

        capnp_builder_set_u32(f, ID_AT, id, 0);
        capnp_builder_set_u32(f, RELEASE_COUNT_AT, count, 0);
        return bytes_of(m, b, room);
}

static void sides_finish(struct side s[SIDES], uint32_t id, bool release, bool workaround)
{
        uint8_t b[64];

        sides_feed(s, b, finish_bytes(b, sizeof(b), id, release, workaround));
}

static void sides_release(struct side s[SIDES], uint32_t id, uint32_t count)
{
        uint8_t b[64];

        sides_feed(s, b, release_bytes(b, sizeof(b), id, count));
}

TEST(finishes_and_releases_come_to_the_same)
{
        struct side s[SIDES];

        sides_begin(s);
        for (uint32_t i = 0; i < 16; i++) {
                sides_call(s, 2, i & 8 ? KEEP : GIVE, i);
                sides_finish(s, 2, i & 1, i & 2);
                sides_finish(s, 2, i & 1, i & 2);
                if (i & 8)
                        answer_one(s, 0, i & 4);
        }
        CHECK(s[PLAIN].h.rpc->known & KNOWN_FINISH);
        sides_release(s, 0, 1);
        sides_release(s, 0, 2);
        CHECK(s[PLAIN].h.rpc->known & KNOWN_RELEASE);
        sides_release(s, 0, 0);
        sides_release(s, 7, 1);
        CHECK_EQ(s[PLAIN].h.rpc->closed, CAPNP_E_PROTOCOL);
        sides_close(s);
}

TEST(changed_finishes_and_releases_come_to_the_same)
{
        for (unsigned which = 0; which < 2; which++) {
                size_t len = 40;

                for (size_t n = 0; n < len / 8 * NCHANGES; n++) {
                        struct side s[SIDES];
                        uint8_t b[64];

                        sides_begin(s);
                        for (uint32_t i = 2; i < 6; i++)
                                sides_call(s, i, GIVE, i);
                        sides_finish(s, 2, false, false);
                        sides_release(s, 0, 1);
                        len = which ? finish_bytes(b, sizeof(b), 3, true, false)
                                    : release_bytes(b, sizeof(b), 0, 1);
                        change(b, n / NCHANGES * 8, CHANGES[n % NCHANGES]);
                        sides_feed(s, b, len);
                        if (!s[PLAIN].h.rpc->closed)
                                sides_finish(s, 4, true, false);
                        sides_close(s);
                }
        }
}

/* ---- results -------------------------------------------------------------------------------- */

enum { ASKED = 4 };

/* What a side has asked, and what became of it. */
struct asker {
        capnp_cap *peer;
        capnp_question *q[ASKED];
};

static void asker_done(capnp_question *q, int r, void *arg)
{
        struct side *s = arg;
        uint64_t x = r ? (uint64_t)r : capnp_reader_u64(capnp_question_response(q), 0, 0);

        s->served++;
        s->seen = (s->seen ^ x) * 0x9e3779b1;
}

/* The peer's object is its export 5, and has been called: questions 1 to ASKED are open. */
static void askers_open(struct asker a[SIDES], struct side s[SIDES])
{
        sides_open(s);
        for (unsigned i = 0; i < SIDES; i++) {
                CHECK_OK(capnp_rpc_bootstrap(s[i].h.rpc, &a[i].peer));
                hand_run(&s[i].h);
                CHECK_OK(hand_return_bootstrap(&s[i].h, 0, 5));
                hand_run(&s[i].h);
                for (unsigned k = 0; k < ASKED; k++) {
                        a[i].q[k] = ask(s[i].vat, a[i].peer, ECHO, k, NULL);
                        capnp_question_send(a[i].q[k], asker_done, &s[i]);
                }
        }
        sides_compare(s);
        CHECK_EQ(s[PLAIN].h.rpc->questions.live, ASKED);
}

static void askers_close(struct asker a[SIDES], struct side s[SIDES])
{
        for (unsigned i = 0; i < SIDES; i++) {
                for (unsigned k = 0; k < ASKED; k++)
                        capnp_question_free(a[i].q[k]);
                capnp_cap_unref(a[i].peer);
        }
        sides_close(s);
}

static size_t return_bytes(uint8_t *b, size_t room, uint32_t id, uint64_t x)
{
        capnp_builder ret;
        capnp_msg *m = hand_message(MESSAGE_RETURN, 2, 1, &ret);

        capnp_builder_set_u32(ret, ID_AT, id, 0);
        capnp_builder_set_bool(ret, RETURN_NO_FINISH_BIT, id & 1, false);
        hand_payload(NULL, capnp_builder_any(ret, 0), x, DESC_NONE, 0);
        return bytes_of(m, b, room);
}

static void askers_return(struct side s[SIDES], uint32_t id, uint64_t x)
{
        uint8_t b[256];

        sides_feed(s, b, return_bytes(b, sizeof(b), id, x));
}

TEST(results_come_to_the_same)
{
        struct asker a[SIDES];
        struct side s[SIDES];

        askers_open(a, s);
        for (uint32_t i = 0; i < ASKED; i++)
                askers_return(s, i, i);
        CHECK(s[PLAIN].h.rpc->shapes[SHAPE_RETURN]);
        CHECK_EQ(s[PLAIN].served, ASKED);
        CHECK_EQ(s[PLAIN].h.rpc->questions.live, 0);
        askers_close(a, s);
}

TEST(changed_results_come_to_the_same)
{
        size_t len = 256;

        for (size_t at = 8; at < len; at += 8)
                for (size_t i = 0; i < NCHANGES; i++) {
                        struct asker a[SIDES];
                        struct side s[SIDES];
                        uint8_t b[256];

                        askers_open(a, s);
                        askers_return(s, 0, 1);
                        len = return_bytes(b, sizeof(b), 1, 2);
                        change(b, at, CHANGES[i]);
                        sides_feed(s, b, len);
                        if (!s[PLAIN].h.rpc->closed)
                                askers_return(s, 2, 3);
                        askers_close(a, s);
                }
}

/* With so many references, of which the first is pointer 0 of the results. */
static size_t return_caps_bytes(const struct side *side, uint8_t *b, size_t room, uint32_t id,
                                const uint16_t *tags, uint32_t ncaps)
{
        capnp_builder ret, p, content;
        capnp_msg *m = hand_message(MESSAGE_RETURN, 2, 1, &ret);
        capnp_lbuilder table;

        capnp_builder_set_u32(ret, ID_AT, id, 0);
        p = capnp_abuilder_init_struct(capnp_builder_any(ret, 0), 0, 2);
        content = capnp_abuilder_init_struct(capnp_builder_any(p, 0), 1, 1);
        capnp_builder_set_u64(content, 0, id, 0);
        capnp_abuilder_set_cap(capnp_builder_any(content, 0), side->vat->bad_index); /* any */
        table = capnp_abuilder_init_structs(capnp_builder_any(p, 1), ncaps, 1, 1);
        for (uint32_t i = 0; i < ncaps; i++)
                hand_descriptor(capnp_lbuilder_struct(table, i), tags[i],
                                tags[i] == DESC_RECEIVER_HOSTED ? 0 : 20 + i);
        return bytes_of(m, b, room);
}

static void askers_return_caps(struct side s[SIDES], uint32_t id, const uint16_t *tags,
                               uint32_t ncaps)
{
        uint8_t b[256];

        sides_feed(s, b, return_caps_bytes(&s[PLAIN], b, sizeof(b), id, tags, ncaps));
}

TEST(results_with_references_come_to_the_same)
{
        static const uint16_t TAGS[][6] = {
                {DESC_SENDER_HOSTED},
                {DESC_SENDER_PROMISE},
                {DESC_RECEIVER_HOSTED},
                {DESC_NONE},
                {DESC_RECEIVER_ANSWER},
                {DESC_SENDER_HOSTED, DESC_SENDER_PROMISE, DESC_NONE, DESC_RECEIVER_HOSTED},
                {DESC_SENDER_HOSTED, DESC_SENDER_HOSTED, DESC_SENDER_HOSTED, DESC_SENDER_HOSTED,
                 DESC_SENDER_HOSTED},
        };
        static const uint32_t NCAPS[] = {1, 1, 1, 1, 1, 4, 5};

        for (unsigned i = 0; i < sizeof(TAGS) / sizeof(*TAGS); i++)
                for (unsigned k = 0; k < sizeof(TAGS) / sizeof(*TAGS); k++) {
                        struct asker a[SIDES];
                        struct side s[SIDES];

                        askers_open(a, s);
                        askers_return_caps(s, 0, TAGS[i], NCAPS[i]);
                        CHECK(i >= 4 || s[PLAIN].h.rpc->shapes[SHAPE_RETURN_CAPS]);
                        askers_return_caps(s, 1, TAGS[i], NCAPS[i]);
                        askers_return_caps(s, 2, TAGS[k], NCAPS[k]);
                        if (!s[PLAIN].h.rpc->closed)
                                askers_return_caps(s, 3, TAGS[k], NCAPS[k]);
                        askers_close(a, s);
                }
}

TEST(changed_results_with_references_come_to_the_same)
{
        static const uint16_t TAGS[] = {DESC_SENDER_HOSTED, DESC_RECEIVER_HOSTED};
        size_t len = 256;

        for (size_t n = NCHANGES; n < len / 8 * NCHANGES; n++) {
                struct asker a[SIDES];
                struct side s[SIDES];
                uint8_t b[256];

                askers_open(a, s);
                askers_return_caps(s, 0, TAGS, 2);
                len = return_caps_bytes(&s[PLAIN], b, sizeof(b), 1, TAGS, 2);
                change(b, n / NCHANGES * 8, CHANGES[n % NCHANGES]);
                sides_feed(s, b, len);
                if (!s[PLAIN].h.rpc->closed)
                        askers_return_caps(s, 2, TAGS, 2);
                askers_close(a, s);
        }
}

/* A result is something of ours that has meanwhile become something of the peer's, and calls have
 * gone there: those that come have to wait (rpc-promise.c). */
TEST(what_leads_back_and_there_again_is_embargoed)
{
        static const uint16_t TAGS[] = {DESC_RECEIVER_HOSTED};
        capnp_question *first[SIDES], *second[SIDES], *third[SIDES];
        struct asker a[SIDES];
        struct side s[SIDES];

        askers_open(a, s);
        for (unsigned i = 0; i < SIDES; i++) {
                CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *later = NULL;
                capnp_promise *p;

                CHECK_OK(capnp_promise_new(s[i].vat, &p, &later));
                first[i] = ask(s[i].vat, a[i].peer, ECHO, 1, later); /* its export 0 */
                second[i] = ask(s[i].vat, a[i].peer, ECHO, 1, NULL);
                third[i] = ask(s[i].vat, result_cap(second[i]), ECHO, 1, NULL);
                capnp_question_send(first[i], NULL, NULL);
                capnp_question_send(third[i], NULL, NULL);
                capnp_promise_resolve(p, a[i].peer);
        }
        sides_compare(s);
        askers_return_caps(s, 0, TAGS, 1);
        CHECK(s[PLAIN].h.rpc->shapes[SHAPE_RETURN_CAPS]);
        askers_return_caps(s, ASKED + 1, TAGS, 1);
        CHECK_EQ(s[PLAIN].h.rpc->embargoes.live, 1);
        for (unsigned i = 0; i < SIDES; i++) {
                capnp_question_free(first[i]);
                capnp_question_free(third[i]);
                capnp_question_free(second[i]);
        }
        askers_close(a, s);
}

TEST(limits_hold_for_references_of_plain_results)
{
        static const uint16_t TAGS[] = {DESC_SENDER_HOSTED};
        const struct capnp_limits limits[] = {
                {.refs = 1}, {.held_bytes = 100}, {.data_only = true}, {.traversal = 64}};

        for (unsigned i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
                struct asker a[SIDES];
                struct side s[SIDES];

                askers_open(a, s);
                askers_return_caps(s, 0, TAGS, 1);
                sides_limits(s, &limits[i]);
                for (uint32_t id = 1; id < 3 && !s[PLAIN].h.rpc->closed; id++)
                        askers_return_caps(s, id, TAGS, 1);
                askers_close(a, s);
        }
}

/* ---- many, at random ------------------------------------------------------------------------ */

static uint32_t draw(uint64_t *state, uint32_t n)
{
        *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
        return (uint32_t)(*state >> 33) % n;
}

static void act(struct side s[SIDES], uint64_t *state)
{
        uint32_t id = 1 + draw(state, 12);

        switch (draw(state, 9)) {
        case 0:
                answer_one(s, draw(state, KEPT), draw(state, 2));
                break;
        case 1:
                for (unsigned k = 0; k < SIDES; k++) {
                        capnp_i_plain_forget(s[GENERAL].h.rpc);
                        (void)hand_finish(&s[k].h, id, id & 1);
                }
                sides_compare(s);
                break;
        case 3: /* on the result of another call */
                if (s[PLAIN].h.rpc->answers.used && capnp_i_ids_get(&s[PLAIN].h.rpc->answers, id))
                        break;
                sides_call_on(s, id, (struct way){1 + draw(state, 12), 1, 0, {0}},
                              (uint16_t)draw(state, NMETHODS), *state >> 40,
                              draw(state, NFORMS + 1));
                break;
        case 4:
                sides_finish(s, id, draw(state, 2), draw(state, 2));
                break;
        case 2: /* with a reference, or on the result of another call */
                if (s[PLAIN].h.rpc->answers.used && capnp_i_ids_get(&s[PLAIN].h.rpc->answers, id))
                        break;
                for (unsigned k = 0; k < SIDES; k++) {
                        capnp_i_plain_forget(s[GENERAL].h.rpc);
                        (void)hand_call_with(&s[k].h, id,
                                             id & 1 ? to_export(0) : to_answer(1 + id % 12), ECHO,
                                             (struct arg){DESC_RECEIVER_HOSTED, 0});
                }
                sides_compare(s);
                break;
        default:
                if (!capnp_i_ids_get(&s[PLAIN].h.rpc->answers, id))
                        sides_call_of(s, id, (uint16_t)draw(state, NMETHODS), *state >> 40,
                                      draw(state, NFORMS + 1));
                break;
        }
}

TEST(many_acts_come_to_the_same)
{
        for (uint64_t seed = 1; seed <= 20; seed++) {
                uint64_t state = seed;
                struct side s[SIDES];

                sides_begin(s);
                for (unsigned i = 0; i < 500 && !s[PLAIN].h.rpc->closed; i++)
                        act(s, &state);
                CHECK(!s[PLAIN].h.rpc->closed);
                sides_close(s);
        }
}
