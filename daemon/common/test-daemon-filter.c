/*
 * Every role's list, row by row: a call with these arguments kills, is refused, or goes through.
 *
 * A row is one raw system call, made by a child that has entered the role. What it is aimed at is a
 * sleeping process, this test's parent folder or nothing at all: where a call goes through, its
 * answer does not matter. Most rows are the same for all roles, and say so in one word.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon-filter.h"
#include "daemon-sandbox-build.h"
#include "daemon-sandbox.h"
#include "harness.h"

enum { ROLES = ROLE_FETCHER + 1, ENTERED = 40, REFUSED, WENT };

/* One letter a role, in the order of enum daemon_role: killed, refused with EACCES, goes through.
 */
#define NOBODY         "KKKKKKKKKK"
#define ALL            "GGGGGGGGGG"
#define ALL_BUT_WORKER "GGKGGGGGGG"
#define ZYGOTES        "KGKKKKKKGK"
#define KEEPERS        "KKKGKKGKKK"
#define FETCHERS       "KKKKKKKKGG"

/* Arguments that are known only when the test runs. */
enum {
        VICTIM = -1001,
        MYSELF = -1002,
        THREAD = -1003,
        PIPE = -1004,
        TEXT = -1005, /* room, and the path of no file */
        PAIR = -1006,
        OUTSIDE = -1007, /* the path of a file that is not in the own folder */
};

struct row {
        const char *what;
        long call;
        long a[6];
        const char *roles;
};

static const struct row SIGNALS[] = {
        {"own by fcntl", SYS_fcntl, {PIPE, F_SETOWN, VICTIM}, NOBODY},
        {"own by fcntl, extended", SYS_fcntl, {PIPE, F_SETOWN_EX, TEXT}, NOBODY},
        {"choose the signal", SYS_fcntl, {PIPE, F_SETSIG, SIGKILL}, NOBODY},
        {"signal on input", SYS_fcntl, {PIPE, F_SETFL, O_ASYNC | O_NONBLOCK}, NOBODY},
        {"lease", SYS_fcntl, {PIPE, F_SETLEASE, F_RDLCK}, NOBODY},
        {"notify", SYS_fcntl, {PIPE, F_NOTIFY, 1}, NOBODY},
        {"duplicate without close-on-exec", SYS_fcntl, {PIPE, F_DUPFD, 3}, NOBODY},
        {"seal", SYS_fcntl, {PIPE, F_ADD_SEALS, 0}, NOBODY},
        {"nonblocking", SYS_fcntl, {PIPE, F_SETFL, O_NONBLOCK}, ALL},
        {"duplicate", SYS_fcntl, {PIPE, F_DUPFD_CLOEXEC, 3}, ALL},
        {"close on exec", SYS_fcntl, {PIPE, F_SETFD, FD_CLOEXEC}, ALL},
        {"tgkill another", SYS_tgkill, {VICTIM, VICTIM, SIGKILL}, NOBODY},
        {"tgkill myself", SYS_tgkill, {MYSELF, THREAD, 0}, ALL_BUT_WORKER},
        {"tkill", SYS_tkill, {VICTIM, SIGKILL}, NOBODY},
        {"kill", SYS_kill, {VICTIM, SIGKILL}, NOBODY},
        {"kill everybody", SYS_kill, {-1, 0}, NOBODY},
        {"queue a signal", SYS_rt_sigqueueinfo, {VICTIM, SIGKILL, TEXT}, NOBODY},
        {"queue a signal to a thread",
         SYS_rt_tgsigqueueinfo,
         {VICTIM, VICTIM, SIGKILL, TEXT},
         NOBODY},
        {"a pidfd", SYS_pidfd_open, {VICTIM, 0}, NOBODY},
        {"signal by pidfd", SYS_pidfd_send_signal, {PIPE, SIGKILL, 0, 0}, NOBODY},
        {"a descriptor by pidfd", SYS_pidfd_getfd, {PIPE, 0, 0}, NOBODY},
        {"an alarm", SYS_alarm, {0}, FETCHERS},
        {"a timer that signals", SYS_timer_create, {CLOCK_MONOTONIC, TEXT, TEXT}, NOBODY},
};

