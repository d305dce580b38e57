/*
 * The queues in front of the provers.
 *
 * A prover is a process for one proof: asked for at caposd, fed one struct, heard once, gone. Two
 * run at once for passwords, because each takes 64 MiB and a processor for a tenth of a second, and
 * two for keys, whose queue is another one: what guesses passwords must not make a key wait. Whose
 * turn it is goes round among parties, sources and connections (turns.c), and what may wait of each
 * is bounded.
 *
 * What a job holds are secrets, so its memory is wiped when it ends, however it ends. A job whose
 * owner has gone keeps its place until its turn comes: asking costs a turn, whether or not one
 * stays to hear the answer. Then it is not tried, and nobody else has waited for it.
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
#include "links.h"
#include "sessiond.h"

struct prove_job {
        struct turns_job turn;    /* while it waits */
        struct capnp_i_list link; /* while it runs: lane's running */
        struct prover *p;
        enum prove_lane lane;
        struct ledger_hold place; /* while it runs */
        char source[TURNS_KEY];   /* whose it is */
        bool given_up;
        bool fresh, lost; /* who has asked does not know of it yet; and need not: it cannot run */
        capnp_watch *watch;
        capnp_timer *timer;
        prove_done *done;
        void *arg;
        uint32_t number; /* of its request; 0: waits for its turn */
        int fd;
        enum proof_kind kind;
        uint32_t len[3], bytes_len;
        uint8_t *bytes; /* the parts, one behind the other; NULL once they were sent */
};

static const char *const lane_names[LANES] = {[LANE_PASSWORD] = "password", [LANE_KEY] = "key"};

static void job_wipe(struct prove_job *j)
{
        if (j->bytes)
                sodium_memzero(j->bytes, j->bytes_len);
        free(j->bytes);
        j->bytes = NULL;
}

static void job_free(struct prove_job *j)
{
        job_wipe(j);
        j->watch = capnp_watch_free(j->watch);
        j->timer = capnp_timer_free(j->timer);
        if (j->fd >= 0)
                close(j->fd);
        capnp_i_list_remove(&j->link);
        ledger_give(&j->place);
        free(j);
}

/* Frees it, and tells whoever has asked. */
static void job_tell(struct prove_job *j, enum prove_end end, const struct proof_verdict *v)
{
        prove_done *done = j->done;
        void *arg = j->arg;

        job_free(j);
        done(arg, end, v);
}

static void prover_turn(struct prover *p, enum prove_lane lane);

/* A job that ran has ended. */
static void job_end(struct prove_job *j, const struct proof_verdict *v)
{
        struct prover *p = j->p;
        enum prove_lane lane = j->lane;

        if (!v)
                daemon_log(LOG_WARNING, "a prover gave no verdict");
        job_tell(j, v ? PROVE_VERDICT : PROVE_FAILED, v);
        prover_turn(p, lane);
}

static void job_on_timer(void *arg)
{
        struct prove_job *j = arg;

        j->timer = NULL;
        job_end(j, NULL);
}

/* Texts end where they must. */
static void verdict_close(struct proof_verdict *v)
{
        v->verifier[sizeof(v->verifier) - 1] = 0;
        v->subject[sizeof(v->subject) - 1] = 0;
        v->name[sizeof(v->name) - 1] = 0;
        v->serial[sizeof(v->serial) - 1] = 0;
}

static void job_on_verdict(void *arg, uint32_t events)
{
        struct prove_job *j = arg;
        struct proof_verdict v;
        int r = capos_io_packet_recv(j->fd, &v, sizeof(v), NULL, 0);

        (void)events;
        if (r == CAPOS_IO_E_AGAIN)
                return;

        verdict_close(&v);
        job_end(j, r ? NULL : &v);
        sodium_memzero(&v, sizeof(v));
}

static struct ledger_ask job_ask(const struct prove_job *j)
{
        return (struct ledger_ask){.group = "",
                                   .pool = lane_names[j->lane],
                                   .owner = j->source,
                                   .n = 1,
                                   .all = UINT64_MAX,
                                   .limit = PROVE_AT_ONCE,
                                   .of_one = UINT64_MAX};
}

/* There is a place. 0; -ENOMEM: whoever cannot be waited for would have it for ever. */
static int job_run(struct prove_job *j)
{
        const struct ledger_ask q = job_ask(j);
        struct prover *p = j->p;
        int r = capnp_timer_new(p->s->vat, PROVE_MS, job_on_timer, j, &j->timer);

        if (!r)
                r = ledger_take(&p->s->ledgers.of[LEDGER_PROVERS], &q, &j->place);
        if (r)
                return r;

        capnp_i_list_append(&p->lanes[j->lane].running, &j->link);
        j->number = ++p->last_request;
        if (!j->number)
                j->number = ++p->last_request;
        link_send_up(p->s, &(struct packet){.type = PACKET_PROVE, .index = j->number});
        return 0;
}

static void prover_turn(struct prover *p, enum prove_lane lane)
{
        const struct ledger *l = &p->s->ledgers.of[LEDGER_PROVERS];
        struct turns_job *t;

        while (ledger_used(l, "", lane_names[lane]) < PROVE_AT_ONCE &&
               (t = turns_take(&p->lanes[lane].waiting))) {
                struct prove_job *j = CAPNP_I_OF(t, struct prove_job, turn);

                if (!j->given_up && !job_run(j))
                        continue;
                j->lost = true;
                if (!j->fresh)
                        job_tell(j, PROVE_UNTRIED, NULL);
        }
}

