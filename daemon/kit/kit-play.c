/*
 * The instance and its session manager, as far as a service can see them, in a test's process.
 */
#include "kit-play.h"

#include "daemon-methods.h"
#include "daemon-packets.h"
#include "daemon-spawn.h"
#include "io-packet.h"
#include "service_control.capnp-c.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 100 * 1000 };

/* ---- start -------------------------------------------------------------------------------- */

void play_spawn(struct play *p, const char *const *argv, int state_fd)
{
        const char *build = getenv("CAPOS_BUILDDIR");
        struct daemon_spawn s = {.argv = argv};
        char path[4096];
        int link[2];

        *p = (struct play){.pid = -1, .pidfd = -1};
        CHECK_OK(capnp_vat_new(&p->vat));
        CHECK_OK(capos_io_packet_pair(link));
        p->link = link[0];
        snprintf(path, sizeof(path), "%s/%s%s", build ? build : ".",
                 strchr(argv[0], '/') ? "" : "bin/", argv[0]);
        s.path = path;
        s.fds[s.nfds].fd = link[1];
        s.fds[s.nfds++].at = 3;
        if (state_fd >= 0) {
                s.fds[s.nfds].fd = state_fd;
                s.fds[s.nfds++].at = 5;
        }
        CHECK_OK(daemon_spawn(&s, &p->pid, &p->pidfd));
        close(link[1]);
}

void play_ready(struct play *p)
{
        struct pollfd ready = {.fd = p->link, .events = POLLIN};
        struct packet packet;

        CHECK_EQ(poll(&ready, 1, WAIT_MS), 1);
        CHECK_OK(capos_io_packet_recv(p->link, &packet, sizeof(packet), NULL, 0));
        CHECK_EQ(packet.type, PACKET_READY);
        play_control(p);
}

void play_start(struct play *p, const char *const *argv)
{
        play_spawn(p, argv, -1);
        play_ready(p);
}

/* ---- the session manager ------------------------------------------------------------------- */

void play_control(struct play *p)
{
        static const struct capnp_limits limits = {.fds = 1};
        struct packet packet = {.type = PACKET_CONTROL};
        int ends[2];

        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends));
        CHECK_OK(capos_io_packet_send(p->link, &packet, sizeof(packet), &ends[1], 1));
        close(ends[1]);
        p->control = capnp_cap_unref(p->control);
        p->conn = capnp_conn_unref(p->conn);
        CHECK_OK(capnp_conn_new(p->vat, ends[0], &limits, p->host, &p->conn));
        CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(p->conn), &p->control));
}

void play_control_kill(struct play *p)
{
        p->control = capnp_cap_unref(p->control);
        capnp_conn_close(p->conn, (capnp_exception){CAPNP_DISCONNECTED, "killed"});
        p->conn = capnp_conn_unref(p->conn);
        play_for_ms(p, 1);
}

static const struct service_end_ops end_ops = {.gone = NULL};

capnp_question *play_ask(struct play *p, uint8_t n, const char *facet, int end)
{
        capnp_question *q = service_control_open((service_control_client){p->control});
        caller_context_builder x = service_control_open_init_context(q);
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *carrier = NULL;

        memset(caller_context_init_reference(x, KIT_REFERENCE_BYTES), n, KIT_REFERENCE_BYTES);
        if (p->origin)
                memset(caller_context_init_origin(x, KIT_REFERENCE_BYTES), p->origin,
                       KIT_REFERENCE_BYTES);
        if (n != 0)
                memset(caller_context_init_pseudonym(x, KIT_REFERENCE_BYTES), n ^ 0xff,
                       KIT_REFERENCE_BYTES);
        caller_context_set_epoch(x, 7);
        service_control_open_set_facet(q, facet);
        CHECK_OK(service_end_serve(p->vat, &end_ops, NULL, &carrier));
        if (end >= 0)
                capnp_cap_set_fd(carrier, fcntl(end, F_DUPFD_CLOEXEC, 3));
        service_control_open_set_end(q, (service_end_client){carrier});
        return q;
}

static void caller_on_close(capnp_conn *c, void *arg)
{
        struct play_caller *caller = arg;

        (void)c;
        caller->closed = true;
}

