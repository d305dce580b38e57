/*
 * Admission: what one worker may ask, and when.
 *
 * A worker reads whatever a client sends, so it is taken for hijacked. Its connection takes
 * messages of few segments and 64 KiB and no descriptors; a capability in any message ends it. Each
 * call is legal in some states only, by one table; an illegal one is refused and recorded, and a
 * few of them end the worker. What it reports is recorded as the worker's word.
 *
 * The worker is bound to a session once: FRESH, BOUND, ENDED, never back. What it has to know at
 * once (the session is over, a capability is gone) waits for its `watch`; when it does not ask, or
 * does not ask again, within a second, caposd is told to kill it. Nothing but its own comfort
 * depends on that: the sockets behind its capabilities have been shut before.
 */
#include "admit.h"

#include <errno.h>
#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon-log.h"
#include "daemon-text.h"
#include "links.h"
#include "places.h"
#include "services.h"
#include "session.h"
#include "sessiond.h"
#include "vat-internal.h"

enum { RPC_CALL = 2, RPC_RETURN = 3, RPC_RESOLVE = 5, MESSAGE_BYTES = 64 * 1024, SEGMENTS = 8 };

enum { ANY = ADMISSION_FRESH | ADMISSION_BOUND | ADMISSION_ENDED };

/* By ordinal. states: where it is legal. In ENDED, what is not legal is stale, not a crime: the end
 * and the call may have crossed. begins: it needs records, and is refused when there can be none.
 */
static const struct {
        const char *name;
        unsigned states;
        bool begins;
} calls[] = {
        {"methods", ANY, false},
        {"start", ADMISSION_FRESH | ADMISSION_BOUND, true},
        {"next", ADMISSION_FRESH | ADMISSION_BOUND, true},
        {"cancel", ANY, false},
        {"enter", ADMISSION_FRESH | ADMISSION_BOUND, true},
        {"open", ADMISSION_BOUND, true},
        {"schema", ADMISSION_BOUND, false},
        {"renew", ADMISSION_BOUND, true},
        {"logout", ADMISSION_BOUND, false},
        {"watch", ANY, false},
        {"report", ADMISSION_BOUND | ADMISSION_ENDED, false},
};

enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

/* One row a method: a handler of a new one is a new member here, which makes this fail. */
_Static_assert(sizeof(struct admission_ops) ==
                       offsetof(struct admission_ops, methods) + CALLS * sizeof(void (*)(void)),
               "the table has a row for each method of schema/admission.capnp");

/* ---- records and refusals ------------------------------------------------------------------- */

const char *admission_transport(const struct admission *ad)
{
        static const char *const names[] = {
                [TRANSPORT_PLAIN] = "plain", [TRANSPORT_TLS] = "tls", [TRANSPORT_UNIX] = "unix"};

        return names[ad->transport];
}

struct capos_audit_record admission_record(const struct admission *ad, const char *what,
                                           const char *outcome)
{
        return (struct capos_audit_record){
                .what = what,
                .outcome = outcome,
                .event = ad->event,
                .source = ad->address,
                .transport = admission_transport(ad),
                .binding = "none",
        };
}

int admission_deny(struct admission *ad, capnp_answer *a, enum capos_denial d, const char *detail)
{
        char text[CAPOS_REFUSAL_BYTES];

        return audit_fail(&ad->s->audit, a, CAPNP_FAILED, "%s",
                          capos_i_refusal(text, capos_denial_code(d), detail));
}

int admission_over_quota(struct admission *ad, capnp_answer *a, const char *quota,
                         const char *detail)
{
        char text[CAPOS_REFUSAL_BYTES];

        return audit_fail(&ad->s->audit, a, CAPNP_OVERLOADED, "%s",
                          capos_i_refusal(text, quota, detail));
}

void admission_claim(struct admission *ad, login_source_metadata_reader r)
{
        snprintf(ad->claim, sizeof(ad->claim), "%.48s / %.48s / %.48s",
                 login_source_metadata_client(r).p, login_source_metadata_host(r).p,
                 login_source_metadata_note(r).p);
        if (!strcmp(ad->claim, " /  / "))
                ad->claim[0] = 0;
}

