/* Processes that a zygote has made, which are children of ours all the same. */
#ifndef CAPOS_CAPOSD_COPIES_H
#define CAPOS_CAPOSD_COPIES_H

#include "io-child.h"

#include <sys/types.h>

enum { COPIES_RETIRED = 16 };

/* Groups of dead zygotes that may have a child which nobody knows; zeroed: none. */
struct copies {
        pid_t retired[COPIES_RETIRED];
};

/* A zygote says that it has made this child of ours: watches it. 0; -errno: it is none. */
int copy_adopt(struct capos_io_loop *loop, struct capos_io_child *child, pid_t pid,
               void (*ended)(struct capos_io_child *child, int code, int status)) CAPNP_MUST_USE;
/* A zygote has died whose forks may have been nobody's yet. */
void copies_retire(struct copies *c, pid_t group);
/* After SIGCHLD: waits for children that only a dead zygote knew. */
void copies_reap(struct copies *c);

#endif
