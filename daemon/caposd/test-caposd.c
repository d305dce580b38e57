/*
 * caposd, gateway and zygote as real processes, with stand-ins for session manager and services:
 * start, end, deaths, and what is left of them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon-sandbox.h"
#include "harness.h"
#include "test-instance.h"

/* ---- start and end -------------------------------------------------------------------------- */

TEST_T(starts_and_ends, 60)
{
        static const int ends[] = {SIGTERM, SIGINT};
        struct instance i;
        struct stat st;
        char path[160];

        instance_init(&i);
        snprintf(path, sizeof(path), "%s/admin.sock", i.state);
        for (unsigned k = 0; k < 2; k++) {
                instance_start(&i);
                CHECK_EQ(instance_census(&i).children, CHILDREN);
                CHECK(stat(i.state, &st) == 0);
                CHECK_EQ(st.st_mode & 0777, 0700);
                CHECK(stat(path, &st) == 0);
                CHECK_EQ(st.st_mode & 0777, 0600);

                CHECK(kill(i.pid, ends[k]) == 0);
                CHECK_EQ(instance_wait(&i), 0);
                CHECK(stat(path, &st) < 0 && errno == ENOENT);
        }
        instance_deinit(&i);
}

/* What fails before anything is started: an exit code and a line, which is all that is to say. */
static void refused(struct instance *i, const char *argument, int code, const char *line)
{
        instance_spawn(i, argument);
        CHECK_EQ(instance_wait(i), code);
        instance_await_log(i, line);
        CHECK(!instance_logged(i, "cannot start"));
}

TEST(a_listener_that_others_reach_is_refused)
{
        struct instance i;

        instance_init(&i);
        i.listen = "plain:0.0.0.0:0";
        refused(&i, NULL, 1, "others can reach this address");
        i.listen = "plain:*:0";
        refused(&i, NULL, 1, "others can reach this address");
        i.listen = "tls:0.0.0.0:0";
        refused(&i, NULL, 1, "others can reach a listener: the manifest must have");
        i.listen = "0.0.0.0:0";
        refused(&i, NULL, 1, "others can reach a listener: the manifest must have");
        i.listen = "*:0";
        refused(&i, NULL, 1, "others can reach a listener: the manifest must have");
        i.listen = "unix:x";
        refused(&i, NULL, 1, "the path must begin with a slash");
        i.listen = "unix-abstract:x";
        refused(&i, NULL, 1, "must be ADDRESS:PORT or unix:PATH");
        i.listen = "127.0.0.1";
        refused(&i, NULL, 1, "must be ADDRESS:PORT or unix:PATH");
        i.listen = "ftp:127.0.0.1:0";
        refused(&i, NULL, 1, "must be ADDRESS:PORT or unix:PATH");
        i.listen = "plain:127.0.0.1:0";
        refused(&i, "--listen=plain:0.0.0.0:0", 1, "others can reach this address");
        instance_deinit(&i);
}

/* Listens on a port, 0: any; the port it is. */
static int port_take(uint16_t *port)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(*port)};
        socklen_t len = sizeof(a);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        CHECK(fd >= 0);
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (bind(fd, (struct sockaddr *)(void *)&a, len) == 0)
                CHECK(listen(fd, 1) == 0);
        CHECK(getsockname(fd, (struct sockaddr *)(void *)&a, &len) == 0);
        *port = ntohs(a.sin_port);
        return fd;
}

/* No other is taken in its place: clients would go on to whoever has it. */
TEST(a_taken_port_is_an_error)
{
        struct instance i;
        uint16_t port = 0;
        char listen[64];
        int fd;

        instance_init(&i);
        fd = port_take(&port);
        snprintf(listen, sizeof(listen), "plain:127.0.0.1:%u", port);
        i.listen = listen;
        refused(&i, NULL, 1, "Address already in use");
        CHECK(instance_logged(&i, "--listen 127.0.0.1:0"));
        close(fd);

        /* The default one likewise. If somebody else has it, so much the better. */
        port = 2327;
        fd = port_take(&port);
        i.listen = "";
        refused(&i, NULL, 1, "--listen 127.0.0.1:2327: Address already in use");
        CHECK(instance_logged(&i, "--listen 127.0.0.1:0"));
        close(fd);
        instance_deinit(&i);
}

