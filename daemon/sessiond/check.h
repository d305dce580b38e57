/* Whether a service is what the manifest says of it: asked by caposd while the instance starts. */
#ifndef SESSIOND_CHECK_H
#define SESSIOND_CHECK_H

#include <stdint.h>

struct policy;
struct policy_service;
struct service;
struct sessiond;

/* Looks at a service, and finds out which methods its facets have, by what a policy says of it at
 * this place: the present one, or the next. The answer goes to caposd as a packet CHECKED, or
 * NEXT_CHECKED, after 10 seconds at most. */
void check_start(struct sessiond *s, struct policy *p, const struct service *v, uint32_t index);
/* The same for one of the present policy's that has not said yet what its methods are, unless it is
 * being looked at. */
void check_again(struct sessiond *s, const struct policy_service *p);
/* Gives up those that are under way by a policy; NULL: all. */
void checks_end(struct sessiond *s, const struct policy *p);

#endif
