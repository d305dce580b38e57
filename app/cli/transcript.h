/* What a command says and hears, as numbers in a file: --transcript. */
#ifndef CAPOS_CLI_TRANSCRIPT_H
#define CAPOS_CLI_TRANSCRIPT_H

#include "cli.h"

/* Makes the file that --transcript names, which must not be there. An exit code. */
int transcript_open(struct cli *c) CAPNP_MUST_USE;
/* From now on what goes over c->conn is noted. Nothing without --transcript. */
void transcript_watch(struct cli *c);

#endif
