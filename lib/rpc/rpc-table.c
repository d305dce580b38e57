/*
 * The four tables of a connection, and the embargoes.
 *
 * Ids we choose (questions, exports, embargoes) index an array with a free list. Ids the peer
 * chooses (answers, imports) are any u32 (base-ids.h; a map): their number is bounded, not their
 * value.
 */
#include "rpc-internal.h"

#include <errno.h>
#include <stdlib.h>

enum { SLOTS_LEAST = 4, SLOTS_KEPT = 64 };

static int slots_new(struct slots *s, void *p, uint32_t *ret_id)
{
        struct slot *v;
        uint32_t n, i;

        if (s->free == s->n) {
                n = s->n ? s->n * 2 : SLOTS_LEAST;
                v = realloc(s->v, n * sizeof(*v));
                if (!v)
                        return -ENOMEM;

                for (i = s->n; i < n; i++)
                        v[i] = (struct slot){.next_free = i + 1};
                s->v = v;
                s->n = n;
                s->upper = 0;
        }

        *ret_id = s->free;
        s->free = s->v[*ret_id].next_free;
        s->v[*ret_id] = (struct slot){.p = p, .live = true};
        s->live++;
        s->upper += *ret_id >= s->n / 2;
        if (s->live > s->most)
                s->most = s->live;
        return 0;
}

/* Whether half of it would do. As many as a quarter have to come before it grows again, so a peer
 * cannot have it grow and shrink all the time. */
static bool slots_are_many(const struct slots *s)
{
        return s->n > SLOTS_KEPT && !s->upper && s->live < s->n / 4;
}

static void slots_shrink(struct slots *s)
{
        struct slot *v;
        uint32_t i;

        while (slots_are_many(s)) {
                s->n /= 2;
                for (i = s->n / 2; i < s->n; i++)
                        s->upper += s->v[i].live;
        }
        s->free = s->n;
        for (i = s->n; i--;)
                if (!s->v[i].live) {
                        s->v[i].next_free = s->free;
                        s->free = i;
                }
        v = realloc(s->v, s->n * sizeof(*v));
        if (v) /* else it stays where it is, as long as it was */
                s->v = v;
}

/* A table that is nearly empty gives back what it had grown to, when no one in its upper half is
 * left. */
static void slots_drop(struct slots *s, uint32_t id)
{
        assert(id < s->n && s->v[id].live && s->live);
        s->v[id] = (struct slot){.next_free = s->free};
        s->free = id;
        s->live--;
        s->upper -= id >= s->n / 2;
        if (slots_are_many(s))
                slots_shrink(s);
}

static void slots_deinit(struct slots *s)
{
        free(s->v);
        *s = (struct slots){0};
}

/* ---- questions ------------------------------------------------------------------------------ */

int capnp_i_table_question_new(capnp_rpc *r, struct call *c, uint32_t *ret_id)
{
        if (r->held_for[FOR_RETURN] > r->limits.held_bytes)
                return -EBUSY;

        return slots_new(&r->questions, c, ret_id);
}

/* Nothing is owed for it any more. What a peer has asked for it pays for until it has its answer.
 */
static void table_question_take(capnp_rpc *r, uint32_t id)
{
        struct call *c = capnp_i_table_question(r, id);

        assert(c && c->out_id == id);
        if (c->charge.kept.rpc && (!c->peer || c->peer->closed))
                capnp_i_charge_end(&c->charge.kept);
        slots_drop(&r->questions, id);
}

void capnp_i_table_question_drop(capnp_rpc *r, uint32_t id)
{
        if (!capnp_i_slots_get(&r->questions, id))
                return;

        table_question_take(r, id);
        capnp_i_rpc_check_idle(r);
}

/* ---- exports -------------------------------------------------------------------------------- */

static struct export *table_export_new(capnp_rpc *r, capnp_cap *c)
{
        bool broken = c->kind == CAP_BROKEN;
        struct export *e;

        if (r->exports.live >= r->limits.refs)
                return NULL;

        if (!broken && capnp_i_map_reserve(&r->exported))
                return NULL;

        e = capnp_i_recycle_new(&r->vat->pools[POOL_EXPORTS], sizeof(*e));
        if (!e)
                return NULL;

