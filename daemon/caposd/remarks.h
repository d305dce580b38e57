/* What a service's programs, which are anybody's, write to their standard error. */
#ifndef CAPOS_CAPOSD_REMARKS_H
#define CAPOS_CAPOSD_REMARKS_H

#include "daemon-log.h"
#include "io-loop.h"

struct remarks {
        struct capos_io_watch watch;
        struct capos_io_timer timer;
        struct daemon_log_rate rate;
        const char *name;
        int from, to; /* a pipe; to is for the programs */
        size_t len;
        char line[DAEMON_LOG_BYTES]; /* which has begun */
};

/* name: the service's; borrowed. 0, or -errno: then nothing has to be undone. */
int remarks_init(struct remarks *r, struct capos_io_loop *loop, const char *name) CAPNP_MUST_USE;
/* Also for one that is all zero. */
void remarks_deinit(struct remarks *r);

#endif
