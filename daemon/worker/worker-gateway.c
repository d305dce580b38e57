/*
 * What a client meets first: RemoteSessionGateway. Every decision is the session manager's; here
 * is only the live object.
 *
 * A login whose answer was canceled before it could be sent has no holder: the session ends at
 * once, as if its line had dropped. It is no logout: whoever has not waited for his way back may
 * try it again.
 */
#include "worker-gateway.h"
#include "worker-end.h"
#include "worker-flow.h"
#include "worker-pending.h"
#include "worker-session.h"

/* ---- the methods ---------------------------------------------------------------------------- */

static void auth_methods_done(struct pending *p)
{
        remote_session_gateway_auth_methods_results_set_methods(p->a,
                                                                admission_methods_methods(p->q));
        (void)capnp_answer_return(p->a);
}

static int gateway_auth_methods(void *self, capnp_answer *a)
{
        struct worker *w = self;

        if (worker_refuses_ended(w, a))
                return 0;

        return pending_send(w, a, admission_methods(worker_ask(w)), auth_methods_done, NULL);
}

/* ---- becoming somebody ---------------------------------------------------------------------- */

/* pending_bound: a session reference for p->a; -1: p->a has been failed. */
static int gateway_bound(struct pending *p, bound_reader b, capnp_cap **ret_c)
{
        struct worker *w = p->w;

        if (p->canceled) {
                (void)capnp_answer_fail(p->a, CAPNP_FAILED, "canceled");
                p->a = NULL; /* the end of the session fails what is still open */
                worker_end(w, "the login was given up");
                return -1;
        }

        if (worker_bind(w, b) || session_ref_new(w, ret_c)) {
                (void)capos_i_refuse_no_memory(p->a);
                return -1;
        }

        return 0;
}

static void guest_done(struct pending *p)
{
        capnp_cap *c = NULL;

        if (gateway_bound(p, admission_enter_bound(p->q), &c))
                return;

        remote_session_gateway_guest_results_set_session(p->a, (remote_session_client){c});
        capnp_cap_unref(c);
        (void)capnp_answer_return(p->a);
}

static void anonymous_done(struct pending *p)
{
        capnp_cap *c = NULL;

        if (gateway_bound(p, admission_enter_bound(p->q), &c))
                return;

        remote_session_gateway_anonymous_results_set_session(p->a, (remote_session_client){c});
        capnp_cap_unref(c);
        (void)capnp_answer_return(p->a);
}

static int gateway_guest(void *self, capnp_answer *a)
{
        struct worker *w = self;
        capnp_question *q;

        if (worker_refuses_ended(w, a))
                return 0;

        q = admission_enter(worker_ask(w));
        admission_enter_set_kind(q, REMOTE_AUTH_KIND_GUEST);
        admission_enter_set_requested_profile_n(
                q, remote_session_gateway_guest_param_requested_profile(a));
        admission_enter_set_source(q, remote_session_gateway_guest_param_source(a));
        return pending_send(w, a, q, guest_done, NULL);
}

static int gateway_anonymous(void *self, capnp_answer *a)
{
        struct worker *w = self;
        capnp_question *q;

        if (worker_refuses_ended(w, a))
                return 0;

        q = admission_enter(worker_ask(w));
        admission_enter_set_kind(q, REMOTE_AUTH_KIND_ANONYMOUS);
        admission_enter_set_requested_profile_n(
                q, remote_session_gateway_anonymous_param_requested_profile(a));
        admission_enter_set_source(q, remote_session_gateway_anonymous_param_source(a));
        return pending_send(w, a, q, anonymous_done, NULL);
}

/* ---- flows ---------------------------------------------------------------------------------- */

static void start_done(struct pending *p)
{
        capnp_cap *c = NULL;

        if (flow_new(p->w, admission_start_flow(p->q), gateway_bound, &c)) {
                (void)capos_i_refuse_no_memory(p->a);
                return;
        }

        remote_session_gateway_start_results_set_flow(p->a, (remote_auth_flow_client){c});
        capnp_cap_unref(c);
        (void)capnp_answer_return(p->a);
}

static int gateway_start(void *self, capnp_answer *a)
{
        struct worker *w = self;
        capnp_question *q;

        if (worker_refuses_ended(w, a))
                return 0;

        q = admission_start(worker_ask(w));
        admission_start_set_request(q, remote_session_gateway_start_param_request(a));
        return pending_send(w, a, q, start_done, NULL);
}

/* ---- passkeys ------------------------------------------------------------------------------- */

static void passkey_begin_done(struct pending *p)
{
        remote_session_gateway_passkey_begin_results_set_options(
                p->a, admission_passkey_begin_options(p->q));
        (void)capnp_answer_return(p->a);
}

static int gateway_passkey_begin(void *self, capnp_answer *a)
{
        struct worker *w = self;
        capnp_question *q;

        if (worker_refuses_ended(w, a))
                return 0;

        q = admission_passkey_begin(worker_ask(w));
        admission_passkey_begin_set_code_n(q, remote_session_gateway_passkey_begin_param_code(a));
        return pending_send(w, a, q, passkey_begin_done, NULL);
}

static void passkey_add_done(struct pending *p)
{
        remote_session_gateway_passkey_add_results_set_id_n(p->a, admission_passkey_add_id(p->q));
        (void)capnp_answer_return(p->a);
}

static int gateway_passkey_add(void *self, capnp_answer *a)
{
        struct worker *w = self;
        capnp_question *q;

        if (worker_refuses_ended(w, a))
                return 0;

        q = admission_passkey_add(worker_ask(w));
        admission_passkey_add_set_label_n(q, remote_session_gateway_passkey_add_param_label(a));
        admission_passkey_add_set_response_n(q,
                                             remote_session_gateway_passkey_add_param_response(a));
        return pending_send(w, a, q, passkey_add_done, NULL);
}

static const struct remote_session_gateway_ops gateway_ops = {
        .auth_methods = gateway_auth_methods,
        .start = gateway_start,
        .guest = gateway_guest,
        .anonymous = gateway_anonymous,
        .passkey_begin = gateway_passkey_begin,
        .passkey_add = gateway_passkey_add,
};

int gateway_new(struct worker *w, capnp_cap **ret_c)
{
        return remote_session_gateway_serve(w->vat, &gateway_ops, w, ret_c);
}

bool gateway_owns(const capnp_cap *c)
{
        return capnp_cap_self_peek(c, &gateway_ops) != NULL;
}
