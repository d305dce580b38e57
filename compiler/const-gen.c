/*
 * Constants.
 *
 * Numbers, enums and texts are macros, because a macro can be a case label, an array size and an
 * initialiser. What has to be read from words is a function that returns a view of them.
 */
#include "gen.h"

#include <inttypes.h>

/* What a constant's words are called: no person types it. */
static const char *words_name(struct gen *g, const struct node *n)
{
        return mem_fmt(g->mem, "capnp_const_%016" PRIx64, n->id);
}

static void pointer_constant(struct gen *g, const struct node *n, const struct ctype *t,
                             value_reader v)
{
        const char *words = words_name(g, n), *name = name_bare(g->mem, n->name), *e;
        struct ctype inner;

        gen_words(g, words, flat_any(g->mem, value_slot(v)));
        if (t->which == TYPE_STRUCT) {
                e = mem_fmt(g->mem, "capnp_any_struct(CAPNP_ZERO(capnp_any), %s)", words);
                gen_fn(g, t->read, name, "void", "return %s;", ctype_wrap(g->mem, t, t->read, e));
                return;
        }
        if (t->which == TYPE_ANY_POINTER) {
                gen_fn(g, "capnp_any", name, "void",
                       "return CAPNP_NEW(capnp_any, NULL, %s, 0, 64);", words);
                return;
        }

        inner = ctype_element(g->q, t);
        e = mem_fmt(g->mem, "capnp_any_list(CAPNP_ZERO(capnp_any), %s, %s)", inner.size, words);
        gen_fn(g, t->read, name, "void", "return %s;",
               t->wrapped ? ctype_wrap(g->mem, t, t->read, e) : e);
}

/* Bytes of a text or of data, with their words when there are too many for a literal. */
static const char *bytes(struct gen *g, const struct node *n, const void *p, uint32_t len)
{
        struct flat words = gen_bytes_words(g, p, len);

        if (words.n)
                gen_words(g, words_name(g, n), words);
        return gen_bytes(g, words_name(g, n), p, len);
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

        gen_at(g, n);
        out_f(&g->h, "\n");
        out_doc(&g->h, "", node_doc(n));
        switch (t.which) {
        case TYPE_VOID:
        case TYPE_INTERFACE:
                break;
        case TYPE_TEXT:
                macro(g, n->upper, bytes(g, n, value_text(v).p, value_text(v).len));
                break;
        case TYPE_DATA:
                gen_fn(g, "capnp_data", name_bare(g->mem, n->name), "void",
                       "return CAPNP_NEW(capnp_data, (const uint8_t *)%s, %u);",
                       bytes(g, n, value_data(v).p, value_data(v).len), value_data(v).len);
                break;
        case TYPE_LIST:
        case TYPE_STRUCT:
        case TYPE_ANY_POINTER:
                pointer_constant(g, n, &t, v);
                break;
        default:
                macro(g, n->upper, mem_fmt(g->mem, "((%s)%s)", t.read, value_literal(g->mem, v)));
        }
}
