/*
 * Sessions over the admin socket: those that live, and those whose line has dropped and whose
 * client may come back. Either is ended, or loses a capability, by its id.
 */
#include "admin-session.h"

#include "admin.capnp-c.h"
#include "enrolment.h"
#include "origin.h"
#include "session.h"
#include "sessiond.h"

static void live_fill(const struct session *e, live_session_builder b)
{
        capnp_lbuilder list;
        unsigned n = 0, at = 0;

        live_session_set_id(b, e->id);
        live_session_set_account(b, e->account);
        live_session_set_profile(b, e->profile->name);
        live_session_set_kind(b, capos_auth_name(e->kind));
        live_session_set_source(b, e->origin->address);
        live_session_set_started_at_ms(b, e->started_ms);
        live_session_set_expires_at_ms(b, e->expires_ms);
        for (unsigned i = 0; i < e->ngrants; i++)
                n += !e->grants[i]->revoked;
        list = live_session_init_grants(b, n);
        for (unsigned i = 0; i < e->ngrants; i++)
                if (!e->grants[i]->revoked)
                        live_session_set_grants_at(list, at++, e->grants[i]->name);
}

/* One whose client may come back. */
static void dropped_fill(const struct enrolment *n, live_session_builder b)
{
        const struct policy_profile *p = n->profile;
        capnp_lbuilder list;
        unsigned many = 0, at = 0;

        live_session_set_id(b, n->last);
        live_session_set_account(b, n->account);
        live_session_set_profile(b, p->name);
        live_session_set_kind(b, capos_auth_name(n->kind));
        live_session_set_source(b, n->source);
        live_session_set_started_at_ms(b, n->started_ms);
        live_session_set_expires_at_ms(b, n->expires_ms);
        live_session_set_dropped_at_ms(b, n->dropped_ms);
        for (unsigned i = 0; i < p->ngrants; i++)
                many += !enrolment_is_away(n, n->profile->grants[i].name);
        list = live_session_init_grants(b, many);
        for (unsigned i = 0; i < p->ngrants; i++)
                if (!enrolment_is_away(n, n->profile->grants[i].name))
                        live_session_set_grants_at(list, at++, p->grants[i].name);
}

/* In one go, for time passes: one that was counted could be over when it is shown. How many. */
static uint32_t dropped_find(struct sessiond *s, struct enrolment *ret[ENROLMENTS_DROPPED])
{
        uint32_t n = 0;

        for (struct enrolment *e = enrolments_next(s, NULL); e && n < ENROLMENTS_DROPPED;
             e = enrolments_next(s, e))
                ret[n++] = e;
        return n;
}

int admin_on_session_list(void *self, capnp_answer *a)
{
        struct sessiond *s = self;
        struct enrolment *dropped[ENROLMENTS_DROPPED];
        uint32_t ndropped = dropped_find(s, dropped), at = 0;
        live_session_list_builder to =
                admin_session_list_results_init_sessions(a, s->nsessions + ndropped);

        for (struct capnp_i_list *l = s->sessions.next; l != &s->sessions; l = l->next)
                live_fill(CAPNP_I_OF(l, struct session, link),
                          live_session_list_builder_get(to, at++));
        for (uint32_t i = 0; i < ndropped; i++)
                dropped_fill(dropped[i], live_session_list_builder_get(to, at++));
        return capnp_answer_return(a);
}

static const char NO_CAP[] = "the session has no such capability: `capos manifest explain` has "
                             "those of its profile";

int admin_on_session_revoke(void *self, capnp_answer *a)
{
        struct sessiond *s = self;
        struct session *e = sessions_find(s, admin_session_revoke_param_id(a));
        capnp_text cap = admin_session_revoke_param_cap(a);
        struct enrolment *n = NULL;

        if (!e)
                n = enrolments_of(s, admin_session_revoke_param_id(a));
        if (n && n->session) {
                e = n->session; /* it has been come back to, under another id */
                n = NULL;
        }
        if (capnp_answer_check(a) || (!e && !n))
                return capnp_answer_fail(a, CAPNP_FAILED,
                                         "there is no such session: `capos session list` has them");
        if (n && enrolment_revoke(n, cap))
                return capnp_answer_fail(a, CAPNP_FAILED, NO_CAP);
        if (n)
                return audit_return(&s->audit, a);
        if (!cap.len)
                session_end(e, SESSION_REVOCATION, "revoked");
        else if (session_revoke(e, cap))
                return capnp_answer_fail(a, CAPNP_FAILED, NO_CAP);

        return audit_return(&s->audit, a);
}
