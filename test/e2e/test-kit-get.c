/*
 * What a service with the kit holds of others (R45): it may ask before anybody is there, asks
 * again, and anew when what it had is over. The service is holder.c; the session manager, and the
 * other service behind each socket that it hands out, are here.
 */
#include "kit-play.h"

#include "holder.capnp-c.h"
#include "service_control.capnp-c.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OTHER_ID UINT64_C(0xec40ec40ec40ec40)

struct stage {
        struct play p;
        struct play_caller caller;
        capnp_cap *other; /* the other service's object */
        capnp_conn *conn; /* the last connection to it */
        unsigned asked, calls;
        unsigned later; /* it is not there for so many questions */
        bool no_socket;
        const char *denied; /* NULL: it is granted */
};

static int other_serve(void *self, capnp_answer *a)
{
        ((struct stage *)self)->calls++;
        return capnp_answer_return(a);
}

static int on_get(void *self, capnp_answer *a)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *end = NULL;
        static const struct service_end_ops end_ops = {0};
        struct stage *t = self;
        int ends[2];

        t->asked++;
        CHECK_STR(service_host_get_param_name(a).p, "other");
        CHECK_EQ(service_host_get_param_interface_id(a), OTHER_ID);
        if (t->denied)
                return capnp_answer_fail(a, CAPNP_FAILED, "%s", t->denied);
        if (t->later) {
                t->later--;
                return capnp_answer_fail(a, t->later % 2 ? CAPNP_OVERLOADED : CAPNP_DISCONNECTED,
                                         "not yet");
        }

        CHECK_OK(service_end_serve(t->p.vat, &end_ops, NULL, &end));
        if (!t->no_socket) {
                CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends));
                capnp_cap_set_fd(end, ends[1]);
                capnp_conn_unref(t->conn);
                CHECK_OK(capnp_conn_new(t->p.vat, ends[0], NULL, t->other, &t->conn));
        }
        service_host_get_results_set_end(a, (service_end_client){end});
        return capnp_answer_return(a);
}

static const struct service_host_ops host_ops = {.get = on_get};

/* early: it asks when it starts, which is before there is a session manager. */
static void stage_start(struct stage *t, bool early)
{
        static const char *const when_asked[] = {"test/e2e/holder", NULL};
        static const char *const at_start[] = {"test/e2e/holder", "--early", "other",
                                               "0xec40ec40ec40ec40", NULL};

        play_spawn(&t->p, early ? at_start : when_asked, -1);
        CHECK_OK(service_host_serve(t->p.vat, &host_ops, t, &t->p.host));
        CHECK_OK(capnp_cap_new_dispatch(t->p.vat, other_serve, NULL, t, &t->other));
        play_ready(&t->p);
        play_open(&t->p, &t->caller, 1, "");
}

static void stage_stop(struct stage *t)
{
        play_close(&t->caller);
        if (t->conn)
                capnp_conn_close(t->conn, (capnp_exception){CAPNP_DISCONNECTED, "over"});
        t->conn = capnp_conn_unref(t->conn);
        t->other = capnp_cap_unref(t->other);
        t->p.host = capnp_cap_unref(t->p.host);
        play_stop(&t->p);
}

/* What it holds, as it lends it. */
static capnp_cap *lent(struct stage *t)
{
        CAPNP_AUTO(capnp_question_freep)
        capnp_question *q = holder_get((holder_client){t->caller.object});

        holder_get_set_name(q, "other");
        holder_get_set_interface_id(q, OTHER_ID);
        CHECK_OK(capnp_question_wait(q));
        return capnp_cap_ref(holder_get_it(q));
}

/* A call on it: "", or why it failed, which fits into 128 bytes. */
static const char *call(struct stage *t, capnp_cap *it)
{
        CAPNP_AUTO(capnp_question_freep)
        capnp_question *q = capnp_question_new_any(t->p.vat, it, OTHER_ID, 0);
        static char said[128];
        capnp_exception e;

        said[0] = '\0';
        if (capnp_question_wait(q)) {
                e = capnp_question_exception(q);
                snprintf(said, sizeof(said), "%s%s",
                         e.kind == CAPNP_DISCONNECTED ? "disconnected: " : "", e.reason);
        }
        return said;
}

static bool is_over(const char *said)
{
        return !strncmp(said, "disconnected: ", 14);
}

TEST(it_may_ask_before_anybody_is_there)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *it = NULL;
        struct stage t = {.later = 3};

        stage_start(&t, true);
        it = lent(&t);
        CHECK_STR(call(&t, it), "");
        CHECK_EQ(t.asked, 4);
        CHECK_EQ(t.calls, 1);
        it = capnp_cap_unref(it);
        stage_stop(&t);
}

TEST(it_may_end_while_it_waits)
{
        struct stage t = {.later = 1000};

        stage_start(&t, true);
        stage_stop(&t);
}

TEST(what_is_asked_for_twice_is_one_socket)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *a = NULL, *b = NULL;
        struct stage t = {0};

        stage_start(&t, false);
        a = lent(&t);
        b = lent(&t);
        CHECK_STR(call(&t, a), "");
        CHECK_STR(call(&t, b), "");
        CHECK_EQ(t.asked, 1);
        CHECK_EQ(t.calls, 2);
        a = capnp_cap_unref(a);
        b = capnp_cap_unref(b);
        stage_stop(&t);
}

TEST(what_is_refused_fails_and_is_asked_for_anew)
{
        capnp_cap *it;
        struct stage t = {.denied = "denied.unknown-name"};

        stage_start(&t, false);
        it = lent(&t);
        CHECK(strstr(call(&t, it), "denied.unknown-name"));
        it = capnp_cap_unref(it);
        t.denied = NULL;
        t.no_socket = true;
        it = lent(&t);
        CHECK(strstr(call(&t, it), "no stream socket is attached"));
        it = capnp_cap_unref(it);
        t.no_socket = false;
        it = lent(&t);
        CHECK_STR(call(&t, it), "");
        CHECK_EQ(t.asked, 3);
        it = capnp_cap_unref(it);
        stage_stop(&t);
}

TEST(when_the_other_dies_it_is_another)
{
        capnp_cap *it, *next;
        struct stage t = {0};

        stage_start(&t, false);
        it = lent(&t);
        CHECK_STR(call(&t, it), "");
        capnp_conn_close(t.conn, (capnp_exception){CAPNP_DISCONNECTED, "dies"});
        CHECK(is_over(call(&t, it)));
        next = lent(&t);
        CHECK_STR(call(&t, next), "");
        CHECK(is_over(call(&t, it)));
        CHECK_EQ(t.asked, 2);
        capnp_cap_unref(next);
        capnp_cap_unref(it);
        stage_stop(&t);
}

/* What came over the old one is void, and what was asked of it is asked of the new one. */
TEST(with_another_session_manager_it_is_another)
{
        capnp_cap *it;
        struct stage t = {0};

        stage_start(&t, false);
        it = lent(&t);
        CHECK_STR(call(&t, it), "");
        it = capnp_cap_unref(it);
        play_control_kill(&t.p);
        play_close(&t.caller);
        t.later = 2;
        play_control(&t.p);
        play_open(&t.p, &t.caller, 2, "");
        it = lent(&t);
        CHECK_STR(call(&t, it), "");
        CHECK_EQ(t.asked, 4);
        it = capnp_cap_unref(it);
        stage_stop(&t);
}
