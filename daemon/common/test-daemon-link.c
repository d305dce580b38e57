/*
 * Links: packets of the right size with the right descriptors, in order, and nothing else; and what
 * a log line makes of a client's text; and starting a program.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon-link.h"
#include "daemon-log.h"
#include "daemon-spawn.h"
#include "harness-shortage.h"
#include "harness.h"

struct end {
        struct daemon_link link;
        unsigned got, closed, fds;
        uint64_t next; /* the event that must come next */
};

static void end_got(struct daemon_link *l, const struct packet *p, const int *fds)
{
        struct end *e = CAPNP_I_OF(l, struct end, link);

        CHECK_EQ(p->event, e->next++);
        e->got++;
        e->fds += packet_fds(p->type);
        capos_io_fds_close(fds, packet_fds(p->type));
}

static void end_closed(struct daemon_link *l)
{
        CHECK(!daemon_link_is_open(l));
        CAPNP_I_OF(l, struct end, link)->closed++;
}

static const struct daemon_link_ops OPS = {end_got, end_closed};

struct rig {
        struct capos_io_loop loop;
        struct end a;
        int b;
};

static void rig_init(struct rig *r, bool takes_fds)
{
        int pair[2];

        memset(r, 0, sizeof(*r));
        CHECK_OK(capos_io_loop_init(&r->loop));
        CHECK_OK(capos_io_packet_pair(pair));
        CHECK_OK(daemon_link_init(&r->a.link, &r->loop, pair[0], takes_fds, &OPS));
        r->b = pair[1];
}

static void rig_turn(struct rig *r)
{
        for (unsigned i = 0; i < 8; i++)
                CHECK_OK(capos_io_loop_turn(&r->loop, 0));
}

static void rig_deinit(struct rig *r)
{
        daemon_link_deinit(&r->a.link);
        close(r->b);
        capos_io_loop_deinit(&r->loop);
}

/* The socket is writable all the time: a link that relied on it would try without a pause. */
TEST(descriptors_that_have_no_place_wait_without_haste)
{
        enum { SHORT_MS = 400 };
        struct packet p = {.type = PACKET_WORKER_READY, .event = 1}, q;
        uint64_t begun_ms = capos_io_now_ms(), ms = 0;
        struct rig r;
        int own, fd;

        rig_init(&r, true);
        own = fcntl(r.b, F_DUPFD_CLOEXEC, 3);
        CHECK(own >= 0);
        shortage = true;
        daemon_link_send(&r.a.link, &p, &own);
        p = (struct packet){.type = PACKET_WORKER_GONE, .event = 2};
        daemon_link_send(&r.a.link, &p, NULL);
        for (; ms < SHORT_MS || tries < 2; ms = capos_io_now_ms() - begun_ms)
                CHECK_OK(capos_io_loop_turn(&r.loop, SHORT_MS));
        printf("%u tries\n", tries);
        CHECK(tries <= 2 * ms / CAPOS_IO_REFS_MS);
        CHECK_EQ(capos_io_packet_recv(r.b, &q, sizeof(q), &fd, 1), CAPOS_IO_E_AGAIN);
        shortage = false;
        while (r.a.link.waiting)
                CHECK_OK(capos_io_loop_turn(&r.loop, SHORT_MS));
        CHECK_OK(capos_io_packet_recv(r.b, &q, sizeof(q), &fd, 1));
        CHECK_EQ(q.event, 1);
        close(fd);
        CHECK_OK(capos_io_packet_recv(r.b, &q, sizeof(q), NULL, 0));
        CHECK_EQ(q.event, 2);
        rig_deinit(&r);
}

TEST(packets_with_and_without_descriptors_keep_their_order)
{
        struct packet p = {.type = PACKET_WORKER_GONE};
        struct rig r;

        rig_init(&r, true);
        for (unsigned i = 0; i < 20; i++) {
                const int fds[] = {r.b, r.b};

                p.event = i;
                p.type = i % 3 == 0   ? PACKET_WORKER_GONE
                         : i % 3 == 1 ? PACKET_WORKER_READY
                                      : PACKET_HANDOFF;
                CHECK_OK(capos_io_packet_send(r.b, &p, sizeof(p), fds, packet_fds(p.type)));
        }
        rig_turn(&r);
        CHECK_EQ(r.a.got, 20);
        CHECK_EQ(r.a.fds, 7 + 2 * 6);
        CHECK_EQ(r.a.closed, 0);
        rig_deinit(&r);
}

