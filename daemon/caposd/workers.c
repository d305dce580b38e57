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
 * between the two all the same, copies.c finds that child.
 *
 * What it is started with can change, too. Then it and the idle ones are replaced; but the gateway
 * may be handing one of those a connection at this moment, so none is killed: it is RETIRED, and
 * ends when the gateway lets go of it without having used it.
 *
 * Idle workers that die young, one after the other, are made ever more slowly.
 */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon-log.h"
#include "daemon-zygote.h"
#include "workers.h"

enum { FORKS_MAX = 64, PAUSE_MS = 100, PAUSE_MAX_MS = 10 * 1000, YOUNG_DEATHS_MAX = 10 };

#define EACH_WORKER(l_, ws_)     \
        (l_) = (ws_)->list.next; \
        (l_) != &(ws_)->list;    \
        (l_) = (l_)->next

enum worker_life {
        WORKER_FORKING, /* the zygote has been told */
        WORKER_IDLE,    /* waits for a connection */
        WORKER_USED,    /* has one */
        WORKER_VOID,    /* idle, and its gateway is gone: it ends by itself */
        WORKER_RETIRED, /* was made with what counts no more: it ends by itself, unless the gateway
                         * has just given it a connection */
        WORKER_LIVES,
};

struct worker {
        struct capnp_i_list link; /* workers.list */
        struct workers *all;
        struct capos_io_child child;
        enum worker_life life; /* worker_move() */
        uint32_t id;
        int handoff; /* the gateway's end, until it is sent; -1 */
        uint64_t event;
        struct packet about; /* what the gateway has said of its connection */
        bool killed;
        bool old; /* made with what counts no more */
};

/* What can become of one that is …; it is born FORKING and can end in each. */
static const bool WORKER_MOVES[WORKER_LIVES][WORKER_LIVES] = {
        [WORKER_FORKING] = {[WORKER_IDLE] = true},
        [WORKER_IDLE] = {[WORKER_USED] = true, [WORKER_VOID] = true, [WORKER_RETIRED] = true},
        [WORKER_RETIRED] = {[WORKER_USED] = true},
};

static void worker_move(struct worker *w, enum worker_life to)
{
        assert(WORKER_MOVES[w->life][to]);
        w->life = to;
}

static struct worker *worker_of(struct capnp_i_list *l)
{
        return CAPNP_I_OF(l, struct worker, link);
}

static struct worker *workers_find(struct workers *ws, uint32_t id)
{
        struct capnp_i_list *l;

        for (EACH_WORKER(l, ws))
                if (worker_of(l)->id == id)
                        return worker_of(l);
        return NULL;
}

static unsigned workers_count(struct workers *ws, enum worker_life life)
{
        struct capnp_i_list *l;
        unsigned n = 0;

        for (EACH_WORKER(l, ws))
                n += worker_of(l)->life == life;
        return n;
}

