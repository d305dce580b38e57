/* UserSession: who somebody is. */
#ifndef CAPOS_WORKER_USER_H
#define CAPOS_WORKER_USER_H

#include "worker.h"

int user_new(struct worker *w, capnp_cap **ret_c) CAPNP_MUST_USE;
bool user_owns(const capnp_cap *c);

#endif
