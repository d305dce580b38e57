/*
 * The schema itself, for programs that read messages by their schema at run time.
 *
 * Each node of the file is a constant message with a schema.capnp Node at its root, exactly as the
 * schema compiler described it. The file's table lists them, and the tables of the files that its
 * types come from. Comments are a text for each declaration that has any: as words they would be
 * twice as long in the source, and nobody could read them there.
 */
#include "gen.h"

#include <inttypes.h>
#include <string.h>

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

/* The comments on a node and its members, a NUL behind each; empty when there are none. */
static struct out node_docs(const struct node *n)
{
        struct out o = {0};
        size_t end = 0;

        for (uint32_t i = 0; i <= n->nmembers; i++) {
                const char *doc = i ? node_member_doc(n, i - 1) : node_doc(n);

                out_bytes(&o, doc, strlen(doc) + 1);
                if (*doc)
                        end = o.len;
        }

        o.len = end;
        return o;
}

/* What is in a table: an expression of its text, and how long that is. A text that is too long for
 * a literal is written first, as words. */
struct docs {
        const char *text;
        uint32_t len;
};

static struct docs docs_of(struct gen *g, const struct node *n, uint32_t i)
{
        struct out o = node_docs(n);
        const char *name = mem_fmt(g->mem, "capnp_i_doc_%" PRIu32, i);
        struct docs d = {NULL, (uint32_t)o.len};
        struct flat words;

        if (d.len) {
                /* The literal brings its last NUL itself. */
                words = gen_bytes_words(g, o.s, d.len - 1);
                if (words.n)
                        gen_static_words(g, name, words);
                d.text = gen_bytes(g, name, o.s, d.len - 1);
        }

        out_deinit(&o);
        return d;
}

/* How many entries it has. */
static uint32_t docs_table(struct gen *g, uint32_t nnodes)
{
        struct docs *all = mem_alloc(g->mem, nnodes * sizeof(*all));
        uint32_t i = 0, n = 0;

        for (const struct node *k = g->file; k; k = k->next, i++) {
                all[i] = docs_of(g, k, i);
                n += all[i].len != 0;
        }
        if (!n)
                return 0;

        out_f(&g->c, "\nstatic const struct capnp_schema_doc capnp_i_docs[] = {\n");
        i = 0;
        for (const struct node *k = g->file; k; k = k->next, i++)
                if (all[i].len)
                        out_f(&g->c, "        { UINT64_C(0x%016" PRIx64 "), %s, %" PRIu32 " },\n",
                              k->id, all[i].text, all[i].len);
        out_f(&g->c, "};\n");
        return n;
}

void schema_gen(struct gen *g, struct node *const *imports, uint32_t nimports)
{
        const char *table = table_name(g->mem, g->file), *name = node_file_name(g->file);
        uint32_t n = 0, ndocs;

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
        ndocs = docs_table(g, n);
        out_f(&g->c, "\nCAPNP_SHARED const struct capnp_schema_file %s = {\n", table);
        out_f(&g->c,
              "        UINT64_C(0x%016" PRIx64 "), %s, capnp_i_nodes, %s, %" PRIu32 ", %" PRIu32
              ", %" PRIu32 ", %s,\n};\n",
              g->file->id, gen_literal(g, name, (uint32_t)strlen(name)),
              nimports ? "capnp_i_imports" : "NULL", n, nimports, ndocs,
              ndocs ? "capnp_i_docs" : "NULL");
        declare(g, table);
}