static int unix_socket(const char *path, bool listens)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        CHECK(fd >= 0);
        snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
        if (listens) {
                CHECK(bind(fd, (struct sockaddr *)(void *)&a, sizeof(a)) == 0);
                CHECK(listen(fd, 1) == 0);
        } else {
                CHECK(connect(fd, (struct sockaddr *)(void *)&a, sizeof(a)) == 0);
        }
        return fd;
}

TEST_T(a_unix_socket_beside_the_port, 60)
{
        char path[160], option[200];
        struct instance i;
        struct stat st;
        int fd;

        instance_init(&i);
        snprintf(path, sizeof(path), "%s/clients.sock", i.dir);
        snprintf(option, sizeof(option), "--listen=unix:%s", path);
        close(unix_socket(path, true)); /* a stale one */
        instance_spawn(&i, option);
        instance_await_up(&i);
        CHECK(stat(path, &st) == 0 && S_ISSOCK(st.st_mode));
        CHECK_EQ(st.st_mode & 0777, 0666);
        fd = unix_socket(path, false);
        instance_await(&i, 'w', 1);
        instance_ask_text(&i, 'a', option, sizeof(option));
        snprintf(path, sizeof(path), "unix:uid=%u\n", geteuid());
        CHECK_STR(option, path);
        close(fd);
        instance_await(&i, 'w', 0);
        fd = instance_connect(&i);
        instance_await(&i, 'w', 1);
        close(fd);
        snprintf(path, sizeof(path), "%s/clients.sock", i.dir);
        CHECK(kill(i.pid, SIGTERM) == 0);
        CHECK_EQ(instance_wait(&i), 0);
        CHECK(stat(path, &st) < 0 && errno == ENOENT);

        /* One that somebody listens on is his. */
        fd = unix_socket(path, true);
        snprintf(option, sizeof(option), "unix:%s", path);
        i.listen = option;
        refused(&i, NULL, 1, "an instance listens there already");
        CHECK(stat(path, &st) == 0);
        close(fd);
        instance_deinit(&i);
}

/* What is no socket is never removed; the log names it and says what helps. */
TEST_T(what_is_in_a_sockets_place_is_named, 60)
{
        char path[160], folder[80], option[200];
        struct instance i;
        struct stat st;
        uint16_t port = 0;

        instance_init(&i);
        snprintf(path, sizeof(path), "%s/clients.sock", i.dir);
        snprintf(option, sizeof(option), "unix:%s", path);
        i.listen = option;
        CHECK(symlink("nowhere", path) == 0);
        refused(&i, NULL, 1, "clients.sock: a symbolic link is in its place: remove that");
        CHECK(unlink(path) == 0);
        CHECK(close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) == 0);
        refused(&i, NULL, 1, "clients.sock: something that is no socket is in its place");
        CHECK(lstat(path, &st) == 0 && S_ISREG(st.st_mode));

        /* Beside a port it is done without. */
        snprintf(folder, sizeof(folder), "%s/capos", geteuid() ? i.dir : "/run");
        CHECK(setenv("XDG_RUNTIME_DIR", i.dir, 1) == 0);
        close(port_take(&port));
        (void)mkdir(folder, 0755);
        snprintf(path, sizeof(path), "%s/instance-%u.sock", folder, port);
        if (symlink("nowhere", path) < 0)
                test_skip("it needs to write to /run");
        snprintf(option, sizeof(option), "plain:127.0.0.1:%u", port);
        instance_start(&i);
        snprintf(option, sizeof(option), "%s: a symbolic link is in its place", path);
        CHECK(instance_logged(&i, option));
        CHECK(unlink(path) == 0);
        instance_deinit(&i);
}

