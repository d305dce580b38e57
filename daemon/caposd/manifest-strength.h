/* What profiles demand of a proof: whether anybody can meet it. */
#ifndef CAPOSD_MANIFEST_STRENGTH_H
#define CAPOSD_MANIFEST_STRENGTH_H

#include "manifest.capnp-c.h"

/* A part of manifest_check(). How many faults there are; each is told. */
unsigned manifest_strength_check(manifest_reader m,
                                 void (*complain)(void *arg, const char *path, const char *what),
                                 void *arg);

#endif
