/* What a browser hands over for an authenticator: its JSON, and what it says of itself in that. */
#ifndef PROVER_PASSKEY_CLIENT_H
#define PROVER_PASSKEY_CLIENT_H

#include "daemon-packets.h"

#include <capos/capnp-base.h>

/* What can be wrong with a passkey's response. */
enum passkey_err {
        PASSKEY_E_FORM = 1, /* none at all: not its JSON, not base64url, damaged */
        PASSKEY_E_TYPE,     /* made for something else */
        PASSKEY_E_CHALLENGE,
        PASSKEY_E_ORIGIN,
        PASSKEY_E_CROSS,      /* made inside another page */
        PASSKEY_E_PARTY,      /* for another relying party */
        PASSKEY_E_ABSENT,     /* nobody was there */
        PASSKEY_E_UNVERIFIED, /* somebody was, nobody knows who */
        PASSKEY_E_BACKUP,     /* it has a copy, and cannot have one */
        PASSKEY_E_CREDENTIAL, /* by another passkey, or by none that is known */
        PASSKEY_E_USER,       /* for another account */
        PASSKEY_E_SIGNATURE,
        PASSKEY_E_ALGORITHM,   /* of a new one: not accepted */
        PASSKEY_E_KEY,         /* likewise: no key */
        PASSKEY_E_ATTESTATION, /* likewise: not as is wanted */
        PASSKEY_E_MAKE,        /* likewise: of a make that is not accepted */
        PASSKEY_E_TOKEN,       /* bound to a connection by token binding, which there is not */
        PASSKEY_E_EXTENSIONS,  /* what it says of extensions is no map of theirs */
        PASSKEY_ERRS
};

/* For whom it has to be made. */
struct passkey_party {
        const char *id;
        capnp_data origins; /* each ended by a zero */
};

/* A response, decoded; what is not there is empty. */
struct passkey_response {
        capnp_data id;
        capnp_data client;    /* what the browser says: JSON, which is signed */
        capnp_data data;      /* what the authenticator says; of a new one: the object */
        capnp_data signature; /* of a login */
        capnp_data user;      /* the user handle */
        size_t used;
        uint8_t bytes[PASSKEY_RESPONSE_BYTES]; /* they lie here */
};

/* Reads the third part of a request. 0; PASSKEY_E_FORM. */
int passkey_party_read(capnp_data part, struct passkey_party *ret) CAPNP_MUST_USE;
/* Reads a response; is_new: of a registration. 0; PASSKEY_E_FORM. */
int passkey_response_read(capnp_data json, bool is_new,
                          struct passkey_response *ret) CAPNP_MUST_USE;
/* Judges what the browser says. type: "webauthn.get", or ".create". 0; enum passkey_err. */
int passkey_client_check(capnp_data client, const char *type,
                         const uint8_t challenge[PASSKEY_CHALLENGE_BYTES],
                         const struct passkey_party *p) CAPNP_MUST_USE;
/* "for another account". Static. */
const char *passkey_strerror(int err);

#endif
