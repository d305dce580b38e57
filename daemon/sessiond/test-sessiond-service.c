/*
 * Service accounts: their assertions, what one is good for and for what not, their keys while they
 * are exchanged, and that people and programs stay apart. Tokens are made here, with Ed25519 keys.
 */
#include "test-rig.h"

#include "session-proof.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECRET "correct horse battery"

enum { TOKEN_TEXT = 4096 };

/* ---- keys and tokens ------------------------------------------------------------------------ */

struct signer {
        uint8_t public[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
};

static void encode(const void *p, size_t len, char *to)
{
        sodium_bin2base64(to, TOKEN_TEXT, p, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static capnp_question *key_add(struct rig *g, const char *account, const struct signer *k,
                               const char *id)
{
        capnp_question *q = admin_service_key_add(rig_admin(g));
        char x[TOKEN_TEXT], jwk[256];

        encode(k->public, sizeof(k->public), x);
        snprintf(jwk, sizeof(jwk), "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%.64s\"}", x);
        admin_service_key_add_set_name(q, account);
        admin_service_key_add_set_key(q, jwk);
        admin_service_key_add_set_id(q, id);
        return q;
}

static capnp_question *key_remove(struct rig *g, const char *account, const char *id)
{
        capnp_question *q = admin_service_key_remove(rig_admin(g));

        admin_service_key_remove_set_name(q, account);
        admin_service_key_remove_set_id(q, id);
        return q;
}

/* What a token says; NULL and 0: as it should be. */
struct said {
        const char *issuer, *subject, *audience, *id;
        int64_t until; /* from now */
        bool no_nonce;
};

static void token_make(const struct signer *k, const struct said *w, const char *nonce,
                       char to[TOKEN_TEXT])
{
        char text[1024], part[TOKEN_TEXT];
        uint8_t sig[crypto_sign_BYTES];
        size_t len;

        snprintf(text, sizeof(text), "{\"alg\":\"EdDSA\",\"kid\":\"%s\"}", w->id ? w->id : "k1");
        encode(text, strlen(text), to);
        snprintf(text, sizeof(text),
                 "{\"iss\":\"%s\",\"sub\":\"%s\",\"aud\":\"%s\",\"exp\":%lld,\"%s\":\"%s\"}",
                 w->issuer ? w->issuer : "ci", w->subject ? w->subject : "ci",
                 w->audience ? w->audience : "capos",
                 (long long)time(NULL) + (w->until ? w->until : 120), w->no_nonce ? "jti" : "nonce",
                 nonce);
        encode(text, strlen(text), part);
        len = strlen(to);
        snprintf(to + len, TOKEN_TEXT - len, ".%s", part);
        crypto_sign_detached(sig, NULL, (uint8_t *)to, strlen(to), k->secret);
        encode(sig, sizeof(sig), part);
        len = strlen(to);
        snprintf(to + len, TOKEN_TEXT - len, ".%s", part);
}

/* ---- logging in ----------------------------------------------------------------------------- */

struct login {
        uint32_t flow;
        uint8_t challenge[32];
        const char *account, *profile;
};

static struct login login_begin(struct rig_worker *w, const char *account, const char *profile,
                                bool renewal)
{
        struct login l = {.account = account, .profile = profile};
        capnp_question *q = admission_start(w->ask);
        remote_auth_start_builder b = admission_start_init_request(q);
        capnp_data d;

        remote_auth_start_set_kind(b, REMOTE_AUTH_KIND_SERVICE_CREDENTIAL);
        login_selector_set_account(remote_auth_start_init_selector(b), account);
        remote_auth_start_set_requested_profile(b, profile);
        admission_start_set_renewal(q, renewal);
        l.flow = admission_start_flow(rig_good(q));
        capnp_question_free(q);
        q = admission_next(w->ask);
        admission_next_set_flow(q, l.flow);
        d = remote_auth_step_challenge(admission_next_step(rig_good(q)));
        CHECK_EQ(d.len, sizeof(l.challenge));
        memcpy(l.challenge, d.p, d.len);
        capnp_question_free(q);
        return l;
}

static void nonce_of(const uint8_t challenge[32], const char *account, const char *profile,
                     char ret[CAPOS_PROOF_NONCE_TEXT])
{
        const struct capos_proof p = {.transport = "plain",
                                      .nonce = {challenge, 32},
                                      .account = {account, (uint32_t)strlen(account)},
                                      .profile = {profile, (uint32_t)strlen(profile)}};
        uint8_t transcript[CAPOS_PROOF_BYTES], hash[32];
        size_t len;

        CHECK_OK(capos_proof_write(&p, transcript, sizeof(transcript), &len));
        crypto_hash_sha256(hash, transcript, len);
        capos_proof_nonce(hash, ret);
}

static capnp_question *login_end(struct rig_worker *w, const struct login *l, const char *token)
{
        capnp_question *q = admission_next(w->ask);

        admission_next_set_flow(q, l->flow);
        admission_next_set_response(q,
                                    (capnp_data){(const uint8_t *)token, (uint32_t)strlen(token)});
        return q;
}

/* All of it, with a token that says something else, perhaps. */
static capnp_question *login_as(struct rig_worker *w, const char *account, const char *profile,
                                const struct signer *k, const struct said *said)
{
        struct login l = login_begin(w, account, profile, false);
        char nonce[CAPOS_PROOF_NONCE_TEXT], token[TOKEN_TEXT];

        nonce_of(l.challenge, account, profile, nonce);
        token_make(k, said, nonce, token);
        return login_end(w, &l, token);
}

static capnp_question *account_add(struct rig *g, const char *name, const char *profile)
{
        capnp_question *q = admin_service_account_add(rig_admin(g));
        capnp_lbuilder l = admin_service_account_add_init_profiles(q, 1);

        admin_service_account_add_set_name(q, name);
        admin_service_account_add_in_set_profiles_at(l, 0, profile);
        return q;
}

struct stage {
        struct rig g;
        struct signer k1, k2;
};

static void stage_start(struct stage *t)
{
        CHECK(sodium_init() >= 0);
        crypto_sign_keypair(t->k1.public, t->k1.secret);
        crypto_sign_keypair(t->k2.public, t->k2.secret);
        rig_start(&t->g, &(struct rig_options){.service = true});
        capnp_question_free(rig_good(account_add(&t->g, "ci", "robot")));
        capnp_question_free(rig_good(key_add(&t->g, "ci", &t->k1, "k1")));
}

static void stage_stop(struct stage *t)
{
        rig_stop(&t->g, false);
        rig_remove(t->g.dir);
}

/* ---- what is good --------------------------------------------------------------------------- */

static void renew(struct rig_worker *w, const struct signer *k, const uint8_t *challenge)
{
        char nonce[CAPOS_PROOF_NONCE_TEXT], token[TOKEN_TEXT];
        struct login l = login_begin(w, "ci", "", true);
        capnp_question *q;

        nonce_of(l.challenge, "ci", "", nonce);
        token_make(k, &(struct said){0}, nonce, token);
        capnp_question_free(rig_good(login_end(w, &l, token)));

        /* By the challenge that the session was told, which has changed by that. */
        nonce_of(challenge, "ci", "robot", nonce);
        token_make(k, &(struct said){0}, nonce, token);
        q = admission_renew(w->ask);
        admission_renew_set_proof(q, (capnp_data){(const uint8_t *)token, (uint32_t)strlen(token)});
        rig_refused(q, "denied.credentials");
}

TEST_T(an_assertion_logs_in_and_renews, 90)
{
        struct rig_worker w;
        uint8_t challenge[32];
        struct stage t;
        capnp_question *q;
        session_info_reader i;

        stage_start(&t);
        rig_worker(&t.g, RIG_HOME, &w);
        q = rig_good(login_as(&w, "ci", "", &t.k1, &(struct said){0}));
        i = bound_info(admission_next_bound(q));
        CHECK_STR(session_info_kind(i).p, "serviceCredential");
        CHECK_STR(session_info_profile(i).p, "robot");
        CHECK_STR(session_info_account(i).p, "ci");
        CHECK_EQ(session_info_renew_challenge(i).len, sizeof(challenge));
        memcpy(challenge, session_info_renew_challenge(i).p, sizeof(challenge));
        capnp_question_free(q);
        renew(&w, &t.k1, challenge);
        rig_worker_end(&w);
        CHECK_EQ(rig_audited(&t.g, "\"detail\":\"key k1\""), 1);
        CHECK_EQ(rig_audited(&t.g, "\"detail\":\"renewal: key k1\""), 1);
        CHECK_EQ(rig_audited(&t.g, "\"detail\":\"jwk:"),
                 3); /* the key, what made the session, what renewed it */
        stage_stop(&t);
}

TEST_T(the_challenge_of_a_session_renews_it, 90)
{
        char nonce[CAPOS_PROOF_NONCE_TEXT], token[TOKEN_TEXT];
        struct rig_worker w;
        struct stage t;
        capnp_question *q;

        stage_start(&t);
        rig_worker(&t.g, RIG_HOME, &w);
        q = rig_good(login_as(&w, "ci", "robot", &t.k1, &(struct said){0}));
        nonce_of(session_info_renew_challenge(bound_info(admission_next_bound(q))).p, "ci", "robot",
                 nonce);
        capnp_question_free(q);
        token_make(&t.k1, &(struct said){0}, nonce, token);
        q = admission_renew(w.ask);
        admission_renew_set_proof(q, (capnp_data){(const uint8_t *)token, (uint32_t)strlen(token)});
        capnp_question_free(rig_good(q));
        q = admission_renew(w.ask);
        admission_renew_set_proof(q, (capnp_data){(const uint8_t *)token, (uint32_t)strlen(token)});
        rig_refused(q, "denied.credentials");
        rig_worker_end(&w);
        stage_stop(&t);
}

/* ---- what is not ---------------------------------------------------------------------------- */

TEST_T(an_assertion_is_for_one_login_of_one_account_here, 120)
{
        static const struct {
                struct said said;
                const char *why;
        } rows[] = {
                {{.issuer = "cd"}, "of another issuer: cd"},
                {{.subject = "cd"}, "about nobody, or somebody else"},
                {{.audience = "other"}, "for somebody else"},
                {{.id = "k2"}, "the issuer has no such key: k2"},
                {{.until = 400}, "good for too long"},
                {{.until = -100}, "expired"},
                {{.no_nonce = true}, "for another login"},
        };
        char nonce[CAPOS_PROOF_NONCE_TEXT], token[TOKEN_TEXT], text[128];
        struct rig_worker w;
        struct stage t;
        struct login l;

        stage_start(&t);
        rig_worker(&t.g, RIG_HOME, &w);
        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                rig_refused(login_as(&w, "ci", "robot", &t.k1, &rows[i].said),
                            "denied.credentials");
                snprintf(text, sizeof(text), "\"detail\":\"%s\"", rows[i].why);
                CHECK(rig_audited(&t.g, text) >= 1);
        }
        rig_refused(login_as(&w, "ci", "robot", &t.k2, &(struct said){0}), "denied.credentials");
        rig_refused(login_as(&w, "nobody", "robot", &t.k1,
                             &(struct said){.issuer = "nobody", .subject = "nobody"}),
                    "denied.credentials");

        /* For another profile, and by a challenge of another flow. */
        l = login_begin(&w, "ci", "robot", false);
        nonce_of(l.challenge, "ci", "", nonce);
        token_make(&t.k1, &(struct said){0}, nonce, token);
        rig_refused(login_end(&w, &l, token), "denied.credentials");
        l = login_begin(&w, "ci", "robot", false);
        nonce_of(l.challenge, "ci", "robot", nonce);
        token_make(&t.k1, &(struct said){0}, nonce, token);
        l = login_begin(&w, "ci", "robot", false);
        rig_refused(login_end(&w, &l, token), "denied.credentials");
        rig_worker_end(&w);
        stage_stop(&t);
}

static const char refused[] = "denied.profile";

TEST_T(people_and_programs_stay_apart, 120)
{
        struct rig_worker w;
        struct stage t;
        capnp_question *q;

        stage_start(&t);
        rig_account(&t.g, "ada", SECRET);
        rig_refused(account_add(&t.g, "cd", "operator"),
                    "the profile is not for service accounts: there are robot");
        rig_refused(account_add(&t.g, "ada", "robot"), "it exists already: `capos account list`");
        q = admin_account_add(rig_admin(&t.g));
        admin_account_add_in_set_profiles_at(admin_account_add_init_profiles(q, 1), 0, "robot");
        admin_account_add_set_name(q, "bob");
        rig_refused(q, "the profile is for service accounts only: there are operator");
        q = admin_passwd(rig_admin(&t.g));
        admin_passwd_set_name(q, "ci");
        admin_passwd_set_password(q, (capnp_data){(const uint8_t *)SECRET, sizeof(SECRET) - 1});
        rig_refused(q, "it is a service account");
        rig_refused(key_add(&t.g, "ada", &t.k1, "k1"), "there is none such");

        rig_worker(&t.g, RIG_HOME, &w);
        rig_refused(login_as(&w, "ci", "operator", &t.k1, &(struct said){0}), refused);
        rig_refused(login_as(&w, "ada", "operator", &t.k1,
                             &(struct said){.issuer = "ada", .subject = "ada"}),
                    "denied.credentials");
        rig_refused(rig_password(&w, "ada", "robot", SECRET), refused);
        rig_refused(rig_password(&w, "ci", "robot", SECRET), "denied.credentials");
        rig_worker_end(&w);
        stage_stop(&t);
}

/* ---- keys ----------------------------------------------------------------------------------- */

/* The old key's session is there while both keys are, and ends with the old one. */
TEST_T(a_key_takes_the_place_of_another, 90)
{
        struct rig_worker w, v;
        struct stage t;
        capnp_question *q;
        unsigned sessions, descriptors;
        char id[64];

        stage_start(&t);
        rig_refused(key_add(&t.g, "ci", &t.k1, "other"), "it exists already");
        rig_refused(key_add(&t.g, "ci", &t.k2, "k1"), "it exists already");
        q = rig_good(key_add(&t.g, "ci", &t.k2, ""));
        CHECK_EQ(admin_service_key_add_id(q).len, 43);
        snprintf(id, sizeof(id), "%s", admin_service_key_add_id(q).p);
        capnp_question_free(q);
        capnp_question_free(rig_good(key_remove(&t.g, "ci", id)));
        capnp_question_free(rig_good(key_add(&t.g, "ci", &t.k2, "k2")));
        rig_worker(&t.g, RIG_HOME, &w);
        rig_worker(&t.g, RIG_HOME, &v);
        capnp_question_free(rig_good(login_as(&w, "ci", "", &t.k1, &(struct said){0})));
        capnp_question_free(rig_good(login_as(&v, "ci", "", &t.k2, &(struct said){.id = "k2"})));
        rig_refused(key_remove(&t.g, "ci", "k3"), "there is none such");
        capnp_question_free(rig_good(key_remove(&t.g, "ci", "k1")));
        rig_status(&t.g, &sessions, &descriptors);
        CHECK_EQ(sessions, 1);
        rig_worker_end(&w);
        rig_worker(&t.g, RIG_HOME, &w);
        rig_refused(login_as(&w, "ci", "", &t.k1, &(struct said){0}), "denied.credentials");
        capnp_question_free(rig_good(login_as(&w, "ci", "", &t.k2, &(struct said){.id = "k2"})));
        rig_worker_end(&w);
        rig_worker_end(&v);
        stage_stop(&t);
}

TEST_T(a_key_that_is_none_says_so, 60)
{
        struct stage t;
        capnp_question *q;
        account_list l;

        stage_start(&t);
        q = admin_service_key_add(rig_admin(&t.g));
        admin_service_key_add_set_name(q, "ci");
        admin_service_key_add_set_key(q, "-----BEGIN PRIVATE KEY-----\n");
        rig_refused(q, "it is a private key");
        q = admin_service_key_add(rig_admin(&t.g));
        admin_service_key_add_set_name(q, "ci");
        admin_service_key_add_set_key(q, "hello");
        rig_refused(q, "it is no public key");
        q = rig_good(admin_account_list(rig_admin(&t.g)));
        l = admin_account_list_accounts(q);
        CHECK_EQ(account_list_len(l), 1);
        CHECK(account_service(account_list_get(l, 0)));
        CHECK_STR(account_service_keys_at(account_service_keys(account_list_get(l, 0)), 0).p, "k1");
        capnp_question_free(q);
        stage_stop(&t);
}

/* Where no profile is for them, nobody can log in so. */
TEST_T(the_method_is_there_where_it_is_good_for_something, 60)
{
        struct rig_worker w;
        capnp_question *q;
        struct stage t;
        struct rig g;

        stage_start(&t);
        rig_worker(&t.g, RIG_HOME, &w);
        q = rig_good(admission_methods(w.ask));
        remote_auth_method_reader m = remote_auth_method_list_get(admission_methods_methods(q), 8);
        CHECK_EQ(remote_auth_method_state(m), REMOTE_AUTH_STATE_ENABLED);
        CHECK_EQ(remote_auth_method_profile_hints(m).len, 1);
        CHECK_STR(remote_auth_method_profile_hints_at(remote_auth_method_profile_hints(m), 0).p,
                  "robot");
        m = remote_auth_method_list_get(admission_methods_methods(q), 0);
        CHECK_EQ(remote_auth_method_profile_hints(m).len, 2);
        capnp_question_free(q);
        rig_worker_end(&w);
        stage_stop(&t);

        rig_start(&g, NULL);
        rig_worker(&g, RIG_HOME, &w);
        q = rig_good(admission_methods(w.ask));
        m = remote_auth_method_list_get(admission_methods_methods(q), 8);
        CHECK_EQ(remote_auth_method_state(m), REMOTE_AUTH_STATE_DISABLED);
        CHECK_STR(remote_auth_method_reason(m).p,
                  "no profile for service accounts in this instance's manifest");
        capnp_question_free(q);
        rig_worker_end(&w);
        rig_stop(&g, false);
        rig_remove(g.dir);
}
