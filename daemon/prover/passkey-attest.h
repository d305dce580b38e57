/* What vouches for a passkey that is made. */
#ifndef PROVER_PASSKEY_ATTEST_H
#define PROVER_PASSKEY_ATTEST_H

#include "daemon-packets.h"

#include <capos/capnp-base.h>

/* Whether a statement of the format `packed` is what is wanted: signed over the authenticator's
 * data and what the browser says. 0; PASSKEY_E_ATTESTATION; PASSKEY_E_FORM: too long; -ENOMEM. */
int passkey_attested(const struct passkey *k, enum passkey_attestation wanted, capnp_data statement,
                     capnp_data data, capnp_data client) CAPNP_MUST_USE;

#endif
