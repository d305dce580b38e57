/*
 * What each role may ask the kernel for.
 *
 * Each role is a row of groups of system calls. Everything else kills the process, so that a hole
 * is seen in a test and an intruder does not get a second try. No role may make memory executable,
 * run a program or trace another process, and none but the fetcher open a socket to anywhere.
 *
 * Where a call's number does not say what it can do, its arguments are part of the list: `fcntl`
 * may read and set flags, but never name who gets a signal; `tgkill` may be aimed at this process
 * only; `prlimit64` may ask, not set; a file that is made is no set-uid program. A pointer cannot
 * be looked behind from here. So calls whose pointers carry the authority are not in any list
 * (clone3: the zygote uses clone, whose flags are an argument; openat2), or what they can reach is
 * bounded elsewhere: paths by Landlock (daemon-sandbox.c), sockets by what a process was given.
 *
 *   worker    what it has: read, send, receive, poll, memory, the clock
 *   prover    the same, and its own standard error
 *   gateway   accept
 *   zygote    clone with CLONE_PARENT alone, and what its children do on their way into the sandbox
 *             of a worker, which then takes all that away again
 *   sessiond  files, accept on the admin socket, socket pairs
 *   signer    the same as a prover, no more memory to lock, and open files that it is given
 *   service   the ordinary questions a program asks; with a state directory: files
 *   fetcher   sockets of IPv4 and IPv6, connect, and files to read, of which Landlock leaves those
 *             that hosts are looked up in; `fetchers`, its zygote, has all that as well: a list can
 *             only become shorter
 *
 * A service without a directory is answered EACCES when it opens something, instead of being
 * killed: parts of the C library (local time, for one) look for a file and do without it.
 *
 * The list is a program for the kernel. Making it takes a library more than a hundred KiB, so a
 * zygote makes it once, and its copies only put their own number into its place and install it.
 *
 * A worker may not even write(): it has no standard error, and whatever is at number 2 must not get
 * the last words of the C library.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon-filter.h"
#include "daemon-sandbox-build.h"

/* ---- by number alone ------------------------------------------------------------------------ */

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
        SCMP_SYS(futex),
        SCMP_SYS(getpid),
        SCMP_SYS(getrandom),
        SCMP_SYS(getrlimit),
        SCMP_SYS(getsockname),
        SCMP_SYS(getsockopt),
        SCMP_SYS(gettid),
        SCMP_SYS(gettimeofday),
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
        SCMP_SYS(shutdown),
        SCMP_SYS(time),
        SCMP_SYS(timerfd_create),
        SCMP_SYS(timerfd_settime),
        -1,
};

/* Speaking to standard error, and what the C library does around it. */
static const int CALLS_SPEAK[] = {
        SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(rt_sigaction), SCMP_SYS(sched_yield),
        SCMP_SYS(uname), SCMP_SYS(write),      SCMP_SYS(writev),       -1,
};

static const int CALLS_MLOCK[] = {SCMP_SYS(mlock), SCMP_SYS(mlock2), SCMP_SYS(munlock), -1};

/* Files that come in open: a new key and its certificate. */
static const int CALLS_REREAD[] = {SCMP_SYS(pread64), -1};

static const int CALLS_ACCEPT[] = {SCMP_SYS(accept4), SCMP_SYS(getpeername), -1};

/* The way into the sandbox of a worker. With no capability left, capset can only give up. */
static const int CALLS_FORK[] = {
        SCMP_SYS(capget), SCMP_SYS(capset), SCMP_SYS(dup3), SCMP_SYS(getppid), -1,
};

/* What programs ask that concerns nobody else. */
static const int CALLS_ORDINARY[] = {
        SCMP_SYS(clock_nanosleep), SCMP_SYS(eventfd2),
        SCMP_SYS(getcwd),          SCMP_SYS(getegid),
        SCMP_SYS(geteuid),         SCMP_SYS(getgid),
        SCMP_SYS(getppid),         SCMP_SYS(getrusage),
        SCMP_SYS(getuid),          SCMP_SYS(lseek),
        SCMP_SYS(nanosleep),       SCMP_SYS(sched_getaffinity),
        SCMP_SYS(signalfd4),       SCMP_SYS(sysinfo),
        SCMP_SYS(umask),           -1,
};

