/* What a method of logging in is: one file, and one row of the table in methods.c. */
#ifndef SESSIOND_METHOD_H
#define SESSIOND_METHOD_H

#include "daemon-packets.h"
#include "origin.h"
#include "policy.h"
#include "session-proof.h"
#include "store.h"
#include "throttle.h"

struct flow;
struct issuer;

/* What a client says that it is, and the nonce that was given out for it. */
struct claim {
        const struct origin *origin;
        char account[STORE_NAME_BYTES + 1]; /* "": no account has this name */
        char claimed[129];                  /* the account, as it was claimed */
        char profile[65];
        uint8_t client_nonce[CAPOS_PROOF_CLIENT_NONCE_BYTES];
        uint32_t client_nonce_len;
        uint8_t nonce[CAPOS_PROOF_NONCE_BYTES];
        bool asked; /* a step was shown to the client */
        enum binding binding;
        char issuer[65]; /* the identity provider that is meant, by its name; "": the first */
        void *own;       /* the method's; NULL at first */
};

/* What a prover is to look at. */
struct method_proof {
        enum proof_kind kind;
        capnp_data parts[3];                      /* borrowed; read before anything else happens */
        char credential[STORE_FINGERPRINT_BYTES]; /* what is being tried */
        uint64_t enrolment; /* the number of the one whose key is; 0: it is of none */
        uint8_t transcript[CAPOS_PROOF_BYTES]; /* room for a part that is made here */
        struct proof_connection connection;    /* … and for another */
        struct proof_passkey passkey;          /* … and for another */
};

/* Who somebody is, once a proof was good. */
struct principal {
        char account[STORE_NAME_BYTES + 1];
        const char
                *profile; /* the one of the account's that it may have; NULL: any. The policy's */
        char credential[STORE_FINGERPRINT_BYTES]; /* what was proved; "": what was tried */
        char authority[STORE_FINGERPRINT_BYTES];  /* the key that has certified that; "": none */
        uint64_t until_ms;                        /* wall time, when that is over; 0: it is not */
        struct store_door door;                   /* of the account; filled in by login.c */
        uint64_t
                credential_ms; /* likewise: when the key is over that has proved it; 0: it is not */
        char only[65];         /* likewise: room for its profile */
        bool unbound;          /* what was proved is bound to no channel */
        bool once; /* … and is good once, until until_ms: this is what it is known again by */
        uint8_t once_hash[STORE_HASH_BYTES];
        /* Whose account is made now, with `profile`, if all else is as it should be: issuer NULL:
         * it is there. Borrowed from the policy and the verdict. */
        struct store_identity newcomer;
        bool touched;                        /* somebody has touched a security key */
        char detail[CAPOS_AUDIT_TEXT_BYTES]; /* for the audit log; "": nothing. Of a denial, too */
        const char *why; /* of a denial, for the client; NULL: it is told no more */
};

/* The transcript that a proof of a claim is made over (doc/protocol/admission.md). 0; -EINVAL: it
 * does not fit, which no claim's does. *known: filled in, and borrowed from the claim; may be NULL.
 */
int claim_transcript(const struct claim *c, struct capos_proof *known,
                     uint8_t to[CAPOS_PROOF_BYTES], size_t *ret_len) CAPNP_MUST_USE;
/* The nonce of a token that proves a claim. 0; -EINVAL. */
int claim_token_nonce(const struct claim *c, char ret[CAPOS_PROOF_NONCE_TEXT]) CAPNP_MUST_USE;

/* Whose accounts a method is for. A service account is a program's. */
enum method_whose { METHOD_FOR_PEOPLE, METHOD_FOR_SERVICES, METHOD_FOR_BOTH };

/* What a response of a client's comes to. */
enum method_turn {
        METHOD_STEP,    /* it is shown what to do next */
        METHOD_PROOF,   /* it is a proof: to be checked */
        METHOD_REFUSED, /* it is out of turn */
        METHOD_WAIT,    /* somebody else has to be asked first */
};

/*
 * How a proof is made: the engine (flow.c) calls these in this order, any number of steps first.
 * None may block; none keeps what it is given, except in *ret.
 */
struct method_ops {
        enum throttle_kind throttle; /* failures of which kind count, and are waited for */
        enum method_whose whose;
        uint32_t response_bytes; /* the longest response */
        bool binds;              /* a proof is made over what the claim says it is bound to */
        enum binding binding;    /* else: what it is bound to */
        const char *refused;     /* why a response is out of turn, for the client; may be NULL */
        /* Whether a proof of a renewal, which says no kind, is one of these. */
        bool (*recognizes)(capnp_data proof);
        /* What a response means. */
        enum method_turn (*turn)(const struct claim *c, capnp_data response);
        /* Fills in what the client is shown. NULL: there are no steps. */
        void (*step)(const struct claim *c, remote_auth_step_builder b);
        /* What a prover has to check. acc: what is stored of the claim's account; empty when there
         * is none, which must look and cost the same. 0, or -errno. */
        int (*prove)(const struct claim *c, const struct store_account *acc, capnp_data response,
                     struct method_proof *ret);
        /* Who it is, by a verdict. 0: *ret; else the denial. */
        enum capos_denial (*accept)(const struct claim *c, const struct proof_verdict *v,
                                    struct principal *ret);
        /*
         * Of methods that ask others, NULL elsewhere. wait: after METHOD_WAIT; one of flow_go_on(),
         * flow_refuse(), flow_full() (flow.h) is called then, from within or later. again: a
         * verdict that may be another one when somebody else has been asked: likewise, and true;
         * false: it counts. end: the flow is over; frees what is the method's.
         */
        void (*wait)(struct claim *c, struct flow *f, capnp_data response);
        bool (*again)(struct claim *c, struct flow *f, const struct proof_verdict *v);
        void (*end)(struct claim *c);
        bool patient;   /* a step is a person's to do: it has the time of `limits.person` */
        bool elsewhere; /* somebody else says who it is: a claim can be any name */
        bool unbound;   /* a proof is bound to no channel: only for profiles that allow it */
        bool same;      /* it renews only what the same credential has made */
};

struct method {
        bool needs_tls; /* there is nothing to prove it by on other connections */
        /* Whether this instance offers it; and why it does not, and what would change that. NULL:
         * the manifest says so in one word. */
        bool (*is_on)(const struct policy *p);
        const char *off;
        /* Whether it can lead to a profile of those that accounts have. NULL: to each. */
        bool (*gives)(const struct policy *p, const struct policy_profile *profile);
        /* A way in without an account and without a proof: what the manifest says of it. NULL: it
         * takes a proof. */
        const struct policy_entry *(*entry)(const struct policy *p);
        const struct method_ops *ops; /* NULL: it takes none */
};

extern const struct method method_password, method_key, method_passkey, method_certificate,
        method_guest, method_anonymous, method_service, method_device, method_browser;

#endif
