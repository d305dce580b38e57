/*
 * Any bytes as the request of the schema compiler, compiled to C as far as it goes: names, texts,
 * notes. Nothing is written, and what is told goes nowhere.
 */
#include "gen.h"

#include <stdio.h>
#include <stdlib.h>

/* A small limit, so that an input costs no more than it weighs. */
enum { TRAVERSAL_WORDS = 1 << 18, FILES_MAX = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compile(struct request *q)
{
        code_generator_request_requested_file_list files =
                code_generator_request_requested_files(q->r);
        uint32_t n = code_generator_request_requested_file_list_len(files);

        for (uint32_t i = 0; i < n && i < FILES_MAX; i++) {
                struct gen g;

                file_gen(&g, q, code_generator_request_requested_file_list_get(files, i));
                gen_deinit(&g);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const struct capnp_limits limits = {.traversal = TRAVERSAL_WORDS};
        struct request q = {.no_doc = size % 2};
        void *bytes = malloc(size ? size : 1);
        FILE *told = stderr;
        struct mem mem = {0};
        capnp_msg *m = NULL;

        if (!bytes)
                abort();
        if (size)
                memcpy(bytes, data, size);
        stderr = fopen("/dev/null", "we");
        if (!stderr)
                abort();

        if (capnp_msg_parse(bytes, size, &limits, &m) == 0) {
                request_init(&q, &mem, code_generator_request_root(m));
                compile(&q);
                mem_deinit(&mem);
                capnp_msg_free(m);
        }

        fclose(stderr);
        stderr = told;
        free(bytes);
        return 0;
}
