/*
 * Bounds that would shut out those for whom they are.
 *
 * A quota narrows what a client may do; below some number it may do nothing, and who has written it
 * meant something else: he is told when he writes it, and not by the first client. Some of these
 * numbers are the same for all, as what a program needs to log in and look around. Others follow
 * from the rest of the manifest: a message has room for the list of the bundle, and for the message
 * of the day, and the instance's memory for one session of each profile.
 *
 * That a size or a duration is one, and not 0, is manifest-check.c's to say, and nothing is said of
 * it here then.
 */
#include "manifest-bounds.h"

#include <stdio.h>
#include <string.h>

#include "daemon-admin.h"
#include "daemon-packets.h"
#include "daemon-quantity.h"
#include "daemon-text.h"
#include "manifest-fault.h"

enum {
        PATH_BYTES = 160,
        WHAT_BYTES = 256,
        LEAST_CALLS = 8, /* `capos` has four open while it looks for a capability */
        LEAST_REFERENCES = 8,
        LEAST_MESSAGE = 4096, /* bytes: shorter ones are no login */
        LEAST_QUEUED = 16384,
        ADMIN_BYTES = 65536, /* what the session manager sends at once, and no more */
        CALL_BYTES = 1024,   /* around what a call returns */
        ENTRY_BYTES = 160,   /* of a line of a bundle's list, without its texts */
        METHOD_BYTES = 48,   /* likewise, of a method */
};

static void fault_of(struct check *c, unsigned profile, const char *field, const char *what)
{
        char path[PATH_BYTES];

        (void)snprintf(path, sizeof(path), "profiles[%u].%s", profile, field);
        fault(c, path, what);
}

/* ---- a message ------------------------------------------------------------------------------ */

/* Of the facet that a grant names, in the list of its bundle. */
static uint64_t facet_bytes(service_reader s, capnp_text name)
{
        facet_list l = service_facets(s);
        uint64_t n = 0;

        for (uint32_t i = 0; i < facet_list_len(l); i++) {
                capnp_list methods = facet_methods(facet_list_get(l, i));

                if (!text_equal(facet_name(facet_list_get(l, i)), name))
                        continue;
                for (uint32_t k = 0; k < methods.len; k++)
                        n += METHOD_BYTES + facet_methods_at(methods, k).len;
        }
        return n;
}

/* The list of a bundle, or a little less. */
static uint64_t bundle_bytes(const struct check *c, grant_list bundle)
{
        service_list l = manifest_services(c->m);
        uint64_t n = CALL_BYTES;

        for (uint32_t i = 0; i < grant_list_len(bundle); i++) {
                grant_reader g = grant_list_get(bundle, i);

                n += ENTRY_BYTES + grant_name(g).len;
                for (uint32_t k = 0; k < service_list_len(l); k++) {
                        service_reader s = service_list_get(l, k);

                        if (!text_equal(service_name(s), grant_name(g)))
                                continue;
                        n += service_title(s).len + service_summary(s).len +
                             facet_bytes(s, grant_facet(g));
                        break;
                }
        }
        return n;
}

static bool bundle_has_admin(grant_list bundle)
{
        for (uint32_t i = 0; i < grant_list_len(bundle); i++)
                if (text_is(grant_name(grant_list_get(bundle, i)), DAEMON_ADMIN))
                        return true;
        return false;
}

static void check_message(struct check *c, unsigned i, profile_reader p)
{
        static const char field[] = "quota.message";
        const uint64_t message = daemon_size(quota_message(profile_quota(p)));
        const uint64_t list = bundle_bytes(c, profile_bundle(p));
        const uint64_t motd = CALL_BYTES + manifest_motd(c->m).len;
        char what[WHAT_BYTES];

        if (message && message < LEAST_MESSAGE)
                fault_of(c, i, field, "must be 4KiB or more");
        if (message < LEAST_MESSAGE)
                return;

        (void)snprintf(what, sizeof(what),
                       "must be %lluB or more: %s is as long, and who has the profile asks for it",
                       (unsigned long long)(list > motd ? list : motd),
                       list > motd ? "the list of its bundle" : "`motd`");
        if (message < list || message < motd)
                fault_of(c, i, field, what);
        if (message < ADMIN_BYTES && bundle_has_admin(profile_bundle(p)))
                fault_of(c, i, field, "must be 64KiB or more: `admin` lists as much at once");
}

/* ---- the rest ------------------------------------------------------------------------------- */

static void check_counts(struct check *c, unsigned i, quota_reader q)
{
        uint64_t queued = daemon_size(quota_queued(q));

        if (quota_references(q) < LEAST_REFERENCES)
                fault_of(c, i, "quota.references", "must be 8 or more");
        if (quota_calls(q) < LEAST_CALLS)
                fault_of(c, i, "quota.calls", "must be 8 or more");
        if (queued && queued < LEAST_QUEUED)
                fault_of(c, i, "quota.queued", "must be 16KiB or more");
}

/* What a session takes of `limits.memory`. */
static uint64_t session_bytes(profile_reader p)
{
        uint64_t n = daemon_size(quota_queued(profile_quota(p)));

        if (__builtin_mul_overflow(n, 2u, &n) ||
            __builtin_add_overflow(n, daemon_size(quota_message(profile_quota(p))), &n))
                return UINT64_MAX;

        return n;
}

static void check_memory(struct check *c)
{
        const uint64_t memory = daemon_size(limits_memory(manifest_limits(c->m)));
        profile_list l = manifest_profiles(c->m);
        char what[WHAT_BYTES];
        const char *name = "";
        uint64_t most = 0;

        for (uint32_t i = 0; i < profile_list_len(l); i++) {
                uint64_t n = session_bytes(profile_list_get(l, i));

                if (n <= most)
                        continue;
                most = n;
                name = profile_name(profile_list_get(l, i)).p;
        }
        (void)snprintf(what, sizeof(what),
                       "must be %lluB or more: a session of `%.64s` takes as much, twice its "
                       "`queued` and its `message`",
                       (unsigned long long)most, name);
        if (memory && memory < most)
                fault(c, "limits.memory", what);
}

static void check_password(struct check *c, authentication_reader a)
{
        uint64_t bytes = daemon_size(authentication_password_memory(a));

        if (bytes && (bytes < PASSWORD_MEMORY_LEAST || bytes > PASSWORD_MEMORY_MOST))
                fault(c, "authentication.passwordMemory", "must be from 8MiB to 64MiB");
}

static void check_entry(struct check *c, const char *path, entry_reader e)
{
        if (entry_enabled(e) && !entry_max_sessions(e))
                fault(c, path, "must not be 0: nobody would get in");
}

unsigned manifest_bounds_check(manifest_reader m,
                               void (*complain)(void *arg, const char *path, const char *what),
                               void *arg)
{
        struct check c = {.m = m, .complain = complain, .arg = arg};
        authentication_reader a = manifest_authentication(m);
        profile_list l = manifest_profiles(m);

        for (uint32_t i = 0; i < profile_list_len(l); i++) {
                check_counts(&c, i, profile_quota(profile_list_get(l, i)));
                check_message(&c, i, profile_list_get(l, i));
        }
        check_memory(&c);
        check_password(&c, a);
        check_entry(&c, "authentication.guest.maxSessions", authentication_guest(a));
        check_entry(&c, "authentication.anonymous.maxSessions", authentication_anonymous(a));
        return c.faults;
}
