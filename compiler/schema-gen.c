/*
 * The schema itself, for programs that read messages by their schema at run time.
 *
 * Each node of the file is a constant message with a schema.capnp Node at its root, exactly as the
 * schema compiler described it. The file's table lists them, and the tables of the files that its
 * types come from.
 */
#include "gen.h"

#include <inttypes.h>

const char *file_schema_name(struct mem *m, const struct node *file)
{
        const char *path = node_file_name(file), *base = strrchr(path, '/');
        char *name = name_snake(m, base ? base + 1 : path), *to = name;

        /* "c++.capnp" has become "c___capnp". */
        for (const char *p = name; *p; p++)
                if (*p != '_' || (to > name && to[-1] != '_'))
                        *to++ = *p;
        *to = '\0';
        return mem_fmt(m, "%s%s_schema", *file->name ? name_join(m, file->name, "") : "", name);
}

void schema_gen(struct gen *g, struct node *const *imports, uint32_t nimports)
{
        const char *name = file_schema_name(g->mem, g->file);
        uint32_t n = 0;

        g->decl = "";
        for (struct node *k = g->file; k; k = k->next)
                gen_static_words(g, mem_fmt(g->mem, "schema_node_%" PRIu32, n++),
                                 flat_struct(g->mem, k->r.r));

        out_f(&g->c, "\nstatic const struct capnp_schema_node schema_nodes[] = {\n");
        n = 0;
        for (struct node *k = g->file; k; k = k->next, n++)
                out_f(&g->c,
                      "        { UINT64_C(0x%016" PRIx64 "), schema_node_%" PRIu32
                      ", sizeof(schema_node_%" PRIu32 ") / 8 }, /* %s */\n",
                      k->id, n, n, *k->path ? k->path : "the file");
        out_f(&g->c, "};\n");

        if (nimports) {
                out_f(&g->c,
                      "\nstatic const struct capnp_schema_file *const schema_imports[] = {\n");
                for (uint32_t i = 0; i < nimports; i++)
                        out_f(&g->c, "        &%s,\n", file_schema_name(g->mem, imports[i]));
                out_f(&g->c, "};\n");
        }

        out_f(&g->c, "\nconst struct capnp_schema_file %s = {\n", name);
        out_f(&g->c,
              "        UINT64_C(0x%016" PRIx64 "), %s, schema_nodes, %s, %" PRIu32 ", %" PRIu32
              ",\n};\n",
              g->file->id,
              gen_literal(g, node_file_name(g->file), (uint32_t)strlen(node_file_name(g->file))),
              nimports ? "schema_imports" : "NULL", n, nimports);

        gen_claim(g, name);
        out_f(&g->h, "\n/** The declarations of this file, to be read at run time. */\n");
        out_f(&g->h, "extern const struct capnp_schema_file %s;\n", name);
}
