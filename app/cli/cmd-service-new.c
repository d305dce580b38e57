/*
 * `capos service new`: a folder with a service to start from. What is written is new/, a service
 * that is called hello, with the name that was asked for in the places of its name, ids of its own,
 * and the folder's path in its manifest. A folder that is there already is left alone.
 */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_BYTES = 32 };

struct file {
        const char *language, *name, *text;
};

static const struct file files[] = {
#include "new-files.inc"
};

/* What stands in the files, and what for. */
struct words {
        char camel[NAME_BYTES + 1], file_id[24], interface_id[24], path[PATH_MAX];
        struct {
                const char *from, *to;
        } all[5];
};

/* Small letters, digits and single _ between words: a name in a manifest, and in every language. */
static bool name_is_good(const char *s)
{
        static const char letters[] = "abcdefghijklmnopqrstuvwxyz", digits[] = "0123456789";
        size_t n = strlen(s);

        if (n == 0 || n > NAME_BYTES)
                return false;
        for (size_t i = 0; i < n; i++) {
                bool begins = i == 0 || s[i - 1] == '_';

                if (!strchr(letters, s[i]) && (begins || !strchr(digits, s[i])) &&
                    (begins || s[i] != '_'))
                        return false;
        }
        return s[n - 1] != '_';
}

/* Ours, and the prefixes of what a service is made with. */
static bool name_is_taken(const char *s)
{
        static const char *const taken[] = {"session", "admin", "capnp", "capos", "kit", "play"};

        for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
                if (strcmp(s, taken[i]) == 0)
                        return true;
        return false;
}

static int id_make(char to[24])
{
        uint64_t id;

        if (getrandom(&id, sizeof(id), 0) != (ssize_t)sizeof(id))
                return -errno;

        (void)snprintf(to, 24, "0x%016" PRIx64, id | UINT64_C(1) << 63);
        return 0;
}

static int words_make(struct words *w, const char *name)
{
        size_t n = 0;
        int r;

        for (size_t i = 0; name[i]; i++) {
                bool begins = i == 0 || name[i - 1] == '_';

                if (name[i] != '_')
                        w->camel[n++] = begins ? (char)(name[i] - 'a' + 'A') : name[i];
        }
        w->camel[n] = '\0';
        if (!realpath(name, w->path))
                return -errno;
        r = id_make(w->file_id);
        if (!r)
                r = id_make(w->interface_id);
        if (r)
                return r;

        /* The path first: the name is in it. */
        w->all[0].from = "/path/to/hello";
        w->all[0].to = w->path;
        w->all[1].from = "0xbfa25e90ba1d8e11";
        w->all[1].to = w->file_id;
        w->all[2].from = "0x89a4cd3cd5b7f402";
        w->all[2].to = w->interface_id;
        w->all[3].from = "Hello";
        w->all[3].to = w->camel;
        w->all[4].from = "hello";
        w->all[4].to = name;
        return 0;
}

static void text_write(const struct words *w, const char *s, FILE *to)
{
        while (*s) {
                unsigned i = 0;

                while (i < 5 && strncmp(s, w->all[i].from, strlen(w->all[i].from)) != 0)
                        i++;
                if (i < 5)
                        (void)fputs(w->all[i].to, to);
                else
                        (void)fputc(*s, to);
                s += i < 5 ? strlen(w->all[i].from) : 1;
        }
}

/* The name of a file in the folder. */
static int file_name(const struct words *w, const struct file *f, char to[PATH_MAX])
{
        FILE *out = fmemopen(to, PATH_MAX, "w");

        if (!out)
                return -errno;
        text_write(w, f->name, out);
        return fclose(out) ? -ENAMETOOLONG : 0;
}

static int file_write(int folder, const struct words *w, const struct file *f)
{
        char name[PATH_MAX];
        int r = file_name(w, f, name), fd;
        FILE *to;

        if (r)
                return r;
        fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                    strncmp(f->text, "#!", 2) ? 0666 : 0777);
        to = fd < 0 ? NULL : fdopen(fd, "w");
        if (!to)
                return -errno;

        text_write(w, f->text, to);
        r = ferror(to) ? -EIO : 0;
        return fclose(to) ? -errno : r;
}

/* All of them, or none: the folder is as it was before. */
static int folder_fill(int folder, const struct words *w, const char *language)
{
        size_t n = sizeof(files) / sizeof(files[0]), i;
        char name[PATH_MAX];
        int r = 0;

        for (i = 0; i < n && !r; i++)
                if (strcmp(files[i].language, language) == 0)
                        r = file_write(folder, w, &files[i]);
        while (r && i-- > 0)
                if (strcmp(files[i].language, language) == 0 && !file_name(w, &files[i], name))
                        (void)unlinkat(folder, name, 0);
        return r;
}

static bool language_is_known(const char *s)
{
        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
                if (strcmp(files[i].language, s) == 0)
                        return true;
        return false;
}

static int service_write(const char *name, const char *language)
{
        struct words w;
        int folder = -1, r = words_make(&w, name);

        if (!r)
                folder = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (!r && folder < 0)
                r = -errno;
        if (!r)
                r = folder_fill(folder, &w, language);
        if (folder >= 0)
                (void)close(folder);
        if (r)
                (void)rmdir(name);
        return r;
}

int cmd_service_new(struct cli *c)
{
        const char *name = c->words[0], *language = c->language ? c->language : "c";
        int r;

        if (!name_is_good(name))
                return cli_fail(c, EXIT_USAGE, "usage",
                                "%s: a service's name has 1 to 32 of a-z, 0-9 and _, words of "
                                "which each begins with a letter",
                                name);
        if (name_is_taken(name))
                return cli_fail(c, EXIT_USAGE, "usage", "%s: this name has a meaning already",
                                name);
        if (!language_is_known(language))
                return cli_fail(c, EXIT_USAGE, "usage",
                                "%s: there is c and python; a server in any other language is put "
                                "behind an instance by `capos manifest connect`",
                                language);
        if (mkdir(name, 0777) < 0)
                return cli_fail(c, EXIT_FAILED, "failed", "%s: %s", name,
                                errno == EEXIST ? "it is there already" : strerror(errno));
        r = service_write(name, language);
        if (r)
                return cli_fail(c, EXIT_FAILED, "failed", "%s: %s", name, strerror(-r));

        if (c->json)
                printf("{\"name\":\"%s\",\"language\":\"%s\"}\n", name, language);
        else
                printf("%s/ is written: a schema, a program, a manifest and a test.\n\n"
                       "    cd %s\n    make check    # builds it and tests it\n"
                       "    make run      # an instance with it, in the foreground\n",
                       name, name);
        return EXIT_OK;
}
