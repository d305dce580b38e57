/* What a client meets first: RemoteSessionGateway. */
#ifndef CAPOS_WORKER_GATEWAY_H
#define CAPOS_WORKER_GATEWAY_H

#include "worker.h"

int gateway_new(struct worker *w, capnp_cap **ret_c) CAPNP_MUST_USE;
bool gateway_owns(const capnp_cap *c);

#endif
