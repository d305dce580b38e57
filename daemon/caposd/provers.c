/*
 * Provers: a process for one proof, a copy of a zygote's.
 *
 * The session manager asks for one and gets a socket to it at once; what it writes there waits for
 * the copy. If none can be made, the socket's other end is closed and the proof has failed. A
 * prover has ten seconds.
 *
 * As with workers, the zygote is replaced after so many copies and after any of them was killed by
 * something else than us, and only when no fork is under way. Proofs that are asked for meanwhile
 * wait for the next one.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon-log.h"
#include "provers.h"

enum { PROOF_MS = 10 * 1000, FORKS_MAX = 256 };

enum prover_state {
        PROVER_WAITING, /* for a zygote */
        PROVER_FORKING, /* the zygote has been told */
        PROVER_RUNNING,
};

struct prover {
        struct capnp_i_list link; /* provers.list */
        struct provers *all;
        enum prover_state state;
        uint32_t id;
        int socket; /* its end, until the zygote has it; -1 */
        bool killed;
        struct capos_io_child child;
        struct capos_io_timer timer;
};

#define EACH_PROVER(l_, ps_)     \
        (l_) = (ps_)->list.next; \
        (l_) != &(ps_)->list;    \
        (l_) = (l_)->next

static struct prover *prover_of(struct capnp_i_list *l)
{
        return CAPNP_I_OF(l, struct prover, link);
}

static void prover_free(struct prover *p)
{
        capnp_i_list_remove(&p->link);
        p->all->n--;
        if (p->socket >= 0)
                (void)close(p->socket);
        capos_io_child_deinit(&p->child);
        capos_io_timer_deinit(&p->timer);
        free(p);
}

static bool provers_any(struct provers *ps, enum prover_state state)
{
        struct capnp_i_list *l;

        for (EACH_PROVER(l, ps))
                if (prover_of(l)->state == state)
                        return true;
        return false;
}

/* ---- its end -------------------------------------------------------------------------------- */

static void zygote_replace(struct provers *ps)
{
        ps->tired = true;
        if (!provers_any(ps, PROVER_FORKING))
                program_renew(&ps->zygote);
}

static void prover_ended(struct capos_io_child *child, int code, int status)
{
        struct prover *p = CAPNP_I_OF(child, struct prover, child);
        struct provers *ps = p->all;
        bool crashed = code != CLD_EXITED && !p->killed;

        prover_free(p);
        if (ps->keeper->ending || !crashed)
                return;

        daemon_log(LOG_ERR, "capos-prover was killed by signal %d%s", status,
                   status == SIGSYS ? ": it tried what its confinement forbids" : "");
        zygote_replace(ps);
}

/* Ends one in any state; a fork that is under way ends by itself, its socket being closed. */
static void prover_kill(struct prover *p)
{
        p->killed = true;
        if (p->state == PROVER_RUNNING && capos_io_child_kill(&p->child, SIGKILL) == -EPERM)
                daemon_log(LOG_ERR, "a prover cannot be killed");
}

static void prover_late(struct capos_io_timer *t)
{
        struct prover *p = CAPNP_I_OF(t, struct prover, timer);

        daemon_log(LOG_ERR, "capos-prover has taken more than 10 seconds: killed");
        if (p->state == PROVER_WAITING)
                prover_free(p);
        else
                prover_kill(p);
}

/* ---- its start ------------------------------------------------------------------------------ */

/* Has the zygote fork for whoever waits. */
static void provers_fill(struct provers *ps)
{
        struct capnp_i_list *l;

        for (EACH_PROVER(l, ps)) {
                struct prover *p = prover_of(l);
                struct packet fork = {.type = PACKET_FORK, .worker = p->id};

                if (!ps->zygote.running || ps->tired)
                        return;
                if (p->state != PROVER_WAITING)
                        continue;
                daemon_link_send(&ps->zygote.link, &fork, &p->socket);
                p->socket = -1;
                p->state = PROVER_FORKING;
                ps->tired = ++ps->forks >= FORKS_MAX;
        }
}

