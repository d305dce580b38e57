/*
 * The request of the schema compiler: an index of its nodes, and their C names.
 *
 * Names are given top-down, from each file to what is nested in it, because a C name is a path and
 * because an annotation may rename any part of it. Two kinds of struct have no place in the tree of
 * nested nodes and get their names from whoever mentions them: groups (from the field) and the
 * parameter and result structs that a method declares in passing (method_in and method_out; params
 * and results are the words for what a call carries). Nodes of imported files get names too: they
 * are mentioned by type.
 */
#include "request.h"

#include "names.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Annotations of schema/c.capnp. */
#define PREFIX_ID UINT64_C(0x9d9ea4be48b14332)
#define NAME_ID   UINT64_C(0xc432da0404a4b6ab)

const char *node_file_name(const struct node *file)
{
        return file ? node_display_name(file->r).p : "?";
}

void request_report(struct request *q, const struct node *file, const char *decl, const char *fmt,
                    ...)
{
        va_list args;

        fprintf(stderr, "%s: ", node_file_name(file));
        if (*decl)
                fprintf(stderr, "%s: ", decl);
        va_start(args, fmt);
        vfprintf(stderr, fmt, args);
        va_end(args);
        fputc('\n', stderr);
        q->failed = true;
}

static int compare_nodes(const void *a, const void *b)
{
        const struct node *x = a, *y = b;

        return (x->id > y->id) - (x->id < y->id);
}

struct node *request_find(const struct request *q, uint64_t id)
{
        struct node key = {.id = id};

        return bsearch(&key, q->nodes, q->n, sizeof(key), compare_nodes);
}

const char *node_doc(const struct node *n)
{
        return node_source_info_doc_comment(n->info).p;
}