static void admission_audit(struct admission *ad, const char *what, const char *outcome,
                            const char *capability)
{
        struct capos_audit_record r = admission_record(ad, what, outcome);

        r.session = ad->session ? ad->session->id : NULL;
        r.account = ad->session && ad->session->account[0] ? ad->session->account : NULL;
        r.capability = capability;
        audit_add_counted(&ad->s->audit, r);
}

/* The worker must go: it has broken the rules, or does not answer. */
static void admission_kill(struct admission *ad, const char *why)
{
        if (ad->killed)
                return;

        daemon_log(LOG_WARNING, "the worker of event %llu is killed: %s",
                   (unsigned long long)ad->event, why);
        admission_audit(ad, "kill", why, NULL);
        ad->killed = true;
        link_kill(ad->s, ad->event);
        if (ad->session)
                session_end(ad->session, "disconnect", "the worker was killed");
        capnp_conn_close(ad->conn, (capnp_exception){CAPNP_FAILED, why});
}

void admission_refused(struct admission *ad)
{
        if (ad->state == ADMISSION_FRESH && ++ad->refusals == ADMISSION_REFUSALS)
                admission_kill(ad, "too many refused attempts");
}

static bool admission_refuses_illegal(struct admission *ad, capnp_answer *a, const char *name)
{
        daemon_log(LOG_WARNING, "event %llu: an illegal call of %s", (unsigned long long)ad->event,
                   name);
        admission_audit(ad, "illegal", name, NULL);
        (void)audit_fail(&ad->s->audit, a, CAPNP_FAILED, "%s is illegal now", name);
        if (++ad->illegal == ADMISSION_ILLEGAL)
                admission_kill(ad, "too many illegal calls");
        return true;
}

/* What cannot be recorded must not begin. */
static bool admission_refuses_full(struct admission *ad, capnp_answer *a)
{
        if (audit_has_room(&ad->s->audit))
                return false;

        (void)capnp_answer_fail(a, CAPNP_OVERLOADED,
                                "over-quota.disk: nothing more can be recorded: try again later");
        return true;
}

/* Whether a call is refused here; then a is taken. The first thing in every handler. */
static bool admission_refuses(struct admission *ad, capnp_answer *a)
{
        uint16_t method = capnp_answer_method(a);

        if (ad->hostile || ad->killed || ad->closed) {
                (void)capnp_answer_fail(a, CAPNP_FAILED, "no capabilities are accepted here");
                if (!ad->closed)
                        admission_kill(ad, "a capability in a message");
                return true;
        }
        if (method >= CALLS)
                return admission_refuses_illegal(ad, a, "a method that is not there");
        if (calls[method].states & ad->state)
                return calls[method].begins && admission_refuses_full(ad, a);
        if (ad->state != ADMISSION_ENDED)
                return admission_refuses_illegal(ad, a, calls[method].name);

        (void)admission_deny(ad, a, CAPOS_DENIED_STALE_SESSION, ad->ended_reason);
        return true;
}

/*
 * Sees each frame before it is handled. A worker calls with data alone: whatever it offers, in a
 * call or as an answer, is not taken.
 */
static void admission_on_frame(void *arg, bool in, capnp_msg *m)
{
        struct admission *ad = arg;
        capnp_reader root, body, payload;
        uint16_t what;

        if (!in)
                return;

        root = capnp_any_struct(capnp_msg_root(m), NULL);
        what = capnp_reader_u16(root, 0, 0);
        body = capnp_any_struct(capnp_reader_any(root, 0), NULL);
        if (what == RPC_RESOLVE)
                ad->hostile = true;
        if (what != RPC_CALL && what != RPC_RETURN)
                return;

        payload = capnp_any_struct(capnp_reader_any(body, what == RPC_CALL ? 1 : 0), NULL);
        if (capnp_any_list(capnp_reader_any(payload, 1), CAPNP_SIZE_COMPOSITE, NULL).len)
                ad->hostile = true;
}

/* ---- notices -------------------------------------------------------------------------------- */

static void admission_on_no_ack(void *arg)
{
        struct admission *ad = arg;

        ad->ack = NULL;
        admission_kill(ad, "a notice was not acknowledged");
}

