/* Passkeys that are being made: a challenge for each account that was asked for one. An account is
 * its name and its serial: one that was made anew has nothing of the one before. */
#ifndef SESSIOND_REGISTRATIONS_H
#define SESSIOND_REGISTRATIONS_H

#include "daemon-packets.h"
#include "store.h"

enum { REGISTRATIONS = 16, REGISTRATION_MS = 5 * 60 * 1000 };

struct registration {
        char account[STORE_NAME_BYTES + 1]; /* "": free */
        int64_t serial;                     /* of the account */
        uint64_t until_ms;                  /* since boot */
        uint8_t challenge[PASSKEY_CHALLENGE_BYTES];
};

struct registrations {
        struct registration all[REGISTRATIONS];
};

/* Makes an account's challenge, in place of one that it has; where there is no room, in place of
 * the oldest. */
void registrations_begin(struct registrations *r, const char *account, int64_t serial,
                         uint64_t now_ms, uint8_t ret_challenge[PASSKEY_CHALLENGE_BYTES]);
/* Takes an account's challenge out. false: there is none, or it is
 * over, or was for one that is gone. */
bool registrations_take(struct registrations *r, const char *account, int64_t serial,
                        uint64_t now_ms,
                        uint8_t ret_challenge[PASSKEY_CHALLENGE_BYTES]) CAPNP_MUST_USE;

#endif
