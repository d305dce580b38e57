/*
 * What a service holds of another (R42): who is told what, what is refused, and all that ends it.
 * There is one service here, which holds itself: the session manager does not mind, caposd does.
 */
#include "test-rig.h"

#include "service_control.capnp-c.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { TRIES = 60000 /* a pause each */ };

/* The service, as the one who holds something. */
struct holder {
        struct rig g;
        capnp_cap *host;
        capnp_conn *conn; /* to what it holds */
        capnp_cap *echo;
        bool closed;
};

static void holder_listen(struct holder *h)
{
        CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(h->g.control), &h->host));
}

static void holder_start(struct holder *h, const char *facet)
{
        *h = (struct holder){0};
        rig_start(&h->g, &(struct rig_options){.held = facet});
        holder_listen(h);
}

static void holder_drop(struct holder *h)
{
        h->echo = capnp_cap_unref(h->echo);
        if (h->conn) {
                capnp_conn_on_close(h->conn, NULL, NULL);
                capnp_conn_close(h->conn, (capnp_exception){CAPNP_DISCONNECTED, "done"});
        }
        h->conn = capnp_conn_unref(h->conn);
}

static void holder_stop(struct holder *h)
{
        holder_drop(h);
        h->host = capnp_cap_unref(h->host);
        rig_stop(&h->g, false);
        rig_remove(h->g.dir);
}

static void on_close(capnp_conn *c, void *arg)
{
        (void)c;
        ((struct holder *)arg)->closed = true;
}

static capnp_question *get(struct holder *h, const char *name, uint64_t id)
{
        capnp_question *q = service_host_get((service_host_client){h->host});

        service_host_get_set_name(q, name);
        service_host_get_set_interface_id(q, id);
        return q;
}

static void holder_get(struct holder *h)
{
        capnp_question *q = rig_good(get(h, "echo", ECHO_ID));
        int fd = fcntl(capnp_cap_fd_peek(service_host_get_end(q).c), F_DUPFD_CLOEXEC, 3);

        CHECK(fd >= 0);
        capnp_question_free(q);
        h->closed = false;
        CHECK_OK(capnp_conn_new(h->g.vat, fd, NULL, NULL, &h->conn));
        capnp_conn_on_close(h->conn, on_close, h);
        CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(h->conn), &h->echo));
        CHECK_OK(rig_echo(&h->g, h->echo, 5));
}

/* Its other end has heard that it is over. */
static void caller_ends(struct holder *h, unsigned i)
{
        for (unsigned n = 0; h->g.callers[i].open; n++) {
                CHECK(n < TRIES);
                rig_pause(&h->g, 1);
        }
}

static unsigned descriptors(struct holder *h)
{
        unsigned sessions, n;

        rig_status(&h->g, &sessions, &n);
        return n;
}

/* The session manager has heard of what ends them all. */
static void all_gone(struct holder *h)
{
        for (unsigned n = 0; descriptors(h); n++) {
                CHECK(n < TRIES);
                rig_pause(&h->g, 1);
        }
}

TEST_T(a_service_has_what_it_holds_and_nothing_else, 60)
{
        const struct rig_caller *first, *second;
        struct holder h;

        holder_start(&h, "inner");
        rig_refused(get(&h, "chat", ECHO_ID), "denied.unknown-name");
        rig_refused(get(&h, "session", ECHO_ID), "denied.unknown-name");
        rig_refused(get(&h, "", ECHO_ID), "denied.unknown-name");
        rig_refused(get(&h, "echo", ECHO_ID + 1), "denied.wrong-interface");
        CHECK_EQ(h.g.ncallers, 0);
        holder_get(&h);
        first = &h.g.callers[0];
        CHECK(first->service && !first->pseudonym_len);
        CHECK_STR(first->facet, "inner");
        CHECK_MEM(first->origin, first->reference, 16);
        CHECK_EQ(descriptors(&h), 1);

        /* One at a time, and it is the same caller each time. */
        rig_refused(get(&h, "echo", ECHO_ID), "it is open already");
        holder_drop(&h);
        caller_ends(&h, 0);
        all_gone(&h);
        holder_get(&h);
        second = &h.g.callers[1];
        CHECK_MEM(second->reference, first->reference, 16);
        CHECK_EQ(rig_audited(&h.g, "\"outcome\":\"denied.wrong-interface\""), 1);
        CHECK_EQ(rig_audited(&h.g, "\"detail\":\"echo\""), 6);
        holder_stop(&h);
}

