/*
 * How a connection begins, and how its tables are emptied at its end.
 *
 * It ends once, by a mark (rpc-conn.c). What hangs on it goes by an event of its own, of calls
 * first; nothing is torn down in the middle of something else.
 */
#include "rpc-message.h"
#include "rpc-stream.h"

#include <errno.h>
#include <stdlib.h>

#include "wire.h"

static void rpc_close_embargoes(capnp_rpc *r)
{
        uint32_t i;

        for (i = 0; i < r->embargoes.n; i++) {
                struct promise *p = r->embargoes.v[i].p;

                r->embargoes.v[i].p = NULL;
                if (!p)
                        continue;

                p->embargo_rpc = NULL;
                capnp_i_promise_settle_broken(p, r->why->kind, r->why->reason);
        }
        capnp_i_table_embargoes_end(r);
}

static void rpc_close_questions(capnp_rpc *r)
{
        uint32_t i;

        for (i = 0; i < r->questions.n; i++) {
                struct call *c = r->questions.v[i].live ? r->questions.v[i].p : NULL;

                if (!c)
                        continue;

                capnp_i_table_question_take(r, (struct question_id){i});
                c->finish_sent = c->returned = true;
                capnp_i_call_fail(c, r->why->kind, r->why->reason);
        }
        capnp_i_slots_deinit(&r->questions);
}

/* What fails lets go of others: all are held until all have been told. */
static void rpc_close_silent(capnp_rpc *r)
{
        struct capnp_i_map silent = r->silent;
        uint32_t pos = 0;
        struct call *c;

        r->silent = (struct capnp_i_map){0};
        while ((c = capnp_i_map_next(&silent, &pos, NULL)))
                capnp_i_call_ref(c);

        pos = 0;
        while ((c = capnp_i_map_next(&silent, &pos, NULL))) {
                c->finish_sent = c->returned = true;
                capnp_i_call_fail(c, r->why->kind, r->why->reason);
                capnp_i_call_unref(c);
        }
        capnp_i_map_deinit(&silent);
}

static void rpc_close_answers(capnp_rpc *r)
{
        struct capnp_i_ids answers = r->answers;
        uint32_t pos = 0;
        struct call *c;

        r->answers = (struct capnp_i_ids){.most = answers.most};
        while ((c = capnp_i_ids_next(&answers, &pos, NULL))) {
                bool waiting = !c->finished;

                c->finished = c->answered = true;
                if (waiting)
                        capnp_i_call_drop_caller(c);
                capnp_i_call_give_up(c);
                capnp_i_call_unref(c);
        }
        capnp_i_ids_deinit(&answers);
}

static void rpc_close_exports(capnp_rpc *r)
{
        uint32_t i;

        for (i = 0; i < r->exports.n; i++)
                if (r->exports.v[i].live)
                        capnp_i_table_export_drop(r, r->exports.v[i].p);
        capnp_i_slots_deinit(&r->exports);
        capnp_i_map_deinit(&r->exported);
}

/* Breaking one import may free another: all are held until all have been told. */
static void rpc_close_imports(capnp_rpc *r)
{
        struct capnp_i_map imports = r->imports;
        uint32_t pos = 0;
        capnp_cap *c;

        r->imports = (struct capnp_i_map){0};
        while ((c = capnp_i_map_next(&imports, &pos, NULL)))
                capnp_cap_ref(c);

        pos = 0;
        while ((c = capnp_i_map_next(&imports, &pos, NULL))) {
                if (c->kind == CAP_PROMISE && capnp_i_cap_promise(c)->state == PROMISE_PENDING)
                        capnp_i_promise_settle_broken(capnp_i_cap_promise(c), r->why->kind,
                                                      r->why->reason);
                capnp_cap_unref(c);
        }
        capnp_i_map_deinit(&imports);
}

/* In two turns: who has called hears that it failed before what the peer held is let go. So a call
 * that stands for all that goes on about an object says why, and the object's end is no riddle. */
static void rpc_teardown(struct event *e)
{
        capnp_rpc *r = CAPNP_I_OF(e, capnp_rpc, teardown);
        capnp_cap *bootstrap = r->bootstrap;

        if (!r->calls_over) {
                r->calls_over = true;
                rpc_close_embargoes(r);
                rpc_close_questions(r);
                rpc_close_silent(r);
                rpc_close_answers(r);
                capnp_i_event_queue(r->vat, e);
                return;
        }

        r->bootstrap = NULL;
        rpc_close_imports(r);
        rpc_close_exports(r);
        capnp_i_gates_close(r);
        capnp_cap_unref(bootstrap);
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
        capnp_i_feed_deinit(r);
        capnp_i_plain_forget(r);
        capnp_i_rpc_unref(r);
        return NULL;
}

void capnp_rpc_set_limits(capnp_rpc *r, const struct capnp_limits *l)
{
        rpc_take_limits(r, l);
        capnp_i_rpc_dirty(r); /* it may want input again */
}

void capnp_rpc_close(capnp_rpc *r, capnp_exception why)
{
        capnp_i_vat_acts(r->vat);
        capnp_i_rpc_break(r, CAPNP_END_OURS, CAPNP_E_DISCONNECTED, why,
                          why.kind != CAPNP_DISCONNECTED);
}

int capnp_rpc_bootstrap(capnp_rpc *r, capnp_cap **ret_c)
{
        struct call *c;
        int k;

        if (r->closed) {
                *ret_c = capnp_cap_ref(&r->why->cap);
                return 0;
        }

        c = capnp_i_call_new(r->vat, &capnp_i_question_caller);
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
                .out_bytes = r->most_out > r->out_bytes ? r->most_out : r->out_bytes,
                .message_bytes = r->longest,
                .rate = capnp_i_turn_most(r),
                .calls_in = r->calls_in,
                .calls_out = r->calls_out,
        };
}

bool capnp_rpc_owns(const capnp_rpc *r, const capnp_cap *c)
{
        return capnp_i_cap_is_on(capnp_i_cap_final((capnp_cap *)(uintptr_t)c), r);
}
