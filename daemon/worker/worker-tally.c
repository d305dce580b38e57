/*
 * Calls, counted for the audit log: how often, and how many bytes, of each method. Once a minute,
 * while there was something, and at the end, the session manager is told; it records that as our
 * word, and no more of it than a worker that keeps to this would send.
 *
 * What is refused has one row for each reason, whichever methods were called: who tries many must
 * not have a row for each.
 *
 * Where the profile says `auditCalls`, each call that goes through is a row of its own. It is told
 * within a second, and kept until the session manager has said that it is recorded. So that these
 * are few, and because the log is everybody's, what goes through is held to a rate: beyond it, and
 * while too many are still to be recorded, calls are refused, as `over-quota.reports`, and the
 * refusals counted. The session manager's bound is above that, so what went through is recorded.
 */
#include "worker-tally.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
        WINDOW_MS = 60 * 1000,
        EACH_MS = 1000,
        CALLS_AT_ONCE = 512, /* that are recorded by themselves, or are to be … */
        CALLS_A_SECOND = 200,
};

static uint64_t now_ms(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Whether one more call may be recorded by itself. */
static bool tally_has_room(struct tally *t)
{
        uint64_t now = now_ms(), more = (now - t->filled_ms) * CALLS_A_SECOND / 1000;

        if (!t->filled_ms || more > CALLS_AT_ONCE - t->room)
                t->room = CALLS_AT_ONCE;
        else
                t->room += (uint32_t)more;
        if (more || !t->filled_ms)
                t->filled_ms = now;
        if (!t->alone)
                t->alone = calloc(CALLS_AT_ONCE, sizeof(*t->alone));
        if (!t->alone || !t->room || t->nalone == CALLS_AT_ONCE)
                return false;

        t->room--;
        return true;
}

static void row_tell(const struct tally_row *row, call_tally_builder b)
{
        call_tally_set_capability(b, row->name);
        call_tally_set_interface_id(b, row->iface);
        call_tally_set_method(b, row->method);
        call_tally_set_calls(b, row->calls);
        call_tally_set_bytes(b, row->bytes);
        call_tally_set_outcome(b, row->outcome);
}

/* ---- calls that are recorded by themselves -------------------------------------------------- */

/* Makes a message of rows; it is the caller's to send. */
static capnp_question *rows_ask(struct worker *w, const struct tally_row *rows, unsigned n)
{
        capnp_question *q = admission_tally(worker_ask(w));
        call_tally_list_builder l = admission_tally_init_calls(q, n);

        for (unsigned i = 0; i < n; i++)
                row_tell(&rows[i], call_tally_list_builder_get(l, i));
        return q;
}

static void alone_drop(struct tally *t, unsigned n)
{
        t->nalone -= n;
        memmove(t->alone, t->alone + n, t->nalone * sizeof(*t->alone));
}

static void alone_tell(struct worker *w);

static void alone_on_timer(void *arg)
{
        struct worker *w = arg;

        w->tally.soon = NULL;
        alone_tell(w);
}

/* Without memory for a timer the next call, or the end, is when it is told. */
static void alone_tell_soon(struct worker *w)
{
        struct tally *t = &w->tally;

        if (!t->soon && !t->telling &&
            capnp_timer_new(w->vat, EACH_MS, alone_on_timer, w, &t->soon))
                t->soon = NULL;
}

/* What could not be recorded is told again. */
static void alone_told(capnp_question *q, int r, void *arg)
{
        struct worker *w = arg;
        struct tally *t = &w->tally;

        if (!r)
                alone_drop(t, t->told);
        t->told = 0;
        t->telling = capnp_question_free(q);
        if (!r && t->nalone >= TALLY_ROWS)
                alone_tell(w);
        else if (t->nalone)
                alone_tell_soon(w);
}

/* One message at a time: what it says of is kept. */
static void alone_tell(struct worker *w)
{
        struct tally *t = &w->tally;

        if (t->telling || !t->nalone || !w->admission)
                return;

        t->soon = capnp_timer_free(t->soon);
        t->told = t->nalone < TALLY_ROWS ? t->nalone : TALLY_ROWS;
        t->telling = rows_ask(w, t->alone, t->told);
        if (!t->telling) {
                t->told = 0;
                alone_tell_soon(w);
                return;
        }
        capnp_question_send(t->telling, alone_told, w);
}

/* There is room for it. */
static void alone_add(struct worker *w, const struct tally_row *row)
{
        struct tally *t = &w->tally;

        t->alone[t->nalone++] = *row;
        if (t->nalone - t->told < TALLY_ROWS)
                alone_tell_soon(w);
        else
                alone_tell(w);
}

/* It ends: all at once. What is under way arrives before it. */
static void alone_tell_all(struct worker *w)
{
        struct tally *t = &w->tally;

        t->soon = capnp_timer_free(t->soon);
        if (t->telling) {
                capnp_question_detach(t->telling);
                t->telling = NULL;
                alone_drop(t, t->told);
                t->told = 0;
        }
        while (t->nalone) {
                unsigned n = t->nalone < TALLY_ROWS ? t->nalone : TALLY_ROWS;

                capnp_question_detach(rows_ask(w, t->alone, n));
                alone_drop(t, n);
        }
}

/* ---- calls that are counted ----------------------------------------------------------------- */

static void tally_on_timer(void *arg);

static bool row_is(const struct tally_row *row, const struct tally_row *like)
{
        if (row->name != like->name ||
            (row->outcome != like->outcome && strcmp(row->outcome, like->outcome) != 0))
                return false;

        return (row->method == like->method && row->iface == like->iface) ||
               strcmp(like->outcome, "ok") != 0;
}

/* Without memory for a timer it is told at the end. */
static void tally_tell_later(struct worker *w)
{
        struct tally *t = &w->tally;

        if (!t->timer && capnp_timer_new(w->vat, WINDOW_MS, tally_on_timer, w, &t->timer))
                t->timer = NULL;
}

void tally_unsaid(struct worker *w)
{
        w->tally.unsaid++;
        tally_tell_later(w);
}

/* The row for a call; a full table has one for all others. */
static struct tally_row *tally_row(struct worker *w, const struct tally_row *like)
{
        struct tally *t = &w->tally;

        for (unsigned i = 0; i < t->n; i++)
                if (row_is(&t->rows[i], like))
                        return &t->rows[i];

        if (t->n == TALLY_ROWS)
                return &t->others;
        tally_tell_later(w);
        t->rows[t->n] = *like;
        t->rows[t->n].calls = t->rows[t->n].bytes = 0;
        return &t->rows[t->n++];
}

static void tally_count(struct worker *w, const struct tally_row *like)
{
        struct tally_row *row = tally_row(w, like);

        if (row->iface != like->iface || row->method != like->method)
                row->iface = row->method = 0;
        row->calls++;
        row->bytes += like->bytes;
}

bool tally_call(struct worker *w, const char *name, uint64_t iface, uint16_t method, uint64_t bytes,
                const char *outcome)
{
        struct tally_row row = {.name = name,
                                .outcome = outcome,
                                .iface = iface,
                                .method = method,
                                .calls = 1,
                                .bytes = bytes};
        bool alone = w->tally.each && !strcmp(outcome, "ok");

        if (alone && tally_has_room(&w->tally)) {
                alone_add(w, &row);
                return true;
        }

        if (alone)
                row.outcome = capos_i_quota_code(CAPOS_I_QUOTA_REPORTS);
        tally_count(w, &row);
        return !alone;
}

static void unsaid_tell(struct worker *w)
{
        capnp_question *q;

        if (!w->tally.unsaid)
                return;

        q = admission_report(worker_ask(w));
        admission_report_set_event(q, capos_i_quota_code(CAPOS_I_QUOTA_REPORTS));
        admission_report_set_times(q, w->tally.unsaid);
        capnp_question_detach(q);
        w->tally.unsaid = 0;
}

static void tally_tell(struct worker *w)
{
        struct tally_row rows[TALLY_ROWS + 1];
        struct tally *t = &w->tally;
        unsigned n = t->n;

        t->timer = capnp_timer_free(t->timer);
        unsaid_tell(w);
        if (!n)
                return;

        memcpy(rows, t->rows, n * sizeof(*rows));
        if (t->others.calls) {
                t->others.name = t->others.outcome = "others";
                rows[n++] = t->others;
        }
        capnp_question_detach(rows_ask(w, rows, n));
        t->n = 0;
        t->others = (struct tally_row){0};
}

static void tally_on_timer(void *arg)
{
        struct worker *w = arg;

        w->tally.timer = NULL;
        if (w->admission)
                tally_tell(w);
}

void tally_report(struct worker *w)
{
        if (!w->admission)
                return;

        tally_tell(w);
        alone_tell_all(w);
}

void tally_deinit(struct tally *t)
{
        t->timer = capnp_timer_free(t->timer);
        t->soon = capnp_timer_free(t->soon);
        t->telling = capnp_question_free(t->telling);
        free(t->alone);
        t->alone = NULL;
        t->nalone = t->told = 0;
}
