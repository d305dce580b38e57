/*
 * Passkeys of accounts: made in two steps, because an authenticator signs a challenge of ours. What
 * comes back is foreign bytes, and is read by a prover like every other proof.
 */
#include "admin-passkey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin.capnp-c.h"
#include "clock.h"
#include "daemon-text.h"
#include "flow.h"
#include "origin.h"
#include "session.h"
#include "sessiond.h"
#include "store-passkey.h"

enum { AAGUID_TEXT = 37 };

/* A new one, while it is judged. */
struct making {
        struct sessiond *s;
        capnp_answer *a;
        struct store_passkey k;
        struct proof_passkey_new wanted;
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

static int passkey_fail(capnp_answer *a, int r)
{
        switch (r) {
        case STORE_E_EXISTS:
                return capnp_answer_fail(a, CAPNP_FAILED, "it exists already");
        case STORE_E_NONE:
                return capnp_answer_fail(a, CAPNP_FAILED, "there is none such");
        case STORE_E_FULL:
                return capnp_answer_fail(a, CAPNP_FAILED, "there are too many");
        default:
                return capnp_answer_fail(a, CAPNP_FAILED, "it failed: %s", capnp_strerror(r));
        }
}

/* Copies the name of a person's account. false: there is none such, and a is taken. */
static bool account_take(struct sessiond *s, capnp_answer *a, capnp_text name,
                         char to[STORE_NAME_BYTES + 1])
{
        struct store_account acc;
        bool service;

        if (capnp_answer_check(a) || !store_name_ok(name.p, name.len) ||
            store_load(&s->store, name.p, &acc)) {
                (void)passkey_fail(a, STORE_E_NONE);
                return false;
        }

        service = acc.service;
        memcpy(to, acc.name, sizeof(acc.name));
        store_account_deinit(&acc);
        if (service)
                (void)capnp_answer_fail(a, CAPNP_FAILED, "a service account has no passkeys");
        return !service;
}

/* ---- making --------------------------------------------------------------------------------- */

struct known {
        capnp_lbuilder to;
        uint32_t n, at; /* at: while it is filled */
        bool fill;
};

static void known_add(void *arg, const struct store_passkey *k)
{
        struct known *l = arg;

        if (!l->fill)
                l->n++;
        else if (l->at < l->n)
                admin_passkey_begin_out_set_known_at(l->to, l->at++,
                                                     (capnp_data){k->key.id, k->key.id_len});
}

int admin_passkey_start(struct sessiond *s, capnp_answer *a)
{
        const struct passkeys *p = &s->policy.passkeys;
        uint8_t challenge[PASSKEY_CHALLENGE_BYTES], user[PASSKEY_USER_BYTES];
        char account[STORE_NAME_BYTES + 1];
        struct known l = {.fill = false};
        int r;

        if (!*p->relying_party)
                return capnp_answer_fail(a, CAPNP_FAILED,
                                         "passkeys are switched off: the manifest names no "
                                         "authentication.passkeys.relyingParty");
        if (!account_take(s, a, admin_passkey_begin_param_name(a), account))
                return 0;

        r = store_each_passkey(&s->store, account, known_add, &l);
        l.to = admin_passkey_begin_results_init_known(a, l.n);
        l.fill = true;
        if (!r)
                r = store_each_passkey(&s->store, account, known_add, &l);
        if (r)
                return passkey_fail(a, r);

        passkeys_user(&s->store, account, user);
        registrations_begin(&s->registrations, account, clock_boot_ms(), challenge);
        admin_passkey_begin_results_set_challenge(a, (capnp_data){challenge, sizeof(challenge)});
        admin_passkey_begin_results_set_relying_party(a, p->relying_party);
        admin_passkey_begin_results_set_user(a, (capnp_data){user, sizeof(user)});
        admin_passkey_begin_results_set_attested(a,
                                                 p->wanted.attestation != PASSKEY_ATTESTATION_NONE);
        admin_passkey_begin_results_set_until_ms(a, clock_wall_ms() + REGISTRATION_MS);
        return capnp_answer_return(a);
}

/* A label is for people: what does not print becomes a question mark. */
static void label_copy(char to[STORE_LABEL_BYTES + 1], capnp_text t)
{
        uint32_t n = 0;

        for (; n < t.len && n < STORE_LABEL_BYTES; n++)
                to[n] = t.p[n] >= ' ' && t.p[n] < 0x7f ? t.p[n] : '?';
        to[n] = 0;
}

static int making_end(struct making *m, const struct proof_verdict *v)
{
        struct sessiond *s = m->s;
        int r;

        if (v->good != 1) {
                passkey_audit(s, "passkey-add", "failed", m->k.account, v->subject);
                return capnp_answer_fail(m->a, CAPNP_FAILED, "%s", v->subject);
        }

        m->k.key = v->passkey;
        m->k.count = v->count;
        m->k.made_ms = clock_wall_ms();
        passkeys_fingerprint(m->k.key.id, m->k.key.id_len, m->k.fingerprint);
        r = store_add_passkey(&s->store, &m->k);
        if (r)
                return passkey_fail(m->a, r);

        passkey_audit(s, "passkey-add", "ok", m->k.account, m->k.fingerprint);
        admin_passkey_add_results_set_id(m->a, m->k.fingerprint);
        return audit_return(&s->audit, m->a);
}

static void making_on_verdict(void *arg, enum prove_end end, const struct proof_verdict *v)
{
        struct making *m = arg;

        if (end == PROVE_VERDICT)
                (void)making_end(m, v);
        else
                (void)capos_i_over_quota(m->a, CAPOS_I_QUOTA_PROOFS,
                                         "the prover failed: try again");
        free(m);
}

/* Takes m, and a unless it fails. 0; CAPNP_E_LIMIT; -ENOMEM. */
static int making_start(struct making *m, capnp_text response)
{
        const struct passkeys *p = &m->s->policy.passkeys;
        struct prove_what w = {
                .kind = PROOF_PASSKEY_NEW,
                .parts = {{(const uint8_t *)&m->wanted, sizeof(m->wanted)},
                          {(const uint8_t *)response.p, response.len},
                          {p->party, p->party_len}},
                .done = making_on_verdict,
                .arg = m,
        };
        int r;

        snprintf(w.path.key[0], TURNS_KEY, "admin");
        snprintf(w.path.key[1], TURNS_KEY, "%s", m->k.account);
        r = prover_start(&m->s->prover, &w, NULL);
        if (r)
                free(m);
        return r;
}

int admin_passkey_finish(struct sessiond *s, capnp_answer *a)
{
        capnp_text response = admin_passkey_add_param_response(a);
        struct making *m = calloc(1, sizeof(*m));
        int r;

        if (!m)
                return capos_i_refuse_no_memory(a);

        *m = (struct making){.s = s, .a = a, .wanted = s->policy.passkeys.wanted};
        label_copy(m->k.label, admin_passkey_add_param_label(a));
        if (!account_take(s, a, admin_passkey_add_param_name(a), m->k.account)) {
                free(m);
                return 0;
        }
        if (!registrations_take(&s->registrations, m->k.account, clock_boot_ms(),
                                m->wanted.challenge)) {
                passkey_audit(s, "passkey-add", "failed", m->k.account, "there is no challenge");
                free(m);
                return capnp_answer_fail(a, CAPNP_FAILED,
                                         "nothing was begun for this account, or it is over: ask "
                                         "for new options");
        }
        r = making_start(m, response);
        if (!r)
                return capnp_answer_keep(a, NULL, NULL);

        return r == CAPNP_E_LIMIT ? capos_i_over_quota(a, CAPOS_I_QUOTA_PROOFS, "try again")
                                  : passkey_fail(a, r);
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
}

int admin_passkey_tell(struct sessiond *s, capnp_answer *a)
{
        char account[STORE_NAME_BYTES + 1];
        struct listing l = {.n = 0};
        int r;

        if (!account_take(s, a, admin_passkey_list_param_name(a), account))
                return 0;

        r = store_each_passkey(&s->store, account, listing_count, &l);
        l.to = admin_passkey_list_results_init_passkeys(a, l.n);
        if (!r)
                r = store_each_passkey(&s->store, account, listing_fill, &l);
        return r ? passkey_fail(a, r) : capnp_answer_return(a);
}

int admin_passkey_end(struct sessiond *s, capnp_answer *a)
{
        capnp_text id = admin_passkey_remove_param_id(a);
        char account[STORE_NAME_BYTES + 1];
        int r;

        if (!account_take(s, a, admin_passkey_remove_param_name(a), account))
                return 0;

        r = text_is_plain(id) ? store_remove_passkey(&s->store, account, id.p) : STORE_E_NONE;
        if (r)
                return passkey_fail(a, r);

        passkey_audit(s, "passkey-remove", "ok", account, id.p);
        flows_spoil(s, account);
        sessions_end(s, account, id.p, "revoked");
        return audit_return(&s->audit, a);
}
