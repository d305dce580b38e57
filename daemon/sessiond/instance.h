/* What services hold of the instance itself, `instance` and `trace`. */
#ifndef SESSIOND_INSTANCE_H
#define SESSIOND_INSTANCE_H

#include <capos/capnp.h>

struct grant;
struct sessiond;

/* As service_open(), of a grant of the instance's own that a service holds. 0: *ret_fd is the
 * holder's end, the caller's; CAPNP_E_LIMIT: there is a socket already; -errno. */
int instance_open(struct sessiond *s, struct grant *g, int *ret_fd) CAPNP_MUST_USE;

#endif
