/*
 * `capos mcp`: the tools of a login for a model. What it speaks and decides is in app/mcp; here is
 * how it comes to its session, when it needs it for the first time, and again when that has ended:
 * by the agent of a login, as any other command, or by a login of its own, which asks nobody
 * anything and ends with it.
 */
#include "back.h"
#include "login-ways.h"
#include "mcp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LEAVE_MS = 1000 };

struct mcp_link {
        struct cli *c;
        struct mcp_run *r;
        struct back back;   /* of a login's agent */
        struct login login; /* of one of its own */
        const struct way *only;
        bool is_open, is_own;
        char said[CLI_SAID];
        char log[512], desk[RUNTIME_PATH];
};

/* ---- the session of a login's agent ---------------------------------------------------------- */

static void link_on_lost(void *arg)
{
        mcp_run_lost(((struct mcp_link *)arg)->r);
}

static void link_on_back(void *arg)
{
        mcp_run_back(((struct mcp_link *)arg)->r);
}

static void link_on_closed(capnp_conn *conn, void *arg)
{
        struct mcp_link *l = arg;

        (void)conn;
        mcp_run_ended(l->r, "denied.stale-session",
                      "the login has ended: somebody has to log in again");
        capnp_vat_stop(l->c->vat);
}

static int link_take(struct mcp_link *l)
{
        int r = cli_open_and_fetch(l->c);

        if (r)
                return r;
        l->back = (struct back){
                .c = l->c, .on_lost = link_on_lost, .on_back = link_on_back, .arg = l};
        back_begin(&l->back);
        capnp_conn_on_close(l->c->conn, link_on_closed, l);
        return EXIT_OK;
}

/* ---- a session of its own -------------------------------------------------------------------- */

static void own_on_back(capos_client *c, int r, void *arg)
{
        struct mcp_link *l = arg;

        if (r)
                mcp_run_ended(l->r, "denied.stale-session", capos_client_error_peek(c)->text);
        else
                mcp_run_back(l->r);
}

/* The line has dropped: it is made again where that takes no proof of anybody's. */
static void own_on_end(capos_client *c, const struct capos_error *why, void *arg)
{
        struct mcp_link *l = arg;

        if (capos_client_reconnect(c, 0, own_on_back, l))
                mcp_run_ended(l->r, "denied.stale-session", why->text);
        else
                mcp_run_lost(l->r);
        capnp_vat_stop(l->c->vat);
}

static int own_take(struct mcp_link *l)
{
        int r;

        l->login = (struct login){.c = l->c}; /* nothing of one that was there before */
        r = login_read(&l->login, &l->only);
        if (!r)
                r = login_in(&l->login, l->only);
        if (!r)
                capos_client_on_end(l->c->client, own_on_end, l);
        return r;
}

/* The instance is told, as far as it listens: nobody waits for it longer than a host does. */
static void own_leave(struct mcp_link *l)
{
        capos_client_on_end(l->c->client, NULL, NULL);
        capos_client_set_timeout(l->c->client, LEAVE_MS);
        (void)!capos_client_wait(l->c->client, capos_client_logout(l->c->client, NULL, NULL));
}

/* ---- both ------------------------------------------------------------------------------------ */

static void link_close(void *arg)
{
        struct mcp_link *l = arg;
        struct cli *c = l->c;

        if (l->is_open && l->is_own)
                own_leave(l);
        else if (l->is_open)
                back_end(&l->back);
        if (c->conn)
                capnp_conn_on_close(c->conn, NULL, NULL);
        l->is_open = false;
        c->client = capos_client_free(c->client);
        c->remote = capnp_cap_unref(c->remote);
        c->conn = capnp_conn_unref(c->conn);
}

