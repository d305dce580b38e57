/* Commands about the session that is: what it is, what it has, renewing it. */
#include "agent.capnp-c.h"
#include "client.h"
#include "keys.h"
#include "owner.h"
#include "renew-steps.h"
#include "runtime.h"
#include "session-address.h"
#include "tls-fingerprint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- whoami ------------------------------------------------------------------------------- */

/* Whom the agent is connected to. */
struct reached {
        char address[CAPOS_ADDRESS_WHERE + 16]; /* as it was given */
        char key[TLS_FINGERPRINT_TEXT];         /* behind TLS, else "" */
        uint32_t reconnects;
        uint64_t reconnected_at_ms;
};

static json_t *info_json(const struct capos_session_info *i)
{
        return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:I,s:I,s:b,s:{s:I,s:I,s:I,s:I,s:I}}", "id",
                         cli_json_text(i->id), "account", cli_json_text(i->account), "profile",
                         cli_json_text(i->profile), "kind", cli_json_text(i->kind), "transport",
                         cli_json_text(i->transport), "source", cli_json_text(i->source),
                         "startedAtMs", (json_int_t)i->started_at_ms, "expiresAtMs",
                         (json_int_t)i->expires_at_ms, "renewable", i->renew_challenge.len > 0,
                         "quota", "references", (json_int_t)i->references, "calls",
                         (json_int_t)i->calls, "queuedBytes", (json_int_t)i->queued_bytes,
                         "messageBytes", (json_int_t)i->message_bytes, "callsPerSecond",
                         (json_int_t)i->calls_per_second);
}

static json_t *use_json(const struct cli *c)
{
        json_t *all = json_object();
        struct capos_quota_use u;

        for (uint32_t i = 0; capos_client_use(c->client, i, &u); i++)
                (void)json_object_set_new(all, u.name,
                                          json_pack("{s:I,s:I,s:I}", "limit", (json_int_t)u.limit,
                                                    "used", (json_int_t)u.used, "most",
                                                    (json_int_t)u.most));
        return all;
}

static void use_print(const struct cli *c)
{
        struct capos_quota_use u;

        for (uint32_t i = 0; capos_client_use(c->client, i, &u); i++) {
                printf("%s", i ? "           " : "uses       ");
                cli_print_padded(u.name, 16);
                printf(" %" PRIu64, u.used);
                if (u.limit)
                        printf(" of %" PRIu64, u.limit);
                printf(", %" PRIu64 " at most so far\n", u.most);
        }
}

static void line_print(const char *name, const char *value)
{
        printf("%-10s ", name);
        cli_print_safe(value);
        printf("\n");
}

static void info_print(const struct capos_session_info *i, const struct reached *at_whom)
{
        char at[64], until[64], both[160];

        line_print("instance", at_whom->address);
        if (*at_whom->key)
                line_print("key", at_whom->key);
        line_print("account", *i->account ? i->account : "(none)");
        line_print("profile", i->profile);
        line_print("by", i->kind);
        line_print("session", i->id);
        line_print("from", i->source);
        line_print("transport", i->transport);
        cli_format_time(i->started_at_ms, at, sizeof(at));
        line_print("since", at);
        cli_format_time(i->expires_at_ms, at, sizeof(at));
        cli_format_until(i->expires_at_ms, until, sizeof(until));
        (void)snprintf(both, sizeof(both), "%s (%s)", at, until);
        line_print("ends", both);
        line_print("renewable", i->renew_challenge.len ? "yes, by `capos renew`" : "no");
        if (at_whom->reconnects) {
                cli_format_time(at_whom->reconnected_at_ms, at, sizeof(at));
                (void)snprintf(both, sizeof(both), "%u %s, last at %s", at_whom->reconnects,
                               at_whom->reconnects == 1 ? "time" : "times", at);
                line_print("dropped", both);
        }
}

static int reached_fetch(struct cli *c, struct reached *ret)
{
        CAPNP_AUTO(capnp_question_freep)
        capnp_question *q = session_agent_info((session_agent_client){c->remote});
        agent_info_reader a;
        capnp_data key;
        int r = cli_wait(c, q, CLI_ANSWER_MS);

        if (r)
                return cli_fail_question(c, q, NULL);

        a = session_agent_info_info(q);
        key = agent_info_server_key_hash(a);
        *ret = (struct reached){.reconnects = agent_info_reconnects(a),
                                .reconnected_at_ms = agent_info_reconnected_at_ms(a)};
        (void)snprintf(ret->address, sizeof(ret->address), "%s", agent_info_address(a).p);
        if (key.len == TLS_KEY_HASH_BYTES)
                capos_i_tls_fingerprint_print(key.p, ret->key);
        return EXIT_OK;
}

