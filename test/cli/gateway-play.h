/*
 * A gateway to test clients against: RemoteSessionGateway and what follows from it, on our own RPC,
 * in one process. Accounts: alice with the password "correct horse", or any key. It keeps to the
 * contract, not to anything else that an instance does.
 */
#ifndef CAPOS_GATEWAY_PLAY_H
#define CAPOS_GATEWAY_PLAY_H

#include <capos/capnp-dynamic.h>
#include <capos/capnp.h>

#include "tls.h"

#define PLAY_ACCOUNT  "alice"
#define PLAY_PASSWORD "correct horse"

enum { PLAY_MEMBERS = 16 };

struct play {
        capnp_vat *vat;
        capnp_listener *listener;
        struct capos_i_tls_context *tls; /* NULL: it speaks plain; the caller's */
        capnp_schema *schema;
        capnp_cap *admin;   /* what it gives as `admin`; NULL: nobody has that */
        uint64_t malformed; /* the pointer to the results of `uptime`; 0: good ones */
        uint32_t lease_ms;
        unsigned connections; /* open now */
        unsigned references;  /* of system_info objects, held by clients */
        uint64_t sequence;    /* of the chat */
        capnp_cap *listeners[PLAY_MEMBERS];
        const char *motd;
        uint8_t proof[16384]; /* the last signature that came */
        uint32_t proof_len;
        uint8_t client_nonce[64];
        uint32_t client_nonce_len;
        int last_fd;          /* of the last connection, which may be cut */
        bool enrols, forgets; /* takes keys to come back by; knows none any more */
        uint8_t enrolled[64];
        uint32_t enrolled_len;
};

/* Serves at an address. 0 or an error. */
int play_init(struct play *p, capnp_vat *v, const char *addr) CAPNP_MUST_USE;
void play_deinit(struct play *p);

#endif
