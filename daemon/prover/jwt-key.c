/*
 * Keys of others, as JSON, and what they have signed.
 *
 * A key is found by its id and by nothing else: an id that two keys have, or none, finds none. It
 * must be of the kind that the algorithm signs with, and where it says what it is for (`use`,
 * `key_ops`, `alg`), for that. The algorithm is the token's choice only among those that are
 * accepted, all of which need a private key that we do not have: there is no `none` and no HMAC.
 */
#include "jwt-key.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <sodium.h>
#include <string.h>

#include "jwt.h"
#include "public-key.h"

enum {
        DEPTH = 16,
        RSA_MOST_BITS = 4096,
        EXPONENT_BYTES = 8,
        POINT_BYTES = 48, /* of a coordinate, at most */
        ED25519_BYTES = 32,
        DER_BYTES = 256,
        WRITTEN_BYTES = 512, /* of a member of a key that is written: RSA of 4096 bits */
        WRITTEN_TEXT = 704,
        GROUP_TEXT = 32,
};

struct jwt_algorithm {
        const char *name, *kind;
        const char *curve, *group; /* of a key on one */
        const char *digest;        /* NULL: none before signing */
        const char *hash;          /* for at_hash */
        unsigned coordinate_bytes;
        bool pss;
};

static const struct jwt_algorithm algorithms[] = {
        {.name = "RS256", .kind = "RSA", .digest = "SHA256", .hash = "SHA256"},
        {.name = "PS256", .kind = "RSA", .digest = "SHA256", .hash = "SHA256", .pss = true},
        {.name = "ES256",
         .kind = "EC",
         .curve = "P-256",
         .group = "prime256v1",
         .digest = "SHA256",
         .hash = "SHA256",
         .coordinate_bytes = 32},
        {.name = "ES384",
         .kind = "EC",
         .curve = "P-384",
         .group = "secp384r1",
         .digest = "SHA384",
         .hash = "SHA384",
         .coordinate_bytes = 48},
        {.name = "EdDSA", .kind = "OKP", .curve = "Ed25519", .hash = "SHA512"},
        {.name = "Ed25519", .kind = "OKP", .curve = "Ed25519", .hash = "SHA512"}, /* RFC 9864 */
};

const struct jwt_algorithm *jwt_algorithm_find(const char *name)
{
        for (unsigned i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
                if (!strcmp(algorithms[i].name, name))
                        return &algorithms[i];
        return NULL;
}

const EVP_MD *jwt_algorithm_hash(const struct jwt_algorithm *a)
{
        return EVP_get_digestbyname(a->hash);
}

/* ---- reading -------------------------------------------------------------------------------- */

/* How deep brackets are nested, outside of strings. */
static unsigned json_depth(capnp_data text)
{
        unsigned depth = 0, most = 0;
        bool string = false;

        for (uint32_t i = 0; i < text.len; i++) {
                uint8_t c = text.p[i];

                if (string && c == '\\')
                        i++;
                else if (c == '"')
                        string = !string;
                else if (!string && (c == '{' || c == '['))
                        most = ++depth > most ? depth : most;
                else if (!string && (c == '}' || c == ']') && depth)
                        depth--;
        }
        return most;
}

json_t *jwt_json(capnp_data text)
{
        json_t *j = json_depth(text) <= DEPTH ? json_loadb((const char *)text.p, text.len,
                                                           JSON_REJECT_DUPLICATES, NULL)
                                              : NULL;

        if (json_is_object(j))
                return j;

        json_decref(j);
        return NULL;
}

const uint8_t *jwt_decode(const char *text, size_t len, uint8_t *to, size_t room, size_t *ret_len)
{
        const char *end;

        return sodium_base642bin(to, room, text, len, NULL, ret_len, &end,
                                 sodium_base64_VARIANT_URLSAFE_NO_PADDING) ||
                               end != text + len
                       ? NULL
                       : to;
}

static const char *text_of(json_t *object, const char *name)
{
        return json_string_value(json_object_get(object, name));
}

/* A member that is bytes in base64url. false: it is not there, or none. */
static bool bytes_of(json_t *object, const char *name, uint8_t *to, size_t room, size_t *ret_len)
{
        const char *text = text_of(object, name);

        return text && jwt_decode(text, strlen(text), to, room, ret_len);
}

/* ---- keys ----------------------------------------------------------------------------------- */

static int key_of_params(const char *kind, OSSL_PARAM_BLD *b, EVP_PKEY **ret)
{
        OSSL_PARAM *params = b ? OSSL_PARAM_BLD_to_param(b) : NULL;
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
        int r = -ENOMEM;

        if (ctx && params && EVP_PKEY_fromdata_init(ctx) == 1)
                r = EVP_PKEY_fromdata(ctx, ret, EVP_PKEY_PUBLIC_KEY, params) == 1 ? 0 : TOKEN_E_KEY;
        OSSL_PARAM_free(params);
        EVP_PKEY_CTX_free(ctx);
        return r;
}

static int key_rsa(json_t *jwk, EVP_PKEY **ret)
{
        uint8_t n[RSA_MOST_BITS / 8], e[EXPONENT_BYTES];
        size_t n_len, e_len;
        OSSL_PARAM_BLD *b;
        BIGNUM *bn, *be;
        int r;

        if (!bytes_of(jwk, "n", n, sizeof(n), &n_len) || !bytes_of(jwk, "e", e, sizeof(e), &e_len))
                return TOKEN_E_KEY;

        b = OSSL_PARAM_BLD_new();
        bn = BN_bin2bn(n, (int)n_len, NULL);
        be = BN_bin2bn(e, (int)e_len, NULL);
        if (!b || !bn || !be || !OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, bn) ||
            !OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, be))
                r = -ENOMEM;
        else
                r = key_of_params("RSA", b, ret);
        OSSL_PARAM_BLD_free(b);
        BN_free(bn);
        BN_free(be);
        return r;
}

