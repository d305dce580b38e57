/*
 * Sockets: from an address to a descriptor.
 *
 * Unix and TCP differ in three places. A Unix connect() never is "in progress": if the listener's
 * queue is full it fails with EAGAIN and nothing tells when there is room, so the caller must try
 * again by a timer. A Unix socket file outlives its listener; it is removed only if a connect() to
 * it is refused, which no living listener does. And its permissions must be right from the first
 * moment: fchmod() on the socket before bind() decides them, the umask can only take away.
 *
 * TCP_NODELAY because the vat writes whole batches itself; waiting for more would only add latency.
 */
#include "io-socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

enum {
        BACKLOG = 1024,
        PROBE_FLAGS = SOCK_NONBLOCK | SOCK_CLOEXEC,
        /* A peer that is gone without a word is noticed after a minute and a half. */
        KEEP_IDLE_S = 30,
        KEEP_BETWEEN_S = 15,
        KEEP_PROBES = 4,
};

/* Failing to set these changes speed, not meaning: no reason to lose a connection. */
static void socket_tune(int fd, int family)
{
        const int on = 1, idle_s = KEEP_IDLE_S, between_s = KEEP_BETWEEN_S, probes = KEEP_PROBES;

        if (family != AF_INET && family != AF_INET6)
                return;

        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
        (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
        (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &between_s, sizeof(between_s));
        (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

static int socket_family(int fd)
{
        int family = AF_UNSPEC;
        socklen_t len = sizeof(family);

        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) < 0)
                return -errno;

        return family;
}

int capos_io_socket_connect(const struct capos_io_address *a, int type, int *ret_fd)
{
        int fd, e;

        fd = socket(a->u.any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;

        socket_tune(fd, a->u.any.sa_family);
        /* EINTR on a non-blocking socket: it goes on in the background, like EINPROGRESS. */
        e = connect(fd, &a->u.any, a->len) < 0 ? errno : 0;
        if (e == 0 || e == EINPROGRESS || e == EINTR) {
                *ret_fd = fd;
                return e ? CAPOS_IO_E_AGAIN : 0;
        }

        (void)close(fd);
        if (e == EAGAIN && a->u.any.sa_family == AF_UNIX)
                return CAPOS_IO_E_BUSY;

        return -e;
}

int capos_io_socket_error(int fd)
{
        int e = 0;
        socklen_t len = sizeof(e);

        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) < 0)
                return -errno;

        return -e;
}

/* Removes a socket file that nobody listens on. 0: it is gone or was none; -EADDRINUSE; -errno. */
static int socket_remove_stale(const struct capos_io_address *a, int type)
{
        const char *path = a->u.un.sun_path;
        struct stat st;
        int fd, e;

        if (lstat(path, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISSOCK(st.st_mode))
                return -EADDRINUSE;

        fd = socket(AF_UNIX, type | PROBE_FLAGS, 0);
        if (fd < 0)
                return -errno;

        e = connect(fd, &a->u.any, a->len) < 0 ? errno : 0;
        (void)close(fd);
        /* Anything but a plain refusal (no permission, full queue, another type) is a sign of life.
         */
        if (e != ECONNREFUSED)
                return -EADDRINUSE;
        if (unlink(path) < 0 && errno != ENOENT)
                return -errno;

        return 0;
}

static int socket_bind_unix(int fd, const struct capos_io_address *a, int type, mode_t mode)
{
        bool file = a->u.un.sun_path[0] != '\0';
        int r;

        if (file) {
                r = socket_remove_stale(a, type);
                if (r)
                        return r;
        }
        if (file && mode && fchmod(fd, mode) < 0)
                return -errno;
        if (bind(fd, &a->u.any, a->len) < 0)
                return -errno;
        /* Gives back what the umask took away: until here it was closed more than asked for. */
        if (file && mode && chmod(a->u.un.sun_path, mode) < 0)
                return -errno;

        return 0;
}

static int socket_bind_tcp(int fd, const struct capos_io_address *a)
{
        const int on = 1;
        int only;

        if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
                return -errno;
        if (a->u.any.sa_family == AF_INET6) {
                only = !IN6_IS_ADDR_UNSPECIFIED(&a->u.in6.sin6_addr);
                if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) < 0)
                        return -errno;
        }
        if (bind(fd, &a->u.any, a->len) < 0)
                return -errno;

        return 0;
}

int capos_io_socket_listen(const struct capos_io_address *a, int type, mode_t mode, int *ret_fd)
{
        int fd, r;

        fd = socket(a->u.any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;

        if (a->u.any.sa_family == AF_UNIX)
                r = socket_bind_unix(fd, a, type, mode);
        else
                r = socket_bind_tcp(fd, a);
        if (!r && listen(fd, BACKLOG) < 0)
                r = -errno;
        if (r) {
                (void)close(fd);
                return r;
        }

        *ret_fd = fd;
        return 0;
}

int capos_io_socket_accept(int listener, int *ret_fd)
{
        struct sockaddr_storage from;
        socklen_t len;
        int fd;

        for (;;) {
                len = sizeof(from);
                fd = accept4(listener, (struct sockaddr *)(void *)&from, &len,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
                if (fd >= 0)
                        break;

                switch (errno) {
                case EAGAIN:
                        return CAPOS_IO_E_AGAIN;
                case EMFILE:
                case ENFILE:
                case ENOBUFS:
                case ENOMEM:
                        return CAPOS_IO_E_BUSY;
                case EBADF:
                case EINVAL:
                case ENOTSOCK:
                case EOPNOTSUPP:
                case EFAULT:
                        return -errno;
                default:
                        /* accept(2): errors of the connection that was waiting. It is gone. */
                        continue;
                }
        }

        socket_tune(fd, from.ss_family);
        *ret_fd = fd;
        return 0;
}

int capos_io_socket_adopt(int fd)
{
        int flags, family;

        family = socket_family(fd);
        if (family < 0)
                return family;

        flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
                return -errno;
        flags = fcntl(fd, F_GETFD);
        if (flags < 0 || fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0)
                return -errno;

        socket_tune(fd, family);
        return 0;
}

bool capos_io_socket_is_unix(int fd)
{
        return socket_family(fd) == AF_UNIX;
}

int capos_io_socket_peer(int fd, struct ucred *ret)
{
        socklen_t len = sizeof(*ret);

        if (!capos_io_socket_is_unix(fd)) /* the kernel would say something all the same */
                return -EAFNOSUPPORT;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret, &len) < 0)
                return -errno;

        return 0;
}

int capos_io_socket_address(int fd, struct capos_io_address *ret)
{
        memset(ret, 0, sizeof(*ret));
        ret->len = sizeof(ret->u);
        if (getsockname(fd, &ret->u.any, &ret->len) < 0)
                return -errno;

        return 0;
}