const char *node_member_doc(const struct node *n, uint32_t i)
{
        return node_source_info_member_doc_comment(
                       node_source_info_member_list_get(node_source_info_members(n->info), i))
                .p;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* A name while it is being given: where, and what the schema and annotations say. */
struct naming {
        struct request *q;
        struct node *file;
        const char *path; /* of the declaration being named, for messages */
};

/* The text of one of our annotations, or NULL. */
static const char *annotation_text(annotation_list list, uint64_t id)
{
        for (uint32_t i = 0; i < annotation_list_len(list); i++) {
                annotation_reader a = annotation_list_get(list, i);

                if (annotation_id(a) == id)
                        return value_text(annotation_value(a)).p;
        }

        return NULL;
}

/* The last part of a C name: what the annotation says, else what the schema says. */
static const char *own_name(const struct naming *w, const char *name, annotation_list list)
{
        const char *given = annotation_text(list, NAME_ID);

        if (given && !name_is_valid(given))
                request_report(
                        w->q, w->file, w->path,
                        "\"%s\" cannot be part of a C name; $C.name takes letters, digits and _",
                        given);

        return name_snake(w->q->mem, given ? given : name);
}

static const char *child_path(const struct naming *w, const char *parent, const char *name)
{
        return mem_fmt(w->q->mem, "%s%s%s", parent, *parent ? "." : "", name);
}

static void name_node(struct naming *w, struct node *n, const char *name, const char *path);

static void name_fields(struct naming *w, struct node *n)
{
        field_list fields = node_struct_fields(node_struct(n->r));

        n->nmembers = field_list_len(fields);
        n->members = mem_alloc(w->q->mem, n->nmembers * sizeof(*n->members) + 1);
        for (uint32_t i = 0; i < n->nmembers; i++) {
                field_reader f = field_list_get(fields, i);
                const char *path = child_path(w, n->path, field_name(f).p);
                struct node *group = NULL;

                w->path = path;
                n->members[i] = own_name(w, field_name(f).p, field_annotations(f));
                if (field_which(f) == FIELD_GROUP)
                        group = request_find(w->q, field_group_type_id(field_group(f)));
                if (group && !group->name)
                        name_node(w, group,
                                  name_join(w->q->mem, n->name,
                                            name_member(w->q->mem, n->members[i])),
                                  path);
        }
}

static void name_enumerants(struct naming *w, struct node *n)
{
        enumerant_list list = node_enum_enumerants(node_enum(n->r));

        n->nmembers = enumerant_list_len(list);
        n->members = mem_alloc(w->q->mem, n->nmembers * sizeof(*n->members) + 1);
        for (uint32_t i = 0; i < n->nmembers; i++) {
                enumerant_reader e = enumerant_list_get(list, i);

                w->path = child_path(w, n->path, enumerant_name(e).p);
                n->members[i] = own_name(w, enumerant_name(e).p, enumerant_annotations(e));
        }
}

/* A struct that a method declares in passing has no scope of its own (schema.capnp,
 * Method.paramStructType). */
static void name_implicit(struct naming *w, uint64_t id, const char *name, const char *path)
{
        struct node *n = request_find(w->q, id);

        if (!n || n->name || node_scope_id(n->r) || !strchr(node_display_name(n->r).p, '$'))
                return;

        n->implicit = true;
        name_node(w, n, name, path);
}

static void name_methods(struct naming *w, struct node *n)
{
        method_list methods = node_interface_methods(node_interface(n->r));
        struct mem *m = w->q->mem;

        n->nmembers = method_list_len(methods);
        n->members = mem_alloc(m, n->nmembers * sizeof(*n->members) + 1);
        for (uint32_t i = 0; i < n->nmembers; i++) {
                method_reader r = method_list_get(methods, i);
                const char *path = child_path(w, n->path, method_name(r).p), *name;

                w->path = path;
                n->members[i] = own_name(w, method_name(r).p, method_annotations(r));
                name = name_join(m, n->name, name_method(m, n->members[i]));
                name_implicit(w, method_param_struct_type(r), name_join(m, name, "in"), path);
                name_implicit(w, method_result_struct_type(r), name_join(m, name, "out"), path);
        }
}

/* Whether something else beside or around a declaration goes by a name. */
static bool is_used(struct naming *w, const struct node *parent, const char *name)
{
        node_nested_node_list list = node_nested_nodes(parent->r);

        for (uint32_t i = 0; i < node_nested_node_list_len(list); i++) {
                const char *other = node_nested_node_name(node_nested_node_list_get(list, i)).p;

                if (!strcmp(name_snake(w->q->mem, other), name))
                        return true;
        }
        for (uint32_t i = 0; i < parent->nmembers; i++)
                if (!strcmp(parent->members[i], name))
                        return true;

        return false;
}

/*
 * The name of a list of these, which gives way: there is many a struct Item next to a struct
 * ItemList, or in a struct with a field itemList. Asked is the parent and not the index, which of
 * an imported file has only what the request needs.
 */
static const char *list_name(struct naming *w, const struct node *parent, const struct node *n,
                             const char *own)
{
        bool used = is_used(w, parent, mem_fmt(w->q->mem, "%s_list", own));

        return mem_fmt(w->q->mem, "%s_list%s", n->name, used ? "_" : "");
}

static void name_nested_nodes(struct naming *w, struct node *n)
{
        node_nested_node_list list = node_nested_nodes(n->r);

        for (uint32_t i = 0; i < node_nested_node_list_len(list); i++) {
                node_nested_node_reader r = node_nested_node_list_get(list, i);
                struct node *child = request_find(w->q, node_nested_node_id(r));
                const char *own;

                if (!child || child->name)
                        continue;

                w->path = child_path(w, n->path, node_nested_node_name(r).p);
                own = own_name(w, node_nested_node_name(r).p, node_annotations(child->r));
                if (n != w->file)
                        own = name_nested(w->q->mem, own);
                name_node(w, child, name_join(w->q->mem, n->name, own),
                          child_path(w, n->path, node_nested_node_name(r).p));
                child->list = list_name(w, n, child, own);
        }
}

static void name_node(struct naming *w, struct node *n, const char *name, const char *path)
{
        n->name = name;
        n->upper = name_upper(w->q->mem, name);
        n->path = path;
        n->file = w->file;
        if (n != w->file) {
                w->file->last->next = n;
                w->file->last = n;
        }

        switch (node_which(n->r)) {
        case NODE_STRUCT:
                name_fields(w, n);
                break;
        case NODE_ENUM:
                name_enumerants(w, n);
                break;
        case NODE_INTERFACE:
                name_methods(w, n);
                break;
        case NODE_FILE:
        case NODE_CONST:
        case NODE_ANNOTATION:
                break;
        }

        name_nested_nodes(w, n);
}

static void name_file(struct request *q, struct node *n)
{
        const char *prefix = annotation_text(node_annotations(n->r), PREFIX_ID);
        struct naming w = {.q = q, .file = n, .path = ""};

        n->last = n;
        if (prefix && !name_is_valid(prefix))
                request_report(
                        q, n, "",
                        "\"%s\" cannot begin a C name; $C.prefix takes letters, digits and _",
                        prefix);

        name_node(&w, n, prefix ? prefix : "", "");
}

/* ---- the index ------------------------------------------------------------------------------- */

void request_init(struct request *q, struct mem *mem, code_generator_request_reader r)
{
        node_list nodes = code_generator_request_nodes(r);
        node_source_info_list infos = code_generator_request_source_info(r);

        *q = (struct request){.mem = mem, .r = r, .n = node_list_len(nodes), .no_doc = q->no_doc};
        q->nodes = mem_alloc(mem, q->n * sizeof(*q->nodes) + 1);
        for (uint32_t i = 0; i < q->n; i++) {
                q->nodes[i].r = node_list_get(nodes, i);
                q->nodes[i].id = node_id(q->nodes[i].r);
        }
        qsort(q->nodes, q->n, sizeof(*q->nodes), compare_nodes);

        for (uint32_t i = 0; !q->no_doc && i < node_source_info_list_len(infos); i++) {
                node_source_info_reader info = node_source_info_list_get(infos, i);
                struct node *n = request_find(q, node_source_info_id(info));

                if (n)
                        n->info = info;
        }

        for (uint32_t i = 0; i < q->n; i++)
                if (node_which(q->nodes[i].r) == NODE_FILE)
                        name_file(q, &q->nodes[i]);
}
