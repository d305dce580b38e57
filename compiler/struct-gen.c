/*
 * Structs and groups.
 *
 * A struct becomes two views, foo_reader and foo_builder, two lists of them, its sizes, and
 * one-line accessors. A group is a view of the same bytes with accessors of its own, so it has no
 * list, no sizes and no root. A struct that a method declares in passing cannot be a list's element
 * either.
 */
#include "gen.h"

#include <inttypes.h>

/* Whether it can be the root of a message, or an element of a list. */
static bool stands_alone(const struct node *n)
{
        return !node_struct_is_group(node_struct(n->r)) && !n->implicit;
}

static const char *name(struct gen *g, struct node *n, const char *rest)
{
        return mem_fmt(g->mem, "%s_%s", n->name, rest);
}

/* ---- types ----------------------------------------------------------------------------------- */

/* A view, by its name and by the one that other files use. */
static void view_type(struct gen *g, const struct node *n, const char *member, const char *type,
                      const char *what)
{
        gen_claim_type(g, type);
        if (n->implicit)
                out_f(&g->h, "typedef struct { capnp_%s; } %s;\n", member, type);
        else
                out_f(&g->h, "typedef struct { capnp_%s; } %s, %s;\n", member, type,
                      node_alias(g->q, n, what));
}

static void sizes(struct gen *g, struct node *n)
{
        const char *up = n->upper, *hint = name_upper(g->mem, n->hint);
        unsigned words = node_words(n), ptrs = node_ptrs(n);

        gen_claim(g, mem_fmt(g->mem, "%s_ID", up));
        gen_claim(g, mem_fmt(g->mem, "%s_WORDS", up));
        gen_claim(g, mem_fmt(g->mem, "%s_PTRS", up));
        out_f(&g->h, "#define %s_ID UINT64_C(0x%016" PRIx64 ")\n", up, n->id);
        out_f(&g->h, "enum { %s_WORDS = %u, %s_PTRS = %u };\n", up, words, up, ptrs);
        if (!n->implicit)
                out_f(&g->h,
                      "enum { %s_WORDS_%016" PRIx64 " = %u, %s_PTRS_%016" PRIx64 " = %u };\n", hint,
                      n->id, words, hint, n->id, ptrs);
}

static void which_type(struct gen *g, struct node *n)
{
        const char *tag = mem_fmt(g->mem, "%s_which", n->name);

        gen_claim_tag(g, tag);
        out_f(&g->h, "enum %s CAPNP_ENUM_U16 {\n", tag);
        for (uint32_t i = 0; i < n->nmembers; i++) {
                struct field f = field_of(g, n, i);

                if (!f.in_union)
                        continue;

                gen_at_member(g, n, i);
                gen_claim(g, f.constant);
                out_f(&g->h, "        %s = %" PRIu16 ",\n", f.constant,
                      field_discriminant_value(f.r));
        }
        out_f(&g->h, "};\n");
}

void struct_gen_types(struct gen *g, struct node *n)
{
        gen_at(g, n);
        out_f(&g->h, "\n");
        out_doc(&g->h, "", node_doc(n));
        view_type(g, n, "reader r", name(g, n, "reader"), "reader");
        view_type(g, n, "builder b", name(g, n, "builder"), "builder");
        if (!node_struct_is_group(node_struct(n->r)))
                sizes(g, n);
        if (node_struct_discriminant_count(node_struct(n->r)))
                which_type(g, n);
        if (!stands_alone(n))
                return;

        gen_at_list(g, n);
        view_type(g, n, "list l", n->list, "list");
        view_type(g, n, "lbuilder l", mem_fmt(g->mem, "%s_builder", n->list), "list_builder");
}

/* ---- functions of the whole struct ----------------------------------------------------------- */

static void root_functions(struct gen *g, struct node *n)
{
        const char *reader = name(g, n, "reader"), *builder = name(g, n, "builder"), *up = n->upper;

        gen_fn(g, reader, name(g, n, "root"), "capnp_msg *m",
               "return CAPNP_NEW(%s, capnp_any_struct(capnp_msg_root(m), NULL));", reader);
        gen_fn(g, builder, name(g, n, "build"), "capnp_msg *m",
               "return CAPNP_NEW(%s, "
               "capnp_abuilder_init_struct(capnp_msg_build(m), %s_WORDS, %s_PTRS));",
               builder, up, up);
        gen_fn(g, reader, name(g, n, "of_any"), "capnp_any a",
               "return CAPNP_NEW(%s, capnp_any_struct(a, NULL));", reader);
        gen_fn(g, builder, name(g, n, "init_any"), "capnp_abuilder a",
               "return CAPNP_NEW(%s, capnp_abuilder_init_struct(a, %s_WORDS, %s_PTRS));", builder,
               up, up);
}

