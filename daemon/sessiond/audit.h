/* The audit log of the instance. Its interface is asynchronous where it matters, so that it can
 * become a process of its own: an answer that depends on a record is handed over with it. */
#ifndef SESSIOND_AUDIT_H
#define SESSIOND_AUDIT_H

#include "base-list.h"
#include "session-audit.h"

#include <capos/capnp.h>

struct audit {
        capnp_vat *vat;
        capnp_timer *flush;
        struct capnp_i_list held; /* answers that wait for the disk */
        struct capos_audit_chain chain;
        int fd;
        bool dirty;
};

#define AUDIT_FILE "audit.log"

/* Opens the log in the folder dir and verifies it; a torn last line is cut off, and a record says
 * so. 0, or -errno. */
int audit_init(struct audit *a, capnp_vat *v, int dir) CAPNP_MUST_USE;
/* Ends the answers that wait, after a last sync. */
void audit_deinit(struct audit *a);

/* Adds a record; its time is filled in. What cannot be recorded must not happen: when the log
 * cannot be written, the process ends here. */
void audit_add(struct audit *a, struct capos_audit_record r);
/* Ends an answer with its results, once all that was recorded is on disk. */
int audit_return(struct audit *a, capnp_answer *answer);
/* The same with an exception. */
int audit_fail(struct audit *a, capnp_answer *answer, enum capnp_kind k, const char *fmt, ...)
        CAPNP_PRINTF(4, 5);

#endif
