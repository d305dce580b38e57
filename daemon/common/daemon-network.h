/* Networks, as people write them to say where somebody may come from. */
#ifndef CAPOS_DAEMON_NETWORK_H
#define CAPOS_DAEMON_NETWORK_H

#include <capos/capnp-base.h>

enum {
        NETWORK_TEXT = 64,    /* room for one as text, with its NUL */
        NETWORKS_BYTES = 1024 /* a list of them as text */
};

/* `192.0.2.7`, `10.0.0.0/8`, `2001:db8::/32`, or `unix`: by a Unix socket. IPv4 addresses are the
 * same in whichever way they are written. */
struct network {
        bool local; /* `unix` */
        bool v4;
        uint8_t base[16]; /* of IPv4: mapped */
        unsigned bits;    /* of base */
};

/* What is wrong with a text; NULL: nothing. */
const char *daemon_network_read(capnp_text t, struct network *ret) CAPNP_MUST_USE;
/* Whether somebody is in it. host: an address without its port; "": he came by a Unix socket. */
bool daemon_network_has(const struct network *n, const char *host);
/* Whether a host is one at all: of no other can be said where it is. */
bool daemon_network_is_host(const char *host);

/*
 * A list as sshd has it: commas between, and `!` before those that are kept out, whatever else
 * they are in. What is wrong with it; NULL: nothing. *ret_entry: with which one of it.
 */
const char *daemon_networks_check(capnp_text list, capnp_text *ret_entry) CAPNP_MUST_USE;
/* Whether somebody may come from there, by such a list. */
bool daemon_networks_have(const char *list, const char *host);

#endif
