/*
 * The page needs no network, so it has none. That WebKit's settings, its policy and the page's own
 * say so is each one rule that something in it may get around; this one holds for its processes
 * whatever becomes of them. (A screen that is reached by TCP is connected to before.)
 */
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

int confine_window(void)
{
        scmp_filter_ctx f;
        int r = 0;

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
                return -errno;
        f = seccomp_init(SCMP_ACT_ALLOW);
        if (!f)
                return -ENOMEM;
        for (unsigned family = AF_UNIX + 1; !r && family < AF_NETLINK; family++)
                r = seccomp_rule_add(f, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 1,
                                     SCMP_A0(SCMP_CMP_EQ, family, 0));
        if (!r)
                r = seccomp_rule_add(f, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 1,
                                     SCMP_A0(SCMP_CMP_GT, AF_NETLINK, 0));
        if (!r) /* which makes sockets past all of this */
                r = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(io_uring_setup), 0);
        if (!r)
                r = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
        if (!r)
                r = seccomp_load(f);
        seccomp_release(f);
        return r;
}

bool confine_can_sandbox(void)
{
        static const char *const argv[] = {"bwrap",
                                           "--ro-bind",
                                           "/",
                                           "/",
                                           "--proc",
                                           "/proc",
                                           "--dev",
                                           "/dev",
                                           "--unshare-uts",
                                           "--unshare-pid",
                                           "--unshare-net",
                                           "--unshare-ipc",
                                           "true",
                                           NULL};
        posix_spawn_file_actions_t quiet;
        int status = -1;
        pid_t pid;

        if (posix_spawn_file_actions_init(&quiet))
                return false;
        if (!posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0) &&
            !posix_spawnp(&pid, *argv, &quiet, NULL, (char **)(uintptr_t)argv, environ))
                while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                        ;
        (void)posix_spawn_file_actions_destroy(&quiet);
        return !status;
}
