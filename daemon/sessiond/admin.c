/*
 * The admin socket.
 *
 * It lies in the state folder, which only the instance's user can enter; who connects is checked
 * all the same. There is one object for all of them, because there is one authority: to be that
 * user. Passwords and keys that come in here are still given to a prover, which is the only place
 * where either is looked into.
 */
#include "admin.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin-identity.h"
#include "admin-passkey.h"
#include "admin.capnp-c.h"
#include "daemon-log.h"
#include "daemon-text.h"
#include "enrolment.h"
#include "flow.h"
#include "io-socket.h"
#include "origin.h"
#include "session.h"
#include "sessiond.h"

enum {
        PASSWORD_LEAST = 8,
        PASSWORD_MOST = 1024,
        ADMIN_ANSWERS = 64,
        SERVICE_KEY_TEXT = 16 * 1024,
        ADMIN_E_SERVICE = 64, /* beside enum store_err: not for service accounts */
};

/* A change that waits for a prover. */
struct change {
        struct sessiond *s;
        capnp_answer *a;
        int (*apply)(struct change *c, const struct proof_verdict *v);
        char name[STORE_NAME_BYTES + 1];
        char profiles[STORE_PROFILES][65];
        unsigned nprofiles;
        bool service; /* the account is a program's */
        struct store_key key;
        char id[STORE_SERVICE_KEY_ID + 1]; /* of a service account's key */
};

static void admin_audit(struct sessiond *s, const char *what, const char *account,
                        const char *detail)
{
        audit_add(&s->audit, (struct capos_audit_record){.what = what,
                                                         .outcome = "ok",
                                                         .source = "local",
                                                         .account = account,
                                                         .detail = detail});
}

static capnp_data data_of(capnp_text t)
{
        return (capnp_data){(const uint8_t *)t.p, t.len};
}

static void change_free(struct change *c)
{
        free(c->key.blob);
        sodium_memzero(c, sizeof(*c));
        free(c);
}

static int admin_fail(capnp_answer *a, int r)
{
        switch (r) {
        case STORE_E_EXISTS:
                return capnp_answer_fail(a, CAPNP_FAILED, "it exists already");
        case STORE_E_NONE:
                return capnp_answer_fail(a, CAPNP_FAILED, "there is none such");
        case STORE_E_FULL:
                return capnp_answer_fail(a, CAPNP_FAILED, "there are too many");
        case ADMIN_E_SERVICE:
                return capnp_answer_fail(a, CAPNP_FAILED,
                                         "it is a service account: it has keys for its tokens");
        case CAPNP_E_LIMIT:
                return capos_i_over_quota(a, CAPOS_I_QUOTA_PROOFS, "try again");
        default:
                return capnp_answer_fail(a, CAPNP_FAILED, "it failed: %s", capnp_strerror(r));
        }
}

static void change_on_verdict(void *arg, enum prove_end end, const struct proof_verdict *v)
{
        struct change *c = arg;
        int r;

        if (end != PROVE_VERDICT) {
                (void)capos_i_over_quota(c->a, CAPOS_I_QUOTA_PROOFS,
                                         "the prover failed: try again");
                change_free(c);
                return;
        }

        r = c->apply(c, v);
        if (r)
                (void)admin_fail(c->a, r);
        else
                (void)audit_return(&c->s->audit, c->a);
        change_free(c);
}

/* Has something proved; whose turn it is and whom it is for is filled in here. Takes c and its
 * answer. */
static int change_start(struct change *c, const struct prove_what *what)
{
        struct prove_what w = *what;
        capnp_answer *a = c->a;
        int r;

        /* Each by itself: whoever administers has many at once, and is no stranger. */
        snprintf(w.path.key[0], TURNS_KEY, "admin");
        snprintf(w.path.key[1], TURNS_KEY, "%s", c->name);
        w.done = w.done ? w.done : change_on_verdict;
        w.arg = c;
        r = prover_start(&c->s->prover, &w, NULL);

        if (!r)
                return capnp_answer_keep(a, NULL, NULL);

        change_free(c);
        return admin_fail(a, r);
}

