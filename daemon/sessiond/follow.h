/* What another policy makes of those who live by the present one. */
#ifndef SESSIOND_FOLLOW_H
#define SESSIOND_FOLLOW_H

#include <stdbool.h>

struct grant;
struct policy;
struct policy_grant;
struct policy_profile;
struct session;
struct sessiond;

/* Why, for clients: a capability that the policy gives no more, or otherwise. */
#define REVOKED_POLICY "policy"

/*
 * Has every session, and every client that may come back, live by another policy, or end. The
 * present one is still that of the instance, and is there. What points into it afterwards points
 * into the other.
 */
void follow_all(struct sessiond *s, const struct policy *to);
/* Whether a grant may go on as another: it is the same thing, or stays revoked whatever it is. */
bool follow_is_same(const struct grant *g, const struct policy_grant *p);
/* Gives a session what a profile grants: what it has already goes on as it is. 0, or -ENOMEM:
 * nothing has changed. */
int follow_grants(struct session *e, const struct policy_profile *p);

#endif
