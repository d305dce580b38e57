/*
 * Admission: the connection of one worker, and how far it has come.
 *
 * A worker reads whatever a client sends, so it is taken for hijacked. Its connection takes
 * messages of few segments and 64 KiB, no descriptors, and no capability, which is a limit of the
 * connection like the others. What may be called when is decided in one place (dispatch.c).
 *
 * The worker is bound to a session once: SHAKING if it has a handshake to do, FRESH, BOUND, ENDED,
 * never back. What it has to know at
 * once (the session is over, a capability is gone) waits for its `watch`; when it does not ask, or
 * does not ask again, within a second, caposd is told to kill it. The sockets behind its
 * capabilities have been shut before; what it serves itself ends with that. Who has asked for it is
 * answered then (admissions_return).
 */
#include "admit.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "daemon-log.h"
#include "links.h"
#include "sessiond.h"

enum { MESSAGE_BYTES = 64 * 1024, SEGMENTS = 8 };

static void admission_move(struct admission *ad, enum admission_state to)
{
        static const uint8_t may[] = {
                [ADMISSION_SHAKING] = ADMISSION_FRESH | ADMISSION_KILLED | ADMISSION_CLOSED,
                [ADMISSION_FRESH] = ADMISSION_BOUND | ADMISSION_KILLED | ADMISSION_CLOSED,
                [ADMISSION_BOUND] = ADMISSION_ENDED | ADMISSION_KILLED | ADMISSION_CLOSED,
                [ADMISSION_ENDED] = ADMISSION_KILLED | ADMISSION_CLOSED,
                [ADMISSION_KILLED] = ADMISSION_CLOSED,
                [ADMISSION_CLOSED] = 0,
        };

        assert(may[ad->state] & to);
        ad->state = to;
}

/* Nothing is asked of its worker any more. */
static bool admission_is_over(const struct admission *ad)
{
        switch (ad->state) {
        case ADMISSION_SHAKING:
        case ADMISSION_FRESH:
        case ADMISSION_BOUND:
        case ADMISSION_ENDED:
                return false;
        case ADMISSION_KILLED:
        case ADMISSION_CLOSED:
                break;
        }
        return true;
}

/* ---- rules ---------------------------------------------------------------------------------- */

void admission_audit(struct admission *ad, const char *what, const char *outcome,
                     const char *capability)
{
        struct capos_audit_record r = origin_record(&ad->origin, what, outcome);

        r.session = ad->session ? ad->session->id : NULL;
        r.account = ad->session && ad->session->account[0] ? ad->session->account : NULL;
        r.capability = capability;
        audit_add_counted(&ad->origin.s->audit, r);
}

/* Its worker is not to be trusted: a key that it has enrolled may be its own. */
static void admission_unenrol(struct admission *ad)
{
        if (ad->session)
                ad->session->enrolment = enrolment_end(ad->session->enrolment);
}

/* Its connection is left: what ends that is its own end. */
static void admission_put_down(struct admission *ad, const char *why)
{
        daemon_log(LOG_WARNING, "the worker of event %llu is killed: %s",
                   (unsigned long long)ad->origin.event, why);
        admission_audit(ad, "kill", why, NULL);
        admission_move(ad, ADMISSION_KILLED);
        link_kill(ad->origin.s, ad->origin.event);
        admission_unenrol(ad);
        if (ad->session)
                session_end(ad->session, SESSION_DISCONNECT, "the worker was killed");
}

void admission_kill(struct admission *ad, const char *why)
{
        if (admission_is_over(ad))
                return;

        admission_put_down(ad, why);
        capnp_conn_close(ad->conn, (capnp_exception){CAPNP_FAILED, why});
}

void admission_refused(struct admission *ad)
{
        if (ad->state == ADMISSION_FRESH && ++ad->refusals == ADMISSION_REFUSALS)
                admission_kill(ad, "too many refused attempts");
}

int admission_refuse_illegal(struct admission *ad, capnp_answer *a, const char *call)
{
        daemon_log(LOG_WARNING, "event %llu: an illegal call of %s",
                   (unsigned long long)ad->origin.event, call);
        admission_audit(ad, "illegal", call, NULL);
        (void)audit_fail(&ad->origin.s->audit, a, CAPNP_FAILED, "%s is illegal now", call);
        if (++ad->illegal == ADMISSION_ILLEGAL)
                admission_kill(ad, "too many illegal calls");
        return 0;
}

/* ---- notices -------------------------------------------------------------------------------- */

