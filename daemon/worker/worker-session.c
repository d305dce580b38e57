/*
 * The session's own objects: RemoteSession and RemoteCapSet. They live in the worker, ask the
 * session manager where something has to be decided, and say `denied.stale-session` from the moment
 * the session is over.
 *
 * Renewal replaces the RemoteSession reference and nothing else. Each one knows its generation;
 * only the newest works.
 */
#include <errno.h>
#include <stdlib.h>

#include "worker-end.h"
#include "worker-flow.h"
#include "worker-grant.h"
#include "worker-offer.h"
#include "worker-pending.h"
#include "worker-schema.h"
#include "worker-session.h"
#include "worker-tally.h"
#include "worker-use.h"
#include "worker-watch.h"

struct session_ref {
        struct worker *w;
        uint32_t generation;
};

static bool session_stale(struct session_ref *s, capnp_answer *a)
{
        if (worker_refuses_unbound(s->w, a))
                return true;

        if (s->generation == s->w->generation)
                return false;

        (void)capos_i_deny(a, CAPOS_DENIED_STALE_SESSION,
                           "the session was renewed: use the reference that came back");
        return true;
}

static void session_gone(void *self)
{
        free(self);
}

/* ---- RemoteCapSet --------------------------------------------------------------------------- */

/* What was taken back is listed, as a lease that is over: asking for it is told why. */
static void cap_set_fill(const struct worker *w, bundle_entry_reader e, remote_cap_entry_builder b)
{
        uint64_t revoked_ms = grant_revoked_ms(w, bundle_entry_name(e));

        remote_cap_entry_set_name_n(b, bundle_entry_name(e));
        remote_cap_entry_set_interface_id(b, bundle_entry_interface_id(e));
        remote_cap_entry_set_transfer_policy(b, bundle_entry_services(e) ? "services" : "session");
        remote_cap_entry_set_lease_expires_at_ms(
                b, revoked_ms ? revoked_ms : bundle_entry_lease_expires_at_ms(e));
        remote_cap_entry_set_title_n(b, bundle_entry_title(e));
        remote_cap_entry_set_summary_n(b, bundle_entry_summary(e));
        if (remote_method_list_len(bundle_entry_methods(e)))
                remote_cap_entry_set_methods(b, bundle_entry_methods(e));
        remote_cap_entry_set_ui(b, bundle_entry_ui(e));
}

static int cap_set_list(void *self, capnp_answer *a)
{
        struct worker *w = self;
        remote_cap_entry_list_builder out;
        bundle_entry_list in;
        uint32_t n;

        if (worker_refuses_unbound(w, a))
                return 0;

        in = bound_bundle(worker_bound(w));
        n = bundle_entry_list_len(in);
        out = remote_cap_set_list_results_init_entries(a, n);
        for (uint32_t i = 0; i < n; i++)
                cap_set_fill(w, bundle_entry_list_get(in, i),
                             remote_cap_entry_list_builder_get(out, i));
        return capnp_answer_return(a);
}

static int cap_set_get(void *self, capnp_answer *a)
{
        return worker_refuses_unbound(self, a) ? 0 : grant_get(self, a);
}

static void schema_done(struct pending *p, capnp_data schema)
{
        remote_cap_set_schema_results_set_schema(p->a, schema);
        remote_cap_set_schema_results_set_length(p->a, schema.len);
        (void)capnp_answer_return(p->a);
}

static int cap_set_schema(void *self, capnp_answer *a)
{
        uint64_t interface = remote_cap_set_schema_param_interface_id(a);
        uint32_t most = remote_cap_set_schema_param_most(a);
        struct worker *w = self;

        if (worker_refuses_unbound(w, a))
                return 0;
        if (most)
                return schema_ask_part(w, a, interface, most);

        return schema_ask(w, a, "", interface, schema_done);
}

static int cap_set_changed(void *self, capnp_answer *a)
{
        return worker_refuses_unbound(self, a) ? 0 : watch_wait(self, a);
}

static const struct remote_cap_set_ops cap_set_ops = {
        .list = cap_set_list,
        .get = cap_set_get,
        .schema = cap_set_schema,
        .changed = cap_set_changed,
};

/* ---- RemoteSession -------------------------------------------------------------------------- */

static int session_info_serve(void *self, capnp_answer *a)
{
        struct session_ref *s = self;

        if (session_stale(s, a))
                return 0;

        remote_session_info_results_set_info(a, bound_info(worker_bound(s->w)));
        use_fill(s->w, remote_session_info_results_build_info(a));
        return capnp_answer_return(a);
}

