/* JSON Web Tokens (RFC 7515, 7517, 7518, 7519, 8037, 8725): signed ones, judged by keys that are
 * known. */
#ifndef PROVER_JWT_H
#define PROVER_JWT_H

#include "daemon-token.h"

#include <jansson.h>

enum { JWT_SIGNATURE_BYTES = 2048, JWT_AUDIENCES = 8 };

/* A token, taken apart. Nobody has looked yet whether it is true. */
struct jwt {
        json_t *header, *claims; /* owned */
        const char *issuer;      /* what it says of itself; NULL: nothing */
        const char *key_id;      /* likewise */
        capnp_data text;         /* what is signed; borrowed */
        uint8_t signature[JWT_SIGNATURE_BYTES];
        size_t signature_len;
};

/* For what a token has to be good. */
struct jwt_wanted {
        capnp_data keys;   /* a JSON Web Key Set: who may have signed it. len 0: nobody is known */
        capnp_data issuer; /* `iss`, byte by byte */
        capnp_data audience[JWT_AUDIENCES]; /* one must be in `aud` */
        unsigned naudience;
        capnp_data subject; /* `sub`; len 0: anybody */
        const char *nonce;  /* of TOKEN_NONCE */
        uint32_t flags;     /* enum token_flag */
        uint32_t life_s;    /* of `exp`, from now; 0: any */
        uint32_t fresh_s;   /* of `auth_time`, until now; 0: it is not looked at */
        capnp_data access;  /* what `at_hash`, if there is one, must be of; p NULL: not looked at */
        int64_t now;        /* seconds since 1970 */
};

/* What a good token says. */
struct jwt_said {
        const char *subject; /* borrowed from the token */
        int64_t until;       /* `exp` */
};

/* Takes a token apart. 0; TOKEN_E_FORM. */
int jwt_read(capnp_data token, struct jwt *ret) CAPNP_MUST_USE;
void jwt_deinit(struct jwt *t);
/* Judges one. 0: *ret; enum token_err; -ENOMEM. Costs a signature's check. */
int jwt_judge(const struct jwt *t, const struct jwt_wanted *w, struct jwt_said *ret) CAPNP_MUST_USE;
/* "expired". Static. */
const char *jwt_strerror(int err);

#endif
