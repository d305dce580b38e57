/* A session that is raised to another profile of its account's. */
#ifndef SESSIOND_RAISE_H
#define SESSIOND_RAISE_H

#include "session.h"

/* Why it cannot be, whatever is proved; for the client. NULL: it can. */
const char *raise_refuses(const struct session *e, const struct policy_profile *to);
/* Why no proof of this kind does it. NULL: one may. */
const char *raise_refuses_kind(enum capos_auth kind);

/* What it is raised to, and by what. */
struct raise {
        const struct policy_profile *to;
        const char *credential, *authority; /* that has certified it; NULL, "": none has */
        enum capos_auth kind;
        enum strength strength; /* what that is worth */
        bool unbound;           /* it is bound to no channel */
        bool certified; /* it is a certified key, which may be good from one address alone */
};

/* It has what the other profile grants, and is renewed by what is worth as much as this; the lease
 * is the caller's to renew. place: places_change()'s; taken with 0. 0; -ENOMEM, and nothing has
 * changed. */
int raise_session(struct session *e, const struct raise *by, struct place *place) CAPNP_MUST_USE;

#endif
