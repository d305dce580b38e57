/* What an authenticator says: its data, and its keys. */
#ifndef PROVER_PASSKEY_FIDO_H
#define PROVER_PASSKEY_FIDO_H

#include "passkey-client.h"

#include <openssl/evp.h>

/* The front of authenticator data, which is always there (WebAuthn 6.1). */
enum { PASSKEY_DATA_LEAST = 37, PASSKEY_FLAGS_AT = 32 };

enum passkey_flag {
        PASSKEY_PRESENT = 0x01,
        PASSKEY_VERIFIED = 0x04,
        PASSKEY_MAY_BE_COPIED = 0x08,
        PASSKEY_IS_COPIED = 0x10,
        PASSKEY_HAS_CREDENTIAL = 0x40, /* a new one: what it is follows */
        PASSKEY_HAS_EXTENSIONS = 0x80, /* more follows */
};

/* Judges the front: for whom it is, and what it says of the person. 0; enum passkey_err. */
int passkey_data_check(capnp_data data, const struct passkey_party *p) CAPNP_MUST_USE;
/* Judges what follows the front, and a new credential: extensions, where it says so, and nothing
 * else. 0; PASSKEY_E_EXTENSIONS; PASSKEY_E_FORM. */
int passkey_data_end(capnp_data data, capnp_data rest) CAPNP_MUST_USE;
/* How often the authenticator says that it has signed. */
uint32_t passkey_data_count(capnp_data data);
/* Whether a key is one, of an algorithm that is accepted. 0; PASSKEY_E_ALGORITHM; PASSKEY_E_KEY. */
int passkey_key_check(const struct passkey *k) CAPNP_MUST_USE;
/* Verifies what a key has signed: an authenticator's data, and what the browser says. 0;
 * PASSKEY_E_SIGNATURE; PASSKEY_E_KEY; PASSKEY_E_FORM: too long; -ENOMEM. */
int passkey_verify(const struct passkey *k, capnp_data data, capnp_data client,
                   capnp_data signature) CAPNP_MUST_USE;
/* The same by another key, as COSE's algorithm says. 0; PASSKEY_E_SIGNATURE; PASSKEY_E_FORM;
 * -ENOMEM. */
int passkey_verify_by(EVP_PKEY *key, int32_t algorithm, capnp_data data, capnp_data client,
                      capnp_data signature) CAPNP_MUST_USE;

#endif
