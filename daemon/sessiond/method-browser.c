/*
 * A browser on the machine of whoever logs in: authorization code with PKCE (RFC 6749, 7636, 8252).
 *
 * The client waits at an address of its own machine. Everything else of the request is made here:
 * what is random in it, and the nonce, which is the hash of this login's transcript. So the token
 * that comes back is good for this connection and no other, whoever has led the browser there.
 */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "flow.h"
#include "oidc.h"
#include "session-url.h"
#include "sessiond.h"

enum { QUERY_BYTES = 4096, RANDOM_BYTES = 32, ERROR_BYTES = 64 };

/* The response as a text; NULL: it is none that fits. */
static const char *response_text(capnp_data response, char to[QUERY_BYTES])
{
        if (!response.len || response.len >= QUERY_BYTES || memchr(response.p, 0, response.len))
                return NULL;

        memcpy(to, response.p, response.len);
        to[response.len] = 0;
        return to;
}

static enum method_turn browser_turn(const struct claim *c, capnp_data response)
{
        char text[QUERY_BYTES];

        if (!response_text(response, text))
                return METHOD_REFUSED;
        if (!c->asked && !capos_i_url_is_loopback(text))
                return METHOD_REFUSED;

        return METHOD_WAIT;
}

/* ---- where the browser goes ----------------------------------------------------------------- */

