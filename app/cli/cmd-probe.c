/*
 * `capos probe`: eight things that an instance has to refuse, sent to it, and what came.
 *
 * The login that is probed is not put at risk. On its session only what cannot change it is asked:
 * two names, and one call of a service with a reference that may not go there. All else happens on
 * a connection of the probe's own: what binds it, fills it and ends it is a session that it makes
 * for that, as nobody where the instance lets nobody in, else by the proof that the command line
 * names.
 *
 * Whoever is asked may be no instance of ours, or one that is broken: then a row says what came in
 * place of the refusal, and the next is tried. A row that cannot be tried says what it would need;
 * it is no failure, and not counted as a success.
 */
#include "agent.capnp-c.h"
#include "client-probe.h"
#include "client.h"
#include "login-ways.h"
#include "remote_session.capnp-c.h"
#include "user_session.capnp-c.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 200 };

struct row {
        char sent[WORDS], expected[48], came[WORDS]; /* came: "" when it was not tried */
        char why[WORDS];                             /* … why not */
};

struct probe {
        struct cli *c;
        capos_client *user;       /* the session of the login that is probed */
        struct login l;           /* what the probe's own is made by; c->client is its connection */
        const struct way *only;   /* likewise, when the command line says it; NULL: as nobody */
        enum capos_auth kind;     /* of the probe's own session */
        char missing[WORDS];      /* why there is none; "": there is */
        unsigned good, bad, left; /* rows */
        json_t *rows;
};

/* ---- what came ------------------------------------------------------------------------------ */

static void row_skip(struct row *r, const char *fmt, ...) CAPNP_PRINTF(2, 3);

static void row_skip(struct row *r, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(r->why, sizeof(r->why), fmt, ap);
        va_end(ap);
}

/* Sends a question and waits for how it ends, which is the row's. */
static void row_ask(struct probe *p, struct row *r, capnp_question *q)
{
        struct capos_error e;

        if (!q)
                (void)snprintf(r->came, sizeof(r->came), "no memory");
        else if (!cli_wait_some(p->c, q, cli_timeout(p->c, CLI_ANSWER_MS)) &&
                 !capnp_question_is_done(q))
                (void)snprintf(r->came, sizeof(r->came), "no answer in time");
        else {
                (void)capos_error_of_question(q, &e);
                client_probe_name(&e, r->came, sizeof(r->came));
        }
}

static bool row_is_good(const struct row *r)
{
        return !strcmp(r->came, r->expected);
}

static void row_expect(struct row *r, enum capos_denial d)
{
        (void)snprintf(r->expected, sizeof(r->expected), "%s", capos_denial_code(d));
}

/* ---- what is sent --------------------------------------------------------------------------- */

static void login_words(struct row *r, enum capos_auth kind, const char *profile, const char *more)
{
        if (kind == CAPOS_AUTH_ANONYMOUS || kind == CAPOS_AUTH_GUEST)
                (void)snprintf(r->sent, sizeof(r->sent), "%s(%s)%s", capos_auth_name(kind), profile,
                               more);
        else
                (void)snprintf(r->sent, sizeof(r->sent), "start(%s)%s", capos_auth_name(kind),
                               more);
}

/* ---- the rows ------------------------------------------------------------------------------- */

static void probe_unknown_name(struct probe *p, struct row *r)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;

        row_expect(r, CAPOS_DENIED_UNKNOWN_NAME);
        (void)snprintf(r->sent, sizeof(r->sent), "get(%s)", CLIENT_PROBE_UNKNOWN);
        q = client_probe_get(p->user, CLIENT_PROBE_UNKNOWN, USER_SESSION_ID);
        row_ask(p, r, q);
}

static void probe_wrong_interface(struct probe *p, struct row *r)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        struct capos_cap_entry e;

        row_expect(r, CAPOS_DENIED_WRONG_INTERFACE);
        if (!capos_client_entry(p->user, 0, &e)) {
                row_skip(r, "it needs a session with a capability");
                return;
        }
        (void)snprintf(r->sent, sizeof(r->sent), "get(%s) as 0x%016" PRIx64, e.name,
                       e.interface ^ 1);
        q = client_probe_get(p->user, e.name, e.interface ^ 1);
        row_ask(p, r, q);
}

