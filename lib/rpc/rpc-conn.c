/*
 * The core of a connection: how it begins, what it may hold, and its end.
 *
 * It does no I/O and reads no clock, so it can be fuzzed, replayed and run many to a process.
 *
 * A connection ends once. capnp_i_rpc_break() marks it, queues the abort and an event that empties
 * the tables, of calls first; nothing is torn down in the middle of something else.
 */
#include "rpc-internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire.h"

/* In two turns: who has called hears that it failed before what the peer held is let go. So a call
 * that stands for all that goes on about an object says why, and the object's end is no riddle. */
static void rpc_teardown(struct event *e)
{
        capnp_rpc *r = CAPNP_I_OF(e, capnp_rpc, teardown);

        if (!r->calls_over) {
                r->calls_over = true;
                capnp_i_table_close_calls(r);
                capnp_i_event_queue(r->vat, e);
                return;
        }
        capnp_i_table_close_caps(r);
        capnp_i_fds_close(&r->fds_open);
        capnp_i_rpc_dirty(r);
        capnp_i_rpc_unref(r);
}

/* The one place where a connection gets its limits: what we rely on holds whoever sets them. */
static void rpc_take_limits(capnp_rpc *r, const struct capnp_limits *l)
{
        r->limits = capnp_i_limits(l);
        if (r->limits.segments > CAPNP_I_MAX_SEGMENTS)
                r->limits.segments = CAPNP_I_MAX_SEGMENTS;
        if (r->limits.fds > MAX_FDS)
                r->limits.fds = MAX_FDS;
        if (r->no_fds)
                r->limits.fds = 0;
        capnp_i_turn_limits(r);
        capnp_i_plain_forget(r); /* how deep a message may go is in it */
}

int capnp_rpc_new(capnp_vat *v, const struct capnp_limits *l, capnp_cap *bootstrap,
                  capnp_rpc **ret_r)
{
        capnp_rpc *r = calloc(1, sizeof(*r));
        capnp_cap *why;

        if (!r)
                return -ENOMEM;

        /* Made now, because the moment it is needed may be the one without memory. */
        why = capnp_cap_new_broken(v, (capnp_exception){CAPNP_DISCONNECTED, "out of memory"});
        if (!why) {
                free(r);
                return -ENOMEM;
        }

        r->why = capnp_i_cap_broken(why);
        r->vat = capnp_i_vat_ref(v);
        r->refs = 1;
        r->calls_stop = UINT64_MAX;
        rpc_take_limits(r, l);
        r->bootstrap = capnp_cap_ref(bootstrap);
        capnp_i_list_init(&r->outq);
        capnp_i_list_init(&r->link);
        capnp_i_list_append(&v->rpcs, &r->link);
        capnp_i_event_init(&r->teardown, rpc_teardown);
        *ret_r = r;
        return 0;
}

void capnp_i_rpc_last(capnp_rpc *r)
{
        capnp_vat *v = r->vat;

        capnp_i_list_remove(&r->link);
        capnp_i_out_clear(r);
        capnp_i_fds_close(&r->fds_open);
        capnp_cap_unref(&r->why->cap);
        capnp_i_feed_deinit(r);
        capnp_i_plain_forget(r);
        capnp_i_map_deinit(&r->gates);
        free(r);
        capnp_i_vat_unref(v);
}

capnp_rpc *capnp_rpc_free(capnp_rpc *r)
{
        if (!r)
                return NULL;

        r->owner = NULL;
        r->trace = NULL;
        capnp_i_rpc_break(r, CAPNP_END_OURS, CAPNP_E_DISCONNECTED,
                          (capnp_exception){CAPNP_DISCONNECTED, "the connection was closed"},
                          false);
        capnp_i_out_clear(r);
        capnp_i_rpc_unref(r);
        return NULL;
}

void capnp_i_rpc_set_owner(capnp_rpc *r, const struct capnp_i_owner *o, void *self)
{
        r->owner = o;
        r->owner_self = self;
}