/* ---- asking --------------------------------------------------------------------------------- */

static enum prove_lane kind_lane(enum proof_kind k)
{
        switch (k) {
        case PROOF_SIGNATURE:
        case PROOF_NOBODY:
        case PROOF_KEY:
        case PROOF_CERTIFICATE:
        case PROOF_SSH_CERTIFICATE:
        case PROOF_TOKEN:
        case PROOF_TOKEN_KEY:
        case PROOF_PASSKEY:
        case PROOF_PASSKEY_NEW:
                return LANE_KEY;
        case PROOF_HASH:
        case PROOF_PASSWORD:
        case PROOF_DUMMY:
                break;
        }
        return LANE_PASSWORD;
}

/* 0; CAPNP_E_LIMIT; -ENOMEM. */
static int job_fill(struct prove_job *j, const capnp_data parts[3])
{
        uint32_t at = 0;

        for (unsigned i = 0; i < 3; i++) {
                if (parts[i].len > PROOF_BYTES - j->bytes_len)
                        return CAPNP_E_LIMIT;
                j->len[i] = parts[i].len;
                j->bytes_len += parts[i].len;
        }

        j->bytes = malloc(j->bytes_len + 1);
        if (!j->bytes)
                return -ENOMEM;

        for (unsigned i = 0; i < 3; i++) {
                if (parts[i].len)
                        memcpy(j->bytes + at, parts[i].p, parts[i].len);
                at += parts[i].len;
        }
        return 0;
}

int prover_start(struct prover *p, const struct prove_what *w, struct prove_job **ret_job)
{
        struct prove_job *j = calloc(1, sizeof(*j));
        struct turns_job *out = NULL;
        int r;

        if (!j)
                return -ENOMEM;

        *j = (struct prove_job){.p = p,
                                .lane = kind_lane(w->kind),
                                .kind = w->kind,
                                .done = w->done,
                                .arg = w->arg,
                                .fresh = true,
                                .fd = -1};
        memcpy(j->source, w->path.key[1], sizeof(j->source) - 1);
        capnp_i_list_init(&j->link);
        r = job_fill(j, w->parts);
        if (!r)
                r = turns_add(&p->lanes[j->lane].waiting, &w->path, &j->turn, &out);
        if (!r)
                prover_turn(p, j->lane);
        j->fresh = false;
        if (j->lost)
                r = -ENOMEM;
        if (r)
                job_free(j);
        else if (ret_job)
                *ret_job = j;
        if (out)
                job_tell(CAPNP_I_OF(out, struct prove_job, turn), PROVE_UNTRIED, NULL);
        return r;
}

void prover_give_up(struct prove_job *j)
{
        j->given_up = true;
        if (!j->number)
                job_wipe(j);
}

/* ---- the prover ----------------------------------------------------------------------------- */

static struct prove_job *prover_job(struct prover *p, uint32_t number)
{
        for (unsigned i = 0; i < LANES; i++) {
                struct capnp_i_list *all = &p->lanes[i].running;

                for (struct capnp_i_list *l = all->next; l != all; l = l->next) {
                        struct prove_job *j = CAPNP_I_OF(l, struct prove_job, link);

                        if (j->number == number && j->fd < 0)
                                return j;
                }
        }
        return NULL;
}

/* Gives the prover at the other end what it is for. */
static int job_send(struct prove_job *j)
{
        static struct proof_request q; /* zero behind what it holds */
        int r;

        q.kind = j->kind;
        q.memory = j->p->s->policy.password_memory;
        memcpy(q.len, j->len, sizeof(q.len));
        memcpy(q.bytes, j->bytes, j->bytes_len);
        r = capos_io_packet_send(j->fd, &q, sizeof(q), NULL, 0);
        sodium_memzero(q.bytes, j->bytes_len);
        job_wipe(j);
        return r;
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
        r = job_send(j);
        if (!r)
                r = capnp_watch_new(p->s->vat, fd, EPOLLIN, job_on_verdict, j, &j->watch);
        if (r)
                job_end(j, NULL);
}

/* ---- life ----------------------------------------------------------------------------------- */

void prover_init(struct prover *p, struct sessiond *s)
{
        *p = (struct prover){.s = s};
        for (unsigned i = 0; i < LANES; i++) {
                turns_init(&p->lanes[i].waiting,
                           (struct turns_bounds){PROVE_WAITING, PROVE_OF_PARTY, PROVE_OF_SOURCE,
                                                 PROVE_OF_CONNECTION});
                capnp_i_list_init(&p->lanes[i].running);
        }
}

void prover_deinit(struct prover *p)
{
        if (!p->s)
                return;

        for (unsigned i = 0; i < LANES; i++) {
                struct capnp_i_list *running = &p->lanes[i].running;
                struct turns_job *t;

                while ((t = turns_take(&p->lanes[i].waiting)))
                        job_tell(CAPNP_I_OF(t, struct prove_job, turn), PROVE_UNTRIED, NULL);
                while (!capnp_i_list_empty(running))
                        job_tell(CAPNP_I_OF(running->next, struct prove_job, link), PROVE_FAILED,
                                 NULL);
                turns_deinit(&p->lanes[i].waiting);
        }
        p->s = NULL;
}
