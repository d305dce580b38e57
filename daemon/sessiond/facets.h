/* The facets that a service's entry declares, and which methods each has. */
#ifndef SESSIOND_FACETS_H
#define SESSIOND_FACETS_H

#include "daemon-methods.h"
#include "manifest.capnp-c.h"

/* A method of a facet, as the manifest calls it; what it is its service says. */
struct facet_method {
        const char *name;
        struct daemon_method id; /* zero: not known yet */
};

struct policy_facet {
        const char *name;
        struct facet_method *v; /* in the manifest's order */
        unsigned n;
        struct daemon_methods methods; /* all of them; empty: not known yet */
};

struct policy_facets {
        struct policy_facet *v;
        unsigned n;
};

/* Reads what a manifest declares; texts are borrowed. 0; CAPNP_E_POISON: too much; -ENOMEM. */
int facets_init(struct policy_facets *f, facet_list l) CAPNP_MUST_USE;
/* Those of the instance's own `admin`. 0 or -ENOMEM. */
int facets_init_admin(struct policy_facets *f) CAPNP_MUST_USE;
void facets_deinit(struct policy_facets *f);

/* The one that a bundle names, if it is declared and has not all methods; else NULL. */
const struct policy_facet *facets_narrow(const struct policy_facets *f, const char *name);
/* Whether two have the same methods; NULL: all. */
bool facets_same(const struct policy_facet *a, const struct policy_facet *b);

/* Where something is wrong. */
struct facet_place {
        unsigned facet, method;
};

/* Whether there is anything that a service has to say first. */
bool facets_ask(const struct policy_facets *f);
/* Whether it has said so. */
bool facets_known(const struct policy_facets *f);
/* Takes over what names mean that the same interface had before. What it does not find, or has no
 * memory for, is not known. */
void facets_inherit(struct policy_facets *f, const struct policy_facets *before);
/* Finds out which methods are meant. schema: what the service says it is, a CodeGeneratorRequest.
 * NULL; else what is wrong, and *ret_at where: nothing has changed. */
const char *facets_learn(struct policy_facets *f, uint64_t interface_id, capnp_data schema,
                         struct facet_place *ret_at);

#endif
