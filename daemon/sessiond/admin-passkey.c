/*
 * Passkeys of accounts: made in two steps, because an authenticator signs a challenge of ours. What
 * comes back is foreign bytes, and is read by a prover like every other proof.
 */
#include "admin-passkey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin-change.h"
#include "admin.capnp-c.h"
#include "admit.h"
#include "asker.h"
#include "clock.h"
#include "credential.h"
#include "daemon-text.h"
#include "flow.h"
#include "origin.h"
#include "passkey-make.h"
#include "session.h"
#include "sessiond.h"
#include "store-passkey.h"

enum { AAGUID_TEXT = 37 };

/* A new one, while it is judged. */
struct making {
        struct sessiond *s;
        capnp_answer *a;
        struct asker *by; /* who has asked; NULL: this machine's administrator */
        struct store_passkey k;
        int64_t serial; /* of the account that it is for */
        struct store_options may;
        uint8_t challenge[PASSKEY_CHALLENGE_BYTES];
};

static void passkey_audit(struct sessiond *s, const char *what, const char *outcome,
                          const char *account, const char *detail)
{
        audit_add(&s->audit, (struct capos_audit_record){.what = what,
                                                         .outcome = outcome,
                                                         .source = "local",
                                                         .account = account,
                                                         .detail = detail});
}

static const char *passkey_why(int r)
{
        switch (r) {
        case STORE_E_EXISTS:
                return "it exists already: `capos account passkey list` has what there is";
        case STORE_E_NONE:
                return "there is none such: `capos account list` has the accounts, `capos account "
                       "passkey list` the passkeys of one";
        default:
                return admin_words(r) ? admin_words(r) : "the store has failed: see its log";
        }
}

static int passkey_fail(capnp_answer *a, int r)
{
        return capnp_answer_fail(a, CAPNP_FAILED, "%s", passkey_why(r));
}

/* A person's account: its name, and which of those that had this name it is. */
struct whose {
        char account[STORE_NAME_BYTES + 1];
        int64_t serial;
};

/* What is wrong with a name; NULL: nothing. */
static const char *whose_read(struct sessiond *s, capnp_text name, struct whose *ret)
{
        struct store_account acc;
        bool service;
        int r;

        if (!store_name_ok(name.p, name.len))
                return passkey_why(STORE_E_NONE);
        r = store_load(&s->store, name.p, &acc);
        if (r)
                return passkey_why(r);

        service = acc.service;
        memcpy(ret->account, acc.name, sizeof(acc.name));
        ret->serial = acc.serial;
        store_account_deinit(&acc);
        return service ? "a service account has no passkeys: `capos service-account key add` "
                         "gives it a key"
                       : NULL;
}

/* false: there is none such, and a is taken. */
static bool whose_take(struct sessiond *s, capnp_answer *a, capnp_text name, struct whose *ret)
{
        const char *wrong =
                capnp_answer_check(a) ? passkey_why(STORE_E_NONE) : whose_read(s, name, ret);

        if (wrong)
                (void)capnp_answer_fail(a, CAPNP_FAILED, "%s", wrong);
        return !wrong;
}

/* ---- making --------------------------------------------------------------------------------- */

static const char switched_off[] = "passkeys are switched off: the manifest names no "
                                   "authentication.passkeys.relyingParty";

static capnp_lbuilder known_init(void *arg, uint32_t n)
{
        return admin_passkey_begin_results_init_known(arg, n);
}

int admin_passkey_start(struct sessiond *s, capnp_answer *a)
{
        const struct passkeys *p = &s->policy.passkeys;
        uint8_t challenge[PASSKEY_CHALLENGE_BYTES], user[PASSKEY_USER_BYTES];
        struct whose w;
        int r;

        if (!*p->relying_party)
                return capnp_answer_fail(a, CAPNP_FAILED, "%s", switched_off);
        if (!whose_take(s, a, admin_passkey_begin_param_name(a), &w))
                return 0;

        r = passkey_known(&s->store, w.account, known_init, a);
        if (r)
                return passkey_fail(a, r);

        passkeys_user(&s->store, w.account, user);
        registrations_begin(&s->registrations, w.account, w.serial, clock_boot_ms(), challenge);
        admin_passkey_begin_results_set_challenge(a, (capnp_data){challenge, sizeof(challenge)});
        admin_passkey_begin_results_set_relying_party(a, p->relying_party);
        admin_passkey_begin_results_set_user(a, (capnp_data){user, sizeof(user)});
        admin_passkey_begin_results_set_attested(a,
                                                 p->wanted.attestation != PASSKEY_ATTESTATION_NONE);
        admin_passkey_begin_results_set_until_ms(a, clock_wall_ms() + REGISTRATION_MS);
        return capnp_answer_return(a);
}

