/*
 * What the instance tells of itself, as long as somebody looks.
 *
 * The service asks the session manager, by its grants: for records and calls as they come, by calls
 * that wait, and for numbers once a second. None of that goes through a session, so it is in no
 * trace: who looks does not see his own looking. All who look share one feed.
 *
 * Of calls the latest are kept, and by themselves the latest of those that somebody may look for: a
 * busy instance must not push the one that was refused out of sight. When nobody looks, nothing is
 * asked for and nothing kept.
 */
#include "diag-feed.h"

#include "instance.capnp-c.h"

#include <capos/kit.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
        AT_ONCE = 64,
        WAIT_MS = 10 * 1000,
        PAUSE_MS = 100, /* between two questions for calls, if all were told */
        AGAIN_MS = 1000,
};

uint64_t feed_wall_ms(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_REALTIME, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void feed_tell(struct feed *f)
{
        struct capnp_i_list *l, *next;

        for (l = f->lookers.next; l != &f->lookers; l = next) {
                struct feed_looker *k = CAPNP_I_OF(l, struct feed_looker, link);

                next = l->next;
                k->news(k);
        }
}

static bool begins(capnp_text t, const char *with)
{
        return t.len >= strlen(with) && !memcmp(t.p, with, strlen(with));
}

static bool is_refusal(capnp_text outcome)
{
        return begins(outcome, "denied.") || begins(outcome, "over-quota.");
}

static bool is_ok(capnp_text outcome)
{
        return outcome.len == 2 && !memcmp(outcome.p, "ok", 2);
}

/* A name, and the beginning of a session's id: two sessions of one account are two. */
static void who_write(char to[FEED_NAME_BYTES + 1], capnp_text account, capnp_text session)
{
        enum { ID_SHOWN = 6 };

        (void)snprintf(to, FEED_NAME_BYTES + 1, "%.48s%s%.*s", account.len ? account.p : "nobody",
                       session.len ? " " : "", ID_SHOWN, session.p);
}

/* ---- what is not there ---------------------------------------------------------------------- */

static void feed_ask_all(struct feed *f);

static void feed_on_again(void *arg)
{
        struct feed *f = arg;

        f->again = NULL;
        feed_ask_all(f);
}

/* Nothing is held any more. It is asked for anew in a while. */
static void feed_lose(struct feed *f, const char *what, const char *why)
{
        if (!f->complained)
                fprintf(stderr, "capos-diagnostics: %s: %s\n", what, why);
        f->complained = true;
        f->metrics = capnp_question_free(f->metrics);
        f->audit = capnp_question_free(f->audit);
        f->recent = capnp_question_free(f->recent);
        f->pause = capnp_timer_free(f->pause);
        f->instance = capnp_cap_unref(f->instance);
        f->trace = capnp_cap_unref(f->trace);
        if (!f->again)
                (void)!capnp_timer_new(f->vat, AGAIN_MS, feed_on_again, f, &f->again);
}

/* Whether a question has come back well; it is still the feed's. */
static bool feed_is_told(struct feed *f, capnp_question *q, int r, const char *what)
{
        if (!r)
                return true;

        feed_lose(f, what,
                  r == CAPNP_E_EXCEPTION ? capnp_question_exception(q).reason : capnp_strerror(r));
        return false;
}

/* ---- records -------------------------------------------------------------------------------- */

static void records_ask(struct feed *f);

static void record_add(struct feed *f, instance_record_reader r)
{
        struct feed_record *to = &f->records[f->nrecords % FEED_RECORDS];
        capnp_text outcome = instance_record_outcome(r), what = instance_record_what(r),
                   capability = instance_record_capability(r);
        char times[32] = "";

        *to = (struct feed_record){.sequence = instance_record_sequence(r),
                                   .at_ms = instance_record_at_ms(r),
                                   .refused = is_refusal(outcome)};
        /* A report of panes has what has happened for an outcome. */
        to->notable = to->refused || (!is_ok(outcome) && !begins(outcome, "ui.")) ||
                      begins(what, "revocation");
        if (instance_record_times(r))
                (void)snprintf(times, sizeof(times), ", %" PRIu64 " times",
                               instance_record_times(r));
        (void)snprintf(to->text, sizeof(to->text), "%.32s %.64s%s%.64s%s%s", what.p, outcome.p,
                       capability.len ? ": " : "", capability.p, times,
                       instance_record_from_worker(r) ? " (says its worker)" : "");
        who_write(to->who, instance_record_account(r), instance_record_session(r));
        f->nrecords++;
}

static void records_on_told(capnp_question *q, int r, void *arg)
{
        struct feed *f = arg;
        instance_record_list l;

        if (!feed_is_told(f, q, r, "audit"))
                return;

        l = instance_view_audit_records(q);
        for (uint32_t i = 0; i < instance_record_list_len(l); i++)
                record_add(f, instance_record_list_get(l, i));
        f->audit = capnp_question_free(q);
        feed_tell(f);
        if (f->nlookers)
                records_ask(f);
}

static void records_ask(struct feed *f)
{
        const struct feed_record *last =
                &f->records[(f->nrecords + FEED_RECORDS - 1) % FEED_RECORDS];

        f->audit = instance_view_audit((instance_view_client){f->instance});
        instance_view_audit_set_after(f->audit, f->nrecords ? last->sequence : 0);
        instance_view_audit_set_max(f->audit, AT_ONCE);
        instance_view_audit_set_wait_ms(f->audit, WAIT_MS);
        capnp_question_send(f->audit, records_on_told, f);
}

/* ---- calls ---------------------------------------------------------------------------------- */

static void calls_ask(struct feed *f);

static void call_add(struct feed *f, traced_call_reader r)
{
        struct feed_call *to = &f->calls[f->ncalls++ % FEED_CALLS];
        capnp_text outcome = traced_call_outcome(r);

        *to = (struct feed_call){
                .sequence = traced_call_sequence(r),
                .at_ms = traced_call_at_ms(r),
                .micros = traced_call_micros(r),
                .interface_id = traced_call_interface_id(r),
                .method = traced_call_method_id(r),
                .refused = is_refusal(outcome),
                .ok = is_ok(outcome),
        };
        who_write(to->who, traced_call_account(r), traced_call_session(r));
        (void)snprintf(to->capability, sizeof(to->capability), "%s", traced_call_capability(r).p);
        (void)snprintf(to->outcome, sizeof(to->outcome), "%s", outcome.p);
        (void)snprintf(to->name, sizeof(to->name), "%s", traced_call_method(r).p);
        f->refused += to->refused;
        if (!to->ok || to->micros >= FEED_NOTABLE_US)
                f->notable[f->nnotable++ % FEED_NOTABLE] = *to;
}

static void calls_on_pause(void *arg)
{
        struct feed *f = arg;

        f->pause = NULL;
        calls_ask(f);
}

static void calls_on_told(capnp_question *q, int r, void *arg)
{
        struct feed *f = arg;
        traced_call_list l;
        uint32_t n;

        if (!feed_is_told(f, q, r, "trace"))
                return;

        l = call_trace_recent_calls(q);
        n = traced_call_list_len(l);
        for (uint32_t i = 0; i < n; i++)
                call_add(f, traced_call_list_get(l, i));
        f->last = call_trace_recent_last(q);
        if (!f->traced) /* what was traced for others before is not of this second */
                f->last_before = f->last > n ? f->last - n : 0;
        f->traced = true;
        f->recent = capnp_question_free(q);
        feed_tell(f);
        if (!f->nlookers)
                return;
        if (n == AT_ONCE || capnp_timer_new(f->vat, PAUSE_MS, calls_on_pause, f, &f->pause))
                calls_ask(f);
}

static void calls_ask(struct feed *f)
{
        const struct feed_call *last = &f->calls[(f->ncalls + FEED_CALLS - 1) % FEED_CALLS];

        f->recent = call_trace_recent((call_trace_client){f->trace});
        call_trace_recent_set_after(f->recent, f->ncalls ? last->sequence : 0);
        call_trace_recent_set_max(f->recent, AT_ONCE);
        call_trace_recent_set_wait_ms(f->recent, WAIT_MS);
        capnp_question_send(f->recent, calls_on_told, f);
}

/* ---- seconds -------------------------------------------------------------------------------- */

static void second_add(struct feed *f)
{
        uint64_t calls = f->last > f->last_before ? f->last - f->last_before : 0;

        f->seconds[f->nseconds++ % FEED_SECONDS] = (struct feed_second){.at_ms = feed_wall_ms(),
                                                                        .calls = (uint32_t)calls,
                                                                        .refused = f->refused,
                                                                        .sessions = f->sessions,
                                                                        .counted = f->counted};
        f->last_before = f->last;
        f->refused = 0;
}

static void metrics_on_told(capnp_question *q, int r, void *arg)
{
        struct feed *f = arg;
        instance_metric_list l;

        if (!feed_is_told(f, q, r, "metrics"))
                return;

        l = instance_view_metrics_metrics(q);
        for (uint32_t i = 0; i < instance_metric_list_len(l); i++) {
                instance_metric_reader m = instance_metric_list_get(l, i);

                if (begins(instance_metric_name(m), "sessions"))
                        f->sessions = (uint32_t)instance_metric_value(m);
        }
        f->metrics = capnp_question_free(q);
        f->counted = true;
        f->complained = false;
}

static void metrics_ask(struct feed *f)
{
        f->metrics = instance_view_metrics((instance_view_client){f->instance});
        capnp_question_send(f->metrics, metrics_on_told, f);
}

static void feed_on_second(void *arg)
{
        enum { SECOND_MS = 1000 };
        struct feed *f = arg;

        f->second = NULL;
        second_add(f);
        if (f->instance && !f->metrics)
                metrics_ask(f);
        (void)!capnp_timer_new(f->vat, SECOND_MS, feed_on_second, f, &f->second);
        feed_tell(f);
}

/* ---- who looks ------------------------------------------------------------------------------ */

static void feed_ask_all(struct feed *f)
{
        if (kit_get(f->kit, "instance", INSTANCE_VIEW_ID, &f->instance) ||
            kit_get(f->kit, "trace", CALL_TRACE_ID, &f->trace)) {
                feed_lose(f, "asking for it", "out of memory");
                return;
        }
        records_ask(f);
        calls_ask(f);
        metrics_ask(f);
}

void feed_init(struct feed *f, capnp_vat *v, struct kit *k)
{
        memset(f, 0, sizeof(*f));
        f->vat = v;
        f->kit = k;
        capnp_i_list_init(&f->lookers);
}

void feed_look(struct feed *f, struct feed_looker *l)
{
        capnp_i_list_append(&f->lookers, &l->link);
        if (f->nlookers++)
                return;

        feed_on_second(f); /* first: what is marked in a chart comes after where that begins */
        feed_ask_all(f);
}

void feed_look_away(struct feed *f, struct feed_looker *l)
{
        capnp_i_list_remove(&l->link);
        if (--f->nlookers)
                return;

        f->complained = true; /* it is our own doing */
        feed_lose(f, "", "");
        capnp_timer_free(f->again);
        capnp_timer_free(f->second);
        feed_init(f, f->vat, f->kit);
}