/* Reads the account's name. NULL: it is none, or there is no memory; then a is taken. */
static struct change *change_new(struct sessiond *s, capnp_answer *a, capnp_text name)
{
        struct change *c;

        if (capnp_answer_check(a) || !store_name_ok(name.p, name.len)) {
                (void)capnp_answer_fail(a, CAPNP_FAILED, "a name is 1 to %d of a-z 0-9 . - _",
                                        STORE_NAME_BYTES);
                return NULL;
        }

        c = calloc(1, sizeof(*c));
        if (!c) {
                (void)capos_i_refuse_no_memory(a);
                return NULL;
        }

        c->s = s;
        c->a = a;
        snprintf(c->name, sizeof(c->name), "%s", name.p);
        return c;
}

/* Ends a change that needs no prover. */
static int change_now(struct change *c)
{
        const struct proof_verdict none = {0};

        change_on_verdict(c, PROVE_VERDICT, &none);
        return 0;
}

static int change_fail(struct change *c, const char *why)
{
        capnp_answer *a = c->a;

        change_free(c);
        return capnp_answer_fail(a, CAPNP_FAILED, "%s", why);
}

/* One that needs a verifier of a password; an empty one is none. */
static int change_hash(struct change *c, capnp_data password)
{
        if (!password.len)
                return change_now(c);

        return change_start(c, &(struct prove_what){.kind = PROOF_HASH, .parts = {password}});
}

static bool password_ok(capnp_data p)
{
        return !p.len || (p.len >= PASSWORD_LEAST && p.len <= PASSWORD_MOST);
}

/* ---- accounts ------------------------------------------------------------------------------- */

static int apply_add(struct change *c, const struct proof_verdict *v)
{
        const char *profiles[STORE_PROFILES];
        int r;

        for (unsigned i = 0; i < c->nprofiles; i++)
                profiles[i] = c->profiles[i];
        r = store_add(&c->s->store, &(struct store_new){.name = c->name,
                                                        .verifier = v->verifier,
                                                        .profiles = profiles,
                                                        .nprofiles = c->nprofiles,
                                                        .service = c->service});
        if (!r)
                admin_audit(c->s, "account-add", c->name, c->service ? "service" : NULL);
        return r;
}

/* What is wrong with the profiles asked for; NULL: nothing. */
static const char *change_profiles(struct change *c, capnp_list list)
{
        if (!list.len || list.len > STORE_PROFILES)
                return "an account has 1 to 16 profiles";

        for (uint32_t i = 0; i < list.len; i++) {
                capnp_text t = capnp_any_text(capnp_list_any(list, i), (capnp_text){0});
                const struct policy_profile *p = policy_profile(&c->s->policy, t);

                if (!p || !p->accounts || t.len >= sizeof(c->profiles[0]))
                        return "no such profile, or not one for accounts";
                if (p->service != c->service)
                        return p->service ? "the profile is for service accounts only"
                                          : "the profile is not for service accounts";
                snprintf(c->profiles[c->nprofiles++], sizeof(c->profiles[0]), "%s", t.p);
        }
        return NULL;
}

static int admin_on_account_add(void *self, capnp_answer *a)
{
        capnp_data password = admin_account_add_param_password(a);
        capnp_list profiles = admin_account_add_param_profiles(a);
        struct change *c = change_new(self, a, admin_account_add_param_name(a));
        const char *wrong;

        if (!c)
                return 0;

        wrong = change_profiles(c, profiles);
        if (!wrong && !password_ok(password))
                wrong = "a password has 8 to 1024 bytes";
        if (wrong)
                return change_fail(c, wrong);

        c->apply = apply_add;
        return change_hash(c, password);
}

