/*
 * The session manager's side of a service: ServiceControl, and the sockets of callers that come
 * over it; it answers what the service asks (kit-disclose.c, kit-get.c).
 *
 * There is one control connection at a time, and what came over it lives no longer than it does:
 * when the session manager is gone there is nobody left who could revoke. So a control connection's
 * end, or a newer one, closes every caller. A call of an older connection may still be queued by
 * then; each connection has an object of its own, and only the current one's does anything.
 *
 * A caller is one socket. It is closed here for five reasons: the peer has gone, the control
 * connection has, the service ends, the caller broke the protocol, or the service has had enough of
 * it. In all of them the service is told at once, even where the socket needs another moment to say
 * its last words.
 *
 * The session manager is trusted to name callers, but what it sends is checked like anything else:
 * a wrong context fails that call, and the socket that came with it is closed with its message.
 */
#include "kit-internal.h"

#include "daemon-text.h"
#include "service_control.capnp-c.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
        CONTROL_MESSAGE_BYTES = 4 * 1024 * 1024, /* either way: the longest schema */
        CONTROL_ANSWERS = 1024,
};

static const capnp_exception gone = {CAPNP_DISCONNECTED, "the service has closed the connection"};

struct capnp_limits kit_limits(const struct capnp_limits *l)
{
        struct capnp_limits own = *l;

        if (!own.message_bytes)
                own.message_bytes = 1024 * 1024;
        if (!own.out_bytes)
                own.out_bytes = 1024 * 1024;
        if (!own.held_bytes)
                own.held_bytes = 2 * 1024 * 1024;
        if (!own.answers)
                own.answers = 2048;
        if (!own.refs)
                own.refs = 1024;
        if (!own.segments)
                own.segments = 64;
        if (!own.turn)
                own.turn = 1;
        return own;
}

/* ---- callers ------------------------------------------------------------------------------ */

static void kit_socket_close(struct kit_socket *s)
{
        struct kit *k = s->k;

        kit_disclose_end(s);
        capnp_conn_on_close(s->conn, NULL, NULL);
        capnp_conn_close(s->conn, gone);
        s->conn = capnp_conn_unref(s->conn);
        capnp_i_list_remove(&s->link);
        k->nsockets--;
        if (k->service->closed)
                k->service->closed(k->self, &s->caller);
        free(s);
}

void kit_close(struct kit_caller *caller)
{
        kit_socket_close(CAPNP_I_OF(caller, struct kit_socket, caller));
}

static void kit_socket_on_close(capnp_conn *c, void *arg)
{
        (void)c;
        kit_socket_close(arg);
}

/* Connects a socket, which is taken, with what the service has for the caller. */
static int kit_socket_open(struct kit_socket *s, int fd, const char *facet, method_id_list methods)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *bootstrap = NULL;
        struct kit *k = s->k;
        int r;

        r = k->service->open(k->self, &s->caller, facet, &bootstrap);
        if (r) {
                (void)close(fd);
                return r;
        }

        r = kit_narrow(k, methods, &bootstrap);
        if (r)
                (void)close(fd);
        else
                r = capnp_conn_new(k->vat, fd, &k->limits, bootstrap, &s->conn);
        if (r) {
                kit_disclose_end(s);
                if (k->service->closed)
                        k->service->closed(k->self, &s->caller);
                return r;
        }

        capnp_conn_on_close(s->conn, kit_socket_on_close, s);
        capnp_i_list_append(&k->sockets, &s->link);
        k->nsockets++;
        return 0;
}

/* ---- ServiceControl ----------------------------------------------------------------------- */

static bool caller_read_bytes(capnp_data d, uint8_t *ret)
{
        if (d.len != KIT_REFERENCE_BYTES)
                return false;

        for (unsigned i = 0; i < KIT_REFERENCE_BYTES; i++)
                ret[i] = d.p[i];
        return true;
}

static bool caller_read(caller_context_reader x, struct kit_caller *ret)
{
        struct kit_caller c = {.epoch = caller_context_epoch(x)};
        capnp_data pseudonym = caller_context_pseudonym(x), origin = caller_context_origin(x);

        switch (caller_context_kind(x)) {
        case CALLER_CONTEXT_KIND_SESSION:
                c.kind = KIT_SESSION;
                break;
        case CALLER_CONTEXT_KIND_SERVICE:
                c.kind = KIT_SERVICE;
                break;
        default:
                return false;
        }
        if (!caller_read_bytes(caller_context_reference(x), c.reference) ||
            !caller_read_bytes(origin.len ? origin : caller_context_reference(x), c.origin))
                return false;

        c.has_pseudonym = pseudonym.len > 0;
        if (c.has_pseudonym && !caller_read_bytes(pseudonym, c.pseudonym))
                return false;

        *ret = c;
        return true;
}

