/* What a service asks us by, on its control connection. */
#ifndef SESSIOND_HOST_H
#define SESSIOND_HOST_H

#include <capos/capnp.h>

struct policy_service;
struct service;

/* It lasts as long as the service does. 0, *ret is the caller's; -ENOMEM. */
int host_new(struct service *v, capnp_cap **ret) CAPNP_MUST_USE;
/* Another policy counts from now on, and the present one is still there: what a service holds of
 * others and may not hold any more, or otherwise, is taken away. */
void host_follow(struct service *v, const struct policy_service *to);

#endif
