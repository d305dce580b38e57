/*
 * Identities of accounts, over the admin socket: who may log in to an account by an identity
 * provider, whatever its rules say. An identity is the provider's issuer and a subject, and is one
 * account's.
 */
#include "admin-identity.h"

#include <stdio.h>
#include <string.h>

#include "admin-change.h"
#include "admin.capnp-c.h"
#include "admit.h"
#include "daemon-text.h"
#include "flow.h"
#include "oidc.h"
#include "session.h"
#include "sessiond.h"

/* Who is meant, of which account. */
struct named {
        const char *account;
        struct store_identity id;
        char wrong[320]; /* what is wrong with a provider's name */
};

/* It may be the account's own already. */
static int identity_fail_taken(struct sessiond *s, capnp_answer *a, const struct named *n)
{
        char owner[STORE_NAME_BYTES + 1];
        int r = store_find_identity(&s->store, &n->id, owner);

        if (r)
                return admin_fail(a, r);
        if (!strcmp(owner, n->account))
                return capnp_answer_fail(a, CAPNP_FAILED, "this identity is its own already");

        return capnp_answer_fail(a, CAPNP_FAILED,
                                 "this identity is %s's already: `capos account identity remove` "
                                 "takes it away there",
                                 owner);
}

static int identity_fail(capnp_answer *a, int r)
{
        if (r == STORE_E_NONE)
                return capnp_answer_fail(a, CAPNP_FAILED,
                                         "there is none such: `capos account list` has the "
                                         "accounts, `capos account identity list` what is one's");

        return capnp_answer_fail(a, CAPNP_FAILED, "it failed: %s", capnp_strerror(r));
}

/* Names those that there are, as many as there is room for. */
static const char *provider_why(const struct issuers *is, struct named *n)
{
        size_t room = sizeof(n->wrong);
        size_t len = (size_t)snprintf(n->wrong, room, "%s",
                                      "the manifest has no identity provider of this name");

        for (unsigned i = 0; i < is->n && len < room; i++)
                len += (size_t)snprintf(n->wrong + len, room - len, "%s%s",
                                        i ? ", " : "; there are ", is->all[i].name);
        if (!is->n)
                snprintf(n->wrong + len, room - len, "%s", ": authentication.oidc has none");
        return n->wrong;
}

/* What is wrong with what was asked for; NULL: nothing. The provider is meant by its name, or by
 * what it calls itself. */
static const char *named_read(struct sessiond *s, capnp_answer *a, capnp_text account,
                              capnp_text issuer, capnp_text subject, struct named *ret)
{
        const struct issuer *i;

        if (capnp_answer_check(a) || !store_name_ok(account.p, account.len))
                return "there is no account of this name: `capos account list` has them";
        if (!text_is_plain(issuer) || !text_is_plain(subject) || !subject.len ||
            subject.len > TOKEN_SUBJECT_BYTES)
                return "a subject has 1 to 255 bytes";

        i = issuer.len ? issuers_find(&s->issuers, issuer.p) : NULL;
        if (!i)
                i = issuers_find_url(&s->issuers, issuer.p);
        if (!i)
                return provider_why(&s->issuers, ret);

        ret->account = account.p;
        ret->id = (struct store_identity){i->issuer, subject.p};
        return NULL;
}

static void identity_audit(struct sessiond *s, const char *what, const struct named *n)
{
        char detail[CAPOS_AUDIT_TEXT_BYTES];

        snprintf(detail, sizeof(detail), "%.60s %.*s", n->id.issuer,
                 text_fit(n->id.subject, OIDC_SUBJECT_SHOWN), n->id.subject);
        audit_add(&s->audit, (struct capos_audit_record){.what = what,
                                                         .outcome = "ok",
                                                         .source = "local",
                                                         .account = n->account,
                                                         .detail = detail});
}

int admin_identity_give(struct sessiond *s, capnp_answer *a)
{
        struct named n;
        const char *wrong = named_read(s, a, admin_identity_add_param_name(a),
                                       admin_identity_add_param_issuer(a),
                                       admin_identity_add_param_subject(a), &n);
        int r;

        if (wrong)
                return capnp_answer_fail(a, CAPNP_FAILED, "%s", wrong);

        r = store_add_identity(&s->store, n.account, &n.id);
        if (r == STORE_E_EXISTS)
                return identity_fail_taken(s, a, &n);
        if (r)
                return identity_fail(a, r);

        identity_audit(s, "identity-add", &n);
        return audit_return(&s->audit, a);
}

int admin_identity_take(struct sessiond *s, capnp_answer *a)
{
        char credential[STORE_FINGERPRINT_BYTES];
        struct named n;
        const char *wrong = named_read(s, a, admin_identity_remove_param_name(a),
                                       admin_identity_remove_param_issuer(a),
                                       admin_identity_remove_param_subject(a), &n);
        int r;

        if (wrong)
                return capnp_answer_fail(a, CAPNP_FAILED, "%s", wrong);

        r = store_remove_identity(&s->store, n.account, &n.id);
        if (r)
                return identity_fail(a, r);

        identity_audit(s, "identity-remove", &n);
        oidc_credential(&n.id, credential);
        flows_spoil_kind(s, CAPOS_AUTH_OIDC_DEVICE_CODE);
        flows_spoil_kind(s, CAPOS_AUTH_OIDC_PKCE);
        flows_spoil_kind(s, CAPOS_AUTH_SERVICE);
        sessions_end(s, n.account, credential, REVOKED_CREDENTIAL);
        return admissions_return(s, a);
}

/* ---- listing -------------------------------------------------------------------------------- */

struct listing {
        identity_list_builder to;
        uint32_t n, at;
};

static void listing_count(void *arg, const struct store_identity *i)
{
        struct listing *l = arg;

        (void)i;
        l->n++;
}

static void listing_fill(void *arg, const struct store_identity *i)
{
        struct listing *l = arg;
        identity_builder b;

        if (l->at == l->n)
                return;

        b = identity_list_builder_get(l->to, l->at++);
        identity_set_issuer(b, i->issuer);
        identity_set_subject(b, i->subject);
}

int admin_identity_tell(struct sessiond *s, capnp_answer *a)
{
        capnp_text name = admin_identity_list_param_name(a);
        struct listing l = {.n = 0};
        struct store_account acc;
        int r;

        if (capnp_answer_check(a) || !store_name_ok(name.p, name.len))
                return identity_fail(a, STORE_E_NONE);

        r = store_load(&s->store, name.p, &acc);
        if (r)
                return identity_fail(a, r);

        store_account_deinit(&acc);
        r = store_each_identity(&s->store, name.p, listing_count, &l);
        l.to = admin_identity_list_results_init_identities(a, l.n);
        if (!r)
                r = store_each_identity(&s->store, name.p, listing_fill, &l);
        return r ? identity_fail(a, r) : capnp_answer_return(a);
}