/* Whoever calls this goes on with the session: without memory to wait with, the worker is killed,
 * and all else happens when its connection closes. */
static void admission_expect_ack(struct admission *ad)
{
        if (ad->ack ||
            !capnp_timer_new(ad->s->vat, ADMISSION_ACK_MS, admission_on_no_ack, ad, &ad->ack))
                return;

        ad->killed = true;
        admission_audit(ad, "kill", "no memory", NULL);
        link_kill(ad->s, ad->event);
}

/* The next revoked grant the worker has not been told of. */
static struct grant *admission_revoked(struct admission *ad)
{
        struct session *e = ad->session;

        for (unsigned i = 0; e && i < e->ngrants; i++)
                if (e->grants[i].notice)
                        return &e->grants[i];

        return NULL;
}

static bool admission_has_notice(struct admission *ad)
{
        return ad->ended_notice || admission_revoked(ad);
}

static void admission_deliver(struct admission *ad)
{
        capnp_answer *a = ad->watcher;
        struct grant *g = admission_revoked(ad);

        ad->watcher = NULL;
        if (ad->ended_notice) {
                notice_set_ended(admission_watch_results_init_notice(a), ad->ended_reason);
                ad->ended_notice = false;
        } else {
                notice_set_revoked(admission_watch_results_init_notice(a), g->policy->name);
                g->notice = false;
        }
        (void)capnp_answer_return(a);
}

void admission_notify(struct admission *ad)
{
        if (ad->closed || ad->killed)
                return;
        if (ad->watcher) {
                admission_deliver(ad);
                /* On its way before a service's socket ends, or open calls would say only that. */
                (void)!capnp_i_stream_write(ad->conn);
        }
        admission_expect_ack(ad);
}

