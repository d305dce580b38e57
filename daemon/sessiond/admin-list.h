/* Lists of accounts and sessions over the admin socket, a page at a time. */
#ifndef SESSIOND_ADMIN_LIST_H
#define SESSIOND_ADMIN_LIST_H

#include <capos/capnp.h>

int admin_on_account_list(void *self, capnp_answer *a);
int admin_on_session_list(void *self, capnp_answer *a);

#endif
