/* Addresses as people write them, and as the kernel wants them. */
#ifndef CAPOS_IO_ADDRESS_H
#define CAPOS_IO_ADDRESS_H

#include <capos/capnp-base.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

enum {
        CAPOS_IO_ADDRESSES = 8,      /* of one name; more are ignored */
        CAPOS_IO_ADDRESS_TEXT = 140, /* room for any address as text, with its NUL */
};

struct capos_io_address {
        union {
                struct sockaddr any;
                struct sockaddr_un un;
                struct sockaddr_in in;
                struct sockaddr_in6 in6;
        } u;
        socklen_t len;
};

struct capos_io_addresses {
        struct capos_io_address a[CAPOS_IO_ADDRESSES];
        unsigned n;
        bool either; /* `*:PORT`: the entries are alternatives, one listener is enough */
};

/*
 * Reads `unix:/path`, `unix-abstract:name`, `HOST:PORT`, `[IPv6]:PORT` and, for a listener,
 * `*:PORT`. A host that is no number is looked up, which blocks. ret is valid only on success, n
 * >= 1. 0; CAPNP_E_ADDRESS: malformed, too long, or a name nobody knows; -ENOMEM; -EAGAIN: the
 * lookup failed for now; another errno value of the lookup.
 */
int capos_io_address_parse(const char *text, bool listening,
                           struct capos_io_addresses *ret) CAPNP_MUST_USE;

/* Writes an address as capos_io_address_parse() reads it. */
void capos_io_address_format(const struct capos_io_address *a,
                             char text[static CAPOS_IO_ADDRESS_TEXT]);

/* The port of a TCP address, 0 for others; and setting it, where there is one. */
uint16_t capos_io_address_port(const struct capos_io_address *a);
void capos_io_address_set_port(struct capos_io_address *a, uint16_t port);

#endif
