/* Streams: bytes, descriptors beside them, bounds, and a peer that has gone. */
#include "harness.h"
#include "io-stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int pair[2];

static void pair_open(void)
{
        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair));
}

static void pair_close(void)
{
        close(pair[0]);
        close(pair[1]);
}

static ssize_t send_fds(const char *text, const int *fds, unsigned nfds)
{
        struct iovec v = {(void *)(uintptr_t)text, strlen(text)};

        return capos_io_stream_write(pair[0], &v, 1, fds, nfds);
}

static ssize_t read_fds(char *text, size_t len, int *fds, unsigned max, unsigned *ret_n)
{
        struct iovec v = {text, len};

        return capos_io_stream_read_fds(pair[1], &v, 1, fds, max, ret_n);
}

/* As another user, if that can be: root is exempt, and what is on its way is counted by user. */
TEST(too_many_descriptors_on_their_way_pass)
{
        const struct rlimit few = {16, 16};
        int got[2], own[1];
        unsigned n = 0, sent = 0;
        char text[1];
        ssize_t r;

        pair_open();
        if (geteuid() == 0)
                CHECK_EQ(setresuid(54321, 54321, 54321), 0);
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
        own[0] = pair[0];
        while ((r = send_fds("x", own, 1)) == 1 && sent < 100)
                sent++;
        CHECK_EQ(r, -ETOOMANYREFS);
        CHECK(sent < 100);
        /* With what was sent out of the way, the same socket takes more. */
        for (unsigned i = 0; i < sent; i++) {
                CHECK_EQ(read_fds(text, 1, got, 2, &n), 1);
                CHECK_EQ(n, 1);
                close(got[0]);
        }
        while ((r = send_fds("x", own, 1)) == -ETOOMANYREFS)
                poll(NULL, 0, 5); /* others of this user */
        CHECK_EQ(r, 1);
        CHECK_EQ(read_fds(text, 1, got, 2, &n), 1);
        close(got[0]);
        pair_close();
}

TEST(stream_passes_descriptors_with_their_bytes)
{
        int null = open("/dev/null", O_RDWR | O_CLOEXEC), fds[4];
        struct stat a, b;
        unsigned n;
        char text[16];

        pair_open();
        CHECK_EQ(send_fds("plain", NULL, 0), 5);
        CHECK_EQ(send_fds("with", (int[]){null, null}, 2), 4);
        CHECK_EQ(send_fds("after", NULL, 0), 5);
        /* One read may begin before them but ends inside their message. */
        CHECK_EQ(read_fds(text, sizeof(text), fds, 4, &n), 9);
        CHECK_MEM(text, "plainwith", 9);
        CHECK_EQ(n, 2);
        CHECK_OK(fstat(null, &a));
        CHECK_OK(fstat(fds[1], &b));
        CHECK_EQ(a.st_rdev, b.st_rdev);
        CHECK(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
        capos_io_fds_close(fds, n);
        CHECK_EQ(read_fds(text, sizeof(text), fds, 4, &n), 5);
        CHECK_EQ(n, 0);
        CHECK_EQ(read_fds(text, sizeof(text), fds, 4, &n), -EAGAIN);
        close(null);
        pair_close();
}

/* What is left open would be found by the runner. */
TEST(stream_takes_no_more_descriptors_than_asked_for)
{
        int null = open("/dev/null", O_RDWR | O_CLOEXEC), many[20], fds[8];
        unsigned n;
        char text[16];

        for (unsigned i = 0; i < 20; i++)
                many[i] = null;
        pair_open();
        for (unsigned max = 0; max <= 8; max++) {
                CHECK_EQ(send_fds("with", many, 20), 4);
                CHECK_EQ(read_fds(text, sizeof(text), fds, max, &n), 4);
                CHECK_EQ(n, max);
                capos_io_fds_close(fds, n);
        }
        CHECK_EQ(send_fds("with", many, 20), 4);
        CHECK_EQ(capos_io_stream_read(pair[1], text, sizeof(text)), 4);
        close(null);
        pair_close();
}

TEST(stream_passes_as_many_descriptors_as_the_kernel_does)
{
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        int many[CAPOS_IO_FDS + 1], fds[CAPOS_IO_FDS];
        unsigned n;
        char text[16];

        for (unsigned i = 0; i <= CAPOS_IO_FDS; i++)
                many[i] = null;
        pair_open();
        CHECK_EQ(send_fds("x", many, CAPOS_IO_FDS + 1), -EINVAL);
        CHECK_EQ(send_fds("x", many, CAPOS_IO_FDS), 1);
        CHECK_EQ(read_fds(text, 16, fds, CAPOS_IO_FDS, &n), 1);
        CHECK_EQ(n, CAPOS_IO_FDS);
        capos_io_fds_close(fds, n);
        close(null);
        pair_close();
}

TEST(stream_write_is_short_when_full_and_never_a_signal)
{
        static char block[1 << 20];
        struct iovec v[2] = {{block, sizeof(block)}, {block, sizeof(block)}};
        ssize_t n;

        pair_open();
        n = capos_io_stream_write(pair[0], v, 2, NULL, 0);
        CHECK(n > 0 && n < 2 * (ssize_t)sizeof(block));
        CHECK_EQ(capos_io_stream_write(pair[0], v, 2, NULL, 0), -EAGAIN);
        close(pair[1]);
        CHECK_EQ(capos_io_stream_write(pair[0], v, 2, NULL, 0), -EPIPE);
        close(pair[0]);
}

TEST(stream_ends)
{
        char text[16];

        pair_open();
        CHECK_EQ(send_fds("last", NULL, 0), 4);
        CHECK_OK(shutdown(pair[0], SHUT_WR));
        CHECK_EQ(capos_io_stream_read(pair[1], text, sizeof(text)), 4);
        CHECK_EQ(capos_io_stream_read(pair[1], text, sizeof(text)), 0);
        pair_close();
}
