/* What the instance tells services of itself, `instance` and `trace`: their faces, for who checks a
 * manifest and who serves them. */
#ifndef CAPOS_DAEMON_INSTANCE_H
#define CAPOS_DAEMON_INSTANCE_H

#include "daemon-text.h"

#define DAEMON_INSTANCE "instance"
#define DAEMON_TRACE    "trace"

/* What may be asked; a set. */
enum instance_facet {
        INSTANCE_NOTHING = 0,
        INSTANCE_METRICS = 1, /* numbers */
        INSTANCE_AUDIT = 2,   /* the audit log, as it grows */
        INSTANCE_CALLS = 4,   /* the calls of sessions */
};

/* Whether it is one of the two. */
bool daemon_instance_is(capnp_text name);
/* The set that one of them has by a facet of a manifest; INSTANCE_NOTHING: it has none such. */
unsigned daemon_instance_facets(capnp_text name, capnp_text facet);

#endif
