/* What another policy makes of those who live by the present one. */
#ifndef SESSIOND_FOLLOW_H
#define SESSIOND_FOLLOW_H

struct policy;
struct sessiond;

/* Why, for clients: a capability that the policy gives no more, or otherwise. */
#define REVOKED_POLICY "policy"

/*
 * Has every session, and every client that may come back, live by another policy, or end. The
 * present one is still that of the instance, and is there. What points into it afterwards points
 * into the other.
 */
void follow_all(struct sessiond *s, const struct policy *to);

#endif
