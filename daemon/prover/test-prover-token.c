/*
 * Verdicts: which issuer a token is of and which rule it meets, why one is refused, and public keys
 * as people bring them. A good signature is the warm-up's; what tokens can be is
 * test-prover-jwt.c's.
 */
#include "harness.h"

#include "session-proof.h"
#include "token.h"
#include "vectors.h"

#include <dlfcn.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 16 * 1024, TEXT = 4096, NOW = 1800000000 };

static capnp_data data(const char *text)
{
        return (capnp_data){(const uint8_t *)text, (uint32_t)strlen(text)};
}

/* ---- keys ----------------------------------------------------------------------------------- */

static void pem_of(EVP_PKEY *k, bool private, char to[TEXT])
{
        BIO *b = BIO_new(BIO_s_mem());
        long n;
        char *p;

        CHECK((private ? PEM_write_bio_PrivateKey(b, k, NULL, NULL, 0, NULL, NULL)
                       : PEM_write_bio_PUBKEY(b, k)) == 1);
        n = BIO_get_mem_data(b, &p);
        CHECK(n > 0 && n < TEXT);
        memcpy(to, p, (size_t)n);
        to[n] = 0;
        BIO_free(b);
}

static bool key_take(const char *text, const char *id, struct proof_verdict *v)
{
        *v = (struct proof_verdict){0};
        return token_prove_key(data(text), data(id), v);
}

/* RFC 7638, 3.1: the key, and its thumbprint. */
static const char rfc_key[] =
        "{\"kty\":\"RSA\",\"n\":\""
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_B"
        "JECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_F"
        "DW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4"
        "vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
        "\",\"e\":\"AQAB\",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}";

TEST(a_key_is_kept_with_an_id)
{
        static const char thumbprint[] = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
        char text[TEXT], again[TEXT];
        struct proof_verdict v;

        CHECK(key_take(rfc_key, "", &v));
        CHECK_STR(v.name, "2011-04-29");
        CHECK(strstr(v.verifier, "\"alg\":\"RS256\",\"e\":\"AQAB\",\"kid\":\"2011-04-29\","));
        CHECK(key_take(rfc_key, "mine", &v));
        CHECK_STR(v.name, "mine");
        snprintf(text, sizeof(text), "\n %.*s}", (int)(strstr(rfc_key, ",\"alg\"") - rfc_key),
                 rfc_key);
        CHECK(key_take(text, "", &v));
        CHECK_STR(v.name, thumbprint);
        snprintf(again, sizeof(again), "%s", v.verifier);
        CHECK(key_take(again, "", &v));
        CHECK_STR(v.verifier, again);
}

TEST(keys_of_each_kind_come_as_PEM)
{
        EVP_PKEY *k[] = {
                EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048),
                EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"),
                EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"),
                EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"),
                EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521"),
                EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024),
                EVP_PKEY_Q_keygen(NULL, NULL, "X25519"),
        };
        struct proof_verdict v;
        char text[TEXT];

        for (unsigned i = 0; i < sizeof(k) / sizeof(k[0]); i++) {
                CHECK(k[i]);
                pem_of(k[i], false, text);
                CHECK_EQ(key_take(text, "", &v), i < 4);
                if (i < 4)
                        CHECK_EQ(strlen(v.name), 43);
                pem_of(k[i], true, text);
                CHECK(!key_take(text, "", &v));
                CHECK(strstr(v.subject, "it is a private key"));
                EVP_PKEY_free(k[i]);
        }
}

TEST(what_is_no_key_is_refused)
{
        static const char *const texts[] = {
                "",
                " ",
                "{",
                "{}",
                "[]",
                "no key",
                "{\"kty\":\"oct\",\"x\":\"AAAA\"}",
                "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
                "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}",
                "{\"kty\":\"RSA\",\"n\":\"AAAA\",\"e\":\"AQAB\"}",
        };
        char text[TEXT], id[200];
        struct proof_verdict v;

        for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                CHECK(!key_take(texts[i], "", &v));
                CHECK(strstr(v.subject, "it is no public key"));
        }
        snprintf(text, sizeof(text), "%.*s,\"use\":\"enc\"}", (int)strlen(rfc_key) - 1, rfc_key);
        CHECK(!key_take(text, "", &v));
        snprintf(text, sizeof(text), "%.*s,\"d\":\"AAAA\"}", (int)strlen(rfc_key) - 1, rfc_key);
        CHECK(!key_take(text, "", &v));
        CHECK(strstr(v.subject, "it is a private key"));
        CHECK(!key_take(rfc_key, "a b", &v));
        CHECK(strstr(v.subject, "its id"));
        memset(id, 'a', sizeof(id));
        id[128] = 0;
        CHECK(key_take(rfc_key, id, &v));
        id[128] = 'a';
        id[129] = 0;
        CHECK(!key_take(rfc_key, id, &v));
        id[129] = 'a';
        id[199] = 0;
        CHECK(!key_take(rfc_key, id, &v));
}

