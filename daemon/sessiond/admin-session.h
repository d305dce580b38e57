/* Local administration: sessions. */
#ifndef SESSIOND_ADMIN_SESSION_H
#define SESSIOND_ADMIN_SESSION_H

#include <capos/capnp.h>

/* Members of struct admin_ops: self is the struct sessiond, a is taken. */
int admin_on_session_revoke(void *self, capnp_answer *a);

#endif
