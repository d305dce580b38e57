/*
 * The request of the schema compiler: an index of its nodes, and their C names.
 *
 * Names are given top-down, from each file to what is nested in it, because a C name is a path and
 * because an annotation or a map may rename any part of it. Two kinds of struct have no place in
 * the tree of nested nodes and get their names from whoever mentions them: groups (from the field)
 * and the parameter and result structs that a method declares in passing (method_in and method_out;
 * params and results are the words for what a call carries). Nodes of imported files get names too:
 * they are mentioned by type.
 *
 * What clashes in the header of a file is known only when the header has been written. Then some
 * parts take another form, the file is named anew, and the header is written again (file-gen.c).
 *
 * A request may come from anybody: nodes that are missing, nested in themselves, or groups of two
 * fields are told or left out, and nesting is bounded.
 */
#include "request.h"

#include "names.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Nesting of declarations and groups: names are paths, and so is the stack. */
enum { DEPTH_MAX = 64, NODES_MAX = 1 << 20, MEMBERS_MAX = 1 << 16 };

/* Annotations of schema/c.capnp. */
#define PREFIX_ID UINT64_C(0x9d9ea4be48b14332)
#define NAME_ID   UINT64_C(0xc432da0404a4b6ab)

const char *node_file_name(const struct node *file)
{
        return file ? node_display_name(file->r).p : "?";
}

