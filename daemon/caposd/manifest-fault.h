/* What the checks of a manifest have in common: who is told of a fault, and how many there were. */
#ifndef CAPOS_MANIFEST_FAULT_H
#define CAPOS_MANIFEST_FAULT_H

#include "manifest.capnp-c.h"

#include <string.h>

struct check {
        manifest_reader m;
        void (*complain)(void *arg, const char *path, const char *what);
        void *arg;
        unsigned faults;
};

static inline void fault(struct check *c, const char *path, const char *what)
{
        c->faults++;
        c->complain(c->arg, path, what);
}

static inline bool text_equal(capnp_text a, capnp_text b)
{
        return a.len == b.len && !memcmp(a.p, b.p, a.len);
}

static inline uint32_t least(uint32_t a, uint32_t b)
{
        return a < b ? a : b;
}

#endif
