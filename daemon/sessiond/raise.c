/*
 * Raising a session: from one profile of its account's to another that has all of it, and more.
 *
 * It takes a proof of its own, made for the profile that is asked for by name, which meets what
 * that demands and is worth what made the session, or more. So whoever has got hold of a live
 * session does not get more by it, and nobody has more without having asked.
 *
 * What the session has stays what it is: the sockets, what is open on them, and what was taken
 * away. So the other profile has to have each grant of this one, as it is here or wider. That is
 * also what "raised" means: one way only.
 */
#include "raise.h"

#include <stdio.h>
#include <string.h>

#include "daemon-log.h"
#include "facets.h"
#include "follow.h"

/* The same object, by what is granted of it, and not by its names alone: what the session has open
 * is kept. */
static bool grant_has_all_of(const struct policy_grant *a, const struct policy_grant *b)
{
        return !strcmp(a->name, b->name) && !strcmp(a->facet, b->facet) &&
               grant_interface(a) == grant_interface(b) && facets_same(a->narrow, b->narrow) &&
               a->services >= b->services && a->ui >= b->ui &&
               (!a->lease_ms || (b->lease_ms && a->lease_ms >= b->lease_ms));
}

static bool profile_has(const struct policy_profile *p, const struct policy_grant *g)
{
        for (unsigned i = 0; i < p->ngrants; i++)
                if (grant_has_all_of(&p->grants[i], g))
                        return true;
        return false;
}

static bool profile_has_all_of(const struct policy_profile *a, const struct policy_profile *b)
{
        for (unsigned i = 0; i < b->ngrants; i++)
                if (!profile_has(a, &b->grants[i]))
                        return false;
        return true;
}

const char *raise_refuses(const struct session *e, const struct policy_profile *to)
{
        if (!e->account[0] || e->profile->service || to->service)
                return "only a person's session is raised";
        if (e->profile->agent || to->agent)
                return "an agent's session is not raised, and none to an agent's";
        if (!profile_has_all_of(to, e->profile))
                return "a session is only raised, and has something that this profile has not";
        if (profile_has_all_of(e->profile, to))
                return "a session is only raised, and this profile has no more";

        return NULL;
}

const char *raise_refuses_kind(enum capos_auth kind)
{
        return kind == CAPOS_AUTH_MTLS ? "a client certificate proves nothing anew" : NULL;
}

int raise_session(struct session *e, const struct raise *by, struct place *place)
{
        const char *from = e->profile->name;
        char detail[CAPOS_AUDIT_TEXT_BYTES];
        int r = follow_grants(e, by->to);

        if (r)
                return r;

        place_give(&e->place);
        e->place = *place;
        *place = (struct place){0};
        e->profile = by->to;
        e->by = by->kind;
        e->strength = by->strength;
        e->unbound = by->unbound;
        e->certified |= by->certified;
        (void)snprintf(e->raised, sizeof(e->raised), "%s", by->credential);
        session_rest_on(e, RESTS_RAISED, by->authority);
        if (e->enrolment) {
                e->enrolment->profile = e->profile;
                e->enrolment->by = e->by;
                e->enrolment->strength = e->strength;
                e->enrolment->unbound = e->unbound;
                if (by->certified)
                        origin_host(e->origin, e->enrolment->host, sizeof(e->enrolment->host));
                memcpy(e->enrolment->raised, e->raised, sizeof(e->raised));
                memcpy(e->enrolment->authority, e->authority, sizeof(e->authority));
        }
        session_tell_away(e);
        (void)snprintf(detail, sizeof(detail), "from %.64s, by %s", from, by->credential);
        session_audit(e, "raise", "ok", NULL, detail);
        daemon_log(LOG_INFO, "session %.8s of %s is raised from %s to %s", e->id, e->account, from,
                   e->profile->name);
        return 0;
}
