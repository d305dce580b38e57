/* hello as a process, in the hands of a test that plays the instance (<capos/kit-play.h>). */
#include <capos/kit-play.h>

#include "hello.capnp-c.h"

static const char *const program[] = {"./hello", NULL};

static void greet(struct play_caller *c, const char *name, const char *wanted)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q;

        q = hello_greet((hello_client){c->object});
        hello_greet_set_name(q, name);
        CHECK_OK(capnp_question_wait(q));
        CHECK_STR(hello_greet_text(q).p, wanted);
}

static void counts(struct play_caller *c, uint64_t all, uint64_t mine)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q;

        q = hello_count((hello_client){c->object});
        CHECK_OK(capnp_question_wait(q));
        CHECK_EQ(hello_count_all(q), all);
        CHECK_EQ(hello_count_mine(q), mine);
}

TEST(sessions_are_greeted)
{
        struct play_caller a, b;
        struct play p;

        play_start(&p, program);
        play_open(&p, &a, 1, "");
        play_open(&p, &b, 2, "");
        greet(&a, "Ada", "Good day, Ada.");
        greet(&b, "", "Good day, .");
        greet(&a, "Grace", "Good day, Grace.");
        counts(&a, 3, 2);
        counts(&b, 3, 1);
        play_close(&a);
        play_close(&b);
        play_stop(&p);
}

TEST(there_is_no_facet)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        struct play p;

        play_start(&p, program);
        q = play_ask(&p, 1, "reader", -1);
        CHECK_EQ(capnp_question_wait(q), CAPNP_E_EXCEPTION);
        q = capnp_question_free(q);
        play_stop(&p);
}
