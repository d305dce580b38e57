/*
 * The zygote, and the workers it makes.
 *
 * A worker is known from the moment it is asked for. It is FORKING until the zygote has said its
 * number, then IDLE with its hand-off socket at the gateway, then USED by one connection. There are
 * always some idle ones, so that a connection need not wait.
 *
 * The zygote is replaced every 64 forks and after any worker was killed by something else than us:
 * who learned an address by a crash has learned one that is no more. It is replaced only when no
 * fork is under way, for a child that it has made and not told of would be nobody's. If it dies
 * between the two all the same, that child ends by itself (its hand-off socket has lost its other
 * end), and is found by the process group it was born into.
 *
 * Idle workers that die young, one after the other, are made ever more slowly.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "caposd.h"
#include "daemon-log.h"

enum { FORKS_MAX = 64, PAUSE_MS = 100, PAUSE_MAX_MS = 10 * 1000, YOUNG_DEATHS_MAX = 10 };

#define EACH_WORKER(l_, c_)             \
        (l_) = (c_)->workers.list.next; \
        (l_) != &(c_)->workers.list;    \
        (l_) = (l_)->next

static struct worker *worker_of(struct capnp_i_list *l)
{
        return CAPNP_I_OF(l, struct worker, link);
}

static struct worker *workers_find(struct caposd *c, uint32_t id)
{
        struct capnp_i_list *l;

        for (EACH_WORKER(l, c))
                if (worker_of(l)->id == id)
                        return worker_of(l);
        return NULL;
}

static unsigned workers_count(struct caposd *c, enum worker_state state)
{
        struct capnp_i_list *l;
        unsigned n = 0;

        for (EACH_WORKER(l, c))
                n += worker_of(l)->state == state;
        return n;
}

static void workers_report(struct caposd *c)
{
        const struct packet p = {.type = PACKET_WORKERS, .index = workers_count(c, WORKER_USED)};

        if (p.index == c->workers.used)
                return;

        c->workers.used = p.index;
        if (c->sessiond.running)
                daemon_link_send(&c->sessiond.link, &p, NULL);
}

static void worker_free(struct worker *w)
{
        capnp_i_list_remove(&w->link);
        capos_io_child_deinit(&w->child);
        if (w->handoff >= 0)
                (void)close(w->handoff);
        free(w);
}

/* ---- killing -------------------------------------------------------------------------------- */

static void worker_kill(struct worker *w)
{
        w->killed = true;
        if (capos_io_child_kill(&w->child, SIGKILL) == -EPERM)
                daemon_log(LOG_ERR, "a worker cannot be killed");
}

void workers_kill_all(struct caposd *c)
{
        struct capnp_i_list *l;

        for (EACH_WORKER(l, c))
                if (worker_of(l)->state == WORKER_USED)
                        worker_kill(worker_of(l));
}

void workers_end(struct caposd *c)
{
        struct capnp_i_list *l, *next;

        for (l = c->workers.list.next; l != &c->workers.list; l = next) {
                struct worker *w = worker_of(l);

                next = l->next;
                if (w->state == WORKER_FORKING)
                        worker_free(w);
                else if (w->state != WORKER_USED)
                        worker_kill(w);
        }
}

static struct worker *workers_find_event(struct caposd *c, uint64_t event)
{
        struct capnp_i_list *l;

        for (EACH_WORKER(l, c))
                if (worker_of(l)->state == WORKER_USED && worker_of(l)->event == event)
                        return worker_of(l);
        return NULL;
}

void workers_kill_event(struct caposd *c, uint64_t event)
{
        struct worker *w = workers_find_event(c, event);

        if (w) {
                worker_kill(w);
                return;
        }

        /* The session manager may know of a hand-over before we do. */
        c->workers.late[c->workers.nlate++ % LATE_KILLS] = event;
}

static bool workers_is_late(struct caposd *c, uint64_t event)
{
        for (unsigned i = 0; i < LATE_KILLS; i++)
                if (c->workers.late[i] == event)
                        return true;
        return false;
}

/* ---- one worker ----------------------------------------------------------------------------- */

/* Lets the gateway have it. */
static void worker_offer(struct worker *w)
{
        const struct packet p = {.type = PACKET_WORKER_READY, .worker = w->id};

        if (w->state != WORKER_IDLE || w->handoff < 0 || !w->c->gateway.running)
                return;

        daemon_link_send(&w->c->gateway.link, &p, &w->handoff);
        w->handoff = -1;
        if (!w->c->workers.offered) {
                w->c->workers.offered = true;
                caposd_check_up(w->c);
        }
}

static void zygote_replace(struct caposd *c)
{
        c->workers.tired = true;
        if (!workers_count(c, WORKER_FORKING))
                program_renew(&c->zygote);
}

