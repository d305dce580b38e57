/* Each call, while somebody wants to know. */
#ifndef CAPOS_WORKER_TRACE_H
#define CAPOS_WORKER_TRACE_H

#include "worker.h"

/* From now on calls are told, or not any more. */
void trace_follow(struct worker *w, bool on);
/* A time, for the mark of a call that crosses: never 0. */
uint64_t trace_now_us(void);
/* A call on a capability of the bundle is over that was marked by such a time; outcome: as
 * capnp_membrane_ops.back is told, `cut` if its way was cut. Nothing while nobody wants to know. */
void trace_back(struct worker *w, const struct tally_row *call, uint64_t mark, int outcome,
                enum capos_denial cut);
/* One was refused, by this code. */
void trace_refused(struct worker *w, const char *name, const struct tally_row *call,
                   const char *code);
/* Tells what has not been told yet; before a session ends, and after. */
void trace_report(struct worker *w);

#endif
