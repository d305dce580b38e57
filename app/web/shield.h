/* TLS before the front, for a browser on another machine. */
#ifndef CAPOS_WEB_SHIELD_H
#define CAPOS_WEB_SHIELD_H

#include "options.h"

#include <sys/socket.h>

/* The shield to the front: first, without a socket, where it listens; then a browser's connection,
 * its handshake done, with the socket that has what is inside of it. */
struct shield_arrival {
        struct sockaddr_storage from;
        uint32_t len;
};

/*
 * Listens where the options say, with their certificate, in a process of its own; starter: what
 * that has to close. ret_port: where. ret_fd: connections come by it. 0; -errno: that it does not
 * has been said.
 */
int shield_new(const struct web_options *o, int starter, uint16_t *ret_port,
               int *ret_fd) CAPNP_MUST_USE;

#endif