static int apply_remove(struct change *c, const struct proof_verdict *v)
{
        int r = store_remove(&c->s->store, c->name);

        (void)v;
        if (r)
                return r;

        admin_audit(c->s, "account-remove", c->name, NULL);
        flows_spoil(c->s, c->name);
        sessions_end(c->s, c->name, NULL, "revoked");
        return 0;
}

static int admin_on_account_remove(void *self, capnp_answer *a)
{
        struct change *c = change_new(self, a, admin_account_remove_param_name(a));

        if (!c)
                return 0;

        c->apply = apply_remove;
        return change_now(c);
}

struct listing {
        account_list_builder to;
        uint32_t at;
};

static void listing_add(void *arg, const struct store_account *acc)
{
        struct listing *l = arg;
        account_builder b = account_list_builder_get(l->to, l->at++);
        capnp_lbuilder list;
        char text[256];

        account_set_name(b, acc->name);
        account_set_has_password(b, acc->verifier[0] != 0);
        account_set_service(b, acc->service);
        list = account_init_service_keys(b, acc->nservice_keys);
        for (unsigned i = 0; i < acc->nservice_keys; i++)
                account_set_service_keys_at(list, i, acc->service_keys[i].id);
        list = account_init_profiles(b, acc->nprofiles);
        for (unsigned i = 0; i < acc->nprofiles; i++)
                account_set_profiles_at(list, i, acc->profiles[i]);
        list = account_init_keys(b, acc->nkeys);
        for (unsigned i = 0; i < acc->nkeys; i++) {
                snprintf(text, sizeof(text), "%s%s%s", acc->keys[i].fingerprint,
                         acc->keys[i].comment[0] ? " " : "", acc->keys[i].comment);
                account_set_keys_at(list, i, text);
        }
}

static int admin_on_account_list(void *self, capnp_answer *a)
{
        struct sessiond *s = self;
        struct listing l = {0};
        int r;

        l.to = admin_account_list_results_init_accounts(a, store_count(&s->store));
        r = store_each(&s->store, listing_add, &l);
        return r ? admin_fail(a, r) : capnp_answer_return(a);
}

/* A password or an SSH key is a person's. 0; STORE_E_NONE; ADMIN_E_SERVICE; -errno. */
static int change_for_person(struct change *c)
{
        struct store_account acc;
        int r = store_load(&c->s->store, c->name, &acc);

        if (r)
                return r;
        if (acc.service)
                r = ADMIN_E_SERVICE;
        store_account_deinit(&acc);
        return r;
}

static int apply_passwd(struct change *c, const struct proof_verdict *v)
{
        int r = change_for_person(c);

        if (!r)
                r = store_set_verifier(&c->s->store, c->name, v->verifier);

        if (r)
                return r;

        admin_audit(c->s, "password", c->name, v->verifier[0] ? "set" : "removed");
        flows_spoil(c->s, c->name);
        sessions_end(c->s, c->name, "password", "revoked");
        return 0;
}

static int admin_on_passwd(void *self, capnp_answer *a)
{
        capnp_data password = admin_passwd_param_password(a);
        struct change *c = change_new(self, a, admin_passwd_param_name(a));

        if (!c)
                return 0;
        if (!password_ok(password))
                return change_fail(c, "a password has 8 to 1024 bytes");

        c->apply = apply_passwd;
        return change_hash(c, password);
}

/* ---- keys ----------------------------------------------------------------------------------- */

static void key_fingerprint(struct store_key *k)
{
        uint8_t hash[crypto_hash_sha256_BYTES];

        crypto_hash_sha256(hash, k->blob, k->len);
        capos_i_sshkey_fingerprint(hash, k->fingerprint);
}