/* A point whose coordinates have their full width. */
static int key_ec(json_t *jwk, const struct jwt_algorithm *a, EVP_PKEY **ret)
{
        uint8_t point[1 + 2 * POINT_BYTES] = {POINT_CONVERSION_UNCOMPRESSED};
        unsigned width = a->coordinate_bytes;
        size_t x, y;
        OSSL_PARAM_BLD *b;
        int r = -ENOMEM;

        if (!bytes_of(jwk, "x", point + 1, width, &x) || x != width ||
            !bytes_of(jwk, "y", point + 1 + width, width, &y) || y != width)
                return TOKEN_E_KEY;

        b = OSSL_PARAM_BLD_new();
        if (b && OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, a->group, 0) &&
            OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * width))
                r = key_of_params("EC", b, ret);
        OSSL_PARAM_BLD_free(b);
        return r;
}

static int key_okp(json_t *jwk, EVP_PKEY **ret)
{
        uint8_t x[ED25519_BYTES];
        size_t len;

        if (!bytes_of(jwk, "x", x, sizeof(x), &len) || len != sizeof(x))
                return TOKEN_E_KEY;

        *ret = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, len);
        return *ret ? 0 : TOKEN_E_KEY;
}

/* A member that is not there says nothing; one that is must say this. */
static bool says(json_t *jwk, const char *name, const char *value)
{
        json_t *j = json_object_get(jwk, name);

        return !j || (json_is_string(j) && !strcmp(json_string_value(j), value));
}

static bool may_verify(json_t *jwk)
{
        json_t *operations = json_object_get(jwk, "key_ops"), *one;
        size_t i;

        json_array_foreach(operations, i,
                           one) if (json_is_string(one) &&
                                    !strcmp(json_string_value(one), "verify")) return true;
        return !operations;
}

static bool key_is_for(json_t *jwk, const struct jwt_algorithm *a)
{
        const char *kind = text_of(jwk, "kty"), *curve = text_of(jwk, "crv");
        /* One algorithm has two names. */
        bool named = says(jwk, "alg", a->name) ||
                     (!strcmp(a->kind, "OKP") &&
                      (says(jwk, "alg", "EdDSA") || says(jwk, "alg", "Ed25519")));

        return kind && !strcmp(kind, a->kind) && named && says(jwk, "use", "sig") &&
               may_verify(jwk) && (!a->curve || (curve && !strcmp(curve, a->curve)));
}

/* The only key that has an id. NULL: there is none, or more. */
static json_t *key_named(json_t *keys, const char *id, bool *ret_known)
{
        json_t *found = NULL, *one;
        size_t i;

        json_array_foreach(keys, i, one)
        {
                const char *name = text_of(one, "kid");

                if (!name || strcmp(name, id) != 0)
                        continue;
                *ret_known = true;
                if (found)
                        return NULL;
                found = one;
        }
        return found;
}

