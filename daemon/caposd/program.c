/*
 * A process that has to be there: started, watched, and started again.
 *
 * How soon again depends on when. While the instance starts, at once: whoever fails ten times then
 * makes the start fail, and the log says who it was and how it ended. Later it is never given up;
 * the delay doubles from a tenth of a second to ten, and is short again after ten good seconds.
 *
 * The link and the process end together. What a process has sent before its death is handled before
 * the death is; one whose link has gone but which stays gets a second.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon-log.h"
#include "manifest-connect.h"
#include "options.h"
#include "program.h"

enum {
        DELAY_MS = 100,
        DELAY_MAX_MS = 10 * 1000,
        STABLE_MS = 10 * 1000,
        DEATHS_MAX = 10, /* within STABLE_MS, while the instance starts */
        LINGER_MS = 1000,
};

/* ---- finding it ----------------------------------------------------------------------------- */

static char *path_in(const char *dir, size_t len, const char *file)
{
        char *path = NULL;

        if (asprintf(&path, "%.*s/%s", (int)len, dir, file) < 0)
                return NULL;
        if (access(path, X_OK) < 0) {
                free(path);
                return NULL;
        }
        return path;
}

/* A bare name lies beside us, or where CAPOS_LIBEXEC says. */
char *program_find(const char *file)
{
        const char *libexec = secure_getenv("CAPOS_LIBEXEC");
        char self[PATH_MAX], *path = NULL;
        ssize_t n;

        if (file[0] == '/')
                return strdup(file);
        if (libexec)
                path = path_in(libexec, strlen(libexec), file);
        if (path)
                return path;

        n = readlink("/proc/self/exe", self, sizeof(self) - 1);
        if (n <= 0)
                return NULL;

        self[n] = '\0';
        return path_in(self, (size_t)(strrchr(self, '/') - self), file);
}

static void program_check(service_reader s, char *what, size_t size)
{
        const char *file = service_program(s).p;
        char *path = program_find(file);
        struct stat st;

        what[0] = '\0';
        if (!path)
                snprintf(what, size, "there is no program %s beside capos-caposd", file);
        else if (stat(path, &st) < 0 || access(path, X_OK) < 0)
                snprintf(what, size, "%s: %s", path, strerror(errno));
        else if (!S_ISREG(st.st_mode))
                snprintf(what, size, "%s is not a program", path);
        free(path);
}

unsigned programs_check(manifest_reader m,
                        void (*complain)(void *arg, const char *path, const char *what), void *arg)
{
        service_list l = manifest_services(m);
        char where[64], what[PATH_MAX + 128];
        unsigned faults = manifest_connect_look(m, complain, arg);

        for (uint32_t i = 0; i < service_list_len(l); i++) {
                service_reader s = service_list_get(l, i);

                if (manifest_connects(s) && !service_program(s).len)
                        continue;
                program_check(s, what, sizeof(what));
                if (!what[0])
                        continue;
                faults++;
                snprintf(where, sizeof(where), "services[%u].program", i);
                complain(arg, where, what);
        }
        return faults;
}

const char **program_argv(const char *path, capnp_list args, const char *name, bool named)
{
        size_t pointers = (args.len + 3) * sizeof(char *), bytes = strlen(name) + 1;
        const char **argv;
        uint32_t n = 0;
        char *at;

        for (uint32_t i = 0; i < args.len; i++)
                bytes += service_arguments_at(args, i).len + 1;
        argv = calloc(1, pointers + bytes);
        if (!argv)
                return NULL;

        at = (char *)argv + pointers;
        argv[n++] = path;
        for (uint32_t i = 0; i < args.len; i++) {
                argv[n++] = at;
                at = stpcpy(at, service_arguments_at(args, i).p) + 1;
        }
        if (named)
                argv[n] = memcpy(at, name, strlen(name) + 1);
        return argv;
}

static void program_time(struct capos_io_timer *t);

