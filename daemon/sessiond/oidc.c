/*
 * Logins by an identity provider: what a code for a device and a browser have in common.
 *
 * This process speaks to the provider through fetchers, and has what comes judged by a prover; in
 * between it keeps tokens as bytes, and wipes them. Who somebody is, is issuer and subject: the
 * account that an administrator has given this identity, else the one of the first rule that the
 * token meets, which may be made then.
 */
#include "oidc.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "daemon-log.h"
#include "daemon-text.h"
#include "flow.h"
#include "sessiond.h"

enum { NAME_HASH_BYTES = 6 };

bool oidc_is_on(const struct policy *p)
{
        return oidc_issuer_list_len(p->issuers) > 0;
}

bool oidc_recognizes(capnp_data proof)
{
        (void)proof;
        return false;
}

/* ---- life ----------------------------------------------------------------------------------- */

static void tokens_wipe(struct oidc *o)
{
        if (o->tokens)
                sodium_memzero(o->tokens, o->id_len + o->access_len);
        free(o->tokens);
        o->tokens = NULL;
}

void oidc_end(struct claim *c)
{
        struct oidc *o = c->own;

        if (!o)
                return;

        issuer_give_up(&o->wait);
        if (o->job)
                fetch_forget(o->job);
        o->timer = capnp_timer_free(o->timer);
        tokens_wipe(o);
        free(o->asked);
        sodium_memzero(o, sizeof(*o));
        free(o);
        c->own = NULL;
}

/* ---- the provider --------------------------------------------------------------------------- */

/* Nothing that is good is known of it. */
static void oidc_unknown(struct oidc *o)
{
        char why[CAPOS_REFUSAL_BYTES], detail[CAPOS_REFUSAL_BYTES];

        snprintf(why, sizeof(why),
                 "the identity provider %.64s does not answer: try again in a minute, or log in "
                 "another way",
                 o->issuer->name);
        snprintf(detail, sizeof(detail), "%.64s: nothing that is good is known of it: %.120s",
                 o->issuer->name, o->issuer->why);
        flow_refuse(o->f, CAPOS_DENIED_METHOD_DISABLED, why, detail);
}

void oidc_lacks(struct oidc *o, const char *what)
{
        char why[CAPOS_REFUSAL_BYTES];

        snprintf(why, sizeof(why), "the identity provider %.64s does not offer %s", o->issuer->name,
                 what);
        flow_refuse(o->f, CAPOS_DENIED_METHOD_DISABLED, why, NULL);
}

static void oidc_on_places(struct issuer_wait *w, int r)
{
        struct oidc *o = CAPNP_I_OF(w, struct oidc, wait);

        if (r)
                oidc_unknown(o);
        else
                o->ready(o);
}

void oidc_begin(struct claim *c, struct flow *f, const char *redirect,
                void (*ready)(struct oidc *o))
{
        struct issuer *i = issuers_find(&c->origin->s->issuers, c->issuer);
        struct oidc *o;
        int r;

        if (!i) {
                flow_refuse(f, CAPOS_DENIED_FLOW, "there is no such identity provider here", NULL);
                return;
        }
        o = calloc(1, sizeof(*o));
        if (!o) {
                flow_full(f);
                return;
        }

        *o = (struct oidc){.c = c, .f = f, .issuer = i, .ready = ready};
        (void)snprintf(o->redirect, sizeof(o->redirect), "%s", redirect);
        o->wait.done = oidc_on_places;
        c->own = o;
        r = issuer_need(i, ISSUER_PLACES, &o->wait);
        if (r != ISSUER_WAITS)
                oidc_on_places(&o->wait, r);
}

void oidc_fetch(struct oidc *o, const struct fetch_request *q, fetch_done *done)
{
        const struct turns_path path = origin_path(o->c->origin);

        if (q->kind != FETCH_DEVICE_TOKEN) /* whose pace is the provider's own */
                flow_cost(o->f);
        if (fetch_start(&o->c->origin->s->fetcher, q, &path, done, o, &o->job))
                flow_full(o->f);
}

/* The manifest and what the provider knows of this instance do not fit: nobody gets in. */
static void oidc_log(const struct oidc *o, const char *why)
{
        if (daemon_log_may(&o->c->origin->s->refused, clock_boot_ms()))
                daemon_log(LOG_ERR, "identity provider %s does not take this instance: %s",
                           o->issuer->name, why);
}