void capnp_i_rpc_forbid_fds(capnp_rpc *r)
{
        r->no_fds = true;
        r->limits.fds = 0;
}

unsigned capnp_i_rpc_fds_in(const capnp_rpc *r)
{
        return r->limits.fds_out_only ? 0 : r->limits.fds;
}

bool capnp_i_rpc_wipes(const capnp_rpc *r)
{
        return r->limits.wipe;
}

void capnp_i_rpc_dirty(capnp_rpc *r)
{
        if (r->owner)
                r->owner->dirty(r->owner_self);
}

void capnp_i_rpc_check_idle(capnp_rpc *r)
{
        if (r->owner && !r->closed && !r->questions.live && !r->silent.used && !r->exports.live &&
            !r->answers.used && !r->imports.used)
                r->owner->idle(r->owner_self);
}

/* ---- the end -------------------------------------------------------------------------------- */

void capnp_i_rpc_break(capnp_rpc *r, enum capnp_end end, int code, capnp_exception why, bool tell)
{
        capnp_cap *broken;

        if (r->closed)
                return;

        if (tell)
                capnp_i_send_abort(r, why.kind, why.reason);
        if (r->closed) /* sending failed and brought us here before */
                return;

        r->closed = code;
        r->end = end;
        broken = capnp_cap_new_broken(r->vat, (capnp_exception){CAPNP_DISCONNECTED, why.reason});
        if (broken) {
                capnp_cap_unref(&r->why->cap);
                r->why = capnp_i_cap_broken(broken);
        }

        capnp_i_rpc_ref(r); /* the event's */
        capnp_i_event_queue(r->vat, &r->teardown);
        capnp_i_rpc_dirty(r);
}

void capnp_i_rpc_starve(capnp_rpc *r, bool tell)
{
        capnp_i_rpc_break(r, CAPNP_END_OURS, -ENOMEM,
                          (capnp_exception){CAPNP_DISCONNECTED, "out of memory"}, tell);
}

void capnp_i_rpc_lost(capnp_rpc *r, const char *reason)
{
        capnp_i_vat_acts(r->vat);
        capnp_i_rpc_break(r, CAPNP_END_LOST, CAPNP_E_DISCONNECTED,
                          (capnp_exception){CAPNP_DISCONNECTED, reason}, false);
}

int capnp_i_rpc_violation(capnp_rpc *r, const char *fmt, ...)
{
        char text[256];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        capnp_i_rpc_break(r, CAPNP_END_BROKEN, CAPNP_E_PROTOCOL,
                          (capnp_exception){CAPNP_FAILED, text}, true);
        return CAPNP_E_PROTOCOL;
}

void capnp_rpc_close(capnp_rpc *r, capnp_exception why)
{
        capnp_i_vat_acts(r->vat);
        capnp_i_rpc_break(r, CAPNP_END_OURS, CAPNP_E_DISCONNECTED, why,
                          why.kind != CAPNP_DISCONNECTED);
}

bool capnp_rpc_is_closed(const capnp_rpc *r, capnp_exception *ret_why)
{
        if (r->closed && ret_why)
                *ret_why = (capnp_exception){r->why->kind, r->why->reason};

        return r->closed != 0;
}

enum capnp_end capnp_rpc_end(const capnp_rpc *r)
{
        return r->end;
}

/* ---- when to stop reading (doc/design/limits.md) -------------------------------------------- */

/* Nothing that the peer could send is waited for: there is no call of ours, and no promise of its.
 */
static bool rpc_waits_for_nothing(const capnp_rpc *r)
{
        return !r->questions.live && !r->awaited && !r->embargoes.live;
}

static bool rpc_has_too_much(const capnp_rpc *r)
{
        return r->held_for[FOR_PARAMS] > r->limits.held_bytes || r->out_notes > r->limits.out_bytes;
}

bool capnp_i_rpc_is_paused(const capnp_rpc *r)
{
        return rpc_has_too_much(r) && !r->impatient && rpc_waits_for_nothing(r);
}

uint64_t capnp_i_rpc_progress(const capnp_rpc *r)
{
        return r->progress;
}

