/*
 * Who an instance is: a private key, and the certificate that names it. Making one, reading and
 * checking one.
 *
 * OpenSSL's default library context is used; a program that must not read openssl.cnf says so to
 * OpenSSL first (OPENSSL_INIT_NO_LOAD_CONFIG).
 */
#ifndef CAPOS_TLS_IDENTITY_H
#define CAPOS_TLS_IDENTITY_H

#include "tls-file.h"
#include "tls-fingerprint.h"

#include <openssl/evp.h>

enum {
        TLS_IDENTITY_CHAIN = 8,  /* certificates behind the first, at most */
        TLS_IDENTITY_NAMES = 32, /* names in a certificate that is made, at most */
        TLS_IDENTITY_DAYS = 3650,
};

/* Where an identity lies in its folder. */
#define TLS_KEY_FILE         "key.pem"
#define TLS_CERTIFICATE_FILE "cert.pem"

/* Why one is refused. */
enum tls_identity_err {
        TLS_IDENTITY_E_SIZE = TLS_FILE_E_SIZE, /* a file is larger than any identity */
        TLS_IDENTITY_E_CERTIFICATE,            /* no certificate in PEM */
        TLS_IDENTITY_E_RSA,                    /* its key is RSA */
        TLS_IDENTITY_E_TYPE,                   /* … of another type than P-256 and Ed25519 */
        TLS_IDENTITY_E_CA,                     /* it is a certification authority's */
        TLS_IDENTITY_E_USAGE,                  /* it is not meant for a server */
        TLS_IDENTITY_E_CHAIN,     /* what follows it has not issued it, or is too much */
        TLS_IDENTITY_E_KEY,       /* no private key in PEM */
        TLS_IDENTITY_E_ENCRYPTED, /* the private key needs a passphrase */
        TLS_IDENTITY_E_MISMATCH,  /* the private key is another one's */
        TLS_IDENTITY_E_EXPIRED,   /* capos_i_tls_identity_validity() alone */
        TLS_IDENTITY_E_NOT_YET,   /* … likewise */
        TLS_IDENTITY_E_SHOWN,     /* what is shown to everybody has a private key in it */
        TLS_IDENTITY_E_NAME, /* capos_i_tls_identity_make() alone: neither a host nor an address */
};

/* Zeroed, it is none. */
struct tls_identity {
        EVP_PKEY *key; /* with the private half; NULL: only certificates were read */
        X509 *leaf;
        STACK_OF(X509) * chain;               /* what follows the leaf; may be empty */
        uint8_t key_hash[TLS_KEY_HASH_BYTES]; /* of the leaf's SubjectPublicKeyInfo */
};

/* A new P-256 key; NULL: no memory. */
EVP_PKEY *capos_i_tls_identity_new_key(void) CAPNP_MUST_USE;
/* Whether a certificate can be made out to it: it is a host's name, or an address without a zone.
 */
bool capos_i_tls_identity_takes(const char *name);
/*
 * Makes a certificate for hosts and addresses (each a text; at least one, at most
 * TLS_IDENTITY_NAMES), valid for TLS_IDENTITY_DAYS from an hour before now (seconds since 1970).
 * key: whose it is; taken when this returns 0. 0; TLS_IDENTITY_E_NAME; -ENOMEM, also for what
 * OpenSSL cannot do.
 */
int capos_i_tls_identity_make(const char *const *names, unsigned n, int64_t now, EVP_PKEY *key,
                              struct tls_identity *ret) CAPNP_MUST_USE;
/*
 * Reads and checks an identity in PEM. key_pem without bytes: the certificates alone are wanted.
 * 0; an enum tls_identity_err; -ENOMEM.
 */
int capos_i_tls_identity_read(capnp_data cert_pem, capnp_data key_pem,
                              struct tls_identity *ret) CAPNP_MUST_USE;
/* A private key in PEM. 0; TLS_IDENTITY_E_ENCRYPTED; TLS_IDENTITY_E_KEY; -ENOMEM. */
int capos_i_tls_identity_read_key(capnp_data pem, EVP_PKEY **ret) CAPNP_MUST_USE;
/* Whether it is valid now (seconds since 1970). 0; TLS_IDENTITY_E_EXPIRED; TLS_IDENTITY_E_NOT_YET:
 * a warning, for whoever has pinned the key does not look at it. */
int capos_i_tls_identity_validity(const struct tls_identity *id, int64_t now) CAPNP_MUST_USE;
/* Stores the private key (0600), then the certificates (0644), in a folder. 0, or -errno. */
int capos_i_tls_identity_store(const struct tls_identity *id, int dir) CAPNP_MUST_USE;
/* Frees what it holds; the key is wiped. */
void capos_i_tls_identity_deinit(struct tls_identity *id);

/* What is wrong, and what to do about it. Knows errno values, too. */
const char *capos_i_tls_identity_strerror(int r);

#endif
