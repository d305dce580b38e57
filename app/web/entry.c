/*
 * Connecting and logging in, as a page asks for it.
 *
 * The browser has no part in a proof but to say what a person says: the key is the ssh-agent's, the
 * connection is ours, and what a passkey signs is the hash of the transcript of this login on this
 * connection. What a person types is kept until the login has ended, and wiped.
 */
#include "entry.h"

#include "client-known.h"
#include "client-local.h"
#include "client-page.h"
#include "client-words.h"
#include "client.h"
#include "keys.h"
#include "places.h"
#include "records.h"
#include "tls-file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
        SECRET = 1025,
        WORD = 256,
        REDIRECT = OPTIONS_HOST + 32,
        ANSWER_MS = 15 * 1000,
        LOGIN_MS = 60 * 1000,
        PERSON_MS = 11 * 60 * 1000,
        LINE_MS = 500,
};

struct entry {
        const struct entry_ops *ops;
        struct asker who; /* of what is under way */
        bool asks_trust;  /* whether an instance's key is the one */
        bool asks_secret; /* a password was not there with the login, or a key is locked */
        bool asks_step;   /* a step of the instance's waits for an answer … */
        bool asks_back;   /* … which a browser brings back by itself */
        bool renews, is_running;
        struct capos_login how;
        char account[WORD], profile[WORD], issuer[WORD], redirect[REDIRECT], state[WORD];
        char secret[SECRET];
        capos_key *key;
        const char *locked; /* the file of the key that is to be opened; NULL: none is */
        capnp_timer *line;  /* while the line is made again */
        uint32_t tries;     /* as it was last told */
};

/* ---- connecting ----------------------------------------------------------------------------- */

static void entry_hang_up(struct bridge *b)
{
        struct entry *e = b->entry;

        e->asks_trust = e->asks_step = e->asks_secret = false;
        e->line = capnp_timer_free(e->line);
        if (b->client)
                e->ops->leave(b, false);
        b->client = capos_client_free(b->client);
        b->is_connected = b->is_in = b->busy = b->learning = false;
}

static struct down methods_down(struct bridge *b, uint32_t id)
{
        struct down d = down_new(id);

        if (d.m) {
                web_down_methods_builder m = web_down_init_methods(d.d);

                web_down_methods_set_instance(m, b->place);
                web_down_methods_set_methods(
                        m, remote_session_gateway_auth_methods_methods(b->client->methods));
                keys_write(b, m);
                web_down_methods_set_relying_parties(m, true);
        }
        return d;
}

static void methods_answer(struct bridge *b, struct asker a)
{
        struct down d = methods_down(b, a.id);

        down_answer(b, a, &d);
}

void entry_tell(struct bridge *b, const struct bridge_tab *t)
{
        struct down d;

        if (!b->is_connected || !b->client || !b->client->methods)
                return;
        d = methods_down(b, 0);
        down_tell(b, t, &d);
}

/* Whether the file of known instances has another key for this place, which a person may replace.
 * What the command line says of an address, a key or who answers for it, nobody replaces here. */
static bool key_has_changed(struct bridge *b, char ret_known[CAPOS_FINGERPRINT])
{
        const struct place *p = places_at(b, b->place);
        char path[CLIENT_KNOWN_PATH];
        struct client_known k;

        ret_known[0] = 0;
        if (!p || *p->at.pin || *p->at.ca || client_known_path(path, sizeof(path)) ||
            client_known_find(path, p->at.where, capos_client_key_peek(b->client), &k) ||
            k.state != CLIENT_CHANGED)
                return false;
        (void)snprintf(ret_known, CAPOS_FINGERPRINT, "%s", k.fingerprint);
        return true;
}

/* The instance is not known, or not by this key: is it the one? */
static void key_answer(struct bridge *b, struct asker a)
{
        char known[CAPOS_FINGERPRINT], words[CLIENT_WORDS];
        struct down d = down_new(a.id);

        b->entry->asks_trust = true;
        if (d.m) {
                web_down_key_builder k = web_down_init_key(d.d);
                char text[PLACE_TEXT];

                place_short(places_at(b, b->place), text);
                web_down_key_set_address(k, text);
                web_down_key_set_fingerprint(k, capos_client_key_peek(b->client));
                client_words(capos_client_key_peek(b->client), words);
                web_down_key_set_words(k, words);
                (void)key_has_changed(b, known);
                web_down_key_set_known(k, known);
        }
        down_answer(b, a, &d);
}