/* An answer that waits until each worker has acknowledged what there is to tell it by now. */
struct untold {
        struct capnp_i_list link;
        capnp_answer *answer;
        uint64_t upto;
};

static bool admissions_told(const struct sessiond *s, uint64_t upto)
{
        for (const struct capnp_i_list *l = s->admissions.next; l != &s->admissions; l = l->next) {
                const struct admission *ad = CAPNP_I_OF(l, struct admission, link);

                if (ad->untold && ad->untold <= upto)
                        return false;
        }
        return true;
}

/* It has acknowledged all, or is no more. */
static void admission_is_told(struct admission *ad)
{
        struct sessiond *s = ad->origin.s;
        struct capnp_i_list *l, *next;

        if (!ad->untold)
                return;

        ad->untold = 0;
        for (l = s->untold.next; l != &s->untold; l = next) {
                struct untold *u = CAPNP_I_OF(l, struct untold, link);

                next = l->next;
                if (!admissions_told(s, u->upto))
                        continue;
                capnp_i_list_remove(l);
                (void)audit_return(&s->audit, u->answer);
                free(u);
        }
}

/* One that is killed is waited for until it is seen to be gone. */
static void admission_on_no_ack(void *arg)
{
        static const char why[] = "a notice was not acknowledged";
        struct admission *ad = arg;

        ad->ack = NULL;
        if (!admission_is_over(ad)) {
                admission_put_down(ad, why);
                if (!capnp_timer_new(ad->origin.s->vat, ADMISSION_GONE_MS, admission_on_no_ack, ad,
                                     &ad->ack))
                        return;
        }
        capnp_conn_close(ad->conn, (capnp_exception){CAPNP_FAILED, why});
}

/* Whoever calls this goes on with the session, which ends when the connection closes. */
static void admission_kill_for_memory(struct admission *ad)
{
        if (admission_is_over(ad))
                return;

        admission_audit(ad, "kill", "no memory", NULL);
        admission_move(ad, ADMISSION_KILLED);
        admission_unenrol(ad);
        link_kill(ad->origin.s, ad->origin.event);
}

/* Without memory to wait with, the worker is killed. */
static void admission_expect_ack(struct admission *ad)
{
        if (!ad->untold)
                ad->untold = ++ad->origin.s->notices;
        if (!ad->ack &&
            capnp_timer_new(ad->origin.s->vat, ADMISSION_ACK_MS, admission_on_no_ack, ad, &ad->ack))
                admission_kill_for_memory(ad);
}

/* Without memory to wait with, those are killed that would be waited for. */
int admissions_return(struct sessiond *s, capnp_answer *a)
{
        struct untold *u = NULL;

        if (!admissions_told(s, s->notices)) {
                u = malloc(sizeof(*u));
                for (struct capnp_i_list *l = s->admissions.next; !u && l != &s->admissions;
                     l = l->next)
                        if (CAPNP_I_OF(l, struct admission, link)->untold)
                                admission_kill_for_memory(CAPNP_I_OF(l, struct admission, link));
        }
        if (!u)
                return audit_return(&s->audit, a);

        u->answer = a;
        u->upto = s->notices;
        capnp_i_list_init(&u->link);
        capnp_i_list_append(&s->untold, &u->link);
        return capnp_answer_keep(a, NULL, NULL);
}

/* The next revoked grant the worker has not been told of. */
static struct grant *admission_revoked(struct admission *ad)
{
        struct session *e = ad->session;

        for (unsigned i = 0; e && i < e->ngrants; i++)
                if (e->grants[i]->notice)
                        return e->grants[i];

        return NULL;
}

/* Whether the worker tells of calls, and should not, or the other way round. */
static bool admission_traces_wrongly(const struct admission *ad)
{
        return ad->session && ad->told_trace != ad->origin.s->live.traced;
}

static void admission_deliver(struct admission *ad)
{
        capnp_answer *a = ad->watcher;
        struct grant *g = admission_revoked(ad);

        ad->watcher = NULL;
        if (ad->ended_notice) {
                notice_set_ended(admission_watch_results_init_notice(a), ad->ended_reason);
                ad->ended_notice = false;
        } else if (!g && !ad->session->notice) {
                ad->told_trace = ad->origin.s->live.traced;
                notice_set_traced(admission_watch_results_init_notice(a), ad->told_trace);
        } else if (!g) {
                ad->session->notice = false;
                tally_follow(&ad->tallied, ad->session);
                session_fill(ad->session,
                             notice_init_renewed(admission_watch_results_init_notice(a)));
        } else {
                notice_builder n = admission_watch_results_init_notice(a);

                notice_set_revoked(n, g->name);
                notice_set_why(n, g->why ? g->why : "an administrator has revoked this capability");
                g->notice = false;
        }
        (void)capnp_answer_return(a);
        /* On its way before a service's socket ends, or open calls would say only that. */
        capnp_conn_flush(ad->conn);
}

