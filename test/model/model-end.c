/*
 * The end of a world: everything that goes on is ended, all bytes are delivered, and then nothing
 * may remain.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

enum { MOST_ROUNDS = 10000 };

static bool drain_round(struct world *w)
{
        bool moved = false;

        for (uint32_t i = 0; i < w->nvats; i++)
                for (uint32_t k = 0; k < w->nvats; k++)
                        if (i != k && wire_deliver(w, i, k, 0))
                                moved = true;
        for (uint32_t i = 0; i < w->nvats; i++)
                while (w->vat[i].v && capnp_rpc_step(w->vat[i].v))
                        moved = true;

        return moved;
}

static void drain_rest(struct world *w)
{
        unsigned rounds = 0;

        while (drain_round(w))
                if (++rounds > MOST_ROUNDS)
                        model_fail(w, "messages go round and round");
        world_check(w);
}

/* Ends answers and promises until there are none, because ending some brings others. */
static void drain_settle(struct world *w)
{
        capnp_exception why = {CAPNP_FAILED, "broken at the end"};

        drain_rest(w);
        while (w->kept.n || w->promises.n) {
                while (w->kept.n)
                        serve_end(w, w->kept.v[w->kept.n - 1], NULL);
                while (w->promises.n) {
                        struct promise *p = w->promises.v[--w->promises.n];

                        p->node->kind = NODE_BROKEN;
                        capnp_promise_break(p->p, why);
                        free(p);
                }
                drain_rest(w);
        }
}

/* Frees what was never sent, the last made first: they hang on each other. */
static void drain_unsent(struct world *w)
{
        for (size_t i = w->refs.n; i-- > 0;) {
                struct ref *r = w->refs.v[i];

                if (r->unsent)
                        ref_drop(w, r);
        }
        for (size_t i = w->calls.n; i-- > 0;) {
                struct call *c = w->calls.v[i];

                if (c->q && !c->awaited)
                        call_free(c);
        }
}

/* Whether each call had its outcome. */
static void drain_calls(struct world *w)
{
        if (w->flushes)
                model_fail(w, "%u wait for the end of a stream for ever", w->flushes);
        for (size_t i = 0; i < w->calls.n; i++) {
                struct call *c = w->calls.v[i];

                if (c->q && !c->done)
                        model_fail(w, "call %u is never done", c->serial);
                if (c->waits)
                        model_fail(w, "the writer of call %u waits for ever", c->serial);
                if (!c->sent || c->arrived || c->done || call_unwanted(c) || call_may_fail(c))
                        continue;
                model_fail(w, "call %u never arrived", c->serial);
        }
}

/*
 * Whether r may be a result of a call that somebody has passed on, or has made for its results
 * alone. The former stay with the peer that takes them, which is all that is said
 * (sendResultsTo.yourself); of the latter nothing is (onlyPromisePipeline); also to whom they were
 * given. So r leads there, and no more.
 */
static bool drain_leads_there(const struct world *w, const struct ref *r)
{
        for (size_t i = 0; i < w->calls.n; i++) {
                const struct call *c = w->calls.v[i];

                if (!c->piped && !c->tail_of)
                        continue;
                for (unsigned k = 0; k < MODEL_SLOTS; k++)
                        if (node_end(c->slots[k]) == node_end(r->node))
                                return true;
        }

        return false;
}

/* Now that all is decided, each reference has the descriptor of its object; no membrane lets it. */
static void drain_fds(struct world *w)
{
        bool need = !w->loose && !w->membraned;

        for (size_t i = 0; i < w->refs.n; i++) {
                struct ref *r = w->refs.v[i];

                world_check_fd(w, r->cap, r->node, need && !drain_leads_there(w, r));
        }
}

static void drain_drop(struct world *w)
{
        while (w->questions.n)
                call_free(w->questions.v[0]);
        while (w->refs.n)
                ref_drop(w, w->refs.v[0]);
        for (size_t i = 0; i < w->membranes.n; i++) {
                struct membrane *m = w->membranes.v[i];

                if (!m->dropped)
                        capnp_membrane_unref(m->m);
                m->dropped = true;
        }
        drain_rest(w);
}

/*
 * A membrane keeps what is narrow and a peer's as long as anything of its own is in use, and that
 * peer may use it for no more than what is kept: a ring over two vats, which a revocation ends. A
 * membrane that has not gone is in use, so it may still be revoked.
 */
static void drain_rings(struct world *w)
{
        for (size_t i = 0; i < w->membranes.n; i++) {
                struct membrane *m = w->membranes.v[i];

                if (m->gone || !m->narrows)
                        continue;
                m->revoked = true;
                capnp_membrane_revoke(m->m, (capnp_exception){CAPNP_FAILED, "revoked at the end"});
                drain_rest(w); /* others may have gone with it */
        }
}