static const char *list_part(struct gen *g, struct node *n, const char *rest)
{
        return mem_fmt(g->mem, "%s_%s", n->list, rest);
}

static void list_functions(struct gen *g, struct node *n)
{
        const char *reader = name(g, n, "reader"), *builder = name(g, n, "builder");
        const char *params = mem_fmt(g->mem, "%s l", n->list);
        const char *bparams = list_part(g, n, "builder l");

        gen_fn(g, "uint32_t", list_part(g, n, "len"), params, "return l.l.len;");
        gen_fn(g, reader, list_part(g, n, "get"), mem_fmt(g->mem, "%s, uint32_t i", params),
               "return CAPNP_NEW(%s, capnp_list_struct(l.l, i));", reader);
        gen_fn(g, "uint32_t", list_part(g, n, "builder_len"), bparams, "return l.l.len;");
        gen_fn(g, builder, list_part(g, n, "builder_get"),
               mem_fmt(g->mem, "%s, uint32_t i", bparams),
               "return CAPNP_NEW(%s, capnp_lbuilder_struct(l.l, i));", builder);
        gen_fn(g, n->list, list_part(g, n, "as_reader"), bparams,
               "return CAPNP_NEW(%s, capnp_lbuilder_list(l.l));", n->list);
}

static void which_function(struct gen *g, struct node *n)
{
        if (node_struct_discriminant_count(node_struct(n->r)))
                gen_fn(g, mem_fmt(g->mem, "enum %s_which", n->name), name(g, n, "which"),
                       name(g, n, "reader r"), "return (enum %s_which)%s;", n->name,
                       field_which_value(g, n, "r.r"));
}

/* ---- functions of a field -------------------------------------------------------------------- */

static void getter(struct gen *g, const struct field *f)
{
        const char *s = f->owner->name, *params = mem_fmt(g->mem, "%s_reader r", s);

        if (field_type(g, f))
                gen_fn(g, field_type(g, f), f->getter, params, "%s", field_get(g, f));
        if (f->t.pointer && !f->group)
                gen_fn(g, "bool", mem_fmt(g->mem, "%s_has_%s", s, f->own), params, "%s",
                       field_has(g, f));
}

/* Elements of a list that has no type of its own: getters and setters by the field's name. */
static void element_getter(struct gen *g, const struct field *f, const struct ctype *e)
{
        const char *at = mem_fmt(g->mem, "%s_at", f->getter), *params = "capnp_list l, uint32_t i",
                   *fmt;
        struct ctype inner;

        switch (e->which) {
        case TYPE_VOID:
                return;
        case TYPE_TEXT:
                gen_fn(g, e->read, at, params,
                       "return capnp_any_text(capnp_list_any(l, i), CAPNP_ZERO(capnp_text));");
                return;
        case TYPE_DATA:
                gen_fn(g, e->read, at, params,
                       "return capnp_any_data(capnp_list_any(l, i), CAPNP_ZERO(capnp_data));");
                return;
        case TYPE_INTERFACE:
                gen_fn(g, e->read, at, params, "return %s;",
                       ctype_wrap(g->mem, e, e->read, "capnp_any_cap_peek(capnp_list_any(l, i))"));
                return;
        case TYPE_STRUCT:
                gen_fn(g, e->read, at, params, "return capnp_list_struct(l, i);");
                return;
        case TYPE_ANY_POINTER:
                fmt = e->any == TYPE_ANY_POINTER_UNCONSTRAINED_CAPABILITY
                              ? "capnp_any_cap_peek(capnp_list_any(l, i))"
                              : "capnp_list_any(l, i)";
                gen_fn(g, e->read, at, params, "return %s;", fmt);
                return;
        case TYPE_LIST:
                inner = ctype_element(g->q, e);
                fmt = mem_fmt(g->mem, "capnp_any_list(capnp_list_any(l, i), %s, NULL)", inner.size);
                gen_fn(g, e->read, at, params, "return %s;",
                       e->wrapped ? ctype_wrap(g->mem, e, e->read, fmt) : fmt);
                return;
        default:
                gen_fn(g, e->read, at, params, "return capnp_list_%s(l, i);", e->access);
        }
}

