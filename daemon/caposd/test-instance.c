/*
 * Starting an instance for a test, looking at its processes from outside, ending it.
 *
 * Nothing here waits for a time; it waits for something to become true, and fails after a minute.
 */
#include "test-instance.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

enum { STEP_MS = 10 };

void pause_ms(unsigned ms)
{
        const struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

        (void)nanosleep(&t, NULL);
}

/* ---- folders -------------------------------------------------------------------------------- */

static const char *const STAND_INS[] = {"capos-sessiond", "capos-system-info", "capos-chat",
                                        "capos-dies"};

void instance_init(struct instance *i)
{
        char from[256], to[160];

        *i = (struct instance){.out = -1};
        snprintf(i->dir, sizeof(i->dir), "/tmp/capos-test-XXXXXX");
        CHECK(mkdtemp(i->dir) != NULL);
        snprintf(i->state, sizeof(i->state), "%s/state", i->dir);
        snprintf(i->libexec, sizeof(i->libexec), "%s/libexec", i->dir);
        snprintf(i->errors, sizeof(i->errors), "%s/errors", i->dir);
        CHECK(mkdir(i->libexec, 0700) == 0);
        snprintf(from, sizeof(from), "%s/daemon/caposd/caposd-stand-in", getenv("CAPOS_BUILDDIR"));
        for (unsigned k = 0; k < sizeof(STAND_INS) / sizeof(*STAND_INS); k++) {
                snprintf(to, sizeof(to), "%s/%s", i->libexec, STAND_INS[k]);
                CHECK(symlink(from, to) == 0);
        }
}

/* Removes a folder and what is in it, to a depth of three. */
static void folder_remove(const char *path, unsigned depth)
{
        DIR *d = opendir(path);
        char inner[512];

        for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
                if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
                        continue;
                snprintf(inner, sizeof(inner), "%s/%s", path, e->d_name);
                if (unlink(inner) < 0 && depth < 4)
                        folder_remove(inner, depth + 1);
        }
        if (d)
                closedir(d);
        (void)rmdir(path);
}

void instance_deinit(struct instance *i)
{
        if (i->pid) {
                CHECK(kill(i->pid, SIGTERM) == 0);
                CHECK_EQ(instance_wait(i), 0);
                CHECK(!instance_logged(i, "ended with exit code 13"));
        }
        folder_remove(i->dir, 0);
}

void instance_manifest(struct instance *i, const char *text)
{
        FILE *f;

        snprintf(i->manifest, sizeof(i->manifest), "%s/manifest", i->dir);
        f = fopen(i->manifest, "w");
        CHECK(f != NULL);
        CHECK(fputs(text, f) >= 0);
        CHECK(fclose(f) == 0);
}

/* ---- start and end -------------------------------------------------------------------------- */

static void instance_exec(const struct instance *i, const char *argument)
{
        const char *argv[12] = {"capos-caposd", "--state", i->state};
        char path[256];
        unsigned n = 3;

        if (!i->listen || *i->listen) {
                argv[n++] = "--listen";
                argv[n++] = i->listen ? i->listen : "plain:127.0.0.1:0";
        }
        if (i->manifest[0]) {
                argv[n++] = "--manifest";
                argv[n++] = i->manifest;
        }
        argv[n++] = argument;
        snprintf(path, sizeof(path), "%s/bin/capos-caposd", getenv("CAPOS_BUILDDIR"));
        setenv("CAPOS_LIBEXEC", i->libexec, 1);
        execv(path, (char **)(uintptr_t)argv);
        _exit(99);
}

void instance_spawn(struct instance *i, const char *argument)
{
        int out[2], errors;

        CHECK(pipe2(out, O_CLOEXEC) == 0);
        errors = open(i->errors, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
        CHECK(errors >= 0);
        i->pid = fork();
        CHECK(i->pid >= 0);
        if (i->pid == 0) {
                dup2(out[1], STDOUT_FILENO);
                dup2(errors, STDERR_FILENO);
                instance_exec(i, argument);
        }
        close(out[1]);
        close(errors);
        i->out = out[0];
}

static void instance_show_log(const struct instance *i)
{
        char text[4096];
        int fd = open(i->errors, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));

        if (n > 0)
                (void)!write(STDERR_FILENO, text, (size_t)n);
        if (fd >= 0)
                close(fd);
}

void instance_settle(const struct instance *i)
{
        struct census now = {0}, last;

        for (unsigned same = 0, t = 0; same < 20; t++) {
                CHECK(t < WAIT_MS / STEP_MS / 2);
                last = now;
                now = instance_census(i);
                same = !memcmp(&now, &last, sizeof(now)) ? same + 1 : 0;
                if (instance_workers(i, NULL, 0) < IDLE)
                        same = 0;
                pause_ms(2 * STEP_MS);
        }
}