static const struct row PROCESSES[] = {
        {"fork", SYS_fork, {0}, NOBODY},
        {"vfork", SYS_vfork, {0}, NOBODY},
        {"clone as fork", SYS_clone, {SIGCHLD, 0, 0, 0, 0}, NOBODY},
        {"clone with memory shared", SYS_clone, {CLONE_PARENT | CLONE_VM | CLONE_VFORK, 0}, NOBODY},
        {"clone into namespaces", SYS_clone, {CLONE_PARENT | CLONE_NEWUSER, 0}, NOBODY},
        {"clone with a stack", SYS_clone, {CLONE_PARENT, TEXT}, NOBODY},
        {"clone3", SYS_clone3, {TEXT, 64}, NOBODY},
        {"unshare", SYS_unshare, {CLONE_NEWUSER}, NOBODY},
        {"setns", SYS_setns, {PIPE, 0}, NOBODY},
        {"execve", SYS_execve, {TEXT, 0, 0}, NOBODY},
        {"execveat", SYS_execveat, {PIPE, TEXT, 0, 0, 0x1000}, NOBODY},
        {"trace", SYS_ptrace, {16 /* PTRACE_ATTACH */, VICTIM, 0, 0}, NOBODY},
        {"read another's memory", SYS_process_vm_readv, {VICTIM, TEXT, 0, TEXT, 0, 0}, NOBODY},
        {"write another's memory", SYS_process_vm_writev, {VICTIM, TEXT, 0, TEXT, 0, 0}, NOBODY},
        {"compare with another", SYS_kcmp, {MYSELF, VICTIM, 0, 0, 0}, NOBODY},
        {"another's limits", SYS_prlimit64, {VICTIM, RLIMIT_NOFILE, 0, TEXT}, NOBODY},
        {"own limits set", SYS_prlimit64, {0, RLIMIT_NOFILE, TEXT, 0}, ZYGOTES},
        {"own limits asked", SYS_prlimit64, {0, RLIMIT_NOFILE, 0, TEXT}, ALL},
        {"schedule", SYS_sched_setscheduler, {VICTIM, SCHED_FIFO, TEXT}, NOBODY},
        {"priority", SYS_setpriority, {PRIO_PROCESS, VICTIM, 19}, NOBODY},
        {"become another", SYS_setresuid, {1, 1, 1}, NOBODY},
        {"capabilities", SYS_capset, {TEXT, TEXT}, ZYGOTES},
        {"a name", SYS_prctl, {PR_SET_NAME, TEXT}, NOBODY},
        {"be traced", SYS_prctl, {0x59616d61 /* PR_SET_PTRACER */, VICTIM}, NOBODY},
        {"be dumpable", SYS_prctl, {PR_SET_DUMPABLE, 1}, NOBODY},
        {"memory map", SYS_prctl, {PR_SET_MM, PR_SET_MM_BRK, 0}, NOBODY},
        {"a filter that listens", SYS_seccomp, {1, 8 /* NEW_LISTENER */, TEXT}, NOBODY},
};

static const struct row MEMORY[] = {
        {"code",
         SYS_mmap,
         {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0},
         NOBODY},
        {"make code", SYS_mprotect, {0, 4096, PROT_EXEC}, NOBODY},
        {"make code with a key", SYS_pkey_mprotect, {0, 4096, PROT_EXEC, -1}, NOBODY},
        {"data", SYS_mprotect, {0, 0, PROT_READ}, ALL},
        {"give pages back", SYS_madvise, {0, 0, MADV_DONTNEED}, ALL},
        {"punch a hole", SYS_madvise, {0, 0, MADV_REMOVE}, NOBODY},
        {"poison", SYS_madvise, {0, 4096, 100 /* MADV_HWPOISON */}, NOBODY},
        {"merge pages", SYS_madvise, {0, 0, MADV_MERGEABLE}, NOBODY},
        {"advise another", SYS_process_madvise, {PIPE, TEXT, 0, MADV_COLD, 0}, NOBODY},
        {"a file of memory", SYS_memfd_create, {TEXT, 0}, NOBODY},
        {"fault handler", SYS_userfaultfd, {0}, NOBODY},
        {"shared memory", SYS_shmget, {1, 4096, 0600}, NOBODY},
        {"execute what is read", SYS_personality, {0x0400000 /* READ_IMPLIES_EXEC */}, NOBODY},
};

