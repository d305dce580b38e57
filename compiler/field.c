/*
 * Fields: where they lie, how they are read, how they are changed.
 *
 * The same three questions are asked by a struct for its own accessors and by a method for the
 * shortcuts to its parameters and results, so the answers are values (struct field, struct change)
 * and not text on the way out.
 *
 * A member of a union may be read at any time: while it is not the active one it reads as its
 * default. Changing it makes it the active one.
 */
#include "gen.h"

#include <inttypes.h>

/* ---- describing ------------------------------------------------------------------------------ */

/* The default of a pointer that is not text or data, as words; NULL when it is null. */
static const char *default_words(struct gen *g, const struct field *f, value_reader v)
{
        if (f->t.which != TYPE_LIST && f->t.which != TYPE_STRUCT)
                return NULL;
        if (capnp_any_what(value_slot(v)) == CAPNP_WHAT_NULL)
                return NULL;

        return mem_fmt(g->mem, "%s_default", f->getter);
}

static void describe_slot(struct gen *g, struct field *f)
{
        field_slot_reader slot = field_slot(f->r);
        value_reader v = field_slot_default_value(slot);

        f->t = ctype_of(g->q, field_slot_type(slot));
        f->offset = field_slot_offset(slot);
        if (f->t.bits > 8)
                f->offset *= f->t.bits / 8;
        f->dflt = f->t.bits ? value_literal(g->mem, v) : default_words(g, f, v);
}

struct field field_of(struct gen *g, struct node *s, uint32_t i)
{
        struct field f = {.owner = s};
        struct mem *m = g->mem;

        f.r = field_list_get(node_struct_fields(node_struct(s->r)), i);
        f.own = name_member(m, s->members[i]);
        f.getter = name_join(m, s->name, f.own);
        f.constant = name_join(m, s->upper, name_upper(m, name_constant(m, s->members[i])));
        f.in_union = field_discriminant_value(f.r) != 0xffff;
        f.doc = node_member_doc(s, i);
        if (field_which(f.r) == FIELD_GROUP)
                f.group = request_find(g->q, field_group_type_id(field_group(f.r)));
        else
                describe_slot(g, &f);

        return f;
}

/* ---- reading --------------------------------------------------------------------------------- */

const char *field_type(struct gen *g, const struct field *f)
{
        if (f->group)
                return mem_fmt(g->mem, "%s_reader", f->group->name);

        return f->t.which == TYPE_VOID ? NULL : f->t.read;
}

static const char *text_value(struct gen *g, const struct field *f)
{
        capnp_text t = value_text(field_slot_default_value(field_slot(f->r)));

        if (!t.len)
                return mem_fmt(g->mem, "capnp_reader_text(r.r, %" PRIu32 ")", f->offset);

        return mem_fmt(g->mem,
                       "capnp_any_text(capnp_reader_any(r.r, %" PRIu32
                       "), (capnp_text){ %s, %" PRIu32 " })",
                       f->offset, gen_literal(g, t.p, t.len), t.len);
}

static const char *data_value(struct gen *g, const struct field *f)
{
        capnp_data d = value_data(field_slot_default_value(field_slot(f->r)));
        const char *lit = "NULL";

        if (d.len)
                lit = mem_fmt(g->mem, "(const uint8_t *)%s",
                              gen_literal(g, (const char *)d.p, d.len));

        return mem_fmt(g->mem,
                       "capnp_any_data(capnp_reader_any(r.r, %" PRIu32
                       "), (capnp_data){ %s, %" PRIu32 " })",
                       f->offset, lit, d.len);
}

static const char *list_value(struct gen *g, const struct field *f)
{
        struct ctype e = ctype_element(g->q, &f->t);
        const char *v =
                mem_fmt(g->mem, "capnp_any_list(capnp_reader_any(r.r, %" PRIu32 "), %s, %s)",
                        f->offset, e.size, f->dflt ? f->dflt : "NULL");

        return f->t.wrapped ? mem_fmt(g->mem, "(%s){ %s }", f->t.read, v) : v;
}

