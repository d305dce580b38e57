/*
 * What an authenticator says, and by which key it has signed it.
 *
 * libfido2 knows the forms of keys. What is said is judged here, each part with a reason of its
 * own, so that the audit log can tell a phone without a PIN from a forgery; and the signature,
 * because libfido2 takes none over extensions that nobody has asked for, as authenticators add them
 * and the standard lets them, nor one of Ed25519 over more than a kilobyte. The algorithm is the
 * stored key's, never the response's.
 */
#include "passkey-fido.h"

#include <errno.h>
#include <fido.h>
#include <fido/eddsa.h>
#include <fido/es256.h>
#include <fido/rs256.h>
#include <sodium.h>
#include <string.h>

#include "passkey-cbor.h"

enum { COUNT_AT = 33, ES256_BYTES = 64, EDDSA_BYTES = 32, RSA_BYTES = 256, RS256_BYTES = 259 };

_Static_assert((int)RS256_BYTES <= (int)PASSKEY_KEY_BYTES, "the longest key fits");

/* ---- the data ------------------------------------------------------------------------------- */

int passkey_data_check(capnp_data data, const struct passkey_party *p)
{
        uint8_t hash[crypto_hash_sha256_BYTES];
        uint8_t flags;

        if (data.len < PASSKEY_DATA_LEAST)
                return PASSKEY_E_FORM;

        flags = data.p[PASSKEY_FLAGS_AT];
        crypto_hash_sha256(hash, (const uint8_t *)p->id, strlen(p->id));
        if (memcmp(hash, data.p, sizeof(hash)) != 0)
                return PASSKEY_E_PARTY;
        if (!(flags & PASSKEY_PRESENT))
                return PASSKEY_E_ABSENT;
        if (!(flags & PASSKEY_VERIFIED))
                return PASSKEY_E_UNVERIFIED;
        if (flags & PASSKEY_IS_COPIED && !(flags & PASSKEY_MAY_BE_COPIED))
                return PASSKEY_E_BACKUP;

        return 0;
}

/* What an authenticator adds by itself is not looked into (7.1 and 7.2: "unsolicited"). */
int passkey_data_end(capnp_data data, capnp_data rest)
{
        if (data.p[PASSKEY_FLAGS_AT] & PASSKEY_HAS_EXTENSIONS && !passkey_cbor_take_named(&rest))
                return PASSKEY_E_EXTENSIONS;
        return rest.len ? PASSKEY_E_FORM : 0;
}

