/*
 * Promises: the only references that change, and each does so once.
 *
 * Until then calls on one go one of two ways. A promise of ours, or the result of a call that is
 * served here, keeps them in its FIFO. A promise of the peer's, or the result of a call that the
 * peer serves, lets them through at once: that is pipelining, and the peer keeps the order.
 *
 * When a promise of the second kind turns out to be something that calls no longer reach by way of
 * that peer, calls under way could be overtaken by new ones. Then, and only then, it is embargoed
 * (rpc.capnp, Disembargo): a message chases the last of the old calls, the peer sends it back, and
 * until it is here new calls wait in the FIFO. Null and broken references have no order to keep.
 * Something of ours that has meanwhile become something of that very peer is such a case: the old
 * calls go there, back to us, and there once more.
 *
 * One kind stays what it is: a result of a call that was passed on to the peer whose call it came
 * from, which keeps it (sendResultsTo.yourself), or of a call without a Return
 * (onlyPromisePipeline). That is all that will be said, so who is told of promises is told this,
 * and who waits for what one is goes on with it.
 *
 * Settled to R means R for ever.
 */
#include "rpc-membrane.h"
#include "rpc-message.h"

#include <errno.h>
#include <stdlib.h>

static capnp_rpc *promise_rpc(const struct promise *p)
{
        return p->wire.rpc ? p->wire.rpc : p->source->out;
}

static bool promise_needs_embargo(const struct promise *p, capnp_cap *to, bool ours)
{
        if (!p->called || !capnp_i_promise_is_remote(p) || promise_rpc(p)->closed)
                return false;

        if (!to || to->kind == CAP_BROKEN)
                return false;

        return ours || !capnp_i_cap_is_on(to, promise_rpc(p));
}

/* One result less that somebody wants of a call. NULL: of none. */
static void promise_drop_source(struct call *source)
{
        if (!source)
                return;

        capnp_i_call_drop_caller(source);
        capnp_i_call_unref(source);
}

static void promise_detach(struct promise *p)
{
        bool early = p->in && !p->source; /* struct call.early */
        struct call *source = p->source;

        p->source = NULL;
        capnp_i_pipes_remove(p);
        if (early)
                capnp_cap_unref(&p->cap);
        promise_drop_source(source);
}

static void promise_send_on(struct call *c, capnp_cap *to)
{
        capnp_exception why = {CAPNP_FAILED, "not allowed"};

        if (capnp_i_membrane_allows(c, to, &why)) {
                capnp_i_call_deliver(c, to);
                return;
        }

        c->refused = !c->failed; /* by our own policy: it is not the inside's word */
        capnp_i_call_fail(c, why.kind, why.reason);
}

/* Another promise that calls wait for here. */
static struct promise *promise_local(capnp_cap *c)
{
        struct promise *p = c && c->kind == CAP_PROMISE ? capnp_i_cap_promise(c) : NULL;

        return p && !capnp_i_promise_is_remote(p) && p->state != PROMISE_SETTLED ? p : NULL;
}

/* All that waits for p goes to what that is: calls by a function that may ask about it. */
static void promise_empty(struct promise *p, capnp_cap *to,
                          void (*deliver)(struct call *c, capnp_cap *to))
{
        struct capnp_i_list waiting, *l;

        capnp_i_list_init(&waiting);
        capnp_i_list_splice(&waiting, &p->fifo);
        while ((l = capnp_i_list_pop(&waiting))) {
                struct waiter *w = CAPNP_I_OF(l, struct waiter, link);

                p->cap.vat->steps++;
                if (w->is_call)
                        deliver(CAPNP_I_OF(w, struct call, waiter), to);
                else
                        capnp_i_disembargo_deliver(CAPNP_I_OF(w, struct disembargo, waiter), to);
        }
}

/* What goes on waiting moves all at once, however much it is and however often it moves. */
static void promise_flush(struct promise *p, capnp_cap *to)
{
        struct promise *next = promise_local(to);

        if (next)
                capnp_i_list_splice(&next->fifo, &p->fifo);
        else
                promise_empty(p, to, promise_send_on);
}

