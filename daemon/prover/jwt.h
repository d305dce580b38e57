/* JSON Web Tokens (RFC 7515, 7517, 7518, 7519, 8037, 8725): signed ones, judged by keys that are
 * known. */
#ifndef PROVER_JWT_H
#define PROVER_JWT_H

#include <capos/capnp-base.h>

#include <jansson.h>

/* What can be wrong with a token. */
enum jwt_err {
        JWT_E_FORM = 1,  /* no signed token: not three parts, not base64url, not JSON */
        JWT_E_ALGORITHM, /* one that is not accepted, `none` above all */
        JWT_E_HEADER, /* it wants something that is not understood here (`crit`), or brings a key */
        JWT_E_TYPE,   /* a token for something else */
        JWT_E_KEYS,   /* the set of keys cannot be read */
        JWT_E_KEY,    /* no key of this id, or several, or not for this */
        JWT_E_SIGNATURE, /* not signed by that key */
        JWT_E_ISSUER,    /* from somebody else */
        JWT_E_AUDIENCE,  /* for somebody else */
        JWT_E_EXPIRED,
        JWT_E_EARLY,   /* not valid yet, or issued in the future */
        JWT_E_NONCE,   /* for another login */
        JWT_E_SUBJECT, /* for nobody */
        JWT_E_HASH,    /* the access token beside it is another */
};

enum { JWT_TOKEN_BYTES = 32 * 1024, JWT_KEYS_BYTES = 48 * 1024, JWT_SKEW_S = 60 };

/* For what a token has to be good. */
struct jwt_wanted {
        capnp_data keys;    /* a JSON Web Key Set: who may have signed it */
        const char *issuer; /* `iss`, byte by byte */
        const char
                *audience; /* who must be in `aud`; and `azp`, where there is one, or has to be */
        const char *nonce; /* NULL: any */
        const char *type;  /* `typ`, beside `JWT` and none; NULL: no other */
        capnp_data access; /* what `at_hash`, if there is one, must be of; p NULL: it is not
                            * looked at */
        int64_t now;       /* seconds since 1970 */
};

struct jwt {
        json_t *claims; /* owned: all of them */
        const char *subject;
        int64_t until; /* `exp` */
};

/* Judges a token. 0: *ret; enum jwt_err; -ENOMEM. Costs a signature's check. */
int jwt_judge(capnp_data token, const struct jwt_wanted *w, struct jwt *ret) CAPNP_MUST_USE;
void jwt_deinit(struct jwt *t);
/* "expired". Static. */
const char *jwt_strerror(int err);

#endif