static void nested_list_setter(struct gen *g, const struct field *f, const struct ctype *e)
{
        struct ctype inner = ctype_element(g->q, e);
        const char *v;

        if (inner.which == TYPE_STRUCT)
                v = mem_fmt(g->mem, "capnp_abuilder_init_structs(%s, n, %s)",
                            "capnp_lbuilder_any(l, i)", node_sizes(g->q, inner.node));
        else
                v = mem_fmt(g->mem, "capnp_abuilder_init_list(capnp_lbuilder_any(l, i), %s, n)",
                            inner.size);
        if (e->wrapped)
                v = ctype_wrap(g->mem, e, e->build, v);
        gen_fn(g, e->build, mem_fmt(g->mem, "%s_init_%s_at", f->owner->name, f->own),
               "capnp_lbuilder l, uint32_t i, uint32_t n", "return %s;", v);
}

static void element_setter(struct gen *g, const struct field *f, const struct ctype *e)
{
        const char *set = mem_fmt(g->mem, "%s_set_%s_at", f->owner->name, f->own);
        const char *params =
                mem_fmt(g->mem, "capnp_lbuilder l, uint32_t i, %sv", gen_spaced(g, e->read));
        const char *slot = "capnp_lbuilder_any(l, i)";

        switch (e->which) {
        case TYPE_VOID:
                return;
        case TYPE_TEXT:
                gen_fn(g, "void", set, "capnp_lbuilder l, uint32_t i, const char *s",
                       "capnp_abuilder_set_text(%s, "
                       "capnp_text_of(s));",
                       slot);
                return;
        case TYPE_DATA:
                gen_fn(g, "void", set, params, "capnp_abuilder_set_data(%s, v);", slot);
                return;
        case TYPE_INTERFACE:
                gen_fn(g, "void", set, params, "capnp_abuilder_set_cap(%s, %s);", slot,
                       ctype_unwrap(g->mem, e, "v", "c"));
                return;
        case TYPE_STRUCT:
                gen_fn(g, e->build, mem_fmt(g->mem, "%s_build_%s_at", f->owner->name, f->own),
                       "capnp_lbuilder l, uint32_t i", "return capnp_lbuilder_struct(l, i);");
                return;
        case TYPE_ANY_POINTER:
                if (e->any == TYPE_ANY_POINTER_UNCONSTRAINED_CAPABILITY)
                        gen_fn(g, "void", set, params, "capnp_abuilder_set_cap(%s, v);", slot);
                else
                        gen_fn(g, "capnp_abuilder",
                               mem_fmt(g->mem, "%s_build_%s_at", f->owner->name, f->own),
                               "capnp_lbuilder l, uint32_t i", "return %s;", slot);
                return;
        case TYPE_LIST:
                nested_list_setter(g, f, e);
                return;
        default:
                gen_fn(g, "void", set, params, "capnp_lbuilder_set_%s(l, i, v);", e->access);
        }
}

static void changes(struct gen *g, const struct field *f)
{
        struct change v[FIELD_CHANGES];
        unsigned n = field_changes(g, f, v);
        const char *object = mem_fmt(g->mem, "%s_builder b", f->owner->name);

        for (unsigned i = 0; i < n; i++)
                gen_fn(g, v[i].ret, mem_fmt(g->mem, "%s_%s", f->owner->name, v[i].verb),
                       change_params(g, object, &v[i]), "%s", v[i].body);
}

static void field_functions(struct gen *g, const struct field *f)
{
        struct ctype e;

        gen_at_member(g, f->owner, f->i);
        g->unit.decl = mem_fmt(g->mem, "%s.%s", f->owner->path, field_name(f->r).p);
        out_f(&g->h, "\n");
        out_doc(&g->h, "", f->doc);
        field_default(g, f);
        getter(g, f);
        changes(g, f);
        if (f->group || f->t.which != TYPE_LIST || f->t.wrapped)
                return;

        e = ctype_element(g->q, &f->t);
        element_getter(g, f, &e);
        element_setter(g, f, &e);
}

void struct_gen_functions(struct gen *g, struct node *n)
{
        const char *reader = name(g, n, "reader");

        gen_at(g, n);
        out_f(&g->h, "\n/* ---- %s ---- */\n\n", n->path);
        gen_fn(g, reader, name(g, n, "as_reader"), name(g, n, "builder b"),
               "return CAPNP_NEW(%s, capnp_builder_reader(b.b));", reader);
        which_function(g, n);
        if (stands_alone(n)) {
                root_functions(g, n);
                gen_at_list(g, n);
                list_functions(g, n);
        }

        for (uint32_t i = 0; i < n->nmembers; i++) {
                struct field f = field_of(g, n, i);

                if (f.group || field_which(f.r) == FIELD_SLOT)
                        field_functions(g, &f);
        }
}
