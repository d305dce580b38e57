/*
 * The latest records of the audit log, and those that come: of a file, or of an instance elsewhere,
 * which is asked for what has come since. Nothing is verified here: that takes all of a log.
 */
#include "audit-far.h"
#include "audit-read.h"
#include "state.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOK_MS = 200, ASK_MS = 1000, DEFAULT_LINES = 10, MOST_LINES = 1000 * 1000 };

/* ---- a file --------------------------------------------------------------------------------- */

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
                        audit_show(c, line);
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
        char segment[AUDIT_PATH_BYTES + CAPOS_AUDIT_NAME_BYTES];
        uint64_t have = tail_count(f), missing = lines > have ? lines - have : 0;
        uint32_t *numbers = NULL;
        size_t n = audit_is_whole(path) && missing ? audit_segments(path, &numbers) : 0;
        uint64_t count;
        FILE *former;

        /* One segment is longer than any number of lines that a person asks for. */
        if (n) {
                audit_segment_path(path, numbers[n - 1], segment, sizeof(segment));
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

static int tail_near(struct cli *c, const char *path, uint64_t lines)
{
        FILE *f = fopen(path, "re");

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

/* ---- elsewhere ------------------------------------------------------------------------------ */

/* A segment, as a file. An exit code. */
static int far_open(struct audit_far *far, FILE **ret)
{
        int fd = -1, r = audit_far_fetch(far, &fd);

        if (r)
                return r;
        *ret = fdopen(fd, "r");
        if (*ret) {
                rewind(*ret);
                return EXIT_OK;
        }

        (void)close(fd);
        return cli_fail_code(far->c, -ENOMEM, NULL);
}

/* The n latest lines, of the segment before the last one, too, if that is there. An exit code. */
static int far_latest(struct audit_far *far, uint64_t lines)
{
        FILE *before = NULL, *f = NULL;
        uint64_t have, count;
        int r = far->next < far->last ? far_open(far, &before) : EXIT_OK;

        if (!r)
                r = far_open(far, &f);
        if (!r) {
                have = tail_count(f);
                count = before ? tail_count(before) : 0;
                if (before && lines > have)
                        tail_print(far->c, before,
                                   count > lines - have ? count - (lines - have) : 0);
                tail_print(far->c, f, have > lines ? have - lines : 0);
        }
        if (before)
                (void)fclose(before);
        if (f)
                (void)fclose(f);
        return r;
}

static int far_show(void *arg, capnp_data lines)
{
        FILE *f = lines.len ? fmemopen((void *)(uintptr_t)lines.p, lines.len, "r") : NULL;

        if (lines.len && !f)
                return -ENOMEM;
        if (f) {
                tail_print(arg, f, 0);
                (void)fclose(f);
        }
        return 0;
}

static int tail_far(struct cli *c, uint64_t lines)
{
        struct audit_far far;
        int r = audit_far_latest(&far, c);

        if (!r)
                r = far_latest(&far, lines);
        while (!r && c->follow && !ferror(stdout)) {
                (void)poll(NULL, 0, ASK_MS);
                r = audit_far_more(&far, far_show, c);
        }
        return r;
}

int cmd_audit_tail(struct cli *c)
{
        unsigned long lines = DEFAULT_LINES;
        char path[AUDIT_PATH_BYTES], *end;
        int r;

        if (c->lines) {
                lines = strtoul(c->lines, &end, 10);
                if (*end || end == c->lines || *c->lines == '-' || lines > MOST_LINES)
                        return cli_fail(c, EXIT_USAGE, "usage", "%s: not a number of lines",
                                        c->lines);
        }
        r = audit_place(c, path, sizeof(path));
        if (r)
                return r;
        return state_is_far(c) ? tail_far(c, lines) : tail_near(c, path, lines);
}
