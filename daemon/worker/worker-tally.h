/* What calls were made, for the audit log. */
#ifndef CAPOS_WORKER_TALLY_H
#define CAPOS_WORKER_TALLY_H

#include "worker.h"

/* A call of the client's on a capability of the bundle: its name, which lives as long as the
 * worker. outcome: `ok`, or the code that it is refused with. False: it has to be recorded by
 * itself, and there are too many: it must not go through. */
bool tally_call(struct worker *w, const char *name, uint64_t iface, uint16_t method, uint64_t bytes,
                const char *outcome) CAPNP_MUST_USE;
/* One more report is left out: there were too many. */
void tally_unsaid(struct worker *w);
/* Tells the session manager what has not been told yet; before a session ends, and after. */
void tally_report(struct worker *w);
/* Forgets what has not been told. */
void tally_deinit(struct tally *t);

#endif
