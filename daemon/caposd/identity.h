/* The instance's identity: the signer, which has its private key, and the certificate that workers
 * show. */
#ifndef CAPOS_CAPOSD_IDENTITY_H
#define CAPOS_CAPOSD_IDENTITY_H

#include "place.h"
#include "program.h"

/* What clients are shown. */
struct certificate {
        int fd;               /* a file in memory with the chain in PEM; -1: none */
        uint8_t key_hash[32]; /* meaningful with a file, as what follows */
        int64_t until_s;      /* its end, in seconds since 1970 */
        char names[120];
};

struct identity {
        /* Borrowed, and set before identity_init(). */
        struct keeper *keeper;
        const struct place *place;
        struct daemon_link *sessiond; /* closed at times */
        /* The signer runs, and has to meet the session manager. */
        void (*started)(struct identity *id);
        /* There is a certificate, the first or another one: workers have to be made with it. */
        void (*renewed)(struct identity *id);

        struct program signer;
        bool wanted;                                 /* there is a TLS listener */
        char names[LISTENS_MAX + 1][LISTENING_TEXT]; /* of hosts, for a new certificate */
        struct certificate certificate;              /* whose key signs; none at first */
        struct certificate next; /* that the signer has been given, and has not taken yet */
        bool asked;              /* the session manager waits for … */
        uint32_t request;        /* … what becomes of this one */
};

/* 0, or -errno: identity_deinit() is to be called all the same. */
int identity_init(struct identity *id) CAPNP_MUST_USE;
/* Takes a zeroed one, too. */
void identity_deinit(struct identity *id);
/* Starts the signer, if there is anything to sign for. */
void identity_start(struct identity *id);
/* Whether connections can be taken: there is a certificate, or none is needed. */
bool identity_is_ready(const struct identity *id);
/*
 * Has the signer take the key and the certificate that lie in the state directory now. request: for
 * the answer, which goes to the session manager, at the latest when the next signer has started;
 * the request before that has none any more.
 */
void identity_reload(struct identity *id, uint32_t request);

#endif
