/*
 * `capos manifest connect`: the lines of a manifest that put a server behind an instance, from its
 * schema. A .capnp file is compiled by `capnp`, which whoever writes schemas has, into a .schema
 * beside it, for the instance to read. Nothing else is written: what is printed goes into the
 * manifest by hand, because who may have it is for a person to say.
 */
#include "cli.h"

#include <capos/capnp-dynamic.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SCHEMA_BYTES = 4 * 1024 * 1024, NAME_BYTES = 64 };

static const char SOURCE[] = ".capnp", COMPILED[] = ".schema";

static bool ends_with(const char *s, const char *end)
{
        size_t n = strlen(s), m = strlen(end);

        return n > m && !strcmp(s + n - m, end);
}

/* ---- the compiled schema -------------------------------------------------------------------- */

/* Runs `capnp compile -o- FILE`, which writes to fd. 0; -errno: it cannot be run; 1: it has said
 * what is wrong. */
static int capnp_run(const char *file, int fd)
{
        char prefix[PATH_MAX + 16];
        const char *slash = strrchr(file, '/');
        const char *argv[] = {"capnp", "compile", "-o-", prefix, file, NULL};
        posix_spawn_file_actions_t a;
        int status, r;
        pid_t pid;

        (void)snprintf(prefix, sizeof(prefix), "--src-prefix=%.*s", slash ? (int)(slash - file) : 1,
                       slash ? file : ".");
        if (posix_spawn_file_actions_init(&a))
                return -ENOMEM;
        r = posix_spawn_file_actions_adddup2(&a, fd, STDOUT_FILENO);
        if (!r)
                r = posix_spawnp(&pid, "capnp", &a, NULL, (char **)(uintptr_t)argv, environ);
        (void)posix_spawn_file_actions_destroy(&a);
        if (r)
                return -r;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : 1;
}

/* Compiles a schema into a file, whole or not at all. An exit code. */
static int schema_compile(const struct cli *c, const char *file, const char *to)
{
        char new[PATH_MAX + 8];
        int fd, r;

        (void)snprintf(new, sizeof(new), "%s.new", to);
        fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd < 0)
                return cli_fail(c, EXIT_FAILED, "failed", "%s: %s", new, strerror(errno));
        r = capnp_run(file, fd);
        if (close(fd) < 0 && !r)
                r = -errno;
        if (!r && rename(new, to) < 0)
                r = -errno;
        if (!r)
                return EXIT_OK;

        (void)unlink(new);
        if (r == -ENOENT)
                return cli_fail(c, EXIT_FAILED, "failed",
                                "`capnp` is not here: run `capnp compile -o- %s > %s` where it is, "
                                "and name that",
                                file, to);
        return cli_fail(c, EXIT_FAILED, "failed", "%s is not compiled: %s", file,
                        r < 0 ? strerror(-r) : "see above");
}

static int schema_read(const struct cli *c, const char *path, capnp_schema **ret)
{
        struct stat st;
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r = 0;
        void *bytes = NULL;
        ssize_t n;

        if (fd < 0 || fstat(fd, &st) < 0)
                r = -errno;
        else if (!S_ISREG(st.st_mode) || st.st_size > SCHEMA_BYTES)
                r = -EFBIG;
        if (!r)
                bytes = malloc((size_t)st.st_size + 1);
        if (!r && !bytes)
                r = -ENOMEM;
        n = r ? 0 : read(fd, bytes, (size_t)st.st_size);
        if (fd >= 0)
                (void)close(fd);
        if (!r)
                r = n < 0 ? -errno : capnp_schema_new(ret);
        if (!r)
                r = capnp_schema_add_request(*ret, bytes, (size_t)n, NULL);
        free(bytes);
        if (r > 0)
                return cli_fail(c, EXIT_FAILED, "failed",
                                "%s is neither a .capnp file nor what `capnp compile -o-` prints",
                                path);
        return r ? cli_fail(c, EXIT_FAILED, "failed", "%s: %s", path, capnp_strerror(r)) : EXIT_OK;
}

/* ---- its interface -------------------------------------------------------------------------- */

/* At the top of its file, and that is the one that was named: its name without folders. */
static bool is_offered(const capnp_decl *d, const char *file)
{
        const char *name = capnp_decl_name(d), *colon = strchr(name, ':');
        size_t n = colon ? (size_t)(colon - name) : 0;

        if (capnp_decl_kind(d) != CAPNP_DECL_INTERFACE || !colon || strchr(colon, '.'))
                return false;

        return !file || (n == strlen(file) && !strncmp(name, file, n));
}