/* ---- tokens --------------------------------------------------------------------------------- */

static EVP_PKEY *key;
static char set[TEXT];

static void key_make(void)
{
        struct proof_verdict v;
        char pem[TEXT];

        CHECK(sodium_init() >= 0);
        key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        CHECK(key);
        pem_of(key, false, pem);
        CHECK(key_take(pem, "k1", &v));
        snprintf(set, sizeof(set), "{\"keys\":[%s]}", v.verifier);
}

static void encode(const void *p, size_t len, char *to)
{
        sodium_bin2base64(to, TEXT, p, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* claims: behind iss, sub and exp. */
static void token_make(const char *issuer, const char *claims, char to[TEXT])
{
        static const char header[] = "{\"alg\":\"EdDSA\",\"kid\":\"k1\"}";
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        char text[TEXT], part[TEXT];
        uint8_t sig[64];
        size_t len = sizeof(sig);

        snprintf(text, sizeof(text), "{\"iss\":\"%s\",\"sub\":\"ada\",\"exp\":%d%s}", issuer,
                 NOW + 100, claims);
        encode(header, strlen(header), to);
        encode(text, strlen(text), part);
        strncat(to, ".", TEXT - strlen(to) - 1);
        strncat(to, part, TEXT - strlen(to) - 1);
        CHECK(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1);
        CHECK(EVP_DigestSign(ctx, sig, &len, (uint8_t *)to, strlen(to)) == 1);
        EVP_MD_CTX_free(ctx);
        encode(sig, len, part);
        strncat(to, ".", TEXT - strlen(to) - 1);
        strncat(to, part, TEXT - strlen(to) - 1);
}

struct wanted {
        uint8_t p[ROOM];
        size_t len;
};

static void wanted_begin(struct wanted *w)
{
        struct token_wanted about = {.now_s = NOW, .nonce = "nonce"};

        memcpy(w->p, &about, sizeof(about));
        w->len = sizeof(about);
}

static void add(struct wanted *w, enum token_record kind, const void *p, size_t len)
{
        CHECK_OK(daemon_token_add(w->p, sizeof(w->p), &w->len, kind,
                                  (capnp_data){p, (uint32_t)len}));
}

static void add_text(struct wanted *w, enum token_record kind, const char *text)
{
        add(w, kind, text, strlen(text));
}

static void add_issuer(struct wanted *w, const char *name, const char *audience, uint32_t flags)
{
        const struct token_issuer head = {.flags = flags, .life_s = 300};

        add(w, TOKEN_ISSUER, &head, sizeof(head));
        add_text(w, TOKEN_NAME, name);
        add_text(w, TOKEN_AUDIENCE, audience);
        add_text(w, TOKEN_KEYS, set);
}

static bool ask(const struct wanted *w, const char *token, struct proof_verdict *v)
{
        *v = (struct proof_verdict){0};
        return token_prove((capnp_data){w->p, (uint32_t)w->len}, data(token), (capnp_data){0}, v);
}

/* Two issuers; the second has rules. */
static void wanted_make(struct wanted *w)
{
        wanted_begin(w);
        add_issuer(w, "https://a", "one", TOKEN_NONCE);
        add_issuer(w, "https://b", "two", 0);
        add(w, TOKEN_RULE, NULL, 0);
        add(w, TOKEN_CLAIM, "group\0admin", 11);
        add(w, TOKEN_CLAIM, "verified\0true", 13);
        add(w, TOKEN_RULE, NULL, 0);
        add(w, TOKEN_CLAIM, "group\0staff", 11);
        add(w, TOKEN_RULE, NULL, 0);
        add(w, TOKEN_CLAIM, "repo\0org/*", 10);
        add(w, TOKEN_RULE, NULL, 0);
        add(w, TOKEN_CLAIM,
            "level\0"
            "7",
            7);
        add_issuer(w, "https://c", "three", 0);
        add(w, TOKEN_RULE, NULL, 0);
}

static const struct {
        const char *issuer, *claims;
        uint32_t which, rule;
} rows[] = {
        {"https://a", ",\"aud\":\"one\",\"nonce\":\"nonce\"", 0, TOKEN_NO_RULE},
        {"https://b", ",\"aud\":\"two\"", 1, TOKEN_NO_RULE},
        {"https://b", ",\"aud\":\"two\",\"group\":\"admin\"", 1, TOKEN_NO_RULE},
        {"https://b", ",\"aud\":\"two\",\"group\":\"admin\",\"verified\":true", 1, 0},
        {"https://b", ",\"aud\":\"two\",\"group\":\"admin\",\"verified\":false", 1, TOKEN_NO_RULE},
        {"https://b", ",\"aud\":\"two\",\"group\":[\"x\",\"admin\",\"staff\"],\"verified\":true", 1,
         0},
        {"https://b", ",\"aud\":\"two\",\"group\":[\"x\",\"admin\",\"staff\"]", 1, 1},
        {"https://b", ",\"aud\":\"two\",\"group\":{\"staff\":1}", 1, TOKEN_NO_RULE},
        {"https://b", ",\"aud\":\"two\",\"group\":[[\"staff\"]]", 1, TOKEN_NO_RULE},
        {"https://b", ",\"aud\":\"two\",\"group\":\"staff2\"", 1, TOKEN_NO_RULE},
        {"https://b", ",\"aud\":\"two\",\"group\":\"staf\"", 1, TOKEN_NO_RULE},
        {"https://b", ",\"aud\":\"two\",\"repo\":\"org/x\"", 1, 2},
        {"https://b", ",\"aud\":\"two\",\"repo\":\"org/\"", 1, 2},
        {"https://b", ",\"aud\":\"two\",\"repo\":\"org\"", 1, TOKEN_NO_RULE},
        {"https://b", ",\"aud\":\"two\",\"level\":7", 1, 3},
        {"https://b", ",\"aud\":\"two\",\"level\":\"7\"", 1, 3},
        {"https://b", ",\"aud\":\"two\",\"level\":7.5", 1, TOKEN_NO_RULE},
        {"https://c", ",\"aud\":\"three\"", 2, 0},
};

TEST(the_first_rule_of_its_issuer_is_met)
{
        static struct wanted w;
        struct proof_verdict v;
        uint8_t hash[32];
        char token[TEXT];

        key_make();
        wanted_make(&w);
        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                token_make(rows[i].issuer, rows[i].claims, token);
                CHECK(ask(&w, token, &v));
                CHECK_EQ(v.issuer, rows[i].which);
                CHECK_EQ(v.rule, rows[i].rule);
                CHECK_STR(v.name, "ada");
                CHECK_STR(v.subject, "k1");
                CHECK_EQ(v.until_s, NOW + 100);
                CHECK(EVP_Digest(token, (size_t)(strrchr(token, '.') - token), hash, NULL,
                                 EVP_sha256(), NULL));
                CHECK_MEM(v.key_hash, hash, sizeof(hash));
        }
        EVP_PKEY_free(key);
}

/* Both signatures of a text by an ECDSA key, which anybody makes of either: r and s, r and n - s.
 */
static void sign_both(EVP_PKEY *k, int curve, const char *text, char ret[2][TEXT])
{
        EC_GROUP *group = EC_GROUP_new_by_curve_name(curve);
        const unsigned width = (unsigned)EVP_PKEY_get_bits(k) / 8;
        const EVP_MD *digest = width == 32 ? EVP_sha256() : EVP_sha384();
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        uint8_t der[256], raw[96];
        const uint8_t *p = der;
        size_t len = sizeof(der);
        BIGNUM *s = BN_new();
        ECDSA_SIG *e;

        CHECK(EVP_DigestSignInit(ctx, NULL, digest, NULL, k) == 1);
        CHECK(EVP_DigestSign(ctx, der, &len, (const uint8_t *)text, strlen(text)) == 1);
        e = d2i_ECDSA_SIG(NULL, &p, (long)len);
        CHECK(e && group && s && BN_copy(s, ECDSA_SIG_get0_s(e)));
        CHECK(BN_bn2binpad(ECDSA_SIG_get0_r(e), raw, (int)width) == (int)width);
        for (unsigned i = 0; i < 2; i++) {
                CHECK(BN_bn2binpad(s, raw + width, (int)width) == (int)width);
                encode(raw, (size_t)2 * width, ret[i]);
                CHECK(BN_sub(s, EC_GROUP_get0_order(group), s));
        }
        BN_free(s);
        ECDSA_SIG_free(e);
        EVP_MD_CTX_free(ctx);
        EC_GROUP_free(group);
}

TEST(a_token_with_its_other_signature_is_the_same)
{
        static const char claims[] =
                "{\"iss\":\"https://b\",\"sub\":\"ada\",\"exp\":1800000100,\"aud\":\"two\"}";
        static const struct {
                const char *algorithm, *curve;
                int nid;
        } ways[] = {{"ES256", "P-256", NID_X9_62_prime256v1}, {"ES384", "P-384", NID_secp384r1}};
        char pem[TEXT], header[TEXT], text[TEXT], part[TEXT], sig[2][TEXT], token[2 * TEXT];
        struct proof_verdict v, first;
        static struct wanted w;

        for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
                EVP_PKEY *k = EVP_PKEY_Q_keygen(NULL, NULL, "EC", ways[i].curve);
                size_t at;

                pem_of(k, false, pem);
                CHECK(key_take(pem, "k1", &v));
                snprintf(set, sizeof(set), "{\"keys\":[%s]}", v.verifier);
                wanted_make(&w);
                snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"k1\"}",
                         ways[i].algorithm);
                encode(header, strlen(header), text);
                encode(claims, strlen(claims), part);
                at = strlen(text);
                CHECK(at + 1 + strlen(part) < TEXT);
                text[at] = '.';
                memcpy(text + at + 1, part, strlen(part) + 1);
                sign_both(k, ways[i].nid, text, sig);
                CHECK(strcmp(sig[0], sig[1]) != 0);
                snprintf(token, sizeof(token), "%s.%s", text, sig[0]);
                CHECK(ask(&w, token, &first));
                snprintf(token, sizeof(token), "%s.%s", text, sig[1]);
                CHECK(ask(&w, token, &v));
                CHECK_MEM(v.key_hash, first.key_hash, sizeof(v.key_hash));
                EVP_PKEY_free(k);
        }
}