/* ---- a line that drops ---------------------------------------------------------------------- */

static void line_tell(struct bridge *b, bool down, const char *why)
{
        struct down d = down_new(0);

        if (d.m) {
                web_down_line_builder l = web_down_init_line(d.d);

                web_down_line_set_down(l, down);
                web_down_line_set_why(l, why);
                web_down_line_set_tries(l, b->entry->tries);
        }
        down_tell(b, NULL, &d);
}

static void line_on_tick(void *arg);

static void line_watch(struct bridge *b)
{
        (void)!capnp_timer_new(b->vat, LINE_MS, line_on_tick, b, &b->entry->line);
}

static void line_on_tick(void *arg)
{
        struct bridge *b = arg;
        const char *why = capos_client_reconnect_why_peek(b->client);

        b->entry->line = NULL;
        if (*why && b->client->back.tries != b->entry->tries) {
                b->entry->tries = b->client->back.tries;
                line_tell(b, true, why);
        }
        line_watch(b);
}

static void line_on_back(capos_client *c, int r, void *arg)
{
        struct bridge *b = arg;
        struct capos_error e = *capos_client_error_peek(c);

        b->entry->line = capnp_timer_free(b->entry->line);
        record_error(b, "reconnect", "", &e);
        bridge_idle(b);
        b->is_connected = !r;
        line_tell(b, false, r ? e.text : "");
        if (r)
                b->entry->ops->out(b, &e);
        else
                b->entry->ops->in(b, (struct asker){0}, false);
        places_tell(b, NULL);
}

void entry_again(struct bridge *b, struct asker a)
{
        if (b->entry->line)
                capos_client_reconnect_now(b->client);
        bridge_done(b, a);
}

/* It comes back by itself, where its login has left what that takes. */
static bool line_restore(struct bridge *b, const struct capos_error *why)
{
        if (!capos_client_can_reconnect(b->client))
                return false;
        b->entry->ops->leave(b, true);
        if (capos_client_reconnect(b->client, 0, line_on_back, b))
                return false;
        b->busy = true;
        b->entry->tries = 0;
        record_error(b, "line", "", why);
        line_tell(b, true, why->text);
        line_watch(b);
        return true;
}

static void entry_on_end(capos_client *c, const struct capos_error *why, void *arg)
{
        struct capos_error e = *why;
        struct bridge *b = arg;

        (void)c;
        b->is_connected = false;
        if (b->is_in && !line_restore(b, &e))
                b->entry->ops->out(b, &e);
        places_tell(b, NULL);
}

static void entry_on_methods(capos_client *c, int r, void *arg)
{
        struct bridge *b = arg;
        struct asker a = b->entry->who;
        struct place *p = places_at(b, b->place);
        struct capos_error e = *capos_client_error_peek(c);
        char known[CAPOS_FINGERPRINT];

        if ((r == CAPOS_E_UNKNOWN_KEY && *capos_client_key_peek(c)) ||
            (r == CAPOS_E_WRONG_KEY && key_has_changed(b, known))) {
                key_answer(b, a);
        } else if (r) {
                record_error(b, "connect", p->name, &e);
                entry_hang_up(b);
                bridge_fail_error(b, a, &e);
        } else {
                b->is_connected = true;
                p->seen_ms = bridge_time_ms();
                record_add(b, "connect", p->name, NULL, "");
                if (places_confirm(b, b->place))
                        record_add(b, "keep", p->name, "failed", "");
                methods_answer(b, a);
                places_tell(b, NULL);
        }
        bridge_idle(b);
}

