/*
 * Connections that have come in and wait for their admission.
 *
 * Each admission takes a descriptor until it is over, also when its client has long gone: that is
 * seen a little later. So no more are made than there are descriptors for; the others wait here, in
 * order, and the gateway, which announces no more at once than fit in here, has its own patience
 * with them. A shortage that has not been foreseen (memory, what others of this machine hold) makes
 * them wait, too.
 */
#include "arrivals.h"

#include <capos/capnp.h>

#include "daemon-log.h"
#include "dispatch.h"
#include "io-loop.h"
#include "links.h"
#include "networks.h"
#include "origin.h"
#include "sessiond.h"

enum { AGAIN_MS = 50, LOG_MS = 60 * 1000 };

static void arrivals_on_time(void *arg);

static void arrivals_later(struct sessiond *s, uint32_t ms)
{
        struct arrivals *a = &s->arrivals;

        if (!a->timer && a->n && capnp_timer_new(s->vat, ms, arrivals_on_time, s, &a->timer))
                a->timer = NULL; /* then with the next one that comes or goes */
}

static void arrivals_log(struct arrivals *a, int r)
{
        uint64_t now = capos_io_now_ms();

        if (a->logged_ms && now - a->logged_ms < LOG_MS)
                return;

        daemon_log(LOG_WARNING, "connections have to wait (see `ulimit -n`): %s",
                   capnp_strerror(r));
        a->logged_ms = now;
}

/* Over TLS nobody can be admitted while there is nobody who signs. */
static bool arrivals_put_off(struct sessiond *s, const struct packet *event)
{
        const struct packet p = {.type = PACKET_LATER, .event = event->event};

        if (event->transport != TRANSPORT_TLS || link_has_signer(s))
                return false;

        link_send_gate(s, &p, NULL);
        return true;
}

/* An admission is over: there may be room. */
static void arrivals_go_on(struct sessiond *s)
{
        arrivals_later(s, 0);
}

static void arrivals_admit(struct sessiond *s)
{
        struct arrivals *a = &s->arrivals;
        int r = 0;

        while (!r && a->n && s->nadmissions < s->policy.max_admissions) {
                if (!arrivals_put_off(s, &a->queue[a->first]))
                        r = dispatch_open(s, &a->queue[a->first], arrivals_go_on, NULL);
                if (r)
                        break;
                a->first = (a->first + 1) % ARRIVALS_MAX;
                a->n--;
        }
        if (r) {
                arrivals_log(a, r);
                arrivals_later(s, AGAIN_MS);
        }
}

static void arrivals_on_time(void *arg)
{
        struct sessiond *s = arg;

        s->arrivals.timer = NULL;
        arrivals_admit(s);
}

/* Whether the manifest wants nobody from there; that is on record, counted. */
static bool arrivals_unwanted(struct sessiond *s, const struct packet *p)
{
        struct origin o;
        bool wanted;

        origin_init(&o, s, p);
        wanted = networks_admit(s->policy.admission, o.host);
        if (!wanted)
                audit_add_counted(&s->audit, origin_record(&o, "connection", "refused"));
        origin_deinit(&o);
        return !wanted;
}

void arrivals_add(struct sessiond *s, const struct packet *p)
{
        struct arrivals *a = &s->arrivals;

        if (a->n == ARRIVALS_MAX || arrivals_unwanted(s, p)) {
                link_send_gate(s, &(struct packet){.type = PACKET_REFUSED, .event = p->event},
                               NULL);
                return;
        }

        a->queue[(a->first + a->n++) % ARRIVALS_MAX] = *p;
        arrivals_admit(s);
}

void arrivals_forget(struct sessiond *s)
{
        s->arrivals.n = 0;
        s->arrivals.timer = capnp_timer_free(s->arrivals.timer);
}
