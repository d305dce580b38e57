/*
 * The callee's face of a call. Exactly one ending verb (return, fail, tail) takes the answer, from
 * the handler or later; until then its parameters stay readable, whatever the caller does.
 */
#include "rpc-message.h"
#include "rpc-stream.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static struct call *answer_call(const capnp_answer *a)
{
        return (struct call *)(uintptr_t)a;
}

capnp_any capnp_answer_params_any(capnp_answer *a)
{
        struct call *c = answer_call(a);
        struct frame *f = capnp_i_call_params(c);

        if (f)
                return f->content;

        /* Without memory they are read where they lie, and as what they are alone. */
        return c->own_bytes ? (capnp_any){NULL, c->own, 0, 1} : (capnp_any){0};
}

capnp_reader capnp_answer_params(capnp_answer *a)
{
        struct call *c = answer_call(a);

        if (c->own_bytes)
                return capnp_i_at_word(&c->own[1], c->own_n);

        return capnp_any_struct(capnp_answer_params_any(a), NULL);
}

capnp_abuilder capnp_answer_results_any(capnp_answer *a)
{
        struct call *c = answer_call(a);

        if (c->done) /* revoked meanwhile: nobody will read it */
                return (capnp_abuilder){0};

        if (!c->results)
                c->results = capnp_i_frame_new(c->vat);
        if (!c->results) {
                c->unfilled = true;
                return (capnp_abuilder){0};
        }

        return capnp_i_frame_content(c->results);
}

capnp_builder capnp_answer_results(capnp_answer *a)
{
        struct call *c = answer_call(a);

        if (c->done)
                return (capnp_builder){0};

        if (!c->results_root.d && c->m)
                c->results_root = capnp_abuilder_init_struct(
                        capnp_answer_results_any(a), c->m->results_words, c->m->results_ptrs);
        return c->results_root;
}

uint64_t capnp_answer_interface(const capnp_answer *a)
{
        return answer_call(a)->iface;
}

uint16_t capnp_answer_method(const capnp_answer *a)
{
        return answer_call(a)->method;
}

capnp_vat *capnp_answer_vat(const capnp_answer *a)
{
        return answer_call(a)->vat;
}

int capnp_answer_check(capnp_answer *a)
{
        struct call *c = answer_call(a);

        c->asked = true;
        return c->params ? capnp_msg_check(&c->params->msg) : 0;
}

int capnp_answer_stream(capnp_answer *a)
{
        struct call *c = answer_call(a);

        /* Revoked, or passed on by now: nobody is behind it who could be overtaken. */
        if (c->state != CALL_HOSTED || (c->m && c->m->stream))
                return 0;

        return capnp_i_gate_shut(c, capnp_i_cap_hosted(c->target));
}

/* Whether its handler has looked at parameters that are not what they should be, and not asked. */
static inline bool answer_is_malformed(const struct call *c)
{
        return !c->asked && c->params && capnp_msg_check(&c->params->msg);
}

/* Whatever there is to return. */
__attribute__((noinline)) static int answer_return_any(capnp_answer *a)
{
        struct call *c = answer_call(a);
        bool malformed;
        int r = 0;

        if (c->done) {
                capnp_i_call_return(c);
                return 0;
        }

        malformed = answer_is_malformed(c);
        /* Nothing was filled in: a struct of defaults, or, where no schema is known, null. */
        if (!c->results && c->m)
                (void)capnp_answer_results(a);
        if (!c->results)
                c->results = capnp_i_frame_new(c->vat);
        r = c->results && !c->unfilled ? capnp_msg_check(&c->results->msg) : -ENOMEM;
        if (r == CAPNP_E_POISON || (!r && malformed)) {
                capnp_i_call_fail(c, CAPNP_FAILED,
                                  r ? "the results are copied from a malformed message"
                                    : "the parameters are malformed");
                return 0;
        }

        if (r > 0) {
                capnp_i_call_fail(c, CAPNP_OVERLOADED, "the results are too large");
                return 0;
        }

        if (r) {
                capnp_i_call_fail(c, CAPNP_OVERLOADED, "out of memory for the results");
                return r;
        }

        capnp_i_call_return(c);
        return 0;
}

