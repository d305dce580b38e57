/*
 * A part of a registry as a CodeGeneratorRequest: what a peer needs to know to call an interface.
 *
 * Declarations are reached from one by what it mentions: types of fields, also in the parameters of
 * generic types, groups, parameters and results, extended interfaces; and the file around each. The
 * worklist is in the order they were met, so nothing recurses but the walk through a type's brand,
 * which is nested as deeply as our own message allows.
 *
 * The values of annotations are in the nodes; the declarations of annotations are left out, and so
 * are constants: nobody calls those. Comments go along.
 */
#include "dynamic-buf.h"
#include "dynamic-schema.h"

#include <errno.h>
#include <stdlib.h>

struct dump {
        const capnp_schema *s;
        const capnp_decl **list;
        uint32_t n;
        bool *seen; /* by index in the registry */
};

static void dump_deinit(struct dump *d)
{
        free(d->list);
        free(d->seen);
}

/* The index of a declaration in the registry; UINT32_MAX. */
static uint32_t schema_index(const capnp_schema *s, uint64_t id)
{
        uint32_t low = 0, high = s->n;

        while (low < high) {
                uint32_t at = low + (high - low) / 2;

                if (s->decls[at]->id == id)
                        return at;
                if (s->decls[at]->id < id)
                        low = at + 1;
                else
                        high = at;
        }

        return UINT32_MAX;
}

static void dump_add(struct dump *d, uint64_t id)
{
        uint32_t i = schema_index(d->s, id);

        if (i == UINT32_MAX || d->seen[i])
                return;

        d->seen[i] = true;
        d->list[d->n++] = d->s->decls[i];
}

/* The file a declaration is in. Groups and structs of methods have scopes, too, or none at all. */
static const capnp_decl *decl_file(const capnp_schema *s, const capnp_decl *d)
{
        for (unsigned i = 0; d && d->kind != CAPNP_DECL_FILE; i++)
                d = i < DYNAMIC_SCOPES_MAX ? capnp_schema_find(s, d->scope) : NULL;

        return d;
}

/* ---- what is mentioned -------------------------------------------------------------------- */

static void dump_type(struct dump *d, type_reader r, unsigned depth);

static void dump_brand(struct dump *d, brand_reader b, unsigned depth)
{
        brand_scope_list scopes = brand_scopes(b);

        for (uint32_t i = 0; depth && i < brand_scope_list_len(scopes); i++) {
                brand_binding_list list = brand_scope_bind(brand_scope_list_get(scopes, i));

                for (uint32_t k = 0; k < brand_binding_list_len(list); k++)
                        dump_type(d, brand_binding_type(brand_binding_list_get(list, k)),
                                  depth - 1);
        }
}

static void dump_type(struct dump *d, type_reader r, unsigned depth)
{
        struct dynamic_type t;

        if (dynamic_type_read(r, &t) || t.is_param)
                return;

        dump_add(d, t.id);
        dump_brand(d, t.brand, depth);
}

static void dump_mentioned(struct dump *d, const capnp_decl *at)
{
        for (uint32_t i = 0; at->kind == CAPNP_DECL_STRUCT && i < at->n; i++) {
                const struct dynamic_field *f = &at->fields[i];

                if (!f->type.is_param)
                        dump_add(d, f->type.id);
                dump_brand(d, f->type.brand, DYNAMIC_DEPTH);
        }

        for (uint32_t i = 0; i < at->nsupers; i++)
                dump_add(d, at->supers[i]);
        for (uint32_t i = 0; at->kind == CAPNP_DECL_INTERFACE && i < at->n; i++) {
                dump_add(d, at->methods[i].params);
                dump_add(d, at->methods[i].results);
        }
}