bool jwt_key_is_good(EVP_PKEY *key)
{
        return public_key_is_sound(key, RSA_MOST_BITS);
}

static int key_make(json_t *jwk, const struct jwt_algorithm *a, EVP_PKEY **ret)
{
        EVP_PKEY *key = NULL;
        int r;

        if (!strcmp(a->kind, "RSA"))
                r = key_rsa(jwk, &key);
        else
                r = a->group ? key_ec(jwk, a, &key) : key_okp(jwk, &key);
        if (!r && jwt_key_is_good(key)) {
                *ret = key;
                return 0;
        }

        EVP_PKEY_free(key);
        return r ? r : TOKEN_E_KEY;
}

int jwt_key_find(capnp_data set, const char *id, const struct jwt_algorithm *a, EVP_PKEY **ret)
{
        json_t *all = set.len <= TOKEN_KEYS_BYTES ? jwt_json(set) : NULL;
        json_t *keys = json_object_get(all, "keys");
        bool known = false;
        json_t *jwk = key_named(keys, id, &known);
        int r = known ? TOKEN_E_KEY : TOKEN_E_UNKNOWN_KEY;

        if (!json_is_array(keys))
                r = TOKEN_E_KEYS;
        else if (jwk && key_is_for(jwk, a))
                r = key_make(jwk, a, ret);
        json_decref(all);
        return r;
}

