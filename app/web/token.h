/* Words that nobody can guess, and what is kept of them: their hashes. */
#ifndef CAPOS_WEB_TOKEN_H
#define CAPOS_WEB_TOKEN_H

#include <capos/capnp-base.h>

enum {
        TOKEN_HASH = 32,
        TOKEN_KEY = 65,   /* a public key of P-256, uncompressed */
        TOKEN_TEXT = 44,  /* 256 bits in base64url, with the NUL */
        TOKEN_CODE = 23,  /* 128 bits likewise */
        TOKEN_NONCE = 32, /* of a WebSocket */
        TOKEN_SIGN = 64,  /* r and s */
};

/* Fresh random bytes. 0, or -errno. */
int token_random(uint8_t *to, size_t len) CAPNP_MUST_USE;
/* A fresh text of so many bytes with its NUL, TOKEN_TEXT or TOKEN_CODE. 0, or -errno. */
int token_make(char *to, size_t room) CAPNP_MUST_USE;
void token_hash(const char *text, size_t len, uint8_t to[TOKEN_HASH]);
/* Whether a text's hash is this one; takes the same time whatever it is. */
bool token_is(const char *text, size_t len, const uint8_t hash[TOKEN_HASH]);
/* Reads base64url without padding of exactly this many bytes. */
bool token_decode(const char *text, size_t len, uint8_t *to, size_t bytes);

/* What a page signs when its WebSocket opens (web.capnp, WebUp.hello). */
struct token_proof {
        uint8_t nonce[TOKEN_NONCE];
        uint8_t cookie[TOKEN_HASH];
        uint16_t port; /* of the page's origin */
};

/* Whether a key is a point of P-256. */
bool token_key_is_good(const uint8_t key[TOKEN_KEY]);
/* Whether a key has signed it. */
bool token_proof_is_good(const struct token_proof *p, const uint8_t key[TOKEN_KEY],
                         const uint8_t *sign, size_t len);

#endif
