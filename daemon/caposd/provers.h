/* Provers: a process for one proof, a copy of a zygote's. */
#ifndef CAPOS_CAPOSD_PROVERS_H
#define CAPOS_CAPOSD_PROVERS_H

#include "base-list.h"
#include "copies.h"
#include "program.h"

enum { PROVERS = 32 };

struct provers {
        /* Borrowed, and set before provers_init(). */
        struct keeper *keeper;
        struct daemon_link *sessiond;
        struct copies *copies;

        struct program zygote;
        struct capnp_i_list list; /* struct prover */
        unsigned n, forks;        /* forks: of this zygote */
        uint32_t last_id;
        bool tired; /* the zygote has to be replaced */
};

/* 0, or -errno: provers_deinit() is to be called all the same. */
int provers_init(struct provers *ps) CAPNP_MUST_USE;
/* Takes a zeroed one, too. */
void provers_deinit(struct provers *ps);
/* Has one made, and sends the session manager its socket, whose other end is closed when none can
 * be. 0; -errno: there is not even a socket, so that it would wait for ever. */
int provers_start(struct provers *ps, uint32_t request) CAPNP_MUST_USE;
void provers_kill_all(struct provers *ps);
/* Whether none is left, and no zygote. */
bool provers_none(const struct provers *ps);

#endif
