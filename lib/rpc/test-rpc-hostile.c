/*
 * Two peers that mean ill, and a vat between them whose objects do a bit of everything: what comes
 * from one goes on to the other, directly, through a membrane, as a tail call, as a stream, as a
 * call without a Return. The peers write sound messages with unsound ids: those that are in use or
 * were, Returns that were not asked for or come twice, a Finish before its Return, a Release of too
 * much, a Resolve of anything to anything. Whatever they do, at most their connection ends: the
 * tables stay sound, nothing is asserted in vain, and nothing remains (R14, R20).
 */
#include "test-rpc-hand.h"

enum { SEEDS = 2000, ACTS = 150, LONG = 6000, HELD = 4, KEPT = 4 };
enum { ECHO, GIVE, KEEP, HOLD, TAIL, EARLY, STREAM, FAIL, ASK, METHODS };

struct middle {
        capnp_vat *vat;
        struct hand h[2];
        capnp_cap *root, *boot[2], *held[HELD];
        capnp_membrane *wall;
        capnp_answer *kept[KEPT];
        capnp_question *asked[KEPT];
        uint64_t state;
        bool ended; /* nothing more is kept */
};

static uint32_t draw(struct middle *y, uint32_t n)
{
        y->state = y->state * UINT64_C(6364136223846793005) + 1442695040888963407;
        return (uint32_t)(y->state >> 33) % n;
}

/* ---- the vat -------------------------------------------------------------------------------- */

static capnp_cap *middle_any(struct middle *y)
{
        capnp_cap *c = y->held[draw(y, HELD)];

        return c ? c : y->boot[draw(y, 2)];
}

static void middle_hold(struct middle *y, capnp_cap *c)
{
        uint32_t i = draw(y, HELD);

        capnp_cap_unref(y->held[i]);
        y->held[i] = capnp_cap_ref(c);
}

static void middle_canceled(capnp_answer *a, void *arg)
{
        struct middle *y = arg;

        for (unsigned i = 0; i < KEPT; i++)
                if (y->kept[i] == a) {
                        y->kept[i] = NULL;
                        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
                }
}

static int middle_keep(struct middle *y, capnp_answer *a)
{
        for (unsigned i = 0; i < KEPT && !y->ended; i++)
                if (!y->kept[i]) {
                        y->kept[i] = a;
                        return capnp_answer_keep(a, middle_canceled, y);
                }

        return capnp_answer_fail(a, CAPNP_OVERLOADED, "too many");
}

/* A call of ours, of one kind or another. */
static void middle_ask(struct middle *y, capnp_cap *on)
{
        uint16_t method = (uint16_t)draw(y, METHODS);
        capnp_cap *arg = draw(y, 2) ? middle_any(y) : NULL;
        capnp_question *q = ask(y->vat, on, method, 3, arg);
        uint32_t i = draw(y, KEPT), how = draw(y, 6);

        if (how < 2)
                middle_hold(y, result_cap(q));
        switch (how) {
        case 0:
                capnp_question_pipeline(q);
                break;
        case 3:
                (void)!capnp_question_stream(q, NULL, NULL);
                break;
        case 4:
                capnp_question_detach(q);
                break;
        default:
                capnp_question_free(y->asked[i]);
                y->asked[i] = q;
                capnp_question_send(q, NULL, NULL);
                break;
        }
}

static int middle_serve(void *self, capnp_answer *a)
{
        struct middle *y = self;
        capnp_cap *on;

        switch (capnp_answer_method(a) % METHODS) {
        case GIVE:
                return reply(a, 1, middle_any(y));
        case KEEP:
                return middle_keep(y, a);
        case HOLD:
                middle_hold(y, asked_cap(a));
                return reply(a, 2, asked_cap(a));
        case TAIL:
                on = middle_any(y);
                return capnp_answer_tail(
                        a, ask(y->vat, on, (uint16_t)draw(y, METHODS), 3, asked_cap(a)));
        case EARLY:
                capnp_abuilder_set_cap(
                        capnp_builder_any(
                                capnp_abuilder_init_struct(capnp_answer_results_any(a), 1, 1), 0),
                        middle_any(y));
                capnp_answer_pipeline(a);
                return middle_keep(y, a);
        case STREAM:
                return capnp_answer_stream(a) ? capnp_answer_fail(a, CAPNP_FAILED, "no")
                                              : middle_keep(y, a);
        case FAIL:
                return capnp_answer_fail(a, CAPNP_FAILED, "no");
        case ASK:
                middle_ask(y, asked_cap(a) ? asked_cap(a) : middle_any(y));
                return reply(a, 4, NULL);
        default:
                return reply(a, asked_word(a), NULL);
        }
}

