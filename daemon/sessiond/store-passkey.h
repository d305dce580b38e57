/* The account store: passkeys. */
#ifndef SESSIOND_STORE_PASSKEY_H
#define SESSIOND_STORE_PASSKEY_H

#include "daemon-packets.h"
#include "store.h"

enum { STORE_PASSKEYS = 16, STORE_LABEL_BYTES = 64 };

struct store_passkey {
        char fingerprint[STORE_FINGERPRINT_BYTES]; /* of its id: what it is called */
        char account[STORE_NAME_BYTES + 1];
        char label[STORE_LABEL_BYTES + 1];
        struct passkey key;
        uint32_t count;            /* as its authenticator said last */
        uint64_t made_ms, used_ms; /* wall time; 0: never */
};

/* 0; STORE_E_NONE; -errno. */
int store_find_passkey(struct store *s, const char *fingerprint,
                       struct store_passkey *ret) CAPNP_MUST_USE;
/* Calls fn for each of an account's. 0, or -errno. */
int store_each_passkey(struct store *s, const char *account,
                       void (*fn)(void *arg, const struct store_passkey *k),
                       void *arg) CAPNP_MUST_USE;
/* serial: of the account that it is for. 0; STORE_E_EXISTS; STORE_E_NONE: that one is gone, whoever
 * has its name now, or is a program's; STORE_E_FULL; -errno. */
int store_add_passkey(struct store *s, const struct store_passkey *k, int64_t serial,
                      const struct store_options *may) CAPNP_MUST_USE;
/* 0; STORE_E_NONE; -errno. */
int store_remove_passkey(struct store *s, const char *account,
                         const char *fingerprint) CAPNP_MUST_USE;
/* It was used, and says that it has signed so often. 0; STORE_E_NONE: it is gone, or had signed as
 * often before, and not never; -errno. */
int store_use_passkey(struct store *s, const char *fingerprint, uint32_t count,
                      uint64_t now_ms) CAPNP_MUST_USE;

#endif