static void admission_on_watch_cancel(capnp_answer *a, void *arg)
{
        struct admission *ad = arg;

        if (ad->watcher == a)
                ad->watcher = NULL;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static int admission_watch_call(void *self, capnp_answer *a)
{
        struct admission *ad = self;

        if (admission_refuses(ad, a))
                return 0;
        if (ad->watcher) {
                (void)admission_refuses_illegal(ad, a, "watch");
                return 0;
        }

        /* Asking acknowledges what was delivered before. */
        ad->ack = capnp_timer_free(ad->ack);
        ad->watcher = a;
        (void)capnp_answer_keep(a, admission_on_watch_cancel, ad);
        if (admission_has_notice(ad))
                admission_notify(ad);
        return 0;
}

/* ---- binding and its end -------------------------------------------------------------------- */

static void admission_on_deadline(void *arg)
{
        struct admission *ad = arg;

        ad->deadline = NULL;
        admission_audit(ad, "timeout", ad->state == ADMISSION_FRESH ? "no session" : "lingering",
                        NULL);
        admission_kill(ad, "too late");
}

static void admission_set_deadline(struct admission *ad, uint64_t ms)
{
        ad->deadline = capnp_timer_free(ad->deadline);
        if (ms && capnp_timer_new(ad->s->vat, ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms,
                                  admission_on_deadline, ad, &ad->deadline))
                admission_kill(ad, "no memory");
}

/* Which place the connection takes at the gateway. */
static void admission_tell_gateway(const struct admission *ad)
{
        struct packet p = {.type = PACKET_UNBOUND, .event = ad->event};

        if (ad->state == ADMISSION_BOUND) {
                p.type = PACKET_BOUND;
                p.conn_class = session_class(ad->session->account, ad->session->kind);
        }
        link_send_gate(ad->s, &p, NULL);
}

void admissions_tell_gateway(struct sessiond *s)
{
        for (struct capnp_i_list *l = s->admissions.next; l != &s->admissions; l = l->next) {
                struct admission *ad = CAPNP_I_OF(l, struct admission, link);

                if (!ad->closed && ad->state != ADMISSION_FRESH)
                        admission_tell_gateway(ad);
        }
}

void admission_bind(struct admission *ad, struct session *e)
{
        ad->state = ADMISSION_BOUND;
        ad->session = e;
        admission_set_deadline(ad, 0);
        admission_tell_gateway(ad);
}

void admission_ended(struct admission *ad, const char *reason)
{
        ad->state = ADMISSION_ENDED;
        admission_tell_gateway(ad);
        snprintf(ad->ended_reason, sizeof(ad->ended_reason), "%s", reason);
        if (ad->closed || ad->killed)
                return;

        flows_end(ad);
        admission_set_deadline(ad, ADMISSION_LINGER_MS);
        if (strcmp(reason, "logout") != 0) {
                ad->ended_notice = true;
                admission_notify(ad);
        }
}

/* ---- the calls ------------------------------------------------------------------------------ */

static void method_hints(const struct policy *p, unsigned kind, remote_auth_method_builder b)
{
        const struct policy_entry *e = kind == CAPOS_AUTH_GUEST ? &p->guest : &p->anonymous;
        capnp_lbuilder list;
        unsigned n = 0, at = 0;

        if (kind == CAPOS_AUTH_GUEST || kind == CAPOS_AUTH_ANONYMOUS) {
                list = remote_auth_method_init_profile_hints(b, 1);
                remote_auth_method_set_profile_hints_at(list, 0, e->profile->name);
                return;
        }

        for (unsigned i = 0; i < p->nprofiles; i++)
                n += p->profiles[i].accounts;
        list = remote_auth_method_init_profile_hints(b, n);
        for (unsigned i = 0; i < p->nprofiles; i++)
                if (p->profiles[i].accounts)
                        remote_auth_method_set_profile_hints_at(list, at++, p->profiles[i].name);
}

/* Why a kind is disabled; NULL: it is enabled. */
static const char *method_reason(const struct policy *p, unsigned kind)
{
        static const char off[] = "switched off by this instance's manifest";

        switch (kind) {
        case CAPOS_AUTH_PASSWORD:
                return p->password ? NULL : off;
        case CAPOS_AUTH_PUBLIC_KEY:
                return p->public_key ? NULL : off;
        case CAPOS_AUTH_GUEST:
                return p->guest.profile ? NULL : off;
        case CAPOS_AUTH_ANONYMOUS:
                return p->anonymous.profile ? NULL : off;
        default:
                return "not in this version";
        }
}

static int admission_methods_call(void *self, capnp_answer *a)
{
        struct admission *ad = self;
        const struct policy *p = &ad->s->policy;
        remote_auth_method_list_builder list;

        if (admission_refuses(ad, a))
                return 0;

        list = admission_methods_results_init_methods(a, CAPOS_AUTH_KINDS);
        for (unsigned i = 0; i < CAPOS_AUTH_KINDS; i++) {
                remote_auth_method_builder b = remote_auth_method_list_builder_get(list, i);
                const char *reason = method_reason(p, i);

                remote_auth_method_set_kind(b, (enum remote_auth_kind)i);
                remote_auth_method_set_label(b, capos_auth_label((enum capos_auth)i));
                remote_auth_method_set_interactive(b, i <= CAPOS_AUTH_PASSKEY &&
                                                              i != CAPOS_AUTH_PUBLIC_KEY);
                remote_auth_method_set_state(b, reason ? REMOTE_AUTH_STATE_DISABLED
                                                       : REMOTE_AUTH_STATE_ENABLED);
                remote_auth_method_set_reason(b, reason ? reason : "");
                if (!reason)
                        method_hints(p, i, b);
        }
        return capnp_answer_return(a);
}

static int admission_start_call(void *self, capnp_answer *a)
{
        return admission_refuses(self, a) ? 0 : flow_start(self, a);
}

static int admission_next_call(void *self, capnp_answer *a)
{
        return admission_refuses(self, a) ? 0 : flow_next(self, a);
}

static int admission_cancel_call(void *self, capnp_answer *a)
{
        return admission_refuses(self, a) ? 0 : flow_cancel(self, a);
}

static int admission_renew_call(void *self, capnp_answer *a)
{
        return admission_refuses(self, a) ? 0 : flow_renew(self, a);
}

static void enter_audit(struct admission *ad, unsigned kind, const char *outcome)
{
        struct capos_audit_record r = admission_record(ad, "attempt", outcome);

        r.kind = capos_auth_name((enum capos_auth)kind);
        r.claim = ad->claim[0] ? ad->claim : NULL;
        audit_add_counted(&ad->s->audit, r);
}

static int enter_deny(struct admission *ad, capnp_answer *a, unsigned kind, enum capos_denial d)
{
        enter_audit(ad, kind, capos_denial_code(d));
        return admission_deny(ad, a, d, NULL);
}

static int admission_enter_call(void *self, capnp_answer *a)
{
        struct admission *ad = self;
        unsigned kind = admission_enter_param_kind(a);
        const struct policy *p = &ad->s->policy;
        const struct policy_entry *e = kind == CAPOS_AUTH_GUEST ? &p->guest : &p->anonymous;
        capnp_text wanted = admission_enter_param_requested_profile(a);
        struct session_who who = {.account = "", .credential = "", .profile = e->profile};
        struct session *session;

        if (admission_refuses(ad, a))
                return 0;
        admission_claim(ad, admission_enter_param_source(a));
        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "the request cannot be read");
        if (ad->state != ADMISSION_FRESH)
                return enter_deny(ad, a, kind, CAPOS_DENIED_ALREADY_BOUND);
        if ((kind != CAPOS_AUTH_GUEST && kind != CAPOS_AUTH_ANONYMOUS) || !e->profile)
                return enter_deny(ad, a, kind, CAPOS_DENIED_METHOD_DISABLED);
        if (wanted.len && !text_is(wanted, e->profile->name))
                return enter_deny(ad, a, kind, CAPOS_DENIED_PROFILE);

        who.kind = (enum capos_auth)kind;
        if (places_take(ad, &who) || session_new(ad, &who, &session)) {
                enter_audit(ad, kind, "over-quota.sessions");
                return admission_over_quota(ad, a, "over-quota.sessions", places_why(ad, &who));
        }

        enter_audit(ad, kind, "ok");
        admission_bind(ad, session);
        session_fill(session, admission_enter_results_init_bound(a));
        return audit_return(&ad->s->audit, a);
}

