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

/* Names of words that are not typed by a person are made of ids: they are the same in every file,
 * and no other's. */
static const char *words_name(struct gen *g, const struct field *f)
{
        return mem_fmt(g->mem, "capnp_default_%016" PRIx64 "_%" PRIu32, f->owner->id, f->i);
}

/* Text and data as one. */
static capnp_text value_bytes(value_reader v)
{
        capnp_data d = value_data(v);

        return d.len ? (capnp_text){(const char *)d.p, d.len} : value_text(v);
}

/* The default of a pointer: bytes of a text or data, words of others; NULL when it is null. */
static const char *default_words(struct gen *g, const struct field *f, value_reader v)
{
        capnp_text bytes = value_bytes(v);

        if (f->t.which == TYPE_TEXT || f->t.which == TYPE_DATA)
                return bytes.len ? gen_bytes(g, words_name(g, f), bytes.p, bytes.len) : NULL;
        if (f->t.which != TYPE_LIST && f->t.which != TYPE_STRUCT)
                return NULL;
        if (capnp_any_what(value_slot(v)) == CAPNP_WHAT_NULL)
                return NULL;

        return words_name(g, f);
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

/* Of another file, a number: the header has it, but maybe not under this name. */
static const char *discriminant(struct gen *g, const struct field *f)
{
        if (f->owner->file == g->file)
                return name_join(
                        g->mem, f->owner->upper,
                        name_upper(g->mem, name_constant(g->mem, f->owner->members[f->i].name)));

        return mem_fmt(g->mem, "%" PRIu16, field_discriminant_value(f->r));
}

const char *field_own(const struct gen *g, const struct node *s, uint32_t i)
{
        return s->file == g->file ? s->members[i].name : s->members[i].plain;
}

struct field field_of(struct gen *g, struct node *s, uint32_t i)
{
        struct field f = {.owner = s, .i = i};
        struct mem *m = g->mem;

        f.r = field_list_get(node_struct_fields(node_struct(s->r)), i);
        f.own = name_member(m, field_own(g, s, i));
        f.getter = name_join(m, s->name, f.own);
        f.constant = discriminant(g, &f);
        f.in_union = field_discriminant_value(f.r) != 0xffff;
        f.doc = node_member_doc(s, i);
        f.group = request_group(g->q, s, i);
        if (!f.group)
                describe_slot(g, &f);

        return f;
}

void field_default(struct gen *g, const struct field *f)
{
        struct flat words;
        value_reader v;

        if (f->group || !f->t.pointer || !f->dflt)
                return;

        v = field_slot_default_value(field_slot(f->r));
        if (f->t.which == TYPE_TEXT || f->t.which == TYPE_DATA)
                words = gen_bytes_words(g, value_bytes(v).p, value_bytes(v).len);
        else
                words = flat_any(g->mem, value_slot(v));
        if (!words.n)
                return;

        if (f->owner->file == g->file)
                gen_words(g, words_name(g, f), words);
        else
                out_f(&g->h, "extern const uint64_t %s[%" PRIu32 "];\n", words_name(g, f), words.n);
}

/* ---- reading --------------------------------------------------------------------------------- */

/*
 * How large a struct's data is by its type: a builder has all of that or nothing, a reader nearly
 * always. Should a broken request have a field outside, then as large as that field demands.
 */
static uint32_t whole_bytes(const struct node *owner, uint64_t end)
{
        uint64_t bytes = node_words(owner) * UINT64_C(8);

        bytes = bytes > end ? bytes : end;
        return bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
}

/* Where a primitive field is: how large the struct is, and the offset, as two arguments. */
static const char *place(struct gen *g, const struct field *f)
{
        uint64_t end = f->t.bits > 1 ? (uint64_t)f->offset + f->t.bits / 8 : f->offset / 8 + 1;

        return mem_fmt(g->mem, "%" PRIu32 ", %" PRIu32, whole_bytes(f->owner, end), f->offset);
}

/* Where the discriminant of the field's union lies. */
static uint64_t union_at(const struct node *owner)
{
        return (uint64_t)node_struct_discriminant_offset(node_struct(owner->r)) * 2;
}

const char *field_which_value(struct gen *g, const struct node *owner, const char *reader)
{
        uint64_t at = union_at(owner);

        return mem_fmt(g->mem, "capnp_i_get_u16(%s, %" PRIu32 ", %" PRIu64 ", 0)", reader,
                       whole_bytes(owner, at + 2), at);
}

/* The C type of a group. */
static const char *group_type(struct gen *g, const struct field *f, const char *what)
{
        const char *type = node_type(g->q, f->group, what);

        return type ? type : mem_fmt(g->mem, "capnp_%s", what);
}

/* A view of the struct as one of its groups. */
static const char *group_view(struct gen *g, const struct field *f, const char *what,
                              const char *expr)
{
        const char *type = node_type(g->q, f->group, what);

        return type ? mem_fmt(g->mem, "CAPNP_NEW(%s, %s)", type, expr) : expr;
}

const char *field_type(struct gen *g, const struct field *f)
{
        if (f->group)
                return group_type(g, f, "reader");

        return f->t.which == TYPE_VOID ? NULL : f->t.read;
}

static const char *text_value(struct gen *g, const struct field *f)
{
        capnp_text t = value_text(field_slot_default_value(field_slot(f->r)));

        if (!t.len)
                return mem_fmt(g->mem, "capnp_i_string(capnp_reader_any(r.r, %" PRIu32 "))",
                               f->offset);

        return mem_fmt(g->mem,
                       "capnp_any_text(capnp_reader_any(r.r, %" PRIu32
                       "), CAPNP_NEW(capnp_text, %s, %" PRIu32 "))",
                       f->offset, f->dflt, t.len);
}

static const char *data_value(struct gen *g, const struct field *f)
{
        capnp_data d = value_data(field_slot_default_value(field_slot(f->r)));
        const char *lit = d.len ? mem_fmt(g->mem, "(const uint8_t *)%s", f->dflt) : "NULL";

        return mem_fmt(g->mem,
                       "capnp_any_data(capnp_reader_any(r.r, %" PRIu32
                       "), CAPNP_NEW(capnp_data, %s, %" PRIu32 "))",
                       f->offset, lit, d.len);
}

static const char *list_value(struct gen *g, const struct field *f)
{
        struct ctype e = ctype_element(g->q, &f->t);
        const char *v =
                mem_fmt(g->mem, "capnp_any_list(capnp_reader_any(r.r, %" PRIu32 "), %s, %s)",
                        f->offset, e.size, f->dflt ? f->dflt : "NULL");

        return f->t.wrapped ? ctype_wrap(g->mem, &f->t, f->t.read, v) : v;
}

/* An expression for the value of a field in `r.r`. */
static const char *field_value(struct gen *g, const struct field *f)
{
        struct mem *m = g->mem;
        uint32_t at = f->offset;
        const char *v;

        if (f->group)
                return group_view(g, f, "reader", "r.r");

        switch (f->t.which) {
        case TYPE_TEXT:
                return text_value(g, f);
        case TYPE_DATA:
                return data_value(g, f);
        case TYPE_LIST:
                return list_value(g, f);
        case TYPE_ENUM:
                return mem_fmt(m, "(%s)capnp_i_get_u16(r.r, %s, %s)", f->t.read, place(g, f),
                               f->dflt);
        case TYPE_STRUCT:
                v = mem_fmt(m, "capnp_any_struct(capnp_reader_any(r.r, %" PRIu32 "), %s)", at,
                            f->dflt ? f->dflt : "NULL");
                return ctype_wrap(m, &f->t, f->t.read, v);
        case TYPE_INTERFACE:
                v = mem_fmt(m, "capnp_any_cap_peek(capnp_reader_any(r.r, %" PRIu32 "))", at);
                return ctype_wrap(m, &f->t, f->t.read, v);
        case TYPE_ANY_POINTER:
                if (f->t.any == TYPE_ANY_POINTER_UNCONSTRAINED_CAPABILITY)
                        return mem_fmt(m, "capnp_any_cap_peek(capnp_reader_any(r.r, %" PRIu32 "))",
                                       at);
                return mem_fmt(m, "capnp_reader_any(r.r, %" PRIu32 ")", at);
        default:
                return mem_fmt(m, "capnp_i_get_%s(r.r, %s, %s)", f->t.access, place(g, f), f->dflt);
        }
}

/* A statement that makes `r.r` read as defaults while another member is active; "" elsewhere. */
static const char *guard(struct gen *g, const struct field *f)
{
        if (!f->in_union)
                return "";

        return mem_fmt(g->mem, "if (%s != %s) r.r = capnp_i_none(r.r); ",
                       field_which_value(g, f->owner, "r.r"), f->constant);
}

const char *field_get(struct gen *g, const struct field *f)
{
        return mem_fmt(g->mem, "%sreturn %s;", guard(g, f), field_value(g, f));
}

const char *field_has(struct gen *g, const struct field *f)
{
        return mem_fmt(g->mem,
                       "%sreturn capnp_any_what(capnp_reader_any(r.r, %" PRIu32
                       ")) != CAPNP_WHAT_NULL;",
                       guard(g, f), f->offset);
}

/* ---- changing -------------------------------------------------------------------------------- */

/* The slot of a pointer. */
static const char *slot(struct gen *g, const struct field *f)
{
        uint32_t ptrs = node_ptrs(f->owner);

        if (ptrs <= f->offset)
                ptrs = f->offset < UINT32_MAX ? f->offset + 1 : UINT32_MAX;

        return mem_fmt(g->mem, "capnp_i_slot(b.b, %" PRIu32 ", %" PRIu32 ")", ptrs, f->offset);
}

/* The statement that sets the discriminant of a union. */
static const char *discriminate(struct gen *g, const struct node *owner, const char *value)
{
        uint64_t at = union_at(owner);

        return mem_fmt(g->mem, "capnp_i_put_u16(b.b, %" PRIu32 ", %" PRIu64 ", %s, 0);",
                       whole_bytes(owner, at + 2), at, value);
}

/* The statement that makes a union member the active one, with a space behind; "" elsewhere. */
static const char *activate(struct gen *g, const struct field *f)
{
        if (!f->in_union)
                return "";

        return mem_fmt(g->mem, "%s ", discriminate(g, f->owner, f->constant));
}

/* Whether another member is the active one. */
static const char *inactive(struct gen *g, const struct field *f)
{
        return mem_fmt(g->mem, "%s != %s",
                       field_which_value(g, f->owner, "capnp_builder_reader(b.b)"), f->constant);
}

/* Likewise, and what another member left in the slot goes. */
static const char *activate_slot(struct gen *g, const struct field *f)
{
        if (!f->in_union)
                return "";

        return mem_fmt(g->mem, "if (%s) { capnp_abuilder_clear(%s); %s} ", inactive(g, f),
                       slot(g, f), activate(g, f));
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
        c.body = mem_fmt(g->mem, "%s%s(%s, %s);", activate(g, f), fn, slot(g, f), value);
        return c;
}

/* init_x or build_x: returns what a library function on the slot makes. */
static struct change change_make(struct gen *g, const struct field *f, const char *verb,
                                 const char *fn, const char *args)
{
        bool init = verb[0] == 'i';
        struct change c = change_of(g, f, verb);
        const char *v = mem_fmt(g->mem, "%s(%s%s%s)", fn, slot(g, f), *args ? ", " : "", args);

        c.ret = f->t.build;
        if (f->t.wrapped || f->t.which == TYPE_STRUCT)
                v = ctype_wrap(g->mem, &f->t, f->t.build, v);
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
        const char *sizes = structs ? node_sizes(g->q, e.node) : "0, 0";

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
        const char *sizes = node_sizes(g->q, f->t.node);

        v[0] = change_make(g, f, "init", "capnp_abuilder_init_struct", sizes);
        v[1] = change_make(g, f, "build", "capnp_abuilder_struct",
                           mem_fmt(g->mem, "%s, %s", sizes, f->dflt ? f->dflt : "NULL"));
        v[2] = change_set(g, f, "capnp_abuilder_set_struct", ctype_unwrap(g->mem, &f->t, "v", "r"));
        return 3;
}

static unsigned text_changes(struct gen *g, const struct field *f, struct change *v)
{
        v[0] = change_of(g, f, "set");
        v[0].param = "const char *s";
        v[0].arg = "s";
        v[0].body = mem_fmt(g->mem, "%scapnp_i_set_string(%s, s);", activate(g, f), slot(g, f));
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
        v[1].body = mem_fmt(g->mem, "%sreturn %s;", activate_slot(g, f), slot(g, f));
        return 2;
}

static unsigned primitive_changes(struct gen *g, const struct field *f, struct change *v)
{
        bool is_enum = f->t.which == TYPE_ENUM;

        v[0] = change_of(g, f, "set");
        v[0].param = mem_fmt(g->mem, "%s v", f->t.read);
        v[0].arg = "v";
        v[0].body = mem_fmt(g->mem, "%scapnp_i_put_%s(b.b, %s, %sv, %s);", activate(g, f),
                            f->t.access, place(g, f), is_enum ? "(uint16_t)" : "", f->dflt);
        return 1;
}

static unsigned void_changes(struct gen *g, const struct field *f, struct change *v)
{
        if (!f->in_union)
                return 0;

        v[0] = change_of(g, f, "set");
        v[0].body = discriminate(g, f->owner, f->constant);
        return 1;
}

/* ---- groups: no slot of their own ------------------------------------------------------------ */

/* Statements that zero every field of a group. */
static void zero_fields(struct gen *g, struct node *group, struct out *o)
{
        if (node_struct_discriminant_count(node_struct(group->r)))
                out_f(o, "%s ", discriminate(g, group, "0"));

        for (uint32_t i = 0; i < group->nmembers; i++) {
                struct field f = field_of(g, group, i);

                if (f.group)
                        zero_fields(g, f.group, o);
                else if (f.t.pointer)
                        out_f(o, "capnp_abuilder_clear(%s); ", slot(g, &f));
                else if (f.t.bits)
                        out_f(o, "capnp_i_put_%s(b.b, %s, 0, 0); ", f.t.access, place(g, &f));
        }
}

static unsigned group_changes(struct gen *g, const struct field *f, struct change *v)
{
        const char *begin, *end = mem_fmt(g->mem, "return %s;", group_view(g, f, "builder", "b.b"));
        struct out zeros = {0};

        out_f(&zeros, "%s", "");
        zero_fields(g, f->group, &zeros);
        begin = mem_fmt(g->mem, "%s%s", zeros.s, activate(g, f));
        out_deinit(&zeros);

        v[0] = change_of(g, f, "init");
        v[0].ret = group_type(g, f, "builder");
        v[0].body = mem_fmt(g->mem, "%s%s", begin, end);
        v[1] = change_of(g, f, "build");
        v[1].ret = v[0].ret;
        v[1].body = end;
        if (f->in_union)
                v[1].body = mem_fmt(g->mem, "if (%s) { %s} %s", inactive(g, f), begin, end);
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
                v[0] = change_set(g, f, "capnp_abuilder_set_cap",
                                  ctype_unwrap(g->mem, &f->t, "v", "c"));
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
