/*
 * `capos up --demo`: an instance with all there is to play with (R58), and `capos web` beside it.
 *
 * This process stays: it starts capos-caposd with a manifest of its own (demo.manifest), waits for
 * the line that says where that listens, says what to type, and starts capos-web, which prints its
 * address itself and gives another for Enter. Whatever ends one of the two ends both. Should this
 * process be killed, the kernel ends them.
 *
 * Guests come in without a proof (R15), so it is for this machine: there is one listener, at a
 * loopback address. What is begun is taken away: the state is in a folder that goes with us unless
 * --state names one, nothing is written into the known instances, and where nobody has said where
 * sessions are kept (XDG_RUNTIME_DIR), they are kept in that folder. CAPOS_STATE is somebody's
 * instance, and no business of ours.
 */
#include "demo.h"

#include "become.h"
#include "greet.h"
#include "runtime.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
        const char *folder, *name, *text;
} MANIFEST[] = {
#include "demo-manifest.inc"
};

static const char ENDPOINT[] = "remote CapSet: tls ", NAME[] = "demo.manifest";

/* What the manifest names, and what we start ourselves. */
static const char *const PROGRAMS[] = {"capos-caposd",     "capos-web",      "capos-system-info",
                                       "capos-guide",      "capos-chat",     "capos-paperclips",
                                       "capos-adventure",  "capos-settings", "capos-kv",
                                       "capos-diagnostics"};

enum { FOLDER = 256, ROW = 512, REMOVALS = 16 };

struct demo {
        struct cli *c;
        char folder[FOLDER];          /* goes when we do; "": it is not there yet */
        char state[PATH_MAX];         /* the instance's, in that folder or not */
        char manifest[PATH_MAX + 20]; /* in the latter */
        char runtime[FOLDER + 8];     /* where sessions are kept, if it is for us to say; "" */
        pid_t instance, web;          /* 0: it has ended, or not begun */
        int signals, heard;           /* what the instance prints; -1: no more */
        sigset_t before;
        char line[ROW];
        size_t len;
        unsigned port;     /* of the instance; 0: it is not ready */
        char address[ROW]; /* all of it, with its key */
        bool over;         /* somebody has ended it */
};

/* ---- what was asked for --------------------------------------------------------------------- */

static int demo_check(const struct cli *c)
{
        struct capos_address a;
        const char *why;

        if (c->manifest)
                return cli_fail(c, EXIT_USAGE, "usage",
                                "--demo has a manifest of its own: without "
                                "--manifest, or without --demo");
        if (!c->nlistens)
                return EXIT_OK;
        if (capos_address_parse(c->listen, CAPOS_ADDRESS_LISTEN, &a, &why))
                return cli_fail(c, EXIT_USAGE, "usage", "--listen %s: %s", c->listen, why);
        if (c->nlistens > 1 || a.transport != CAPOS_TRANSPORT_TLS || !greet_is_here(&a))
                return cli_fail(c, EXIT_USAGE, "usage",
                                "--listen %s: anybody may play, so a demo is for this machine "
                                "alone: --listen 127.0.0.1:PORT, once",
                                c->listen);
        return EXIT_OK;
}

static int demo_find_programs(const struct cli *c)
{
        char path[PATH_MAX];

        for (unsigned i = 0; i < sizeof(PROGRAMS) / sizeof(PROGRAMS[0]); i++)
                if (!become_find(PROGRAMS[i], path, sizeof(path)))
                        return cli_fail(c, EXIT_FAILED, "not-installed",
                                        "%s is not there, neither beside this program nor where it "
                                        "is installed: a demo has all of them",
                                        PROGRAMS[i]);
        return EXIT_OK;
}

/* ---- folders -------------------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
        (void)st;
        (void)kind;
        (void)at;
        (void)remove(path);
        return 0;
}

/* More than once: the agents of logins notice the end as we do, and leave a note beside their
 * sockets. When the folder has gone they cannot. */