static void making_free(struct making *m)
{
        m->by = asker_unref(m->by);
        free(m);
}

/* It becomes none, which is on record. Takes m. */
static int making_fail(struct making *m, const char *why)
{
        capnp_answer *a = m->a;

        passkey_audit(m->s, "passkey-add", "failed", m->k.account, why);
        (void)capnp_answer_fail(a, CAPNP_FAILED, "%s", why);
        making_free(m);
        return 0;
}

/* … nor can it be looked at now. */
static int making_over_quota(struct making *m, const char *why)
{
        capnp_answer *a = m->a;

        passkey_audit(m->s, "passkey-add", capos_i_quota_code(CAPOS_I_QUOTA_PROOFS), m->k.account,
                      why);
        making_free(m);
        return capos_i_over_quota(a, CAPOS_I_QUOTA_PROOFS, why);
}

static int making_end(struct making *m, const struct proof_verdict *v)
{
        struct sessiond *s = m->s;
        capnp_answer *a = m->a;
        int r;

        if (v->good != 1)
                return making_fail(m, v->subject);

        r = passkey_keep(s, &m->k, m->serial, &m->may, v);
        if (r)
                return making_fail(m, r == STORE_E_NONE ? "its account is gone" : passkey_why(r));

        passkey_audit(s, "passkey-add", "ok", m->k.account, m->k.fingerprint);
        admin_passkey_add_results_set_id(a, m->k.fingerprint);
        making_free(m);
        return audit_return(&s->audit, a);
}

static void making_on_verdict(void *arg, enum prove_end end, const struct proof_verdict *v)
{
        struct making *m = arg;
        struct sessiond *s = m->s;
        struct asker *before = asker_begin(s, m->by);

        if (!asker_is_there(m->by))
                (void)making_fail(m, "whoever asked may not any more");
        else if (end == PROVE_VERDICT)
                (void)making_end(m, v);
        else
                (void)making_over_quota(m, "the prover failed: try again");
        (void)asker_begin(s, before);
}

/* Takes m. */
static int making_start(struct making *m, capnp_text response)
{
        capnp_answer *a = m->a;
        struct prove_what w = {.done = making_on_verdict, .arg = m};
        struct prove_job *job;
        int r;

        snprintf(w.path.key[0], TURNS_KEY, "%s", asker_party(m->by));
        snprintf(w.path.key[1], TURNS_KEY, "%s", m->k.account);
        r = passkey_judge(m->s, m->challenge, response, &w, &job);
        if (!r)
                return capnp_answer_keep(a, NULL, NULL);

        return r == CAPNP_E_LIMIT ? making_over_quota(m, "try again")
                                  : making_fail(m, capnp_strerror(r));
}

int admin_passkey_finish(struct sessiond *s, capnp_answer *a)
{
        capnp_text response = admin_passkey_add_param_response(a);
        struct making *m = calloc(1, sizeof(*m));
        const char *wrong;
        char text[160];
        struct whose w;

        if (!m)
                return capos_i_refuse_no_memory(a);

        *m = (struct making){.s = s, .a = a, .by = asker_ref(s->asker)};
        label_copy(m->k.label, admin_passkey_add_param_label(a), sizeof(m->k.label));
        label_copy(m->k.account, admin_passkey_add_param_name(a), sizeof(m->k.account));
        wrong = capnp_answer_check(a) ? "the request cannot be read"
                                      : whose_read(s, admin_passkey_add_param_name(a), &w);
        if (!wrong)
                wrong = credential_read(s, w.account, admin_passkey_add_param_options(a), &m->may,
                                        text);
        if (wrong)
                return making_fail(m, wrong);

        m->serial = w.serial;
        if (!registrations_take(&s->registrations, w.account, w.serial, clock_boot_ms(),
                                m->challenge))
                return making_fail(m, "nothing was begun for this account, or it is over: ask for "
                                      "new options");

        return making_start(m, response);
}

