/*
 * Tokens of five algorithms, made here, and what nobody shall get through with. A row changes one
 * thing of a good token: its header, what it says, its signature, or the set of keys.
 */
#include "harness.h"

#include "jwt-key.h"
#include "jwt.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN = 8192, KEYS = 8192, NOW = 1800000000 };

#define ISSUER "https://id.example.org"

static const char claims_good[] =
        "{\"iss\":\"https://id.example.org\",\"sub\":\"ada\",\"aud\":\"capos\",\"exp\":1800000300,"
        "\"iat\":1800000000,\"nonce\":\"n1\"}";

/* ---- an issuer ------------------------------------------------------------------------------ */

enum { RSA_KEY, RSA_OTHER, P256_KEY, P384_KEY, ED_KEY, MADE_KEYS };

static EVP_PKEY *made[MADE_KEYS];
static char keys[KEYS];

static const struct {
        const char *alg;
        int key;
        const char *digest;
        unsigned width;
        int pss; /* length of the salt; 0: none */
} algs[] = {
        {"RS256", RSA_KEY, "SHA256", 0, 0},   {"PS256", RSA_OTHER, "SHA256", 0, 32},
        {"ES256", P256_KEY, "SHA256", 32, 0}, {"ES384", P384_KEY, "SHA384", 48, 0},
        {"EdDSA", ED_KEY, NULL, 0, 0},
};

static void encode(const void *p, size_t len, char *to)
{
        const int form = sodium_base64_VARIANT_URLSAFE_NO_PADDING;

        sodium_bin2base64(to, sodium_base64_encoded_len(len, form), p, len, form);
}

static void number(EVP_PKEY *k, const char *name, unsigned width, char *to)
{
        uint8_t bytes[512];
        BIGNUM *n = NULL;

        CHECK(EVP_PKEY_get_bn_param(k, name, &n));
        if (!width)
                width = (unsigned)BN_num_bytes(n);
        CHECK(BN_bn2binpad(n, bytes, (int)width) == (int)width);
        BN_free(n);
        encode(bytes, width, to);
}

static void keys_make(void)
{
        char n[1024], e[16], x256[64], y256[64], x384[80], y384[80], o[1024], x[64];
        uint8_t raw[32];
        size_t len = sizeof(raw);

        if (made[0])
                return;

        CHECK(sodium_init() >= 0);
        made[RSA_KEY] = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
        made[RSA_OTHER] = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
        made[P256_KEY] = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
        made[P384_KEY] = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
        made[ED_KEY] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        for (unsigned i = 0; i < MADE_KEYS; i++)
                CHECK(made[i]);
        number(made[RSA_KEY], OSSL_PKEY_PARAM_RSA_N, 0, n);
        number(made[RSA_OTHER], OSSL_PKEY_PARAM_RSA_N, 0, o);
        number(made[RSA_KEY], OSSL_PKEY_PARAM_RSA_E, 0, e);
        number(made[P256_KEY], OSSL_PKEY_PARAM_EC_PUB_X, 32, x256);
        number(made[P256_KEY], OSSL_PKEY_PARAM_EC_PUB_Y, 32, y256);
        number(made[P384_KEY], OSSL_PKEY_PARAM_EC_PUB_X, 48, x384);
        number(made[P384_KEY], OSSL_PKEY_PARAM_EC_PUB_Y, 48, y384);
        CHECK(EVP_PKEY_get_raw_public_key(made[ED_KEY], raw, &len));
        encode(raw, len, x);
        snprintf(
                keys, sizeof(keys),
                "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"RS256\",\"alg\":\"RS256\",\"use\":\"sig\","
                "\"n\":\"%s\",\"e\":\"%s\"},{\"kty\":\"RSA\",\"kid\":\"PS256\",\"alg\":\"PS256\","
                "\"n\":\"%s\",\"e\":\"%s\"},{\"kty\":\"EC\",\"kid\":\"ES256\",\"crv\":\"P-256\","
                "\"x\":\"%s\",\"y\":\"%s\"},{\"kty\":\"EC\",\"kid\":\"ES384\",\"crv\":\"P-384\","
                "\"x\":\"%s\",\"y\":\"%s\"},{\"kty\":\"OKP\",\"kid\":\"EdDSA\",\"crv\":\"Ed25519\","
                "\"x\":\"%s\"},{\"kty\":\"RSA\",\"kid\":\"twice\",\"n\":\"%s\",\"e\":\"%s\"},"
                "{\"kty\":\"RSA\",\"kid\":\"twice\",\"n\":\"%s\",\"e\":\"%s\"},{\"kty\":\"RSA\","
                "\"kid\":\"enc\",\"use\":\"enc\",\"n\":\"%s\",\"e\":\"%s\"}]}",
                n, e, o, e, x256, y256, x384, y384, x, n, e, n, e, n, e);
}

