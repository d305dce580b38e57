/* What a worker tells of each call, while somebody wants to know. */
#ifndef SESSIOND_TRACE_H
#define SESSIOND_TRACE_H

#include <capos/capnp.h>

struct admission;

/* Of a connection: how many rows it has used up of those that it has. */
struct trace_rate {
        uint64_t used, at_ms;
};

/* Admission.trace. Takes a. */
int trace_rows(struct admission *ad, capnp_answer *a);

#endif
