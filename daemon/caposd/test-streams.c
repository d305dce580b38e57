/*
 * Streams to servers, as a connector asks for them (R44): real sockets and real programs, and a
 * link whose other end the test has.
 */
#include "daemon-packets.h"
#include "harness.h"
#include "io-child.h"
#include "io-socket.h"
#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAIT_MS = 100 * 1000, AT_ONCE = 64, UNREAD_MOST = 4096 };

struct rig {
        struct keeper keeper;
        capnp_msg *msg;
        struct streams *streams;
        struct daemon_link link;
        int far; /* the connector's end */
        char folder[32], path[64];
};

static void rig_got(struct daemon_link *l, const struct packet *p, const int *fds)
{
        (void)l;
        (void)p;
        (void)fds;
}

static void rig_closed(struct daemon_link *l)
{
        (void)l;
}

static const struct daemon_link_ops LINK_OPS = {rig_got, rig_closed};

/* connect: "" is a socket in a folder of the test's own. argument: of a shell, what it does. */
static void rig_start(struct rig *r, const char *connect, const char *program, const char *argument)
{
        bool shell = !strcmp(program, "/bin/sh");
        capnp_lbuilder arguments;
        service_builder s;
        char text[80];
        int pair[2];

        *r = (struct rig){.folder = "/tmp/capos-streams-XXXXXX"};
        CHECK(mkdtemp(r->folder));
        (void)snprintf(r->path, sizeof(r->path), "%s/server", r->folder);
        (void)snprintf(text, sizeof(text), "unix:%s", r->path);
        CHECK_OK(capos_io_loop_init(&r->keeper.loop));
        CHECK_OK(capnp_msg_new(&r->msg));
        s = service_build(r->msg);
        service_set_name(s, "x");
        service_set_connect(s, connect[0] ? connect : text);
        service_set_program(s, program);
        service_set_schema(s, "/dev/null");
        arguments = service_init_arguments(s, (argument != NULL) + shell);
        if (shell)
                capnp_abuilder_set_text(capnp_lbuilder_any(arguments, 0), (capnp_text){"-c", 2});
        if (argument)
                capnp_abuilder_set_text(capnp_lbuilder_any(arguments, shell),
                                        (capnp_text){argument, (uint32_t)strlen(argument)});
        CHECK_OK(streams_new(&r->keeper, service_root(r->msg), 0, &r->streams));
        CHECK_OK(capos_io_packet_pair(pair));
        CHECK_OK(daemon_link_init(&r->link, &r->keeper.loop, pair[0], false, &LINK_OPS));
        r->far = pair[1];
}

static void rig_stop(struct rig *r)
{
        r->streams = streams_free(r->streams);
        daemon_link_deinit(&r->link);
        (void)close(r->far);
        r->msg = capnp_msg_free(r->msg);
        capos_io_loop_deinit(&r->keeper.loop);
        (void)unlink(r->path);
        CHECK_OK(rmdir(r->folder));
}

/* What a DIAL is answered by: 0 with a descriptor, or why there is none. */
static int rig_dial(struct rig *r, int *ret_fd)
{
        int fds[LINK_FDS + 1];
        struct packet p;

        CHECK(streams_dial(r->streams, &r->link));
        CHECK_OK(daemon_packet_recv(r->far, &p, fds));
        if (p.type == PACKET_NO_STREAM)
                return p.result;

        CHECK_EQ(p.type, PACKET_STREAM);
        *ret_fd = fds[0];
        return 0;
}

static void rig_until_readable(struct rig *r, int fd)
{
        struct pollfd p = {.fd = fd, .events = POLLIN};

        for (unsigned i = 0; poll(&p, 1, 10) == 0; i++) {
                CHECK(i < WAIT_MS / 10);
                CHECK_OK(capos_io_loop_turn(&r->keeper.loop, 0));
        }
}

/* As text, until the end. */
static void rig_read_all(struct rig *r, int fd, char *text, size_t size)
{
        size_t len = 0;
        ssize_t n;

        do {
                rig_until_readable(r, fd);
                n = read(fd, text + len, size - 1 - len);
                CHECK(n >= 0);
                len += (size_t)n;
        } while (n > 0);
        text[len] = '\0';
}

static int server_listen(const struct rig *r, int backlog)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        (void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", r->path);
        CHECK(fd >= 0);
        CHECK_OK(bind(fd, (struct sockaddr *)&a, sizeof(a)));
        CHECK_OK(listen(fd, backlog));
        return fd;
}

TEST(a_unix_socket_is_connected_to)
{
        struct rig r;
        int listener, fd, peer;
        char c = 0;

        rig_start(&r, "", "", NULL);
        listener = server_listen(&r, 8);
        CHECK_OK(rig_dial(&r, &fd));
        peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        CHECK(peer >= 0);
        CHECK_EQ(write(peer, "x", 1), 1);
        rig_until_readable(&r, fd);
        CHECK_EQ(read(fd, &c, 1), 1);
        CHECK_EQ(c, 'x');
        (void)close(fd);
        (void)close(peer);
        (void)close(listener);
        rig_stop(&r);
}

