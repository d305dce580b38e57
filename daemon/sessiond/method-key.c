/*
 * Signatures by SSH keys. The transcript is put together here, from what the instance knows itself;
 * which of the account's keys has signed is looked up, and the signature itself is looked into by
 * nobody but a prover. A key that is nobody's goes there, too, and is refused there.
 */
#include "method.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SIGNATURE_BYTES = 16 * 1024, SSHSIG_KEY_AT = 14 };

static const char sshsig_magic[] = "SSHSIG";

static bool key_is_on(const struct policy *p)
{
        return p->public_key;
}

static bool key_recognizes(capnp_data proof)
{
        return proof.len >= strlen(sshsig_magic) &&
               !memcmp(proof.p, sshsig_magic, strlen(sshsig_magic));
}

/* Nobody has signed a nonce that he was not told. */
static enum method_turn key_turn(const struct claim *c, capnp_data response)
{
        if (!response.len)
                return METHOD_STEP;

        return c->asked ? METHOD_PROOF : METHOD_REFUSED;
}

static void key_step(const struct claim *c, remote_auth_step_builder b)
{
        remote_auth_step_set_prompt(b, "Sign with your key");
        remote_auth_step_set_challenge(b, (capnp_data){c->nonce, sizeof(c->nonce)});
}

/*
 * The account's key that a signature says it is by, or NULL. In an SSHSIG blob the key begins
 * behind magic, version and its own length, so no length in it has to be believed.
 */
static const struct store_key *key_find(const struct store_account *acc, capnp_data sig)
{
        for (unsigned i = 0; i < acc->nkeys; i++) {
                const struct store_key *k = &acc->keys[i];

                if (sig.len >= SSHSIG_KEY_AT + k->len &&
                    !memcmp(sig.p + SSHSIG_KEY_AT, k->blob, k->len))
                        return k;
        }
        return NULL;
}

static int key_prove(const struct claim *c, const struct store_account *acc, capnp_data sig,
                     struct method_proof *ret)
{
        const struct store_key *k = key_find(acc, sig);
        struct capos_proof proof = {
                .nonce = {c->nonce, sizeof(c->nonce)},
                .client_nonce = {c->client_nonce, c->client_nonce_len},
                .account = {c->claimed, (uint32_t)strlen(c->claimed)},
                .profile = {c->profile, (uint32_t)strlen(c->profile)},
        };
        size_t len;

        origin_prove(c->origin, c->binding, &proof);
        if (capos_proof_write(&proof, ret->transcript, sizeof(ret->transcript), &len))
                return -EINVAL;

        snprintf(ret->credential, sizeof(ret->credential), "%s",
                 k ? k->fingerprint : "unknown key");
        ret->kind = k ? PROOF_SIGNATURE : PROOF_NOBODY;
        if (k)
                ret->parts[0] = (capnp_data){k->blob, k->len};
        ret->parts[1] = sig;
        ret->parts[2] = (capnp_data){ret->transcript, (uint32_t)len};
        return 0;
}

static enum capos_denial key_accept(const struct claim *c, const struct proof_verdict *v,
                                    struct principal *ret)
{
        if (v->good != 1)
                return CAPOS_DENIED_CREDENTIALS;

        memcpy(ret->account, c->account, sizeof(ret->account));
        return CAPOS_DENIED_NONE;
}

static const struct method_ops key_ops = {
        .throttle = THROTTLE_KEY,
        .response_bytes = SIGNATURE_BYTES,
        .binds = true,
        .recognizes = key_recognizes,
        .turn = key_turn,
        .step = key_step,
        .prove = key_prove,
        .accept = key_accept,
};

const struct method method_key = {.is_on = key_is_on, .ops = &key_ops};