static void workers_report(struct workers *ws)
{
        const struct packet p = {.type = PACKET_WORKERS, .index = workers_count(ws, WORKER_USED)};

        if (p.index == ws->used)
                return;

        ws->used = p.index;
        if (daemon_link_is_open(ws->sessiond))
                daemon_link_send(ws->sessiond, &p, NULL);
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

void workers_kill_all(struct workers *ws)
{
        struct capnp_i_list *l;

        for (EACH_WORKER(l, ws))
                if (worker_of(l)->life == WORKER_USED)
                        worker_kill(worker_of(l));
}

void workers_end(struct workers *ws)
{
        struct capnp_i_list *l, *next;

        program_end(&ws->zygote);
        for (l = ws->list.next; l != &ws->list; l = next) {
                struct worker *w = worker_of(l);

                next = l->next;
                if (w->life == WORKER_FORKING)
                        worker_free(w);
                else if (w->life != WORKER_USED)
                        worker_kill(w);
        }
}

static struct worker *workers_find_event(struct workers *ws, uint64_t event)
{
        struct capnp_i_list *l;

        for (EACH_WORKER(l, ws))
                if (worker_of(l)->life == WORKER_USED && worker_of(l)->event == event)
                        return worker_of(l);
        return NULL;
}

void workers_kill_event(struct workers *ws, uint64_t event)
{
        struct worker *w = workers_find_event(ws, event);

        if (w) {
                worker_kill(w);
                return;
        }

        /* The session manager may know of a hand-over before we do. */
        ws->late[ws->nlate++ % LATE_KILLS] = event;
}

static bool workers_is_late(struct workers *ws, uint64_t event)
{
        for (unsigned i = 0; i < LATE_KILLS; i++)
                if (ws->late[i] == event)
                        return true;
        return false;
}

/* ---- one worker ----------------------------------------------------------------------------- */

/* Lets the gateway have it. */
static void worker_offer(struct worker *w)
{
        const struct packet p = {.type = PACKET_WORKER_READY, .worker = w->id};

        if (w->life != WORKER_IDLE || w->handoff < 0 || !daemon_link_is_open(w->all->gateway))
                return;

        daemon_link_send(w->all->gateway, &p, &w->handoff);
        w->handoff = -1;
        if (!w->all->offered) {
                w->all->offered = true;
                w->all->keeper->changed(w->all->keeper);
        }
}

/* Has it end, unless it has got a connection by now. */
static void worker_retire(struct worker *w)
{
        const struct packet p = {.type = PACKET_WORKER_GONE, .worker = w->id};

        worker_move(w, WORKER_RETIRED);
        if (w->handoff >= 0)
                (void)close(w->handoff);
        else if (daemon_link_is_open(w->all->gateway))
                daemon_link_send(w->all->gateway, &p, NULL);
        w->handoff = -1;
}

static void zygote_replace(struct workers *ws)
{
        ws->tired = true;
        if (!workers_count(ws, WORKER_FORKING))
                program_renew(&ws->zygote);
}

/* An idle worker has no business dying: go slower, and give up if that is all they do. */
static void workers_slow_down(struct workers *ws)
{
        ws->pause_ms = ws->pause_ms ? ws->pause_ms * 2 : PAUSE_MS;
        if (ws->pause_ms > PAUSE_MAX_MS)
                ws->pause_ms = PAUSE_MAX_MS;
        if (!ws->keeper->up)
                ws->pause_ms = PAUSE_MS;
        capos_io_timer_start(&ws->again, ws->pause_ms);
        if (++ws->young_deaths < YOUNG_DEATHS_MAX || ws->keeper->up)
                return;

        daemon_log(LOG_ERR, "capos-worker: ten workers have died idle: giving up");
        ws->keeper->hopeless(ws->keeper);
}

static void worker_log_end(const struct worker *w, int code, int status)
{
        const char *state = w->life == WORKER_USED ? "a worker" : "an idle worker";

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
        struct workers *ws = w->all;
        bool crashed = code != CLD_EXITED && !w->killed;
        bool idle = w->life == WORKER_IDLE && !w->killed;

        if (!w->killed && (!ws->keeper->ending || (code == CLD_EXITED && status == EXIT_LEDGER)))
                worker_log_end(w, code, status);
        if (daemon_link_is_open(ws->gateway) && w->life != WORKER_VOID)
                daemon_link_send(ws->gateway, &p, NULL);
        worker_free(w);
        if (ws->keeper->ending) {
                ws->keeper->changed(ws->keeper);
                return;
        }

        workers_report(ws);
        if (idle)
                workers_slow_down(ws);
        if (crashed)
                zygote_replace(ws);
        workers_fill(ws);
}

/* ---- making them ---------------------------------------------------------------------------- */

static int worker_new(struct workers *ws)
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

        w->all = ws;
        w->child.pidfd = -1;
        w->handoff = pair[0];
        w->id = ++ws->last_id;
        capnp_i_list_append(&ws->list, &w->link);
        p.worker = w->id;
        daemon_link_send(&ws->zygote.link, &p, &pair[1]);
        ws->forks++;
        return 0;
}

void workers_fill(struct workers *ws)
{
        int r = 0;

        if (ws->keeper->ending || !ws->zygote.running || ws->again.place)
                return;
        while (!r && !ws->tired &&
               workers_count(ws, WORKER_FORKING) + workers_count(ws, WORKER_IDLE) <
                       ws->wanted_idle) {
                r = worker_new(ws);
                if (ws->forks >= FORKS_MAX)
                        zygote_replace(ws);
        }
        if (r) {
                daemon_log(LOG_ERR, "no worker can be made: %s", capnp_strerror(r));
                capos_io_timer_start(&ws->again, PAUSE_MAX_MS / 10);
        }
}

static void workers_again(struct capos_io_timer *t)
{
        workers_fill(CAPNP_I_OF(t, struct workers, again));
}

static void zygote_forked(struct workers *ws, const struct packet *p)
{
        struct worker *w = workers_find(ws, p->worker);
        int r;

        r = !w || w->life != WORKER_FORKING || p->pid <= 0
                    ? -EPROTO
                    : copy_adopt(&ws->keeper->loop, &w->child, p->pid, worker_ended);
        if (r) {
                daemon_log(LOG_ERR, "capos-worker: a fork that cannot be used: %s",
                           capnp_strerror(r));
                program_renew(&ws->zygote);
                return;
        }

        worker_move(w, WORKER_IDLE);
        if (w->old)
                worker_retire(w);
        else
                worker_offer(w);
        if (ws->tired)
                zygote_replace(ws);
}

