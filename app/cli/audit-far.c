/*
 * An audit log elsewhere. It comes in pieces (Admin.auditRead), which become the file that they are
 * of, in memory: whoever reads it verifies it as any other, and nothing of it lies on a disk here.
 * Each piece has to go on from the one before by what it brings: an instance that lies keeps nobody
 * asking for ever.
 */
#include "audit-far.h"

#include "admin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SEGMENTS_MOST = 64 * 1024 };

static const uint64_t SEGMENT_MOST = (uint64_t)1 << 30; /* bytes */

static capnp_question *far_ask(struct audit_far *f, uint32_t segment, uint64_t at)
{
        capnp_question *q = admin_audit_read(admin_of(f->c));

        admin_audit_read_set_segment(q, segment);
        admin_audit_read_set_at(q, at);
        return q;
}

static int far_is_astray(const struct audit_far *f)
{
        return cli_fail(f->c, EXIT_FAILED, "failed",
                        "the instance gives an audit log whose pieces do not go on");
}

/* Whether a piece goes on from f->at, and there may be more; *ret_wrong: it goes elsewhere. */
static bool far_goes_on(struct audit_far *f, capnp_question *q, bool *ret_wrong)
{
        uint64_t n = admin_audit_read_lines(q).len, next = admin_audit_read_next(q);

        *ret_wrong = next != f->at + n || next > SEGMENT_MOST;
        if (!*ret_wrong)
                f->at = next;
        return n && !*ret_wrong;
}

/* The time of the first record of a segment; it is not there any more, or there is none: empty. */
static void far_time(struct audit_far *f, uint32_t segment, char to[32])
{
        static const char name[] = "\"time\":\"";
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = far_ask(f, segment, 0);
        capnp_data lines;
        const char *at;

        *to = 0;
        if (cli_wait(f->c, q, CLI_ANSWER_MS))
                return;
        lines = admin_audit_read_lines(q);
        at = lines.len ? memmem(lines.p, lines.len, name, sizeof(name) - 1) : NULL;
        if (at)
                (void)snprintf(to, 32, "%.23s", at + sizeof(name) - 1);
}

/* Connects, and asks which segment is written. An exit code. */
static int far_begin(struct audit_far *f, struct cli *c)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        int r = state_open_admin(c);

        *f = (struct audit_far){.c = c, .first = 1, .next = 1};
        if (r)
                return r;

        q = far_ask(f, 0, 0);
        if (cli_wait(c, q, CLI_LOGIN_MS))
                return cli_fail_question(c, q, NULL);
        f->last = f->next = admin_audit_read_segment(q);
        return f->last > SEGMENTS_MOST ? far_is_astray(f) : EXIT_OK;
}

int audit_far_latest(struct audit_far *f, struct cli *c)
{
        char time[32] = "";
        int r = far_begin(f, c);

        if (r)
                return r;

        if (f->last > 1)
                far_time(f, f->last - 1, time);
        f->first = f->next = *time ? f->last - 1 : f->last;
        return c->late ? cli_fail_late(c, NULL) : EXIT_OK;
}

int audit_far_begin(struct audit_far *f, struct cli *c, const char *since)
{
        char time[32] = "";
        int r = far_begin(f, c);

        if (r)
                return r;

        far_time(f, f->next, time);
        /* Back, until one begins before, or is not there. */
        while (f->next > 1 && !(since && *since && *time && strcmp(time, since) < 0)) {
                far_time(f, f->next - 1, time);
                if (c->late)
                        return cli_fail_late(c, NULL);
                if (!*time)
                        break;
                f->next--;
        }
        f->first = f->next;
        return EXIT_OK;
}

static int far_write(int fd, capnp_data d)
{
        for (uint32_t at = 0; at < d.len;) {
                ssize_t n = write(fd, d.p + at, d.len - at);

                if (n < 0 && errno != EINTR)
                        return -errno;
                at += n > 0 ? (uint32_t)n : 0;
        }
        return 0;
}

/* All pieces of a segment. An exit code. */
static int far_copy(struct audit_far *f, uint32_t segment, int fd)
{
        bool more = true, wrong = false;
        int r;

        f->at = 0;
        while (more) {
                CAPNP_AUTO(capnp_question_freep) capnp_question *q = far_ask(f, segment, f->at);

                if (cli_wait(f->c, q, CLI_LOGIN_MS))
                        return cli_fail_question(f->c, q, NULL);
                r = far_write(fd, admin_audit_read_lines(q));
                if (r)
                        return cli_fail_code(f->c, r, NULL);
                more = far_goes_on(f, q, &wrong);
        }
        return wrong ? far_is_astray(f) : EXIT_OK;
}

int audit_far_fetch(struct audit_far *f, int *ret_fd)
{
        int fd = memfd_create("audit", MFD_CLOEXEC), r;

        if (fd < 0)
                return cli_fail_code(f->c, -errno, NULL);

        r = far_copy(f, f->next, fd);
        if (r) {
                (void)close(fd);
                return r;
        }
        f->next = f->next < f->last ? f->next + 1 : 0;
        *ret_fd = fd;
        return EXIT_OK;
}

int audit_far_more(struct audit_far *f, int (*show)(void *arg, capnp_data lines), void *arg)
{
        bool more = true, wrong = false;
        int r;

        while (more) {
                CAPNP_AUTO(capnp_question_freep) capnp_question *q = far_ask(f, f->last, f->at);

                if (cli_wait(f->c, q, CLI_LOGIN_MS))
                        return cli_fail_question(f->c, q, NULL);
                r = show(arg, admin_audit_read_lines(q));
                if (r)
                        return cli_fail_code(f->c, r, NULL);
                more = far_goes_on(f, q, &wrong);
                if (more || wrong || !admin_audit_read_sealed(q))
                        continue;
                more = f->at && f->last < SEGMENTS_MOST; /* what is sealed is not empty */
                wrong = !more;
                f->last++;
                f->at = 0;
        }
        return wrong ? far_is_astray(f) : EXIT_OK;
}
