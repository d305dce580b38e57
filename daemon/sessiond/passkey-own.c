/*
 * A passkey that the owner of an account registers himself: by a code that an administrator has
 * had made for him, or from a session. There he sees his passkeys, too, and removes them.
 *
 * What a session may add opens nothing that its own proof does not: that is new, it is the
 * account's own (whoever comes by a certificate or an identity provider is somebody as long as
 * others say so), it is worth enough for each profile that a passkey would give, and what it is
 * restricted to, the passkey is. Whoever has found a screen that was left open has none of that,
 * and for the same reason removes none.
 *
 * The challenge is the connection's, and good once; so is a code, whatever comes of it.
 */
#include "passkey-own.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admit.h"
#include "broker.h"
#include "clock.h"
#include "daemon-text.h"
#include "flow.h"
#include "methods.h"
#include "passkey-make.h"
#include "sessiond.h"

enum { KIND = REMOTE_AUTH_KIND_PASSKEY };

struct registering {
        struct sessiond *s;
        struct admission *ad; /* NULL: nobody waits for it any more */
        struct store_passkey k;
        int64_t serial; /* of the account */
        bool by_code;
        uint8_t code[STORE_HASH_BYTES];
        struct store_options may;
        uint8_t challenge[PASSKEY_CHALLENGE_BYTES];
        uint64_t until_ms; /* since boot */
        bool waits;        /* … and so long the connection's own time stands still */
        capnp_timer *timer;
        capnp_answer *a; /* while it is judged */
        struct prove_job *job;
};

/* ---- life ----------------------------------------------------------------------------------- */

static void registering_free(struct registering *r)
{
        sodium_memzero(r, sizeof(*r));
        free(r);
}

/* Its connection's time goes on, which may be the end of both: nothing is done with r after it. */
static void registering_hurry(struct registering *r, struct admission *ad)
{
        bool waits = r->waits;

        r->waits = false;
        r->timer = capnp_timer_free(r->timer);
        if (waits)
                admission_go_on(ad);
}

/* It becomes none. While a prover works, too: nobody hears its verdict then. */
static void registering_end(struct registering *r)
{
        struct admission *ad = r->ad;
        capnp_answer *a = r->a;
        bool waits = r->waits;

        r->timer = capnp_timer_free(r->timer);
        ad->registering = NULL;
        r->ad = NULL;
        r->a = NULL;
        if (r->job)
                prover_give_up(r->job);
        else
                registering_free(r);
        if (a)
                (void)capos_i_deny(a, CAPOS_DENIED_FLOW, "it was given up");
        if (waits)
                admission_go_on(ad);
}

static void registering_on_late(void *arg)
{
        struct registering *r = arg;

        r->timer = NULL;
        registering_hurry(r, r->ad);
}

/* A person needs longer than connections without a session have. Without memory for the timer it
 * may take as long as it takes. */
static void registering_wait(struct registering *r)
{
        uint32_t ms;

        if (r->ad->state != ADMISSION_FRESH)
                return;
        ms = admission_stand_still(r->ad, PASSKEY_FRESH_MS);
        r->waits = ms > 0;
        if (ms)
                (void)!capnp_timer_new(r->s->vat, ms, registering_on_late, r, &r->timer);
}

/* ---- what is recorded ----------------------------------------------------------------------- */

static void own_audit(struct admission *ad, const char *what, const char *outcome,
                      const char *account, const char *detail)
{
        struct capos_audit_record r = origin_record(&ad->origin, what, outcome);

        r.session = ad->session ? ad->session->id : NULL;
        r.account = account && *account ? account : NULL;
        r.detail = detail;
        if (strcmp(outcome, "ok") != 0)
                audit_add_counted(&ad->origin.s->audit, r);
        else
                audit_add(&ad->origin.s->audit, r);
}

static int own_deny(struct admission *ad, capnp_answer *a, const char *what, const char *account,
                    enum capos_denial d, const char *why)
{
        own_audit(ad, what, capos_denial_code(d), account, why);
        (void)origin_deny(&ad->origin, a, d, why);
        if (d == CAPOS_DENIED_CREDENTIALS)
                admission_refused(ad);
        return 0;
}

