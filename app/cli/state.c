/*
 * The instance on this machine is found by its state folder. Its admin socket lies in there; who
 * may open it is decided by the folder, and by the instance asking the kernel who we are.
 *
 * One that is elsewhere is administered by a login of one's own whose profile grants `admin`: the
 * same interface, by another way.
 */
#include "state.h"

#include "admin.capnp-c.h"
#include "runtime.h"
#include "transcript.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What snprintf() says; 0: it cannot be found. */
static int folder_find(const struct cli *c, char *to, size_t room)
{
        const char *xdg = secure_getenv("XDG_STATE_HOME"), *home = secure_getenv("HOME");
        const char *own = secure_getenv("CAPOS_STATE");

        if (c->state || (own && *own))
                return snprintf(to, room, "%s", c->state ? c->state : own);
        if (geteuid() == 0)
                return snprintf(to, room, "/var/lib/capos");
        if (xdg && xdg[0] == '/')
                return snprintf(to, room, "%s/capos", xdg);
        if (home && home[0] == '/')
                return snprintf(to, room, "%s/.local/state/capos", home);
        return 0;
}

int state_folder(const struct cli *c, char *to, size_t room)
{
        int n = folder_find(c, to, room);

        if (!n)
                return cli_fail(c, EXIT_USAGE, "usage",
                                "which instance? HOME and XDG_STATE_HOME are not set: --state DIR, "
                                "or $CAPOS_STATE");
        if (n < 0 || (size_t)n >= room)
                return cli_fail(c, EXIT_FAILED, "failed", "the state folder's path is too long");
        return EXIT_OK;
}

/* The path of the admin socket. */
static int admin_path(const struct cli *c, char to[RUNTIME_PATH])
{
        char folder[RUNTIME_PATH - 16];
        int r = state_folder(c, folder, sizeof(folder));

        if (!r)
                (void)snprintf(to, RUNTIME_PATH, "%s/admin.sock", folder);
        return r;
}

/* 0; -errno, of which -ENOENT and -ECONNREFUSED say that no instance runs; as capnp_conn_new(). */
static int admin_connect(struct cli *c, const char *path)
{
        int fd, r;

        c->peer = "the instance";
        r = runtime_connect(path, RUNTIME_INSTANCE, &fd, &c->peer_pid);
        if (r)
                return r;

        r = capnp_vat_new(&c->vat);
        if (!r)
                r = capnp_conn_new(c->vat, fd, &runtime_limits, NULL, &c->conn);
        if (!r)
                transcript_watch(c, c->conn, "admin");
        if (!r)
                r = capnp_rpc_bootstrap(capnp_conn_rpc(c->conn), &c->remote);
        return r;
}

static int admin_fail(const struct cli *c, const char *path, int r)
{
        if (r == -ENOENT || r == -ECONNREFUSED)
                return cli_fail(c, EXIT_NO_CONNECTION, "cannot-connect",
                                "no instance runs on %.*s: start it by `capos up`, or name another "
                                "folder by --state",
                                (int)(strrchr(path, '/') - path), path);
        if (r == -EACCES || r == -EPERM)
                return cli_fail(c, EXIT_DENIED, "not-yours",
                                "%s: the instance is another user's: administer it as that "
                                "user, or by sudo",
                                path);
        return r == -EAGAIN ? cli_fail_late(c, NULL) : cli_fail_code(c, r, path);
}

/* ---- an instance elsewhere ---------------------------------------------------------------- */

bool state_is_far(const struct cli *c)
{
        const struct cli_option *o = c->command ? c->command->options : NULL;

        while (o && o->name && strcmp(o->name, "remote") != 0)
                o++;
        return o && o->name && (c->far || c->session);
}

/* By the capability `admin` of a login. */
static int far_open_admin(struct cli *c)
{
        struct capos_session_info i = {.profile = ""};
        struct capos_cap_entry e;
        int r;

        if (c->state)
                return cli_fail(c, EXIT_USAGE, "usage",
                                "--state is for the instance of this machine, --remote and "
                                "--session for that of a login: not both");
        r = cli_open_and_fetch(c);
        if (r)
                return r;
        if (!capos_client_find(c->client, "admin", &e)) {
                (void)capos_client_info(c->client, &i);
                return cli_fail(c, EXIT_DENIED, "no-admin",
                                "this login, with profile %s, may not administer its instance: log "
                                "in with a profile whose bundle has `admin` (capos login "
                                "--profile); which one, its manifest says",
                                i.profile);
        }

        c->administers = true;
        (void)capnp_cap_unref(c->remote);
        c->remote = capos_client_get(c->client, "admin", ADMIN_ID);
        return c->remote ? EXIT_OK : cli_fail_code(c, -ENOMEM, NULL);
}

/* ---- either ------------------------------------------------------------------------------- */

int state_open_admin(struct cli *c)
{
        char path[RUNTIME_PATH];
        int r;

        if (state_is_far(c))
                return far_open_admin(c);
        r = admin_path(c, path);
        if (r)
                return r;

        r = admin_connect(c, path);
        return r ? admin_fail(c, path, r) : EXIT_OK;
}

int state_try_admin(struct cli *c, bool *ret_runs)
{
        char path[RUNTIME_PATH];
        int r = admin_path(c, path);

        if (r)
                return r;

        r = admin_connect(c, path);
        *ret_runs = r != -ENOENT && r != -ECONNREFUSED;
        return r && *ret_runs ? admin_fail(c, path, r) : EXIT_OK;
}

bool state_has_admin(struct cli *c)
{
        char folder[RUNTIME_PATH - 16], path[RUNTIME_PATH];
        int n = folder_find(c, folder, sizeof(folder));

        if (n <= 0 || (size_t)n >= sizeof(folder))
                return false;

        (void)snprintf(path, sizeof(path), "%s/admin.sock", folder);
        return !admin_connect(c, path);
}
