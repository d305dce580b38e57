/* The capability `admin` of a session: the session manager is its service. */
#ifndef SESSIOND_ADMIN_REMOTE_H
#define SESSIOND_ADMIN_REMOTE_H

#include <capos/capnp.h>

struct grant;

/* As service_open(). 0: *ret_fd is the worker's end, the caller's; CAPNP_E_LIMIT: there is a socket
 * already; -errno. */
int admin_open(struct grant *g, int *ret_fd) CAPNP_MUST_USE;

#endif
