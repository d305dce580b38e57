/*
 * The audit log: records are written at once and synced once a turn of the loop.
 *
 * Whoever is told of a grant or a denial is told after the record of it is on disk. The answers of
 * one turn wait for one fdatasync() together: a timer of no delay fires in the next turn, syncs,
 * and ends them in their order.
 *
 * The process ends when the disk does not take a record. That ends every session (design: when
 * sessiond dies, so do the workers), which is what "fail closed" means here.
 */
#include "audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "daemon-log.h"

struct held {
        struct capnp_i_list link;
        capnp_answer *answer;
        bool fails;
        enum capnp_kind kind;
        char reason[256];
};

static _Noreturn void audit_broken(const char *what, int error)
{
        daemon_log(LOG_ERR, "the audit log: %s: %s", what, capnp_strerror(error));
        _exit(1);
}

static void audit_sync(struct audit *a)
{
        if (a->dirty && fdatasync(a->fd) && errno != EINVAL)
                audit_broken("sync", -errno);
        a->dirty = false;
}

static int held_now(const struct held *h)
{
        if (h->fails)
                return capnp_answer_fail(h->answer, h->kind, "%s", h->reason);

        return capnp_answer_return(h->answer);
}

static void audit_flush(struct audit *a)
{
        struct capnp_i_list *l;

        audit_sync(a);
        while ((l = capnp_i_list_pop(&a->held))) {
                struct held *h = CAPNP_I_OF(l, struct held, link);

                (void)held_now(h);
                free(h);
        }
}

static void audit_on_timer(void *arg)
{
        struct audit *a = arg;

        a->flush = NULL;
        audit_flush(a);
}

void audit_add(struct audit *a, struct capos_audit_record r)
{
        static char line[CAPOS_AUDIT_LINE_BYTES];
        size_t len, at = 0;

        r.time_ms = clock_wall_ms();
        len = capos_audit_line(&a->chain, &r, line);
        while (at < len) {
                ssize_t n = write(a->fd, line + at, len - at);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        audit_broken("write", -errno);
                at += (size_t)n;
        }

        a->dirty = true;
        if (!a->flush && capnp_timer_new(a->vat, 0, audit_on_timer, a, &a->flush))
                audit_sync(a);
}

/* Without a timer or memory to wait with, it is done on the spot. */
static int audit_hold(struct audit *a, const struct held *like)
{
        struct held *h = a->flush ? malloc(sizeof(*h)) : NULL;

        if (!h) {
                audit_sync(a);
                return held_now(like);
        }

        *h = *like;
        capnp_i_list_init(&h->link);
        capnp_i_list_append(&a->held, &h->link);
        return capnp_answer_keep(h->answer, NULL, NULL);
}

int audit_return(struct audit *a, capnp_answer *answer)
{
        if (!a->dirty)
                return capnp_answer_return(answer);

        return audit_hold(a, &(struct held){.answer = answer});
}

int audit_fail(struct audit *a, capnp_answer *answer, enum capnp_kind k, const char *fmt, ...)
{
        struct held h = {.answer = answer, .fails = true, .kind = k};
        va_list args;

        va_start(args, fmt);
        vsnprintf(h.reason, sizeof(h.reason), fmt, args);
        va_end(args);
        if (!a->dirty)
                return capnp_answer_fail(answer, k, "%s", h.reason);

        return audit_hold(a, &h);
}

/* ---- the start ------------------------------------------------------------------------------ */

/* Where the last line of a log that does not verify claims to be: later lines follow from what is
 * known good, and the fault stays visible where it is. */
static int audit_recover(struct audit *a, const struct capos_audit_verdict *v)
{
        char detail[64];

        a->chain = v->chain;
        if (v->fault != CAPOS_AUDIT_TORN) {
                daemon_log(LOG_ERR, "the audit log: line %llu: %s", (unsigned long long)v->line,
                           capos_audit_fault_text(v->fault));
                return -EBADMSG;
        }

        snprintf(detail, sizeof(detail), "%llu bytes of a torn line cut off",
                 (unsigned long long)(v->bytes - v->good_bytes));
        daemon_log(LOG_WARNING, "the audit log: %s", detail);
        if (ftruncate(a->fd, (off_t)v->good_bytes))
                return -errno;

        audit_add(a, (struct capos_audit_record){
                             .what = "recovered", .outcome = "ok", .detail = detail});
        return 0;
}

/* A log that was tampered with is kept as it is, under another name, and a new one begins. */
static int audit_set_aside(struct audit *a, int dir)
{
        char name[64];

        snprintf(name, sizeof(name), AUDIT_FILE ".broken-%llu",
                 (unsigned long long)clock_wall_ms());
        if (renameat(dir, AUDIT_FILE, dir, name))
                return -errno;

        close(a->fd);
        a->fd = openat(dir, AUDIT_FILE, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
        if (a->fd < 0)
                return -errno;

        memset(&a->chain, 0, sizeof(a->chain));
        audit_add(a, (struct capos_audit_record){
                             .what = "recovered", .outcome = "broken-chain", .detail = name});
        return 0;
}

int audit_init(struct audit *a, capnp_vat *vat, int dir)
{
        struct capos_audit_verdict v;
        int r;

        *a = (struct audit){.vat = vat};
        capnp_i_list_init(&a->held);
        a->fd = openat(dir, AUDIT_FILE, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (a->fd < 0)
                return -errno;

        r = capos_audit_verify(a->fd, &v);
        if (r)
                return r;

        a->chain = v.chain;
        r = v.fault ? audit_recover(a, &v) : 0;
        return r == -EBADMSG ? audit_set_aside(a, dir) : r;
}

void audit_deinit(struct audit *a)
{
        if (a->fd < 0 || !a->vat)
                return;

        audit_flush(a);
        a->flush = capnp_timer_free(a->flush);
        close(a->fd);
        *a = (struct audit){.fd = -1};
}
