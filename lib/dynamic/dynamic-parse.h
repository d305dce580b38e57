/* What the two halves of the parser share: values (dynamic-parse.c) and members of structs. */
#ifndef CAPNP_DYNAMIC_PARSE_H
#define CAPNP_DYNAMIC_PARSE_H

#include "dynamic-scalar.h"

struct slot;

struct parser {
        struct tree t;
        /* The value of a pointer: dynamic-parse.c, which stands on dynamic-members.c. */
        int (*pointer)(struct parser *c, const struct slot *slot, uint32_t node,
                       const struct tree_path *path);
        const capnp_schema *s;
        const struct capnp_dynamic_opts *o;
        uint64_t words; /* that may still be built */
        uint64_t looks; /* at members and fields, that may still be taken */
};

/* A struct that members are put into. */
struct place {
        const capnp_decl *d;
        capnp_builder b;
        const struct dynamic_env *env;
        const struct dynamic_tag *tag; /* of its union, in JSON */
        /* of a flattened struct, which is made when its first member is found: */
        struct place *around;
        const struct dynamic_field *f; /* which it is of the one around */
};

/* A pointer to be filled. */
struct slot {
        struct dynamic_type type;
        const struct dynamic_env *env;
        capnp_abuilder to;
        enum dynamic_data data; /* what a string of bytes is written in */
};

/* The members of an object into the struct at a place. As capnp_json_parse(). */
int parse_members(struct parser *c, struct place *to, uint32_t node,
                  const struct tree_path *path) CAPNP_MUST_USE;
/* Takes words off what may still be built. */
static inline int parse_charge(struct parser *c, uint64_t words, uint32_t node,
                               const struct tree_path *path)
{
        if (words > c->words)
                return tree_fail(&c->t, CAPNP_E_LIMIT, c->t.nodes[node].at, path,
                                 "too large for a message");

        c->words -= words;
        return 0;
}

static inline int parse_missing(struct parser *c, uint32_t node, const struct tree_path *path)
{
        return tree_fail(&c->t, CAPNP_E_UNKNOWN, c->t.nodes[node].at, path,
                         "its type is not in the schema");
}

#endif
