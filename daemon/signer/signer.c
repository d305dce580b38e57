/*
 * The process that has the instance's private key.
 *
 * For every TLS connection the session manager makes a packet socket: one end comes here, named by
 * the connection's event, the other goes by way of the gateway to the worker that will have the
 * connection. The gateway says over it when that is so; then the worker may ask once: a transcript
 * hash in, a signature out, and the socket is closed. Whoever asks for a second one, or sends
 * anything else, finds it closed, too. So a hijacked worker has one handshake to spend, its own.
 *
 * The session manager must know what was signed before the worker can make any use of it: the
 * record goes out first, and the signature only when the record has left for its socket. While that
 * one is full, answers are held; and while there is no session manager, nothing is signed.
 *
 * A worker has ten seconds, from when the gateway has given it the connection: before that, however
 * long workers are in coming, no time runs. The gateway has a patience of its own, and what it lets
 * go of is closed here. When there are too many, the oldest of those that workers have gives way:
 * it has had most of its time. All are void with the session manager that sent them.
 *
 * A new key comes as two open files, for after its start this process opens none. The old key is
 * kept for the handshakes that are under way; its name is in each request, so no two processes have
 * to agree on when that is.
 */
#include "signer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RELEASE_MS = 5 };

/* ---- an event ------------------------------------------------------------------------------- */

static void event_free(struct event *e)
{
        e->signer->nevents--;
        capnp_i_list_remove(&e->link);
        capos_io_watch_deinit(&e->watch);
        (void)close(e->fd);
        OPENSSL_cleanse(&e->reply, sizeof(e->reply));
        free(e);
}

static void event_refuse(struct event *e, const char *why)
{
        struct signer *s = e->signer;

        if (daemon_log_may(&s->rate, capos_io_now_ms()))
                daemon_log(LOG_WARNING, "no signature for event %llu: %s",
                           (unsigned long long)e->number, why);
        event_free(e);
}

/* Lets the worker have it; the one thing it will ever have. */
static void event_answer(struct event *e)
{
        (void)!capos_io_packet_send(e->fd, &e->reply, sizeof(e->reply), NULL, 0);
        event_free(e);
}

static void signer_record(struct signer *s, uint64_t event, const struct sign_request *q)
{
        struct packet p = {.type = PACKET_SIGNED, .event = event};

        memcpy(p.nonce, q->hash, sizeof(p.nonce));
        memcpy(p.key_hash, q->key_hash, sizeof(p.key_hash));
        daemon_link_send(&s->sessiond, &p, NULL);
}

/* The record has to wait, so the answer does. */
static void event_hold(struct event *e)
{
        struct signer *s = e->signer;

        capos_io_watch_deinit(&e->watch);
        capnp_i_list_remove(&e->link);
        capnp_i_list_append(&s->held, &e->link);
        if (!s->release.place)
                capos_io_timer_start(&s->release, RELEASE_MS);
}

static void event_sign(struct event *e, const struct sign_request *q)
{
        struct signer *s = e->signer;
        int r = keys_sign(&s->keys, q, &e->reply);

        if (r) {
                event_refuse(e, r == -ENOKEY ? "it is asked of a key that is none of ours"
                                             : "OpenSSL cannot sign");
                return;
        }

        signer_record(s, e->number, q);
        if (s->sessiond.waiting)
                event_hold(e);
        else
                event_answer(e);
}

/* A worker has the connection: its time runs. */
static void event_begin(struct event *e)
{
        struct signer *s = e->signer;

        e->begun = true;
        e->since_ms = capos_io_now_ms();
        capnp_i_list_remove(&e->link);
        capnp_i_list_append(&s->open, &e->link);
        if (!s->late.place)
                capos_io_timer_start(&s->late, SIGNER_EVENT_MS);
}

