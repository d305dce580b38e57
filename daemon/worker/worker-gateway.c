/*
 * What a client meets first: RemoteSessionGateway, and the flows it begins. Every decision is the
 * session manager's; here are only the live objects.
 *
 * A login whose answer was canceled before it could be sent has no holder: the session ends at
 * once.
 */
#include <errno.h>
#include <stdlib.h>

#include "worker.h"

struct flow {
        struct worker *w;
        uint32_t *number; /* sessiond's, shared with the call that is starting it */
        bool renewal;
};

static bool gateway_stale(struct worker *w, capnp_answer *a)
{
        if (w->state != WORKER_ENDED)
                return false;

        (void)capnp_answer_fail(a, CAPNP_FAILED, "%s", w->ended);
        return true;
}

static admission_client ask(struct worker *w)
{
        return (admission_client){w->admission};
}

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

        if (gateway_stale(w, a))
                return 0;

        return pending_send(w, a, admission_methods(ask(w)), auth_methods_done, NULL);
}

/* ---- becoming somebody ---------------------------------------------------------------------- */

/* A session reference for p->a; -1: p->a has been failed. */
static int gateway_bound(struct pending *p, bound_reader b, capnp_cap **ret_c)
{
        struct worker *w = p->w;

        if (p->canceled && !p->renewal) {
                (void)capnp_answer_fail(p->a, CAPNP_FAILED, "canceled");
                p->a = NULL; /* the end of the session fails what is still open */
                capnp_question_detach(admission_logout(ask(w)));
                worker_end(w, "the login was given up");
                return -1;
        }

        if (worker_bind(w, b) || session_new(w, ret_c)) {
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

        if (gateway_stale(w, a))
                return 0;

        q = admission_enter(ask(w));
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

        if (gateway_stale(w, a))
                return 0;

        q = admission_enter(ask(w));
        admission_enter_set_kind(q, REMOTE_AUTH_KIND_ANONYMOUS);
        admission_enter_set_requested_profile_n(
                q, remote_session_gateway_anonymous_param_requested_profile(a));
        admission_enter_set_source(q, remote_session_gateway_anonymous_param_source(a));
        return pending_send(w, a, q, anonymous_done, NULL);
}

/* ---- flows ---------------------------------------------------------------------------------- */

static void next_done(struct pending *p)
{
        bool done = admission_next_done(p->q);
        capnp_cap *c = NULL;

        if (done && gateway_bound(p, admission_next_bound(p->q), &c))
                return;

        remote_auth_flow_next_results_set_step(p->a, admission_next_step(p->q));
        remote_auth_flow_next_results_set_done(p->a, done);
        remote_auth_flow_next_results_set_session(p->a, (remote_session_client){c});
        capnp_cap_unref(c);
        (void)capnp_answer_return(p->a);
}

static int flow_next(void *self, capnp_answer *a)
{
        struct flow *f = self;
        struct pending *p;
        capnp_question *q;
        int r;

        if (gateway_stale(f->w, a))
                return 0;

        q = admission_next(ask(f->w));
        admission_next_set_flow(q, *f->number);
        admission_next_set_response(q, remote_auth_flow_next_param_response(a));
        r = pending_send(f->w, a, q, next_done, &p);
        if (p)
                p->renewal = f->renewal;
        return r;
}

static void cancel_done(struct pending *p)
{
        (void)capnp_answer_return(p->a);
}

static int flow_cancel(void *self, capnp_answer *a)
{
        struct flow *f = self;
        capnp_question *q;

        if (gateway_stale(f->w, a))
                return 0;

        q = admission_cancel(ask(f->w));
        admission_cancel_set_flow(q, *f->number);
        return pending_send(f->w, a, q, cancel_done, NULL);
}

/* Nobody holds the flow any more: it is canceled. */
static void flow_gone(void *self)
{
        struct flow *f = self;
        capnp_question *q;

        if (f->w->state != WORKER_ENDED && *f->number) {
                q = admission_cancel(ask(f->w));
                admission_cancel_set_flow(q, *f->number);
                capnp_question_detach(q);
        }
        free(f->number);
        free(f);
}

static const struct remote_auth_flow_ops flow_ops = {
        .gone = flow_gone,
        .next = flow_next,
        .cancel = flow_cancel,
};

int flow_new(struct worker *w, uint32_t **ret_number, bool renewal, capnp_cap **ret_c)
{
        struct flow *f = calloc(1, sizeof(*f));
        int r = -ENOMEM;

        if (!f)
                return -ENOMEM;

        f->w = w;
        f->renewal = renewal;
        f->number = calloc(1, sizeof(*f->number));
        if (f->number)
                r = remote_auth_flow_serve(w->vat, &flow_ops, f, ret_c);
        if (r) {
                free(f->number);
                free(f);
                return r;
        }

        *ret_number = f->number;
        return 0;
}

static void start_done(struct pending *p)
{
        capnp_cap *c = NULL;
        uint32_t *number;

        if (flow_new(p->w, &number, false, &c)) {
                (void)capos_i_refuse_no_memory(p->a);
                return;
        }

        *number = admission_start_flow(p->q);
        remote_session_gateway_start_results_set_flow(p->a, (remote_auth_flow_client){c});
        capnp_cap_unref(c);
        (void)capnp_answer_return(p->a);
}

static int gateway_start(void *self, capnp_answer *a)
{
        struct worker *w = self;
        capnp_question *q;

        if (gateway_stale(w, a))
                return 0;

        q = admission_start(ask(w));
        admission_start_set_request(q, remote_session_gateway_start_param_request(a));
        return pending_send(w, a, q, start_done, NULL);
}

static const struct remote_session_gateway_ops gateway_ops = {
        .auth_methods = gateway_auth_methods,
        .start = gateway_start,
        .guest = gateway_guest,
        .anonymous = gateway_anonymous,
};

int gateway_new(struct worker *w, capnp_cap **ret_c)
{
        return remote_session_gateway_serve(w->vat, &gateway_ops, w, ret_c);
}

bool gateway_owns(const capnp_cap *c)
{
        return capnp_cap_self_peek(c, &gateway_ops) || capnp_cap_self_peek(c, &flow_ops);
}
