/*
 * The confinement `basic`: what a process can do to itself, without privileges and in any
 * container.
 *
 * Each role is a row: its limits, and the groups of system calls it may use. Everything else kills
 * the process, so that a hole is seen in a test and an intruder does not get a second try. No role
 * may make memory executable, open a socket to anywhere, run a program or trace another process.
 * Roles differ in the rest:
 *
 *   worker    what it has: read, send, receive, poll, memory, the clock
 *   prover    the same, and its own standard error
 *   gateway   accept
 *   zygote    clone3 (no way to look at the flags from here) and what its children do on their way
 *             into the sandbox of a worker, which then takes all that away again
 *   sessiond  files, accept on the admin socket, socket pairs
 *   service   files
 *
 * A worker may not even write(): it has no standard error, and whatever is at number 2 must not get
 * the last words of the C library.
 */
#include <errno.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon-sandbox-build.h"
#include "daemon-sandbox.h"

/* ---- system calls --------------------------------------------------------------------------- */

static const int CALLS_ALL[] = {
        SCMP_SYS(brk),
        SCMP_SYS(clock_getres),
        SCMP_SYS(clock_gettime),
        SCMP_SYS(close),
        SCMP_SYS(close_range),
        SCMP_SYS(epoll_create1),
        SCMP_SYS(epoll_ctl),
        SCMP_SYS(epoll_pwait),
        SCMP_SYS(epoll_wait),
        SCMP_SYS(exit),
        SCMP_SYS(exit_group),
        SCMP_SYS(fcntl),
        SCMP_SYS(futex),
        SCMP_SYS(getpid),
        SCMP_SYS(getrandom),
        SCMP_SYS(getrlimit),
        SCMP_SYS(getsockname),
        SCMP_SYS(getsockopt),
        SCMP_SYS(gettid),
        SCMP_SYS(gettimeofday),
        SCMP_SYS(madvise),
        SCMP_SYS(mremap),
        SCMP_SYS(munmap),
        SCMP_SYS(poll),
        SCMP_SYS(ppoll),
        SCMP_SYS(read),
        SCMP_SYS(readv),
        SCMP_SYS(recvfrom),
        SCMP_SYS(recvmsg),
        SCMP_SYS(restart_syscall),
        SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(rt_sigreturn),
        SCMP_SYS(sendmsg),
        SCMP_SYS(setsockopt),
        SCMP_SYS(shutdown),
        SCMP_SYS(time),
        SCMP_SYS(timerfd_create),
        SCMP_SYS(timerfd_settime),
        -1,
};

/* Calls whose third argument says what memory is for: allowed unless it is for code. */
static const int CALLS_MEMORY[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect), -1};

/* Speaking to standard error, and what the C library does around it. */
static const int CALLS_SPEAK[] = {
        SCMP_SYS(fstat),        SCMP_SYS(newfstatat),
        SCMP_SYS(rt_sigaction), SCMP_SYS(sched_yield),
        SCMP_SYS(sendto),       SCMP_SYS(tgkill),
        SCMP_SYS(uname),        SCMP_SYS(write),
        SCMP_SYS(writev),       -1,
};

static const int CALLS_MLOCK[] = {SCMP_SYS(mlock), SCMP_SYS(mlock2), SCMP_SYS(munlock), -1};

static const int CALLS_ACCEPT[] = {SCMP_SYS(accept4), SCMP_SYS(getpeername), -1};

static const int CALLS_PAIR[] = {SCMP_SYS(socketpair), -1};

static const int CALLS_FORK[] = {
        SCMP_SYS(clone3),    SCMP_SYS(dup3),    SCMP_SYS(getppid),   SCMP_SYS(prctl),
        SCMP_SYS(prlimit64), SCMP_SYS(seccomp), SCMP_SYS(setrlimit), -1,
};