static void event_ready(struct capos_io_watch *w, uint32_t events)
{
        struct event *e = CAPNP_I_OF(w, struct event, watch);
        struct sign_begin begin;
        struct sign_request q;
        int r = e->begun ? capos_io_packet_recv(w->fd, &q, sizeof(q), NULL, 0)
                         : capos_io_packet_recv(w->fd, &begin, sizeof(begin), NULL, 0);

        (void)events;
        switch (r) {
        case 0:
                if (e->begun)
                        event_sign(e, &q);
                else
                        event_begin(e);
                break;
        case CAPOS_IO_E_AGAIN:
                break;
        case CAPOS_IO_E_CLOSED:
                event_free(e); /* the connection has gone, without a handshake */
                break;
        default:
                event_refuse(e, "what was asked is no transcript hash");
                break;
        }
}

/* ---- all of them ---------------------------------------------------------------------------- */

static struct event *list_first(struct capnp_i_list *l)
{
        return capnp_i_list_empty(l) ? NULL : CAPNP_I_OF(l->next, struct event, link);
}

static void signer_drop_all(struct signer *s)
{
        struct event *e;

        while ((e = list_first(&s->waiting)))
                event_free(e);
        while ((e = list_first(&s->open)))
                event_free(e);
        while ((e = list_first(&s->held)))
                event_free(e);
}

static struct event *signer_find(struct signer *s, uint64_t number)
{
        struct capnp_i_list *const lists[] = {&s->waiting, &s->open, &s->held};

        for (unsigned i = 0; i < 3; i++) {
                for (struct capnp_i_list *l = lists[i]->next; l != lists[i]; l = l->next) {
                        struct event *e = CAPNP_I_OF(l, struct event, link);

                        if (e->number == number)
                                return e;
                }
        }
        return NULL;
}

static void signer_late(struct capos_io_timer *t)
{
        struct signer *s = CAPNP_I_OF(t, struct signer, late);
        uint64_t now = capos_io_now_ms();
        struct event *e;

        while ((e = list_first(&s->open)) && now - e->since_ms >= SIGNER_EVENT_MS)
                event_free(e);
        if (e)
                capos_io_timer_start(t, e->since_ms + SIGNER_EVENT_MS - now);
}

static void signer_release(struct capos_io_timer *t)
{
        struct signer *s = CAPNP_I_OF(t, struct signer, release);
        struct event *e;

        if (s->sessiond.waiting) {
                capos_io_timer_start(t, RELEASE_MS);
                return;
        }
        while ((e = list_first(&s->held)))
                event_answer(e);
}

static void signer_admit(struct signer *s, uint64_t number, int fd)
{
        struct event *e = NULL;

        if (signer_find(s, number))
                daemon_log(LOG_ERR, "event %llu came twice", (unsigned long long)number);
        else
                e = calloc(1, sizeof(*e));
        if (!e) {
                (void)close(fd); /* the worker's handshake fails, and no other */
                return;
        }

        *e = (struct event){.signer = s, .fd = fd, .number = number};
        if (capos_io_watch_init(&e->watch, &s->loop, fd, EPOLLIN, event_ready)) {
                (void)close(fd);
                free(e);
                return;
        }

        capnp_i_list_append(&s->waiting, &e->link);
        if (++s->nevents > SIGNER_EVENTS)
                event_refuse(list_first(capnp_i_list_empty(&s->open) ? &s->waiting : &s->open),
                             "too many connections are waiting for one");
}

/* ---- the session manager -------------------------------------------------------------------- */

static void sessiond_got(struct daemon_link *l, const struct packet *p, const int *fds)
{
        struct signer *s = CAPNP_I_OF(l, struct signer, sessiond);

        if (p->type == PACKET_SIGN)
                signer_admit(s, p->event, fds[0]);
        else
                capos_io_fds_close(fds, packet_fds(p->type));
}

/* Dead, or only its link: caposd knows, and makes us acquainted with whom there is. */
static void sessiond_closed(struct daemon_link *l)
{
        struct signer *s = CAPNP_I_OF(l, struct signer, sessiond);

        signer_drop_all(s);
        daemon_link_send(&s->caposd,
                         &(struct packet){.type = PACKET_LOST, .index = s->introduction}, NULL);
}

