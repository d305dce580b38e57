/* The list of system calls, with their arguments, beyond which a process is killed. */
#ifndef CAPOS_DAEMON_FILTER_H
#define CAPOS_DAEMON_FILTER_H

#include "daemon-sandbox.h"

struct sock_filter;

/* A role's list as the kernel takes it; zeroed: none. */
struct daemon_filter {
        struct sock_filter *code; /* owned */
        uint16_t len;
        uint16_t own; /* where in it the process's own number goes; 0: nowhere */
};

/*
 * Makes the list of a role, which takes more than a hundred KiB meanwhile: once, by whoever has
 * others enter it. Opens a descriptor and closes it again. 0, or -errno.
 */
int daemon_filter_make(enum daemon_role role, struct daemon_filter *ret_f) CAPNP_MUST_USE;
void daemon_filter_deinit(struct daemon_filter *f);
/*
 * Installs a list in this process, for good. What names a process in an argument is allowed for
 * this process's own number, so it is to be called after the last fork. 0, or -errno.
 */
int daemon_filter_enter(struct daemon_filter *f) CAPNP_MUST_USE;

#endif
