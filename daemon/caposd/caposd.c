/*
 * The parent of every process of an instance.
 *
 * It opens what others are handed: the state directory and its lock, the admin socket, the
 * listener, the manifest. It starts and watches them, makes them acquainted, and says on standard
 * output where the instance is when everyone is ready. It reads no byte of a client; all it hears
 * are packets of a fixed size from its own children.
 *
 * Ending is one thing, whether it was asked for or something went wrong: nothing is started any
 * more, every link is closed, which each process takes as its call to end, and who is still there
 * after a second and a half is killed. The session manager's end cuts the workers off, which tell
 * their clients and go.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "caposd.h"
#include "daemon-log.h"

enum {
        ORDERLY_MS = 1500,
        FORCED_MS = 500,
        SILENT_MS = 1000, /* a service that lives this long is ready, whether it says so or not */
};

/* ---- the endpoint line ---------------------------------------------------------------------- */

static bool service_is_ready(const struct service *s)
{
        const struct program *p = &s->program;
        bool silent = p->running && capos_io_now_ms() - p->started_ms >= SILENT_MS;

        return s->checked && (p->ready || silent);
}

static bool caposd_is_ready(const struct caposd *c)
{
        if (!c->sessiond.ready || !c->gateway.ready || !c->workers.offered ||
            !c->provers.zygote.ready)
                return false;
        for (uint32_t i = 0; i < c->nservices; i++)
                if (!service_is_ready(&c->services[i]))
                        return false;
        return true;
}

void caposd_check_up(struct caposd *c)
{
        if (c->up || c->ending || !caposd_is_ready(c))
                return;

        c->up = true;
        if (c->options.check) {
                caposd_end(c, 0);
                return;
        }
        if (listen_print(&c->place))
                daemon_log(LOG_WARNING, "nobody reads the endpoint line");
}

static void caposd_look_again(struct capos_io_timer *t)
{
        struct caposd *c = CAPNP_I_OF(t, struct caposd, look_again);

        caposd_check_up(c);
        if (!c->up && !c->ending)
                capos_io_timer_start(t, SILENT_MS / 4);
}

/* ---- the end -------------------------------------------------------------------------------- */

static bool caposd_is_over(const struct caposd *c)
{
        if (!c->ending || c->sessiond.running || c->gateway.running || c->zygote.running)
                return false;
        for (uint32_t i = 0; i < c->nservices; i++)
                if (c->services[i].program.running)
                        return false;
        return workers_none(c) && provers_none(c);
}

void caposd_end(struct caposd *c, int exit_code)
{
        if (c->ending)
                return;

        c->ending = true;
        c->exit_code = exit_code;
        program_end(&c->sessiond); /* first: to end all sessions, before it misses anybody */
        program_end(&c->gateway);
        program_end(&c->zygote);
        program_end(&c->provers.zygote);
        for (uint32_t i = 0; i < c->nservices; i++)
                program_end(&c->services[i].program);
        provers_kill_all(c);
        workers_end(c);
        capos_io_timer_start(&c->deadline, ORDERLY_MS);
}

static void caposd_force(struct program *p)
{
        if (!p->running)
                return;

        daemon_log(LOG_WARNING, "%s does not end: killed", p->name);
        program_renew(p); /* nothing is started any more: this only kills */
}

static void caposd_late(struct capos_io_timer *t)
{
        struct caposd *c = CAPNP_I_OF(t, struct caposd, deadline);

        caposd_force(&c->gateway);
        caposd_force(&c->zygote);
        caposd_force(&c->provers.zygote);
        for (uint32_t i = 0; i < c->nservices; i++)
                caposd_force(&c->services[i].program);
        caposd_force(&c->sessiond);
        workers_kill_all(c);
        provers_kill_all(c);
        capos_io_timer_start(t, FORCED_MS);
}

/* ---- signals -------------------------------------------------------------------------------- */

static void caposd_recheck(struct caposd *c)
{
        CAPNP_AUTO(daemon_manifest_deinit) struct daemon_manifest m = {0};

        if (manifest_load(&m, c->options.manifest))
                daemon_log(LOG_ERR, "the manifest is wrong: the instance goes on with the old one");
        else
                daemon_log(LOG_NOTICE, "the manifest is good; it counts from the next start on");
}

static void caposd_signal(struct capos_io_watch *w, uint32_t events)
{
        struct caposd *c = CAPNP_I_OF(w, struct caposd, signals);
        int signal = 0;

        (void)events;
        while (capos_io_signal_read(w->fd, &signal) == 0) {
                switch (signal) {
                case SIGCHLD:
                        workers_reap(c);
                        break;
                case SIGHUP:
                        caposd_recheck(c);
                        break;
                default:
                        caposd_end(c, 0);
                        break;
                }
        }
}

