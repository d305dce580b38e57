/*
 * capnpc-c: the C generator behind `capnp compile -oc`.
 *
 * The schema compiler starts it in the output folder and writes one CodeGeneratorRequest to its
 * standard input. For each file X.capnp of the command line there will be X.capnp-c.h (types and
 * one-line accessors) and X.capnp-c.c (tables). Either all of them are written or none; what is
 * wrong is said on standard error as `file: declaration: what to do`.
 */
#include "gen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Names are read again and again, but no honest request is read in whole more than 64 times. */
enum { REQUEST_MAX_BYTES = 1 << 30, REQUEST_TRAVERSAL = 1 << 24 };

static int complain(const char *what, int r)
{
        fprintf(stderr, "capnpc-c: %s: %s\n", what, capnp_strerror(r));
        return 1;
}

/* All of standard input. 0 or -errno. */
static int read_input(uint8_t **ret_b, size_t *ret_len)
{
        size_t len = 0, room = 0;
        uint8_t *b = NULL;
        ssize_t n = 1;

        while (n > 0) {
                if (len == room) {
                        uint8_t *bigger = room < REQUEST_MAX_BYTES
                                                  ? realloc(b, room ? 2 * room : 65536)
                                                  : NULL;

                        if (!bigger) {
                                free(b);
                                return -ENOMEM;
                        }
                        b = bigger;
                        room = room ? 2 * room : 65536;
                }
                n = read(STDIN_FILENO, b + len, room - len);
                if (n < 0 && errno == EINTR)
                        n = 1;
                else if (n > 0)
                        len += (size_t)n;
        }

        if (n < 0) {
                free(b);
                return -errno;
        }

        *ret_b = b;
        *ret_len = len;
        return 0;
}

/* Where the output of a requested file goes: below the current folder, whatever the request says.
 */
static const char *output_path(struct request *q, code_generator_request_requested_file_reader r,
                               const char *suffix)
{
        const char *name = code_generator_request_requested_file_filename(r).p;
        const char *whole = mem_fmt(q->mem, "/%s/", name);

        if (name[0] == '/' || !name[0] || strstr(whole, "/../")) {
                request_report(q, request_find(q, code_generator_request_requested_file_id(r)), "",
                               "the output would be outside the output folder; use --src-prefix");
                return NULL;
        }

        return mem_fmt(q->mem, "%s-c.%s", name, suffix);
}

/* Writes all texts under temporary names, then renames them. 0 or -errno. */
static int write_all(struct out **texts, const char **paths, uint32_t n)
{
        uint32_t written, named;
        int r = 0;

        for (written = 0; !r && written < n; written++)
                r = out_write(texts[written], paths[written]);
        for (named = 0; !r && named < n; named++)
                r = out_commit(paths[named]);
        if (r)
                for (uint32_t i = 0; i < written; i++)
                        out_discard(paths[i]);
        return r;
}

static int generate(struct request *q)
{
        code_generator_request_requested_file_list files =
                code_generator_request_requested_files(q->r);
        uint32_t n = code_generator_request_requested_file_list_len(files);
        struct gen *gens = mem_alloc(q->mem, n * sizeof(*gens) + 1);
        struct out **texts = mem_alloc(q->mem, 2 * n * sizeof(*texts) + 1);
        const char **paths = mem_alloc(q->mem, 2 * n * sizeof(*paths) + 1);
        int r = 0;

        for (uint32_t i = 0; i < n; i++) {
                code_generator_request_requested_file_reader f =
                        code_generator_request_requested_file_list_get(files, i);

                file_gen(&gens[i], q, f);
                texts[2 * i] = &gens[i].h;
                texts[2 * i + 1] = &gens[i].c;
                paths[2 * i] = output_path(q, f, "h");
                paths[2 * i + 1] = output_path(q, f, "c");
        }

        if (!q->failed)
                r = write_all(texts, paths, 2 * n);
        for (uint32_t i = 0; i < n; i++) {
                out_deinit(&gens[i].h);
                out_deinit(&gens[i].c);
        }

        if (r)
                return complain("writing the output", r);
        return q->failed ? 1 : 0;
}

int main(int argc, char **argv)
{
        struct capnp_limits limits = {.message_bytes = REQUEST_MAX_BYTES};
        struct request q = {0};
        struct mem mem = {0};
        capnp_msg *m = NULL;
        uint8_t *b = NULL;
        size_t len = 0;
        int r;

        q.no_doc = argc == 2 && !strcmp(argv[1], "--no-doc");
        if (argc > 1 && !q.no_doc) {
                fprintf(stderr,
                        "Run it as `capnp compile -oc:FOLDER FILE…`, or, to leave comments out,\n"
                        "`capnp compile -o- FILE… | capnpc-c --no-doc`.\n");
                return 2;
        }

        r = read_input(&b, &len);
        if (r)
                return complain("reading the request", r);

        limits.traversal = REQUEST_TRAVERSAL + 8 * (uint64_t)len;
        r = capnp_msg_parse(b, len, &limits, &m);
        if (r) {
                free(b);
                return complain("the request", r);
        }

        request_init(&q, &mem, code_generator_request_root(m));
        r = generate(&q);
        if (!r && capnp_msg_check(m))
                r = complain("the request", capnp_msg_check(m));

        mem_deinit(&mem);
        capnp_msg_free(m);
        free(b);
        return r;
}
