/* Names given outside of the schemas: --names FILE, --prefix PREFIX. */
#ifndef CAPNPC_MAP_H
#define CAPNPC_MAP_H

#include "mem.h"

/* Zero it to begin. */
struct map {
        const char *prefix; /* of every file that has none of its own in the map; may be NULL */
        struct map_line *lines;
        uint32_t n;
};

/*
 * Reads a map: a line is `prefix FILE NAME` or `name FILE:DECLARATION NAME`, where a file or a
 * declaration may be its id, and `name ID.MEMBER NAME` is a field, an enumerant or a method; `#`
 * begins a comment. Errors are told on stderr. Whether it was read.
 */
bool map_read(struct map *map, struct mem *m, const char *path) CAPNP_MUST_USE;
/* The prefix of a file, by its name or its id; NULL when the map has none. */
const char *map_prefix(const struct map *map, const char *file, uint64_t id);
/* The name of a declaration of a file: path as in the schema, id 0 for a member; NULL when the map
 * has none. */
const char *map_name(const struct map *map, const char *file, const char *path, uint64_t id);
/* Likewise of a member of a declaration with an id. */
const char *map_member(const struct map *map, uint64_t id, const char *member);

#endif
