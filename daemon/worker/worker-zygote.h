/*
 * The zygote: a process that has everything a worker needs except authority, and makes copies of
 * itself.
 */
#ifndef CAPOS_WORKER_ZYGOTE_H
#define CAPOS_WORKER_ZYGOTE_H

#include <capos/capnp-base.h>

#include <sys/types.h>

/* How a worker ends. */
enum worker_exit {
        WORKER_EXIT_OK = 0,
        WORKER_EXIT_FAILED = 1,       /* worker_serve() did */
        WORKER_EXIT_SANDBOX = 10,     /* it could not give up what it has */
        WORKER_EXIT_DESCRIPTORS = 11, /* it had one too many, or too few */
        WORKER_EXIT_HANDOFF = 12,     /* the gateway broke the rules */
};

struct zygote {
        int link;     /* to caposd; borrowed */
        pid_t parent; /* caposd, which becomes the parent of every worker */
        unsigned fds; /* descriptors a worker may have at once */
};

/*
 * Forks when it is told to, until the link closes. What it returns in the zygote: 0, or -errno. In
 * a worker it does not return.
 */
int zygote_run(const struct zygote *z) CAPNP_MUST_USE;

#endif
