/*
 * Membranes: every reference that crosses one is wrapped, in both directions, and what comes home
 * is unwrapped, so nothing gets past by being handed around.
 *
 * There are two sides. An inward wrapper is held outside and leads inside; an outward one is held
 * inside and leads outside. Crossing is one function: a wrapper that leads back to where the
 * reference is going is opened, anything else is put into one. The same reference always gets the
 * same wrapper, so a peer sees one export for one object, however often it crosses.
 *
 * A call that crosses notes it (struct crossing). Its parameters are rewrapped on the way in, its
 * results on the way out, and when the membrane is revoked the notes say which calls to fail.
 *
 * The policy is asked in the middle of things: a call that was received, a promise that settles, a
 * program that looks at a reference. Nothing must change below their feet, so a policy that acts is
 * stopped by an assertion (capnp_i_vat_acts()); what it wants to send is sent later.
 *
 * What is inside may be narrow: the policy is asked which methods it has, also of what its promise
 * becomes, and whatever else leads to the same thing (rpc-narrow.c). So a peer does not get around
 * that by letting go, by being early, or by having it handed out twice.
 *
 * What a wrapper does as a reference is in rpc-wrap.c, which is above calls, promises and this.
 */
#include "rpc-membrane.h"

#include <errno.h>
#include <stdlib.h>

static void membrane_memory_free(capnp_membrane *m)
{
        capnp_vat *v = m->vat;

        capnp_i_map_deinit(&m->wraps[0]);
        capnp_i_map_deinit(&m->wraps[1]);
        if (m->revoked)
                capnp_cap_unref(&m->revoked->cap);
        capnp_cap_unref(&m->spare->cap);
        free(m);
        capnp_i_vat_unref(v);
}

static void membrane_gone(struct event *e)
{
        capnp_membrane *m = CAPNP_I_OF(e, capnp_membrane, event);

        m->ops->gone(m->self);
        membrane_memory_free(m);
}

void capnp_i_membrane_drop(capnp_membrane *m)
{
        bool last = capnp_i_refs_drop(&m->refs);

        if (m->refs == m->owned)
                capnp_i_narrow_forget(m);
        if (!last)
                return;

        capnp_i_event_init(&m->event, membrane_gone);
        if (!m->ops || !m->ops->gone)
                membrane_memory_free(m);
        else if (m->vat->dead)
                membrane_gone(&m->event);
        else
                capnp_i_event_queue(m->vat, &m->event);
}

capnp_membrane *capnp_membrane_unref(capnp_membrane *m)
{
        if (!m)
                return NULL;

        m->owned = false;
        capnp_i_membrane_drop(m);
        return NULL;
}

/* The end of a call that has crossed. */
static void membrane_end(capnp_membrane *m, uint64_t bytes)
{
        if (!m->ops || !m->ops->end)
                return;

        m->vat->asking++;
        m->ops->end(m->self, bytes);
        m->vat->asking--;
}

/* … which the policy has marked. */
static void membrane_back(const struct crossing *x)
{
        capnp_membrane *m = x->membrane;
        const struct capnp_membrane_call c = {
                .inward = x->inward, .method = x->call->method, .iface = x->call->iface};

        m->vat->asking++;
        m->ops->back(m->self, x->mark, x->bytes, &c,
                     x->outcome == CROSSING_DROPPED && m->revoked ? CROSSING_CUT : x->outcome);
        m->vat->asking--;
}

void capnp_i_crossing_free(struct crossing *x)
{
        capnp_vat *v = x->call->vat; /* which that holds */

        capnp_i_list_remove(&x->link);
        if (x->mark)
                membrane_back(x);
        membrane_end(x->membrane, x->bytes);
        if (x->to)
                capnp_cap_unref(x->to);
        capnp_i_membrane_drop(x->membrane);
        capnp_i_recycle_free(&v->pools[POOL_CROSSINGS], x);
}

static capnp_cap *membrane_wrap_new(capnp_membrane *m, capnp_cap *inner, bool inward)
{
        struct wrap *w = capnp_i_map_get(&m->wraps[inward], (uintptr_t)inner);

        if (w)
                return capnp_cap_ref(&w->cap);

        if (capnp_i_map_reserve(&m->wraps[inward]))
                return NULL;

        w = calloc(1, sizeof(*w));
        if (!w)
                return NULL;

        capnp_i_cap_init(&w->cap, m->vat, CAP_WRAP, m->wrap_ops);
        w->membrane = m;
        capnp_i_refs_take(&m->refs);
        w->inner = capnp_cap_ref(inner);
        w->inward = inward;
        capnp_i_map_put(&m->wraps[inward], (uintptr_t)inner, w);
        return &w->cap;
}

