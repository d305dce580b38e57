/*
 * The broker's decision, by itself: what is proved says who somebody is, and this says what he
 * gets.
 *
 * It looks at nothing but the case: no connection, no session, no clock. So whoever has an account
 * and a manifest can be told what a login would come to, without one (explain.c), by the very
 * function that decides about logins.
 */
#include "broker.h"

#include <string.h>

#include "methods.h"
#include "networks.h"

static const struct policy_profile *profile_named(const struct broker_case *c, const char *name)
{
        return policy_profile(c->policy, (capnp_text){name, (uint32_t)strlen(name)});
}

/* Why such an account, that comes so, may not have it. NULL: it may. */
static const char *profile_refuses(const struct broker_case *c, const struct policy_profile *p)
{
        bool service = c->account && c->account->service;

        if (!p->accounts)
                return "its profile is not for accounts (`accounts = false`)";
        if (p->service && !service)
                return "its profile is for service accounts (`service`), and it is a person's";
        if (service && !p->service)
                return "it is a service account, and its profile is for people";
        if (!method_is_for(c->method, service))
                return service ? "service accounts do not log in this way"
                               : "only service accounts log in this way";
        if (p->local && !c->local)
                return "its profile is `local`: for the owner of the instance and the superuser, "
                       "over a Unix socket";
        if (p->from.len && !networks_have(p->from, c->host))
                return "its profile is for other addresses (`from`)";
        return NULL;
}

const char *broker_weak(const struct broker_case *c, const struct policy_profile *p,
                        char text[STRENGTH_TEXT])
{
        if ((c->method->unbound || c->proof.unbound) && !p->unbound)
                return "it demands a proof that is bound to the channel";
        if (c->method->binds && c->proof.binding == BINDING_SERVER_KEY && !p->server_key_binding)
                return "it demands a proof that is bound to the channel (tls-exporter)";

        return c->back || strength_meets(&p->demand, c->proof.kind, strength_made(&c->proof))
                       ? NULL
                       : strength_say(&p->demand, text);
}

/* The account's that is meant; or the first that will do, else the first. */
static const struct policy_profile *profile_find(const struct broker_case *c, const char *wanted)
{
        const struct policy_profile *first = NULL;
        char text[STRENGTH_TEXT];

        if (!c->account)
                return profile_named(c, wanted);

        for (unsigned i = 0; i < c->account->nprofiles; i++) {
                const char *name = c->account->profiles[i];
                const struct policy_profile *p =
                        wanted[0] && strcmp(name, wanted) != 0 ? NULL : profile_named(c, name);

                if (p && !profile_refuses(c, p) && !broker_weak(c, p, text))
                        return p;
                first = first ? first : p;
        }
        return first;
}

const struct policy_profile *broker_profile(const struct broker_case *c, const char **ret_why)
{
        const char *wanted = c->only ? c->only : c->wanted, *why = NULL;
        const struct policy_profile *p = NULL;

        if (c->only && c->wanted[0] && strcmp(c->only, c->wanted) != 0)
                why = "what was proved is good for another profile alone";
        else if (!(p = profile_find(c, wanted)))
                why = wanted[0] ? "the account has no such profile, or the manifest has none"
                                : "the manifest has none of the account's profiles";
        else
                why = profile_refuses(c, p);
        if (ret_why)
                *ret_why = why;
        return why ? NULL : p;
}

const char *broker_shut(const struct store_door *door, uint64_t now_ms)
{
        if (door->locked)
                return "locked";

        return door->expires_ms && door->expires_ms <= now_ms ? "account expired" : NULL;
}
