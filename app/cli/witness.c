/*
 * Witnesses: how far an instance's audit log had got when it was logged in to and out of.
 *
 * A chain of hashes shows who changes a line, but not who writes all of it anew, and the operator
 * of an instance can. What users were told he cannot change any more: their files are theirs. A
 * file is a line each, `TIME RECORDS HASH WHEN`, which people may read, copy and put together:
 * whoever audits the log gives any number of them to `capos audit verify --witness`.
 *
 * A file that has become long loses every other line: the last one stands for all before it, and
 * those that stay say from when on something is not as it was.
 */
#include "witness.h"

#include "client-known.h"
#include "runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
        FILE_BYTES = 256 * 1024, /* from there on it is thinned */
        LINE_BYTES = 256,
        WITNESSES = 100 * 1000, /* that are read of one file */
        HEX_BYTES = 2 * CAPOS_AUDIT_HASH_BYTES,
};

int witness_place(const char *instance, char *to, size_t room)
{
        char known[CLIENT_KNOWN_PATH], name[200];
        int r = client_known_path(known, sizeof(known)), n;
        char *slash = strrchr(known, '/');

        if (r)
                return r;

        (void)snprintf(name, sizeof(name), "%s", instance);
        for (char *p = name; *p; p++)
                if (*p == '/' || (*p == '.' && p == name))
                        *p = '_';
        n = snprintf(to, room, "%.*s/witnesses/%s", (int)(slash ? slash - known : 0), known, name);
        return n < 0 || (size_t)n >= room ? -ENAMETOOLONG : 0;
}

/* ---- keeping ------------------------------------------------------------------------------ */

/* The folder of a file. */
static int folder_make(const char *path)
{
        char folder[CLIENT_KNOWN_PATH];
        char *slash;
        int r;

        (void)snprintf(folder, sizeof(folder), "%s", path);
        slash = strrchr(folder, '/');
        if (!slash)
                return -ENOENT;
        *slash = 0;
        r = runtime_make_folders(folder);
        return r ? r : access(folder, W_OK) < 0 ? -errno : 0;
}

/* Every other line, in its place. Whoever comes in between is behind the lock. */
static void file_thin(int fd, size_t size)
{
        char *all = malloc(size), *from = all, *to = all, *end;
        ssize_t n = all ? pread(fd, all, size, 0) : -1;

        for (unsigned i = 0; n > 0 && from < all + n; i++, from = end) {
                end = memchr(from, '\n', (size_t)(all + n - from));
                end = end ? end + 1 : all + n;
                if (i % 2)
                        continue;
                memmove(to, from, (size_t)(end - from));
                to += end - from;
        }
        if (n > 0 && pwrite(fd, all, (size_t)(to - all), 0) == to - all)
                (void)!ftruncate(fd, to - all);
        free(all);
}

void witness_keep(const char *path, const char *when, uint64_t records, capnp_data hash)
{
        char line[LINE_BYTES], date[32] = "-";
        time_t now = time(NULL);
        struct stat st;
        struct tm tm;
        size_t len;
        int fd;

        if (!path || !records || hash.len != CAPOS_AUDIT_HASH_BYTES || folder_make(path))
                return;
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
        if (fd < 0)
                return;

        if (gmtime_r(&now, &tm))
                (void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
        len = (size_t)snprintf(line, sizeof(line), "%s %" PRIu64 " ", date, records);
        for (unsigned i = 0; i < hash.len; i++)
                len += (size_t)snprintf(line + len, sizeof(line) - len, "%02x", hash.p[i]);
        len += (size_t)snprintf(line + len, sizeof(line) - len, " %s\n", when);
        if (!flock(fd, LOCK_EX) && !fstat(fd, &st) && S_ISREG(st.st_mode)) {
                if (st.st_size >= FILE_BYTES && st.st_size < 64 * FILE_BYTES)
                        file_thin(fd, (size_t)st.st_size);
                (void)!pwrite(fd, line, len, lseek(fd, 0, SEEK_END));
        }
        (void)close(fd);
}

/* ---- reading ------------------------------------------------------------------------------ */

static bool hash_read(const char *hex, uint8_t to[CAPOS_AUDIT_HASH_BYTES])
{
        static const char digits[] = "0123456789abcdef";

        for (unsigned i = 0; i < HEX_BYTES; i++) {
                const char *d = hex[i] ? strchr(digits, hex[i]) : NULL;

                if (!d)
                        return false;
                to[i / 2] = (uint8_t)((i % 2 ? to[i / 2] << 4 : 0) | (d - digits));
        }
        return true;
}

/* A line; what stands behind the hash is for people. */
static bool line_read(const char *line, struct capos_audit_chain *ret)
{
        char hex[HEX_BYTES + 1], number[24], *end;

        if (sscanf(line, "%*s %23s %64s", number, hex) != 2 || strlen(hex) != HEX_BYTES ||
            *number < '1' || *number > '9')
                return false;

        errno = 0;
        ret->records = strtoull(number, &end, 10);
        return !errno && !*end && hash_read(hex, ret->hash);
}

static int witness_order(const void *a, const void *b)
{
        const struct witness *x = a, *y = b;

        return (x->chain.records > y->chain.records) - (x->chain.records < y->chain.records);
}

/* What is wrong with it is a code. */
static int file_read(const struct cli *c, const char *path, FILE *f, struct witness *all,
                     size_t *ret_n)
{
        char line[LINE_BYTES];
        size_t n = 0;

        for (unsigned at = 1; fgets(line, sizeof(line), f); at++) {
                if (*line == '#' || *line == '\n')
                        continue;
                if (n == WITNESSES || !line_read(line, &all[n].chain))
                        return cli_fail(c, EXIT_FAILED, "failed", "%s: line %u: not a witness",
                                        path, at);
                all[n++].line = at;
        }
        qsort(all, n, sizeof(*all), witness_order);
        *ret_n = n;
        return EXIT_OK;
}

int witness_read(const struct cli *c, const char *path, struct witness **ret, size_t *ret_n)
{
        struct witness *all;
        FILE *f = fopen(path, "re");
        int r;

        if (!f)
                return cli_fail(c, EXIT_FAILED, "failed", "%s: %s", path, strerror(errno));

        all = calloc(WITNESSES, sizeof(*all));
        r = all ? file_read(c, path, f, all, ret_n) : cli_fail_code(c, -ENOMEM, path);
        (void)fclose(f);
        if (r)
                free(all);
        else
                *ret = all;
        return r;
}
