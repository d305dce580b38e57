/* Admin of schema/admin.capnp: all of its calls, for this machine and for who is elsewhere. */
#ifndef SESSIOND_ADMIN_CALLS_H
#define SESSIOND_ADMIN_CALLS_H

#include <capos/capnp.h>

struct asker;
struct sessiond;

/* Makes an object. k: for whom, which is taken, also on failure; NULL: this machine's
 * administrator. 0; -ENOMEM. */
int admin_calls_serve(struct sessiond *s, struct asker *k, capnp_cap **ret) CAPNP_MUST_USE;

#endif
