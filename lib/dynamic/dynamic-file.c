/*
 * Generated code as a CodeGeneratorRequest: a schema file and all files that one uses, each once
 * although files may import each other, as a schema compiler would hand them to a generator.
 * Whoever receives it can load it, print it, or generate code from it.
 */
#include "dynamic-buf.h"

#include "schema.capnp-c.h"

#include <string.h>

enum { FILES_MAX = 256 };

struct files {
        const struct capnp_schema_file *f[FILES_MAX];
        uint32_t n, nodes, docs;
};

static int files_add(struct files *s, const struct capnp_schema_file *f)
{
        for (uint32_t i = 0; i < s->n; i++)
                if (s->f[i]->id == f->id)
                        return 0;
        if (s->n == FILES_MAX)
                return CAPNP_E_LIMIT;

        s->f[s->n++] = f;
        s->nodes += f->nnodes;
        s->docs += f->ndocs;
        return 0;
}

/* Breadth first: whatever is behind `at` has been followed. */
static int files_collect(struct files *s, const struct capnp_schema_file *f)
{
        int r = files_add(s, f);

        for (uint32_t at = 0; !r && at < s->n; at++)
                for (uint32_t i = 0; !r && i < s->f[at]->nimports; i++)
                        r = files_add(s, s->f[at]->imports[i]);
        return r;
}

static void nodes_write(const struct files *s, code_generator_request_builder b)
{
        node_list_builder nodes = code_generator_request_init_nodes(b, s->nodes);
        uint32_t at = 0;

        for (uint32_t i = 0; i < s->n; i++)
                for (uint32_t k = 0; k < s->f[i]->nnodes; k++)
                        capnp_builder_copy(
                                node_list_builder_get(nodes, at++).b,
                                capnp_any_struct((capnp_any){0}, s->f[i]->nodes[k].words));
}

static void doc_write(const struct capnp_schema_doc *doc, node_source_info_builder b)
{
        const char *first = doc->text + strlen(doc->text) + 1, *end = doc->text + doc->len;
        node_source_info_member_list_builder list;
        uint32_t n = 0;

        node_source_info_set_id(b, doc->id);
        node_source_info_set_doc_comment(b, doc->text);
        for (const char *p = first; p < end; p += strlen(p) + 1)
                n++;
        list = node_source_info_init_members(b, n);
        n = 0;
        for (const char *p = first; p < end; p += strlen(p) + 1)
                node_source_info_member_set_doc_comment(
                        node_source_info_member_list_builder_get(list, n++), p);
}

static void asked_write(const struct capnp_schema_file *f, code_generator_request_builder b)
{
        code_generator_request_requested_file_builder asked;

        asked = code_generator_request_requested_file_list_builder_get(
                code_generator_request_init_requested_files(b, 1), 0);
        code_generator_request_requested_file_set_id(asked, f->id);
        code_generator_request_requested_file_set_filename(asked, f->name);
}

static void docs_write(const struct files *s, code_generator_request_builder b)
{
        node_source_info_list_builder docs = code_generator_request_init_source_info(b, s->docs);
        uint32_t at = 0;

        for (uint32_t i = 0; i < s->n; i++)
                for (uint32_t k = 0; k < s->f[i]->ndocs; k++)
                        doc_write(&s->f[i]->docs[k], node_source_info_list_builder_get(docs, at++));
}

int capnp_schema_write_file(const struct capnp_schema_file *f, struct capnp_buf *to)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        code_generator_request_builder b;
        struct files s = {.n = 0};
        int r;

        r = f ? files_collect(&s, f) : 0;
        if (!r)
                r = capnp_msg_new(&m);
        if (r)
                return r;

        b = code_generator_request_build(m);
        nodes_write(&s, b);
        docs_write(&s, b);
        if (f)
                asked_write(f, b);
        r = capnp_msg_check(m);
        return r ? r : dynamic_out_msg(to, m);
}
