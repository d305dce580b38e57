/*
 * An audit log as files: its segments, in order, each held against the one before it while it is
 * read. Nothing of it is kept, however long it is.
 *
 * A log may be written while it is read. Its last file is opened before anybody looks for sealed
 * ones, so a segment that is sealed meanwhile is the one that is open, and is not read twice.
 */
#include "audit-read.h"

#include "audit-far.h"
#include "session-audit.h"
#include "state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- segments ----------------------------------------------------------------------------- */

static int number_order(const void *a, const void *b)
{
        const uint32_t *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

size_t audit_segments(const char *path, uint32_t **ret_numbers)
{
        const char *slash = strrchr(path, '/');
        char folder[4096];
        uint32_t *numbers = NULL, number;
        size_t n = 0;
        struct dirent *e;
        DIR *d;

        (void)snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash + 1 - path) : 1,
                       slash ? path : ".");
        d = opendir(folder);
        while (d && (e = readdir(d))) {
                uint32_t *more;

                number = capos_audit_segment_of(e->d_name);
                if (!number)
                        continue;
                more = realloc(numbers, (n + 1) * sizeof(*numbers));
                if (!more)
                        break;
                numbers = more;
                numbers[n++] = number;
        }
        if (d)
                (void)closedir(d);
        if (n)
                qsort(numbers, n, sizeof(*numbers), number_order);
        *ret_numbers = numbers;
        return n;
}

void audit_segment_path(const char *path, uint32_t segment, char *ret, size_t room)
{
        const char *slash = strrchr(path, '/');
        char name[CAPOS_AUDIT_NAME_BYTES];

        capos_audit_segment_name(segment, name);
        (void)snprintf(ret, room, "%.*s%s", slash ? (int)(slash + 1 - path) : 0, path, name);
}

bool audit_is_whole(const char *path)
{
        const char *slash = strrchr(path, '/');

        return !strcmp(slash ? slash + 1 : path, CAPOS_AUDIT_FILE);
}

int audit_place(struct cli *c, char *path, size_t room)
{
        char folder[3072];
        struct stat st;
        int r;

        if (state_is_far(c)) {
                (void)snprintf(path, room, AUDIT_FAR);
                return c->nwords ? cli_fail(c, EXIT_USAGE, "usage", "a FILE is here: not --remote")
                                 : EXIT_OK;
        }
        if (c->nwords && (stat(c->words[0], &st) || !S_ISDIR(st.st_mode))) {
                (void)snprintf(path, room, "%s", c->words[0]);
                return EXIT_OK;
        }
        if (c->nwords) {
                (void)snprintf(path, room, "%s/" CAPOS_AUDIT_FILE, c->words[0]);
                return EXIT_OK;
        }

        r = state_folder(c, folder, sizeof(folder));
        if (!r)
                (void)snprintf(path, room, "%s/" CAPOS_AUDIT_FILE, folder);
        return r;
}

/* ---- reading ------------------------------------------------------------------------------ */

static bool chain_is(const struct capos_audit_chain *a, const struct capos_audit_chain *b)
{
        return a->records == b->records && !memcmp(a->hash, b->hash, sizeof(a->hash));
}

/* Of a file that does not go on from the one before it nothing is shown. */
static void reading_line(void *arg, const char *p, size_t len,
                         const struct capos_audit_chain *before,
                         const struct capos_audit_chain *after)
{
        struct audit_reading *r = arg;

        if (!r->inside)
                r->follows = r->alone || r->from_any || chain_is(before, &r->chain);
        r->inside = true;
        if (r->follows && r->line)
                r->line(r->arg, p, len, before, after);
}

/* A segment must go on from the one before it; else what lies between is missing. */
static int reading_follow(const struct audit_reading *r, const char *path,
                          const struct capos_audit_verdict *v)
{
        if (r->alone || r->from_any ||
            (v->segment == r->segment + 1 && chain_is(&v->begin, &r->chain)))
                return EXIT_OK;
        if (v->segment > r->segment + 1 && v->begin.records > r->chain.records)
                return cli_fail(
                        r->c, EXIT_FAILED, "audit",
                        "%s: segment %" PRIu32 "%s missing: records %" PRIu64 " to %" PRIu64, path,
                        r->segment + 1, v->segment > r->segment + 2 ? " and more are" : " is",
                        r->chain.records + 1, v->begin.records);

        return cli_fail(r->c, EXIT_FAILED, "audit",
                        "%s: segment %" PRIu32 " does not go on from where the one before it ends",
                        path, v->segment);
}

