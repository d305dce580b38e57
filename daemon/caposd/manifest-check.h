/* What a manifest may say beyond what its schema allows. */
#ifndef CAPOS_CAPOSD_MANIFEST_CHECK_H
#define CAPOS_CAPOSD_MANIFEST_CHECK_H

#include "daemon-manifest.h"

/* Whether what the schema allows makes sense. complain: told once for each fault. The number of
 * faults. */
unsigned manifest_check(manifest_reader m,
                        void (*complain)(void *arg, const char *path, const char *what), void *arg);

#endif