/* Looking for files: in the list of those who keep some, and refused politely to services. */
static const int CALLS_PATHS[] = {
        SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
        SCMP_SYS(lstat),  SCMP_SYS(readlink),  SCMP_SYS(readlinkat),
        SCMP_SYS(stat),   SCMP_SYS(statx),     -1,
};

static const int CALLS_FILES[] = {
        SCMP_SYS(fallocate), SCMP_SYS(fchown),   SCMP_SYS(fdatasync), SCMP_SYS(flock),
        SCMP_SYS(fstatfs),   SCMP_SYS(fsync),    SCMP_SYS(ftruncate), SCMP_SYS(getdents64),
        SCMP_SYS(msync),     SCMP_SYS(pread64),  SCMP_SYS(pwrite64),  SCMP_SYS(pwritev),
        SCMP_SYS(rename),    SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(rmdir),
        SCMP_SYS(unlink),    SCMP_SYS(unlinkat), SCMP_SYS(utimensat), -1,
};

/* Speaking to hosts, once connected. */
static const int CALLS_DIAL[] = {
        SCMP_SYS(connect),
        SCMP_SYS(getpeername),
        SCMP_SYS(sendmmsg),
        SCMP_SYS(lseek),
        SCMP_SYS(geteuid),
        SCMP_SYS(alarm),
        -1,
};

/* Confining paths. */
static const int CALLS_LANDLOCK[] = {
        SCMP_SYS(landlock_create_ruleset),
        SCMP_SYS(landlock_add_rule),
        SCMP_SYS(landlock_restrict_self),
        -1,
};

/* ---- by number and arguments ---------------------------------------------------------------- */

/* A call that is allowed when all comparisons hold; several rules of one call are alternatives. */
struct rule {
        int call;
        unsigned n;
        struct scmp_arg_cmp a[2];
};

enum { RULES_END = -1 };

#define IS(arg, value)                       \
        {                                    \
                arg, SCMP_CMP_EQ, (value), 0 \
        }
#define WITHOUT(arg, bits)                         \
        {                                          \
                arg, SCMP_CMP_MASKED_EQ, (bits), 0 \
        }
#define RULE1(name, a0)            \
        {                          \
                SCMP_SYS(name), 1, \
                {                  \
                        a0         \
                }                  \
        }
#define RULE2(name, a0, a1)        \
        {                          \
                SCMP_SYS(name), 2, \
                {                  \
                        a0, a1     \
                }                  \
        }

static const struct rule RULES_ALL[] = {
        RULE1(fcntl, IS(1, F_GETFD)),
        RULE1(fcntl, IS(1, F_SETFD)),
        RULE1(fcntl, IS(1, F_GETFL)),
        RULE2(fcntl, IS(1, F_SETFL), WITHOUT(2, O_ASYNC)),
        RULE1(fcntl, IS(1, F_DUPFD_CLOEXEC)),
        RULE1(madvise, IS(2, MADV_DONTNEED)),
        RULE1(madvise, IS(2, MADV_FREE)),
        RULE1(madvise, IS(2, MADV_DONTDUMP)),
        RULE1(madvise, IS(2, MADV_DODUMP)),
        RULE1(mmap, WITHOUT(2, PROT_EXEC)),
        RULE1(mprotect, WITHOUT(2, PROT_EXEC)),
        RULE2(prlimit64, IS(0, 0), IS(2, 0)),
        RULE2(setsockopt, IS(1, SOL_SOCKET), IS(2, SO_KEEPALIVE)),
        RULE2(setsockopt, IS(1, IPPROTO_TCP), IS(2, TCP_NODELAY)),
        RULE2(setsockopt, IS(1, IPPROTO_TCP), IS(2, TCP_KEEPIDLE)),
        RULE2(setsockopt, IS(1, IPPROTO_TCP), IS(2, TCP_KEEPINTVL)),
        RULE2(setsockopt, IS(1, IPPROTO_TCP), IS(2, TCP_KEEPCNT)),
        RULE2(setsockopt, IS(1, IPPROTO_TCP), IS(2, TCP_USER_TIMEOUT)),
        {.call = RULES_END},
};