void oidc_refuse(struct oidc *o, const struct fetch_reply *reply)
{
        char why[CAPOS_REFUSAL_BYTES];

        if (!reply) {
                flow_full(o->f);
                return;
        }

        switch ((enum fetch_end)reply->end) {
        case FETCH_DENIED:
                flow_refuse(o->f, CAPOS_DENIED_CREDENTIALS, "somebody has said no there", NULL);
                return;
        case FETCH_EXPIRED:
                flow_refuse(o->f, CAPOS_DENIED_FLOW, "the code is too old: log in anew", NULL);
                return;
        case FETCH_REFUSED:
                flow_refuse(o->f, CAPOS_DENIED_CREDENTIALS, reply->why, NULL);
                return;
        case FETCH_GOOD:
        case FETCH_PENDING:
        case FETCH_SLOW_DOWN:
        case FETCH_MISFIT:
        case FETCH_FAILED:
                break;
        }
        if (reply->end == FETCH_MISFIT)
                oidc_log(o, reply->why);
        snprintf(why, sizeof(why), "the identity provider %.64s does not answer as it should",
                 o->issuer->name);
        flow_refuse(o->f, CAPOS_DENIED_METHOD_DISABLED, why, reply->why);
}

/* ---- proving -------------------------------------------------------------------------------- */

static void oidc_on_keys(struct issuer_wait *w, int r)
{
        struct oidc *o = CAPNP_I_OF(w, struct oidc, wait);

        if (r)
                oidc_unknown(o);
        else
                flow_go_on(o->f, METHOD_PROOF);
}

void oidc_take_tokens(struct oidc *o, const struct fetch_reply *reply)
{
        uint32_t len = reply->len + reply->len2;
        int r;

        o->tokens = malloc(len + 1);
        if (!o->tokens) {
                flow_full(o->f);
                return;
        }

        memcpy(o->tokens, reply->bytes, len);
        o->id_len = reply->len;
        o->access_len = reply->len2;
        o->wait.done = oidc_on_keys;
        r = issuer_need(o->issuer, ISSUER_KEYS, &o->wait);
        if (r != ISSUER_WAITS)
                oidc_on_keys(&o->wait, r);
}

/* No response is looked at: a flow's tokens come from the provider. */
int oidc_prove(const struct claim *c, const struct store_account *acc, capnp_data response,
               struct method_proof *ret)
{
        struct oidc *o = c->own;
        struct token_wanted w = {.now_s = (int64_t)(clock_wall_ms() / 1000)};
        size_t len = sizeof(w);

        (void)acc;
        (void)response;
        if (!o->asked)
                o->asked = malloc(ISSUER_ASK_BYTES);
        if (!o->asked)
                return -ENOMEM;

        memcpy(w.nonce, o->nonce, sizeof(w.nonce));
        if (o->asked_ms)
                w.fresh_s = (uint32_t)((clock_boot_ms() - o->asked_ms) / 1000) + 1;
        memcpy(o->asked, &w, sizeof(w));
        o->generation = o->issuer->generation;
        if (issuer_ask(o->issuer, o->issuer->client_id, o->nonce[0] ? TOKEN_NONCE : 0, o->asked,
                       ISSUER_ASK_BYTES, &len))
                return CAPNP_E_LIMIT;

        snprintf(ret->credential, sizeof(ret->credential), "identity");
        ret->kind = PROOF_TOKEN;
        ret->parts[0] = (capnp_data){o->asked, (uint32_t)len};
        ret->parts[1] = (capnp_data){o->tokens, o->id_len};
        ret->parts[2] = (capnp_data){o->tokens + o->id_len, o->access_len};
        return 0;
}

bool oidc_again(struct claim *c, struct flow *f, const struct proof_verdict *v)
{
        struct oidc *o = c->own;
        int r;

        if (v->reason != TOKEN_E_UNKNOWN_KEY || o->looked)
                return false;

        o->looked = true;
        o->wait.done = oidc_on_keys;
        r = issuer_look_for_key(o->issuer, o->generation, &o->wait);
        if (!r)
                flow_go_on(f, METHOD_PROOF);
        return r != CAPNP_E_UNKNOWN;
}

/* ---- who it is ------------------------------------------------------------------------------ */

/* The hash of an identity; issuer and subject have no NUL. */
static void identity_hash(const struct store_identity *id, uint8_t ret[crypto_hash_sha256_BYTES])
{
        crypto_hash_sha256_state h;

        crypto_hash_sha256_init(&h);
        crypto_hash_sha256_update(&h, (const uint8_t *)id->issuer, strlen(id->issuer) + 1);
        crypto_hash_sha256_update(&h, (const uint8_t *)id->subject, strlen(id->subject));
        crypto_hash_sha256_final(&h, ret);
}

