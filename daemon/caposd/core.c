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

#include "core.h"
#include "daemon-log.h"
#include "manifest-facets.h"
#include "manifest-load.h"

enum {
        WHAT_BYTES = 256,
        ADMIN_FD = 4,
        STATE_FD = 5,
        SCHEMA_FD = 6, /* of a connector */
        DIAG_FD = 7,
        LISTENER_FD = 8, /* and the numbers after it */
        MEET_AGAIN_MS = 100,
        SILENT_MS = 1000, /* a service that lives this long is ready, whether it says so or not */
};

/* ---- introductions -------------------------------------------------------------------------- */

/* Without a pair there is no way on but to start one of the two again. */
static void core_introduction_failed(struct program *p, int r)
{
        daemon_log(LOG_ERR, "%s cannot be connected: %s", p->name, capnp_strerror(r));
        program_renew(p);
}

static void core_tell_endpoint(struct core *c, unsigned index)
{
        const struct certificate *id = &c->identity->certificate;
        struct packet p = {.type = PACKET_ENDPOINT, .index = index};
        char text[LISTENING_ADDRESS];

        listening_format(&c->place->listeners[index], id->fd < 0 ? NULL : id->key_hash, text);
        snprintf(p.address, sizeof(p.address), "%.*s", (int)sizeof(p.address) - 1, text);
        daemon_link_send(&c->sessiond.link, &p, NULL);
}

/* What it is known by, if there is TLS. */
static void core_tell_identity(struct core *c)
{
        const struct certificate *id = &c->identity->certificate;
        struct packet p = {.type = PACKET_IDENTITY, .until_s = id->until_s};

        if (id->fd < 0)
                return;

        snprintf(p.address, sizeof(p.address), "%s", id->names);
        daemon_link_send(&c->sessiond.link, &p, NULL);
}

void core_tell(struct core *c)
{
        const struct packet confined = {.type = PACKET_CONFINED,
                                        .index = c->keeper->confinement.layers,
                                        .check = c->keeper->confinement.full};

        if (!c->sessiond.running)
                return;

        daemon_link_send(&c->sessiond.link, &confined, NULL);
        core_tell_identity(c);
        for (unsigned i = 0; i < c->place->nlisteners; i++)
                core_tell_endpoint(c, i);
}

