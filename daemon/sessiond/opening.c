/*
 * A grant's socket, on its way to the service.
 *
 * The service is handed its end of it, with who is calling: a session, or another service. A
 * service may be slow, or stopped. So what it is asked has a deadline, and what waits for it is
 * bounded, for each grant and in all: a socket that was sent to it is a descriptor of ours until it
 * has taken it.
 */
#include "services.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "caller.h"
#include "grant.h"
#include "service_control.capnp-c.h"
#include "sessiond.h"

/* ServiceEnd has no methods: it is only there to carry a socket. */
static const struct service_end_ops end_ops = {0};

static void opening_free(struct opening *o)
{
        capnp_i_list_remove(&o->link);
        capnp_i_list_remove(&o->of_grant);
        o->v->nopenings--;
        capnp_question_free(o->q);
        capnp_timer_free(o->deadline);
        free(o);
}

void openings_end(struct service *v)
{
        while (!capnp_i_list_empty(&v->openings))
                opening_free(CAPNP_I_OF(v->openings.next, struct opening, link));
}

/* It is about the socket that the grant has now, if there still is a grant. */
static bool opening_is_current(const struct opening *o)
{
        return !capnp_i_list_empty(&o->of_grant) && o->socket == o->g->socket;
}

/* The service does not have the socket, and will not. */
static void opening_failed(struct opening *o, const char *why)
{
        if (daemon_log_may(&o->v->refused, capos_io_now_ms()))
                daemon_log(LOG_WARNING, "service %s refuses a caller: %s", o->v->policy->name,
                           daemon_log_text(why, strlen(why)).s);
        grant_close(o->g);
}

static void service_on_opened(capnp_question *q, int r, void *arg)
{
        struct opening *o = arg;

        if (r && opening_is_current(o))
                opening_failed(o, capnp_question_exception(q).reason);
        opening_free(o);
}

/* It counts as long as the service has not taken it, but nobody waits for it any more. */
static void opening_on_deadline(void *arg)
{
        struct opening *o = arg;

        o->deadline = NULL;
        if (opening_is_current(o))
                opening_failed(o, "it does not answer");
}

static struct opening *opening_new(struct service *v, struct grant *g)
{
        struct opening *o = calloc(1, sizeof(*o));

        if (!o)
                return NULL;

        *o = (struct opening){.v = v, .g = g, .socket = g->socket};
        capnp_i_list_init(&o->link);
        capnp_i_list_init(&o->of_grant);
        capnp_i_list_append(&v->openings, &o->link);
        capnp_i_list_append(&g->openings, &o->of_grant);
        v->nopenings++;
        o->q = service_control_open((service_control_client){v->control});
        if (!o->q || capnp_timer_new(v->s->vat, SERVICE_MS, opening_on_deadline, o, &o->deadline)) {
                opening_free(o);
                return NULL;
        }
        return o;
}

/* Hands a service its end of a grant's socket, which is taken. 0, or -ENOMEM. */
static int service_send(struct service *v, struct grant *g, int fd)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *end = NULL;
        const struct policy_facet *narrow = g->policy->narrow;
        struct opening *o;
        int r = service_end_serve(v->s->vat, &end_ops, NULL, &end);

        if (r) {
                close(fd);
                return r;
        }

        capnp_cap_set_fd(end, fd);
        o = opening_new(v, g);
        if (!o)
                return -ENOMEM;

        caller_fill(v, g, service_control_open_init_context(o->q));
        service_control_open_set_facet(o->q, g->policy->facet);
        service_control_open_set_end(o->q, (service_end_client){end});
        if (narrow)
                daemon_methods_write(&narrow->methods,
                                     service_control_open_init_methods(o->q, narrow->methods.n));
        capnp_question_send(o->q, service_on_opened, o);
        return 0;
}

/* Asks for its object again, when it could not give it. */
static void service_renew(struct service *v)
{
        capnp_cap *control;

        if (!v->control || !capnp_cap_is_broken(v->control, NULL) ||
            capnp_rpc_bootstrap(capnp_conn_rpc(v->conn), &control))
                return;

        capnp_cap_unref(v->control);
        v->control = control;
}

/* 0; CAPNP_E_DISCONNECTED: it is not there, or which methods the grant has is not known yet;
 * -EBUSY: what was sent waits. */
static int service_is_ready(struct service *v, const struct grant *g)
{
        unsigned n = 0;

        service_renew(v);

        if (!v->control || (g->policy->narrow && !g->policy->narrow->methods.n))
                return CAPNP_E_DISCONNECTED;

        for (const struct capnp_i_list *l = g->openings.next; l != &g->openings; l = l->next)
                n++;
        return v->nopenings >= SERVICE_OPENINGS || n >= GRANT_OPENINGS ? -EBUSY : 0;
}

struct service *service_of(struct sessiond *s, const struct policy_service *p)
{
        return s->services[p - s->policy.services];
}

bool service_is_present(const struct service *v)
{
        for (unsigned i = 0; i < v->s->policy.nservices; i++)
                if (v->s->services[i] == v)
                        return true;
        return false;
}

int service_open(struct service *v, struct grant *g, int *ret_fd)
{
        int ends[2], r;

        if (grant_is_open(g))
                return CAPNP_E_LIMIT;

        grant_close(g); /* what is left in the last one */
        r = service_is_ready(v, g);
        if (!r)
                r = grant_make(g, &ends[0], &ends[1]);
        if (r)
                return r;

        r = service_send(v, g, ends[1]);
        if (r) {
                grant_close(g);
                close(ends[0]);
                return r;
        }

        capnp_i_list_append(&v->grants, &g->of_service);
        *ret_fd = ends[0];
        return 0;
}
