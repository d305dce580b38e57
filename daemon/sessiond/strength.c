/*
 * What a proof is worth, as one table (doc/protocol/admission.md, Renewal).
 *
 * It is there for one question: who has got hold of a live session, and of a weaker credential of
 * its account, must not be able to keep that session alive with it. So a renewal takes at least
 * what the session was made by, and a later one that was stronger does not raise it: who may log in
 * so may renew so.
 *
 * Which of two is worth more is judged by what it takes to have it. A token serves whoever comes by
 * it. A password has to be known, and is told to whoever holds the server's key. A signature needs
 * the private key, each time; over the server's key alone, whoever holds that could pass it on. A
 * security key also needs a hand.
 *
 * A client certificate is judged by the handshake that the connection began with: nothing new is
 * proved by it, so it renews what it has made and no more.
 */
#include "strength.h"

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