        if (slots_new(&r->exports, e, &e->id)) {
                capnp_i_recycle_free(&r->vat->pools[POOL_EXPORTS], e);
                return NULL;
        }

        e->cap = capnp_cap_ref(c);
        e->refs = 1;
        e->rpc = r;
        e->promise = broken || capnp_i_cap_pending(c);
        capnp_i_list_init(&e->watch);
        capnp_i_charge(&e->charge, r, COST_EXPORT, FOR_ANYTHING);
        /* A broken one is resolved at once, and a resolved promise may not be sent again. */
        if (!broken)
                capnp_i_map_put(&r->exported, (uintptr_t)c, e);
        if (capnp_i_cap_pending(c))
                capnp_i_table_export_watch(e);
        return e;
}

struct export *capnp_i_table_export_cap(capnp_rpc *r, capnp_cap *c)
{
        struct export *e = capnp_i_map_get(&r->exported, (uintptr_t)c);

        if (!e || e->refs == UINT32_MAX)
                return table_export_new(r, c);

        capnp_i_refs_take(&e->refs);
        return e;
}

void capnp_i_table_export_watch(struct export *e)
{
        struct promise *p = capnp_i_cap_pending(capnp_i_cap_final(e->cap));

        capnp_i_list_remove(&e->watch);
        capnp_i_list_append(&p->watchers, &e->watch);
}

static void table_export_drop(capnp_rpc *r, struct export *e)
{
        assert(e->rpc == r && (!e->refs || r->closed));
        if (capnp_i_map_get(&r->exported, (uintptr_t)e->cap) == e)
                (void)capnp_i_map_take(&r->exported, (uintptr_t)e->cap);
        capnp_i_list_remove(&e->watch);
        slots_drop(&r->exports, e->id);
        capnp_i_gate_forget(r, e->cap);
        capnp_i_uncharge(&e->charge);
        capnp_cap_unref(e->cap);
        capnp_i_recycle_free(&r->vat->pools[POOL_EXPORTS], e);
        capnp_i_rpc_check_idle(r);
}

bool capnp_i_table_release(capnp_rpc *r, uint32_t id, uint32_t count)
{
        struct export *e = capnp_i_table_export(r, id);

        if (!e || count > e->refs)
                return false;

        e->refs -= count;
        if (!e->refs)
                table_export_drop(r, e);
        return true;
}

/* ---- imports -------------------------------------------------------------------------------- */

static struct wire *table_wire(capnp_cap *c)
{
        return c->kind == CAP_IMPORT ? &capnp_i_cap_import(c)->wire : &capnp_i_cap_promise(c)->wire;
}

static capnp_cap *table_import_new(capnp_rpc *r, bool promise)
{
        struct import *i;
        struct promise *p;

        if (promise) {
                p = capnp_i_promise_make(r->vat);
                return p ? &p->cap : NULL;
        }

        i = capnp_i_recycle_new(&r->vat->pools[POOL_IMPORTS], sizeof(*i));
        if (!i)
                return NULL;

        capnp_i_cap_init(&i->cap, r->vat, CAP_IMPORT);
        return &i->cap;
}

static uint32_t table_import_cost(bool promise)
{
        return promise ? COST_PROMISE : COST_IMPORT;
}

bool capnp_i_table_imports_are_full(const capnp_rpc *r, bool promise)
{
        return r->imports.used >= r->limits.refs ||
               !capnp_i_ledger_has_room(r, table_import_cost(promise));
}

capnp_cap *capnp_i_table_import(capnp_rpc *r, uint32_t id, bool promise)
{
        capnp_cap *c = capnp_i_map_get(&r->imports, id);
        struct wire *w;

        if (c) {
                w = table_wire(c);
                if (w->refs == UINT32_MAX)
                        return NULL;
                capnp_i_refs_take(&w->refs);
                return capnp_cap_ref(c);
        }

        if (capnp_i_table_imports_are_full(r, promise) || capnp_i_map_reserve(&r->imports))
                return NULL;

        c = table_import_new(r, promise);
        if (!c)
                return NULL;

        w = table_wire(c);
        *w = (struct wire){.rpc = capnp_i_rpc_ref(r), .id = id, .refs = 1, .awaited = promise};
        r->awaited += promise;
        capnp_i_map_put(&r->imports, id, c);
        capnp_i_table_import_more(w, table_import_cost(promise));
        return c;
}