static int prover_new(struct provers *ps, int socket)
{
        struct prover *p;
        int r;

        if (ps->n >= PROVERS)
                return -EAGAIN;

        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;

        p->all = ps;
        p->id = ++ps->last_id;
        p->socket = -1;
        p->child.pidfd = -1;
        capnp_i_list_append(&ps->list, &p->link);
        ps->n++;
        r = capos_io_timer_init(&p->timer, &ps->keeper->loop, prover_late);
        if (r) {
                prover_free(p);
                return r;
        }

        p->socket = socket;
        capos_io_timer_start(&p->timer, PROOF_MS);
        return 0;
}

int provers_start(struct provers *ps, uint32_t request)
{
        const struct packet p = {.type = PACKET_PROVER, .index = request};
        int pair[2], r;

        r = capos_io_packet_pair(pair);
        if (r) {
                daemon_log(LOG_ERR, "no socket for a proof: %s", capnp_strerror(r));
                return r;
        }

        r = prover_new(ps, pair[1]);
        if (r) {
                daemon_log(LOG_ERR, "capos-prover: %s", capnp_strerror(r));
                (void)close(pair[1]);
        }
        daemon_link_send(ps->sessiond, &p, &pair[0]);
        provers_fill(ps);
        return 0;
}

/* ---- the zygote ----------------------------------------------------------------------------- */

static struct provers *provers_of(struct program *p)
{
        return CAPNP_I_OF(p, struct provers, zygote);
}

static struct prover *provers_find(struct provers *ps, uint32_t id)
{
        struct capnp_i_list *l;

        for (EACH_PROVER(l, ps))
                if (prover_of(l)->id == id && prover_of(l)->state == PROVER_FORKING)
                        return prover_of(l);
        return NULL;
}

static void zygote_forked(struct provers *ps, const struct packet *packet)
{
        struct prover *p = provers_find(ps, packet->worker);
        int r = p && packet->pid > 0
                        ? copy_adopt(&ps->keeper->loop, &p->child, packet->pid, prover_ended)
                        : -EPROTO;

        if (r) {
                daemon_log(LOG_ERR, "capos-prover: a fork that cannot be used: %s",
                           capnp_strerror(r));
                program_renew(&ps->zygote);
                return;
        }

        p->state = PROVER_RUNNING;
        if (p->killed)
                prover_kill(p);
        if (ps->tired)
                zygote_replace(ps);
}

static int zygote_prepare(struct program *p, struct daemon_spawn *s)
{
        confine_program(&p->keeper->confinement, USER_PROVER, 0, s);
        return 0;
}

static void zygote_started(struct program *p)
{
        struct provers *ps = provers_of(p);

        ps->forks = 0;
        ps->tired = false;
        provers_fill(ps);
}

static void zygote_got(struct program *p, const struct packet *packet)
{
        if (packet->type == PACKET_FORKED)
                zygote_forked(provers_of(p), packet);
}

/* Its forks under way are nobody's now: their sockets are closed, so they end by themselves. */
static void zygote_ended(struct program *p)
{
        struct provers *ps = provers_of(p);
        struct capnp_i_list *l, *next;
        bool lost = false;

        for (l = ps->list.next; l != &ps->list; l = next) {
                next = l->next;
                if (prover_of(l)->state != PROVER_FORKING)
                        continue;
                prover_free(prover_of(l));
                lost = true;
        }
        if (lost)
                copies_retire(ps->copies, p->pid);
}

static const struct program_ops ZYGOTE_OPS = {.prepare = zygote_prepare,
                                              .started = zygote_started,
                                              .got = zygote_got,
                                              .ended = zygote_ended};

/* ---- life ----------------------------------------------------------------------------------- */

void provers_kill_all(struct provers *ps)
{
        struct capnp_i_list *l, *next;

        for (l = ps->list.next; l != &ps->list; l = next) {
                next = l->next;
                if (prover_of(l)->state == PROVER_WAITING)
                        prover_free(prover_of(l));
                else
                        prover_kill(prover_of(l));
        }
}

bool provers_none(const struct provers *ps)
{
        return ps->n == 0 && !ps->zygote.running;
}

int provers_init(struct provers *ps)
{
        capnp_i_list_init(&ps->list);
        return program_init(&ps->zygote, ps->keeper, "capos-prover", "capos-prover", &ZYGOTE_OPS);
}

void provers_deinit(struct provers *ps)
{
        if (ps->list.next)
                while (!capnp_i_list_empty(&ps->list))
                        prover_free(prover_of(ps->list.next));
        program_deinit(&ps->zygote);
}
