/*
 * The way from a copy of the zygote to a worker.
 *
 * The copy drops everything but its hand-off socket, then enters the sandbox of a worker, and only
 * then waits, maybe for hours, for a connection. So the time between a connection and its first
 * byte is one packet. It takes one HANDOFF, closes the socket, and has from then on the two sockets
 * that came with it; over TLS, until the handshake, a third to the signer.
 *
 * The sockets are moved away from the numbers 0 to 2, which the C library believes to be something
 * else.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "daemon-link.h"
#include "worker-serve.h"
#include "worker-zygote.h"

/* Moves a descriptor above those the C library knows. */
static int fd_raise(int *fd)
{
        int moved = fcntl(*fd, F_DUPFD_CLOEXEC, LINK_FD);

        if (moved < 0)
                return -errno;

        (void)close(*fd);
        *fd = moved;
        return 0;
}

/* Waits for a connection: HANDOFF, or HANDOFF_TLS. */
static enum worker_exit worker_await(struct packet *p, int fds[LINK_FDS + 1])
{
        int allowed[LINK_FDS + 1], other = -1, r;
        unsigned n;

        r = daemon_packet_await(LINK_FD, p, fds);
        (void)close(LINK_FD);
        if (r == CAPOS_IO_E_CLOSED) /* the gateway has gone, or we are not needed */
                _exit(WORKER_EXIT_OK);
        if (r || (p->type != PACKET_HANDOFF && p->type != PACKET_HANDOFF_TLS))
                return WORKER_EXIT_HANDOFF;

        n = packet_fds(p->type);
        for (unsigned i = 0; i < n; i++) {
                if (fd_raise(&fds[i]))
                        return WORKER_EXIT_HANDOFF;
                allowed[i] = fds[i];
        }
        if (daemon_sandbox_reports())
                allowed[n++] = STDERR_FILENO;
        return daemon_check_fds(allowed, n, &other) ? WORKER_EXIT_DESCRIPTORS : WORKER_EXIT_OK;
}

void worker_live(struct daemon_zygote *z, int handoff)
{
        struct worker_kit *kit = z->arg;
        struct worker_start s = {0};
        int fds[LINK_FDS + 1], e = (int)daemon_copy_confine(z, handoff, kit->max_fds);
        struct packet p;

        if (!e)
                e = (int)worker_await(&p, fds);
        if (e)
                _exit(e);

        s.client_fd = fds[0];
        s.sessiond_fd = fds[1];
        if (p.type == PACKET_HANDOFF_TLS) {
                kit->tls.signer = fds[2];
                s.tls = &kit->tls;
                s.nonce = p.nonce;
        }
        _exit(worker_serve(&s));
}
