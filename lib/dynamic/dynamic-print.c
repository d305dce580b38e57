/*
 * The walk over a message by its schema, for every language that prints it.
 *
 * Our own messages are nested as deeply as their program likes, so nothing here recurses: what a
 * recursion would keep on the stack is a frame, for each struct and list we are in. print_step()
 * prints the next item of the innermost, or ends it; an item that is a struct or a list itself
 * becomes the innermost.
 *
 * What is printed is bounded by the buffer, so a list that claims many elements ends there, and
 * laying it out costs one pass (dynamic-layout.h). Looking at a field that is then not printed
 * costs time but no room, so that is counted: an empty struct of a foreign schema may have 65,535
 * null pointers.
 *
 * In JSON a flattened struct has a frame like any other, but no braces: its members are items of
 * the frame that has them, its object. A union comes last there, as the reference writes it, behind
 * the member that says which of it there is.
 */
#include "dynamic-print.h"

#include <errno.h>
#include <stdlib.h>

enum { PRINT_LOOKS_MAX = 1 << 26 };

struct print_frame {
        struct print_frame *up;
        struct print_frame *object; /* whose items ours are: itself, unless it is flattened */
        uint32_t i;                 /* the next item */
        uint32_t level;             /* how many are around it */
        struct layout_shape shape;
        bool is_list;
        bool has_items; /* one has been printed */
        /* of a struct: */
        const capnp_decl *d;
        capnp_reader r;
        struct dynamic_tag tag;
        uint32_t active; /* of the union */
        char *prefix;    /* of its keys, malloc'ed; NULL: none */
        uint32_t prefix_len;
        /* of a list: */
        capnp_list l;
        struct dynamic_type t; /* of an element */
        /* what type parameters mean: */
        struct dynamic_env own;
        const struct dynamic_env *env;
};

/* ---- frames ------------------------------------------------------------------------------- */

/* One more, innermost; NULL: failed. */
static struct print_frame *frame_push(struct dynamic_printer *p, bool flat)
{
        struct print_frame *f = p->free;

        if (p->out.error)
                return NULL;

        if (p->o->depth && p->level >= p->o->depth) {
                dynamic_out_fail(&p->out, CAPNP_E_LIMIT);
                return NULL;
        }

        if (f)
                p->free = f->up;
        else
                f = malloc(sizeof(*f));
        if (!f) {
                dynamic_out_fail(&p->out, -ENOMEM);
                return NULL;
        }

        *f = (struct print_frame){.up = p->top, .level = p->level, .active = UINT32_MAX};
        f->object = flat ? p->top->object : f;
        p->level++;
        p->top = f;
        return f;
}

static void frame_pop(struct dynamic_printer *p)
{
        struct print_frame *f = p->top;

        free(f->prefix);
        p->top = f->up;
        p->level--;
        f->up = p->free;
        p->free = f;
}

static void frames_free(struct dynamic_printer *p)
{
        struct print_frame *f;

        while (p->top)
                frame_pop(p);
        while ((f = p->free)) {
                p->free = f->up;
                free(f);
        }
}

static void frame_open(struct dynamic_printer *p, struct print_frame *f, bool named)
{
        dynamic_out_char(&p->out, f->is_list ? '[' : p->syntax->open);
        if (p->o->pretty)
                layout_open(&p->layout, &p->out, &f->shape, f->level, named);
}

static void frame_close(struct dynamic_printer *p)
{
        struct print_frame *f = p->top;
        bool lines;

        if (f->object == f && p->o->pretty) {
                layout_measure(&p->out, &f->shape);
                lines = p->syntax->wants_lines(&f->shape, !f->is_list);
                layout_close(&p->layout, &p->out, &f->shape, lines);
                if (f->up && (lines || f->shape.is_multiline))
                        f->up->object->shape.is_multiline = true;
        }

        if (f->object == f)
                dynamic_out_char(&p->out, f->is_list ? ']' : p->syntax->close);
        frame_pop(p);
}

/* Before an item of the innermost frame. */
static void print_separator(struct dynamic_printer *p)
{
        struct print_frame *f = p->top->object;

        if (f->has_items) {
                dynamic_out_str(&p->out, p->o->pretty ? ", " : p->syntax->comma);
                if (p->o->pretty)
                        layout_next(&p->layout, &p->out, &f->shape, f->level);
        }

        f->has_items = true;
}

/* ---- beginning a struct or a list --------------------------------------------------------- */

static const struct dynamic_json *json_of(const struct dynamic_printer *p, const capnp_decl *d,
                                          uint32_t i)
{
        return p->syntax->is_json && d->json ? &d->json[i] : NULL;
}

