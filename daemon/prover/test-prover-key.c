/*
 * Keys by which anybody can sign, in each form that a key comes in: as a JSON Web Key that is
 * registered, or is in a set; as PEM; as an SSH key. A sound one of the same kind is taken there.
 */
#include "harness.h"

#include "jwt-key.h"
#include "ssh.h"
#include "token.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { TEXT = 8192, POINT = 32, RSA_BYTES = 1024 };

static void encode(const void *p, size_t len, char *to)
{
        sodium_bin2base64(to, TEXT, p, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* ---- ways in -------------------------------------------------------------------------------- */

static bool registers(const char *text)
{
        struct proof_verdict v = {0};
        bool good = token_prove_key((capnp_data){(const uint8_t *)text, (uint32_t)strlen(text)},
                                    (capnp_data){0}, &v);

        CHECK(good || strstr(v.subject, "it is no public key"));
        return good;
}

/* Of a set with an other one, which is found in any case. members: of the key. */
static bool is_found(const char *members, const char *algorithm)
{
        static const char other[] = "{\"kid\":\"other\",\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                                    "\"x\":\"WGZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmY\"}";
        static char set[TEXT];
        const int len =
                snprintf(set, sizeof(set), "{\"keys\":[{\"kid\":\"k\",%s},%s]}", members, other);
        const capnp_data d = {(const uint8_t *)set, (uint32_t)len};
        EVP_PKEY *key = NULL;
        int r;

        CHECK_OK(jwt_key_find(d, "other", jwt_algorithm_find("EdDSA"), &key));
        EVP_PKEY_free(key);
        key = NULL;
        r = jwt_key_find(d, "k", jwt_algorithm_find(algorithm), &key);
        CHECK(!r || (r == TOKEN_E_KEY && !key));
        EVP_PKEY_free(key);
        return !r;
}

/* As JSON, in both places; they agree. */
static bool is_taken(const char *members, const char *algorithm)
{
        static char text[TEXT];
        bool good = is_found(members, algorithm);

        snprintf(text, sizeof(text), "{%s}", members);
        CHECK_EQ(registers(text), good);
        return good;
}

/* SubjectPublicKeyInfo as PEM. */
static bool pem_is_taken(const uint8_t *der, size_t len)
{
        char base64[TEXT], text[TEXT + 64];

        CHECK(EVP_EncodeBlock((uint8_t *)base64, der, (int)len) > 0);
        snprintf(text, sizeof(text), "-----BEGIN PUBLIC KEY-----\n");
        for (const char *p = base64; *p; p += strnlen(p, 64))
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "%.64s\n", p);
        strncat(text, "-----END PUBLIC KEY-----\n", sizeof(text) - strlen(text) - 1);
        return registers(text);
}

struct blob {
        uint8_t p[2 * RSA_BYTES];
        uint32_t len;
};

static void blob_add(struct blob *b, const void *p, size_t len)
{
        const uint8_t head[] = {0, 0, (uint8_t)(len >> 8), (uint8_t)len};

        CHECK(b->len + sizeof(head) + len <= sizeof(b->p));
        memcpy(b->p + b->len, head, sizeof(head));
        memcpy(b->p + b->len + sizeof(head), p, len);
        b->len += (uint32_t)(sizeof(head) + len);
}

static int ssh_read(const struct blob *b)
{
        struct ssh_key k;
        int r = ssh_key_read((capnp_data){b->p, b->len}, &k);

        if (!r)
                ssh_key_deinit(&k);
        return r;
}

/* ---- Ed25519 -------------------------------------------------------------------------------- */

static bool ed25519_is_taken(const uint8_t point[POINT])
{
        static const uint8_t head[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                       0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
        uint8_t der[sizeof(head) + POINT];
        char x[TEXT], members[TEXT];
        struct blob b = {0};
        bool good;

        encode(point, POINT, x);
        snprintf(members, sizeof(members), "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%.64s\"",
                 x);
        good = is_taken(members, "EdDSA");
        memcpy(der, head, sizeof(head));
        memcpy(der + sizeof(head), point, POINT);
        CHECK_EQ(pem_is_taken(der, sizeof(der)), good);
        blob_add(&b, "ssh-ed25519", 11);
        blob_add(&b, point, POINT);
        CHECK_EQ(ssh_read(&b), good ? 0 : SSH_E_FORM);
        return good;
}

/* Of order 1, 2, 4 and 8, these in other forms, and what is above the field. */
static const char *const points[] = {
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};

TEST(a_point_of_Ed25519_has_its_order_and_form)
{
        uint8_t point[POINT], secret[crypto_sign_SECRETKEYBYTES], eighth[POINT];
        size_t len;

        CHECK(sodium_init() >= 0);
        crypto_sign_keypair(point, secret);
        CHECK(ed25519_is_taken(point));
        /* The same, and something of order eight. */
        CHECK(!sodium_hex2bin(eighth, sizeof(eighth), points[4], 2 * POINT, NULL, &len, NULL));
        CHECK(!crypto_core_ed25519_add(point, point, eighth));
        CHECK(!ed25519_is_taken(point));
        for (unsigned i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
                CHECK(!sodium_hex2bin(point, sizeof(point), points[i], 2 * POINT, NULL, &len,
                                      NULL));
                CHECK(!ed25519_is_taken(point));
        }
}

/* ---- RSA ------------------------------------------------------------------------------------ */

static EVP_PKEY *rsa_of(const BIGNUM *n, const BIGNUM *e)
{
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
        OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
        OSSL_PARAM *params;
        EVP_PKEY *key = NULL;

        CHECK(OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n));
        CHECK(OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, e));
        params = OSSL_PARAM_BLD_to_param(b);
        CHECK(EVP_PKEY_fromdata_init(ctx) == 1);
        CHECK(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) == 1);
        OSSL_PARAM_free(params);
        OSSL_PARAM_BLD_free(b);
        EVP_PKEY_CTX_free(ctx);
        return key;
}

