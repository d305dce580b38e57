/*
 * The audit log, read as a file: verifying needs no instance, and could not trust one. The chain is
 * lib/session's.
 */
#include "state.h"

#include "session-audit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOK_MS = 200, DEFAULT_LINES = 10, MOST_LINES = 1000 * 1000 };

/* ---- segments ----------------------------------------------------------------------------- */

static int number_order(const void *a, const void *b)
{
        const uint32_t *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

/* The numbers of the sealed segments beside a log, in order; how many. */
static size_t segments_list(const char *path, uint32_t **ret_numbers)
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

/* The log's place: as given, or the instance's. An exit code. */
static int log_place(struct cli *c, char *path, size_t room)
{
        char folder[3072];
        struct stat st;
        int r;

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

/* ---- verify ------------------------------------------------------------------------------- */

/* Segments that were seen, and what was wrong with them: the first thing is told. */
struct proof {
        struct cli *c;
        struct capos_audit_chain chain; /* where the last one ended */
        uint32_t segment;               /* its number; 0: none yet */
        bool alone;                     /* one file, whatever it goes on from */
        int code;
};

/* A segment must go on from the one before it; else what lies between is missing. */
static int proof_follow(struct proof *p, const char *path, const struct capos_audit_verdict *v)
{
        if (p->alone || (v->segment == p->segment + 1 && v->begin.records == p->chain.records &&
                         !memcmp(v->begin.hash, p->chain.hash, sizeof(v->begin.hash))))
                return EXIT_OK;
        if (v->segment > p->segment + 1 && v->begin.records > p->chain.records)
                return cli_fail(
                        p->c, EXIT_FAILED, "audit",
                        "%s: segment %" PRIu32 "%s missing: records %" PRIu64 " to %" PRIu64, path,
                        p->segment + 1, v->segment > p->segment + 2 ? " and more are" : " is",
                        p->chain.records + 1, v->begin.records);

        return cli_fail(p->c, EXIT_FAILED, "audit",
                        "%s: segment %" PRIu32 " does not go on from where the one before it ends",
                        path, v->segment);
}

/* One file. False: it is not there. */
static bool proof_file(struct proof *p, const char *path)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r;
        struct capos_audit_verdict v;

        if (fd < 0)
                return false;

        r = capos_audit_verify(fd, NULL, &v);
        (void)close(fd);
        if (r)
                p->code = r == -EINVAL ? cli_fail(p->c, EXIT_FAILED, "failed",
                                                  "%s: it is not a regular file", path)
                                       : cli_fail_code(p->c, r, path);
        else if (v.fault)
                p->code = cli_fail(p->c, EXIT_FAILED, "audit", "%s: line %" PRIu64 ": %s", path,
                                   v.line, capos_audit_fault_text(v.fault));
        else
                p->code = proof_follow(p, path, &v);
        p->chain = v.chain;
        p->segment = v.segment;
        return true;
}

/* The file of a segment beside audit.log. */
static void segment_path(const char *path, uint32_t segment, char *ret, size_t room)
{
        const char *slash = strrchr(path, '/');
        char name[CAPOS_AUDIT_NAME_BYTES];

        capos_audit_segment_name(segment, name);
        (void)snprintf(ret, room, "%.*s%s", slash ? (int)(slash + 1 - path) : 0, path, name);
}

/* audit.log stands for the whole log; any other name for itself. */
static bool path_is_log(const char *path)
{
        const char *slash = strrchr(path, '/');

        return !strcmp(slash ? slash + 1 : path, CAPOS_AUDIT_FILE);
}

/* The sealed segments that are there, by their numbers, in order. */
static void proof_sealed(struct proof *p, const char *path)
{
        char segment[4096 + CAPOS_AUDIT_NAME_BYTES];
        uint32_t *numbers = NULL;
        size_t n;

        n = segments_list(path, &numbers);
        for (size_t i = 0; i < n && !p->code; i++) {
                segment_path(path, numbers[i], segment, sizeof(segment));
                (void)proof_file(p, segment);
        }
        free(numbers);
}

int cmd_audit_verify(struct cli *c)
{
        char path[4096], hash[2 * CAPOS_AUDIT_HASH_BYTES + 1];
        struct proof p = {.c = c};
        int r = log_place(c, path, sizeof(path));

        if (r)
                return r;

        p.alone = !path_is_log(path);
        if (!p.alone)
                proof_sealed(&p, path);
        if (!p.code && !proof_file(&p, path))
                return cli_fail(c, EXIT_FAILED, "failed", "%s: %s", path, strerror(errno));
        if (p.code)
                return p.code;

        for (unsigned i = 0; i < CAPOS_AUDIT_HASH_BYTES; i++)
                (void)snprintf(hash + 2 * i, 3, "%02x", p.chain.hash[i]);
        if (c->json)
                return cli_print_json(c, json_pack("{s:s,s:I,s:I,s:s}", "file", path, "records",
                                                   (json_int_t)p.chain.records, "segments",
                                                   (json_int_t)p.segment, "hash", hash));
        printf("%s: %" PRIu64 " records, complete and unchanged. The last one's hash, to be kept "
               "elsewhere:\n%s\n",
               path, p.chain.records, hash);
        return EXIT_OK;
}

/* ---- tail --------------------------------------------------------------------------------- */

static void record_print_member(json_t *o, const char *name, const char *before)
{
        const char *s = json_string_value(json_object_get(o, name));

        if (!s || !*s)
                return;
        printf("%s", before);
        cli_print_safe(s);
}

/* The members that say most, in one line; a line that is not ours is shown as it is. */
static void record_print(const struct cli *c, const char *line)
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
        record_print_member(o, "detail", " ");
        record_print_member(o, "times", " \xc3\x97");
        printf("\n");
        json_decref(o);
}

