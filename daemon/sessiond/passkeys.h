/* What the manifest says of passkeys, as a prover is told. */
#ifndef SESSIOND_PASSKEYS_H
#define SESSIOND_PASSKEYS_H

#include "daemon-packets.h"
#include "manifest.capnp-c.h"
#include "session-sshkey.h"

#include <capos/capnp.h>

struct store;

enum { PASSKEYS_ORIGINS = 16 };

struct passkeys {
        const char *relying_party; /* the manifest's; "": nobody logs in so */
        uint8_t *party;            /* owned: it and the origins, each with a zero behind it */
        uint32_t party_len;
        struct proof_passkey_new wanted; /* of a new one; its challenge is empty */
};

/* 0; CAPNP_E_POISON: an AAGUID that is none, or that nothing attests, or too much; -ENOMEM. */
int passkeys_init(struct passkeys *p, passkeys_reader r) CAPNP_MUST_USE;
void passkeys_deinit(struct passkeys *p);

/* By what authenticators know an account of this instance: nobody else can tell whose it is. */
void passkeys_user(const struct store *s, const char *account, uint8_t ret[PASSKEY_USER_BYTES]);
/* What a passkey with this credential id is called. */
void passkeys_fingerprint(const uint8_t *id, size_t len, char ret[CAPOS_SSHKEY_FINGERPRINT]);

#endif
