/*
 * Whether a service composes panes, as it says itself: by the superclasses of its interface. The
 * schema is the service's to write, so nothing else in it is looked at, a circle of interfaces
 * ends, and a message that lies about its size costs no more than one that has it.
 */
#include "worker-composer.h"
#include "schema.capnp-c.h"

enum { ANCESTORS = 64, SCHEMA_BYTES = 4 * 1024 * 1024 };

/* Interfaces that it is: itself, and what those that are here extend. */
struct ancestors {
        unsigned n;
        uint64_t ids[ANCESTORS];
};

static void ancestors_add(struct ancestors *a, uint64_t id)
{
        for (unsigned i = 0; i < a->n; i++)
                if (a->ids[i] == id)
                        return;
        if (a->n < ANCESTORS)
                a->ids[a->n++] = id;
}

static void ancestors_add_of(struct ancestors *a, node_list nodes, uint64_t id)
{
        for (uint32_t i = 0; i < node_list_len(nodes); i++) {
                node_reader n = node_list_get(nodes, i);
                superclass_list supers;

                if (node_id(n) != id || node_which(n) != NODE_INTERFACE)
                        continue;
                supers = node_interface_superclasses(node_interface(n));
                for (uint32_t k = 0; k < superclass_list_len(supers); k++)
                        ancestors_add(a, superclass_id(superclass_list_get(supers, k)));
                return;
        }
}

bool composer_extends(capnp_data schema, uint64_t interface, uint64_t wanted)
{
        /* Each ancestor may look at all of it. */
        const struct capnp_limits limits = {.message_bytes = SCHEMA_BYTES,
                                            .traversal = ANCESTORS * (uint64_t)schema.len / 8 + 64};
        struct ancestors a = {.n = 1, .ids = {interface}};
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        node_list nodes;

        if (capnp_msg_parse(schema.p, schema.len, &limits, &m))
                return false;

        nodes = code_generator_request_nodes(code_generator_request_root(m));
        for (unsigned i = 0; i < a.n && !capnp_msg_check(m); i++) {
                if (a.ids[i] == wanted)
                        return true;
                ancestors_add_of(&a, nodes, a.ids[i]);
        }
        return false;
}
