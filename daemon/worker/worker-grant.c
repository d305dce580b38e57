/*
 * Grants: the capabilities of the bundle, each behind a membrane of its own.
 *
 * The session manager decides each `get` anew and hands over a socket to the service when none is
 * open. What the service offers there is wrapped, and so is everything that ever crosses: a call is
 * charged to the session's quota, a reference that may not go to this service is refused, and so is
 * a method that was not granted; an exception of the service's is marked as the service's. Cutting
 * the membrane is how a capability is revoked and how a session ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon-methods.h"
#include "daemon-text.h"
#include "remote_ui.capnp-c.h"
#include "worker-grant.h"
#include "worker-tally.h"
#include "worker-trace.h"
#include "worker-user.h"
#include "worker-watch.h"

/* A capability of the bundle that has been asked for. */
struct grant {
        struct capnp_i_list link; /* worker.grants */
        struct worker *w;
        bool services; /* may be passed to other services of the session */
        bool revoked;
        capnp_membrane *membrane;
        capnp_conn *conn; /* to the service, borrowed: it lives as long as it is used; NULL: none */
        struct daemon_methods methods; /* that its root has; empty: all */
        char name[];
};

/* A capability that was taken back, and when; no more of them than the bundle had. */
struct revoked {
        struct capnp_i_list link; /* worker.revoked */
        uint64_t at_ms;           /* since 1970 */
        char name[];
};

/* ---- the policy ----------------------------------------------------------------------------- */

static capnp_exception grant_over_quota(struct worker *w, enum capos_i_quota q, const char *detail)
{
        return (capnp_exception){CAPNP_OVERLOADED,
                                 capos_i_refusal(w->refusal, capos_i_quota_code(q), detail)};
}

static capnp_exception grant_denial(struct worker *w, enum capos_denial d, const char *detail)
{
        return (capnp_exception){CAPNP_FAILED,
                                 capos_i_refusal(w->refusal, capos_denial_code(d), detail)};
}

/* Says why a call cannot go through, and counts it as such. */
static int grant_pass_not(struct grant *g, const struct tally_row *call, enum capos_i_quota q,
                          const char *detail, capnp_exception *why)
{
        (void)!tally_call(g->w, g->name, call->iface, call->method, call->bytes,
                          capos_i_quota_code(q));
        trace_refused(g->w, g->name, call, capos_i_quota_code(q));
        *why = grant_over_quota(g->w, q, detail);
        return -EDQUOT;
}

static int grant_pass(void *self, bool inward, uint64_t iface, uint16_t method, uint64_t bytes,
                      capnp_exception *why)
{
        const struct tally_row call = {.iface = iface, .method = method, .bytes = bytes};
        struct grant *g = self;
        struct worker *w = g->w;

        if (inward && iface == UI_COMPOSER_ID && !w->composing) {
                trace_refused(w, g->name, &call, capos_denial_code(CAPOS_DENIED_UI));
                *why = grant_denial(w, CAPOS_DENIED_UI, "a host is lent by RemoteSession.offerUi");
                return -EPERM;
        }
        if (!capnp_i_quota_has(&w->calls, 1))
                return grant_pass_not(g, &call, CAPOS_I_QUOTA_CALLS, "too many calls at once", why);
        if (w->bytes.used && !capnp_i_quota_has(&w->bytes, bytes))
                return grant_pass_not(g, &call, CAPOS_I_QUOTA_BYTES, "too many bytes in flight",
                                      why);
        if (inward && !tally_call(w, g->name, iface, method, bytes, "ok")) {
                trace_refused(w, g->name, &call, capos_i_quota_code(CAPOS_I_QUOTA_REPORTS));
                *why = grant_over_quota(w, CAPOS_I_QUOTA_REPORTS,
                                        "too many calls for the audit log");
                return -EDQUOT;
        }

        capnp_i_quota_take(&w->calls, 1);
        capnp_i_quota_take(&w->bytes, bytes);
        return 0;
}

/* Said before the service has to: its own refusal would be its word. */
static int grant_has(void *self, uint64_t iface, uint16_t method, uint64_t bytes,
                     capnp_exception *why)
{
        const struct tally_row call = {.iface = iface, .method = method, .bytes = bytes};
        const char *code = capos_denial_code(CAPOS_DENIED_METHOD);
        struct grant *g = self;

        if (daemon_methods_have(&g->methods, iface, method))
                return 0;

        (void)!tally_call(g->w, g->name, iface, method, bytes, code);
        trace_refused(g->w, g->name, &call, code);
        *why = (capnp_exception){CAPNP_FAILED,
                                 capos_i_refusal(g->w->refusal, code,
                                                 "the capability was granted without this method")};
        return -EPERM;
}

