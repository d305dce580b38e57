/*
 * Processes for one request each, copies of a zygote's.
 *
 * The session manager asks for one and gets a socket to it at once; what it writes there waits for
 * the copy. If none can be made, the socket's other end is closed and the request has failed. A
 * copy has so many seconds.
 *
 * As with workers, the zygote is replaced after so many copies and after any of them was killed by
 * something else than us, and only when no fork is under way. What is asked for meanwhile waits for
 * the next one.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon-log.h"
#include "requests.h"

enum { FORKS_MAX = 256 };

const struct request_kind REQUEST_PROVER = {.name = "capos-prover",
                                            .user = USER_PROVER,
                                            .most = 32,
                                            .patience_ms = 10 * 1000,
                                            .answer = PACKET_PROVER};
const struct request_kind REQUEST_FETCHER = {.name = "capos-fetcher",
                                             .user = USER_FETCHER,
                                             .network = true,
                                             .most = 8,
                                             .patience_ms = 20 * 1000,
                                             .answer = PACKET_FETCHER};

enum request_state {
        REQUEST_WAITING, /* for a zygote */
        REQUEST_FORKING, /* the zygote has been told */
        REQUEST_RUNNING,
};

struct request {
        struct capnp_i_list link; /* requests.list */
        struct requests *all;
        enum request_state state;
        uint32_t id;
        int socket; /* its end, until the zygote has it; -1 */
        bool killed;
        struct capos_io_child child;
        struct capos_io_timer timer;
};

#define EACH_REQUEST(l_, rs_)    \
        (l_) = (rs_)->list.next; \
        (l_) != &(rs_)->list;    \
        (l_) = (l_)->next

static struct request *request_of(struct capnp_i_list *l)
{
        return CAPNP_I_OF(l, struct request, link);
}

static void request_free(struct request *p)
{
        capnp_i_list_remove(&p->link);
        p->all->n--;
        if (p->socket >= 0)
                (void)close(p->socket);
        capos_io_child_deinit(&p->child);
        capos_io_timer_deinit(&p->timer);
        free(p);
}

static bool requests_any(struct requests *rs, enum request_state state)
{
        struct capnp_i_list *l;

        for (EACH_REQUEST(l, rs))
                if (request_of(l)->state == state)
                        return true;
        return false;
}

/* ---- its end -------------------------------------------------------------------------------- */

static void zygote_replace(struct requests *rs)
{
        rs->tired = true;
        if (!requests_any(rs, REQUEST_FORKING))
                program_renew(&rs->zygote);
}

static void request_ended(struct capos_io_child *child, int code, int status)
{
        struct request *p = CAPNP_I_OF(child, struct request, child);
        struct requests *rs = p->all;
        bool crashed = code != CLD_EXITED && !p->killed;

        request_free(p);
        if (rs->keeper->ending || !crashed)
                return;

        daemon_log(LOG_ERR, "%s was killed by signal %d%s", rs->kind->name, status,
                   status == SIGSYS ? ": it tried what its confinement forbids" : "");
        zygote_replace(rs);
}

/* Ends one in any state; a fork that is under way ends by itself, its socket being closed. */
static void request_kill(struct request *p)
{
        p->killed = true;
        if (p->state == REQUEST_RUNNING && capos_io_child_kill(&p->child, SIGKILL) == -EPERM)
                daemon_log(LOG_ERR, "%s cannot be killed", p->all->kind->name);
}

static void request_late(struct capos_io_timer *t)
{
        struct request *p = CAPNP_I_OF(t, struct request, timer);

        daemon_log(LOG_ERR, "%s has taken more than %u seconds: killed", p->all->kind->name,
                   (unsigned)(p->all->kind->patience_ms / 1000));
        if (p->state == REQUEST_WAITING)
                request_free(p);
        else if (p->state == REQUEST_FORKING) /* a zygote that does not answer is none */
                program_renew(&p->all->zygote);
        else
                request_kill(p);
}

/* ---- its start ------------------------------------------------------------------------------ */

/* Has the zygote fork for whoever waits. */
static void requests_fill(struct requests *rs)
{
        struct capnp_i_list *l;

        for (EACH_REQUEST(l, rs)) {
                struct request *p = request_of(l);
                struct packet fork = {.type = PACKET_FORK, .worker = p->id};

                if (!rs->zygote.running || rs->tired)
                        return;
                if (p->state != REQUEST_WAITING)
                        continue;
                daemon_link_send(&rs->zygote.link, &fork, &p->socket);
                p->socket = -1;
                p->state = REQUEST_FORKING;
                rs->tired = ++rs->forks >= FORKS_MAX;
        }
}

static int request_new(struct requests *rs, int socket)
{
        struct request *p;
        int r;

        if (rs->n >= rs->kind->most)
                return -EAGAIN;

        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;

        p->all = rs;
        p->id = ++rs->last_id;
        p->socket = -1;
        p->child.pidfd = -1;
        capnp_i_list_append(&rs->list, &p->link);
        rs->n++;
        r = capos_io_timer_init(&p->timer, &rs->keeper->loop, request_late);
        if (r) {
                request_free(p);
                return r;
        }

        p->socket = socket;
        capos_io_timer_start(&p->timer, rs->kind->patience_ms);
        return 0;
}

