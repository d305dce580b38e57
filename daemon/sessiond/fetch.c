/*
 * The queue in front of the fetchers.
 *
 * A fetcher is a process for one request: asked for at caposd, fed one struct, heard once, gone, as
 * a prover is. A provider may be slow, so whoever waits for one takes a place here and none of the
 * provers'. Whose turn it is goes round among parties, sources and connections (turns.c).
 *
 * What a job holds is secret in part (a code, this instance's own secret), so its memory is wiped
 * when it ends, however it ends.
 */
#include "fetch.h"

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

struct fetch_job {
        struct turns_job turn;    /* while it waits */
        struct capnp_i_list link; /* while it runs: fetcher.running */
        struct fetcher *f;
        capnp_watch *watch;
        capnp_timer *timer;
        fetch_done *done; /* NULL: nobody wants to know */
        void *arg;
        uint32_t number; /* of its request; 0: waits for its turn */
        int fd;
        struct fetch_request q;
};

static void job_free(struct fetch_job *j)
{
        j->watch = capnp_watch_free(j->watch);
        j->timer = capnp_timer_free(j->timer);
        if (j->fd >= 0)
                close(j->fd);
        capnp_i_list_remove(&j->link);
        sodium_memzero(&j->q, sizeof(j->q));
        free(j);
}

/* Frees it, and tells whoever has asked. */
static void job_tell(struct fetch_job *j, const struct fetch_reply *reply)
{
        fetch_done *done = j->done;
        void *arg = j->arg;

        job_free(j);
        if (done)
                done(arg, reply);
}

static void fetcher_turn(struct fetcher *f);

/* A job that ran has ended. */
static void job_end(struct fetch_job *j, const struct fetch_reply *reply)
{
        struct fetcher *f = j->f;

        f->nrunning--;
        if (!reply)
                daemon_log(LOG_WARNING, "a fetcher gave no answer");
        job_tell(j, reply);
        fetcher_turn(f);
}

static void job_on_timer(void *arg)
{
        struct fetch_job *j = arg;

        j->timer = NULL;
        job_end(j, NULL);
}

/* ---- what comes ----------------------------------------------------------------------------- */

static bool text_ends(const char *p, size_t room)
{
        return memchr(p, 0, room) != NULL;
}

/* Lengths fit and texts end, whoever has written them. */
static bool reply_is_good(const struct fetch_job *j, const struct fetch_reply *r)
{
        if (!text_ends(r->why, sizeof(r->why)) || r->end < FETCH_GOOD || r->end > FETCH_FAILED)
                return false;
        if (r->end != FETCH_GOOD)
                return true;

        switch ((enum fetch_kind)j->q.kind) {
        case FETCH_DISCOVER:
                return text_ends(r->discovered.authorization, FETCH_URL_BYTES) &&
                       text_ends(r->discovered.token, FETCH_URL_BYTES) &&
                       text_ends(r->discovered.device, FETCH_URL_BYTES) &&
                       text_ends(r->discovered.keys, FETCH_URL_BYTES);
        case FETCH_DEVICE:
                return text_ends(r->device.code, FETCH_CODE_BYTES) &&
                       text_ends(r->device.user_code, FETCH_USER_CODE_BYTES) &&
                       text_ends(r->device.url, FETCH_URL_BYTES) &&
                       text_ends(r->device.url_complete, FETCH_URL_BYTES);
        case FETCH_KEYS:
                return r->len <= FETCH_KEYS_BYTES;
        case FETCH_DEVICE_TOKEN:
        case FETCH_CODE_TOKEN:
                break;
        }
        return r->len <= FETCH_TOKEN_BYTES && r->len2 <= FETCH_TOKEN_BYTES;
}

static void job_on_reply(void *arg, uint32_t events)
{
        static struct fetch_reply reply;
        struct fetch_job *j = arg;
        int r = capos_io_packet_recv(j->fd, &reply, sizeof(reply), NULL, 0);

        (void)events;
        if (r == CAPOS_IO_E_AGAIN)
                return;

        job_end(j, !r && reply_is_good(j, &reply) ? &reply : NULL);
        sodium_memzero(&reply, sizeof(reply));
}

