/*
 * One schema file: its header and its tables.
 *
 * Files may import each other in a circle. So a header first defines its own types, which need
 * nobody else's, then includes what it imports, and only then come the functions. Included are the
 * files whose types are mentioned, not all that are imported: annotations of other languages cost
 * nothing.
 *
 * Two files may have a declaration of one name each. When this file is one of the two, its own
 * gives way; when both are imported, the header of the second is left out, and its types are the
 * library's plain views here.
 */
#include "gen.h"

#include <inttypes.h>

/* Times that a header is written until nothing clashes: each time, what clashed has another name.
 */
enum { TIMES_MAX = 64 };

/* ---- what to include ------------------------------------------------------------------------- */

struct includes {
        struct node **v;
        uint32_t n;
};

static void need(struct gen *g, struct includes *inc, const struct node *n)
{
        if (!n || !n->file || n->file == g->file)
                return;

        for (uint32_t i = 0; i < inc->n; i++)
                if (inc->v[i] == n->file)
                        return;
        inc->v[inc->n++] = n->file;
}

static void need_of_interface(struct gen *g, struct includes *inc, struct node *n)
{
        method_list methods = node_interface_methods(node_interface(n->r));
        superclass_list supers = node_interface_superclasses(node_interface(n->r));

        for (uint32_t i = 0; i < method_list_len(methods); i++) {
                method_reader m = method_list_get(methods, i);

                need(g, inc, request_find(g->q, method_param_struct_type(m)));
                if (method_result_struct_type(m) != STREAM_RESULT_ID)
                        need(g, inc, request_find(g->q, method_result_struct_type(m)));
        }
        for (uint32_t i = 0; i < superclass_list_len(supers); i++)
                need(g, inc, request_find(g->q, superclass_id(superclass_list_get(supers, i))));
}

static void need_of_node(struct gen *g, struct includes *inc, struct node *n)
{
        field_list fields;

        switch (node_which(n->r)) {
        case NODE_STRUCT:
                fields = node_struct_fields(node_struct(n->r));
                for (uint32_t i = 0; i < field_list_len(fields); i++) {
                        field_reader f = field_list_get(fields, i);

                        if (field_which(f) == FIELD_SLOT)
                                need(g, inc, ctype_needs(g->q, field_slot_type(field_slot(f))));
                }
                break;
        case NODE_INTERFACE:
                need_of_interface(g, inc, n);
                break;
        case NODE_CONST:
                need(g, inc, ctype_needs(g->q, node_const_type(node_const(n->r))));
                break;
        case NODE_FILE:
        case NODE_ENUM:
        case NODE_ANNOTATION:
                break;
        }
}

/* The files that the headers of some bring, these included. */
static void close_includes(struct gen *g, struct includes *inc)
{
        for (uint32_t i = 0; i < inc->n; i++)
                for (struct node *n = inc->v[i]; n; n = n->next)
                        need_of_node(g, inc, n);
}

/* ---- names of other files -------------------------------------------------------------------- */

/* What stands for a declaration among the names of this header: types and the rest apart. With its
 * file's name in front when that has been needed. */
static const char *stem_key(struct gen *g, const struct node *file, const char *name, bool other)
{
        const char *snake = name_snake(g->mem, name);
        bool type = *name >= 'A' && *name <= 'Z';

        if (other)
                snake = name_join(g->mem, node_base_name(g->mem, file), snake);
        return mem_fmt(g->mem, "%s %s", type ? "type" : "value",
                       name_join(g->mem, file->name, snake));
}

static struct includes closure_of(struct gen *g, struct node *file)
{
        struct includes all = {mem_alloc(g->mem, g->q->n * sizeof(struct node *) + 1), 1};

        all.v[0] = file;
        close_includes(g, &all);
        return all;
}

/* The next nested declaration of a file, with types of its own, behind one; NULL: no more. */
static const struct node *next_nested(const struct node *n)
{
        for (n = n->next; n; n = n->next)
                if (n->depth > 1 && !n->owner && !n->implicit && node_which(n->r) != NODE_CONST &&
                    node_which(n->r) != NODE_ANNOTATION)
                        return n;

        return NULL;
}

