/*
 * capos-gateway: the listener. Started by caposd, with descriptors 3 (link), 4 (listener) and 6
 * (manifest).
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "daemon-log.h"
#include "daemon-manifest.h"
#include "daemon-sandbox.h"
#include "gateway.h"

enum { LISTENER_FD = 4 };

static int gateway_start(struct gateway *g)
{
        CAPNP_AUTO(daemon_manifest_deinit) struct daemon_manifest m = {0};
        const int allowed[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, LINK_FD, LISTENER_FD};
        int other = -1, r;
        limits_reader l;

        r = daemon_manifest_take(&m, MANIFEST_FD);
        if (!r)
                r = daemon_check_fds(allowed, 5, &other);
        if (r) {
                daemon_log(LOG_ERR, "descriptors at start (%d): %s", other, capnp_strerror(r));
                return r;
        }

        l = manifest_limits(manifest_root(m.msg));
        return gateway_init(g, LISTENER_FD, limits_connections(l), limits_unauthenticated(l));
}

int main(void)
{
        struct gateway g;
        int r;

        r = gateway_start(&g);
        if (r)
                return 1;

        r = daemon_sandbox(ROLE_GATEWAY);
        if (!r)
                r = gateway_run(&g);
        if (r)
                daemon_log(LOG_ERR, "%s", capnp_strerror(r));
        gateway_deinit(&g);
        return r ? 1 : 0;
}
