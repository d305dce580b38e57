/*
 * The way of a call from its caller to its callee, and of its outcome back.
 *
 * Both ends are tables: where a call goes is said by what it is called on (struct cap_ops), who is
 * told its outcome by whoever made it (struct caller). So nothing here depends on who they are.
 *
 * A call that is canceled while it waits in a FIFO is taken out of it, unless its Finish says that
 * it must be delivered first (rpc.capnp, requireEarlyCancellationWorkaround): peers older than 1.0
 * never say otherwise, and their programs drop what they have sent. Such a call waits on, is
 * delivered in its turn, and only then is whoever serves it told.
 */
#include "rpc-internal.h"

/* The caller's side learns the outcome. The parent, if there is one, is to return next. */
static struct call *call_complete(struct call *c)
{
        struct call *parent = c->parent;

        assert(!c->done);
        capnp_i_call_ref(c);
        c->callers++; /* settling may drop all others, and it is too late to cancel */
        c->caller->returned(c);
        assert(c->done);
        c->callers--;
        capnp_i_call_unref(c);
        return parent;
}

/* Where no event will ever run again, what waits behind c fails with it. */
__attribute__((noinline)) void capnp_i_call_leave_gate(struct call *c, bool over)
{
        struct capnp_i_list stranded, *l;

        capnp_i_list_init(&stranded);
        capnp_i_gate_leave(c, over, &stranded);
        while ((l = capnp_i_list_pop(&stranded)))
                capnp_i_call_fail(
                        CAPNP_I_OF(CAPNP_I_OF(l, struct waiter, link), struct call, waiter),
                        CAPNP_DISCONNECTED, "the vat is gone");
}

/* Nobody serves the call any more: what was kept for that goes. */
static void call_end(struct call *c)
{
        bool was_served = c->state != CALL_NEW;
        struct crossing *x;

        if (c->state == CALL_ENDED)
                return;

        capnp_i_call_move(c, CALL_ENDED);
        capnp_i_list_remove(&c->waiter.link);
        while ((x = c->crossings)) {
                c->crossings = x->outer;
                capnp_i_crossing_free(x);
        }
        if (c->gate)
                capnp_i_call_leave_gate(c, true);
        capnp_i_call_drop_params(c);
        if (was_served)
                capnp_i_call_unref(c);
}

void capnp_i_call_return(struct call *c)
{
        struct call *parent = c;
        bool dropped;

        /* A chain of tails, each of which returns for the one before it, is as long as it likes. */
        for (; c; c = parent) {
                capnp_i_call_ref(c);
                parent = c->done ? NULL : call_complete(c);
                call_end(c);
                /* A canceled parent has given up its place among our callers already. */
                dropped = !parent || parent->canceled;
                if (!dropped)
                        capnp_i_call_drop_caller(c);
                capnp_i_call_unref(c);
        }
}

void capnp_i_call_fail(struct call *c, enum capnp_kind kind, const char *reason)
{
        capnp_i_call_set_exception(c, kind, reason);
        capnp_i_call_return(c);
}

void capnp_i_call_fail_as(struct call *c, capnp_cap *broken)
{
        struct broken *b = broken ? capnp_i_cap_broken(broken) : NULL;

        if (!b) {
                capnp_i_call_fail(c, CAPNP_OVERLOADED, "out of memory");
                return;
        }

        capnp_i_call_set_exception_more(c, (capnp_exception){b->kind, b->reason},
                                        capnp_i_more_ref(b->more));
        capnp_i_call_return(c);
}

void capnp_i_call_fail_error(struct call *c, int r)
{
        bool known = c->failed;

        capnp_i_call_ref(c);
        capnp_i_call_set_exception(c, CAPNP_FAILED, capnp_strerror(r));
        if (!known)
                c->result = r;
        capnp_i_call_return(c);
        capnp_i_call_unref(c);
}

/* ---- when nobody wants the outcome ---------------------------------------------------------- */

static bool call_waits_at_gate(const struct call *c)
{
        return c->state == CALL_HOSTED && c->gate && !c->started;
}

/*
 * A question that is given up stays until its Return, which may be never. If a peer has asked for
 * it, that one's call is open for as long, and the peer pays while it is here. What our own program
 * has asked for is paid for by who owes the Return.
 */
static void call_charge_return(struct call *c)
{
        capnp_rpc *payer = capnp_i_call_payer(c);

        if (payer && payer->closed)
                payer = NULL;
        if (payer && payer == c->peer)
                return;

        capnp_i_uncharge(&c->charge.kept);
        if (payer)
                capnp_i_charge(&c->charge.kept, payer, COST_RETURN, FOR_ANYTHING);
        else
                capnp_i_charge(&c->charge.kept, c->out, COST_RETURN, FOR_RETURN);
}

void capnp_i_call_cancel_remote(struct call *c)
{
        if (!c->finish_sent) { /* on a closed connection, out of the table all the same */
                c->finish_sent = true;
                capnp_i_send_finish(c->out, c->out_id, true, c->workaround);
                c->returned |= capnp_i_call_is_silent(c);
                if (c->returned)
                        capnp_i_table_question_drop(c->out, c->out_id);
                else
                        call_charge_return(c);
        }

        if (c->returned)
                capnp_i_call_return(c);
}

