/*
 * capos-gateway: the listeners. Started by caposd, with descriptors 3 (link), 6 (manifest), maybe 7
 * (socket diagnostics) and from 8 on the listeners; its arguments are their transports.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "daemon-capacity.h"
#include "daemon-log.h"
#include "daemon-manifest.h"
#include "daemon-quantity.h"
#include "daemon-sandbox.h"
#include "gateway.h"

/* An argument for each listener: what it speaks. */
static int gateway_find_transports(struct gateway_start *s, int argc, char **argv)
{
        if (argc - 1 != (int)s->nlisteners) {
                daemon_log(LOG_ERR, "%u listeners, and %d of their transports", s->nlisteners,
                           argc - 1);
                return -EINVAL;
        }
        for (unsigned i = 0; i < s->nlisteners; i++)
                s->tls[i] = !strcmp(argv[i + 1], "tls");
        return 0;
}

/* Finds what we were started with. 0; -EEXIST: there is more. */
static int gateway_find_fds(struct gateway_start *s)
{
        int allowed[5 + LISTENERS_MAX] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, LINK_FD};
        unsigned n = 4;
        int other = -1, r;

        s->diag = daemon_fd_is_open(DIAG_FD) ? DIAG_FD : -1;
        if (s->diag >= 0)
                allowed[n++] = s->diag;
        while (s->nlisteners < LISTENERS_MAX && daemon_fd_is_open(LISTENER_FD + (int)s->nlisteners))
                allowed[n++] = LISTENER_FD + (int)s->nlisteners++;

        r = daemon_check_fds(allowed, n, &other);
        if (r)
                daemon_log(LOG_ERR, "descriptors at start (%d): %s", other, capnp_strerror(r));
        return r;
}

static int gateway_start(struct gateway *g, int argc, char **argv)
{
        CAPNP_AUTO(daemon_manifest_deinit) struct daemon_manifest m = {0};
        struct gateway_start s = {0};
        struct daemon_capacity c;
        manifest_reader root;
        int r;

        r = daemon_manifest_take(&m, MANIFEST_FD);
        if (!r)
                r = gateway_find_fds(&s);
        if (!r)
                r = gateway_find_transports(&s, argc, argv);
        if (r)
                return r;

        root = manifest_root(m.msg);
        daemon_capacity_find(root, daemon_capacity_fds(), &c);
        s.places = c.unauthenticated;
        s.places_of_one = c.unauthenticated_of_one;
        s.patience_ms = daemon_duration(limits_admission(manifest_limits(root)));
        r = daemon_sandbox_fds(c.gateway_fds);
        return r ? r : gateway_init(g, &s);
}

int main(int argc, char **argv)
{
        struct gateway g;
        int r;

        r = gateway_start(&g, argc, argv);
        if (r)
                return 1;

        r = daemon_sandbox(ROLE_GATEWAY);
        if (!r)
                r = gateway_run(&g);
        if (r)
                daemon_log(LOG_ERR, "%s", capnp_strerror(r));
        if (!gateway_deinit(&g) && !r)
                return EXIT_LEDGER;

        return r ? 1 : 0;
}
