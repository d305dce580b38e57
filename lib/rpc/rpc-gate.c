/*
 * Streams, seen by who serves: a call behind a stream call waits until that has ended.
 *
 * A method declared `-> stream` is served one call at a time, so that a handler may keep one and
 * rely on order. What comes behind it on the same reference waits, also what is not a stream call;
 * and when it fails, everything behind it fails with the same exception, because a writer that does
 * not look at each result must not believe that what it sent has arrived.
 *
 * A reference is told by who calls: one peer's calls on one object are one gate, those of our own
 * program another. So one writer's failure is not the next one's. It lasts until the peer lets go
 * of the object.
 */
#include "rpc-internal.h"

#include <errno.h>
#include <stdlib.h>

struct gate {
        struct hosted *object;
        capnp_rpc *peer;             /* NULL: our own program */
        struct capnp_i_list link;    /* hosted.gates */
        struct call *busy;           /* the stream call that is being served */
        struct call *next;           /* what has been let through and has not run yet */
        struct capnp_i_list waiting; /* struct call.waiter */
        bool failed;                 /* and so does what comes */
        capnp_cap *broken;           /* … with this; NULL: there was no memory for it */
        struct charge charge;
};

static struct gate *gate_find(const struct call *c, struct hosted *h)
{
        struct gate *first;

        if (c->peer)
                return capnp_i_map_get(&c->peer->gates, (uintptr_t)h);

        if (capnp_i_list_empty(&h->gates))
                return NULL;

        first = CAPNP_I_OF(h->gates.next, struct gate, link); /* ours, if there is one */
        return first->peer ? NULL : first;
}

static struct gate *gate_new(struct call *c, struct hosted *h)
{
        struct gate *g;

        if (c->peer && capnp_i_map_reserve(&c->peer->gates))
                return NULL;

        g = calloc(1, sizeof(*g));
        if (!g)
                return NULL;

        g->object = h;
        capnp_i_list_init(&g->link);
        capnp_i_list_init(&g->waiting);
        if (c->peer) {
                g->peer = c->peer;
                capnp_i_map_put(&g->peer->gates, (uintptr_t)h, g);
                capnp_i_charge(&g->charge, g->peer, sizeof(*g), FOR_ANYTHING);
                capnp_i_list_append(&h->gates, &g->link);
        } else {
                capnp_i_list_append(h->gates.next, &g->link);
        }
        return g;
}

static void gate_free(struct gate *g)
{
        capnp_i_list_remove(&g->link);
        if (g->peer)
                (void)capnp_i_map_take(&g->peer->gates, (uintptr_t)g->object);
        capnp_i_uncharge(&g->charge);
        capnp_cap_unref(g->broken);
        free(g);
}

static bool gate_is_idle(const struct gate *g)
{
        return !g->busy && !g->next && capnp_i_list_empty(&g->waiting);
}

/* Lets the next one through, or goes. */
static void gate_advance(struct gate *g, struct capnp_i_list *ret_stranded)
{
        struct capnp_i_list *l;

        while (!g->busy && !g->next && (l = capnp_i_list_pop(&g->waiting))) {
                struct call *c =
                        CAPNP_I_OF(CAPNP_I_OF(l, struct waiter, link), struct call, waiter);

                if (c->vat->dead) { /* no event will ever run again */
                        c->gate = NULL;
                        capnp_i_list_append(ret_stranded, l);
                } else {
                        g->next = c;
                        capnp_i_call_due(c, DUE_RUN);
                }
        }

        if (gate_is_idle(g) && (!g->failed || (g->peer && g->peer->closed)))
                gate_free(g);
}

/* Whether c is what the call being served has been passed on as. */
static bool gate_waits_for(const struct gate *g, const struct call *c)
{
        while (c && c != g->busy)
                c = c->parent;

        return c;
}

enum gate_says capnp_i_gate_admits(struct call *c, struct hosted *h, capnp_cap **ret_broken)
{
        struct gate *g = c->gate ? c->gate : gate_find(c, h);

        if (!g || gate_waits_for(g, c))
                return GATE_OPEN;

        if (g->next != c && !gate_is_idle(g)) {
                c->gate = g;
                capnp_i_list_append(&g->waiting, &c->waiter.link);
                return GATE_WAITS;
        }

        if (!g->failed) {
                c->gate = g; /* until it has run, or, when it is a stream call, ended */
                g->next = c;
                return GATE_OPEN;
        }

        *ret_broken = g->broken;
        return GATE_FAILS;
}

int capnp_i_gate_shut(struct call *c, struct hosted *h)
{
        struct gate *g = c->gate;

        if (!g)
                g = gate_find(c, h);
        if (g && g->busy) /* c goes on for that call, and what is behind waits already */
                return 0;

        if (!g)
                g = gate_new(c, h);
        if (!g)
                return -ENOMEM;

        c->gate = g;
        g->next = NULL;
        g->busy = c;
        return 0;
}

/* What c failed with is kept for what comes: whose calls these are pays for it. */
static void gate_fail(struct gate *g, struct call *c)
{
        g->failed = true;
        g->broken = capnp_cap_ref(capnp_i_call_broken(c));
        if (g->broken && g->peer)
                capnp_i_charge(&g->charge, g->peer,
                               sizeof(struct broken) +
                                       capnp_i_broken_bytes(capnp_i_cap_broken(g->broken)),
                               FOR_ANYTHING);
}

void capnp_i_gate_leave(struct call *c, bool over, struct capnp_i_list *ret_stranded)
{
        struct gate *g = c->gate;

        if (!over && g->next != c)
                return;

        c->gate = NULL;
        if (g->busy == c && c->ended && c->failed && !c->canceled && !g->failed)
                gate_fail(g, c);
        if (g->busy == c)
                g->busy = NULL;
        if (g->next == c)
                g->next = NULL;
        gate_advance(g, ret_stranded);
}

/* ---- forgetting what has failed ------------------------------------------------------------- */

void capnp_i_gate_forget(capnp_rpc *r, capnp_cap *c)
{
        struct gate *g;

        while (c && c->kind == CAP_WRAP)
                c = capnp_i_cap_wrap(c)->inner;
        if (!c || c->kind != CAP_HOSTED || !r->gates.used)
                return;

        g = capnp_i_map_get(&r->gates, (uintptr_t)capnp_i_cap_hosted(c));
        if (g && gate_is_idle(g))
                gate_free(g);
}

/*
 * What is busy goes when its calls have ended: until then those that are here already find it, and
 * keep their order.
 */
void capnp_i_gates_close(capnp_rpc *r)
{
        uint32_t pos = 0, room = r->gates.room;
        struct gate *g;

        while ((g = capnp_i_map_next(&r->gates, &pos, NULL))) {
                if (!gate_is_idle(g))
                        continue;
                gate_free(g); /* whose place another takes */
                pos = r->gates.room == room ? pos - 1 : 0;
                room = r->gates.room;
        }
}

/*
 * The object goes, so nothing waits: what waits holds it. A call that has been passed on does not,
 * and may be all there is behind a gate.
 */
void capnp_i_gates_free(struct hosted *h)
{
        while (!capnp_i_list_empty(&h->gates)) {
                struct gate *g = CAPNP_I_OF(h->gates.next, struct gate, link);

                if (g->busy)
                        g->busy->gate = NULL;
                if (g->next)
                        g->next->gate = NULL;
                gate_free(g);
        }
}
