/*
 * Tokens, sets of keys, and public keys, all from strangers. The first byte says which, and what
 * the token is wanted for; the set of keys stands before the token, a NUL between. Nothing that
 * comes here is signed by a key whose set somebody else has made, so a good verdict must hold for
 * the same bytes again, and for no others: the last letter of a good token cannot change.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "token.h"

enum { ROOM = 128 * 1024, AS_KEY = 0x80, NOW = 1800000000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t wanted[ROOM];

static size_t wanted_make(uint32_t flags, capnp_data keys)
{
        static const uint8_t name[] = "https://id.example.org", ours[] = "capos";
        static const uint8_t claim[] = "group\0admin";
        const struct token_wanted about = {.now_s = NOW, .nonce = "n1"};
        const struct token_issuer head = {.flags = flags & 3};
        size_t len = sizeof(about);

        memcpy(wanted, &about, sizeof(about));
        if (daemon_token_add(wanted, ROOM, &len, TOKEN_ISSUER,
                             (capnp_data){(const uint8_t *)&head, sizeof(head)}) ||
            daemon_token_add(wanted, ROOM, &len, TOKEN_NAME,
                             (capnp_data){name, sizeof(name) - 1}) ||
            daemon_token_add(wanted, ROOM, &len, TOKEN_AUDIENCE,
                             (capnp_data){ours, sizeof(ours) - 1}) ||
            daemon_token_add(wanted, ROOM, &len, TOKEN_KEYS, keys) ||
            daemon_token_add(wanted, ROOM, &len, TOKEN_RULE, (capnp_data){0}) ||
            daemon_token_add(wanted, ROOM, &len, TOKEN_CLAIM,
                             (capnp_data){claim, sizeof(claim) - 1}))
                return 0;
        return len;
}

static void token_try(uint32_t flags, capnp_data keys, capnp_data token)
{
        size_t len = wanted_make(flags, keys);
        struct proof_verdict v = {0};
        uint8_t *other;

        if (!len || !token_prove((capnp_data){wanted, (uint32_t)len}, token, (capnp_data){0}, &v))
                return;

        other = malloc(token.len);
        if (!other)
                return;
        memcpy(other, token.p, token.len);
        other[token.len - 1] = other[token.len - 1] == 'A' ? 'Q' : 'A';
        if (token_prove((capnp_data){wanted, (uint32_t)len}, (capnp_data){other, token.len},
                        (capnp_data){0}, &v))
                abort();
        free(other);
}

/* A key that is kept is the same key when it comes again. */
static void key_try(capnp_data text)
{
        struct proof_verdict v = {0}, again = {0};

        if (!token_prove_key(text, (capnp_data){0}, &v))
                return;
        if (!token_prove_key(
                    (capnp_data){(const uint8_t *)v.verifier, (uint32_t)strlen(v.verifier)},
                    (capnp_data){0}, &again) ||
            strcmp(v.verifier, again.verifier) != 0 || strcmp(v.name, again.name) != 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const uint8_t *nul;
        capnp_data keys, token;

        if (!size || size > 64 * 1024)
                return 0;
        if (data[0] & AS_KEY) {
                key_try((capnp_data){data + 1, (uint32_t)size - 1});
                return 0;
        }

        nul = memchr(data + 1, 0, size - 1);
        if (!nul)
                return 0;
        keys = (capnp_data){data + 1, (uint32_t)(nul - data - 1)};
        token = (capnp_data){nul + 1, (uint32_t)(data + size - nul - 1)};
        token_try(data[0], keys, token);
        return 0;
}
