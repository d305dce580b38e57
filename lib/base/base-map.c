/*
 * A hash map with open addressing and linear probing.
 *
 * The keys may be chosen by a peer: any u32 it likes, made to collide if it can. So the hash is
 * seeded with the table's own address, and the table is kept at most half full.
 * Removing shifts the following run back instead of leaving tombstones, so a table that has been
 * busy for weeks is as fast as a new one. It shrinks when it is nearly empty, so a peer's burst
 * does not stay in memory.
 */
#include "base-map.h"

#include <errno.h>
#include <stdlib.h>

enum { MAP_LEAST = 4 };

static uint32_t map_home(const struct capnp_i_map *m, uint64_t key)
{
        /* Where the table happens to lie is a seed that a peer does not know. */
        key ^= (uint64_t)(uintptr_t)m->slots >> 4;
        key ^= key >> 32;
        key *= UINT64_C(0x9e3779b97f4a7c15);
        return (uint32_t)(key >> 32) & (m->room - 1);
}

static struct capnp_i_map_slot *map_find(const struct capnp_i_map *m, uint64_t key)
{
        uint32_t i;

        if (!m->room)
                return NULL;

        for (i = map_home(m, key); m->slots[i].value; i = (i + 1) & (m->room - 1))
                if (m->slots[i].key == key)
                        return &m->slots[i];

        return NULL;
}

static void map_insert(struct capnp_i_map *m, uint64_t key, void *value)
{
        uint32_t i = map_home(m, key);

        while (m->slots[i].value)
                i = (i + 1) & (m->room - 1);

        m->slots[i] = (struct capnp_i_map_slot){key, value};
        m->used++;
}

static int map_resize(struct capnp_i_map *m, uint32_t room)
{
        struct capnp_i_map n = {.room = room, .most = m->most};
        uint32_t i;

        n.slots = calloc(room, sizeof(*n.slots));
        if (!n.slots)
                return -ENOMEM;

        for (i = 0; i < m->room; i++)
                if (m->slots[i].value)
                        map_insert(&n, m->slots[i].key, m->slots[i].value);

        free(m->slots);
        *m = n;
        return 0;
}

void *capnp_i_map_get(const struct capnp_i_map *m, uint64_t key)
{
        struct capnp_i_map_slot *s = map_find(m, key);

        return s ? s->value : NULL;
}

int capnp_i_map_reserve(struct capnp_i_map *m)
{
        if (!m->room)
                return map_resize(m, MAP_LEAST);

        if ((m->used + 1) * 2 > m->room)
                return map_resize(m, m->room * 2);

        return 0;
}

void capnp_i_map_put(struct capnp_i_map *m, uint64_t key, void *value)
{
        struct capnp_i_map_slot *s = map_find(m, key);

        if (s)
                s->value = value;
        else
                map_insert(m, key, value);
        if (m->used > m->most)
                m->most = m->used;
}

/* Closes the hole at i: every entry behind it that may move up does. */
static void map_close(struct capnp_i_map *m, uint32_t i)
{
        uint32_t mask = m->room - 1, j = i, home;

        for (;;) {
                j = (j + 1) & mask;
                if (!m->slots[j].value)
                        break;

                home = map_home(m, m->slots[j].key);
                if (((j - home) & mask) < ((j - i) & mask))
                        continue;

                m->slots[i] = m->slots[j];
                i = j;
        }

        m->slots[i].value = NULL;
}

void *capnp_i_map_take(struct capnp_i_map *m, uint64_t key)
{
        struct capnp_i_map_slot *s = map_find(m, key);
        void *value;

        if (!s)
                return NULL;

        value = s->value;
        map_close(m, (uint32_t)(s - m->slots));
        m->used--;
        /* Shrinking is a courtesy: without memory the large table simply stays. */
        if (m->room > 64 && m->used * 16 < m->room)
                (void)!map_resize(m, m->room / 4);

        return value;
}

void *capnp_i_map_next(const struct capnp_i_map *m, uint32_t *pos, uint64_t *ret_key)
{
        while (*pos < m->room) {
                const struct capnp_i_map_slot *s = &m->slots[(*pos)++];

                if (!s->value)
                        continue;

                if (ret_key)
                        *ret_key = s->key;
                return s->value;
        }

        return NULL;
}

void capnp_i_map_deinit(struct capnp_i_map *m)
{
        free(m->slots);
        *m = (struct capnp_i_map){0};
}
