/*
 * The walk over a message by its schema, for every language that prints it.
 *
 * A struct or a list is printed item by item into the buffer, with a separator between that no
 * language uses; when the last item is there, its size decides the layout, and the separators are
 * replaced in place. So nothing is measured twice, no tree of strings is kept, and each level of
 * nesting costs one pass over what it printed.
 *
 * The recursion is print_value → print_struct or print_list → print_value; both count the level
 * against the limit. What is printed is bounded by the buffer, so a list that claims many elements
 * ends there. Looking at a field that is then not printed costs time but no room, so that is
 * counted: an empty struct of a foreign schema may have 65,535 null pointers.
 */
#include "dynamic-print.h"

enum { PRINT_LOOKS_MAX = 1 << 26 };

/* ---- layout ------------------------------------------------------------------------------- */

struct dynamic_shape dynamic_shape(const struct dynamic_printer *p, size_t start)
{
        const struct capnp_buf *b = p->out.b;
        struct dynamic_shape s = {.items = b->len > start};
        size_t item = 0;

        for (size_t i = start; i < b->len; i++) {
                if (b->p[i] == DYNAMIC_SEPARATOR) {
                        s.items++;
                        item = 0;
                        continue;
                }
                s.multiline |= b->p[i] == '\n';
                s.total++;
                item++;
                s.longest = item > s.longest ? item : s.longest;
        }

        return s;
}

static size_t count_separators(const struct capnp_buf *b, size_t start)
{
        size_t n = 0;

        for (size_t i = start; i < b->len; i++)
                n += b->p[i] == DYNAMIC_SEPARATOR;
        return n;
}

/* Puts a text before everything since start, and replaces each separator by another. */
static void lay_out(struct dynamic_printer *p, size_t start, const char *before, size_t nbefore,
                    const char *between, size_t nbetween)
{
        struct capnp_buf *b = p->out.b;
        size_t from = b->len, n, to;

        if (p->out.error)
                return;

        n = count_separators(b, start);
        if (nbefore > b->max || (n && nbetween > b->max / n)) {
                dynamic_out_fail(&p->out, CAPNP_E_LIMIT);
                return;
        }

        if (!dynamic_out_grow(&p->out, nbefore + n * (nbetween - 1)))
                return;

        for (to = b->len; from-- > start;) {
                if (b->p[from] == DYNAMIC_SEPARATOR) {
                        to -= nbetween;
                        memcpy(b->p + to, between, nbetween);
                } else {
                        b->p[--to] = b->p[from];
                }
        }

        memcpy(b->p + start, before, nbefore);
}

void dynamic_lay_inline(struct dynamic_printer *p, size_t start, const char *comma)
{
        lay_out(p, start, "", 0, comma, strlen(comma));
}

void dynamic_lay_lines(struct dynamic_printer *p, size_t start, unsigned indent, bool named)
{
        char between[2 + 2 * DYNAMIC_DEPTH + 2] = ",\n";

        memset(between + 2, ' ', sizeof(between) - 2);
        indent = indent < sizeof(between) - 2 ? indent : (unsigned)sizeof(between) - 2;
        if (named)
                lay_out(p, start, between + 1, 1 + indent, between, 2 + indent);
        else
                lay_out(p, start, " ", 1, between, 2 + indent);
        dynamic_out_char(&p->out, ' ');
}

/* ---- the walk ----------------------------------------------------------------------------- */

static void print_value(struct dynamic_printer *p, struct dynamic_type t,
                        const struct dynamic_value *v, const struct dynamic_env *env, bool named);

/* False: too deep. Each true is paid back by level--. */
static bool print_enter(struct dynamic_printer *p)
{
        if (p->out.error)
                return false;

        if (p->level >= p->depth) {
                dynamic_out_fail(&p->out, CAPNP_E_LIMIT);
                return false;
        }

        p->level++;
        return true;
}

static void print_separator(struct dynamic_printer *p, size_t start)
{
        if (p->out.b->len > start)
                dynamic_out_char(&p->out, DYNAMIC_SEPARATOR);
}

static void print_struct(struct dynamic_printer *p, const capnp_decl *d, capnp_reader r,
                         const struct dynamic_env *env, bool named);

static void print_field(struct dynamic_printer *p, const capnp_decl *d, uint32_t i, capnp_reader r,
                        const struct dynamic_env *env)
{
        const struct dynamic_field *f = &d->fields[i];
        struct dynamic_value v = dynamic_get(r, f);
        const capnp_decl *group;

        p->syntax->key(p, f->name);
        if (!f->is_group) {
                print_value(p, f->type, &v, env, true);
                return;
        }

        group = dynamic_group(p->s, d, f);
        if (group)
                print_struct(p, group, r, env, true);
        else
                dynamic_out_fail(&p->out, CAPNP_E_UNKNOWN);
}

