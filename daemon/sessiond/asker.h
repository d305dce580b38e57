/* Who asks for administration from elsewhere: a session, by its capability `admin`. */
#ifndef SESSIOND_ASKER_H
#define SESSIOND_ASKER_H

#include "audit.h"

#include <capos/capnp.h>

struct session;
struct sessiond;

/* One for each socket to the capability, counted: what was begun for it may outlast it. */
struct asker {
        struct sessiond *s;
        const struct session *session; /* NULL: it has lost the capability, or is over */
        unsigned refs;
        unsigned facets; /* enum admin_facet: what it may ask for */
        struct audit_actor actor;
};

/* 0; -ENOMEM. */
int asker_new(const struct session *e, unsigned facets, struct asker **ret) CAPNP_MUST_USE;
/* NULL: it is this machine's administrator. */
struct asker *asker_ref(struct asker *k);
struct asker *asker_unref(struct asker *k);
/* Nothing is done for it any more. Drops the reference; returns NULL. */
struct asker *asker_end(struct asker *k);
/* Whether it may still have done what it has asked for; NULL may. */
bool asker_is_there(const struct asker *k);
/* What happens from now on is done for it, and recorded so: for the length of a call, or of what
 * goes on with it. Returns whom it was done for before. */
struct asker *asker_begin(struct sessiond *s, struct asker *k);
/* Ends an answer, because it is not there any more. */
int asker_refuse(capnp_answer *a);
/* By whom it is counted among those who want something proved. */
const char *asker_party(const struct asker *k);

#endif
