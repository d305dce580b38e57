/* The generator of one schema file: two texts that grow, and the names taken in them. */
#ifndef CAPNPC_GEN_H
#define CAPNPC_GEN_H

#include "flat.h"
#include "names.h"
#include "out.h"
#include "taken.h"
#include "types.h"

struct gen {
        struct request *q;
        struct mem *mem;
        struct node *file;
        struct out h;     /* the header */
        struct out c;     /* the tables */
        struct unit unit; /* at work */
        struct taken reserved;
        struct taken taken;  /* names of the header */
        struct taken before; /* of the header as it was written the time before */
        struct clash *clashes;
        uint32_t nclashes;
        uint32_t clashes_room;
        struct note *notes; /* shortcuts that gave way, newest first */
};

/* ---- what all generators do (gen.c) ---------------------------------------------------------- */

/* What follows is for a declaration, for its i-th member, for lists of it. */
void gen_at(struct gen *g, struct node *n);
void gen_at_member(struct gen *g, struct node *n, uint32_t i);
void gen_at_list(struct gen *g, struct node *n);

/* Takes an ordinary name, a tag (`enum foo`), a type name (both at once, for C++). */
void gen_claim(struct gen *g, const char *name);
void gen_claim_tag(struct gen *g, const char *name);
void gen_claim_type(struct gen *g, const char *name);
/* Takes a key that stands for all names of a declaration; a message says the name. */
void gen_claim_key(struct gen *g, const char *key, const char *name);
/* Whether somebody has a name: in this header so far, or when it was written before. */
bool gen_has(const struct gen *g, const char *name);
/* Begins to write the header anew; ends it. Whether names clashed: then they have other forms. */
void gen_begin(struct gen *g);
bool gen_settle(struct gen *g);
/* Tells what has another name than expected, after the last time. */
void gen_tell(struct gen *g);
void gen_deinit(struct gen *g);

/* A static inline function in the header; the format is its body. */
void gen_fn(struct gen *g, const char *ret, const char *name, const char *params, const char *fmt,
            ...) CAPNP_PRINTF(5, 6);
/* A shortcut, base_rest: its name gives way to all others. */
struct shortcut {
        const char *ret;
        const char *base;
        const char *rest;
        const char *params;
};
void gen_short(struct gen *g, const struct shortcut *s, const char *fmt, ...) CAPNP_PRINTF(3, 4);
/* A constant array of words: declared in the header, defined in the tables. Its name is made of ids
 * and is not claimed. */
void gen_words(struct gen *g, const char *name, struct flat words);
/* Likewise, only in the tables. */
void gen_static_words(struct gen *g, const char *name, struct flat words);
/* Bytes as an expression of type const char *, NUL-terminated: a C string literal, or, when there
 * are too many for one, words of this name. */
const char *gen_bytes(struct gen *g, const char *name, const char *s, uint32_t len);
/* Those words; none when a literal does. */
struct flat gen_bytes_words(struct gen *g, const char *s, uint32_t len);
/* Text of a C string literal. */
const char *gen_literal(struct gen *g, const char *s, uint32_t len);
/* "foo *" or "foo ", as it stands before a name. */
const char *gen_spaced(struct gen *g, const char *type);

/* ---- fields (field.c) ------------------------------------------------------------------------ */

/* A field of a struct or group. */
struct field {
        struct node *owner;
        field_reader r;
        uint32_t i;           /* which */
        const char *own;      /* x */
        const char *getter;   /* foo_x */
        const char *constant; /* FOO_X, in a union */
        struct node *group;   /* of a group */
        struct ctype t;       /* of a slot */
        uint32_t offset;      /* in bits or bytes of the data section, or which pointer */
        const char *dflt;     /* of a primitive: a literal; else the name of words, or NULL */
        const char *doc;
        bool in_union;
};

/* A function that changes a field: `ret foo_verb(foo_builder b, param) { body }`. The body needs of
 * b only that it has a member b. */
struct change {
        const char *verb;  /* set_x, init_x, build_x */
        const char *ret;   /* "void", "bar_builder" */
        const char *param; /* "uint32_t n", or "" */
        const char *arg;   /* "n", or "" */
        const char *body;
};
enum { FIELD_CHANGES = 3 };

/* The last part of the name of the i-th field; of another file's struct, what it would be if
 * nothing clashed there. */
const char *field_own(const struct gen *g, const struct node *s, uint32_t i);
/* Describes the i-th field. */
struct field field_of(struct gen *g, struct node *s, uint32_t i);
/* Its type as a getter returns it; NULL for Void, which has no getter. */
const char *field_type(struct gen *g, const struct field *f);
/* Statements that return its value in `r.r`; whether its pointer is not null. They set `r.r` to
 * zeros when another member of a union is active. */
const char *field_get(struct gen *g, const struct field *f);
/* An expression for the discriminant of a struct's union. */
const char *field_which_value(struct gen *g, const struct node *owner, const char *reader);
const char *field_has(struct gen *g, const struct field *f);
/* Where the default of a pointer is, when it has one. */
void field_default(struct gen *g, const struct field *f);
/* Fills in the functions that change it, in `b.b`; how many. */
unsigned field_changes(struct gen *g, const struct field *f, struct change *v);
/* The parameter list: "foo_builder b" or "foo_builder b, uint32_t n". */
const char *change_params(struct gen *g, const char *object, const struct change *c);
/* The arguments: "b" or "b, n". */
const char *change_args(struct gen *g, const char *object, const struct change *c);

/* ---- declarations ---------------------------------------------------------------------------- */

/* Types first, for all of a file; then what includes bring; then functions. */
void struct_gen_types(struct gen *g, struct node *n);
void struct_gen_functions(struct gen *g, struct node *n);
void enum_gen_types(struct gen *g, struct node *n);
void enum_gen_functions(struct gen *g, struct node *n);
void interface_gen_types(struct gen *g, struct node *n);
/* The operations struct, unless it contains one of another file: then it is among the functions. */
void interface_gen_ops(struct gen *g, struct node *n);
void interface_gen_functions(struct gen *g, struct node *n);
/* Conveniences whose names give way to all others; last in the header. */
void interface_gen_shortcuts(struct gen *g, struct node *n);
void const_gen(struct gen *g, struct node *n);
/* The file's nodes as words, and the imports they lead to. */
void schema_gen(struct gen *g, struct node *const *imports, uint32_t nimports);

/* Generates both texts of a file. */
void file_gen(struct gen *g, struct request *q, code_generator_request_requested_file_reader r);

#endif