static const struct {
        const char *issuer, *claims, *why;
        uint32_t reason;
} bad[] = {
        {"https://d", ",\"aud\":\"one\"", "of another issuer: https://d", TOKEN_E_ISSUER},
        {"https://a/", ",\"aud\":\"one\"", "of another issuer: https://a/", TOKEN_E_ISSUER},
        {"\\u00e9\\n", ",\"aud\":\"one\"", "of another issuer: ???", TOKEN_E_ISSUER},
        {"https://b", ",\"aud\":\"one\"", "for somebody else", TOKEN_E_AUDIENCE},
        {"https://a", ",\"aud\":\"two\",\"nonce\":\"nonce\"", "for somebody else",
         TOKEN_E_AUDIENCE},
        {"https://a", ",\"aud\":\"one\"", "for another login", TOKEN_E_NONCE},
        {"https://a", ",\"aud\":\"one\",\"nonce\":\"\"", "for another login", TOKEN_E_NONCE},
};

/* 100 seconds, and what clocks may differ by. */
TEST(a_proof_may_have_to_be_a_new_one)
{
        static const struct {
                int64_t ago;
                uint32_t reason;
        } fresh[] = {{0, 0},
                     {160, 0},
                     {161, TOKEN_E_STALE},
                     {-60, 0},
                     {-61, TOKEN_E_EARLY},
                     {NOW, TOKEN_E_STALE}};
        static const char *const undated[] = {"", ",\"auth_time\":null",
                                              ",\"auth_time\":\"1800000000\"",
                                              ",\"auth_time\":true", ",\"auth_time\":1e300"};
        struct token_wanted about = {.now_s = NOW, .nonce = "nonce", .fresh_s = 100};
        static struct wanted w;
        struct proof_verdict v;
        char token[TEXT], claims[128];

        key_make();
        wanted_make(&w);
        memcpy(w.p, &about, sizeof(about));
        for (unsigned i = 0; i < sizeof(fresh) / sizeof(fresh[0]); i++) {
                snprintf(claims, sizeof(claims), ",\"aud\":\"two\",\"auth_time\":%lld",
                         (long long)NOW - (long long)fresh[i].ago);
                token_make("https://b", claims, token);
                CHECK_EQ(ask(&w, token, &v), !fresh[i].reason);
                CHECK_EQ(v.reason, fresh[i].reason);
        }
        for (unsigned i = 0; i < sizeof(undated) / sizeof(undated[0]); i++) {
                snprintf(claims, sizeof(claims), ",\"aud\":\"two\"%s", undated[i]);
                token_make("https://b", claims, token);
                CHECK(!ask(&w, token, &v));
                CHECK_EQ(v.reason, TOKEN_E_UNDATED);
        }

        about.fresh_s = 0;
        memcpy(w.p, &about, sizeof(about));
        CHECK(ask(&w, token, &v));
}