static void folder_remove(const char *path)
{
        for (unsigned i = 0; i < REMOVALS && access(path, F_OK) == 0; i++)
                (void)nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Whether a folder is an earlier demo's, or has nothing in it. */
static bool folder_may_be_used(const struct demo *d)
{
        struct dirent *e;
        bool empty = true;
        DIR *f;

        if (access(d->manifest, F_OK) == 0)
                return true;
        f = opendir(d->state);
        while (f && empty && (e = readdir(f)))
                empty = !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..");
        if (f)
                (void)closedir(f);
        return f && empty;
}

static int demo_make_state(struct demo *d)
{
        const char *own = d->c->state;
        int n, r;

        n = own ? snprintf(d->state, sizeof(d->state), "%s", own)
                : snprintf(d->state, sizeof(d->state), "%s/state", d->folder);
        r = n > 0 && (size_t)n < sizeof(d->state) ? runtime_make_folders(d->state) : -ENAMETOOLONG;
        if (r)
                return cli_fail_code(d->c, r, d->state);
        (void)snprintf(d->manifest, sizeof(d->manifest), "%s/%s", d->state, NAME);
        if (!folder_may_be_used(d))
                return cli_fail(d->c, EXIT_FAILED, "not-a-demo",
                                "%s: there is something in it that is no demo's: give a folder "
                                "that is new or empty, or that of an earlier demo",
                                d->state);
        return EXIT_OK;
}

static int demo_write_manifest(const struct demo *d)
{
        int fd = open(d->manifest, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
        size_t len = strlen(MANIFEST[0].text);
        bool whole;

        if (fd < 0)
                return cli_fail_code(d->c, -errno, d->manifest);
        whole = write(fd, MANIFEST[0].text, len) == (ssize_t)len;
        if (close(fd) || !whole)
                return cli_fail_code(d->c, whole ? -errno : -ENOSPC, d->manifest);
        return EXIT_OK;
}

static int demo_make_folders(struct demo *d)
{
        const char *runtime = secure_getenv("XDG_RUNTIME_DIR"), *tmp = secure_getenv("TMPDIR");
        char path[FOLDER];
        int n;

        n = snprintf(path, sizeof(path), "%s/capos-demo-XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp");
        if ((size_t)n >= sizeof(path))
                return cli_fail_code(d->c, -ENAMETOOLONG, tmp);
        if (!mkdtemp(path))
                return cli_fail_code(d->c, -errno, path);
        memcpy(d->folder, path, sizeof(path));
        if (!runtime || *runtime != '/') {
                (void)snprintf(d->runtime, sizeof(d->runtime), "%s/run", d->folder);
                if (mkdir(d->runtime, 0700) < 0 || setenv("XDG_RUNTIME_DIR", d->runtime, 1) < 0)
                        return cli_fail_code(d->c, -errno, d->runtime);
        }
        return demo_make_state(d);
}

/* ---- processes ------------------------------------------------------------------------------ */

static int demo_open_signals(struct demo *d)
{
        sigset_t all;

        (void)sigemptyset(&all);
        (void)sigaddset(&all, SIGINT);
        (void)sigaddset(&all, SIGTERM);
        (void)sigaddset(&all, SIGHUP);
        (void)sigaddset(&all, SIGCHLD);
        if (sigprocmask(SIG_BLOCK, &all, &d->before))
                return cli_fail_code(d->c, -errno, "sigprocmask");
        d->signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
        return d->signals < 0 ? cli_fail_code(d->c, -errno, "signalfd") : EXIT_OK;
}

/* Starts a program, which gets `out` as its standard output; -1: ours. An exit code. */
static int demo_start(const struct demo *d, const char *const *argv, int out, pid_t *ret_pid)
{
        pid_t us = getpid(), pid;
        char path[PATH_MAX];

        if (!become_find(argv[0], path, sizeof(path)))
                return cli_fail_code(d->c, -ENOENT, argv[0]);
        pid = fork();
        if (pid < 0)
                return cli_fail_code(d->c, -errno, argv[0]);
        if (pid) {
                *ret_pid = pid;
                return EXIT_OK;
        }
        (void)sigprocmask(SIG_SETMASK, &d->before, NULL);
        if (!prctl(PR_SET_PDEATHSIG, SIGTERM) && getppid() == us &&
            (out < 0 || dup2(out, STDOUT_FILENO) >= 0))
                (void)execv(path, (char **)(uintptr_t)argv);
        (void)dprintf(STDERR_FILENO, "capos: %s: %s\n", path, strerror(errno));
        _exit(EXIT_FAILED);
}

static int demo_start_instance(struct demo *d)
{
        const char *listen = d->c->listen ? d->c->listen : "127.0.0.1:2327";
        const char *argv[] = {"capos-caposd", "--state",    d->state,    "--listen",
                              listen,         "--manifest", d->manifest, NULL};
        int ends[2], r;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return cli_fail_code(d->c, -errno, argv[0]);
        r = demo_start(d, argv, ends[1], &d->instance);
        (void)close(ends[1]);
        d->heard = ends[0];
        return r;
}

static int demo_start_web(struct demo *d)
{
        char instance[ROW + 8];
        const char *argv[] = {"capos-web", "--port", "0", "--instance", instance, NULL};

        (void)snprintf(instance, sizeof(instance), "demo=%s", d->address);
        return demo_start(d, argv, -1, &d->web);
}

/* Asks a process to end, and waits until it has. */
static void process_end(pid_t pid)
{
        if (!pid)
                return;
        (void)kill(pid, SIGTERM);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                continue;
}

/* Whether a process has ended by itself. */
static bool process_has_ended(pid_t *pid)
{
        bool ended = *pid && waitpid(*pid, NULL, WNOHANG) == *pid;

        if (ended)
                *pid = 0;
        return ended;
}

/* ---- what happens --------------------------------------------------------------------------- */

/* Why it has ended, it has said itself. */
static int demo_look(struct demo *d)
{
        if (process_has_ended(&d->instance))
                return cli_fail(d->c, EXIT_FAILED, "ended",
                                d->port ? "the instance has ended" : "the demo does not start");
        if (process_has_ended(&d->web))
                return cli_fail(d->c, EXIT_FAILED, "ended", "the bridge to a browser has ended");
        return EXIT_OK;
}

/* Somebody who ends it ends our children as well, from a terminal: that counts first. */
static int demo_on_signal(struct demo *d)
{
        struct signalfd_siginfo s;
        bool child = false;

        while (read(d->signals, &s, sizeof(s)) == sizeof(s)) {
                child = child || s.ssi_signo == SIGCHLD;
                d->over = d->over || s.ssi_signo != SIGCHLD;
        }
        return child && !d->over ? demo_look(d) : EXIT_OK;
}

/* `127.0.0.1 2327 sha256:…`; the bridge knows the instance by that key. */
static void demo_read_endpoint(struct demo *d, const char *at)
{
        char host[64], key[CAPOS_FINGERPRINT + 1];
        bool bare;

        if (sscanf(at, "%63s %u %51s", host, &d->port, key) != 3)
                return;
        bare = !strchr(host, ':');
        (void)snprintf(d->address, sizeof(d->address), "capos://%s%s%s:%u/#%s", bare ? "" : "[",
                       host, bare ? "" : "]", d->port, key);
}

static void demo_on_words(struct demo *d)
{
        ssize_t n = read(d->heard, d->line + d->len, sizeof(d->line) - 1 - d->len);
        const char *at;

        if (n > 0) {
                d->len += (size_t)n;
                d->line[d->len] = 0;
                at = strstr(d->line, ENDPOINT);
                if (!at || !strchr(at, '\n'))
                        return;
                demo_read_endpoint(d, at + strlen(ENDPOINT));
        }
        (void)close(d->heard); /* at its end: the instance has, too, which is told by a signal */
        d->heard = -1;
}

static int demo_wait(struct demo *d)
{
        struct pollfd p[2] = {{.fd = d->signals, .events = POLLIN},
                              {.fd = d->heard, .events = POLLIN}};

        if (poll(p, 2, -1) < 0)
                return errno == EINTR ? EXIT_OK : cli_fail_code(d->c, -errno, "poll");
        if (p[1].revents)
                demo_on_words(d);
        return p[0].revents ? demo_on_signal(d) : EXIT_OK;
}

/* ---- what to do with it --------------------------------------------------------------------- */

/* Whether a shell would find this program by its name. */
static bool demo_is_in_path(void)
{
        const char *path = getenv("PATH");
        struct stat self, st;
        char file[PATH_MAX];

        if (stat("/proc/self/exe", &self) < 0)
                return false;
        while (path && *path) {
                size_t len = strcspn(path, ":");

                (void)snprintf(file, sizeof(file), "%.*s/capos", (int)len, path);
                if (access(file, X_OK) == 0)
                        return stat(file, &st) == 0 && st.st_dev == self.st_dev &&
                               st.st_ino == self.st_ino;
                path += len + (path[len] == ':');
        }
        return false;
}

static void demo_say_where(const struct demo *d)
{
        char self[PATH_MAX];
        ssize_t len = demo_is_in_path() ? -1 : readlink("/proc/self/exe", self, sizeof(self) - 1);

        printf("\nThe demo is ready. Type in another terminal:\n\n");
        self[len > 0 ? len : 0] = 0;
        if (strrchr(self, '/')) {
                *strrchr(self, '/') = 0;
                printf("    PATH='%s':\"$PATH\"\n", self);
        }
        if (*d->runtime)
                printf("    export XDG_RUNTIME_DIR='%s'\n", d->runtime);
}

static int demo_say(const struct demo *d)
{
        demo_say_where(d);
        printf("    capos login localhost:%u --guest\n"
               "    capos caps\n"
               "\nTo play, in panes (/help says what to type, /quit leaves):\n\n"
               "    capos ui guide\n"
               "    capos ui paperclips\n"
               "    capos ui adventure\n"
               "    capos ui chat\n"
               "\nThe same by commands, and what is said in a room of the adventure, in Chat:\n\n"
               "    capos run paperclips make count=10\n"
               "    capos run adventure look\n"
               "    capos run adventure go exit=east\n"
               "    capos run adventure talk person=tam topic=key\n"
               "    capos chat join '#adv-boathouse'\n"
               "    capos call kv set key=colour value=blue\n"
               "    capos shell\n"
               "    capos logout\n\n",
               d->port);
        if (d->c->state)
                printf("Ctrl-C ends it. %s stays, with the games of accounts:\n"
                       "`capos account add NAME --state %s` makes one,\n"
                       "which also has `capos ui diagnostics`: what happens in the instance.\n",
                       d->state, d->state);
        else
                printf("Ctrl-C ends it, and nothing stays; with --state DIR games do.\n");
        printf("Or in a browser on this machine, open:\n\n");
        return fflush(stdout) ? cli_fail_code(d->c, -errno, "standard output") : EXIT_OK;
}

/* ---- life ----------------------------------------------------------------------------------- */

static void demo_end(struct demo *d)
{
        process_end(d->web);
        process_end(d->instance);
        if (d->heard >= 0)
                (void)close(d->heard);
        if (d->signals >= 0)
                (void)close(d->signals);
        if (*d->folder)
                folder_remove(d->folder);
}

int demo_run(struct cli *c)
{
        struct demo d = {.c = c, .signals = -1, .heard = -1};
        int r = demo_check(c);

        if (!r)
                r = demo_find_programs(c);
        if (!r)
                r = demo_open_signals(&d);
        if (!r)
                r = demo_make_folders(&d);
        if (!r)
                r = demo_write_manifest(&d);
        if (!r)
                r = demo_start_instance(&d);
        while (!r && !d.over && !d.port)
                r = demo_wait(&d);
        if (!r && !d.over)
                r = demo_say(&d);
        if (!r && !d.over)
                r = demo_start_web(&d);
        while (!r && !d.over)
                r = demo_wait(&d);
        demo_end(&d);
        return r;
}