static const struct row SOCKETS[] = {
        {"tcp socket", SYS_socket, {AF_INET, SOCK_STREAM, 0}, FETCHERS},
        {"tcp socket, IPv6", SYS_socket, {AF_INET6, SOCK_STREAM, 0}, FETCHERS},
        {"udp socket", SYS_socket, {AF_INET, SOCK_DGRAM, 0}, FETCHERS},
        {"unix socket", SYS_socket, {AF_UNIX, SOCK_STREAM, 0}, "KKKKKKKKRR"},
        {"netlink socket", SYS_socket, {AF_NETLINK, SOCK_RAW, 0}, "KKKKKKKKRR"},
        {"packet socket", SYS_socket, {AF_PACKET, SOCK_RAW, 0}, NOBODY},
        {"connect", SYS_connect, {PAIR, TEXT, 16}, FETCHERS},
        {"bind", SYS_bind, {PAIR, TEXT, 16}, NOBODY},
        {"listen", SYS_listen, {PAIR, 1}, NOBODY},
        {"unix pair", SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0, TEXT}, "KKKGKKKKGG"},
        {"tipc pair", SYS_socketpair, {30 /* AF_TIPC */, SOCK_STREAM, 0, TEXT}, NOBODY},
        {"send to an address", SYS_sendto, {PAIR, TEXT, 1, 0, TEXT, 16}, NOBODY},
        {"send several", SYS_sendmmsg, {PAIR, TEXT, 0, 0}, FETCHERS},
        {"send", SYS_sendto, {PAIR, TEXT, 0, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0}, ALL_BUT_WORKER},
        {"linger", SYS_setsockopt, {PAIR, SOL_SOCKET, SO_LINGER, TEXT, 8}, NOBODY},
        {"buffers beyond the limit",
         SYS_setsockopt,
         {PAIR, SOL_SOCKET, SO_RCVBUFFORCE, TEXT, 4},
         NOBODY},
        {"buffers", SYS_setsockopt, {PAIR, SOL_SOCKET, SO_SNDBUF, TEXT, 4}, NOBODY},
        {"a filter for packets",
         SYS_setsockopt,
         {PAIR, SOL_SOCKET, SO_ATTACH_FILTER, TEXT, 16},
         NOBODY},
        {"a device", SYS_setsockopt, {PAIR, SOL_SOCKET, SO_BINDTODEVICE, TEXT, 4}, NOBODY},
        {"a mark", SYS_setsockopt, {PAIR, SOL_SOCKET, SO_MARK, TEXT, 4}, NOBODY},
        {"credentials", SYS_setsockopt, {PAIR, SOL_SOCKET, SO_PASSCRED, TEXT, 4}, NOBODY},
        {"repair a connection", SYS_setsockopt, {PAIR, IPPROTO_TCP, TCP_REPAIR, TEXT, 4}, NOBODY},
        {"another protocol", SYS_setsockopt, {PAIR, IPPROTO_TCP, TCP_ULP, TEXT, 4}, NOBODY},
        {"errors of IP", SYS_setsockopt, {PAIR, IPPROTO_IP, IP_RECVERR, TEXT, 4}, FETCHERS},
        {"options of IP", SYS_setsockopt, {PAIR, IPPROTO_IP, 1, TEXT, 4}, NOBODY},
        {"keep alive", SYS_setsockopt, {PAIR, SOL_SOCKET, SO_KEEPALIVE, TEXT, 4}, ALL},
        {"type into a terminal", SYS_ioctl, {PAIR, TIOCSTI, TEXT}, NOBODY},
        {"signal by ioctl", SYS_ioctl, {PAIR, FIOASYNC, TEXT}, NOBODY},
        {"own by ioctl", SYS_ioctl, {PAIR, FIOSETOWN, TEXT}, NOBODY},
        {"what is queued", SYS_ioctl, {PAIR, FIONREAD, TEXT}, "KKKGKKKKGG"},
};

