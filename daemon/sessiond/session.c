/*
 * Sessions, and the broker: what a principal, a profile and a way of proving come to.
 *
 * A session is made from a profile, never from what the client asked for beyond naming one. It
 * ends in one place, session_end(), whatever the cause: the worker is sent word, so that it can say
 * why, and in the same breath the grants' sockets are shut and drained. Nothing depends on the
 * worker.
 *
 * Its lease is a timer on the clock that counts the machine's sleep. The times shown to people are
 * wall time and decide nothing.
 */
#include "session.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "daemon-log.h"
#include "daemon-text.h"
#include "enrolment.h"
#include "origin.h"
#include "sessiond.h"

static const char expired[] = "expired"; /* of a session, and of a capability alone */

enum { DAY_MS = 24 * 60 * 60 * 1000 };

static void session_on_expiry(void *arg);
static uint64_t entry_deadline_ms(const struct grant *g);
static void entries_end(struct session *e);

static struct capos_audit_record session_record(const struct session *e, const char *what,
                                                const char *outcome)
{
        struct capos_audit_record r = origin_record(e->origin, what, outcome);

        r.account = e->account[0] ? e->account : NULL;
        r.profile = e->profile->name;
        r.kind = capos_auth_name(e->kind);
        r.session = e->id;
        return r;
}

void session_audit(const struct session *e, const char *what, const char *outcome,
                   const char *capability, const char *detail)
{
        struct capos_audit_record r = session_record(e, what, outcome);

        r.capability = capability;
        r.detail = detail;
        /* Without an account anybody can have as many sessions as he likes, one after the other. */
        if (e->account[0])
                audit_add(&e->s->audit, r);
        else
                audit_add_counted(&e->s->audit, r);
}

void session_audit_counted(const struct session *e, const char *what, const char *outcome,
                           const char *capability, const char *detail)
{
        struct capos_audit_record r = session_record(e, what, outcome);

        r.capability = capability;
        r.detail = detail;
        audit_add_counted(&e->s->audit, r);
}

/* Somebody of the instance has taken away all of it, or a capability: never only counted. */
static void session_audit_revocation(const struct session *e, const char *capability,
                                     const char *detail)
{
        struct capos_audit_record r = session_record(e, "revocation", "ok");

        r.capability = capability;
        r.detail = detail;
        audit_add(&e->s->audit, r);
}

/* ---- the broker ----------------------------------------------------------------------------- */

/* What was taken, and its profile has not, for whoever asks for it; and for when it has it again.
 */
static int session_away(struct session *e, const struct enrolment *n)
{
        for (unsigned i = 0; i < n->naway; i++) {
                const struct policy_grant none = {.name = n->away[i]};
                struct grant *g = session_grant(e, capnp_text_of(n->away[i]));

                if (!g) {
                        g = grant_new(e->s->vat, e, &none);
                        if (!g)
                                return -ENOMEM;
                        g->policy = NULL;
                        e->grants[e->ngrants++] = g;
                }
                g->revoked = true;
        }
        return 0;
}

static int session_grants(struct session *e, const struct enrolment *n)
{
        e->grants = calloc(e->profile->ngrants + (n ? n->naway : 0) + 1, sizeof(*e->grants));
        if (!e->grants)
                return -ENOMEM;

        for (unsigned i = 0; i < e->profile->ngrants; i++) {
                e->grants[i] = grant_new(e->s->vat, e, &e->profile->grants[i]);
                if (!e->grants[i])
                        return -ENOMEM;
                e->ngrants++;
        }
        return n ? session_away(e, n) : 0;
}

/* ---- its client may come back ---------------------------------------------------------------- */

/* The session is over: what of its client's key? */
static void session_leave(struct session *e, enum session_end why)
{
        struct enrolment *n = e->enrolment;

        e->enrolment = NULL;
        if (!n || why != SESSION_DISCONNECT) {
                (void)enrolment_end(n);
                return;
        }

        n->started_ms = e->started_ms;
        (void)snprintf(n->source, sizeof(n->source), "%s", e->origin->address);
        enrolment_drop(n);
}

