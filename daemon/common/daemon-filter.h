/* The list of system calls, with their arguments, beyond which a process is killed. */
#ifndef CAPOS_DAEMON_FILTER_H
#define CAPOS_DAEMON_FILTER_H

#include "daemon-sandbox.h"

/*
 * Installs the list of a role in this process, for good. What names a process in an argument is
 * allowed for this process's own number, so it is to be called after the last fork. 0, or -errno.
 */
int daemon_filter_enter(enum daemon_role role) CAPNP_MUST_USE;

#endif
