/* How many connections an instance can hold: what the manifest wants, as far as descriptors go. */
#ifndef CAPOS_DAEMON_CAPACITY_H
#define CAPOS_DAEMON_CAPACITY_H

#include "manifest.capnp-c.h"

enum { DAEMON_PROGRAMS = 64 }; /* of a service that is a program, at once */

struct daemon_capacity {
        uint32_t connections;            /* that have a session; 0: there are too few */
        uint32_t unauthenticated;        /* that have none */
        uint32_t unauthenticated_of_one; /* … from one source */
        uint64_t fds;                    /* what each process may open */
        uint64_t wanted_fds;             /* what it would have to be for all the manifest wants */
        uint32_t gateway_fds, sessiond_fds; /* what these two need for that many */
};

/* The most descriptors that this process and its children may have. */
uint64_t daemon_capacity_fds(void);
/* What there is room for when every process may have this many descriptors. */
void daemon_capacity_find(manifest_reader m, uint64_t fds, struct daemon_capacity *ret_c);
/* The most that one source may take of what there is; wanted 0: nearly all. */
uint32_t daemon_capacity_of_one(uint32_t all, uint32_t wanted);

#endif