TEST(a_refusal_says_why)
{
        static struct wanted w;
        struct proof_verdict v;
        char token[TEXT];

        key_make();
        wanted_make(&w);
        for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                token_make(bad[i].issuer, bad[i].claims, token);
                CHECK(!ask(&w, token, &v));
                CHECK_EQ(v.reason, bad[i].reason);
                CHECK_STR(v.subject, bad[i].why);
        }

        /* Whoever wants no nonce and names none, gets none by chance. */
        memset(w.p + offsetof(struct token_wanted, nonce), 0, TOKEN_NONCE_TEXT);
        token_make("https://a", ",\"aud\":\"one\",\"nonce\":\"\"", token);
        CHECK(!ask(&w, token, &v));
        CHECK_EQ(v.reason, TOKEN_E_NONCE);

        snprintf(set, sizeof(set), "{\"keys\":[]}");
        wanted_make(&w);
        token_make("https://b", ",\"aud\":\"two\"", token);
        CHECK(!ask(&w, token, &v));
        CHECK_EQ(v.reason, TOKEN_E_UNKNOWN_KEY);
        CHECK_EQ(v.issuer, 1);
        CHECK_STR(v.subject, "the issuer has no such key: k1");
        EVP_PKEY_free(key);
}

/* What we say ourselves, cut anywhere or with a bit changed, is no token's gain. */
TEST_T(what_is_wanted_may_be_damaged, 120)
{
        static struct wanted w, cut;
        struct proof_verdict v;
        char token[TEXT];

        key_make();
        wanted_make(&w);
        token_make("https://d", ",\"aud\":\"two\"", token);
        for (size_t i = 0; i < w.len; i++) {
                cut.len = i;
                memcpy(cut.p, w.p, i);
                CHECK(!ask(&cut, token, &v));
        }
        for (size_t i = 0; i < 8 * w.len; i++) {
                w.p[i / 8] ^= (uint8_t)(1 << i % 8);
                (void)ask(&w, token, &v);
                w.p[i / 8] ^= (uint8_t)(1 << i % 8);
        }
        EVP_PKEY_free(key);
}

