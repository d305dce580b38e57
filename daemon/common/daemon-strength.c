/*
 * What a proof is worth, as one table (doc/protocol/admission.md, Renewal).
 *
 * It is there for two questions. What a profile demands is the manifest's to say. And: who has got
 * hold of a live session, and of a weaker credential of its account, must not be able to keep that
 * session alive with it. So a renewal takes at least what the session was made by, and a later one
 * that was stronger does not raise it: who may log in so may renew so. (Unless it raises the
 * session to a profile that demands more: then that is what the session was made by.)
 *
 * Which of two is worth more is judged by what it takes to have it. A token serves whoever comes by
 * it. A password has to be known, and is told to whoever holds the server's key. A signature needs
 * the private key, each time; over the server's key alone, whoever holds that could pass it on. A
 * security key also needs a hand.
 *
 * A client certificate is judged by the handshake that the connection began with: nothing new is
 * proved by it, so it renews what it has made and no more.
 */
#include "daemon-strength.h"

#include <stdio.h>
#include <string.h>

static const struct {
        enum strength channel, server_key; /* by what it is bound to */
} table[CAPOS_AUTH_KINDS] = {
        [CAPOS_AUTH_PASSWORD] = {STRENGTH_PASSWORD, STRENGTH_PASSWORD},
        [CAPOS_AUTH_PUBLIC_KEY] = {STRENGTH_SIGNED, STRENGTH_SIGNED_KEY},
        [CAPOS_AUTH_OIDC_DEVICE_CODE] = {STRENGTH_TOKEN, STRENGTH_TOKEN},
        [CAPOS_AUTH_OIDC_PKCE] = {STRENGTH_ASSERTED, STRENGTH_PASSWORD},
        [CAPOS_AUTH_PASSKEY] = {STRENGTH_TOUCHED, STRENGTH_SIGNED_KEY},
        [CAPOS_AUTH_MTLS] = {STRENGTH_SIGNED, STRENGTH_SIGNED},
        [CAPOS_AUTH_GUEST] = {STRENGTH_NONE, STRENGTH_NONE},
        [CAPOS_AUTH_ANONYMOUS] = {STRENGTH_NONE, STRENGTH_NONE},
        [CAPOS_AUTH_SERVICE] = {STRENGTH_SIGNED, STRENGTH_SIGNED_KEY},
};

enum strength strength_made(const struct strength_of *p)
{
        if (p->unbound)
                return STRENGTH_TOKEN;
        if (p->binding == BINDING_SERVER_KEY)
                return table[p->kind].server_key;
        if (p->kind == CAPOS_AUTH_PUBLIC_KEY && p->touched)
                return STRENGTH_TOUCHED;

        return table[p->kind].channel;
}

bool strength_renews(const struct strength_of *p, enum capos_auth by, enum strength made)
{
        if (made == STRENGTH_NONE)
                return false;
        if (p->kind == CAPOS_AUTH_MTLS)
                return by == CAPOS_AUTH_MTLS;

        return strength_made(p) >= made;
}

enum strength strength_best(enum capos_auth kind)
{
        const struct strength_of p = {kind, BINDING_EXPORTER, true, false};

        return strength_made(&p);
}

/* ---- what is demanded ----------------------------------------------------------------------- */

static const char *const words[CAPOS_AUTH_KINDS] = {
        [CAPOS_AUTH_PASSWORD] = "password",
        [CAPOS_AUTH_PUBLIC_KEY] = "key",
        [CAPOS_AUTH_OIDC_DEVICE_CODE] = "oidc-device",
        [CAPOS_AUTH_OIDC_PKCE] = "oidc",
        [CAPOS_AUTH_PASSKEY] = "passkey",
        [CAPOS_AUTH_MTLS] = "certificate",
        [CAPOS_AUTH_GUEST] = "guest",
        [CAPOS_AUTH_ANONYMOUS] = "anonymous",
        [CAPOS_AUTH_SERVICE] = "service",
};

const char *auth_word(enum capos_auth kind)
{
        return words[kind];
}

enum capos_auth auth_of_word(capnp_text t)
{
        unsigned kind = 0;

        while (kind < CAPOS_AUTH_KINDS &&
               (t.len != strlen(words[kind]) || memcmp(t.p, words[kind], t.len) != 0))
                kind++;
        return (enum capos_auth)kind;
}

struct strength_demand strength_demanded(profile_reader p)
{
        struct strength_demand d = {.at_least = profile_at_least(p)};
        capnp_list l = profile_methods(p);

        for (uint32_t i = 0; i < l.len; i++)
                d.methods |= 1U << auth_of_word(profile_methods_at(l, i));
        return d;
}

static bool kind_is_demanded(const struct strength_demand *d, enum capos_auth kind)
{
        return !d->methods || d->methods >> kind & 1;
}

bool strength_meets(const struct strength_demand *d, enum capos_auth kind, enum strength made)
{
        return kind_is_demanded(d, kind) && made >= d->at_least;
}

bool strength_may_meet(const struct strength_demand *d, enum capos_auth kind)
{
        return strength_meets(d, kind, strength_best(kind));
}

const char *strength_say(const struct strength_demand *d, char out[STRENGTH_TEXT])
{
        size_t len = (size_t)snprintf(out, STRENGTH_TEXT, "it demands ");
        const char *between = "";

        for (unsigned kind = 0; kind < CAPOS_AUTH_KINDS; kind++) {
                if (!(d->methods >> kind & 1))
                        continue;
                len += (size_t)snprintf(out + len, STRENGTH_TEXT - len, "%s%s", between,
                                        words[kind]);
                between = " or ";
        }
        if (d->at_least != STRENGTH_NONE)
                (void)snprintf(out + len, STRENGTH_TEXT - len, "%sa proof worth `%s`",
                               d->methods ? ", " : "", strength_name(d->at_least));
        return out;
}
