/*
 * Facets: what a service's entry declares of them, and what bundles name.
 *
 * Which methods an interface has is for the service to say, and is looked at when it runs
 * (sessiond/check.c). Here is what the text alone can contradict: the same thing twice, what is no
 * name, and a facet that nobody has declared where facets are declared.
 */
#include "manifest-facets.h"

#include <stdio.h>
#include <string.h>

#include "daemon-admin.h"
#include "daemon-methods.h"
#include "daemon-text.h"
#include "manifest-connect.h"
#include "manifest-fault.h"

enum {
        PATH_BYTES = 160,
        SERVICES_MAX = 256,
        PROFILES_MAX = 256,
        GRANTS_MAX = 64,
        FACETS_MAX = 64,
        BUNDLE_METHODS = 2048, /* a worker is told of all of them at once */
        NAME_BYTES = 64,
        METHOD_BYTES = 129, /* two names, and a dot */
};

static void fault_in(struct check *c, const char *member, const char *field, const char *what)
{
        char path[PATH_BYTES];

        (void)snprintf(path, sizeof(path), "%s.%s", member, field);
        fault(c, path, what);
}

/* ---- what is declared ----------------------------------------------------------------------- */

static bool name_is_good(capnp_text t)
{
        static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";

        return t.len <= NAME_BYTES && strlen(t.p) == t.len && strspn(t.p, letters) == t.len &&
               (!t.len || (t.p[0] >= 'a' && t.p[0] <= 'z'));
}

/* `list`, or `Directory.list`. */
static bool method_is_good(capnp_text t)
{
        static const char letters[] =
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        size_t len = strspn(t.p, letters);

        if (!t.len || t.len > METHOD_BYTES || strlen(t.p) != t.len)
                return false;
        if (len && t.p[len] == '.')
                return t.p[len + 1] && strspn(t.p + len + 1, letters) == t.len - len - 1;
        return len == t.len;
}

static void check_method(struct check *c, const char *member, capnp_list l, uint32_t i)
{
        capnp_text name = facet_methods_at(l, i);
        char field[32];

        (void)snprintf(field, sizeof(field), "methods[%u]", i);
        if (!method_is_good(name))
                fault_in(c, member, field, "a method has a name, as `list` or `Directory.list`");
        for (uint32_t k = 0; k < i; k++)
                if (text_equal(name, facet_methods_at(l, k))) {
                        fault_in(c, member, field, "given twice");
                        return;
                }
}

static void check_facet(struct check *c, uint32_t service, uint32_t i)
{
        facet_list l = service_facets(service_list_get(manifest_services(c->m), service));
        facet_reader f = facet_list_get(l, i);
        capnp_list methods = facet_methods(f);
        char member[PATH_BYTES / 2];

        (void)snprintf(member, sizeof(member), "services[%u].facets[%u]", service, i);
        if (!name_is_good(facet_name(f)))
                fault_in(c, member, "name",
                         "a facet is empty, or has 1 to 64 of a-z, 0-9, _ and -, a letter first");
        for (uint32_t k = 0; k < i; k++)
                if (text_equal(facet_name(f), facet_name(facet_list_get(l, k)))) {
                        fault_in(c, member, "name", "another facet has this name");
                        break;
                }
        if (methods.len > DAEMON_METHODS)
                fault_in(c, member, "methods", "too many: at most 256");
        for (uint32_t k = 0; k < least(methods.len, DAEMON_METHODS); k++)
                check_method(c, member, methods, k);
}

static void check_service(struct check *c, uint32_t i)
{
        uint32_t n = facet_list_len(service_facets(service_list_get(manifest_services(c->m), i)));
        char member[PATH_BYTES / 2];

        (void)snprintf(member, sizeof(member), "services[%u]", i);
        if (n > FACETS_MAX)
                fault_in(c, member, "facets", "too many: at most 64");
        for (uint32_t k = 0; k < least(n, FACETS_MAX); k++)
                check_facet(c, i, k);
}

/* ---- what is named -------------------------------------------------------------------------- */

static facet_reader facet_named(service_reader s, capnp_text name, bool *ret_there)
{
        facet_list l = service_facets(s);

        for (uint32_t i = 0; i < least(facet_list_len(l), FACETS_MAX); i++)
                if (text_equal(facet_name(facet_list_get(l, i)), name)) {
                        *ret_there = true;
                        return facet_list_get(l, i);
                }
        *ret_there = false;
        return (facet_reader){0};
}

