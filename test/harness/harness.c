/*
 * The runner of the tests.
 *
 * The parent never runs test code: it forks a child for each TEST, waits for it with a deadline,
 * and believes nothing but the child's exit status. The child leads a process group and adopts what
 * its own children leave behind, so that whatever a test started can be found, reported and killed,
 * also when the test itself was killed.
 *
 * A child's output goes to a memory file. It is shown when the test failed, with the reason as its
 * last line.
 */
#include "harness.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness-alloc.h"

/* How a child ends. Anything else is a failure. */
enum { EXIT_PASSED = 0, EXIT_FAILED = 1, EXIT_SKIPPED = 77, EXIT_INJECTED = 78 };

enum outcome { PASSED, FAILED, SKIPPED, INJECTED };

/* What the child tells its parent besides its exit status; in memory that both share. */
struct shared {
        void *injected_at;
        char reason[512];
};

static struct test *first;
static struct test **last = &first;
static struct shared *shared;
static bool no_fork;
static bool verbose;
static pid_t runner_pid;
static pid_t body_pid;

void test_register(struct test *t)
{
        *last = t;
        last = &t->next;
}

/* ---- Checks ---- */

static void end_child(int status)
{
        fflush(NULL);
        if (no_fork && status != EXIT_SKIPPED)
                abort();
        _exit(status);
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(shared->reason, sizeof(shared->reason), fmt, ap);
        va_end(ap);

        fflush(stdout);
        fprintf(stderr, "%s:%d: %s%s\n", file, line, shared->reason,
                body_pid && getpid() != body_pid ? " (in a child process of the test)" : "");
        end_child(EXIT_FAILED);
        __builtin_unreachable();
}

void test_skip(const char *why)
{
        snprintf(shared->reason, sizeof(shared->reason), "%s", why);
        end_child(EXIT_SKIPPED);
        __builtin_unreachable();
}

void test_check_eq(const char *file, int line, const char *what, int64_t a, int64_t b)
{
        if (a == b)
                return;
        test_fail(file, line, "%s: %" PRId64 " (0x%" PRIx64 ") is not %" PRId64 " (0x%" PRIx64 ")",
                  what, a, (uint64_t)a, b, (uint64_t)b);
}

void test_check_str(const char *file, int line, const char *what, const char *a, const char *b)
{
        if (a && b && !strcmp(a, b))
                return;
        if (!a && !b)
                return;
        test_fail(file, line, "%s:\n    found    %s%s%s\n    expected %s%s%s", what, a ? "\"" : "",
                  a ? a : "NULL", a ? "\"" : "", b ? "\"" : "", b ? b : "NULL", b ? "\"" : "");
}

static void hex(char *to, size_t to_size, const uint8_t *p, size_t len)
{
        size_t i, n = 0;

        to[0] = '\0';
        for (i = 0; i < len && n + 4 < to_size; i++)
                n += (size_t)snprintf(to + n, to_size - n, "%02x ", p[i]);
}

void test_check_mem(const char *file, int line, const char *what, const void *a, const void *b,
                    size_t len)
{
        const uint8_t *pa = a, *pb = b;
        char ha[64], hb[64];
        size_t at = 0, from, n;

        while (at < len && pa[at] == pb[at])
                at++;
        if (at == len)
                return;

        from = at & ~(size_t)7;
        n = len - from < 16 ? len - from : 16;
        hex(ha, sizeof(ha), pa + from, n);
        hex(hb, sizeof(hb), pb + from, n);
        test_fail(file, line,
                  "%s: byte %zu of %zu differs\n    found    %zu: %s\n    expected %zu: %s", what,
                  at, len, from, ha, from, hb);
}

void test_check_ok(const char *file, int line, const char *what, int r)
{
        if (!r)
                return;
        if (r < 0)
                test_fail(file, line, "%s: %d (%s)", what, r, strerror(-r));
        test_fail(file, line, "%s: %d (0x%x)", what, r, (unsigned)r);
}

/* ---- What a test must leave as it found it ---- */

static bool fd_is_open(int fd)
{
        return fcntl(fd, F_GETFD) >= 0;
}

/* Remembers which of the first 1024 descriptors are open. */
static void fds_note(bool *ret_open, int n)
{
        int fd;

        for (fd = 0; fd < n; fd++)
                ret_open[fd] = fd_is_open(fd);
}

static bool fds_check(const bool *open, int n)
{
        char path[64], target[256];
        bool good = true;
        ssize_t len;
        int fd;

        for (fd = 0; fd < n; fd++) {
                if (open[fd] || !fd_is_open(fd))
                        continue;

                snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
                len = readlink(path, target, sizeof(target) - 1);
                target[len < 0 ? 0 : len] = '\0';
                fprintf(stderr, "descriptor %d was left open: %s\n", fd, target);
                good = false;
        }
        return good;
}