int entry_dial(struct bridge *b, const struct place *p, capos_client **ret_c)
{
        struct capos_trust trust = {.expect = NULL};
        char whole[PLACE_TEXT], local[CLIENT_LOCAL_ADDRESS];
        const char *address = p->at.where;
        int r = 0;

        place_whole(p, whole);
        if (!p->at.named && !b->o->certificate)
                address = client_local_address(p->at.where, local, sizeof(local));
        if (address == p->at.where)
                address = whole;
        if (b->o->certificate && p->at.transport == CAPOS_TRANSPORT_TLS) {
                r = client_shown_read(b->o->certificate, false, &trust.certificates);
                if (!r)
                        r = client_shown_read(b->o->key, true, &trust.key);
        }
        if (!r)
                r = capos_client_connect(b->vat, address, &trust, NULL, ret_c);
        capos_i_tls_bytes_free(&trust.certificates);
        capos_i_tls_bytes_free(&trust.key);
        return r;
}

void entry_connect(struct bridge *b, struct asker a, uint16_t place)
{
        const struct place *p = places_at(b, place);
        int r;

        if (!p) {
                bridge_fail(b, a, "bridge.no-instance", "there is no such instance");
                return;
        }
        if (b->is_in) {
                bridge_fail(b, a, "bridge.in-session", "log out of the present session first");
                return;
        }
        entry_hang_up(b);
        b->place = place;
        b->entry->who = a;
        b->busy = true;
        r = entry_dial(b, p, &b->client);
        if (!r) {
                capos_client_on_end(b->client, entry_on_end, b);
                capos_client_set_timeout(b->client, ANSWER_MS);
                r = capos_client_fetch_methods(b->client, entry_on_methods, b);
        }
        if (!r)
                return;
        entry_hang_up(b);
        bridge_fail_code(b, a, r);
}

/* What a person has said yes to takes the place of what was known. 0, or as capos_known_add(). */
static int trust_write(struct bridge *b, const struct place *p)
{
        char known[CAPOS_FINGERPRINT], path[CLIENT_KNOWN_PATH];
        unsigned n;
        int r = 0;

        if (key_has_changed(b, known))
                r = client_known_path(path, sizeof(path));
        if (!r && *known)
                r = client_known_remove(path, p->at.where, NULL, &n);
        return r ? r : capos_known_add(NULL, p->at.where, capos_client_key_peek(b->client));
}

void entry_trust(struct bridge *b, struct asker a, bool yes)
{
        const struct place *p = places_at(b, b->place);
        int r;

        if (!b->entry->asks_trust || !b->client || !p) {
                bridge_fail(b, a, "bridge.not-asked", "nothing was asked");
                return;
        }
        b->entry->asks_trust = false;
        if (!yes) {
                entry_hang_up(b);
                record_add(b, "trust", p->name, "refused", "");
                places_deny(b, b->place);
                bridge_done(b, a);
                return;
        }
        r = trust_write(b, p);
        if (r) {
                bridge_fail_code(b, a, r);
                return;
        }
        record_add(b, "trust", p->name, NULL, "");
        entry_connect(b, a, b->place);
}

void entry_disconnect(struct bridge *b, struct asker a)
{
        if (b->is_in) {
                bridge_fail(b, a, "bridge.in-session", "log out first");
                return;
        }
        entry_hang_up(b);
        bridge_done(b, a);
        places_tell(b, NULL);
}

/* ---- a login's steps ------------------------------------------------------------------------ */

static void entry_wipe(struct entry *e)
{
        explicit_bzero(e->secret, sizeof(e->secret));
        explicit_bzero(e->state, sizeof(e->state));
        e->key = capos_key_free(e->key);
        e->locked = NULL;
        e->how = (struct capos_login){.kind = CAPOS_AUTH_ANONYMOUS};
        e->asks_secret = e->asks_step = e->asks_back = e->is_running = false;
}

static void step_write(web_down_step_builder w, enum capos_auth kind, const struct capos_step *s,
                       enum web_down_step_wants wants)
{
        web_down_step_set_kind(w, (enum remote_auth_kind)kind);
        web_down_step_set_prompt(w, s->prompt);
        web_down_step_set_redaction(w, s->secret);
        web_down_step_set_url(w, s->url);
        web_down_step_set_user_code(w, s->user_code);
        web_down_step_set_expires_at_ms(w, s->expires_at_ms);
        web_down_step_set_wants(w, wants);
        if (wants == WEB_DOWN_STEP_WANTS_PASSKEY) {
                web_down_step_set_challenge(
                        w, (capnp_data){s->transcript_hash, sizeof(s->transcript_hash)});
                web_down_step_set_relying_party(w, s->relying_party);
        }
}

