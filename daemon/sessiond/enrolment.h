/* Keys of clients whose line may drop: each lets its client come back to one session. */
#ifndef SESSIOND_ENROLMENT_H
#define SESSIOND_ENROLMENT_H

#include "base-list.h"
#include "daemon-packets.h"
#include "dates.h"
#include "origin.h"
#include "policy.h"
#include "session-names.h"
#include "store.h"

#include <capos/capnp.h>

struct session;
struct sessiond;

enum {
        ENROLMENT_KEY_BYTES = 51, /* of an ssh-ed25519 key */
        ENROLMENT_ID_BYTES = 33,  /* of a session's id */
        ENROLMENT_AWAY = POLICY_GRANTS,
        ENROLMENTS_OF_ACCOUNT = 16, /* whose line has dropped */
        ENROLMENTS_DROPPED = 1024,  /* likewise, of all accounts */
};

/* What a session rests on: what has made it, has renewed it last, has raised it last. */
enum { RESTS_MADE, RESTS_RENEWED, RESTS_RAISED, RESTS };

/* What the first session was, which is all that those that come back can be. */
struct enrolment {
        struct sessiond *s;
        struct capnp_i_list link; /* sessiond.enrolments */
        uint64_t number;          /* of all that there have been */
        struct session *session;  /* NULL: its line has dropped */
        char first[ENROLMENT_ID_BYTES], before[ENROLMENT_ID_BYTES],
                last[ENROLMENT_ID_BYTES]; /* sessions: the one that enrolled, the last two */
        char account[STORE_NAME_BYTES + 1];
        char credential[STORE_FINGERPRINT_BYTES];
        char renewed[STORE_FINGERPRINT_BYTES]; /* what has renewed it last; "": nothing has */
        char raised[STORE_FINGERPRINT_BYTES];  /* what has raised it last; likewise */
        char authority[RESTS][STORE_FINGERPRINT_BYTES]; /* the keys that have certified these */
        enum capos_auth kind, by; /* what made it; … or has raised it last */
        enum binding binding;
        enum strength strength;
        uint32_t transport; /* enum packet_transport */
        char host[64];      /* where it has to come from; "": from anywhere */
        const struct policy_profile *profile;
        struct dates dates;       /* when it has to be over */
        struct store_login login; /* the account's before the first session */
        uint64_t deadline_ms;     /* since the machine started: the lease of the session */
        uint64_t expires_ms;      /* wall time: the same, for people */
        uint64_t begun_ms;        /* since the machine started: the last login or renewal */
        uint64_t asked_ms;        /* how long that was to be; 0: what the profile says */
        uint64_t started_ms;      /* since 1970: of the last session */
        uint64_t dropped_ms;      /* likewise: when its line did; 0: it is there */
        bool unbound;             /* what was proved is bound to no channel */
        char away[ENROLMENT_AWAY][POLICY_NAME_BYTES + 1]; /* what was taken, and stays away */
        unsigned naway;
        char source[64]; /* where the last session came from */
        uint8_t key[ENROLMENT_KEY_BYTES];
        char fingerprint[STORE_FINGERPRINT_BYTES];
};

/* Whether it can be one: an Ed25519 key in SSH's form that is of some use. */
bool enrolment_key_ok(capnp_data key);
/* Takes a copy of what is known of the session, and of the key; *n is filled in by the caller but
 * for link, number, key and fingerprint. 0; -ENOMEM. */
int enrolment_new(struct sessiond *s, const struct enrolment *n, capnp_data key,
                  struct enrolment **ret) CAPNP_MUST_USE;
/* The session has ended, and the client may come back: its line has dropped. */
void enrolment_drop(struct enrolment *n);
/* It is over. NULL does nothing. Returns NULL. */
struct enrolment *enrolment_end(struct enrolment *n);
/* Its dates, or the clock, are others now: it ends no later than they say. */
void enrolment_cut(struct enrolment *n);
/* Somebody of the instance has ended it; its line has dropped. reason: for the record. */
void enrolment_over(struct enrolment *n, const char *reason);
/* What was taken is not had again by coming back, whatever the profile has by then. Returns n; what
 * cannot be remembered is the end of it, and NULL. */
struct enrolment *enrolment_keep_away(struct enrolment *n, const char *name);
bool enrolment_is_away(const struct enrolment *n, const char *name);
/* What is left of it. */
uint64_t enrolment_left_ms(const struct enrolment *n);

/* The one that a key is for: what begins with its bytes. account: NULL: of any. NULL: none. */
struct enrolment *enrolments_find(struct sessiond *s, const char *account, capnp_data key);
struct enrolment *enrolments_get(struct sessiond *s, uint64_t number);
/* Ends those of an account whose line has dropped, or only those that rest on a credential, as a
 * session does (NULL: all). reason: for the record. */
void enrolments_end(struct sessiond *s, const char *account, const char *credential,
                    const char *reason);
/* The next one that waits for its client, after another; NULL: the first. NULL: there is no more.
 */
struct enrolment *enrolments_next(struct sessiond *s, struct enrolment *after);
/* The one by which a session can be come back to, or was: whatever it is called by now. NULL: there
 * is none. */
struct enrolment *enrolments_of(struct sessiond *s, capnp_text session);
/* Takes a capability of its session away, or with an empty name all of it: then it is gone. 0;
 * CAPNP_E_UNKNOWN: it has none of this name. */
int enrolment_revoke(struct enrolment *n, capnp_text name) CAPNP_MUST_USE;
void enrolments_deinit(struct sessiond *s);

#endif