void oidc_credential(const struct store_identity *id, char ret[STORE_FINGERPRINT_BYTES])
{
        static const char kind[] = "oidc:";
        uint8_t hash[crypto_hash_sha256_BYTES];

        identity_hash(id, hash);
        memcpy(ret, kind, strlen(kind));
        sodium_bin2base64(ret + strlen(kind), STORE_FINGERPRINT_BYTES - strlen(kind), hash,
                          sizeof(hash), sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
}

/* An identity is to have an account, named after its provider: not before all else is certain. */
static enum capos_denial account_promise(struct sessiond *s, const struct issuer *i,
                                         const struct store_identity *id, struct principal *ret)
{
        uint8_t hash[crypto_hash_sha256_BYTES];
        char hex[2 * NAME_HASH_BYTES + 1];

        if (!store_count(&s->store)) {
                ret->why = "this instance has no account yet: the first is made on its own machine";
                return CAPOS_DENIED_CREDENTIALS;
        }

        identity_hash(id, hash);
        sodium_bin2hex(hex, sizeof(hex), hash, NAME_HASH_BYTES);
        snprintf(ret->account, sizeof(ret->account), "%.16s-%s", i->name, hex);
        ret->newcomer = *id;
        return CAPOS_DENIED_NONE;
}

int oidc_make(struct sessiond *s, const struct principal *p)
{
        int r = store_add_with_identity(&s->store, p->account, p->profile, &p->newcomer);

        if (!r)
                audit_add(&s->audit, (struct capos_audit_record){.what = "account-add",
                                                                 .outcome = "ok",
                                                                 .account = p->account,
                                                                 .detail = p->detail});
        return r;
}

static bool account_is_there(struct sessiond *s, const char *name)
{
        struct store_account acc;
        int r = store_load(&s->store, name, &acc);

        if (!r)
                store_account_deinit(&acc);
        return !r;
}

enum capos_denial oidc_account(struct sessiond *s, const struct issuer *i,
                               const struct proof_verdict *v, const struct store_identity *id,
                               struct principal *ret)
{
        const struct issuer_rule *rule = v->rule < i->nrules ? &i->rules[v->rule] : NULL;
        int r = store_find_identity(&s->store, id, ret->account);

        if (!r)
                return CAPOS_DENIED_NONE;
        if (r != STORE_E_NONE)
                return CAPOS_DENIED_CREDENTIALS;
        if (!rule) {
                ret->why = "nobody has an account for this identity here: ask an administrator for "
                           "`capos account identity add`";
                return CAPOS_DENIED_CREDENTIALS;
        }

        ret->profile = rule->profile;
        if (!rule->account)
                return CAPOS_DENIED_NONE;
        snprintf(ret->account, sizeof(ret->account), "%s", rule->account);
        if (account_is_there(s, ret->account))
                return CAPOS_DENIED_NONE;

        ret->why = "the account of this identity is not there";
        return CAPOS_DENIED_CREDENTIALS;
}

enum capos_denial oidc_accept(const struct claim *c, const struct proof_verdict *v,
                              struct principal *ret)
{
        const struct oidc *o = c->own;
        const struct store_identity id = {o->issuer->issuer, v->name};
        struct sessiond *s = c->origin->s;
        enum capos_denial d;

        if (v->good != 1) {
                snprintf(ret->detail, sizeof(ret->detail), "%.16s: %.*s", o->issuer->name,
                         CAPOS_AUDIT_TEXT_BYTES - 20, v->subject);
                if (v->reason == TOKEN_E_UNDATED || v->reason == TOKEN_E_STALE)
                        ret->why = "the identity provider does not say that it has asked anew who "
                                   "you are (auth_time)";
                return CAPOS_DENIED_CREDENTIALS;
        }

        oidc_credential(&id, ret->credential);
        snprintf(ret->detail, sizeof(ret->detail), "%.16s, subject %.*s", o->issuer->name,
                 text_fit(id.subject, OIDC_SUBJECT_SHOWN), id.subject);
        d = oidc_account(s, o->issuer, v, &id, ret);
        if (!d && !ret->account[0])
                d = account_promise(s, o->issuer, &id, ret);
        if (d)
                return d;

        if (c->claimed[0] && strcmp(c->claimed, ret->account) != 0) {
                snprintf(ret->detail, sizeof(ret->detail), "%.16s: it is %s's", o->issuer->name,
                         ret->account);
                return CAPOS_DENIED_CREDENTIALS;
        }
        return CAPOS_DENIED_NONE;
}