/* methods: all that the object has; NULL: it has all. */
static int play_open_socket(struct play *p, uint8_t n, const char *facet,
                            const struct daemon_methods *methods)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        int ends[2];

        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends));
        q = play_ask(p, n, facet, ends[1]);
        close(ends[1]);
        if (methods)
                daemon_methods_write(methods, service_control_open_init_methods(q, methods->n));
        CHECK_OK(capnp_question_wait(q));
        return ends[0];
}

static void play_connect(struct play *p, struct play_caller *c, int fd)
{
        *c = (struct play_caller){.raw = -1};
        CHECK_OK(capnp_conn_new(p->vat, fd, NULL, NULL, &c->conn));
        capnp_conn_on_close(c->conn, caller_on_close, c);
        CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(c->conn), &c->object));
}

void play_open(struct play *p, struct play_caller *c, uint8_t n, const char *facet)
{
        play_connect(p, c, play_open_socket(p, n, facet, NULL));
}

void play_open_narrow(struct play *p, struct play_caller *c, uint64_t interface, uint16_t method)
{
        struct daemon_method one = {interface, method};

        play_connect(p, c, play_open_socket(p, 1, "", &(struct daemon_methods){1, &one}));
}

void play_open_raw(struct play *p, struct play_caller *c, uint8_t n)
{
        *c = (struct play_caller){.raw = play_open_socket(p, n, "", NULL)};
}

void play_close(struct play_caller *c)
{
        c->object = capnp_cap_unref(c->object);
        if (c->conn) {
                capnp_conn_on_close(c->conn, NULL, NULL);
                capnp_conn_close(c->conn, (capnp_exception){CAPNP_DISCONNECTED, "hung up"});
        }
        c->conn = capnp_conn_unref(c->conn);
        if (c->raw >= 0)
                close(c->raw);
        c->raw = -1;
}

/* ---- waiting ------------------------------------------------------------------------------ */

static uint64_t now_ms(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void play_round(struct play *p, int timeout_ms)
{
        struct pollfd ready = {.fd = capnp_vat_fd(p->vat), .events = POLLIN};
        int ms = capnp_vat_timeout_ms(p->vat);

        (void)poll(&ready, 1, ms < 0 || ms > timeout_ms ? timeout_ms : ms);
        CHECK_OK(capnp_vat_process(p->vat));
}

void play_until(struct play *p, const bool *done)
{
        uint64_t end_ms = now_ms() + WAIT_MS;

        while (!*done && now_ms() < end_ms)
                play_round(p, 10);
        CHECK(*done);
}

void play_for_ms(struct play *p, unsigned ms)
{
        uint64_t end_ms = now_ms() + ms;

        do
                play_round(p, 1);
        while (now_ms() < end_ms);
}

int play_count_fds(const struct play *p)
{
        char path[64];
        struct dirent *e;
        int n = 0;
        DIR *d;

        snprintf(path, sizeof(path), "/proc/%d/fd", (int)p->pid);
        d = opendir(path);
        if (!d)
                return -1;

        while ((e = readdir(d)))
                n += e->d_name[0] != '.';
        closedir(d);
        return n;
}

void play_expect_fds(struct play *p, int n)
{
        uint64_t end_ms = now_ms() + WAIT_MS;

        if (n < 0)
                return;

        while (play_count_fds(p) != n && now_ms() < end_ms)
                play_round(p, 5);
        CHECK_EQ(play_count_fds(p), n);
}

/* ---- the end ------------------------------------------------------------------------------ */

int play_wait(struct play *p)
{
        struct pollfd ended = {.fd = p->pidfd, .events = POLLIN};
        int status = 0;

        CHECK_EQ(poll(&ended, 1, 20000), 1);
        CHECK_EQ(waitpid(p->pid, &status, 0), p->pid);
        close(p->pidfd);
        close(p->link);
        p->control = capnp_cap_unref(p->control);
        p->conn = capnp_conn_unref(p->conn);
        p->vat = capnp_vat_free(p->vat);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void play_stop(struct play *p)
{
        CHECK_OK(shutdown(p->link, SHUT_RDWR));
        CHECK_EQ(play_wait(p), 0);
}
