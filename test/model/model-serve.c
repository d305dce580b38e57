/*
 * The objects of the model: what they check when a call arrives, and how they answer.
 *
 * There is one handler for all. What it does is said by the act that ran it, so a list of acts says
 * everything.
 */
#include <stdlib.h>

#include "model.h"

/* A reference a handler uses, by its id. */
struct pick {
        capnp_cap *cap;
        struct node *node;
        struct chain *chain;
        bool there;
};

static struct pick pick_find(struct world *w, struct call *c, capnp_answer *a, uint32_t id)
{
        uint32_t vat = c->server;
        struct ref *r;

        if (id == WITH_NULL)
                return (struct pick){.there = true};

        if (id < WITH_ARG + MODEL_SLOTS) {
                capnp_cap *cap = payload_peek(capnp_answer_params(a), id - WITH_ARG);

                return (struct pick){cap, cap ? c->args[id - WITH_ARG] : NULL, NULL, true};
        }

        r = list_find(&w->refs, id);
        if (!r || r->vat != vat || r->unsent)
                return (struct pick){0};

        return (struct pick){r->cap, r->node, r->chain, true};
}

static int serve_return(struct world *w, struct call *c, capnp_answer *a,
                        const struct model_act *act)
{
        enum model_shape shape = act ? payload_shape(act) : SHAPE_USUAL;
        bool slots = payload_has_slots(shape);
        struct pick p[MODEL_SLOTS];
        capnp_builder b = {0};

        c->empty = shape == SHAPE_NONE;
        if (!c->empty)
                b = payload_init(capnp_answer_results_any(a), c->serial, shape);

        /*
         * What waits for this very call to end would wait for ever, or be a ring over several vats:
         * so all are looked at before any is decided.
         */
        for (unsigned i = 0; i < MODEL_SLOTS; i++) {
                p[i] = pick_find(w, c, a, act && slots ? act->with[i] : WITH_NULL);
                if (p[i].node && node_waits(p[i].node, c->slots[i]))
                        p[i] = (struct pick){0};
        }

        c->end = END_RETURN;
        for (unsigned i = 0; i < MODEL_SLOTS; i++) {
                if (slots)
                        payload_put(b, i, p[i].cap);
                node_decide(c->slots[i], p[i].node);
                if (!p[i].cap)
                        c->nulls |= 1u << i;
        }

        return capnp_answer_return(a);
}

static int serve_fail(struct call *c, capnp_answer *a, enum capnp_kind kind)
{
        c->end = END_FAIL;
        c->kind = kind;
        if (c->object)
                c->object->shut = true;
        for (unsigned i = 0; i < MODEL_SLOTS; i++)
                c->slots[i]->kind = NODE_BROKEN;

        return capnp_answer_fail(a, kind, "call %u failed", c->serial);
}

/* Returns the new promise in slot 0. */
static int serve_promise(struct world *w, struct call *c, capnp_answer *a)
{
        capnp_builder b = payload_init(capnp_answer_results_any(a), c->serial, SHAPE_USUAL);
        capnp_cap *cap;
        struct promise *p = promise_new(w, c->server, &cap);

        if (!p)
                return serve_return(w, c, a, NULL);

        payload_put(b, 0, cap);
        capnp_cap_unref(cap);
        c->end = END_RETURN;
        c->nulls = 6;
        node_decide(c->slots[0], p->node);
        node_decide(c->slots[1], NULL);
        node_decide(c->slots[2], NULL);
        return capnp_answer_return(a);
}

static int serve_tail(struct world *w, struct call *c, capnp_answer *a, const struct model_act *act)
{
        struct pick target = pick_find(w, c, a, act->with[0]);
        enum model_shape shape;
        capnp_question *q;
        capnp_builder b;
        struct call *t;

        /* Behind a stream call that may be waiting for this very one it would wait for ever. */
        if (!target.there || (target.node && node_waits(target.node, c->slots[0])) ||
            call_stream_goes_on(call_last_stream(w, c->server, target.cap)))
                return serve_return(w, c, a, NULL);

        t = call_new(w, c->server, target.node, target.chain ? target.chain : chain_new(w));
        if (!t->target)
                t->target = node_new(w, NODE_NULL);
        t->cap = target.cap;
        q = capnp_question_new_any(w->vat[c->server].v, target.cap, MODEL_INTERFACE, 0);
        model_check(w, q || w->starved);
        if (!q)
                return serve_return(w, c, a, NULL);

        shape = payload_shape(act);
        b = payload_init(capnp_question_params_any(q), t->serial, shape);
        for (unsigned i = 0; payload_has_slots(shape) && i < 2; i++) {
                struct pick arg = pick_find(w, c, a, act->with[i + 1]);

                payload_put(b, i, arg.cap);
                t->args[i] = arg.node;
        }
        call_mark_sent(t);
        t->tail_of = c;
        c->tail = t;
        c->end = END_TAIL;
        for (unsigned i = 0; i < MODEL_SLOTS; i++)
                node_decide(c->slots[i], t->slots[i]);

        return capnp_answer_tail(a, q);
}

