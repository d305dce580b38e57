/* Places for sessions. */
#ifndef SESSIOND_PLACES_H
#define SESSIOND_PLACES_H

#include "ledgers.h"
#include "session-names.h"

#include <capos/capnp-base.h>

struct origin;
struct policy_profile;
struct session;
struct session_who;
struct sessiond;

/* Which quota is used up, and whose: for people, behind its code. */
struct places_full {
        enum capos_i_quota quota;
        const char *why;
};

/* Reserves a place for somebody's session, before it is made, and finds who gives way for it. 0:
 * *ret_place; CAPNP_E_LIMIT, -ENOMEM: there is none, and *ret_why. */
int places_take(const struct origin *o, const struct session_who *who, struct place *ret_place,
                struct places_full *ret_why) CAPNP_MUST_USE;
/* The same for one that is there, with another profile, in the stead of its own. */
int places_change(const struct session *e, const struct policy_profile *to, struct place *ret_place,
                  struct places_full *ret_why) CAPNP_MUST_USE;
/* Ends who gives way for the place that was taken last, now that the session is there. Whoever does
 * not get so far calls it not, and nobody has been harmed. */
void places_settle(struct sessiond *s);
/* Its profile's quota is another one now. */
void places_follow(struct session *e);

#endif
