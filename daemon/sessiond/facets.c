/*
 * Facets: which methods of its interface a capability has that was granted by one.
 *
 * The manifest names them, and the service's own schema says what the names mean: that is known
 * once the service has described itself, which it has before the instance is up (check.c). Until
 * then nobody gets such a capability. From then on each caller's socket goes out with the numbers,
 * to the worker and to the service.
 *
 * A name that several inherited interfaces have means none of them unless it says whose: granting
 * one too many is not for this to guess.
 */
#include "facets.h"

#include <capos/capnp-dynamic.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "admin.capnp-c.h"
#include "daemon-admin.h"

enum {
        FACETS = 64,        /* of a service */
        METHODS_MAX = 4096, /* of an interface, that are looked at */
};

/* ---- what the manifest says ----------------------------------------------------------------- */

static int facet_init(struct policy_facet *f, const char *name, unsigned n)
{
        *f = (struct policy_facet){.name = name, .n = n};
        f->v = calloc(n + 1, sizeof(*f->v));
        return f->v ? 0 : -ENOMEM;
}

int facets_init(struct policy_facets *f, facet_list l)
{
        unsigned n = facet_list_len(l);

        *f = (struct policy_facets){0};
        if (n > FACETS)
                return CAPNP_E_POISON;

        f->v = calloc(n + 1, sizeof(*f->v));
        if (!f->v)
                return -ENOMEM;

        for (unsigned i = 0; i < n; i++) {
                facet_reader r = facet_list_get(l, i);
                capnp_list names = facet_methods(r);

                if (names.len > DAEMON_METHODS)
                        return CAPNP_E_POISON;
                if (facet_init(&f->v[f->n++], facet_name(r).p, names.len))
                        return -ENOMEM;
                for (unsigned k = 0; k < names.len; k++)
                        f->v[i].v[k].name = facet_methods_at(names, k).p;
        }
        return 0;
}

void facets_deinit(struct policy_facets *f)
{
        for (unsigned i = 0; i < f->n; i++) {
                daemon_methods_deinit(&f->v[i].methods);
                free(f->v[i].v);
        }
        free(f->v);
        *f = (struct policy_facets){0};
}

const struct policy_facet *facets_narrow(const struct policy_facets *f, const char *name)
{
        for (unsigned i = 0; i < f->n; i++)
                if (!strcmp(f->v[i].name, name))
                        return f->v[i].n ? &f->v[i] : NULL;
        return NULL;
}

bool facets_same(const struct policy_facet *a, const struct policy_facet *b)
{
        return a && b ? daemon_methods_equal(&a->methods, &b->methods) : !a && !b;
}

/* ---- what it means -------------------------------------------------------------------------- */

/* All methods, from what was found for each. 0 or -ENOMEM. */
static int facet_close(struct policy_facet *f)
{
        struct daemon_methods all = {.n = f->n, .v = calloc(f->n + 1, sizeof(*all.v))};

        if (!all.v)
                return -ENOMEM;

        for (unsigned i = 0; i < f->n; i++)
                all.v[i] = f->v[i].id;
        daemon_methods_sort(&all);
        daemon_methods_deinit(&f->methods);
        f->methods = all;
        return 0;
}

int facets_init_admin(struct policy_facets *f)
{
        static const char *const names[] = {"accounts", "sessions", "audit"};
        enum { N = sizeof(names) / sizeof(names[0]) };

        *f = (struct policy_facets){.v = calloc(N, sizeof(*f->v))};
        if (!f->v)
                return -ENOMEM;

        for (unsigned i = 0; i < N; i++) {
                capnp_text name = {names[i], (uint32_t)strlen(names[i])};
                struct policy_facet *to = &f->v[f->n++];

                if (facet_init(to, names[i], DAEMON_ADMIN_CALLS))
                        return -ENOMEM;
                to->n = 0;
                for (uint16_t k = 0; k < DAEMON_ADMIN_CALLS; k++)
                        if (daemon_admin_call_facets(k) & daemon_admin_facets(name))
                                to->v[to->n++] =
                                        (struct facet_method){daemon_admin_call(k), {ADMIN_ID, k}};
                if (facet_close(to))
                        return -ENOMEM;
        }
        return 0;
}

bool facets_ask(const struct policy_facets *f)
{
        for (unsigned i = 0; i < f->n; i++)
                if (f->v[i].n)
                        return true;
        return false;
}

bool facets_known(const struct policy_facets *f)
{
        for (unsigned i = 0; i < f->n; i++)
                if (f->v[i].n && !f->v[i].methods.n)
                        return false;
        return true;
}