void capnp_i_promise_tell(struct promise *p)
{
        struct promise *next = capnp_i_cap_pending(capnp_i_cap_final(&p->cap));
        struct capnp_i_list watchers, *l;

        /* All of them lead here, and so from here on. */
        if (next && next != p) {
                capnp_i_list_splice(&next->watchers, &p->watchers);
                return;
        }

        capnp_i_list_init(&watchers);
        capnp_i_list_splice(&watchers, &p->watchers);
        while ((l = capnp_i_list_pop(&watchers))) {
                struct export *e = CAPNP_I_OF(l, struct export, watch);
                capnp_cap *now = capnp_i_cap_final(e->cap);

                p->cap.vat->steps++;
                next = capnp_i_cap_pending(now);
                if (next)
                        capnp_i_table_export_watch(e, next);
                else
                        capnp_i_send_resolve(e, now);
        }
}

static void promise_pass_on(struct promise *p)
{
        if (!capnp_i_list_empty(&p->fifo))
                promise_flush(p, capnp_i_cap_final(&p->cap));
        if (!capnp_i_list_empty(&p->watchers))
                capnp_i_promise_tell(p);
        capnp_i_waits_end(p->cap.vat, &p->waits);
        capnp_cap_unref(&p->cap);
}

/*
 * A call that waited may fail at once, and with it go the last references to any of the pipes. So
 * each is taken from the front and put at the end: whatever goes, the list is whole.
 */
static void promise_flush_pipes(struct call *c)
{
        uint32_t n = c->pipes.n;

        while (n-- && !capnp_i_list_empty(&c->pipes.list)) {
                struct promise *p = CAPNP_I_OF(c->pipes.list.next, struct promise, source_link);

                c->vat->steps++;
                capnp_i_list_remove(&p->source_link);
                capnp_i_list_append(&c->pipes.list, &p->source_link);
                capnp_cap_ref(&p->cap);
                promise_empty(p, &p->cap, capnp_i_call_deliver);
                capnp_cap_unref(&p->cap);
        }
}

/*
 * One promise that is settled may settle others, and one call that is sent let others follow, in a
 * chain as long as a peer likes. So each is put on a list, and the outermost works it off: this
 * takes no stack, and all is done before anything else can come between.
 */
static void promise_work(capnp_vat *v)
{
        struct capnp_i_list *l;

        if (v->flushing)
                return;

        capnp_i_vat_ref(v);
        v->flushing = true;
        for (;;) {
                if ((l = capnp_i_list_pop(&v->settled))) {
                        promise_pass_on(CAPNP_I_OF(l, struct promise, source_link));
                } else if ((l = capnp_i_list_pop(&v->sent))) {
                        struct waiter *w = CAPNP_I_OF(l, struct waiter, link);
                        struct call *c = CAPNP_I_OF(w, struct call, waiter);

                        c->unflushed = false;
                        promise_flush_pipes(c);
                        capnp_i_call_unref(c);
                } else {
                        break;
                }
        }
        v->flushing = false;
        capnp_i_vat_unref(v);
}

static void promise_flush_results(struct call *c)
{
        struct promise *only = CAPNP_I_OF(c->pipes.list.next, struct promise, source_link);

        if (c->pipes.n == 1 && capnp_i_list_empty(&only->fifo))
                return;

        c->unflushed = true;
        capnp_i_call_ref(c);
        capnp_i_list_append(&c->vat->sent, &c->waiter.link);
        promise_work(c->vat);
}

/* ---- calls on one, and its end -------------------------------------------------------------- */

void capnp_i_promise_sent(struct call *c, capnp_rpc *r, int k)
{
        capnp_i_call_ref(c);
        if (k == CAPNP_E_DISCONNECTED) {
                capnp_i_call_fail(c, r->why->kind, r->why->reason);
        } else if (k) {
                if (k < 0 || k == CAPNP_E_LIMIT)
                        capnp_i_call_refuse(c, capnp_i_send_why(k));
                capnp_i_call_fail_error(c, k);
        } else if (c->pipes.n) {
                promise_flush_results(c);
        }
        if (c->canceled && c->state == CALL_REMOTE)
                capnp_i_call_cancel_remote(c);
        capnp_i_call_unref(c);
}