/* Opens all descriptors there may be; the first of them. */
static int exhaust(void)
{
        const struct rlimit few = {64, 64};
        int first, fd;

        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
        first = fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        while (fd >= 0)
                fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        CHECK_EQ(errno, EMFILE);
        return first;
}

/* A shortage of our own is not the other side's fault. */
TEST(a_packet_waits_for_a_descriptor)
{
        struct packet p = {.type = PACKET_WORKER_READY};
        struct rig r;
        int first;

        rig_init(&r, true);
        first = exhaust();
        for (; p.event < 3; p.event++)
                CHECK_OK(capos_io_packet_send(r.b, &p, sizeof(p), &r.b, 1));
        rig_turn(&r);
        CHECK_EQ(r.a.closed, 0);
        CHECK_EQ(r.a.got, 3); /* the reserve; each is closed before the next comes */

        close_range((unsigned)first, ~0u, 0);
        rig_deinit(&r);
}

/* A packet with two needs room for both before it is read. */
TEST(two_descriptors_have_their_room)
{
        struct packet p = {.type = PACKET_RELOAD};
        struct rig r;
        int first;

        rig_init(&r, true);
        first = exhaust();
        for (; p.event < 3; p.event++)
                CHECK_OK(capos_io_packet_send(r.b, &p, sizeof(p), (int[]){r.b, r.b}, 2));
        rig_turn(&r);
        CHECK_EQ(r.a.closed, 0);
        CHECK_EQ(r.a.got, 3);
        CHECK_EQ(r.a.fds, 6);

        close_range((unsigned)first, ~0u, 0);
        rig_deinit(&r);
}

struct keeper {
        struct daemon_link link;
        unsigned got, closed;
        int kept[8];
};

static void keeper_got(struct daemon_link *l, const struct packet *p, const int *fds)
{
        struct keeper *k = CAPNP_I_OF(l, struct keeper, link);

        CHECK_EQ(packet_fds(p->type), 1);
        k->kept[k->got++] = fds[0];
}

static void keeper_closed(struct daemon_link *l)
{
        CAPNP_I_OF(l, struct keeper, link)->closed++;
}

TEST(what_does_not_fit_comes_later)
{
        static const struct daemon_link_ops ops = {keeper_got, keeper_closed};
        struct packet p = {.type = PACKET_WORKER_READY};
        struct capos_io_loop loop;
        struct keeper k = {.got = 0};
        int pair[2], first;

        CHECK_OK(capos_io_loop_init(&loop));
        CHECK_OK(capos_io_packet_pair(pair));
        CHECK_OK(daemon_link_init(&k.link, &loop, pair[0], true, &ops));
        first = exhaust();
        for (unsigned i = 0; i < 4; i++)
                CHECK_OK(capos_io_packet_send(pair[1], &p, sizeof(p), &pair[1], 1));
        for (unsigned i = 0; i < 8; i++)
                CHECK_OK(capos_io_loop_turn(&loop, 50));
        CHECK_EQ(k.got, 1); /* it took the reserve, and kept it */
        CHECK_EQ(k.closed, 0);

        for (int i = 0; i < 5; i++)
                CHECK_EQ(close(first + i), 0);
        while (k.got < 4)
                CHECK_OK(capos_io_loop_turn(&loop, 1000));
        CHECK_EQ(k.closed, 0);
        for (unsigned i = 0; i < 4; i++)
                close(k.kept[i]);
        daemon_link_deinit(&k.link);
        close(pair[1]);
        close_range((unsigned)first, ~0u, 0);
        capos_io_loop_deinit(&loop);
}