/* What it does by itself. */
static void middle_act(struct middle *y)
{
        uint32_t i = draw(y, KEPT);
        capnp_answer *a = y->kept[i];

        switch (draw(y, 4)) {
        case 0:
                y->kept[i] = NULL;
                if (a)
                        (void)reply(a, 5, draw(y, 2) ? middle_any(y) : NULL);
                break;
        case 1:
                y->asked[i] = capnp_question_free(y->asked[i]);
                break;
        case 2:
                middle_hold(y, NULL);
                break;
        default:
                middle_ask(y, middle_any(y));
                break;
        }
}

static void middle_open(struct middle *y, uint64_t seed)
{
        static const struct capnp_membrane_ops open = {0};

        *y = (struct middle){.state = seed};
        CHECK_OK(capnp_vat_new_bare(&y->vat));
        CHECK_OK(capnp_cap_new_dispatch(y->vat, middle_serve, NULL, y, &y->root));
        CHECK_OK(capnp_membrane_new(y->vat, &open, NULL, &y->wall));
        hand_open(&y->h[0], y->vat, y->root);
        CHECK_OK(capnp_rpc_bootstrap(y->h[0].rpc, &y->boot[0]));
        y->boot[1] = capnp_membrane_wrap(y->wall, y->boot[0]);
        hand_open(&y->h[1], y->vat, y->boot[1]); /* gets what the first one serves */
        for (unsigned i = 0; i < 2; i++)
                CHECK_OK(hand_bootstrap(&y->h[i], 0));
        CHECK_OK(hand_return_bootstrap(&y->h[0], 0, 5));
}

static void middle_close(struct middle *y)
{
        y->ended = true;
        if (draw(y, 2))
                capnp_membrane_revoke(y->wall, (capnp_exception){CAPNP_FAILED, "revoked"});
        for (unsigned i = 0; i < 2; i++)
                hand_close(&y->h[draw(y, 2) ? i : 1 - i]);
        for (unsigned i = 0; i < 2; i++)
                if (y->h[i].rpc)
                        hand_close(&y->h[i]);
        for (unsigned i = 0; i < KEPT; i++) {
                if (y->kept[i])
                        (void)reply(y->kept[i], 6, NULL);
                y->kept[i] = NULL;
                capnp_question_free(y->asked[i]);
        }
        for (unsigned i = 0; i < HELD; i++)
                capnp_cap_unref(y->held[i]);
        for (unsigned i = 0; i < 2; i++)
                capnp_cap_unref(y->boot[i]);
        capnp_cap_unref(y->root);
        capnp_membrane_unref(y->wall);
        rig_vat_free(y->vat);
}

/* ---- a peer --------------------------------------------------------------------------------- */

/* One of a few, or any. */
static uint32_t some_id(struct middle *y, uint32_t few)
{
        uint32_t what = draw(y, 80);

        if (what == 0)
                return UINT32_MAX - draw(y, 3);
        if (what == 1)
                return draw(y, 5000);

        return draw(y, few + 1);
}

/* Most often one that is there; any, if there is none. */
static uint32_t some_slot(struct middle *y, const struct slots *s)
{
        uint32_t at = s->n ? draw(y, s->n) : 0;

        for (uint32_t i = 0; draw(y, 100) && i < s->n; i++, at = (at + 1) % s->n)
                if (s->v[at].live)
                        return at;

        return some_id(y, 8);
}

/* A question of the core's that has not returned, most often. NO_ID: there is none. */
static uint32_t some_question(struct middle *y, const capnp_rpc *r)
{
        uint32_t at = r->questions.n ? draw(y, r->questions.n) : 0;
        const struct call *c;

        if (r->silent_ids && draw(y, 10) == 0)
                return SILENT_ID + some_id(y, r->silent_ids - 1);
        if (draw(y, 60) == 0)
                return some_id(y, 8);

        for (uint32_t i = 0; i < r->questions.n; i++, at = (at + 1) % r->questions.n) {
                c = r->questions.v[at].live ? r->questions.v[at].p : NULL;
                if (c && !c->returned)
                        return at;
        }

        return NO_ID;
}

