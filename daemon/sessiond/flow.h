/* One attempt to authenticate. */
#ifndef SESSIOND_FLOW_H
#define SESSIOND_FLOW_H

#include "session-names.h"
#include "session-proof.h"
#include "store.h"

#include "admission.capnp-c.h"

#include <capos/capnp.h>

struct admission;
struct attempt;
struct sessiond;

enum { FLOW_STEPS = 4 };

enum flow_state { FLOW_FREE, FLOW_STARTED, FLOW_CHALLENGED, FLOW_PROVING };

struct flow {
        struct admission *ad;
        uint32_t number;
        enum flow_state state;
        enum capos_auth kind;
        bool renewal; /* of the connection's session */
        bool direct;  /* asked by Admission.renew, not by next */
        bool stale;   /* the account has changed meanwhile */
        bool alone;   /* the account's other sessions are to end */
        unsigned steps;
        char account[STORE_NAME_BYTES + 1]; /* "": no account has this name */
        char claimed[129];                  /* the account, as it was claimed */
        char profile[65];
        char credential[STORE_FINGERPRINT_BYTES]; /* what is being tried */
        uint8_t client_nonce[CAPOS_PROOF_CLIENT_NONCE_BYTES];
        uint32_t client_nonce_len;
        uint8_t nonce[CAPOS_PROOF_NONCE_BYTES];
        uint64_t duration_ms;
        struct attempt *attempt; /* while its proof waits or is checked */
        capnp_answer *answer;    /* kept as long */
};

/* The three calls of Admission; each takes a. Legality has been checked. */
int flow_start(struct admission *ad, capnp_answer *a);
int flow_next(struct admission *ad, capnp_answer *a);
int flow_cancel(struct admission *ad, capnp_answer *a);
/* Admission.renew, likewise. */
int flow_renew(struct admission *ad, capnp_answer *a);

/* Ends every flow of a connection. */
void flows_end(struct admission *ad);
/* An account's credentials have changed: what is being proved right now does not count. */
void flows_spoil(struct sessiond *s, const char *account);

#endif
