/* What the two printers share: the walk over a message by its schema, and the layout. */
#ifndef CAPNP_DYNAMIC_PRINT_H
#define CAPNP_DYNAMIC_PRINT_H

#include "dynamic-buf.h"
#include "dynamic-value.h"

struct dynamic_printer;

/* Between the items of a list or struct while it is not yet known how they are laid out. No printer
 * writes it for anything else: control characters are escaped. */
enum { DYNAMIC_SEPARATOR = 1 };

/* How one language writes things. None recurses. */
struct dynamic_syntax {
        char open, close; /* of a struct */
        void (*key)(struct dynamic_printer *p, const char *name);
        void (*number)(struct dynamic_printer *p, const struct dynamic_type *t, uint64_t bits);
        void (*text)(struct dynamic_printer *p, capnp_text t);
        void (*data)(struct dynamic_printer *p, capnp_data d);
        void (*cap)(struct dynamic_printer *p, capnp_any a, uint64_t interface);
        void (*any)(struct dynamic_printer *p, capnp_any a);
        /* Lays out what was printed since start, its items separated by DYNAMIC_SEPARATOR. named:
         * something stands before it in its line. */
        void (*lay_out)(struct dynamic_printer *p, size_t start, bool is_struct, bool named);
};

struct dynamic_printer {
        struct dynamic_out out;
        const struct dynamic_syntax *syntax;
        const capnp_schema *s;
        const struct capnp_dynamic_opts *o;
        uint32_t level; /* structs and lists we are in */
        uint32_t depth; /* the most of them */
        uint32_t next;  /* number of the next reference, when the caller gives none */
        uint32_t looks; /* at fields, that may still be taken */
};

/* A whole struct, as capnp_json_print() says. */
int dynamic_print(const struct dynamic_syntax *syntax, const capnp_schema *s, uint64_t type,
                  capnp_reader r, const struct capnp_dynamic_opts *o, struct capnp_buf *to);

/* Replaces the separators since start by a comma and either a blank or, when indent is not 0, a new
 * line with so many blanks; and puts blanks around it all, or a new line before it. */
void dynamic_lay_inline(struct dynamic_printer *p, size_t start, const char *comma);
void dynamic_lay_lines(struct dynamic_printer *p, size_t start, unsigned indent, bool named);
/* What the items since start are like. */
struct dynamic_shape {
        size_t items;   /* how many */
        size_t longest; /* bytes of the longest */
        size_t total;   /* of all, without separators */
        bool multiline;
};
struct dynamic_shape dynamic_shape(const struct dynamic_printer *p, size_t start);

#endif
