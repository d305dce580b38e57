/* Identity providers: what the manifest says of them, and the files that it names. */
#ifndef CAPOS_CAPOSD_PROVIDERS_H
#define CAPOS_CAPOSD_PROVIDERS_H

#include "daemon-manifest.h"

/* Something is wrong, at a path in the manifest. */
typedef void providers_complain(void *arg, const char *path, const char *what);

/* Whether there are any: then something fetches. */
bool providers_wanted(manifest_reader m);
/* What the manifest says of them by itself. Returns how many faults there are. */
unsigned providers_check(manifest_reader m, providers_complain *complain, void *arg);
/*
 * Reads the files into a file in memory, as the session manager takes them (daemon-fetch.h), which
 * nobody can change. m: one that has been checked. 0; -EINVAL: a file is not what it should be, and
 * complain was told; -errno.
 */
int providers_make(manifest_reader m, providers_complain *complain, void *arg,
                   int *ret_fd) CAPNP_MUST_USE;

#endif