/* Brands of extended interfaces, parameters and results: only the node has them. */
static void dump_branded(struct dump *d, const capnp_decl *at)
{
        node_interface_reader r = node_interface(at->r);
        superclass_list supers = node_interface_superclasses(r);
        method_list methods = node_interface_methods(r);

        for (uint32_t i = 0; i < superclass_list_len(supers); i++)
                dump_brand(d, superclass_brand(superclass_list_get(supers, i)), DYNAMIC_DEPTH);
        for (uint32_t i = 0; i < method_list_len(methods); i++) {
                method_reader m = method_list_get(methods, i);

                dump_brand(d, method_param_brand(m), DYNAMIC_DEPTH);
                dump_brand(d, method_result_brand(m), DYNAMIC_DEPTH);
        }
}

static int dump_collect(struct dump *d, const capnp_schema *s, uint64_t id)
{
        d->s = s;
        d->list = malloc(((size_t)s->n + 1) * sizeof(*d->list));
        d->seen = calloc((size_t)s->n + 1, sizeof(*d->seen));
        if (!d->list || !d->seen)
                return -ENOMEM;

        dump_add(d, id);
        for (uint32_t i = 0; i < d->n; i++) {
                const capnp_decl *file = decl_file(s, d->list[i]);

                dump_mentioned(d, d->list[i]);
                dump_branded(d, d->list[i]);
                if (file)
                        dump_add(d, file->id);
        }

        return d->n ? 0 : CAPNP_E_UNKNOWN;
}

/* ---- the request -------------------------------------------------------------------------- */

static void dump_file(struct dump *d, code_generator_request_builder r)
{
        const capnp_decl *file = decl_file(d->s, d->list[0]);
        code_generator_request_requested_file_list_builder files;
        code_generator_request_requested_file_builder f;

        if (!file)
                return;

        files = code_generator_request_init_requested_files(r, 1);
        f = code_generator_request_requested_file_list_builder_get(files, 0);
        code_generator_request_requested_file_set_id(f, file->id);
        code_generator_request_requested_file_set_filename(f, file->name);
}

static bool decl_has_docs(const capnp_decl *d)
{
        return *d->doc || d->docs;
}

static void dump_docs_of(const capnp_decl *d, node_source_info_builder r)
{
        node_source_info_member_list_builder list;

        node_source_info_set_id(r, d->id);
        node_source_info_set_doc_comment(r, d->doc);
        if (!d->docs)
                return;

        list = node_source_info_init_members(r, d->n);
        for (uint32_t i = 0; i < d->n; i++)
                if (d->docs[i])
                        node_source_info_member_set_doc_comment(
                                node_source_info_member_list_builder_get(list, i), d->docs[i]);
}

static void dump_docs(struct dump *d, code_generator_request_builder r)
{
        node_source_info_list_builder list;
        uint32_t n = 0;

        for (uint32_t i = 0; i < d->n; i++)
                n += decl_has_docs(d->list[i]);
        if (!n)
                return;

        list = code_generator_request_init_source_info(r, n);
        n = 0;
        for (uint32_t i = 0; i < d->n; i++)
                if (decl_has_docs(d->list[i]))
                        dump_docs_of(d->list[i], node_source_info_list_builder_get(list, n++));
}

static int dump_build(struct dump *d, capnp_msg *m)
{
        code_generator_request_builder r = code_generator_request_build(m);
        node_list_builder nodes = code_generator_request_init_nodes(r, d->n);

        for (uint32_t i = 0; i < d->n; i++)
                capnp_builder_copy(node_list_builder_get(nodes, i).b, d->list[i]->r.r);
        dump_docs(d, r);
        dump_file(d, r);
        return capnp_msg_check(m);
}

int capnp_schema_dump(const capnp_schema *s, uint64_t id, struct capnp_buf *to)
{
        CAPNP_AUTO(dump_deinit) struct dump d = {0};
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        int r = dump_collect(&d, s, id);

        if (r)
                return r;

        r = capnp_msg_new(&m);
        if (!r)
                r = dump_build(&d, m);
        return r ? r : dynamic_out_msg(to, m);
}