const char *node_base_name(struct mem *m, const struct node *file)
{
        const char *path = node_file_name(file), *base = strrchr(path, '/');
        char *name, *to;

        base = base ? base + 1 : path;
        name = name_snake(m, mem_dup(m, base, strcspn(base, ".")));
        to = name;

        /* "c++.capnp" has become "c__". */
        for (const char *p = name; *p; p++)
                if (*p != '_' || (to > name && to[-1] != '_'))
                        *to++ = *p;
        while (to > name && to[-1] == '_')
                to--;
        *to = '\0';
        return *name >= 'a' && *name <= 'z' ? name : mem_fmt(m, "file%s", name);
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

void request_note(const struct node *file, const char *decl, const char *fmt, ...)
{
        va_list args;

        fprintf(stderr, "%s: ", node_file_name(file));
        if (*decl)
                fprintf(stderr, "%s: ", decl);
        fputs("note: ", stderr);
        va_start(args, fmt);
        vfprintf(stderr, fmt, args);
        va_end(args);
        fputc('\n', stderr);
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

struct node *request_group(const struct request *q, const struct node *owner, uint32_t i)
{
        field_reader f = field_list_get(node_struct_fields(node_struct(owner->r)), i);
        struct node *n = NULL;

        if (field_which(f) == FIELD_GROUP)
                n = request_find(q, field_group_type_id(field_group(f)));
        return n && n->name && n->owner == owner && n->owner_member == i ? n : NULL;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* A name while it is being given: where, and what the schema and annotations say. */
struct naming {
        struct request *q;
        struct node *file;
        const char *path; /* of the declaration being named, for messages */
        unsigned depth;
        bool again; /* what is wrong has been told before */
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

/* The k-th form of a name: x, _x, _x2, .... */
static const char *nth_form(const struct naming *w, const char *name, unsigned k)
{
        if (!k)
                return name;

        return k == 1 ? mem_fmt(w->q->mem, "_%s", name) : mem_fmt(w->q->mem, "_%s%u", name, k);
}

/* Likewise of what stands in the file itself: x, file_x, file_x2, .... */
static const char *nth_top_form(const struct naming *w, const char *name, unsigned k)
{
        struct mem *m = w->q->mem;

        if (!k)
                return name;

        name = name_join(m, node_base_name(m, w->file), name);
        return k == 1 ? name : mem_fmt(m, "%s%u", name, k);
}

/* The last part of a C name: what a map says, else an annotation, else the schema. */
static void name_part(const struct naming *w, struct part *part, const char *name,
                      const char *mapped, annotation_list list)
{
        const char *given = mapped ? mapped : annotation_text(list, NAME_ID);

        if (given && !name_is_valid(given)) {
                if (!w->again)
                        request_report(w->q, w->file, w->path,
                                       "\"%s\" cannot be part of a C name; $C.name takes letters, "
                                       "digits and _",
                                       given);
                given = NULL;
        }

        part->said = name;
        part->given = given;
        part->plain = name_snake(w->q->mem, given ? given : name);
        part->name = nth_form(w, part->plain, part->form);
}

static const char *child_path(const struct naming *w, const char *parent, const char *name)
{
        return mem_fmt(w->q->mem, "%s%s%s", parent, *parent ? "." : "", name);
}

/* What the map says of a member of a declaration. */
static const char *mapped_member(const struct naming *w, const struct node *n, const char *name)
{
        const char *mapped = map_member(&w->q->map, n->id, name);

        return mapped ? mapped : map_name(&w->q->map, node_file_name(w->file), w->path, 0);
}

static void name_node(struct naming *w, struct node *n, const char *path);

/* Names of a declaration: its parent's with its own behind. */
static void join_names(const struct naming *w, struct node *n, const char *name, const char *own,
                       const char *plain, const char *plain_own)
{
        struct mem *m = w->q->mem;

        n->name = name_join(m, name, own);
        n->upper = name_upper(m, n->name);
        n->plain = name_join(m, plain, plain_own);
}

static void take_members(struct naming *w, struct node *n, uint32_t count)
{
        /* Ordinals have 16 bits. */
        if (count > MEMBERS_MAX) {
                if (!w->again)
                        request_report(w->q, w->file, n->path, "it has too many members");
                count = 0;
        }
        if (!n->members)
                n->members = mem_alloc(w->q->mem, count * sizeof(*n->members) + 1);
        n->nmembers = count;
}

/* A group belongs to the field that first mentions it, and its scope says so, too. */
static bool may_own(const struct node *n, uint32_t i, const struct node *group)
{
        if (!group || group->name || node_which(group->r) != NODE_STRUCT ||
            !node_struct_is_group(node_struct(group->r)) || node_scope_id(group->r) != n->id)
                return false;

        return !group->owner || (group->owner == n && group->owner_member == i);
}

static void name_fields(struct naming *w, struct node *n)
{
        field_list fields = node_struct_fields(node_struct(n->r));
        struct mem *m = w->q->mem;

        take_members(w, n, field_list_len(fields));
        for (uint32_t i = 0; i < n->nmembers; i++) {
                field_reader f = field_list_get(fields, i);
                const char *path = child_path(w, n->path, field_name(f).p);
                struct node *group = NULL;

                w->path = path;
                name_part(w, &n->members[i], field_name(f).p, mapped_member(w, n, field_name(f).p),
                          field_annotations(f));
                if (field_which(f) != FIELD_GROUP)
                        continue;

                group = request_find(w->q, field_group_type_id(field_group(f)));
                if (!may_own(n, i, group)) {
                        if (!w->again)
                                request_report(w->q, w->file, path,
                                               "the request has no group for it");
                        continue;
                }

                group->owner = n;
                group->owner_member = i;
                group->hint = n->members[i].plain;
                join_names(w, group, n->name, name_member(m, n->members[i].name), n->plain,
                           name_member(m, n->members[i].plain));
                name_node(w, group, path);
        }
}

static void name_enumerants(struct naming *w, struct node *n)
{
        enumerant_list list = node_enum_enumerants(node_enum(n->r));

        take_members(w, n, enumerant_list_len(list));
        for (uint32_t i = 0; i < n->nmembers; i++) {
                enumerant_reader e = enumerant_list_get(list, i);

                w->path = child_path(w, n->path, enumerant_name(e).p);
                name_part(w, &n->members[i], enumerant_name(e).p,
                          mapped_member(w, n, enumerant_name(e).p), enumerant_annotations(e));
        }
}

/* A struct that a method declares in passing has no scope of its own (schema.capnp,
 * Method.paramStructType). */
static void name_implicit(struct naming *w, struct node *iface, uint32_t method, uint64_t id,
                          const char *what)
{
        struct node *n = request_find(w->q, id);
        struct mem *m = w->q->mem;
        const struct part *part = &iface->members[method];
        const char *path = child_path(
                w, iface->path,
                method_name(
                        method_list_get(node_interface_methods(node_interface(iface->r)), method))
                        .p);

        if (!n || n->name || node_which(n->r) != NODE_STRUCT || node_scope_id(n->r) ||
            !strchr(node_display_name(n->r).p, '$'))
                return;

        n->implicit = true;
        n->hint = what;
        n->part.plain = what;
        n->part.name = nth_form(w, what, n->part.form);
        join_names(w, n, name_join(m, iface->name, name_method(m, part->name)), n->part.name,
                   name_join(m, iface->plain, name_method(m, part->plain)), what);
        name_node(w, n, path);
}

static void name_methods(struct naming *w, struct node *n)
{
        method_list methods = node_interface_methods(node_interface(n->r));

        take_members(w, n, method_list_len(methods));
        for (uint32_t i = 0; i < n->nmembers; i++) {
                method_reader r = method_list_get(methods, i);

                w->path = child_path(w, n->path, method_name(r).p);
                name_part(w, &n->members[i], method_name(r).p,
                          mapped_member(w, n, method_name(r).p), method_annotations(r));
                name_implicit(w, n, i, method_param_struct_type(r), "in");
                name_implicit(w, n, i, method_result_struct_type(r), "out");
        }
}

static void name_nested_nodes(struct naming *w, struct node *n)
{
        node_nested_node_list list = node_nested_nodes(n->r);
        struct mem *m = w->q->mem;

        for (uint32_t i = 0; i < node_nested_node_list_len(list); i++) {
                node_nested_node_reader r = node_nested_node_list_get(list, i);
                const char *name = node_nested_node_name(r).p, *path = child_path(w, n->path, name);
                struct node *child = request_find(w->q, node_nested_node_id(r));
                struct part *part;

                if (!child || child->name || node_which(child->r) == NODE_FILE)
                        continue;

                w->path = path;
                part = &child->part;
                name_part(w, part, name,
                          map_name(&w->q->map, node_file_name(w->file), path, child->id),
                          node_annotations(child->r));
                child->hint = part->plain;
                if (n == w->file)
                        part->name = nth_top_form(w, part->plain, part->form);
                join_names(w, child, n->name,
                           n == w->file ? part->name : name_nested(m, part->name), n->plain,
                           n == w->file ? part->plain : name_nested(m, part->plain));
                name_node(w, child, path);
        }
}

static void name_node(struct naming *w, struct node *n, const char *path)
{
        if (w->depth == DEPTH_MAX) {
                if (!w->again)
                        request_report(w->q, w->file, path, "it is nested too deep");
                n->name = NULL;
                return;
        }

        n->path = path;
        n->file = w->file;
        n->depth = w->depth++;
        n->list = mem_fmt(w->q->mem, "%s_list", n->name);
        if (n->list_form)
                n->list = mem_fmt(w->q->mem, "%s_", n->list);
        if (n->list_form > 1)
                n->list = mem_fmt(w->q->mem, "%s%u", n->list, n->list_form);
        if (n != w->file) {
                w->file->last->next = n;
                w->file->last = n;
                n->next = NULL;
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
        w->depth--;
}

/* What all names of a file begin with. */
static const char *file_prefix(struct request *q, struct node *n, bool again)
{
        const char *mapped = map_prefix(&q->map, node_file_name(n), n->id);
        const char *prefix = mapped ? mapped : annotation_text(node_annotations(n->r), PREFIX_ID);

        if (prefix && name_is_valid(prefix))
                return prefix;
        if (prefix && !again)
                request_report(
                        q, n, "",
                        "\"%s\" cannot begin a C name; $C.prefix takes letters, digits and _",
                        prefix);
        return "";
}

static void name_file(struct request *q, struct node *n, bool again)
{
        struct naming w = {.q = q, .file = n, .path = "", .again = again};

        n->last = n;
        n->next = NULL;
        n->name = file_prefix(q, n, again);
        n->plain = n->name;
        n->upper = name_upper(q->mem, n->name);
        name_node(&w, n, "");
}

void request_name_file(struct request *q, struct node *file)
{
        for (struct node *n = file; n; n = n->next)
                n->name = NULL;
        name_file(q, file, true);
}

/* ---- the index ------------------------------------------------------------------------------- */

void request_init(struct request *q, struct mem *mem, code_generator_request_reader r)
{
        node_list nodes = code_generator_request_nodes(r);
        node_source_info_list infos = code_generator_request_source_info(r);

        *q = (struct request){
                .mem = mem, .r = r, .n = node_list_len(nodes), .no_doc = q->no_doc, .map = q->map};
        if (q->n > NODES_MAX) {
                request_report(q, NULL, "", "the request has too many declarations");
                q->n = 0;
        }
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
                        name_file(q, &q->nodes[i], false);
}
