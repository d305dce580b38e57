/*
 * Whose a socket on loopback is, asked of the kernel.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon-diag.h"
#include "harness.h"
#include "io-socket.h"

enum { OTHER_UID = 4711 };

static int listen_at(const char *text, struct capos_io_address *ret_self)
{
        struct capos_io_addresses all;
        int fd = -1;

        CHECK_EQ(capos_io_address_parse(text, true, &all), 0);
        CHECK_EQ(capos_io_socket_listen(&all.a[0], SOCK_STREAM, 0, &fd), 0);
        CHECK_EQ(capos_io_socket_address(fd, ret_self), 0);
        return fd;
}

static int connect_to(const struct capos_io_address *a, struct capos_io_address *ret_self)
{
        int fd = socket(a->u.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

        CHECK(fd >= 0);
        CHECK_EQ(connect(fd, &a->u.any, a->len), 0);
        CHECK_EQ(capos_io_socket_address(fd, ret_self), 0);
        return fd;
}

static void whose(const char *where)
{
        struct capos_io_address self, client;
        int listener = listen_at(where, &self), diag = -1, fd, other;
        uid_t uid = 0;

        /* What a kernel cannot say is the gateway's to live with, and no fault. */
        if (daemon_diag_open(listener, &diag)) {
                fprintf(stderr, "no socket diagnostics here\n");
                close(listener);
                return;
        }
        fd = connect_to(&self, &client);
        CHECK_EQ(daemon_diag_owner(diag, &client, &self, &uid), 0);
        CHECK_EQ(uid, geteuid());

        /* Closed by the client, not yet by us. */
        other = accept(listener, NULL, NULL);
        CHECK(other >= 0);
        close(fd);
        CHECK_EQ(daemon_diag_owner(diag, &client, &self, &uid), -ENOENT);
        close(other);
        CHECK_EQ(daemon_diag_owner(diag, &client, &self, &uid), -ENOENT);
        close(listener);
        close(diag);
}

TEST(the_owner_of_a_connection_is_found)
{
        whose("127.0.0.1:0");
}

TEST(also_on_ipv6)
{
        int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct capos_io_addresses all;
        bool there;

        CHECK_EQ(capos_io_address_parse("[::1]:0", true, &all), 0);
        there = fd >= 0 && bind(fd, &all.a[0].u.any, all.a[0].len) == 0;
        if (fd >= 0)
                close(fd);
        if (there)
                whose("[::1]:0");
}

TEST(another_user_is_told_apart)
{
        struct capos_io_address self, client;
        int listener, diag = -1, go[2], status;
        uid_t uid = 0;
        pid_t pid;
        char c;

        if (geteuid() != 0)
                test_skip("nobody but root can become somebody else");
        listener = listen_at("127.0.0.1:0", &self);
        if (daemon_diag_open(listener, &diag)) {
                close(listener);
                return;
        }
        CHECK_EQ(pipe(go), 0);
        pid = fork();
        if (!pid) {
                if (setuid(OTHER_UID))
                        _exit(1);
                (void)connect_to(&self, &client);
                (void)close(go[1]);
                _exit(read(go[0], &c, 1) == 1 ? 0 : 1);
        }
        client.len = sizeof(client.u);
        CHECK_EQ(poll(&(struct pollfd){.fd = listener, .events = POLLIN}, 1, 60000), 1);
        status = accept(listener, &client.u.any, &client.len);
        CHECK(status >= 0);
        CHECK_EQ(daemon_diag_owner(diag, &client, &self, &uid), 0);
        CHECK_EQ(uid, OTHER_UID);
        CHECK_EQ(write(go[1], "x", 1), 1);
        close(status);
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK_EQ(status, 0);
        close(go[0]);
        close(go[1]);
        close(listener);
        close(diag);
}