TEST(what_cannot_be_reached_is_said)
{
        struct rig r;
        int listener, fd = -1, got[64], n = 0, e;

        rig_start(&r, "", "", NULL);
        CHECK_EQ(rig_dial(&r, &fd), -ENOENT);
        listener = server_listen(&r, 1);
        while (!(e = rig_dial(&r, &fd)) && n < 64)
                got[n++] = fd;
        CHECK_EQ(e, -EAGAIN);
        (void)close(listener);
        CHECK_EQ(rig_dial(&r, &fd), -ECONNREFUSED);
        while (n > 0)
                (void)close(got[--n]);
        rig_stop(&r);
}

/* A socket that is on its way is handed on; using it says what came of it. */
TEST(over_tcp_nobody_waits)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd, r = 0;
        socklen_t len = sizeof(a);
        char text[64], c;
        struct rig g;

        CHECK_OK(bind(listener, (struct sockaddr *)&a, len));
        CHECK_OK(getsockname(listener, (struct sockaddr *)&a, &len));
        (void)snprintf(text, sizeof(text), "plain:127.0.0.1:%u", ntohs(a.sin_port));
        rig_start(&g, text, "", NULL);
        r = rig_dial(&g, &fd);
        if (!r) {
                rig_until_readable(&g, fd);
                CHECK_EQ(read(fd, &c, 1), -1);
                r = -errno;
                (void)close(fd);
        }
        CHECK_EQ(r, -ECONNREFUSED);
        CHECK_OK(listen(listener, 1));
        CHECK_OK(rig_dial(&g, &fd));
        (void)close(fd);
        (void)close(listener);
        rig_stop(&g);
}

TEST(a_program_has_it_for_input_and_output)
{
        struct rig r;
        char text[6] = "";
        int fd;

        rig_start(&r, "stdio", "/bin/cat", NULL);
        CHECK_OK(rig_dial(&r, &fd));
        CHECK_EQ(write(fd, "hello", 5), 5);
        rig_until_readable(&r, fd);
        CHECK_EQ(read(fd, text, 5), 5);
        CHECK_STR(text, "hello");

        /* It sees the end of its input, ends, and so we see the end of its output. */
        CHECK_OK(shutdown(fd, SHUT_WR));
        rig_until_readable(&r, fd);
        CHECK_EQ(read(fd, text, 5), 0);
        (void)close(fd);
        rig_stop(&r);
}

/* What it has started goes with it. What has left its group stays, and keeps no stream open. */
TEST(a_program_ends_with_what_it_has_started)
{
        static const char *const scripts[] = {"sleep 1000 & echo $!",
                                              "setsid sleep 1000 & echo $!"};

        for (unsigned i = 0; i < 2; i++) {
                struct pollfd end = {.events = POLLIN};
                char text[64], *rest;
                struct rig r;
                pid_t pid;
                int fd;

                rig_start(&r, "stdio", "/bin/sh", scripts[i]);
                CHECK_OK(rig_dial(&r, &fd));
                rig_read_all(&r, fd, text, sizeof(text));
                pid = (pid_t)strtol(text, &rest, 10);
                CHECK(pid > 1 && *rest == '\n');
                if (capos_io_pidfd_open(pid, &end.fd) == 0) {
                        CHECK(i == 0 || kill(pid, SIGKILL) == 0);
                        CHECK_EQ(poll(&end, 1, WAIT_MS), 1);
                        (void)close(end.fd);
                }
                (void)close(fd);
                rig_stop(&r);
        }
}

TEST(a_program_that_is_not_there_is_said)
{
        struct rig r;
        int fd;

        rig_start(&r, "stdio", "/nonexistent/program", NULL);
        CHECK_EQ(rig_dial(&r, &fd), -ENOENT);
        rig_stop(&r);
}

/* Those that are there too long are killed at the end, with the test's own children. */
TEST_T(so_many_programs_at_once, 120)
{
        int fds[AT_ONCE], fd, e;
        struct rig r;

        rig_start(&r, "stdio", "/bin/sleep", "1000");
        for (unsigned n = 0, again = 0; n < AT_ONCE;) {
                e = rig_dial(&r, &fds[n]);
                n += !e;
                again += e != 0;
                CHECK(!e || e == -EAGAIN);
                CHECK(again < WAIT_MS / 20);
                if (e)
                        (void)poll(NULL, 0, 20);
        }
        (void)poll(NULL, 0, 1100); /* another second of the clock has begun */
        CHECK_EQ(rig_dial(&r, &fd), -EAGAIN);
        for (unsigned n = 0; n < AT_ONCE; n++)
                (void)close(fds[n]);
        rig_stop(&r);
}

/* What it asks for and does not read is a descriptor of ours each. */
TEST(who_does_not_read_is_refused)
{
        struct rig r;
        unsigned n = 0;

        rig_start(&r, "", "", NULL);
        while (n < UNREAD_MOST && streams_dial(r.streams, &r.link))
                n++;
        CHECK(n > 64);
        CHECK(n < UNREAD_MOST);
        rig_stop(&r);
}
