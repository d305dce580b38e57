/* Local administration: what identity providers call the owners of accounts. */
#ifndef SESSIOND_ADMIN_IDENTITY_H
#define SESSIOND_ADMIN_IDENTITY_H

#include <capos/capnp.h>

struct sessiond;

/* Admin.identityAdd, .identityList, .identityRemove. Each takes a. */
int admin_identity_give(struct sessiond *s, capnp_answer *a);
int admin_identity_tell(struct sessiond *s, capnp_answer *a);
int admin_identity_take(struct sessiond *s, capnp_answer *a);

#endif