static void promise_queue(struct call *c, struct promise *p)
{
        if (capnp_i_ring_of_call(c, p)) {
                capnp_i_call_fail(c, CAPNP_FAILED, "the call waits for its own result");
                return;
        }

        capnp_i_call_set_target(c, &p->cap);
        capnp_i_list_append(&p->fifo, &c->waiter.link);
}

static capnp_cap *promise_deliver(struct call *c, capnp_cap *to)
{
        struct promise *p = capnp_i_cap_promise(to);

        if (!capnp_i_promise_is_remote(p) || (p->source && p->source->unflushed) ||
            (capnp_i_membrane_holds(c) && !capnp_i_promise_stays_there(p))) {
                promise_queue(c, p);
                return NULL;
        }

        p->called = true;
        capnp_i_call_set_target(c, to); /* a relayed call may be all that holds p */
        capnp_i_promise_send_call(c, promise_rpc(p), to);
        return NULL;
}

static void promise_gone(capnp_cap *c)
{
        struct promise *p = capnp_i_cap_promise(c);
        struct call *source = p->source;

        p->source = NULL;
        if (!capnp_i_list_empty(&p->source_link))
                capnp_i_pipes_remove(p);
        /* A call would have held us; what is left is a peer waiting for its Disembargo. */
        if (!capnp_i_list_empty(&p->fifo))
                promise_empty(p, NULL, NULL);
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
        capnp_i_cap_end(c, &c->vat->pools[POOL_PROMISES]);
        promise_drop_source(source);
}

static const struct cap_ops promise_ops = {
        .class = CAP_CLASS,
        .gone = promise_gone,
        .deliver = promise_deliver,
};

struct promise *capnp_i_promise_make(capnp_vat *v)
{
        struct promise *p = capnp_i_recycle_take(&v->pools[POOL_PROMISES], sizeof(*p));

        if (!p)
                return NULL;

        capnp_i_zero(p, sizeof(*p));
        capnp_i_cap_init(&p->cap, v, CAP_PROMISE, &promise_ops);
        capnp_i_list_init(&p->fifo);
        capnp_i_list_init(&p->watchers);
        capnp_i_list_init(&p->waits);
        capnp_i_list_init(&p->source_link);
        return p;
}

/* ---- what one becomes ----------------------------------------------------------------------- */

static void promise_finish(struct promise *p)
{
        capnp_vat *v = p->cap.vat;

        capnp_cap_ref(&p->cap);
        capnp_i_promise_move(p, PROMISE_SETTLED);
        p->embargo_rpc = NULL;
        capnp_i_table_import_release(&p->wire);
        if (p->cap.narrow)
                capnp_i_narrow_move(&p->cap, p->to);
        promise_detach(p);
        if (capnp_i_list_empty(&p->fifo) && capnp_i_list_empty(&p->watchers) &&
            capnp_i_list_empty(&p->waits)) { /* nobody waits for it */
                capnp_cap_unref(&p->cap);
                return;
        }

        capnp_i_list_append(&v->settled, &p->source_link);
        promise_work(v);
}

__attribute__((noinline)) static void promise_embargo(struct promise *p)
{
        capnp_rpc *r = promise_rpc(p);
        struct embargo_id id;

        /* Its id is taken until the peer sends it back, also when p has gone. */
        if (!capnp_i_ledger_has_room(r, COST_EMBARGO))
                (void)capnp_i_rpc_violation(r, "over-quota.bytes: too many Disembargos are owed");
        else if (capnp_i_table_embargo_new(r, p, &id))
                capnp_i_rpc_starve(r, true);
        if (r->closed) {
                capnp_i_promise_settle_broken(p, r->why->kind, r->why->reason);
                return;
        }

        capnp_i_send_disembargo(r, p, id);
        capnp_i_promise_move(p, PROMISE_EMBARGOED);
        p->embargo = id;
        p->embargo_rpc = r;
        promise_detach(p);
}

