/* The account store: SQLite in the state folder. Nobody but this process opens it. */
#ifndef SESSIOND_STORE_H
#define SESSIOND_STORE_H

#include "daemon-network.h"
#include "daemon-packets.h"
#include "daemon-token.h"
#include "session-sshkey.h"

#include <capos/capnp-base.h>

#include <sodium.h>
#include <sqlite3.h>

#include "session-audit.h"

enum {
        STORE_VERSION = 11,
        STORE_NAME_BYTES = 32,                /* of an account */
        STORE_PROFILES = 16,                  /* of an account */
        STORE_KEYS = 32,                      /* likewise */
        STORE_KEY_BYTES = CAPOS_SSHKEY_BYTES, /* of a public key blob */
        STORE_SECRET_BYTES = 32,
        STORE_FINGERPRINT_BYTES = CAPOS_SSHKEY_FINGERPRINT,
        STORE_SERVICE_KEYS = 8,                    /* of a service account */
        STORE_SERVICE_KEY_ID = TOKEN_KEY_ID_BYTES, /* of an id */
        STORE_SERVICE_KEY_BYTES = VERIFIER_BYTES,  /* as JSON */
        STORE_HASH_BYTES = 32,
        STORE_REASON_BYTES = 120, /* why an account is locked */
        STORE_HOST_BYTES = 63,    /* where somebody came from */
        STORE_TYPE_BYTES = 39,    /* of a key */
};

#define STORE_FILE "accounts.db"

struct store {
        sqlite3 *db;
        int failed;                         /* of store_failure() */
        uint64_t epoch;                     /* counts the starts on this folder */
        uint8_t secret[STORE_SECRET_BYTES]; /* of the instance */
};

struct store_key {
        uint8_t *blob;
        uint32_t len;
        char fingerprint[STORE_FINGERPRINT_BYTES];
        char comment[128];
};

/* What a service account signs its tokens with. */
struct store_service_key {
        char id[STORE_SERVICE_KEY_ID + 1];         /* `kid` */
        char fingerprint[STORE_FINGERPRINT_BYTES]; /* whatever its id is */
        char *jwk;                                 /* with its id; owned */
};

/* Somebody has got in. */
struct store_login {
        uint64_t at_ms;                  /* wall time; 0: nobody has */
        char kind[24];                   /* by which method */
        char from[STORE_HOST_BYTES + 1]; /* an address, or a user of this machine */
};

/* What a key or a passkey is restricted to. */
struct store_options {
        char sources[NETWORKS_BYTES + 1]; /* where from, as a list of networks; "": anywhere */
        char profile[65];                 /* the one that it gives; "": any of the account's */
        uint64_t expires_ms;              /* wall time; 0: never */
};

/* What is known of something that an account is proved by, beside what proves it. */
struct store_credential {
        char fingerprint[STORE_FINGERPRINT_BYTES];
        char id[STORE_FINGERPRINT_BYTES]; /* what it is called: of a service account's key its id */
        char type[STORE_TYPE_BYTES + 1];  /* `ssh-ed25519`, `P-256` */
        char comment[128];
        uint64_t added_ms, used_ms; /* wall time; 0: before that was noted; 0: never */
        char used_from[STORE_HOST_BYTES + 1];
        struct store_options may;
};

/* A copy of what is stored; to be deinitialised, which wipes it. */
struct store_account {
        char name[STORE_NAME_BYTES + 1];
        int64_t serial;                        /* another one when it was made anew */
        char verifier[crypto_pwhash_STRBYTES]; /* "": no password */
        char profiles[STORE_PROFILES][65];
        struct store_key keys[STORE_KEYS];
        bool service; /* a program's: it has no password and no such keys, but these: */
        struct store_service_key service_keys[STORE_SERVICE_KEYS];
        unsigned nprofiles, nkeys, nservice_keys;
        bool locked;                         /* it is there, and nobody gets in */
        char reason[STORE_REASON_BYTES + 1]; /* … why; "": not said */
        uint64_t expires_ms;                 /* wall time: likewise from then on; 0: never */
        struct store_login last;
};

/* What of an account says whether anybody gets in. */
struct store_door {
        bool locked;
        uint64_t expires_ms; /* 0: never */
        struct store_login last;
};

/* An account that is to be made. */
struct store_new {
        const char *name, *verifier; /* may be "" */
        const char *const *profiles;
        unsigned nprofiles;
        bool service;
};

/* How far the audit log had got. */
struct store_mark {
        uint32_t segment; /* 0: nothing is remembered */
        struct capos_audit_chain chain;
};

/* What can go wrong because of the caller. */
enum store_err { STORE_E_EXISTS = 1, STORE_E_NONE, STORE_E_FULL, STORE_E_OVER };

/* Opens or makes the store in the current folder, brings it to this version and counts the epoch.
 * 0; -EPROTO: it was written by a newer version; -errno. */
int store_init(struct store *s) CAPNP_MUST_USE;
void store_deinit(struct store *s);

/* What has failed since this was asked last, -EIO or -ENOMEM; 0: nothing. So that who refuses
 * somebody can tell whether it is the store's doing, however far below it was. */
int store_failure(struct store *s);

/* Whether a text can be an account's name. */
bool store_name_ok(const char *name, size_t len);

/* 0; STORE_E_NONE; -errno. */
int store_load(struct store *s, const char *name, struct store_account *ret) CAPNP_MUST_USE;
void store_account_deinit(struct store_account *a);
/* The account's serial alone. 0; STORE_E_NONE; -errno. */
int store_serial(struct store *s, const char *name, int64_t *ret) CAPNP_MUST_USE;
/* Calls fn for each account whose name is behind after ("": for each), in the order of their names,
 * until it says that it was enough (false). 0, or -errno. */
