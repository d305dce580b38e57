/* What a person compares: the fingerprint of a key, and what a certificate says. */
#ifndef CAPOS_TLS_FINGERPRINT_H
#define CAPOS_TLS_FINGERPRINT_H

#include <capos/capnp-base.h>

#include <openssl/x509.h>

enum {
        TLS_KEY_HASH_BYTES = 32,
        TLS_FINGERPRINT_TEXT = 51,   /* `sha256:`, 43 letters, NUL */
        TLS_CERTIFICATE_TEXT = 4096, /* room for what is printed of one; longer is cut */
        TLS_FINGERPRINT_E_FORM = 1,  /* a text that is none */
};

/* SHA-256 of the SubjectPublicKeyInfo of a certificate, in DER. 0, or -ENOMEM. */
int capos_i_tls_key_hash(const X509 *x, uint8_t ret[TLS_KEY_HASH_BYTES]) CAPNP_MUST_USE;
/* Seconds since 1970. 0; -EINVAL: it is no time, or before 1970. */
int capos_i_tls_time_read(const ASN1_TIME *t, int64_t *ret_s) CAPNP_MUST_USE;

/* `sha256:` and base64 without padding. */
void capos_i_tls_fingerprint_print(const uint8_t hash[TLS_KEY_HASH_BYTES],
                                   char ret[TLS_FINGERPRINT_TEXT]);
/* Reads exactly that. 0; TLS_FINGERPRINT_E_FORM. */
int capos_i_tls_fingerprint_read(const char *text, uint8_t ret[TLS_KEY_HASH_BYTES]) CAPNP_MUST_USE;
/* The subject as one line, `CN = a, O = b`; what is longer is cut. What could move a cursor is
 * escaped. 0, or -ENOMEM. */
int capos_i_tls_subject_print(const X509_NAME *n, char *out, size_t room) CAPNP_MUST_USE;
/* The names of a certificate, `DNS:localhost, IP:127.0.0.1`, or `none`; what is longer is cut.
 * room: at least 1. */
void capos_i_tls_names_print(const X509 *x, char *out, size_t room);
/* Prints a certificate for a person: subject, names, issuer, validity, key. 0, or -ENOMEM. */
int capos_i_tls_certificate_print(const X509 *x, char ret[TLS_CERTIFICATE_TEXT]) CAPNP_MUST_USE;

#endif
