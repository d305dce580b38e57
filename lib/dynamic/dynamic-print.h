/* What the two printers share: the walk over a message by its schema, and the layout. */
#ifndef CAPNP_DYNAMIC_PRINT_H
#define CAPNP_DYNAMIC_PRINT_H

#include "dynamic-layout.h"
#include "dynamic-value.h"

struct dynamic_printer;
struct print_frame;

/* How one language writes things. None recurses. */
struct dynamic_syntax {
        bool is_json;
        char open, close;  /* of a struct */
        const char *comma; /* between items, when everything is in one line */
        void (*key)(struct dynamic_printer *p, capnp_text prefix, capnp_text name);
        void (*number)(struct dynamic_printer *p, const struct dynamic_type *t, uint64_t bits);
        void (*text)(struct dynamic_printer *p, capnp_text t);
        void (*data)(struct dynamic_printer *p, capnp_data d, enum dynamic_data how);
        void (*cap)(struct dynamic_printer *p, capnp_any a, uint64_t interface);
        void (*any)(struct dynamic_printer *p, capnp_any a);
        /* When pretty: whether a struct or list is given a line for each item. */
        bool (*wants_lines)(const struct layout_shape *s, bool is_struct);
};

struct dynamic_printer {
        struct dynamic_out out;
        struct layout layout;
        const struct dynamic_syntax *syntax;
        const capnp_schema *s;
        const struct capnp_dynamic_opts *o;
        struct print_frame *top;  /* structs and lists we are in */
        struct print_frame *free; /* frames to be used again */
        uint32_t level;           /* how many we are in */
        uint32_t next;            /* number of the next reference, when the caller gives none */
        uint32_t looks;           /* at fields, that may still be taken */
};

/* A whole struct, as capnp_json_print() says. */
int dynamic_print(const struct dynamic_syntax *syntax, const capnp_schema *s, uint64_t type,
                  capnp_reader r, const struct capnp_dynamic_opts *o, struct capnp_buf *to);
/* The default of a field of d, as capnp_json_print_default() says. */
int dynamic_print_default(const struct dynamic_syntax *syntax, const capnp_schema *s,
                          const capnp_decl *d, uint32_t i, const struct capnp_dynamic_opts *o,
                          struct capnp_buf *to);

/* Text as JSON has it between quotes; one that is only a part of it ends with a whole character. */
void dynamic_json_piece(struct dynamic_out *o, capnp_text t);

#endif
