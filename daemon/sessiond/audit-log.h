/* The files of the audit log: the segment that is written, those that are sealed, and the room. */
#ifndef SESSIOND_AUDIT_LOG_H
#define SESSIOND_AUDIT_LOG_H

#include "session-audit.h"

struct store;

#define AUDIT_NEXT_FILE "audit.log.new" /* a segment that is being begun */

enum {
        AUDIT_SEGMENT_BYTES = 64 * 1024 * 1024,
        AUDIT_RESERVE_BYTES = 1024 * 1024, /* room that is kept ahead; less on a small disk */
};

struct audit_log {
        struct store *store;
        int dir, fd;                            /* fd: -1: not open */
        struct capos_audit_chain chain, synced; /* what is written; what is on disk */
        uint32_t segment;
        uint64_t segment_bytes; /* after which a segment is sealed */
        uint64_t bytes, room;   /* of the segment: what is written, what the disk has set aside */
        uint64_t reserve;
        bool unsynced, unmarked, mark_failed;
};

/* What was wrong with the log when it was opened. */
struct audit_found {
        const char *outcome; /* of the record `recovered`; NULL: nothing was wrong */
        char detail[128];
};

/*
 * Opens the log in a folder, which is borrowed, verifies the segment that was written last, and
 * compares it with what the store remembers. What is wrong is said in the log for people and in
 * *ret; then a segment that must not be gone on with has been set aside.
 * 0; -ELOOP: it is a symbolic link; -EINVAL: it is no file; -errno. The log for people says which.
 */
int audit_log_open(struct audit_log *l, int dir, struct store *s,
                   struct audit_found *ret) CAPNP_MUST_USE;
/* Syncs, lets the store remember, and gives back the room. */
void audit_log_close(struct audit_log *l);

/* Writes a record, from the reserve if need be; seals a segment that has become long. What cannot
 * be recorded must not happen: when there is no reserve left either, the process ends here. */
void audit_log_write(struct audit_log *l, const struct capos_audit_record *r);
/* What has been written is on disk when this returns; else the process ends here. */
void audit_log_sync(struct audit_log *l);
/* Lets the store remember how far the log has got: what is synced alone. */
void audit_log_mark(struct audit_log *l);
/* A piece of a segment: whole lines. */
struct audit_piece {
        uint32_t segment; /* 0: the one that is written, whose number is filled in */
        uint64_t at;      /* from which byte on, the beginning of a line */
        uint32_t len;     /* filled in; 0: there is no more */
        bool sealed;      /* likewise: the segment gets no longer */
};

/* Reads as much as there is and fits into out, which is longer than a line. 0, -EINVAL: there was
 * no such segment yet, -errno: of one that is not there any more. */
int audit_log_read(struct audit_log *l, struct audit_piece *p, char *out,
                   uint32_t room) CAPNP_MUST_USE;
/* Whether more may be begun than what the reserve is for. Asks the disk again each time it was no.
 */
bool audit_log_has_room(struct audit_log *l);

#endif