static void membrane_reason(capnp_membrane *m, capnp_exception why, char *out)
{
        m->vat->asking++;
        m->ops->reason(m->self, why, out);
        m->vat->asking--;
}

/*
 * A broken reference carries an exception, and that crosses like one that a call fails with: what
 * comes from the inside is the inside's word.
 */
static capnp_cap *membrane_cross_broken(capnp_membrane *m, capnp_cap *c, bool inward)
{
        struct broken *b = capnp_i_cap_broken(c);
        char text[512] = "";

        if (inward || !m->ops || !m->ops->reason)
                return capnp_cap_ref(c);
        if (m->revoked)
                return capnp_cap_ref(&m->revoked->cap);

        membrane_reason(m, (capnp_exception){b->kind, b->reason}, text);
        return capnp_cap_new_broken(m->vat, (capnp_exception){b->kind, text});
}

capnp_cap *capnp_i_membrane_cross(capnp_membrane *m, capnp_cap *c, bool inward)
{
        c = capnp_i_cap_final(c);
        if (!c)
                return NULL;

        if (c->kind == CAP_BROKEN)
                return membrane_cross_broken(m, c, inward);

        if (m->revoked)
                return capnp_cap_ref(&m->revoked->cap);

        /* Going in, something that leads in is opened: it is the inside's own. */
        if (c->kind == CAP_WRAP && capnp_i_cap_wrap(c)->membrane == m &&
            capnp_i_cap_wrap(c)->inward == inward)
                return capnp_cap_ref(capnp_i_cap_wrap(c)->inner);

        return membrane_wrap_new(m, c, !inward);
}

capnp_cap *capnp_membrane_wrap(capnp_membrane *m, capnp_cap *inside)
{
        return capnp_i_membrane_cross(m, inside, false);
}

/* What leads somewhere else than in is not the membrane's to narrow. */
capnp_cap *capnp_membrane_wrap_narrow(capnp_membrane *m, capnp_cap *inside)
{
        capnp_cap *c = capnp_membrane_wrap(m, inside);
        struct wrap *w = c && c->kind == CAP_WRAP ? capnp_i_cap_wrap(c) : NULL;

        if (!w || w->membrane != m || !w->inward || !capnp_i_narrow_new(m, w->inner))
                return c;

        return capnp_cap_unref(c);
}

bool capnp_i_membrane_holds(const struct call *c)
{
        const struct crossing *x;

        for (x = c->crossings; x; x = x->outer)
                if (x->inward && x->membrane->holds)
                        return true;

        return false;
}

capnp_membrane *capnp_cap_membrane_peek(const capnp_cap *c)
{
        capnp_cap *f = capnp_i_cap_final((capnp_cap *)(uintptr_t)c);

        if (!f || f->kind != CAP_WRAP || !capnp_i_cap_wrap(f)->inward)
                return NULL;

        return capnp_i_cap_wrap(f)->membrane;
}

uint32_t capnp_membrane_held(const capnp_membrane *m, const capnp_cap *but)
{
        const capnp_cap *f = capnp_i_cap_final((capnp_cap *)(uintptr_t)but);
        uint32_t pos = 0, n = 0;
        const struct wrap *w;

        while ((w = capnp_i_map_next(&m->wraps[true], &pos, NULL)))
                n += !w->settled && w->inner->kind != CAP_PROMISE && w->inner != f;
        return n;
}

static bool membrane_refuses(capnp_membrane *m, bool inward, capnp_cap *c, capnp_exception *why)
{
        bool refuses;

        if (!m->ops || !m->ops->transfer)
                return false;

        m->vat->asking++;
        refuses = m->ops->transfer(m->self, inward, c, why);
        m->vat->asking--;
        return refuses;
}

/* What a wrapper's promise became. Broken is broken, but why is for a revocation to say. */
static capnp_cap *wrap_settled(struct wrap *w)
{
        if (w->to && w->to->kind == CAP_BROKEN && w->inward && w->membrane->revoked)
                return &w->membrane->revoked->cap;

        return w->to;
}