/* A comment is for people: what does not print becomes a question mark. */
static void key_comment(struct store_key *k, const char *p)
{
        size_t n = 0;

        for (; *p && *p != '\n' && *p != '\r' && n < sizeof(k->comment) - 1; p++)
                k->comment[n++] = *p >= ' ' && *p < 0x7f ? *p : '?';
        k->comment[n] = 0;
}

/* `type base64 [comment]`. What is wrong with it; NULL: nothing. */
static const char *key_read(struct store_key *k, const char *line)
{
        const char *comment, *wrong;

        k->blob = malloc(STORE_KEY_BYTES);
        if (!k->blob)
                return "no memory";

        wrong = capos_i_sshkey_read(line, k->blob, &k->len, &comment);
        if (wrong)
                return wrong;

        key_fingerprint(k);
        key_comment(k, comment);
        return NULL;
}

static int apply_key(struct change *c, const struct proof_verdict *v)
{
        int r;

        if (v->good != 1)
                return CAPNP_E_SYNTAX;

        r = change_for_person(c);
        if (!r)
                r = store_add_key(&c->s->store, c->name, &c->key);
        if (r)
                return r;

        admin_audit(c->s, "key-add", c->name, c->key.fingerprint);
        admin_key_add_results_set_fingerprint(c->a, c->key.fingerprint);
        return 0;
}

static int admin_on_key_add(void *self, capnp_answer *a)
{
        capnp_text line = admin_key_add_param_key(a);
        struct change *c = change_new(self, a, admin_key_add_param_name(a));
        const char *wrong;

        if (!c)
                return 0;

        wrong = text_is_plain(line) ? key_read(&c->key, line.p) : "a key is a line of text";
        if (wrong)
                return change_fail(c, wrong);

        c->apply = apply_key;
        return change_start(
                c, &(struct prove_what){.kind = PROOF_KEY, .parts = {{c->key.blob, c->key.len}}});
}

static int apply_key_remove(struct change *c, const struct proof_verdict *v)
{
        int r = store_remove_key(&c->s->store, c->name, c->key.fingerprint);

        (void)v;
        if (r)
                return r;

        admin_audit(c->s, "key-remove", c->name, c->key.fingerprint);
        flows_spoil(c->s, c->name);
        sessions_end(c->s, c->name, c->key.fingerprint, "revoked");
        return 0;
}

static int admin_on_key_remove(void *self, capnp_answer *a)
{
        capnp_text fingerprint = admin_key_remove_param_fingerprint(a);
        struct change *c = change_new(self, a, admin_key_remove_param_name(a));

        if (!c)
                return 0;

        if (!text_is_plain(fingerprint) || fingerprint.len >= sizeof(c->key.fingerprint)) {
                change_free(c);
                return admin_fail(a, STORE_E_NONE);
        }

        snprintf(c->key.fingerprint, sizeof(c->key.fingerprint), "%s", fingerprint.p);
        c->apply = apply_key_remove;
        return change_now(c);
}

/* ---- service accounts ----------------------------------------------------------------------- */

static int admin_on_service_account_add(void *self, capnp_answer *a)
{
        capnp_list profiles = admin_service_account_add_param_profiles(a);
        struct change *c = change_new(self, a, admin_service_account_add_param_name(a));
        const char *wrong;

        if (!c)
                return 0;

        c->service = true;
        wrong = change_profiles(c, profiles);
        if (wrong)
                return change_fail(c, wrong);

        c->apply = apply_add;
        return change_now(c);
}