/* An idle worker has no business dying: go slower, and give up if that is all they do. */
static void workers_slow_down(struct caposd *c)
{
        struct workers *ws = &c->workers;

        ws->pause_ms = ws->pause_ms ? ws->pause_ms * 2 : PAUSE_MS;
        if (ws->pause_ms > PAUSE_MAX_MS)
                ws->pause_ms = PAUSE_MAX_MS;
        if (!c->up)
                ws->pause_ms = PAUSE_MS;
        capos_io_timer_start(&ws->again, ws->pause_ms);
        if (++ws->young_deaths < YOUNG_DEATHS_MAX || c->up)
                return;

        daemon_log(LOG_ERR, "capos-worker: ten workers have died idle: giving up");
        caposd_end(c, 1);
}

static void worker_log_end(const struct worker *w, int code, int status)
{
        const char *state = w->state == WORKER_USED ? "a worker" : "an idle worker";

        if (code != CLD_EXITED)
                daemon_log(LOG_ERR, "%s was killed by signal %d (%s)%s", state, status,
                           strsignal(status),
                           status == SIGSYS ? ": it tried what its confinement forbids" : "");
        else if (status > 0)
                daemon_log(LOG_WARNING, "%s ended with exit code %d", state, status);
}

static void worker_ended(struct capos_io_child *child, int code, int status)
{
        struct worker *w = CAPNP_I_OF(child, struct worker, child);
        struct packet p = {.type = PACKET_WORKER_GONE, .worker = w->id, .event = w->event};
        struct caposd *c = w->c;
        bool crashed = code != CLD_EXITED && !w->killed;
        bool idle = w->state == WORKER_IDLE;

        if (!c->ending && !w->killed)
                worker_log_end(w, code, status);
        if (c->gateway.running && w->state != WORKER_VOID)
                daemon_link_send(&c->gateway.link, &p, NULL);
        worker_free(w);
        if (c->ending)
                return;

        workers_report(c);
        if (idle)
                workers_slow_down(c);
        if (crashed)
                zygote_replace(c);
        workers_fill(c);
}

/* ---- making them ---------------------------------------------------------------------------- */

static int worker_new(struct caposd *c)
{
        struct packet p = {.type = PACKET_FORK};
        struct worker *w;
        int pair[2], r;

        r = capos_io_packet_pair(pair);
        if (r)
                return r;

        w = calloc(1, sizeof(*w));
        if (!w) {
                capos_io_fds_close((int *)pair, 2);
                return -ENOMEM;
        }

        w->c = c;
        w->child.pidfd = -1;
        w->handoff = pair[0];
        w->id = ++c->workers.last_id;
        capnp_i_list_append(&c->workers.list, &w->link);
        p.worker = w->id;
        daemon_link_send(&c->zygote.link, &p, &pair[1]);
        c->workers.forks++;
        return 0;
}

void workers_fill(struct caposd *c)
{
        struct workers *ws = &c->workers;
        int r = 0;

        if (c->ending || !c->zygote.running || ws->again.place)
                return;
        while (!r && !ws->tired &&
               workers_count(c, WORKER_FORKING) + workers_count(c, WORKER_IDLE) < ws->wanted_idle) {
                r = worker_new(c);
                if (ws->forks >= FORKS_MAX)
                        zygote_replace(c);
        }
        if (r) {
                daemon_log(LOG_ERR, "no worker can be made: %s", capnp_strerror(r));
                capos_io_timer_start(&ws->again, PAUSE_MAX_MS / 10);
        }
}

static void workers_again(struct capos_io_timer *t)
{
        workers_fill(CAPNP_I_OF(t, struct caposd, workers.again));
}

/* The zygote has made it. pid is what it says; a number that is no child of ours is refused. */
int child_adopt(struct caposd *c, struct capos_io_child *child, pid_t pid,
                void (*ended)(struct capos_io_child *child, int code, int status))
{
        siginfo_t info;
        int pidfd, r;

        if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
                return -errno;

        r = capos_io_pidfd_open(pid, &pidfd);
        if (r)
                return r;

        r = capos_io_child_init(child, &c->loop, pidfd, ended);
        if (r)
                (void)close(pidfd);
        return r;
}

static void zygote_forked(struct caposd *c, const struct packet *p)
{
        struct worker *w = workers_find(c, p->worker);
        int r;

        r = !w || w->state != WORKER_FORKING || p->pid <= 0
                    ? -EPROTO
                    : child_adopt(c, &w->child, p->pid, worker_ended);
        if (r) {
                daemon_log(LOG_ERR, "capos-worker: a fork that cannot be used: %s",
                           capnp_strerror(r));
                program_renew(&c->zygote);
                return;
        }

        w->state = WORKER_IDLE;
        worker_offer(w);
        if (c->workers.tired)
                zygote_replace(c);
}

/* ---- the zygote ----------------------------------------------------------------------------- */

