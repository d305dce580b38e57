/* What a process of the instance may still do: no more than its role needs. */
#ifndef CAPOS_DAEMON_SANDBOX_H
#define CAPOS_DAEMON_SANDBOX_H

#include <capos/capnp-base.h>

#include <sys/types.h>

struct daemon_filter;

enum daemon_role {
        ROLE_GATEWAY,
        ROLE_ZYGOTE,
        ROLE_WORKER,
        ROLE_SESSIOND,
        ROLE_PROVER,
        ROLE_SERVICE, /* without a folder of its own */
        ROLE_KEEPER,  /* a service with one */
        ROLE_SIGNER,
        ROLE_FETCHERS, /* the zygote of the fetchers: what its copies need and cannot be given */
        ROLE_FETCHER,
};

/* Where sessiond, the signer (until it is in the sandbox) and a keeper have their folder, the only
 * one whose files they can open. */
enum { DAEMON_STATE_FD = 5 };

/*
 * Gives up everything a role does not need, for good: no new privileges, no capability, resource
 * limits, not dumpable, killed when the parent dies, no file but in its folder (where the kernel
 * has Landlock), and a list of system calls and arguments beyond which the process is killed.
 * Called when descriptors and libraries are in place, and after the last fork. 0, or -errno: then
 * the process must end.
 */
int daemon_sandbox(enum daemon_role role) CAPNP_MUST_USE;
/* The same with a list of calls that has been made before (daemon-filter.h). */
int daemon_sandbox_with(enum daemon_role role, struct daemon_filter *f) CAPNP_MUST_USE;
/* Has this process killed when its parent dies. parent: who that is. 0; -ESRCH: it has; -errno. */
int daemon_sandbox_parent(pid_t parent) CAPNP_MUST_USE;
/* Lowers the number of descriptors there may be; before daemon_sandbox(), which sets the role's
 * number otherwise. 0, or -errno. */
int daemon_sandbox_fds(unsigned max) CAPNP_MUST_USE;

/*
 * Whether these descriptors are open, and no others (above 1024, others are closed). Works inside
 * the sandbox of every role.
 * 0; -EBADF: one is missing; -EEXIST: there is one more, whose number is in ret_fd; -errno.
 */
int daemon_check_fds(const int *allowed, unsigned n, int *ret_fd) CAPNP_MUST_USE;

/* Whether a descriptor is open: some are given only to instances that have them. */
bool daemon_fd_is_open(int fd);

/* Whether this build writes reports on its own errors, for which every process keeps its standard
 * error, and the worker too. */
bool daemon_sandbox_reports(void);

#endif
