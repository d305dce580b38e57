/*
 * A worker in a test's process, with everybody it has to do with.
 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "remote_session.capnp-c.h"
#include "remote_ui.capnp-c.h"
#include "test-worker-rig.h"
#include "user_session.capnp-c.h"
#include <capos/capnp-dynamic.h>

char rig_said[600];

/* ---- the service ---------------------------------------------------------------------------- */

static void held_canceled(capnp_answer *a, void *arg)
{
        struct rig *r = arg;

        for (unsigned i = 0; i < r->nheld; i++)
                if (r->held[i] == a)
                        r->held[i] = NULL;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static void compose_canceled(capnp_answer *a, void *arg)
{
        struct rig *r = arg;

        r->composing = NULL;
        r->uncomposed = true;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static int service_serve(void *self, capnp_answer *a);

static int service_echo(struct rig *r, capnp_answer *a)
{
        capnp_builder b = capnp_abuilder_init_struct(capnp_answer_results_any(a), 0, 1);
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;

        CHECK_OK(capnp_cap_new_dispatch(r->vat, service_serve, NULL, r, &c));
        capnp_abuilder_set_cap(capnp_builder_any(b, 0), c);
        return capnp_answer_return(a);
}

static void told(capnp_question *q, int result, void *arg)
{
        capnp_answer *a = arg;

        if (result)
                (void)capnp_answer_fail(a, CAPNP_FAILED, "%s", capnp_question_exception(q).reason);
        else
                (void)capnp_answer_return(a);
        capnp_question_free(q);
}

static void tell_canceled(capnp_answer *a, void *arg)
{
        (void)a, (void)arg;
}

static int service_serve(void *self, capnp_answer *a)
{
        capnp_cap *given = capnp_any_cap_peek(capnp_reader_any(capnp_answer_params(a), 0));
        struct rig *r = self;

        r->served++;
        if (capnp_answer_interface(a) == UI_COMPOSER_ID) {
                capnp_cap_unref(r->lent);
                r->lent = capnp_cap_ref(given);
                r->composing = a;
                return capnp_answer_keep(a, compose_canceled, r);
        }
        switch (capnp_answer_method(a)) {
        case ECHO:
                return service_echo(r, a);
        case HOLD:
                CHECK(r->nheld < 8);
                r->held[r->nheld++] = a;
                return capnp_answer_keep(a, held_canceled, r);
        case TAKE:
                capnp_cap_unref(r->taken);
                r->taken = capnp_cap_ref(given);
                return capnp_answer_return(a);
        case TELL:
                (void)capnp_answer_keep(a, tell_canceled, NULL);
                capnp_question_send(capnp_question_new_any(r->vat, r->taken, SERVICE, ECHO), told,
                                    a);
                return 0;
        default:
                return capnp_answer_fail(a, CAPNP_FAILED, "%s", r->service_says);
        }
}

void rig_release(struct rig *r)
{
        for (unsigned i = 0; i < r->nheld; i++)
                if (r->held[i])
                        (void)capnp_answer_return(r->held[i]);
        r->nheld = 0;
}

/* ---- the session manager -------------------------------------------------------------------- */

static void ui_quota_fill(const struct rig *r, session_ui_quota_builder q)
{
        if (r->uiq.offers)
                session_ui_quota_set_offers(q, r->uiq.offers);
        if (r->uiq.patches)
                session_ui_quota_set_patches_per_second(q, r->uiq.patches);
        if (r->uiq.patch)
                session_ui_quota_set_patch_bytes(q, r->uiq.patch);
        if (r->uiq.traffic)
                session_ui_quota_set_bytes_per_second(q, r->uiq.traffic);
        if (r->uiq.references)
                session_ui_quota_set_references(q, r->uiq.references);
}

static void bound_fill(const struct rig *r, bound_builder b)
{
        static const char *const names[] = {"session", "a", "b"};
        static const uint64_t ids[] = {USER_SESSION_ID, UI_COMPOSER_ID, SERVICE};
        session_info_builder info = bound_init_info(b);
        session_quota_builder q = session_info_init_quota(info);
        bundle_entry_list_builder l = bound_init_bundle(b, 3);

        bound_set_audit_calls(b, r->audit_calls);
        session_info_set_kind(info, "anonymous");
        session_quota_set_references(q, 64);
        session_quota_set_calls(q, r->calls);
        session_quota_set_queued_bytes(q, r->bytes);
        session_quota_set_message_bytes(q, 256 * 1024);
        ui_quota_fill(r, session_quota_init_ui(q));
        for (uint32_t i = 0; i < 3; i++) {
                bundle_entry_builder e = bundle_entry_list_builder_get(l, i);

                bundle_entry_set_name(e, names[i]);
                bundle_entry_set_services(e, i && r->services);
                bundle_entry_set_local(e, !i);
                bundle_entry_set_interface_id(e, ids[i]);
                bundle_entry_set_ui(e, i && r->ui);
        }
}

/* Whether a call has been refused. */
static bool refused(struct rig *r, capnp_answer *a)
{
        r->asked[capnp_answer_method(a)]++;
        if (r->denial)
                (void)capnp_answer_fail(a, CAPNP_FAILED, "%s", r->denial);
        return r->denial;
}

static void kept_canceled(capnp_answer *a, void *arg)
{
        struct rig *r = arg;

        r->kept = NULL;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static int kept(struct rig *r, capnp_answer *a)
{
        r->kept = a;
        return capnp_answer_keep(a, kept_canceled, r);
}

static int ask_nothing(void *self, capnp_answer *a)
{
        return refused(self, a) ? 0 : capnp_answer_return(a);
}

static int ask_start(void *self, capnp_answer *a)
{
        if (refused(self, a))
                return 0;

        admission_start_results_set_flow(a, 7);
        return capnp_answer_return(a);
}

static int ask_next(void *self, capnp_answer *a)
{
        struct rig *r = self;

        if (refused(r, a))
                return 0;

        CHECK_EQ(admission_next_param_flow(a), 7);
        if (r->silent)
                return kept(r, a);
        if (r->asked[capnp_answer_method(a)] > r->steps) {
                admission_next_results_set_done(a, true);
                bound_fill(r, admission_next_results_init_bound(a));
        }
        return capnp_answer_return(a);
}

static int ask_enter(void *self, capnp_answer *a)
{
        struct rig *r = self;

        if (refused(r, a))
                return 0;

        bound_fill(r, admission_enter_results_init_bound(a));
        return r->silent ? kept(r, a) : capnp_answer_return(a);
}

static void methods_fill(const struct rig *r, capnp_answer *a)
{
        method_id_list_builder l = admission_open_results_init_methods(a, r->nmethods);

        for (unsigned i = 0; i < r->nmethods; i++) {
                method_id_set_interface_id(method_id_list_builder_get(l, i), SERVICE);
                method_id_set_method(method_id_list_builder_get(l, i), (uint16_t)(r->first + i));
        }
}

static int ask_open(void *self, capnp_answer *a)
{
        static const struct grant_end_ops end_ops = {0};
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *end = NULL, *object = NULL;
        CAPNP_AUTO(capnp_conn_unrefp) capnp_conn *conn = NULL;
        struct rig *r = self;
        int s[2];

        if (refused(r, a))
                return 0;
        methods_fill(r, a);
        if (r->without_end || !strcmp(admission_open_param_name(a).p, "session")) {
                r->without_end -= r->without_end > 0;
                return capnp_answer_return(a);
        }

        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s));
        CHECK_OK(capnp_cap_new_dispatch(r->vat, service_serve, NULL, r, &object));
        CHECK_OK(capnp_conn_new(r->vat, s[1], NULL, object, &conn));
        CHECK_OK(grant_end_serve(r->vat, &end_ops, NULL, &end));
        capnp_cap_set_fd(end, s[0]);
        admission_open_results_set_end(a, (grant_end_client){end});
        return capnp_answer_return(a);
}

/* In parts, shorter ones than the session manager's. */
static int ask_schema(void *self, capnp_answer *a)
{
        uint32_t at;
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b;

        if (refused(self, a))
                return 0;

        capnp_buf_init(&b, 64 * 1024);
        CHECK_OK(capnp_schema_new(&s));
        CHECK_OK(capnp_schema_add_file(s, &remote_ui_capnp_schema));
        CHECK_OK(capnp_schema_dump(s, UI_COMPOSER_ID, &b));
        at = admission_schema_param_at(a);
        CHECK(at < b.len);
        admission_schema_results_set_schema(
                a, (capnp_data){(const uint8_t *)b.p + at,
                                (uint32_t)b.len - at < 1000 ? (uint32_t)b.len - at : 1000});
        admission_schema_results_set_length(a, (uint32_t)b.len);
        return capnp_answer_return(a);
}

static int ask_renew(void *self, capnp_answer *a)
{
        struct rig *r = self;

        if (refused(r, a))
                return 0;

        bound_fill(r, admission_renew_results_init_bound(a));
        return r->silent ? kept(r, a) : capnp_answer_return(a);
}

static void watch_canceled(capnp_answer *a, void *arg)
{
        struct rig *r = arg;

        r->watch = NULL;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static int ask_watch(void *self, capnp_answer *a)
{
        struct rig *r = self;

        r->watch = a;
        return capnp_answer_keep(a, watch_canceled, r);
}

static int ask_tally(void *self, capnp_answer *a)
{
        struct rig *r = self;
        call_tally_list l = admission_tally_param_calls(a);

        r->asked[13]++;
        if (r->tally_fails)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "over-quota.reports");
        for (uint32_t i = 0; i < call_tally_list_len(l); i++) {
                call_tally_reader x = call_tally_list_get(l, i);
                bool ok = !strcmp(call_tally_outcome(x).p, "ok");

                CHECK(!ok || call_tally_interface_id(x) == SERVICE ||
                      call_tally_interface_id(x) == UI_COMPOSER_ID);
                r->tallied++;
                *(ok ? &r->tallied_calls : &r->refused_calls) += call_tally_calls(x);
        }
        if (!r->tally_kept)
                return capnp_answer_return(a);

        CHECK(!r->tally);
        r->tally = a;
        return capnp_answer_keep(a, NULL, NULL);
}

static int ask_trace(void *self, capnp_answer *a)
{
        struct rig *r = self;
        trace_row_list l = admission_trace_param_calls(a);

        CHECK(trace_row_list_len(l) <= 64);
        for (uint32_t i = 0; i < trace_row_list_len(l); i++) {
                trace_row_reader x = trace_row_list_get(l, i);
                size_t len = strlen(r->traced);

                (void)snprintf(r->traced + len, sizeof(r->traced) - len, "%s %u %s;",
                               trace_row_capability(x).p, trace_row_method(x),
                               trace_row_outcome(x).p);
                r->traced_rows++;
        }
        r->left_out += admission_trace_param_left_out(a);
        return capnp_answer_return(a);
}

static int ask_report(void *self, capnp_answer *a)
{
        struct rig *r = self;
        const char *detail;

        r->asked[capnp_answer_method(a)]++;
        detail = admission_report_param_detail(a).p;
        snprintf(r->reported, sizeof(r->reported), "%.30s %.20s%s%.120s%s",
                 admission_report_param_event(a).p, admission_report_param_capability(a).p,
                 *detail ? ": " : "", detail, admission_report_param_decided(a) ? "!" : "");
        r->reported_times = admission_report_param_times(a);
        return capnp_answer_return(a);
}

static const struct admission_ops admission = {
        .methods = ask_nothing,
        .start = ask_start,
        .next = ask_next,
        .cancel = ask_nothing,
        .enter = ask_enter,
        .open = ask_open,
        .schema = ask_schema,
        .renew = ask_renew,
        .logout = ask_nothing,
        .watch = ask_watch,
        .report = ask_report,
        .tally = ask_tally,
        .trace = ask_trace,
};

void rig_notice_ended(struct rig *r, const char *why)
{
        CHECK(r->watch);
        notice_set_ended(admission_watch_results_init_notice(r->watch), why);
        CHECK_OK(capnp_answer_return(r->watch));
        r->watch = NULL;
        rig_settle(r);
}

void rig_notice_revoked(struct rig *r, const char *name)
{
        notice_builder n;

        CHECK(r->watch);
        n = admission_watch_results_init_notice(r->watch);
        notice_set_revoked(n, name);
        notice_set_why(n, "an administrator has revoked this capability");
        CHECK_OK(capnp_answer_return(r->watch));
        r->watch = NULL;
        rig_settle(r);
}

void rig_notice_traced(struct rig *r, bool on)
{
        CHECK(r->watch);
        notice_set_traced(admission_watch_results_init_notice(r->watch), on);
        CHECK_OK(capnp_answer_return(r->watch));
        r->watch = NULL;
        rig_settle(r);
}

void rig_notice_renewed(struct rig *r)
{
        CHECK(r->watch);
        bound_fill(r, notice_init_renewed(admission_watch_results_init_notice(r->watch)));
        CHECK_OK(capnp_answer_return(r->watch));
        r->watch = NULL;
        rig_settle(r);
}

/* ---- the client ----------------------------------------------------------------------------- */

capnp_cap *rig_enter(struct rig *r)
{
        CAPNP_AUTO(capnp_question_freep)
        capnp_question *q =
                remote_session_gateway_anonymous((remote_session_gateway_client){r->gateway});

        CHECK_OK(capnp_question_wait(q));
        return capnp_cap_ref(remote_session_gateway_anonymous_session(q).c);
}

static int say(capnp_question *q, int result)
{
        snprintf(rig_said, sizeof(rig_said), "%s",
                 result ? capnp_question_exception(q).reason : "");
        return result;
}

capnp_cap *rig_get(struct rig *r, capnp_cap *session, const char *name)
{
        CAPNP_AUTO(capnp_question_freep)
        capnp_question *q = remote_session_cap_set((remote_session_client){session});
        CAPNP_AUTO(capnp_question_freep)
        capnp_question *get = remote_cap_set_get(remote_session_cap_set_caps(q));

        (void)r;
        remote_cap_set_get_set_name(get, name);
        return say(get, capnp_question_wait(get)) ? NULL
                                                  : capnp_cap_ref(remote_cap_set_get_cap(get));
}

capnp_question *rig_begin(struct rig *r, capnp_cap *c, uint16_t method, capnp_cap *given)
{
        capnp_question *q = capnp_question_new_any(r->vat, c, SERVICE, method);
        capnp_builder b = capnp_abuilder_init_struct(capnp_question_params_any(q), 0, 1);

        if (given)
                capnp_abuilder_set_cap(capnp_builder_any(b, 0), given);
        return q;
}

int rig_finish(capnp_question *q)
{
        int result = say(q, capnp_question_wait(q));

        capnp_question_free(q);
        return result;
}

int rig_call(struct rig *r, capnp_cap *c, uint16_t method, capnp_cap *given, capnp_cap **ret_c)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = rig_begin(r, c, method, given);
        const uint16_t path[] = {0};
        int result = say(q, capnp_question_wait(q));

        if (!result && ret_c)
                *ret_c = capnp_cap_ref(capnp_question_cap_peek(q, path, 1));
        return result;
}

