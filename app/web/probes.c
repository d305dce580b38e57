/*
 * The eight probes of `capos probe`, without a wait: each is a few questions and what has to come
 * of the last.
 *
 * The session that is looked at is not put at risk. On it only what cannot change it is asked; what
 * begins, fills or ends a session does so on a connection of the probe's own, as nobody where the
 * instance lets nobody in. What cannot be tried is said to be skipped, with what it would need.
 */
#include "probes.h"

#include "calls.h"
#include "client-probe.h"
#include "client.h"
#include "entry.h"
#include "places.h"
#include "records.h"
#include "user_session.capnp-c.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
        WORDS = 160,
        PROBES = 8,
        ANSWER_MS = 15 * 1000,
        AT_ONCE = 16, /* questions of one probe */
};

struct probe {
        struct bridge *b; /* NULL: this place is free */
        struct asker a;
        enum web_up_probe which;
        char sent[WORDS], expected[48], came[WORDS];
        capos_client *own; /* a connection of its own; NULL: none */
        struct capos_login how;
        capnp_cap *session; /* kept over a logout */
        capnp_question **q;
        uint32_t n, sent_n, open; /* questions, those sent, and those of them without an answer */
        bool refused;             /* one of them came back as it must */
};

/* What is under way, of this process's one browser. */
static struct probe probes[PROBES];

static void probe_end(struct probe *p, enum web_down_probed_state state)
{
        static const char *const names[] = {"unknown-name",    "wrong-interface", "wrong-profile",
                                            "method-disabled", "second-login",    "transfer",
                                            "quota",           "stale-call"};
        struct down d = down_new(p->a.id);

        if (d.m) {
                web_down_probed_builder w = web_down_init_probed(d.d);

                web_down_probed_set_probe(w, p->which);
                web_down_probed_set_sent(w, p->sent);
                web_down_probed_set_expected(w, p->expected);
                web_down_probed_set_came(w, p->came);
                web_down_probed_set_state(w, state);
        }
        record_add(p->b, "probe", names[p->which],
                   state == WEB_DOWN_PROBED_STATE_PASSED   ? NULL
                   : state == WEB_DOWN_PROBED_STATE_FAILED ? "failed"
                                                           : "skipped",
                   "");
        down_answer(p->b, p->a, &d);
        for (uint32_t i = 0; i < p->n; i++)
                capnp_question_free(p->q[i]);
        free(p->q);
        p->session = capnp_cap_unref(p->session);
        p->own = capos_client_free(p->own);
        *p = (struct probe){0};
}

static void probe_skip(struct probe *p, const char *needs)
{
        (void)snprintf(p->came, sizeof(p->came), "%s", needs);
        probe_end(p, WEB_DOWN_PROBED_STATE_SKIPPED);
}

/* ---- questions ------------------------------------------------------------------------------ */

static void probe_send(struct probe *p);

static void probe_on_answer(capnp_question *q, int r, void *arg)
{
        struct probe *p = arg;
        struct capos_error e;
        char came[WORDS];

        (void)r;
        (void)capos_error_of_question(q, &e);
        client_probe_name(&e, came, sizeof(came));
        if (!p->refused)
                (void)snprintf(p->came, sizeof(p->came), "%s", came);
        p->refused |= !strcmp(came, p->expected);
        p->open--;
        probe_send(p);
        if (!p->open)
                probe_end(p,
                          p->refused ? WEB_DOWN_PROBED_STATE_PASSED : WEB_DOWN_PROBED_STATE_FAILED);
}

/* Sends what was asked, some at a time, until one is refused. The last answer ends it. */
static void probe_send(struct probe *p)
{
        while (!p->refused && p->open < AT_ONCE && p->sent_n < p->n) {
                p->open++;
                capnp_question_send(p->q[p->sent_n++], probe_on_answer, p);
        }
}

static void probe_ask(struct probe *p, capnp_question *q)
{
        p->q = calloc(1, sizeof(*p->q));
        if (!q || !p->q) {
                capnp_question_free(q);
                probe_skip(p, "no memory");
                return;
        }
        p->q[p->n++] = q;
        probe_send(p);
}

/* ---- on the session ------------------------------------------------------------------------- */

static void probe_wrong_interface(struct probe *p)
{
        struct capos_cap_entry e;

        if (!capos_client_entry(p->b->client, 0, &e)) {
                probe_skip(p, "it needs a session with a capability");
                return;
        }
        (void)snprintf(p->sent, sizeof(p->sent), "get(%.60s) as another interface", e.name);
        probe_ask(p, client_probe_get(p->b->client, e.name, e.interface ^ 1));
}

