/*
 * Reading and writing stream sockets.
 *
 * A reader that expects no descriptors uses plain read(): without a control buffer the kernel
 * discards descriptors before they become ours, so a peer cannot fill our table. A reader that does
 * expect them hands out room for exactly as many as are allowed; the kernel installs no more than
 * fit and says MSG_CTRUNC. CMSG_LEN, not CMSG_SPACE, is that room: the padding of CMSG_SPACE would
 * let one more in.
 *
 * The kernel never merges two messages with descriptors into one read, so the bytes of a read that
 * brought descriptors end inside the message they belong to.
 */
#include "io-stream.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
        struct cmsghdr header;
        char room[CMSG_SPACE(CAPOS_IO_FDS * sizeof(int))];
};

ssize_t capos_io_stream_read(int fd, void *b, size_t len)
{
        ssize_t n;

        do
                n = read(fd, b, len);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : n;
}

static unsigned control_take_fds(struct msghdr *m, int *fds, unsigned max)
{
        unsigned n = 0;

        for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
                unsigned here;

                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                here = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
                for (unsigned i = 0; i < here; i++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
                        if (n < max)
                                fds[n++] = fd;
                        else
                                (void)close(fd);
                }
        }
        return n;
}

ssize_t capos_io_stream_read_fds(int fd, const struct iovec *v, unsigned n, int *fds, unsigned max,
                                 unsigned *ret_nfds)
{
        union control control;
        struct msghdr m = {
                .msg_iov = (struct iovec *)(uintptr_t)v, .msg_iovlen = n, .msg_control = &control};
        ssize_t len;

        *ret_nfds = 0;
        if (max > CAPOS_IO_FDS)
                max = CAPOS_IO_FDS;
        do {
                m.msg_controllen = CMSG_LEN(max * sizeof(int));
                len = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
        } while (len < 0 && errno == EINTR);
        if (len < 0)
                return -errno;

        *ret_nfds = control_take_fds(&m, fds, max);
        return len;
}

static void control_put_fds(struct msghdr *m, union control *control, const int *fds, unsigned nfds)
{
        memset(control, 0, CMSG_SPACE(nfds * sizeof(int)));
        control->header.cmsg_level = SOL_SOCKET;
        control->header.cmsg_type = SCM_RIGHTS;
        control->header.cmsg_len = CMSG_LEN(nfds * sizeof(int));
        memcpy(CMSG_DATA(&control->header), fds, nfds * sizeof(int));
        m->msg_control = control;
        m->msg_controllen = CMSG_SPACE(nfds * sizeof(int));
}

ssize_t capos_io_stream_write(int fd, const struct iovec *v, unsigned n, const int *fds,
                              unsigned nfds)
{
        struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)v, .msg_iovlen = n};
        union control control;
        ssize_t sent;

        if (nfds > CAPOS_IO_FDS)
                return -EINVAL;
        if (nfds)
                control_put_fds(&m, &control, fds, nfds);
        do
                sent = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
        while (sent < 0 && errno == EINTR);
        return sent < 0 ? -errno : sent;
}

void capos_io_fds_close(const int *fds, unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                (void)close(fds[i]);
}
