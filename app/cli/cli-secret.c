/*
 * Passwords from people. They are read from the terminal itself, not from standard input, so that a
 * pipe does not get in the way, and with the echo off; the terminal is put back also when a signal
 * ends the program. Standard input is read only where it was asked for.
 *
 * A password is never an argument: other users see arguments.
 */
#include "cli.h"
#include "tls-file.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

/* For the signal handler: the terminal, and how it was. */
static struct {
        volatile sig_atomic_t fd;
        struct termios was;
} hidden = {.fd = -1};

void cli_terminal_give_back(void)
{
        if (hidden.fd >= 0)
                (void)tcsetattr(hidden.fd, TCSADRAIN, &hidden.was);
        hidden.fd = -1;
}

static void hidden_on_signal(int signal)
{
        cli_terminal_give_back();
        (void)raise(signal); /* SA_RESETHAND: now it ends us */
}

bool cli_terminal_take(int fd, unsigned local_modes)
{
        static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
        struct sigaction sa = {.sa_handler = hidden_on_signal, .sa_flags = SA_RESETHAND};
        struct termios t;

        if (tcgetattr(fd, &hidden.was) < 0)
                return false;

        hidden.fd = fd;
        for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
                (void)sigaction(signals[i], &sa, NULL);
        t = hidden.was;
        t.c_lflag &= ~(tcflag_t)local_modes;
        return tcsetattr(fd, TCSADRAIN, &t) == 0;
}

/* One line without its end. false: there is none, or it is too long. */
static bool line_read(int fd, char *to, size_t room)
{
        size_t len = 0;
        ssize_t n;

        while (len < room) {
                n = read(fd, to + len, 1);
                if (n < 0 && errno == EAGAIN)
                        (void)poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, -1);
                if (n < 0 && (errno == EINTR || errno == EAGAIN))
                        continue;
                if (n <= 0 && !len)
                        return false;
                if (n <= 0 || to[len] == '\n') {
                        to[len] = 0;
                        if (len && to[len - 1] == '\r')
                                to[len - 1] = 0;
                        return true;
                }
                len++;
        }
        return false;
}

/* Whoever has started us for a line that is kept is told that it was answered by a secret. */
static void secret_tell(void)
{
        const char *fd = secure_getenv(CLI_SECRET_FD);

        if (fd)
                (void)!write((int)strtol(fd, NULL, 10), "", 1);
}

static bool terminal_read(int fd, const char *prompt, char *to, size_t room)
{
        char safe[1200];
        bool ok;

        secret_tell();
        cli_escape(prompt, safe, sizeof(safe));
        (void)cli_terminal_take(fd, ECHO); /* first: who is asked may answer at once */
        (void)dprintf(fd, "%s: ", safe);
        ok = line_read(fd, to, room);
        cli_terminal_give_back();
        (void)dprintf(fd, "\n");
        return ok;
}

static int terminal_compare(const struct cli *c, int fd, const char *first)
{
        char again[1040];
        bool same;

        if (!terminal_read(fd, "The same again", again, sizeof(again)))
                return cli_fail(c, EXIT_FAILED, "failed", "no password was typed");

        same = !strcmp(first, again);
        explicit_bzero(again, sizeof(again));
        if (!same)
                return cli_fail(c, EXIT_FAILED, "failed", "the passwords differ: nothing was done");
        return EXIT_OK;
}

/* The terminal, or -1: there is none, or nobody may be asked. */
static int terminal_open(const struct cli *c)
{
        return c->non_interactive ? -1 : open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
}

bool cli_has_terminal(const struct cli *c)
{
        int fd = terminal_open(c);

        if (fd >= 0)
                (void)close(fd);
        return fd >= 0;
}

bool cli_ask_secret(struct cli *c, const char *prompt, char *to, size_t room)
{
        int fd = terminal_open(c);
        bool ok;

        if (fd < 0)
                return false;
        ok = terminal_read(fd, prompt, to, room);
        (void)close(fd);
        return ok;
}

int cli_read_secret_file(struct cli *c, const char *path, const char *what, char *to, size_t room)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        struct stat st;
        bool ok;

        if (fd < 0 || fstat(fd, &st) < 0) {
                int r = -errno;

                if (fd >= 0)
                        (void)close(fd);
                return cli_fail_code(c, r, path);
        }
        if (S_ISREG(st.st_mode) && (st.st_mode & 077)) {
                (void)close(fd);
                return cli_fail(c, EXIT_FAILED, "failed",
                                "%s: others can read this %s (0%03o): chmod 600 %s", path, what,
                                st.st_mode & 0777, path);
        }
        ok = line_read(fd, to, room);
        (void)close(fd);
        return ok ? EXIT_OK
                  : cli_fail(c, EXIT_FAILED, "failed", "%s: there is no %s in it", path, what);
}

int cli_read_password(struct cli *c, const char *prompt, bool from_stdin, bool twice, char *to,
                      size_t room)
{
        int fd, r = EXIT_OK;

        if (from_stdin) {
                if (!line_read(STDIN_FILENO, to, room))
                        return cli_fail(c, EXIT_FAILED, "failed",
                                        "there is no password on standard input");
                return EXIT_OK;
        }

        fd = terminal_open(c);
        if (fd < 0)
                return cli_fail(c, EXIT_FAILED, "failed",
                                "no terminal to ask for a password: use --password-stdin");

        if (!terminal_read(fd, prompt, to, room))
                r = cli_fail(c, EXIT_FAILED, "failed", "no password was typed");
        if (!r && twice)
                r = terminal_compare(c, fd, to);
        (void)close(fd);
        return r;
}

bool cli_has_password_option(const struct cli *c)
{
        return c->password || c->password_stdin || c->password_file;
}

int cli_take_password(struct cli *c, const char *prompt, bool twice, char *to, size_t room)
{
        return c->password_file ? cli_read_secret_file(c, c->password_file, "password", to, room)
                                : cli_read_password(c, prompt, c->password_stdin, twice, to, room);
}

/* ---- what is left of it in memory ---------------------------------------------------------- */

void cli_protect(void)
{
        struct rlimit none = {0};

        (void)prctl(PR_SET_DUMPABLE, 0);
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)mallopt(M_PERTURB, 0x5a);
        (void)!capos_i_tls_wipe_freed(); /* fails if called again, which is all the same */
}

/*
 * M_PERTURB overwrites what is freed, but not what the allocator's per-thread cache takes back: up
 * to seven pieces of each small size. All of them are taken out here once, and wiped.
 */
static void heap_wipe(void)
{
        enum { PIECES = 8, LARGEST = 1040, STEP = 16 };
        void *p[PIECES];

        for (size_t size = STEP; size <= LARGEST; size += STEP) {
                for (unsigned i = 0; i < PIECES; i++) {
                        p[i] = malloc(size);
                        if (p[i])
                                explicit_bzero(p[i], malloc_usable_size(p[i]));
                }
                for (unsigned i = 0; i < PIECES; i++)
                        free(p[i]);
        }
}

/* Libraries sign, print and parse on the stack, and wipe nothing. What they have used lies below
 * whoever calls this. */
__attribute__((noinline)) static void stack_wipe(void)
{
        uint8_t below[256 * 1024];

        explicit_bzero(below, sizeof(below));
}

void cli_wipe_left(void)
{
        heap_wipe();
        stack_wipe();
}

void cli_buf_deinit(struct capnp_buf *b)
{
        if (b->p)
                explicit_bzero(b->p, b->room);
        capnp_buf_deinit(b);
}
