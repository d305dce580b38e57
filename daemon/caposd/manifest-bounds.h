/* What sessions and the instance are allowed: whether it is enough to be of use. */
#ifndef CAPOSD_MANIFEST_BOUNDS_H
#define CAPOSD_MANIFEST_BOUNDS_H

#include "manifest.capnp-c.h"

/* A part of manifest_check(). How many faults there are; each is told. */
unsigned manifest_bounds_check(manifest_reader m,
                               void (*complain)(void *arg, const char *path, const char *what),
                               void *arg);

#endif
