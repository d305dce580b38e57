/* Local administration: accounts are locked and unlocked, and expire. */
#ifndef SESSIOND_ADMIN_LOCK_H
#define SESSIOND_ADMIN_LOCK_H

#include <capos/capnp.h>

/* Members of struct admin_ops: self is the struct sessiond, a is taken. */
int admin_on_account_lock(void *self, capnp_answer *a);
int admin_on_account_unlock(void *self, capnp_answer *a);
int admin_on_account_expire(void *self, capnp_answer *a);

#endif