/* Signs as one of the algorithms, with the key of another if that is wanted. */
static size_t sign(unsigned alg, int key, const char *text, uint8_t *sig, bool der)
{
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        EVP_PKEY_CTX *how;
        size_t len = 1024;
        const uint8_t *from = sig;
        ECDSA_SIG *e;

        CHECK(EVP_DigestSignInit_ex(ctx, &how, algs[alg].digest, NULL, NULL, made[key], NULL) == 1);
        if (algs[alg].pss) {
                CHECK(EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) == 1);
                CHECK(EVP_PKEY_CTX_set_rsa_pss_saltlen(how, algs[alg].pss) == 1);
        }
        CHECK(EVP_DigestSign(ctx, sig, &len, (const uint8_t *)text, strlen(text)) == 1);
        EVP_MD_CTX_free(ctx);
        if (!algs[alg].width || der)
                return len;

        e = d2i_ECDSA_SIG(NULL, &from, (long)len);
        CHECK(e);
        CHECK(BN_bn2binpad(ECDSA_SIG_get0_r(e), sig, (int)algs[alg].width) > 0);
        CHECK(BN_bn2binpad(ECDSA_SIG_get0_s(e), sig + algs[alg].width, (int)algs[alg].width) > 0);
        ECDSA_SIG_free(e);
        return 2 * algs[alg].width;
}

/* Two texts more, in a place of TOKEN bytes. */
static void append(char *to, const char *a, const char *b)
{
        size_t len = strlen(to);

        CHECK(snprintf(to + len, TOKEN - len, "%s%s", a, b) < (int)(TOKEN - len));
}

struct row {
        const char *header, *claims; /* NULL: as is good */
        int err;
        unsigned alg;
        int key; /* of algs + 1; 0: its own */
        bool der;
        const char *end; /* behind the signature */
};

/* HEADER.CLAIMS.SIGNATURE */
static void token_make(const struct row *q, char to[TOKEN])
{
        char header[256], part[TOKEN];
        uint8_t sig[1024];
        size_t len;

        snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}", algs[q->alg].alg,
                 algs[q->alg].alg);
        encode(q->header ? q->header : header, strlen(q->header ? q->header : header), to);
        encode(q->claims ? q->claims : claims_good, strlen(q->claims ? q->claims : claims_good),
               part);
        append(to, ".", part);
        len = sign(q->alg, q->key ? q->key - 1 : algs[q->alg].key, to, sig, q->der);
        encode(sig, len, part);
        append(to, ".", part);
        append(to, q->end ? q->end : "", "");
}

static int judge_as(const char *token, const struct jwt_wanted *w)
{
        struct jwt_said said = {0};
        struct jwt t;
        int r = jwt_read((capnp_data){(const uint8_t *)token, (uint32_t)strlen(token)}, &t);

        if (r)
                return r;

        r = jwt_judge(&t, w, &said);
        if (!r)
                CHECK_STR(said.subject, "ada");
        jwt_deinit(&t);
        return r;
}

static capnp_data data(const char *text)
{
        return (capnp_data){(const uint8_t *)text, (uint32_t)strlen(text)};
}

static int judge(const char *token, const char *set)
{
        return judge_as(token, &(struct jwt_wanted){
                                       .keys = data(set),
                                       .issuer = data(ISSUER),
                                       .audience = {data("else"), data("capos")},
                                       .naudience = 2,
                                       .nonce = "n1",
                                       .flags = TOKEN_NONCE,
                                       .access = data("token"),
                                       .now = NOW,
                               });
}

/* ---- the table ------------------------------------------------------------------------------ */

#define CLAIMS(more_) "{\"iss\":\"" ISSUER "\",\"sub\":\"ada\",\"nonce\":\"n1\"," more_ "}"
#define TIMES         "\"exp\":1800000300,"

