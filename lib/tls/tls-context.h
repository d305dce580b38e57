/* What tls-stream.c needs of a context. */
#ifndef CAPOS_TLS_CONTEXT_H
#define CAPOS_TLS_CONTEXT_H

#include "tls-remote-key.h"
#include "tls.h"

#include <openssl/ssl.h>

struct capos_i_tls_context {
        unsigned refs;
        bool serves, asks, verifies;
        OSSL_LIB_CTX *lib;        /* our own: openssl.cnf is not read into it, nor are engines */
        struct tls_remote remote; /* where the private key is from; a server's alone */
        SSL_CTX *ssl;
        struct tls_signer signer;
        uint32_t rekey_records; /* new keys after so many records; tests make it small */
};

/* Sets what both sides of every connection have: TLS 1.3, two ciphers, no tickets. 0; -ENOMEM. */
int capos_i_tls_settings(SSL_CTX *c) CAPNP_MUST_USE;

/* Counted; returns x. */
struct capos_i_tls_context *capos_i_tls_context_ref(struct capos_i_tls_context *x);
/* The SSL of a new connection. Its SSL_set_app_data() is the nonce that it sends, or none. NULL: no
 * memory. */
SSL *capos_i_tls_context_new_ssl(const struct capos_i_tls_context *x, const char *host);
/* Whether a text is an address and not a name. */
bool capos_i_tls_is_address(const char *host);

#endif
