/* What logins by an identity provider have in common. */
#ifndef SESSIOND_OIDC_H
#define SESSIOND_OIDC_H

#include "issuers.h"
#include "method.h"

enum {
        OIDC_RANDOM_TEXT = 44,   /* base64url of 32 bytes, and a NUL */
        OIDC_SUBJECT_SHOWN = 48, /* bytes of a subject in a record */
};

/* A flow's part: struct claim.own. */
struct oidc {
        struct claim *c;
        struct flow *f;
        struct issuer *issuer;
        struct issuer_wait wait;
        void (*ready)(struct oidc *o); /* its places are known */
        struct fetch_job *job;
        capnp_timer *timer;

        uint64_t interval_ms, until_ms; /* of a device's code; until: since the machine started */
        char device_code[FETCH_CODE_BYTES], user_code[FETCH_USER_CODE_BYTES];
        char url[FETCH_URL_BYTES]; /* where a person goes */
        char redirect[FETCH_URL_BYTES];
        char state[OIDC_RANDOM_TEXT], verifier[OIDC_RANDOM_TEXT], nonce[OIDC_RANDOM_TEXT];

        uint8_t *tokens; /* the ID token, then the access token; NULL: none yet */
        uint32_t id_len, access_len;
        uint8_t *asked;      /* what a prover was told last */
        uint32_t generation; /* … of keys */
        bool looked;         /* an unknown key was looked for */
        uint64_t asked_ms;   /* since the machine started: a proof after that is wanted; 0: any */
};

/* Why it is not offered. */
#define OIDC_OFF "no identity provider in this instance's manifest"
/* Whether the instance has identity providers. */
bool oidc_is_on(const struct policy *p);
/* No proof of a renewal is one. */
bool oidc_recognizes(capnp_data proof);

/* Begins: ready is called once the claim's provider is known, or the flow has ended. redirect:
 * where its answer is waited for; "": nowhere. */
void oidc_begin(struct claim *c, struct flow *f, const char *redirect,
                void (*ready)(struct oidc *o));
/* Has something fetched for the flow; it ends where there is no room. q: url and all. */
void oidc_fetch(struct oidc *o, const struct fetch_request *q, fetch_done *done);
/* Tokens have come: has them proved. */
void oidc_take_tokens(struct oidc *o, const struct fetch_reply *reply);
/* Ends the flow by what the provider has said, or has not. reply: may be NULL. */
void oidc_refuse(struct oidc *o, const struct fetch_reply *reply);
/* The provider does not offer something. */
void oidc_lacks(struct oidc *o, const char *what);

/* What a session says that it was made by. */
void oidc_credential(const struct store_identity *id, char ret[STORE_FINGERPRINT_BYTES]);

/* Whose an identity is: by the store, else by the rule that was met. ret->account: "": one is to be
 * made for it. 0, or the denial. */
enum capos_denial oidc_account(struct sessiond *s, const struct issuer *i,
                               const struct proof_verdict *v, const struct store_identity *id,
                               struct principal *ret);

/* Makes the account that somebody is to have: p->newcomer. 0; STORE_E_EXISTS; -errno. */
int oidc_make(struct sessiond *s, const struct principal *p) CAPNP_MUST_USE;

/* Operations of the methods. */
int oidc_prove(const struct claim *c, const struct store_account *acc, capnp_data response,
               struct method_proof *ret);
enum capos_denial oidc_accept(const struct claim *c, const struct proof_verdict *v,
                              struct principal *ret);
bool oidc_again(struct claim *c, struct flow *f, const struct proof_verdict *v);
void oidc_end(struct claim *c);

#endif
