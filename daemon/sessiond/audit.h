/* The audit log of the instance. Its interface is asynchronous where it matters, so that it can
 * become a process of its own: an answer that depends on a record is handed over with it. */
#ifndef SESSIOND_AUDIT_H
#define SESSIOND_AUDIT_H

#include "audit-count.h"
#include "audit-log.h"
#include "base-list.h"

#include <capos/capnp.h>

/* An administrator who is elsewhere. */
struct audit_actor {
        char account[33], session[33];
        char source[64];
};

struct audit {
        const struct audit_actor *actor; /* for whom things are done just now; NULL: nobody */
        capnp_vat *vat;
        capnp_timer *flush;       /* at the end of this turn: answers wait for the disk */
        capnp_timer *tick;        /* within a second: what nobody waits for */
        struct capnp_i_list held; /* answers that wait for the disk */
        struct audit_log log;
        struct audit_counts counts;
        /* Told of each record that was written, and its number in the log. NULL: nobody is. */
        void (*wrote)(void *arg, const struct capos_audit_record *r, uint64_t number);
        void *wrote_arg;
        uint64_t refused; /* since the disk is full */
        bool full;
};

/* Opens the log in the folder dir and verifies it; what was wrong with it is the first record. 0,
 * or -errno. */
int audit_init(struct audit *a, capnp_vat *v, int dir, struct store *s) CAPNP_MUST_USE;
/* Ends the answers that wait, after a last sync. */
void audit_deinit(struct audit *a);

/* Adds a record; its time is filled in. What cannot be recorded must not happen: when the log
 * cannot be written, the process ends here. */
void audit_add(struct audit *a, struct capos_audit_record r);
/* Adds a record of something that anybody can cause, as often as he likes: the first of its kind
 * from its source as above; more of them are counted, and their number recorded within a minute. */
void audit_add_counted(struct audit *a, struct capos_audit_record r);
/* Whether something may begin that needs records. False: the disk is full; the end of what has
 * begun is recorded all the same. */
bool audit_has_room(struct audit *a);

/* Ends an answer with its results, once all that was recorded is on disk. */
int audit_return(struct audit *a, capnp_answer *answer);
/* The same with an exception. */
int audit_fail(struct audit *a, capnp_answer *answer, enum capnp_kind k, const char *fmt, ...)
        CAPNP_PRINTF(4, 5);

#endif
