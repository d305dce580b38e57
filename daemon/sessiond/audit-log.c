/*
 * Segments, checkpoints and the reserve.
 *
 * One segment is written, audit.log. When it has become long it is sealed: renamed after its
 * number, and the next one begins with a record that names the hash it goes on from. The next one
 * is whole on disk before the first rename; so whatever is found after a crash between the two is
 * one of two states, and log_tidy() makes the first of the second.
 *
 * The account store remembers how far the log had got (segment, records, hash), about once a second
 * and always at an orderly end. So a start has to read the last segment only, and still notices
 * that the log was removed, emptied, cut or written anew: it would have to be the store's, too. The
 * store remembers only what was synced, and without a sync of its own, so it can be behind, by a
 * second or what a power failure takes, but never ahead. A log that is not what is remembered is
 * set aside, and a segment begins that goes on from what is: the gap stays visible.
 *
 * The disk sets room aside ahead of what is written (fallocate), which nobody else can use up. When
 * it has none to give any more, what is left is the reserve: it is for the ends of what has begun,
 * and nothing new begins. Where a file system cannot set aside, its free space is looked at alone.
 */
#include "audit-log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "clock.h"
#include "daemon-log.h"
#include "store.h"

enum {
        OPEN_FLAGS = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
        RESERVE_LEAST = 16 * 1024,
        RESERVE_SHARE = 16, /* of a small disk: one part in … */
};

static _Noreturn void log_broken(const char *what, int error)
{
        daemon_log(LOG_ERR, "the audit log: %s: %s", what, capnp_strerror(error));
        _exit(1);
}

/* ---- room ----------------------------------------------------------------------------------- */

static void log_size_reserve(struct audit_log *l)
{
        struct statvfs fs;
        uint64_t share;

        l->reserve = AUDIT_RESERVE_BYTES;
        if (fstatvfs(l->fd, &fs))
                return;

        share = (uint64_t)fs.f_blocks * fs.f_frsize / RESERVE_SHARE;
        if (l->reserve > share)
                l->reserve = share > RESERVE_LEAST ? share : RESERVE_LEAST;
}

static bool log_disk_has(const struct audit_log *l, uint64_t bytes)
{
        struct statvfs fs;

        return !fstatvfs(l->fd, &fs) && (uint64_t)fs.f_bavail * fs.f_frsize >= bytes;
}

/* Sets aside twice the reserve: once it and once what may be written before the disk is asked. */
static bool log_has_reserve(struct audit_log *l)
{
        uint64_t room = l->bytes + 2 * l->reserve;
        int r;

        if (l->bytes + l->reserve <= l->room)
                return true;

        do
                r = fallocate(l->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)room);
        while (r && errno == EINTR);
        if (r && errno != EOPNOTSUPP && errno != ENOSYS)
                return false;
        if (r) /* a file system that cannot set aside */
                return log_disk_has(l, 2 * l->reserve);

        l->room = room;
        return true;
}

bool audit_log_has_room(struct audit_log *l)
{
        /* A disk that is full but for what is set aside is full: the store is on it, too. */
        return log_has_reserve(l) && log_disk_has(l, l->reserve / 4);
}

/* ---- writing -------------------------------------------------------------------------------- */

static int log_put(int fd, const char *p, size_t len)
{
        size_t at = 0;

        while (at < len) {
                ssize_t n = write(fd, p + at, len - at);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                at += (size_t)n;
        }
        return 0;
}

void audit_log_mark(struct audit_log *l)
{
        if (!l->unmarked || l->unsynced)
                return;

        if (!store_set_mark(l->store, l->segment, &l->chain)) {
                l->unmarked = l->mark_failed = false;
        } else if (!l->mark_failed) {
                l->mark_failed = true;
                daemon_log(LOG_WARNING, "the audit log: its checkpoint could not be stored");
        }
}

void audit_log_sync(struct audit_log *l)
{
        if (l->unsynced && fdatasync(l->fd) && errno != EINVAL)
                log_broken("sync", -errno);
        l->unsynced = false;
        l->synced = l->chain;
}

/* The next segment, with its first record, whole on disk under another name. The descriptor, or
 * -errno. */
static int log_begin_next(struct audit_log *l, struct capos_audit_chain *chain, uint64_t *ret_bytes)
{
        struct capos_audit_record r = {.time_ms = clock_wall_ms(),
                                       .what = "segment",
                                       .outcome = "ok",
                                       .segment = l->segment + 1};
        static char line[CAPOS_AUDIT_LINE_BYTES];
        size_t len = capos_audit_line(chain, &r, line);
        int fd, error;

        fd = openat(l->dir, AUDIT_NEXT_FILE, OPEN_FLAGS | O_CREAT | O_EXCL, 0600);
        if (fd < 0)
                return -errno;

        error = log_put(fd, line, len);
        if (!error && fsync(fd))
                error = -errno;
        if (error) {
                close(fd);
                (void)unlinkat(l->dir, AUDIT_NEXT_FILE, 0);
                return error;
        }
        *ret_bytes = len;
        return fd;
}

