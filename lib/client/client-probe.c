/*
 * What every program that probes an instance asks, and how it names what comes. How answers are
 * waited for is the program's.
 *
 * Nothing here risks the session that is looked at: each function asks one thing, or finds one. On
 * it only what cannot change it is asked: two names, and one call of a service with a reference
 * that may not go there. All else is for a connection of the probe's own.
 */
#include "client-probe.h"

#include "client.h"

#include "remote_session.capnp-c.h"
#include "user_session.capnp-c.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TYPE_INTERFACE = 17 };

static const char unknown[] = "capos-probe-unknown"; /* a name that no bundle has and no profile */

static const struct {
        const char *name;
        enum capos_denial denial; /* NONE: another code */
        const char *needs;        /* to be tried */
} probes[CLIENT_PROBES] = {
        [CLIENT_PROBE_UNKNOWN_NAME] = {"unknown-name", CAPOS_DENIED_UNKNOWN_NAME, ""},
        [CLIENT_PROBE_WRONG_INTERFACE] = {"wrong-interface", CAPOS_DENIED_WRONG_INTERFACE,
                                          "it needs a session with a capability"},
        [CLIENT_PROBE_WRONG_PROFILE] = {"wrong-profile", CAPOS_DENIED_PROFILE,
                                        "it needs an instance that offers anonymous or guest "
                                        "logins"},
        [CLIENT_PROBE_DISABLED_METHOD] = {"disabled-method", CAPOS_DENIED_METHOD_DISABLED,
                                          "it needs a method that the instance does not offer"},
        [CLIENT_PROBE_SECOND_LOGIN] = {"second-login", CAPOS_DENIED_ALREADY_BOUND, ""},
        [CLIENT_PROBE_TRANSFER] = {"transfer", CAPOS_DENIED_TRANSFER,
                                   "it needs a session with a capability that may not be passed "
                                   "on, and another whose methods take a reference"},
        [CLIENT_PROBE_QUOTA] = {"quota", CAPOS_DENIED_NONE,
                                "it needs a session that may hold 1 to 4096 references"},
        [CLIENT_PROBE_STALE_CALL] = {"stale-call", CAPOS_DENIED_STALE_SESSION, ""},
};

/* ---- a row ---------------------------------------------------------------------------------- */

const char *client_probe_name(enum client_probe p)
{
        return probes[p].name;
}

void client_probe_begin(enum client_probe p, struct client_probe_row *r)
{
        *r = (struct client_probe_row){.expected = probes[p].denial
                                                           ? capos_denial_code(probes[p].denial)
                                                           : "over-quota.references"};
}

void client_probe_skip(struct client_probe_row *r, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(r->why, sizeof(r->why), fmt, ap);
        va_end(ap);
}

bool client_probe_is_good(const struct client_probe_row *r)
{
        return !strcmp(r->came, r->expected);
}

void client_probe_came(struct client_probe_row *r, const capnp_question *q)
{
        struct capos_error e;

        (void)capos_error_of_question(q, &e);
        if (!e.code)
                (void)snprintf(r->came, sizeof(r->came), "results");
        else if (e.code == CAPOS_E_DENIED)
                (void)snprintf(r->came, sizeof(r->came), "%s", capos_denial_code(e.denial));
        else if (e.code == CAPOS_E_QUOTA)
                (void)snprintf(r->came, sizeof(r->came), "over-quota.%s", e.quota);
        else
                (void)snprintf(r->came, sizeof(r->came), "%.*s", CLIENT_PROBE_WORDS - 1, e.text);
}

/* ---- what is asked -------------------------------------------------------------------------- */

static capnp_question *ask_name(const capos_client *c, const char *name, uint64_t interface)
{
        capnp_question *q = remote_cap_set_get((remote_cap_set_client){c->caps});

        if (q) {
                remote_cap_set_get_set_name(q, name);
                remote_cap_set_get_set_expected_interface_id(q, interface);
        }
        return q;
}

