/*
 * What belongs to ids that somebody else chooses.
 *
 * Any 32-bit id will do, but nearly everybody takes the lowest that is free. So those are looked up
 * in an array, as far as it is not much longer than what is in it, and the rest in a map.
 */
#ifndef CAPNP_BASE_IDS_H
#define CAPNP_BASE_IDS_H

#include <assert.h>
#include <stdbool.h>

#include "base-map.h"

/* Zeroed is empty; nothing is allocated before the first entry. */
struct capnp_i_ids {
        void **v;   /* of the ids below n; NULL: there is none */
        uint32_t n; /* 0 or a power of two */
        uint32_t used, most;
        struct capnp_i_map rest;
};

/* NULL when the id is not there. */
static inline void *capnp_i_ids_get(const struct capnp_i_ids *s, uint32_t id)
{
        if (id < s->n)
                return s->v[id];

        return s->rest.used ? capnp_i_map_get(&s->rest, id) : NULL;
}

/* Adds one where there is room for it already. false: there is one with this id, or no room yet. */
static inline bool capnp_i_ids_claim(struct capnp_i_ids *s, uint32_t id, void *value)
{
        if (id >= s->n || s->v[id])
                return false;

        s->v[id] = value;
        if (++s->used > s->most)
                s->most = s->used;
        return true;
}

/* Makes sure that this one can be added. 0 or -ENOMEM. */
int capnp_i_ids_reserve(struct capnp_i_ids *s, uint32_t id) __attribute__((warn_unused_result));
/* Adds one that is not there; needs a reserve before it. value is not NULL. */
void capnp_i_ids_add(struct capnp_i_ids *s, uint32_t id, void *value);
/* Removes and returns the value; NULL when the id is not there. */
void *capnp_i_ids_take(struct capnp_i_ids *s, uint32_t id);
/* Removes one that is there. */
static inline void capnp_i_ids_drop(struct capnp_i_ids *s, uint32_t id)
{
        if (id >= s->n || s->used == 1) {
                (void)capnp_i_ids_take(s, id);
                return;
        }

        assert(s->v[id]);
        s->v[id] = NULL;
        s->used--;
}

enum { CAPNP_I_IDS_KEPT = 64 };
void capnp_i_ids_shrink(struct capnp_i_ids *s);
/* Gives back what an empty one has grown to, but for a few: for when nothing is going on. */
static inline void capnp_i_ids_ease(struct capnp_i_ids *s)
{
        if (!s->used && s->n > CAPNP_I_IDS_KEPT)
                capnp_i_ids_shrink(s);
}

/* Walks: *pos starts at 0; NULL at the end. They must not change meanwhile. */
void *capnp_i_ids_next(const struct capnp_i_ids *s, uint32_t *pos, uint64_t *ret_id);
/* Frees the memory, not the values; leaves it empty. */
void capnp_i_ids_deinit(struct capnp_i_ids *s);

#endif
