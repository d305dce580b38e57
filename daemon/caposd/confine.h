/* What each program of the instance is confined by, decided once, when the instance starts. */
#ifndef CAPOS_CONFINE_H
#define CAPOS_CONFINE_H

#include "daemon-manifest.h"
#include "daemon-spawn.h"

/* Whose number a program gets: the manifest's firstUser and this. */
enum confine_user {
        USER_SESSIOND,
        USER_GATEWAY,
        USER_WORKER,
        USER_PROVER,
        USER_SIGNER,
        USER_FETCHER,
        USER_SERVICES = 16,              /* and the lowest number that no other service has */
        USERS = USER_SERVICES + 3 * 256, /* those that come, and those that have not left yet */
};

struct confine {
        bool full;       /* asked for */
        unsigned layers; /* had, of enum daemon_layer; none unless asked for */
        uid_t first_user;
};

/* Why the instance cannot start was said in the log, and needs no other words. */
enum { CAPOSD_E_SAID = 1 };

/*
 * exposed: there is a listener that others can reach. What was decided, and what is missing, goes
 * to the log. 0; CAPOSD_E_SAID: the manifest demands what cannot be had here.
 */
int confine_init(struct confine *c, manifest_reader m, bool exposed) CAPNP_MUST_USE;
/* Adds to a start what the program gets. state_fd: the number of its state directory; 0: none. */
void confine_program(const struct confine *c, unsigned user, int state_fd, struct daemon_spawn *s);
/* Which of the superuser's powers caposd has to keep, as daemon_powers_drop() takes them. */
uint64_t confine_powers(const struct confine *c);
/*
 * Has a directory, and all in it, belong to the user of a program; as an ordinary user's instance
 * there is nothing to do. Of the state directory itself (USER_SESSIOND) only what is not a
 * directory. Follows no link. 0, or -errno.
 */
int confine_own(const struct confine *c, unsigned user, int dir) CAPNP_MUST_USE;
/* Whether a state directory of this owner is ours to use. first_user: as in the manifest. */
bool confine_may_be_ours(uid_t first_user, uid_t owner);

#endif
