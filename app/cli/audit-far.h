/* The audit log of an instance that one is not on the machine of, segment by segment. */
#ifndef CLI_AUDIT_FAR_H
#define CLI_AUDIT_FAR_H

#include "cli.h"

#define AUDIT_FAR "the instance's audit log"

struct audit_far {
        struct cli *c;
        uint32_t first, next, last; /* numbers of segments; next: 0: there is no more */
        uint64_t at;                /* how much of the last one was fetched */
};

/* Connects by the `admin` of a login, and finds the first segment that has a record of a time, or
 * is whole behind it: the beginning of one in UTC; NULL or "": the first that is there. An exit
 * code. */
int audit_far_begin(struct audit_far *f, struct cli *c, const char *since) CAPNP_MUST_USE;
/* The same, and finds the one that is written, and the one before it. An exit code. */
int audit_far_latest(struct audit_far *f, struct cli *c) CAPNP_MUST_USE;
/* Fetches the next segment into memory, as a file. An exit code; *ret_fd is the caller's then. */
int audit_far_fetch(struct audit_far *f, int *ret_fd) CAPNP_MUST_USE;
/* Fetches what has come behind the last segment's end since, also in segments behind it: whole
 * lines, for show, whose -errno ends it. An exit code. */
int audit_far_more(struct audit_far *f, int (*show)(void *arg, capnp_data lines),
                   void *arg) CAPNP_MUST_USE;

#endif
