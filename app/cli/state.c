/*
 * The instance on this machine is found by its state folder. Its admin socket lies in there; who
 * may open it is decided by the folder, and by the instance asking the kernel who we are.
 */
#include "state.h"

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
                r = capnp_conn_new(c->vat, fd, NULL, NULL, &c->conn);
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
                return cli_fail(c, EXIT_DENIED, "not-yours", "%s: the instance is another user's",
                                path);
        return r == -EAGAIN ? cli_fail_late(c, NULL) : cli_fail_code(c, r, path);
}

int state_open_admin(struct cli *c)
{
        char path[RUNTIME_PATH];
        int r = admin_path(c, path);

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
