/*
 * The confinement, tried by processes that enter it and then do something: what a role needs goes
 * on, what it has no use for kills.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon-sandbox.h"
#include "harness.h"

enum { ENTERED = 40, REFUSED = 41 };

/* ---- deeds: 0 when it worked, else it was answered with an error ------------------------------
 */

static int deed_open(void)
{
        return openat(DAEMON_STATE_FD, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) < 0;
}

static int deed_socket(void)
{
        return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0;
}

static int deed_pair(void)
{
        int fds[2];

        return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0;
}

static int deed_connect(void)
{
        const struct sockaddr a = {.sa_family = AF_UNIX};

        return connect(0, &a, sizeof(a)) < 0;
}

static int deed_exec(void)
{
        char *const argv[] = {NULL};

        return execve("/bin/true", argv, argv) < 0;
}

static int deed_fork(void)
{
        pid_t pid = fork();

        if (pid == 0)
                _exit(0);
        return pid < 0;
}

static int deed_trace(void)
{
        return syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0) < 0;
}

static int deed_speak(void)
{
        return write(STDERR_FILENO, "x\n", 2) != 2;
}

static int deed_code(void)
{
        return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
               MAP_FAILED;
}

static int deed_limits(void)
{
        const struct rlimit l = {8, 8};

        return syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &l, NULL) < 0;
}

/* What a worker does all day. */
static int deed_work(void)
{
        const struct itimerspec soon = {.it_value = {.tv_nsec = 1000000}};
        struct epoll_event e = {.events = EPOLLIN};
        int epoll = epoll_create1(EPOLL_CLOEXEC), timer;
        void *p, *volatile q;

        timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
        if (epoll < 0 || timer < 0 || timerfd_settime(timer, 0, &soon, NULL) < 0 ||
            epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &e) < 0 || epoll_wait(epoll, &e, 1, 5000) != 1)
                return 1;

        p = malloc(100);
        q = malloc(8 * 1024 * 1024); /* from the kernel, and back */
        if (!p || !q)
                return 1;
        free(q);
        free(p);
        return close(epoll) || close(timer);
}

/* What a role that keeps files finds at its number. */
static int folder_give(void)
{
        int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 ? -1 : dup3(fd, DAEMON_STATE_FD, O_CLOEXEC);
}

/* Enters a role and does it. What wait() says. */
static int child_status(enum daemon_role role, int (*deed)(void))
{
        int status = 0;
        pid_t pid = fork();

        CHECK(pid >= 0);
        if (pid == 0) {
                if (folder_give() < 0 || daemon_sandbox(role))
                        _exit(ENTERED);
                _exit(deed() ? REFUSED : 0);
        }
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        return status;
}

static void killed_by(enum daemon_role role, int (*deed)(void))
{
        int status = child_status(role, deed);

        CHECK(!WIFEXITED(status) || WEXITSTATUS(status) != ENTERED);
        CHECK(WIFSIGNALED(status));
        CHECK_EQ(WTERMSIG(status), SIGSYS);
}

static void allowed(enum daemon_role role, int (*deed)(void))
{
        int status = child_status(role, deed);

        CHECK(WIFEXITED(status));
        CHECK_EQ(WEXITSTATUS(status), 0);
}

TEST(everyone_may_work)
{
        for (enum daemon_role r = ROLE_GATEWAY; r <= ROLE_KEEPER; r++)
                allowed(r, deed_work);
}

TEST(nobody_may_run_connect_or_look_into_others)
{
        for (enum daemon_role r = ROLE_GATEWAY; r <= ROLE_KEEPER; r++) {
                killed_by(r, deed_socket);
                killed_by(r, deed_connect);
                killed_by(r, deed_exec);
                killed_by(r, deed_trace);
        }
}

