/*
 * Playing one act, and printing one as C.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

static const char *const NAMES[ACT_KINDS] = {
        [ACT_NOTHING] = "ACT_NOTHING",   [ACT_OBJECT] = "ACT_OBJECT",
        [ACT_BROKEN] = "ACT_BROKEN",     [ACT_BOOTSTRAP] = "ACT_BOOTSTRAP",
        [ACT_CALL] = "ACT_CALL",         [ACT_SEND] = "ACT_SEND",
        [ACT_PEEK] = "ACT_PEEK",         [ACT_FREE] = "ACT_FREE",
        [ACT_COPY] = "ACT_COPY",         [ACT_DROP] = "ACT_DROP",
        [ACT_PROMISE] = "ACT_PROMISE",   [ACT_RESOLVE] = "ACT_RESOLVE",
        [ACT_BREAK] = "ACT_BREAK",       [ACT_END] = "ACT_END",
        [ACT_STEP] = "ACT_STEP",         [ACT_DELIVER] = "ACT_DELIVER",
        [ACT_MEMBRANE] = "ACT_MEMBRANE", [ACT_WRAP] = "ACT_WRAP",
        [ACT_REVOKE] = "ACT_REVOKE",     [ACT_UNREF] = "ACT_UNREF",
        [ACT_CLOSE] = "ACT_CLOSE",       [ACT_CONNECT] = "ACT_CONNECT",
        [ACT_STARVE] = "ACT_STARVE",     [ACT_FORGET] = "ACT_FORGET",
        [ACT_FLUSH] = "ACT_FLUSH",
};

void model_print_act(const struct model_act *act, FILE *to)
{
        fprintf(to, "{%u, %s, %u, %u, %u, {%u, %u, %u}}", act->n,
                act->kind < ACT_KINDS ? NAMES[act->kind] : "?", act->vat, act->who, act->how,
                act->with[0], act->with[1], act->with[2]);
}

static void act_object(struct world *w, const struct model_act *act)
{
        capnp_cap *cap;
        struct object *o = object_new(w, act->vat, &cap);

        if (!o)
                return;

        if (act->how & 1)
                object_give_fd(o, cap);
        ref_new(w, act->vat, cap, o->node, NULL);
}

static void act_broken(struct world *w, const struct model_act *act)
{
        capnp_exception why = {(enum capnp_kind)(act->how & 3), "made broken"};
        capnp_cap *cap = capnp_cap_new_broken(w->vat[act->vat].v, why);

        model_check(w, cap ? capnp_cap_is_broken(cap, NULL) : w->starved);
        if (cap)
                ref_new(w, act->vat, cap, node_new(w, NODE_BROKEN), NULL);
}

static void act_bootstrap(struct world *w, const struct model_act *act)
{
        capnp_rpc *r = w->vat[act->vat].to[act->who % w->nvats];
        capnp_cap *cap;
        int k;

        if (!r)
                return;

        k = capnp_rpc_bootstrap(r, &cap);
        model_check(w, k == 0 || model_starved(w, k));
        if (k == 0)
                ref_new(w, act->vat, cap, w->vat[act->who % w->nvats].root->node, NULL);
}

/* ---- references and promises ---------------------------------------------------------------- */

static struct ref *act_ref(struct world *w, const struct model_act *act, uint32_t id)
{
        struct ref *r = list_find(&w->refs, id);

        return r && r->vat == act->vat ? r : NULL;
}

static void act_copy(struct world *w, const struct model_act *act)
{
        struct ref *r = act_ref(w, act, act->who);

        struct ref *copy;

        if (!r)
                return;

        copy = ref_new(w, r->vat, capnp_cap_ref(r->cap), r->node, r->chain);
        copy->unsent = r->unsent;
        copy->own = r->own;
}

static void act_drop(struct world *w, const struct model_act *act)
{
        struct ref *r = act_ref(w, act, act->who);

        if (r)
                ref_drop(w, r);
}

static void act_promise(struct world *w, const struct model_act *act)
{
        capnp_cap *cap;
        struct promise *p = promise_new(w, act->vat, &cap);

        if (p)
                ref_new(w, act->vat, cap, p->node, NULL)->own = true;
}

static struct promise *act_take_promise(struct world *w, const struct model_act *act)
{
        struct promise *p = list_find(&w->promises, act->who);

