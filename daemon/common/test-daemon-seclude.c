/*
 * The layers of confinement `full`, each tried from inside: a program that is started with them
 * looks for what it must not find.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon-sandbox.h"
#include "daemon-spawn.h"
#include "harness.h"

enum { USER = 61183, STATE_AT = 5, OUT_AT = 4 };

static void need(unsigned layers)
{
        if ((daemon_layers_probe(USER) & layers) != layers)
                test_skip("this machine does not have it");
}

/* Runs a shell, and compares what it writes to descriptor 4. dir: its state directory, or -1. */
static void says(const struct daemon_seclusion *how, int dir, const char *script,
                 const char *expected)
{
        const char *argv[] = {"sh", "-c", script, NULL};
        struct daemon_spawn s = {.path = "/bin/sh", .argv = argv, .seclusion = *how};
        int pipes[2], pidfd, status = 0;
        char said[512] = "";
        ssize_t more = 1;
        size_t n = 0;
        pid_t pid;

        CHECK(pipe2(pipes, O_CLOEXEC) == 0);
        s.fds[s.nfds].fd = pipes[1];
        s.fds[s.nfds++].at = OUT_AT;
        if (dir >= 0) {
                s.fds[s.nfds].fd = dir;
                s.fds[s.nfds++].at = STATE_AT;
                s.state_fd = STATE_AT;
        }
        CHECK_OK(daemon_spawn(&s, &pid, &pidfd));
        close(pipes[1]);
        for (; more > 0 && n < sizeof(said) - 1; n += (size_t)more) {
                more = read(pipes[0], said + n, sizeof(said) - 1 - n);
                CHECK(more >= 0);
        }
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK_STR(said, expected);
        close(pipes[0]);
        close(pidfd);
}

TEST(a_root_has_nothing_but_what_loads_a_program)
{
        const struct daemon_seclusion how = {.namespaces = true};

        need(LAYER_NAMESPACES);
        says(&how, -1, "cd / && echo $(ls -d * | grep -v -e ^lib -e ^proc) >&4",
             "bin dev etc sbin usr\n");
        if (!daemon_sandbox_reports()) /* reports of a sanitizer need it */
                says(&how, -1, "test -e /proc || echo none >&4", "none\n");
        says(&how, -1,
             "for f in /home /root /sys /tmp /run /var /etc/passwd /dev/mem; do "
             "test -e $f && echo $f >&4; done; echo done >&4",
             "done\n");
        says(&how, -1, "cd /etc && echo * >&4", "ld.so.cache\n");
        says(&how, -1,
             "for f in /x /usr/x /etc/x /dev/x; do (: >$f) 2>/dev/null && echo $f >&4; done;"
             " (: >/etc/ld.so.cache) 2>/dev/null && echo cache >&4; echo done >&4",
             "done\n");
}

TEST(a_state_directory_is_the_only_place_to_write)
{
        const struct daemon_seclusion how = {.namespaces = true};
        char path[] = "/tmp/seclude-XXXXXX", file[64];
        struct stat st;
        int dir;

        need(LAYER_NAMESPACES);
        CHECK(mkdtemp(path));
        dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(dir >= 0);
        says(&how, dir, "cd /state && echo kept >file && cat file >&4 && pwd >&4",
             "kept\n/state\n");
        snprintf(file, sizeof(file), "%s/file", path);
        CHECK(stat(file, &st) == 0);
        CHECK_EQ(st.st_size, 5);
        CHECK(unlink(file) == 0 && rmdir(path) == 0);
        close(dir);
}

