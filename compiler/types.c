/*
 * What a schema type is in C.
 *
 * Primitives are C's own. Everything of a declared type is a struct of one member around the
 * library's view, so that the C compiler keeps a foo_reader and a bar_reader apart at no cost. Type
 * parameters are AnyPointer: C has no generics, and brands say nothing about bytes.
 *
 * What a declaration of another file is called is that file's affair: it may have been compiled
 * with another map, and what clashes there is not known here. So each type has a second name, made
 * of its id, and other files use that. Where a header cannot be included, because its names are
 * those of another, its types are the library's plain views.
 */
#include "types.h"

#include "names.h"

#include <inttypes.h>
#include <math.h>

/* By enum type_which. */
static const struct ctype simple_types[] = {
        [TYPE_VOID] = {.read = "void", .size = "CAPNP_SIZE_VOID"},
        [TYPE_BOOL] = {.read = "bool", .access = "bool", .size = "CAPNP_SIZE_BIT", .bits = 1},
        [TYPE_INT8] = {.read = "int8_t", .access = "i8", .size = "CAPNP_SIZE_BYTE", .bits = 8},
        [TYPE_INT16] = {.read = "int16_t", .access = "i16", .size = "CAPNP_SIZE_TWO", .bits = 16},
        [TYPE_INT32] = {.read = "int32_t", .access = "i32", .size = "CAPNP_SIZE_FOUR", .bits = 32},
        [TYPE_INT64] = {.read = "int64_t", .access = "i64", .size = "CAPNP_SIZE_EIGHT", .bits = 64},
        [TYPE_UINT8] = {.read = "uint8_t", .access = "u8", .size = "CAPNP_SIZE_BYTE", .bits = 8},
        [TYPE_UINT16] = {.read = "uint16_t", .access = "u16", .size = "CAPNP_SIZE_TWO", .bits = 16},
        [TYPE_UINT32] = {.read = "uint32_t",
                         .access = "u32",
                         .size = "CAPNP_SIZE_FOUR",
                         .bits = 32},
        [TYPE_UINT64] = {.read = "uint64_t",
                         .access = "u64",
                         .size = "CAPNP_SIZE_EIGHT",
                         .bits = 64},
        [TYPE_FLOAT32] = {.read = "float", .access = "f32", .size = "CAPNP_SIZE_FOUR", .bits = 32},
        [TYPE_FLOAT64] = {.read = "double",
                          .access = "f64",
                          .size = "CAPNP_SIZE_EIGHT",
                          .bits = 64},
        [TYPE_TEXT] = {.read = "capnp_text", .size = "CAPNP_SIZE_POINTER", .pointer = true},
        [TYPE_DATA] = {.read = "capnp_data",
                       .build = "uint8_t *",
                       .size = "CAPNP_SIZE_POINTER",
                       .pointer = true},
        [TYPE_LIST] = {.read = "capnp_list",
                       .build = "capnp_lbuilder",
                       .size = "CAPNP_SIZE_POINTER",
                       .pointer = true},
        [TYPE_ENUM] = {.access = "u16", .size = "CAPNP_SIZE_TWO", .bits = 16},
        [TYPE_STRUCT] = {.size = "CAPNP_SIZE_COMPOSITE", .pointer = true},
        [TYPE_INTERFACE] = {.size = "CAPNP_SIZE_POINTER", .pointer = true},
        [TYPE_ANY_POINTER] = {.read = "capnp_any", .size = "CAPNP_SIZE_POINTER", .pointer = true},
};

const char *node_alias(const struct request *q, const struct node *n, const char *what)
{
        return mem_fmt(q->mem, "%s_%s_%016" PRIx64, n->hint ? n->hint : "t", what, n->id);
}

