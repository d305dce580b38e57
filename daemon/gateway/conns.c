/*
 * The connections, the places they take, and who gives way.
 *
 * There are two pools of places. This is the one of connections that have no session: fresh ones,
 * and those that linger because theirs has ended. Sessions have their own, which the session
 * manager keeps (daemon/sessiond/places.c), for it alone knows when one ends; a connection with a
 * session takes no place here and is never dropped here.
 *
 * A newcomer always gets a place. When there are too many, one connection of the busiest party
 * goes: of its busiest source, what lingers before what is fresh, the longest there first. Between
 * equals the older one goes. So a flood costs its own source, and nobody is dropped for being the
 * last to come. One source never has all places, so that most newcomers cost nobody anything.
 *
 * Lists are walked; they have as many members as the manifest allows, and a connection costs far
 * more than a step.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway.h"

#define EACH(l_, list_)       \
        (l_) = (list_)->next; \
        (l_) != (list_);      \
        (l_) = (l_)->next

/* ---- parties and their sources -------------------------------------------------------------- */

static struct origin *origin_of(struct capnp_i_list *l)
{
        return CAPNP_I_OF(l, struct origin, link);
}

static struct party *party_of(struct capnp_i_list *l)
{
        return CAPNP_I_OF(l, struct party, link);
}

/* The party of a source; made when there is none. NULL: no memory. */
static struct party *party_get(struct conns *t, const struct source *source)
{
        struct capnp_i_list *l;
        struct party *p;

        for (EACH(l, &t->parties))
                if (source_same_party(&origin_of(party_of(l)->origins.next)->source, source))
                        return party_of(l);

        p = calloc(1, sizeof(*p));
        if (!p)
                return NULL;

        capnp_i_list_init(&p->origins);
        capnp_i_list_append(&t->parties, &p->link);
        return p;
}

static void party_put(struct party *p)
{
        if (!capnp_i_list_empty(&p->origins))
                return;

        capnp_i_list_remove(&p->link);
        free(p);
}

static struct origin *origin_get(struct conns *t, const struct source *source)
{
        struct party *p = party_get(t, source);
        struct capnp_i_list *l;
        struct origin *o;

        if (!p)
                return NULL;
        for (EACH(l, &p->origins))
                if (source_equal(&origin_of(l)->source, source))
                        return origin_of(l);

        o = calloc(1, sizeof(*o));
        if (!o) {
                party_put(p);
                return NULL;
        }
        o->party = p;
        o->source = *source;
        capnp_i_list_init(&o->fresh);
        capnp_i_list_init(&o->lingering);
        capnp_i_list_append(&p->origins, &o->link);
        return o;
}

static void origin_put(struct origin *o)
{
        struct party *p = o->party;

        if (o->conns)
                return;

        capnp_i_list_remove(&o->link);
        free(o);
        party_put(p);
}

/* ---- connections ---------------------------------------------------------------------------- */

void conns_init(struct conns *t, uint32_t max, uint32_t max_of_one)
{
        *t = (struct conns){.max = max, .max_of_one = max_of_one};
        capnp_i_list_init(&t->waiting);
        capnp_i_list_init(&t->handed);
        capnp_i_list_init(&t->parties);
}

bool conns_deinit(struct conns *t)
{
        while (!capnp_i_list_empty(&t->waiting))
                conns_remove(t, CAPNP_I_OF(t->waiting.next, struct conn, link));
        while (!capnp_i_list_empty(&t->handed))
                conns_remove(t, CAPNP_I_OF(t->handed.next, struct conn, link));
        return !t->places && capnp_i_list_empty(&t->parties);
}

static bool class_has_session(enum conn_class conn_class)
{
        return conn_class != CLASS_FRESH && conn_class != CLASS_LINGERING;
}

/* Takes the place of its class, or gives it up: n is 1 or -1. */
static void conn_count(struct conns *t, struct conn *c, int n)
{
        struct origin *o = c->origin;

        if (class_has_session(c->conn_class))
                return;

        if (n < 0)
                capnp_i_list_remove(&c->place);
        else
                capnp_i_list_append(c->conn_class == CLASS_FRESH ? &o->fresh : &o->lingering,
                                    &c->place);
        o->places += (uint32_t)n;
        o->party->places += (uint32_t)n;
        t->places += (uint32_t)n;
}

