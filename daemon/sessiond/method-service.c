/*
 * Assertions of service accounts (RFC 7523): a token that the account's own key has signed, about
 * itself, for this instance, and for this login alone. The last is what makes it a proof: its nonce
 * is the hash of the transcript, which the instance knows and whoever reads the token elsewhere has
 * no use for. So nothing has to be kept against its being used twice: the nonce is good once.
 *
 * Or an access token of an identity provider's (access.c), where such are taken.
 *
 * Here only what is wanted is written down; a prover reads the token. An account that is not there
 * is asked for as one without keys.
 */
#include "method.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "access.h"
#include "clock.h"
#include "daemon-token.h"
#include "sessiond.h"

enum {
        ASSERTION_BYTES = 16 * 1024,
        ASSERTION_LIFE_S = 300,
        ASSERTION_LEAST = 64, /* the shortest that could be one */
        KEYS_BYTES = STORE_SERVICE_KEYS * (STORE_SERVICE_KEY_BYTES + 1) + 32,
        WANTED_BYTES = KEYS_BYTES + 1024,
        REASON_SHOWN = 100,
        ITSELF = 1, /* issuers of assertions: the account */
};

/* Where there are no profiles for service accounts, there can be none of them. */
static bool service_is_on(const struct policy *p)
{
        for (unsigned i = 0; i < p->nprofiles; i++)
                if (p->profiles[i].service)
                        return true;
        return false;
}

/* Three parts of base64url with dots between, the first of which begins an object. */
static bool service_recognizes(capnp_data proof)
{
        static const char begin[] = "eyJ",
                          letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789-_";
        unsigned dots = 0;

        if (proof.len < ASSERTION_LEAST || memcmp(proof.p, begin, strlen(begin)) != 0)
                return false;
        for (uint32_t i = 0; i < proof.len; i++) {
                dots += proof.p[i] == '.';
                if (proof.p[i] != '.' && !memchr(letters, proof.p[i], strlen(letters)))
                        return false;
        }
        return dots == 2;
}

static enum method_turn service_turn(const struct claim *c, capnp_data response)
{
        if (!response.len)
                return METHOD_STEP;
        if (!c->asked || response.len > ASSERTION_BYTES)
                return METHOD_REFUSED;

        return access_is_on(&c->origin->s->issuers) ? METHOD_WAIT : METHOD_PROOF;
}

static void service_step(const struct claim *c, remote_auth_step_builder b)
{
        remote_auth_step_set_prompt(b, "Sign an assertion");
        remote_auth_step_set_challenge(b, (capnp_data){c->nonce, sizeof(c->nonce)});
}

/* ---- what is wanted ------------------------------------------------------------------------- */

static capnp_data data_of(const char *text)
{
        return (capnp_data){(const uint8_t *)text, (uint32_t)strlen(text)};
}

/* The account's keys as a set. Each is there as a prover has written it. */
static capnp_data service_keys(const struct store_account *acc, char to[KEYS_BYTES])
{
        size_t n = (size_t)snprintf(to, KEYS_BYTES, "{\"keys\":[");

        for (unsigned i = 0; i < acc->nservice_keys; i++)
                n += (size_t)snprintf(to + n, KEYS_BYTES - n, "%s%s", i ? "," : "",
                                      acc->service_keys[i].jwk);
        (void)snprintf(to + n, KEYS_BYTES - n, "]}");
        return data_of(to);
}

