/*
 * Children and signals.
 *
 * A process number may be taken by another process the moment its owner has been reaped; a pidfd
 * cannot. So children are waited for and killed through their pidfd alone. It becomes readable when
 * the child ends, and closing it is the last thing done with it.
 */
#include "io-child.h"
#include "io-socket.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* glibc declares these only since 2.36; the numbers are older. */
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/* What it has started. Its number is that of the group, and nobody else's until it is reaped. */
static void child_kill_group(const struct capos_io_child *c)
{
        siginfo_t info = {0};

        if (waitid(P_PIDFD, (id_t)c->pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
            info.si_pid > 0)
                (void)kill(-info.si_pid, SIGKILL);
}

static void child_on_event(struct capos_io_watch *w, uint32_t events)
{
        struct capos_io_child *c = CAPNP_I_OF(w, struct capos_io_child, watch);
        siginfo_t info = {0};

        (void)events;
        if (c->leads)
                child_kill_group(c);
        if (waitid(P_PIDFD, (id_t)c->pidfd, &info, WEXITED | WNOHANG) < 0) {
                if (errno == EINTR)
                        return;
                /* Not a child any more: somebody reaped it. How it ended nobody can say. */
                info.si_code = CLD_EXITED;
                info.si_status = -1;
        } else if (info.si_pid == 0) {
                return;
        }

        capos_io_child_deinit(c);
        c->ended(c, info.si_code, info.si_status);
}

int capos_io_child_init(struct capos_io_child *c, struct capos_io_loop *l, int pidfd,
                        void (*ended)(struct capos_io_child *c, int code, int status))
{
        int r;

        *c = (struct capos_io_child){.pidfd = -1, .ended = ended};
        r = capos_io_watch_init(&c->watch, l, pidfd, EPOLLIN, child_on_event);
        if (r)
                return r;

        c->pidfd = pidfd;
        return 0;
}

void capos_io_child_deinit(struct capos_io_child *c)
{
        capos_io_watch_deinit(&c->watch);
        if (c->pidfd >= 0)
                (void)close(c->pidfd);
        c->pidfd = -1;
}

int capos_io_child_kill(const struct capos_io_child *c, int signal)
{
        if (c->pidfd < 0)
                return -ESRCH;
        if (syscall(SYS_pidfd_send_signal, c->pidfd, signal, NULL, 0) < 0)
                return -errno;

        return 0;
}

int capos_io_pidfd_open(pid_t pid, int *ret_fd)
{
        long fd = syscall(SYS_pidfd_open, pid, 0); /* closes on exec always */

        if (fd < 0)
                return -errno;

        *ret_fd = (int)fd;
        return 0;
}

int capos_io_signal_open(const int *signals, unsigned n, int *ret_fd)
{
        sigset_t set;
        int fd;

        (void)sigemptyset(&set);
        for (unsigned i = 0; i < n; i++)
                if (sigaddset(&set, signals[i]) < 0)
                        return -errno;
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;

        fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
        if (fd < 0)
                return -errno;

        *ret_fd = fd;
        return 0;
}

int capos_io_signal_read(int fd, int *ret_signal)
{
        struct signalfd_siginfo info;
        ssize_t n;

        do
                n = read(fd, &info, sizeof(info));
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return errno == EAGAIN ? CAPOS_IO_E_AGAIN : -errno;
        if (n != sizeof(info))
                return -EIO;

        *ret_signal = (int)info.ssi_signo;
        return 0;
}
