/* The messages of a handshake, kept for whoever checks a client's certificate. */
#ifndef CAPOS_TLS_TRANSCRIPT_H
#define CAPOS_TLS_TRANSCRIPT_H

#include <capos/capnp-base.h>

/* Zeroed: keeps nothing. */
struct tls_transcript {
        uint8_t *b;
        size_t len, room;
        bool runs;  /* messages are being kept */
        bool whole; /* the client's CertificateVerify is in it */
};

/* Begins to keep messages. */
void capos_i_tls_transcript_start(struct tls_transcript *t);
/* A handshake message with its header; from_client: which way it went. */
void capos_i_tls_transcript_add(struct tls_transcript *t, bool from_client, const uint8_t *b,
                                size_t len);
/* Forgets what is kept, and keeps no more. */
void capos_i_tls_transcript_drop(struct tls_transcript *t);

#endif
