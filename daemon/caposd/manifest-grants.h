/* What services hold of other services. */
#ifndef CAPOS_CAPOSD_MANIFEST_GRANTS_H
#define CAPOS_CAPOSD_MANIFEST_GRANTS_H

#include "manifest.capnp-c.h"

/* Tells of each `grants` that names what cannot be held, or makes a circle, or more of somebody
 * than he declares. Returns how many faults there are. */
unsigned manifest_grants_check(manifest_reader m,
                               void (*complain)(void *arg, const char *path, const char *what),
                               void *arg);

#endif