const char *node_type(const struct request *q, const struct node *n, const char *what)
{
        if (!n || !n->name || !n->file || n->file->sight == SIGHT_NONE || n->file == n)
                return NULL;
        if (n->file->sight == SIGHT_INCLUDED)
                return n->implicit ? NULL : node_alias(q, n, what);
        if (!strcmp(what, "list"))
                return n->list;
        if (!strcmp(what, "list_builder"))
                return mem_fmt(q->mem, "%s_builder", n->list);

        return mem_fmt(q->mem, "%s_%s", n->name, what);
}

const char *node_sizes(const struct request *q, const struct node *n)
{
        enum sight sight = n && n->file ? n->file->sight : SIGHT_NONE;
        const char *hint;

        if (sight == SIGHT_OWN)
                return mem_fmt(q->mem, "%s_WORDS, %s_PTRS", n->upper, n->upper);
        if (sight == SIGHT_NONE || !n->hint)
                return mem_fmt(q->mem, "%u, %u", node_words(n), node_ptrs(n));

        hint = name_upper(q->mem, n->hint);
        return mem_fmt(q->mem, "%s_WORDS_%016" PRIx64 ", %s_PTRS_%016" PRIx64, hint, n->id, hint,
                       n->id);
}

const char *ctype_wrap(struct mem *m, const struct ctype *c, const char *type, const char *expr)
{
        return c->raw ? expr : mem_fmt(m, "CAPNP_NEW(%s, %s)", type, expr);
}

const char *ctype_unwrap(struct mem *m, const struct ctype *c, const char *v, const char *member)
{
        return c->raw ? v : mem_fmt(m, "%s.%s", v, member);
}

static void describe_list(const struct request *q, type_reader t, struct ctype *c)
{
        const char *list;
        struct ctype e;

        c->element = type_list__element_type(type_list_(t));
        e = ctype_of(q, c->element);
        c->node = e.node;
        if (e.which != TYPE_STRUCT && e.which != TYPE_ENUM)
                return;

        list = node_type(q, e.node, "list");
        c->wrapped = list && !e.raw;
        if (!c->wrapped)
                return;

        c->read = list;
        c->build = node_type(q, e.node, "list_builder");
}

/* A type of a declaration; the library's view where the header does not see it. */
static void describe_node(const struct request *q, struct ctype *c, uint64_t id, uint16_t which)
{
        struct node *n = request_find(q, id);

        c->node = n && node_which(n->r) == which ? n : NULL;
        c->raw = !node_type(q, c->node, "reader");
}

static void describe_enum(const struct request *q, struct ctype *c)
{
        if (c->raw)
                c->read = "uint16_t";
        else if (c->node->file->sight == SIGHT_OWN)
                c->read = mem_fmt(q->mem, "enum %s", name_bare(q->mem, c->node->name));
        else
                c->read = node_alias(q, c->node, "enum");
}

static void describe_any(type_reader t, struct ctype *c)
{
        type_any_pointer_reader a = type_any_pointer(t);

        c->any = TYPE_ANY_POINTER_UNCONSTRAINED_ANY_KIND;
        if (type_any_pointer_which(a) == TYPE_ANY_POINTER_UNCONSTRAINED)
                c->any = type_any_pointer_unconstrained_which(type_any_pointer_unconstrained(a));
        if (c->any == TYPE_ANY_POINTER_UNCONSTRAINED_CAPABILITY)
                c->read = "capnp_cap *";
}

struct ctype ctype_of(const struct request *q, type_reader t)
{
        enum type_which which = type_which(t);
        struct ctype c = {.read = "void", .size = "CAPNP_SIZE_VOID"};

        if ((size_t)which < sizeof(simple_types) / sizeof(simple_types[0]))
                c = simple_types[which];
        c.which = which;

