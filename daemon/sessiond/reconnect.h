/* A client whose line may drop: its key is taken, and lets it come back. */
#ifndef SESSIOND_RECONNECT_H
#define SESSIOND_RECONNECT_H

#include "flow.h"
#include "session.h"

struct admission;

/* Admission.enrol. Takes a. */
int reconnect_enrol(struct admission *ad, capnp_answer *a);

/*
 * Whether a good proof by an enrolled key lets its client in here, and as what: *ret_why and *ret_n
 * else, or too. wanted: the account's profile of the
 * claimed name, NULL: it has none.
 */
enum capos_denial reconnect_check(struct admission *ad, struct flow *f,
                                  const struct policy_profile *wanted, const char **ret_why,
                                  struct enrolment **ret_n) CAPNP_MUST_USE;
/* What the session is that comes back. */
void reconnect_fill(struct enrolment *n, struct session_who *who);
/* It is there, and the one before it, if its line had not dropped for all that is known, ends. */
void reconnect_done(struct session *before);

#endif
