/* The process that strangers speak to. */
#ifndef CAPOS_WEB_FRONT_H
#define CAPOS_WEB_FRONT_H

#include "options.h"

/* Where its connections come from, when it is not the front that listens. */
struct front_shield {
        int fd; /* -1: it listens itself */
        uint16_t port;
};

/* Listens, prints where, and serves until it is told to end. starter: where processes are asked
 * for. An exit code. */
int front_run(const struct web_options *o, int starter, const struct front_shield *s);

#endif
