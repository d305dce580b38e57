/*
 * The queue in front of the provers.
 *
 * A prover is a process for one proof: asked for at caposd, fed one struct, heard once, gone. Two
 * run at once, because each takes 64 MiB and a processor for a tenth of a second; a bounded number
 * waits. What a job holds are secrets, so its memory is wiped when it ends, however it ends.
 *
 * A job whose owner has gone is run to its end all the same: the processor time is spent anyway,
 * and how long the queue is must not depend on who hangs up.
 */
#include "prove.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "daemon-log.h"
#include "io-packet.h"
#include "sessiond.h"

struct prove_job {
        struct capnp_i_list link;
        struct prover *p;
        struct proof_request *request; /* NULL once it was sent */
        capnp_watch *watch;
        capnp_timer *timer;
        prove_done *done;
        void *arg;
        uint32_t number; /* 0: waits for its turn */
        int fd;
};

static void prover_turn(struct prover *p);

static void job_wipe(struct prove_job *j)
{
        if (j->request)
                sodium_memzero(j->request, sizeof(*j->request));
        free(j->request);
        j->request = NULL;
}

static void job_free(struct prove_job *j)
{
        job_wipe(j);
        j->watch = capnp_watch_free(j->watch);
        j->timer = capnp_timer_free(j->timer);
        if (j->fd >= 0)
                close(j->fd);
        capnp_i_list_remove(&j->link);
        free(j);
}

static void job_end(struct prove_job *j, const struct proof_verdict *v)
{
        struct prover *p = j->p;
        prove_done *done = j->done;
        void *arg = j->arg;

        p->nrunning--;
        job_free(j);
        if (!v)
                daemon_log(LOG_WARNING, "a prover gave no verdict");
        if (done)
                done(arg, v);
        prover_turn(p);
}

static void job_on_timer(void *arg)
{
        struct prove_job *j = arg;

        j->timer = NULL;
        job_end(j, NULL);
}

static void job_on_verdict(void *arg, uint32_t events)
{
        struct prove_job *j = arg;
        struct proof_verdict v;
        int r = capos_io_packet_recv(j->fd, &v, sizeof(v), NULL, 0);

        (void)events;
        if (r == CAPOS_IO_E_AGAIN)
                return;

        v.verifier[sizeof(v.verifier) - 1] = 0;
        job_end(j, r ? NULL : &v);
        sodium_memzero(&v, sizeof(v));
}

static void job_run(struct prove_job *j)
{
        struct prover *p = j->p;

        capnp_i_list_remove(&j->link);
        capnp_i_list_append(&p->running, &j->link);
        p->nwaiting--;
        p->nrunning++;
        j->number = ++p->last_request;
        if (!j->number)
                j->number = ++p->last_request;
        if (capnp_timer_new(p->s->vat, PROVE_MS, job_on_timer, j, &j->timer))
                j->timer = NULL;
        link_send_up(p->s, &(struct packet){.type = PACKET_PROVE, .index = j->number});
}

static void prover_turn(struct prover *p)
{
        while (p->nrunning < PROVE_AT_ONCE && !capnp_i_list_empty(&p->waiting))
                job_run(CAPNP_I_OF(p->waiting.next, struct prove_job, link));
}

static bool request_fill(struct proof_request *q, enum proof_kind kind, const capnp_data parts[3])
{
        size_t at = 0;

        q->kind = kind;
        for (unsigned i = 0; i < 3; i++) {
                if (parts[i].len > PROOF_BYTES - at)
                        return false;
                if (parts[i].len)
                        memcpy(q->bytes + at, parts[i].p, parts[i].len);
                q->len[i] = parts[i].len;
                at += parts[i].len;
        }
        return true;
}

int prover_start(struct prover *p, enum proof_kind kind, const capnp_data parts[3],
                 prove_done *done, void *arg, struct prove_job **ret_job)
{
        struct prove_job *j;

        if (p->nwaiting >= PROVE_WAITING)
                return CAPNP_E_LIMIT;

        j = calloc(1, sizeof(*j));
        if (!j)
                return -ENOMEM;

        *j = (struct prove_job){.p = p, .done = done, .arg = arg, .fd = -1};
        capnp_i_list_init(&j->link);
        j->request = calloc(1, sizeof(*j->request));
        if (!j->request || !request_fill(j->request, kind, parts)) {
                int r = j->request ? CAPNP_E_LIMIT : -ENOMEM;

                job_free(j);
                return r;
        }

        capnp_i_list_append(&p->waiting, &j->link);
        p->nwaiting++;
        if (ret_job)
                *ret_job = j;
        prover_turn(p);
        return 0;
}

struct prove_job *prover_forget(struct prove_job *j)
{
        if (j) {
                j->done = NULL;
                j->arg = NULL;
        }
        return NULL;
}

static struct prove_job *prover_job(struct prover *p, uint32_t number)
{
        for (struct capnp_i_list *l = p->running.next; l != &p->running; l = l->next) {
                struct prove_job *j = CAPNP_I_OF(l, struct prove_job, link);

                if (j->number == number && j->fd < 0)
                        return j;
        }
        return NULL;
}

void prover_arrived(struct prover *p, uint32_t request, int fd)
{
        struct prove_job *j = prover_job(p, request);
        int r;

        if (!j) {
                close(fd);
                return;
        }

        j->fd = fd;
        r = capos_io_packet_send(fd, j->request, sizeof(*j->request), NULL, 0);
        job_wipe(j);
        if (!r)
                r = capnp_watch_new(p->s->vat, fd, EPOLLIN, job_on_verdict, j, &j->watch);
        if (r)
                job_end(j, NULL);
}

void prover_init(struct prover *p, struct sessiond *s)
{
        *p = (struct prover){.s = s};
        capnp_i_list_init(&p->waiting);
        capnp_i_list_init(&p->running);
}

void prover_deinit(struct prover *p)
{
        if (!p->s)
                return;
        while (!capnp_i_list_empty(&p->waiting))
                job_free(CAPNP_I_OF(p->waiting.next, struct prove_job, link));
        while (!capnp_i_list_empty(&p->running))
                job_free(CAPNP_I_OF(p->running.next, struct prove_job, link));
        p->s = NULL;
}
