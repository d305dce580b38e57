/*
 * Control connections.
 *
 * A service is started by caposd, which hands us a socket to it. On that socket the service is the
 * server: we tell it of each new caller, with the caller's socket attached, and ask it once what
 * interface it has. A service that goes takes its session sockets with it: we hold duplicates of
 * its ends, so nobody would notice before we shut them.
 */
#include "services.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admission.capnp-c.h"
#include "admit.h"
#include "daemon-log.h"
#include "grant.h"
#include "service_control.capnp-c.h"
#include "session.h"
#include "sessiond.h"
#include "user_session.capnp-c.h"

enum { SCHEMA_BYTES = 4 * 1024 * 1024, REFERENCE_BYTES = 16 };

/* ServiceEnd has no methods: it is only there to carry a socket. */
static const struct service_end_ops end_ops = {0};

static void service_stop(struct service *v)
{
        while (!capnp_i_list_empty(&v->grants))
                grant_close(CAPNP_I_OF(v->grants.next, struct grant, of_service));
        v->control = capnp_cap_unref(v->control);
        if (v->conn) {
                capnp_conn_on_close(v->conn, NULL, NULL);
                capnp_conn_close(v->conn, (capnp_exception){CAPNP_DISCONNECTED, "void"});
        }
        v->conn = capnp_conn_unref(v->conn);
        free(v->schema);
        v->schema = NULL;
        v->schema_len = 0;
}

static void service_on_close(capnp_conn *c, void *arg)
{
        struct service *v = arg;

        (void)c;
        if (!link_has_ended())
                daemon_log(LOG_WARNING, "service %s has gone", v->policy->name);
        service_stop(v);
}

void service_start(struct sessiond *s, uint32_t index, int fd)
{
        struct capnp_limits limits = {.fds = 1, .message_bytes = SCHEMA_BYTES, .answers = 16};
        struct service *v;
        int r;

        if (index >= s->policy.nservices) {
                close(fd);
                return;
        }

        v = &s->services[index];
        service_stop(v);
        r = capnp_conn_new(s->vat, fd, &limits, NULL, &v->conn);
        if (!r)
                r = capnp_rpc_bootstrap(capnp_conn_rpc(v->conn), &v->control);
        if (r) {
                daemon_log(LOG_ERR, "service %s: %s", v->policy->name, capnp_strerror(r));
                service_stop(v);
                return;
        }
        capnp_conn_on_close(v->conn, service_on_close, v);
}

int services_init(struct sessiond *s)
{
        s->services = calloc(s->policy.nservices + 1, sizeof(*s->services));
        if (!s->services)
                return -ENOMEM;

        for (unsigned i = 0; i < s->policy.nservices; i++) {
                s->services[i].s = s;
                s->services[i].policy = &s->policy.services[i];
                capnp_i_list_init(&s->services[i].grants);
        }
        return 0;
}

void services_deinit(struct sessiond *s)
{
        for (unsigned i = 0; s->services && i < s->policy.nservices; i++)
                service_stop(&s->services[i]);
        free(s->services);
        s->services = NULL;
}

/* ---- who is calling ------------------------------------------------------------------------- */

/* The first 16 bytes of a keyed hash over a label, the service's name and one more text. */
static void caller_name(const uint8_t key[32], const char *label, const char *service,
                        const char *of, uint8_t ret[REFERENCE_BYTES])
{
        uint8_t mac[crypto_auth_hmacsha256_BYTES];
        crypto_auth_hmacsha256_state h;

        crypto_auth_hmacsha256_init(&h, key, 32);
        /* With its NUL each, so that no text can pass for the beginning of the next. */
        crypto_auth_hmacsha256_update(&h, (const uint8_t *)label, strlen(label) + 1);
        crypto_auth_hmacsha256_update(&h, (const uint8_t *)service, strlen(service) + 1);
        crypto_auth_hmacsha256_update(&h, (const uint8_t *)of, strlen(of) + 1);
        crypto_auth_hmacsha256_final(&h, mac);
        memcpy(ret, mac, REFERENCE_BYTES);
}

static void caller_fill(struct service *v, const struct session *e, caller_context_builder b)
{
        uint8_t name[REFERENCE_BYTES];

        caller_name(v->s->boot_secret, "reference", v->policy->name, e->id, name);
        caller_context_set_reference(b, (capnp_data){name, sizeof(name)});
        caller_context_set_epoch(b, v->s->store.epoch);
        caller_context_set_kind(b, CALLER_CONTEXT_KIND_SESSION);
        if (!v->policy->pseudonym || !e->account[0])
                return;

        caller_name(v->s->store.secret, "pseudonym", v->policy->name, e->account, name);
        caller_context_set_pseudonym(b, (capnp_data){name, sizeof(name)});
        session_audit(e, "disclosure", "ok", v->policy->name, "pseudonym");
}