static void serve_canceled(capnp_answer *a, void *arg)
{
        struct call *c = arg;
        struct world *w = c->w;

        (void)a;
        if (c->noticed)
                model_fail(w, "call %u was canceled twice", c->serial);
        if (c->end != END_NOT_YET)
                model_fail(w, "call %u was canceled after its end", c->serial);
        c->noticed = true;
        if (w->loose)
                return;

        if (!call_unwanted(c))
                model_fail(w, "call %u was canceled while somebody waits for it", c->serial);
        for (size_t i = 0; i < w->refs.n; i++) {
                struct ref *r = w->refs.v[i];

                if (node_end(r->node)->call == c && node_end(r->node)->kind == NODE_PENDING)
                        model_fail(w, "call %u was canceled, reference %u hangs on it", c->serial,
                                   r->id);
        }
}

static int serve_keep(struct world *w, struct call *c, capnp_answer *a)
{
        struct kept *k = model_calloc(sizeof(*k));

        if (c->object)
                c->object->gated = true;
        *k = (struct kept){.id = model_id(w), .vat = c->server, .call = c, .a = a};
        list_add(&w->kept, k);
        return capnp_answer_keep(a, serve_canceled, c);
}

static int serve_verdict(struct world *w, struct call *c, capnp_answer *a,
                         const struct model_act *act)
{
        uint32_t verdict = act ? act->how & 15 : VERDICT_RETURN;

        /* What a stream call is passed on as might wait behind it. */
        if (!act || (verdict == VERDICT_TAIL && c->object))
                return serve_return(w, c, a, NULL);

        switch (verdict) {
        case VERDICT_FAIL:
                return serve_fail(c, a, (enum capnp_kind)(act->how >> 4 & 3));
        case VERDICT_KEEP:
                return serve_keep(w, c, a);
        case VERDICT_TAIL:
                return serve_tail(w, c, a, act);
        case VERDICT_PROMISE:
                return serve_promise(w, c, a);
        default:
                return serve_return(w, c, a, act);
        }
}

void serve_end(struct world *w, struct kept *k, const struct model_act *act)
{
        struct call *c = k->call;
        capnp_answer *a = k->a;
        int r;

        if (act && (act->how & 15) == VERDICT_KEEP)
                return;

        list_drop(&w->kept, k);
        free(k);
        r = serve_verdict(w, c, a, act);
        model_check(w, r == 0 || model_starved(w, r));
}

/* Compares the arguments with what was sent, and holds on to some. */
static void serve_args(struct object *o, struct call *c, capnp_answer *a)
{
        struct world *w = o->w;
        unsigned hold = w->draining || !w->act ? 0 : w->act->how >> 8;

        for (unsigned i = 0; i < MODEL_SLOTS; i++) {
                capnp_cap *cap = payload_peek(capnp_answer_params(a), i);
                struct node *end = c->args[i] ? node_end(c->args[i]) : NULL;
                struct object *mine;

                if (!end && cap)
                        model_fail(w, "call %u: argument %u was null", c->serial, i);
                /* Without memory for an exception, what is broken is null. */
                if (end && !cap && end->kind != NODE_NULL && !w->starved)
                        model_fail(w, "call %u: argument %u was not null", c->serial, i);
                if (!cap)
                        continue;
                mine = capnp_cap_self_peek(cap, (const void *)serve_dispatch);
                if (mine && (end->kind != NODE_OBJECT || mine != end->obj))
                        model_fail(w, "call %u: argument %u is another object", c->serial, i);
                world_check_fd(w, cap, c->args[i], false);
                if (hold & 1u << i)
                        ref_new(w, o->vat, capnp_cap_ref(cap), c->args[i], NULL);
        }
}

