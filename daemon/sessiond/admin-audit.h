/* Administration: the audit log, where it is and what is in it. */
#ifndef SESSIOND_ADMIN_AUDIT_H
#define SESSIOND_ADMIN_AUDIT_H

#include <capos/capnp.h>

/* Calls of Admin, self: the session manager. Each takes a. */
int admin_on_audit_path(void *self, capnp_answer *a);
int admin_on_audit_read(void *self, capnp_answer *a);

#endif
