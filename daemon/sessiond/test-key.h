/* People's keys, for tests with a rig: what proves by one, enrols one, comes back by one. */
#ifndef SESSIOND_TEST_KEY_H
#define SESSIOND_TEST_KEY_H

#include "test-rig.h"

#include "session-proof.h"

#include <sodium.h>

#define KEY_PASSWORD "correct horse battery"

enum { KEY_BLOB = 51 };

/* Of Ed25519. */
struct key {
        uint8_t blob[KEY_BLOB], secret[crypto_sign_SECRETKEYBYTES];
};

/* A signature, while it is put together. */
struct out {
        uint8_t p[1024];
        size_t n;
};

/* What somebody logs in as, or comes back as. */
struct back {
        const char *account, *profile;
        bool end_others;
        const char *from; /* its address; NULL: any */
        struct out sig;   /* the last one */
};

void key_make(struct key *k);
/* Registers one with an account. */
void key_register(struct rig *g, const char *account, const struct key *k);
/* … and takes it away again. */
void key_remove(struct rig *g, const char *account, const struct key *k);
/* As `ssh-keygen -Y sign` does it. */
void key_sign(const struct key *k, const struct capos_proof *p, struct out *ret);

/* Asks to enrol one; not waited for. */
capnp_question *key_enrol(struct rig_worker *w, const uint8_t *blob, uint32_t len);
/* Logs in by password and enrols; the session's id. */
void key_begin(struct rig *g, struct rig_worker *w, const char *account, const struct key *k,
               char id[33]);
/* Its line drops, and the session manager has seen it. */
void key_drop(struct rig *g, struct rig_worker *w);

capnp_question *key_next(struct rig_worker *w, uint32_t flow, const void *p, size_t len);
/* On a connection of its own: a flow that waits for its proof, and its nonce. */
uint32_t key_ask(struct rig *g, struct rig_worker *w, const struct back *b, uint8_t nonce[32]);
/* … and proves; not waited for. */
capnp_question *key_come_back(struct rig *g, struct rig_worker *w, const struct key *k,
                              struct back *b);
struct back key_alice(void);

#endif