static void grant_pass_end(void *self, uint64_t bytes)
{
        struct worker *w = ((struct grant *)self)->w;

        capnp_i_quota_give(&w->calls, 1);
        capnp_i_quota_give(&w->bytes, bytes);
}

bool grant_may_pass(const struct worker *w, const capnp_cap *c)
{
        capnp_membrane *m = capnp_cap_membrane_peek(c);

        for (struct capnp_i_list *l = w->grants.next; m && l != &w->grants; l = l->next)
                if (CAPNP_I_OF(l, struct grant, link)->membrane == m)
                        return CAPNP_I_OF(l, struct grant, link)->services;
        return !w->owns(c);
}

/*
 * Outward everything may go: the membrane wraps it. Inward the client's own objects may, and what
 * another grant gave the session if its policy says `services`; the session's own objects may not.
 */
static int grant_transfer(void *self, bool inward, capnp_cap *c, capnp_exception *why)
{
        capnp_membrane *m = capnp_cap_membrane_peek(c);
        struct grant *g = self;

        if (!inward || (m && m == g->membrane) || grant_may_pass(g->w, c))
                return 0;

        worker_report(g->w, (struct worker_event){.name = capos_denial_code(CAPOS_DENIED_TRANSFER),
                                                  .capability = g->name,
                                                  .detail = ""});
        trace_refused(g->w, g->name, &(struct tally_row){.iface = 0},
                      capos_denial_code(CAPOS_DENIED_TRANSFER));
        *why = grant_denial(g->w, CAPOS_DENIED_TRANSFER,
                            "this capability may not be passed to a service");
        return -EPERM;
}

/*
 * A service cannot forge a denial: its words always come behind its name. Once is enough, also for
 * what came through two grants.
 */
static void grant_reason(void *self, capnp_exception why, char *out)
{
        (void)self;
        capos_i_mark(out, CAPOS_I_SERVICE, why.reason);
}

static uint64_t grant_mark(void *self, bool inward)
{
        const struct grant *g = self;

        return inward && g->w->trace ? trace_now_us() : 0;
}

/* What is cut while the session goes on was taken back. */
static void grant_back(void *self, uint64_t mark, uint64_t bytes,
                       const struct capnp_membrane_call *c, int outcome)
{
        const struct grant *g = self;
        const struct tally_row call = {
                .name = g->name, .iface = c->iface, .method = c->method, .bytes = bytes};

        trace_back(g->w, &call, mark, outcome,
                   g->revoked ? CAPOS_DENIED_REVOKED_LEASE : CAPOS_DENIED_STALE_SESSION);
}

static const struct capnp_membrane_ops grant_policy = {
        .pass = grant_pass,
        .has = grant_has,
        .end = grant_pass_end,
        .mark = grant_mark,
        .back = grant_back,
        .transfer = grant_transfer,
        .reason = grant_reason,
};

/* ---- opening -------------------------------------------------------------------------------- */

/* What was taken back may be granted again, and is another one then. */
static struct grant *grant_find(struct worker *w, capnp_text name)
{
        struct capnp_i_list *l;

        for (l = w->grants.next; l != &w->grants; l = l->next) {
                struct grant *g = CAPNP_I_OF(l, struct grant, link);

                if (!g->revoked && text_is(name, g->name))
                        return g;
        }
        return NULL;
}

static struct grant *grant_new(struct worker *w, const char *name)
{
        size_t len = strlen(name);
        struct grant *g = calloc(1, sizeof(*g) + len + 1);

        if (!g)
                return NULL;

        memcpy(g->name, name, len);
        g->w = w;
        g->services = bundle_entry_services(worker_entry(w, name));
        if (capnp_membrane_new(w->vat, &grant_policy, g, &g->membrane)) {
                free(g);
                return NULL;
        }

        capnp_i_list_init(&g->link);
        capnp_i_list_append(&w->grants, &g->link);
        return g;
}

static void grant_closed(capnp_conn *c, void *arg)
{
        struct grant *g = arg;

        if (g->conn != c)
                return;

        g->conn = NULL;
}

/* The last connection to the service goes its own way, with what is under way on it. */
static void grant_let_go(struct grant *g)
{
        if (g->conn)
                capnp_conn_on_close(g->conn, NULL, NULL);
        g->conn = NULL;
}