int cmd_whoami(struct cli *c)
{
        struct capos_session_info i;
        struct reached at_whom;
        json_t *all;
        int r = cli_open_and_fetch(c);

        if (!r)
                r = reached_fetch(c, &at_whom);
        if (r)
                return r;

        (void)capos_client_info(c->client, &i);
        if (!c->json) {
                info_print(&i, &at_whom);
                if (c->lng)
                        use_print(c);
                return EXIT_OK;
        }
        all = info_json(&i);
        (void)json_object_set_new(all, "instance", cli_json_text(at_whom.address));
        (void)json_object_set_new(all, "key", json_string(at_whom.key));
        (void)json_object_set_new(all, "use", use_json(c));
        (void)json_object_set_new(all, "reconnects", json_integer(at_whom.reconnects));
        return cli_print_json(c, all);
}

/* ---- caps --------------------------------------------------------------------------------- */

/* Taken back: its lease is over, and the session is not, or it could not be asked. */
static bool entry_is_revoked(const struct capos_cap_entry *e)
{
        return e->lease_expires_ms && e->lease_expires_ms <= cli_now_ms();
}

/* By name; empty: it has all. */
static json_t *methods_json(const struct cli *c, const struct capos_cap_entry *e)
{
        json_t *all = json_array();
        struct capos_cap_method m;

        for (uint32_t i = 0; capos_client_entry_method(c->client, e->name, i, &m); i++)
                (void)json_array_append_new(all, cli_json_text(m.name));
        return all;
}

static json_t *entry_json(const struct cli *c, const struct capos_cap_entry *e)
{
        char id[24];

        (void)snprintf(id, sizeof(id), "0x%016" PRIx64, e->interface);
        return json_pack("{s:o,s:s,s:o,s:I,s:b,s:o,s:o,s:b,s:o}", "name", cli_json_text(e->name),
                         "interfaceId", id, "transferPolicy", cli_json_text(e->transfer),
                         "leaseExpiresAtMs", (json_int_t)e->lease_expires_ms, "revoked",
                         entry_is_revoked(e), "title", cli_json_text(e->title), "summary",
                         cli_json_text(e->summary), "ui", e->ui, "methods", methods_json(c, e));
}

static void methods_print(const struct cli *c, const struct capos_cap_entry *e)
{
        struct capos_cap_method m;

        for (uint32_t i = 0; capos_client_entry_method(c->client, e->name, i, &m); i++) {
                printf(i ? ", " : "\n  methods    ");
                cli_print_safe(m.name);
        }
}

static void entry_print_long(const struct cli *c, const struct capos_cap_entry *e)
{
        char id[24], until[64];

        cli_print_safe(e->name);
        printf("\n");
        (void)snprintf(id, sizeof(id), "0x%016" PRIx64, e->interface);
        cli_format_until(e->lease_expires_ms, until, sizeof(until));
        if (entry_is_revoked(e))
                (void)snprintf(until, sizeof(until), "revoked");
        printf("  interface  %s\n  lease ends %s\n  transfer   ", id, until);
        cli_print_safe(e->transfer);
        if (e->ui)
                printf("\n  panes      it may propose some");
        methods_print(c, e);
        printf("\n  ");
        cli_print_safe(e->title);
        printf(": ");
        cli_print_safe(e->summary);
        printf("\n");
}

static void entry_print(const struct capos_cap_entry *e)
{
        cli_print_padded(e->name, 20);
        printf(entry_is_revoked(e) ? " (revoked) " : " ");
        cli_print_safe(*e->summary ? e->summary : e->title);
        printf("\n");
}

int cmd_caps(struct cli *c)
{
        json_t *all = c->json ? json_array() : NULL;
        struct capos_cap_entry e;
        int r = cli_open_and_fetch(c);

        for (uint32_t i = 0; !r && capos_client_entry(c->client, i, &e); i++) {
                if (c->json)
                        (void)json_array_append_new(all, entry_json(c, &e));
                else if (c->lng)
                        entry_print_long(c, &e);
                else
                        entry_print(&e);
        }
        if (r || !c->json) {
                json_decref(all);
                return r;
        }
        return cli_print_json(c, json_pack("{s:o}", "capabilities", all));
}

/* ---- renew -------------------------------------------------------------------------------- */