/* It goes on where another has ended. */
static void session_come_back(struct session *e, struct enrolment *n)
{
        char detail[STORE_FINGERPRINT_BYTES + 32];

        (void)snprintf(detail, sizeof(detail), "%s, reconnect of %.8s", e->credential, n->last);
        session_audit(e, "grant", "ok", NULL, detail);
        memcpy(n->before, n->last, sizeof(n->before));
        memcpy(n->last, e->id, sizeof(e->id));
        n->session = e;
        n->dropped_ms = 0;
        e->enrolment = n;
        /* To the millisecond: it has been some since what is left was asked. */
        if (e->deadline_ms >= n->deadline_ms) {
                e->deadline_ms = n->deadline_ms;
                e->expires_ms = n->expires_ms;
        }
        e->begun_ms = n->begun_ms;
        e->asked_ms = n->asked_ms;
        for (unsigned i = 0; i < e->profile->ngrants; i++)
                if (e->grants[i]->revoked && entry_deadline_ms(e->grants[i]) <= clock_boot_ms())
                        e->grants[i]->why = expired;
        entries_end(e);
}

/* A timer runs for a day at most; what is longer is looked at again then. */
static int session_timer_for(struct session *e, uint64_t ms, void (*on_time)(void *arg),
                             capnp_timer **ret_t)
{
        return capnp_timer_new(e->s->vat, ms > DAY_MS ? DAY_MS : (uint32_t)ms, on_time, e, ret_t);
}

/* ---- leases of single capabilities ----------------------------------------------------------- */

/* When it ends: with its session, or before. Since the machine started. */
static uint64_t entry_deadline_ms(const struct grant *g)
{
        const struct session *e = g->session;
        uint64_t own = e->begun_ms + g->policy->lease_ms;

        return g->policy->lease_ms && own < e->deadline_ms ? own : e->deadline_ms;
}

/* The same, for people. */
static uint64_t entry_expires_ms(const struct grant *g)
{
        return g->session->expires_ms - (g->session->deadline_ms - entry_deadline_ms(g));
}

void session_take(struct session *e, struct grant *g, const char *why)
{
        g->revoked = true;
        g->notice = true;
        g->why = why;
        if (e->enrolment && !g->by_policy)
                e->enrolment = enrolment_keep_away(e->enrolment, g->name);
        if (e->ops)
                e->ops->changed(e->arg);
        grant_close(g);
}

static void entries_on_timer(void *arg)
{
        struct session *e = arg;

        e->entries = NULL;
        entries_end(e);
}

/* Ends what has come to its end, and waits for the next. Without memory to wait with, what would be
 * waited for ends now: nobody has anything for longer than he may. */
static void entries_end(struct session *e)
{
        uint64_t now = clock_boot_ms(), next = e->deadline_ms;
        bool waits = true;

        e->entries = capnp_timer_free(e->entries);
        for (unsigned i = 0; i < e->ngrants; i++)
                if (!e->grants[i]->revoked && entry_deadline_ms(e->grants[i]) > now &&
                    entry_deadline_ms(e->grants[i]) < next)
                        next = entry_deadline_ms(e->grants[i]);
        if (next < e->deadline_ms)
                waits = !session_timer_for(e, next - now, entries_on_timer, &e->entries);
        for (unsigned i = 0; i < e->ngrants; i++) {
                struct grant *g = e->grants[i];
                uint64_t end = g->revoked ? e->deadline_ms : entry_deadline_ms(g);

                if (end >= e->deadline_ms || (end > now && waits))
                        continue;
                session_take(e, g, expired);
                session_audit(e, "expiry", "ok", g->name, NULL);
        }
}

/* ---- life ----------------------------------------------------------------------------------- */

static int session_timer(struct session *e, uint64_t ms, capnp_timer **ret_t)
{
        return session_timer_for(e, ms, session_on_expiry, ret_t);
}

int session_shorten(struct session *e, uint64_t deadline_ms)
{
        uint64_t now = clock_boot_ms();
        capnp_timer *t;

        if (deadline_ms <= now)
                return CAPNP_E_LIMIT;
        if (deadline_ms < e->deadline_ms) {
                if (session_timer(e, deadline_ms - now, &t))
                        return -ENOMEM;
                capnp_timer_free(e->expiry);
                e->expiry = t;
                e->expires_ms -= e->deadline_ms - deadline_ms;
                e->deadline_ms = deadline_ms;
        }
        entries_end(e);
        return 0;
}

