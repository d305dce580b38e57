/*
 * `capos login`: authenticate, then leave an agent behind that keeps the session. By what somebody
 * authenticates is not here, but in login-ways.c and the files way-*.c.
 *
 * This process may hold a password and becomes the agent by forking, so from the start it cannot be
 * dumped or traced, and memory is overwritten when it is freed.
 */
#include "login-ways.h"
#include "system_info.capnp-c.h"
#include "transcript.h"
#include "via.h"
#include "witness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* How often, and how far apart, an agent is looked for that should go; and the greeting's time. */
enum { GOING_LOOKS = 250, GOING_MS = 20, MOTD_MS = 3000 };

/* ---- who and where ------------------------------------------------------------------------ */

/* Whether a name has to be there, or must not be; without a way in particular it may be left out,
 * for some prove whose session it is. */
static bool login_name_is_wrong(const struct way *w, bool has_name)
{
        return w && (has_name ? w->is_nobody : !w->asks_no_name);
}

/* NAME@ADDRESS, or ADDRESS alone. In an address an @ can only be behind a slash, in a path. */
static int login_split(struct login *l, const struct way *w)
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
        if (login_name_is_wrong(w, len > 0))
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
static int login_name(struct login *l, const struct way *w)
{
        const char *who = *l->account ? l->account : w ? w->name : "me";
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

/* As sshd has it: whoever was it not finds out. */
static void login_report_last(const struct capos_session_info *i)
{
        char at[64];

        if (!i->last_login_at_ms)
                return;

        cli_format_time(i->last_login_at_ms, at, sizeof(at));
        printf("Last login: %s by ", at);
        cli_print_safe(i->last_login_kind);
        printf(" from ");
        cli_print_safe(i->last_login_from);
        printf(".\n");
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
                        l->c,
                        json_pack("{s:o,s:s,s:o,s:o,s:o,s:I,s:i,s:i,s:I}", "alias",
                                  cli_json_text(l->alias), "address", l->place.text, "account",
                                  cli_json_text(i.account), "profile", cli_json_text(i.profile),
                                  "kind", cli_json_text(i.kind), "expiresAtMs",
                                  (json_int_t)i.expires_at_ms, "capabilities", (int)n, "agent",
                                  (int)pid, "lastLoginAtMs", (json_int_t)i.last_login_at_ms));

        login_report_last(&i);
        cli_format_until(i.expires_at_ms, until, sizeof(until));
        printf("Logged in as ");
        cli_print_safe(*i.account ? i.account : i.kind);
        printf(" (profile ");
        cli_print_safe(i.profile);
        printf("), %u %s, ends %s. This login is called ", n,
               n == 1 ? "capability" : "capabilities", until);
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

/* What the instance has told of its log is kept, for whoever audits it. */
static void login_witness(struct login *l)
{
        struct capos_session_info i;

        if (!capos_client_info(l->c->client, &i) ||
            witness_place(l->place.text, l->witnesses, sizeof(l->witnesses)))
                return;
        l->seed.witnesses = l->witnesses;
        witness_keep(l->witnesses, "login", i.witness_records, i.witness_hash);
}

static int login_leave_agent(struct login *l)
{
        struct agent_seed *s = &l->seed;
        int r, noted;
        pid_t pid;

        s->vat = l->c->vat;
        s->client = l->c->client;
        s->path = l->socket;
        s->alias = l->alias;
        s->address = l->place.text;
        s->key = l->key;
        s->identity = l->identity;
        s->relying_party = l->c->relying_party;
        s->issuer = l->c->issuer;
        s->timeout_ms = cli_timeout(l->c, CLI_LOGIN_MS);
        login_greeting(l);
        login_witness(l);
        via_leave(l->c);
        runtime_note_write(l->socket, "");
        noted = transcript_end(l->c, EXIT_OK); /* what the agent says is not the command's */
        cli_wipe_left();
        r = login_listen(l, &s->listener);
        if (!r)
                r = agent_start(s, &pid);
        if (r)
                return cli_fail_code(l->c, r, l->socket);

        r = login_report(l, pid);
        if (!r)
                r = noted;
        /* Ended here, without freeing: the connection is the agent's now. */
        _exit(cli_finish(l->c, r));
}

/* What has to be said before anybody is connected to. */
static int login_check_certificate(const struct login *l, const struct way *w)
{
        const struct cli *c = l->c;
        bool shows = c->certificate || w == &way_certificate;

        if (!c->certificate != !c->key)
                return cli_fail(c, EXIT_USAGE, "usage",
                                "--certificate FILE and --key FILE belong together");
        if (shows && c->via)
                return cli_fail(c, EXIT_USAGE, "usage",
                                "a certificate is shown over TLS, not through ssh");
        if (shows && l->place.at.transport != CAPOS_TRANSPORT_TLS)
                return cli_fail(c, EXIT_USAGE, "usage",
                                "%s: a certificate is shown over TLS: tls:HOST:PORT",
                                l->place.text);
        return EXIT_OK;
}

int login_read(struct login *l, const struct way **ret_only)
{
        int r = ways_asked(l->c, ret_only);

        if (!r)
                r = login_split(l, *ret_only);
        return r ? r : login_check_certificate(l, *ret_only);
}

int login_in(struct login *l, const struct way *only)
{
        int r = greet(l->c, &l->place);

        if (r)
                return r;
        login_note_offers(l);
        return ways_try(l, only);
}

int cmd_login(struct cli *c)
{
        struct login l = {.c = c};
        const struct way *only = NULL;
        int r = agent_note_inherited(&l.seed);

        if (r)
                return cli_fail_code(c, r, "/proc/self/fd");
        cli_protect();
        r = login_read(&l, &only);
        if (!r)
                r = login_name(&l, only);
        if (!r)
                r = login_in(&l, only);
        if (!r)
                r = login_leave_agent(&l);
        free(l.seed.inherited);
        return r;
}
