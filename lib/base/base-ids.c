/* The array and the map behind it: see base-ids.h. */
#include "base-ids.h"

#include <errno.h>
#include <stdlib.h>

/* The array grows to an id below IDS_FEW, or below so many times as many as there are ids; it stays
 * when it is empty, if it is no longer than IDS_FEW, until somebody asks what can go. */
enum { IDS_LEAST = 4, IDS_FEW = 1024, IDS_TIMES = 4, IDS_MOST = 4096 };

static int ids_grow(struct capnp_i_ids *s, uint32_t id)
{
        uint32_t n = s->n ? s->n : IDS_LEAST;
        void **v;

        while (n <= id)
                n *= 2;
        v = realloc(s->v, n * sizeof(*v));
        if (!v)
                return -ENOMEM;

        for (uint32_t i = s->n; i < n; i++)
                v[i] = s->rest.used ? capnp_i_map_take(&s->rest, i) : NULL;
        s->v = v;
        s->n = n;
        return 0;
}

int capnp_i_ids_reserve(struct capnp_i_ids *s, uint32_t id)
{
        if (id < s->n)
                return 0;

        if (id < IDS_FEW || (id < IDS_MOST && id / IDS_TIMES < s->used))
                return ids_grow(s, id);

        return capnp_i_map_reserve(&s->rest);
}

void capnp_i_ids_add(struct capnp_i_ids *s, uint32_t id, void *value)
{
        if (id < s->n)
                s->v[id] = value;
        else
                capnp_i_map_put(&s->rest, id, value);
        if (++s->used > s->most)
                s->most = s->used;
}

void *capnp_i_ids_take(struct capnp_i_ids *s, uint32_t id)
{
        void *value;

        if (id < s->n) {
                value = s->v[id];
                s->v[id] = NULL;
        } else {
                value = capnp_i_map_take(&s->rest, id);
        }

        if (value && !--s->used && s->n > IDS_FEW) {
                free(s->v);
                s->v = NULL;
                s->n = 0;
        }
        return value;
}

void capnp_i_ids_shrink(struct capnp_i_ids *s)
{
        void **v = realloc(s->v, CAPNP_I_IDS_KEPT * sizeof(*v));

        if (!v) /* it stays as it is */
                return;

        s->v = v;
        s->n = CAPNP_I_IDS_KEPT;
}

void *capnp_i_ids_next(const struct capnp_i_ids *s, uint32_t *pos, uint64_t *ret_id)
{
        uint32_t at;
        void *value;

        while (*pos < s->n) {
                value = s->v[(*pos)++];
                if (!value)
                        continue;

                if (ret_id)
                        *ret_id = *pos - 1;
                return value;
        }

        at = *pos - s->n;
        value = capnp_i_map_next(&s->rest, &at, ret_id);
        *pos = at + s->n;
        return value;
}

void capnp_i_ids_deinit(struct capnp_i_ids *s)
{
        free(s->v);
        capnp_i_map_deinit(&s->rest);
        *s = (struct capnp_i_ids){.most = s->most};
}
