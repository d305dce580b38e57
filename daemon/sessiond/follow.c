/*
 * Living sessions, when the policy is another one.
 *
 * Each is held against the profile of the same name. If that is gone, or not for it any more, the
 * session ends. Otherwise it has what the profile grants now: what is granted no more, or with
 * another facet, other methods or another interface, is taken away as by a revocation; what is new
 * appears; quotas and leases are the new ones, and no lease becomes longer by it, since nobody has
 * proved anything. Whose bundle, quotas and leases are what they were is told nothing, and keeps
 * its sockets.
 *
 * What somebody has taken away stays away, and what has expired comes back with another login; what
 * the policy alone has taken comes back with the policy. A capability that is gone is remembered by
 * its name, so that whoever asks for it is told why.
 */
#include "follow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "methods.h"
#include "networks.h"
#include "places.h"
#include "session.h"
#include "sessiond.h"

enum { GONE = 64 }; /* names that are remembered of one session, only to say why */

static const char taken[] = REVOKED_POLICY;

/* ---- who goes on ---------------------------------------------------------------------------- */

/* What has made a session, or raised it last, its client there or not. */
struct proved {
        enum capos_auth kind;
        enum binding binding;
        enum strength strength;
        bool unbound;
};

static bool proof_is_enough(const struct proved *by, const struct policy_profile *p)
{
        const struct broker_case c = {
                .method = method_of_kind(by->kind)->ops,
                .proof = {.kind = by->kind, .binding = by->binding, .unbound = by->unbound},
                .back = true};
        char text[STRENGTH_TEXT];

        return !broker_weak(&c, p, text) && strength_meets(&p->demand, by->kind, by->strength);
}

/* Whether the way that it came in by, without an account, still leads to its profile. */
static bool entry_is_open(const struct session *e, const struct policy *to,
                          const struct policy_profile *p)
{
        const struct method *m = method_of_kind(e->kind);

        return m && m->entry && m->entry(to)->profile == p;
}

/* Why it cannot go on; NULL: it can. p: its profile; NULL: there is none. */
static const char *session_refusal(const struct session *e, const struct policy *to,
                                   const struct policy_profile *p)
{
        const struct proved proof = {e->by, e->binding, e->strength, e->unbound};

        if (revoked_keys_have_session(&to->revoked, e))
                return REVOKED_CREDENTIAL;
        if (!p)
                return "policy: the profile is gone";
        if (!networks_admit(to->admission, e->origin->host))
                return "policy: nobody is let in from there any more";
        if (p->from.len && !networks_have(p->from, e->origin->host))
                return "policy: the profile is for other addresses";
        if (!e->account[0])
                return entry_is_open(e, to, p) ? NULL : "policy: nobody gets in this way any more";
        if (!p->accounts || p->service != e->profile->service)
                return "policy: the profile is not for this account";
        if (p->local && !origin_is_local(e->origin))
                return "policy: the profile is for this machine alone";
        if (!proof_is_enough(&proof, p))
                return "policy: the profile wants a better proof";
        if (e->kind == CAPOS_AUTH_MTLS && !to->nrules)
                return "policy: certificates are not accepted any more";
        return NULL;
}

static const struct policy_profile *profile_now(const struct policy *to, const char *name)
{
        return policy_profile(to, (capnp_text){name, (uint32_t)strlen(name)});
}

/* ---- what it has ---------------------------------------------------------------------------- */

/* Whether a grant may go on as another: it is the same thing, or stays revoked whatever it is. */
bool follow_is_same(const struct grant *g, const struct policy_grant *p)
{
        if (strcmp(g->name, p->name) != 0 || g->by_policy)
                return false;

        return g->revoked ||
               (!strcmp(g->policy->facet, p->facet) && facets_same(g->policy->narrow, p->narrow) &&
                g->interface_id == grant_interface(p));
}

/* Whether it is among the first n. */
static bool is_among(struct grant *const *list, unsigned n, const struct grant *g)
{
        while (n)
                if (list[--n] == g)
                        return true;
        return false;
}

/* The new list, of which those that are kept are the old ones. 0, or -ENOMEM: none was made. */
static int list_make(struct session *e, const struct policy_profile *p, struct grant **list)
{
        for (unsigned i = 0; i < p->ngrants; i++) {
                for (unsigned k = 0; k < e->ngrants && !list[i]; k++)
                        if (follow_is_same(e->grants[k], &p->grants[i]))
                                list[i] = e->grants[k];
                if (!list[i])
                        list[i] = grant_new(e->s->vat, e, &p->grants[i]);
                if (list[i])
                        continue;
                while (i--)
                        if (!is_among(e->grants, e->ngrants, list[i]))
                                grant_free(list[i]);
                return -ENOMEM;
        }
        return 0;
}

/* Whether it has to be remembered beside the n of the new list. The worker has to hear of it; or it
 * has to stay away, if it is granted again; or whoever asks for it is told why. */
