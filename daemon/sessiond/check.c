/*
 * Is it true what the manifest says of a service?
 *
 * The service is asked what it is (describe), and is opened once for each facet that its entry
 * declares, or a bundle or what another service holds names, by a caller that nobody is and who
 * hangs up at once. What contradicts the manifest is an error of whoever wrote it, which he should
 * hear of when the instance starts and not from his users; a service that does not answer
 * contradicts nothing.
 *
 * What it says it is also tells which methods its facets have (facets.c). So it is asked again when
 * another session manager has to know.
 */
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon-log.h"
#include "daemon-packets.h"
#include "links.h"
#include "service_control.capnp-c.h"
#include "session.h"
#include "sessiond.h"

enum { CHECK_MS = 10 * 1000, NOBODY_BYTES = 16 };

struct check {
        struct capnp_i_list link; /* sessiond.checks */
        struct sessiond *s;
        const struct policy *all;
        struct policy_service *policy; /* of it */
        uint32_t index;
        capnp_cap *control;
        capnp_question *asking;
        capnp_timer *deadline;
        struct facet_place at;   /* declared by its entry; what was asked for last */
        unsigned profile, grant; /* … and when all of those were: whose facet is asked for. Behind
                                  * the profiles come the services, which hold others */
};

static const struct service_end_ops end_ops = {0};

static void check_free(struct check *k)
{
        capnp_i_list_remove(&k->link);
        k->asking = capnp_question_free(k->asking);
        k->control = capnp_cap_unref(k->control);
        k->deadline = capnp_timer_free(k->deadline);
        free(k);
}

/* Tells caposd. Takes k. */
static void check_end(struct check *k, enum packet_check found, const char *reason)
{
        const struct policy_facets *f = &k->policy->facets;
        struct packet p = {.type = k->all == &k->s->policy ? PACKET_CHECKED : PACKET_NEXT_CHECKED,
                           .event = k->s->next_number,
                           .index = k->index,
                           .check = found,
                           .profile = k->profile,
                           .grant = k->grant,
                           .facet = k->at.facet,
                           .method = k->at.method};
        struct daemon_log_text text = daemon_log_text(reason, strlen(reason));

        if (found == CHECK_SILENT && !facets_known(f))
                p.check = CHECK_UNKNOWN;
        if (found == CHECK_FACET && k->profile >= k->all->nprofiles) {
                p.check = CHECK_HELD;
                p.profile -= k->all->nprofiles;
        }
        memcpy(p.address, text.s, strnlen(text.s, sizeof(p.address) - 1));
        link_send_up(k->s, &p);
        check_free(k);
}

static void check_on_deadline(void *arg)
{
        struct check *k = arg;

        k->deadline = NULL;
        check_end(k, CHECK_SILENT, "");
}

/* ---- facets --------------------------------------------------------------------------------- */

/* Who names facets: the profiles, then the services that hold others. The grants of one; how many
 * there are. */
static const struct policy_grant *check_grants(const struct check *k, unsigned who, unsigned *ret_n)
{
        const struct policy *p = k->all;
        bool held = who >= p->nprofiles;

        *ret_n = held ? p->services[who - p->nprofiles].ngrants : p->profiles[who].ngrants;
        return held ? p->services[who - p->nprofiles].grants : p->profiles[who].grants;
}

static const char *check_grant_facet(const struct check *k)
{
        unsigned n;

        return check_grants(k, k->profile, &n)[k->grant].facet;
}

/* Whether what was asked for before was the same. */
static bool check_is_known(const struct check *k)
{
        const char *facet = check_grant_facet(k);

        for (unsigned i = 0; i < k->policy->facets.n; i++)
                if (!strcmp(k->policy->facets.v[i].name, facet))
                        return true;
        for (unsigned p = 0; p <= k->profile; p++) {
                unsigned n;
                const struct policy_grant *grants = check_grants(k, p, &n);

                for (unsigned g = 0; g < (p < k->profile ? n : k->grant); g++)
                        if (grants[g].service == k->policy && !strcmp(grants[g].facet, facet))
                                return true;
        }
        return false;
}

/* Whether what is asked for is one of the entry's own. */
static bool check_is_declared(const struct check *k)
{
        return k->at.facet < k->policy->facets.n;
}

/* Goes on to the next facet of this service, from the present one on. Whether there is one. */
static bool check_find(struct check *k)
{
        if (check_is_declared(k))
                return true;
        for (; k->profile < k->all->nprofiles + k->all->nservices; k->profile++, k->grant = 0) {
                unsigned n;
                const struct policy_grant *grants = check_grants(k, k->profile, &n);

                for (; k->grant < n; k->grant++)
                        if (grants[k->grant].service == k->policy && !check_is_known(k))
                                return true;
        }
        return false;
}

static void check_next(struct check *k);

static void check_on_opened(capnp_question *q, int r, void *arg)
{
        struct check *k = arg;

        if (r == CAPNP_E_EXCEPTION && capnp_question_exception(q).kind != CAPNP_DISCONNECTED) {
                check_end(k, check_is_declared(k) ? CHECK_DECLARED : CHECK_FACET,
                          capnp_question_exception(q).reason);
        } else if (r) {
                check_end(k, CHECK_SILENT, "");
        } else {
                if (check_is_declared(k))
                        k->at.facet++;
                else
                        k->grant++;
                check_next(k);
        }
}

static const char *check_facet(const struct check *k)
{
        return check_is_declared(k) ? k->policy->facets.v[k->at.facet].name : check_grant_facet(k);
}

