/*
 * What has happened of late: two rings, of calls and of records, and who waits for more.
 *
 * Records are copied as they are written, always, since there are few; calls are told by workers
 * only while somebody wants to know, which is from when he asks until a while after he has asked
 * last. So nobody has to say that he is done, and who has died is forgotten by himself.
 *
 * What is kept is what may be shown to whoever holds `instance` or `trace`. What strangers have
 * worded is not: in the wrong field of a login there may be a password.
 */
#include "live.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admit.h"
#include "clock.h"
#include "daemon-instance.h"
#include "instance.capnp-c.h"
#include "sessiond.h"

/* Somebody who has asked for what is not there yet. */
struct waiter {
        struct capnp_i_list link;
        struct live *l;
        capnp_answer *a;
        capnp_timer *timer; /* NULL: it has fired */
        bool calls;
        uint64_t after;
        uint16_t max;
};

/* ---- what is kept --------------------------------------------------------------------------- */

bool live_word_is_good(capnp_text t)
{
        if (!t.len || t.len > LIVE_WORD_BYTES)
                return false;
        for (uint32_t i = 0; i < t.len; i++)
                if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-_.", t.p[i]) || !t.p[i])
                        return false;
        return true;
}

static void copy(char *to, size_t size, const char *from)
{
        (void)snprintf(to, size, "%s", from ? from : "");
}

/* The name of something that may be granted. */
static bool is_capability(const struct live *l, const char *name)
{
        const struct policy *p = &l->s->policy;

        for (unsigned i = 0; i < p->nservices; i++)
                if (!strcmp(p->services[i].name, name))
                        return true;
        return !strcmp(name, "session") || !strcmp(name, "admin") ||
               daemon_instance_is(capnp_text_of(name));
}

static bool is_refusal(const char *outcome)
{
        return outcome && (!strncmp(outcome, "denied.", 7) || !strncmp(outcome, "over-quota.", 11));
}

static void record_fill(const struct live *l, const struct capos_audit_record *r,
                        struct live_record *to)
{
        *to = (struct live_record){
                .at_ms = r->time_ms, .times = r->times, .from_worker = r->reporter != NULL};
        copy(to->what, sizeof(to->what), r->what);
        copy(to->outcome, sizeof(to->outcome), r->outcome);
        if (r->reporter && r->outcome && !live_word_is_good(capnp_text_of(r->outcome)))
                copy(to->outcome, sizeof(to->outcome), "other");
        copy(to->session, sizeof(to->session), r->session);
        if (r->session) {
                copy(to->account, sizeof(to->account), r->account);
                copy(to->profile, sizeof(to->profile), r->profile);
        }
        if (r->capability && is_capability(l, r->capability))
                copy(to->capability, sizeof(to->capability), r->capability);
}

/* ---- telling -------------------------------------------------------------------------------- */

static void record_write(instance_record_builder b, const struct live_record *r)
{
        instance_record_set_sequence(b, r->sequence);
        instance_record_set_at_ms(b, r->at_ms);
        instance_record_set_what(b, r->what);
        instance_record_set_outcome(b, r->outcome);
        instance_record_set_account(b, r->account);
        instance_record_set_profile(b, r->profile);
        instance_record_set_session(b, r->session);
        instance_record_set_capability(b, r->capability);
        instance_record_set_times(b, r->times);
        instance_record_set_from_worker(b, r->from_worker);
}

static void call_write(traced_call_builder b, const struct live_call *c)
{
        traced_call_set_sequence(b, c->sequence);
        traced_call_set_at_ms(b, c->at_ms);
        traced_call_set_micros(b, c->micros);
        traced_call_set_session(b, c->session);
        traced_call_set_account(b, c->account);
        traced_call_set_profile(b, c->profile);
        traced_call_set_capability(b, c->capability);
        traced_call_set_interface_id(b, c->interface_id);
        traced_call_set_method_id(b, c->method);
        traced_call_set_method(b, c->name);
        traced_call_set_outcome(b, c->outcome);
        traced_call_set_bytes(b, c->bytes);
}

static uint32_t least(uint64_t a, uint64_t b)
{
        return (uint32_t)(a < b ? a : b);
}