/* Once the promise inside has settled, the wrapper stands for what it became, wrapped. */
capnp_cap *capnp_i_wrap_final(capnp_cap *c)
{
        struct wrap *w = capnp_i_cap_wrap(c);
        capnp_exception why = {CAPNP_FAILED, "not allowed"};
        capnp_cap *f;

        if (w->settled)
                return wrap_settled(w);

        f = capnp_i_cap_final(w->inner);
        if (f == w->inner)
                return &w->cap;

        /* A promise may cross because nobody knows yet what it will be: now it is known, or whose
         * it is, if it has become something that is itself still to be decided. */
        if (f && membrane_refuses(w->membrane, !w->inward, f, &why))
                w->to = capnp_cap_new_broken(w->cap.vat, why);
        else if (capnp_i_cap_pending(f))
                return &w->cap;
        else
                w->to = capnp_i_membrane_cross(w->membrane, f, !w->inward);
        w->settled = w->to || !f;
        return w->settled ? wrap_settled(w) : &w->cap;
}

/* Whether a wrapper is narrow, and has not the method that is called. */
static bool wrap_has_not(const struct wrap *w, const struct call *c, uint64_t bytes,
                         capnp_exception *why)
{
        capnp_membrane *m = w->membrane;
        bool lacks;

        if (!w->inward || capnp_i_list_empty(&m->narrow) || !m->ops || !m->ops->has ||
            !capnp_i_narrow_is(m, w->inner))
                return false;

        m->vat->asking++;
        lacks = m->ops->has(m->self, c->iface, c->method, bytes, why);
        m->vat->asking--;
        return lacks;
}

/*
 * A call that crossed toward a promise waits where the promise is decided, beyond the wrappers that
 * would have asked. So they are asked now: each crossing, from the inside out, about the reference
 * as it would have come through.
 */
bool capnp_i_membrane_allows(struct call *c, capnp_cap *to, capnp_exception *ret_why)
{
        capnp_cap *seen = capnp_cap_ref(capnp_i_cap_final(to)), *outer;
        bool allowed = true;
        struct crossing *x;

        for (x = c->crossings; x && allowed && seen; x = x->outer) {
                allowed = !membrane_refuses(x->membrane, !x->inward, seen, ret_why);
                outer = capnp_i_membrane_cross(x->membrane, seen, !x->inward);
                if (allowed && !outer && capnp_i_cap_final(seen)) { /* nobody could be asked */
                        *ret_why = (capnp_exception){CAPNP_OVERLOADED, "out of memory"};
                        allowed = false;
                }
                if (allowed && outer && outer->kind == CAP_WRAP)
                        allowed = !wrap_has_not(capnp_i_cap_wrap(outer), c, x->bytes, ret_why);
                capnp_cap_unref(seen);
                seen = outer;
        }

        capnp_cap_unref(seen);
        return allowed;
}

/* ---- calls that cross ----------------------------------------------------------------------- */

/* Replaces every reference of a payload by what the other side sees. */
static int membrane_cross_caps(capnp_membrane *m, capnp_msg *msg, bool inward, capnp_exception *why)
{
        uint32_t i;

        for (i = 0; i < msg->ncaps; i++) {
                capnp_cap *c = msg->caps[i], *other;

                if (!c)
                        continue;

                if (membrane_refuses(m, inward, c, why))
                        return -EPERM;

                other = capnp_i_membrane_cross(m, c, inward);
                if (!other && capnp_i_cap_final(c)) {
                        *why = (capnp_exception){CAPNP_OVERLOADED, "out of memory"};
                        return -ENOMEM;
                }

                msg->caps[i] = other;
                capnp_cap_unref(c);
        }

        return 0;
}

/* So many calls of this method, of the same object, that somebody waits for. */
static uint32_t membrane_open(struct wrap *w, const struct call *c)
{
        const capnp_cap *to = capnp_i_cap_final(w->inner);
        uint32_t n = 0;

        for (struct capnp_i_list *l = w->membrane->open.next; l != &w->membrane->open;
             l = l->next) {
                struct crossing *x = CAPNP_I_OF(l, struct crossing, link);

                n += x->inward == w->inward && x->call->method == c->method &&
                     x->call->iface == c->iface && !x->call->canceled &&
                     capnp_i_cap_final(x->to) == to;
        }
        return n;
}

/* What a policy says that looks into calls. */
static bool membrane_objects(struct wrap *w, struct call *c, capnp_exception *why)
{
        struct capnp_membrane_call look = {
                .inward = w->inward, .method = c->method, .iface = c->iface};
        capnp_membrane *m = w->membrane;
        struct frame *params;
        bool objects;

        look.open = membrane_open(w, c);
        params = capnp_i_call_params(c);
        if (params)
                look.params = capnp_any_struct(params->content, NULL);
        m->vat->asking++;
        objects = m->ops->look(m->self, &look, why);
        m->vat->asking--;
        return objects;
}

