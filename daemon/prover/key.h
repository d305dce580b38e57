/* Proofs by SSH keys, judged in a prover. */
#ifndef PROVER_KEY_H
#define PROVER_KEY_H

#include "daemon-packets.h"

#include <capos/capnp-base.h>

/* PROOF_SIGNATURE: whether the key has signed the transcript. Fills in the verdict's subject, where
 * it is a security key. */
bool key_prove(capnp_data key, capnp_data sig, capnp_data transcript,
               struct proof_verdict *v) CAPNP_MUST_USE;
/* PROOF_NOBODY: the same work, by the key that the signature itself is by; refused. */
bool key_prove_nobody(capnp_data sig, capnp_data transcript) CAPNP_MUST_USE;
/* PROOF_SSH_CERTIFICATE: whether the key of the certificate in the signature has signed, and the
 * certificate is good for what is wanted. Fills in the verdict. */
bool key_prove_certificate(capnp_data wanted, capnp_data sig, capnp_data transcript,
                           struct proof_verdict *v) CAPNP_MUST_USE;
/* PROOF_KEY: whether a blob is a public key that can log in. */
bool key_is_good(capnp_data blob) CAPNP_MUST_USE;

#endif