TEST(a_state_directory_belongs_to_one)
{
        struct instance i, other;

        instance_init(&i);
        instance_init(&other);
        instance_start(&i);
        memcpy(other.state, i.state, sizeof(other.state));
        refused(&other, NULL, 1, "another instance is using it");
        CHECK(instance_child(&i, "capos-gateway") != 0);
        CHECK_EQ(instance_ask(&i, 'e'), 0); /* its admin socket is still there */
        instance_deinit(&i);

        instance_init(&i);
        memcpy(other.state, i.state, sizeof(other.state));
        CHECK(mkdir(i.state, 0755) == 0);
        CHECK(chmod(i.state, 0755) == 0);
        refused(&other, NULL, 1, "others may enter it");
        instance_deinit(&other);
        instance_deinit(&i);
}

TEST(wrong_arguments_are_told)
{
        struct instance i;

        instance_init(&i);
        refused(&i, "--what", 2, "usage: capos-caposd");
        refused(&i, "what", 2, "usage: capos-caposd");
        instance_deinit(&i);
}

static const char WITH_SERVICE[] =
        "(services = [(name = \"x\", program = \"%s\", arguments = [\"%s\"],"
        " interfaceId = 0x9af912bd1eaaead7)])";

TEST_T(a_service_that_cannot_live_ends_the_start, 60)
{
        struct instance i;
        char text[256];

        instance_init(&i);
        snprintf(text, sizeof(text), WITH_SERVICE, "capos-dies", "dies");
        instance_manifest(&i, text);
        refused(&i, NULL, 1, "x ended with exit code 4, for the tenth time: giving up");
        snprintf(text, sizeof(text), WITH_SERVICE, "capos-nowhere", "");
        instance_manifest(&i, text);
        refused(&i, NULL, 1, "services[0].program: there is no program capos-nowhere");
        instance_deinit(&i);
}

TEST_T(a_service_that_says_what_is_not_its_to_say_is_ended, 60)
{
        struct instance i;
        char text[256];

        instance_init(&i);
        snprintf(text, sizeof(text), WITH_SERVICE, "capos-chat", "floods");
        instance_manifest(&i, text);
        refused(&i, NULL, 1, "x was killed by signal 9 (Killed), for the tenth time: giving up");
        CHECK(instance_log_bytes(&i) < 16 * 1024);
        instance_deinit(&i);
}

TEST(a_service_need_not_say_that_it_is_ready)
{
        struct instance i;
        char text[256];

        instance_init(&i);
        snprintf(text, sizeof(text), WITH_SERVICE, "capos-chat", "silent");
        instance_manifest(&i, text);
        instance_start(&i);
        instance_deinit(&i);
}

TEST(sighup_has_the_manifest_count)
{
        struct instance i;
        char text[256];

        instance_init(&i);
        instance_manifest(&i, "()");
        instance_start(&i);
        CHECK(kill(i.pid, SIGHUP) == 0);
        instance_await_log(&i, "counts from now on");
        instance_manifest(&i, "(motto = \"x\")");
        CHECK(kill(i.pid, SIGHUP) == 0);
        instance_await_log(&i, "nothing has changed");
        CHECK(instance_logged(&i, "motto"));

        snprintf(text, sizeof(text), WITH_SERVICE, "capos-dies", "dies");
        instance_manifest(&i, text);
        CHECK(kill(i.pid, SIGHUP) == 0);
        instance_await_log(&i, "services[0].program: cannot be started");
        CHECK(instance_logged(&i, "x ended with exit code 4"));
        instance_deinit(&i);
}

/* ---- connections ---------------------------------------------------------------------------- */

TEST(a_connection_gets_a_worker_and_loses_it)
{
        struct census before;
        struct instance i;
        int fd;

        instance_init(&i);
        instance_start(&i);
        before = instance_census(&i);
        fd = instance_connect(&i);
        instance_await(&i, 'w', 1);
        CHECK_EQ(instance_ask(&i, 'e'), 1);
        close(fd);
        instance_await(&i, 'w', 0);
        instance_await_census(&i, &before);
        instance_deinit(&i);
}

