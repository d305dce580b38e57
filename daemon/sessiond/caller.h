/* Who is calling, as far as a service may know. */
#ifndef SESSIOND_CALLER_H
#define SESSIOND_CALLER_H

#include "service_control.capnp-c.h"

struct grant;
struct service;

/* Fills in what a service is told with a grant's new socket, and notes it in the grant. */
void caller_fill(struct service *v, struct grant *g, caller_context_builder b);
/* What a service asks us by, on its control connection. It lasts as long as the service does. 0,
 * *ret is the caller's; -ENOMEM. */
int caller_host_new(struct service *v, capnp_cap **ret) CAPNP_MUST_USE;

#endif
