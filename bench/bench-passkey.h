/* An authenticator that asks nobody, so that what is measured is the login. */
#ifndef BENCH_PASSKEY_H
#define BENCH_PASSKEY_H

#include <capos/capos-client.h>
#include <stddef.h>

/* A passkey; the texts in base64url. */
struct bench_passkey {
        const char *key, *id, *user, *origin; /* key: a file with the private key, PEM, of P-256 */
};

/* Answers a step: an AuthenticationResponseJSON. Its length, 0: it cannot. */
size_t bench_passkey_answer(const struct bench_passkey *p, const struct capos_step *s, char *to,
                            size_t room);

#endif