/* Of a union only the active member is shown; unless it is the first, even when it is null. */
static bool print_wants(const capnp_decl *d, uint32_t i, uint32_t active, capnp_reader r)
{
        const struct dynamic_field *f = &d->fields[i];

        if (f->value == DYNAMIC_NO_VALUE)
                return dynamic_has(r, f);

        return i == active && (f->value || dynamic_has(r, f));
}

static void print_struct(struct dynamic_printer *p, const capnp_decl *d, capnp_reader r,
                         const struct dynamic_env *env, bool named)
{
        uint32_t active = dynamic_which(r, d);
        size_t start;

        if (!print_enter(p))
                return;

        if (d->n > p->looks)
                dynamic_out_fail(&p->out, CAPNP_E_LIMIT);
        else
                p->looks -= d->n;

        dynamic_out_char(&p->out, p->syntax->open);
        start = p->out.b->len;
        for (uint32_t i = 0; i < d->n && !p->out.error; i++) {
                if (!print_wants(d, i, active, r))
                        continue;
                print_separator(p, start);
                print_field(p, d, i, r, env);
        }

        p->level--;
        if (!p->out.error)
                p->syntax->lay_out(p, start, true, named);
        dynamic_out_char(&p->out, p->syntax->close);
}

static void print_list(struct dynamic_printer *p, struct dynamic_type t, capnp_any a,
                       const struct dynamic_env *env, bool named)
{
        capnp_list l;
        size_t start;

        t.lists--;
        l = capnp_any_list(a, dynamic_type_size(&t), NULL);
        if (!print_enter(p))
                return;

        dynamic_out_char(&p->out, '[');
        start = p->out.b->len;
        for (uint32_t i = 0; i < l.len && !p->out.error; i++) {
                struct dynamic_value v = dynamic_element(l, &t, i);

                print_separator(p, start);
                print_value(p, t, &v, env, false);
        }

        p->level--;
        if (!p->out.error)
                p->syntax->lay_out(p, start, false, named);
        dynamic_out_char(&p->out, ']');
}

static void print_struct_value(struct dynamic_printer *p, const struct dynamic_type *t,
                               const struct dynamic_value *v, const struct dynamic_env *env,
                               bool named)
{
        const struct dynamic_env inner = {t->brand, env};
        const capnp_decl *d = dynamic_struct(p->s, t->id);

        if (d)
                print_struct(p, d, v->is_member ? v->member : capnp_any_struct(v->any, NULL),
                             &inner, named);
        else
                dynamic_out_fail(&p->out, CAPNP_E_UNKNOWN);
}

static void print_value(struct dynamic_printer *p, struct dynamic_type t,
                        const struct dynamic_value *v, const struct dynamic_env *env, bool named)
{
        dynamic_type_resolve(&t, &env);
        if (t.lists) {
                print_list(p, t, v->any, env, named);
                return;
        }

        switch (t.which) {
        case TYPE_TEXT:
                p->syntax->text(p, capnp_any_text(v->any, (capnp_text){0}));
                break;
        case TYPE_DATA:
                p->syntax->data(p, capnp_any_data(v->any, (capnp_data){0}));
                break;
        case TYPE_STRUCT:
                print_struct_value(p, &t, v, env, named);
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

int dynamic_print(const struct dynamic_syntax *syntax, const capnp_schema *s, uint64_t type,
                  capnp_reader r, const struct capnp_dynamic_opts *o, struct capnp_buf *to)
{
        static const struct capnp_dynamic_opts none;
        struct dynamic_printer p = {.out = {.b = to},
                                    .syntax = syntax,
                                    .s = s,
                                    .o = o ? o : &none,
                                    .looks = PRINT_LOOKS_MAX};
        const capnp_decl *d = dynamic_struct(s, type);
        size_t start = to->len;

        if (!d)
                return CAPNP_E_UNKNOWN;

        p.depth = p.o->depth && p.o->depth < DYNAMIC_DEPTH ? p.o->depth : DYNAMIC_DEPTH;
        print_struct(&p, d, r, NULL, false);
        if (r.m && !p.out.error)
                dynamic_out_fail(&p.out, capnp_msg_check(r.m));

        return dynamic_out_end(&p.out, start);
}
