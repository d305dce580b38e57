/* A private key that is somewhere else: OpenSSL gets one that can sign a handshake, by asking. */
#ifndef CAPOS_TLS_REMOTE_KEY_H
#define CAPOS_TLS_REMOTE_KEY_H

#include <capos/capnp-base.h>

#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/x509.h>

/* Who is asked: see struct capos_i_tls_server_settings. */
struct tls_signer {
        int (*sign)(void *arg, const uint8_t hash[32], uint8_t *sig, size_t *len);
        void *arg;
};

/* Where such keys are from: a library context of their own. Zeroed, it is none. */
struct tls_remote {
        OSSL_LIB_CTX *lib;
        OSSL_PROVIDER *standard, *ours;
};

/* 0, or -ENOMEM, after which it can be freed as well. */
int capos_i_tls_remote_init(struct tls_remote *r) CAPNP_MUST_USE;
/* Every key of it has been freed. */
void capos_i_tls_remote_deinit(struct tls_remote *r);
/* The private key of a certificate. s: borrowed as long as the key lives. 0; 1: a key of a type
 * that is not ours; -ENOMEM. */
int capos_i_tls_remote_key(const struct tls_remote *r, const X509 *cert, const struct tls_signer *s,
                           EVP_PKEY **ret) CAPNP_MUST_USE;

#endif
