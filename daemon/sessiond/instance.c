/*
 * What services hold of the instance itself: `instance`, numbers and the audit log as it grows, and
 * `trace`, the calls of sessions.
 *
 * The session manager is the service, as of `admin`: it makes the socket for the grant of that
 * holder, by what the manifest says, and keeps the other end. There is nothing in a call that says
 * who asks. What comes in is read as an admission is.
 */
#include "instance.h"

#include <errno.h>
#include <stdlib.h>

#include "admin-status.h"
#include "clock.h"
#include "daemon-instance.h"
#include "grant.h"
#include "instance.capnp-c.h"
#include "live.h"
#include "session-names.h"
#include "sessiond.h"

/* One for each socket. */
struct view {
        struct sessiond *s;
        unsigned facets; /* enum instance_facet */
};

static int view_refuse(capnp_answer *a)
{
        return capos_i_deny(a, CAPOS_DENIED_METHOD, "another facet is granted");
}

static int serve_metrics(void *self, capnp_answer *a)
{
        const struct view *v = self;
        const struct sessiond *s = v->s;
        const struct {
                const char *name;
                uint64_t value;
        } all[] = {
                {"sessions", s->nsessions},
                {"workers", s->workers},
                {"descriptors", admin_descriptors(s)},
                {"records", s->live.written},
                {"refusals", s->live.refused},
                {"calls", s->live.last},
        };
        enum { N = sizeof(all) / sizeof(all[0]) };
        instance_metric_list_builder l;

        if (!(v->facets & INSTANCE_METRICS))
                return view_refuse(a);

        instance_view_metrics_results_set_at_ms(a, clock_wall_ms());
        l = instance_view_metrics_results_init_metrics(a, N);
        for (uint32_t i = 0; i < N; i++) {
                instance_metric_builder b = instance_metric_list_builder_get(l, i);

                instance_metric_set_name(b, all[i].name);
                instance_metric_set_value(b, all[i].value);
        }
        return capnp_answer_return(a);
}

static int serve_audit(void *self, capnp_answer *a)
{
        struct view *v = self;

        return v->facets & INSTANCE_AUDIT ? live_ask_records(&v->s->live, a) : view_refuse(a);
}

static int serve_recent(void *self, capnp_answer *a)
{
        struct view *v = self;

        return live_ask_calls(&v->s->live, a);
}

static void view_gone(void *self)
{
        free(self);
}

static const struct instance_view_ops view_ops = {
        .gone = view_gone, .metrics = serve_metrics, .audit = serve_audit};

static const struct call_trace_ops trace_ops = {.gone = view_gone, .recent = serve_recent};

static int view_new(struct sessiond *s, unsigned facets, capnp_cap **ret)
{
        struct view *v = malloc(sizeof(*v));
        int r;

        if (!v)
                return -ENOMEM;

        *v = (struct view){s, facets};
        r = facets & INSTANCE_CALLS ? call_trace_serve(s->vat, &trace_ops, v, ret)
                                    : instance_view_serve(s->vat, &view_ops, v, ret);
        if (r)
                free(v);
        return r;
}

int instance_open(struct sessiond *s, struct grant *g, int *ret_fd)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *root = NULL;
        unsigned facets = daemon_instance_facets(capnp_text_of(g->policy->name),
                                                 capnp_text_of(g->policy->facet));
        int r;

        if (grant_is_open(g))
                return CAPNP_E_LIMIT;

        grant_close(g); /* what is left in the last one */
        r = view_new(s, facets, &root);
        return r ? r : grant_serve(g, root, ret_fd);
}