/* One file, whose descriptor is taken. */
static void reading_file(struct audit_reading *r, const char *path, int fd)
{
        const struct capos_audit_reader reader = {reading_line, r};
        struct capos_audit_verdict v = {0};
        int e;

        r->inside = false;
        e = capos_audit_read(fd, NULL, &reader, &v);
        (void)close(fd);
        if (v.part && !r->alone) /* of some log; it is none */
                v.fault = CAPOS_AUDIT_FORM;
        if (e)
                r->code = e == -EINVAL ? cli_fail(r->c, EXIT_FAILED, "failed",
                                                  "%s: it is not a regular file", path)
                                       : cli_fail_code(r->c, e, path);
        else if (v.fault)
                r->code = cli_fail(r->c, EXIT_FAILED, "audit", "%s: line %" PRIu64 ": %s", path,
                                   v.line, capos_audit_fault_text(v.fault));
        else
                r->code = reading_follow(r, path, &v);
        if (r->from_any && !r->alone && v.begin.records && !state_is_far(r->c))
                fprintf(stderr, "capos: %s: records 1 to %" PRIu64 " are not here\n", path,
                        v.begin.records);
        r->from_any = false;
        r->chain = v.chain;
        r->segment = v.segment;
}

static int file_open(const char *path)
{
        return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

static bool file_is(int a, int b)
{
        struct stat x, y;

        return !fstat(a, &x) && !fstat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* The sealed segments that are there, by their numbers, in order. */
static void reading_sealed(struct audit_reading *r, const char *path, int last)
{
        char segment[AUDIT_PATH_BYTES + CAPOS_AUDIT_NAME_BYTES];
        uint32_t *numbers = NULL;
        size_t n;

        n = audit_segments(path, &numbers);
        for (size_t i = 0; i < n && !r->code; i++) {
                int fd;

                audit_segment_path(path, numbers[i], segment, sizeof(segment));
                fd = file_open(segment);
                if (fd >= 0 && !file_is(fd, last))
                        reading_file(r, segment, fd);
                else if (fd >= 0)
                        (void)close(fd);
        }
        free(numbers);
}

/* A log elsewhere, as far as it was asked for: a segment at a time is fetched. */
static int reading_far(struct audit_reading *r)
{
        struct audit_far far;
        int fd;

        r->code = audit_far_begin(&far, r->c, r->since);
        r->from_any = r->from_any || far.first > 1;
        while (!r->code && far.next) {
                uint32_t segment = far.next;
                char name[AUDIT_PATH_BYTES];

                (void)snprintf(name, sizeof(name), "segment %" PRIu32 " of %s", segment, AUDIT_FAR);
                r->code = audit_far_fetch(&far, &fd);
                if (!r->code)
                        reading_file(r, name, fd);
        }
        return r->code;
}

int audit_read(struct audit_reading *r, const char *path)
{
        int fd;

        if (state_is_far(r->c))
                return reading_far(r);
        fd = file_open(path);

        if (fd < 0)
                return cli_fail(r->c, EXIT_FAILED, "failed", "%s: %s", path, strerror(errno));

        r->alone = !audit_is_whole(path);
        if (!r->alone)
                reading_sealed(r, path, fd);
        if (!r->code)
                reading_file(r, path, fd);
        else
                (void)close(fd);
        return r->code;
}

/* ---- showing ------------------------------------------------------------------------------ */

static void record_print_member(json_t *o, const char *name, const char *before)
{
        const char *s = json_string_value(json_object_get(o, name));

        if (!s || !*s)
                return;
        printf("%s", before);
        cli_print_safe(s);
}

void audit_show(const struct cli *c, const char *line)
{
        json_t *o = json_loads(line, 0, NULL);

        if (c->json || !json_is_object(o)) {
                cli_print_safe(line);
                printf("\n");
                json_decref(o);
                return;
        }
        record_print_member(o, "time", "");
        record_print_member(o, "what", " ");
        record_print_member(o, "outcome", " ");
        record_print_member(o, "account", " account=");
        record_print_member(o, "profile", " profile=");
        record_print_member(o, "kind", " by=");
        record_print_member(o, "session", " session=");
        record_print_member(o, "capability", " capability=");
        record_print_member(o, "source", " from=");
        record_print_member(o, "actor", " actor=");
        record_print_member(o, "detail", " ");
        record_print_member(o, "times", " \xc3\x97");
        printf("\n");
        json_decref(o);
}
