/*
 * capnpc-c: the C generator behind `capnp compile -oc`.
 *
 * The schema compiler starts it in the output folder and writes one CodeGeneratorRequest to its
 * standard input. For each file X.capnp of the command line there will be X.capnp-c.h (types and
 * one-line accessors) and X.capnp-c.c (tables). Either all of them are written or none; what is
 * wrong is said on standard error as `file: declaration: what to do`.
 *
 * The schema compiler passes no options on. So what they say can be said by the environment, too,
 * and the request can be piped: capnp compile -o- FILE... | capnpc-c OPTIONS FOLDER.
 */
#include "gen.h"

#include "names.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Names are read again and again, but no honest request is read in whole more than 1,024 times. */
enum { REQUEST_MAX_BYTES = 1 << 30, REQUEST_TRAVERSAL = 1 << 20, REQUEST_TIMES = 1024 };

static const char usage[] =
        "usage: capnp compile -oc:FOLDER FILE...\n"
        "       capnp compile -o- FILE... | capnpc-c [OPTION...] [FOLDER]\n"
        "\n"
        "Writes FILE-c.h and FILE-c.c of every FILE into FOLDER (default: the current one).\n"
        "\n"
        "  --names MAP      names for C from outside of the schemas; lines of MAP are\n"
        "                   prefix FILE NAME, and name FILE:DECLARATION NAME, where a file or a\n"
        "                   declaration may be its id (or CAPNPC_C_NAMES=MAP)\n"
        "  --prefix PREFIX  begins every name of every file (or CAPNPC_C_PREFIX=PREFIX)\n"
        "  --no-doc         leaves comments out\n"
        "  --help           this\n";

struct options {
        const char *names;
        const char *prefix;
        const char *folder;
        bool no_doc;
        bool help;
};

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
        for (uint32_t i = 0; i < n; i++)
                gen_deinit(&gens[i]);

        if (r)
                return complain("writing the output", r);
        return q->failed ? 1 : 0;
}

/* 0, or what the program ends with. */
static int read_options(struct options *o, int argc, char **argv)
{
        static const struct option known[] = {{"names", required_argument, NULL, 'n'},
                                              {"prefix", required_argument, NULL, 'p'},
                                              {"no-doc", no_argument, NULL, 'd'},
                                              {"help", no_argument, NULL, 'h'},
                                              {NULL, 0, NULL, 0}};
        int c;

        *o = (struct options){.names = getenv("CAPNPC_C_NAMES"),
                              .prefix = getenv("CAPNPC_C_PREFIX")};
        while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
                if (c == 'n')
                        o->names = optarg;
                else if (c == 'p')
                        o->prefix = optarg;
                else if (c == 'd')
                        o->no_doc = true;
                else if (c == 'h')
                        o->help = true;
                else
                        return 2;
        }

        if (optind < argc)
                o->folder = argv[optind++];
        if (optind < argc) {
                fputs(usage, stderr);
                return 2;
        }
        if (o->prefix && !*o->prefix)
                o->prefix = NULL;
        if (o->prefix && !name_is_valid(o->prefix)) {
                fprintf(stderr, "capnpc-c: --prefix %s: a C name takes letters, digits and _\n",
                        o->prefix);
                return 2;
        }
        return 0;
}

/* The map, and where the output goes: in this order, because the map's path is the caller's. */
static bool apply_options(struct request *q, struct mem *mem, const struct options *o)
{
        q->no_doc = o->no_doc;
        q->map.prefix = o->prefix;
        if (o->names && *o->names && !map_read(&q->map, mem, o->names))
                return false;
        if (o->folder && chdir(o->folder) < 0) {
                fprintf(stderr, "capnpc-c: %s: %s\n", o->folder, strerror(errno));
                return false;
        }

        return true;
}

/* Compiles the request in some bytes. What the program ends with. */
static int compile(struct request *q, struct mem *mem, const uint8_t *b, size_t len)
{
        struct capnp_limits limits = {.message_bytes = REQUEST_MAX_BYTES};
        capnp_msg *m = NULL;
        int r;

        limits.traversal = REQUEST_TRAVERSAL + REQUEST_TIMES * ((uint64_t)len / 8);
        r = capnp_msg_parse(b, len, &limits, &m);
        if (r)
                return complain("the request", r);

        request_init(q, mem, code_generator_request_root(m));
        r = generate(q);
        if (!r && capnp_msg_check(m))
                r = complain("the request", capnp_msg_check(m));
        capnp_msg_free(m);
        return r;
}

int main(int argc, char **argv)
{
        struct options o;
        struct request q = {0};
        struct mem mem = {0};
        uint8_t *b = NULL;
        size_t len = 0;
        int r = read_options(&o, argc, argv);

        if (r)
                return r;
        if (o.help)
                return fputs(usage, stdout) < 0 || fflush(stdout) ? 1 : 0;

        r = read_input(&b, &len);
        if (r)
                return complain("reading the request", r);

        r = apply_options(&q, &mem, &o) ? compile(&q, &mem, b, len) : 1;
        mem_deinit(&mem);
        free(b);
        return r;
}
