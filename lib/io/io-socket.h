/* Stream and packet sockets: connect, listen, accept. Every descriptor is non-blocking and closes
 * on exec from birth. */
#ifndef CAPOS_IO_SOCKET_H
#define CAPOS_IO_SOCKET_H

#include "io-address.h"

#include <sys/stat.h>

/* What a direct caller deals with; never passed up. */
enum capos_io_err {
        CAPOS_IO_E_AGAIN = 1, /* nothing for now: wait until the descriptor is ready */
        CAPOS_IO_E_BUSY,      /* nothing for now, and no event will say when: try again later */
        CAPOS_IO_E_CLOSED,    /* the peer has closed its side */
        CAPOS_IO_E_SIZE,      /* not the size, or not the descriptors, that was asked for */
};

/*
 * Begins to connect. type: SOCK_STREAM or SOCK_SEQPACKET.
 * 0: connected; CAPOS_IO_E_AGAIN: under way, wait for EPOLLOUT and ask capos_io_socket_error();
 * CAPOS_IO_E_BUSY: a Unix listener's queue is full, no descriptor was returned; -ECONNREFUSED or
 * another errno value.
 */
int capos_io_socket_connect(const struct capos_io_address *a, int type, int *ret_fd) CAPNP_MUST_USE;
/* What became of connecting: 0, or a negative errno value. */
int capos_io_socket_error(int fd) CAPNP_MUST_USE;
/*
 * Listens. mode: permissions of a Unix socket file; 0: what the umask leaves. A socket file that
 * nobody listens on is replaced. 0; -EADDRINUSE; another errno value.
 */
int capos_io_socket_listen(const struct capos_io_address *a, int type, mode_t mode,
                           int *ret_fd) CAPNP_MUST_USE;
/* Takes one connection. 0; CAPOS_IO_E_AGAIN: there is none; CAPOS_IO_E_BUSY: no descriptor or
 * memory left, it stays queued; -errno: the listener is broken. */
int capos_io_socket_accept(int listener, int *ret_fd) CAPNP_MUST_USE;
/* Makes a socket that came from elsewhere ours: non-blocking, closes on exec. On TCP: no delay,
 * and a peer that is gone without a word is noticed within 90 s. 0; -ENOTSOCK; another errno value.
 */
int capos_io_socket_adopt(int fd) CAPNP_MUST_USE;
/* Whether a socket can carry descriptors. */
bool capos_io_socket_is_unix(int fd);
/* Who is at the other end of a Unix socket, or was when it connected. 0; -EAFNOSUPPORT: it is none;
 * another negative errno value. */
int capos_io_socket_peer(int fd, struct ucred *ret) CAPNP_MUST_USE;
/* The address a socket is bound to. 0, or -errno. */
int capos_io_socket_address(int fd, struct capos_io_address *ret) CAPNP_MUST_USE;

#endif
