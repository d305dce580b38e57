/* How much a proof is worth: what a session was made by, and what may renew it. */
#ifndef SESSIOND_STRENGTH_H
#define SESSIOND_STRENGTH_H

#include "origin.h"
#include "session-names.h"

/* In order: who has what a later one demands is thought to be harder to imitate. */
enum strength {
        STRENGTH_NONE,       /* nothing was proved */
        STRENGTH_TOKEN,      /* a token that is good wherever it is shown */
        STRENGTH_PASSWORD,   /* a secret that is told; of a token, one bound to our key alone */
        STRENGTH_ASSERTED,   /* a provider's word about this channel */
        STRENGTH_SIGNED_KEY, /* a private key, for us alone */
        STRENGTH_SIGNED,     /* a private key, for this channel; without TLS there is none */
        STRENGTH_TOUCHED,    /* likewise, and somebody was there */
};

/* A proof, as far as it matters. */
struct strength_of {
        enum capos_auth kind;
        enum binding binding; /* what it was made over */
        bool touched;         /* somebody has touched a security key for it */
        bool unbound;         /* it is bound to nothing: whoever has it can show it */
};

/* What a session is worth that this proof has made. */
enum strength strength_made(const struct strength_of *p);
/* Whether this proof may renew a session that `by` is the kind of, and that is worth `made`. */
bool strength_renews(const struct strength_of *p, enum capos_auth by, enum strength made);

#endif