static const char *nested_key(struct gen *g, const struct node *n)
{
        return mem_fmt(g->mem, "type %s", n->plain);
}

static bool stands_in(struct gen *g, const struct node *file, const char *key)
{
        node_nested_node_list list = node_nested_nodes(file->r);

        for (uint32_t i = 0; i < node_nested_node_list_len(list); i++) {
                const char *name = node_nested_node_name(node_nested_node_list_get(list, i)).p;

                if (!strcmp(stem_key(g, file, name, false), key))
                        return true;
        }
        for (const struct node *n = next_nested(file); n; n = next_nested(n))
                if (!strcmp(nested_key(g, n), key))
                        return true;

        return false;
}

/* Whether a declaration of a file has another name there, because the file includes one that has
 * this name as well. */
static bool gave_way(struct gen *g, const struct includes *all, const char *key)
{
        for (uint32_t i = 1; i < all->n; i++)
                if (all->v[i] != g->file && stands_in(g, all->v[i], key))
                        return true;

        return false;
}

/* Two files and what both declare. */
struct twins {
        const char *name;
        const char *other; /* the file that has it already */
};

/* One name of another file: looked for among those of third files, or taken. */
static struct twins take_stem(struct gen *g, struct taken *stems, struct node *file,
                              const char *key, bool look)
{
        struct unit unit = {.kind = UNIT_TAKEN, .n = file, .decl = node_file_name(file)};
        const struct unit *other = taken_find(stems, key);

        if (look && other && other->n != file)
                return (struct twins){strchr(key, ' ') + 1, other->decl};
        if (!look)
                (void)taken_claim(stems, g->mem, key, unit);
        return (struct twins){NULL, NULL};
}

/* Takes the names of another file's declarations, of nested ones as far as the request has them;
 * what a third file has as well. Only looks when `look`. */
static struct twins take_stems(struct gen *g, struct taken *stems, struct node *file, bool look)
{
        node_nested_node_list list = node_nested_nodes(file->r);
        struct includes all = closure_of(g, file);
        struct twins twins = {NULL, NULL};

        if (file == g->file)
                return twins;

        for (uint32_t i = 0; i < node_nested_node_list_len(list) && !twins.name; i++) {
                const char *name = node_nested_node_name(node_nested_node_list_get(list, i)).p;
                const char *key = stem_key(g, file, name, false);

                if (gave_way(g, &all, key))
                        key = stem_key(g, file, name, true);
                twins = take_stem(g, stems, file, key, look);
        }
        for (const struct node *n = next_nested(file); n && !twins.name; n = next_nested(n))
                twins = take_stem(g, stems, file, nested_key(g, n), look);

        return twins;
}

/* Decides which headers are included: all that are needed, unless names would clash. */
static void see_files(struct gen *g, const struct includes *inc, struct taken *stems)
{
        for (uint32_t i = 0; i < g->q->n; i++)
                g->q->nodes[i].sight = SIGHT_NONE;
        g->file->sight = SIGHT_OWN;

        for (uint32_t i = 0; i < inc->n; i++) {
                struct includes all = closure_of(g, inc->v[i]);
                struct twins twins = {NULL, NULL};

                for (uint32_t k = 0; k < all.n && !twins.name; k++)
                        twins = take_stems(g, stems, all.v[k], true);
                if (twins.name) {
                        request_note(
                                g->file, "",
                                "%s brings a name %s, and so does %s: the header of %s is left "
                                "out, and its types are plain views; a map can give its names a "
                                "prefix",
                                node_file_name(inc->v[i]), twins.name, twins.other,
                                node_file_name(inc->v[i]));
                        continue;
                }

                inc->v[i]->sight = SIGHT_INCLUDED;
                for (uint32_t k = 0; k < all.n; k++)
                        (void)take_stems(g, stems, all.v[k], false);
        }
}

/* A name of a declaration that a person would look for. */
static const char *known_as(struct gen *g, const struct node *n)
{
        switch (node_which(n->r)) {
        case NODE_STRUCT:
                return mem_fmt(g->mem, "%s_reader", n->name);
        case NODE_INTERFACE:
                return mem_fmt(g->mem, "%s_client", n->name);
        default:
                return n->name;
        }
}