int jwt_key_read(json_t *jwk, EVP_PKEY **ret)
{
        for (unsigned i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
                if (key_is_for(jwk, &algorithms[i]))
                        return key_make(jwk, &algorithms[i], ret);
        return TOKEN_E_KEY;
}

/* The points that their curves are counted from; of RSA a number of 2048 bits that is odd. */
static const char nobody[] =
        "{\"keys\":[{\"kid\":\"RSA\",\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\""
        "_________________________________________________________"
        "_________________________________________________________"
        "_________________________________________________________"
        "_________________________________________________________"
        "_________________________________________________________"
        "________________________________________________________w\"},"
        "{\"kid\":\"P-256\",\"kty\":\"EC\",\"crv\":\"P-256\","
        "\"x\":\"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY\","
        "\"y\":\"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU\"},"
        "{\"kid\":\"P-384\",\"kty\":\"EC\",\"crv\":\"P-384\","
        "\"x\":\"qofKIr6LBTeOscce8yCtdG4dO2KLp5uYWfdB4IJUKjhVAvJdv1UpbDpUXjhydgq3\","
        "\"y\":\"NhfeSpYmLG9dnpi_kpLcKfj0Hb0omhR86doxE7XwuMAKYLHOHX6BnXpDHXyQ6g5f\"},"
        "{\"kid\":\"Ed25519\",\"kty\":\"OKP\",\"crv\":\"Ed25519\","
        "\"x\":\"WGZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmY\"}]}";

int jwt_key_nobody(const struct jwt_algorithm *a, EVP_PKEY **ret)
{
        return jwt_key_find((capnp_data){(const uint8_t *)nobody, sizeof(nobody) - 1},
                            a->curve ? a->curve : a->kind, a, ret);
}

/* ---- a key as JSON -------------------------------------------------------------------------- */

/* Sets a member to bytes in base64url. */
static bool member_set(json_t *jwk, const char *name, const uint8_t *p, size_t len)
{
        char text[WRITTEN_TEXT];

        if (len > WRITTEN_BYTES)
                return false;

        sodium_bin2base64(text, sizeof(text), p, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
        return !json_object_set_new(jwk, name, json_string(text));
}

/* … to a number of the key's; width 0: as many bytes as it has. */
static bool member_set_number(json_t *jwk, const char *name, EVP_PKEY *key, const char *param,
                              unsigned width)
{
        uint8_t bytes[WRITTEN_BYTES];
        BIGNUM *n = NULL;
        bool done;

        if (!EVP_PKEY_get_bn_param(key, param, &n))
                return false;

        if (!width)
                width = (unsigned)BN_num_bytes(n);
        done = width <= sizeof(bytes) && BN_bn2binpad(n, bytes, (int)width) == (int)width &&
               member_set(jwk, name, bytes, width);
        BN_free(n);
        return done;
}

static bool write_rsa(json_t *jwk, EVP_PKEY *key)
{
        return !json_object_set_new(jwk, "kty", json_string("RSA")) &&
               member_set_number(jwk, "n", key, OSSL_PKEY_PARAM_RSA_N, 0) &&
               member_set_number(jwk, "e", key, OSSL_PKEY_PARAM_RSA_E, 0);
}

static bool write_ec(json_t *jwk, EVP_PKEY *key)
{
        const struct jwt_algorithm *a = NULL;
        char group[GROUP_TEXT];

        if (!EVP_PKEY_get_group_name(key, group, sizeof(group), NULL))
                return false;
        for (unsigned i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
                if (algorithms[i].group && !strcmp(algorithms[i].group, group))
                        a = &algorithms[i];

        return a && !json_object_set_new(jwk, "kty", json_string("EC")) &&
               !json_object_set_new(jwk, "crv", json_string(a->curve)) &&
               member_set_number(jwk, "x", key, OSSL_PKEY_PARAM_EC_PUB_X, a->coordinate_bytes) &&
               member_set_number(jwk, "y", key, OSSL_PKEY_PARAM_EC_PUB_Y, a->coordinate_bytes);
}

static bool write_okp(json_t *jwk, EVP_PKEY *key)
{
        uint8_t x[ED25519_BYTES];
        size_t len = sizeof(x);

        return EVP_PKEY_get_raw_public_key(key, x, &len) == 1 &&
               !json_object_set_new(jwk, "kty", json_string("OKP")) &&
               !json_object_set_new(jwk, "crv", json_string("Ed25519")) &&
               member_set(jwk, "x", x, len);
}

json_t *jwt_key_write(EVP_PKEY *key)
{
        json_t *jwk = json_object();
        bool done = false;

        switch (EVP_PKEY_get_base_id(key)) {
        case EVP_PKEY_RSA:
                done = write_rsa(jwk, key);
                break;
        case EVP_PKEY_EC:
                done = write_ec(jwk, key);
                break;
        case EVP_PKEY_ED25519:
                done = write_okp(jwk, key);
                break;
        default:
                break;
        }
        if (done)
                return jwk;

        json_decref(jwk);
        return NULL;
}

/* ---- signatures ----------------------------------------------------------------------------- */

/* r and s, each in its full width, as OpenSSL wants them. false: it is not that, or no memory. */
static bool signature_der(capnp_data sig, unsigned width, uint8_t der[DER_BYTES], size_t *ret_len)
{
        ECDSA_SIG *e;
        BIGNUM *r, *s;
        uint8_t *to = der;
        int len = 0;

        if (sig.len != 2 * width)
                return false;

        e = ECDSA_SIG_new();
        r = BN_bin2bn(sig.p, (int)width, NULL);
        s = BN_bin2bn(sig.p + width, (int)width, NULL);
        if (e && r && s && ECDSA_SIG_set0(e, r, s)) {
                len = i2d_ECDSA_SIG(e, &to);
        } else {
                BN_free(r);
                BN_free(s);
        }
        ECDSA_SIG_free(e);
        *ret_len = len > 0 ? (size_t)len : 0;
        return len > 0;
}

int jwt_key_verify(EVP_PKEY *key, const struct jwt_algorithm *a, capnp_data sig, capnp_data text)
{
        uint8_t der[DER_BYTES];
        size_t len = sig.len;
        const uint8_t *p = sig.p;
        EVP_PKEY_CTX *how = NULL;
        EVP_MD_CTX *ctx;
        int r = -ENOMEM;

        if (a->group) {
                if (!signature_der(sig, a->coordinate_bytes, der, &len))
                        return TOKEN_E_SIGNATURE;
                p = der;
        }

        ctx = EVP_MD_CTX_new();
        if (ctx && EVP_DigestVerifyInit_ex(ctx, &how, a->digest, NULL, NULL, key, NULL) == 1 &&
            (!a->pss || (EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) == 1 &&
                         EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST) == 1)))
                r = EVP_DigestVerify(ctx, p, len, text.p, text.len) == 1 ? 0 : TOKEN_E_SIGNATURE;
        EVP_MD_CTX_free(ctx);
        return r;
}
