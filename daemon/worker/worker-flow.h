/* RemoteAuthFlow: one login, or one renewal by a new proof, step by step. */
#ifndef CAPOS_WORKER_FLOW_H
#define CAPOS_WORKER_FLOW_H

#include "worker-pending.h"

/* number: the session manager's of this flow. bound: what is made when it is done. 0 or -ENOMEM. */
int flow_new(struct worker *w, uint32_t number, pending_bound *bound,
             capnp_cap **ret_c) CAPNP_MUST_USE;
bool flow_owns(const capnp_cap *c);

#endif
