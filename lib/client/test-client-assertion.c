/*
 * Assertions: what they say, by keys of each kind as openssl makes them, and what makes none. That
 * an instance believes them is test/e2e's to show.
 */
#include "harness.h"

#include "client-key.h"

#include <capos/capos-client.h>

#include <errno.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT = 4096 };

static void key_write(const char *path, EVP_PKEY *k)
{
        FILE *f = fopen(path, "we");

        CHECK(f && k);
        CHECK_OK(fchmod(fileno(f), 0600));
        CHECK(PEM_write_PrivateKey(f, k, NULL, NULL, 0, NULL, NULL));
        CHECK_OK(fclose(f));
        EVP_PKEY_free(k);
}

static capos_key *key_load(EVP_PKEY *k)
{
        char path[] = "/tmp/capos-test-assertion-XXXXXX";
        capos_key *key = NULL;
        int fd = mkstemp(path);

        CHECK(fd >= 0);
        close(fd);
        key_write(path, k);
        CHECK_OK(capos_key_load(path, &key, NULL));
        CHECK_OK(unlink(path));
        return key;
}

/* A part of a token, decoded. */
static void part(const char *token, unsigned which, char to[TEXT])
{
        char text[TEXT];
        size_t len;
        int n;

        for (; which; which--)
                token = strchr(token, '.') + 1;
        len = strcspn(token, ".");
        CHECK(len + 4 < sizeof(text));
        for (size_t i = 0; i < len; i++)
                text[i] = token[i] == '-' ? '+' : token[i] == '_' ? '/' : token[i];
        while (len % 4)
                text[len++] = '=';
        n = EVP_DecodeBlock((unsigned char *)to, (unsigned char *)text, (int)len);
        CHECK(n >= 0);
        to[n] = 0;
}

static int make(const capos_key *k, const struct capos_assertion *s, char to[TEXT],
                struct capos_error *e)
{
        struct capnp_buf b;
        int r;

        capnp_buf_init(&b, TEXT);
        r = capos_assertion_make(k, s, &b, e);
        if (!r)
                snprintf(to, TEXT, "%.*s", (int)b.len, (const char *)b.p);
        capnp_buf_deinit(&b);
        return r;
}

static const struct {
        const char *kind, *curve, *algorithm, *header;
        unsigned signature; /* letters */
} rows[] = {
        {"ED25519", NULL, NULL, "\"alg\":\"EdDSA\"", 86},
        {"EC", "P-256", NULL, "\"alg\":\"ES256\"", 86},
        {"EC", "P-384", NULL, "\"alg\":\"ES384\"", 128},
        {"RSA", NULL, NULL, "\"alg\":\"PS256\"", 342},
        {"RSA", NULL, "RS256", "\"alg\":\"RS256\"", 342},
};

static EVP_PKEY *key_new(const char *kind, const char *curve)
{
        if (curve)
                return EVP_PKEY_Q_keygen(NULL, NULL, kind, curve);

        return strcmp(kind, "RSA") ? EVP_PKEY_Q_keygen(NULL, NULL, kind)
                                   : EVP_PKEY_Q_keygen(NULL, NULL, kind, (size_t)2048);
}

TEST_T(each_kind_of_key_signs, 90)
{
        struct capos_assertion s = {.account = "ci", .audience = "sha256:abc", .life_s = 300};
        char token[TEXT], text[TEXT], id[64];

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                CAPNP_AUTO(capos_key_freep)
                capos_key *k = key_load(key_new(rows[i].kind, rows[i].curve));
                long long until, issued;

                s.algorithm = rows[i].algorithm;
                s.key_id = NULL;
                CHECK_OK(make(k, &s, token, NULL));
                CHECK_EQ(strlen(strrchr(token, '.') + 1), rows[i].signature);
                part(token, 0, text);
                CHECK(strstr(text, rows[i].header));
                CHECK_EQ(sscanf(strstr(text, "kid"), "kid\":\"%63[^\"]\"", id), 1);
                CHECK_EQ(strlen(id), 43);
                part(token, 1, text);
                CHECK(strstr(text, "\"iss\":\"ci\"") && strstr(text, "\"sub\":\"ci\""));
                CHECK(strstr(text, "\"aud\":\"sha256:abc\""));
                CHECK(strstr(text, "\"nonce\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""));
                CHECK_EQ(sscanf(strstr(text, "exp"), "exp\":%lld,\"iat\":%lld", &until, &issued),
                         2);
                CHECK_EQ(until - issued, 300);

                s.key_id = "mine";
                CHECK_OK(make(k, &s, token, NULL));
                part(token, 0, text);
                CHECK(strstr(text, "\"kid\":\"mine\""));
        }
}

/* RFC 8037, A.3: the thumbprint of its key. */
TEST(a_key_is_called_by_its_thumbprint)
{
        static const uint8_t seed[32] = {0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60,
                                         0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
                                         0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19,
                                         0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};
        CAPNP_AUTO(capos_key_freep)
        capos_key *k = key_load(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32));
        char token[TEXT], text[TEXT];

        CHECK_OK(make(k, &(struct capos_assertion){.account = "ci"}, token, NULL));
        part(token, 0, text);
        CHECK(strstr(text, "\"kid\":\"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k\""));
        part(token, 1, text);
        CHECK(strstr(text, "\"aud\":\"capos\""));
}

TEST_T(what_makes_none_says_why, 60)
{
        CAPNP_AUTO(capos_key_freep) capos_key *k = key_load(key_new("EC", "P-256"));
        CAPNP_AUTO(capos_key_freep) capos_key *other = key_load(key_new("EC", "P-521"));
        char token[TEXT];
        struct capos_error e;

        CHECK_EQ(make(other, &(struct capos_assertion){.account = "ci"}, token, &e), CAPOS_E_KEY);
        CHECK(strstr(e.text, "ES256"));
        CHECK_EQ(make(k, &(struct capos_assertion){.account = "ci", .algorithm = "RS256"}, token,
                      &e),
                 CAPOS_E_KEY);
        CHECK_EQ(make(k, &(struct capos_assertion){.account = "c\"i"}, token, &e), -EINVAL);
        CHECK_EQ(make(k, &(struct capos_assertion){.account = "ci", .key_id = "a b"}, token, &e),
                 -EINVAL);
        CHECK_EQ(make(k, &(struct capos_assertion){.account = "ci", .audience = "\\"}, token, &e),
                 -EINVAL);
}