int conns_add(struct conns *t, const struct source *source, uint64_t event, struct conn **ret_c)
{
        struct conn *c = calloc(1, sizeof(*c));

        if (!c)
                return -ENOMEM;

        c->origin = origin_get(t, source);
        if (!c->origin) {
                free(c);
                return -ENOMEM;
        }

        c->conns = t;
        c->event = event;
        c->client = c->admission = c->signer = -1;
        c->origin->conns++;
        capnp_i_list_append(&t->waiting, &c->link);
        conn_count(t, c, 1);
        *ret_c = c;
        return 0;
}

void conn_unadmit(struct conn *c)
{
        if (c->admission >= 0)
                (void)close(c->admission);
        if (c->signer >= 0)
                (void)close(c->signer);
        c->admission = c->signer = -1;
        c->begun = false;
}

static void conn_close(struct conn *c)
{
        capos_io_watch_deinit(&c->gone);
        if (c->client >= 0)
                (void)close(c->client);
        c->client = -1;
        conn_unadmit(c);
}

void conns_remove(struct conns *t, struct conn *c)
{
        conn_close(c);
        conn_count(t, c, -1);
        capnp_i_list_remove(&c->link);
        c->origin->conns--;
        origin_put(c->origin);
        free(c);
}

void conns_hand(struct conns *t, struct conn *c, uint32_t worker)
{
        conn_close(c);
        c->handed = true;
        c->worker = worker;
        capnp_i_list_remove(&c->link);
        capnp_i_list_append(&t->handed, &c->link);
}

void conns_class(struct conns *t, struct conn *c, enum conn_class conn_class)
{
        conn_count(t, c, -1);
        c->conn_class = conn_class;
        conn_count(t, c, 1);
}

static struct conn *list_find(struct capnp_i_list *list, uint64_t event)
{
        struct capnp_i_list *l;

        for (EACH(l, list))
                if (CAPNP_I_OF(l, struct conn, link)->event == event)
                        return CAPNP_I_OF(l, struct conn, link);
        return NULL;
}

struct conn *conns_find(struct conns *t, uint64_t event)
{
        struct conn *c = list_find(&t->waiting, event);

        return c ? c : list_find(&t->handed, event);
}

/* ---- who gives way -------------------------------------------------------------------------- */

/* Whom a source would give up; it has one at least. */
static struct conn *origin_first(const struct origin *o)
{
        const struct capnp_i_list *list =
                capnp_i_list_empty(&o->lingering) ? &o->fresh : &o->lingering;

        return CAPNP_I_OF(list->next, struct conn, place);
}

/* Whether a goes before b: the busier, then the older. b may be NULL. */
static bool origin_is_before(const struct origin *a, const struct origin *b)
{
        if (!a->places || !b)
                return a->places;
        if (a->places != b->places)
                return a->places > b->places;

        return origin_first(a)->event < origin_first(b)->event;
}

/* The busiest source of a party; NULL: none has a place. */
static struct origin *party_busiest(struct party *p)
{
        struct origin *most = NULL;
        struct capnp_i_list *l;

        for (EACH(l, &p->origins))
                if (origin_is_before(origin_of(l), most))
                        most = origin_of(l);
        return most;
}

/* Whether a's source goes before b's: of the busier party, then of the older connection. */
static bool party_is_before(const struct origin *a, const struct origin *b)
{
        if (!a || !b)
                return a;
        if (a->party->places != b->party->places)
                return a->party->places > b->party->places;

        return origin_first(a)->event < origin_first(b)->event;
}

struct conn *conns_excess(struct conns *t)
{
        struct origin *most = NULL, *o;
        struct capnp_i_list *l;

        /* As long as there are no more than one source may have, nobody has too many. */
        if (t->places <= t->max && t->places <= t->max_of_one)
                return NULL;

        for (EACH(l, &t->parties)) {
                o = party_busiest(party_of(l));
                if (o && o->places > t->max_of_one)
                        return origin_first(o);
                if (party_is_before(o, most))
                        most = o;
        }
        return t->places > t->max ? origin_first(most) : NULL;
}
