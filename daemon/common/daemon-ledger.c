/*
 * A ledger: pools, each with those who have something of it.
 *
 * What is asked for is reserved before it is made, and what was reserved is a value that is in the
 * object which it was reserved for, so that it goes when that goes. A pool is there while somebody
 * has something of it, and so is its entry of each owner: what strangers can name costs nothing
 * once it is over. The sums are those of the holds, and nothing else changes them. Pools are in
 * groups, each of which has a bound of its own.
 *
 * Lists are walked: whoever has something of a pool takes more than a step elsewhere.
 */
#include "daemon-ledger.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon-share.h"

struct ledger_pool {
        struct capnp_i_list link, owners;
        uint64_t used;
        uint32_t users;
        const char *key; /* behind the group's */
        char group[];
};

struct ledger_owner {
        struct capnp_i_list link;
        struct ledger_pool *pool;
        uint64_t used;
        char key[];
};

void ledger_init(struct ledger *l)
{
        *l = (struct ledger){0};
        capnp_i_list_init(&l->pools);
}

bool ledger_is_empty(const struct ledger *l)
{
        assert(l->used || capnp_i_list_empty(&l->pools));
        return !l->used;
}

static struct ledger_pool *pool_find(const struct ledger *l, const char *group, const char *key)
{
        for (struct capnp_i_list *i = l->pools.next; i != &l->pools; i = i->next) {
                struct ledger_pool *p = CAPNP_I_OF(i, struct ledger_pool, link);

                if (!strcmp(p->group, group) && !strcmp(p->key, key))
                        return p;
        }
        return NULL;
}

static uint64_t group_used(const struct ledger *l, const char *group)
{
        uint64_t used = 0;

        for (struct capnp_i_list *i = l->pools.next; i != &l->pools; i = i->next) {
                const struct ledger_pool *p = CAPNP_I_OF(i, struct ledger_pool, link);

                if (!strcmp(p->group, group))
                        used += p->used;
        }
        return used;
}

static struct ledger_owner *owner_find(const struct ledger_pool *p, const char *key)
{
        for (struct capnp_i_list *i = p->owners.next; i != &p->owners; i = i->next) {
                struct ledger_owner *o = CAPNP_I_OF(i, struct ledger_owner, link);

                if (!strcmp(o->key, key))
                        return o;
        }
        return NULL;
}

static struct ledger_pool *pool_new(struct ledger *l, const char *group, const char *key)
{
        size_t len = strlen(key) + 1, before = strlen(group) + 1;
        struct ledger_pool *p = calloc(1, sizeof(*p) + before + len);

        if (!p)
                return NULL;

        capnp_i_list_init(&p->owners);
        memcpy(p->group, group, before);
        p->key = memcpy(p->group + before, key, len);
        capnp_i_list_append(&l->pools, &p->link);
        return p;
}

static void pool_settle(struct ledger_pool *p)
{
        if (!capnp_i_list_empty(&p->owners))
                return;

        assert(!p->used && !p->users);
        capnp_i_list_remove(&p->link);
        free(p);
}

static struct ledger_owner *owner_new(struct ledger_pool *p, const char *key)
{
        size_t len = strlen(key) + 1;
        struct ledger_owner *o = calloc(1, sizeof(*o) + len);

        if (!o)
                return NULL;

        o->pool = p;
        memcpy(o->key, key, len);
        capnp_i_list_append(&p->owners, &o->link);
        p->users++;
        return o;
}

static void owner_settle(struct ledger_owner *o)
{
        if (o->used)
                return;

        o->pool->users--;
        capnp_i_list_remove(&o->link);
        pool_settle(o->pool);
        free(o);
}

/* ---- asking --------------------------------------------------------------------------------- */

bool ledger_is_of(const struct ledger_hold *h, const struct ledger_ask *q)
{
        return h->owner && !strcmp(h->owner->pool->group, q->group);
}

void ledger_replace(struct ledger_ask *q, const struct ledger *l, const struct ledger_hold *h)
{
        if (h->of != l || !h->owner)
                return;

        q->spare.ledger += h->n;
        if (!ledger_is_of(h, q))
                return;

        q->spare.all += h->n;
        if (strcmp(h->owner->pool->key, q->pool) != 0)
                return;

        q->spare.pool += h->n;
        if (!strcmp(h->owner->key, q->owner))
                q->spare.own += h->n;
        else
                q->spare.users += h->owner->used == h->n;
}

static bool has_room(uint64_t limit, uint64_t used, uint64_t n)
{
        return used <= limit && n <= limit - used;
}

/* 0, or what is full. p, o: NULL: there is none yet. */
static int ask_judge(const struct ledger *l, const struct ledger_ask *q,
                     const struct ledger_pool *p, const struct ledger_owner *o)
{
        const struct share s = {.limit = q->limit,
                                .used = (p ? p->used : 0) - q->spare.pool,
                                .users = (p ? p->users : 0) + !o - q->spare.users,
                                .own = (o ? o->used : 0) - q->spare.own};

        if (q->of_one != LEDGER_SHARES && !has_room(q->of_one, s.own, q->n))
                return LEDGER_FULL_OWNER;
        if (!has_room(q->limit, s.used, q->n))
                return LEDGER_FULL_POOL;
        if (q->of_one == LEDGER_SHARES && !share_has(&s, q->n))
                return LEDGER_FULL_OWNER;

        return has_room(q->all, group_used(l, q->group) - q->spare.all, q->n) ? 0 : LEDGER_FULL_ALL;
}

int ledger_judge(const struct ledger *l, const struct ledger_ask *q)
{
        const struct ledger_pool *p = pool_find(l, q->group, q->pool);

        return ask_judge(l, q, p, p ? owner_find(p, q->owner) : NULL);
}

/* Changes what an owner has. spare: what goes for it, and is not counted as in use. */
static void owner_set(struct ledger *l, struct ledger_owner *o, uint64_t from, uint64_t to,
                      uint64_t spare)
{
        assert(from <= o->used && from <= o->pool->used && from <= l->used);
        o->used = o->used - from + to;
        o->pool->used = o->pool->used - from + to;
        l->used = l->used - from + to;
        if (l->used > spare && l->used - spare > l->most)
                l->most = l->used - spare;
}

int ledger_take(struct ledger *l, const struct ledger_ask *q, struct ledger_hold *ret_h)
{
        struct ledger_pool *p = pool_find(l, q->group, q->pool);
        struct ledger_owner *o = p ? owner_find(p, q->owner) : NULL;
        int r = ask_judge(l, q, p, o);

        if (r)
                return r;
        if (!q->n) {
                *ret_h = (struct ledger_hold){0};
                return 0;
        }

        if (!p)
                p = pool_new(l, q->group, q->pool);
        if (!p)
                return -ENOMEM;
        if (!o)
                o = owner_new(p, q->owner);
        if (!o) {
                pool_settle(p);
                return -ENOMEM;
        }

        owner_set(l, o, 0, q->n, q->spare.ledger);
        *ret_h = (struct ledger_hold){l, o, q->n};
        return 0;
}

void ledger_set(struct ledger_hold *h, uint64_t n)
{
        if (!h->owner)
                return;

        owner_set(h->of, h->owner, h->n, n, 0);
        h->n = n;
}

void ledger_give(struct ledger_hold *h)
{
        struct ledger_owner *o = h->owner;

        ledger_set(h, 0);
        *h = (struct ledger_hold){0};
        if (o)
                owner_settle(o);
}

uint64_t ledger_used(const struct ledger *l, const char *group, const char *pool)
{
        const struct ledger_pool *p = pool_find(l, group, pool);

        return p ? p->used : 0;
}
