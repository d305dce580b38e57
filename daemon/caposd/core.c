/*
 * Session manager, gateway and services: who is introduced to whom.
 *
 * Each pair that has something to say to each other gets a socket pair, made here, one end for
 * each; and a new pair whenever one of the two has been started anew. So a process never has to ask
 * for anybody, and cannot.
 *
 * When the session manager dies, no session survives: every worker is killed before the next one is
 * started.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "caposd.h"
#include "daemon-log.h"

enum {
        ADMIN_FD = 4,
        STATE_FD = 5,
        DIAG_FD = 7,
        LISTENER_FD = 8, /* and the numbers after it */
        MEET_AGAIN_MS = 100,
};

/* Adds a copy of a descriptor to what a program is started with. */
static int spawn_give(struct daemon_spawn *s, int fd, int at)
{
        int own = fcntl(fd, F_DUPFD_CLOEXEC, 16);

        if (own < 0)
                return -errno;

        s->fds[s->nfds].fd = own;
        s->fds[s->nfds].at = at;
        s->nfds++;
        return 0;
}

/* ---- introductions -------------------------------------------------------------------------- */

/* Without a pair there is no way on but to start one of the two again. */
static void core_introduction_failed(struct program *p, int r)
{
        daemon_log(LOG_ERR, "%s cannot be connected: %s", p->name, capnp_strerror(r));
        program_renew(p);
}

/* Where clients connect, for `capos status`. */
static void core_tell_endpoints(struct caposd *c)
{
        struct packet p = {.type = PACKET_ENDPOINT};

        for (unsigned i = 0; i < c->place.nlisteners; i++) {
                char text[LISTENING_TEXT];

                listening_format(&c->place.listeners[i], text);
                p.index = i;
                snprintf(p.address, sizeof(p.address), "%.*s", (int)sizeof(p.address) - 1, text);
                daemon_link_send(&c->sessiond.link, &p, NULL);
        }
}

/* Each time with a number of its own: what is said of an older link is no news. */
static void core_meet_gateway(struct caposd *c)
{
        struct packet p = {.type = PACKET_GATEWAY};
        int pair[2], r;

        if (!c->sessiond.running || !c->gateway.running)
                return;

        r = capos_io_packet_pair(pair);
        if (r) {
                core_introduction_failed(&c->gateway, r);
                return;
        }
        p.index = ++c->introductions;
        daemon_link_send(&c->sessiond.link, &p, &pair[0]);
        p.type = PACKET_SESSIOND;
        daemon_link_send(&c->gateway.link, &p, &pair[1]);
}

/* Neither has died, or there would be another introduction by now. */
static void core_meet_again(struct capos_io_timer *t)
{
        core_meet_gateway(CAPNP_I_OF(t, struct caposd, meet_again));
}

static void core_lost(struct caposd *c, const struct packet *p)
{
        if (p->index != c->introductions || c->meet_again.place || c->ending)
                return;

        daemon_log(LOG_WARNING, "gateway and session manager have lost each other");
        capos_io_timer_start(&c->meet_again, MEET_AGAIN_MS);
}

static void core_meet_service(struct caposd *c, struct service *s)
{
        const struct packet to_sessiond = {.type = PACKET_SERVICE, .index = s->index};
        const struct packet to_service = {.type = PACKET_CONTROL};
        int pair[2];

        if (!c->sessiond.running || !s->program.running)
                return;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) {
                core_introduction_failed(&s->program, -errno);
                return;
        }
        daemon_link_send(&c->sessiond.link, &to_sessiond, &pair[0]);
        daemon_link_send(&s->program.link, &to_service, &pair[1]);
        if (!c->up)
                daemon_link_send(&c->sessiond.link,
                                 &(struct packet){.type = PACKET_CHECK, .index = s->index}, NULL);
}

/* ---- what the session manager has found ----------------------------------------------------- */

/* Says where in the manifest it is, and what. */
static void core_complain(const struct caposd *c, const struct packet *p)
{
        service_reader s =
                service_list_get(manifest_services(manifest_root(c->manifest.msg)), p->index);
        profile_reader profile =
                profile_list_get(manifest_profiles(manifest_root(c->manifest.msg)), p->profile);
        grant_reader grant = grant_list_get(profile_bundle(profile), p->grant);
        const char *file = c->options.manifest ? c->options.manifest : "built-in manifest";

        if (p->check == CHECK_SILENT)
                daemon_log(LOG_WARNING,
                           "%s: services[%u]: %s does not answer: its interface and facets are not "
                           "checked",
                           file, p->index, service_name(s).p);
        if (p->check == CHECK_INTERFACE)
                daemon_log(LOG_ERR, "%s: services[%u].interfaceId: %s does not serve 0x%016" PRIx64,
                           file, p->index, service_program(s).p, service_interface_id(s));
        if (p->check == CHECK_FACET)
                daemon_log(LOG_ERR, "%s: profiles[%u].bundle[%u].facet: %s refuses `%s`: %s", file,
                           p->profile, p->grant, service_name(s).p, grant_facet(grant).p,
                           p->address);
}

static void core_checked(struct caposd *c, const struct packet *p)
{
        if (p->index >= c->nservices || c->up)
                return;

        c->services[p->index].checked = true;
        core_complain(c, p);
        if (p->check == CHECK_INTERFACE || p->check == CHECK_FACET ||
            (p->check == CHECK_SILENT && c->options.check))
                caposd_end(c, 1);
        else
                caposd_check_up(c);
}

/* ---- the session manager -------------------------------------------------------------------- */