/* A listener of ours on 127.0.0.1. */
static int listener(struct sockaddr_in *ret_a)
{
        socklen_t n = sizeof(*ret_a);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        *ret_a = (struct sockaddr_in){.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        CHECK(fd >= 0 && bind(fd, (struct sockaddr *)ret_a, sizeof(*ret_a)) == 0);
        CHECK(listen(fd, 1) == 0 && getsockname(fd, (struct sockaddr *)ret_a, &n) == 0);
        return fd;
}

/* In a child: 0 when it is connected, else errno. */
static int secluded_connect(const struct daemon_seclusion *how, const struct sockaddr_in *a)
{
        int status = 0, fd, r;
        pid_t pid = fork();

        CHECK(pid >= 0);
        if (!pid) {
                r = -daemon_seclude(how, "/usr/bin/true", -1);
                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                if (!r && connect(fd, (const struct sockaddr *)a, sizeof(*a)) < 0)
                        r = errno;
                _exit(r);
        }
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK(WIFEXITED(status));
        return WEXITSTATUS(status);
}

/* It names nobody else's, and what it leaves behind ends with it, wherever that has gone: else this
 * would wait for the end of what is said. */
TEST(a_program_may_have_processes_of_its_own)
{
        const struct daemon_seclusion how = {.namespaces = true, .processes = true};
        char script[160];

        need(LAYER_NAMESPACES);
        (void)snprintf(script, sizeof(script),
                       "echo $$ >&4; kill -0 %d 2>/dev/null && echo test >&4; "
                       "setsid sleep 1000 & kill -0 $! && echo one >&4",
                       (int)getpid());
        says(&how, -1, script, "1\none\n");
}

TEST(there_is_no_network)
{
        const struct daemon_seclusion how = {.namespaces = true}, none = {0};
        struct sockaddr_in a;
        int fd = listener(&a);

        need(LAYER_NAMESPACES);
        CHECK_EQ(secluded_connect(&none, &a), 0);
        CHECK_EQ(secluded_connect(&how, &a), ENETUNREACH);
        close(fd);
}

TEST(who_has_to_see_users_sees_them)
{
        const struct daemon_seclusion how = {.namespaces = true, .sees_users = true};
        struct stat st;
        char expected[64];

        need(LAYER_NAMESPACES);
        CHECK(stat("/usr/bin", &st) == 0);
        snprintf(expected, sizeof(expected), "%u\n", st.st_uid);
        says(&how, -1, "stat -c %u /usr/bin >&4", expected);
}

TEST(a_process_of_the_superuser_becomes_a_user_of_its_own)
{
        const struct daemon_seclusion how = {.namespaces = true, .user = USER};
        char path[] = "/tmp/seclude-XXXXXX", file[64], expected[64];
        struct stat st;
        int dir;

        if (geteuid() != 0)
                test_skip("needs root");
        need(LAYER_NAMESPACES | LAYER_USERS);
        CHECK(mkdtemp(path));
        dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(dir >= 0);
        CHECK(fchown(dir, USER, USER) == 0);
        snprintf(expected, sizeof(expected), "%u %u %u\n", USER, USER, USER);
        says(&how, dir, "echo $(id -u) $(id -g) $(id -G) >&4; : >/state/file", expected);
        snprintf(file, sizeof(file), "%s/file", path);
        CHECK(stat(file, &st) == 0);
        CHECK_EQ(st.st_uid, USER);
        CHECK(unlink(file) == 0 && rmdir(path) == 0);
        close(dir);
}

static void run(const struct daemon_spawn *s)
{
        int pidfd, status = 1;
        pid_t pid;

        CHECK_OK(daemon_spawn(s, &pid, &pidfd));
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK_EQ(status, 0);
        close(pidfd);
}

TEST(a_program_elsewhere_is_found)
{
        char path[] = "/tmp/seclude-XXXXXX", program[64];
        const char *copy[] = {"cp", "/usr/bin/true", program, NULL}, *argv[] = {"true", NULL};
        const struct daemon_spawn cp = {.path = "/usr/bin/cp", .argv = copy};
        struct daemon_spawn s = {.path = program, .argv = argv, .seclusion.namespaces = true};

        need(LAYER_NAMESPACES);
        CHECK(mkdtemp(path));
        snprintf(program, sizeof(program), "%s/true", path);
        run(&cp);
        run(&s);
        CHECK(unlink(program) == 0 && rmdir(path) == 0);
}