/* One issuer: the account itself. 0; -EINVAL: it does not fit, which every account's does. */
static int service_want(const struct claim *c, const struct store_account *acc,
                        uint8_t to[WANTED_BYTES], size_t *len)
{
        static const struct token_issuer head = {.flags = TOKEN_NONCE, .life_s = ASSERTION_LIFE_S};
        struct token_wanted about = {.now_s = (int64_t)(clock_wall_ms() / 1000)};
        capnp_data name = data_of(c->claimed[0] ? c->claimed : "?");
        char keys[KEYS_BYTES], audience[CAPOS_PROOF_AUDIENCE];
        struct capos_proof known = {0};

        origin_prove(c->origin, c->binding, &known);
        capos_proof_audience(known.server_key_hash, audience);
        if (claim_token_nonce(c, about.nonce))
                return -EINVAL;

        memcpy(to, &about, sizeof(about));
        *len = sizeof(about);
        if (daemon_token_add(to, WANTED_BYTES, len, TOKEN_ISSUER,
                             (capnp_data){(const uint8_t *)&head, sizeof(head)}) ||
            daemon_token_add(to, WANTED_BYTES, len, TOKEN_NAME, name) ||
            daemon_token_add(to, WANTED_BYTES, len, TOKEN_SUBJECT, name) ||
            daemon_token_add(to, WANTED_BYTES, len, TOKEN_AUDIENCE, data_of(audience)) ||
            daemon_token_add(to, WANTED_BYTES, len, TOKEN_KEYS, service_keys(acc, keys)))
                return -EINVAL;
        return 0;
}

static int service_prove(const struct claim *c, const struct store_account *acc,
                         capnp_data response, struct method_proof *ret)
{
        static uint8_t wanted[WANTED_BYTES];
        size_t len = 0;
        int r = service_want(c, acc, wanted, &len);

        if (r)
                return r;

        snprintf(ret->credential, sizeof(ret->credential), "assertion");
        ret->kind = PROOF_TOKEN;
        ret->parts[0] = (capnp_data){wanted, (uint32_t)len};
        ret->parts[1] = response;
        if (!c->own)
                return 0;

        r = access_ask(c->own, ret->parts[0], &ret->parts[0]);
        ret->parts[1] = access_token(c->own);
        return r;
}

/* ---- the verdict ---------------------------------------------------------------------------- */

/* What the key is called that has signed, whatever its id: sessions end with it. */
static bool service_credential(const struct claim *c, const char *id, struct principal *ret)
{
        struct store_account acc;
        bool found = false;

        if (store_load(&c->origin->s->store, c->account, &acc))
                return false;

        for (unsigned i = 0; i < acc.nservice_keys && !found; i++) {
                found = !strcmp(acc.service_keys[i].id, id);
                if (found)
                        memcpy(ret->credential, acc.service_keys[i].fingerprint,
                               sizeof(ret->credential));
        }
        store_account_deinit(&acc);
        return found;
}

static enum capos_denial service_accept(const struct claim *c, const struct proof_verdict *v,
                                        struct principal *ret)
{
        if (v->good == 1 && v->issuer >= ITSELF)
                return access_accept(c, v, ITSELF, ret);

        snprintf(ret->detail, sizeof(ret->detail), "%s%.*s", v->good == 1 ? "key " : "",
                 REASON_SHOWN, v->subject);
        if (v->good != 1 || !c->account[0] || !service_credential(c, v->subject, ret))
                return CAPOS_DENIED_CREDENTIALS;

        memcpy(ret->account, c->account, sizeof(ret->account));
        return CAPOS_DENIED_NONE;
}

static bool service_again(struct claim *c, struct flow *f, const struct proof_verdict *v)
{
        (void)f;
        return c->own && access_again(c->own, v, ITSELF);
}

static const struct method_ops service_ops = {
        .throttle = THROTTLE_KEY,
        .whose = METHOD_FOR_SERVICES,
        .response_bytes = ASSERTION_BYTES,
        .binds = true,
        .recognizes = service_recognizes,
        .turn = service_turn,
        .step = service_step,
        .prove = service_prove,
        .accept = service_accept,
        .wait = access_wait,
        .again = service_again,
        .end = access_end,
};

const struct method method_service = {
        .is_on = service_is_on,
        .off = "no profile for service accounts in this instance's manifest",
        .ops = &service_ops};
