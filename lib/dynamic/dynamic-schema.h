/*
 * Declarations as the other files of this layer use them: checked once, when they are added, and
 * then trusted as far as one declaration goes. What one says about another (a field's struct) is
 * checked where it is used, by dynamic_struct() and its sisters: a registry need not be complete.
 */
#ifndef CAPNP_DYNAMIC_SCHEMA_H
#define CAPNP_DYNAMIC_SCHEMA_H

#include <capos/capnp-dynamic.h>

#include "schema.capnp-c.h"

enum {
        DYNAMIC_DEPTH = 64,        /* of types; of texts, unless the caller says otherwise */
        DYNAMIC_DEPTH_MAX = 512,   /* of texts in any case: it bounds our recursion */
        DYNAMIC_NAME_MAX = 255,    /* bytes of the name of a field, an enumerant or a method */
        DYNAMIC_PREFIX_MAX = 1024, /* bytes before the keys of a flattened struct */
        DYNAMIC_SUPERS_MAX = 64,   /* interfaces that one extends, itself included */
        DYNAMIC_NO_VALUE = 0xffff, /* Field.discriminantValue: not in a union */
        DYNAMIC_SCOPES_MAX = 64,   /* declarations around one */
};

/* A type. Lists are counted, not nested, so that nothing here recurses. */
struct dynamic_type {
        enum type_which which; /* of the innermost element; TYPE_LIST never */
        uint8_t lists;         /* List( ) around it */
        bool is_cap;           /* AnyPointer that is declared Capability */
        bool is_param;         /* AnyPointer that stands for a type parameter */
        uint16_t param;        /* which parameter of scope id */
        uint64_t id;           /* of a struct, enum or interface; of a parameter's scope */
        brand_reader brand;    /* what the parameters of id are */
};

/* What type parameters mean where a value is read; NULL: nothing is known. */
struct dynamic_env {
        brand_reader brand;
        const struct dynamic_env *up; /* in which the types of brand are to be read */
};

struct dynamic_field {
        const char *name;
        uint16_t value; /* of the discriminant; DYNAMIC_NO_VALUE */
        bool is_group;  /* then type.id is the group's */
        bool has_default;
        uint32_t offset; /* Field.slot.offset, in units of the field's size */
        struct dynamic_type type;
        uint64_t bits;  /* the default of a number, an enum, a bool */
        capnp_any dflt; /* the default of a pointer; null: none */
};

/* json.capnp of the reference: the member that says which of a union is there. */
struct dynamic_tag {
        bool is_given;
        capnp_text name;  /* its key; p NULL: there is no such member */
        capnp_text value; /* the key of whatever is there; p NULL: that has a name of its own */
};

enum dynamic_data { DYNAMIC_NUMBERS, DYNAMIC_BASE64, DYNAMIC_HEX };

/* How a field, or an enumerant, is seen in JSON. */
struct dynamic_json {
        capnp_text name;        /* p NULL: as in the schema */
        capnp_text prefix;      /* before the keys of a flattened struct */
        bool is_flat;           /* its members are those of the struct that it is in */
        enum dynamic_data data; /* how Data is written */
        struct dynamic_tag tag; /* of a group */
};

struct dynamic_method {
        const char *name;
        uint64_t params;
        uint64_t results;
};

/* The names of members in order, and where they are. */
struct dynamic_name {
        const char *name;
        uint16_t i;
};

struct capnp_decl {
        uint64_t id;
        uint64_t scope;
        enum capnp_decl_kind kind;
        const char *name;       /* the display name */
        const char *short_name; /* within name */
        const char *doc;        /* the comment on it; "" */
        const char **docs;      /* on its members; NULL: on none */
        node_reader r;
        uint32_t n;                 /* fields, enumerants, methods */
        struct dynamic_name *names; /* of them, sorted */
        struct dynamic_json *json;  /* of them; NULL: they are as in the schema */
        struct dynamic_tag tag;     /* of a struct's unnamed union */
        /* a struct: */
        struct dynamic_field *fields;
        uint16_t *members; /* of the union, by discriminant: index of the field */
        uint16_t words, ptrs, nmembers;
        bool is_group;
        uint32_t discriminant; /* its place, in 16-bit units */
        /* an enum: */
        const char **enumerants;
        /* an interface: */
        struct dynamic_method *methods;
        uint64_t *supers;
        uint32_t nsupers;
};

