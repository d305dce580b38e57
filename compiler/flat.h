/* What a pointer leads to, as the words of a constant: one segment, root pointer first. */
#ifndef CAPNPC_FLAT_H
#define CAPNPC_FLAT_H

#include "mem.h"

#include <capos/capnp-msg.h>

struct flat {
        const uint64_t *w;
        uint32_t n;
};

/* A copy in canonical form (encoding specification, canonicalization). Capabilities become null. */
struct flat flat_any(struct mem *m, capnp_any a);
struct flat flat_struct(struct mem *m, capnp_reader r);

#endif