static int session_cap_set(void *self, capnp_answer *a)
{
        struct session_ref *s = self;
        capnp_cap *c = NULL;

        if (session_stale(s, a))
                return 0;

        if (remote_cap_set_serve(s->w->vat, &cap_set_ops, s->w, &c))
                return capos_i_refuse_no_memory(a);

        remote_session_cap_set_results_set_caps(a, (remote_cap_set_client){c});
        capnp_cap_unref(c);
        return capnp_answer_return(a);
}

/* pending_bound. Who has given it up goes on with the reference that he has. */
static int session_renewed(struct pending *p, bound_reader b, capnp_cap **ret_c)
{
        if (p->canceled) {
                if (!worker_rebind(p->w, b)) {
                        grants_follow(p->w);
                        offers_follow(p->w);
                }
                (void)capnp_answer_fail(p->a, CAPNP_FAILED, "canceled");
                return -1;
        }
        if (!worker_bind(p->w, b) && !session_ref_new(p->w, ret_c)) {
                grants_follow(p->w);
                offers_follow(p->w);
                return 0;
        }

        (void)capos_i_refuse_no_memory(p->a);
        return -1;
}

static void renew_done(struct pending *p)
{
        capnp_cap *c = NULL;

        if (session_renewed(p, admission_renew_bound(p->q), &c))
                return;

        remote_session_renew_results_set_session(p->a, (remote_session_client){c});
        capnp_cap_unref(c);
        (void)capnp_answer_return(p->a);
}

static int session_renew(void *self, capnp_answer *a)
{
        struct session_ref *s = self;
        capnp_question *q;

        if (session_stale(s, a))
                return 0;

        q = admission_renew(worker_ask(s->w));
        admission_renew_set_proof(q, remote_session_renew_param_proof(a));
        admission_renew_set_duration_ms(q, remote_session_renew_param_requested_duration_ms(a));
        return pending_send(s->w, a, q, renew_done, NULL);
}

static const char logged_out[] = "the session was logged out";

/* The Return goes first: what follows fails everything else. */
static void logout_done(struct pending *p)
{
        remote_session_logout_results_set_witness(p->a, admission_logout_witness(p->q));
        (void)capnp_answer_return(p->a);
        p->a = NULL;
        worker_end(p->w, logged_out);
}

static int session_logout(void *self, capnp_answer *a)
{
        struct session_ref *s = self;

        if (session_stale(s, a))
                return 0;

        /* Before the session manager ends the sockets, which would look like services that died. */
        worker_cut(s->w, logged_out);
        tally_report(s->w);
        return pending_send(s->w, a, admission_logout(worker_ask(s->w)), logout_done, NULL);
}

static void reauthenticate_done(struct pending *p)
{
        capnp_cap *c = NULL;

        if (flow_new(p->w, admission_start_flow(p->q), session_renewed, &c)) {
                (void)capos_i_refuse_no_memory(p->a);
                return;
        }

        remote_session_reauthenticate_results_set_flow(p->a, (remote_auth_flow_client){c});
        capnp_cap_unref(c);
        (void)capnp_answer_return(p->a);
}

static int session_reauthenticate(void *self, capnp_answer *a)
{
        struct session_ref *s = self;
        capnp_question *q;

        if (session_stale(s, a))
                return 0;

        q = admission_start(worker_ask(s->w));
        admission_start_set_request(q, remote_session_reauthenticate_param_request(a));
        admission_start_set_renewal(q, true);
        return pending_send(s->w, a, q, reauthenticate_done, NULL);
}

static void enrol_done(struct pending *p)
{
        remote_session_enrol_results_set_until_ms(p->a, admission_enrol_until_ms(p->q));
        (void)capnp_answer_return(p->a);
}

static int session_enrol(void *self, capnp_answer *a)
{
        struct session_ref *s = self;
        capnp_question *q;

        if (session_stale(s, a))
                return 0;

        q = admission_enrol(worker_ask(s->w));
        admission_enrol_set_key(q, remote_session_enrol_param_key(a));
        return pending_send(s->w, a, q, enrol_done, NULL);
}

static void account_sessions_done(struct pending *p)
{
        remote_session_account_sessions_results_set_sessions(
                p->a, admission_account_sessions_sessions(p->q));
        remote_session_account_sessions_results_set_more(p->a,
                                                         admission_account_sessions_more(p->q));
        (void)capnp_answer_return(p->a);
}

static int session_account_sessions(void *self, capnp_answer *a)
{
        struct session_ref *s = self;

        if (session_stale(s, a))
                return 0;

        return pending_send(s->w, a, admission_account_sessions(worker_ask(s->w)),
                            account_sessions_done, NULL);
}

