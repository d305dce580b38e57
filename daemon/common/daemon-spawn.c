/*
 * Starting a program.
 *
 * Between fork and exec the child moves its descriptors out of the way, marks everything from 3 up
 * as closing on exec, and puts copies where they belong: so what is open in the program is a matter
 * of this list, not of what somebody forgot to mark. A pipe that closes on exec tells the parent
 * how that went; it waits for it, which takes about a millisecond.
 *
 * PR_SET_PDEATHSIG survives exec. A parent that died before it was set is noticed by comparing its
 * number, but by one in a PID namespace of its own: there it has none.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon-spawn.h"
#include "io-child.h"

enum { ASIDE = 32 }; /* above every number a program is given something at */

/* What a program may know of our environment. */
static const char *const ENVIRONMENT[] = {
        "PATH",
        "LANG",
        "LC_ALL",
        "TZ",
        "CAPNP_TRACE",
        "ASAN_OPTIONS",
        "UBSAN_OPTIONS",
        "LSAN_OPTIONS",
        "MALLOC_PERTURB_",
        "JOURNAL_STREAM",
};

enum { NENVIRONMENT = sizeof(ENVIRONMENT) / sizeof(*ENVIRONMENT) };

static int spawn_put(int fd, int at)
{
        int r;

        do
                r = dup3(fd, at, 0);
        while (r < 0 && errno == EINTR);
        return r < 0 ? -errno : 0;
}

/* In the child: the descriptors, each at its place. */
static int spawn_descriptors(const struct daemon_spawn *s)
{
        int moved[SPAWN_FDS], null, r = 0;

        null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null < 0)
                return -errno;

        for (unsigned i = 0; i < s->nfds; i++) {
                moved[i] = fcntl(s->fds[i].fd, F_DUPFD_CLOEXEC, ASIDE);
                if (moved[i] < 0)
                        return -errno;
        }
        if (close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
                return -errno;

        r = spawn_put(null, STDIN_FILENO);
        if (!r)
                r = spawn_put(null, STDOUT_FILENO);
        for (unsigned i = 0; !r && i < s->nfds; i++)
                r = spawn_put(moved[i], s->fds[i].at);
        return r;
}

/* In the child: what outlives exec and may only become less. */
static int spawn_confine(pid_t parent)
{
        const struct rlimit no_core = {0, 0};
        sigset_t none;

        if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ||
            prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &no_core) < 0)
                return -errno;
        if (getppid() != parent && getppid() != 0)
                return -ESRCH;

        (void)sigemptyset(&none);
        if (sigprocmask(SIG_SETMASK, &none, NULL) < 0 || setsid() < 0)
                return -errno;

        return 0;
}

/* In the child. Returns only when it fails. */
static int spawn_exec(const struct daemon_spawn *s, pid_t parent, char **env)
{
        char path[PATH_MAX];
        int r;

        if (!realpath(s->path, path))
                return -errno;

        r = spawn_descriptors(s);
        if (!r)
                r = daemon_seclude(&s->seclusion, path, s->state_fd ? s->state_fd : -1);
        if (!r) /* another user: what is asked of the kernel for a process is forgotten with it */
                r = spawn_confine(parent);
        if (r)
                return r;

        (void)execve(path, (char **)(uintptr_t)s->argv, env);
        return -errno;
}

/* `NAME=value` of our own environment, or NULL. */
static char *spawn_env(const char *name)
{
        size_t n = strlen(name);

        for (char **e = environ; e && *e; e++)
                if (!strncmp(*e, name, n) && (*e)[n] == '=')
                        return *e;
        return NULL;
}

/* How exec went: 0, or the error it left in the pipe. */
static int spawn_outcome(int fd)
{
        ssize_t n;
        int r = 0;

        do
                n = read(fd, &r, sizeof(r));
        while (n < 0 && errno == EINTR);
        return n == (ssize_t)sizeof(r) ? r : 0;
}

/* A namespace of processes begins with a process. Who may make none makes one of users with it. */
static pid_t spawn_child(bool processes)
{
        if (!processes)
                return fork();

        return (pid_t)syscall(SYS_clone, SIGCHLD | CLONE_NEWPID | (geteuid() ? CLONE_NEWUSER : 0),
                              NULL, NULL, NULL, NULL);
}

static pid_t spawn_fork(const struct daemon_spawn *s, int report)
{
        char *env[NENVIRONMENT + 2], *e;
        bool users = s->seclusion.processes && geteuid() != 0;
        pid_t pid, parent = getpid();
        uid_t uid = geteuid();
        gid_t gid = getegid();
        unsigned n = 0;
        int r;

        for (unsigned i = 0; i < NENVIRONMENT; i++) {
                e = spawn_env(ENVIRONMENT[i]);
                if (e)
                        env[n++] = e;
        }
        if (s->env)
                env[n++] = (char *)(uintptr_t)s->env;
        env[n] = NULL;

        pid = spawn_child(s->seclusion.processes);
        if (pid)
                return pid < 0 ? -errno : pid;

        report = fcntl(report, F_DUPFD_CLOEXEC, ASIDE);
        r = users ? daemon_seclude_users(uid, gid) : 0;
        if (!r)
                r = spawn_exec(s, parent, env);
        if (write(report, &r, sizeof(r)) != (ssize_t)sizeof(r))
                _exit(126);
        _exit(127);
}

int daemon_spawn(const struct daemon_spawn *s, pid_t *ret_pid, int *ret_pidfd)
{
        int report[2], pidfd = -1, r;
        pid_t pid;

        if (pipe2(report, O_CLOEXEC) < 0)
                return -errno;

        pid = spawn_fork(s, report[1]);
        (void)close(report[1]);
        r = pid < 0 ? pid : spawn_outcome(report[0]);
        (void)close(report[0]);
        if (pid < 0)
                return r;

        if (!r)
                r = capos_io_pidfd_open(pid, &pidfd);
        if (r) {
                (void)kill(pid, SIGKILL);
                (void)waitpid(pid, NULL, 0);
                return r;
        }

        *ret_pid = pid;
        *ret_pidfd = pidfd;
        return 0;
}
