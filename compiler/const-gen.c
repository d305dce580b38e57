/*
 * Constants.
 *
 * Numbers, enums and texts are macros, because a macro can be a case label, an array size and an
 * initialiser. What has to be read from words is a function that returns a view of them.
 */
#include "gen.h"

static void pointer_constant(struct gen *g, const char *name, const struct ctype *t, value_reader v)
{
        const char *words = mem_fmt(g->mem, "%s_words", name), *e;
        struct ctype inner;

        gen_words(g, words, flat_any(g->mem, value_slot(v)));
        if (t->which == TYPE_STRUCT) {
                gen_fn(g, t->read, name, "void",
                       "return (%s){ capnp_any_struct((capnp_any){0}, %s) };", t->read, words);
                return;
        }
        if (t->which == TYPE_ANY_POINTER) {
                gen_fn(g, "capnp_any", name, "void", "return (capnp_any){ NULL, %s, 0, 64 };",
                       words);
                return;
        }

        inner = ctype_element(g->q, t);
        e = mem_fmt(g->mem, "capnp_any_list((capnp_any){0}, %s, %s)", inner.size, words);
        if (t->wrapped)
                e = mem_fmt(g->mem, "(%s){ %s }", t->read, e);
        gen_fn(g, t->read, name, "void", "return %s;", e);
}

static void macro(struct gen *g, const char *upper, const char *value)
{
        const char *name = name_bare(g->mem, upper);

        gen_claim(g, name);
        out_f(&g->h, "#define %s %s\n", name, value);
}

void const_gen(struct gen *g, struct node *n)
{
        node_const_reader r = node_const(n->r);
        value_reader v = node_const_value(r);
        struct ctype t = ctype_of(g->q, node_const_type(r));
        const char *name = name_bare(g->mem, n->name);

        out_f(&g->h, "\n");
        out_doc(&g->h, "", node_doc(n));
        switch (t.which) {
        case TYPE_VOID:
        case TYPE_INTERFACE:
                break;
        case TYPE_TEXT:
                macro(g, n->upper, gen_literal(g, value_text(v).p, value_text(v).len));
                break;
        case TYPE_DATA:
                gen_fn(g, "capnp_data", name, "void",
                       "return (capnp_data){ (const uint8_t *)%s, %u };",
                       gen_literal(g, (const char *)value_data(v).p, value_data(v).len),
                       value_data(v).len);
                break;
        case TYPE_LIST:
        case TYPE_STRUCT:
        case TYPE_ANY_POINTER:
                pointer_constant(g, name, &t, v);
                break;
        default:
                macro(g, n->upper, mem_fmt(g->mem, "((%s)%s)", t.read, value_literal(g->mem, v)));
        }
}