static int lease_make(struct session *e, const struct policy_profile *p, uint64_t ms,
                      const struct dates *dates, struct session_lease *ret)
{
        struct session_lease l = {.dates = *dates, .begun_ms = clock_boot_ms()};
        uint64_t now_ms = clock_wall_ms();
        int r;

        ms = dates_bound(&l.dates, now_ms, ms < p->max_lease_ms ? ms : p->max_lease_ms);
        l.deadline_ms = l.begun_ms + ms;
        l.expires_ms = now_ms + ms;
        r = session_timer(e, ms, &l.timer);
        if (!r)
                *ret = l;
        return r;
}

static void session_set_lease(struct session *e, struct session_lease *l)
{
        capnp_timer_free(e->expiry);
        e->expiry = l->timer;
        e->dates = l->dates;
        e->expires_ms = l->expires_ms;
        e->begun_ms = l->begun_ms;
        e->deadline_ms = l->deadline_ms;
        *l = (struct session_lease){0};
        entries_end(e);
}

struct session *session_free(struct session *e)
{
        if (!e)
                return NULL;

        for (unsigned i = 0; i < e->ngrants; i++)
                grant_free(e->grants[i]);
        free(e->grants);
        capnp_timer_free(e->expiry);
        capnp_timer_free(e->entries);
        place_give(&e->place);
        sodium_memzero(e, sizeof(*e));
        free(e);
        return NULL;
}

void session_freep(struct session **e)
{
        *e = session_free(*e);
}

enum conn_class session_class(const char *account, enum capos_auth kind)
{
        if (account[0])
                return CLASS_ACCOUNT;

        return kind == CAPOS_AUTH_GUEST ? CLASS_GUEST : CLASS_ANONYMOUS;
}

void session_rest_on(struct session *e, unsigned what, const char *authority)
{
        (void)snprintf(e->authority[what], sizeof(e->authority[what]), "%s",
                       authority ? authority : "");
}

static void session_name(struct session *e, const struct session_who *who)
{
        uint8_t id[SESSION_ID_BYTES];

        randombytes_buf(id, sizeof(id));
        sodium_bin2hex(e->id, sizeof(e->id), id, sizeof(id));
        snprintf(e->first, sizeof(e->first), "%s", who->enrolment ? who->enrolment->first : e->id);
        snprintf(e->account, sizeof(e->account), "%s", who->account);
        snprintf(e->credential, sizeof(e->credential), "%s", who->credential);
        snprintf(e->made_in, sizeof(e->made_in), "%s", who->profile->name);
        session_rest_on(e, RESTS_MADE, who->authority);
        if (who->enrolment) {
                memcpy(e->authority, who->enrolment->authority, sizeof(e->authority));
                memcpy(e->renewed, who->enrolment->renewed, sizeof(e->renewed));
                memcpy(e->raised, who->enrolment->raised, sizeof(e->raised));
        }
        e->kind = who->kind;
        e->by = who->enrolment ? who->enrolment->by : who->kind;
        e->binding = who->binding;
        e->strength = who->strength;
        e->profile = who->profile;
        e->unbound = who->unbound;
        e->before = who->before;
        e->certified = who->certified;
        e->rules = e->s->rules.generation;
        e->started_ms = clock_wall_ms();
        if (who->account[0])
                randombytes_buf(e->challenge, sizeof(e->challenge));
}

int session_new(const struct origin *o, const struct session_who *who, struct session **ret)
{
        CAPNP_AUTO(session_freep) struct session *e = calloc(1, sizeof(*e));
        struct session_lease lease;
        int r;

        if (!e)
                return -ENOMEM;

        e->s = o->s;
        e->origin = o;
        session_name(e, who);
        capnp_i_list_init(&e->link);
        r = session_grants(e, who->enrolment);
        if (!r)
                r = lease_make(e, e->profile,
                               who->enrolment ? enrolment_left_ms(who->enrolment)
                                              : e->profile->lease_ms,
                               &who->dates, &lease);
        if (r)
                return r;

        session_set_lease(e, &lease);
        *ret = e;
        e = NULL;
        return 0;
}

