/*
 * The starter is made before the front listens, so that the front, which reads what strangers send,
 * can give up both to start processes and to connect to anything. It does nothing but to fork.
 */
#include "starter.h"

#include "io-packet.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Whoever it was that started us is gone, or will take us along. */
static void starter_tie(pid_t parent)
{
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
                _exit(1);
}

static void starter_serve(const struct web_options *o, int fd,
                          void (*run)(const struct web_options *o, const struct packet_start *s,
                                      const int fds[2]))
{
        struct pollfd p = {.fd = fd, .events = POLLIN};
        struct packet_start s;
        pid_t self = getpid();
        int fds[2], r;

        for (;;) {
                if (poll(&p, 1, -1) < 0 && errno != EINTR)
                        return;
                r = capos_io_packet_recv(fd, &s, sizeof(s), fds, 2);
                if (r == CAPOS_IO_E_AGAIN)
                        continue;
                if (r)
                        return;
                if (fork() == 0) {
                        starter_tie(self);
                        (void)close(fd);
                        run(o, &s, fds);
                        _exit(1);
                }
                (void)close(fds[0]);
                (void)close(fds[1]);
                explicit_bzero(&s, sizeof(s));
        }
}

int starter_new(const struct web_options *o,
                void (*run)(const struct web_options *o, const struct packet_start *s,
                            const int fds[2]),
                int *ret_fd)
{
        struct sigaction ignored = {.sa_handler = SIG_IGN}; /* nobody waits for what has ended */
        pid_t front = getpid(), pid;
        int fds[2], r = capos_io_packet_pair(fds);

        if (r)
                return r;
        pid = fork();
        if (pid < 0) {
                r = -errno;
                (void)close(fds[0]);
                (void)close(fds[1]);
                return r;
        }
        if (!pid) {
                starter_tie(front);
                (void)close(fds[0]);
                (void)sigaction(SIGCHLD, &ignored, NULL);
                starter_serve(o, fds[1], run);
                _exit(0);
        }
        (void)close(fds[1]);
        *ret_fd = fds[0];
        return 0;
}
