/*
 * Plays session manager, service or prover in the tests of caposd: as much of each as caposd and
 * the gateway can tell. Which one it is, its name says.
 *
 * As session manager it makes an admission socket for every event and holds on to its end. Over the
 * admin socket a test can have it say things to its neighbours: one letter asks, one line answers.
 *
 *   w  the number of workers, as told      k  KILL the worker of the last event
 *   e  the number of events it knows       b  BOUND for the last event
 *   a  the address of the last one         p  PROVE: 1 when a prover's socket has come
 *   s  service sockets that have come      x  ends without a word
 *   u  UNBOUND for the last event          l  breaks the link to the gateway
 *
 * As service it says that it is ready; with the argument `silent` it does not, with `dies` it ends
 * at once, and with `floods` it sends what is not its to send, without end.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon-link.h"

enum { ADMIN_FD = 4, SERVICES_MAX = 16 };

/* The session manager's end of an admission connection. */
struct admission {
        struct capos_io_watch watch;
};

struct stand_in {
        struct capos_io_loop loop;
        struct daemon_link caposd, gateway;
        struct capos_io_watch admin;
        int asker; /* waits for the answer to p; -1 */
        int service[SERVICES_MAX];
        unsigned events, services, workers;
        uint32_t introduction;
        uint64_t last;
        char address[120];
};

/* The worker speaks, and is not answered; or it has gone. */
static void admission_ready(struct capos_io_watch *w, uint32_t events)
{
        char b[4096];

        (void)events;
        if (read(w->fd, b, sizeof(b)) > 0)
                return;

        capos_io_watch_deinit(w);
        (void)close(w->fd);
        free(CAPNP_I_OF(w, struct admission, watch));
}

static void stand_in_event(struct stand_in *s, const struct packet *p)
{
        const struct packet admission = {.type = PACKET_ADMISSION, .event = p->event};
        struct admission *a = calloc(1, sizeof(*a));
        int pair[2];

        if (!a || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0 ||
            capos_io_watch_init(&a->watch, &s->loop, pair[0], EPOLLIN, admission_ready))
                exit(1);

        s->events++;
        s->last = p->event;
        snprintf(s->address, sizeof(s->address), "%s", p->address);
        daemon_link_send(&s->gateway, &admission, &pair[1]);
}

static void gateway_got(struct daemon_link *l, const struct packet *p, const int *fds)
{
        (void)fds;
        if (p->type == PACKET_EVENT)
                stand_in_event(CAPNP_I_OF(l, struct stand_in, gateway), p);
}

static void gateway_closed(struct daemon_link *l)
{
        struct stand_in *s = CAPNP_I_OF(l, struct stand_in, gateway);

        daemon_link_send(&s->caposd,
                         &(struct packet){.type = PACKET_LOST, .index = s->introduction}, NULL);
}

static const struct daemon_link_ops GATEWAY_OPS = {gateway_got, gateway_closed};

static void stand_in_answer(struct stand_in *s, unsigned n)
{
        dprintf(s->asker, "%u\n", n);
        (void)close(s->asker);
        s->asker = -1;
}