void instance_await_up(struct instance *i)
{
        struct pollfd p;
        char line[256], host[64];
        unsigned port = 0;
        ssize_t n;

        p = (struct pollfd){.fd = i->out, .events = POLLIN};
        CHECK_EQ(poll(&p, 1, WAIT_MS), 1);
        n = read(i->out, line, sizeof(line) - 1);
        if (n <= 0)
                instance_show_log(i);
        CHECK(n > 0);
        line[n] = '\0';
        CHECK_EQ(sscanf(line, "remote CapSet: plain %63s %u\n", host, &port), 2);
        CHECK_STR(host, "127.0.0.1");
        i->port = (uint16_t)port;
        instance_settle(i);
}

void instance_start(struct instance *i)
{
        instance_spawn(i, NULL);
        instance_await_up(i);
}

int instance_wait(struct instance *i)
{
        int status = 0;

        for (unsigned t = 0; waitpid(i->pid, &status, WNOHANG) == 0; t++) {
                CHECK(t < WAIT_MS / STEP_MS);
                pause_ms(STEP_MS);
        }
        i->pid = 0;
        close(i->out);
        i->out = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool instance_logged(const struct instance *i, const char *text)
{
        char log[65536];
        int fd = open(i->errors, O_RDONLY | O_CLOEXEC);
        ssize_t n;

        CHECK(fd >= 0);
        n = read(fd, log, sizeof(log) - 1);
        close(fd);
        CHECK(n >= 0);
        log[n] = '\0';
        return strstr(log, text) != NULL;
}

void instance_await_log(const struct instance *i, const char *text)
{
        for (unsigned t = 0; !instance_logged(i, text); t++) {
                if (t >= WAIT_MS / STEP_MS) {
                        instance_show_log(i);
                        test_fail(__FILE__, __LINE__, "not in the log: %s", text);
                }
                pause_ms(STEP_MS);
        }
}

/* ---- talking to it -------------------------------------------------------------------------- */

static int admin_connect(const struct instance *i)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        CHECK(fd >= 0);
        snprintf(a.sun_path, sizeof(a.sun_path), "%.90s/admin.sock", i->state);
        CHECK(connect(fd, (struct sockaddr *)(void *)&a, sizeof(a)) == 0);
        return fd;
}

void instance_ask_text(const struct instance *i, char what, char *text, size_t size)
{
        int fd = admin_connect(i);
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t n;

        CHECK(write(fd, &what, 1) == 1);
        CHECK_EQ(poll(&p, 1, WAIT_MS), 1);
        n = read(fd, text, size - 1);
        CHECK(n >= 0);
        text[n] = '\0';
        close(fd);
}

unsigned instance_ask(const struct instance *i, char what)
{
        char line[160];

        instance_ask_text(i, what, line, sizeof(line));
        return (unsigned)strtoul(line, NULL, 10);
}

void instance_await_more(const struct instance *i, char what, unsigned n)
{
        for (unsigned t = 0; instance_ask(i, what) < n; t++) {
                CHECK(t < WAIT_MS / STEP_MS);
                pause_ms(STEP_MS);
        }
}

size_t instance_log_bytes(const struct instance *i)
{
        struct stat st;

        CHECK(stat(i->errors, &st) == 0);
        return (size_t)st.st_size;
}

void instance_await(const struct instance *i, char what, unsigned n)
{
        for (unsigned t = 0; instance_ask(i, what) != n; t++) {
                if (t >= WAIT_MS / STEP_MS)
                        instance_show_log(i);
                CHECK(t < WAIT_MS / STEP_MS);
                pause_ms(STEP_MS);
        }
}

bool instance_serves(const struct instance *i, int fd)
{
        struct pollfd p = {.fd = fd, .events = POLLIN};

        for (unsigned t = 0; instance_ask(i, 'w') != 1; t++) {
                CHECK(t < WAIT_MS / STEP_MS);
                if (poll(&p, 1, STEP_MS) == 1)
                        return false;
        }
        return true;
}

int instance_connect(const struct instance *i)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(i->port)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        CHECK(fd >= 0);
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        CHECK(connect(fd, (struct sockaddr *)(void *)&a, sizeof(a)) == 0);
        return fd;
}

void client_await_end(int fd)
{
        struct pollfd p = {.fd = fd, .events = POLLIN};
        char b[256];

        do
                CHECK_EQ(poll(&p, 1, WAIT_MS), 1);
        while (read(fd, b, sizeof(b)) > 0);
}

