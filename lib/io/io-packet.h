/* Fixed-size structs over SOCK_SEQPACKET, with or without descriptors. */
#ifndef CAPOS_IO_PACKET_H
#define CAPOS_IO_PACKET_H

#include "io-socket.h"
#include "io-stream.h"

/* The most descriptors one packet may have. */
enum { CAPOS_IO_PACKET_FDS = 8 };

/* A pair of connected packet sockets; non-blocking, closes on exec. 0, or -errno. */
int capos_io_packet_pair(int ret_fds[2]) CAPNP_MUST_USE;
/* Sends one struct. fds stay the caller's. 0; CAPOS_IO_E_AGAIN: not sent, wait for EPOLLOUT;
 * CAPOS_IO_E_CLOSED: nobody will read it; -ETOOMANYREFS: not sent, wait for CAPOS_IO_REFS_MS;
 * -errno. */
int capos_io_packet_send(int fd, const void *p, size_t size, const int *fds,
                         unsigned nfds) CAPNP_MUST_USE;
/*
 * Receives one struct of exactly size bytes with exactly nfds descriptors (0: read without a
 * control buffer, so none can come in). 0; CAPOS_IO_E_AGAIN: none there; CAPOS_IO_E_CLOSED: the
 * peer has closed; CAPOS_IO_E_SIZE: the packet was another one and is gone, its descriptors are
 * closed; *p is undefined then, and the peer is not to be trusted further; -errno.
 */
int capos_io_packet_recv(int fd, void *p, size_t size, int *ret_fds, unsigned nfds) CAPNP_MUST_USE;

#endif
