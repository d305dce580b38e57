/* What instances have told this user of their audit logs: a file for each, to hold them to it. */
#ifndef CLI_WITNESS_H
#define CLI_WITNESS_H

#include "cli.h"
#include "session-audit.h"

/* The file for an instance, as a login names it: beside the known instances. 0; -ENOENT: nobody has
 * said where; -ENAMETOOLONG. */
int witness_place(const char *instance, char *to, size_t room) CAPNP_MUST_USE;
/* Adds a line; folder and file are made. NULL, 0 and anything that is no hash: nothing is kept. Who
 * cannot keep it goes on without. when: `login`, `logout`. */
void witness_keep(const char *path, const char *when, uint64_t records, capnp_data hash);

/* One line. */
struct witness {
        struct capos_audit_chain chain;
        unsigned line;
};

/* Reads a file of them, in the order of their records; to be freed. An exit code. */
int witness_read(const struct cli *c, const char *path, struct witness **ret,
                 size_t *ret_n) CAPNP_MUST_USE;

#endif
