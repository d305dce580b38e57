/* Lists of networks in a manifest. */
#ifndef SESSIOND_NETWORKS_H
#define SESSIOND_NETWORKS_H

#include "manifest.capnp-c.h"

#include <capos/capnp.h>

enum { NETWORKS = 256 };

/* Whether all of it can be read, and is not too much; the log says so if it cannot. */
bool networks_ok(capnp_list l);
/* Whether somebody is in one of them. host: an address without its port; "": a Unix socket. */
bool networks_have(capnp_list l, const char *host);
/* Whether somebody is spoken to at all. */
bool networks_admit(addresses_reader a, const char *host);

#endif
