/*
 * `capos login`: authenticate, then leave an agent behind that keeps the session.
 *
 * With neither a password nor a key asked for, keys are tried first, all that there are, then a
 * password is asked for on the terminal. The instance may slow down who fails: that is waited for.
 *
 * This process may hold a password and becomes the agent by forking, so from the start it cannot be
 * dumped or traced, and memory is overwritten when it is freed.
 */
#include "agent.h"
#include "greet.h"
#include "keys.h"
#include "runtime.h"
#include "system_info.capnp-c.h"
#include "via.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { PASSWORD_ROOM = 1040, PASSWORD_BYTES = 1024, PASSWORD_TRIES = 3 };

/* How long an attempt, and all of them, wait when the instance asks for it. */
enum { WAIT_SECONDS = 20, WAIT_ALL_SECONDS = 60 };

/* How often, and how far apart, an agent is looked for that should go; and the greeting's time. */
enum { GOING_LOOKS = 250, GOING_MS = 20, MOTD_MS = 3000 };

/* What is logged in to, and how far that has come. */
struct login {
        struct cli *c;
        struct greet_place place;
        char account[128], alias[RUNTIME_PATH], socket[RUNTIME_PATH];
        char password[PASSWORD_ROOM];
        struct capos_login how;
        struct capos_error error;                  /* of the last attempt */
        enum capos_auth methods[CAPOS_AUTH_KINDS]; /* those that are enabled */
        unsigned nmethods, attempts, waited;
        bool greeted; /* the connection has not been used for an attempt */
        char key[KEYS_PRINT], identity[PATH_MAX]; /* what it was made by, for renewals */
        struct agent_seed seed;
};

/* ---- who and where ------------------------------------------------------------------------ */

static bool login_needs_account(const struct cli *c)
{
        return !c->anonymous && !c->guest;
}

/* Whose a certificate is, the instance knows. */
static bool login_may_leave_out(const struct cli *c)
{
        return c->certificate != NULL;
}

/* NAME@ADDRESS, or ADDRESS alone. In an address an @ can only be behind a slash, in a path. */
static int login_split(struct login *l)
{
        const char *word = l->c->words[0], *at = memrchr(word, '@', strcspn(word, "/"));
        const char *address = at ? at + 1 : word;
        size_t len = at ? (size_t)(at - word) : 0;
        int r;

        if (strstr(word, "://") && strncmp(address, "capos://", 8) != 0)
                return cli_fail(l->c, EXIT_USAGE, "usage",
                                "%s: an address is no URL: capos login %s", word,
                                strstr(word, "://") + 3);
        r = greet_place_read(l->c, address, &l->place);
        if (r)
                return r;
        if (login_needs_account(l->c) != (len > 0) && !login_may_leave_out(l->c))
                return cli_fail(l->c, EXIT_USAGE, "usage",
                                len ? "%s: an anonymous or guest login has no name: capos login "
                                      "HOST:PORT --anonymous"
                                    : "%s: whose session? capos login NAME@HOST:PORT, or "
                                      "HOST:PORT with --anonymous or --guest",
                                word);
        if (len >= sizeof(l->account))
                return cli_fail(l->c, EXIT_USAGE, "usage", "%s: the name is too long", word);

        memcpy(l->account, word, len);
        return EXIT_OK;
}

/* Waits until the agent behind a socket has gone. false: it stays. */
static bool agent_goes(const struct login *l)
{
        pid_t pid;
        int fd, r;

        for (unsigned i = 0; i < GOING_LOOKS; i++) {
                r = runtime_connect(l->socket, RUNTIME_AGENT, &fd, &pid);
                if (r)
                        return r == -ENOENT || r == -ECONNREFUSED;
                /* When a caller leaves, an agent looks whether its session is still there. */
                (void)close(fd);
                (void)usleep(GOING_MS * 1000);
        }
        return false;
}

/*
 * Makes room for this login. A login of the same name whose session is over is none: its agent has
 * only not noticed. 0; -EEXIST: it lives; else an exit code.
 */
static int login_replace(struct login *l)
{
        struct cli *c = l->c;
        bool stuck;
        int r = cli_open_agent(c, l->alias);

        if (r == -ENOENT || r == -ECONNREFUSED) {
                cli_close(c);
                return EXIT_OK;
        }
        if (r == -EAGAIN)
                return cli_fail_late(c, NULL);
        if (r)
                return cli_fail_code(c, r, l->socket);

        r = cli_session_of_agent(c);
        if (!r)
                r = capos_client_wait(c->client, capos_client_fetch(c->client, NULL, NULL));
        stuck = r == -ETIMEDOUT;
        if (stuck)
                r = cli_fail_error(c, capos_client_error_peek(c->client), NULL);
        cli_close(c);
        if (stuck)
                return r;
        return r && agent_goes(l) ? EXIT_OK : -EEXIST;
}

