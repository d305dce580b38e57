/*
 * TLS 1.3 for a connection of a vat: who it is spoken with is decided before the first message.
 *
 * Two objects. A context has the settings, a certificate and what to check others by; it is made
 * once, and a server's may be made before a fork. A capos_i_tls is one connection's: it is put
 * into a connection that was just made by capnp_conn_new() or capnp_conn_connect(), and belongs to
 * it from then on. Messages that a program sends meanwhile wait for the handshake.
 *
 * How a connection ended is its core's reason, as ever (capnp_rpc_is_closed()): what is wrong with
 * the TLS of it begins with "TLS: ".
 */
#ifndef CAPOS_TLS_H
#define CAPOS_TLS_H

#include <capos/capnp-vat.h>

/* One set of settings. */
struct capos_i_tls_context;
/* The TLS of one connection. */
struct capos_i_tls;

enum {
        CAPOS_I_TLS_HASH = 32, /* bytes of every hash here, which are all SHA-256, and of a nonce */
        CAPOS_I_TLS_TRANSCRIPT = 32 * 1024,   /* bytes of a handshake that are kept, at most */
        CAPOS_I_TLS_DEADLINE_MS = 10 * 1000,  /* for a handshake */
        CAPOS_I_TLS_NONCE_EXTENSION = 0xff43, /* of CertificateRequest; from the private range */
};

/* Why a context cannot be made: what is wrong with what was given. */
enum {
        CAPOS_I_TLS_E_CERTIFICATE =
                1,         /* no certificate in PEM, or its key is not P-256 or Ed25519 */
        CAPOS_I_TLS_E_KEY, /* no private key in PEM, an encrypted one, another one's */
        CAPOS_I_TLS_E_CA,  /* no certificates to check by */
};

struct capos_i_tls_server_settings {
        capnp_data certificates; /* PEM, the server's own first; copied */
        /*
         * Signs a server's CertificateVerify over this transcript hash, with the key of the first
         * certificate. *len: the room at sig, then what was used. Called from the vat's loop, once
         * a handshake, and may block it. 0; anything else: the handshake fails.
         */
        int (*sign)(void *arg, const uint8_t hash[CAPOS_I_TLS_HASH], uint8_t *sig, size_t *len);
        void *arg;
        bool asks_certificate; /* the client may show one. Any is accepted: who reads the transcript
                                * decides what it is worth */
        /* PEM; up to 16 are told to the client by name, more are not. May be empty. Copied */
        capnp_data issuers;
};

/* Either pins (no CA is named: each connection needs a check) or verifies, never both. */
struct capos_i_tls_client_settings {
        const char *ca_file; /* PEM, those that may have issued; NULL: none */
        bool ca_system;      /* the machine's certificates */
        capnp_data
                certificates; /* to be shown when the server asks; PEM, own first; may be empty */
        capnp_data key;       /* its private key; PEM, not encrypted */
};

/* Makes a server's context. 0; CAPOS_I_TLS_E_CERTIFICATE; CAPOS_I_TLS_E_CA: issuers; -ENOMEM, also
 * for what OpenSSL cannot do. */
int capos_i_tls_server_new(const struct capos_i_tls_server_settings *s,
                           struct capos_i_tls_context **ret) CAPNP_MUST_USE;
/* Makes a client's. 0; CAPOS_I_TLS_E_CERTIFICATE, _KEY: what it is to show; CAPOS_I_TLS_E_CA: the
 * file; -ENOMEM. */
int capos_i_tls_client_new(const struct capos_i_tls_client_settings *s,
                           struct capos_i_tls_context **ret) CAPNP_MUST_USE;
/* Drops the caller's hold; connections keep what they need of it. NULL is fine. Returns NULL. */
struct capos_i_tls_context *capos_i_tls_context_unref(struct capos_i_tls_context *x);

/* What one connection has of its own. */
struct capos_i_tls_plan {
        /* Client: a name or an address as text. Told to the server, and what a certificate must be
         * made out to where one is verified. Needed for that; else may be NULL. Borrowed until the
         * call returns. */
        const char *host;
        /*
         * Client that pins: whether this is the server, by the SHA-256 of its public key
         * (SubjectPublicKeyInfo), which the handshake has proved that it has. NULL: it is; else the
         * reason why not, a text that lives until the connection is freed. Nothing has been sent
         * but a ClientHello then, and nothing will be when it is refused. Must not wait for a
         * person: the server gives up after 10 seconds.
         */
        const char *(*check)(void *arg, const uint8_t key[CAPOS_I_TLS_HASH]);
        /* The handshake is done, before any message is read. Called once, from the vat's loop; may
         * make calls. May be NULL. */
        void (*secured)(void *arg, struct capos_i_tls *t);
        void *arg;
        /* Server that asks for certificates: 32 bytes that the client's signature will cover (in
         * CertificateRequest); copied. May be NULL. */
        const uint8_t *nonce;
};

/*
 * Puts TLS into a connection, as client or as server, before the vat runs again. The peer then has
 * 10 seconds and 64 KiB for the handshake.
 *
 * v: the vat of c. ret_t: borrowed; valid as long as c is held and the vat is not freed; may be
 * NULL. 0; -EINVAL: a client that neither verifies nor checks, or verifies and has no host;
 * -EALREADY: there is a filter; -ESHUTDOWN: the vat is gone; -ENOMEM.
 */
int capos_i_tls_connect(capnp_vat *v, capnp_conn *c, struct capos_i_tls_context *x,
                        const struct capos_i_tls_plan *p,
                        struct capos_i_tls **ret_t) CAPNP_MUST_USE;
int capos_i_tls_accept(capnp_vat *v, capnp_conn *c, struct capos_i_tls_context *x,
                       const struct capos_i_tls_plan *p, struct capos_i_tls **ret_t) CAPNP_MUST_USE;

/* ---- once it is secured --------------------------------------------------------------------- */

bool capos_i_tls_is_secured(const struct capos_i_tls *t);
/* The channel binding "tls-exporter" (RFC 9266), equal on both ends and on no other channel. 0;
 * -ENOTCONN: not secured; -ENOMEM. */
int capos_i_tls_exporter(struct capos_i_tls *t, uint8_t ret[CAPOS_I_TLS_HASH]) CAPNP_MUST_USE;
/* SHA-256 of the peer's SubjectPublicKeyInfo. 0; -ENOENT: it showed no certificate; -ENOTCONN. */
int capos_i_tls_peer_key(const struct capos_i_tls *t, uint8_t ret[CAPOS_I_TLS_HASH]) CAPNP_MUST_USE;
/* Server: the handshake's messages from ClientHello through the client's CertificateVerify, with
 * their headers; empty when the client showed no certificate, or they were longer than
 * CAPOS_I_TLS_TRANSCRIPT. Borrowed as t is. */
capnp_data capos_i_tls_transcript_peek(const struct capos_i_tls *t);
/* Throws that away. */
void capos_i_tls_transcript_clear(struct capos_i_tls *t);

#endif