/* The key that --identity names; else the one that the login was made by. */
static int renew_key(struct cli *c, agent_info_reader login, capos_key **ret_k)
{
        const char *print = agent_info_key(login).p, *file = agent_info_identity(login).p;
        CAPNP_AUTO(keys_deinit) struct keys keys = {.only = print};

        if (c->identity)
                return keys_of_identity(c, c->identity, ret_k);
        if (*print && *file)
                return keys_of_identity(c, file, ret_k);
        if (*print && keys_next(c, &keys, ret_k))
                return EXIT_OK;
        if (*print)
                return cli_fail(c, EXIT_FAILED, "key",
                                "the key that this session was made by, %s, is neither in an "
                                "ssh-agent nor in ~/.ssh: capos renew --identity FILE",
                                print);
        return cli_fail(c, EXIT_USAGE, "usage", "by which key? capos renew --identity FILE");
}

/* A service account's key is in a file. */
static int renew_service_key(struct cli *c, agent_info_reader login, capos_key **ret_k)
{
        const char *file = c->identity ? c->identity : agent_info_identity(login).p;

        if (!*file)
                return cli_fail(c, EXIT_USAGE, "usage",
                                "by which key, or token? capos renew --identity FILE, or "
                                "--token-file FILE");
        return keys_of_file(c, file, ret_k);
}

/* One that waits for a finger. */
static void renew_say_touch(const capos_key *key)
{
        if (capos_key_needs_touch(key))
                (void)fprintf(stderr, "capos: touch the security key %s\n",
                              capos_key_fingerprint_peek(key));
}

/* By what made the session, unless an option says otherwise. */
static enum capos_auth renew_kind(const struct cli *c, const char *made_by)
{
        if (cli_has_password_option(c))
                return CAPOS_AUTH_PASSWORD;
        if (!strcmp(made_by, capos_auth_name(CAPOS_AUTH_SERVICE)))
                return CAPOS_AUTH_SERVICE;
        if (c->identity || !strcmp(made_by, capos_auth_name(CAPOS_AUTH_PUBLIC_KEY)))
                return CAPOS_AUTH_PUBLIC_KEY;

        return strcmp(made_by, capos_auth_name(CAPOS_AUTH_MTLS)) ? CAPOS_AUTH_PASSWORD
                                                                 : CAPOS_AUTH_MTLS;
}

static bool is_kind(const char *text, enum capos_auth kind)
{
        return !strcmp(text, capos_auth_name(kind));
}

/* Whether it is proved in steps, and how: by what an option says, else by what made the session. */
static bool renew_has_steps(const struct cli *c, const char *made_by, enum capos_auth *ret_kind)
{
        bool chosen = c->method || c->identity || cli_has_password_option(c);

        if (c->passkey_command || is_kind(made_by, CAPOS_AUTH_PASSKEY))
                *ret_kind = CAPOS_AUTH_PASSKEY;
        else if (c->token_file)
                *ret_kind = CAPOS_AUTH_SERVICE;
        else if (chosen ? c->method && !strcmp(c->method, "oidc")
                        : is_kind(made_by, CAPOS_AUTH_OIDC_PKCE))
                *ret_kind = CAPOS_AUTH_OIDC_PKCE;
        else if (chosen ? c->method != NULL : is_kind(made_by, CAPOS_AUTH_OIDC_DEVICE_CODE))
                *ret_kind = CAPOS_AUTH_OIDC_DEVICE_CODE;
        else
                return false;
        return true;
}

/* By what a session is raised: by what an option says. CAPOS_AUTH_KINDS: none does. */
static enum capos_auth raise_kind(const struct cli *c)
{
        const char *m = c->method ? c->method : "";

        if (c->passkey_command)
                return CAPOS_AUTH_PASSKEY;
        if (!strcmp(m, "oidc"))
                return CAPOS_AUTH_OIDC_PKCE;
        if (!strcmp(m, "oidc-device"))
                return CAPOS_AUTH_OIDC_DEVICE_CODE;
        if (c->identity || !strcmp(m, "key"))
                return CAPOS_AUTH_PUBLIC_KEY;
        if (cli_has_password_option(c) || !strcmp(m, "password"))
                return CAPOS_AUTH_PASSWORD;

        return CAPOS_AUTH_KINDS;
}

static int renew_by_steps(struct cli *c, enum capos_auth kind)
{
        if (kind == CAPOS_AUTH_PASSKEY)
                return renew_by_passkey(c);
        if (kind == CAPOS_AUTH_SERVICE)
                return renew_by_token(c);

        return renew_by_page(c, kind == CAPOS_AUTH_OIDC_DEVICE_CODE);
}

