/*
 * A line that drops: a person's client enrols a key of its own while it has a session, and comes
 * back by a signature of that.
 *
 * The signature is an ordinary proof by key (method-key.c), so everything that makes one worth
 * nothing elsewhere holds: nonce, channel, account, profile. What it lets in to is less than a
 * login: the same account and profile, over the same transport and no weaker binding, until the
 * first session would have ended. It renews nothing, and it makes no room among others' sessions;
 * but whoever comes back ends the session that he comes back for, which may be half open for a long
 * time yet.
 *
 * Who can do without gets none: a service has its credential at hand, and a client certificate is
 * in its client's memory as such a key would be, and can be revoked by its authority. Without an
 * account there is nothing to come back to.
 */
#include "reconnect.h"

#include <stdio.h>
#include <string.h>

#include "admit.h"
#include "enrolment.h"
#include "methods.h"
#include "sessiond.h"

/* Keys of a session that are looked at, if none of them is good. */
enum { ENROL_TRIES = 16 };

/* ---- enrolling ------------------------------------------------------------------------------ */

/* Why this session gets none; NULL: it may. */
static const char *enrol_closed(const struct admission *ad)
{
        const struct session *e = ad->session;

        if (!e->account[0])
                return "there is no account to come back to";
        if (e->kind == CAPOS_AUTH_MTLS)
                return "log in by the certificate again";
        if (e->profile->service)
                return "log in by the credential again";
        if (!method_takes_proofs(&ad->origin, CAPOS_AUTH_PUBLIC_KEY))
                return capos_auth_name(CAPOS_AUTH_PUBLIC_KEY);
        return NULL;
}

static int enrol_deny(struct admission *ad, capnp_answer *a, enum capos_denial d, const char *why)
{
        ad->enrols += d == CAPOS_DENIED_CREDENTIALS;
        admission_audit(ad, "enrol", capos_denial_code(d), NULL);
        return origin_deny(&ad->origin, a, d, why);
}

static struct enrolment enrol_describe(struct session *e)
{
        struct enrolment n = {.session = e,
                              .kind = e->kind,
                              .by = e->by,
                              .binding = e->binding,
                              .strength = e->strength,
                              .transport = e->origin->transport,
                              .profile = e->profile,
                              .dates = e->dates,
                              .login = e->before,
                              .deadline_ms = e->deadline_ms,
                              .expires_ms = e->expires_ms,
                              .begun_ms = e->begun_ms,
                              .asked_ms = e->asked_ms,
                              .unbound = e->unbound};

        memcpy(n.first, e->id, sizeof(e->id));
        memcpy(n.before, e->id, sizeof(e->id));
        memcpy(n.last, e->id, sizeof(e->id));
        memcpy(n.account, e->account, sizeof(n.account));
        memcpy(n.credential, e->credential, sizeof(n.credential));
        memcpy(n.renewed, e->renewed, sizeof(n.renewed));
        memcpy(n.raised, e->raised, sizeof(n.raised));
        memcpy(n.authority, e->authority, sizeof(n.authority));
        if (e->certified) /* it may be restricted to an address, which its prover has seen to */
                origin_host(e->origin, n.host, sizeof(n.host));
        return n;
}

/* A key that lets in elsewhere is not one that was made for this; nobody is told whose it is. */
static bool enrol_key_is_free(struct sessiond *s, capnp_data key)
{
        bool known = true;

        return !enrolments_find(s, NULL, key) && !store_has_key(&s->store, key, &known) && !known;
}

int reconnect_enrol(struct admission *ad, capnp_answer *a)
{
        struct sessiond *s = ad->origin.s;
        struct session *e = ad->session;
        capnp_data key = admission_enrol_param_key(a);
        const char *closed = enrol_closed(ad);
        struct enrolment n;

        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "the request cannot be read");
        if (closed)
                return enrol_deny(ad, a, CAPOS_DENIED_METHOD_DISABLED, closed);
        if (e->enrolment)
                return enrol_deny(ad, a, CAPOS_DENIED_ALREADY_BOUND, "the session has a key");
        if (ad->enrols >= ENROL_TRIES)
                return enrol_deny(ad, a, CAPOS_DENIED_CREDENTIALS, "too many keys were refused");
        if (!enrolment_key_ok(key) || !enrol_key_is_free(s, key))
                return enrol_deny(ad, a, CAPOS_DENIED_CREDENTIALS,
                                  "only an Ed25519 key that is good for nothing else");

        n = enrol_describe(e);
        if (enrolment_new(s, &n, key, &e->enrolment))
                return capos_i_refuse_no_memory(a);

        session_tell_away(e);
        if (!e->enrolment)
                return capos_i_refuse_no_memory(a);

        session_audit(e, "enrol", "ok", NULL, e->enrolment->fingerprint);
        admission_enrol_results_set_until_ms(a, e->expires_ms);
        /* The record is written; what is lost with the machine, the key is lost with, too. */
        return capnp_answer_return(a);
}

/* ---- coming back ---------------------------------------------------------------------------- */

/* Whether the channel of a proof is worth what the first one's was. */
static bool reconnect_channel_ok(const struct enrolment *n, const struct flow *f)
{
        char host[sizeof(n->host)];

        origin_host(f->claim.origin, host, sizeof(host));
        if (n->host[0] && strcmp(n->host, host) != 0)
                return false;

        return f->claim.origin->transport == n->transport &&
               (n->binding != BINDING_EXPORTER || f->claim.binding == BINDING_EXPORTER);
}

enum capos_denial reconnect_check(struct admission *ad, struct flow *f,
                                  const struct policy_profile *wanted, const char **ret_why,
                                  struct enrolment **ret_n)
{
        struct enrolment *n = enrolments_get(ad->origin.s, f->enrolment);
        char text[64];

        *ret_why = NULL;
        if (!n) {
                flow_describe(f, "reconnect: the enrolment is over");
                return CAPOS_DENIED_CREDENTIALS;
        }

        (void)snprintf(text, sizeof(text), "reconnect: enrolled by session %.8s", n->first);
        flow_describe(f, text);
        if (wanted != n->profile || strcmp(f->claim.profile, n->profile->name) != 0) {
                *ret_why = "a reconnect names the profile of its session";
                return CAPOS_DENIED_PROFILE;
        }
        if (!reconnect_channel_ok(n, f)) {
                *ret_why = "the session was made over a stronger channel, or another one";
                return CAPOS_DENIED_WEAK_PROOF;
        }
        if (f->alone) {
                *ret_why = "a reconnect ends no other sessions";
                return CAPOS_DENIED_FLOW;
        }
        *ret_n = n;
        return CAPOS_DENIED_NONE;
}

void reconnect_fill(struct enrolment *n, struct session_who *who)
{
        who->credential = n->credential;
        who->kind = n->kind;
        who->strength = n->strength;
        who->dates = n->dates;
        who->unbound = n->unbound;
        who->before = n->login;
        who->profile = n->profile;
        who->enrolment = n;
}

void reconnect_done(struct session *before)
{
        before->enrolment = NULL;
        session_end(before, SESSION_DISPLACEMENT, "its client has come back");
}
