/*
 * Services that are servers which know nothing of the instance.
 *
 * Such an entry says where the server is (`connect`) and what it serves (`schema`), for the server
 * cannot be asked. What it says beyond that must mean something: a server that has never heard of
 * callers is told nothing of them, has no facets but those that consist of methods, and no folder.
 *
 * An address is in numbers, because whoever looks a name up waits, and caposd waits for nobody. On
 * the way to another machine everybody can read and write what is said, so an entry has to own up
 * to that: `powers = [network]`, which is for profiles that are `elevated`.
 */
#include "manifest-connect.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon-text.h"
#include "manifest-fault.h"

enum { PATH_BYTES = 96, WHAT_BYTES = 320, SERVICES_MAX = 256, FACETS_MAX = 64, HOST_BYTES = 64 };

static const char UNIX[] = "unix:", PLAIN[] = "plain:", STDIO[] = "stdio";

/* ---- an address ----------------------------------------------------------------------------- */

static bool is_loopback(const struct capos_io_address *a)
{
        if (a->u.any.sa_family == AF_INET)
                return ntohl(a->u.in.sin_addr.s_addr) >> 24 == 127;

        return IN6_IS_ADDR_LOOPBACK(&a->u.in6.sin6_addr);
}

/* `192.0.2.7:80` or `[2001:db8::7]:80`. */
static bool is_in_numbers(const char *text)
{
        const char *colon = strrchr(text, ':');
        bool brackets = text[0] == '[';
        char host[HOST_BYTES];
        struct in6_addr any;

        if (!colon || colon - text >= HOST_BYTES || (brackets && colon[-1] != ']'))
                return false;

        (void)snprintf(host, sizeof(host), "%.*s", (int)(colon - text) - 2 * brackets,
                       text + brackets);
        return inet_pton(brackets ? AF_INET6 : AF_INET, host, &any) == 1;
}

bool manifest_connect_read(capnp_text text, struct connect *ret)
{
        struct capos_io_addresses as;
        const char *at = text.p;

        *ret = (struct connect){0};
        if (!text_is_plain(text))
                return false;

        ret->program = !strcmp(text.p, STDIO);
        if (ret->program)
                return true;

        if (!strncmp(at, PLAIN, sizeof(PLAIN) - 1)) {
                at += sizeof(PLAIN) - 1;
                if (!is_in_numbers(at))
                        return false;
        } else if (strncmp(at, UNIX, sizeof(UNIX) - 1) != 0 || at[sizeof(UNIX) - 1] != '/') {
                return false;
        }
        if (capos_io_address_parse(at, false, &as))
                return false;

        ret->address = as.a[0];
        ret->elsewhere = at != text.p && !is_loopback(&ret->address);
        return true;
}

/* ---- an entry ------------------------------------------------------------------------------- */

static void fault_of(struct check *c, uint32_t service, const char *field, const char *what)
{
        char path[PATH_BYTES];

        (void)snprintf(path, sizeof(path), "services[%u].%s", service, field);
        fault(c, path, what);
}

static bool has_power(service_reader s, enum power p)
{
        power_list l = service_powers(s);

        for (uint32_t i = 0; i < power_list_len(l); i++)
                if (power_list_get(l, i) == p)
                        return true;
        return false;
}

static void check_where(struct check *c, uint32_t i, service_reader s)
{
        struct connect to;

        if (!manifest_connect_read(service_connect(s), &to)) {
                fault_of(c, i, "connect",
                         "must be `unix:` and an absolute path, `plain:` and an address in "
                         "numbers with its port, or `stdio`");
                return;
        }
        if (to.elsewhere && !has_power(s, POWER_NETWORK))
                fault_of(c, i, "connect",
                         "is another machine, and nothing is encrypted: say so by `powers = "
                         "[network]`");
        if (!to.program && service_program(s).len)
                fault_of(c, i, "program", "nobody starts it: `connect` says where the server is");
        if (!to.program && service_arguments(s).len)
                fault_of(c, i, "arguments", "are for a program that is started");
}

static void check_facets(struct check *c, uint32_t i, facet_list l)
{
        char field[PATH_BYTES / 2];

        for (uint32_t k = 0; k < least(facet_list_len(l), FACETS_MAX); k++) {
                facet_reader f = facet_list_get(l, k);

                (void)snprintf(field, sizeof(field), "facets[%u].methods", k);
                if (facet_name(f).len && !facet_methods(f).len)
                        fault_of(c, i, field,
                                 "are missing: a server knows nothing of facets but what they "
                                 "are made of");
        }
}

static void check_service(struct check *c, uint32_t i)
{
        service_reader s = service_list_get(manifest_services(c->m), i);
        capnp_text schema = service_schema(s);

        if (!manifest_connects(s)) {
                if (schema.len)
                        fault_of(c, i, "schema",
                                 "goes with `connect`: a service of the instance is asked");
                return;
        }

        check_where(c, i, s);
        if (schema.p[0] != '/' || !text_is_plain(schema))
                fault_of(c, i, "schema",
                         "must be the absolute path of what `capnp compile -o- FILE.capnp` prints");
        if (service_state(s))
                fault_of(c, i, "state", "is for services of the instance, and `connect` is set");
        if (disclosure_list_len(service_disclosure(s)))
                fault_of(c, i, "disclosure",
                         "is for services of the instance: this one asks nothing");
        check_facets(c, i, service_facets(s));
}

unsigned manifest_connect_check(manifest_reader m,
                                void (*complain)(void *arg, const char *path, const char *what),
                                void *arg)
{
        struct check c = {.m = m, .complain = complain, .arg = arg};

        for (uint32_t i = 0; i < least(service_list_len(manifest_services(m)), SERVICES_MAX); i++)
                check_service(&c, i);
        return c.faults;
}

/* ---- its file ------------------------------------------------------------------------------- */

unsigned manifest_connect_look(manifest_reader m,
                               void (*complain)(void *arg, const char *path, const char *what),
                               void *arg)
{
        struct check c = {.m = m, .complain = complain, .arg = arg};
        service_list l = manifest_services(m);
        char what[WHAT_BYTES];
        struct stat st;

        for (uint32_t i = 0; i < service_list_len(l); i++) {
                service_reader s = service_list_get(l, i);
                const char *file = service_schema(s).p;

                what[0] = '\0';
                if (!manifest_connects(s))
                        continue;
                if (stat(file, &st) < 0 || access(file, R_OK) < 0)
                        (void)snprintf(what, sizeof(what), "%s: %s", file, strerror(errno));
                else if (!S_ISREG(st.st_mode) || !st.st_size || st.st_size > CONNECT_SCHEMA_BYTES)
                        (void)snprintf(what, sizeof(what), "%s is no file of 1 byte to 4 MiB",
                                       file);
                if (what[0])
                        fault_of(&c, i, "schema", what);
        }
        return c.faults;
}
