/*
 * Enums: the C enum, the name of a value, and lists of them.
 *
 * A value that the schema of the reader does not know is data like any other: it passes through as
 * the number it is, so foo_name() may return NULL.
 */
#include "gen.h"

#include <inttypes.h>

static const char *constant(struct gen *g, struct node *n, uint32_t i)
{
        return name_join(g->mem, n->upper,
                         name_upper(g->mem, name_constant(g->mem, n->members[i].name)));
}

void enum_gen_types(struct gen *g, struct node *n)
{
        const char *tag = name_bare(g->mem, n->name);

        gen_at(g, n);
        out_f(&g->h, "\n");
        out_doc(&g->h, "", node_doc(n));
        gen_claim(g, mem_fmt(g->mem, "%s_ID", n->upper));
        out_f(&g->h, "#define %s_ID UINT64_C(0x%016" PRIx64 ")\n", n->upper, n->id);
        gen_claim_tag(g, tag);
        out_f(&g->h, "enum %s CAPNP_ENUM_U16 {\n", tag);
        for (uint32_t i = 0; i < n->nmembers; i++) {
                const char *c = constant(g, n, i);

                gen_at_member(g, n, i);
                g->unit.decl = mem_fmt(g->mem, "%s.%s", n->path, n->members[i].said);
                gen_claim(g, c);
                out_doc(&g->h, "        ", node_member_doc(n, i));
                out_f(&g->h, "        %s = %" PRIu32 ",\n", c, i);
        }
        if (!n->nmembers)
                out_f(&g->h, "        %s_NONE_ = 0,\n", n->upper);
        out_f(&g->h, "};\n");
        out_f(&g->h, "typedef enum %s %s;\n", tag, node_alias(g->q, n, "enum"));

        gen_at_list(g, n);
        gen_claim_type(g, n->list);
        gen_claim_type(g, mem_fmt(g->mem, "%s_builder", n->list));
        out_f(&g->h, "typedef struct { capnp_list l; } %s, %s;\n", n->list,
              node_alias(g->q, n, "list"));
        out_f(&g->h, "typedef struct { capnp_lbuilder l; } %s_builder, %s;\n", n->list,
              node_alias(g->q, n, "list_builder"));
}

/* One expression, so that the header holds no table. */
static void name_function(struct gen *g, struct node *n)
{
        enumerant_list list = node_enum_enumerants(node_enum(n->r));
        struct out cases = {0};

        out_f(&cases, "switch ((unsigned)v) {");
        for (uint32_t i = 0; i < n->nmembers; i++)
                out_f(&cases, " case %s: return \"%s\";", constant(g, n, i),
                      enumerant_name(enumerant_list_get(list, i)).p);
        gen_fn(g, "const char *", mem_fmt(g->mem, "%s_name", n->name),
               mem_fmt(g->mem, "enum %s v", name_bare(g->mem, n->name)),
               "%s default: return NULL; }", cases.s);
        out_deinit(&cases);
}

static const char *list_part(struct gen *g, struct node *n, const char *rest)
{
        return mem_fmt(g->mem, "%s_%s", n->list, rest);
}

void enum_gen_functions(struct gen *g, struct node *n)
{
        const char *params = mem_fmt(g->mem, "%s l", n->list),
                   *bparams = list_part(g, n, "builder l");
        const char *type = mem_fmt(g->mem, "enum %s", name_bare(g->mem, n->name));

        gen_at(g, n);
        out_f(&g->h, "\n/* ---- %s ---- */\n\n", n->path);
        name_function(g, n);
        gen_at_list(g, n);
        gen_fn(g, "uint32_t", list_part(g, n, "len"), params, "return l.l.len;");
        gen_fn(g, type, list_part(g, n, "get"), mem_fmt(g->mem, "%s, uint32_t i", params),
               "return (%s)capnp_list_u16(l.l, i);", type);
        gen_fn(g, "uint32_t", list_part(g, n, "builder_len"), bparams, "return l.l.len;");
        gen_fn(g, "void", list_part(g, n, "builder_set"),
               mem_fmt(g->mem, "%s, uint32_t i, %s v", bparams, type),
               "capnp_lbuilder_set_u16(l.l, i, (uint16_t)v);");
        gen_fn(g, n->list, list_part(g, n, "as_reader"), bparams,
               "return CAPNP_NEW(%s, capnp_lbuilder_list(l.l));", n->list);
}
