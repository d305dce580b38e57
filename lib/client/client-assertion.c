/*
 * Assertions of service accounts (RFC 7523): a token that says who its key's owner is, for one
 * login.
 *
 * What a token says is put together from few words, each of which is refused when it would have to
 * be escaped, so there is no writer of JSON here. The key's id, where none is told, is its
 * thumbprint (RFC 7638): the hash of its numbers as JSON, in one form.
 */
#include "client-error.h"
#include "client-key.h"
#include "session-proof.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
        NUMBER_BYTES = 512, /* RSA of 4096 bits, as instances take it */
        NUMBER_TEXT = 4 * NUMBER_BYTES / 3 + 4,
        KEY_TEXT = NUMBER_TEXT + 256,
        SAID_TEXT = 1024,
        TOKEN_TEXT = 4096,
        LIFE_S = 60,          /* long enough for any clock that is nearly right */
        THUMBPRINT_TEXT = 48, /* room for it, as it is padded first */
};

/* How a type of key signs. */
struct algorithm {
        const char *name;
        enum key_type type;
        const char *digest; /* NULL: none before signing */
        unsigned width;     /* of r and of s; 0: it is no pair */
        bool pss;
};

static const struct algorithm algorithms[] = {
        {"EdDSA", KEY_ED25519, NULL, 0, false},
        {"ES256", KEY_ECDSA_256, "SHA256", 32, false},
        {"ES384", KEY_ECDSA_384, "SHA384", 48, false},
        {"PS256", KEY_RSA, "SHA256", 0, true}, /* the first of a type is what it signs by */
        {"RS256", KEY_RSA, "SHA256", 0, false},
};

static const struct algorithm *algorithm_find(const capos_key *k, const char *name)
{
        for (unsigned i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
                if (algorithms[i].type == k->type && (!name || !strcmp(algorithms[i].name, name)))
                        return &algorithms[i];
        return NULL;
}

/* Base64url without padding. The text's length; 0: there is no room. */
static size_t encode(const void *p, size_t len, char *to, size_t room)
{
        size_t n;

        if (4 * ((len + 2) / 3) + 1 > room)
                return 0;

        n = (size_t)EVP_EncodeBlock((unsigned char *)to, p, (int)len);
        while (n && to[n - 1] == '=')
                n--;
        to[n] = 0;
        for (size_t i = 0; i < n; i++)
                to[i] = to[i] == '+' ? '-' : to[i] == '/' ? '_' : to[i];
        return n;
}

/* ---- the key's id --------------------------------------------------------------------------- */

/* A number of a key's as text; width 0: as many bytes as it has. */
static bool number_text(const capos_key *k, const char *name, unsigned width, char to[NUMBER_TEXT])
{
        uint8_t bytes[NUMBER_BYTES];
        BIGNUM *n = NULL;
        bool done;

        if (!EVP_PKEY_get_bn_param(k->pkey, name, &n))
                return false;

        if (!width)
                width = (unsigned)BN_num_bytes(n);
        done = width <= sizeof(bytes) && BN_bn2binpad(n, bytes, (int)width) == (int)width &&
               encode(bytes, width, to, NUMBER_TEXT);
        BN_free(n);
        return done;
}

/* The key as what its thumbprint is of. 0: it is too large. */
static size_t key_text(const capos_key *k, const struct algorithm *a, char to[KEY_TEXT])
{
        char x[NUMBER_TEXT], y[NUMBER_TEXT];
        uint8_t raw[32];
        size_t len = sizeof(raw);
        bool done;

        switch (k->type) {
        case KEY_RSA:
                done = number_text(k, OSSL_PKEY_PARAM_RSA_E, 0, x) &&
                       number_text(k, OSSL_PKEY_PARAM_RSA_N, 0, y);
                len = (size_t)snprintf(to, KEY_TEXT, "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}",
                                       done ? x : "", done ? y : "");
                break;
        case KEY_ED25519:
                done = EVP_PKEY_get_raw_public_key(k->pkey, raw, &len) == 1 &&
                       encode(raw, len, x, sizeof(x));
                len = (size_t)snprintf(to, KEY_TEXT,
                                       "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%s\"}",
                                       done ? x : "");
                break;
        default:
                done = number_text(k, OSSL_PKEY_PARAM_EC_PUB_X, a->width, x) &&
                       number_text(k, OSSL_PKEY_PARAM_EC_PUB_Y, a->width, y);
                len = (size_t)snprintf(
                        to, KEY_TEXT, "{\"crv\":\"P-%u\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}",
                        8 * a->width, done ? x : "", done ? y : "");
                break;
        }
        return done && len < KEY_TEXT ? len : 0;
}

static bool key_thumbprint(const capos_key *k, const struct algorithm *a, char to[THUMBPRINT_TEXT])
{
        uint8_t hash[SHA256_DIGEST_LENGTH];
        char text[KEY_TEXT];
        size_t len = key_text(k, a, text);

        return len && SHA256((const uint8_t *)text, len, hash) &&
               encode(hash, sizeof(hash), to, THUMBPRINT_TEXT);
}

/* ---- what is said --------------------------------------------------------------------------- */

/* Whether a word can stand in JSON as it is. */
static bool word_is_plain(const char *s)
{
        for (; *s; s++)
                if (*s <= ' ' || *s >= 0x7f || *s == '"' || *s == '\\')
                        return false;
        return true;
}

/* HEADER.CLAIMS. The length; 0: it is too long. */
static size_t token_say(const struct capos_assertion *s, const struct algorithm *a, const char *id,
                        char to[TOKEN_TEXT])
{
        bool audience = s->audience && *s->audience;
        char text[SAID_TEXT], nonce[CAPOS_PROOF_NONCE_TEXT], nobody[CAPOS_PROOF_AUDIENCE];
        long long now = (long long)time(NULL);
        size_t len, at;

        capos_proof_audience((capnp_data){0}, nobody);
        capos_proof_nonce(s->transcript_hash, nonce);
        len = (size_t)snprintf(text, sizeof(text),
                               "{\"alg\":\"%s\",\"kid\":\"%s\",\"typ\":\"JWT\"}", a->name, id);
        at = len < sizeof(text) ? encode(text, len, to, TOKEN_TEXT) : 0;
        len = (size_t)snprintf(text, sizeof(text),
                               "{\"aud\":\"%s\",\"exp\":%lld,\"iat\":%lld,\"iss\":\"%s\","
                               "\"nonce\":\"%s\",\"sub\":\"%s\"}",
                               audience ? s->audience : nobody,
                               now + (s->life_s ? s->life_s : LIFE_S), now, s->account, nonce,
                               s->account);
        if (!at || len >= sizeof(text))
                return 0;

        to[at++] = '.';
        len = encode(text, len, to + at, TOKEN_TEXT - at);
        return len ? at + len : 0;
}

/* ---- signing -------------------------------------------------------------------------------- */

/* r and s in their full width, of the DER that OpenSSL gives. false: it is none. */
static bool signature_pair(uint8_t sig[KEY_SIGNATURE_BYTES], size_t *len, unsigned width)
{
        const uint8_t *p = sig;
        ECDSA_SIG *e = d2i_ECDSA_SIG(NULL, &p, (long)*len);
        bool done = e && BN_bn2binpad(ECDSA_SIG_get0_r(e), sig, (int)width) == (int)width &&
                    BN_bn2binpad(ECDSA_SIG_get0_s(e), sig + width, (int)width) == (int)width;

        ECDSA_SIG_free(e);
        *len = 2 * (size_t)width;
        return done;
}

static int token_sign(const capos_key *k, const struct algorithm *a, const char *text, size_t len,
                      uint8_t sig[KEY_SIGNATURE_BYTES], size_t *ret_len)
{
        EVP_MD_CTX *c = EVP_MD_CTX_new();
        EVP_PKEY_CTX *how = NULL;
        bool done;

        if (!c)
                return -ENOMEM;

        *ret_len = KEY_SIGNATURE_BYTES;
        done = EVP_DigestSignInit_ex(c, &how, a->digest, NULL, NULL, k->pkey, NULL) == 1 &&
               (!a->pss || (EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) == 1 &&
                            EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST) == 1)) &&
               EVP_DigestSign(c, sig, ret_len, (const uint8_t *)text, len) == 1;
        EVP_MD_CTX_free(c);
        return done && (!a->width || signature_pair(sig, ret_len, a->width)) ? 0 : CAPOS_E_KEY;
}

