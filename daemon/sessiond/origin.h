/* Where something comes from: what is known of a connection, whoever says what about it. */
#ifndef SESSIOND_ORIGIN_H
#define SESSIOND_ORIGIN_H

#include "daemon-source.h"
#include "daemon-strength.h"
#include "remote_session.capnp-c.h"
#include "session-audit.h"
#include "session-names.h"
#include "session-proof.h"
#include "turns.h"

#include <capos/capnp.h>

struct sessiond;

enum { CHANNEL_BYTES = 32, CHANNEL_HANDSHAKE_BYTES = 32 * 1024 };

/*
 * What is known of the TLS of a connection. The nonce was given out here; what was signed, with
 * which key, is the signer's word; the exporter and the handshake are the worker's, and worth no
 * more: whoever lies about the first has a proof that fits nothing, and the second is checked
 * against what was signed.
 */
struct channel {
        uint8_t nonce[CHANNEL_BYTES]; /* of the event: it has to be in the handshake */
        bool is_signed;
        uint8_t hash[CHANNEL_BYTES], key_hash[CHANNEL_BYTES];
        uint8_t exporter[CHANNEL_BYTES];
        uint8_t *handshake; /* owned; NULL: the client has shown no certificate */
        uint32_t handshake_len;
};

/*
 * A connection event. All but the claim, and what the worker says of the channel, is from the
 * gateway, and true whatever a worker says; doc/protocol/admission.md (The transcript) says what of
 * it a proof is made over.
 */
struct origin {
        struct sessiond *s;
        uint64_t event;
        char address[64]; /* the peer's */
        char host[64];    /* … without its port; "": it has none, by a Unix socket */
        /* Whom it is counted under; a party has one or many sources. */
        char source[TURNS_KEY], party[TURNS_KEY];
        struct source from; /* the same as the gateway has it */
        bool shared;        /* the source is the machine itself: not to be blamed as a whole */
        uint32_t transport; /* enum packet_transport */
        char claim[160];    /* what the client says about itself; "": nothing */
        struct channel channel;
};

/* event: the gateway's packet. */
void origin_init(struct origin *o, struct sessiond *s, const struct packet *event);
/* Wipes it, and frees what it holds. */
void origin_deinit(struct origin *o);
/* What the signer has signed for it, once. false: it has before, or this is no connection over TLS.
 */
bool origin_signed(struct origin *o, const struct packet *p);
/* What the worker says once the handshake is done. 0; -EINVAL: it cannot be so; -ENOMEM. */
int origin_secured(struct origin *o, capnp_data exporter, capnp_data handshake) CAPNP_MUST_USE;
/* Nobody will be judged by its handshake any more. */
void origin_forget_handshake(struct origin *o);
/* Keeps what a client says about itself. */
void origin_claim(struct origin *o, login_source_metadata_reader r);

/* What a client asks for here. false: there is no such thing on this connection. */
bool origin_binding(const struct origin *o, unsigned asked, enum binding *ret) CAPNP_MUST_USE;
/* As in the audit log: "none", "tls-exporter", "tls-key". */
const char *binding_name(enum binding b);
/* Fills in the fields of a proof that are about the connection; borrowed from the origin. */
void origin_prove(const struct origin *o, enum binding b, struct capos_proof *p);

/* Whether it is this machine's own: a Unix socket, and at its other end the user we run as or the
 * superuser. */
bool origin_is_local(const struct origin *o);
/* "plain", "tls" or "unix". */
const char *origin_transport(const struct origin *o);
/* The peer's address without its port; "": it has none. */
void origin_host(const struct origin *o, char *to, size_t room);
/* Whose turn it is counted as. */
struct turns_path origin_path(const struct origin *o);

/* A record with all that is known of the connection filled in. */
struct capos_audit_record origin_record(const struct origin *o, const char *what,
                                        const char *outcome);
/* Records an attempt that has come to no flow, or whose flow is over. It is counted. kind: its
 * name; NULL: nobody knows. */
void origin_attempt(const struct origin *o, const char *kind, const char *outcome);
/* Ends an answer with a denial, once all that was recorded is on disk. detail: may be NULL. */
int origin_deny(const struct origin *o, capnp_answer *a, enum capos_denial d, const char *detail);
/* The same for such an attempt, which is recorded. */
int origin_deny_attempt(const struct origin *o, capnp_answer *a, const char *kind,
                        enum capos_denial d, const char *detail);
/* The same, because there is too much of something. */
int origin_over_quota(const struct origin *o, capnp_answer *a, enum capos_i_quota q,
                      const char *detail);

#endif
