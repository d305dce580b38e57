/* Which services which profiles may have. */
#ifndef CAPOS_CAPOSD_MANIFEST_PROFILES_H
#define CAPOS_CAPOSD_MANIFEST_PROFILES_H

#include "manifest.capnp-c.h"

/* Complains of what a manifest grants and should not, as manifest_check() does. How many faults. */
unsigned manifest_profiles_check(manifest_reader m,
                                 void (*complain)(void *arg, const char *path, const char *what),
                                 void *arg);

#endif
