/* The session's own objects: RemoteSession and RemoteCapSet. */
#ifndef CAPOS_WORKER_SESSION_H
#define CAPOS_WORKER_SESSION_H

#include "worker.h"

/* A RemoteSession; it works until the session is bound again. 0 or -ENOMEM. */
int session_ref_new(struct worker *w, capnp_cap **ret_c) CAPNP_MUST_USE;
/* Whether a reference is one of these, or a RemoteCapSet. */
bool session_ref_owns(const capnp_cap *c);

#endif