const char *field_value(struct gen *g, const struct field *f)
{
        struct mem *m = g->mem;
        uint32_t at = f->offset;

        if (f->group)
                return mem_fmt(m, "(%s_reader){ r.r }", f->group->name);

        switch (f->t.which) {
        case TYPE_TEXT:
                return text_value(g, f);
        case TYPE_DATA:
                return data_value(g, f);
        case TYPE_LIST:
                return list_value(g, f);
        case TYPE_ENUM:
                return mem_fmt(m, "(%s)capnp_reader_u16(r.r, %" PRIu32 ", %s)", f->t.read, at,
                               f->dflt);
        case TYPE_STRUCT:
                return mem_fmt(m,
                               "(%s){ capnp_any_struct(capnp_reader_any(r.r, %" PRIu32 "), %s) }",
                               f->t.read, at, f->dflt ? f->dflt : "NULL");
        case TYPE_INTERFACE:
                return mem_fmt(m, "(%s){ capnp_any_cap_peek(capnp_reader_any(r.r, %" PRIu32 ")) }",
                               f->t.read, at);
        case TYPE_ANY_POINTER:
                if (f->t.any == TYPE_ANY_POINTER_UNCONSTRAINED_CAPABILITY)
                        return mem_fmt(m, "capnp_any_cap_peek(capnp_reader_any(r.r, %" PRIu32 "))",
                                       at);
                return mem_fmt(m, "capnp_reader_any(r.r, %" PRIu32 ")", at);
        default:
                return mem_fmt(m, "capnp_reader_%s(r.r, %" PRIu32 ", %s)", f->t.access, at,
                               f->dflt);
        }
}

/* ---- changing -------------------------------------------------------------------------------- */

/* The statement that makes a union member the active one, with a space behind; "" elsewhere. */
static const char *activate(struct gen *g, const struct field *f)
{
        uint32_t at = node_struct_discriminant_offset(node_struct(f->owner->r)) * 2;

        if (!f->in_union)
                return "";

        return mem_fmt(g->mem, "capnp_builder_set_u16(b.b, %" PRIu32 ", %s, 0); ", at, f->constant);
}

/* Likewise, and what another member left in the slot goes. */
static const char *activate_slot(struct gen *g, const struct field *f)
{
        const char *s = f->owner->name;

        if (!f->in_union)
                return "";

        return mem_fmt(g->mem,
                       "if (%s_which(%s_as_reader(b)) != %s) "
                       "{ capnp_abuilder_clear(capnp_builder_any(b.b, %" PRIu32 ")); %s} ",
                       s, s, f->constant, f->offset, activate(g, f));
}

static struct change change_of(struct gen *g, const struct field *f, const char *verb)
{
        return (struct change){mem_fmt(g->mem, "%s_%s", verb, f->own), "void", "", "", ""};
}

/* set_x(b, v) through a library function on the slot. */
static struct change change_set(struct gen *g, const struct field *f, const char *fn,
                                const char *value)
{
        struct change c = change_of(g, f, "set");

        c.param = mem_fmt(g->mem, "%sv", gen_spaced(g, f->t.read));
        c.arg = "v";
        c.body = mem_fmt(g->mem, "%s%s(capnp_builder_any(b.b, %" PRIu32 "), %s);", activate(g, f),
                         fn, f->offset, value);
        return c;
}

/* init_x or build_x: returns what a library function on the slot makes. */
static struct change change_make(struct gen *g, const struct field *f, const char *verb,
                                 const char *fn, const char *args)
{
        bool init = verb[0] == 'i';
        struct change c = change_of(g, f, verb);
        const char *v = mem_fmt(g->mem, "%s(capnp_builder_any(b.b, %" PRIu32 ")%s%s)", fn,
                                f->offset, *args ? ", " : "", args);

        c.ret = f->t.build;
        if (f->t.wrapped || f->t.which == TYPE_STRUCT)
                v = mem_fmt(g->mem, "(%s){ %s }", f->t.build, v);
        c.body = mem_fmt(g->mem, "%sreturn %s;", init ? activate(g, f) : activate_slot(g, f), v);
        return c;
}