TEST(the_session_manager_has_a_worker_killed)
{
        struct instance i;
        int fd;

        instance_init(&i);
        instance_start(&i);
        fd = instance_connect(&i);
        instance_await(&i, 'w', 1);
        instance_ask(&i, 'k');
        client_await_end(fd);
        instance_await(&i, 'w', 0);
        CHECK(!instance_logged(&i, "was killed"));
        close(fd);
        instance_deinit(&i);
}

TEST(a_proof_gets_a_process)
{
        struct census before;
        struct instance i;

        instance_init(&i);
        instance_start(&i);
        before = instance_census(&i);
        CHECK_EQ(instance_ask(&i, 'p'), 1);
        instance_await_census(&i, &before);
        instance_deinit(&i);
}

TEST(a_zygote_that_makes_no_copy_is_replaced)
{
        struct instance i;
        pid_t prover;

        instance_init(&i);
        instance_start(&i);
        prover = instance_child(&i, "capos-prover");
        CHECK_OK(kill(prover, SIGSTOP));
        CHECK_EQ(instance_ask(&i, 'p'), 1);
        CHECK(instance_await_child(&i, "capos-prover", prover) != prover);
        CHECK(instance_logged(&i, "capos-prover has taken more than 10 seconds"));
        instance_deinit(&i);
}

TEST(the_oldest_without_a_session_makes_room)
{
        struct instance i;
        int fds[4];

        instance_init(&i);
        instance_manifest(&i, "(limits = (unauthenticated = 2, connections = 3))");
        instance_start(&i);
        fds[0] = instance_connect(&i);
        instance_await(&i, 'w', 1);
        instance_ask(&i, 'b'); /* this one has a session; the gateway knows before it is said */
        for (unsigned k = 1; k < 4; k++) {
                fds[k] = instance_connect(&i);
                instance_await(&i, 'e', k + 1);
        }
        client_await_end(fds[1]);
        instance_await(&i, 'w', 3);
        for (unsigned k = 0; k < 4; k++)
                close(fds[k]);
        instance_await(&i, 'w', 0);
        instance_deinit(&i);
}

/* Sessions that have ended, and whose clients stay: they keep nobody out. */
TEST_T(ended_sessions_give_their_places_back, 60)
{
        struct instance i;
        int held[12], fd;

        instance_init(&i);
        instance_manifest(&i, "(limits = (unauthenticated = 3, connections = 3))");
        instance_start(&i);
        for (unsigned k = 0; k < 12; k++) {
                held[k] = instance_connect(&i);
                instance_await(&i, 'e', k + 1);
                instance_await_more(&i, 'w', k < 3 ? k + 1 : 3);
                instance_ask(&i, 'b');
                instance_ask(&i, 'u');
        }
        instance_await(&i, 'w', 3);
        fd = instance_connect(&i);
        instance_await(&i, 'e', 13);
        instance_ask(&i, 'b');
        client_await_end(held[0]);
        instance_await(&i, 'w', 3);
        for (unsigned k = 0; k < 12; k++)
                close(held[k]);
        instance_await(&i, 'w', 1);
        close(fd);
        instance_await(&i, 'w', 0);
        instance_deinit(&i);
}

/* The link between the two breaks, and neither has died. */
TEST_T(a_lost_link_is_made_again, 60)
{
        struct census before;
        struct instance i;
        int fds[3];

        instance_init(&i);
        instance_start(&i);
        before = instance_census(&i);
        for (unsigned k = 0; k < 3; k++) {
                instance_ask(&i, 'l');
                fds[k] = instance_connect(&i);
                instance_await(&i, 'w', k + 1);
        }
        CHECK(instance_logged(&i, "have lost each other"));
        for (unsigned k = 0; k < 3; k++)
                close(fds[k]);
        instance_await(&i, 'w', 0);
        instance_await_census(&i, &before);
        instance_deinit(&i);
}

