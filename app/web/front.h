/* The process that strangers speak to. */
#ifndef CAPOS_WEB_FRONT_H
#define CAPOS_WEB_FRONT_H

#include "options.h"

/* Listens, prints where, and serves until it is told to end. starter: where processes are asked
 * for. An exit code. */
int front_run(const struct web_options *o, int starter);

#endif
