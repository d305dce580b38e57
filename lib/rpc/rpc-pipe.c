/*
 * References to the results of one call, found by the path that leads to them.
 *
 * One call has few, as a rule, and looking at each is fastest. But a peer may name as many paths as
 * it likes, so that from some number on they are found by a hash: what a message costs may not grow
 * with what came before it. A hash is seeded with the address of its set, which no peer knows.
 */
#include "rpc-promise.h"

#include <errno.h>

enum { PIPES_FEW = 8 };

void capnp_i_pipes_init(struct pipes *s)
{
        *s = (struct pipes){0};
        capnp_i_list_init(&s->list);
}

static uint64_t pipes_hash(const struct pipes *s, const uint16_t *path, uint16_t n)
{
        uint64_t h = (uint64_t)(uintptr_t)s + n;
        uint16_t i;

        for (i = 0; i < n; i++) {
                h = (h ^ path[i]) * UINT64_C(0x9e3779b97f4a7c15);
                h ^= h >> 29;
        }

        return h;
}

static bool pipe_is_at(const struct promise *p, const uint16_t *path, uint16_t n)
{
        return p->npath == n && (!n || !memcmp(p->path, path, n * sizeof(*path)));
}

struct promise *capnp_i_pipes_find(struct pipes *s, const uint16_t *path, uint16_t n)
{
        struct capnp_i_list *l;
        struct promise *p;

        if (s->index.used) {
                p = capnp_i_map_get(&s->index, pipes_hash(s, path, n));
                for (; p && !pipe_is_at(p, path, n); p = p->same)
                        p->cap.vat->steps++;
                return p;
        }

        for (l = s->list.next; l != &s->list; l = l->next) {
                p = CAPNP_I_OF(l, struct promise, source_link);
                p->cap.vat->steps++;
                if (pipe_is_at(p, path, n))
                        return p;
        }

        return NULL;
}

/* There is room in the index. */
static void pipes_index(struct pipes *s, struct promise *p)
{
        uint64_t h = pipes_hash(s, p->path, p->npath);

        p->same = capnp_i_map_get(&s->index, h);
        capnp_i_map_put(&s->index, h, p);
}

/* From few to many: all are put into the index. -ENOMEM: it is as it was. */
static int pipes_index_all(struct pipes *s)
{
        struct capnp_i_list *l;

        for (l = s->list.next; l != &s->list; l = l->next) {
                if (capnp_i_map_reserve(&s->index)) {
                        capnp_i_map_deinit(&s->index);
                        return -ENOMEM;
                }
                pipes_index(s, CAPNP_I_OF(l, struct promise, source_link));
        }

        return 0;
}

int capnp_i_pipes_add(struct pipes *s, struct promise *p)
{
        if (s->n == PIPES_FEW && !s->index.used && pipes_index_all(s))
                return -ENOMEM;

        if (s->index.used && capnp_i_map_reserve(&s->index))
                return -ENOMEM;

        if (s->index.used)
                pipes_index(s, p);
        p->in = s;
        s->n++;
        capnp_i_list_append(&s->list, &p->source_link);
        return 0;
}

static void pipes_unindex(struct pipes *s, struct promise *p)
{
        uint64_t h = pipes_hash(s, p->path, p->npath);
        struct promise *q = capnp_i_map_get(&s->index, h);

        if (q == p && !p->same)
                (void)capnp_i_map_take(&s->index, h);
        else if (q == p)
                capnp_i_map_put(&s->index, h, p->same);
        else {
                while (q->same != p)
                        q = q->same;
                q->same = p->same;
        }
        p->same = NULL;
}

void capnp_i_pipes_remove(struct promise *p)
{
        struct pipes *s = p->in;

        capnp_i_list_remove(&p->source_link);
        if (!s)
                return;

        if (s->index.used)
                pipes_unindex(s, p);
        p->in = NULL;
        (void)capnp_i_refs_drop(&s->n);
        if (!s->n && s->index.slots)
                capnp_i_map_deinit(&s->index);
}

void capnp_i_pipes_take_all(struct pipes *s, struct capnp_i_list *to)
{
        struct capnp_i_list *l;

        capnp_i_map_deinit(&s->index);
        s->n = 0;
        for (l = s->list.next; l != &s->list; l = l->next) {
                struct promise *p = CAPNP_I_OF(l, struct promise, source_link);

                p->cap.vat->steps++;
                p->in = NULL;
                p->same = NULL;
        }
        capnp_i_list_splice(to, &s->list);
}
