/*
 * One schema file: its header and its tables.
 *
 * Files may import each other in a circle. So a header first defines its own types, which need
 * nobody else's, then includes what it imports, and only then come the functions. Included are the
 * files whose types are mentioned, not all that are imported: annotations of other languages cost
 * nothing.
 */
#include "gen.h"

#include <inttypes.h>

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

/* The name under which this file imports another one. */
static const char *import_name(struct gen *g, code_generator_request_requested_file_reader r,
                               const struct node *file)
{
        code_generator_request_requested_file_import_list list =
                code_generator_request_requested_file_imports(r);

        for (uint32_t i = 0; i < code_generator_request_requested_file_import_list_len(list); i++) {
                code_generator_request_requested_file_import_reader im =
                        code_generator_request_requested_file_import_list_get(list, i);

                if (code_generator_request_requested_file_import_id(im) == file->id)
                        return code_generator_request_requested_file_import_name(im).p;
        }

        request_report(g->q, g->file, "",
                       "it uses types of %s, which it reaches only through another file: import it",
                       node_file_name(file));
        return NULL;
}

static void write_includes(struct gen *g, code_generator_request_requested_file_reader r,
                           const struct includes *inc)
{
        for (uint32_t i = 0; i < inc->n; i++) {
                const char *name = import_name(g, r, inc->v[i]);

                if (name)
                        out_f(&g->h, "#include \"%s-c.h\"\n", name[0] == '/' ? name + 1 : name);
        }
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
                g->decl = n->path;
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
                g->decl = n->path;
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
        for (struct node *n = g->file->next; n; n = n->next) {
                g->decl = n->path;
                if (node_which(n->r) == NODE_INTERFACE)
                        interface_gen_shortcuts(g, n);
        }
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
                out_f(&g->h, " && \\\n        defined(CAPNPC_%016" PRIX64 "_STRUCTS)",
                      inc->v[i]->id);
        out_f(&g->h, "\n#define CAPNPC_%016" PRIX64 "_METHODS\n\n", g->file->id);
        write_includes(g, r, inc);
        begin_c(g);
}

void file_gen(struct gen *g, struct request *q, code_generator_request_requested_file_reader r)
{
        struct includes inc = {.v = mem_alloc(q->mem, q->n * sizeof(struct node *) + 1)};

        *g = (struct gen){.q = q, .mem = q->mem, .decl = ""};
        g->file = request_find(q, code_generator_request_requested_file_id(r));
        if (!g->file || g->file->file != g->file) {
                request_report(q, NULL, "", "the request names a file that it does not describe");
                return;
        }

        for (struct node *n = g->file; n; n = n->next)
                need_of_node(g, &inc, n);

        begin(g, code_generator_request_requested_file_filename(r).p);
        all_types(g);
        if (inc.n) {
                end_c(g);
                write_includes(g, r, &inc);
                begin_c(g);
        }
        all_functions(g);
        schema_gen(g, inc.v, inc.n);
        out_f(&g->h, "\n#define CAPNPC_%016" PRIX64 "_STRUCTS\n", g->file->id);
        if (inc.n && has_interface(g->file))
                begin_interfaces(g, r, &inc);
        all_interfaces(g);
        end_c(g);
        out_f(&g->h, "#endif\n");
        names_deinit(&g->names);
}