/* What a flattened struct's keys begin with: what those of the struct around it do, and more. */
static void struct_set_prefix(struct dynamic_printer *p, struct print_frame *f, capnp_text more)
{
        const struct print_frame *up = f->up;
        uint32_t before = up->prefix_len;

        if (!before && !more.len)
                return;

        if (before + more.len > DYNAMIC_PREFIX_MAX) {
                dynamic_out_fail(&p->out, CAPNP_E_LIMIT);
                return;
        }

        f->prefix = malloc(before + more.len);
        if (!f->prefix) {
                dynamic_out_fail(&p->out, -ENOMEM);
                return;
        }

        if (before)
                memcpy(f->prefix, up->prefix, before);
        if (more.len)
                memcpy(f->prefix + before, more.p, more.len);
        f->prefix_len = before + more.len;
}

/* env: what the fields' type parameters mean. j: of the field it is in; NULL. */
static void print_struct(struct dynamic_printer *p, const capnp_decl *d, capnp_reader r,
                         const struct dynamic_env *env, const struct dynamic_json *j, bool named)
{
        bool flat = j && j->is_flat;
        struct print_frame *f = frame_push(p, flat);

        if (!f)
                return;

        f->d = d;
        f->r = r;
        f->env = env;
        f->active = dynamic_which(r, d);
        f->tag = j && j->tag.is_given ? j->tag : d->tag;
        if (d->n > p->looks)
                dynamic_out_fail(&p->out, CAPNP_E_LIMIT);
        else
                p->looks -= d->n;
        if (flat)
                struct_set_prefix(p, f, j->prefix);
        else
                frame_open(p, f, named);
}

static void print_struct_value(struct dynamic_printer *p, const struct dynamic_type *t,
                               const struct dynamic_value *v, const struct dynamic_env *env,
                               const struct dynamic_json *j)
{
        const capnp_decl *d = dynamic_struct(p->s, t->id);
        bool named = !p->top || !p->top->is_list;

        if (!d) {
                dynamic_out_fail(&p->out, CAPNP_E_UNKNOWN);
                return;
        }

        print_struct(p, d, v->is_member ? v->member : capnp_any_struct(v->any, NULL), NULL, j,
                     named);
        if (p->out.error)
                return;

        p->top->own = (struct dynamic_env){t->brand, env};
        p->top->env = &p->top->own;
}

static void print_list(struct dynamic_printer *p, struct dynamic_type t, capnp_any a,
                       const struct dynamic_env *env)
{
        bool named = !p->top || !p->top->is_list;
        struct print_frame *f = frame_push(p, false);

        if (!f)
                return;

        t.lists--;
        f->is_list = true;
        f->t = t;
        f->l = capnp_any_list(a, dynamic_type_size(&t), NULL);
        f->env = env;
        frame_open(p, f, named);
}

/* A value, or the beginning of one. j: of the field it is in; NULL. */
static void print_value(struct dynamic_printer *p, struct dynamic_type t,
                        const struct dynamic_value *v, const struct dynamic_env *env,
                        const struct dynamic_json *j)
{
        dynamic_type_resolve(&t, &env);
        if (t.lists) {
                print_list(p, t, v->any, env);
                return;
        }

        switch (t.which) {
        case TYPE_TEXT:
                p->syntax->text(p, capnp_any_text(v->any, (capnp_text){0}));
                break;
        case TYPE_DATA:
                p->syntax->data(p, capnp_any_data(v->any, (capnp_data){0}),
                                j ? j->data : DYNAMIC_NUMBERS);
                break;
        case TYPE_STRUCT:
                print_struct_value(p, &t, v, env, j);
                break;
        case TYPE_INTERFACE:
                p->syntax->cap(p, v->any, t.id);
                break;
        case TYPE_ANY_POINTER:
                if (t.is_cap)
                        p->syntax->cap(p, v->any, 0);
                else
                        p->syntax->any(p, v->any);
                break;
        default:
                p->syntax->number(p, &t, v->bits);
                break;
        }
}

/* ---- items -------------------------------------------------------------------------------- */

static void print_key(struct dynamic_printer *p, capnp_text name)
{
        const struct print_frame *f = p->top;

        print_separator(p);
        p->syntax->key(p, (capnp_text){f->prefix, f->prefix_len}, name);
}

static void print_field(struct dynamic_printer *p, uint32_t i)
{
        struct print_frame *at = p->top;
        const struct dynamic_field *f = &at->d->fields[i];
        const struct dynamic_json *j = json_of(p, at->d, i);
        struct dynamic_value v = dynamic_get(at->r, f);
        const capnp_decl *group;
        capnp_text name;

        name = j ? j->name : (capnp_text){f->name, (uint32_t)strlen(f->name)};
        if (p->syntax->is_json && f->value != DYNAMIC_NO_VALUE && at->tag.value.p)
                name = at->tag.value;
        if (!j || !j->is_flat)
                print_key(p, name);
        if (!f->is_group) {
                print_value(p, f->type, &v, at->env, j);
                return;
        }

        group = dynamic_group(p->s, at->d, f);
        if (group)
                print_struct(p, group, at->r, at->env, j, true);
        else
                dynamic_out_fail(&p->out, CAPNP_E_UNKNOWN);
}

