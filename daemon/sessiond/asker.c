/*
 * Who asks for administration from elsewhere.
 *
 * It is the session's grant that decides, not what its worker says: an asker is made when the
 * session manager itself has made the grant's socket, and is over in the breath in which that is
 * shut. Some of what is asked waits, for a prover; whether the asker is still there is looked at
 * again when it is about to be done.
 *
 * Everything that is recorded while something is done for an asker says so. That is why who it is
 * done for is kept in one place and not handed through: a record cannot be written without it.
 */
#include "asker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "session.h"
#include "sessiond.h"

int asker_new(const struct session *e, unsigned facets, struct asker **ret)
{
        struct asker *k = calloc(1, sizeof(*k));

        if (!k)
                return -ENOMEM;

        *k = (struct asker){.s = e->s, .session = e, .refs = 1, .facets = facets};
        (void)snprintf(k->actor.account, sizeof(k->actor.account), "%s", e->account);
        (void)snprintf(k->actor.session, sizeof(k->actor.session), "%s", e->id);
        (void)snprintf(k->actor.source, sizeof(k->actor.source), "%s", e->origin->address);
        *ret = k;
        return 0;
}

struct asker *asker_ref(struct asker *k)
{
        if (k)
                k->refs++;
        return k;
}

struct asker *asker_unref(struct asker *k)
{
        if (k && !--k->refs)
                free(k);
        return NULL;
}

struct asker *asker_end(struct asker *k)
{
        if (k)
                k->session = NULL;
        return asker_unref(k);
}

bool asker_is_there(const struct asker *k)
{
        return !k || k->session;
}

struct asker *asker_begin(struct sessiond *s, struct asker *k)
{
        struct asker *before = s->asker;

        s->asker = k;
        s->audit.actor = k ? &k->actor : NULL;
        return before;
}

int asker_refuse(capnp_answer *a)
{
        return capos_i_deny(a, CAPOS_DENIED_REVOKED_LEASE, "whoever asked may not any more");
}

const char *asker_party(const struct asker *k)
{
        return k ? k->actor.session : "admin";
}
