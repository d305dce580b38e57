/* Proofs by passkeys (WebAuthn level 2), judged in a prover. */
#ifndef PROVER_PASSKEY_H
#define PROVER_PASSKEY_H

#include "daemon-packets.h"

#include <capos/capnp-base.h>

/* Has libfido2 do once what it will do in a copy, and sees whether it judges as it should. Before
 * the door shuts. */
bool passkey_warm_up(void) CAPNP_MUST_USE;
/* PROOF_PASSKEY: whether somebody has logged in by a passkey that is known. wanted: a struct
 * proof_passkey; party: a relying party's id and origins. Fills in the verdict's count and
 * key_hash; of a refusal, reason and subject. */
bool passkey_prove(capnp_data wanted, capnp_data response, capnp_data party,
                   struct proof_verdict *v) CAPNP_MUST_USE;
/* PROOF_PASSKEY_NEW: whether a passkey was made as is wanted (a struct proof_passkey_new). Fills in
 * the verdict's passkey as well. */
bool passkey_prove_new(capnp_data wanted, capnp_data response, capnp_data party,
                       struct proof_verdict *v) CAPNP_MUST_USE;

#endif