static int log_rename(struct audit_log *l)
{
        char name[CAPOS_AUDIT_NAME_BYTES];
        int r;

        capos_audit_segment_name(l->segment, name);
        r = renameat2(l->dir, CAPOS_AUDIT_FILE, l->dir, name, RENAME_NOREPLACE);
        if (r && errno == EINVAL) /* a file system that cannot refuse */
                r = renameat(l->dir, CAPOS_AUDIT_FILE, l->dir, name);
        if (r || renameat(l->dir, AUDIT_NEXT_FILE, l->dir, CAPOS_AUDIT_FILE) || fsync(l->dir))
                return -errno;

        return 0;
}

/* Gives back what the disk has set aside behind the end. */
static void log_trim(struct audit_log *l)
{
        if (l->room && ftruncate(l->fd, (off_t)l->bytes))
                daemon_log(LOG_WARNING, "the audit log: %s", strerror(errno));
        l->room = 0;
}

static void log_seal(struct audit_log *l)
{
        struct capos_audit_chain chain = l->chain;
        uint64_t bytes = 0;
        int fd;

        audit_log_sync(l);
        fd = log_begin_next(l, &chain, &bytes);
        if (fd < 0) {
                daemon_log(LOG_WARNING, "the audit log: no new segment yet: %s", strerror(-fd));
                l->segment_bytes += l->segment_bytes / 8;
                return;
        }

        log_trim(l);
        if (log_rename(l))
                log_broken("a new segment", -errno);
        close(l->fd);
        l->fd = fd;
        l->segment++;
        l->chain = l->synced = chain;
        l->bytes = bytes;
        l->unmarked = true;
        audit_log_mark(l);
        (void)log_has_reserve(l);
}

void audit_log_write(struct audit_log *l, const struct capos_audit_record *r)
{
        static char line[CAPOS_AUDIT_LINE_BYTES];
        struct capos_audit_record first = *r;
        bool has_room = log_has_reserve(l);
        size_t len;
        int error;

        if (!l->bytes && l->segment > 1)
                first.segment = l->segment;
        len = capos_audit_line(&l->chain, &first, line);
        error = log_put(l->fd, line, len);
        if (error)
                log_broken("write", error);

        l->bytes += len;
        l->unsynced = l->unmarked = true;
        if (l->bytes >= l->segment_bytes && has_room)
                log_seal(l);
}

/* ---- reading -------------------------------------------------------------------------------- */

