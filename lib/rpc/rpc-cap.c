/*
 * References: an object of ours, one over there, one that will be, one that is broken, one behind a
 * membrane. The program cannot tell which; the core can, by its kind.
 *
 * Dropping the last reference runs no code of the application: an object's `gone` becomes an event.
 * It also never recurses. What the last reference held (a chain of settled promises can be as long
 * as a peer likes) goes on the vat's list of the doomed, which the outermost drop works off.
 */
#include "rpc-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static const struct capnp_i_cap_class cap_class = {capnp_cap_ref, capnp_cap_unref};

void capnp_i_cap_init(capnp_cap *c, capnp_vat *v, enum cap_kind kind)
{
        c->class = &cap_class;
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

static void cap_memory_free(capnp_cap *c)
{
        capnp_vat *v = c->vat;

        if (c->fd >= 0)
                close(c->fd);
        if (c->narrow)
                capnp_i_narrow_gone(c);
        if (c->flow)
                capnp_i_flow_free(c->flow);
        if (c->kind == CAP_PROMISE)
                capnp_i_recycle_free(&v->pools[POOL_PROMISES], capnp_i_cap_promise(c));
        else if (c->kind == CAP_IMPORT)
                capnp_i_recycle_free(&v->pools[POOL_IMPORTS], capnp_i_cap_import(c));
        else
                free(c);
        capnp_i_vat_unref(v);
}

static void hosted_gone(struct event *e)
{
        struct hosted *h = CAPNP_I_OF(e, struct hosted, event);

        h->gone(h->self);
        cap_memory_free(&h->cap);
}

static void hosted_free(struct hosted *h)
{
        capnp_i_gates_free(h);
        if (!h->gone)
                cap_memory_free(&h->cap);
        else if (h->cap.vat->dead) /* no queue will ever run again: now or never */
                hosted_gone(&h->event);
        else
                capnp_i_event_queue(h->cap.vat, &h->event);
}

static void promise_free(struct promise *p)
{
        struct call *source = p->source;

        p->source = NULL;
        if (!capnp_i_list_empty(&p->source_link))
                capnp_i_pipes_remove(p);
        if (!capnp_i_list_empty(&p->fifo))
                capnp_i_promise_drop_waiters(p);
        if (!capnp_i_list_empty(&p->waits))
                capnp_i_waits_end(p->cap.vat, &p->waits);
        if (p->embargo_rpc)
                capnp_i_table_embargo_forget(p->embargo_rpc, p->embargo);
        if (p->wire.rpc || p->wire.charge.rpc)
                capnp_i_table_import_drop(&p->wire);
        capnp_cap_unref(p->to);
        capnp_i_uncharge(&p->charge);
        if (p->path != p->short_path)
                free(p->path);
        cap_memory_free(&p->cap);
        if (!source)
                return;

        capnp_i_call_drop_caller(source);
        capnp_i_call_unref(source);
}

static void cap_free(capnp_cap *c)
{
        switch ((enum cap_kind)c->kind) {
        case CAP_HOSTED:
                hosted_free(capnp_i_cap_hosted(c));
                break;
        case CAP_IMPORT:
                capnp_i_table_import_drop(&capnp_i_cap_import(c)->wire);
                cap_memory_free(c);
                break;
        case CAP_PROMISE:
                promise_free(capnp_i_cap_promise(c));
                break;
        case CAP_WRAP:
                capnp_i_wrap_free(capnp_i_cap_wrap(c));
                cap_memory_free(c);
                break;
        case CAP_BROKEN:
                capnp_i_more_unref(capnp_i_cap_broken(c)->more);
                cap_memory_free(c);
                break;
        }
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
                cap_free(CAPNP_I_OF(l, capnp_cap, doomed));
        v->dooming = false;
        capnp_i_vat_unref(v);
}

capnp_cap *capnp_cap_unref(capnp_cap *c)
{
        if (c && capnp_i_refs_drop(&c->refs))
                cap_last(c);
        return NULL;
}

int capnp_cap_new(capnp_vat *v, const struct capnp_interface *i, const void *ops, void *self,
                  capnp_cap **ret_c)
{
        struct hosted *h = calloc(1, sizeof(*h));

        if (!h)
                return -ENOMEM;

        capnp_i_cap_init(&h->cap, v, CAP_HOSTED);
        h->iface = i;
        h->ops = ops;
        memcpy(&h->gone, ops, sizeof(h->gone));
        h->self = self;
        capnp_i_event_init(&h->event, hosted_gone);
        capnp_i_list_init(&h->gates);
        *ret_c = &h->cap;
        return 0;
}

int capnp_cap_new_dispatch(capnp_vat *v, capnp_handler *dispatch, void (*gone)(void *self),
                           void *self, capnp_cap **ret_c)
{
        struct hosted *h = calloc(1, sizeof(*h));

        if (!h)
                return -ENOMEM;

        capnp_i_cap_init(&h->cap, v, CAP_HOSTED);
        h->dispatch = dispatch;
        h->gone = gone;
        h->self = self;
        capnp_i_event_init(&h->event, hosted_gone);
        capnp_i_list_init(&h->gates);
        *ret_c = &h->cap;
        return 0;
}

capnp_cap *capnp_cap_new_broken(capnp_vat *v, capnp_exception why)
{
        return capnp_cap_new_broken_more(v, why, NULL);
}

capnp_cap *capnp_cap_new_broken_more(capnp_vat *v, capnp_exception why,
                                     const struct capnp_exception_more *more)
{
        size_t len = strnlen(why.reason ? why.reason : "", 1023);
        struct broken *b = malloc(sizeof(*b) + len + 1);

        if (!b)
                return NULL;

        capnp_i_cap_init(&b->cap, v, CAP_BROKEN);
        b->kind = why.kind;
        b->more = capnp_i_more_new(more);
        memcpy(b->reason, why.reason ? why.reason : "", len);
        b->reason[len] = '\0';
        return &b->cap;
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

                next = capnp_i_wrap_final(capnp_i_cap_wrap(c));
                if (next == c)
                        return c;
        }
}

struct promise *capnp_i_cap_pending(capnp_cap *c)
{
        struct promise *p;

        while (c && c->kind == CAP_WRAP)
                c = capnp_i_cap_final(capnp_i_cap_wrap(c)->inner);

        p = c && c->kind == CAP_PROMISE ? capnp_i_cap_promise(c) : NULL;
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