static bool admission_has_news(struct admission *ad)
{
        return ad->ended_notice || admission_revoked(ad) || (ad->session && ad->session->notice);
}

/* There is something to tell the worker. */
static void admission_notify(struct admission *ad)
{
        if (admission_is_over(ad))
                return;

        if (ad->watcher)
                admission_deliver(ad);
        /* Before sockets to services are ended, which would look like services that died. */
        if (ad->conn)
                capnp_conn_flush(ad->conn);
        admission_expect_ack(ad);
}

/* It can wait: no worker is killed for it. */
static void admission_tell_trace(struct admission *ad)
{
        if (ad->watcher && !admission_is_over(ad) && admission_traces_wrongly(ad))
                admission_deliver(ad);
}

void admissions_trace(struct sessiond *s)
{
        for (struct capnp_i_list *l = s->admissions.next; l != &s->admissions; l = l->next)
                admission_tell_trace(CAPNP_I_OF(l, struct admission, link));
}

static void admission_on_watch_cancel(capnp_answer *a, void *arg)
{
        struct admission *ad = arg;

        if (ad->watcher == a)
                ad->watcher = NULL;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

int admission_wait(struct admission *ad, capnp_answer *a)
{
        if (ad->watcher)
                return admission_refuse_illegal(ad, a, "watch");

        /* Asking acknowledges what was delivered before. */
        ad->ack = capnp_timer_free(ad->ack);
        ad->watcher = a;
        (void)capnp_answer_keep(a, admission_on_watch_cancel, ad);
        if (admission_has_news(ad)) {
                admission_notify(ad);
                return 0;
        }
        admission_is_told(ad);
        admission_tell_trace(ad);
        return 0;
}

/* ---- the channel ---------------------------------------------------------------------------- */

void admissions_signed(struct sessiond *s, const struct packet *p)
{
        for (struct capnp_i_list *l = s->admissions.next; l != &s->admissions; l = l->next) {
                struct admission *ad = CAPNP_I_OF(l, struct admission, link);

                if (ad->origin.event != p->event || admission_is_over(ad))
                        continue; /* an event may be told twice (daemon/gateway) */
                if (!origin_signed(&ad->origin, p))
                        daemon_log(LOG_ERR, "event %llu: the signer has signed twice",
                                   (unsigned long long)p->event);
                return;
        }
}

/* The signer's record is on its way before its signature is; here it may come after this. */
int admission_shake(struct admission *ad, capnp_answer *a)
{
        int r;

        if (!ad->origin.channel.is_signed)
                link_hear_signer(ad->origin.s);
        r = capnp_answer_check(a) ? -EINVAL
                                  : origin_secured(&ad->origin, admission_secured_param_exporter(a),
                                                   admission_secured_param_handshake(a));
        if (r == -ENOMEM)
                return capos_i_refuse_no_memory(a);
        if (r)
                return admission_refuse_illegal(ad, a, "secured");

        admission_move(ad, ADMISSION_FRESH);
        return capnp_answer_return(a);
}

/* ---- binding and its end -------------------------------------------------------------------- */

static void admission_on_deadline(void *arg)
{
        struct admission *ad = arg;

        ad->deadline = NULL;
        admission_audit(ad, "timeout", ad->state == ADMISSION_FRESH ? "no session" : "lingering",
                        NULL);
        admission_kill(ad, "too late");
}

static void admission_set_deadline(struct admission *ad, uint64_t ms)
{
        ad->deadline = capnp_timer_free(ad->deadline);
        ad->deadline_ms = clock_boot_ms() + ms;
        if (ms && capnp_timer_new(ad->origin.s->vat, ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms,
                                  admission_on_deadline, ad, &ad->deadline))
                admission_kill(ad, "no memory");
}

uint32_t admission_stand_still(struct admission *ad, uint32_t ms)
{
        const uint32_t person_ms = ad->origin.s->policy.person_ms;
        uint64_t now = clock_boot_ms();

        if (ad->state != ADMISSION_FRESH)
                return ms;

        if (!ad->still_until_ms)
                ad->still_until_ms = now + (ms > person_ms ? ms : person_ms);
        if (ad->still_until_ms <= now)
                return 0;
        if (!ad->waits++) {
                ad->left_ms = ad->deadline_ms > now ? ad->deadline_ms - now : 0;
                admission_set_deadline(ad, 0);
        }
        return ad->still_until_ms - now < ms ? (uint32_t)(ad->still_until_ms - now) : ms;
}

/* At least long enough to be told why. */
void admission_go_on(struct admission *ad)
{
        if (ad->state == ADMISSION_FRESH && !--ad->waits)
                admission_set_deadline(ad, ad->left_ms > ADMISSION_TOLD_MS ? ad->left_ms
                                                                           : ADMISSION_TOLD_MS);
}

/* Which place the connection takes at the gateway. */
static void admission_tell_gateway(const struct admission *ad)
{
        struct packet p = {.type = PACKET_UNBOUND, .event = ad->origin.event};

        if (ad->session) {
                p.type = PACKET_BOUND;
                p.conn_class = session_class(ad->session->account, ad->session->kind);
        }
        link_send_gate(ad->origin.s, &p, NULL);
}

void admissions_tell_gateway(struct sessiond *s)
{
        for (struct capnp_i_list *l = s->admissions.next; l != &s->admissions; l = l->next) {
                struct admission *ad = CAPNP_I_OF(l, struct admission, link);

                if (ad->state == ADMISSION_ENDED || ad->session)
                        admission_tell_gateway(ad);
        }
}

static void admission_on_changed(void *arg)
{
        admission_notify(arg);
}

static void admission_on_ended(void *arg, enum session_end why, const char *reason)
{
        struct admission *ad = arg;

        ad->session = NULL;
        admission_tell_gateway(ad);
        snprintf(ad->ended_reason, sizeof(ad->ended_reason), "%s", reason);
        if (admission_is_over(ad))
                return;

        admission_move(ad, ADMISSION_ENDED);
        flows_end(&ad->flows);
        if (ad->registering)
                ad->registering_end(ad->registering);
        admission_set_deadline(ad, ADMISSION_LINGER_MS);
        if (why == SESSION_LOGOUT) /* it has asked for it */
                return;

        ad->ended_notice = true;
        admission_notify(ad);
}

static const struct session_ops session_ops = {.ended = admission_on_ended,
                                               .changed = admission_on_changed};

void admission_bind(struct admission *ad, struct session *e)
{
        admission_move(ad, ADMISSION_BOUND);
        ad->session = e;
        tally_begin(&ad->tallied, e);
        session_bind(e, &session_ops, ad);
        if (!e->account[0]) /* it cannot be renewed, so what it was made by is not wanted */
                origin_forget_handshake(&ad->origin);
        admission_set_deadline(ad, 0);
        admission_tell_gateway(ad);
        flows_bound(&ad->flows);
        admission_tell_trace(ad);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void admission_free(struct admission *ad)
{
        struct sessiond *s = ad->origin.s;
        bool counted = !capnp_i_list_empty(&ad->link);
        void (*freed)(struct sessiond *) = ad->freed;

        if (ad->state != ADMISSION_CLOSED || !ad->gone)
                return;

        capnp_i_list_remove(&ad->link);
        origin_deinit(&ad->origin);
        sodium_memzero(ad, sizeof(*ad));
        free(ad);
        if (!counted)
                return;

        s->nadmissions--;
        freed(s);
}

/* The connection is over, and so is all that hangs on it. */
static void admission_close(struct admission *ad, const char *reason)
{
        capnp_answer *watcher = ad->watcher;

        admission_move(ad, ADMISSION_CLOSED);
        ad->watcher = NULL;
        if (watcher)
                (void)capnp_answer_fail(watcher, CAPNP_DISCONNECTED, "over");
        flows_end(&ad->flows);
        if (ad->registering)
                ad->registering_end(ad->registering);
        if (ad->session)
                session_end(ad->session, SESSION_DISCONNECT, reason);
        ad->deadline = capnp_timer_free(ad->deadline);
        ad->ack = capnp_timer_free(ad->ack);
        ad->conn = capnp_conn_unref(ad->conn);
        admission_is_told(ad);
}

/* A worker that goes closes its socket. One that is cut off, whoever did it, may be alive. */
static void admission_on_close(capnp_conn *c, void *arg)
{
        struct admission *ad = arg;
        enum capnp_end end = capnp_rpc_end(capnp_conn_rpc(c));
        capnp_exception why = {CAPNP_DISCONNECTED, ""};

        if (!admission_is_over(ad)) {
                if (end == CAPNP_END_BROKEN && capnp_rpc_is_closed(capnp_conn_rpc(c), &why))
                        admission_audit(ad, "illegal", why.reason, NULL);
                if (end == CAPNP_END_BROKEN)
                        admission_unenrol(ad);
                if (end != CAPNP_END_CLOSED)
                        link_kill(ad->origin.s, ad->origin.event);
        }
        admission_close(ad, "the connection is gone");
        admission_free(ad);
}

void admission_gone(void *self)
{
        struct admission *ad = self;

        ad->gone = true;
        admission_free(ad);
}

/* Serves Admission on our end of a socket, which is taken. */
static int admission_serve_on(struct admission *ad, const struct admission_ops *calls, int fd)
{
        struct sessiond *s = ad->origin.s;
        const struct capnp_limits limits = {
                .message_bytes = MESSAGE_BYTES,
                .segments = SEGMENTS,
                .answers = 64,
                .refs = 128,
                .held_bytes = (uint64_t)4 * MESSAGE_BYTES,
                .fds = 1,
                /* What comes in is read without a control buffer. */
                .fds_out_only = true,
                .data_only = true,
                .wipe = true,
        };
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *root = NULL;
        int r = admission_serve(s->vat, calls, ad, &root);

        if (r) {
                close(fd);
                ad->gone = true;
                return r;
        }

        r = capnp_conn_new(s->vat, fd, &limits, root, &ad->conn);
        if (r)
                return r;

        capnp_conn_on_close(ad->conn, admission_on_close, ad);
        admission_set_deadline(ad, s->policy.admission_ms);
        return 0;
}

/* Gives the gateway what the worker will have: its end of our connection, and over TLS also one to
 * the signer, that is good for one signature. */
static void admission_hand_out(struct admission *ad, int end)
{
        struct packet p = {.type = PACKET_ADMISSION, .event = ad->origin.event};
        struct sessiond *s = ad->origin.s;
        int pair[2], fds[2] = {end, -1};

        if (ad->origin.transport == TRANSPORT_TLS) {
                if (!link_has_signer(s) || capos_io_packet_pair(pair)) {
                        close(end); /* which ends the admission, too */
                        p.type = PACKET_REFUSED;
                        link_send_gate(s, &p, NULL);
                        return;
                }
                p.type = PACKET_SIGN;
                link_send_signer(s, &p, &pair[0]);
                p.type = PACKET_ADMISSION_TLS;
                memcpy(p.nonce, ad->origin.channel.nonce, sizeof(p.nonce));
                fds[1] = pair[1];
        }
        link_send_gate(s, &p, fds);
}

int admission_new(struct sessiond *s, const struct packet *event, const struct admission_ops *calls,
                  void (*freed)(struct sessiond *s), struct admission **ret_ad)
{
        struct admission *ad;
        int ends[2], r;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends))
                return -errno;

        ad = calloc(1, sizeof(*ad));
        if (!ad) {
                close(ends[0]);
                close(ends[1]);
                return -ENOMEM;
        }

        origin_init(&ad->origin, s, event);
        ad->state = event->transport == TRANSPORT_TLS ? ADMISSION_SHAKING : ADMISSION_FRESH;
        ad->freed = freed;
        capnp_i_list_init(&ad->link);
        r = admission_serve_on(ad, calls, ends[0]);
        if (r) {
                close(ends[1]);
                admission_move(ad, ADMISSION_CLOSED);
                admission_free(ad);
                return r;
        }

        capnp_i_list_append(&s->admissions, &ad->link);
        s->nadmissions++;
        admission_hand_out(ad, ends[1]);
        *ret_ad = ad;
        return 0;
}

void admissions_end(struct sessiond *s)
{
        struct capnp_i_list *l, *next;

        for (l = s->admissions.next; l != &s->admissions; l = next) {
                struct admission *ad = CAPNP_I_OF(l, struct admission, link);

                next = l->next;
                if (ad->state == ADMISSION_CLOSED)
                        continue;
                capnp_conn_on_close(ad->conn, NULL, NULL);
                capnp_conn_close(ad->conn, (capnp_exception){CAPNP_DISCONNECTED, "shutting down"});
                admission_close(ad, "the instance is shutting down");
                admission_free(
                        ad); /* if what it serves has gone before, as of one that was killed */
        }
}
