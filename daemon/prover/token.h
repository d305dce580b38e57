/* Verdicts on tokens, and on the public keys that they are signed with (daemon-token.h). */
#ifndef PROVER_TOKEN_H
#define PROVER_TOKEN_H

#include "daemon-packets.h"
#include "daemon-token.h"

/* Has the libraries gather what they need, and sees whether they judge as they should. Before the
 * door shuts. */
bool token_warm_up(void) CAPNP_MUST_USE;
/* Judges a token by a struct token_wanted and records. Fills in the verdict; true: convinced. */
bool token_prove(capnp_data wanted, capnp_data token, capnp_data access,
                 struct proof_verdict *v) CAPNP_MUST_USE;
/* Reads a public key. Fills in the verdict; true: tokens can be signed with it. */
bool token_prove_key(capnp_data text, capnp_data id, struct proof_verdict *v) CAPNP_MUST_USE;

#endif
