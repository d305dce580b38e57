/* Codes by which owners of accounts register a passkey themselves: an administrator has one made,
 * and it is good once, for ten minutes. */
#ifndef SESSIOND_PASSKEY_CODES_H
#define SESSIOND_PASSKEY_CODES_H

#include "store.h"

enum {
        PASSKEY_CODES = 64,
        PASSKEY_CODE_MS = 10 * 60 * 1000,
        PASSKEY_CODE_LETTERS = 20,                        /* of five bits each */
        PASSKEY_CODE_TEXT = PASSKEY_CODE_LETTERS + 3 + 1, /* in four groups */
};

/* What a code is good for. An account is its name and its serial: one that was made anew has
 * nothing of the one before. */
struct passkey_code {
        char account[STORE_NAME_BYTES + 1]; /* "": free */
        int64_t serial;
        uint64_t until_ms; /* since boot */
        uint8_t hash[STORE_HASH_BYTES];
        struct store_options may; /* of the passkey */
};

struct passkey_codes {
        struct passkey_code all[PASSKEY_CODES];
};

/* Makes one, in place of one that the account has; where there is no room, in place of the oldest.
 * ret: the code, which is nowhere else. */
void passkey_codes_make(struct passkey_codes *c, const char *account, int64_t serial,
                        const struct store_options *may, uint64_t now_ms,
                        char ret[PASSKEY_CODE_TEXT]);
/* How a code that somebody has typed is known. false: it is none. */
bool passkey_code_hash(capnp_text typed, uint8_t ret[STORE_HASH_BYTES]) CAPNP_MUST_USE;
/* NULL: there is none, or it is over. Good until the next call of these. */
struct passkey_code *passkey_codes_find(struct passkey_codes *c,
                                        const uint8_t hash[STORE_HASH_BYTES], uint64_t now_ms);
/* It is used up. */
void passkey_code_end(struct passkey_code *c);

#endif