static int sessiond_prepare(struct program *p, struct daemon_spawn *s)
{
        struct caposd *c = p->c;
        int r;

        r = spawn_give(s, c->place.admin, ADMIN_FD);
        if (!r)
                r = spawn_give(s, c->place.dir, STATE_FD);
        return r ? r : spawn_give(s, c->manifest_fd, MANIFEST_FD);
}

static void sessiond_started(struct program *p)
{
        struct caposd *c = p->c;

        core_tell_endpoints(c);
        core_meet_gateway(c);
        for (uint32_t i = 0; i < c->nservices; i++)
                core_meet_service(c, &c->services[i]);
}

static void sessiond_got(struct program *p, const struct packet *packet)
{
        if (packet->type == PACKET_PROVE)
                provers_start(p->c, packet->index);
        else if (packet->type == PACKET_KILL)
                workers_kill_event(p->c, packet->event);
        else if (packet->type == PACKET_LOST)
                core_lost(p->c, packet);
        else if (packet->type == PACKET_CHECKED)
                core_checked(p->c, packet);
}

static void sessiond_ended(struct program *p)
{
        if (!p->c->ending)
                workers_kill_all(p->c);
        provers_kill_all(p->c);
}

static const struct program_ops SESSIOND_OPS = {sessiond_prepare, sessiond_started, sessiond_got,
                                                sessiond_ended};

/* ---- the gateway ---------------------------------------------------------------------------- */

static int gateway_prepare(struct program *p, struct daemon_spawn *s)
{
        const struct place *place = &p->c->place;
        int r;

        r = spawn_give(s, p->c->manifest_fd, MANIFEST_FD);
        if (!r && place->diag >= 0)
                r = spawn_give(s, place->diag, DIAG_FD);
        for (unsigned i = 0; !r && i < place->nlisteners; i++)
                r = spawn_give(s, place->listeners[i].fd, LISTENER_FD + (int)i);
        return r;
}

static void gateway_started(struct program *p)
{
        workers_offer_all(p->c);
        core_meet_gateway(p->c);
        workers_fill(p->c);
}

static void gateway_got(struct program *p, const struct packet *packet)
{
        if (packet->type == PACKET_LOST)
                core_lost(p->c, packet);
        else
                workers_got(p->c, packet);
}

static void gateway_ended(struct program *p)
{
        workers_gateway_gone(p->c);
}

static const struct program_ops GATEWAY_OPS = {gateway_prepare, gateway_started, gateway_got,
                                               gateway_ended};

/* ---- services ------------------------------------------------------------------------------- */

static int service_prepare(struct program *p, struct daemon_spawn *s)
{
        struct service *service = CAPNP_I_OF(p, struct service, program);
        int fd, r;

        s->env = p->c->motd;
        if (!service->state)
                return 0;

        r = place_service(&p->c->place, p->name, &fd);
        if (r)
                return r;

        r = spawn_give(s, fd, STATE_FD);
        (void)close(fd);
        return r;
}

static void service_started(struct program *p)
{
        core_meet_service(p->c, CAPNP_I_OF(p, struct service, program));
}

/* It has nothing to say but that it is ready, once. */
static void service_got(struct program *p, const struct packet *packet)
{
        daemon_log(LOG_ERR, "%s has sent a packet of type %u, which is not its to send", p->name,
                   packet->type);
        program_refuse(p);
}

static void service_ended(struct program *p)
{
        (void)p; /* the session manager sees its sockets break */
}

static const struct program_ops SERVICE_OPS = {service_prepare, service_started, service_got,
                                               service_ended};

/* The program's own name, then what the manifest says. */
static int service_make_argv(struct program *p, service_reader s)
{
        capnp_list args = service_arguments(s);
        uint32_t n = args.len;

        p->argv = calloc(n + 2, sizeof(*p->argv));
        if (!p->argv)
                return -ENOMEM;

        p->argv[0] = p->path;
        for (uint32_t i = 0; i < n; i++)
                p->argv[i + 1] = service_arguments_at(args, i).p;
        return 0;
}

static int service_init(struct caposd *c, uint32_t index)
{
        service_reader s =
                service_list_get(manifest_services(manifest_root(c->manifest.msg)), index);
        struct service *service = &c->services[index];
        int r;

        service->index = index;
        service->state = service_state(s);
        r = program_init(&service->program, c, service_name(s).p, service_program(s).p,
                         &SERVICE_OPS);
        return r ? r : service_make_argv(&service->program, s);
}

/* ---- life ----------------------------------------------------------------------------------- */

int core_init(struct caposd *c)
{
        uint32_t n = service_list_len(manifest_services(manifest_root(c->manifest.msg)));
        int r;

        c->services = calloc(n ? n : 1, sizeof(*c->services));
        if (!c->services)
                return -ENOMEM;

        c->nservices = n;
        if (asprintf(&c->motd, "CAPOS_MOTD=%s", manifest_motd(manifest_root(c->manifest.msg)).p) <
            0) {
                c->motd = NULL;
                return -ENOMEM;
        }
        r = capos_io_timer_init(&c->meet_again, &c->loop, core_meet_again);
        if (!r)
                r = program_init(&c->sessiond, c, "capos-sessiond", "capos-sessiond",
                                 &SESSIOND_OPS);
        if (!r)
                r = program_init(&c->gateway, c, "capos-gateway", "capos-gateway", &GATEWAY_OPS);
        for (uint32_t i = 0; !r && i < n; i++)
                r = service_init(c, i);
        return r;
}

void core_deinit(struct caposd *c)
{
        capos_io_timer_deinit(&c->meet_again);
        program_deinit(&c->gateway);
        program_deinit(&c->sessiond);
        for (uint32_t i = 0; i < c->nservices; i++)
                program_deinit(&c->services[i].program);
        free(c->motd);
        c->motd = NULL;
        free(c->services);
        c->services = NULL;
        c->nservices = 0;
}