/* Begins to log in; profile "": whichever. */
static capnp_question *ask_login(const capos_client *c, enum capos_auth kind, const char *profile)
{
        remote_session_gateway_client g = {c->gateway};
        capnp_question *q;

        if (kind == CAPOS_AUTH_ANONYMOUS) {
                q = remote_session_gateway_anonymous(g);
                if (q)
                        remote_session_gateway_anonymous_set_requested_profile(q, profile);
        } else if (kind == CAPOS_AUTH_GUEST) {
                q = remote_session_gateway_guest(g);
                if (q)
                        remote_session_gateway_guest_set_requested_profile(q, profile);
        } else {
                q = remote_session_gateway_start(g);
                if (q)
                        remote_auth_start_set_kind(remote_session_gateway_start_init_request(q),
                                                   (enum remote_auth_kind)kind);
        }
        return q;
}

static void login_words(struct client_probe_row *r, enum capos_auth kind, const char *profile,
                        const char *more)
{
        bool nobody = kind == CAPOS_AUTH_ANONYMOUS || kind == CAPOS_AUTH_GUEST;
        const char *name = capos_auth_name(kind);

        (void)snprintf(r->sent, sizeof(r->sent), "%s(%s)%s", nobody ? name : "start",
                       nobody ? profile : name, more);
}

bool client_probe_method(const capos_client *c, bool enabled, bool nobody, enum capos_auth *ret)
{
        struct capos_method m;

        for (uint32_t i = 0; capos_client_method(c, i, &m); i++) {
                if (m.enabled != enabled)
                        continue;
                if (nobody && m.kind != CAPOS_AUTH_ANONYMOUS && m.kind != CAPOS_AUTH_GUEST)
                        continue;
                *ret = m.kind;
                return true;
        }
        return false;
}

/* There is what it needs: asks, or there is no memory. */
static capnp_question *probe_ask(enum client_probe p, const capos_client *c, enum capos_auth kind,
                                 capnp_cap *session, struct client_probe_row *r)
{
        struct capos_cap_entry e = {.name = unknown, .interface = USER_SESSION_ID ^ 1};

        switch (p) {
        case CLIENT_PROBE_UNKNOWN_NAME:
                (void)snprintf(r->sent, sizeof(r->sent), "get(%s)", unknown);
                return ask_name(c, unknown, USER_SESSION_ID);
        case CLIENT_PROBE_WRONG_INTERFACE:
                (void)capos_client_entry(c, 0, &e);
                (void)snprintf(r->sent, sizeof(r->sent), "get(%.120s) as 0x%016" PRIx64, e.name,
                               e.interface ^ 1);
                return ask_name(c, e.name, e.interface ^ 1);
        case CLIENT_PROBE_WRONG_PROFILE:
                login_words(r, kind, unknown, "");
                return ask_login(c, kind, unknown);
        case CLIENT_PROBE_DISABLED_METHOD:
                login_words(r, kind, "", "");
                return ask_login(c, kind, "");
        case CLIENT_PROBE_SECOND_LOGIN:
                login_words(r, kind, "", " again, on one connection");
                return ask_login(c, kind, "");
        case CLIENT_PROBE_QUOTA: /* the worker's own: it costs no service anything */
                return remote_session_cap_set((remote_session_client){c->session});
        case CLIENT_PROBE_STALE_CALL:
                (void)snprintf(r->sent, sizeof(r->sent), "info() after logout()");
                return remote_session_info((remote_session_client){session});
        case CLIENT_PROBE_TRANSFER:
        case CLIENT_PROBES:
                break;
        }
        return NULL;
}

