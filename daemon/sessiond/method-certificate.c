/*
 * Client certificates. The proof is in the handshake: the client has signed it, and a prover judges
 * that signature and the certificate by what is known of the connection without its worker (doc/
 * design/identity.md). There is nothing to be asked, so the first response is the proof, and empty.
 *
 * Whose a certificate is, is in the manifest's rules and not in what the client says; an account
 * that it claims all the same must be that one.
 */
#include "method.h"

#include <stdio.h>
#include <string.h>

#include "daemon-text.h"
#include "rules.h"
#include "sessiond.h"

/* What of them is in the audit log, so that a serial number is whole. */
enum { SUBJECT_SHOWN = 54, NAME_SHOWN = 80 };

static bool certificate_is_on(const struct policy *p)
{
        return p->nrules > 0;
}

/* A rule names the only profile that it gives, or leaves that to the account. */
static bool certificate_gives(const struct policy *p, const struct policy_profile *profile)
{
        for (unsigned i = 0; i < p->nrules; i++)
                if (!p->rules[i].profile || !strcmp(p->rules[i].profile, profile->name))
                        return true;
        return false;
}

static bool certificate_recognizes(capnp_data proof)
{
        return !proof.len;
}

static enum method_turn certificate_turn(const struct claim *c, capnp_data response)
{
        return response.len || !c->origin->channel.handshake ? METHOD_REFUSED : METHOD_PROOF;
}

static int certificate_prove(const struct claim *c, const struct store_account *acc,
                             capnp_data response, struct method_proof *ret)
{
        (void)acc;
        (void)response;
        snprintf(ret->credential, sizeof(ret->credential), "certificate");
        ret->kind = PROOF_CERTIFICATE;
        rules_ask(&c->origin->s->rules, c->origin, &ret->connection, ret->parts);
        return 0;
}

/* Why nobody is let in. It is for the audit log: whoever tries certificates learns nothing. */
static void certificate_explain(const struct proof_verdict *v, struct principal *ret)
{
        snprintf(ret->detail, sizeof(ret->detail), "%.*s", (int)sizeof(ret->detail) - 1,
                 v->subject);
}

static void certificate_describe(const struct proof_verdict *v, struct principal *ret)
{
        snprintf(ret->detail, sizeof(ret->detail), "rule %u, serial %.*s, %.*s", v->rule,
                 (int)sizeof(v->serial) - 1, v->serial, text_fit(v->subject, SUBJECT_SHOWN),
                 v->subject);
        rules_fingerprint(v, ret->credential);
        ret->until_ms = v->until_s > 0 ? (uint64_t)v->until_s * 1000 : 1;
}

static enum capos_denial certificate_accept(const struct claim *c, const struct proof_verdict *v,
                                            struct principal *ret)
{
        const struct policy_rule *rule = rules_met(&c->origin->s->policy, v);
        struct store_account acc;

        if (!rule) {
                certificate_explain(v, ret);
                return CAPOS_DENIED_CREDENTIALS;
        }

        certificate_describe(v, ret);
        if (!rules_account(rule, v, ret->account) ||
            store_load(&c->origin->s->store, ret->account, &acc)) {
                snprintf(ret->detail, sizeof(ret->detail), "rule %u: there is no account for %.*s",
                         v->rule, NAME_SHOWN, v->name);
                return CAPOS_DENIED_CREDENTIALS;
        }

        store_account_deinit(&acc);
        if (c->claimed[0] && strcmp(c->claimed, ret->account) != 0) {
                snprintf(ret->detail, sizeof(ret->detail), "rule %u: it is %s's", v->rule,
                         ret->account);
                return CAPOS_DENIED_CREDENTIALS;
        }
        ret->profile = rule->profile;
        return CAPOS_DENIED_NONE;
}

static const struct method_ops certificate_ops = {
        .throttle = THROTTLE_KEY,
        .whose = METHOD_FOR_BOTH,
        .binding = BINDING_CERTIFICATE,
        .refused = "the client has shown no certificate",
        .recognizes = certificate_recognizes,
        .turn = certificate_turn,
        .prove = certificate_prove,
        .accept = certificate_accept,
};

const struct method method_certificate = {
        .is_on = certificate_is_on,
        .off = "no rules for certificates in this instance's manifest",
        .gives = certificate_gives,
        .needs_tls = true,
        .ops = &certificate_ops};