/* By the key itself, whatever its id is. */
static void service_fingerprint(const uint8_t hash[crypto_hash_sha256_BYTES],
                                char to[STORE_FINGERPRINT_BYTES])
{
        static const char kind[] = "jwk:";

        memcpy(to, kind, strlen(kind));
        sodium_bin2base64(to + strlen(kind), STORE_FINGERPRINT_BYTES - strlen(kind), hash,
                          crypto_hash_sha256_BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static int apply_service_key(struct change *c, const struct proof_verdict *v)
{
        struct store_service_key k = {0};
        char jwk[VERIFIER_BYTES];
        int r;

        if (v->good != 1)
                return STORE_E_NONE;

        memcpy(jwk, v->verifier, sizeof(jwk));
        k.jwk = jwk;
        snprintf(k.id, sizeof(k.id), "%.*s", STORE_SERVICE_KEY_ID, v->name);
        service_fingerprint(v->key_hash, k.fingerprint);
        r = store_add_service_key(&c->s->store, c->name, &k);
        if (r)
                return r;

        admin_audit(c->s, "key-add", c->name, k.fingerprint);
        admin_service_key_add_results_set_id(c->a, k.id);
        return 0;
}

/* What a prover says of a key that is none is for whoever has brought it. */
static void service_key_on_verdict(void *arg, enum prove_end end, const struct proof_verdict *v)
{
        struct change *c = arg;

        if (end == PROVE_VERDICT && v->good != 1)
                (void)change_fail(c, v->subject[0] ? v->subject : "it is no public key");
        else
                change_on_verdict(c, end, v);
}

static int admin_on_service_key_add(void *self, capnp_answer *a)
{
        capnp_text key = admin_service_key_add_param_key(a), id = admin_service_key_add_param_id(a);
        struct change *c = change_new(self, a, admin_service_key_add_param_name(a));

        if (!c)
                return 0;
        if (key.len > SERVICE_KEY_TEXT)
                return change_fail(c, "a key has at most 16 KiB");

        c->apply = apply_service_key;
        return change_start(c, &(struct prove_what){.kind = PROOF_TOKEN_KEY,
                                                    .parts = {data_of(key), data_of(id)},
                                                    .done = service_key_on_verdict});
}

static int apply_service_key_remove(struct change *c, const struct proof_verdict *v)
{
        char fingerprint[STORE_FINGERPRINT_BYTES];
        int r = store_remove_service_key(&c->s->store, c->name, c->id, fingerprint);

        (void)v;
        if (r)
                return r;

        admin_audit(c->s, "key-remove", c->name, fingerprint);
        flows_spoil(c->s, c->name);
        sessions_end(c->s, c->name, fingerprint, "revoked");
        return 0;
}

static int admin_on_service_key_remove(void *self, capnp_answer *a)
{
        capnp_text id = admin_service_key_remove_param_id(a);
        struct change *c = change_new(self, a, admin_service_key_remove_param_name(a));

        if (!c)
                return 0;
        if (!text_is_plain(id) || id.len >= sizeof(c->id)) {
                change_free(c);
                return admin_fail(a, STORE_E_NONE);
        }

        snprintf(c->id, sizeof(c->id), "%s", id.p);
        c->apply = apply_service_key_remove;
        return change_now(c);
}

/* ---- sessions ------------------------------------------------------------------------------- */

static void live_fill(const struct session *e, live_session_builder b)
{
        capnp_lbuilder list;
        unsigned n = 0, at = 0;

        live_session_set_id(b, e->id);
        live_session_set_account(b, e->account);
        live_session_set_profile(b, e->profile->name);
        live_session_set_kind(b, capos_auth_name(e->kind));
        live_session_set_source(b, e->origin->address);
        live_session_set_started_at_ms(b, e->started_ms);
        live_session_set_expires_at_ms(b, e->expires_ms);
        for (unsigned i = 0; i < e->ngrants; i++)
                n += !e->grants[i].revoked;
        list = live_session_init_grants(b, n);
        for (unsigned i = 0; i < e->ngrants; i++)
                if (!e->grants[i].revoked)
                        live_session_set_grants_at(list, at++, e->grants[i].policy->name);
}

/* One whose client may come back. */
static void dropped_fill(const struct enrolment *n, live_session_builder b)
{
        const struct policy_profile *p = n->profile;
        capnp_lbuilder list;
        unsigned many = 0, at = 0;

        live_session_set_id(b, n->last);
        live_session_set_account(b, n->account);
        live_session_set_profile(b, p->name);
        live_session_set_kind(b, capos_auth_name(n->kind));
        live_session_set_source(b, n->source);
        live_session_set_started_at_ms(b, n->started_ms);
        live_session_set_expires_at_ms(b, n->expires_ms);
        live_session_set_dropped_at_ms(b, n->dropped_ms);
        for (unsigned i = 0; i < p->ngrants; i++)
                many += !(n->revoked >> i & 1);
        list = live_session_init_grants(b, many);
        for (unsigned i = 0; i < p->ngrants; i++)
                if (!(n->revoked >> i & 1))
                        live_session_set_grants_at(list, at++, p->grants[i].name);
}

static int admin_on_session_list(void *self, capnp_answer *a)
{
        struct sessiond *s = self;
        live_session_list_builder to;
        uint32_t all = s->nsessions, at = 0;

        for (struct enrolment *n = enrolments_next(s, NULL); n; n = enrolments_next(s, n))
                all++;
        to = admin_session_list_results_init_sessions(a, all);
        for (struct capnp_i_list *l = s->sessions.next; l != &s->sessions; l = l->next)
                live_fill(CAPNP_I_OF(l, struct session, link),
                          live_session_list_builder_get(to, at++));
        /* One may have run out since. */
        for (struct enrolment *n = enrolments_next(s, NULL); n && at < all;
             n = enrolments_next(s, n))
                dropped_fill(n, live_session_list_builder_get(to, at++));
        return capnp_answer_return(a);
}

static int admin_on_session_revoke(void *self, capnp_answer *a)
{
        struct sessiond *s = self;
        struct session *e = sessions_find(s, admin_session_revoke_param_id(a));
        capnp_text cap = admin_session_revoke_param_cap(a);
        struct enrolment *n = NULL;

        if (!e)
                n = enrolments_of(s, admin_session_revoke_param_id(a));
        if (n && n->session) {
                e = n->session; /* it has been come back to, under another id */
                n = NULL;
        }
        if (capnp_answer_check(a) || (!e && !n))
                return capnp_answer_fail(a, CAPNP_FAILED, "there is no such session");
        if (n && enrolment_revoke(n, cap))
                return capnp_answer_fail(a, CAPNP_FAILED, "the session has no such capability");
        if (n)
                return audit_return(&s->audit, a);
        if (!cap.len)
                session_end(e, SESSION_REVOCATION, "revoked");
        else if (session_revoke(e, cap))
                return capnp_answer_fail(a, CAPNP_FAILED, "the session has no such capability");

        return audit_return(&s->audit, a);
}

static uint32_t admin_descriptors(const struct sessiond *s)
{
        uint32_t n = 0;

        for (struct capnp_i_list *l = s->sessions.next; l != &s->sessions; l = l->next) {
                const struct session *e = CAPNP_I_OF(l, struct session, link);

                for (unsigned i = 0; i < e->ngrants; i++)
                        n += e->grants[i].dup >= 0;
        }
        return n;
}

static int admin_on_status(void *self, capnp_answer *a)
{
        struct sessiond *s = self;

        admin_status_results_set_sessions(a, s->nsessions);
        admin_status_results_set_workers(a, s->workers);
        admin_status_results_set_descriptors(a, admin_descriptors(s));
        admin_status_results_set_version(a, CAPOS_VERSION);
        identity_describe(&s->identity, a);
        return capnp_answer_return(a);
}

static int admin_on_audit_path(void *self, capnp_answer *a)
{
        struct sessiond *s = self;

        admin_audit_path_results_set_path(a, s->admin.path);
        return capnp_answer_return(a);
}

static int admin_on_reload_identity(void *self, capnp_answer *a)
{
        return identity_reload(self, a);
}

static int admin_on_reload_revocations(void *self, capnp_answer *a)
{
        return recheck_reload(self, a);
}

static int admin_on_identity_add(void *self, capnp_answer *a)
{
        return admin_identity_give(self, a);
}

static int admin_on_identity_list(void *self, capnp_answer *a)
{
        return admin_identity_tell(self, a);
}

static int admin_on_identity_remove(void *self, capnp_answer *a)
{
        return admin_identity_take(self, a);
}

static int admin_on_passkey_begin(void *self, capnp_answer *a)
{
        return admin_passkey_start(self, a);
}

static int admin_on_passkey_add(void *self, capnp_answer *a)
{
        return admin_passkey_finish(self, a);
}

static int admin_on_passkey_list(void *self, capnp_answer *a)
{
        return admin_passkey_tell(self, a);
}

static int admin_on_passkey_remove(void *self, capnp_answer *a)
{
        return admin_passkey_end(self, a);
}

static const struct admin_ops admin_operations = {
        .account_add = admin_on_account_add,
        .account_remove = admin_on_account_remove,
        .account_list = admin_on_account_list,
        .key_add = admin_on_key_add,
        .key_remove = admin_on_key_remove,
        .passwd = admin_on_passwd,
        .session_list = admin_on_session_list,
        .session_revoke = admin_on_session_revoke,
        .status = admin_on_status,
        .audit_path = admin_on_audit_path,
        .reload_identity = admin_on_reload_identity,
        .reload_revocations = admin_on_reload_revocations,
        .service_account_add = admin_on_service_account_add,
        .service_key_add = admin_on_service_key_add,
        .service_key_remove = admin_on_service_key_remove,
        .identity_add = admin_on_identity_add,
        .identity_list = admin_on_identity_list,
        .identity_remove = admin_on_identity_remove,
        .passkey_begin = admin_on_passkey_begin,
        .passkey_add = admin_on_passkey_add,
        .passkey_list = admin_on_passkey_list,
        .passkey_remove = admin_on_passkey_remove,
};

/* ---- the listener --------------------------------------------------------------------------- */

/* Takes fd. */
static void admin_serve_on(struct admin *a, int fd)
{
        const struct capnp_limits limits = {
                .message_bytes = 1024 * 1024, .answers = ADMIN_ANSWERS, .wipe = true};
        struct ucred peer;
        socklen_t len = sizeof(peer);
        capnp_conn *c;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) ||
            (peer.uid != geteuid() && peer.uid != 0)) {
                daemon_log(LOG_WARNING, "the admin socket: refused a stranger");
                close(fd);
                return;
        }
        if (!capnp_conn_new(a->s->vat, fd, &limits, a->root, &c))
                capnp_conn_unref(c);
}

static void admin_on_event(void *arg, uint32_t events)
{
        struct admin *a = arg;
        int fd;

        (void)events;
        if (!capos_io_socket_accept(a->fd, &fd))
                admin_serve_on(a, fd);
}

int admin_init(struct sessiond *s, int fd)
{
        struct admin *a = &s->admin;
        size_t len;
        int r;

        *a = (struct admin){.s = s, .fd = fd};
        if (!getcwd(a->path, sizeof(a->path) - sizeof(CAPOS_AUDIT_FILE) - 1))
                return -errno;
        len = strlen(a->path);
        snprintf(a->path + len, sizeof(a->path) - len, "/%s", CAPOS_AUDIT_FILE);

        r = capos_io_socket_adopt(fd);
        if (!r)
                r = admin_serve(s->vat, &admin_operations, s, &a->root);
        if (!r)
                r = capnp_watch_new(s->vat, fd, EPOLLIN, admin_on_event, a, &a->watch);
        return r;
}

void admin_deinit(struct admin *a)
{
        if (!a->s)
                return;

        a->watch = capnp_watch_free(a->watch);
        a->root = capnp_cap_unref(a->root);
        close(a->fd);
        a->s = NULL;
}
