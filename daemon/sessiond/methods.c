/*
 * The table of methods. A new one is a file with its operations, and a row here.
 */
#include "methods.h"

#include <assert.h>

#include "networks.h"
#include "sessiond.h"

static const struct {
        bool interactive; /* a person is needed: one that sits there */
        const struct method *method;
} rows[CAPOS_AUTH_KINDS] = {
        [CAPOS_AUTH_PASSWORD] = {true, &method_password},
        [CAPOS_AUTH_PUBLIC_KEY] = {false, &method_key},
        [CAPOS_AUTH_OIDC_DEVICE_CODE] = {true, &method_device},
        [CAPOS_AUTH_OIDC_PKCE] = {true, &method_browser},
        [CAPOS_AUTH_PASSKEY] = {true, &method_passkey},
        [CAPOS_AUTH_MTLS] = {false, &method_certificate},
        [CAPOS_AUTH_GUEST] = {false, &method_guest},
        [CAPOS_AUTH_ANONYMOUS] = {false, &method_anonymous},
        [CAPOS_AUTH_SERVICE] = {false, &method_service},
};

const struct method *method_of_kind(unsigned kind)
{
        return kind < CAPOS_AUTH_KINDS ? rows[kind].method : NULL;
}

bool method_is_for(const struct method_ops *m, bool service)
{
        switch (m->whose) {
        case METHOD_FOR_PEOPLE:
                return !service;
        case METHOD_FOR_SERVICES:
                return service;
        case METHOD_FOR_BOTH:
                break;
        }
        return true;
}

/* Whether a profile is for who comes from there. */
static bool profile_is_near(const struct origin *o, const struct policy_profile *one)
{
        return !one->from.len || networks_have(one->from, o->host);
}

bool method_entry_is_near(const struct origin *o, const struct method *m)
{
        return profile_is_near(o, m->entry(&o->s->policy)->profile);
}

/* Whether there can be an account with a profile that takes what this proves. */
static bool method_may_give(const struct origin *o, enum capos_auth kind,
                            const struct policy_profile *one)
{
        const struct method *m = rows[kind].method;
        const struct policy *p = &o->s->policy;

        return one->accounts && (!one->local || origin_is_local(o)) && profile_is_near(o, one) &&
               strength_may_meet(&one->demand, kind) && method_is_for(m->ops, one->service) &&
               (one->unbound || !m->ops->unbound) && (!m->gives || m->gives(p, one));
}

/* Whether it can lead anywhere. */
static bool method_gives_any(const struct origin *o, enum capos_auth kind)
{
        const struct policy *p = &o->s->policy;

        for (unsigned i = 0; i < p->nprofiles; i++)
                if (method_may_give(o, kind, &p->profiles[i]))
                        return true;
        return false;
}

/* By a key one can also come back to a session of any profile (reconnect.c). */
const char *method_off(const struct origin *o, unsigned kind)
{
        const struct method *m = method_of_kind(kind);

        if (!m)
                return "not in this version";
        if (!m->is_on(&o->s->policy))
                return m->off ? m->off : "switched off by this instance's manifest";

        if (m->needs_tls && o->transport != TRANSPORT_TLS)
                return identity_needs_tls(&o->s->identity);
        if (m->entry && !method_entry_is_near(o, m))
                return "not from where you are";
        if (!m->ops || m == &method_key || method_gives_any(o, (enum capos_auth)kind))
                return "";

        return m->ops->unbound ? "no profile takes a proof that is bound to no channel (`unbound`)"
                               : "no profile takes it";
}

bool method_takes_proofs(const struct origin *o, unsigned kind)
{
        const struct method *m = method_of_kind(kind);

        return m && m->ops && !*method_off(o, kind);
}

/* From the last row on: the first takes what no other knows. */
enum capos_auth method_of_proof(capnp_data proof)
{
        for (unsigned i = CAPOS_AUTH_KINDS; i-- > 0;) {
                const struct method *m = rows[i].method;

                if (m && m->ops && m->ops->recognizes(proof))
                        return (enum capos_auth)i;
        }
        assert(!"a proof that no method takes");
        return CAPOS_AUTH_PASSWORD;
}

/* ---- telling -------------------------------------------------------------------------------- */

static void method_hints(const struct origin *o, enum capos_auth kind, remote_auth_method_builder b)
{
        const struct method *m = rows[kind].method;
        const struct policy *p = &o->s->policy;
        capnp_lbuilder list;
        unsigned n = 0, at = 0;

        if (m->entry) {
                list = remote_auth_method_init_profile_hints(b, 1);
                remote_auth_method_set_profile_hints_at(list, 0, m->entry(p)->profile->name);
                return;
        }

        for (unsigned i = 0; i < p->nprofiles; i++)
                n += method_may_give(o, kind, &p->profiles[i]);
        list = remote_auth_method_init_profile_hints(b, n);
        for (unsigned i = 0; i < p->nprofiles; i++)
                if (method_may_give(o, kind, &p->profiles[i]))
                        remote_auth_method_set_profile_hints_at(list, at++, p->profiles[i].name);
}

static void method_issuers(struct issuers *is, const struct method *m, remote_auth_method_builder b)
{
        capnp_lbuilder list;

        if (m != &method_device && m != &method_browser)
                return;

        list = remote_auth_method_init_issuers(b, is->n);
        for (unsigned i = 0; i < is->n; i++)
                remote_auth_method_set_issuers_at(list, i, is->all[i].name);
}

/* Where a page has to be from that asks for a passkey: a list of texts, one behind the other. */
static void method_origins(const struct passkeys *p, remote_auth_method_builder b)
{
        const char *first = (const char *)p->party + strlen(p->relying_party) + 1;
        const char *end = (const char *)p->party + p->party_len;
        capnp_lbuilder list;
        unsigned n = 0;

        for (const char *one = first; one < end; one += strlen(one) + 1)
                n++;
        list = remote_auth_method_init_origins(b, n);
        n = 0;
        for (const char *one = first; one < end; one += strlen(one) + 1)
                remote_auth_method_set_origins_at(list, n++, one);
}

int methods_tell(const struct origin *o, capnp_answer *a)
{
        remote_auth_method_list_builder list =
                admission_methods_results_init_methods(a, CAPOS_AUTH_KINDS);

        for (unsigned i = 0; i < CAPOS_AUTH_KINDS; i++) {
                remote_auth_method_builder b = remote_auth_method_list_builder_get(list, i);
                const char *reason = method_off(o, i);

                remote_auth_method_set_kind(b, (enum remote_auth_kind)i);
                remote_auth_method_set_label(b, capos_auth_label(i));
                remote_auth_method_set_interactive(b, rows[i].interactive);
                remote_auth_method_set_state(b, *reason ? REMOTE_AUTH_STATE_DISABLED
                                                        : REMOTE_AUTH_STATE_ENABLED);
                remote_auth_method_set_reason(b, reason);
                if (*reason)
                        continue;
                method_hints(o, (enum capos_auth)i, b);
                method_issuers(&o->s->issuers, rows[i].method, b);
                if (rows[i].method == &method_passkey)
                        method_origins(&o->s->policy.passkeys, b);
        }
        return capnp_answer_return(a);
}
