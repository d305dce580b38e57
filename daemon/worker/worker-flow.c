/*
 * RemoteAuthFlow: one login, or one renewal by a new proof, step by step. What is to be proved and
 * whether it has been is the session manager's to say; a flow only carries it, and ends with its
 * last holder, or with a step that nobody waits for any more: a person who says yes later says it
 * to nobody.
 */
#include <errno.h>
#include <stdlib.h>

#include "worker-flow.h"

struct flow {
        struct worker *w;
        uint32_t number; /* sessiond's */
        pending_bound *bound;
};

static void flow_let_go(struct worker *w, uint32_t number)
{
        capnp_question *q;

        if (w->state == WORKER_ENDED)
                return;

        q = admission_cancel(worker_ask(w));
        admission_cancel_set_flow(q, number);
        capnp_question_detach(q);
}

static void next_given_up(struct pending *p)
{
        flow_let_go(p->w, p->flow);
}

static void next_done(struct pending *p)
{
        bool done = admission_next_done(p->q);
        capnp_cap *c = NULL;

        if (done && p->bound(p, admission_next_bound(p->q), &c))
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

        if (worker_refuses_ended(f->w, a))
                return 0;

        q = admission_next(worker_ask(f->w));
        admission_next_set_flow(q, f->number);
        admission_next_set_response(q, remote_auth_flow_next_param_response(a));
        r = pending_send(f->w, a, q, next_done, &p);
        if (p) {
                p->bound = f->bound;
                p->flow = f->number;
                p->gave_up = next_given_up;
        }
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

        if (worker_refuses_ended(f->w, a))
                return 0;

        q = admission_cancel(worker_ask(f->w));
        admission_cancel_set_flow(q, f->number);
        return pending_send(f->w, a, q, cancel_done, NULL);
}

/* Nobody holds the flow any more: it is canceled. */
static void flow_gone(void *self)
{
        struct flow *f = self;

        flow_let_go(f->w, f->number);
        free(f);
}

static const struct remote_auth_flow_ops flow_ops = {
        .gone = flow_gone,
        .next = flow_next,
        .cancel = flow_cancel,
};

int flow_new(struct worker *w, uint32_t number, pending_bound *bound, capnp_cap **ret_c)
{
        struct flow *f = malloc(sizeof(*f));
        int r;

        if (!f)
                return -ENOMEM;

        *f = (struct flow){.w = w, .number = number, .bound = bound};
        r = remote_auth_flow_serve(w->vat, &flow_ops, f, ret_c);
        if (r)
                free(f);
        return r;
}

bool flow_owns(const capnp_cap *c)
{
        return capnp_cap_self_peek(c, &flow_ops) != NULL;
}
