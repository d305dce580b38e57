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

enum { DAEMON_ADMIN_CALLS = 29 }; /* of schema/admin.capnp */

/* The set that a facet of a manifest names, "" all of it; ADMIN_NOWHERE: there is none such. */
unsigned daemon_admin_facets(capnp_text name);
/* A call's name, by its number in schema/admin.capnp; NULL: there is none. */
const char *daemon_admin_call(uint16_t method);
/* In which facets it is. */
unsigned daemon_admin_call_facets(uint16_t method);

#endif
