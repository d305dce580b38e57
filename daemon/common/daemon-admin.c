/*
 * The instance's own capability `admin`: which of its calls are whose.
 *
 * Kept apart from what serves them (sessiond/admin-calls.c), because who checks and explains a
 * manifest has to know it, too. A call that somebody forgets to think about has no facet.
 */
#include "daemon-admin.h"

#include <stddef.h>

/* By ordinal: schema/admin.capnp. */
static const struct {
        const char *name;
        unsigned facets; /* whose holders may make it from elsewhere */
} calls[] = {
        {"accountAdd", ADMIN_ACCOUNTS},
        {"accountRemove", ADMIN_ACCOUNTS},
        {"accountList", ADMIN_ACCOUNTS},
        {"keyAdd", ADMIN_ACCOUNTS},
        {"keyRemove", ADMIN_ACCOUNTS},
        {"passwd", ADMIN_ACCOUNTS},
        {"sessionList", ADMIN_SESSIONS},
        {"sessionRevoke", ADMIN_SESSIONS},
        {"status", ADMIN_SESSIONS},
        {"auditPath", ADMIN_NOWHERE},
        {"reloadIdentity", ADMIN_NOWHERE},
        {"reloadRevocations", ADMIN_NOWHERE},
        {"serviceAccountAdd", ADMIN_ACCOUNTS},
        {"serviceKeyAdd", ADMIN_ACCOUNTS},
        {"serviceKeyRemove", ADMIN_ACCOUNTS},
        {"passkeyBegin", ADMIN_ACCOUNTS},
        {"passkeyAdd", ADMIN_ACCOUNTS},
        {"passkeyList", ADMIN_ACCOUNTS},
        {"passkeyRemove", ADMIN_ACCOUNTS},
        {"identityAdd", ADMIN_ACCOUNTS},
        {"identityList", ADMIN_ACCOUNTS},
        {"identityRemove", ADMIN_ACCOUNTS},
        {"accountLock", ADMIN_ACCOUNTS},
        {"accountUnlock", ADMIN_ACCOUNTS},
        {"accountExpire", ADMIN_ACCOUNTS},
        {"reload", ADMIN_NOWHERE},
        {"keyList", ADMIN_ACCOUNTS},
        {"auditRead", ADMIN_AUDIT},
        {"passkeyCode", ADMIN_ACCOUNTS},
};

_Static_assert(sizeof(calls) / sizeof(calls[0]) == DAEMON_ADMIN_CALLS,
               "one row for each method of schema/admin.capnp");

unsigned daemon_admin_facets(capnp_text name)
{
        if (!name.len)
                return ADMIN_ALL;
        if (text_is(name, "accounts"))
                return ADMIN_ACCOUNTS;
        if (text_is(name, "sessions"))
                return ADMIN_SESSIONS;
        return text_is(name, "audit") ? ADMIN_AUDIT : ADMIN_NOWHERE;
}

const char *daemon_admin_call(uint16_t method)
{
        return method < DAEMON_ADMIN_CALLS ? calls[method].name : NULL;
}

unsigned daemon_admin_call_facets(uint16_t method)
{
        return method < DAEMON_ADMIN_CALLS ? calls[method].facets : ADMIN_NOWHERE;
}
