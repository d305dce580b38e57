/*
 * A program in the place of a browser. It is given what navigator.credentials would be, and says
 * what that would: so whatever can speak to a security key, or to a phone, can be used from a
 * terminal. It has the terminal, to ask for a PIN or a touch.
 *
 * It is a process group of its own, as a shell would make it, so that it can be ended with all that
 * it has started; and as a shell would, we lend it the terminal where we have it ourselves. What
 * interrupts it then interrupts us, too.
 *
 * How long it is waited for is what the other side's clock and ours say of that together. They may
 * differ, so it has some seconds in any case, and an end.
 */
#include "passkey-command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SHORTEST_MS = 10 * 1000, LONGEST_MS = 10 * 60 * 1000, FAREWELL_MS = 1000 };

struct command {
        pid_t pid;
        int watch; /* readable when it has ended */
        int tty;   /* lent to it; -1: it was not ours */
        int in[2], out[2];
        uint64_t until_ms; /* since the start of the machine */
        bool late;
};

static uint64_t boot_ms(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_BOOTTIME, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint64_t patience_ms(uint64_t expires_at_ms)
{
        uint64_t now = cli_now_ms(), left = expires_at_ms > now ? expires_at_ms - now : 0;

        return left < SHORTEST_MS ? SHORTEST_MS : left > LONGEST_MS ? LONGEST_MS : left;
}

/* ---- the terminal --------------------------------------------------------------------------- */

/* The terminal, if it is this group's; else -1. */
static int tty_open(void)
{
        int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

        if (fd >= 0 && tcgetpgrp(fd) == getpgrp())
                return fd;
        if (fd >= 0)
                (void)close(fd);
        return -1;
}

/* Who takes it is not in front, and would be stopped for that. */
static void tty_give(int fd, pid_t group)
{
        sigset_t out, before;

        if (fd < 0)
                return;
        (void)sigemptyset(&out);
        (void)sigaddset(&out, SIGTTOU);
        (void)sigprocmask(SIG_BLOCK, &out, &before);
        (void)tcsetpgrp(fd, group);
        (void)sigprocmask(SIG_SETMASK, &before, NULL);
}

/* ---- the process ---------------------------------------------------------------------------- */

static void command_exec(const struct command *m, const char *command)
{
        (void)setpgid(0, 0);
        tty_give(m->tty, getpid());
        if (dup2(m->in[0], STDIN_FILENO) < 0 || dup2(m->out[1], STDOUT_FILENO) < 0)
                _exit(127);
        (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
}

static void fd_close(int *fd)
{
        if (*fd >= 0)
                (void)close(*fd);
        *fd = -1;
}

static bool command_start(struct command *m, const char *command)
{
        if (pipe2(m->in, O_CLOEXEC) || pipe2(m->out, O_CLOEXEC))
                return false;

        m->tty = tty_open();
        m->pid = fork();
        if (!m->pid)
                command_exec(m, command);
        if (m->pid < 0)
                return false;

        (void)setpgid(m->pid, m->pid); /* whoever of the two is first */
        m->watch = pidfd_open(m->pid, 0);
        fd_close(&m->in[0]);
        fd_close(&m->out[1]);
        return true;
}

/* Waits until there is something to be read. false: it is too late. */
static bool command_await(struct command *m, int fd)
{
        struct pollfd p = {.fd = fd, .events = POLLIN};

        for (uint64_t now = boot_ms(); now < m->until_ms; now = boot_ms())
                if (poll(&p, 1, (int)(m->until_ms - now)) > 0)
                        return true;
        m->late = true;
        return false;
}

/* Ends it, if it has not by then. Its status. */
static int command_end(struct command *m)
{
        int status = 0;

        if (m->late || !command_await(m, m->watch)) {
                (void)kill(-m->pid, SIGTERM);
                (void)kill(-m->pid, SIGCONT);
                m->until_ms = boot_ms() + FAREWELL_MS;
                (void)command_await(m, m->watch);
                (void)kill(-m->pid, SIGKILL);
        }
        while (waitpid(m->pid, &status, 0) < 0 && errno == EINTR)
                ;
        tty_give(m->tty, getpgrp());
        if (m->tty >= 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGINT)
                (void)kill(0, SIGINT);
        return status;
}

static void command_close(struct command *m)
{
        for (unsigned i = 0; i < 2; i++) {
                fd_close(&m->in[i]);
                fd_close(&m->out[i]);
        }
        fd_close(&m->watch);
        fd_close(&m->tty);
}

/* ---- what is said --------------------------------------------------------------------------- */

/* Writes all of it, which a pipe has room for, unless nobody listens. */
static void pipe_write(int fd, const char *p, size_t len)
{
        while (len) {
                ssize_t n = write(fd, p, len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return;
                p += n;
                len -= (size_t)n;
        }
}

/* Reads to the end. false: there is too much, it cannot be read, or it is too late. */
static bool command_read(struct command *m, char to[PASSKEY_ANSWER_BYTES], size_t *ret_len)
{
        size_t len = 0;

        while (command_await(m, m->out[0])) {
                ssize_t n = read(m->out[0], to + len, PASSKEY_ANSWER_BYTES - len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n == 0) {
                        *ret_len = len;
                        return true;
                }
                len += n > 0 ? (size_t)n : 0;
                if (n < 0 || len == PASSKEY_ANSWER_BYTES)
                        return false;
        }
        return false;
}

/* Talks to it. What is wrong; NULL: nothing, yet. Who ends without listening has failed, or says
 * nothing, whether it ended before or after it was told. */
static const char *command_talk(struct command *m, const struct passkey_asked *asked,
                                char to[PASSKEY_ANSWER_BYTES], size_t *ret_len)
{
        pipe_write(m->in[1], asked->options, asked->len);
        fd_close(&m->in[1]);
        if (!command_read(m, to, ret_len) && !m->late)
                return "the passkey command says too much";

        return NULL;
}

const char *passkey_command_run(const char *command, const struct passkey_asked *asked,
                                char to[PASSKEY_ANSWER_BYTES], size_t *ret_len)
{
        struct command m = {.watch = -1,
                            .tty = -1,
                            .in = {-1, -1},
                            .out = {-1, -1},
                            .until_ms = boot_ms() + patience_ms(asked->expires_at_ms)};
        const char *wrong;
        int status;

        *ret_len = 0;
        if (!command_start(&m, command)) {
                command_close(&m);
                return "the passkey command cannot be started";
        }

        wrong = command_talk(&m, asked, to, ret_len);
        fd_close(&m.out[0]);
        status = command_end(&m);
        command_close(&m);
        if (m.late)
                return "no passkey was shown in time, and the instance waits no longer: try again";
        if (wrong)
                return wrong;
        if (!WIFEXITED(status) || WEXITSTATUS(status))
                return "the passkey command has failed";

        return *ret_len ? NULL : "the passkey command says nothing";
}