/* A modulus and an exponent. */
struct rsa {
        BIGNUM *n, *e;
        char members[TEXT];
        struct blob ssh;
};

static void rsa_write(struct rsa *r)
{
        uint8_t n[RSA_BYTES] = {0}, e[16] = {0};
        size_t n_len = (size_t)BN_bn2bin(r->n, n + 1), e_len = (size_t)BN_bn2bin(r->e, e + 1);
        bool n_sign = n[1] & 0x80, e_sign = e[1] & 0x80;
        char n_text[TEXT], e_text[TEXT];

        encode(n + 1, n_len, n_text);
        encode(e + 1, e_len, e_text);
        snprintf(r->members, sizeof(r->members),
                 "\"kty\":\"RSA\",\"n\":\"%.1500s\",\"e\":\"%.30s\"", n_text, e_text);
        r->ssh.len = 0;
        blob_add(&r->ssh, "ssh-rsa", 7);
        blob_add(&r->ssh, e + !e_sign, e_len + e_sign);
        blob_add(&r->ssh, n + !n_sign, n_len + n_sign);
}

/* ssh: what it is there, where more bits are taken. set: in a set; else only where it is registered
 * there is time to see what it is. */
static void rsa_check(struct rsa *r, bool good, bool set, int ssh)
{
        EVP_PKEY *key = rsa_of(r->n, r->e);
        static char text[TEXT + 3];
        uint8_t *der = NULL;
        int len = i2d_PUBKEY(key, &der);

        CHECK(len > 0);
        rsa_write(r);
        snprintf(text, sizeof(text), "{%s}", r->members);
        CHECK_EQ(is_found(r->members, "RS256"), set);
        CHECK_EQ(registers(text), good);
        CHECK_EQ(pem_is_taken(der, (size_t)len), good);
        CHECK_EQ(ssh_read(&r->ssh), ssh);
        OPENSSL_free(der);
        EVP_PKEY_free(key);
}

TEST_T(an_exponent_of_RSA_is_odd_and_not_one, 60)
{
        static const struct {
                const char *e;
                bool good;
        } rows[] = {{"3", true},  {"010001", true}, {"FFFFFFFFFFFFFFFF", true},
                    {"1", false}, {"2", false},     {"010000", false}};
        EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
        static struct rsa r;

        CHECK(key && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &r.n) == 1);
        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                CHECK(BN_hex2bn(&r.e, rows[i].e) > 0);
                rsa_check(&r, rows[i].good, rows[i].good, rows[i].good ? 0 : SSH_E_FORM);
        }
        BN_free(r.n);
        BN_free(r.e);
        EVP_PKEY_free(key);
}

TEST_T(a_modulus_of_RSA_is_odd_and_of_a_size, 120)
{
        static const struct {
                int bits;
                bool good;
                int ssh;
        } rows[] = {{2047, false, SSH_E_WEAK}, {2048, true, 0},  {2056, true, 0},
                    {4096, true, 0},           {4097, false, 0}, {4104, false, 0}};
        BIGNUM *p = BN_new(), *q = BN_new();
        BN_CTX *ctx = BN_CTX_new();
        static struct rsa r;

        r.n = BN_new();
        CHECK(BN_hex2bn(&r.e, "010001") > 0 && p && q && ctx && r.n);
        CHECK(BN_generate_prime_ex(p, 1024, 0, NULL, NULL, NULL) == 1);
        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                /* Neither of the factors need be prime where nobody looks for large ones. */
                do {
                        CHECK(BN_rand(q, rows[i].bits - 1024, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD));
                        CHECK(BN_mul(r.n, p, q, ctx));
                } while (BN_num_bits(r.n) != rows[i].bits || BN_mod_word(r.n, 3) == 0);
                rsa_write(&r);
                CHECK_EQ(is_found(r.members, "RS256"), rows[i].good);
                CHECK_EQ(ssh_read(&r.ssh), rows[i].ssh);
        }

        CHECK(BN_set_bit(r.n, 2047) && BN_mask_bits(r.n, 2048) && BN_clear_bit(r.n, 0));
        rsa_check(&r, false, false, SSH_E_FORM); /* even */
        CHECK(BN_one(r.n) && BN_lshift(r.n, r.n, 2048) && BN_sub_word(r.n, 1));
        rsa_check(&r, false, true, 0); /* with factors that anybody finds */
        CHECK(BN_generate_prime_ex(r.n, 2048, 0, NULL, NULL, NULL) == 1);
        rsa_check(&r, false, true, 0); /* prime: so its private half is nobody's secret */
        BN_free(p);
        BN_free(q);
        BN_free(r.n);
        BN_free(r.e);
        BN_CTX_free(ctx);
}

