/*
 * Wrappers: what a reference is on the other side of a membrane. Calls on one cross it
 * (rpc-membrane.c).
 *
 * A revocation ends everything at once: each wrapper becomes a broken reference and drops what it
 * led to, whoever still holds it, and peers that were promised something are told. Only what has
 * turned out to be the holder's own and needs no wrapper stays what it is.
 */
#include "rpc-membrane.h"

#include <errno.h>
#include <stdlib.h>

/*
 * References to results that were handed out before the call got here are on the outer side of the
 * wall. What they will be from now on is a reference of the inner side, wrapped.
 */
void capnp_i_wrap_cross_pipes(struct wrap *w, struct call *c)
{
        struct capnp_i_list outer, *l;

        capnp_i_list_init(&outer);
        capnp_i_pipes_take_all(&c->pipes, &outer);
        while ((l = outer.next) != &outer) {
                struct promise *p = CAPNP_I_OF(l, struct promise, source_link);
                capnp_cap *inner = capnp_i_call_new_pipe(c, p->path, p->npath);
                capnp_cap *wrapped = capnp_i_membrane_cross(w->membrane, inner, !w->inward);

                if (wrapped)
                        capnp_i_promise_settle(p, wrapped, false);
                else
                        capnp_i_promise_settle_broken(p, CAPNP_OVERLOADED, "out of memory");
                capnp_cap_unref(wrapped);
                capnp_cap_unref(inner);
        }
}

static capnp_cap *wrap_deliver(struct call *c, capnp_cap *to)
{
        struct wrap *w = capnp_i_cap_wrap(to);

        return capnp_i_wrap_pass(w, c) ? w->inner : NULL;
}

static void wrap_gone(capnp_cap *c)
{
        struct wrap *w = capnp_i_cap_wrap(c);

        if (w->inner)
                (void)capnp_i_map_take(&w->membrane->wraps[w->inward], (uintptr_t)w->inner);
        capnp_cap_unref(w->inner);
        capnp_cap_unref(w->to);
        capnp_i_membrane_drop(w->membrane);
        capnp_i_cap_end(c, NULL);
}

static const struct cap_ops wrap_ops = {
        .class = CAP_CLASS,
        .gone = wrap_gone,
        .final = capnp_i_wrap_final,
        .deliver = wrap_deliver,
};

/* A peer that was promised what lies behind a wrapper is told what has become of that. */
static void wrap_tell(struct wrap *w)
{
        struct promise *p = capnp_i_cap_pending(capnp_i_cap_final(w->inner));

        if (!p)
                return;

        capnp_cap_ref(&p->cap);
        capnp_i_promise_tell(p);
        capnp_i_waits_end(p->cap.vat, &p->waits);
        capnp_cap_unref(&p->cap);
}

/*
 * Breaks all wrappers of one direction. All are held and broken before any is told or dropped:
 * what one lets go of may be the last that held another.
 */
static void membrane_break(capnp_membrane *m, bool inward)
{
        struct capnp_i_map wraps = m->wraps[inward];
        struct wrap *w;
        uint32_t pos;

        m->wraps[inward] = (struct capnp_i_map){0};
        for (pos = 0; (w = capnp_i_map_next(&wraps, &pos, NULL));) {
                capnp_cap_ref(&w->cap);
                if (!w->settled)
                        w->to = capnp_cap_ref(&m->revoked->cap);
                w->settled = true;
        }

        for (pos = 0; (w = capnp_i_map_next(&wraps, &pos, NULL));)
                wrap_tell(w);

        for (pos = 0; (w = capnp_i_map_next(&wraps, &pos, NULL));) {
                capnp_cap *inner = w->inner;

                w->inner = NULL;
                capnp_cap_unref(inner);
                capnp_cap_unref(&w->cap);
        }
        capnp_i_map_deinit(&wraps);
}

int capnp_membrane_new(capnp_vat *v, const struct capnp_membrane_ops *o, void *self,
                       capnp_membrane **ret_m)
{
        capnp_membrane *m = calloc(1, sizeof(*m));
        capnp_cap *spare;

        if (!m)
                return -ENOMEM;

        spare = capnp_cap_new_broken(v, (capnp_exception){CAPNP_FAILED, "revoked"});
        if (!spare) {
                free(m);
                return -ENOMEM;
        }

        m->spare = capnp_i_cap_broken(spare);
        m->vat = capnp_i_vat_ref(v);
        m->refs = 1;
        m->owned = true;
        m->ops = o;
        m->wrap_ops = &wrap_ops;
        m->looks = o && o->look;
        m->self = self;
        capnp_i_list_init(&m->open);
        capnp_i_list_init(&m->narrow);
        *ret_m = m;
        return 0;
}

void capnp_membrane_revoke(capnp_membrane *m, capnp_exception why)
{
        struct capnp_i_list *l;
        capnp_cap *b;

        capnp_i_vat_acts(m->vat);
        if (m->revoked)
                return;

        b = capnp_cap_new_broken(m->vat, why);
        capnp_i_refs_take(&m->refs);
        m->revoked = b ? capnp_i_cap_broken(b) : m->spare;
        if (!b)
                capnp_cap_ref(&m->spare->cap);
        while ((l = capnp_i_list_pop(&m->open))) {
                struct crossing *x = CAPNP_I_OF(l, struct crossing, link);
                capnp_cap *to = x->to;

                x->to = NULL;
                capnp_i_call_abandon(x->call, m->revoked->kind, m->revoked->reason);
                capnp_cap_unref(to);
        }
        membrane_break(m, false);
        membrane_break(m, true);
        capnp_i_narrow_forget(m);
        capnp_i_membrane_drop(m);
}

capnp_cap *capnp_membrane_narrow(capnp_membrane *m)
{
        struct capnp_i_list *l = m->narrow.prev;
        struct narrow *n = CAPNP_I_OF(l, struct narrow, link);

        if (l == &m->narrow || !n->bare || capnp_cap_is_broken(n->cap, NULL))
                return NULL;

        return capnp_membrane_wrap(m, n->cap);
}
