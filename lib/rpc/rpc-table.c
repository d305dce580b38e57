/*
 * The four tables of a connection, and the embargoes.
 *
 * Ids we choose (questions, exports, embargoes) index an array with a free list. Ids the peer
 * chooses (answers, imports) are any u32 (base-ids.h; a map): their number is bounded, not their
 * value.
 */
#include "rpc-ledger.h"
#include "rpc-stream.h"

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

void capnp_i_slots_deinit(struct slots *s)
{
        free(s->v);
        *s = (struct slots){0};
}

/* ---- questions ------------------------------------------------------------------------------ */

/* Whether somebody is to be told what a result is: c has waited, and it was a promise of ours. */
static bool table_is_awaited(const struct call *c)
{
        const struct capnp_i_list *l;

        for (l = c->pipes.list.next; l != &c->pipes.list; l = l->next) {
                const struct promise *p = CAPNP_I_OF(l, const struct promise, source_link);

                if (!capnp_i_list_empty(&p->watchers) || !capnp_i_list_empty(&p->waits))
                        return true;
        }

        return false;
}

/*
 * Whether c can do without a Return. One that gives back references among the parameters has to
 * find them, and what passes a membrane is told to that when it ends.
 */
static bool table_is_silent(const capnp_rpc *r, const struct call *c)
{
        return !c->param_ids.n && !c->crossings && !r->loud && r->silent_ids < SILENT_ID &&
               !table_is_awaited(c);
}

/*
 * Who does not know that no Return is wanted sends one, at any time, also when the question is over
 * by then. So none of these ids is used twice.
 */
static int table_silent_new(capnp_rpc *r, struct call *c, struct question_id *ret_id)
{
        if (capnp_i_map_reserve(&r->silent))
                return -ENOMEM;

        ret_id->n = SILENT_ID + r->silent_ids++;
        capnp_i_map_put(&r->silent, ret_id->n, c);
        return 0;
}

int capnp_i_table_question_new(capnp_rpc *r, struct call *c, struct question_id *ret_id)
{
        int k;

        if (r->held_for[FOR_RETURN] > r->limits.held_bytes)
                return -EBUSY;

        if (c->silent && !c->peer)
                c->silent = table_is_silent(r, c);
        k = c->silent && !c->peer ? table_silent_new(r, c, ret_id)
                                  : slots_new(&r->questions, c, &ret_id->n);
        if (r->silent.used && r->questions.live + r->silent.used > r->questions.most)
                r->questions.most = r->questions.live + r->silent.used;
        return k;
}

bool capnp_i_table_silent(const capnp_rpc *r, struct question_id id, struct call **ret_c)
{
        *ret_c = capnp_i_map_get(&r->silent, id.n);
        return id.n >= SILENT_ID && id.n - SILENT_ID < r->silent_ids;
}

void capnp_i_table_question_take(capnp_rpc *r, struct question_id id)
{
        struct call *c = capnp_i_table_question(r, id);

        assert(c && c->out_id.n == id.n);
        if (c->charge.kept.rpc && (!c->peer || c->peer->closed))
                capnp_i_charge_end(&c->charge.kept);
        slots_drop(&r->questions, id.n);
}

void capnp_i_table_question_drop(capnp_rpc *r, struct question_id id)
{
        if (id.n >= SILENT_ID) {
                (void)capnp_i_map_take(&r->silent, id.n);
                capnp_i_rpc_check_idle(r);
                return;
        }

        if (!capnp_i_slots_get(&r->questions, id.n))
                return;

        capnp_i_table_question_take(r, id);
        capnp_i_rpc_check_idle(r);
}

/* ---- exports -------------------------------------------------------------------------------- */

static struct export *table_export_new(capnp_rpc *r, capnp_cap *c)
{
        bool broken = c->kind == CAP_BROKEN;
        struct promise *pending = capnp_i_cap_pending(c); /* now: a policy may say else next time */
        struct export *e;

        if (r->exports.live >= r->limits.refs)
                return NULL;

        if (!broken && capnp_i_map_reserve(&r->exported))
                return NULL;

        e = capnp_i_recycle_new(&r->vat->pools[POOL_EXPORTS], sizeof(*e));
        if (!e)
                return NULL;

        if (slots_new(&r->exports, e, &e->id.n)) {
                capnp_i_recycle_free(&r->vat->pools[POOL_EXPORTS], e);
                return NULL;
        }

