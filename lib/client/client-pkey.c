/*
 * Keys and signatures, between SSH's formats and OpenSSL. What a file says is not believed: OpenSSL
 * builds the key, and the caller compares its public half with the one the file claims.
 *
 * RSA keys are used by n, e and d alone; signing is slower without the primes, by milliseconds,
 * and there is less to get wrong.
 */
#include "client-key.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <string.h>

static void bn_freep(BIGNUM **n)
{
        BN_clear_free(*n);
}

static void bld_freep(OSSL_PARAM_BLD **b)
{
        OSSL_PARAM_BLD_free(*b);
}

static void param_freep(OSSL_PARAM **p)
{
        for (OSSL_PARAM *i = *p; i && i->key; i++)
                OPENSSL_cleanse(i->data, i->data_size);
        OSSL_PARAM_free(*p);
}

static void pkey_ctx_freep(EVP_PKEY_CTX **c)
{
        EVP_PKEY_CTX_free(*c);
}

static void md_ctx_freep(EVP_MD_CTX **c)
{
        EVP_MD_CTX_free(*c);
}

static void sig_freep(ECDSA_SIG **s)
{
        ECDSA_SIG_free(*s);
}

/* ---- from a file -------------------------------------------------------------------------- */

static BIGNUM *in_number(struct client_in *i)
{
        capnp_data d = client_in_string(i);

        return d.len && d.len <= KEY_PUBLIC_BYTES ? BN_bin2bn(d.p, (int)d.len, NULL) : NULL;
}

static int pkey_of_params(const char *kind, OSSL_PARAM_BLD *b, EVP_PKEY **ret_k)
{
        CAPNP_AUTO(param_freep) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
        CAPNP_AUTO(pkey_ctx_freep) EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);

        if (!params || !c)
                return -ENOMEM;
        if (EVP_PKEY_fromdata_init(c) <= 0 ||
            EVP_PKEY_fromdata(c, ret_k, EVP_PKEY_KEYPAIR, params) <= 0)
                return CAPOS_E_KEY;
        return 0;
}

static int pkey_of_ed25519(struct client_in *i, EVP_PKEY **ret_k)
{
        capnp_data public = client_in_string(i), private = client_in_string(i);

        if (public.len != 32 || private.len != 64)
                return CAPOS_E_KEY;

        *ret_k = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private.p, 32);
        return *ret_k ? 0 : CAPOS_E_KEY;
}

static int pkey_of_ecdsa(struct client_in *i, enum key_type t, EVP_PKEY **ret_k)
{
        static const char *const groups[KEY_TYPES] = {
                [KEY_ECDSA_256] = "prime256v1",
                [KEY_ECDSA_384] = "secp384r1",
                [KEY_ECDSA_521] = "secp521r1",
        };
        CAPNP_AUTO(bld_freep) OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
        CAPNP_AUTO(bn_freep) BIGNUM *d = NULL;
        capnp_data curve = client_in_string(i), point = client_in_string(i);

        d = in_number(i);
        if (!client_data_is(curve, key_type_curve(t)) || !d)
                return CAPOS_E_KEY;
        if (!b || !OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, groups[t], 0) ||
            !OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point.p, point.len) ||
            !OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, d))
                return -ENOMEM;

        return pkey_of_params("EC", b, ret_k);
}

static int pkey_of_rsa(struct client_in *i, EVP_PKEY **ret_k)
{
        CAPNP_AUTO(bld_freep) OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
        CAPNP_AUTO(bn_freep) BIGNUM *n = in_number(i);
        CAPNP_AUTO(bn_freep) BIGNUM *e = in_number(i);
        CAPNP_AUTO(bn_freep) BIGNUM *d = in_number(i);

        for (unsigned skipped = 0; skipped < 3; skipped++) /* iqmp, p and q */
                (void)client_in_string(i);
        if (!n || !e || !d || i->bad)
                return CAPOS_E_KEY;
        if (!b || !OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n) ||
            !OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, e) ||
            !OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_D, d))
                return -ENOMEM;

        return pkey_of_params("RSA", b, ret_k);
}

int key_of_private(struct client_in *i, enum key_type t, EVP_PKEY **ret_k)
{
        if (!client_data_is(client_in_string(i), key_type_name(t)))
                return CAPOS_E_KEY;
        if (t == KEY_ED25519)
                return pkey_of_ed25519(i, ret_k);
        return t == KEY_RSA ? pkey_of_rsa(i, ret_k) : pkey_of_ecdsa(i, t, ret_k);
}

/* ---- the public half ---------------------------------------------------------------------- */