static const struct row cheats[] = {
        {.header = "{\"alg\":\"none\",\"kid\":\"RS256\"}", .err = TOKEN_E_ALGORITHM},
        {.header = "{\"alg\":\"HS256\",\"kid\":\"RS256\"}", .err = TOKEN_E_ALGORITHM},
        {.header = "{\"alg\":\"RS1\",\"kid\":\"RS256\"}", .err = TOKEN_E_ALGORITHM},
        {.header = "{\"alg\":\"rs256\",\"kid\":\"RS256\"}", .err = TOKEN_E_ALGORITHM},
        {.header = "{\"alg\":5,\"kid\":\"RS256\"}", .err = TOKEN_E_ALGORITHM},
        {.header = "{\"kid\":\"RS256\"}", .err = TOKEN_E_ALGORITHM},
        {.header = "{\"alg\":\"RS256\",\"alg\":\"RS256\",\"kid\":\"RS256\"}", .err = TOKEN_E_FORM},
        {.header = "{\"alg\":\"RS256\",\"kid\":\"RS256\",\"crit\":[\"b64\"]}",
         .err = TOKEN_E_HEADER},
        {.header = "{\"alg\":\"RS256\",\"kid\":\"RS256\",\"jwk\":{}}", .err = TOKEN_E_HEADER},
        {.header = "{\"alg\":\"RS256\",\"kid\":\"RS256\",\"jku\":\"evil\"}", .err = TOKEN_E_HEADER},
        {.header = "{\"alg\":\"RS256\",\"kid\":\"RS256\",\"typ\":\"logout+jwt\"}",
         .err = TOKEN_E_TYPE},
        {.header = "{\"alg\":\"RS256\",\"kid\":\"RS256\",\"typ\":7}", .err = TOKEN_E_TYPE},
        {.header = "{\"alg\":\"RS256\"}", .err = TOKEN_E_KEY},
        {.header = "{\"alg\":\"RS256\",\"kid\":\"other\"}", .err = TOKEN_E_UNKNOWN_KEY},
        {.header = "{\"alg\":\"RS256\",\"kid\":\"RS256\",\"typ\":\"at+jwt\"}", .err = TOKEN_E_TYPE},
        {.header = "{\"alg\":\"RS256\",\"kid\":\"twice\"}", .err = TOKEN_E_KEY},
        {.header = "{\"alg\":\"RS256\",\"kid\":\"enc\"}", .err = TOKEN_E_KEY},
        {.header = "{\"alg\":\"RS256\",\"kid\":\"PS256\"}",
         .err = TOKEN_E_KEY,
         .key = RSA_OTHER + 1},
        {.header = "{\"alg\":\"ES256\",\"kid\":\"ES384\"}", .err = TOKEN_E_KEY, .alg = 3},
        {.header = "{\"alg\":\"EdDSA\",\"kid\":\"ES256\"}", .err = TOKEN_E_KEY, .alg = 4},
        {.err = TOKEN_E_SIGNATURE, .key = RSA_OTHER + 1},
        {.err = TOKEN_E_SIGNATURE, .alg = 2, .der = true},
        {.err = TOKEN_E_FORM, .end = "="},
        {.err = TOKEN_E_FORM, .end = "."},
        {.err = TOKEN_E_FORM, .end = ".AAAA"},
        {.err = TOKEN_E_FORM, .end = "\n"},
        {.claims = "[]", .err = TOKEN_E_FORM},
        {.claims = "{\"sub\":\"a\",\"sub\":\"ada\"}", .err = TOKEN_E_FORM},
        {.claims = "{\"iss\":\"https://id.example.org\\u0000\"}", .err = TOKEN_E_FORM},
        {.claims = "{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", .err = TOKEN_E_FORM},
        {.claims = "{\"iss\":\"https://id.example.org/\",\"aud\":\"capos\"}",
         .err = TOKEN_E_ISSUER},
        {.claims = "{\"aud\":\"capos\"}", .err = TOKEN_E_ISSUER},
        {.claims = CLAIMS(TIMES "\"aud\":\"other\""), .err = TOKEN_E_AUDIENCE},
        {.claims = CLAIMS(TIMES "\"aud\":[]"), .err = TOKEN_E_AUDIENCE},
        {.claims = CLAIMS(TIMES "\"aud\":[\"capos\",\"other\"]"), .err = TOKEN_E_AUDIENCE},
        {.claims = CLAIMS(TIMES "\"aud\":[\"capos\",\"other\"],\"azp\":\"other\""),
         .err = TOKEN_E_AUDIENCE},
        {.claims = CLAIMS(TIMES "\"aud\":\"capos\",\"azp\":\"other\""), .err = TOKEN_E_AUDIENCE},
        {.claims = CLAIMS(TIMES "\"aud\":[\"capos\",7],\"azp\":\"capos\""),
         .err = TOKEN_E_AUDIENCE},
        {.claims = CLAIMS("\"aud\":\"capos\""), .err = TOKEN_E_EXPIRED},
        {.claims = CLAIMS("\"aud\":\"capos\",\"exp\":\"1800000300\""), .err = TOKEN_E_EXPIRED},
        {.claims = CLAIMS("\"aud\":\"capos\",\"exp\":1799999940"), .err = TOKEN_E_EXPIRED},
        {.claims = CLAIMS("\"aud\":\"capos\",\"exp\":1e300"), .err = TOKEN_E_EXPIRED},
        {.claims = CLAIMS(TIMES "\"aud\":\"capos\",\"nbf\":1800000061"), .err = TOKEN_E_EARLY},
        {.claims = CLAIMS(TIMES "\"aud\":\"capos\",\"iat\":1800000061"), .err = TOKEN_E_EARLY},
        {.claims = CLAIMS(TIMES "\"aud\":\"capos\",\"nbf\":\"0\""), .err = TOKEN_E_EARLY},
        {.claims =
                 "{\"iss\":\"https://id.example.org\",\"sub\":\"ada\"," TIMES "\"aud\":\"capos\"}",
         .err = TOKEN_E_NONCE},
        {.claims = "{\"iss\":\"https://id.example.org\",\"sub\":\"ada\",\"nonce\":\"n2\"," TIMES
                   "\"aud\":\"capos\"}",
         .err = TOKEN_E_NONCE},
        {.claims =
                 "{\"iss\":\"https://id.example.org\",\"nonce\":\"n1\"," TIMES "\"aud\":\"capos\"}",
         .err = TOKEN_E_SUBJECT},
        {.claims = CLAIMS(TIMES "\"aud\":\"capos\",\"at_hash\":\"AAAAAAAAAAAAAAAAAAAAAA\""),
         .err = TOKEN_E_HASH},
};

