/* Keys of a JSON Web Key Set, and signatures by them. */
#ifndef PROVER_JWT_KEY_H
#define PROVER_JWT_KEY_H

#include <capos/capnp-base.h>

#include <jansson.h>
#include <openssl/evp.h>

struct jwt_algorithm;

/* The algorithm of this name. NULL: one that is not accepted. */
const struct jwt_algorithm *jwt_algorithm_find(const char *name);
/* The hash that `at_hash` is made with. */
const EVP_MD *jwt_algorithm_hash(const struct jwt_algorithm *a);
/* The key with an id that signs by an algorithm. 0; TOKEN_E_KEYS; TOKEN_E_KEY;
 * TOKEN_E_UNKNOWN_KEY; -ENOMEM. */
int jwt_key_find(capnp_data set, const char *id, const struct jwt_algorithm *a,
                 EVP_PKEY **ret) CAPNP_MUST_USE;
/* A key of an algorithm's that is nobody's, so that who has none costs what who has one does. 0;
 * -ENOMEM. */
int jwt_key_nobody(const struct jwt_algorithm *a, EVP_PKEY **ret) CAPNP_MUST_USE;
/* A key by itself, whatever it signs by. 0; TOKEN_E_KEY: it is none that could; -ENOMEM. */
int jwt_key_read(json_t *jwk, EVP_PKEY **ret) CAPNP_MUST_USE;
/* Whether a key is one that is taken at all. */
bool jwt_key_is_good(EVP_PKEY *key) CAPNP_MUST_USE;
/* A public key with the members that its thumbprint is of (RFC 7638). Owned. NULL: it is of no kind
 * that is accepted, or there is no memory. */
json_t *jwt_key_write(EVP_PKEY *key);
/* 0; TOKEN_E_SIGNATURE; -ENOMEM. */
int jwt_key_verify(EVP_PKEY *key, const struct jwt_algorithm *a, capnp_data signature,
                   capnp_data text) CAPNP_MUST_USE;

/* JSON of somebody else's: an object, without a key given twice. NULL: it is none, or too deep. */
json_t *jwt_json(capnp_data text);
/* base64url without padding, and without a bit too many. NULL: it is none, or there is no room. */
const uint8_t *jwt_decode(const char *text, size_t len, uint8_t *to, size_t room, size_t *ret_len);

#endif