TEST(a_worker_may_do_least)
{
        killed_by(ROLE_WORKER, deed_pair);
        if (daemon_sandbox_reports())
                test_skip("a build with sanitizers confines less");

        killed_by(ROLE_WORKER, deed_open);
        killed_by(ROLE_WORKER, deed_fork);
        killed_by(ROLE_WORKER, deed_speak);
        killed_by(ROLE_WORKER, deed_code);
        killed_by(ROLE_WORKER, deed_limits);
}

TEST(files_are_for_those_who_keep_something)
{
        allowed(ROLE_SESSIOND, deed_open);
        allowed(ROLE_KEEPER, deed_open);
        allowed(ROLE_SESSIOND, deed_pair);
        killed_by(ROLE_SERVICE, deed_pair);
        if (daemon_sandbox_reports())
                test_skip("a build with sanitizers confines less");

        killed_by(ROLE_GATEWAY, deed_open);
        killed_by(ROLE_PROVER, deed_open);
        CHECK_EQ(WEXITSTATUS(child_status(ROLE_SERVICE, deed_open)), REFUSED);
        killed_by(ROLE_SESSIOND, deed_fork);
        killed_by(ROLE_SERVICE, deed_fork);
        killed_by(ROLE_PROVER, deed_fork);
        killed_by(ROLE_SERVICE, deed_code);
}

/* ---- limits --------------------------------------------------------------------------------- */

static int deed_big(void)
{
        void *volatile p = malloc(600ull * 1024 * 1024);

        return p == NULL;
}

static int deed_look(void)
{
        struct rlimit core, files;

        if (getrlimit(RLIMIT_CORE, &core) < 0 || getrlimit(RLIMIT_NOFILE, &files) < 0)
                return 1;
        return core.rlim_max != 0 || files.rlim_max > 65536;
}

TEST(memory_and_descriptors_are_limited)
{
        for (enum daemon_role r = ROLE_GATEWAY; r <= ROLE_KEEPER; r++)
                allowed(r, deed_look);
        if (daemon_sandbox_reports())
                test_skip("a build with sanitizers needs more memory than anyone has");

        CHECK_EQ(WEXITSTATUS(child_status(ROLE_WORKER, deed_big)), REFUSED);
        CHECK_EQ(WEXITSTATUS(child_status(ROLE_PROVER, deed_big)), REFUSED);
        allowed(ROLE_SERVICE, deed_big);
}

TEST(a_parent_that_has_died_is_noticed)
{
        CHECK_OK(daemon_sandbox_parent(getppid()));
        CHECK_EQ(daemon_sandbox_parent(1 << 30), -ESRCH);
        CHECK(prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) == 0);
}

/* ---- descriptors ---------------------------------------------------------------------------- */

static int check_fds(void)
{
        int fds[2], allowed_fds[1026], other = -1;
        unsigned n = 0;

        for (int fd = 0; fd < 1024; fd++)
                if (fcntl(fd, F_GETFD) >= 0)
                        allowed_fds[n++] = fd;
        if (daemon_check_fds(allowed_fds, n, &other))
                return 1;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return 2;
        if (daemon_check_fds(allowed_fds, n, &other) != -EEXIST || other != fds[0])
                return 3;

        allowed_fds[n++] = fds[0];
        allowed_fds[n++] = fds[1];
        if (daemon_check_fds(allowed_fds, n, &other))
                return 4;

        close(fds[1]);
        return daemon_check_fds(allowed_fds, n, &other) != -EBADF || other != fds[1] ? 5 : 0;
}

static int check_fds_confined(void)
{
        const int none = 0;
        int other = -1;

        return daemon_check_fds(&none, 0, &other) != -EEXIST || other != 0;
}

TEST(descriptors_are_counted)
{
        int status = 0;
        pid_t pid = fork();

        CHECK(pid >= 0);
        if (pid == 0)
                _exit(check_fds());
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK_EQ(WEXITSTATUS(status), 0);
        allowed(ROLE_WORKER, check_fds_confined);
}