/* ---- a code, by which the owner makes one himself (passkey-own.c) ---------------------------- */

int admin_passkey_code_make(struct sessiond *s, capnp_answer *a)
{
        char code[PASSKEY_CODE_TEXT], text[160];
        struct store_options may;
        const char *wrong;
        struct whose w;

        if (!*s->policy.passkeys.relying_party)
                return capnp_answer_fail(a, CAPNP_FAILED, "%s", switched_off);
        if (!whose_take(s, a, admin_passkey_code_param_name(a), &w))
                return 0;
        wrong = credential_read(s, w.account, admin_passkey_code_param_options(a), &may, text);
        if (wrong)
                return capnp_answer_fail(a, CAPNP_FAILED, "%s", wrong);

        passkey_codes_make(&s->passkey_codes, w.account, w.serial, &may, clock_boot_ms(), code);
        passkey_audit(s, "passkey-code", "ok", w.account, "good once, for ten minutes");
        admin_passkey_code_results_set_code(a, code);
        admin_passkey_code_results_set_until_ms(a, clock_wall_ms() + PASSKEY_CODE_MS);
        sodium_memzero(code, sizeof(code));
        return audit_return(&s->audit, a);
}

/* ---- what there is -------------------------------------------------------------------------- */

static const char *algorithm_name(int32_t a)
{
        return a == -7 ? "ES256" : a == -8 ? "EdDSA" : "RS256";
}

static void aaguid_print(const uint8_t p[PASSKEY_AAGUID_BYTES], char to[AAGUID_TEXT])
{
        size_t n = 0;

        for (unsigned i = 0; i < PASSKEY_AAGUID_BYTES; i++)
                n += (size_t)snprintf(to + n, AAGUID_TEXT - n, "%s%02x",
                                      i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", p[i]);
}

struct listing {
        struct store *s;
        passkey_list_builder to;
        uint32_t n, at;
};

static void listing_count(void *arg, const struct store_passkey *k)
{
        struct listing *l = arg;

        (void)k;
        l->n++;
}

static void listing_fill(void *arg, const struct store_passkey *k)
{
        struct store_options may = {0};
        struct listing *l = arg;
        char aaguid[AAGUID_TEXT];
        passkey_builder b;

        if (l->at == l->n)
                return;

        b = passkey_list_builder_get(l->to, l->at++);
        aaguid_print(k->key.aaguid, aaguid);
        passkey_set_id(b, k->fingerprint);
        passkey_set_label(b, k->label);
        passkey_set_algorithm(b, algorithm_name(k->key.algorithm));
        passkey_set_aaguid(b, aaguid);
        passkey_set_count(b, k->count);
        passkey_set_made_at_ms(b, k->made_ms);
        passkey_set_used_at_ms(b, k->used_ms);
        if (!store_options(l->s, k->account, k->fingerprint, &may))
                credential_fill(&may, passkey_init_options(b));
}

int admin_passkey_tell(struct sessiond *s, capnp_answer *a)
{
        struct listing l = {.s = &s->store};
        struct whose w;
        int r;

        if (!whose_take(s, a, admin_passkey_list_param_name(a), &w))
                return 0;

        r = store_each_passkey(&s->store, w.account, listing_count, &l);
        l.to = admin_passkey_list_results_init_passkeys(a, l.n);
        if (!r)
                r = store_each_passkey(&s->store, w.account, listing_fill, &l);
        return r ? passkey_fail(a, r) : capnp_answer_return(a);
}

int admin_passkey_end(struct sessiond *s, capnp_answer *a)
{
        capnp_text id = admin_passkey_remove_param_id(a);
        struct whose w;
        int r;

        if (!whose_take(s, a, admin_passkey_remove_param_name(a), &w))
                return 0;

        r = text_is_plain(id) ? store_remove_passkey(&s->store, w.account, id.p) : STORE_E_NONE;
        if (r)
                return passkey_fail(a, r);

        passkey_audit(s, "passkey-remove", "ok", w.account, id.p);
        flows_spoil(s, w.account);
        sessions_end(s, w.account, id.p, REVOKED_CREDENTIAL);
        return admissions_return(s, a);
}