/* To what it is connected to, never to an address. */
static const struct rule RULES_SPEAK[] = {
        RULE1(sendto, IS(4, 0)),
        {.call = RULES_END},
};

static const struct rule RULES_PAIR[] = {
        RULE1(socketpair, IS(0, AF_UNIX)),
        RULE1(ioctl, IS(1, FIONREAD)), /* what is still queued in one end */
        {.call = RULES_END},
};

static const struct rule RULES_FORK[] = {
        RULE2(clone, IS(0, CLONE_PARENT), IS(1, 0)),
        RULE1(prctl, IS(0, PR_SET_PDEATHSIG)),
        RULE2(prctl, IS(0, PR_SET_DUMPABLE), IS(1, 0)),
        RULE2(prctl, IS(0, PR_SET_NO_NEW_PRIVS), IS(1, 1)),
        RULE1(prctl, IS(0, PR_CAPBSET_READ)),
        RULE1(prctl, IS(0, PR_CAPBSET_DROP)),
        RULE1(prctl, IS(0, PR_CAP_AMBIENT)),
        RULE1(prlimit64, IS(0, 0)),
        RULE2(seccomp, IS(0, 1 /* SECCOMP_SET_MODE_FILTER */), IS(1, 0)),
        {.call = SCMP_SYS(setrlimit)},
        {.call = RULES_END},
};

/* What hosts are reached by, and looked up in. */
static const struct rule RULES_DIAL[] = {
        RULE1(socket, IS(0, AF_INET)),
        RULE1(socket, IS(0, AF_INET6)),
        RULE1(socketpair, IS(0, AF_UNIX)),
        RULE1(ioctl, IS(1, FIONREAD)),
        RULE2(setsockopt, IS(1, IPPROTO_IP), IS(2, IP_RECVERR)),
        RULE2(setsockopt, IS(1, IPPROTO_IPV6), IS(2, IPV6_RECVERR)),
        RULE1(openat, IS(2, O_RDONLY | O_CLOEXEC)),
        RULE1(openat, IS(2, O_RDONLY)),
        {.call = RULES_END},
};

static const struct rule RULES_LANDLOCK[] = {
        RULE1(openat, IS(2, O_PATH | O_CLOEXEC)),
        {.call = RULES_END},
};

enum { SPECIAL = S_ISUID | S_ISGID | S_ISVTX };

static const struct rule RULES_FILES[] = {
        RULE1(fcntl, IS(1, F_GETLK)),
        RULE1(fcntl, IS(1, F_SETLK)),
        RULE1(fcntl, IS(1, F_SETLKW)),
        RULE1(fchmod, WITHOUT(1, SPECIAL)),
        RULE1(mkdir, WITHOUT(1, SPECIAL)),
        RULE1(mkdirat, WITHOUT(2, SPECIAL)),
        RULE2(open, WITHOUT(1, O_ASYNC | O_PATH), WITHOUT(2, SPECIAL)),
        RULE2(openat, WITHOUT(2, O_ASYNC | O_PATH), WITHOUT(3, SPECIAL)),
        {.call = RULES_END},
};

/* ---- roles ---------------------------------------------------------------------------------- */

enum { GROUPS = 6 };

struct list {
        const int *calls[GROUPS];         /* beyond CALLS_ALL */
        const struct rule *rules[GROUPS]; /* beyond RULES_ALL */
        bool own_signals;                 /* may end itself by one */
        bool refuses_paths;               /* answers EACCES where it would kill */
        bool refuses_sockets;             /* … likewise, of other families than it may */
};

