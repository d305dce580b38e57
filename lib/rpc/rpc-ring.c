/*
 * Whether something would wait for itself.
 *
 * What waits is a forest. A promise that is the result of a call which waits in another promise's
 * FIFO hangs on that promise; a promise that anybody else decides is a root. Settling a promise to
 * one that is pending, or putting a call into a FIFO, makes one tree a branch of another, and a
 * ring if it is the same tree: nobody would ever decide it, and nothing in it ever be freed.
 *
 * So the question is whether the branch hangs below what it is to be put below. Going up from
 * there to the root answers it, and so does visiting the whole branch. Both are done at once, a
 * step of each in turn, and the first that is finished has the answer: the work is that of the
 * smaller tree. Trees that are merged thus cost a logarithm for each thing in them, however long
 * the chain, and neither way needs memory or stack.
 *
 * A promise under embargo counts as a root: it is asked about again when the embargo is lifted. So
 * does one that its peer said it would keep: it may say what it is all the same, and then that is
 * asked about.
 */
#include "rpc-call.h"

/* The promise of our own that p waits for; NULL: it is somebody else's to decide. */
static struct promise *ring_up(const struct promise *p)
{
        const struct call *s = p->state == PROMISE_PENDING ? p->source : NULL;

        if (!s || s->state != CALL_QUEUED || s->held)
                return NULL;

        return capnp_i_cap_undecided(capnp_i_cap_final(s->target));
}

/* ---- the branch, in preorder: promises and the calls that wait in them ----------------------- */

struct place {
        struct promise *p; /* one of them is NULL */
        struct call *c;
};

/* The first call from l on, which is in the FIFO of p. */
static struct call *ring_call_from(const struct promise *p, struct capnp_i_list *l)
{
        for (; l != &p->fifo; l = l->next) {
                struct waiter *w = CAPNP_I_OF(l, struct waiter, link);

                if (w->is_call)
                        return CAPNP_I_OF(w, struct call, waiter);
        }

        return NULL;
}

static struct promise *ring_pipe_from(const struct call *c, struct capnp_i_list *l)
{
        return l == &c->pipes.list ? NULL : CAPNP_I_OF(l, struct promise, source_link);
}

static struct place ring_below(struct place at)
{
        if (at.p)
                return (struct place){.c = ring_call_from(at.p, at.p->fifo.next)};

        return (struct place){.p = ring_pipe_from(at.c, at.c->pipes.list.next)};
}

static struct place ring_beside(struct place at)
{
        struct promise *p;

        if (at.p)
                return (struct place){.p = ring_pipe_from(at.p->source, at.p->source_link.next)};

        p = capnp_i_cap_undecided(capnp_i_cap_final(at.c->target));
        return (struct place){.c = p ? ring_call_from(p, at.c->waiter.link.next) : NULL};
}

static struct place ring_above(struct place at)
{
        if (at.p)
                return (struct place){.c = at.p->source};

        return (struct place){.p = capnp_i_cap_undecided(capnp_i_cap_final(at.c->target))};
}

static bool ring_is(struct place a, struct place b)
{
        return a.p == b.p && a.c == b.c;
}

/* The next place below root; false: all have been seen. */
static bool ring_next(struct place root, struct place *at)
{
        struct place next = ring_below(*at);

        while (!next.p && !next.c) {
                if (ring_is(*at, root))
                        return false;

                next = ring_beside(*at);
                if (next.p || next.c)
                        break;

                *at = ring_above(*at);
                if (!at->p && !at->c)
                        return false;
        }

        *at = next;
        return true;
}

static bool ring_hangs_on(const struct promise *p, struct place root)
{
        return root.p ? p == root.p : p->source == root.c;
}

static bool ring_hangs_below(struct promise *p, struct place root)
{
        struct place at = root;
        struct promise *up = p;

        for (; up; up = ring_up(up)) {
                up->cap.vat->steps++;
                if (ring_hangs_on(up, root))
                        return true;

                if (!ring_next(root, &at))
                        return false;

                if (at.p == p)
                        return true;
        }

        return false;
}

bool capnp_i_ring_of_promise(struct promise *p, capnp_cap *to)
{
        struct promise *q = capnp_i_cap_undecided(to);

        return q && ring_hangs_below(q, (struct place){.p = p});
}

bool capnp_i_ring_of_call(struct call *c, struct promise *p)
{
        return c->pipes.n && ring_hangs_below(p, (struct place){.c = c});
}