static const struct row FILES[] = {
        {"open", SYS_open, {OUTSIDE, O_RDONLY, 0}, "KKKRKRRKKK"},
        {"openat", SYS_openat, {AT_FDCWD, OUTSIDE, O_RDONLY, 0}, "KKKRKRRKGR"},
        {"a path without reading", SYS_openat, {AT_FDCWD, TEXT, O_PATH, 0}, "KKKKKRKKKK"},
        {"a path to confine", SYS_openat, {AT_FDCWD, TEXT, O_PATH | O_CLOEXEC, 0}, "KKKKKRKKGK"},
        {"confine paths", SYS_landlock_create_ruleset, {0, 0, 1}, "KKKKKKKKGK"},
        {"a file to write", SYS_openat, {AT_FDCWD, TEXT, O_RDWR | O_CLOEXEC, 0}, "KKKGKRGKKK"},
        {"look for a file", SYS_newfstatat, {AT_FDCWD, TEXT, PIPE, 0}, "GGKGGGGGGG"},
        {"a file that signals", SYS_openat, {AT_FDCWD, TEXT, O_RDWR | O_ASYNC, 0}, "KKKKKRKKKK"},
        {"a set-uid file",
         SYS_openat,
         {DAEMON_STATE_FD, TEXT, O_CREAT | O_RDWR, 04755},
         "KKKKKRKKKK"},
        {"a folder", SYS_mkdirat, {DAEMON_STATE_FD, TEXT, 0700}, "KKKRKKRKKK"},
        {"a sticky folder", SYS_mkdirat, {DAEMON_STATE_FD, TEXT, 01777}, NOBODY},
        {"set-uid", SYS_fchmod, {PIPE, 04755}, NOBODY},
        {"set-gid", SYS_fchmod, {PIPE, 02755}, NOBODY},
        {"mode", SYS_fchmod, {PIPE, 0600}, KEEPERS},
        {"openat2", SYS_openat2, {AT_FDCWD, TEXT, TEXT, 24}, NOBODY},
        {"by handle", SYS_open_by_handle_at, {PIPE, TEXT, 0}, NOBODY},
        {"chmod", SYS_chmod, {TEXT, 0777}, NOBODY},
        {"chown", SYS_chown, {TEXT, 0, 0}, NOBODY},
        {"link", SYS_linkat, {AT_FDCWD, TEXT, AT_FDCWD, TEXT, 0}, NOBODY},
        {"symlink", SYS_symlinkat, {TEXT, AT_FDCWD, TEXT}, NOBODY},
        {"device", SYS_mknodat, {AT_FDCWD, TEXT, 0600, 0}, NOBODY},
        {"mount", SYS_mount, {TEXT, TEXT, TEXT, 0, 0}, NOBODY},
        {"chroot", SYS_chroot, {TEXT}, NOBODY},
        {"watch", SYS_inotify_init1, {0}, NOBODY},
        {"lock", SYS_fcntl, {PIPE, F_GETLK, TEXT}, KEEPERS},
        {"rings", SYS_io_uring_setup, {1, TEXT}, NOBODY},
        {"bpf", SYS_bpf, {0, TEXT, 0}, NOBODY},
        {"perf", SYS_perf_event_open, {TEXT, 0, -1, -1, 0}, NOBODY},
        {"keys", SYS_keyctl, {0, 0}, NOBODY},
        {"the clock", SYS_clock_settime, {CLOCK_REALTIME, TEXT}, NOBODY},
        {"log of the kernel", SYS_syslog, {3, TEXT, 0}, NOBODY},
};

/* ---- a child does it ------------------------------------------------------------------------ */

static struct {
        pid_t victim;
        int pipe, pair;
        char outside[64];
} world;

static long argument(long a)
{
        static char text[256];

        switch (a) {
        case VICTIM:
                return world.victim;
        case MYSELF:
                return getpid();
        case THREAD:
                return gettid();
        case PIPE:
                return world.pipe;
        case PAIR:
                return world.pair;
        case TEXT:
                snprintf(text, sizeof(text), "%s-absent", world.outside);
                return (long)(uintptr_t)text;
        case OUTSIDE:
                return (long)(uintptr_t)world.outside;
        default:
                return a;
        }
}

static void child(enum daemon_role role, const struct row *row)
{
        long a[6], r;

        for (unsigned i = 0; i < 6; i++)
                a[i] = argument(row->a[i]);
        if (daemon_sandbox(role))
                _exit(ENTERED);
        /* A row of the zygote's that goes through makes it a parent: nobody waits for the child. */
        r = syscall(row->call, a[0], a[1], a[2], a[3], a[4], a[5]);
        syscall(SYS_exit_group, r < 0 && errno == EACCES ? REFUSED : WENT);
}

