/* Reading an audit log, all of its segments, and showing its records. */
#ifndef CLI_AUDIT_READ_H
#define CLI_AUDIT_READ_H

#include "cli.h"
#include "session-audit.h"

enum { AUDIT_PATH_BYTES = 4096 };

/* A log that is read and verified; all but the first five members are the reader's own. */
struct audit_reading {
        struct cli *c;
        /* Told each record that follows from those before it. NULL: nobody is. */
        void (*line)(void *arg, const char *p, size_t len, const struct capos_audit_chain *before,
                     const struct capos_audit_chain *after);
        void *arg;
        const char *since; /* elsewhere: what ends before is not fetched; NULL: nothing does */
        bool from_any;     /* its first segments may be elsewhere: that is said, and no fault */
        struct capos_audit_chain chain; /* where the last file ended */
        uint32_t segment;               /* its number; 0: none yet */
        bool alone;                     /* one file, whatever it goes on from */
        bool inside, follows;           /* in a file; it goes on from the one before it */
        int code;
};

/* The log's place: as given, or the instance's. An exit code. */
int audit_place(struct cli *c, char *path, size_t room) CAPNP_MUST_USE;
/* Reads and verifies a log. Says what is wrong, where it breaks: nothing behind that is read. An
 * exit code. */
int audit_read(struct audit_reading *r, const char *path) CAPNP_MUST_USE;

/* audit.log stands for the whole log; any other name for itself. */
bool audit_is_whole(const char *path);
/* The numbers of the sealed segments beside a log, in order, to be freed; how many. */
size_t audit_segments(const char *path, uint32_t **ret_numbers);
/* The file of a segment beside audit.log. */
void audit_segment_path(const char *path, uint32_t segment, char *ret, size_t room);

/* The members that say most, in one line; as it stands with --json, or when it is not a record. */
void audit_show(const struct cli *c, const char *line);

#endif