int requests_start(struct requests *rs, uint32_t request)
{
        const struct packet p = {.type = rs->kind->answer, .index = request};
        int pair[2], r;

        r = capos_io_packet_pair(pair);
        if (r) {
                daemon_log(LOG_ERR, "no socket for a %s: %s", rs->kind->name, capnp_strerror(r));
                return r;
        }

        r = request_new(rs, pair[1]);
        if (r) {
                daemon_log(LOG_ERR, "%s: %s", rs->kind->name, capnp_strerror(r));
                (void)close(pair[1]);
        }
        daemon_link_send(rs->sessiond, &p, &pair[0]);
        requests_fill(rs);
        return 0;
}

/* ---- the zygote ----------------------------------------------------------------------------- */

static struct requests *requests_of(struct program *p)
{
        return CAPNP_I_OF(p, struct requests, zygote);
}

static struct request *requests_find(struct requests *rs, uint32_t id)
{
        struct capnp_i_list *l;

        for (EACH_REQUEST(l, rs))
                if (request_of(l)->id == id && request_of(l)->state == REQUEST_FORKING)
                        return request_of(l);
        return NULL;
}

static void zygote_forked(struct requests *rs, const struct packet *packet)
{
        struct request *p = requests_find(rs, packet->worker);
        int r = p && packet->pid > 0
                        ? copy_adopt(&rs->keeper->loop, &p->child, packet->pid, request_ended)
                        : -EPROTO;

        if (r) {
                daemon_log(LOG_ERR, "%s: a fork that cannot be used: %s", rs->kind->name,
                           capnp_strerror(r));
                program_renew(&rs->zygote);
                return;
        }

        p->state = REQUEST_RUNNING;
        if (p->killed)
                request_kill(p);
        if (rs->tired)
                zygote_replace(rs);
}

static int zygote_prepare(struct program *p, struct daemon_spawn *s)
{
        const struct request_kind *kind = requests_of(p)->kind;

        confine_program(&p->keeper->confinement, kind->user, 0, s);
        s->seclusion.network = kind->network;
        return 0;
}

static void zygote_started(struct program *p)
{
        struct requests *rs = requests_of(p);

        rs->forks = 0;
        rs->tired = false;
        requests_fill(rs);
}

static void zygote_got(struct program *p, const struct packet *packet)
{
        if (packet->type == PACKET_FORKED)
                zygote_forked(requests_of(p), packet);
}

/* Its forks under way are nobody's now: their sockets are closed, so they end by themselves. */
static void zygote_ended(struct program *p)
{
        struct requests *rs = requests_of(p);
        struct capnp_i_list *l, *next;
        bool lost = false;

        for (l = rs->list.next; l != &rs->list; l = next) {
                next = l->next;
                if (request_of(l)->state != REQUEST_FORKING)
                        continue;
                request_free(request_of(l));
                lost = true;
        }
        if (lost)
                copies_retire(rs->copies, p->pid);
}

static const struct program_ops ZYGOTE_OPS = {.prepare = zygote_prepare,
                                              .started = zygote_started,
                                              .got = zygote_got,
                                              .ended = zygote_ended};

/* ---- life ----------------------------------------------------------------------------------- */

void requests_kill_all(struct requests *rs)
{
        struct capnp_i_list *l, *next;

        for (l = rs->list.next; l != &rs->list; l = next) {
                next = l->next;
                if (request_of(l)->state == REQUEST_WAITING)
                        request_free(request_of(l));
                else
                        request_kill(request_of(l));
        }
}

void requests_begin(struct requests *rs)
{
        if (rs->wanted)
                program_start(&rs->zygote);
}

bool requests_is_ready(const struct requests *rs)
{
        return !rs->wanted || rs->zygote.ready;
}

bool requests_none(const struct requests *rs)
{
        return rs->n == 0 && !rs->zygote.running;
}

int requests_init(struct requests *rs)
{
        capnp_i_list_init(&rs->list);
        if (!rs->wanted)
                return 0;

        return program_init(&rs->zygote, rs->keeper, rs->kind->name, rs->kind->name, &ZYGOTE_OPS);
}

int requests_want(struct requests *rs)
{
        int r;

        if (rs->wanted)
                return 0;

        r = program_init(&rs->zygote, rs->keeper, rs->kind->name, rs->kind->name, &ZYGOTE_OPS);
        if (r) {
                program_deinit(&rs->zygote);
                return r;
        }

        rs->wanted = true;
        requests_begin(rs);
        return 0;
}

void requests_deinit(struct requests *rs)
{
        if (rs->list.next)
                while (!capnp_i_list_empty(&rs->list))
                        request_free(request_of(rs->list.next));
        program_deinit(&rs->zygote);
}