/* A declaration of this file that an included one has as well: it gets another name. */
static void claim_stem(struct gen *g, const struct taken *stems, struct node *n)
{
        bool type = node_which(n->r) != NODE_CONST;
        const char *key = mem_fmt(g->mem, "%s %s", type ? "type" : "value", n->name);
        const struct unit *other = taken_find(stems, key);
        struct unit file;

        if (!other || node_which(n->r) == NODE_ANNOTATION || n->owner || n->implicit)
                return;

        file = *other;
        (void)taken_claim(&g->taken, g->mem, key, file);
        gen_at(g, n);
        gen_claim_key(g, key, known_as(g, n));
}

/* ---- includes -------------------------------------------------------------------------------- */

/* The way from a file to another: below its folder or below one that both lie in; else from where
 * all paths begin. */
static const char *path_between(struct mem *m, const char *from, const char *to)
{
        size_t same = 0;
        const char *up = "";

        for (size_t i = 0; from[i] && from[i] == to[i]; i++)
                if (from[i] == '/')
                        same = i + 1;
        if (!same)
                return to;

        for (const char *p = from + same; *p; p++)
                if (*p == '/')
                        up = mem_fmt(m, "%s../", up);
        return mem_fmt(m, "%s%s", up, to + same);
}

/* The name under which this file imports another one, or the way to it when another file does. */
static const char *import_name(struct gen *g, code_generator_request_requested_file_reader r,
                               const struct node *file)
{
        code_generator_request_requested_file_import_list list =
                code_generator_request_requested_file_imports(r);

        for (uint32_t i = 0; i < code_generator_request_requested_file_import_list_len(list); i++) {
                code_generator_request_requested_file_import_reader im =
                        code_generator_request_requested_file_import_list_get(list, i);
                const char *name = code_generator_request_requested_file_import_name(im).p;

                if (code_generator_request_requested_file_import_id(im) == file->id)
                        return name[0] == '/' ? name + 1 : name;
        }

        return path_between(g->mem, node_file_name(g->file), node_file_name(file));
}

static void write_includes(struct gen *g, code_generator_request_requested_file_reader r,
                           const struct includes *inc)
{
        for (uint32_t i = 0; i < inc->n; i++)
                if (inc->v[i]->sight == SIGHT_INCLUDED)
                        out_f(&g->h, "#include \"%s-c.h\"\n", import_name(g, r, inc->v[i]));
}

/* ---- the two texts --------------------------------------------------------------------------- */

static void begin_c(struct gen *g)
{
        out_f(&g->h, "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n");
}

static void end_c(struct gen *g)
{
        out_f(&g->h, "\n#ifdef __cplusplus\n}\n#endif\n\n");
}

static void all_types(struct gen *g)
{
        for (struct node *n = g->file->next; n; n = n->next) {
                if (node_which(n->r) == NODE_STRUCT)
                        struct_gen_types(g, n);
                else if (node_which(n->r) == NODE_ENUM)
                        enum_gen_types(g, n);
                else if (node_which(n->r) == NODE_INTERFACE)
                        interface_gen_types(g, n);
        }
        for (struct node *n = g->file->next; n; n = n->next)
                if (node_which(n->r) == NODE_INTERFACE)
                        interface_gen_ops(g, n);
}

static void all_functions(struct gen *g)
{
        for (struct node *n = g->file->next; n; n = n->next) {
                if (node_which(n->r) == NODE_STRUCT)
                        struct_gen_functions(g, n);
                else if (node_which(n->r) == NODE_ENUM)
                        enum_gen_functions(g, n);
                else if (node_which(n->r) == NODE_CONST)
                        const_gen(g, n);
        }
}

/* Functions of interfaces call functions of structs, so they come later. */
static void all_interfaces(struct gen *g)
{
        for (struct node *n = g->file->next; n; n = n->next)
                if (node_which(n->r) == NODE_INTERFACE)
                        interface_gen_functions(g, n);
        for (struct node *n = g->file->next; n; n = n->next)
                if (node_which(n->r) == NODE_INTERFACE)
                        interface_gen_shortcuts(g, n);
}

