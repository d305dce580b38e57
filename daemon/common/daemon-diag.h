/* Which user of this machine is behind a TCP connection that begins here. */
#ifndef CAPOS_DAEMON_DIAG_H
#define CAPOS_DAEMON_DIAG_H

#include "io-address.h"

/* Opens a way to ask the kernel about sockets, and tries it on this listener. 0; -errno: it cannot
 * be asked, as in some containers. */
int daemon_diag_open(int listener, int *ret_fd) CAPNP_MUST_USE;
/*
 * Asks who owns the socket that is connected from `from` to `to`, both of this machine.
 * 0; -ENOENT: nobody any more, it has been closed; another -errno: the kernel does not say.
 */
int daemon_diag_owner(int fd, const struct capos_io_address *from,
                      const struct capos_io_address *to, uid_t *ret_uid) CAPNP_MUST_USE;

#endif