static const char *const good[] = {
        claims_good,
        CLAIMS(TIMES "\"aud\":[\"capos\"]"),
        CLAIMS(TIMES "\"aud\":[\"other\",\"capos\"],\"azp\":\"capos\""),
        CLAIMS("\"aud\":\"capos\",\"exp\":1800000300.75,\"nbf\":1800000059.5"),
        CLAIMS("\"aud\":\"capos\",\"exp\":1799999941"),
};

TEST(five_algorithms_are_good)
{
        char token[TOKEN];

        keys_make();
        for (unsigned i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
                for (unsigned c = 0; c < sizeof(good) / sizeof(good[0]); c++) {
                        token_make(&(struct row){.alg = i, .claims = good[c]}, token);
                        CHECK_OK(judge(token, keys));
                }
                token_make(&(struct row){.alg = i}, token);
                CHECK_EQ(judge(token, "{\"keys\":[]}"), TOKEN_E_UNKNOWN_KEY);
                CHECK_EQ(judge(token, ""), TOKEN_E_UNKNOWN_KEY);
                CHECK_EQ(judge(token, "{\"keys\":7}"), TOKEN_E_KEYS);
                CHECK_EQ(judge(token, "no JSON"), TOKEN_E_KEYS);
        }
}

TEST(nobody_gets_through_with_less)
{
        char token[TOKEN];

        keys_make();
        for (unsigned i = 0; i < sizeof(cheats) / sizeof(cheats[0]); i++) {
                token_make(&cheats[i], token);
                CHECK_EQ(judge(token, keys), cheats[i].err);
        }
}

/* HEADER.CLAIMS. of an algorithm by its name, for the key with an id. */
static void unsigned_make(const char *alg, const char *kid, char to[TOKEN])
{
        char header[256], part[TOKEN];

        snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}", alg, kid);
        encode(header, strlen(header), to);
        encode(claims_good, strlen(claims_good), part);
        append(to, ".", part);
        append(to, ".", "");
}

/* Whoever says that there is none, or gives none, or nothing but zeros: r and s of ECDSA among
 * them. */