static void caposd_got(struct daemon_link *l, const struct packet *p, const int *fds)
{
        struct stand_in *s = CAPNP_I_OF(l, struct stand_in, caposd);

        switch (p->type) {
        case PACKET_GATEWAY:
                s->introduction = p->index;
                daemon_link_deinit(&s->gateway);
                if (daemon_link_init(&s->gateway, &s->loop, fds[0], false, &GATEWAY_OPS))
                        exit(1);
                return;
        case PACKET_WORKERS:
                s->workers = p->index;
                break;
        case PACKET_SERVICE:
        case PACKET_CONTROL: /* for a service, index is 0 */
                s->services++;
                if (s->service[p->index % SERVICES_MAX])
                        (void)close(s->service[p->index % SERVICES_MAX]);
                s->service[p->index % SERVICES_MAX] = fds[0];
                return;
        case PACKET_PROVER:
                stand_in_answer(s, p->index == 7);
                break;
        case PACKET_CHECK:
                daemon_link_send(&s->caposd,
                                 &(struct packet){.type = PACKET_CHECKED, .index = p->index}, NULL);
                break;
        case PACKET_NEXT:
                daemon_link_send(&s->caposd,
                                 &(struct packet){.type = PACKET_NEXT_READ, .event = p->event},
                                 NULL);
                break;
        case PACKET_NEXT_CHECK:
                daemon_link_send(&s->caposd,
                                 &(struct packet){.type = PACKET_NEXT_CHECKED,
                                                  .event = p->event,
                                                  .index = p->index},
                                 NULL);
                break;
        default:
                break;
        }
        capos_io_fds_close(fds, packet_fds(p->type));
}

static void caposd_closed(struct daemon_link *l)
{
        (void)l;
        exit(0);
}

static const struct daemon_link_ops CAPOSD_OPS = {caposd_got, caposd_closed};

static void stand_in_do(struct stand_in *s, char what)
{
        const struct packet kill = {.type = PACKET_KILL, .event = s->last};
        const struct packet bound = {
                .type = PACKET_BOUND, .event = s->last, .conn_class = CLASS_ACCOUNT};
        const struct packet unbound = {.type = PACKET_UNBOUND, .event = s->last};
        const struct packet prove = {.type = PACKET_PROVE, .index = 7};

        switch (what) {
        case 'k':
                daemon_link_send(&s->caposd, &kill, NULL);
                stand_in_answer(s, 1);
                break;
        case 'b':
                daemon_link_send(&s->gateway, &bound, NULL);
                stand_in_answer(s, 1);
                break;
        case 'u':
                daemon_link_send(&s->gateway, &unbound, NULL);
                stand_in_answer(s, 1);
                break;
        case 'l':
                (void)shutdown(s->gateway.fd, SHUT_RDWR);
                stand_in_answer(s, 1);
                break;
        case 'p':
                daemon_link_send(&s->caposd, &prove, NULL); /* answered when it has come */
                break;
        case 'a':
                dprintf(s->asker, "%s\n", s->address);
                (void)close(s->asker);
                break;
        case 'x':
                exit(3);
        default:
                stand_in_answer(s, what == 'w'   ? s->workers
                                   : what == 'e' ? s->events
                                                 : s->services);
                break;
        }
}

static void admin_accept(struct capos_io_watch *w, uint32_t events)
{
        struct stand_in *s = CAPNP_I_OF(w, struct stand_in, admin);
        char what = 0;

        (void)events;
        s->asker = accept(w->fd, NULL, NULL);
        if (s->asker < 0)
                return;
        if (read(s->asker, &what, 1) == 1)
                stand_in_do(s, what);
        else
                (void)close(s->asker);
}

int main(int argc, char **argv)
{
        const struct packet ready = {.type = PACKET_READY};
        static struct stand_in s;
        bool is_sessiond = strstr(argv[0], "sessiond") != NULL;
        int r;

        if (argc > 1 && !strcmp(argv[1], "dies"))
                return 4;

        r = capos_io_loop_init(&s.loop);
        if (!r)
                r = daemon_link_init(&s.caposd, &s.loop, LINK_FD, true, &CAPOSD_OPS);
        if (!r && is_sessiond)
                r = capos_io_watch_init(&s.admin, &s.loop, ADMIN_FD, EPOLLIN, admin_accept);
        if (r)
                return 1;

        while (argc > 1 && !strcmp(argv[1], "floods"))
                daemon_link_send(&s.caposd, &(struct packet){.type = PACKET_KILL}, NULL);
        if (argc < 2 || strcmp(argv[1], "silent") != 0)
                daemon_link_send(&s.caposd, &ready, NULL);
        while (!r)
                r = capos_io_loop_turn(&s.loop, -1);
        return 1;
}