/* ---- whose ---------------------------------------------------------------------------------- */

/* A person's account that is open. 0; STORE_E_NONE; -errno. */
static int account_open(struct sessiond *s, const char *name, int64_t *ret_serial)
{
        struct store_account acc;
        struct store_door door;
        int r = store_load(&s->store, name, &acc);

        if (r)
                return r;
        *ret_serial = acc.serial;
        r = acc.service ? STORE_E_NONE : store_door(&s->store, name, &door);
        store_account_deinit(&acc);
        return !r && broker_shut(&door, clock_wall_ms()) ? STORE_E_NONE : r;
}

/* By a code. What is wrong with it; NULL: nothing. */
static const char *begin_by_code(struct registering *r, capnp_text typed)
{
        static const char none[] = "there is no such code, or it is used up or over";
        const struct passkey_code *c;
        int64_t serial;

        if (!passkey_code_hash(typed, r->code))
                return none;
        c = passkey_codes_find(&r->s->passkey_codes, r->code, clock_boot_ms());
        if (!c || account_open(r->s, c->account, &serial) || serial != c->serial)
                return none;

        r->by_code = true;
        r->serial = serial;
        r->may = c->may;
        memcpy(r->k.account, c->account, sizeof(r->k.account));
        return NULL;
}

/* Whether what a session was proved by last is the account's own. A certificate may be over, or an
 * identity be taken away elsewhere, when a passkey is not. */
static bool proof_is_own(const struct session *e, const struct store_account *acc, const char *by)
{
        struct store_passkey k;

        if (!strcmp(by, "password"))
                return true;
        for (unsigned i = 0; i < RESTS; i++)
                if (e->authority[i][0])
                        return false;
        for (unsigned i = 0; i < acc->nkeys; i++)
                if (!strcmp(acc->keys[i].fingerprint, by))
                        return true;
        return !store_find_passkey(&e->s->store, by, &k) && !strcmp(k.account, acc->name);
}

/* Whether a passkey would give this profile, and the proof does not. */
static bool profile_is_beyond(const struct session *e, const struct policy_profile *p)
{
        const struct broker_case c = {
                .method = method_of_kind(e->by)->ops,
                .proof = {.kind = e->by, .binding = e->binding, .unbound = e->unbound},
                .back = true};
        char text[STRENGTH_TEXT];

        return p->accounts && !p->service &&
               strength_meets(&p->demand, CAPOS_AUTH_PASSKEY, STRENGTH_TOUCHED) &&
               (broker_weak(&c, p, text) || !strength_meets(&p->demand, e->by, e->strength));
}

/* Of all that the account has, or of the one that what is proved by gives. */
static bool any_is_beyond(const struct session *e, const struct store_account *acc,
                          const char *only)
{
        for (unsigned i = 0; i < acc->nprofiles; i++) {
                const char *name = acc->profiles[i];
                const struct policy_profile *p =
                        policy_profile(&e->s->policy, (capnp_text){name, (uint32_t)strlen(name)});

                if (p && (!*only || !strcmp(only, name)) && profile_is_beyond(e, p))
                        return true;
        }
        return false;
}

/* What may be wrong with what a session was proved by. */
enum weak { WEAK_NOT, WEAK_FOREIGN, WEAK_OLD, WEAK_STORE, WEAK_BEYOND, WEAK_RESTRICTED };

static enum weak session_weak(const struct session *e, const struct store_account *acc,
                              const char *by, struct store_options *ret_may)
{
        if (!proof_is_own(e, acc, by))
                return WEAK_FOREIGN;
        if (clock_boot_ms() - e->begun_ms > PASSKEY_FRESH_MS)
                return WEAK_OLD;
        if (store_options(&e->s->store, acc->name, by, ret_may) < 0)
                return WEAK_STORE;
        return any_is_beyond(e, acc, ret_may->profile) ? WEAK_BEYOND : WEAK_NOT;
}

static const char *session_by(const struct session *e)
{
        return e->renewed[0] ? e->renewed : e->credential;
}

