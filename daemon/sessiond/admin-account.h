/* Local administration: accounts, their passwords and their SSH keys. */
#ifndef SESSIOND_ADMIN_ACCOUNT_H
#define SESSIOND_ADMIN_ACCOUNT_H

#include <capos/capnp.h>

/* Members of struct admin_ops: self is the struct sessiond, a is taken. */
int admin_on_account_add(void *self, capnp_answer *a);
int admin_on_account_remove(void *self, capnp_answer *a);
int admin_on_passwd(void *self, capnp_answer *a);
int admin_on_key_add(void *self, capnp_answer *a);
int admin_on_key_remove(void *self, capnp_answer *a);
int admin_on_key_list(void *self, capnp_answer *a);
int admin_on_service_account_add(void *self, capnp_answer *a);

#endif
