/* The end of a session, which is not yet the end of its worker. */
#ifndef CAPOS_WORKER_END_H
#define CAPOS_WORKER_END_H

#include "worker.h"

/* Fails all open calls with that reason, and lets go of all grants. */
void worker_cut(struct worker *w, const char *reason);
/* The session is over: everything that came from it is dead when this returns. Once more does
 * nothing. */
void worker_end(struct worker *w, const char *reason);

#endif
