/* Passkeys that are made: attestation objects. */
#ifndef PROVER_PASSKEY_NEW_H
#define PROVER_PASSKEY_NEW_H

#include "passkey-client.h"

/* Reads what an authenticator has made, and judges it by what is wanted. 0: *ret and *ret_data, its
 * data, borrowed; enum passkey_err; -ENOMEM. */
int passkey_new_read(const struct passkey_response *r, const struct passkey_party *p,
                     const struct proof_passkey_new *w, struct passkey *ret,
                     capnp_data *ret_data) CAPNP_MUST_USE;

#endif
