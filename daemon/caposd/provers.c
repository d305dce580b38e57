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

#include "caposd.h"
#include "daemon-log.h"

enum { PROOF_MS = 10 * 1000, FORKS_MAX = 256 };

enum prover_state {
        PROVER_WAITING, /* for a zygote */
        PROVER_FORKING, /* the zygote has been told */
        PROVER_RUNNING,
};

struct prover {
        struct capnp_i_list link; /* provers.list */
        struct caposd *c;
        enum prover_state state;
        uint32_t id;
        int socket; /* its end, until the zygote has it; -1 */
        bool killed;
        struct capos_io_child child;
        struct capos_io_timer timer;
};

#define EACH_PROVER(l_, c_)             \
        (l_) = (c_)->provers.list.next; \
        (l_) != &(c_)->provers.list;    \
        (l_) = (l_)->next

static struct prover *prover_of(struct capnp_i_list *l)
{
        return CAPNP_I_OF(l, struct prover, link);
}

static void prover_free(struct prover *p)
{
        capnp_i_list_remove(&p->link);
        p->c->provers.n--;
        if (p->socket >= 0)
                (void)close(p->socket);
        capos_io_child_deinit(&p->child);
        capos_io_timer_deinit(&p->timer);
        free(p);
}

static bool provers_any(struct caposd *c, enum prover_state state)
{
        struct capnp_i_list *l;

        for (EACH_PROVER(l, c))
                if (prover_of(l)->state == state)
                        return true;
        return false;
}

/* ---- its end -------------------------------------------------------------------------------- */

static void zygote_replace(struct caposd *c)
{
        c->provers.tired = true;
        if (!provers_any(c, PROVER_FORKING))
                program_renew(&c->provers.zygote);
}

static void prover_ended(struct capos_io_child *child, int code, int status)
{
        struct prover *p = CAPNP_I_OF(child, struct prover, child);
        struct caposd *c = p->c;
        bool crashed = code != CLD_EXITED && !p->killed;

        prover_free(p);
        if (c->ending || !crashed)
                return;

        daemon_log(LOG_ERR, "capos-prover was killed by signal %d%s", status,
                   status == SIGSYS ? ": it tried what its confinement forbids" : "");
        zygote_replace(c);
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
static void provers_fill(struct caposd *c)
{
        struct provers *ps = &c->provers;
        struct capnp_i_list *l;

        for (EACH_PROVER(l, c)) {
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

static int prover_new(struct caposd *c, int socket)
{
        struct prover *p;
        int r;

        if (c->provers.n >= PROVERS)
                return -EAGAIN;

        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;

        p->c = c;
        p->id = ++c->provers.last_id;
        p->socket = -1;
        p->child.pidfd = -1;
        capnp_i_list_append(&c->provers.list, &p->link);
        c->provers.n++;
        r = capos_io_timer_init(&p->timer, &c->loop, prover_late);
        if (r) {
                prover_free(p);
                return r;
        }

        p->socket = socket;
        capos_io_timer_start(&p->timer, PROOF_MS);
        return 0;
}

void provers_start(struct caposd *c, uint32_t request)
{
        const struct packet p = {.type = PACKET_PROVER, .index = request};
        int pair[2], r;

        r = capos_io_packet_pair(pair);
        if (r) {
                /* Without an answer it would wait for ever. */
                daemon_log(LOG_ERR, "no socket for a proof: %s", capnp_strerror(r));
                program_renew(&c->sessiond);
                return;
        }

        r = prover_new(c, pair[1]);
        if (r) {
                daemon_log(LOG_ERR, "capos-prover: %s", capnp_strerror(r));
                (void)close(pair[1]);
        }
        daemon_link_send(&c->sessiond.link, &p, &pair[0]);
        provers_fill(c);
}

/* ---- the zygote ----------------------------------------------------------------------------- */

static struct prover *provers_find(struct caposd *c, uint32_t id)
{
        struct capnp_i_list *l;

        for (EACH_PROVER(l, c))
                if (prover_of(l)->id == id && prover_of(l)->state == PROVER_FORKING)
                        return prover_of(l);
        return NULL;
}

static void zygote_forked(struct caposd *c, const struct packet *packet)
{
        struct prover *p = provers_find(c, packet->worker);
        int r = p && packet->pid > 0 ? child_adopt(c, &p->child, packet->pid, prover_ended)
                                     : -EPROTO;

        if (r) {
                daemon_log(LOG_ERR, "capos-prover: a fork that cannot be used: %s",
                           capnp_strerror(r));
                program_renew(&c->provers.zygote);
                return;
        }

        p->state = PROVER_RUNNING;
        if (p->killed)
                prover_kill(p);
        if (c->provers.tired)
                zygote_replace(c);
}

static int zygote_prepare(struct program *p, struct daemon_spawn *s)
{
        (void)p, (void)s;
        return 0;
}

static void zygote_started(struct program *p)
{
        p->c->provers.forks = 0;
        p->c->provers.tired = false;
        provers_fill(p->c);
}

static void zygote_got(struct program *p, const struct packet *packet)
{
        if (packet->type == PACKET_FORKED)
                zygote_forked(p->c, packet);
}

/* Its forks under way are nobody's now: their sockets are closed, so they end by themselves. */
static void zygote_ended(struct program *p)
{
        struct capnp_i_list *l, *next;
        bool lost = false;

        for (l = p->c->provers.list.next; l != &p->c->provers.list; l = next) {
                next = l->next;
                if (prover_of(l)->state != PROVER_FORKING)
                        continue;
                prover_free(prover_of(l));
                lost = true;
        }
        if (lost)
                workers_retire(p->c, p->pid);
}

static const struct program_ops ZYGOTE_OPS = {zygote_prepare, zygote_started, zygote_got,
                                              zygote_ended};

/* ---- life ----------------------------------------------------------------------------------- */

void provers_kill_all(struct caposd *c)
{
        struct capnp_i_list *l, *next;

        for (l = c->provers.list.next; l != &c->provers.list; l = next) {
                next = l->next;
                if (prover_of(l)->state == PROVER_WAITING)
                        prover_free(prover_of(l));
                else
                        prover_kill(prover_of(l));
        }
}

bool provers_none(const struct caposd *c)
{
        return c->provers.n == 0 && !c->provers.zygote.running;
}

int provers_init(struct caposd *c)
{
        capnp_i_list_init(&c->provers.list);
        return program_init(&c->provers.zygote, c, "capos-prover", "capos-prover", &ZYGOTE_OPS);
}

void provers_deinit(struct caposd *c)
{
        if (c->provers.list.next)
                while (!capnp_i_list_empty(&c->provers.list))
                        prover_free(prover_of(c->provers.list.next));
        program_deinit(&c->provers.zygote);
}