/* Somebody who has proved nothing is told about the profiles of nobody alone. */
static void probe_wrong_profile(struct probe *p, struct row *r)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        enum capos_auth kind;

        row_expect(r, CAPOS_DENIED_PROFILE);
        if (!client_probe_method(p->c->client, true, true, &kind)) {
                row_skip(r, "it needs an instance that offers anonymous or guest logins");
                return;
        }
        login_words(r, kind, CLIENT_PROBE_UNKNOWN, "");
        q = client_probe_login(p->c->client, kind, CLIENT_PROBE_UNKNOWN);
        row_ask(p, r, q);
}

static void probe_disabled_method(struct probe *p, struct row *r)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        enum capos_auth kind;

        row_expect(r, CAPOS_DENIED_METHOD_DISABLED);
        if (!client_probe_method(p->c->client, false, false, &kind)) {
                row_skip(r, "it needs a method that the instance does not offer");
                return;
        }
        login_words(r, kind, "", "");
        q = client_probe_login(p->c->client, kind, NULL);
        row_ask(p, r, q);
}

static void probe_second_login(struct probe *p, struct row *r)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;

        row_expect(r, CAPOS_DENIED_ALREADY_BOUND);
        if (*p->missing) {
                row_skip(r, "%s", p->missing);
                return;
        }
        login_words(r, p->kind, "", " again, on one connection");
        q = client_probe_login(p->c->client, p->kind, NULL);
        row_ask(p, r, q);
}

static capnp_cap *reference_find(void *arg, uint32_t n)
{
        (void)n;
        return arg;
}

/* Calls a method of one capability with another as its parameter. What is passed is waited for:
 * while it is a promise, the call could go ahead of it. */
static void transfer_ask(struct probe *p, struct row *r, const struct capos_cap_entry *what,
                         const struct capos_cap_entry *to)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *target = NULL;
        CAPNP_AUTO(capnp_question_freep) capnp_question *got = NULL;
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        const capnp_schema *s = capos_client_schema_peek(p->user);
        struct capnp_dynamic_opts o = {.find = reference_find};
        struct capnp_dynamic_method m = {.vat = p->c->vat};
        struct capnp_field_info f;
        char params[WORDS];
        int n;

        if (!client_probe_taker(s, to->interface, &m.info, &f))
                return;
        (void)snprintf(r->sent, sizeof(r->sent), "%s.%s(%s = %s)", to->name, m.info.name, f.name,
                       what->name);
        got = client_probe_get(p->user, what->name, what->interface);
        row_ask(p, r, got);
        if (strcmp(r->came, "results") != 0)
                return;
        target = capos_client_get(p->user, to->name, to->interface);
        o.arg = remote_cap_set_get_cap(got);
        m.target = target;
        n = snprintf(params, sizeof(params), "{\"%s\": {\"$cap\": 0}}", f.name);
        if (!o.arg || !target || n < 0 || (size_t)n >= sizeof(params) ||
            capnp_dynamic_call(s, &m, (capnp_text){params, (uint32_t)n}, &o, &q, NULL))
                (void)snprintf(r->came, sizeof(r->came), "the call could not be made");
        else
                row_ask(p, r, q);
}

/* A reference that may not be passed on, and a service of another capability that takes one. */
static void probe_transfer(struct probe *p, struct row *r)
{
        struct capos_cap_entry what, to;

        row_expect(r, CAPOS_DENIED_TRANSFER);
        for (uint32_t i = 0; capos_client_entry(p->user, i, &what); i++) {
                if (strcmp(what.transfer, "session") != 0)
                        continue;
                for (uint32_t j = 0; capos_client_entry(p->user, j, &to) && !*r->sent; j++)
                        if (strcmp(to.name, what.name) != 0 && to.interface != USER_SESSION_ID &&
                            !capos_client_wait(p->user, capos_client_fetch_schema(
                                                                p->user, to.interface, NULL, NULL)))
                                transfer_ask(p, r, &what, &to);
                if (*r->sent)
                        return;
        }
        row_skip(r, "it needs a session with a capability that may not be passed on, and another "
                    "whose methods take a reference");
}

/* The reference is the worker's own: it costs no service anything, and is in no log. */
static capnp_question *ask_cap_set(const capos_client *c)
{
        return remote_session_cap_set((remote_session_client){c->session});
}

