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

#include "clock.h"
#include "daemon-log.h"
#include "io-packet.h"
#include "links.h"
#include "session-url.h"
#include "sessiond.h"

struct fetch_job {
        struct turns_job turn;    /* while it waits */
        struct capnp_i_list link; /* while it runs: fetcher.running */
        struct fetcher *f;
        capnp_watch *watch;
        capnp_timer *timer;
        struct ledger_hold place; /* while it runs */
        char source[TURNS_KEY];   /* whose it is */
        fetch_done *done;         /* NULL: nobody wants to know */
        void *arg;
        bool fresh, lost; /* who has asked does not know of it yet; and need not: it cannot run */
        uint32_t number;  /* of its request; 0: waits for its turn */
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
        ledger_give(&j->place);
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

/* It ends, and is printable. */
static bool text_is_good(const char *p, size_t room)
{
        size_t n = 0;

        while (n < room && p[n] >= ' ' && p[n] <= '~')
                n++;
        return n < room && !p[n];
}

/* Whether a URL may go to people or to another fetcher; "": there is none. */
static bool url_is_good(const struct fetch_job *j, const char url[FETCH_URL_BYTES])
{
        return text_is_good(url, FETCH_URL_BYTES) &&
               (!url[0] || capos_i_url_is_good(url, j->q.loopback));
}

/* Lengths fit, texts end and can be printed, URLs lead where they may, whoever has written them: a
 * fetcher hears the network, and may have been taken over. */
static bool reply_is_good(const struct fetch_job *j, const struct fetch_reply *r)
{
        if (!text_is_good(r->why, sizeof(r->why)) || r->end < FETCH_GOOD || r->end > FETCH_FAILED)
                return false;
        if (r->end != FETCH_GOOD)
                return true;

        switch ((enum fetch_kind)j->q.kind) {
        case FETCH_DISCOVER:
                return url_is_good(j, r->discovered.authorization) &&
                       url_is_good(j, r->discovered.token) &&
                       url_is_good(j, r->discovered.device) && url_is_good(j, r->discovered.keys) &&
                       r->discovered.keys[0];
        case FETCH_DEVICE:
                return text_is_good(r->device.code, FETCH_CODE_BYTES) &&
                       text_is_good(r->device.user_code, FETCH_USER_CODE_BYTES) &&
                       url_is_good(j, r->device.url) && r->device.url[0] &&
                       url_is_good(j, r->device.url_complete);
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

/* There is a place. 0; -ENOMEM: whoever cannot be waited for would have it for ever. */
static int job_run(struct fetch_job *j)
{
        struct fetcher *f = j->f;
        const struct ledger_ask q = {.group = "",
                                     .pool = "",
                                     .owner = j->source,
                                     .n = 1,
                                     .all = FETCH_AT_ONCE,
                                     .limit = FETCH_AT_ONCE,
                                     .of_one = UINT64_MAX};
        int r = capnp_timer_new(f->s->vat, FETCH_MS, job_on_timer, j, &j->timer);

        if (!r)
                r = ledger_take(&f->s->ledgers.of[LEDGER_FETCHERS], &q, &j->place);
        if (r)
                return r;

        capnp_i_list_append(&f->running, &j->link);
        j->number = ++f->last_request;
        if (!j->number)
                j->number = ++f->last_request;
        link_send_up(f->s, &(struct packet){.type = PACKET_FETCH, .index = j->number});
        return 0;
}

static void fetcher_on_time(void *arg)
{
        struct fetcher *f = arg;

        f->again = capnp_timer_free(f->again);
        fetcher_turn(f);
}

/* Whether a provider may be asked now; if not, somebody is called when one may. So strangers cannot
 * have us ask without end, and whose turn it is goes round all the same. */
static bool fetcher_may(struct fetcher *f)
{
        const uint64_t ahead = FETCH_BURST * FETCH_EVERY_MS, now = clock_boot_ms();

        if (f->due_ms < now)
                f->due_ms = now;
        if (f->due_ms < now + ahead) {
                f->due_ms += FETCH_EVERY_MS;
                return true;
        }
        if (!f->again && capnp_timer_new(f->s->vat, (uint32_t)(f->due_ms - now - ahead) + 1,
                                         fetcher_on_time, f, &f->again))
                f->again = NULL; /* the next that comes tries again */
        return false;
}

static void fetcher_turn(struct fetcher *f)
{
        const struct ledger *l = &f->s->ledgers.of[LEDGER_FETCHERS];

        while (l->used < FETCH_AT_ONCE && turns_count(&f->waiting) && fetcher_may(f)) {
                struct fetch_job *j = CAPNP_I_OF(turns_take(&f->waiting), struct fetch_job, turn);

                if (!job_run(j))
                        continue;
                j->lost = true;
                if (!j->fresh)
                        job_tell(j, NULL);
        }
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
        j->fresh = true;
        j->fd = -1;
        j->q = *q;
        memcpy(j->source, path->key[1], sizeof(j->source) - 1);
        capnp_i_list_init(&j->link);
        r = turns_add(&f->waiting, path, &j->turn, &out);
        if (!r)
                fetcher_turn(f);
        j->fresh = false;
        if (j->lost)
                r = -ENOMEM;
        if (r)
                job_free(j);
        else
                *ret_job = j;
        /* Whoever gives way may end, and end others: from here on j may be gone. */
        if (out)
                job_tell(CAPNP_I_OF(out, struct fetch_job, turn), NULL);
        return r;
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
        f->again = capnp_timer_free(f->again);
        f->s = NULL;
}