/* The place in the ring of the first that comes after a number; *ret_n: how many there are. */
static uint64_t records_after(const struct live *l, uint64_t after, uint64_t *ret_n)
{
        uint64_t at = l->nrecords > LIVE_RECORDS ? l->nrecords - LIVE_RECORDS : 0;

        while (at < l->nrecords && l->records[at % LIVE_RECORDS].sequence <= after)
                at++;
        *ret_n = l->nrecords - at;
        return at;
}

static uint64_t calls_after(const struct live *l, uint64_t after, uint64_t *ret_n)
{
        uint64_t at = l->ncalls > LIVE_CALLS ? l->ncalls - LIVE_CALLS : 0;

        while (at < l->ncalls && l->calls[at % LIVE_CALLS].sequence <= after)
                at++;
        *ret_n = l->ncalls - at;
        return at;
}

static int records_return(const struct live *l, capnp_answer *a, uint64_t after, uint16_t max)
{
        instance_record_list_builder b;
        uint64_t n, at = records_after(l, after, &n);

        n = least(n, least(max, LIVE_AT_ONCE));
        b = instance_view_audit_results_init_records(a, (uint32_t)n);
        for (uint32_t i = 0; i < n; i++)
                record_write(instance_record_list_builder_get(b, i),
                             &l->records[(at + i) % LIVE_RECORDS]);
        return capnp_answer_return(a);
}

static int calls_return(const struct live *l, capnp_answer *a, uint64_t after, uint16_t max)
{
        traced_call_list_builder b;
        uint64_t n, at = calls_after(l, after, &n);

        n = least(n, least(max, LIVE_AT_ONCE));
        b = call_trace_recent_results_init_calls(a, (uint32_t)n);
        for (uint32_t i = 0; i < n; i++)
                call_write(traced_call_list_builder_get(b, i), &l->calls[(at + i) % LIVE_CALLS]);
        call_trace_recent_results_set_last(a, l->last);
        return capnp_answer_return(a);
}

/* ---- waiting -------------------------------------------------------------------------------- */

static capnp_answer *waiter_free(struct waiter *w)
{
        capnp_answer *a = w->a;

        w->l->nwaiters--;
        capnp_i_list_remove(&w->link);
        capnp_timer_free(w->timer);
        free(w);
        return a;
}

static void waiter_tell(struct waiter *w)
{
        struct waiter was = *w;
        capnp_answer *a = waiter_free(w);

        if (was.calls)
                (void)calls_return(was.l, a, was.after, was.max);
        else
                (void)records_return(was.l, a, was.after, was.max);
}

static void waiter_on_time(void *arg)
{
        struct waiter *w = arg;

        w->timer = NULL;
        waiter_tell(w);
}