/* The name of the login here, and its socket; nobody may listen there. */
static int login_name(struct login *l)
{
        const char *who = l->c->anonymous ? "anonymous"
                          : l->c->guest   ? "guest"
                          : *l->account   ? l->account
                                          : "certificate";
        int r;

        if (l->c->alias)
                (void)snprintf(l->alias, sizeof(l->alias), "%s", l->c->alias);
        else
                (void)snprintf(l->alias, sizeof(l->alias), "%.32s@%.60s", who, l->place.text);
        for (char *p = l->alias; !l->c->alias && *p; p++)
                if (*p == '/')
                        *p = '_';

        r = runtime_socket(l->c, l->alias, true, l->socket, sizeof(l->socket));
        if (r)
                return r;
        r = login_replace(l);
        if (r != -EEXIST)
                return r;
        return cli_fail(l->c, EXIT_FAILED, "already-logged-in",
                        "you are logged in as %s already: `capos logout --session %s` first, or "
                        "choose another name by --as",
                        l->alias, l->alias);
}

/* ---- attempts ----------------------------------------------------------------------------- */

/* "denied.backoff: try again in 2 seconds" */
static unsigned backoff_seconds(const struct capos_error *e)
{
        unsigned s = 0;

        if (e->denial != CAPOS_DENIED_BACKOFF ||
            sscanf(capos_denial_detail_peek(e->text), "try again in %u seconds", &s) != 1)
                return 0;
        return s;
}

/* Whether the connection may be used for one more attempt: of ssh's that is asked more of, for a
 * new one may ask the user something. */
static bool login_is_connected(const struct login *l)
{
        return l->greeted || (l->c->via && l->error.code != CAPNP_E_DISCONNECTED);
}

/* A connection of its own for each: a failed one may be closed by the instance. */
static int login_try_once(struct login *l)
{
        struct cli *c = l->c;
        int r = 0;

        if (!login_is_connected(l))
                r = greet_connect(c, &l->place);
        l->greeted = false;
        if (r)
                return capos_error_of(r, (capnp_exception){CAPNP_FAILED, ""}, &l->error);

        capos_client_set_timeout(c->client, cli_timeout(c, CLI_LOGIN_MS));
        r = capos_client_wait(c->client, capos_client_login(c->client, &l->how, NULL, NULL));
        l->error = *capos_client_error_peek(c->client);
        return r;
}

static int login_try(struct login *l)
{
        unsigned s;
        int r = login_try_once(l);

        for (l->attempts++; r; r = login_try_once(l)) {
                s = backoff_seconds(&l->error);
                if (!s || s > WAIT_SECONDS || l->waited + s > WAIT_ALL_SECONDS)
                        break;
                if (s > 2)
                        (void)fprintf(stderr,
                                      "capos: the instance asks for %u seconds between "
                                      "attempts\n",
                                      s);
                (void)sleep(s);
                l->waited += s;
        }
        return r;
}

static void login_note_methods(struct login *l)
{
        struct capos_method m;

        l->greeted = true;
        for (uint32_t i = 0; capos_client_method(l->c->client, i, &m); i++)
                if (m.enabled && l->nmethods < CAPOS_AUTH_KINDS)
                        l->methods[l->nmethods++] = m.kind;
}

/* Whether the instance has said that it offers a way to log in. */
static bool login_can(const struct login *l, enum capos_auth kind)
{
        for (unsigned i = 0; i < l->nmethods; i++)
                if (l->methods[i] == kind)
                        return true;
        return false;
}

static int login_try_key(struct login *l, capos_key *key)
{
        int r;

        if (capos_key_needs_touch(key))
                (void)fprintf(stderr, "capos: touch the security key %s\n",
                              capos_key_fingerprint_peek(key));
        l->how.kind = CAPOS_AUTH_PUBLIC_KEY;
        l->how.key = key;
        r = login_try(l);
        l->how.key = NULL;
        if (!r)
                keys_print(key, l->key);
        return r;
}