        switch (which) {
        case TYPE_LIST:
                describe_list(q, t, &c);
                break;
        case TYPE_ENUM:
                describe_node(q, &c, type_enum_type_id(type_enum(t)), NODE_ENUM);
                describe_enum(q, &c);
                break;
        case TYPE_STRUCT:
                describe_node(q, &c, type_struct_type_id(type_struct(t)), NODE_STRUCT);
                c.read = c.raw ? "capnp_reader" : node_type(q, c.node, "reader");
                c.build = c.raw ? "capnp_builder" : node_type(q, c.node, "builder");
                break;
        case TYPE_INTERFACE:
                describe_node(q, &c, type_interface_type_id(type_interface(t)), NODE_INTERFACE);
                c.read = c.raw ? "capnp_cap *" : node_type(q, c.node, "client");
                break;
        case TYPE_ANY_POINTER:
                describe_any(t, &c);
                break;
        default:
                break;
        }

        return c;
}

struct ctype ctype_element(const struct request *q, const struct ctype *list)
{
        return ctype_of(q, list->element);
}

struct node *ctype_needs(const struct request *q, type_reader t)
{
        while (type_which(t) == TYPE_LIST)
                t = type_list__element_type(type_list_(t));

        return ctype_of(q, t).node;
}

uint16_t node_words(const struct node *n)
{
        return n ? node_struct_data_word_count(node_struct(n->r)) : 0;
}

uint16_t node_ptrs(const struct node *n)
{
        return n ? node_struct_pointer_count(node_struct(n->r)) : 0;
}

/* ---- values ---------------------------------------------------------------------------------- */

static const char *float_literal(struct mem *m, double v, const char *suffix)
{
        char *s;

        if (isnan(v))
                return mem_fmt(m, "%s__builtin_nan%s(\"\")", signbit(v) ? "-" : "", suffix);
        if (isinf(v))
                return mem_fmt(m, "%s__builtin_inf%s()", signbit(v) ? "-" : "", suffix);

        s = mem_fmt(m, *suffix ? "%.9g" : "%.17g", v);
        return mem_fmt(m, "%s%s%s", s, strpbrk(s, ".e") ? "" : ".0", suffix);
}

static const char *signed_literal(struct mem *m, int64_t v, bool wide)
{
        if (v == INT64_MIN)
                return "(INT64_C(-9223372036854775807) - 1)";
        if (wide)
                return mem_fmt(m, "INT64_C(%" PRId64 ")", v);
        if (v == INT32_MIN)
                return "(-2147483647 - 1)";

        return mem_fmt(m, "%" PRId64, v);
}

const char *value_literal(struct mem *m, value_reader v)
{
        switch (value_which(v)) {
        case VALUE_BOOL:
                return value_bool(v) ? "true" : "false";
        case VALUE_INT8:
                return signed_literal(m, value_int8(v), false);
        case VALUE_INT16:
                return signed_literal(m, value_int16(v), false);
        case VALUE_INT32:
                return signed_literal(m, value_int32(v), false);
        case VALUE_INT64:
                return signed_literal(m, value_int64(v), true);
        case VALUE_UINT8:
                return mem_fmt(m, "%u", value_uint8(v));
        case VALUE_UINT16:
                return mem_fmt(m, "%u", value_uint16(v));
        case VALUE_UINT32:
                return mem_fmt(m, "%" PRIu32 "u", value_uint32(v));
        case VALUE_UINT64:
                return mem_fmt(m, "UINT64_C(%" PRIu64 ")", value_uint64(v));
        case VALUE_FLOAT32:
                return float_literal(m, (double)value_float32(v), "f");
        case VALUE_FLOAT64:
                return float_literal(m, value_float64(v), "");
        case VALUE_ENUM:
                return mem_fmt(m, "%u", value_enum(v));
        default:
                return "0";
        }
}

capnp_any value_slot(value_reader v)
{
        switch (value_which(v)) {
        case VALUE_LIST:
                return value_list_(v);
        case VALUE_STRUCT:
                return value_struct(v);
        case VALUE_ANY_POINTER:
                return value_any_pointer(v);
        default:
                return (capnp_any){0};
        }
}
