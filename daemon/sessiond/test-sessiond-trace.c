/*
 * What the instance tells a service of itself (R57): by which grant, what of records and calls, and
 * what a worker that means harm can do about it.
 */
#include "test-rig.h"

#include "instance.capnp-c.h"
#include "service_control.capnp-c.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { ROWS = 64, WAITERS = 8, FLOOD = 100, LONG_MS = 10 * 1000 };

/* A service, that holds `instance` or `trace`. */
struct holder {
        struct rig g;
        capnp_cap *host, *object;
        capnp_conn *conn;
};

static capnp_question *get(struct holder *h, const char *name, uint64_t id)
{
        capnp_question *q = service_host_get((service_host_client){h->host});

        service_host_get_set_name(q, name);
        service_host_get_set_interface_id(q, id);
        return q;
}

static void holder_start(struct holder *h, const char *name, const char *facet, uint64_t id)
{
        capnp_question *q;
        int fd;

        *h = (struct holder){0};
        rig_start(&h->g, &(struct rig_options){.held = facet, .holds = name});
        CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(h->g.control), &h->host));
        q = rig_good(get(h, name, id));
        fd = fcntl(capnp_cap_fd_peek(service_host_get_end(q).c), F_DUPFD_CLOEXEC, 3);
        CHECK(fd >= 0);
        capnp_question_free(q);
        CHECK_OK(capnp_conn_new(h->g.vat, fd, NULL, NULL, &h->conn));
        CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(h->conn), &h->object));
}

static void holder_stop(struct holder *h)
{
        h->object = capnp_cap_unref(h->object);
        capnp_conn_close(h->conn, (capnp_exception){CAPNP_DISCONNECTED, "done"});
        h->conn = capnp_conn_unref(h->conn);
        h->host = capnp_cap_unref(h->host);
        rig_stop(&h->g, false);
        rig_remove(h->g.dir);
}

static capnp_question *recent(struct holder *h, uint64_t after, uint32_t wait_ms)
{
        capnp_question *q = call_trace_recent((call_trace_client){h->object});

        call_trace_recent_set_after(q, after);
        call_trace_recent_set_max(q, UINT16_MAX);
        call_trace_recent_set_wait_ms(q, wait_ms);
        return q;
}

static capnp_question *records(struct holder *h, uint64_t after, uint32_t wait_ms)
{
        capnp_question *q = instance_view_audit((instance_view_client){h->object});

        instance_view_audit_set_after(q, after);
        instance_view_audit_set_max(q, UINT16_MAX);
        instance_view_audit_set_wait_ms(q, wait_ms);
        return q;
}

/* What a worker tells of. */
static capnp_question *tell(struct rig_worker *w, unsigned n, const char *capability,
                            const char *outcome, uint32_t left_out)
{
        capnp_question *q = admission_trace(w->ask);
        trace_row_list_builder l = admission_trace_init_calls(q, n);

        for (unsigned i = 0; i < n; i++) {
                trace_row_builder b = trace_row_list_builder_get(l, i);

                trace_row_set_capability(b, capability);
                trace_row_set_outcome(b, outcome);
                trace_row_set_interface_id(b, ECHO_ID);
                trace_row_set_method(b, ECHO_ADD_ONE);
                trace_row_set_micros(b, 1000 + i);
        }
        admission_trace_set_left_out(q, left_out);
        return q;
}

/* Somebody with a session. */
static void worker_start(struct holder *h, struct rig_worker *w)
{
        rig_account(&h->g, "ada", "a secret of hers");
        rig_worker(&h->g, RIG_HOME, w);
        capnp_question_free(rig_good(rig_password(w, "ada", "operator", "a secret of hers")));
}

static bool says_traced(capnp_question *q)
{
        notice_reader n = admission_watch_notice(rig_good(q));
        bool traced = notice_traced(n);

        CHECK_EQ(notice_which(n), NOTICE_TRACED);
        capnp_question_free(q);
        return traced;
}

TEST_T(a_worker_tells_of_calls_while_somebody_asks, 120)
{
        struct rig_worker w;
        traced_call_list l;
        capnp_question *q, *watch;
        struct holder h;

        holder_start(&h, "trace", "", CALL_TRACE_ID);
        worker_start(&h, &w);
        watch = admission_watch(w.ask);
        capnp_question_send(watch, NULL, NULL);
        capnp_question_free(rig_good(tell(&w, 1, "echo", "ok", 0))); /* nobody has asked */
        q = rig_good(recent(&h, 0, 0));
        CHECK_EQ(traced_call_list_len(call_trace_recent_calls(q)), 0);
        CHECK_EQ(call_trace_recent_last(q), 0);
        capnp_question_free(q);

        CHECK(says_traced(watch));
        watch = admission_watch(w.ask);
        capnp_question_send(watch, NULL, NULL);
        capnp_question_free(rig_good(tell(&w, 2, "echo", "denied.method", 5)));
        q = rig_good(recent(&h, 0, LONG_MS));
        l = call_trace_recent_calls(q);
        CHECK_EQ(traced_call_list_len(l), 2);
        CHECK_EQ(call_trace_recent_last(q), 7);
        CHECK_STR(traced_call_account(traced_call_list_get(l, 1)).p, "ada");
        CHECK_STR(traced_call_profile(traced_call_list_get(l, 1)).p, "operator");
        CHECK_STR(traced_call_capability(traced_call_list_get(l, 1)).p, "echo");
        CHECK_STR(traced_call_outcome(traced_call_list_get(l, 1)).p, "denied.method");
        CHECK_EQ(traced_call_micros(traced_call_list_get(l, 1)), 1001);
        CHECK_EQ(traced_call_sequence(traced_call_list_get(l, 1)), 2);
        capnp_question_free(q);

        CHECK(!says_traced(watch)); /* ten seconds after the last who has asked */
        rig_worker_end(&w);
        holder_stop(&h);
}