/* Whether the results of a call stay where it is served until nobody holds one where it was made.
 */
static bool call_is_kept(const struct call *c)
{
        return c->piped || c->tail_of;
}

/* Whether what the results of one such call became leads, by any number of them, to the other. */
static bool call_keeps(struct call *c, const struct call *other)
{
        for (unsigned i = 0; i < MODEL_SLOTS; i++) {
                for (struct node *n = c->slots[i]->as; n; n = n->as) {
                        struct call *on = n->call;

                        if (on == other)
                                return true;
                        if (!on || on->seen || !call_is_kept(on))
                                continue;
                        on->seen = true;
                        if (call_keeps(on, other))
                                return true;
                }
        }

        return false;
}

static bool call_keeps_itself(struct world *w, struct call *c)
{
        for (size_t i = 0; i < w->calls.n; i++)
                ((struct call *)w->calls.v[i])->seen = false;

        return call_keeps(c, c);
}

/* A connection on which a vat still asks something; or NULL. */
static capnp_rpc *drain_asked(const struct world *w, uint32_t vat)
{
        for (uint32_t i = 0; i < w->nvats; i++) {
                capnp_rpc *r = w->vat[vat].to[i];
                struct capnp_rpc_counts n;

                if (!r || capnp_rpc_is_closed(r, NULL))
                        continue;
                capnp_rpc_count(r, &n);
                if (n.questions)
                        return r;
        }

        return NULL;
}

/*
 * The results of a call without a Return, and of one that was passed on to the peer that it came
 * from, are kept until who made it needs none of them. If one of them has become another, by way of
 * a third vat or of a membrane, that is never: a ring, which the end of a connection ends.
 */
static void drain_kept(struct world *w)
{
        for (size_t i = 0; i < w->calls.n; i++) {
                struct call *c = w->calls.v[i];
                capnp_rpc *r;

                if (!call_is_kept(c) || !drain_asked(w, c->vat) || !call_keeps_itself(w, c))
                        continue;
                w->loose = true;
                while ((r = drain_asked(w, c->vat))) {
                        capnp_rpc_close(r, (capnp_exception){CAPNP_FAILED, "closed at the end"});
                        drain_rest(w);
                }
        }
}

static void drain_counts(struct world *w, uint32_t a, uint32_t b)
{
        struct capnp_rpc_counts n;

        if (a == b || !w->vat[a].to[b])
                return;

        capnp_rpc_count(w->vat[a].to[b], &n);
        if (n.questions || n.answers || n.exports || n.imports || n.embargoes || n.held_bytes ||
            n.out_bytes) {
                capnp_rpc_dump(w->vat[a].to[b], stderr);
                model_fail(w,
                           "vat %u toward %u still has %u questions, %u answers, %u exports, "
                           "%u imports, %u embargoes, %u bytes held, %u to send",
                           a, b, n.questions, n.answers, n.exports, n.imports, n.embargoes,
                           (unsigned)n.held_bytes, (unsigned)n.out_bytes);
        }
}

static void drain_objects(struct world *w)
{
        for (size_t i = 0; i < w->objects.n; i++) {
                struct object *o = w->objects.v[i];

                if (o != w->vat[o->vat].root && !o->gone)
                        model_fail(w, "object %u of vat %u has not gone", o->id, o->vat);
        }
        for (size_t i = 0; i < w->membranes.n; i++) {
                struct membrane *m = w->membranes.v[i];

                if (!m->gone)
                        model_fail(w, "membrane %u of vat %u has not gone", m->id, m->vat);
        }
}

void world_drain(struct world *w)
{
        w->act = NULL;
        w->draining = true;
        drain_settle(w);
        drain_unsent(w);
        drain_settle(w);
        drain_calls(w);
        drain_fds(w);
        drain_drop(w);
        drain_rings(w);
        drain_kept(w);
        for (uint32_t i = 0; i < w->nvats; i++)
                for (uint32_t k = 0; k < w->nvats; k++)
                        drain_counts(w, i, k);
        drain_objects(w);
}

void world_crash(struct world *w)
{
        struct list late;

        w->act = NULL;
        w->draining = true;
        w->loose = true;
        for (uint32_t i = 0; i < w->nvats; i++)
                for (uint32_t k = 0; k < i; k++)
                        wire_disconnect(w, i, k);
        drain_settle(w);
        drain_unsent(w);
        drain_settle(w);
        drain_calls(w);

        late = w->refs;
        w->refs = (struct list){0};
        drain_drop(w);
        for (uint32_t i = 0; i < w->nvats; i++) {
                w->vat[i].root_cap = capnp_cap_unref(w->vat[i].root_cap);
                w->vat[i].v = capnp_vat_free(w->vat[i].v);
        }
        w->refs = late;
        while (w->refs.n)
                ref_drop(w, w->refs.v[0]);
}