static struct change change_init_n(struct gen *g, const struct field *f, const char *fn,
                                   const char *args)
{
        struct change c = change_make(g, f, "init", fn, args);

        c.param = "uint32_t n";
        c.arg = "n";
        return c;
}

static unsigned list_changes(struct gen *g, const struct field *f, struct change *v)
{
        struct ctype e = ctype_element(g->q, &f->t);
        bool structs = e.which == TYPE_STRUCT;
        const char *upper = e.node && e.node->upper ? e.node->upper : "";
        const char *sizes = structs ? mem_fmt(g->mem, "%s_WORDS, %s_PTRS", upper, upper) : "0, 0";

        if (structs)
                v[0] = change_init_n(g, f, "capnp_abuilder_init_structs",
                                     mem_fmt(g->mem, "n, %s", sizes));
        else
                v[0] = change_init_n(g, f, "capnp_abuilder_init_list",
                                     mem_fmt(g->mem, "%s, n", e.size));
        v[1] = change_make(
                g, f, "build", "capnp_abuilder_list",
                mem_fmt(g->mem, "%s, %s, %s", e.size, sizes, f->dflt ? f->dflt : "NULL"));
        v[2] = change_set(g, f, "capnp_abuilder_set_list", f->t.wrapped ? "v.l" : "v");
        return 3;
}

static unsigned struct_changes(struct gen *g, const struct field *f, struct change *v)
{
        const char *upper = f->t.node && f->t.node->upper ? f->t.node->upper : "";
        const char *sizes = mem_fmt(g->mem, "%s_WORDS, %s_PTRS", upper, upper);

        v[0] = change_make(g, f, "init", "capnp_abuilder_init_struct", sizes);
        v[1] = change_make(g, f, "build", "capnp_abuilder_struct",
                           mem_fmt(g->mem, "%s, %s", sizes, f->dflt ? f->dflt : "NULL"));
        v[2] = change_set(g, f, "capnp_abuilder_set_struct", "v.r");
        return 3;
}

static unsigned text_changes(struct gen *g, const struct field *f, struct change *v)
{
        v[0] = change_of(g, f, "set");
        v[0].param = "const char *s";
        v[0].arg = "s";
        v[0].body = mem_fmt(g->mem, "%scapnp_builder_set_text(b.b, %" PRIu32 ", s);",
                            activate(g, f), f->offset);
        v[1] = change_set(g, f, "capnp_abuilder_set_text", "v");
        v[1].verb = mem_fmt(g->mem, "%s_n", v[1].verb);
        return 2;
}

static unsigned any_changes(struct gen *g, const struct field *f, struct change *v)
{
        if (f->t.any == TYPE_ANY_POINTER_UNCONSTRAINED_CAPABILITY) {
                v[0] = change_set(g, f, "capnp_abuilder_set_cap", "v");
                return 1;
        }

        v[0] = change_set(g, f, "capnp_abuilder_set", "v");
        v[1] = change_of(g, f, "build");
        v[1].ret = "capnp_abuilder";
        v[1].body = mem_fmt(g->mem, "%sreturn capnp_builder_any(b.b, %" PRIu32 ");",
                            activate_slot(g, f), f->offset);
        return 2;
}

static unsigned primitive_changes(struct gen *g, const struct field *f, struct change *v)
{
        bool is_enum = f->t.which == TYPE_ENUM;

        v[0] = change_of(g, f, "set");
        v[0].param = mem_fmt(g->mem, "%s v", f->t.read);
        v[0].arg = "v";
        v[0].body = mem_fmt(g->mem, "%scapnp_builder_set_%s(b.b, %" PRIu32 ", %sv, %s);",
                            activate(g, f), f->t.access, f->offset, is_enum ? "(uint16_t)" : "",
                            f->dflt);
        return 1;
}