/* From a session. What is wrong with it; NULL: nothing. */
static const char *begin_by_session(struct registering *r, const struct session *e)
{
        static const char *const words[] = {
                [WEAK_FOREIGN] = "what the session was proved by is not the account's own: ask for "
                                 "a code",
                [WEAK_OLD] = "the proof is older than five minutes: renew the session first",
                [WEAK_STORE] = "the store has failed",
                [WEAK_BEYOND] = "a passkey would give more than what the session was proved by: "
                                "prove it by more, or ask for a code",
        };
        struct store_account acc;
        enum weak weak;

        if (store_load(&r->s->store, e->account, &acc))
                return "the account is gone";

        memcpy(r->k.account, acc.name, sizeof(r->k.account));
        r->serial = acc.serial;
        weak = session_weak(e, &acc, session_by(e), &r->may);
        store_account_deinit(&acc);
        return words[weak];
}

/* ---- beginning ------------------------------------------------------------------------------ */

static capnp_lbuilder known_init(void *arg, uint32_t n)
{
        return passkey_options_init_known(*(passkey_options_builder *)arg, n);
}

/* 0; -errno. */
static int options_fill(struct registering *r, passkey_options_builder b)
{
        const struct passkeys *p = &r->s->policy.passkeys;
        uint8_t user[PASSKEY_USER_BYTES];
        int err = passkey_known(&r->s->store, r->k.account, known_init, &b);

        passkeys_user(&r->s->store, r->k.account, user);
        passkey_options_set_account(b, r->k.account);
        passkey_options_set_relying_party(b, p->relying_party);
        passkey_options_set_challenge(b, (capnp_data){r->challenge, sizeof(r->challenge)});
        passkey_options_set_user(b, (capnp_data){user, sizeof(user)});
        passkey_options_set_attested(b, p->wanted.attestation != PASSKEY_ATTESTATION_NONE);
        passkey_options_set_until_ms(b, clock_wall_ms() + PASSKEY_FRESH_MS);
        return err;
}

static int begin_made(struct admission *ad, capnp_answer *a, struct registering *r)
{
        if (options_fill(r, admission_passkey_begin_results_init_options(a))) {
                registering_free(r);
                return capnp_answer_fail(a, CAPNP_FAILED, "the store has failed");
        }
        if (ad->registering)
                registering_end(ad->registering);
        ad->registering = r;
        ad->registering_end = registering_end;
        r->ad = ad;
        registering_wait(r);
        own_audit(ad, "passkey-begin", "ok", r->k.account, r->by_code ? "by a code" : NULL);
        return audit_return(&ad->origin.s->audit, a);
}

int passkey_own_begin(struct admission *ad, capnp_answer *a)
{
        static const char what[] = "passkey-begin";
        capnp_text code = admission_passkey_begin_param_code(a);
        const char *account = ad->session ? ad->session->account : NULL, *wrong;
        struct registering *r;

        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "the request cannot be read");
        if (!method_takes_proofs(&ad->origin, KIND))
                return own_deny(ad, a, what, account, CAPOS_DENIED_METHOD_DISABLED,
                                method_off(&ad->origin, KIND));
        if (ad->session && code.len)
                return own_deny(ad, a, what, account, CAPOS_DENIED_ALREADY_BOUND, NULL);
        if (ad->session && (!*account || ad->session->profile->service))
                return own_deny(ad, a, what, account, CAPOS_DENIED_PROFILE,
                                "there is no person's account that it could be for");
        if (ad->registering && ad->registering->job)
                return own_deny(ad, a, what, account, CAPOS_DENIED_FLOW, "one is being judged");

        r = calloc(1, sizeof(*r));
        if (!r)
                return capos_i_refuse_no_memory(a);
        r->s = ad->origin.s;
        r->until_ms = clock_boot_ms() + PASSKEY_FRESH_MS;
        randombytes_buf(r->challenge, sizeof(r->challenge));
        wrong = ad->session ? begin_by_session(r, ad->session) : begin_by_code(r, code);
        if (!wrong)
                return begin_made(ad, a, r);

        registering_free(r);
        return own_deny(ad, a, what, account,
                        ad->session ? CAPOS_DENIED_WEAK_PROOF : CAPOS_DENIED_CREDENTIALS, wrong);
}

