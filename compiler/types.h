/* What a schema type is in C. */
#ifndef CAPNPC_TYPES_H
#define CAPNPC_TYPES_H

#include "request.h"

/* A type of a field, a constant or a list element. */
struct ctype {
        enum type_which which;
        enum type_any_pointer_unconstrained_which any; /* for TYPE_ANY_POINTER */
        const char *read;   /* what a getter returns: "uint32_t", "enum color", "foo_reader" */
        const char *build;  /* what init returns: "foo_builder"; NULL when there is no init */
        const char *access; /* library function suffix: "u32"; NULL for pointers and void */
        const char *size;   /* "CAPNP_SIZE_FOUR": what a list of these is made of */
        uint32_t bits;      /* in a data section; 0 for pointers and void */
        bool pointer;       /* lives in the pointer section */
        bool wrapped;       /* a list with a struct of its own around capnp_list */
        bool raw; /* of a declared type that the header does not see: the library's view */
        struct node
                *node; /* of an enum, struct or interface; of a list: its element's; may be NULL */
        type_reader element; /* of a list */
};

/* Describes a type. */
struct ctype ctype_of(const struct request *q, type_reader t);
/* Of a list: its element. */
struct ctype ctype_element(const struct request *q, const struct ctype *list);
/* An expression of the library's view as one of a type, `read` or `build` of c. */
const char *ctype_wrap(struct mem *m, const struct ctype *c, const char *type, const char *expr);
/* The library's view in a value of the type: "v.r", or "v" alone. */
const char *ctype_unwrap(struct mem *m, const struct ctype *c, const char *v, const char *member);
/* "FOO_WORDS, FOO_PTRS" of a struct. */
const char *node_sizes(const struct request *q, const struct node *n);
/* The C type of a declaration: "reader", "builder", "client", "ops", "list", "list_builder"; NULL
 * when the header does not see it. Of another file by hint and id, whatever it is called there. */
const char *node_type(const struct request *q, const struct node *n, const char *what);
/* The second name of a type, by which other files know it. */
const char *node_alias(const struct request *q, const struct node *n, const char *what);
/* The node a type needs the header of: of the innermost element of a list. NULL when none. */
struct node *ctype_needs(const struct request *q, type_reader t);
/* Section sizes of a struct. */
uint16_t node_words(const struct node *n);
uint16_t node_ptrs(const struct node *n);

/* A C expression for a primitive value; of an enum, its number. */
const char *value_literal(struct mem *m, value_reader v);
/* The slot of a pointer value other than text and data. */
capnp_any value_slot(value_reader v);

#endif
