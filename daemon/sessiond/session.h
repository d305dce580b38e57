/* A session: who, what was granted, until when; bound to one connection, once. */
#ifndef SESSIOND_SESSION_H
#define SESSIOND_SESSION_H

#include "base-list.h"
#include "daemon-packets.h"
#include "dates.h"
#include "enrolment.h"
#include "grant.h"
#include "ledgers.h"
#include "origin.h"
#include "policy.h"
#include "session-names.h"
#include "session-proof.h"
#include "store.h"

#include "admission.capnp-c.h"

struct origin;
struct sessiond;

enum { SESSION_ID_BYTES = 16 };

/* Why a session has ended. */
enum session_end {
        SESSION_LOGOUT,
        SESSION_EXPIRY,
        SESSION_REVOCATION,   /* of itself, of its account, of what it was made with */
        SESSION_DISPLACEMENT, /* by another, or by its own client that has come back */
        SESSION_DISCONNECT
};

/* Why, for a client: of a revocation that is not of this one session. */
#define REVOKED_ACCOUNT    "revoked: the account was removed"
#define REVOKED_LOCKED     "revoked: the account is locked"
#define REVOKED_CREDENTIAL "revoked: what it was proved by was taken away"

/* What whoever holds a session is told, from inside the functions here. */
struct session_ops {
        /* It ends. Its sockets are shut right after this, so what its worker is to hear first is
         * sent now. Once; the session is not used again. */
        void (*ended)(void *arg, enum session_end why, const char *reason);
        /* A capability was taken away: likewise. */
        void (*changed)(void *arg);
};

struct session {
        struct sessiond *s;
        struct capnp_i_list link;
        const struct origin *origin;   /* outlives it */
        struct place place;            /* what it takes of the instance */
        const struct session_ops *ops; /* NULL: nobody holds it */
        void *arg;
        const struct policy_profile *profile;
        char id[2 * SESSION_ID_BYTES + 1];
        char first[2 * SESSION_ID_BYTES + 1]; /* of the session that it goes on from, or its own */
        char account[STORE_NAME_BYTES + 1];   /* "": guest or anonymous */
        char credential[STORE_FINGERPRINT_BYTES]; /* what made it: "password", a fingerprint */
        char renewed[STORE_FINGERPRINT_BYTES];    /* what has renewed it last; "": nothing has */
        char raised[STORE_FINGERPRINT_BYTES];     /* what has raised it last; "": nothing has */
        char authority[RESTS][STORE_FINGERPRINT_BYTES]; /* the keys that have certified these */
        char made_in[POLICY_NAME_BYTES + 1];            /* the profile that it was made in */
        enum capos_auth kind;                           /* what made it */
        enum capos_auth by;                             /* … or has raised it last */
        enum binding binding;                           /* of the proofs that renew it */
        enum strength strength; /* … which are worth as much as that, or more */
        uint8_t challenge[CAPOS_PROOF_NONCE_BYTES]; /* for renewing; zero when it can't be */
        uint64_t started_ms, expires_ms;            /* wall time */
        struct dates dates;                         /* … when it has to be over */
        struct store_login before;                  /* the account's login before this one */
        bool certified;                             /* an SSH certificate has made it */
        uint32_t rules;       /* generation of those by which its certificate was judged last */
        uint64_t passed_over; /* by others: which time it was that it was not judged; 0: never */
        unsigned unjudged;    /* how often a prover that was asked by these rules gave no verdict */
        uint64_t deadline_ms; /* since the machine started */
        uint64_t begun_ms;    /* likewise: the last login or renewal */
        uint64_t asked_ms;    /* how long that was to be; 0: what the profile says */
        capnp_timer *expiry;
        capnp_timer *entries;        /* for the next capability whose lease ends before */
        struct enrolment *enrolment; /* NULL: its client cannot come back */
        bool unbound;                /* what was proved is bound to no channel */
        bool notice;                 /* the worker has not been told what it is now */
        bool yields;                 /* for the place that was asked for last: places.h */
        struct grant **grants; /* the profile's, in its order; then those that it has no more */
        unsigned ngrants;
};

/* Who a session is for: what a proof has established. */
struct session_who {
        const char *account; /* "": nobody */
        const char *credential;
        const char *authority; /* that has certified it; NULL, "": none has */
        enum capos_auth kind;
        enum binding binding;
        enum strength strength;
        const struct policy_profile *profile;
        struct dates dates;          /* when it has to be over */
        bool unbound;                /* what was proved is bound to no channel */
        struct store_login before;   /* of the account */
        bool certified;              /* by an SSH certificate */
        bool alone;                  /* it takes the place of all others of the account */
        struct enrolment *enrolment; /* its client comes back; NULL: it does not */
};

