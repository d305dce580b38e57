/*
 * Fixed-size structs between processes.
 *
 * Where one side may be hostile and the other has more power, this is all the parser there is: a
 * packet is of the size of its struct, `==`, or the conversation is over. SOCK_SEQPACKET keeps the
 * boundaries, MSG_TRUNC makes the kernel say how long a packet was that did not fit. An empty
 * packet looks like the end of the stream and is treated so.
 */
#include "io-packet.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

int capos_io_packet_pair(int ret_fds[2])
{
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ret_fds) < 0)
                return -errno;

        return 0;
}

int capos_io_packet_send(int fd, const void *p, size_t size, const int *fds, unsigned nfds)
{
        struct iovec v = {(void *)(uintptr_t)p, size};
        ssize_t n;

        n = capos_io_stream_write(fd, &v, 1, fds, nfds);
        if (n == -EAGAIN)
                return CAPOS_IO_E_AGAIN;
        if (n == -EPIPE || n == -ECONNRESET)
                return CAPOS_IO_E_CLOSED;
        if (n < 0)
                return (int)n;

        /* A packet goes as a whole or not at all. */
        return (size_t)n == size ? 0 : -EIO;
}

static ssize_t packet_read(int fd, const struct iovec *v, int n)
{
        ssize_t len;

        do
                len = readv(fd, v, n);
        while (len < 0 && errno == EINTR);
        return len < 0 ? -errno : len;
}

int capos_io_packet_recv(int fd, void *p, size_t size, int *ret_fds, unsigned nfds)
{
        int fds[CAPOS_IO_PACKET_FDS + 1];
        char extra;
        const struct iovec v[2] = {{p, size}, {&extra, 1}};
        unsigned got = 0;
        ssize_t n;

        if (nfds > CAPOS_IO_PACKET_FDS)
                return -EINVAL;
        if (nfds)
                n = capos_io_stream_read_fds(fd, v, 2, fds, nfds + 1, &got);
        else
                n = packet_read(fd, v, 2);
        if (n == -EAGAIN)
                return CAPOS_IO_E_AGAIN;
        if (n < 0 && n != -ECONNRESET)
                return (int)n;
        if (n > 0 && (size_t)n == size && got == nfds) {
                if (nfds)
                        memcpy(ret_fds, fds, nfds * sizeof(*fds));
                return 0;
        }

        capos_io_fds_close(fds, got);
        return n > 0 ? CAPOS_IO_E_SIZE : CAPOS_IO_E_CLOSED;
}