/* What a proof by key names of the connection, which is the agent's, as is what it was made by. */
static int renew_by_key(struct cli *c, enum capos_auth kind, struct capnp_buf *proof)
{
        CAPNP_AUTO(capnp_question_freep)
        capnp_question *q = session_agent_info((session_agent_client){c->remote});
        CAPNP_AUTO(capos_key_freep) capos_key *key = NULL;
        struct capos_login how = {.kind = kind, .key_id = c->key_id};
        agent_info_reader login;
        struct capos_error e;
        int r = cli_wait(c, q, CLI_ANSWER_MS);

        if (r)
                return cli_fail_question(c, q, NULL);

        login = session_agent_info_info(q);
        r = client_binding_set(c->client, agent_info_channel_binding(login),
                               agent_info_server_key_hash(login));
        if (r)
                return cli_fail_code(c, r, "renew");
        r = kind == CAPOS_AUTH_SERVICE ? renew_service_key(c, login, &key)
                                       : renew_key(c, login, &key);
        if (r)
                return r;

        renew_say_touch(key);
        how.key = key;
        return capos_client_renewal_proof(c->client, &how, proof, &e)
                       ? cli_fail_error(c, &e, "renew")
                       : EXIT_OK;
}

static int renew_by_password(struct cli *c, struct capnp_buf *proof)
{
        struct capos_login how = {.kind = CAPOS_AUTH_PASSWORD};
        char password[1040] = {0}, prompt[256];
        struct capos_session_info i;
        struct capos_error e;
        int r;

        (void)capos_client_info(c->client, &i);
        (void)snprintf(prompt, sizeof(prompt), "Password of %.100s", i.account);
        r = cli_take_password(c, prompt, false, password, 1025);
        if (r)
                return r;

        how.password = (capnp_data){(const uint8_t *)password, (uint32_t)strlen(password)};
        r = capos_client_renewal_proof(c->client, &how, proof, &e);
        explicit_bzero(password, sizeof(password));
        return r ? cli_fail_error(c, &e, "renew") : EXIT_OK;
}

/* To another profile, by another proof, which the agent's session is then worth. */
static int renew_raising(struct cli *c, const char *account)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        CAPNP_AUTO(capos_key_freep) capos_key *key = NULL;
        enum capos_auth kind = raise_kind(c);
        int r;

        if (kind == CAPOS_AUTH_KINDS)
                return cli_fail(c, EXIT_USAGE, "usage",
                                "by what is it raised to %s? --identity FILE, --password, "
                                "--passkey-command COMMAND, or --method oidc or oidc-device",
                                c->profile);
        if (kind == CAPOS_AUTH_PASSWORD)
                return raise_by_password(c, account);
        if (kind != CAPOS_AUTH_PUBLIC_KEY)
                return renew_by_steps(c, kind);

        q = session_agent_info((session_agent_client){c->remote});
        if (cli_wait(c, q, CLI_ANSWER_MS))
                return cli_fail_question(c, q, NULL);
        r = renew_key(c, session_agent_info_info(q), &key);
        if (r)
                return r;

        renew_say_touch(key);
        return raise_by_key(c, key);
}

static bool renew_has_method(const char *name)
{
        for (unsigned i = 0; renew_method(i); i++)
                if (!strcmp(renew_method(i), name))
                        return true;
        return false;
}

/* Whether what is asked for is something. An exit code. */
static int renew_read(struct cli *c, uint64_t *ret_duration_ms)
{
        const char *m = c->method;

        if (c->duration && !cli_parse_duration(c->duration, ret_duration_ms))
                return cli_fail(c, EXIT_USAGE, "usage", "%s: a duration is like 90s, 10m or 2h",
                                c->duration);
        if (!m || renew_has_method(m) ||
            (c->profile && (!strcmp(m, "key") || !strcmp(m, "password"))))
                return EXIT_OK;

        return cli_fail(c, EXIT_USAGE, "usage", "--method oidc, or oidc-device%s",
                        c->profile ? "; key, or password" : "");
}