static int pkey_public_rsa(EVP_PKEY *k, struct client_out *o)
{
        static const char *const names[] = {OSSL_PKEY_PARAM_RSA_E, OSSL_PKEY_PARAM_RSA_N};
        uint8_t bytes[KEY_PUBLIC_BYTES];

        client_out_text(o, key_type_name(KEY_RSA));
        for (unsigned i = 0; i < 2; i++) {
                CAPNP_AUTO(bn_freep) BIGNUM *n = NULL;

                if (!EVP_PKEY_get_bn_param(k, names[i], &n) || BN_num_bytes(n) > KEY_PUBLIC_BYTES)
                        return CAPOS_E_KEY;
                client_out_mpint(o, bytes, (size_t)BN_bn2bin(n, bytes));
        }
        return 0;
}

static int pkey_public_ecdsa(EVP_PKEY *k, struct client_out *o)
{
        uint8_t point[256];
        size_t len = 0;
        enum key_type t = KEY_ECDSA_256;

        if (EVP_PKEY_get_bits(k) == 384)
                t = KEY_ECDSA_384;
        if (EVP_PKEY_get_bits(k) == 521)
                t = KEY_ECDSA_521;
        if (!EVP_PKEY_get_octet_string_param(k, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point),
                                             &len) ||
            !len || point[0] != 4)
                return CAPOS_E_KEY;

        client_out_text(o, key_type_name(t));
        client_out_text(o, key_type_curve(t));
        client_out_string(o, point, len);
        return 0;
}

static int pkey_public_ed25519(EVP_PKEY *k, struct client_out *o)
{
        uint8_t bytes[32];
        size_t len = sizeof(bytes);

        if (EVP_PKEY_get_raw_public_key(k, bytes, &len) <= 0)
                return CAPOS_E_KEY;

        client_out_text(o, key_type_name(KEY_ED25519));
        client_out_string(o, bytes, len);
        return 0;
}

int key_public_of_pkey(EVP_PKEY *k, struct client_out *o)
{
        int r = CAPOS_E_KEY;

        if (EVP_PKEY_is_a(k, "ED25519"))
                r = pkey_public_ed25519(k, o);
        else if (EVP_PKEY_is_a(k, "RSA"))
                r = pkey_public_rsa(k, o);
        else if (EVP_PKEY_is_a(k, "EC"))
                r = pkey_public_ecdsa(k, o);
        return !r && o->full ? CAPOS_E_KEY : r;
}

/* ---- signing ------------------------------------------------------------------------------ */

static const EVP_MD *key_type_digest(enum key_type t)
{
        switch (t) {
        case KEY_ECDSA_256:
                return EVP_sha256();
        case KEY_ECDSA_384:
                return EVP_sha384();
        case KEY_ECDSA_521:
        case KEY_RSA:
                return EVP_sha512();
        case KEY_ED25519:
        case KEY_SK_ED25519:
        case KEY_SK_ECDSA:
        case KEY_TYPES:
                break;
        }
        return NULL;
}

/* SSH wants r and s as two numbers, where OpenSSL gives DER (RFC 5656, section 3.1.2). */
static int signature_of_der(const uint8_t *der, size_t len, struct client_out *to)
{
        CAPNP_AUTO(sig_freep) ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &der, (long)len);
        const BIGNUM *n[2];
        uint8_t pair[160], bytes[72];
        struct client_out o = {.p = pair, .room = sizeof(pair)};

        if (!s)
                return CAPOS_E_KEY;

        ECDSA_SIG_get0(s, &n[0], &n[1]);
        for (unsigned i = 0; i < 2; i++) {
                if (BN_num_bytes(n[i]) > (int)sizeof(bytes))
                        o.full = true;
                else
                        client_out_mpint(&o, bytes, (size_t)BN_bn2bin(n[i], bytes));
        }
        client_out_string(to, pair, o.len);
        explicit_bzero(pair, sizeof(pair));
        explicit_bzero(bytes, sizeof(bytes));
        return o.full ? CAPOS_E_KEY : 0;
}

int key_sign_pkey(const capos_key *k, capnp_data what, struct client_out *to)
{
        CAPNP_AUTO(md_ctx_freep) EVP_MD_CTX *c = EVP_MD_CTX_new();
        uint8_t sig[KEY_SIGNATURE_BYTES];
        size_t len = sizeof(sig);
        int r = 0;

        if (!c)
                return -ENOMEM;
        if (EVP_DigestSignInit(c, NULL, key_type_digest(k->type), NULL, k->pkey) <= 0 ||
            EVP_DigestSign(c, sig, &len, what.p, what.len) <= 0)
                return CAPOS_E_KEY;

        client_out_text(to, key_type_signature(k->type));
        if (key_type_curve(k->type))
                r = signature_of_der(sig, len, to);
        else
                client_out_string(to, sig, len);
        explicit_bzero(sig, sizeof(sig));
        return r;
}
