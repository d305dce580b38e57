/*
 * --via ssh: instead of a connection of our own, the user's ssh is started with the protocol on its
 * standard input and output. At the other end `capos pipe` (cmd-pipe.c) joins them to the Unix
 * socket of the instance there. Who the machine is, who the user is, jump hosts, second factors:
 * all that is ssh's, with its own configuration and its own questions on the terminal.
 *
 * ssh outlives this command together with the agent that the login leaves behind: the agent has the
 * other end of its standard input, and when that ends, so does ssh. Three things follow.
 *
 * It must not die of the terminal's signals, so the terminal's are ignored in it from the start; if
 * they end this command before it has logged in, it ends ssh first. Without a terminal it gets a
 * session of its own, and may ask nothing (BatchMode).
 *
 * It must keep nothing of our caller's, a pipe least of all, for he waits until it is closed. So
 * its standard error is a pipe to us, and we show what comes, made harmless: the other machine can
 * write there, too.
 *
 * And one ssh serves all attempts to log in, as long as the instance keeps the connection: each new
 * one might have to ask for a password of its own.
 *
 * $CAPOS_SSH is the command in place of `ssh`, cut at spaces; most is better said in ssh's own
 * configuration.
 */
#include "via.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SSH_WORDS = 32, COMMAND = 512, HEAR_MS = 2000 };

static const char SSH[] = "ssh", LOCALHOST[] = "localhost:";

/* ---- where ssh goes to, and what it starts there ------------------------------------------ */

struct route {
        char host[CAPOS_ADDRESS_WHERE]; /* [USER@]HOST */
        char command[COMMAND];          /* for the shell there */
};

/* A word of a shell. false: it does not fit. */
static bool shell_quote(const char *word, char *to, size_t room)
{
        size_t len = 0;

        to[len++] = '\'';
        for (; *word; word++) {
                if (len + 6 > room)
                        return false;
                if (*word == '\'') {
                        memcpy(to + len, "'\\''", 4);
                        len += 4;
                } else {
                        to[len++] = *word;
                }
        }
        to[len++] = '\'';
        to[len] = 0;
        return true;
}

/* What is wrong, or NULL. */
static const char *route_read(const struct cli *c, const struct greet_place *p, struct route *ret)
{
        const char *host = c->via + sizeof(SSH) - 1, *port = strrchr(p->at.where, ':');
        bool is_unix = p->at.transport == CAPOS_TRANSPORT_UNIX;
        char there[CAPOS_ADDRESS_WHERE + 16], quoted[COMMAND - 16];

        if (strncmp(c->via, SSH, sizeof(SSH) - 1) != 0 || (*host && *host != ':') ||
            !strcmp(host, ":"))
                return "it is ssh, or ssh:[USER@]HOST";
        if (p->at.named && !is_unix)
                return "what ssh leads to is a Unix socket: HOST:PORT without a word in front";
        if (is_unix && !*host)
                return "on which machine? --via ssh:[USER@]HOST";
        if (*host && !is_unix && strncmp(p->at.where, LOCALHOST, sizeof(LOCALHOST) - 1) != 0)
                return "behind ssh:HOST the address is one there: localhost:PORT, or unix:PATH";

        if (*host)
                (void)snprintf(ret->host, sizeof(ret->host), "%s", host + 1);
        else
                (void)snprintf(ret->host, sizeof(ret->host), "%.*s", (int)(port - p->at.where),
                               p->at.where);
        (void)snprintf(there, sizeof(there), "%s%s", is_unix ? "" : "localhost",
                       is_unix ? p->at.where : port);
        if (!shell_quote(there, quoted, sizeof(quoted)))
                return "the path is too long";

        (void)snprintf(ret->command, sizeof(ret->command), "capos pipe %s", quoted);
        return NULL;
}

int via_check(const struct cli *c, const struct greet_place *p)
{
        struct route route;
        const char *why = c->via ? route_read(c, p, &route) : NULL;

        if (!why)
                return EXIT_OK;
        return cli_fail(c, EXIT_USAGE, "usage", "--via %s, %s: %s", c->via, p->text, why);
}

/* ---- the process -------------------------------------------------------------------------- */

static volatile sig_atomic_t ssh_to_end; /* for the signal handler; 0: none */

static void via_on_signal(int signal)
{
        if (ssh_to_end)
                (void)kill((pid_t)ssh_to_end, SIGTERM);
        (void)raise(signal); /* SA_RESETHAND: now it ends us */
}