static int caposd_init_signals(struct caposd *c)
{
        static const int signals[] = {SIGCHLD, SIGHUP, SIGINT, SIGTERM};
        /* Of these some programs think that they mean "log more"; here they mean nothing, and
         * would end the instance without a word. */
        static const int ignored[] = {SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM};
        const struct sigaction ignore = {.sa_handler = SIG_IGN};
        int r;

        for (unsigned i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
                if (sigaction(ignored[i], &ignore, NULL) < 0)
                        return -errno;

        r = capos_io_signal_open(signals, 4, &c->signal_fd);
        return r ? r
                 : capos_io_watch_init(&c->signals, &c->loop, c->signal_fd, EPOLLIN, caposd_signal);
}

/* ---- life ----------------------------------------------------------------------------------- */

/* How much there is room for, with all descriptors that we and our children may have. */
static int caposd_measure(struct caposd *c)
{
        const struct rlimit all = {daemon_capacity_fds(), daemon_capacity_fds()};
        manifest_reader m = manifest_root(c->manifest.msg);
        struct daemon_capacity *k = &c->capacity;

        if (setrlimit(RLIMIT_NOFILE, &all) < 0)
                return -errno;

        daemon_capacity_find(m, all.rlim_max, k);
        if (k->wanted_fds <= k->fds)
                return 0;

        daemon_log(k->connections ? LOG_WARNING : LOG_ERR,
                   "%" PRIu64 " descriptors are enough for %u sessions and %u connections without "
                   "one, not %u and %u: see `ulimit -n`, which should be %" PRIu64,
                   k->fds, k->connections, k->unauthenticated,
                   limits_connections(manifest_limits(m)),
                   limits_unauthenticated(manifest_limits(m)), k->wanted_fds);
        return k->connections ? 0 : -EMFILE;
}

static int caposd_init_parts(struct caposd *c)
{
        int r;

        r = caposd_measure(c);
        if (!r)
                r = capos_io_timer_init(&c->deadline, &c->loop, caposd_late);
        if (!r)
                r = capos_io_timer_init(&c->look_again, &c->loop, caposd_look_again);
        if (!r)
                r = caposd_init_signals(c);
        if (!r)
                r = daemon_manifest_give(&c->manifest, &c->manifest_fd);
        if (!r)
                r = core_init(c);
        if (!r)
                r = provers_init(c);
        if (!r)
                r = workers_init(c);
        return r;
}

int caposd_init(struct caposd *c, const struct options *o, struct daemon_manifest *m)
{
        int r;

        *c = (struct caposd){.options = *o, .manifest_fd = -1, .signal_fd = -1};
        r = place_open(&c->place, o);
        if (r)
                return r;

        r = capos_io_loop_init(&c->loop);
        if (r) {
                place_close(&c->place);
                return r;
        }

        c->manifest = *m;
        r = caposd_init_parts(c);
        if (r) {
                daemon_log(LOG_ERR, "cannot start: %s", capnp_strerror(r));
                c->manifest = (struct daemon_manifest){0};
                caposd_deinit(c);
        }
        return r;
}

int caposd_run(struct caposd *c)
{
        int r = 0;

        program_start(&c->zygote);
        program_start(&c->provers.zygote);
        program_start(&c->sessiond);
        for (uint32_t i = 0; i < c->nservices; i++)
                program_start(&c->services[i].program);
        program_start(&c->gateway);
        capos_io_timer_start(&c->look_again, SILENT_MS);

        while (!r && !caposd_is_over(c))
                r = capos_io_loop_turn(&c->loop, -1);
        if (r)
                daemon_log(LOG_ERR, "%s", capnp_strerror(r));
        return r ? 1 : c->exit_code;
}

void caposd_deinit(struct caposd *c)
{
        workers_deinit(c);
        provers_deinit(c);
        core_deinit(c);
        capos_io_watch_deinit(&c->signals);
        capos_io_timer_deinit(&c->look_again);
        capos_io_timer_deinit(&c->deadline);
        if (c->signal_fd >= 0)
                (void)close(c->signal_fd);
        if (c->manifest_fd >= 0)
                (void)close(c->manifest_fd);
        capos_io_loop_deinit(&c->loop);
        place_close(&c->place);
        daemon_manifest_deinit(&c->manifest);
}