/* ---- curves --------------------------------------------------------------------------------- */

static const struct {
        const char *curve, *algorithm, *ssh, *ssh_curve;
        size_t width;
} curves[] = {{"P-256", "ES256", "ecdsa-sha2-nistp256", "nistp256", 32},
              {"P-384", "ES384", "ecdsa-sha2-nistp384", "nistp384", 48}};

/* der: of a sound key of the curve, whose point is its end; point: another one, uncompressed. */
static bool point_is_taken(unsigned c, const uint8_t *der, size_t len, const uint8_t *point)
{
        const size_t width = curves[c].width;
        uint8_t own[TEXT];
        char x[TEXT], y[TEXT], members[TEXT];
        struct blob b = {0};
        bool good;

        encode(point + 1, width, x);
        encode(point + 1 + width, width, y);
        snprintf(members, sizeof(members),
                 "\"kty\":\"EC\",\"crv\":\"%s\",\"x\":\"%.80s\",\"y\":\"%.80s\"", curves[c].curve,
                 x, y);
        good = is_taken(members, curves[c].algorithm);
        memcpy(own, der, len);
        memcpy(own + len - 1 - 2 * width, point, 1 + 2 * width);
        CHECK_EQ(pem_is_taken(own, len), good);
        blob_add(&b, curves[c].ssh, strlen(curves[c].ssh));
        blob_add(&b, curves[c].ssh_curve, strlen(curves[c].ssh_curve));
        blob_add(&b, point, 1 + 2 * width);
        CHECK_EQ(ssh_read(&b), good ? 0 : SSH_E_FORM);
        return good;
}

/* A point at infinity is one byte, so the lengths around it are others. */
static void infinity_is_refused(const uint8_t *der, size_t len, size_t width)
{
        const size_t head = len - 1 - 2 * width, gone = 2 * width;
        uint8_t own[TEXT];
        size_t at = der[1] & 0x80 ? 3 : 2; /* behind the length of all */

        memcpy(own, der, head);
        own[at - 1] = (uint8_t)(der[at - 1] - gone);
        CHECK_EQ(own[head - 2], 2 + 2 * width);
        own[head - 2] = 2;
        own[head] = 0;
        CHECK(!pem_is_taken(own, head + 1));
}

TEST(a_point_is_on_its_curve)
{
        for (unsigned c = 0; c < 2; c++) {
                const size_t size = 1 + 2 * curves[c].width;
                EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", curves[c].curve);
                uint8_t *der = NULL, point[128];
                int len = i2d_PUBKEY(key, &der);

                CHECK(len > 0);
                memcpy(point, der + len - size, size);
                CHECK(point_is_taken(c, der, (size_t)len, point));
                point[size - 1] ^= 1;
                CHECK(!point_is_taken(c, der, (size_t)len, point));
                memset(point + 1, 0, size - 1);
                CHECK(!point_is_taken(c, der, (size_t)len, point));
                memset(point + 1, 0xff, size - 1);
                CHECK(!point_is_taken(c, der, (size_t)len, point));
                infinity_is_refused(der, (size_t)len, curves[c].width);
                OPENSSL_free(der);
                EVP_PKEY_free(key);
        }
}

/* ---- PEM ------------------------------------------------------------------------------------ */

TEST(nobody_is_asked_for_a_passphrase)
{
        static const char *const texts[] = {
                "-----BEGIN PUBLIC KEY-----\nProc-Type: 4,ENCRYPTED\n"
                "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
                "MCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n",
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMCowBQYDK2VwAyEA\n"
                "-----END ENCRYPTED PRIVATE KEY-----\n",
        };
        static const char *const words[] = {"it is encrypted", "it is a private key"};

        for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                struct proof_verdict v = {0};

                CHECK(!token_prove_key(
                        (capnp_data){(const uint8_t *)texts[i], (uint32_t)strlen(texts[i])},
                        (capnp_data){0}, &v));
                CHECK(strstr(v.subject, words[i]));
        }
}
