/* Programs that a command is, in the end. */
#ifndef CAPOS_CLI_BECOME_H
#define CAPOS_CLI_BECOME_H

#include "cli.h"

/* Where a program of ours is: beside this one, as it is built, or where it is installed. false: in
 * neither place. */
bool become_find(const char *name, char *ret_path, size_t room);
/* Becomes a program of ours; argv[0] is its name. Returns only when that fails: an exit code. */
int become(struct cli *c, const char *const *argv);

#endif