/* ---- the document --------------------------------------------------------------------------- */

enum field { KEY, ISSUER, SUBJECT, AUDIENCE, NONCE, TOKEN, ACCESS, FIELDS };

struct vector {
        char text[FIELDS][TEXT];
        uint8_t transcript[TEXT];
        size_t transcript_len;
        long now, until;
};

static void vector_line(void *arg, const char *line)
{
        static const char *const names[FIELDS] = {
                "key: ",   "issuer: ", "subject: ",     "audience: ",
                "nonce: ", "token: ",  "access-token: "};
        struct vector *v = arg;

        for (unsigned i = 0; i < FIELDS; i++)
                if (!strncmp(line, names[i], strlen(names[i])))
                        strncat(v->text[i], line + strlen(names[i]), TEXT - strlen(v->text[i]) - 1);
        for (enum field f = ISSUER; f <= SUBJECT; f++) /* a service account is both */
                if (!strncmp(line, "account: ", 9))
                        snprintf(v->text[f], TEXT, "%s", line + 9);
        vectors_hex(line, "transcript: ", v->transcript, sizeof(v->transcript), &v->transcript_len);
        (void)sscanf(line, "now: %ld", &v->now);
        (void)sscanf(line, "until: %ld", &v->until);
}

/* The nonce that an instance wants, by the transcript. */
static void vector_nonce(const struct vector *v, char ret[CAPOS_PROOF_NONCE_TEXT])
{
        uint8_t hash[32];

        crypto_hash_sha256(hash, v->transcript, v->transcript_len);
        capos_proof_nonce(hash, ret);
}

