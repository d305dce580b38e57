/*
 * In MCP's revision of July 2026 a server does not ask: it answers that something is missing, and
 * the client repeats the call with the person's answer and a state of ours, which it does not look
 * into. The state says that we have asked about this call: HMAC-SHA-256, by a key of this process,
 * over the call's digest, the time until which it is good, and a nonce.
 *
 * Written as base64: nonce, time, code. Which nonces are out is kept here, so that a state is
 * good once, and a client that lets many be made only makes its own old ones worthless.
 */
#include "mcp-seal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

enum { NONCE = 16, TIME = 8, SEAL = NONCE + TIME + MCP_DIGEST };

bool mcp_digest(const char *tool, json_t *arguments, uint8_t ret[static MCP_DIGEST])
{
        char *text =
                arguments ? json_dumps(arguments, JSON_SORT_KEYS | JSON_COMPACT) : strdup("{}");
        EVP_MD_CTX *c = EVP_MD_CTX_new();
        bool good = text && c && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1 &&
                    EVP_DigestUpdate(c, tool, strlen(tool) + 1) == 1 &&
                    EVP_DigestUpdate(c, text, strlen(text)) == 1 &&
                    EVP_DigestFinal_ex(c, ret, NULL) == 1;

        EVP_MD_CTX_free(c);
        free(text);
        return good;
}

bool mcp_seals_init(struct mcp_seals *s)
{
        *s = (struct mcp_seals){.life_ms = MCP_SEAL_MS};
        return RAND_bytes(s->key, sizeof(s->key)) == 1;
}

void mcp_seals_deinit(struct mcp_seals *s)
{
        OPENSSL_cleanse(s, sizeof(*s));
}

static bool seal_code(const struct mcp_seals *s, const uint8_t *head,
                      const uint8_t digest[static MCP_DIGEST], uint8_t ret[static MCP_DIGEST])
{
        uint8_t all[NONCE + TIME + MCP_DIGEST];
        unsigned len = 0;

        memcpy(all, head, NONCE + TIME);
        memcpy(all + NONCE + TIME, digest, MCP_DIGEST);
        return HMAC(EVP_sha256(), s->key, sizeof(s->key), all, sizeof(all), ret, &len) &&
               len == MCP_DIGEST;
}

bool mcp_seal_make(struct mcp_seals *s, const uint8_t digest[static MCP_DIGEST], uint64_t now_ms,
                   char ret[static MCP_SEAL_TEXT])
{
        struct mcp_seal *free_one = &s->out[0];
        uint8_t b[SEAL];

        for (unsigned i = 0; i < MCP_SEALS; i++)
                if (s->out[i].until_ms < free_one->until_ms)
                        free_one = &s->out[i];
        if (RAND_bytes(b, NONCE) != 1)
                return false;
        free_one->until_ms = now_ms + s->life_ms;
        memcpy(free_one->nonce, b, NONCE);
        for (unsigned i = 0; i < TIME; i++)
                b[NONCE + i] = (uint8_t)(free_one->until_ms >> (8 * i));
        if (!seal_code(s, b, digest, b + NONCE + TIME))
                return false;
        (void)EVP_EncodeBlock((unsigned char *)ret, b, sizeof(b));
        return true;
}

bool mcp_seal_open(struct mcp_seals *s, const char *text, const uint8_t digest[static MCP_DIGEST],
                   uint64_t now_ms)
{
        enum { CHARS = (SEAL + 2) / 3 * 4 };
        uint8_t b[SEAL + 3], code[MCP_DIGEST];
        bool good;

        if (strlen(text) != CHARS ||
            EVP_DecodeBlock(b, (const unsigned char *)text, CHARS) != (SEAL + 2) / 3 * 3 ||
            !seal_code(s, b, digest, code))
                return false;
        good = !CRYPTO_memcmp(code, b + NONCE + TIME, MCP_DIGEST);
        for (unsigned i = 0; good && i < MCP_SEALS; i++) {
                if (!s->out[i].until_ms || memcmp(s->out[i].nonce, b, NONCE) != 0)
                        continue;
                good = s->out[i].until_ms > now_ms;
                s->out[i].until_ms = 0;
                return good;
        }
        return false;
}
