/*
 * What a worker tells of each call, while somebody wants to know.
 *
 * It is the worker's word; whose calls they are is ours. One that was taken over says what it
 * likes, so the words that it gives have to look like names and codes, and there are so many rows a
 * second; one that keeps to its windows never comes to that. Rows that nobody wants any more are
 * dropped, since a worker may hear of that later.
 */
#include "trace.h"

#include <stdio.h>
#include <string.h>

#include "admit.h"
#include "clock.h"
#include "live.h"
#include "sessiond.h"

enum {
        ROWS_AT_ONCE = 512,
        ROWS_A_SECOND = 400, /* a worker tells of 320 */
        LEFT_OUT = 1000 * 1000,
};

/* Whether so many more rows may come; they are taken then. */
static bool trace_take(struct trace_rate *t, uint32_t rows)
{
        uint64_t now = clock_boot_ms(), spent = (now - t->at_ms) * ROWS_A_SECOND / 1000;

        t->used = t->used > spent ? t->used - spent : 0;
        if (spent)
                t->at_ms = now;
        if (rows > ROWS_AT_ONCE - t->used)
                return false;

        t->used += rows;
        return true;
}

static void word_copy(char to[LIVE_WORD_BYTES + 1], capnp_text from)
{
        (void)snprintf(to, LIVE_WORD_BYTES + 1, "%s", live_word_is_good(from) ? from.p : "other");
}

/* The service of this name; NULL: it is none that is started. */
static struct service *service_named(const struct sessiond *s, const char *name)
{
        for (unsigned i = 0; i < s->policy.nservices; i++)
                if (!strcmp(s->policy.services[i].name, name))
                        return s->services[i];
        return NULL;
}

static void row_take(struct admission *ad, trace_row_reader r)
{
        const struct tallied *t = &ad->tallied;
        struct service *v;
        struct live_call c = {
                .at_ms = trace_row_at_ms(r),
                .micros = trace_row_micros(r),
                .interface_id = trace_row_interface_id(r),
                .method = trace_row_method(r),
                .bytes = trace_row_bytes(r),
        };

        (void)snprintf(c.session, sizeof(c.session), "%s", t->session);
        (void)snprintf(c.account, sizeof(c.account), "%s", t->account);
        (void)snprintf(c.profile, sizeof(c.profile), "%s", t->profile);
        word_copy(c.capability, trace_row_capability(r));
        word_copy(c.outcome, trace_row_outcome(r));
        v = c.interface_id ? service_named(ad->origin.s, c.capability) : NULL;
        if (v)
                (void)service_method_name(v, c.interface_id, c.method, c.name, sizeof(c.name));
        live_call(&ad->origin.s->live, &c);
}

int trace_rows(struct admission *ad, capnp_answer *a)
{
        trace_row_list l = admission_trace_param_calls(a);
        uint32_t n = trace_row_list_len(l), left_out = admission_trace_param_left_out(a);
        struct live *live = &ad->origin.s->live;

        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "the request cannot be read");
        if (!ad->tallied.session[0] || n > LIVE_AT_ONCE || !trace_take(&ad->traced, n + 1))
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "too many calls are told of");

        for (uint32_t i = 0; live->traced && i < n; i++)
                row_take(ad, trace_row_list_get(l, i));
        if (live->traced)
                live_left_out(live, left_out < LEFT_OUT ? left_out : LEFT_OUT);
        live_tell_calls(live);
        return capnp_answer_return(a);
}
