/* Who waits for the bundle to be another. */
#ifndef CAPOS_WORKER_WATCH_H
#define CAPOS_WORKER_WATCH_H

#include "worker.h"

/* RemoteCapSet.changed: keeps a until the bundle is another than it knows. Takes it. */
int watch_wait(struct worker *w, capnp_answer *a);
/* The bundle is another: whoever waits is told. */
void watch_tell(struct worker *w);
/* Fails all that wait. */
void watch_fail_all(struct worker *w, const char *reason);

#endif