/* Nobody answers for it: then it waits as long as it may, and no longer. */
TEST_T(whoever_waits_has_a_deadline, 60)
{
        struct instance i;
        pid_t sessiond;
        int fd, gone;
        bool served;

        instance_init(&i);
        instance_manifest(&i, "(limits = (admission = \"1s\"))");
        instance_start(&i);
        sessiond = instance_child(&i, "capos-sessiond");
        CHECK(kill(sessiond, SIGSTOP) == 0);
        gone = instance_connect(&i);
        close(gone);
        fd = instance_connect(&i);
        client_await_end(fd);
        CHECK(kill(sessiond, SIGCONT) == 0);
        close(fd);
        /* It may be late for the first of those that come then, too. */
        do {
                fd = instance_connect(&i);
                served = instance_serves(&i, fd);
                close(fd);
        } while (!served);
        instance_await(&i, 'w', 0);
        instance_deinit(&i);
}

TEST_T(the_zygote_is_replaced_in_time, 120)
{
        struct instance i;
        pid_t zygote;

        instance_init(&i);
        instance_start(&i);
        zygote = instance_child(&i, "capos-worker");
        for (unsigned k = 0; k < 70; k++) {
                int fd = instance_connect(&i);

                instance_await(&i, 'w', 1);
                close(fd);
                instance_await(&i, 'w', 0);
        }
        CHECK(instance_child(&i, "capos-worker") != zygote);
        CHECK_EQ(instance_ask(&i, 'e'), 70);
        instance_deinit(&i);
}

/* ---- confinement ---------------------------------------------------------------------------- */

static bool has_fds(pid_t pid, unsigned fds)
{
        return process_fds(pid) == fds + (daemon_sandbox_reports() ? 1 : 0);
}

/* Once it has begun, that is. */
static void confined(pid_t pid, unsigned fds)
{
        for (unsigned t = 0; process_status(pid, "Seccomp") != 2; t++) {
                CHECK(t < WAIT_MS / 10);
                pause_ms(10);
        }
        CHECK_EQ(process_status(pid, "NoNewPrivs"), 1);
        for (unsigned t = 0; geteuid() == 0 && !has_fds(pid, fds); t++) {
                CHECK(t < WAIT_MS / 10);
                pause_ms(10);
        }
}

TEST(a_worker_has_two_sockets_and_nothing_else)
{
        enum { WORKER_FDS = 4 }; /* two sockets, epoll, timer */
        pid_t before[2], after[3], used = 0;
        struct instance i;
        int fd;

        instance_init(&i);
        instance_start(&i);
        CHECK_EQ(instance_workers(&i, before, 2), 2);
        confined(before[0], 1); /* idle: the hand-off socket */
        confined(before[1], 1);
        CHECK_EQ(process_status(instance_child(&i, "capos-gateway"), "Seccomp"), 2);
        CHECK_EQ(process_status(instance_child(&i, "capos-worker"), "Seccomp"), 2);

        fd = instance_connect(&i);
        instance_await(&i, 'w', 1);
        while (instance_workers(&i, after, 3) != 3)
                pause_ms(10);
        while (!used && geteuid() == 0) {
                for (unsigned k = 0; k < 2; k++)
                        if (has_fds(before[k], WORKER_FDS))
                                used = before[k];
                pause_ms(10);
        }
        if (used)
                confined(used, WORKER_FDS);
        close(fd);
        instance_deinit(&i);
        if (geteuid() != 0)
                test_skip("descriptors of others are root's to see");
}

/* ---- deaths --------------------------------------------------------------------------------- */

/* Kills a process and waits until all is as it was, with another one in its place. */
static void killed(struct instance *i, const char *name)
{
        struct census before;
        pid_t pid = instance_child(i, name);
        int fd;

        instance_settle(i);
        before = instance_census(i);
        CHECK(pid > 0);
        CHECK(kill(pid, SIGKILL) == 0);
        instance_await_child(i, name, pid);
        instance_await_census(i, &before);
        fd = instance_connect(i);
        instance_await(i, 'w', 1);
        close(fd);
        instance_await(i, 'w', 0);
}

