/* The calls of Admission by which the owner of an account registers a passkey himself, and sees and
 * removes his own. */
#ifndef SESSIOND_PASSKEY_OWN_H
#define SESSIOND_PASSKEY_OWN_H

#include <capos/capnp.h>

enum { PASSKEY_FRESH_MS = 5 * 60 * 1000 }; /* so new has a session's proof to be */

struct admission;

/* One for each call; each takes a. That it is legal now has been seen to. */
int passkey_own_begin(struct admission *ad, capnp_answer *a);
int passkey_own_add(struct admission *ad, capnp_answer *a);
int passkey_own_list(struct admission *ad, capnp_answer *a);
int passkey_own_remove(struct admission *ad, capnp_answer *a);

#endif