TEST(a_signature_is_needed)
{
        static const char *const nothing[] = {"none", "None", "NONE", "nOnE", ""};
        char token[TOKEN], part[TOKEN];
        uint8_t zero[256] = {0};

        keys_make();
        for (unsigned i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
                for (unsigned n = 0; n < sizeof(nothing) / sizeof(nothing[0]); n++) {
                        unsigned_make(nothing[n], algs[i].alg, token);
                        CHECK_EQ(judge(token, keys), TOKEN_E_ALGORITHM);
                }
                unsigned_make(algs[i].alg, algs[i].alg, token);
                CHECK_EQ(judge(token, keys), TOKEN_E_SIGNATURE);
                encode(zero, algs[i].width ? 2 * algs[i].width : i < 2 ? 256 : 64, part);
                append(token, part, "");
                CHECK_EQ(judge(token, keys), TOKEN_E_SIGNATURE);
        }
}

/* Whoever has the public key can make an HMAC with it, in each form that it is known in; whatever
 * algorithm the token names then. */
TEST(a_public_key_is_no_secret)
{
        static const char *const names[] = {"HS256", "HS384", "HS512"};
        static const char *const digests[] = {"SHA256", "SHA384", "SHA512"};
        char token[TOKEN], part[TOKEN], pem[TOKEN], *text;
        uint8_t mac[64], *der;
        size_t len, size;

        keys_make();
        for (unsigned i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
                BIO *b = BIO_new(BIO_s_mem());
                int r;

                CHECK(PEM_write_bio_PUBKEY(b, made[algs[i].key]) == 1);
                size = (size_t)BIO_get_mem_data(b, &text);
                CHECK(size < sizeof(pem));
                memcpy(pem, text, size);
                BIO_free(b);
                der = NULL;
                r = i2d_PUBKEY(made[algs[i].key], &der);
                CHECK(r > 0);
                for (unsigned n = 0; n < 3 * 4; n++) {
                        const struct {
                                const void *p;
                                size_t len;
                        } secrets[] = {
                                {pem, size}, {der, (size_t)r}, {keys, strlen(keys)}, {"", 0}};
                        const char *alg = names[n / 4];

                        unsigned_make(alg, algs[i].alg, token);
                        len = strlen(token) - 1;
                        CHECK(EVP_Q_mac(NULL, "HMAC", NULL, digests[n / 4], NULL, secrets[n % 4].p,
                                        secrets[n % 4].len, (uint8_t *)token, len, mac, sizeof(mac),
                                        &len));
                        encode(mac, len, part);
                        append(token, part, "");
                        CHECK_EQ(judge(token, keys), TOKEN_E_ALGORITHM);
                        unsigned_make(algs[i].alg, algs[i].alg, token);
                        append(token, part, "");
                        CHECK_EQ(judge(token, keys), TOKEN_E_SIGNATURE);
                }
                OPENSSL_free(der);
        }
}

/* The last letter of a part has bits that belong to no byte: there is one way to write each part.
 */
TEST(no_bit_is_left_over)
{
        static const char letters[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        char token[TOKEN], other[TOKEN], *end;
        unsigned tried = 0;

        keys_make();
        for (unsigned i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
                token_make(&(struct row){.alg = i}, token);
                for (size_t at = 1; at <= strlen(token); at++) {
                        size_t begin = at, value;

                        if (token[at] != '.' && token[at])
                                continue;
                        while (begin && token[begin - 1] != '.')
                                begin--;
                        value = (size_t)(strchr(letters, token[at - 1]) - letters);
                        for (unsigned bit = 1; bit < ((at - begin) % 4 == 2   ? 16
                                                      : (at - begin) % 4 == 3 ? 4
                                                                              : 0);
                             bit++, tried++) {
                                memcpy(other, token, sizeof(other));
                                end = &other[at - 1];
                                *end = letters[value | bit];
                                CHECK_EQ(judge(other, keys), TOKEN_E_FORM);
                        }
                }
        }
        CHECK(tried >= 5 * 3);
}

/* Another salt than the digest's length; r and s with a byte less. */
TEST(a_signature_has_one_form)
{
        char token[TOKEN], *last;
        uint8_t sig[1024];
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        EVP_PKEY_CTX *how;
        size_t len = sizeof(sig);

        keys_make();
        token_make(&(struct row){.alg = 1}, token);
        last = strrchr(token, '.');
        *last = 0;
        CHECK(EVP_DigestSignInit_ex(ctx, &how, "SHA256", NULL, NULL, made[RSA_OTHER], NULL) == 1);
        CHECK(EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) == 1);
        CHECK(EVP_PKEY_CTX_set_rsa_pss_saltlen(how, 20) == 1);
        CHECK(EVP_DigestSign(ctx, sig, &len, (uint8_t *)token, strlen(token)) == 1);
        EVP_MD_CTX_free(ctx);
        *last = '.';
        encode(sig, len, last + 1);
        CHECK_EQ(judge(token, keys), TOKEN_E_SIGNATURE);
}

