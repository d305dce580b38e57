/*
 * Control connections.
 *
 * A service is started by caposd, which hands us a socket to it. On that socket the service is the
 * server: we tell it of each new caller, with the caller's socket attached, and ask it once what
 * interface it has (describe.c). It may ask us who a caller is, and for what it holds of other
 * services (host.c). A service that goes takes its callers' sockets with it, and those that it has
 * to others: we hold duplicates of the services' ends, so nobody would notice before we shut them.
 */
#include "services.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "grant.h"
#include "host.h"
#include "links.h"
#include "service_control.capnp-c.h"
#include "sessiond.h"

/* Whatever it has of others, or others of it. */
static void service_stop(struct service *v)
{
        for (struct capnp_i_list *l = v->held.next; l != &v->held; l = l->next)
                grant_close(CAPNP_I_OF(l, struct grant, of_holder));
        while (!capnp_i_list_empty(&v->grants))
                grant_close(CAPNP_I_OF(v->grants.next, struct grant, of_service));
        v->control = capnp_cap_unref(v->control);
        if (v->conn) {
                capnp_conn_on_close(v->conn, NULL, NULL);
                capnp_conn_close(v->conn, (capnp_exception){CAPNP_DISCONNECTED, "void"});
        }
        v->conn = capnp_conn_unref(v->conn);
        openings_end(v);
        service_describe_end(v);
}

static void service_on_close(capnp_conn *c, void *arg)
{
        struct service *v = arg;

        (void)c;
        if (!link_has_ended())
                daemon_log(LOG_WARNING, "service %s has gone", v->policy->name);
        service_stop(v);
}

void service_run(struct service *v, int fd)
{
        const struct capnp_limits limits = {
                .message_bytes = SERVICE_SCHEMA_BYTES,
                .held_bytes = (uint64_t)2 * SERVICE_SCHEMA_BYTES,
                .segments = 64,
                .answers = 16,
                .refs = 2 * SERVICE_OPENINGS,
                .fds = 1,
                /* What comes in is read without a control buffer. */
                .fds_out_only = true,
        };
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *host = NULL;
        int r;

        service_stop(v);
        r = host_new(v, &host);
        if (r)
                close(fd);
        else
                r = capnp_conn_new(v->s->vat, fd, &limits, host, &v->conn);
        if (!r)
                r = capnp_rpc_bootstrap(capnp_conn_rpc(v->conn), &v->control);
        if (r) {
                daemon_log(LOG_ERR, "service %s: %s", v->policy->name, capnp_strerror(r));
                service_stop(v);
                return;
        }
        capnp_conn_on_close(v->conn, service_on_close, v);
}

void service_start(struct sessiond *s, uint32_t index, int fd)
{
        if (index < s->policy.nservices)
                service_run(s->services[index], fd);
        else
                close(fd);
}

struct service *service_new(struct sessiond *s, const struct policy_service *p)
{
        struct service *v = calloc(1, sizeof(*v));

        if (!v)
                return NULL;

        v->s = s;
        v->policy = p;
        capnp_i_list_init(&v->grants);
        capnp_i_list_init(&v->held);
        capnp_i_list_init(&v->openings);
        capnp_i_list_init(&v->waiters);
        return v;
}

void service_end(struct service *v)
{
        if (!v)
                return;

        service_stop(v);
        while (!capnp_i_list_empty(&v->held))
                grant_free(CAPNP_I_OF(v->held.next, struct grant, of_holder));
        v->over = true;
        if (!v->hosts)
                free(v);
}

int services_init(struct sessiond *s)
{
        s->services = calloc(s->policy.nservices + 1, sizeof(*s->services));
        if (!s->services)
                return -ENOMEM;

        for (unsigned i = 0; i < s->policy.nservices; i++) {
                s->services[i] = service_new(s, &s->policy.services[i]);
                if (!s->services[i])
                        return -ENOMEM;
        }
        return 0;
}

void services_deinit(struct sessiond *s)
{
        for (unsigned i = 0; s->services && i < s->policy.nservices; i++)
                service_end(s->services[i]);
        free(s->services);
        s->services = NULL;
}
