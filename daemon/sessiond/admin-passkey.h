/* Local administration: passkeys. */
#ifndef SESSIOND_ADMIN_PASSKEY_H
#define SESSIOND_ADMIN_PASSKEY_H

#include <capos/capnp.h>

struct sessiond;

/* Admin.passkeyBegin, .passkeyAdd, .passkeyList, .passkeyRemove, .passkeyCode. Each takes a. */
int admin_passkey_start(struct sessiond *s, capnp_answer *a);
int admin_passkey_finish(struct sessiond *s, capnp_answer *a);
int admin_passkey_tell(struct sessiond *s, capnp_answer *a);
int admin_passkey_end(struct sessiond *s, capnp_answer *a);
int admin_passkey_code_make(struct sessiond *s, capnp_answer *a);

#endif
