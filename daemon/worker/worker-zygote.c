/*
 * Making workers.
 *
 * A worker is a copy of this process, which has loaded its libraries, entered half of the sandbox
 * and holds no secret. clone() with CLONE_PARENT makes the copy a child of caposd's: we learn its
 * number, pass it on and are done with it. Not clone3(): its flags lie behind a pointer, where the
 * filter of this process cannot look. There is no fallback to fork(): a worker that caposd cannot
 * wait for is worse than none.
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
#include <poll.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon-link.h"
#include "daemon-sandbox.h"
#include "worker-zygote.h"
#include "worker.h"

static int packet_wait(int fd, short events)
{
        struct pollfd p = {.fd = fd, .events = events};

        while (poll(&p, 1, -1) < 0)
                if (errno != EINTR)
                        return -errno;
        return 0;
}

/* The next packet of this type, with its descriptors. 0; CAPOS_IO_E_CLOSED; an error. */
static int packet_await(int fd, enum packet_type type, struct packet *p, int *fds)
{
        int r;

        do {
                r = packet_wait(fd, POLLIN);
                if (!r)
                        r = capos_io_packet_recv(fd, p, sizeof(*p), fds, packet_fds(type));
        } while (r == CAPOS_IO_E_AGAIN);
        if (!r && p->type != type) {
                capos_io_fds_close(fds, packet_fds(type));
                return -EBADMSG;
        }
        return r;
}

/* ---- a worker ------------------------------------------------------------------------------- */

/* Gives up everything but the hand-off socket, which is LINK_FD from here on. */
static enum worker_exit worker_confine(const struct zygote *z, int handoff)
{
        int allowed[] = {LINK_FD, STDERR_FILENO}, other = -1;

        if (dup3(handoff, LINK_FD, O_CLOEXEC) < 0 || close_range(LINK_FD + 1, ~0u, 0) < 0)
                return WORKER_EXIT_DESCRIPTORS;
        (void)close(STDIN_FILENO);
        (void)close(STDOUT_FILENO);
        if (!daemon_sandbox_reports())
                (void)close(STDERR_FILENO);

        if (daemon_sandbox_parent(z->parent) || daemon_sandbox_fds(z->fds) ||
            daemon_sandbox(ROLE_WORKER))
                return WORKER_EXIT_SANDBOX;
        if (daemon_check_fds(allowed, daemon_sandbox_reports() ? 2 : 1, &other))
                return WORKER_EXIT_DESCRIPTORS;

        return WORKER_EXIT_OK;
}

/* Moves a descriptor above those the C library knows. */
static int worker_move(int *fd)
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

        r = packet_await(LINK_FD, PACKET_HANDOFF, &p, ret_fds);
        (void)close(LINK_FD);
        if (r == CAPOS_IO_E_CLOSED) /* the gateway has gone, or we are not needed */
                _exit(WORKER_EXIT_OK);
        if (r || worker_move(&ret_fds[0]) || worker_move(&ret_fds[1]))
                return WORKER_EXIT_HANDOFF;

        allowed[0] = ret_fds[0];
        allowed[1] = ret_fds[1];
        allowed[2] = STDERR_FILENO;
        if (daemon_check_fds(allowed, daemon_sandbox_reports() ? 3 : 2, &other))
                return WORKER_EXIT_DESCRIPTORS;

        return WORKER_EXIT_OK;
}

/* The life of a worker. */
static void worker_live(const struct zygote *z, int handoff) __attribute__((noreturn));
static void worker_live(const struct zygote *z, int handoff)
{
        enum worker_exit e;
        int fds[2], r;

        e = worker_confine(z, handoff);
        if (!e)
                e = worker_await(fds);
        if (e)
                _exit(e);

        r = worker_serve(fds[0], fds[1]);
        _exit(r ? WORKER_EXIT_FAILED : WORKER_EXIT_OK);
}

/* ---- the zygote ----------------------------------------------------------------------------- */

/* As fork(), and the child is a sibling. The number, or -errno. */
static pid_t zygote_clone(void)
{
        long pid = syscall(SYS_clone, CLONE_PARENT, NULL, NULL, NULL, NULL);

        return pid < 0 ? -errno : (pid_t)pid;
}

static int zygote_fork(const struct zygote *z, const struct packet *asked, int handoff)
{
        struct packet p = {.type = PACKET_FORKED, .worker = asked->worker};
        int r;

        p.pid = zygote_clone();
        if (p.pid == 0)
                worker_live(z, handoff);

        (void)close(handoff);
        if (p.pid < 0)
                return p.pid;

        do {
                r = capos_io_packet_send(z->link, &p, sizeof(p), NULL, 0);
                if (r == CAPOS_IO_E_AGAIN && packet_wait(z->link, POLLOUT))
                        return -EIO;
        } while (r == CAPOS_IO_E_AGAIN);
        return r;
}

int zygote_run(const struct zygote *z)
{
        struct packet p;
        int fd, r;

        for (;;) {
                r = packet_await(z->link, PACKET_FORK, &p, &fd);
                if (!r)
                        r = zygote_fork(z, &p, fd);
                if (r)
                        return r == CAPOS_IO_E_CLOSED ? 0 : r > 0 ? -EBADMSG : r;
        }
}
