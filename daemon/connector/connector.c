/*
 * capos-connector: a server that knows nothing of the instance, as one of its services.
 *
 * To the session manager this is a service like any other: it is opened for each caller, at a
 * socket of the caller's own. To the server it is as many clients as there are callers, each with a
 * connection of its own, which ask for its bootstrap object. Between the two lies the RPC core
 * alone: a call that comes in by one connection and whose target is a reference of the other goes
 * on there, with its references, its promises and its end (doc/design/relay.md). So nothing here
 * knows what is said, and what one caller does ends with that caller.
 *
 * The process connects to nothing and starts nothing. It asks caposd for a stream, by a packet that
 * says nothing but that; where to, the manifest has told caposd (caposd/streams.c). One is asked
 * for at a time, and answered at once; over TCP what comes may be on its way still, for ten seconds
 * at most. Until it is there a caller's calls wait in a promise, within the caller's limits.
 *
 * Either end takes the other with it: a caller that goes closes its connection to the server, and a
 * server that goes, refuses, or breaks the protocol closes its caller, whose references break as
 * disconnected. Whoever asks for the capability again gets another connection. When a server takes
 * nobody for the moment (its queue is full), it is asked again for ten seconds.
 */
#include "base-list.h"
#include "daemon-log.h"
#include "io-loop.h"
#include "io-socket.h"
#include "kit-link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
        MIB = 1024 * 1024,
        CALLERS = 3072, /* two descriptors each, of 8,192 */
        AGAIN_MS = 50,
        PATIENCE_MS = 10 * 1000, /* with a server that takes nobody, and with a connection */
        SAID_MS = 500, /* a caller that cannot be served is told so before its connection goes */
};

/* Of every connection, on both sides; the rest is the kit's. */
#define LIMITS                                                                        \
        {                                                                             \
                .message_bytes = 8 * MIB, .out_bytes = 4 * MIB, .held_bytes = 8 * MIB \
        }

struct connector {
        capnp_vat *vat;
        const char *name;            /* the service's, in the manifest */
        struct capnp_limits limits;  /* of a connection to the server */
        struct capnp_i_list waiting; /* struct stream: for a connection to the server */
        bool asked;                  /* caposd, for one of them */
        capnp_timer *again;          /* it is asked then */
        bool unreachable;            /* which has been said */
        struct daemon_log_rate said;
};

/* A caller, and its connection to the server. */
struct stream {
        struct capnp_i_list link; /* connector.waiting */
        struct connector *c;
        struct kit_caller *caller;
        capnp_promise *promise; /* of what the server offers; NULL: it is decided */
        uint64_t patience_ms;   /* until then it waits for a server that takes nobody */
        int fd;                 /* is on its way to the server, or -1 */
        capnp_watch *way;       /* on that */
        capnp_conn *conn;
        capnp_timer *over; /* of that way, then of what is said to a caller that is closed */
};

/* ---- ends ----------------------------------------------------------------------------------- */

static const char *why_not(int r)
{
        return r == -EAGAIN ? "it takes nobody now" : capnp_strerror(r);
}

/* Says it once, and when it is not so any more. */
static void connector_note(struct connector *c, int r)
{
        bool news = c->unreachable != (r != 0);

        c->unreachable = r != 0;
        if (!news || !daemon_log_may(&c->said, capos_io_now_ms()))
                return;

        if (r)
                daemon_log(LOG_WARNING, "%s: the server cannot be reached: %s", c->name,
                           why_not(r));
        else
                daemon_log(LOG_NOTICE, "%s: the server can be reached again", c->name);
}

static void stream_over(void *arg)
{
        struct stream *s = arg;

        s->over = NULL;
        kit_close(s->caller);
}

/* Waits no more for what is on its way. The descriptor, if it has arrived, is the caller's. */
static int stream_arrive(struct stream *s)
{
        int fd = s->fd;

        s->fd = -1;
        s->way = capnp_watch_free(s->way);
        s->over = capnp_timer_free(s->over);
        return fd;
}

/*
 * There will be no connection: its calls fail, also those that are on their way here, and then the
 * caller goes. So who asks again and again makes us ask no more often than that.
 */
static void stream_fail(struct stream *s, int r)
{
        capnp_exception gone = {r == -EAGAIN ? CAPNP_OVERLOADED : CAPNP_DISCONNECTED, NULL};
        int fd = stream_arrive(s);
        char why[128];

        if (fd >= 0)
                (void)close(fd);
        (void)snprintf(why, sizeof(why), "the server cannot be reached: %s", why_not(r));
        gone.reason = why;
        connector_note(s->c, r);
        capnp_i_list_remove(&s->link);
        capnp_promise_break(s->promise, gone);
        s->promise = NULL;
        if (capnp_timer_new(s->c->vat, SAID_MS, stream_over, s, &s->over))
                kit_close(s->caller);
}

static void stream_on_close(capnp_conn *conn, void *arg)
{
        (void)conn;
        kit_close(((struct stream *)arg)->caller);
}

static void connector_closed(void *self, struct kit_caller *caller)
{
        static const capnp_exception gone = {CAPNP_DISCONNECTED, "the caller has gone"};
        struct stream *s = caller->data;
        int fd = stream_arrive(s);

        (void)self;
        if (fd >= 0)
                (void)close(fd);
        capnp_i_list_remove(&s->link);
        if (s->promise)
                capnp_promise_break(s->promise, gone);
        if (s->conn) {
                capnp_conn_on_close(s->conn, NULL, NULL);
                capnp_conn_close(s->conn, gone);
        }
        s->conn = capnp_conn_unref(s->conn);
        free(s);
}

