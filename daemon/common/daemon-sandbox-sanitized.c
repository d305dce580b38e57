/*
 * A build with AddressSanitizer and its sisters. It is for testing and confines less: a report
 * names source lines, for which files are read; leaks are looked for at the end, from a thread of
 * its own that stops the process by ptrace; and shadow memory is 16 TiB of address space.
 *
 * Sockets, connections and programs stay out of reach here, too.
 */
#include <seccomp.h>
#include <sys/uio.h>

#include "daemon-sandbox-build.h"

static const int CALLS[] = {
        SCMP_SYS(access),
        SCMP_SYS(arch_prctl),
        SCMP_SYS(clock_nanosleep),
        SCMP_SYS(clone),
        SCMP_SYS(clone3),
        SCMP_SYS(fstat),
        SCMP_SYS(getcwd),
        SCMP_SYS(getdents),
        SCMP_SYS(getdents64),
        SCMP_SYS(getpid),
        SCMP_SYS(getppid),
        SCMP_SYS(getrlimit),
        SCMP_SYS(gettid),
        SCMP_SYS(ioctl),
        SCMP_SYS(kill),
        SCMP_SYS(lseek),
        SCMP_SYS(madvise),
        SCMP_SYS(mmap),
        SCMP_SYS(mprotect),
        SCMP_SYS(nanosleep),
        SCMP_SYS(newfstatat),
        SCMP_SYS(open),
        SCMP_SYS(openat),
        SCMP_SYS(personality),
        SCMP_SYS(pipe2),
        SCMP_SYS(prctl),
        SCMP_SYS(prlimit64),
        SCMP_SYS(ptrace),
        SCMP_SYS(readlink),
        SCMP_SYS(readlinkat),
        SCMP_SYS(rt_sigaction),
        SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(rseq),
        SCMP_SYS(sched_getaffinity),
        SCMP_SYS(sched_yield),
        SCMP_SYS(set_robust_list),
        SCMP_SYS(setrlimit),
        SCMP_SYS(sigaltstack),
        SCMP_SYS(stat),
        SCMP_SYS(tgkill),
        SCMP_SYS(uname),
        SCMP_SYS(wait4),
        SCMP_SYS(waitid),
        SCMP_SYS(write),
        SCMP_SYS(writev),
        -1,
};

const struct sandbox_build sandbox_build = {.calls = CALLS, .reports = true, .wide_address = true};
