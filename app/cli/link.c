/*
 * The way from a command to its session: find the agent, connect, and hold the session as if it had
 * been logged in to here. What this process gets through it is dropped by the agent when it ends.
 */
#include "agent.capnp-c.h"
#include "runtime.h"
#include "transcript.h"
#include "via.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int link_connect(struct cli *c, const char *path)
{
        int fd, r;

        r = runtime_connect(path, RUNTIME_AGENT, &fd, &c->peer_pid);
        if (r)
                return r;
        r = c->vat ? 0 : capnp_vat_new(&c->vat);
        if (r)
                return r;
        r = capnp_conn_new(c->vat, fd, &runtime_limits, NULL, &c->conn);
        if (!r)
                transcript_watch(c, c->conn, "agent");
        return r ? r : capnp_rpc_bootstrap(capnp_conn_rpc(c->conn), &c->remote);
}

int cli_open_agent(struct cli *c, const char *alias)
{
        char path[RUNTIME_PATH];

        c->peer = "the agent of this login";
        return runtime_socket(c, alias, false, path, sizeof(path)) ? -EINVAL
                                                                   : link_connect(c, path);
}

/* " (work ended at 12:30:01: revoked)", when that is known. */
static void link_why(const struct cli *c, const char *alias, char *to, size_t room)
{
        char name[RUNTIME_PATH], why[RUNTIME_WHY], at[64];
        uint64_t at_ms;

        to[0] = 0;
        if (!runtime_note_read(c, alias, name, why, &at_ms))
                return;
        cli_format_time(at_ms, at, sizeof(at));
        (void)snprintf(to, room, " (%s ended at %s: %s)", name, at, why);
}

static int link_none(const struct cli *c, const char *alias)
{
        char why[800];

        link_why(c, alias, why, sizeof(why));
        if (alias)
                return cli_fail(c, EXIT_NO_CONNECTION, "no-session",
                                "there is no login called %s%s: `capos sessions` lists them, "
                                "`capos login NAME@HOST:PORT --as %s` makes it",
                                alias, why, alias);
        return cli_fail(c, EXIT_NO_CONNECTION, "no-session",
                        "you are not logged in%s: capos login NAME@HOST:PORT", why);
}

/* The only login whose agent lives. An exit code. */
static int link_only(struct cli *c, char *alias, size_t room)
{
        struct runtime_aliases all;
        char path[RUNTIME_PATH];
        unsigned alive = 0;
        pid_t pid;
        int fd, r;

        r = runtime_list(c, &all);
        if (r)
                return r;

        for (unsigned i = 0; i < all.n; i++) {
                r = runtime_socket(c, all.name[i], false, path, sizeof(path));
                if (r)
                        return r;
                r = runtime_connect(path, RUNTIME_AGENT, &fd, &pid);
                if (r && r != -EAGAIN) /* it lives, and is stuck */
                        continue;
                if (!r)
                        (void)close(fd);
                if (!alive++)
                        (void)snprintf(alias, room, "%s", all.name[i]);
        }
        if (!alive)
                return link_none(c, NULL);
        if (alive > 1)
                return cli_fail(c, EXIT_USAGE, "which-session",
                                "there are %u logins: choose one by --session ALIAS or "
                                "$CAPOS_SESSION (`capos sessions` lists them)",
                                alive);
        return EXIT_OK;
}

int cli_session_of_agent(struct cli *c)
{
        CAPNP_AUTO(capnp_question_freep)
        capnp_question *q = session_agent_session((session_agent_client){c->remote});
        int r = capos_client_new_of_session(c->vat, session_agent_session_session(q).c, &c->client);

        if (!r)
                capos_client_set_timeout(c->client, cli_timeout(c, CLI_ANSWER_MS));
        return r;
}

/* An exit code; the login's name is told, where it is known. */
static int link_open(struct cli *c, char alias[static RUNTIME_PATH])
{
        const char *named = c->session ? c->session : secure_getenv("CAPOS_SESSION");
        char path[RUNTIME_PATH];
        int r;

        (void)snprintf(alias, RUNTIME_PATH, "%s", named ? named : "");
        r = *alias ? EXIT_OK : link_only(c, alias, RUNTIME_PATH);
        if (!r)
                r = runtime_socket(c, alias, false, path, sizeof(path));
        if (r)
                return r;

        r = link_connect(c, path);
        if (r == -ENOENT || r == -ECONNREFUSED)
                return link_none(c, alias);
        c->peer = "the agent of this login";
        if (r == -EAGAIN)
                return cli_fail_late(c, NULL);
        if (r)
                return cli_fail_code(c, r, path);

        (void)snprintf(c->login, sizeof(c->login), "%s", alias);
        r = cli_session_of_agent(c);
        return r ? cli_fail_code(c, r, path) : EXIT_OK;
}

int cli_open_session(struct cli *c)
{
        char alias[RUNTIME_PATH];

        return link_open(c, alias);
}

int cli_open_and_fetch(struct cli *c)
{
        char alias[RUNTIME_PATH];
        int r = link_open(c, alias);

        if (r)
                return r;

        r = capos_client_wait(c->client, capos_client_fetch(c->client, NULL, NULL));
        /* It has ended just now, and says why where it says so to those who come later. */
        if (r && capnp_rpc_is_closed(capnp_conn_rpc(c->conn), NULL))
                return link_none(c, alias);
        return r ? cli_fail_error(c, capos_client_error_peek(c->client), NULL) : EXIT_OK;
}

void cli_close(struct cli *c)
{
        via_leave(c);
        c->client = capos_client_free(c->client);
        c->remote = capnp_cap_unref(c->remote);
        c->conn = capnp_conn_unref(c->conn);
        c->vat = capnp_vat_free(c->vat);
        c->late = false;
        c->peer = NULL;
}
