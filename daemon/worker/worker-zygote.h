/* A worker, from the moment it is a copy of the zygote. */
#ifndef CAPOS_WORKER_ZYGOTE_H
#define CAPOS_WORKER_ZYGOTE_H

#include "daemon-zygote.h"
#include "worker-tls.h"

/* How a worker ends. */
enum worker_exit {
        WORKER_EXIT_OK = COPY_EXIT_OK,
        WORKER_EXIT_FAILED = 1, /* worker_serve() did */
        WORKER_EXIT_SANDBOX = COPY_EXIT_SANDBOX,
        WORKER_EXIT_DESCRIPTORS = COPY_EXIT_DESCRIPTORS,
        WORKER_EXIT_HANDOFF = 12, /* the gateway broke the rules */
        WORKER_EXIT_LEDGER = EXIT_LEDGER,
};

/* What the zygote has for its copies. */
struct worker_kit {
        unsigned max_fds; /* how many descriptors one may have */
        struct worker_tls tls;
};

/* The life of a worker: daemon_zygote.live. z->arg: a struct worker_kit. */
void worker_live(struct daemon_zygote *z, int handoff);

#endif