static char outcome(enum daemon_role role, const struct row *row)
{
        int status = 0;
        pid_t pid = fork();

        CHECK(pid >= 0);
        if (pid == 0)
                child(role, row);
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        if (WIFSIGNALED(status))
                return WTERMSIG(status) == SIGSYS ? 'K' : '?';
        return WEXITSTATUS(status) == WENT ? 'G' : WEXITSTATUS(status) == REFUSED ? 'R' : 'E';
}

static bool build_allows(long call)
{
        for (const int *c = sandbox_build.calls; *c != -1; c++)
                if (*c == call)
                        return true;
        return false;
}

static bool kernel_has_landlock(void)
{
        return syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= 1;
}

/* The folder of a role that keeps files is one where there are none. */
static void world_make(void)
{
        int fds[2], dir = open("/proc/self/fdinfo", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        CHECK(dir >= 0 && dup3(dir, DAEMON_STATE_FD, O_CLOEXEC) >= 0);
        snprintf(world.outside, sizeof(world.outside), "/tmp/capos-filter-XXXXXX");
        CHECK(mkstemp(world.outside) >= 0);
        CHECK(!pipe2(fds, O_CLOEXEC));
        world.pipe = fds[0];
        CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
        world.pair = fds[0];
        world.victim = fork();
        CHECK(world.victim >= 0);
        if (!world.victim)
                for (;;)
                        pause();
}

static unsigned rows_try(const struct row *rows, unsigned n)
{
        unsigned wrong = 0;

        for (unsigned i = 0; i < n; i++) {
                char found[ROLES + 1] = "";

                if (build_allows(rows[i].call))
                        continue;
                for (unsigned role = 0; role < ROLES; role++) {
                        found[role] = outcome(role, &rows[i]);
                        if (found[role] == 'G' && rows[i].roles[role] == 'R' &&
                            (!kernel_has_landlock() || daemon_sandbox_reports()))
                                found[role] = 'R';
                }
                if (strcmp(found, rows[i].roles) != 0) {
                        fprintf(stderr, "%s: %s, expected %s\n", rows[i].what, found,
                                rows[i].roles);
                        wrong++;
                }
        }
        return wrong;
}

/* Runs rows in a child, whose descriptors and victim end with it. */
static void rows_run(const struct row *rows, unsigned n)
{
        int status = 0;
        pid_t pid = fork();

        CHECK(pid >= 0);
        if (pid == 0) {
                unsigned wrong;

                world_make();
                wrong = rows_try(rows, n);
                if (kill(world.victim, 0) || waitpid(world.victim, &status, WNOHANG))
                        wrong++;
                (void)kill(world.victim, SIGKILL);
                (void)waitpid(world.victim, NULL, 0);
                (void)unlink(world.outside);
                (void)rmdir((const char *)(uintptr_t)argument(TEXT));
                _exit(wrong ? 1 : 0);
        }
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK(WIFEXITED(status));
        CHECK_EQ(WEXITSTATUS(status), 0);
}

#define RUN(rows) rows_run(rows, sizeof(rows) / sizeof(*rows))

TEST_T(a_signal_reaches_nobody_else, 120)
{
        RUN(SIGNALS);
}

TEST_T(no_process_is_made_or_looked_into, 120)
{
        RUN(PROCESSES);
}

TEST_T(memory_is_for_data, 120)
{
        RUN(MEMORY);
}

TEST_T(no_socket_but_those_given, 120)
{
        RUN(SOCKETS);
}

TEST_T(no_file_but_ones_own, 120)
{
        RUN(FILES);
}

/* ---- the zygote's one way to fork, capabilities, folders ------------------------------------- */

static int deed_clone(void)
{
        long pid = syscall(SYS_clone, CLONE_PARENT, 0, 0, 0, 0);

        if (pid == 0)
                syscall(SYS_exit_group, 0);
        return pid < 0;
}

static int deed_powers(void)
{
        struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct d[_LINUX_CAPABILITY_U32S_3] = {0};

        if (syscall(SYS_capget, &h, d) < 0)
                return 1;
        return d[0].effective || d[0].permitted || d[1].effective || d[1].permitted;
}

static int status_of(enum daemon_role role, int (*deed)(void))
{
        int status = 0;
        pid_t pid = fork();

        CHECK(pid >= 0);
        if (pid == 0)
                _exit(daemon_sandbox(role) ? ENTERED : deed());
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        return status;
}

TEST(a_zygote_may_fork_a_sibling)
{
        int status = status_of(ROLE_ZYGOTE, deed_clone);

        CHECK(WIFEXITED(status));
        CHECK_EQ(WEXITSTATUS(status), 0);
        CHECK(wait(&status) > 0); /* our child, not the zygote's */
        CHECK_EQ(status, 0);
}

TEST(the_superuser_has_no_powers_left)
{
        int status = status_of(ROLE_ZYGOTE, deed_powers);

        CHECK(WIFEXITED(status));
        CHECK_EQ(WEXITSTATUS(status), 0);
}

static int deed_own_file(void)
{
        int fd = openat(DAEMON_STATE_FD, "file", O_CREAT | O_RDWR | O_EXCL | O_CLOEXEC, 0600);

        if (fd < 0 || ftruncate(fd, 10) ||
            renameat(DAEMON_STATE_FD, "file", DAEMON_STATE_FD, "other") ||
            unlinkat(DAEMON_STATE_FD, "other", 0) || mkdirat(DAEMON_STATE_FD, "folder", 0700))
                return 1;
        return unlinkat(DAEMON_STATE_FD, "folder", AT_REMOVEDIR) ? 2 : 0;
}

static int in_folder(const char *folder, enum daemon_role role)
{
        int status = 0, fd;
        pid_t pid = fork();

        CHECK(pid >= 0);
        if (pid == 0) {
                fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (fd < 0 || dup3(fd, DAEMON_STATE_FD, O_CLOEXEC) < 0)
                        _exit(ENTERED);
                _exit(daemon_sandbox(role) ? ENTERED : deed_own_file());
        }
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(who_keeps_files_can_do_so)
{
        char folder[] = "/tmp/capos-filter-XXXXXX";

        CHECK(mkdtemp(folder));
        CHECK_EQ(in_folder(folder, ROLE_SESSIOND), 0);
        CHECK_EQ(in_folder(folder, ROLE_KEEPER), 0);
        CHECK(!rmdir(folder));
}

/* ---- a list made before the fork ------------------------------------------------------------- */

static int deed_raise(void)
{
        return syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), 0) < 0;
}