static void step_tell(struct bridge *b, const struct capos_step *s, enum web_down_step_wants wants)
{
        struct down d = down_new(b->entry->who.id);

        if (d.m)
                step_write(web_down_init_step(d.d), b->entry->how.kind, s, wants);
        down_answer(b, b->entry->who, &d);
}

/* A page of an identity provider's: only one that is of this login, and leads back here. */
static void step_of_page(struct bridge *b, capos_client *c, const struct capos_step *s)
{
        struct entry *e = b->entry;
        const char *wrong = client_page_wrong(s, e->redirect, e->state, sizeof(e->state));

        if (wrong) {
                (void)!capos_client_give_up(c, wrong);
                return;
        }
        e->asks_back = true;
        bridge_word(b, WORD_STATE, e->state);
        step_tell(b, s, WEB_DOWN_STEP_WANTS_REDIRECT);
}

static void entry_on_step(capos_client *c, const struct capos_step *s, void *arg)
{
        struct bridge *b = arg;

        switch (b->entry->how.kind) {
        case CAPOS_AUTH_OIDC_PKCE:
                step_of_page(b, c, s);
                return;
        case CAPOS_AUTH_OIDC_DEVICE_CODE:
                if (client_page_is_good(s->url)) {
                        step_tell(b, s, WEB_DOWN_STEP_WANTS_ELSEWHERE);
                        (void)!capos_client_answer(c, (capnp_data){0});
                } else
                        (void)!capos_client_give_up(c, "its page is not one to be opened");
                return;
        case CAPOS_AUTH_PASSKEY:
                b->entry->asks_step = true;
                step_tell(b, s, WEB_DOWN_STEP_WANTS_PASSKEY);
                return;
        default:
                b->entry->asks_step = true;
                step_tell(b, s, WEB_DOWN_STEP_WANTS_ANSWER);
        }
}

static void entry_on_done(capos_client *c, int r, void *arg)
{
        struct bridge *b = arg;
        struct entry *e = b->entry;
        struct asker a = e->who;
        struct capos_error why = *capos_client_error_peek(c);
        const char *what = e->renews ? "renew" : "login", *kind = capos_auth_name(e->how.kind);
        bool renews = e->renews;

        if (e->asks_back)
                bridge_word(b, WORD_STATE, "");
        record_error(b, what, kind, &why);
        entry_wipe(e);
        bridge_idle(b);
        if (r)
                bridge_fail_error(b, a, &why);
        else {
                b->is_in = true;
                e->ops->in(b, a, renews);
        }
}

/* ---- logging in ----------------------------------------------------------------------------- */

static void entry_begin(struct bridge *b)
{
        struct entry *e = b->entry;
        bool person = e->how.kind == CAPOS_AUTH_OIDC_DEVICE_CODE ||
                      e->how.kind == CAPOS_AUTH_OIDC_PKCE || e->how.kind == CAPOS_AUTH_PASSKEY;
        int r;

        capos_client_set_timeout(b->client, person ? PERSON_MS : LOGIN_MS);
        b->busy = e->is_running = true;
        r = e->renews ? capos_client_renew(b->client, &e->how, 0, entry_on_done, b)
                      : capos_client_login(b->client, &e->how, entry_on_done, b);
        if (!r)
                return;
        entry_wipe(e);
        bridge_fail_code(b, e->who, r);
        bridge_idle(b);
}

/* A password that did not come along, or a passphrase, is asked for as an instance would. */
static void entry_ask_secret(struct bridge *b, const char *what)
{
        struct capos_step s = {
                .prompt = what, .secret = true, .url = "", .user_code = "", .relying_party = ""};

        b->entry->asks_secret = true;
        step_tell(b, &s, WEB_DOWN_STEP_WANTS_ANSWER);
}