/* Three times, as ssh does it, where a person types. */
static int login_try_password(struct login *l)
{
        unsigned tries = l->c->password_stdin ? 1 : PASSWORD_TRIES;
        char prompt[512];
        int r;

        (void)snprintf(prompt, sizeof(prompt), "Password of %s at %s", l->account, l->place.text);
        for (;;) {
                r = cli_read_password(l->c, prompt, l->c->password_stdin, false, l->password,
                                      PASSWORD_BYTES + 1);
                if (r)
                        return r;

                l->how.kind = CAPOS_AUTH_PASSWORD;
                l->how.password =
                        (capnp_data){(const uint8_t *)l->password, (uint32_t)strlen(l->password)};
                r = login_try(l);
                explicit_bzero(l->password, sizeof(l->password));
                if (r != CAPOS_E_DENIED || l->error.denial != CAPOS_DENIED_CREDENTIALS || !--tries)
                        return r ? cli_fail_error(l->c, &l->error, "login") : EXIT_OK;
                (void)fprintf(stderr, "That is not right, try again.\n");
        }
}

/* --identity: this key and nothing else. */
static int login_try_identity(struct login *l)
{
        CAPNP_AUTO(capos_key_freep) capos_key *key = NULL;
        int r = keys_of_identity(l->c, l->c->identity, &key);

        if (r)
                return r;

        r = login_try_key(l, key);
        if (!r && !realpath(l->c->identity, l->identity))
                l->identity[0] = 0;
        return r ? cli_fail_error(l->c, &l->error, "login") : EXIT_OK;
}

/* 0: logged in. Else l->error, when there was any key at all. */
static int login_try_keys(struct login *l)
{
        CAPNP_AUTO(keys_deinit) struct keys keys = {0};
        capos_key *key = NULL;
        unsigned left;
        int r = CAPOS_E_METHOD;

        while (keys_next(l->c, &keys, &key)) {
                r = login_try_key(l, key);
                key = capos_key_free(key);
                if (!r || (r != CAPOS_E_DENIED && r != CAPOS_E_AGENT && r != CAPOS_E_METHOD))
                        break;
                if (r == CAPOS_E_DENIED && l->error.denial != CAPOS_DENIED_CREDENTIALS)
                        break;
        }
        left = r ? keys_left(&keys) : 0;
        if (left)
                (void)fprintf(stderr,
                              "capos: %u keys of the ssh-agent were not tried: name the right one "
                              "by --identity FILE.pub\n",
                              left);
        return r;
}

static int login_try_default(struct login *l)
{
        int r = login_can(l, CAPOS_AUTH_PUBLIC_KEY) ? login_try_keys(l) : CAPOS_E_METHOD;

        if (!r)
                return EXIT_OK;
        if (r == CAPOS_E_DENIED && l->error.denial == CAPOS_DENIED_PROFILE)
                return cli_fail_error(l->c, &l->error, "login");
        if (l->attempts && r != CAPOS_E_DENIED && r != CAPOS_E_AGENT)
                return cli_fail_error(l->c, &l->error, "login");
        if (!login_can(l, CAPOS_AUTH_PASSWORD))
                return l->attempts ? cli_fail_error(l->c, &l->error, "login")
                                   : cli_fail(l->c, EXIT_DENIED, "denied.method-disabled",
                                              "login: the instance takes no password, and there "
                                              "is no key (see `capos methods`)");
        return login_try_password(l);
}

static int login_authenticate(struct login *l)
{
        struct cli *c = l->c;

        l->how.account = l->account;
        l->how.profile = c->profile;
        l->how.client = "capos";
        l->how.end_others = c->end_others;
        if (c->anonymous || c->guest) {
                l->how.kind = c->guest ? CAPOS_AUTH_GUEST : CAPOS_AUTH_ANONYMOUS;
                return login_try(l) ? cli_fail_error(c, &l->error, "login") : EXIT_OK;
        }
        if (c->certificate) {
                l->how.kind = CAPOS_AUTH_MTLS;
                return login_try(l) ? cli_fail_error(c, &l->error, "login") : EXIT_OK;
        }
        if (c->identity)
                return login_try_identity(l);
        if (c->password || c->password_stdin)
                return login_try_password(l);
        return login_try_default(l);
}

/* ---- what is left behind ------------------------------------------------------------------ */

static int login_listen(const struct login *l, int *ret_fd)
{
        struct sockaddr_un un = {.sun_family = AF_UNIX};
        mode_t mask;
        int r = 0;

        memcpy(un.sun_path, l->socket, strlen(l->socket));
        *ret_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (*ret_fd < 0)
                return -errno;

        mask = umask(0177);
        if (bind(*ret_fd, (struct sockaddr *)&un, sizeof(un)) < 0 ||
            listen(*ret_fd, AGENT_QUEUE) < 0)
                r = -errno;
        (void)umask(mask);
        return r;
}

