/*
 * The way from a copy of the zygote to a worker.
 *
 * The copy drops everything but its hand-off socket, then enters the sandbox of a worker, and only
 * then waits, maybe for hours, for a connection. So the time between a connection and its first
 * byte is one packet. It takes one HANDOFF, closes the socket, and has from then on the two sockets
 * that came with it.
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

/* Waits for a connection. ret_fds: the client's socket, and the one to the session manager. */
static enum worker_exit worker_await(int ret_fds[2])
{
        int allowed[3], other = -1, r;
        struct packet p;

        r = daemon_packet_await(LINK_FD, PACKET_HANDOFF, &p, ret_fds);
        (void)close(LINK_FD);
        if (r == CAPOS_IO_E_CLOSED) /* the gateway has gone, or we are not needed */
                _exit(WORKER_EXIT_OK);
        if (r || fd_raise(&ret_fds[0]) || fd_raise(&ret_fds[1]))
                return WORKER_EXIT_HANDOFF;

        allowed[0] = ret_fds[0];
        allowed[1] = ret_fds[1];
        allowed[2] = STDERR_FILENO;
        if (daemon_check_fds(allowed, daemon_sandbox_reports() ? 3 : 2, &other))
                return WORKER_EXIT_DESCRIPTORS;

        return WORKER_EXIT_OK;
}

void worker_live(struct daemon_zygote *z, int handoff)
{
        const unsigned *max_fds = z->arg;
        int fds[2], e = (int)daemon_copy_confine(z, handoff, *max_fds);

        if (!e)
                e = (int)worker_await(fds);
        if (e)
                _exit(e);

        _exit(worker_serve(fds[0], fds[1]) ? WORKER_EXIT_FAILED : WORKER_EXIT_OK);
}