void capnp_i_table_import_more(struct wire *w, uint64_t bytes)
{
        if (w->rpc)
                capnp_i_charge(&w->charge, w->rpc, bytes, FOR_IMPORT);
}

void capnp_i_table_import_decided(struct wire *w)
{
        if (w->awaited)
                (void)capnp_i_refs_drop(&w->rpc->awaited);
        w->awaited = false;
}

void capnp_i_table_import_release(struct wire *w)
{
        capnp_rpc *r = w->rpc;
        capnp_cap *c;

        if (!r)
                return;

        capnp_i_table_import_decided(w);
        w->rpc = NULL;
        c = capnp_i_map_take(&r->imports, w->id);
        assert(w->refs && (c ? table_wire(c) == w : r->closed));
        (void)c;
        capnp_i_send_release(r, w->id, w->refs);
        capnp_i_rpc_check_idle(r);
        capnp_i_rpc_unref(r);
}

void capnp_i_table_import_drop(struct wire *w)
{
        capnp_i_table_import_release(w);
        capnp_i_uncharge(&w->charge);
}

void capnp_i_table_import_swap(struct promise *p, struct promise *q)
{
        capnp_rpc *r = p->wire.rpc;
        uint32_t id = p->wire.id, refs = p->wire.refs;

        p->wire.id = q->wire.id;
        p->wire.refs = q->wire.refs;
        q->wire.id = id;
        q->wire.refs = refs;
        capnp_i_map_put(&r->imports, p->wire.id, &p->cap);
        capnp_i_map_put(&r->imports, q->wire.id, &q->cap);
}

/* ---- embargoes ------------------------------------------------------------------------------ */

int capnp_i_table_embargo_new(capnp_rpc *r, struct promise *p, uint32_t *ret_id)
{
        return slots_new(&r->embargoes, p, ret_id);
}

bool capnp_i_table_embargo_take(capnp_rpc *r, uint32_t id, struct promise **ret_p)
{
        struct slot *s = capnp_i_slots_get(&r->embargoes, id);

        if (!s)
                return false;

        *ret_p = s->p;
        slots_drop(&r->embargoes, id);
        return true;
}

void capnp_i_table_embargo_forget(capnp_rpc *r, uint32_t id)
{
        struct slot *s = capnp_i_slots_get(&r->embargoes, id);

        if (s)
                s->p = NULL;
}

/* ---- the end -------------------------------------------------------------------------------- */

static void table_close_embargoes(capnp_rpc *r)
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
        slots_deinit(&r->embargoes);
}

static void table_close_questions(capnp_rpc *r)
{
        uint32_t i;

        for (i = 0; i < r->questions.n; i++) {
                struct call *c = r->questions.v[i].live ? r->questions.v[i].p : NULL;

                if (!c)
                        continue;

                table_question_take(r, i);
                c->finish_sent = c->returned = true;
                capnp_i_call_fail(c, r->why->kind, r->why->reason);
        }
        slots_deinit(&r->questions);
}

static void table_close_answers(capnp_rpc *r)
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

static void table_close_exports(capnp_rpc *r)
{
        uint32_t i;

        for (i = 0; i < r->exports.n; i++)
                if (r->exports.v[i].live)
                        table_export_drop(r, r->exports.v[i].p);
        slots_deinit(&r->exports);
        capnp_i_map_deinit(&r->exported);
}

/* Breaking one import may free another: all are held until all have been told. */
static void table_close_imports(capnp_rpc *r)
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

void capnp_i_table_close_calls(capnp_rpc *r)
{
        table_close_embargoes(r);
        table_close_questions(r);
        table_close_answers(r);
}

void capnp_i_table_close_caps(capnp_rpc *r)
{
        capnp_cap *bootstrap = r->bootstrap;

        r->bootstrap = NULL;
        table_close_imports(r);
        table_close_exports(r);
        capnp_i_gates_close(r);
        capnp_cap_unref(bootstrap);
}
