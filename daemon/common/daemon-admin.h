/* The instance's own capability `admin`: its faces, for who checks a manifest and who keeps it. */
#ifndef CAPOS_DAEMON_ADMIN_H
#define CAPOS_DAEMON_ADMIN_H

#include "daemon-text.h"

#define DAEMON_ADMIN "admin"

/* What may be asked for from elsewhere; a set. */
enum admin_facet {
        ADMIN_NOWHERE = 0,  /* nothing: it is for this machine's administrator alone */
        ADMIN_ACCOUNTS = 1, /* accounts, and what they are proved by */
        ADMIN_SESSIONS = 2, /* sessions, and the instance's state */
        ADMIN_AUDIT = 4,    /* reading the audit log */
        ADMIN_ALL = 7,
};

/* The set that a facet of a manifest names, "" all of it; ADMIN_NOWHERE: there is none such. */
static inline unsigned daemon_admin_facets(capnp_text name)
{
        if (!name.len)
                return ADMIN_ALL;
        if (text_is(name, "accounts"))
                return ADMIN_ACCOUNTS;
        if (text_is(name, "sessions"))
                return ADMIN_SESSIONS;
        return text_is(name, "audit") ? ADMIN_AUDIT : ADMIN_NOWHERE;
}

#endif