int cmd_renew(struct cli *c)
{
        CAPNP_AUTO(cli_buf_deinit) struct capnp_buf proof = {0};
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        struct capos_session_info i;
        uint64_t duration_ms = 0;
        enum capos_auth kind;
        int r = EXIT_OK;

        cli_protect();
        r = renew_read(c, &duration_ms);
        if (r)
                return r;
        r = cli_open_and_fetch(c);
        if (r)
                return r;

        (void)capos_client_info(c->client, &i);
        if (!i.renew_challenge.len)
                return cli_fail(c, EXIT_FAILED, "not-renewable",
                                "this session cannot be renewed: log in again");
        if (c->profile || renew_has_steps(c, i.kind, &kind)) {
                r = c->profile ? renew_raising(c, i.account) : renew_by_steps(c, kind);
                cli_close(c);
                return r ? r : cmd_whoami(c);
        }
        kind = renew_kind(c, i.kind);
        capnp_buf_init(&proof, 16 * 1024);
        /* A certificate was shown when the connection was made. */
        if (kind == CAPOS_AUTH_PUBLIC_KEY || kind == CAPOS_AUTH_SERVICE)
                r = renew_by_key(c, kind, &proof);
        else if (kind != CAPOS_AUTH_MTLS)
                r = renew_by_password(c, &proof);
        if (r)
                return r;

        q = session_agent_renew((session_agent_client){c->remote});
        session_agent_renew_set_proof(q,
                                      (capnp_data){(const uint8_t *)proof.p, (uint32_t)proof.len});
        session_agent_renew_set_requested_duration_ms(q, duration_ms);
        if (cli_wait(c, q, CLI_LOGIN_MS))
                return cli_fail_question(c, q, "renew");
        cli_close(c);
        return cmd_whoami(c);
}

/* ---- sessions ----------------------------------------------------------------------------- */

static json_t *agent_json(agent_info_reader i)
{
        return json_pack("{s:o,s:o,s:o,s:o,s:o,s:I,s:i,s:I,s:o,s:i}", "alias",
                         cli_json_text(agent_info_alias(i).p), "address",
                         cli_json_text(agent_info_address(i).p), "account",
                         cli_json_text(agent_info_account(i).p), "profile",
                         cli_json_text(agent_info_profile(i).p), "kind",
                         cli_json_text(agent_info_kind(i).p), "expiresAtMs",
                         (json_int_t)agent_info_expires_at_ms(i), "agent", (int)agent_info_pid(i),
                         "droppedAtMs", (json_int_t)agent_info_dropped_at_ms(i), "droppedWhy",
                         cli_json_text(agent_info_dropped_why(i).p), "reconnects",
                         (int)agent_info_reconnects(i));
}

static void agent_print(agent_info_reader i)
{
        char until[64];

        cli_format_until(agent_info_expires_at_ms(i), until, sizeof(until));
        cli_print_padded(agent_info_alias(i).p, 32);
        printf(" ");
        cli_print_safe(agent_info_profile(i).p);
        printf(" at ");
        cli_print_safe(agent_info_address(i).p);
        printf(", ends %s", until);
        if (agent_info_reconnects(i))
                printf(", reconnected %ux", agent_info_reconnects(i));
        if (agent_info_dropped_at_ms(i))
                printf(", the line has dropped: reconnecting");
        if (*agent_info_dropped_why(i).p) {
                printf("; the last try: ");
                cli_print_safe(agent_info_dropped_why(i).p);
        }
        printf("\n");
}

/* A login whose agent does not answer: it is there, and what it is cannot be known. */
static void agent_add_stuck(const struct cli *c, const char *alias, json_t *all)
{
        if (c->json) {
                (void)json_array_append_new(all, json_pack("{s:o,s:i,s:b}", "alias",
                                                           cli_json_text(alias), "agent",
                                                           (int)c->peer_pid, "stuck", 1));
                return;
        }
        cli_print_padded(alias, 32);
        printf(" its agent (process %d) %s\n", (int)c->peer_pid,
               cli_peer_is_stopped(c) ? "is stopped" : "does not answer");
}

/* One login; a socket without a living agent is passed over. */
static void sessions_add(struct cli *c, const char *alias, json_t *all)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        int r = cli_open_agent(c, alias);

        if (r && r != -EAGAIN)
                return;
        if (!r) {
                q = session_agent_info((session_agent_client){c->remote});
                r = cli_wait(c, q, CLI_ANSWER_MS);
        }
        if (r && !c->late && r != -EAGAIN)
                return;
        if (r)
                agent_add_stuck(c, alias, all);
        else if (c->json)
                (void)json_array_append_new(all, agent_json(session_agent_info_info(q)));
        else
                agent_print(session_agent_info_info(q));
}

int cmd_sessions(struct cli *c)
{
        struct runtime_aliases names;
        json_t *all;
        int r = c->far ? owner_show(c) : runtime_list(c, &names);

        if (r || c->far)
                return r;

        all = c->json ? json_array() : NULL;
        for (unsigned i = 0; i < names.n; i++) {
                sessions_add(c, names.name[i], all);
                cli_close(c);
        }
        return c->json ? cli_print_json(c, json_pack("{s:o}", "sessions", all)) : EXIT_OK;
}
