/* The process that makes the others: one for each browser that has entered. */
#ifndef CAPOS_WEB_STARTER_H
#define CAPOS_WEB_STARTER_H

#include "options.h"
#include "packets.h"

/*
 * Forks it. fd: where packet_start goes; the starter ends with it, and its processes with it. run
 * is what these do, with the sockets theirs; it ends the process. 0, or -errno.
 */
int starter_new(const struct web_options *o,
                void (*run)(const struct web_options *o, const struct packet_start *s,
                            const int fds[2]),
                int *ret_fd) CAPNP_MUST_USE;

#endif