int store_each(struct store *s, const char *after,
               bool (*fn)(void *arg, const struct store_account *a), void *arg) CAPNP_MUST_USE;
uint32_t store_count(struct store *s);

/* 0; STORE_E_EXISTS; -errno. */
int store_add(struct store *s, const struct store_new *a) CAPNP_MUST_USE;
/* 0; STORE_E_NONE; -errno: all three. */
int store_remove(struct store *s, const char *name) CAPNP_MUST_USE;
int store_set_verifier(struct store *s, const char *name, const char *verifier) CAPNP_MUST_USE;
int store_remove_key(struct store *s, const char *name, const char *fingerprint) CAPNP_MUST_USE;
/* Whether any account has this key. 0, or -errno. */
int store_has_key(struct store *s, capnp_data key, bool *ret) CAPNP_MUST_USE;
/* 0; STORE_E_EXISTS; STORE_E_NONE: no such account; STORE_E_FULL; -errno. */
int store_add_key(struct store *s, const char *name, const struct store_key *k,
                  const struct store_options *may) CAPNP_MUST_USE;
/* What something is restricted to. 0; STORE_E_NONE: the account has nothing such, so it is not;
 * -errno. */
int store_options(struct store *s, const char *name, const char *fingerprint,
                  struct store_options *ret) CAPNP_MUST_USE;

/* Both are good for one that is so already, too. reason: at most STORE_REASON_BYTES, may be "". 0;
 * STORE_E_NONE; -errno. */
int store_lock(struct store *s, const char *name, const char *reason) CAPNP_MUST_USE;
int store_unlock(struct store *s, const char *name) CAPNP_MUST_USE;
/* Since 1970; 0: never. 0; STORE_E_NONE; -errno. */
int store_set_expiry(struct store *s, const char *name, uint64_t expires_ms) CAPNP_MUST_USE;
/* Whether and how long somebody gets in. 0; STORE_E_NONE; -errno. */
int store_door(struct store *s, const char *name, struct store_door *ret) CAPNP_MUST_USE;

/* Notes that somebody has got in, without waiting for the disk: a crash of the machine may take it.
 * An account's last login, and the last use of what it was by, which is noted of keys and passkeys
 * alone. renewal: only the latter. 0, or -errno. */
int store_note_login(struct store *s, const char *name, const char *fingerprint,
                     const struct store_login *l, bool renewal) CAPNP_MUST_USE;
/* Calls fn for each SSH key, and for each key of a service account, the oldest first. 0, or -errno.
 */
int store_each_key(struct store *s, const char *name,
                   void (*fn)(void *arg, const struct store_credential *c),
                   void *arg) CAPNP_MUST_USE;

/* 0; STORE_E_EXISTS: the account has this id, or this key, already; STORE_E_NONE: no such service
 * account; STORE_E_FULL; -errno. */
int store_add_service_key(struct store *s, const char *name, const struct store_service_key *k,
                          const struct store_options *may) CAPNP_MUST_USE;
/* 0: *ret_fingerprint is of the one that is gone; STORE_E_NONE; -errno. */
int store_remove_service_key(struct store *s, const char *name, const char *id,
                             char ret_fingerprint[STORE_FINGERPRINT_BYTES]) CAPNP_MUST_USE;

/*
 * Remembers that something was used, which is good once: until it is not good anyway, in seconds
 * since 1970. 0; STORE_E_EXISTS: it was used before; STORE_E_OVER: it is not good any more, or ends
 * before something that is forgotten already, as the clock has gone back since: nobody knows
 * whether it was used; -errno.
 */
int store_use_once(struct store *s, const uint8_t hash[STORE_HASH_BYTES], int64_t until_s,
                   int64_t now_s) CAPNP_MUST_USE;

/* What an identity provider calls somebody: issuer and subject. Both are foreign texts. */
struct store_identity {
        const char *issuer, *subject;
};

/* 0; STORE_E_EXISTS: it is somebody's; STORE_E_NONE: no such account; -errno. */
int store_add_identity(struct store *s, const char *name,
                       const struct store_identity *i) CAPNP_MUST_USE;
/* 0; STORE_E_NONE; -errno. */
int store_remove_identity(struct store *s, const char *name,
                          const struct store_identity *i) CAPNP_MUST_USE;
/* Whose it is. 0; STORE_E_NONE; -errno. */
int store_find_identity(struct store *s, const struct store_identity *i,
                        char ret_name[STORE_NAME_BYTES + 1]) CAPNP_MUST_USE;
/* Makes an account whose only credential it is. 0; STORE_E_EXISTS; -errno. */
int store_add_with_identity(struct store *s, const char *name, const char *profile,
                            const struct store_identity *i) CAPNP_MUST_USE;
/* Calls fn for each of an account's. 0, or -errno. */
int store_each_identity(struct store *s, const char *name,
                        void (*fn)(void *arg, const struct store_identity *i),
                        void *arg) CAPNP_MUST_USE;

/* What store_set_mark() was told last. 0, or -errno. */
int store_mark(struct store *s, struct store_mark *ret) CAPNP_MUST_USE;
/* Remembers it without waiting for the disk: a crash of the machine may take it, nothing else. 0,
 * or -errno. */
int store_set_mark(struct store *s, uint32_t segment,
                   const struct capos_audit_chain *c) CAPNP_MUST_USE;

#endif
