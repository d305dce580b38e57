/*
 * A count of references, which belong to somebody each. Whoever takes one has one already, or knows
 * somebody who has, so the count is never 0 then; nor is it when one is given back.
 */
#ifndef CAPNP_BASE_REFS_H
#define CAPNP_BASE_REFS_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

static inline void capnp_i_refs_take(uint32_t *refs)
{
        assert(*refs && *refs < UINT32_MAX);
        ++*refs;
}

/* So many more. */
static inline void capnp_i_refs_take_all(uint32_t *refs, uint32_t n)
{
        assert(*refs && *refs < UINT32_MAX - n);
        *refs += n;
}

/* true: that was the last one. */
static inline bool capnp_i_refs_drop(uint32_t *refs)
{
        assert(*refs);
        return --*refs == 0;
}

#endif
