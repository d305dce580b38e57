/* What an interface is, as its service says. */
#ifndef CAPOS_WORKER_SCHEMA_H
#define CAPOS_WORKER_SCHEMA_H

#include "worker-pending.h"

/* Gets a schema, valid during the call and aligned, and ends p->a. */
typedef void schema_give(struct pending *p, capnp_data schema);

/* Asks the session manager for the schema of an interface. name: kept in p->name, for give. Takes
 * a; what a handler returns. */
int schema_ask(struct worker *w, capnp_answer *a, const char *name, uint64_t interface,
               schema_give *give);

/* A part of it, at most so many bytes, for whoever asks RemoteCapSet.schema for one. Likewise. */
int schema_ask_part(struct worker *w, capnp_answer *a, uint64_t interface, uint32_t most);

#endif
