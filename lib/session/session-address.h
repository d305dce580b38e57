/* The address of an instance, as people and manifests write it: it says its transport, and for TLS
 * how the instance is known. */
#ifndef CAPOS_SESSION_ADDRESS_H
#define CAPOS_SESSION_ADDRESS_H

#include <capos/capnp-base.h>

enum capos_transport {
        CAPOS_TRANSPORT_PLAIN, /* TCP, and nothing over it */
        CAPOS_TRANSPORT_TLS,
        CAPOS_TRANSPORT_UNIX,
};

enum {
        /* What an address without a prefix means, on both sides. */
        CAPOS_TRANSPORT_DEFAULT = CAPOS_TRANSPORT_TLS,
        CAPOS_PORT_DEFAULT = 2327,
        CAPOS_ADDRESS_WHERE = 280, /* room for a place, with its NUL */
        CAPOS_FINGERPRINT = 51,    /* "sha256:" and 43 characters, with the NUL */
        CAPOS_ADDRESS_CA = 256,
};

struct capos_address {
        enum capos_transport transport;
        bool named;                      /* the text said which */
        char where[CAPOS_ADDRESS_WHERE]; /* HOST:PORT, unix:PATH or unix-abstract:NAME, as
                                            capos_io_address_parse() reads it */
        char pin[CAPOS_FINGERPRINT];     /* the key to expect; "": the text names none */
        char ca[CAPOS_ADDRESS_CA];       /* a file of certificates, or `system`; "": none */
};

enum capos_address_use {
        CAPOS_ADDRESS_LISTEN, /* the host may be `*`, the port 0 */
        CAPOS_ADDRESS_CONNECT,
        CAPOS_ADDRESS_TYPED, /* by a person, to connect: without a port it is the usual one */
};

/*
 * Reads `tls:HOST:PORT`, `plain:HOST:PORT`, `unix:PATH` and `HOST:PORT`; to connect also
 * `unix-abstract:NAME`, and `capos://HOST:PORT/` (TLS) with `#sha256:…` or `?ca=FILE` or
 * `?ca=system` behind it. Nothing is looked up. why: what is wrong, a static text. 0;
 * CAPNP_E_ADDRESS.
 */
int capos_address_parse(const char *text, enum capos_address_use use, struct capos_address *ret,
                        const char **ret_why) CAPNP_MUST_USE;

/* "plain", "tls", "unix": the word of an address, of the endpoint line, and of the proof. */
const char *capos_transport_name(enum capos_transport t);

/* Whether a text is the fingerprint of a key: `sha256:` and 32 bytes as base64 without padding, in
 * the one way that they can be written. len: its length. */
bool capos_fingerprint_check(const char *text, size_t len);

#endif
