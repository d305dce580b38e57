/*
 * What fits.
 *
 * A process that runs out of descriptors cannot tell that from many other misfortunes, and cannot
 * do what would help. So how many connections there may be is found before the first comes in: of
 * what the manifest wants, as many as the process that needs most has descriptors for. Every
 * process finds the same, because all have the limit that caposd has.
 *
 * What each needs: caposd a descriptor for a worker, and two for a program that serves one caller;
 * the gateway three for a connection that waits
 * for one (the client's, and those to the session manager and the signer); the session manager one
 * for a connection, for what a service holds of another, and for a session one more for every
 * service it uses. What it uses beyond the first four is not counted: it finds no descriptor then,
 * and only that is refused.
 *
 * When there are too few, connections without a session give up their places first, for they stay
 * for a moment only. A source may have all places but an eighth, if the manifest does not say.
 */
#include <string.h>
#include <sys/resource.h>

#include "daemon-capacity.h"

enum {
        CAPOSD_BASE = 44, /* with what it takes to start a process */
        GATEWAY_BASE = 24,
        SESSIOND_BASE = 28,
        SERVICE = 2,                        /* in caposd and sessiond */
        PROGRAMS = 2 * DAEMON_PROGRAMS + 2, /* in caposd, of a service that is a program */
        IDLE = 2,                           /* in caposd; one in the gateway */
        WAITING = 3,                        /* in the gateway, of a connection that waits */
        COUNTED = 4,                        /* services of a session */
        FDS_MAX = 65536,
};

uint64_t daemon_capacity_fds(void)
{
        struct rlimit l;

        return getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_max > FDS_MAX ? FDS_MAX : l.rlim_max;
}

uint32_t daemon_capacity_of_one(uint32_t all, uint32_t wanted)
{
        return wanted && wanted < all ? wanted : all - (wanted ? 0 : all / 8);
}

struct room {
        uint64_t caposd, gateway, sessiond; /* descriptors beside the connections' */
        uint64_t session;                   /* of a session, in sessiond */
};

/* How many services are programs, one for each caller. */
static uint64_t room_programs(manifest_reader m)
{
        service_list l = manifest_services(m);
        uint64_t n = 0;

        for (uint32_t i = 0; i < service_list_len(l); i++)
                n += !strcmp(service_connect(service_list_get(l, i)).p, "stdio");
        return n;
}

static struct room room_find(manifest_reader m)
{
        service_list l = manifest_services(m);
        uint64_t services = service_list_len(l), held = 0;
        uint64_t idle = limits_idle_workers(manifest_limits(m));

        for (uint32_t i = 0; i < service_list_len(l); i++)
                held += grant_list_len(service_grants(service_list_get(l, i)));
        return (struct room){
                .caposd = CAPOSD_BASE + SERVICE * services + PROGRAMS * room_programs(m) +
                          IDLE * idle,
                .gateway = GATEWAY_BASE + idle,
                .sessiond = SESSIOND_BASE + SERVICE * services + held,
                .session = 1 + (services < COUNTED ? services : COUNTED),
        };
}

static uint64_t least(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
        return a > b ? a : b;
}

static uint64_t above(uint64_t a, uint64_t b)
{
        return a > b ? a - b : 0;
}

/* What a process needs at most for so many. */
static uint64_t room_needs(const struct room *r, uint64_t sessions, uint64_t fresh)
{
        return most(most(r->caposd + sessions + fresh, r->gateway + WAITING * fresh),
                    r->sessiond + fresh + r->session * sessions);
}

void daemon_capacity_find(manifest_reader m, uint64_t fds, struct daemon_capacity *ret_c)
{
        limits_reader l = manifest_limits(m);
        uint64_t sessions = limits_connections(l), fresh = limits_unauthenticated(l);
        struct room r = room_find(m);
        uint64_t in_caposd = above(fds, r.caposd), in_sessiond = above(fds, r.sessiond);

        *ret_c =
                (struct daemon_capacity){.fds = fds, .wanted_fds = room_needs(&r, sessions, fresh)};
        if (ret_c->wanted_fds > fds) {
                fresh = least(fresh, most(1, least(in_caposd / 3, in_sessiond / 4)));
                fresh = least(fresh, above(fds, r.gateway) / WAITING);
                sessions = least(sessions, above(in_caposd, fresh));
                sessions = least(sessions, above(in_sessiond, fresh) / r.session);
        }
        if (!fresh)
                sessions = 0;
        ret_c->connections = (uint32_t)sessions;
        ret_c->unauthenticated = (uint32_t)fresh;
        ret_c->unauthenticated_of_one =
                daemon_capacity_of_one((uint32_t)fresh, limits_unauthenticated_per_source(l));
        ret_c->gateway_fds = (uint32_t)(r.gateway + WAITING * fresh);
        ret_c->sessiond_fds = (uint32_t)(r.sessiond + fresh + r.session * sessions);
}