/* As a session manager asks. */
static bool vector_ask(const struct vector *v, const char *nonce, long now, struct proof_verdict *r)
{
        const struct token_issuer head = {.flags = TOKEN_NONCE, .life_s = 300};
        struct token_wanted about = {.now_s = now};
        static struct wanted w;
        char keys[TEXT];

        CHECK(key_take(v->text[KEY], "", r));
        snprintf(keys, sizeof(keys), "{\"keys\":[%s]}", r->verifier);
        snprintf(about.nonce, sizeof(about.nonce), "%s", nonce);
        memcpy(w.p, &about, sizeof(about));
        w.len = sizeof(about);
        add(&w, TOKEN_ISSUER, &head, sizeof(head));
        add_text(&w, TOKEN_NAME, v->text[ISSUER]);
        add_text(&w, TOKEN_SUBJECT, v->text[SUBJECT]);
        add_text(&w, TOKEN_AUDIENCE, v->text[AUDIENCE]);
        add_text(&w, TOKEN_KEYS, keys);
        *r = (struct proof_verdict){0};
        return token_prove((capnp_data){w.p, (uint32_t)w.len}, data(v->text[TOKEN]),
                           data(v->text[ACCESS]), r);
}

static void vector_check(void *arg)
{
        struct vector *v = arg;
        char nonce[CAPOS_PROOF_NONCE_TEXT];
        struct proof_verdict r;

        vector_nonce(v, nonce);
        CHECK_STR(nonce, v->text[NONCE]);
        CHECK(vector_ask(v, nonce, v->now, &r));
        CHECK_STR(r.name, v->text[SUBJECT]);
        CHECK_EQ(r.until_s, v->until);
        CHECK(!vector_ask(v, nonce, v->until + TOKEN_SKEW_S, &r));
        CHECK_EQ(r.reason, TOKEN_E_EXPIRED);
        nonce[0]++;
        CHECK(!vector_ask(v, nonce, v->now, &r));
        CHECK_EQ(r.reason, TOKEN_E_NONCE);
        if (!v->text[ACCESS][0])
                return;

        nonce[0]--;
        v->text[ACCESS][0]++;
        CHECK(!vector_ask(v, nonce, v->now, &r));
        CHECK_EQ(r.reason, TOKEN_E_HASH);
}

TEST(an_assertion_is_that_of_the_document)
{
        static struct vector v;

        CHECK(sodium_init() >= 0);
        CHECK_EQ(vectors_each(&(struct vectors){"vector-assertion", &v, sizeof(v), vector_line,
                                                vector_check}),
                 1);
}

TEST(an_ID_token_is_that_of_the_document)
{
        static struct vector v;

        CHECK(sodium_init() >= 0);
        CHECK_EQ(vectors_each(&(struct vectors){"vector-oidc", &v, sizeof(v), vector_line,
                                                vector_check}),
                 1);
}

TEST(the_warm_up_is_good)
{
        CHECK(token_warm_up());
}

/* ---- what it costs -------------------------------------------------------------------------- */

/* The keys that signatures were checked by, instead of their time: `kind bits`, each in a line. */
static char checked[256];

int EVP_DigestVerify(EVP_MD_CTX *ctx, const unsigned char *sig, size_t sig_len,
                     const unsigned char *text, size_t len)
{
        static int (*real)(EVP_MD_CTX *, const unsigned char *, size_t, const unsigned char *,
                           size_t);
        EVP_PKEY *by = EVP_PKEY_CTX_get0_pkey(EVP_MD_CTX_get_pkey_ctx(ctx));
        size_t n = strlen(checked);

        if (!real)
                *(void **)&real = dlsym(RTLD_NEXT, "EVP_DigestVerify");
        snprintf(checked + n, sizeof(checked) - n, "%s %d\n", EVP_PKEY_get0_type_name(by),
                 EVP_PKEY_get_bits(by));
        return real(ctx, sig, sig_len, text, len);
}