static uint64_t membrane_mark(capnp_membrane *m, bool inward)
{
        uint64_t mark;

        if (!m->ops || !m->ops->mark || !m->ops->back)
                return 0;

        m->vat->asking++;
        mark = m->ops->mark(m->self, inward);
        m->vat->asking--;
        return mark;
}

/* Remembers that c is inside, or outside. -ENOMEM */
static int membrane_note(struct wrap *w, struct call *c, uint64_t bytes, capnp_exception *why)
{
        struct crossing *x = capnp_i_recycle_take(&c->vat->pools[POOL_CROSSINGS], sizeof(*x));

        if (!x) {
                *why = (capnp_exception){CAPNP_OVERLOADED, "out of memory"};
                return -ENOMEM;
        }

        *x = (struct crossing){.outer = c->crossings,
                               .call = c,
                               .membrane = w->membrane,
                               .inward = w->inward,
                               .outcome = CROSSING_DROPPED,
                               .bytes = bytes,
                               .mark = membrane_mark(w->membrane, w->inward)};
        if (x->membrane->looks)
                x->to = capnp_cap_ref(w->inner);
        capnp_i_refs_take(&w->membrane->refs);
        capnp_i_list_append(&w->membrane->open, &x->link);
        c->crossings = x;
        return 0;
}

static bool membrane_stops(struct wrap *w, struct call *c, uint64_t bytes, capnp_exception *why)
{
        capnp_membrane *m = w->membrane;
        bool stops;

        if (wrap_has_not(w, c, bytes, why))
                return true;
        if (!m->ops || !m->ops->pass)
                return false;

        m->vat->asking++;
        stops = m->ops->pass(m->self, w->inward, c->iface, c->method, bytes, why);
        m->vat->asking--;
        return stops;
}

/* Why it may not, if it may not. */
static bool membrane_lets(struct wrap *w, struct call *c, capnp_exception *why)
{
        capnp_membrane *m = w->membrane;
        struct frame *params = c->own_bytes ? NULL : capnp_i_call_params(c);
        uint64_t bytes = params ? capnp_msg_size(&params->msg) : c->own_bytes;

        if (m->revoked) {
                *why = (capnp_exception){m->revoked->kind, m->revoked->reason};
                return false;
        }

        if (membrane_stops(w, c, bytes, why))
                return false;

        /* Noted last: what fails before is our own refusal, not an exception of the other side. */
        if (!(m->looks && membrane_objects(w, c, why)) &&
            !(c->params && c->params->msg.ncaps &&
              membrane_cross_caps(m, &c->params->msg, w->inward, why)) &&
            !membrane_note(w, c, bytes, why))
                return true;

        membrane_end(m, bytes);
        return false;
}

bool capnp_i_membrane_pass(struct wrap *w, struct call *c)
{
        capnp_exception why = {CAPNP_FAILED, "not allowed"};

        if (membrane_lets(w, c, &why))
                return true;

        capnp_i_call_set_exception(c, why.kind, why.reason);
        return false;
}

static void membrane_return_one(struct crossing *x, struct call *c)
{
        capnp_membrane *m = x->membrane;
        capnp_exception why = {CAPNP_FAILED, "not allowed"};
        char text[512];

        capnp_i_list_remove(&x->link);
        if (!c->canceled && !m->revoked)
                x->outcome = c->failed ? 1 + (int)capnp_i_call_exception(c).kind : 0;
        if (!c->failed && c->results && c->results->msg.ncaps &&
            membrane_cross_caps(m, &c->results->msg, !x->inward, &why)) {
                x->outcome = 1 + (int)why.kind;
                c->results = capnp_i_frame_unref(c->results);
                capnp_i_call_set_exception(c, why.kind, why.reason);
                return;
        }

        if (!c->failed || c->refused || m->revoked || !x->inward || !m->ops || !m->ops->reason)
                return;

        text[0] = '\0';
        membrane_reason(m, capnp_i_call_exception(c), text);
        c->broken = capnp_cap_unref(c->broken); /* it had the old text */
        c->more = capnp_i_more_unref(c->more);  /* and this is not for others to see */
        free(c->reason);
        c->reason = strndup(text, sizeof(text));
}

void capnp_i_membrane_return(struct call *c)
{
        struct crossing *x;

        for (x = c->crossings; x; x = x->outer)
                membrane_return_one(x, c);
}