/* ---- looking at it -------------------------------------------------------------------------- */

static pid_t process_parent(pid_t pid)
{
        char path[64], stat[512], *paren;
        int fd, parent = 0;
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? 0 : read(fd, stat, sizeof(stat) - 1);
        if (fd >= 0)
                close(fd);
        if (n <= 0)
                return 0;
        stat[n] = '\0';
        paren = strrchr(stat, ')');
        return paren && sscanf(paren, ") %*c %d", &parent) == 1 ? parent : 0;
}

/* Calls fn for each child of caposd. */
static void children_each(const struct instance *i, void (*fn)(pid_t pid, void *arg), void *arg)
{
        DIR *d = opendir("/proc");

        CHECK(d != NULL);
        for (struct dirent *e = readdir(d); e; e = readdir(d)) {
                pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);

                if (pid > 0 && process_parent(pid) == i->pid)
                        fn(pid, arg);
        }
        closedir(d);
}

static bool process_is(pid_t pid, const char *name)
{
        char path[64], line[256];
        const char *last;
        int fd;
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? 0 : read(fd, line, sizeof(line) - 1);
        if (fd >= 0)
                close(fd);
        if (n <= 0)
                return false;
        line[n] = '\0';
        last = strrchr(line, '/');
        return !strcmp(last ? last + 1 : line, name);
}

struct search {
        const char *name;
        pid_t found, *pids;
        unsigned n, max;
};

static void search_child(pid_t pid, void *arg)
{
        struct search *s = arg;

        if (getsid(pid) == pid && process_is(pid, s->name))
                s->found = pid;
}

/* A worker is in the session of its zygote. */
static void search_worker(pid_t pid, void *arg)
{
        struct search *s = arg;

        if (getsid(pid) == pid || !process_is(pid, "capos-worker"))
                return;
        if (s->n < s->max)
                s->pids[s->n] = pid;
        s->n++;
}

static void search_any(pid_t pid, void *arg)
{
        (void)pid;
        ((struct search *)arg)->n++;
}

pid_t instance_child(const struct instance *i, const char *name)
{
        struct search s = {.name = name};

        children_each(i, search_child, &s);
        return s.found;
}

unsigned instance_workers(const struct instance *i, pid_t *pids, unsigned max)
{
        struct search s = {.pids = pids, .max = max};

        children_each(i, search_worker, &s);
        return s.n;
}

pid_t instance_await_child(const struct instance *i, const char *name, pid_t old)
{
        for (unsigned t = 0; t < WAIT_MS / STEP_MS; t++) {
                pid_t now = instance_child(i, name);

                if (now && now != old)
                        return now;
                pause_ms(STEP_MS);
        }
        instance_show_log(i);
        test_fail(__FILE__, __LINE__, "no new %s", name);
}

unsigned process_fds(pid_t pid)
{
        char path[64];
        unsigned n = 0;
        DIR *d;

        snprintf(path, sizeof(path), "/proc/%d/fd", pid);
        d = opendir(path);
        for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
                n += e->d_name[0] != '.';
        if (d)
                closedir(d);
        return n;
}

long process_status(pid_t pid, const char *name)
{
        char path[64], line[256];
        long value = -1;
        FILE *f;

        snprintf(path, sizeof(path), "/proc/%d/status", pid);
        f = fopen(path, "re");
        while (f && fgets(line, sizeof(line), f))
                if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
                        value = strtol(line + strlen(name) + 1, NULL, 10);
        if (f)
                fclose(f);
        return value;
}

struct census instance_census(const struct instance *i)
{
        struct search s = {0};
        struct census c;

        children_each(i, search_any, &s);
        c.children = s.n;
        c.fds = process_fds(i->pid);
        c.gateway_fds = process_fds(instance_child(i, "capos-gateway"));
        c.sessiond_fds = process_fds(instance_child(i, "capos-sessiond"));
        return c;
}

void instance_await_census(const struct instance *i, const struct census *c)
{
        struct census now = {0};

        for (unsigned t = 0; t < WAIT_MS / STEP_MS; t++) {
                now = instance_census(i);
                if (!memcmp(&now, c, sizeof(now)))
                        return;
                pause_ms(STEP_MS);
        }
        instance_show_log(i);
        test_fail(__FILE__, __LINE__,
                  "children %u, descriptors %u, gateway %u, sessiond %u; before %u, %u, %u, %u",
                  now.children, now.fds, now.gateway_fds, now.sessiond_fds, c->children, c->fds,
                  c->gateway_fds, c->sessiond_fds);
}