static capnp_cap *on_find(void *arg, uint32_t n)
{
        (void)n;
        return arg;
}

/* A capability that takes a reference of another: its method and the parameter. */
static bool transfer_find(struct probe *p, struct capos_cap_entry *ret_what,
                          struct capnp_dynamic_method *m, struct capnp_field_info *f)
{
        const capnp_schema *s = capos_client_schema_peek(p->b->client);
        struct capos_cap_entry to;
        uint64_t interface;

        for (uint32_t i = 0; capos_client_entry(p->b->client, i, ret_what); i++) {
                if (strcmp(ret_what->transfer, "session") != 0)
                        continue;
                for (uint32_t j = 0; capos_client_entry(p->b->client, j, &to); j++) {
                        if (!strcmp(to.name, ret_what->name) || to.interface == USER_SESSION_ID ||
                            !client_probe_taker(s, to.interface, &m->info, f))
                                continue;
                        m->target = calls_held(p->b, to.name, &interface);
                        (void)snprintf(p->sent, sizeof(p->sent), "%.40s.%.40s(%.30s = %.40s)",
                                       to.name, m->info.name, f->name, ret_what->name);
                        return m->target != NULL;
                }
        }
        return false;
}

/* What is passed is known by now: while it was a promise, the call could go ahead of it. */
static void transfer_on_got(capnp_question *got, int r, void *arg)
{
        struct probe *p = arg;
        struct capnp_dynamic_method m = {.vat = p->b->vat};
        struct capnp_dynamic_opts o = {.find = on_find};
        struct capos_cap_entry what;
        struct capnp_field_info f;
        capnp_question *q = NULL;
        char params[WORDS];

        p->session = capnp_cap_ref(remote_cap_set_get_cap(got));
        capnp_question_free(got);
        o.arg = p->session;
        if (!r && transfer_find(p, &what, &m, &f)) {
                (void)snprintf(params, sizeof(params), "{\"%.60s\": {\"$cap\": 0}}", f.name);
                (void)!capnp_dynamic_call(capos_client_schema_peek(p->b->client), &m,
                                          capnp_text_of(params), &o, &q, NULL);
        }
        probe_ask(p, q);
}

static void probe_transfer(struct probe *p)
{
        struct capnp_dynamic_method m = {.vat = p->b->vat};
        struct capos_cap_entry what;
        struct capnp_field_info f;
        capnp_question *q;

        if (!transfer_find(p, &what, &m, &f)) {
                probe_skip(p, "it needs a capability that may not be passed on, and another whose "
                              "methods take a reference");
                return;
        }
        q = client_probe_get(p->b->client, what.name, what.interface);
        if (q)
                capnp_question_send(q, transfer_on_got, p);
        else
                probe_skip(p, "no memory");
}

/* ---- on a connection of its own ------------------------------------------------------------- */

/* More references than there may be. They are the worker's own, and cost no service anything. */
static void probe_quota(struct probe *p)
{
        struct capos_session_info i = {0};

        if (!capos_client_info(p->own, &i) || !i.references ||
            i.references > CLIENT_PROBE_REFERENCES) {
                probe_skip(p, "it needs a session that may hold 1 to 4096 references");
                return;
        }
        p->q = calloc(i.references + 1, sizeof(*p->q));
        for (; p->q && p->n <= i.references; p->n++)
                p->q[p->n] = remote_session_cap_set((remote_session_client){p->own->session});
        (void)snprintf(p->sent, sizeof(p->sent), "capSet() %u times, of %u references", p->n,
                       i.references);
        if (p->n)
                probe_send(p);
        else
                probe_skip(p, "no memory");
}

static void probe_on_logout(capos_client *c, int r, void *arg)
{
        struct probe *p = arg;

        if (r) {
                (void)snprintf(p->came, sizeof(p->came), "%.*s", WORDS - 1,
                               capos_client_error_peek(c)->text);
                probe_end(p, WEB_DOWN_PROBED_STATE_FAILED);
                return;
        }
        probe_ask(p, remote_session_info((remote_session_client){p->session}));
}

static void probe_stale(struct probe *p)
{
        (void)snprintf(p->sent, sizeof(p->sent), "info() after logout()");
        p->session = capnp_cap_ref(capos_client_session_peek(p->own));
        if (capos_client_logout(p->own, probe_on_logout, p))
                probe_skip(p, "no memory");
}

static void probe_on_login(capos_client *c, int r, void *arg)
{
        struct probe *p = arg;

        (void)c;
        if (r)
                probe_skip(p, "it needs a session of its own, and got none");
        else if (p->which == WEB_UP_PROBE_QUOTA)
                probe_quota(p);
        else
                probe_stale(p);
}

