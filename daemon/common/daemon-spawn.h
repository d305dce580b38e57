/* Starting a program that gets exactly the descriptors it is given. */
#ifndef CAPOS_DAEMON_SPAWN_H
#define CAPOS_DAEMON_SPAWN_H

#include <capos/capnp-base.h>

#include "daemon-seclude.h"

enum { SPAWN_FDS = 12 };

struct daemon_spawn {
        const char *path;
        const char *const *argv; /* argv[0] included, NULL at the end */
        const char *env;         /* NAME=value for its environment, or NULL */
        struct {
                int fd; /* borrowed */
                int at; /* its number in the program, 0 .. 15, each once */
        } fds[SPAWN_FDS];
        unsigned nfds;
        int state_fd; /* which of these numbers is its state directory; 0: none */
        struct daemon_seclusion seclusion;
};

/*
 * Starts a program. It has what is named above, else /dev/null at 0 and 1, our standard error at 2,
 * and nothing else; a session of its own; no signal blocked; of the environment what is harmless;
 * and it is killed when we end. Returns when the program runs, or has failed to. 0; -ENOENT,
 * -EACCES and so on: there is no such program; another errno value.
 */
int daemon_spawn(const struct daemon_spawn *s, pid_t *ret_pid, int *ret_pidfd) CAPNP_MUST_USE;

#endif