int capnp_answer_return(capnp_answer *a)
{
        struct call *c = answer_call(a);

        capnp_i_vat_acts(c->vat);
        c->ended = true;
        if (!c->done && !c->unfilled && !answer_is_malformed(c) && capnp_i_plain_return(c))
                return 0;

        return answer_return_any(a);
}

int capnp_answer_fail(capnp_answer *a, enum capnp_kind k, const char *fmt, ...)
{
        struct call *c = answer_call(a);
        char text[REASON_BYTES];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        capnp_i_vat_acts(c->vat);
        c->ended = true;
        capnp_i_call_fail(c, k, text);
        return 0;
}

int capnp_answer_fail_more(capnp_answer *a, capnp_exception why,
                           const struct capnp_exception_more *more)
{
        struct call *c = answer_call(a);

        capnp_i_vat_acts(c->vat);
        c->ended = true;
        capnp_i_call_set_exception_more(c, why, capnp_i_more_new(more));
        capnp_i_call_return(c);
        return 0;
}

/* Whether both ends of a tail call are the same peer, so that the results need not come here. */
static capnp_rpc *answer_tail_peer(struct call *c, struct call *q)
{
        capnp_cap *target = capnp_i_cap_final(q->target);

        if (!c->peer || c->peer->closed || c->crossings || c->yourself || c->silent || c->parent)
                return NULL;

        if (c->finished) /* nobody would take the results */
                return NULL;

        if (q->pipes.n) /* somebody waits to be told what they are */
                return NULL;

        return capnp_i_cap_is_on(target, c->peer) ? c->peer : NULL;
}

/* Whether a stream call on `to`, behind which a call on it would wait, waits for c to end. */
static bool answer_is_awaited(const struct call *c, const capnp_cap *to)
{
        if (!to || !to->flow)
                return false;

        while (c && c->flow_cap != to)
                c = c->parent;

        return c;
}

int capnp_answer_tail(capnp_answer *a, capnp_question *unsent)
{
        struct call *c = answer_call(a), *q = (struct call *)(void *)unsent;

        capnp_i_vat_acts(c->vat);
        c->ended = true;
        if (!q) {
                capnp_i_call_fail(c, CAPNP_OVERLOADED, "out of memory, or a null capability");
                return -ENOMEM;
        }

        capnp_i_call_ref(c);
        q->ahead = answer_is_awaited(c, q->target);
        if (answer_tail_peer(c, q))
                q->yourself = true;
        capnp_question_send(unsent, NULL, NULL);
        if (q->yourself && q->state == CALL_REMOTE)
                capnp_i_send_take_from(c, q);
        else
                q->yourself = false;
        capnp_i_call_follow(c, q);
        capnp_question_free(unsent);
        capnp_i_call_unref(c);
        return 0;
}

void capnp_answer_pipeline(capnp_answer *a)
{
        struct call *c = answer_call(a);

        capnp_i_vat_acts(c->vat);
        if (c->done || c->unfilled || (c->results && capnp_msg_check(&c->results->msg)))
                return;

        capnp_i_call_ref(c);
        c->callers++; /* what hangs on it may be all that wants it */
        c->piped = true;
        capnp_i_call_settle_pipes(c);
        capnp_i_call_drop_caller(c);
        capnp_i_call_unref(c);
}

int capnp_answer_keep(capnp_answer *a, void (*canceled)(capnp_answer *a, void *arg), void *arg)
{
        struct call *c = answer_call(a);

        c->kept = true;
        c->on_cancel = canceled;
        c->cancel_arg = arg;
        if (c->canceled)
                capnp_i_call_due(c, DUE_CANCEL);
        return 0;
}