/* Of another segment than the one that is written. The descriptor, or -errno. */
static int log_open_sealed(const struct audit_log *l, uint32_t segment)
{
        char name[CAPOS_AUDIT_NAME_BYTES];
        int fd;

        capos_audit_segment_name(segment, name);
        fd = openat(l->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        return fd < 0 ? -errno : fd;
}

int audit_log_read(struct audit_log *l, struct audit_piece *p, char *out, uint32_t room)
{
        uint32_t segment = p->segment ? p->segment : l->segment;
        bool sealed = segment != l->segment;
        int fd = l->fd, error;
        ssize_t n;

        if (segment > l->segment || p->at > INT64_MAX)
                return -EINVAL;
        if (sealed)
                fd = log_open_sealed(l, segment);
        if (fd < 0)
                return fd;

        do
                n = pread(fd, out, room, (off_t)p->at);
        while (n < 0 && errno == EINTR);
        error = n < 0 ? -errno : 0;
        if (sealed)
                close(fd);
        if (error)
                return error;

        while (n && out[n - 1] != '\n')
                n--;
        p->segment = segment;
        p->sealed = sealed;
        p->len = (uint32_t)n;
        return 0;
}

/* ---- the start ------------------------------------------------------------------------------ */

/* What a crash may have left of a change of segments. */
static int log_tidy(int dir)
{
        if (faccessat(dir, AUDIT_NEXT_FILE, F_OK, AT_SYMLINK_NOFOLLOW))
                return 0;
        if (!faccessat(dir, CAPOS_AUDIT_FILE, F_OK, AT_SYMLINK_NOFOLLOW))
                return unlinkat(dir, AUDIT_NEXT_FILE, 0) ? -errno : 0;

        return renameat(dir, AUDIT_NEXT_FILE, dir, CAPOS_AUDIT_FILE) ? -errno : 0;
}

static int log_open_file(struct audit_log *l, int flags)
{
        int fd = openat(l->dir, CAPOS_AUDIT_FILE, OPEN_FLAGS | O_CREAT | flags, 0600);

        if (fd < 0)
                return -errno;

        l->fd = fd;
        l->bytes = l->room = 0;
        return 0;
}

/* Goes on in a new file, from what the store remembers or from nothing. */
static int log_begin_anew(struct audit_log *l, const struct store_mark *m)
{
        char name[CAPOS_AUDIT_NAME_BYTES];

        close(l->fd);
        l->fd = -1;
        l->chain = m->chain;
        l->segment = m->segment;
        do
                capos_audit_segment_name(++l->segment, name);
        while (!faccessat(l->dir, name, F_OK, AT_SYMLINK_NOFOLLOW));
        return log_open_file(l, O_EXCL);
}

static int log_set_aside(struct audit_log *l, const struct store_mark *m,
                         const struct capos_audit_verdict *v, struct audit_found *f)
{
        char name[64];

        snprintf(name, sizeof(name), CAPOS_AUDIT_FILE ".broken-%llu",
                 (unsigned long long)clock_wall_ms());
        daemon_log(LOG_ERR, "the audit log: line %llu: %s; it is set aside as %s",
                   (unsigned long long)v->line, capos_audit_fault_text(v->fault), name);
        if (renameat(l->dir, CAPOS_AUDIT_FILE, l->dir, name))
                return -errno;

        f->outcome = v->fault == CAPOS_AUDIT_CUT ? "cut" : "broken-chain";
        snprintf(f->detail, sizeof(f->detail), "%s", name);
        return log_begin_anew(l, m);
}

/* It is empty, or was not there, and should be neither. */
static int log_is_missing(struct audit_log *l, const struct store_mark *m, struct audit_found *f)
{
        daemon_log(LOG_ERR, "the audit log is not there any more: it had %llu records",
                   (unsigned long long)m->chain.records);
        f->outcome = "missing";
        snprintf(f->detail, sizeof(f->detail), "%llu records were there",
                 (unsigned long long)m->chain.records);
        if (unlinkat(l->dir, CAPOS_AUDIT_FILE, 0))
                return -errno;

        return log_begin_anew(l, m);
}

static int log_cut_torn(struct audit_log *l, const struct capos_audit_verdict *v,
                        struct audit_found *f)
{
        f->outcome = "ok";
        snprintf(f->detail, sizeof(f->detail), "%llu bytes of a torn line cut off",
                 (unsigned long long)(v->bytes - v->good_bytes));
        daemon_log(LOG_WARNING, "the audit log: %s", f->detail);
        return ftruncate(l->fd, (off_t)v->good_bytes) ? -errno : 0;
}

static int log_judge(struct audit_log *l, const struct store_mark *m, struct audit_found *f)
{
        struct capos_audit_verdict v;
        bool new_store = l->store->epoch == 1;
        int r = capos_audit_verify(l->fd, m->segment ? &m->chain : NULL, &v);

        if (r)
                return r;

        if (v.part)
                v.fault = CAPOS_AUDIT_FORM; /* of some log; it is none */
        l->chain = v.chain;
        l->segment = v.segment;
        l->bytes = v.good_bytes;
        if (!v.bytes && (m->segment || !new_store))
                return log_is_missing(l, m, f);
        if (v.fault == CAPOS_AUDIT_TORN)
                return log_cut_torn(l, &v, f);
        if (v.fault)
                return log_set_aside(l, m, &v, f);
        if (v.bytes && new_store) {
                daemon_log(LOG_WARNING, "the account store is new, and the audit log is not");
                f->outcome = "new-store";
        }
        return 0;
}

int audit_log_open(struct audit_log *l, int dir, struct store *s, struct audit_found *ret)
{
        struct store_mark m = {0};
        int r;

        *l = (struct audit_log){
                .dir = dir, .fd = -1, .store = s, .segment_bytes = AUDIT_SEGMENT_BYTES};
        *ret = (struct audit_found){0};
        r = log_tidy(dir);
        if (!r)
                r = store_mark(s, &m);
        if (!r)
                r = log_open_file(l, 0);
        if (!r)
                r = log_judge(l, &m, ret);
        if (r) {
                daemon_log(LOG_ERR, "the audit log: %s", capnp_strerror(r));
                return r;
        }

        l->synced = l->chain;
        log_size_reserve(l);
        if (!audit_log_has_room(l))
                daemon_log(LOG_ERR, "the audit log: the disk is full");
        return 0;
}

void audit_log_close(struct audit_log *l)
{
        if (l->fd < 0)
                return;

        audit_log_sync(l);
        audit_log_mark(l);
        log_trim(l);
        close(l->fd);
        l->fd = -1;
}
