/*
 * Another manifest, while the instance runs: the session manager's half.
 *
 * caposd has read and checked the file. It sends what it has made of it (NEXT), which is read here
 * beside the present one; starts the services that are new or otherwise, and introduces them
 * (NEXT_SERVICE); and has every service looked at by what the next manifest says (NEXT_CHECK). Up
 * to there everything goes on by the present one, and can be dropped (DROP) without a trace. Then,
 * in one go, it counts (SWAP): sessions are held against it (follow.c), services that are not in it
 * any more end, what others hold of each other and may not any more is taken, and so do the
 * attempts to log in that rest on what has changed.
 *
 * A service that neither caposd nor we have anything new to say to keeps its process, its control
 * connection and its callers' sockets.
 */
#include "swap.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admit.h"
#include "check.h"
#include "flows.h"
#include "follow.h"
#include "host.h"
#include "links.h"
#include "sessiond.h"

struct next {
        struct policy policy;
        struct issuers issuers;
        struct service **services; /* the present ones, or others: swap_service() */
        uint32_t same;             /* of enum packet_next */
        int64_t lists_until_s, authorities_s;
        int rules_fd; /* for client certificates; empty: there are none */
};

/* ---- before it counts ----------------------------------------------------------------------- */

static void next_free(struct next *n)
{
        /* After the swap it has none, and its policy is empty. */
        for (unsigned i = 0; n->services && i < n->policy.nservices; i++)
                if (n->services[i] && !service_is_present(n->services[i]))
                        service_end(n->services[i]);
        free(n->services);
        issuers_deinit(&n->issuers);
        policy_deinit(&n->policy);
        if (n->rules_fd >= 0)
                close(n->rules_fd);
        sodium_memzero(n, sizeof(*n));
        free(n);
}

void swap_drop(struct sessiond *s)
{
        struct next *n = s->next;

        if (!n)
                return;

        checks_end(s, &n->policy);
        s->next = NULL;
        next_free(n);
}

/* The present one of the same name; NULL: there is none. */
static struct service *service_named(struct sessiond *s, const char *name)
{
        for (unsigned i = 0; i < s->policy.nservices; i++)
                if (!strcmp(s->policy.services[i].name, name))
                        return s->services[i];

        return NULL;
}

static int next_services(struct sessiond *s, struct next *n)
{
        n->services = calloc(n->policy.nservices + 1, sizeof(struct service *));
        if (!n->services)
                return -ENOMEM;

        for (unsigned i = 0; i < n->policy.nservices; i++) {
                struct policy_service *p = &n->policy.services[i];
                struct service *v = service_named(s, p->name);

                n->services[i] = v ? v : service_new(s, p);
                if (!n->services[i])
                        return -ENOMEM;
                /* Until it has said so itself: it may not answer, and the rest has to go on. */
                if (v && v->policy->interface_id == p->interface_id)
                        facets_inherit(&p->facets, &v->policy->facets);
        }
        return 0;
}

static int next_read(struct sessiond *s, struct next *n, const int *fds)
{
        int r = policy_init(&n->policy, fds[0]);

        if (!r)
                r = issuers_init(&n->issuers, &s->fetcher, n->policy.issuers);
        if (!r)
                r = issuers_take_files(&n->issuers, fcntl(fds[2], F_DUPFD_CLOEXEC, 3));
        if (!r)
                r = next_services(s, n);
        if (!r) {
                n->rules_fd = fcntl(fds[1], F_DUPFD_CLOEXEC, 3);
                r = n->rules_fd < 0 ? -errno : 0;
        }
        return r;
}

void swap_read(struct sessiond *s, const struct packet *p, const int *fds)
{
        struct packet answer = {.type = PACKET_NEXT_READ, .event = p->event};
        struct next *n = calloc(1, sizeof(*n));

        swap_drop(s);
        s->next_number = p->event;
        if (n) {
                *n = (struct next){.same = p->index,
                                   .lists_until_s = p->until_s,
                                   .authorities_s = p->authorities_s,
                                   .rules_fd = -1};
                answer.result = next_read(s, n, fds);
        } else {
                answer.result = -ENOMEM;
        }
        if (answer.result && n)
                next_free(n);
        else
                s->next = n;
        capos_io_fds_close(fds, packet_fds(p->type));
        link_send_up(s, &answer);
}