int program_init(struct program *p, struct keeper *k, const char *name, const char *file,
                 const struct program_ops *ops)
{
        int r;

        r = capos_io_timer_init(&p->timer, &k->loop, program_time);
        if (r)
                return r;

        p->keeper = k;
        p->name = name;
        p->ops = ops;
        p->child.pidfd = -1;
        p->path = program_find(file);
        if (!p->path) {
                daemon_log(LOG_ERR, "%s: there is no program %s beside capos-caposd", name, file);
                return CAPOSD_E_SAID;
        }
        return 0;
}

void program_deinit(struct program *p)
{
        daemon_link_deinit(&p->link);
        capos_io_child_deinit(&p->child);
        capos_io_timer_deinit(&p->timer);
        free(p->path);
        free(p->argv);
        p->path = NULL;
        p->argv = NULL;
}

/* ---- its end -------------------------------------------------------------------------------- */

void program_describe(int code, int status, char *text, size_t size)
{
        if (code == CLD_EXITED && status < 0)
                snprintf(text, size, "ended");
        else if (code == CLD_EXITED)
                snprintf(text, size, "ended with exit code %d", status);
        else
                snprintf(text, size, "was killed by signal %d (%s)%s", status, strsignal(status),
                         status == SIGSYS ? ": it tried what its confinement forbids" : "");
}

/* How long to wait before the next start. */
static uint64_t program_delay(struct program *p)
{
        uint64_t delay_ms;

        if (!p->keeper->up || capos_io_now_ms() - p->started_ms >= STABLE_MS || !p->delay_ms)
                p->delay_ms = DELAY_MS;
        delay_ms = p->delay_ms;
        p->delay_ms = delay_ms * 2 < DELAY_MAX_MS ? delay_ms * 2 : DELAY_MAX_MS;
        return delay_ms;
}

/* Whether it has died so often that starting the instance makes no sense. */
static bool program_is_hopeless(struct program *p)
{
        uint64_t now = capos_io_now_ms();

        if (p->keeper->up)
                return false;
        if (!p->deaths || now - p->first_death_ms > STABLE_MS) {
                p->deaths = 0;
                p->first_death_ms = now;
        }
        return ++p->deaths >= DEATHS_MAX;
}

/* usage: it says that its arguments are wrong, which no second start changes. ledger: it has lost
 * something, which is said in any case. */
static void program_died(struct program *p, const char *how, bool usage, bool ledger)
{
        struct keeper *k = p->keeper;

        if (k->ending || p->dismissed) {
                if (ledger)
                        daemon_log(LOG_ERR, "%s %s", p->name, how);
                return;
        }

        if (p->once) {
                daemon_log(LOG_ERR, "%s %s", p->name, how);
                p->failed = true;
                k->changed(k);
                return;
        }

        if (usage && !k->up) {
                daemon_log(LOG_ERR, "%s %s: it does not take its arguments: giving up", p->name,
                           how);
                k->hopeless(k);
                return;
        }

        if (program_is_hopeless(p)) {
                daemon_log(LOG_ERR, "%s %s, for the tenth time: giving up", p->name, how);
                k->hopeless(k);
                return;
        }

        daemon_log(LOG_WARNING, "%s %s: starting it again", p->name, how);
        capos_io_timer_start(&p->timer, program_delay(p));
}

static void program_ended(struct capos_io_child *child, int code, int status)
{
        struct program *p = CAPNP_I_OF(child, struct program, child);
        bool wanted = p->wanted_dead;
        char how[128];

        if (daemon_link_is_open(&p->link))
                daemon_link_drain(&p->link);
        daemon_link_deinit(&p->link);
        capos_io_timer_stop(&p->timer);
        p->running = p->ready = p->wanted_dead = false;
        p->ops->ended(p);
        if (wanted && !p->keeper->ending && !p->dismissed) {
                program_start(p);
        } else {
                program_describe(code, status, how, sizeof(how));
                program_died(p, how, code == CLD_EXITED && status == EXIT_USAGE,
                             code == CLD_EXITED && status == EXIT_LEDGER);
        }
}

/* ---- its link ------------------------------------------------------------------------------- */

