/*
 * The schema itself, for programs that read messages by their schema at run time.
 *
 * Each node of the file is a constant message with a schema.capnp Node at its root, exactly as the
 * schema compiler described it. The file's table lists them, and the tables of the files that its
 * types come from.
 */
#include "gen.h"

#include <inttypes.h>

/* conf_capnp_schema: what a person types. */
static const char *short_name(struct mem *m, const struct node *file)
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

/* What the linker knows: two files may have one name, but not one id. */
static const char *table_name(struct mem *m, const struct node *file)
{
        return mem_fmt(m, "capnp_schema_%016" PRIx64, file->id);
}

static void declare(struct gen *g, const char *table)
{
        const char *name = short_name(g->mem, g->file);

        gen_claim(g, name);
        out_f(&g->h, "\n/** The declarations of this file, to be read at run time: %s. */\n", name);
        out_f(&g->h, "extern const struct capnp_schema_file %s;\n", table);
        out_f(&g->h, "#ifndef %s\n#define %s %s\n", name, name, table);
        out_f(&g->h, "#else /* files of one name: each goes by its id */\n");
        out_f(&g->h, "#undef %s\n#define %s %s_of_two_files\n#endif\n", name, name, name);
}

/* The tables of the files that its types come from. */
static void imports_table(struct gen *g, struct node *const *imports, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                if (imports[i]->sight == SIGHT_NONE)
                        out_f(&g->c, "\nextern const struct capnp_schema_file %s;\n",
                              table_name(g->mem, imports[i]));

        out_f(&g->c, "\nstatic const struct capnp_schema_file *const capnp_i_imports[] = {\n");
        for (uint32_t i = 0; i < n; i++)
                out_f(&g->c, "        &%s,\n", table_name(g->mem, imports[i]));
        out_f(&g->c, "};\n");
}

void schema_gen(struct gen *g, struct node *const *imports, uint32_t nimports)
{
        const char *table = table_name(g->mem, g->file), *name = node_file_name(g->file);
        uint32_t n = 0;

        gen_at(g, g->file);
        for (struct node *k = g->file; k; k = k->next)
                gen_static_words(g, mem_fmt(g->mem, "capnp_i_node_%" PRIu32, n++),
                                 flat_struct(g->mem, k->r.r));

        out_f(&g->c, "\nstatic const struct capnp_schema_node capnp_i_nodes[] = {\n");
        n = 0;
        for (struct node *k = g->file; k; k = k->next, n++)
                out_f(&g->c,
                      "        { UINT64_C(0x%016" PRIx64 "), capnp_i_node_%" PRIu32
                      ", sizeof(capnp_i_node_%" PRIu32 ") / 8 }, /* %s */\n",
                      k->id, n, n, *k->path ? k->path : "the file");
        out_f(&g->c, "};\n");

        if (nimports)
                imports_table(g, imports, nimports);
        out_f(&g->c, "\nCAPNP_SHARED const struct capnp_schema_file %s = {\n", table);
        out_f(&g->c,
              "        UINT64_C(0x%016" PRIx64 "), %s, capnp_i_nodes, %s, %" PRIu32 ", %" PRIu32
              ",\n};\n",
              g->file->id, gen_literal(g, name, (uint32_t)strlen(name)),
              nimports ? "capnp_i_imports" : "NULL", n, nimports);
        declare(g, table);
}