static const struct list LISTS[] = {
        [ROLE_GATEWAY] = {.calls = {CALLS_SPEAK, CALLS_ACCEPT},
                          .rules = {RULES_SPEAK},
                          .own_signals = true},
        [ROLE_ZYGOTE] = {.calls = {CALLS_SPEAK, CALLS_FORK},
                         .rules = {RULES_SPEAK, RULES_FORK},
                         .own_signals = true},
        [ROLE_WORKER] = {.own_signals = false},
        [ROLE_SESSIOND] = {.calls = {CALLS_SPEAK, CALLS_ORDINARY, CALLS_PATHS, CALLS_FILES,
                                     CALLS_ACCEPT, CALLS_MLOCK},
                           .rules = {RULES_SPEAK, RULES_PAIR, RULES_FILES},
                           .own_signals = true},
        [ROLE_PROVER] = {.calls = {CALLS_SPEAK, CALLS_MLOCK},
                         .rules = {RULES_SPEAK},
                         .own_signals = true},
        [ROLE_SERVICE] = {.calls = {CALLS_SPEAK, CALLS_ORDINARY, CALLS_MLOCK},
                          .rules = {RULES_SPEAK},
                          .own_signals = true,
                          .refuses_paths = true},
        [ROLE_KEEPER] = {.calls = {CALLS_SPEAK, CALLS_ORDINARY, CALLS_PATHS, CALLS_FILES,
                                   CALLS_MLOCK},
                         .rules = {RULES_SPEAK, RULES_FILES},
                         .own_signals = true},
        [ROLE_SIGNER] = {.calls = {CALLS_SPEAK, CALLS_REREAD},
                         .rules = {RULES_SPEAK},
                         .own_signals = true},
        [ROLE_FETCHERS] = {.calls = {CALLS_SPEAK, CALLS_FORK, CALLS_DIAL, CALLS_PATHS,
                                     CALLS_LANDLOCK},
                           .rules = {RULES_SPEAK, RULES_FORK, RULES_DIAL, RULES_LANDLOCK},
                           .own_signals = true,
                           .refuses_sockets = true},
        [ROLE_FETCHER] = {.calls = {CALLS_SPEAK, CALLS_DIAL, CALLS_PATHS},
                          .rules = {RULES_SPEAK, RULES_DIAL},
                          .own_signals = true,
                          .refuses_sockets = true},
};

/* ---- building ------------------------------------------------------------------------------- */

/* -EEXIST: it is in the list already, maybe by a wider rule. */
static int filter_add(scmp_filter_ctx f, uint32_t action, const struct rule *rule)
{
        int r = seccomp_rule_add_array(f, action, rule->call, rule->n, rule->a);

        return r == -EEXIST ? 0 : r;
}

static int filter_calls(scmp_filter_ctx f, uint32_t action, const int *calls)
{
        int r = 0;

        for (; !r && *calls != -1; calls++)
                r = filter_add(f, action, &(struct rule){.call = *calls});
        return r;
}

static int filter_rules(scmp_filter_ctx f, const struct rule *rules)
{
        int r = 0;

        for (; !r && rules->call != RULES_END; rules++)
                r = filter_add(f, SCMP_ACT_ALLOW, rules);
        return r;
}

/* Stands for the number of a process, where it is not known yet; no process has it. */
enum { OWN_PID = 0x70697065 };

/* abort() and raise(). */
static int filter_own_signals(scmp_filter_ctx f)
{
        return filter_add(f, SCMP_ACT_ALLOW, &(struct rule)RULE1(tgkill, IS(0, OWN_PID)));
}

static int filter_refuse_paths(scmp_filter_ctx f)
{
        static const int opening[] = {SCMP_SYS(open), SCMP_SYS(openat), -1};
        int r;

        /* A build with sanitizers has them in its list. */
        if (sandbox_build.reports)
                return 0;

        r = filter_calls(f, SCMP_ACT_ERRNO(EACCES), opening);
        return r ? r : filter_calls(f, SCMP_ACT_ERRNO(EACCES), CALLS_PATHS);
}

