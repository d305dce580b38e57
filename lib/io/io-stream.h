/* Bytes in and out of a stream socket, with descriptors beside them where that is wanted. */
#ifndef CAPOS_IO_STREAM_H
#define CAPOS_IO_STREAM_H

#include <capos/capnp-base.h>

#include <sys/types.h>
#include <sys/uio.h>

/* What the kernel takes in one message. */
enum { CAPOS_IO_FDS = 253 };
/* All processes of a user share how many descriptors may be on their way. Too many are, of
 * whomever: that passes, but no socket tells when; so whoever got -ETOOMANYREFS tries again so much
 * later. */
enum { CAPOS_IO_REFS_MS = 20 };

/* Bytes read, 0 at the end of the stream, or -errno (-EAGAIN). Descriptors sent along are dropped
 * by the kernel: they never enter this process. */
ssize_t capos_io_stream_read(int fd, void *b, size_t len);
/*
 * The same, and takes at most max (<= CAPOS_IO_FDS) descriptors that came along; what exceeds max
 * is closed. ret_nfds is set in any case; the descriptors are the caller's and close on exec.
 */
ssize_t capos_io_stream_read_fds(int fd, const struct iovec *v, unsigned n, int *fds, unsigned max,
                                 unsigned *ret_nfds);
/*
 * Bytes written (maybe fewer than there are), or -errno (-EAGAIN, -EPIPE; never a signal). fds go
 * with the first byte and stay the caller's; with 0 bytes written or an error none has gone.
 * -ETOOMANYREFS: too many descriptors are on their way; the socket is as good as ever.
 */
ssize_t capos_io_stream_write(int fd, const struct iovec *v, unsigned n, const int *fds,
                              unsigned nfds);
/* Closes descriptors that nobody wants. */
void capos_io_fds_close(const int *fds, unsigned n);

#endif