static void waiter_on_cancel(capnp_answer *a, void *arg)
{
        (void)waiter_free(arg);
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static int waiter_new(struct live *l, const struct waiter *like, uint32_t ms)
{
        struct waiter *w = l->nwaiters < LIVE_WAITERS ? malloc(sizeof(*w)) : NULL;

        if (!w)
                return capnp_answer_fail(like->a, CAPNP_OVERLOADED, "too many wait already");

        *w = *like;
        capnp_i_list_init(&w->link);
        if (capnp_timer_new(l->s->vat, least(ms, LIVE_WAIT_MS), waiter_on_time, w, &w->timer)) {
                free(w);
                return capos_i_refuse_no_memory(like->a);
        }
        l->nwaiters++;
        capnp_i_list_append(&l->waiters, &w->link);
        return capnp_answer_keep(w->a, waiter_on_cancel, w);
}

static void waiters_tell(struct live *l, bool calls)
{
        struct capnp_i_list *k, *next;

        for (k = l->waiters.next; k != &l->waiters; k = next) {
                struct waiter *w = CAPNP_I_OF(k, struct waiter, link);

                next = k->next;
                if (w->calls == calls)
                        waiter_tell(w);
        }
}

/* ---- records -------------------------------------------------------------------------------- */

void live_record(void *arg, const struct capos_audit_record *r, uint64_t number)
{
        struct live *l = arg;
        struct live_record *to = &l->records[l->nrecords % LIVE_RECORDS];

        record_fill(l, r, to);
        to->sequence = number;
        l->nrecords++;
        l->written++;
        l->refused += is_refusal(r->outcome) ? 1 + r->times : 0;
        waiters_tell(l, false);
}

int live_ask_records(struct live *l, capnp_answer *a)
{
        const struct waiter like = {.l = l,
                                    .a = a,
                                    .after = instance_view_audit_param_after(a),
                                    .max = instance_view_audit_param_max(a)};
        uint32_t ms = instance_view_audit_param_wait_ms(a);
        uint64_t n;

        (void)records_after(l, like.after, &n);
        return n || !ms ? records_return(l, a, like.after, like.max) : waiter_new(l, &like, ms);
}

/* ---- calls ---------------------------------------------------------------------------------- */

static void trace_stop(struct live *l)
{
        l->off = capnp_timer_free(l->off);
        l->traced = false;
        waiters_tell(l, true);
        free(l->calls);
        l->calls = NULL;
        l->ncalls = 0;
        admissions_trace(l->s);
}

static bool trace_is_wanted(const struct live *l)
{
        for (const struct capnp_i_list *k = l->waiters.next; k != &l->waiters; k = k->next)
                if (CAPNP_I_OF(k, struct waiter, link)->calls)
                        return true;
        return clock_boot_ms() - l->asked_ms < LIVE_ASKED_MS;
}

static void trace_on_timer(void *arg)
{
        struct live *l = arg;

        l->off = NULL;
        if (!trace_is_wanted(l) ||
            capnp_timer_new(l->s->vat, LIVE_ASKED_MS, trace_on_timer, l, &l->off))
                trace_stop(l);
}

/* 0 or -ENOMEM. */
static int trace_start(struct live *l)
{
        l->asked_ms = clock_boot_ms();
        if (l->traced)
                return 0;

        l->calls = calloc(LIVE_CALLS, sizeof(*l->calls));
        if (!l->calls || capnp_timer_new(l->s->vat, LIVE_ASKED_MS, trace_on_timer, l, &l->off)) {
                free(l->calls);
                l->calls = NULL;
                return -ENOMEM;
        }
        l->traced = true;
        admissions_trace(l->s);
        return 0;
}

void live_call(struct live *l, const struct live_call *c)
{
        struct live_call *to;

        if (!l->traced)
                return;

        to = &l->calls[l->ncalls++ % LIVE_CALLS];
        *to = *c;
        to->sequence = ++l->last;
}

void live_left_out(struct live *l, uint32_t n)
{
        l->last += n;
}

void live_tell_calls(struct live *l)
{
        waiters_tell(l, true);
}

int live_ask_calls(struct live *l, capnp_answer *a)
{
        const struct waiter like = {.l = l,
                                    .a = a,
                                    .calls = true,
                                    .after = call_trace_recent_param_after(a),
                                    .max = call_trace_recent_param_max(a)};
        uint32_t ms = call_trace_recent_param_wait_ms(a);
        uint64_t n;

        if (trace_start(l))
                return capos_i_refuse_no_memory(a);

        (void)calls_after(l, like.after, &n);
        return n || !ms ? calls_return(l, a, like.after, like.max) : waiter_new(l, &like, ms);
}

/* ---- life ----------------------------------------------------------------------------------- */

int live_init(struct live *l, struct sessiond *s)
{
        *l = (struct live){.s = s};
        capnp_i_list_init(&l->waiters);
        l->records = calloc(LIVE_RECORDS, sizeof(*l->records));
        if (!l->records)
                return -ENOMEM;

        s->audit.wrote = live_record;
        s->audit.wrote_arg = l;
        return 0;
}

void live_deinit(struct live *l)
{
        if (!l->s)
                return;

        while (!capnp_i_list_empty(&l->waiters))
                (void)capnp_answer_fail(
                        waiter_free(CAPNP_I_OF(l->waiters.next, struct waiter, link)),
                        CAPNP_DISCONNECTED, "shutting down");
        l->off = capnp_timer_free(l->off);
        l->s->audit.wrote = NULL;
        free(l->calls);
        free(l->records);
        *l = (struct live){0};
}