static void base64_add(char *to, size_t room, const void *p, size_t len)
{
        size_t n = strlen(to);

        sodium_bin2base64(to + n, room - n, p, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* A token by an algorithm and the key `k`, with a signature of its form that is none. */
static void token_badly(const char *algorithm, size_t signature_len, char to[TEXT])
{
        static const char claims[] = "{\"iss\":\"a\",\"sub\":\"a\",\"aud\":\"b\"}";
        char header[64];
        uint8_t sig[256];

        snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"k\"}", algorithm);
        memset(sig, 1, sizeof(sig));
        to[0] = 0;
        base64_add(to, TEXT, header, strlen(header));
        strncat(to, ".", 1);
        base64_add(to, TEXT, claims, strlen(claims));
        strncat(to, ".", 1);
        base64_add(to, TEXT, sig, signature_len);
}

/* What a token is checked by where these are the keys: the verdict is no. */
static void cost_of(const char *token, const char *keys, char to[256])
{
        const struct token_wanted about = {.now_s = NOW};
        const struct token_issuer head = {.life_s = 300};
        struct proof_verdict v = {0};
        static uint8_t wanted[ROOM];
        size_t len = sizeof(about);

        memcpy(wanted, &about, sizeof(about));
        CHECK_OK(daemon_token_add(wanted, ROOM, &len, TOKEN_ISSUER,
                                  (capnp_data){(const uint8_t *)&head, sizeof(head)}));
        CHECK_OK(daemon_token_add(wanted, ROOM, &len, TOKEN_NAME, data("a")));
        CHECK_OK(daemon_token_add(wanted, ROOM, &len, TOKEN_AUDIENCE, data("b")));
        CHECK_OK(daemon_token_add(wanted, ROOM, &len, TOKEN_KEYS, data(keys)));
        checked[0] = 0;
        CHECK(!token_prove((capnp_data){wanted, (uint32_t)len}, data(token), (capnp_data){0}, &v));
        memcpy(to, checked, sizeof(checked));
}

/* Whoever guesses accounts and keys learns nothing by how long a refusal takes. */
TEST(who_has_no_key_costs_what_who_has_one_does)
{
        static const struct {
                const char *algorithm, *kind, *curve;
                size_t signature_len;
        } ways[] = {{"RS256", "RSA", NULL, 256},    {"PS256", "RSA", NULL, 256},
                    {"ES256", "EC", "P-256", 64},   {"ES384", "EC", "P-384", 96},
                    {"EdDSA", "ED25519", NULL, 64}, {"Ed25519", "ED25519", NULL, 64}};

        for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
                char token[TEXT], pem[TEXT], keys[TEXT], known[256], other[256];
                EVP_PKEY *k = ways[i].curve ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", ways[i].curve)
                              : strcmp(ways[i].kind, "RSA") != 0
                                      ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                                      : EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
                struct proof_verdict v;

                token_badly(ways[i].algorithm, ways[i].signature_len, token);
                pem_of(k, false, pem);
                CHECK(key_take(pem, "k", &v));
                snprintf(keys, sizeof(keys), "{\"keys\":[%s]}", v.verifier);
                cost_of(token, keys, known);
                CHECK(strstr(known, ways[i].kind));
                cost_of(token, "{\"keys\":[]}", other); /* no such account, or none of its keys */
                CHECK_STR(other, known);
                CHECK(key_take(pem, "another", &v));
                snprintf(keys, sizeof(keys), "{\"keys\":[%s]}", v.verifier);
                cost_of(token, keys, other);
                CHECK_STR(other, known);
                /* Its key is of another kind. */
                EVP_PKEY_free(k);
                k = EVP_PKEY_Q_keygen(NULL, NULL, "EC",
                                      !strcmp(ways[i].algorithm, "ES256") ? "P-384" : "P-256");
                pem_of(k, false, pem);
                CHECK(key_take(pem, "k", &v));
                snprintf(keys, sizeof(keys), "{\"keys\":[%s]}", v.verifier);
                cost_of(token, keys, other);
                CHECK_STR(other, known);
                EVP_PKEY_free(k);
        }
}