void session_begin(struct session *e, const struct session_who *who, struct place *place)
{
        e->place = *place;
        *place = (struct place){0};
        capnp_i_list_append(&e->s->sessions, &e->link);
        e->s->nsessions++;
        if (who->enrolment)
                session_come_back(e, who->enrolment);
        else
                session_audit(e, "grant", "ok", NULL, e->credential);
        daemon_log(LOG_INFO, "session %.8s of %s begins, profile %s", e->id,
                   e->account[0] ? e->account : capos_auth_name(e->kind), e->profile->name);
}

void session_bind(struct session *e, const struct session_ops *ops, void *arg)
{
        e->ops = ops;
        e->arg = arg;
}

void session_end(struct session *e, enum session_end why, const char *reason)
{
        static const char *const names[] = {
                [SESSION_LOGOUT] = "logout",         [SESSION_EXPIRY] = "expiry",
                [SESSION_REVOCATION] = "revocation", [SESSION_DISPLACEMENT] = "displacement",
                [SESSION_DISCONNECT] = "disconnect",
        };

        if (e->ops)
                e->ops->ended(e->arg, why, reason);
        session_leave(e, why);
        for (unsigned i = 0; i < e->ngrants; i++)
                grant_close(e->grants[i]);
        if (why == SESSION_REVOCATION)
                session_audit_revocation(e, NULL, reason);
        else
                session_audit(e, names[why], "ok", NULL, reason);
        daemon_log(LOG_INFO, "session %.8s ends: %s", e->id, reason);
        capnp_i_list_remove(&e->link);
        e->s->nsessions--;
        session_free(e);
}

static void session_on_expiry(void *arg)
{
        struct session *e = arg;

        uint64_t now_ms = clock_boot_ms();

        e->expiry = NULL;
        if (now_ms < e->deadline_ms && !session_timer(e, e->deadline_ms - now_ms, &e->expiry))
                return;

        if (e->dates.over)
                session_end(e, SESSION_REVOCATION, e->dates.over);
        else
                session_end(e, SESSION_EXPIRY, expired);
}

/* Its key, if it has one, is over when it is. */
static void session_tell_enrolment(const struct session *e)
{
        struct enrolment *n = e->enrolment;

        if (!n)
                return;

        memcpy(n->renewed, e->renewed, sizeof(n->renewed));
        memcpy(n->authority, e->authority, sizeof(n->authority));
        n->dates = e->dates;
        n->deadline_ms = e->deadline_ms;
        n->begun_ms = e->begun_ms;
        n->asked_ms = e->asked_ms;
        n->expires_ms = e->expires_ms;
}

void session_cut(struct session *e)
{
        uint64_t now_ms = clock_boot_ms(), wall_ms = clock_wall_ms(), left = 0, ms;

        if (e->deadline_ms > now_ms)
                left = e->deadline_ms - now_ms;
        ms = dates_bound(&e->dates, wall_ms, left);
        if (ms == left)
                return;

        e->deadline_ms = now_ms + ms;
        e->expires_ms = wall_ms + ms;
        e->expiry = capnp_timer_free(e->expiry);
        session_tell_enrolment(e);
        entries_end(e);
        /* Without memory to wait with, now: nobody has anything for longer than he may. */
        if (session_timer(e, ms, &e->expiry))
                session_end(e, SESSION_REVOCATION, e->dates.over ? e->dates.over : expired);
}

int session_revoke(struct session *e, capnp_text name)
{
        struct grant *g = session_grant(e, name);

        if (!g)
                return CAPNP_E_UNKNOWN;
        if (g->revoked && !g->by_policy)
                return 0;

        g->by_policy = false; /* whatever the policy is by then */
        session_take(e, g, NULL);
        session_audit_revocation(e, g->name, NULL);
        return 0;
}

int session_lease_new(struct session *e, const struct session_renewal *by,
                      const struct policy_profile *p, struct session_lease *ret)
{
        struct dates dates = e->dates;

        dates.over = NULL; /* what ended it before may not end it now */
        dates.renewed_ms = by->until_ms;
        if (by->replaces && !strcmp(by->credential, e->credential))
                dates.made_ms = by->until_ms;
        if (by->raises || (by->replaces && !strcmp(by->credential, e->raised)))
                dates.raised_ms = by->until_ms;
        return lease_make(e, p, by->duration_ms ? by->duration_ms : p->lease_ms, &dates, ret);
}

