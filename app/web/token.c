/*
 * Codes, cookies, tickets, and the signature of a browser's key.
 *
 * What lets somebody in is random and compared by its hash, so that neither a comparison's time nor
 * a look at this memory gives it away. The browser's key is of WebCrypto: P-256, and a signature is
 * r and s side by side, where OpenSSL wants DER.
 */
#include "token.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum { VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING, DER = 80 };

int token_random(uint8_t *to, size_t len)
{
        ssize_t n = getrandom(to, len, 0);

        if (n < 0)
                return -errno;
        return (size_t)n == len ? 0 : -EIO;
}

int token_make(char *to, size_t room)
{
        uint8_t bytes[32];
        size_t len = (room - 1) * 3 / 4;
        int r = token_random(bytes, len);

        if (!r)
                (void)sodium_bin2base64(to, room, bytes, len, VARIANT);
        explicit_bzero(bytes, sizeof(bytes));
        return r;
}

void token_hash(const char *text, size_t len, uint8_t to[TOKEN_HASH])
{
        (void)crypto_hash_sha256(to, (const unsigned char *)text, len);
}

bool token_is(const char *text, size_t len, const uint8_t hash[TOKEN_HASH])
{
        uint8_t is[TOKEN_HASH];

        token_hash(text, len, is);
        return !sodium_memcmp(is, hash, TOKEN_HASH);
}

bool token_decode(const char *text, size_t len, uint8_t *to, size_t bytes)
{
        const char *end;
        size_t n;

        return !sodium_base642bin(to, bytes, text, len, NULL, &n, &end, VARIANT) && n == bytes &&
               end == text + len;
}

/* NULL: it is none. */
static EVP_PKEY *key_read(const uint8_t key[TOKEN_KEY])
{
        char group[] = "P-256";
        OSSL_PARAM params[] = {
                OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
                OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)key,
                                                  TOKEN_KEY),
                OSSL_PARAM_construct_end(),
        };
        EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
        EVP_PKEY *k = NULL;

        if (key[0] != 4 || !c || EVP_PKEY_fromdata_init(c) <= 0 ||
            EVP_PKEY_fromdata(c, &k, EVP_PKEY_PUBLIC_KEY, params) <= 0)
                k = NULL;
        EVP_PKEY_CTX_free(c);
        return k;
}

bool token_key_is_good(const uint8_t key[TOKEN_KEY])
{
        EVP_PKEY *k = key_read(key);
        bool good = k != NULL;

        EVP_PKEY_free(k);
        return good;
}

/* The signature as OpenSSL has it. Its length; 0: it is none. */
static int sign_der(const uint8_t sign[TOKEN_SIGN], unsigned char to[DER])
{
        ECDSA_SIG *s = ECDSA_SIG_new();
        BIGNUM *r = BN_bin2bn(sign, TOKEN_SIGN / 2, NULL);
        BIGNUM *t = BN_bin2bn(sign + TOKEN_SIGN / 2, TOKEN_SIGN / 2, NULL);
        unsigned char *end = to;
        int len = 0;

        if (s && r && t && ECDSA_SIG_set0(s, r, t)) {
                len = i2d_ECDSA_SIG(s, &end);
        } else {
                BN_free(r);
                BN_free(t);
        }
        ECDSA_SIG_free(s);
        return len < 0 ? 0 : len;
}

bool token_proof_is_good(const struct token_proof *p, const uint8_t key[TOKEN_KEY],
                         const uint8_t *sign, size_t len)
{
        static const char label[] = "capos-web-1";
        unsigned char text[sizeof(label) + TOKEN_NONCE + TOKEN_HASH + 8], der[DER];
        EVP_MD_CTX *c = NULL;
        EVP_PKEY *k;
        size_t n = sizeof(label);
        bool good;
        int nder;

        if (len != TOKEN_SIGN)
                return false;
        memcpy(text, label, n); /* its NUL stands between it and the rest */
        memcpy(text + n, p->nonce, TOKEN_NONCE);
        memcpy(text + n + TOKEN_NONCE, p->cookie, TOKEN_HASH);
        n += TOKEN_NONCE + TOKEN_HASH;
        n += (size_t)snprintf((char *)text + n, sizeof(text) - n, "%u", p->port);
        nder = sign_der(sign, der);
        k = key_read(key);
        if (k && nder)
                c = EVP_MD_CTX_new();
        good = c && EVP_DigestVerifyInit(c, NULL, EVP_sha256(), NULL, k) == 1 &&
               EVP_DigestVerify(c, der, (size_t)nder, text, n) == 1;
        EVP_MD_CTX_free(c);
        EVP_PKEY_free(k);
        return good;
}