static void probe_quota(struct probe *p, struct row *r)
{
        struct capos_session_info i = {0};
        capnp_question **held;
        uint32_t n = 0;

        (void)snprintf(r->expected, sizeof(r->expected), "over-quota.references");
        if (*p->missing) {
                row_skip(r, "%s", p->missing);
                return;
        }
        if (!capos_client_info(p->c->client, &i) || !i.references ||
            i.references > CLIENT_PROBE_REFERENCES) {
                row_skip(r, "it needs a session that may hold 1 to %d references, not %" PRIu32,
                         CLIENT_PROBE_REFERENCES, i.references);
                return;
        }
        held = calloc(i.references + 1, sizeof(capnp_question *));
        while (held && n <= i.references && (!n || !strcmp(r->came, "results"))) {
                held[n] = ask_cap_set(p->c->client);
                row_ask(p, r, held[n++]);
        }
        (void)snprintf(r->sent, sizeof(r->sent),
                       "capSet() %" PRIu32 " times, of %" PRIu32 " references", n, i.references);
        while (n)
                capnp_question_free(held[--n]);
        if (held && row_is_good(r)) {
                held[0] = ask_cap_set(p->c->client);
                row_ask(p, r, held[0]);
                capnp_question_free(held[0]);
                (void)snprintf(r->came, sizeof(r->came), "%s%s", r->expected,
                               strcmp(r->came, "results") ? ", and after they were given back"
                                                          : "");
        }
        free(held);
}

static void probe_stale_call(struct probe *p, struct row *r)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *session = NULL;
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;

        row_expect(r, CAPOS_DENIED_STALE_SESSION);
        if (*p->missing) {
                row_skip(r, "%s", p->missing);
                return;
        }
        session = capnp_cap_ref(capos_client_session_peek(p->c->client));
        if (capos_client_wait(p->c->client, capos_client_logout(p->c->client, NULL, NULL))) {
                (void)snprintf(r->sent, sizeof(r->sent), "logout()");
                (void)snprintf(r->came, sizeof(r->came), "%.*s", WORDS - 1,
                               capos_client_error_peek(p->c->client)->text);
                return;
        }
        (void)snprintf(r->sent, sizeof(r->sent), "info() after logout()");
        q = remote_session_info((remote_session_client){session});
        row_ask(p, r, q);
}

/* ---- the probe's own session ---------------------------------------------------------------- */

/* As nobody. There may be none, and then rows say why. Like every login on a connection of its own:
 * what was tried before may have bound the first. */
static void probe_enter(struct probe *p)
{
        struct capos_login how = {.client = "capos probe"};
        struct capos_error e = {0};

        if (!client_probe_method(p->c->client, true, true, &how.kind)) {
                (void)snprintf(p->missing, sizeof(p->missing),
                               "it needs a session of its own, and the instance lets nobody in: "
                               "--method NAME, as for `capos login`");
                return;
        }
        p->kind = how.kind;
        (void)capos_error_of(greet_connect(p->c, &p->l.place), (capnp_exception){0}, &e);
        if (!e.code) {
                capos_client_set_timeout(p->c->client, cli_timeout(p->c, CLI_ANSWER_MS));
                (void)!capos_client_wait(p->c->client,
                                         capos_client_login(p->c->client, &how, NULL, NULL));
                e = *capos_client_error_peek(p->c->client);
        }
        if (e.code)
                (void)snprintf(p->missing, sizeof(p->missing),
                               "it needs a session of its own, and got none: %.100s", e.text);
}

/* … or by a proof. An exit code. */
static int probe_prove(struct probe *p)
{
        login_reconnect(&p->l);
        p->kind = p->only->kind;
        return ways_try(&p->l, p->only);
}

/* ---- all rows ------------------------------------------------------------------------------- */

/* From `second-login` on there is a session of the probe's own. */
static const struct {
        const char *name;
        void (*run)(struct probe *p, struct row *r);
} rows[] = {
        {"unknown-name", probe_unknown_name},
        {"wrong-interface", probe_wrong_interface},
        {"wrong-profile", probe_wrong_profile},
        {"disabled-method", probe_disabled_method},
        {"second-login", probe_second_login},
        {"transfer", probe_transfer},
        {"quota", probe_quota},
        {"stale-call", probe_stale_call},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]), FIRST_OWN = 4 };