static void write_descriptor(struct middle *y, const capnp_rpc *r, capnp_builder d)
{
        switch (draw(y, 6)) {
        case 0:
                hand_descriptor(d, DESC_NONE, 0);
                break;
        case 1:
                hand_descriptor(d, DESC_RECEIVER_HOSTED, some_slot(y, &r->exports));
                break;
        case 2:
                hand_descriptor(d, DESC_RECEIVER_ANSWER, some_id(y, 8));
                break;
        case 3:
                hand_descriptor(d, DESC_SENDER_PROMISE, some_id(y, 8));
                break;
        default:
                hand_descriptor(d, DESC_SENDER_HOSTED, some_id(y, 8));
                break;
        }
}

static void write_payload(struct middle *y, struct hand *h, capnp_abuilder slot)
{
        static uint8_t blob[LONG];
        capnp_builder p = capnp_abuilder_init_struct(slot, 0, 2);
        uint32_t shape = draw(y, 4);
        capnp_builder c = capnp_abuilder_init_struct(capnp_builder_any(p, 0), 1, shape ? 2 : 0);

        capnp_builder_set_u64(c, 0, draw(y, 100), 0);
        if (shape == 1)
                capnp_abuilder_set_data(capnp_builder_any(c, 1), (capnp_data){blob, LONG});
        if (shape < 2)
                return;

        write_descriptor(y, h->rpc,
                         capnp_lbuilder_struct(
                                 capnp_abuilder_init_structs(capnp_builder_any(p, 1), 1, 1, 1), 0));
        capnp_abuilder_set_cap(capnp_builder_any(c, 0), y->vat->bad_index); /* any: it is entry 0 */
}

static void write_target(struct middle *y, const capnp_rpc *r, capnp_abuilder slot)
{
        capnp_builder t = capnp_abuilder_init_struct(slot, 1, 1);
        bool promised = draw(y, 3) == 0;

        capnp_builder_set_u16(t, TARGET_TAG_AT, promised, 0);
        if (promised)
                hand_promised(capnp_builder_any(t, 0), some_id(y, 8), draw(y, 2));
        else
                capnp_builder_set_u32(t, ID_AT, some_slot(y, &r->exports), 0);
}

static capnp_msg *peer_call(struct middle *y, struct hand *h)
{
        uint32_t id = some_id(y, 12);
        capnp_builder b;
        capnp_msg *m = hand_message(MESSAGE_CALL, 3, 3, &b);

        while (capnp_i_ids_get(&h->rpc->answers, id) && draw(y, 100))
                id = some_id(y, 12);
        capnp_builder_set_u32(b, ID_AT, id, 0);
        capnp_builder_set_u16(b, CALL_METHOD_AT, (uint16_t)draw(y, METHODS), 0);
        capnp_builder_set_u64(b, CALL_INTERFACE_AT, 7, 0);
        capnp_builder_set_u16(b, CALL_TO_AT, draw(y, 8) == 0, 0);
        capnp_builder_set_bool(b, CALL_ONLY_PIPELINE_BIT, draw(y, 6) == 0, false);
        capnp_builder_set_bool(b, CALL_NO_PIPELINING_BIT, draw(y, 6) == 0, false);
        write_target(y, h->rpc, capnp_builder_any(b, CALL_TARGET_PTR));
        write_payload(y, h, capnp_builder_any(b, CALL_PARAMS_PTR));
        return m;
}

static capnp_msg *peer_return(struct middle *y, struct hand *h)
{
        uint16_t tag = draw(y, 8) ? draw(y, 4) == 0 : (uint16_t)draw(y, 6);
        uint32_t id = some_question(y, h->rpc);
        capnp_builder b;
        capnp_msg *m;

        if (id == NO_ID)
                return peer_call(y, h);

        m = hand_message(MESSAGE_RETURN, 2, 1, &b);
        capnp_builder_set_u32(b, ID_AT, id, 0);
        capnp_builder_set_u16(b, RETURN_TAG_AT, tag, 0);
        capnp_builder_set_bool(b, RETURN_RELEASE_BIT, draw(y, 2), true);
        capnp_builder_set_bool(b, RETURN_NO_FINISH_BIT, draw(y, 2), false);
        if (tag == RETURN_RESULTS)
                write_payload(y, h, capnp_builder_any(b, 0));
        else if (tag == RETURN_TAKE)
                capnp_builder_set_u32(b, RETURN_TAKE_AT, some_id(y, 12), 0);
        return m;
}

