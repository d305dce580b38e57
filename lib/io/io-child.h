/* Child processes and signals as descriptors, to be watched like any other. */
#ifndef CAPOS_IO_CHILD_H
#define CAPOS_IO_CHILD_H

#include "io-loop.h"

#include <sys/types.h>

/* A child of ours, watched until it ends. Embedded in what it belongs to. */
struct capos_io_child {
        struct capos_io_watch watch;
        int pidfd; /* owned; -1 after the end, and before init */
        /* May be set after init: it leads a process group, and when it ends, what is left of that
         * is killed. */
        bool leads;
        void (*ended)(struct capos_io_child *c, int code, int status);
};

/*
 * Watches a child. pidfd: of clone or pidfd_open; taken when this returns 0. ended: called once,
 * from the loop, after the child was reaped: code and status as si_code (CLD_EXITED …) and
 * si_status of waitid(); it may free what c is embedded in. 0, or -errno.
 */
int capos_io_child_init(struct capos_io_child *c, struct capos_io_loop *l, int pidfd,
                        void (*ended)(struct capos_io_child *c, int code,
                                      int status)) CAPNP_MUST_USE;
/* Stops watching; a child that still runs goes on and has to be reaped by somebody else. */
void capos_io_child_deinit(struct capos_io_child *c);
/* Sends a signal to that child and to nobody else, whatever its number is used for by now. 0, or
 * -errno (-ESRCH: it has ended). */
int capos_io_child_kill(const struct capos_io_child *c, int signal) CAPNP_MUST_USE;
/* A descriptor for a process by its number. 0; -ESRCH; -errno. Safe only for an unreaped child. */
int capos_io_pidfd_open(pid_t pid, int *ret_fd) CAPNP_MUST_USE;

/* Blocks signals and makes a descriptor that they are read from. 0, or -errno. */
int capos_io_signal_open(const int *signals, unsigned n, int *ret_fd) CAPNP_MUST_USE;
/* The next signal. 0; CAPOS_IO_E_AGAIN: none; -errno. */
int capos_io_signal_read(int fd, int *ret_signal) CAPNP_MUST_USE;

#endif