static const struct daemon_link_ops SESSIOND_OPS = {sessiond_got, sessiond_closed};

static void signer_meet(struct signer *s, uint32_t introduction, int fd)
{
        daemon_link_deinit(&s->sessiond);
        signer_drop_all(s);
        s->introduction = introduction;
        if (daemon_link_init(&s->sessiond, &s->loop, fd, true, &SESSIOND_OPS)) {
                (void)close(fd);
                s->done = true;
        }
}

/* ---- caposd --------------------------------------------------------------------------------- */

static void signer_say_key(struct signer *s, struct packet *p)
{
        memcpy(p->key_hash, s->keys.now.key_hash, sizeof(p->key_hash));
        daemon_link_send(&s->caposd, p, NULL);
}

static void signer_reload(struct signer *s, const struct packet *p, const int fds[2])
{
        struct packet answer = {.type = PACKET_RELOADED, .index = p->index};
        int r = keys_reload(&s->keys, fds[0], fds[1]);

        capos_io_fds_close(fds, 2);
        if (r)
                daemon_log(LOG_ERR, "the old key and certificate stay: %s",
                           capos_i_tls_identity_strerror(r));
        else
                capos_io_timer_start(&s->before, SIGNER_BEFORE_MS);
        answer.result = r;
        signer_say_key(s, &answer);
}

static void signer_before(struct capos_io_timer *t)
{
        keys_forget_before(&CAPNP_I_OF(t, struct signer, before)->keys);
}

static void caposd_got(struct daemon_link *l, const struct packet *p, const int *fds)
{
        struct signer *s = CAPNP_I_OF(l, struct signer, caposd);

        switch (p->type) {
        case PACKET_SESSIOND:
                signer_meet(s, p->index, fds[0]);
                break;
        case PACKET_RELOAD:
                signer_reload(s, p, fds);
                break;
        default:
                capos_io_fds_close(fds, packet_fds(p->type));
                break;
        }
}

static void caposd_closed(struct daemon_link *l)
{
        CAPNP_I_OF(l, struct signer, caposd)->done = true;
}

static const struct daemon_link_ops CAPOSD_OPS = {caposd_got, caposd_closed};

/* ---- life ----------------------------------------------------------------------------------- */

int signer_init(struct signer *s, int link, struct keys *keys)
{
        struct packet ready = {.type = PACKET_READY};
        int r;

        *s = (struct signer){.done = false};
        capnp_i_list_init(&s->waiting);
        capnp_i_list_init(&s->open);
        capnp_i_list_init(&s->held);
        r = capos_io_loop_init(&s->loop);
        if (r)
                return r;

        r = capos_io_timer_init(&s->late, &s->loop, signer_late);
        if (!r)
                r = capos_io_timer_init(&s->release, &s->loop, signer_release);
        if (!r)
                r = capos_io_timer_init(&s->before, &s->loop, signer_before);
        if (!r)
                r = daemon_link_init(&s->caposd, &s->loop, link, true, &CAPOSD_OPS);
        if (r) {
                signer_deinit(s);
                return r;
        }

        s->keys = *keys;
        *keys = (struct keys){0};
        signer_say_key(s, &ready);
        return 0;
}

int signer_run(struct signer *s)
{
        int r = 0;

        while (!r && !s->done)
                r = capos_io_loop_turn(&s->loop, -1);
        return r;
}

void signer_deinit(struct signer *s)
{
        signer_drop_all(s);
        daemon_link_deinit(&s->sessiond);
        daemon_link_deinit(&s->caposd);
        capos_io_timer_deinit(&s->late);
        capos_io_timer_deinit(&s->release);
        capos_io_timer_deinit(&s->before);
        capos_io_loop_deinit(&s->loop);
        keys_deinit(&s->keys);
}