/* Kills and reaps all children of this process; says so when they are those of a test body. */
static bool children_end(bool complain)
{
        char path[64], name[64] = "?";
        bool good = true;
        long pid;
        FILE *f;

        snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
        f = fopen(path, "re");
        if (!f)
                return true;

        while (fscanf(f, "%ld", &pid) == 1) {
                FILE *comm;

                snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
                comm = fopen(path, "re");
                if (comm && fscanf(comm, "%63s", name) != 1)
                        name[0] = '\0';
                if (comm)
                        fclose(comm);
                if (complain)
                        fprintf(stderr, "process %ld (%s) was left running\n", pid, name);
                kill((pid_t)pid, SIGKILL);
                waitpid((pid_t)pid, NULL, 0);
                good = false;
        }
        fclose(f);
        return good;
}

/* A deadline only bounds what hangs. Other tests run beside this one, as Meson's deadlines have it.
 */
static unsigned timeout_ms(const struct test *t)
{
        const char *slow = getenv("CAPOS_TEST_SLOW");
        long factor = slow ? strtol(slow, NULL, 10) : 4;

        return t->timeout_s * 1000u * (unsigned)(factor > 0 ? factor : 1);
}

/* A test may have a clock_gettime() of its own. */
static uint64_t now_ms(void)
{
        struct timespec t;

        (void)syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/*
 * What a killed daemon leaves is adopted by the test and dies soon after it. How soon, the machine
 * decides: half of the test's own time is given for that, and the dead are reaped without a word.
 */
static bool children_check(const struct test *t)
{
        uint64_t end_ms = now_ms() + timeout_ms(t) / 2;
        pid_t r;

        for (;;) {
                do
                        r = waitpid(-1, NULL, WNOHANG);
                while (r > 0);
                if (r < 0)
                        return true;
                if (now_ms() >= end_ms)
                        return children_end(true);
                poll(NULL, 0, 5);
        }
}

/* ---- Places in the program ---- */

static void print_place(FILE *to, void *address)
{
        char exe[1024], command[1200];
        Dl_info info;
        ssize_t len;
        FILE *p;
        int c;

        len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
        if (len < 0 || !dladdr(address, &info))
                return;
        exe[len] = '\0';

        snprintf(command, sizeof(command), "addr2line -s -p -f -i -e '%s' 0x%zx 2>/dev/null", exe,
                 (size_t)((char *)address - (char *)info.dli_fbase - 1));
        p = popen(command, "re");
        if (!p)
                return;
        while ((c = fgetc(p)) != EOF)
                fputc(c, to);
        pclose(p);
}

static bool leaks_check(void)
{
        struct test_alloc_block blocks[5];
        size_t i, n;

        n = test_alloc_leaks(blocks, 5);
        for (i = 0; i < n && i < 5; i++) {
                fprintf(stderr, "%zu bytes leaked, allocated in ", blocks[i].size);
                print_place(stderr, blocks[i].caller);
        }
        if (n)
                fprintf(stderr, "%zu blocks leaked\n", n);
        return !n;
}

/* ---- One test ---- */

static void note_injection(void *caller)
{
        shared->injected_at = caller;
}

static int body(const struct test *t, uint64_t fail_at)
{
        bool open[1024], good, injected;

        body_pid = getpid();
        fds_note(open, 1024);
        test_alloc_on_fail = note_injection;
        test_fail_alloc_at(fail_at);
        if (t->torture)
                test_alloc_track();

        t->run();

        injected = test_alloc_failed();
        if (t->torture)
                test_fail_alloc_at(0);
        good = !t->torture || leaks_check();
        good = fds_check(open, 1024) && good;
        good = (no_fork || children_check(t)) && good;
        if (!good)
                return EXIT_FAILED;
        return t->torture && injected ? EXIT_INJECTED : EXIT_PASSED;
}

static void child(const struct test *t, uint64_t fail_at, int out)
{
        int r;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        setpgid(0, 0);
        if (getppid() != runner_pid)
                _exit(EXIT_FAILED);
        if (out >= 0) {
                dup2(out, STDOUT_FILENO);
                dup2(out, STDERR_FILENO);
                close(out);
        }

        r = body(t, fail_at);
        fflush(NULL);

        /* A TORTURE has counted its blocks itself; to look for leaks would cost more than it. */
        if (t->torture)
                _exit(r);
        exit(r);
}

static void show(int out)
{
        char buf[4096];
        bool line_start = true;
        ssize_t i, n;

        if (out < 0)
                return;
        lseek(out, 0, SEEK_SET);
        while ((n = read(out, buf, sizeof(buf))) > 0)
                for (i = 0; i < n; i++) {
                        if (line_start)
                                fputs("    ", stdout);
                        putchar(buf[i]);
                        line_start = buf[i] == '\n';
                }
        if (!line_start)
                putchar('\n');
}

/* Waits for the child; false when the deadline passed and it was killed. */
static bool await(const struct test *t, pid_t pid, int *ret_status)
{
        struct pollfd p = {.events = POLLIN};
        bool in_time;
        int r;

        p.fd = (int)syscall(SYS_pidfd_open, pid, 0);
        do
                r = poll(&p, 1, (int)timeout_ms(t));
        while (r < 0 && errno == EINTR);
        in_time = r > 0;
        if (p.fd >= 0)
                close(p.fd);

        if (!in_time)
                kill(-pid, SIGKILL);
        if (!in_time)
                kill(pid, SIGKILL);
        while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
                ;
        kill(-pid, SIGKILL);
        (void)children_end(false);
        return in_time;
}

static enum outcome judge(const struct test *t, uint64_t fail_at, bool in_time, int status)
{
        if (in_time && WIFEXITED(status)) {
                if (WEXITSTATUS(status) == EXIT_PASSED)
                        return PASSED;
                if (WEXITSTATUS(status) == EXIT_INJECTED)
                        return INJECTED;
                if (WEXITSTATUS(status) == EXIT_SKIPPED) {
                        printf("skipped %s: %s\n", t->name, shared->reason);
                        return SKIPPED;
                }
        }

        printf("not ok %s (%s:%d)", t->name, t->file, t->line);
        if (!in_time)
                printf(": no end after %u s", timeout_ms(t) / 1000);
        else if (WIFSIGNALED(status))
                printf(": killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
        putchar('\n');
        if (fail_at)
                printf("    with allocation %" PRIu64 " failing\n", fail_at);
        if (shared->injected_at) {
                printf("    that is in ");
                print_place(stdout, shared->injected_at);
        }
        return FAILED;
}

static enum outcome run_once(const struct test *t, uint64_t fail_at)
{
        enum outcome o;
        bool in_time;
        int out = -1, status = 0;
        pid_t pid;

        *shared = (struct shared){0};
        if (no_fork)
                return body(t, fail_at) == EXIT_INJECTED ? INJECTED : PASSED;
        if (!verbose)
                out = memfd_create("output", MFD_CLOEXEC);

        fflush(NULL);
        pid = fork();
        if (pid < 0) {
                perror("fork");
                exit(2);
        }
        if (!pid)
                child(t, fail_at, out);

        in_time = await(t, pid, &status);
        o = judge(t, fail_at, in_time, status);
        if (o == FAILED)
                show(out);
        if (out >= 0)
                close(out);
        return o;
}

static enum outcome run(const struct test *t)
{
        enum outcome o;
        uint64_t n;

        o = run_once(t, 0);
        for (n = 1; t->torture && (o == INJECTED || n == 1) && o != FAILED && o != SKIPPED; n++)
                o = run_once(t, n);
        if (verbose && o == PASSED && t->torture)
                printf("ok %s (%" PRIu64 " allocations)\n", t->name, n - 2);
        else if (verbose && o == PASSED)
                printf("ok %s\n", t->name);
        return o;
}

/* ---- The program ---- */

static void report(const char *name, unsigned passed, unsigned failed, unsigned skipped)
{
        const char *path = getenv("CAPOS_TEST_COUNTS");
        char line[256];
        int fd, n;

        printf("%s: %u passed, %u failed", name, passed, failed);
        if (skipped)
                printf(", %u skipped", skipped);
        putchar('\n');
        if (!path || !*path)
                return;

        n = snprintf(line, sizeof(line), "%s %u %u %u\n", name, passed, failed, skipped);
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
        if (fd < 0 || write(fd, line, (size_t)n) != n) {
                perror(path);
                exit(2);
        }
        close(fd);
}

static bool wanted(const struct test *t, int argc, char **argv)
{
        bool named = false;
        int i;

        for (i = 1; i < argc; i++) {
                if (argv[i][0] == '-')
                        continue;
                if (!strcmp(argv[i], t->name))
                        return true;
                named = true;
        }
        return !named;
}

static bool options(int argc, char **argv)
{
        const struct test *t;
        int i;

        for (i = 1; i < argc; i++) {
                if (!strcmp(argv[i], "--list")) {
                        for (t = first; t; t = t->next)
                                puts(t->name);
                        exit(0);
                }
                if (!strcmp(argv[i], "--no-fork"))
                        no_fork = verbose = true;
                else if (!strcmp(argv[i], "--verbose") || !strcmp(argv[i], "-v"))
                        verbose = true;
                else if (argv[i][0] == '-')
                        return false;
        }
        return true;
}

int main(int argc, char **argv)
{
        unsigned passed = 0, failed = 0, skipped = 0;
        const struct test *t;

        if (!options(argc, argv)) {
                fprintf(stderr, "usage: %s [--list] [--verbose] [--no-fork] [name...]\n", argv[0]);
                return 2;
        }

        runner_pid = getpid();
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                      0);
        if (shared == MAP_FAILED) {
                perror("mmap");
                return 2;
        }

        for (t = first; t; t = t->next) {
                enum outcome o;

                if (!wanted(t, argc, argv))
                        continue;
                o = run(t);
                passed += o == PASSED;
                failed += o == FAILED;
                skipped += o == SKIPPED;
        }

        if (!passed && !failed && !skipped) {
                fprintf(stderr, "%s: no such test\n", argv[0]);
                return 2;
        }
        report(program_invocation_short_name, passed, failed, skipped);
        return failed ? 1 : 0;
}
