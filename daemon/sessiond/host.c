/*
 * What services ask the session manager: who a caller is, and for what they hold of other services.
 *
 * What a service holds is in the manifest's `grants`, and in no session. It is handed out when it
 * is asked for, so it does not matter which of two services is there first, nor which dies: a grant
 * like those of sessions (grant.c), one socket of each name at a time, which goes with either
 * service's control connection. The other service is told that a service is calling, by a name that
 * is made for the two of them.
 *
 * A service has asked before whoever called it could have made it ask; it may be hostile all the
 * same. So what it asks is bounded by its connection, what is under way to another service by that
 * one's, and what is recorded is counted, but for the first time.
 */
#include "host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "caller.h"
#include "check.h"
#include "daemon-text.h"
#include "follow.h"
#include "grant.h"
#include "instance.h"
#include "service_control.capnp-c.h"
#include "services.h"
#include "session-names.h"
#include "sessiond.h"

static const struct service_end_ops end_ops = {0};

/* ---- what is held --------------------------------------------------------------------------- */

static const struct policy_grant *held_policy(const struct policy_service *p, capnp_text name)
{
        for (unsigned i = 0; i < p->ngrants; i++)
                if (text_is(name, p->grants[i].name))
                        return &p->grants[i];
        return NULL;
}

/* The grant for it, made when it is asked for first. NULL: there is no memory. */
static struct grant *held_grant(struct service *v, const struct policy_grant *p)
{
        struct grant *g;

        for (struct capnp_i_list *l = v->held.next; l != &v->held; l = l->next) {
                g = CAPNP_I_OF(l, struct grant, of_holder);
                if (g->policy == p)
                        return g;
        }

        g = grant_new(v->s->vat, NULL, p);
        if (!g)
                return NULL;

        g->holder = v;
        capnp_i_list_append(&v->held, &g->of_holder);
        return g;
}

static struct capos_audit_record held_record(const struct service *v, const char *what,
                                             const char *outcome, const char *name)
{
        return (struct capos_audit_record){.what = what,
                                           .outcome = outcome,
                                           .source = "service",
                                           .capability = name,
                                           .detail = v->policy->name};
}

void host_follow(struct service *v, const struct policy_service *to)
{
        struct capnp_i_list *l, *next;

        for (l = v->held.next; l != &v->held; l = next) {
                struct grant *g = CAPNP_I_OF(l, struct grant, of_holder);
                const struct policy_grant *p = held_policy(to, capnp_text_of(g->name));

                next = l->next;
                if (p && follow_is_same(g, p)) {
                        g->policy = p;
                        continue;
                }
                if (grant_is_open(g))
                        audit_add(&v->s->audit, held_record(v, "revocation", "ok", g->name));
                grant_free(g);
        }
}

/* ---- get ------------------------------------------------------------------------------------ */

static int get_deny(struct service *v, capnp_answer *a, const char *name, enum capos_denial d)
{
        char text[CAPOS_REFUSAL_BYTES];

        audit_add_counted(&v->s->audit, held_record(v, "open", capos_denial_code(d), name));
        return audit_fail(&v->s->audit, a, CAPNP_FAILED, "%s",
                          capos_i_refusal(text, capos_denial_code(d), NULL));
}

static int get_fail(struct service *v, capnp_answer *a, const struct policy_grant *p, int r)
{
        if (p->narrow && !p->narrow->methods.n)
                check_again(v->s, p->service);
        if (r == CAPNP_E_LIMIT)
                return capnp_answer_fail(a, CAPNP_FAILED, "it is open already");
        if (r == CAPNP_E_DISCONNECTED)
                return capnp_answer_fail(a, CAPNP_DISCONNECTED, "the service is not running");

        return capnp_answer_fail(a, CAPNP_OVERLOADED, "try again later");
}

/* Gives it its end, which is taken. */
static int get_return(struct service *v, struct grant *g, capnp_answer *a, int fd)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *end = NULL;
        struct capos_audit_record r = held_record(v, "open", "ok", g->name);

        if (service_end_serve(v->s->vat, &end_ops, NULL, &end)) {
                close(fd);
                return capos_i_refuse_no_memory(a);
        }

        capnp_cap_set_fd(end, fd);
        service_host_get_results_set_end(a, (service_end_client){end});
        if (g->opened)
                audit_add_counted(&v->s->audit, r);
        else
                audit_add(&v->s->audit, r);
        g->opened = true;
        return audit_return(&v->s->audit, a);
}

static int host_get(void *self, capnp_answer *a)
{
        struct service *v = self;
        uint64_t id = service_host_get_param_interface_id(a);
        capnp_text name = service_host_get_param_name(a);
        const struct policy_grant *p;
        struct grant *g;
        int fd, r;

        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "the request cannot be read");
        /* One that is tried out for another manifest has nothing until that counts. */
        if (v->over || !service_is_present(v))
                return capnp_answer_fail(a, CAPNP_DISCONNECTED, "the manifest does not count");

        p = held_policy(v->policy, name);
        if (!p)
                return get_deny(v, a, name.p, CAPOS_DENIED_UNKNOWN_NAME);
        if (p->service->interface_id != id)
                return get_deny(v, a, p->name, CAPOS_DENIED_WRONG_INTERFACE);

        g = held_grant(v, p);
        if (!g)
                r = -ENOMEM;
        else
                r = p->service->own ? instance_open(v->s, g, &fd)
                                    : service_open(service_of(v->s, p->service), g, &fd);
        return r ? get_fail(v, a, p, r) : get_return(v, g, a, fd);
}

/* ---- life ----------------------------------------------------------------------------------- */

static int host_disclose(void *self, capnp_answer *a)
{
        struct service *v = self;

        if (v->over)
                return capnp_answer_fail(a, CAPNP_DISCONNECTED, "the service has ended");

        return caller_disclose(v, a);
}

static void host_gone(void *self)
{
        struct service *v = self;

        v->hosts--;
        if (v->over && !v->hosts)
                free(v);
}

static const struct service_host_ops host_ops = {
        .gone = host_gone, .disclose = host_disclose, .get = host_get};

int host_new(struct service *v, capnp_cap **ret)
{
        int r = service_host_serve(v->s->vat, &host_ops, v, ret);

        v->hosts += !r;
        return r;
}