        e->cap = capnp_cap_ref(c);
        e->refs = 1;
        e->rpc = r;
        e->promise = broken || pending;
        capnp_i_list_init(&e->watch);
        capnp_i_charge(&e->charge, r, COST_EXPORT, FOR_ANYTHING);
        /* A broken one is resolved at once, and a resolved promise may not be sent again. */
        if (!broken)
                capnp_i_map_put(&r->exported, (uintptr_t)c, e);
        if (pending)
                capnp_i_table_export_watch(e, pending);
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

void capnp_i_table_export_watch(struct export *e, struct promise *p)
{
        capnp_i_list_remove(&e->watch);
        capnp_i_list_append(&p->watchers, &e->watch);
}

void capnp_i_table_export_drop(capnp_rpc *r, struct export *e)
{
        assert(e->rpc == r && (!e->refs || r->closed));
        if (capnp_i_map_get(&r->exported, (uintptr_t)e->cap) == e)
                (void)capnp_i_map_take(&r->exported, (uintptr_t)e->cap);
        capnp_i_list_remove(&e->watch);
        slots_drop(&r->exports, e->id.n);
        capnp_i_gate_forget(r, e->cap);
        capnp_i_uncharge(&e->charge);
        capnp_cap_unref(e->cap);
        capnp_i_recycle_free(&r->vat->pools[POOL_EXPORTS], e);
        capnp_i_rpc_check_idle(r);
}

bool capnp_i_table_release(capnp_rpc *r, struct export_id id, uint32_t count)
{
        struct export *e = capnp_i_table_export(r, id);

        if (!e || count > e->refs)
                return false;

        e->refs -= count;
        if (!e->refs)
                capnp_i_table_export_drop(r, e);
        return true;
}

/* ---- imports -------------------------------------------------------------------------------- */

struct wire *capnp_i_table_wire(capnp_cap *c)
{
        return c->kind == CAP_IMPORT ? &capnp_i_cap_import(c)->wire : &capnp_i_cap_promise(c)->wire;
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
        c = capnp_i_map_take(&r->imports, w->id.n);
        assert(w->refs && (c ? capnp_i_table_wire(c) == w : r->closed));
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
        struct import_id id = p->wire.id;
        uint32_t refs = p->wire.refs;

        p->wire.id = q->wire.id;
        p->wire.refs = q->wire.refs;
        q->wire.id = id;
        q->wire.refs = refs;
        capnp_i_map_put(&r->imports, p->wire.id.n, &p->cap);
        capnp_i_map_put(&r->imports, q->wire.id.n, &q->cap);
}

/* ---- embargoes ------------------------------------------------------------------------------ */

/* The peer pays for its id until it has sent it back, also when nobody waits for that any more. */
static void embargo_charge(capnp_rpc *r)
{
        r->charges++;
        r->held_for[FOR_IMPORT] += COST_EMBARGO;
        capnp_i_ledger_hold(r, COST_EMBARGO);
}

static void embargo_uncharge(capnp_rpc *r)
{
        assert(r->held >= COST_EMBARGO && r->held_for[FOR_IMPORT] >= COST_EMBARGO);
        r->charges--;
        r->held_for[FOR_IMPORT] -= COST_EMBARGO;
        r->held -= COST_EMBARGO;
}

int capnp_i_table_embargo_new(capnp_rpc *r, struct promise *p, struct embargo_id *ret_id)
{
        int k = slots_new(&r->embargoes, p, &ret_id->n);

        if (!k)
                embargo_charge(r);
        return k;
}

bool capnp_i_table_embargo_take(capnp_rpc *r, struct embargo_id id, struct promise **ret_p)
{
        struct slot *s = capnp_i_slots_get(&r->embargoes, id.n);

        if (!s)
                return false;

        *ret_p = s->p;
        slots_drop(&r->embargoes, id.n);
        embargo_uncharge(r);
        return true;
}

void capnp_i_table_embargo_forget(capnp_rpc *r, struct embargo_id id)
{
        struct slot *s = capnp_i_slots_get(&r->embargoes, id.n);

        if (s)
                s->p = NULL;
}

void capnp_i_table_embargoes_end(capnp_rpc *r)
{
        for (; r->embargoes.live; r->embargoes.live--)
                embargo_uncharge(r);
        capnp_i_slots_deinit(&r->embargoes);
}
