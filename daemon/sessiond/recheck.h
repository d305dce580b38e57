/* Sessions that a certificate has made, judged again when the rules have changed. */
#ifndef SESSIOND_RECHECK_H
#define SESSIOND_RECHECK_H

#include "session.h"

struct prove_job;

struct recheck {
        struct prove_job *job;             /* NULL: none is under way */
        char id[2 * SESSION_ID_BYTES + 1]; /* of the session it is about */
        uint32_t generation;               /* of the rules it is about */
        capnp_timer *again;
};

/* Other rules have come, in a file, which is taken. */
void recheck_start(struct sessiond *s, int fd);
void recheck_deinit(struct sessiond *s);

#endif