static void random_text(char to[OIDC_RANDOM_TEXT])
{
        uint8_t bytes[RANDOM_BYTES];

        randombytes_buf(bytes, sizeof(bytes));
        sodium_bin2base64(to, OIDC_RANDOM_TEXT, bytes, sizeof(bytes),
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* 0; CAPNP_E_LIMIT. */
static int query_write(const struct oidc *o, char *to, size_t room)
{
        uint8_t hash[crypto_hash_sha256_BYTES];
        char challenge[OIDC_RANDOM_TEXT];
        const char *const fields[][2] = {
                {"response_type", "code"},
                {"client_id", o->issuer->client_id},
                {"redirect_uri", o->redirect},
                {"scope", o->issuer->scopes},
                {"state", o->state},
                {"nonce", o->nonce},
                {"code_challenge", challenge},
                {"code_challenge_method", "S256"},
                {"max_age", "0"}, /* the last, and of a renewal: the person is asked anew */
        };
        const size_t n = sizeof(fields) / sizeof(fields[0]) - !o->asked_ms;
        int r = 0;

        crypto_hash_sha256(hash, (const uint8_t *)o->verifier, strlen(o->verifier));
        sodium_bin2base64(challenge, sizeof(challenge), hash, sizeof(hash),
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING);
        for (size_t i = 0; !r && i < n; i++)
                r = capos_i_query_add(to, room, fields[i][0], fields[i][1]);
        return r;
}

static void browser_step(const struct claim *c, remote_auth_step_builder b)
{
        const struct oidc *o = c->own;
        const char *at = o->issuer->places.authorization;
        char query[QUERY_BYTES] = "", url[QUERY_BYTES + FETCH_URL_BYTES];

        (void)query_write(o, query, sizeof(query)); /* it has fitted before */
        snprintf(url, sizeof(url), "%s%s%s", at, strchr(at, '?') ? "&" : "?", query);
        remote_auth_step_set_prompt(b, "Log in at the identity provider in your browser");
        remote_auth_step_set_url(b, url);
        sodium_memzero(query, sizeof(query));
        sodium_memzero(url, sizeof(url));
        remote_auth_step_set_challenge(b, (capnp_data){c->nonce, sizeof(c->nonce)});
}

static void browser_ready(struct oidc *o)
{
        char query[QUERY_BYTES] = "";

        if (!o->issuer->places.authorization[0] || !o->issuer->places.token[0]) {
                oidc_lacks(o, "logins by a browser");
                return;
        }

        if (o->f->renewal)
                o->asked_ms = clock_boot_ms();
        random_text(o->state);
        random_text(o->verifier);
        if (claim_token_nonce(o->c, o->nonce) || query_write(o, query, sizeof(query)))
                flow_refuse(o->f, CAPOS_DENIED_FLOW, "the URL is too long", NULL);
        else
                flow_go_on(o->f, METHOD_STEP);
        sodium_memzero(query, sizeof(query));
}

/* ---- what it brings ------------------------------------------------------------------------- */

static void browser_on_token(void *arg, const struct fetch_reply *reply)
{
        struct oidc *o = arg;

        o->job = NULL;
        if (!reply || reply->end != FETCH_GOOD)
                oidc_refuse(o, reply);
        else
                oidc_take_tokens(o, reply);
}

/* The provider's own error, which anybody can have made up who knows the state. */
static const char *error_read(const char *query)
{
        static const struct {
                const char *name, *why;
        } known[] = {{"access_denied", "somebody has said no there"},
                     {"login_required", "nobody has logged in there"},
                     {"interaction_required", "nobody has logged in there"},
                     {"consent_required", "nobody has agreed there"},
                     {"server_error", "the identity provider has failed: try again"},
                     {"temporarily_unavailable", "the identity provider is busy: try again"}};
        char error[ERROR_BYTES] = "";
        int r = capos_i_query_get(query, "error", error, sizeof(error));

        if (r == CAPNP_E_UNKNOWN)
                return NULL;
        for (unsigned i = 0; !r && i < sizeof(known) / sizeof(known[0]); i++)
                if (!strcmp(error, known[i].name))
                        return known[i].why;
        return "the identity provider has refused";
}

/* What is wrong with a redirect; NULL: nothing, and *code has been read. */
static const char *redirect_read(const struct oidc *o, const char *query,
                                 char code[FETCH_CODE_BYTES])
{
        char state[FETCH_ID_BYTES] = "", issuer[FETCH_URL_BYTES] = "";
        const char *error;
        int r = capos_i_query_get(query, "state", state, sizeof(state));

        if (r || strlen(state) != strlen(o->state) ||
            sodium_memcmp(state, o->state, strlen(o->state)))
                return "the redirect is of another login (state)";

        r = capos_i_query_get(query, "iss", issuer, sizeof(issuer));
        if (r ? r != CAPNP_E_UNKNOWN || o->issuer->places.names_itself
              : strcmp(issuer, o->issuer->issuer) != 0)
                return "the redirect is of another identity provider (iss)";
        error = error_read(query);
        if (error)
                return error;
        return capos_i_query_get(query, "code", code, FETCH_CODE_BYTES) || !code[0]
                       ? "the redirect has no code"
                       : NULL;
}

static void browser_exchange(struct oidc *o, const char *query)
{
        static struct fetch_request q;
        const char *wrong;

        q = (struct fetch_request){0};
        wrong = redirect_read(o, query, q.code);
        if (wrong) {
                sodium_memzero(q.code, sizeof(q.code));
                flow_refuse(o->f, CAPOS_DENIED_CREDENTIALS, wrong, NULL);
                return;
        }

        issuer_fill(o->issuer, FETCH_CODE_TOKEN, o->issuer->places.token, &q);
        memcpy(q.verifier, o->verifier, sizeof(o->verifier));
        memcpy(q.redirect, o->redirect, sizeof(q.redirect));
        oidc_fetch(o, &q, browser_on_token);
        sodium_memzero(&q, sizeof(q));
}

static void browser_wait(struct claim *c, struct flow *f, capnp_data response)
{
        char text[QUERY_BYTES] = "";

        (void)response_text(response, text);
        if (c->own)
                browser_exchange(c->own, text);
        else
                oidc_begin(c, f, text, browser_ready);
        sodium_memzero(text, sizeof(text));
}

static const struct method_ops browser_ops = {
        .throttle = THROTTLE_KEY,
        .binds = true,
        .refused = "first comes the redirect URI, http://127.0.0.1:PORT/..., then the query of the "
                   "redirect",
        .recognizes = oidc_recognizes,
        .turn = browser_turn,
        .step = browser_step,
        .prove = oidc_prove,
        .accept = oidc_accept,
        .wait = browser_wait,
        .again = oidc_again,
        .end = oidc_end,
        .patient = true,
        .elsewhere = true,
        .same = true,
};

const struct method method_browser = {.is_on = oidc_is_on, .off = OIDC_OFF, .ops = &browser_ops};
