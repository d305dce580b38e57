/*
 * What services hold of other services.
 *
 * A holder has what is held, whoever calls it, so it declares at least the powers of that: then a
 * profile has to be elevated for the holder as it has to be for what it holds. And nobody holds in
 * a circle, by however many others: calls go one way, no call can come back to who has made it, and
 * no two services keep each other's objects for ever. Who has to be called back is handed something
 * to call.
 */
#include "manifest-grants.h"

#include <stdio.h>
#include <string.h>

#include "daemon-admin.h"
#include "daemon-instance.h"
#include "daemon-text.h"
#include "manifest-connect.h"
#include "manifest-fault.h"

enum { PATH_BYTES = 160, WHAT_BYTES = 160, SERVICES_MAX = 256, WORD = 64, HELD_MAX = 64 };

/* Who holds whom, by however many others. */
struct holders {
        uint64_t of[SERVICES_MAX][SERVICES_MAX / WORD];
};

static bool holds(const struct holders *h, uint32_t who, uint32_t whom)
{
        return h->of[who][whom / WORD] >> whom % WORD & 1;
}

static service_reader service_at(const struct check *c, uint32_t i)
{
        return service_list_get(manifest_services(c->m), i);
}

static uint32_t services_count(const struct check *c)
{
        return least(service_list_len(manifest_services(c->m)), SERVICES_MAX);
}

/* Its place; how many there are: there is none of this name. */
static uint32_t service_find(const struct check *c, capnp_text name)
{
        uint32_t i = 0;

        while (i < services_count(c) && !text_equal(service_name(service_at(c, i)), name))
                i++;
        return i;
}

static void holders_find(const struct check *c, struct holders *h)
{
        uint32_t n = services_count(c);

        for (uint32_t i = 0; i < n; i++) {
                grant_list l = service_grants(service_at(c, i));

                for (uint32_t k = 0; k < least(grant_list_len(l), HELD_MAX); k++) {
                        uint32_t whom = service_find(c, grant_name(grant_list_get(l, k)));

                        if (whom < n)
                                h->of[i][whom / WORD] |= UINT64_C(1) << whom % WORD;
                }
        }
        for (uint32_t by = 0; by < n; by++)
                for (uint32_t i = 0; i < n; i++)
                        for (uint32_t w = 0; w < SERVICES_MAX / WORD && holds(h, i, by); w++)
                                h->of[i][w] |= h->of[by][w];
}

static void fault_in(struct check *c, const char *member, const char *field, const char *what)
{
        char path[PATH_BYTES];

        (void)snprintf(path, sizeof(path), "%s.%s", member, field);
        fault(c, path, what);
}

static bool has_power(service_reader s, enum power wanted)
{
        power_list l = service_powers(s);

        for (uint32_t i = 0; i < power_list_len(l); i++)
                if (power_list_get(l, i) == wanted)
                        return true;
        return false;
}

static void check_powers(struct check *c, const char *member, service_reader holder,
                         service_reader held)
{
        power_list l = service_powers(held);
        char what[WHAT_BYTES];

        for (uint32_t i = 0; i < power_list_len(l); i++) {
                const char *name = power_name(power_list_get(l, i));

                if (!name || has_power(holder, power_list_get(l, i)))
                        continue;
                (void)snprintf(what, sizeof(what),
                               "that service hands out powers (`%s`), and this one does not say so",
                               name);
                fault_in(c, member, "name", what);
                return;
        }
}

/* What is held is the instance's own, and about everybody. */
static void check_instance(struct check *c, const char *member, service_reader holder,
                           grant_reader g)
{
        unsigned facets = daemon_instance_facets(grant_name(g), grant_facet(g));

        if (!facets)
                fault_in(c, member, "facet",
                         "`instance` has `metrics` and `audit`; empty: both; `trace` has none");
        if (facets & INSTANCE_AUDIT && !has_power(holder, POWER_AUDIT))
                fault_in(c, member, "name",
                         "the instance hands out powers (`audit`) by it, and this service does "
                         "not say so");
        if (facets & (INSTANCE_METRICS | INSTANCE_CALLS) && !has_power(holder, POWER_DEBUG))
                fault_in(c, member, "name",
                         "the instance hands out powers (`debug`) by it, and this service does "
                         "not say so");
}

static void check_grant(struct check *c, const struct holders *h, uint32_t i, uint32_t k)
{
        grant_list l = service_grants(service_at(c, i));
        grant_reader g = grant_list_get(l, k);
        uint32_t whom = service_find(c, grant_name(g));
        char member[PATH_BYTES / 2];

        (void)snprintf(member, sizeof(member), "services[%u].grants[%u]", i, k);
        if (text_is(grant_name(g), "session") || text_is(grant_name(g), DAEMON_ADMIN))
                fault_in(c, member, "name", "services hold services, and this is a session's");
        else if (daemon_instance_is(grant_name(g)))
                check_instance(c, member, service_at(c, i), g);
        else if (whom == services_count(c))
                fault_in(c, member, "name", "there is no service of this name");
        else if (whom == i || holds(h, whom, i))
                fault_in(c, member, "name", "services hold each other in a circle");
        else
                check_powers(c, member, service_at(c, i), service_at(c, whom));
        for (uint32_t before = 0; before < k; before++)
                if (text_equal(grant_name(g), grant_name(grant_list_get(l, before)))) {
                        fault_in(c, member, "name", "granted twice");
                        break;
                }
        if (grant_transfer(g) != TRANSFER_SESSION)
                fault_in(c, member, "transfer", "is for profiles' bundles");
        if (grant_lease(g).len)
                fault_in(c, member, "lease", "is for profiles' bundles");
        if (grant_ui(g))
                fault_in(c, member, "ui", "is for profiles' bundles");
}

unsigned manifest_grants_check(manifest_reader m,
                               void (*complain)(void *arg, const char *path, const char *what),
                               void *arg)
{
        struct check c = {.m = m, .complain = complain, .arg = arg};
        struct holders h = {0};
        char path[PATH_BYTES];

        holders_find(&c, &h);
        for (uint32_t i = 0; i < services_count(&c); i++) {
                uint32_t n = grant_list_len(service_grants(service_at(&c, i)));

                (void)snprintf(path, sizeof(path), "services[%u].grants", i);
                if (n > HELD_MAX)
                        fault(&c, path, "too many: at most 64");
                if (n && manifest_connects(service_at(&c, i)))
                        fault(&c, path, "is for services of the instance, and `connect` is set");
                for (uint32_t k = 0; k < least(n, HELD_MAX); k++)
                        check_grant(&c, &h, i, k);
        }
        return c.faults;
}