/* Opens it for nobody, at a socket whose other end is closed already. */
static int check_open(struct check *k)
{
        static const uint8_t nobody[NOBODY_BYTES];
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *end = NULL;
        caller_context_builder who;
        int ends[2], r;

        r = service_end_serve(k->s->vat, &end_ops, NULL, &end);
        if (r)
                return r;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends))
                return -errno;

        close(ends[0]);
        capnp_cap_set_fd(end, ends[1]);
        k->asking = service_control_open((service_control_client){k->control});
        if (!k->asking)
                return -ENOMEM;

        who = service_control_open_init_context(k->asking);
        caller_context_set_reference(who, (capnp_data){nobody, sizeof(nobody)});
        caller_context_set_epoch(who, k->s->store.epoch);
        service_control_open_set_facet(k->asking, check_facet(k));
        service_control_open_set_end(k->asking, (service_end_client){end});
        capnp_question_send(k->asking, check_on_opened, k);
        return 0;
}

static void check_next(struct check *k)
{
        k->asking = capnp_question_free(k->asking);
        if (!check_find(k))
                check_end(k, CHECK_GOOD, "");
        else if (check_open(k))
                check_end(k, CHECK_SILENT, "");
}

/* ---- the interface -------------------------------------------------------------------------- */

/*
 * Whether a schema has a node. schema.capnp: the nodes are the first pointer of a
 * CodeGeneratorRequest, and a Node begins with its id. Bytes that are no schema have none.
 */
static bool schema_has(capnp_data bytes, uint64_t id)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        uint64_t *words = malloc(bytes.len + 8);
        bool found = false;
        capnp_list nodes;

        if (!words)
                return true; /* our own shortage is nobody's fault */

        memcpy(words, bytes.p, bytes.len);
        if (!capnp_msg_parse(words, bytes.len, NULL, &m)) {
                capnp_reader root = capnp_any_struct(capnp_msg_root(m), NULL);

                nodes = capnp_any_list(capnp_reader_any(root, 0), CAPNP_SIZE_COMPOSITE, NULL);
                for (uint32_t i = 0; i < nodes.len && !found; i++)
                        found = capnp_reader_u64(capnp_list_struct(nodes, i), 0, 0) == id;
        }
        m = capnp_msg_free(m);
        free(words);
        return found;
}

/* Sessions that were there before their methods were known are told. */
static void check_tell(struct sessiond *s)
{
        for (struct capnp_i_list *l = s->sessions.next; l != &s->sessions; l = l->next)
                session_changed(CAPNP_I_OF(l, struct session, link));
}

/* Finds out which methods its facets have, if that has to be known. NULL; else what is wrong. */
static const char *check_methods(struct check *k, capnp_data schema)
{
        struct policy_facets *f = &k->policy->facets;
        bool known = facets_known(f);
        const char *why;

        if (!facets_ask(f))
                return NULL;

        why = facets_learn(f, k->policy->interface_id, schema, &k->at);
        if (why)
                return why;

        k->at = (struct facet_place){0};
        if (!known && k->all == &k->s->policy)
                check_tell(k->s);
        return NULL;
}

static void check_on_described(capnp_question *q, int r, void *arg)
{
        struct check *k = arg;
        capnp_data schema = service_control_describe_schema(q);
        const char *why;

        if (r &&
            (r != CAPNP_E_EXCEPTION || capnp_question_exception(q).kind != CAPNP_UNIMPLEMENTED)) {
                check_end(k, CHECK_SILENT, "");
        } else if (!r && schema.len && !schema_has(schema, k->policy->interface_id)) {
                check_end(k, CHECK_INTERFACE, "");
        } else {
                why = check_methods(k, schema);
                if (why)
                        check_end(k, CHECK_METHOD, why);
                else
                        check_next(k);
        }
}

/* ---- life ----------------------------------------------------------------------------------- */

void check_start(struct sessiond *s, struct policy *p, const struct service *v, uint32_t index)
{
        struct check *k;

        /* While the instance starts: it will be announced anew, and asked for anew. */
        if (!v->control && p == &s->policy)
                return;

        k = calloc(1, sizeof(*k));
        if (!k)
                return;

        *k = (struct check){.s = s, .all = p, .policy = &p->services[index], .index = index};
        capnp_i_list_append(&s->checks, &k->link);
        if (!v->control) {
                check_end(k, CHECK_SILENT, "");
                return;
        }
        k->control = capnp_cap_ref(v->control);
        k->asking = service_control_describe((service_control_client){k->control});
        if (!k->asking || capnp_timer_new(s->vat, CHECK_MS, check_on_deadline, k, &k->deadline)) {
                check_end(k, CHECK_SILENT, "");
                return;
        }
        capnp_question_send(k->asking, check_on_described, k);
}

void check_again(struct sessiond *s, const struct policy_service *p)
{
        uint32_t index = (uint32_t)(p - s->policy.services);

        for (const struct capnp_i_list *l = s->checks.next; l != &s->checks; l = l->next) {
                const struct check *k = CAPNP_I_OF(l, struct check, link);

                if (k->all == &s->policy && k->index == index)
                        return;
        }
        check_start(s, &s->policy, s->services[index], index);
}

void checks_end(struct sessiond *s, const struct policy *p)
{
        struct capnp_i_list *l, *next;

        for (l = s->checks.next; l != &s->checks; l = next) {
                struct check *k = CAPNP_I_OF(l, struct check, link);

                next = l->next;
                if (!p || k->all == p)
                        check_free(k);
        }
}
