/*
 * Which services which profiles may have.
 *
 * What a service does not declare is not handed out: to clients from elsewhere, to other services,
 * or at all if it reaches further than itself. So who writes a bundle cannot grant by mistake what
 * the service's entry does not say of it; and who comes without an account never has more than one
 * who comes with it.
 */
#include "manifest-profiles.h"

#include <stdio.h>
#include <string.h>

#include "daemon-admin.h"
#include "daemon-network.h"
#include "daemon-quantity.h"
#include "manifest-facets.h"
#include "manifest-fault.h"

enum { PATH_BYTES = 160, WHAT_BYTES = 160, GRANTS_MAX = 256, PROFILES_MAX = 256, LEAST_MS = 1000 };

static const uint64_t ENTRY_MS = UINT64_C(60) * 60 * 1000;
static const uint64_t AGENT_MS = UINT64_C(24) * 60 * 60 * 1000;

/* false: there is none, which is somebody else's to say, or it is `session`. */
static bool service_find(const struct check *c, capnp_text name, service_reader *ret)
{
        service_list l = manifest_services(c->m);

        for (uint32_t i = 0; i < service_list_len(l); i++) {
                *ret = service_list_get(l, i);
                if (text_equal(service_name(*ret), name))
                        return true;
        }
        return false;
}

/* ---- what services declare ------------------------------------------------------------------ */

static void fault_of(struct check *c, unsigned profile, unsigned grant, const char *field,
                     const char *what)
{
        char path[PATH_BYTES];

        (void)snprintf(path, sizeof(path), "profiles[%u].bundle[%u].%s", profile, grant, field);
        fault(c, path, what);
}

/* A lease of an entry's, or the longest; both may be left out. */
static bool lease_is_good(capnp_text t)
{
        uint64_t ms = daemon_duration(t);

        return !t.len || (ms >= LEAST_MS && ms <= UINT32_MAX);
}

static const char NO_LEASE[] =
        "must be 1s to 49 days: numbers with w, d, h, m, s or ms, as \"1h30m\"";

static void check_grant(struct check *c, profile_reader p, unsigned profile, unsigned grant)
{
        grant_reader g = grant_list_get(profile_bundle(p), grant);
        char what[WHAT_BYTES];
        uint64_t most;
        service_reader v;

        if (!lease_is_good(grant_lease(g)))
                fault_of(c, profile, grant, "lease", NO_LEASE);
        if (text_is(grant_name(g), DAEMON_ADMIN) && !profile_elevated(p))
                fault_of(c, profile, grant, "name",
                         "`admin` hands out powers (`accounts`, `credentials`, `audit`), and the "
                         "profile is not `elevated`");
        if (!service_find(c, grant_name(g), &v))
                return;

        most = daemon_duration(remote_lease(service_remote(v)));
        if (most && daemon_duration(grant_lease(g)) > most)
                fault_of(c, profile, grant, "lease",
                         "is longer than the service allows (`remote.lease`)");

        if (!service_has_remote(v) && !profile_local(p))
                fault_of(c, profile, grant, "name",
                         "the service is not `remote`: only a profile that is `local` may have it");
        if (grant_transfer(g) == TRANSFER_SERVICES &&
            remote_transfer(service_remote(v)) != TRANSFER_SERVICES)
                fault_of(c, profile, grant, "transfer",
                         "the service does not allow it (`remote.transfer`)");
        if (!power_list_len(service_powers(v)) || profile_elevated(p))
                return;

        (void)snprintf(what, sizeof(what),
                       "the service hands out powers (`%s`), and the profile is not `elevated`",
                       power_name(power_list_get(service_powers(v), 0)));
        fault_of(c, profile, grant, "name", what);
}

static void check_service(struct check *c, unsigned service)
{
        service_reader v = service_list_get(manifest_services(c->m), service);
        power_list l = service_powers(v);
        char path[PATH_BYTES];

        (void)snprintf(path, sizeof(path), "services[%u].remote.lease", service);
        if (!lease_is_good(remote_lease(service_remote(v))))
                fault(c, path, NO_LEASE);
        (void)snprintf(path, sizeof(path), "services[%u].powers", service);
        for (uint32_t i = 0; i < power_list_len(l); i++)
                if (!power_name(power_list_get(l, i)))
                        fault(c, path, "unknown");
}

/* ---- from where ----------------------------------------------------------------------------- */

static void check_networks(struct check *c, const char *path, capnp_list l)
{
        char at[PATH_BYTES], what[WHAT_BYTES];
        struct network n;

        if (l.len > GRANTS_MAX)
                fault(c, path, "has more than 256 networks");
        for (uint32_t i = 0; i < least(l.len, GRANTS_MAX); i++) {
                capnp_text t = capnp_any_text(capnp_list_any(l, i), (capnp_text){0});
                const char *why = daemon_network_read(t, &n);

                if (!why)
                        continue;
                (void)snprintf(at, sizeof(at), "%s[%u]", path, i);
                (void)snprintf(what, sizeof(what), "`%.64s`: %s", t.p, why);
                fault(c, at, what);
        }
}

/* ---- agents ---------------------------------------------------------------------------------- */

/* Whoever is told what to do by texts of others has little, for a short time, and each of his calls
 * is recorded. */