static int deed_raise_parent(void)
{
        return syscall(SYS_tgkill, getppid(), getppid(), 0) < 0;
}

/* What a copy of a zygote does: installs what was made in its parent. */
static int status_with(struct daemon_filter *f, enum daemon_role role, int (*deed)(void))
{
        int status = 0;
        pid_t pid = fork();

        CHECK(pid >= 0);
        if (pid == 0)
                _exit(daemon_sandbox_with(role, f) ? ENTERED : deed());
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        return status;
}

static int deed_nothing(void)
{
        return 0;
}

static int deed_outside(void)
{
        return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0;
}

TEST(a_list_made_before_the_fork_holds_in_each_copy)
{
        static const enum daemon_role roles[] = {ROLE_WORKER, ROLE_PROVER};

        for (unsigned i = 0; i < 2; i++) {
                struct daemon_filter f = {0};

                CHECK_OK(daemon_filter_make(roles[i], &f));
                for (unsigned copy = 0; copy < 3; copy++) {
                        CHECK_EQ(status_with(&f, roles[i], deed_nothing), 0);
                        CHECK_EQ(WTERMSIG(status_with(&f, roles[i], deed_outside)), SIGSYS);
                }
                daemon_filter_deinit(&f);
        }
}

TEST(each_copy_may_signal_itself_alone)
{
        struct daemon_filter f = {0};

        if (daemon_sandbox_reports())
                test_skip("a build with sanitizers confines less");

        CHECK_OK(daemon_filter_make(ROLE_PROVER, &f));
        for (unsigned copy = 0; copy < 3; copy++) {
                CHECK_EQ(status_with(&f, ROLE_PROVER, deed_raise), 0);
                CHECK_EQ(WTERMSIG(status_with(&f, ROLE_PROVER, deed_raise_parent)), SIGSYS);
        }
        daemon_filter_deinit(&f);
}