/* ---- beginnings ----------------------------------------------------------------------------- */

static struct stream *connector_first(const struct connector *c)
{
        return capnp_i_list_empty(&c->waiting) ? NULL
                                               : CAPNP_I_OF(c->waiting.next, struct stream, link);
}

static void connector_ask(struct connector *c)
{
        int r;

        if (c->asked || c->again || !connector_first(c))
                return;

        r = kit_link_say(&(struct packet){.type = PACKET_DIAL});
        if (!r)
                c->asked = true;
        else /* it is the link that is over, which the kit learns, too */
                stream_fail(connector_first(c), r);
}

static void connector_on_again(void *arg)
{
        struct connector *c = arg;

        c->again = NULL;
        connector_ask(c);
}

static int connector_open(void *self, struct kit_caller *caller, const char *facet,
                          capnp_cap **ret_bootstrap)
{
        struct connector *c = self;
        struct stream *s = calloc(1, sizeof(*s));
        int r = s ? capnp_promise_new(c->vat, &s->promise, ret_bootstrap) : -ENOMEM;

        (void)facet; /* each has methods, which the kit holds it to */
        if (r) {
                free(s);
                return r;
        }

        s->c = c;
        s->fd = -1;
        s->caller = caller;
        s->patience_ms = capos_io_now_ms() + PATIENCE_MS;
        caller->data = s;
        capnp_i_list_init(&s->link);
        capnp_i_list_append(&c->waiting, &s->link);
        connector_ask(c);
        return 0;
}

static void stream_begin(struct stream *s, int fd)
{
        capnp_cap *root = NULL;
        int r = capnp_conn_new(s->c->vat, fd, &s->c->limits, NULL, &s->conn);

        if (!r)
                r = capnp_rpc_bootstrap(capnp_conn_rpc(s->conn), &root);
        if (r) {
                stream_fail(s, r);
                return;
        }

        connector_note(s->c, 0);
        capnp_conn_on_close(s->conn, stream_on_close, s);
        capnp_promise_resolve(s->promise, root);
        s->promise = NULL;
        capnp_cap_unref(root);
}

static void stream_on_way(void *arg, uint32_t events)
{
        struct stream *s = arg;
        int r = capos_io_socket_error(s->fd);

        (void)events;
        if (r)
                stream_fail(s, r);
        else
                stream_begin(s, stream_arrive(s));
}

static void stream_late(void *arg)
{
        struct stream *s = arg;

        s->over = NULL;
        stream_fail(s, -ETIMEDOUT);
}

/* The first that waits has a socket, which is taken, and connected when it can be written to. */
static void stream_take(struct stream *s, int fd)
{
        int r;

        capnp_i_list_remove(&s->link);
        s->fd = fd;
        r = capnp_watch_new(s->c->vat, fd, EPOLLOUT, stream_on_way, s, &s->way);
        if (!r)
                r = capnp_timer_new(s->c->vat, PATIENCE_MS, stream_late, s, &s->over);
        if (r)
                stream_fail(s, r);
}

/* The server takes nobody now: those who have waited for long do not any more, the rest asks again.
 */
static void connector_wait(struct connector *c)
{
        uint64_t now_ms = capos_io_now_ms();
        struct stream *s;

        while ((s = connector_first(c)) && s->patience_ms <= now_ms)
                stream_fail(s, -EAGAIN);
        if (s && capnp_timer_new(c->vat, AGAIN_MS, connector_on_again, c, &c->again))
                stream_fail(s, -ENOMEM);
}

static int connector_got(void *self, const struct packet *p, int fd)
{
        struct connector *c = self;
        struct stream *s = connector_first(c);

        if (!c->asked || (p->type != PACKET_STREAM && p->type != PACKET_NO_STREAM)) {
                if (fd >= 0)
                        (void)close(fd);
                return -EPROTO;
        }

        c->asked = false;
        if (p->type == PACKET_STREAM && fd < 0 && s)
                stream_fail(s, -EMFILE);
        else if (p->type == PACKET_STREAM && s)
                stream_take(s, fd);
        else if (p->type == PACKET_STREAM && fd >= 0)
                (void)close(fd); /* who waited has gone */
        else if (s && p->result == -EAGAIN)
                connector_wait(c);
        else if (s)
                stream_fail(s, p->result);
        connector_ask(c);
        return 0;
}

/* ---- life ----------------------------------------------------------------------------------- */

static int connector_start(const struct kit_start *start, void **ret_self)
{
        static struct connector c;

        if (start->argc != 2) {
                fprintf(stderr, "capos-connector: is started for a service with `connect` in an "
                                "instance's manifest\n");
                return -EINVAL;
        }

        c.vat = start->vat;
        c.name = start->argv[1];
        c.limits = kit_limits(&(struct capnp_limits)LIMITS);
        capnp_i_list_init(&c.waiting);
        *ret_self = &c;
        return 0;
}

static void connector_stop(void *self)
{
        struct connector *c = self;

        c->again = capnp_timer_free(c->again);
}

int main(int argc, char **argv)
{
        static const struct kit_link_ops link = {.got = connector_got};
        static const struct kit_service service = {
                .name = "capos-connector",
                .start = connector_start,
                .open = connector_open,
                .closed = connector_closed,
                .stop = connector_stop,
                .limits = LIMITS,
                .max_callers = CALLERS,
        };

        return kit_run_linked(&service, &link, argc, argv);
}