/* What the service offers, wrapped. */
static int grant_root(struct grant *g, capnp_cap **ret_c)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *root = NULL;
        int r = capnp_rpc_bootstrap(capnp_conn_rpc(g->conn), &root);

        if (r)
                return r;

        *ret_c = g->methods.n ? capnp_membrane_wrap_narrow(g->membrane, root)
                              : capnp_membrane_wrap(g->membrane, root);
        return *ret_c ? 0 : -ENOMEM;
}

/* The service is not asked again for what is narrow: each answer would have to be remembered. */
static int grant_root_again(struct grant *g, capnp_cap **ret_c)
{
        capnp_cap *c = g->methods.n ? capnp_membrane_narrow(g->membrane) : NULL;

        if (!c)
                return grant_root(g, ret_c);

        *ret_c = c;
        return 0;
}

static struct capnp_limits grant_limits(const struct worker *w)
{
        return (struct capnp_limits){
                .message_bytes = session_quota_message_bytes(
                        session_info_quota(bound_info(worker_bound(w)))),
                .out_bytes = w->bytes.limit,
        };
}

/* Speaks to the service at the other end of a fresh socket. Takes fd. The connection ends by itself
 * when nobody uses it any more: with the last reference that came from it, either way. */
static int grant_connect(struct grant *g, int fd, capnp_cap **ret_c)
{
        struct capnp_limits l = grant_limits(g->w);
        int r;

        grant_let_go(g);
        r = capnp_conn_new(g->w->vat, fd, &l, NULL, &g->conn);
        if (r)
                return r;

        capnp_conn_on_close(g->conn, grant_closed, g);
        r = grant_root(g, ret_c);
        capnp_conn_unref(g->conn);
        return r;
}

static void get_return(struct pending *p, capnp_cap *c)
{
        remote_cap_set_get_results_set_cap(p->a, c);
        (void)capnp_answer_return(p->a);
}

static void get_local(struct pending *p)
{
        capnp_cap *c = NULL;

        if (user_new(p->w, &c)) {
                (void)capos_i_refuse_no_memory(p->a);
                return;
        }

        get_return(p, c);
        capnp_cap_unref(c);
}

static int get_ask(struct worker *w, capnp_answer *a, const char *name, uint64_t interface,
                   grant_give *give, bool again);

/* The session manager says that we have a socket, which we have just closed because nobody used it:
 * the two have crossed. Asked again, it knows. */
static void get_again(struct pending *p)
{
        capnp_answer *a = p->a;

        p->a = NULL;
        (void)get_ask(p->w, a, p->name, p->interface, p->give, true);
}

/* Which methods the session manager says it has: of a fresh socket, or of the one that is open. */
static int get_methods(struct grant *g, capnp_question *q)
{
        struct daemon_methods m;
        int r = daemon_methods_read(admission_open_methods(q), &m);

        if (r)
                return r;

        daemon_methods_deinit(&g->methods);
        g->methods = m;
        return 0;
}

static void get_done(struct pending *p)
{
        struct worker *w = p->w;
        int fd = capnp_cap_fd_peek(admission_open_end(p->q).c), r;
        capnp_cap *c = NULL;
        struct grant *g;

        if (bundle_entry_local(worker_entry(w, p->name))) {
                get_local(p);
                return;
        }

        g = grant_find(w, (capnp_text){p->name, (uint32_t)strlen(p->name)});
        if (!g)
                g = grant_new(w, p->name);
        if (fd >= 0)
                fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        /* It is ending, and nobody has been told yet. */
        if (g && g->conn && capnp_rpc_is_closed(capnp_conn_rpc(g->conn), NULL))
                grant_let_go(g);
        if (g && fd < 0 && !g->conn && !p->again) {
                get_again(p);
                return;
        }

        r = g ? get_methods(g, p->q) : -ENOTCONN;
        if (r && fd >= 0)
                (void)close(fd);
        else if (!r && fd >= 0)
                r = grant_connect(g, fd, &c);
        else if (!r)
                r = g->conn ? grant_root_again(g, &c) : -ENOTCONN;
        if (r)
                (void)capnp_answer_fail(p->a, CAPNP_DISCONNECTED, "the service can not be reached");
        else
                p->give(p, c);
        capnp_cap_unref(c);
}

