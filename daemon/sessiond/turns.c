/*
 * Turns: a tree of rings.
 *
 * The root is a ring of parties, each of those one of sources, each of those one of connections,
 * and those have the jobs. Whose turn it is goes round at each level, so what waits for somebody
 * depends on how many others there are and not on how much any of them asks for: a flood from one
 * source makes its own source wait.
 *
 * What may wait is bounded at each level, and the newcomer is not the one to pay for it: the
 * youngest job of whoever has most among its equals gives way, unless that is the newcomer itself.
 *
 * A node is there while something waits below it, so the tree is no larger than the queue.
 */
#include "turns.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct turns_node {
        struct capnp_i_list link; /* parent's children */
        struct turns_node *parent;
        struct capnp_i_list children; /* whose turn it is first */
        struct capnp_i_list jobs;     /* of a connection; oldest first */
        unsigned n;                   /* jobs below */
        unsigned level;               /* 0: the root */
        char key[TURNS_KEY];
};

static struct turns_node *node_of(struct capnp_i_list *l)
{
        return CAPNP_I_OF(l, struct turns_node, link);
}

static struct turns_node *node_new(struct turns_node *parent, const char *key)
{
        struct turns_node *n = calloc(1, sizeof(*n));

        if (!n)
                return NULL;

        capnp_i_list_init(&n->link);
        capnp_i_list_init(&n->children);
        capnp_i_list_init(&n->jobs);
        n->parent = parent;
        memcpy(n->key, key, TURNS_KEY);
        if (parent) {
                n->level = parent->level + 1;
                capnp_i_list_append(&parent->children, &n->link);
        }
        return n;
}

/* Frees a node that nothing waits below, and its parents likewise. */
static void node_settle(struct turns *t, struct turns_node *n)
{
        while (n && !n->n) {
                struct turns_node *parent = n->parent;

                assert(capnp_i_list_empty(&n->children) && capnp_i_list_empty(&n->jobs));
                capnp_i_list_remove(&n->link);
                free(n);
                if (!parent)
                        t->root = NULL;
                n = parent;
        }
}

static struct turns_node *node_find(struct turns_node *parent, const char *key)
{
        for (struct capnp_i_list *l = parent->children.next; l != &parent->children; l = l->next)
                if (!memcmp(node_of(l)->key, key, TURNS_KEY))
                        return node_of(l);

        return NULL;
}

/* The one below with most jobs; NULL: there is none below. */
static struct turns_node *node_heaviest(struct turns_node *n)
{
        struct turns_node *most = NULL;

        for (struct capnp_i_list *l = n->children.next; l != &n->children; l = l->next)
                if (!most || node_of(l)->n > most->n)
                        most = node_of(l);

        return most;
}

/* ---- in and out ----------------------------------------------------------------------------- */

void turns_remove(struct turns *t, struct turns_job *j)
{
        struct turns_node *n = j->of;

        if (!n)
                return;

        capnp_i_list_remove(&j->link);
        j->of = NULL;
        for (struct turns_node *up = n; up; up = up->parent)
                up->n--;
        node_settle(t, n);
}

struct turns_job *turns_take(struct turns *t)
{
        struct turns_node *n = t->root;
        struct turns_job *j;

        if (!n)
                return NULL;

        while (n->level < TURNS_LEVELS) {
                struct turns_node *first = node_of(n->children.next);

                capnp_i_list_remove(&first->link);
                capnp_i_list_append(&n->children, &first->link);
                n = first;
        }
        j = CAPNP_I_OF(n->jobs.next, struct turns_job, link);
        turns_remove(t, j);
        return j;
}

/* The youngest job of whoever has most below n. */
static struct turns_job *turns_youngest(struct turns_node *n)
{
        while (n->level < TURNS_LEVELS)
                n = node_heaviest(n);
        return CAPNP_I_OF(n->jobs.prev, struct turns_job, link);
}

/* The level that has no room for one more: its node, or NULL. own[i]: the newcomer's at level i,
 * NULL when it is not there yet. */
static struct turns_node *turns_full(const struct turns *t, struct turns_node *const *own)
{
        for (unsigned i = TURNS_LEVELS + 1; i-- > 0;)
                if (own[i] && own[i]->n >= t->bounds[i])
                        return own[i];

        return NULL;
}

/* Whoever is below n with more than the newcomer would have gives way. NULL: nobody. */
static struct turns_job *turns_victim(struct turns_node *n, struct turns_node *const *own)
{
        struct turns_node *most = n->level < TURNS_LEVELS ? node_heaviest(n) : NULL;
        struct turns_node *mine = most ? own[n->level + 1] : NULL;

        if (!most || most == mine || most->n <= (mine ? mine->n : 0) + 1)
                return NULL;

        return turns_youngest(most);
}

/* Makes the newcomer's nodes that are not there. */
static int turns_grow(struct turns *t, const struct turns_path *p, struct turns_node **own)
{
        static const char none[TURNS_KEY];

        for (unsigned i = 0; i <= TURNS_LEVELS; i++) {
                if (!own[i])
                        own[i] = node_new(i ? own[i - 1] : NULL, i ? p->key[i - 1] : none);
                if (!own[i]) {
                        node_settle(t, i ? own[i - 1] : NULL);
                        return -ENOMEM;
                }
                if (!i)
                        t->root = own[0];
        }
        return 0;
}

static void turns_find(struct turns *t, const struct turns_path *p, struct turns_node **own)
{
        own[0] = t->root;
        for (unsigned i = 1; i <= TURNS_LEVELS; i++)
                own[i] = own[i - 1] ? node_find(own[i - 1], p->key[i - 1]) : NULL;
}

int turns_add(struct turns *t, const struct turns_path *p, struct turns_job *j,
              struct turns_job **ret_out)
{
        struct turns_node *own[TURNS_LEVELS + 1], *full;
        struct turns_job *out = NULL;
        int r;

        turns_find(t, p, own);
        full = turns_full(t, own);
        if (full) {
                out = turns_victim(full, own);
                if (!out)
                        return CAPNP_E_LIMIT;
        }
        r = turns_grow(t, p, own);
        if (r)
                return r;

        j->of = own[TURNS_LEVELS];
        capnp_i_list_init(&j->link);
        capnp_i_list_append(&j->of->jobs, &j->link);
        for (struct turns_node *up = j->of; up; up = up->parent)
                up->n++;
        if (out)
                turns_remove(t, out);
        *ret_out = out;
        return 0;
}

unsigned turns_count(const struct turns *t)
{
        return t->root ? t->root->n : 0;
}

/* ---- life ----------------------------------------------------------------------------------- */

void turns_init(struct turns *t, struct turns_bounds b)
{
        *t = (struct turns){.bounds = {b.total, b.party, b.source, b.connection}};
}

void turns_deinit(struct turns *t)
{
        assert(!t->root);
        (void)t;
}
