/*
 * It is forked before the toolkit has begun, holds nothing but its end of a socket, and does four
 * things for whoever has the other. What it starts has a process group of its own, so that Ctrl-C
 * in a terminal is the window's alone: its session then hears that the window is gone, and ends
 * as well. It ends with the window.
 *
 * The one child that it may have to end, a front, it does not wait for before that: so a process id
 * that it sends a signal to is never another's.
 */
#include "helper.h"

#include "io-packet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXT = 4096, ARGUMENTS = 160, FIRST_FD = 3, FDS = 2 };

enum helper_what { HELPER_SESSION, HELPER_BROWSER, HELPER_BROWSER_END, HELPER_LINK };

/* Each comes with two descriptors, as a packet has to say how many it has. */
struct helper_ask {
        uint32_t what;
        char text[TEXT];
};

struct helper {
        const struct helper_options *o;
        int fd;
        pid_t front; /* 0: none */
};

/* The program beside this one. */
static void beside(const char *name, char *to, size_t room)
{
        ssize_t n = readlink("/proc/self/exe", to, room - 1);
        char *slash;

        to[n > 0 ? n : 0] = 0;
        slash = strrchr(to, '/');
        (void)snprintf(slash ? slash + 1 : to, room - (size_t)(slash ? slash + 1 - to : 0), "%s",
                       name);
}

/* In the child: its descriptors are the first that are no standard ones; nothing else is open. */
static void child_become(const char *path, char *const *argv, const int *fds, unsigned n)
{
        int null = open("/dev/null", O_RDWR | O_CLOEXEC), high[FDS];

        (void)dup2(null, STDIN_FILENO);
        (void)dup2(null, STDOUT_FILENO);
        for (unsigned i = 0; i < n; i++) /* out of the way of where they go */
                high[i] = fcntl(fds[i], F_DUPFD, FIRST_FD + FDS);
        for (unsigned i = 0; i < n; i++)
                (void)dup2(high[i], FIRST_FD + (int)i);
        (void)close_range(FIRST_FD + n, ~0U, 0);
        (void)setsid();
        (void)execvp(path, argv);
        (void)fprintf(stderr, "capos: %s: %s\n", path, strerror(errno));
        _exit(127);
}

static pid_t child_start(const char *path, const char *const *argv, const int *fds, unsigned n)
{
        pid_t pid = fork();

        if (!pid)
                child_become(path, (char *const *)(uintptr_t)argv, fds, n);
        return pid;
}

static void session_start(const struct helper *h, const int fds[FDS])
{
        const char *argv[ARGUMENTS] = {"capos-web", "--sockets", "3", "--starts", "4"};
        unsigned n = 5;
        char path[TEXT];

        for (unsigned i = 0; h->o->session[i] && n < ARGUMENTS - 1; i++)
                argv[n++] = h->o->session[i];
        beside(argv[0], path, sizeof(path));
        (void)child_start(path, argv, fds, FDS);
}

static void front_end(struct helper *h)
{
        if (!h->front)
                return;
        (void)kill(h->front, SIGTERM);
        (void)waitpid(h->front, NULL, 0);
        h->front = 0;
}

static void front_start(struct helper *h, const int fds[FDS])
{
        const char *argv[] = {"capos-web", "--starter",  "3",
                              "--opener",  h->o->opener, h->o->port ? "--port" : NULL,
                              h->o->port,  NULL};
        char path[TEXT];
        pid_t pid;

        front_end(h);
        if (!h->o->opener)
                return;
        beside(argv[0], path, sizeof(path));
        pid = child_start(path, argv, fds, FDS);
        h->front = pid > 0 ? pid : 0;
}

static void link_start(const struct helper *h, const char *url)
{
        const char *argv[] = {h->o->opener, url, NULL};

        if (h->o->opener)
                (void)child_start(h->o->opener, argv, NULL, 0);
}

/* What has ended but the front, which may have. */
static void children_wait(const struct helper *h)
{
        siginfo_t who = {.si_pid = 0};

        while (!waitid(P_ALL, 0, &who, WEXITED | WNOHANG | WNOWAIT) && who.si_pid &&
               who.si_pid != h->front) {
                (void)waitpid(who.si_pid, NULL, 0);
                who.si_pid = 0;
        }
}

static void helper_do(struct helper *h, struct helper_ask *a, const int fds[FDS])
{
        a->text[sizeof(a->text) - 1] = 0;
        if (a->what == HELPER_SESSION)
                session_start(h, fds);
        else if (a->what == HELPER_BROWSER)
                front_start(h, fds);
        else if (a->what == HELPER_BROWSER_END)
                front_end(h);
        else if (a->what == HELPER_LINK)
                link_start(h, a->text);
}

static void helper_run(struct helper *h)
{
        struct pollfd p = {.fd = h->fd, .events = POLLIN};
        struct helper_ask a;
        int fds[FDS], r;

        for (;;) {
                children_wait(h);
                if (poll(&p, 1, -1) < 0 && errno != EINTR)
                        break;
                r = capos_io_packet_recv(h->fd, &a, sizeof(a), fds, FDS);
                if (r == CAPOS_IO_E_AGAIN)
                        continue;
                if (r)
                        break;
                helper_do(h, &a, fds);
                (void)close(fds[0]);
                (void)close(fds[1]);
        }
        front_end(h);
}

int helper_new(const struct helper_options *o, int *ret_fd)
{
        int fds[2], r = capos_io_packet_pair(fds);
        struct sigaction ignored = {.sa_handler = SIG_IGN};
        struct helper h = {.o = o};
        pid_t pid;

        if (r)
                return r;
        pid = fork();
        if (pid < 0) {
                r = -errno;
                (void)close(fds[0]);
                (void)close(fds[1]);
                return r;
        }
        if (!pid) {
                (void)close(fds[0]);
                (void)sigaction(SIGINT, &ignored, NULL); /* the window ends, and this with it */
                h.fd = fds[1];
                helper_run(&h);
                _exit(0);
        }
        (void)close(fds[1]);
        *ret_fd = fds[0];
        return 0;
}

/* ---- what the window says ------------------------------------------------------------------- */

static int helper_say(int fd, enum helper_what what, const char *text, int first, int second)
{
        struct helper_ask a = {.what = what};
        size_t n = strlen(text);

        if (n >= sizeof(a.text))
                return -ENAMETOOLONG;
        memcpy(a.text, text, n);
        return capos_io_packet_send(fd, &a, sizeof(a), (int[]){first, second}, FDS) ? -EIO : 0;
}

int helper_session(int fd, int sockets, int starts)
{
        int r = helper_say(fd, HELPER_SESSION, "", sockets, starts);

        (void)close(sockets);
        (void)close(starts);
        return r;
}

int helper_browser(int fd, int starts, int life)
{
        return helper_say(fd, HELPER_BROWSER, "", starts, life);
}

void helper_browser_end(int fd)
{
        (void)!helper_say(fd, HELPER_BROWSER_END, "", fd, fd);
}

int helper_link(int fd, const char *url)
{
        return helper_say(fd, HELPER_LINK, url, fd, fd);
}