static const struct grant_end_ops end_ops = {0};

/* Gives the worker its end. */
static int open_return(struct admission *ad, capnp_answer *a, int fd)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *end = NULL;

        if (grant_end_serve(ad->s->vat, &end_ops, NULL, &end)) {
                close(fd);
                return capos_i_refuse_no_memory(a);
        }

        capnp_cap_set_fd(end, fd);
        admission_open_results_set_end(a, (grant_end_client){end});
        return audit_return(&ad->s->audit, a);
}

static int open_deny(struct admission *ad, capnp_answer *a, const char *name, enum capos_denial d)
{
        admission_audit(ad, "open", capos_denial_code(d), name);
        return admission_deny(ad, a, d, NULL);
}

static int open_fail(struct admission *ad, capnp_answer *a, const char *name, int r)
{
        admission_audit(ad, "open", capnp_strerror(r), name);
        if (r == CAPNP_E_DISCONNECTED)
                return audit_fail(&ad->s->audit, a, CAPNP_DISCONNECTED,
                                  "the service is not running");

        return admission_over_quota(ad, a, "over-quota.sockets", "try again later");
}

static uint64_t grant_interface(const struct grant *g)
{
        return g->policy->service ? g->policy->service->interface_id : USER_SESSION_ID;
}

static int admission_open_call(void *self, capnp_answer *a)
{
        struct admission *ad = self;
        capnp_text wanted = admission_open_param_name(a);
        const char *name = wanted.p; /* for the log; what counts is compared whole */
        uint64_t id = admission_open_param_interface_id(a);
        struct grant *g;
        int fd, r;

        if (admission_refuses(ad, a))
                return 0;
        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "the request cannot be read");

        g = session_grant(ad->session, wanted);
        if (!g)
                return open_deny(ad, a, name, CAPOS_DENIED_UNKNOWN_NAME);
        if (g->revoked)
                return open_deny(ad, a, name, CAPOS_DENIED_REVOKED_LEASE);
        if (grant_interface(g) != id)
                return open_deny(ad, a, name, CAPOS_DENIED_WRONG_INTERFACE);

        /* Nothing to hand over: the worker serves it itself, or has its socket already. */
        r = g->policy->service ? grant_open(g, &fd) : CAPNP_E_LIMIT;
        if (r && r != CAPNP_E_LIMIT)
                return open_fail(ad, a, name, r);

        session_audit(ad->session, "open", "ok", name, NULL);
        return r ? audit_return(&ad->s->audit, a) : open_return(ad, a, fd);
}

