/* Whether a public key is worth the name. */
#ifndef PROVER_PUBLIC_KEY_H
#define PROVER_PUBLIC_KEY_H

#include <capos/capnp-base.h>

#include <openssl/evp.h>

enum { PUBLIC_KEY_RSA_LEAST_BITS = 2048 };

/* Whether only who has the private half can sign by this one, as far as it shows without much work.
 * rsa_most_bits: of a modulus. */
bool public_key_is_sound(EVP_PKEY *key, int rsa_most_bits) CAPNP_MUST_USE;
/* Whether the factors of a sound key's modulus are a secret, as far as it shows with some work: it
 * is no prime, and has no small one. Of other keys: true. */
bool public_key_hides_factors(EVP_PKEY *key) CAPNP_MUST_USE;

#endif
