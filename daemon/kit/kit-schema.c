/*
 * What a service offers, as it describes itself: its schema file and all files that one uses, each
 * once although files may import each other, written as the CodeGeneratorRequest that a schema
 * compiler would hand to a plugin. Whoever receives it can load it, print it, or generate code from
 * it.
 */
#include "gen/schema.capnp-c.h"
#include <capos/kit.h>

#include <errno.h>
#include <stdlib.h>

enum { FILES_MAX = 256 };

struct files {
        const struct capnp_schema_file *f[FILES_MAX];
        uint32_t n, nodes;
};

static bool files_have(const struct files *s, const struct capnp_schema_file *f)
{
        for (uint32_t i = 0; i < s->n; i++)
                if (s->f[i]->id == f->id)
                        return true;
        return false;
}

static int files_add(struct files *s, const struct capnp_schema_file *f)
{
        if (files_have(s, f))
                return 0;
        if (s->n == FILES_MAX)
                return CAPNP_E_LIMIT;

        s->f[s->n++] = f;
        s->nodes += f->nnodes;
        return 0;
}

/* Breadth first: whatever is behind `at` has been followed. */
static int files_collect(struct files *s, const struct capnp_schema_file *f)
{
        int r = f ? files_add(s, f) : 0;

        for (uint32_t at = 0; !r && at < s->n; at++)
                for (uint32_t i = 0; !r && i < s->f[at]->nimports; i++)
                        r = files_add(s, s->f[at]->imports[i]);
        return r;
}

static void files_write(const struct files *s, code_generator_request_builder b)
{
        code_generator_request_requested_file_list_builder asked;
        node_list_builder nodes = code_generator_request_init_nodes(b, s->nodes);
        uint32_t at = 0;

        for (uint32_t i = 0; i < s->n; i++) {
                for (uint32_t j = 0; j < s->f[i]->nnodes; j++) {
                        const uint64_t *words = s->f[i]->nodes[j].words;

                        capnp_builder_copy(node_list_builder_get(nodes, at++).b,
                                           capnp_any_struct((capnp_any){0}, words));
                }
        }
        if (s->n == 0)
                return;

        asked = code_generator_request_init_requested_files(b, 1);
        code_generator_request_requested_file_set_id(
                code_generator_request_requested_file_list_builder_get(asked, 0), s->f[0]->id);
        code_generator_request_requested_file_set_filename(
                code_generator_request_requested_file_list_builder_get(asked, 0), s->f[0]->name);
}

int kit_schema_new(const struct capnp_schema_file *f, uint8_t **ret_b, size_t *ret_len)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        struct files s = {.n = 0};
        uint8_t *b;
        size_t len;
        int r;

        r = files_collect(&s, f);
        if (!r)
                r = capnp_msg_new(&m);
        if (r)
                return r;

        files_write(&s, code_generator_request_build(m));
        r = capnp_msg_check(m);
        if (r)
                return r;

        len = capnp_msg_size(m);
        b = malloc(len);
        if (!b)
                return -ENOMEM;

        r = capnp_msg_write(m, b, len);
        if (r) {
                free(b);
                return r;
        }

        *ret_b = b;
        *ret_len = len;
        return 0;
}
