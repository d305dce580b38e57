/* Sockets: connect, listen, accept; socket files that are stale, alive, or none. */
#include "harness.h"
#include "io-socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/test-io-XXXXXX", path[64];

static void path_make(struct capos_io_address *ret)
{
        struct capos_io_addresses as;
        char text[80];

        CHECK(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/s", folder);
        snprintf(text, sizeof(text), "unix:%s", path);
        CHECK_OK(capos_io_address_parse(text, true, &as));
        *ret = as.a[0];
}

static void path_remove(void)
{
        (void)unlink(path);
        CHECK_OK(rmdir(folder));
}

static void wait_for(int fd, short events)
{
        struct pollfd p = {.fd = fd, .events = events};

        CHECK_EQ(poll(&p, 1, 60000), 1);
}

static void check_flags(int fd)
{
        CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
        CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static int connect_now(const struct capos_io_address *a)
{
        int fd = -1, r = capos_io_socket_connect(a, SOCK_STREAM, &fd);

        if (r == CAPOS_IO_E_AGAIN) {
                wait_for(fd, POLLOUT);
                r = capos_io_socket_error(fd);
        }
        CHECK_OK(r);
        check_flags(fd);
        return fd;
}

static void meet(const char *text)
{
        struct capos_io_addresses as;
        struct capos_io_address real;
        int listener, a, b, on = 0;
        socklen_t len = sizeof(on);
        struct ucred who;

        CHECK_OK(capos_io_address_parse(text, true, &as));
        CHECK_OK(capos_io_socket_listen(&as.a[0], SOCK_STREAM, 0, &listener));
        check_flags(listener);
        CHECK_EQ(capos_io_socket_accept(listener, &b), CAPOS_IO_E_AGAIN);
        CHECK_OK(capos_io_socket_address(listener, &real));
        a = connect_now(&real);
        wait_for(listener, POLLIN);
        CHECK_OK(capos_io_socket_accept(listener, &b));
        check_flags(b);
        CHECK_EQ(capos_io_socket_is_unix(b), as.a[0].u.any.sa_family == AF_UNIX);
        if (!capos_io_socket_is_unix(b)) {
                CHECK_OK(getsockopt(a, IPPROTO_TCP, TCP_NODELAY, &on, &len));
                CHECK(on);
                CHECK_OK(getsockopt(b, SOL_SOCKET, SO_KEEPALIVE, &on, &len));
                CHECK(on);
                CHECK_EQ(capos_io_socket_peer(b, &who), -EAFNOSUPPORT);
        } else {
                CHECK_OK(capos_io_socket_peer(b, &who));
                CHECK_EQ(who.pid, getpid());
                CHECK_EQ(who.uid, geteuid());
        }
        close(a);
        close(b);
        close(listener);
}

TEST(socket_meets_on_tcp)
{
        meet("127.0.0.1:0");
}

TEST(socket_meets_on_abstract_unix)
{
        char text[64];

        snprintf(text, sizeof(text), "unix-abstract:test-io-%d", (int)getpid());
        meet(text);
}

TEST(socket_connect_is_refused)
{
        struct capos_io_addresses as;
        struct capos_io_address real;
        int fd, r;

        CHECK_OK(capos_io_address_parse("127.0.0.1:0", true, &as));
        CHECK_OK(capos_io_socket_listen(&as.a[0], SOCK_STREAM, 0, &fd));
        CHECK_OK(capos_io_socket_address(fd, &real));
        CHECK_EQ(capos_io_socket_listen(&real, SOCK_STREAM, 0, &r), -EADDRINUSE);
        close(fd);
        r = capos_io_socket_connect(&real, SOCK_STREAM, &fd);
        if (r == CAPOS_IO_E_AGAIN) {
                wait_for(fd, POLLOUT);
                r = capos_io_socket_error(fd);
                close(fd);
        }
        CHECK_EQ(r, -ECONNREFUSED);
}

TEST(socket_file_is_replaced_only_when_stale)
{
        struct capos_io_address a;
        int first, second;

        path_make(&a);
        CHECK_EQ(capos_io_socket_connect(&a, SOCK_STREAM, &first), -ENOENT);
        CHECK_OK(capos_io_socket_listen(&a, SOCK_STREAM, 0, &first));
        CHECK_EQ(capos_io_socket_listen(&a, SOCK_STREAM, 0, &second), -EADDRINUSE);
        CHECK_EQ(capos_io_socket_listen(&a, SOCK_SEQPACKET, 0, &second), -EADDRINUSE);
        close(first);
        CHECK_EQ(capos_io_socket_connect(&a, SOCK_STREAM, &first), -ECONNREFUSED);
        CHECK_OK(capos_io_socket_listen(&a, SOCK_STREAM, 0, &second));
        close(connect_now(&a));
        close(second);
        path_remove();
}

TEST(socket_file_that_is_none_stays)
{
        struct capos_io_address a;
        int fd, s;

        path_make(&a);
        fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        CHECK_EQ(capos_io_socket_listen(&a, SOCK_STREAM, 0, &s), -EADDRINUSE);
        CHECK_OK(access(path, F_OK));
        close(fd);
        path_remove();
}

TEST(socket_file_has_the_mode_asked_for)
{
        static const mode_t modes[] = {0600, 0660, 0666, 0777};
        struct capos_io_address a;
        struct stat st;
        int fd;

        path_make(&a);
        (void)umask(022);
        for (unsigned i = 0; i < 4; i++) {
                CHECK_OK(capos_io_socket_listen(&a, SOCK_STREAM, modes[i], &fd));
                CHECK_OK(stat(path, &st));
                CHECK_EQ(st.st_mode & 0777, modes[i]);
                close(fd);
        }
        CHECK_OK(capos_io_socket_listen(&a, SOCK_STREAM, 0, &fd));
        CHECK_OK(stat(path, &st));
        CHECK_EQ(st.st_mode & 0777, 0755);
        close(fd);
        path_remove();
}

TEST(socket_says_when_the_queue_of_a_unix_listener_is_full)
{
        struct capos_io_address a;
        int listener, fds[8], r = 0;
        unsigned n = 0;

        path_make(&a);
        listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK_OK(bind(listener, &a.u.any, a.len));
        CHECK_OK(listen(listener, 1));
        while (n < 8 && !r) {
                r = capos_io_socket_connect(&a, SOCK_STREAM, &fds[n]);
                n += !r;
        }
        CHECK_EQ(r, CAPOS_IO_E_BUSY);
        while (n > 0)
                close(fds[--n]);
        close(listener);
        path_remove();
}

TEST(socket_adopts_only_sockets)
{
        int p[2], s = socket(AF_INET, SOCK_STREAM, 0);

        CHECK_OK(pipe2(p, O_CLOEXEC));
        CHECK_EQ(capos_io_socket_adopt(p[0]), -ENOTSOCK);
        CHECK_OK(capos_io_socket_adopt(s));
        check_flags(s);
        close(s);
        close(p[0]);
        close(p[1]);
}

static int option_of(int fd, int level, int name)
{
        int value = -1;
        socklen_t len = sizeof(value);

        CHECK_EQ(getsockopt(fd, level, name, &value, &len), 0);
        return value;
}

/* The kernel's own two hours are no answer to a machine that has been switched off. */
TEST(socket_notices_a_peer_that_is_gone_within_90_seconds)
{
        struct capos_io_addresses as;
        struct capos_io_address real;
        int listener, ends[2];

        CHECK_OK(capos_io_address_parse("127.0.0.1:0", true, &as));
        CHECK_OK(capos_io_socket_listen(&as.a[0], SOCK_STREAM, 0, &listener));
        CHECK_OK(capos_io_socket_address(listener, &real));
        ends[0] = connect_now(&real);
        wait_for(listener, POLLIN);
        CHECK_OK(capos_io_socket_accept(listener, &ends[1]));
        for (unsigned i = 0; i < 2; i++) {
                CHECK_EQ(option_of(ends[i], SOL_SOCKET, SO_KEEPALIVE), 1);
                CHECK(option_of(ends[i], IPPROTO_TCP, TCP_KEEPIDLE) +
                              option_of(ends[i], IPPROTO_TCP, TCP_KEEPINTVL) *
                                      option_of(ends[i], IPPROTO_TCP, TCP_KEEPCNT) <=
                      90);
                close(ends[i]);
        }
        close(listener);
}