/* The stream call that an object keeps and that came by the same connection as a; or NULL. */
static const struct call *serve_behind(const struct object *o, const capnp_answer *a)
{
        const struct list *kept = &o->w->kept;

        for (size_t i = 0; i < kept->n; i++) {
                const struct kept *k = kept->v[i];

                if (k->call->object == o && model_way(k->a) == model_way(a))
                        return k->call;
        }

        return NULL;
}

/* Says that a call is a stream call, when the act does. */
static int serve_stream(struct object *o, struct call *c, capnp_answer *a)
{
        struct world *w = o->w;
        int r = 0;

        if (w->draining || !w->act || !(w->act->how & HOW_STREAM) ||
            (w->act->how & 15) == VERDICT_TAIL)
                return 0;

        r = capnp_answer_stream(a);
        model_check(w, r == 0 || model_starved(w, r));
        if (r == 0)
                c->object = o;
        return r;
}

static struct call *serve_find(struct object *o, capnp_answer *a)
{
        struct world *w = o->w;
        uint32_t serial = payload_serial(w, capnp_answer_params(a));

        if (serial >= w->calls.n)
                model_fail(w, "call %u was never made", serial);

        return w->calls.v[serial];
}

/* The vat that a call came from, be it on the way of another; MODEL_VATS: by what is gone. */
static uint32_t serve_from(const struct object *o, const capnp_answer *a)
{
        const struct vat *v = &o->w->vat[o->vat];
        const void *way = model_way(a);
        uint32_t from = 0;

        if (!way)
                return o->vat;

        while (from < MODEL_VATS && v->to[from] != way)
                from++;
        return from;
}

/* Whether a call has kept its place among those on the same reference. */
static void serve_order(const struct object *o, struct call *c, const capnp_answer *a)
{
        uint32_t from = serve_from(o, a), before = c->chain->arrived;

        if (o->gated)
                before = from < MODEL_VATS ? c->chain->arrived_from[from] : 0;
        if (c->seq <= before)
                model_fail(o->w, "call %u, number %u on its reference, arrived after number %u",
                           c->serial, c->seq, before);

        if (c->seq > c->chain->arrived)
                c->chain->arrived = c->seq;
        if (from < MODEL_VATS)
                c->chain->arrived_from[from] = c->seq;
}

int serve_dispatch(void *self, capnp_answer *a)
{
        struct object *o = self;
        struct world *w = o->w;
        const struct call *behind = serve_behind(o, a);
        struct call *c = serve_find(o, a);
        struct node *end = node_end(c->target);

        if (!c->sent)
                model_fail(w, "call %u arrived and was not sent", c->serial);
        if (c->arrived)
                model_fail(w, "call %u arrived twice", c->serial);
        if (end->kind != NODE_OBJECT || end->obj != o)
                model_fail(w, "call %u arrived at object %u", c->serial, o->id);
        if (behind)
                model_fail(w, "call %u arrived while stream call %u is served", c->serial,
                           behind->serial);
        serve_order(o, c, a);
        if (!c->stream)
                stream_over(w, c->behind);
        if (o->gone)
                model_fail(w, "call %u arrived at object %u, which has gone", c->serial, o->id);
        model_check(w, capnp_answer_vat(a) == w->vat[o->vat].v);
        model_check(w, capnp_answer_method(a) == c->method);
        model_check(w, capnp_answer_check(a) == 0);

        c->arrived = true;
        c->server = o->vat;
        serve_args(o, c, a);
        if (serve_stream(o, c, a))
                return serve_fail(c, a, CAPNP_OVERLOADED);

        return serve_verdict(w, c, a, w->draining ? NULL : w->act);
}

void serve_gone(void *self)
{
        struct object *o = self;
        struct world *w = o->w;

        if (o->gone++)
                model_fail(w, "object %u has gone twice", o->id);
        if (w->loose)
                return;

        for (size_t i = 0; i < w->refs.n; i++) {
                struct ref *r = w->refs.v[i];

                if (node_end(r->node) == o->node)
                        model_fail(w, "object %u has gone, reference %u is still held", o->id,
                                   r->id);
        }
        for (size_t i = 0; i < w->calls.n; i++) {
                struct call *c = w->calls.v[i];

                if (!c->sent || c->arrived || c->done || node_end(c->target) != o->node ||
                    call_unwanted(c) || call_may_fail(c))
                        continue;
                model_fail(w, "object %u has gone, call %u is under way", o->id, c->serial);
        }
}