static int admission_schema_call(void *self, capnp_answer *a)
{
        struct admission *ad = self;
        uint64_t id = admission_schema_param_interface_id(a);
        struct session *e = ad->session;
        bool revoked = false;

        if (admission_refuses(ad, a))
                return 0;

        for (unsigned i = 0; i < e->ngrants; i++) {
                const struct policy_service *v = e->grants[i].policy->service;

                if (grant_interface(&e->grants[i]) != id)
                        continue;
                revoked |= e->grants[i].revoked;
                if (e->grants[i].revoked)
                        continue;
                if (!v)
                        return service_describe_session(ad->s, a);
                return service_describe(&ad->s->services[v - ad->s->policy.services], a);
        }
        return admission_deny(
                ad, a, revoked ? CAPOS_DENIED_REVOKED_LEASE : CAPOS_DENIED_UNKNOWN_NAME, NULL);
}

static int admission_logout_call(void *self, capnp_answer *a)
{
        struct admission *ad = self;

        if (admission_refuses(ad, a))
                return 0;

        /* The record is written; nobody who logs out need wait for the disk. */
        session_end(ad->session, "logout", "logout");
        return capnp_answer_return(a);
}

static int admission_report_call(void *self, capnp_answer *a)
{
        struct admission *ad = self;
        struct capos_audit_record r = admission_record(ad, "report", NULL);

        if (admission_refuses(ad, a))
                return 0;
        if (ad->reports++ >= ADMISSION_REPORTS)
                return admission_over_quota(ad, a, "over-quota.reports", NULL);

        r.outcome = admission_report_param_event(a).p;
        r.detail = admission_report_param_detail(a).p;
        r.session = ad->session ? ad->session->id : NULL;
        r.account = ad->session && ad->session->account[0] ? ad->session->account : NULL;
        r.reporter = "worker";
        audit_add_counted(&ad->s->audit, r);
        return capnp_answer_return(a);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void admission_free(struct admission *ad)
{
        if (!ad->closed || !ad->gone)
                return;

        if (!capnp_i_list_empty(&ad->link)) {
                ad->s->nadmissions--;
                arrivals_go_on(ad->s);
        }
        capnp_i_list_remove(&ad->link);
        sodium_memzero(ad, sizeof(*ad));
        free(ad);
}

/* The connection is over, and so is all that hangs on it. */
static void admission_close(struct admission *ad, const char *reason)
{
        capnp_answer *watcher = ad->watcher;

        ad->closed = true;
        ad->watcher = NULL;
        if (watcher)
                (void)capnp_answer_fail(watcher, CAPNP_DISCONNECTED, "over");
        ad->deadline = capnp_timer_free(ad->deadline);
        flows_end(ad);
        if (ad->session)
                session_end(ad->session, "disconnect", reason);
        ad->ack = capnp_timer_free(ad->ack);
        ad->conn = capnp_conn_unref(ad->conn);
}

static void admission_on_close(capnp_conn *c, void *arg)
{
        static const char peer_closed[] = "the peer closed the connection";
        struct admission *ad = arg;
        capnp_exception why = {CAPNP_DISCONNECTED, ""};

        if (!ad->killed && capnp_rpc_is_closed(capnp_conn_rpc(c), &why)) {
                /* It broke the rules. One that was reset or cut short did not: clients do that. */
                if (why.kind != CAPNP_DISCONNECTED)
                        admission_audit(ad, "illegal", why.reason, NULL);
                /* A worker that goes closes its socket. One that is cut off may be alive. */
                if (strcmp(why.reason, peer_closed) != 0)
                        link_kill(ad->s, ad->event);
        }
        admission_close(ad, "the connection is gone");
        admission_free(ad);
}

static void admission_on_gone(void *self)
{
        struct admission *ad = self;

        ad->gone = true;
        admission_free(ad);
}

static const struct admission_ops admission_operations = {
        .gone = admission_on_gone,
        .methods = admission_methods_call,
        .start = admission_start_call,
        .next = admission_next_call,
        .cancel = admission_cancel_call,
        .enter = admission_enter_call,
        .open = admission_open_call,
        .schema = admission_schema_call,
        .renew = admission_renew_call,
        .logout = admission_logout_call,
        .watch = admission_watch_call,
        .report = admission_report_call,
};

/* Where the peer is, as text, and whom it counts for. */
static void admission_set_address(struct admission *ad, const struct packet *p)
{
        bool here = p->source.kind == SOURCE_UID;

        ad->from = p->source;
        ad->transport = p->transport <= TRANSPORT_UNIX ? p->transport : TRANSPORT_PLAIN;
        snprintf(ad->address, sizeof(ad->address), "%.*s", (int)sizeof(ad->address) - 1,
                 p->address);
        source_print(&p->source, ad->source);
        ad->shared = here || p->source.kind == SOURCE_NONE || !strncmp(ad->source, "127.", 4) ||
                     !strcmp(ad->source, "::1");
        snprintf(ad->party, sizeof(ad->party), "%s", ad->shared && !here ? "here" : ad->source);
        if (here)
                ad->party[strcspn(ad->party, "@")] = '\0';
}

struct turns_path admission_path(const struct admission *ad)
{
        struct turns_path p = {0};

        /* Up to their ends: keys are compared with what is behind. */
        memcpy(p.key[0], ad->party, strlen(ad->party));
        memcpy(p.key[1], ad->source, strlen(ad->source));
        memcpy(p.key[2], &ad->event, sizeof(ad->event));
        return p;
}

/* Serves Admission on our end of a socket, which is taken. */
static int admission_serve_on(struct admission *ad, int fd)
{
        const struct capnp_limits limits = {
                .message_bytes = MESSAGE_BYTES,
                .segments = SEGMENTS,
                .answers = 64,
                .refs = 128,
                .held_bytes = (uint64_t)4 * MESSAGE_BYTES,
                .fds = 1,
                /* What comes in is read without a control buffer. */
                .fds_out_only = true,
                .wipe = true,
        };
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *root = NULL;
        int r = admission_serve(ad->s->vat, &admission_operations, ad, &root);

        if (r) {
                close(fd);
                ad->gone = true;
                return r;
        }

        r = capnp_conn_new(ad->s->vat, fd, &limits, root, &ad->conn);
        if (r)
                return r;

        capnp_rpc_set_trace(capnp_conn_rpc(ad->conn), admission_on_frame, ad);
        capnp_conn_on_close(ad->conn, admission_on_close, ad);
        admission_set_deadline(ad, ad->s->policy.admission_ms);
        return 0;
}

int admission_new(struct sessiond *s, const struct packet *event)
{
        struct admission *ad;
        int ends[2], r;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends))
                return -errno;

        ad = calloc(1, sizeof(*ad));
        if (!ad) {
                close(ends[0]);
                close(ends[1]);
                return -ENOMEM;
        }

        ad->s = s;
        ad->event = event->event;
        ad->state = ADMISSION_FRESH;
        admission_set_address(ad, event);
        capnp_i_list_init(&ad->link);
        r = admission_serve_on(ad, ends[0]);
        if (r) {
                close(ends[1]);
                ad->closed = true;
                admission_free(ad);
                return r;
        }

        capnp_i_list_append(&s->admissions, &ad->link);
        s->nadmissions++;
        link_send_gate(s, &(struct packet){.type = PACKET_ADMISSION, .event = ad->event}, &ends[1]);
        return 0;
}

void admissions_end(struct sessiond *s)
{
        for (struct capnp_i_list *l = s->admissions.next; l != &s->admissions; l = l->next) {
                struct admission *ad = CAPNP_I_OF(l, struct admission, link);

                if (ad->closed)
                        continue;
                capnp_conn_on_close(ad->conn, NULL, NULL);
                capnp_conn_close(ad->conn, (capnp_exception){CAPNP_DISCONNECTED, "shutting down"});
                admission_close(ad, "the instance is shutting down");
        }
}
