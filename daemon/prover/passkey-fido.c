/*
 * What an authenticator says, and by which key it has signed it.
 *
 * libfido2 verifies. What it would refuse without saying why (the relying party, the flags) is
 * looked at before, so that the audit log can tell a phone without a PIN from a forgery; and what
 * it does not look at is looked at here. The algorithm is the stored key's, never the response's.
 */
#include "passkey-fido.h"

#include <errno.h>
#include <fido.h>
#include <fido/eddsa.h>
#include <fido/es256.h>
#include <fido/rs256.h>
#include <sodium.h>
#include <string.h>

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
        const void *any;
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
                f->any = f->es256 = es256_pk_new();
                if (f->es256 && k->key_len == ES256_BYTES)
                        r = es256_pk_from_ptr(f->es256, k->key, k->key_len);
                break;
        case COSE_EDDSA:
                f->any = f->eddsa = eddsa_pk_new();
                if (f->eddsa && k->key_len == EDDSA_BYTES)
                        r = eddsa_pk_from_ptr(f->eddsa, k->key, k->key_len);
                break;
        case COSE_RS256:
                f->any = f->rs256 = rs256_pk_new();
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

int passkey_key_check(const struct passkey *k)
{
        struct fido_key f;
        EVP_PKEY *pkey = NULL;
        int r = fido_key_init(&f, k);

        if (r)
                return r;

        if (f.es256)
                pkey = es256_pk_to_EVP_PKEY(f.es256);
        else if (f.eddsa && crypto_core_ed25519_is_valid_point(k->key))
                pkey = eddsa_pk_to_EVP_PKEY(f.eddsa);
        else if (f.rs256 && rsa_is_sound(k->key))
                pkey = rs256_pk_to_EVP_PKEY(f.rs256);
        r = pkey ? 0 : PASSKEY_E_KEY;
        EVP_PKEY_free(pkey);
        fido_key_deinit(&f);
        return r;
}

/* ---- signatures ----------------------------------------------------------------------------- */

static int assert_fill(fido_assert_t *a, const struct passkey_response *r,
                       const struct passkey_party *p)
{
        uint8_t hash[crypto_hash_sha256_BYTES];
        int e;

        crypto_hash_sha256(hash, r->client.p, r->client.len);
        e = fido_assert_set_count(a, 1);
        if (e == FIDO_OK)
                e = fido_assert_set_rp(a, p->id);
        if (e == FIDO_OK)
                e = fido_assert_set_clientdata_hash(a, hash, sizeof(hash));
        if (e == FIDO_OK)
                e = fido_assert_set_authdata_raw(a, 0, r->data.p, r->data.len);
        if (e == FIDO_OK)
                e = fido_assert_set_sig(a, 0, r->signature.p, r->signature.len);
        if (e == FIDO_OK)
                e = fido_assert_set_up(a, FIDO_OPT_TRUE);
        if (e == FIDO_OK)
                e = fido_assert_set_uv(a, FIDO_OPT_TRUE);
        return e;
}

int passkey_verify(const struct passkey *k, const struct passkey_response *r,
                   const struct passkey_party *p)
{
        fido_assert_t *a = fido_assert_new();
        struct fido_key f = {0};
        int e = -1, bad;

        if (!a)
                return -ENOMEM;

        bad = fido_key_init(&f, k);
        if (!bad)
                e = assert_fill(a, r, p);
        if (!bad && e == FIDO_OK)
                e = fido_assert_verify(a, 0, k->algorithm, f.any);
        fido_key_deinit(&f);
        fido_assert_free(&a);
        if (bad)
                return PASSKEY_E_KEY;
        return e == FIDO_OK ? 0 : PASSKEY_E_SIGNATURE;
}