static int control_fail(capnp_answer *a, int r)
{
        switch (r) {
        case CAPNP_E_UNKNOWN:
                return capnp_answer_fail(a, CAPNP_FAILED, "the service has no such facet");
        case CAPNP_E_LIMIT:
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "too many callers");
        case CAPNP_E_POISON:
                return capnp_answer_fail(a, CAPNP_FAILED, "no stream socket is attached");
        case -ENOMEM:
        case -EMFILE:
        case -ENFILE:
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "%s", capnp_strerror(r));
        default:
                return capnp_answer_fail(a, CAPNP_FAILED, "%s", capnp_strerror(r));
        }
}

static int control_open(void *self, capnp_answer *a)
{
        struct kit_control *c = self;
        capnp_cap *end = service_control_open_param_end(a).c;
        capnp_text facet = service_control_open_param_facet(a);
        struct kit_caller caller;
        struct kit_socket *s;
        int r, fd = -1;

        if (!c->conn)
                return capnp_answer_fail(a, CAPNP_DISCONNECTED, "the connection has been replaced");
        if (!caller_read(service_control_open_param_context(a), &caller) || capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "not a caller");
        if (!text_is_plain(facet))
                return control_fail(a, CAPNP_E_UNKNOWN);
        if (c->k->nsockets >= c->k->max_sockets)
                return control_fail(a, CAPNP_E_LIMIT);

        r = kit_socket_dup(end, &fd);
        if (r)
                return control_fail(a, r);

        s = calloc(1, sizeof(*s));
        if (!s) {
                (void)close(fd);
                return control_fail(a, -ENOMEM);
        }

        s->k = c->k;
        s->caller = caller;
        capnp_i_list_init(&s->questions);
        r = kit_socket_open(s, fd, facet.p, service_control_open_param_methods(a));
        if (r) {
                kit_disclose_end(s);
                free(s);
                return control_fail(a, r);
        }
        return capnp_answer_return(a);
}

static int control_describe(void *self, capnp_answer *a)
{
        struct kit_control *c = self;
        struct kit *k = c->k;
        int r = 0;

        if (!k->schema.len)
                r = capnp_schema_write_file(k->service->schema, &k->schema);
        if (r)
                return control_fail(a, r);

        service_control_describe_results_set_schema(
                a, (capnp_data){(const uint8_t *)k->schema.p, (uint32_t)k->schema.len});
        return capnp_answer_return(a);
}

static void control_gone(void *self)
{
        free(self);
}

static const struct service_control_ops control_ops = {
        .gone = control_gone,
        .open = control_open,
        .describe = control_describe,
};

/* ---- the connection ----------------------------------------------------------------------- */

static void control_on_close(capnp_conn *conn, void *arg)
{
        (void)conn;
        kit_control_end(arg);
}

void kit_control_end(struct kit *k)
{
        struct kit_control *c = k->control;

        k->control = NULL;
        if (c) {
                capnp_conn_on_close(c->conn, NULL, NULL);
                capnp_conn_close(c->conn, gone);
                c->conn = capnp_conn_unref(c->conn);
                c->host = capnp_cap_unref(c->host);
                c->cap = capnp_cap_unref(c->cap);
        }
        while (!capnp_i_list_empty(&k->sockets))
                kit_socket_close(CAPNP_I_OF(k->sockets.next, struct kit_socket, link));
        kit_held_void(k);
}

int kit_control_begin(struct kit *k, int fd)
{
        static const struct capnp_limits limits = {
                .message_bytes = CONTROL_MESSAGE_BYTES, .answers = CONTROL_ANSWERS, .fds = 1};
        struct kit_control *c = calloc(1, sizeof(*c));
        int r;

        kit_control_end(k);
        r = c ? service_control_serve(k->vat, &control_ops, c, &c->cap) : -ENOMEM;
        if (r) {
                free(c);
                (void)close(fd);
                return r;
        }

        c->k = k;
        r = capnp_conn_new(k->vat, fd, &limits, c->cap, &c->conn);
        if (r) {
                capnp_cap_unref(c->cap);
                return r;
        }

        capnp_conn_on_close(c->conn, control_on_close, k);
        k->control = c;
        return 0;
}