void capnp_i_promise_settle(struct promise *p, capnp_cap *to, bool ours)
{
        struct promise *next;

        if (p->state != PROMISE_PENDING)
                return;

        capnp_i_table_import_decided(&p->wire);
        to = capnp_i_cap_final(to);
        if (capnp_i_ring_of_promise(p, to)) {
                capnp_i_promise_settle_broken(p, CAPNP_FAILED, "a promise was resolved to itself");
                return;
        }

        p->to = capnp_cap_ref(to);
        if (promise_needs_embargo(p, to, ours)) {
                promise_embargo(p);
                return;
        }

        /* The calls sent through p are ahead of what will go through the promise it became. */
        next = to && to->kind == CAP_PROMISE ? capnp_i_cap_promise(to) : NULL;
        if (next && p->called && capnp_i_promise_is_remote(next))
                next->called = true;
        promise_finish(p);
}

/*
 * A promise that becomes another one of the same peer's, which nobody has seen yet, goes on as that
 * one: there is no order to keep, and a peer can do it as often as it likes. So no chain is built,
 * and who holds the first keeps one import and not all of them.
 */
static bool promise_renew(struct promise *p, capnp_cap *to)
{
        struct promise *q = to && to->kind == CAP_PROMISE ? capnp_i_cap_promise(to) : NULL;

        if (!q || to->refs != 1 || p->state != PROMISE_PENDING || p->wire.rpc != q->wire.rpc)
                return false;

        if (p->cap.fd >= 0 || to->fd >= 0) /* each is lent to whoever asks for it */
                return false;

        capnp_i_table_import_swap(p, q);
        return true;
}

void capnp_i_promise_resolved(struct promise *p, capnp_cap *to, bool ours)
{
        if (!promise_renew(p, to))
                capnp_i_promise_settle(p, to, ours);
}

void capnp_i_promise_settle_broken(struct promise *p, enum capnp_kind kind, const char *reason)
{
        capnp_cap *was = p->to;

        if (p->state == PROMISE_SETTLED)
                return;

        capnp_i_table_import_decided(&p->wire);
        /* Without memory: null, which fails every call as well. */
        p->to = capnp_cap_new_broken(p->cap.vat, (capnp_exception){kind, reason});
        promise_finish(p);
        capnp_cap_unref(was); /* may be all that holds p */
}

void capnp_i_promise_lift(struct promise *p)
{
        if (p->state != PROMISE_EMBARGOED)
                return;

        if (capnp_i_ring_of_promise(p, capnp_i_cap_final(p->to)))
                capnp_i_promise_settle_broken(p, CAPNP_FAILED, "a promise was resolved to itself");
        else
                promise_finish(p);
}

int capnp_promise_new(capnp_vat *v, capnp_promise **ret_p, capnp_cap **ret_c)
{
        capnp_promise *h = malloc(sizeof(*h));

        if (!h)
                return -ENOMEM;

        h->p = capnp_i_promise_make(v);
        if (!h->p) {
                free(h);
                return -ENOMEM;
        }

        *ret_p = h;
        *ret_c = capnp_cap_ref(&h->p->cap);
        return 0;
}

void capnp_promise_resolve(capnp_promise *h, capnp_cap *to)
{
        if (!h)
                return;

        capnp_i_vat_acts(h->p->cap.vat);
        capnp_i_promise_settle(h->p, to, false);
        capnp_cap_unref(&h->p->cap);
        free(h);
}

void capnp_promise_break(capnp_promise *h, capnp_exception why)
{
        if (!h)
                return;

        capnp_i_vat_acts(h->p->cap.vat);
        capnp_i_promise_settle_broken(h->p, why.kind, why.reason);
        capnp_cap_unref(&h->p->cap);
        free(h);
}
