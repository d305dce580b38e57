/*
 * What an authenticator says that has made a key: the least that a prover takes. Its private half
 * is thrown away, for nothing is signed when nothing is attested.
 */
#include "test-authenticator.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { ID_BYTES = 16, DATA_BYTES = 37 + 16 + 2 + ID_BYTES + 10 + crypto_sign_PUBLICKEYBYTES };

static size_t base64(char *to, size_t room, const void *p, size_t len)
{
        sodium_bin2base64(to, room, p, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
        return strlen(to);
}

/* Its data: a new key of EdDSA. */
static void data_make(uint8_t p[DATA_BYTES])
{
        static const uint8_t cose[] = {0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 0x20};
        uint8_t secret[crypto_sign_SECRETKEYBYTES];

        memset(p, 0, DATA_BYTES);
        crypto_hash_sha256(p, (const uint8_t *)RIG_PARTY, strlen(RIG_PARTY));
        p[32] = 0x45; /* present, verified, a credential follows */
        p[54] = ID_BYTES;
        randombytes_buf(p + 55, ID_BYTES);
        memcpy(p + 55 + ID_BYTES, cose, sizeof(cose));
        crypto_sign_keypair(p + 55 + ID_BYTES + sizeof(cose), secret);
}

void response_make(struct response *r, capnp_data challenge)
{
        static const char front[] = "\xa3\x63"
                                    "fmt\x64"
                                    "none\x67"
                                    "attStmt\xa0\x68"
                                    "authData\x58";
        uint8_t object[sizeof(front) + DATA_BYTES];
        char client[512], asked[64], b64[3][640];

        CHECK(sodium_init() >= 0);
        memcpy(object, front, sizeof(front) - 1);
        object[sizeof(front) - 1] = DATA_BYTES;
        data_make(object + sizeof(front));
        base64(asked, sizeof(asked), challenge.p, challenge.len);
        snprintf(client, sizeof(client),
                 "{\"type\":\"webauthn.create\",\"challenge\":\"%s\",\"origin\":\"" RIG_ORIGIN
                 "\"}",
                 asked);
        base64(b64[0], sizeof(b64[0]), object + sizeof(front) + 55, ID_BYTES);
        base64(b64[1], sizeof(b64[1]), client, strlen(client));
        base64(b64[2], sizeof(b64[2]), object, sizeof(object));
        snprintf(r->text, sizeof(r->text),
                 "{\"id\":\"%s\",\"rawId\":\"%s\",\"type\":\"public-key\",\"response\":"
                 "{\"clientDataJSON\":\"%s\",\"attestationObject\":\"%s\"}}",
                 b64[0], b64[0], b64[1], b64[2]);
}