/* ---- asking --------------------------------------------------------------------------------- */

static void job_run(struct fetch_job *j)
{
        struct fetcher *f = j->f;

        capnp_i_list_append(&f->running, &j->link);
        f->nrunning++;
        j->number = ++f->last_request;
        if (!j->number)
                j->number = ++f->last_request;
        if (capnp_timer_new(f->s->vat, FETCH_MS, job_on_timer, j, &j->timer))
                j->timer = NULL;
        link_send_up(f->s, &(struct packet){.type = PACKET_FETCH, .index = j->number});
}

static void fetcher_turn(struct fetcher *f)
{
        struct turns_job *t;

        while (f->nrunning < FETCH_AT_ONCE && (t = turns_take(&f->waiting)))
                job_run(CAPNP_I_OF(t, struct fetch_job, turn));
}

int fetch_start(struct fetcher *f, const struct fetch_request *q, const struct turns_path *path,
                fetch_done *done, void *arg, struct fetch_job **ret_job)
{
        struct fetch_job *j = calloc(1, sizeof(*j));
        struct turns_job *out = NULL;
        int r;

        if (!j)
                return -ENOMEM;

        j->f = f;
        j->done = done;
        j->arg = arg;
        j->fd = -1;
        j->q = *q;
        capnp_i_list_init(&j->link);
        r = turns_add(&f->waiting, path, &j->turn, &out);
        if (out)
                job_tell(CAPNP_I_OF(out, struct fetch_job, turn), NULL);
        if (r) {
                job_free(j);
                return r;
        }

        *ret_job = j;
        fetcher_turn(f);
        return 0;
}

void fetch_forget(struct fetch_job *j)
{
        j->done = NULL;
        if (j->number) /* it runs: what comes of it is nobody's */
                return;

        turns_remove(&j->f->waiting, &j->turn);
        job_free(j);
}

/* ---- the fetcher ---------------------------------------------------------------------------- */

static struct fetch_job *fetcher_job(struct fetcher *f, uint32_t number)
{
        for (struct capnp_i_list *l = f->running.next; l != &f->running; l = l->next) {
                struct fetch_job *j = CAPNP_I_OF(l, struct fetch_job, link);

                if (j->number == number && j->fd < 0)
                        return j;
        }
        return NULL;
}

void fetcher_arrived(struct fetcher *f, uint32_t request, int fd)
{
        struct fetch_job *j = fetcher_job(f, request);
        int r;

        if (!j) {
                close(fd);
                return;
        }

        j->fd = fd;
        r = capos_io_packet_send(fd, &j->q, sizeof(j->q), NULL, 0);
        sodium_memzero(&j->q.client_secret, sizeof(j->q.client_secret));
        sodium_memzero(&j->q.code, sizeof(j->q.code));
        sodium_memzero(&j->q.verifier, sizeof(j->q.verifier));
        if (!r)
                r = capnp_watch_new(f->s->vat, fd, EPOLLIN, job_on_reply, j, &j->watch);
        if (r)
                job_end(j, NULL);
}

/* ---- life ----------------------------------------------------------------------------------- */

void fetcher_init(struct fetcher *f, struct sessiond *s)
{
        *f = (struct fetcher){.s = s};
        turns_init(&f->waiting, (struct turns_bounds){FETCH_WAITING, FETCH_OF_PARTY,
                                                      FETCH_OF_SOURCE, FETCH_OF_CONNECTION});
        capnp_i_list_init(&f->running);
}

void fetcher_deinit(struct fetcher *f)
{
        struct turns_job *t;

        if (!f->s)
                return;

        while ((t = turns_take(&f->waiting)))
                job_tell(CAPNP_I_OF(t, struct fetch_job, turn), NULL);
        while (!capnp_i_list_empty(&f->running))
                job_tell(CAPNP_I_OF(f->running.next, struct fetch_job, link), NULL);
        turns_deinit(&f->waiting);
        f->s = NULL;
}
