/* Facets that services declare. */
#ifndef CAPOS_CAPOSD_MANIFEST_FACETS_H
#define CAPOS_CAPOSD_MANIFEST_FACETS_H

#include "manifest.capnp-c.h"

/* A part of manifest_check(). How many faults there are; each is told. */
unsigned manifest_facets_check(manifest_reader m,
                               void (*complain)(void *arg, const char *path, const char *what),
                               void *arg);
/* Whether a service has to say what it is, because its facets have some of its methods. */
bool manifest_facets_ask(service_reader s);
/* Whether what an entry of a bundle has is within what another has, as far as the manifest says:
 * both are of one service. */
bool manifest_facets_within(service_reader s, grant_reader a, grant_reader b);
/* The facet that an entry of a bundle names, as its service declares it; an empty one: it does not.
 */
facet_reader manifest_facet(service_reader s, grant_reader g);

#endif
