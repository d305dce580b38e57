/* The messages of a TLS 1.3 handshake in which the client has shown a certificate. */
#ifndef CAPOS_TLS_MESSAGES_H
#define CAPOS_TLS_MESSAGES_H

#include "tls-recheck.h"

/* Everything is borrowed from the messages. */
struct tls_messages {
        uint8_t server_hash[TLS_HASH_BYTES]; /* through the server's Certificate */
        uint8_t client_hash[TLS_HASH_BYTES]; /* through the client's Certificate */
        capnp_data server_leaf;              /* DER */
        capnp_data nonce;                    /* of the extension in CertificateRequest; or empty */
        capnp_data chain[TLS_CLIENT_CHAIN];  /* of the client, DER, its own first */
        unsigned nchain;
        uint16_t scheme; /* of the client's CertificateVerify */
        capnp_data signature;
};

/* Reads the messages, each with its header, nothing before, between or after. 0;
 * TLS_RECHECK_E_FORM, _VERSION, _NONE; -ENOMEM. */
int capos_i_tls_messages_read(capnp_data handshake, struct tls_messages *ret) CAPNP_MUST_USE;

#endif
