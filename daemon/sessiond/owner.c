/*
 * The owner of an account, about its other sessions: where he is logged in, and the end of it.
 *
 * Whoever has a session of an account may end all others; a login may, too (`endOthers`). So it is
 * no more than he has. What is not the account's looks as if it were not there: an id is compared
 * among the account's own sessions alone. Whoever has no account owns nothing but the session that
 * he has.
 *
 * A session whose line has dropped is one, too: its client could come back to it.
 */
#include "owner.h"

#include <stdio.h>
#include <string.h>

#include "admit.h"
#include "daemon-text.h"
#include "enrolment.h"
#include "sessiond.h"

enum { SHOWN = 256 };

static const char ENDED[] = "revoked: its owner has ended it from another session";

static int owner_deny(struct admission *ad, capnp_answer *a, const char *what, enum capos_denial d,
                      const char *why)
{
        admission_audit(ad, what, capos_denial_code(d), NULL);
        return origin_deny(&ad->origin, a, d, why);
}

/* false: whoever asks has no account, and was told so. */
static bool owner_is_somebody(struct admission *ad, capnp_answer *a, const char *what)
{
        if (ad->session->account[0])
                return true;

        (void)owner_deny(ad, a, what, CAPOS_DENIED_PROFILE,
                         "there is no account whose sessions these could be");
        return false;
}

/* ---- listing -------------------------------------------------------------------------------- */

static void owner_fill(const struct session *e, bool current, account_session_builder b)
{
        account_session_set_id(b, e->id);
        account_session_set_profile(b, e->profile->name);
        account_session_set_kind(b, capos_auth_name(e->kind));
        account_session_set_source(b, e->origin->address);
        account_session_set_started_at_ms(b, e->started_ms);
        account_session_set_expires_at_ms(b, e->expires_ms);
        account_session_set_current(b, current);
}

static void owner_fill_dropped(const struct enrolment *n, account_session_builder b)
{
        account_session_set_id(b, n->last);
        account_session_set_profile(b, n->profile->name);
        account_session_set_kind(b, capos_auth_name(n->kind));
        account_session_set_source(b, n->source);
        account_session_set_started_at_ms(b, n->started_ms);
        account_session_set_expires_at_ms(b, n->expires_ms);
        account_session_set_dropped_at_ms(b, n->dropped_ms);
}

/* The account's others: those that live, the youngest first, then those whose line has dropped. In
 * one go, for time passes. */
struct others {
        const struct session *live[SHOWN];
        const struct enrolment *dropped[ENROLMENTS_OF_ACCOUNT];
        uint32_t nlive, ndropped, more;
};

static void others_find(struct session *e, struct others *o)
{
        struct sessiond *s = e->s;

        for (struct capnp_i_list *l = s->sessions.prev; l != &s->sessions; l = l->prev) {
                const struct session *other = CAPNP_I_OF(l, struct session, link);

                if (other == e || strcmp(other->account, e->account) != 0)
                        continue;
                if (o->nlive < SHOWN - 1 - ENROLMENTS_OF_ACCOUNT)
                        o->live[o->nlive++] = other;
                else
                        o->more++;
        }
        for (struct enrolment *n = enrolments_next(s, NULL); n; n = enrolments_next(s, n))
                if (!strcmp(n->account, e->account) && o->ndropped < ENROLMENTS_OF_ACCOUNT)
                        o->dropped[o->ndropped++] = n;
}

int owner_list(struct admission *ad, capnp_answer *a)
{
        struct others o = {.nlive = 0};
        account_session_list_builder to;
        uint32_t at = 0;

        if (!owner_is_somebody(ad, a, "account-sessions"))
                return 0;

        others_find(ad->session, &o);
        admission_audit(ad, "account-sessions", "ok", NULL);
        to = admission_account_sessions_results_init_sessions(a, 1 + o.nlive + o.ndropped);
        owner_fill(ad->session, true, account_session_list_builder_get(to, at++));
        for (uint32_t i = 0; i < o.nlive; i++)
                owner_fill(o.live[i], false, account_session_list_builder_get(to, at++));
        for (uint32_t i = 0; i < o.ndropped; i++)
                owner_fill_dropped(o.dropped[i], account_session_list_builder_get(to, at++));
        admission_account_sessions_results_set_more(a, o.more);
        return audit_return(&ad->origin.s->audit, a);
}

/* ---- ending --------------------------------------------------------------------------------- */

/* The account's other session of an id, live or not. false: it has none. */
static bool other_end(struct session *e, capnp_text id)
{
        struct session *other = sessions_find(e->s, id);
        struct enrolment *n = NULL;

        if (!other)
                n = enrolments_of(e->s, id);
        if (n && n->session) {
                other = n->session; /* it has been come back to, under another id */
                n = NULL;
        }
        if (other && (other == e || strcmp(other->account, e->account) != 0))
                return false;
        if (n && strcmp(n->account, e->account) != 0)
                return false;
        if (!other && !n)
                return false;

        session_audit(e, "end-account-session", "ok", NULL, other ? other->id : n->last);
        if (n)
                return !enrolment_revoke(n, (capnp_text){"", 0});
        session_end(other, SESSION_REVOCATION, ENDED);
        return true;
}

/* How many others there are, whatever they are. */
static uint32_t others_count(struct session *e)
{
        struct others o = {.nlive = 0};

        others_find(e, &o);
        return o.nlive + o.ndropped + o.more;
}

/* That there are none can be heard again and again, on a full disk, too: there it would use up what
 * is kept for ends. */
static void owner_audit_all(const struct session *e, uint32_t ended)
{
        static const char what[] = "end-account-session", all[] = "all others";

        if (ended)
                session_audit(e, what, "ok", NULL, all);
        else
                session_audit_counted(e, what, "ok", NULL, all);
}

int owner_end(struct admission *ad, capnp_answer *a)
{
        capnp_text id = admission_end_account_session_param_id(a);
        struct session *e = ad->session;
        uint32_t ended = 1;

        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "the request cannot be read");
        if (!owner_is_somebody(ad, a, "end-account-session"))
                return 0;
        if (id.len && !other_end(e, id))
                return owner_deny(ad, a, "end-account-session", CAPOS_DENIED_UNKNOWN_NAME,
                                  "the account has no other session of this id");
        if (!id.len) {
                ended = others_count(e);
                owner_audit_all(e, ended);
                sessions_end_others(e, ENDED);
        }
        admission_end_account_session_results_set_ended(a, ended);
        return admissions_return(ad->origin.s, a);
}