static void end_account_session_done(struct pending *p)
{
        remote_session_end_account_session_results_set_ended(
                p->a, admission_end_account_session_ended(p->q));
        (void)capnp_answer_return(p->a);
}

static int session_end_account_session(void *self, capnp_answer *a)
{
        struct session_ref *s = self;
        capnp_question *q;

        if (session_stale(s, a))
                return 0;

        q = admission_end_account_session(worker_ask(s->w));
        admission_end_account_session_set_id_n(q, remote_session_end_account_session_param_id(a));
        return pending_send(s->w, a, q, end_account_session_done, NULL);
}

static void passkey_begin_done(struct pending *p)
{
        remote_session_passkey_begin_results_set_options(p->a,
                                                         admission_passkey_begin_options(p->q));
        (void)capnp_answer_return(p->a);
}

static int session_passkey_begin(void *self, capnp_answer *a)
{
        struct session_ref *s = self;

        if (session_stale(s, a))
                return 0;

        return pending_send(s->w, a, admission_passkey_begin(worker_ask(s->w)), passkey_begin_done,
                            NULL);
}

static void passkey_add_done(struct pending *p)
{
        remote_session_passkey_add_results_set_id_n(p->a, admission_passkey_add_id(p->q));
        (void)capnp_answer_return(p->a);
}

static int session_passkey_add(void *self, capnp_answer *a)
{
        struct session_ref *s = self;
        capnp_question *q;

        if (session_stale(s, a))
                return 0;

        q = admission_passkey_add(worker_ask(s->w));
        admission_passkey_add_set_label_n(q, remote_session_passkey_add_param_label(a));
        admission_passkey_add_set_response_n(q, remote_session_passkey_add_param_response(a));
        return pending_send(s->w, a, q, passkey_add_done, NULL);
}

static void passkeys_done(struct pending *p)
{
        remote_session_passkeys_results_set_passkeys(p->a, admission_passkeys_passkeys(p->q));
        (void)capnp_answer_return(p->a);
}

static int session_passkeys(void *self, capnp_answer *a)
{
        struct session_ref *s = self;

        if (session_stale(s, a))
                return 0;

        return pending_send(s->w, a, admission_passkeys(worker_ask(s->w)), passkeys_done, NULL);
}

static void passkey_remove_done(struct pending *p)
{
        (void)capnp_answer_return(p->a);
}

static int session_passkey_remove(void *self, capnp_answer *a)
{
        struct session_ref *s = self;
        capnp_question *q;

        if (session_stale(s, a))
                return 0;

        q = admission_passkey_remove(worker_ask(s->w));
        admission_passkey_remove_set_id_n(q, remote_session_passkey_remove_param_id(a));
        return pending_send(s->w, a, q, passkey_remove_done, NULL);
}

static int session_offer_ui(void *self, capnp_answer *a)
{
        struct session_ref *s = self;

        return session_stale(s, a) ? 0 : offer_host(s->w, a);
}

static int session_offer_surface(void *self, capnp_answer *a)
{
        struct session_ref *s = self;

        return session_stale(s, a) ? 0 : offer_surface(s->w, a);
}

static int session_report_ui(void *self, capnp_answer *a)
{
        struct session_ref *s = self;

        return session_stale(s, a) ? 0 : offer_report_none(s->w, a);
}

static const struct remote_session_ops session_ops = {
        .gone = session_gone,
        .info = session_info_serve,
        .cap_set = session_cap_set,
        .renew = session_renew,
        .logout = session_logout,
        .reauthenticate = session_reauthenticate,
        .offer_ui = session_offer_ui,
        .offer_surface = session_offer_surface,
        .enrol = session_enrol,
        .account_sessions = session_account_sessions,
        .end_account_session = session_end_account_session,
        .passkey_begin = session_passkey_begin,
        .passkey_add = session_passkey_add,
        .passkeys = session_passkeys,
        .passkey_remove = session_passkey_remove,
        .report_ui = session_report_ui,
};

int session_ref_new(struct worker *w, capnp_cap **ret_c)
{
        struct session_ref *s = malloc(sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;

        s->w = w;
        s->generation = w->generation;
        r = remote_session_serve(w->vat, &session_ops, s, ret_c);
        if (r)
                free(s);
        return r;
}

bool session_ref_owns(const capnp_cap *c)
{
        return capnp_cap_self_peek(c, &session_ops) || capnp_cap_self_peek(c, &cap_set_ops);
}