void capnp_i_rpc_read_on(capnp_rpc *r)
{
        r->impatient = true;
        capnp_i_rpc_dirty(r);
}

void capnp_i_rpc_eased(capnp_rpc *r)
{
        if (rpc_has_too_much(r))
                return;

        r->impatient = false;
        capnp_i_rpc_dirty(r);
}

/* Whether input would be wanted if none was left of the last turn. */
static inline bool rpc_would_read(const capnp_rpc *r)
{
        if (r->closed)
                return false;

        if (r->out_replies <= r->limits.out_bytes && !rpc_has_too_much(r)) /* as a rule */
                return true;

        return !rpc_waits_for_nothing(r) ||
               (r->out_replies <= r->limits.out_bytes && !capnp_i_rpc_is_paused(r));
}

bool capnp_i_rpc_would_read(const capnp_rpc *r)
{
        return rpc_would_read(r);
}

bool capnp_rpc_wants_input(const capnp_rpc *r)
{
        return !r->rest.b && rpc_would_read(r);
}

/* ---- asking --------------------------------------------------------------------------------- */

int capnp_rpc_bootstrap(capnp_rpc *r, capnp_cap **ret_c)
{
        struct call *c;
        int k;

        if (r->closed) {
                *ret_c = capnp_cap_ref(&r->why->cap);
                return 0;
        }

        c = capnp_i_call_new(r->vat);
        if (!c)
                return -ENOMEM;

        *ret_c = capnp_i_call_pipe(c, NULL, 0);
        k = *ret_c ? capnp_i_table_question_new(r, c, &c->out_id) : -ENOMEM;
        if (k) {
                capnp_i_call_fail(c, CAPNP_OVERLOADED, capnp_i_send_why(k));
        } else {
                capnp_i_call_ref(c); /* the callee's */
                capnp_i_call_move(c, CALL_REMOTE);
                c->out = capnp_i_rpc_ref(r);
                capnp_i_send_bootstrap(r, c->out_id);
        }

        capnp_i_call_drop_caller(c);
        capnp_i_call_unref(c);
        if (k != -ENOMEM)
                return 0;

        *ret_c = capnp_cap_unref(*ret_c);
        return k;
}

void capnp_rpc_count(const capnp_rpc *r, struct capnp_rpc_counts *ret_n)
{
        *ret_n = (struct capnp_rpc_counts){
                .questions = r->questions.live + r->silent.used,
                .answers = r->answers.used,
                .exports = r->exports.live,
                .imports = r->imports.used,
                .embargoes = r->embargoes.live,
                .held_bytes = r->held,
                .out_bytes = r->out_bytes,
                .rate = capnp_i_turn_used(r),
                .calls_in = r->calls_in,
                .calls_out = r->calls_out,
        };
}

void capnp_rpc_count_most(const capnp_rpc *r, struct capnp_rpc_counts *ret_n)
{
        *ret_n = (struct capnp_rpc_counts){
                .questions = r->questions.most,
                .answers = r->answers.most,
                .exports = r->exports.most,
                .imports = r->imports.most,
                .embargoes = r->embargoes.most,
                .held_bytes = r->most_held,
                .out_bytes = r->most_out,
                .message_bytes = r->longest,
                .rate = capnp_i_turn_most(r),
                .calls_in = r->calls_in,
                .calls_out = r->calls_out,
        };
}

void capnp_rpc_set_limits(capnp_rpc *r, const struct capnp_limits *l)
{
        rpc_take_limits(r, l);
        capnp_i_rpc_dirty(r); /* it may want input again */
}

bool capnp_rpc_owns(const capnp_rpc *r, const capnp_cap *c)
{
        return capnp_i_cap_is_on(capnp_i_cap_final((capnp_cap *)(uintptr_t)c), r);
}

void capnp_rpc_set_trace(capnp_rpc *r, void (*fn)(void *arg, bool in, capnp_msg *m), void *arg)
{
        r->trace = fn;
        r->trace_arg = arg;
}
