/*
 * Making copies.
 *
 * A copy has loaded its libraries, entered half of the sandbox and holds no secret. clone() with
 * CLONE_PARENT makes it a child of caposd's: we learn its number, pass it on and are done with it.
 * Not clone3(): its flags lie behind a pointer, where the filter of this process cannot look. There
 * is no fallback to fork(): a copy that caposd cannot wait for is worse than none.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fcntl.h>

#include "daemon-log.h"
#include "daemon-packets.h"
#include "daemon-zygote.h"
#include "io-packet.h"

static int packet_wait(int fd, short events)
{
        struct pollfd p = {.fd = fd, .events = events};

        while (poll(&p, 1, -1) < 0)
                if (errno != EINTR)
                        return -errno;
        return 0;
}

int daemon_packet_await(int fd, struct packet *p, int fds[LINK_FDS + 1])
{
        int r;

        do {
                r = packet_wait(fd, POLLIN);
                if (!r)
                        r = daemon_packet_recv(fd, p, fds);
        } while (r == CAPOS_IO_E_AGAIN);
        return r;
}

/* ---- a copy --------------------------------------------------------------------------------- */

enum daemon_copy_exit daemon_copy_confine(struct daemon_zygote *z, int socket, unsigned fds)
{
        int allowed[] = {LINK_FD, STDERR_FILENO}, other = -1;

        if (dup3(socket, LINK_FD, O_CLOEXEC) < 0 || close_range(LINK_FD + 1, ~0u, 0) < 0)
                return COPY_EXIT_DESCRIPTORS;
        (void)close(STDIN_FILENO);
        (void)close(STDOUT_FILENO);
        if (!daemon_sandbox_reports())
                (void)close(STDERR_FILENO);

        if (daemon_sandbox_parent(z->parent) || (fds && daemon_sandbox_fds(fds)) ||
            daemon_sandbox_with(z->role, &z->filter))
                return COPY_EXIT_SANDBOX;
        if (daemon_check_fds(allowed, daemon_sandbox_reports() ? 2 : 1, &other))
                return COPY_EXIT_DESCRIPTORS;

        return COPY_EXIT_OK;
}

/* ---- the zygote ----------------------------------------------------------------------------- */

int daemon_zygote_enter(struct daemon_zygote *z)
{
        int r = daemon_filter_make(z->role, &z->filter);

        return r ? r : daemon_sandbox(z->own_role);
}

int daemon_zygote_begin(struct daemon_zygote *z)
{
        const int allowed[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, z->link};
        const struct packet ready = {.type = PACKET_READY};
        int other = -1, r;

        r = daemon_check_fds(allowed, 4, &other);
        if (r)
                daemon_log(LOG_ERR, "descriptor %d should not be as it is", other);
        if (!r)
                r = daemon_zygote_enter(z);
        return r ? r : capos_io_packet_send(z->link, &ready, sizeof(ready), NULL, 0);
}

/* As fork(), and the child is a sibling. The number, or -errno. */
static pid_t zygote_clone(void)
{
        long pid = syscall(SYS_clone, CLONE_PARENT, NULL, NULL, NULL, NULL);

        return pid < 0 ? -errno : (pid_t)pid;
}

static int zygote_fork(struct daemon_zygote *z, const struct packet *asked, int socket)
{
        struct packet p = {.type = PACKET_FORKED, .worker = asked->worker};
        int r;

        p.pid = zygote_clone();
        if (p.pid == 0) {
                z->live(z, socket);
                _exit(COPY_EXIT_SANDBOX);
        }

        (void)close(socket);
        if (p.pid < 0)
                return p.pid;

        do {
                r = capos_io_packet_send(z->link, &p, sizeof(p), NULL, 0);
                if (r == CAPOS_IO_E_AGAIN && packet_wait(z->link, POLLOUT))
                        return -EIO;
        } while (r == CAPOS_IO_E_AGAIN);
        return r;
}

int daemon_zygote_run(struct daemon_zygote *z)
{
        int fds[LINK_FDS + 1], r;
        struct packet p;

        do {
                r = daemon_packet_await(z->link, &p, fds);
                if (!r)
                        r = p.type == PACKET_FORK ? zygote_fork(z, &p, fds[0]) : -EBADMSG;
        } while (!r);

        return r == CAPOS_IO_E_CLOSED ? 0 : r > 0 ? -EBADMSG : r;
}