/* In the child: becomes ssh. */
static void ssh_exec(const struct route *route, bool terminal, int socket, int errors)
{
        static const int signals[] = {SIGINT, SIGQUIT, SIGHUP};
        const char *own = secure_getenv("CAPOS_SSH"), *argv[SSH_WORDS + 10];
        struct sigaction ignore = {.sa_handler = SIG_IGN};
        char words[1024], *at = words, *word;
        int n = 0;

        for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
                (void)sigaction(signals[i], &ignore, NULL);
        if (!terminal)
                (void)setsid();
        (void)snprintf(words, sizeof(words), "%s", own && *own ? own : SSH);
        while (n < SSH_WORDS && (word = strsep(&at, " ")))
                if (*word)
                        argv[n++] = word;
        argv[n++] = "-T";
        argv[n++] = "-oClearAllForwardings=yes";
        argv[n++] = terminal ? "-oBatchMode=no" : "-oBatchMode=yes";
        argv[n++] = "--";
        argv[n++] = route->host;
        argv[n++] = route->command;
        argv[n] = NULL;
        if (dup2(socket, STDIN_FILENO) < 0 || dup2(socket, STDOUT_FILENO) < 0 ||
            dup2(errors, STDERR_FILENO) < 0)
                _exit(127);
        (void)close_range(STDERR_FILENO + 1, ~0u, 0);
        (void)execvp(argv[0], (char **)(uintptr_t)argv);
        (void)dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
        _exit(127);
}

/* 0: *ret_socket is the other end of its standard input and output; -errno. */
static int ssh_start(struct cli *c, const struct route *route, int *ret_socket)
{
        static const int signals[] = {SIGINT, SIGQUIT, SIGHUP, SIGTERM};
        struct sigaction sa = {.sa_handler = via_on_signal, .sa_flags = SA_RESETHAND};
        bool terminal = cli_has_terminal(c);
        int pair[2], errors[2];
        pid_t pid;

        if (pipe2(errors, O_CLOEXEC) < 0)
                return -errno;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
                (void)close(errors[0]);
                (void)close(errors[1]);
                return -errno;
        }
        pid = fork();
        if (!pid)
                ssh_exec(route, terminal, pair[1], errors[1]);
        (void)close(pair[1]);
        (void)close(errors[1]);
        if (pid < 0) {
                (void)close(pair[0]);
                (void)close(errors[0]);
                return -EAGAIN;
        }
        c->ssh = pid;
        c->ssh_errors = errors[0];
        (void)fcntl(errors[0], F_SETFL, O_NONBLOCK);
        ssh_to_end = pid;
        for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
                (void)sigaction(signals[i], &sa, NULL);
        *ret_socket = pair[0];
        return 0;
}

/* ---- its words ---------------------------------------------------------------------------- */

static void words_print(char *text)
{
        char safe[4 * COMMAND];

        for (char *line; (line = strsep(&text, "\n"));) {
                line[strcspn(line, "\r")] = 0;
                cli_escape(line, safe, sizeof(safe));
                if (*safe)
                        (void)fprintf(stderr, "%s\n", safe);
        }
}

/* false: there will be no more. */
static bool via_hear(struct cli *c)
{
        char text[COMMAND];
        ssize_t n;

        while ((n = read(c->ssh_errors, text, sizeof(text) - 1)) > 0) {
                text[n] = 0;
                words_print(text);
        }
        return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static void via_on_words(void *arg, uint32_t events)
{
        struct cli *c = arg;

        (void)events;
        if (!via_hear(c))
                via_leave(c);
}

void via_leave(struct cli *c)
{
        c->ssh_watch = capnp_watch_free(c->ssh_watch);
        if (c->ssh && c->ssh_errors >= 0)
                (void)close(c->ssh_errors);
        c->ssh_errors = -1;
}

void via_hear_out(struct cli *c)
{
        struct pollfd p = {.fd = c->ssh_errors, .events = POLLIN};

        while (c->ssh && c->ssh_errors >= 0) {
                if (poll(&p, 1, HEAR_MS) <= 0)
                        return;
                if (!via_hear(c))
                        via_leave(c);
        }
}

void via_end(struct cli *c)
{
        via_leave(c);
        ssh_to_end = 0;
        if (c->ssh)
                (void)kill(c->ssh, SIGTERM);
        c->ssh = 0;
}

int via_connect(struct cli *c, const struct greet_place *p)
{
        struct route route;
        int socket = -1, r;

        if (route_read(c, p, &route))
                return -EINVAL;

        via_end(c);
        r = ssh_start(c, &route, &socket);
        if (r)
                return r;

        r = capos_client_new_of_socket(c->vat, socket, "unix", NULL, &c->client);
        if (!r)
                r = capnp_watch_new(c->vat, c->ssh_errors, EPOLLIN, via_on_words, c, &c->ssh_watch);
        return r;
}
