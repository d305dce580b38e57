/*
 * The front reads what strangers send, so it is left with what its loop does: a list of system
 * calls beyond which the kernel refuses. A browser's process has to connect to instances and to
 * an ssh-agent and to look hosts up, so of it only that is taken which it never needs: to run
 * programs, to trace others, to change what is mounted, and with Landlock to write anywhere but in
 * the folder of the user's own lists.
 */
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const int front_calls[] = {
        SCMP_SYS(accept4),
        SCMP_SYS(brk),
        SCMP_SYS(clock_gettime),
        SCMP_SYS(close),
        SCMP_SYS(epoll_create1),
        SCMP_SYS(epoll_ctl),
        SCMP_SYS(epoll_pwait),
        SCMP_SYS(epoll_wait),
        SCMP_SYS(exit),
        SCMP_SYS(exit_group),
        SCMP_SYS(fcntl),
        SCMP_SYS(fstat),
        SCMP_SYS(futex),
        SCMP_SYS(getpeername),
        SCMP_SYS(getpid),
        SCMP_SYS(getrandom),
        SCMP_SYS(getsockname),
        SCMP_SYS(getsockopt),
        SCMP_SYS(gettid),
        SCMP_SYS(madvise),
        SCMP_SYS(mremap),
        SCMP_SYS(munmap),
        SCMP_SYS(newfstatat),
        SCMP_SYS(poll),
        SCMP_SYS(read),
        SCMP_SYS(readv),
        SCMP_SYS(recvfrom),
        SCMP_SYS(recvmsg),
        SCMP_SYS(restart_syscall),
        SCMP_SYS(rt_sigaction),
        SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(rt_sigreturn),
        SCMP_SYS(sendmsg),
        SCMP_SYS(sendto),
        SCMP_SYS(setsockopt),
        SCMP_SYS(shutdown),
        SCMP_SYS(socketpair),
        SCMP_SYS(timerfd_settime),
        SCMP_SYS(write),
        SCMP_SYS(writev),
};

static const int session_never[] = {
        SCMP_SYS(execve),
        SCMP_SYS(execveat),
        SCMP_SYS(fork),
        SCMP_SYS(vfork),
        SCMP_SYS(ptrace),
        SCMP_SYS(process_vm_readv),
        SCMP_SYS(process_vm_writev),
        SCMP_SYS(mount),
        SCMP_SYS(umount2),
        SCMP_SYS(pivot_root),
        SCMP_SYS(chroot),
        SCMP_SYS(unshare),
        SCMP_SYS(setns),
        SCMP_SYS(bpf),
        SCMP_SYS(perf_event_open),
        SCMP_SYS(keyctl),
        SCMP_SYS(add_key),
        SCMP_SYS(request_key),
        SCMP_SYS(userfaultfd),
        SCMP_SYS(io_uring_setup),
        SCMP_SYS(kexec_load),
        SCMP_SYS(init_module),
        SCMP_SYS(finit_module),
        SCMP_SYS(listen),
        SCMP_SYS(kill),
        SCMP_SYS(tkill),
        SCMP_SYS(pidfd_open),
        SCMP_SYS(accept4),
        SCMP_SYS(clone3),
};

/* Adds what is to be allowed, or refused. */
static int rules_add(scmp_filter_ctx f, uint32_t action, const int *calls, unsigned n)
{
        int r = f ? 0 : -ENOMEM;

        for (unsigned i = 0; !r && i < n; i++)
                r = seccomp_rule_add(f, action, calls[i], 0);
        return r == -EEXIST ? 0 : r;
}

int confine_front(void)
{
        static const unsigned n = sizeof(front_calls) / sizeof(*front_calls);
        scmp_filter_ctx f;
        int r;

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
                return -errno;
        f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
        r = rules_add(f, SCMP_ACT_ALLOW, front_calls, n);
        if (!r) /* memory, but none that is code */
                r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                                     SCMP_A2(SCMP_CMP_MASKED_EQ, 4, 0));
        if (!r)
                r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                                     SCMP_A2(SCMP_CMP_MASKED_EQ, 4, 0));
        if (!r) /* whether standard input is a terminal; nothing is typed into one */
                r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                     SCMP_A1(SCMP_CMP_EQ, 0x5401));
        if (!r)
                r = seccomp_load(f);
        seccomp_release(f);
        return r;
}

/* No writing but below a folder. 0, also where there is no Landlock; -errno. */
static int paths_close(const char *folder)
{
        struct landlock_ruleset_attr all = {
                .handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                     LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                                     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                                     LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                     LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM};
        struct landlock_path_beneath_attr own = {.allowed_access = LANDLOCK_ACCESS_FS_WRITE_FILE |
                                                                   LANDLOCK_ACCESS_FS_REMOVE_FILE |
                                                                   LANDLOCK_ACCESS_FS_MAKE_REG};
        int fd = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0), r = 0;

        if (fd < 0)
                return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -errno;
        own.parent_fd = folder ? open(folder, O_PATH | O_CLOEXEC) : -1;
        if (own.parent_fd >= 0 &&
            syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &own, 0))
                r = -errno;
        if (!r && syscall(SYS_landlock_restrict_self, fd, 0))
                r = -errno;
        if (own.parent_fd >= 0)
                (void)close(own.parent_fd);
        (void)close(fd);
        return r;
}

int confine_session(const char *folder)
{
        static const unsigned n = sizeof(session_never) / sizeof(*session_never);
        scmp_filter_ctx f;
        int r;

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
                return -errno;
        r = paths_close(folder);
        if (r)
                return r;
        f = seccomp_init(SCMP_ACT_ALLOW);
        r = rules_add(f, SCMP_ACT_ERRNO(EPERM), session_never, n);
        if (!r)
                r = seccomp_load(f);
        seccomp_release(f);
        return r;
}