static void entry_with_key(struct bridge *b, const char *fingerprint)
{
        struct entry *e = b->entry;
        char prompt[WORD] = "";
        struct capos_error why;
        int r = keys_find(b, fingerprint, &e->key, &e->locked, &why);

        e->how.key = e->key;
        if (!r)
                entry_begin(b);
        else if (r == CAPOS_E_KEY_LOCKED) {
                (void)snprintf(prompt, sizeof(prompt), "Passphrase of %s", e->locked);
                entry_ask_secret(b, prompt);
        } else if (r == CAPNP_E_UNKNOWN)
                bridge_fail(b, e->who, "bridge.no-key",
                            "the bridge's ssh-agent does not have this key");
        else
                bridge_fail_error(b, e->who, &why);
}

/* With the passphrase that was typed. */
static void entry_unlock(struct bridge *b)
{
        struct entry *e = b->entry;
        struct capos_error why;
        int r = capos_key_unlock(e->locked, e->how.password, &e->key, &why);

        explicit_bzero(e->secret, sizeof(e->secret));
        e->how.password.len = 0;
        e->how.key = e->key;
        if (!r) {
                entry_begin(b);
                return;
        }
        entry_wipe(e);
        bridge_fail_error(b, e->who, &why);
}

static void entry_fill(struct bridge *b, web_up_login_reader l)
{
        struct entry *e = b->entry;

        text_copy(web_up_login_account(l), e->account, sizeof(e->account));
        text_copy(web_up_login_profile(l), e->profile, sizeof(e->profile));
        text_copy(web_up_login_issuer(l), e->issuer, sizeof(e->issuer));
        text_copy(web_up_login_secret(l), e->secret, sizeof(e->secret));
        if (b->o->tls_key)
                (void)snprintf(e->redirect, sizeof(e->redirect), "https://%.253s:%u/back",
                               b->o->name, b->start.port);
        else /* by the address: a provider takes no name for a program on one's own machine */
                (void)snprintf(e->redirect, sizeof(e->redirect), "http://127.0.0.1:%u/back",
                               b->start.port);
        e->how = (struct capos_login){.kind = (enum capos_auth)web_up_login_kind(l),
                                      .account = *e->account ? e->account : NULL,
                                      .profile = *e->profile ? e->profile : NULL,
                                      .issuer = *e->issuer ? e->issuer : NULL,
                                      .step = entry_on_step,
                                      .step_arg = b,
                                      .client = b->is_window ? "capos desktop" : "capos web",
                                      .end_others = web_up_login_end_others(l)};
        if (e->how.kind == CAPOS_AUTH_PASSKEY)
                e->how.relying_party = b->o->name; /* whose page it is that asks */
        if (e->how.kind == CAPOS_AUTH_OIDC_PKCE)
                e->how.first =
                        (capnp_data){(const uint8_t *)e->redirect, (uint32_t)strlen(e->redirect)};
        e->how.password = (capnp_data){(const uint8_t *)e->secret, (uint32_t)strlen(e->secret)};
}

void entry_login(struct bridge *b, struct asker a, web_up_login_reader l, bool renews)
{
        struct entry *e = b->entry;
        char fingerprint[WORD], prompt[WORD + 16];

        if (!b->is_connected || renews != b->is_in) {
                bridge_fail(b, a, renews ? "bridge.no-session" : "bridge.not-connected",
                            renews ? "there is no session" : "connect to an instance first");
                return;
        }
        entry_wipe(e);
        e->who = a;
        e->renews = renews;
        entry_fill(b, l);
        if (e->how.kind >= CAPOS_AUTH_KINDS || e->how.kind == CAPOS_AUTH_SERVICE) {
                bridge_fail(b, a, "bridge.method", "no person logs in so");
                return;
        }
        if (e->how.kind == CAPOS_AUTH_PUBLIC_KEY) {
                text_copy(web_up_login_key(l), fingerprint, sizeof(fingerprint));
                entry_with_key(b, fingerprint);
        } else if (e->how.kind == CAPOS_AUTH_PASSWORD && !e->how.password.len) {
                (void)snprintf(prompt, sizeof(prompt), "Password of %s", e->account);
                entry_ask_secret(b, prompt);
        } else if (b->start.port || e->how.kind != CAPOS_AUTH_OIDC_PKCE)
                entry_begin(b);
        else /* a window has no page that a provider could lead back to */
                bridge_fail(b, a, "bridge.no-browser", "go on in a browser");
}

