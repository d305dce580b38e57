/*
 * Whose turn it is: jobs of parties, of their sources, of their connections, each in a ring of
 * equals.
 */
#ifndef SESSIOND_TURNS_H
#define SESSIOND_TURNS_H

#include "base-list.h"

#include <capos/capnp-base.h>

enum { TURNS_KEY = 80, TURNS_LEVELS = 3 };

/* For whom a job is: the user or address, where from, on which connection. */
struct turns_path {
        char key[TURNS_LEVELS][TURNS_KEY];
};

/* How many jobs may wait, of one at each level. */
struct turns_bounds {
        unsigned total, party, source, connection;
};

struct turns_node;

/* Embedded in what waits. */
struct turns_job {
        struct capnp_i_list link;
        struct turns_node *of; /* NULL: it does not wait */
};

struct turns {
        struct turns_node *root; /* NULL: nothing waits */
        unsigned bounds[TURNS_LEVELS + 1];
};

void turns_init(struct turns *t, struct turns_bounds b);
/* Nothing may wait any more. */
void turns_deinit(struct turns *t);

/*
 * Puts a job at the end of its connection's. Where there is no room, the one that has most makes
 * some: its youngest job is thrown out, *ret_out, which waits no more; else NULL. 0; CAPNP_E_LIMIT:
 * nobody there has more than the newcomer would; -ENOMEM.
 */
int turns_add(struct turns *t, const struct turns_path *p, struct turns_job *j,
              struct turns_job **ret_out) CAPNP_MUST_USE;
/* Takes the job whose turn it is. NULL: nothing waits. */
struct turns_job *turns_take(struct turns *t);
/* Takes one out of its turn; nothing happens when it does not wait. */
void turns_remove(struct turns *t, struct turns_job *j);
/* How many wait. */
unsigned turns_count(const struct turns *t);

#endif
