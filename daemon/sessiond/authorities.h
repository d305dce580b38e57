/* Who may certify SSH keys, as a prover is told. */
#ifndef SESSIOND_AUTHORITIES_H
#define SESSIOND_AUTHORITIES_H

#include "daemon-packets.h"
#include "manifest.capnp-c.h"
#include "session-sshkey.h"

#include <capos/capnp.h>

enum { AUTHORITIES = 16 };

struct authorities {
        const char *name[AUTHORITIES], *profile[AUTHORITIES];    /* the manifest's */
        char fingerprint[AUTHORITIES][CAPOS_SSHKEY_FINGERPRINT]; /* of their keys */
        unsigned n;
        uint8_t *bytes; /* owned: a struct proof_ssh, and as prover/ssh-certificate.h wants them */
        uint32_t len;
};

/* 0; CAPNP_E_POISON: a key that is none, or too many or too long; -ENOMEM. */
int authorities_init(struct authorities *a, ssh_authority_list list) CAPNP_MUST_USE;
void authorities_deinit(struct authorities *a);
/* What a prover is to be told about a certificate. Good until the next. */
capnp_data authorities_ask(const struct authorities *a, const struct proof_ssh *about);

#endif
