/* How much a proof is worth, and what profiles demand of one. */
#ifndef CAPOS_DAEMON_STRENGTH_H
#define CAPOS_DAEMON_STRENGTH_H

#include <capos/capos-names.h>

#include "manifest.capnp-c.h"

/* What a proof is bound to, beside its nonce. */
enum binding {
        BINDING_NONE,        /* there is no TLS */
        BINDING_EXPORTER,    /* the channel */
        BINDING_SERVER_KEY,  /* the instance's key */
        BINDING_CERTIFICATE, /* the handshake, which the client has signed */
};

/* A proof, as far as it matters. Its strength is the manifest's `enum strength`, in that order: who
 * has what a later one demands is thought to be harder to imitate. */
struct strength_of {
        enum capos_auth kind;
        enum binding binding; /* what it was made over */
        bool touched;         /* somebody has touched a security key for it */
        bool unbound;         /* it is bound to nothing: whoever has it can show it */
};

/* What a profile demands. */
struct strength_demand {
        uint32_t methods; /* a bit for each kind; 0: any */
        enum strength at_least;
};

enum { STRENGTH_TEXT = 160 };

/* What a session is worth that this proof has made. */
enum strength strength_made(const struct strength_of *p);
/* Whether this proof may renew a session that `by` is the kind of, and that is worth `made`. */
bool strength_renews(const struct strength_of *p, enum capos_auth by, enum strength made);
/* The most that a proof of a kind can be worth. */
enum strength strength_best(enum capos_auth kind);

/* Of a manifest that was checked; what is unknown in it nobody meets. */
struct strength_demand strength_demanded(profile_reader p);
/* made: what the proof is worth. */
bool strength_meets(const struct strength_demand *d, enum capos_auth kind, enum strength made);
/* Whether some proof of a kind can. */
bool strength_may_meet(const struct strength_demand *d, enum capos_auth kind);
/* "it demands key or passkey, a proof worth `touched`": for a person. Returns out. */
const char *strength_say(const struct strength_demand *d, char out[STRENGTH_TEXT]);

/* A kind as commands and manifests name it: "key". Static. */
const char *auth_word(enum capos_auth kind);
/* CAPOS_AUTH_KINDS: there is none of this name. */
enum capos_auth auth_of_word(capnp_text t);

#endif