static const int CALLS_FILES[] = {
        SCMP_SYS(access),
        SCMP_SYS(clock_nanosleep),
        SCMP_SYS(eventfd2),
        SCMP_SYS(faccessat),
        SCMP_SYS(faccessat2),
        SCMP_SYS(fallocate),
        SCMP_SYS(fchmod),
        SCMP_SYS(fchown),
        SCMP_SYS(fdatasync),
        SCMP_SYS(flock),
        SCMP_SYS(fstatfs),
        SCMP_SYS(fsync),
        SCMP_SYS(ftruncate),
        SCMP_SYS(getcwd),
        SCMP_SYS(getdents64),
        SCMP_SYS(getegid),
        SCMP_SYS(geteuid),
        SCMP_SYS(getgid),
        SCMP_SYS(getppid),
        SCMP_SYS(getrusage),
        SCMP_SYS(getuid),
        SCMP_SYS(lseek),
        SCMP_SYS(lstat),
        SCMP_SYS(mkdir),
        SCMP_SYS(mkdirat),
        SCMP_SYS(msync),
        SCMP_SYS(nanosleep),
        SCMP_SYS(open),
        SCMP_SYS(openat),
        SCMP_SYS(pread64),
        SCMP_SYS(pwrite64),
        SCMP_SYS(pwritev),
        SCMP_SYS(readlink),
        SCMP_SYS(readlinkat),
        SCMP_SYS(rename),
        SCMP_SYS(renameat),
        SCMP_SYS(renameat2),
        SCMP_SYS(rmdir),
        SCMP_SYS(sched_getaffinity),
        SCMP_SYS(signalfd4),
        SCMP_SYS(stat),
        SCMP_SYS(statx),
        SCMP_SYS(sysinfo),
        SCMP_SYS(umask),
        SCMP_SYS(unlink),
        SCMP_SYS(unlinkat),
        SCMP_SYS(utimensat),
        -1,
};

/* ---- roles ---------------------------------------------------------------------------------- */

enum { GROUPS = 5, MIB = 1024 * 1024, ADDRESS_FREE = 0 };

struct role {
        const int *groups[GROUPS]; /* beyond CALLS_ALL and CALLS_MEMORY */
        uint64_t address_bytes;    /* ADDRESS_FREE: no limit */
        unsigned fds;
        bool forks;
};

static const struct role ROLES[] = {
        [ROLE_GATEWAY] = {.groups = {CALLS_SPEAK, CALLS_ACCEPT}, .fds = 8192},
        [ROLE_ZYGOTE] = {.groups = {CALLS_SPEAK, CALLS_FORK}, .fds = 1024, .forks = true},
        [ROLE_WORKER] = {.address_bytes = 512ull * MIB, .fds = 64},
        [ROLE_SESSIOND] = {.groups = {CALLS_SPEAK, CALLS_FILES, CALLS_ACCEPT, CALLS_PAIR,
                                      CALLS_MLOCK},
                           .fds = 65536},
        [ROLE_PROVER] = {.groups = {CALLS_SPEAK, CALLS_MLOCK},
                         .address_bytes = 256ull * MIB,
                         .fds = 16},
        [ROLE_SERVICE] = {.groups = {CALLS_SPEAK, CALLS_FILES, CALLS_MLOCK}, .fds = 8192},
};

/* ---- the filter ----------------------------------------------------------------------------- */

static int filter_allow(scmp_filter_ctx f, const int *calls)
{
        int r = 0;

        for (; !r && *calls != -1; calls++) {
                r = seccomp_rule_add(f, SCMP_ACT_ALLOW, *calls, 0);
                if (r == -EEXIST)
                        r = 0;
        }
        return r;
}

static int filter_allow_memory(scmp_filter_ctx f)
{
        const struct scmp_arg_cmp not_for_code =
                SCMP_A2(SCMP_CMP_MASKED_EQ, (scmp_datum_t)PROT_EXEC, 0);
        int r = 0;

        for (const int *c = CALLS_MEMORY; !r && *c != -1; c++) {
                r = seccomp_rule_add_array(f, SCMP_ACT_ALLOW, *c, 1, &not_for_code);
                if (r == -EEXIST)
                        r = 0;
        }
        return r;
}

/* Limits may be asked for, not set. */
static int filter_allow_limits(scmp_filter_ctx f)
{
        const struct scmp_arg_cmp only_asks = SCMP_A2(SCMP_CMP_EQ, 0, 0);
        int r = seccomp_rule_add_array(f, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, &only_asks);

        return r == -EEXIST ? 0 : r;
}

