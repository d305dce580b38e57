/*
 * Access tokens of identity providers, by which programs log in.
 *
 * This process does not read a token, so it does not know whose it is before a prover has said so.
 * The prover is told of every provider whose tokens are taken here, with the keys that are known. A
 * provider whose keys are not is named without any: then it answers that it does not know the key,
 * and whose it would be, and that provider alone is asked for its keys.
 *
 * Such a token is bound to nothing. So it is good for one login (login.c uses it up), for a day at
 * most, and for profiles that say so; and what it has made ends with it.
 */
#include "access.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon-text.h"
#include "flow.h"
#include "oidc.h"
#include "sessiond.h"

static bool is_taken(const struct issuer *i)
{
        return i->audience[0] != 0;
}

bool access_is_on(const struct issuers *is)
{
        for (unsigned k = 0; k < is->n; k++)
                if (is_taken(&is->all[k]))
                        return true;
        return false;
}

/* The n-th of those whose tokens are taken; NULL: there is none. */
static struct issuer *taken(struct access *a, unsigned n)
{
        if (a->only)
                return n ? NULL : a->only;
        for (unsigned k = 0; k < a->issuers->n; k++)
                if (is_taken(&a->issuers->all[k]) && !n--)
                        return &a->issuers->all[k];
        return NULL;
}

/* ---- life ----------------------------------------------------------------------------------- */

void access_wait(struct claim *c, struct flow *f, capnp_data token)
{
        struct access *a = calloc(1, sizeof(*a));

        if (!a || token.len > sizeof(a->token)) {
                free(a);
                flow_full(f);
                return;
        }

        a->f = f;
        a->issuers = &c->origin->s->issuers;
        a->len = token.len;
        memcpy(a->token, token.p, token.len);
        c->own = a;
        flow_go_on(f, METHOD_PROOF);
}

void access_end(struct claim *c)
{
        struct access *a = c->own;

        if (!a)
                return;

        issuer_give_up(&a->wait);
        free(a->asked);
        sodium_memzero(a, sizeof(*a));
        free(a);
        c->own = NULL;
}

capnp_data access_token(const struct access *a)
{
        return (capnp_data){a->token, a->len};
}

/* ---- proving -------------------------------------------------------------------------------- */

int access_ask(struct access *a, capnp_data begun, capnp_data *ret)
{
        enum { ROOM = PROOF_BYTES - ACCESS_BYTES };
        size_t len = begun.len;
        struct issuer *i;
        int r = 0;

        if (!a->asked)
                a->asked = malloc(ROOM);
        if (!a->asked)
                return -ENOMEM;

        memcpy(a->asked, begun.p, begun.len);
        for (unsigned n = 0; !r && (i = taken(a, n)); n++) {
                size_t before = len;

                a->generation[n] = issuer_has_keys(i) ? i->generation : ACCESS_WITHOUT;
                r = issuer_ask(i, i->audience, TOKEN_ACCESS, a->asked, ROOM, &len);
                if (r && !a->only) { /* too much at once: it is asked for by itself then */
                        len = before;
                        a->generation[n] = ACCESS_WITHOUT;
                        r = issuer_ask_without(i, i->audience, TOKEN_ACCESS, a->asked, ROOM, &len);
                }
        }
        *ret = (capnp_data){a->asked, (uint32_t)len};
        return r;
}

static void access_on_keys(struct issuer_wait *w, int r)
{
        struct access *a = CAPNP_I_OF(w, struct access, wait);
        char why[CAPOS_REFUSAL_BYTES];

        if (!r) {
                flow_go_on(a->f, METHOD_PROOF);
                return;
        }
        snprintf(why, sizeof(why), "%.64s: nothing that is good is known of it: %.120s",
                 a->only->name, a->only->why);
        flow_refuse(a->f, CAPOS_DENIED_METHOD_DISABLED,
                    "the identity provider does not answer: try again in a minute", why);
}

bool access_again(struct access *a, const struct proof_verdict *v, unsigned first)
{
        struct issuer *i = v->issuer >= first ? taken(a, v->issuer - first) : NULL;
        uint32_t had;
        int r;

        if (v->reason != TOKEN_E_UNKNOWN_KEY || !i || a->only)
                return false;

        had = a->generation[v->issuer - first];
        a->only = i;
        a->wait.done = access_on_keys;
        r = had == ACCESS_WITHOUT ? issuer_need(i, ISSUER_KEYS, &a->wait)
                                  : issuer_look_for_key(i, had, &a->wait);
        if (r != ISSUER_WAITS && (!r || had == ACCESS_WITHOUT))
                access_on_keys(&a->wait, r);
        return r != CAPNP_E_UNKNOWN || had == ACCESS_WITHOUT;
}

/* ---- who it is ------------------------------------------------------------------------------ */

enum capos_denial access_accept(const struct claim *c, const struct proof_verdict *v,
                                unsigned first, struct principal *ret)
{
        struct access *a = c->own;
        struct issuer *i = a && v->issuer >= first ? taken(a, v->issuer - first) : NULL;
        struct sessiond *s = c->origin->s;
        struct store_identity id;
        enum capos_denial d;

        if (!i)
                return CAPOS_DENIED_CREDENTIALS;

        id = (struct store_identity){i->issuer, v->name};
        snprintf(ret->detail, sizeof(ret->detail), "%.16s, access token of %.*s", i->name,
                 text_fit(id.subject, OIDC_SUBJECT_SHOWN), id.subject);
        oidc_credential(&id, ret->credential);
        d = oidc_account(s, i, v, &id, ret);
        if (d)
                return d;
        if (!ret->account[0]) {
                ret->why = "no account is made for a program";
                return CAPOS_DENIED_CREDENTIALS;
        }
        if (c->claimed[0] && strcmp(c->claimed, ret->account) != 0) {
                snprintf(ret->detail, sizeof(ret->detail), "%.16s: it is %s's", i->name,
                         ret->account);
                return CAPOS_DENIED_CREDENTIALS;
        }
        ret->unbound = ret->once = true;
        memcpy(ret->once_hash, v->key_hash, sizeof(ret->once_hash));
        ret->until_ms = v->until_s > 0 ? (uint64_t)v->until_s * 1000 : 1;
        return CAPOS_DENIED_NONE;
}