/* What is made on the way to a token. */
struct parts {
        char text[TOKEN_TEXT], end[NUMBER_TEXT];
        uint8_t sig[KEY_SIGNATURE_BYTES];
};

static int token_make(const capos_key *k, const struct algorithm *a,
                      const struct capos_assertion *s, struct parts *p, struct capnp_buf *to,
                      struct capos_error *ret_e)
{
        char id[THUMBPRINT_TEXT];
        size_t len, sig_len;
        int r;

        if (!s->key_id && !key_thumbprint(k, a, id))
                return client_fail(ret_e, CAPOS_E_KEY, "%s", "the key is too large");

        len = token_say(s, a, s->key_id ? s->key_id : id, p->text);
        if (!len)
                return client_fail(ret_e, CAPNP_E_LIMIT, "%s", "the assertion is too long");
        r = token_sign(k, a, p->text, len, p->sig, &sig_len);
        if (r)
                return client_fail(ret_e, r, "%s", "the key does not sign");

        if (!encode(p->sig, sig_len, p->end, sizeof(p->end)))
                return client_fail(ret_e, CAPOS_E_KEY, "%s", "the key is too large");
        r = client_buf_append(to, (const uint8_t *)p->text, len);
        if (!r)
                r = client_buf_append(to, (const uint8_t *)".", 1);
        if (!r)
                r = client_buf_append(to, (const uint8_t *)p->end, strlen(p->end));
        return r ? client_fail(ret_e, r, "%s", capos_strerror(r)) : 0;
}

int capos_assertion_make(const capos_key *k, const struct capos_assertion *s, struct capnp_buf *to,
                         struct capos_error *ret_e)
{
        const struct algorithm *a = algorithm_find(k, s->algorithm);
        struct parts parts;
        int r;

        if (!k->pkey)
                return client_fail(ret_e, CAPOS_E_KEY, "%s",
                                   "an ssh-agent cannot sign assertions: name the file of the key");
        if (!a)
                return client_fail(ret_e, CAPOS_E_KEY, "%s",
                                   "a key of this kind does not sign so: RSA (PS256, RS256), P-256 "
                                   "(ES256), P-384 (ES384) and Ed25519 (EdDSA) do");
        if (!word_is_plain(s->account) || (s->key_id && !word_is_plain(s->key_id)) ||
            (s->audience && !word_is_plain(s->audience)))
                return client_fail(ret_e, -EINVAL, "%s",
                                   "an assertion has no blanks and no quotes in its words");

        r = token_make(k, a, s, &parts, to, ret_e);
        explicit_bzero(&parts, sizeof(parts));
        return r;
}