/* With nothing to read it with, the end of the other side is seen all the same. */
TEST(the_end_is_seen_without_a_descriptor)
{
        static const struct daemon_link_ops ops = {keeper_got, keeper_closed};
        struct packet p = {.type = PACKET_WORKER_READY};
        struct capos_io_loop loop;
        struct keeper k = {.got = 0};
        int pair[2], first;

        CHECK_OK(capos_io_loop_init(&loop));
        CHECK_OK(capos_io_packet_pair(pair));
        CHECK_OK(daemon_link_init(&k.link, &loop, pair[0], true, &ops));
        first = exhaust();
        for (unsigned i = 0; i < 2; i++)
                CHECK_OK(capos_io_packet_send(pair[1], &p, sizeof(p), (int[]){STDIN_FILENO}, 1));
        for (unsigned i = 0; i < 8; i++)
                CHECK_OK(capos_io_loop_turn(&loop, 50));
        CHECK_EQ(k.got, 1);
        close(pair[1]);
        while (!k.closed)
                CHECK_OK(capos_io_loop_turn(&loop, 1000));
        CHECK_EQ(k.closed, 1);
        close(k.kept[0]);
        close_range((unsigned)first, ~0u, 0);
        capos_io_loop_deinit(&loop);
}

/* Sends something wrong; the link must close without telling of a packet. */
static void refused(bool takes_fds, uint32_t type, size_t size, unsigned nfds)
{
        char bytes[sizeof(struct packet) + 8] = {0};
        struct packet *p = (struct packet *)(void *)bytes;
        struct rig r;

        rig_init(&r, takes_fds);
        p->type = type;
        CHECK_OK(capos_io_packet_send(r.b, bytes, size, (int[]){r.b, r.b, r.b}, nfds));
        rig_turn(&r);
        CHECK_EQ(r.a.got, 0);
        CHECK_EQ(r.a.closed, 1);
        rig_deinit(&r);
}

TEST(anything_else_closes_the_link)
{
        const size_t size = sizeof(struct packet);

        refused(true, PACKET_WORKER_GONE, size - 1, 0);
        refused(true, PACKET_WORKER_GONE, size + 1, 0);
        refused(true, PACKET_WORKER_GONE, 1, 0);
        refused(true, PACKET_WORKER_GONE, size, 1);
        refused(true, PACKET_WORKER_READY, size, 0);
        refused(true, PACKET_WORKER_READY, size, 2);
        refused(true, PACKET_HANDOFF, size, 1);
        refused(true, PACKET_HANDOFF, size, 3);
        refused(false, PACKET_WORKER_GONE, size - 1, 0);
        refused(false, PACKET_WORKER_READY, size, 1);
        refused(false, PACKET_WORKER_READY, size, 0);
}

TEST(descriptors_do_not_come_in_where_none_may)
{
        const struct packet p = {.type = PACKET_WORKER_GONE};
        struct rig r;

        rig_init(&r, false);
        CHECK_OK(capos_io_packet_send(r.b, &p, sizeof(p), &r.b, 1));
        rig_turn(&r);
        CHECK_EQ(r.a.got, 1); /* the kernel has dropped it; the harness counts descriptors */
        rig_deinit(&r);
}

TEST(a_slow_reader_is_waited_for)
{
        struct packet p = {.type = PACKET_WORKER_READY}, q;
        struct rlimit files;
        struct rig r;
        int fd;

        CHECK_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
        files.rlim_cur = files.rlim_max;
        if (files.rlim_max < 4000 || setrlimit(RLIMIT_NOFILE, &files))
                test_skip("it needs 4,000 descriptors (ulimit -Hn)");
        rig_init(&r, true);
        for (unsigned i = 0; i < 2000; i++) {
                int own = fcntl(r.b, F_DUPFD_CLOEXEC, 3);

                CHECK(own >= 0);
                p.event = i;
                daemon_link_send(&r.a.link, &p, &own);
                if (i % 100 == 99) /* it does read, ever so slowly */
                        CHECK_OK(capos_io_packet_recv(r.b, &q, sizeof(q), &fd, 1) ||
                                 q.event != i / 100 || close(fd));
        }
        CHECK(r.a.link.waiting > 1000);
        for (unsigned i = 20; i < 2000; i++) {
                int e = capos_io_packet_recv(r.b, &q, sizeof(q), &fd, 1);

                if (e == CAPOS_IO_E_AGAIN) {
                        rig_turn(&r);
                        e = capos_io_packet_recv(r.b, &q, sizeof(q), &fd, 1);
                }
                CHECK_OK(e);
                CHECK_EQ(q.event, i);
                close(fd);
        }
        CHECK_EQ(r.a.link.waiting, 0);
        rig_deinit(&r);
}