void session_lease_deinit(struct session_lease *l)
{
        l->timer = capnp_timer_free(l->timer);
}

void session_renew(struct session *e, const struct session_renewal *by, struct session_lease *l)
{
        session_set_lease(e, l);
        e->asked_ms = by->duration_ms;
        (void)snprintf(e->renewed, sizeof(e->renewed), "%s", by->credential);
        session_rest_on(e, RESTS_RENEWED, by->authority);
        session_tell_enrolment(e);
        randombytes_buf(e->challenge, sizeof(e->challenge));
        session_audit(e, "renewal", "ok", NULL, by->credential);
}

bool session_owes(const struct session *e, capnp_text name)
{
        for (unsigned i = 0; i < e->ngrants; i++)
                if (e->grants[i]->notice && text_is(name, e->grants[i]->name))
                        return true;

        return false;
}

void session_changed(struct session *e)
{
        e->notice = true;
        if (e->ops)
                e->ops->changed(e->arg);
}

void session_tell_away(struct session *e)
{
        if (e->enrolment)
                e->enrolment->naway = 0;
        for (unsigned i = 0; e->enrolment && i < e->ngrants; i++)
                if (e->grants[i]->revoked && !e->grants[i]->by_policy)
                        e->enrolment = enrolment_keep_away(e->enrolment, e->grants[i]->name);
}

struct grant *session_grant(struct session *e, capnp_text name)
{
        for (unsigned i = 0; i < e->ngrants; i++)
                if (text_is(name, e->grants[i]->name))
                        return e->grants[i];

        return NULL;
}

/* ---- for its holder ------------------------------------------------------------------------- */

static void session_fill_ui_quota(const struct policy_ui_quota *q, session_ui_quota_builder b)
{
        session_ui_quota_set_offers(b, q->offers);
        session_ui_quota_set_patches_per_second(b, q->patches_per_second);
        session_ui_quota_set_patch_bytes(b, q->patch_bytes);
        session_ui_quota_set_bytes_per_second(b, q->bytes_per_second);
        session_ui_quota_set_references(b, q->references);
}

static void session_fill_quota(const struct policy_quota *q, session_quota_builder b)
{
        session_quota_set_references(b, q->references);
        session_quota_set_calls(b, q->calls);
        session_quota_set_queued_bytes(b, q->queued_bytes);
        session_quota_set_message_bytes(b, q->message_bytes);
        session_quota_set_calls_per_second(b, q->calls_per_second);
        session_fill_ui_quota(&q->ui, session_quota_init_ui(b));
}

/* What its worker cannot know; the rest is the worker's to add. */
static void session_fill_use(const struct session *e, session_info_builder b)
{
        uint64_t n = ledger_used(&e->s->ledgers.of[LEDGER_ACCOUNTS], "", e->account);
        quota_use_builder u = quota_use_list_builder_get(session_info_init_use(b, 1), 0);

        quota_use_set_name(u, "sessions");
        quota_use_set_limit(u, e->profile->quota.sessions_per_account);
        quota_use_set_used(u, n);
        quota_use_set_most(u, n);
}

static void session_fill_chain(const struct capos_audit_chain *c, log_witness_builder b)
{
        log_witness_set_records(b, c->records);
        log_witness_set_hash(b, (capnp_data){c->hash, sizeof(c->hash)});
}

/* How busy the instance is is nobody's business who has no account. */
void session_witness(const struct session *e, log_witness_builder b)
{
        if (e->account[0])
                session_fill_chain(&e->s->audit.log.synced, b);
}

