/* A quota: how much there may be of something, how much there is, and how much there was at most.
 * What is in use may be more than the limit, when that was made less; then there is no room. */
#ifndef CAPNP_BASE_QUOTA_H
#define CAPNP_BASE_QUOTA_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

struct capnp_i_quota {
        uint64_t limit, used, most;
};

/* Whether there is room for n more. */
static inline bool capnp_i_quota_has(const struct capnp_i_quota *q, uint64_t n)
{
        return q->used <= q->limit && n <= q->limit - q->used;
}

/* Reserves: before what it is for is done, and never asked for again. */
static inline void capnp_i_quota_take(struct capnp_i_quota *q, uint64_t n)
{
        q->used += n;
        if (q->used > q->most)
                q->most = q->used;
}

/* Gives back what was reserved. */
static inline void capnp_i_quota_give(struct capnp_i_quota *q, uint64_t n)
{
        assert(n <= q->used);
        q->used -= n;
}

#endif
