/* Whether a service composes panes, as it says itself. */
#ifndef CAPOS_WORKER_COMPOSER_H
#define CAPOS_WORKER_COMPOSER_H

#include <capos/capnp-msg.h>

/* schema: a serialized CodeGeneratorRequest, a service's word, aligned as a message is. Whether an
 * interface in it is, or extends by whatever way, the interface `wanted`. */
bool composer_extends(capnp_data schema, uint64_t interface, uint64_t wanted);

#endif
