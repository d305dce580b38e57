/*
 * What a service holds of others while memory runs out (R45): the kit's own code, in this process,
 * with one allocation after the other that fails. The session manager and the other service are
 * here, too, and fail likewise. Whatever it was, a call comes through or fails in words, what comes
 * next is as if nothing had happened, and in the end nothing is left of it.
 */
#include "harness.h"

#include "kit-internal.h"
#include "service_control.capnp-c.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define OTHER_ID UINT64_C(0xec40ec40ec40ec40)

static const capnp_exception over = {CAPNP_DISCONNECTED, "over"};
static const struct kit_service service = {.name = "test"};
static const struct capnp_limits limits = {.fds = 1};

struct stage {
        struct kit k;
        capnp_conn *manager; /* the session manager's end of the control connection */
        capnp_cap *host;
        capnp_cap *other; /* the other service's object */
        capnp_conn *conn; /* … its connection */
        unsigned calls;
        bool failed; /* an allocation has */
};

/* A connection that is made here, with whom its other end is for. 0; -errno, and *fd is closed. */
static int ends_make(struct stage *t, capnp_cap *root, capnp_conn **c, int *fd)
{
        int ends[2], r;

        if (*c)
                capnp_conn_close(*c, over);
        *c = capnp_conn_unref(*c);
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
                return -errno;

        r = capnp_conn_new(t->k.vat, ends[0], &limits, root, c);
        if (r)
                close(ends[1]);
        else
                *fd = ends[1];
        return r;
}

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
        int r = service_end_serve(t->k.vat, &end_ops, NULL, &end), fd;

        if (!r)
                r = ends_make(t, t->other, &t->conn, &fd);
        if (r)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "no memory");

        capnp_cap_set_fd(end, fd);
        service_host_get_results_set_end(a, (service_end_client){end});
        return capnp_answer_return(a);
}

static const struct service_host_ops host_ops = {.get = on_get};

/* There is a session manager. */
static void manager_begin(struct stage *t)
{
        int fd;

        CHECK_OK(ends_make(t, t->host, &t->manager, &fd));
        CHECK_OK(kit_control_begin(&t->k, fd));
}

static void stage_start(struct stage *t)
{
        *t = (struct stage){.k = {.service = &service}};
        capnp_i_list_init(&t->k.sockets);
        capnp_i_list_init(&t->k.held);
        CHECK_OK(capnp_vat_new(&t->k.vat));
        CHECK_OK(service_host_serve(t->k.vat, &host_ops, t, &t->host));
        CHECK_OK(capnp_cap_new_dispatch(t->k.vat, other_serve, NULL, t, &t->other));
        manager_begin(t);
}

static void stage_stop(struct stage *t)
{
        kit_control_end(&t->k);
        kit_held_end(&t->k);
        CHECK_EQ(t->k.nheld, 0);
        CHECK(capnp_i_list_empty(&t->k.held));
        for (unsigned i = 0; i < 2; i++) {
                capnp_conn *c = i ? t->manager : t->conn;

                if (c)
                        capnp_conn_close(c, over);
                capnp_conn_unref(c);
        }
        t->host = capnp_cap_unref(t->host);
        t->other = capnp_cap_unref(t->other);
        for (unsigned i = 0; i < 5; i++)
                CHECK_OK(capnp_vat_process(t->k.vat));
        t->k.vat = capnp_vat_free(t->k.vat);
}

/* With the control connection gone it is a new session manager that is waited for; here it is there
 * at once, so that nobody waits for ten seconds. */
static void turn(struct stage *t)
{
        CHECK_OK(capnp_vat_process(t->k.vat));
        if (!t->k.control) {
                t->failed |= test_alloc_failed();
                test_fail_alloc_at(0);
                manager_begin(t);
        }
        usleep(1000);
}

/* Asks for it, and calls it. 0; what kit_get() returns, or what the call ends with. */
static int call(struct stage *t)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *it = NULL;
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        int r = kit_get(&t->k, "other", OTHER_ID, &it);

        if (r)
                return r;

        q = capnp_question_new_any(t->k.vat, it, OTHER_ID, 0);
        if (!q)
                return -ENOMEM;

        capnp_question_send(q, NULL, NULL);
        while (!capnp_question_is_done(q))
                turn(t);
        return capnp_question_result(q);
}

TEST_T(what_is_asked_for_without_memory, 120)
{
        unsigned failed = 0, refused = 0;
        struct stage t;

        for (unsigned n = 1; failed == n - 1; n++) {
                unsigned calls;
                int r;

                stage_start(&t);
                test_fail_alloc_at(n);
                r = call(&t);
                failed += r || t.failed || test_alloc_failed();
                test_fail_alloc_at(0);
                refused += r != 0;
                for (unsigned i = 0; i < 5; i++)
                        turn(&t);
                calls = t.calls;
                CHECK_OK(call(&t));
                CHECK_EQ(t.calls, calls + 1);
                CHECK(t.k.nheld == 1);
                stage_stop(&t);
        }
        CHECK(failed > 20 && refused > 5);
}

TEST(at_most_64_are_held)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *it = NULL;
        struct stage t;
        char name[8];

        stage_start(&t);
        kit_control_end(&t.k);
        for (unsigned i = 0; i < 64; i++) {
                (void)snprintf(name, sizeof(name), "o%u", i);
                CHECK_OK(kit_get(&t.k, name, OTHER_ID, &it));
                it = capnp_cap_unref(it);
        }
        CHECK_EQ(kit_get(&t.k, "more", OTHER_ID, &it), CAPNP_E_LIMIT);
        CHECK_OK(kit_get(&t.k, "o63", OTHER_ID, &it));
        stage_stop(&t);
}