static unsigned void_changes(struct gen *g, const struct field *f, struct change *v)
{
        if (!f->in_union)
                return 0;

        v[0] = change_of(g, f, "set");
        v[0].body =
                mem_fmt(g->mem, "capnp_builder_set_u16(b.b, %" PRIu32 ", %s, 0);",
                        node_struct_discriminant_offset(node_struct(f->owner->r)) * 2, f->constant);
        return 1;
}

/* ---- groups: no slot of their own ------------------------------------------------------------ */

/* Statements that zero every field of a group. */
static void zero_fields(struct gen *g, struct node *group, struct out *o)
{
        uint32_t at = node_struct_discriminant_offset(node_struct(group->r)) * 2;

        if (node_struct_discriminant_count(node_struct(group->r)))
                out_f(o, "capnp_builder_set_u16(b.b, %" PRIu32 ", 0, 0); ", at);

        for (uint32_t i = 0; i < group->nmembers; i++) {
                struct field f = field_of(g, group, i);

                if (f.group)
                        zero_fields(g, f.group, o);
                else if (f.t.pointer)
                        out_f(o, "capnp_abuilder_clear(capnp_builder_any(b.b, %" PRIu32 ")); ",
                              f.offset);
                else if (f.t.bits)
                        out_f(o, "capnp_builder_set_%s(b.b, %" PRIu32 ", 0, 0); ", f.t.access,
                              f.offset);
        }
}

static unsigned group_changes(struct gen *g, const struct field *f, struct change *v)
{
        const char *s = f->owner->name;
        struct out zeros = {0};

        out_f(&zeros, "%s", "");
        zero_fields(g, f->group, &zeros);
        v[0] = change_of(g, f, "init");
        v[0].ret = mem_fmt(g->mem, "%s_builder", f->group->name);
        v[0].body = mem_fmt(g->mem, "%s%sreturn (%s){ b.b };", zeros.s, activate(g, f), v[0].ret);
        out_deinit(&zeros);

        v[1] = change_of(g, f, "build");
        v[1].ret = v[0].ret;
        v[1].body = mem_fmt(g->mem, "return (%s){ b.b };", v[0].ret);
        if (f->in_union)
                v[1].body = mem_fmt(g->mem,
                                    "if (%s_which(%s_as_reader(b)) != %s) return %s_init_%s(b); %s",
                                    s, s, f->constant, s, f->own, v[1].body);
        return 2;
}

unsigned field_changes(struct gen *g, const struct field *f, struct change *v)
{
        if (f->group)
                return group_changes(g, f, v);

        switch (f->t.which) {
        case TYPE_VOID:
                return void_changes(g, f, v);
        case TYPE_TEXT:
                return text_changes(g, f, v);
        case TYPE_DATA:
                v[0] = change_set(g, f, "capnp_abuilder_set_data", "v");
                v[1] = change_init_n(g, f, "capnp_abuilder_init_data", "n");
                return 2;
        case TYPE_LIST:
                return list_changes(g, f, v);
        case TYPE_STRUCT:
                return struct_changes(g, f, v);
        case TYPE_INTERFACE:
                v[0] = change_set(g, f, "capnp_abuilder_set_cap", "v.c");
                return 1;
        case TYPE_ANY_POINTER:
                return any_changes(g, f, v);
        default:
                return primitive_changes(g, f, v);
        }
}

const char *change_params(struct gen *g, const char *object, const struct change *c)
{
        return mem_fmt(g->mem, "%s%s%s", object, *c->param ? ", " : "", c->param);
}

const char *change_args(struct gen *g, const char *object, const struct change *c)
{
        return mem_fmt(g->mem, "%s%s%s", object, *c->arg ? ", " : "", c->arg);
}
