/* Places for sessions. */
#ifndef SESSIOND_PLACES_H
#define SESSIOND_PLACES_H

#include <capos/capnp-base.h>

struct origin;
struct policy_profile;
struct session;
struct session_who;

/* Asks for a place for somebody's session, before it is made; may end another one for it. 0;
 * CAPNP_E_LIMIT: the account, the source or the way in has as many as it may, or there is no room
 * at all. */
int places_take(const struct origin *o, const struct session_who *who) CAPNP_MUST_USE;

/* Whether one that is there may go on with another profile. 0; CAPNP_E_LIMIT: the account has more
 * than that gives. */
int places_keep(const struct session *e, const struct policy_profile *to) CAPNP_MUST_USE;

/* Why there was none, for people. */
const char *places_why(const struct origin *o, const struct session_who *who);

#endif