static bool is_remembered(const struct grant *g, struct grant *const *list, unsigned n)
{
        if (g->notice || !g->by_policy)
                return true;
        for (unsigned i = 0; i < n; i++)
                if (!strcmp(list[i]->name, g->name))
                        return false;
        return true;
}

int follow_grants(struct session *e, const struct policy_profile *p)
{
        struct grant **list = calloc(p->ngrants + e->ngrants + 1, sizeof(struct grant *)), **old;
        unsigned n = p->ngrants, nold = e->ngrants;
        int r = list ? list_make(e, p, list) : -ENOMEM;

        if (r) {
                free(list);
                return r;
        }

        for (unsigned i = 0; i < nold; i++)
                if (!e->grants[i]->revoked && !is_among(list, p->ngrants, e->grants[i])) {
                        e->grants[i]->by_policy = true;
                        session_take(e, e->grants[i], taken);
                        session_audit(e, "revocation", "ok", e->grants[i]->name, taken);
                }
        for (unsigned i = 0; i < p->ngrants; i++)
                list[i]->policy = &p->grants[i];
        for (unsigned i = nold; i-- > 0;) {
                struct grant *g = e->grants[i];

                if (is_among(list, p->ngrants, g))
                        continue;
                g->policy = NULL;
                if ((n - p->ngrants < GONE || !g->by_policy) && is_remembered(g, list, p->ngrants))
                        list[n++] = g;
                else
                        grant_free(g);
        }
        old = e->grants;
        e->grants = list;
        e->ngrants = n;
        free(old);
        return 0;
}

/* ---- its lease ------------------------------------------------------------------------------ */

static uint64_t lease_end_ms(const struct policy_profile *p, uint64_t begun_ms, uint64_t asked_ms)
{
        uint64_t ms = asked_ms ? asked_ms : p->lease_ms;

        return begun_ms + (ms < p->max_lease_ms ? ms : p->max_lease_ms);
}

/* ---- who is told ---------------------------------------------------------------------------- */

/* What the worker knows of a session, as bytes. NULL: there is no memory. */
static uint8_t *session_bytes(const struct session *e, size_t *ret_len)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        uint8_t *p;

        if (capnp_msg_new(&m))
                return NULL;

        session_fill(e, bound_build(m));
        *ret_len = capnp_msg_size(m);
        p = capnp_msg_check(m) ? NULL : malloc(*ret_len);
        if (p && capnp_msg_write(m, p, *ret_len)) {
                free(p);
                return NULL;
        }
        return p;
}

/* ---- all of it ------------------------------------------------------------------------------ */

/* The way back leads to what the session is now. */
static void enrolment_follow(struct session *e)
{
        struct enrolment *n = e->enrolment;

        if (!n)
                return;

        n->profile = e->profile;
        n->deadline_ms = e->deadline_ms;
        n->expires_ms = e->expires_ms;
        session_tell_away(e);
}

static void session_follow(struct session *e, const struct policy *to)
{
        const struct policy_profile *p = profile_now(to, e->profile->name);
        const char *refusal = session_refusal(e, to, p);
        size_t len = 0, len_now = 0;
        uint8_t *before, *now;

        if (refusal) {
                session_end(e, SESSION_REVOCATION, refusal);
                return;
        }

        before = session_bytes(e, &len);
        if (follow_grants(e, p)) {
                session_end(e, SESSION_REVOCATION, "policy: out of memory");
                free(before);
                return;
        }
        e->profile = p;
        places_follow(e);
        if (session_shorten(e, lease_end_ms(p, e->begun_ms, e->asked_ms))) {
                session_end(e, SESSION_EXPIRY, "expired: policy");
                free(before);
                return;
        }
        enrolment_follow(e);
        now = session_bytes(e, &len_now);
        if (!before || !now || len != len_now || memcmp(before, now, len) != 0)
                session_changed(e);
        free(before);
        free(now);
}

/* Of a client that is away. It is held against the rest when it comes back, as every login is. */
static void dropped_follow(struct enrolment *n, const struct policy *to)
{
        const struct policy_profile *p = profile_now(to, n->profile->name);
        const struct proved proof = {n->by, n->binding, n->strength, n->unbound};
        uint64_t end;

        if (revoked_keys_have_enrolment(&to->revoked, n)) {
                enrolment_over(n, "revoked key");
                return;
        }
        if (!p || !p->accounts || p->service || !proof_is_enough(&proof, p)) {
                enrolment_over(n, "policy");
                return;
        }

        end = lease_end_ms(p, n->begun_ms, n->asked_ms);
        if (end < n->deadline_ms) {
                n->expires_ms -= n->deadline_ms - end;
                n->deadline_ms = end;
        }
        n->profile = p;
}

void follow_all(struct sessiond *s, const struct policy *to)
{
        struct capnp_i_list *l, *next;
        struct enrolment *n, *after;

        for (l = s->sessions.next; l != &s->sessions; l = next) {
                next = l->next;
                session_follow(CAPNP_I_OF(l, struct session, link), to);
        }
        for (n = enrolments_next(s, NULL); n; n = after) {
                after = enrolments_next(s, n);
                dropped_follow(n, to);
        }
}