/* Passes a step's answer on. How the login goes on is said to who has begun it. */
static void step_answer(struct bridge *b, struct asker a, capnp_text text)
{
        b->entry->asks_step = false;
        bridge_done(b, a);
        (void)!capos_client_answer(b->client, (capnp_data){(const uint8_t *)text.p, text.len});
}

void entry_answer(struct bridge *b, struct asker a, capnp_text text)
{
        struct entry *e = b->entry;

        if (e->asks_secret) {
                e->asks_secret = false;
                bridge_done(b, a);
                text_copy(text, e->secret, sizeof(e->secret));
                e->how.password.len = (uint32_t)strlen(e->secret);
                if (e->locked)
                        entry_unlock(b);
                else
                        entry_begin(b);
        } else if (e->asks_step && e->how.kind != CAPOS_AUTH_PASSKEY)
                step_answer(b, a, text);
        else
                bridge_fail(b, a, "bridge.not-asked", "nothing was asked");
}

void entry_passkey(struct bridge *b, struct asker a, capnp_text text)
{
        if (b->entry->asks_step && b->entry->how.kind == CAPOS_AUTH_PASSKEY)
                step_answer(b, a, text);
        else
                bridge_fail(b, a, "bridge.not-asked", "no passkey was asked for");
}

void entry_give_up(struct bridge *b, struct asker a)
{
        struct entry *e = b->entry;

        if (e->is_running)
                (void)!capos_client_give_up(b->client, "given up");
        else {
                if (e->asks_secret)
                        bridge_fail(b, e->who, "bridge.given-up", "it was given up");
                entry_wipe(e);
        }
        bridge_done(b, a);
}

void entry_back(struct bridge *b, const char *query, size_t len)
{
        struct entry *e = b->entry;

        if (!e->asks_back || !b->client)
                return;
        e->asks_back = false;
        (void)!capos_client_answer(b->client, (capnp_data){(const uint8_t *)query, (uint32_t)len});
}

/* ---- logging out ---------------------------------------------------------------------------- */

static void entry_on_logout(capos_client *c, int r, void *arg)
{
        struct bridge *b = arg;
        struct asker a = b->entry->who;
        struct capos_error e = *capos_client_error_peek(c);

        record_error(b, "logout", "", &e);
        b->is_in = b->logging_out = false;
        if (r)
                bridge_fail_error(b, a, &e);
        else
                bridge_done(b, a);
        b->entry->ops->out(b, &(struct capos_error){.text = "logged out"});
        bridge_idle(b);
}

bool entry_runs(const struct bridge *b)
{
        return b->entry->is_running;
}

void entry_logout(struct bridge *b, struct asker a)
{
        int r;

        if (!b->is_in) {
                bridge_fail(b, a, "bridge.no-session", "there is no session");
                return;
        }
        if (b->entry->is_running)
                (void)!capos_client_give_up(b->client, "logged out");
        b->entry->who = a;
        capos_client_set_timeout(b->client, ANSWER_MS);
        b->busy = b->logging_out = true;
        r = capos_client_logout(b->client, entry_on_logout, b);
        if (r) {
                b->logging_out = false;
                bridge_fail_code(b, a, r);
                bridge_idle(b);
        }
}

/* ---- life ----------------------------------------------------------------------------------- */

int entry_new(struct bridge *b, const struct entry_ops *ops)
{
        b->entry = calloc(1, sizeof(*b->entry));
        if (!b->entry)
                return -ENOMEM;
        b->entry->ops = ops;
        return 0;
}

void entry_free(struct bridge *b)
{
        if (!b->entry)
                return;
        entry_hang_up(b);
        entry_wipe(b->entry);
        free(b->entry);
        b->entry = NULL;
}