/* ---- adding --------------------------------------------------------------------------------- */

static const char *keep_why(int err)
{
        switch (err) {
        case STORE_E_EXISTS:
                return "this passkey is registered already";
        case STORE_E_FULL:
                return "the account has too many passkeys: have one removed";
        case STORE_E_NONE:
                return "the account is gone";
        default:
                return "the store has failed";
        }
}

static int add_end(struct registering *r, struct admission *ad, capnp_answer *a,
                   const struct proof_verdict *v)
{
        static const char what[] = "passkey-add";
        int err;

        if (v->good != 1)
                return own_deny(ad, a, what, r->k.account, CAPOS_DENIED_CREDENTIALS, v->subject);
        err = passkey_keep(r->s, &r->k, r->serial, &r->may, v);
        if (err)
                return own_deny(ad, a, what, r->k.account, CAPOS_DENIED_CREDENTIALS, keep_why(err));

        own_audit(ad, what, "ok", r->k.account, r->k.fingerprint);
        admission_passkey_add_results_set_id(a, r->k.fingerprint);
        return audit_return(&r->s->audit, a);
}

static int add_over_quota(struct admission *ad, capnp_answer *a, const char *account)
{
        own_audit(ad, "passkey-add", capos_i_quota_code(CAPOS_I_QUOTA_PROOFS), account, NULL);
        return origin_over_quota(&ad->origin, a, CAPOS_I_QUOTA_PROOFS, "try again later");
}

static void registering_on_verdict(void *arg, enum prove_end end, const struct proof_verdict *v)
{
        struct registering *r = arg;
        struct admission *ad = r->ad;
        capnp_answer *a = r->a;

        r->job = NULL;
        if (ad) {
                r->a = NULL;
                r->ad = NULL;
                ad->registering = NULL;
                if (end == PROVE_VERDICT)
                        (void)add_end(r, ad, a, v);
                else
                        (void)add_over_quota(ad, a, r->k.account);
        }
        registering_free(r);
}

static void registering_on_cancel(capnp_answer *a, void *arg)
{
        (void)a;
        registering_end(arg);
}

/* The code is there to the end, and is used up now. */
static bool code_take(struct registering *r)
{
        struct passkey_code *c;
        int64_t serial;

        if (!r->by_code)
                return true;
        c = passkey_codes_find(&r->s->passkey_codes, r->code, clock_boot_ms());
        if (!c)
                return false;
        passkey_code_end(c);
        return !account_open(r->s, r->k.account, &serial) && serial == r->serial;
}

/* It comes to nothing: what ends the connection, perhaps, comes last. */
static int add_fail(struct admission *ad, struct registering *r, capnp_answer *a, const char *why)
{
        char account[STORE_NAME_BYTES + 1];

        memcpy(account, r->k.account, sizeof(account));
        registering_end(r);
        return why ? own_deny(ad, a, "passkey-add", account, CAPOS_DENIED_CREDENTIALS, why)
                   : add_over_quota(ad, a, account);
}

int passkey_own_add(struct admission *ad, capnp_answer *a)
{
        struct prove_what w = {.path = origin_path(&ad->origin), .done = registering_on_verdict};
        struct registering *r = ad->registering;

        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "the request cannot be read");
        if (!r || r->job || clock_boot_ms() > r->until_ms || r->by_code != !ad->session)
                return own_deny(ad, a, "passkey-add", ad->session ? ad->session->account : NULL,
                                CAPOS_DENIED_FLOW, "nothing was begun, or it is over: begin again");
        label_copy(r->k.label, admission_passkey_add_param_label(a), sizeof(r->k.label));
        if (!code_take(r))
                return add_fail(ad, r, a, "the code is used up or over");
        w.arg = r;
        if (passkey_judge(r->s, r->challenge, admission_passkey_add_param_response(a), &w, &r->job))
                return add_fail(ad, r, a, NULL);

        r->a = a;
        (void)capnp_answer_keep(a, registering_on_cancel, r);
        registering_hurry(r, ad);
        return 0;
}

/* ---- what there is -------------------------------------------------------------------------- */