/* ---- the zygote ----------------------------------------------------------------------------- */

static struct workers *workers_of(struct program *p)
{
        return CAPNP_I_OF(p, struct workers, zygote);
}

static int zygote_prepare(struct program *p, struct daemon_spawn *s)
{
        const struct workers *ws = workers_of(p);
        int r = 0;

        confine_program(&p->keeper->confinement, USER_WORKER, 0, s);
        if (ws->certificate_fd >= 0)
                r = program_give(s, ws->certificate_fd, CERTIFICATE_FD);
        if (!r && ws->certificate_fd >= 0 && ws->rules_fd >= 0)
                r = program_give(s, ws->rules_fd, RULES_FD);
        return r;
}

static void zygote_started(struct program *p)
{
        struct workers *ws = workers_of(p);

        ws->forks = 0;
        ws->tired = false;
        workers_fill(ws);
}

static void zygote_got(struct program *p, const struct packet *packet)
{
        if (packet->type == PACKET_FORKED)
                zygote_forked(workers_of(p), packet);
}

static void zygote_ended(struct program *p)
{
        struct workers *ws = workers_of(p);
        struct capnp_i_list *l, *next;
        bool lost = false;

        for (l = ws->list.next; l != &ws->list; l = next) {
                next = l->next;
                if (worker_of(l)->life != WORKER_FORKING)
                        continue;
                worker_free(worker_of(l));
                lost = true;
        }
        if (lost)
                copies_retire(ws->copies, p->pid);
        else
                copies_reap(ws->copies);
}

static const struct program_ops ZYGOTE_OPS = {.prepare = zygote_prepare,
                                              .started = zygote_started,
                                              .got = zygote_got,
                                              .ended = zygote_ended};

void workers_renew(struct workers *ws)
{
        struct capnp_i_list *l;

        if (!ws->zygote.running) {
                program_start(&ws->zygote);
                return;
        }
        for (EACH_WORKER(l, ws)) {
                worker_of(l)->old = true;
                if (worker_of(l)->life == WORKER_IDLE)
                        worker_retire(worker_of(l));
        }
        zygote_replace(ws);
}

/* ---- the gateway ---------------------------------------------------------------------------- */

static void worker_live(const struct worker *w)
{
        struct packet p = w->about;

        p.type = PACKET_WORKER_LIVE;
        daemon_link_send(w->all->gateway, &p, NULL);
}

void workers_offer_all(struct workers *ws)
{
        struct capnp_i_list *l;

        for (EACH_WORKER(l, ws)) {
                if (worker_of(l)->life == WORKER_USED)
                        worker_live(worker_of(l));
                worker_offer(worker_of(l));
        }
}

void workers_gateway_gone(struct workers *ws)
{
        struct capnp_i_list *l;

        for (EACH_WORKER(l, ws))
                if (worker_of(l)->life == WORKER_IDLE && worker_of(l)->handoff < 0)
                        worker_move(worker_of(l), WORKER_VOID);
}

static void worker_used(struct worker *w, const struct packet *p)
{
        struct workers *ws = w->all;

        worker_move(w, WORKER_USED);
        w->event = p->event;
        w->about = *p;
        ws->pause_ms = 0;
        ws->young_deaths = 0;
        if (workers_is_late(ws, p->event))
                worker_kill(w);
        workers_report(ws);
        workers_fill(ws);
}

void workers_got(struct workers *ws, const struct packet *p)
{
        struct worker *w = workers_find(ws, p->worker);

        if (!w || w->child.pidfd < 0)
                return; /* it has ended meanwhile */

        if (p->type == PACKET_WORKER_USED && WORKER_MOVES[w->life][WORKER_USED])
                worker_used(w, p);
        else if (p->type == PACKET_WORKER_BOUND && w->event == p->event)
                w->about.conn_class = p->conn_class;
        else if (p->type == PACKET_KILL && w->life == WORKER_USED && w->event == p->event)
                worker_kill(w);
}

/* ---- life ----------------------------------------------------------------------------------- */

int workers_init(struct workers *ws)
{
        int r;

        capnp_i_list_init(&ws->list);
        r = capos_io_timer_init(&ws->again, &ws->keeper->loop, workers_again);
        return r ? r
                 : program_init(&ws->zygote, ws->keeper, "capos-worker", "capos-worker",
                                &ZYGOTE_OPS);
}

void workers_deinit(struct workers *ws)
{
        if (ws->list.next)
                while (!capnp_i_list_empty(&ws->list))
                        worker_free(worker_of(ws->list.next));
        capos_io_timer_deinit(&ws->again);
        program_deinit(&ws->zygote);
}

bool workers_none(const struct workers *ws)
{
        return capnp_i_list_empty(&ws->list);
}
