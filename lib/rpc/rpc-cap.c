/*
 * References: an object of ours, one over there, one that will be, one that is broken, one behind a
 * membrane. The program cannot tell which; the core can, by its kind, and what differs between the
 * kinds is a table that comes with each (struct cap_ops).
 *
 * Dropping the last reference runs no code of the application: an object's `gone` becomes an event.
 * It also never recurses. What the last reference held (a chain of settled promises can be as long
 * as a peer likes) goes on the vat's list of the doomed, which the outermost drop works off.
 */
#include "rpc-internal.h"

#include <stdlib.h>
#include <unistd.h>

void capnp_i_cap_init(capnp_cap *c, capnp_vat *v, enum cap_kind kind, const struct cap_ops *ops)
{
        c->class = &ops->class;
        c->vat = capnp_i_vat_ref(v);
        c->refs = 1;
        c->kind = (uint8_t)kind;
        c->fd = -1;
        c->flow = NULL;
        c->narrow = NULL;
        capnp_i_list_init(&c->doomed);
}

capnp_cap *capnp_cap_ref(capnp_cap *c)
{
        if (c)
                capnp_i_refs_take(&c->refs);

        return c;
}

void capnp_i_cap_drop_flow(capnp_cap *c)
{
        struct flow *f = c->flow;
        struct capnp_i_list *l;

        if (!f)
                return;

        c->flow = NULL;
        while ((l = capnp_i_list_pop(&f->writers)))
                free(CAPNP_I_OF(l, struct writer, link));
        capnp_cap_unref(f->broken);
        free(f);
}

/* Of the notes none holds it (rpc-narrow.c), or it would not go. */
static void cap_drop_narrow(capnp_cap *c)
{
        struct narrow *n;

        while ((n = c->narrow)) {
                c->narrow = n->next;
                capnp_i_list_remove(&n->link);
                free(n);
        }
}

void capnp_i_cap_end(capnp_cap *c, struct recycle *pool)
{
        capnp_vat *v = c->vat;

        if (c->fd >= 0)
                close(c->fd);
        if (c->narrow)
                cap_drop_narrow(c);
        if (c->flow)
                capnp_i_cap_drop_flow(c);
        if (pool)
                capnp_i_recycle_free(pool, c);
        else
                free(c);
        capnp_i_vat_unref(v);
}

/* The last reference has gone. */
__attribute__((noinline)) static void cap_last(capnp_cap *c)
{
        struct capnp_i_list *l;
        capnp_vat *v = c->vat;

        capnp_i_list_append(&v->doomed, &c->doomed);
        if (v->dooming)
                return;

        capnp_i_vat_ref(v);
        v->dooming = true;
        while ((l = capnp_i_list_pop(&v->doomed)))
                capnp_i_cap_gone(CAPNP_I_OF(l, capnp_cap, doomed));
        v->dooming = false;
        capnp_i_vat_unref(v);
}

capnp_cap *capnp_cap_unref(capnp_cap *c)
{
        if (c && capnp_i_refs_drop(&c->refs))
                cap_last(c);
        return NULL;
}

static struct promise *cap_settled(capnp_cap *c)
{
        struct promise *p = c && c->kind == CAP_PROMISE ? capnp_i_cap_promise(c) : NULL;

        return p && p->state == PROMISE_SETTLED ? p : NULL;
}

void capnp_i_cap_freshen(struct event *e)
{
        capnp_vat *v = CAPNP_I_OF(e, capnp_vat, freshen);
        struct capnp_i_list *l;

        while ((l = capnp_i_list_pop(&v->stale)))
                capnp_cap_unref(CAPNP_I_OF(l, capnp_cap, doomed));
}

/* Somebody who follows the chain may still look at c: it goes a little later. */
static void cap_unref_later(capnp_cap *c)
{
        if (!c || c->refs > 1) {
                capnp_cap_unref(c);
                return;
        }

        capnp_i_list_append(&c->vat->stale, &c->doomed);
        capnp_i_event_queue(c->vat, &c->vat->freshen);
}