static void row_print(struct probe *p, const char *name, const struct row *r)
{
        const char *end = !*r->came ? "skipped" : row_is_good(r) ? "ok" : "NOT";

        p->good += *r->came && row_is_good(r);
        p->bad += *r->came && !row_is_good(r);
        p->left += !*r->came;
        if (p->c->json) {
                (void)json_array_append_new(p->rows, json_pack("{s:s,s:o,s:s,s:o,s:s,s:o}", "row",
                                                               name, "sent", cli_json_text(r->sent),
                                                               "expected", r->expected, "came",
                                                               cli_json_text(r->came), "outcome",
                                                               end, "why", cli_json_text(r->why)));
                return;
        }
        printf("%-16s ", name);
        cli_print_padded(*r->came ? r->sent : "-", 44);
        printf(" %-24s ", r->expected);
        cli_print_padded(*r->came ? r->came : "-", 24);
        printf(" %s", end);
        if (!*r->came)
                printf(": ");
        cli_print_safe(r->why);
        printf("\n");
        (void)fflush(stdout);
}

/* An exit code: a proof has failed, which was said. */
static int probe_rows(struct probe *p)
{
        struct row r;
        int failed;

        for (unsigned i = 0; i < ROWS; i++) {
                if (i == FIRST_OWN && p->only) {
                        failed = probe_prove(p);
                        if (failed)
                                return failed;
                } else if (i == FIRST_OWN) {
                        probe_enter(p);
                }
                memset(&r, 0, sizeof(r));
                rows[i].run(p, &r);
                row_print(p, rows[i].name, &r);
        }
        return p->bad ? EXIT_FAILED : EXIT_OK;
}

/* Which login that is, and where its instance is. An exit code. */
static int probe_place(struct probe *p, char alias[RUNTIME_PATH])
{
        CAPNP_AUTO(capnp_question_freep)
        capnp_question *q = session_agent_info((session_agent_client){p->c->remote});
        agent_info_reader a;

        if (cli_wait(p->c, q, CLI_ANSWER_MS))
                return cli_fail_question(p->c, q, NULL);

        a = session_agent_info_info(q);
        (void)snprintf(alias, RUNTIME_PATH, "%s", agent_info_alias(a).p);
        (void)snprintf(p->l.account, sizeof(p->l.account), "%s", agent_info_account(a).p);
        return greet_place_read(p->c, agent_info_address(a).p, &p->l.place);
}

/* The login is one side; the other is a connection of its own, which c->client is from here on. */
static int probe_login(struct probe *p)
{
        char alias[RUNTIME_PATH];
        int r = probe_place(p, alias);

        if (r)
                return r;

        p->user = p->c->client;
        p->c->client = NULL;
        p->c->peer = NULL;
        r = greet(p->c, &p->l.place);
        if (r)
                return r;

        login_note_offers(&p->l);
        if (!p->c->json) {
                cli_print_safe(alias);
                printf("\n%-16s %-44s %-24s %s\n", "", "sent", "expected", "came");
                r = probe_rows(p);
                printf("%u as expected, %u not, %u skipped\n", p->good, p->bad, p->left);
                return r;
        }
        p->rows = json_array();
        r = probe_rows(p);
        if (p->good + p->bad + p->left < ROWS) {
                json_decref(p->rows);
                return r;
        }
        (void)cli_print_json(p->c,
                             json_pack("{s:o,s:o,s:i,s:i,s:i}", "session", cli_json_text(alias),
                                       "rows", p->rows, "expected", (int)p->good, "not",
                                       (int)p->bad, "skipped", (int)p->left));
        return r;
}

static int probe_one(struct cli *c, const struct way *only)
{
        struct probe p = {.c = c, .only = only, .l = {.c = c}};
        int r = cli_open_and_fetch(c);

        if (!r)
                r = probe_login(&p);
        if (p.user) {
                capos_client_free(c->client);
                c->client = p.user;
        }
        cli_close(c);
        return r;
}

int cmd_probe(struct cli *c)
{
        const struct way *only = NULL;
        int r, worst = ways_asked(c, &only);

        if (worst)
                return worst;

        cli_protect();
        if (!c->nwords)
                return probe_one(c, only);
        for (unsigned i = 0; i < c->nwords; i++) {
                c->session = c->words[i];
                r = probe_one(c, only);
                if (r > worst)
                        worst = r;
        }
        return worst;
}