TEST_T(whoever_dies_is_started_again, 120)
{
        static const char *const names[] = {"capos-gateway", "capos-worker",      "capos-chat",
                                            "capos-gateway", "capos-system-info", "capos-prover"};
        struct instance i;

        instance_init(&i);
        instance_start(&i);
        for (unsigned k = 0; k < 6; k++)
                killed(&i, names[k]);
        instance_await(&i, 's', 5); /* three at the start, one for each service's death */
        instance_deinit(&i);
}

TEST_T(an_idle_worker_that_dies_is_replaced, 60)
{
        struct census before;
        struct instance i;
        pid_t pids[2], zygote;

        instance_init(&i);
        instance_start(&i);
        before = instance_census(&i);
        zygote = instance_child(&i, "capos-worker");
        CHECK_EQ(instance_workers(&i, pids, 2), 2);
        CHECK(kill(pids[0], SIGKILL) == 0);
        instance_await_child(&i, "capos-worker", zygote); /* a crash: another layout */
        instance_await_census(&i, &before);
        instance_deinit(&i);
}

TEST_T(sessions_outlive_the_gateway, 60)
{
        struct instance i;
        pid_t gateway;
        int first, second;

        instance_init(&i);
        instance_start(&i);
        first = instance_connect(&i);
        instance_await(&i, 'w', 1);
        gateway = instance_child(&i, "capos-gateway");
        CHECK(kill(gateway, SIGKILL) == 0);
        instance_await_child(&i, "capos-gateway", gateway);
        CHECK_EQ(instance_ask(&i, 'w'), 1);
        second = instance_connect(&i);
        instance_await(&i, 'w', 2);
        instance_ask(&i, 'b');
        close(first);
        instance_await(&i, 'w', 1);
        close(second);
        instance_await(&i, 'w', 0);
        instance_deinit(&i);
}

TEST_T(no_session_outlives_the_session_manager, 60)
{
        struct census before;
        struct instance i;
        pid_t sessiond;
        int fd;

        instance_init(&i);
        instance_start(&i);
        before = instance_census(&i);
        fd = instance_connect(&i);
        instance_await(&i, 'w', 1);
        sessiond = instance_child(&i, "capos-sessiond");
        CHECK(kill(sessiond, SIGKILL) == 0);
        client_await_end(fd);
        close(fd);
        instance_await_child(&i, "capos-sessiond", sessiond);
        instance_await_census(&i, &before);
        fd = instance_connect(&i);
        instance_await(&i, 'w', 1);
        close(fd);
        instance_await(&i, 'w', 0);
        instance_deinit(&i);
}

TEST_T(a_connection_waits_for_a_session_manager, 60)
{
        struct instance i;
        pid_t sessiond;
        int fd;

        instance_init(&i);
        instance_start(&i);
        sessiond = instance_child(&i, "capos-sessiond");
        CHECK(kill(sessiond, SIGKILL) == 0);
        fd = instance_connect(&i);
        instance_await_child(&i, "capos-sessiond", sessiond);
        instance_await(&i, 'w', 1);
        close(fd);
        instance_await(&i, 'w', 0);
        instance_deinit(&i);
}

TEST_T(nobody_outlives_caposd, 60)
{
        static const char *const names[] = {"capos-gateway", "capos-worker", "capos-chat",
                                            "capos-sessiond"};
        struct instance i;
        pid_t pids[6];

        instance_init(&i);
        instance_start(&i);
        for (unsigned k = 0; k < 4; k++)
                pids[k] = instance_child(&i, names[k]);
        CHECK_EQ(instance_workers(&i, pids + 4, 2), 2);
        CHECK(kill(i.pid, SIGKILL) == 0);
        CHECK_EQ(instance_wait(&i), -SIGKILL);
        for (unsigned k = 0; k < 6; k++)
                for (unsigned t = 0; process_status(pids[k], "VmSize") >= 0; t++) {
                        CHECK(t < WAIT_MS / 10);
                        pause_ms(10);
                }
        instance_deinit(&i);
}