TEST_T(no_letter_can_change_and_none_be_missing, 120)
{
        char token[TOKEN], was;
        size_t len;

        keys_make();
        for (unsigned i = 2; i < sizeof(algs) / sizeof(algs[0]); i++) {
                token_make(&(struct row){.alg = i}, token);
                len = strlen(token);
                for (size_t at = 0; at < len; at++) {
                        was = token[at];
                        token[at] = was == 'A' ? 'B' : 'A';
                        CHECK(judge(token, keys) > 0);
                        token[at] = 0;
                        CHECK(judge(token, keys) > 0);
                        token[at] = was;
                }
                CHECK_OK(judge(token, keys));
        }
}

/* What else a header may have, and what it comes to: as an identity, as an access token, and signed
 * by somebody else. */
static const struct {
        const char *member;
        int identity, access, stray;
} members[] = {
        {"\"typ\":\"JWT\"", 0, 0, TOKEN_E_SIGNATURE},
        {"\"typ\":\"jwt\"", 0, 0, TOKEN_E_SIGNATURE},
        {"\"typ\":\"application/jwt\"", 0, 0, TOKEN_E_SIGNATURE},
        {"\"typ\":\"Application/JWT\"", 0, 0, TOKEN_E_SIGNATURE},
        {"\"typ\":\"at+jwt\"", TOKEN_E_TYPE, 0, TOKEN_E_TYPE},
        {"\"typ\":\"AT+JWT\"", TOKEN_E_TYPE, 0, TOKEN_E_TYPE},
        {"\"typ\":\"application/at+jwt\"", TOKEN_E_TYPE, 0, TOKEN_E_TYPE},
        {"\"typ\":\"logout+jwt\"", TOKEN_E_TYPE, TOKEN_E_TYPE, TOKEN_E_TYPE},
        {"\"typ\":\"application/logout+jwt\"", TOKEN_E_TYPE, TOKEN_E_TYPE, TOKEN_E_TYPE},
        {"\"typ\":\"text/jwt\"", TOKEN_E_TYPE, TOKEN_E_TYPE, TOKEN_E_TYPE},
        {"\"typ\":\"application/application/jwt\"", TOKEN_E_TYPE, TOKEN_E_TYPE, TOKEN_E_TYPE},
        {"\"typ\":\"application/\"", TOKEN_E_TYPE, TOKEN_E_TYPE, TOKEN_E_TYPE},
        {"\"typ\":\"\"", TOKEN_E_TYPE, TOKEN_E_TYPE, TOKEN_E_TYPE},
        {"\"typ\":null", TOKEN_E_TYPE, TOKEN_E_TYPE, TOKEN_E_TYPE},
        {"\"typ\":[\"JWT\"]", TOKEN_E_TYPE, TOKEN_E_TYPE, TOKEN_E_TYPE},
        {"\"crit\":[\"exp\"]", TOKEN_E_HEADER, TOKEN_E_HEADER, TOKEN_E_HEADER},
        {"\"crit\":[]", TOKEN_E_HEADER, TOKEN_E_HEADER, TOKEN_E_HEADER},
        {"\"crit\":null", TOKEN_E_HEADER, TOKEN_E_HEADER, TOKEN_E_HEADER},
        {"\"b64\":true", TOKEN_E_HEADER, TOKEN_E_HEADER, TOKEN_E_HEADER},
        {"\"b64\":false", TOKEN_E_HEADER, TOKEN_E_HEADER, TOKEN_E_HEADER},
        {"\"zip\":\"DEF\"", TOKEN_E_HEADER, TOKEN_E_HEADER, TOKEN_E_HEADER},
        {"\"enc\":\"A128GCM\"", TOKEN_E_HEADER, TOKEN_E_HEADER, TOKEN_E_HEADER},
        {"\"jku\":\"https://x\"", TOKEN_E_HEADER, TOKEN_E_HEADER, TOKEN_E_HEADER},
        {"\"x5u\":\"https://x\"", TOKEN_E_HEADER, TOKEN_E_HEADER, TOKEN_E_HEADER},
        {"\"jwk\":{\"kty\":\"RSA\"}", TOKEN_E_HEADER, TOKEN_E_HEADER, TOKEN_E_HEADER},
        {"\"x5c\":[\"MIIB\"]", 0, 0, TOKEN_E_SIGNATURE},
        {"\"x5c\":7", 0, 0, TOKEN_E_SIGNATURE},
        {"\"x5t\":\"AAAA\",\"x5t#S256\":\"AAAA\"", 0, 0, TOKEN_E_SIGNATURE},
        {"\"cty\":\"JWT\",\"other\":{}", 0, 0, TOKEN_E_SIGNATURE},
};

