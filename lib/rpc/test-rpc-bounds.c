/*
 * What a peer can pile up without ever asking for much: Returns that it owes, promises that become
 * others, references of one message, results that one connection sends to another. The peers are
 * played by hand; the program is the test.
 */
#include "test-rpc-hand.h"

enum { KEEP = 0, ENOUGH = 100000 };

/* One vat, whose object keeps what it is asked. */
struct vat {
        capnp_vat *vat;
        capnp_cap *root;
        capnp_answer *kept;
};

static void vat_canceled(capnp_answer *a, void *arg)
{
        (void)arg;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static int vat_serve(void *self, capnp_answer *a)
{
        struct vat *v = self;

        v->kept = a;
        return capnp_answer_keep(a, vat_canceled, NULL);
}

static void vat_open(struct vat *v)
{
        *v = (struct vat){0};
        CHECK_OK(capnp_vat_new_bare(&v->vat));
        CHECK_OK(capnp_cap_new_dispatch(v->vat, vat_serve, NULL, v, &v->root));
}

static void vat_close(struct vat *v)
{
        capnp_cap_unref(v->root);
        capnp_vat_free(v->vat);
}

static uint64_t held(const struct hand *h)
{
        CHECK_OK(capnp_rpc_check(h->rpc));
        return h->rpc->held;
}

static void set_held(struct hand *h, uint64_t bytes)
{
        capnp_rpc_set_limits(h->rpc, &(struct capnp_limits){.held_bytes = bytes});
}

/* The peer's object, which it exports as 5. The caller's. */
static capnp_cap *object_of(struct hand *h)
{
        capnp_reader b = {0};
        capnp_cap *c = NULL;

        CHECK_OK(capnp_rpc_bootstrap(h->rpc, &c));
        hand_run(h);
        CHECK_EQ(hand_read(h, &b), MESSAGE_BOOTSTRAP);
        CHECK_OK(hand_return_bootstrap(h, capnp_reader_u32(b, ID_AT, 0), 5));
        hand_run(h);
        hand_next(h);
        CHECK_EQ(hand_read(h, &b), MESSAGE_FINISH);
        hand_next(h);
        return c;
}

static void forget_all(struct hand *h)
{
        capnp_reader b;

        while (hand_read(h, &b) != NO_MESSAGE)
                hand_next(h);
}

/* ---- Returns that are owed ------------------------------------------------------------------ */

/* Asks, and gives it up at once. */
static void ask_in_vain(struct hand *h, capnp_cap *c)
{
        capnp_question *q = ask(h->vat, c, KEEP, 0, NULL);

        capnp_question_send(q, NULL, NULL);
        hand_run(h);
        capnp_question_free(q);
        hand_run(h);
        forget_all(h);
}

static void expect_refusal(struct hand *h, uint32_t id, const char *why)
{
        capnp_reader b = hand_expect(h, MESSAGE_RETURN, id);
        capnp_reader e = capnp_any_struct(capnp_reader_any(b, 0), NULL);

        CHECK_EQ(capnp_reader_u16(b, RETURN_TAG_AT, 0), RETURN_EXCEPTION);
        CHECK_EQ(capnp_reader_u16(e, EXCEPTION_TYPE_AT, 0), CAPNP_OVERLOADED);
        CHECK(!strncmp(capnp_reader_text(e, 0).p, why, strlen(why)));
}

/* Who owes too many may not ask, and is not asked; with each that comes it goes on. */
TEST(returns_that_are_owed_have_a_bound)
{
        enum { MOST = 10 };
        capnp_question *q;
        uint64_t before;
        struct vat v;
        struct hand h;
        capnp_cap *c;
        uint32_t i;

        vat_open(&v);
        hand_open(&h, v.vat, v.root);
        c = object_of(&h);
        before = held(&h);
        set_held(&h, before + MOST * COST_RETURN);
        for (i = 0; i < ENOUGH && h.rpc->questions.live == i; i++) {
                CHECK_EQ(held(&h), before + i * COST_RETURN);
                ask_in_vain(&h, c);
        }
        CHECK(--i > MOST && i < MOST + 3);

        q = ask(v.vat, c, KEEP, 0, NULL);
        capnp_question_send(q, NULL, NULL);
        CHECK_EQ(capnp_question_result(q), CAPNP_E_EXCEPTION);
        CHECK_EQ(capnp_question_exception(q).kind, CAPNP_OVERLOADED);
        CHECK(!strncmp(capnp_question_exception(q).reason, "over-quota.calls: ", 18));
        capnp_question_free(q);
        hand_expect_nothing(&h);
        CHECK_OK(hand_bootstrap(&h, 9));
        hand_run(&h);
        expect_refusal(&h, 9, "over-quota.bytes: ");

        while (i--)
                CHECK_OK(hand_return(&h, i, 0, DESC_NONE, 0));
        CHECK_EQ(held(&h), before);
        ask_in_vain(&h, c);
        CHECK_EQ(h.rpc->questions.live, 1);
        CHECK_OK(hand_bootstrap(&h, 9));
        hand_run(&h);
        CHECK_EQ(h.rpc->answers.used, 1);
        capnp_cap_unref(c);
        hand_close(&h);
        vat_close(&v);
}

/* … and at the end of the connection nothing is owed. */
TEST(returns_that_are_owed_end_with_the_connection)
{
        struct vat v;
        struct hand h;
        capnp_cap *c;

        vat_open(&v);
        hand_open(&h, v.vat, v.root);
        c = object_of(&h);
        ask_in_vain(&h, c);
        capnp_cap_unref(c);
        CHECK_EQ(held(&h), COST_RETURN + COST_IMPORT);
        capnp_rpc_close(h.rpc, (capnp_exception){CAPNP_DISCONNECTED, "the end"});
        hand_run(&h);
        CHECK_EQ(held(&h), 0);
        CHECK_EQ(h.rpc->charges, 0);
        hand_close(&h);
        vat_close(&v);
}

/* A peer that asks by way of us pays for it, and when it has gone whoever still owes the Return. */
TEST(a_return_owed_to_another_is_paid_by_who_asked)
{
        struct hand owes, asks;
        capnp_reader b = {0};
        uint64_t before;
        struct vat v;
        capnp_cap *c;
        uint32_t id;

        vat_open(&v);
        hand_open(&owes, v.vat, NULL);
        c = object_of(&owes);
        hand_open(&asks, v.vat, c);
        CHECK_OK(hand_bootstrap(&asks, 0));
        before = held(&owes);
        CHECK_OK(hand_call(&asks, 1, to_bootstrap(0), KEEP));
        hand_run(&asks);
        CHECK_EQ(hand_read(&owes, &b), MESSAGE_CALL);
        id = capnp_reader_u32(b, ID_AT, 0);
        CHECK_OK(hand_finish(&asks, 1, false));
        hand_run(&asks);
        hand_next(&owes);
        (void)hand_expect(&owes, MESSAGE_FINISH, id);
        CHECK_EQ(held(&owes), before);
        CHECK(held(&asks) >= sizeof(struct call));

        hand_close(&asks);
        CHECK_EQ(held(&owes), before + COST_RETURN);
        CHECK_OK(hand_return(&owes, id, 0, DESC_NONE, 0));
        CHECK_EQ(held(&owes), before);
        capnp_cap_unref(c);
        hand_close(&owes);
        vat_close(&v);
}

/* … also when it had gone before there was anybody to ask: Finish wants the call delivered. */
TEST(a_return_owed_for_one_who_has_gone)
{
        struct hand owes, asks;
        capnp_promise *promise;
        capnp_cap *c, *later;
        uint64_t before;
        struct vat v;

        vat_open(&v);
        hand_open(&owes, v.vat, NULL);
        c = object_of(&owes);
        before = held(&owes);
        CHECK_OK(capnp_promise_new(v.vat, &promise, &later));
        hand_open(&asks, v.vat, later);
        capnp_cap_unref(later);
        CHECK_OK(hand_bootstrap(&asks, 0));
        CHECK_OK(hand_call(&asks, 1, to_bootstrap(0), KEEP));
        hand_run(&asks);
        CHECK_OK(hand_finish(&asks, 1, true));
        capnp_rpc_close(asks.rpc, (capnp_exception){CAPNP_DISCONNECTED, "the end"});
        capnp_promise_resolve(promise, c);
        CHECK_OK(capnp_rpc_check(asks.rpc));
        CHECK_EQ(held(&owes), before + COST_RETURN);
        hand_close(&asks);
        CHECK_EQ(held(&owes), before + COST_RETURN);
        capnp_cap_unref(c);
        hand_close(&owes);
        vat_close(&v);
}

/* ---- promises that become something --------------------------------------------------------- */

/* The object has promise 7 of the peer's, and knows nothing of what becomes of it. Borrowed. */
static capnp_cap *promise_open(struct vat *v, struct hand *h)
{
        vat_open(v);
        hand_open(h, v->vat, v->root);
        CHECK_OK(hand_bootstrap(h, 0));
        CHECK_OK(hand_call_with(h, 1, to_bootstrap(0), KEEP, (struct arg){DESC_SENDER_PROMISE, 7}));
        hand_run(h);
        (void)hand_expect(h, MESSAGE_RETURN, 0);
        return asked_cap(v->kept);
}

static void promise_close(struct vat *v, struct hand *h)
{
        hand_close(h);
        vat_close(v);
}

TEST(a_promise_is_released_when_it_is_resolved)
{
        struct vat v;
        struct hand h;

        (void)promise_open(&v, &h);
        CHECK_OK(hand_resolve(&h, 7, DESC_SENDER_HOSTED, 8));
        (void)hand_expect(&h, MESSAGE_RELEASE, 7);
        CHECK_EQ(h.rpc->imports.used, 1);
        CHECK_OK(hand_finish(&h, 1, false));
        hand_run(&h);
        (void)hand_expect(&h, MESSAGE_RETURN, 1);
        (void)hand_expect(&h, MESSAGE_RELEASE, 8);
        CHECK_EQ(h.rpc->imports.used, 0);
        CHECK_EQ(h.rpc->held_for[FOR_IMPORT], 0);
        promise_close(&v, &h);
}

/* What stands in for it is here for as long as somebody holds it, and so it is paid for. */
TEST(a_promise_that_became_ours_is_still_charged)
{
        struct vat v;
        struct hand h;

        (void)promise_open(&v, &h);
        CHECK_OK(hand_resolve(&h, 7, DESC_RECEIVER_HOSTED, 0));
        (void)hand_expect(&h, MESSAGE_RELEASE, 7);
        CHECK_EQ(h.rpc->imports.used, 0);
        CHECK_EQ(h.rpc->held_for[FOR_IMPORT], COST_PROMISE);
        CHECK_OK(hand_finish(&h, 1, false));
        hand_run(&h);
        CHECK_EQ(h.rpc->held_for[FOR_IMPORT], 0);
        promise_close(&v, &h);
}

/* However often it is done, the last is all there is: more often than there may be references. */
TEST(a_chain_of_promises_keeps_its_last)
{
        capnp_reader b;
        uint64_t before;
        struct vat v;
        struct hand h;
        capnp_cap *c;
        uint32_t i;

        c = promise_open(&v, &h);
        before = held(&h);
        for (i = 7; i < ENOUGH; i++) {
                CHECK_OK(hand_resolve(&h, i, DESC_SENDER_PROMISE, i + 1));
                (void)hand_expect(&h, MESSAGE_RELEASE, i);
        }
        CHECK_EQ(h.rpc->imports.used, 1);
        CHECK_EQ(h.rpc->awaited, 1);
        CHECK_EQ(held(&h), before);

        capnp_question_detach(ask(v.vat, c, KEEP, 0, NULL));
        hand_run(&h);
        hand_next(&h);
        CHECK_EQ(hand_read(&h, &b), MESSAGE_CALL);
        b = capnp_any_struct(capnp_reader_any(b, CALL_TARGET_PTR), NULL);
        CHECK_EQ(capnp_reader_u32(b, ID_AT, 0), ENOUGH);
        CHECK_OK(hand_resolve(&h, ENOUGH, DESC_SENDER_HOSTED, 3));
        (void)hand_expect(&h, MESSAGE_RELEASE, ENOUGH);
        CHECK_EQ(h.rpc->awaited, 0);
        promise_close(&v, &h);
}

static void disembargo_back(struct hand *h, uint32_t id)
{
        capnp_builder b;
        capnp_msg *m = hand_message(MESSAGE_DISEMBARGO, 1, 2, &b);

        capnp_builder_set_u32(b, ID_AT, id, 0);
        capnp_builder_set_u16(b, DISEMBARGO_TAG_AT, DISEMBARGO_RECEIVER, 0);
        CHECK_OK(hand_feed(h, m));
}

/* Calls under way by that name: it is needed until the last of them has been seen to come back,
 * also when the promise has become another one in between. */
TEST(a_promise_under_embargo_is_released_when_that_is_lifted)
{
        capnp_reader b;
        struct vat v;
        struct hand h;
        capnp_cap *c;
        uint32_t id;

        c = promise_open(&v, &h);
        capnp_question_detach(ask(v.vat, c, KEEP, 0, NULL));
        hand_run(&h);
        (void)hand_expect(&h, MESSAGE_CALL, 0);
        CHECK_OK(hand_resolve(&h, 7, DESC_SENDER_PROMISE, 8));
        (void)hand_expect(&h, MESSAGE_RELEASE, 7);
        CHECK_OK(hand_resolve(&h, 8, DESC_RECEIVER_HOSTED, 0));
        hand_next(&h);
        CHECK_EQ(hand_read(&h, &b), MESSAGE_DISEMBARGO);
        id = capnp_reader_u32(b, ID_AT, 0);
        b = capnp_any_struct(capnp_reader_any(b, 0), NULL);
        CHECK_EQ(capnp_reader_u32(b, ID_AT, 0), 8);
        hand_expect_nothing(&h);
        CHECK_EQ(h.rpc->imports.used, 1);
        disembargo_back(&h, id);
        hand_run(&h);
        (void)hand_expect(&h, MESSAGE_RELEASE, 8);
        CHECK_EQ(h.rpc->imports.used, 0);
        promise_close(&v, &h);
}

/* Has a promise that was called become something of ours, and lets go of all that it can. What the
 * Disembargo is about is gone, but its id is not free. false: the call with the promise was
 * refused. */
static bool owe_a_disembargo(struct vat *v, struct hand *h)
{
        capnp_reader b;

        v->kept = NULL;
        CHECK_OK(hand_call_with(h, 1, to_export(0), KEEP, (struct arg){DESC_SENDER_PROMISE, 7}));
        hand_run(h);
        if (!v->kept)
                return false;

        capnp_question_detach(ask(v->vat, asked_cap(v->kept), KEEP, 0, NULL));
        hand_run(h);
        forget_all(h);
        CHECK_OK(hand_resolve(h, 7, DESC_RECEIVER_HOSTED, 0));
        hand_next(h);
        CHECK_EQ(hand_read(h, &b), MESSAGE_DISEMBARGO);
        CHECK_OK(hand_return(h, 0, 0, DESC_NONE, 0));
        CHECK_OK(hand_finish(h, 1, false));
        hand_run(h);
        forget_all(h);
        return true;
}

/* Who sends none back can not have us keep ever more ids. */
TEST(disembargos_that_are_owed_have_a_bound)
{
        enum { MOST = 500 };
        struct vat v;
        struct hand h;
        uint32_t n = 0;

        vat_open(&v);
        hand_open(&h, v.vat, v.root);
        set_held(&h, 20000);
        CHECK_OK(hand_bootstrap(&h, 0));
        forget_all(&h);
        while (n < MOST && owe_a_disembargo(&v, &h))
                n++;
        CHECK(n > 100 && n < MOST);
        CHECK_EQ(h.rpc->embargoes.live, n);
        forget_all(&h);
        while (n--)
                disembargo_back(&h, n);
        CHECK_EQ(h.rpc->held_for[FOR_IMPORT], 0);
        CHECK(owe_a_disembargo(&v, &h));
        promise_close(&v, &h);
}

/* … nor by results that say so, which are no calls that could be refused. */
TEST(disembargos_of_results_have_a_bound)
{
        static const uint16_t path[] = {0};
        enum { MOST = 500 };
        struct vat v;
        struct hand h;
        capnp_cap *c;
        uint32_t n;

        vat_open(&v);
        hand_open(&h, v.vat, v.root);
        CHECK_OK(hand_bootstrap(&h, 0));
        hand_run(&h);
        forget_all(&h);
        c = object_of(&h);
        set_held(&h, MOST / 4 * COST_EMBARGO);
        for (n = 0; n < MOST; n++) {
                capnp_question *q = ask(v.vat, c, KEEP, 0, NULL), *on;

                on = ask(v.vat, capnp_question_cap_peek(q, path, 1), KEEP, 0, NULL);
                capnp_question_send(q, NULL, NULL);
                capnp_question_send(on, NULL, NULL);
                hand_run(&h);
                CHECK_OK(hand_return(&h, 0, 0, DESC_RECEIVER_HOSTED, 0));
                CHECK_OK(hand_return(&h, 1, 0, DESC_NONE, 0));
                hand_run(&h);
                if (capnp_question_result(q))
                        CHECK_STR(capnp_question_exception(q).reason,
                                  "over-quota.references: too many references");
                capnp_question_free(on);
                capnp_question_free(q);
                hand_run(&h);
                forget_all(&h);
                CHECK_OK(capnp_rpc_check(h.rpc));
        }
        CHECK(h.rpc->embargoes.live <= MOST / 2 + 1);
        capnp_cap_unref(c);
        promise_close(&v, &h);
}

/* The peer says that it does not know a Disembargo of ours: one of this kind, with this id. */
static void disembargo_unknown(struct hand *h, uint16_t kind, uint32_t id)
{
        capnp_builder m, b;
        capnp_msg *outer = hand_message(MESSAGE_UNIMPLEMENTED, 1, 1, &m);

        capnp_builder_set_u16(m, 0, MESSAGE_DISEMBARGO, 0);
        b = capnp_abuilder_init_struct(capnp_builder_any(m, 0), 1, 2);
        capnp_builder_set_u32(b, ID_AT, id, 0);
        capnp_builder_set_u16(b, DISEMBARGO_TAG_AT, kind, 0);
        CHECK_OK(hand_feed(h, outer));
        hand_run(h);
}

/* The id of what was asked for by the peer is the peer's, and may be that of an embargo of ours. */
TEST(a_disembargo_that_comes_back_unknown_lifts_what_it_was_for)
{
        capnp_reader b;
        struct vat v;
        struct hand h;
        capnp_cap *c;
        uint32_t id;

        c = promise_open(&v, &h);
        capnp_question_detach(ask(v.vat, c, KEEP, 0, NULL));
        hand_run(&h);
        (void)hand_expect(&h, MESSAGE_CALL, 0);
        CHECK_OK(hand_resolve(&h, 7, DESC_RECEIVER_HOSTED, 0));
        hand_next(&h);
        CHECK_EQ(hand_read(&h, &b), MESSAGE_DISEMBARGO);
        id = capnp_reader_u32(b, ID_AT, 0);
        hand_expect_nothing(&h);
        disembargo_unknown(&h, DISEMBARGO_RECEIVER, id);
        hand_expect_nothing(&h);
        CHECK_EQ(h.rpc->embargoes.live, 1);
        disembargo_unknown(&h, DISEMBARGO_SENDER, id);
        (void)hand_expect(&h, MESSAGE_RELEASE, 7);
        CHECK_EQ(h.rpc->embargoes.live, 0);
        promise_close(&v, &h);
}

/* A second name for what is here already is no new promise, and a name for itself is none at all.
 */
TEST(a_promise_that_becomes_a_known_one)
{
        struct vat v;
        struct hand h;
        capnp_cap *c;

        c = promise_open(&v, &h);
        CHECK_OK(
                hand_call_with(&h, 2, to_bootstrap(0), KEEP, (struct arg){DESC_SENDER_PROMISE, 8}));
        hand_run(&h);
        CHECK_OK(hand_resolve(&h, 7, DESC_SENDER_PROMISE, 8));
        (void)hand_expect(&h, MESSAGE_RELEASE, 7);
        CHECK(capnp_i_cap_final(c) == capnp_i_cap_final(asked_cap(v.kept)));
        CHECK_OK(hand_resolve(&h, 8, DESC_SENDER_PROMISE, 8));
        (void)hand_expect(&h, MESSAGE_RELEASE, 8);
        CHECK(capnp_cap_is_broken(c, NULL));
        CHECK_EQ(h.rpc->imports.used, 0);
        promise_close(&v, &h);
}

/* ---- what many references took --------------------------------------------------------------- */

static int make_serve(void *self, capnp_answer *a)
{
        struct vat *v = self;
        capnp_cap *c = NULL;
        int r;

        CHECK_OK(capnp_cap_new_dispatch(v->vat, make_serve, NULL, v, &c));
        r = reply(a, 0, c);
        capnp_cap_unref(c);
        return r;
}

static void release_one(struct hand *h, uint32_t id)
{
        capnp_builder b;
        capnp_msg *m = hand_message(MESSAGE_RELEASE, 1, 0, &b);

        capnp_builder_set_u32(b, ID_AT, id, 0);
        capnp_builder_set_u32(b, RELEASE_COUNT_AT, 1, 0);
        CHECK_OK(hand_feed(h, m));
}

/* Tables grow with what a peer holds, and are as small as before when it has let go of it, but for
 * the one that it got first. */
TEST(tables_shrink_when_they_are_nearly_empty)
{
        enum { MANY = 1000 };
        struct vat v = {.kept = NULL};
        struct hand h;

        CHECK_OK(capnp_vat_new_bare(&v.vat));
        CHECK_OK(capnp_cap_new_dispatch(v.vat, make_serve, NULL, &v, &v.root));
        hand_open(&h, v.vat, v.root);
        CHECK_OK(hand_bootstrap(&h, 0));
        for (uint32_t i = 1; i <= MANY; i++) {
                CHECK_OK(hand_call(&h, i, to_bootstrap(0), 0));
                hand_run(&h);
                hand_listen(&h);
                h.nsaid = 0;
        }
        CHECK_EQ(h.rpc->exports.live, MANY + 1);
        for (uint32_t i = 1; i <= MANY; i++) {
                CHECK_OK(hand_finish_keeping(&h, i));
                release_one(&h, i);
        }
        hand_run(&h);
        CHECK_EQ(h.rpc->exports.live, 1);
        CHECK(h.rpc->exports.n <= 64);
        CHECK_OK(hand_finish_keeping(&h, 0));
        release_one(&h, 0);
        hand_run(&h);
        CHECK_EQ(h.rpc->exports.live, 0);
        CHECK(h.rpc->exported.room <= 64);
        CHECK(h.rpc->answers.n <= 1024 && h.rpc->answers.rest.room <= 64);
        CHECK_EQ(held(&h), 0);
        hand_close(&h);
        vat_close(&v);
}

/* ---- the references of one message ---------------------------------------------------------- */

static void return_many(struct hand *h, uint32_t id, uint16_t tag, uint32_t n)
{
        capnp_builder b, p;
        capnp_msg *m = hand_message(MESSAGE_RETURN, 2, 1, &b);
        capnp_lbuilder table;

        capnp_builder_set_u32(b, ID_AT, id, 0);
        p = capnp_abuilder_init_struct(capnp_builder_any(b, 0), 0, 2);
        table = capnp_abuilder_init_structs(capnp_builder_any(p, 1), n, 1, 1);
        for (uint32_t i = 0; i < n; i++)
                hand_descriptor(capnp_lbuilder_struct(table, i), tag, 100 + i);
        CHECK_OK(hand_feed(h, m));
        hand_run(h);
}

/* The object is called and returns so many references; the Finish says what becomes of them. */
static int return_to_one(struct hand *h, capnp_cap *c, uint16_t tag, uint32_t n, bool *ret_release)
{
        capnp_question *q = ask(h->vat, c, KEEP, 0, NULL);
        capnp_reader b;
        uint32_t id;
        int r;

        capnp_question_send(q, NULL, NULL);
        hand_run(h);
        hand_next(h);
        CHECK_EQ(hand_read(h, &b), MESSAGE_CALL);
        id = capnp_reader_u32(b, ID_AT, 0);
        return_many(h, id, tag, n);
        r = capnp_question_result(q);
        if (r)
                CHECK(!strncmp(capnp_question_exception(q).reason, "over-quota.references: ", 23));
        b = hand_expect(h, MESSAGE_FINISH, id);
        *ret_release = capnp_reader_bool(b, FINISH_RELEASE_BIT, true);
        capnp_question_free(q);
        return r;
}

/* More than there is room for is left to the peer as a whole: nothing is taken up. */
static void check_room(uint16_t tag, uint32_t cost)
{
        enum { MOST = 20 };
        capnp_reader b;
        bool release;
        struct vat v;
        struct hand h;
        capnp_cap *c;

        vat_open(&v);
        hand_open(&h, v.vat, v.root);
        c = object_of(&h);
        set_held(&h, (COST_IMPORT + MOST * cost) / 2);
        CHECK_EQ(return_to_one(&h, c, tag, MOST + 1, &release), CAPNP_E_EXCEPTION);
        CHECK(release);
        hand_expect_nothing(&h);
        CHECK_EQ(return_to_one(&h, c, tag, MOST, &release), 0);
        CHECK(!release);
        for (uint32_t i = 0; i < MOST; i++) {
                hand_next(&h);
                CHECK_EQ(hand_read(&h, &b), MESSAGE_RELEASE);
        }
        capnp_cap_unref(c);
        hand_close(&h);
        vat_close(&v);
}

TEST(references_of_one_message_have_a_bound)
{
        check_room(DESC_SENDER_HOSTED, COST_IMPORT);
        check_room(DESC_SENDER_PROMISE, COST_PROMISE);
}

/* By default as many objects as there may be references of them fit. */
TEST(default_limits_go_together)
{
        struct capnp_limits l = capnp_i_limits(NULL);

        CHECK_EQ((uint64_t)l.refs * COST_IMPORT, 2 * l.held_bytes);
}

/* ---- results for another connection --------------------------------------------------------- */

enum { OUT = 500000, DATA = 600000, TEXT = 3000 };

/* A Return with so many bytes of data; of text, if it is an exception. */
static void return_bytes(struct hand *h, uint32_t id, uint16_t kind, uint32_t bytes)
{
        capnp_builder b, p;
        capnp_msg *m = hand_message(MESSAGE_RETURN, 2, 1, &b);
        char text[TEXT + 1] = "";

        capnp_builder_set_u32(b, ID_AT, id, 0);
        capnp_builder_set_u16(b, RETURN_TAG_AT, kind, 0);
        if (kind == RETURN_RESULTS) {
                p = capnp_abuilder_init_struct(capnp_builder_any(b, 0), 0, 2);
                (void)capnp_abuilder_init_data(capnp_builder_any(p, 0), bytes);
        } else {
                p = capnp_abuilder_init_struct(capnp_builder_any(b, 0), 1, 1);
                memset(text, 'y', bytes);
                capnp_builder_set_text(p, 0, text);
        }
        CHECK_OK(hand_feed(h, m));
        hand_run(h);
}

/* Reads all that is said, which is Returns, into a buffer; the texts of exceptions; "": results. */
static void read_returns(struct hand *h, char said[][20], uint32_t n)
{
        size_t len = h->rpc->out_bytes, have = 0, total;
        uint8_t *b = malloc(len);
        struct iovec v;

        CHECK(b);
        while (capnp_rpc_out_peek(h->rpc, &v, 1, NULL, NULL) > 0) {
                memcpy(b + have, v.iov_base, v.iov_len);
                have += v.iov_len;
                capnp_rpc_out_sent(h->rpc, v.iov_len);
        }
        CHECK_EQ(have, len);
        for (size_t at = 0; at < len; at += total) {
                capnp_msg *m = NULL;
                capnp_reader r;
                uint32_t id;

                CHECK_OK(capnp_msg_measure(b + at, len - at, NULL, &total));
                CHECK_OK(capnp_msg_parse(b + at, total, NULL, &m));
                r = capnp_any_struct(capnp_msg_root(m), NULL);
                CHECK_EQ(capnp_reader_u16(r, 0, 0), MESSAGE_RETURN);
                r = capnp_any_struct(capnp_reader_any(r, 0), NULL);
                id = capnp_reader_u32(r, ID_AT, 0);
                CHECK(id < n);
                if (capnp_reader_u16(r, RETURN_TAG_AT, 0) == RETURN_EXCEPTION)
                        snprintf(
                                said[id], sizeof(said[id]), "%.19s",
                                capnp_reader_text(capnp_any_struct(capnp_reader_any(r, 0), NULL), 0)
                                        .p);
                capnp_msg_free(m);
        }
        free(b);
}

/* One asks an object of the other's, reads nothing, and gets more than may wait for it. */
TEST(results_for_one_who_does_not_read_are_replaced)
{
        enum { CALLS = 8 };
        static const struct capnp_limits small = {.out_bytes = OUT};
        char said[CALLS][20] = {""};
        uint32_t ids[CALLS], i;
        struct hand owner, reader;
        capnp_reader b = {0};
        struct vat v;
        capnp_cap *c;

        vat_open(&v);
        hand_open(&owner, v.vat, NULL);
        c = object_of(&owner);
        hand_open_limits(&reader, v.vat, c, &small);
        CHECK_OK(hand_bootstrap(&reader, 0));
        hand_run(&reader);
        for (i = 1; i < CALLS; i++) {
                CHECK_OK(hand_call(&reader, i, to_bootstrap(0), KEEP));
                hand_run(&reader);
                CHECK_EQ(hand_read(&owner, &b), MESSAGE_CALL);
                ids[i] = capnp_reader_u32(b, ID_AT, 0);
                hand_next(&owner);
        }

        for (i = 1; i < CALLS - 3; i++) /* the limit is 2 * OUT + 1 MiB */
                return_bytes(&owner, ids[i], RETURN_RESULTS, DATA);
        return_bytes(&owner, ids[5], RETURN_RESULTS, DATA);
        return_bytes(&owner, ids[6], RETURN_EXCEPTION, TEXT);
        return_bytes(&owner, ids[7], RETURN_RESULTS, 100);
        CHECK(reader.rpc->out_bytes < 2 * OUT + (1 << 20) + DATA);

        read_returns(&reader, said, CALLS);
        for (i = 1; i < CALLS; i++)
                CHECK(!strcmp(said[i], i == 5 || i == 6 ? "over-quota.bytes: r" : ""));
        capnp_cap_unref(c);
        hand_close(&reader);
        hand_close(&owner);
        vat_close(&v);
}