TEST_T(what_it_was_not_granted_it_does_not_have, 60)
{
        struct holder h;

        holder_start(&h, NULL);
        rig_refused(get(&h, "echo", ECHO_ID), "denied.unknown-name");
        CHECK_EQ(h.g.ncallers, 0);
        holder_stop(&h);
}

/* Nothing is told of a service, and nobody is taken for one. */
TEST_T(a_session_is_another_caller, 60)
{
        capnp_conn *conn;
        capnp_question *q;
        struct rig_worker w;
        capnp_cap *echo;
        struct holder h;

        holder_start(&h, "inner");
        rig_worker(&h.g, RIG_HOME, &w);
        capnp_question_free(rig_enter(&w));
        echo = rig_open(&w, &conn);
        CHECK_OK(rig_echo(&h.g, echo, 1));
        holder_get(&h);
        CHECK(!h.g.callers[0].service && h.g.callers[1].service);
        CHECK(memcmp(h.g.callers[0].reference, h.g.callers[1].reference, 16) != 0);
        CHECK_EQ(descriptors(&h), 2);
        for (unsigned fields = 0; fields < 2; fields++) {
                q = service_host_disclose((service_host_client){h.host});
                service_host_disclose_set_reference(q, (capnp_data){h.g.callers[1].reference, 16});
                if (fields)
                        caller_field_list_builder_set(service_host_disclose_init_fields(q, 1), 0,
                                                      CALLER_FIELD_PROFILE);
                rig_refused(q, "denied.disclosure: no such caller");
        }

        /* The session's end is not the service's. */
        capnp_cap_unref(echo);
        capnp_conn_unref(conn);
        rig_worker_end(&w);
        CHECK_OK(rig_echo(&h.g, h.echo, 2));
        holder_stop(&h);
}

TEST_T(it_ends_with_the_policy_that_grants_it, 60)
{
        static const struct rig_options same = {.held = "inner", .pseudonym = true},
                                        other = {.held = "outer"}, none = {0};
        struct holder h;

        holder_start(&h, "inner");
        holder_get(&h);
        rig_change(&h.g, &same);
        CHECK_OK(rig_echo(&h.g, h.echo, 1));
        CHECK(!h.closed);
        rig_change(&h.g, &other);
        rig_until(&h.g, &h.closed);
        CHECK(rig_echo(&h.g, h.echo, 1) == CAPNP_E_DISCONNECTED);
        holder_drop(&h);
        holder_get(&h);
        CHECK_STR(h.g.callers[1].facet, "outer");
        rig_change(&h.g, &none);
        rig_until(&h.g, &h.closed);
        rig_refused(get(&h, "echo", ECHO_ID), "denied.unknown-name");
        CHECK_EQ(rig_audited(&h.g, "\"what\":\"revocation\""), 2);
        CHECK_EQ(descriptors(&h), 0);
        holder_stop(&h);
}

TEST_T(it_ends_with_the_service, 60)
{
        struct holder h;

        holder_start(&h, "inner");
        holder_get(&h);
        h.host = capnp_cap_unref(h.host);
        rig_stop_service(&h.g);
        rig_until(&h.g, &h.closed);
        holder_drop(&h);
        all_gone(&h);
        rig_start_service(&h.g);
        holder_listen(&h);
        holder_get(&h);
        holder_stop(&h);
}

/* Who refuses, or does not take it, has not got it. */
TEST_T(the_other_one_may_refuse, 60)
{
        capnp_question *q;
        struct holder h;

        holder_start(&h, "inner");
        h.g.refuse_open = true;
        q = rig_good(get(&h, "echo", ECHO_ID));
        all_gone(&h);
        capnp_question_free(q);
        h.g.refuse_open = false;
        holder_get(&h);
        holder_stop(&h);
}

/* However often it asks, there are four on their way to the other one, which has stopped. */
TEST_T(who_asks_all_the_time_is_told_to_wait, 60)
{
        struct holder h;

        holder_start(&h, "inner");
        h.g.mute = true;
        for (unsigned n = 0; n < 4; n++) {
                capnp_question_free(rig_good(get(&h, "echo", ECHO_ID)));
                rig_until_count(&h.g, &h.g.muted, n + 1);
                all_gone(&h);
        }
        rig_refused(get(&h, "echo", ECHO_ID), "try again later");
        holder_stop(&h);
}
