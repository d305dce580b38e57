/*
 * The connections and where they come from.
 *
 * Every connection belongs to a source. Those without a session are on their source's list, oldest
 * first, so that the one to drop is found by looking at the sources alone: the first of the list of
 * the source that has most. A newcomer is added before anybody is dropped, so it is judged like all
 * others, and a source that floods only drops its own.
 *
 * Lists are walked; they have as many members as the manifest allows, and a connection costs far
 * more than a step.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway.h"

/* ---- sources -------------------------------------------------------------------------------- */

/* The bytes of an address that stand for its source. What cannot be read is a source, too. */
static void source_key(const char *address, uint8_t key[16])
{
        char host[sizeof(((struct conn *)0)->address)];
        const char *colon = strrchr(address, ':');
        size_t len = colon ? (size_t)(colon - address) : strlen(address);
        struct in6_addr six;

        memset(key, 0, 16);
        if (len > 1 && address[0] == '[') {
                address++;
                len -= 2;
        }
        if (len >= sizeof(host))
                return;

        memcpy(host, address, len);
        host[len] = '\0';
        if (inet_pton(AF_INET, host, key + 12) == 1) {
                key[10] = key[11] = 0xff;
                return;
        }
        if (inet_pton(AF_INET6, host, &six) == 1)
                memcpy(key, &six, IN6_IS_ADDR_V4MAPPED(&six) ? 16 : 8);
}

static struct origin *source_get(struct conns *t, const char *address)
{
        struct origin *s;
        uint8_t key[16];

        source_key(address, key);
        for (struct capnp_i_list *l = t->sources.next; l != &t->sources; l = l->next) {
                s = CAPNP_I_OF(l, struct origin, link);
                if (!memcmp(s->key, key, sizeof(key)))
                        return s;
        }

        s = calloc(1, sizeof(*s));
        if (!s)
                return NULL;

        memcpy(s->key, key, sizeof(key));
        capnp_i_list_init(&s->fresh);
        capnp_i_list_append(&t->sources, &s->link);
        return s;
}

static void source_put(struct origin *s)
{
        if (s->conns)
                return;

        capnp_i_list_remove(&s->link);
        free(s);
}

/* ---- connections ---------------------------------------------------------------------------- */

void conns_init(struct conns *t, uint32_t max, uint32_t max_fresh)
{
        *t = (struct conns){.max = max, .max_fresh = max_fresh};
        capnp_i_list_init(&t->waiting);
        capnp_i_list_init(&t->handed);
        capnp_i_list_init(&t->sources);
}

void conns_deinit(struct conns *t)
{
        while (!capnp_i_list_empty(&t->waiting))
                conns_remove(t, CAPNP_I_OF(t->waiting.next, struct conn, link));
        while (!capnp_i_list_empty(&t->handed))
                conns_remove(t, CAPNP_I_OF(t->handed.next, struct conn, link));
}

int conns_add(struct conns *t, const char *address, struct conn **ret_c)
{
        struct conn *c = calloc(1, sizeof(*c));

        if (!c)
                return -ENOMEM;

        c->origin = source_get(t, address);
        if (!c->origin) {
                free(c);
                return -ENOMEM;
        }

        c->client = c->admission = -1;
        strncpy(c->address, address, sizeof(c->address) - 1);
        capnp_i_list_append(&t->waiting, &c->link);
        capnp_i_list_append(&c->origin->fresh, &c->fresh);
        c->origin->conns++;
        c->origin->nfresh++;
        t->n++;
        t->nfresh++;
        *ret_c = c;
        return 0;
}

static void conn_close(struct conn *c)
{
        if (c->client >= 0)
                (void)close(c->client);
        if (c->admission >= 0)
                (void)close(c->admission);
        c->client = c->admission = -1;
}

/* It is not one of those without a session any more. */
static void conn_settle(struct conns *t, struct conn *c)
{
        if (c->state == CONN_BOUND)
                return;

        capnp_i_list_remove(&c->fresh);
        c->origin->nfresh--;
        t->nfresh--;
}

void conns_remove(struct conns *t, struct conn *c)
{
        conn_close(c);
        conn_settle(t, c);
        capnp_i_list_remove(&c->link);
        c->origin->conns--;
        t->n--;
        source_put(c->origin);
        free(c);
}

void conns_hand(struct conns *t, struct conn *c, uint32_t worker)
{
        conn_close(c);
        c->state = CONN_HANDED;
        c->worker = worker;
        capnp_i_list_remove(&c->link);
        capnp_i_list_append(&t->handed, &c->link);
}

void conns_bind(struct conns *t, struct conn *c)
{
        conn_settle(t, c);
        c->state = CONN_BOUND;
}

static struct conn *list_find(struct capnp_i_list *list, uint64_t event)
{
        struct conn *c;

        for (struct capnp_i_list *l = list->next; l != list; l = l->next) {
                c = CAPNP_I_OF(l, struct conn, link);
                if (c->event == event)
                        return c;
        }
        return NULL;
}

struct conn *conns_find(struct conns *t, uint64_t event)
{
        struct conn *c = list_find(&t->waiting, event);

        return c ? c : list_find(&t->handed, event);
}

struct conn *conns_excess(struct conns *t)
{
        struct origin *most = NULL, *s;

        if ((t->n <= t->max && t->nfresh <= t->max_fresh) || !t->nfresh)
                return NULL;

        for (struct capnp_i_list *l = t->sources.next; l != &t->sources; l = l->next) {
                s = CAPNP_I_OF(l, struct origin, link);
                if (!most || s->nfresh > most->nfresh)
                        most = s;
        }
        return CAPNP_I_OF(most->fresh.next, struct conn, fresh);
}
