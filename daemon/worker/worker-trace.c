/*
 * Each call, while somebody wants to know: whose capability, which method, how long, what became of
 * it. Nothing of what a call carries is looked at.
 *
 * Without anybody there is no trace, and a call costs a look at that. With somebody it is noted
 * when a call crosses, in the membrane's own note of it, and told when it has come back. Rows go
 * out together, five times a second at most and one message at a time; what finds no place until
 * then is a number. A few places are kept for calls that did not go well, since those are what
 * somebody looks for, and a flood of good ones must not hide them.
 */
#include "worker-trace.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.capnp-c.h"
#include "remote_ui.capnp-c.h"

enum {
        ROWS = 64,      /* the session manager takes no more of them at once */
        ROWS_GOOD = 48, /* … that went well */
        TELL_MS = 200,
        COMMANDS = 0, /* CommandSurface.commands */
};

struct traced {
        const char *name, *outcome;
        uint64_t at_ms, micros, iface, bytes;
        uint16_t method;
};

struct trace {
        struct traced rows[ROWS];
        unsigned n;
        uint32_t left_out;
        capnp_question *telling;
        capnp_timer *timer; /* NULL: not long ago nothing was told */
};

static uint64_t clock_us(clockid_t which)
{
        struct timespec t;

        (void)clock_gettime(which, &t);
        return (uint64_t)t.tv_sec * 1000 * 1000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t trace_now_us(void)
{
        return clock_us(CLOCK_MONOTONIC) + 1;
}

/* ---- telling -------------------------------------------------------------------------------- */

static void trace_tell(struct worker *w);

static void trace_told(capnp_question *q, int r, void *arg)
{
        struct worker *w = arg;

        (void)r;
        w->trace->telling = capnp_question_free(q);
        if (!w->trace->timer)
                trace_tell(w);
}

static void trace_on_timer(void *arg)
{
        struct worker *w = arg;

        w->trace->timer = NULL;
        if (!w->trace->telling)
                trace_tell(w);
}

/* What there is, as a message, and there is nothing then. */
static capnp_question *trace_take(struct worker *w)
{
        struct trace *t = w->trace;
        capnp_question *q = admission_trace(worker_ask(w));
        trace_row_list_builder l = admission_trace_init_calls(q, t->n);

        for (unsigned i = 0; i < t->n; i++) {
                trace_row_builder b = trace_row_list_builder_get(l, i);

                trace_row_set_at_ms(b, t->rows[i].at_ms);
                trace_row_set_micros(b, t->rows[i].micros);
                trace_row_set_capability(b, t->rows[i].name);
                trace_row_set_interface_id(b, t->rows[i].iface);
                trace_row_set_method(b, t->rows[i].method);
                trace_row_set_bytes(b, t->rows[i].bytes);
                trace_row_set_outcome(b, t->rows[i].outcome);
        }
        admission_trace_set_left_out(q, t->left_out);
        t->n = t->left_out = 0;
        return q;
}

/* Neither a message is under way, nor was one sent just now. Without memory for a timer the answer
 * says when the next may be. */
static void trace_tell(struct worker *w)
{
        struct trace *t = w->trace;

        if ((!t->n && !t->left_out) || !w->admission)
                return;

        t->telling = trace_take(w);
        if (!t->telling)
                return;
        if (capnp_timer_new(w->vat, TELL_MS, trace_on_timer, w, &t->timer))
                t->timer = NULL;
        capnp_question_send(t->telling, trace_told, w);
}

void trace_report(struct worker *w)
{
        struct trace *t = w->trace;

        if (t && w->admission && (t->n || t->left_out))
                capnp_question_detach(trace_take(w));
}

/* ---- calls ---------------------------------------------------------------------------------- */

static void trace_add(struct worker *w, const struct traced *row)
{
        struct trace *t = w->trace;

        if (t->n < (strcmp(row->outcome, "ok") != 0 ? ROWS : ROWS_GOOD))
                t->rows[t->n++] = *row;
        else
                t->left_out++;
        /* Who is called from within a policy may send; a timer would not be allowed to fire. */
        if (!t->timer && !t->telling)
                trace_tell(w);
}

static const char *back_outcome(int outcome, enum capos_denial cut)
{
        switch (outcome) {
        case 0:
                return "ok";
        case -1:
                return capos_denial_code(cut);
        case -2:
                return "canceled";
        case 1 + CAPNP_OVERLOADED:
                return "overloaded";
        case 1 + CAPNP_DISCONNECTED:
                return "disconnected";
        case 1 + CAPNP_UNIMPLEMENTED:
                return "unimplemented";
        default:
                return "failed";
        }
}

/* It waits by nature, as long as it is let. */
static bool call_waits(const struct tally_row *c)
{
        return c->iface == UI_COMPOSER_ID ||
               (c->iface == COMMAND_SURFACE_ID && c->method == COMMANDS);
}

void trace_back(struct worker *w, const struct tally_row *call, uint64_t mark, int outcome,
                enum capos_denial cut)
{
        uint64_t micros = trace_now_us() - mark;

        if (!w->trace || call_waits(call))
                return;

        trace_add(w, &(struct traced){.name = call->name,
                                      .outcome = back_outcome(outcome, cut),
                                      .at_ms = (clock_us(CLOCK_REALTIME) - micros) / 1000,
                                      .micros = micros ? micros : 1,
                                      .iface = call->iface,
                                      .bytes = call->bytes,
                                      .method = call->method});
}

void trace_refused(struct worker *w, const char *name, const struct tally_row *call,
                   const char *code)
{
        if (!w->trace)
                return;

        trace_add(w, &(struct traced){.name = name,
                                      .outcome = code,
                                      .at_ms = clock_us(CLOCK_REALTIME) / 1000,
                                      .iface = call->iface,
                                      .bytes = call->bytes,
                                      .method = call->method});
}

/* ---- life ----------------------------------------------------------------------------------- */

void trace_follow(struct worker *w, bool on)
{
        struct trace *t = w->trace;

        if (on && !t)
                w->trace = calloc(1, sizeof(*t)); /* without memory nothing is told */
        if (on || !t)
                return;

        t->timer = capnp_timer_free(t->timer);
        t->telling = capnp_question_free(t->telling);
        free(t);
        w->trace = NULL;
}
