/* OpenSSH's public keys, signatures and certificates (RFC 4253, RFC 5656, RFC 8709;
 * PROTOCOL.sshsig, PROTOCOL.u2f, PROTOCOL.certkeys). */
#ifndef PROVER_SSH_H
#define PROVER_SSH_H

#include "ssh-read.h"

#include <openssl/evp.h>

/* What can be wrong with foreign bytes. */
enum ssh_err {
        SSH_E_SHORT = 1, /* they end too early, or do not end where they should */
        SSH_E_FORM,      /* a value that cannot be */
        SSH_E_TYPE,      /* a key or an algorithm that is not accepted */
        SSH_E_WEAK,      /* an RSA key of too few bits */
        SSH_E_KEY,       /* signed by another key */
        SSH_E_BAD,       /* the signature does not verify */
        SSH_E_ABSENT,    /* a security key that nobody has touched */
};

enum ssh_type {
        SSH_ED25519,
        SSH_P256,
        SSH_P384,
        SSH_P521,
        SSH_RSA,
        SSH_SK_ED25519, /* in a security key */
        SSH_SK_P256,
        SSH_TYPES
};

struct ssh_key {
        enum ssh_type type;
        EVP_PKEY *pkey;
        capnp_data application; /* of a security key: what it was made for, "ssh:…" */
};

/* What a key has made, split up; everything is borrowed from the blob. */
struct ssh_signature {
        capnp_data algorithm;
        capnp_data bytes;
        bool security_key; /* then: */
        uint8_t flags;     /* enum ssh_flag */
        uint32_t counter;  /* how often it has signed */
};

enum ssh_flag {
        SSH_TOUCHED = 1,  /* somebody was there */
        SSH_VERIFIED = 4, /* … and it was its owner: by a PIN, or a finger */
};

/* A signature of a text for a purpose; borrowed, too. */
struct ssh_sig {
        capnp_data key;  /* the public key blob, or a certificate */
        capnp_data name; /* the namespace */
        capnp_data hash; /* the name of the hash algorithm */
        struct ssh_signature by;
};

/* ---- keys ----------------------------------------------------------------------------------- */

/* Reads a public key blob. 0; an enum ssh_err; -ENOMEM. */
int ssh_key_read(capnp_data blob, struct ssh_key *ret) CAPNP_MUST_USE;
/* Reads what follows the name of a key's type. The same; what is left is the caller's. */
int ssh_key_read_rest(struct ssh_in *i, enum ssh_type type, struct ssh_key *ret) CAPNP_MUST_USE;
void ssh_key_deinit(struct ssh_key *k);
/* The type that has this name, or whose certificates have. SSH_TYPES: none. */
enum ssh_type ssh_type_of_key(capnp_data name);
enum ssh_type ssh_type_of_certificate(capnp_data name);
const char *ssh_type_name(enum ssh_type t);

/* Splits a signature. 0; SSH_E_SHORT. */
int ssh_signature_read(capnp_data blob, struct ssh_signature *ret) CAPNP_MUST_USE;
/* Verifies one of a message by a key. One of a security key must say that it was touched. 0; an
 * enum ssh_err; -ENOMEM. */
int ssh_key_verify(const struct ssh_key *k, const struct ssh_signature *s,
                   capnp_data message) CAPNP_MUST_USE;

/* ---- signatures of a text ------------------------------------------------------------------- */

/* Splits an SSHSIG blob. 0; SSH_E_SHORT; SSH_E_FORM. */
int ssh_sig_read(capnp_data blob, struct ssh_sig *ret) CAPNP_MUST_USE;
/* Verifies one by a key, whatever it says itself about who signed, over a message of a namespace.
 * 0; an enum ssh_err; -ENOMEM. */
int ssh_sig_verify(const struct ssh_sig *s, const struct ssh_key *k, const char *name,
                   capnp_data message) CAPNP_MUST_USE;

/*
 * Verifies that an SSHSIG blob is a signature of this namespace by this key over a message. 0; an
 * enum ssh_err; -ENOMEM. ret_by: what is in it, borrowed from it; may be NULL.
 */
int ssh_verify(capnp_data key, capnp_data sig, const char *name, capnp_data message,
               struct ssh_signature *ret_by) CAPNP_MUST_USE;

#endif