/* Prints whole lines from where the file stands; half a line at the end is left for later. */
static void tail_print(const struct cli *c, FILE *f, uint64_t skip)
{
        char *line = NULL;
        size_t room = 0;
        ssize_t n;
        off_t at;

        for (;;) {
                at = ftello(f);
                n = getline(&line, &room, f);
                if (n <= 0 || line[n - 1] != '\n')
                        break;
                line[n - 1] = 0;
                if (skip)
                        skip--;
                else
                        record_print(c, line);
        }
        (void)fseeko(f, at, SEEK_SET);
        clearerr(f);
        free(line);
        (void)cli_finish(c, EXIT_OK);
}

static uint64_t tail_count(FILE *f)
{
        uint64_t n = 0;
        int ch;

        while ((ch = getc_unlocked(f)) != EOF)
                n += ch == '\n';
        rewind(f);
        return n;
}

/* The n latest lines of all segments: from the first file that is needed on. */
static void tail_latest(const struct cli *c, FILE *f, const char *path, uint64_t lines)
{
        char segment[4096 + CAPOS_AUDIT_NAME_BYTES];
        uint64_t have = tail_count(f), missing = lines > have ? lines - have : 0;
        uint32_t *numbers = NULL;
        size_t n = path_is_log(path) && missing ? segments_list(path, &numbers) : 0;
        uint64_t count;
        FILE *former;

        /* One segment is longer than any number of lines that a person asks for. */
        if (n) {
                segment_path(path, numbers[n - 1], segment, sizeof(segment));
                former = fopen(segment, "re");
                if (former) {
                        count = tail_count(former);
                        tail_print(c, former, count > missing ? count - missing : 0);
                        (void)fclose(former);
                }
        }
        free(numbers);
        tail_print(c, f, have > lines ? have - lines : 0);
}

/* When another file has taken the place, goes on there; what is left of this one is shown first. */
static void tail_turn(const struct cli *c, FILE **f, const char *path)
{
        struct stat now, was;
        FILE *next;

        if (stat(path, &now) || fstat(fileno(*f), &was) ||
            (now.st_ino == was.st_ino && now.st_dev == was.st_dev))
                return;
        next = fopen(path, "re");
        if (!next)
                return;

        tail_print(c, *f, 0);
        (void)fclose(*f);
        *f = next;
}

int cmd_audit_tail(struct cli *c)
{
        unsigned long lines = DEFAULT_LINES;
        char path[4096], *end;
        FILE *f;
        int r;

        if (c->lines) {
                lines = strtoul(c->lines, &end, 10);
                if (*end || end == c->lines || *c->lines == '-' || lines > MOST_LINES)
                        return cli_fail(c, EXIT_USAGE, "usage", "%s: not a number of lines",
                                        c->lines);
        }
        r = log_place(c, path, sizeof(path));
        if (r)
                return r;
        f = fopen(path, "re");
        if (!f)
                return cli_fail(c, EXIT_FAILED, "failed", "%s: %s", path, strerror(errno));

        tail_latest(c, f, path, lines);
        while (c->follow && !ferror(stdout)) {
                (void)poll(NULL, 0, LOOK_MS);
                tail_turn(c, &f, path);
                tail_print(c, f, 0);
        }
        (void)fclose(f);
        return EXIT_OK;
}
