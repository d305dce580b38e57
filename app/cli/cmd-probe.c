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
#include "login-ways.h"
#include "remote_session.capnp-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct probe {
        struct cli *c;
        capos_client *user;     /* the session of the login that is probed */
        struct login l;         /* what the probe's own is made by; c->client is its connection */
        const struct way *only; /* likewise, when the command line says it; NULL: as nobody */
        enum capos_auth kind;   /* of the probe's own session */
        char missing[CLIENT_PROBE_WORDS]; /* why there is none; "": there is */
        unsigned good, bad, left;         /* rows */
        json_t *rows;
};

/* ---- the rows ------------------------------------------------------------------------------- */

/* Sends a question and waits for how it ends, which is the row's. Whether it has ended. */
static bool row_wait(struct probe *p, struct client_probe_row *r, capnp_question *q)
{
        if (!q)
                return false;
        if (!cli_wait_some(p->c, q, cli_timeout(p->c, CLI_ANSWER_MS)) &&
            !capnp_question_is_done(q)) {
                (void)snprintf(r->came, sizeof(r->came), "no answer in time");
                return false;
        }
        client_probe_came(r, q);
        return true;
}

static void row_ask(struct probe *p, enum client_probe which, capnp_cap *session,
                    struct client_probe_row *r)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        bool users = which == CLIENT_PROBE_UNKNOWN_NAME || which == CLIENT_PROBE_WRONG_INTERFACE;

        q = client_probe_ask(which, users ? p->user : p->c->client, p->kind, session, r);
        (void)row_wait(p, r, q);
}

static void probe_transfer(struct probe *p, struct client_probe_row *r)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *got = NULL;
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        struct client_probe_transfer t;
        struct capos_cap_entry e;

        for (uint32_t i = 0; capos_client_entry(p->user, i, &e); i++)
                (void)!capos_client_wait(
                        p->user, capos_client_fetch_schema(p->user, e.interface, NULL, NULL));
        got = client_probe_get(p->user, &t, r);
        if (!row_wait(p, r, got) || strcmp(r->came, "results") != 0)
                return;
        q = client_probe_pass(p->user, &t, got, r);
        (void)row_wait(p, r, q);
}

/* Until it is full; then all is given back, and there is room again. */
static void probe_quota(struct probe *p, struct client_probe_row *r)
{
        const uint32_t most = client_probe_fill(p->c->client, r);
        capnp_question **held = most ? calloc(most, sizeof(capnp_question *)) : NULL;
        uint32_t n = 0;

        while (held && n < most && (!n || !strcmp(r->came, "results"))) {
                held[n] = client_probe_ask(CLIENT_PROBE_QUOTA, p->c->client, p->kind, NULL, r);
                (void)row_wait(p, r, held[n++]);
        }
        while (n)
                capnp_question_free(held[--n]);
        free(held);
        if (!held || !client_probe_is_good(r))
                return;
        row_ask(p, CLIENT_PROBE_QUOTA, NULL, r);
        (void)snprintf(r->came, sizeof(r->came), "%s%s", r->expected,
                       strcmp(r->came, "results") ? ", and after they were given back" : "");
}

static void probe_stale_call(struct probe *p, struct client_probe_row *r)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *session = NULL;

        session = capnp_cap_ref(capos_client_session_peek(p->c->client));
        if (!capos_client_wait(p->c->client, capos_client_logout(p->c->client, NULL, NULL))) {
                row_ask(p, CLIENT_PROBE_STALE_CALL, session, r);
                return;
        }
        (void)snprintf(r->sent, sizeof(r->sent), "logout()");
        (void)snprintf(r->came, sizeof(r->came), "%.*s", CLIENT_PROBE_WORDS - 1,
                       capos_client_error_peek(p->c->client)->text);
}

static void probe_row(struct probe *p, enum client_probe which, struct client_probe_row *r)
{
        client_probe_begin(which, r);
        if (which == CLIENT_PROBE_TRANSFER)
                probe_transfer(p, r);
        else if (which >= CLIENT_PROBE_SECOND_LOGIN && *p->missing)
                client_probe_skip(r, "%s", p->missing);
        else if (which == CLIENT_PROBE_QUOTA)
                probe_quota(p, r);
        else if (which == CLIENT_PROBE_STALE_CALL)
                probe_stale_call(p, r);
        else
                row_ask(p, which, NULL, r);
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

static void row_print(struct probe *p, const char *name, const struct client_probe_row *r)
{
        const char *end = !*r->came ? "skipped" : client_probe_is_good(r) ? "ok" : "NOT";

        p->good += *r->came && client_probe_is_good(r);
        p->bad += *r->came && !client_probe_is_good(r);
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
        struct client_probe_row r;
        int failed;

        for (enum client_probe i = 0; i < CLIENT_PROBES; i++) {
                if (i == CLIENT_PROBE_SECOND_LOGIN && p->only) {
                        failed = probe_prove(p);
                        if (failed)
                                return failed;
                } else if (i == CLIENT_PROBE_SECOND_LOGIN) {
                        probe_enter(p);
                }
                probe_row(p, i, &r);
                row_print(p, client_probe_name(i), &r);
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
        if (p->good + p->bad + p->left < CLIENT_PROBES) {
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
