/*
 * Signatures by SSH keys. Which of the account's keys has signed is looked up, and the signature
 * itself is looked into by nobody but a prover. A key that is nobody's goes there, too, and is
 * refused there.
 *
 * Instead of a key a signature may name a certificate: then the account needs none, if an authority
 * of the manifest's has made the certificate for it. A prover judges that, too, and is told who is
 * believed, who is claimed and where the peer is.
 *
 * It may also name a key that a client has enrolled to come back by: what that is good for, is in
 * reconnect.c.
 */
#include "method.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "enrolment.h"
#include "session-sshkey.h"
#include "sessiond.h"

enum { SIGNATURE_BYTES = 16 * 1024, SSHSIG_KEY_AT = 14, NAME_SHOWN = 30, SERIAL_SHOWN = 20 };

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

/* Whether a signature names a certificate, and there is an authority that could have made it. */
static bool key_is_certified(const struct claim *c, capnp_data sig)
{
        return c->origin->s->policy.authorities.n && sig.len > SSHSIG_KEY_AT &&
               capos_i_sshkey_is_certificate(
                       (capnp_data){sig.p + SSHSIG_KEY_AT, sig.len - SSHSIG_KEY_AT});
}

/* Whom a prover is to believe, and for what. */
static capnp_data key_wanted(const struct claim *c)
{
        struct proof_ssh about = {.now_s = (int64_t)(clock_wall_ms() / 1000)};

        (void)snprintf(about.account, sizeof(about.account), "%s", c->claimed);
        origin_host(c->origin, about.address, sizeof(about.address));
        return authorities_ask(&c->origin->s->policy.authorities, &about);
}

/* Whether a signature says that it is by the key of a client that comes back. */
static bool key_is_enrolled(const struct claim *c, capnp_data sig, struct method_proof *ret)
{
        const struct enrolment *n;

        if (sig.len <= SSHSIG_KEY_AT || !c->account[0])
                return false;
        n = enrolments_find(c->origin->s, c->account,
                            (capnp_data){sig.p + SSHSIG_KEY_AT, sig.len - SSHSIG_KEY_AT});
        if (!n)
                return false;

        memcpy(ret->credential, n->fingerprint, sizeof(ret->credential));
        ret->kind = PROOF_SIGNATURE;
        ret->parts[0] = (capnp_data){n->key, sizeof(n->key)};
        ret->enrolment = n->number;
        return true;
}

static void key_ask(const struct claim *c, const struct store_account *acc, capnp_data sig,
                    struct method_proof *ret)
{
        const struct store_key *k = key_find(acc, sig);

        if (!k && key_is_enrolled(c, sig, ret))
                return;
        snprintf(ret->credential, sizeof(ret->credential), "%s",
                 k ? k->fingerprint : "unknown key");
        ret->kind = k ? PROOF_SIGNATURE : PROOF_NOBODY;
        if (k)
                ret->parts[0] = (capnp_data){k->blob, k->len};
        if (k || !key_is_certified(c, sig))
                return;

        snprintf(ret->credential, sizeof(ret->credential), "certified key");
        ret->kind = PROOF_SSH_CERTIFICATE;
        ret->parts[0] = key_wanted(c);
}

static int key_prove(const struct claim *c, const struct store_account *acc, capnp_data sig,
                     struct method_proof *ret)
{
        size_t len;
        int r = claim_transcript(c, NULL, ret->transcript, &len);

        if (r)
                return r;

        key_ask(c, acc, sig, ret);
        ret->parts[1] = sig;
        ret->parts[2] = (capnp_data){ret->transcript, (uint32_t)len};
        return 0;
}

/* What is known of a certified key, and what follows from it. */
static void key_certified(const struct claim *c, const struct proof_verdict *v,
                          struct principal *ret)
{
        const struct authorities *a = &c->origin->s->policy.authorities;
        unsigned which = v->rule < a->n ? v->rule : 0;
        int n = snprintf(ret->detail, sizeof(ret->detail), "authority %.*s, serial %.*s, %.*s",
                         NAME_SHOWN, a->name[which], SERIAL_SHOWN, v->serial, NAME_SHOWN, v->name);

        if (v->subject[0] && n > 0)
                snprintf(ret->detail + n, sizeof(ret->detail) - (size_t)n, ", %.*s", NAME_SHOWN,
                         v->subject);
        ret->until_ms =
                (uint64_t)(v->until_s < INT64_MAX / 1000 ? v->until_s : INT64_MAX / 1000) * 1000;
        ret->profile = a->profile[which];
        capos_i_sshkey_fingerprint(v->key_hash, ret->credential);
        memcpy(ret->authority, a->fingerprint[which], sizeof(ret->authority));
}

/* An authority may name whom it likes; who is nobody here is refused like anybody else. */
static bool key_has_account(const struct claim *c)
{
        struct store_account acc;

        if (!c->account[0] || store_load(&c->origin->s->store, c->account, &acc))
                return false;

        store_account_deinit(&acc);
        return true;
}

static enum capos_denial key_accept(const struct claim *c, const struct proof_verdict *v,
                                    struct principal *ret)
{
        snprintf(ret->detail, sizeof(ret->detail), "%.*s", (int)sizeof(ret->detail) - 1,
                 v->subject);
        if (v->good != 1)
                return CAPOS_DENIED_CREDENTIALS;
        if (!key_has_account(c)) {
                snprintf(ret->detail, sizeof(ret->detail), "there is no such account");
                return CAPOS_DENIED_CREDENTIALS;
        }

        if (v->until_s)
                key_certified(c, v, ret);
        ret->touched = v->subject[0] != 0;
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
