/* Local administration: the keys of service accounts. */
#ifndef SESSIOND_ADMIN_SERVICE_H
#define SESSIOND_ADMIN_SERVICE_H

#include <capos/capnp.h>

/* Members of struct admin_ops: self is the struct sessiond, a is taken. */
int admin_on_service_key_add(void *self, capnp_answer *a);
int admin_on_service_key_remove(void *self, capnp_answer *a);

#endif