static void service_on_opened(capnp_question *q, int r, void *arg)
{
        struct grant *g = arg;

        if (r) {
                const char *reason = capnp_question_exception(q).reason;

                daemon_log(LOG_WARNING, "service %s refuses a caller: %s", g->policy->name,
                           daemon_log_text(reason, strlen(reason)).s);
                grant_close(g);
                return;
        }
        g->opening = capnp_question_free(g->opening);
}

int service_open(struct service *v, struct grant *g, int fd)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *end = NULL;
        int r;

        if (!v->control) {
                close(fd);
                return CAPNP_E_DISCONNECTED;
        }

        r = service_end_serve(v->s->vat, &end_ops, NULL, &end);
        if (r) {
                close(fd);
                return r;
        }

        capnp_cap_set_fd(end, fd);
        g->opening = service_control_open((service_control_client){v->control});
        if (!g->opening)
                return -ENOMEM;

        caller_fill(v, g->session, service_control_open_init_context(g->opening));
        service_control_open_set_facet(g->opening, g->policy->facet);
        service_control_open_set_end(g->opening, (service_end_client){end});
        capnp_question_send(g->opening, service_on_opened, g);
        return 0;
}

/* ---- schemas -------------------------------------------------------------------------------- */

struct describing {
        struct service *v;
        capnp_answer *a;
        capnp_question *q;
};

static int schema_return(capnp_answer *a, const uint8_t *p, uint32_t len)
{
        admission_schema_results_set_schema(a, (capnp_data){p, len});
        return capnp_answer_return(a);
}

static void service_keep_schema(struct service *v, capnp_data d)
{
        if (v->schema || !d.len || d.len > SCHEMA_BYTES)
                return;

        v->schema = malloc(d.len);
        if (!v->schema)
                return;

        memcpy(v->schema, d.p, d.len);
        v->schema_len = d.len;
}

static void service_on_described(capnp_question *q, int r, void *arg)
{
        struct describing *d = arg;
        capnp_data schema = service_control_describe_schema(q);

        if (r || !schema.len) {
                (void)capnp_answer_fail(d->a, CAPNP_DISCONNECTED, "the service does not answer");
        } else {
                service_keep_schema(d->v, schema);
                (void)schema_return(d->a, schema.p, schema.len);
        }
        capnp_question_free(q);
        free(d);
}

int service_describe(struct service *v, capnp_answer *a)
{
        struct describing *d;

        if (v->schema)
                return schema_return(a, v->schema, v->schema_len);
        if (!v->control)
                return capnp_answer_fail(a, CAPNP_DISCONNECTED, "the service is not running");

        d = calloc(1, sizeof(*d));
        if (!d)
                return answer_no_memory(a);

        *d = (struct describing){.v = v, .a = a};
        d->q = service_control_describe((service_control_client){v->control});
        if (!d->q) {
                free(d);
                return answer_no_memory(a);
        }

        capnp_question_send(d->q, service_on_described, d);
        return capnp_answer_keep(a, NULL, NULL);
}

int service_describe_session(struct sessiond *s, capnp_answer *a)
{
        const struct capnp_schema_file *f = &user_session_capnp_schema;
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        capnp_builder root;
        capnp_lbuilder nodes;
        uint8_t *p;
        size_t len;

        (void)s;
        if (capnp_msg_new(&m))
                return answer_no_memory(a);

        /* schema.capnp: CodeGeneratorRequest has no data and four pointers, nodes the first of
         * them; Node has five words and six pointers. */
        root = capnp_abuilder_init_struct(capnp_msg_build(m), 0, 4);
        nodes = capnp_abuilder_init_structs(capnp_builder_any(root, 0), f->nnodes, 5, 6);
        for (uint32_t i = 0; i < f->nnodes; i++) {
                capnp_any node = {.p = f->nodes[i].words, .depth = 64};

                capnp_builder_copy(capnp_lbuilder_struct(nodes, i), capnp_any_struct(node, NULL));
        }

        len = capnp_msg_size(m);
        p = admission_schema_results_init_schema(a, (uint32_t)len);
        if (capnp_msg_check(m) || !p || capnp_msg_write(m, p, len))
                return answer_no_memory(a);

        return capnp_answer_return(a);
}
