/* Keys that are not believed any more, by the manifest and the file that it names. */
#ifndef CAPOS_CAPOSD_REVOKED_KEYS_H
#define CAPOS_CAPOSD_REVOKED_KEYS_H

#include "daemon-manifest.h"

/* Something is wrong, at a path in the manifest. */
typedef void revoked_keys_complain(void *arg, const char *path, const char *what);

/* Reads the file, if a manifest that is being made names one, and adds what is in it to the
 * manifest's own list. 0, also when complain was told of something; -ENOMEM. */
int revoked_keys_take(capnp_msg *manifest, revoked_keys_complain *complain,
                      void *arg) CAPNP_MUST_USE;

#endif
