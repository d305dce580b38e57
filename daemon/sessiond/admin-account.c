/*
 * Accounts over the admin socket: made and removed, with their profiles, passwords and SSH keys. A
 * service account has neither of the latter; what it has is in admin-service.c. What takes a way in
 * away also ends what came in by it: flows under way, and sessions.
 */
#include "admin-account.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin-change.h"
#include "admin.capnp-c.h"
#include "credential.h"
#include "daemon-text.h"
#include "flow.h"
#include "session.h"
#include "sessiond.h"

enum { PASSWORD_LEAST = 8, PASSWORD_MOST = 1024, WHY_BYTES = 320 };

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

/* What is wrong with a profile, and as many of those that would do as there is room for. */
static const char *profile_why(const struct change *c, const char *wrong,
                               char room[static WHY_BYTES])
{
        const struct policy *p = &c->s->policy;
        size_t len = (size_t)snprintf(room, WHY_BYTES, "%s: ", wrong);
        const char *before = "there are ";

        for (unsigned i = 0; i < p->nprofiles; i++) {
                const struct policy_profile *one = &p->profiles[i];

                if (!one->accounts || one->service != c->service ||
                    len + strlen(before) + strlen(one->name) >= WHY_BYTES)
                        continue;
                len += (size_t)snprintf(room + len, WHY_BYTES - len, "%s%s", before, one->name);
                before = ", ";
        }
        if (*before != ',')
                snprintf(room + len, WHY_BYTES - len, "the manifest has none%s",
                         c->service ? "; one says `service = true`" : "");
        return room;
}

/* What is wrong with the profiles asked for; NULL: nothing. */
static const char *change_profiles(struct change *c, capnp_list list, char room[static WHY_BYTES])
{
        if (!list.len || list.len > STORE_PROFILES)
                return "an account has 1 to 16 profiles";

        for (uint32_t i = 0; i < list.len; i++) {
                capnp_text t = capnp_any_text(capnp_list_any(list, i), (capnp_text){0});
                const struct policy_profile *p = policy_profile(&c->s->policy, t);

                if (!p || !p->accounts || t.len >= sizeof(c->profiles[0]))
                        return profile_why(c, "no such profile, or not one for accounts", room);
                if (p->service != c->service)
                        return profile_why(c,
                                           p->service ? "the profile is for service accounts only"
                                                      : "the profile is not for service accounts",
                                           room);
                snprintf(c->profiles[c->nprofiles++], sizeof(c->profiles[0]), "%s", t.p);
        }
        return NULL;
}

int admin_on_account_add(void *self, capnp_answer *a)
{
        capnp_data password = admin_account_add_param_password(a);
        capnp_list profiles = admin_account_add_param_profiles(a);
        struct change *c = change_new(self, a, admin_account_add_param_name(a));
        char room[WHY_BYTES];
        const char *wrong;

        if (!c)
                return 0;

        wrong = change_profiles(c, profiles, room);
        if (!wrong && !password_ok(password))
                wrong = "a password has 8 to 1024 bytes";
        if (wrong)
                return change_fail(c, wrong);

        c->apply = apply_add;
        return change_hash(c, password);
}

int admin_on_service_account_add(void *self, capnp_answer *a)
{
        capnp_list profiles = admin_service_account_add_param_profiles(a);
        struct change *c = change_new(self, a, admin_service_account_add_param_name(a));
        char room[WHY_BYTES];
        const char *wrong;

        if (!c)
                return 0;

        c->service = true;
        wrong = change_profiles(c, profiles, room);
        if (wrong)
                return change_fail(c, wrong);

        c->apply = apply_add;
        return change_now(c);
}

static int apply_remove(struct change *c, const struct proof_verdict *v)
{
        int r = store_remove(&c->s->store, c->name);

        (void)v;
        if (r)
                return r;

        admin_audit(c->s, "account-remove", c->name, NULL);
        flows_spoil(c->s, c->name);
        sessions_end(c->s, c->name, NULL, REVOKED_ACCOUNT);
        return 0;
}

int admin_on_account_remove(void *self, capnp_answer *a)
{
        struct change *c = change_new(self, a, admin_account_remove_param_name(a));

        if (!c)
                return 0;

        c->apply = apply_remove;
        return change_now(c);
}

/* A password or an SSH key is a person's. 0; STORE_E_NONE; ADMIN_E_SERVICE; -errno. */
static int change_for_person(struct change *c)
{
        struct store_account acc;
        int r = change_is_for_it(c);

        if (!r)
                r = store_load(&c->s->store, c->name, &acc);
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
        sessions_end(c->s, c->name, "password", REVOKED_CREDENTIAL);
        return 0;
}

int admin_on_passwd(void *self, capnp_answer *a)
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
                r = store_add_key(&c->s->store, c->name, &c->key, &c->may);
        if (r)
                return r;

        admin_audit(c->s, "key-add", c->name, c->key.fingerprint);
        admin_key_add_results_set_fingerprint(c->a, c->key.fingerprint);
        return 0;
}

int admin_on_key_add(void *self, capnp_answer *a)
{
        capnp_text line = admin_key_add_param_key(a);
        struct change *c = change_new(self, a, admin_key_add_param_name(a));
        const char *wrong;

        if (!c)
                return 0;

        wrong = text_is_plain(line) ? key_read(&c->key, line.p) : "a key is a line of text";
        if (wrong)
                return change_fail(c, wrong);
        if (!change_options(c, admin_key_add_param_options(a)))
                return 0;

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
        sessions_end(c->s, c->name, c->key.fingerprint, REVOKED_CREDENTIAL);
        return 0;
}

int admin_on_key_remove(void *self, capnp_answer *a)
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

struct key_listing {
        account_key_list_builder to;
        uint32_t at, n;
};

static void key_listing_count(void *arg, const struct store_credential *c)
{
        struct key_listing *l = arg;

        (void)c;
        l->n++;
}

static void key_listing_add(void *arg, const struct store_credential *c)
{
        struct key_listing *l = arg;
        account_key_builder b = account_key_list_builder_get(l->to, l->at++);

        account_key_set_id(b, c->id);
        account_key_set_fingerprint(b, c->fingerprint);
        account_key_set_type(b, c->type);
        account_key_set_comment(b, c->comment);
        account_key_set_added_at_ms(b, c->added_ms);
        account_key_set_used_at_ms(b, c->used_ms);
        account_key_set_used_from(b, c->used_from);
        credential_fill(&c->may, account_key_init_options(b));
}

int admin_on_key_list(void *self, capnp_answer *a)
{
        struct sessiond *s = self;
        capnp_text name = admin_key_list_param_name(a);
        struct key_listing l = {0};
        int64_t serial;
        int r = capnp_answer_check(a) || !store_name_ok(name.p, name.len)
                        ? STORE_E_NONE
                        : store_serial(&s->store, name.p, &serial);

        if (!r)
                r = store_each_key(&s->store, name.p, key_listing_count, &l);
        if (r)
                return admin_fail(a, r);

        l.to = admin_key_list_results_init_keys(a, l.n);
        r = store_each_key(&s->store, name.p, key_listing_add, &l);
        return r ? admin_fail(a, r) : capnp_answer_return(a);
}