static int get_ask(struct worker *w, capnp_answer *a, const char *name, uint64_t interface,
                   grant_give *give, bool again)
{
        capnp_question *q = admission_open(worker_ask(w));
        struct pending *p;
        int r;

        admission_open_set_name(q, name);
        admission_open_set_interface_id(q, interface);
        r = pending_send(w, a, q, get_done, &p);
        if (p) {
                snprintf(p->name, sizeof(p->name), "%s", name);
                p->interface = interface;
                p->give = give;
                p->again = again;
        }
        return r;
}

int grant_get(struct worker *w, capnp_answer *a)
{
        capnp_text name = remote_cap_set_get_param_name(a);
        char text[NAME_BYTES + 2];

        /* No name is longer, and none has a NUL: one that is or has is none in any case. */
        snprintf(text, sizeof(text), "%s%s", text_is_plain(name) ? "" : "?", name.p);
        return get_ask(w, a, text, remote_cap_set_get_param_expected_interface_id(a), get_return,
                       false);
}

int grant_open(struct worker *w, capnp_answer *a, const char *name, uint64_t interface,
               grant_give *give)
{
        return get_ask(w, a, name, interface, give, false);
}

/* ---- taking away ---------------------------------------------------------------------------- */

static void grant_cut(struct grant *g, const char *reason)
{
        capnp_conn *conn = g->conn;

        g->conn = NULL;
        capnp_membrane_revoke(g->membrane, (capnp_exception){CAPNP_FAILED, reason});
        if (!conn)
                return;

        capnp_conn_on_close(conn, NULL, NULL);
        capnp_conn_close(conn, (capnp_exception){CAPNP_DISCONNECTED, "revoked"});
}

uint64_t grant_revoked_ms(const struct worker *w, capnp_text name)
{
        for (struct capnp_i_list *l = w->revoked.next; l != &w->revoked; l = l->next) {
                const struct revoked *r = CAPNP_I_OF(l, struct revoked, link);

                if (!strcmp(r->name, name.p))
                        return r->at_ms;
        }
        return 0;
}

/* Without memory it is listed as before, and a get is refused all the same. */
static void revoked_note(struct worker *w, capnp_text name)
{
        struct revoked *r = grant_revoked_ms(w, name) ? NULL : malloc(sizeof(*r) + name.len + 1);
        struct timespec t;

        if (!r)
                return;
        (void)clock_gettime(CLOCK_REALTIME, &t);
        r->at_ms = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
        memcpy(r->name, name.p, name.len);
        r->name[name.len] = 0;
        capnp_i_list_init(&r->link);
        capnp_i_list_append(&w->revoked, &r->link);
}

void grant_revoke(struct worker *w, capnp_text name, capnp_text why)
{
        struct grant *g = grant_find(w, name);

        revoked_note(w, name);
        w->user_revoked |= text_is(name, "session");
        if (g) {
                g->revoked = true;
                grant_cut(g, capos_i_refusal(w->refusal,
                                             capos_denial_code(CAPOS_DENIED_REVOKED_LEASE), why.p));
        }
        watch_tell(w);
}

void grants_follow(struct worker *w)
{
        struct capnp_limits limits = grant_limits(w);
        struct capnp_i_list *l, *next;

        for (l = w->revoked.next; l != &w->revoked; l = next) {
                struct revoked *r = CAPNP_I_OF(l, struct revoked, link);

                next = l->next;
                if (!bundle_entry_name(worker_entry(w, r->name)).len)
                        continue;
                w->user_revoked &= strcmp(r->name, "session") != 0;
                capnp_i_list_remove(l);
                free(r);
        }
        for (l = w->grants.next; l != &w->grants; l = l->next) {
                struct grant *g = CAPNP_I_OF(l, struct grant, link);

                g->services = bundle_entry_services(worker_entry(w, g->name));
                if (g->conn)
                        capnp_rpc_set_limits(capnp_conn_rpc(g->conn), &limits);
        }
        watch_tell(w);
}

/* The structs stay: calls across the cut membranes still end one by one and count down. */
void grant_end_all(struct worker *w)
{
        struct capnp_i_list *l;

        for (l = w->grants.next; l != &w->grants; l = l->next)
                grant_cut(CAPNP_I_OF(l, struct grant, link), w->ended);
}

void grant_free_all(struct worker *w)
{
        struct capnp_i_list *l;

        while ((l = capnp_i_list_pop(&w->grants))) {
                struct grant *g = CAPNP_I_OF(l, struct grant, link);

                capnp_membrane_unref(g->membrane);
                daemon_methods_deinit(&g->methods);
                free(g);
        }
        while ((l = capnp_i_list_pop(&w->revoked)))
                free(CAPNP_I_OF(l, struct revoked, link));
}
