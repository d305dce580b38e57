/* Where an instance is: its state directory, and what it listens on. */
#ifndef CAPOS_CAPOSD_PLACE_H
#define CAPOS_CAPOSD_PLACE_H

#include "listen.h"

struct place {
        char path[4096]; /* of the state directory */
        int dir;         /* the directory */
        int lock;        /* its lock, as long as we live */
        int admin;       /* the listener of admin.sock */
        struct listening listeners[LISTENS_MAX + 1];
        unsigned nlisteners;
        int diag; /* socket diagnostics; -1: there are none */
};

/* All of it. first_user: of those whom a state directory of ours may belong to. What goes wrong is
 * said in the log. 0, or -errno. */
int place_open(struct place *p, const struct options *o, uid_t first_user) CAPNP_MUST_USE;
/* Closes it, and removes admin.sock. */
void place_close(struct place *p);
/* A service's own directory, made when it is not there. 0, or -errno. */
int place_service(const struct place *p, const char *name, int *ret_fd) CAPNP_MUST_USE;

/* The path of the directory, by the options and the environment. 0, or -errno. */
int place_path(const struct options *o, char *path, size_t size) CAPNP_MUST_USE;

#endif