capnp_question *client_probe_ask(enum client_probe p, const capos_client *c, enum capos_auth kind,
                                 capnp_cap *session, struct client_probe_row *r)
{
        struct capos_cap_entry e;
        bool can = true;
        capnp_question *q;

        if (p == CLIENT_PROBE_WRONG_INTERFACE)
                can = capos_client_entry(c, 0, &e);
        else if (p == CLIENT_PROBE_WRONG_PROFILE)
                can = client_probe_method(c, true, true, &kind);
        else if (p == CLIENT_PROBE_DISABLED_METHOD)
                can = client_probe_method(c, false, false, &kind);
        q = can ? probe_ask(p, c, kind, session, r) : NULL;
        if (!q)
                client_probe_skip(r, "%s", can ? "no memory" : probes[p].needs);
        return q;
}

uint32_t client_probe_fill(const capos_client *c, struct client_probe_row *r)
{
        struct capos_session_info i = {0};

        if (!capos_client_info(c, &i) || !i.references || i.references > CLIENT_PROBE_REFERENCES) {
                client_probe_skip(r, "%s, not %" PRIu32, probes[CLIENT_PROBE_QUOTA].needs,
                                  i.references);
                return 0;
        }
        (void)snprintf(r->sent, sizeof(r->sent),
                       "capSet() %" PRIu32 " times, of %" PRIu32 " references", i.references + 1,
                       i.references);
        return i.references + 1;
}

/* ---- a reference that may not go there ------------------------------------------------------ */

/* A method of an interface that takes a reference, and its parameter. */
static bool find_taker(const capnp_schema *s, struct client_probe_transfer *t)
{
        const capnp_decl *params;

        for (uint32_t i = 0; !capnp_schema_method(s, t->to.interface, i, &t->method); i++) {
                params = capnp_schema_find(s, t->method.params);
                for (uint32_t j = 0; params && !capnp_decl_field(params, j, &t->field); j++)
                        if (t->field.base_type == TYPE_INTERFACE && !t->field.lists)
                                return true;
        }
        return false;
}

static bool find_transfer(const capos_client *c, struct client_probe_transfer *t)
{
        for (uint32_t i = 0; capos_client_entry(c, i, &t->what); i++) {
                if (strcmp(t->what.transfer, "session") != 0)
                        continue;
                for (uint32_t j = 0; capos_client_entry(c, j, &t->to); j++)
                        if (strcmp(t->to.name, t->what.name) != 0 &&
                            t->to.interface != USER_SESSION_ID &&
                            find_taker(capos_client_schema_peek(c), t))
                                return true;
        }
        return false;
}

capnp_question *client_probe_get(capos_client *c, struct client_probe_transfer *ret,
                                 struct client_probe_row *r)
{
        bool can = find_transfer(c, ret);
        capnp_question *q = can ? ask_name(c, ret->what.name, ret->what.interface) : NULL;

        if (can)
                (void)snprintf(r->sent, sizeof(r->sent), "%.48s.%.48s(%.40s = %.48s)", ret->to.name,
                               ret->method.name, ret->field.name, ret->what.name);
        if (!q)
                client_probe_skip(r, "%s", can ? "no memory" : probes[CLIENT_PROBE_TRANSFER].needs);
        return q;
}

static capnp_cap *passed_find(void *arg, uint32_t n)
{
        (void)n;
        return arg;
}

capnp_question *client_probe_pass(capos_client *c, const struct client_probe_transfer *t,
                                  capnp_question *got, struct client_probe_row *r)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *target = NULL;
        struct capnp_dynamic_method m = {.vat = c->vat, .info = t->method};
        struct capnp_dynamic_opts o = {.find = passed_find, .arg = remote_cap_set_get_cap(got)};
        char params[CLIENT_PROBE_WORDS];
        capnp_question *q = NULL;
        int n = snprintf(params, sizeof(params), "{\"%s\": {\"$cap\": 0}}", t->field.name);

        target = capos_client_get(c, t->to.name, t->to.interface);
        m.target = target;
        if (!o.arg || !target || n < 0 || (size_t)n >= sizeof(params) ||
            capnp_dynamic_call(capos_client_schema_peek(c), &m, (capnp_text){params, (uint32_t)n},
                               &o, &q, NULL))
                (void)snprintf(r->came, sizeof(r->came), "the call could not be made");
        return q;
}