/* Of a union only the active member is shown; unless it is the first, even when it is null. With a
 * tag that says which it is, nothing is left to be said by a null. */
static bool print_wants(const struct print_frame *at, uint32_t i, bool is_json)
{
        const struct dynamic_field *f = &at->d->fields[i];

        if (f->value == DYNAMIC_NO_VALUE)
                return dynamic_has(at->r, f);

        if (i != at->active)
                return false;

        if (is_json && at->tag.is_given)
                return dynamic_has(at->r, f) &&
                       (f->is_group || f->type.lists || f->type.which != TYPE_VOID);

        return f->value || dynamic_has(at->r, f);
}

/* The union of a JSON object: its tag, then its member. */
static void print_union(struct dynamic_printer *p)
{
        struct print_frame *at = p->top;

        if (at->tag.is_given && at->tag.name.p) {
                print_key(p, at->tag.name);
                p->syntax->text(p, dynamic_json_name(at->d, at->active));
        }

        if (print_wants(at, at->active, true))
                print_field(p, at->active);
}

/* The next item of the innermost frame, or its end. */
static void print_step(struct dynamic_printer *p)
{
        struct print_frame *f = p->top;
        struct dynamic_value v;
        uint32_t i = f->i++;

        if (f->is_list && i < f->l.len) {
                v = dynamic_element(f->l, &f->t, i);
                print_separator(p);
                print_value(p, f->t, &v, f->env, NULL);
                return;
        }

        if (f->is_list || i > f->d->n) {
                frame_close(p);
                return;
        }

        if (i < f->d->n) {
                if (p->syntax->is_json && f->d->fields[i].value != DYNAMIC_NO_VALUE)
                        return;
                if (print_wants(f, i, p->syntax->is_json))
                        print_field(p, i);
                return;
        }

        if (p->syntax->is_json && f->active != UINT32_MAX)
                print_union(p);
}

static struct dynamic_printer printer_of(const struct dynamic_syntax *syntax, const capnp_schema *s,
                                         const struct capnp_dynamic_opts *o, struct capnp_buf *to)
{
        static const struct capnp_dynamic_opts none;

        return (struct dynamic_printer){.out = {.b = to},
                                        .syntax = syntax,
                                        .s = s,
                                        .o = o ? o : &none,
                                        .looks = PRINT_LOOKS_MAX};
}

/* Prints what has been begun, of a message. */
static int print_end(struct dynamic_printer *p, capnp_msg *m, size_t start)
{
        while (p->top && !p->out.error)
                print_step(p);
        if (m)
                dynamic_out_fail(&p->out, capnp_msg_check(m));
        if (!p->out.error)
                layout_end(&p->layout, &p->out);
        frames_free(p);
        layout_deinit(&p->layout);
        return dynamic_out_end(&p->out, start);
}

int dynamic_print(const struct dynamic_syntax *syntax, const capnp_schema *s, uint64_t type,
                  capnp_reader r, const struct capnp_dynamic_opts *o, struct capnp_buf *to)
{
        struct dynamic_printer p = printer_of(syntax, s, o, to);
        const capnp_decl *d = dynamic_struct(s, type);
        size_t start = to->len;

        if (!d)
                return CAPNP_E_UNKNOWN;

        print_struct(&p, d, r, NULL, NULL, false);
        return print_end(&p, r.m, start);
}

int dynamic_print_default(const struct dynamic_syntax *syntax, const capnp_schema *s,
                          const capnp_decl *d, uint32_t i, const struct capnp_dynamic_opts *o,
                          struct capnp_buf *to)
{
        struct dynamic_printer p = printer_of(syntax, s, o, to);
        struct dynamic_json j = {0};
        const struct dynamic_field *f;
        struct dynamic_value v;
        size_t start = to->len;

        if (d->kind != CAPNP_DECL_STRUCT || i >= d->n || d->fields[i].is_group)
                return CAPNP_E_UNKNOWN;

        f = &d->fields[i];
        v = dynamic_get((capnp_reader){0}, f);
        /* There is no struct around it that it could be flattened into. */
        if (json_of(&p, d, i))
                j = d->json[i];
        j.is_flat = false;
        print_value(&p, f->type, &v, NULL, &j);
        return print_end(&p, f->dflt.m, start);
}