static void session_fill_info(const struct session *e, session_info_builder b)
{
        session_info_set_id(b, e->id);
        session_info_set_account(b, e->account);
        session_info_set_profile(b, e->profile->name);
        session_info_set_kind(b, capos_auth_name(e->kind));
        session_info_set_started_at_ms(b, e->started_ms);
        session_info_set_expires_at_ms(b, e->expires_ms);
        session_info_set_transport(b, origin_transport(e->origin));
        session_info_set_source(b, e->origin->address);
        session_info_set_agent(b, e->profile->agent);
        session_fill_quota(&e->profile->quota, session_info_init_quota(b));
        if (!e->account[0])
                return;

        session_fill_use(e, b);
        session_info_set_last_login_at_ms(b, e->before.at_ms);
        session_info_set_last_login_kind(b, e->before.kind);
        session_info_set_last_login_from(b, e->before.from);
        session_info_set_renew_challenge(b, (capnp_data){e->challenge, sizeof(e->challenge)});
        /* With the record of this grant, or renewal: whoever is told it waits for the disk. */
        session_fill_chain(&e->s->audit.log.chain, session_info_init_witness(b));
}

static void session_fill_methods(const struct policy_facet *f, bundle_entry_builder b)
{
        remote_method_list_builder l = bundle_entry_init_methods(b, f->n);

        for (unsigned i = 0; i < f->n; i++) {
                remote_method_builder m = remote_method_list_builder_get(l, i);

                remote_method_set_interface_id(m, f->v[i].id.interface_id);
                remote_method_set_ordinal(m, f->v[i].id.method);
                remote_method_set_name(m, f->v[i].name);
        }
}

static void session_fill_entry(const struct grant *g, bundle_entry_builder b)
{
        const struct policy_service *v = g->policy->service;

        bundle_entry_set_name(b, g->name);
        bundle_entry_set_interface_id(b, g->interface_id);
        bundle_entry_set_services(b, g->policy->services);
        bundle_entry_set_title(b, v ? v->title : "Session");
        bundle_entry_set_summary(b, v ? v->summary : "Who this session is, and until when.");
        bundle_entry_set_lease_expires_at_ms(b, entry_expires_ms(g));
        bundle_entry_set_local(b, !v);
        if (g->policy->narrow)
                session_fill_methods(g->policy->narrow, b);
        bundle_entry_set_ui(b, g->policy->ui);
}

void session_fill(const struct session *e, bound_builder b)
{
        bundle_entry_list_builder list;
        unsigned n = 0, at = 0;

        for (unsigned i = 0; i < e->ngrants; i++)
                n += !e->grants[i]->revoked;
        session_fill_info(e, bound_init_info(b));
        bound_set_audit_calls(b, e->profile->audit_calls);
        list = bound_init_bundle(b, n);
        for (unsigned i = 0; i < e->ngrants; i++)
                if (!e->grants[i]->revoked)
                        session_fill_entry(e->grants[i], bundle_entry_list_builder_get(list, at++));
}

/* ---- all of them ---------------------------------------------------------------------------- */

/* What is taken away may have been stolen, and whoever had it may have made a session by it that
 * its owner renewed; or have renewed the owner's. */
bool session_rests_on(const struct session *e, const char *credential)
{
        return !strcmp(e->credential, credential) || !strcmp(e->renewed, credential) ||
               !strcmp(e->raised, credential);
}

void sessions_end(struct sessiond *s, const char *account, const char *credential,
                  const char *reason)
{
        struct capnp_i_list *l = s->sessions.next;

        enrolments_end(s, account, credential, reason);
        while (l != &s->sessions) {
                struct session *e = CAPNP_I_OF(l, struct session, link);

                l = l->next;
                if (!strcmp(e->account, account) &&
                    (!credential || session_rests_on(e, credential)))
                        session_end(e, SESSION_REVOCATION, reason);
        }
}

void sessions_end_others(const struct session *e, const char *reason)
{
        struct sessiond *s = e->s;
        struct capnp_i_list *l = s->sessions.next;

        enrolments_end(s, e->account, NULL, reason);
        while (l != &s->sessions) {
                struct session *other = CAPNP_I_OF(l, struct session, link);

                l = l->next;
                if (other != e && !strcmp(other->account, e->account))
                        session_end(other, SESSION_REVOCATION, reason);
        }
}

struct session *sessions_find(struct sessiond *s, capnp_text id)
{
        for (struct capnp_i_list *l = s->sessions.next; l != &s->sessions; l = l->next) {
                struct session *e = CAPNP_I_OF(l, struct session, link);

                if (text_is(id, e->id))
                        return e;
        }
        return NULL;
}