/* The id that a name has in any of them; zero: none that is known. */
static struct daemon_method facets_id(const struct policy_facets *f, const char *name)
{
        for (unsigned i = 0; i < f->n; i++)
                for (unsigned k = 0; k < f->v[i].n; k++)
                        if (!strcmp(f->v[i].v[k].name, name) && f->v[i].v[k].id.interface_id)
                                return f->v[i].v[k].id;
        return (struct daemon_method){0};
}

void facets_inherit(struct policy_facets *f, const struct policy_facets *before)
{
        for (unsigned i = 0; i < f->n; i++) {
                bool known = true;

                for (unsigned k = 0; k < f->v[i].n; k++) {
                        f->v[i].v[k].id = facets_id(before, f->v[i].v[k].name);
                        known &= f->v[i].v[k].id.interface_id != 0;
                }
                if (known)
                        (void)!facet_close(&f->v[i]);
        }
}

/* The methods of an interface, and of those that it extends. */
struct methods {
        const capnp_schema *s;
        struct capnp_method_info *v;
        unsigned n;
};

/* Whether a name in the manifest is this method's. */
static bool method_is(const struct methods *all, const struct capnp_method_info *m,
                      const char *name)
{
        const capnp_decl *d = capnp_schema_find(all->s, m->interface);
        const char *dot = strchr(name, '.');
        size_t len = dot ? (size_t)(dot - name) : 0;

        if (!dot)
                return !strcmp(m->name, name);
        return d && strlen(capnp_decl_short_name(d)) == len &&
               !memcmp(capnp_decl_short_name(d), name, len) && !strcmp(m->name, dot + 1);
}

/* NULL; else what is wrong. */
static const char *method_find(const struct methods *all, const char *name,
                               struct daemon_method *ret)
{
        unsigned found = 0;

        for (unsigned i = 0; i < all->n; i++)
                if (method_is(all, &all->v[i], name)) {
                        *ret = (struct daemon_method){all->v[i].interface, all->v[i].ordinal};
                        found++;
                }
        if (!found)
                return "the interface has no such method";
        return found > 1 ? "several interfaces have it: say whose, as `Interface.method`" : NULL;
}

static const char *facets_find_all(struct policy_facets *f, const struct methods *all,
                                   struct daemon_method *ids, struct facet_place *at)
{
        for (at->facet = 0; at->facet < f->n; at->facet++)
                for (at->method = 0; at->method < f->v[at->facet].n; at->method++) {
                        const char *why =
                                method_find(all, f->v[at->facet].v[at->method].name, ids++);

                        if (why)
                                return why;
                }
        return NULL;
}

static const char NO_MEMORY[] = "there is no memory to look at it";

/* Takes over what was found. */
static const char *facets_take(struct policy_facets *f, const struct daemon_method *ids)
{
        for (unsigned i = 0; i < f->n; i++) {
                for (unsigned k = 0; k < f->v[i].n; k++)
                        f->v[i].v[k].id = *ids++;
                if (facet_close(&f->v[i]))
                        return NO_MEMORY;
        }
        return NULL;
}

static const char *facets_look(struct policy_facets *f, uint64_t interface_id,
                               const capnp_schema *s, struct facet_place *at)
{
        struct methods all = {.s = s, .v = calloc(METHODS_MAX, sizeof(*all.v))};
        struct daemon_method *ids;
        const char *why = NO_MEMORY;
        unsigned n = 1;

        for (unsigned i = 0; i < f->n; i++)
                n += f->v[i].n;
        ids = calloc(n, sizeof(*ids));
        if (all.v && ids) {
                while (all.n < METHODS_MAX &&
                       !capnp_schema_method(s, interface_id, all.n, &all.v[all.n]))
                        all.n++;
                why = facets_find_all(f, &all, ids, at);
        }
        if (!why)
                why = facets_take(f, ids);
        free(all.v);
        free(ids);
        return why;
}

const char *facets_learn(struct policy_facets *f, uint64_t interface_id, capnp_data schema,
                         struct facet_place *ret_at)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;
        uint64_t *words = malloc(schema.len + 8);
        int r = words ? capnp_schema_new(&s) : -ENOMEM;

        *ret_at = (struct facet_place){0};
        while (ret_at->facet + 1 < f->n && !f->v[ret_at->facet].n)
                ret_at->facet++; /* the first that asks */
        if (!r) {
                memcpy(words, schema.p, schema.len);
                r = capnp_schema_add_request(s, words, schema.len, NULL);
        }
        free(words);
        if (r == -ENOMEM)
                return NO_MEMORY;
        if (r)
                return "the service does not say which methods it has";
        return facets_look(f, interface_id, s, ret_at);
}
