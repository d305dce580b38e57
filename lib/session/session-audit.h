/* The audit log: one JSON line a record, chained by hashes, in segments (doc/protocol/audit.md). */
#ifndef CAPOS_SESSION_AUDIT_H
#define CAPOS_SESSION_AUDIT_H

#include <capos/capnp-base.h>

enum {
        CAPOS_AUDIT_HASH_BYTES = 32,
        CAPOS_AUDIT_TEXT_BYTES = 128,       /* of a member; what is longer is cut */
        CAPOS_AUDIT_LINE_BYTES = 16 * 1024, /* room that every line fits in */
        CAPOS_AUDIT_NAME_BYTES = 32,        /* of a segment's file */
};

#define CAPOS_AUDIT_FILE "audit.log" /* the segment that is written */

/* Something that happened. A member that is NULL, or an event of 0, is left out. */
struct capos_audit_record {
        uint64_t time_ms;      /* since 1970 */
        const char *what;      /* attempt, grant, open, …: doc/protocol/audit.md has the list */
        const char *outcome;   /* "ok", or the code of a denial */
        uint64_t event;        /* the gateway's number for the connection */
        const char *source;    /* the peer's address, as the gateway saw it */
        const char *transport; /* plain, tls, unix */
        const char *binding; /* how a proof was bound to the channel: none, tls-exporter, tls-key */
        const char *account;
        const char *profile;
        const char *kind;       /* of authentication */
        const char *session;    /* its id */
        const char *capability; /* its name */
        const char *detail;
        const char *actor, *actor_session; /* the administrator who has done it from elsewhere */
        const char *claim;                 /* what the client said about itself */
        const char *reporter; /* "worker": reported by a worker, so only as good as that */
        uint64_t times;       /* how many more like the record before there were */
        uint32_t segment;     /* the first record of a segment that goes on from another: which */
};

/* Where a log stands: the hash of its last line, and how many lines there are, those of earlier
 * segments included. Zeroed: none. */
struct capos_audit_chain {
        uint8_t hash[CAPOS_AUDIT_HASH_BYTES];
        uint64_t records;
};

/* Makes the next line, newline included, and moves the chain on. Returns its length. Text is taken
 * for UTF-8; what is not, and what could fool a terminal, is escaped. */
size_t capos_audit_line(struct capos_audit_chain *c, const struct capos_audit_record *r,
                        char out[CAPOS_AUDIT_LINE_BYTES]);

enum capos_audit_fault {
        CAPOS_AUDIT_GOOD,
        CAPOS_AUDIT_TORN,  /* the last line has no end: the writer was interrupted */
        CAPOS_AUDIT_FORM,  /* a line is not one of ours */
        CAPOS_AUDIT_CHAIN, /* a line does not follow from those before it */
        CAPOS_AUDIT_CUT,   /* it ends before the place that is known to have been reached */
        CAPOS_AUDIT_OTHER, /* at that place it has another hash: it was written anew */
};

struct capos_audit_verdict {
        enum capos_audit_fault fault;
        uint32_t segment;               /* 1 is the first */
        bool part, ended;               /* it was taken out of a log; its last line was there */
        uint64_t line;                  /* in this file, where the fault is; 1 is the first */
        uint64_t good_bytes;            /* of all lines before it */
        uint64_t bytes;                 /* of the file */
        struct capos_audit_chain begin; /* before the first line: where the former segment ends */
        struct capos_audit_chain chain; /* after the last good line */
};

/*
 * Verifies a segment, the whole file. known (NULL: nothing): a place that the log has reached, at
 * which it must have this hash, if it is within this segment or behind it.
 * 0: see *ret for what was found; -EINVAL: it is not a regular file; -errno: it cannot be read.
 */
int capos_audit_verify(int fd, const struct capos_audit_chain *known,
                       struct capos_audit_verdict *ret) CAPNP_MUST_USE;
/* Somebody who reads along: each line that follows, without its newline, and where the log stands
 * before and after it. */
struct capos_audit_reader {
        void (*line)(void *arg, const char *p, size_t len, const struct capos_audit_chain *before,
                     const struct capos_audit_chain *after);
        void *arg;
};

/* The same as capos_audit_verify(), and every good line is read to somebody. */
int capos_audit_read(int fd, const struct capos_audit_chain *known,
                     const struct capos_audit_reader *reader,
                     struct capos_audit_verdict *ret) CAPNP_MUST_USE;

/*
 * A part of a log that is verified elsewhere: a line that says what it goes on from, the records as
 * they stand in the log, and a line that says where it ends. capos_audit_verify() takes it as a
 * segment. Each makes its line, newline included, and returns its length.
 */
size_t capos_audit_part_begin(const struct capos_audit_chain *before,
                              char out[CAPOS_AUDIT_LINE_BYTES]);
size_t capos_audit_part_end(const struct capos_audit_chain *after,
                            char out[CAPOS_AUDIT_LINE_BYTES]);

/* In words: "a line does not follow from those before it". */
const char *capos_audit_fault_text(enum capos_audit_fault f);

/* The name of the file of a segment that is not written any more: audit-000001.log. */
void capos_audit_segment_name(uint32_t segment, char ret[CAPOS_AUDIT_NAME_BYTES]);
/* The number of a segment by its file's name; 0: it is no such name. */
uint32_t capos_audit_segment_of(const char *name);

#endif
