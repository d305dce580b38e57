/* What a manifest means, in words. */
#ifndef CAPOS_CAPOSD_MANIFEST_EXPLAIN_H
#define CAPOS_CAPOSD_MANIFEST_EXPLAIN_H

#include "daemon-manifest.h"

/* Prints what a field is: `profiles.lease`; empty: all there are. 0; -EINVAL: there is none, and
 * said so. */
int manifest_explain_field(const char *path) CAPNP_MUST_USE;
/* Prints what a manifest grants to whom. */
void manifest_explain(manifest_reader m);

#endif
