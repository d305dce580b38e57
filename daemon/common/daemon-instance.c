/*
 * What the instance tells services of itself: which part of it a line of a manifest gives.
 *
 * Kept apart from what serves it (sessiond/instance.c), because who checks a manifest has to know
 * it, too.
 */
#include "daemon-instance.h"

bool daemon_instance_is(capnp_text name)
{
        return text_is(name, DAEMON_INSTANCE) || text_is(name, DAEMON_TRACE);
}

unsigned daemon_instance_facets(capnp_text name, capnp_text facet)
{
        if (text_is(name, DAEMON_TRACE))
                return facet.len ? INSTANCE_NOTHING : INSTANCE_CALLS;
        if (!text_is(name, DAEMON_INSTANCE))
                return INSTANCE_NOTHING;
        if (!facet.len)
                return INSTANCE_METRICS | INSTANCE_AUDIT;
        if (text_is(facet, "metrics"))
                return INSTANCE_METRICS;
        return text_is(facet, "audit") ? INSTANCE_AUDIT : INSTANCE_NOTHING;
}
