/* What two manifests have in common, or must have. */
#ifndef CAPOS_CAPOSD_MANIFEST_COMPARE_H
#define CAPOS_CAPOSD_MANIFEST_COMPARE_H

#include "manifest.capnp-c.h"

#include <stdint.h>

/* What cannot change while an instance runs. complain: told once for each. How many there are. */
unsigned manifest_fixed(manifest_reader now, manifest_reader next,
                        void (*complain)(void *arg, const char *path, const char *what), void *arg);
/* Which parts are the same: of enum packet_next. What cannot be compared is not. */
uint32_t manifest_same(manifest_reader now, manifest_reader next);
/* Whether two services are one process: started the same way, for the same interface. */
bool manifest_same_process(service_reader a, service_reader b);

#endif
