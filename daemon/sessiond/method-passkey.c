/*
 * Passkeys. WebAuthn's challenge is the hash of the transcript, so what an authenticator signs is
 * bound to this connection as a key's signature is.
 *
 * The client is not told which passkeys there are: an account that has some would look otherwise
 * than one that has none. It asks for one that its authenticator can find by itself, and says in
 * its response which it was. That response is JSON, which nobody but a prover parses: the text
 * behind `rawId` is looked up here as it stands, and the prover, which is told what was found,
 * demands that it is the one. So whose passkey it is, is what the store says; an account that was
 * claimed must be that one.
 */
#include "method.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "daemon-log.h"
#include "sessiond.h"
#include "store-passkey.h"

static const char raw_id[] = "\"rawId\"";

static bool passkey_is_on(const struct policy *p)
{
        return *p->passkeys.relying_party;
}

/* A renewal by one is a flow: there is a challenge to be asked for. */
static bool passkey_recognizes(capnp_data proof)
{
        (void)proof;
        return false;
}

static enum method_turn passkey_turn(const struct claim *c, capnp_data response)
{
        if (!response.len)
                return METHOD_STEP;

        return c->asked ? METHOD_PROOF : METHOD_REFUSED;
}

static void passkey_step(const struct claim *c, remote_auth_step_builder b)
{
        remote_auth_step_set_prompt(b, "Use your passkey");
        remote_auth_step_set_challenge(b, (capnp_data){c->nonce, sizeof(c->nonce)});
        remote_auth_step_set_relying_party(b, c->origin->s->policy.passkeys.relying_party);
}

/* ---- which one ------------------------------------------------------------------------------ */

static bool is_space(uint8_t c)
{
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* What is in quotes behind the word `rawId`; empty: nothing. */
static capnp_data response_id(capnp_data response)
{
        const uint8_t *end = response.p + response.len;
        const uint8_t *p = memmem(response.p, response.len, raw_id, strlen(raw_id)), *close;

        if (!p)
                return (capnp_data){0};
        p += strlen(raw_id);
        while (p < end && (is_space(*p) || *p == ':'))
                p++;
        if (p == end || *p != '"')
                return (capnp_data){0};
        p++;
        close = memchr(p, '"', (size_t)(end - p));
        return close ? (capnp_data){p, (uint32_t)(close - p)} : (capnp_data){0};
}

/* 0; STORE_E_NONE; -errno. */
static int passkey_find(struct store *s, capnp_data response, struct store_passkey *ret)
{
        capnp_data text = response_id(response);
        char fingerprint[STORE_FINGERPRINT_BYTES];
        uint8_t id[PASSKEY_ID_BYTES];
        size_t len;

        if (!text.len || sodium_base642bin(id, sizeof(id), (const char *)text.p, text.len, NULL,
                                           &len, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING))
                return STORE_E_NONE;

        passkeys_fingerprint(id, len, fingerprint);
        return store_find_passkey(s, fingerprint, ret);
}

/* ---- the proof ------------------------------------------------------------------------------ */

static int passkey_challenge(const struct claim *c, struct method_proof *ret)
{
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

        crypto_hash_sha256(ret->passkey.challenge, ret->transcript, len);
        return 0;
}

static int passkey_prove(const struct claim *c, const struct store_account *acc,
                         capnp_data response, struct method_proof *ret)
{
        struct sessiond *s = c->origin->s;
        const struct passkeys *p = &s->policy.passkeys;
        struct store_passkey known;
        int r = passkey_challenge(c, ret);

        (void)acc;
        if (r)
                return r;
        r = passkey_find(&s->store, response, &known);
        if (r < 0)
                return r;

        snprintf(ret->credential, sizeof(ret->credential), "%s",
                 r ? "unknown passkey" : known.fingerprint);
        if (!r) {
                ret->passkey.known = known.key;
                passkeys_user(&s->store, known.account, ret->passkey.user);
        }
        ret->passkey.user_wanted = !c->claimed[0];
        ret->kind = PROOF_PASSKEY;
        ret->parts[0] = (capnp_data){(const uint8_t *)&ret->passkey, sizeof(ret->passkey)};
        ret->parts[1] = response;
        ret->parts[2] = (capnp_data){p->party, p->party_len};
        return 0;
}

/* ---- the verdict ---------------------------------------------------------------------------- */

/* It has signed, and more often than before: by what it says. */
static bool passkey_use(struct store *s, const struct store_passkey *k,
                        const struct proof_verdict *v, struct principal *ret)
{
        int r = store_use_passkey(s, k->fingerprint, v->count, clock_wall_ms());

        if (r == STORE_E_NONE)
                snprintf(ret->detail, sizeof(ret->detail),
                         "its counter is %u, and was %u before: there may be a copy", v->count,
                         k->count);
        return !r;
}

static enum capos_denial passkey_accept(const struct claim *c, const struct proof_verdict *v,
                                        struct principal *ret)
{
        struct store *s = &c->origin->s->store;
        struct store_passkey k;

        snprintf(ret->detail, sizeof(ret->detail), "%.*s", (int)sizeof(ret->detail) - 1,
                 v->subject);
        if (v->good != 1)
                return CAPOS_DENIED_CREDENTIALS;

        capos_i_sshkey_fingerprint(v->key_hash, ret->credential);
        if (store_find_passkey(s, ret->credential, &k)) {
                snprintf(ret->detail, sizeof(ret->detail), "it was removed");
                return CAPOS_DENIED_CREDENTIALS;
        }
        if (c->claimed[0] && strcmp(c->claimed, k.account) != 0) {
                snprintf(ret->detail, sizeof(ret->detail), "it is %s's", k.account);
                return CAPOS_DENIED_CREDENTIALS;
        }
        if (!passkey_use(s, &k, v, ret))
                return CAPOS_DENIED_CREDENTIALS;

        ret->touched = true;
        memcpy(ret->account, k.account, sizeof(ret->account));
        return CAPOS_DENIED_NONE;
}

static const struct method_ops passkey_ops = {
        .throttle = THROTTLE_KEY,
        .response_bytes = PASSKEY_RESPONSE_BYTES,
        .binds = true,
        .patient = true,
        .refused = "a passkey signs a challenge: ask for it first",
        .recognizes = passkey_recognizes,
        .turn = passkey_turn,
        .step = passkey_step,
        .prove = passkey_prove,
        .accept = passkey_accept,
};

const struct method method_passkey = {
        .is_on = passkey_is_on,
        .off = "no relying party for passkeys in this instance's manifest",
        .ops = &passkey_ops};