static int login_report(const struct login *l, pid_t pid)
{
        struct capos_session_info i;
        struct capos_cap_entry e;
        char until[64];
        uint32_t n = 0;

        (void)capos_client_info(l->c->client, &i);
        while (capos_client_entry(l->c->client, n, &e))
                n++;
        if (l->c->json)
                return cli_print_json(
                        l->c, json_pack("{s:o,s:s,s:o,s:o,s:o,s:I,s:i,s:i}", "alias",
                                        cli_json_text(l->alias), "address", l->place.text,
                                        "account", cli_json_text(i.account), "profile",
                                        cli_json_text(i.profile), "kind", cli_json_text(i.kind),
                                        "expiresAtMs", (json_int_t)i.expires_at_ms, "capabilities",
                                        (int)n, "agent", (int)pid));

        cli_format_until(i.expires_at_ms, until, sizeof(until));
        printf("Logged in as ");
        cli_print_safe(*i.account ? i.account : i.kind);
        printf(" (profile ");
        cli_print_safe(i.profile);
        printf("), %u capabilities, ends %s. This login is called ", n, until);
        cli_print_safe(l->alias);
        printf(".\n");
        return EXIT_OK;
}

/* The instance's greeting, for a person: a program would not read it. */
static void login_greeting(struct login *l)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *cap = NULL;
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        struct capos_cap_entry e;

        if (l->c->json || !isatty(STDOUT_FILENO) ||
            !capos_client_find(l->c->client, "system_info", &e) || e.interface != SYSTEM_INFO_ID)
                return;
        cap = capos_client_get(l->c->client, e.name, e.interface);
        q = system_info_motd((system_info_client){cap});
        if (!cli_wait_some(l->c, q, MOTD_MS) || !system_info_motd_text(q).len)
                return;
        cli_print_lines(system_info_motd_text(q).p);
}

static int login_leave_agent(struct login *l)
{
        struct agent_seed *s = &l->seed;
        pid_t pid;
        int r;

        s->vat = l->c->vat;
        s->client = l->c->client;
        s->path = l->socket;
        s->alias = l->alias;
        s->address = l->place.text;
        s->key = l->key;
        s->identity = l->identity;
        login_greeting(l);
        via_leave(l->c);
        runtime_note_write(l->socket, "");
        cli_wipe_heap();
        r = login_listen(l, &s->listener);
        if (!r)
                r = agent_start(s, &pid);
        if (r)
                return cli_fail_code(l->c, r, l->socket);

        r = login_report(l, pid);
        /* Ended here, without freeing: the connection is the agent's now. */
        _exit(cli_finish(l->c, r));
}

/* One way, and all of it. */
static int login_check_ways(const struct cli *c)
{
        if (c->anonymous + c->guest + (c->password || c->password_stdin) + (c->identity != NULL) +
                    (c->certificate != NULL) >
            1)
                return cli_fail(c, EXIT_USAGE, "usage",
                                "choose one of --anonymous, --guest, --password, --identity, "
                                "--certificate");
        if (!c->certificate != !c->key)
                return cli_fail(c, EXIT_USAGE, "usage",
                                "--certificate FILE and --key FILE belong together");
        if (c->certificate && c->via)
                return cli_fail(c, EXIT_USAGE, "usage",
                                "a certificate is shown over TLS, not through ssh");
        return EXIT_OK;
}

int cmd_login(struct cli *c)
{
        struct login l = {.c = c};
        int r = agent_note_inherited(&l.seed);

        if (r)
                return cli_fail_code(c, r, "/proc/self/fd");
        cli_protect();
        r = login_check_ways(c);
        if (!r)
                r = login_split(&l);
        if (!r && c->certificate && l.place.at.transport != CAPOS_TRANSPORT_TLS)
                r = cli_fail(c, EXIT_USAGE, "usage",
                             "%s: a certificate is shown over TLS: tls:HOST:PORT", l.place.text);
        if (!r)
                r = login_name(&l);
        if (!r)
                r = greet(c, &l.place);
        if (!r)
                login_note_methods(&l);
        if (!r)
                r = login_authenticate(&l);
        if (!r)
                r = login_leave_agent(&l);
        free(l.seed.inherited);
        return r;
}