capnp_cap *rig_own(struct rig *r)
{
        capnp_cap *c = NULL;

        CHECK_OK(capnp_cap_new_dispatch(r->vat, service_serve, NULL, r, &c));
        return c;
}

/* ---- turning -------------------------------------------------------------------------------- */

static void rig_turn(struct rig *r, int ms)
{
        struct pollfd p = {.fd = capnp_vat_fd(r->vat), .events = POLLIN};

        (void)poll(&p, 1, ms);
        CHECK_OK(capnp_vat_process(r->vat));
}

void rig_until(struct rig *r, const void *done, size_t size)
{
        static const uint8_t none[16];

        CHECK(size <= sizeof(none));
        while (!memcmp(done, none, size))
                rig_turn(r, 10);
}

void rig_settle(struct rig *r)
{
        struct pollfd p = {.fd = capnp_vat_fd(r->vat), .events = POLLIN};

        /* Everybody is in this process: when nothing is ready, nothing is on its way. */
        do
                CHECK_OK(capnp_vat_process(r->vat));
        while (poll(&p, 1, 0) > 0 || capnp_vat_timeout_ms(r->vat) == 0);
}

/* ---- life ----------------------------------------------------------------------------------- */

void rig_open(struct rig *r)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *root = NULL;
        static const struct capnp_limits with_fds = {.fds = 1};
        int client[2], sessiond[2];

        r->calls = r->calls ? r->calls : 8;
        r->bytes = r->bytes ? r->bytes : 256 * 1024;
        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, client));
        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sessiond));
        CHECK_OK(capnp_vat_new(&r->vat));
        CHECK_OK(admission_serve(r->vat, &admission, r, &root));
        CHECK_OK(capnp_conn_new(r->vat, sessiond[1], &with_fds, root, &r->sessiond));
        CHECK_OK(worker_open(&r->w, r->vat,
                             &(struct worker_start){client[1], sessiond[0], NULL, NULL}));
        CHECK_OK(capnp_conn_new(r->vat, client[0], NULL, NULL, &r->client));
        CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(r->client), &r->gateway));
        rig_until(r, &r->watch, sizeof(r->watch));
}

void rig_close(struct rig *r)
{
        capnp_cap_unref(r->taken);
        capnp_cap_unref(r->lent);
        capnp_cap_unref(r->gateway);
        capnp_conn_unref(r->client);
        capnp_conn_unref(r->sessiond);
        CHECK(worker_finish(&r->w));
        capnp_vat_free(r->vat);
}
