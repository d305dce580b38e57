/* Values as a schema sees them: read from a struct or a list, whatever their type. */
#ifndef CAPNP_DYNAMIC_VALUE_H
#define CAPNP_DYNAMIC_VALUE_H

#include "dynamic-schema.h"

/* A value: the bits of a number, or the slot of a pointer, its default applied. */
struct dynamic_value {
        uint64_t bits;       /* zero-extended */
        capnp_any any;       /* of a pointer */
        capnp_reader member; /* a struct in a list of structs, or a group: no pointer leads there */
        bool is_member;
};

/* A field of a struct; a group is a member. */
struct dynamic_value dynamic_get(capnp_reader r, const struct dynamic_field *f);
/* An element of a list; t is the type of the element. */
struct dynamic_value dynamic_element(capnp_list l, const struct dynamic_type *t, uint32_t i);
/* Whether a field is worth printing: it is not a null pointer. */
bool dynamic_has(capnp_reader r, const struct dynamic_field *f);
/* The active member of a struct's union: an index of its fields; UINT32_MAX: none known. */
uint32_t dynamic_which(capnp_reader r, const capnp_decl *d);

/* Puts bits into a field, or into an element of a list. Not for pointers. */
void dynamic_set(capnp_builder b, const struct dynamic_field *f, uint64_t bits);
void dynamic_set_element(capnp_lbuilder l, const struct dynamic_type *t, uint32_t i, uint64_t bits);

#endif
