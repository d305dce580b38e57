/* How much of its quotas a session uses, for its client. */
#ifndef CAPOS_WORKER_USE_H
#define CAPOS_WORKER_USE_H

#include "worker.h"

/* Adds to what sessiond has said of a session, which b has already. */
void use_fill(const struct worker *w, session_info_builder b);

#endif