void swap_service(struct sessiond *s, uint32_t index, int fd)
{
        struct next *n = s->next;
        struct service *v;

        if (!n || index >= n->policy.nservices) {
                close(fd);
                return;
        }

        v = n->services[index];
        if (service_is_present(v))
                v = service_new(s, &n->policy.services[index]);
        if (!v) {
                close(fd); /* which caposd sees as the service's end */
                return;
        }
        n->services[index] = v;
        service_run(v, fd);
}

void swap_check(struct sessiond *s, uint32_t index)
{
        struct next *n = s->next;

        if (n && index < n->policy.nservices)
                check_start(s, &n->policy, n->services[index], index);
}

/* ---- from now on ---------------------------------------------------------------------------- */

static void services_swap(struct sessiond *s, struct next *n)
{
        for (unsigned i = 0; i < s->policy.nservices; i++) {
                bool kept = false;

                for (unsigned k = 0; k < n->policy.nservices; k++)
                        kept |= n->services[k] == s->services[i];
                if (!kept)
                        service_end(s->services[i]);
        }
        for (unsigned k = 0; k < n->policy.nservices; k++) {
                host_follow(n->services[k], &n->policy.services[k]);
                n->services[k]->policy = &n->policy.services[k];
        }
        free(s->services);
        s->services = n->services;
        n->services = NULL;
}

/* Whoever tries to get in by what has changed begins anew. */
static void attempts_end(struct sessiond *s, uint32_t same)
{
        static const struct {
                enum packet_next part;
                uint32_t kinds;
        } of[] = {
                {NEXT_SAME_ISSUERS, 1U << CAPOS_AUTH_OIDC_DEVICE_CODE | 1U << CAPOS_AUTH_OIDC_PKCE |
                                            1U << CAPOS_AUTH_SERVICE},
                {NEXT_SAME_AUTHORITIES, 1U << CAPOS_AUTH_PUBLIC_KEY},
                {NEXT_SAME_PASSKEYS, 1U << CAPOS_AUTH_PASSKEY},
        };
        uint32_t kinds = 0;

        for (unsigned i = 0; i < sizeof(of) / sizeof(*of); i++)
                if (!(same & of[i].part))
                        kinds |= of[i].kinds;
        for (struct capnp_i_list *l = s->admissions.next; kinds && l != &s->admissions; l = l->next)
                flows_abandon(&CAPNP_I_OF(l, struct admission, link)->flows, kinds);
}

static int rules_swap(struct sessiond *s, struct next *n)
{
        int fd = n->rules_fd;

        n->rules_fd = -1;
        s->identity.lists_until_s = n->lists_until_s;
        s->identity.authorities_s = n->authorities_s;
        if (s->policy.nrules)
                return recheck_rules(s, fd);

        close(fd);
        return 0;
}

int swap_do(struct sessiond *s)
{
        struct next *n = s->next;
        struct policy old;
        int r;

        if (!n)
                return -EPROTO;

        checks_end(s, NULL);
        attempts_end(s, n->same);
        follow_all(s, &n->policy);
        services_swap(s, n);
        if (n->same & NEXT_SAME_ISSUERS)
                issuers_adopt(&s->issuers, &n->issuers);
        else
                issuers_replace(&s->issuers, &n->issuers);
        old = s->policy;
        s->policy = n->policy;
        n->policy = (struct policy){0};
        policy_deinit(&old);
        s->next = NULL;
        audit_add(&s->audit, (struct capos_audit_record){
                                     .what = "manifest", .outcome = "ok", .source = "local"});
        r = rules_swap(s, n);
        next_free(n);
        return r;
}
