/* What a key is inside: an OpenSSL key of ours, or the address of an agent that has it. */
#ifndef CAPOS_CLIENT_KEY_H
#define CAPOS_CLIENT_KEY_H

#include "client-ssh.h"

#include <capos/capos-client.h>

#include <openssl/evp.h>

enum {
        KEY_FILE_BYTES = 32 * 1024, /* a key file, at most */
        KEY_PUBLIC_BYTES = 4096,    /* a public key, at most: 16,384 bits of RSA have 2,070 */
        KEY_SIGNATURE_BYTES = 4096, /* a signature, likewise */
};

enum key_type {
        KEY_ED25519,
        KEY_ECDSA_256,
        KEY_ECDSA_384,
        KEY_ECDSA_521,
        KEY_RSA,
        KEY_SK_ED25519, /* in a security key, which only an agent can ask */
        KEY_SK_ECDSA,
        KEY_TYPES
};

enum { KEY_FINGERPRINT = 64 };

struct capos_key {
        enum key_type type;
        EVP_PKEY *pkey; /* NULL: the agent has it */
        char *agent;    /* the socket's path; NULL: pkey */
        bool certified; /* what is public is a certificate */
        char fingerprint[KEY_FINGERPRINT];
        uint32_t public_len;
        uint8_t public[KEY_PUBLIC_BYTES];
};

/* SSH's name of a type: "ecdsa-sha2-nistp256". */
const char *key_type_name(enum key_type t);
/* SSH's name of a curve, "nistp256"; NULL: no curve. */
const char *key_type_curve(enum key_type t);
/* The name of the signatures it makes: "rsa-sha2-512". NULL: not by us, it is in a security key. */
const char *key_type_signature(enum key_type t);
/* The type at the beginning of a public key, or of a certificate of one. 0; CAPNP_E_UNKNOWN. */
int key_type_of_public(capnp_data public, enum key_type *ret_t) CAPNP_MUST_USE;
/* Takes over a public key, or a certificate: type, bytes, fingerprint of the key. 0;
 * CAPNP_E_UNKNOWN; CAPNP_E_LIMIT. */
int key_set_public(capos_key *k, capnp_data public) CAPNP_MUST_USE;
/* The plain public key, which is what there is, or in the certificate. 0; CAPNP_E_LIMIT. */
int key_write_plain(const capos_key *k, struct client_out *o) CAPNP_MUST_USE;

/* Makes an Ed25519 key that is nowhere else. 0; -ENOMEM. */
int key_make(capos_key **ret_k) CAPNP_MUST_USE;

/* Reads a file into p, at most room bytes. 0; CAPNP_E_LIMIT: larger; -errno. */
int key_read_file(const char *path, char *p, size_t room, size_t *ret_len) CAPNP_MUST_USE;

/* Makes an OpenSSL key of the decoded body of an OpenSSH file. 0; CAPOS_E_KEY; CAPOS_E_KEY_LOCKED:
 * without the passphrase, or it is wrong; -ENOMEM. *ret_why: what is wrong, or as it was. */
int key_of_openssh(capnp_data body, capnp_data passphrase, EVP_PKEY **ret_k,
                   const char **ret_why) CAPNP_MUST_USE;
/* … of its private part: name of the type, and numbers. 0; CAPOS_E_KEY; -ENOMEM. */
int key_of_private(struct client_in *i, enum key_type t, EVP_PKEY **ret_k) CAPNP_MUST_USE;
/* The public half in SSH's form. 0; CAPOS_E_KEY: no kind that we know. */
int key_public_of_pkey(EVP_PKEY *k, struct client_out *to) CAPNP_MUST_USE;
/* Signs with a key of ours: writes the signature's SSH form. 0; CAPOS_E_KEY. */
int key_sign_pkey(const capos_key *k, capnp_data what, struct client_out *to) CAPNP_MUST_USE;
/* … and with an agent's. 0; CAPOS_E_AGENT. */
int key_sign_agent(const capos_key *k, capnp_data what, struct client_out *to,
                   struct capos_error *ret_e) CAPNP_MUST_USE;

#endif
