/*
 * What a worker says of its client's calls.
 *
 * It is the worker's word, and one that was taken over says what it likes; so there is a bound that
 * one that keeps to its windows never comes to: rows that fill up by the time, of which it has some
 * more for the end. What exceeds it is refused, and not recorded.
 *
 * A session that is raised, or has another policy, keeps what it has used up of that; where each
 * call was a row and no longer is, the worker may still tell of as many as it had kept.
 *
 * It may come after the session has ended, as the worker is told of that first: whose it was is
 * remembered.
 */
#include "tally.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "admit.h"
#include "clock.h"
#include "sessiond.h"

enum {
        ROWS = TALLY_WINDOW + 1, /* of one call: what a worker keeps, and what is beyond */
        ROWS_AT_ONCE = 3 * ROWS, /* a window, the next one, and the end */
        CALLS_AT_ONCE = 1024,    /* with `auditCalls` */
        WINDOW_MS = 50 * 1000,   /* a minute, and what timers differ by */
        CALLS_A_SECOND = 256,    /* a worker lets 200 through */
};

/* Whether so many more rows may be recorded; they are taken then. */
static bool tally_take(struct tallied *t, uint32_t rows)
{
        uint64_t now = clock_boot_ms(), most = t->was_each ? CALLS_AT_ONCE : ROWS_AT_ONCE,
                 rate = t->each ? CALLS_A_SECOND * 1000 : ROWS * 1000 * 1000 / WINDOW_MS,
                 spent = (now - t->at_ms) * rate / (1000 * 1000);

        t->used = t->used > spent ? t->used - spent : 0;
        if (spent || !t->at_ms)
                t->at_ms = now;
        if (rows > most - t->used)
                return false;

        t->used += rows;
        return true;
}

/* has_room: else it is a number, for what is left of the disk is for the ends of what has begun. */
static void tally_record(struct admission *ad, call_tally_reader x, bool has_room)
{
        const struct tallied *t = &ad->tallied;
        const char *outcome = call_tally_outcome(x).p;
        /* A row of more was counted before each call was to have its own. */
        bool alone = t->each && call_tally_calls(x) == 1 && !strcmp(outcome, "ok");
        struct capos_audit_record r = origin_record(&ad->origin, alone ? "call" : "calls", outcome);
        char detail[96];

        if (call_tally_interface_id(x))
                (void)snprintf(detail, sizeof(detail), "0x%016" PRIx64 ".%u, %" PRIu64 " bytes",
                               call_tally_interface_id(x), call_tally_method(x),
                               call_tally_bytes(x));
        else
                (void)snprintf(detail, sizeof(detail), "several methods, %" PRIu64 " bytes",
                               call_tally_bytes(x));
        r.session = t->session;
        r.account = t->account[0] ? t->account : NULL;
        r.profile = t->profile;
        r.capability = call_tally_capability(x).p;
        r.detail = detail;
        r.reporter = "worker";
        r.times = call_tally_calls(x);
        if (t->account[0] && has_room)
                audit_add(&ad->origin.s->audit, r);
        else
                audit_add_counted(&ad->origin.s->audit, r);
}

void tally_follow(struct tallied *t, const struct session *e)
{
        t->each = e->profile->audit_calls;
        t->was_each |= t->each;
}

void tally_begin(struct tallied *t, const struct session *e)
{
        if (strcmp(t->session, e->id) != 0)
                *t = (struct tallied){0};
        tally_follow(t, e);
        (void)snprintf(t->session, sizeof(t->session), "%s", e->id);
        (void)snprintf(t->account, sizeof(t->account), "%s", e->account);
        (void)snprintf(t->profile, sizeof(t->profile), "%s", e->profile->name);
}

int tally_calls(struct admission *ad, capnp_answer *a)
{
        call_tally_list l = admission_tally_param_calls(a);
        uint32_t n = call_tally_list_len(l);
        bool has_room = audit_log_has_room(&ad->origin.s->audit.log);

        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "the request cannot be read");
        if (!ad->tallied.session[0] || n > ROWS || !tally_take(&ad->tallied, n))
                return origin_over_quota(&ad->origin, a, CAPOS_I_QUOTA_REPORTS, NULL);

        for (uint32_t i = 0; i < n; i++)
                tally_record(ad, call_tally_list_get(l, i), has_room);
        return capnp_answer_return(a);
}