static int zygote_prepare(struct program *p, struct daemon_spawn *s)
{
        int fd = fcntl(p->c->manifest_fd, F_DUPFD_CLOEXEC, 16);

        if (fd < 0)
                return -errno;

        s->fds[s->nfds].fd = fd;
        s->fds[s->nfds].at = MANIFEST_FD;
        s->nfds++;
        return 0;
}

static void zygote_started(struct program *p)
{
        p->c->workers.forks = 0;
        p->c->workers.tired = false;
        workers_fill(p->c);
}

static void zygote_got(struct program *p, const struct packet *packet)
{
        if (packet->type == PACKET_FORKED)
                zygote_forked(p->c, packet);
}

static void zygote_ended(struct program *p)
{
        struct caposd *c = p->c;
        struct capnp_i_list *l, *next;
        bool lost = false;

        for (l = c->workers.list.next; l != &c->workers.list; l = next) {
                next = l->next;
                if (worker_of(l)->state != WORKER_FORKING)
                        continue;
                worker_free(worker_of(l));
                lost = true;
        }
        if (lost)
                workers_retire(c, p->pid);
        else
                workers_reap(c);
}

void workers_retire(struct caposd *c, pid_t group)
{
        unsigned i = 0;

        while (i < RETIRED && c->workers.retired[i])
                i++;
        if (i < RETIRED)
                c->workers.retired[i] = group;
        workers_reap(c);
}

/* Waits for those of a group that have ended. Whether it has no member left. */
static bool group_reap(pid_t group)
{
        siginfo_t info;

        do {
                info.si_pid = 0;
                if (waitid(P_PGID, (id_t)group, &info, WEXITED | WNOHANG) < 0)
                        return errno == ECHILD;
        } while (info.si_pid);
        return false;
}

void workers_reap(struct caposd *c)
{
        pid_t *retired = c->workers.retired;

        for (unsigned i = 0; i < RETIRED; i++)
                if (retired[i] && group_reap(retired[i]))
                        retired[i] = 0;
}

static const struct program_ops ZYGOTE_OPS = {zygote_prepare, zygote_started, zygote_got,
                                              zygote_ended};

/* ---- the gateway ---------------------------------------------------------------------------- */

static void worker_live(const struct worker *w)
{
        struct packet p = w->about;

        p.type = PACKET_WORKER_LIVE;
        daemon_link_send(&w->c->gateway.link, &p, NULL);
}

void workers_offer_all(struct caposd *c)
{
        struct capnp_i_list *l;

        for (EACH_WORKER(l, c)) {
                if (worker_of(l)->state == WORKER_USED)
                        worker_live(worker_of(l));
                worker_offer(worker_of(l));
        }
}

void workers_gateway_gone(struct caposd *c)
{
        struct capnp_i_list *l;

        for (EACH_WORKER(l, c))
                if (worker_of(l)->state == WORKER_IDLE && worker_of(l)->handoff < 0)
                        worker_of(l)->state = WORKER_VOID;
}

static void worker_used(struct worker *w, const struct packet *p)
{
        struct caposd *c = w->c;

        w->state = WORKER_USED;
        w->event = p->event;
        w->about = *p;
        c->workers.pause_ms = 0;
        c->workers.young_deaths = 0;
        if (workers_is_late(c, p->event))
                worker_kill(w);
        workers_report(c);
        workers_fill(c);
}

void workers_got(struct caposd *c, const struct packet *p)
{
        struct worker *w = workers_find(c, p->worker);

        if (!w || w->child.pidfd < 0)
                return; /* it has ended meanwhile */

        if (p->type == PACKET_WORKER_USED && w->state == WORKER_IDLE)
                worker_used(w, p);
        else if (p->type == PACKET_WORKER_BOUND && w->event == p->event)
                w->about.conn_class = p->conn_class;
        else if (p->type == PACKET_KILL && w->state == WORKER_USED && w->event == p->event)
                worker_kill(w);
}

/* ---- life ----------------------------------------------------------------------------------- */

int workers_init(struct caposd *c)
{
        limits_reader l = manifest_limits(manifest_root(c->manifest.msg));
        int r;

        capnp_i_list_init(&c->workers.list);
        c->workers.wanted_idle = limits_idle_workers(l);
        r = capos_io_timer_init(&c->workers.again, &c->loop, workers_again);
        return r ? r : program_init(&c->zygote, c, "capos-worker", "capos-worker", &ZYGOTE_OPS);
}

void workers_deinit(struct caposd *c)
{
        if (c->workers.list.next)
                while (!capnp_i_list_empty(&c->workers.list))
                        worker_free(worker_of(c->workers.list.next));
        capos_io_timer_deinit(&c->workers.again);
        program_deinit(&c->zygote);
}

bool workers_none(const struct caposd *c)
{
        return capnp_i_list_empty(&c->workers.list);
}
