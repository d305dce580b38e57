/*
 * How a service with the kit ends that still has something of its callers' (faceted --late,
 * --lost): in order, if it lets go of that when it stops; by a code of its own, if not.
 */
#include "kit-play.h"

#include "daemon-link.h"
#include "faceted.capnp-c.h"

#include <sys/socket.h>

static int serve_nothing(void *self, capnp_answer *a)
{
        (void)self;
        return capnp_answer_fail(a, CAPNP_FAILED, "nobody calls this");
}

/* One has come that has left a call which is kept, or a reference of its own. */
static void leaves(struct play *p, struct play_caller *c, bool call, capnp_question **ret_hang)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *mine = NULL;
        shelf_client shelf;

        play_open(p, c, 1, "");
        shelf = (shelf_client){c->object};
        if (call) {
                *ret_hang = shelf_hang(shelf);
                capnp_question_send(*ret_hang, NULL, NULL);
                q = shelf_list(shelf);
        } else {
                CHECK_OK(capnp_cap_new_dispatch(p->vat, serve_nothing, NULL, NULL, &mine));
                q = shelf_echo(shelf);
                shelf_echo_set_shelf(q, (shelf_client){mine});
        }
        CHECK_OK(capnp_question_wait(q));
}

/* The service's exit code, when the caller has gone before the end, or goes with it. */
static int ends(const char *how, bool call, bool before)
{
        capnp_question *hang = NULL;
        struct play_caller c;
        struct play p;

        play_start(&p, (const char *const[]){"test/e2e/faceted", how, NULL});
        leaves(&p, &c, call, &hang);
        if (before)
                play_close(&c);
        CHECK_OK(shutdown(p.link, SHUT_RDWR));
        if (!before)
                play_close(&c);
        capnp_question_free(hang);
        return play_wait(&p);
}

TEST(what_is_let_go_of_at_the_stop_is_given_back)
{
        for (unsigned i = 0; i < 4; i++)
                CHECK_EQ(ends("--late", i & 1, i & 2), 0);
}

TEST(what_is_not_is_lost)
{
        for (unsigned i = 0; i < 4; i++)
                CHECK_EQ(ends("--lost", i & 1, i & 2), EXIT_LEDGER);
}

TEST(what_is_let_go_of_at_once_was_never_there)
{
        for (unsigned i = 0; i < 4; i++)
                CHECK_EQ(ends("read", i & 1, i & 2), 0);
}
