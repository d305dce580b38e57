/*
 * Codes for registering a passkey. A person carries one from a terminal to a browser, so it is
 * short enough to be typed, in letters and digits that are not taken for each other (Crockford's),
 * and 100 random bits, which nobody guesses in ten minutes.
 *
 * Only hashes are here, and none survives the session manager.
 */
#include "passkey-codes.h"

#include <stdio.h>
#include <string.h>

static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

enum { GROUP = 5 };

static void hash_of(const char code[PASSKEY_CODE_LETTERS], uint8_t ret[STORE_HASH_BYTES])
{
        crypto_hash_sha256(ret, (const uint8_t *)code, PASSKEY_CODE_LETTERS);
}

static struct passkey_code *code_of(struct passkey_codes *c, const char *account)
{
        struct passkey_code *oldest = &c->all[0];

        for (unsigned i = 0; i < PASSKEY_CODES; i++) {
                if (!strcmp(c->all[i].account, account))
                        return &c->all[i];
                if (c->all[i].until_ms < oldest->until_ms) /* a free one has 0 */
                        oldest = &c->all[i];
        }
        return oldest;
}

void passkey_codes_make(struct passkey_codes *c, const char *account, int64_t serial,
                        const struct store_options *may, uint64_t now_ms,
                        char ret[PASSKEY_CODE_TEXT])
{
        struct passkey_code *one = code_of(c, account);
        char code[PASSKEY_CODE_LETTERS];
        size_t n = 0;

        for (unsigned i = 0; i < PASSKEY_CODE_LETTERS; i++) {
                code[i] = letters[randombytes_uniform(sizeof(letters) - 1)];
                if (i && i % GROUP == 0)
                        ret[n++] = '-';
                ret[n++] = code[i];
        }
        ret[n] = 0;
        *one = (struct passkey_code){
                .serial = serial, .until_ms = now_ms + PASSKEY_CODE_MS, .may = *may};
        (void)snprintf(one->account, sizeof(one->account), "%s", account);
        hash_of(code, one->hash);
        sodium_memzero(code, sizeof(code));
}

/* As people write them: o for 0, i and l for 1. 0: it is no letter of a code. */
static char letter_of(char c)
{
        if (c >= 'a' && c <= 'z')
                c = (char)(c - 'a' + 'A');
        if (c == 'O')
                return '0';
        if (c == 'I' || c == 'L')
                return '1';
        return c && strchr(letters, c) ? c : 0;
}

bool passkey_code_hash(capnp_text typed, uint8_t ret[STORE_HASH_BYTES])
{
        char code[PASSKEY_CODE_LETTERS];
        unsigned n = 0;

        for (uint32_t i = 0; i < typed.len; i++) {
                if (typed.p[i] == '-' || typed.p[i] == ' ')
                        continue;
                if (n == PASSKEY_CODE_LETTERS || !letter_of(typed.p[i]))
                        return false;
                code[n++] = letter_of(typed.p[i]);
        }
        if (n != PASSKEY_CODE_LETTERS)
                return false;

        hash_of(code, ret);
        sodium_memzero(code, sizeof(code));
        return true;
}

struct passkey_code *passkey_codes_find(struct passkey_codes *c,
                                        const uint8_t hash[STORE_HASH_BYTES], uint64_t now_ms)
{
        for (unsigned i = 0; i < PASSKEY_CODES; i++)
                if (*c->all[i].account && now_ms < c->all[i].until_ms &&
                    !sodium_memcmp(c->all[i].hash, hash, STORE_HASH_BYTES))
                        return &c->all[i];
        return NULL;
}

void passkey_code_end(struct passkey_code *c)
{
        sodium_memzero(c, sizeof(*c));
}