/* The tail has lost its caller, and what that wanted of its end is wanted of the tail's. true: it
 * was the last. */
static bool call_leave_tail(struct call *c, struct call *t)
{
        t->workaround |= c->workaround;
        return capnp_i_refs_drop(&t->callers) && (!t->done || t->state != CALL_ENDED);
}

/* Tells whoever serves the call that nobody waits for it. The tail that is to be told, too: it is
 * held; or NULL. */
static struct call *call_cancel_one(struct call *c)
{
        c->canceled = true;
        capnp_i_call_drop_early(c);
        switch ((enum call_state)c->state) {
        case CALL_NEW:
        case CALL_ENDED:
                break;
        case CALL_QUEUED:
                if (!c->workaround)
                        capnp_i_call_fail(c, CAPNP_FAILED, "canceled");
                break;
        case CALL_HOSTED:
                if (c->kept)
                        capnp_i_call_due(c, DUE_CANCEL);
                else if (call_waits_at_gate(c) && !c->workaround)
                        capnp_i_call_fail(c, CAPNP_FAILED, "canceled");
                break;
        case CALL_REMOTE:
                capnp_i_call_cancel_remote(c);
                break;
        case CALL_TAILED:
                if (c->tail && call_leave_tail(c, c->tail))
                        return capnp_i_call_ref(c->tail);
                break;
        }
        return NULL;
}

/* A chain of tails is as long as a peer likes. */
static void call_cancel(struct call *c)
{
        struct call *next;

        capnp_i_call_ref(c);
        for (; c; c = next) {
                next = c->canceled ? NULL : call_cancel_one(c);
                capnp_i_call_unref(c);
        }
}

void capnp_i_call_cancel_tail(struct call *c)
{
        struct call *t = c->tail;

        if (!t || !call_leave_tail(c, t))
                return;

        call_cancel(t);
}

void capnp_i_call_give_up(struct call *c)
{
        c->workaround = false;
        if (!c->done && c->callers == c->pipes.n) { /* its own results are all that wants it */
                if (c->state == CALL_REMOTE) /* a Disembargo for one must not follow its Finish */
                        capnp_i_call_abandon(c, CAPNP_FAILED, "canceled");
                else
                        call_cancel(c);
        }
        if (c->canceled && (c->state == CALL_QUEUED || call_waits_at_gate(c)))
                capnp_i_call_fail(c, CAPNP_FAILED, "canceled");

        while (c->tail)
                c = c->tail;
        if (c->state == CALL_REMOTE && c->finish_sent && !c->returned)
                call_charge_return(c);
}

void capnp_i_call_drop_caller(struct call *c)
{
        if (!capnp_i_refs_drop(&c->callers))
                return;

        capnp_i_call_ref(c);
        if (!c->done || c->state != CALL_ENDED)
                call_cancel(c);
        capnp_i_call_unref(c);
}

void capnp_i_call_abandon(struct call *c, enum capnp_kind kind, const char *reason)
{
        struct call *parent = NULL;

        capnp_i_call_ref(c);
        if (!c->done) {
                capnp_i_call_set_exception(c, kind, reason);
                parent = call_complete(c);
        }
        if (parent && !parent->canceled)
                capnp_i_call_drop_caller(c);
        if (parent)
                capnp_i_call_return(parent);
        call_cancel(c);
        capnp_i_call_give_up(c);
        capnp_i_call_unref(c);
}

/* ---- where a call goes ---------------------------------------------------------------------- */

/* One step toward the object. The next target, or NULL when the call has arrived. */
static capnp_cap *call_step(struct call *c, capnp_cap *target)
{
        const struct cap_ops *ops = capnp_i_cap_ops(target);

        if (ops->deliver)
                return ops->deliver(c, target);

        capnp_i_call_fail_as(c, target);
        return NULL;
}

void capnp_i_call_deliver(struct call *c, capnp_cap *target)
{
        capnp_cap *held = capnp_cap_ref(target), *next;

        /* Crossing a membrane may drop the last reference to its results, and so to it. */
        capnp_i_call_ref(c);
        if (c->state == CALL_NEW) {
                capnp_i_call_ref(c); /* the callee's, until call_end() */
                capnp_i_call_move(c, CALL_QUEUED);
        }

        assert(c->state == CALL_QUEUED && capnp_i_list_empty(&c->waiter.link));
        while (c->state == CALL_QUEUED && capnp_i_list_empty(&c->waiter.link)) {
                next = capnp_i_cap_final(held);
                if (!next) {
                        capnp_i_call_fail(c, CAPNP_FAILED, "called a null capability");
                        break;
                }

                if (c->vat->dead) {
                        capnp_i_call_fail(c, CAPNP_DISCONNECTED, "the vat is gone");
                        break;
                }

                next = capnp_cap_ref(call_step(c, next));
                capnp_cap_unref(held);
                held = next;
                if (!next)
                        break;
        }

        capnp_cap_unref(held);
        capnp_i_call_unref(c);
}