static capnp_msg *peer_finish(struct middle *y)
{
        capnp_builder b;
        capnp_msg *m = hand_message(MESSAGE_FINISH, 1, 0, &b);

        capnp_builder_set_u32(b, ID_AT, draw(y, 20) ? draw(y, 13) : some_id(y, 8), 0);
        capnp_builder_set_bool(b, FINISH_RELEASE_BIT, draw(y, 2), true);
        capnp_builder_set_bool(b, FINISH_WORKAROUND_BIT, draw(y, 2), true);
        return m;
}

static capnp_msg *peer_release(struct middle *y, struct hand *h)
{
        capnp_builder b;
        capnp_msg *m = hand_message(MESSAGE_RELEASE, 1, 0, &b);

        capnp_builder_set_u32(b, ID_AT, some_slot(y, &h->rpc->exports), 0);
        capnp_builder_set_u32(b, RELEASE_COUNT_AT, draw(y, 20) ? 1 : some_id(y, 3), 0);
        return m;
}

static capnp_msg *peer_resolve(struct middle *y, struct hand *h)
{
        capnp_builder b;
        capnp_msg *m = hand_message(MESSAGE_RESOLVE, 1, 1, &b);

        capnp_builder_set_u32(b, ID_AT, some_id(y, 8), 0);
        write_descriptor(y, h->rpc, capnp_abuilder_init_struct(capnp_builder_any(b, 0), 1, 1));
        return m;
}

static capnp_msg *peer_disembargo(struct middle *y, struct hand *h)
{
        capnp_builder b;
        capnp_msg *m = hand_message(MESSAGE_DISEMBARGO, 1, 1, &b);

        capnp_builder_set_u32(b, ID_AT, some_slot(y, &h->rpc->embargoes), 0);
        capnp_builder_set_u16(b, DISEMBARGO_TAG_AT, (uint16_t)draw(y, 2), 0);
        write_target(y, h->rpc, capnp_builder_any(b, 0));
        return m;
}

static capnp_msg *peer_message(struct middle *y, struct hand *h)
{
        switch (draw(y, 16)) {
        case 0:
        case 1:
        case 2:
                return peer_finish(y);
        case 3:
                return draw(y, 8) ? peer_finish(y) : peer_disembargo(y, h);
        case 4:
                return draw(y, 4) ? peer_resolve(y, h) : peer_release(y, h);
        case 5:
        case 6:
        case 7:
        case 8:
        case 9:
                return peer_return(y, h);
        default:
                return peer_call(y, h);
        }
}

/* In two pieces, wherever it is cut. */
static void peer_feed(struct middle *y, struct hand *h, capnp_msg *m)
{
        size_t len = capnp_msg_size(m), cut = draw(y, (uint32_t)len + 1);
        uint8_t *b = malloc(len);

        CHECK(b);
        CHECK_OK(capnp_msg_write(m, b, len));
        capnp_msg_free(m);
        if (cut)
                (void)!capnp_rpc_feed(h->rpc, b, cut, NULL, 0);
        if (cut < len)
                (void)!capnp_rpc_feed(h->rpc, b + cut, len - cut, NULL, 0);
        free(b);
}

/* Reads nothing of what it is told. */
static void peer_listen(struct hand *h)
{
        hand_listen(h);
        h->nsaid = 0;
}

static unsigned play(uint64_t seed)
{
        struct middle y;
        unsigned acts = 0;

        middle_open(&y, seed);
        for (; acts < ACTS && !y.h[0].rpc->closed && !y.h[1].rpc->closed; acts++) {
                struct hand *h = &y.h[draw(&y, 2)];

                if (draw(&y, 8) == 0)
                        middle_act(&y);
                else
                        peer_feed(&y, h, peer_message(&y, h));
                for (uint32_t n = draw(&y, 6); n-- && capnp_rpc_step(y.vat);)
                        ;
                for (unsigned i = 0; i < 2; i++) {
                        CHECK_EQ(capnp_rpc_check(y.h[i].rpc), 0);
                        peer_listen(&y.h[i]);
                }
        }
        middle_close(&y);
        return acts;
}

TEST(peers_that_mean_ill)
{
        unsigned acts = 0;

        for (uint64_t seed = 1; seed <= SEEDS; seed++)
                acts += play(seed * UINT64_C(0x9e3779b97f4a7c15));
        CHECK(acts > 10 * SEEDS);
}

/* ---- found by these ------------------------------------------------------------------------- */