        if (!p || p->vat != act->vat)
                return NULL;

        list_drop(&w->promises, p);
        return p;
}

static void act_resolve(struct world *w, const struct model_act *act)
{
        struct ref *to = act->with[0] ? act_ref(w, act, act->with[0]) : NULL;
        struct promise *p;

        if (act->with[0] && (!to || to->unsent))
                return;

        /* Waiting for itself is allowed only where one vat can see it. */
        p = list_find(&w->promises, act->who);
        if (p && to && !(to->own && to->node == p->node) && node_waits(to->node, p->node))
                return;

        p = act_take_promise(w, act);
        if (!p)
                return;

        node_decide(p->node, to ? to->node : NULL);
        capnp_promise_resolve(p->p, to ? to->cap : NULL);
        free(p);
}

static void act_break(struct world *w, const struct model_act *act)
{
        capnp_exception why = {(enum capnp_kind)(act->how & 3), "broken by an act"};
        struct promise *p = act_take_promise(w, act);

        if (!p)
                return;

        p->node->kind = NODE_BROKEN;
        capnp_promise_break(p->p, why);
        free(p);
}

static void act_end(struct world *w, const struct model_act *act)
{
        struct kept *k = list_find(&w->kept, act->who);

        if (k && k->vat == act->vat)
                serve_end(w, k, act);
}

/* ---- membranes ------------------------------------------------------------------------------ */

static int membrane_pass(void *self, bool inward, uint64_t iface, uint16_t method, uint64_t bytes,
                         capnp_exception *ret_why)
{
        struct membrane *m = self;

        (void)inward;
        (void)iface;
        if (m->revoked)
                model_fail(m->w, "membrane %u is asked after it was revoked", m->id);
        if (method == METHOD_REFUSED) {
                *ret_why = (capnp_exception){CAPNP_FAILED, "the model's membrane refuses"};
                return 1;
        }

        m->passes++;
        m->passed_bytes += bytes;
        return 0;
}

/* What is narrow has what `pass` lets through anyway: what it is about is who waits for whom. */
static int membrane_has(void *self, uint64_t iface, uint16_t method, uint64_t bytes,
                        capnp_exception *ret_why)
{
        struct membrane *m = self;

        (void)iface;
        (void)bytes;
        if (m->revoked)
                model_fail(m->w, "membrane %u is asked after it was revoked", m->id);
        *ret_why = (capnp_exception){CAPNP_FAILED, "the model's membrane refuses"};
        return method == METHOD_REFUSED;
}

static void membrane_end(void *self, uint64_t bytes)
{
        struct membrane *m = self;

        m->ends++;
        m->ended_bytes += bytes;
        if (m->ends > m->passes || m->ended_bytes > m->passed_bytes)
                model_fail(m->w, "membrane %u: an end without a pass", m->id);
}

static void membrane_gone(void *self)
{
        struct membrane *m = self;

        if (m->gone++)
                model_fail(m->w, "membrane %u has gone twice", m->id);
        if (m->ends != m->passes || m->ended_bytes != m->passed_bytes)
                model_fail(m->w, "membrane %u has gone with %u calls that did not end", m->id,
                           (unsigned)(m->passes - m->ends));
        if (!m->dropped)
                model_fail(m->w, "membrane %u has gone and is held", m->id);
}

static const struct capnp_membrane_ops MEMBRANE = {
        .pass = membrane_pass,
        .has = membrane_has,
        .end = membrane_end,
        .gone = membrane_gone,
};

static void act_membrane(struct world *w, const struct model_act *act)
{
        struct membrane *m = model_alloc(w, sizeof(*m));
        int r;

        m->id = model_id(w);
        m->vat = act->vat;
        m->w = w;
        r = capnp_membrane_new(w->vat[act->vat].v, &MEMBRANE, m, &m->m);
        model_check(w, r == 0 || model_starved(w, r));
        if (r)
                return;

        list_add(&w->membranes, m);
        w->membraned = true;
}

static struct membrane *act_find_membrane(struct world *w, const struct model_act *act)
{
        struct membrane *m = list_find(&w->membranes, act->who);

        return m && m->vat == act->vat && !m->dropped ? m : NULL;
}

