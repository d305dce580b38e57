/*
 * What a proof of a claim is made over. It is put together here, from what the instance knows
 * itself; no part of it is taken from whoever makes the proof.
 */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "method.h"

int claim_transcript(const struct claim *c, struct capos_proof *known,
                     uint8_t to[CAPOS_PROOF_BYTES], size_t *ret_len)
{
        struct capos_proof proof = {
                .nonce = {c->nonce, sizeof(c->nonce)},
                .client_nonce = {c->client_nonce, c->client_nonce_len},
                .account = {c->claimed, (uint32_t)strlen(c->claimed)},
                .profile = {c->profile, (uint32_t)strlen(c->profile)},
        };

        origin_prove(c->origin, c->binding, &proof);
        if (known)
                *known = proof;
        return capos_proof_write(&proof, to, CAPOS_PROOF_BYTES, ret_len) ? -EINVAL : 0;
}

int claim_token_nonce(const struct claim *c, char ret[CAPOS_PROOF_NONCE_TEXT])
{
        uint8_t transcript[CAPOS_PROOF_BYTES], hash[CAPOS_PROOF_HASH_BYTES];
        size_t len;
        int r = claim_transcript(c, NULL, transcript, &len);

        if (r)
                return r;

        crypto_hash_sha256(hash, transcript, len);
        capos_proof_nonce(hash, ret);
        return 0;
}
