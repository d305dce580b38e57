/* A map from a 64-bit key (an id somebody else chose, a pointer) to a pointer. */
#ifndef CAPNP_BASE_MAP_H
#define CAPNP_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

struct capnp_i_map_slot {
        uint64_t key;
        void *value; /* NULL: free */
};

/* Zeroed is empty; nothing is allocated before the first entry. */
struct capnp_i_map {
        struct capnp_i_map_slot *slots;
        uint32_t room, used; /* room: 0 or a power of two */
        uint32_t most;       /* that were used at once so far */
};

/* NULL when the key is not there. */
void *capnp_i_map_get(const struct capnp_i_map *m, uint64_t key);
/* Makes sure that one more put cannot fail. 0 or -ENOMEM. */
int capnp_i_map_reserve(struct capnp_i_map *m) __attribute__((warn_unused_result));
/* Adds or replaces; needs a reserve before it. value is not NULL. */
void capnp_i_map_put(struct capnp_i_map *m, uint64_t key, void *value);
/* Removes and returns the value; NULL when the key is not there. */
void *capnp_i_map_take(struct capnp_i_map *m, uint64_t key);
/* Walks: *pos starts at 0; NULL at the end. The map must not change meanwhile. */
void *capnp_i_map_next(const struct capnp_i_map *m, uint32_t *pos, uint64_t *ret_key);
/* Frees the slots, not the values; leaves an empty map. */
void capnp_i_map_deinit(struct capnp_i_map *m);

#endif