/* All of a chain of settled promises point to its end, so that the next one who asks is there. */
static void cap_shorten(capnp_cap *c, capnp_cap *end)
{
        struct promise *p;

        while ((p = cap_settled(c)) && p->to != end) {
                c = p->to;
                p->to = capnp_cap_ref(end);
                cap_unref_later(c);
        }
}

/* The first of a chain that is no settled promise. */
static capnp_cap *cap_chain_end(capnp_cap *c)
{
        capnp_cap *end = c;
        struct promise *p;
        unsigned steps = 0;

        for (; (p = cap_settled(end)); end = p->to)
                steps++;
        if (steps <= 2)
                return end;

        c->vat->steps += steps;
        if (!c->vat->dead)
                cap_shorten(c, end);

        return end;
}

capnp_cap *capnp_i_cap_final(capnp_cap *c)
{
        capnp_cap *next;

        if (!c || (c->kind != CAP_PROMISE && c->kind != CAP_WRAP))
                return c;

        for (;; c = next) {
                c = cap_chain_end(c);
                if (!c || c->kind != CAP_WRAP)
                        return c;

                next = capnp_i_cap_ops(c)->final(c);
                if (next == c)
                        return c;
        }
}

struct promise *capnp_i_cap_undecided(capnp_cap *c)
{
        while (c && c->kind == CAP_WRAP)
                c = capnp_i_cap_final(capnp_i_cap_wrap(c)->inner);

        return c && c->kind == CAP_PROMISE ? capnp_i_cap_promise(c) : NULL;
}

struct promise *capnp_i_cap_pending(capnp_cap *c)
{
        struct promise *p = capnp_i_cap_undecided(c);

        return p && !capnp_i_promise_stays_there(p) ? p : NULL;
}

bool capnp_i_cap_is_on(capnp_cap *c, const capnp_rpc *r)
{
        struct promise *p;

        if (!c)
                return false;

        if (c->kind == CAP_IMPORT)
                return capnp_i_cap_import(c)->wire.rpc == r;

        if (c->kind != CAP_PROMISE)
                return false;

        p = capnp_i_cap_promise(c);
        if (!capnp_i_promise_is_remote(p))
                return false;

        return p->wire.rpc ? p->wire.rpc == r : p->source->out == r;
}

void *capnp_cap_self_peek(const capnp_cap *c, const void *ops)
{
        /* Following only reads, or remembers what it found: not a change a caller can see. */
        capnp_cap *f = capnp_i_cap_final((capnp_cap *)(uintptr_t)c);
        struct hosted *h;

        if (!f || f->kind != CAP_HOSTED)
                return NULL;

        h = capnp_i_cap_hosted(f);
        if (h->ops ? h->ops != ops : (uintptr_t)h->dispatch != (uintptr_t)ops)
                return NULL;

        return h->self;
}

/* NULL: it is not, as far as is known. */
static struct broken *cap_why_broken(const capnp_cap *c)
{
        capnp_cap *f = capnp_i_cap_final((capnp_cap *)(uintptr_t)c);

        if (f && f->kind == CAP_BROKEN)
                return capnp_i_cap_broken(f);
        if (f && f->kind == CAP_IMPORT && capnp_i_cap_import(f)->wire.rpc->closed)
                return capnp_i_cap_import(f)->wire.rpc->why;
        if (f && f->kind == CAP_WRAP)
                return capnp_i_cap_wrap(f)->membrane->revoked;

        return NULL;
}

bool capnp_cap_is_broken(const capnp_cap *c, capnp_exception *ret_why)
{
        struct broken *b = cap_why_broken(c);

        if (!b)
                return false;

        if (ret_why)
                *ret_why = (capnp_exception){b->kind, b->reason};
        return true;
}

struct capnp_exception_more capnp_cap_broken_more(const capnp_cap *c)
{
        struct broken *b = cap_why_broken(c);

        return capnp_i_more_peek(b ? b->more : NULL);
}

void capnp_cap_set_fd(capnp_cap *c, int fd)
{
        if (c->fd >= 0)
                close(c->fd);
        c->fd = fd;
}

int capnp_cap_fd_peek(const capnp_cap *c)
{
        capnp_cap *f = capnp_i_cap_final((capnp_cap *)(uintptr_t)c);

        return f ? f->fd : -1;
}