void core_tell_rules(struct core *c, uint32_t request, int result)
{
        const struct packet p = {.type = PACKET_RULES,
                                 .index = request,
                                 .result = result,
                                 .until_s = c->lists_until_s,
                                 .authorities_s = c->authorities_s};
        int fd;

        if (c->rules_fd < 0 || !c->sessiond.running)
                return;

        fd = fcntl(c->rules_fd, F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
                core_introduction_failed(&c->sessiond, -errno);
        else
                daemon_link_send(&c->sessiond.link, &p, &fd);
}

static void core_tell_providers(struct core *c)
{
        const struct packet p = {.type = PACKET_PROVIDERS};
        int fd;

        if (c->providers_fd < 0)
                return;

        fd = fcntl(c->providers_fd, F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
                core_introduction_failed(&c->sessiond, -errno);
        else
                daemon_link_send(&c->sessiond.link, &p, &fd);
}

/*
 * A link between the session manager and another. Each time with a number of its own: what is said
 * of an older link is no news. type: what the session manager is told. The number, or 0.
 */
static uint32_t core_meet(struct core *c, struct program *other, enum packet_type type)
{
        struct packet p = {.type = type};
        int pair[2], r;

        if (!c->sessiond.running || !other->running)
                return 0;

        r = capos_io_packet_pair(pair);
        if (r) {
                core_introduction_failed(other, r);
                return 0;
        }
        p.index = ++c->introductions;
        daemon_link_send(&c->sessiond.link, &p, &pair[0]);
        p.type = PACKET_SESSIOND;
        daemon_link_send(&other->link, &p, &pair[1]);
        return p.index;
}

static void core_meet_gateway(struct core *c)
{
        c->gateway_met = core_meet(c, &c->gateway, PACKET_GATEWAY);
}

void core_meet_signer(struct core *c)
{
        c->signer_met = core_meet(c, &c->identity->signer, PACKET_SIGNER);
}

/* Neither has died, or there would be another introduction by now. */
static void core_meet_again(struct capos_io_timer *t)
{
        struct core *c = CAPNP_I_OF(t, struct core, meet_again);

        if (!c->gateway_met)
                core_meet_gateway(c);
        if (!c->signer_met)
                core_meet_signer(c);
}

static void core_lost(struct core *c, const struct packet *p)
{
        uint32_t *met = p->index == c->gateway_met ? &c->gateway_met : &c->signer_met;

        if (!p->index || p->index != *met || c->keeper->ending)
                return;

        daemon_log(LOG_WARNING, "%s and session manager have lost each other",
                   met == &c->gateway_met ? "gateway" : "signer");
        *met = 0;
        if (!c->meet_again.place)
                capos_io_timer_start(&c->meet_again, MEET_AGAIN_MS);
}

/* Whether the session manager has to ask it which methods it has, in whichever life. */
static bool core_has_methods(const struct core *c, const struct service *s)
{
        return !s->next && manifest_facets_ask(service_list_get(
                                   manifest_services(manifest_root(c->manifest->msg)), s->index));
}

void core_meet_service(struct core *c, struct service *s)
{
        const struct packet to_sessiond = {.type = s->next ? PACKET_NEXT_SERVICE : PACKET_SERVICE,
                                           .index = s->index};
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
        if (!c->keeper->up || core_has_methods(c, s))
                daemon_link_send(&c->sessiond.link,
                                 &(struct packet){.type = PACKET_CHECK, .index = s->index}, NULL);
}

/* ---- what the session manager has found ----------------------------------------------------- */

/* Of what the service's own entry declares. */
static void core_complain_facets(const struct daemon_manifest *of, const struct packet *p,
                                 service_reader s)
{
        facet_reader facet = facet_list_get(service_facets(s), p->facet);
        char path[64], what[WHAT_BYTES] = "";

        (void)snprintf(path, sizeof(path), "services[%u].facets", p->index);
        if (p->check == CHECK_UNKNOWN)
                (void)snprintf(what, sizeof(what), "%s does not say which methods it has",
                               service_name(s).p);
        if (p->check == CHECK_DECLARED) {
                (void)snprintf(path, sizeof(path), "services[%u].facets[%u].name", p->index,
                               p->facet);
                (void)snprintf(what, sizeof(what), "%s refuses `%s`: %s", service_name(s).p,
                               facet_name(facet).p, p->address);
        }
        if (p->check == CHECK_METHOD) {
                (void)snprintf(path, sizeof(path), "services[%u].facets[%u].methods[%u]", p->index,
                               p->facet, p->method);
                (void)snprintf(what, sizeof(what), "`%s`: %s",
                               facet_methods_at(facet_methods(facet), p->method).p, p->address);
        }
        if (what[0])
                manifest_complain((void *)(uintptr_t)of, path, what);
}

/* Of a facet that it refuses: where it is named. */
static void core_complain_grant(const struct daemon_manifest *of, const struct packet *p,
                                service_reader s)
{
        manifest_reader m = manifest_root(of->msg);
        profile_reader profile = profile_list_get(manifest_profiles(m), p->profile);
        service_reader holder = service_list_get(manifest_services(m), p->profile);
        bool held = p->check == CHECK_HELD;
        grant_list l = held ? service_grants(holder) : profile_bundle(profile);
        char path[64], what[WHAT_BYTES];

        (void)snprintf(path, sizeof(path),
                       held ? "services[%u].grants[%u].facet" : "profiles[%u].bundle[%u].facet",
                       p->profile, p->grant);
        (void)snprintf(what, sizeof(what), "%s refuses `%s`: %s", service_name(s).p,
                       grant_facet(grant_list_get(l, p->grant)).p, p->address);
        manifest_complain((void *)(uintptr_t)of, path, what);
}

/* Says where in the manifest it is, and what. */
void core_complain(const struct daemon_manifest *of, const struct packet *p)
{
        manifest_reader m = manifest_root(of->msg);
        service_reader s = service_list_get(manifest_services(m), p->index);
        char path[64], what[WHAT_BYTES];

        if (p->check == CHECK_SILENT || p->check == CHECK_UNKNOWN)
                daemon_log(LOG_WARNING,
                           "%s: services[%u]: %s does not answer: its interface and facets are not "
                           "checked",
                           of->name, p->index, service_name(s).p);
        if (p->check == CHECK_INTERFACE) {
                (void)snprintf(path, sizeof(path), "services[%u].interfaceId", p->index);
                (void)snprintf(what, sizeof(what), "%s %s 0x%016" PRIx64,
                               manifest_connects(s) ? service_schema(s).p : service_program(s).p,
                               manifest_connects(s) ? "is no compiled schema that has"
                                                    : "does not serve",
                               service_interface_id(s));
                manifest_complain((void *)(uintptr_t)of, path, what);
        }
        if (p->check == CHECK_FACET || p->check == CHECK_HELD)
                core_complain_grant(of, p, s);
        core_complain_facets(of, p, s);
}

bool core_found_wrong(const struct packet *p, bool demanding)
{
        switch ((enum packet_check)p->check) {
        case CHECK_GOOD:
                return false;
        case CHECK_SILENT:
                return demanding;
        case CHECK_UNKNOWN:
        case CHECK_INTERFACE:
        case CHECK_FACET:
        case CHECK_HELD:
        case CHECK_DECLARED:
        case CHECK_METHOD:
                return true;
        }
        return true;
}

static void core_checked(struct core *c, const struct packet *p)
{
        if (p->index >= c->nservices)
                return;
        if (c->keeper->up) {
                core_complain(c->manifest, p);
                return;
        }
        /* Of one that has died, its end says more, and comes in a moment. */
        if ((p->check == CHECK_UNKNOWN || (p->check == CHECK_SILENT && c->options->check)) &&
            daemon_link_is_over(&c->services[p->index]->program.link))
                return;

        c->services[p->index]->checked = true;
        core_complain(c->manifest, p);
        if (core_found_wrong(p, c->options->check))
                c->keeper->hopeless(c->keeper);
        else
                c->keeper->changed(c->keeper);
}

/* ---- the session manager -------------------------------------------------------------------- */

static struct core *core_of_sessiond(struct program *p)
{
        return CAPNP_I_OF(p, struct core, sessiond);
}

static int sessiond_prepare(struct program *p, struct daemon_spawn *s)
{
        struct core *c = core_of_sessiond(p);
        int r;

        r = program_give(s, c->place->admin, ADMIN_FD);
        if (!r)
                r = program_give(s, c->place->dir, STATE_FD);
        if (!r)
                r = program_give(s, c->manifest_fd, MANIFEST_FD);
        confine_program(&c->keeper->confinement, USER_SESSIOND, STATE_FD, s);
        return r;
}

static void sessiond_started(struct program *p)
{
        struct core *c = core_of_sessiond(p);

        core_tell(c);
        core_tell_rules(c, 0, 0);
        core_tell_providers(c);
        core_meet_gateway(c);
        core_meet_signer(c);
        for (uint32_t i = 0; i < c->nservices; i++)
                core_meet_service(c, c->services[i]);
}

static void sessiond_got(struct program *p, const struct packet *packet)
{
        struct core *c = core_of_sessiond(p);

        if (packet->type == PACKET_PROVE && requests_start(c->provers, packet->index))
                program_renew(p);
        else if (packet->type == PACKET_FETCH && requests_start(c->fetchers, packet->index))
                program_renew(p);
        else if (packet->type == PACKET_KILL)
                workers_kill_event(c->workers, packet->event);
        else if (packet->type == PACKET_LOST)
                core_lost(c, packet);
        else if (packet->type == PACKET_RENEW)
                identity_reload(core_of_sessiond(p)->identity, packet->index);
        else if (packet->type == PACKET_REREAD)
                c->reread(c, packet->index);
        else if (packet->type == PACKET_CHECKED)
                core_checked(c, packet);
        else if (packet->type == PACKET_CHANGE || packet->type == PACKET_NEXT_READ ||
                 packet->type == PACKET_NEXT_CHECKED)
                c->change(c, packet);
}

static void sessiond_ended(struct program *p)
{
        struct core *c = core_of_sessiond(p);

        if (!c->keeper->ending)
                workers_kill_all(c->workers);
        c->change(c, NULL);
        requests_kill_all(c->provers);
        requests_kill_all(c->fetchers);
}

static const struct program_ops SESSIOND_OPS = {.prepare = sessiond_prepare,
                                                .started = sessiond_started,
                                                .got = sessiond_got,
                                                .ended = sessiond_ended};

/* ---- the gateway ---------------------------------------------------------------------------- */

static struct core *core_of_gateway(struct program *p)
{
        return CAPNP_I_OF(p, struct core, gateway);
}

static int gateway_prepare(struct program *p, struct daemon_spawn *s)
{
        const struct core *c = core_of_gateway(p);
        const struct place *place = c->place;
        int r;

        r = program_give(s, c->manifest_fd, MANIFEST_FD);
        if (!r && place->diag >= 0)
                r = program_give(s, place->diag, DIAG_FD);
        for (unsigned i = 0; !r && i < place->nlisteners; i++)
                r = program_give(s, place->listeners[i].fd, LISTENER_FD + (int)i);
        confine_program(&c->keeper->confinement, USER_GATEWAY, 0, s);
        return r;
}

static void gateway_started(struct program *p)
{
        struct core *c = core_of_gateway(p);

        workers_offer_all(c->workers);
        core_meet_gateway(c);
        workers_fill(c->workers);
}

static void gateway_got(struct program *p, const struct packet *packet)
{
        if (packet->type == PACKET_LOST)
                core_lost(core_of_gateway(p), packet);
        else
                workers_got(core_of_gateway(p)->workers, packet);
}

static void gateway_ended(struct program *p)
{
        workers_gateway_gone(core_of_gateway(p)->workers);
}

static const struct program_ops GATEWAY_OPS = {.prepare = gateway_prepare,
                                               .started = gateway_started,
                                               .got = gateway_got,
                                               .ended = gateway_ended};

/* ---- services ------------------------------------------------------------------------------- */

static int service_give_schema(const struct service *service, struct daemon_spawn *s)
{
        int fd = streams_schema(service->streams), r;

        if (fd < 0)
                return fd;

        r = program_give(s, fd, SCHEMA_FD);
        (void)close(fd);
        return r;
}

static int service_prepare(struct program *p, struct daemon_spawn *s)
{
        struct service *service = CAPNP_I_OF(p, struct service, program);
        const struct confine *c = &p->keeper->confinement;
        unsigned user = USER_SERVICES + service->user;
        int fd, r;

        s->env = service->core->motd;
        confine_program(c, user, service->state ? STATE_FD : 0, s);
        if (service->streams)
                return service_give_schema(service, s);
        if (!service->state)
                return 0;

        r = place_service(service->core->place, p->name, &fd);
        if (r)
                return r;

        r = confine_own(c, user, fd);
        if (!r)
                r = program_give(s, fd, STATE_FD);
        (void)close(fd);
        return r;
}

static void service_started(struct program *p)
{
        struct service *s = CAPNP_I_OF(p, struct service, program);

        if (!s->next) /* else when the session manager knows of it */
                core_meet_service(s->core, s);
}

/* It has nothing to say but that it is ready, once; a connector asks for streams. */
static void service_got(struct program *p, const struct packet *packet)
{
        struct streams *streams = CAPNP_I_OF(p, struct service, program)->streams;

        if (streams && packet->type == PACKET_DIAL) {
                if (streams_dial(streams, &p->link))
                        return;
                daemon_log(LOG_ERR, "%s does not read what it asks for", p->name);
                program_refuse(p);
                return;
        }

        daemon_log(LOG_ERR, "%s has sent a packet of type %u, which is not its to send", p->name,
                   packet->type);
        program_refuse(p);
}

static void service_ended(struct program *p)
{
        (void)p; /* the session manager sees its sockets break */
}

static const struct program_ops SERVICE_OPS = {.prepare = service_prepare,
                                               .started = service_started,
                                               .got = service_got,
                                               .ended = service_ended};

static bool user_is_taken(const struct core *c, unsigned user)
{
        for (const struct capnp_i_list *l = c->all.next; l != &c->all; l = l->next)
                if (CAPNP_I_OF(l, struct service, of_all)->user == user)
                        return true;
        return false;
}

static void service_free(struct service *s)
{
        capnp_i_list_remove(&s->of_all);
        capnp_i_list_remove(&s->link);
        program_deinit(&s->program);
        s->streams = streams_free(s->streams);
        free(s->name);
        free(s);
}

/* A server that knows nothing of the instance has a process of ours in its place. */
static int service_init(struct service *s, struct keeper *k, service_reader r)
{
        const char *file = service_program(r).p;
        capnp_list arguments = service_arguments(r);
        int e = 0;

        s->name = strdup(service_name(r).p);
        if (!s->name)
                return -ENOMEM;

        if (manifest_connects(r)) {
                e = streams_new(k, r, USER_SERVICES + s->user, &s->streams);
                file = "capos-connector";
                arguments = (capnp_list){0};
        }
        if (!e)
                e = program_init(&s->program, k, s->name, file, &SERVICE_OPS);
        if (!e)
                s->program.argv =
                        program_argv(s->program.path, arguments, s->name, s->streams != NULL);
        return e || s->program.argv ? e : -ENOMEM;
}

int core_new_service(struct core *c, manifest_reader m, uint32_t index, struct service **ret)
{
        service_reader r = service_list_get(manifest_services(m), index);
        struct service *s = calloc(1, sizeof(*s));
        int e;

        if (!s)
                return -ENOMEM;

        *s = (struct service){.core = c, .index = index, .state = service_state(r)};
        while (user_is_taken(c, s->user))
                s->user++;
        if (s->user >= USERS - USER_SERVICES) {
                daemon_log(LOG_ERR, "%s: too many services at once", service_name(r).p);
                free(s);
                return CAPOSD_E_SAID;
        }
        capnp_i_list_init(&s->link);
        capnp_i_list_init(&s->of_all);
        capnp_i_list_append(&c->all, &s->of_all);
        e = service_init(s, c->keeper, r);
        if (e)
                service_free(s);
        else
                *ret = s;
        return e;
}

void core_dismiss(struct core *c, struct service *s)
{
        program_dismiss(&s->program);
        capnp_i_list_append(&c->leaving, &s->link);
}

static bool is_leaving(const struct core *c, const char *name)
{
        for (const struct capnp_i_list *l = c->leaving.next; l != &c->leaving; l = l->next)
                if (!strcmp(CAPNP_I_OF(l, struct service, link)->program.name, name))
                        return true;
        return false;
}

void core_sweep(struct core *c)
{
        struct capnp_i_list *l, *next;

        for (l = c->leaving.next; l != &c->leaving; l = next) {
                struct service *s = CAPNP_I_OF(l, struct service, link);

                next = l->next;
                if (!s->program.running)
                        service_free(s);
        }
        for (uint32_t i = 0; i < c->nservices; i++) {
                struct service *s = c->services[i];

                if (!s->late || is_leaving(c, s->program.name))
                        continue;
                s->late = false;
                program_start(&s->program);
        }
}

/* A word for each listener. */
static int gateway_make_argv(struct program *p, const struct place *place)
{
        p->argv = calloc(place->nlisteners + 2, sizeof(*p->argv));
        if (!p->argv)
                return -ENOMEM;

        p->argv[0] = p->name;
        for (unsigned i = 0; i < place->nlisteners; i++)
                p->argv[i + 1] = capos_transport_name(place->listeners[i].transport);
        return 0;
}

/* ---- being there ---------------------------------------------------------------------------- */

bool core_service_is_ready(const struct service *s)
{
        const struct program *p = &s->program;
        bool silent = p->running && capos_io_now_ms() - p->started_ms >= SILENT_MS;

        return s->checked && (p->ready || silent);
}

bool core_is_ready(const struct core *c)
{
        if (!c->sessiond.ready || !c->gateway.ready)
                return false;
        for (uint32_t i = 0; i < c->nservices; i++)
                if (!core_service_is_ready(c->services[i]))
                        return false;
        return true;
}

bool core_is_running(const struct core *c)
{
        if (c->sessiond.running || c->gateway.running)
                return true;
        for (const struct capnp_i_list *l = c->all.next; l && l != &c->all; l = l->next)
                if (CAPNP_I_OF(l, struct service, of_all)->program.running)
                        return true;
        return false;
}

/* ---- life ----------------------------------------------------------------------------------- */

int core_init(struct core *c)
{
        uint32_t n = service_list_len(manifest_services(manifest_root(c->manifest->msg)));
        int r;

        capnp_i_list_init(&c->leaving);
        capnp_i_list_init(&c->all);
        c->services = calloc(n + 1, sizeof(struct service *));
        if (!c->services)
                return -ENOMEM;

        if (asprintf(&c->motd, "CAPOS_MOTD=%s", manifest_motd(manifest_root(c->manifest->msg)).p) <
            0) {
                c->motd = NULL;
                return -ENOMEM;
        }
        r = capos_io_timer_init(&c->meet_again, &c->keeper->loop, core_meet_again);
        if (!r)
                r = program_init(&c->sessiond, c->keeper, "capos-sessiond", "capos-sessiond",
                                 &SESSIOND_OPS);
        if (!r)
                r = program_init(&c->gateway, c->keeper, "capos-gateway", "capos-gateway",
                                 &GATEWAY_OPS);
        if (!r)
                r = gateway_make_argv(&c->gateway, c->place);
        for (uint32_t i = 0; !r && i < n; i++) {
                r = core_new_service(c, manifest_root(c->manifest->msg), i, &c->services[i]);
                c->nservices += !r;
        }
        return r;
}

void core_deinit(struct core *c)
{
        capos_io_timer_deinit(&c->meet_again);
        program_deinit(&c->gateway);
        program_deinit(&c->sessiond);
        while (c->all.next && !capnp_i_list_empty(&c->all))
                service_free(CAPNP_I_OF(c->all.next, struct service, of_all));
        free(c->motd);
        c->motd = NULL;
        free(c->services);
        c->services = NULL;
        c->nservices = 0;
}
