/*
 * What this service asks the session manager by, and the sockets that come in messages.
 *
 * The session manager is asked for its object when the first question needs it, and again when it
 * could not give it, for want of memory say.
 */
#include "kit-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

capnp_cap *kit_host(struct kit *k)
{
        struct kit_control *c = k->control;

        if (c && c->host && capnp_cap_is_broken(c->host, NULL))
                c->host = capnp_cap_unref(c->host);
        if (c && !c->host && capnp_rpc_bootstrap(capnp_conn_rpc(c->conn), &c->host))
                return NULL;

        return c ? c->host : NULL;
}

int kit_socket_dup(capnp_cap *end, int *ret_fd)
{
        int type = 0, fd = capnp_cap_fd_peek(end);
        socklen_t len = sizeof(type);

        if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_STREAM)
                return CAPNP_E_POISON;

        fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
                return -errno;

        *ret_fd = fd;
        return 0;
}
