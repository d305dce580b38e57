/* The proof transcript: the bytes that a key signs to log in (doc/protocol/admission.md). */
#ifndef CAPOS_SESSION_PROOF_H
#define CAPOS_SESSION_PROOF_H

#include <capos/capnp-base.h>

/* The SSHSIG namespace of every proof. */
#define CAPOS_PROOF_NAMESPACE "login@capos"
/* The first field. A change of the format is a new label. */
#define CAPOS_PROOF_LABEL "capos admission proof 1"

enum {
        CAPOS_PROOF_NONCE_BYTES = 32,        /* of the session manager's nonce */
        CAPOS_PROOF_CLIENT_NONCE_BYTES = 64, /* of the client's, at most */
        CAPOS_PROOF_BYTES = 1024,            /* room that every transcript fits in */
        CAPOS_PROOF_HASH_BYTES = 32,         /* of a transcript */
        CAPOS_PROOF_NONCE_TEXT = 44,         /* that hash as a token has it, and a NUL */
        CAPOS_PROOF_AUDIENCE = 64,           /* room for the instance's name in an assertion */
};

/* What a transcript binds together. Whoever verifies one fills in what it knows by itself. */
struct capos_proof {
        const char *transport;      /* "plain", "tls", "tls-key" or "unix" */
        capnp_data channel_binding; /* tls: tls-exporter; else empty */
        capnp_data nonce;           /* the session manager's, single-use */
        capnp_data client_nonce;    /* RemoteAuthStart.clientNonce; empty for a renewal */
        capnp_text account;         /* RemoteAuthStart.selector.account */
        capnp_text profile;         /* as requested; may be empty. For a renewal the session's */
        capnp_data server_key_hash; /* empty without TLS */
};

/* Writes a transcript. 0; CAPNP_E_LIMIT: it does not fit in room bytes. */
int capos_proof_write(const struct capos_proof *p, uint8_t *out, size_t room,
                      size_t *ret_len) CAPNP_MUST_USE;
/* The `nonce` of a token that is bound to a transcript: its SHA-256 in base64url. */
void capos_proof_nonce(const uint8_t hash[CAPOS_PROOF_HASH_BYTES],
                       char ret[CAPOS_PROOF_NONCE_TEXT]);
/* The `aud` of an assertion: the fingerprint of the instance's key; "capos" without TLS. */
void capos_proof_audience(capnp_data server_key_hash, char ret[CAPOS_PROOF_AUDIENCE]);

#endif
