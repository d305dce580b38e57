/* Who is calling, as far as a service may know. */
#ifndef SESSIOND_CALLER_H
#define SESSIOND_CALLER_H

#include "service_control.capnp-c.h"

struct grant;
struct service;

/* Fills in what a service is told with a grant's new socket, and notes it in the grant. */
void caller_fill(struct service *v, struct grant *g, caller_context_builder b);
/* Answers a service that asks who one is: ServiceHost.disclose. Takes a. */
int caller_disclose(struct service *v, capnp_answer *a);

#endif