uint32_t passkey_data_count(capnp_data data)
{
        const uint8_t *p = data.p + COUNT_AT;

        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* ---- keys ----------------------------------------------------------------------------------- */

/* libfido2's form of a key; one of the three is there, by the algorithm. */
struct fido_key {
        es256_pk_t *es256;
        eddsa_pk_t *eddsa;
        rs256_pk_t *rs256;
};

static void fido_key_deinit(struct fido_key *f)
{
        es256_pk_free(&f->es256);
        eddsa_pk_free(&f->eddsa);
        rs256_pk_free(&f->rs256);
}

/* 0; PASSKEY_E_ALGORITHM; PASSKEY_E_KEY. */
static int fido_key_init(struct fido_key *f, const struct passkey *k)
{
        int r = FIDO_ERR_INTERNAL;

        *f = (struct fido_key){0};
        if (k->key_len > sizeof(k->key))
                return PASSKEY_E_KEY;

        switch (k->algorithm) {
        case COSE_ES256:
                f->es256 = es256_pk_new();
                if (f->es256 && k->key_len == ES256_BYTES)
                        r = es256_pk_from_ptr(f->es256, k->key, k->key_len);
                break;
        case COSE_EDDSA:
                f->eddsa = eddsa_pk_new();
                if (f->eddsa && k->key_len == EDDSA_BYTES)
                        r = eddsa_pk_from_ptr(f->eddsa, k->key, k->key_len);
                break;
        case COSE_RS256:
                f->rs256 = rs256_pk_new();
                if (f->rs256 && k->key_len == RS256_BYTES)
                        r = rs256_pk_from_ptr(f->rs256, k->key, k->key_len);
                break;
        default:
                return PASSKEY_E_ALGORITHM;
        }
        if (r == FIDO_OK)
                return 0;

        fido_key_deinit(f);
        return PASSKEY_E_KEY;
}

/* A modulus of all its bits, which is odd, and an exponent that is odd and not one. */
static bool rsa_is_sound(const uint8_t *key)
{
        const uint8_t *e = key + RSA_BYTES;

        return key[0] & 0x80 && key[RSA_BYTES - 1] & 1 && e[2] & 1 && (e[0] || e[1] || e[2] > 1);
}

/* 0: *ret is to be freed; PASSKEY_E_ALGORITHM; PASSKEY_E_KEY. */
static int key_open(const struct passkey *k, EVP_PKEY **ret)
{
        struct fido_key f;
        int r = fido_key_init(&f, k);

        if (r)
                return r;

        *ret = NULL;
        if (f.es256)
                *ret = es256_pk_to_EVP_PKEY(f.es256);
        else if (f.eddsa && crypto_core_ed25519_is_valid_point(k->key))
                *ret = eddsa_pk_to_EVP_PKEY(f.eddsa);
        else if (f.rs256 && rsa_is_sound(k->key))
                *ret = rs256_pk_to_EVP_PKEY(f.rs256);
        fido_key_deinit(&f);
        return *ret ? 0 : PASSKEY_E_KEY;
}

int passkey_key_check(const struct passkey *k)
{
        EVP_PKEY *pkey = NULL;
        int r = key_open(k, &pkey);

        EVP_PKEY_free(pkey);
        return r;
}

/* ---- signatures ----------------------------------------------------------------------------- */

/* Whether a key is of the kind that an algorithm signs by. */
static bool key_is_of(const EVP_PKEY *key, int32_t algorithm)
{
        int kind = EVP_PKEY_get_base_id(key);

        switch (algorithm) {
        case COSE_ES256:
                return kind == EVP_PKEY_EC;
        case COSE_EDDSA:
                return kind == EVP_PKEY_ED25519;
        case COSE_RS256:
                return kind == EVP_PKEY_RSA;
        default:
                return false;
        }
}

int passkey_verify_by(EVP_PKEY *key, int32_t algorithm, capnp_data data, capnp_data client,
                      capnp_data signature)
{
        uint8_t text[PASSKEY_RESPONSE_BYTES + crypto_hash_sha256_BYTES];
        EVP_MD_CTX *c;
        bool good;

        if (data.len > PASSKEY_RESPONSE_BYTES)
                return PASSKEY_E_FORM;
        if (!key_is_of(key, algorithm))
                return PASSKEY_E_SIGNATURE;

        c = EVP_MD_CTX_new();
        if (!c)
                return -ENOMEM;

        memcpy(text, data.p, data.len);
        crypto_hash_sha256(text + data.len, client.p, client.len);
        good = EVP_DigestVerifyInit(c, NULL, algorithm == COSE_EDDSA ? NULL : EVP_sha256(), NULL,
                                    key) == 1 &&
               EVP_DigestVerify(c, signature.p, signature.len, text,
                                data.len + crypto_hash_sha256_BYTES) == 1;
        EVP_MD_CTX_free(c);
        return good ? 0 : PASSKEY_E_SIGNATURE;
}

int passkey_verify(const struct passkey *k, capnp_data data, capnp_data client,
                   capnp_data signature)
{
        EVP_PKEY *key = NULL;
        int r = key_open(k, &key);

        if (r)
                return PASSKEY_E_KEY;

        r = passkey_verify_by(key, k->algorithm, data, client, signature);
        EVP_PKEY_free(key);
        return r;
}