/* The C library asks the kernel which addresses this machine has, and a daemon for hosts, and does
 * without either. */
static int filter_refuse_sockets(scmp_filter_ctx f)
{
        static const struct rule families[] = {
                RULE1(socket, IS(0, AF_UNIX)),
                RULE1(socket, IS(0, AF_NETLINK)),
        };
        int r = 0;

        for (unsigned i = 0; !r && i < sizeof(families) / sizeof(families[0]); i++)
                r = filter_add(f, SCMP_ACT_ERRNO(EACCES), &families[i]);
        return r;
}

static int filter_build(scmp_filter_ctx f, const struct list *l)
{
        int r;

        /* Most calls are few: look them up in a tree, not one after the other. */
        r = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
        if (!r)
                r = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
        if (!r)
                r = filter_calls(f, SCMP_ACT_ALLOW, CALLS_ALL);
        if (!r)
                r = filter_calls(f, SCMP_ACT_ALLOW, sandbox_build.calls);
        if (!r)
                r = filter_rules(f, RULES_ALL);
        for (unsigned i = 0; !r && i < GROUPS && l->calls[i]; i++)
                r = filter_calls(f, SCMP_ACT_ALLOW, l->calls[i]);
        for (unsigned i = 0; !r && i < GROUPS && l->rules[i]; i++)
                r = filter_rules(f, l->rules[i]);
        if (!r && l->own_signals)
                r = filter_own_signals(f);
        if (!r && l->refuses_paths)
                r = filter_refuse_paths(f);
        if (!r && l->refuses_sockets)
                r = filter_refuse_sockets(f);
        return r;
}

/* ---- a list as the kernel takes it ---------------------------------------------------------- */

/* The library can only write to a descriptor. */
static int filter_export(scmp_filter_ctx f, int fd, struct daemon_filter *out)
{
        struct stat st;
        int r = seccomp_export_bpf(f, fd);

        if (r)
                return r;
        if (fstat(fd, &st) < 0)
                return -errno;

        out->len = (uint16_t)((size_t)st.st_size / sizeof(*out->code));
        out->code = malloc((size_t)st.st_size);
        if (!out->code)
                return -ENOMEM;

        return pread(fd, out->code, (size_t)st.st_size, 0) == st.st_size ? 0 : -EIO;
}

/* Where the own number is compared: at one place, or the list is not what we believe it to be. (A
 * build with sanitizers does not look at arguments of that call.) */
static int filter_find_own(struct daemon_filter *f, bool wanted)
{
        unsigned n = 0;

        for (uint16_t i = 0; i < f->len; i++)
                if (f->code[i].code == (BPF_JMP | BPF_JEQ | BPF_K) && f->code[i].k == OWN_PID) {
                        f->own = i;
                        n++;
                }
        return n == (wanted && !sandbox_build.reports) ? 0 : -EINVAL;
}

static int filter_compile(scmp_filter_ctx f, const struct list *l, struct daemon_filter *out)
{
        int fd = memfd_create("filter", MFD_CLOEXEC), r;

        if (fd < 0)
                return -errno;

        r = filter_export(f, fd, out);
        (void)close(fd);
        return r ? r : filter_find_own(out, l->own_signals);
}

int daemon_filter_make(enum daemon_role role, struct daemon_filter *ret_f)
{
        scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
        struct daemon_filter made = {0};
        int r;

        if (!f)
                return -ENOMEM;

        r = filter_build(f, &LISTS[role]);
        if (!r)
                r = filter_compile(f, &LISTS[role], &made);
        seccomp_release(f);
        if (r)
                daemon_filter_deinit(&made);
        else
                *ret_f = made;
        return r;
}

void daemon_filter_deinit(struct daemon_filter *f)
{
        free(f->code);
        *f = (struct daemon_filter){0};
}

int daemon_filter_enter(struct daemon_filter *f)
{
        const struct sock_fprog program = {.len = f->len, .filter = f->code};

        if (f->own)
                f->code[f->own].k = (uint32_t)getpid();
        return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}
