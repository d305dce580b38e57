/* Client certificates, judged in a prover. */
#ifndef PROVER_CERTIFICATE_H
#define PROVER_CERTIFICATE_H

#include "daemon-packets.h"

#include <capos/capnp-base.h>

/* Has OpenSSL gather what it needs for certificates, and sees whether it judges one as it should.
 * Before the door shuts. */
bool certificate_warm_up(void) CAPNP_MUST_USE;
/* Judges a handshake by what is known of its connection (a struct proof_connection) and by rules.
 * Fills in the verdict; true: convinced. */
bool certificate_prove(capnp_data handshake, capnp_data connection, capnp_data rules,
                       struct proof_verdict *v) CAPNP_MUST_USE;

#endif