/* $XDG_STATE_HOME/capos/mcp.log, its folder made. "": there is no home. */
static void log_path(char *to, size_t room)
{
        const char *xdg = secure_getenv("XDG_STATE_HOME"), *home = secure_getenv("HOME");
        int n = 0;

        if (xdg && *xdg == '/')
                n = snprintf(to, room, "%s/capos", xdg);
        else if (home && *home == '/')
                n = snprintf(to, room, "%s/.local/state/capos", home);
        if (n <= 0 || (size_t)n + sizeof("/mcp.log") > room) {
                *to = 0;
                return;
        }
        (void)!runtime_make_folders(to); /* what is wrong with it, the file says */
        (void)snprintf(to + n, room - (size_t)n, "/mcp.log");
}

static capos_client *link_open(void *arg, struct capos_error *ret_e)
{
        struct mcp_link *l = arg;

        link_close(l);
        if (!*l->log)
                log_path(l->log, sizeof(l->log));
        if (!*l->desk && runtime_desk(l->c, getpid(), l->desk, sizeof(l->desk)))
                *l->desk = 0;
        if (l->is_own ? own_take(l) : link_take(l)) {
                link_close(l);
                (void)snprintf(ret_e->text, sizeof(ret_e->text), "%.500s", l->said);
                return NULL;
        }
        l->is_open = true;
        return l->c->client;
}

static const struct mcp_session_ops session_ops = {.open = link_open, .close = link_close};

/* ---- the command ----------------------------------------------------------------------------- */

/* Hosts pass little of their environment on. Where logins are is found without it, too: a machine
 * with systemd has made that folder, for its user alone, and that it is so is looked at as ever. */
static void runtime_guess(struct cli *c, char *to, size_t room)
{
        const char *base = secure_getenv("XDG_RUNTIME_DIR");

        if (c->runtime || (base && *base))
                return;
        (void)snprintf(to, room, "/run/user/%u/capos", (unsigned)geteuid());
        if (!access(to, F_OK))
                c->runtime = to;
}

int cmd_mcp(struct cli *c)
{
        char runtime[64];
        struct mcp_link l = {.c = c, .login = {.c = c}, .is_own = c->nwords > 0};
        struct mcp_options o = {.session = &session_ops,
                                .arg = &l,
                                .version = CAPOS_VERSION,
                                .policy = c->policy,
                                .share = c->share};
        int r;

        if (c->json)
                return cli_fail(c, EXIT_USAGE, "usage",
                                "mcp prints no JSON of ours: its standard output is MCP");
        c->non_interactive = true; /* standard input is the host's */
        r = l.is_own ? login_read(&l.login, &l.only) : EXIT_OK;
        if (r)
                return r;
        cli_protect();
        runtime_guess(c, runtime, sizeof(runtime));
        r = capnp_vat_new(&c->vat);
        if (r)
                return cli_fail_code(c, r, NULL);
        o.vat = c->vat;
        o.log = l.log;
        o.desk = l.desk;
        r = mcp_run_new(&o, &l.r);
        if (r == -EINVAL)
                return cli_fail(c, EXIT_USAGE, "policy", "%s: the policy is wrong", c->policy);
        if (r)
                return cli_fail_code(c, r, NULL);
        c->said = l.said;
        r = mcp_run(l.r);
        l.r = mcp_run_free(l.r);
        link_close(&l);
        c->said = NULL;
        return r ? cli_fail_code(c, r, NULL) : EXIT_OK;
}

/* ---- checking a policy ----------------------------------------------------------------------- */

static void check_on_fault(void *arg, const char *line)
{
        (void)cli_fail(arg, EXIT_USAGE, "policy", "%s", line);
}

int cmd_mcp_check(struct cli *c)
{
        struct mcp_policy p;
        int r = mcp_policy_load(&p, c->words[0], check_on_fault, c);
        uint32_t n = r ? 0 : rule_list_len(agent_policy_rules(p.r));

        mcp_policy_deinit(&p);
        if (r)
                return r == -EINVAL ? EXIT_FAILED : cli_fail_code(c, r, c->words[0]);
        if (c->json)
                return cli_print_json(c, json_pack("{s:i}", "rules", (int)n));
        printf("%s: %u %s, nothing is wrong.\n", c->words[0], n, n == 1 ? "rule" : "rules");
        return EXIT_OK;
}