TEST(a_reader_that_never_reads_is_given_up)
{
        const struct packet p = {.type = PACKET_WORKER_GONE};
        struct rig r;

        rig_init(&r, true);
        for (unsigned i = 0; i < 2 * LINK_WAITING; i++)
                daemon_link_send(&r.a.link, &p, NULL);
        CHECK_EQ(r.a.closed, 0); /* never from within send */
        rig_turn(&r);
        CHECK_EQ(r.a.closed, 1);
        rig_deinit(&r);
}

TEST(what_was_sent_before_the_end_is_heard)
{
        struct packet p = {.type = PACKET_WORKER_GONE};
        struct rig r;

        rig_init(&r, true);
        for (unsigned i = 0; i < 100; i++) {
                p.event = i;
                CHECK_OK(capos_io_packet_send(r.b, &p, sizeof(p), NULL, 0));
        }
        shutdown(r.b, SHUT_RDWR);
        daemon_link_drain(&r.a.link);
        CHECK_EQ(r.a.got, 100);
        CHECK_EQ(r.a.closed, 1);
        rig_deinit(&r);
}

/* ---- the log -------------------------------------------------------------------------------- */

TEST(a_clients_text_cannot_forge_a_line)
{
        char text[300];
        struct daemon_log_text t = daemon_log_text("a\n<0>b\x1b[2J\"\\\xc3\xa4", 14);

        CHECK_STR(t.s, "a\\x0a<0>b\\x1b[2J\\x22\\x5c\\xc3\\xa4");
        t = daemon_log_text("", 0);
        CHECK_STR(t.s, "");
        memset(text, '\n', sizeof(text));
        t = daemon_log_text(text, sizeof(text));
        CHECK_EQ(strlen(t.s), 4 * 128 + 3);
        t = daemon_log_text(text, 128);
        CHECK_EQ(strlen(t.s), 4 * 128);
}

/* ---- starting ------------------------------------------------------------------------------- */

/* What a shell says about itself. */
static void spawn_says(const char *script, const char *expected)
{
        const char *argv[] = {"sh", "-c", script, NULL};
        struct daemon_spawn s = {.path = "/bin/sh", .argv = argv, .nfds = 2};
        int pipes[2], pidfd, status = 0;
        char said[256] = "";
        size_t n = 0;
        pid_t pid;

        CHECK(pipe2(pipes, O_CLOEXEC) == 0);
        s.fds[0].fd = pipes[1];
        s.fds[0].at = 4;
        s.fds[1].fd = pipes[1];
        s.fds[1].at = 3;
        CHECK_OK(daemon_spawn(&s, &pid, &pidfd));
        close(pipes[1]);
        while (n < sizeof(said) - 1) {
                ssize_t more = read(pipes[0], said + n, sizeof(said) - 1 - n);

                CHECK(more >= 0);
                if (!more)
                        break;
                n += (size_t)more;
        }
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK_STR(said, expected);
        close(pipes[0]);
        close(pidfd);
}

TEST(a_program_has_what_it_is_given)
{
        spawn_says("echo one >&3; echo two >&4", "one\ntwo\n");
        spawn_says("for i in 0 1 2 3 4 5 6 7 8 9; do test -e /proc/$$/fd/$i && echo $i >&3; done",
                   "0\n1\n2\n3\n4\n");
        spawn_says("x=$(readlink /proc/$$/fd/0 /proc/$$/fd/1); echo $x >&3",
                   "/dev/null /dev/null\n");
        spawn_says("grep -E '^(NoNewPrivs|SigBlk)' /proc/self/status >&3",
                   "SigBlk:\t0000000000000000\nNoNewPrivs:\t1\n");
        spawn_says("ulimit -c >&3", "0\n");
}

TEST(a_program_that_is_not_there_is_an_error)
{
        const char *argv[] = {"x", NULL};
        struct daemon_spawn s = {.path = "/nowhere/x", .argv = argv};
        int pidfd;
        pid_t pid;

        CHECK_EQ(daemon_spawn(&s, &pid, &pidfd), -ENOENT);
        s.path = "/etc/passwd";
        CHECK_EQ(daemon_spawn(&s, &pid, &pidfd), -EACCES);
}
