/*
 * Who has connected: by which transport, from where, and whom that counts for.
 *
 * The user behind a Unix socket is told by the kernel with the socket. The user behind a connection
 * over loopback has to be asked for (daemon-diag.c); where that cannot be done, the address counts,
 * which is one for all users, and the log says so.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>

#include "daemon-diag.h"
#include "daemon-log.h"
#include "gateway.h"

enum { USER_TIMEOUT_MS = 90 * 1000 };

static int peer_look_unix(int fd, struct peer *ret_p)
{
        struct ucred who;
        int r = capos_io_socket_peer(fd, &who);

        if (r)
                return r;

        ret_p->transport = TRANSPORT_UNIX;
        ret_p->source = source_of_uid(who.uid, NULL);
        snprintf(ret_p->address, sizeof(ret_p->address), "unix:uid=%u", who.uid);
        return 0;
}

/* 0; -ENOENT: the client has closed it already. */
static int peer_find_source(struct peers *p, int fd, const struct capos_io_address *from,
                            struct source *ret_s)
{
        struct capos_io_address to;
        uid_t uid;
        int r;

        *ret_s = source_of_address(from);
        if (p->diag < 0 || !source_is_loopback(from))
                return 0;

        r = capos_io_socket_address(fd, &to);
        if (!r)
                r = daemon_diag_owner(p->diag, from, &to, &uid);
        if (!r)
                *ret_s = source_of_uid(uid, from);
        if (!r || r == -ENOENT)
                return r;

        if (!p->told)
                daemon_log(LOG_WARNING, "users on this machine cannot be told apart: %s",
                           capnp_strerror(r));
        p->told = true;
        return 0;
}

static int peer_look_tcp(struct peers *p, int fd, const struct capos_io_address *from,
                         struct peer *ret_p)
{
        const unsigned timeout_ms = USER_TIMEOUT_MS;

        if (setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms)) < 0)
                return -errno;

        ret_p->transport = TRANSPORT_PLAIN;
        source_print_address(from, ret_p->address);
        return peer_find_source(p, fd, from, &ret_p->source);
}

int peer_look(struct peers *p, int fd, struct peer *ret_p)
{
        struct capos_io_address from = {.len = sizeof(from.u)};

        if (getpeername(fd, &from.u.any, &from.len) < 0)
                return -errno;
        if (from.u.any.sa_family == AF_UNIX)
                return peer_look_unix(fd, ret_p);

        return peer_look_tcp(p, fd, &from, ret_p);
}
