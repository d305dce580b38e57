/*
 * Calls, counted for the audit log: how often, and how many bytes, of each method. Once a minute,
 * while there was something, and at the end, the session manager is told; it records that as our
 * word, and no more of it than a worker that keeps to this would send.
 *
 * Where the profile says `auditCalls`, each call is a row of its own. It is told within a second,
 * and what goes through is held to a rate, because the log is everybody's: beyond it calls are
 * refused, as `over-quota.reports`, and the refusals counted. The session manager's bound is above
 * that, so what went through is recorded.
 */
#include "worker-tally.h"

#include <string.h>
#include <time.h>

enum {
        WINDOW_MS = 60 * 1000,
        EACH_MS = 1000,
        CALLS_AT_ONCE = 512, /* that are recorded by themselves … */
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
        if (!t->room)
                return false;

        t->room--;
        return true;
}

static void tally_on_timer(void *arg)
{
        struct worker *w = arg;

        w->tally.timer = NULL;
        tally_report(w);
}

static bool row_is(const struct tally_row *row, const struct tally_row *like)
{
        return row->method == like->method && row->iface == like->iface &&
               row->name == like->name && !strcmp(row->outcome, like->outcome);
}

/* The row for a call; a full table has one for all others. */
static struct tally_row *tally_row(struct worker *w, const struct tally_row *like, bool alone)
{
        struct tally *t = &w->tally;

        for (unsigned i = 0; !alone && i < t->n; i++)
                if (row_is(&t->rows[i], like))
                        return &t->rows[i];

        if (t->n == TALLY_ROWS && t->each)
                tally_report(w);
        if (t->n == TALLY_ROWS)
                return &t->others;
        if (!t->timer &&
            capnp_timer_new(w->vat, t->each ? EACH_MS : WINDOW_MS, tally_on_timer, w, &t->timer))
                t->timer = NULL; /* told at the end, then */
        t->rows[t->n] = *like;
        return &t->rows[t->n++];
}

bool tally_call(struct worker *w, const char *name, uint64_t iface, uint16_t method, uint64_t bytes,
                const char *outcome)
{
        struct tally_row like = {
                .name = name, .outcome = outcome, .iface = iface, .method = method};
        bool good = !strcmp(outcome, "ok"), room = !w->tally.each || !good;
        struct tally_row *row;

        room = room || tally_has_room(&w->tally);
        if (!room)
                like.outcome = capos_i_quota_code(CAPOS_I_QUOTA_REPORTS);
        row = tally_row(w, &like, w->tally.each && good && room);
        row->calls++;
        row->bytes += bytes;
        return room;
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

void tally_report(struct worker *w)
{
        struct tally *t = &w->tally;
        bool others = t->others.calls > 0;
        call_tally_list_builder l;
        capnp_question *q;

        t->timer = capnp_timer_free(t->timer);
        if (!t->n || !w->admission)
                return;

        q = admission_tally(worker_ask(w));
        l = admission_tally_init_calls(q, t->n + others);
        for (unsigned i = 0; i < t->n; i++)
                row_tell(&t->rows[i], call_tally_list_builder_get(l, i));
        if (others) {
                t->others.name = t->others.outcome = "others";
                row_tell(&t->others, call_tally_list_builder_get(l, t->n));
        }
        capnp_question_detach(q);
        t->n = 0;
        t->others = (struct tally_row){0};
}