struct capnp_schema {
        capnp_decl **decls; /* by id */
        uint32_t n;
        capnp_msg **copies; /* of requests: the declarations borrow from them */
        uint32_t ncopies;
};

/* ---- declarations (dynamic-decl.c) -------------------------------------------------------- */

/* Checks a node and makes a declaration of it, which borrows from it. r reads from memory that is
 * ours. 0; CAPNP_E_POISON: impossible; -ENOMEM. */
int dynamic_decl_new(node_reader r, capnp_decl **ret_d) CAPNP_MUST_USE;
capnp_decl *dynamic_decl_free(capnp_decl *d);
static inline void dynamic_decl_freep(capnp_decl **d)
{
        *d = dynamic_decl_free(*d);
}

/* The member with a name; UINT32_MAX: none. name needs no NUL. */
uint32_t dynamic_decl_member(const capnp_decl *d, const char *name, size_t len);

/* Notes the comments on it and its members. 0; -ENOMEM. */
int dynamic_doc_read(capnp_decl *d, node_source_info_reader r) CAPNP_MUST_USE;
int dynamic_doc_take(capnp_decl *d, const struct capnp_schema_doc *doc) CAPNP_MUST_USE;

/* Reads all its annotations, so that bad ones mark their message before anybody has asked. */
void dynamic_annotations_touch(const capnp_decl *d);

/* The bits of a value that is no pointer, of a size; those of the others are zero. */
uint64_t dynamic_value_bits(value_reader v, unsigned bits);

/* Reads its annotations, when all else has been read. 0; -ENOMEM. */
int dynamic_annot_read(capnp_decl *d) CAPNP_MUST_USE;
/* The key of a field, or the word for an enumerant, in JSON. */
capnp_text dynamic_json_name(const capnp_decl *d, uint32_t i);

/* ---- use (dynamic-schema.c, dynamic-value.c) ---------------------------------------------- */

/* The struct with an id; NULL: none, or not a struct, or a group. */
const capnp_decl *dynamic_struct(const capnp_schema *s, uint64_t id);
/* The group of a field; NULL: none, or not one of the struct d. */
const capnp_decl *dynamic_group(const capnp_schema *s, const capnp_decl *d,
                                const struct dynamic_field *f);
const capnp_decl *dynamic_enum(const capnp_schema *s, uint64_t id);
const capnp_decl *dynamic_interface(const capnp_schema *s, uint64_t id);
/* An interface and all it extends, itself first, without doubles: how many of DYNAMIC_SUPERS_MAX.
 */
uint32_t dynamic_supers(const capnp_schema *s, uint64_t id, const capnp_decl **ret_all);

/* Reads a type. 0; CAPNP_E_POISON: nested too deeply, or of no known kind. */
int dynamic_type_read(type_reader r, struct dynamic_type *ret_t) CAPNP_MUST_USE;
/* Replaces a type parameter by what it stands for; an unknown one stays AnyPointer. */
void dynamic_type_resolve(struct dynamic_type *t, const struct dynamic_env **env);
/* How values of a type lie in a list. */
enum capnp_size dynamic_type_size(const struct dynamic_type *t);
/* Bits of a size; 0 for pointers and structs, too. */
unsigned dynamic_size_bits(enum capnp_size size);
bool dynamic_type_is_pointer(const struct dynamic_type *t);
/* A name for people: `Text`, `List(UInt8)`, `Chat`. */
const char *dynamic_type_word(const struct dynamic_type *t);

#endif