static int filter_build(scmp_filter_ctx f, const struct role *role)
{
        int r;

        /* Most calls are few: look them up in a tree, not one after the other. */
        r = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
        if (!r)
                r = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
        if (!r)
                r = filter_allow(f, CALLS_ALL);
        for (unsigned i = 0; !r && i < GROUPS && role->groups[i]; i++)
                r = filter_allow(f, role->groups[i]);
        if (!r)
                r = filter_allow(f, sandbox_build.calls);
        if (!r)
                r = filter_allow_memory(f);
        if (!r)
                r = filter_allow_limits(f);
        return r;
}

static int filter_enter(const struct role *role)
{
        scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
        int r;

        if (!f)
                return -ENOMEM;

        r = filter_build(f, role);
        if (!r)
                r = seccomp_load(f);
        seccomp_release(f);
        return r;
}

/* ---- limits --------------------------------------------------------------------------------- */

/* Lowers both limits to v; one that is lower already stays. */
static int limit_set(__rlimit_resource_t what, uint64_t v)
{
        struct rlimit l;

        if (getrlimit(what, &l) < 0)
                return -errno;
        if (l.rlim_max < v)
                v = l.rlim_max;

        l = (struct rlimit){.rlim_cur = v, .rlim_max = v};
        return setrlimit(what, &l) < 0 ? -errno : 0;
}

int daemon_sandbox_fds(unsigned max)
{
        return limit_set(RLIMIT_NOFILE, max);
}

static int limits_enter(const struct role *role)
{
        int r;

        r = limit_set(RLIMIT_CORE, 0);
        if (!r)
                r = limit_set(RLIMIT_NOFILE, role->fds);
        if (!r && role->address_bytes && !sandbox_build.wide_address)
                r = limit_set(RLIMIT_AS, role->address_bytes);
        if (!r && !role->forks && !sandbox_build.reports)
                r = limit_set(RLIMIT_NPROC, 0);
        return r;
}

/* ---- entering ------------------------------------------------------------------------------- */

int daemon_sandbox_parent(pid_t parent)
{
        if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
                return -errno;

        return getppid() == parent ? 0 : -ESRCH;
}

int daemon_sandbox(enum daemon_role role)
{
        int r;

        r = daemon_sandbox_parent(getppid());
        if (!r)
                r = limits_enter(&ROLES[role]);
        if (r)
                return r;
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;

        return filter_enter(&ROLES[role]);
}

bool daemon_sandbox_reports(void)
{
        return sandbox_build.reports;
}

/* ---- descriptors ---------------------------------------------------------------------------- */

static bool fds_has(const int *fds, unsigned n, int fd)
{
        for (unsigned i = 0; i < n; i++)
                if (fds[i] == fd)
                        return true;
        return false;
}

/* Looks at the numbers from..from+CHUNK. */
static int fds_check_chunk(const int *allowed, unsigned n, int from, unsigned len, int *ret_fd)
{
        struct pollfd p[256];

        for (unsigned i = 0; i < len; i++)
                p[i] = (struct pollfd){.fd = from + (int)i};
        if (poll(p, len, 0) < 0)
                return -errno;

        for (unsigned i = 0; i < len; i++) {
                bool open = !(p[i].revents & POLLNVAL);

                if (open == fds_has(allowed, n, p[i].fd))
                        continue;
                *ret_fd = p[i].fd;
                return open ? -EEXIST : -EBADF;
        }
        return 0;
}

int daemon_check_fds(const int *allowed, unsigned n, int *ret_fd)
{
        struct rlimit l;
        unsigned max, chunk;
        int r = 0;

        /* poll() says of each number whether it is open, without a file system, and takes no more
         * at once than there may be. Beyond the limit none can be new; what is old is closed. */
        if (getrlimit(RLIMIT_NOFILE, &l) < 0)
                return -errno;

        max = l.rlim_cur > 1024 ? 1024 : (unsigned)l.rlim_cur;
        (void)close_range(max, ~0u, 0);
        chunk = max < 256 ? max : 256;
        for (unsigned at = 0; !r && at < max; at += chunk)
                r = fds_check_chunk(allowed, n, (int)at, max - at < chunk ? max - at : chunk,
                                    ret_fd);
        return r;
}
