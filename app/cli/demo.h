/* `capos up --demo`. */
#ifndef CAPOS_CLI_DEMO_H
#define CAPOS_CLI_DEMO_H

#include "cli.h"

/* Starts an instance with all there is to play with, and a bridge to a browser beside it; says what
 * to type and what to open; stays until it is ended. An exit code. */
int demo_run(struct cli *c) CAPNP_MUST_USE;

#endif
