/*
 * Calls that wait for the session manager. The client's answer is kept, the question to the session
 * manager is its mirror; a refusal there is the refusal here, word for word, because its text is
 * the stable code that clients look at.
 *
 * When the client loses interest the question goes on: a login that has succeeded must be undone,
 * not forgotten (see worker-gateway.c).
 */
#include <errno.h>
#include <stdlib.h>

#include "worker-pending.h"

static void pending_free(struct pending *p)
{
        capnp_i_list_remove(&p->link);
        capnp_question_free(p->q);
        free(p->parts);
        free(p);
}

static void pending_canceled(capnp_answer *a, void *arg)
{
        struct pending *p = arg;

        (void)a;
        p->canceled = true;
        if (p->gave_up)
                p->gave_up(p);
}

static void pending_returned(capnp_question *q, int r, void *arg)
{
        struct pending *p = arg;
        capnp_exception why = capnp_question_exception(q);

        if (!p->a) { /* failed already, with the session */
                pending_free(p);
                return;
        }

        if (r)
                (void)capnp_answer_fail(p->a, why.kind, "%s", why.reason);
        else
                p->done(p);
        pending_free(p);
}

/* The border: what the client may send is longer than what goes to the session manager. */
static bool pending_is_long(capnp_question *q)
{
        capnp_msg *m = capnp_question_params(q).m;

        return m && capnp_msg_size(m) > ADMISSION_BYTES - ADMISSION_ENVELOPE;
}

int pending_send(struct worker *w, capnp_answer *a, capnp_question *q,
                 void (*done)(struct pending *p), struct pending **ret_p)
{
        struct pending *p = calloc(1, sizeof(*p));

        if (ret_p)
                *ret_p = p;
        if (!p || !q) {
                free(p);
                capnp_question_free(q);
                if (ret_p)
                        *ret_p = NULL;
                return capos_i_refuse_no_memory(a);
        }
        if (pending_is_long(q)) {
                free(p);
                capnp_question_free(q);
                if (ret_p)
                        *ret_p = NULL;
                return capos_i_over_quota(a, CAPOS_I_QUOTA_BYTES,
                                          "too long for the session manager");
        }

        p->w = w;
        p->a = a;
        p->q = q;
        p->done = done;
        capnp_i_list_init(&p->link);
        capnp_i_list_append(&w->pending, &p->link);
        (void)capnp_answer_keep(a, pending_canceled, p);
        capnp_question_send(q, pending_returned, p);
        return 0;
}

void pending_fail_all(struct worker *w, const char *reason)
{
        struct capnp_i_list *l;

        for (l = w->pending.next; l != &w->pending; l = l->next) {
                struct pending *p = CAPNP_I_OF(l, struct pending, link);

                if (p->a)
                        (void)capnp_answer_fail(p->a, CAPNP_FAILED, "%s", reason);
                p->a = NULL;
        }
}
