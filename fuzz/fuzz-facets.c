/*
 * The id of an interface, and bytes in which a service says what it is: which methods the names of
 * a manifest mean. Either all of them are found, each where it says, or nothing changes.
 */
#include <stdlib.h>
#include <string.h>

#include "facets.h"

/* A macro, so that the stack of a crash names the line. */
#define check(ok) ((ok) ? (void)0 : abort())

enum { FACETS = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As a manifest would have them. */
static void facets_make(struct policy_facets *f)
{
        static const char *const names[FACETS][4] = {
                {"list", "Keeper.keep", "Teller.count"}, {NULL}, {"tell"}};
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        facet_list_builder l;

        check(capnp_msg_new(&m) == 0);
        l = service_init_facets(service_build(m), FACETS);
        for (unsigned i = 0; i < FACETS; i++) {
                unsigned n = 0;

                while (names[i][n])
                        n++;
                (void)facet_init_methods(facet_list_builder_get(l, i), n);
        }
        check(facets_init(f, facet_list_as_reader(l)) == 0);
        for (unsigned i = 0; i < FACETS; i++)
                for (unsigned k = 0; k < f->v[i].n; k++)
                        f->v[i].v[k].name = names[i][k];
        for (unsigned i = 0; i < FACETS; i++)
                f->v[i].name = i ? "other" : "read";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct policy_facets f;
        struct facet_place at;
        uint64_t id = 0;

        if (size < sizeof(id))
                return 0;

        memcpy(&id, data, sizeof(id));
        facets_make(&f);
        check(!facets_known(&f));
        if (facets_learn(&f, id, (capnp_data){data + sizeof(id), (uint32_t)(size - sizeof(id))},
                         &at)) {
                check(at.facet < FACETS && at.method < 4);
                check(!facets_known(&f) && !f.v[0].methods.n);
        } else {
                check(facets_known(&f) && f.v[0].methods.n == f.v[0].n);
                for (unsigned k = 0; k < f.v[0].n; k++)
                        check(daemon_methods_have(&f.v[0].methods, f.v[0].v[k].id.interface_id,
                                                  f.v[0].v[k].id.method));
        }
        facets_deinit(&f);
        return 0;
}
