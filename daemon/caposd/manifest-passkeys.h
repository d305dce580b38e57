/* Passkeys in a manifest. */
#ifndef CAPOSD_MANIFEST_PASSKEYS_H
#define CAPOSD_MANIFEST_PASSKEYS_H

#include "manifest.capnp-c.h"

/* Tells of each fault, with its field. How many there are. */
unsigned manifest_passkeys_check(manifest_reader m,
                                 void (*complain)(void *arg, const char *path, const char *what),
                                 void *arg);

#endif
