/*
 * What all parts of a worker know: the connection's state, its session, and whom to ask.
 *
 * A connection is FRESH, then perhaps BOUND to a session, then ENDED, and never goes back. A
 * session that is bound again has been renewed.
 */
#include <assert.h>
#include <time.h>

#include "daemon-text.h"
#include "worker.h"

static const bool MOVES[WORKER_STATES][WORKER_STATES] = {
        [WORKER_FRESH] = {[WORKER_BOUND] = true, [WORKER_ENDED] = true},
        [WORKER_BOUND] = {[WORKER_BOUND] = true, [WORKER_ENDED] = true},
};

static uint64_t worker_clock_ms(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void worker_init(struct worker *w, capnp_vat *vat)
{
        *w = (struct worker){.vat = vat, .calls.limit = UINT64_MAX, .bytes.limit = UINT64_MAX};
        capnp_i_list_init(&w->pending);
        capnp_i_list_init(&w->grants);
        capnp_i_list_init(&w->revoked);
        w->changes = 1;
        capnp_i_list_init(&w->offers);
        w->clock_ms = worker_clock_ms;
}

void worker_move(struct worker *w, enum worker_state to)
{
        assert(MOVES[w->state][to]);
        w->state = to;
}

/* ---- the session ---------------------------------------------------------------------------- */

bound_reader worker_bound(const struct worker *w)
{
        return w->bound ? bound_root(w->bound) : (bound_reader){0};
}

session_ui_quota_reader worker_ui_quota(const struct worker *w)
{
        return session_quota_ui(session_info_quota(bound_info(worker_bound(w))));
}

struct capnp_limits worker_limits(const struct worker *w)
{
        session_quota_reader q = session_info_quota(bound_info(worker_bound(w)));
        struct capnp_limits l = {.message_bytes = 64 * 1024,
                                 .out_bytes = 256 * 1024,
                                 .held_bytes = 256 * 1024,
                                 .answers = 16,
                                 .refs = 32,
                                 .segments = MESSAGE_SEGMENTS,
                                 .depth = MESSAGE_NESTING,
                                 .wipe = true}; /* a renewal may come at any time */

        if (w->bound) {
                l.message_bytes = session_quota_message_bytes(q);
                l.out_bytes = l.held_bytes = session_quota_queued_bytes(q);
                l.answers = session_quota_calls(q);
                l.refs = session_quota_references(q);
                l.rate = session_quota_calls_per_second(q);
        }
        l.traversal = l.message_bytes / 8 * MESSAGE_TRAVERSAL;
        return l;
}

int worker_rebind(struct worker *w, bound_reader b)
{
        struct capnp_limits l;
        capnp_msg *m = NULL;
        int r = capnp_msg_new(&m);

        if (r)
                return r;

        capnp_abuilder_set_struct(capnp_msg_build(m), b.r);
        r = capnp_msg_check(m);
        if (r) {
                capnp_msg_free(m);
                return r;
        }

        capnp_msg_free(w->bound);
        w->bound = m;
        worker_move(w, WORKER_BOUND);
        l = worker_limits(w);
        w->tally.each = bound_audit_calls(worker_bound(w));
        w->calls.limit = l.answers;
        w->bytes.limit = l.out_bytes;
        capnp_rpc_set_limits(capnp_conn_rpc(w->client), &l);
        return 0;
}

int worker_bind(struct worker *w, bound_reader b)
{
        int r = worker_rebind(w, b);

        w->generation += !r;
        return r;
}

bundle_entry_reader worker_entry(const struct worker *w, const char *name)
{
        bundle_entry_list in = bound_bundle(worker_bound(w));
        uint32_t i;

        for (i = 0; i < bundle_entry_list_len(in); i++)
                if (text_is(bundle_entry_name(bundle_entry_list_get(in, i)), name))
                        return bundle_entry_list_get(in, i);

        return (bundle_entry_reader){0};
}

/* ---- calls ---------------------------------------------------------------------------------- */

admission_client worker_ask(const struct worker *w)
{
        return (admission_client){w->admission};
}

void worker_report(struct worker *w, struct worker_event e)
{
        capnp_question *q;

        if (w->state != WORKER_BOUND)
                return;

        q = admission_report(worker_ask(w));
        admission_report_set_event(q, e.name);
        admission_report_set_capability(q, e.capability);
        admission_report_set_detail(q, e.detail);
        admission_report_set_decided(q, e.decided);
        capnp_question_detach(q);
}

bool worker_refuses_ended(struct worker *w, capnp_answer *a)
{
        if (w->state != WORKER_ENDED)
                return false;

        (void)capnp_answer_fail(a, CAPNP_FAILED, "%s", w->ended);
        return true;
}

bool worker_refuses_unbound(struct worker *w, capnp_answer *a)
{
        if (w->state == WORKER_BOUND)
                return false;

        (void)capnp_answer_fail(a, CAPNP_FAILED, "%s", w->ended);
        return true;
}