static int pass_on(void *self, capnp_answer *a)
{
        (void)self;
        return capnp_answer_tail(a, ask(capnp_answer_vat(a), asked_cap(a), 0, 0, NULL));
}

/* A peer keeps the results of a call for one of its own, and returns them all the same, as what
 * that one's are. Who looked for the end of that would look for ever. */
TEST(a_result_that_is_itself)
{
        capnp_cap *root;
        struct hand h;
        capnp_vat *v;

        CHECK_OK(capnp_vat_new_bare(&v));
        CHECK_OK(capnp_cap_new_dispatch(v, pass_on, NULL, NULL, &root));
        hand_open(&h, v, root);
        CHECK_OK(hand_bootstrap(&h, 0));
        CHECK_OK(hand_call_with(&h, 1, to_export(0), 0, (struct arg){DESC_SENDER_HOSTED, 5}));
        hand_run(&h);
        hand_expect(&h, MESSAGE_RETURN, 0);
        hand_expect(&h, MESSAGE_CALL, 0);
        CHECK_EQ(capnp_reader_u16(hand_expect(&h, MESSAGE_RETURN, 1), RETURN_TAG_AT, 0),
                 RETURN_TAKE);
        CHECK_OK(hand_return(&h, 0, 1, DESC_RECEIVER_ANSWER, 1));
        CHECK_OK(hand_call(&h, 2, to_answer(1), 0));
        hand_run(&h);
        hand_expect(&h, MESSAGE_RELEASE, 5);
        hand_expect(&h, MESSAGE_FINISH, 0);
        CHECK_EQ(capnp_reader_u16(hand_expect(&h, MESSAGE_RETURN, 2), RETURN_TAG_AT, 0),
                 RETURN_EXCEPTION);
        hand_close(&h);
        capnp_cap_unref(root);
        rig_vat_free(v);
}

static int echo(void *self, capnp_answer *a)
{
        (void)self;
        return reply(a, 1, asked_cap(a));
}

/* Calls an object, or a result, with something of the peer's; the results are to stay here. */
static capnp_msg *call_kept(struct hand *h, uint32_t id, struct target t)
{
        capnp_builder b, to;
        capnp_msg *m = hand_message(MESSAGE_CALL, 3, 3, &b);

        capnp_builder_set_u32(b, ID_AT, id, 0);
        capnp_builder_set_u16(b, CALL_TO_AT, CALL_TO_YOURSELF, 0);
        to = capnp_abuilder_init_struct(capnp_builder_any(b, CALL_TARGET_PTR), 1, 1);
        capnp_builder_set_u16(to, TARGET_TAG_AT, t.promised, 0);
        if (t.promised)
                hand_promised(capnp_builder_any(to, 0), t.id, t.bootstrap);
        hand_payload(h, capnp_builder_any(b, CALL_PARAMS_PTR), 0, DESC_SENDER_HOSTED, 5);
        return m;
}

static capnp_msg *return_taken(uint32_t id, uint32_t other)
{
        capnp_builder b;
        capnp_msg *m = hand_message(MESSAGE_RETURN, 2, 1, &b);

        capnp_builder_set_u32(b, ID_AT, id, 0);
        capnp_builder_set_u16(b, RETURN_TAG_AT, RETURN_TAKE, 0);
        capnp_builder_set_u32(b, RETURN_TAKE_AT, other, 0);
        return m;
}

/* The results of a call, which stay here, are said to be those of what it went on as: to the peer
 * that it came from, or as a tail call. Who looked for them would look for ever. */
static void check_taken_from_itself(capnp_handler *serve, struct target t)
{
        capnp_cap *root;
        struct hand h;
        capnp_vat *v;

        CHECK_OK(capnp_vat_new_bare(&v));
        CHECK_OK(capnp_cap_new_dispatch(v, serve, NULL, NULL, &root));
        hand_open(&h, v, root);
        CHECK_OK(hand_bootstrap(&h, 0));
        if (t.promised)
                CHECK_OK(hand_call_with(&h, t.id, to_export(0), 0,
                                        (struct arg){DESC_SENDER_HOSTED, 5}));
        hand_run(&h);
        CHECK_OK(hand_feed(&h, call_kept(&h, 2, t)));
        hand_run(&h);
        CHECK_EQ(hand_feed(&h, return_taken(0, 2)), CAPNP_E_PROTOCOL);
        hand_run(&h);
        hand_close(&h);
        capnp_cap_unref(root);
        rig_vat_free(v);
}

