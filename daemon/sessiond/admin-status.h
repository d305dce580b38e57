/* Administration: what the instance is and holds. */
#ifndef SESSIOND_ADMIN_STATUS_H
#define SESSIOND_ADMIN_STATUS_H

#include <capos/capnp.h>

struct sessiond;

/* Sockets to services that are open. */
uint32_t admin_descriptors(const struct sessiond *s);
/* A call of Admin, self: the session manager. Takes a. */
int admin_on_status(void *self, capnp_answer *a);

#endif