static void program_got(struct daemon_link *l, const struct packet *packet, const int *fds)
{
        struct program *p = CAPNP_I_OF(l, struct program, link);

        (void)fds;
        if (packet->type == PACKET_READY && !p->ready) {
                p->ready = true;
                if (p->ops->ready)
                        p->ops->ready(p, packet);
                p->keeper->changed(p->keeper);
                return;
        }
        p->ops->got(p, packet);
}

static void program_closed(struct daemon_link *l)
{
        struct program *p = CAPNP_I_OF(l, struct program, link);

        if (p->running)
                capos_io_timer_start(&p->timer, LINGER_MS);
}

static const struct daemon_link_ops LINK_OPS = {program_got, program_closed};

/* ---- its start ------------------------------------------------------------------------------ */

int program_give(struct daemon_spawn *s, int fd, int at)
{
        int own = fcntl(fd, F_DUPFD_CLOEXEC, 16);

        if (own < 0)
                return -errno;

        s->fds[s->nfds].fd = own;
        s->fds[s->nfds].at = at;
        s->nfds++;
        return 0;
}

static int program_spawn(struct program *p, int link, int *ret_pidfd)
{
        struct daemon_spawn s = {.path = p->path, .argv = p->argv, .fds = {{link, LINK_FD}}};
        const char *bare[] = {p->name, NULL};
        unsigned given;
        int r;

        if (!s.argv)
                s.argv = bare;
        s.nfds = 1;
        r = p->ops->prepare(p, &s);
        given = s.nfds;
        if (!r)
                r = daemon_spawn(&s, &p->pid, ret_pidfd);
        for (unsigned i = 1; i < given; i++)
                (void)close(s.fds[i].fd);
        return r;
}

/* It runs, but there is no memory to watch it. */
static void program_abandon(struct program *p, int pidfd)
{
        daemon_link_deinit(&p->link);
        (void)kill(p->pid, SIGKILL);
        (void)waitpid(p->pid, NULL, 0);
        (void)close(pidfd);
}

static int program_launch(struct program *p)
{
        int pair[2], pidfd = -1, r;

        r = capos_io_packet_pair(pair);
        if (r)
                return r;

        r = program_spawn(p, pair[1], &pidfd);
        (void)close(pair[1]);
        if (r) {
                (void)close(pair[0]);
                return r;
        }

        r = daemon_link_init(&p->link, &p->keeper->loop, pair[0], false, &LINK_OPS);
        if (r)
                (void)close(pair[0]);
        else
                r = capos_io_child_init(&p->child, &p->keeper->loop, pidfd, program_ended);
        if (r)
                program_abandon(p, pidfd);
        return r;
}

void program_start(struct program *p)
{
        char how[128];
        int r;

        if (p->running || p->keeper->ending || p->dismissed)
                return;

        r = program_launch(p);
        if (r) {
                snprintf(how, sizeof(how), "cannot be started (%s): %s", p->path,
                         capnp_strerror(r));
                program_died(p, how, false, false);
                return;
        }

        p->running = true;
        p->started_ms = capos_io_now_ms();
        p->ops->started(p);
}

static void program_kill(struct program *p)
{
        int r = capos_io_child_kill(&p->child, SIGKILL);

        if (r && r != -ESRCH)
                daemon_log(LOG_ERR, "%s cannot be killed: %s", p->name, capnp_strerror(r));
}

/* The delay is over: of a start, or of a patience. */
static void program_time(struct capos_io_timer *t)
{
        struct program *p = CAPNP_I_OF(t, struct program, timer);

        if (p->running)
                program_kill(p);
        else
                program_start(p);
}

void program_renew(struct program *p)
{
        if (!p->running)
                return;

        p->wanted_dead = true;
        program_kill(p);
}

void program_refuse(struct program *p)
{
        daemon_link_deinit(&p->link);
        program_kill(p);
}

void program_dismiss(struct program *p)
{
        p->dismissed = true;
        program_end(p);
        if (p->running)
                capos_io_timer_start(&p->timer, LINGER_MS);
}

void program_end(struct program *p)
{
        capos_io_timer_stop(&p->timer);
        daemon_link_deinit(&p->link);
}