TEST_T(what_a_worker_says_is_no_more_than_names_and_codes, 60)
{
        static const struct {
                const char *capability, *outcome;
        } bad[] = {{"", "OK"},
                   {"a secret", "denied.method: a secret"},
                   {"\033[2J", "\xff\xfe"},
                   {"0123456789012345678901234567890123456789012345678901234567890123456789",
                    "0123456789012345678901234567890123456789012345678901234567890123456789"}};
        enum { N = sizeof(bad) / sizeof(bad[0]) };
        struct rig_worker w;
        capnp_question *q;
        struct holder h;

        holder_start(&h, "trace", "", CALL_TRACE_ID);
        worker_start(&h, &w);
        capnp_question_free(rig_good(recent(&h, 0, 0)));
        for (unsigned i = 0; i < N; i++)
                capnp_question_free(rig_good(tell(&w, 1, bad[i].capability, bad[i].outcome, 0)));
        q = rig_good(recent(&h, 0, LONG_MS));
        CHECK_EQ(traced_call_list_len(call_trace_recent_calls(q)), N);
        for (unsigned i = 0; i < N; i++) {
                traced_call_reader c = traced_call_list_get(call_trace_recent_calls(q), i);

                CHECK_STR(traced_call_capability(c).p, "other");
                CHECK_STR(traced_call_outcome(c).p, "other");
        }
        capnp_question_free(q);
        rig_worker_end(&w);
        holder_stop(&h);
}

TEST_T(a_flood_of_rows_is_refused_and_who_waits_is_bounded, 60)
{
        capnp_question *waits[WAITERS];
        struct rig_worker w;
        unsigned taken = 0;
        capnp_question *q;
        struct holder h;
        int r = 0;

        holder_start(&h, "trace", "", CALL_TRACE_ID);
        worker_start(&h, &w);
        for (unsigned i = 0; i < WAITERS; i++) {
                waits[i] = recent(&h, 0, LONG_MS);
                capnp_question_send(waits[i], NULL, NULL);
        }
        rig_refused(recent(&h, 0, LONG_MS), "too many wait already");
        rig_refused(tell(&w, ROWS + 1, "echo", "ok", 0), "too many calls are told of");
        for (unsigned i = 0; i < WAITERS; i++)
                capnp_question_free(rig_good(waits[i]));
        while (!r && taken < FLOOD) {
                q = tell(&w, ROWS, "echo", "ok", 0);
                r = capnp_question_wait(q);
                taken += !r;
                capnp_question_free(q);
        }
        CHECK(taken > 0 && taken < FLOOD);
        q = rig_good(recent(&h, 0, 0));
        CHECK_EQ(traced_call_list_len(call_trace_recent_calls(q)), ROWS);
        capnp_question_free(q);
        rig_worker_end(&w);
        holder_stop(&h);
}

TEST_T(records_are_told_without_what_strangers_have_worded, 60)
{
        struct rig_worker w;
        bool denied = false, open = false;
        capnp_question *q;
        struct holder h;

        holder_start(&h, "instance", "audit", INSTANCE_VIEW_ID);
        rig_refused(instance_view_metrics((instance_view_client){h.object}), "denied.method");
        worker_start(&h, &w);
        q = admission_open(w.ask);
        admission_open_set_name(q, "a secret");
        rig_refused(q, "denied.unknown-name");
        q = rig_good(records(&h, 0, LONG_MS));
        for (unsigned i = 0; i < instance_record_list_len(instance_view_audit_records(q)); i++) {
                instance_record_reader r =
                        instance_record_list_get(instance_view_audit_records(q), i);

                if (!strcmp(instance_record_outcome(r).p, "denied.unknown-name")) {
                        denied = true;
                        CHECK_STR(instance_record_account(r).p, "ada");
                        CHECK_STR(instance_record_capability(r).p, "");
                }
                open |= !strcmp(instance_record_what(r).p, "open") &&
                        !strcmp(instance_record_capability(r).p, "instance");
        }
        CHECK(denied && open);
        capnp_question_free(q);
        rig_worker_end(&w);
        holder_stop(&h);
}

TEST_T(numbers_are_told_by_their_facet_alone, 60)
{
        struct holder h;
        capnp_question *q;

        holder_start(&h, "instance", "metrics", INSTANCE_VIEW_ID);
        rig_refused(get(&h, "trace", CALL_TRACE_ID), "denied.unknown-name");
        rig_refused(get(&h, "instance", CALL_TRACE_ID), "denied.wrong-interface");
        rig_refused(records(&h, 0, 0), "denied.method");
        q = rig_good(instance_view_metrics((instance_view_client){h.object}));
        CHECK_STR(
                instance_metric_name(instance_metric_list_get(instance_view_metrics_metrics(q), 2))
                        .p,
                "descriptors");
        CHECK_EQ(instance_metric_value(
                         instance_metric_list_get(instance_view_metrics_metrics(q), 2)),
                 1);
        capnp_question_free(q);
        holder_stop(&h);
}