TEST(a_result_taken_from_itself)
{
        check_taken_from_itself(echo, to_answer(1));
        check_taken_from_itself(pass_on, to_export(0));
}

static capnp_msg *finish(uint32_t id)
{
        capnp_builder b;
        capnp_msg *m = hand_message(MESSAGE_FINISH, 1, 0, &b);

        capnp_builder_set_u32(b, ID_AT, id, 0);
        return m;
}

/* A walk over all tables for each message would take too long. */
static void feed_unchecked(struct hand *h, capnp_msg *m)
{
        uint8_t b[512];
        size_t len = capnp_msg_size(m);

        CHECK_OK(capnp_msg_write(m, b, sizeof(b)));
        CHECK_OK(capnp_rpc_feed(h->rpc, b, len, NULL, 0));
        capnp_msg_free(m);
        peer_listen(h);
}

/* … of each call in a chain, which is as long as one cares to make it: what goes along that takes
 * no stack. */
TEST(a_chain_of_results_that_are_taken)
{
        enum { CHAIN = 200000 };
        static const struct capnp_limits wide = {.answers = CHAIN + 10, .held_bytes = 512 << 20};
        capnp_cap *root;
        struct hand h;
        capnp_vat *v;

        CHECK_OK(capnp_vat_new_bare(&v));
        CHECK_OK(capnp_cap_new_dispatch(v, echo, NULL, NULL, &root));
        hand_open_limits(&h, v, root, &wide);
        CHECK_OK(hand_bootstrap(&h, 0));
        CHECK_OK(hand_call_with(&h, 1, to_export(0), 0, (struct arg){DESC_SENDER_HOSTED, 5}));
        hand_run(&h);
        for (uint32_t i = 0; i < CHAIN; i++) {
                feed_unchecked(&h, call_kept(&h, 2 + i, to_answer(1)));
        }
        for (uint32_t i = 0; i + 1 < CHAIN; i++) {
                feed_unchecked(&h, return_taken(i, 3 + i));
                feed_unchecked(&h, finish(3 + i));
        }
        CHECK_OK(hand_call(&h, 1 << 20, to_answer(2), 0));
        hand_run(&h);
        CHECK_OK(hand_finish(&h, 2, false));
        hand_run(&h);
        hand_close(&h);
        capnp_cap_unref(root);
        rig_vat_free(v);
}

/* A result that waits for the end of an embargo to become that of a call which waits for it. The
 * connection ends first, and with the one goes what held the other. */
static int give_promise(void *self, capnp_answer *a)
{
        capnp_cap **promise = self;

        return reply(a, 0, *promise);
}

TEST(an_embargo_that_ends_in_a_ring)
{
        capnp_promise *promise;
        capnp_question *q, *on;
        capnp_cap *root, *object, *awaited;
        struct hand h;
        capnp_vat *v;

        CHECK_OK(capnp_vat_new_bare(&v));
        CHECK_OK(capnp_promise_new(v, &promise, &awaited));
        CHECK_OK(capnp_cap_new_dispatch(v, give_promise, NULL, &awaited, &root));
        hand_open(&h, v, root);
        CHECK_OK(hand_bootstrap(&h, 0));
        CHECK_OK(capnp_rpc_bootstrap(h.rpc, &object));
        CHECK_OK(hand_return_bootstrap(&h, 0, 5));
        hand_run(&h);
        CHECK_OK(hand_call(&h, 1, to_export(0), 0));
        hand_run(&h);
        CHECK_OK(hand_feed(&h, call_kept(&h, 2, to_answer(1)))); /* waits for the promise */
        CHECK_OK(hand_finish(&h, 1, false));
        q = ask(v, object, 0, 0, NULL);
        on = ask(v, result_cap(q), 0, 0, NULL);
        capnp_question_send(on, NULL, NULL);
        hand_run(&h);
        CHECK_OK(hand_feed(&h, return_taken(0, 2)));
        CHECK_OK(hand_return(&h, 1, 0, DESC_NONE, 0));
        CHECK_OK(hand_finish(&h, 2, false));
        CHECK_EQ(h.rpc->embargoes.live, 1);
        capnp_promise_resolve(promise, result_cap(q));
        capnp_cap_unref(awaited);
        capnp_question_free(on);
        capnp_question_free(q);
        hand_run(&h);
        hand_close(&h);
        capnp_cap_unref(object);
        capnp_cap_unref(root);
        rig_vat_free(v);
}