/* Whether the session is a person's; else it is said, and a is taken. */
static bool own_is_somebody(struct admission *ad, capnp_answer *a, const char *what)
{
        const struct session *e = ad->session;

        if (*e->account && !e->profile->service)
                return true;
        (void)own_deny(ad, a, what, e->account, CAPOS_DENIED_PROFILE,
                       "there is no person's account whose they could be");
        return false;
}

struct own_list {
        const struct session *e;
        account_passkey_list_builder to;
        uint32_t n, at;
};

static void own_count(void *arg, const struct store_passkey *k)
{
        struct own_list *l = arg;

        (void)k;
        l->n++;
}

static void own_fill(void *arg, const struct store_passkey *k)
{
        struct own_list *l = arg;
        account_passkey_builder b;

        if (l->at == l->n)
                return;
        b = account_passkey_list_builder_get(l->to, l->at++);
        account_passkey_set_id(b, k->fingerprint);
        account_passkey_set_label(b, k->label);
        account_passkey_set_made_at_ms(b, k->made_ms);
        account_passkey_set_used_at_ms(b, k->used_ms);
        account_passkey_set_current(b, session_rests_on(l->e, k->fingerprint));
}

int passkey_own_list(struct admission *ad, capnp_answer *a)
{
        struct own_list l = {.e = ad->session};
        struct store *s = &ad->origin.s->store;
        int r;

        if (!own_is_somebody(ad, a, "passkey-list"))
                return 0;
        r = store_each_passkey(s, l.e->account, own_count, &l);
        l.to = admission_passkeys_results_init_passkeys(a, l.n);
        if (!r)
                r = store_each_passkey(s, l.e->account, own_fill, &l);
        return r ? capnp_answer_fail(a, CAPNP_FAILED, "the store has failed")
                 : capnp_answer_return(a);
}

/* What is wrong with removing it from this session; NULL: nothing. */
static const char *remove_refuses(const struct session *e)
{
        static const char *const words[] = {
                [WEAK_FOREIGN] = "what the session was proved by is not the account's own: have an "
                                 "administrator remove it",
                [WEAK_OLD] = "the proof is older than five minutes: renew the session first",
                [WEAK_STORE] = "the store has failed",
                [WEAK_BEYOND] = "a passkey gives more than what the session was proved by: prove "
                                "it by more, or have an administrator remove it",
                [WEAK_RESTRICTED] = "what the session was proved by is good for one profile alone: "
                                    "have an administrator remove it",
        };
        struct store_options may = {0};
        struct store_account acc;
        enum weak weak;

        if (store_load(&e->s->store, e->account, &acc))
                return "the account is gone";

        weak = session_weak(e, &acc, session_by(e), &may);
        if (!weak && *may.profile)
                weak = WEAK_RESTRICTED;
        store_account_deinit(&acc);
        return words[weak];
}

/* The session may be one of those that end: then it is that which its client is told. */
int passkey_own_remove(struct admission *ad, capnp_answer *a)
{
        static const char what[] = "passkey-remove";
        capnp_text id = admission_passkey_remove_param_id(a);
        struct sessiond *s = ad->origin.s;
        char account[STORE_NAME_BYTES + 1];
        const char *wrong;
        int r;

        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "the request cannot be read");
        if (!own_is_somebody(ad, a, what))
                return 0;
        memcpy(account, ad->session->account, sizeof(account));
        wrong = remove_refuses(ad->session);
        if (wrong)
                return own_deny(ad, a, what, account, CAPOS_DENIED_WEAK_PROOF, wrong);

        r = text_is_plain(id) ? store_remove_passkey(&s->store, account, id.p) : STORE_E_NONE;
        if (r == STORE_E_NONE)
                return own_deny(ad, a, what, account, CAPOS_DENIED_UNKNOWN_NAME,
                                "the account has no such passkey");
        if (r)
                return capnp_answer_fail(a, CAPNP_FAILED, "the store has failed");

        own_audit(ad, what, "ok", account, id.p);
        flows_spoil(s, account);
        sessions_end(s, account, id.p, REVOKED_CREDENTIAL);
        return admissions_return(s, a);
}