/* file: as a declaration shows it; NULL: any. An exit code. */
static int interface_find(const struct cli *c, const capnp_schema *s, const char *file,
                          const capnp_decl **ret)
{
        const capnp_decl *d, *found = NULL;
        char names[512] = "";
        size_t at = 0;
        unsigned n = 0;

        if (c->interface) {
                found = capnp_schema_find_name(s, c->interface);
                if (!found || capnp_decl_kind(found) != CAPNP_DECL_INTERFACE)
                        return cli_fail(c, EXIT_USAGE, "usage", "%s: there is no such interface",
                                        c->interface);
                *ret = found;
                return EXIT_OK;
        }

        for (uint32_t i = 0; (d = capnp_schema_at(s, i)); i++) {
                if (!is_offered(d, file))
                        continue;
                found = d;
                if (at < sizeof(names))
                        at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s",
                                               n++ ? ", " : "", capnp_decl_short_name(d));
        }
        if (n != 1)
                return cli_fail(c, EXIT_USAGE, "usage",
                                "say which interface its bootstrap object has, by --interface: %s",
                                n ? names : "there is none at the top of the file");
        *ret = found;
        return EXIT_OK;
}

/* ---- the lines ------------------------------------------------------------------------------ */

/* `Calculator` as a service is called. */
static void name_make(const char *from, char to[NAME_BYTES])
{
        size_t n = 0;

        for (; *from && n < NAME_BYTES - 1; from++) {
                bool upper = *from >= 'A' && *from <= 'Z';

                if (upper && n && n < NAME_BYTES - 2 && to[n - 1] != '_' && from[-1] >= 'a')
                        to[n++] = '_';
                to[n++] = upper ? (char)(*from - 'A' + 'a') : *from;
        }
        to[n] = '\0';
}

static void print_quoted(const char *s)
{
        putchar('"');
        for (; *s; s++)
                printf(*s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
        putchar('"');
}

static void print_where(const struct cli *c)
{
        const char *where = c->words[0];

        if (!strncmp(where, "unix:", 5) || !strncmp(where, "plain:", 6)) {
                fputs("connect = ", stdout);
                print_quoted(where);
                return;
        }
        fputs("connect = \"stdio\", program = ", stdout);
        print_quoted(where);
        if (c->nwords < 3)
                return;
        fputs(", arguments = [", stdout);
        for (unsigned i = 2; i < c->nwords; i++) {
                if (i > 2)
                        fputs(", ", stdout);
                print_quoted(c->words[i]);
        }
        putchar(']');
}

static void print_entry(const struct cli *c, const char *schema, const capnp_decl *d)
{
        char name[NAME_BYTES];

        name_make(c->alias ? c->alias : capnp_decl_short_name(d), name);
        fputs("    (name = ", stdout);
        print_quoted(name);
        fputs(", ", stdout);
        print_where(c);
        fputs(",\n     schema = ", stdout);
        print_quoted(schema);
        printf(",\n     interfaceId = 0x%016" PRIx64 ", title = ", capnp_decl_id(d));
        print_quoted(capnp_decl_short_name(d));
        printf(", remote = ()),\n"
               "# A member of `services`; and of the bundle of each profile that may have it:\n"
               "#   (name = \"%s\")\n",
               name);
}

int cmd_manifest_connect(struct cli *c)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;
        const char *file = c->words[1], *slash = strrchr(file, '/');
        bool source = ends_with(file, SOURCE);
        char to[PATH_MAX], path[PATH_MAX];
        const capnp_decl *d = NULL;
        int r = EXIT_OK;

        if (c->json)
                return cli_fail(c, EXIT_USAGE, "usage", "a manifest is text, not JSON");
        (void)snprintf(to, sizeof(to), "%.*s%s",
                       (int)(strlen(file) - (source ? sizeof(SOURCE) - 1 : 0)), file,
                       source ? COMPILED : "");
        if (source)
                r = schema_compile(c, file, to);
        if (r)
                return r;
        if (!realpath(to, path))
                return cli_fail(c, EXIT_FAILED, "failed", "%s: %s", to, strerror(errno));

        r = schema_read(c, path, &s);
        if (!r)
                r = interface_find(c, s, source ? (slash ? slash + 1 : file) : NULL, &d);
        if (!r)
                print_entry(c, path, d);
        return r;
}
