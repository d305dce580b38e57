/*
 * A client certificate, checked again by somebody who was not there: from the messages of the
 * handshake, and from what the session manager knows of the connection by itself.
 *
 * No socket, no clock, no file. What comes in is foreign; what comes out is a verdict.
 */
#ifndef CAPOS_TLS_RECHECK_H
#define CAPOS_TLS_RECHECK_H

#include "tls-fingerprint.h"
#include "tls-rules.h"
#include "tls.h"

enum {
        TLS_HANDSHAKE_BYTES = CAPOS_I_TLS_TRANSCRIPT, /* of all messages, at most */
        TLS_NONCE_BYTES = 32,
        TLS_HASH_BYTES = 32,
        TLS_NONCE_EXTENSION =
                CAPOS_I_TLS_NONCE_EXTENSION, /* of CertificateRequest: carries the event's nonce */
        TLS_CLIENT_CHAIN = 10,               /* certificates a client may send */
        TLS_SUBJECT_TEXT = 256,              /* room for a subject, and for a name */
        TLS_SERIAL_TEXT = 48,                /* room for a serial number; a longer one is cut */
};

/* Why a client is not believed. Of several rules that fail, the highest is told. */
enum tls_recheck_err {
        TLS_RECHECK_E_FORM = 1,    /* no such sequence of messages, to the byte */
        TLS_RECHECK_E_VERSION,     /* not TLS 1.3, or not a suite with SHA-256 */
        TLS_RECHECK_E_RECORD,      /* not what the signer has signed for this connection */
        TLS_RECHECK_E_SERVER,      /* the server's certificate has another key than the signer */
        TLS_RECHECK_E_NONCE,       /* it lacks this connection's nonce, or has it twice */
        TLS_RECHECK_E_NONE,        /* the client has sent no certificate */
        TLS_RECHECK_E_CERTIFICATE, /* one that cannot be read */
        TLS_RECHECK_E_SCHEME, /* an algorithm of signature that is not accepted, or not the key's */
        TLS_RECHECK_E_SIGNATURE, /* the client has not signed this handshake */
        TLS_RECHECK_E_RULES,     /* the rules cannot be read */
        TLS_RECHECK_E_NO_RULE,   /* there is none */
        TLS_RECHECK_E_ISSUER,    /* not issued by a rule's authority */
        TLS_RECHECK_E_PURPOSE, /* not for a TLS client, or weak, or with what nobody understands */
        TLS_RECHECK_E_PIN,     /* none of the pinned keys */
        TLS_RECHECK_E_NAME,    /* none of the names */
        TLS_RECHECK_E_NOT_YET, /* not valid yet */
        TLS_RECHECK_E_EXPIRED, /* not valid any more */
        TLS_RECHECK_E_CRL,     /* the list of revocations is missing, unsigned or out of date */
        TLS_RECHECK_E_REVOKED, /* revoked */
        TLS_RECHECK_REASONS,
};

/* What is to be judged. Everything but the handshake is the session manager's own knowledge. */
struct tls_recheck {
        capnp_data handshake;  /* ClientHello … client's CertificateVerify, with their headers */
        const uint8_t *record; /* TLS_HASH_BYTES: what the signer has signed for this event */
        const uint8_t *server_key; /* TLS_KEY_HASH_BYTES: with which key */
        const uint8_t *nonce;      /* TLS_NONCE_BYTES: the event's */
        capnp_data rules;          /* tls-rules.h */
        int64_t now;               /* seconds since 1970 */
};

/* Who it is. */
struct tls_client {
        uint32_t rule;                        /* the first that it meets */
        int64_t until;                        /* seconds: when the first of its chain expires */
        uint8_t key_hash[TLS_KEY_HASH_BYTES]; /* of its SubjectPublicKeyInfo */
        char subject[TLS_SUBJECT_TEXT];       /* printable; cut where it is longer */
        char serial[TLS_SERIAL_TEXT];         /* hexadecimal */
        char name[TLS_SUBJECT_TEXT]; /* by which name: "spiffe://…", "DNS:…", "email:…"; or empty */
};

/* Judges. 0: *ret says who it is; an enum tls_recheck_err; -ENOMEM. */
int capos_i_tls_recheck(const struct tls_recheck *c, struct tls_client *ret) CAPNP_MUST_USE;
/* A reason in words. */
const char *capos_i_tls_recheck_strerror(int r);

#endif
