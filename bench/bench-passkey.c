/*
 * What an authenticator and its browser do for a login, without either (WebAuthn level 2): client
 * data, authenticator data and a signature over both.
 *
 * It counts by the clock, since a counter has to rise and nothing is kept between two runs: in
 * hundredths of a second; no login takes less. The key is read once.
 */
#include "bench-passkey.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { PRESENT = 1, VERIFIED = 4, DATA = SHA256_DIGEST_LENGTH + 5, SIGNATURE = 80, TEXT = 512 };

/* base64url, without padding. to has room for 4 bytes for each 3, and one more. */
static void text_of(const void *p, size_t len, char *to)
{
        int n = EVP_EncodeBlock((unsigned char *)to, p, (int)len);

        while (n > 0 && to[n - 1] == '=')
                n--;
        to[n] = 0;
        for (char *c = to; *c; c++)
                *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
}

static EVP_PKEY *key_read(const char *path)
{
        static EVP_PKEY *key;
        FILE *f = key ? NULL : fopen(path, "r");

        if (f) {
                key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
                fclose(f);
        }
        return key;
}

static uint32_t count_begin(void)
{
        struct timespec now;

        clock_gettime(CLOCK_BOOTTIME, &now);
        return (uint32_t)(now.tv_sec * 100 + now.tv_nsec / 10000000);
}

static void data_fill(const char *party, uint8_t to[DATA])
{
        static uint32_t count;
        uint8_t *p = to + SHA256_DIGEST_LENGTH;

        count = count ? count + 1 : count_begin();
        SHA256((const uint8_t *)party, strlen(party), to);
        *p++ = PRESENT | VERIFIED;
        for (int shift = 24; shift >= 0; shift -= 8)
                *p++ = (uint8_t)(count >> shift);
}

/* The signature's length; 0: there is none. */
static size_t data_sign(EVP_PKEY *key, const uint8_t data[DATA], const char *client,
                        uint8_t to[SIGNATURE])
{
        EVP_MD_CTX *c = EVP_MD_CTX_new();
        uint8_t what[DATA + SHA256_DIGEST_LENGTH];
        size_t n = SIGNATURE;

        memcpy(what, data, DATA);
        SHA256((const uint8_t *)client, strlen(client), what + DATA);
        if (!c || !key || EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, key) != 1 ||
            EVP_DigestSign(c, to, &n, what, sizeof(what)) != 1)
                n = 0;
        EVP_MD_CTX_free(c);
        return n;
}

size_t bench_passkey_answer(const struct bench_passkey *p, const struct capos_step *s, char *to,
                            size_t room)
{
        uint8_t data[DATA], signature[SIGNATURE];
        char client[TEXT], texts[3][TEXT * 2];
        size_t n;
        int len;

        text_of(s->transcript_hash, sizeof(s->transcript_hash), texts[0]);
        len = snprintf(client, sizeof(client),
                       "{\"type\":\"webauthn.get\",\"challenge\":\"%s\",\"origin\":\"%s\","
                       "\"crossOrigin\":false}",
                       texts[0], p->origin);
        if (len < 0 || (size_t)len >= sizeof(client))
                return 0;

        data_fill(s->relying_party, data);
        n = data_sign(key_read(p->key), data, client, signature);
        if (!n)
                return 0;

        text_of(client, (size_t)len, texts[0]);
        text_of(data, sizeof(data), texts[1]);
        text_of(signature, n, texts[2]);
        len = snprintf(to, room,
                       "{\"id\":\"%s\",\"rawId\":\"%s\",\"type\":\"public-key\","
                       "\"clientExtensionResults\":{},\"response\":{\"clientDataJSON\":\"%s\","
                       "\"authenticatorData\":\"%s\",\"signature\":\"%s\",\"userHandle\":\"%s\"}}",
                       p->id, p->id, texts[0], texts[1], texts[2], p->user);
        return len > 0 && (size_t)len < room ? (size_t)len : 0;
}