static bool has_interface(const struct node *file)
{
        for (const struct node *n = file->next; n; n = n->next)
                if (node_which(n->r) == NODE_INTERFACE)
                        return true;
        return false;
}

static void begin(struct gen *g, const char *filename)
{
        const char *base = strrchr(filename, '/');

        out_f(&g->h, "/* Generated by capnpc-c from %s. Do not edit. */\n", filename);
        out_doc(&g->h, "", node_doc(g->file));
        out_f(&g->h, "#ifndef CAPNPC_%016" PRIX64 "_H\n#define CAPNPC_%016" PRIX64 "_H\n\n",
              g->file->id, g->file->id);
        out_f(&g->h, "#include <capos/%s>\n#include <capos/capnp-schema.h>\n",
              has_interface(g->file) ? "capnp.h" : "capnp-msg.h");
        begin_c(g);

        out_f(&g->c, "/* Generated by capnpc-c from %s. Do not edit. */\n", filename);
        out_f(&g->c, "#include \"%s-c.h\"\n\n#include <stddef.h>\n", base ? base + 1 : filename);
}

/*
 * The second half of a header that imports: skipped until the structs of all imports are there. In
 * a circle of files that is when the last of them comes back to this one.
 */
static void begin_interfaces(struct gen *g, code_generator_request_requested_file_reader r,
                             const struct includes *inc)
{
        out_f(&g->h, "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n\n");
        out_f(&g->h,
              "/* Methods wait for the structs of all imports: files may import each other. */\n");
        out_f(&g->h, "#if !defined(CAPNPC_%016" PRIX64 "_METHODS)", g->file->id);
        for (uint32_t i = 0; i < inc->n; i++)
                if (inc->v[i]->sight == SIGHT_INCLUDED)
                        out_f(&g->h, " && \\\n        defined(CAPNPC_%016" PRIX64 "_STRUCTS)",
                              inc->v[i]->id);
        out_f(&g->h, "\n#define CAPNPC_%016" PRIX64 "_METHODS\n\n", g->file->id);
        write_includes(g, r, inc);
        begin_c(g);
}

/* Writes both texts once. */
static void write_file(struct gen *g, code_generator_request_requested_file_reader r,
                       const struct includes *inc, const struct taken *stems)
{
        gen_begin(g);
        for (struct node *n = g->file->next; n; n = n->next)
                claim_stem(g, stems, n);

        begin(g, code_generator_request_requested_file_filename(r).p);
        all_types(g);
        if (inc->n) {
                end_c(g);
                write_includes(g, r, inc);
                begin_c(g);
        }
        all_functions(g);
        schema_gen(g, inc->v, inc->n);
        out_f(&g->h, "\n#define CAPNPC_%016" PRIX64 "_STRUCTS\n", g->file->id);
        if (inc->n && has_interface(g->file))
                begin_interfaces(g, r, inc);
        all_interfaces(g);
        end_c(g);
        out_f(&g->h, "#endif\n");
}

void file_gen(struct gen *g, struct request *q, code_generator_request_requested_file_reader r)
{
        struct includes inc = {.v = mem_alloc(q->mem, q->n * sizeof(struct node *) + 1)};
        struct taken stems = {0};
        unsigned quiet = 0;

        *g = (struct gen){.q = q, .mem = q->mem};
        g->file = request_find(q, code_generator_request_requested_file_id(r));
        if (!g->file || g->file->file != g->file) {
                request_report(q, NULL, "", "the request names a file that it does not describe");
                return;
        }

        for (struct node *n = g->file; n; n = n->next)
                need_of_node(g, &inc, n);
        see_files(g, &inc, &stems);

        /* Until it is twice the same: shortcuts look at what was there the time before. */
        for (unsigned i = 0; quiet < 2 && i < TIMES_MAX; i++) {
                request_name_file(q, g->file);
                write_file(g, r, &inc, &stems);
                quiet = gen_settle(g) ? 0 : quiet + 1;
        }

        if (quiet < 2)
                request_report(q, g->file, "", "too many of its names are alike");
        else
                gen_tell(g);
        taken_deinit(&stems);
}