static void act_wrap(struct world *w, const struct model_act *act)
{
        struct membrane *m = act_find_membrane(w, act);
        struct ref *r = act_ref(w, act, act->with[0]);
        capnp_cap *cap;

        if (!m || !r || r->unsent)
                return;

        m->narrows |= act->how == WRAP_NARROW;
        cap = act->how == WRAP_NARROW ? capnp_membrane_wrap_narrow(m->m, r->cap)
                                      : capnp_membrane_wrap(m->m, r->cap);
        if (!cap && node_end(r->node)->kind != NODE_NULL && !w->starved)
                model_fail(w, "reference %u cannot be wrapped", r->id);
        if (cap)
                ref_new(w, act->vat, cap, r->node, NULL);
}

static void act_revoke(struct world *w, const struct model_act *act)
{
        struct membrane *m = act_find_membrane(w, act);

        if (!m)
                return;

        w->loose = true;
        capnp_membrane_revoke(m->m, (capnp_exception){(enum capnp_kind)(act->how & 3), "revoked"});
        m->revoked = true;
        for (size_t i = 0; i < w->refs.n; i++) {
                struct ref *r = w->refs.v[i];

                if (r->vat == m->vat && capnp_cap_membrane_peek(r->cap) == m->m)
                        model_fail(w, "reference %u outlives its membrane", r->id);
        }
}

static void act_unref(struct world *w, const struct model_act *act)
{
        struct membrane *m = act_find_membrane(w, act);

        if (!m)
                return;

        m->dropped = true;
        capnp_membrane_unref(m->m);
}

/* ---- connections ---------------------------------------------------------------------------- */

static void act_close(struct world *w, const struct model_act *act)
{
        capnp_rpc *r = w->vat[act->vat].to[act->who % w->nvats];
        capnp_exception why = {(enum capnp_kind)(act->how & 3), "closed by an act"};

        if (!r)
                return;

        w->loose = true;
        capnp_rpc_close(r, why);
}

static void act_connect(struct world *w, const struct model_act *act)
{
        uint32_t peer = act->who % w->nvats;
        capnp_rpc *r = w->vat[act->vat].to[peer];

        if (!r || !capnp_rpc_is_closed(r, NULL))
                return;

        wire_disconnect(w, act->vat, peer);
        wire_connect(w, act->vat, peer);
        w->loose = true;
}

static void act_deliver(struct world *w, const struct model_act *act)
{
        if (act->who % w->nvats != act->vat)
                wire_deliver(w, act->vat, act->who % w->nvats, act->how);
}

static void act_step(struct world *w, const struct model_act *act)
{
        bool pending = capnp_rpc_pending(w->vat[act->vat].v);

        if (capnp_rpc_step(w->vat[act->vat].v) != pending)
                model_fail(w, "vat %u: an event was %s", act->vat, pending ? "lost" : "not told");
}

static void act_starve(struct world *w, const struct model_act *act)
{
        world_starve(w, act->how);
}

static void (*const PLAY[ACT_KINDS])(struct world *w, const struct model_act *act) = {
        [ACT_OBJECT] = act_object,     [ACT_BROKEN] = act_broken,   [ACT_BOOTSTRAP] = act_bootstrap,
        [ACT_CALL] = act_call,         [ACT_SEND] = act_send,       [ACT_PEEK] = act_peek,
        [ACT_FREE] = act_free,         [ACT_COPY] = act_copy,       [ACT_DROP] = act_drop,
        [ACT_PROMISE] = act_promise,   [ACT_RESOLVE] = act_resolve, [ACT_BREAK] = act_break,
        [ACT_END] = act_end,           [ACT_STEP] = act_step,       [ACT_DELIVER] = act_deliver,
        [ACT_MEMBRANE] = act_membrane, [ACT_WRAP] = act_wrap,       [ACT_REVOKE] = act_revoke,
        [ACT_UNREF] = act_unref,       [ACT_CLOSE] = act_close,     [ACT_CONNECT] = act_connect,
        [ACT_STARVE] = act_starve,     [ACT_FORGET] = act_forget,   [ACT_FLUSH] = act_flush,
};

void model_play(struct world *w, const struct model_act *act)
{
        w->act = act;
        w->given = 0;
        if (w->spoken) {
                model_print_act(act, stderr);
                fputc('\n', stderr);
        }
        if (act->kind < ACT_KINDS && PLAY[act->kind] && act->vat < w->nvats)
                PLAY[act->kind](w, act);
        if (++w->acts % w->check_each == 0)
                world_check(w);
}