static void check_agent(struct check *c, profile_reader p, unsigned profile)
{
        static const struct {
                const char *field, *what;
        } faults[] = {{"auditCalls", "must be true: the profile is for agents (`agent`)"},
                      {"elevated", "must be false: the profile is for agents (`agent`)"},
                      {"local", "must be false: the profile is for agents (`agent`)"},
                      {"maxLease", "must be a day at most: the profile is for agents (`agent`)"},
                      {"quota.callsPerSecond", "must be set: the profile is for agents (`agent`)"}};
        const bool wrong[] = {!profile_audit_calls(p), profile_elevated(p), profile_local(p),
                              daemon_duration(profile_max_lease(p)) > AGENT_MS,
                              !quota_calls_per_second(profile_quota(p))};
        grant_list l = profile_bundle(p);
        char path[PATH_BYTES];

        for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                (void)snprintf(path, sizeof(path), "profiles[%u].%s", profile, faults[i].field);
                if (wrong[i])
                        fault(c, path, faults[i].what);
        }
        for (uint32_t i = 0; i < least(grant_list_len(l), GRANTS_MAX); i++)
                if (grant_ui(grant_list_get(l, i)))
                        fault_of(c, profile, i, "ui",
                                 "must be false: the profile is for agents, who have no screen");
}

/* ---- who has more than whom ----------------------------------------------------------------- */

static bool bundle_has(const struct check *c, grant_list bundle, grant_reader g)
{
        service_reader s = {0};

        (void)service_find(c, grant_name(g), &s);
        for (uint32_t i = 0; i < least(grant_list_len(bundle), GRANTS_MAX); i++) {
                grant_reader other = grant_list_get(bundle, i);

                if (!text_equal(grant_name(other), grant_name(g)))
                        continue;
                if (text_is(grant_name(g), DAEMON_ADMIN))
                        return !(daemon_admin_facets(grant_facet(g)) &
                                 ~daemon_admin_facets(grant_facet(other)));
                return manifest_facets_within(s, g, other);
        }
        return false;
}

/* Whether everything in a is in b, with as many methods. */
static bool bundle_is_within(const struct check *c, grant_list a, grant_list b)
{
        for (uint32_t i = 0; i < least(grant_list_len(a), GRANTS_MAX); i++)
                if (!bundle_has(c, b, grant_list_get(a, i)))
                        return false;
        return true;
}

/* Remote bundles are narrower than what the owner of the machine has. */
static void check_narrow(struct check *c, unsigned profile)
{
        profile_list l = manifest_profiles(c->m);
        grant_list own = profile_bundle(profile_list_get(l, profile));
        bool any = false;
        char path[PATH_BYTES];

        for (uint32_t i = 0; i < least(profile_list_len(l), PROFILES_MAX); i++) {
                profile_reader p = profile_list_get(l, i);

                if (!profile_local(p))
                        continue;
                any = true;
                if (bundle_is_within(c, own, profile_bundle(p)) &&
                    !bundle_is_within(c, profile_bundle(p), own))
                        return;
        }
        if (!any)
                return;

        (void)snprintf(path, sizeof(path), "profiles[%u].bundle", profile);
        fault(c, path, "must be less than what a profile that is `local` has");
}

static bool is_for_nobody(const struct check *c, profile_reader p)
{
        authentication_reader a = manifest_authentication(c->m);

        return text_equal(profile_name(p), entry_profile(authentication_guest(a))) ||
               text_equal(profile_name(p), entry_profile(authentication_anonymous(a)));
}

static void check_entry(struct check *c, const char *path, entry_reader e)
{
        profile_list l = manifest_profiles(c->m);
        uint32_t n = least(profile_list_len(l), PROFILES_MAX), at = 0;
        char what[WHAT_BYTES];
        profile_reader p;

        while (at < n && !text_equal(profile_name(profile_list_get(l, at)), entry_profile(e)))
                at++;
        if (at == n)
                return;

        p = profile_list_get(l, at);
        if (daemon_duration(profile_lease(p)) > ENTRY_MS)
                fault(c, path, "its `lease` is longer than an hour");
        if (profile_elevated(p))
                fault(c, path, "it is `elevated`, and whoever comes has no account");
        if (profile_local(p))
                fault(c, path, "it is `local`, and anybody may come");
        for (uint32_t i = 0; i < n; i++) {
                profile_reader other = profile_list_get(l, i);

                if (!profile_accounts(other) || profile_service(other) || profile_agent(other) ||
                    is_for_nobody(c, other) ||
                    bundle_is_within(c, profile_bundle(p), profile_bundle(other)))
                        continue;

                (void)snprintf(what, sizeof(what),
                               "it has more than `%.64s`, which is for accounts",
                               profile_name(other).p);
                fault(c, path, what);
        }
}

unsigned manifest_profiles_check(manifest_reader m,
                                 void (*complain)(void *arg, const char *path, const char *what),
                                 void *arg)
{
        struct check c = {.m = m, .complain = complain, .arg = arg};
        authentication_reader a = manifest_authentication(m);
        uint32_t n = least(profile_list_len(manifest_profiles(m)), PROFILES_MAX);
        char path[PATH_BYTES];

        for (uint32_t i = 0; i < least(service_list_len(manifest_services(m)), PROFILES_MAX); i++)
                check_service(&c, i);
        for (uint32_t i = 0; i < n; i++) {
                profile_reader p = profile_list_get(manifest_profiles(m), i);

                for (uint32_t k = 0; k < least(grant_list_len(profile_bundle(p)), GRANTS_MAX); k++)
                        check_grant(&c, p, i, k);
                (void)snprintf(path, sizeof(path), "profiles[%u].from", i);
                check_networks(&c, path, profile_from(p));
                if (profile_agent(p))
                        check_agent(&c, p, i);
                if (!profile_local(p))
                        check_narrow(&c, i);
        }
        check_networks(&c, "admission.allow", addresses_allow(manifest_admission(m)));
        check_networks(&c, "admission.deny", addresses_deny(manifest_admission(m)));
        check_entry(&c, "authentication.guest.profile", authentication_guest(a));
        check_entry(&c, "authentication.anonymous.profile", authentication_anonymous(a));
        return c.faults;
}