facet_reader manifest_facet(service_reader s, grant_reader g)
{
        bool there;

        return facet_named(s, grant_facet(g), &there);
}

static bool service_of(const struct check *c, capnp_text name, service_reader *ret)
{
        service_list l = manifest_services(c->m);

        for (uint32_t i = 0; i < least(service_list_len(l), SERVICES_MAX); i++) {
                *ret = service_list_get(l, i);
                if (text_equal(service_name(*ret), name))
                        return true;
        }
        return false;
}

/* Tells of an entry's facet; how many methods that has. bundle: the list that it is in. */
static uint32_t check_grant(struct check *c, const char *bundle, grant_reader g, uint32_t i)
{
        char member[PATH_BYTES / 2 + 32];
        service_reader s;
        bool there;

        (void)snprintf(member, sizeof(member), "%s[%u]", bundle, i);
        if (text_is(grant_name(g), "session") && grant_facet(g).len)
                fault_in(c, member, "facet", "`session` has none");
        if (text_is(grant_name(g), DAEMON_ADMIN) || !service_of(c, grant_name(g), &s))
                return 0;

        (void)facet_named(s, grant_facet(g), &there);
        if (!there && grant_facet(g).len &&
            (facet_list_len(service_facets(s)) || manifest_connects(s)))
                fault_in(c, member, "facet", "the service declares none of this name (`facets`)");
        return facet_methods(manifest_facet(s, g)).len;
}

static void check_profile(struct check *c, uint32_t i)
{
        grant_list l = profile_bundle(profile_list_get(manifest_profiles(c->m), i));
        char bundle[PATH_BYTES / 2];
        uint32_t methods = 0;

        (void)snprintf(bundle, sizeof(bundle), "profiles[%u].bundle", i);
        for (uint32_t k = 0; k < least(grant_list_len(l), GRANTS_MAX); k++)
                methods += least(check_grant(c, bundle, grant_list_get(l, k), k), DAEMON_METHODS);
        if (methods > BUNDLE_METHODS)
                fault(c, bundle, "too long: its facets have 2048 methods together, at most");
}

/* What a service holds of others. */
static void check_held(struct check *c, uint32_t i)
{
        grant_list l = service_grants(service_list_get(manifest_services(c->m), i));
        char grants[PATH_BYTES / 2];

        (void)snprintf(grants, sizeof(grants), "services[%u].grants", i);
        for (uint32_t k = 0; k < least(grant_list_len(l), GRANTS_MAX); k++)
                (void)check_grant(c, grants, grant_list_get(l, k), k);
}

unsigned manifest_facets_check(manifest_reader m,
                               void (*complain)(void *arg, const char *path, const char *what),
                               void *arg)
{
        struct check c = {.m = m, .complain = complain, .arg = arg};

        for (uint32_t i = 0; i < least(service_list_len(manifest_services(m)), SERVICES_MAX); i++)
                check_service(&c, i);
        for (uint32_t i = 0; i < least(service_list_len(manifest_services(m)), SERVICES_MAX); i++)
                check_held(&c, i);
        for (uint32_t i = 0; i < least(profile_list_len(manifest_profiles(m)), PROFILES_MAX); i++)
                check_profile(&c, i);
        return c.faults;
}

/* ---- what it means -------------------------------------------------------------------------- */

bool manifest_facets_ask(service_reader s)
{
        facet_list l = service_facets(s);

        for (uint32_t i = 0; i < facet_list_len(l); i++)
                if (facet_methods(facet_list_get(l, i)).len)
                        return true;
        return false;
}

static bool list_has(capnp_list l, capnp_text name)
{
        for (uint32_t i = 0; i < l.len; i++)
                if (text_equal(facet_methods_at(l, i), name))
                        return true;
        return false;
}

bool manifest_facets_within(service_reader s, grant_reader a, grant_reader b)
{
        capnp_list x, y;
        bool of_a, of_b;

        if (text_equal(grant_facet(a), grant_facet(b)))
                return true;

        x = facet_methods(facet_named(s, grant_facet(a), &of_a));
        y = facet_methods(facet_named(s, grant_facet(b), &of_b));
        if (!y.len)
                return true; /* all, or what the service alone knows */
        for (uint32_t i = 0; i < x.len; i++)
                if (!list_has(y, facet_methods_at(x, i)))
                        return false;
        return x.len > 0;
}
