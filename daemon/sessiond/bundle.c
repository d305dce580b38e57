/*
 * What a session has, and what is done with it. Name, interface and lease are looked at again with
 * every call; what a worker reports is recorded as its word.
 */
#include "bundle.h"

#include <unistd.h>

#include "admin-remote.h"
#include "admin.capnp-c.h"
#include "admit.h"
#include "check.h"
#include "clock.h"
#include "follow.h"
#include "services.h"
#include "session.h"
#include "sessiond.h"
#include "user_session.capnp-c.h"

static const struct grant_end_ops end_ops = {0};

/* Says which methods a grant has. */
static void open_tell_methods(capnp_answer *a, const struct policy_facet *f)
{
        if (f)
                daemon_methods_write(&f->methods,
                                     admission_open_results_init_methods(a, f->methods.n));
}

/* Gives the worker its end. */
static int open_return(struct admission *ad, capnp_answer *a, int fd)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *end = NULL;

        if (grant_end_serve(ad->origin.s->vat, &end_ops, NULL, &end)) {
                close(fd);
                return capos_i_refuse_no_memory(a);
        }

        capnp_cap_set_fd(end, fd);
        admission_open_results_set_end(a, (grant_end_client){end});
        return audit_return(&ad->origin.s->audit, a);
}

static int open_deny(struct admission *ad, capnp_answer *a, const char *name, enum capos_denial d)
{
        admission_audit(ad, "open", capos_denial_code(d), name);
        return origin_deny(&ad->origin, a, d, NULL);
}

static int open_fail(struct admission *ad, capnp_answer *a, const char *name, int r)
{
        admission_audit(ad, "open", capnp_strerror(r), name);
        if (r == CAPNP_E_DISCONNECTED)
                return audit_fail(&ad->origin.s->audit, a, CAPNP_DISCONNECTED,
                                  "the service is not running");

        return origin_over_quota(&ad->origin, a, CAPOS_I_QUOTA_SOCKETS, "try again later");
}

int bundle_open(struct admission *ad, capnp_answer *a)
{
        capnp_text wanted = admission_open_param_name(a);
        const char *name = wanted.p; /* for the log; what counts is compared whole */
        uint64_t id = admission_open_param_interface_id(a);
        struct grant *g;
        int fd, r;

        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "the request cannot be read");

        g = session_grant(ad->session, wanted);
        if (!g)
                return open_deny(ad, a, name, CAPOS_DENIED_UNKNOWN_NAME);
        if (session_owes(ad->session, wanted)) {
                admission_audit(ad, "open", capos_denial_code(CAPOS_DENIED_REVOKED_LEASE), name);
                return origin_deny(&ad->origin, a, CAPOS_DENIED_REVOKED_LEASE, REVOKED_POLICY);
        }
        if (g->revoked) {
                admission_audit(ad, "open", capos_denial_code(CAPOS_DENIED_REVOKED_LEASE), name);
                return origin_deny(&ad->origin, a, CAPOS_DENIED_REVOKED_LEASE, g->why);
        }
        if (g->policy->service && !policy_may_grant(ad->session->profile, g->policy->service))
                return open_deny(ad, a, name, CAPOS_DENIED_PROFILE);
        if (g->interface_id != id)
                return open_deny(ad, a, name, CAPOS_DENIED_WRONG_INTERFACE);

        /* Nothing to hand over: the worker serves it itself, or has its socket already. */
        r = CAPNP_E_LIMIT;
        if (g->policy->service)
                r = g->policy->service->own
                            ? admin_open(g, &fd)
                            : service_open(service_of(ad->origin.s, g->policy->service), g, &fd);
        if (r && g->policy->narrow && !g->policy->narrow->methods.n)
                check_again(ad->origin.s, g->policy->service);
        if (r && r != CAPNP_E_LIMIT)
                return open_fail(ad, a, name, r);

        /* It may be asked for as often as somebody likes. */
        if (g->opened)
                session_audit_counted(ad->session, "open", "ok", name, NULL);
        else
                session_audit(ad->session, "open", "ok", name, NULL);
        g->opened = true;
        open_tell_methods(a, g->policy->narrow);
        return r ? audit_return(&ad->origin.s->audit, a) : open_return(ad, a, fd);
}

int bundle_schema(struct admission *ad, capnp_answer *a)
{
        uint64_t id = admission_schema_param_interface_id(a);
        struct session *e = ad->session;
        bool revoked = false;

        for (unsigned i = 0; i < e->ngrants; i++) {
                const struct grant *g = e->grants[i];
                const struct policy_service *v;

                if (g->interface_id != id)
                        continue;
                revoked |= g->revoked;
                if (g->revoked)
                        continue;
                v = g->policy->service;
                if (!v || v->own)
                        return service_describe_own(
                                v ? &admin_capnp_schema : &user_session_capnp_schema, a);
                return service_describe(service_of(ad->origin.s, v), a);
        }
        return origin_deny(&ad->origin, a,
                           revoked ? CAPOS_DENIED_REVOKED_LEASE : CAPOS_DENIED_UNKNOWN_NAME, NULL);
}

/* Whether one more report may be recorded: many at once, for a session that is begun or ended, and
 * for a long one as many more as a bundle with panes may need. */
static bool report_take(struct admission *ad)
{
        uint64_t now = clock_boot_ms(),
                 back = ad->reports ? (now - ad->reports_at_ms) / ADMISSION_REPORT_MS : 0;

        ad->reports_at_ms = ad->reports ? ad->reports_at_ms + back * ADMISSION_REPORT_MS : now;
        ad->reports = ad->reports > back ? ad->reports - (unsigned)back : 0;
        if (ad->reports >= ADMISSION_REPORTS)
                return false;

        ad->reports++;
        return true;
}

static const char *said(capnp_text t)
{
        return t.len ? t.p : NULL;
}

/* What was decided, in a session of somebody, has a record of its own, as long as the disk has room
 * for more than the ends of what has begun. All else is counted. */
int bundle_report(struct admission *ad, capnp_answer *a)
{
        struct audit *log = &ad->origin.s->audit;
        bool has_room = report_take(ad);
        const char *event = has_room ? admission_report_param_event(a).p
                                     : capos_i_quota_code(CAPOS_I_QUOTA_REPORTS);
        struct capos_audit_record r = origin_record(&ad->origin, "report", event);

        r.capability = has_room ? said(admission_report_param_capability(a)) : NULL;
        r.detail = has_room ? said(admission_report_param_detail(a)) : NULL;
        r.session = ad->session ? ad->session->id : NULL;
        r.account = ad->session && ad->session->account[0] ? ad->session->account : NULL;
        r.reporter = has_room ? "worker" : NULL; /* that there is none is our word */
        r.times = admission_report_param_times(a);
        if (has_room && r.account && admission_report_param_decided(a) &&
            audit_log_has_room(&log->log))
                audit_add(log, r);
        else
                audit_add_counted(log, r);
        return has_room ? capnp_answer_return(a)
                        : origin_over_quota(&ad->origin, a, CAPOS_I_QUOTA_REPORTS, NULL);
}
