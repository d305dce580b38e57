/* Grants: the capabilities of the bundle, each behind a membrane of its own. */
#ifndef CAPOS_WORKER_GRANT_H
#define CAPOS_WORKER_GRANT_H

#include "worker-pending.h"

/* Answers RemoteCapSet.get. */
int grant_get(struct worker *w, capnp_answer *a);
/* Opens one for ourselves: give gets it, or a fails as it would for the client. Takes a. */
int grant_open(struct worker *w, capnp_answer *a, const char *name, uint64_t interface,
               grant_give *give);
/* Whether what the client holds may go to a service: an object of its own, or what it was given for
 * that. */
bool grant_may_pass(const struct worker *w, const capnp_cap *c);
/* Takes one back: what came from it is dead when this returns. */
void grant_revoke(struct worker *w, capnp_text name, capnp_text why);
/* When that was done to a name of the bundle, in ms since 1970; 0: it was not. */
uint64_t grant_revoked_ms(const struct worker *w, capnp_text name);
/* The bundle or the quotas are others than before, as bound: what may be done with them follows. */
void grants_follow(struct worker *w);
/* Cuts all of them; calls fail with w->ended. */
void grant_end_all(struct worker *w);
/* Frees them, when no call is left that could count down. */
void grant_free_all(struct worker *w);

#endif
