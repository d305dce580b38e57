/*
 * Keys by which anybody can sign. Whoever has one registered under another's name, or has it put
 * into a set of keys, has a signature for everything: with an exponent of one a signature is the
 * padded text itself; by a point of small order, or by the one at infinity, some signatures are
 * good for any text. Libraries take some of these, as no honest program makes them.
 *
 * A point has one form, too: two forms of a key would be two keys for whoever compares them.
 */
#include "public-key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <sodium.h>

enum { EXPONENT_BITS = 64, FACTORS = 752 };

static bool rsa_is_sound(EVP_PKEY *key, int most_bits)
{
        BIGNUM *n = NULL, *e = NULL;
        bool sound = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
                     EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_is_odd(n) &&
                     BN_num_bits(n) >= PUBLIC_KEY_RSA_LEAST_BITS && BN_num_bits(n) <= most_bits &&
                     BN_is_odd(e) && !BN_is_one(e) && BN_num_bits(e) <= EXPONENT_BITS;

        BN_free(n);
        BN_free(e);
        return sound;
}

/* Not by EVP_PKEY_public_check(), whose answer is by chance for some numbers. */
bool public_key_hides_factors(EVP_PKEY *key)
{
        BN_CTX *ctx;
        BIGNUM *n = NULL;
        bool hides;

        if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
                return true;

        ctx = BN_CTX_new();
        hides = ctx && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1;
        for (BN_ULONG factor = 3; hides && factor < FACTORS; factor += 2)
                hides = BN_mod_word(n, factor) != 0;
        hides = hides && !BN_check_prime(n, ctx, NULL);
        BN_free(n);
        BN_CTX_free(ctx);
        return hides;
}

/* On its curve, and not at infinity. */
static bool ec_is_sound(EVP_PKEY *key)
{
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
        bool sound = ctx && EVP_PKEY_public_check_quick(ctx) == 1;

        EVP_PKEY_CTX_free(ctx);
        return sound;
}

/* In its one form, on the curve, and of the order that the keys of this kind have. */
static bool ed25519_is_sound(EVP_PKEY *key)
{
        uint8_t point[crypto_core_ed25519_BYTES];
        size_t len = sizeof(point);

        return EVP_PKEY_get_raw_public_key(key, point, &len) == 1 && len == sizeof(point) &&
               crypto_core_ed25519_is_valid_point(point);
}

bool public_key_is_sound(EVP_PKEY *key, int rsa_most_bits)
{
        switch (EVP_PKEY_get_base_id(key)) {
        case EVP_PKEY_RSA:
                return rsa_is_sound(key, rsa_most_bits);
        case EVP_PKEY_EC:
                return ec_is_sound(key);
        case EVP_PKEY_ED25519:
                return ed25519_is_sound(key);
        default:
                return false;
        }
}