/* What a session is renewed by. */
struct session_renewal {
        const char *credential;
        const char *authority; /* that has certified it; NULL, "": none has */
        uint64_t duration_ms;  /* from now; 0: what the profile says */
        uint64_t until_ms;     /* wall time, when what was proved is over; 0: it is not */
        bool replaces;         /* … and when it was by the proof before, counts no more */
        bool raises;           /* it has raised the session, too */
};

/* A lease that does not count yet. Zeroed: none. */
struct session_lease {
        capnp_timer *timer;
        struct dates dates;
        uint64_t begun_ms, deadline_ms; /* since the machine started */
        uint64_t expires_ms;            /* wall time */
};

/* What a session is counted as. */
enum conn_class session_class(const char *account, enum capos_auth kind);
/* Makes a session that nobody knows of yet: session_begin() or session_free(). 0; -ENOMEM. */
int session_new(const struct origin *o, const struct session_who *who,
                struct session **ret) CAPNP_MUST_USE;
struct session *session_free(struct session *e);
void session_freep(struct session **e);
/* It counts from now on, until session_end(). who: as when it was made. place: places_take()'s;
 * takes it. */
void session_begin(struct session *e, const struct session_who *who, struct place *place);
/* Who is told what happens to it. */
void session_bind(struct session *e, const struct session_ops *ops, void *arg);
/* Ends it for good: tells its holder, closes every grant, records why. Frees it. reason: for the
 * client. */
void session_end(struct session *e, enum session_end why, const char *reason);
/* Takes one capability away. 0; CAPNP_E_UNKNOWN: it has none of this name. */
int session_revoke(struct session *e, capnp_text name) CAPNP_MUST_USE;
/* The same for one of them. The session goes on; nothing is recorded. why: for people, static;
 * NULL: somebody of the instance has. */
void session_take(struct session *e, struct grant *g, const char *why);
/* It is to end by then, since the machine started, if not before, and its capabilities by their
 * own leases. CAPNP_E_LIMIT: it has ended already, but for session_end(); -ENOMEM: likewise. */
int session_shorten(struct session *e, uint64_t deadline_ms) CAPNP_MUST_USE;
/* Its worker is to be told what it is now. */
void session_changed(struct session *e);
/* What was taken from it stays away from whoever comes back to it, but for what the policy alone
 * has taken. It may have no enrolment afterwards. */
void session_tell_away(struct session *e);
/* Makes a lease, within the bounds of a profile that it is to have, and not after what made the
 * session, or what renews it. 0; -ENOMEM. */
int session_lease_new(struct session *e, const struct session_renewal *by,
                      const struct policy_profile *p, struct session_lease *ret) CAPNP_MUST_USE;
void session_lease_deinit(struct session_lease *l);
/* Gives it that lease, and a new challenge; from now on it rests on what renews it, too. l: made by
 * the same; takes it. */
void session_renew(struct session *e, const struct session_renewal *by, struct session_lease *l);

/* It rests on a key of this authority's; NULL, "": on none's. what: RESTS_… */
void session_rest_on(struct session *e, unsigned what, const char *authority);
/* Its dates, or the clock, are others now: it ends no later than they say. May end it. */
void session_cut(struct session *e);

/* Whether its worker has still to be told that a capability of this name was taken away. */
bool session_owes(const struct session *e, capnp_text name);
/* NULL when there is none. */
struct grant *session_grant(struct session *e, capnp_text name);
/* Describes it, to whoever is told by audit_return(). */
void session_fill(const struct session *e, bound_builder b);
/* How far the log has got that is on disk. */
void session_witness(const struct session *e, log_witness_builder b);
/* Adds a record of something that concerns this session. capability, detail: may be NULL. */
void session_audit(const struct session *e, const char *what, const char *outcome,
                   const char *capability, const char *detail);

/* The same for what may be done again and again: counted. */
void session_audit_counted(const struct session *e, const char *what, const char *outcome,
                           const char *capability, const char *detail);

/* Whether a credential made it, or has renewed or raised it last. */
bool session_rests_on(const struct session *e, const char *credential);
/* Ends the sessions of an account, or only those that rest on a credential: it made them, or has
 * renewed them last (NULL: all); and those that its clients could come back to. reason: for their
 * clients. */
void sessions_end(struct sessiond *s, const char *account, const char *credential,
                  const char *reason);
/* Ends all others of its account, likewise. */
void sessions_end_others(const struct session *e, const char *reason);
/* Finds a session by its id. NULL: there is none. */
struct session *sessions_find(struct sessiond *s, capnp_text id);

#endif
