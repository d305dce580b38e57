/* Programs that a command is, in the end. */
#ifndef CAPOS_CLI_BECOME_H
#define CAPOS_CLI_BECOME_H

#include "cli.h"

/* Becomes a program of ours, looked for beside this one, as it is built, and where it is installed.
 * argv[0] is its name. Returns only when that fails: an exit code. */
int become(struct cli *c, const char *const *argv);

#endif