TEST(a_header_says_what_it_may)
{
        struct jwt_wanted w = {.issuer = data(ISSUER),
                               .audience = {data("capos")},
                               .naudience = 1,
                               .flags = TOKEN_ACCESS,
                               .now = NOW};
        char token[TOKEN], header[256];

        keys_make();
        w.keys = data(keys);
        for (unsigned i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
                snprintf(header, sizeof(header), "{\"alg\":\"RS256\",\"kid\":\"RS256\",%s}",
                         members[i].member);
                token_make(&(struct row){.header = header}, token);
                CHECK_EQ(judge(token, keys), members[i].identity);
                CHECK_EQ(judge_as(token, &w), members[i].access);
                token_make(&(struct row){.header = header, .key = RSA_OTHER + 1}, token);
                CHECK_EQ(judge(token, keys), members[i].stray);
        }
}

/* An access token has a type of its own, and is for whoever asked for it. */
TEST(an_access_token_is_no_identity)
{
        static const char header[] = "{\"alg\":\"RS256\",\"kid\":\"RS256\",\"typ\":\"at+jwt\"}";
        static const char claims[] = CLAIMS(TIMES "\"aud\":[\"capos\",\"x\"],\"azp\":\"other\"");
        struct jwt_wanted w = {.issuer = data(ISSUER),
                               .audience = {data("capos")},
                               .naudience = 1,
                               .flags = TOKEN_ACCESS,
                               .now = NOW};
        char token[TOKEN];

        keys_make();
        w.keys = data(keys);
        token_make(&(struct row){.header = header, .claims = claims}, token);
        CHECK_OK(judge_as(token, &w));
        CHECK_EQ(judge(token, keys), TOKEN_E_TYPE);
        token_make(&(struct row){.claims = CLAIMS(TIMES "\"aud\":\"other\"")}, token);
        CHECK_EQ(judge_as(token, &w), TOKEN_E_AUDIENCE);
}

TEST(a_token_may_be_good_for_too_long)
{
        struct jwt_wanted w = {.issuer = data(ISSUER),
                               .audience = {data("capos")},
                               .naudience = 1,
                               .subject = data("ada"),
                               .now = NOW};
        char token[TOKEN];

        keys_make();
        w.keys = data(keys);
        token_make(&(struct row){.err = 0}, token);
        w.life_s = 240;
        CHECK_OK(judge_as(token, &w));
        w.life_s = 239;
        CHECK_EQ(judge_as(token, &w), TOKEN_E_LONG);
        w.life_s = 0;
        w.subject = data("bob");
        CHECK_EQ(judge_as(token, &w), TOKEN_E_SUBJECT);
        w.subject = data("ad");
        CHECK_EQ(judge_as(token, &w), TOKEN_E_SUBJECT);
}

TEST(the_access_token_is_the_one_beside_it)
{
        char claims[512 + TOKEN], token[2 * TOKEN], hash64[TOKEN];
        uint8_t hash[64];
        unsigned len;

        keys_make();
        for (unsigned i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
                const EVP_MD *md = jwt_algorithm_hash(jwt_algorithm_find(algs[i].alg));

                CHECK(EVP_Digest("token", 5, hash, &len, md, NULL));
                encode(hash, len / 2, hash64);
                snprintf(claims, sizeof(claims),
                         CLAIMS(TIMES "\"aud\":\"capos\",\"at_hash\":\"%s\""), hash64);
                token_make(&(struct row){.alg = i, .claims = claims}, token);
                CHECK_OK(judge(token, keys));
        }
}
