/*
 * Results with references, of each number and kind, short and long: whoever asked finds all of
 * them, whichever of two ways they were sent (rpc-short.c).
 */
#include "test-rpc-rig.h"

enum { ASK, NOTE };
enum { MOST = 6 };
enum what { NOTHING, OBJECT, LATER, YOURS, BROKEN, WHATS };

static struct {
        struct rig g;
        capnp_cap *root;       /* the caller's, of who serves */
        capnp_cap *mine;       /* the caller's own */
        capnp_cap *object;     /* of who serves */
        capnp_cap *broken;     /* … */
        capnp_cap *later;      /* … a promise */
        capnp_promise *opener; /* … of it */
        unsigned noted, words, n;
        enum what what[MOST];
} t;

static capnp_cap *thing(enum what what, capnp_answer *a)
{
        switch (what) {
        case OBJECT:
                return t.object;
        case LATER:
                return t.later;
        case YOURS:
                return asked_cap(a);
        case BROKEN:
                return t.broken;
        default:
                return NULL;
        }
}

static int serve(void *self, capnp_answer *a)
{
        capnp_builder b;

        (void)self;
        if (capnp_answer_method(a) == NOTE) {
                t.noted++;
                return capnp_answer_return(a);
        }

        b = capnp_abuilder_init_struct(capnp_answer_results_any(a), (uint16_t)t.words,
                                       (uint16_t)t.n);
        for (unsigned i = 0; i < t.words; i++)
                capnp_builder_set_u64(b, i * 8, 100 + i, 0);
        for (unsigned i = 0; i < t.n; i++)
                capnp_abuilder_set_cap(capnp_builder_any(b, (uint16_t)i), thing(t.what[i], a));
        return capnp_answer_return(a);
}

static void start(void)
{
        memset(&t, 0, sizeof(t));
        CHECK_OK(rig_open(&t.g, serve, NULL));
        CHECK_OK(capnp_cap_new_dispatch(t.g.a.vat, serve, NULL, NULL, &t.mine));
        CHECK_OK(capnp_cap_new_dispatch(t.g.b.vat, serve, NULL, NULL, &t.object));
        t.broken = capnp_cap_new_broken(t.g.b.vat, (capnp_exception){CAPNP_FAILED, "as it is"});
        CHECK(t.broken);
        CHECK_OK(capnp_rpc_bootstrap(t.g.a.rpc, &t.root));
        (void)rig_run(&t.g);
}

static void end(void)
{
        capnp_cap_unref(t.root);
        (void)rig_run(&t.g);
        rig_empty(t.g.a.rpc);
        rig_empty(t.g.b.rpc);
        capnp_cap_unref(t.mine);
        capnp_cap_unref(t.object);
        capnp_cap_unref(t.broken);
        rig_close(&t.g);
}

static void note(capnp_cap *c)
{
        unsigned before = t.noted;

        capnp_question_detach(ask(t.g.a.vat, c, NOTE, 0, NULL));
        (void)rig_run(&t.g);
        CHECK_EQ(t.noted, before + 1);
}

static void check_thing(enum what what, capnp_cap *c)
{
        capnp_exception why;

        switch (what) {
        case OBJECT:
                note(c);
                break;
        case LATER:
                capnp_promise_resolve(t.opener, t.object);
                t.opener = NULL;
                note(c);
                break;
        case YOURS:
                CHECK(capnp_i_cap_final(c) == t.mine);
                break;
        case BROKEN:
                CHECK(capnp_cap_is_broken(c, &why));
                CHECK_STR(why.reason, "as it is");
                break;
        default:
                CHECK(!c);
        }
}

/* One call, whose results are found to be what they were. */
static void check_one(void)
{
        capnp_question *q = ask(t.g.a.vat, t.root, ASK, 0, t.mine);
        capnp_reader r;

        CHECK_OK(capnp_promise_new(t.g.b.vat, &t.opener, &t.later));
        capnp_question_send(q, NULL, NULL);
        (void)rig_run(&t.g);
        CHECK_OK(capnp_question_result(q));
        r = capnp_question_response(q);
        CHECK_EQ(r.bytes, t.words * 8);
        CHECK_EQ(r.ptrs, t.n);
        for (unsigned i = 0; i < t.words; i++)
                CHECK_EQ(capnp_reader_u64(r, i * 8, 0), 100 + i);
        for (unsigned i = 0; i < t.n; i++)
                check_thing(t.what[i], capnp_any_cap_peek(capnp_reader_any(r, (uint16_t)i)));
        CHECK_OK(capnp_question_check(q));
        if (t.opener)
                capnp_promise_break(t.opener, (capnp_exception){CAPNP_FAILED, "no"});
        t.later = capnp_cap_unref(t.later);
        capnp_question_free(q);
        (void)rig_run(&t.g);
}

TEST(all_numbers_and_kinds_arrive)
{
        static const unsigned WORDS[] = {0, 2, 30, 60};

        start();
        for (unsigned i = 0; i < sizeof(WORDS) / sizeof(*WORDS); i++)
                for (t.n = 0; t.n <= MOST; t.n++)
                        for (unsigned first = 0; first < WHATS; first++) {
                                t.words = WORDS[i];
                                for (unsigned k = 0; k < t.n; k++)
                                        t.what[k] = (enum what)((first + k) % WHATS);
                                /* Twice the same: one promise can be opened once. */
                                for (unsigned k = WHATS; k < t.n; k++)
                                        t.what[k] = OBJECT;
                                check_one();
                        }
        end();
}

/* What is over a limit is refused, whichever way it would have gone, and leaves nothing behind. */
TEST(limits_hold)
{
        const struct capnp_limits limits[] = {{.message_bytes = 15 * 8}, {.refs = 2}};

        for (unsigned i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
                capnp_question *q;

                start();
                t.n = 4;
                for (unsigned k = 0; k < t.n; k++)
                        t.what[k] = k & 1 ? BROKEN : OBJECT;
                capnp_rpc_set_limits(t.g.b.rpc, &limits[i]);
                q = ask(t.g.a.vat, t.root, ASK, 0, NULL);
                capnp_question_send(q, NULL, NULL);
                (void)rig_run(&t.g);
                CHECK_EQ(capnp_question_result(q), CAPNP_E_EXCEPTION);
                CHECK_EQ(capnp_question_exception(q).kind, CAPNP_OVERLOADED);
                capnp_question_free(q);
                (void)rig_run(&t.g);
                end();
        }
}