static void probe_on_methods(capos_client *c, int r, void *arg)
{
        bool disabled = ((struct probe *)arg)->which == WEB_UP_PROBE_METHOD_DISABLED;
        struct probe *p = arg;
        enum capos_auth kind;

        if (r) {
                probe_skip(p, "it needs a connection of its own, and got none");
        } else if (!client_probe_method(c, !disabled, !disabled, &kind)) {
                probe_skip(p, disabled ? "it needs a method that the instance does not offer"
                                       : "it needs an instance that lets nobody in: anonymous or "
                                         "guest logins");
        } else if (p->which == WEB_UP_PROBE_WRONG_PROFILE || disabled) {
                (void)snprintf(p->sent, sizeof(p->sent), "%s(%s)", capos_auth_name(kind),
                               disabled ? "" : CLIENT_PROBE_UNKNOWN);
                probe_ask(p, client_probe_login(c, kind, disabled ? NULL : CLIENT_PROBE_UNKNOWN));
        } else {
                p->how = (struct capos_login){.kind = kind, .client = "capos web, a probe"};
                if (capos_client_login(c, &p->how, probe_on_login, p))
                        probe_skip(p, "no memory");
        }
}

static void probe_connect(struct probe *p)
{
        if (entry_dial(p->b, places_at(p->b, p->b->place), &p->own)) {
                probe_skip(p, "it needs a connection of its own, and got none");
                return;
        }
        capos_client_set_timeout(p->own, ANSWER_MS);
        if (capos_client_fetch_methods(p->own, probe_on_methods, p))
                probe_skip(p, "no memory");
}

/* ---- all of them ---------------------------------------------------------------------------- */

static void probe_begin(struct probe *p)
{
        static const enum capos_denial denials[] = {
                CAPOS_DENIED_UNKNOWN_NAME,  CAPOS_DENIED_WRONG_INTERFACE,
                CAPOS_DENIED_PROFILE,       CAPOS_DENIED_METHOD_DISABLED,
                CAPOS_DENIED_ALREADY_BOUND, CAPOS_DENIED_TRANSFER,
                CAPOS_DENIED_NONE,          CAPOS_DENIED_STALE_SESSION,
        };

        (void)snprintf(p->expected, sizeof(p->expected), "%s",
                       p->which == WEB_UP_PROBE_QUOTA ? "over-quota.references"
                                                      : capos_denial_code(denials[p->which]));
        switch (p->which) {
        case WEB_UP_PROBE_UNKNOWN_NAME:
                (void)snprintf(p->sent, sizeof(p->sent), "get(%s)", CLIENT_PROBE_UNKNOWN);
                probe_ask(p, client_probe_get(p->b->client, CLIENT_PROBE_UNKNOWN, USER_SESSION_ID));
                return;
        case WEB_UP_PROBE_WRONG_INTERFACE:
                probe_wrong_interface(p);
                return;
        case WEB_UP_PROBE_SECOND_LOGIN: /* it would only begin one */
                (void)snprintf(p->sent, sizeof(p->sent), "start(password) on this connection");
                probe_ask(p, client_probe_login(p->b->client, CAPOS_AUTH_PASSWORD, NULL));
                return;
        case WEB_UP_PROBE_TRANSFER:
                probe_transfer(p);
                return;
        case WEB_UP_PROBE_WRONG_PROFILE:
        case WEB_UP_PROBE_METHOD_DISABLED:
        case WEB_UP_PROBE_QUOTA:
        case WEB_UP_PROBE_STALE_CALL:
                probe_connect(p);
                return;
        }
}

void probes_probe(struct bridge *b, struct asker a, enum web_up_probe which)
{
        struct probe *p = NULL;

        for (unsigned i = 0; i < PROBES && !p; i++)
                if (!probes[i].b)
                        p = &probes[i];
        if (!b->is_in)
                bridge_fail(b, a, "bridge.no-session", "there is no session");
        else if (which > WEB_UP_PROBE_STALE_CALL)
                bridge_fail(b, a, "bridge.failed", "there is no such probe");
        else if (!p)
                bridge_fail(b, a, "bridge.busy", "too much is under way");
        else {
                *p = (struct probe){.b = b, .a = a, .which = which};
                probe_begin(p);
        }
}

void probes_end(struct bridge *b)
{
        for (unsigned i = 0; i < PROBES; i++)
                if (probes[i].b == b)
                        probe_skip(&probes[i], "the session is over");
}
